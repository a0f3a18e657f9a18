/*
 * Transactions and power cuts placed inside a running checkpoint, where its promises are thinnest:
 * a page freed before its copy by a transaction that is not durable, and the log space that a
 * checkpoint needs after a crash in the middle of the one before.
 */
#include "heap_rig.h"

#include "heap/step.h"

struct hook {
    struct rig *r;
    uint32_t at;  /* step */
    uint64_t nth; /* its how-manieth time; 0: never */
    void (*fn)(struct rig *r);
    uint32_t cut_at; /* step where the power goes; HEAP_STEP_NR: never */
};

static struct hook hook;
static uint64_t off[20000]; /* allocations of the test at hand */
static uint32_t off_nr;

static void on_step(void *arg, uint32_t step)
{
    struct hook *k = arg;

    if (step == k->at && k->nth > 0 && --k->nth == 0)
        k->fn(k->r);
    if (step == k->cut_at && sim_dir_powered(k->r->sd))
        sim_dir_power_cut(k->r->sd);
}

static void open_hooked(struct rig *r)
{
    struct heap_conf c = rig_conf(r);
    struct err e = {0};
    int rc;

    c.on_step = on_step;
    c.arg = &hook;
    c.spurious_fault = NULL;
    rc = heap_open(&c, &r->h, &e);
    if (rc != 0)
        fprintf(stderr, "open: rc %d: %s: %s\n", rc, e.what, e.why);
    CHECK(rc == 0);
}

static void power_cycle(struct rig *r)
{
    hook = (struct hook){.r = r, .cut_at = HEAP_STEP_NR};
    if (sim_dir_powered(r->sd))
        sim_dir_power_cut(r->sd);
    heap_close(r->h, false);
    rig_detach(r);
    sim_dir_power_on(r->sd);
    CHECK(rig_attach(r) == 0);
    open_hooked(r);
}

static void again(struct rig *r)
{
    rig_detach(r);
    sim_dir_destroy(r->sd);
    r->sd = NULL;
}

/* ---- One-line transactions ---- */

enum what { ALLOC, FILL, FREE };

struct act {
    enum what what;
    uint64_t *at; /* offset: of the root, or of what FILL changes */
    size_t len;
    uint8_t byte;
};

static int act_apply(struct rig *r, const struct act *a)
{
    void *p = NULL;
    int rc;

    switch (a->what) {
    case ALLOC:
        rc = heap_tx_alloc(r->h, a->len, 0, a->at, &p);
        break;
    case FREE:
        rc = heap_tx_free(r->h, *a->at);
        return rc != 0 ? rc : heap_tx_root_set(r->h, HEAP_ROOT_VOS, 0);
    default:
        p = heap_tx_write(r->h, *a->at, a->len);
        rc = p != NULL ? 0 : heap_rc(r->h);
    }
    if (rc == 0)
        memset(p, a->byte, a->len);
    return rc;
}

static int try_once(struct rig *r, const struct act *a, uint64_t *lsn, struct heap_pins *pins)
{
    int rc;

    heap_lock(r->h);
    rc = heap_tx_begin(r->h, a->len + 256);
    if (rc == 0) {
        rc = act_apply(r, a);
        if (rc == 0)
            heap_tx_commit(r->h, lsn);
        else
            heap_tx_abort(r->h);
    }
    heap_pins_take(r->h, pins);
    heap_unlock(r->h);
    return rc;
}

static uint64_t act(struct rig *r, const struct act *a)
{
    struct heap_pins pins = HEAP_PINS_INIT;
    uint64_t lsn = 0;
    int rc;

    do {
        rc = try_once(r, a, &lsn, &pins);
    } while (heap_retry(r->h, &pins, &rc));
    heap_pins_drop(r->h, &pins);
    CHECK(rc == 0);
    return lsn;
}

static void root_set(struct rig *r, uint64_t to)
{
    heap_lock(r->h);
    CHECK(heap_tx_begin(r->h, 64) == 0);
    CHECK(heap_tx_root_set(r->h, HEAP_ROOT_VOS, to) == 0);
    heap_tx_commit(r->h, NULL);
    heap_unlock(r->h);
}

