/* Superblocks: formatting, opening, every way of being refused, and growing roles. */
#include "super_rig.h"

#define PLAIN (&(struct sim_dir_conf){.seed = 1})

static void a_formatted_device_comes_back(struct rt_xs *xs, void *arg)
{
    struct rig r = rig_make(xs, PLAIN);
    const struct super_id *id;

    (void)arg;
    CHECK_RC(rig_format(&r, NULL), 0);
    CHECK(super_is_clean(r.super) && super_generation(r.super) == 1);
    CHECK_RC(rig_reopen(&r, false, NULL), 0);
    id = super_id(r.super);
    CHECK(memcmp(id, &rig_id, sizeof(*id)) == 0);
    for (uint32_t role = 0; role < SUPER_ROLE_NR; role++)
        CHECK(super_role_size(r.super, role) == rig_sizes[role]);
    CHECK(super_dev(r.super) == r.dev && r.dev->size == 10 * KIB64);
    CHECK(super_is_clean(r.super));

    CHECK_RC(super_mark(r.super, false), 0);
    CHECK_RC(super_mark(r.super, false), 0); /* no second generation for no change */
    CHECK(super_generation(r.super) == 2);
    CHECK_RC(rig_reopen(&r, true, NULL), 0);
    CHECK(!super_is_clean(r.super) && super_generation(r.super) == 2);
    CHECK_RC(super_mark(r.super, true), -DER_NO_PERM);
    rig_free(&r);
}

static void roles_are_separate(struct rt_xs *xs, void *arg)
{
    struct rig r = rig_make(xs, PLAIN);

    (void)arg;
    CHECK_RC(rig_format(&r, NULL), 0);
    for (uint32_t role = 0; role < SUPER_ROLE_NR; role++) {
        fill(r.buf, KIB64, 0, role + 1);
        CHECK_RC(super_write_wait(r.super, role, rig_sizes[role] - KIB64, r.buf, KIB64, 0), 0);
    }
    CHECK_RC(super_flush_wait(r.super), 0);
    CHECK_RC(rig_power_cycle(&r), 0);
    for (uint32_t role = 0; role < SUPER_ROLE_NR; role++) {
        CHECK_RC(super_read_wait(r.super, role, rig_sizes[role] - KIB64, r.buf, KIB64), 0);
        CHECK(is_filled(r.buf, KIB64, 0, role + 1));
        CHECK_RC(super_read_wait(r.super, role, rig_sizes[role], r.buf, 4096), -DER_INVAL);
        CHECK_RC(super_read_wait(r.super, role, rig_sizes[role] - 4096, r.buf, 8192), -DER_INVAL);
        CHECK_RC(super_read_wait(r.super, role, 100, r.buf, 4096), -DER_INVAL);
    }
    CHECK(r.dev->stat.inflight == 0);
    rig_free(&r);
}

static void one_durable_write_is_one_device_write(struct rt_xs *xs, void *arg)
{
    struct rig r = rig_make(xs, PLAIN);
    struct io_dev_stat before;

    (void)arg;
    CHECK_RC(rig_format(&r, NULL), 0);
    before = r.dev->stat;
    fill(r.buf, 4096, 0, 1);
    CHECK_RC(super_write_wait(r.super, SUPER_WAL, 0, r.buf, 4096, IO_DURABLE), 0);
    CHECK(r.dev->stat.writes == before.writes + 1 && r.dev->stat.flushes == before.flushes);
    CHECK(r.dev->stat.write_bytes == before.write_bytes + 4096);
    rig_free(&r);
}

/* ---- Formats that are refused ---- */

