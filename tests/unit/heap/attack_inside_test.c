/*
 * Transactions inside everything: at every step of the protocol, on whichever fiber takes it, a few
 * transactions may run; most of them change bytes in place, so that no page but the value's own is
 * touched, or free the only value of a page. Then the power goes. Values hold their slot and
 * version; after recovery all slots together must be what they were after some transaction that is
 * not older than the last acknowledged one.
 */
#include "heap_rig.h"

#include "base/fail.h"
#include "heap/step.h"

#define NR      13u
#define OPS_MAX 6000u

struct op {
    uint32_t slot;
    uint32_t version; /* 0: freed */
    uint64_t lsn;
};

struct world {
    struct rig *r;
    struct op op[OPS_MAX]; /* [1..committed] */
    uint32_t now[NR];      /* version of each slot */
    bool live, inside;
    bool growing;      /* inside: of a growth; who waited for one would wait for himself */
    uint32_t per_step; /* chance of transactions at a step, in percent */
    uint32_t only_at;  /* step; HEAP_STEP_NR: all */
    uint32_t spurious; /* percent of touches of unpinned pages */
    uint32_t per_ckpt; /* a checkpoint after so many transactions */
};

static const uint16_t sizes[] = {1000, 1160, 1300, 1480, 1700, 1900, 2040,
                                 2300, 2700, 3200, 4000, 5400, 8000};

static size_t size_of(uint32_t slot)
{
    return sizes[slot % ARRAY_LEN(sizes)];
}

static void fill(uint8_t *p, uint32_t slot, uint32_t version)
{
    for (size_t i = 0; i < size_of(slot); i++)
        p[i] = (uint8_t)mix64(version * 64ull + slot + i / 64 * 1000003);
}

static bool is(const uint8_t *p, uint32_t slot, uint32_t version)
{
    static uint8_t want[HEAP_ALLOC_MAX];

    fill(want, slot, version);
    return memcmp(p, want, size_of(slot)) == 0;
}

/* The root: offset and, changed only with it, the version at allocation. In-place changes touch the
 * value alone. */
struct entry {
    uint64_t off;
};

static int entry_of(struct rig *r, uint32_t slot, uint64_t *at, uint64_t *off)
{
    uint64_t root;
    const uint64_t *p;
    int rc = heap_root_get(r->h, HEAP_ROOT_VOS, &root);

    if (rc != 0)
        return rc;
    ASSERT(root != 0);
    *at = root + slot * sizeof(struct entry);
    p = heap_ptr(r->h, *at, 8);
    if (p == NULL)
        return heap_rc(r->h);
    *off = *p;
    return 0;
}

static int op_apply(struct rig *r, const struct op *op)
{
    uint64_t at, off, *e;
    void *p = NULL;
    int rc = entry_of(r, op->slot, &at, &off);

    if (rc != 0)
        return rc;
    if (op->version != 0 && off != 0) {
        p = heap_tx_write(r->h, off, size_of(op->slot));
        if (p == NULL)
            return heap_rc(r->h);
        fill(p, op->slot, op->version);
        return 0;
    }
    if (op->version == 0)
        rc = heap_tx_free(r->h, off);
    else
        rc = heap_tx_alloc(r->h, size_of(op->slot), 0, &off, &p);
    if (rc != 0)
        return rc;
    if (p != NULL)
        fill(p, op->slot, op->version);
    e = heap_tx_write(r->h, at, 8);
    if (e == NULL)
        return heap_rc(r->h);
    *e = op->version == 0 ? 0 : off;
    return 0;
}

