/*
 * Splits: where a full leaf is cut (see tree.c, SEPARATORS and SPLITS), and how the new node
 * reaches its parent, which may be full in turn.
 */
#include "heap/tree_node.h"

#include <string.h>

#include <daos_errno.h>

#define TIE_SEARCH                                                                                 \
    16u /* how far from the middle a cut between different order keys is looked for */

static int inner_insert(struct tree *t, struct tpath *p, uint32_t lv, const struct tinner_ent *ent);

/* The root node has split: a new root above it. t->root.ref is the left half. */
static int root_grow(struct tree *t, const struct tinner_ent *right)
{
    struct tinner_ent *e;
    struct tnode *n;
    uint64_t ref;
    uint8_t *tags;
    int rc;

    if (t->root.height == TREE_HEIGHT_MAX)
        return -DER_NOSPACE;
    rc = tree_node_alloc(t, t->root.height, 1, t->root_off, &ref, &n);
    if (rc != 0)
        return rc;
    if (t->root.height == 1)
        t->root.count = TNODE_CAP_MAX; /* the caller adds the new entry */
    e = (struct tinner_ent *)((uint8_t *)n + ents_at(1));
    tags = (uint8_t *)n + tags_at(1);
    e[0].ref = t->root.ref;
    e[1] = *right;
    tags[1] = 1;
    n->valid = 3;
    t->root.ref = ref;
    t->root.height++;
    return tree_root_write(t);
}

/* Tells the parent of p->lv[lv], or a new root, about the new node right of it. */
static int tell_parent(struct tree *t, struct tpath *p, uint32_t lv, const struct tinner_ent *right)
{
    return lv == 0 ? root_grow(t, right) : inner_insert(t, p, lv - 1, right);
}

/* Puts an entry into a free slot of an inner node, at position pos among the nr that stay (more
 * than nr may be valid: those move away and are in keep's complement). */
static int inner_put(struct tree *t, struct tpath *p, uint32_t lv, uint32_t pos, uint32_t nr,
                     uint64_t keep, const struct tinner_ent *ent)
{
    const struct tnode *n = p->lv[lv].n;
    uint32_t slot = (uint32_t)__builtin_ctzll(~keep);
    struct tinner_ent *e;
    uint64_t *valid;
    uint8_t *tags;

    ASSERT((keep & cls_mask(n->cls)) != cls_mask(n->cls) && pos <= nr);
    e = tree_write(t, p, lv, &inner_ents(n)[slot], sizeof(*e));
    if (e == NULL)
        return heap_rc(t->h);
    *e = *ent;
    tags = tree_write(t, p, lv, node_tags(n) + pos, nr - pos + 1);
    if (tags == NULL)
        return heap_rc(t->h);
    memmove(tags + 1, tags, nr - pos);
    tags[0] = (uint8_t)slot;
    valid = tree_write(t, p, lv, &n->valid, sizeof(*valid));
    if (valid == NULL)
        return heap_rc(t->h);
    *valid = keep | 1ull << slot;
    return 0;
}

/* Splits a full inner node, adding ent at position pos >= 1. */
static int inner_split(struct tree *t, struct tpath *p, uint32_t lv, uint32_t pos,
                       const struct tinner_ent *ent)
{
    const struct tnode *n = p->lv[lv].n;
    uint32_t nr = TNODE_CAP_MAX, cut = pos == nr ? nr : nr / 2, right_nr, cls, from;
    struct tinner_ent all[TNODE_CAP_MAX + 1], up, *e;
    uint64_t keep = n->valid, ref;
    struct tnode *right;
    uint8_t *tags;
    int rc;

    for (uint32_t i = 0, j = 0; i <= nr; i++)
        all[i] = i == pos ? *ent : *inner_at(n, j++);
    right_nr = nr + 1 - cut;
    cls = right_nr < cls_cap(1) ? 1 : 2;
    rc = tree_node_alloc(t, n->level, cls, ref_off(p->lv[lv].ref), &ref, &right);
    if (rc != 0)
        return rc;
    e = (struct tinner_ent *)((uint8_t *)right + ents_at(cls));
    tags = (uint8_t *)right + tags_at(cls);
    for (uint32_t i = 0; i < right_nr; i++) {
        e[i] = all[cut + i];
        tags[i] = (uint8_t)i;
    }
    right->valid = first_mask(right_nr);
    /* the first child's separator moves up */
    up = e[0];
    up.ref = ref | (e[0].ref & SEP_TIE);
    e[0] = (struct tinner_ent){.ref = ref_bare(e[0].ref)};

    from = pos < cut ? cut - 1 : cut; /* the first old position that moved */
    for (uint32_t i = from; i < nr; i++)
        keep &= ~(1ull << node_tags(n)[i]);
    if (pos < cut) {
        rc = inner_put(t, p, lv, pos, from, keep, ent);
    } else if (keep != n->valid) {
        uint64_t *valid = tree_write(t, p, lv, &n->valid, sizeof(*valid));

        if (valid == NULL)
            return heap_rc(t->h);
        *valid = keep;
    }
    return rc != 0 ? rc : tell_parent(t, p, lv, &up);
}

/* Adds a child right of the one the path takes at level lv. */
static int inner_insert(struct tree *t, struct tpath *p, uint32_t lv, const struct tinner_ent *ent)
{
    uint32_t pos = p->lv[lv].pos + 1;
    const struct tnode *n;

    if (node_full(p->lv[lv].n)) {
        int rc;

        if (p->lv[lv].n->cls == 2)
            return inner_split(t, p, lv, pos, ent);
        rc = tree_node_resize(t, p, lv, 2);
        if (rc != 0)
            return rc;
    }
    n = p->lv[lv].n;
    return inner_put(t, p, lv, pos, node_count(n), n->valid, ent);
}

