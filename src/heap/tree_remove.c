/*
 * Removal, merging of thin nodes, and freeing whole trees.
 *
 * Order of a removal: the entry leaves its leaf; a tie that named it gets the next smallest entry
 * (tree.c); an empty leaf, and inner nodes left without children, are freed; thin nodes on the way
 * merge with a neighbour under the same parent, lowest first; at last the root gives up levels with
 * a single child and takes the smallest form that holds what is left. All in one transaction, so
 * nothing in between is ever seen.
 */
#include "heap/tree_node.h"

#include <string.h>

#include <daos_errno.h>

/* What a tie that named a removed record becomes: the smallest entry left in the leaf. */
static int tie_of_leaf(struct tree *t, const struct tnode *leaf, uint64_t order,
                       struct tinner_ent *sep)
{
    struct tsort best = {0};
    bool any = false;

    for (uint64_t left = leaf->valid; left != 0; left &= left - 1) {
        const struct tleaf_ent *e = &leaf_ents(leaf)[__builtin_ctzll(left)];
        int res = -1, rc = any ? ent_cmp(t, e->order, e->value, best.order, best.value, &res) : 0;

        if (rc != 0)
            return rc;
        if (res < 0) {
            best.order = e->order;
            best.value = e->value;
            any = true;
        }
    }
    ASSERT(any && best.order >= order);
    *sep = (struct tinner_ent){.order = best.order};
    if (best.order == order) {
        sep->rep = best.value;
        sep->ref = SEP_TIE;
    }
    return 0;
}

/* Frees the empty leaf of p and every inner node that had no other child. *lv: the level that lost
 * a child; TREE_NO_LEVEL when the whole tree is gone. *bound: what was the separator of the child
 * that is first at that level now. */
static int drop_leaf(struct tree *t, const struct tpath *p, uint32_t *lv, struct tinner_ent *bound)
{
    for (uint32_t i = p->height - 1;; i--) {
        int rc = tree_node_free(t, p->lv[i].ref);

        if (rc != 0)
            return rc;
        if (i == 0) {
            *lv = TREE_NO_LEVEL;
            t->root = (struct troot){.kind = TROOT_EMPTY};
            return tree_root_write(t);
        }
        if (node_count(p->lv[i - 1].n) > 1) {
            *lv = i - 1;
            *bound = *inner_at(p->lv[i - 1].n, 1);
            return inner_remove(t, p, i - 1, p->lv[i - 1].pos);
        }
    }
}

/* Moves the entries of leaf n into the leaf at q->lv[lv], which has room. */
static int leaf_absorb(struct tree *t, const struct tpath *q, uint32_t lv, const struct tnode *n)
{
    const struct tnode *to = q->lv[lv].n;
    uint32_t cap = cls_cap(to->cls);
    uint8_t *tags = tree_write(t, q, lv, node_tags(to), cap);
    uint64_t *valid = tree_write(t, q, lv, &to->valid, sizeof(*valid));

    if (tags == NULL || valid == NULL)
        return heap_rc(t->h);
    for (uint64_t left = n->valid; left != 0; left &= left - 1) {
        uint32_t from = (uint32_t)__builtin_ctzll(left), slot = (uint32_t)__builtin_ctzll(~*valid);
        struct tleaf_ent *e = tree_write(t, q, lv, &leaf_ents(to)[slot], sizeof(*e));

        if (e == NULL)
            return heap_rc(t->h);
        ASSERT(slot < cap);
        *e = leaf_ents(n)[from];
        tags[slot] = MUTANT(TREE_MERGE_TAG) ? 0 : node_tags(n)[from];
        *valid |= 1ull << slot;
    }
    return 0;
}

/* Moves the children of inner node n, the left or right neighbour, into the inner node at
 * q->lv[lv]; between: their parent's separator. */
