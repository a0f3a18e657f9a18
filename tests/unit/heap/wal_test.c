/* The log: what one commit costs, who shares a write, and what happens when the device fails or
 * lies. */
#include "heap_rig.h"
#include "heap/heap_int.h"

#include <pthread.h>

static void start(struct rig *r, uint64_t seed)
{
    r->seed = seed;
    rig_format(r, &(struct sim_dir_conf){.seed = seed});
    CHECK(rig_open(r, NULL) == 0);
}

static void start_in_memory(struct rig *r, uint64_t seed)
{
    r->seed = seed;
    rig_format(r, &(struct sim_dir_conf){.seed = seed, .memory = true});
    CHECK(rig_open(r, NULL) == 0);
}

static void restart(struct rig *r, bool clean)
{
    heap_close(r->h, clean);
    rig_detach(r);
    CHECK(rig_attach(r) == 0);
}

/* A transaction of one small record. */
static uint64_t put(struct rig *r)
{
    struct heap_pins pins = HEAP_PINS_INIT;
    uint64_t lsn = 0, off;
    int rc;

    do {
        heap_lock(r->h);
        rc = heap_tx_begin(r->h, 256);
        if (rc == 0) {
            rc = heap_tx_alloc(r->h, 100, 0, &off, NULL);
            if (rc == 0)
                heap_tx_commit(r->h, &lsn);
            else
                heap_tx_abort(r->h);
        }
        heap_pins_take(r->h, &pins);
        heap_unlock(r->h);
    } while (heap_retry(r->h, &pins, &rc));
    heap_pins_drop(r->h, &pins);
    CHECK(rc == 0);
    return lsn;
}

static void a_lone_commit_is_one_device_write(struct rig *r)
{
    struct sim_dir_stat a, b;

    start(r, 1);
    CHECK(heap_wait_durable(r->h, put(r)) == 0);
    for (uint32_t i = 0; i < 20; i++) {
        a = sim_dir_stat(r->sd);
        CHECK(heap_wait_durable(r->h, put(r)) == 0);
        b = sim_dir_stat(r->sd);
        CHECK(b.writes - a.writes == 1 && b.durable_writes - a.durable_writes == 1 &&
              b.flushes == a.flushes);
        CHECK(b.write_bytes - a.write_bytes == 4096);
    }
    CHECK(heap_close(r->h, true) == 0);
}

static void commits_of_one_turn_share_a_write(struct rig *r)
{
    struct sim_dir_stat a, b;
    uint64_t lsn = 0;

    start(r, 2);
    CHECK(heap_wait_durable(r->h, put(r)) == 0);
    a = sim_dir_stat(r->sd);
    for (uint32_t i = 0; i < 50; i++)
        lsn = put(r);
    CHECK(heap_wait_durable(r->h, lsn) == 0);
    b = sim_dir_stat(r->sd);
    CHECK(b.writes - a.writes == 1);
    CHECK(heap_close(r->h, true) == 0);
}

static void what_nobody_waits_for_becomes_durable_too(struct rig *r)
{
    uint64_t lsn;

    start(r, 3);
    lsn = put(r);
    for (uint32_t i = 0; i < 1000 && heap_durable_lsn(r->h) < lsn; i++)
        rt_sleep_ns(10000000);
    CHECK(heap_durable_lsn(r->h) >= lsn);
    CHECK(heap_close(r->h, true) == 0);
}

/* ---- A thread that is no xstream ---- */

static int wait_durable(struct rig *r, uint64_t lsn)
{
    return heap_wait_durable(r->h, lsn);
}

/* As who has nothing else to do: himself, if he may. */
static int write_and_wait(struct rig *r, uint64_t lsn)
{
    heap_lock(r->h);
    heap_write_here(r->h);
    heap_unlock(r->h);
    return heap_wait_durable(r->h, lsn);
}

