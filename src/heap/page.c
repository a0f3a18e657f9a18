/*
 * Pages: the volatile state of each, how operations get at them, and what they look like on the
 * device. Those that are in memory lie in frames (frame.c).
 */
#include "heap/heap_int.h"

#include <stdio.h>
#include <string.h>

#include "base/csum.h"
#include "base/fail.h"
#include "base/hash.h"

/* ---- Numbers ---- */

int vec32_room(struct vec32 *a, uint32_t more)
{
    uint32_t cap = MAX(a->cap, 64u);
    uint32_t *v;

    if (a->nr + more <= a->cap)
        return 0;
    while (cap < a->nr + more)
        cap *= 2;
    v = base_realloc(a->v, (size_t)cap * sizeof(*v));
    if (v == NULL)
        return -DER_NOMEM;
    a->v = v;
    a->cap = cap;
    return 0;
}

int vec32_add(struct vec32 *a, uint32_t x)
{
    int rc = vec32_room(a, 1);

    if (rc == 0)
        a->v[a->nr++] = x;
    return rc;
}

void vec32_fini(struct vec32 *a)
{
    base_free(a->v);
    *a = (struct vec32){0};
}

/* ---- The space of pages ---- */

int page_space_open(struct heap *h)
{
    struct vrange_pool *pool = heap_ranges(h);
    int rc;

    h->max_pages = HEAP_PAGES_MAX;
    while ((rc = vrange_open(&h->volmem, h->max_pages * sizeof(struct page_vol), VRANGE_ZERO,
                             pool)) != 0 &&
           h->max_pages > UINT64_C(1) << 16)
        h->max_pages /= 2;
    if (rc == 0)
        rc = vrange_open(&h->mapmem, h->max_pages * sizeof(*h->map.at), VRANGE_ZERO, pool);
    if (rc == 0)
        rc = vrange_open(&h->alloc.free, ROUND_UP(h->max_pages, 512) / 8, VRANGE_ZERO, pool);
    if (rc == 0)
        rc = frames_open(h);
    h->vol = (struct page_vol *)h->volmem.base;
    h->map.at = (uintptr_t *)h->mapmem.base;
    return rc;
}

void page_space_close(struct heap *h)
{
    frames_close(h);
    vrange_close(&h->volmem);
    vrange_close(&h->mapmem);
    vrange_close(&h->alloc.free);
    vec32_fini(&h->dirty);
}

int page_space_grow(struct heap *h, uint64_t pages)
{
    int rc = pages > h->max_pages ? -DER_NOSPACE : 0;

    if (rc == 0)
        rc = vrange_commit(&h->volmem, pages * sizeof(struct page_vol));
    if (rc == 0)
        rc = vrange_commit(&h->mapmem, pages * sizeof(*h->map.at));
    if (rc == 0)
        rc = vrange_commit(&h->alloc.free, ROUND_UP(pages, 64) / 8);
    if (rc == 0 && pages > h->dirty.nr)
        rc = vec32_room(&h->dirty,
                        (uint32_t)(pages - h->dirty.nr)); /* marking a page dirty cannot fail */
    return rc;
}

/* ---- State ---- */

static void page_miss(struct heap *h, uint64_t page)
{
    h->rc = HEAP_FAULT;
    for (uint32_t i = 0; i < h->missed_nr; i++) {
        if (h->missed[i] == page)
            return;
    }
    if (h->missed_nr < HEAP_PINS_MAX)
        h->missed[h->missed_nr++] = page;
    h->faults++;
}

bool page_touch(struct heap *h, uint64_t page)
{
    struct page_vol *v = &h->vol[page];

    if (v->flags & PV_RESIDENT) {
        page_seen(h, page);
        if (!h->spurious || v->pins != 0 || (v->flags & PV_CORE) != 0 ||
            !h->conf.spurious_fault(h->conf.arg, page))
            return true;
    } else if ((!page_is_core(page) && page_desc(h, page)->kind == PAGE_FREE) ||
               page_is_bad(h, page)) {
        /* or something points to a page that is not in use */
        h->rc = v->flags & PV_UNREAD ? -DER_IO : -DER_CSUM;
        return false;
    }
    page_miss(h, page);
    return false;
}

/* May this address range exist at all? */
static bool range_ok(struct heap *h, uint64_t off, size_t len)
{
    if (off >= HEAP_PAGE_SIZE && page_of(off) < h->map.pages &&
        off % HEAP_PAGE_SIZE + len <= HEAP_PAGE_SIZE && len > 0)
        return true;
    h->rc = -DER_CSUM;
    return false;
}

const void *heap_ptr_slow(struct heap *h, uint64_t off, size_t len)
{
    if (!range_ok(h, off, len) || !page_touch(h, page_of(off)))
        return NULL;
    return off_addr(h, off);
}

const void *heap_peek_slow(const struct heap *h, uint64_t off, size_t len)
{
    uint64_t page = page_of(off);

    if (page - 1 >= h->map.pages - 1 || len - 1 >= HEAP_PAGE_SIZE - off % HEAP_PAGE_SIZE ||
        off % 8 != 0 || (h->vol[page].flags & PV_RESIDENT) == 0)
        return NULL;
    return off_addr(h, off);
}

int heap_rc(const struct heap *h)
{
    return h->rc;
}

