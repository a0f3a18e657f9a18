#include "heap/tree_node.h"

#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include <daos_errno.h>

#include "heap/heap_int.h"

#define WORD1_KIND_SHIFT 62
#define WORD1_TAG_SHIFT  54 /* fingerprint of the one entry, or level of the root node */
#define WORD1_LOW_MASK   ((1ull << 54) - 1)

/* A fault, or an offset that cannot be: the reason heap_ptr() gave. */
static int lost(struct tree *t)
{
    return heap_rc(t->h);
}

int tree_root_read(struct tree *t)
{
    const struct tree_root *r = heap_ptr(t->h, t->root_off, sizeof(*r));

    if (r == NULL)
        return lost(t);
    t->root = (struct troot){0};
    switch (r->word1 >> WORD1_KIND_SHIFT) {
    case 0:
        if (r->word0 != 0 || r->word1 != 0)
            return -DER_CSUM;
        t->root.kind = TROOT_EMPTY;
        return 0;
    case 1:
        t->root.kind = TROOT_ONE;
        t->root.order = r->word0;
        t->root.value = r->word1 & WORD1_LOW_MASK;
        t->root.tag = (uint8_t)(r->word1 >> WORD1_TAG_SHIFT);
        return 0;
    case 2:
        t->root.kind = TROOT_NODE;
        t->root.ref = r->word1 & WORD1_LOW_MASK;
        t->root.height = (uint32_t)(r->word1 >> WORD1_TAG_SHIFT & 15) + 1;
        t->root.count = r->word0;
        return t->root.height <= TREE_HEIGHT_MAX ? 0 : -DER_CSUM;
    default:
        return -DER_CSUM;
    }
}

uint64_t tree_peek_one(const struct heap *h, uint64_t root_off)
{
    const struct tree_root *r = heap_peek(h, root_off, sizeof(*r));

    return r != NULL && r->word1 >> WORD1_KIND_SHIFT == 1 ? r->word1 & WORD1_LOW_MASK : 0;
}

int tree_root_write(struct tree *t)
{
    const struct troot *root = &t->root;
    const struct tree_root *old;
    struct tree_root *r, new = {0};

    if (root->kind == TROOT_ONE) {
        new.word0 = root->order;
        new.word1 = 1ull << WORD1_KIND_SHIFT | (uint64_t)root->tag << WORD1_TAG_SHIFT | root->value;
    } else if (root->kind == TROOT_NODE) {
        ASSERT(root->height >= 1 && root->height <= TREE_HEIGHT_MAX);
        new.word0 = root->height > 1 ? root->count : 0;
        new.word1 =
            2ull << WORD1_KIND_SHIFT | (uint64_t)(root->height - 1) << WORD1_TAG_SHIFT | root->ref;
    }
    old = heap_ptr(t->h, t->root_off, sizeof(*old));
    if (old == NULL)
        return lost(t);
    /* most changes are of the count alone: log one word */
    r = heap_tx_write(t->h, t->root_off, old->word1 == new.word1 ? sizeof(r->word0) : sizeof(*r));
    if (r == NULL)
        return lost(t);
    r->word0 = new.word0;
    if (r->word1 != new.word1)
        r->word1 = new.word1;
    return 0;
}

/* Asks for the rest of a node in steps of four lines, of which the larger nodes have a multiple. */
static void node_ahead(const struct tnode *n, uint32_t size)
{
    const uint8_t *p = (const uint8_t *)n;

    for (uint32_t at = 64; at < size; at += 256) {
        __builtin_prefetch(p + at);
        __builtin_prefetch(p + at + 64);
        __builtin_prefetch(p + at + 128);
        __builtin_prefetch(p + at + 192);
    }
}

int tree_node_get(struct tree *t, uint64_t ref, uint32_t level, const struct tnode **n)
{
    uint32_t cls = ref_cls(ref), head;
    const struct tnode *p;

    if (cls > 2 || (level > 0 && cls == 0))
        return -DER_CSUM;
    p = heap_ptr(t->h, ref_off(ref), node_size(level, cls));
    if (p == NULL)
        return lost(t);
    /* the rest of the tags, with the head; of the many lower nodes all, because a search would wait
     * for one line after the other */
    if (level <= 1 && cls != 0)
        node_ahead(p, node_size(level, cls));
    else
        __builtin_prefetch((const uint8_t *)p + 64);
    memcpy(&head, p, sizeof(head));
    if ((head & 0xffffff) != ((level == 0 ? TNODE_LEAF : TNODE_INNER) | level << 8 | cls << 16) ||
        p->valid == 0 || (p->valid & ~cls_mask(cls)) != 0)
        return -DER_CSUM;
    page_stays(t->h, ref);
    *n = p;
    return 0;
}