struct foreign {
    struct rig *r;
    int (*wait)(struct rig *r, uint64_t lsn);
    struct rt_event gone;
    int rc;
};

static void *foreign_thread(void *arg)
{
    struct foreign *f = arg;

    for (uint32_t i = 0; i < 200 && f->rc == 0; i++)
        f->rc = f->wait(f->r, put(f->r));
    rt_event_set(&f->gone);
    return NULL;
}

static void foreign_threads(struct rig *r, int (*wait)(struct rig *r, uint64_t lsn))
{
    struct foreign f[3];
    pthread_t t[3];
    struct heap_stat st;

    for (uint32_t i = 0; i < 3; i++) {
        f[i] = (struct foreign){.r = r, .wait = wait};
        rt_event_init(&f[i].gone);
        CHECK(pthread_create(&t[i], NULL, foreign_thread, &f[i]) == 0);
    }
    for (uint32_t i = 0; i < 200; i++)
        CHECK(heap_wait_durable(r->h, put(r)) == 0);
    for (uint32_t i = 0; i < 3; i++) {
        rt_event_wait(&f[i].gone);
        pthread_join(t[i], NULL);
        CHECK(f[i].rc == 0);
    }
    heap_lock(r->h);
    heap_stat(r->h, &st);
    heap_unlock(r->h);
    CHECK(st.alloc_count == 800 && st.wal_writes <= 810); /* some in two parts */
    restart(r, false);
    CHECK(rig_open(r, NULL) == 0);
    heap_lock(r->h);
    heap_stat(r->h, &st);
    heap_unlock(r->h);
    CHECK(st.alloc_count == 800);
    CHECK(heap_close(r->h, true) == 0);
}

static void foreign_threads_commit_and_wait(struct rig *r)
{
    start(r, 4);
    foreign_threads(r, wait_durable);
}

static void foreign_threads_write_themselves(struct rig *r)
{
    start_in_memory(r, 4);
    foreign_threads(r, write_and_wait);
}

/* ---- Failures ---- */

static void a_failed_write_stops_the_shard(struct rig *r)
{
    uint64_t lsn;

    start(r, 5);
    CHECK(rig_work(r, 30) == 0);
    CHECK(heap_wait_durable(r->h, r->lsn[r->committed]) == 0);
    rig_ack(r);
    sim_dir_fault_at(r->sd, "shard", IO_WRITE, 1, SIM_FAULT_FAIL, 0);
    lsn = put(r);
    CHECK(heap_wait_durable(r->h, lsn) == -DER_IO);
    CHECK(heap_failed(r->h));
    CHECK(rig_tx(r) == -DER_IO); /* nothing is retried over it */
    CHECK(heap_checkpoint(r->h) == -DER_IO);
    restart(r, false);
    CHECK(rig_open(r, NULL) == 0);
    rig_verify(r, true);
    rig_check(r);
    CHECK(rig_work(r, 30) == 0);
    CHECK(heap_close(r->h, true) == 0);
}

static void a_failed_flush_stops_the_shard_and_the_log_still_has_it_all(struct rig *r)
{
    start(r, 6);
    CHECK(rig_work(r, 60) == 0);
    CHECK(heap_wait_durable(r->h, r->lsn[r->committed]) == 0);
    rig_ack(r);
    sim_dir_fault_at(r->sd, "shard", IO_FLUSH, 1, SIM_FAULT_FAIL, 0);
    CHECK(heap_checkpoint(r->h) == -DER_IO);
    CHECK(heap_failed(r->h));
    heap_close(r->h, false);
    rig_detach(r);
    sim_dir_power_cut(r->sd);
    sim_dir_power_on(r->sd);
    CHECK(rig_attach(r) == 0);
    CHECK(rig_open(r, NULL) == 0);
    rig_verify(r, true);
    rig_check(r);
    CHECK(heap_close(r->h, true) == 0);
}