static void a_device_in_use_is_not_formatted(struct rt_xs *xs, void *arg)
{
    struct rig r = rig_make(xs, PLAIN);
    struct super *second = NULL;
    struct err e = {0};
    uint64_t trace;

    (void)arg;
    CHECK_RC(rig_format(&r, NULL), 0);
    trace = sim_dir_trace(r.sd);
    CHECK_RC(super_format(r.dev, &rig_id, rig_sizes, 0, 0, 0, true, &second, &e), -DER_EXIST);
    CHECK(strstr(e.why, "belongs to pool") && *e.what && *e.next && !second);
    /* Only one copy is left: still in use. */
    for (uint32_t i = 0; i < 3; i++)
        CHECK_RC(sim_dev_flip(r.sd, "d", i * SUPER_COPY_STEP + 30, 0), 0);
    CHECK_RC(super_format(r.dev, &rig_id, rig_sizes, 0, 0, 0, true, &second, NULL), -DER_EXIST);
    CHECK(sim_dir_trace(r.sd) == trace);
    rig_free(&r);
}

static void foreign_data_needs_force_and_the_wal_gets_zeros(struct rt_xs *xs, void *arg)
{
    struct rig r = rig_make(xs, PLAIN);
    struct err e = {0};
    uint64_t before;

    (void)arg;
    CHECK_RC(io_grow_wait(r.dev, 4 * KIB64), 0);
    fill(r.buf, KIB64, 0, 1);
    CHECK_RC(sim_dev_poke(r.sd, "d", 65535, "x", 1), 0); /* the last byte that is looked at */
    CHECK_RC(rig_format(&r, &e), -DER_EXIST);
    CHECK(strstr(e.why, "foreign"));
    CHECK_RC(sim_dev_poke(r.sd, "d", 2 * KIB64, r.buf, KIB64), 0);
    CHECK_RC(super_format(r.dev, &rig_id, rig_sizes, 0, 0, 0, true, &r.super, NULL), 0);
    for (uint64_t off = 0; off < rig_sizes[SUPER_WAL]; off += KIB64) {
        CHECK_RC(super_read_wait(r.super, SUPER_WAL, off, r.buf, KIB64), 0);
        CHECK(is_zero(r.buf, KIB64));
    }
    /* Zeros are written where a WAL grows as well: a file system has nothing left to do on a later
     * write. */
    before = r.dev->stat.write_bytes;
    CHECK_RC(super_grow(r.super, SUPER_WAL, 4 * KIB64), 0);
    CHECK(r.dev->stat.write_bytes - before == 4 * KIB64 + SUPER_COPIES * SUPER_BYTES);
    CHECK_RC(rig_reopen(&r, false, NULL), 0);
    rig_free(&r);
}

static int format_with(struct rig *r, uint64_t wal, uint64_t meta, uint32_t roles,
                       uint32_t page_size)
{
    uint64_t sizes[SUPER_ROLE_NR] = {wal, meta, 0};
    struct super_id id = rig_id;

    id.roles = roles;
    id.page_size = page_size;
    return super_format(r->dev, &id, sizes, 0, 0, 0, false, &r->super, NULL);
}

static void impossible_wishes(struct rt_xs *xs, void *arg)
{
    struct rig r = rig_make(xs, &(struct sim_dir_conf){.seed = 1, .capacity_bytes = 8 * KIB64});
    uint64_t trace = sim_dir_trace(r.sd);
    struct err e = {0};

    (void)arg;
    CHECK_RC(format_with(&r, 4096, KIB64, 3, 16384), -DER_INVAL);  /* not a multiple of 64 KiB */
    CHECK_RC(format_with(&r, KIB64, 0, 3, 16384), -DER_INVAL);     /* role without bytes */
    CHECK_RC(format_with(&r, KIB64, KIB64, 1, 16384), -DER_INVAL); /* bytes without role */
    CHECK_RC(format_with(&r, 0, 0, 0, 16384), -DER_INVAL);
    CHECK_RC(format_with(&r, KIB64, KIB64, 3, 1000), -DER_INVAL);
    CHECK_RC(format_with(&r, KIB64, KIB64, 3, 131072), -DER_INVAL);
    CHECK_RC(format_with(&r, UINT64_MAX - KIB64 + 1, KIB64, 3, 16384), -DER_INVAL);
    CHECK_RC(rig_format(&r, &e), -DER_NOSPACE); /* 10 x 64 KiB do not fit */
    CHECK(*e.what && *e.why && *e.next);
    CHECK(sim_dir_trace(r.sd) == trace);
    CHECK_RC(super_open(r.dev, &r.super, NULL), -DER_DF_INVAL);
    CHECK_RC(format_with(&r, KIB64, KIB64, 3, 16384), 0);
    CHECK(super_role_size(r.super, SUPER_DATA) == 0);
    CHECK_RC(super_grow(r.super, SUPER_DATA, KIB64), -DER_INVAL); /* no such role here */
    rig_free(&r);
}

