/*
 * Workload "array": reads, writes and punches of ranges over chunks, sizes, short reads, holes.
 *
 * Array 0 is everybody's: there chunks are domains of their own (nothing is promised across them,
 * and one domain would multiply what is undecided in each), and only cells are judged. Arrays 1 to
 * 3 belong to the first three clients, who do everything to them. A call is told to the oracle as
 * one operation a chunk (spec_array.h).
 */
#include <stdlib.h>
#include <string.h>
#include "base/assert.h"
#include "spec_array.h"
#include "value.h"
#include "work_burst.h"

#define RANGES  3u
#define FLIGHTS 6u
#define BUF     (AR_CELLS * 3000)
#define FILL    0xfe /* of a buffer before a read: no value begins like this */

#define DOMAINS (AR_CHUNKS + AR_ARRAYS - 1)

struct ar_work {
    struct hist *h[DOMAINS];
    daos_obj_id_t oid[AR_ARRAYS];
    struct value_ids ids;
    bool settled; /* and not looked at since */
};

/* A call of several ranges; the order of the buffer is that of the ranges. */
struct ar_call {
    uint8_t arr;
    uint16_t id;
    uint32_t bits;
    daos_range_t rg[RANGES];
    daos_array_iod_t iod;
    d_iov_t iov[2];
    d_sg_list_t sgl;
    unsigned char *buf;
};

#define OPS_MAX (AR_CHUNKS + 1)

/* What a call is to the oracle. */
struct ops {
    struct ar_op op[OPS_MAX];
    uint32_t id[OPS_MAX], nr;
};

/* One that is not waited for. */
struct ar_flight {
    struct work_flight fl;
    struct ar_call call;
    struct ops ops;
    unsigned char buf[BUF];
};

struct ar_client {
    daos_handle_t oh[AR_ARRAYS];
    unsigned char buf[BUF];
    struct ar_flight flight[FLIGHTS];
};

static uint32_t below(struct work_client *c, uint32_t n)
{
    return (uint32_t)sim_rng_below(&c->rng, n);
}

static uint32_t range_bits(const daos_range_t *r)
{
    return ((1u << r->rg_len) - 1) << r->rg_idx;
}

/* Ranges that do not overlap, in any order. */
static void draw_ranges(struct work_client *c, struct ar_call *a)
{
    size_t bytes = 0, first;

    if (a->buf == NULL)
        a->buf = ((struct ar_client *)c->priv)->buf;
    a->iod.arr_rgs = a->rg;
    for (uint32_t tries = 1 + below(c, RANGES); tries > 0; tries--) {
        daos_range_t r = {.rg_idx = below(c, AR_CELLS)};

        r.rg_len =
            1 + below(c, AR_CELLS - (uint32_t)r.rg_idx < 9 ? AR_CELLS - (uint32_t)r.rg_idx : 9);
        if (a->bits & range_bits(&r))
            continue;
        a->bits |= range_bits(&r);
        a->rg[a->iod.arr_nr++] = r;
        bytes += r.rg_len * ar_cell_bytes[a->arr];
    }
    first = below(c, 3) == 0 ? below(c, (uint32_t)bytes + 1) : bytes;
    d_iov_set(&a->iov[0], a->buf, first);
    d_iov_set(&a->iov[1], a->buf + first, bytes - first);
    a->sgl = (d_sg_list_t){.sg_nr = first < bytes ? 2 : 1, .sg_iovs = a->iov};
}

/* ---- Told to the oracle ---- */

static void tell(struct work_client *c, const struct ar_op *op)
{
    char line[400];

    if (!c->work->telling)
        return;
    ar_spec.print_op(op, true, line, sizeof(line));
    work_tell(c, "%s", line);
}

static struct hist *domain(struct work_client *c, const struct ar_op *op)
{
    struct ar_work *w = c->work->priv;

    return w
        ->h[op->arr > 0 ? AR_CHUNKS - 1 + op->arr : (uint32_t)__builtin_ctz(op->bits) / AR_CHUNK];
}

