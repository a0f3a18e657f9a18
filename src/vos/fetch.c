/*
 * Reading values. Heap bytes are verified, and copied when the caller says that this run of the
 * fetch is the one that is answered; for bytes in data extents the caller gets pieces to read and
 * verify, under a read ticket that keeps the extents from being reused.
 */
#include <stdlib.h>
#include <sys/uio.h>
#include "vos/priv.h"

/* One fetch under way. */
struct get {
    struct vos_cont *c;
    struct vos_fetch *f;
    struct arena *mem; /* of what goes out; made with the first piece */
    uint32_t piece_max;
};

/* Notes bytes for dst; src NULL: zeros. */
static int copy_add(struct get *g, uint16_t iod, uint64_t dst_off, const void *src, uint64_t len)
{
    struct vos_fetch *f = g->f;

    if (len == 0)
        return 0;
    if (f->copy_nr == f->copy_max) {
        uint32_t max = f->copy_max * 4;
        struct vos_copy *n = arena_alloc(&g->c->v->scratch, max * sizeof *n);

        if (n == NULL)
            return -DER_NOMEM;
        memcpy(n, f->copies, f->copy_nr * sizeof *n);
        f->copies = n;
        f->copy_max = max;
    }
    f->copies[f->copy_nr++] =
        (struct vos_copy){.src = src, .dst_off = dst_off, .len = len, .iod = iod};
    return 0;
}

static void to_dst(const struct vos_fetch_iod *iod, const struct vos_copy *c)
{
    uint64_t off = c->dst_off, left = c->len;
    const uint8_t *from = c->src;

    for (uint32_t i = 0; i < iod->dst_nr && left; i++) {
        uint64_t n;

        if (off >= iod->dst[i].iov_len) {
            off -= iod->dst[i].iov_len;
            continue;
        }
        n = MIN(left, iod->dst[i].iov_len - off);
        if (from) {
            memcpy((uint8_t *)iod->dst[i].iov_base + off, from, n);
            from += n;
        } else {
            memset((uint8_t *)iod->dst[i].iov_base + off, 0, n);
        }
        left -= n;
        off = 0;
    }
    ASSERT(left == 0); /* the room was looked at before */
}

void vos_fetch_copy(struct vos_fetch *f, const struct vos_fetch_iod *iods)
{
    for (uint32_t i = 0; i < f->copy_nr; i++)
        to_dst(&iods[f->copies[i].iod], &f->copies[i]);
    f->copy_nr = 0;
}

static uint64_t dst_room(const struct vos_fetch_iod *iod)
{
    uint64_t room = 0;

    for (uint32_t i = 0; i < iod->dst_nr; i++)
        room += iod->dst[i].iov_len;
    return room;
}

static struct arena *piece_mem(struct get *g)
{
    if (g->mem == NULL) {
        g->mem = base_alloc(sizeof *g->mem);
        if (g->mem == NULL)
            return NULL;
        arena_init(g->mem, 1024);
        g->f->arena = g->mem;
    }
    return g->mem;
}

/* Most fetches have one piece, for which f has room. */
static struct vos_piece *piece_add(struct get *g)
{
    struct vos_fetch *f = g->f;

    if (f->piece_nr == 0) {
        f->pieces = &f->one;
        g->piece_max = 1;
    }
    if (f->piece_nr == g->piece_max) {
        uint32_t max = g->piece_max * 4;
        struct arena *mem = piece_mem(g);
        struct vos_piece *n = mem != NULL ? arena_alloc(mem, max * sizeof *n) : NULL;

        if (n == NULL)
            return NULL;
        memcpy(n, f->pieces, f->piece_nr * sizeof *n);
        f->pieces = n;
        g->piece_max = max;
    }
    memset(&f->pieces[f->piece_nr], 0, sizeof *f->pieces);
    return &f->pieces[f->piece_nr++];
}

/* A copy that stays as long as the fetch. */
static const uint8_t *piece_csums(struct get *g, const uint8_t *from, size_t len)
{
    struct vos_fetch *f = g->f;

    if (f->piece_nr == 1 && len <= sizeof f->one_csums)
        return memcpy(f->one_csums, from, len);
    return piece_mem(g) != NULL ? arena_memdup(g->mem, from, len) : NULL;
}

