/*
 * The checker: proves what the allocator and the pages promise, and says in words what does not
 * hold.
 *
 * A page counts as it would come back: a clean page as it is on the device (and, when resident, the
 * same in memory), a changed one as it is in memory, because the log holds its changes and recovery
 * has replayed them.
 */
#include "heap/heap_int.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "io/io.h"

#define CHUNK 64u /* pages read at once */

struct check {
    struct heap *h;
    void (*report)(void *arg, const char *text);
    void *arg;
    uint64_t problems;
    uint64_t count, bytes, value_bytes;
    uint64_t free_pages, listed, unknown;
    uint8_t *buf;
    uint64_t have; /* bit i: page i of the chunk has been read into buf */
};

static void problem(struct check *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void problem(struct check *c, const char *fmt, ...)
{
    char text[256];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    c->problems++;
    c->report(c->arg, text);
}

#define PAGE(n) ((unsigned long long)(n))

/* A page that somebody reads meanwhile is there as well: as long as no checkpoint begins, nothing
 * comes to be on the device between the reading of a chunk and the look at it. */
static bool on_device(const struct heap *h, uint64_t page)
{
    if (h->is_volatile || (!page_is_core(page) && page_desc(h, page)->kind == PAGE_FREE))
        return false;
    return (h->vol[page].flags & (PV_DIRTY | PV_CKPT | PV_WRITING)) == 0;
}

/* ---- Slot pages ---- */

static uint32_t bits_set(const uint64_t *bits, uint32_t slots)
{
    uint32_t n = 0;

    for (uint32_t w = 0; w < DIV_UP(slots, 64); w++)
        n += (uint32_t)__builtin_popcountll(bits[w]);
    return n;
}

static void check_slot_page(struct check *c, uint64_t page, const void *image)
{
    const struct page_desc *d = page_desc(c->h, page);
    const struct size_class *k = &c->h->alloc.cls[d->cls];
    const struct page_hdr *hdr = image;
    const uint64_t *bits = (const uint64_t *)((const char *)image + PAGE_BITMAP_OFF);
    uint32_t used = bits_set(bits, k->slots), last = k->slots % 64;

    if (k->value || hdr->kind != PAGE_SLOT || hdr->cls != d->cls || hdr->slots != k->slots ||
        hdr->data != k->data) {
        problem(c, "page %llu: header (kind %u, class %u) and descriptor (class %u) do not agree",
                PAGE(page), hdr->kind, hdr->cls, d->cls);
        return;
    }
    if (last != 0 && bits[k->slots / 64] >> last != 0)
        problem(c, "page %llu: its bitmap marks slots that do not exist", PAGE(page));
    if (hdr->used != used)
        problem(c, "page %llu: counts %u live slots, its bitmap has %u", PAGE(page), hdr->used,
                used);
    if (used == 0)
        problem(c, "page %llu: holds nothing but is not free", PAGE(page));
    if ((d->full != 0) != (used == k->slots))
        problem(c, "page %llu: descriptor says %s, but %u of %u slots are live", PAGE(page),
                d->full ? "full" : "not full", used, k->slots);
    c->count += used;
    c->bytes += (uint64_t)used * k->size;
}

static void check_value_page(struct check *c, uint64_t page)
{
    const struct page_desc *d = page_desc(c->h, page);
    const struct size_class *k = &c->h->alloc.cls[d->cls];
    uint64_t used = (uint64_t)__builtin_popcount(d->slots);

    if (!k->value || d->slots == 0 || d->slots >> k->slots != 0) {
        problem(c, "value page %llu: descriptor of class %u has slot bitmap %x", PAGE(page), d->cls,
                d->slots);
        return;
    }
    c->count += used;
    c->bytes += used * k->size;
    c->value_bytes += used * k->size;
}

/* ---- Volatile side ---- */

static void check_lists(struct check *c, uint64_t page)
{
    struct heap *h = c->h;
    const struct page_desc *d = page_desc(h, page);
    bool bit = (((const uint64_t *)h->alloc.free.base)[page / 64] >> page % 64 & 1) != 0;
    bool listed = (h->vol[page].flags & PV_LISTED) != 0, room;

    room = (d->kind == PAGE_SLOT && !d->full) ||
           (d->kind == PAGE_VALUE && d->slots != (1u << h->alloc.cls[d->cls].slots) - 1);
    if (bit != (d->kind == PAGE_FREE))
        problem(c, "page %llu: is %sin the list of free pages, its descriptor says otherwise",
                PAGE(page), bit ? "" : "not ");
    /* one that could not be read when somebody wanted to allocate in it is in no list */
    if ((listed != room && (listed || (h->vol[page].flags & PV_RESIDENT) != 0)) ||
        (listed && h->vol[page].list != d->cls))
        problem(c, "page %llu: is %sin a list of pages with room, its descriptor says otherwise",
                PAGE(page), listed ? "" : "not ");
    c->free_pages += bit;
    c->listed += listed;
}

static void check_list_length(struct check *c)
{
    struct heap *h = c->h;
    uint64_t n = 0;

    for (uint32_t k = 0; k < h->alloc.nr; k++) {
        uint32_t prev = 0;

        for (uint32_t page = h->alloc.head[k]; page != 0 && n <= h->map.pages;
             page = h->vol[page].next, n++) {
            if (h->vol[page].prev != prev || h->vol[page].list != k)
                problem(c, "page %u: the list of class %u is broken there", page, k);
            prev = page;
        }
    }
    if (n != c->listed)
        problem(c, "the lists of pages with room hold %llu pages, %llu say they are listed",
                PAGE(n), PAGE(c->listed));
    if (c->free_pages != h->alloc.free_pages)
        problem(c, "%llu pages are free, the allocator counts %llu", PAGE(c->free_pages),
                PAGE(h->alloc.free_pages));
}

/* ---- Pages ---- */

static void check_page(struct check *c, uint64_t page, uint8_t *disk)
{
    struct heap *h = c->h;
    const void *image = page_addr(h, page);
    uint32_t kind = page_is_core(page) ? PAGE_DESC : page_desc(h, page)->kind;
    char why[128];

    if (!page_is_core(page)) {
        static const struct page_desc zero;

        check_lists(c, page);
        if (kind == PAGE_FREE && memcmp(page_desc(h, page), &zero, sizeof(zero)) != 0)
            problem(c, "page %llu: is free, but its descriptor is not empty", PAGE(page));
    }
    if (!page_is_core(page) && rebuild_unknown(h, page_desc(h, page))) {
        c->unknown++;
        return;
    }
    if (on_device(h, page) && disk == NULL)
        return; /* it has been told of */
    if (on_device(h, page)) {
        if (!page_verify(h, page, disk, true, why)) {
            problem(c, "page %llu: %s", PAGE(page), why);
            return;
        }
        if ((h->vol[page].flags & PV_RESIDENT) != 0 && memcmp(disk, image, HEAP_PAGE_SIZE) != 0)
            problem(c, "page %llu: counts as clean, but the device has other bytes than memory",
                    PAGE(page));
        image = disk;
    } else if ((h->vol[page].flags & PV_RESIDENT) == 0 && kind != PAGE_FREE) {
        problem(c, "page %llu: changed, but not in memory", PAGE(page));
        return;
    }
    if (kind == PAGE_SLOT)
        check_slot_page(c, page, image);
    else if (kind == PAGE_VALUE)
        check_value_page(c, page);
    else if (kind != PAGE_FREE && kind != PAGE_DESC)
        problem(c, "page %llu: its descriptor names an unknown kind %u", PAGE(page), kind);
}

/* The device's images of a chunk, from the first to the last that is needed. */
static void chunk_read(struct check *c, uint64_t first, uint64_t nr)
{
    struct heap *h = c->h;
    uint64_t from = 0, to = nr;
    int rc;

    while (from < nr && !on_device(h, first + from))
        from++;
    while (to > from && !on_device(h, first + to - 1))
        to--;
    c->have = 0;
    if (from == to)
        return;
    rc = super_read_wait(h->conf.dev[SUPER_META], SUPER_META, (first + from) * HEAP_PAGE_SIZE,
                         c->buf + from * HEAP_PAGE_SIZE, (to - from) * HEAP_PAGE_SIZE);
    c->have = rc == 0 ? ~UINT64_C(0) : 0;
    for (uint64_t i = 0; rc != 0 && i < nr; i++) { /* one bad sector must not hide the neighbours */
        if (!on_device(h, first + i))
            continue;
        if (super_read_wait(h->conf.dev[SUPER_META], SUPER_META, (first + i) * HEAP_PAGE_SIZE,
                            c->buf + i * HEAP_PAGE_SIZE, HEAP_PAGE_SIZE) == 0)
            c->have |= UINT64_C(1) << i;
        else
            problem(c, "page %llu: the device cannot read it", PAGE(first + i));
    }
}

/* It was when the heap was opened; nobody has written it since, but is it still? */
static bool heap_page_damaged(struct check *c)
{
    struct heap *h = c->h;

    return h->super_rebuilt &&
           (super_read_wait(h->conf.dev[SUPER_META], SUPER_META, 0, c->buf, HEAP_PAGE_SIZE) != 0 ||
            !page_verify(h, 0, c->buf, true, NULL));
}

static void check_totals(struct check *c)
{
    const struct heap_super *s = heap_super(c->h);

    if (heap_page_damaged(c))
        problem(c,
                "page 0: the heap page is damaged on the device; its copy in the log serves, and "
                "nothing is lost. Whoever opens the pool for writing has it written again");

    for (uint32_t i = 0; i < c->h->rebuilt.nr; i++)
        problem(c,
                "page %u: a descriptor page is damaged on the device; it was made again from the "
                "pages it describes, and those that do not tell are not used",
                c->h->rebuilt.v[i]);
    if (c->unknown > 0)
        problem(c,
                "%llu pages are not used: what they held, if anything, was lost with their "
                "descriptor page",
                PAGE(c->unknown));
    if (s->magic != HEAP_MAGIC || s->pages != c->h->map.pages)
        problem(c, "the heap page is damaged: it names %llu pages, there are %llu", PAGE(s->pages),
                PAGE(c->h->map.pages));
    if (c->unknown == 0 && (s->alloc_count != c->count || s->alloc_bytes != c->bytes ||
                            s->value_bytes != c->value_bytes))
        problem(c,
                "the heap page counts %llu allocations of %llu bytes, the pages hold %llu of %llu",
                PAGE(s->alloc_count), PAGE(s->alloc_bytes), PAGE(c->count), PAGE(c->bytes));
}

int heap_check(struct heap *h, void (*report)(void *arg, const char *text), void *arg,
               uint64_t *problems)
{
    return heap_check_tick(h, report, NULL, arg, problems);
}

int heap_check_tick(struct heap *h, void (*report)(void *arg, const char *text),
                    int (*tick)(void *arg, uint64_t pages), void *arg, uint64_t *problems)
{
    struct check c = {
        .h = h, .report = report, .arg = arg, .buf = io_buf_alloc(CHUNK * HEAP_PAGE_SIZE)};
    int rc = 0;

    if (c.buf == NULL)
        return -DER_NOMEM;
    checkpoint_hold(h);
    for (uint64_t first = 0; first < h->map.pages && rc == 0; first += CHUNK) {
        uint64_t nr = MIN(CHUNK, h->map.pages - first);

        chunk_read(&c, first, nr);
        heap_lock(h);
        for (uint64_t i = 0; i < nr; i++)
            check_page(&c, first + i, c.have >> i & 1 ? c.buf + i * HEAP_PAGE_SIZE : NULL);
        heap_unlock(h);
        rc = tick != NULL ? tick(arg, nr) : 0;
    }
    if (rc == 0) {
        check_list_length(&c);
        check_totals(&c);
    }
    checkpoint_release(h);
    io_buf_free(c.buf);
    *problems = c.problems;
    if (rc == 0 && h->space_ops != NULL) {
        uint64_t more = 0;

        rc = h->space_ops->check(h, report, arg, &more);
        *problems += more;
    }
    return rc;
}