static uint8_t first_byte(struct rig *r, uint64_t at)
{
    struct heap_pins pins = HEAP_PINS_INIT;
    const uint8_t *p;
    uint8_t b = 0;
    int rc;

    do {
        heap_lock(r->h);
        p = heap_ptr(r->h, at, 1);
        rc = p != NULL ? 0 : heap_rc(r->h);
        b = p != NULL ? *p : 0;
        heap_pins_take(r->h, &pins);
        heap_unlock(r->h);
    } while (heap_retry(r->h, &pins, &rc));
    heap_pins_drop(r->h, &pins);
    CHECK(rc == 0);
    return b;
}

/* ---- A page freed before its copy ---- */

static void free_it(struct rig *r)
{
    act(r, &(struct act){.what = FREE, .at = &off[0]});
}

/* The only page of the checkpoint is freed before it is copied, so nothing is. If the free is lost
 * in the power cut that follows the checkpoint record, the page is in use again: with what was
 * acknowledged before the checkpoint. */
static void freed_before_copy(struct rig *r)
{
    uint64_t root;

    for (uint32_t cut = HEAP_STEP_CKPT_BEGIN; cut <= HEAP_STEP_CKPT_DONE; cut++) {
        snprintf(rig_context, sizeof(rig_context), "cut at: %s", heap_step_name(cut));
        hook = (struct hook){.r = r, .cut_at = HEAP_STEP_NR};
        rig_format(r, &(struct sim_dir_conf){.seed = 5, .cut = SIM_CUT_LOSE_ALL});
        open_hooked(r);
        act(r, &(struct act){.what = ALLOC, .at = &off[0], .len = 2000, .byte = 'A'});
        root_set(r, off[0]);
        CHECK(heap_checkpoint(r->h) == 0);
        CHECK(heap_wait_durable(
                  r->h, act(r, &(struct act){
                                   .what = FILL, .at = &off[0], .len = 2000, .byte = 'B'})) == 0);
        hook = (struct hook){
            .r = r, .at = HEAP_STEP_CKPT_BEGIN, .nth = 1, .fn = free_it, .cut_at = cut};
        (void)heap_checkpoint(r->h);
        power_cycle(r);
        heap_lock(r->h);
        CHECK(heap_root_get(r->h, HEAP_ROOT_VOS, &root) == 0);
        heap_unlock(r->h);
        CHECK(root == 0 || first_byte(r, root) == 'B');
        rig_check(r);
        heap_close(r->h, false);
        again(r);
    }
}

/* ---- Log space after a crash in a checkpoint ---- */

/* Changes something until the log has no room left for transactions. */
static void fill_log(struct rig *r, uint64_t *hot)
{
    struct heap_pins pins = HEAP_PINS_INIT;
    uint64_t lsn = 0;
    uint8_t byte = 1;
    size_t len;
    int rc;

    for (len = 8000; len >= 8; len /= 10) {
        do {
            rc = try_once(r, &(struct act){.what = FILL, .at = hot, .len = len, .byte = byte++ | 1},
                          &lsn, &pins);
            CHECK(pins.nr == 0);
            if (rc == 0 && byte % 16 < 2)
                CHECK(heap_wait_durable(r->h, lsn) == 0);
            if (rc == HEAP_WAIT)
                CHECK(heap_wait_durable(r->h, lsn) == 0);
        } while (rc == 0);
        CHECK(rc == HEAP_WAIT);
    }
    CHECK(heap_wait_durable(r->h, lsn) == 0);
}

/* All pages of the checkpoint are written; one in many is changed again; then the log fills. */
static void scatter_and_fill(struct rig *r)
{
    uint64_t lsn = 0;

    for (uint32_t i = 100; i + 1 < off_nr; i += 500)
        lsn = act(r, &(struct act){.what = FILL, .at = &off[i], .len = 8, .byte = 'c'});
    CHECK(heap_wait_durable(r->h, lsn) == 0);
    fill_log(r, &off[off_nr - 1]);
}

static void many_pages(struct rig *r, uint32_t nr)
{
    off_nr = nr;
    for (uint32_t i = 0; i < nr; i++)
        act(r, &(struct act){.what = ALLOC, .at = &off[i], .len = 8192, .byte = 0});
    CHECK(heap_checkpoint(r->h) == 0);
}