/* Piece `ix` of a value in data extents: wanted bytes [off, off + len) of that extent, which holds
 * `bytes`; a checksum covers `chunk`. csum0: its first checksum. */
static int piece_out(struct get *g, uint16_t iod, const struct layout *l, const uint8_t *rec,
                     uint32_t ix, uint32_t csum0, uint64_t bytes, uint64_t chunk, uint64_t off,
                     uint64_t len, uint64_t dst_off)
{
    struct vos_piece *p = piece_add(g);
    uint64_t loc;

    if (p == NULL)
        return -DER_NOMEM;
    memcpy(&loc, rec + l->loc_off + ix * 8, 8);
    p->iod = iod;
    p->dst_off = dst_off;
    p->ext_off = off;
    p->len = len;
    p->ext.block = DATA_LOC_BLOCK(loc);
    p->ext.nr = DATA_LOC_NR(loc);
    p->ext_bytes = bytes;
    p->chunk_bytes = chunk;
    if (l->flags & VER_CSUM) {
        uint32_t first = csum0 + (uint32_t)(off / chunk),
                 last = csum0 + (uint32_t)((off + len - 1) / chunk);

        p->csum_type = l->csum_type;
        p->csum_len = (uint16_t)l->csum_len;
        p->csums = piece_csums(g, rec + l->csum_off + 1 + first * l->csum_len,
                               (last - first + 1) * l->csum_len);
        if (p->csums == NULL)
            return -DER_NOMEM;
    }
    return 0;
}

/* The value of the version at rec. */
static int single_out(struct get *g, const struct layout *l, const uint8_t *rec, uint64_t epoch,
                      uint16_t ix, struct vos_fetch_iod *iod)
{
    struct heap *h = g->c->v->h;
    const uint8_t *bytes;
    uint64_t done = 0;
    int rc = 0;

    iod->rec_size = l->bytes;
    iod->end = l->bytes;
    g->f->epoch = MAX(g->f->epoch, epoch);
    if (iod->map_max) {
        iod->map[0] = (daos_recx_t){.rx_idx = 0, .rx_nr = 1};
        iod->map_nr = 1;
    }
    if (iod->dst == NULL)
        return 0;
    if (dst_room(iod) < l->bytes)
        return -DER_REC2BIG;
    if (!(l->flags & VER_DATA)) {
        rc = layout_bytes(h, l, rec, true, &bytes);
        return rc ? rc : copy_add(g, ix, 0, bytes, l->bytes);
    }
    if (l->flags & VER_CORRUPT)
        return -DER_CSUM;
    for (uint32_t i = 0; i < l->loc_nr && rc == 0; i++) {
        uint64_t loc, len;

        memcpy(&loc, rec + l->loc_off + i * 8, 8);
        len = MIN(l->bytes - done, (uint64_t)DATA_LOC_NR(loc) * SPACE_BLOCK);
        rc = piece_out(g, ix, l, rec, i, i, len, len, 0, len, done);
        done += len;
    }
    return rc;
}

static int fetch_single(struct get *g, const struct view *v, uint64_t akey, uint16_t ix,
                        struct vos_fetch_iod *iod)
{
    struct when w;
    uint64_t off;
    const uint8_t *rec;
    struct layout l;
    int rc = single_find(v, akey, &off, &w);

    if (rc)
        return rc == -DER_NONEXIST ? 0 : rc;
    rc = layout_single(g->c->v->h, off, &l, &rec);
    return rc ? rc : single_out(g, &l, rec, w.epoch, ix, iod);
}

static void map_add(struct vos_fetch_iod *iod, uint64_t idx, uint64_t nr)
{
    daos_recx_t *last =
        iod->map_nr && iod->map_nr <= iod->map_max ? &iod->map[iod->map_nr - 1] : NULL;

    if (last && last->rx_idx + last->rx_nr == idx) {
        last->rx_nr += nr;
        return;
    }
    if (iod->map_nr < iod->map_max)
        iod->map[iod->map_nr] = (daos_recx_t){.rx_idx = idx, .rx_nr = nr};
    iod->map_nr++;
}

