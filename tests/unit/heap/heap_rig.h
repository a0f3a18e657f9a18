/*
 * A heap on a simulated disk, and a workload whose outcome is known: what the tests of durability
 * share.
 *
 * THE MODEL. The root is a table of SLOTS records, each the offset and version of a value (0:
 * none), and a counter of transactions. Transaction n changes some slots; the table's whole state
 * after each n is kept in memory. So after a crash the counter says which state the heap claims to
 * have, and every value of it can be verified to the byte: transactions are there whole or not at
 * all, in order, none acknowledged is missing.
 *
 * Checks on fibers end the program (cmocka's assertions jump, which a fiber's stack does not
 * survive).
 */
#ifndef HEAP_RIG_H
#define HEAP_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <daos_errno.h>
#include "base/assert.h"
#include "base/err.h"
#include "base/hash.h"
#include "base/log.h"
#include "heap/heap.h"
#include "heap/space.h"
#include "io/io.h"
#include "rt/rt.h"
#include "sim_dev.h"

#define CHECK(cond)                                                                                \
    ((cond) ? (void)0                                                                              \
            : (fprintf(stderr, "%s:%d: check failed: %s [%s]\n", __FILE__, __LINE__, #cond,        \
                       rig_context),                                                               \
               abort()))

static char rig_context[256];

#define SLOTS    96u
#define TXS_MAX  4000u
#define WAL_SIZE (1u << 20)

struct table {
    uint64_t count; /* transactions */
    struct {
        uint64_t off, version;
    } slot[SLOTS];
};

struct rig {
    struct sim_dir *sd;
    int (*dir_open)(struct io_dir **dir); /* of another hardware; NULL: sd's */
    struct io_dir *dir;
    struct rt_xs *xs;
    struct io_dev *dev;
    struct super *sup;
    struct heap *h;
    struct heap_conf conf;
    uint64_t wal_size, meta_size;
    uint64_t seed, cut_seed;
    uint32_t fault_pct;   /* spurious faults */
    bool own_checkpoints; /* leave them to the heap */
    uint32_t committed;   /* transactions committed in memory */
    uint64_t lsn[TXS_MAX];
    uint64_t state[TXS_MAX][SLOTS]; /* version in each slot after transaction n */
    uint32_t acked;                 /* transactions known to be durable */
    bool dead;                      /* another hardware has lost its power, unnoticed ... */
    uint64_t dead_lsn;              /* ... when this much was durable */
    uint64_t steps, cut_at_step;    /* of the protocol: cut the power at that one */
    uint64_t step_seen[64];
};

static inline uint64_t rig_draw(struct rig *r, uint64_t n)
{
    return mix64(++r->seed) % n;
}

static inline bool rig_spurious(void *arg, uint64_t page)
{
    struct rig *r = arg;

    return r->fault_pct != 0 && mix64(++r->cut_seed) % 100 < r->fault_pct;
}

static inline void rig_step(void *arg, uint32_t step)
{
    struct rig *r = arg;

    r->step_seen[step]++;
    if (++r->steps == r->cut_at_step)
        sim_dir_power_cut(r->sd);
}

/* How much of a long test: few by default, many with TARN_CHECK_LONG=1 in the environment. */
static inline uint64_t rig_more(uint64_t few, uint64_t many)
{
    const char *s = getenv("TARN_CHECK_LONG");

    return s != NULL && strcmp(s, "1") == 0 ? many : few;
}

/* ---- Device ---- */

static inline int rig_dir(struct rig *r)
{
    return r->dir_open != NULL ? r->dir_open(&r->dir) : sim_dir_open(r->sd, &r->dir);
}

static inline int rig_attach(struct rig *r)
{
    int rc = rig_dir(r);

    if (rc == 0)
        rc = io_dir_open_dev(r->dir, r->xs, "shard", false, &r->dev, NULL);
    if (rc == 0)
        rc = super_open(r->dev, &r->sup, NULL);
    return rc;
}

static inline void rig_detach(struct rig *r)
{
    if (r->sup != NULL)
        super_close(r->sup);
    if (r->dev != NULL)
        io_dev_close(r->dev);
    if (r->dir != NULL)
        io_dir_close(r->dir);
    r->sup = NULL;
    r->dev = NULL;
    r->dir = NULL;
}

