/*
 * Fetches.
 *
 * What was asked for of an array is cut into pieces, each the engine's, the transaction's, or a
 * hole that it punched. The engine is asked for its pieces only, into slices of the program's
 * buffers, so that what is a hole there stays untouched; the others are copied.
 */
#include <daos_errno.h>
#include <stdlib.h>
#include <string.h>
#include "base/fail.h"
#include "client/obj_io.h"
#include "client/tx_own_int.h"

#define MAP_FIRST                                                                                  \
    256u /* extents of a map that are asked for before it is known how many there are */

/* ---- Bytes ---- */

static uint64_t room_of(const d_sg_list_t *sgl)
{
    uint64_t n = 0;

    for (uint32_t i = 0; i < sgl->sg_nr; i++)
        n += sgl->sg_iovs[i].iov_buf_len;
    return n;
}

static bool wants_data(const d_sg_list_t *sgl)
{
    return sgl != NULL && sgl->sg_nr > 0;
}

/* A place in what an update was given. */
struct source {
    const d_sg_list_t *sgl;
    uint64_t off;
};

/* Copies len bytes; false if there are fewer. */
static bool copy_from(char *to, struct source from, uint64_t len)
{
    uint64_t off = from.off;

    for (uint32_t i = 0; len > 0 && from.sgl != NULL && i < from.sgl->sg_nr; i++) {
        const d_iov_t *v = &from.sgl->sg_iovs[i];
        uint64_t n;

        if (off >= v->iov_len) {
            off -= v->iov_len;
            continue;
        }
        n = MIN(len, v->iov_len - off);
        memcpy(to, (const char *)v->iov_buf + off, n);
        to += n;
        len -= n;
        off = 0;
    }
    return len == 0;
}

/* Calls for each slice of [off, off + len) of the program's buffers. */
static bool fill(const d_sg_list_t *sgl, uint64_t off, uint64_t len, const struct source *from)
{
    struct source at = from != NULL ? *from : (struct source){0};
    bool ok = true;

    for (uint32_t i = 0; len > 0 && i < sgl->sg_nr; i++) {
        const d_iov_t *v = &sgl->sg_iovs[i];
        uint64_t n;

        if (off >= v->iov_buf_len) {
            off -= v->iov_buf_len;
            continue;
        }
        n = MIN(len, v->iov_buf_len - off);
        if (from == NULL)
            memset((char *)v->iov_buf + off, 0, n);
        else
            ok = copy_from((char *)v->iov_buf + off, at, n) && ok;
        at.off += n;
        len -= n;
        off = 0;
    }
    return ok && len == 0;
}

/* Appends the slices to out, which has room for them; NULL: only counts. */
static uint32_t slice(const d_sg_list_t *sgl, uint64_t off, uint64_t len, d_sg_list_t *out)
{
    uint32_t nr = 0;

    for (uint32_t i = 0; len > 0 && i < sgl->sg_nr; i++) {
        const d_iov_t *v = &sgl->sg_iovs[i];
        uint64_t n;

        if (off >= v->iov_buf_len) {
            off -= v->iov_buf_len;
            continue;
        }
        n = MIN(len, v->iov_buf_len - off);
        if (out != NULL)
            d_iov_set(&out->sg_iovs[out->sg_nr++], (char *)v->iov_buf + off, n);
        nr++;
        len -= n;
        off = 0;
    }
    return nr;
}

/* ---- An array ---- */

struct piece {
    uint64_t idx, nr;
    uint64_t at;             /* records before it in the stream */
    const struct own_ext *e; /* NULL: the engine's */
};

struct get {
    struct own *o;
    const daos_key_t *dkey;
    daos_iod_t *iod;
    d_sg_list_t *sgl; /* NULL: sizes only */
    daos_iom_t *iom;
    bool zeros; /* holes in front of the end are zeros */
    struct own_akey a;
    struct piece *p;
    uint32_t nr;
    uint64_t records, rec_size, end;
    bool found;
    /* the engine's part */
    daos_recx_t *recxs;
    uint32_t recxs_nr;
    uint64_t base_end; /* in the stream of its pieces */
    daos_recx_t *map;
    uint32_t map_nr, map_max;
};

