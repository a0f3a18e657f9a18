/*
 * Transactions.
 *
 *      open --commit--> committing --> committed
 *       |                    \-- conflict --> failed --restart--> open
 *       \--abort--> aborted
 *
 * The commit is one compound request: a check for every key that was read that nothing changed
 * after the transaction's epoch, then the writes in the order they were issued. The engine
 * evaluates it at one epoch in one heap transaction, so it is serializable there. Limits:
 * COMPOUND_OPS_MAX checks and writes together; checks of one object are merged when that helps.
 */
#include <daos.h>
#include <string.h>
#include <tarn.h>
#include "base/fail.h"
#include "client/obj_io.h"
#include "client/tx_int.h"

#define RESTART_NS_MIN UINT64_C(50000)
#define RESTART_NS_MAX UINT64_C(100000000)

static void tx_drop(struct tx *tx)
{
    list_init(&tx->ops);
    list_init(&tx->seen);
    tx->ops_nr = tx->seen_nr = 0;
    if (tx->readers == 0)
        arena_reset(&tx->mem);
}

static void tx_free(struct hobj *h)
{
    struct tx *tx = CONTAINER_OF(h, struct tx, h);

    arena_fini(&tx->mem);
    atomic_fetch_sub(&tx->cont->objs, 1);
    handle_put(&tx->cont->h);
    base_free(tx);
}

static struct tx *tx_get(struct client *c, daos_handle_t th)
{
    struct hobj *h = c ? handle_get(c->handles, th, DAOS_HTYPE_TX) : NULL;

    return h ? CONTAINER_OF(h, struct tx, h) : NULL;
}

void tx_ref(struct tx *tx)
{
    if (tx != NULL)
        handle_ref(&tx->h);
}

void tx_put(struct tx *tx)
{
    if (tx != NULL)
        handle_put(&tx->h);
}

void op_set_tx(struct op *op, struct tx *tx)
{
    if (tx == NULL)
        return;
    op_hold(op, &tx->h);
    op->tx = tx;
}

int op_begin_in(struct client *c, daos_event_t *ev, struct op *local, struct hobj *held,
                struct tx *tx, struct op **op)
{
    int rc = op_begin(c, ev, local, op);

    if (rc) {
        tx_put(tx);
        handle_put(held);
        return rc;
    }
    op_hold(*op, held);
    op_set_tx(*op, tx);
    return 0;
}

void tx_failed(struct tx *tx)
{
    lock_short(&tx->lock);
    if (!tx->snap && (tx->state == TX_OPEN || tx->state == TX_COMMITTING))
        tx->state = TX_FAILED;
    rt_mutex_unlock(&tx->lock);
}

/* ---- The epoch ---- */

bool tx_may_send(struct op *op)
{
    struct tx *tx = op->tx;
    bool go = true;

    if (*op_epoch(op) != 0)
        return true;
    lock_short(&tx->lock);
    if (tx->epoch != 0 && !MUTANT(CLIENT_TX_EPOCH_MOVES)) {
        *op_epoch(op) = tx->epoch;
    } else if (!tx->asking) {
        tx->asking = op->asks = true;
        op->tx_life = tx->restarts;
        *op_read_at(op) = 0;
    } else {
        op->next = tx->waiting;
        tx->waiting = op;
        go = false;
    }
    rt_mutex_unlock(&tx->lock);
    return go;
}

/* Those that waited may belong to another life of the transaction than the one that asked, if it
 * was restarted under way: they cannot tell, so it has to be restarted again. */
void tx_answered(struct op *op, int rc)
{
    struct tx *tx = op->tx;
    uint64_t epoch = *op_read_at(op);
    struct op *o, *next;

    lock_short(&tx->lock);
    tx->asking = false;
    o = tx->waiting;
    tx->waiting = NULL;
    if (op->tx_life != tx->restarts) {
        rc = -DER_TX_RESTART;
    } else if (epoch != 0) {
        tx->epoch = epoch;
        rc = 0;
    } else if (rc == 0) {
        rc = -DER_PROTO;
    }
    rt_mutex_unlock(&tx->lock);
    for (; o != NULL; o = next) {
        next = o->next;
        *op_epoch(o) = epoch;
        op_turn(o, rc);
    }
}

/* ---- Open and close ---- */

