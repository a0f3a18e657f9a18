/*
 * A descriptor page that is damaged is made again from the pages it describes.
 *
 * Slot pages say of themselves what they are, and their checksum vouches for it. What does not look
 * like one may be free, never written, or hold values, and nothing tells which: it becomes a page
 * of values without room that has been given up (LSN_LOST), so it is neither read nor used again. A
 * slot page that was free comes back as one in use, with what it held last; nobody refers to it.
 *
 * The log since the last checkpoint is replayed over this like over a page that was read: it writes
 * descriptors whole when it makes a page, fills it or frees it. Where it only says which image of a
 * page is on the device, the rest is still not known: rebuild_desc_end().
 */
#include "heap/heap_int.h"

#include <string.h>

#include "base/fail.h"
#include "base/log.h"
#include "io/io.h"

#define CHUNK 64u /* pages read at once */

static struct page_desc unknown_desc(const struct heap *h)
{
    uint32_t cls = h->alloc.by_size[HEAP_ALLOC_MAX / 8];

    return (struct page_desc){.kind = PAGE_VALUE,
                              .cls = (uint8_t)cls,
                              .slots = (uint8_t)((1u << h->alloc.cls[cls].slots) - 1),
                              .lsn = LSN_LOST};
}

/* Is it a whole slot page of this heap at this place? Clears lsn and csum of the image. */
static bool slot_page(const struct heap *h, uint64_t page, void *image, struct page_desc *d)
{
    struct page_hdr *hdr = image;
    uint64_t lsn = hdr->lsn, csum = hdr->csum;
    const struct size_class *c = &h->alloc.cls[MIN(hdr->cls, CLASS_MAX - 1)];

    if (hdr->magic != PAGE_MAGIC || hdr->generation != h->generation || hdr->id != page ||
        hdr->kind != PAGE_SLOT || hdr->cls >= h->alloc.nr || c->value || hdr->slots != c->slots ||
        hdr->data != c->data || hdr->used == 0 || hdr->used > c->slots)
        return false;
    hdr->lsn = hdr->csum = 0;
    *d = (struct page_desc){.kind = PAGE_SLOT,
                            .cls = hdr->cls,
                            .full = hdr->used == c->slots,
                            .csum = csum,
                            .lsn = lsn};
    return page_disk_csum(page_sum(image), lsn) == csum;
}

static int read_pages(struct heap *h, uint64_t first, uint64_t nr, uint8_t *buf)
{
    struct super *dev = h->conf.dev[SUPER_META];
    int rc = super_read_wait(dev, SUPER_META, first * HEAP_PAGE_SIZE, buf, nr * HEAP_PAGE_SIZE);

    for (uint64_t i = 0; rc == -DER_IO && i < nr; i++) /* one of them may be what cannot be read */
        if (super_read_wait(dev, SUPER_META, (first + i) * HEAP_PAGE_SIZE, buf + i * HEAP_PAGE_SIZE,
                            HEAP_PAGE_SIZE) != 0) {
            if (!heap_goes_on(h, -DER_IO))
                return -DER_IO;
            memset(buf + i * HEAP_PAGE_SIZE, 0, HEAP_PAGE_SIZE);
        }
    return rc == -DER_IO ? 0 : rc;
}

int rebuild_desc_begin(struct heap *h, uint64_t desc)
{
    uint64_t first = desc - 1, end = MIN(first + PAGES_PER_DESC, h->map.pages), known = 0;
    uint8_t *buf = io_buf_alloc(CHUNK * HEAP_PAGE_SIZE);
    int rc = buf != NULL ? frame_give(h, desc) : -DER_NOMEM;

    if (rc == 0) {
        page_init(h, desc, PAGE_DESC, 0);
        page_set_resident(h, desc, true);
    }
    for (uint64_t at = first; at < end && rc == 0; at += CHUNK) {
        uint64_t nr = MIN(CHUNK, end - at);

        rc = read_pages(h, at, nr, buf);
        for (uint64_t i = 0; i < nr && rc == 0; i++) {
            struct page_desc d;

            if (page_is_core(at + i))
                continue;
            if (slot_page(h, at + i, buf + i * HEAP_PAGE_SIZE, &d))
                known++;
            else
                d = unknown_desc(h);
            *page_desc(h, at + i) = d;
        }
    }
    io_buf_free(buf);
    if (rc == 0)
        LOG_ERROR("heap page %llu of %s is damaged; it is made again from the %llu pages that say "
                  "themselves what they are; run 'tarn check' to see what is lost",
                  (unsigned long long)desc, super_dev(h->conf.dev[SUPER_META])->name,
                  (unsigned long long)known);
    return rc == 0 ? vec32_add(&h->rebuilt, (uint32_t)desc) : rc;
}

void rebuild_desc_end(struct heap *h)
{
    const struct page_desc u = unknown_desc(h);

    for (uint32_t i = 0; i < h->rebuilt.nr; i++) {
        uint64_t first = h->rebuilt.v[i] - 1;

        for (uint64_t page = first; page < MIN(first + PAGES_PER_DESC, h->map.pages); page++) {
            struct page_desc *d = page_is_core(page) ? NULL : page_desc(h, page);

            if (d != NULL && d->kind == u.kind && d->cls == u.cls && d->slots == u.slots)
                *d = u;
        }
    }
}

bool rebuild_unknown(const struct heap *h, const struct page_desc *d)
{
    const struct page_desc u = unknown_desc(h);

    return memcmp(d, &u, sizeof(u)) == 0;
}
