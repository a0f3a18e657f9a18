/* Checkpoints: the log is reused, pages come back from the device, damage on the way is found. */
#include "heap_rig.h"
#include "heap/heap_int.h"
#include "heap/step.h"

static void start(struct rig *r, uint64_t seed, const struct sim_dir_conf *sc)
{
    r->seed = seed;
    rig_format(r, sc != NULL ? sc : &(struct sim_dir_conf){.seed = seed});
    CHECK(rig_open(r, NULL) == 0);
}

static void reopen(struct rig *r, bool clean)
{
    struct err e = {0};
    int rc;

    heap_close(r->h, clean);
    rig_detach(r);
    if (!sim_dir_powered(r->sd))
        sim_dir_power_on(r->sd);
    CHECK(rig_attach(r) == 0);
    rc = rig_open(r, &e);
    if (rc != 0)
        fprintf(stderr, "open: %d %s: %s\n", rc, e.what, e.why);
    CHECK(rc == 0);
}

static struct heap_stat stat_of(struct rig *r)
{
    struct heap_stat st;

    heap_lock(r->h);
    heap_stat(r->h, &st);
    heap_unlock(r->h);
    return st;
}

static bool all(void *arg, uint64_t page)
{
    return true;
}

static uint32_t evict_all(struct rig *r)
{
    uint32_t n;

    heap_lock(r->h);
    n = heap_evict(r->h, all, NULL);
    heap_unlock(r->h);
    return n;
}

static void a_small_log_carries_endless_work(struct rig *r)
{
    struct heap_stat st;

    r->wal_size = 640u << 10;
    start(r, 1, NULL);
    for (uint32_t i = 0; i < 6; i++) {
        CHECK(rig_work(r, 500) == 0);
        st = stat_of(r);
        CHECK(st.wal_used <= st.wal_size);
        CHECK(st.checkpoints > 0 && st.wal_written > 2 * st.wal_size);
        rig_verify(r, false);
        rig_check(r);
        reopen(r, i % 2 == 0);
        rig_verify(r, true);
    }
    CHECK(heap_close(r->h, true) == 0);
}

static void after_a_checkpoint_every_page_can_leave_and_come_back(struct rig *r)
{
    struct heap_stat st;

    start(r, 2, NULL);
    CHECK(rig_work(r, 200) == 0);
    CHECK(heap_checkpoint(r->h) == 0);
    st = stat_of(r);
    CHECK(st.pages_dirty == 0);
    CHECK(evict_all(r) > 5);
    st = stat_of(r);
    CHECK(st.pages_resident == 1 + DIV_UP(st.pages, 512)); /* heap page and descriptors */
    rig_verify(r, false);
    rig_check(r);
    CHECK(stat_of(r).pages_resident > st.pages_resident);
    CHECK(heap_close(r->h, true) == 0);
}

static void a_dirty_page_does_not_leave(struct rig *r)
{
    uint64_t off = 0;

    start(r, 3, NULL);
    CHECK(rig_tx(r) == 0);
    evict_all(r);
    heap_lock(r->h);
    CHECK(heap_root_get(r->h, HEAP_ROOT_VOS, &off) == 0);
    CHECK(off == 0 || heap_ptr(r->h, off, 8) != NULL);
    heap_unlock(r->h);
    CHECK(heap_close(r->h, true) == 0);
}

static void prefetched_pages_do_not_fault(struct rig *r)
{
    uint64_t off = 0;

    start(r, 4, NULL);
    CHECK(rig_work(r, 50) == 0);
    CHECK(heap_checkpoint(r->h) == 0);
    evict_all(r);
    heap_lock(r->h);
    CHECK(heap_root_get(r->h, HEAP_ROOT_VOS, &off) == 0 && off != 0);
    heap_prefetch(r->h, off);
    heap_prefetch(r->h, 0);
    heap_prefetch(r->h, UINT64_MAX);
    heap_unlock(r->h);
    for (uint32_t i = 0; i < 1000; i++) {
        const void *p;

        rt_sleep_ns(1000000);
        heap_lock(r->h);
        p = heap_ptr(r->h, off, 8);
        heap_miss_clear(r->h);
        heap_unlock(r->h);
        if (p != NULL)
            break;
        CHECK(i < 999);
    }
    CHECK(heap_close(r->h, true) == 0);
}