static int tx_make(daos_handle_t coh, daos_epoch_t epoch, uint64_t flags, bool snap,
                   daos_handle_t *th)
{
    struct client *c = client_current();
    struct cont *co = cont_get(c, coh);
    struct tx *tx;
    int rc;

    if (co == NULL)
        return -DER_NO_HDL;
    tx = base_calloc(1, sizeof(*tx));
    if (tx == NULL) {
        handle_put(&co->h);
        return -DER_NOMEM;
    }
    tx->client = c;
    tx->cont = co;
    tx->epoch = epoch;
    tx->flags = flags;
    tx->snap = snap;
    tx->h.free = tx_free;
    rt_mutex_init(&tx->lock);
    arena_init(&tx->mem, 0);
    list_init(&tx->ops);
    list_init(&tx->seen);
    rc = handle_open(c->handles, &tx->h, DAOS_HTYPE_TX, th);
    if (rc) {
        base_free(tx);
        handle_put(&co->h);
        return rc;
    }
    atomic_fetch_add(&co->objs, 1);
    return 0;
}

static int tx_new(daos_handle_t coh, daos_epoch_t epoch, uint64_t flags, bool snap,
                  daos_handle_t *th, daos_event_t *ev)
{
    struct ev_run run;
    int rc = client_now_begin(ev, &run);

    return rc != 0 ? rc : client_now_end(ev, &run, tx_make(coh, epoch, flags, snap, th));
}

int daos_tx_open(daos_handle_t coh, daos_handle_t *th, uint64_t flags, daos_event_t *ev)
{
    if (th == NULL ||
        (flags & ~(uint64_t)(DAOS_TF_RDONLY | DAOS_TF_ZERO_COPY | TARN_TF_READ_OWN)) != 0)
        return -DER_INVAL;
    if (flags & DAOS_TF_RDONLY) /* it has nothing of its own */
        flags &= ~(uint64_t)TARN_TF_READ_OWN;
    return tx_new(coh, 0, flags, false, th, ev);
}

int daos_tx_open_snap(daos_handle_t coh, daos_epoch_t epoch, daos_handle_t *th, daos_event_t *ev)
{
    if (th == NULL || epoch == 0 || epoch == DAOS_EPOCH_MAX)
        return -DER_INVAL;
    return tx_new(coh, epoch, DAOS_TF_RDONLY, true, th, ev);
}

int daos_tx_close(daos_handle_t th, daos_event_t *ev)
{
    struct ev_run run;
    struct tx *tx;
    int rc;

    if (th.cookie == 0)
        return -DER_INVAL;
    tx = tx_get(client_current(), th);
    if (tx == NULL)
        return -DER_NO_HDL;
    rc = client_now_begin(ev, &run);
    if (rc != 0) {
        tx_put(tx);
        return rc;
    }
    lock_short(&tx->lock);
    if (tx->state == TX_COMMITTING)
        rc = -DER_BUSY;
    rt_mutex_unlock(&tx->lock);
    if (rc == 0 && !handle_close(&tx->h))
        rc = -DER_NO_HDL;
    tx_put(tx);
    return client_now_end(ev, &run, rc);
}

int daos_tx_hdl2epoch(daos_handle_t th, daos_epoch_t *epoch)
{
    struct tx *tx;
    int rc = 0;

    if (epoch == NULL || th.cookie == 0)
        return -DER_INVAL;
    tx = tx_get(client_current(), th);
    if (tx == NULL)
        return -DER_NO_HDL;
    lock_short(&tx->lock);
    if (tx->epoch == 0)
        rc = -DER_UNINIT;
    else
        *epoch = tx->epoch;
    rt_mutex_unlock(&tx->lock);
    tx_put(tx);
    return rc;
}

/* ---- Abort and restart ---- */

int daos_tx_abort(daos_handle_t th, daos_event_t *ev)
{
    struct ev_run run;
    struct tx *tx;
    int rc;

    if (th.cookie == 0)
        return -DER_INVAL;
    tx = tx_get(client_current(), th);
    if (tx == NULL)
        return -DER_NO_HDL;
    rc = client_now_begin(ev, &run);
    if (rc != 0) {
        tx_put(tx);
        return rc;
    }
    lock_short(&tx->lock);
    if (tx->state == TX_ABORTED)
        rc = -DER_ALREADY;
    else if (tx->state != TX_OPEN)
        rc = -DER_NO_PERM;
    else {
        tx->state = TX_ABORTED;
        tx_drop(tx);
    }
    rt_mutex_unlock(&tx->lock);
    tx_put(tx);
    return client_now_end(ev, &run, rc);
}

