/*
 * Property lists: memory, access, merging, text. What an entry holds (number, text, blob) follows
 * from its type; the table is prop_desc.c.
 */
#include <daos_prop.h>
#include <daos/common.h>
#include <daos_security.h>
#include <string.h>
#include "base/assert.h"
#include "base/fail.h"
#include "client/prop_desc.h"

#define PROP_STR_MAX 4096u

bool daos_prop_has_str(struct daos_prop_entry *entry)
{
    const struct prop_desc *d = entry ? prop_desc_of(entry->dpe_type) : NULL;

    return d != NULL && (d->kind == PROP_STR || d->kind == PROP_LABEL || d->kind == PROP_PRINCIPAL);
}

bool daos_prop_has_ptr(struct daos_prop_entry *entry)
{
    const struct prop_desc *d = entry ? prop_desc_of(entry->dpe_type) : NULL;

    return d != NULL && (d->kind == PROP_ACL || d->kind == PROP_ROOTS || d->kind == PROP_RANKS);
}

daos_prop_t *daos_prop_alloc(uint32_t entries_nr)
{
    daos_prop_t *prop;

    if (entries_nr > DAOS_PROP_ENTRIES_MAX_NR)
        return NULL;
    prop = base_calloc(1, sizeof(*prop));
    if (prop == NULL)
        return NULL;
    if (entries_nr > 0) {
        prop->dpp_entries = base_calloc(entries_nr, sizeof(*prop->dpp_entries));
        if (prop->dpp_entries == NULL) {
            base_free(prop);
            return NULL;
        }
    }
    prop->dpp_nr = entries_nr;
    return prop;
}

static void entry_free(struct daos_prop_entry *e)
{
    if (daos_prop_has_str(e)) {
        base_free(e->dpe_str);
        e->dpe_str = NULL;
    } else if (daos_prop_has_ptr(e)) {
        if (e->dpe_type == DAOS_PROP_PO_SVC_LIST && e->dpe_val_ptr != NULL)
            base_free(((d_rank_list_t *)e->dpe_val_ptr)->rl_ranks);
        base_free(e->dpe_val_ptr);
        e->dpe_val_ptr = NULL;
    }
}

void daos_prop_fini(daos_prop_t *prop)
{
    uint32_t i;

    for (i = 0; prop != NULL && prop->dpp_entries != NULL && i < prop->dpp_nr; i++)
        entry_free(&prop->dpp_entries[i]);
}

void daos_prop_free(daos_prop_t *prop)
{
    if (prop == NULL)
        return;
    daos_prop_fini(prop);
    base_free(prop->dpp_entries);
    base_free(prop);
}

struct daos_prop_entry *daos_prop_entry_get(daos_prop_t *prop, uint32_t type)
{
    uint32_t i;

    for (i = 0; prop != NULL && prop->dpp_entries != NULL && i < prop->dpp_nr; i++)
        if (prop->dpp_entries[i].dpe_type == type)
            return &prop->dpp_entries[i];
    return NULL;
}

int daos_prop_entry_set_str(struct daos_prop_entry *entry, const char *str, daos_size_t len)
{
    char *copy;

    if (entry == NULL || str == NULL || len == 0 || len > PROP_STR_MAX || !daos_prop_has_str(entry))
        return -DER_INVAL;
    copy = base_strndup(str, len);
    if (copy == NULL)
        return -DER_NOMEM;
    base_free(entry->dpe_str);
    entry->dpe_str = copy;
    return 0;
}

int daos_prop_set_str(daos_prop_t *prop, uint32_t type, const char *str, daos_size_t len)
{
    struct daos_prop_entry *e = daos_prop_entry_get(prop, type);

    return e ? daos_prop_entry_set_str(e, str, len) : -DER_NONEXIST;
}

/* A list of ranks has an array of its own, which is copied with it. */
static int dup_ranks(struct daos_prop_entry *dst, const d_rank_list_t *src)
{
    d_rank_list_t *l = base_calloc(1, sizeof(*l));

    if (l == NULL)
        return -DER_NOMEM;
    l->rl_ranks = base_calloc(src->rl_nr + 1, sizeof(*l->rl_ranks));
    if (l->rl_ranks == NULL) {
        base_free(l);
        return -DER_NOMEM;
    }
    if (src->rl_nr > 0)
        memcpy(l->rl_ranks, src->rl_ranks, src->rl_nr * sizeof(*l->rl_ranks));
    l->rl_nr = src->rl_nr;
    dst->dpe_val_ptr = l;
    return 0;
}

