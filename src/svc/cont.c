/* Containers and their handles. */
#include <string.h>
#include <daos_cont.h>
#include <daos_errno.h>
#include <daos_pool.h>
#include "base/assert.h"
#include "base/label.h"
#include "base/log.h"
#include "svc/op.h"

#define PERM_READS (DAOS_ACL_PERM_READ | DAOS_ACL_PERM_GET_PROP | DAOS_ACL_PERM_GET_ACL)
#define PERM_WRITES                                                                                \
    (DAOS_ACL_PERM_WRITE | DAOS_ACL_PERM_SET_PROP | DAOS_ACL_PERM_SET_ACL | DAOS_ACL_PERM_SET_OWNER)

int op_cont(struct op *o, const uint8_t hdl[16], uint64_t any_of, struct chdl_rec *rec)
{
    int rc = st_cont_hdl(o->s, hdl, o->mem, rec, NULL);

    if (rc != 0)
        return rc;
    return rec->caps & any_of ? 0 : -DER_NO_PERM;
}

uint64_t op_cont_perms(const struct svc_props *l, const struct acl_user *u, bool *owner)
{
    const struct msg_prop *acl = svc_props_find(l, DAOS_PROP_CO_ACL);
    const char *user = svc_props_text(l, DAOS_PROP_CO_OWNER, NULL);
    uint64_t perms = 0;

    if (acl != NULL)
        perms = acl_eval(acl->blob.buf, acl->blob.len, user,
                         svc_props_text(l, DAOS_PROP_CO_OWNER_GROUP, NULL), u);
    *owner = user != NULL && u->user != NULL && strcmp(user, u->user) == 0;
    if (*owner)
        perms |= DAOS_ACL_PERM_GET_ACL | DAOS_ACL_PERM_SET_ACL;
    return perms;
}

void op_cont_info(const uint8_t uuid[16], const struct cont_rec *rec, const struct svc_props *l,
                  struct msg_cont_info *info)
{
    memcpy(info->uuid, uuid, 16);
    info->latest_snapshot = rec->latest_snap;
    info->handles = rec->handles;
    info->snapshots = rec->snaps;
    info->open_time = rec->opened;
    info->modify_time = rec->modified;
    info->redun_fac = (uint32_t)svc_props_num(l, DAOS_PROP_CO_REDUN_FAC);
}

/* ---- Create ---- */

/* What a container takes from its pool when its creator says nothing. */
static const uint32_t inherited[][2] = {
    {DAOS_PROP_CO_REDUN_FAC, DAOS_PROP_PO_REDUN_FAC},
    {DAOS_PROP_CO_EC_CELL_SZ, DAOS_PROP_PO_EC_CELL_SZ},
    {DAOS_PROP_CO_EC_PDA, DAOS_PROP_PO_EC_PDA},
    {DAOS_PROP_CO_RP_PDA, DAOS_PROP_PO_RP_PDA},
    {DAOS_PROP_CO_PERF_DOMAIN, DAOS_PROP_PO_PERF_DOMAIN},
    {DAOS_PROP_CO_GLOBAL_VERSION, DAOS_PROP_PO_GLOBAL_VERSION},
};

int svc_cont_default_props(struct svc *s, const char *owner, const char *group, uint8_t acl[128],
                           struct svc_props *l)
{
    size_t acl_len = acl_default(DAOS_ACL_PERM_CONT_ALL,
                                 DAOS_ACL_PERM_READ | DAOS_ACL_PERM_WRITE | DAOS_ACL_PERM_GET_PROP |
                                     DAOS_ACL_PERM_SET_PROP,
                                 acl);
    struct svc_props pool;
    int rc = st_pool_props(s, &s->scratch, &pool);

    if (rc != 0)
        return rc;
    l->nr = 0;
    for (size_t i = 0; i < ARRAY_LEN(inherited); i++)
        svc_props_put_num(l, inherited[i][0], svc_props_num(&pool, inherited[i][1]));
    svc_props_put(l,
                  &(struct msg_prop){.type = DAOS_PROP_CO_ACL, .blob = {acl, (uint32_t)acl_len}});
    svc_props_put_text(l, DAOS_PROP_CO_OWNER,
                       owner != NULL ? owner : svc_props_text(&pool, DAOS_PROP_PO_OWNER, ""));
    if (owner == NULL)
        group = svc_props_text(&pool, DAOS_PROP_PO_OWNER_GROUP, NULL);
    if (group != NULL)
        svc_props_put_text(l, DAOS_PROP_CO_OWNER_GROUP, group);
    return 0;
}

