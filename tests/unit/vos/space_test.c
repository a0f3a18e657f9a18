/* What is overwritten, punched or destroyed gives its room back. */
#include "rig.h"
#include "vos/priv.h"

#define LATEST DAOS_EPOCH_MAX

static struct heap_stat stat_of(struct rig *r)
{
    struct heap_stat st;

    heap_lock(r->h);
    heap_stat(r->h, &st);
    heap_unlock(r->h);
    return st;
}

static void reclaim_all(struct rig *r)
{
    bool more = true;

    while (more)
        CHECK_EQ(RIG_RETRY(r, vos_reclaim(r->v, &more)), 0);
}

static void check_clean(struct rig *r)
{
    struct vos_anchor at = {{0}, 0};
    uint64_t problems = 0;
    bool more = true;

    while (more)
        CHECK_EQ(RIG_RETRY(r, vos_check(r->v, &at,
                                        &(struct vos_check_ops){
                                            .report = rig_problem, .data = NULL, .arg = NULL},
                                        &problems, &more)),
                 0);
    CHECK_EQ(problems, 0);
}

static void overwrite_loops_stay_flat(void **state)
{
    daos_obj_id_t kv = OID(DAOS_OT_KV_HASHED, 1), f = OID(DAOS_OT_ARRAY_BYTE, 2);
    static uint8_t buf[4096];
    uint64_t one = 1;
    struct vos_key d = {&one, 8};
    struct heap_stat a, b;
    struct rig r;

    (void)state;
    rig_start(&r, NULL, 1, 1);
    for (int round = 0; round < 200; round++) {
        for (uint32_t i = 0; i < 20; i++) {
            char name[16];

            snprintf(name, sizeof name, "k%u", i);
            CHECK_EQ(put(&r, kv, K(name), K("0"), buf, 100, 0, 0), 0);
            CHECK_EQ(write_arr(&r, f, d, K("0"), i * 4096, 4096, 1, buf), 0);
        }
        if (round == 1)
            a = stat_of(&r);
    }
    b = stat_of(&r);
    assert_int_equal(a.alloc_count, b.alloc_count);
    assert_int_equal(a.alloc_bytes, b.alloc_bytes);
    check_clean(&r);
    rig_stop(&r);
}

/* Create and remove, as a directory of short-lived files does. */
static void churn_stays_flat(void **state)
{
    daos_obj_id_t dir = OID(DAOS_OT_MULTI_HASHED, 1);
    static uint8_t buf[4096];
    uint64_t one = 1;
    struct heap_stat a, b;
    struct rig r;

    (void)state;
    rig_start(&r, NULL, 1, 1);
    CHECK_EQ(put_s(&r, dir, "stays", "i", "x"), 0);
    for (uint32_t n = 0; n < 1000; n++) {
        daos_obj_id_t f = OID(DAOS_OT_ARRAY_BYTE, 100 + n);
        char name[32];

        snprintf(name, sizeof name, "file-%u", n);
        CHECK_EQ(write_arr(&r, dir, K(name), K("DFS_INODE"), 0, 88, 1, buf), 0);
        CHECK_EQ(write_arr(&r, f, (struct vos_key){&one, 8}, K("0"), 0, 3000, 1, buf), 0);
        CHECK_EQ(punch(&r, VOS_DKEY, dir, name, NULL, DAOS_COND_PUNCH), 0);
        CHECK_EQ(punch(&r, VOS_OBJ, f, NULL, NULL, DAOS_COND_PUNCH), 0);
        if (n == 10)
            a = stat_of(&r);
    }
    b = stat_of(&r);
    assert_int_equal(a.alloc_count, b.alloc_count);
    check_clean(&r);
    rig_stop(&r);
}

