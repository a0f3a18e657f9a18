/*
 * The allocator: slots of about fifty size classes, one class a page.
 *
 * Up to 2 KiB a slot page: header, bitmap of live slots, slots. Above, value pages: slots only, the
 * bitmap is in the page's descriptor. Classes are spaced so that rounding up wastes at most about
 * an eighth.
 *
 * What is persistent: the slot bitmaps and, for every page, kind, class and "no free slot" in its
 * descriptor. All descriptors stay in memory (24 bytes for 16 KiB), so opening reads them and
 * nothing else. From them come, volatile: the bitmap of free pages and, for each class, the list of
 * pages with a free slot, resident ones first.
 *
 * Abort: bytes come back through the undo log; for every page whose descriptor or bitmap changed
 * the volatile side is computed again from them. A page freed by a transaction becomes available at
 * its commit, not before, so that abort finds its content.
 */
#include "heap/heap_int.h"

#include <string.h>

#define LARGER_MORE 64u /* bytes beyond twice the size: larger_pick() */

#define NEAR_PAGES 8u /* how far from a hint a page with a free slot still counts as near */

/* ---- Classes ---- */

static void class_add(struct alloc *a, uint32_t size, bool value)
{
    struct size_class *c = &a->cls[a->nr];
    uint32_t data = 0, slots;

    ASSERT(a->nr < CLASS_MAX);
    if (value) {
        slots = HEAP_PAGE_SIZE / size;
    } else {
        slots = (HEAP_PAGE_SIZE - PAGE_HDR_SIZE) / size;
        data = ROUND_UP(PAGE_BITMAP_OFF + DIV_UP(slots, 64) * 8, 16);
        data = MAX(data, PAGE_HDR_SIZE);
        slots = (HEAP_PAGE_SIZE - data) / size;
    }
    *c = (struct size_class){
        .size = size, .slots = (uint16_t)slots, .data = (uint16_t)data, .value = value};
    a->nr++;
}

void alloc_classes(struct alloc *a)
{
    static const uint16_t large[] = {576,  640,  704,  768,  832,  904,  960,  1088,
                                     1160, 1248, 1360, 1480, 1632, 1808, 2040, 2328};
    static const uint16_t value[] = {2336, 2728, 3272, 4096, 5456, 8192};
    uint32_t s, c = 0;

    a->nr = 0;
    for (s = 16; s <= 128; s += 8)
        class_add(a, s, false);
    for (s = 144; s <= 256; s += 16)
        class_add(a, s, false);
    for (s = 288; s <= 512; s += 32)
        class_add(a, s, false);
    for (s = 0; s < ARRAY_LEN(large); s++)
        class_add(a, large[s], false);
    for (s = 0; s < ARRAY_LEN(value); s++)
        class_add(a, value[s], true);
    for (s = 0; s <= HEAP_ALLOC_MAX / 8; s++) {
        while (a->cls[c].size < s * 8 || (s * 8 > HEAP_VALUE_MIN && !a->cls[c].value))
            c++;
        a->by_size[s] = (uint8_t)c;
    }
}

/* ---- Lists of pages with a free slot ---- */

static void list_del_page(struct heap *h, uint64_t page)
{
    struct page_vol *v = &h->vol[page];
    struct alloc *a = &h->alloc;

    if ((v->flags & PV_LISTED) == 0)
        return;
    if (v->prev != 0)
        h->vol[v->prev].next = v->next;
    else
        a->head[v->list] = v->next;
    if (v->next != 0)
        h->vol[v->next].prev = v->prev;
    else
        a->tail[v->list] = v->prev;
    v->next = v->prev = 0;
    v->flags &= (uint16_t)~PV_LISTED;
}

static void list_add_page(struct heap *h, uint64_t page, uint32_t cls)
{
    struct page_vol *v = &h->vol[page];
    struct alloc *a = &h->alloc;
    uint32_t n = (uint32_t)page;

    v->list = (uint16_t)cls;
    v->flags |= PV_LISTED;
    if (v->flags & PV_RESIDENT) {
        v->prev = 0;
        v->next = a->head[cls];
        a->head[cls] = n;
        if (v->next != 0)
            h->vol[v->next].prev = n;
        else
            a->tail[cls] = n;
    } else {
        v->next = 0;
        v->prev = a->tail[cls];
        a->tail[cls] = n;
        if (v->prev != 0)
            h->vol[v->prev].next = n;
        else
            a->head[cls] = n;
    }
}