/* The ACL a creator gives is merged over the default one. */
static int merge_acl(struct op *o, struct svc_props *l, const struct msg_prop *given)
{
    const struct msg_prop *base = svc_props_find(l, DAOS_PROP_CO_ACL);
    void *out = arena_alloc(&o->s->scratch, ACL_MAX_BYTES);
    struct msg_prop p = *given;
    size_t len;
    int rc;

    if (out == NULL)
        return -DER_NOMEM;
    rc = acl_merge(base->blob.buf, base->blob.len, given->blob.buf, given->blob.len, out, &len);
    p.blob = (struct msg_buf){out, (uint32_t)len};
    if (rc == 0)
        svc_props_put(l, &p);
    return rc;
}

static int take_props(struct op *o, struct svc_props *l, const struct msg_prop *props, uint32_t nr)
{
    for (uint32_t i = 0; i < nr; i++) {
        int rc;

        if (props[i].type == DAOS_PROP_CO_LABEL && props[i].text != NULL &&
            strcmp(props[i].text, DAOS_PROP_CO_LABEL_DEFAULT) == 0)
            return -DER_INVAL;
        rc = svc_prop_check(&props[i], false, true);
        if (rc == 0 && props[i].type == DAOS_PROP_CO_ACL)
            rc = merge_acl(o, l, &props[i]);
        else if (rc == 0)
            svc_props_put(l, &props[i]);
        if (rc != 0)
            return rc;
    }
    return 0;
}

/* Takes the label for the container. -DER_EXIST. */
static int take_label(struct op *o, const char *label, const uint8_t uuid[16])
{
    bool taken;
    int rc = st_has(o->s, T_CONT_LABEL, label, strlen(label), &taken);

    if (rc == 0 && taken)
        rc = -DER_EXIST;
    return rc != 0 ? rc : st_put(o->s, T_CONT_LABEL, label, strlen(label), uuid, 16);
}

static int uuid_is_free(struct op *o, const uint8_t uuid[16])
{
    static const uint8_t nil[16];
    bool taken = false, gone = false;
    int rc;

    if (memcmp(uuid, nil, 16) == 0)
        return -DER_INVAL;
    rc = st_has(o->s, T_CONT, uuid, 16, &taken);
    if (rc == 0)
        rc = st_has(o->s, T_GONE, uuid, 16, &gone);
    return rc == 0 && (taken || gone) ? -DER_EXIST : rc;
}

int cont_create(struct op *o, const void *req, void *rep)
{
    const struct msg_cont_create_req *q = req;
    struct cont_rec rec = {.created = o->cmd->now, .modified = o->cmd->now, .oid_next = 1};
    uint8_t acl[128];
    struct svc_props l;
    const char *label;
    struct phdl p;
    int rc = op_pool(o, q->hdl, &p);

    if (rc == 0 && !(p.caps & MSG_POOL_CREATE_CONT))
        rc = -DER_NO_PERM;
    if (rc == 0)
        rc = uuid_is_free(o, q->uuid);
    if (rc == 0)
        rc = svc_cont_default_props(o->s, p.who.user, p.who.group, acl, &l);
    if (rc == 0)
        rc = take_props(o, &l, q->props, q->props_nr);
    if (rc != 0)
        return rc;
    label = svc_props_text(&l, DAOS_PROP_CO_LABEL, NULL);
    if (label != NULL)
        rc = take_label(o, label, q->uuid);
    if (rc == 0)
        rc = st_cont_put(o->s, q->uuid, &rec);
    return rc != 0 ? rc : st_cont_props_put(o->s, q->uuid, &l);
}

/* ---- Handles ---- */

int op_close_handle(struct op *o, const uint8_t hdl[16], const struct chdl_rec *h,
                    struct cont_rec *rec)
{
    int rc = st_del(o->s, T_CONT_HDL, hdl, 16);

    if (rc != 0)
        return rc;
    if (rec->handles > 0)
        rec->handles--;
    else
        LOG_ERROR("svc: a container counts fewer open handles than it has: its record is damaged; "
                  "see tarn check");
    if (!(h->flags & DAOS_COO_RO))
        rec->modified = o->cmd->now;
    return MUTANT(SVC_HANDLE_SURVIVES) ? 0 : mirror_note_closed(o->s, hdl);
}

/* Closes handles of the container: all (user NULL) or a user's. */
static int evict_handles(struct op *o, const uint8_t cont[16], const char *user,
                         struct cont_rec *rec)
{
    const char *whose;
    struct chdl_rec h;
    struct scan sc;
    int rc;