/* A separator between two neighbours. */
static struct tinner_ent sep_between(uint64_t left_order, uint64_t right_order,
                                     uint64_t right_value, uint64_t ref)
{
    struct tinner_ent sep = {.order = right_order, .ref = ref};

    if (left_order == right_order) {
        sep.rep = right_value;
        sep.ref |= SEP_TIE;
    }
    return sep;
}

/* The new key goes into a leaf of its own, after (or before) all of a full one. edge: the entry it
 * is next to. */
static int split_alone(struct tree *t, struct tpath *p, bool after, const struct tsort *edge,
                       uint64_t order, uint64_t value, uint8_t tag)
{
    uint32_t lv = p->height - 1;
    uint64_t full = p->lv[lv].ref, ref;
    struct tinner_ent sep;
    struct tnode *n;
    int rc;

    rc = tree_node_alloc(t, 0, 2, ref_off(full), &ref, &n);
    if (rc != 0)
        return rc;
    *(struct tleaf_ent *)((uint8_t *)n + ents_at(2)) = (struct tleaf_ent){order, value};
    *((uint8_t *)n + tags_at(2)) = tag;
    n->valid = 1;
    if (after) {
        sep = sep_between(edge->order, order, value, ref);
    } else {
        sep = sep_between(order, edge->order, edge->value, full);
        rc = tree_ref_set(t, p, lv, ref);
        if (rc != 0)
            return rc;
    }
    return tell_parent(t, p, lv, &sep);
}

/* Where to cut the sorted entries of a full leaf: the cut nearest to the middle that parts
 * different order keys, or the middle. */
static uint32_t cut_choose(const struct tsort *e)
{
    for (uint32_t d = 0; d <= TIE_SEARCH; d++) {
        uint32_t lo = TNODE_CAP_MAX / 2 - d, hi = TNODE_CAP_MAX / 2 + d;

        if (e[lo - 1].order != e[lo].order)
            return lo;
        if (e[hi - 1].order != e[hi].order)
            return hi;
    }
    return TNODE_CAP_MAX / 2;
}

static int split_middle(struct tree *t, struct tpath *p, const struct tsort *e, uint32_t pos,
                        uint64_t order, uint64_t value, uint8_t tag)
{
    uint32_t lv = p->height - 1, cut = cut_choose(e), nr = 0;
    const struct tnode *n = p->lv[lv].n;
    struct tinner_ent sep;
    struct tleaf_ent *ents;
    struct tnode *right;
    uint64_t ref, keep = n->valid, *valid;
    uint8_t *tags;
    bool go_right;
    int rc;

    /* beside the cut the new key keeps company with its equals, so that the cut need not become a
     * tie */
    go_right = pos > cut || (pos == cut && order == e[cut].order && order != e[cut - 1].order);
    rc = tree_node_alloc(t, 0, 2, ref_off(p->lv[lv].ref), &ref, &right);
    if (rc != 0)
        return rc;
    ents = (struct tleaf_ent *)((uint8_t *)right + ents_at(2));
    tags = (uint8_t *)right + tags_at(2);
    for (uint32_t i = cut; i < TNODE_CAP_MAX; i++) {
        ents[nr] = (struct tleaf_ent){e[i].order, e[i].value};
        tags[nr++] =
            MUTANT(TREE_SPLIT_TAG) && i + 1 == TNODE_CAP_MAX ? tag : node_tags(n)[e[i].slot];
        keep &= ~(1ull << e[i].slot);
    }
    if (go_right) {
        ents[nr] = (struct tleaf_ent){order, value};
        tags[nr++] = tag;
    }
    right->valid = first_mask(nr);
    valid = tree_write(t, p, lv, &n->valid, sizeof(*valid));
    if (valid == NULL)
        return heap_rc(t->h);
    *valid = keep;
    if (!go_right) {
        rc = tree_leaf_put(t, p, order, value, tag);
        if (rc != 0)
            return rc;
    }
    sep = sep_between(!go_right && pos == cut ? order : e[cut - 1].order, e[cut].order,
                      e[cut].value, ref);
    return tell_parent(t, p, lv, &sep);
}

int tree_split_insert(struct tree *t, struct tpath *p, const struct tree_key *key, uint64_t value,
                      uint8_t tag)
{
    struct tsort e[TNODE_CAP_MAX];
    uint32_t lo = 0, hi = leaf_list(p->lv[p->height - 1].n, e);
    struct tleaf_ent ent = {key->order, value};
    bool done;
    int rc;

    ASSERT(hi == TNODE_CAP_MAX);
    rc = tree_sort(t, e, hi);
    if (rc != 0)
        return rc;
    while (lo < hi) {
        uint32_t mid = (lo + hi) / 2;
        int res;

        rc = ent_cmp_key(t, e[mid].order, e[mid].value, key, &res);
        if (rc != 0)
            return rc;
        if (res < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    if (lo == 0 || lo == TNODE_CAP_MAX)
        return split_alone(t, p, lo > 0, lo > 0 ? &e[TNODE_CAP_MAX - 1] : &e[0], key->order, value,
                           tag);
    rc = tree_share_insert(t, p, e, lo, &ent, tag, &done);
    return rc != 0 || done ? rc : split_middle(t, p, e, lo, key->order, value, tag);
}