static int restart_body(struct client *c, void *args)
{
    struct tx *tx = tx_get(c, *(daos_handle_t *)args);
    uint64_t wait_ns = 0;
    int rc = 0;

    if (tx == NULL)
        return -DER_NO_HDL;
    lock_short(&tx->lock);
    if (tx->state != TX_FAILED) {
        rc = -DER_NO_PERM;
    } else {
        uint64_t top = MIN(RESTART_NS_MIN << MIN(tx->restarts, 16u), RESTART_NS_MAX);

        wait_ns = top / 2 + rt_random() % (top / 2);
        tx->restarts++;
        tx_drop(tx);
        tx->epoch = 0;
        tx->state = TX_OPEN;
    }
    rt_mutex_unlock(&tx->lock);
    tx_put(tx);
    if (wait_ns > 0)
        rt_sleep_ns(wait_ns);
    return rc;
}

int daos_tx_restart(daos_handle_t th, daos_event_t *ev)
{
    return th.cookie == 0 ? -DER_INVAL : client_run(ev, restart_body, &th, sizeof(th));
}

/* ---- Reads ---- */

static bool same_oid(daos_obj_id_t a, daos_obj_id_t b)
{
    return a.hi == b.hi && a.lo == b.lo;
}

static daos_key_t *key_copy(struct arena *mem, const daos_key_t *key)
{
    daos_key_t *k = arena_alloc(mem, sizeof(*k));
    void *bytes = k ? arena_memdup(mem, key->iov_buf, key->iov_len) : NULL;

    if (bytes == NULL)
        return NULL;
    d_iov_set(k, bytes, key->iov_len);
    return k;
}

int tx_note_read(struct tx *tx, daos_obj_id_t oid, const daos_key_t *dkey)
{
    struct tx_seen *s;
    struct list *l;

    LIST_FOREACH(l, &tx->seen)
    {
        s = LIST_ENTRY(l, struct tx_seen, link);
        if (!same_oid(s->oid, oid))
            continue;
        if (MUTANT(CLIENT_TX_READ_FIRST) && dkey != NULL)
            return 0;
        if (s->dkey == NULL || (dkey != NULL && s->dkey->iov_len == dkey->iov_len &&
                                memcmp(s->dkey->iov_buf, dkey->iov_buf, dkey->iov_len) == 0))
            return 0;
    }
    s = arena_alloc(&tx->mem, sizeof(*s));
    if (s == NULL)
        return -DER_NOMEM;
    s->oid = oid;
    s->dkey = dkey ? key_copy(&tx->mem, dkey) : NULL;
    if (dkey != NULL && s->dkey == NULL)
        return -DER_NOMEM;
    list_add_tail(&tx->seen, &s->link);
    tx->seen_nr++;
    return 0;
}

/* Another container's, or that of a copy of the pool? */
static bool foreign(const struct tx *tx, const struct cont *co)
{
    return memcmp(tx->cont->uuid, co->uuid, sizeof(uuid_t)) != 0 ||
           memcmp(tx->cont->pool->conn->pool, co->pool->conn->pool, sizeof(uuid_t)) != 0;
}

int tx_read(struct client *c, daos_handle_t th, struct cont *co, daos_obj_id_t oid,
            const daos_key_t *what, daos_epoch_t *epoch, struct tx **out)
{
    struct tx *tx;
    int rc = 0;

    *out = NULL;
    *epoch = DAOS_EPOCH_MAX;
    if (th.cookie == 0)
        return 0;
    tx = tx_get(c, th);
    if (tx == NULL)
        return -DER_NO_HDL;
    lock_short(&tx->lock);
    if (foreign(tx, co))
        rc = -DER_INVAL;
    else if (tx->state != TX_OPEN)
        rc = -DER_NO_PERM;
    if (rc == 0 && !tx->snap && !(tx->flags & (DAOS_TF_RDONLY | TARN_TF_READ_OWN)) &&
        !(MUTANT(CLIENT_TX_LIST_UNCHECKED) && what == NULL) &&
        !(MUTANT(CLIENT_TX_READ_UNCHECKED) && what != NULL))
        rc = tx_note_read(tx, oid, what);
    *epoch = MUTANT(CLIENT_TX_EPOCH_MOVES) && !tx->snap ? 0 : tx->epoch;
    rt_mutex_unlock(&tx->lock);
    if (rc)
        tx_put(tx);
    else
        *out = tx;
    return rc;
}

/* ---- Writes ---- */

