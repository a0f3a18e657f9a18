/*
 * Frames: the memory pages lie in, and who has to leave when there are too many.
 *
 * A frame is 16 KiB of one reserved range that is committed from its start, in large pages where
 * the system has them. The budget (heap_conf.mem_limit) is kept softly: a page that is needed gets
 * a frame in any case, because an operation in the middle of its change cannot wait, and pages
 * leave a moment later, when the lock falls and no address is in use any more. Changes wait before
 * they begin when too much of the budget is dirty; then a checkpoint makes it clean.
 *
 * Who leaves: a page that comes is young, and a small share of the budget is for the young. The
 * oldest of them leaves when there are more, unless somebody has looked at it again or it has nodes
 * of trees; then it is one of the others. Among those a clock decides: the hand goes round, and a
 * page that was looked at since it came by last is spared once, one with nodes some times more. So
 * pages that are needed once, as most pages of records are where memory is short, cost one look
 * each and push nobody out. The hand moves on a little with them all the same: what nobody needs
 * any more leaves in the end, and the young have the room. Dirty, pinned and core pages stay.
 *
 * Why frames and not an address for each page: docs/decisions/0006.
 */
#include "heap/heap_int.h"

#include <string.h>

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#define POISON(at)   __asan_poison_memory_region(at, HEAP_PAGE_SIZE)
#define UNPOISON(at) __asan_unpoison_memory_region(at, HEAP_PAGE_SIZE)
#else
#define POISON(at)   ((void)(at))
#define UNPOISON(at) ((void)(at))
#endif

#define BUDGET_LEAST 16u  /* frames */
#define YOUNG_SHARE  32u  /* of the budget one in so many is for the young */
#define AGE_EVERY    4u   /* looks at young ones, and the hand moves on by one */
#define STEP         128u /* made at once: 2 MiB */

int frames_open(struct heap *h)
{
    struct frames *f = &h->frames;
    uint64_t want = UINT64_C(1) << 40;
    int rc;

    do {
        rc = vrange_open(&f->mem, want, VRANGE_ANY, heap_ranges(h));
        want /= 2;
    } while (rc != 0 && want >= UINT64_C(1) << 30);
    if (rc != 0)
        return rc;
    f->max = (uint32_t)(f->mem.max / HEAP_PAGE_SIZE);
    f->budget = UINT32_MAX;
    vrange_huge(&f->mem, 0, f->mem.max);
    rc = vrange_open(&f->ownermem, f->max * sizeof(*f->owner), VRANGE_ANY, heap_ranges(h));
    f->owner = (uint32_t *)f->ownermem.base;
    if (rc == 0)
        rc = vrange_open(&f->nextmem, f->max * sizeof(*f->next), VRANGE_ANY, heap_ranges(h));
    f->next = (uint32_t *)f->nextmem.base;
    return rc;
}

void frames_close(struct heap *h)
{
    struct frames *f = &h->frames;

    for (uint32_t i = 0; i < f->free.nr; i++)
        UNPOISON(f->mem.base + f->free.v[i] * HEAP_PAGE_SIZE);
    vrange_close(&f->mem);
    vrange_close(&f->ownermem);
    vrange_close(&f->nextmem);
    vec32_fini(&f->free);
}

void frames_limit(struct heap *h, uint64_t bytes)
{
    uint64_t nr = bytes / HEAP_PAGE_SIZE;

    h->frames.budget = bytes == 0 || nr > UINT32_MAX ? UINT32_MAX : MAX((uint32_t)nr, BUDGET_LEAST);
}

/* ---- Giving and taking ---- */

static int frames_more(struct frames *f)
{
    uint32_t to = MIN(f->nr + STEP, f->max);
    int rc = to == f->nr ? -DER_NOMEM : 0;

    if (rc == 0)
        rc = vrange_commit(&f->mem, to * (size_t)HEAP_PAGE_SIZE);
    if (rc == 0)
        rc = vrange_commit(&f->ownermem, to * sizeof(*f->owner));
    if (rc == 0)
        rc = vrange_commit(&f->nextmem, to * sizeof(*f->next));
    if (rc == 0)
        rc = vec32_room(&f->free, to - f->free.nr); /* giving back cannot fail */
    if (rc != 0)
        return rc;
    while (to > f->nr) { /* the lowest comes first out of the list */
        f->free.v[f->free.nr++] = --to;
        f->next[to] = FRAME_OLD;
    }
    f->nr = MIN(f->nr + STEP, f->max);
    for (uint32_t i = 0; i < f->free.nr; i++) {
        f->owner[f->free.v[i]] = FRAME_FREE;
        POISON(f->mem.base + f->free.v[i] * HEAP_PAGE_SIZE);
    }
    return 0;
}

