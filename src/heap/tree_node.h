/*
 * Nodes of ordered trees, private to the tree_*.c files: their bytes, references to them, and how
 * they are read, allocated and resized.
 *
 * A reference to a node is its offset (8-byte aligned) with the size class in bits 1 and 2; bit 0
 * is free for the owner of the reference. So one heap_ptr() reaches a whole node.
 *
 *     node      0  u8   magic     TNODE_LEAF or TNODE_INNER
 *               1  u8   level     0 in leaves
 *               2  u8   class     0, 1, 2: room (cap) for 4, 16, 63 entries (inner nodes: 1 or 2)
 *               3  u8   zero
 *               4  u8   tag[4]    of class 0; zero in the others
 *               8  u64  valid     bit i: entry i is in use
 *              16  u8   tag[16 or 64]  of classes 1 and 2
 *                  entry[cap]
 *
 * 63, because 15 such leaves fill a page of the allocator; of 64 entries only 14 leaves would.
 *
 *     leaf      tag i is the fingerprint of entry i; entry = u64 order, u64 value; unsorted
 *     inner     tags 0..n-1 are the entries' numbers in order (n = bits in valid);
 *               entry = u64 order, u64 rep, u64 ref: a separator and the child right of it;
 *               bit 0 of ref (SEP_TIE) says what the separator compares with, see tree.c;
 *               of the first entry only ref counts
 *
 *     root      0  u64  word0    one entry: its order key; one leaf: 0; higher: number of entries
 *               8  u64  word1    bits 62..63: 0 empty, 1 one entry, 2 a node
 *                                one entry: fingerprint in bits 54..61, value in bits 0..53
 *                                (a larger value lives in a leaf of its own)
 *                                a node: level in bits 54..57, reference in bits 0..53
 */
#ifndef TARN_HEAP_TREE_NODE_H
#define TARN_HEAP_TREE_NODE_H

#include "base/assert.h"
#include "base/mutant.h"
#include "heap/tree.h"

/* Levels; the thinnest tree of that height holds more than 2^36 entries. */
#define TREE_HEIGHT_MAX 10u
#define TNODE_LEAF      0xA7u
#define TNODE_INNER     0xB8u
#define TNODE_CAP_MAX   63u
/* A node with MERGE_AT entries or fewer merges with a neighbour if that makes at most MERGE_MAX. */
#define TNODE_MERGE_AT  16u
#define TNODE_MERGE_MAX 48u

#define SEP_TIE 1ull

struct tnode {
    uint8_t magic, level, cls, zero;
    uint8_t tag4[4];
    uint64_t valid;
};

struct tleaf_ent {
    uint64_t order, value;
};

struct tinner_ent {
    uint64_t order, rep, ref;
};

enum troot_kind { TROOT_EMPTY, TROOT_ONE, TROOT_NODE };

struct troot {
    enum troot_kind kind;
    uint64_t order, value; /* TROOT_ONE */
    uint8_t tag;           /* TROOT_ONE: the entry's fingerprint */
    uint64_t ref;          /* TROOT_NODE */
    uint32_t height;       /* levels of nodes */
    uint64_t count;        /* kept only when height > 1 */
};

/* The way from the root to a leaf: lv[0] is the root node, lv[height - 1] the leaf. */
struct tpath {
    uint32_t height;
    struct {
        uint64_t ref;
        const struct tnode *n;
        uint32_t pos; /* position of the child taken; in the leaf: unused */
    } lv[TREE_HEIGHT_MAX];
};

/* One tree operation. */
struct tree {
    struct heap *h;
    const struct tree_class *c;
    uint64_t root_off;
    struct troot root;
};

struct tsort {
    uint64_t order, value;
    uint8_t slot;
};

/* By class. 3 is none: in what is looked at without a check it stays within bounds. */
static const uint8_t tnode_cap[4] = {4, 16, TNODE_CAP_MAX, TNODE_CAP_MAX};
static const uint8_t tnode_tags_at[4] = {4, 16, 16, 16};
static const uint8_t tnode_ents_at[4] = {16, 32, 80, 80};

