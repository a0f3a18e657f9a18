/*
 * Reading, writing and punching ranges of an array.
 *
 * The requests of a plan (array_plan.c) are under way together, at most WINDOW at a time. One
 * chunk, the common case, is one plain request.
 *
 * Holes of a read are zeros (the engine fills those before the last byte it finds, zero_tails() the
 * rest), what lies beyond the end of the array is counted and left as it is; the end is asked for
 * only when the last cell that was wanted was not found. The sgl's iov_len say how much of each
 * buffer is meant; they are not changed.
 */
#include <daos.h>
#include <string.h>
#include "base/fail.h"
#include "client/array_plan.h"
#include "client/tx_own.h"

#define WINDOW 16u

static void plan_free(struct plan *pl)
{
    tx_put(pl->tx);
    handle_put(&pl->obj->h);
    arena_fini(&pl->mem);
    base_free(pl);
}

/* Cells of [idx, idx + len) that lie below size. */
static uint64_t below(const daos_range_t *r, uint64_t size)
{
    return r->rg_idx >= size ? 0 : MIN(r->rg_len, size - r->rg_idx);
}

static void sgl_zero(const d_sg_list_t *sgl, uint64_t from, uint64_t to)
{
    uint64_t base = 0;

    for (uint32_t i = 0; i < sgl->sg_nr && base < to; i++) {
        const d_iov_t *v = &sgl->sg_iovs[i];
        uint64_t a = MAX(from, base), b = MIN(to, base + v->iov_buf_len);

        if (a < b)
            memset((char *)v->iov_buf + (a - base), 0, b - a);
        base += v->iov_buf_len;
    }
}

/* Zeros where nothing was found in front of the end of the array. */
static void zero_tails(struct plan *pl, uint64_t size)
{
    for (uint32_t i = 0; i < pl->nr; i++) {
        struct part *p = &pl->parts[i];
        uint64_t base = 0;

        for (uint32_t k = 0; k < p->iod.iod_nr; k++) {
            const daos_recx_t *r = &p->iod.iod_recxs[k];
            daos_range_t at = {(p->dkey_num - 1) * pl->obj->chunk + r->rx_idx, r->rx_nr};

            sgl_zero(&p->sgl, MAX(base, p->end), base + below(&at, size) * pl->obj->cell);
            base += r->rx_nr * pl->obj->cell;
        }
    }
}

/* Says how much of a read was inside the array. Blocking when the end has to be asked for. */
static int read_counts(struct plan *pl)
{
    uint64_t size = UINT64_MAX, i, n = 0;
    int rc;

    if (!pl->last_found && pl->cells > 0) {
        rc = array_size(pl->client, pl->obj, pl->th, &size, NULL);
        if (rc)
            return rc;
    }
    for (i = 0; i < pl->iod->arr_nr; i++)
        n += below(&pl->iod->arr_rgs[i], size);
    if (!MUTANT(CLIENT_TAIL_STALE))
        zero_tails(pl, size);
    pl->iod->arr_nr_read = n;
    pl->iod->arr_nr_short_read = pl->cells - n;
    return 0;
}

static void plan_complete(struct plan *pl)
{
    struct client *c = pl->client;
    struct ev_run run = pl->run;
    int rc = pl->rc;

    plan_free(pl);
    event_done(&run, rc);
    atomic_fetch_sub(&c->tasks, 1);
}

static void counts_fiber(void *arg)
{
    struct plan *pl = arg;

    client_use(pl->client);
    pl->rc = read_counts(pl);
    client_use(NULL);
    plan_complete(pl);
}

/* Every request has been answered. */
static void plan_ended(struct plan *pl)
{
    if (!pl->has_event) {
        rt_event_set(&pl->done);
        return;
    }
    if (pl->rc == 0 && pl->what == ARRAY_READ) {
        if (!pl->last_found && pl->cells > 0) {
            /* Asking for the end waits, which is not allowed here. The fiber frees the plan. */
            int rc = client_spawn(pl->client, counts_fiber, pl);

            if (rc == 0)
                return;
            pl->rc = rc;
        } else {
            pl->rc = read_counts(pl);
        }
    }
    plan_complete(pl);
}

static void part_then(struct op *op, int rc);

