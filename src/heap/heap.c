/*
 * Format, open, close, lock and figures of a heap.
 *
 * Format writes the heap page and the descriptor pages in place, flushes, and then writes the first
 * checkpoint record: a device without that record is no heap, so a power cut during format leaves
 * none.
 */
#include "heap/heap_int.h"

#include <stdio.h>
#include <string.h>

#include "base/fail.h"
#include "base/log.h"
#include "heap/step.h"

#define VOLATILE_BYTES (UINT64_C(256) << 20)
#define REPLAY_MAX                                                                                 \
    (UINT64_C(16) << 20) /* close makes a checkpoint rather than leave more log than this */

#define TRIM_STEPS                                                                                 \
    64u /* frames the clock may look at when the lock falls: what is too much leaves step by step  \
         */

/* ---- Lock ---- */

void heap_lock(struct heap *h)
{
    rt_mutex_lock(&h->lock);
}

bool heap_trylock(struct heap *h)
{
    return rt_mutex_trylock(&h->lock);
}

void heap_unlock(struct heap *h)
{
    ASSERT(!h->tx.active);
    if (frames_over(h, 0))
        frames_trim(h, 0, TRIM_STEPS);
    rt_mutex_unlock(&h->lock);
}

/* ---- Life of the struct ---- */

static void heap_free(struct heap *h)
{
    if (h == NULL)
        return;
    wal_close(h);
    arena_fini(&h->tx.undo);
    base_free(h->tx.range);
    base_free(h->tx.sort);
    vec32_fini(&h->tx.inits);
    vec32_fini(&h->tx.freed);
    vec32_fini(&h->tx.touched);
    vec32_fini(&h->ckpt.pages);
    vec32_fini(&h->lost);
    vec32_fini(&h->rebuilt);
    page_space_close(h);
    base_free(h);
}

static int heap_new(const struct heap_conf *conf, struct heap **out)
{
    struct heap *h = base_calloc(1, sizeof(*h));
    int rc;

    if (h == NULL)
        return -DER_NOMEM;
    h->conf = *conf;
    if (h->conf.checkpoint_pct == 0)
        h->conf.checkpoint_pct = 50;
    h->readonly = conf->readonly;
    h->spurious = conf->spurious_fault != NULL;
    h->is_volatile = conf->dev[SUPER_META] == NULL;
    rt_mutex_init(&h->lock);
    rt_cond_init(&h->loaded);
    rt_cond_init(&h->room);
    arena_init(&h->tx.undo, 256u << 10);
    alloc_classes(&h->alloc);
    rc = page_space_open(h);
    if (rc != 0) {
        heap_free(h);
        return rc;
    }
    *out = h;
    return 0;
}

/* The pages of an empty heap, in memory. */
static int heap_build(struct heap *h, uint64_t pages)
{
    struct heap_super *s;
    int rc;

    rc = page_space_grow(h, pages);
    if (rc == 0)
        rc = frame_give(h, 0);
    for (uint64_t g = 1; g < pages && rc == 0; g += PAGES_PER_DESC)
        rc = frame_give(h, g);
    if (rc != 0)
        return rc;
    page_init(h, 0, PAGE_SUPER, 0);
    page_set_resident(h, 0, true);
    h->vol[0].flags |= PV_CORE;
    s = heap_super(h);
    s->magic = HEAP_MAGIC;
    s->format = HEAP_FORMAT;
    s->page_size = HEAP_PAGE_SIZE;
    s->pages_per_desc = PAGES_PER_DESC;
    s->pages = pages;
    for (uint64_t g = 1; g < pages; g += PAGES_PER_DESC) {
        page_init(h, g, PAGE_DESC, 0);
        page_set_resident(h, g, true);
        h->vol[g].flags |= PV_CORE;
    }
    return 0;
}

static int open_volatile(struct heap *h)
{
    int rc;

    h->generation = 1;
    rc = heap_build(h, VOLATILE_BYTES / HEAP_PAGE_SIZE);
    if (rc != 0)
        return rc;
    return alloc_grow_commit(h, VOLATILE_BYTES / HEAP_PAGE_SIZE);
}

/* ---- Format ---- */