static void add(struct get *g, uint64_t idx, uint64_t nr, const struct own_ext *e)
{
    g->p[g->nr++] = (struct piece){idx, nr, g->records, e};
    if (e == NULL)
        g->recxs[g->recxs_nr++] = (daos_recx_t){idx, nr};
    g->records += nr;
}

static int cut(struct get *g)
{
    const struct own_exts *x = &g->a.exts;
    size_t max = 3 * (size_t)g->iod->iod_nr + 2 * (size_t)x->nr;

    g->p = arena_alloc(&g->o->mem, max * sizeof(*g->p));
    g->recxs = arena_alloc(&g->o->mem, max * sizeof(*g->recxs));
    if (g->p == NULL || g->recxs == NULL)
        return -DER_NOMEM;
    for (uint32_t i = 0; i < g->iod->iod_nr; i++) {
        uint64_t at = g->iod->iod_recxs[i].rx_idx, end = at + g->iod->iod_recxs[i].rx_nr;

        for (uint32_t k = own_exts_at(x, at); k < x->nr && x->e[k].start < end; k++) {
            const struct own_ext *e = &x->e[k];
            uint64_t from = MAX(e->start, at), to = MIN(e->end, end);

            if (from > at)
                add(g, at, from - at, NULL);
            add(g, from, to - from, e);
            at = to;
        }
        if (at < end)
            add(g, at, end - at, NULL);
    }
    if (g->a.hidden)
        g->recxs_nr = 0;
    return 0;
}

static bool has_data(const struct piece *p)
{
    return p->e != NULL && p->e->iod->iod_size > 0;
}

/* The record size that the transaction's pieces have, which must be the one that is expected. */
static int own_size(struct get *g)
{
    for (uint32_t i = 0; i < g->nr; i++) {
        if (!has_data(&g->p[i]))
            continue;
        if (g->rec_size != 0 && g->rec_size != g->p[i].e->iod->iod_size)
            return -DER_REC_SIZE;
        g->rec_size = g->p[i].e->iod->iod_size;
        g->found = true;
    }
    return 0;
}

/* The slices that the engine's pieces go to. */
static int base_sgl(struct get *g, d_sg_list_t *out)
{
    uint32_t n = 0;

    for (int fills = 0; fills < 2; fills++) {
        for (uint32_t i = 0; i < g->nr; i++)
            if (g->p[i].e == NULL)
                n += slice(g->sgl, g->p[i].at * g->rec_size, g->p[i].nr * g->rec_size,
                           fills ? out : NULL);
        if (fills)
            break;
        *out = (d_sg_list_t){.sg_iovs = arena_alloc(&g->o->mem, n * sizeof(d_iov_t))};
        if (out->sg_iovs == NULL)
            return -DER_NOMEM;
    }
    return 0;
}

/* Asks the engine; data: into the buffers, else for sizes and the map. */
static int ask_base(struct get *g, bool data)
{
    daos_iod_t iod = {.iod_name = g->iod->iod_name,
                      .iod_type = DAOS_IOD_ARRAY,
                      .iod_size = g->rec_size,
                      .iod_flags = g->zeros ? MSG_FETCH_ZEROS : 0,
                      .iod_nr = g->recxs_nr,
                      .iod_recxs = g->recxs};
    daos_iom_t iom = {.iom_flags = DAOS_IOMF_DETAIL, .iom_nr = g->map_max, .iom_recxs = g->map};
    d_sg_list_t sgl = {0};
    int rc = data ? base_sgl(g, &sgl) : 0;

    if (rc == 0)
        rc = own_base_fetch(g->o, DAOS_COND_PER_AKEY, g->dkey, 1, &iod, data ? &sgl : NULL,
                            g->iom != NULL ? &iom : NULL);
    if (rc != 0)
        return rc;
    g->found |= iod.iod_size > 0;
    if (iod.iod_size > 0)
        g->rec_size = iod.iod_size;
    g->map_nr = g->iom != NULL ? iom.iom_nr_out : 0;
    for (uint32_t i = 0; i < sgl.sg_nr; i++)
        g->base_end += sgl.sg_iovs[i].iov_len;
    return 0;
}

static int map_alloc(struct get *g, uint32_t max)
{
    g->map_max = max;
    g->map = arena_alloc(&g->o->mem, max * sizeof(*g->map));
    return g->map != NULL ? 0 : -DER_NOMEM;
}