static void work_goes_on(struct rig *r)
{
    struct heap_stat st;

    heap_lock(r->h);
    heap_stat(r->h, &st);
    heap_unlock(r->h);
    print_message("log %llu of %llu, dirty pages %llu\n", (unsigned long long)st.wal_used,
                  (unsigned long long)st.wal_size, (unsigned long long)st.pages_dirty);
    CHECK(heap_checkpoint(r->h) == 0);
    CHECK(heap_wait_durable(
              r->h, act(r, &(struct act){.what = FILL, .at = &off[0], .len = 8, .byte = 'd'})) ==
          0);
}

/* Power goes at the end of a checkpoint of many pages, the log being full but for what was kept for
 * the few pages changed since. */
static void log_full_after_crash(struct rig *r)
{
    uint32_t pages = 13000;

    hook = (struct hook){.r = r, .cut_at = HEAP_STEP_NR};
    r->wal_size = 8u << 20;
    r->meta_size = 120u << 20;
    rig_format(r, &(struct sim_dir_conf){.seed = 6, .cut = SIM_CUT_LOSE_ALL});
    r->conf.checkpoint_pct = 100;
    open_hooked(r);
    many_pages(r, pages);
    for (uint32_t i = 0; i < pages; i++)
        act(r, &(struct act){.what = FILL, .at = &off[i], .len = 8, .byte = 'b'});
    hook = (struct hook){.r = r,
                         .at = HEAP_STEP_CKPT_FLUSHED,
                         .nth = 1,
                         .fn = scatter_and_fill,
                         .cut_at = HEAP_STEP_CKPT_FLUSHED};
    CHECK(heap_checkpoint(r->h) != 0);
    power_cycle(r);
    work_goes_on(r);
    rig_check(r);
    heap_close(r->h, false);
}

/* ---- Pages freed and taken again while a checkpoint runs ---- */

static void free_and_take_again(struct rig *r)
{
    for (uint32_t i = 0; i + 1 < off_nr; i++)
        act(r, &(struct act){.what = FREE, .at = &off[i]});
    for (uint32_t i = 0; i + 1 < off_nr; i++)
        act(r, &(struct act){.what = ALLOC, .at = &off[i], .len = 8192, .byte = 0});
}

static void fill_hot(struct rig *r)
{
    fill_log(r, &off[off_nr - 1]);
}

static void second_hook(struct rig *r)
{
    free_and_take_again(r);
    hook.at = HEAP_STEP_CKPT_DONE;
    hook.nth = 1;
    hook.fn = fill_hot;
}

static void log_full_of_inits(struct rig *r)
{
    uint32_t pages = 7000;

    hook = (struct hook){.r = r, .cut_at = HEAP_STEP_NR};
    r->wal_size = 8u << 20;
    r->meta_size = 130u << 20;
    rig_format(r, &(struct sim_dir_conf){.seed = 6, .cut = SIM_CUT_LOSE_ALL});
    r->conf.checkpoint_pct = 100;
    open_hooked(r);
    many_pages(r, pages);
    for (uint32_t i = 0; i < pages; i++)
        act(r, &(struct act){.what = FILL, .at = &off[i], .len = 8, .byte = 'b'});
    hook = (struct hook){.r = r,
                         .at = HEAP_STEP_CKPT_BEGIN,
                         .nth = 1,
                         .fn = second_hook,
                         .cut_at = HEAP_STEP_CKPT_DONE};
    CHECK(heap_checkpoint(r->h) == 0);
    power_cycle(r);
    work_goes_on(r);
    rig_check(r);
    heap_close(r->h, false);
}

static void t_freed_before_copy(void **state)
{
    rig_run(freed_before_copy);
}

static void t_log_full_after_crash(void **state)
{
    rig_run(log_full_after_crash);
}

static void t_log_full_of_inits(void **state)
{
    rig_run(log_full_of_inits);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(t_freed_before_copy),
        cmocka_unit_test(t_log_full_after_crash),
        cmocka_unit_test(t_log_full_of_inits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