int daos_prop_entry_set_ptr(struct daos_prop_entry *entry, const void *ptr, daos_size_t size)
{
    struct daos_prop_entry copy;
    bool ranks;
    int rc = 0;

    if (entry == NULL || ptr == NULL || size == 0 || !daos_prop_has_ptr(entry))
        return -DER_INVAL;
    ranks = entry->dpe_type == DAOS_PROP_PO_SVC_LIST;
    if (ranks && size != sizeof(d_rank_list_t))
        return -DER_INVAL;
    copy = *entry;
    if (ranks)
        rc = dup_ranks(&copy, ptr);
    else if ((copy.dpe_val_ptr = base_alloc(size)) == NULL)
        rc = -DER_NOMEM;
    else
        memcpy(copy.dpe_val_ptr, ptr, size);
    if (rc != 0)
        return rc;
    entry_free(entry);
    *entry = copy;
    return 0;
}

int daos_prop_set_ptr(daos_prop_t *prop, uint32_t type, const void *ptr, daos_size_t size)
{
    struct daos_prop_entry *e = daos_prop_entry_get(prop, type);

    return e ? daos_prop_entry_set_ptr(e, ptr, size) : -DER_NONEXIST;
}

int daos_prop_entry_dup_ptr(struct daos_prop_entry *entry_dst, struct daos_prop_entry *entry_src,
                            size_t len)
{
    void *copy;

    if (entry_dst == NULL || entry_src == NULL || entry_src->dpe_val_ptr == NULL)
        return -DER_INVAL;
    copy = base_alloc(len);
    if (copy == NULL)
        return -DER_NOMEM;
    memcpy(copy, entry_src->dpe_val_ptr, len);
    entry_dst->dpe_val_ptr = copy;
    return 0;
}

int daos_prop_entry_dup_co_roots(struct daos_prop_entry *dst, struct daos_prop_entry *src)
{
    return daos_prop_entry_dup_ptr(dst, src, sizeof(struct daos_prop_co_roots));
}

int daos_prop_entry_cmp_acl(struct daos_prop_entry *entry1, struct daos_prop_entry *entry2)
{
    struct daos_acl *a = entry1 ? entry1->dpe_val_ptr : NULL;
    struct daos_acl *b = entry2 ? entry2->dpe_val_ptr : NULL;

    if (a == NULL || b == NULL)
        return a == b ? 0 : -DER_MISMATCH;
    return daos_acl_get_size(a) == daos_acl_get_size(b) &&
                   memcmp(a, b, (size_t)daos_acl_get_size(a)) == 0
               ? 0
               : -DER_MISMATCH;
}

/* dst gets its own copy of all that src holds. */
static int entry_dup(struct daos_prop_entry *dst, struct daos_prop_entry *src)
{
    *dst = *src;
    if (daos_prop_has_str(src)) {
        dst->dpe_str = src->dpe_str ? base_strdup(src->dpe_str) : NULL;
        return src->dpe_str != NULL && dst->dpe_str == NULL ? -DER_NOMEM : 0;
    }
    if (!daos_prop_has_ptr(src) || src->dpe_val_ptr == NULL)
        return 0;
    dst->dpe_val_ptr = NULL;
    switch (prop_desc_of(src->dpe_type)->kind) {
    case PROP_ACL:
        return daos_prop_entry_dup_ptr(dst, src, (size_t)daos_acl_get_size(src->dpe_val_ptr));
    case PROP_ROOTS:
        return daos_prop_entry_dup_co_roots(dst, src);
    default:
        return dup_ranks(dst, src->dpe_val_ptr);
    }
}

static bool has_entries(const daos_prop_t *prop)
{
    return prop->dpp_nr == 0 || prop->dpp_entries != NULL;
}

int daos_prop_merge2(daos_prop_t *old_prop, daos_prop_t *new_prop, daos_prop_t **out_prop)
{
    daos_prop_t *out;
    uint32_t i, n, at = 0;
    int rc = 0;

    if (old_prop == NULL || out_prop == NULL || !has_entries(old_prop) ||
        (new_prop != NULL && !has_entries(new_prop)))
        return -DER_INVAL;
    n = old_prop->dpp_nr;
    for (i = 0; new_prop != NULL && i < new_prop->dpp_nr; i++)
        if (daos_prop_entry_get(old_prop, new_prop->dpp_entries[i].dpe_type) == NULL)
            n++;
    out = daos_prop_alloc(n);
    if (out == NULL)
        return n > DAOS_PROP_ENTRIES_MAX_NR ? -DER_INVAL : -DER_NOMEM;
    for (i = 0; rc == 0 && i < old_prop->dpp_nr; i++) {
        struct daos_prop_entry *e =
            daos_prop_entry_get(new_prop, old_prop->dpp_entries[i].dpe_type);

        rc = entry_dup(&out->dpp_entries[at++], e ? e : &old_prop->dpp_entries[i]);
    }
    for (i = 0; rc == 0 && new_prop != NULL && i < new_prop->dpp_nr; i++)
        if (daos_prop_entry_get(old_prop, new_prop->dpp_entries[i].dpe_type) == NULL)
            rc = entry_dup(&out->dpp_entries[at++], &new_prop->dpp_entries[i]);
    if (rc) {
        daos_prop_free(out);
        return rc;
    }
    *out_prop = out;
    return 0;
}