/* ---- Opens that are refused: each with its code, three parts, and not a byte written ---- */

static void expect_refused(struct rig *r, bool readonly, int want, const char *why)
{
    uint64_t trace = sim_dir_trace(r->sd);
    struct err e = {0};

    CHECK_RC(rig_reopen(r, readonly, &e), want);
    CHECK(r->super == NULL && e.rc == want);
    CHECK(strstr(e.what, "device d")); /* names it */
    if (!strstr(e.why, why)) {
        fprintf(stderr, "why is \"%s\", not \"%s\"\n", e.why, why);
        abort();
    }
    CHECK(*e.next);
    CHECK(sim_dir_trace(r->sd) == trace);
}

static void no_superblock(struct rt_xs *xs, void *arg)
{
    struct rig r = rig_make(xs, PLAIN);

    (void)arg;
    expect_refused(&r, false, -DER_DF_INVAL, "not a Tarn device");
    CHECK_RC(sim_dev_truncate(r.sd, "d", 4096), 0);
    expect_refused(&r, false, -DER_DF_INVAL, "only 4.0 KiB long");
    rig_free(&r);
}

/* Whatever byte of three copies is flipped, the fourth serves; if all four are, it is damage and
 * said so. */
static void flipped_bits(struct rt_xs *xs, void *arg)
{
    static const uint32_t places[] = {8,   12,  16,  23,  24,  60,   100, 104,
                                      108, 112, 120, 128, 200, 5000, 8191};

    (void)arg;
    for (size_t p = 0; p < ARRAY_LEN(places); p++) {
        for (uint32_t spared = 0; spared < SUPER_COPIES; spared++) {
            struct rig r = rig_make(xs, PLAIN);

            CHECK_RC(rig_format(&r, NULL), 0);
            for (uint32_t i = 0; i < SUPER_COPIES; i++) {
                if (i != spared)
                    CHECK_RC(sim_dev_flip(r.sd, "d", i * SUPER_COPY_STEP + places[p], p % 8), 0);
            }
            CHECK_RC(rig_reopen(&r, true, NULL), 0);
            CHECK(super_role_size(r.super, SUPER_META) == rig_sizes[SUPER_META]);
            CHECK_RC(sim_dev_flip(r.sd, "d", spared * SUPER_COPY_STEP + places[p], p % 8), 0);
            expect_refused(&r, false, -DER_CSUM, "superblock damaged");
            rig_free(&r);
        }
    }
}

static void check_all_whole(struct rig *r, uint64_t generation)
{
    for (uint32_t i = 0; i < SUPER_COPIES; i++) {
        struct super_block b;

        CHECK_RC(sim_dev_peek(r->sd, "d", i * SUPER_COPY_STEP, r->buf, SUPER_COPY_STEP, true), 0);
        CHECK(super_decode(r->buf, i, &b) == SUPER_COPY_WHOLE && b.generation == generation);
    }
}

/* Whoever opens for writing repairs all copies; no generation comes twice. */
static void an_opening_repairs(struct rt_xs *xs, void *arg)
{
    struct rig r = rig_make(xs, PLAIN);

    (void)arg;
    CHECK_RC(rig_format(&r, NULL), 0);
    CHECK_RC(sim_dev_flip(r.sd, "d", 100, 1), 0);
    CHECK_RC(sim_dev_unreadable(r.sd, "d", SUPER_COPY_STEP, 512), 0);
    CHECK_RC(sim_dev_poke(r.sd, "d", 2 * SUPER_COPY_STEP, "no magic", 8), 0);
    CHECK_RC(rig_reopen(&r, false, NULL), 0);
    check_all_whole(&r, 1);
    CHECK_RC(super_mark(r.super, false), 0);
    CHECK(super_generation(r.super) > 2); /* the unreadable one may have been of the second */
    check_all_whole(&r, super_generation(r.super));
    rig_free(&r);
}