static int conf_check(const struct heap_conf *conf, struct err *e)
{
    if (conf->dev[SUPER_WAL] == NULL || conf->dev[SUPER_META] == NULL)
        return err_set(e, -DER_INVAL, "cannot use the heap's devices",
                       "the log or the metadata device is missing", "give a device for each role");
    if (super_role_size(conf->dev[SUPER_WAL], SUPER_WAL) < WAL_MIN_SIZE ||
        super_role_size(conf->dev[SUPER_META], SUPER_META) < 8 * HEAP_PAGE_SIZE)
        return err_set(e, -DER_DF_INVAL, "cannot use the heap's devices",
                       "the log or the metadata role is too small",
                       "format the device with at least 512 KiB of log and 128 KiB of metadata");
    return 0;
}

static int format_pages(struct heap *h, uint64_t pages)
{
    char *buf = io_buf_alloc(HEAP_PAGE_SIZE);
    int rc = 0;

    if (buf == NULL)
        return -DER_NOMEM;
    for (uint64_t page = 0; page < pages && rc == 0; page += page == 0 ? 1 : PAGES_PER_DESC) {
        struct page_hdr *hdr = (struct page_hdr *)buf;

        memcpy(buf, page_addr(h, page), HEAP_PAGE_SIZE);
        hdr->lsn = WAL_FIRST_LSN;
        hdr->csum = page_disk_csum(page_sum(page_addr(h, page)), hdr->lsn);
        rc = super_write_wait(h->conf.dev[SUPER_META], SUPER_META, page * HEAP_PAGE_SIZE, buf,
                              HEAP_PAGE_SIZE, 0);
    }
    io_buf_free(buf);
    return rc;
}

static int format_mark(struct heap *h)
{
    struct wal_mark m = {.flags = WAL_MARK_CLEAN,
                         .generation = h->generation,
                         .seq = 1,
                         .replay_lsn = WAL_FIRST_LSN,
                         .replay_group = 1,
                         .complete_lsn = WAL_FIRST_LSN,
                         .durable_lsn = WAL_FIRST_LSN};
    struct wal_mark none = {0};
    int rc;

    rc = wal_mark_write(h, &none, NULL); /* an old heap's record must not win */
    if (rc != 0)
        return rc;
    wal_mark_fill(&m);
    return wal_mark_write(h, &m, heap_super(h));
}

int heap_format(const struct heap_conf *conf, struct err *e)
{
    struct heap *h = NULL;
    uint64_t pages;
    int rc;

    if (conf->dev[SUPER_META] == NULL)
        return 0;
    rc = conf_check(conf, e);
    if (rc != 0)
        return rc;
    rc = heap_new(conf, &h);
    if (rc != 0)
        return err_set(e, rc, "cannot format the heap", "out of memory",
                       "free memory and try again");
    do {
        h->generation = rt_random();
    } while (h->generation == 0);
    pages = super_role_size(conf->dev[SUPER_META], SUPER_META) / HEAP_PAGE_SIZE;
    pages = pages % PAGES_PER_DESC == 1 ? pages - 1 : pages;
    rc = heap_build(h, pages);
    if (rc == 0)
        rc = format_pages(h, pages);
    if (rc == 0)
        rc = super_flush_wait(conf->dev[SUPER_META]);
    if (rc == 0)
        rc = format_mark(h);
    if (rc != 0)
        err_set(e, rc, "cannot format the heap", "writing its first pages failed",
                "check the device and try again");
    heap_free(h);
    return rc;
}

/* ---- Open and close ---- */

static int open_services(struct heap *h)
{
    int rc;

    if (h->readonly)
        return 0;
    rc = wal_start(h);
    if (rc == 0)
        rc = background_start(h);
    return rc;
}

int heap_open(const struct heap_conf *conf, struct heap **out, struct err *e)
{
    struct heap *h = NULL;
    int rc = conf->dev[SUPER_META] == NULL ? 0 : conf_check(conf, e);

    if (rc != 0)
        return rc;
    rc = heap_new(conf, &h);
    if (rc != 0)
        return err_set(e, rc, "cannot open the heap", "out of memory", "free memory and try again");
    if (h->is_volatile) {
        rc = open_volatile(h);
    } else {
        rc = wal_open(h);
        if (rc == 0)
            rc = recover(h, e);
        if (rc == 0)
            rc = space_open(h);
        if (rc == 0)
            rc = open_services(h);
        if (rc == 0)
            rc = recover_give_up(h);
        frames_limit(h, conf->mem_limit);
    }
    if (rc != 0) {
        err_set(e, rc, "cannot open the heap", "starting it failed", "see the log");
        background_stop(h);
        wal_stop(h, false);
        if (h->space_ops != NULL)
            h->space_ops->close(h);
        heap_free(h);
        return rc;
    }
    *out = h;
    return 0;
}

