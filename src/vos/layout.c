/* The bytes behind the fixed part of a version: where the value is, its checksums, trailers
 * (format.h). */
#include "vos/priv.h"

uint32_t stored_csum_len(uint16_t type)
{
    switch (type) {
    case CSUM_CRC16:
        return 2;
    case CSUM_CRC32:
    case CSUM_ADLER32:
        return 4;
    case CSUM_CRC64:
    case CSUM_XXH3:
        return 8;
    case CSUM_SHA1:
        return 20;
    case CSUM_SHA256:
        return 32;
    case CSUM_SHA512:
        return 64;
    default:
        return 0;
    }
}

void layout_make(struct layout *l, uint32_t base, uint64_t bytes, uint16_t flags, uint32_t loc_nr,
                 uint16_t csum_type, uint32_t csum_nr)
{
    l->bytes = bytes;
    l->flags = flags;
    l->loc_off = base;
    l->csum_type = flags & VER_CSUM ? (uint16_t)(csum_type & ~CSUM_FINE) : 0;
    l->csum_unit = csum_unit(csum_type);
    if (flags & VER_CORRUPT) {
        l->loc_nr = l->csum_nr = l->csum_len = 0;
        l->csum_off = l->data_off = l->total = base;
        return;
    }
    l->loc_nr = flags & VER_SLOT ? 1 : flags & VER_DATA ? loc_nr : 0;
    l->csum_off = base + l->loc_nr * 8;
    l->csum_len = stored_csum_len(l->csum_type);
    l->csum_nr = flags & VER_CSUM ? csum_nr : 0;
    l->data_off = l->csum_off + (flags & VER_CSUM ? 1 + l->csum_nr * l->csum_len : 0);
    l->total = l->data_off + (flags & (VER_SLOT | VER_DATA | VER_TOMBSTONE) ? 0 : (uint32_t)bytes);
}

/* Pieces of a large value: each but the last is full. */
static int count_pieces(struct heap *h, uint64_t off, uint32_t base, uint64_t bytes, uint32_t *nr)
{
    for (*nr = 0; bytes; (*nr)++) {
        const uint64_t *loc;
        uint64_t room;

        if (*nr == SINGLE_PIECES_MAX)
            return rec_bad("value in too many pieces", off);
        loc = heap_ptr(h, off + base + *nr * 8, 8);
        if (loc == NULL)
            return heap_rc(h);
        room = (uint64_t)DATA_LOC_NR(*loc) * SPACE_BLOCK;
        bytes -= MIN(bytes, room);
    }
    return 0;
}

bool layout_knows_csum(uint16_t stored, uint16_t flags, bool single)
{
    if (stored & CSUM_FINE)
        return stored == (CSUM_FINE | CSUM_CRC32) && !single && (flags & VER_DATA);
    return stored_csum_len(stored) != 0;
}

static int layout_read(struct heap *h, uint64_t off, uint32_t base, uint64_t bytes, uint16_t flags,
                       bool single, struct layout *l, const uint8_t **rec)
{
    uint32_t loc_nr = 1, csum_nr;
    uint16_t csum_type = 0;

    if (flags & VER_TOMBSTONE)
        bytes = 0;
    if (flags & VER_CORRUPT)
        flags &= (uint16_t) ~(VER_SLOT | VER_DATA | VER_CSUM);
    if ((flags & VER_DATA) && single) {
        int rc = count_pieces(h, off, base, bytes, &loc_nr);

        if (rc)
            return rc;
    }
    if (flags & VER_CSUM) {
        uint64_t at = off + base + (flags & VER_SLOT ? 8 : flags & VER_DATA ? loc_nr * 8 : 0);
        const uint8_t *t = heap_ptr(h, at, 1);

        if (t == NULL)
            return heap_rc(h);
        csum_type = *t;
        if (!layout_knows_csum(csum_type, flags, single))
            return rec_bad("checksum of unknown type", off);
    }
    csum_nr =
        single ? (flags & VER_DATA ? loc_nr : 1) : (uint32_t)DIV_UP(bytes, csum_unit(csum_type));
    layout_make(l, base, bytes, flags, loc_nr, csum_type, csum_nr);
    if (l->total > HEAP_ALLOC_MAX)
        return rec_bad("impossible length", off);
    *rec = heap_ptr(h, off, l->total);
    return *rec ? 0 : heap_rc(h);
}

int layout_single(struct heap *h, uint64_t off, struct layout *l, const uint8_t **rec)
{
    int rc = 0;
    const struct ver *r = REC(h, off, ver, REC_SINGLE, &rc);

    return r ? layout_read(h, off, sizeof *r, r->size, r->flags, true, l, rec) : rc;
}

int layout_ext(struct heap *h, uint64_t off, struct layout *l, const uint8_t **rec)
{
    int rc = 0;
    const struct ext *r = REC(h, off, ext, REC_EXT, &rc);

    return r ? layout_read(h, off, sizeof *r, (uint64_t)r->nr * r->rec_size, r->flags, false, l,
                           rec)
             : rc;
}

static uint64_t loc_at(const struct layout *l, const uint8_t *rec, uint32_t i)
{
    uint64_t loc;

    memcpy(&loc, rec + l->loc_off + i * 8, 8);
    return loc;
}

int layout_release(struct vos_tx *t, const struct layout *l, const uint8_t *rec)
{
    uint64_t loc[SINGLE_PIECES_MAX];

    if (l->flags & VER_CORRUPT)
        return 0;
    t->stat[l->flags & VER_DATA ? ST_DATA_BYTES : ST_HEAP_BYTES] -= (int64_t)l->bytes;
    for (uint32_t i = 0; i < l->loc_nr; i++)
        loc[i] = loc_at(l, rec, i);
    if (l->flags & VER_SLOT)
        return heap_tx_free(t->v->h, loc[0]);
    for (uint32_t i = 0; i < l->loc_nr; i++) {
        struct space_extent e = {.block = DATA_LOC_BLOCK(loc[i]), .nr = DATA_LOC_NR(loc[i])};
        int rc = heap_tx_space_free(t->v->h, &e);

        if (rc)
            return rc;
    }
    return 0;
}