int tx_for_write(struct client *c, daos_handle_t th, struct cont *co, struct tx **out)
{
    struct tx *tx;
    int rc = 0;

    *out = NULL;
    if (co->flags & DAOS_COO_RO)
        return -DER_NO_PERM;
    if (th.cookie == 0)
        return 0;
    tx = tx_get(c, th);
    if (tx == NULL)
        return -DER_NO_HDL;
    lock_short(&tx->lock);
    if (foreign(tx, co))
        rc = -DER_INVAL;
    else if (tx->snap || (tx->flags & DAOS_TF_RDONLY) || tx->state != TX_OPEN ||
             (tx->cont->flags & DAOS_COO_RO))
        rc = -DER_NO_PERM;
    rt_mutex_unlock(&tx->lock);
    if (rc)
        tx_put(tx);
    else
        *out = tx;
    return rc;
}

static struct tx_op *op_new(struct tx *tx, daos_obj_id_t oid, uint64_t flags,
                            const daos_key_t *dkey)
{
    struct tx_op *op = arena_calloc(&tx->mem, 1, sizeof(*op));

    if (op == NULL)
        return NULL;
    op->oid = oid;
    op->flags = flags;
    if (dkey != NULL) {
        op->dkey = key_copy(&tx->mem, dkey);
        if (op->dkey == NULL)
            return NULL;
    }
    return op;
}

static bool sgl_copy(struct tx *tx, d_sg_list_t *dst, const d_sg_list_t *src)
{
    uint32_t i;

    *dst = *src;
    if (src->sg_nr == 0)
        return true;
    dst->sg_iovs = arena_memdup(&tx->mem, src->sg_iovs, src->sg_nr * sizeof(*src->sg_iovs));
    if (dst->sg_iovs == NULL)
        return false;
    for (i = 0; !(tx->flags & DAOS_TF_ZERO_COPY) && i < src->sg_nr; i++) {
        d_iov_t *v = &dst->sg_iovs[i];

        if (v->iov_len == 0)
            continue;
        v->iov_buf = arena_memdup(&tx->mem, v->iov_buf, v->iov_len);
        if (v->iov_buf == NULL)
            return false;
    }
    return true;
}

static bool iod_copy(struct tx *tx, daos_iod_t *dst, const daos_iod_t *src)
{
    *dst = *src;
    if (src->iod_type == DAOS_IOD_NONE)
        return true;
    dst->iod_name.iov_buf = arena_memdup(&tx->mem, src->iod_name.iov_buf, src->iod_name.iov_len);
    if (src->iod_recxs != NULL && src->iod_type == DAOS_IOD_ARRAY)
        dst->iod_recxs =
            arena_memdup(&tx->mem, src->iod_recxs, src->iod_nr * sizeof(*src->iod_recxs));
    return dst->iod_name.iov_buf != NULL && (dst->iod_recxs != NULL || src->iod_recxs == NULL);
}

static void add_op(struct tx *tx, struct tx_op *op)
{
    op->seq = ++tx->seq;
    list_add_tail(&tx->ops, &op->link);
    tx->ops_nr++;
}

/* Under the lock. */
static int keep_update(struct tx *tx, daos_obj_id_t oid, uint64_t flags, const daos_key_t *dkey,
                       unsigned int nr, const daos_iod_t *iods, const d_sg_list_t *sgls,
                       struct tx_op **kept)
{
    struct tx_op *op;
    unsigned int i;

    if (tx->ops_nr >= COMPOUND_OPS_MAX || nr > NET_BULK_MAX)
        return -DER_OVERFLOW;
    op = op_new(tx, oid, flags, dkey);
    if (op == NULL)
        return -DER_NOMEM;
    op->nr = nr;
    op->iods = arena_alloc(&tx->mem, nr * sizeof(*op->iods));
    op->sgls = sgls ? arena_alloc(&tx->mem, nr * sizeof(*op->sgls)) : NULL;
    if (op->iods == NULL || (sgls != NULL && op->sgls == NULL))
        return -DER_NOMEM;
    for (i = 0; i < nr; i++)
        if (!iod_copy(tx, &op->iods[i], &iods[i]) ||
            (sgls != NULL && !sgl_copy(tx, &op->sgls[i], &sgls[i])))
            return -DER_NOMEM;
    add_op(tx, op);
    *kept = op;
    return 0;
}

/* Without this operation the others must not be committed. */
static int kept_or_failed(struct tx *tx, struct tx_op *op, bool judged, int rc)
{
    if (rc == 0)
        op->judged = judged;
    else if (tx->state == TX_OPEN)
        tx->state = TX_FAILED;
    return rc;
}