/* One transaction; wait: for log space too. 0, HEAP_WAIT, or an error. */
static int one_tx(struct world *w, bool wait)
{
    struct rig *r = w->r;
    struct heap_pins pins = HEAP_PINS_INIT;
    uint32_t slot = (uint32_t)rig_draw(r, NR), what = (uint32_t)rig_draw(r, 8);
    struct op op;
    bool abort_it = rig_draw(r, 10) == 0;
    int rc;

    if (r->committed > 0 && rig_draw(r, 3) == 0)
        slot = w->op[r->committed].slot; /* what was changed last is the next checkpoint's */
    op = (struct op){.slot = slot};
    do {
        heap_lock(r->h);
        op.version = w->now[slot] == 0 || what > (w->inside ? 3 : 0) ? r->committed + 1 : 0;
        rc = heap_tx_begin(r->h, 9000);
        if (rc == 0) {
            rc = op_apply(r, &op);
            if (rc == 0 && !abort_it) {
                heap_tx_commit(r->h, &op.lsn);
                CHECK(r->committed + 1 < OPS_MAX);
                w->op[++r->committed] = op;
                w->now[slot] = op.version;
            } else {
                heap_tx_abort(r->h);
            }
        }
        heap_pins_take(r->h, &pins);
        heap_unlock(r->h);
    } while ((wait || (rc != HEAP_WAIT && (rc != HEAP_GROW || !w->growing))) &&
             heap_retry(r->h, &pins, &rc));
    heap_pins_drop(r->h, &pins);
    return rc;
}

static void ack(struct world *w)
{
    uint64_t durable = heap_durable_lsn(w->r->h);

    while (w->r->acked < w->r->committed && w->op[w->r->acked + 1].lsn <= durable)
        w->r->acked++;
}

static void on_step(void *arg, uint32_t step)
{
    struct world *w = arg;

    rig_step(w->r, step);
    if (!w->live || w->inside || (w->only_at != HEAP_STEP_NR && step != w->only_at) ||
        rig_draw(w->r, 100) >= w->per_step)
        return;
    w->inside = true;
    w->growing = step == HEAP_STEP_GROW_DEVICE || step == HEAP_STEP_GROW_LOGGED;
    ack(w);
    for (uint64_t n = 1 + rig_draw(w->r, 3); n > 0; n--)
        (void)one_tx(w, false);
    w->inside = w->growing = false;
}

static bool spurious(void *arg, uint64_t page)
{
    struct world *w = arg;

    return w->live && rig_draw(w->r, 100) < w->spurious;
}

static int open_world(struct world *w)
{
    struct heap_conf c = rig_conf(w->r);
    struct err e = {0};
    int rc;

    c.on_step = on_step;
    c.spurious_fault = w->spurious ? spurious : NULL;
    c.arg = w;
    rc = heap_open(&c, &w->r->h, &e);
    if (rc != 0 && sim_dir_powered(w->r->sd)) {
        fprintf(stderr, "open: rc %d: %s: %s [%s]\n", rc, e.what, e.why, rig_context);
        abort();
    }
    return rc;
}

static int work(struct world *w, uint32_t txs)
{
    struct rig *r = w->r;
    int rc = 0;

    w->live = true;
    for (uint32_t i = 0; i < txs && (rc == 0 || rc == -DER_NOMEM); i++) {
        rc = one_tx(w, true);
        ack(w);
        if (rc == 0 && r->committed > 0 && rig_draw(r, 4) == 0)
            rc = heap_wait_durable(r->h, w->op[r->committed].lsn);
        ack(w);
        if (rc == 0 && rig_draw(r, w->per_ckpt) == 0)
            rc = heap_checkpoint(r->h);
        if (rc == 0 && rig_draw(r, 5) == 0) {
            heap_lock(r->h);
            heap_evict(r->h, rig_drop_some, r);
            for (uint64_t n = rig_draw(r, 5); n > 0;
                 n--) /* some come back on their own, whatever happens to them meanwhile */
                heap_prefetch(r->h, rig_draw(r, 20) * HEAP_PAGE_SIZE + 64);
            heap_unlock(r->h);
        }
        if (rig_draw(r, 4) == 0)
            rt_yield();
    }
    ack(w);
    w->live = false;
    return rc;
}

/* ---- Judging ---- */