/* ---- Damage ---- */

static void page_flip(struct rig *r, uint64_t page, uint32_t byte)
{
    uint8_t *buf = io_buf_alloc(HEAP_PAGE_SIZE);

    CHECK(super_read_wait(r->sup, SUPER_META, page * HEAP_PAGE_SIZE, buf, HEAP_PAGE_SIZE) == 0);
    buf[byte] ^= 0x10;
    CHECK(super_write_wait(r->sup, SUPER_META, page * HEAP_PAGE_SIZE, buf, HEAP_PAGE_SIZE,
                           IO_DURABLE) == 0);
    io_buf_free(buf);
}

/* Loads every page in use; counts those that are refused. */
static uint32_t load_all(struct rig *r)
{
    uint32_t refused = 0;

    for (uint64_t page = 2; page < r->h->map.pages; page++) {
        struct heap_pins pins = HEAP_PINS_INIT;
        int rc;

        if (page_is_core(page) || page_desc(r->h, page)->kind == PAGE_FREE)
            continue;
        do {
            heap_lock(r->h);
            rc = heap_ptr(r->h, page * HEAP_PAGE_SIZE, 64) != NULL ? 0 : heap_rc(r->h);
            heap_pins_take(r->h, &pins);
            heap_unlock(r->h);
        } while (heap_retry(r->h, &pins, &rc));
        heap_pins_drop(r->h, &pins);
        CHECK(rc == 0 || rc == -DER_CSUM);
        refused += rc == -DER_CSUM;
        if (rc == -DER_CSUM) { /* what failed on which object, why, what to do */
            char name[32];

            snprintf(name, sizeof(name), "page %llu of", (unsigned long long)page);
            CHECK(strstr(rig_log, name) != NULL);
        }
    }
    return refused;
}

static void count_problem(void *arg, const char *text)
{
    CHECK(strlen(text) > 10);
}

static void a_peek_leaves_no_trace(struct rig *r)
{
    struct heap_pins pins = HEAP_PINS_INIT;
    uint64_t off = 0;

    start(r, 5, NULL);
    CHECK(rig_work(r, 50) == 0);
    CHECK(heap_checkpoint(r->h) == 0);
    heap_lock(r->h);
    CHECK(heap_root_get(r->h, HEAP_ROOT_VOS, &off) == 0 && off != 0);
    page_unseen(r->h, page_of(off));
    CHECK(heap_peek(r->h, off, 8) == off_addr(r->h, off));
    CHECK((r->h->vol[page_of(off)].flags & PV_REF) == 0);
    CHECK(heap_peek(r->h, off + 4, 8) == NULL); /* no offset of a field */
    CHECK(heap_peek(r->h, off | (HEAP_PAGE_SIZE - 8), 16) == NULL);
    CHECK(heap_peek(r->h, 0, 8) == NULL);
    CHECK(heap_peek(r->h, UINT64_MAX - 7, 8) == NULL);
    CHECK(heap_peek(r->h, r->h->map.pages * HEAP_PAGE_SIZE, 8) == NULL);
    heap_unlock(r->h);
    evict_all(r);
    heap_lock(r->h);
    CHECK(heap_peek(r->h, off, 8) == NULL);
    heap_pins_take(r->h, &pins);
    heap_unlock(r->h);
    CHECK(pins.nr == 0);
    CHECK(heap_close(r->h, true) == 0);
}

