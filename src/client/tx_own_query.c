/*
 * The smallest and largest key.
 *
 * The engine's answer is the best of what no operation names, unless operations name it: then it is
 * looked at like every other key that they name, and if it is gone the engine's keys are gone
 * through. Of the named ones only those that would be better than the best so far are looked at.
 */
#include <daos_errno.h>
#include <string.h>
#include "base/fail.h"
#include "client/tx_own_int.h"

struct query {
    struct own *o;
    uint64_t flags;
    const daos_key_t *akey_in; /* if not asked for */
    /* the best so far */
    bool found;
    uint64_t dkey, akey;
    daos_recx_t recx;
};

static bool better(const struct query *q, uint64_t key, uint64_t best)
{
    return !q->found || (q->flags & DAOS_GET_MAX ? key > best : key < best);
}

static uint64_t number(const daos_key_t *key)
{
    uint64_t n = 0;

    memcpy(&n, key->iov_buf, MIN(key->iov_len, sizeof(n)));
    return n;
}

/* ---- An akey ---- */

/* The last (first) extent of one that no operation names; a single value has none. */
static int base_recx(const struct query *q, const daos_key_t *dkey, const daos_key_t *akey,
                     daos_recx_t *recx)
{
    const uint64_t levels = DAOS_GET_DKEY | DAOS_GET_AKEY;
    struct msg_obj_query_key_rep rep = {0};
    int rc = own_base_query(q->o, q->flags & ~levels, dkey, akey, &rep);

    *recx = (daos_recx_t){rep.recx_idx, rep.recx_nr};
    return rc;
}

/* Its last (first) extent, or whether it is there at all. */
static int try_akey(const struct query *q, const daos_key_t *dkey, const daos_key_t *akey,
                    daos_recx_t *recx)
{
    struct own_walk w;
    uint64_t size;
    uint32_t nr = 1;
    int rc;

    if (!(q->flags & DAOS_GET_RECX))
        return own_akey_exists(q->o, dkey, akey);
    rc = own_walk_begin(q->o, &w, dkey, akey, (q->flags & DAOS_GET_MAX) != 0);
    if (rc != 0)
        return rc;
    if (w.a.single != NULL) /* it has no extents */
        return -DER_NONEXIST;
    if (!w.a.touched && !w.a.hidden)
        return base_recx(q, dkey, akey, recx);
    rc = own_walk_next(q->o, &w, &nr, recx, NULL, &size);
    return rc != 0 ? rc : nr > 0 ? 0 : -DER_NONEXIST;
}

/* ---- Keys of a level ---- */

/* One level: the dkeys of the object, or the akeys of a dkey. try: looks at one key with all that
 * is below, and takes it if it is there. */
struct level {
    struct query *q;
    const daos_key_t *dkey; /* of akeys */
    struct own_keys named;
    int (*try)(struct query *q, const daos_key_t *dkey, const daos_key_t *key);
};

static uint64_t best_of(const struct level *l)
{
    return l->dkey != NULL ? l->q->akey : l->q->dkey;
}

static int try_if_better(void *arg, const daos_key_t *key)
{
    const struct level *l = arg;
    int rc;

    if (!better(l->q, number(key), best_of(l)))
        return 0;
    rc = l->try(l->q, l->dkey, key);
    return rc == -DER_NONEXIST ? 0 : rc;
}

static int try_unnamed(void *arg, const daos_key_t *key)
{
    const struct level *l = arg;

    return own_in(&l->named, key->iov_buf, key->iov_len) ? 0 : try_if_better(arg, key);
}

/* The best of what the engine has and no operation names, as far as that is asked of it at once;
 * *all: go through them. */
static int base_best(struct level *l, bool *all)
{
    struct query *q = l->q;
    struct msg_obj_query_key_rep rep = {0};
    uint64_t flags = l->dkey != NULL ? q->flags & ~(uint64_t)DAOS_GET_DKEY : q->flags;
    int rc = own_base_query(q->o, flags, l->dkey, q->akey_in, &rep);
    uint64_t n = l->dkey != NULL ? rep.akey : rep.dkey;

    *all = false;
    if (rc == -DER_NONEXIST)
        return 0;
    if (rc != 0)
        return rc;
    if (own_in(&l->named, &n, sizeof(n))) {
        *all = true;
        return 0;
    }
    q->found = true;
    q->akey = rep.akey;
    q->recx = (daos_recx_t){rep.recx_idx, rep.recx_nr};
    if (l->dkey == NULL)
        q->dkey = n;
    return 0;
}

