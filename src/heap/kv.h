/*
 * A persistent map from byte strings to byte strings, ordered by key bytes: tables of svc, sessions of vos.
 * Keys 1..1024 bytes, values 0..128 KiB (longer than HEAP_ALLOC_MAX: chained). [L]; rules of heap/tree.h.
 */
#ifndef TARN_HEAP_KV_H
#define TARN_HEAP_KV_H

#include "heap/tree.h"

#define KV_KEY_MAX   1024u
#define KV_VALUE_MAX (128u << 10)

/* root_off: a struct tree_root of the owner. */
int kv_get(struct heap *h, uint64_t root_off, const void *key, size_t key_len, void *buf, size_t buf_len, size_t *len); /* -DER_TRUNC: *len set */
int kv_put(struct heap *h, uint64_t root_off, const void *key, size_t key_len, const void *val, size_t len); /* insert or replace */
int kv_del(struct heap *h, uint64_t root_off, const void *key, size_t key_len);                              /* -DER_NONEXIST */
/* First key >= (or, with after, >) the given one: copies the key (KV_KEY_MAX bytes of room) and says the value's length. key_len 0: from the start. */
int kv_next(struct heap *h, uint64_t root_off, const void *key, size_t key_len, bool after, void *key_out, size_t *key_out_len, size_t *val_len);
int kv_clear(struct heap *h, uint64_t root_off, uint32_t max, bool *done);
/* Upper bound of redo bytes of a put or del with these sizes. */
size_t kv_redo_max(size_t key_len, size_t val_len);

#endif
