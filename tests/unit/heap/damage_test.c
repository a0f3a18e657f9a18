/* Life with a damaged page: what is not in it goes on, and what was given up stays so. */
#include "heap_rig.h"
#include "heap/heap_int.h"

static void start(struct rig *r, uint64_t seed)
{
    r->seed = seed;
    rig_format(r, &(struct sim_dir_conf){.seed = seed, .cut = SIM_CUT_KEEP_ALL});
    CHECK(rig_open(r, NULL) == 0);
}

static void page_flip(struct rig *r, uint64_t page)
{
    uint64_t off = page * HEAP_PAGE_SIZE + 4096;
    uint8_t *buf = io_buf_alloc(4096);

    CHECK(super_read_wait(r->sup, SUPER_META, off, buf, 4096) == 0);
    buf[900] ^= 0x10;
    CHECK(super_write_wait(r->sup, SUPER_META, off, buf, 4096, IO_DURABLE) == 0);
    io_buf_free(buf);
}

static bool all(void *arg, uint64_t page)
{
    (void)arg, (void)page;
    return true;
}

/* One allocation of so many bytes, in a transaction of its own. */
static int alloc_one(struct rig *r, size_t size, uint64_t *off)
{
    return rig_grab(r, size, RIG_PLAIN, off);
}

static int touch_one(struct rig *r, uint64_t off)
{
    struct heap_pins pins = HEAP_PINS_INIT;
    int rc;

    do {
        heap_lock(r->h);
        rc = heap_ptr(r->h, off, 8) != NULL ? 0 : heap_rc(r->h);
        heap_pins_take(r->h, &pins);
        heap_unlock(r->h);
    } while (heap_retry(r->h, &pins, &rc));
    heap_pins_drop(r->h, &pins);
    return rc;
}

static void nothing_new_goes_into_a_damaged_page(struct rig *r)
{
    uint64_t off, more;

    start(r, 1);
    CHECK(alloc_one(r, 500, &off) == 0);
    CHECK(heap_checkpoint(r->h) == 0);
    heap_lock(r->h);
    heap_evict(r->h, all, NULL);
    heap_unlock(r->h);
    page_flip(r, page_of(off));
    for (int i = 0; i < 100; i++) {
        CHECK(alloc_one(r, 500, &more) == 0);
        CHECK(page_of(more) != page_of(off));
    }
    CHECK(touch_one(r, off) == -DER_CSUM);
    CHECK(heap_checkpoint(r->h) == 0);
    page_flip(r, page_of(off)); /* it is well again, and is used again */
    CHECK(touch_one(r, off) == 0);
    for (int i = 0, in = 0; in == 0; i++) {
        CHECK(i < 1000 && alloc_one(r, 500, &more) == 0);
        in += page_of(more) == page_of(off);
    }
    rig_check(r);
    CHECK(heap_close(r->h, true) == 0);
}

static uint64_t said;

static void count(void *arg, const char *text)
{
    (void)arg;
    CHECK(strlen(text) > 10);
    said++;
}

static void a_descriptor_page_comes_back_from_its_pages(struct rig *r)
{
    uint64_t off[60], problems = 0;
    uint32_t n = 0;

    start(r, 2);
    for (; n < 60; n++)
        CHECK(alloc_one(r, n % 3 ? 100 + n * 20 : 3000, &off[n]) == 0);
    CHECK(heap_checkpoint(r->h) == 0);
    CHECK(alloc_one(r, 40, &off[0]) == 0); /* the log knows of this one only */
    CHECK(heap_close(r->h, true) == 0);
    page_flip(r, 1);
    CHECK(rig_open(r, NULL) == 0);
    for (uint32_t i = 0; i < n; i++) {
        int rc = touch_one(r, off[i]);

        snprintf(rig_context, sizeof(rig_context), "allocation %u: %d", i, rc);
        /* of pages of values that lie behind each other the log happens to know all but the first
         */
        CHECK(rc == 0 || (i % 3 == 0 && rc == -DER_CSUM));
        CHECK(i != 6 || rc == -DER_CSUM);
    }
    CHECK(heap_check(r->h, count, NULL, &problems) == 0 && problems > 0 && said == problems);
    CHECK(alloc_one(r, 100, &off[0]) == 0 && alloc_one(r, 3000, &off[3]) == 0);
    CHECK(touch_one(r, off[3]) == 0);
    CHECK(heap_close(r->h, true) == 0);
    CHECK(rig_open(r, NULL) == 0); /* and stays so */
    CHECK(touch_one(r, off[1]) == 0 && touch_one(r, off[6]) == -DER_CSUM);
    CHECK(heap_close(r->h, true) == 0);
}

