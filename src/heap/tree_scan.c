/*
 * Walking: the next entries from a key, in either direction.
 *
 * A position is a key, so there is nothing to invalidate: each call descends from the root to the
 * leaf where the key belongs, picks the entries beyond it and sorts them. When the leaf holds none,
 * the neighbour in that direction does (no leaf is ever empty).
 */
#include "heap/tree_node.h"

#include <daos_errno.h>

static bool walks_up(enum tree_seek how)
{
    return how == TREE_GE || how == TREE_GT || how == TREE_FIRST;
}

static bool is_end(enum tree_seek how)
{
    return how == TREE_FIRST || how == TREE_LAST;
}

/* Follows first or last children from level lv on. */
static int descend_edge(struct tree *t, struct tpath *p, uint32_t lv, uint64_t ref, bool first)
{
    for (;; lv++) {
        int rc = tree_node_get(t, ref, p->height - 1 - lv, &p->lv[lv].n);

        p->lv[lv].ref = ref_bare(ref);
        if (rc != 0 || lv + 1 == p->height)
            return rc;
        p->lv[lv].pos = first ? 0 : node_count(p->lv[lv].n) - 1;
        ref = inner_at(p->lv[lv].n, p->lv[lv].pos)->ref;
    }
}

/* The neighbouring leaf in walking direction. -DER_NONEXIST: none. */
static int step_leaf(struct tree *t, struct tpath *p, bool up)
{
    for (uint32_t lv = p->height - 1; lv-- > 0;) {
        uint32_t pos = p->lv[lv].pos;

        if (up ? pos + 1 >= node_count(p->lv[lv].n) : pos == 0)
            continue;
        p->lv[lv].pos = up ? pos + 1 : pos - 1;
        return descend_edge(t, p, lv + 1, inner_at(p->lv[lv].n, p->lv[lv].pos)->ref, up);
    }
    return -DER_NONEXIST;
}

/* Enumerations come back for the next leaf: have it loaded by then, and on its way to the
 * processor. */
static void look_ahead(struct tree *t, const struct tpath *p, bool up)
{
    uint32_t lv = p->height - 1, pos;
    const uint8_t *next;
    uint64_t ref;

    if (lv == 0)
        return;
    pos = p->lv[lv - 1].pos;
    if (up ? pos + 1 >= node_count(p->lv[lv - 1].n) : pos == 0)
        return;
    ref = inner_at(p->lv[lv - 1].n, up ? pos + 1 : pos - 1)->ref;
    next = ref_cls(ref) <= 2 ? heap_peek(t->h, ref_off(ref), node_size(0, ref_cls(ref))) : NULL;
    if (next == NULL) {
        heap_prefetch(t->h, ref_off(ref));
        return;
    }
    for (uint32_t at = 0; at < node_size(0, ref_cls(ref)); at += 64)
        __builtin_prefetch(next + at);
}

static int beyond(struct tree *t, enum tree_seek how, const struct tree_key *key, uint64_t order,
                  uint64_t value, bool *yes)
{
    int res = 0, rc = 0;

    if (!is_end(how))
        rc = ent_cmp_key(t, order, value, key, &res);
    *yes = is_end(how) || (how == TREE_GE && res >= 0) || (how == TREE_GT && res > 0) ||
           (how == TREE_LE && res <= 0) || (how == TREE_LT && res < 0);
    return rc;
}

/* So many entries are looked at one by one; of more all of the leaf are, without branches. */
#define FEW 8u

/* Those of `in`, by place, that reach behind `above`. */
static uint64_t leaf_far(const struct tnode *n, uint64_t in, uint64_t above)
{
    const struct tleaf_ent *ents = leaf_ents(n);
    uint64_t far = 0;

    above += MUTANT(TREE_SCAN_FALLS_SHORT) ? 1 : 0;
    if (__builtin_popcountll(in) > (int)FEW) {
        for (uint32_t slot = cls_cap(n->cls); slot-- > 0;)
            far = far + far + (ents[slot].order + tree_reach(ents[slot].value) > above);
        return far & in;
    }
    for (uint64_t left = in; left != 0; left &= left - 1) {
        const struct tleaf_ent *e = &ents[__builtin_ctzll(left)];

        if (e->order + tree_reach(e->value) > above)
            far |= left & -left;
    }
    return far;
}

/* Which entries of a leaf are wanted, by place: those that come before key->below and one of the
 * others, and of those that come before it whoever reaches behind key->above. *ends: there is one
 * of the others. *short_of: one was left out because it does not reach so far. Most readers of a
 * range want one entry or two of a leaf, so all are looked at, and without branches that nobody
 * could guess. */
static uint64_t leaf_wanted(const struct tree *t, const struct tnode *n, const struct tree_key *key,
                            bool *ends, bool *short_of)
{
    const struct tleaf_ent *ents = leaf_ents(n);
    uint64_t before = 0, inside = 0, in = n->valid, behind = 0, far; /* bits by place */

    *ends = *short_of = false;
    if (key == NULL)
        return in;
    if (key->below != 0) {
        uint64_t from = key->order, below = key->below;

        for (uint32_t slot = cls_cap(n->cls); slot-- > 0;) {
            uint64_t order = ents[slot].order;

            before = before + before + (order < from);
            inside = inside + inside + (order < below);
        }
        behind = n->valid & ~(before | inside);
        in = n->valid & inside & ~before;
        *ends = behind != 0;
    }
    far = key->above != 0 && t->c->reaches ? leaf_far(n, in, key->above) : in;
    *short_of = far != in;
    return far | (behind & -behind);
}