static void free_bit_set(struct heap *h, uint64_t page, bool is_free)
{
    uint64_t *w = (uint64_t *)h->alloc.free.base + page / 64, bit = UINT64_C(1) << page % 64;

    if (((*w & bit) != 0) == is_free)
        return;
    *w ^= bit;
    if (is_free) {
        h->alloc.free_pages++;
        h->alloc.free_hint = MIN(h->alloc.free_hint, page / 64);
    } else {
        h->alloc.free_pages--;
    }
}

static bool desc_has_room(const struct heap *h, const struct page_desc *d)
{
    if (d->kind == PAGE_SLOT)
        return d->full == 0;
    return d->kind == PAGE_VALUE && d->slots != (1u << h->alloc.cls[d->cls].slots) - 1;
}

void alloc_page_relist(struct heap *h, uint64_t page)
{
    const struct page_desc *d = page_desc(h, page);

    list_del_page(h, page);
    free_bit_set(h, page, d->kind == PAGE_FREE);
    if (desc_has_room(h, d))
        list_add_page(h, page, d->cls);
}

void alloc_page_loaded(struct heap *h, uint64_t page)
{
    /* one that is not listed could not be had when somebody wanted to allocate in it */
    if (h->vol[page].flags & PV_LISTED ||
        (!page_is_core(page) && desc_has_room(h, page_desc(h, page))))
        alloc_page_relist(h, page);
}

void alloc_page_freed(struct heap *h, uint64_t page)
{
    if (page_desc(h, page)->kind != PAGE_FREE)
        return;
    page_set_resident(h, page, false);
    alloc_page_relist(h, page);
}

static bool desc_possible(const struct heap *h, const struct page_desc *d)
{
    if (d->kind == PAGE_FREE)
        return true;
    if ((d->kind != PAGE_SLOT && d->kind != PAGE_VALUE) || d->cls >= h->alloc.nr)
        return false;
    if (h->alloc.cls[d->cls].value != (d->kind == PAGE_VALUE))
        return false;
    return d->kind == PAGE_SLOT || d->slots >> h->alloc.cls[d->cls].slots == 0;
}

int alloc_open(struct heap *h)
{
    h->alloc.free_hint = 0;
    for (uint64_t page = 0; page < h->map.pages; page++) {
        if (page_is_core(page))
            continue;
        if (!desc_possible(h, page_desc(h, page)))
            return -DER_CSUM;
        alloc_page_relist(h, page);
    }
    return 0;
}

/* The transaction changes what the allocator derives its lists from. */
static int touch(struct heap *h, uint64_t page)
{
    int rc;

    if (h->vol[page].flags & PV_TOUCHED)
        return 0;
    rc = vec32_add(&h->tx.touched, (uint32_t)page);
    if (rc == 0)
        h->vol[page].flags |= PV_TOUCHED;
    return rc;
}

static int totals_add(struct heap *h, uint32_t size, bool value, bool add)
{
    uint64_t *count =
        tx_write(h, PAGE_HDR_SIZE + offsetof(struct heap_super, alloc_count), 3 * sizeof(uint64_t));

    if (count == NULL)
        return h->rc;
    count[0] += add ? 1 : UINT64_MAX;
    count[1] += add ? size : -(uint64_t)size;
    if (value)
        count[2] += add ? size : -(uint64_t)size;
    return 0;
}

/* ---- Pages ---- */

/* A free page no read is on its way into, near a page when possible; 0: none. */
static uint64_t free_page_find(struct heap *h, uint64_t near)
{
    struct alloc *a = &h->alloc;
    const uint64_t *bits = (const uint64_t *)a->free.base;
    uint64_t words = DIV_UP(h->map.pages, 64), w;
    bool hint = true;

    w = near != 0 && bits[near / 64] != 0 ? near / 64 : a->free_hint;
    for (uint64_t n = 0; n <= words; n++, w = (w + 1) % words) {
        uint64_t left = bits[w];

        for (; left != 0; left &= left - 1) {
            uint64_t page = w * 64 + (uint64_t)__builtin_ctzll(left);

            if ((h->vol[page].flags & PV_LOADING) == 0)
                return page;
            hint = false;
        }
        if (hint && w == a->free_hint)
            a->free_hint = MIN(w + 1, words - 1);
    }
    return 0;
}