static inline uint32_t cls_cap(uint32_t cls)
{
    return tnode_cap[cls & 3];
}

static inline uint32_t tags_at(uint32_t cls)
{
    return tnode_tags_at[cls & 3];
}

static inline uint32_t ents_at(uint32_t cls)
{
    return tnode_ents_at[cls & 3];
}

static inline uint32_t node_size(uint32_t level, uint32_t cls)
{
    size_t ent = level == 0 ? sizeof(struct tleaf_ent) : sizeof(struct tinner_ent);

    return ents_at(cls) + cls_cap(cls) * (uint32_t)ent;
}

static inline uint64_t ref_off(uint64_t ref)
{
    return ref & ~7ull;
}

static inline uint32_t ref_cls(uint64_t ref)
{
    return (uint32_t)(ref >> 1 & 3);
}

static inline uint64_t ref_make(uint64_t off, uint32_t cls)
{
    return off | (uint64_t)cls << 1;
}

static inline uint64_t ref_bare(uint64_t ref)
{
    return ref & ~SEP_TIE;
}

static inline const uint8_t *node_tags(const struct tnode *n)
{
    return (const uint8_t *)n + tags_at(n->cls);
}

static inline const struct tleaf_ent *leaf_ents(const struct tnode *n)
{
    return (const struct tleaf_ent *)((const uint8_t *)n + ents_at(n->cls));
}

static inline const struct tinner_ent *inner_ents(const struct tnode *n)
{
    return (const struct tinner_ent *)((const uint8_t *)n + ents_at(n->cls));
}

/* The entry at a position of an inner node. A damaged tag leads to another entry of the node, not
 * out of it. */
static inline const struct tinner_ent *inner_at(const struct tnode *n, uint32_t pos)
{
    uint32_t last = cls_cap(n->cls) - 1, tag = node_tags(n)[pos];

    return &inner_ents(n)[MIN(tag, last)];
}

static inline uint32_t node_count(const struct tnode *n)
{
    return (uint32_t)__builtin_popcountll(n->valid);
}

/* nr entries from the first on. */
static inline uint64_t first_mask(uint32_t nr)
{
    return (1ull << nr) - 1;
}

static inline uint64_t cls_mask(uint32_t cls)
{
    return first_mask(cls_cap(cls));
}

static inline bool node_full(const struct tnode *n)
{
    return n->valid == cls_mask(n->cls);
}

static inline uint8_t order_fingerprint(uint64_t order)
{
    return (uint8_t)((order * UINT64_C(0x9e3779b97f4a7c15)) >> 56);
}

static inline uint8_t key_fingerprint(const struct tree_class *c, const struct tree_key *key)
{
    return c->fingerprint != NULL ? c->fingerprint(key) : order_fingerprint(key->order);
}

static inline bool value_fits_root(uint64_t value)
{
    return value >> 54 == 0;
}

int tree_start(struct tree *t, struct heap *h, const struct tree_class *c, uint64_t root_off);
/* The leaf and slot of a key, or -DER_NONEXIST (p is filled in). t->root is a node. */
int tree_locate(struct tree *t, const struct tree_key *key, struct tpath *p, uint32_t *slot);
/* The root becomes one entry (in a leaf if its value is too large for the root). */
int tree_root_one(struct tree *t, uint64_t order, uint64_t value, uint8_t tag);
/* Adds to the leaf of p, which has room. */
int tree_leaf_put(struct tree *t, struct tpath *p, uint64_t order, uint64_t value, uint8_t tag);
/* Adds to the leaf of p, which is full and of the largest class: splits it, and what above it is
 * full. */
int tree_split_insert(struct tree *t, struct tpath *p, const struct tree_key *key, uint64_t value,
                      uint8_t tag);
/* Adds to the leaf of p, which is full: moves entries to a neighbour of it, if one has room. e: the
 * leaf's, sorted; pos: the new one's place among them, not at either end. *done false: nothing was
 * changed. */