static void snapshots_keep_and_let_go(struct rt_xs *xs)
{
    daos_obj_id_t f = OID(DAOS_OT_ARRAY_BYTE, 2);
    uint8_t *buf = malloc(1 << 20), *got = malloc(1 << 20);
    struct vos_anchor at = {{0}, 0};
    uint64_t one = 1, epoch;
    struct vos_key d = {&one, 8};
    struct heap_stat before, held, after;
    bool more = true;
    struct rig r;

    rig_start(&r, xs, 7, 5);
    memset(buf, 1, 1 << 20);
    CHECK_EQ(write_arr(&r, f, d, K("0"), 0, 1 << 20, 1, buf), 0);
    before = stat_of(&r);
    epoch = hlc_peek(&r.clock);
    CHECK_EQ(RIG_RETRY(&r, vos_snap_add(r.c, epoch)), 0);
    memset(buf, 2, 1 << 20);
    for (uint32_t i = 0; i < 3; i++)
        CHECK_EQ(write_arr(&r, f, d, K("0"), 0, 1 << 20, 1, buf), 0);
    held = stat_of(&r);
    CHECK_EQ(held.data_used,
             2 * before.data_used); /* the snapshot's and the latest; not those between */
    CHECK_EQ(read_arr(&r, epoch, f, d, K("0"), 0, 1 << 20, got, 1 << 20, NULL, NULL), 1);
    CHECK(got[0] == 1 && got[1048575] == 1);
    CHECK_EQ(read_arr(&r, LATEST, f, d, K("0"), 500000, 100000, got, 1 << 20, NULL, NULL), 1);
    CHECK(got[0] == 2 && got[99999] == 2);
    check_clean(&r);
    CHECK_EQ(RIG_RETRY(&r, vos_snap_del(r.c, epoch)), 0);
    while (more)
        CHECK_EQ(RIG_RETRY(&r, vos_aggregate(r.c, 0, &at, &more)), 0);
    after = stat_of(&r);
    CHECK_EQ(after.data_used, before.data_used);
    check_clean(&r);

    /* random small writes over a large one: covered by their union */
    for (uint32_t i = 0; i < 256; i++)
        CHECK_EQ(write_arr(&r, f, d, K("0"), (i * 97 % 256) * 4096, 4096, 1, buf), 0);
    memset(&at, 0, sizeof at);
    more = true;
    while (more)
        CHECK_EQ(RIG_RETRY(&r, vos_aggregate(r.c, 0, &at, &more)), 0);
    CHECK_EQ(stat_of(&r).data_used, 0);
    check_clean(&r);
    rig_stop(&r);
    free(buf);
    free(got);
}

/* The client's checksums are stored and come back with the pieces; where extents are cut otherwise,
 * vos makes its own. */
static void checksums_travel(struct rt_xs *xs)
{
    daos_obj_id_t f = OID(DAOS_OT_ARRAY_BYTE, 2), o = OID(DAOS_OT_MULTI_HASHED, 3);
    size_t len = 100000;
    uint8_t *buf = malloc(3 << 20), *got = malloc(3 << 20), sums[4 * 8];
    struct vos_csum cs = {.type = CSUM_CRC64, .len = 8, .nr = 4, .bytes = sums};
    daos_recx_t recx = {5, len};
    struct iovec iov = {buf, len}, dst = {got, len};
    struct vos_iod iod = {.akey = K("0"),
                          .type = DAOS_IOD_ARRAY,
                          .rec_size = 1,
                          .recx_nr = 1,
                          .recxs = &recx,
                          .iov = &iov,
                          .iov_nr = 1,
                          .csums = &cs};
    struct vos_fetch_iod fi = {.akey = K("0"),
                               .type = DAOS_IOD_ARRAY,
                               .recx_nr = 1,
                               .recxs = &recx,
                               .dst = &dst,
                               .dst_nr = 1};
    uint64_t one = 1;
    struct vos_key d = {&one, 8};
    struct vos_op op = {.kind = VOS_OP_UPDATE, .oid = f, .dkey = d, .akey_nr = 1, .iods = &iod};
    struct vos_fetch ft;
    struct rig r;

    rig_start(&r, xs, 9, 5);
    for (size_t i = 0; i < 3 << 20; i++)
        buf[i] = (uint8_t)(mix64(i / 8) >> i % 8 * 8);
    for (uint32_t i = 0; i < 4; i++) {
        uint64_t v = csum_calc(CSUM_CRC64, buf + i * CSUM_CHUNK_BYTES,
                               MIN((size_t)CSUM_CHUNK_BYTES, len - i * CSUM_CHUNK_BYTES));

        memcpy(sums + i * 8, &v, 8);
    }
    CHECK_EQ(rig_apply(&r, &op, 1, 0, NULL), 0);
    recx = (daos_recx_t){40000, 30000};
    CHECK_EQ(RIG_RETRY(&r, vos_fetch(r.c, LATEST, 0, f, &d, 1, &fi, &ft)), 0);
    CHECK_EQ(ft.piece_nr, 1);
    CHECK_EQ(ft.pieces[0].csum_type, CSUM_CRC64);
    CHECK_EQ(ft.pieces[0].ext_off, 39995);
    CHECK(memcmp(ft.pieces[0].csums, sums + 8, 16) == 0); /* of the chunks it touches */
    rig_read_pieces(&r, &ft, &fi);
    vos_fetch_fini(r.c, &ft);
    CHECK(memcmp(got, buf + 39995, 30000) == 0);
    /* too few, or of a length that is not the type's */
    cs.nr = 3;
    recx = (daos_recx_t){5, len};
    CHECK_EQ(rig_apply(&r, &op, 1, 0, NULL), -DER_INVAL);
    cs.nr = 4;
    cs.len = 4;
    CHECK_EQ(rig_apply(&r, &op, 1, 0, NULL), -DER_INVAL);
    CHECK_EQ(stat_of(&r).data_used, ROUND_UP(len, SPACE_BLOCK));
    /* records of 12 bytes over several extents */
    CHECK_EQ(write_arr(&r, o, K("d"), K("a"), 7, 250000, 12, buf), 0);
    CHECK_EQ(read_arr(&r, LATEST, o, K("d"), K("a"), 7, 250000, got, 3000000, NULL, NULL), 12);
    CHECK(memcmp(got, buf, 3000000) == 0);
    CHECK_EQ(read_arr(&r, LATEST, o, K("d"), K("a"), 87387, 10, got, 120, NULL, NULL), 12);
    CHECK(memcmp(got, buf + 87380 * 12, 120) == 0);
    /* a single value larger than one extent can be */
    CHECK_EQ(put(&r, o, K("d"), K("s"), buf, 3 << 20, 0, 0), 0);
    CHECK_EQ(get(&r, LATEST, o, K("d"), K("s"), got, 3 << 20, 0), 3 << 20);
    CHECK(memcmp(got, buf, 3 << 20) == 0);
    CHECK_EQ(get(&r, LATEST, o, K("d"), K("s"), got, 100, 0), -DER_REC2BIG);
    check_clean(&r);
    rig_reopen(&r, true);
    CHECK_EQ(get(&r, LATEST, o, K("d"), K("s"), got, 3 << 20, 0), 3 << 20);
    CHECK(memcmp(got, buf, 3 << 20) == 0);
    CHECK_EQ(punch(&r, VOS_OBJ, o, NULL, NULL, 0), 0);
    CHECK_EQ(punch(&r, VOS_OBJ, f, NULL, NULL, 0), 0);
    CHECK_EQ(stat_of(&r).data_used, 0);
    check_clean(&r);
    rig_stop(&r);
    free(buf);
    free(got);
}