int layout_bytes(struct heap *h, const struct layout *l, const uint8_t *rec, bool verify,
                 const uint8_t **bytes)
{
    const uint8_t *p = rec + l->data_off;

    ASSERT(!(l->flags & (VER_DATA | VER_TOMBSTONE)));
    if (l->flags & VER_CORRUPT)
        return -DER_CSUM;
    if (l->flags & VER_SLOT) {
        p = heap_ptr(h, loc_at(l, rec, 0), l->bytes);
        if (p == NULL)
            return heap_rc(h);
    }
    if (verify && (l->flags & VER_CSUM) && csum_supported(l->csum_type) &&
        !MUTANT(VALUE_CSUM_UNCHECKED)) {
        uint64_t want = 0, is = csum_calc(l->csum_type, p, l->bytes);

        memcpy(&want, rec + l->csum_off + 1, MIN(l->csum_len, 8u));
        if (is != want)
            return -DER_CSUM;
    }
    *bytes = p;
    return 0;
}

/* Bytes in pieces, from a place that goes on. */
struct source {
    const struct iovec *iov, *end;
    uint64_t off; /* in *iov */
};

static void source_skip(struct source *s, uint64_t len)
{
    s->off += len;
    while (s->iov < s->end && s->off >= s->iov->iov_len)
        s->off -= s->iov++->iov_len;
}

static uint64_t source_csum(struct source *s, enum csum_type type, uint64_t len)
{
    struct csum c;

    if (s->iov < s->end && len <= s->iov->iov_len - s->off) { /* nearly always */
        uint64_t v = csum_calc(type, (const uint8_t *)s->iov->iov_base + s->off, len);

        source_skip(s, len);
        return v;
    }
    csum_begin(&c, type);
    while (s->iov < s->end && len > 0) {
        uint64_t n = MIN(len, s->iov->iov_len - s->off);

        csum_add(&c, (const uint8_t *)s->iov->iov_base + s->off, n);
        source_skip(s, n);
        len -= n;
    }
    return csum_end(&c);
}

/* Bytes that checksum i of a part covers. */
static uint64_t csum_bytes(const struct vos_iod *iod, const struct part *p, uint32_t i, uint64_t at)
{
    uint64_t unit = p->l.csum_nr == 1              ? p->bytes
                    : iod->type == DAOS_IOD_SINGLE ? (uint64_t)p->ext[i].nr * SPACE_BLOCK
                                                   : p->l.csum_unit;

    return MIN(unit, p->bytes - at);
}

/* Not sooner, because by now the bytes have been copied to where they belong, or written: they are
 * near the processor, where computing is several times as fast. */
static void csums_own(const struct vos_iod *iod, const struct part *p, uint8_t *to)
{
    struct source s = {.iov = iod->iov, .end = iod->iov + iod->iov_nr};
    uint64_t at = 0;

    source_skip(&s, p->src_off);
    for (uint32_t i = 0; i < p->l.csum_nr; i++, to += sizeof(uint32_t)) {
        uint64_t n = csum_bytes(iod, p, i, at);
        uint32_t v = (uint32_t)source_csum(&s, CSUM_CRC32, n);

        memcpy(to, &v, sizeof v);
        at += n;
    }
}

int layout_store(struct vos_tx *t, const struct vos_iod *iod, const struct part *p, uint8_t *rec,
                 uint64_t near)
{
    const struct layout *l = &p->l;
    struct heap *h = t->v->h;

    if (p->csum_type & CSUM_FINE) {
        int rc = vos_note_format(t, VOS_FORMAT_FINE);

        if (rc)
            return rc;
    }
    if (p->image) { /* what an intent owned is the version's now */
        memcpy(rec + l->loc_off, p->image + l->loc_off, l->total - l->loc_off);
        t->stat[l->flags & VER_DATA ? ST_DATA_BYTES : ST_HEAP_BYTES] += (int64_t)p->bytes;
        return 0;
    }
    if (l->flags & VER_SLOT) {
        uint64_t slot;
        void *bytes;
        int rc = heap_tx_alloc_raw(h, p->bytes, near, &slot, &bytes);

        if (rc)
            return rc;
        iov_copy(iod->iov, iod->iov_nr, p->src_off, bytes, p->bytes);
        memcpy(rec + l->loc_off, &slot, 8);
    } else if (l->flags & VER_DATA) {
        for (uint32_t i = 0; i < p->ext_nr; i++) {
            uint64_t loc = DATA_LOC(p->ext[i].block, p->ext[i].nr);
            int rc = heap_tx_space_use(h, &p->ext[i]);

            if (rc)
                return rc;
            memcpy(rec + l->loc_off + i * 8, &loc, 8);
        }
    } else {
        iov_copy(iod->iov, iod->iov_nr, p->src_off, rec + l->data_off, p->bytes);
    }
    if (l->flags & VER_CSUM) {
        rec[l->csum_off] = (uint8_t)p->csum_type;
        if (p->csums)
            memcpy(rec + l->csum_off + 1, p->csums, (size_t)l->csum_nr * l->csum_len);
        else
            csums_own(iod, p, rec + l->csum_off + 1);
    }
    t->stat[l->flags & VER_DATA ? ST_DATA_BYTES : ST_HEAP_BYTES] += (int64_t)p->bytes;
    return 0;
}