static inline struct heap_conf rig_conf(struct rig *r)
{
    struct heap_conf c = r->conf;

    c.xs = r->xs;
    for (uint32_t i = 0; i < SUPER_ROLE_NR; i++)
        c.dev[i] = r->sup;
    c.spurious_fault = rig_spurious;
    c.on_step = rig_step;
    c.arg = r;
    return c;
}

static inline int rig_open(struct rig *r, struct err *e)
{
    struct heap_conf c = rig_conf(r);

    return heap_open(&c, &r->h, e);
}

/* sc: not looked at on another hardware. */
static inline void rig_format(struct rig *r, const struct sim_dir_conf *sc)
{
    struct super_id id = {.page_size = HEAP_PAGE_SIZE, .roles = 7};
    uint64_t size[SUPER_ROLE_NR] = {r->wal_size ? r->wal_size : WAL_SIZE,
                                    r->meta_size ? r->meta_size : 512u << 10, 1u << 20};
    struct heap_conf c;

    CHECK(r->dir_open != NULL || sim_dir_create(sc, &r->sd) == 0);
    CHECK(rig_dir(r) == 0);
    CHECK(io_dir_create_dev(r->dir, r->xs, "shard", 4u << 20, &r->dev, NULL) == 0);
    CHECK(io_dir_sync(r->dir) == 0);
    CHECK(super_format(r->dev, &id, size, 0, 0, 0, false, &r->sup, NULL) == 0);
    c = rig_conf(r);
    CHECK(heap_format(&c, NULL) == 0);
}

/* ---- The workload ---- */

static inline size_t value_size(uint64_t version)
{
    static const size_t top[] = {24, 100, 700, 2300, 4096, 8192};

    return 8 + mix64(version) % (top[mix64(version + 1) % ARRAY_LEN(top)] - 8);
}

static inline void value_fill(uint8_t *p, uint64_t version)
{
    size_t len = value_size(version);

    for (size_t i = 0; i < len; i++)
        p[i] =
            i / 64 % 3 == 1 ? 0 : (uint8_t)mix64(version * 8192 + i / 8); /* with runs of zeros */
}

static inline bool value_is(const uint8_t *p, uint64_t version)
{
    static uint8_t want[HEAP_ALLOC_MAX];

    value_fill(want, version);
    return memcmp(p, want, value_size(version)) == 0;
}

static inline int table_get(struct rig *r, uint64_t *off, const struct table **t)
{
    int rc = heap_root_get(r->h, HEAP_ROOT_VOS, off);

    if (rc != 0 || *off == 0) {
        *t = NULL;
        return rc;
    }
    *t = heap_ptr(r->h, *off, sizeof(struct table));
    return *t != NULL ? 0 : heap_rc(r->h);
}

static inline int table_make(struct rig *r, uint64_t *off)
{
    int rc = heap_tx_alloc(r->h, sizeof(struct table), 0, off, NULL);

    return rc != 0 ? rc : heap_tx_root_set(r->h, HEAP_ROOT_VOS, *off);
}

static inline int slot_change(struct rig *r, uint64_t toff, uint32_t slot, uint64_t version)
{
    uint64_t at = toff + offsetof(struct table, slot) + slot * 16, off = 0, *s;
    const uint64_t *old = heap_ptr(r->h, at, 16);
    void *p = NULL;
    int rc = 0;

    if (old == NULL)
        return heap_rc(r->h);
    if (old[0] != 0)
        rc = heap_tx_free(r->h, old[0]);
    if (rc == 0 && version != 0)
        rc = heap_tx_alloc(r->h, value_size(version), toff, &off, &p);
    if (rc != 0)
        return rc;
    if (version != 0)
        value_fill(p, version);
    s = heap_tx_write(r->h, at, 16);
    if (s == NULL)
        return heap_rc(r->h);
    s[0] = off;
    s[1] = version;
    return 0;
}

struct change {
    uint32_t nr, slot[8];
    uint64_t version[8];
    bool abort;
};

static inline int change_apply(struct rig *r, const struct change *c)
{
    const struct table *t;
    uint64_t off, *count;
    int rc = table_get(r, &off, &t);

    if (rc == 0 && t == NULL)
        rc = table_make(r, &off);
    for (uint32_t i = 0; i < c->nr && rc == 0; i++)
        rc = slot_change(r, off, c->slot[i], c->version[i]);
    if (rc != 0)
        return rc;
    count = heap_tx_write(r->h, off, 8);
    if (count == NULL)
        return heap_rc(r->h);
    ++*count;
    return 0;
}

