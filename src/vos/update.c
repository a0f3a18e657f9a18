/*
 * Beginning an update: the shapes of the operations are checked, values are cut into what will be
 * stored, and data extents reserved for the large ones. Nothing is changed yet.
 */
#include <stdlib.h>
#include <sys/uio.h>
#include "vos/priv.h"

#define UPDATE_COND (DAOS_COND_DKEY_INSERT | DAOS_COND_DKEY_UPDATE)
#define AKEY_COND   (DAOS_COND_AKEY_INSERT | DAOS_COND_AKEY_UPDATE)
#define RESERVE_MAX (UINT64_C(64) << 20) /* bytes of one call of heap_space_reserve */
#define SPARE_MAX   16u
/* Of one insert, in the trees of vos, whose depth is far below ten: three levels split at once. */
#define TREE_REDO 8192u

void iov_copy(const struct iovec *iov, uint32_t nr, uint64_t off, void *dst, size_t len)
{
    uint8_t *to = dst;

    for (uint32_t i = 0; i < nr && len; i++) {
        size_t n;

        if (off >= iov[i].iov_len) {
            off -= iov[i].iov_len;
            continue;
        }
        n = MIN(len, iov[i].iov_len - off);
        memcpy(to, (const uint8_t *)iov[i].iov_base + off, n);
        to += n;
        len -= n;
        off = 0;
    }
    ASSERT(len == 0); /* sizes were checked at begin */
}

/* ---- Shapes ---- */

static int cmp_recx(const void *x, const void *y)
{
    const daos_recx_t *a = x, *b = y;

    return a->rx_idx < b->rx_idx ? -1 : a->rx_idx > b->rx_idx;
}

static int check_recxs(struct arena *a, const struct vos_iod *iod)
{
    const daos_recx_t *r = iod->recxs;
    daos_recx_t *sorted;
    bool ascending = true;

    if (iod->recx_nr == 0 || r == NULL)
        return -DER_INVAL;
    for (uint32_t i = 0; i < iod->recx_nr; i++) {
        if (r[i].rx_nr == 0 || r[i].rx_idx >> 63 || r[i].rx_nr > (UINT64_C(1) << 63) - r[i].rx_idx)
            return -DER_INVAL;
        ascending &= i == 0 || r[i].rx_idx >= r[i - 1].rx_idx + r[i - 1].rx_nr;
    }
    if (ascending)
        return 0;
    sorted = arena_memdup(a, r, iod->recx_nr * sizeof *r);
    if (sorted == NULL)
        return -DER_NOMEM;
    qsort(sorted, iod->recx_nr, sizeof *sorted, cmp_recx);
    for (uint32_t i = 1; i < iod->recx_nr; i++)
        if (sorted[i].rx_idx < sorted[i - 1].rx_idx + sorted[i - 1].rx_nr)
            return -DER_INVAL;
    return 0;
}

static int check_iod(struct arena *a, const struct vos_op *op, const struct vos_iod *iod)
{
    uint64_t room = 0, left;
    int rc = key_check(akey_korder(op->oid), &iod->akey);

    if (rc)
        return rc;
    if (iod->cond & ~(uint64_t)AKEY_COND)
        return -DER_INVAL;
    for (uint32_t i = 0; i < iod->iov_nr; i++)
        room += iod->iov[i].iov_len;
    if (iod->type == DAOS_IOD_SINGLE)
        return iod->rec_size > room || iod->rec_size > UINT32_MAX ? -DER_REC2BIG : 0;
    if (iod->type != DAOS_IOD_ARRAY)
        return -DER_INVAL;
    rc = check_recxs(a, iod);
    if (rc || iod->rec_size == 0)
        return rc;
    if (iod->rec_size > (uint64_t)SPACE_EXTENT_MAX * SPACE_BLOCK)
        return -DER_REC2BIG;
    left = room / iod->rec_size;
    for (uint32_t i = 0; i < iod->recx_nr; i++) {
        if (iod->recxs[i].rx_nr > left)
            return -DER_REC2BIG;
        left -= iod->recxs[i].rx_nr;
    }
    return 0;
}

