/*
 * Data extents: values too large for the heap, in blocks of 4 KiB of the DATA role.
 *
 * Life of an extent: reserve (volatile: nothing on the device says so yet) -> the caller writes it
 * and makes it durable -> the transaction that names it calls heap_tx_space_use (persistent) ->
 * later a transaction calls heap_tx_space_free. A freed extent is quarantined until the freeing
 * transaction is durable and no read that began before it still holds the shard's read ticket. A
 * reservation that is cancelled, or lost in a crash, costs nothing: the persistent bitmap never
 * knew it.
 *
 * Free space is a bitmap in heap pages, one bit a block, changed inside transactions; a volatile
 * index of free runs, filled group by group when needed, finds room (first fit after the last
 * allocation in a group, near a hint when given). The role grows by itself when full, until the
 * file system or the pool's limit says no: then -DER_NOSPACE.
 */
#ifndef TARN_HEAP_SPACE_H
#define TARN_HEAP_SPACE_H

#include "heap/heap.h"

#define SPACE_BLOCK 4096u

struct space_extent {
    uint64_t block; /* first block number in the DATA role; byte offset = block * SPACE_BLOCK */
    uint32_t nr;    /* blocks, at most SPACE_EXTENT_MAX */
};
#define SPACE_EXTENT_MAX 2048u /* 8 MiB */
#define SPACE_SPLIT_MAX  16u   /* a reservation may come in up to this many pieces */

/* Reserves bytes (rounded up to blocks) in at most SPACE_SPLIT_MAX pieces; *nr in: slots of ext,
 * out: used. HEAP_FAULT (bitmap page), -DER_NOSPACE (after trying: needs growth -> HEAP_GROW), [L].
 */
#define HEAP_GROW                                                                                  \
    3 /* the role must grow first: heap_retry() does that too, and answers -DER_NOSPACE if it      \
         cannot */
int heap_space_reserve(struct heap *h, uint64_t bytes, struct space_extent *ext,
                       uint32_t *nr);                                                /* [L] */
void heap_space_cancel(struct heap *h, const struct space_extent *ext, uint32_t nr); /* [L] */
/* Inside a transaction: the reserved extent is used from now on / is free again. Partial frees of
 * an extent are allowed. If the transaction aborts, a used extent is a reservation again and a
 * freed one stays used. [L] */
int heap_tx_space_use(struct heap *h, const struct space_extent *ext);
int heap_tx_space_free(struct heap *h, const struct space_extent *ext);
/* A read of data extents is under way: blocks freed after get are not reused before put. [L] / any
 * thread */
uint64_t heap_space_read_get(struct heap *h);
void heap_space_read_put(struct heap *h, uint64_t ticket);
/* Where the extent lies in memory, on devices that are memory (io_dev_memory()): what the caller
 * stores there needs neither write nor flush. NULL: it does not. It stays there until the heap is
 * closed; for how long it is the caller's own business is said above. [L] */
void *heap_space_memory(struct heap *h, const struct space_extent *ext);
/* Do all extents lie in memory? [L] */
bool heap_space_in_memory(const struct heap *h);
/* Is every block of the extent in use? For checkers. [L] */
int heap_space_is_used(struct heap *h, const struct space_extent *ext, bool *used);

#endif
