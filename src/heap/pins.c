/*
 * Fault and retry: pages an operation missed are pinned, loaded, and the operation runs again.
 *
 * A page is pinned when it is taken from the list of misses, before anybody loads it, so it cannot
 * leave between load and retry. Reads go straight into the page's memory, which nobody looks at
 * before it is resident; PV_LOADING keeps a second fiber from reading it twice and the allocator
 * from initialising it meanwhile.
 */
#include "heap/heap_int.h"

#include <stdio.h>

#include "base/fail.h"
#include "base/log.h"

void heap_pins_take(struct heap *h, struct heap_pins *pins)
{
    for (uint32_t i = 0; i < h->missed_nr && pins->nr < HEAP_PINS_MAX; i++) {
        struct page_vol *v = &h->vol[h->missed[i]];

        ASSERT(v->pins < UINT16_MAX);
        v->pins++;
        pins->page[pins->nr++] = h->missed[i];
        pins->missed++;
    }
    h->missed_nr = 0;
}

void heap_miss_clear(struct heap *h)
{
    h->missed_nr = 0;
}

void heap_pins_drop(struct heap *h, struct heap_pins *pins)
{
    if (pins->nr == 0)
        return;
    heap_lock(h);
    for (uint32_t i = 0; i < pins->nr; i++) {
        ASSERT(h->vol[pins->page[i]].pins > 0);
        h->vol[pins->page[i]].pins--;
    }
    heap_unlock(h);
    pins->nr = pins->missed = 0;
}

/* ---- Loading ---- */

struct load {
    struct io_req req;
    struct iovec iov;
    struct rt_event done;
    uint64_t page;
    int rc;
};

static bool is_free(const struct heap *h, uint64_t page)
{
    return !page_is_core(page) && page_desc(h, page)->kind == PAGE_FREE;
}

static void load_done(struct io_req *req)
{
    struct load *l = req->arg;

    rt_event_set(&l->done);
}

static void load_submit(struct heap *h, struct load *l)
{
    rt_event_init(&l->done);
    l->iov = (struct iovec){page_addr(h, l->page), HEAP_PAGE_SIZE};
    l->req = (struct io_req){.op = IO_READ,
                             .off = l->page * HEAP_PAGE_SIZE,
                             .iov = &l->iov,
                             .iov_nr = 1,
                             .done = load_done,
                             .arg = l};
    super_submit(h->conf.dev[SUPER_META], SUPER_META, &l->req);
}

/* Takes the result of a read. Locked. */
static int load_finish(struct heap *h, struct load *l, bool verify)
{
    struct page_vol *v = &h->vol[l->page];
    char why[128];
    int rc = l->req.rc;

    v->flags &= (uint16_t)~PV_LOADING;
    if (is_free(h, l->page)) { /* meanwhile: value pages are freed without being looked at */
        frame_back(h, l->page);
        return 0;
    }
    if (rc != 0) {
        frame_back(h, l->page);
        LOG_ERROR("cannot read heap page %llu of %s: the device reported an error; check the "
                  "device, restore from a replica",
                  (unsigned long long)l->page, super_dev(h->conf.dev[SUPER_META])->name);
        return -DER_IO;
    }
    if (!page_verify(h, l->page, page_addr(h, l->page), verify, why)) {
        frame_back(h, l->page);
        LOG_ERROR("heap page %llu of %s is damaged: %s; run 'tarn check', restore from a replica "
                  "or a copy",
                  (unsigned long long)l->page, super_dev(h->conf.dev[SUPER_META])->name, why);
        return -DER_CSUM;
    }
    page_set_resident(h, l->page, true);
    alloc_page_loaded(h, l->page);
    return 0;
}

#define LOAD_TRIM 16u /* frames the clock may look at for each page that comes */

