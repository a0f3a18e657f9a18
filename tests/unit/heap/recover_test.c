/* What comes back after a close, orderly or not. */
#include "heap_rig.h"

static void an_orderly_close_brings_everything_back(struct rig *r)
{
    r->seed = 1;
    rig_format(r, &(struct sim_dir_conf){.seed = 1});
    for (uint32_t round = 0; round < 10; round++) {
        CHECK(rig_open(r, NULL) == 0);
        rig_verify(r, true);
        CHECK(rig_work(r, 100) == 0);
        r->acked = r->committed;
        CHECK(heap_close(r->h, true) == 0);
        rig_detach(r);
        CHECK(rig_attach(r) == 0);
        CHECK(super_is_clean(r->sup));
    }
}

static void a_killed_process_loses_nothing_acknowledged(struct rig *r)
{
    r->seed = 2;
    rig_format(r, &(struct sim_dir_conf){.seed = 2});
    for (uint32_t round = 0; round < 30; round++) {
        CHECK(rig_open(r, NULL) == 0);
        rig_verify(r, true);
        CHECK(rig_work(r, 40) == 0);
        rig_ack(r);
        CHECK(heap_close(r->h, false) == 0);
        rig_detach(r);
        CHECK(rig_attach(r) == 0);
        CHECK(!super_is_clean(r->sup));
    }
}

/* A transaction logs what its ranges hold at the end, in whatever order and however often they were
 * written, and however many they are. */
static void ranges_of_any_number_and_order_come_back(struct rig *r)
{
    static uint8_t want[4][HEAP_ALLOC_MAX];
    static const uint32_t nr[] = {1, 31, 32, 33, 64, 65, 97, 1500};
    uint64_t off[4], lsn = 0;

    r->seed = 4;
    r->wal_size = 8u << 20;
    rig_format(r, &(struct sim_dir_conf){.seed = 4});
    CHECK(rig_open(r, NULL) == 0);
    heap_lock(r->h);
    CHECK(heap_tx_begin(r->h, 5 * HEAP_ALLOC_MAX) == 0);
    for (uint32_t i = 0; i < 4; i++)
        CHECK(heap_tx_alloc(r->h, HEAP_ALLOC_MAX, 0, &off[i], NULL) == 0);
    heap_tx_commit(r->h, &lsn);
    heap_unlock(r->h);
    for (uint32_t t = 0; t < ARRAY_LEN(nr); t++) {
        heap_lock(r->h);
        CHECK(heap_tx_begin(r->h, nr[t] * 64) == 0);
        for (uint32_t i = 0; i < nr[t]; i++) {
            uint32_t rec = (uint32_t)rig_draw(r, 4), len = 1 + (uint32_t)rig_draw(r, 40);
            uint32_t at = (uint32_t)rig_draw(r, HEAP_ALLOC_MAX - len);
            uint8_t *p = heap_tx_write(r->h, off[rec] + at, len);

            CHECK(p != NULL);
            memset(p, (int)(1 + rig_draw(r, 255)), len);
            memcpy(want[rec] + at, p, len);
        }
        heap_tx_commit(r->h, &lsn);
        heap_unlock(r->h);
        CHECK(heap_wait_durable(r->h, lsn) == 0);
        CHECK(heap_close(r->h, false) == 0);
        CHECK(rig_open(r, NULL) == 0);
        for (uint32_t i = 0; i < 4; i++) {
            struct heap_pins pins = HEAP_PINS_INIT;
            int rc;

            do {
                const void *p;

                heap_lock(r->h);
                p = heap_ptr(r->h, off[i], HEAP_ALLOC_MAX);
                rc = p != NULL ? 0 : heap_rc(r->h);
                CHECK(p == NULL || memcmp(p, want[i], HEAP_ALLOC_MAX) == 0);
                heap_pins_take(r->h, &pins);
                heap_unlock(r->h);
            } while (heap_retry(r->h, &pins, &rc));
            CHECK(rc == 0);
            heap_pins_drop(r->h, &pins);
        }
    }
    CHECK(heap_close(r->h, true) == 0);
}

