/* Commands and queries of the pool itself. */
#include <string.h>
#include <daos_errno.h>
#include <daos_pool.h>
#include "base/assert.h"
#include "place/place.h"
#include "svc/op.h"

int op_pool(struct op *o, const uint8_t hdl[16], struct phdl *p)
{
    return st_pool_hdl(o->s, hdl, o->mem, p);
}

uint64_t op_pool_perms(const struct svc_props *l, const struct acl_user *u)
{
    const struct msg_prop *acl = svc_props_find(l, DAOS_PROP_PO_ACL);

    if (acl == NULL)
        return 0;
    return acl_eval(acl->blob.buf, acl->blob.len, svc_props_text(l, DAOS_PROP_PO_OWNER, NULL),
                    svc_props_text(l, DAOS_PROP_PO_OWNER_GROUP, NULL), u);
}

/* What permissions are worth on a handle opened with these flags; 0: nothing granted. */
static uint64_t pool_caps(uint64_t perms, uint32_t flags)
{
    uint64_t caps = 0;

    if (perms & (DAOS_ACL_PERM_READ | DAOS_ACL_PERM_GET_PROP))
        caps |= MSG_POOL_READ;
    if (perms & (DAOS_ACL_PERM_WRITE | DAOS_ACL_PERM_CREATE_CONT))
        caps |= MSG_POOL_CREATE_CONT;
    if (perms & (DAOS_ACL_PERM_WRITE | DAOS_ACL_PERM_DEL_CONT))
        caps |= MSG_POOL_DEL_CONT;
    if (flags & DAOS_PC_RO)
        return caps & MSG_POOL_READ;
    return (caps & MSG_POOL_READ) && caps != MSG_POOL_READ ? caps : 0;
}

/* May a handle with these flags be opened beside those that are? */
static int pool_conflict(struct op *o, uint32_t flags)
{
    struct scan sc;
    struct phdl p;
    int rc;

    st_scan(&sc, T_POOL_HDL, NULL, 0);
    while ((rc = st_scan_next(o->s, &sc)) == 0) {
        rc = st_pool_hdl(o->s, sc.key, &o->s->scratch, &p);
        if (rc != 0)
            return rc;
        if ((flags | p.flags) & DAOS_PC_EX)
            return -DER_BUSY;
    }
    return rc == -DER_NONEXIST ? 0 : rc;
}

static int fill_info(const void *map, size_t len, struct msg_pool_info *info)
{
    const struct place_target *t;
    struct place_map *m;
    uint32_t nr;
    int rc = place_map_decode(map, len, &m);

    if (rc != 0)
        return rc == -DER_NOMEM ? rc : -DER_DF_INVAL;
    t = place_map_targets(m, &nr);
    info->ntargets = nr;
    info->nnodes = place_map_domains(m, PLACE_RANK);
    info->ndisabled = 0;
    for (uint32_t i = 0; i < nr; i++)
        info->ndisabled += t[i].state == DAOS_TS_DOWN || t[i].state == DAOS_TS_DOWN_OUT;
    info->map_version = place_map_version(m);
    info->leader = 0;
    place_map_free(m);
    return 0;
}

int svc_pool_map(struct svc *s, struct arena *mem, const void **map, size_t *len)
{
    void *val;
    int rc = st_get(s, T_META, "map", 3, mem, &val, len);

    if (rc == 0)
        *map = val;
    return rc;
}

int op_pool_info(struct op *o, struct msg_pool_info *info, struct msg_buf *map)
{
    void *val;
    size_t len;
    int rc = st_get(o->s, T_META, "map", 3, o->mem, &val, &len);

    if (rc != 0)
        return rc;
    memcpy(info->uuid, o->s->pool, 16);
    *map = (struct msg_buf){val, (uint32_t)len};
    return fill_info(val, len, info);
}

int pool_connect(struct op *o, const void *req, void *rep)
{
    const struct msg_pool_connect_req *q = req;
    struct msg_pool_connect_rep *r = rep;
    struct phdl p = {.flags = q->flags, .who = {q->user, q->group, q->groups, q->groups_nr}};
    struct svc_props l;
    int rc;

    if (q->flags != DAOS_PC_RO && q->flags != DAOS_PC_RW && q->flags != DAOS_PC_EX)
        return -DER_INVAL;
    if (q->user == NULL)
        return -DER_INVAL;
    rc = st_pool_props(o->s, &o->s->scratch, &l);
    if (rc != 0)
        return rc;
    p.caps = pool_caps(op_pool_perms(&l, &p.who), q->flags);
    if (p.caps == 0)
        return -DER_NO_PERM;
    rc = pool_conflict(o, q->flags);
    if (rc == 0)
        rc = st_pool_hdl_put(o->s, o->cmd->fresh, &p);
    if (rc == 0 && o->cmd->holder != NULL && o->s->overlay == NULL)
        rc = hold_put(o->s, o->cmd->fresh, o->cmd->holder);
    if (rc != 0)
        return rc;
    memcpy(r->hdl, o->cmd->fresh, 16);
    r->caps = p.caps;
    return op_pool_info(o, &r->info, &r->map);
}