static void begin(struct work_client *c, struct ops *o, struct ar_op op)
{
    o->op[o->nr] = op;
    o->id[o->nr] = hist_call(domain(c, &op), c->index, &op);
    o->nr++;
}

/* One operation a chunk that bits touch. */
static void begin_chunks(struct work_client *c, struct ops *o, struct ar_op op)
{
    uint32_t bits = op.bits;

    for (uint32_t i = 0; i < AR_CHUNKS; i++) {
        op.bits = bits & ((1u << AR_CHUNK) - 1) << (i * AR_CHUNK);
        if (op.bits != 0)
            begin(c, o, op);
    }
}

/* Of several changes that failed together some may have happened. */
static int end(struct work_client *c, struct ops *o, int rc)
{
    bool changes = o->op[0].what < AR_READS;
    enum work_verdict v = rc == 1 ? WORK_FAILED : work_verdict(c->work, rc, changes);

    if (v == WORK_FAILED && changes && o->nr > 1)
        v = WORK_UNKNOWN;
    for (uint32_t i = 0; i < o->nr; i++) {
        o->op[i].rc = rc;
        tell(c, &o->op[i]);
        work_end(c, domain(c, &o->op[i]), o->id[i], &o->op[i], rc, v);
    }
    return rc;
}

static bool alone(const struct work_client *c)
{
    return c->work->clients == 1 && c->work->faults == 0;
}

/* A conflict is no wonder where others write, and none alone. */
static int restarted(struct work_client *c, int rc)
{
    return rc == -DER_TX_RESTART && !alone(c) ? 1 : rc;
}

/* ---- Changes ---- */

static void fill_cells(struct ar_call *a)
{
    uint32_t bytes = ar_cell_bytes[a->arr];
    unsigned char *p = a->buf;

    for (uint32_t r = 0; r < a->iod.arr_nr; r++)
        for (uint32_t i = 0; i < a->rg[r].rg_len; i++, p += bytes) {
            uint32_t at = (uint32_t)a->rg[r].rg_idx + i;

            value_fill(p, bytes, value_record(a->id, bytes, at), at);
        }
}

static int write_cells(struct work_client *c, bool together)
{
    struct ar_work *w = c->work->priv;
    struct ar_client *ac = c->priv;
    struct ar_call a = {.id = value_id(&w->ids, &c->rng)};
    struct ops o = {.nr = 0};
    daos_handle_t th = DAOS_TX_NONE;
    int rc = 0;

    a.arr = c->index + 1 < AR_ARRAYS && below(c, 2) ? (uint8_t)(c->index + 1) : 0;
    together &= a.arr > 0;
    draw_ranges(c, &a);
    fill_cells(&a);
    if (together)
        rc = daos_tx_open(c->coh, &th, 0, NULL);
    if (rc != 0)
        return rc;
    (together ? begin : begin_chunks)(
        c, &o, (struct ar_op){.what = AR_WRITE, .arr = a.arr, .id = a.id, .bits = a.bits});
    rc = daos_array_write(ac->oh[a.arr], th, &a.iod, &a.sgl, NULL);
    if (together && rc == 0)
        rc = daos_tx_commit(th, NULL);
    rc = end(c, &o, restarted(c, rc));
    if (together)
        daos_tx_close(th, NULL);
    return rc;
}

static int punch_cells(struct work_client *c)
{
    struct ar_client *ac = c->priv;
    struct ar_call a = {.arr = 0};
    struct ops o = {.nr = 0};

    a.arr = c->index + 1 < AR_ARRAYS && below(c, 2) ? (uint8_t)(c->index + 1) : 0;
    draw_ranges(c, &a);
    begin_chunks(c, &o, (struct ar_op){.what = AR_PUNCH, .arr = a.arr, .bits = a.bits});
    return end(c, &o, daos_array_punch(ac->oh[a.arr], DAOS_TX_NONE, &a.iod, NULL));
}