/* What a reader of [off, off + len) verifies: chunks of `chunk` bytes, with checksums of buf's. */
static void assert_verifies(struct rig *r, daos_obj_id_t oid, uint64_t dkey, uint64_t off,
                            uint64_t len, uint64_t chunk, uint8_t *buf, size_t bytes)
{
    static uint8_t got[100000];
    struct vos_key d = {&dkey, 8};
    daos_recx_t recx = {off, len};
    struct iovec dst = {got, len};
    struct vos_fetch_iod fi = {.akey = K("0"),
                               .type = DAOS_IOD_ARRAY,
                               .recx_nr = 1,
                               .recxs = &recx,
                               .dst = &dst,
                               .dst_nr = 1};
    struct vos_fetch ft;

    CHECK_EQ(RIG_RETRY(r, vos_fetch(r->c, LATEST, 0, oid, &d, 1, &fi, &ft)), 0);
    CHECK_EQ(ft.piece_nr, 1);
    CHECK_EQ(ft.pieces[0].csum_type, CSUM_CRC32);
    CHECK_EQ(ft.pieces[0].chunk_bytes, chunk);
    for (uint64_t i = off / chunk; i <= (off + len - 1) / chunk; i++) {
        uint32_t v =
            (uint32_t)csum_calc(CSUM_CRC32, buf + i * chunk, MIN(chunk, bytes - i * chunk));

        CHECK(memcmp(ft.pieces[0].csums + (i - off / chunk) * 4, &v, 4) == 0);
    }
    rig_read_pieces(r, &ft, &fi);
    vos_fetch_fini(r->c, &ft);
    CHECK(memcmp(got, buf + off, len) == 0);
}

static uint32_t version_of(struct rig *r)
{
    uint32_t version;
    int rc = 0;

    heap_lock(r->h);
    version = REC(r->h, r->v->super, super_rec, REC_SUPER, &rc)->version;
    heap_unlock(r->h);
    return version;
}

