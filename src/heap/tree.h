/*
 * Ordered trees in the heap: what vos and svc index with.
 *
 * An entry is a 64-bit order key and a 64-bit value (the offset of the record it stands for, or
 * anything else). Entries with equal order keys are told apart, and ordered, by the class's cmp(),
 * which looks at the record; a class without cmp holds each order key once. So
 *
 *     hashed keys:   order = hash of the key, cmp compares hash collisions
 *     byte strings:  order = first 8 bytes big-endian (tree_prefix()), cmp compares the whole
 *     integers:      order = the integer
 *
 * The root is 16 bytes inside the owner's record, all zero when empty; a tree of one entry has no
 * node (the entry is the root), small trees have small nodes (4, 16, 63 entries), so that millions
 * of tiny trees stay tiny. Leaf entries are unsorted with a validity bitmap and one-byte
 * fingerprints: an insert logs one entry, one fingerprint and one word.
 *
 * All functions are [L] and return 0, DER codes or HEAP_FAULT; changing ones run inside a
 * transaction and, after an error, leave abort to the owner.
 */
#ifndef TARN_HEAP_TREE_H
#define TARN_HEAP_TREE_H

#include <string.h>

#include "heap/heap.h"

struct tree_root { /* persistent, 16 bytes, zero = empty */
    uint64_t word0;
    uint64_t word1;
};

struct tree_key {
    uint64_t order;
    const void *key; /* for cmp; meaning is the class's */
    size_t len;
    /* Of a scan up, whose class has ranges: entries that reach no further than this are not wanted,
     * and passed over without being sorted. Some may come all the same. 0: all are wanted. */
    uint64_t above;
    /* Of a scan up: from this order key on one entry is wanted, whichever, to tell that there are
     * no more before it; what comes behind it need not be given. 0: all are wanted. */
    uint64_t below;
};

struct tree_class {
    /* *order <0, 0, >0: the record behind value sorts before, is, or sorts after key. May return
     * HEAP_FAULT. NULL: order keys are unique. */
    int (*cmp)(struct heap *h, uint64_t value, const struct tree_key *key, int *order);
    /* The same between two records of equal order key: *order <0, >0 as a sorts before or after b.
     * Required with cmp (a split or a sorted scan among equal order keys compares records with each
     * other, and only the class knows where a record keeps its key). */
    int (*cmp_rec)(struct heap *h, uint64_t a, uint64_t b, int *order);
    /* Optional: a byte that is equal for equal keys, better than the default (a hash of the order
     * key) where many order keys are equal, such as byte strings with a common prefix. Part of the
     * format: may not change for an existing tree. */
    uint8_t (*fingerprint)(const struct tree_key *key);
    /* The entries stand for ranges: their values say by tree_reach() how far behind its order key
     * each reaches. */
    bool reaches;
};

/* Bits 40 to 53 of such a value: 10 of mantissa, 4 of exponent above them. */
#define TREE_REACH_BIT 40u
static inline uint64_t tree_reach(uint64_t value)
{
    return (value >> TREE_REACH_BIT & 0x3ff) << (value >> (TREE_REACH_BIT + 10) & 15);
}

static inline uint64_t tree_prefix(const void *key, size_t len)
{
    const unsigned char *p = key;
    uint64_t v = 0;

    if (len >= 8) {
        memcpy(&v, p, 8);
        return __builtin_bswap64(v); /* formats are little endian, and so are we */
    }
    for (size_t i = 0; i < 8; i++)
        v = v << 8 | (i < len ? p[i] : 0);
    return v;
}

/* root_off: heap offset of the struct tree_root inside the owner's record. Not found:
 * -DER_NONEXIST. */
int tree_find(struct heap *h, const struct tree_class *c, uint64_t root_off,
              const struct tree_key *key, uint64_t *value);
/* -DER_EXIST if the key is there. */
int tree_insert(struct heap *h, const struct tree_class *c, uint64_t root_off,
                const struct tree_key *key, uint64_t value);
/* Replaces the value of an existing key (the record moved); its order may not change. */
int tree_replace(struct heap *h, const struct tree_class *c, uint64_t root_off,
                 const struct tree_key *key, uint64_t value);
int tree_remove(struct heap *h, const struct tree_class *c, uint64_t root_off,
                const struct tree_key *key);
/* Where a key is, or would go: who looks for a key first, and then changes its entry, goes down the
 * tree once. Good while the lock is held and nobody changes the tree. */
struct tree_place {
    uint64_t own[48];
};
/* As tree_find(), and *at is the key's place after 0 and -DER_NONEXIST. */
int tree_find_place(struct heap *h, const struct tree_class *c, uint64_t root_off,
                    const struct tree_key *key, uint64_t *value, struct tree_place *at);
/* What tree_insert() does, after tree_find_place() found nothing. *at is used up. */
int tree_insert_at(struct tree_place *at, const struct tree_key *key, uint64_t value);
/* What tree_replace() does, after it found the key. *at is used up. */
int tree_replace_at(struct tree_place *at, const struct tree_key *key, uint64_t value);
/* The value of a tree of one entry that lies in the root itself; 0 if there are more, or the root
 * is not in memory. Leaves no trace: for hints (heap_peek). */
uint64_t tree_peek_one(const struct heap *h, uint64_t root_off);
/* Asks memory for what the searches of these keys, and inserts after them, will look at. Leaves no
 * trace. value[i]: of what is probably the key's entry, so that its record can be asked for too; 0:
 * there is none, or nobody knows. */
void tree_ahead(struct heap *h, const struct tree_class *c, uint64_t root_off,
                const struct tree_key *key, uint64_t *value, uint32_t nr);