static inline void change_draw(struct rig *r, struct change *c)
{
    c->nr = 1 + (uint32_t)rig_draw(r, 8);
    c->abort = rig_draw(r, 8) == 0;
    for (uint32_t i = 0; i < c->nr; i++) {
        c->slot[i] = (uint32_t)rig_draw(r, SLOTS);
        c->version[i] = rig_draw(r, 4) == 0 ? 0 : 1 + rig_draw(r, 1u << 30);
    }
}

/* One transaction, with its retries. 0, or the error that ended it. */
static inline int rig_tx(struct rig *r)
{
    struct heap_pins pins = HEAP_PINS_INIT;
    struct change c;
    uint64_t lsn = 0;
    int rc;

    change_draw(r, &c);
    do {
        heap_lock(r->h);
        rc = heap_tx_begin(r->h, 9 * HEAP_ALLOC_MAX);
        if (rc == 0) {
            rc = change_apply(r, &c);
            if (rc == 0 && !c.abort)
                heap_tx_commit(r->h, &lsn);
            else
                heap_tx_abort(r->h);
        }
        if (rc == 0 && !c.abort) {
            uint32_t n = ++r->committed;

            CHECK(n < TXS_MAX);
            r->lsn[n] = lsn;
            memcpy(r->state[n], r->state[n - 1], sizeof(r->state[n]));
            for (uint32_t i = 0; i < c.nr; i++)
                r->state[n][c.slot[i]] = c.version[i];
        }
        heap_pins_take(r->h, &pins);
        heap_unlock(r->h);
    } while (heap_retry(r->h, &pins, &rc));
    heap_pins_drop(r->h, &pins);
    return rc;
}

/* What has become durable counts as acknowledged. */
static inline void rig_ack(struct rig *r)
{
    uint64_t durable = r->dead ? r->dead_lsn : heap_durable_lsn(r->h);

    while (r->acked < r->committed && r->lsn[r->acked + 1] <= durable)
        r->acked++;
}

static inline bool rig_drop_some(void *arg, uint64_t page)
{
    return mix64(page + ((struct rig *)arg)->seed) % 2;
}

/* A piece of work drawn from the seed. Ends at the first error (the power went). */
static inline int rig_work(struct rig *r, uint32_t txs)
{
    int rc = 0;

    for (uint32_t i = 0; i < txs && rc == 0 && !r->dead; i++) {
        rc = rig_tx(r);
        if (rc == 0 && rig_draw(r, 3) == 0)
            rc = heap_wait_durable(r->h, r->lsn[r->committed]);
        rig_ack(r);
        if (rc == 0 && rig_draw(r, 25) == 0 && !r->own_checkpoints)
            rc = heap_checkpoint(r->h);
        if (rc == 0 && rig_draw(r, 10) == 0) {
            heap_lock(r->h);
            heap_evict(r->h, rig_drop_some, r);
            heap_unlock(r->h);
        }
        if (rig_draw(r, 4) == 0)
            rt_yield();
        rig_ack(r);
    }
    return rc;
}

/* ---- Judging ---- */

static inline int state_check(struct rig *r, uint64_t *count, const char **why)
{
    const struct table *t;
    uint64_t off;
    int rc = table_get(r, &off, &t);

    *why = NULL;
    if (rc != 0)
        return rc;
    *count = t == NULL ? 0 : t->count;
    if (*count > r->committed || *count < r->acked) {
        *why = *count < r->acked ? "an acknowledged transaction is missing"
                                 : "a transaction nobody committed";
        return 0;
    }
    for (uint32_t i = 0; i < SLOTS && t != NULL; i++) {
        uint64_t version = t->slot[i].version;
        const uint8_t *p;

        if (version != r->state[*count][i]) {
            *why = "a slot is not of its transaction";
            return 0;
        }
        if (version == 0)
            continue;
        p = heap_ptr(r->h, t->slot[i].off, value_size(version));
        if (p == NULL)
            return heap_rc(r->h);
        if (!value_is(p, version)) {
            *why = "a value has wrong bytes";
            return 0;
        }
    }
    return 0;
}