/* Extents of more than 32 KiB have a checksum for each 4 KiB, whoever made it. */
static void fine_checksums(struct rt_xs *xs)
{
    enum { LONG = 90001, LIMIT = CSUM_CHUNK_BYTES };
    daos_obj_id_t f = OID(DAOS_OT_ARRAY_BYTE, 2);
    static uint8_t buf[LONG], sums[4 * (LONG / CSUM_FINE_BYTES + 1)];
    struct vos_csum cs = {
        .type = CSUM_FINE | CSUM_CRC32, .len = 4, .nr = sizeof sums / 4, .bytes = sums};
    daos_recx_t recx = {0, LONG};
    struct iovec iov[3] = {{buf, 5000}, {buf + 5000, 1}, {buf + 5001, LONG - 5001}};
    struct vos_iod iod = {.akey = K("0"),
                          .type = DAOS_IOD_ARRAY,
                          .rec_size = 1,
                          .recx_nr = 1,
                          .recxs = &recx,
                          .iov = iov,
                          .iov_nr = 3};
    uint64_t n;
    struct vos_key d = {&n, 8};
    struct vos_op op = {.kind = VOS_OP_UPDATE, .oid = f, .dkey = d, .akey_nr = 1, .iods = &iod};
    struct rig r;

    rig_start(&r, xs, 11, 0);
    for (size_t i = 0; i < LONG; i++)
        buf[i] = (uint8_t)(mix64(i / 8 + 1) >> i % 8 * 8);
    n = 1;
    CHECK_EQ(write_arr(&r, f, d, K("0"), 0, LIMIT, 1, buf), 0);
    assert_verifies(&r, f, n, 8000, 100, LIMIT, buf, LIMIT);
    CHECK(version_of(&r) < VOS_FORMAT_FINE); /* older programs may have it yet */
    n = 2;
    CHECK_EQ(write_arr(&r, f, d, K("0"), 0, LIMIT + 1, 1, buf), 0);
    assert_verifies(&r, f, n, 8000, 100, CSUM_FINE_BYTES, buf, LIMIT + 1);
    CHECK_EQ(version_of(&r), VOS_FORMAT_FINE);
    assert_verifies(&r, f, n, LIMIT - 1, 2, CSUM_FINE_BYTES, buf, LIMIT + 1);
    n = 3; /* in pieces */
    CHECK_EQ(rig_apply(&r, &op, 1, 0, NULL), 0);
    assert_verifies(&r, f, n, 0, LONG, CSUM_FINE_BYTES, buf, LONG);
    assert_verifies(&r, f, n, 4095, 2, CSUM_FINE_BYTES, buf, LONG);
    n = 4; /* the caller's */
    for (uint32_t i = 0; i < cs.nr; i++) {
        uint64_t at = (uint64_t)i * CSUM_FINE_BYTES;
        uint32_t v = (uint32_t)csum_calc(CSUM_CRC32, buf + at, MIN(CSUM_FINE_BYTES, LONG - at));

        memcpy(sums + i * 4, &v, 4);
    }
    iod.csums = &cs;
    CHECK_EQ(rig_apply(&r, &op, 1, 0, NULL), 0);
    assert_verifies(&r, f, n, 50000, 30000, CSUM_FINE_BYTES, buf, LONG);
    cs.nr--;
    CHECK_EQ(rig_apply(&r, &op, 1, 0, NULL), -DER_INVAL);
    cs.nr++;
    cs.type = CSUM_FINE | CSUM_CRC64;
    cs.len = 8;
    CHECK_EQ(rig_apply(&r, &op, 1, 0, NULL), -DER_INVAL);
    check_clean(&r);
    rig_reopen(&r, true);
    assert_verifies(&r, f, 3, 4095, 2, CSUM_FINE_BYTES, buf, LONG);
    check_clean(&r);
    rig_stop(&r);
}

/* Checksums that somebody else computes and checks are kept as they are, whatever their length. */
static void checksums_of_every_length(struct rt_xs *xs)
{
    static const struct {
        uint16_t type;
        uint16_t len;
    } types[] = {{CSUM_CRC16, 2}, {CSUM_CRC32, 4}, {CSUM_ADLER32, 4}, {CSUM_CRC64, 8},
                 {CSUM_XXH3, 8},  {CSUM_SHA1, 20}, {CSUM_SHA256, 32}, {CSUM_SHA512, 64}};
    daos_obj_id_t f = OID(DAOS_OT_ARRAY_BYTE, 2);
    static char buf[20000];
    uint8_t sum[64];
    struct rig r;

    rig_start(&r, xs, 10, 2);
    for (size_t i = 0; i < sizeof sum; i++)
        sum[i] = (uint8_t)(i + 1);
    for (uint64_t i = 0; i <= ARRAY_LEN(types); i++) {
        bool unknown = i == ARRAY_LEN(types);
        struct vos_csum cs = {.type = unknown ? 99 : types[i].type,
                              .len = unknown ? 4 : types[i].len,
                              .nr = 1,
                              .bytes = sum};
        daos_recx_t recx = {0, sizeof buf};
        struct iovec iov = {buf, sizeof buf};
        struct vos_iod iod = {.akey = K("0"),
                              .type = DAOS_IOD_ARRAY,
                              .rec_size = 1,
                              .recx_nr = 1,
                              .recxs = &recx,
                              .iov = &iov,
                              .iov_nr = 1,
                              .csums = &cs};
        struct vos_fetch_iod fi = {
            .akey = K("0"), .type = DAOS_IOD_ARRAY, .recx_nr = 1, .recxs = &recx, .dst = &iov};
        struct vos_key d = {&i, 8};
        struct vos_op op = {.kind = VOS_OP_UPDATE, .oid = f, .dkey = d, .akey_nr = 1, .iods = &iod};
        struct vos_fetch ft;

        fi.dst_nr = 1;
        CHECK_EQ(rig_apply(&r, &op, 1, 0, NULL), unknown ? -DER_INVAL : 0);
        if (unknown)
            break;
        CHECK_EQ(RIG_RETRY(&r, vos_fetch(r.c, LATEST, 0, f, &d, 1, &fi, &ft)), 0);
        CHECK_EQ(ft.piece_nr, 1);
        CHECK_EQ(ft.pieces[0].csum_type, types[i].type);
        CHECK_EQ(ft.pieces[0].csum_len, types[i].len);
        CHECK(memcmp(ft.pieces[0].csums, sum, types[i].len) == 0);
        vos_fetch_fini(r.c, &ft);
    }
    check_clean(&r);
    rig_stop(&r);
}