    st_scan(&sc, T_CONT_HDL, NULL, 0);
    while ((rc = st_scan_next(o->s, &sc)) == 0) {
        rc = st_cont_hdl(o->s, sc.key, &o->s->scratch, &h, &whose);
        if (rc != 0)
            return rc;
        if (memcmp(h.cont, cont, 16) != 0 || (user != NULL && strcmp(user, whose) != 0))
            continue;
        rc = op_close_handle(o, sc.key, &h, rec);
        if (rc != 0)
            return rc;
    }
    return rc == -DER_NONEXIST ? 0 : rc;
}

/* Is one of the container's handles exclusive? */
static int has_exclusive(struct op *o, const uint8_t cont[16], bool *yes)
{
    struct chdl_rec h;
    struct scan sc;
    int rc = 0;

    *yes = false;
    st_scan(&sc, T_CONT_HDL, NULL, 0);
    while (!*yes && (rc = st_scan_next(o->s, &sc)) == 0) {
        rc = st_cont_hdl(o->s, sc.key, &o->s->scratch, &h, NULL);
        if (rc != 0)
            return rc;
        *yes = memcmp(h.cont, cont, 16) == 0 && (h.flags & DAOS_COO_EX);
    }
    return rc == -DER_NONEXIST ? 0 : rc;
}

/* Flags that make sense together; semantics of daos_cont_open(). */
static bool open_flags_valid(uint32_t flags)
{
    uint32_t base = flags & DAOS_COO_IO_BASE_MASK;

    if ((flags & ~DAOS_COO_MASK) ||
        (base != DAOS_COO_RO && base != DAOS_COO_RW && base != DAOS_COO_EX))
        return false;
    if ((flags & DAOS_COO_RO_MDSTATS) && base != DAOS_COO_RO)
        return false;
    if ((flags & DAOS_COO_EVICT) && base == DAOS_COO_EX)
        return false;
    return !(flags & DAOS_COO_EVICT_ALL) || base == DAOS_COO_EX;
}

/* What the permissions are worth on a handle opened with these flags; 0: nothing granted. */
static uint64_t open_caps(uint64_t perms, uint32_t flags)
{
    if (flags & DAOS_COO_RO)
        return perms & PERM_READS;
    return (perms & PERM_READS) && (perms & PERM_WRITES) ? perms : 0;
}

static int evict_first(struct op *o, const uint8_t cont[16], uint32_t flags, bool owner,
                       const char *user, struct cont_rec *rec)
{
    if ((flags & (DAOS_COO_EX | DAOS_COO_EVICT_ALL)) && !owner)
        return -DER_NO_PERM;
    if (flags & DAOS_COO_EVICT_ALL)
        return evict_handles(o, cont, NULL, rec);
    if (flags & DAOS_COO_EVICT)
        return evict_handles(o, cont, user, rec);
    return 0;
}

int cont_open(struct op *o, const void *req, void *rep)
{
    const struct msg_cont_open_req *q = req;
    struct msg_cont_open_rep *r = rep;
    struct chdl_rec h = {.flags = q->flags};
    struct cont_rec rec;
    struct svc_props l;
    struct phdl p;
    bool owner, exclusive;
    int rc;

    if (!open_flags_valid(q->flags))
        return -DER_INVAL;
    rc = op_pool(o, q->hdl, &p);
    if (rc == 0)
        rc = st_cont_find(o->s, q->cont, h.cont, &rec);
    if (rc == 0)
        rc = st_cont_props(o->s, h.cont, o->mem, &l);
    if (rc != 0)
        return rc;
    /* what a read-only pool handle forbids is changing the pool: making containers, destroying them
     */
    h.caps = open_caps(op_cont_perms(&l, &p.who, &owner), q->flags);
    if (h.caps == 0)
        return -DER_NO_PERM;
    if (!(q->flags & DAOS_COO_FORCE) &&
        (svc_props_num(&l, DAOS_PROP_CO_STATUS) >> 32 & 0xffff) == DAOS_PROP_CO_UNCLEAN)
        return -DER_RF;
    rc = evict_first(o, h.cont, q->flags, owner, p.who.user, &rec);
    if (rc == 0)
        rc = has_exclusive(o, h.cont, &exclusive);
    if (rc == 0 && (exclusive || ((q->flags & DAOS_COO_EX) && rec.handles > 0)))
        rc = -DER_BUSY;
    if (rc != 0)
        return rc;
    memcpy(h.pool_hdl, q->hdl, 16);
    rec.handles++;
    if (!(q->flags & DAOS_COO_RO_MDSTATS))
        rec.opened = o->cmd->now;
    rc = st_cont_hdl_put(o->s, o->cmd->fresh, &h, p.who.user);
    if (rc == 0)
        rc = st_cont_put(o->s, h.cont, &rec);
    if (rc == 0)
        rc = mirror_note_opened(o->s, o->cmd->fresh, &h);
    if (rc != 0)
        return rc;
    memcpy(r->hdl, o->cmd->fresh, 16);
    r->caps = h.caps;
    op_cont_info(h.cont, &rec, &l, &r->info);
    return op_props_out(o, &l, false, NULL, 0, true, true, &rec, &r->props, &r->props_nr);
}

