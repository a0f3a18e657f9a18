/* The simulated disk: each way it fails, and that a seed decides how. */
#include <stdio.h>
#include "io_test.h"
#include "sim_scar.h"

#define DEV_SIZE (1u << 20)
#define SEEDS    200u

/* A disk with one device "d", its name synced. */
struct rig {
    struct sim_dir *sd;
    struct io_dir *dir;
    struct io_dev *dev;
    uint8_t *buf; /* 64 KiB */
};

static struct rig rig_make(struct rt_xs *xs, const struct sim_dir_conf *conf)
{
    struct rig r;

    r.buf = io_buf_alloc(65536);
    CHECK_RC(sim_dir_create(conf, &r.sd), 0);
    CHECK_RC(sim_dir_open(r.sd, &r.dir), 0);
    CHECK_RC(io_dir_create_dev(r.dir, xs, "d", DEV_SIZE, &r.dev, NULL), 0);
    CHECK_RC(io_dir_sync(r.dir), 0);
    return r;
}

static void rig_close(struct rig *r)
{
    io_dev_close(r->dev);
    io_dir_close(r->dir);
}

static void rig_free(struct rig *r)
{
    rig_close(r);
    sim_dir_destroy(r->sd);
    io_buf_free(r->buf);
}

/* What a reboot does to the user of the disk. */
static void rig_power_cycle(struct rt_xs *xs, struct rig *r)
{
    sim_dir_power_cut(r->sd);
    rig_close(r);
    sim_dir_power_on(r->sd);
    CHECK_RC(sim_dir_open(r->sd, &r->dir), 0);
    CHECK_RC(io_dir_open_dev(r->dir, xs, "d", false, &r->dev, NULL), 0);
}

static void put(struct rig *r, uint64_t off, size_t len, uint64_t version, uint32_t flags)
{
    fill(r->buf, len, off, version);
    CHECK_RC(io_write_wait(r->dev, off, r->buf, len, flags), 0);
}

static bool holds(struct rig *r, uint64_t off, size_t len, uint64_t version)
{
    CHECK_RC(io_read_wait(r->dev, off, r->buf, len), 0);
    return version == 0 ? is_zero(r->buf, len) : is_filled(r->buf, len, off, version);
}

static void only_flushed_writes_are_sure(struct rt_xs *xs, void *arg)
{
    struct rig r = rig_make(xs, &(struct sim_dir_conf){.seed = 1, .cut = SIM_CUT_LOSE_ALL});
    struct sim_dir_stat st;

    (void)arg;
    put(&r, 0, 8192, 1, 0);
    CHECK_RC(io_flush_wait(r.dev), 0);
    put(&r, 8192, 8192, 2, IO_DURABLE);
    put(&r, 16384, 8192, 3, 0);
    CHECK(holds(&r, 0, 8192, 1) && holds(&r, 8192, 8192, 2) && holds(&r, 16384, 8192, 3));
    CHECK_RC(sim_dev_peek(r.sd, "d", 16384, r.buf, 8192, true), 0);
    CHECK(is_zero(r.buf, 8192)); /* in the cache, not on the medium */
    st = sim_dir_stat(r.sd);
    CHECK(st.writes == 3 && st.durable_writes == 1 && st.flushes == 1 && st.unflushed == 1);

    rig_power_cycle(xs, &r);
    CHECK(holds(&r, 0, 8192, 1) && holds(&r, 8192, 8192, 2) && holds(&r, 16384, 8192, 0));
    CHECK(sim_dir_stat(r.sd).cut_lost == 1);
    rig_free(&r);
}

static void an_unflushed_write_is_kept_lost_or_torn_by_sector(struct rt_xs *xs, void *arg)
{
    uint32_t kept = 0, lost = 0, torn = 0;

    (void)arg;
    for (uint32_t seed = 0; seed < SEEDS; seed++) {
        struct rig r = rig_make(xs, &(struct sim_dir_conf){.seed = seed});
        uint32_t old = 0, new = 0;

        put(&r, 0, 4096, 1, IO_DURABLE);
        put(&r, 0, 4096, 2, 0);
        rig_power_cycle(xs, &r);
        for (uint32_t s = 0; s < 8; s++) {
            CHECK_RC(sim_dev_peek(r.sd, "d", s * 512, r.buf, 512, true), 0);
            old += is_filled(r.buf, 512, s * 512, 1);
            new += is_filled(r.buf, 512, s * 512, 2);
        }
        CHECK(old + new == 8);
        kept += new == 8;
        lost += old == 8;
        torn += old > 0 && new > 0;
        rig_free(&r);
    }
    CHECK(kept > SEEDS / 8 && lost > SEEDS / 8 && torn > SEEDS / 8);
}

