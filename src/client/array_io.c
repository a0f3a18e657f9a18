/*
 * Reading, writing and punching ranges of an array.
 *
 * Ranges are cut at chunk borders; pieces of one chunk become one iod, and each chunk one request.
 * All requests are under way together, at most WINDOW at a time; a small plan of them is made
 * first. One chunk, the common case, is one plain request.
 *
 * The buffers of a piece are slices of the program's sgl. Holes of a read are zeros
 * (the engine fills those before the last byte it finds, zero_tails() the rest), what lies beyond
 * the end of the array is counted and left as it is; the end is asked for only when the last cell
 * that was wanted was not found. The sgl's iov_len say how much of each buffer is meant; they are
 * not changed.
 */
#include <daos.h>
#include <stdlib.h>
#include <string.h>
#include "base/conf.h"
#include "base/fail.h"
#include "client/array.h"
#include "client/obj_io.h"
#include "client/tx_own.h"

#define WINDOW      16u
#define SIMPLE_IOVS 8u

enum array_what { ARRAY_READ, ARRAY_WRITE, ARRAY_PUNCH };

/* The part of one chunk: arguments of an object request. */
struct part {
    uint64_t dkey_num;
    daos_key_t dkey;
    daos_iod_t iod;
    d_sg_list_t sgl;
    uint64_t end; /* reads: end of what the engine found or filled, in the stream of the recxs */
};

struct plan {
    struct client *client;
    struct obj *obj;
    struct tx *tx;      /* writes: buffers; reads: remembers */
    daos_epoch_t epoch; /* reads */
    enum array_what what;
    daos_array_iod_t *iod;
    daos_handle_t th;
    uint64_t cells; /* wanted in all */
    uint64_t last;  /* highest cell wanted */
    struct part *parts;
    uint32_t nr;
    struct arena mem;
    struct part one; /* the only one, if there is no more to it */
    daos_recx_t one_recx;
    d_iov_t one_iovs[SIMPLE_IOVS];
    /* while running */
    struct ev_run run; /* async */
    bool has_event;
    struct rt_event done; /* blocking */
    struct rt_mutex lock;
    uint32_t next, flying;
    bool starting;
    int rc;
    bool last_found;
};

/* ---- Planning ---- */

/* A place in the program's sgl. */
struct place {
    const d_sg_list_t *sgl;
    uint32_t iov;
    size_t off;
};

struct piece {
    uint64_t dkey;
    daos_recx_t recx;
    uint64_t order; /* in the program's buffer */
    struct place from;
};

static void place_skip(struct place *p, uint64_t bytes)
{
    while (bytes > 0) {
        size_t n = p->sgl->sg_iovs[p->iov].iov_len - p->off;

        n = (size_t)MIN((uint64_t)n, bytes);
        p->off += n;
        bytes -= n;
        if (p->off == p->sgl->sg_iovs[p->iov].iov_len) {
            p->iov++;
            p->off = 0;
        }
    }
}

static uint32_t place_iovs(struct place p, uint64_t bytes)
{
    uint32_t n = 0;

    while (bytes > 0) {
        size_t len = p.sgl->sg_iovs[p.iov].iov_len - p.off;

        n += len > 0;
        bytes -= MIN((uint64_t)len, bytes);
        p.iov++;
        p.off = 0;
    }
    return n;
}

/* Appends the slices of `bytes` bytes at p. */
static void place_slices(struct place p, uint64_t bytes, d_sg_list_t *out)
{
    while (bytes > 0) {
        const d_iov_t *v = &p.sgl->sg_iovs[p.iov];
        size_t len = (size_t)MIN((uint64_t)(v->iov_len - p.off), bytes);

        if (len > 0)
            d_iov_set(&out->sg_iovs[out->sg_nr++], (char *)v->iov_buf + p.off, len);
        bytes -= len;
        p.iov++;
        p.off = 0;
    }
}

static int cmp_piece(const void *a, const void *b)
{
    const struct piece *x = a, *y = b;

    if (x->dkey != y->dkey)
        return x->dkey < y->dkey ? -1 : 1;
    return x->order < y->order ? -1 : x->order > y->order;
}

/* Cuts the ranges at chunk borders. */
static uint64_t cut(const struct obj *o, const daos_array_iod_t *iod, const d_sg_list_t *sgl,
                    struct piece *out)
{
    struct place at = {.sgl = sgl};
    uint64_t n = 0, i;

