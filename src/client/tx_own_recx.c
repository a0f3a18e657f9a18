/*
 * Extents of an akey, and lists of them.
 *
 * A walk asks the engine for a few extents at a time. What the transaction's extents leave of them,
 * and those themselves, come out by index. The engine's place is kept in front of what did not come
 * out yet, which is asked for again.
 *
 * The anchor of a list holds besides the engine's place: in da_flags the seq of the newest
 * operation when it began, plus 1; in da_buf[1] whether the engine has no more; in da_sub_anchors
 * how far it got.
 */
#include <daos_errno.h>
#include <stdlib.h>
#include <string.h>
#include "base/fail.h"
#include "client/list.h"
#include "client/tx_own_int.h"

#define END      (UINT64_C(1) << 63)
#define BATCH    64u
#define SEQ_MASK (ANCHOR_ALONE - 1)
#define ENDED    1u /* da_buf[1] */

struct ext {
    uint64_t start, end;
    daos_epoch_range_t epr;
};

/* A batch of the engine's, ascending. */
struct base {
    uint32_t nr;
    daos_recx_t recxs[BATCH];
    daos_epoch_range_t eprs[BATCH];
    daos_size_t size;
    daos_anchor_t after;
};

/* ---- Begin ---- */

/* Is what the engine has a single value? */
static int base_single(struct own *o, const struct own_walk *w, bool *yes)
{
    daos_iod_t iod = {
        .iod_name = *w->akey, .iod_type = DAOS_IOD_SINGLE, .iod_size = DAOS_REC_ANY, .iod_nr = 1};
    int rc = own_base_fetch(o, 0, w->dkey, 1, &iod, NULL, NULL);

    *yes = rc == 0 && iod.iod_size > 0;
    return rc;
}

int own_walk_begin(struct own *o, struct own_walk *w, const daos_key_t *dkey,
                   const daos_key_t *akey, bool down)
{
    bool single = false;
    int rc;

    memset(w, 0, sizeof(*w));
    w->dkey = dkey;
    w->akey = akey;
    w->down = down;
    w->pos = down ? END : 0;
    rc = own_akey(o, dkey, akey, &w->a);
    w->base_done = w->a.hidden || w->a.single != NULL;
    /* A punch of a single value hides no array; a value over an array is the commit's to refuse. */
    if (rc == 0 && w->a.single_gone && !w->base_done) {
        rc = base_single(o, w, &single);
        w->base_done = single;
    }
    return rc;
}

/* ---- A step ---- */

static int ask(struct own *o, const struct own_walk *w, uint32_t max, daos_anchor_t *at,
               struct base *b)
{
    int rc;

    b->nr = MIN(max, BATCH);
    rc = own_base_recxs(o, w->dkey, w->akey, &b->size, &b->nr, b->recxs, b->eprs, at, !w->down);
    if (rc != 0)
        return rc;
    for (uint32_t i = 0; w->down && i < b->nr / 2; i++) {
        daos_recx_t r = b->recxs[i];
        daos_epoch_range_t e = b->eprs[i];

        b->recxs[i] = b->recxs[b->nr - 1 - i];
        b->eprs[i] = b->eprs[b->nr - 1 - i];
        b->recxs[b->nr - 1 - i] = r;
        b->eprs[b->nr - 1 - i] = e;
    }
    return 0;
}

/* The window that the batch says all about. */
static void window(const struct own_walk *w, struct base *b, uint64_t *lo, uint64_t *hi)
{
    bool eof = w->base_done || daos_anchor_is_eof(&b->after);

    if (w->down) {
        *hi = w->pos;
        *lo = eof ? 0 : b->nr > 0 ? MIN(b->recxs[0].rx_idx, w->pos) : w->pos;
    } else {
        *lo = w->pos;
        *hi = eof         ? END
              : b->nr > 0 ? MAX(b->recxs[b->nr - 1].rx_idx + b->recxs[b->nr - 1].rx_nr, w->pos)
                          : w->pos;
    }
}

static int by_start(const void *x, const void *y)
{
    const struct ext *a = x, *b = y;

    return a->start < b->start ? -1 : a->start > b->start;
}

/* What the transaction's extents leave of the engine's between lo and hi. */
static uint32_t leave(const struct own_walk *w, const struct base *b, uint64_t lo, uint64_t hi,
                      struct ext *out)
{
    const struct own_exts *x = &w->a.exts;
    uint32_t n = 0;