int tx_keep_update(struct tx *tx, daos_obj_id_t oid, uint64_t flags, bool judged, daos_key_t *dkey,
                   unsigned int nr, daos_iod_t *iods, d_sg_list_t *sgls, struct tx_op **kept)
{
    int rc;

    lock_short(&tx->lock);
    rc = tx->state != TX_OPEN ? -DER_NO_PERM
                              : keep_update(tx, oid, flags, dkey, nr, iods, sgls, kept);
    rc = kept_or_failed(tx, *kept, judged, rc);
    rt_mutex_unlock(&tx->lock);
    return rc;
}

static int keep_punch(struct tx *tx, daos_obj_id_t oid, uint64_t flags, const daos_key_t *dkey,
                      unsigned int nr, const daos_key_t *akeys, struct tx_op **kept)
{
    struct tx_op *op;
    unsigned int i;

    if (tx->ops_nr >= COMPOUND_OPS_MAX || nr > NET_BULK_MAX)
        return -DER_OVERFLOW;
    op = op_new(tx, oid, flags, dkey);
    if (op == NULL)
        return -DER_NOMEM;
    op->punch = true;
    op->nr = nr;
    op->akeys = arena_alloc(&tx->mem, nr * sizeof(*op->akeys));
    if (op->akeys == NULL)
        return -DER_NOMEM;
    for (i = 0; i < nr; i++) {
        daos_key_t *k = key_copy(&tx->mem, &akeys[i]);

        if (k == NULL)
            return -DER_NOMEM;
        op->akeys[i] = *k;
    }
    add_op(tx, op);
    *kept = op;
    return 0;
}

int tx_keep_punch(struct tx *tx, daos_obj_id_t oid, uint64_t flags, bool judged, daos_key_t *dkey,
                  unsigned int nr, daos_key_t *akeys, struct tx_op **kept)
{
    int rc;

    lock_short(&tx->lock);
    rc = tx->state != TX_OPEN ? -DER_NO_PERM : keep_punch(tx, oid, flags, dkey, nr, akeys, kept);
    rc = kept_or_failed(tx, *kept, judged, rc);
    rt_mutex_unlock(&tx->lock);
    return rc;
}

int tx_keep_punch_dkeys(struct tx *tx, daos_obj_id_t oid, uint64_t flags, bool judged,
                        unsigned int nr, daos_key_t *dkeys, struct tx_op **kept)
{
    struct tx_op *op = NULL;
    int rc;

    lock_short(&tx->lock);
    rc = tx->state != TX_OPEN ? -DER_NO_PERM : 0;
    for (unsigned int i = 0; i < nr && rc == 0; i++) {
        rc = keep_punch(tx, oid, flags, &dkeys[i], 0, NULL, &op);
        rc = kept_or_failed(tx, op, judged, rc);
        if (rc == 0 && i == 0)
            *kept = op;
    }
    rt_mutex_unlock(&tx->lock);
    return rc;
}

int tx_update(struct tx *tx, daos_obj_id_t oid, uint64_t flags, daos_key_t *dkey, unsigned int nr,
              daos_iod_t *iods, d_sg_list_t *sgls)
{
    struct tx_op *kept = NULL;

    return tx_keep_update(tx, oid, flags, false, dkey, nr, iods, sgls, &kept);
}

int tx_punch(struct tx *tx, daos_obj_id_t oid, uint64_t flags, daos_key_t *dkey, unsigned int nr,
             daos_key_t *akeys)
{
    struct tx_op *kept = NULL;

    return tx_keep_punch(tx, oid, flags, false, dkey, nr, akeys, &kept);
}

/* ---- Commit ---- */

/* Is there a check of all of this object before s (coarse), or must s stand for itself? */
static bool covered(const struct tx *tx, const struct tx_seen *s)
{
    const struct list *l;

    for (l = tx->seen.next; l != &s->link; l = l->next)
        if (same_oid(LIST_ENTRY(l, struct tx_seen, link)->oid, s->oid))
            return true;
    return false;
}

/* Checks of what was read: a dkey each, or, when they are too many, an object each. */
static int add_checks(struct tx *tx, struct compound *cp)
{
    bool coarse = tx->seen_nr + tx->ops_nr > COMPOUND_OPS_MAX;
    struct list *l;
    int rc = 0;

    for (l = tx->seen.next; rc == 0 && l != &tx->seen; l = l->next) {
        struct tx_seen *s = LIST_ENTRY(l, struct tx_seen, link);

        if (!coarse)
            rc = compound_check_unchanged(cp, s->oid, s->dkey, tx->epoch);
        else if (!covered(tx, s))
            rc = compound_check_unchanged(cp, s->oid, NULL, tx->epoch);
    }
    return rc;
}