    for (i = 0; i < iod->arr_nr; i++) {
        uint64_t idx = iod->arr_rgs[i].rg_idx, left = iod->arr_rgs[i].rg_len;

        while (left > 0) {
            uint64_t in = idx % o->chunk, len = MIN(left, o->chunk - in);

            if (out != NULL) {
                out[n] = (struct piece){
                    .dkey = array_dkey(o, idx), .recx = {in, len}, .order = n, .from = at};
                if (sgl != NULL)
                    place_skip(&at, len * o->cell);
            }
            n++;
            idx += len;
            left -= len;
        }
    }
    return n;
}

/* The pieces [0, n) of one chunk as one request. */
static int make_part(struct plan *pl, struct part *p, const struct piece *pieces, uint64_t n,
                     bool data)
{
    uint32_t iovs = 0;
    uint64_t i;

    memset(p, 0, sizeof(*p));
    p->dkey_num = pieces[0].dkey;
    d_iov_set(&p->dkey, &p->dkey_num, sizeof(p->dkey_num));
    p->iod = (daos_iod_t){
        .iod_type = DAOS_IOD_ARRAY, .iod_size = data ? pl->obj->cell : 0, .iod_nr = (uint32_t)n};
    d_iov_set(&p->iod.iod_name, (void *)ARRAY_AKEY, 1);
    p->iod.iod_recxs = arena_alloc(&pl->mem, n * sizeof(daos_recx_t));
    if (p->iod.iod_recxs == NULL)
        return -DER_NOMEM;
    for (i = 0; i < n; i++) {
        p->iod.iod_recxs[i] = pieces[i].recx;
        if (data)
            iovs += place_iovs(pieces[i].from, pieces[i].recx.rx_nr * pl->obj->cell);
    }
    if (!data)
        return 0;
    p->sgl.sg_iovs = arena_alloc(&pl->mem, iovs * sizeof(d_iov_t));
    if (p->sgl.sg_iovs == NULL)
        return -DER_NOMEM;
    for (i = 0; i < n; i++)
        place_slices(pieces[i].from, pieces[i].recx.rx_nr * pl->obj->cell, &p->sgl);
    return 0;
}

/* Pieces of one request: of one chunk, and no more than the store takes in one change (writes of an
 * array are not atomic over chunks either). */
#define PART_RECXS 2048u

static uint64_t part_end(const struct piece *pieces, uint64_t from, uint64_t n)
{
    uint64_t i = from + 1;

    while (i < n && pieces[i].dkey == pieces[from].dkey && i - from < PART_RECXS)
        i++;
    return i;
}

static int make_plan(struct plan *pl, const d_sg_list_t *sgl)
{
    uint64_t n = cut(pl->obj, pl->iod, sgl, NULL), i, from;
    struct piece *pieces;
    int rc = 0;

    if (n > UINT32_MAX / 2)
        return -DER_OVERFLOW;
    pieces = arena_alloc(&pl->mem, n * sizeof(*pieces));
    if (pieces == NULL)
        return -DER_NOMEM;
    cut(pl->obj, pl->iod, sgl, pieces);
    for (i = 1; i < n && pieces[i].dkey >= pieces[i - 1].dkey; i++)
        continue;
    if (i < n)
        qsort(pieces, n, sizeof(*pieces), cmp_piece);
    for (from = 0; from < n; from = part_end(pieces, from, n))
        pl->nr++;
    pl->parts = arena_alloc(&pl->mem, pl->nr * sizeof(*pl->parts));
    if (pl->parts == NULL)
        return -DER_NOMEM;
    pl->nr = 0;
    for (from = 0; rc == 0 && from < n; from = i) {
        i = part_end(pieces, from, n);
        rc = make_part(pl, &pl->parts[pl->nr++], &pieces[from], i - from, sgl != NULL);
    }
    return rc;
}

/* ---- Arguments ---- */