static int read_slot(struct world *w, uint32_t slot, const uint8_t **p)
{
    uint64_t at, off;
    int rc = entry_of(w->r, slot, &at, &off);

    *p = NULL;
    if (rc != 0 || off == 0)
        return rc;
    *p = heap_ptr(w->r->h, off, size_of(slot));
    return *p != NULL ? 0 : heap_rc(w->r->h);
}

/* The newest version at or before committed that the slot's bytes are. */
static int version_of(struct world *w, uint32_t slot, uint32_t *version)
{
    const uint8_t *p;
    int rc = read_slot(w, slot, &p);

    *version = 0;
    if (rc != 0 || p == NULL)
        return rc;
    for (uint32_t n = w->r->committed; n > 0; n--) {
        if (w->op[n].slot == slot && w->op[n].version != 0 && is(p, slot, w->op[n].version)) {
            *version = w->op[n].version;
            return 0;
        }
    }
    fprintf(stderr, "slot %u has bytes nobody wrote [%s]\n", slot, rig_context);
    abort();
}

static bool verify(struct world *w)
{
    struct rig *r = w->r;
    struct heap_pins pins = HEAP_PINS_INIT;
    uint32_t got[NR], state[NR] = {0}, n;
    int rc;

    do {
        heap_lock(r->h);
        rc = 0;
        for (uint32_t i = 0; i < NR && rc == 0; i++)
            rc = version_of(w, i, &got[i]);
        heap_pins_take(r->h, &pins);
        heap_unlock(r->h);
    } while (heap_retry(r->h, &pins, &rc));
    heap_pins_drop(r->h, &pins);
    if (rc != 0 && !sim_dir_powered(r->sd))
        return false;
    CHECK(rc == 0);
    for (n = 0; n <= r->committed; n++) {
        if (n > 0)
            state[w->op[n].slot] = w->op[n].version;
        if (n >= r->acked && memcmp(state, got, sizeof(state)) == 0)
            break;
    }
    if (n > r->committed) {
        memset(state, 0, sizeof(state));
        for (n = 1; n <= r->acked; n++)
            state[w->op[n].slot] = w->op[n].version;
        for (uint32_t i = 0; i < NR; i++) {
            if (state[i] != got[i])
                fprintf(stderr,
                        "slot %u: version %u, at the last acknowledged transaction (%u of %u) it "
                        "was %u\n",
                        i, got[i], r->acked, r->committed, state[i]);
        }
        fprintf(stderr, "no moment since the last acknowledgement looked like this [%s]\n",
                rig_context);
        abort();
    }
    r->committed = r->acked = n;
    memcpy(w->now, got, sizeof(got));
    return true;
}

/* ---- Lives ---- */

static void make_root(struct rig *r)
{
    uint64_t off, lsn;

    heap_lock(r->h);
    CHECK(heap_tx_begin(r->h, 1000) == 0);
    CHECK(heap_tx_alloc(r->h, NR * sizeof(struct entry), 0, &off, NULL) == 0);
    CHECK(heap_tx_root_set(r->h, HEAP_ROOT_VOS, off) == 0);
    heap_tx_commit(r->h, &lsn);
    heap_unlock(r->h);
    CHECK(heap_wait_durable(r->h, lsn) == 0);
}

enum trouble { POWER, WRITE_FAILS, FLUSH_FAILS, NO_MEMORY, TROUBLES };

/* What goes wrong in this life. */
static void trouble_begin(struct rig *r, enum trouble t, uint64_t draw, struct base_fail *f)
{
    switch (t) {
    case POWER:
        if (draw % 2 == 0)
            sim_dir_power_cut_at(r->sd, 1 + draw / 2 % 150);
        r->cut_at_step = r->steps + 1 + draw / 300 % 400;
        break;
    case WRITE_FAILS:
        sim_dir_fault_at(r->sd, NULL, IO_WRITE, 1 + draw % 120, SIM_FAULT_FAIL, 0);
        break;
    case FLUSH_FAILS:
        sim_dir_fault_at(r->sd, NULL, IO_FLUSH, 1 + draw % 15, SIM_FAULT_FAIL, 0);
        break;
    default:
        f->fail_at = 1 + draw % 200;
        base_fail_set(f);
    }
}