static int close_clean(struct heap *h)
{
    struct wal_mark m;
    int rc = 0;

    if (wal_used(h) > REPLAY_MAX)
        rc = heap_checkpoint(h);
    wal_stop(h, true);
    if ((rc != 0 && rc != -DER_NOMEM) || heap_failed(h)) /* without memory the log stays longer */
        return -DER_IO;
    heap_step(h, HEAP_STEP_CLOSE_DURABLE);
    m = (struct wal_mark){.flags = WAL_MARK_CLEAN,
                          .generation = h->generation,
                          .seq = ++h->wal.mark_seq,
                          .replay_lsn = h->wal.replay_lsn,
                          .replay_group = h->wal.replay_group,
                          .complete_lsn = h->wal.complete_lsn,
                          .durable_lsn = h->wal.next_start};
    wal_mark_fill(&m);
    rc = wal_mark_write(h, &m, &h->wal.copy);
    if (rc == 0)
        heap_step(h, HEAP_STEP_CLOSE_MARKED);
    for (uint32_t r = 0; r < SUPER_ROLE_NR && rc == 0; r++) {
        if (h->conf.dev[r] != NULL && !super_is_clean(h->conf.dev[r]))
            rc = super_mark(h->conf.dev[r], true);
    }
    return rc;
}

int heap_close(struct heap *h, bool clean)
{
    int rc = 0;

    if (!h->is_volatile && !h->readonly) {
        background_stop(h);
        if (clean)
            rc = heap_failed(h) ? -DER_IO : close_clean(h);
        wal_stop(h, false);
    }
    if (h->space_ops != NULL)
        h->space_ops->close(h);
    heap_free(h);
    return rc;
}

void heap_fail(struct heap *h, const char *what, int rc)
{
    if (atomic_exchange(&h->wal.failed, true))
        return;
    LOG_ERROR("%s failed (%d): the shard stops, so that nothing it says can turn out untrue; check "
              "the device and open the pool again",
              what, rc);
    wal_kick(h); /* tells all who wait */
}

void heap_flush_failed(struct heap *h)
{
    for (uint32_t i = 0; i < SUPER_ROLE_NR; i++)
        if (h->conf.dev[i] != NULL && super_dev(h->conf.dev[i])->flush_lost)
            heap_fail(h, "flushing the device", -DER_IO);
}

void heap_space_attach(struct heap *h, const struct heap_space_ops *ops, void *state)
{
    h->space_ops = ops;
    h->space = state;
}

/* ---- Figures ---- */

void heap_stat(struct heap *h, struct heap_stat *st)
{
    const struct heap_super *s = heap_super(h);

    *st = (struct heap_stat){
        .pages = h->map.pages,
        .pages_free = h->alloc.free_pages,
        .pages_resident = h->resident,
        .pages_dirty = h->dirty_nr,
        .alloc_bytes = s->alloc_bytes,
        .value_bytes = s->value_bytes,
        .alloc_count = s->alloc_count,
        .meta_bytes = (h->map.pages - h->alloc.free_pages) * HEAP_PAGE_SIZE,
        .mem_bytes = (uint64_t)(h->frames.nr - h->frames.free.nr) * HEAP_PAGE_SIZE,
        .mem_limit = h->conf.mem_limit,
        .evicted = h->frames.evicted,
        .wal_size = h->wal.size,
        .wal_used = h->is_volatile ? 0 : wal_used(h),
        .wal_written = h->wal.written,
        .wal_writes = h->wal.writes,
        .commits = h->commits,
        .checkpoints = h->ckpt.done,
        .faults = h->faults,
        .replayed_records = h->replayed,
    };
    if (h->space_ops != NULL)
        h->space_ops->stat(h, st);
}