/* As the youngest. One that was given back keeps its place among them. */
static void young_add(struct frames *f, uint32_t i)
{
    if (f->next[i] != FRAME_OLD)
        return;
    f->next[i] = i; /* the last one's own */
    if (f->young_nr++ > 0)
        f->next[f->young_last] = i;
    else
        f->young_first = i;
    f->young_last = i;
}

static uint32_t young_take(struct frames *f)
{
    uint32_t i = f->young_first;

    f->young_first = f->next[i];
    f->next[i] = FRAME_OLD;
    f->young_nr--;
    return i;
}

int frame_give(struct heap *h, uint64_t page)
{
    struct frames *f = &h->frames;
    char *mem;
    uint32_t i;
    int rc;

    if (h->map.at[page] != 0)
        return 0;
    if (f->free.nr == 0 && (rc = frames_more(f)) != 0)
        return rc;
    i = f->free.v[--f->free.nr];
    f->owner[i] = (uint32_t)page;
    if (f->budget != UINT32_MAX)
        young_add(f, i);
    mem = f->mem.base + i * (size_t)HEAP_PAGE_SIZE;
    h->map.at[page] = (uintptr_t)mem;
    UNPOISON(mem);
    return 0;
}

void frame_back(struct heap *h, uint64_t page)
{
    struct frames *f = &h->frames;
    char *mem = page_addr(h, page);
    uint32_t i;

    if (mem == NULL)
        return;
    i = (uint32_t)((size_t)(mem - f->mem.base) / HEAP_PAGE_SIZE);
    POISON(mem);
    h->map.at[page] = 0;
    f->owner[i] = FRAME_FREE;
    f->free.v[f->free.nr++] = i;
}

/* ---- Leaving ---- */

bool frame_may_leave(const struct heap *h, uint64_t page)
{
    const struct page_vol *v = &h->vol[page];

    return (v->flags & (PV_RESIDENT | PV_DIRTY | PV_CKPT | PV_WRITING | PV_LOADING | PV_CORE)) ==
               PV_RESIDENT &&
           v->pins == 0;
}

void frame_leave(struct heap *h, uint64_t page)
{
    page_set_resident(h, page, false);
    alloc_page_loaded(h, page); /* moves it behind the resident pages of its class */
    h->frames.evicted++;
    h->frames.barren = 0;
}

static void hand_at(struct heap *h, uint64_t page)
{
    struct page_vol *v = &h->vol[page];

    if ((v->flags & (PV_RESIDENT | PV_LOADING)) == 0)
        frame_back(h, page); /* of a transaction that went no further */
    else if (v->flags & PV_REF)
        page_unseen(h, page);
    else if (v->stay > 0)
        v->stay--;
    else if (frame_may_leave(h, page))
        frame_leave(h, page);
}

/* The oldest of the young leaves, or is one of the others from now on. False: it has just come. */
static bool young_leaves(struct heap *h)
{
    struct frames *f = &h->frames;
    uint32_t i = young_take(f), page = f->owner[i];
    const struct page_vol *v;

    if (page == FRAME_FREE)
        return true;
    v = &h->vol[page];
    if (v->flags & PV_LOADING || v->pins > 0) {
        young_add(f, i);
        return false;
    }
    if ((v->flags & PV_REF) == 0 && v->stay == 0)
        hand_at(h, page);
    return true;
}

static void hand_moves(struct heap *h)
{
    struct frames *f = &h->frames;

    f->hand = f->hand + 1 < f->nr ? f->hand + 1 : 0;
    f->barren++;
    if (f->owner[f->hand] != FRAME_FREE && f->next[f->hand] == FRAME_OLD)
        hand_at(h, f->owner[f->hand]);
}

void frames_trim(struct heap *h, uint32_t more, uint32_t steps)
{
    struct frames *f = &h->frames;

    if (h->is_volatile)
        return;
    for (; steps > 0 && frames_over(h, more); steps--) {
        bool many = f->young_nr > f->budget / YOUNG_SHARE || f->barren >= f->nr;

        if (!many || f->young_nr == 0 || !young_leaves(h) || ++f->looks % AGE_EVERY == 0)
            hand_moves(h);
    }
}

bool frames_ckpt_due(const struct heap *h)
{
    return h->dirty_nr > h->frames.budget / 4;
}

bool frames_too_dirty(const struct heap *h)
{
    return h->dirty_nr + h->writing_nr > h->frames.budget / 4 * 3;
}