/* Byte of the device where stream position pos lies: the WAL role's first extent follows the
 * superblock area. */
static uint64_t wal_byte(struct rig *r, uint64_t pos)
{
    return SUPER_AREA + WAL_RING_OFF + pos % r->h->wal.size;
}

static void a_torn_last_group_is_the_end(struct rig *r)
{
    uint64_t pos;

    start(r, 7);
    CHECK(rig_work(r, 20) == 0);
    CHECK(heap_wait_durable(r->h, r->lsn[r->committed]) == 0);
    rig_ack(r);
    pos = r->h->wal.next_start;
    CHECK(rig_tx(r) == 0);
    while (r->lsn[r->committed] < pos) /* an aborted one commits nothing */
        CHECK(rig_tx(r) == 0);
    CHECK(heap_wait_durable(r->h, r->lsn[r->committed]) == 0);
    CHECK(sim_dev_flip(r->sd, "shard", wal_byte(r, pos) + 200, 3) == 0);
    restart(r, false);
    CHECK(rig_open(r, NULL) == 0); /* the last group: nothing says it was whole */
    rig_verify(r, true);
    rig_check(r);
    CHECK(rig_work(r, 20) == 0);
    CHECK(heap_close(r->h, true) == 0);
}

static void open_must_refuse(struct rig *r, const char *text)
{
    struct err e = {0};
    int rc = rig_open(r, &e);

    CHECK(rc == -DER_CSUM);
    CHECK(e.what[0] != 0 && e.why[0] != 0 && e.next[0] != 0);
    if (strstr(e.what, text) == NULL)
        fprintf(stderr, "message: %s: %s; %s\n", e.what, e.why, e.next);
    CHECK(strstr(e.what, text) != NULL);
}

static void damage_below_a_durable_claim_is_found(struct rig *r)
{
    static const uint32_t at[] = {0, 9, 30, 60, 70, 100}; /* header and body */

    start(r, 8);
    for (uint32_t i = 0; i < ARRAY_LEN(at); i++) {
        uint64_t pos = r->h->wal.next_start;

        for (uint32_t n = 0; n < 5; n++) /* several groups follow */
            CHECK(heap_wait_durable(r->h, put(r)) == 0);
        CHECK(sim_dev_flip(r->sd, "shard", wal_byte(r, pos) + at[i], 1) == 0);
        pos = wal_byte(r, pos) + at[i];
        restart(r, false);
        open_must_refuse(r, "log is damaged");
        rig_detach(r);
        CHECK(sim_dev_flip(r->sd, "shard", pos, 1) == 0); /* and without the damage it opens */
        CHECK(rig_attach(r) == 0);
        CHECK(rig_open(r, NULL) == 0);
    }
    CHECK(heap_close(r->h, true) == 0);
}

static void a_write_the_device_dropped_is_found(struct rig *r)
{
    start(r, 9);
    CHECK(heap_wait_durable(r->h, put(r)) == 0);
    sim_dir_fault_at(r->sd, "shard", IO_WRITE, 1, SIM_FAULT_LOSE, 0);
    CHECK(heap_wait_durable(r->h, put(r)) == 0);
    CHECK(heap_wait_durable(r->h, put(r)) == 0);
    restart(r, false);
    open_must_refuse(r, "log is damaged");
}

/* Whole, at the right place, of the right number, but written after a group that is not there. */
static void a_group_that_follows_another_one_is_not_taken(struct rig *r)
{
    struct wal_group_hdr hdr;
    uint64_t pos, at;

    start(r, 14);
    CHECK(heap_wait_durable(r->h, put(r)) == 0);
    pos = r->h->wal.next_start;
    at = wal_byte(r, pos);
    CHECK(heap_wait_durable(r->h, put(r)) == 0);
    restart(r, false);
    CHECK(sim_dev_peek(r->sd, "shard", at, &hdr, sizeof(hdr), true) == 0);
    CHECK(hdr.lsn == pos);
    hdr.prev ^= 1;
    hdr.hdr_csum = wal_group_hdr_csum(&hdr);
    CHECK(sim_dev_poke(r->sd, "shard", at, &hdr, sizeof(hdr)) == 0);
    CHECK(rig_open(r, NULL) == 0);
    CHECK(r->h->wal.next_start == pos);
    CHECK(heap_close(r->h, true) == 0);
}

