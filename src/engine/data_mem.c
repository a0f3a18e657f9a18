/*
 * Values in data extents that lie in memory (heap_space_memory()): whoever serves the request
 * copies them at once, without a device, a bounce buffer or a fiber. Checksums are verified chunk
 * by chunk just after each was copied, when it is in the processor's cache: copying from memory is
 * much faster than computing from it. So a reader whose answer is -DER_CSUM finds the damaged chunk
 * in his buffer, as one who reads from a device does.
 *
 * What is stored goes past the caches, because nobody reads it soon. What is read does not: it goes
 * to memory that a client's calls use again and again, and he looks at it at once (1 MiB, 4 under
 * way through shared memory: 5.4 GB/s past the caches, 6.4 to 8.0 through them).
 *
 * What is stored is there for good: the transaction that names it needs no flush before it.
 */
#include "base/copy.h"
#include "base/csum.h"

#include "engine/engine_int.h"

#define AHEAD_BYTES UINT64_C(4096)
#define YIELD_BYTES (1u << 20) /* so many copied, and others get their turn */

/* How bytes move between a stream and flat memory. */
enum way { GATHER, GATHER_PAST, SCATTER };

static void move_one(char *stream, uint8_t *flat, uint64_t n, enum way way)
{
    switch (way) {
    case GATHER:
        memcpy(flat, stream, n);
        break;
    case GATHER_PAST:
        copy_past(flat, stream, n);
        break;
    case SCATTER:
        memcpy(stream, flat, n);
        break;
    }
}

static void move(const struct iovec *iov, uint32_t nr, uint64_t off, uint8_t *flat, uint64_t len,
                 enum way way)
{
    for (uint32_t i = 0; i < nr && len > 0; i++) {
        uint64_t n;

        if (off >= iov[i].iov_len) {
            off -= iov[i].iov_len;
            continue;
        }
        n = MIN(iov[i].iov_len - off, len);
        move_one((char *)iov[i].iov_base + off, flat, n, way);
        flat += n;
        len -= n;
        off = 0;
    }
}

void data_copy(const struct iovec *iov, uint32_t nr, uint64_t off, uint8_t *flat, uint64_t len,
               bool into)
{
    move(iov, nr, off, flat, len, into ? SCATTER : GATHER);
}

void data_widen(const struct vos_piece *p, uint64_t *from, uint64_t *to)
{
    uint64_t unit = p->csum_type != 0 ? p->chunk_bytes : SPACE_BLOCK;

    *from = ROUND_DOWN(p->ext_off, unit);
    *to = MIN(ROUND_UP(p->ext_off + p->len, unit), p->ext_bytes);
    if (p->csum_type == 0)
        *to = MAX(*to, p->ext_off + p->len);
}

static bool chunk_sound(const struct vos_piece *p, uint64_t nr, const uint8_t *bytes, uint64_t len)
{
    uint64_t got = csum_calc((enum csum_type)p->csum_type, bytes, len);

    return memcmp(&got, p->csums + nr * p->csum_len, p->csum_len) == 0 || MUTANT(ENGINE_DATA_CSUM);
}

static bool summed(const struct vos_piece *p)
{
    return p->csum_type != 0 && csum_supported((enum csum_type)p->csum_type);
}

int data_sound(const struct vos_piece *p, const uint8_t *bytes, uint64_t len)
{
    for (uint64_t off = 0; summed(p) && off < len; off += p->chunk_bytes)
        if (!chunk_sound(p, off / p->chunk_bytes, bytes + off, MIN(p->chunk_bytes, len - off)))
            return -DER_CSUM;
    return 0;
}

/* Before more is copied others get their turn, after YIELD_BYTES. Not after the last: the answers
 * of several long requests would all go out when the last of them is done, and engine and client
 * work by turns instead of at once. */
static void copies(uint64_t *since, uint64_t bytes, bool yields)
{
    if (yields && *since >= YIELD_BYTES) {
        rt_yield();
        *since = 0;
    }
    *since += bytes;
}

/* ---- Writing ---- */

bool data_mem_places(struct shard *s, const struct vos_place *places, uint32_t nr, uint64_t max)
{
    for (uint32_t i = 0; i < nr; i++) {
        if (places[i].len > max || heap_space_memory(s->heap, &places[i].ext) == NULL)
            return false;
        max -= places[i].len;
    }
    return true;
}

void data_mem_write(struct shard *s, const struct vos_op *ops, const struct vos_place *places,
                    uint32_t nr, bool yields)
{
    uint64_t since = 0;

    for (uint32_t i = 0; i < nr; i++) {
        const struct vos_place *p = &places[i];
        const struct vos_iod *iod = &ops[p->op].iods[p->iod];
        uint8_t *at = heap_space_memory(s->heap, &p->ext);

        copies(&since, p->len, yields);
        move(iod->iov, iod->iov_nr, p->src_off, at, MUTANT(ENGINE_MEM_SHORT) ? 1 : p->len,
             GATHER_PAST);
        memset(at + p->len, 0, ROUND_UP(p->len, (uint64_t)SPACE_BLOCK) - p->len);
    }
    __atomic_fetch_add(&s->eng->data_writes, nr, __ATOMIC_RELAXED);
}

/* ---- Reading ---- */

bool data_mem_pieces(struct shard *s, const struct vos_piece *pieces, uint32_t nr, uint64_t *max)
{
    for (uint32_t i = 0; i < nr; i++) {
        if (pieces[i].len > *max || heap_space_memory(s->heap, &pieces[i].ext) == NULL)
            return false;
        *max -= pieces[i].len;
    }
    return true;
}

/* The next chunk comes from memory while the sum of this one is computed. */
static void ahead(const uint8_t *at, uint64_t len)
{
    for (uint64_t i = 0; i < MIN(len, AHEAD_BYTES); i += 64)
        __builtin_prefetch(at + i);
}

/* What is wanted of a piece, chunk by chunk. */
static int piece_copy(const struct vos_fetch_iod *iod, const struct vos_piece *p, uint8_t *ext)
{
    uint64_t from, to, unit = summed(p) ? p->chunk_bytes : UINT64_MAX;

    data_widen(p, &from, &to);
    for (uint64_t at = from, nr = 0, n; at < to; at += n, nr++) {
        uint64_t lo = MAX(at, p->ext_off), hi;

        n = MIN(unit, to - at);
        hi = MIN(at + n, p->ext_off + p->len);
        if (lo < hi)
            move(iod->dst, iod->dst_nr, p->dst_off + (lo - p->ext_off), ext + lo, hi - lo, SCATTER);
        if (!summed(p))
            continue;
        ahead(ext + at + n, to - at - n);
        if (!chunk_sound(p, nr, ext + at, n))
            return -DER_CSUM;
    }
    return 0;
}

int data_mem_read(struct shard *s, const struct vos_fetch_iod *iods, const struct vos_piece *pieces,
                  uint32_t nr, bool yields)
{
    uint64_t since = 0;
    int rc = 0;

    for (uint32_t i = 0; i < nr && rc == 0; i++) {
        const struct vos_piece *p = &pieces[i];

        copies(&since, p->len, yields);
        rc = piece_copy(&iods[p->iod], p, heap_space_memory(s->heap, &p->ext));
    }
    __atomic_fetch_add(&s->eng->data_reads, nr, __ATOMIC_RELAXED);
    return rc;
}