/* Is any container open through this pool handle? */
static int has_cont_handles(struct op *o, const uint8_t hdl[16], bool *yes)
{
    struct chdl_rec h;
    struct scan sc;
    int rc;

    *yes = false;
    st_scan(&sc, T_CONT_HDL, NULL, 0);
    while (!*yes && (rc = st_scan_next(o->s, &sc)) == 0) {
        rc = st_cont_hdl(o->s, sc.key, &o->s->scratch, &h, NULL);
        if (rc != 0)
            return rc;
        *yes = memcmp(h.pool_hdl, hdl, 16) == 0;
    }
    return *yes || rc == -DER_NONEXIST ? 0 : rc;
}

int pool_disconnect(struct op *o, const void *req, void *rep)
{
    const struct msg_pool_disconnect_req *q = req;
    struct phdl p;
    bool busy;
    int rc = op_pool(o, q->hdl, &p);

    if (rc == 0)
        rc = has_cont_handles(o, q->hdl, &busy);
    if (rc == 0 && busy)
        rc = -DER_BUSY;
    if (rc == 0 && o->s->overlay == NULL)
        rc = hold_drop(o->s, q->hdl);
    return rc != 0 ? rc : st_del(o->s, T_POOL_HDL, q->hdl, 16);
}

#define EVICT_STEP 24u /* what SVC_EVICT_ALL deletes in one command */

int op_evict_conts(struct op *o, const uint8_t *only, const uint8_t *keep, uint32_t *max)
{
    struct cont_rec rec;
    struct chdl_rec h;
    struct scan sc;
    int rc;

    st_scan(&sc, T_CONT_HDL, NULL, 0);
    while ((rc = *max > 0 ? st_scan_next(o->s, &sc) : -DER_NONEXIST) == 0) {
        rc = st_cont_hdl(o->s, sc.key, &o->s->scratch, &h, NULL);
        if (rc != 0)
            return rc;
        if ((keep != NULL && memcmp(h.pool_hdl, keep, 16) == 0) ||
            (only != NULL && memcmp(h.pool_hdl, only, 16) != 0))
            continue;
        rc = st_get_rec(o->s, T_CONT, h.cont, 16, &rec, sizeof(rec));
        if (rc == 0)
            rc = op_close_handle(o, sc.key, &h, &rec);
        if (rc == 0)
            rc = st_cont_put(o->s, h.cont, &rec);
        if (rc != 0)
            return rc;
        --*max;
    }
    return rc == -DER_NONEXIST ? 0 : rc;
}

/* Deletes entries of a table but the key keep, at most *max; *max counts down. */
static int clear_table(struct op *o, enum svc_table t, const uint8_t *keep, uint32_t *max)
{
    struct scan sc;
    int rc;

    st_scan(&sc, t, NULL, 0);
    while ((rc = *max > 0 ? st_scan_next(o->s, &sc) : -DER_NONEXIST) == 0) {
        if (keep != NULL && memcmp(sc.key, keep, 16) == 0)
            continue;
        rc = st_del(o->s, t, sc.key, sc.key_len);
        if (rc != 0)
            return rc;
        --*max;
    }
    return rc == -DER_NONEXIST ? 0 : rc;
}

int pool_evict(struct op *o, const void *req, void *rep)
{
    const struct msg_pool_evict_req *q = req;
    uint32_t max = UINT32_MAX;
    struct phdl p;
    int rc = op_pool(o, q->hdl, &p);

    if (rc == 0 && (p.flags & DAOS_PC_RO))
        rc = -DER_NO_PERM;
    if (rc == 0)
        rc = op_evict_conts(o, NULL, q->hdl, &max);
    return rc != 0 ? rc : clear_table(o, T_POOL_HDL, q->hdl, &max);
}

int evict_all(struct op *o, const void *req, void *rep)
{
    uint32_t max = EVICT_STEP;
    int rc = op_evict_conts(o, NULL, NULL, &max);

    if (rc == 0)
        rc = clear_table(o, T_POOL_HDL, NULL, &max);
    if (rc == 0)
        rc = clear_table(o, T_OPS, NULL, &max);
    if (rc == 0)
        rc = clear_table(o, T_HOLDER, NULL, &max);
    return rc != 0 ? rc : clear_table(o, T_SESSION, NULL, &max);
}

int pool_set_prop(struct op *o, const void *req, void *rep)
{
    const struct msg_pool_set_prop_req *q = req;
    struct svc_props l;
    struct phdl p;
    int rc = op_pool(o, q->hdl, &p);

    if (rc == 0 && (p.flags & DAOS_PC_RO))
        rc = -DER_NO_PERM;
    if (rc == 0 && q->props_nr == 0)
        rc = -DER_INVAL;
    if (rc == 0)
        rc = st_pool_props(o->s, &o->s->scratch, &l);
    for (uint32_t i = 0; rc == 0 && i < q->props_nr; i++) {
        rc = svc_prop_check(&q->props[i], true, false);
        if (rc == 0)
            svc_props_put(&l, &q->props[i]);
    }
    return rc != 0 ? rc : st_pool_props_put(o->s, &l);
}