/* The whole map, however many extents it has. */
static int base_map(struct get *g)
{
    int rc = 0;

    if (g->map_nr > g->map_max) {
        rc = map_alloc(g, g->map_nr);
        if (rc == 0)
            rc = ask_base(g, false);
    }
    return rc;
}

static int base_part(struct get *g)
{
    bool data = g->sgl != NULL;
    int rc = g->iom != NULL ? map_alloc(g, MAP_FIRST) : 0;

    if (rc != 0 || g->recxs_nr == 0)
        return rc;
    if (data && g->rec_size == 0) { /* where its pieces go is not known */
        rc = ask_base(g, false);
        if (rc != 0 || !g->found)
            return rc;
        if (g->records > room_of(g->sgl) / g->rec_size)
            return -DER_REC2BIG;
    }
    rc = ask_base(g, data);
    return rc != 0 ? rc : base_map(g);
}

/* The transaction's bytes, and zeros in holes. The bytes first: they say where the end is. */
static int own_part(struct get *g)
{
    uint64_t base = 0, size = g->rec_size;

    for (uint32_t i = 0; i < g->nr; i++) {
        const struct piece *p = &g->p[i];

        if (has_data(p)) {
            struct source from = {p->e->sgl, p->e->off + (p->idx - p->e->start) * size};

            if (g->sgl != NULL && !fill(g->sgl, p->at * size, p->nr * size, &from))
                return -DER_REC2BIG;
            g->end = MAX(g->end, (p->at + p->nr) * size);
        } else if (p->e == NULL) {
            if (g->base_end > base)
                g->end = MAX(g->end, p->at * size + MIN(g->base_end - base, p->nr * size));
            base += p->nr * size;
        }
    }
    return 0;
}

static void zero_holes(struct get *g)
{
    uint64_t base = 0, size = g->rec_size;

    for (uint32_t i = 0; i < g->nr; i++) {
        const struct piece *p = &g->p[i];
        uint64_t from = p->at * size, to = MIN(from + p->nr * size, g->end);

        if (has_data(p))
            continue;
        if (p->e == NULL && !g->a.hidden) { /* the engine has filled its own */
            from += g->base_end > base ? MIN(g->base_end - base, p->nr * size) : 0;
            base += p->nr * size;
        }
        if (from < to)
            fill(g->sgl, from, to - from, NULL);
    }
}

static int by_idx(const void *x, const void *y)
{
    const daos_recx_t *a = x, *b = y;

    return a->rx_idx < b->rx_idx ? -1 : a->rx_idx > b->rx_idx;
}

/* The engine's map and the transaction's pieces, ascending, neighbours put together. */
static int map_out(struct get *g)
{
    daos_recx_t *all = arena_alloc(&g->o->mem, ((size_t)g->map_nr + g->nr) * sizeof(*all));
    struct msg_fres res = {.rec_size = g->found ? g->rec_size : 0, .map = all};
    uint32_t n = MIN(g->map_nr, g->map_max), to = 0;

    if (all == NULL)
        return -DER_NOMEM;
    if (n > 0)
        memcpy(all, g->map, n * sizeof(*all));
    for (uint32_t i = 0; i < g->nr; i++)
        if (has_data(&g->p[i]))
            all[n++] = (daos_recx_t){g->p[i].idx, g->p[i].nr};
    qsort(all, n, sizeof(*all), by_idx);
    for (uint32_t i = 1; i < n; i++) {
        if (all[to].rx_idx + all[to].rx_nr == all[i].rx_idx)
            all[to].rx_nr += all[i].rx_nr;
        else
            all[++to] = all[i];
    }
    res.map_nr = res.map_total = n > 0 ? to + 1 : 0;
    io_fill_iom(g->iom, g->iod, &res);
    return 0;
}

static int fetch_array(struct get *g, uint64_t *end)
{
    int rc = cut(g);

    g->rec_size = g->iod->iod_size;
    if (rc == 0)
        rc = own_size(g);
    if (rc == 0 && g->found && g->sgl != NULL && g->records > room_of(g->sgl) / g->rec_size)
        rc = -DER_REC2BIG;
    if (rc == 0)
        rc = base_part(g);
    if (rc == -DER_REC2BIG && g->rec_size > 0)
        g->iod->iod_size = g->rec_size;
    if (rc == 0)
        rc = own_part(g);
    if (rc != 0)
        return rc;
    if (g->sgl != NULL && g->zeros)
        zero_holes(g);
    g->iod->iod_size = g->found ? g->rec_size : 0;
    if (g->sgl != NULL)
        io_sgl_filled(g->sgl, g->end);
    *end = g->end;
    return g->iom != NULL ? map_out(g) : 0;
}

