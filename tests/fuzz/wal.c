/*
 * The log of a heap that crashed: bytes over its checkpoint records and groups, sealed again with
 * the right checksums if the mode byte says so; then recovery, and if that lets the heap open, work
 * on it. Input: mode, then pieces: place (1: 0, 1 a checkpoint record, else a group), offset (2),
 * length (1), bytes. With M_RECORDS the first piece is the whole body of the first group.
 *
 * Recovery refuses the log or makes a heap of it. What that heap says may be nonsense; using it
 * ends in errors, never in a crash.
 */
#include "fuzz_image.h"
#include "base/csum.h"
#include "base/err.h"
#include "heap/heap.h"
#include "heap/layout.h"
#include "heap/space.h"
#include "heap/wal.h"

enum { M_SEAL = 1, M_READONLY = 2, M_RECORDS = 4, M_CLEAN = 8 };

#define GROUPS_MAX 32u
#define WAL_BYTES  (512u << 10)

static struct {
    uint64_t wal; /* where the WAL role begins on the device */
    uint64_t group[GROUPS_MAX];
    uint32_t groups;
} image;

struct store {
    struct io_dev *dev;
    struct super *super;
    struct heap *h;
};

static struct heap_conf conf_of(struct store *s, bool readonly)
{
    struct heap_conf c = {.xs = fuzz_xs(), .readonly = readonly, .group_max_bytes = 32u << 10};

    for (int r = 0; r < SUPER_ROLE_NR; r++)
        c.dev[r] = s->super;
    return c;
}

static void store_close(struct store *s, bool clean)
{
    if (s->h != NULL)
        heap_close(s->h, clean);
    if (s->super != NULL)
        super_close(s->super);
    io_dev_close(s->dev);
}

/* ---- A heap that did some work since its last checkpoint ---- */

/* One transaction: a new allocation that becomes a root; the one that was the root goes. */
static int step(struct heap *h, uint32_t size, struct space_extent *ext)
{
    uint64_t off, old;
    void *p;
    int rc = heap_tx_begin(h, 16384);

    if (rc != 0)
        return rc;
    rc = heap_root_get(h, HEAP_ROOT_VOS, &old);
    if (rc == 0 && old != 0 && size % 3 == 0)
        rc = heap_tx_free(h, old);
    if (rc == 0)
        rc = heap_tx_alloc(h, size, old, &off, &p);
    if (rc == 0) {
        memset(p, (int)size, size / 2);
        rc = heap_tx_root_set(h, HEAP_ROOT_VOS, off);
    }
    if (rc == 0 && ext != NULL)
        rc = heap_tx_space_use(h, ext);
    if (rc == 0)
        heap_tx_commit(h, NULL);
    else
        heap_tx_abort(h);
    return rc;
}

static int work(struct heap *h, uint32_t size, bool data)
{
    struct heap_pins pins = HEAP_PINS_INIT;
    struct space_extent ext;
    uint32_t nr;
    int rc;

    do {
        heap_lock(h);
        nr = 1;
        rc = data ? heap_space_reserve(h, 4096, &ext, &nr) : 0;
        if (rc == 0) {
            rc = step(h, size, data ? &ext : NULL);
            if (rc != 0 && data)
                heap_space_cancel(h, &ext, 1);
        }
        heap_pins_take(h, &pins);
        heap_unlock(h);
    } while (heap_retry(h, &pins, &rc));
    heap_pins_drop(h, &pins);
    return rc;
}

static void make(void *arg)
{
    static const uint32_t sizes[] = {24, 100, 3000, 600, 8192, 48, 2000, 96};
    struct super_id id = {.page_size = HEAP_PAGE_SIZE, .roles = 7};
    uint64_t size[SUPER_ROLE_NR] = {WAL_BYTES, 1u << 20, 256u << 10}, len;
    struct store s = {0};
    struct heap_conf c;

    FUZZ_CHECK(io_dir_create_dev(fuzz_image_dir(), fuzz_xs(), "d", SUPER_AREA, &s.dev, NULL) == 0);
    FUZZ_CHECK(super_format(s.dev, &id, size, 0, 0, 0, false, &s.super, NULL) == 0);
    c = conf_of(&s, false);
    FUZZ_CHECK(heap_format(&c, NULL) == 0 && heap_open(&c, &s.h, NULL) == 0);
    for (uint32_t i = 0; i < 40; i++) {
        FUZZ_CHECK(work(s.h, sizes[i % ARRAY_LEN(sizes)], i % 5 == 0) == 0);
        if (i % 4 == 3)
            FUZZ_CHECK(heap_wait_durable(s.h, heap_lsn(s.h)) == 0);
        if (i == 15)
            FUZZ_CHECK(heap_checkpoint(s.h) == 0);
    }
    store_close(&s, false);
    fuzz_image_seal();
    image.wal = fuzz_image_role(SUPER_WAL, &len);
    FUZZ_CHECK(len == WAL_BYTES);
    for (uint64_t at = WAL_RING_OFF; at < WAL_BYTES && image.groups < GROUPS_MAX; at += WAL_BLOCK) {
        struct wal_group_hdr g;

        memcpy(&g, fuzz_image_bytes() + image.wal + at, sizeof(g));
        if (g.magic == WAL_GROUP_MAGIC)
            image.group[image.groups++] = at;
    }
    FUZZ_CHECK(image.groups > 4);
}

