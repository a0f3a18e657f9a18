/*
 * Binary heaps (gurt/heap.h): the node at place i comes before those at 2i+1 and 2i+2. A node knows
 * its place, so it can leave from anywhere.
 */
#include <gurt/common.h>
#include <gurt/heap.h>
#include "base/fail.h"

#define NOWHERE UINT32_MAX

static void heap_lock(struct d_binheap *h)
{
    if (!(h->d_bh_feats & DBH_FT_NOLOCK))
        D_MUTEX_LOCK(&h->d_bh_lock);
}

static void heap_unlock(struct d_binheap *h)
{
    if (!(h->d_bh_feats & DBH_FT_NOLOCK))
        D_MUTEX_UNLOCK(&h->d_bh_lock);
}

int d_binheap_create_inplace(uint32_t feats, uint32_t count, void *priv, struct d_binheap_ops *ops,
                             struct d_binheap *h)
{
    int rc = 0;

    if (h == NULL || ops == NULL || ops->hop_compare == NULL || (feats & ~DBH_FT_NOLOCK) != 0)
        return -DER_INVAL;
    memset(h, 0, sizeof(*h));
    h->d_bh_feats = feats;
    h->d_bh_priv = priv;
    h->d_bh_ops = ops;
    h->d_bh_nodes_max = count > 0 ? count : 1;
    h->d_bh_nodes = base_calloc(h->d_bh_nodes_max, sizeof(*h->d_bh_nodes));
    if (h->d_bh_nodes == NULL)
        return -DER_NOMEM;
    if (!(feats & DBH_FT_NOLOCK))
        rc = D_MUTEX_INIT(&h->d_bh_lock, NULL);
    if (rc != 0)
        base_free(h->d_bh_nodes);
    return rc;
}

int d_binheap_create(uint32_t feats, uint32_t count, void *priv, struct d_binheap_ops *ops,
                     struct d_binheap **h)
{
    struct d_binheap *heap;
    int rc;

    if (h == NULL)
        return -DER_INVAL;
    heap = base_calloc(1, sizeof(*heap));
    if (heap == NULL)
        return -DER_NOMEM;
    rc = d_binheap_create_inplace(feats, count, priv, ops, heap);
    if (rc != 0)
        base_free(heap);
    else
        *h = heap;
    return rc;
}

void d_binheap_destroy_inplace(struct d_binheap *h)
{
    if (h == NULL)
        return;
    if (!(h->d_bh_feats & DBH_FT_NOLOCK))
        pthread_mutex_destroy(&h->d_bh_lock);
    base_free(h->d_bh_nodes);
    memset(h, 0, sizeof(*h));
}

void d_binheap_destroy(struct d_binheap *h)
{
    d_binheap_destroy_inplace(h);
    base_free(h);
}

struct d_binheap_node *d_binheap_find(struct d_binheap *h, uint32_t idx)
{
    struct d_binheap_node *e;

    heap_lock(h);
    e = idx < h->d_bh_nodes_cnt ? h->d_bh_nodes[idx] : NULL;
    heap_unlock(h);
    return e;
}

static void put(struct d_binheap *h, uint32_t at, struct d_binheap_node *e)
{
    h->d_bh_nodes[at] = e;
    e->chn_idx = at;
}

static bool before(struct d_binheap *h, struct d_binheap_node *a, struct d_binheap_node *b)
{
    return h->d_bh_ops->hop_compare(a, b);
}

static void sift_up(struct d_binheap *h, uint32_t at, struct d_binheap_node *e)
{
    uint32_t up;

    for (; at > 0; at = up) {
        up = (at - 1) / 2;
        if (!before(h, e, h->d_bh_nodes[up]))
            break;
        put(h, at, h->d_bh_nodes[up]);
    }
    put(h, at, e);
}

static void sift_down(struct d_binheap *h, uint32_t at, struct d_binheap_node *e)
{
    uint32_t down;

    for (; (down = 2 * at + 1) < h->d_bh_nodes_cnt; at = down) {
        if (down + 1 < h->d_bh_nodes_cnt && before(h, h->d_bh_nodes[down + 1], h->d_bh_nodes[down]))
            down++;
        if (!before(h, h->d_bh_nodes[down], e))
            break;
        put(h, at, h->d_bh_nodes[down]);
    }
    put(h, at, e);
}

static int grow(struct d_binheap *h)
{
    uint32_t max = h->d_bh_nodes_max * 2;
    struct d_binheap_node **nodes;

    if (h->d_bh_nodes_cnt < h->d_bh_nodes_max)
        return 0;
    nodes = base_realloc(h->d_bh_nodes, max * sizeof(*nodes));
    if (nodes == NULL)
        return -DER_NOMEM;
    h->d_bh_nodes = nodes;
    h->d_bh_nodes_max = max;
    return 0;
}

int d_binheap_insert(struct d_binheap *h, struct d_binheap_node *e)
{
    int rc;

    if (h == NULL || e == NULL)
        return -DER_INVAL;
    heap_lock(h);
    rc = grow(h);
    if (rc == 0 && h->d_bh_ops->hop_enter != NULL)
        rc = h->d_bh_ops->hop_enter(h, e);
    if (rc == 0) {
        sift_up(h, h->d_bh_nodes_cnt++, e);
        if (h->d_bh_nodes_cnt > h->d_bh_hwm)
            h->d_bh_hwm = h->d_bh_nodes_cnt;
    }
    heap_unlock(h);
    return rc;
}

/* The last node takes the place and goes where it belongs from there. Under the lock. */
static void take_out(struct d_binheap *h, struct d_binheap_node *e)
{
    uint32_t at = e->chn_idx;
    struct d_binheap_node *last;

    D_ASSERT(at < h->d_bh_nodes_cnt && h->d_bh_nodes[at] == e);
    last = h->d_bh_nodes[--h->d_bh_nodes_cnt];
    if (last != e) {
        sift_down(h, at, last);
        if (last->chn_idx == at)
            sift_up(h, at, last);
    }
    e->chn_idx = NOWHERE;
    if (h->d_bh_ops->hop_exit != NULL)
        h->d_bh_ops->hop_exit(h, e);
}

void d_binheap_remove(struct d_binheap *h, struct d_binheap_node *e)
{
    heap_lock(h);
    take_out(h, e);
    heap_unlock(h);
}

struct d_binheap_node *d_binheap_remove_root(struct d_binheap *h)
{
    struct d_binheap_node *e = NULL;

    heap_lock(h);
    if (h->d_bh_nodes_cnt > 0) {
        e = h->d_bh_nodes[0];
        take_out(h, e);
    }
    heap_unlock(h);
    return e;
}