/* ---- A single value ---- */

static int fetch_single(struct get *g, uint64_t *end)
{
    const daos_iod_t *own = g->a.single;
    uint64_t size = own != NULL ? own->iod_size : 0;
    struct msg_fres res = {.rec_size = size};
    struct source from = {g->a.single_sgl, 0};

    g->iod->iod_size = size;
    if (g->sgl != NULL && size > room_of(g->sgl))
        return -DER_REC2BIG;
    if (g->sgl != NULL && size > 0 && !fill(g->sgl, 0, size, &from))
        return -DER_REC2BIG;
    if (g->sgl != NULL)
        io_sgl_filled(g->sgl, size);
    if (g->iom != NULL)
        io_fill_iom(g->iom, g->iod, &res);
    *end = size;
    return 0;
}

/* ---- All akeys ---- */

/* What the transaction has not touched. */
static int fetch_base(struct get *g, uint64_t flags, uint64_t *end)
{
    int rc;

    g->iod->iod_flags &= ~(uint64_t)DAOS_COND_AKEY_FETCH; /* judged before */
    rc = own_base_fetch(g->o, flags & DAOS_COND_PER_AKEY, g->dkey, 1, g->iod, g->sgl, g->iom);
    *end = 0;
    for (uint32_t i = 0; rc == 0 && g->sgl != NULL && i < g->sgl->sg_nr; i++)
        *end += g->sgl->sg_iovs[i].iov_len;
    return rc;
}

static int fetch_one(struct get *g, uint64_t flags, uint64_t *end)
{
    uint64_t kept = g->iod->iod_flags;
    int rc = own_akey(g->o, g->dkey, &g->iod->iod_name, &g->a);

    if (rc != 0)
        return rc;
    g->zeros = (flags & DAOS_COND_PER_AKEY) && (g->iod->iod_flags & MSG_FETCH_ZEROS);
    if (g->iod->iod_type == DAOS_IOD_SINGLE && g->a.single_gone)
        return fetch_single(g, end);
    if (g->iod->iod_type == DAOS_IOD_ARRAY && (g->a.exts.nr > 0 || g->a.hidden))
        return fetch_array(g, end);
    rc = fetch_base(g, flags, end);
    g->iod->iod_flags = kept;
    return rc;
}

static bool skipped(const daos_iod_t *iod)
{
    return iod->iod_type == DAOS_IOD_NONE || (iod->iod_type == DAOS_IOD_ARRAY && iod->iod_nr == 0);
}

static int conditions(struct own *o, uint64_t flags, const daos_key_t *dkey, unsigned int nr,
                      const daos_iod_t *iods)
{
    int rc = flags & DAOS_COND_DKEY_FETCH ? own_dkey_exists(o, dkey) : 0;

    for (unsigned int i = 0; i < nr && rc == 0; i++) {
        uint64_t cond = flags & DAOS_COND_PER_AKEY ? iods[i].iod_flags : flags;

        if ((cond & DAOS_COND_AKEY_FETCH) && !skipped(&iods[i]))
            rc = own_akey_exists(o, dkey, &iods[i].iod_name);
    }
    return rc;
}

/* ends: of nr, may be NULL. */
static int fetch_merged(struct own *o, uint64_t flags, const daos_key_t *dkey, unsigned int nr,
                        daos_iod_t *iods, d_sg_list_t *sgls, daos_iom_t *ioms, uint64_t *ends)
{
    int rc = conditions(o, flags, dkey, nr, iods);

    for (unsigned int i = 0; i < nr && rc == 0; i++) {
        struct get g = {.o = o,
                        .dkey = dkey,
                        .iod = &iods[i],
                        .sgl = sgls != NULL && wants_data(&sgls[i]) ? &sgls[i] : NULL,
                        .iom = ioms != NULL ? &ioms[i] : NULL};
        uint64_t end = 0;

        if (skipped(&iods[i]))
            continue;
        rc = fetch_one(&g, flags, &end);
        if (ends != NULL)
            ends[i] = end;
    }
    return rc;
}