/* A little log is left to be replayed; more than 16 MiB of it is not. */
static void an_orderly_close_leaves_little_to_replay(struct rig *r)
{
    r->seed = 3;
    r->wal_size = 192u << 20;
    r->own_checkpoints = true;
    r->conf.checkpoint_pct = 1000;
    rig_format(r, &(struct sim_dir_conf){.seed = 3});
    for (uint32_t round = 0; round < 2; round++) {
        uint64_t off = 0, lsn = 0, bytes = round == 0 ? 4u << 20 : 20u << 20;
        struct heap_stat st;

        CHECK(rig_open(r, NULL) == 0);
        CHECK(rig_work(r, 10) == 0);
        for (uint64_t done = 0; done < bytes; done += HEAP_ALLOC_MAX) {
            void *p;

            heap_lock(r->h);
            CHECK(heap_tx_begin(r->h, 2 * HEAP_ALLOC_MAX) == 0);
            if (off == 0)
                CHECK(heap_tx_alloc(r->h, HEAP_ALLOC_MAX, 0, &off, NULL) == 0);
            p = heap_tx_write(r->h, off, HEAP_ALLOC_MAX);
            CHECK(p != NULL);
            memset(p, (int)(1 + done / HEAP_ALLOC_MAX % 250), HEAP_ALLOC_MAX);
            heap_tx_commit(r->h, &lsn);
            heap_unlock(r->h);
            if (done % (1u << 20) == 0)
                CHECK(heap_wait_durable(r->h, lsn) == 0);
        }
        r->acked = r->committed;
        CHECK(heap_close(r->h, true) == 0);
        rig_detach(r);
        CHECK(rig_attach(r) == 0);
        CHECK(super_is_clean(r->sup));
        CHECK(rig_open(r, NULL) == 0);
        heap_lock(r->h);
        heap_stat(r->h, &st);
        heap_unlock(r->h);
        CHECK(round == 0 ? st.wal_used > bytes : st.wal_used < 1u << 20);
        rig_verify(r, true);
        CHECK(heap_close(r->h, true) == 0);
    }
}

/* So much about the heap page and descriptors that recovery does not keep a list of it all. */
static void a_log_of_very_many_small_changes(struct rig *r)
{
    uint64_t before, off, lsn = 0;
    struct heap_stat st;

    r->seed = 4;
    r->wal_size = 64u << 20;
    r->own_checkpoints = true;
    r->conf.checkpoint_pct = 1000;
    rig_format(r, &(struct sim_dir_conf){.seed = 4});
    CHECK(rig_open(r, NULL) == 0);
    CHECK(rig_work(r, 10) == 0);
    heap_lock(r->h);
    heap_stat(r->h, &st);
    heap_unlock(r->h);
    before = st.alloc_count;
    for (uint32_t i = 0; i < 80000; i++) {
        heap_lock(r->h);
        CHECK(heap_tx_begin(r->h, 4096) == 0);
        if (i % 2 == 0)
            CHECK(heap_tx_alloc(r->h, 40, 0, &off, NULL) == 0);
        else
            CHECK(heap_tx_free(r->h, off) == 0);
        heap_tx_commit(r->h, &lsn);
        heap_unlock(r->h);
        if (i % 1000 == 0)
            CHECK(heap_wait_durable(r->h, lsn) == 0);
    }
    CHECK(heap_wait_durable(r->h, lsn) == 0);
    r->acked = r->committed;
    CHECK(heap_close(r->h, false) == 0);
    rig_detach(r);
    CHECK(rig_attach(r) == 0);
    CHECK(rig_open(r, NULL) == 0);
    heap_lock(r->h);
    heap_stat(r->h, &st);
    heap_unlock(r->h);
    CHECK(st.replayed_records > 80000);
    CHECK(st.alloc_count == before);
    rig_verify(r, true);
    rig_check(r);
    CHECK(heap_close(r->h, true) == 0);
}

static void t_many_small(void **state)
{
    rig_run(a_log_of_very_many_small_changes);
}

static void t_little_left(void **state)
{
    rig_run(an_orderly_close_leaves_little_to_replay);
}

static void t_orderly(void **state)
{
    rig_run(an_orderly_close_brings_everything_back);
}

static void t_ranges(void **state)
{
    rig_run(ranges_of_any_number_and_order_come_back);
}

static void t_killed(void **state)
{
    rig_run(a_killed_process_loses_nothing_acknowledged);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(t_orderly),    cmocka_unit_test(t_little_left),
        cmocka_unit_test(t_many_small), cmocka_unit_test(t_killed),
        cmocka_unit_test(t_ranges),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
