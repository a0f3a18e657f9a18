/*
 * Small lies: what a heap says when it is closed after a failure, what a read-only open shows that
 * the next power cut takes away, and a page write that the device acknowledged but dropped.
 */
#include "heap_rig.h"

static void start(struct rig *r, enum sim_cut cut)
{
    r->seed = 4711;
    r->committed = r->acked = 0;
    r->meta_size = 4u << 20; /* no growth, whose writes would be the ones that fail */
    rig_format(r, &(struct sim_dir_conf){.seed = 9, .cut = cut});
    CHECK(rig_open(r, NULL) == 0);
}

/* The next write fails; sooner or later that is one of the log. */
static void work_until_failed(struct rig *r)
{
    for (uint32_t n = 0; !heap_failed(r->h); n++) {
        int rc;

        CHECK(n < 100);
        if (n % 10 == 0) { /* whoever's write it hit before */
            sim_dir_faults_clear(r->sd);
            sim_dir_fault_at(r->sd, NULL, IO_WRITE, 1, SIM_FAULT_FAIL, 0);
        }
        rc = rig_tx(r);
        CHECK(rc == 0 || rc == -DER_IO);
        (void)heap_wait_durable(r->h, r->lsn[r->committed]);
    }
}

static void finish(struct rig *r)
{
    rig_detach(r);
    sim_dir_destroy(r->sd);
    r->sd = NULL;
}

/* Closing in order promises that everything committed is durable; after a failed log write it
 * cannot be. */
static void close_after_failure(struct rig *r)
{
    start(r, SIM_CUT_LOSE_ALL);
    CHECK(rig_work(r, 5) == 0);
    work_until_failed(r);
    CHECK(heap_close(r->h, true) != 0);
    finish(r);
}

/* Nobody saw something that is gone afterwards: not even who opened read-only after a log write of
 * which nobody knows how it ended. */
static void read_only_sees_what_stays(struct rig *r)
{
    for (uint64_t seed = 1; seed <= 12; seed++) {
        struct heap_conf c;
        uint32_t seen;

        r->seed = seed * 31;
        r->committed = r->acked = 0;
        r->meta_size = 4u << 20;
        snprintf(rig_context, sizeof(rig_context), "seed %llu", (unsigned long long)seed);
        rig_format(r, &(struct sim_dir_conf){.seed = seed, .cut = SIM_CUT_LOSE_ALL});
        CHECK(rig_open(r, NULL) == 0);
        CHECK(rig_work(r, 5) == 0);
        CHECK(heap_wait_durable(r->h, r->lsn[r->committed]) == 0);
        rig_ack(r);
        work_until_failed(r);
        heap_close(r->h, false);
        rig_detach(r);
        CHECK(rig_attach(r) == 0);
        c = rig_conf(r);
        c.readonly = true;
        CHECK(heap_open(&c, &r->h, NULL) == 0);
        CHECK(rig_verify(r, true));
        seen = r->committed;
        heap_close(r->h, false);
        rig_detach(r);
        sim_dir_power_cut(r->sd);
        sim_dir_power_on(r->sd);
        CHECK(rig_attach(r) == 0);
        CHECK(rig_open(r, NULL) == 0);
        CHECK(r->acked == seen && rig_verify(r, true));
        heap_close(r->h, false);
        finish(r);
    }
}

static bool drop_all(void *arg, uint64_t page)
{
    return true;
}

/* A device drops one page write of a checkpoint and says that it did it. */
static void dropped_page_write(struct rig *r)
{
    uint32_t silent = 0, found = 0;

    for (uint64_t nth = 1; nth <= 12; nth++) {
        struct heap_pins pins = HEAP_PINS_INIT;
        const char *why = NULL;
        uint64_t count;
        int rc;

        snprintf(rig_context, sizeof(rig_context), "write %llu", (unsigned long long)nth);
        start(r, SIM_CUT_LOSE_ALL);
        CHECK(rig_work(r, 40) == 0);
        CHECK(heap_checkpoint(r->h) == 0);
        /* the table's page and a value page of each size change */
        CHECK(rig_work(r, 4) == 0);
        CHECK(heap_wait_durable(r->h, r->lsn[r->committed]) == 0);
        sim_dir_fault_at(r->sd, NULL, IO_WRITE, nth, SIM_FAULT_LOSE, 0);
        CHECK(heap_checkpoint(r->h) == 0);
        sim_dir_faults_clear(r->sd);
        heap_lock(r->h);
        heap_evict(r->h, drop_all, r);
        heap_unlock(r->h);
        do {
            heap_lock(r->h);
            rc = state_check(r, &count, &why);
            heap_pins_take(r->h, &pins);
            heap_unlock(r->h);
        } while (heap_retry(r->h, &pins, &rc));
        heap_pins_drop(r->h, &pins);
        silent += rc == 0 && why != NULL;
        found += rc == -DER_CSUM;
        if (rc == 0 && why != NULL)
            print_message("write %llu dropped: %s, and no error\n", (unsigned long long)nth, why);
        heap_close(r->h, false);
        finish(r);
    }
    print_message("dropped page writes: %u found, %u silent\n", found, silent);
    CHECK(silent == 0 && found > 0);
}

static void t_close_after_failure(void **state)
{
    rig_run(close_after_failure);
}

static void t_read_only_sees_what_stays(void **state)
{
    rig_run(read_only_sees_what_stays);
}

static void t_dropped_page_write(void **state)
{
    rig_run(dropped_page_write);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(t_close_after_failure),
        cmocka_unit_test(t_read_only_sees_what_stays),
        cmocka_unit_test(t_dropped_page_write),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