static int part_start(struct plan *pl, struct part *p)
{
    struct op *op;
    int rc;

    rc = op_begin_part(pl->client, part_then, pl, &op);
    if (rc)
        return rc;
    if (pl->what == ARRAY_READ) {
        tx_ref(pl->tx);
        op_set_tx(op, pl->tx);
        p->iod.iod_flags = MSG_FETCH_ZEROS;
        rc = io_fetch(op, pl->obj->cont, pl->epoch, pl->obj->oid, DAOS_COND_PER_AKEY, &p->dkey, 1,
                      &p->iod, &p->sgl, NULL);
    } else {
        rc = io_update(op, pl->obj->cont, pl->obj->oid, 0, &p->dkey, 1, &p->iod,
                       pl->what == ARRAY_WRITE ? &p->sgl : NULL);
    }
    op->user[9] = (uintptr_t)p;
    return rc ? op_fail(op, rc)
              : op_run(op, pl->obj->cont, pl->what == ARRAY_READ ? MSG_OBJ_FETCH : MSG_OBJ_UPDATE);
}

/* Starts requests while there is room. Entered with the lock, left without; whoever finds nothing
 * flying and nothing to start ends the plan, and only one thread does: answers that arrive while
 * another starts requests leave it to that one. */
static void plan_go(struct plan *pl)
{
    bool ended;

    if (pl->starting) {
        rt_mutex_unlock(&pl->lock);
        return;
    }
    pl->starting = true;
    while (pl->rc == 0 && pl->next < pl->nr && pl->flying < WINDOW) {
        struct part *p = &pl->parts[pl->next++];
        int rc;

        pl->flying++;
        rt_mutex_unlock(&pl->lock);
        rc = part_start(pl, p);
        lock_short(&pl->lock);
        if (rc) {
            pl->flying--;
            pl->rc = rc;
        }
    }
    pl->starting = false;
    ended = pl->flying == 0;
    rt_mutex_unlock(&pl->lock);
    if (ended)
        plan_ended(pl);
}

/* Whether the highest cell that was wanted is there: then nothing lies beyond the end. bytes: end
 * of what was found; 0: nothing. */
static bool ends_with_last(const struct plan *pl, const struct part *p, uint64_t bytes)
{
    const daos_recx_t *r = &p->iod.iod_recxs[p->iod.iod_nr - 1];
    uint64_t cells = 0;

    if ((p->dkey_num - 1) * pl->obj->chunk + r->rx_idx + r->rx_nr - 1 != pl->last)
        return false;
    for (uint32_t i = 0; i < p->iod.iod_nr; i++)
        cells += p->iod.iod_recxs[i].rx_nr;
    return bytes == cells * pl->obj->cell || (MUTANT(CLIENT_SHORT_READ) && bytes > 0);
}

static bool found_last(const struct plan *pl, const struct msg_obj_fetch_rep *rep,
                       const struct part *p)
{
    return rep->res_nr == 1 && rep->res[0].rec_size > 0 && ends_with_last(pl, p, rep->res[0].bytes);
}

static void note_end(struct part *p, const struct msg_obj_fetch_rep *rep)
{
    p->end = rep->res_nr == 1 ? rep->res[0].bytes : 0;
}

static void part_then(struct op *op, int rc)
{
    struct plan *pl = op->arg;
    bool found = rc == 0 && pl->what == ARRAY_READ &&
                 found_last(pl, &op->rep.fetch, (struct part *)op->user[9]);

    if (rc == 0 && pl->what == ARRAY_READ)
        note_end((struct part *)op->user[9], &op->rep.fetch);

    lock_short(&pl->lock);
    pl->flying--;
    if (rc != 0 && pl->rc == 0)
        pl->rc = rc;
    if (found)
        pl->last_found = true;
    plan_go(pl);
}

/* Writes of a transaction only go into its memory. */
static int plan_buffer(struct plan *pl)
{
    uint32_t i;
    int rc = 0;

    for (i = 0; i < pl->nr && rc == 0; i++) {
        struct part *p = &pl->parts[i];

        rc = tx_update(pl->tx, pl->obj->oid, 0, &p->dkey, 1, &p->iod,
                       pl->what == ARRAY_WRITE ? &p->sgl : NULL);
    }
    return rc;
}