/* Cached A, then durable B over half of it: no cut may bring A back over B. */
static void a_durable_write_is_not_undone(struct rt_xs *xs, void *arg)
{
    (void)arg;
    for (uint32_t seed = 0; seed < SEEDS; seed++) {
        struct rig r = rig_make(xs, &(struct sim_dir_conf){.seed = seed});

        put(&r, 0, 8192, 1, 0);
        put(&r, 4096, 4096, 2, IO_DURABLE);
        rig_power_cycle(xs, &r);
        CHECK(holds(&r, 4096, 4096, 2));
        rig_free(&r);
    }
}

/* Two unflushed writes: each combination of fates is seen, the later without the earlier too. */
static void writes_are_lost_independently(struct rt_xs *xs, void *arg)
{
    bool seen[2][2] = {{false}};

    (void)arg;
    for (uint32_t seed = 0; seed < SEEDS; seed++) {
        struct rig r = rig_make(xs, &(struct sim_dir_conf){.seed = seed});

        put(&r, 0, 4096, 1, 0);
        put(&r, 65536, 4096, 1, 0);
        rig_power_cycle(xs, &r);
        seen[holds(&r, 0, 4096, 1)][holds(&r, 65536, 4096, 1)] = true;
        rig_free(&r);
    }
    CHECK(seen[0][0] && seen[0][1] && seen[1][0] && seen[1][1]);
}

static void a_cut_at_a_step(struct rt_xs *xs, void *arg)
{
    struct rig r = rig_make(xs, &(struct sim_dir_conf){.seed = 5});
    struct io_dir *second;

    (void)arg;
    CHECK_RC(io_dir_lock(r.dir, NULL), 0);
    CHECK_RC(sim_dir_open(r.sd, &second), 0);
    CHECK_RC(io_dir_lock(second, NULL), -DER_BUSY);
    io_dir_close(second);

    sim_dir_power_cut_at(r.sd, 3);
    put(&r, 0, 4096, 1, 0);
    CHECK_RC(io_flush_wait(r.dev), 0);
    CHECK(holds(&r, 0, 4096, 1)); /* reads are no steps */
    CHECK_RC(io_write_wait(r.dev, 4096, r.buf, 4096, IO_DURABLE), -DER_IO);
    CHECK(!sim_dir_powered(r.sd));
    CHECK_RC(io_read_wait(r.dev, 0, r.buf, 4096), -DER_IO);
    CHECK_RC(io_flush_wait(r.dev), -DER_IO);
    CHECK_RC(io_grow_wait(r.dev, 2 * DEV_SIZE), -DER_IO);
    CHECK_RC(io_dir_sync(r.dir), -DER_IO);
    CHECK_RC(sim_dir_open(r.sd, &second), -DER_IO);

    sim_dir_power_on(r.sd);
    CHECK_RC(io_read_wait(r.dev, 0, r.buf, 4096), -DER_IO); /* handles from before stay dead */
    rig_close(&r);
    CHECK_RC(sim_dir_open(r.sd, &r.dir), 0);
    CHECK_RC(io_dir_lock(r.dir, NULL), 0); /* and their locks are gone */
    CHECK_RC(io_dir_open_dev(r.dir, xs, "d", false, &r.dev, NULL), 0);
    CHECK(holds(&r, 0, 4096, 1));
    rig_free(&r);
}