static int by_idx(const void *x, const void *y)
{
    const daos_recx_t *a = x, *b = y;

    return a->rx_idx < b->rx_idx ? -1 : a->rx_idx > b->rx_idx;
}

/* Extents asked for in any order: the map is ascending and merged all the same. */
static void map_sort(struct vos_fetch_iod *iod)
{
    uint32_t n = MIN(iod->map_nr, iod->map_max), to = 0;

    if (n < 2)
        return;
    qsort(iod->map, n, sizeof *iod->map, by_idx);
    for (uint32_t i = 1; i < n; i++) {
        if (iod->map[to].rx_idx + iod->map[to].rx_nr == iod->map[i].rx_idx)
            iod->map[to].rx_nr += iod->map[i].rx_nr;
        else
            iod->map[++to] = iod->map[i];
    }
    iod->map_nr -= n - (to + 1);
}

/* Bytes of one visible stretch. base: where the asked extent's stream begins, from: its first
 * record. */
static int fetch_piece(struct get *g, uint16_t ix, const struct piece *p, uint64_t base,
                       uint64_t from)
{
    uint64_t in_ext = (p->start - p->ext_start) * p->rec_size, len = p->nr * p->rec_size;
    uint64_t dst_off = base + (p->start - from) * p->rec_size;
    const uint8_t *rec, *bytes;
    struct layout l;
    int rc = layout_ext(g->c->v->h, p->off, &l, &rec);

    if (rc)
        return rc;
    if (l.flags & VER_DATA) {
        if (l.flags & VER_CORRUPT)
            return -DER_CSUM;
        return piece_out(g, ix, &l, rec, 0, 0, l.bytes, l.csum_unit, in_ext, len, dst_off);
    }
    rc = layout_bytes(g->c->v->h, &l, rec, true, &bytes);
    return rc ? rc : copy_add(g, ix, dst_off, bytes + in_ext, len);
}

/* Zeros between what is there of one asked extent, whose stream begins at base, as far as anything
 * exists. */
static int fill_holes(struct get *g, uint16_t ix, const struct vos_fetch_iod *iod,
                      const daos_recx_t *recx, const struct pieces *out, uint64_t base,
                      uint64_t size)
{
    uint64_t at = base, end = MIN(base + recx->rx_nr * size, iod->end);

    for (uint32_t k = 0; k < out->nr; k++) {
        uint64_t to = base + (out->p[k].start - recx->rx_idx) * size;
        int rc = copy_add(g, ix, at, NULL, to - at);

        if (rc)
            return rc;
        at = to + out->p[k].nr * size;
    }
    return at < end ? copy_add(g, ix, at, NULL, end - at) : 0;
}

/* First what is there (which tells the record size, and with it where each asked extent lies in the
 * stream), then the bytes. */
static int fetch_array(struct get *g, const struct view *v, uint64_t akey, uint16_t ix,
                       struct vos_fetch_iod *iod)
{
    struct pieces *out = arena_calloc(&g->c->v->scratch, MAX(iod->recx_nr, 1u), sizeof *out);
    uint64_t size = iod->rec_size, found = 0, base = 0, room = dst_room(iod);
    bool ordered = true;

