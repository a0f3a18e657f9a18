#include "engine/engine_int.h"

uint64_t engine_wall_ns(const struct engine *eng)
{
    return eng->world->ops->wall_ns(eng->world, eng->conf.node);
}

/* What an operation waits for besides the heap. */
struct obstacle {
    uint8_t handle[16]; /* SHARD_ASK */
    bool met;           /* -DER_INPROGRESS: a transaction that can be waited for */
    struct tx_met tx;
    uint64_t until_ns;
};

/* [L] */
static void note_obstacle(struct shard *s, int rc, struct obstacle *o)
{
    if (rc == SHARD_ASK)
        memcpy(o->handle, s->handles.missed, sizeof(o->handle));
    o->met = rc == -DER_INPROGRESS && tx_met(s, &o->tx);
}

static bool run_again(struct shard *s, struct heap_pins *pins, struct obstacle *o, int *rc)
{
    int late;

    if (*rc == SHARD_ASK) {
        late = handles_learn(s, o->handle);
    } else if (o->met) {
        if (o->until_ns == 0)
            o->until_ns = rt_now_ns() + TX_WAIT_NS;
        heap_pins_drop(s->heap, pins);
        pins->nr = 0;
        late = tx_wait(s, &o->tx, o->until_ns);
    } else {
        return heap_retry(s->heap, pins, rc);
    }
    if (late != 0)
        *rc = late;
    return late == 0;
}

int shard_run_parts(struct shard *s, int (*op)(struct shard *s, void *arg), void *arg,
                    const uint32_t *done)
{
    struct obstacle o = {.until_ns = 0};
    uint32_t before = *done;
    struct heap_pins pins;
    bool again;
    int rc;

    pins.nr = 0;
    pins.missed = 0;
    do {
        heap_lock(s->heap);
        rc = op(s, arg);
        note_obstacle(s, rc, &o);
        heap_pins_take(s->heap, &pins);
        heap_unlock(s->heap);
        again = run_again(s, &pins, &o, &rc);
        if (again && *done > before && pins.nr > HEAP_PINS_MAX / 2) {
            heap_pins_drop(s->heap, &pins);
            pins.nr = pins.missed = 0;
        }
        before = *done;
    } while (again);
    heap_pins_drop(s->heap, &pins);
    return rc;
}

int shard_run(struct shard *s, int (*op)(struct shard *s, void *arg), void *arg)
{
    const uint32_t none = 0;

    return shard_run_parts(s, op, arg, &none);
}

int shard_settle(struct shard *s)
{
    uint64_t lsn;

    heap_lock(s->heap);
    lsn = heap_lsn(s->heap);
    heap_unlock(s->heap);
    return heap_wait_durable(s->heap, lsn);
}

/* An answer that waits for its LSN. It lives in the request, so that it never lacks memory: what
 * was done cannot be answered with an error. */
struct answer {
    struct heap_waiter w;
    struct shard *s;
    int rc;
};
_Static_assert(sizeof(struct answer) <= sizeof(((struct net_req *)NULL)->priv), "priv");

/* Errors that say no more than that this copy of the request was not carried out. Of a copy that
 * was sent before they do not tell what became of that one. */
static bool not_begun(int rc)
{
    return (rc == -DER_NOMEM || rc == -DER_IO || rc == -DER_CSUM || rc == -DER_STALE) &&
           !MUTANT(ENGINE_RESEND_TOO_SURE);
}

static void end(struct shard *s, struct net_req *req, int rc)
{
    if (not_begun(rc) && req->hdr.flags & NET_RESEND &&
        msg_info(req->hdr.opcode)->flags & MSG_CHANGES)
        rc = -DER_TX_UNCERTAIN;
    /* before the reply: whoever got it may close the engine */
    req->hdr.hlc = hlc_peek(s->clock);
    gate_leave(&s->eng->gate, 1);
    net_reply(req, rc);
}

void shard_refuse(struct engine *eng, struct net_req *req, int rc)
{
    end(eng->shard, req, rc);
}