daos_prop_t *daos_prop_merge(daos_prop_t *old_prop, daos_prop_t *new_prop)
{
    daos_prop_t *out = NULL;

    return daos_prop_merge2(old_prop, new_prop, &out) == 0 ? out : NULL;
}

bool daos_prop_valid(daos_prop_t *prop, bool pool, bool input)
{
    uint32_t i, j;

    if (prop == NULL || prop->dpp_nr > DAOS_PROP_ENTRIES_MAX_NR ||
        (prop->dpp_nr > 0) != (prop->dpp_entries != NULL))
        return false;
    for (i = 0; i < prop->dpp_nr; i++) {
        struct daos_prop_entry *e = &prop->dpp_entries[i];
        const struct prop_desc *d = prop_desc_of(e->dpe_type);

        /* A list to be filled may have entries that ask for nothing in particular. */
        if (!input && e->dpe_type == 0)
            continue;
        if (d == NULL || (e->dpe_type < DAOS_PROP_CO_MIN) != pool || e->dpe_reserv != 0)
            return false;
        for (j = 0; j < i; j++)
            if (prop->dpp_entries[j].dpe_type == e->dpe_type)
                return false;
        if (input && !prop_value_valid(d, e))
            return false;
    }
    return true;
}

daos_prop_t *daos_prop_dup(daos_prop_t *prop, bool pool, bool input)
{
    daos_prop_t *out;
    uint32_t i;

    if (!daos_prop_valid(prop, pool, input))
        return NULL;
    out = daos_prop_alloc(prop->dpp_nr);
    for (i = 0; out != NULL && i < prop->dpp_nr; i++) {
        if (entry_dup(&out->dpp_entries[i], &prop->dpp_entries[i]) != 0) {
            daos_prop_free(out);
            return NULL;
        }
    }
    return out;
}

int daos_prop_copy(daos_prop_t *prop_req, daos_prop_t *prop_reply)
{
    uint32_t i;
    int rc;

    if (prop_req == NULL || prop_reply == NULL)
        return -DER_INVAL;
    for (i = 0; i < prop_req->dpp_nr; i++) {
        struct daos_prop_entry *e =
            daos_prop_entry_get(prop_reply, prop_req->dpp_entries[i].dpe_type);

        if (e == NULL) {
            prop_req->dpp_entries[i].dpe_flags |= DAOS_PROP_ENTRY_NOT_SET;
            continue;
        }
        rc = entry_dup(&prop_req->dpp_entries[i], e);
        if (rc)
            return rc;
    }
    return 0;
}

/* ---- Text ---- */

/* One "name:value" into entry e. */
static int parse_one(const char *s, size_t len, struct daos_prop_entry *e)
{
    const char *colon = memchr(s, ':', len);
    const struct prop_desc *d;

    if (colon == NULL)
        return -DER_INVAL;
    d = prop_desc_by_name(s, (size_t)(colon - s), false);
    if (d == NULL || d->access == PROP_RO)
        return -DER_INVAL;
    return prop_value_parse(d, colon + 1, len - (size_t)(colon + 1 - s), e);
}

int daos_prop_from_str(const char *str, daos_size_t len, daos_prop_t **out)
{
    const char *s, *end;
    daos_prop_t *prop;
    uint32_t n = 1, i = 0;
    int rc = 0;

    if (str == NULL || len == 0 || out == NULL)
        return -DER_INVAL;
    len = strnlen(str, len);
    if (len > 0 && str[len - 1] == ';')
        len--;
    if (len == 0)
        return -DER_INVAL;
    end = str + len;
    for (s = str; s < end; s++)
        n += *s == ';';
    prop = daos_prop_alloc(n);
    if (prop == NULL)
        return n > DAOS_PROP_ENTRIES_MAX_NR ? -DER_INVAL : -DER_NOMEM;
    for (s = str; rc == 0 && s <= end; i++) {
        const char *semi = memchr(s, ';', (size_t)(end - s));
        const char *stop = semi ? semi : end;

        rc = parse_one(s, (size_t)(stop - s), &prop->dpp_entries[i]);
        s = stop + 1;
    }
    if (rc == 0 && !daos_prop_valid(prop, false, true))
        rc = -DER_INVAL;
    if (rc) {
        daos_prop_free(prop);
        return rc;
    }
    *out = prop;
    return 0;
}