    if (out == NULL)
        return -DER_NOMEM;
    for (uint32_t i = 0; i < iod->recx_nr; i++) {
        uint64_t from = iod->recxs[i].rx_idx, nr = iod->recxs[i].rx_nr;
        int rc;

        if (nr == 0 || from >> 63 || nr > (UINT64_C(1) << 63) - from)
            return -DER_INVAL;
        ordered &= i == 0 || from >= iod->recxs[i - 1].rx_idx;
        rc = array_visible(v, akey, from, from + nr, false, 0, &g->c->v->scratch, &out[i], NULL);
        if (rc)
            return rc;
        for (uint32_t k = 0; k < out[i].nr; k++) {
            if (size && size != out[i].p[k].rec_size)
                return -DER_REC_SIZE;
            found = size = out[i].p[k].rec_size;
            g->f->epoch = MAX(g->f->epoch, out[i].p[k].w.epoch);
            map_add(iod, out[i].p[k].start, out[i].p[k].nr);
        }
    }
    iod->rec_size = found;
    if (!ordered)
        map_sort(iod);
    for (uint32_t i = 0; i < iod->recx_nr; i++) {
        const struct piece *last = out[i].nr ? &out[i].p[out[i].nr - 1] : NULL;

        if (last)
            iod->end = MAX(iod->end, base + (last->start + last->nr - iod->recxs[i].rx_idx) * size);
        base += iod->recxs[i].rx_nr * size;
    }
    base = 0;
    for (uint32_t i = 0; i < iod->recx_nr && iod->dst && found; i++) {
        if (base > room || iod->recxs[i].rx_nr > (room - base) / size)
            return -DER_REC2BIG;
        for (uint32_t k = 0; k < out[i].nr; k++) {
            int rc = fetch_piece(g, ix, &out[i].p[k], base, iod->recxs[i].rx_idx);

            if (rc)
                return rc;
        }
        if (iod->cond & VOS_FETCH_ZEROS) {
            int rc = fill_holes(g, ix, iod, &iod->recxs[i], &out[i], base, size);

            if (rc)
                return rc;
        }
        base += iod->recxs[i].rx_nr * size;
    }
    return 0;
}

static bool is_akey(const struct pack *p, const struct vos_fetch_iod *iod)
{
    return p->type == iod->type && p->akey.len == iod->akey.len &&
           memcmp(p->akey.buf, iod->akey.buf, p->akey.len) == 0;
}

/* The only value of a packed dkey: what fetch_iod() answers, with one look at the record, because
 * most reads are this one. */
static int fetch_packed(struct get *g, const struct view *v, const struct pack *p, uint16_t ix,
                        struct vos_fetch_iod *iod)
{
    bool is = is_akey(p, iod);
    const uint8_t *rec;
    struct layout l;
    int rc;

    iod->rec_size = 0;
    if (is && p->w.epoch > v->epoch && (p->flags & VER_CUT) && !v->exact)
        return -DER_TX_RESTART;
    if (!is || !view_sees(v, p->w)) {
        rc = view_absent(v);
        return rc == -DER_NONEXIST ? 0 : rc;
    }
    rc = pack_single(g->c->v->h, p, &l, &rec);
    return rc ? rc : single_out(g, &l, rec, p->w.epoch, ix, iod);
}

/* Does the one extent of a packed dkey show all of the one extent that is asked for? Then neither
 * holes nor other extents have to be looked for. */
static bool shows_all(const struct view *v, const struct pack *p, const struct vos_fetch_iod *iod)
{
    const daos_recx_t *x = iod->recxs;

    return is_akey(p, iod) && iod->recx_nr == 1 && x->rx_nr > 0 && x->rx_idx >= p->start &&
           x->rx_idx - p->start < p->nr &&
           (x->rx_nr <= p->nr - (x->rx_idx - p->start) || MUTANT(PACK_SHOWS_MORE)) &&
           p->rec_size != 0 && !(p->flags & VER_TOMBSTONE) && view_sees(v, p->w) &&
           pack_ext(p) == 0;
}

/* What fetch_array() answers then: a block of a file, mostly. */
static int fetch_shown(struct get *g, const struct pack *p, uint16_t ix, struct vos_fetch_iod *iod)
{
    const daos_recx_t *x = iod->recxs;
    struct piece shown = {.start = x->rx_idx,
                          .nr = x->rx_nr,
                          .off = p->ver,
                          .ext_start = p->start,
                          .ext_nr = p->nr,
                          .rec_size = p->rec_size};

    if (iod->rec_size != 0 && iod->rec_size != p->rec_size)
        return -DER_REC_SIZE;
    iod->rec_size = p->rec_size;
    iod->end = x->rx_nr * p->rec_size;
    g->f->epoch = MAX(g->f->epoch, p->w.epoch);
    map_add(iod, x->rx_idx, x->rx_nr);
    if (iod->dst == NULL)
        return 0;
    return x->rx_nr > dst_room(iod) / p->rec_size ? -DER_REC2BIG
                                                  : fetch_piece(g, ix, &shown, 0, x->rx_idx);
}