/* A device on which the newest state can be written to one copy only is not opened. */
static void one_copy_is_not_enough(struct rt_xs *xs, void *arg)
{
    struct rig r = rig_make(xs, PLAIN);
    struct err e = {0};

    (void)arg;
    CHECK_RC(rig_format(&r, NULL), 0);
    for (uint32_t i = 1; i < SUPER_COPIES; i++)
        CHECK_RC(sim_dev_flip(r.sd, "d", i * SUPER_COPY_STEP + 100, 1), 0);
    for (uint32_t nth = 1; nth <= 3; nth++)
        sim_dir_fault_at(r.sd, "d", IO_WRITE, nth, SIM_FAULT_FAIL, 0);
    CHECK_RC(rig_reopen(&r, false, &e), -DER_IO);
    CHECK(strstr(e.why, "not safe"));
    sim_dir_faults_clear(r.sd);
    CHECK_RC(rig_reopen(&r, false, NULL), 0);
    check_all_whole(&r, 1);
    rig_free(&r);
}

/* Two copies that cannot be read may be the first pair of a change that the others know nothing of:
 * such a device is longer than they say. */
static void two_that_hide_a_change(struct rt_xs *xs, void *arg)
{
    struct rig r = rig_make(xs, PLAIN);
    uint8_t *old = malloc(SUPER_AREA);

    (void)arg;
    CHECK(old);
    CHECK_RC(rig_format(&r, NULL), 0);
    CHECK_RC(sim_dev_peek(r.sd, "d", 0, old, SUPER_AREA, true), 0);
    CHECK_RC(super_grow(r.super, SUPER_META, KIB64), 0);
    CHECK_RC(sim_dev_poke(r.sd, "d", 2 * SUPER_COPY_STEP, old + 2 * SUPER_COPY_STEP,
                          2 * SUPER_COPY_STEP),
             0);
    for (uint32_t i = 0; i < 2; i++)
        CHECK_RC(sim_dev_unreadable(r.sd, "d", i * SUPER_COPY_STEP, 512), 0);
    expect_refused(&r, false, -DER_IO, "may be newer");
    expect_refused(&r, true, -DER_IO, "may be newer");
    free(old);
    rig_free(&r);
}

static void a_copy_in_the_wrong_place_is_not_whole(struct rt_xs *xs, void *arg)
{
    struct rig r = rig_make(xs, PLAIN);

    (void)arg;
    CHECK_RC(rig_format(&r, NULL), 0);
    CHECK_RC(sim_dev_peek(r.sd, "d", 0, r.buf, SUPER_BYTES, true), 0);
    for (uint32_t i = 1; i < SUPER_COPIES; i++)
        CHECK_RC(sim_dev_poke(r.sd, "d", i * SUPER_COPY_STEP, r.buf, SUPER_BYTES), 0);
    CHECK_RC(rig_reopen(&r, true, NULL), 0);
    CHECK_RC(sim_dev_flip(r.sd, "d", 50, 0), 0);
    expect_refused(&r, false, -DER_CSUM, "superblock damaged");
    rig_free(&r);
}

static void truncated(struct rt_xs *xs, void *arg)
{
    struct rig r = rig_make(xs, PLAIN);

    (void)arg;
    CHECK_RC(rig_format(&r, NULL), 0);
    CHECK_RC(sim_dev_truncate(r.sd, "d", 10 * KIB64 - 4096), 0);
    expect_refused(&r, false, -DER_IO, "truncated");
    CHECK_RC(sim_dev_truncate(r.sd, "d", 20480), 0); /* in the middle of the copies */
    expect_refused(&r, false, -DER_IO, "truncated");
    CHECK_RC(sim_dev_truncate(r.sd, "d", 4096), 0);
    expect_refused(&r, false, -DER_DF_INVAL, "only 4.0 KiB long");
    rig_free(&r);
}