/* The write that is cut may have landed although its request failed. */
static void the_cut_write_is_undecided(struct rt_xs *xs, void *arg)
{
    uint32_t landed = 0, not = 0;

    (void)arg;
    for (uint32_t seed = 0; seed < SEEDS; seed++) {
        struct rig r = rig_make(xs, &(struct sim_dir_conf){.seed = seed, .cut = SIM_CUT_KEEP_ALL});

        put(&r, 4096, 4096, 2, 0);
        sim_dir_power_cut_at(r.sd, 1);
        fill(r.buf, 4096, 0, 1);
        CHECK_RC(io_write_wait(r.dev, 0, r.buf, 4096, IO_DURABLE), -DER_IO);
        rig_power_cycle(xs, &r);
        CHECK(holds(&r, 4096, 4096, 2)); /* a killed process loses nothing that completed */
        landed += holds(&r, 0, 4096, 1);
        not += holds(&r, 0, 4096, 0);
        rig_free(&r);
    }
    CHECK(landed > SEEDS / 8 && not > SEEDS / 8);
}

static void names_need_a_sync(struct rt_xs *xs, void *arg)
{
    uint32_t made = 0, removed = 0;

    (void)arg;
    for (uint32_t seed = 0; seed < SEEDS; seed++) {
        struct rig r = rig_make(xs, &(struct sim_dir_conf){.seed = seed});
        struct io_dev *dev;
        int rc;

        CHECK_RC(io_dir_create_dev(r.dir, xs, "gone", 4096, &dev, NULL), 0);
        io_dev_close(dev);
        CHECK_RC(io_dir_create_dev(r.dir, xs, "never", 4096, &dev, NULL), 0);
        io_dev_close(dev);
        CHECK_RC(io_dir_sync(r.dir), 0);
        CHECK_RC(io_dir_remove(r.dir, "never", NULL), 0);
        CHECK_RC(io_dir_sync(r.dir), 0);
        CHECK_RC(io_dir_remove(r.dir, "gone", NULL), 0);
        CHECK_RC(io_dir_create_dev(r.dir, xs, "new", 4096, &dev, NULL), 0);
        io_dev_close(dev);
        rig_power_cycle(xs, &r); /* finds "d" */
        CHECK_RC(io_dir_open_dev(r.dir, xs, "never", true, &dev, NULL), -DER_NONEXIST);
        rc = io_dir_open_dev(r.dir, xs, "gone", true, &dev, NULL);
        removed += rc != 0;
        if (rc == 0)
            io_dev_close(dev);
        rc = io_dir_open_dev(r.dir, xs, "new", true, &dev, NULL);
        made += rc == 0;
        if (rc == 0)
            io_dev_close(dev);
        rig_free(&r);
    }
    CHECK(made > SEEDS / 4 && made < SEEDS - SEEDS / 4);
    CHECK(removed > SEEDS / 4 && removed < SEEDS - SEEDS / 4);
}

/* The device's next flush succeeds and proves nothing, so io does not pass it on. */
static void a_failed_flush_drops_writes_and_the_next_proves_nothing(struct rt_xs *xs, void *arg)
{
    struct rig r = rig_make(xs, &(struct sim_dir_conf){.seed = 9});
    uint32_t here = 0, gone = 0;

    (void)arg;
    for (uint32_t i = 0; i < 16; i++)
        put(&r, i * 4096, 4096, 1, 0);
    sim_dir_fault_at(r.sd, "d", IO_FLUSH, 1, SIM_FAULT_FAIL, 0);
    CHECK_RC(io_flush_wait(r.dev), -DER_IO);
    CHECK_RC(io_flush_wait(r.dev), -DER_IO); /* whoever asked: what was dropped may be theirs */
    put(&r, 65536, 4096, 1, IO_DURABLE);     /* this says nothing about others */
    io_dev_close(r.dev);
    CHECK_RC(io_dir_open_dev(r.dir, xs, "d", false, &r.dev, NULL), 0);
    CHECK_RC(io_flush_wait(r.dev), 0);
    for (uint32_t i = 0; i < 16; i++) {
        here += holds(&r, i * 4096, 4096, 1);
        gone += holds(&r, i * 4096, 4096, 0);
    }
    CHECK(here + gone == 16 && here > 0 && gone > 0);
    CHECK(sim_dir_stat(r.sd).faults == 1);
    rig_free(&r);
}