static int page_new(struct heap *h, uint32_t cls, uint64_t near, uint64_t *page_out)
{
    struct tx *tx = &h->tx;
    const struct size_class *c = &h->alloc.cls[cls];
    uint64_t page;
    struct page_desc *d;
    int rc;

    if (h->alloc.free_pages * 10 < h->map.pages)
        background_kick(h); /* grows ahead */
    if (h->alloc.free_pages <= tx->leaves) {
        h->grow_data = false;
        return HEAP_GROW;
    }
    page = free_page_find(h, near);
    if (page == 0) {
        h->grow_data = false;
        return HEAP_GROW;
    }
    rc = vec32_room(&tx->inits, 2);
    if (rc == 0)
        rc = frame_give(h, page);
    if (rc == 0)
        rc = touch(h, page);
    if (rc == 0)
        rc = tx_reserve(h, sizeof(struct wal_item));
    if (rc != 0)
        return rc;
    d = tx_write(h, page_desc_off(page), sizeof(*d));
    if (d == NULL)
        return h->rc;
    *d = (struct page_desc){.kind = c->value ? PAGE_VALUE : PAGE_SLOT, .cls = (uint8_t)cls};
    rc = tx_dirty(h, page);
    if (rc != 0)
        return rc;
    page_init(h, page, d->kind, cls);
    h->vol[page].flags &= (uint16_t)~PV_LOST;
    page_set_resident(h, page, true);
    tx->inits.v[tx->inits.nr++] = (uint32_t)page;
    tx->inits.v[tx->inits.nr++] = d->kind | cls << 8;
    alloc_page_relist(h, page);
    *page_out = page;
    return 0;
}

static bool page_fits(struct heap *h, uint64_t page, uint32_t cls)
{
    const struct page_vol *v;

    if (page == 0 || page >= h->map.pages)
        return false;
    v = &h->vol[page];
    return (v->flags & (PV_LISTED | PV_RESIDENT)) == (PV_LISTED | PV_RESIDENT) && v->list == cls;
}

/* No page is free, and the heap cannot grow: a slot that is larger than need be is better than
 * none, or a heap in which little is left would be full as soon as that little lies in pages of
 * many classes. Up to twice as large and a little: single pages are all that can be gained. */
static bool larger_pick(struct heap *h, uint32_t *cls, uint64_t *page)
{
    const struct alloc *a = &h->alloc;
    const struct size_class *want = &a->cls[*cls];

    if (!h->tight || MUTANT(ALLOC_NEVER_LARGER))
        return false;
    for (uint32_t c = *cls + 1; c < a->nr; c++) {
        if (a->cls[c].value != want->value || a->cls[c].size > 2 * want->size + LARGER_MORE)
            return false;
        if (a->head[c] != 0) {
            *page = a->head[c];
            *cls = c;
            return true;
        }
    }
    return false;
}

/* The page to take a slot from; *cls may become a larger one. */
static int page_pick(struct heap *h, uint32_t *cls_at, uint64_t near, uint64_t *page)
{
    uint32_t cls = *cls_at;
    int rc;

    for (uint64_t d = 0; near != 0 && d <= NEAR_PAGES; d++) {
        if (page_fits(h, near + d, cls)) {
            *page = near + d;
            return 0;
        }
        if (d < near && page_fits(h, near - d, cls)) {
            *page = near - d;
            return 0;
        }
    }
    *page = h->alloc.head[cls];
    if (*page != 0)
        return 0;
    rc = page_new(h, cls, near, page);
    return rc == HEAP_GROW && larger_pick(h, cls_at, page) ? 0 : rc;
}

/* ---- Slots ---- */

static int slot_take(struct heap *h, uint64_t page, uint32_t *slot)
{
    struct page_hdr *hdr = page_hdr(h, page);
    uint64_t *bits = (uint64_t *)((char *)hdr + PAGE_BITMAP_OFF);
    uint64_t base = page * HEAP_PAGE_SIZE;
    struct page_desc *d;
    uint32_t w = 0;

    while (w * 64 < hdr->slots && bits[w] == UINT64_MAX)
        w++;
    *slot = w * 64 + (bits[w] == UINT64_MAX ? 64 : (uint32_t)__builtin_ctzll(~bits[w]));
    if (hdr->used >= hdr->slots || *slot >= hdr->slots)
        return -DER_CSUM;
    if (tx_write(h, base + offsetof(struct page_hdr, used), 2) == NULL ||
        tx_write(h, base + PAGE_BITMAP_OFF + w * 8, 8) == NULL)
        return h->rc;
    if (!MUTANT(ALLOC_SLOT_UNMARKED) || hdr->used + 1 < hdr->slots)
        bits[w] |= UINT64_C(1) << *slot % 64;
    hdr->used++;
    if (hdr->used == hdr->slots) {
        d = tx_write(h, page_desc_off(page), sizeof(*d));
        if (d == NULL)
            return h->rc;
        d->full = 1;
        list_del_page(h, page);
    }
    return 0;
}