static void unreadable(struct rt_xs *xs, void *arg)
{
    struct rig r = rig_make(xs, PLAIN);

    (void)arg;
    CHECK_RC(rig_format(&r, NULL), 0);
    for (uint32_t i = 0; i < 3; i++)
        CHECK_RC(sim_dev_unreadable(r.sd, "d", i * SUPER_COPY_STEP, 512), 0);
    CHECK_RC(rig_reopen(&r, true, NULL), 0);
    CHECK_RC(sim_dev_unreadable(r.sd, "d", 3 * SUPER_COPY_STEP, 512), 0);
    expect_refused(&r, false, -DER_IO, "cannot be read");
    rig_free(&r);
}

/* Writes b as all four copies. */
static void put_block(struct rig *r, const struct super_block *b)
{
    for (uint32_t i = 0; i < SUPER_COPIES; i++) {
        super_encode(b, i, r->buf);
        CHECK_RC(sim_dev_poke(r->sd, "d", i * SUPER_COPY_STEP, r->buf, SUPER_BYTES), 0);
    }
}

static struct super_block get_block(struct rig *r)
{
    struct super_block b;

    CHECK_RC(sim_dev_peek(r->sd, "d", 0, r->buf, SUPER_COPY_STEP, true), 0);
    CHECK(super_decode(r->buf, 0, &b) == SUPER_COPY_WHOLE);
    return b;
}

static void newer_versions_and_unknown_features(struct rt_xs *xs, void *arg)
{
    struct rig r = rig_make(xs, PLAIN);
    struct super_block good, b;

    (void)arg;
    CHECK_RC(rig_format(&r, NULL), 0);
    good = get_block(&r);

    b = good;
    b.version = SUPER_VERSION + 1;
    put_block(&r, &b);
    expect_refused(&r, false, -DER_DF_INCOMPT, "format version 2");
    expect_refused(&r, true, -DER_DF_INCOMPT, "format version 2");
    CHECK_RC(rig_format(&r, NULL), -DER_EXIST); /* it is somebody's */

    b = good;
    b.incompat = 1ull << 40;
    put_block(&r, &b);
    expect_refused(&r, false, -DER_DF_INCOMPT, "0x10000000000");
    expect_refused(&r, true, -DER_DF_INCOMPT, "0x10000000000");

    b = good;
    b.ro_compat = 2;
    put_block(&r, &b);
    expect_refused(&r, false, -DER_DF_INCOMPT, "may only read it");
    CHECK_RC(rig_reopen(&r, true, NULL), 0);

    b = good;
    b.compat = UINT64_MAX; /* nobody's business */
    put_block(&r, &b);
    CHECK_RC(rig_reopen(&r, false, NULL), 0);
    CHECK_RC(super_mark(r.super, false), 0); /* and kept by a program that does not know them */
    CHECK(get_block(&r).compat == UINT64_MAX);
    rig_free(&r);
}

/* Whole copies that say nonsense, as a bug or a forger would write them. */
static void impossible_tables(struct rt_xs *xs, void *arg)
{
    struct rig r = rig_make(xs, PLAIN);
    struct super_block good, b;

    (void)arg;
    CHECK_RC(rig_format(&r, NULL), 0);
    good = get_block(&r);
#define NONSENSE(change, why)                                                                      \
    do {                                                                                           \
        b = good;                                                                                  \
        change;                                                                                    \
        put_block(&r, &b);                                                                         \
        expect_refused(&r, false, -DER_DF_INVAL, why);                                             \
    } while (0)
    NONSENSE(b.extent[1].off = b.extent[0].off, "overlap");
    NONSENSE(b.extent[1].off = 0, "outside");
    NONSENSE(b.extent[1].len = 0, "empty");
    NONSENSE(b.extent[1].len = 4096, "not aligned");
    NONSENSE(b.extent[1].role = 9, "unknown role");
    NONSENSE(b.extent[2].off = 1ull << 63, "outside");
    NONSENSE((b.extent[2].off = INT64_MAX - 65535, b.extent[2].len = 1ull << 62), "outside");
    NONSENSE(b.id.page_size = 0, "page size");
    NONSENSE(b.id.page_size = 12288, "page size");
    NONSENSE(b.id.roles = 0, "roles");
    NONSENSE(b.id.roles = 3, "unknown role");
    put_block(&r, &good);
    CHECK_RC(rig_reopen(&r, false, NULL), 0);
    rig_free(&r);
}