int tree_node_alloc(struct tree *t, uint32_t level, uint32_t cls, uint64_t near, uint64_t *ref,
                    struct tnode **n)
{
    uint64_t off;
    void *ptr;
    int rc = heap_tx_alloc(t->h, node_size(level, cls), near, &off, &ptr);

    if (rc != 0)
        return rc;
    *n = ptr;
    (*n)->magic = (uint8_t)(level == 0 ? TNODE_LEAF : TNODE_INNER);
    (*n)->level = (uint8_t)level;
    (*n)->cls = (uint8_t)cls;
    *ref = ref_make(off, cls);
    return 0;
}

int tree_node_free(struct tree *t, uint64_t ref)
{
    return heap_tx_free(t->h, ref_off(ref));
}

int tree_ref_set(struct tree *t, struct tpath *p, uint32_t lv, uint64_t ref)
{
    uint64_t *w;

    p->lv[lv].ref = ref_bare(ref);
    if (lv == 0) {
        t->root.ref = ref_bare(ref);
        return tree_root_write(t);
    }
    w = tree_write(t, p, lv - 1, &inner_at(p->lv[lv - 1].n, p->lv[lv - 1].pos)->ref, sizeof(*w));
    if (w == NULL)
        return lost(t);
    *w = ref_bare(ref) | (*w & SEP_TIE);
    return 0;
}

int tree_node_resize(struct tree *t, struct tpath *p, uint32_t lv, uint32_t cls)
{
    const struct tnode *old = p->lv[lv].n;
    uint64_t old_ref = p->lv[lv].ref, ref;
    uint32_t nr = 0;
    struct tnode *n;
    uint8_t *tags;
    int rc;

    ASSERT(node_count(old) <= cls_cap(cls));
    rc = tree_node_alloc(t, old->level, cls, lv == 0 ? t->root_off : ref_off(old_ref), &ref, &n);
    if (rc != 0)
        return rc;
    tags = (uint8_t *)n + tags_at(cls);
    if (old->level == 0) {
        struct tleaf_ent *to = (struct tleaf_ent *)((uint8_t *)n + ents_at(cls));

        for (uint64_t left = old->valid; left != 0; left &= left - 1) {
            uint32_t slot = (uint32_t)__builtin_ctzll(left);

            to[nr] = leaf_ents(old)[slot];
            tags[nr++] = MUTANT(TREE_GROW_TAG) && cls == 2 && (left & (left - 1)) == 0
                             ? 0
                             : node_tags(old)[slot];
        }
    } else {
        struct tinner_ent *to = (struct tinner_ent *)((uint8_t *)n + ents_at(cls));

        for (; nr < node_count(old); nr++) {
            to[nr] = *inner_at(old, nr);
            tags[nr] = (uint8_t)nr;
        }
    }
    n->valid = first_mask(nr);
    p->lv[lv].n = n;
    rc = tree_ref_set(t, p, lv, ref);
    return rc != 0 ? rc : tree_node_free(t, old_ref);
}

uint64_t tags_match(const struct tnode *n, uint8_t byte)
{
    const uint8_t *tags = node_tags(n);
    /* the spare tag of class 2 does no harm: its entry is never valid */
    uint32_t nr = n->cls == 2 ? 64 : cls_cap(n->cls), i = 0;
    uint64_t mask = 0;

#ifdef __SSE2__
    __m128i want = _mm_set1_epi8((char)byte);

    for (; i + 16 <= nr; i += 16) {
        __m128i have = _mm_loadu_si128((const __m128i *)(const void *)(tags + i));

        mask |= (uint64_t)(uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(have, want)) << i;
    }
#endif
    for (; i < nr; i++)
        mask |= (uint64_t)(tags[i] == byte) << i;
    return mask;
}

int ent_cmp(struct tree *t, uint64_t order_a, uint64_t a, uint64_t order_b, uint64_t b, int *order)
{
    *order = order_a < order_b ? -1 : order_a > order_b;
    return *order != 0 || t->c->cmp == NULL ? 0 : t->c->cmp_rec(t->h, a, b, order);
}

int ent_cmp_key(struct tree *t, uint64_t order, uint64_t value, const struct tree_key *key,
                int *res)
{
    *res = order < key->order ? -1 : order > key->order;
    return *res != 0 || t->c->cmp == NULL ? 0 : t->c->cmp(t->h, value, key, res);
}