static int inner_absorb(struct tree *t, const struct tpath *q, uint32_t lv, const struct tnode *n,
                        bool n_is_left, const struct tinner_ent *between)
{
    const struct tnode *to = q->lv[lv].n;
    uint32_t nr = node_count(to), more = node_count(n), at = n_is_left ? 0 : nr;
    uint8_t *tags = tree_write(t, q, lv, node_tags(to), nr + more);
    uint64_t *valid = tree_write(t, q, lv, &to->valid, sizeof(*valid));
    struct tinner_ent *e;

    if (tags == NULL || valid == NULL)
        return heap_rc(t->h);
    if (n_is_left) {
        /* the child that was first here gets a separator */
        e = tree_write(t, q, lv, inner_at(to, 0), sizeof(*e));
        if (e == NULL)
            return heap_rc(t->h);
        *e = (struct tinner_ent){between->order, between->rep,
                                 ref_bare(e->ref) | (between->ref & SEP_TIE)};
        memmove(tags + more, tags, nr);
    }
    for (uint32_t i = 0; i < more; i++) {
        uint32_t slot = (uint32_t)__builtin_ctzll(~*valid);

        e = tree_write(t, q, lv, &inner_ents(to)[slot], sizeof(*e));
        if (e == NULL)
            return heap_rc(t->h);
        ASSERT(slot < cls_cap(to->cls));
        *e = *inner_at(n, i);
        if (i == 0 && !n_is_left)
            *e = (struct tinner_ent){between->order, between->rep,
                                     ref_bare(e->ref) | (between->ref & SEP_TIE)};
        tags[at + i] = (uint8_t)slot;
        *valid |= 1ull << slot;
    }
    return 0;
}

/* Merges the thin node at p->lv[lv] with a neighbour under the same parent if the two fit into one;
 * *merged says whether. */
static int merge(struct tree *t, struct tpath *p, uint32_t lv, bool *merged)
{
    const struct tnode *parent = p->lv[lv - 1].n, *me = p->lv[lv].n, *other;
    uint32_t pos = p->lv[lv - 1].pos, left_pos = pos + 1 < node_count(parent) ? pos : pos - 1;
    bool me_left = left_pos == pos, keep_me;
    uint64_t other_ref, gone;
    struct tinner_ent between;
    struct tpath q;
    uint32_t sum;
    int rc;

    *merged = false;
    if (node_count(parent) < 2)
        return 0;
    other_ref = ref_bare(inner_at(parent, me_left ? pos + 1 : left_pos)->ref);
    rc = tree_node_get(t, other_ref, me->level, &other);
    if (rc != 0)
        return rc;
    sum = node_count(me) + node_count(other);
    keep_me = me->cls != other->cls ? me->cls > other->cls : node_count(me) > node_count(other);
    if (sum > TNODE_MERGE_MAX || sum > cls_cap(keep_me ? me->cls : other->cls))
        return 0;

    q = *p;
    between = *inner_at(parent, left_pos + 1);
    gone = keep_me ? other_ref : p->lv[lv].ref;
    if (!keep_me) {
        q.lv[lv].ref = other_ref;
        q.lv[lv].n = other;
    }
    if (me->level == 0)
        rc = leaf_absorb(t, &q, lv, keep_me ? other : me);
    else
        rc = inner_absorb(t, &q, lv, keep_me ? other : me, keep_me != me_left, &between);
    if (rc != 0)
        return rc;
    /* the survivor takes the left one's place, whose bound it has now */
    q.lv[lv - 1].pos = left_pos;
    rc = tree_ref_set(t, &q, lv, q.lv[lv].ref);
    if (rc == 0)
        rc = inner_remove(t, p, lv - 1, left_pos + 1);
    if (rc == 0)
        rc = tree_node_free(t, gone);
    *merged = true;
    return rc;
}

/* The root gives up levels with one child and takes the smallest form that holds the tree. */
static int root_trim(struct tree *t)
{
    struct tpath p = {.height = t->root.height};
    const struct tnode *n;
    uint32_t nr;
    int rc;

    for (;;) {
        rc = tree_node_get(t, t->root.ref, t->root.height - 1, &n);
        if (rc != 0)
            return rc;
        nr = node_count(n);
        if (nr > 1 || t->root.height == 1)
            break;
        p.lv[0].ref = t->root.ref;
        t->root.ref = ref_bare(inner_at(n, 0)->ref);
        t->root.height--;
        rc = tree_node_free(t, p.lv[0].ref);
        if (rc == 0)
            rc = tree_root_write(t);
        if (rc != 0)
            return rc;
    }
    p.lv[0].ref = t->root.ref;
    p.lv[0].n = n;
    p.height = t->root.height;
    if (t->root.height == 1 && nr == 1) {
        uint32_t slot = (uint32_t)__builtin_ctzll(n->valid);
        struct tleaf_ent e = leaf_ents(n)[slot];
        uint8_t tag = node_tags(n)[slot];

        if (value_fits_root(e.value)) {
            rc = tree_node_free(t, p.lv[0].ref);
            return rc != 0 ? rc : tree_root_one(t, e.order, e.value, tag);
        }
    }
    if (n->cls == 2 && nr <= 8)
        return tree_node_resize(t, &p, 0, 1);
    if (n->cls == 1 && nr <= 2 && n->level == 0)
        return tree_node_resize(t, &p, 0, 0);
    return 0;
}