/* A punch and a write of one akey in one operation have no order: refused. */
static int check_akeys(const struct vos_op *op)
{
    for (uint32_t i = 1; i < op->akey_nr; i++)
        for (uint32_t k = 0; k < i; k++) {
            const struct vos_iod *x = &op->iods[i], *y = &op->iods[k];

            if ((x->rec_size == 0) != (y->rec_size == 0) && x->akey.len == y->akey.len &&
                memcmp(x->akey.buf, y->akey.buf, x->akey.len) == 0)
                return -DER_INVAL;
        }
    return 0;
}

static int check_op(struct arena *a, const struct vos_op *op)
{
    int rc = 0;

    switch (op->kind) {
    case VOS_OP_UPDATE:
        if (op->cond & ~(uint64_t)UPDATE_COND)
            return -DER_INVAL;
        rc = key_check(dkey_korder(op->oid), &op->dkey);
        for (uint32_t i = 0; i < op->akey_nr && rc == 0; i++)
            rc = op->iods ? check_iod(a, op, &op->iods[i]) : -DER_INVAL;
        return rc ? rc : check_akeys(op);
    case VOS_OP_PUNCH:
        if (op->cond & ~(uint64_t)DAOS_COND_PUNCH)
            return -DER_INVAL;
        break;
    case VOS_OP_CHECK:
        if (op->check > VOS_CHECK_ONLY || (op->check == VOS_CHECK_ONLY && op->level != VOS_DKEY))
            return -DER_INVAL;
        break;
    default:
        return -DER_INVAL;
    }
    if (op->level > VOS_AKEY)
        return -DER_INVAL;
    if (op->level != VOS_OBJ)
        rc = key_check(dkey_korder(op->oid), &op->dkey);
    if (op->level == VOS_AKEY && op->akeys == NULL)
        return -DER_INVAL;
    for (uint32_t i = 0; op->level == VOS_AKEY && i < op->akey_nr && rc == 0; i++)
        rc = key_check(akey_korder(op->oid), &op->akeys[i]);
    return rc;
}

/* ---- Cutting values into parts ---- */

static struct part *part_add(struct vos_update *u, struct prep *pr)
{
    if (pr->part_nr == pr->part_max) {
        uint32_t max = pr->part_max ? pr->part_max * 2 : 1;
        struct part *n = arena_alloc(&u->arena, max * sizeof *n);

        if (n == NULL)
            return NULL;
        if (pr->part_nr)
            memcpy(n, pr->parts, pr->part_nr * sizeof *n);
        pr->parts = n;
        pr->part_max = max;
    }
    memset(&pr->parts[pr->part_nr], 0, sizeof *pr->parts);
    return &pr->parts[pr->part_nr++];
}

static int place_add(struct vos_update *u, uint32_t op, uint32_t iod, uint64_t src_off,
                     uint64_t len, const struct space_extent *ext)
{
    if (u->place_nr == u->place_max) {
        uint32_t max = u->place_max ? u->place_max * 2 : 4;
        struct vos_place *n = arena_alloc(&u->arena, max * sizeof *n);

        if (n == NULL)
            return -DER_NOMEM;
        if (u->place_nr)
            memcpy(n, u->places, u->place_nr * sizeof *n);
        u->places = n;
        u->place_max = max;
    }
    u->places[u->place_nr++] = (struct vos_place){
        .op = (uint16_t)op, .iod = (uint16_t)iod, .src_off = src_off, .len = len, .ext = *ext};
    return 0;
}

/* Checksums of the part: the caller's where the chunks agree, else CRC-32C of our own, which
 * layout_store() computes. unit: bytes one covers; base: where the recx begins in the stream. */
