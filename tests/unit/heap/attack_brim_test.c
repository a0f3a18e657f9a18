/*
 * Many fibers and threads, a log that is always full, many pages always dirty, and crashes on top
 * of crashes: the log never runs out for good, nobody waits for ever, and each value is one that
 * its writer may expect: not older than what it saw acknowledged.
 */
#include "heap_rig.h"

#include <pthread.h>

#define VALUES  1600u
#define WRITERS 6u

struct brim {
    struct rig *r;
    uint64_t off[VALUES];
    uint32_t committed[VALUES], acked[VALUES], durable_at[VALUES];
    uint64_t lsn[VALUES];
    uint64_t draw;
    bool stop;
    uint32_t failed; /* writers that ended with an error */
};

struct writer {
    struct brim *b;
    uint32_t id, nr;
    bool thread;
    struct rt_event done;
    pthread_t t;
};

static size_t len_of(uint32_t i)
{
    static const uint16_t len[] = {3000, 200, 8000, 1000, 4000, 2000};

    return len[i % ARRAY_LEN(len)];
}

static int write_value(struct brim *b, uint32_t i, uint32_t version, uint64_t *lsn)
{
    struct rig *r = b->r;
    struct heap_pins pins = HEAP_PINS_INIT;
    size_t part = version % 16 == 0 ? len_of(i) : 16;
    int rc;

    do {
        heap_lock(r->h);
        rc = heap_tx_begin(r->h, len_of(i));
        if (rc == 0) {
            uint32_t *p = heap_tx_write(r->h, b->off[i], part);

            rc = p != NULL ? 0 : heap_rc(r->h);
            for (size_t n = 0; p != NULL && n < part / 4; n++)
                p[n] = version;
            if (rc == 0)
                heap_tx_commit(r->h, lsn);
            else
                heap_tx_abort(r->h);
            if (rc == 0)
                b->committed[i] = version;
        }
        heap_pins_take(r->h, &pins);
        heap_unlock(r->h);
    } while (heap_retry(r->h, &pins, &rc));
    heap_pins_drop(r->h, &pins);
    return rc;
}

/* Writer w owns the values that are w modulo WRITERS. */
static void write_on(struct writer *w)
{
    struct brim *b = w->b;
    uint64_t draw = b->draw + w->id * 77;
    int rc = 0;

    for (uint32_t n = 0; n < w->nr && rc == 0; n++) {
        uint32_t i = (uint32_t)(mix64(++draw) % (VALUES / WRITERS)) * WRITERS + w->id;
        uint64_t lsn = 0;

        rc = write_value(b, i, b->committed[i] + 1, &lsn);
        if (rc == 0 && draw % 3 == 0) {
            rc = heap_wait_durable(b->r->h, lsn);
            if (rc == 0)
                b->acked[i] = b->committed[i];
        }
    }
    if (rc != 0 && sim_dir_powered(b->r->sd)) {
        fprintf(stderr, "writer %u: rc %d with power on [%s]; %s\n", w->id, rc, rig_context,
                rig_log);
        abort();
    }
}

static void write_fiber(void *arg)
{
    struct writer *w = arg;

    write_on(w);
    rt_event_set(&w->done);
}

static void *write_thread(void *arg)
{
    write_fiber(arg);
    return NULL;
}

/* Reads see what was committed; after a crash: at least what was acknowledged. */
static void verify(struct brim *b, bool opened)
{
    struct rig *r = b->r;

    for (uint32_t i = 0; i < VALUES; i++) {
        struct heap_pins pins = HEAP_PINS_INIT;
        uint32_t got = 0;
        int rc;

        do {
            const uint32_t *p;

            heap_lock(r->h);
            p = heap_ptr(r->h, b->off[i], len_of(i));
            rc = p != NULL ? 0 : heap_rc(r->h);
            for (uint32_t n = 0; p != NULL && n < 4; n++) {
                got = p[0];
                CHECK(p[n] == got);
            }
            heap_pins_take(r->h, &pins);
            heap_unlock(r->h);
        } while (heap_retry(r->h, &pins, &rc));
        heap_pins_drop(r->h, &pins);
        if (rc != 0 || got < b->acked[i] || got > b->committed[i])
            fprintf(stderr, "value %u: rc %d, %u, acked %u, committed %u [%s]\n", i, rc, got,
                    b->acked[i], b->committed[i], rig_context);
        CHECK(rc == 0 && got >= b->acked[i] && got <= b->committed[i]);
        if (opened)
            b->committed[i] = b->acked[i] = got;
    }
}