/* ---- Queries ---- */

/* One property as a query shows it. */
static void prop_out(const struct svc_props *l, const struct svc_prop *s,
                     const struct cont_rec *rec, struct msg_prop *out)
{
    const struct msg_prop *p = svc_props_find(l, s->id);

    *out = p != NULL ? *p : (struct msg_prop){.type = s->id, .val = s->dflt};
    if (s->id == DAOS_PROP_CO_ALLOCED_OID && rec != NULL)
        out->val = rec->oid_next;
    if (p != NULL)
        return;
    if (s->rule == RULE_LABEL)
        out->text =
            svc_prop_is_pool(s->id) ? DAOS_PROP_PO_LABEL_DEFAULT : DAOS_PROP_CO_LABEL_DEFAULT;
    else if (s->kind != SVC_NUM)
        out->flags = DAOS_PROP_ENTRY_NOT_SET;
    if (s->id == DAOS_PROP_PO_SVC_LIST) {
        static const uint32_t rank0 = 0; /* one replica, on the first engine */

        out->blob = (struct msg_buf){&rank0, sizeof(rank0)};
        out->flags = 0;
    }
}

int op_props_out(struct op *o, const struct svc_props *l, bool pool, const uint32_t *types,
                 uint32_t nr, bool all, bool skip_acl, const struct cont_rec *rec,
                 const struct msg_prop **out, uint32_t *out_nr)
{
    struct msg_prop *v = arena_alloc(o->mem, (SVC_PROPS_MAX + nr) * sizeof(*v));
    const struct svc_prop *s;
    uint32_t n = 0;

    if (v == NULL)
        return -DER_NOMEM;
    for (uint32_t i = 0; all && (s = svc_prop_nth(pool, i)) != NULL; i++)
        if (!(skip_acl && s->kind == SVC_ACL))
            prop_out(l, s, rec, &v[n++]);
    for (uint32_t i = 0; !all && i < nr; i++) {
        s = svc_prop_of(types[i]);
        if (s == NULL || svc_prop_is_pool(s->id) != pool)
            return -DER_INVAL;
        prop_out(l, s, rec, &v[n++]);
    }
    *out = v;
    *out_nr = n;
    return 0;
}

int pool_query(struct op *o, const void *req, void *rep)
{
    const struct msg_pool_query_req *q = req;
    struct msg_pool_query_rep *r = rep;
    struct svc_props l;
    struct phdl p;
    int rc = op_pool(o, q->hdl, &p);

    if (rc == 0)
        rc = op_pool_info(o, &r->info, &r->map);
    if (rc != 0 || (q->props_nr == 0 && !q->all_props))
        return rc;
    rc = st_pool_props(o->s, o->mem, &l);
    if (rc != 0)
        return rc;
    return op_props_out(o, &l, true, q->props, q->props_nr, q->all_props, false, NULL, &r->props,
                        &r->props_nr);
}

/* Containers there are; -DER_OVERFLOW beyond what a reply can carry. */
static int count_conts(struct op *o, uint32_t *nr)
{
    struct scan sc;
    int rc;

    *nr = 0;
    st_scan(&sc, T_CONT, NULL, 0);
    while ((rc = st_scan_next(o->s, &sc)) == 0)
        ++*nr;
    return rc == -DER_NONEXIST ? 0 : rc;
}

int pool_list_cont(struct op *o, const void *req, void *rep)
{
    const struct msg_pool_list_cont_req *q = req;
    struct msg_pool_list_cont_rep *r = rep;
    struct msg_cont_entry *v;
    struct phdl p;
    struct scan sc;
    uint32_t nr = 0;
    int rc = op_pool(o, q->hdl, &p);

    if (rc == 0)
        rc = count_conts(o, &nr);
    if (rc != 0)
        return rc;
    v = arena_alloc(o->mem, (nr + 1) * sizeof(*v));
    if (v == NULL)
        return -DER_NOMEM;
    nr = 0;
    st_scan(&sc, T_CONT, NULL, 0);
    while ((rc = st_scan_next(o->s, &sc)) == 0) {
        struct msg_cont_entry *e = &v[nr++];
        struct cont_rec rec;
        struct svc_props l;

        memset(e, 0, sizeof(*e));
        memcpy(e->uuid, sc.key, 16);
        rc = st_get_rec(o->s, T_CONT, e->uuid, 16, &rec, sizeof(rec));
        if (rc == 0)
            rc = st_cont_props(o->s, e->uuid, o->mem, &l);
        if (rc != 0)
            return rc;
        e->label = svc_props_text(&l, DAOS_PROP_CO_LABEL, DAOS_PROP_CO_LABEL_DEFAULT);
        op_cont_info(e->uuid, &rec, &l, &e->info);
    }
    r->conts = v;
    r->conts_nr = nr;
    return rc == -DER_NONEXIST ? 0 : rc;
}
