#include "svc/acl.h"
#include <string.h>
#include <daos_errno.h>
#include "base/assert.h"

/* ---- Entries; bytes may lie unaligned, so they are copied out ---- */

struct entry {
    struct daos_ace head;
    const char *name; /* NUL-terminated within its room; "" without one */
    const uint8_t *at;
    size_t len;
};

/* The entry at *at, which moves behind it. False: the bytes are no entry. */
static bool entry_next(const uint8_t **at, const uint8_t *end, struct entry *e)
{
    size_t left = (size_t)(end - *at);

    if (left < sizeof(e->head))
        return false;
    memcpy(&e->head, *at, sizeof(e->head));
    e->at = *at;
    e->len = sizeof(e->head) + e->head.dae_principal_len;
    if (e->len > left || e->head.dae_principal_len % 8 != 0)
        return false;
    e->name = (const char *)*at + sizeof(e->head);
    if (e->head.dae_principal_len == 0)
        e->name = "";
    else if (memchr(e->name, 0, e->head.dae_principal_len) == NULL)
        return false;
    *at += e->len;
    return true;
}

/* Bounds of the entries within the list; false: header and length disagree. */
static bool entries_of(const void *acl, size_t len, const uint8_t **at, const uint8_t **end)
{
    struct daos_acl head;

    *at = *end = acl;
    if (len == 0)
        return true;
    if (len < sizeof(head) || len > ACL_MAX_BYTES)
        return false;
    memcpy(&head, acl, sizeof(head));
    if (head.dal_ver != DAOS_ACL_VERSION || head.dal_len != len - sizeof(head))
        return false;
    *at += sizeof(head);
    *end = (const uint8_t *)acl + len;
    return true;
}

static bool takes_name(uint8_t principal)
{
    return principal == DAOS_ACL_USER || principal == DAOS_ACL_GROUP;
}

static bool name_is_valid(const char *name)
{
    const char *at = strchr(name, '@');

    return at != NULL && at != name && strchr(at + 1, '@') == NULL && strchr(name, ':') == NULL &&
           strlen(name) <= DAOS_ACL_MAX_PRINCIPAL_LEN;
}

/* Permissions only for what the entry does; whether it acts on success or failure only when it
 * audits or alarms. What does not fit could not be written as text, so no client could show it. */
static bool parts_fit(const struct daos_ace *a)
{
    const uint16_t outcome = DAOS_ACL_FLAG_ACCESS_FAIL | DAOS_ACL_FLAG_ACCESS_SUCCESS;
    bool audit = a->dae_access_types & DAOS_ACL_ACCESS_AUDIT;
    bool alarm = a->dae_access_types & DAOS_ACL_ACCESS_ALARM;

    if ((!(a->dae_access_types & DAOS_ACL_ACCESS_ALLOW) && a->dae_allow_perms != 0) ||
        (!audit && a->dae_audit_perms != 0) || (!alarm && a->dae_alarm_perms != 0))
        return false;
    return (audit || alarm) == ((a->dae_access_flags & outcome) != 0);
}

static bool entry_is_valid(const struct entry *e, uint64_t allowed)
{
    const struct daos_ace *a = &e->head;
    bool group =
        a->dae_principal_type == DAOS_ACL_GROUP || a->dae_principal_type == DAOS_ACL_OWNER_GROUP;

    if (a->dae_principal_type >= NUM_DAOS_ACL_TYPES || a->dae_access_types == 0 ||
        (a->dae_access_types & ~DAOS_ACL_ACCESS_ALL) || (a->dae_access_flags & ~DAOS_ACL_FLAG_ALL))
        return false;
    if (takes_name(a->dae_principal_type) ? !name_is_valid(e->name) : a->dae_principal_len != 0)
        return false;
    if (group != !!(a->dae_access_flags & DAOS_ACL_FLAG_GROUP))
        return false;
    return parts_fit(a) &&
           ((a->dae_allow_perms | a->dae_audit_perms | a->dae_alarm_perms) & ~allowed) == 0;
}

int acl_check(const void *acl, size_t len, uint64_t allowed)
{
    const uint8_t *at, *end, *seen_at;
    struct entry e, seen;
    uint8_t last = 0;

    if (!entries_of(acl, len, &at, &end) || len == 0)
        return -DER_INVAL;
    seen_at = at;
    while (at < end) {
        const uint8_t *here = at;

        if (!entry_next(&at, end, &e) || !entry_is_valid(&e, allowed) ||
            e.head.dae_principal_type < last)
            return -DER_INVAL;
        last = e.head.dae_principal_type;
        for (const uint8_t *p = seen_at; p < here;)
            if (entry_next(&p, here, &seen) && seen.head.dae_principal_type == last &&
                strcmp(seen.name, e.name) == 0)
                return -DER_INVAL;
    }
    return 0;
}

/* ---- Evaluation ---- */

bool acl_user_in_group(const struct acl_user *u, const char *group)
{
    if (group == NULL)
        return false;
    if (u->group != NULL && strcmp(u->group, group) == 0)
        return true;
    for (uint32_t i = 0; i < u->groups_nr; i++)
        if (u->groups[i] != NULL && strcmp(u->groups[i], group) == 0)
            return true;
    return false;
}