static int value_take(struct heap *h, uint64_t page, uint32_t *slot)
{
    struct page_desc *d = tx_write(h, page_desc_off(page), sizeof(*d));

    if (d == NULL)
        return h->rc;
    *slot = (uint32_t)__builtin_ctz(~(uint32_t)d->slots);
    if (*slot >= h->alloc.cls[d->cls].slots)
        return -DER_CSUM;
    d->slots |= (uint8_t)(1u << *slot);
    if (!desc_has_room(h, d))
        list_del_page(h, page);
    return 0;
}

int heap_tx_alloc_raw(struct heap *h, size_t size, uint64_t near, uint64_t *off, void **ptr)
{
    const struct size_class *c;
    uint32_t cls, from, slot = 0;
    uint64_t page = 0, at;
    void *p;
    int rc;

    ASSERT(h->tx.active);
    if (size == 0 || size > HEAP_ALLOC_MAX)
        return -DER_INVAL;
    cls = h->alloc.by_size[(size + 7) / 8];
    for (;;) {
        from = cls;
        rc = page_pick(h, &from, page_of(near), &page);
        if (rc != 0)
            return rc;
        if (page_touch(h, page))
            break;
        if (!page_is_bad(h, page) || MUTANT(ALLOC_IN_DAMAGE))
            return h->rc;
        list_del_page(h, page); /* until somebody has it loaded after all */
    }
    c = &h->alloc.cls[from];
    rc = touch(h, page);
    if (rc == 0)
        rc = c->value ? value_take(h, page, &slot) : slot_take(h, page, &slot);
    if (rc == 0)
        rc = totals_add(h, c->size, c->value, true);
    if (rc != 0)
        return rc;
    at = page * HEAP_PAGE_SIZE + c->data + slot * c->size;
    p = tx_write(h, at, c->size);
    if (p == NULL)
        return h->rc;
    if (h->tx.counts)
        h->tx.took[cls]++;
    memset((char *)p + size, 0, c->size - size);
    *off = at;
    *ptr = p;
    return 0;
}

int heap_tx_alloc(struct heap *h, size_t size, uint64_t near, uint64_t *off, void **ptr)
{
    void *p;
    int rc = heap_tx_alloc_raw(h, size, near, off, &p);

    if (rc != 0)
        return rc;
    memset(p, 0, size);
    if (ptr != NULL)
        *ptr = p;
    return 0;
}

/* Which slot starts at off? Needs a resident page for slot pages. */
static int slot_at(struct heap *h, uint64_t off, const struct size_class **c_out, uint32_t *slot,
                   bool *live)
{
    uint64_t page = page_of(off), in = off % HEAP_PAGE_SIZE;
    const struct size_class *c;
    const struct page_desc *d;

    if (off < HEAP_PAGE_SIZE || page >= h->map.pages || page_is_core(page))
        return -DER_CSUM;
    d = page_desc(h, page);
    if (d->kind != PAGE_SLOT && d->kind != PAGE_VALUE)
        return -DER_CSUM;
    c = &h->alloc.cls[d->cls];
    if (in < c->data || (in - c->data) % c->size != 0 || (in - c->data) / c->size >= c->slots)
        return -DER_CSUM;
    *slot = (uint32_t)((in - c->data) / c->size);
    *c_out = c;
    if (c->value) {
        *live = (d->slots >> *slot & 1) != 0;
        return 0;
    }
    if (!page_touch(h, page))
        return h->rc;
    *live = (((const uint64_t *)((char *)page_addr(h, page) + PAGE_BITMAP_OFF))[*slot / 64] >>
                 *slot % 64 &
             1) != 0;
    return 0;
}

int heap_alloc_size(struct heap *h, uint64_t off, size_t *size)
{
    const struct size_class *c = NULL;
    uint32_t slot;
    bool live = false;
    int rc = slot_at(h, off, &c, &slot, &live);

    if (rc == 0 && !live)
        rc = -DER_CSUM;
    if (rc == 0)
        *size = c->size;
    return rc;
}

int heap_alloc_is_live(struct heap *h, uint64_t off, bool *live)
{
    const struct size_class *c;
    uint32_t slot;
    int rc = slot_at(h, off, &c, &slot, live);

    if (rc == -DER_CSUM || rc == -DER_IO) { /* nobody can get at it */
        *live = false;
        rc = 0;
    }
    return rc;
}

