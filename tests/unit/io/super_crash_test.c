/*
 * Superblocks under power cuts and failing writes. A script of changes runs against a model; at
 * whatever step it is interrupted, the device opens afterwards in the state before or after the
 * change that was interrupted.
 */
#include "super_rig.h"

struct state {
    bool formatted, clean;
    uint64_t size[SUPER_ROLE_NR];
};

enum change { FORMAT, DIRTY, GROW_META, GROW_WAL, GROW_DATA, GROW_DATA_AGAIN, CLEAN, CHANGES };

static struct state after(struct state s, enum change c)
{
    switch (c) {
    case FORMAT:
        s.formatted = s.clean = true;
        memcpy(s.size, rig_sizes, sizeof(s.size));
        break;
    case DIRTY:
        s.clean = false;
        break;
    case GROW_META:
        s.size[SUPER_META] += KIB64;
        break;
    case GROW_WAL:
        s.size[SUPER_WAL] += KIB64;
        break;
    case GROW_DATA:
    case GROW_DATA_AGAIN:
        s.size[SUPER_DATA] += 2 * KIB64;
        break;
    case CLEAN:
        s.clean = true;
        break;
    case CHANGES:
        break;
    }
    return s;
}

static int do_change(struct rig *r, enum change c)
{
    switch (c) {
    case FORMAT:
        return rig_format(r, NULL);
    case DIRTY:
        return super_mark(r->super, false);
    case GROW_META:
        return super_grow(r->super, SUPER_META, KIB64);
    case GROW_WAL:
        return super_grow(r->super, SUPER_WAL, KIB64);
    case GROW_DATA:
    case GROW_DATA_AGAIN:
        return super_grow(r->super, SUPER_DATA, 2 * KIB64);
    case CLEAN:
        return super_mark(r->super, true);
    case CHANGES:
        break;
    }
    return 0;
}

static bool is_state(const struct rig *r, const struct state *s)
{
    if (!r->super || !s->formatted)
        return !r->super && !s->formatted;
    for (uint32_t role = 0; role < SUPER_ROLE_NR; role++) {
        if (super_role_size(r->super, role) != s->size[role])
            return false;
    }
    return super_is_clean(r->super) == s->clean;
}

/* A WAL that counts is all zeros, whenever it came. */
static void check_wal_zero(struct rig *r)
{
    for (uint64_t off = 0; off < super_role_size(r->super, SUPER_WAL); off += KIB64) {
        CHECK_RC(super_read_wait(r->super, SUPER_WAL, off, r->buf, KIB64), 0);
        CHECK(is_zero(r->buf, KIB64));
    }
}

/* Two whole copies of one generation are the same, whatever was tried. */
static void check_copies_agree(struct rig *r)
{
    struct super_block *a = malloc(sizeof(*a)), *b = malloc(sizeof(*b));

    CHECK(a && b);
    for (uint32_t i = 0; i < SUPER_COPIES; i++) {
        for (uint32_t j = 0; j < i; j++) {
            CHECK_RC(sim_dev_peek(r->sd, "d", i * SUPER_COPY_STEP, r->buf, SUPER_COPY_STEP, true),
                     0);
            if (super_decode(r->buf, i, a) != SUPER_COPY_WHOLE)
                continue;
            CHECK_RC(sim_dev_peek(r->sd, "d", j * SUPER_COPY_STEP, r->buf, SUPER_COPY_STEP, true),
                     0);
            if (super_decode(r->buf, j, b) == SUPER_COPY_WHOLE && a->generation == b->generation)
                CHECK(memcmp(a, b, sizeof(*a)) == 0);
        }
    }
    free(a);
    free(b);
}

/* Runs the script from the state reached on; returns whether it came to its end. */
static bool run_script(struct rig *r, struct state *s, struct state *next, enum change from)
{
    for (enum change c = from; c < CHANGES; c++) {
        int rc;

        *next = after(*s, c);
        rc = do_change(r, c);
        if (rc != 0) {
            CHECK_RC(rc, -DER_IO);
            return false;
        }
        *s = *next;
        CHECK(is_state(r, s));
    }
    return true;
}

