/*
 * The end of a repair: what nothing refers to is given back, and what says how much there is says
 * the truth. Everything that is referred to has been added to a struct heap_refs (heap/refs.h)
 * before. Nothing else uses the heap meanwhile, and it is opened again afterwards.
 */
#ifndef TARN_HEAP_MEND_H
#define TARN_HEAP_MEND_H

#include "heap/refs.h"

/* While a repair is under way the heap says so, because half of one is worse than none: whoever
 * opens it for anything else refuses. */
int heap_mend_mark(struct heap *h, uint64_t mark); /* [L] one transaction; 0: there is none */
uint64_t heap_mend_under_way(struct heap *h);      /* [L] the mark */

struct heap_mended {
    uint64_t count, bytes, value_bytes; /* of what stays */
    uint64_t freed, freed_bytes;        /* allocations given back */
    uint64_t pages;                     /* pages that could not be read: free again */
    uint64_t kept;                      /* ... that something refers to */
    uint64_t groups;                    /* of data space, whose bitmap was wrong */
    uint64_t blocks_used;
};
/* One page: frees what nothing refers to; all of it, if it cannot be read. [L] one transaction;
 * HEAP_FAULT and so on: nothing has happened, m included. */
int heap_mend_page(struct heap *h, const struct heap_refs *r, uint64_t page, bool dry,
                   struct heap_mended *m);
/* After the last page: the totals. [L] one transaction. */
int heap_mend_totals(struct heap *h, const struct heap_mended *m);
/* One group of data space (SPACE_GROUP_BLOCKS): in use is what was added. [L] one transaction. */
int heap_mend_group(struct heap *h, const struct heap_refs *r, uint64_t group, bool dry,
                    struct heap_mended *m);

#endif
