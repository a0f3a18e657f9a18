/*
 * Transactions, their life: which epoch they read at, their states, abort and restart. What one
 * keeps is in tx_keep.c, the commit in tx_commit.c.
 *
 *      open --commit--> committing --> committed
 *       |                    \-- conflict --> failed --restart--> open
 *       \--abort--> aborted
 */
#include <daos.h>
#include <string.h>
#include <tarn.h>
#include "base/fail.h"
#include "client/tx_int.h"

#define RESTART_NS_MIN UINT64_C(50000)
#define RESTART_NS_MAX UINT64_C(100000000)

void tx_drop(struct tx *tx)
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

struct tx *tx_get(struct client *c, daos_handle_t th)
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
