/*
 * A superblock copy, little endian:
 *
 *      0  8  magic "TARN-DEV"                  \
 *      8  4  format version                     |  frozen for all versions, so that any
 *     12  4  bytes the checksum covers (8192)   |  program can tell "newer" from "damaged"
 *     16  8  checksum: XXH3-64 of these bytes,  |
 *            this field as zeros                |
 *     24  8  generation                        /
 *     32  8  compatible feature flags
 *     40  8  read-only-compatible feature flags
 *     48  8  incompatible feature flags
 *     56 16  pool uuid
 *     72 16  device uuid
 *     88  4  target id
 *     92  4  shard id
 *     96  4  page size of the heap
 *    100  4  roles on this device, bit (1 << role)
 *    104  4  state: bit 0 = clean
 *    108  4  number of this copy, 0..3 (a copy that landed elsewhere is not whole)
 *    112  4  number of extents
 *    116  4  zero
 *    120  8  zero
 *    128 24  extent 0: offset 8, length 8, role 4, zero 4
 *        ...
 *   5888     240 extents end; zeros up to 8192
 */
#include "io/super_format.h"
#include "base/assert.h"
#include "base/buf.h"
#include "base/csum.h"
#include <string.h>

#define AT_CSUM    16u
#define EXTENTS_AT 128u

static const char magic[8] = {'T', 'A', 'R', 'N', '-', 'D', 'E', 'V'};

static uint64_t checksum(const uint8_t *buf, size_t len)
{
    static const uint8_t zero[8];
    struct csum c;

    csum_begin(&c, CSUM_XXH3);
    csum_add(&c, buf, AT_CSUM);
    csum_add(&c, zero, sizeof(zero));
    csum_add(&c, buf + AT_CSUM + 8, len - AT_CSUM - 8);
    return csum_end(&c);
}

void super_encode(const struct super_block *b, uint32_t copy, void *buf)
{
    uint64_t sum;
    struct wbuf w;

    ASSERT(b->extent_nr <= SUPER_EXTENTS_MAX && copy < SUPER_COPIES);
    memset(buf, 0, SUPER_BYTES);
    wbuf_init(&w, buf, SUPER_BYTES);
    wbuf_bytes(&w, magic, sizeof(magic));
    wbuf_u32(&w, b->version);
    wbuf_u32(&w, SUPER_BYTES);
    wbuf_u64(&w, 0);
    wbuf_u64(&w, b->generation);
    wbuf_u64(&w, b->compat);
    wbuf_u64(&w, b->ro_compat);
    wbuf_u64(&w, b->incompat);
    wbuf_bytes(&w, b->id.pool, sizeof(b->id.pool));
    wbuf_bytes(&w, b->id.device, sizeof(b->id.device));
    wbuf_u32(&w, b->id.target);
    wbuf_u32(&w, b->id.shard);
    wbuf_u32(&w, b->id.page_size);
    wbuf_u32(&w, b->id.roles);
    wbuf_u32(&w, b->state);
    wbuf_u32(&w, copy);
    wbuf_u32(&w, b->extent_nr);
    wbuf_u32(&w, 0);
    wbuf_u64(&w, b->id.limit_bytes);
    ASSERT(w.len == EXTENTS_AT);
    for (uint32_t i = 0; i < b->extent_nr; i++) {
        wbuf_u64(&w, b->extent[i].off);
        wbuf_u64(&w, b->extent[i].len);
        wbuf_u32(&w, (uint32_t)b->extent[i].role);
        wbuf_u32(&w, 0);
    }
    ASSERT(wbuf_check(&w) == 0);
    sum = checksum(buf, SUPER_BYTES);
    wbuf_init(&w, (uint8_t *)buf + AT_CSUM, 8);
    wbuf_u64(&w, sum);
}

/* The part that no version may move. */
static enum super_copy_state decode_header(struct rbuf *r, const uint8_t *buf,
                                           struct super_block *b)
{
    uint8_t seen[8];
    uint64_t sum;
    uint32_t size;