/* Number of entries. */
int tree_count(struct heap *h, uint64_t root_off, uint64_t *count);
/* Upper bound of redo bytes of one insert, replace or remove: a split (or merge) on each of ten
 * levels. All but one in thirty inserts log less than 64. */
#define TREE_REDO_MAX 20480u
/* Frees all nodes (not the records behind the values), about max_nodes of them (a leaf takes the
 * inner nodes along that it leaves empty); *done tells whether the tree is empty now. Until then it
 * is a smaller tree in good order. */
int tree_destroy(struct heap *h, uint64_t root_off, uint32_t max_nodes, bool *done);
#define TREE_DESTROY_REDO_MAX(max_nodes) (4096u + (max_nodes)*256u)

/* ---- Walking: positions are keys, so they survive any change of the tree ---- */

enum tree_seek { TREE_GE, TREE_GT, TREE_LE, TREE_LT, TREE_FIRST, TREE_LAST };
/* The entry at a position; key NULL for FIRST and LAST. -DER_NONEXIST past the end. GE and GT walk
 * up, LE and LT down. Order among equal order keys is cmp's. */
int tree_seek(struct heap *h, const struct tree_class *c, uint64_t root_off, enum tree_seek how,
              const struct tree_key *key, uint64_t *order, uint64_t *value);
/* Up to max entries in order from a position, cheaper than repeated seeks: a leaf at a time. Stops
 * at the end of a leaf; *nr 0 and -DER_NONEXIST at the end. Continue with TREE_GT and the last
 * entry as key (the caller builds the struct tree_key from its record). */
struct tree_entry {
    uint64_t order, value;
};
int tree_scan(struct heap *h, const struct tree_class *c, uint64_t root_off, enum tree_seek how,
              const struct tree_key *key, struct tree_entry *ent, uint32_t max, uint32_t *nr);

/* Leaf by leaf along the nodes: for checkers, which must get past a node that is damaged. No record
 * is read, nothing is compared. The tree may not change meanwhile. */
#define TREE_LEAF_MAX 63u
struct tree_walker {
    uint64_t root_off;
    uint64_t lost;     /* nodes that could not be had; what is below them was passed over */
    uint64_t node[24]; /* heap offsets of the nodes that the last step came into */
    uint32_t node_nr;
    /* the rest is the walker's own */
    uint64_t ref[10];
    uint32_t pos[10];
    uint32_t lv;
    bool started, stop;
};
void tree_walk_start(struct tree_walker *w, uint64_t root_off);
/* The entries of the next leaf, unsorted: room for TREE_LEAF_MAX; *nr 0: a step past lost nodes.
 * -DER_NONEXIST at the end (lost may have grown by then). HEAP_FAULT: nothing has happened. */
int tree_walk_leaf(struct heap *h, struct tree_walker *w, struct tree_entry *ent, uint32_t *nr);

/* ---- Mending (tree_mend.c): positions are those of walkers, which a change makes void ---- */

/* What was below a lost node: entries with lo <= order <= hi (hi UINT64_MAX: no bound). */
struct tree_gap {
    uint64_t lo, hi;
    uint32_t level; /* of the lost node */
};
/* Walks on, a leaf a step; *lost: the walker stands at a lost node now, gap says what was below it.
 * -DER_NONEXIST: at the end. HEAP_FAULT. */
int tree_find_lost(struct heap *h, uint64_t root_off, struct tree_walker *w, struct tree_gap *gap,
                   bool *lost);
/* In a transaction: the lost node that w stands at is taken out. */
int tree_cut_lost(struct heap *h, uint64_t root_off, const struct tree_walker *w);
/* In a transaction: entries of the leaf that tree_walk_leaf() gave out last go, those with these
 * values; the others' records can be read. */
int tree_drop_values(struct heap *h, const struct tree_class *c, uint64_t root_off,
                     const struct tree_walker *w, const uint64_t *value, uint32_t nr);
/* In a transaction: an entry of that leaf gets another value; its key and fingerprint stay. */
int tree_swap_value(struct heap *h, const struct tree_class *c, uint64_t root_off,
                    const struct tree_walker *w, uint64_t old, uint64_t value);
/* The tree has so many entries; *changed: its root said otherwise. Changed in a transaction only.
 */
int tree_set_count(struct heap *h, uint64_t root_off, uint64_t count, bool *changed);

/* ---- Checking ---- */

/* Proves the structure, a leaf a step: order, counts, bitmaps, fingerprints, live allocations. A
 * large tree has more pages than one operation may need at once (HEAP_PINS_MAX), so each step is an
 * operation of its own, with its own pins:
 *
 *     tree_check_start(&k, ...);
 *     do {
 *         lock; rc = tree_check_step(h, &k, &done); take pins; unlock; heap_retry ...
 *     } while (rc == 0 && !done);
 *
 * The tree may not change meanwhile. A step that faults has reported nothing and changed nothing.
 */
struct tree_checker {
    uint64_t problems; /* found so far */
    /* the rest is the checker's own */
    const struct tree_class *c;
    uint64_t root_off;
    void (*report)(void *arg, const char *text); /* once for each problem; NULL: only count */
    void *arg;
    uint64_t entries;
    uint64_t ref[10]; /* the way down to the next leaf */
    uint32_t pos[10];
    uint32_t lv;
    bool started;
};
void tree_check_start(struct tree_checker *k, const struct tree_class *c, uint64_t root_off,
                      void (*report)(void *arg, const char *text), void *arg);
int tree_check_step(struct heap *h, struct tree_checker *k, bool *done);
/* All of it at once, for trees of which all pages are resident (or few are not); *problems grows by
 * what was found. */
int tree_check(struct heap *h, const struct tree_class *c, uint64_t root_off,
               void (*report)(void *arg, const char *text), void *arg, uint64_t *problems);

#endif