static void faults_on_demand(struct rt_xs *xs, void *arg)
{
    struct rig r = rig_make(xs, &(struct sim_dir_conf){.seed = 11});
    uint32_t wrong_bits = 0;
    uint8_t good[4096];

    (void)arg;
    put(&r, 0, 4096, 1, IO_DURABLE);
    sim_dir_fault_at(r.sd, "other", IO_READ, 1, SIM_FAULT_FAIL, 0); /* not this device */
    sim_dir_fault_at(r.sd, NULL, IO_READ, 2, SIM_FAULT_FAIL, 0);    /* the second from now */
    CHECK(holds(&r, 0, 4096, 1));
    CHECK_RC(io_read_wait(r.dev, 0, r.buf, 4096), -DER_IO);
    CHECK(holds(&r, 0, 4096, 1)); /* once only */

    sim_dir_fault_at(r.sd, "d", IO_WRITE, 1, SIM_FAULT_LOSE, 0);
    put(&r, 0, 4096, 2, IO_DURABLE);
    CHECK(holds(&r, 0, 4096, 1));

    sim_dir_fault_at(r.sd, "d", IO_WRITE, 1, SIM_FAULT_MISDIRECT, 65536);
    put(&r, 0, 4096, 3, IO_DURABLE);
    CHECK(holds(&r, 0, 4096, 1));
    CHECK_RC(io_read_wait(r.dev, 65536, r.buf, 4096), 0);
    CHECK(is_filled(r.buf, 4096, 0, 3));

    sim_dir_fault_at(r.sd, "d", IO_WRITE, 1, SIM_FAULT_CORRUPT, 12345);
    fill(good, 4096, 8192, 4);
    put(&r, 8192, 4096, 4, IO_DURABLE);
    CHECK_RC(io_read_wait(r.dev, 8192, r.buf, 4096), 0);
    for (uint32_t i = 0; i < 4096; i++)
        wrong_bits += (uint32_t)__builtin_popcount(good[i] ^ r.buf[i]);
    CHECK(wrong_bits == 1);
    CHECK(r.buf[12345 / 8] != good[12345 / 8]);

    CHECK_RC(sim_dev_flip(r.sd, "d", 17, 3), 0);
    CHECK(!holds(&r, 0, 4096, 1));
    CHECK_RC(sim_dev_flip(r.sd, "d", 17, 3), 0);
    CHECK(holds(&r, 0, 4096, 1));
    CHECK_RC(sim_dev_flip(r.sd, "x", 17, 3), -DER_NONEXIST);
    CHECK_RC(sim_dev_flip(r.sd, "d", DEV_SIZE, 3), -DER_INVAL);

    CHECK_RC(sim_dev_unreadable(r.sd, "d", 1000, 1), 0);
    CHECK_RC(io_read_wait(r.dev, 0, r.buf, 4096), -DER_IO);
    CHECK(holds(&r, 65536 + 4096, 4096, 0));
    put(&r, 0, 4096, 5, 0); /* writing heals */
    CHECK(holds(&r, 0, 4096, 5));
    rig_free(&r);
}

static void a_failed_write_leaves_old_new_or_torn(struct rt_xs *xs, void *arg)
{
    uint32_t kept = 0, lost = 0, torn = 0;

    (void)arg;
    for (uint32_t seed = 0; seed < SEEDS; seed++) {
        struct rig r = rig_make(xs, &(struct sim_dir_conf){.seed = seed});
        uint32_t new = 0;

        put(&r, 0, 4096, 1, IO_DURABLE);
        sim_dir_fault_at(r.sd, "d", IO_WRITE, 1, SIM_FAULT_FAIL, 0);
        fill(r.buf, 4096, 0, 2);
        CHECK_RC(io_write_wait(r.dev, 0, r.buf, 4096, IO_DURABLE), -DER_IO);
        for (uint32_t s = 0; s < 8; s++) {
            CHECK_RC(sim_dev_peek(r.sd, "d", s * 512, r.buf, 512, false), 0);
            new += is_filled(r.buf, 512, s * 512, 2);
        }
        kept += new == 8;
        lost += new == 0;
        torn += new > 0 && new < 8;
        rig_free(&r);
    }
    CHECK(kept > 0 && lost > 0 && torn > 0);
}