static void after_an_orderly_close_even_the_last_group_must_be_whole(struct rig *r)
{
    uint64_t pos;

    start(r, 10);
    CHECK(heap_wait_durable(r->h, put(r)) == 0);
    pos = wal_byte(r, r->h->wal.next_start);
    CHECK(heap_wait_durable(r->h, put(r)) == 0);
    CHECK(heap_close(r->h, true) == 0);
    rig_detach(r);
    CHECK(sim_dev_flip(r->sd, "shard", pos + 100, 0) == 0);
    CHECK(rig_attach(r) == 0);
    open_must_refuse(r, "log is damaged");
}

static void damaged_checkpoint_records(struct rig *r)
{
    struct err e = {0};

    start(r, 11);
    CHECK(rig_work(r, 100) == 0);
    CHECK(heap_checkpoint(r->h) == 0);
    CHECK(heap_close(r->h, true) == 0);
    rig_detach(r);
    CHECK(sim_dev_flip(r->sd, "shard", SUPER_AREA + 40, 0) == 0);
    CHECK(sim_dev_flip(r->sd, "shard", SUPER_AREA + WAL_BLOCK + 40, 0) == 0);
    CHECK(rig_attach(r) == 0);
    CHECK(rig_open(r, &e) == -DER_CSUM);
    CHECK(strstr(e.why, "checkpoint records") != NULL);
}

/* The newest record rots; the older one names log that has long been overwritten. That must not
 * pass for an empty log. */
static void an_older_checkpoint_record_is_not_taken_for_the_newest(struct rig *r)
{
    uint32_t refused = 0;
    uint64_t seq;
    int rc;

    r->wal_size = 768u << 10;
    r->conf.checkpoint_pct = 1000;
    r->own_checkpoints = true;
    start(r, 13);
    for (uint32_t i = 0; i < 12; i++) {
        CHECK(rig_work(r, 60) == 0);
        CHECK(heap_checkpoint(r->h) == 0);
        for (uint32_t n = 0; n < i * 12; n++)
            CHECK(heap_wait_durable(r->h, put(r)) == 0);
        rig_ack(r);
        seq = r->h->wal.mark_seq;
        restart(r, false);
        rig_detach(r);
        CHECK(sim_dev_flip(r->sd, "shard", SUPER_AREA + seq % 2 * WAL_BLOCK + 33, 2) == 0);
        CHECK(rig_attach(r) == 0);
        rc = rig_open(r, NULL); /* the log may still be whole; otherwise it is refused */
        CHECK(rc == 0 || rc == -DER_CSUM);
        refused += rc != 0;
        if (rc == 0) {
            rig_verify(r, true);
            heap_close(r->h, false);
        }
        rig_detach(r);
        CHECK(sim_dev_flip(r->sd, "shard", SUPER_AREA + seq % 2 * WAL_BLOCK + 33, 2) == 0);
        CHECK(rig_attach(r) == 0);
        CHECK(rig_open(r, NULL) == 0);
        rig_verify(r, true);
    }
    CHECK(refused > 0);
    CHECK(heap_close(r->h, true) == 0);
}

/* A sector of one checkpoint record cannot be read. The other is whole: the newer one does alone,
 * and with the older one alone nothing is missing while the log behind it is not reused. */