static void trouble_end(struct rig *r)
{
    base_fail_set(NULL);
    sim_dir_faults_clear(r->sd);
    r->cut_at_step = 0;
}

/* Opens and judges; false: the power went meanwhile, and is on again. */
static bool begin_life(struct world *w, uint64_t cut, bool last)
{
    struct rig *r = w->r;
    int rc;

    sim_dir_power_cut_at(r->sd, cut);
    rc = rig_attach(r);
    if (rc == 0)
        rc = open_world(w);
    if (rc != 0) {
        CHECK(!sim_dir_powered(r->sd));
        rig_detach(r);
        sim_dir_power_on(r->sd);
        return false;
    }
    if (verify(w) && last)
        rig_check(r);
    return true;
}

static void end_life(struct rig *r, bool cut)
{
    heap_close(r->h, false);
    trouble_end(r);
    rig_detach(r);
    if (sim_dir_powered(r->sd) && cut)
        sim_dir_power_cut(r->sd);
    if (!sim_dir_powered(r->sd))
        sim_dir_power_on(r->sd);
}

static void world_make(struct world *w, uint64_t seed)
{
    static const enum sim_cut how[] = {SIM_CUT_RANDOM, SIM_CUT_LOSE_ALL, SIM_CUT_KEEP_ALL};
    struct rig *r = w->r;

    w->per_step = (uint32_t)(mix64(seed + 2) % 60);
    w->only_at = mix64(seed + 4) % 3 == 0 ? HEAP_STEP_NR
                                          : HEAP_STEP_CKPT_BEGIN + (uint32_t)(mix64(seed + 5) % 3);
    w->spurious = mix64(seed + 6) % 2 * (uint32_t)(mix64(seed + 7) % 10);
    w->per_ckpt = 1 + (uint32_t)(mix64(seed + 3) % 6);
    r->seed = seed * 7919;
    r->wal_size = (512u << 10) + mix64(seed + 1) % 8 * (64u << 10);
    r->committed = r->acked = 0;
    snprintf(rig_context, sizeof(rig_context), "seed %llu", (unsigned long long)seed);
    rig_format(r, &(struct sim_dir_conf){.seed = seed, .cut = how[seed % 3], .reorder = seed % 2});
    CHECK(open_world(w) == 0);
    make_root(r);
}

static void lives(struct rig *r, uint64_t seed)
{
    struct world *w = calloc(1, sizeof(*w));
    uint32_t nr = 2 + (uint32_t)(mix64(seed) % 4);

    w->r = r;
    world_make(w, seed);
    for (uint32_t life = 0; life <= nr; life++) {
        enum trouble t = life == nr ? TROUBLES : (enum trouble)(mix64(seed + life * 11) % TROUBLES);
        bool cut_open = life < nr && mix64(seed + life) % 3 == 0;
        struct base_fail fail = {0};
        int rc;

        if (life > 0 && !begin_life(w, cut_open ? 1 + mix64(seed * 5 + life) % 6 : 0, life == nr))
            continue;
        if (t != TROUBLES)
            trouble_begin(r, t, mix64(seed * 3 + life), &fail);
        rc = work(w, 40);
        CHECK(rc == 0 || t != TROUBLES);
        end_life(r, t == POWER || mix64(seed + life * 17) % 2 == 0);
    }
    sim_dir_destroy(r->sd);
    r->sd = NULL;
    free(w);
}

static uint64_t seed_first = 1, seed_nr = 60;

static void many_lives(struct rig *r)
{
    for (uint64_t seed = seed_first; seed < seed_first + seed_nr; seed++)
        lives(r, seed);
}

static void t_many_lives(void **state)
{
    rig_run(many_lives);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(t_many_lives),
    };

    if (argc > 1)
        seed_first = strtoull(argv[1], NULL, 10);
    if (argc > 2)
        seed_nr = strtoull(argv[2], NULL, 10);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