int cont_close(struct op *o, const void *req, void *rep)
{
    const struct msg_cont_close_req *q = req;
    struct cont_rec rec;
    struct chdl_rec h;
    int rc = st_cont_hdl(o->s, q->hdl, &o->s->scratch, &h, NULL);

    if (rc == 0)
        rc = st_get_rec(o->s, T_CONT, h.cont, 16, &rec, sizeof(rec));
    if (rc == 0)
        rc = op_close_handle(o, q->hdl, &h, &rec);
    return rc != 0 ? rc : st_cont_put(o->s, h.cont, &rec);
}

/* ---- Destroy ---- */

/* Attributes and snapshots go with SVC_CONT_GONE, when nobody waits. */
int cont_destroy(struct op *o, const void *req, void *rep)
{
    const struct msg_cont_destroy_req *q = req;
    struct cont_rec rec;
    struct svc_props l;
    const char *label;
    struct phdl p;
    uint8_t uuid[16];
    bool owner;
    int rc = op_pool(o, q->hdl, &p);

    if (rc == 0)
        rc = st_cont_find(o->s, q->cont, uuid, &rec);
    if (rc == 0)
        rc = st_cont_props(o->s, uuid, &o->s->scratch, &l);
    if (rc != 0)
        return rc;
    if (!(p.caps & MSG_POOL_DEL_CONT) &&
        ((p.flags & DAOS_PC_RO) || !(op_cont_perms(&l, &p.who, &owner) & DAOS_ACL_PERM_DEL_CONT)))
        return -DER_NO_PERM;
    if (rec.handles > 0 && !q->force)
        return -DER_BUSY;
    if (rec.handles > 0)
        rc = evict_handles(o, uuid, NULL, &rec);
    label = svc_props_text(&l, DAOS_PROP_CO_LABEL, NULL);
    if (rc == 0 && label != NULL)
        rc = st_del(o->s, T_CONT_LABEL, label, strlen(label));
    if (rc == 0)
        rc = st_del(o->s, T_CONT_PROP, uuid, 16);
    if (rc == 0)
        rc = st_del(o->s, T_CONT, uuid, 16);
    return rc != 0 ? rc : st_put(o->s, T_GONE, uuid, 16, "", 0);
}

#define GONE_STEP 24u /* attributes and snapshots deleted in one command */

/* Deletes up to max keys with the prefix; *max counts down. */
static int clear_prefix(struct op *o, enum svc_table t, const uint8_t cont[16], uint32_t *max)
{
    struct scan sc;
    int rc = 0;

    st_scan(&sc, t, cont, 16);
    while (*max > 0 && (rc = st_scan_next(o->s, &sc)) == 0) {
        rc = st_del(o->s, t, sc.key, sc.key_len);
        if (rc != 0)
            return rc;
        --*max;
    }
    return rc == -DER_NONEXIST ? 0 : rc;
}

/* One step; the container stays in GONE until nothing is left of it. */
int cont_gone(struct op *o, const void *req, void *rep)
{
    const struct svc_cont_gone *q = req;
    uint32_t max = GONE_STEP;
    int rc = clear_prefix(o, T_CONT_ATTR, q->uuid, &max);

    if (rc == 0)
        rc = clear_prefix(o, T_SNAP, q->uuid, &max);
    if (rc != 0 || max == 0)
        return rc;
    rc = st_del(o->s, T_GONE, q->uuid, 16);
    return rc == -DER_NONEXIST ? 0 : rc;
}

/* ---- Properties ---- */

/* The permission a property needs to be set. */
static uint64_t perm_to_set(uint32_t type)
{
    switch (type) {
    case DAOS_PROP_CO_ACL:
        return DAOS_ACL_PERM_SET_ACL;
    case DAOS_PROP_CO_OWNER:
    case DAOS_PROP_CO_OWNER_GROUP:
        return DAOS_ACL_PERM_SET_OWNER;
    default:
        return DAOS_ACL_PERM_SET_PROP;
    }
}