static int fetch_iod(struct get *g, const struct view *v, daos_obj_id_t oid, uint64_t dkey,
                     uint16_t ix, struct vos_fetch_iod *iod)
{
    uint64_t akey, expect = iod->rec_size;
    struct akey_rec a;
    struct view in = *v;
    int rc = akey_find(g->c->v->h, dkey, oid, &iod->akey, (uint8_t)iod->type, &akey);

    iod->rec_size = 0;
    if (rc == -DER_NONEXIST) {
        rc = view_absent(v);
        return rc == -DER_NONEXIST ? 0 : rc;
    }
    if (rc)
        return rc;
    rc = akey_look(g->c->v->h, akey, &a);
    if (rc)
        return rc;
    if ((a.flags & KEY_DEAD) && v->epoch == DAOS_EPOCH_MAX)
        return 0;
    rc = view_life(&in, a.life);
    if (rc)
        return rc;
    if (iod->type == DAOS_IOD_SINGLE)
        return fetch_single(g, &in, akey, ix, iod);
    iod->rec_size = expect;
    return fetch_array(g, &in, akey, ix, iod);
}

static int conditions(const struct view *v, uint64_t cond, daos_obj_id_t oid,
                      const struct vos_key *dkey, uint32_t nr, const struct vos_fetch_iod *iods)
{
    uint64_t changed;
    bool yes;
    int rc;

    if (cond & DAOS_COND_DKEY_FETCH) {
        rc = key_probe(v, VOS_DKEY, oid, dkey, NULL, &yes, &changed);
        if (rc || !yes)
            return rc ? rc : -DER_NONEXIST;
    }
    for (uint32_t i = 0; i < nr; i++) {
        if (!((cond | iods[i].cond) & DAOS_COND_AKEY_FETCH))
            continue;
        rc = key_probe(v, VOS_AKEY, oid, dkey, &iods[i].akey, &yes, &changed);
        if (rc || !yes)
            return rc ? rc : -DER_NONEXIST;
    }
    return 0;
}

static int run(struct get *g, uint64_t epoch, uint64_t cond, daos_obj_id_t oid,
               const struct vos_key *dkey, uint32_t nr, struct vos_fetch_iod *iods)
{
    struct dkey_rec d;
    struct pack p;
    uint64_t obj, dk;
    struct view v;
    bool packed = false;
    int rc;

    view_init(&v, g->c, epoch);
    rc = conditions(&v, cond, oid, dkey, nr, iods);
    if (rc)
        return rc;
    rc = obj_find(g->c, oid, &obj);
    if (rc == -DER_NONEXIST)
        return view_no_obj(&v);
    if (rc == 0)
        rc = view_obj(&v, obj);
    if (rc)
        return rc;
    rc = dkey_find(g->c->v->h, obj, oid, dkey, &dk);
    if (rc == -DER_NONEXIST)
        return view_absent(&v);
    if (rc)
        return rc;
    rc = pack_try(g->c->v->h, dk, &p, &packed);
    if (rc == 0 && !packed)
        rc = dkey_look(g->c->v->h, dk, &d);
    if (rc == 0 && !packed)
        rc = view_life(&v, d.life);
    for (uint32_t i = 0; i < nr && rc == 0; i++)
        if (packed && p.type == DAOS_IOD_SINGLE && iods[i].type == DAOS_IOD_SINGLE)
            rc = fetch_packed(g, &v, &p, (uint16_t)i, &iods[i]);
        else if (packed && iods[i].type == DAOS_IOD_ARRAY && shows_all(&v, &p, &iods[i]))
            rc = fetch_shown(g, &p, (uint16_t)i, &iods[i]);
        else
            rc = fetch_iod(g, &v, oid, dk, (uint16_t)i, &iods[i]);
    return rc;
}

