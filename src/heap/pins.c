/*
 * Fault and retry: pages an operation missed are pinned, loaded, and the operation runs again.
 *
 * A page is pinned when it is taken from the list of misses, before anybody loads it, so it cannot
 * leave between load and retry; neighbours that come along with it are not, and may. Reads go
 * straight into the page's memory, which nobody looks at before it is resident; PV_LOADING keeps a
 * second fiber from reading it twice and the allocator from initialising it meanwhile.
 */
#include "heap/heap_int.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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
        struct page_vol *v = &h->vol[pins->page[i]];

        ASSERT(v->pins > 0);
        if (--v->pins > 0)
            continue;
        v->flags &= (uint16_t) ~(PV_BAD | PV_UNREAD);
        /* who was looked at but once is the first to leave */
        if (h->frames.budget != UINT32_MAX && v->stay == 0)
            page_unseen(h, pins->page[i]);
    }
    heap_unlock(h);
    pins->nr = pins->missed = 0;
}

/* ---- Loading ---- */

#define LOAD_BATCH 64u
#define LOAD_RUN   16u /* neighbours that come with one read */

/* A read of pages that lie side by side. */
struct load {
    struct io_req req;
    struct iovec iov[LOAD_RUN]; /* each page has its own frame */
    struct rt_event done;
    uint64_t page;
    uint32_t nr;
    uint32_t asked; /* bit i: page + i was asked for; the others come along, and may fail */
    int rc[LOAD_RUN];
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
    for (uint32_t i = 0; i < l->nr; i++)
        l->iov[i] = (struct iovec){page_addr(h, l->page + i), HEAP_PAGE_SIZE};
    l->req = (struct io_req){.op = IO_READ,
                             .off = l->page * HEAP_PAGE_SIZE,
                             .iov = l->iov,
                             .iov_nr = l->nr,
                             .done = load_done,
                             .arg = l};
    super_submit(h->conf.dev[SUPER_META], SUPER_META, &l->req);
}

/* Waits for the read. When it failed, each page that was asked for is read alone: its neighbours
 * may be what cannot be read. */
static void load_wait(struct heap *h, struct load *l)
{
    rt_event_wait(&l->done);
    for (uint32_t i = 0; i < l->nr; i++) {
        l->rc[i] = l->req.rc;
        if (l->req.rc != 0 && l->nr > 1 && (l->asked >> i & 1) != 0)
            l->rc[i] =
                super_read_wait(h->conf.dev[SUPER_META], SUPER_META, (l->page + i) * HEAP_PAGE_SIZE,
                                page_addr(h, l->page + i), HEAP_PAGE_SIZE);
    }
}

/* What is known of a page that could not be had, as long as somebody works who needs it. */
static int load_bad(struct heap *h, uint64_t page, int rc)
{
    struct page_vol *v = &h->vol[page];

    if (v->pins > 0)
        v->flags |= (uint16_t)(PV_BAD | (rc == -DER_IO ? PV_UNREAD : 0));
    return rc;
}

/* Takes one page of a read. asked: say what is wrong with it. Locked. */
static int load_finish(struct heap *h, uint64_t page, int rc, bool verify, bool asked)
{
    struct page_vol *v = &h->vol[page];
    char why[128];

    v->flags &= (uint16_t)~PV_LOADING;
    if (is_free(h, page)) { /* meanwhile: value pages are freed without being looked at */
        frame_back(h, page);
        return 0;
    }
    if (rc != 0) {
        frame_back(h, page);
        if (asked)
            LOG_ERROR("cannot read heap page %llu of %s: the device reported an error; check the "
                      "device, restore from a replica",
                      (unsigned long long)page, super_dev(h->conf.dev[SUPER_META])->name);
        return asked ? load_bad(h, page, -DER_IO) : 0;
    }
    if (!page_verify(h, page, page_addr(h, page), verify, why)) {
        frame_back(h, page);
        if (!asked)
            return 0;
        LOG_ERROR("heap page %llu of %s is damaged: %s; run 'tarn check', restore from a replica "
                  "or a copy",
                  (unsigned long long)page, super_dev(h->conf.dev[SUPER_META])->name, why);
        return load_bad(h, page, -DER_CSUM);
    }
    page_set_resident(h, page, true);
    if (!asked) /* the first to leave, if nobody comes for it */
        page_unseen(h, page);
    alloc_page_loaded(h, page);
    return 0;
}

#define LOAD_TRIM 16u /* frames that may be looked at for each page that comes */

/* Marks the page as being loaded and gives it a frame, unless it is there, on its way, or not in
 * use. 1: claimed, 0: nothing to do. */
static int load_claim(struct heap *h, uint64_t page)
{
    int rc;

    if (h->vol[page].flags & (PV_RESIDENT | PV_LOADING) || is_free(h, page) || page_is_bad(h, page))
        return 0;
    rc = frame_give(h, page);
    if (rc != 0)
        return rc;
    h->vol[page].flags |= PV_LOADING;
    return 1;
}

