/* What pages and log look like, to the byte: a change of these figures is a change of the format.
 */
#include "heap_rig.h"
#include "heap/heap_int.h"

#define SIZE_CLASSES_SUM UINT64_C(0x69becbbaeb57772d)
#define LOG_LEN          7072u
#define LOG_SUM          UINT64_C(0x771596c72b6b52a9)

static struct heap *open_volatile(void)
{
    struct heap_conf conf = {0};
    struct heap *h = NULL;

    CHECK(heap_open(&conf, &h, NULL) == 0);
    return h;
}

/* The same work as every time this test ran since the format was made. */
static void fixed_work(struct heap *h, uint64_t off[6])
{
    static const size_t size[6] = {16, 100, 600, 2048, 2049, 8192};
    void *p;

    heap_lock(h);
    CHECK(heap_tx_begin(h, 100000) == 0);
    for (uint32_t i = 0; i < 6; i++) {
        CHECK(heap_tx_alloc(h, size[i], 0, &off[i], &p) == 0);
        memset(p, (int)(0x11 * (i + 1)), size[i] / 2);
    }
    CHECK(heap_tx_root_set(h, HEAP_ROOT_SVC, off[0]) == 0);
    heap_tx_commit(h, NULL);
    CHECK(heap_tx_begin(h, 1000) == 0);
    CHECK(heap_tx_free(h, off[1]) == 0);
    heap_tx_commit(h, NULL);
    heap_unlock(h);
}

static uint64_t u64_at(const uint8_t *p, uint32_t at)
{
    uint64_t v;

    memcpy(&v, p + at, 8);
    return v;
}

static uint32_t u16_at(const uint8_t *p, uint32_t at)
{
    return (uint32_t)p[at] | (uint32_t)p[at + 1] << 8;
}

static void a_slot_page_is_header_bitmap_slots(struct rig *r)
{
    struct heap *h = open_volatile();
    uint64_t off[6];
    const uint8_t *p;

    fixed_work(h, off);
    p = page_addr(h, page_of(off[0]));
    CHECK(memcmp(p, "THPG", 4) == 0);
    CHECK(p[4] == 3 && p[5] == 0); /* slots, class 0 */
    CHECK(u16_at(p, 6) == 1013);   /* slots of 16 bytes */
    CHECK(u64_at(p, 8) == page_of(off[0]));
    CHECK(u64_at(p, 16) == 1); /* generation of a volatile heap */
    CHECK(u64_at(p, 24) == 0 && u64_at(p, 32) == 0);
    CHECK(u16_at(p, 40) == 1 && u16_at(p, 42) == 176);
    CHECK(u64_at(p, 48) == 1); /* bitmap */
    CHECK(off[0] % HEAP_PAGE_SIZE == 176);
    CHECK(p[176] == 0x11 && p[183] == 0x11 && p[184] == 0);
    CHECK(heap_close(h, true) == 0);
}

static void a_value_page_is_values_only_and_its_descriptor_tells(struct rig *r)
{
    struct heap *h = open_volatile();
    uint64_t off[6];
    const uint8_t *d, *p;

    fixed_work(h, off);
    p = page_addr(h, page_of(off[5]));
    CHECK(p[0] == 0x66 && p[4095] == 0x66 && p[4096] == 0);
    d = (const uint8_t *)page_addr(h, 1) + 64 + page_of(off[5]) * 24;
    CHECK(d[0] == 4 && d[2] == 0 && d[3] == 1);
    CHECK(h->alloc.cls[d[1]].size == 8192);
    d = (const uint8_t *)page_addr(h, 1) + 64 + page_of(off[0]) * 24;
    CHECK(d[0] == 3 && d[1] == 0 && d[2] == 0 && d[3] == 0);
    d = (const uint8_t *)page_addr(h, 1) + 64; /* page 0 */
    CHECK(u64_at(d, 0) == 0 && u64_at(d, 8) == 0 && u64_at(d, 16) == 0);
    CHECK(heap_close(h, true) == 0);
}