/* A fetch that runs again, somewhere else or later, may find another state: bytes of its first run
 * in the holes of its second would be a state that never was. */
static void unanswered_fetches_leave_no_trace(struct rt_xs *xs)
{
    daos_obj_id_t o = OID(DAOS_OT_MULTI_HASHED, 1);
    struct vos_key d = K("d");
    char small[4] = "...", large[8192];
    struct iovec iov[2] = {{small, sizeof small}, {large, sizeof large}};
    struct vos_fetch_iod iods[2] = {
        {.akey = K("small"), .type = DAOS_IOD_SINGLE, .dst = &iov[0], .dst_nr = 1},
        {.akey = K("large"), .type = DAOS_IOD_SINGLE, .dst = &iov[1], .dst_nr = 1}};
    struct vos_fetch f;
    struct rig r;

    rig_start(&r, xs, 1, 20);
    memset(large, 'x', sizeof large);
    CHECK_EQ(put_s(&r, o, "d", "small", "abc"), 0);
    CHECK_EQ(put(&r, o, d, K("large"), large, sizeof large, 0, 0), 0);
    CHECK_EQ(RIG_RETRY(&r, vos_fetch(r.c, LATEST, 0, o, &d, 2, iods, &f)), 0);
    CHECK_EQ(f.piece_nr, 1);
    CHECK(memcmp(small, "...", 4) == 0);
    vos_fetch_copy(&f, iods);
    CHECK(memcmp(small, "abc", 4) == 0);
    vos_fetch_fini(r.c, &f);
    /* the second does not fit: nothing is there of the first */
    memcpy(small, "...", 4);
    iods[0].rec_size = iods[1].rec_size = 0;
    iov[1].iov_len = 100;
    CHECK_EQ(RIG_RETRY(&r, vos_fetch(r.c, LATEST, 0, o, &d, 2, iods, &f)), -DER_REC2BIG);
    CHECK(memcmp(small, "...", 4) == 0);
    rig_stop(&r);
}

/* One value of 3000 bytes lives in the heap; many of them that come together do not, and are read
 * back all the same. Where there is no data space they stay in the heap. */
static void many_values_leave_the_heap(struct rt_xs *xs)
{
    daos_obj_id_t o = OID(DAOS_OT_MULTI_HASHED, 1);
    static char buf[32][3000];
    char name[32][8], got[3000];
    struct iovec iov[32];
    struct vos_iod iods[32];
    struct vos_op op = {.kind = VOS_OP_UPDATE, .oid = o, .dkey = K("d"), .iods = iods};
    struct heap_stat before, after;
    struct rig r;

    for (uint32_t i = 0; i < 32; i++) {
        memset(buf[i], 'a' + (int)i, sizeof buf[i]);
        snprintf(name[i], sizeof name[i], "a%02u", i);
        iov[i] = (struct iovec){buf[i], sizeof buf[i]};
        iods[i] = (struct vos_iod){.akey = K(name[i]),
                                   .type = DAOS_IOD_SINGLE,
                                   .rec_size = sizeof buf[i],
                                   .iov = &iov[i],
                                   .iov_nr = 1};
    }
    for (int disk = 0; disk < 2; disk++) {
        rig_start(&r, disk ? xs : NULL, 7, disk ? 2 : 0);
        before = stat_of(&r);
        op.akey_nr = 21; /* just too few */
        CHECK_EQ(rig_apply(&r, &op, 1, 0, NULL), 0);
        after = stat_of(&r);
        CHECK_EQ(after.data_used, before.data_used);
        op.akey_nr = 32;
        op.dkey = K("e");
        CHECK_EQ(rig_apply(&r, &op, 1, 0, NULL), 0);
        CHECK_EQ(stat_of(&r).data_used, after.data_used + (disk ? 32 * 4096 : 0));
        CHECK((stat_of(&r).value_bytes - after.value_bytes < 32 * 1000) == (disk == 1));
        if (disk)
            rig_reopen(&r, true);
        for (uint32_t i = 0; i < 32; i++) {
            CHECK_EQ(get(&r, LATEST, o, K("e"), K(name[i]), got, sizeof got, 0), sizeof got);
            CHECK(memcmp(got, buf[i], sizeof got) == 0);
        }
        check_clean(&r);
        rig_stop(&r);
        op.dkey = K("d");
    }
}

