/*
 * Views of what a transaction keeps, questions to the engine, and which keys exist in both
 * together.
 *
 * A view holds pointers to the kept operations, which are never changed; that the transaction does
 * not give their memory back meanwhile `readers` sees to. A transaction that ended or restarted
 * under way answers the next question with -DER_NO_PERM.
 */
#include "client/tx_own.h"

#include <string.h>
#include <tarn.h>
#include "base/fail.h"
#include "client/list.h"
#include "client/obj_io.h"
#include "client/query_key.h"
#include "client/tx_own_int.h"

#define BATCH       128u
#define BATCH_BYTES 65536u /* every key fits */

/* ---- Views ---- */

bool own_reads(const struct tx *tx)
{
    return tx != NULL && (tx->flags & TARN_TF_READ_OWN) != 0;
}

int own_begin(struct own *o, const struct own_read *r, uint32_t until)
{
    struct tx *tx = r->tx;
    struct list *l;

    o->r = *r;
    o->nr = o->seq = 0;
    lock_short(&tx->lock);
    if (tx->state != TX_OPEN) {
        rt_mutex_unlock(&tx->lock);
        return -DER_NO_PERM;
    }
    o->life = tx->restarts;
    LIST_FOREACH(l, &tx->ops)
    {
        const struct tx_op *op = LIST_ENTRY(l, struct tx_op, link);

        if (op->judged || op->seq > until)
            continue;
        o->seq = op->seq;
        if (op->oid.hi == r->oid.hi && op->oid.lo == r->oid.lo)
            o->ops[o->nr++] = op;
    }
    tx->readers++;
    rt_mutex_unlock(&tx->lock);
    arena_init(&o->mem, 0);
    return 0;
}

void own_end(struct own *o)
{
    struct tx *tx = o->r.tx;

    lock_short(&tx->lock);
    tx->readers--;
    rt_mutex_unlock(&tx->lock);
    arena_fini(&o->mem);
}

bool own_same(const daos_key_t *a, const daos_key_t *b)
{
    return a->iov_len == b->iov_len && memcmp(a->iov_buf, b->iov_buf, a->iov_len) == 0;
}

bool own_touches(const struct own *o, const daos_key_t *dkey)
{
    for (uint32_t i = 0; i < o->nr; i++)
        if (dkey == NULL || o->ops[i]->dkey == NULL || own_same(o->ops[i]->dkey, dkey))
            return true;
    return false;
}

/* Is everything below the dkey (NULL: in the object) punched by op? */
static bool punches(const struct tx_op *op, const daos_key_t *dkey)
{
    if (!op->punch || op->nr != 0)
        return false;
    return op->dkey == NULL || (dkey != NULL && own_same(op->dkey, dkey));
}

bool own_hides(const struct own *o, const daos_key_t *dkey)
{
    for (uint32_t i = 0; i < o->nr; i++)
        if (punches(o->ops[i], dkey))
            return true;
    return false;
}

bool own_in(const struct own_keys *keys, const void *key, size_t len)
{
    for (uint32_t i = 0; i < keys->nr; i++)
        if (keys->key[i]->iov_len == len && memcmp(keys->key[i]->iov_buf, key, len) == 0)
            return true;
    return false;
}

static void add_key(struct own_keys *keys, const daos_key_t *key)
{
    if (!own_in(keys, key->iov_buf, key->iov_len))
        keys->key[keys->nr++] = key;
}

static bool skipped(const daos_iod_t *iod)
{
    return iod->iod_type == DAOS_IOD_NONE || (iod->iod_type == DAOS_IOD_ARRAY && iod->iod_nr == 0);
}

int own_touched(struct own *o, const daos_key_t *dkey, struct own_keys *keys)
{
    uint32_t max = 0;

    for (uint32_t i = 0; i < o->nr; i++)
        max += dkey == NULL ? 1 : o->ops[i]->nr;
    *keys = (struct own_keys){.key = arena_alloc(&o->mem, max * sizeof(*keys->key))};
    if (keys->key == NULL)
        return -DER_NOMEM;
    for (uint32_t i = 0; i < o->nr; i++) {
        const struct tx_op *op = o->ops[i];

        if (op->dkey == NULL || (dkey != NULL && !own_same(op->dkey, dkey)))
            continue;
        if (dkey == NULL)
            add_key(keys, op->dkey);
        for (uint32_t k = 0; dkey != NULL && k < op->nr; k++)
            if (op->punch || !skipped(&op->iods[k]))
                add_key(keys, op->punch ? &op->akeys[k] : &op->iods[k].iod_name);
    }
    return 0;
}