static int part_csums(struct part *p, const struct vos_csum *given, uint64_t base,
                      uint64_t recx_bytes, uint64_t unit, uint32_t nr)
{
    uint64_t at = p->src_off - base;

    p->csum_type = CSUM_CRC32;
    if (!given || !given->type || at % unit != 0 ||
        (p->bytes % unit != 0 && at + p->bytes != recx_bytes))
        return 0;
    p->csum_type = (uint16_t)(given->type & ~CSUM_FINE);
    if (given->len != stored_csum_len(p->csum_type) || given->bytes == NULL ||
        given->nr < at / unit + nr)
        return -DER_INVAL;
    p->csums = given->bytes + at / unit * given->len;
    return 0;
}

/* The same of a part of an array. in_data: else it lies in the heap, with one checksum. */
static int ext_csums(struct part *p, const struct vos_csum *given, uint64_t base,
                     uint64_t recx_bytes, bool in_data, uint32_t *nr)
{
    uint16_t fine = 0;
    int rc;

    if (given != NULL)
        fine = given->type & CSUM_FINE;
    if (fine && given->type != (CSUM_FINE | CSUM_CRC32))
        return -DER_INVAL;
    *nr = (uint32_t)DIV_UP(p->bytes, csum_unit(fine));
    if (*nr > 1 && !in_data)
        given = NULL;
    rc = part_csums(p, given, base, recx_bytes, csum_unit(fine), *nr);
    if (rc)
        return rc;
    if (p->csums == NULL)
        fine = p->bytes > CSUM_CHUNK_BYTES ? CSUM_FINE : 0;
    *nr = in_data ? (uint32_t)DIV_UP(p->bytes, csum_unit(fine)) : 1;
    if (*nr > 1)
        p->csum_type |= fine;
    return 0;
}

/* Layout of a part that lives in the heap. */
static void part_heap(struct part *p, uint32_t base)
{
    layout_make(&p->l, base, p->bytes, VER_CSUM, 0, p->csum_type, 1);
    if (p->l.total > INLINE_MAX)
        layout_make(&p->l, base, p->bytes, VER_CSUM | VER_SLOT, 0, p->csum_type, 1);
}

static int reserve(struct vos_update *u, uint64_t bytes, struct space_extent *ext, uint32_t *nr)
{
    *nr = SPACE_SPLIT_MAX;
    return heap_space_reserve(u->c->v->h, bytes, ext, nr);
}

/* One single value. */
static int prep_single(struct vos_update *u, uint32_t op, uint32_t ix, const struct vos_iod *iod,
                       struct prep *pr)
{
    struct part *p = part_add(u, pr);
    struct space_extent ext[SPACE_SPLIT_MAX];
    uint64_t done = 0;
    uint32_t base = sizeof(struct ver);
    int rc;

    if (p == NULL)
        return -DER_NOMEM;
    p->nr = 1;
    p->bytes = iod->rec_size;
    if (p->bytes <= u->heap_max) {
        rc = part_csums(p, iod->csums, 0, p->bytes, p->bytes, 1);
        if (rc == 0)
            part_heap(p, base);
        return rc;
    }
    p->ext = arena_alloc(&u->arena, SINGLE_PIECES_MAX * sizeof *p->ext);
    if (p->ext == NULL)
        return -DER_NOMEM;
    while (done < p->bytes) {
        uint64_t want = MIN(p->bytes - done, RESERVE_MAX);
        uint32_t nr;

        rc = reserve(u, want, ext, &nr);
        if (rc)
            return rc;
        if (p->ext_nr + nr > SINGLE_PIECES_MAX) {
            heap_space_cancel(u->c->v->h, ext, nr);
            return -DER_REC2BIG;
        }
        memcpy(p->ext + p->ext_nr, ext, nr * sizeof *ext);
        p->ext_nr += nr;
        for (uint32_t i = 0; i < nr; i++) {
            uint64_t len = MIN(p->bytes - done, (uint64_t)ext[i].nr * SPACE_BLOCK);

            rc = place_add(u, op, ix, done, len, &ext[i]);
            if (rc)
                return rc;
            done += len;
        }
    }
    if (p->ext_nr > 1)
        p->csum_type = CSUM_CRC32; /* each piece is verified alone, so each gets one */
    else
        rc = part_csums(p, iod->csums, 0, p->bytes, p->bytes, 1);
    if (rc == 0)
        layout_make(&p->l, base, p->bytes, VER_CSUM | VER_DATA, p->ext_nr, p->csum_type, p->ext_nr);
    return rc;
}