/* The last slot went: the page is free from commit on. */
static int page_release(struct heap *h, uint64_t page)
{
    struct page_desc *d;
    int rc = vec32_room(&h->tx.freed, 1);

    if (rc != 0)
        return rc;
    d = tx_write(h, page_desc_off(page), sizeof(*d));
    if (d == NULL)
        return h->rc;
    *d = (struct page_desc){0};
    list_del_page(h, page);
    h->tx.freed.v[h->tx.freed.nr++] = (uint32_t)page;
    return 0;
}

int alloc_page_drop(struct heap *h, uint64_t page)
{
    int rc = touch(h, page);

    return rc == 0 ? page_release(h, page) : rc;
}

static int slot_give(struct heap *h, uint64_t page, uint32_t slot)
{
    struct page_hdr *hdr = page_hdr(h, page);
    uint64_t *bits = (uint64_t *)((char *)hdr + PAGE_BITMAP_OFF), base = page * HEAP_PAGE_SIZE;
    struct page_desc *d;

    if (hdr->used == 0)
        return -DER_CSUM;
    if (tx_write(h, base + offsetof(struct page_hdr, used), 2) == NULL ||
        tx_write(h, base + PAGE_BITMAP_OFF + slot / 64 * 8, 8) == NULL)
        return h->rc;
    bits[slot / 64] &= ~(UINT64_C(1) << slot % 64);
    hdr->used--;
    if (hdr->used == 0)
        return page_release(h, page);
    if (hdr->used + 1 == hdr->slots) {
        d = tx_write(h, page_desc_off(page), sizeof(*d));
        if (d == NULL)
            return h->rc;
        d->full = 0;
        alloc_page_relist(h, page);
    }
    return 0;
}

static int value_give(struct heap *h, uint64_t page, uint32_t slot)
{
    struct page_desc *d;

    if (page_desc(h, page)->slots == 1u << slot)
        return page_release(h, page);
    d = tx_write(h, page_desc_off(page), sizeof(*d));
    if (d == NULL)
        return h->rc;
    d->slots &= (uint8_t) ~(1u << slot);
    alloc_page_relist(h, page);
    return 0;
}

int heap_tx_free(struct heap *h, uint64_t off)
{
    const struct size_class *c = NULL;
    uint32_t slot = 0;
    bool live = false;
    int rc;

    ASSERT(h->tx.active);
    rc = slot_at(h, off, &c, &slot, &live);
    if (rc == 0 && !live)
        rc = -DER_CSUM;
    if (rc == 0)
        rc = touch(h, page_of(off));
    if (rc == 0)
        rc = c->value ? value_give(h, page_of(off), slot) : slot_give(h, page_of(off), slot);
    if (rc == 0)
        rc = totals_add(h, c->size, c->value, false);
    return rc;
}

/* ---- Growth ---- */

int alloc_grow_tx(struct heap *h, uint64_t pages)
{
    struct tx *tx = &h->tx;
    uint64_t *p;
    int rc = 0;

    for (uint64_t g =
             DIV_UP(h->map.pages - MIN(h->map.pages, 1), PAGES_PER_DESC) * PAGES_PER_DESC + 1;
         g < pages && rc == 0; g += PAGES_PER_DESC) {
        rc = vec32_room(&tx->inits, 2);
        if (rc == 0)
            rc = frame_give(h, g);
        if (rc == 0)
            rc = tx_reserve(h, sizeof(struct wal_item));
        if (rc == 0)
            rc = tx_dirty(h, g);
        if (rc != 0)
            break;
        page_init(h, g, PAGE_DESC, 0);
        page_set_resident(h, g, true);
        h->vol[g].flags |= PV_CORE;
        tx->inits.v[tx->inits.nr++] = (uint32_t)g;
        tx->inits.v[tx->inits.nr++] = PAGE_DESC;
    }
    if (rc != 0)
        return rc;
    p = tx_write(h, PAGE_HDR_SIZE + offsetof(struct heap_super, pages), sizeof(*p));
    if (p == NULL)
        return h->rc;
    *p = pages;
    return 0;
}

int alloc_grow_commit(struct heap *h, uint64_t pages)
{
    uint64_t from = h->map.pages;

    h->map.pages = pages;
    for (uint64_t page = from; page < pages; page++) {
        if (!page_is_core(page))
            alloc_page_relist(h, page);
    }
    return 0;
}