int sep_le_key(struct tree *t, const struct tinner_ent *sep, const struct tree_key *key, bool *le)
{
    int res, rc;

    if (sep->order != key->order || (sep->ref & SEP_TIE) == 0) {
        *le = sep->order <= key->order;
        return 0;
    }
    rc = ent_cmp_key(t, sep->order, sep->rep, key, &res);
    *le = res <= 0;
    return rc;
}

/* The last child whose separator is not after the key. Only separators with the key's own order
 * have to be looked at more closely. */
static int inner_pick(struct tree *t, const struct tnode *n, const struct tree_key *key,
                      uint32_t *pos)
{
    uint32_t last = node_count(n) - 1, lo = inner_count(n, last, key->order, false), hi = lo;

    if (lo < last && inner_at(n, lo + 1)->order == key->order)
        hi = inner_count(n, last, key->order, true);
    while (lo < hi) {
        uint32_t mid = (lo + hi + 1) / 2;
        bool le;
        int rc = sep_le_key(t, inner_at(n, mid), key, &le);

        if (rc != 0)
            return rc;
        if (le)
            lo = mid;
        else
            hi = mid - 1;
    }
    *pos = lo;
    return 0;
}

int tree_descend(struct tree *t, const struct tree_key *key, struct tpath *p)
{
    uint64_t ref = t->root.ref;
    int rc;

    p->height = t->root.height;
    for (uint32_t lv = 0;; lv++) {
        uint32_t level = p->height - 1 - lv;

        p->lv[lv].ref = ref_bare(ref);
        rc = tree_node_get(t, ref, level, &p->lv[lv].n);
        if (rc != 0 || level == 0)
            return rc;
        rc = inner_pick(t, p->lv[lv].n, key, &p->lv[lv].pos);
        if (rc != 0)
            return rc;
        ref = inner_at(p->lv[lv].n, p->lv[lv].pos)->ref;
    }
}

int leaf_find(struct tree *t, const struct tnode *n, const struct tree_key *key, uint32_t *slot)
{
    const struct tleaf_ent *ents = leaf_ents(n);
    uint64_t left = tags_match(n, key_fingerprint(t->c, key)) & n->valid;

    for (; left != 0; left &= left - 1) {
        uint32_t i = (uint32_t)__builtin_ctzll(left);
        int res, rc;

        if (ents[i].order != key->order)
            continue;
        rc = ent_cmp_key(t, ents[i].order, ents[i].value, key, &res);
        if (rc != 0)
            return rc;
        if (res == 0) {
            *slot = i;
            return 0;
        }
    }
    return -DER_NONEXIST;
}

uint32_t leaf_list(const struct tnode *n, struct tsort *e)
{
    uint32_t nr = 0;

    for (uint64_t left = n->valid; left != 0; left &= left - 1) {
        uint32_t slot = (uint32_t)__builtin_ctzll(left);

        e[nr++] = (struct tsort){leaf_ents(n)[slot].order, leaf_ents(n)[slot].value, (uint8_t)slot};
    }
    return nr;
}

/* Merge sort: few comparisons, since one of equal order keys reads two records. */
static int merge_sort(struct tree *t, struct tsort *e, uint32_t nr)
{
    struct tsort tmp[TNODE_CAP_MAX];

    for (uint32_t run = 1; run < nr; run *= 2) {
        for (uint32_t a = 0; a + run < nr; a += 2 * run) {
            uint32_t mid = a + run, end = MIN(mid + run, nr), i = a, j = mid, k = 0;

            while (i < mid && j < end) {
                uint32_t right = e[j].order < e[i].order; /* no branch: nobody could guess it */

                if (e[j].order == e[i].order) {
                    int order,
                        rc = ent_cmp(t, e[i].order, e[i].value, e[j].order, e[j].value, &order);

                    if (rc != 0)
                        return rc;
                    right = order > 0;
                }
                tmp[k++] = e[right != 0 ? j : i];
                i += 1 - right;
                j += right;
            }
            while (i < mid)
                tmp[k++] = e[i++];
            memcpy(&e[a], tmp, k * sizeof(*e));
        }
    }
    return 0;
}