/* What was opened once stays what is found, whichever copy is lost afterwards. */
static void any_copy_may_go(struct rig *r, const struct state *s, uint32_t copy)
{
    CHECK_RC(sim_dev_unreadable(r->sd, "d", copy * (uint64_t)SUPER_COPY_STEP, 512), 0);
    CHECK_RC(rig_power_cycle(r), 0);
    CHECK(is_state(r, s));
}

/* Interrupted at step nth; what was decided by the seed is old or new, and the script can go on to
 * its end. */
static bool cut_once(struct rt_xs *xs, uint64_t nth, uint64_t seed)
{
    struct rig r = rig_make(xs, &(struct sim_dir_conf){.seed = seed * 1000 + nth});
    struct state s = {0}, next = {0};
    bool ended;
    int rc;

    sim_dir_power_cut_at(r.sd, nth);
    ended = run_script(&r, &s, &next, FORMAT);
    rc = rig_power_cycle(&r);
    CHECK(rc == 0 || !s.formatted);
    if (rc == 0) {
        CHECK(is_state(&r, &s) || is_state(&r, &next));
        any_copy_may_go(&r, is_state(&r, &next) ? &next : &s, seed % SUPER_COPIES);
        check_wal_zero(&r);
        s.formatted = true;
        s.clean = super_is_clean(r.super);
        for (uint32_t role = 0; role < SUPER_ROLE_NR; role++)
            s.size[role] = super_role_size(r.super, role);
        CHECK(run_script(&r, &s, &next, DIRTY));
    } else {
        CHECK(rc == -DER_DF_INVAL ||
              rc == -DER_CSUM); /* nothing, or the torn beginning of a format */
        CHECK_RC(super_format(r.dev, &rig_id, rig_sizes, 0, 0, 0, true, &r.super, NULL), 0);
    }
    rig_free(&r);
    return ended;
}

static void a_cut_at_every_step(struct rt_xs *xs, void *arg)
{
    uint64_t nth = 1;

    (void)arg;
    for (bool ended = false; !ended; nth++) {
        for (uint64_t seed = 0; seed < 40; seed++)
            ended = cut_once(xs, nth, seed);
    }
    CHECK(nth > 50); /* the script has that many steps at least */
}

/* Power fails again and again, at drawn steps, during change after change: the copies never get so
 * old that a cut finds none. */
static void cut_after_cut(struct rt_xs *xs, void *arg)
{
    (void)arg;
    for (uint64_t seed = 0; seed < 100; seed++) {
        struct rig r = rig_make(xs, &(struct sim_dir_conf){.seed = seed});
        struct state s = {0}, next;
        uint64_t draw = seed * 7919 + 1;

        CHECK_RC(rig_format(&r, NULL), 0);
        s = after(s, FORMAT);
        for (uint32_t cuts = 0; cuts < 40; cuts++) {
            draw = draw * UINT64_C(6364136223846793005) + 1442695040888963407;
            next = s;
            sim_dir_power_cut_at(r.sd, 1 + (draw >> 33) % 9);
            while (sim_dir_powered(r.sd)) {
                enum change c = s.clean ? DIRTY : GROW_META + (enum change)(draw >> 50) % 5;

                next = after(s, c);
                if (do_change(&r, c) == 0)
                    s = next;
            }
            CHECK_RC(rig_power_cycle(&r), 0);
            CHECK(is_state(&r, &s) || is_state(&r, &next));
            check_copies_agree(&r);
            if (is_state(&r, &next))
                s = next;
        }
        check_wal_zero(&r);
        rig_free(&r);
    }
}

/* A flush failed: the device makes nothing durable any more until it is opened again, and what it
 * holds then is either state. Carries the change out after all. */
