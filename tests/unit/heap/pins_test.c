/* Pages that are missed: neighbours come together, and none suffers from another. */
#include "heap_rig.h"
#include "heap/heap_int.h"

#define MANY 200u /* values of half a page */

struct values {
    uint64_t off[MANY];
};

static void write_values(struct rig *r, struct values *v)
{
    r->seed = 1;
    r->wal_size = 8u << 20;
    r->meta_size = 8u << 20;
    rig_format(r, &(struct sim_dir_conf){.seed = 1});
    CHECK(rig_open(r, NULL) == 0);
    for (uint32_t i = 0; i < MANY; i++) {
        void *p;

        heap_lock(r->h);
        CHECK(heap_tx_begin(r->h, 2 * HEAP_ALLOC_MAX) == 0);
        CHECK(heap_tx_alloc(r->h, HEAP_ALLOC_MAX, 0, &v->off[i], &p) == 0);
        memset(p, (int)i + 1, HEAP_ALLOC_MAX);
        heap_tx_commit(r->h, NULL);
        heap_unlock(r->h);
    }
    CHECK(heap_checkpoint(r->h) == 0);
}

static bool drop_all(void *arg, uint64_t page)
{
    return true;
}

static void evict(struct rig *r)
{
    heap_lock(r->h);
    CHECK(heap_evict(r->h, drop_all, NULL) >= MANY / 2);
    heap_unlock(r->h);
}

static int look(struct rig *r, const struct values *v, uint32_t i)
{
    struct heap_pins pins = HEAP_PINS_INIT;
    int rc;

    do {
        const uint8_t *p;

        heap_lock(r->h);
        p = heap_ptr(r->h, v->off[i], HEAP_ALLOC_MAX);
        rc = p != NULL ? 0 : heap_rc(r->h);
        if (p != NULL)
            CHECK(p[0] == (uint8_t)(i + 1) && p[HEAP_ALLOC_MAX - 1] == (uint8_t)(i + 1));
        heap_pins_take(r->h, &pins);
        heap_unlock(r->h);
    } while (heap_retry(r->h, &pins, &rc));
    heap_pins_drop(r->h, &pins);
    return rc;
}

static void who_goes_on_finds_the_next_pages_there(struct rig *r)
{
    static struct values v;
    uint64_t before, far;

    write_values(r, &v);
    evict(r);
    before = r->dev->stat.reads;
    for (uint32_t i = 0; i < MANY; i++)
        CHECK(look(r, &v, i) == 0);
    CHECK(r->dev->stat.reads - before <= MANY / 2 / 10);

    /* who jumps about reads what he needs and no more */
    evict(r);
    before = r->dev->stat.read_bytes;
    far = 0;
    for (uint32_t i = 0; i < MANY; i += 20, far++)
        CHECK(look(r, &v, i) == 0);
    CHECK(r->dev->stat.read_bytes - before == far * HEAP_PAGE_SIZE);
    CHECK(heap_close(r->h, true) == 0);
}

/* Where a page of values, which looks there as in memory, lies on the device. */
static uint64_t device_off(struct rig *r, uint64_t page)
{
    uint8_t *buf = io_buf_alloc(HEAP_PAGE_SIZE);
    uint64_t off = 0;

    do {
        CHECK(off + HEAP_PAGE_SIZE <= r->dev->size);
        CHECK(io_read_wait(r->dev, off, buf, HEAP_PAGE_SIZE) == 0);
        off += IO_ALIGN;
    } while (memcmp(buf, page_addr(r->h, page), HEAP_PAGE_SIZE) != 0);
    io_buf_free(buf);
    return off - IO_ALIGN;
}

static void a_bad_neighbour_is_no_error(struct rig *r)
{
    static struct values v;
    const uint32_t bad = 100;
    uint64_t at;

    write_values(r, &v);
    at = device_off(r, page_of(v.off[bad]));
    evict(r);
    CHECK(sim_dev_unreadable(r->sd, "shard", at, HEAP_PAGE_SIZE) == 0);
    for (uint32_t i = 0; i < MANY; i++)
        CHECK(look(r, &v, i) == (page_of(v.off[i]) == page_of(v.off[bad]) ? -DER_IO : 0));
    CHECK(heap_close(r->h, true) == 0);
}

static void a_damaged_neighbour_is_no_error(struct rig *r)
{
    static struct values v;
    const uint32_t bad = 50;
    uint8_t *buf = io_buf_alloc(HEAP_PAGE_SIZE);
    uint64_t at;

    write_values(r, &v);
    at = device_off(r, page_of(v.off[bad]));
    CHECK(io_read_wait(r->dev, at, buf, HEAP_PAGE_SIZE) == 0);
    buf[77] ^= 1;
    CHECK(io_write_wait(r->dev, at, buf, HEAP_PAGE_SIZE, 0) == 0);
    io_buf_free(buf);
    evict(r);
    for (uint32_t i = 0; i < MANY; i++)
        CHECK(look(r, &v, i) == (page_of(v.off[i]) == page_of(v.off[bad]) ? -DER_CSUM : 0));
    CHECK(heap_close(r->h, true) == 0);
}

#define STORIES(X)                                                                                 \
    X(who_goes_on_finds_the_next_pages_there)                                                      \
    X(a_bad_neighbour_is_no_error)                                                                 \
    X(a_damaged_neighbour_is_no_error)
RIG_MAIN(STORIES)