uint64_t acl_eval(const void *acl, size_t len, const char *owner, const char *owner_group,
                  const struct acl_user *u)
{
    bool is_owner = u->user != NULL && owner != NULL && strcmp(u->user, owner) == 0;
    bool in_group = false;
    uint64_t group_perms = 0;
    const uint8_t *at, *end;
    struct entry e;

    if (!entries_of(acl, len, &at, &end))
        return 0;
    /* Entries come in the order of enforcement; the first step that matches decides, and all group
     * entries are one step. */
    while (at < end && entry_next(&at, end, &e)) {
        uint64_t perms =
            e.head.dae_access_types & DAOS_ACL_ACCESS_ALLOW ? e.head.dae_allow_perms : 0;

        switch (e.head.dae_principal_type) {
        case DAOS_ACL_OWNER:
            if (is_owner)
                return perms;
            break;
        case DAOS_ACL_USER:
            if (u->user != NULL && strcmp(u->user, e.name) == 0)
                return perms;
            break;
        case DAOS_ACL_OWNER_GROUP:
        case DAOS_ACL_GROUP:
            if (acl_user_in_group(u, e.head.dae_principal_type == DAOS_ACL_GROUP ? e.name
                                                                                 : owner_group)) {
                in_group = true;
                group_perms |= perms;
            }
            break;
        default:
            return in_group ? group_perms : perms;
        }
    }
    return group_perms;
}

/* ---- Changes ---- */

struct out {
    uint8_t *buf;
    size_t len;
};

static int out_add(struct out *o, const struct entry *e)
{
    if (o->len + e->len > ACL_MAX_BYTES)
        return -DER_OVERFLOW;
    memcpy(o->buf + o->len, e->at, e->len);
    o->len += e->len;
    return 0;
}

static void out_end(struct out *o, size_t *len)
{
    struct daos_acl head = {.dal_ver = DAOS_ACL_VERSION,
                            .dal_len = (uint32_t)(o->len - sizeof(head))};

    memcpy(o->buf, &head, sizeof(head));
    *len = o->len;
}

/* Order of entries: kind of principal, then name. */
static int entry_cmp(const struct entry *a, const struct entry *b)
{
    if (a->head.dae_principal_type != b->head.dae_principal_type)
        return a->head.dae_principal_type < b->head.dae_principal_type ? -1 : 1;
    return strcmp(a->name, b->name);
}

static bool has(const void *acl, size_t len, const struct entry *wanted)
{
    const uint8_t *at, *end;
    struct entry e;

    if (!entries_of(acl, len, &at, &end))
        return false;
    while (at < end && entry_next(&at, end, &e))
        if (entry_cmp(&e, wanted) == 0)
            return true;
    return false;
}

/* Copies the entries of one kind of principal. */
static int copy_kind(struct out *o, const void *acl, size_t len, uint8_t kind, const void *unless,
                     size_t unless_len)
{
    const uint8_t *at, *end;
    struct entry e;
    int rc = 0;

    if (!entries_of(acl, len, &at, &end))
        return -DER_INVAL;
    while (rc == 0 && at < end && entry_next(&at, end, &e))
        if (e.head.dae_principal_type == kind && (unless == NULL || !has(unless, unless_len, &e)))
            rc = out_add(o, &e);
    return rc;
}

int acl_merge(const void *base, size_t base_len, const void *add, size_t add_len, void *out,
              size_t *out_len)
{
    struct out o = {out, sizeof(struct daos_acl)};
    int rc = 0;

    for (uint8_t kind = 0; rc == 0 && kind < NUM_DAOS_ACL_TYPES; kind++) {
        rc = copy_kind(&o, base, base_len, kind, add, add_len);
        if (rc == 0)
            rc = copy_kind(&o, add, add_len, kind, NULL, 0);
    }
    if (rc == 0)
        out_end(&o, out_len);
    return rc;
}

int acl_remove(const void *base, size_t base_len, uint8_t principal, const char *name, void *out,
               size_t *out_len)
{
    struct out o = {out, sizeof(struct daos_acl)};
    const uint8_t *at, *end;
    bool found = false;
    struct entry e;
    int rc = 0;

    if (!entries_of(base, base_len, &at, &end))
        return -DER_INVAL;
    while (rc == 0 && at < end && entry_next(&at, end, &e)) {
        if (e.head.dae_principal_type == principal &&
            (!takes_name(principal) || (name != NULL && strcmp(e.name, name) == 0)))
            found = true;
        else
            rc = out_add(&o, &e);
    }
    if (rc == 0 && !found)
        rc = -DER_NONEXIST;
    if (rc == 0)
        out_end(&o, out_len);
    return rc;
}

size_t acl_default(uint64_t owner, uint64_t group, void *out)
{
    struct out o = {out, sizeof(struct daos_acl)};
    struct daos_ace ace[2] = {
        {.dae_access_types = DAOS_ACL_ACCESS_ALLOW,
         .dae_principal_type = DAOS_ACL_OWNER,
         .dae_allow_perms = owner},
        {.dae_access_types = DAOS_ACL_ACCESS_ALLOW,
         .dae_principal_type = DAOS_ACL_OWNER_GROUP,
         .dae_access_flags = DAOS_ACL_FLAG_GROUP,
         .dae_allow_perms = group},
    };
    size_t len;

    for (int i = 0; i < 2; i++) {
        memcpy(o.buf + o.len, &ace[i], sizeof(ace[i]));
        o.len += sizeof(ace[i]);
    }
    out_end(&o, &len);
    return len;
}