static int fetch_plain(struct own *o, uint64_t flags, const daos_key_t *dkey, unsigned int nr,
                       daos_iod_t *iods, d_sg_list_t *sgls, daos_iom_t *ioms, uint64_t *ends)
{
    int rc = own_base_fetch(o, flags, dkey, nr, iods, sgls, ioms);

    for (unsigned int i = 0; rc == 0 && ends != NULL && i < nr; i++) {
        ends[i] = 0;
        for (uint32_t k = 0; sgls != NULL && k < sgls[i].sg_nr; k++)
            ends[i] += sgls[i].sg_iovs[k].iov_len;
    }
    return rc;
}

int own_fetch_now(const struct own_read *r, uint64_t flags, const daos_key_t *dkey, unsigned int nr,
                  daos_iod_t *iods, d_sg_list_t *sgls, daos_iom_t *ioms, uint64_t *ends)
{
    struct own o;
    int rc = own_begin(&o, r, UINT32_MAX);

    if (rc != 0)
        return rc;
    rc = own_touches(&o, dkey) ? fetch_merged(&o, flags, dkey, nr, iods, sgls, ioms, ends)
                               : fetch_plain(&o, flags, dkey, nr, iods, sgls, ioms, ends);
    own_end(&o);
    return rc;
}

/* ---- Calls ---- */

static void give_back(const struct own_read *r)
{
    tx_put(r->tx);
    handle_put(r->held);
}

struct fetch {
    struct own_read r;
    uint64_t flags;
    daos_key_t dkey;
    unsigned int nr;
    daos_iod_t *iods;
    d_sg_list_t *sgls;
    daos_iom_t *ioms;
};

static int fetch_body(struct client *c, void *args)
{
    struct fetch *a = args;
    int rc = own_fetch_now(&a->r, a->flags, &a->dkey, a->nr, a->iods, a->sgls, a->ioms, NULL);

    (void)c;
    give_back(&a->r);
    return rc;
}

int own_fetch(const struct own_read *r, uint64_t flags, const daos_key_t *dkey, unsigned int nr,
              daos_iod_t *iods, d_sg_list_t *sgls, daos_iom_t *ioms, daos_event_t *ev)
{
    struct fetch a = {*r, flags, *dkey, nr, iods, sgls, ioms};
    int rc = client_run(ev, fetch_body, &a, sizeof(a));

    if (rc != 0 && ev != NULL) /* it did not start */
        give_back(r);
    return rc;
}

struct kv_get {
    struct own_read r;
    uint64_t flags;
    daos_key_t key;
    uint64_t number; /* the bytes of a number, which the caller does not keep */
    daos_size_t *size;
    void *buf;
};

static int kv_get_body(struct client *c, void *args)
{
    struct kv_get *a = args;
    daos_iod_t iod = {.iod_type = DAOS_IOD_SINGLE, .iod_size = DAOS_REC_ANY, .iod_nr = 1};
    d_sg_list_t sgl;
    d_iov_t iov;
    int rc;

    (void)c;
    if (daos_is_dkey_uint64(a->r.oid))
        a->key.iov_buf = &a->number;
    d_iov_set(&iod.iod_name, (void *)"0", 1);
    d_iov_set(&iov, a->buf, *a->size);
    sgl = (d_sg_list_t){.sg_nr = 1, .sg_iovs = &iov};
    rc = own_fetch_now(&a->r, a->flags, &a->key, 1, &iod, a->buf != NULL ? &sgl : NULL, NULL, NULL);
    if (rc == 0 || rc == -DER_REC2BIG)
        *a->size = iod.iod_size;
    give_back(&a->r);
    return rc;
}

int own_kv_get(const struct own_read *r, uint64_t flags, const daos_key_t *key, daos_size_t *size,
               void *buf, daos_event_t *ev)
{
    struct kv_get a = {.r = *r, .flags = flags, .key = *key, .size = size, .buf = buf};
    int rc;

    if (daos_is_dkey_uint64(r->oid))
        memcpy(&a.number, key->iov_buf, sizeof(a.number));
    rc = client_run(ev, kv_get_body, &a, sizeof(a));
    if (rc != 0 && ev != NULL)
        give_back(r);
    return rc;
}
