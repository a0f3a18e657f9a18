/*
 * A persistent map from byte strings to byte strings, ordered by key bytes: tables of svc, sessions
 * of vos. Keys 1..1024 bytes, values 0..128 KiB (longer than HEAP_ALLOC_MAX: chained). [L]; rules
 * of heap/tree.h.
 */
#ifndef TARN_HEAP_KV_H
#define TARN_HEAP_KV_H

#include "heap/tree.h"

#define KV_KEY_MAX   1024u
#define KV_VALUE_MAX (128u << 10)

/* root_off: a struct tree_root of the owner. A key or value of a size that is not allowed:
 * -DER_INVAL. */

/* Copies the value; *len is its length even when it does not fit: -DER_TRUNC. buf may be NULL with
 * buf_len 0. -DER_NONEXIST. */
int kv_get(struct heap *h, uint64_t root_off, const void *key, size_t key_len, void *buf,
           size_t buf_len, size_t *len);
/* Inserts or replaces. */
int kv_put(struct heap *h, uint64_t root_off, const void *key, size_t key_len, const void *val,
           size_t len);
/* -DER_NONEXIST. */
int kv_del(struct heap *h, uint64_t root_off, const void *key, size_t key_len);
/* First key >= (or, with after, >) the given one: copies the key (KV_KEY_MAX bytes of room; may be
 * the buffer the given key is in) and says the value's length. key_len 0: from the start.
 * -DER_NONEXIST past the end. */
int kv_next(struct heap *h, uint64_t root_off, const void *key, size_t key_len, bool after,
            void *key_out, size_t *key_out_len, size_t *val_len);
/* Removes up to max entries, the last ones first; *done: the map is empty. */
int kv_clear(struct heap *h, uint64_t root_off, uint32_t max, bool *done);
#define KV_CLEAR_REDO_MAX(max) (TREE_REDO_MAX + (max)*2048u)
/* In a transaction: the records behind these values, of the leaf that w stands at, cannot be had;
 * out with them. What is left of them is not given back. */
int kv_drop(struct heap *h, uint64_t root_off, const struct tree_walker *w, const uint64_t *value,
            uint32_t nr);
/* Upper bound of redo bytes of a put or del with these sizes (del: val_len 0). */
size_t kv_redo_max(size_t key_len, size_t val_len);
/* Checks tree and records in steps, as tree_check_step() does. */
struct kv_checker {
    struct tree_checker tree; /* tree.problems counts all */
    bool tree_done;
    size_t key_len; /* of the last record checked */
    uint8_t key[KV_KEY_MAX];
};
void kv_check_start(struct kv_checker *k, uint64_t root_off,
                    void (*report)(void *arg, const char *text), void *arg);
int kv_check_step(struct heap *h, struct kv_checker *k, bool *done);
/* For walks along the nodes of the map's tree (tree_walk_leaf()), which get past damage: is the
 * record behind an entry whole, with all its pieces, and where its key belongs? off[KV_PIECES_MAX]:
 * its allocations, *nr of them that can be read. */
#define KV_PIECES_MAX (KV_VALUE_MAX / (HEAP_ALLOC_MAX - 16u) + 2)
int kv_record(struct heap *h, const struct tree_entry *e, uint64_t off[KV_PIECES_MAX], uint32_t *nr,
              bool *good);

#endif