static int run(struct level *l)
{
    bool all = false;
    int rc = own_touched(l->q->o, l->dkey, &l->named);

    if (rc == 0 && !own_hides(l->q->o, l->dkey))
        rc = base_best(l, &all);
    for (uint32_t i = 0; i < l->named.nr && rc == 0; i++)
        rc = try_if_better(l, l->named.key[i]);
    return rc == 0 && all ? own_base_each(l->q->o, l->dkey, try_unnamed, l) : rc;
}

/* ---- Akeys of a dkey ---- */

static int take_akey(struct query *q, const daos_key_t *dkey, const daos_key_t *key)
{
    daos_recx_t recx = {0};
    int rc = try_akey(q, dkey, key, &recx);

    if (rc == 0) {
        q->found = true;
        q->akey = number(key);
        q->recx = recx;
    }
    return rc;
}

/* What is wanted below a dkey goes to q, which has found nothing yet. -DER_NONEXIST. */
static int below(struct query *q, const daos_key_t *dkey)
{
    struct level l = {.q = q, .dkey = dkey, .try = take_akey};
    int rc;

    if (!(q->flags & (DAOS_GET_AKEY | DAOS_GET_RECX))) {
        rc = own_dkey_exists(q->o, dkey);
    } else if (!(q->flags & DAOS_GET_AKEY)) {
        rc = try_akey(q, dkey, q->akey_in, &q->recx);
    } else {
        rc = run(&l);
        return rc != 0 ? rc : q->found ? 0 : -DER_NONEXIST;
    }
    q->found = rc == 0;
    return rc;
}

/* ---- Dkeys ---- */

static int take_dkey(struct query *q, const daos_key_t *dkey, const daos_key_t *key)
{
    struct query in = {.o = q->o, .flags = q->flags, .akey_in = q->akey_in};
    int rc = below(&in, key);

    (void)dkey;
    if (rc == 0) {
        in.dkey = number(key);
        *q = in;
    }
    return rc;
}

static int query_merged(struct query *q, const daos_key_t *dkey)
{
    struct level l = {.q = q, .try = take_dkey};

    if (q->flags & DAOS_GET_DKEY)
        return run(&l);
    return below(q, dkey);
}

static int query_plain(struct query *q, const daos_key_t *dkey)
{
    struct msg_obj_query_key_rep rep = {0};
    int rc = own_base_query(q->o, q->flags, dkey, q->akey_in, &rep);

    if (rc != 0)
        return rc;
    q->found = true;
    q->dkey = rep.dkey;
    q->akey = rep.akey;
    q->recx = (daos_recx_t){rep.recx_idx, rep.recx_nr};
    return 0;
}

static void key_out(daos_key_t *key, uint64_t n)
{
    memcpy(key->iov_buf, &n, sizeof(n));
    key->iov_len = sizeof(n);
}

int own_query_now(const struct own_read *r, uint64_t flags, daos_key_t *dkey, daos_key_t *akey,
                  daos_recx_t *recx)
{
    struct own o;
    struct query q = {.o = &o, .flags = flags, .akey_in = akey};
    const daos_key_t *in = flags & DAOS_GET_DKEY ? NULL : dkey;
    int rc = own_begin(&o, r, UINT32_MAX);

    if (rc != 0)
        return rc;
    if (flags & DAOS_GET_AKEY || !(flags & DAOS_GET_RECX))
        q.akey_in = NULL;
    rc = own_touches(&o, in) ? query_merged(&q, in) : query_plain(&q, in);
    own_end(&o);
    /* Nothing there is an answer: zeros. */
    if (rc != 0 && rc != -DER_NONEXIST)
        return rc;
    if (!q.found)
        q.dkey = q.akey = q.recx.rx_idx = q.recx.rx_nr = 0;
    if (flags & DAOS_GET_DKEY)
        key_out(dkey, q.dkey);
    if (flags & DAOS_GET_AKEY)
        key_out(akey, q.akey);
    if (flags & DAOS_GET_RECX)
        *recx = q.recx;
    return 0;
}

/* ---- Calls ---- */

struct query_args {
    struct own_read r;
    uint64_t flags;
    daos_key_t *dkey, *akey;
    daos_recx_t *recx;
};

static int query_body(struct client *c, void *args)
{
    struct query_args *a = args;
    int rc = own_query_now(&a->r, a->flags, a->dkey, a->akey, a->recx);

    (void)c;
    tx_put(a->r.tx);
    handle_put(a->r.held);
    return rc;
}

int own_query(const struct own_read *r, uint64_t flags, daos_key_t *dkey, daos_key_t *akey,
              daos_recx_t *recx, daos_event_t *ev)
{
    struct query_args a = {*r, flags, dkey, akey, recx};
    int rc = client_run(ev, query_body, &a, sizeof(a));

    if (rc != 0 && ev != NULL) { /* it did not start */
        tx_put(r->tx);
        handle_put(r->held);
    }
    return rc;
}