int tree_share_insert(struct tree *t, struct tpath *p, const struct tsort *e, uint32_t pos,
                      const struct tleaf_ent *ent, uint8_t tag, bool *done);
/* heap_tx_write() of a field of the node at p->lv[lv]. */
void *tree_write(struct tree *t, const struct tpath *p, uint32_t lv, const void *field, size_t len);

/* The level of p whose separator is a tie that names this record; TREE_NO_LEVEL if none is. */
#define TREE_NO_LEVEL UINT32_MAX
uint32_t tree_tie_level(const struct tpath *p, uint64_t order, uint64_t value);
/* Gives the separator at that level another bound: order, rep and the SEP_TIE of sep.
 * TREE_NO_LEVEL: nothing to do. */
int tree_tie_set(struct tree *t, const struct tpath *p, uint32_t lv, const struct tinner_ent *sep);

/* Which of the tags equal byte: bit i for tag i. Bits of unused entries may be set. */
uint64_t tags_match(const struct tnode *n, uint8_t byte);

/* How many of the separators at positions 1 to nr come before order, or (or_at) are at most it.
 * Without branches: each would be guessed wrong half of the time. */
static inline uint32_t inner_count(const struct tnode *n, uint32_t nr, uint64_t order, bool or_at)
{
    const struct tinner_ent *ents = inner_ents(n);
    const uint8_t *tags = node_tags(n);
    uint32_t base = 0, end = cls_cap(n->cls) - 1;

    while (nr > 0) {
        uint32_t half = (nr + 1) / 2, tag = tags[base + half];
        uint64_t sep = ents[MIN(tag, end)].order; /* as inner_at() */

        base += (sep < order) | (or_at & (sep == order)) ? half : 0;
        nr -= half;
    }
    return base;
}

int tree_root_read(struct tree *t);
/* Writes t->root to its place. */
int tree_root_write(struct tree *t);

/* Address of a whole node; -DER_CSUM when it is not one of that level. */
int tree_node_get(struct tree *t, uint64_t ref, uint32_t level, const struct tnode **n);
/* A zeroed node with its header filled in. */
int tree_node_alloc(struct tree *t, uint32_t level, uint32_t cls, uint64_t near, uint64_t *ref,
                    struct tnode **n);
int tree_node_free(struct tree *t, uint64_t ref);
/* Moves the node at p->lv[lv] into another size class and points its parent, or the root, to it. */
int tree_node_resize(struct tree *t, struct tpath *p, uint32_t lv, uint32_t cls);
/* Points the parent of p->lv[lv], or the root, to another node. */
int tree_ref_set(struct tree *t, struct tpath *p, uint32_t lv, uint64_t ref);

/* Fills in p down to the leaf where key belongs. t->root is a node. */
int tree_descend(struct tree *t, const struct tree_key *key, struct tpath *p);
/* The entry of key in a leaf: -DER_NONEXIST. */
int leaf_find(struct tree *t, const struct tnode *n, const struct tree_key *key, uint32_t *slot);
/* Is the separator before or at the key? */
int sep_le_key(struct tree *t, const struct tinner_ent *sep, const struct tree_key *key, bool *le);
/* *order of two entries. */
int ent_cmp(struct tree *t, uint64_t order_a, uint64_t a, uint64_t order_b, uint64_t b, int *order);
/* *order of an entry and a key. */
int ent_cmp_key(struct tree *t, uint64_t order, uint64_t value, const struct tree_key *key,
                int *res);
/* Sorts up to TNODE_CAP_MAX entries. */
int tree_sort(struct tree *t, struct tsort *e, uint32_t nr);
/* All entries of a leaf, unsorted. */
uint32_t leaf_list(const struct tnode *n, struct tsort *e);
/* Drops the child at pos of the inner node at p->lv[lv] (not its last child). */
int inner_remove(struct tree *t, const struct tpath *p, uint32_t lv, uint32_t pos);

#endif