/* ---- The bytes themselves ---- */

static void the_format_is_pinned(struct rt_xs *xs, void *arg)
{
    static const uint8_t head[] = {'T', 'A', 'R', 'N', '-', 'D',  'E', 'V',
                                   1,   0,   0,   0,   0,   0x20, 0,   0};
    static const uint8_t sum[] = {0x34, 0xc2, 0x9e, 0xe8, 0x11, 0x17, 0x9b, 0xdf};
    struct super_block b = {.version = 1,
                            .state = SUPER_STATE_CLEAN,
                            .generation = 0x0102030405060708,
                            .compat = 1,
                            .ro_compat = 2,
                            .incompat = 3,
                            .id = rig_id,
                            .extent_nr = 2};
    uint8_t *buf = io_buf_alloc(SUPER_COPY_STEP);

    (void)xs;
    (void)arg;
    b.extent[0] = (struct super_extent){.role = SUPER_META, .off = 0x10000, .len = 0x20000};
    b.extent[1] = (struct super_extent){.role = SUPER_WAL, .off = 0x30000, .len = 0x10000};
    super_encode(&b, 2, buf);
    CHECK(memcmp(buf, head, sizeof(head)) == 0);
    CHECK(buf[24] == 8 && buf[31] == 1);                 /* generation, little endian */
    CHECK(buf[32] == 1 && buf[40] == 2 && buf[48] == 3); /* features */
    CHECK(memcmp(buf + 56, rig_id.pool, 16) == 0 && memcmp(buf + 72, rig_id.device, 16) == 0);
    CHECK(buf[88] == 3 && buf[92] == 7 && buf[97] == 0x40 && buf[100] == 7);
    CHECK(buf[104] == 1 && buf[108] == 2 && buf[112] == 2);
    CHECK(buf[130] == 1 && buf[138] == 2 && buf[144] == SUPER_META);
    CHECK(buf[154] == 3 && buf[162] == 1 && buf[168] == SUPER_WAL);
    CHECK(is_zero(buf + 176, SUPER_BYTES - 176));
    /* XXH3 of all that. If this changes, devices that exist can no longer be opened. */
    CHECK(memcmp(buf + 16, sum, sizeof(sum)) == 0);
    io_buf_free(buf);
}

/* ---- Growing ---- */