/* ---- An akey ---- */

static void akey_punched(struct own_akey *a)
{
    a->hidden = a->single_gone = true;
    a->single = NULL;
    a->exts.nr = 0;
}

static int akey_written(struct own *o, struct own_akey *a, const daos_iod_t *iod,
                        const d_sg_list_t *sgl)
{
    a->touched = true;
    if (iod->iod_type == DAOS_IOD_ARRAY)
        return own_exts_put(&o->mem, &a->exts, iod, sgl);
    a->single_gone = true;
    a->single = iod->iod_size > 0 ? iod : NULL;
    a->single_sgl = sgl;
    return 0;
}

static int akey_op(struct own *o, struct own_akey *a, const struct tx_op *op,
                   const daos_key_t *akey)
{
    int rc = 0;

    for (uint32_t i = 0; i < op->nr && rc == 0; i++) {
        if (op->punch && own_same(&op->akeys[i], akey)) {
            a->touched = true;
            akey_punched(a);
        } else if (!op->punch && !skipped(&op->iods[i]) && own_same(&op->iods[i].iod_name, akey)) {
            rc = akey_written(o, a, &op->iods[i], op->sgls ? &op->sgls[i] : NULL);
        }
    }
    return rc;
}

int own_akey(struct own *o, const daos_key_t *dkey, const daos_key_t *akey, struct own_akey *a)
{
    int rc = 0;

    memset(a, 0, sizeof(*a));
    for (uint32_t i = 0; i < o->nr && rc == 0; i++) {
        const struct tx_op *op = o->ops[i];

        if (punches(op, dkey))
            akey_punched(a);
        else if (op->dkey != NULL && own_same(op->dkey, dkey))
            rc = akey_op(o, a, op, akey);
    }
    return rc;
}

bool own_akey_has(const struct own_akey *a)
{
    if (a->single != NULL)
        return true;
    for (uint32_t i = 0; i < a->exts.nr; i++)
        if (a->exts.e[i].iod->iod_size > 0)
            return true;
    return false;
}

/* ---- Questions to the engine ---- */

/* What is asked now is a read of the transaction, and so the references go with the question. */
static int ask(struct own *o, const daos_key_t *dkey)
{
    struct tx *tx = o->r.tx;
    int rc;

    lock_short(&tx->lock);
    if (tx->restarts != o->life || tx->state != TX_OPEN)
        rc = -DER_NO_PERM;
    else
        rc = tx_note_read(tx, o->r.oid, dkey);
    rt_mutex_unlock(&tx->lock);
    if (rc == 0) {
        tx_ref(tx);
        handle_ref(o->r.held);
    }
    return rc;
}

int own_noted(const struct own_read *r, const daos_key_t *dkey)
{
    struct tx *tx = r->tx;
    int rc;

    lock_short(&tx->lock);
    rc = tx->state != TX_OPEN ? -DER_NO_PERM : tx_note_read(tx, r->oid, dkey);
    rt_mutex_unlock(&tx->lock);
    return rc;
}

/* An op of its own, which holds them. */
static int ask_op(struct own *o, const daos_key_t *dkey, struct op *local, struct op **op)
{
    int rc = ask(o, dkey);

    if (rc != 0)
        return rc;
    rc = op_begin(o->r.client, NULL, local, op);
    if (rc != 0) {
        tx_put(o->r.tx);
        handle_put(o->r.held);
        return rc;
    }
    op_hold(*op, o->r.held);
    op_set_tx(*op, o->r.tx);
    return 0;
}

static struct msg_buf buf_of(const daos_key_t *key)
{
    return key == NULL ? (struct msg_buf){0}
                       : (struct msg_buf){key->iov_buf, (uint32_t)key->iov_len};
}