static void a_flipped_bit_in_a_page_is_found_at_load(struct rig *r)
{
    uint32_t kinds[PAGE_KIND_NR] = {0};
    uint64_t problems;

    start(r, 5, NULL);
    CHECK(rig_work(r, 300) == 0);
    CHECK(heap_checkpoint(r->h) == 0);
    for (uint64_t page = 2; page < r->h->map.pages; page++) {
        uint32_t byte = (uint32_t)mix64(page) % HEAP_PAGE_SIZE, kind;

        kind = page_is_core(page) ? PAGE_FREE : page_desc(r->h, page)->kind;
        if (kind == PAGE_FREE || kinds[kind]++ > 20)
            continue;
        evict_all(r);
        CHECK(load_all(r) == 0);
        evict_all(r);
        page_flip(r, page, byte);
        CHECK(load_all(r) == 1);
        problems = 0;
        CHECK(heap_check(r->h, count_problem, NULL, &problems) == 0);
        CHECK(problems > 0);
        page_flip(r, page, byte);
    }
    CHECK(kinds[PAGE_SLOT] > 0 && kinds[PAGE_VALUE] > 0);
    rig_check(r);
    CHECK(heap_close(r->h, true) == 0);
}

static void a_page_written_to_the_wrong_place_is_found(struct rig *r)
{
    uint8_t *buf = io_buf_alloc(HEAP_PAGE_SIZE);
    uint64_t slot[2], n = 0;

    start(r, 6, NULL);
    CHECK(rig_work(r, 100) == 0);
    CHECK(heap_checkpoint(r->h) == 0);
    for (uint64_t page = 2; page < r->h->map.pages && n < 2; page++) {
        if (!page_is_core(page) && page_desc(r->h, page)->kind == PAGE_SLOT)
            slot[n++] = page;
    }
    evict_all(r);
    CHECK(super_read_wait(r->sup, SUPER_META, slot[0] * HEAP_PAGE_SIZE, buf, HEAP_PAGE_SIZE) == 0);
    CHECK(super_write_wait(r->sup, SUPER_META, slot[1] * HEAP_PAGE_SIZE, buf, HEAP_PAGE_SIZE,
                           IO_DURABLE) == 0);
    CHECK(load_all(r) == 1);
    CHECK(strstr(rig_log, "misdirected") != NULL);
    heap_close(r->h, false);
    io_buf_free(buf);
}

/* The heap page has a copy; a descriptor page is refused only if that was asked for (what becomes
 * of it otherwise: damage_test.c). */
static void damaged_core_pages_at_open(struct rig *r)
{
    struct err e = {0};

    start(r, 7, NULL);
    CHECK(rig_work(r, 100) == 0);
    CHECK(heap_checkpoint(r->h) == 0);
    CHECK(heap_close(r->h, true) == 0);
    r->conf.refuse_damaged = true;
    page_flip(r, 1, 5000);
    CHECK(rig_open(r, &e) == -DER_CSUM);
    CHECK(e.what[0] != 0 && e.why[0] != 0 && e.next[0] != 0);
    page_flip(r, 1, 5000);
    page_flip(r, 0, 5000);
    CHECK(rig_open(r, NULL) == 0);
    rig_verify(r, true);
    CHECK(heap_close(r->h, true) == 0);
}

/* A checkpoint cut after its pages were written: their checksums on the device prove nothing,
 * PAGE_SUM does. */
static void damage_under_a_cut_checkpoint_is_found_by_page_sum(struct rig *r)
{
    uint64_t off = 0;
    struct err e = {0};

    start(r, 8, &(struct sim_dir_conf){.seed = 8, .cut = SIM_CUT_KEEP_ALL});
    CHECK(rig_work(r, 60) == 0);
    CHECK(heap_checkpoint(r->h) == 0);
    CHECK(rig_tx(r) == 0 && rig_tx(r) == 0 && rig_tx(r) == 0);
    heap_lock(r->h);
    CHECK(heap_root_get(r->h, HEAP_ROOT_VOS, &off) == 0);
    heap_unlock(r->h);
    r->step_seen[HEAP_STEP_CKPT_PAGES] = 0;
    sim_dir_fault_at(r->sd, "shard", IO_FLUSH, 1, SIM_FAULT_FAIL, 0);
    CHECK(heap_checkpoint(r->h) == -DER_IO); /* pages written, no record */
    rig_ack(r);
    heap_close(r->h, false);
    rig_detach(r); /* a device whose flush failed is of no use until it is opened again */
    CHECK(rig_attach(r) == 0);
    page_flip(r, page_of(off), HEAP_PAGE_SIZE - 1); /* a byte no record of the log covers */
    r->conf.refuse_damaged = true;
    CHECK(rig_open(r, &e) == -DER_CSUM);
    CHECK(strstr(e.what, "is damaged") != NULL);
    page_flip(r, page_of(off), HEAP_PAGE_SIZE - 1);
    CHECK(rig_open(r, NULL) == 0);
    rig_verify(r, true);
    rig_check(r);
    CHECK(heap_close(r->h, true) == 0);
}