static void a_full_disk(struct rt_xs *xs, void *arg)
{
    struct rig r = rig_make(xs, &(struct sim_dir_conf){.seed = 1, .capacity_bytes = 2 * DEV_SIZE});
    struct err e = {0};
    struct io_dev *dev;

    (void)arg;
    CHECK_RC(io_dir_create_dev(r.dir, xs, "big", 2 * DEV_SIZE, &dev, &e), -DER_NOSPACE);
    CHECK(*e.what && *e.why && *e.next);
    CHECK_RC(io_grow_wait(r.dev, 3 * DEV_SIZE), -DER_NOSPACE);
    CHECK(r.dev->size == DEV_SIZE);
    CHECK_RC(io_grow_wait(r.dev, 2 * DEV_SIZE), 0);
    CHECK(holds(&r, DEV_SIZE, 65536, 0));
    sim_dir_conf(r.sd)->capacity_bytes = 0;
    CHECK_RC(io_grow_wait(r.dev, 3 * DEV_SIZE), 0);
    rig_free(&r);
}

static void chance_fails_requests(struct rt_xs *xs, void *arg)
{
    struct rig r = rig_make(xs, &(struct sim_dir_conf){.seed = 3, .read_fail_ppm = 250000});
    uint32_t failed = 0;

    (void)arg;
    for (uint32_t i = 0; i < 400; i++)
        failed += io_read_wait(r.dev, 0, r.buf, 4096) == -DER_IO;
    CHECK(failed > 50 && failed < 150);
    sim_dir_conf(r.sd)->read_fail_ppm = 0;
    CHECK(holds(&r, 0, 4096, 0));
    rig_free(&r);
}

static void a_small_cache_writes_back(struct rt_xs *xs, void *arg)
{
    struct rig r = rig_make(
        xs,
        &(struct sim_dir_conf){.seed = 3, .cache_max_bytes = 3 * 4096, .cut = SIM_CUT_LOSE_ALL});

    (void)arg;
    for (uint32_t i = 0; i < 5; i++)
        put(&r, i * 4096, 4096, 1, 0);
    rig_power_cycle(xs, &r);
    for (uint32_t i = 0; i < 5; i++)
        CHECK(holds(&r, i * 4096, 4096, i < 2 ? 1 : 0));
    rig_free(&r);
}

/* ---- Order of completion ---- */

struct burst {
    struct io_req req[16];
    struct iovec iov[16];
    uint32_t order[16], done;
    struct rt_event all;
};

static void burst_done(struct io_req *req)
{
    struct burst *b = req->arg;

    b->order[b->done++] = (uint32_t)(req - b->req);
    if (b->done == 16)
        rt_event_set(&b->all);
}

/* Sixteen writes to one block at once; returns a digest of the order in which they completed. */
static uint64_t burst(struct rig *r, struct burst *b)
{
    uint64_t digest = 0;

    memset(b, 0, sizeof(*b));
    rt_event_init(&b->all);
    for (uint32_t i = 0; i < 16; i++) {
        fill(r->buf + i * 4096, 4096, 0, i + 1);
        b->iov[i] = (struct iovec){r->buf + i * 4096, 4096};
        b->req[i] = (struct io_req){
            .op = IO_WRITE, .iov = &b->iov[i], .iov_nr = 1, .done = burst_done, .arg = b};
        io_submit(r->dev, &b->req[i]);
    }
    rt_event_wait(&b->all);
    for (uint32_t i = 0; i < 16; i++)
        digest = digest * 31 + b->order[i];
    CHECK(holds(r, 0, 4096, b->order[15] + 1)); /* the last to complete is what is there */
    return digest;
}

static uint64_t one_run(struct rt_xs *xs, const struct sim_dir_conf *conf, uint64_t *trace)
{
    struct rig r = rig_make(xs, conf);
    struct burst *b = malloc(sizeof(*b));
    uint64_t digest = burst(&r, b);
    bool in_order = true;

    for (uint32_t i = 0; i < 16; i++)
        in_order &= b->order[i] == i;
    CHECK(in_order == (!conf->reorder && conf->latency_max_ns == 0));
    rig_power_cycle(xs, &r);
    CHECK_RC(io_read_wait(r.dev, 0, r.buf, 4096), 0);
    for (uint32_t i = 0; i < 4096; i++)
        digest = digest * 31 + r.buf[i];
    *trace = sim_dir_trace(r.sd);
    free(b);
    rig_free(&r);
    return digest;
}