static void make_values(struct brim *b)
{
    struct rig *r = b->r;

    for (uint32_t i = 0; i < VALUES; i++) {
        struct heap_pins pins = HEAP_PINS_INIT;
        int rc;

        do {
            heap_lock(r->h);
            rc = heap_tx_begin(r->h, len_of(i) + 300);
            if (rc == 0) {
                rc = heap_tx_alloc(r->h, len_of(i), 0, &b->off[i], NULL);
                if (rc == 0)
                    heap_tx_commit(r->h, NULL);
                else
                    heap_tx_abort(r->h);
            }
            heap_pins_take(r->h, &pins);
            heap_unlock(r->h);
        } while (heap_retry(r->h, &pins, &rc));
        heap_pins_drop(r->h, &pins);
        CHECK(rc == 0);
    }
    CHECK(heap_checkpoint(r->h) == 0);
}

static void open_quiet(struct rig *r)
{
    struct heap_conf c = rig_conf(r);
    struct err e = {0};
    int rc;

    c.spurious_fault = NULL;
    c.on_step = NULL;
    rc = heap_open(&c, &r->h, &e);
    if (rc != 0)
        fprintf(stderr, "open: %d: %s: %s [%s]\n", rc, e.what, e.why, rig_context);
    CHECK(rc == 0);
}

static void run_writers(struct brim *b, uint32_t nr, bool threads)
{
    struct writer w[WRITERS];

    for (uint32_t i = 0; i < WRITERS; i++) {
        w[i] = (struct writer){.b = b, .id = i, .nr = nr, .thread = threads && i % 2 == 1};
        rt_event_init(&w[i].done);
        if (w[i].thread)
            CHECK(pthread_create(&w[i].t, NULL, write_thread, &w[i]) == 0);
        else
            CHECK(rt_spawn(write_fiber, &w[i]) == 0);
    }
    for (uint32_t i = 0; i < WRITERS; i++) {
        rt_event_wait(&w[i].done);
        if (w[i].thread)
            pthread_join(w[i].t, NULL);
    }
}

static uint32_t lives_nr = 6;

static void crash_after_crash(struct rig *r, uint64_t seed, bool threads)
{
    static const enum sim_cut how[] = {SIM_CUT_LOSE_ALL, SIM_CUT_RANDOM, SIM_CUT_KEEP_ALL};
    struct brim *b = calloc(1, sizeof(*b));

    snprintf(rig_context, sizeof(rig_context), "seed %llu", (unsigned long long)seed);
    b->r = r;
    r->wal_size = 512u << 10;
    r->meta_size = 16u << 20;
    r->conf.checkpoint_pct = seed % 2 ? 50 : 95;
    rig_format(r, &(struct sim_dir_conf){.seed = seed, .cut = how[seed % 3], .reorder = true});
    open_quiet(r);
    make_values(b);
    for (uint32_t life = 0; life < lives_nr; life++) {
        b->draw = mix64(seed * 1000 + life);
        sim_dir_power_cut_at(r->sd, life + 1 == lives_nr ? 0 : 20 + mix64(b->draw) % 500);
        run_writers(b, 300, threads);
        if (sim_dir_powered(r->sd)) {
            CHECK(heap_checkpoint(r->h) == 0 || !sim_dir_powered(r->sd));
            if (life + 1 == lives_nr) {
                verify(b, false);
                rig_check(r);
            }
        }
        heap_close(r->h, false);
        rig_detach(r);
        if (sim_dir_powered(r->sd))
            sim_dir_power_cut(r->sd);
        sim_dir_power_on(r->sd);
        CHECK(rig_attach(r) == 0);
        open_quiet(r);
        verify(b, true);
    }
    heap_close(r->h, false);
    rig_detach(r);
    sim_dir_destroy(r->sd);
    r->sd = NULL;
    free(b);
}

static uint64_t seed_first = 1, seed_nr = 2;

static void fibers(struct rig *r)
{
    for (uint64_t s = seed_first; s < seed_first + seed_nr; s++)
        crash_after_crash(r, s, false);
}

static void with_threads(struct rig *r)
{
    for (uint64_t s = seed_first; s < seed_first + seed_nr; s++)
        crash_after_crash(r, s, true);
}

static void t_fibers(void **state)
{
    rig_run(fibers);
}

static void t_threads(void **state)
{
    rig_run(with_threads);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(t_fibers),
        cmocka_unit_test(t_threads),
    };

    if (argc > 1)
        seed_first = strtoull(argv[1], NULL, 10);
    if (argc > 2)
        seed_nr = strtoull(argv[2], NULL, 10);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