/* An allocation by itself. reserve: enum heap_reserve, or RIG_PLAIN. */
#define RIG_PLAIN (-1)
static inline int rig_grab(struct rig *r, size_t size, int reserve, uint64_t *off)
{
    struct heap_pins pins = HEAP_PINS_INIT;
    int rc;

    do {
        heap_lock(r->h);
        rc = heap_tx_begin(r->h, 2 * HEAP_ALLOC_MAX);
        if (rc == 0) {
            if (reserve != RIG_PLAIN)
                heap_tx_use_reserve(r->h, (enum heap_reserve)reserve);
            rc = heap_tx_alloc(r->h, size, 0, off, NULL);
            if (rc == 0)
                heap_tx_commit(r->h, NULL);
            else
                heap_tx_abort(r->h);
        }
        heap_pins_take(r->h, &pins);
        heap_unlock(r->h);
    } while (heap_retry(r->h, &pins, &rc));
    heap_pins_drop(r->h, &pins);
    return rc;
}

static inline void rig_problem(void *arg, const char *text)
{
    fprintf(stderr, "heap_check: %s [%s]\n", text, rig_context);
}

/* The heap is what the model says; after an open the model goes on from there. False: the power
 * went meanwhile. */
static inline bool rig_verify(struct rig *r, bool opened)
{
    struct heap_pins pins = HEAP_PINS_INIT;
    const char *why = NULL;
    uint64_t count = 0;
    int rc;

    do {
        heap_lock(r->h);
        rc = state_check(r, &count, &why);
        heap_pins_take(r->h, &pins);
        heap_unlock(r->h);
    } while (heap_retry(r->h, &pins, &rc));
    heap_pins_drop(r->h, &pins);
    if (rc != 0 && r->sd != NULL && !sim_dir_powered(r->sd))
        return false;
    if (rc != 0 || why != NULL) {
        fprintf(stderr, "verify: rc %d, %s; count %llu, acked %u, committed %u [%s]\n", rc,
                why ? why : "-", (unsigned long long)count, r->acked, r->committed, rig_context);
        abort();
    }
    if (opened)
        r->committed = r->acked = (uint32_t)count; /* recovery made it durable */
    else
        CHECK(count == r->committed);
    return true;
}

static inline void rig_check(struct rig *r)
{
    uint64_t problems = 0;

    CHECK(heap_check(r->h, rig_problem, r, &problems) == 0);
    CHECK(problems == 0);
}

/* ---- Stories on a fiber ---- */

struct rig_story {
    void (*fn)(struct rig *r);
    struct rig *r;
    struct rt_event done;
};

static inline void rig_fiber(void *arg)
{
    struct rig_story *s = arg;

    s->fn(s->r);
    rt_event_set(&s->done);
}

static inline struct rig *rig_new(struct rt_xs *xs)
{
    struct rig *r = calloc(1, sizeof(*r));

    r->xs = xs;
    return r;
}

static inline void rig_free(struct rig *r)
{
    rig_detach(r);
    if (r->sd != NULL)
        sim_dir_destroy(r->sd);
    free(r);
}

/* A device that fails is reported in the log each time; here that is every run. The last line is
 * kept for who wants to see it. */
static char rig_log[1024];
static inline void rig_log_line(enum log_level level, const char *line)
{
    snprintf(rig_log, sizeof(rig_log), "%s", line);
}

static inline void rig_run(void (*fn)(struct rig *r))
{
    struct rt_xs_conf conf = {.cpu = -1, .name = "heap-test"};
    struct rig_story s = {.fn = fn};
    struct rt_xs *xs = NULL;

    log_set_sink(rig_log_line);
    assert_int_equal(rt_xs_create(&conf, &xs), 0);
    s.r = rig_new(xs);
    rt_event_init(&s.done);
    assert_int_equal(rt_spawn_on(xs, rig_fiber, &s), 0);
    rt_event_wait(&s.done);
    rt_xs_destroy(xs);
    rig_free(s.r);
}

/* A test program of stories: RIG_MAIN(STORIES) with #define STORIES(X) X(first) X(second). */
#define RIG_TEST(story)                                                                            \
    static void t_##story(void **state)                                                            \
    {                                                                                              \
        rig_run(story);                                                                            \
    }
#define RIG_ENTRY(story) cmocka_unit_test_setup(t_##story, NULL),
#define RIG_MAIN(STORIES)                                                                          \
    STORIES(RIG_TEST)                                                                              \
    int main(void)                                                                                 \
    {                                                                                              \
        const struct CMUnitTest tests[] = {STORIES(RIG_ENTRY)};                                    \
                                                                                                   \
        return cmocka_run_group_tests(tests, NULL, NULL);                                          \
    }

#endif