/* ---- Space ---- */

static void crashes_in_checkpoints_do_not_use_up_the_log(struct rig *r)
{
    uint64_t used = 0;

    r->wal_size = 640u << 10;
    start(r, 9, &(struct sim_dir_conf){.seed = 9});
    CHECK(rig_work(r, 60) == 0);
    CHECK(heap_wait_durable(r->h, r->lsn[r->committed]) == 0);
    for (uint32_t i = 0; i < 60; i++) {
        rig_ack(r);
        r->step_seen[HEAP_STEP_CKPT_PAGES] = 0;
        sim_dir_fault_at(r->sd, "shard", IO_FLUSH, 1, SIM_FAULT_FAIL, 0);
        CHECK(heap_checkpoint(r->h) == -DER_IO);
        sim_dir_power_cut(r->sd);
        reopen(r, false);
        if (i == 1)
            used = wal_used(r->h);
        CHECK(i < 2 || wal_used(r->h) == used);
    }
    rig_verify(r, true);
    CHECK(heap_checkpoint(r->h) == 0);
    CHECK(wal_used(r->h) < used);
    rig_check(r);
    CHECK(heap_close(r->h, true) == 0);
}

#define VALUES 400u

/* One small transaction: allocates (v 0) or changes 8 bytes of the value at *off. */
static void touch_value(struct rig *r, uint64_t *off, uint64_t v)
{
    struct heap_pins pins = HEAP_PINS_INIT;
    uint64_t lsn = 0, *p;
    int rc;

    do {
        heap_lock(r->h);
        rc = heap_tx_begin(r->h, v == 0 ? 5000 : 64);
        if (rc == 0) {
            if (v == 0)
                rc = heap_tx_alloc(r->h, 4096, 0, off, NULL);
            p = rc == 0 ? heap_tx_write(r->h, *off, 8) : NULL;
            if (p != NULL) {
                *p = v;
                heap_tx_commit(r->h, &lsn);
            } else {
                rc = rc != 0 ? rc : heap_rc(r->h);
                heap_tx_abort(r->h);
            }
        }
        heap_pins_take(r->h, &pins);
        heap_unlock(r->h);
    } while (heap_retry(r->h, &pins, &rc));
    heap_pins_drop(r->h, &pins);
    CHECK(rc == 0);
    CHECK(heap_wait_durable(r->h, lsn) == 0);
}

static void a_log_filled_to_the_brim_still_has_room_for_the_checkpoint(struct rig *r)
{
    uint64_t off[VALUES], most = 0, n;
    struct heap_stat st;

    r->wal_size = 768u << 10;
    r->meta_size = 8u << 20;
    r->conf.checkpoint_pct = 1000; /* never by itself, only when a transaction must wait */
    start(r, 11, NULL);
    for (uint32_t i = 0; i < VALUES; i++)
        touch_value(r, &off[i], 0);
    CHECK(heap_checkpoint(r->h) == 0);
    n = stat_of(r).checkpoints;
    for (uint64_t v = 1; v < 3000; v++) {
        touch_value(r, &off[mix64(v) % VALUES], v);
        st = stat_of(r);
        most = MAX(most, st.wal_used + wal_kept(r->h));
    }
    CHECK(st.checkpoints > n + 3);
    CHECK(most > st.wal_size - 4 * 4096); /* it was full indeed */
    rig_check(r);
    CHECK(heap_close(r->h, true) == 0);
}