static int set_size(struct work_client *c, uint8_t arr)
{
    struct ar_client *ac = c->priv;
    uint32_t size = below(c, AR_CELLS + 1);
    struct ops o = {.nr = 0};

    begin_chunks(
        c, &o, (struct ar_op){.what = AR_PUNCH, .arr = arr, .bits = AR_ALL & ~((1u << size) - 1)});
    if (size > 0)
        begin(c, &o, (struct ar_op){.what = AR_GROW, .arr = arr, .bits = 1u << (size - 1)});
    return end(c, &o, daos_array_set_size(ac->oh[arr], DAOS_TX_NONE, size, NULL));
}

static int destroy(struct work_client *c, uint8_t arr)
{
    struct ar_client *ac = c->priv;
    struct ops o = {.nr = 0};

    begin(c, &o, (struct ar_op){.what = AR_DESTROY, .arr = arr});
    return end(c, &o, daos_array_destroy(ac->oh[arr], DAOS_TX_NONE, NULL));
}

static int create(struct work_client *c, uint8_t arr)
{
    struct ar_work *w = c->work->priv;
    struct ops o = {.nr = 0};
    daos_handle_t oh;
    int rc;

    begin(c, &o, (struct ar_op){.what = AR_CREATE, .arr = arr});
    rc = daos_array_create(c->coh, w->oid[arr], DAOS_TX_NONE, ar_cell_bytes[arr], AR_CHUNK, &oh,
                           NULL);
    if (end(c, &o, rc) == 0)
        daos_array_close(oh, NULL);
    return rc;
}

/* ---- Reads ---- */

static uint16_t got_cell(const unsigned char *p, uint32_t bytes, uint32_t at)
{
    if (value_is(p, bytes, FILL))
        return 0;
    return value_is(p, bytes, 0) ? AR_ZERO : value_read(p, bytes, at);
}

/* Does an array of this size explain what a read gave? Holes in front of the end are zeros, behind
 * it nothing is found (zeros may be left there when ranges are not in order), and the counts say
 * how many. */
static bool size_explains(const struct ar_call *a, const uint16_t *got, uint32_t size)
{
    uint32_t inside = 0;

    for (uint32_t i = 0; i < AR_CELLS; i++) {
        if (!(a->bits >> i & 1))
            continue;
        inside += i < size;
        if (i < size ? got[i] == 0 : got[i] != 0 && got[i] != AR_ZERO)
            return false;
    }
    return a->iod.arr_nr_read == inside &&
           a->iod.arr_nr_short_read == (uint32_t)__builtin_popcount(a->bits) - inside;
}

/* Nobody else is there. After a change of unknown outcome the oracle decides what happened to other
 * cells when they are looked at, and not before: then the size is what the other operations say. */
static void judge_alone(struct work_client *c, const struct ar_call *a, const uint16_t *got)
{
    struct ar_op op = {.arr = a->arr};
    struct hist *h = domain(c, &op);

    for (uint32_t i = 0; i < hist_states(h, NULL); i++)
        if (size_explains(a, got, ar_size(hist_state_at(h, i), a->arr)))
            return;
    if (c->work->unknown_all == 0)
        work_wrong(
            c->work,
            "client %u: a read of cells %07x of array %u of size %u: %lu were read, %lu not, "
            "or cells should be zeros or should not be touched",
            c->index, a->bits, a->arr, ar_size(hist_state(h), a->arr),
            (unsigned long)a->iod.arr_nr_read, (unsigned long)a->iod.arr_nr_short_read);
}

/* What a short read says of the size. */
static void short_read(const struct ar_call *a, struct ar_op *op)
{
    uint64_t n = a->iod.arr_nr_read;

    op->what = AR_SIZE_MAX;
    if (a->iod.arr_nr_short_read == 0 || a->iod.arr_nr != 1) {
        op->size = AR_CELLS; /* nothing */
        return;
    }
    op->size = (uint32_t)(a->rg[0].rg_idx + n);
    if (n > 0)
        op->what = AR_SIZE;
}