static void one_unreadable_checkpoint_record_does_not_matter(struct rig *r)
{
    uint64_t seq;

    start(r, 14);
    for (uint32_t i = 0; i < 4; i++) {
        CHECK(rig_work(r, 60) == 0);
        CHECK(heap_checkpoint(r->h) == 0);
        CHECK(rig_work(r, 5) == 0);
        seq = r->h->wal.mark_seq + 1; /* the close writes it */
        CHECK(heap_close(r->h, true) == 0);
        r->acked = r->committed;
        rig_detach(r);
        CHECK(sim_dev_unreadable(r->sd, "shard",
                                 SUPER_AREA + (seq + i) % 2 * WAL_BLOCK + i / 2 * 1024, 512) == 0);
        CHECK(rig_attach(r) == 0);
        CHECK(rig_open(r, NULL) == 0);
        rig_verify(r, true);
    }
    CHECK(heap_close(r->h, true) == 0);
    rig_detach(r);
    CHECK(sim_dev_unreadable(r->sd, "shard", SUPER_AREA, 2 * WAL_BLOCK) == 0);
    CHECK(rig_attach(r) == 0);
    CHECK(rig_open(r, NULL) == -DER_IO);
}

/* The newest record cannot be read this time, and the older one's log is overwritten: the device
 * failed, nothing is lost, and nobody is sent to a copy. */
static void a_checkpoint_record_that_cannot_be_read_now_is_no_damage(struct rig *r)
{
    uint32_t refused = 0;
    struct err e = {0};
    uint64_t seq;
    int rc;

    r->wal_size = 768u << 10;
    r->conf.checkpoint_pct = 1000;
    r->own_checkpoints = true;
    start(r, 15);
    for (uint32_t i = 0; i < 12; i++) {
        CHECK(rig_work(r, 60) == 0);
        CHECK(heap_checkpoint(r->h) == 0);
        for (uint32_t n = 0; n < i * 12; n++)
            CHECK(heap_wait_durable(r->h, put(r)) == 0);
        rig_ack(r);
        seq = r->h->wal.mark_seq;
        restart(r, false);
        sim_dir_fault_at(r->sd, "shard", IO_READ, 1 + seq % 2, SIM_FAULT_FAIL, 0);
        rc = rig_open(r, &e);
        CHECK(rc == 0 || (rc == -DER_IO && strstr(e.next, "open the pool again") != NULL));
        refused += rc != 0;
        if (rc != 0)
            CHECK(rig_open(r, NULL) == 0);
        rig_verify(r, true);
    }
    CHECK(refused > 0);
    CHECK(heap_close(r->h, true) == 0);
}

static void read_only_replays_and_writes_nothing(struct rig *r)
{
    struct sim_dir_stat a, b;

    start(r, 12);
    CHECK(rig_work(r, 50) == 0);
    CHECK(heap_wait_durable(r->h, r->lsn[r->committed]) == 0);
    rig_ack(r);
    restart(r, false);
    a = sim_dir_stat(r->sd);
    r->conf.readonly = true;
    CHECK(rig_open(r, NULL) == 0);
    rig_verify(r, true);
    rig_check(r);
    heap_lock(r->h);
    CHECK(heap_tx_begin(r->h, 100) == -DER_NO_PERM);
    heap_unlock(r->h);
    CHECK(heap_checkpoint(r->h) == -DER_NO_PERM);
    CHECK(heap_close(r->h, true) == 0);
    b = sim_dir_stat(r->sd);
    CHECK(a.writes == b.writes && a.grows == b.grows);
    r->conf.readonly = false;
    CHECK(rig_open(r, NULL) == 0);
    rig_verify(r, true);
    CHECK(heap_close(r->h, true) == 0);
}