/* Part of nr records from `start`; ext NULL: in the heap. */
static int part_array(struct vos_update *u, uint32_t op, uint32_t ix, const struct vos_iod *iod,
                      struct prep *pr, uint64_t start, uint64_t nr, uint64_t src_off,
                      const struct space_extent *ext, const struct vos_csum *given, uint64_t base,
                      uint64_t recx_bytes)
{
    struct part *p = part_add(u, pr);
    uint32_t csums;
    int rc;

    if (p == NULL)
        return -DER_NOMEM;
    p->start = start;
    p->nr = nr;
    p->src_off = src_off;
    p->bytes = nr * iod->rec_size;
    if (ext) { /* first, so that cancelling knows it */
        p->ext = arena_memdup(&u->arena, ext, sizeof *ext);
        if (p->ext == NULL)
            return -DER_NOMEM;
        p->ext_nr = 1;
        rc = place_add(u, op, ix, src_off, p->bytes, ext);
        if (rc)
            return rc;
    }
    rc = ext_csums(p, given, base, recx_bytes, ext != NULL, &csums);
    if (rc)
        return rc;
    if (ext)
        layout_make(&p->l, sizeof(struct ext), p->bytes, VER_CSUM | VER_DATA, 1, p->csum_type,
                    csums);
    else
        part_heap(p, sizeof(struct ext));
    return 0;
}

static int prep_recx(struct vos_update *u, uint32_t op, uint32_t ix, const struct vos_iod *iod,
                     struct prep *pr, const daos_recx_t *r, const struct vos_csum *given,
                     uint64_t base)
{
    uint64_t size = iod->rec_size, recx_bytes = r->rx_nr * size;
    uint64_t most = MIN(MAX(VOS_EXTENT_MAX / size, 1), EXT_NR_MAX);
    uint64_t done = 0;
    int rc = 0;

    /* extents that begin on a checksum chunk keep the caller's checksums */
    if (most * size > CSUM_CHUNK_BYTES && CSUM_CHUNK_BYTES % size == 0)
        most = most * size / CSUM_CHUNK_BYTES * CSUM_CHUNK_BYTES / size;
    while (done < r->rx_nr && rc == 0) {
        uint64_t want = MIN(r->rx_nr - done, most);
        struct space_extent ext[SPACE_SPLIT_MAX];
        uint32_t nr, i;

        if (want * size <= u->heap_max) {
            rc = part_array(u, op, ix, iod, pr, r->rx_idx + done, want, base + done * size, NULL,
                            given, base, recx_bytes);
            done += want;
            continue;
        }
        rc = reserve(u, want * size, ext, &nr);
        if (rc)
            return rc;
        for (i = 0; i < nr && want; i++) {
            uint64_t fit = MIN(want, (uint64_t)ext[i].nr * SPACE_BLOCK / size);

            if (fit == 0) {
                rc = -DER_NOSPACE; /* too fragmented for one record */
                break;
            }
            rc = part_array(u, op, ix, iod, pr, r->rx_idx + done, fit, base + done * size, &ext[i],
                            given, base, recx_bytes);
            if (rc) {
                bool owned = pr->part_nr && pr->parts[pr->part_nr - 1].ext &&
                             pr->parts[pr->part_nr - 1].ext->block == ext[i].block;

                i += owned;
                break;
            }
            done += fit;
            want -= fit;
        }
        if (i < nr)
            heap_space_cancel(u->c->v->h, ext + i, nr - i);
    }
    return rc;
}

