/* Properties on the wire: between a program's list and the messages' entries. */
#include "client/prop_desc.h"

#include <daos_errno.h>
#include <daos_security.h>
#include <string.h>
#include "base/assert.h"
#include "base/fail.h"

void prop_to_msg(const daos_prop_t *prop, struct msg_prop *msgs)
{
    uint32_t i;

    for (i = 0; prop != NULL && i < prop->dpp_nr; i++) {
        struct daos_prop_entry *e = &prop->dpp_entries[i];
        const struct prop_desc *d = prop_desc_of(e->dpe_type);

        msgs[i] = (struct msg_prop){.type = e->dpe_type, .flags = e->dpe_flags};
        if (daos_prop_has_str(e)) {
            msgs[i].text = e->dpe_str;
        } else if (!daos_prop_has_ptr(e)) {
            msgs[i].val = e->dpe_val;
        } else if (d->kind == PROP_ACL && e->dpe_val_ptr != NULL) {
            msgs[i].blob.buf = e->dpe_val_ptr;
            msgs[i].blob.len = (uint32_t)daos_acl_get_size(e->dpe_val_ptr);
        } else if (d->kind == PROP_ROOTS && e->dpe_val_ptr != NULL) {
            msgs[i].blob.buf = e->dpe_val_ptr;
            msgs[i].blob.len = sizeof(struct daos_prop_co_roots);
        }
    }
}

static int ranks_from_blob(const struct msg_buf *blob, struct daos_prop_entry *e)
{
    d_rank_list_t *l = base_calloc(1, sizeof(*l));

    if (l == NULL)
        return -DER_NOMEM;
    l->rl_nr = blob->len / 4;
    l->rl_ranks = base_calloc(l->rl_nr + 1, sizeof(*l->rl_ranks));
    if (l->rl_ranks == NULL) {
        base_free(l);
        return -DER_NOMEM;
    }
    if (l->rl_nr > 0)
        memcpy(l->rl_ranks, blob->buf, (size_t)l->rl_nr * 4);
    e->dpe_val_ptr = l;
    return 0;
}

static int blob_copy(const struct msg_buf *blob, struct daos_prop_entry *e)
{
    void *copy = base_alloc(blob->len);

    if (copy == NULL)
        return -DER_NOMEM;
    memcpy(copy, blob->buf, blob->len);
    e->dpe_val_ptr = copy;
    return 0;
}

int prop_from_msg(const struct msg_prop *m, struct daos_prop_entry *e)
{
    const struct prop_desc *d = prop_desc_of(m->type);
    struct daos_prop_entry out = {.dpe_type = m->type, .dpe_flags = m->flags};
    int rc = 0;

    if (d == NULL)
        return -DER_PROTO;
    if (daos_prop_has_str(&out)) {
        out.dpe_str = m->text ? base_strdup(m->text) : NULL;
        if (m->text != NULL && out.dpe_str == NULL)
            rc = -DER_NOMEM;
    } else if (!daos_prop_has_ptr(&out)) {
        out.dpe_val = m->val;
    } else if (d->kind == PROP_RANKS) {
        rc = ranks_from_blob(&m->blob, &out);
    } else if (m->blob.len > 0) {
        if ((d->kind == PROP_ROOTS && m->blob.len != sizeof(struct daos_prop_co_roots)) ||
            (d->kind == PROP_ACL && m->blob.len < sizeof(struct daos_acl)))
            return -DER_PROTO;
        rc = blob_copy(&m->blob, &out);
    }
    if (rc == 0 && d->kind == PROP_ACL && m->blob.len > 0 &&
        (size_t)daos_acl_get_size(out.dpe_val_ptr) != m->blob.len) {
        base_free(out.dpe_val_ptr);
        rc = -DER_PROTO;
    }
    if (rc == 0)
        *e = out;
    return rc;
}

uint32_t prop_wanted(const daos_prop_t *prop, uint32_t *types, bool *all)
{
    uint32_t i, n = 0;

    for (i = 0; i < prop->dpp_nr; i++)
        if (prop->dpp_entries[i].dpe_type != 0)
            types[n++] = prop->dpp_entries[i].dpe_type;
    *all = n == 0;
    return n;
}

static const struct msg_prop *find(const struct msg_prop *msgs, uint32_t nr, uint32_t type)
{
    uint32_t i;

    for (i = 0; i < nr; i++)
        if (msgs[i].type == type)
            return &msgs[i];
    return NULL;
}

int prop_fill(daos_prop_t *prop, const struct msg_prop *msgs, uint32_t nr)
{
    uint32_t i, next = 0;
    int rc = 0;

    if (prop->dpp_nr == 0) {
        prop->dpp_entries = base_calloc(nr + 1, sizeof(*prop->dpp_entries));
        if (prop->dpp_entries == NULL)
            return -DER_NOMEM;
        prop->dpp_nr = nr;
    }
    for (i = 0; rc == 0 && i < prop->dpp_nr; i++) {
        struct daos_prop_entry *e = &prop->dpp_entries[i];
        const struct msg_prop *m;

        m = e->dpe_type != 0 ? find(msgs, nr, e->dpe_type) : next < nr ? &msgs[next++] : NULL;
        if (m == NULL)
            e->dpe_flags |= DAOS_PROP_ENTRY_NOT_SET;
        else
            rc = prop_from_msg(m, e);
    }
    return rc;
}