static int node_remove(struct tree *t, const struct tree_key *key)
{
    uint32_t slot, leaf_lv, tie_lv, top;
    struct tinner_ent bound;
    const struct tnode *leaf;
    uint64_t *valid;
    struct tpath p;
    bool merged;
    int rc = tree_locate(t, key, &p, &slot);

    if (rc != 0)
        return rc;
    leaf_lv = p.height - 1;
    leaf = p.lv[leaf_lv].n;
    tie_lv = tree_tie_level(&p, key->order, leaf_ents(leaf)[slot].value);
    valid = tree_write(t, &p, leaf_lv, &leaf->valid, sizeof(*valid));
    if (valid == NULL)
        return heap_rc(t->h);
    *valid &= ~(1ull << slot);
    if (t->root.height > 1)
        t->root.count--;

    if (leaf->valid == 0) {
        rc = drop_leaf(t, &p, &top, &bound);
        if (rc != 0 || top == TREE_NO_LEVEL)
            return rc;
        /* at the level that lost a child a tie went with it; a higher one now bounds the subtree
         * that came first there */
        if (tie_lv < top)
            rc = tree_tie_set(t, &p, tie_lv, &bound);
    } else {
        top = leaf_lv;
        if (tie_lv != TREE_NO_LEVEL) {
            rc = tie_of_leaf(t, leaf, key->order, &bound);
            if (rc == 0)
                rc = tree_tie_set(t, &p, tie_lv, &bound);
        }
    }
    if (rc != 0)
        return rc;
    for (uint32_t lv = top; lv > 0 && node_count(p.lv[lv].n) <= TNODE_MERGE_AT; lv--) {
        rc = merge(t, &p, lv, &merged);
        if (rc != 0)
            return rc;
        if (!merged)
            break;
    }
    if (t->root.height > 1) {
        rc = tree_root_write(t);
        if (rc != 0)
            return rc;
    }
    return root_trim(t);
}

int tree_remove(struct heap *h, const struct tree_class *c, uint64_t root_off,
                const struct tree_key *key)
{
    struct tree t;
    int rc, res;

    ASSERT(heap_tx_active(h));
    rc = tree_start(&t, h, c, root_off);
    if (rc != 0)
        return rc;
    switch (t.root.kind) {
    case TROOT_EMPTY:
        return -DER_NONEXIST;
    case TROOT_ONE:
        rc = ent_cmp_key(&t, t.root.order, t.root.value, key, &res);
        if (rc != 0 || res != 0)
            return rc != 0 ? rc : -DER_NONEXIST;
        t.root = (struct troot){.kind = TROOT_EMPTY};
        return tree_root_write(&t);
    default:
        return node_remove(&t, key);
    }
}

/* The way to the last leaf. */
static int descend_last(struct tree *t, struct tpath *p)
{
    uint64_t ref = t->root.ref;

    p->height = t->root.height;
    for (uint32_t lv = 0;; lv++) {
        int rc = tree_node_get(t, ref, p->height - 1 - lv, &p->lv[lv].n);

        p->lv[lv].ref = ref_bare(ref);
        if (rc != 0 || lv + 1 == p->height)
            return rc;
        p->lv[lv].pos = node_count(p->lv[lv].n) - 1;
        ref = inner_at(p->lv[lv].n, p->lv[lv].pos)->ref;
    }
}

int tree_destroy(struct heap *h, uint64_t root_off, uint32_t max_nodes, bool *done)
{
    struct tree t = {.h = h, .root_off = root_off};
    int rc;

    ASSERT(heap_tx_active(h) && max_nodes > 0);
    rc = tree_root_read(&t);
    if (rc == 0 && t.root.kind == TROOT_ONE) {
        t.root = (struct troot){.kind = TROOT_EMPTY};
        rc = tree_root_write(&t);
    }
    for (uint32_t i = 0; rc == 0 && i < max_nodes && t.root.kind == TROOT_NODE; i++) {
        struct tinner_ent bound;
        struct tpath p;
        uint32_t lv;

        rc = descend_last(&t, &p);
        if (rc != 0)
            return rc;
        t.root.count -= t.root.height > 1 ? node_count(p.lv[p.height - 1].n) : 0;
        rc = drop_leaf(&t, &p, &lv, &bound);
        if (rc == 0)
            i += lv == TREE_NO_LEVEL ? p.height - 1 : p.height - 2 - lv;
    }
    if (rc == 0 && t.root.kind == TROOT_NODE)
        rc = tree_root_write(&t);
    if (rc == 0)
        *done = t.root.kind == TROOT_EMPTY;
    return rc;
}