static void the_seed_decides(struct rt_xs *xs, void *arg)
{
    struct sim_dir_conf conf = {.seed = 1, .reorder = true};
    uint64_t trace[3], digest[3];

    (void)arg;
    digest[0] = one_run(xs, &conf, &trace[0]);
    digest[1] = one_run(xs, &conf, &trace[1]);
    conf.seed = 2;
    digest[2] = one_run(xs, &conf, &trace[2]);
    CHECK(digest[0] == digest[1] && trace[0] == trace[1]);
    CHECK(digest[0] != digest[2] && trace[0] == trace[2]); /* same bytes written, other fate */
    conf.reorder = false;
    one_run(xs, &conf, &trace[0]);
    conf.latency_min_ns = 1000;
    conf.latency_max_ns = 2000000;
    one_run(xs, &conf, &trace[0]);
}

static void slow_done(struct io_req *req)
{
    rt_event_set(req->arg);
}

/* A flush covers what had completed when it was submitted, no more. */
static void a_flush_does_not_cover_writes_in_flight(struct rt_xs *xs, void *arg)
{
    struct rig r = rig_make(xs, &(struct sim_dir_conf){.seed = 4, .cut = SIM_CUT_LOSE_ALL});
    struct iovec iov = {r.buf, 4096};
    struct rt_event written = RT_EVENT_INIT, flushed = RT_EVENT_INIT;
    struct io_req write = {
        .op = IO_WRITE, .iov = &iov, .iov_nr = 1, .done = slow_done, .arg = &written};
    struct io_req flush = {.op = IO_FLUSH, .done = slow_done, .arg = &flushed};

    (void)arg;
    fill(r.buf, 4096, 0, 1);
    io_submit(r.dev, &write);
    io_submit(r.dev, &flush);
    rt_event_wait(&written);
    rt_event_wait(&flushed);
    CHECK(write.rc == 0 && flush.rc == 0);
    rig_power_cycle(xs, &r);
    CHECK(holds(&r, 0, 4096, 0));
    rig_free(&r);
}

/* Power goes while requests are slow: they fail when their time comes, and none lands twice. */
static void a_cut_with_slow_requests(struct rt_xs *xs, void *arg)
{
    struct rig r = rig_make(xs, &(struct sim_dir_conf){.seed = 4,
                                                       .cut = SIM_CUT_KEEP_ALL,
                                                       .latency_min_ns = 3000000,
                                                       .latency_max_ns = 3000000});
    struct iovec iov = {r.buf, 4096};
    struct rt_event written = RT_EVENT_INIT;
    struct io_req write = {
        .op = IO_WRITE, .iov = &iov, .iov_nr = 1, .done = slow_done, .arg = &written};

    (void)arg;
    fill(r.buf, 4096, 0, 1);
    io_submit(r.dev, &write);
    sim_dir_power_cut(r.sd);
    sim_dir_power_on(r.sd);
    CHECK(!rt_event_is_set(&written));
    CHECK(sim_dir_stat(r.sd).cut_kept + sim_dir_stat(r.sd).cut_lost + sim_dir_stat(r.sd).cut_torn ==
          1);
    sim_dir_power_cut(r.sd);
    sim_dir_power_on(r.sd);
    rt_event_wait(&written);
    CHECK(write.rc == -DER_IO);
    CHECK(sim_dir_stat(r.sd).cut_kept + sim_dir_stat(r.sd).cut_lost + sim_dir_stat(r.sd).cut_torn ==
          1);
    rig_free(&r);
}

struct copies {
    struct sim_dir *of[4];
    uint32_t nr;
};

static void copy_at_step(struct sim_dir *sd, void *arg)
{
    struct copies *c = arg;

    CHECK_RC(sim_dir_clone(sd, 7 + c->nr, &c->of[c->nr]), 0);
    c->nr++;
}

/* What lies at offset 0 of a copy after its power is back. */
static uint64_t version_of(struct rt_xs *xs, struct rig *r, struct sim_dir *sd)
{
    struct rig copy = {.sd = sd, .buf = r->buf};
    uint64_t v = 99;

    CHECK(!sim_dir_powered(sd));
    sim_dir_power_on(sd);
    CHECK_RC(sim_dir_open(sd, &copy.dir), 0);
    CHECK_RC(io_dir_open_dev(copy.dir, xs, "d", false, &copy.dev, NULL), 0);
    for (uint64_t i = 0; i < 3; i++)
        if (holds(&copy, 0, 8192, i))
            v = i;
    put(&copy, 0, 8192, 50, IO_DURABLE); /* a copy is hardware of its own */
    rig_close(&copy);
    sim_dir_destroy(sd);
    return v;
}