static void got_cells(struct ops *o, const struct ar_call *a, const unsigned char *p, uint16_t *got)
{
    memset(got, 0, AR_CELLS * sizeof(*got));
    for (uint32_t r = 0; r < a->iod.arr_nr; r++)
        for (uint32_t i = 0; i < a->rg[r].rg_len; i++, p += ar_cell_bytes[a->arr])
            got[a->rg[r].rg_idx + i] =
                got_cell(p, ar_cell_bytes[a->arr], (uint32_t)a->rg[r].rg_idx + i);
    for (uint32_t k = 0; k < o->nr; k++)
        if (o->op[k].what == AR_READ)
            memcpy(o->op[k].got, got, AR_CELLS * sizeof(*got));
}

enum how { CELLS_ONLY, WITH_SIZE, AT_ONCE };

static int read_cells(struct work_client *c, struct ar_call *a, enum how how)
{
    struct ar_client *ac = c->priv;
    struct ops o = {.nr = 0};
    struct ar_op op = {.what = AR_READ, .arr = a->arr, .bits = a->bits};
    bool together = how == AT_ONCE;
    daos_handle_t th = DAOS_TX_NONE;
    uint16_t got[AR_CELLS];
    uint32_t size;
    int rc = 0;

    if (together)
        rc = daos_tx_open(c->coh, &th, DAOS_TF_RDONLY, NULL);
    if (rc != 0)
        return rc;
    (together ? begin : begin_chunks)(c, &o, op);
    op = (struct ar_op){.what = AR_SIZE_MAX, .arr = a->arr};
    size = o.nr;
    if (a->arr > 0 && how != CELLS_ONLY)
        begin(c, &o, op);
    memset(a->buf, FILL, BUF);
    rc = daos_array_read(ac->oh[a->arr], th, &a->iod, &a->sgl, NULL);
    if (rc == 0) {
        got_cells(&o, a, a->buf, got);
        if (o.nr > size)
            short_read(a, &o.op[size]);
    }
    rc = end(c, &o, restarted(c, rc));
    if (together)
        daos_tx_close(th, NULL);
    if (rc == 0 && a->arr > 0 && alone(c) && !c->work->failed)
        judge_alone(c, a, got);
    return rc;
}

static int read_some(struct work_client *c, bool together)
{
    struct ar_call a = {.arr = (uint8_t)below(c, AR_ARRAYS)};

    /* the model has all of a read at a moment between its call and its answer */
    together &= a.arr > 0 && !c->work->clocks_apart;
    draw_ranges(c, &a);
    return read_cells(c, &a, together ? AT_ONCE : WITH_SIZE);
}

static int read_size(struct work_client *c, uint8_t arr)
{
    struct ar_client *ac = c->priv;
    struct ops o = {.nr = 0};
    daos_array_stbuf_t st = {0};
    daos_size_t size = 0;
    bool stat = below(c, 3) == 0;
    int rc;

    begin(c, &o, (struct ar_op){.what = AR_SIZE, .arr = arr});
    rc = stat ? daos_array_stat(ac->oh[arr], DAOS_TX_NONE, &st, NULL)
              : daos_array_get_size(ac->oh[arr], DAOS_TX_NONE, &size, NULL);
    o.op[0].size = (uint32_t)(stat ? st.st_size : size);
    return end(c, &o, rc);
}

static int open_again(struct work_client *c, uint8_t arr)
{
    struct ar_work *w = c->work->priv;
    struct ops o = {.nr = 0};
    daos_size_t cell = 0, chunk = 0;
    daos_handle_t oh;
    int rc;

    begin(c, &o, (struct ar_op){.what = AR_OPEN, .arr = arr});
    rc = daos_array_open(c->coh, w->oid[arr], DAOS_TX_NONE, DAOS_OO_RW, &cell, &chunk, &oh, NULL);
    if (end(c, &o, rc) != 0)
        return rc;
    daos_array_close(oh, NULL);
    if (cell != ar_cell_bytes[arr] || chunk != AR_CHUNK)
        work_wrong(c->work, "client %u: array %u has cells of %lu bytes, %lu a chunk", c->index,
                   arr, (unsigned long)cell, (unsigned long)chunk);
    return rc;
}