    rbuf_copy(r, seen, sizeof(seen));
    if (memcmp(seen, magic, sizeof(magic)) != 0)
        return SUPER_COPY_FOREIGN;
    b->version = rbuf_u32(r);
    size = rbuf_u32(r);
    sum = rbuf_u64(r);
    b->generation = rbuf_u64(r);
    if (size < AT_CSUM + 16 || size > SUPER_COPY_STEP || sum != checksum(buf, size))
        return SUPER_COPY_DAMAGED;
    if (b->version > SUPER_VERSION)
        return SUPER_COPY_NEWER;
    return size == SUPER_BYTES && b->version > 0 ? SUPER_COPY_WHOLE : SUPER_COPY_DAMAGED;
}

enum super_copy_state super_decode(const void *buf, uint32_t copy, struct super_block *b)
{
    enum super_copy_state state;
    struct rbuf r;
    uint32_t seen_copy;

    memset(b, 0, sizeof(*b));
    rbuf_init(&r, buf, SUPER_BYTES);
    state = decode_header(&r, buf, b);
    if (state != SUPER_COPY_WHOLE)
        return state;
    b->compat = rbuf_u64(&r);
    b->ro_compat = rbuf_u64(&r);
    b->incompat = rbuf_u64(&r);
    rbuf_copy(&r, b->id.pool, sizeof(b->id.pool));
    rbuf_copy(&r, b->id.device, sizeof(b->id.device));
    b->id.target = rbuf_u32(&r);
    b->id.shard = rbuf_u32(&r);
    b->id.page_size = rbuf_u32(&r);
    b->id.roles = rbuf_u32(&r);
    b->state = rbuf_u32(&r);
    seen_copy = rbuf_u32(&r);
    b->extent_nr = rbuf_u32(&r);
    rbuf_u32(&r);
    b->id.limit_bytes = rbuf_u64(&r);
    if (seen_copy != copy || b->extent_nr > SUPER_EXTENTS_MAX)
        return SUPER_COPY_DAMAGED;
    for (uint32_t i = 0; i < b->extent_nr; i++) {
        b->extent[i].off = rbuf_u64(&r);
        b->extent[i].len = rbuf_u64(&r);
        b->extent[i].role = rbuf_u32(&r);
        rbuf_u32(&r);
    }
    return rbuf_check(&r) == 0 ? SUPER_COPY_WHOLE : SUPER_COPY_DAMAGED;
}

static const char *extent_check(const struct super_block *b, uint32_t i)
{
    const struct super_extent *x = &b->extent[i];

    if ((uint32_t)x->role >= SUPER_ROLE_NR || !(b->id.roles & (1u << x->role)))
        return "an extent has an unknown role";
    if (x->len == 0 || x->off % SUPER_ALIGN != 0 || x->len % SUPER_ALIGN != 0)
        return "an extent is empty or not aligned";
    if (x->off < SUPER_AREA || x->off > INT64_MAX || x->len > (uint64_t)INT64_MAX - x->off)
        return "an extent lies outside of any device";
    for (uint32_t j = 0; j < i; j++) {
        const struct super_extent *y = &b->extent[j];

        if (x->off < y->off + y->len && y->off < x->off + x->len)
            return "two extents overlap";
    }
    return NULL;
}

const char *super_block_check(const struct super_block *b)
{
    const char *wrong = NULL;

    if (b->id.page_size < IO_ALIGN || b->id.page_size > SUPER_ALIGN ||
        (b->id.page_size & (b->id.page_size - 1)) != 0)
        return "its page size is not possible";
    if (b->id.roles == 0 || b->id.roles >= 1u << SUPER_ROLE_NR)
        return "its roles are unknown";
    for (uint32_t i = 0; i < b->extent_nr && !wrong; i++)
        wrong = extent_check(b, i);
    return wrong;
}

uint64_t super_block_end(const struct super_block *b)
{
    uint64_t end = SUPER_AREA;

    for (uint32_t i = 0; i < b->extent_nr; i++)
        end = MAX(end, b->extent[i].off + b->extent[i].len);
    return end;
}

uint64_t super_block_role_size(const struct super_block *b, enum super_role role)
{
    uint64_t size = 0;

    for (uint32_t i = 0; i < b->extent_nr; i++)
        size += b->extent[i].role == role ? b->extent[i].len : 0;
    return size;
}
