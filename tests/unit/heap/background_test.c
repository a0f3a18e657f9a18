/* What a heap does by itself: it grows, also after growing failed, and its log serves any size. */
#include "heap_rig.h"

#include "base/fail.h"
#include "heap/heap_int.h"

static void start(struct rig *r, uint64_t meta_size)
{
    r->seed = 4;
    r->committed = r->acked = 0;
    r->meta_size = meta_size;
    rig_format(r, &(struct sim_dir_conf){.seed = 4});
    CHECK(rig_open(r, NULL) == 0);
}

static void finish(struct rig *r)
{
    CHECK(heap_close(r->h, true) == 0);
    rig_detach(r);
    sim_dir_destroy(r->sd);
    r->sd = NULL;
}

/* What an operation does that finds no free page. */
static int grow(struct rig *r)
{
    struct heap_pins pins = HEAP_PINS_INIT;
    int rc = HEAP_GROW;

    return heap_retry(r->h, &pins, &rc) ? 0 : rc;
}

/* Each allocation of a growth is refused in turn: the heap stays as it was, checkpoints included,
 * and grows later. */
static void a_growth_without_memory_leaves_nothing_behind(struct rig *r)
{
    uint32_t refused = 0;
    struct base_fail f;
    uint64_t nth = 0;

    do {
        uint64_t pages;
        int rc;

        snprintf(rig_context, sizeof(rig_context), "allocation %llu", (unsigned long long)++nth);
        start(r, 512u << 10);
        pages = r->h->map.pages;
        f = (struct base_fail){.fail_at = nth};
        base_fail_set(&f);
        rc = grow(r);
        base_fail_set(NULL);
        CHECK(rc == 0 || (rc == -DER_NOMEM && r->h->map.pages == pages));
        refused += rc != 0;
        CHECK(heap_checkpoint(r->h) == 0);
        CHECK(rc == 0 || grow(r) == 0);
        CHECK(r->h->map.pages > PAGES_PER_DESC); /* with a descriptor page of its own */
        CHECK(rig_work(r, 20) == 0);
        CHECK(heap_checkpoint(r->h) == 0);
        rig_check(r);
        finish(r);
    } while (f.failed > 0);
    CHECK(refused > 3);
}

/* The device fails one write or flush of a growth: the growth fails, or went well without it. After
 * a write the heap lives and grows when asked again; after a flush it stops, for the device counts
 * none until it is opened again. A power cut finds it whole either way. */
static void growth_on_a_failing_device(struct rig *r, enum io_op op)
{
    uint64_t nth = 0;
    bool hit, stops;

    do {
        int rc;

        snprintf(rig_context, sizeof(rig_context), "%s %llu", op == IO_WRITE ? "write" : "flush",
                 (unsigned long long)++nth);
        start(r, 512u << 10);
        CHECK(rig_work(r, 5) == 0);
        CHECK(heap_wait_durable(r->h, r->lsn[r->committed]) == 0);
        rig_ack(r);
        sim_dir_fault_at(r->sd, NULL, op, nth, SIM_FAULT_FAIL, 0);
        rc = grow(r);
        hit = rc != 0;
        sim_dir_faults_clear(r->sd);
        CHECK(nth > 1 || hit);
        stops = hit && op == IO_FLUSH;
        CHECK(heap_failed(r->h) == stops);
        if (!stops) {
            CHECK(rc == 0 || grow(r) == 0);
            CHECK(rig_work(r, 30) == 0);
            CHECK(heap_wait_durable(r->h, r->lsn[r->committed]) == 0);
            rig_ack(r);
        }
        heap_close(r->h, false);
        rig_detach(r);
        sim_dir_power_cut(r->sd);
        sim_dir_power_on(r->sd);
        CHECK(rig_attach(r) == 0);
        CHECK(rig_open(r, NULL) == 0);
        rig_verify(r, true);
        CHECK(stops || r->h->map.pages > PAGES_PER_DESC);
        CHECK(grow(r) == 0);
        rig_check(r);
        finish(r);
    } while (hit);
}

static void one_failed_request_does_not_end_growth(struct rig *r)
{
    growth_on_a_failing_device(r, IO_WRITE);
    growth_on_a_failing_device(r, IO_FLUSH);
}

static int take_page(struct rig *r)
{
    struct heap_pins pins = HEAP_PINS_INIT;
    uint64_t off;
    int rc;

    do {
        heap_lock(r->h);
        rc = heap_tx_begin(r->h, 2 * HEAP_ALLOC_MAX);
        for (uint32_t i = 0; i < 2 && rc == 0; i++)
            rc = heap_tx_alloc(r->h, HEAP_ALLOC_MAX, 0, &off, NULL);
        if (rc == 0)
            heap_tx_commit(r->h, NULL);
        else if (heap_tx_active(r->h))
            heap_tx_abort(r->h);
        heap_pins_take(r->h, &pins);
        heap_unlock(r->h);
    } while (rc != HEAP_GROW && heap_retry(r->h, &pins, &rc));
    heap_pins_drop(r->h, &pins);
    return rc;
}

/* One failure does not end growth ahead of need: nobody here ever asks for it. */
static void growth_ahead_goes_on_after_a_failure(struct rig *r)
{
    struct base_fail f = {.fail_at = 1, .forever = true};
    uint64_t pages;

    start(r, 8u << 20);
    pages = r->h->map.pages;
    base_fail_set(&f);
    CHECK(grow(r) == -DER_NOMEM);
    base_fail_set(NULL);
    while (r->h->alloc.free_pages * 10 >= pages && r->h->map.pages == pages)
        CHECK(take_page(r) == 0);
    for (uint32_t i = 0; i < 20 && r->h->map.pages == pages; i++) {
        CHECK(take_page(r) == 0);
        rt_sleep_ns(UINT64_C(300000000));
    }
    CHECK(r->h->map.pages > pages);
    finish(r);
}

/* The least log under 8 GiB of metadata: what is kept for checkpoints follows what is dirty, not
 * the size. */
static void a_small_log_serves_a_heap_of_any_size(struct rig *r)
{
    uint64_t checkpoints;

    r->wal_size = 512u << 10;
    start(r, UINT64_C(8) << 30);
    heap_lock(r->h);
    CHECK(heap_tx_begin(r->h, 4096) == 0);
    heap_tx_abort(r->h);
    CHECK(!wal_is_full(r->h));
    heap_unlock(r->h);
    r->own_checkpoints = true;
    CHECK(rig_work(r, 600) == 0);
    CHECK(heap_checkpoint(r->h) == 0);
    heap_lock(r->h);
    CHECK(!wal_is_full(r->h));
    checkpoints = r->h->ckpt.done;
    heap_unlock(r->h);
    CHECK(checkpoints > 3 && checkpoints < 100);
    rig_verify(r, false);
    finish(r);
}

#define STORIES(X)                                                                                 \
    X(a_growth_without_memory_leaves_nothing_behind)                                               \
    X(one_failed_request_does_not_end_growth)                                                      \
    X(growth_ahead_goes_on_after_a_failure)                                                        \
    X(a_small_log_serves_a_heap_of_any_size)

RIG_MAIN(STORIES)
