/* User attributes of the pool and of containers: names of 1 to 511 bytes, values of at least one.
 */
#include <string.h>
#include <daos_errno.h>
#include <daos_pool.h>
#include "svc/op.h"

#define ATTRS_MAX 1024u /* names in one request */

struct attrs {
    enum svc_table t;
    uint8_t key[16 + DAOS_ATTR_NAME_MAX];
    size_t prefix; /* bytes of the key that stand for the container */
};

/* Finds the table of a handle's attributes and checks that the handle may use it. */
static int attrs_of(struct op *o, uint8_t scope, const uint8_t hdl[16], bool write, struct attrs *a)
{
    struct chdl_rec h;
    struct phdl p;
    int rc;

    if (scope == MSG_SCOPE_POOL) {
        a->t = T_POOL_ATTR;
        a->prefix = 0;
        rc = op_pool(o, hdl, &p);
        return rc == 0 && write && (p.flags & DAOS_PC_RO) ? -DER_NO_PERM : rc;
    }
    if (scope != MSG_SCOPE_CONT)
        return -DER_INVAL;
    rc = op_cont(o, hdl,
                 write ? DAOS_ACL_PERM_WRITE | DAOS_ACL_PERM_SET_PROP
                       : DAOS_ACL_PERM_READ | DAOS_ACL_PERM_GET_PROP,
                 &h);
    a->t = T_CONT_ATTR;
    a->prefix = 16;
    memcpy(a->key, h.cont, 16);
    return rc;
}

/* Key of a name; 0: not a name. */
static size_t attr_key(struct attrs *a, const char *name)
{
    size_t len = name != NULL ? strlen(name) : 0;

    if (len == 0 || len > DAOS_ATTR_NAME_MAX)
        return 0;
    memcpy(a->key + a->prefix, name, len);
    return a->prefix + len;
}

int attr_set(struct op *o, const void *req, void *rep)
{
    const struct msg_attr_set_req *q = req;
    struct attrs a;
    int rc = attrs_of(o, q->scope, q->hdl, true, &a);

    if (rc == 0 && (q->names_nr == 0 || q->names_nr > ATTRS_MAX || q->names_nr != q->values_nr))
        rc = -DER_INVAL;
    for (uint32_t i = 0; rc == 0 && i < q->names_nr; i++) {
        size_t len = attr_key(&a, q->names[i]);

        if (len == 0 || q->values[i].len == 0 || q->values[i].len > KV_VALUE_MAX)
            return -DER_INVAL;
        rc = st_put(o->s, a.t, a.key, len, q->values[i].buf, q->values[i].len);
    }
    return rc;
}

int attr_del(struct op *o, const void *req, void *rep)
{
    const struct msg_attr_del_req *q = req;
    struct attrs a;
    int rc = attrs_of(o, q->scope, q->hdl, true, &a);

    if (rc == 0 && (q->names_nr == 0 || q->names_nr > ATTRS_MAX))
        rc = -DER_INVAL;
    for (uint32_t i = 0; rc == 0 && i < q->names_nr; i++) {
        size_t len = attr_key(&a, q->names[i]);

        if (len == 0)
            return -DER_INVAL;
        rc = st_del(o->s, a.t, a.key, len);
        if (rc == -DER_NONEXIST)
            rc = 0;
    }
    return rc;
}

int attr_get(struct op *o, const void *req, void *rep)
{
    const struct msg_attr_get_req *q = req;
    struct msg_attr_get_rep *r = rep;
    struct msg_buf *v;
    struct attrs a;
    int rc = attrs_of(o, q->scope, q->hdl, false, &a);

    if (rc == 0 && (q->names_nr == 0 || q->names_nr > ATTRS_MAX))
        rc = -DER_INVAL;
    if (rc != 0)
        return rc;
    v = arena_alloc(o->mem, q->names_nr * sizeof(*v));
    if (v == NULL)
        return -DER_NOMEM;
    for (uint32_t i = 0; i < q->names_nr; i++) {
        size_t len = attr_key(&a, q->names[i]), val_len;
        void *val;

        if (len == 0)
            return -DER_INVAL;
        rc = st_get(o->s, a.t, a.key, len, o->mem, &val, &val_len);
        if (rc != 0)
            return rc;
        v[i] = (struct msg_buf){val, (uint32_t)val_len};
    }
    r->values = v;
    r->values_nr = q->names_nr;
    return 0;
}

/* Counts the names (v NULL) or copies them. */
static int names(struct op *o, struct attrs *a, const char **v, uint32_t *nr)
{
    struct scan sc;
    int rc;

    *nr = 0;
    st_scan(&sc, a->t, a->key, a->prefix);
    while ((rc = st_scan_next(o->s, &sc)) == 0) {
        if (v != NULL) {
            size_t len = sc.key_len - a->prefix;
            char *name = arena_alloc(o->mem, len + 1);

            if (name == NULL)
                return -DER_NOMEM;
            memcpy(name, sc.key + a->prefix, len);
            name[len] = '\0';
            v[*nr] = name;
        }
        ++*nr;
    }
    return rc == -DER_NONEXIST ? 0 : rc;
}

int attr_list(struct op *o, const void *req, void *rep)
{
    const struct msg_attr_list_req *q = req;
    struct msg_attr_list_rep *r = rep;
    const char **v;
    struct attrs a;
    uint32_t nr = 0;
    int rc = attrs_of(o, q->scope, q->hdl, false, &a);

    if (rc == 0)
        rc = names(o, &a, NULL, &nr);
    if (rc != 0)
        return rc;
    v = arena_alloc(o->mem, (nr + 1) * sizeof(*v));
    if (v == NULL)
        return -DER_NOMEM;
    rc = names(o, &a, v, &nr);
    r->names = v;
    r->names_nr = nr;
    return rc;
}