/* Pages are filled in the order of their numbers: whoever comes from the one before goes on. */
static bool goes_on(const struct heap *h, uint64_t page)
{
    return page > 2 && ((h->vol[page - 1].flags | h->vol[page - 2].flags) & PV_RESIDENT) != 0;
}

static int page_cmp(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return x < y ? -1 : x > y;
}

/* What follows the last page of the read comes along, while there is memory that nobody uses:
 * nothing leaves for what nobody asked for. */
static void load_ahead(struct heap *h, struct load *l)
{
    uint64_t page = l->page + l->nr;

    while (l->nr < LOAD_RUN && page < h->map.pages && !page_is_core(page) && !frames_over(h, 1) &&
           load_claim(h, page) > 0) {
        l->nr++;
        page++;
    }
}

/* Claims those of the pages (ascending) that nobody else loads; ahead: and what comes next. *n
 * reads are to be made, also after an error. Locked. */
static int load_plan(struct heap *h, const uint64_t *page, uint32_t nr, bool ahead, struct load *l,
                     uint32_t *n)
{
    for (uint32_t i = 0; i < nr; i++) {
        struct load *last = *n > 0 ? &l[*n - 1] : NULL;
        int rc;

        if (last != NULL && page[i] < last->page + last->nr) {
            last->asked |= 1u << (page[i] - last->page);
            continue;
        }
        rc = load_claim(h, page[i]);
        if (rc < 0)
            return rc;
        if (rc == 0)
            continue;
        if (last == NULL || page[i] != last->page + last->nr || last->nr == LOAD_RUN) {
            last = &l[(*n)++];
            last->page = page[i];
            last->nr = last->asked = 0;
        }
        last->asked |= 1u << last->nr++;
        if (ahead && goes_on(h, page[i]))
            load_ahead(h, last);
    }
    return 0;
}

/* Loads those of the pages that are not resident and that nobody else loads; all at once. */
static int load_batch(struct heap *h, const uint64_t *page, uint32_t nr, bool verify, bool ahead)
{
    struct load *l = base_alloc(nr * sizeof(*l));
    uint64_t sorted[LOAD_BATCH];
    uint32_t n = 0;
    int rc;

    if (l == NULL)
        return -DER_NOMEM;
    memcpy(sorted, page, nr * sizeof(*page));
    qsort(sorted, nr, sizeof(*sorted), page_cmp);
    heap_lock(h);
    if (frames_over(h, nr))
        frames_trim(h, nr, nr * LOAD_TRIM);
    rc = load_plan(h, sorted, nr, ahead, l, &n);
    heap_unlock(h);
    for (uint32_t i = 0; i < n; i++)
        load_submit(h, &l[i]);
    for (uint32_t i = 0; i < n; i++)
        load_wait(h, &l[i]);
    heap_lock(h);
    for (uint32_t i = 0; i < n; i++) {
        for (uint32_t k = 0; k < l[i].nr; k++) {
            bool asked = (l[i].asked >> k & 1) != 0 || MUTANT(PAGE_NEIGHBOUR_FATAL);
            int one = load_finish(h, l[i].page + k, l[i].rc[k], verify, asked);

            rc = rc != 0 ? rc : one;
        }
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
        all = all && ((h->vol[page[i]].flags & PV_RESIDENT) != 0 || is_free(h, page[i]) ||
                      page_is_bad(h, page[i]));
    }
    heap_unlock(h);
    return all;
}

static int load_all(struct heap *h, const uint64_t *page, uint32_t nr, bool verify, bool ahead)
{
    int rc = 0;

    for (uint32_t at = 0; at < nr && rc == 0; at += LOAD_BATCH) {
        uint32_t n = MIN(LOAD_BATCH, nr - at);

        do {
            rc = load_batch(h, page + at, n, verify, ahead);
        } while (rc == 0 && !load_wait_others(h, page + at, n));
    }
    return rc;
}

int page_load(struct heap *h, const uint64_t *page, uint32_t nr, bool verify)
{
    return load_all(h, page, nr, verify, false);
}

/* ---- Retry ---- */

/* Is one of the pages known to be bad now? Then whoever needs it is told so. */
static bool any_bad(struct heap *h, const uint64_t *page, uint32_t nr)
{
    bool bad = false;

    heap_lock(h);
    for (uint32_t i = 0; i < nr; i++)
        bad = bad || page_is_bad(h, page[i]);
    heap_unlock(h);
    return bad;
}

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
        *rc = load_all(h, pins->page + first, pins->missed, true, true);
    if ((*rc == -DER_CSUM || *rc == -DER_IO) && any_bad(h, pins->page + first, pins->missed))
        *rc = HEAP_FAULT;
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
    for (uint64_t page = 1; page < h->map.pages; page++) {
        if (frame_may_leave(h, page) && drop(arg, page)) {
            frame_leave(h, page);
            nr++;
        }
    }
    return nr;
}