int own_base_exists(struct own *o, const daos_key_t *dkey, const daos_key_t *akey)
{
    struct msg_obj_probe_req *q;
    struct op local, *op;
    int rc = ask_op(o, dkey, &local, &op);

    if (rc != 0)
        return rc;
    q = &op->req.probe;
    *q = (struct msg_obj_probe_req){.oid = o->r.oid,
                                    .level = akey   ? MSG_AKEY
                                             : dkey ? MSG_DKEY
                                                    : MSG_OBJ,
                                    .dkey = buf_of(dkey),
                                    .akey = buf_of(akey)};
    memcpy(q->hdl, o->r.co->hdl, sizeof(q->hdl));
    return op_run(op, o->r.co, MSG_OBJ_PROBE);
}

int own_base_fetch(struct own *o, uint64_t flags, const daos_key_t *dkey, unsigned int nr,
                   daos_iod_t *iods, d_sg_list_t *sgls, daos_iom_t *ioms)
{
    daos_key_t key = *dkey;
    int rc = ask(o, dkey);

    return rc != 0 ? rc
                   : obj_fetch_held(o->r.client, o->r.co, o->r.held, o->r.tx, 0, o->r.oid, flags,
                                    &key, nr, iods, sgls, ioms, NULL, NULL, NULL);
}

int own_base_keys(struct own *o, const daos_key_t *dkey, uint32_t *nr, daos_key_desc_t *kds,
                  d_sg_list_t *sgl, daos_anchor_t *anchor)
{
    daos_key_t key = dkey != NULL ? *dkey : (daos_key_t){0};
    int rc = ask(o, dkey);

    return rc != 0 ? rc
                   : list_keys_held(o->r.client, o->r.co, o->r.held, o->r.tx, 0, o->r.oid,
                                    dkey != NULL ? &key : NULL, nr, kds, sgl, anchor, NULL);
}

int own_base_recxs(struct own *o, const daos_key_t *dkey, const daos_key_t *akey, daos_size_t *size,
                   uint32_t *nr, daos_recx_t *recxs, daos_epoch_range_t *eprs,
                   daos_anchor_t *anchor, bool incr_order)
{
    int rc = ask(o, dkey);

    return rc != 0 ? rc
                   : list_recx_held(o->r.client, o->r.co, o->r.held, o->r.tx, 0, o->r.oid, dkey,
                                    akey, size, nr, recxs, eprs, anchor, incr_order, NULL);
}

static int keep_rep(struct op *op, int rc)
{
    *(struct msg_obj_query_key_rep *)op->user[0] = op->rep.query_key;
    return rc;
}

int own_base_query(struct own *o, uint64_t flags, const daos_key_t *dkey, const daos_key_t *akey,
                   struct msg_obj_query_key_rep *rep)
{
    daos_key_t d = dkey != NULL ? *dkey : (daos_key_t){0};
    daos_key_t a = akey != NULL ? *akey : (daos_key_t){0};
    struct op local, *op;
    int rc = ask_op(o, NULL, &local, &op);

    if (rc != 0)
        return rc;
    query_key_fill(op, o->r.co, 0, o->r.oid, flags, &d, &a, NULL, NULL);
    op->user[0] = (uintptr_t)rep;
    op->finish = keep_rep;
    return op_run(op, o->r.co, MSG_OBJ_QUERY_KEY);
}

struct batch {
    daos_key_desc_t kds[BATCH];
    char bytes[BATCH_BYTES];
};

static int each_of_batch(const struct batch *b, uint32_t nr,
                         int (*each)(void *arg, const daos_key_t *key), void *arg)
{
    const char *p = b->bytes;
    int rc = 0;

    for (uint32_t i = 0; i < nr && rc == 0; i++) {
        daos_key_t key;

        d_iov_set(&key, (void *)p, b->kds[i].kd_key_len);
        rc = each(arg, &key);
        p += b->kds[i].kd_key_len;
    }
    return rc;
}

int own_base_each(struct own *o, const daos_key_t *dkey,
                  int (*each)(void *arg, const daos_key_t *key), void *arg)
{
    struct batch *b = base_alloc(sizeof(*b));
    daos_anchor_t at = {0};
    int rc = b == NULL ? -DER_NOMEM : 0;

    while (rc == 0 && !daos_anchor_is_eof(&at)) {
        uint32_t nr = BATCH;
        d_sg_list_t sgl;
        d_iov_t iov;

        d_iov_set(&iov, b->bytes, sizeof(b->bytes));
        sgl = (d_sg_list_t){.sg_nr = 1, .sg_iovs = &iov};
        rc = own_base_keys(o, dkey, &nr, b->kds, &sgl, &at);
        if (rc == 0)
            rc = each_of_batch(b, nr, each, arg);
    }
    base_free(b);
    return rc;
}