static void a_copy_is_the_disk_when_the_power_goes(struct rt_xs *xs, void *arg)
{
    struct rig r = rig_make(xs, &(struct sim_dir_conf){.seed = 3, .cut = SIM_CUT_LOSE_ALL});
    struct sim_dir *after;
    struct copies c = {0};
    uint64_t v;

    (void)arg;
    put(&r, 0, 8192, 1, 0);
    CHECK_RC(io_flush_wait(r.dev), 0);
    sim_dir_on_step(r.sd, copy_at_step, &c);
    put(&r, 0, 8192, 2, 0);
    CHECK_RC(io_flush_wait(r.dev), 0);
    sim_dir_on_step(r.sd, NULL, NULL);
    CHECK_RC(sim_dir_clone(r.sd, 9, &after), 0);
    CHECK(c.nr == 2);
    v = version_of(xs, &r, c.of[0]); /* the write is in flight: kept, lost or torn */
    CHECK(v == 1 || v == 2 || v == 99);
    CHECK(version_of(xs, &r, c.of[1]) == 1); /* in the cache, which is lost */
    CHECK(version_of(xs, &r, after) == 2);   /* flushed */
    CHECK(holds(&r, 0, 8192, 2));            /* and the original goes on */
    rig_free(&r);
}

static int req_wait(struct io_dev *dev, struct io_req *req)
{
    struct rt_event done = RT_EVENT_INIT;

    req->done = slow_done;
    req->arg = &done;
    io_submit(dev, req);
    rt_event_wait(&done);
    return req->rc;
}

static void short_transfers_are_continued(struct rt_xs *xs, void *arg)
{
    struct rig r =
        rig_make(xs, &(struct sim_dir_conf){
                         .seed = 5, .short_ppm = 900000, .latency_max_ns = arg != NULL ? 1000 : 0});
    uint8_t *two = io_buf_alloc(32768);
    struct iovec iov[2] = {{r.buf, 20480}, {two, 32768}};

    for (uint64_t v = 1; v <= 50; v++) {
        struct io_req req = {.op = IO_WRITE, .off = 4096, .iov = iov, .iov_nr = 2};

        fill(r.buf, 20480, 4096, v);
        fill(two, 32768, 4096 + 20480, v);
        CHECK_RC(req_wait(r.dev, &req), 0);
        CHECK(holds(&r, 0, 4096, 0) && holds(&r, 4096, 53248, v) && holds(&r, 57344, 4096, 0));
        memset(r.buf, 0, 20480);
        memset(two, 0, 32768);
        req = (struct io_req){.op = IO_READ, .off = 4096, .iov = iov, .iov_nr = 2};
        CHECK_RC(req_wait(r.dev, &req), 0);
        CHECK(is_filled(r.buf, 20480, 4096, v) && is_filled(two, 32768, 4096 + 20480, v));
    }
    CHECK(sim_dir_stat(r.sd).shorts > 100);
    io_buf_free(two);
    rig_free(&r);
}

static uint32_t scars(struct rig *r)
{
    return sim_dev_scars(r->sd, "d", 0, DEV_SIZE);
}

static void what_rots_can_be_healed(struct rt_xs *xs, void *arg)
{
    struct rig r = rig_make(xs, &(struct sim_dir_conf){.seed = 3, .cut = SIM_CUT_LOSE_ALL});

    (void)arg;
    put(&r, 0, 8192, 1, 0);
    CHECK_RC(sim_dev_rot(r.sd, "d", 600, SIM_ROT_BIT, 9), -DER_BUSY); /* not durable */
    CHECK_RC(io_flush_wait(r.dev), 0);
    CHECK_RC(sim_dev_rot(r.sd, "d", 600, SIM_ROT_BIT, 9), 0);
    CHECK_RC(sim_dev_rot(r.sd, "d", 1100, SIM_ROT_ZERO, 0), 0);
    CHECK_RC(sim_dev_rot(r.sd, "d", 1600, SIM_ROT_NOISE, 1), 0);
    CHECK_RC(sim_dev_rot(r.sd, "d", 4096, SIM_ROT_DEAD, 0), 0);
    CHECK_RC(sim_dev_rot(r.sd, "d", 512, SIM_ROT_ZERO, 0), -DER_BUSY); /* damaged already */
    CHECK(!holds(&r, 0, 4096, 1) && scars(&r) == 4);
    CHECK_RC(io_read_wait(r.dev, 4096, r.buf, 4096), -DER_IO);
    rig_power_cycle(xs, &r); /* it stays */
    CHECK(scars(&r) == 4 && sim_dev_scars(r.sd, "d", 0, 4096) == 3);
    CHECK(sim_dev_heal(r.sd, "d", 0, 1024) == 1);
    CHECK(sim_dev_heal(r.sd, "d", 0, DEV_SIZE) == 3 && scars(&r) == 0);
    CHECK(holds(&r, 0, 8192, 1));
    rig_free(&r);
}