/* Loads those of the pages that are not resident and that nobody else loads; all at once. */
static int load_batch(struct heap *h, const uint64_t *page, uint32_t nr, bool verify)
{
    struct load *l = base_alloc(nr * sizeof(*l));
    uint32_t n = 0;
    int rc = 0;

    if (l == NULL)
        return -DER_NOMEM;
    heap_lock(h);
    if (frames_over(h, nr))
        frames_trim(h, nr, nr * LOAD_TRIM);
    for (uint32_t i = 0; i < nr && rc == 0; i++) {
        if (h->vol[page[i]].flags & (PV_RESIDENT | PV_LOADING) || is_free(h, page[i]))
            continue;
        rc = frame_give(h, page[i]);
        if (rc != 0)
            break;
        h->vol[page[i]].flags |= PV_LOADING;
        l[n++].page = page[i];
    }
    heap_unlock(h);
    for (uint32_t i = 0; i < n; i++)
        load_submit(h, &l[i]);
    for (uint32_t i = 0; i < n; i++)
        rt_event_wait(&l[i].done);
    heap_lock(h);
    for (uint32_t i = 0; i < n; i++) {
        int one = load_finish(h, &l[i], verify);

        rc = rc != 0 ? rc : one;
    }
    if (n > 0)
        rt_cond_broadcast(&h->loaded);
    heap_unlock(h);
    base_free(l);
    return rc;
}

/* Pages somebody else loads: waits for the end of that. Those that failed there are tried again by
 * the next call. */
static bool load_wait_others(struct heap *h, const uint64_t *page, uint32_t nr)
{
    bool all = true;

    heap_lock(h);
    for (uint32_t i = 0; i < nr; i++) {
        while (h->vol[page[i]].flags & PV_LOADING)
            rt_cond_wait(&h->loaded, &h->lock);
        all = all && ((h->vol[page[i]].flags & PV_RESIDENT) != 0 || is_free(h, page[i]));
    }
    heap_unlock(h);
    return all;
}

#define LOAD_BATCH 64u

int page_load(struct heap *h, const uint64_t *page, uint32_t nr, bool verify)
{
    int rc = 0;

    for (uint32_t at = 0; at < nr && rc == 0; at += LOAD_BATCH) {
        uint32_t n = MIN(LOAD_BATCH, nr - at);

        do {
            rc = load_batch(h, page + at, n, verify);
        } while (rc == 0 && !load_wait_others(h, page + at, n));
    }
    return rc;
}

/* ---- Retry ---- */

static bool retry_fault(struct heap *h, struct heap_pins *pins, int *rc)
{
    uint32_t first = pins->nr - pins->missed;

    if (pins->missed == 0) {
        if (pins->nr < HEAP_PINS_MAX)
            return true; /* somebody cleared the misses; they are found again */
        LOG_ERROR(
            "an operation needs more than %u heap pages at once; it must work in smaller steps",
            HEAP_PINS_MAX);
        *rc = -DER_OVERFLOW;
        return false;
    }
    if (!h->is_volatile)
        *rc = page_load(h, pins->page + first, pins->missed, true);
    pins->missed = 0;
    return *rc == 0 || *rc == HEAP_FAULT;
}

static bool retry_wait(struct heap *h, int *rc)
{
    heap_lock(h);
    if (heap_failed(h)) {
        *rc = -DER_IO;
    } else {
        background_kick(h);
        rt_cond_wait_timeout(&h->room, &h->lock, 100000000);
    }
    heap_unlock(h);
    return *rc == HEAP_WAIT;
}

static bool retry_grow(struct heap *h, int *rc)
{
    int grown = h->grow_data && h->space_ops != NULL ? h->space_ops->grow(h) : heap_grow_meta(h);

    if (grown != 0)
        *rc = grown;
    return grown == HEAP_WAIT ? retry_wait(h, rc) : grown == 0;
}

bool heap_retry(struct heap *h, struct heap_pins *pins, int *rc)
{
    switch (*rc) {
    case HEAP_FAULT:
        return retry_fault(h, pins, rc);
    case HEAP_WAIT:
        return retry_wait(h, rc);
    case HEAP_GROW:
        return retry_grow(h, rc);
    default:
        return false;
    }
}

uint32_t heap_evict(struct heap *h, bool (*drop)(void *arg, uint64_t page), void *arg)
{
    uint32_t nr = 0;

    if (h->is_volatile)
        return 0;
    for (uint64_t page = 1; page < h->pages; page++) {
        if (frame_may_leave(h, page) && drop(arg, page)) {
            frame_leave(h, page);
            nr++;
        }
    }
    return nr;
}