/* -DER_INVAL unless the ranges have as many bytes as the sgl (NULL: none needed). */
static int check(struct plan *pl, const d_sg_list_t *sgl)
{
    uint64_t i, bytes, room = 0, tiny = 0;

    if (pl->iod->arr_nr > 0 && pl->iod->arr_rgs == NULL)
        return -DER_INVAL;
    for (i = 0; i < pl->iod->arr_nr; i++) {
        const daos_range_t *r = &pl->iod->arr_rgs[i];
        uint64_t end;

        if (__builtin_add_overflow(r->rg_idx, r->rg_len, &end) ||
            __builtin_add_overflow(pl->cells, r->rg_len, &pl->cells))
            return -DER_INVAL;
        if (r->rg_len > 0)
            pl->last = MAX(pl->last, end - 1);
        tiny += r->rg_len * pl->obj->cell <= DAOS_ARRAY_RG_LEN_THD;
    }
    if (tiny == pl->iod->arr_nr &&
        pl->iod->arr_nr >
            conf_u64("DAOS_ARRAY_LIST_IO_LIMIT", DAOS_ARRAY_LIST_IO_LIMIT, 1, UINT64_MAX))
        return -DER_NOTSUPPORTED;
    if (pl->what == ARRAY_PUNCH)
        return 0;
    if (sgl == NULL || (sgl->sg_nr > 0 && sgl->sg_iovs == NULL))
        return -DER_INVAL;
    for (i = 0; i < sgl->sg_nr; i++) {
        const d_iov_t *v = &sgl->sg_iovs[i];

        if (v->iov_len > v->iov_buf_len || (v->iov_len > 0 && v->iov_buf == NULL))
            return -DER_INVAL;
        room += v->iov_len;
    }
    return __builtin_mul_overflow(pl->cells, pl->obj->cell, &bytes) || bytes != room ? -DER_INVAL
                                                                                     : 0;
}

/* ---- One part ---- */

/* One range in one chunk, the common case: fills p; false when the call is not of that kind (or
 * wrong, which the long way says). */
static bool simple(const struct obj *o, const daos_array_iod_t *iod, d_sg_list_t *sgl,
                   struct part *p, daos_recx_t *recx)
{
    const daos_range_t *r;
    uint64_t room = 0;
    uint32_t i;

    if (iod == NULL || iod->arr_nr != 1 || iod->arr_rgs == NULL || sgl == NULL ||
        sgl->sg_iovs == NULL)
        return false;
    r = iod->arr_rgs;
    if (r->rg_len == 0 || r->rg_len > o->chunk - r->rg_idx % o->chunk || r->rg_idx > INT64_MAX ||
        o->chunk > INT64_MAX / o->cell)
        return false;
    for (i = 0; i < sgl->sg_nr; i++) {
        /* Used and available bytes must be the same thing for the sgl to be passed on as it is. */
        if (sgl->sg_iovs[i].iov_buf == NULL ||
            sgl->sg_iovs[i].iov_len != sgl->sg_iovs[i].iov_buf_len)
            return false;
        room += sgl->sg_iovs[i].iov_buf_len;
    }
    if (room != r->rg_len * o->cell)
        return false;
    p->dkey_num = array_dkey(o, r->rg_idx);
    d_iov_set(&p->dkey, &p->dkey_num, sizeof(p->dkey_num));
    *recx = (daos_recx_t){r->rg_idx % o->chunk, r->rg_len};
    p->iod = (daos_iod_t){
        .iod_type = DAOS_IOD_ARRAY, .iod_size = o->cell, .iod_nr = 1, .iod_recxs = recx};
    d_iov_set(&p->iod.iod_name, (void *)ARRAY_AKEY, 1);
    p->sgl = *sgl;
    return true;
}

/* A plan of one part, which needs no more memory than it has. */
static bool plan_simple(struct plan *pl, d_sg_list_t *sgl)
{
    if (pl->what == ARRAY_PUNCH || sgl == NULL || sgl->sg_nr > SIMPLE_IOVS ||
        !simple(pl->obj, pl->iod, sgl, &pl->one, &pl->one_recx))
        return false;
    memcpy(pl->one_iovs, sgl->sg_iovs, sgl->sg_nr * sizeof(*pl->one_iovs));
    pl->one.sgl.sg_iovs = pl->one_iovs;
    pl->parts = &pl->one;
    pl->nr = 1;
    pl->cells = pl->one_recx.rx_nr;
    pl->last = pl->iod->arr_rgs->rg_idx + pl->one_recx.rx_nr - 1;
    return true;
}

/* ---- Running ---- */

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
    if (!plan_simple(pl, sgl)) {
        rc = check(pl, sgl);
        if (rc == 0 && pl->cells > 0)
            rc = make_plan(pl, what == ARRAY_PUNCH ? NULL : sgl);
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
    if (!simple(pl.obj, iod, sgl, &p, &recx) || sgl->sg_nr > SIMPLE_IOVS) {
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
    if (!simple(o, iod, sgl, p, (daos_recx_t *)(p + 1))) {
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