/* Its changes are in the log, what they change is damaged: should the device come to its senses
 * later, what it holds would be old. */
static void what_was_given_up_stays_so(struct rig *r)
{
    uint64_t off, other;
    struct heap_pins pins = HEAP_PINS_INIT;
    uint64_t *p;

    start(r, 3);
    CHECK(alloc_one(r, 900, &off) == 0 && alloc_one(r, 64, &other) == 0);
    CHECK(heap_checkpoint(r->h) == 0);
    heap_lock(r->h);
    CHECK(heap_tx_begin(r->h, 4096) == 0);
    p = heap_tx_write(r->h, off, 8);
    CHECK(p != NULL);
    *p = 77;
    heap_tx_commit(r->h, NULL);
    heap_pins_take(r->h, &pins);
    heap_unlock(r->h);
    CHECK(heap_close(r->h, true) == 0);
    page_flip(r, page_of(off));
    r->conf.readonly = true; /* who only looks decides nothing */
    CHECK(rig_open(r, NULL) == 0);
    CHECK(touch_one(r, off) == -DER_CSUM && touch_one(r, other) == 0);
    CHECK(heap_close(r->h, true) == 0);
    r->conf.readonly = false;
    r->conf.refuse_damaged = true;
    CHECK(rig_open(r, NULL) == -DER_CSUM);
    r->conf.refuse_damaged = false;
    CHECK(rig_open(r, NULL) == 0);
    CHECK(touch_one(r, off) == -DER_CSUM && touch_one(r, other) == 0);
    CHECK(heap_checkpoint(r->h) == 0);
    CHECK(heap_close(r->h, true) == 0);
    page_flip(r, page_of(off));
    CHECK(rig_open(r, NULL) == 0);
    CHECK(touch_one(r, off) == -DER_CSUM && touch_one(r, other) == 0);
    CHECK(heap_close(r->h, true) == 0);
}

/* A device that cannot read now may do so the next time: nothing is given up for it. */
static void an_error_of_the_device_decides_nothing(struct rig *r)
{
    uint64_t off[40], refused = 0, n = 0, problems = 0;

    start(r, 4);
    for (; n < 40; n++)
        CHECK(alloc_one(r, n % 3 ? 100 + n * 20 : 3000, &off[n]) == 0);
    CHECK(heap_checkpoint(r->h) == 0);
    CHECK(alloc_one(r, 40, &off[0]) == 0);
    CHECK(heap_close(r->h, true) == 0);
    for (uint64_t at = 1; sim_dir_stat(r->sd).faults == at - 1; at++) {
        int rc;

        sim_dir_fault_at(r->sd, NULL, IO_READ, at, SIM_FAULT_FAIL, 0);
        rc = rig_open(r, NULL);
        snprintf(rig_context, sizeof(rig_context), "read %llu: %d", (unsigned long long)at, rc);
        CHECK(rc == 0 || rc == -DER_IO);
        refused += rc != 0;
        if (rc == 0)
            CHECK(heap_close(r->h, false) == 0);
        sim_dir_faults_clear(r->sd);
        CHECK(rig_open(r, NULL) == 0);
        for (uint32_t i = 0; i < 40; i++)
            CHECK(touch_one(r, off[i]) == 0);
        CHECK(heap_check(r->h, count, NULL, &problems) == 0 && problems == 0);
        CHECK(heap_close(r->h, false) == 0);
    }
    CHECK(refused > 2);
}

static void t_nothing_new(void **state)
{
    (void)state;
    rig_run(nothing_new_goes_into_a_damaged_page);
}

static void t_descriptor(void **state)
{
    (void)state;
    rig_run(a_descriptor_page_comes_back_from_its_pages);
}

static void t_unread(void **state)
{
    (void)state;
    rig_run(an_error_of_the_device_decides_nothing);
}

static void t_given_up(void **state)
{
    (void)state;
    rig_run(what_was_given_up_stays_so);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(t_nothing_new),
        cmocka_unit_test(t_descriptor),
        cmocka_unit_test(t_given_up),
        cmocka_unit_test(t_unread),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