bool heap_goes_on(const struct heap *h, int rc)
{
    if (rc == -DER_CSUM)
        return !h->conf.refuse_damaged || h->readonly;
    return rc == -DER_IO && (h->conf.take_unread || h->readonly);
}

void page_set_resident(struct heap *h, uint64_t page, bool yes)
{
    struct page_vol *v = &h->vol[page];

    if (((v->flags & PV_RESIDENT) != 0) == yes)
        return;
    v->flags ^= PV_RESIDENT;
    if (yes) {
        ASSERT(h->map.at[page] != 0);
        v->flags &= (uint16_t) ~(PV_BAD | PV_UNREAD | PV_LOST);
        v->stay = 0;
        page_seen(h, page);
        h->resident++;
    } else {
        frame_back(h, page);
        h->resident--;
    }
}

static void dirty_add(struct heap *h, uint64_t page)
{
    ASSERT(h->dirty.nr < h->dirty.cap);
    h->vol[page].flags |= PV_DIRTY;
    h->dirty.v[h->dirty.nr++] = (uint32_t)page;
    h->dirty_nr++;
}

void page_set_dirty(struct heap *h, uint64_t page)
{
    struct page_vol *v = &h->vol[page];
    uint64_t desc = page_desc_page(page);

    v->flags &= (uint16_t)~PV_SUMMED;
    /* A page the running checkpoint has yet to copy is copied with this change in it. */
    if (v->flags & (PV_DIRTY | PV_CKPT) || h->is_volatile)
        return;
    if (MUTANT(CKPT_CLEAN_EARLY) && (v->flags & PV_WRITING))
        return;
    dirty_add(h, page);
    /* Even one the running checkpoint has yet to copy: the next one needs it again. */
    if (!page_is_core(page) && (h->vol[desc].flags & PV_DIRTY) == 0)
        dirty_add(h, desc);
}

/* ---- Images ---- */

void page_init(struct heap *h, uint64_t page, enum page_kind kind, uint32_t cls)
{
    struct page_hdr *hdr = page_hdr(h, page);

    memset(hdr, 0, HEAP_PAGE_SIZE);
    if (kind == PAGE_VALUE)
        return;
    hdr->magic = PAGE_MAGIC;
    hdr->kind = (uint8_t)kind;
    hdr->id = page;
    hdr->generation = h->generation;
    if (kind == PAGE_SLOT) {
        hdr->cls = (uint8_t)cls;
        hdr->slots = h->alloc.cls[cls].slots;
        hdr->data = h->alloc.cls[cls].data;
    }
}

uint64_t page_sum(const void *image)
{
    return csum_calc(CSUM_XXH3, image, HEAP_PAGE_SIZE);
}

uint64_t page_disk_csum(uint64_t sum, uint64_t lsn)
{
    return mix128(sum, lsn);
}

static bool bad(char *why, const char *fmt, uint64_t a, uint64_t b)
{
    if (why != NULL) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
        snprintf(why, 128, fmt, a, b);
#pragma GCC diagnostic pop
    }
    return false;
}

static bool verify_value(struct heap *h, const struct page_desc *d, void *image, bool with_csum,
                         char *why)
{
    if (with_csum && d->lsn == LSN_LOST)
        return bad(why, "it was damaged when the log still had changes for it, and was given up", 0,
                   0);
    if (with_csum && page_disk_csum(page_sum(image), d->lsn) != d->csum &&
        !MUTANT(PAGE_CSUM_UNCHECKED))
        return bad(why, "its checksum does not match", 0, 0);
    return true;
}

bool page_verify(struct heap *h, uint64_t page, void *image, bool with_csum, char *why)
{
    const struct page_desc *d = page_is_core(page) ? NULL : page_desc(h, page);
    struct page_hdr *hdr = image;
    enum page_kind kind = page == 0 ? PAGE_SUPER : d == NULL ? PAGE_DESC : d->kind;
    uint64_t lsn = hdr->lsn, csum = hdr->csum;

    if (kind == PAGE_VALUE)
        return verify_value(h, d, image, with_csum, why);
    if (kind == PAGE_FREE || kind >= PAGE_KIND_NR)
        return bad(why, "it is not in use, yet something points to it", 0, 0);
    if (with_csum) {
        if (hdr->magic != PAGE_MAGIC)
            return bad(why, "it holds no page (magic %llx)", hdr->magic, 0);
        if (hdr->generation != h->generation)
            return bad(why, "it belongs to another heap (generation %llx, not %llx)",
                       hdr->generation, h->generation);
        if (hdr->id != page)
            return bad(why, "it holds page %llu, a misdirected write", hdr->id, 0);
    }
    hdr->lsn = 0;
    hdr->csum = 0;
    if (!with_csum)
        return true;
    if (d != NULL && d->lsn == LSN_LOST)
        return bad(why, "it was damaged when the log still had changes for it, and was given up", 0,
                   0);
    if (page_disk_csum(page_sum(image), lsn) != csum && !MUTANT(PAGE_CSUM_UNCHECKED))
        return bad(why, "its checksum does not match", 0, 0);
    if (d != NULL && (lsn != d->lsn || csum != d->csum))
        return bad(why, "it is whole, but not the image last written (LSN %llu, not %llu)", lsn,
                   d->lsn);
    if (hdr->kind != kind || (d != NULL && hdr->cls != d->cls))
        return bad(why, "it is of kind %llu, its descriptor says %llu", hdr->kind, (uint64_t)kind);
    return true;
}