/* Reads the cells [from, from + nr). */
static int read_range(struct work_client *c, uint8_t arr, uint32_t from, uint32_t nr, enum how how)
{
    struct ar_call a = {.arr = arr,
                        .bits = ((1u << nr) - 1) << from,
                        .rg = {{from, nr}},
                        .buf = ((struct ar_client *)c->priv)->buf};

    a.iod = (daos_array_iod_t){.arr_nr = 1, .arr_rgs = a.rg};
    d_iov_set(&a.iov[0], a.buf, nr * (size_t)ar_cell_bytes[arr]);
    a.sgl = (d_sg_list_t){.sg_nr = 1, .sg_iovs = a.iov};
    return read_cells(c, &a, how);
}

/* ---- Many at once, of everybody's array ---- */

static bool crowded(struct work_client *c, const struct ops *o)
{
    for (uint32_t i = 0; i < o->nr; i++)
        if (work_crowded(domain(c, &o->op[i]), &o->op[i]))
            return true;
    return false;
}

/* The operations of the call are drawn, not yet begun. */
static void draw_flight(struct work_client *c, struct ar_flight *f)
{
    static const uint8_t whats[] = {AR_WRITE, AR_PUNCH, AR_READ, AR_READ};
    struct ar_work *w = c->work->priv;
    uint32_t bits;

    f->call = (struct ar_call){.id = value_id(&w->ids, &c->rng), .buf = f->buf};
    f->ops.nr = 0;
    draw_ranges(c, &f->call);
    bits = f->call.bits;
    for (uint8_t what = whats[below(c, 4)]; bits != 0;) {
        uint32_t chunk = (uint32_t)__builtin_ctz(bits) / AR_CHUNK;
        uint32_t mine = bits & ((1u << AR_CHUNK) - 1) << (chunk * AR_CHUNK);

        f->ops.op[f->ops.nr++] = (struct ar_op){.what = what, .id = f->call.id, .bits = mine};
        bits &= ~mine;
    }
}

static int launch(struct work_client *c, struct work_flight *fl)
{
    struct ar_flight *f = CONTAINER_OF(fl, struct ar_flight, fl);
    daos_handle_t oh = ((struct ar_client *)c->priv)->oh[0];
    struct ops *o = &f->ops;
    uint8_t what;

    draw_flight(c, f);
    what = o->op[0].what;
    if (what < AR_READS && crowded(c, o))
        return 1;
    for (uint32_t i = 0; i < o->nr; i++)
        o->id[i] = hist_call(domain(c, &o->op[i]), c->index, &o->op[i]);
    if (what == AR_PUNCH)
        return daos_array_punch(oh, DAOS_TX_NONE, &f->call.iod, &fl->ev);
    if (what == AR_READ) {
        memset(f->buf, FILL, BUF);
        return daos_array_read(oh, DAOS_TX_NONE, &f->call.iod, &f->call.sgl, &fl->ev);
    }
    fill_cells(&f->call);
    return daos_array_write(oh, DAOS_TX_NONE, &f->call.iod, &f->call.sgl, &fl->ev);
}

static void ended(struct work_client *c, struct work_flight *fl, int rc)
{
    struct ar_flight *f = CONTAINER_OF(fl, struct ar_flight, fl);
    uint16_t got[AR_CELLS];

    if (rc == 0 && f->ops.op[0].what == AR_READ)
        got_cells(&f->ops, &f->call, f->buf, got);
    end(c, &f->ops, restarted(c, rc));
}

static int burst(struct work_client *c)
{
    static const struct work_burst_ops ops = {launch, ended};
    struct ar_client *ac = c->priv;
    struct work_flight *f[FLIGHTS];

    for (uint32_t i = 0; i < FLIGHTS; i++)
        f[i] = &ac->flight[i].fl;
    return work_burst(c, &ops, f, 2 + below(c, FLIGHTS - 1), 2 + below(c, 12));
}