static void durable(struct heap_waiter *w, int rc)
{
    struct answer *a = CONTAINER_OF(w, struct answer, w);
    struct net_req *req = CONTAINER_OF((void **)(void *)a, struct net_req, priv[0]);
    bool changes = msg_info(req->hdr.opcode)->flags & MSG_CHANGES;

    /* a change whose log record was not written well may be found by recovery, or not */
    if (rc != 0 && a->rc == 0 && changes)
        rc = -DER_TX_UNCERTAIN;
    end(a->s, req, rc != 0 ? rc : a->rc);
}

void shard_reply_unlock(struct shard *s, struct net_req *req, int rc, uint64_t lsn)
{
    struct answer *a;

    /* the request and who brings it count; of several threads the changes share a log group */
    if (req->waits && rt_xs_self() == NULL && gate_is_mine(&s->eng->gate, 2) &&
        lsn > heap_durable_lsn(s->heap))
        heap_write_here(s->heap);
    if (lsn <= heap_durable_lsn(s->heap) || (MUTANT(ENGINE_NEGATIVE_EARLY) && rc != 0)) {
        heap_unlock(s->heap);
        end(s, req, rc);
        return;
    }
    a = (struct answer *)(void *)req->priv;
    a->w.fn = durable;
    a->s = s;
    a->rc = rc;
    heap_when_durable(s->heap, lsn, &a->w);
    heap_unlock(s->heap);
}

void shard_reply(struct shard *s, struct net_req *req, int rc, uint64_t lsn)
{
    if (lsn <= heap_durable_lsn(s->heap)) {
        end(s, req, rc);
        return;
    }
    heap_lock(s->heap);
    shard_reply_unlock(s, req, rc, lsn);
}

static int handle(struct shard *s, const uint8_t hdl[16], struct svc_chdl **h)
{
    if (s->svc != NULL) {
        *h = svc_cont_handle(s->svc, hdl);
        return *h == NULL ? svc_cont_handle_stored(s->svc, hdl, h) : 0;
    }
    *h = handles_find(s, hdl);
    return *h == NULL ? SHARD_ASK : 0;
}

int shard_cont(struct shard *s, const uint8_t hdl[16], uint64_t need, struct vos_cont **c)
{
    struct svc_chdl *h;
    int rc = handle(s, hdl, &h);

    if (rc != 0)
        return rc;
    if ((h->caps & need) != need)
        return -DER_NO_PERM;
    if (h->priv == NULL) {
        struct vos_cont *cont;

        rc = vos_cont_open(s->vos, h->cont, !s->eng->conf.readonly, &cont);
        if (rc != 0)
            return rc;
        h->priv = cont;
    }
    *c = h->priv;
    return 0;
}

static int cont_read(struct shard *s, const uint8_t hdl[16], daos_epoch_t epoch,
                     struct vos_cont **c)
{
    if (epoch != DAOS_EPOCH_MAX && epoch > hlc_peek(s->clock) &&
        hlc_too_far(epoch, hlc_peek(s->clock), engine_wall_ns(s->eng), ENGINE_EPSILON_NS))
        return -DER_HLC_SYNC;
    return shard_cont(s, hdl, DAOS_ACL_PERM_READ, c);
}

int shard_cont_read(struct shard *s, const uint8_t hdl[16], daos_epoch_t epoch, struct vos_cont **c,
                    uint64_t *lsn)
{
    int rc = cont_read(s, hdl, epoch, c);

    if (rc != 0)
        *lsn = heap_lsn(s->heap);
    return rc;
}

static void forget(void *arg, struct svc_chdl *h)
{
    h->priv = NULL;
}

int shard_cont_destroy(struct shard *s, const uint8_t cont[16])
{
    if (s->svc != NULL)
        svc_each_cont_handle(s->svc, cont, forget, NULL);
    else
        handles_forget_cont(s, cont);
    return vos_cont_destroy(s->vos, cont);
}