/* What a compound might write at most is much more than what it writes: a log that holds the latter
 * is large enough. */
static void a_small_log_takes_large_compounds(struct rt_xs *xs)
{
    daos_obj_id_t o = OID(DAOS_OT_MULTI_HASHED, 1);
    struct iovec iov = {(void *)(uintptr_t) "value", 5};
    struct vos_iod iod = {
        .akey = K("a"), .type = DAOS_IOD_SINGLE, .rec_size = 5, .iov = &iov, .iov_nr = 1};
    struct vos_op ops[VOS_OPS_MAX];
    char name[VOS_OPS_MAX][8];
    uint64_t epoch;
    struct rig r;

    rig_start_log(&r, xs, 5, 2, 1u << 20);
    for (uint32_t i = 0; i < VOS_OPS_MAX; i++) {
        snprintf(name[i], sizeof name[i], "d%02u", i);
        ops[i] = (struct vos_op){
            .kind = VOS_OP_UPDATE, .oid = o, .dkey = K(name[i]), .akey_nr = 1, .iods = &iod};
    }
    CHECK_EQ(rig_apply(&r, ops, VOS_OPS_MAX, 0, &epoch), 0);
    assert_string_equal(get_s(&r, LATEST, o, "d63", "a"), "value");
    rig_stop(&r);
}

/* A compound that is too large for the log is so each time, and changes nothing. */
static void a_log_that_is_too_small_says_so(struct rt_xs *xs)
{
    daos_obj_id_t o = OID(DAOS_OT_MULTI_HASHED, 1);
    static char big[1900]; /* not so large that many of them leave the heap */
    struct iovec iov = {big, sizeof big};
    struct vos_iod iods[32];
    char name[ARRAY_LEN(iods)][8];
    struct vos_op ops[VOS_OPS_MAX];
    char dkey[VOS_OPS_MAX][8];
    uint64_t epoch;
    struct rig r;

    rig_start_log(&r, xs, 6, 0, 1u << 20);
    for (uint32_t i = 0; i < ARRAY_LEN(iods); i++) {
        snprintf(name[i], sizeof name[i], "a%02u", i);
        iods[i] = (struct vos_iod){.akey = K(name[i]),
                                   .type = DAOS_IOD_SINGLE,
                                   .rec_size = sizeof big,
                                   .iov = &iov,
                                   .iov_nr = 1};
    }
    memset(big, 'x', sizeof big);
    for (uint32_t i = 0; i < 8; i++) {
        snprintf(dkey[i], sizeof dkey[i], "d%u", i);
        ops[i] = (struct vos_op){.kind = VOS_OP_UPDATE,
                                 .oid = o,
                                 .dkey = K(dkey[i]),
                                 .akey_nr = ARRAY_LEN(iods),
                                 .iods = iods};
    }
    CHECK_EQ(rig_apply(&r, ops, 8, 0, &epoch), -DER_OVERFLOW);
    assert_string_equal(names(&r, LATEST, VOS_DKEY, o, NULL), "");
    CHECK_EQ(rig_apply(&r, ops, 1, 0, &epoch), 0);
    rig_stop(&r);
}

/* Room in small pieces: a large value takes many of them, each with a checksum of its own. */
static int count_pieces(void *arg, const struct vos_found *at, const struct vos_piece *p)
{
    uint32_t *nr = arg;

    CHECK(p->csum_len > 0 && p->len <= (uint64_t)p->ext.nr * SPACE_BLOCK);
    ++*nr;
    return 0;
}

static uint32_t pieces(struct rig *r)
{
    struct vos_anchor at = {{0}, 0};
    uint64_t problems = 0;
    uint32_t nr = 0, pct = r->fault_pct;
    bool more = true;

    r->fault_pct = 0; /* what is tried again would be counted again */
    while (more)
        CHECK_EQ(
            RIG_RETRY(r, vos_check(r->v, &at,
                                   &(struct vos_check_ops){
                                       .report = rig_problem, .data = count_pieces, .arg = &nr},
                                   &problems, &more)),
            0);
    CHECK_EQ(problems, 0);
    r->fault_pct = pct;
    return nr;
}