    for (uint32_t i = 0; i < b->nr; i++) {
        uint64_t at = MAX(b->recxs[i].rx_idx, lo);
        uint64_t end = MIN(b->recxs[i].rx_idx + b->recxs[i].rx_nr, hi);

        for (uint32_t k = own_exts_at(x, at); at < end && k < x->nr && x->e[k].start < end; k++) {
            if (x->e[k].start > at)
                out[n++] = (struct ext){at, x->e[k].start, b->eprs[i]};
            at = x->e[k].end;
        }
        if (at < end)
            out[n++] = (struct ext){at, end, b->eprs[i]};
    }
    return n;
}

/* The transaction's own that reach into [lo, hi); they are not cut at its far end: nothing of the
 * engine's can be in them. */
static uint32_t take_own(const struct own_walk *w, uint64_t lo, uint64_t hi, struct ext *out)
{
    const struct own_exts *x = &w->a.exts;
    uint32_t n = 0;

    for (uint32_t k = own_exts_at(x, lo); k < x->nr && x->e[k].start < hi; k++) {
        const struct own_ext *e = &x->e[k];

        if (e->iod->iod_size > 0)
            out[n++] = (struct ext){w->down ? e->start : MAX(e->start, lo),
                                    w->down ? MIN(e->end, hi) : e->end,
                                    {DAOS_EPOCH_MAX, DAOS_EPOCH_MAX}};
    }
    return n;
}

static int rec_size_of(const struct own_walk *w, const struct base *b, uint64_t *size)
{
    *size = b->nr > 0 ? b->size : 0;
    for (uint32_t k = 0; k < w->a.exts.nr; k++) {
        uint64_t own = w->a.exts.e[k].iod->iod_size;

        if (own != 0 && *size != 0 && own != *size)
            return -DER_REC_SIZE;
        if (own != 0)
            *size = own;
    }
    return 0;
}

/* The engine's place in front of what is not behind pos. */
static int go_back(struct own *o, struct own_walk *w, struct base *b)
{
    daos_anchor_t at = w->base;
    uint32_t done = 0;
    int rc = 0;

    for (uint32_t i = 0; i < b->nr; i++)
        done += w->down ? b->recxs[i].rx_idx >= w->pos
                        : b->recxs[i].rx_idx + b->recxs[i].rx_nr <= w->pos;
    if (done == b->nr) {
        w->base = b->after;
        w->base_done = daos_anchor_is_eof(&b->after);
        return 0;
    }
    while (rc == 0 && done > 0) {
        rc = ask(o, w, done, &at, b);
        done -= MIN(done, b->nr);
    }
    w->base = at;
    return rc;
}

static void out(struct own_walk *w, const struct ext *e, uint32_t n, uint32_t max, uint32_t *nr,
                daos_recx_t *recxs, daos_epoch_range_t *eprs)
{
    for (uint32_t i = 0; i < n && *nr < max; i++) {
        const struct ext *x = &e[w->down ? n - 1 - i : i];

        recxs[*nr] = (daos_recx_t){x->start, x->end - x->start};
        if (eprs != NULL)
            eprs[*nr] = x->epr;
        ++*nr;
        w->pos = w->down ? x->start : x->end;
    }
}

static int step(struct own *o, struct own_walk *w, uint32_t max, uint32_t *nr, daos_recx_t *recxs,
                daos_epoch_range_t *eprs, uint64_t *rec_size)
{
    struct base b = {.after = w->base};
    uint64_t lo, hi;
    struct ext *e;
    uint32_t n, before = *nr;
    int rc = w->base_done ? 0 : ask(o, w, max - *nr, &b.after, &b);

    if (rc == 0)
        rc = rec_size_of(w, &b, rec_size);
    e = rc == 0 ? arena_alloc(&o->mem, (b.nr + 2 * (size_t)w->a.exts.nr) * sizeof(*e)) : NULL;
    if (rc == 0 && e == NULL)
        rc = -DER_NOMEM;
    if (rc != 0)
        return rc;
    window(w, &b, &lo, &hi);
    n = leave(w, &b, lo, hi, e);
    n += take_own(w, lo, hi, e + n);
    qsort(e, n, sizeof(*e), by_start);
    out(w, e, n, max, nr, recxs, eprs);
    if (*nr - before == n) /* all of it: on behind the window, or what reached out of it */
        w->pos = w->down ? MIN(w->pos, lo) : MAX(w->pos, hi);
    w->done = w->pos == (w->down ? 0 : END);
    return w->base_done ? 0 : go_back(o, w, &b);
}