static int prep_iod(struct vos_update *u, uint32_t op, uint32_t ix, const struct vos_iod *iod,
                    struct prep *pr)
{
    uint64_t base = 0;
    int rc = 0;

    if (iod->rec_size == 0)
        return 0;
    if (iod->type == DAOS_IOD_SINGLE)
        return prep_single(u, op, ix, iod, pr);
    for (uint32_t i = 0; i < iod->recx_nr && rc == 0; i++) {
        rc =
            prep_recx(u, op, ix, iod, pr, &iod->recxs[i], iod->csums ? &iod->csums[i] : NULL, base);
        base += iod->recxs[i].rx_nr * iod->rec_size;
    }
    return rc;
}

/* ---- Bounds of the log record ---- */

/* A change of one key writes, at most: its records, one insert in each tree on its way, punches and
 * drops at every level, and what it unpacks. Further entries of the same tree share its splits. */
size_t update_redo(const struct vos_op *op, const struct prep *preps)
{
    size_t n = 3 * TREE_REDO + 16 * REDO_REC + op->dkey.len + PACK_MAX;

    if (op->kind == VOS_OP_CHECK)
        return 0;
    if (op->kind == VOS_OP_PUNCH)
        return n +
               (op->level == VOS_AKEY ? op->akey_nr : 1) * (TREE_REDO / 4 + DROP_MAX * REDO_REC);
    for (uint32_t i = 0; i < op->akey_nr; i++) {
        const struct vos_iod *iod = &op->iods[i];

        n += TREE_REDO / (op->akey_nr > 4 ? 4 : 1) + iod->akey.len +
             (iod->rec_size ? 0 : iod->recx_nr * DROP_MAX * REDO_REC);
        for (uint32_t p = 0; p < preps[i].part_nr; p++)
            n += preps[i].parts[p].l.total +
                 (preps[i].parts[p].l.flags & VER_DATA ? 64 : preps[i].parts[p].bytes) +
                 4 * REDO_REC;
        n += (size_t)MIN(preps[i].part_nr, 4u) * DROP_MAX * REDO_REC;
    }
    return n;
}

/* ---- Begin and cancel ---- */

struct vos_update *update_new(struct vos_cont *c)
{
    struct vos *v = c->v;
    struct vos_update *u = v->spare;

    if (u) {
        struct arena a = u->arena;

        v->spare = u->next;
        v->spare_nr--;
        memset(u, 0, sizeof *u);
        u->arena = a;
        arena_reset(&u->arena);
    } else {
        u = base_calloc(1, sizeof *u);
        if (u == NULL)
            return NULL;
        arena_init(&u->arena, 2048);
    }
    u->c = c;
    return u;
}

static void space_cancel(struct vos_update *u)
{
    struct heap *h = u->c->v->h;

    for (uint32_t i = 0; u->preps && i < u->nr; i++) {
        if (u->ops[i].kind != VOS_OP_UPDATE || u->preps[i] == NULL)
            continue;
        for (uint32_t k = 0; k < u->ops[i].akey_nr; k++)
            for (uint32_t p = 0; p < u->preps[i][k].part_nr; p++)
                if (u->preps[i][k].parts[p].ext_nr)
                    heap_space_cancel(h, u->preps[i][k].parts[p].ext,
                                      u->preps[i][k].parts[p].ext_nr);
    }
}

void update_free(struct vos_update *u, bool cancel_space)
{
    struct vos *v = u->c->v;

    if (cancel_space)
        space_cancel(u);
    if (v->spare_nr < SPARE_MAX) {
        u->next = v->spare;
        v->spare = u;
        v->spare_nr++;
        return;
    }
    arena_fini(&u->arena);
    base_free(u);
}