static void a_value_in_many_pieces(struct rt_xs *xs)
{
    daos_obj_id_t o = OID(DAOS_OT_MULTI_HASHED, 1);
    static char small[2 * SPACE_BLOCK], large[100000], got[100000];
    char name[16];
    uint32_t nr = 0, before;
    struct rig r;

    rig_start(&r, xs, 8, 2);
    memset(small, 's', sizeof small);
    for (size_t i = 0; i < sizeof large; i++)
        large[i] = (char)mix64(i);
    while (stat_of(&r).data_used + sizeof small <= stat_of(&r).data_total) {
        snprintf(name, sizeof name, "d%u", nr++);
        CHECK_EQ(put(&r, o, K(name), K("a"), small, sizeof small, 0, 0), 0);
    }
    for (uint32_t i = 0; i < nr; i += 2) {
        snprintf(name, sizeof name, "d%u", i);
        CHECK_EQ(punch(&r, VOS_DKEY, o, name, NULL, 0), 0);
    }
    reclaim_all(&r);
    rig_reopen(&r, true);
    before = pieces(&r);
    CHECK_EQ(before, nr / 2);
    CHECK_EQ(put(&r, o, K("large"), K("a"), large, sizeof large, 0, 0), 0);
    CHECK(pieces(&r) - before > 10);
    rig_reopen(&r, true);
    CHECK_EQ(get(&r, LATEST, o, K("large"), K("a"), got, sizeof got, 0), sizeof got);
    CHECK(memcmp(got, large, sizeof got) == 0);
    for (uint32_t i = 0; i < nr; i++) {
        snprintf(name, sizeof name, "d%u", i);
        CHECK_EQ(get(&r, LATEST, o, K(name), K("a"), got, sizeof got, 0), i % 2 ? sizeof small : 0);
    }
    CHECK_EQ(punch(&r, VOS_DKEY, o, "large", NULL, 0), 0);
    reclaim_all(&r);
    check_clean(&r);
    CHECK_EQ(pieces(&r), before);
    rig_stop(&r);
}

/* More extents than one look of pruning takes (PRUNE_WINDOW), in layers that cover each other in
 * part: every reader goes on seeing what it saw. */
#define RECORDS 4000u

static void aggregate_all(struct rig *r)
{
    struct vos_anchor at = {{0}, 0};
    bool more = true;

    while (more)
        CHECK_EQ(RIG_RETRY(r, vos_aggregate(r->c, 0, &at, &more)), 0);
}

static void shows(struct rig *r, uint64_t epoch, daos_obj_id_t f, const char *want)
{
    static char got[RECORDS];

    memset(got, '.', sizeof got);
    CHECK_EQ(read_arr(r, epoch, f, K("d"), K("0"), 0, RECORDS, got, RECORDS, NULL, NULL), 1);
    for (uint32_t i = 0; i < RECORDS; i++)
        if (got[i] != want[i])
            fail_msg("record %u: '%c', not '%c'", i, got[i], want[i]);
}

static uint64_t extents(struct rig *r)
{
    struct vos_stat st;

    heap_lock(r->h);
    vos_stat(r->v, &st);
    heap_unlock(r->h);
    return st.extents;
}

static void many_extents_are_pruned(void **state)
{
    daos_obj_id_t f = OID(DAOS_OT_MULTI_HASHED, 4);
    static char now[RECORDS], then[RECORDS], bytes[RECORDS];
    uint64_t epoch, before;
    struct rig r;

    (void)state;
    rig_start(&r, NULL, 11, 1);
    memset(now, '.', sizeof now);
    for (uint32_t i = 0; i < RECORDS; i += 2) {
        now[i] = (char)('a' + i % 26);
        CHECK_EQ(write_arr(&r, f, K("d"), K("0"), i, 1, 1, &now[i]), 0);
    }
    memcpy(then, now, sizeof now);
    epoch = hlc_peek(&r.clock);
    CHECK_EQ(RIG_RETRY(&r, vos_snap_add(r.c, epoch)), 0);
    for (uint32_t n = 0; n < 1500; n++) {
        uint64_t at = rig_draw(&r, RECORDS - 60), nr = 1 + rig_draw(&r, n % 50 ? 20 : 60);
        bool hole = n % 7 == 0;

        memset(now + at, hole ? '.' : 'A' + (int)(n % 26), nr);
        CHECK_EQ(write_arr(&r, f, K("d"), K("0"), at, nr, hole ? 0 : 1, now + at), 0);
    }
    for (int round = 0; round < 3; round++) {
        shows(&r, LATEST, f, now);
        if (round < 2)
            shows(&r, epoch, f, then);
        check_clean(&r);
        before = extents(&r);
        if (round == 1)
            CHECK_EQ(RIG_RETRY(&r, vos_snap_del(r.c, epoch)), 0);
        aggregate_all(&r);
        if (round < 2)
            CHECK(extents(&r) < before);
        else
            CHECK_EQ(extents(&r), before); /* nothing is left to do */
    }
    memset(bytes, 'Z', sizeof bytes);
    CHECK_EQ(write_arr(&r, f, K("d"), K("0"), 0, RECORDS, 1, bytes), 0);
    shows(&r, LATEST, f, bytes);
    aggregate_all(&r);
    shows(&r, LATEST, f, bytes);
    CHECK_EQ(extents(&r), 1);
    check_clean(&r);
    rig_stop(&r);
}

