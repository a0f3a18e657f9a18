/*
 * What a walk over everything has met: which allocations, which blocks of data space. What is left
 * over then belongs to nobody.
 *
 * A bit for each 16 bytes of metadata (no allocation is smaller: 128 bytes a page, and only for
 * pages with something in them) and one for each block of data space.
 *
 *     heap_refs_open()  ->  add what is met  ->  heap_refs_leaks(), heap_refs_block_leaks()
 */
#ifndef TARN_HEAP_REFS_H
#define TARN_HEAP_REFS_H

#include "heap/heap.h"
#include "heap/space.h"

struct heap_refs {
    uint64_t *slot, *block;
    uint64_t pages, blocks;
    const struct heap *watched; /* NULL: nobody else is at work */
    uint64_t lsn;
};

/* Room for what the heap and its data role are now. -DER_NOMEM. [L] */
int heap_refs_open(struct heap *h, struct heap_refs *r);
void heap_refs_close(struct heap_refs *r);
/* Others may change the heap: once they have, what was met says nothing of what is there, so
 * nothing counts as met twice, and nothing as left over. [L] */
void heap_refs_watch(const struct heap *h, struct heap_refs *r);
/* False: it was there already, or lies outside. */
bool heap_refs_add(struct heap_refs *r, uint64_t off);
bool heap_refs_has(const struct heap_refs *r, uint64_t off);
/* False: one of its blocks was there already, or lies outside; the others are there now. */
bool heap_refs_add_blocks(struct heap_refs *r, const struct space_extent *ext);

/* The live allocations of a page that were not added. */
#define HEAP_LEAKS_MAX 1024u
struct heap_leaks {
    uint32_t size; /* of each */
    uint32_t nr;
    uint64_t off[HEAP_LEAKS_MAX];
    uint8_t kind[HEAP_LEAKS_MAX]; /* its first byte; 0: unknown, its page need not be read */
};
/* A page that cannot be read has none. [L] HEAP_FAULT. */
int heap_refs_leaks(struct heap *h, const struct heap_refs *r, uint64_t page,
                    struct heap_leaks *leaks);
/* The first run of blocks from block `from` on that are marked in use and were not added; nr 0:
 * none to the end of the group that `from` lies in (then go on with the next, SPACE_GROUP_BLOCKS).
 * -DER_CSUM, -DER_IO: that group's bitmap cannot be read. [L] HEAP_FAULT. */
#define SPACE_GROUP_BLOCKS 32768u
int heap_refs_block_leaks(struct heap *h, const struct heap_refs *r, uint64_t from,
                          struct space_extent *run);
/* Adds what data space itself has allocated for the groups from *group on, one table a step; *more:
 * again. What cannot be read is passed by. [L] HEAP_FAULT. */
int heap_refs_space(struct heap *h, struct heap_refs *r, uint64_t *group, bool *more);

#endif
