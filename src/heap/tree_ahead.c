/*
 * What several searches of one tree will look at is asked of memory before they begin: level by
 * level for all of them, so that they wait together, where each on its own would wait at every
 * level.
 *
 * Hints only: nothing here fails, is recorded, or trusts what it sees. Separators of equal order
 * keys are not told apart, so among many equal ones it is the wrong leaf.
 */
#include "heap/tree_node.h"

#include <string.h>

#include "heap/heap_int.h"

static void ask(const void *p)
{
    __builtin_prefetch(p);
    __builtin_prefetch((const uint8_t *)p + 64); /* the rest of the tags */
}

static const struct tnode *node_at(const struct heap *h, uint64_t ref, uint32_t level)
{
    uint32_t cls = ref_cls(ref);

    return cls > 2 || (level > 0 && cls == 0) ? NULL
                                              : heap_peek(h, ref_off(ref), node_size(level, cls));
}

static bool is_node(const struct tnode *n, uint64_t ref, uint32_t level)
{
    return n->magic == (level == 0 ? TNODE_LEAF : TNODE_INNER) && n->level == level &&
           n->cls == ref_cls(ref) && n->valid != 0 && (n->valid & ~cls_mask(n->cls)) == 0;
}

/* From the nodes of one level to those of the next; 0: gone astray. */
static void step(struct heap *h, const struct tree_key *key, uint64_t *ref, uint32_t nr,
                 uint32_t level)
{
    for (uint32_t i = 0; i < nr; i++) {
        const struct tnode *n = ref[i] != 0 ? node_at(h, ref[i], level) : NULL, *child;

        if (n == NULL || !is_node(n, ref[i], level)) {
            ref[i] = 0;
            continue;
        }
        ref[i] = ref_bare(inner_at(n, inner_count(n, node_count(n) - 1, key[i].order, true))->ref);
        child = node_at(h, ref[i], level - 1);
        if (child != NULL)
            ask(child);
    }
}

/* The entry that may be the key's (*hit), or else the place that a new one would get. */
static const struct tleaf_ent *place(const struct tree_class *c, const struct tnode *n,
                                     const struct tree_key *key, bool *hit)
{
    uint64_t same = tags_match(n, key_fingerprint(c, key)) & n->valid, to = same ? same : ~n->valid;

    *hit = same != 0;
    return &leaf_ents(n)[MIN((uint32_t)__builtin_ctzll(to | 1ull << 63), cls_cap(n->cls) - 1)];
}

void tree_ahead(struct heap *h, const struct tree_class *c, uint64_t root_off,
                const struct tree_key *key, uint64_t *value, uint32_t nr)
{
    const struct tree_root *r = heap_peek(h, root_off, sizeof(*r));
    uint32_t level = r != NULL ? (uint32_t)(r->word1 >> 54 & 15) : 0;
    bool hit;

    memset(value, 0, nr * sizeof(*value));
    if (r == NULL || r->word1 >> 62 != 2)
        return;
    for (uint32_t i = 0; i < nr; i++)
        value[i] = r->word1 & ((1ull << 54) - 1);
    for (; level > 0; level--)
        step(h, key, value, nr, level);
    for (uint32_t i = 0; i < nr; i++) {
        const struct tnode *n = value[i] != 0 ? node_at(h, value[i], 0) : NULL;

        if (n != NULL && is_node(n, value[i], 0))
            __builtin_prefetch(place(c, n, &key[i], &hit));
        else
            value[i] = 0;
    }
    for (uint32_t i = 0; i < nr; i++) {
        const struct tnode *n = value[i] != 0 ? node_at(h, value[i], 0) : NULL;
        const struct tleaf_ent *e = n != NULL ? place(c, n, &key[i], &hit) : NULL;

        value[i] = e != NULL && hit && e->order == key[i].order ? e->value : 0;
    }
}
