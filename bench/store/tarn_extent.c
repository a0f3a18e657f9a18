/*
 * Rows of Tarn alone: extents of an array, in chunks of 1 MiB, each chunk a dkey, as libdaos lays
 * an array out.
 *
 * Extents in memory: the same bytes, in the same order, are copied in and out by memcpy, and
 * written to and read from a shard whose device is memory; the row is how much of memcpy's rate the
 * shard reaches. The shard also computes a checksum of what it writes and verifies it when it
 * reads, and keeps a log. So beside it stands how much it reaches of memcpy() followed by the
 * checksum of what was copied, which is the least that anybody does who has checksums and copies
 * like that.
 *
 * Endless overwrite: does the shard get slower or larger when the same blocks are written again and
 * again at random?
 */
#include <stdlib.h>
#include <string.h>

#include "base/csum.h"
#include "base/hash.h"
#include "tarn.h"

#define CHUNK      (1u << 20)
#define SMALL      4096u
#define SET_BYTES  (64ull << 20) /* more than a processor's cache */
#define OVER_BLOCK 10000u
#define TENTHS     10u

static const struct vos_key AKEY = {"0", 1};

static daos_obj_id_t array_oid(void)
{
    return (daos_obj_id_t){.hi = (uint64_t)DAOS_OT_ARRAY_BYTE << OID_FMT_TYPE_SHIFT, .lo = 2};
}

static void extent_write(struct store *s, uint64_t off, const void *bytes, uint64_t len)
{
    uint64_t chunk = off / CHUNK;
    daos_recx_t recx = {off % CHUNK, len};
    struct iovec iov = {(void *)(uintptr_t)bytes, len};
    struct vos_iod iod = {.akey = AKEY,
                          .type = DAOS_IOD_ARRAY,
                          .rec_size = 1,
                          .recx_nr = 1,
                          .recxs = &recx,
                          .iov = &iov,
                          .iov_nr = 1};
    struct vos_op op = {.kind = VOS_OP_UPDATE,
                        .oid = array_oid(),
                        .dkey = {&chunk, sizeof(chunk)},
                        .akey_nr = 1,
                        .iods = &iod};

    tarn_apply(s, &op, 1, 0, NULL);
}

static void extent_read(struct store *s, uint64_t off, void *bytes, uint64_t len)
{
    uint64_t chunk = off / CHUNK;
    daos_recx_t recx = {off % CHUNK, len};
    struct vos_key dkey = {&chunk, sizeof(chunk)};
    struct iovec iov = {bytes, len};
    struct vos_fetch_iod iod = {.akey = AKEY,
                                .type = DAOS_IOD_ARRAY,
                                .rec_size = 1,
                                .recx_nr = 1,
                                .recxs = &recx,
                                .dst = &iov,
                                .dst_nr = 1};

    tarn_fetch(s, array_oid(), &dkey, &iod);
    if (iod.end != len)
        die("tarn: extent", "bytes are missing", "this is a defect of Tarn's: report it");
}

/* ---- Extents in memory ---- */

struct transfer_set {
    uint8_t *from, *mid, *to;
    uint32_t *order;
    uint32_t nr, unit;
    uint64_t sums;
    double seconds;
};

static void set_make(struct transfer_set *t, uint32_t unit)
{
    t->unit = unit;
    t->nr = (uint32_t)(SET_BYTES / unit);
    t->from = aligned_alloc(IO_ALIGN, SET_BYTES);
    t->mid = aligned_alloc(IO_ALIGN, SET_BYTES);
    t->to = aligned_alloc(IO_ALIGN, SET_BYTES);
    t->order = malloc(t->nr * sizeof(*t->order));
    if (t->from == NULL || t->mid == NULL || t->to == NULL || t->order == NULL)
        die("tarn: extents", "out of memory", "end other programs");
    for (uint64_t i = 0; i < SET_BYTES; i += 8)
        *(uint64_t *)(t->from + i) = mix64(i + unit);
    memset(t->mid, 1, SET_BYTES);
    memset(t->to, 2, SET_BYTES);
    for (uint32_t i = 0; i < t->nr; i++) {
        uint32_t j = (uint32_t)(mix64(i + 77) % (i + 1));

        t->order[i] = t->order[j];
        t->order[j] = i;
    }
}

static void set_free(struct transfer_set *t)
{
    free(t->from);
    free(t->mid);
    free(t->to);
    free(t->order);
}

static void copy_set(struct transfer_set *t, uint8_t *to, const uint8_t *from, bool summed)
{
    for (uint32_t i = 0; i < t->nr; i++) {
        uint64_t off = (uint64_t)t->order[i] * t->unit;

        memcpy(to + off, from + off, t->unit);
        if (summed)
            t->sums += csum_calc(CSUM_CRC32, from + off, t->unit);
    }
}

static double copy_all(struct transfer_set *t, bool summed)
{
    double t0 = cpu_s();

    copy_set(t, t->mid, t->from, summed);
    copy_set(t, t->to, t->mid, summed);
    return cpu_s() - t0;
}

static void set_fiber(struct store *s, void *arg)
{
    struct transfer_set *t = arg;
    double t0 = cpu_s();

    for (uint32_t i = 0; i < t->nr; i++) {
        uint64_t off = (uint64_t)t->order[i] * t->unit;

        extent_write(s, off, t->from + off, t->unit);
        if (i % BATCH == BATCH - 1)
            tarn_turn(s);
    }
    for (uint32_t i = 0; i < t->nr; i++) {
        uint64_t off = (uint64_t)t->order[i] * t->unit;

        extent_read(s, off, t->to + off, t->unit);
    }
    t->seconds = cpu_s() - t0;
}