/* Reads of a transaction that sees what it wrote: a chunk after the other. */
static int own_body(struct client *c, void *args)
{
    struct plan *pl = *(struct plan **)args;
    struct own_read r = {c, pl->tx, &pl->obj->h, pl->obj->cont, pl->obj->oid};
    int rc = 0;

    for (uint32_t i = 0; i < pl->nr && rc == 0; i++) {
        struct part *p = &pl->parts[i];

        p->iod.iod_flags = MSG_FETCH_ZEROS;
        rc = own_fetch_now(&r, DAOS_COND_PER_AKEY, &p->dkey, 1, &p->iod, &p->sgl, NULL, &p->end);
        pl->last_found = pl->last_found || (rc == 0 && ends_with_last(pl, p, p->end));
    }
    if (rc == 0)
        rc = read_counts(pl);
    plan_free(pl);
    return rc;
}

static int plan_run(struct plan *pl, daos_event_t *ev)
{
    struct ev_run run;
    int rc = 0;

    if (pl->what == ARRAY_READ && own_reads(pl->tx)) {
        rc = client_run(ev, own_body, &pl, sizeof(pl));
        if (rc != 0 && ev != NULL) /* it did not start */
            plan_free(pl);
        return rc;
    }

    if (pl->what != ARRAY_READ && pl->tx != NULL) {
        rc = client_now_begin(ev, &run);
        if (rc == 0)
            rc = client_now_end(ev, &run, plan_buffer(pl));
        plan_free(pl);
        return rc;
    }
    if (ev != NULL) {
        rc = event_launch(pl->client, ev, &pl->run);
        if (rc) {
            plan_free(pl);
            return rc;
        }
        pl->has_event = true;
        atomic_fetch_add(&pl->client->tasks, 1);
        lock_short(&pl->lock);
        plan_go(pl);
        return 0;
    }
    lock_short(&pl->lock);
    plan_go(pl);
    client_wait(pl->client, &pl->done, UINT64_MAX);
    rc = pl->rc;
    if (rc == 0 && pl->what == ARRAY_READ)
        rc = read_counts(pl);
    plan_free(pl);
    return rc;
}

static int plan_new(struct client *c, struct obj *o, daos_handle_t th, struct tx *tx,
                    enum array_what what, daos_array_iod_t *iod, struct plan **out)
{
    struct plan *pl = base_calloc(1, sizeof(*pl));

    if (pl == NULL)
        return -DER_NOMEM;
    pl->client = c;
    pl->obj = o;
    pl->tx = tx;
    pl->th = th;
    pl->what = what;
    pl->iod = iod;
    pl->epoch = DAOS_EPOCH_MAX;
    rt_event_init(&pl->done);
    rt_mutex_init(&pl->lock);
    arena_init(&pl->mem, 0);
    *out = pl;
    return 0;
}

/* A read under a transaction is a read of each of its chunks. */
static int note_reads(struct plan *pl)
{
    uint32_t i;
    int rc = 0;

    for (i = 0; i < pl->nr && rc == 0 && pl->th.cookie != 0; i++) {
        struct tx *tx;

        rc = tx_read(pl->client, pl->th, pl->obj->cont, pl->obj->oid, &pl->parts[i].dkey,
                     &pl->epoch, &tx);
        if (rc == 0 && pl->tx == NULL)
            pl->tx = tx;
        else if (rc == 0)
            tx_put(tx);
    }
    return rc;
}

static int array_io(daos_handle_t oh, daos_handle_t th, daos_array_iod_t *iod, d_sg_list_t *sgl,
                    enum array_what what, daos_event_t *ev)
{
    struct client *c = client_current();
    struct tx *tx = NULL;
    struct plan *pl;
    struct obj *o;
    int rc;

    if (iod == NULL)
        return -DER_INVAL;
    if (what == ARRAY_READ) {
        o = array_get(c, oh);
        rc = o ? 0 : -DER_NO_HDL;
    } else {
        rc = array_get_writable(c, oh, th, &o, &tx);
    }
    if (rc)
        return rc;
    rc = plan_new(c, o, th, tx, what, iod, &pl);
    if (rc) {
        tx_put(tx);
        handle_put(&o->h);
        return rc;
    }
    if (!array_plan_simple(pl, sgl)) {
        rc = array_plan_check(pl, sgl);
        if (rc == 0 && pl->cells > 0)
            rc = array_plan_make(pl, what == ARRAY_PUNCH ? NULL : sgl);
    }
    if (rc == 0 && what == ARRAY_READ)
        rc = note_reads(pl);
    if (rc) {
        plan_free(pl);
        return rc;
    }
    return plan_run(pl, ev);
}