static int add_writes(struct tx *tx, struct compound *cp)
{
    struct list *l;
    int rc = 0;

    for (l = tx->ops.next; rc == 0 && l != &tx->ops; l = l->next) {
        struct tx_op *op = LIST_ENTRY(l, struct tx_op, link);

        if (op->punch)
            rc = compound_punch_keys_oid(cp, op->oid, op->flags, op->dkey, op->nr, op->akeys);
        else
            rc = compound_update_oid(cp, op->oid, op->flags, op->dkey, op->nr, op->iods, op->sgls);
    }
    return rc;
}

/* In state COMMITTING nobody else touches the lists. */
static int commit_build(struct tx *tx, struct compound **out)
{
    struct compound *cp;
    int rc = compound_begin((daos_handle_t){tx->cont->h.cookie}, &cp);

    if (rc)
        return rc;
    if (tx->epoch != 0) /* else no read was answered */
        rc = add_checks(tx, cp);
    if (rc == 0)
        rc = add_writes(tx, cp);
    if (rc)
        compound_free(cp);
    else
        *out = cp;
    return rc;
}

static int commit_send(struct tx *tx)
{
    struct compound *cp = NULL;
    int rc;

    /* Reads alone are consistent at the transaction's epoch, whatever happened since. */
    if (tx->ops_nr == 0)
        return 0;
    rc = commit_build(tx, &cp);
    if (rc == 0)
        rc = compound_run(cp, NULL, NULL);
    compound_free(cp);
    return rc;
}

static int commit_begin(struct tx *tx)
{
    if (tx->snap)
        return -DER_NO_PERM;
    switch (tx->state) {
    case TX_OPEN:
        tx->state = TX_COMMITTING;
        return 0;
    case TX_COMMITTING:
        return -DER_INPROGRESS;
    case TX_COMMITTED:
        return -DER_ALREADY;
    default:
        return -DER_NO_PERM;
    }
}

static void commit_ended(void *arg, int rc)
{
    struct tx *tx = arg;

    lock_short(&tx->lock);
    tx->state = rc == 0 ? TX_COMMITTED : rc == -DER_TX_RESTART ? TX_FAILED : TX_ABORTED;
    if (rc != -DER_TX_RESTART)
        tx_drop(tx);
    rt_mutex_unlock(&tx->lock);
}

static int commit_body(struct client *c, void *args)
{
    struct tx *tx = tx_get(c, *(daos_handle_t *)args);
    int rc;

    if (tx == NULL)
        return -DER_NO_HDL;
    lock_short(&tx->lock);
    rc = commit_begin(tx);
    rt_mutex_unlock(&tx->lock);
    if (rc) {
        tx_put(tx);
        return rc;
    }
    rc = commit_send(tx);
    commit_ended(tx, rc);
    tx_put(tx);
    return rc;
}

/* What most commits are is one request, sent at once and not from a fiber of the client's. False:
 * it is not, or could not be; nothing has happened. */
static bool commit_at_once(struct tx *tx, daos_event_t *ev)
{
    struct compound_end end = {commit_ended, tx, &tx->h};
    struct compound *cp = NULL;
    bool sends;
    int rc;

    lock_short(&tx->lock);
    sends = tx->state == TX_OPEN && !tx->snap && tx->ops_nr > 0;
    if (sends)
        tx->state = TX_COMMITTING;
    rt_mutex_unlock(&tx->lock);
    if (!sends)
        return false;
    rc = commit_build(tx, &cp);
    if (rc == 0) {
        tx_ref(tx);
        rc = compound_launch(cp, &end, ev);
        compound_free(cp);
    }
    if (rc == 0)
        return true;
    lock_short(&tx->lock);
    if (tx->state == TX_COMMITTING)
        tx->state = TX_OPEN;
    rt_mutex_unlock(&tx->lock);
    return false;
}

int daos_tx_commit(daos_handle_t th, daos_event_t *ev)
{
    struct tx *tx;
    bool sent;

    if (th.cookie == 0)
        return -DER_INVAL;
    tx = ev != NULL ? tx_get(client_current(), th) : NULL;
    sent = tx != NULL && commit_at_once(tx, ev);
    tx_put(tx);
    return sent ? 0 : client_run(ev, commit_body, &th, sizeof(th));
}