static int rename_cont(struct op *o, const uint8_t uuid[16], const struct svc_props *l,
                       const char *label)
{
    const char *old = svc_props_text(l, DAOS_PROP_CO_LABEL, NULL);
    int rc;

    if (old != NULL && strcmp(old, label) == 0)
        return 0;
    rc = take_label(o, label, uuid);
    if (rc == 0 && old != NULL)
        rc = st_del(o->s, T_CONT_LABEL, old, strlen(old));
    return rc;
}

static int set_one(struct op *o, const uint8_t uuid[16], struct svc_props *l,
                   const struct msg_prop *p)
{
    struct msg_prop v = *p;
    int rc = svc_prop_check(p, false, false);

    if (rc == 0 && p->type == DAOS_PROP_CO_LABEL)
        rc = rename_cont(o, uuid, l, p->text);
    if (rc != 0)
        return rc;
    if (p->type == DAOS_PROP_CO_STATUS && (p->val >> 48 & DAOS_PROP_CO_CLEAR))
        v.val = DAOS_PROP_CO_STATUS_VAL(DAOS_PROP_CO_HEALTHY, 0, (uint32_t)p->val);
    svc_props_put(l, &v);
    return 0;
}

int cont_set_prop(struct op *o, const void *req, void *rep)
{
    const struct msg_cont_set_prop_req *q = req;
    struct svc_props l;
    struct chdl_rec h;
    int rc = q->props_nr == 0 ? -DER_INVAL : st_cont_hdl(o->s, q->hdl, &o->s->scratch, &h, NULL);

    for (uint32_t i = 0; rc == 0 && i < q->props_nr; i++)
        if (!(h.caps & perm_to_set(q->props[i].type)))
            rc = -DER_NO_PERM;
    if (rc == 0)
        rc = st_cont_props(o->s, h.cont, &o->s->scratch, &l);
    for (uint32_t i = 0; rc == 0 && i < q->props_nr; i++)
        rc = set_one(o, h.cont, &l, &q->props[i]);
    return rc != 0 ? rc : st_cont_props_put(o->s, h.cont, &l);
}

/* The permission a property needs to be seen. */
static bool may_see(uint64_t caps, uint32_t type)
{
    if (type == DAOS_PROP_CO_ACL)
        return caps & DAOS_ACL_PERM_GET_ACL;
    if (type == DAOS_PROP_CO_OWNER || type == DAOS_PROP_CO_OWNER_GROUP)
        return caps & (DAOS_ACL_PERM_GET_ACL | DAOS_ACL_PERM_GET_PROP);
    return caps & DAOS_ACL_PERM_GET_PROP;
}

int cont_query(struct op *o, const void *req, void *rep)
{
    const struct msg_cont_query_req *q = req;
    struct msg_cont_query_rep *r = rep;
    struct cont_rec rec;
    struct svc_props l;
    struct chdl_rec h;
    int rc = st_cont_hdl(o->s, q->hdl, o->mem, &h, NULL);

    if (rc == 0)
        rc = st_get_rec(o->s, T_CONT, h.cont, 16, &rec, sizeof(rec));
    if (rc == 0)
        rc = st_cont_props(o->s, h.cont, o->mem, &l);
    if (rc != 0)
        return rc;
    op_cont_info(h.cont, &rec, &l, &r->info);
    if (q->all_props && !may_see(h.caps, DAOS_PROP_CO_LABEL))
        return -DER_NO_PERM;
    for (uint32_t i = 0; !q->all_props && i < q->props_nr; i++)
        if (!may_see(h.caps, q->props[i]))
            return -DER_NO_PERM;
    if (!q->all_props && q->props_nr == 0)
        return 0;
    return op_props_out(o, &l, false, q->props, q->props_nr, q->all_props,
                        !may_see(h.caps, DAOS_PROP_CO_ACL), &rec, &r->props, &r->props_nr);
}

int oid_alloc(struct op *o, const void *req, void *rep)
{
    const struct msg_oid_alloc_req *q = req;
    struct msg_oid_alloc_rep *r = rep;
    struct cont_rec rec;
    struct chdl_rec h;
    int rc = op_cont(o, q->hdl, DAOS_ACL_PERM_WRITE, &h);

    if (rc == 0 && q->count == 0)
        rc = -DER_INVAL;
    if (rc == 0)
        rc = st_get_rec(o->s, T_CONT, h.cont, 16, &rec, sizeof(rec));
    if (rc == 0 && q->count > UINT64_MAX - rec.oid_next)
        rc = -DER_NOSPACE;
    if (rc != 0)
        return rc;
    r->first = rec.oid_next;
    rec.oid_next += q->count;
    return st_cont_put(o->s, h.cont, &rec);
}