static void the_heap_page_holds_totals_and_roots(struct rig *r)
{
    struct heap *h = open_volatile();
    uint64_t off[6];
    const uint8_t *p;

    fixed_work(h, off);
    p = page_addr(h, 0);
    CHECK(memcmp(p + 64, "TARHEAP1", 8) == 0);
    CHECK(u64_at(p, 72) == (UINT64_C(16384) << 32 | 1) && u64_at(p, 80) == 512);
    CHECK(u64_at(p, 88) == h->map.pages);
    CHECK(u64_at(p, 96) == 5);
    CHECK(u64_at(p, 104) == 16 + 640 + 2328 + 2336 + 8192);
    CHECK(u64_at(p, 112) == 2336 + 8192);
    CHECK(u64_at(p, 120) == 0 && u64_at(p, 128) == off[0]);
    CHECK(heap_close(h, true) == 0);
}

static void size_classes_are_pinned(struct rig *r)
{
    struct heap *h = open_volatile();
    uint64_t sum = 0;

    for (uint32_t i = 0; i < h->alloc.nr; i++) {
        const struct size_class *c = &h->alloc.cls[i];

        sum = mix128(sum, (uint64_t)c->size << 40 | (uint64_t)c->slots << 20 | c->data);
    }
    CHECK(h->alloc.nr == 53);
    if (sum != SIZE_CLASSES_SUM)
        fprintf(stderr, "size classes: 0x%llx\n", (unsigned long long)sum);
    CHECK(sum == SIZE_CLASSES_SUM);
    CHECK(heap_close(h, true) == 0);
}

static void the_format_is_pinned(struct rig *r)
{
    static uint8_t buf[64 << 10];
    uint64_t off[6], sum = 0, at = 0;
    uint8_t *block = io_buf_alloc(WAL_BLOCK);
    struct wal_group_hdr hdr;

    rig_format(r, &(struct sim_dir_conf){.seed = 1});
    CHECK(rig_open(r, NULL) == 0);
    fixed_work(r->h, off);
    CHECK(heap_wait_durable(r->h, heap_lsn(r->h)) == 0);
    for (; at < sizeof(buf); at += WAL_BLOCK) { /* position 4096 is the first */
        CHECK(super_read_wait(r->sup, SUPER_WAL, WAL_RING_OFF + 4096 + at, block, WAL_BLOCK) == 0);
        memcpy(buf + at, block, WAL_BLOCK);
    }
    memcpy(&hdr, buf, sizeof(hdr));
    CHECK(memcmp(buf, "THWG", 4) == 0);
    CHECK(u64_at(buf, 8) == r->h->generation && u64_at(buf, 16) == 1 && u64_at(buf, 24) == 4096 &&
          u64_at(buf, 32) == 4096);
    CHECK(u64_at(buf, 40) == 0 && hdr.len < sizeof(buf));
    sum = hash_bytes(buf + 64, hdr.len - 64);
    CHECK(u64_at(buf, 48) == sum); /* body checksum: XXH3 */
    if (hdr.len != LOG_LEN || sum != LOG_SUM)
        fprintf(stderr, "log of the fixed work: %u bytes, 0x%llx\n", hdr.len,
                (unsigned long long)sum);
    CHECK(hdr.len == LOG_LEN && sum == LOG_SUM);

    CHECK(super_read_wait(r->sup, SUPER_WAL, WAL_BLOCK, block, WAL_BLOCK) ==
          0); /* record number 1 */
    CHECK(memcmp(block, "WALMARK0", 8) == 0);
    CHECK(u64_at(block, 8) == (UINT64_C(1) << 32 | 1) && u64_at(block, 16) == r->h->generation &&
          u64_at(block, 24) == 1);
    CHECK(u64_at(block, 32) == 4096 && u64_at(block, 40) == 1 && u64_at(block, 48) == 4096 &&
          u64_at(block, 56) == 4096);
    CHECK(u64_at(block, 64) == hash_bytes(block, 64));
    io_buf_free(block);
    CHECK(heap_close(r->h, true) == 0);
}

#define STORIES(X)                                                                                 \
    X(a_slot_page_is_header_bitmap_slots)                                                          \
    X(a_value_page_is_values_only_and_its_descriptor_tells)                                        \
    X(the_heap_page_holds_totals_and_roots)                                                        \
    X(size_classes_are_pinned)                                                                     \
    X(the_format_is_pinned)

RIG_MAIN(STORIES)
