/*
 * Taking what is lost out of a tree: nodes that cannot be had, entries whose records cannot. By
 * position, not by key, because keys are in records that may be gone.
 *
 * A node that lost children is left thin, never empty. A separator that is a tie (tree.c) names a
 * record: where that goes, the tie gets the bound that now holds, as in a removal. The root's count
 * is not kept on the way; whoever has walked the tree afterwards sets it.
 */
#include "heap/tree_node.h"

#include <string.h>

#include <daos_errno.h>

/* The way that a walker stands on: to its leaf, or (gap) to the parent of the lost node. */
static int path_of(struct tree *t, const struct tree_walker *w, struct tpath *p)
{
    uint64_t ref = t->root.ref;

    memset(p, 0, sizeof(*p));
    p->height = t->root.height;
    for (uint32_t lv = 0; lv < w->lv; lv++) {
        int rc = tree_node_get(t, ref, p->height - 1 - lv, &p->lv[lv].n);

        if (rc != 0)
            return rc;
        if (ref_bare(ref) != w->ref[lv] || w->pos[lv] >= node_count(p->lv[lv].n))
            return -DER_INVAL;
        p->lv[lv].ref = ref_bare(ref);
        p->lv[lv].pos = w->pos[lv];
        ref = inner_at(p->lv[lv].n, w->pos[lv])->ref;
    }
    p->lv[w->lv].ref = ref_bare(ref);
    return 0;
}

/* The child of p->lv[lv] at its position goes, and what is left without children above it. */
static int cut(struct tree *t, const struct tpath *p, uint32_t lv)
{
    struct tinner_ent bound;
    int rc;

    for (;; lv--) {
        if (node_count(p->lv[lv].n) > 1)
            break;
        rc = tree_node_free(t, p->lv[lv].ref);
        if (rc != 0)
            return rc;
        if (lv == 0) {
            t->root = (struct troot){.kind = TROOT_EMPTY};
            return tree_root_write(t);
        }
    }
    bound = *inner_at(p->lv[lv].n, 1);
    rc = inner_remove(t, p, lv, p->lv[lv].pos);
    if (rc != 0 || p->lv[lv].pos > 0)
        return rc;
    for (uint32_t up = lv; up-- > 0;) { /* the separator before the subtree that lost its first */
        if (p->lv[up].pos == 0)
            continue;
        if ((inner_at(p->lv[up].n, p->lv[up].pos)->ref & SEP_TIE) == 0)
            return 0;
        return tree_tie_set(t, p, up, &bound);
    }
    return 0;
}

int tree_find_lost(struct heap *h, uint64_t root_off, struct tree_walker *walker,
                   struct tree_gap *gap, bool *lost)
{
    struct tree t = {.h = h, .root_off = root_off};
    struct tree_entry ent[TREE_LEAF_MAX];
    struct tpath p;
    uint32_t nr;
    int rc;

    walker->stop = true;
    rc = tree_walk_leaf(h, walker, ent, &nr);
    *lost = false;
    if (rc >= 0 || rc == -DER_NOMEM || rc == -DER_NONEXIST)
        return rc;
    memset(gap, 0, sizeof(*gap));
    gap->hi = UINT64_MAX;
    rc = tree_root_read(&t);
    if (rc == 0)
        rc = path_of(&t, walker, &p);
    if (rc != 0)
        return rc;
    *lost = true;
    gap->level = t.root.height - 1 - walker->lv;
    for (uint32_t lv = 0; lv < walker->lv; lv++) {
        const struct tnode *n = p.lv[lv].n;

        if (p.lv[lv].pos > 0)
            gap->lo = inner_at(n, p.lv[lv].pos)->order;
        if (p.lv[lv].pos + 1 < node_count(n))
            gap->hi = inner_at(n, p.lv[lv].pos + 1)->order;
    }
    return 0;
}

int tree_cut_lost(struct heap *h, uint64_t root_off, const struct tree_walker *walker)
{
    struct tree t = {.h = h, .root_off = root_off};
    struct tpath p;
    int rc = tree_root_read(&t);

    ASSERT(heap_tx_active(h));
    if (rc != 0)
        return rc;
    if (walker->lv == 0) {
        t.root = (struct troot){.kind = TROOT_EMPTY};
        return tree_root_write(&t);
    }
    rc = path_of(&t, walker, &p);
    return rc != 0 ? rc : cut(&t, &p, walker->lv - 1);
}

static bool among(uint64_t value, const uint64_t *list, uint32_t nr)
{
    for (uint32_t i = 0; i < nr; i++)
        if (list[i] == value)
            return true;
    return false;
}

