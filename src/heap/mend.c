/* Giving back what nothing refers to (heap/mend.h). */
#include "heap/mend.h"

#include <string.h>

#include "base/fail.h"
#include "heap/space_int.h"

#define PAGE_REDO (96u << 10) /* freeing every slot of a page, worst case */

static int begin(struct heap *h, size_t redo)
{
    int rc = heap_tx_begin(h, MIN(redo, heap_tx_max(h)));

    if (rc == 0)
        heap_tx_use_reserve(h, HEAP_RESERVE_LAST);
    return rc;
}

static int end(struct heap *h, int rc)
{
    if (rc != 0)
        heap_tx_abort(h);
    else
        heap_tx_commit(h, NULL);
    return rc;
}

/* ---- Under way ---- */

bool heap_mend_under_way(struct heap *h)
{
    return heap_super(h)->root[HEAP_ROOT_REPAIR] != 0;
}

int heap_mend_mark(struct heap *h, bool under_way)
{
    int rc = begin(h, 256);

    return rc != 0 ? rc : end(h, heap_tx_root_set(h, HEAP_ROOT_REPAIR, under_way));
}

/* ---- Pages ---- */

static bool any_ref(const struct heap_refs *r, uint64_t page)
{
    const uint64_t *w = r->slot + page * (HEAP_PAGE_SIZE / 16 / 64);

    for (uint32_t i = 0; i < HEAP_PAGE_SIZE / 16 / 64; i++)
        if (w[i] != 0)
            return true;
    return false;
}

static int drop_page(struct heap *h, uint64_t page)
{
    int rc = begin(h, 4096);

    return rc != 0 ? rc : end(h, alloc_page_drop(h, page));
}

static bool slot_live(struct heap *h, uint64_t page, uint32_t i)
{
    const struct page_desc *d = page_desc(h, page);
    const uint64_t *bits;

    if (d->kind == PAGE_VALUE)
        return (d->slots >> i & 1) != 0;
    bits = (const uint64_t *)((const char *)page_addr(h, page) + PAGE_BITMAP_OFF);
    return (bits[i / 64] >> i % 64 & 1) != 0;
}

/* In a transaction: does the page say of itself how many slots are in use, and whether all are? */
static int recount(struct heap *h, uint64_t page, uint32_t used, uint32_t slots)
{
    struct page_hdr *hdr = page_hdr(h, page);
    struct page_desc *d = page_desc(h, page);

    if (hdr->used != used) {
        if (tx_write(h, page * HEAP_PAGE_SIZE + offsetof(struct page_hdr, used), 2) == NULL)
            return h->rc;
        hdr->used = (uint16_t)used;
    }
    if ((d->full != 0) != (used == slots)) {
        if (tx_write(h, page_desc_off(page), sizeof(*d)) == NULL)
            return h->rc;
        d->full = used == slots;
        alloc_page_relist(h, page);
    }
    return 0;
}

/* In a transaction: of a page that can be read. */
static int sweep(struct heap *h, const struct heap_refs *r, uint64_t page, struct heap_mended *m)
{
    const struct page_desc *d = page_desc(h, page);
    const struct size_class c = h->alloc.cls[d->cls];
    bool slots = d->kind == PAGE_SLOT;
    uint32_t keep = 0, live = 0, last = 0;
    uint64_t base = page * HEAP_PAGE_SIZE + c.data;
    int rc = 0;

    for (uint32_t i = 0; i < c.slots; i++) {
        if (!slot_live(h, page, i))
            continue;
        live++;
        keep += page >= r->pages || heap_refs_has(r, base + i * c.size);
        last = i;
    }
    if (slots && live > 0 && heap_tx_active(h))
        rc = recount(h, page, live, c.slots);
    for (uint32_t i = 0; i < c.slots && rc == 0; i++) {
        uint64_t off = base + i * c.size;
        /* a page beyond those came with the repair */
        bool goes = (page < r->pages && !heap_refs_has(r, off)) ||
                    (MUTANT(REPAIR_FREES_LIVE) && i == last && keep > 1);

        if (!slot_live(h, page, i) || !goes)
            continue;
        m->freed++;
        m->freed_bytes += c.size;
        if (heap_tx_active(h))
            rc = heap_tx_free(h, off);
        if (d->kind == PAGE_FREE)
            break; /* that was the last */
    }
    m->count += keep;
    m->bytes += (uint64_t)keep * c.size;
    if (c.value)
        m->value_bytes += (uint64_t)keep * c.size;
    return rc;
}

int heap_mend_page(struct heap *h, const struct heap_refs *r, uint64_t page, bool dry,
                   struct heap_mended *m)
{
    struct heap_mended now = *m;
    bool bad;
    int rc;

    if (page >= h->map.pages || page_is_core(page) || page_desc(h, page)->kind == PAGE_FREE)
        return 0;
    bad = page_desc(h, page)->lsn == LSN_LOST && (h->vol[page].flags & PV_RESIDENT) == 0;
    if (!bad && !page_touch(h, page)) {
        if (h->rc == HEAP_FAULT)
            return HEAP_FAULT;
        bad = true;
    }
    if (bad) {
        bool kept = page < r->pages && any_ref(r, page);

        rc = kept || dry ? 0 : drop_page(h, page);
        if (rc == 0) {
            m->kept += kept;
            m->pages += !kept;
        }
        return rc;
    }
    rc = dry ? 0 : begin(h, PAGE_REDO);
    if (rc == 0) {
        rc = sweep(h, r, page, &now);
        rc = dry ? rc : end(h, rc);
    }
    if (rc == 0)
        *m = now;
    return rc;
}

int heap_mend_totals(struct heap *h, const struct heap_mended *m)
{
    uint64_t *count;
    int rc = begin(h, 256);

    if (rc != 0)
        return rc;
    count =
        tx_write(h, PAGE_HDR_SIZE + offsetof(struct heap_super, alloc_count), 3 * sizeof(uint64_t));
    if (count == NULL)
        return end(h, h->rc);
    count[0] = m->count;
    count[1] = m->bytes;
    count[2] = m->value_bytes;
    return end(h, 0);
}

/* ---- Data space ---- */

int heap_mend_group(struct heap *h, const struct heap_refs *r, uint64_t group, bool dry,
                    struct heap_mended *m)
{
    uint64_t want[SPACE_WORDS] = {0}, words = r->blocks / 64 + 1, first = group * SPACE_WORDS;
    bool changed;
    int rc;

    if (first < words)
        memcpy(want, r->block + first, MIN((uint64_t)SPACE_WORDS, words - first) * sizeof(*want));
    for (uint32_t w = 0; MUTANT(REPAIR_BLOCKS) && w < SPACE_WORDS; w++)
        if (want[w] != 0) {
            want[w] &= want[w] - 1;
            break;
        }
    rc = dry ? 0 : begin(h, 4 * HEAP_ALLOC_MAX);
    if (rc == 0) {
        rc = space_map_mend(h, group, want, dry, &changed);
        rc = dry ? rc : end(h, rc);
    }
    if (rc == 0)
        m->groups += changed;
    return rc;
}