static void roles_grow_and_requests_cross_extents(struct rt_xs *xs, void *arg)
{
    struct rig r = rig_make(xs, PLAIN);
    size_t len = 20 * KIB64;
    uint8_t *buf = io_buf_alloc(len);
    struct io_dev_stat before;

    (void)arg;
    CHECK_RC(rig_format(&r, NULL), 0);
    CHECK_RC(super_grow(r.super, SUPER_DATA, 1), 0); /* at the end: merged */
    CHECK(super_role_size(r.super, SUPER_DATA) == rig_sizes[SUPER_DATA] + KIB64);
    CHECK(get_block(&r).extent_nr == 3);
    for (uint32_t i = 0; i < 8; i++) {
        CHECK_RC(super_grow(r.super, SUPER_META, KIB64), 0);
        CHECK_RC(super_grow(r.super, SUPER_DATA, 2 * KIB64), 0);
    }
    CHECK(get_block(&r).extent_nr == 3 + 16);
    CHECK(super_role_size(r.super, SUPER_META) == 11 * KIB64);
    CHECK(super_role_size(r.super, SUPER_DATA) == 21 * KIB64);

    fill(buf, len, 0, 1);
    before = r.dev->stat;
    CHECK_RC(super_write_wait(r.super, SUPER_DATA, 4096, buf, len, IO_DURABLE), 0);
    CHECK(r.dev->stat.writes == before.writes + 9); /* one for each extent */
    CHECK_RC(super_write_wait(r.super, SUPER_META, 0, buf, 11 * KIB64, IO_DURABLE), 0);
    CHECK_RC(rig_power_cycle(&r), 0);
    memset(buf, 0, len);
    CHECK_RC(super_read_wait(r.super, SUPER_DATA, 4096, buf, len), 0);
    CHECK(is_filled(buf, len, 0, 1));
    CHECK_RC(super_read_wait(r.super, SUPER_META, 8192, buf, 8 * KIB64), 0);
    CHECK(is_filled(buf, 8 * KIB64, 8192, 1));
    CHECK_RC(super_read_wait(r.super, SUPER_DATA, 2 * KIB64, buf, len), -DER_INVAL);

    /* A part that fails fails the whole, once, after all parts. */
    sim_dir_fault_at(r.sd, "d", IO_READ, 3, SIM_FAULT_FAIL, 0);
    CHECK_RC(super_read_wait(r.super, SUPER_DATA, 0, buf, len), -DER_IO);
    CHECK(r.dev->stat.inflight == 0);
    io_buf_free(buf);
    rig_free(&r);
}

static void scattered_done(struct io_req *req)
{
    CHECK(req->off == 3 * KIB64 - 8192); /* what the caller gave */
    rt_event_set(req->arg);
}

/* Many iovecs over a border between extents, cut in the middle of one. */
static void iovecs_are_cut_at_extents(struct rt_xs *xs, void *arg)
{
    struct rig r = rig_make(xs, PLAIN);
    struct iovec iov[3] = {{r.buf + 20480, 4096}, {r.buf, 16384}, {r.buf + 16384, 4096}};
    struct rt_event done = RT_EVENT_INIT;
    struct io_req req = {.op = IO_WRITE,
                         .off = 3 * KIB64 - 8192,
                         .iov = iov,
                         .iov_nr = 3,
                         .done = scattered_done,
                         .arg = &done};

    (void)arg;
    CHECK_RC(rig_format(&r, NULL), 0);
    CHECK_RC(super_grow(r.super, SUPER_META, KIB64), 0);
    fill(r.buf + 20480, 4096, 0, 1);
    fill(r.buf, 16384, 4096, 1);
    fill(r.buf + 16384, 4096, 20480, 1);
    super_submit(r.super, SUPER_META, &req);
    rt_event_wait(&done);
    CHECK_RC(req.rc, 0);
    memset(r.buf, 0, 24576);
    CHECK_RC(super_read_wait(r.super, SUPER_META, 3 * KIB64 - 8192, r.buf, 24576), 0);
    CHECK(is_filled(r.buf, 24576, 0, 1));
    /* Within one extent the caller's offset comes back too. */
    rt_event_reset(&done);
    req.iov_nr = 1;
    super_submit(r.super, SUPER_META, &req);
    rt_event_wait(&done);
    CHECK_RC(req.rc, 0);
    rig_free(&r);
}

static void growing_on_a_full_disk_changes_nothing(struct rt_xs *xs, void *arg)
{
    struct rig r = rig_make(xs, &(struct sim_dir_conf){.seed = 1, .capacity_bytes = 12 * KIB64});

    (void)arg;
    CHECK_RC(rig_format(&r, NULL), 0);
    CHECK_RC(super_grow(r.super, SUPER_META, 3 * KIB64), -DER_NOSPACE);
    CHECK_RC(super_grow(r.super, SUPER_META, UINT64_MAX), -DER_INVAL);
    CHECK(super_role_size(r.super, SUPER_META) == rig_sizes[SUPER_META]);
    CHECK(super_generation(r.super) == 1);
    CHECK_RC(super_grow(r.super, SUPER_META, 2 * KIB64), 0);
    CHECK_RC(rig_power_cycle(&r), 0);
    CHECK(super_role_size(r.super, SUPER_META) == 5 * KIB64);
    rig_free(&r);
}