/* ---- The workload ---- */

#define MANY 16u /* possible states */

static bool undecided(const struct ar_work *w, uint32_t arr)
{
    uint32_t from = arr > 0 ? AR_CHUNKS - 1 + arr : 0, to = arr > 0 ? from : AR_CHUNKS - 1;

    for (; from <= to; from++)
        if (hist_states(w->h[from], NULL) >= MANY)
            return true;
    return false;
}

/* What was not known is decided chunk by chunk: all at once there are too many ways. */
static int look(struct work_client *c, bool all)
{
    int rc = 0;

    for (uint8_t arr = 0; arr < AR_ARRAYS; arr++)
        for (uint32_t i = 0; i < AR_CHUNKS && rc == 0 && (all || undecided(c->work->priv, arr));
             i++)
            rc = read_range(c, arr, i * AR_CHUNK, AR_CHUNK, CELLS_ONLY);
    return rc;
}

static int step(struct work_client *c)
{
    uint32_t r = below(c, 100);
    uint8_t own = c->index + 1 < AR_ARRAYS ? (uint8_t)(c->index + 1) : 0;
    struct ar_work *w = c->work->priv;
    bool settled = w->settled;
    int rc;

    w->settled = false;
    rc = look(c, settled);
    if (rc != 0)
        return work_over(rc);
    if (r < 5)
        rc = burst(c);
    else if (r < 30)
        rc = write_cells(c, r < 12);
    else if (r < 40)
        rc = punch_cells(c);
    else if (r < 70)
        rc = read_some(c, r < 46);
    else if (r < 80 || own == 0)
        rc = read_size(c, (uint8_t)(1 + below(c, AR_ARRAYS - 1)));
    else if (r < 92)
        rc = set_size(c, own);
    else if (r < 94)
        rc = destroy(c, own);
    else if (r < 97)
        rc = create(c, own);
    else
        rc = open_again(c, own);
    return work_over(rc);
}

static int verify(struct work_client *c)
{
    int rc = look(c, true);

    for (uint8_t i = 0; i < AR_ARRAYS && rc == 0; i++) {
        rc = i > 0 ? read_size(c, i) : 0;
        if (rc == 0)
            rc = read_range(c, i, 0, AR_CELLS, WITH_SIZE);
    }
    return rc;
}

static int setup(struct work_client *c)
{
    static const struct ar_state nothing;
    struct ar_work *w = work_priv(c->work, sizeof(*w));
    int rc = 0;

    for (uint32_t i = 0; i < DOMAINS; i++)
        w->h[i] = work_hist(c, &ar_spec, &nothing);
    for (uint32_t i = 0; i < AR_ARRAYS && rc == 0; i++) {
        w->oid[i].lo = i + 1;
        rc = daos_array_generate_oid(c->coh, &w->oid[i], true, OC_UNKNOWN, 0, 0);
    }
    return rc;
}

static void detach(struct work_client *c)
{
    struct ar_client *ac = c->priv;

    if (ac != NULL)
        work_client_end(c, ac->oh, AR_ARRAYS, daos_array_close);
}

static int attach(struct work_client *c)
{
    struct ar_client *ac = work_client_priv(c, sizeof(*ac));
    struct ar_work *w = c->work->priv;
    int rc = 0;

    for (uint32_t i = 0; i < AR_ARRAYS && rc == 0; i++)
        rc = daos_array_open_with_attr(c->coh, w->oid[i], DAOS_TX_NONE, DAOS_OO_RW,
                                       ar_cell_bytes[i], AR_CHUNK, &ac->oh[i], NULL);
    if (rc != 0)
        detach(c);
    return rc;
}

static void settle(struct work *w)
{
    ((struct ar_work *)w->priv)->settled = true;
}

WORKLOAD(array, .settle = settle);