/* ---- Which keys exist ---- */

static int any_extent(struct own *o, const daos_key_t *dkey, const daos_key_t *akey)
{
    struct own_walk w;
    daos_recx_t recx;
    uint64_t size;
    uint32_t nr = 1;
    int rc = own_walk_begin(o, &w, dkey, akey, false);

    if (rc == 0)
        rc = own_walk_next(o, &w, &nr, &recx, NULL, &size);
    return rc != 0 ? rc : nr > 0 ? 0 : -DER_NONEXIST;
}

int own_akey_exists(struct own *o, const daos_key_t *dkey, const daos_key_t *akey)
{
    struct own_akey a;
    int rc = own_akey(o, dkey, akey, &a);

    if (rc != 0)
        return rc;
    if (own_akey_has(&a))
        return 0;
    if (a.hidden)
        return -DER_NONEXIST;
    /* Something of the engine's may be gone, but not all need be. */
    if (a.exts.nr > 0 || a.single_gone)
        return any_extent(o, dkey, akey);
    return own_base_exists(o, dkey, akey);
}

struct other {
    struct own *o;
    const daos_key_t *dkey;
    const struct own_keys *touched;
};

/* One that was not touched is there; the others have been asked about. */
static int untouched(void *arg, const daos_key_t *key)
{
    const struct other *other = arg;

    return own_in(other->touched, key->iov_buf, key->iov_len) ? 0 : 1;
}

/* Has the engine a key that no operation names? */
static int base_has_other(struct own *o, const daos_key_t *dkey, const struct own_keys *touched)
{
    struct other other = {o, dkey, touched};
    int rc = own_base_exists(o, dkey, NULL);

    if (rc != 0 || touched->nr == 0)
        return rc;
    rc = own_base_each(o, dkey, untouched, &other);
    return rc < 0 ? rc : rc == 1 ? 0 : -DER_NONEXIST;
}

int own_dkey_exists(struct own *o, const daos_key_t *dkey)
{
    struct own_keys akeys;
    struct own_akey a;
    int rc = own_touched(o, dkey, &akeys);

    /* The transaction's own first: nobody has to be asked. */
    for (uint32_t i = 0; i < akeys.nr && rc == 0; i++) {
        rc = own_akey(o, dkey, akeys.key[i], &a);
        if (rc == 0 && own_akey_has(&a))
            return 0;
    }
    if (rc != 0)
        return rc;
    if (own_hides(o, dkey))
        return -DER_NONEXIST;
    rc = -DER_NONEXIST;
    for (uint32_t i = 0; i < akeys.nr && rc == -DER_NONEXIST; i++)
        rc = own_akey_exists(o, dkey, akeys.key[i]);
    return rc != -DER_NONEXIST ? rc : base_has_other(o, dkey, &akeys);
}

int own_obj_exists(struct own *o)
{
    struct own_keys dkeys;
    int rc = own_touched(o, NULL, &dkeys);

    if (rc != 0)
        return rc;
    rc = -DER_NONEXIST;
    for (uint32_t i = 0; i < dkeys.nr && rc == -DER_NONEXIST; i++)
        rc = own_dkey_exists(o, dkeys.key[i]);
    if (rc != -DER_NONEXIST)
        return rc;
    return own_hides(o, NULL) ? -DER_NONEXIST : base_has_other(o, NULL, &dkeys);
}

int own_exists(const struct own_read *r, const daos_key_t *dkey, const daos_key_t *akey)
{
    struct own o;
    int rc = own_begin(&o, r, UINT32_MAX);

    if (rc != 0)
        return rc;
    if (akey != NULL)
        rc = own_akey_exists(&o, dkey, akey);
    else
        rc = dkey != NULL ? own_dkey_exists(&o, dkey) : own_obj_exists(&o);
    own_end(&o);
    return rc;
}
