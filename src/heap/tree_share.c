/*
 * A full leaf shares with a neighbour before it splits: entries move over until both have the same
 * room. So leaves of random keys are four fifths full instead of two thirds, which is what decides
 * how often the way to a record leads through the device when leaves do not all fit into memory.
 *
 * Only where the heap has outgrown its memory: elsewhere nobody would notice but the processor, for
 * whom an insert of random keys costs a quarter more.
 *
 * Only between children of one parent, whose separator it moves; only where the cut parts different
 * order keys and the separator is no tie (tree.c, SEPARATORS); and only with a neighbour that is in
 * memory and has so much room that it pays. Nobody waits for a page for it.
 */
#include "heap/tree_node.h"

#include "heap/heap_int.h"

#define ROOM_LEAST 2u /* of the neighbour */

struct share {
    uint32_t lv;     /* of the leaves */
    uint32_t sep;    /* position of the separator in the parent: of the right one of the two */
    bool right;      /* the neighbour is to the right */
    uint32_t cut;    /* e[cut] is the first entry of the right one afterwards, or of what moves */
    struct tpath to; /* the way to the neighbour */
};

static bool outgrown(const struct heap *h)
{
    return h->map.pages - h->alloc.free_pages > h->frames.budget;
}

/* Is the neighbour at pos one to share with? */
static int look(struct tree *t, const struct tpath *p, uint32_t pos, struct share *s, bool *yes)
{
    const struct tnode *parent = p->lv[s->lv - 1].n;
    uint64_t ref = ref_bare(inner_at(parent, pos)->ref);
    int rc;

    *yes = false;
    s->sep = s->right ? pos : pos + 1;
    if (ref_cls(ref) != 2 || inner_at(parent, s->sep)->ref & SEP_TIE ||
        heap_peek(t->h, ref_off(ref), node_size(0, 2)) == NULL)
        return 0;
    s->to = *p;
    s->to.lv[s->lv - 1].pos = pos;
    s->to.lv[s->lv].ref = ref;
    rc = tree_node_get(t, ref, 0, &s->to.lv[s->lv].n);
    if (rc != 0)
        return rc;
    *yes = node_count(s->to.lv[s->lv].n) + ROOM_LEAST <= TNODE_CAP_MAX;
    return 0;
}

/* Writes entries [from, to) of e into free slots of the neighbour, and takes them out of the leaf.
 */
static int move(struct tree *t, const struct tpath *p, struct share *s, const struct tsort *e,
                uint32_t from, uint32_t to)
{
    const struct tnode *n = p->lv[s->lv].n;
    uint64_t keep = n->valid, *valid;

    for (uint32_t i = from; i < to; i++) {
        int rc = tree_leaf_put(t, &s->to, e[i].order, e[i].value, node_tags(n)[e[i].slot]);

        if (rc != 0)
            return rc;
        keep &= ~(1ull << e[i].slot);
    }
    valid = tree_write(t, p, s->lv, &n->valid, sizeof(*valid));
    if (valid == NULL)
        return heap_rc(t->h);
    *valid = keep;
    return 0;
}

static int sep_move(struct tree *t, const struct tpath *p, const struct share *s, uint64_t order)
{
    uint64_t *w =
        tree_write(t, p, s->lv - 1, &inner_at(p->lv[s->lv - 1].n, s->sep)->order, sizeof(*w));

    if (w == NULL)
        return heap_rc(t->h);
    *w = MUTANT(TREE_SHARE_SEPARATOR) ? *w : order;
    return 0;
}

int tree_share_insert(struct tree *t, struct tpath *p, const struct tsort *e, uint32_t pos,
                      const struct tleaf_ent *ent, uint8_t tag, bool *done)
{
    struct share s = {.lv = p->height - 1};
    uint32_t at, nr, moved;
    bool yes = false, after;
    int rc = 0;

    *done = false;
    if (s.lv == 0 || !outgrown(t->h))
        return 0;
    at = p->lv[s.lv - 1].pos;
    s.right = at + 1 < node_count(p->lv[s.lv - 1].n);
    if (s.right)
        rc = look(t, p, at + 1, &s, &yes);
    if (rc == 0 && !yes && at > 0) {
        s.right = false;
        rc = look(t, p, at - 1, &s, &yes);
    }
    if (rc != 0 || !yes)
        return rc;
    nr = node_count(s.to.lv[s.lv].n);
    moved = (TNODE_CAP_MAX - nr) / 2;
    s.cut = s.right ? TNODE_CAP_MAX - moved : moved;
    if (e[s.cut - 1].order == e[s.cut].order)
        return 0;
    rc = s.right ? move(t, p, &s, e, s.cut, TNODE_CAP_MAX) : move(t, p, &s, e, 0, s.cut);
    /* beside the cut the new key keeps company with its equals, or it is the separator's left */
    after = pos > s.cut || (pos == s.cut && ent->order == e[s.cut].order);
    if (rc == 0)
        rc = sep_move(t, p, &s, e[s.cut].order);
    if (rc == 0)
        rc = tree_leaf_put(t, after == s.right ? &s.to : p, ent->order, ent->value, tag);
    *done = rc == 0;
    return rc;
}