/* The table is bounded; small alternating steps become larger ones before it is full. */
static void the_table_lasts(struct rt_xs *xs, void *arg)
{
    struct rig r = rig_make(xs, PLAIN);
    uint64_t gained = 0;
    uint32_t steps = 0;
    int rc = 0;

    (void)arg;
    CHECK_RC(rig_format(&r, NULL), 0);
    while (rc == 0 && r.dev->size < 1ull << 30) {
        uint64_t before = super_role_size(r.super, steps % 2 ? SUPER_META : SUPER_DATA);

        rc = super_grow(r.super, steps % 2 ? SUPER_META : SUPER_DATA, KIB64);
        gained += super_role_size(r.super, steps % 2 ? SUPER_META : SUPER_DATA) - before;
        steps++;
    }
    CHECK_RC(rc, 0); /* a GiB by steps of 64 KiB fits in the table */
    CHECK(gained + 9 * KIB64 + SUPER_AREA == r.dev->size);
    while ((rc = super_grow(r.super, steps++ % 2 ? SUPER_META : SUPER_DATA, KIB64)) == 0)
        ;
    CHECK_RC(rc, -DER_NOSPACE);
    CHECK(get_block(&r).extent_nr == SUPER_EXTENTS_MAX);
    CHECK_RC(rig_reopen(&r, false, NULL), 0);
    rig_free(&r);
}

static void grow_fiber(void *arg)
{
    struct rig *r = arg;

    CHECK_RC(super_grow(r->super, SUPER_META, KIB64), 0);
}

static void two_fibers_grow_at_once(struct rt_xs *xs, void *arg)
{
    struct rig r = rig_make(xs, PLAIN);

    (void)arg;
    CHECK_RC(rig_format(&r, NULL), 0);
    for (uint32_t i = 0; i < 4; i++)
        CHECK_RC(rt_spawn(grow_fiber, &r), 0);
    while (super_role_size(r.super, SUPER_META) < rig_sizes[SUPER_META] + 4 * KIB64)
        rt_yield();
    CHECK_RC(super_mark(r.super, false), 0); /* behind the last of them */
    CHECK(super_generation(r.super) == 6);
    CHECK_RC(rig_reopen(&r, false, NULL), 0);
    CHECK(super_role_size(r.super, SUPER_META) == rig_sizes[SUPER_META] + 4 * KIB64);
    rig_free(&r);
}

#define STORIES(X)                                                                                 \
    X(a_formatted_device_comes_back)                                                               \
    X(roles_are_separate)                                                                          \
    X(one_durable_write_is_one_device_write)                                                       \
    X(a_device_in_use_is_not_formatted)                                                            \
    X(foreign_data_needs_force_and_the_wal_gets_zeros)                                             \
    X(impossible_wishes)                                                                           \
    X(no_superblock)                                                                               \
    X(flipped_bits)                                                                                \
    X(an_opening_repairs)                                                                          \
    X(one_copy_is_not_enough)                                                                      \
    X(two_that_hide_a_change)                                                                      \
    X(a_copy_in_the_wrong_place_is_not_whole)                                                      \
    X(truncated)                                                                                   \
    X(unreadable)                                                                                  \
    X(newer_versions_and_unknown_features)                                                         \
    X(impossible_tables)                                                                           \
    X(the_format_is_pinned)                                                                        \
    X(roles_grow_and_requests_cross_extents)                                                       \
    X(iovecs_are_cut_at_extents)                                                                   \
    X(growing_on_a_full_disk_changes_nothing)                                                      \
    X(the_table_lasts)                                                                             \
    X(two_fibers_grow_at_once)
STORIES_MAIN(STORIES)
