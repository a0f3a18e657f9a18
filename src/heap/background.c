/*
 * What a heap does by itself: checkpoints when the log fills, growth of the metadata role before it
 * is full, looking ahead for enumerations. One fiber, asleep unless kicked.
 */
#include "heap/heap_int.h"

#include "heap/step.h"

#define GROW_MIN   (UINT64_C(16) << 20)
#define GROW_LEAST (UINT64_C(1) << 20)
#define GROW_MAX   (UINT64_C(1) << 30)
/* After a failure growth ahead of need pauses; an operation that needs a page tries at once. */
#define GROW_PAUSE_NS UINT64_C(1000000000)

void background_kick(struct heap *h)
{
    if (h->bg_started)
        rt_event_set(&h->bg_kick);
}

void heap_prefetch(struct heap *h, uint64_t off)
{
    uint64_t page = page_of(off);

    if (off < HEAP_PAGE_SIZE || page >= h->map.pages ||
        h->vol[page].flags & (PV_RESIDENT | PV_LOADING))
        return;
    if (!page_is_core(page) && page_desc(h, page)->kind != PAGE_SLOT &&
        page_desc(h, page)->kind != PAGE_VALUE)
        return;
    if (h->prefetch_nr < ARRAY_LEN(h->prefetch)) {
        h->prefetch[h->prefetch_nr++] = (uint32_t)page;
        background_kick(h);
    }
}

/* ---- Growth ---- */

static int grow_to(struct heap *h, uint64_t pages)
{
    int rc;

    heap_lock(h);
    rc = page_space_grow(h, pages);
    if (rc == 0)
        rc = tx_begin_dirty(h, 4096 + DIV_UP(pages - h->map.pages, PAGES_PER_DESC) * 32);
    if (rc == 0) {
        rc = alloc_grow_tx(h, pages);
        if (rc == 0) {
            heap_tx_commit(h, NULL);
            rc = alloc_grow_commit(h, pages);
        } else {
            heap_tx_abort(h);
        }
    }
    heap_unlock(h);
    return rc;
}

/* Less is better than nothing when the file system is nearly full. */
static int grow_role(struct super *s, uint64_t more)
{
    int rc = super_grow(s, SUPER_META, more);

    while (rc == -DER_NOSPACE && more > GROW_LEAST) {
        more = MAX(more / 4, GROW_LEAST);
        rc = super_grow(s, SUPER_META, more);
    }
    return rc;
}

static int grow(struct heap *h)
{
    uint64_t now = h->map.pages * HEAP_PAGE_SIZE,
             size = now + MIN(MAX(now / 4, GROW_MIN), GROW_MAX);
    int rc = 0;

    if (!h->is_volatile) {
        struct super *s = h->conf.dev[SUPER_META];

        if (super_role_size(s, SUPER_META) <= now + 2 * HEAP_PAGE_SIZE) {
            rc = grow_role(s, size - now);
            if (rc != 0)
                heap_flush_failed(h);
            heap_step(h, HEAP_STEP_GROW_DEVICE);
        }
        size = super_role_size(s, SUPER_META);
    }
    if (rc == 0)
        rc = grow_to(h, size / HEAP_PAGE_SIZE % PAGES_PER_DESC == 1 ? size / HEAP_PAGE_SIZE - 1
                                                                    : size / HEAP_PAGE_SIZE);
    heap_step(h, HEAP_STEP_GROW_LOGGED);
    return rc;
}

int heap_grow_meta(struct heap *h)
{
    uint64_t before;
    bool was_tight;
    int rc = 0;

    if (h->readonly)
        return -DER_NO_PERM;
    heap_lock(h);
    before = h->map.pages;
    while (h->growing)
        rt_cond_wait(&h->room, &h->lock);
    if (h->map.pages != before) { /* somebody else's growth serves us too */
        heap_unlock(h);
        return 0;
    }
    h->growing = true;
    heap_unlock(h);
    rc = grow(h);
    heap_lock(h);
    h->growing = false;
    if (rc != 0 && rc != HEAP_WAIT)
        h->grow_after_ns = rt_now_ns() + GROW_PAUSE_NS;
    was_tight = h->tight;
    h->tight = rc == -DER_NOSPACE || (rc != 0 && was_tight);
    if (h->tight && !was_tight)
        rc = 0; /* whoever asked for a page may find a larger slot */
    rt_cond_broadcast(&h->room);
    heap_unlock(h);
    return rc;
}

/* ---- The fiber ---- */

static void prefetch(struct heap *h)
{
    uint64_t page[ARRAY_LEN(h->prefetch)];
    uint32_t nr;

    heap_lock(h);
    nr = h->prefetch_nr;
    for (uint32_t i = 0; i < nr; i++)
        page[i] = h->prefetch[i];
    h->prefetch_nr = 0;
    heap_unlock(h);
    if (nr > 0)
        page_load(h, page, nr, true); /* an error shows to whoever really needs the page */
}

static void background(void *arg)
{
    struct heap *h = arg;
    bool stop, ckpt, more;

    for (;;) {
        rt_event_wait(&h->bg_kick);
        rt_event_reset(&h->bg_kick);
        heap_lock(h);
        stop = h->bg_stop;
        ckpt = !heap_failed(h) && (wal_is_full(h) || h->ckpt.wanted);
        h->ckpt.wanted = false;
        more = !heap_failed(h) && h->alloc.free_pages * 10 < h->map.pages &&
               rt_now_ns() >= h->grow_after_ns;
        heap_unlock(h);
        if (stop)
            break;
        prefetch(h);
        if (ckpt)
            heap_checkpoint(h);
        if (more)
            heap_grow_meta(h);
    }
    rt_event_set(&h->bg_gone);
}

int background_start(struct heap *h)
{
    int rc;

    rt_event_init(&h->bg_kick);
    rt_event_init(&h->bg_gone);
    rc = rt_spawn(background, h);
    h->bg_started = rc == 0;
    return rc;
}

void background_stop(struct heap *h)
{
    if (!h->bg_started)
        return;
    h->bg_stop = true;
    rt_event_set(&h->bg_kick);
    rt_event_wait(&h->bg_gone);
    h->bg_started = false;
}
