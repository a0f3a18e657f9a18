/*
 * Ordered trees: finding and inserting. Bytes of nodes: tree_node.h. Removal: tree_remove.c.
 * Walking: tree_scan.c.
 *
 * A B+ tree whose leaves are unsorted (an insert logs one entry, its fingerprint and the validity
 * word) and whose inner nodes keep their entries in order through a byte of position each (a new
 * child logs its entry and the moved bytes).
 *
 * SEPARATORS. The children left and right of a separator S satisfy: every entry on the left < S <=
 * every entry on the right. When the order keys beside it differ, S is an order key alone and stays
 * true whatever is removed: hashed keys and integers only ever have such separators. When equal
 * order keys are forced apart (more of them than a leaf holds: byte strings with a common prefix) S
 * is a TIE: (order key, value of a record), compared through the class. The record of a tie is
 * always the SMALLEST entry of the subtree right of it. So when a record is removed or moved, the
 * only separator that can name it lies on the way down to it, and is given the next smallest entry
 * in the same transaction; no separator ever names a record that is gone. A split looks for a
 * boundary between different order keys in the middle half of a leaf before it makes a tie.
 *
 * SPLITS. A key past the end of a full leaf starts a leaf of its own and leaves the full one full;
 * a key before its beginning likewise. So growing (or falling) keys fill nodes completely. Any
 * other split is in the middle, if no neighbour has room (tree_share.c).
 *
 * FAULTS. Nothing outside the heap's bytes is remembered, so an operation may end anywhere with
 * HEAP_FAULT: abort puts back all it did.
 */
#include "heap/tree_node.h"

#include <string.h>

#include <daos_errno.h>

int tree_start(struct tree *t, struct heap *h, const struct tree_class *c, uint64_t root_off)
{
    ASSERT(c->cmp == NULL || c->cmp_rec != NULL);
    *t = (struct tree){.h = h, .c = c, .root_off = root_off};
    return tree_root_read(t);
}

/* The leaf and slot of a key, or -DER_NONEXIST. t->root is a node. */
int tree_locate(struct tree *t, const struct tree_key *key, struct tpath *p, uint32_t *slot)
{
    int rc = tree_descend(t, key, p);

    return rc != 0 ? rc : leaf_find(t, p->lv[p->height - 1].n, key, slot);
}

/* What is in a struct tree_place. */
struct place {
    struct tree t;
    struct tpath p;
    uint32_t slot; /* of the entry, if it was found in a leaf */
    bool found;
};
_Static_assert(sizeof(struct place) <= sizeof(struct tree_place), "room");

static int find(struct place *at, const struct tree_key *key, uint64_t *value)
{
    struct tree *t = &at->t;
    int rc, res;

    at->found = false;
    if (t->root.kind == TROOT_EMPTY)
        return -DER_NONEXIST;
    if (t->root.kind == TROOT_ONE) {
        rc = ent_cmp_key(t, t->root.order, t->root.value, key, &res);
        if (rc != 0 || res != 0)
            return rc != 0 ? rc : -DER_NONEXIST;
        *value = t->root.value;
    } else {
        rc = tree_locate(t, key, &at->p, &at->slot);
        if (rc != 0)
            return rc;
        *value = leaf_ents(at->p.lv[at->p.height - 1].n)[at->slot].value;
    }
    at->found = true;
    return 0;
}

int tree_find_place(struct heap *h, const struct tree_class *c, uint64_t root_off,
                    const struct tree_key *key, uint64_t *value, struct tree_place *place)
{
    struct place *at = (struct place *)place->own;
    int rc = tree_start(&at->t, h, c, root_off);

    return rc != 0 ? rc : find(at, key, value);
}

int tree_find(struct heap *h, const struct tree_class *c, uint64_t root_off,
              const struct tree_key *key, uint64_t *value)
{
    struct place at;
    int rc = tree_start(&at.t, h, c, root_off);

    return rc != 0 ? rc : find(&at, key, value);
}

/* The tree must be the one that the place was found in: whatever changes it changes its root, too,
 * unless it has a single leaf. HEAP_FAULT. */
static int same_tree(const struct place *at)
{
    struct tree now = at->t;
    int rc = tree_root_read(&now);

    ASSERT(heap_tx_active(now.h));
    ASSERT(rc != 0 || (now.root.kind == at->t.root.kind && now.root.order == at->t.root.order &&
                       now.root.value == at->t.root.value && now.root.ref == at->t.root.ref &&
                       now.root.count == at->t.root.count));
    return rc;
}

int tree_count(struct heap *h, uint64_t root_off, uint64_t *count)
{
    struct tree t = {.h = h, .root_off = root_off};
    const struct tnode *n;
    int rc = tree_root_read(&t);

    if (rc != 0)
        return rc;
    if (t.root.kind != TROOT_NODE) {
        *count = t.root.kind == TROOT_ONE;
        return 0;
    }
    if (t.root.height > 1) {
        *count = t.root.count;
        return 0;
    }
    rc = tree_node_get(&t, t.root.ref, 0, &n);
    if (rc == 0)
        *count = node_count(n);
    return rc;
}

/* A leaf root of nr entries (one or two): what the root holds already, or what does not fit there.
 */