/* ---- The log behind a checkpoint is not reused before its record is durable ---- */

struct brim {
    struct rig *r;
    uint64_t off, v;
    bool armed;
};
static struct brim brim; /* what the step's callback works on; one story uses it */

/* Commits as long as there is log space; everything is acknowledged. */
static void fill_log(struct rig *r)
{
    uint64_t lsn = 0, *p;
    int rc;

    do {
        heap_lock(r->h);
        rc = heap_tx_begin(r->h, 4096);
        if (rc == 0) {
            p = heap_tx_write(r->h, brim.off, 4096);
            CHECK(p != NULL);
            memset(p, (int)(++brim.v & 0x7f) + 1, 4096);
            *p = brim.v;
            heap_tx_commit(r->h, &lsn);
        }
        heap_unlock(r->h);
        if (rc == 0)
            CHECK(heap_wait_durable(r->h, lsn) == 0);
    } while (rc == 0);
    CHECK(rc == HEAP_WAIT);
}

static void brim_step(void *arg, uint32_t step)
{
    struct rig *r = arg;

    if (step != HEAP_STEP_CKPT_FLUSHED || !brim.armed)
        return;
    brim.armed = false;
    fill_log(r);
    sim_dir_power_cut(r->sd);
}

static void the_log_is_not_reused_before_the_record_is_durable(struct rig *r)
{
    static struct heap_conf conf;
    const uint64_t *p;

    r->wal_size = 768u << 10;
    r->conf.checkpoint_pct = 1000;
    r->seed = 12;
    rig_format(r, &(struct sim_dir_conf){.seed = 12, .cut = SIM_CUT_LOSE_ALL});
    conf = rig_conf(r);
    conf.on_step = brim_step;
    CHECK(heap_open(&conf, &r->h, NULL) == 0);
    brim = (struct brim){.r = r};
    touch_value(r, &brim.off, 0);
    fill_log(r);
    CHECK(heap_checkpoint(r->h) ==
          0); /* HEAP_WAIT asked for one as well; now there is room again */
    fill_log(r);
    brim.armed = true;
    while (brim.armed)
        heap_checkpoint(r->h);
    reopen(r, false);
    evict_all(r);
    heap_lock(r->h);
    p = heap_ptr(r->h, brim.off, 4096);
    CHECK(p != NULL && *p == brim.v && p[511] == 0x0101010101010101u * ((brim.v & 0x7f) + 1));
    heap_unlock(r->h);
    rig_check(r);
    CHECK(heap_close(r->h, true) == 0);
}

static void pages_a_completed_checkpoint_wrote_are_clean_after_a_crash(struct rig *r)
{
    start(r, 13, NULL);
    CHECK(rig_work(r, 150) == 0);
    CHECK(heap_checkpoint(r->h) == 0);
    rig_ack(r);
    reopen(r, false);
    CHECK(stat_of(r).pages_dirty == 0);
    rig_verify(r, true);
    rig_check(r);
    CHECK(heap_close(r->h, true) == 0);
}