/* What the tie before the leaf says from now on. */
static int tie_mend(struct tree *t, const struct tpath *p, const struct tnode *leaf)
{
    struct tinner_ent sep = {0};
    struct tsort e[TNODE_CAP_MAX];
    const struct tinner_ent *is;
    uint32_t lv, nr = leaf_list(leaf, e);
    int rc;

    for (lv = p->height - 1; lv > 0 && p->lv[lv - 1].pos == 0;)
        lv--;
    if (lv == 0)
        return 0;
    is = inner_at(p->lv[lv - 1].n, p->lv[lv - 1].pos);
    if ((is->ref & SEP_TIE) == 0)
        return 0;
    rc = tree_sort(t, e, nr);
    if (rc != 0)
        return rc;
    sep.order = e[0].order;
    if (e[0].order == is->order) {
        sep.rep = e[0].value;
        sep.ref = SEP_TIE;
    }
    return tree_tie_set(t, p, lv - 1, &sep);
}

int tree_drop_values(struct heap *h, const struct tree_class *c, uint64_t root_off,
                     const struct tree_walker *walker, const uint64_t *value, uint32_t nr)
{
    struct tree t = {.h = h, .c = c, .root_off = root_off};
    const struct tnode *leaf;
    uint64_t *valid, left;
    struct tpath p;
    int rc = tree_root_read(&t);

    ASSERT(heap_tx_active(h));
    if (rc == 0 && t.root.kind == TROOT_ONE && among(t.root.value, value, nr))
        t.root = (struct troot){.kind = TROOT_EMPTY};
    if (rc != 0 || t.root.kind != TROOT_NODE)
        return rc != 0 ? rc : tree_root_write(&t);
    rc = path_of(&t, walker, &p);
    if (rc == 0)
        rc = tree_node_get(&t, p.lv[walker->lv].ref, 0, &leaf);
    if (rc != 0)
        return rc;
    p.lv[walker->lv].n = leaf;
    valid = tree_write(&t, &p, walker->lv, &leaf->valid, sizeof(*valid));
    if (valid == NULL)
        return heap_rc(h);
    for (left = *valid; left != 0; left &= left - 1) {
        uint32_t slot = (uint32_t)__builtin_ctzll(left);

        if (among(leaf_ents(leaf)[slot].value, value, nr))
            *valid &= ~(1ull << slot);
    }
    if (leaf->valid != 0)
        return tie_mend(&t, &p, leaf);
    rc = tree_node_free(&t, p.lv[walker->lv].ref);
    if (rc != 0)
        return rc;
    if (walker->lv > 0)
        return cut(&t, &p, walker->lv - 1);
    t.root = (struct troot){.kind = TROOT_EMPTY};
    return tree_root_write(&t);
}

int tree_swap_value(struct heap *h, const struct tree_class *c, uint64_t root_off,
                    const struct tree_walker *walker, uint64_t old, uint64_t value)
{
    struct tree t = {.h = h, .c = c, .root_off = root_off};
    struct tinner_ent tie;
    const struct tnode *leaf;
    struct tpath p;
    int rc = tree_root_read(&t);

    ASSERT(heap_tx_active(h));
    if (rc != 0)
        return rc;
    if (t.root.kind == TROOT_ONE)
        return tree_root_one(&t, t.root.order, value, t.root.tag);
    rc = path_of(&t, walker, &p);
    if (rc == 0)
        rc = tree_node_get(&t, p.lv[walker->lv].ref, 0, &leaf);
    if (rc != 0)
        return rc;
    p.lv[walker->lv].n = leaf;
    for (uint64_t left = leaf->valid; left != 0; left &= left - 1) {
        const struct tleaf_ent *e = &leaf_ents(leaf)[__builtin_ctzll(left)];
        uint64_t *w;

        if (e->value != old)
            continue;
        w = tree_write(&t, &p, walker->lv, &e->value, sizeof(*w));
        if (w == NULL)
            return heap_rc(h);
        *w = value;
        tie = (struct tinner_ent){.order = e->order, .rep = value, .ref = SEP_TIE};
        return tree_tie_set(&t, &p, tree_tie_level(&p, e->order, old), &tie);
    }
    return -DER_NONEXIST;
}

int tree_set_count(struct heap *h, uint64_t root_off, uint64_t count, bool *changed)
{
    struct tree t = {.h = h, .root_off = root_off};
    int rc = tree_root_read(&t);

    *changed = rc == 0 && t.root.kind == TROOT_NODE && t.root.height > 1 && t.root.count != count;
    if (!*changed || !heap_tx_active(h))
        return rc;
    t.root.count = count;
    return tree_root_write(&t);
}