static void what_went_astray_can_be_healed(struct rt_xs *xs, void *arg)
{
    struct rig r = rig_make(xs, &(struct sim_dir_conf){.seed = 3, .cut = SIM_CUT_LOSE_ALL});

    (void)arg;
    put(&r, 0, 4096, 1, IO_DURABLE);
    put(&r, 8192, 4096, 2, IO_DURABLE);
    sim_dir_fault_at(r.sd, "d", IO_WRITE, 1, SIM_FAULT_MISDIRECT, 8192);
    put(&r, 0, 4096, 3, IO_DURABLE);
    CHECK(holds(&r, 0, 4096, 1) && !holds(&r, 8192, 4096, 2) && scars(&r) == 16);
    put(&r, 8192, 4096, 4, 0); /* hides its scar as long as the cache lives */
    CHECK(scars(&r) == 8);
    rig_power_cycle(xs, &r);
    CHECK(scars(&r) == 16);
    CHECK(sim_dev_heal(r.sd, "d", 0, DEV_SIZE) == 16);
    CHECK(holds(&r, 0, 4096, 3) && holds(&r, 8192, 4096, 2));

    CHECK_RC(sim_dev_rot(r.sd, "d", 0, SIM_ROT_ZERO, 0), 0);
    put(&r, 0, 4096, 5, 0); /* what is written and flushed has no scars */
    CHECK_RC(io_flush_wait(r.dev), 0);
    CHECK(scars(&r) == 0 && sim_dev_heal(r.sd, "d", 0, DEV_SIZE) == 0);
    CHECK(holds(&r, 0, 4096, 5));
    rig_free(&r);
}

static void slow_short_transfers_are_continued(struct rt_xs *xs, void *arg)
{
    short_transfers_are_continued(xs, &xs);
}

#define STORIES(X)                                                                                 \
    X(only_flushed_writes_are_sure)                                                                \
    X(an_unflushed_write_is_kept_lost_or_torn_by_sector)                                           \
    X(a_durable_write_is_not_undone)                                                               \
    X(writes_are_lost_independently)                                                               \
    X(a_cut_at_a_step)                                                                             \
    X(the_cut_write_is_undecided)                                                                  \
    X(names_need_a_sync)                                                                           \
    X(a_failed_flush_drops_writes_and_the_next_proves_nothing)                                     \
    X(short_transfers_are_continued)                                                               \
    X(slow_short_transfers_are_continued)                                                          \
    X(what_rots_can_be_healed)                                                                     \
    X(what_went_astray_can_be_healed)                                                              \
    X(faults_on_demand)                                                                            \
    X(a_failed_write_leaves_old_new_or_torn)                                                       \
    X(a_full_disk)                                                                                 \
    X(chance_fails_requests)                                                                       \
    X(a_small_cache_writes_back)                                                                   \
    X(the_seed_decides)                                                                            \
    X(a_flush_does_not_cover_writes_in_flight)                                                     \
    X(a_cut_with_slow_requests)                                                                    \
    X(a_copy_is_the_disk_when_the_power_goes)

#define STORY(fn)                                                                                  \
    static void test_##fn(void **state)                                                            \
    {                                                                                              \
        (void)state;                                                                               \
        run_story(fn, NULL);                                                                       \
    }
STORIES(STORY)

int main(void)
{
#define ENTRY(fn) cmocka_unit_test(test_##fn),
    const struct CMUnitTest tests[] = {STORIES(ENTRY)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