/* Chains 4 KiB values behind each other until there is no room. */
static int chain_add(struct rig *r, bool del)
{
    struct heap_pins pins = HEAP_PINS_INIT;
    int rc;

    do {
        uint64_t head = 0, next = 0, off = 0, *p = NULL;

        heap_lock(r->h);
        rc = heap_tx_begin(r->h, 3 * HEAP_ALLOC_MAX);
        if (rc == 0) {
            if (del)
                heap_tx_use_reserve(r->h, HEAP_RESERVE_DELETE);
            rc = heap_root_get(r->h, HEAP_ROOT_SVC, &head);
            if (rc == 0 && del) {
                const uint64_t *h = heap_ptr(r->h, head, 8);

                rc = h == NULL ? heap_rc(r->h) : 0;
                next = h == NULL ? 0 : *h;
                rc = rc != 0 ? rc
                             : heap_tx_alloc(r->h, 64, 0, &off,
                                             NULL); /* a delete may have to allocate first */
                rc = rc != 0 ? rc : heap_tx_free(r->h, head);
                rc = rc != 0 ? rc : heap_tx_root_set(r->h, HEAP_ROOT_SVC, next);
            } else if (rc == 0) {
                rc = heap_tx_alloc(r->h, 4096, 0, &off, (void **)&p);
                if (rc == 0) {
                    *p = head;
                    rc = heap_tx_root_set(r->h, HEAP_ROOT_SVC, off);
                }
            }
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

static void a_full_device_refuses_politely_and_deletes_work(struct rig *r)
{
    uint32_t added = 0, again = 0;
    int rc;

    r->wal_size = 2u << 20;
    start(r, 10, &(struct sim_dir_conf){.seed = 10, .capacity_bytes = 24u << 20});
    while ((rc = chain_add(r, false)) == 0)
        added++;
    CHECK(rc == -DER_NOSPACE);
    CHECK(added > 2000);
    CHECK(!heap_failed(r->h));
    CHECK(chain_add(r, false) == -DER_NOSPACE);
    for (uint32_t i = 0; i < added / 2; i++)
        CHECK(chain_add(r, true) == 0);
    while ((rc = chain_add(r, false)) == 0)
        again++;
    CHECK(rc == -DER_NOSPACE);
    CHECK(again > added / 4);
    rig_check(r);
    reopen(r, false);
    rig_check(r);
    CHECK(heap_close(r->h, true) == 0);
}

static int one(struct rig *r, size_t size, uint64_t *off)
{
    return rig_grab(r, size, RIG_PLAIN, off);
}

/* Where no page is free, a slot up to twice as large does, of the same kind; afterwards it is what
 * its page says. */
static void a_full_device_gives_larger_slots(struct rig *r)
{
    uint64_t large, off, bytes, n = 0;
    size_t size;
    int rc;

    r->wal_size = 2u << 20;
    start(r, 12, &(struct sim_dir_conf){.seed = 12, .capacity_bytes = 24u << 20});
    CHECK(one(r, 208, &large) == 0);
    while ((rc = chain_add(r, false)) == 0)
        ;
    CHECK(rc == -DER_NOSPACE);
    CHECK(one(r, 64, &off) == -DER_NOSPACE); /* more than twice as large: for others */
    CHECK(one(r, 2400, &off) == -DER_NOSPACE);
    bytes = stat_of(r).alloc_bytes;
    while ((rc = one(r, 176, &off)) == 0) {
        CHECK(off / HEAP_PAGE_SIZE == large / HEAP_PAGE_SIZE);
        n++;
    }
    CHECK(rc == -DER_NOSPACE);
    CHECK(n > HEAP_PAGE_SIZE / 208 - 4); /* the whole page, but for its head and the first */
    CHECK(stat_of(r).alloc_bytes == bytes + n * 208);
    heap_lock(r->h);
    CHECK(heap_alloc_size(r->h, large, &size) == 0 && size == 208);
    heap_unlock(r->h);
    rig_check(r);
    reopen(r, false);
    rig_check(r);
    CHECK(stat_of(r).alloc_bytes == bytes + n * 208);
    CHECK(heap_close(r->h, true) == 0);
}

/* A page's worth, as a transaction of that kind. */
static int take(struct rig *r, enum heap_reserve kind)
{
    uint64_t off;

    return rig_grab(r, HEAP_ALLOC_MAX, (int)kind, &off);
}

/* However many small deletes and newcomers there were, who gives much back finds room. */
static void each_kind_leaves_room_for_the_next(struct rig *r)
{
    uint32_t took[3] = {0};
    int rc;

    r->wal_size = 2u << 20;
    start(r, 11, &(struct sim_dir_conf){.seed = 11, .capacity_bytes = 24u << 20});
    while ((rc = chain_add(r, false)) == 0)
        ;
    for (int kind = HEAP_RESERVE_DELETE; kind <= HEAP_RESERVE_LAST && rc == -DER_NOSPACE; kind++)
        while ((rc = take(r, (enum heap_reserve)kind)) == 0)
            took[kind]++;
    CHECK(rc == -DER_NOSPACE);
    for (int kind = HEAP_RESERVE_DELETE; kind <= HEAP_RESERVE_LAST; kind++)
        CHECK(took[kind] >= 5);
    CHECK(heap_close(r->h, true) == 0);
}

/* Pages, each half taken, with what was promised. */
static int take_promised(struct rig *r, uint32_t pages)
{
    struct heap_pins pins = HEAP_PINS_INIT;
    uint64_t off;
    int rc;

    do {
        heap_lock(r->h);
        rc = heap_tx_begin(r->h, (pages * 2 + 1) * HEAP_ALLOC_MAX);
        if (rc == 0) {
            heap_tx_use_promise(r->h, pages);
            for (uint32_t i = 0; i < pages * 2 && rc == 0; i++)
                rc = heap_tx_alloc(r->h, HEAP_ALLOC_MAX, 0, &off, NULL);
            if (rc == 0)
                heap_tx_commit(r->h, NULL);
            else
                heap_tx_abort(r->h);
        }
        if (rc == 0)
            heap_promise_drop(r->h, pages);
        heap_pins_take(r->h, &pins);
        heap_unlock(r->h);
    } while (heap_retry(r->h, &pins, &rc));
    heap_pins_drop(r->h, &pins);
    return rc;
}

static int promise(struct rig *r, uint32_t pages, bool deletes)
{
    struct heap_pins pins = HEAP_PINS_INIT;
    int rc;

    do {
        heap_lock(r->h);
        rc = heap_promise(r->h, pages, deletes);
        heap_unlock(r->h);
    } while (heap_retry(r->h, &pins, &rc));
    return rc;
}

/* Neither who fills the heap nor who deletes gets what was promised, and each promise is kept by
 * itself. */
static void what_is_promised_is_kept(struct rig *r)
{
    int rc;

    r->wal_size = 2u << 20;
    start(r, 12, &(struct sim_dir_conf){.seed = 12, .capacity_bytes = 24u << 20});
    CHECK(promise(r, 10, false) == 0);
    CHECK(promise(r, 20, false) == 0);
    while ((rc = chain_add(r, false)) == 0)
        ;
    CHECK(rc == -DER_NOSPACE);
    CHECK(promise(r, 1, false) == -DER_NOSPACE); /* there is nothing more to promise */
    CHECK(promise(r, 5, true) == 0);             /* but to who deletes */
    for (int kind = HEAP_RESERVE_DELETE; kind <= HEAP_RESERVE_LAST; kind++)
        while ((rc = take(r, (enum heap_reserve)kind)) == 0)
            ;
    CHECK(rc == -DER_NOSPACE);
    CHECK(take_promised(r, 10) == 0);
    CHECK(take(r, HEAP_RESERVE_LAST) == -DER_NOSPACE);
    CHECK(take_promised(r, 5) == 0);
    reopen(r, false); /* who made the promise makes it again */
    heap_lock(r->h);
    heap_promise_again(r->h, 20);
    heap_unlock(r->h);
    CHECK(take(r, HEAP_RESERVE_LAST) == -DER_NOSPACE);
    CHECK(take_promised(r, 20) == 0);
    rig_check(r);
    CHECK(heap_close(r->h, true) == 0);
}

/* ---- What memory says against what the pages say ---- */

static char said[8192];

static void note_problem(void *arg, const char *text)
{
    snprintf(said + strlen(said), sizeof(said) - strlen(said), "%s\n", text);
}

static uint64_t check_says(struct rig *r, const char *what)
{
    uint64_t problems = 0;

    said[0] = '\0';
    CHECK(heap_check(r->h, note_problem, NULL, &problems) == 0);
    if (what != NULL && (problems == 0 || strstr(said, what) == NULL)) {
        fprintf(stderr, "\"%s\" is not among\n%s", what, said);
        abort();
    }
    return problems;
}

/* A page of the kind that is clean and in memory. */
static uint64_t page_of_kind(struct rig *r, uint32_t kind, bool listed)
{
    for (uint64_t page = 2; page < r->h->map.pages; page++)
        if (!page_is_core(page) && page_desc(r->h, page)->kind == kind &&
            ((r->h->vol[page].flags & PV_LISTED) != 0) == listed)
            return page;
    abort();
}

static void the_checker_compares_memory_with_the_pages(struct rig *r)
{
    uint64_t *bits, lone, full;
    uint32_t was;
    char *image;

    start(r, 14, NULL);
    CHECK(rig_work(r, 300) == 0);
    CHECK(heap_checkpoint(r->h) == 0);
    CHECK(load_all(r) == 0);
    CHECK(check_says(r, NULL) == 0);
    lone = page_of_kind(r, PAGE_SLOT, true);
    full = page_of_kind(r, PAGE_FREE, false);
    bits = (uint64_t *)(void *)r->h->alloc.free.base;

    bits[lone / 64] ^= 1ull << lone % 64;
    check_says(r, "is in the list of free pages, its descriptor says otherwise");
    check_says(r, "pages are free, the allocator counts");
    bits[lone / 64] ^= 1ull << lone % 64;
    bits[full / 64] ^= 1ull << full % 64;
    check_says(r, "is not in the list of free pages, its descriptor says otherwise");
    bits[full / 64] ^= 1ull << full % 64;

    r->h->vol[lone].flags ^= PV_LISTED;
    check_says(r, "is not in a list of pages with room, its descriptor says otherwise");
    check_says(r, "say they are listed");
    r->h->vol[lone].flags ^= PV_LISTED;
    r->h->vol[full].flags ^= PV_LISTED;
    check_says(r, "is in a list of pages with room, its descriptor says otherwise");
    r->h->vol[full].flags ^= PV_LISTED;

    was = r->h->vol[lone].prev;
    r->h->vol[lone].prev = (uint32_t)full;
    check_says(r, "is broken there");
    r->h->vol[lone].prev = was;

    image = page_addr(r->h, lone);
    image[HEAP_PAGE_SIZE - 1] ^= 1;
    check_says(r, "counts as clean, but the device has other bytes than memory");
    image[HEAP_PAGE_SIZE - 1] ^= 1;
    CHECK(check_says(r, NULL) == 0);

    /* a sector that cannot be read hides no other page */
    CHECK(
        sim_dev_unreadable(r->sd, "shard",
                           SUPER_AREA + super_role_size(r->sup, SUPER_WAL) + lone * HEAP_PAGE_SIZE,
                           HEAP_PAGE_SIZE) == 0);
    CHECK(check_says(r, "the device cannot read it") == 2); /* it, and the sums */
    heap_close(r->h, false);
}

#define STORIES(X)                                                                                 \
    X(a_small_log_carries_endless_work)                                                            \
    X(after_a_checkpoint_every_page_can_leave_and_come_back)                                       \
    X(a_dirty_page_does_not_leave)                                                                 \
    X(prefetched_pages_do_not_fault)                                                               \
    X(a_peek_leaves_no_trace)                                                                      \
    X(a_flipped_bit_in_a_page_is_found_at_load)                                                    \
    X(a_page_written_to_the_wrong_place_is_found)                                                  \
    X(damaged_core_pages_at_open)                                                                  \
    X(damage_under_a_cut_checkpoint_is_found_by_page_sum)                                          \
    X(crashes_in_checkpoints_do_not_use_up_the_log)                                                \
    X(a_log_filled_to_the_brim_still_has_room_for_the_checkpoint)                                  \
    X(the_log_is_not_reused_before_the_record_is_durable)                                          \
    X(pages_a_completed_checkpoint_wrote_are_clean_after_a_crash)                                  \
    X(a_full_device_refuses_politely_and_deletes_work)                                             \
    X(a_full_device_gives_larger_slots)                                                            \
    X(each_kind_leaves_room_for_the_next)                                                          \
    X(what_is_promised_is_kept)                                                                    \
    X(the_checker_compares_memory_with_the_pages)

RIG_MAIN(STORIES)