static int leaf_root(struct tree *t, const struct tleaf_ent *ents, const uint8_t *tags, uint32_t nr)
{
    struct tleaf_ent *to;
    struct tnode *n;
    uint64_t ref;
    int rc = tree_node_alloc(t, 0, 0, t->root_off, &ref, &n);

    if (rc != 0)
        return rc;
    to = (struct tleaf_ent *)((uint8_t *)n + ents_at(0));
    memcpy(to, ents, nr * sizeof(*ents));
    memcpy(n->tag4, tags, nr);
    n->valid = (1ull << nr) - 1;
    t->root = (struct troot){.kind = TROOT_NODE, .ref = ref, .height = 1};
    return tree_root_write(t);
}

/* The root becomes one entry. */
int tree_root_one(struct tree *t, uint64_t order, uint64_t value, uint8_t tag)
{
    if (!value_fits_root(value))
        return leaf_root(t, &(struct tleaf_ent){order, value}, &tag, 1);
    t->root = (struct troot){.kind = TROOT_ONE, .order = order, .value = value, .tag = tag};
    return tree_root_write(t);
}

int tree_replace_at(struct tree_place *place, const struct tree_key *key, uint64_t value)
{
    struct place *at = (struct place *)place->own;
    struct tpath *p = &at->p;
    struct tree *t = &at->t;
    const struct tnode *leaf;
    struct tinner_ent tie;
    uint64_t *w, old;
    int rc = same_tree(at);

    ASSERT(at->found);
    if (rc != 0)
        return rc;
    if (t->root.kind == TROOT_ONE)
        return tree_root_one(t, t->root.order, value, t->root.tag);
    leaf = p->lv[p->height - 1].n;
    old = leaf_ents(leaf)[at->slot].value;
    w = tree_write(t, p, p->height - 1, &leaf_ents(leaf)[at->slot].value, sizeof(*w));
    if (w == NULL)
        return heap_rc(t->h);
    *w = value;
    tie = (struct tinner_ent){.order = key->order, .rep = value, .ref = SEP_TIE};
    return tree_tie_set(t, p, tree_tie_level(p, key->order, old), &tie);
}

int tree_replace(struct heap *h, const struct tree_class *c, uint64_t root_off,
                 const struct tree_key *key, uint64_t value)
{
    struct tree_place at;
    uint64_t old;
    int rc = tree_find_place(h, c, root_off, key, &old, &at);

    return rc != 0 ? rc : tree_replace_at(&at, key, value);
}

int tree_leaf_put(struct tree *t, struct tpath *p, uint64_t order, uint64_t value, uint8_t tag)
{
    uint32_t lv = p->height - 1, slot;
    const struct tnode *n = p->lv[lv].n;
    struct tleaf_ent *e;
    uint64_t *valid;
    uint8_t *to;

    ASSERT(!node_full(n));
    slot = (uint32_t)__builtin_ctzll(~n->valid);
    e = tree_write(t, p, lv, &leaf_ents(n)[slot], sizeof(*e));
    if (e == NULL)
        return heap_rc(t->h);
    *e = (struct tleaf_ent){order, value};
    to = tree_write(t, p, lv, &node_tags(n)[slot], 1);
    if (to == NULL)
        return heap_rc(t->h);
    *to = tag;
    valid = tree_write(t, p, lv, &n->valid, sizeof(*valid));
    if (valid == NULL)
        return heap_rc(t->h);
    *valid |= 1ull << slot;
    return 0;
}

/* Into a tree that has nodes. */
static int node_insert(struct tree *t, struct tpath *p, const struct tree_key *key, uint64_t value)
{
    uint8_t tag = key_fingerprint(t->c, key);
    uint32_t lv = p->height - 1;
    int rc;

    if (node_full(p->lv[lv].n) && p->lv[lv].n->cls == 2) {
        rc = tree_split_insert(t, p, key, value, tag);
    } else {
        rc = node_full(p->lv[lv].n) ? tree_node_resize(t, p, lv, p->lv[lv].n->cls + 1u) : 0;
        if (rc == 0)
            rc = tree_leaf_put(t, p, key->order, value, tag);
    }
    if (rc != 0 || t->root.height == 1)
        return rc;
    t->root.count++;
    return tree_root_write(t);
}

int tree_insert_at(struct tree_place *place, const struct tree_key *key, uint64_t value)
{
    struct place *at = (struct place *)place->own;
    struct tree *t = &at->t;
    uint8_t tags[2];
    int rc = same_tree(at);

    ASSERT(!at->found);
    if (rc != 0)
        return rc;
    switch (t->root.kind) {
    case TROOT_EMPTY:
        return tree_root_one(t, key->order, value, key_fingerprint(t->c, key));
    case TROOT_ONE:
        tags[0] = t->root.tag;
        tags[1] = key_fingerprint(t->c, key);
        return leaf_root(
            t, (struct tleaf_ent[]){{t->root.order, t->root.value}, {key->order, value}}, tags, 2);
    default:
        return node_insert(t, &at->p, key, value);
    }
}

int tree_insert(struct heap *h, const struct tree_class *c, uint64_t root_off,
                const struct tree_key *key, uint64_t value)
{
    struct tree_place at;
    uint64_t old;
    int rc = tree_find_place(h, c, root_off, key, &old, &at);

    if (rc != -DER_NONEXIST)
        return rc == 0 ? -DER_EXIST : rc;
    return tree_insert_at(&at, key, value);
}
