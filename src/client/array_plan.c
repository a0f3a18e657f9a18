/*
 * Ranges of an array become requests: cut at chunk borders; pieces of one chunk become one iod, and
 * each chunk one request. The buffers of a piece are slices of the program's sgl, whose iov_len say
 * how much of each is meant.
 */
#include <daos.h>
#include <stdlib.h>
#include <string.h>
#include "base/conf.h"
#include "client/array_plan.h"

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

int array_plan_make(struct plan *pl, const d_sg_list_t *sgl)
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

int array_plan_check(struct plan *pl, const d_sg_list_t *sgl)
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

bool array_part_simple(const struct obj *o, const daos_array_iod_t *iod, d_sg_list_t *sgl,
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

bool array_plan_simple(struct plan *pl, d_sg_list_t *sgl)
{
    if (pl->what == ARRAY_PUNCH || sgl == NULL || sgl->sg_nr > SIMPLE_IOVS ||
        !array_part_simple(pl->obj, pl->iod, sgl, &pl->one, &pl->one_recx))
        return false;
    memcpy(pl->one_iovs, sgl->sg_iovs, sgl->sg_nr * sizeof(*pl->one_iovs));
    pl->one.sgl.sg_iovs = pl->one_iovs;
    pl->parts = &pl->one;
    pl->nr = 1;
    pl->cells = pl->one_recx.rx_nr;
    pl->last = pl->iod->arr_rgs->rg_idx + pl->one_recx.rx_nr - 1;
    return true;
}