static int check(daos_obj_id_t oid, uint64_t cond, const struct vos_key *dkey, uint32_t nr,
                 const struct vos_fetch_iod *iods)
{
    int rc = key_check(dkey_korder(oid), dkey);

    if (cond & ~(uint64_t)(DAOS_COND_DKEY_FETCH | DAOS_COND_AKEY_FETCH))
        return -DER_INVAL;
    for (uint32_t i = 0; i < nr && rc == 0; i++) {
        rc = key_check(akey_korder(oid), &iods[i].akey);
        if (iods[i].type != DAOS_IOD_SINGLE && iods[i].type != DAOS_IOD_ARRAY)
            rc = -DER_INVAL;
        if (iods[i].cond & ~(VOS_FETCH_ZEROS | DAOS_COND_AKEY_FETCH))
            rc = -DER_INVAL;
    }
    return rc;
}

static void pieces_free(struct vos_fetch *f)
{
    if (f->arena) {
        arena_fini(f->arena);
        base_free(f->arena);
    }
}

/* What is `one` and `first` is written before it is read: most of a small fetch would be the
 * clearing of them. */
static void begin(struct vos_fetch *f)
{
    f->copies = f->first;
    f->copy_max = ARRAY_LEN(f->first);
    f->copy_nr = 0;
    f->pieces = NULL;
    f->piece_nr = 0;
    f->ticket = f->lsn = f->epoch = 0;
    f->arena = NULL;
}

int vos_fetch(struct vos_cont *c, daos_epoch_t epoch, uint64_t cond, daos_obj_id_t oid,
              const struct vos_key *dkey, uint32_t nr, struct vos_fetch_iod *iods,
              struct vos_fetch *f)
{
    struct get g = {.c = c, .f = f};
    uint64_t *expect;
    struct site at;
    int rc;

    begin(f);
    if (c->gone) {
        f->lsn = c->v->gone_lsn;
        return -DER_NO_HDL;
    }
    rc = check(oid, cond, dkey, nr, iods);
    if (rc)
        return rc;
    at = site_of(c, VOS_DKEY, oid, dkey);
    rc = vos_read_begin(c, epoch, &at, &f->lsn);
    if (rc)
        return rc;
    arena_reset(&c->v->scratch);
    expect = arena_alloc(&c->v->scratch, nr * sizeof *expect);
    if (expect == NULL)
        return -DER_NOMEM;
    for (uint32_t i = 0; i < nr; i++) {
        expect[i] = iods[i].rec_size;
        iods[i].map_nr = 0;
        iods[i].end = 0;
    }
    rc = run(&g, epoch, cond, oid, dkey, nr, iods);
    f->lsn = vos_read_lsn(c->v, epoch, pend_seen(c, &at));
    if (rc == -DER_NONEXIST && cond == 0) {
        bool asked = false;

        for (uint32_t i = 0; i < nr; i++)
            asked |= (iods[i].cond & DAOS_COND_AKEY_FETCH) != 0;
        if (!asked) { /* nothing there: sizes 0 */
            for (uint32_t i = 0; i < nr; i++)
                iods[i].rec_size = 0;
            rc = 0;
        }
    }
    if (rc == HEAP_FAULT)
        for (uint32_t i = 0; i < nr;
             i++) /* in and out share the field: a second run must see what the first was given */
            iods[i].rec_size = expect[i];
    if (rc == 0 && f->piece_nr)
        f->ticket = heap_space_read_get(c->v->h);
    if (rc) {
        pieces_free(f);
        f->arena = NULL;
        f->pieces = NULL;
        f->piece_nr = 0;
    }
    return rc;
}

void vos_fetch_move(struct vos_fetch *to, const struct vos_fetch *from)
{
    *to = *from;
    if (from->pieces == &from->one)
        to->pieces = &to->one;
    for (uint32_t i = 0; i < to->piece_nr; i++)
        if (to->pieces[i].csums == from->one_csums)
            to->pieces[i].csums = to->one_csums;
}

void vos_fetch_fini(struct vos_cont *c, struct vos_fetch *f)
{
    if (f->piece_nr)
        heap_space_read_put(c->v->h, f->ticket);
    pieces_free(f);
    begin(f);
}