static void change_after_reopen(struct rig *r, enum change c, const struct state *s,
                                const struct state *next)
{
    CHECK_RC(do_change(r, c), -DER_IO);
    CHECK(is_state(r, s));
    CHECK_RC(rig_reopen(r, false, NULL), 0);
    CHECK(is_state(r, s) || is_state(r, next));
    if (!is_state(r, next))
        CHECK_RC(do_change(r, c), 0);
}

/* The nth write or flush fails while the power stays: the change is refused, the state in memory is
 * the old one, later changes work (after a flush: once the device is opened again), and a reopened
 * device is in the state after the last change that succeeded. */
static bool fail_once(struct rt_xs *xs, enum io_op op, uint64_t nth, uint64_t seed)
{
    struct rig r = rig_make(xs, &(struct sim_dir_conf){.seed = seed});
    struct state s = {0}, next;
    uint32_t failures = 0;

    CHECK_RC(rig_format(&r, NULL), 0);
    s = after(s, FORMAT);
    sim_dir_fault_at(r.sd, "d", op, nth, SIM_FAULT_FAIL, 0);
    for (enum change c = DIRTY; c < CHANGES; c++) {
        next = after(s, c);
        if (do_change(&r, c) != 0) {
            failures++;
            CHECK(is_state(&r, &s));
            if (op == IO_FLUSH)
                change_after_reopen(&r, c, &s, &next);
            else
                CHECK_RC(do_change(&r, c), 0);
        }
        s = next;
        CHECK(is_state(&r, &s));
    }
    CHECK(failures <= 1);
    CHECK_RC(rig_power_cycle(&r), 0);
    CHECK(is_state(&r, &s));
    check_wal_zero(&r);
    rig_free(&r);
    return failures == 0;
}

static void a_failure_at_every_write_and_flush(struct rt_xs *xs, void *arg)
{
    (void)arg;
    for (uint64_t seed = 0; seed < 20; seed++) {
        uint64_t writes = 1, flushes = 1;

        while (!fail_once(xs, IO_WRITE, writes, seed))
            writes++;
        while (!fail_once(xs, IO_FLUSH, flushes, seed))
            flushes++;
        CHECK(writes > 24 && flushes > 12);
    }
}

/* A failed change, then a power cut: what failed may have landed, so either state is good, and the
 * device opens. */
static void a_failure_and_then_a_cut(struct rt_xs *xs, void *arg)
{
    (void)arg;
    for (uint64_t seed = 0; seed < 300; seed++) {
        struct rig r = rig_make(xs, &(struct sim_dir_conf){.seed = seed});
        struct state s = {0}, next;

        CHECK_RC(rig_format(&r, NULL), 0);
        s = after(s, FORMAT);
        sim_dir_fault_at(r.sd, "d", seed % 2 ? IO_WRITE : IO_FLUSH,
                         1 + seed % 4 / (seed % 2 ? 1 : 2), SIM_FAULT_FAIL, 0);
        next = after(s, GROW_META);
        CHECK_RC(do_change(&r, GROW_META), -DER_IO);
        if (seed % 3 == 0) { /* another change, cut short */
            struct state third = after(s, GROW_DATA);

            sim_dir_power_cut_at(r.sd, 1 + seed % 7);
            CHECK_RC(do_change(&r, GROW_DATA), -DER_IO);
            CHECK_RC(rig_power_cycle(&r), 0);
            CHECK(is_state(&r, &s) || is_state(&r, &next) || is_state(&r, &third));
        } else {
            CHECK_RC(rig_power_cycle(&r), 0);
            CHECK(is_state(&r, &s) || is_state(&r, &next));
        }
        check_copies_agree(&r);
        rig_free(&r);
    }
}

#define STORIES(X)                                                                                 \
    X(a_cut_at_every_step)                                                                         \
    X(cut_after_cut)                                                                               \
    X(a_failure_at_every_write_and_flush)                                                          \
    X(a_failure_and_then_a_cut)
STORIES_MAIN(STORIES)