/* The wanted entries of a leaf beyond the position, unsorted. */
static int leaf_beyond(struct tree *t, const struct tnode *n, enum tree_seek how,
                       const struct tree_key *key, struct tsort *e, uint32_t *nr, bool *ends,
                       bool *short_of)
{
    const struct tleaf_ent *ents = leaf_ents(n);
    bool up = walks_up(how);

    *nr = 0;
    for (uint64_t left = leaf_wanted(t, n, key, ends, short_of); left != 0; left &= left - 1) {
        uint32_t slot = (uint32_t)__builtin_ctzll(left);
        uint64_t order = ents[slot].order, value = ents[slot].value;
        bool yes = is_end(how) || up == (order > key->order);

        if (!is_end(how) && order == key->order) { /* the record tells */
            int rc = beyond(t, how, key, order, value, &yes);

            if (rc != 0)
                return rc;
        }
        e[*nr] = (struct tsort){order, value, (uint8_t)slot};
        *nr += yes;
    }
    return 0;
}

/* So many leaves of which nothing is wanted are passed by in one call; */
#define SHORT_LEAVES 16u
/* no sound tree has so many whose entries are all of one order key, or lie before the position. */
#define LEAVES_MAX (1u << 20)

/* Nothing of a leaf is wanted, but the scan may go on from its last entry. */
static uint32_t leaf_last(const struct tnode *n, const struct tree_key *key, struct tsort *e)
{
    const struct tleaf_ent *ents = leaf_ents(n);
    uint32_t nr = 0;

    for (uint64_t left = n->valid; left != 0; left &= left - 1) {
        uint32_t slot = (uint32_t)__builtin_ctzll(left);

        if (ents[slot].order <= key->order || (nr > 0 && ents[slot].order < e->order))
            continue;
        *e = (struct tsort){ents[slot].order, ents[slot].value, (uint8_t)slot};
        nr = 1;
    }
    return nr;
}

/* The entries of the first leaf that has any beyond the position. *ends: nothing is wanted of those
 * behind it. */
static int gather(struct tree *t, enum tree_seek how, const struct tree_key *key, struct tpath *p,
                  struct tsort *e, uint32_t *nr, bool *ends)
{
    bool yes, short_of;
    int rc;

    *nr = 0;
    *ends = true;
    if (t->root.kind == TROOT_EMPTY)
        return -DER_NONEXIST;
    if (t->root.kind == TROOT_ONE) {
        rc = beyond(t, how, key, t->root.order, t->root.value, &yes);
        e[0] = (struct tsort){t->root.order, t->root.value, 0};
        *nr = yes;
        return rc == 0 && !yes ? -DER_NONEXIST : rc;
    }
    if (is_end(how)) {
        p->height = t->root.height;
        rc = descend_edge(t, p, 0, t->root.ref, walks_up(how));
    } else {
        rc = tree_descend(t, key, p);
    }
    for (uint32_t i = 0; rc == 0; i++) {
        const struct tnode *n = p->lv[p->height - 1].n;

        rc = leaf_beyond(t, n, how, key, e, nr, ends, &short_of);
        if (rc == 0 && *nr == 0 && i >= SHORT_LEAVES)
            *nr = leaf_last(n, key, e);
        if (rc != 0 || *nr > 0)
            return rc;
        /* A damaged tree may lead back: every walk goes on or ends. */
        if ((i > 0 && !short_of) || i > LEAVES_MAX)
            return -DER_CSUM;
        if (MUTANT(TREE_SCAN_LEAF_END))
            return -DER_NONEXIST;
        rc = step_leaf(t, p, walks_up(how));
    }
    return rc;
}

int tree_seek(struct heap *h, const struct tree_class *c, uint64_t root_off, enum tree_seek how,
              const struct tree_key *key, uint64_t *order, uint64_t *value)
{
    struct tsort e[TNODE_CAP_MAX];
    uint32_t nr, best = 0;
    struct tpath p;
    struct tree t;
    bool ends;
    int rc;

    ASSERT((key == NULL) == is_end(how));
    rc = tree_start(&t, h, c, root_off);
    if (rc == 0)
        rc = gather(&t, how, key, &p, e, &nr, &ends);
    if (rc != 0)
        return rc;
    for (uint32_t i = 1; i < nr; i++) {
        int res;

        rc = ent_cmp(&t, e[i].order, e[i].value, e[best].order, e[best].value, &res);
        if (rc != 0)
            return rc;
        if (walks_up(how) ? res < 0 : res > 0)
            best = i;
    }
    *order = e[best].order;
    *value = e[best].value;
    return 0;
}

int tree_scan(struct heap *h, const struct tree_class *c, uint64_t root_off, enum tree_seek how,
              const struct tree_key *key, struct tree_entry *ent, uint32_t max, uint32_t *nr)
{
    struct tsort e[TNODE_CAP_MAX];
    struct tpath p;
    struct tree t;
    uint32_t found;
    bool ends;
    int rc;

    ASSERT((key == NULL) == is_end(how) && max > 0);
    *nr = 0;
    rc = tree_start(&t, h, c, root_off);
    if (rc == 0)
        rc = gather(&t, how, key, &p, e, &found, &ends);
    if (rc == 0)
        rc = tree_sort(&t, e, found);
    if (rc != 0)
        return rc;
    for (uint32_t i = 0; i < MIN(found, max); i++) {
        const struct tsort *s = &e[walks_up(how) ? i : found - 1 - i];

        ent[i] = (struct tree_entry){s->order, s->value};
    }
    *nr = MIN(found, max);
    if (!ends && found <= max)
        look_ahead(&t, &p, walks_up(how));
    return 0;
}