static void extents(struct bench *b, struct row *r, struct row *sum, uint32_t unit)
{
    struct transfer_set t = {0};
    char dir[4200];
    struct store *s;

    dir_make(dir, b->conf.dir, "extents");
    s = tarn_open_at(dir, 0);
    set_make(&t, unit);
    tarn_run(s, set_fiber, &t); /* the first time makes room */
    for (uint32_t i = 0; i < b->conf.reps; i++) {
        double copied = copy_all(&t, false), summed = copy_all(&t, true), rate;

        memset(t.to, 3, SET_BYTES);
        tarn_run(s, set_fiber, &t);
        if (memcmp(t.to, t.from, SET_BYTES) != 0)
            die("tarn: extents", "what was read is not what was written",
                "this is a defect of Tarn's: report it");
        rate = 2.0 * (double)SET_BYTES / t.seconds / 1e9;
        sample(&r->who[TARN], rate);
        sample(&r->extra, copied / t.seconds);
        sample(&sum->who[TARN], rate);
        sample(&sum->extra, summed / t.seconds);
    }
    tarn_close(s);
    dir_remove(dir);
    set_free(&t);
}

void rows_extent(struct bench *b)
{
    if (wanted(b, ROW_EXTENT_4K) || wanted(b, ROW_EXTENT_4K_SUM))
        extents(b, &b->rows[ROW_EXTENT_4K], &b->rows[ROW_EXTENT_4K_SUM], SMALL);
    if (wanted(b, ROW_EXTENT_1M) || wanted(b, ROW_EXTENT_1M_SUM))
        extents(b, &b->rows[ROW_EXTENT_1M], &b->rows[ROW_EXTENT_1M_SUM], CHUNK);
}

/* ---- Endless overwrite ---- */

struct overwrite {
    double seconds; /* asked for */
    uint32_t version[OVER_BLOCK];
    double rate[TENTHS]; /* overwrites a second */
    double space;        /* most of heap and data in use, as a share of what is live */
};

static void block_make(uint32_t block, uint32_t version, uint8_t *bytes)
{
    uint64_t x = (uint64_t)block << 32 | version;

    memset(bytes, (int)(version & 0xff), SMALL);
    memcpy(bytes, &x, 8);
    memcpy(bytes + SMALL - 8, &x, 8);
}

static void block_put(struct store *s, struct overwrite *o, uint32_t block)
{
    uint8_t bytes[SMALL];

    block_make(block, ++o->version[block], bytes);
    extent_write(s, (uint64_t)block * SMALL, bytes, SMALL);
}

static void space_note(struct store *s, struct overwrite *o)
{
    struct heap_stat hs;
    struct vos_stat vs;
    double used;

    tarn_stat(s, &hs, &vs);
    used = (double)(hs.meta_bytes + hs.data_used) / ((double)OVER_BLOCK * SMALL);
    o->space = used > o->space ? used : o->space;
}

static void over_verify(struct store *s, const struct overwrite *o)
{
    uint8_t want[SMALL], is[SMALL];

    for (uint32_t i = 0; i < OVER_BLOCK; i++) {
        block_make(i, o->version[i], want);
        extent_read(s, (uint64_t)i * SMALL, is, SMALL);
        if (memcmp(want, is, SMALL) != 0)
            die("tarn: overwrite", "a block is not what was written last",
                "this is a defect of Tarn's: report it");
    }
}

static void over_fiber(struct store *s, void *arg)
{
    struct overwrite *o = arg;
    uint64_t state = 1;
    double t0;

    for (uint32_t i = 0; i < OVER_BLOCK; i++) {
        block_put(s, o, i);
        if (i % BATCH == 0)
            tarn_turn(s);
    }
    t0 = now_s();
    for (uint32_t tenth = 0; tenth < TENTHS; tenth++) {
        double until = t0 + o->seconds * (tenth + 1) / TENTHS, began = cpu_s();
        uint64_t done = 0;

        while (now_s() < until) {
            for (uint32_t i = 0; i < BATCH; i++)
                block_put(s, o, (uint32_t)(mix64(state++) % OVER_BLOCK));
            done += BATCH;
            tarn_turn(s);
        }
        o->rate[tenth] = (double)done / (cpu_s() - began);
        space_note(s, o);
    }
    over_verify(s, o);
}

void rows_overwrite(struct bench *b)
{
    struct overwrite *o;
    struct store *s;
    char dir[4200];

    if (!wanted(b, ROW_OVERWRITE) && !wanted(b, ROW_SPACE))
        return;
    o = calloc(1, sizeof(*o));
    if (o == NULL)
        die("tarn: overwrite", "out of memory", "end other programs");
    o->seconds = b->conf.overwrite_s;
    dir_make(dir, b->conf.dir, "overwrite");
    s = tarn_open_at(dir, 0);
    tarn_run(s, over_fiber, o);
    for (uint32_t i = 0; i < TENTHS; i++)
        sample(&b->rows[ROW_OVERWRITE].who[TARN], o->rate[i] / 1e3);
    sample(&b->rows[ROW_OVERWRITE].extra, o->rate[TENTHS - 1] / o->rate[0]);
    sample(&b->rows[ROW_SPACE].who[TARN], o->space);
    tarn_close(s);
    dir_remove(dir);
    free(o);
}
