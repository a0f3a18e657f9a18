/*
 * What a heap looks like on its device. All integers little endian; docs/formats.md draws the same
 * in words.
 *
 * META role: page n at byte n * 16 KiB.
 *
 *   page 0              the heap page: struct page_hdr, struct heap_super
 *   page g * 512 + 1    descriptors of pages g*512 .. g*512+511: struct page_hdr, 512 x page_desc
 *   other pages         free; or slots of one class: struct page_hdr, bitmap, slots; or values
 *
 * In memory a page header's lsn and csum are always 0; they are set in the copy a checkpoint
 * writes. csum covers the page with both fields 0, mixed with the lsn (page_disk_csum). A value
 * page has no header: its descriptor holds kind, class, slot bitmap, lsn and checksum. The checksum
 * in a descriptor is changed through the log, like any other byte of the heap.
 *
 * WAL role: see wal.h.
 */
#ifndef TARN_HEAP_LAYOUT_H
#define TARN_HEAP_LAYOUT_H

#include <stdint.h>
#include "heap/heap.h"

#define HEAP_MAGIC     UINT64_C(0x3150414548524154) /* "TARHEAP1" read as bytes */
#define HEAP_FORMAT    1u
#define PAGE_MAGIC     0x47504854u /* "THPG" */
#define PAGES_PER_DESC 512u
#define PAGE_HDR_SIZE  64u
#define PAGE_BITMAP_OFF                                                                            \
    48u /* slot bitmap of a slot page: 64-bit words; longer than two of them push the slots back   \
         */
#define HEAP_ROOTS_MAX 8u
#define HEAP_PAGES_MAX (UINT64_C(1) << 32) /* page numbers in the log are 32 bits */

enum page_kind { PAGE_FREE, PAGE_SUPER, PAGE_DESC, PAGE_SLOT, PAGE_VALUE, PAGE_KIND_NR };

struct page_hdr {
    uint32_t magic;
    uint8_t kind;        /* enum page_kind */
    uint8_t cls;         /* size class, slot pages */
    uint16_t slots;      /* slots in the page */
    uint64_t id;         /* page number */
    uint64_t generation; /* of the heap, drawn at format: a page of another heap is recognised */
    uint64_t lsn;        /* log position the image includes; 0 in memory */
    uint64_t csum;       /* 0 in memory */
    uint16_t used;       /* live slots */
    uint16_t data;       /* byte of the first slot */
    uint32_t zero;
};

struct page_desc {
    uint8_t kind;
    uint8_t cls;
    uint8_t full;  /* slot pages: no free slot (changed only when that changes, not at every
                      allocation) */
    uint8_t slots; /* value pages: bitmap of live slots */
    uint32_t zero;
    uint64_t csum; /* of the image on the device, slot pages' too: a lost write is recognised */
    uint64_t lsn;  /* log position that image includes; 0: never written */
};

struct heap_super {
    uint64_t magic;
    uint32_t format;
    uint32_t page_size;
    uint32_t pages_per_desc;
    uint32_t zero;
    uint64_t pages; /* pages in use by the allocator; the role may already be longer */
    uint64_t alloc_count;
    uint64_t alloc_bytes;
    uint64_t value_bytes;
    uint64_t root[HEAP_ROOTS_MAX];
};

_Static_assert(sizeof(struct page_hdr) == PAGE_BITMAP_OFF, "the bitmap follows the header");
_Static_assert(sizeof(struct page_desc) == 24, "format");
_Static_assert(PAGE_HDR_SIZE + PAGES_PER_DESC * sizeof(struct page_desc) <= HEAP_PAGE_SIZE,
               "format");

static inline uint64_t page_of(uint64_t off)
{
    return off / HEAP_PAGE_SIZE;
}

static inline uint64_t page_desc_page(uint64_t page)
{
    return page / PAGES_PER_DESC * PAGES_PER_DESC + 1;
}

#endif