/* Over several laps of the log, with values that make groups of many blocks. */
static void on_memory_a_group_is_a_copy(struct rig *r)
{
    struct sim_dir_stat a, b;

    start_in_memory(r, 13);
    a = sim_dir_stat(r->sd);
    CHECK(heap_wait_durable(r->h, put(r)) == 0);
    b = sim_dir_stat(r->sd);
    CHECK(a.writes == b.writes);
    CHECK(rig_work(r, 2000) == 0);
    CHECK(heap_wait_durable(r->h, r->lsn[r->committed]) == 0);
    CHECK(r->h->wal.written > 2 * WAL_SIZE);
    rig_ack(r);
    restart(r, false);
    CHECK(rig_open(r, NULL) == 0);
    rig_verify(r, true);
    rig_check(r);
    CHECK(heap_close(r->h, true) == 0);
}

static void note_told(struct heap_waiter *w, int rc)
{
    CHECK(rc == 0);
    w->lsn = UINT64_MAX;
}

static void who_only_waits_writes_himself(struct rig *r)
{
    struct heap_waiter other = {.fn = note_told};
    uint64_t lsn;

    start_in_memory(r, 14);
    CHECK(rig_work(r, 10) == 0);
    lsn = put(r);
    CHECK(heap_durable_lsn(r->h) < lsn);
    heap_lock(r->h);
    heap_when_durable(r->h, lsn, &other);
    heap_write_here(r->h);
    CHECK(heap_durable_lsn(r->h) >= lsn);
    heap_write_here(r->h);   /* there is nothing left */
    CHECK(other.lsn == lsn); /* is told by the writer */
    heap_unlock(r->h);
    rt_sleep_ns(1000000);
    CHECK(other.lsn == UINT64_MAX);
    for (uint32_t i = 0; i < 300; i++) { /* more than a lap, and checkpoints */
        lsn = put(r);
        heap_lock(r->h);
        heap_write_here(r->h);
        CHECK(heap_durable_lsn(r->h) >= lsn);
        heap_unlock(r->h);
    }
    r->acked = r->committed;
    restart(r, false);
    CHECK(rig_open(r, NULL) == 0);
    CHECK(heap_lsn(r->h) >= lsn);
    rig_verify(r, true);
    rig_check(r);
    CHECK(heap_close(r->h, true) == 0);
}

/* Where a write is a request, it is the writer's. */
static void elsewhere_nobody_does(struct rig *r)
{
    uint64_t lsn;

    start(r, 15);
    lsn = put(r);
    heap_lock(r->h);
    heap_write_here(r->h);
    CHECK(heap_durable_lsn(r->h) < lsn);
    heap_unlock(r->h);
    CHECK(heap_wait_durable(r->h, lsn) == 0);
    CHECK(heap_close(r->h, true) == 0);
}

#define STORIES(X)                                                                                 \
    X(a_lone_commit_is_one_device_write)                                                           \
    X(commits_of_one_turn_share_a_write)                                                           \
    X(what_nobody_waits_for_becomes_durable_too)                                                   \
    X(foreign_threads_commit_and_wait)                                                             \
    X(foreign_threads_write_themselves)                                                            \
    X(a_failed_write_stops_the_shard)                                                              \
    X(a_failed_flush_stops_the_shard_and_the_log_still_has_it_all)                                 \
    X(a_torn_last_group_is_the_end)                                                                \
    X(damage_below_a_durable_claim_is_found)                                                       \
    X(a_write_the_device_dropped_is_found)                                                         \
    X(a_group_that_follows_another_one_is_not_taken)                                               \
    X(after_an_orderly_close_even_the_last_group_must_be_whole)                                    \
    X(damaged_checkpoint_records)                                                                  \
    X(an_older_checkpoint_record_is_not_taken_for_the_newest)                                      \
    X(one_unreadable_checkpoint_record_does_not_matter)                                            \
    X(a_checkpoint_record_that_cannot_be_read_now_is_no_damage)                                    \
    X(read_only_replays_and_writes_nothing)                                                        \
    X(on_memory_a_group_is_a_copy)                                                                 \
    X(who_only_waits_writes_himself)                                                               \
    X(elsewhere_nobody_does)

RIG_MAIN(STORIES)