/* ---- One range in one chunk: a plain request without a plan ---- */

static int simple_finish(struct op *op, int rc)
{
    struct plan *pl = (struct plan *)op->user[8];

    rc = io_fetch_finish(op, rc);
    if (rc == 0) {
        pl->last_found = found_last(pl, &op->rep.fetch, (struct part *)op->user[9]);
        note_end((struct part *)op->user[9], &op->rep.fetch);
    }
    return rc;
}

int daos_array_read(daos_handle_t oh, daos_handle_t th, daos_array_iod_t *iod, d_sg_list_t *sgl,
                    daos_event_t *ev)
{
    struct client *c = client_current();
    struct plan pl = {.client = c, .iod = iod, .th = th, .what = ARRAY_READ};
    struct op local, *op;
    d_iov_t iovs[SIMPLE_IOVS];
    daos_recx_t recx;
    struct part p = {0};
    int rc;

    if (ev != NULL || th.cookie != 0)
        return array_io(oh, th, iod, sgl, ARRAY_READ, ev);
    pl.obj = array_get(c, oh);
    if (pl.obj == NULL)
        return -DER_NO_HDL;
    if (!array_part_simple(pl.obj, iod, sgl, &p, &recx) || sgl->sg_nr > SIMPLE_IOVS) {
        handle_put(&pl.obj->h);
        return array_io(oh, th, iod, sgl, ARRAY_READ, ev);
    }
    memcpy(iovs, sgl->sg_iovs, sgl->sg_nr * sizeof(*iovs)); /* a fetch writes their lengths */
    p.sgl.sg_iovs = iovs;
    p.iod.iod_flags = MSG_FETCH_ZEROS;
    pl.parts = &p;
    pl.nr = 1;
    pl.cells = recx.rx_nr;
    pl.last = iod->arr_rgs->rg_idx + recx.rx_nr - 1;
    rc = op_begin(c, NULL, &local, &op);
    if (rc == 0) {
        rc = io_fetch(op, pl.obj->cont, DAOS_EPOCH_MAX, pl.obj->oid, DAOS_COND_PER_AKEY, &p.dkey, 1,
                      &p.iod, &p.sgl, NULL);
        op->user[8] = (uintptr_t)&pl;
        op->user[9] = (uintptr_t)&p;
        op->finish = simple_finish;
        rc = rc ? op_fail(op, rc) : op_run(op, pl.obj->cont, MSG_OBJ_FETCH);
    }
    if (rc == 0)
        rc = read_counts(&pl);
    handle_put(&pl.obj->h);
    return rc;
}

int daos_array_write(daos_handle_t oh, daos_handle_t th, daos_array_iod_t *iod, d_sg_list_t *sgl,
                     daos_event_t *ev)
{
    struct client *c = client_current();
    struct op local, *op;
    struct tx *tx = NULL;
    struct obj *o;
    struct part *p;
    int rc;

    rc = array_get_writable(c, oh, th, &o, &tx);
    if (rc)
        return rc;
    rc = -DER_AGAIN;
    if (tx == NULL)
        rc = op_begin(c, ev, &local, &op);
    if (tx != NULL || rc) {
        tx_put(tx);
        handle_put(&o->h);
        return tx != NULL ? array_io(oh, th, iod, sgl, ARRAY_WRITE, ev) : rc;
    }
    op_hold(op, &o->h);
    p = op_alloc(op, sizeof(*p) + sizeof(daos_recx_t));
    if (p == NULL)
        return op_fail(op, -DER_NOMEM);
    if (!array_part_simple(o, iod, sgl, p, (daos_recx_t *)(p + 1))) {
        op_fail(op, 0);
        return array_io(oh, th, iod, sgl, ARRAY_WRITE, ev);
    }
    rc = io_update(op, o->cont, o->oid, 0, &p->dkey, 1, &p->iod, &p->sgl);
    return rc ? op_fail(op, rc) : op_run(op, o->cont, MSG_OBJ_UPDATE);
}

int daos_array_punch(daos_handle_t oh, daos_handle_t th, daos_array_iod_t *iod, daos_event_t *ev)
{
    return array_io(oh, th, iod, NULL, ARRAY_PUNCH, ev);
}