/* ---- Damage ---- */

static void seal_mark(uint32_t block)
{
    uint64_t at = image.wal + (uint64_t)block * WAL_BLOCK;
    struct wal_mark m;

    memcpy(&m, fuzz_image_bytes() + at, sizeof(m));
    m.csum = csum_calc(CSUM_XXH3, &m, offsetof(struct wal_mark, csum));
    fuzz_image_poke(at, &m, sizeof(m));
}

/* The groups are a chain in the order of their LSNs, which is that of their places here. */
static void seal_groups(void)
{
    uint64_t prev = 0;

    for (uint32_t i = 0; i < image.groups; i++) {
        uint64_t at = image.wal + image.group[i];
        struct wal_group_hdr g;

        memcpy(&g, fuzz_image_bytes() + at, sizeof(g));
        if (g.len >= sizeof(g) && g.len <= WAL_BYTES - image.group[i])
            g.body_csum = wal_body_csum(fuzz_image_bytes() + at, g.len);
        if (i > 0)
            g.prev = prev;
        g.hdr_csum = wal_group_hdr_csum(&g);
        prev = g.hdr_csum;
        fuzz_image_poke(at, &g, sizeof(g));
    }
}

static uint64_t place(uint8_t n)
{
    return image.wal + (n < 2 ? (uint64_t)n * WAL_BLOCK : image.group[(n - 2u) % image.groups]);
}

/* The group where replay starts gets these records. */
static void put_records(struct feed *f)
{
    uint64_t at = 0;
    struct wal_mark m, best = {0};
    struct wal_group_hdr g;
    size_t got, len = feed_u8(f);
    const uint8_t *p = feed_bytes(f, len, &got);

    for (uint32_t i = 0; i < 2; i++) {
        memcpy(&m, fuzz_image_bytes() + image.wal + i * WAL_BLOCK, sizeof(m));
        if (m.magic == WAL_MARK_MAGIC && m.seq >= best.seq)
            best = m;
    }
    for (uint32_t i = 0; i < image.groups; i++) {
        memcpy(&g, fuzz_image_bytes() + image.wal + image.group[i], sizeof(g));
        if (g.lsn == best.replay_lsn)
            at = image.wal + image.group[i];
    }
    if (at == 0 || got == 0)
        return;
    memcpy(&g, fuzz_image_bytes() + at, sizeof(g));
    g.len = (uint32_t)(sizeof(g) + got);
    fuzz_image_poke(at, &g, sizeof(g));
    fuzz_image_poke(at + sizeof(g), p, got);
}

static void damage(struct feed *f, uint8_t mode)
{
    if (mode & M_RECORDS)
        put_records(f);
    while (f->left > 0) {
        uint64_t at = place(feed_u8(f)) + feed_u16(f) % WAL_BLOCK;
        size_t got;
        const uint8_t *p = feed_bytes(f, feed_u8(f) % 64, &got);

        if (got > 0)
            fuzz_image_poke(at, p, got);
    }
    if (mode & M_SEAL) {
        seal_mark(0);
        seal_mark(1);
        seal_groups();
    }
}

/* ---- Use ---- */

static void no_report(void *arg, const char *text)
{
}

static void use(void *arg)
{
    uint8_t mode = *(uint8_t *)arg;
    struct store s = {0};
    struct err e = {0};
    struct heap_conf c;
    uint64_t problems = 0;
    int rc;

    FUZZ_CHECK(io_dir_open_dev(fuzz_image_dir(), fuzz_xs(), "d", mode & M_READONLY, &s.dev, NULL) ==
               0);
    FUZZ_CHECK(super_open(s.dev, &s.super, NULL) == 0);
    c = conf_of(&s, mode & M_READONLY);
    rc = heap_open(&c, &s.h, &e);
    FUZZ_CHECK(rc == 0 || (rc < 0 && s.h == NULL && e.what[0] != '\0'));
    for (uint32_t i = 0; rc == 0 && i < 3; i++) {
        work(s.h, 24 + 997 * i, i == 1);
        heap_check(s.h, no_report, NULL, &problems);
        if (i == 1)
            heap_checkpoint(s.h);
    }
    store_close(&s, mode & M_CLEAN);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct feed f = {data, size};
    uint8_t mode = feed_u8(&f);

    fuzz_quiet();
    if (image.groups == 0)
        fuzz_on_fiber(make, NULL);
    fuzz_image_reset();
    damage(&f, mode);
    fuzz_on_fiber(use, &mode);
    return 0;
}
