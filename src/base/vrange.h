/*
 * vrange: memory that grows in place. A reserved range of addresses, committed from its start.
 *
 * A process that opens and closes many of them, one after the other (a simulation, a test), spends
 * most of its time in page faults; it gives them a pool, where what was closed waits to be opened
 * again. Not thread-safe, nor is the pool.
 */
#ifndef TARN_BASE_VRANGE_H
#define TARN_BASE_VRANGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct vrange_pool;

struct vrange {
    char *base;
    size_t committed, max;
    size_t used; /* the most that was asked for */
    struct vrange_pool *pool;
};

enum vrange_use {
    VRANGE_ZERO, /* new bytes are zero */
    VRANGE_ANY,  /* the caller writes before it reads */
};

/* Reserves max bytes, of addresses only. pool: NULL, or where to look first and to put it in the
 * end. -DER_NOMEM. */
int vrange_open(struct vrange *r, size_t max, enum vrange_use use, struct vrange_pool *pool);
/* The first bytes are usable. -DER_NOMEM: also when they are more than was reserved. */
int vrange_commit(struct vrange *r, size_t bytes);
/* [from, to) will be used, most of it: large pages for what lies whole in it, as far as there are
 * any. */
#define VRANGE_HUGE ((uintptr_t)2 << 20)
void vrange_huge(struct vrange *r, size_t from, size_t to);
void vrange_close(struct vrange *r);

/* NULL: no memory. */
struct vrange_pool *vrange_pool_create(void);
/* All ranges of it are closed. */
void vrange_pool_destroy(struct vrange_pool *pool);

#endif
