/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * Binary heaps of nodes embedded in the caller's structures; the least node is at the root.
 */
#ifndef TARN_GURT_HEAP_H
#define TARN_GURT_HEAP_H

#include <stdint.h>
#include <stdbool.h>
#include <stddef.h>
#include <pthread.h>

#ifdef __cplusplus
extern "C" {
#endif

struct d_binheap;

/** Feature: the caller does the locking. */
#define DBH_FT_NOLOCK 0x1u

/** Link of a structure in a heap. */
struct d_binheap_node {
    uint32_t chn_idx; /**< place in the heap */
};

/** Callbacks: `hop_compare` is required and says whether @a a comes before @a b. */
struct d_binheap_ops {
    int (*hop_enter)(struct d_binheap *h, struct d_binheap_node *e);
    int (*hop_exit)(struct d_binheap *h, struct d_binheap_node *e);
    bool (*hop_compare)(struct d_binheap_node *a, struct d_binheap_node *b);
};

/** A heap. */
struct d_binheap {
    pthread_mutex_t d_bh_lock;
    uint32_t d_bh_feats;
    uint32_t d_bh_hwm;
    uint32_t d_bh_nodes_cnt;
    uint32_t d_bh_nodes_max;
    void *d_bh_priv;
    struct d_binheap_ops *d_bh_ops;
    struct d_binheap_node **d_bh_nodes;
};

/** A heap with room for @a count nodes at first. -DER_INVAL, -DER_NOMEM. */
int d_binheap_create(uint32_t feats, uint32_t count, void *priv, struct d_binheap_ops *ops,
                     struct d_binheap **h);

/** As d_binheap_create(), in the caller's memory. */
int d_binheap_create_inplace(uint32_t feats, uint32_t count, void *priv, struct d_binheap_ops *ops,
                             struct d_binheap *h);

/** Destroy a heap; nodes stay the caller's. */
void d_binheap_destroy(struct d_binheap *h);

/** As d_binheap_destroy(), leaving the memory to the caller. */
void d_binheap_destroy_inplace(struct d_binheap *h);

/** Node at a place; NULL beyond the end. */
struct d_binheap_node *d_binheap_find(struct d_binheap *h, uint32_t idx);

/** Insert a node. -DER_NOMEM. */
int d_binheap_insert(struct d_binheap *h, struct d_binheap_node *e);

/** Remove a node. */
void d_binheap_remove(struct d_binheap *h, struct d_binheap_node *e);

/** Remove the least node and give it; NULL when the heap is empty. */
struct d_binheap_node *d_binheap_remove_root(struct d_binheap *h);

/** Number of nodes. */
static inline int d_binheap_size(struct d_binheap *h)
{
    return (int)h->d_bh_nodes_cnt;
}

/** Is there no node? */
static inline bool d_binheap_is_empty(struct d_binheap *h)
{
    return h->d_bh_nodes_cnt == 0;
}

/** The least node; NULL when the heap is empty. */
static inline struct d_binheap_node *d_binheap_root(struct d_binheap *h)
{
    return d_binheap_find(h, 0);
}

#ifdef __cplusplus
}
#endif

#endif /* TARN_GURT_HEAP_H */