static void on_disk(void **state)
{
    (void)state;
    rig_run(a_small_log_takes_large_compounds);
    rig_run(a_log_that_is_too_small_says_so);
    rig_run(snapshots_keep_and_let_go);
    rig_run(many_values_leave_the_heap);
    rig_run(a_value_in_many_pieces);
    rig_run(checksums_travel);
    rig_run(fine_checksums);
    rig_run(checksums_of_every_length);
    rig_run(unanswered_fetches_leave_no_trace);
}

/* More than a transaction may give back: punched at once, reclaimed in steps. */
static void large_objects_go_in_steps(void **state)
{
    daos_obj_id_t o = OID(DAOS_OT_MULTI_HASHED, 1);
    struct heap_stat a;
    struct vos_stat st;
    struct rig r;

    (void)state;
    rig_start(&r, NULL, 1, 2);
    a = stat_of(&r);
    for (uint32_t i = 0; i < 3000; i++) {
        char name[32];

        snprintf(name, sizeof name, "key-%u", i);
        CHECK_EQ(put_s(&r, o, name, "a", "value"), 0);
    }
    CHECK_EQ(punch(&r, VOS_OBJ, o, NULL, NULL, DAOS_COND_PUNCH), 0);
    assert_string_equal(names(&r, LATEST, VOS_DKEY, o, NULL), "");
    assert_string_equal(get_s(&r, LATEST, o, "key-1", "a"), "-");
    CHECK_EQ(put_s(&r, o, "new", "a", "life"), 0);
    assert_string_equal(names(&r, LATEST, VOS_DKEY, o, NULL), "new");
    reclaim_all(&r);
    vos_stat(r.v, &st);
    assert_int_equal(st.dkeys, 1);
    check_clean(&r);
    assert_string_equal(get_s(&r, LATEST, o, "new", "a"), "life");
    CHECK_EQ(RIG_RETRY(&r, vos_cont_destroy(r.v, CONT_A)), 0);
    assert_int_equal(RIG_RETRY(&r, vos_cont_destroy(r.v, CONT_A)), -DER_NONEXIST);
    assert_int_equal(get(&r, LATEST, o, K("new"), K("a"), NULL, 0, 0), -DER_NO_HDL);
    assert_int_equal(put_s(&r, o, "new", "a", "late"), -DER_NO_HDL);
    reclaim_all(&r);
    CHECK_EQ(RIG_RETRY(&r, vos_cont_open(r.v, CONT_A, true, &r.c)), 0);
    assert_string_equal(get_s(&r, LATEST, o, "new", "a"), "-");
    assert_int_equal(stat_of(&r).alloc_count, a.alloc_count);
    rig_reopen(&r, true);
    assert_string_equal(get_s(&r, LATEST, o, "new", "a"), "-");
    rig_stop(&r);
}

/* No condition failed: it is the container that is not there any more. */
static void a_container_destroyed_under_an_update(void **state)
{
    static const struct vos_op op = {.kind = VOS_OP_PUNCH, .level = VOS_OBJ};
    const struct vos_place *pl;
    struct vos_update *u = NULL;
    uint32_t place_nr = 0;
    uint64_t epoch = 0;
    struct rig r;

    (void)state;
    rig_start(&r, NULL, 1, 0);
    CHECK_EQ(put_s(&r, op.oid, "d", "a", "value"), 0);
    CHECK_EQ(RIG_RETRY(&r, vos_update_begin(r.c, &op, 1, &u, &pl, &place_nr)), 0);
    CHECK_EQ(RIG_RETRY(&r, vos_cont_destroy(r.v, CONT_A)), 0);
    assert_int_equal(RIG_RETRY(&r, vos_update_publish(u, r.wall_ns + 1, &r.txid, 0, &epoch, &r.lsn,
                                                      &r.replayed)),
                     -DER_NO_HDL);
    assert_true(r.lsn > 0); /* the answer waits for the destroy */
    CHECK_EQ(RIG_RETRY(&r, vos_cont_open(r.v, CONT_A, true, &r.c)), 0);
    rig_stop(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(overwrite_loops_stay_flat),
        cmocka_unit_test(churn_stays_flat),
        cmocka_unit_test(on_disk),
        cmocka_unit_test(many_extents_are_pruned),
        cmocka_unit_test(large_objects_go_in_steps),
        cmocka_unit_test(a_container_destroyed_under_an_update),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