static void next_single(struct own_walk *w, uint32_t *nr, daos_recx_t *recxs,
                        daos_epoch_range_t *eprs, uint64_t *rec_size)
{
    *nr = 1;
    recxs[0] = (daos_recx_t){0, 1};
    if (eprs != NULL)
        eprs[0] = (daos_epoch_range_t){DAOS_EPOCH_MAX, DAOS_EPOCH_MAX};
    *rec_size = w->a.single->iod_size;
    w->done = true;
}

int own_walk_next(struct own *o, struct own_walk *w, uint32_t *nr, daos_recx_t *recxs,
                  daos_epoch_range_t *eprs, uint64_t *rec_size)
{
    uint32_t max = *nr;
    int rc = 0;

    *nr = 0;
    *rec_size = 0;
    if (w->a.single != NULL && !w->done) {
        next_single(w, nr, recxs, eprs, rec_size);
        return 0;
    }
    while (rc == 0 && !w->done && *nr == 0)
        rc = step(o, w, max, nr, recxs, eprs, rec_size);
    return rc;
}

/* ---- Lists ---- */

static uint32_t begun_at(const daos_anchor_t *a)
{
    uint32_t seq = a->da_flags & SEQ_MASK;

    return a->da_type == DAOS_ANCHOR_TYPE_ZERO || seq == 0 ? UINT32_MAX : seq - 1;
}

static void resume(struct own_walk *w, const daos_anchor_t *a)
{
    if (begun_at(a) == UINT32_MAX)
        return;
    w->base = *a;
    w->base.da_flags = 0;
    w->base.da_sub_anchors = 0;
    w->base_done = w->base_done || (a->da_buf[1] & ENDED) != 0;
    w->pos = a->da_sub_anchors;
}

static void suspend(const struct own *o, const struct own_walk *w, daos_anchor_t *a)
{
    uint32_t seq = begun_at(a) == UINT32_MAX ? o->seq : begun_at(a);

    *a = w->base;
    a->da_type = w->done ? DAOS_ANCHOR_TYPE_EOF : DAOS_ANCHOR_TYPE_HKEY;
    if (w->base.da_type == DAOS_ANCHOR_TYPE_ZERO)
        a->da_buf[0] = 0;
    a->da_flags = seq + 1;
    a->da_buf[1] = w->base_done ? ENDED : 0;
    a->da_sub_anchors = w->pos;
}

struct list_args {
    struct own_read r;
    daos_key_t dkey, akey;
    daos_size_t *size;
    uint32_t *nr;
    daos_recx_t *recxs;
    daos_epoch_range_t *eprs;
    daos_anchor_t *anchor;
    bool down;
};

static int list_merged(struct own *o, struct list_args *a)
{
    uint64_t rec_size;
    struct own_walk w;
    int rc = own_walk_begin(o, &w, &a->dkey, &a->akey, a->down);

    if (rc != 0)
        return rc;
    resume(&w, a->anchor);
    rc = own_walk_next(o, &w, a->nr, a->recxs, a->eprs, &rec_size);
    if (rc != 0)
        return rc;
    if (a->size != NULL)
        *a->size = rec_size;
    suspend(o, &w, a->anchor);
    return 0;
}

static int list_body(struct client *c, void *args)
{
    struct list_args *a = args;
    struct own o;
    int rc = 0;

    (void)c;
    if (daos_anchor_is_eof(a->anchor)) {
        *a->nr = 0;
    } else {
        rc = own_begin(&o, &a->r, begun_at(a->anchor));
        if (rc == 0) {
            rc = list_merged(&o, a);
            own_end(&o);
        }
    }
    tx_put(a->r.tx);
    handle_put(a->r.held);
    return rc;
}

int own_list_recx(const struct own_read *r, const daos_key_t *dkey, const daos_key_t *akey,
                  daos_size_t *size, uint32_t *nr, daos_recx_t *recxs, daos_epoch_range_t *eprs,
                  daos_anchor_t *anchor, bool incr_order, daos_event_t *ev)
{
    struct list_args a = {*r, *dkey, *akey, size, nr, recxs, eprs, anchor, !incr_order};
    int rc = client_run(ev, list_body, &a, sizeof(a));

    if (rc != 0 && ev != NULL) { /* it did not start */
        tx_put(r->tx);
        handle_put(r->held);
    }
    return rc;
}