/* Each goes back as far as it must; true: there are equal ones. */
static bool insert_sort(struct tsort *e, const struct tsort *from, uint32_t nr)
{
    bool equal = false;

    for (uint32_t i = 0; i < nr; i++) {
        struct tsort x = from[i];
        uint32_t to = i;

        for (; to > 0 && e[to - 1].order > x.order; to--)
            e[to] = e[to - 1];
        equal |= to > 0 && e[to - 1].order == x.order;
        e[to] = x;
    }
    return equal;
}

#define SORT_FEW 8u /* not worth dealing */

/* By order keys alone. Entries are dealt to 64 places by where their order key lies between the
 * least and the greatest, which for hashed and other random keys is nearly in order; then each goes
 * back as far as it must: at worst, where all but one fall together, as far as in any sort by
 * insertion. True: there are equal ones. */
static bool order_sort(struct tsort *e, uint32_t nr)
{
    uint64_t lo = e[0].order, hi = lo;
    uint8_t at[65] = {0}, place[TNODE_CAP_MAX];
    struct tsort tmp[TNODE_CAP_MAX];
    uint32_t shift;

    if (nr <= SORT_FEW)
        return insert_sort(e, e, nr);

    for (uint32_t i = 1; i < nr; i++) {
        lo = MIN(lo, e[i].order);
        hi = MAX(hi, e[i].order);
    }
    shift = hi - lo < 64 ? 0 : 58 - (uint32_t)__builtin_clzll(hi - lo);
    for (uint32_t i = 0; i < nr; i++) {
        place[i] = (uint8_t)((e[i].order - lo) >> shift);
        at[place[i] + 1]++;
    }
    for (uint32_t i = 1; i < 64; i++)
        at[i] = (uint8_t)(at[i] + at[i - 1]);
    tmp[0] = e[0]; /* the compiler does not see that all are written */
    for (uint32_t i = 0; i < nr; i++)
        tmp[at[place[i]]++] = e[i];
    return insert_sort(e, tmp, nr);
}

int tree_sort(struct tree *t, struct tsort *e, uint32_t nr)
{
    uint32_t end;
    int rc = 0;

    ASSERT(nr <= TNODE_CAP_MAX);
    if (nr < 2)
        return 0;
    if (!order_sort(e, nr))
        return 0;
    for (uint32_t i = 0; i + 1 < nr && rc == 0; i = end) {
        for (end = i + 1; end < nr && e[end].order == e[i].order;)
            end++;
        if (end - i > 1)
            rc = merge_sort(t, e + i, end - i);
    }
    return rc;
}

int inner_remove(struct tree *t, const struct tpath *p, uint32_t lv, uint32_t pos)
{
    const struct tnode *n = p->lv[lv].n;
    uint32_t nr = node_count(n), slot = node_tags(n)[pos];
    uint64_t *valid;
    uint8_t *tags;

    ASSERT(nr > 1 && pos < nr);
    if (pos < nr - 1) {
        tags = tree_write(t, p, lv, node_tags(n) + pos, nr - 1 - pos);
        if (tags == NULL)
            return lost(t);
        memmove(tags, tags + 1, nr - 1 - pos);
    }
    valid = tree_write(t, p, lv, &n->valid, sizeof(*valid));
    if (valid == NULL)
        return lost(t);
    *valid &= ~(1ull << slot);
    return 0;
}

void *tree_write(struct tree *t, const struct tpath *p, uint32_t lv, const void *field, size_t len)
{
    return heap_tx_write(t->h,
                         ref_off(p->lv[lv].ref) +
                             (uint64_t)((const uint8_t *)field - (const uint8_t *)p->lv[lv].n),
                         len);
}

uint32_t tree_tie_level(const struct tpath *p, uint64_t order, uint64_t value)
{
    for (uint32_t lv = 0; lv + 1 < p->height; lv++) {
        const struct tinner_ent *sep = inner_at(p->lv[lv].n, p->lv[lv].pos);

        if (p->lv[lv].pos > 0 && (sep->ref & SEP_TIE) != 0 && sep->order == order &&
            sep->rep == value)
            return lv;
    }
    return TREE_NO_LEVEL;
}

int tree_tie_set(struct tree *t, const struct tpath *p, uint32_t lv, const struct tinner_ent *sep)
{
    struct tinner_ent *to;

    if (lv == TREE_NO_LEVEL)
        return 0;
    to = tree_write(t, p, lv, inner_at(p->lv[lv].n, p->lv[lv].pos), sizeof(*to));
    if (to == NULL)
        return lost(t);
    to->order = sep->order;
    to->rep = sep->rep;
    to->ref = ref_bare(to->ref) | (sep->ref & SEP_TIE);
    return 0;
}