/* Bytes of the operation's values that would have a slot of their own in the heap. */
static uint64_t slot_bytes(const struct vos_op *op)
{
    uint64_t n = 0;

    for (uint32_t k = 0; op->kind == VOS_OP_UPDATE && k < op->akey_nr; k++) {
        const struct vos_iod *iod = &op->iods[k];
        bool array = iod->type == DAOS_IOD_ARRAY;

        for (uint32_t i = 0; i < (array ? iod->recx_nr : 1); i++) {
            uint64_t bytes = iod->rec_size * (array ? iod->recxs[i].rx_nr : 1);

            n += bytes > INLINE_MAX ? bytes : 0;
        }
    }
    return n;
}

static int prep_op(struct vos_update *u, uint32_t i)
{
    const struct vos_op *op = &u->ops[i];
    int rc = 0;

    if (op->kind == VOS_OP_UPDATE) {
        u->preps[i] = arena_calloc(&u->arena, MAX(op->akey_nr, 1u), sizeof **u->preps);
        if (u->preps[i] == NULL)
            return -DER_NOMEM;
        for (uint32_t k = 0; k < op->akey_nr && rc == 0; k++)
            rc = prep_iod(u, i, k, &op->iods[k], &u->preps[i][k]);
    }
    if (rc == 0)
        u->redo_max += update_redo(op, u->preps[i]);
    return rc;
}

static int prep_ops(struct vos_update *u, uint64_t heap_max)
{
    int rc = 0;

    u->heap_max = heap_max;
    u->redo_max = 0;
    u->place_nr = 0;
    u->preps = arena_calloc(&u->arena, u->nr, sizeof *u->preps);
    if (u->preps == NULL)
        return -DER_NOMEM;
    for (uint32_t i = 0; i < u->nr && rc == 0; i++)
        rc = prep_op(u, i);
    return rc;
}

/* The largest value that goes into the heap. */
static uint64_t heap_max(const struct vos_update *u, uint64_t many)
{
    if (many >= VOS_VALUE_MANY)
        return INLINE_MAX;
    return heap_space_in_memory(u->c->v->h) ? VOS_VALUE_NEAR : VOS_VALUE_HEAP;
}

static int prepare(struct vos_update *u)
{
    uint64_t many = 0;
    int rc = 0;

    for (uint32_t i = 0; i < u->nr && rc == 0; i++) {
        rc = check_op(&u->arena, &u->ops[i]);
        if (rc == 0)
            many += slot_bytes(&u->ops[i]);
    }
    if (rc)
        return rc;
    rc = prep_ops(u, heap_max(u, many));
    if (rc == -DER_NOSPACE && u->heap_max < VOS_VALUE_HEAP) { /* they may lie in the heap as well */
        space_cancel(u);
        rc = prep_ops(u, VOS_VALUE_HEAP);
    }
    if (rc)
        return rc;
    return u->redo_max > HEAP_TX_MAX - 65536 ? -DER_OVERFLOW : 0;
}

int vos_update_begin(struct vos_cont *c, const struct vos_op *ops, uint32_t nr,
                     struct vos_update **out, const struct vos_place **places, uint32_t *place_nr)
{
    struct vos_update *u;
    int rc;

    if (c->gone)
        return -DER_NO_HDL;
    if (c->rollback)
        return -DER_AGAIN;
    if (nr == 0 || nr > VOS_OPS_MAX)
        return -DER_INVAL;
    u = update_new(c);
    if (u == NULL)
        return -DER_NOMEM;
    u->ops = ops;
    u->nr = nr;
    rc = prepare(u);
    if (rc == 0 && MUTANT(COND_AT_BEGIN))
        rc = update_conditions(u);
    if (rc) {
        update_free(u, true);
        return rc;
    }
    *out = u;
    *places = u->places;
    *place_nr = u->place_nr;
    return 0;
}

void vos_update_cancel(struct vos_update *u)
{
    update_free(u, true);
}
