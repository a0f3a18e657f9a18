/*
 * Which allocations and blocks a walk has met, and which are left over.
 *
 * A slot begins at a multiple of 8 bytes and takes at least 16, so of the 16 bytes that a bit
 * stands for no two slots begin in the same. The bits are allocated at once and touched only where
 * something is: the system gives memory for the rest when it is needed.
 */
#include "heap/refs.h"

#include <string.h>

#include "base/fail.h"
#include "heap/space_int.h"

#define GRAIN     16u
#define PAGE_BITS (HEAP_PAGE_SIZE / GRAIN)

_Static_assert(SPACE_GROUP_BLOCKS == SPACE_GROUP, "the same");
_Static_assert(HEAP_LEAKS_MAX >= HEAP_PAGE_SIZE / GRAIN, "room for every slot of a page");

int heap_refs_open(struct heap *h, struct heap_refs *r)
{
    const struct space *s = h->space;

    r->pages = h->map.pages;
    r->blocks = s != NULL ? s->blocks : 0;
    r->slot = base_calloc(r->pages * (PAGE_BITS / 64), sizeof(uint64_t));
    r->block = base_calloc(r->blocks / 64 + 1, sizeof(uint64_t));
    if (r->slot != NULL && r->block != NULL)
        return 0;
    heap_refs_close(r);
    return -DER_NOMEM;
}

void heap_refs_close(struct heap_refs *r)
{
    base_free(r->slot);
    base_free(r->block);
    *r = (struct heap_refs){0};
}

void heap_refs_watch(const struct heap *h, struct heap_refs *r)
{
    r->watched = h;
    r->lsn = heap_lsn(h);
}

static bool changed(const struct heap_refs *r)
{
    return r->watched != NULL && heap_lsn(r->watched) != r->lsn;
}

static bool bit_set(uint64_t *bits, uint64_t i)
{
    uint64_t bit = UINT64_C(1) << i % 64;
    bool was = (bits[i / 64] & bit) != 0;

    bits[i / 64] |= bit;
    return !was;
}

bool heap_refs_add(struct heap_refs *r, uint64_t off)
{
    return (page_of(off) < r->pages && bit_set(r->slot, off / GRAIN)) || changed(r);
}

bool heap_refs_has(const struct heap_refs *r, uint64_t off)
{
    return page_of(off) < r->pages && (r->slot[off / GRAIN / 64] >> off / GRAIN % 64 & 1) != 0;
}

bool heap_refs_add_blocks(struct heap_refs *r, const struct space_extent *ext)
{
    bool good = true;

    for (uint64_t b = ext->block; b < ext->block + ext->nr; b++)
        good &= b < r->blocks && bit_set(r->block, b);
    return good || changed(r);
}

static void leak(struct heap_leaks *l, const struct heap_refs *r, uint64_t off, uint8_t kind)
{
    if (heap_refs_has(r, off))
        return;
    l->off[l->nr] = off;
    l->kind[l->nr++] = kind;
}

int heap_refs_leaks(struct heap *h, const struct heap_refs *r, uint64_t page, struct heap_leaks *l)
{
    const struct page_desc *d;
    const struct size_class *c;
    uint64_t base = page * HEAP_PAGE_SIZE;
    const uint64_t *bits;

    l->nr = 0;
    if (page >= r->pages || page >= h->map.pages || page_is_core(page) || changed(r))
        return 0;
    d = page_desc(h, page);
    if (d->kind == PAGE_FREE || d->lsn == LSN_LOST || page_is_bad(h, page))
        return 0;
    c = &h->alloc.cls[d->cls];
    l->size = c->size;
    if (d->kind == PAGE_VALUE) {
        for (uint32_t i = 0; i < c->slots; i++)
            if ((d->slots >> i & 1) != 0)
                leak(l, r, base + i * c->size, 0);
        return 0;
    }
    if (!page_touch(h, page))
        return h->rc == HEAP_FAULT ? HEAP_FAULT : 0;
    bits = (const uint64_t *)((const char *)page_addr(h, page) + PAGE_BITMAP_OFF);
    for (uint32_t i = 0; i < c->slots; i++) {
        uint64_t off = base + c->data + i * c->size;

        if ((bits[i / 64] >> i % 64 & 1) != 0)
            leak(l, r, off, *(const uint8_t *)off_addr(h, off));
    }
    return 0;
}

int heap_refs_block_leaks(struct heap *h, const struct heap_refs *r, uint64_t from,
                          struct space_extent *run)
{
    uint64_t end = MIN((from / SPACE_GROUP + 1) * SPACE_GROUP, r->blocks), at = from;
    const uint64_t *bits;
    int rc;

    *run = (struct space_extent){0};
    if (changed(r))
        return 0;
    rc = space_map_bits(h, from / SPACE_GROUP, &bits);
    if (rc != 0 || bits == NULL)
        return rc;
#define LEAK(b)                                                                                    \
    ((bits[(b) % SPACE_GROUP / 64] & ~r->block[(b) / 64]) >> (b) % 64 &                            \
     1) /* groups are whole words */
    while (at < end && !LEAK(at))
        at = at % 64 == 0 && (bits[at % SPACE_GROUP / 64] & ~r->block[at / 64]) == 0 ? at + 64
                                                                                     : at + 1;
    if (at >= end)
        return 0;
    run->block = at;
    while (at < end && LEAK(at))
        at++;
#undef LEAK
    run->nr = (uint32_t)(at - run->block);
    return 0;
}

int heap_refs_space(struct heap *h, struct heap_refs *r, uint64_t *group, bool *more)
{
    const struct space_head *head;
    const struct space_sum *sum;
    uint64_t off, table;
    int rc = heap_root_get(h, HEAP_ROOT_SPACE, &off);

    *more = false;
    if (rc != 0 || off == 0)
        return 0;
    head = heap_ptr(h, off, sizeof(*head));
    if (head == NULL)
        return heap_rc(h) == HEAP_FAULT ? HEAP_FAULT : 0;
    table = *group / SPACE_TABLE < SPACE_TABLES_MAX ? head->table[*group / SPACE_TABLE] : 0;
    if (table != 0) {
        sum = table % 8 == 0 ? heap_ptr(h, table, SPACE_TABLE * sizeof(*sum)) : NULL;
        if (table % 8 == 0 && sum == NULL && heap_rc(h) == HEAP_FAULT)
            return HEAP_FAULT;
        heap_refs_add(r, table);
        for (uint32_t i = 0; sum != NULL && i < SPACE_TABLE; i++)
            if (sum[i].bitmap != 0)
                heap_refs_add(r, sum[i].bitmap);
    }
    if (*group == 0)
        heap_refs_add(r, off);
    *group = (*group / SPACE_TABLE + 1) * SPACE_TABLE;
    *more = *group < head->groups && *group / SPACE_TABLE < SPACE_TABLES_MAX;
    return 0;
}
