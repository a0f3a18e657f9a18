/* ACL and owner of the pool or of a container. */
#include <string.h>
#include <daos_errno.h>
#include <daos_pool.h>
#include "svc/op.h"

/* Whose list it is. */
struct subject {
    bool pool;
    uint8_t cont[16];
    struct svc_props props;
};

static uint32_t prop_of(const struct subject *s, uint32_t pool, uint32_t cont)
{
    return s->pool ? pool : cont;
}

/* Finds the subject of a handle and checks that the handle may do it. */
static int subject_of(struct op *o, uint8_t scope, const uint8_t hdl[16], uint64_t perm,
                      struct subject *s)
{
    struct chdl_rec h;
    struct phdl p;
    int rc;

    s->pool = scope == MSG_SCOPE_POOL;
    if (scope != MSG_SCOPE_POOL && scope != MSG_SCOPE_CONT)
        return -DER_INVAL;
    if (s->pool) {
        rc = op_pool(o, hdl, &p);
        if (rc == 0 && (p.flags & DAOS_PC_RO))
            rc = -DER_NO_PERM;
        return rc != 0 ? rc : st_pool_props(o->s, &o->s->scratch, &s->props);
    }
    rc = op_cont(o, hdl, perm, &h);
    if (rc != 0)
        return rc;
    memcpy(s->cont, h.cont, 16);
    return st_cont_props(o->s, s->cont, &o->s->scratch, &s->props);
}

static int subject_store(struct op *o, const struct subject *s)
{
    return s->pool ? st_pool_props_put(o->s, &s->props)
                   : st_cont_props_put(o->s, s->cont, &s->props);
}

static int store_acl(struct op *o, struct subject *s, const void *acl, size_t len)
{
    svc_props_put(&s->props,
                  &(struct msg_prop){.type = prop_of(s, DAOS_PROP_PO_ACL, DAOS_PROP_CO_ACL),
                                     .blob = {acl, (uint32_t)len}});
    return subject_store(o, s);
}

static int acl_begin(struct op *o, const struct msg_acl_update_req *q, struct subject *s)
{
    int rc = subject_of(o, q->scope, q->hdl, DAOS_ACL_PERM_SET_ACL, s);

    return rc != 0 ? rc
                   : acl_check(q->acl.buf, q->acl.len,
                               s->pool ? DAOS_ACL_PERM_POOL_ALL : DAOS_ACL_PERM_CONT_ALL);
}

int acl_cmd_overwrite(struct op *o, const void *req, void *rep)
{
    const struct msg_acl_overwrite_req *q = req;
    struct subject s;
    int rc = acl_begin(o, req, &s);

    return rc != 0 ? rc : store_acl(o, &s, q->acl.buf, q->acl.len);
}

int acl_cmd_update(struct op *o, const void *req, void *rep)
{
    const struct msg_acl_update_req *q = req;
    void *out = arena_alloc(&o->s->scratch, ACL_MAX_BYTES);
    const struct msg_prop *old;
    struct subject s;
    size_t len;
    int rc = out != NULL ? acl_begin(o, q, &s) : -DER_NOMEM;

    if (rc != 0)
        return rc;
    old = svc_props_find(&s.props, prop_of(&s, DAOS_PROP_PO_ACL, DAOS_PROP_CO_ACL));
    rc = acl_merge(old != NULL ? old->blob.buf : NULL, old != NULL ? old->blob.len : 0, q->acl.buf,
                   q->acl.len, out, &len);
    return rc != 0 ? rc : store_acl(o, &s, out, len);
}

int acl_cmd_delete(struct op *o, const void *req, void *rep)
{
    const struct msg_acl_delete_req *q = req;
    void *out = arena_alloc(&o->s->scratch, ACL_MAX_BYTES);
    const struct msg_prop *old;
    struct subject s;
    size_t len;
    int rc = out != NULL ? subject_of(o, q->scope, q->hdl, DAOS_ACL_PERM_SET_ACL, &s) : -DER_NOMEM;

    if (rc != 0)
        return rc;
    old = svc_props_find(&s.props, prop_of(&s, DAOS_PROP_PO_ACL, DAOS_PROP_CO_ACL));
    if (old == NULL)
        return -DER_NONEXIST;
    rc = acl_remove(old->blob.buf, old->blob.len, q->principal, q->name, out, &len);
    return rc != 0 ? rc : store_acl(o, &s, out, len);
}

int acl_cmd_set_owner(struct op *o, const void *req, void *rep)
{
    const struct msg_set_owner_req *q = req;
    struct subject s;
    int rc = subject_of(o, q->scope, q->hdl, DAOS_ACL_PERM_SET_OWNER, &s);

    if (rc == 0 && q->user == NULL && q->group == NULL)
        rc = -DER_INVAL;
    for (int i = 0; rc == 0 && i < 2; i++) {
        struct msg_prop p = {
            .type = i == 0 ? prop_of(&s, DAOS_PROP_PO_OWNER, DAOS_PROP_CO_OWNER)
                           : prop_of(&s, DAOS_PROP_PO_OWNER_GROUP, DAOS_PROP_CO_OWNER_GROUP),
            .text = i == 0 ? q->user : q->group};

        if (p.text == NULL)
            continue;
        rc = svc_prop_check(&p, s.pool, true);
        if (rc == 0)
            svc_props_put(&s.props, &p);
    }
    return rc != 0 ? rc : subject_store(o, &s);
}
