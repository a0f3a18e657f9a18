/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * Hash tables of records that carry their link (a d_list_t), handle tables that give each object a
 * 64-bit cookie, and tables keyed by UUID.
 *
 * A table calls back into d_hash_table_ops_t; only hop_key_cmp is required. Records are counted by
 * their owner through hop_rec_addref and hop_rec_decref; the table itself holds one reference to
 * each record unless it is EPHEMERAL. Lock choices are feature bits; without hop_rec_hash one lock
 * is for the whole table.
 */
#ifndef TARN_GURT_HASH_H
#define TARN_GURT_HASH_H

#include <stdint.h>
#include <stdbool.h>
#include <pthread.h>
#include <gurt/types.h>
#include <gurt/list.h>
#include <gurt/atomic.h>

#ifdef __cplusplus
extern "C" {
#endif

struct d_hash_table;
struct d_hash_bucket;
struct d_hlink;
struct d_ulink;
struct d_hhash;

/** Features of a table. Without a lock feature: a spinlock a bucket. */
enum d_hash_feats {
    D_HASH_FT_NOLOCK = 1,             /**< caller serialises */
    D_HASH_FT_MUTEX = 2,              /**< pthread mutex */
    D_HASH_FT_RWLOCK = 4,             /**< rwlock (refcounts must be atomic) */
    D_HASH_FT_EPHEMERAL = 8,          /**< table holds no reference; last decref removes */
    D_HASH_FT_LRU = 0x10,             /**< found record moves to bucket head */
    D_HASH_FT_NO_KEYINIT_LOCK = 0x20, /**< key_init without lock */
    D_HASH_FT_GLOCK = 0x8000,         /**< one lock for the table */
};

/** How a table reaches into records. */
typedef struct {
    /** required: does the record have this key? */
    bool (*hop_key_cmp)(struct d_hash_table *, d_list_t *, const void *, unsigned int);
    /** make a key for d_hash_rec_insert_anonym() */
    void (*hop_key_init)(struct d_hash_table *, d_list_t *, void *);
    /** hash of a key; default: of its bytes as text */
    uint32_t (*hop_key_hash)(struct d_hash_table *, const void *, unsigned int);
    /** hash of a record that is in the table */
    uint32_t (*hop_rec_hash)(struct d_hash_table *, d_list_t *);
    void (*hop_rec_addref)(struct d_hash_table *, d_list_t *); /**< take a reference */
    bool (*hop_rec_decref)(struct d_hash_table *, d_list_t *); /**< drop one; was it the last? */
    int (*hop_rec_ndecref)(struct d_hash_table *, d_list_t *, int); /**< drop several */
    void (*hop_rec_free)(struct d_hash_table *, d_list_t *); /**< free a record nobody refers to */
} d_hash_table_ops_t;

/** A lock of whichever kind the features ask for. */
union d_hash_lock {
    pthread_spinlock_t spin;
    pthread_mutex_t mutex;
    pthread_rwlock_t rwlock;
};

/** A table. Callbacks may read ht_priv; the rest is private. */
struct d_hash_table {
    union d_hash_lock ht_lock;
    uint32_t ht_bits;  /**< 2^bits buckets */
    uint32_t ht_feats; /**< D_HASH_FT_* */
    void *ht_priv;
    d_hash_table_ops_t *ht_ops;
    struct d_hash_bucket *ht_buckets;
    union d_hash_lock *ht_locks;
};

/** Callback of a traversal; not 0 stops it. */
typedef int (*d_hash_traverse_cb_t)(d_list_t *link, void *arg);
typedef int (*d_hhash_traverse_cb_t)(struct d_hlink *link, void *arg);

/** A table of 2^bits buckets. @a priv is kept in ht_priv. -DER_INVAL, -DER_NOMEM. */
int d_hash_table_create(uint32_t feats, uint32_t bits, void *priv, d_hash_table_ops_t *hops,
                        struct d_hash_table **htable_pp);

/** As d_hash_table_create(), in the caller's memory. */
int d_hash_table_create_inplace(uint32_t feats, uint32_t bits, void *priv, d_hash_table_ops_t *hops,
                                struct d_hash_table *htable);

/**
 * Call @a cb for each record; what stops it is returned. The callback must not change the table.
 */
int d_hash_table_traverse(struct d_hash_table *htable, d_hash_traverse_cb_t cb, void *arg);

/** Destroy a table. With records in it: -DER_BUSY, or with @a force they are removed. */
int d_hash_table_destroy(struct d_hash_table *htable, bool force);

/** As d_hash_table_destroy(), leaving the memory to the caller. */
int d_hash_table_destroy_inplace(struct d_hash_table *htable, bool force);

/** The record of a key, with a reference taken; NULL when there is none. */
d_list_t *d_hash_rec_find(struct d_hash_table *htable, const void *key, unsigned int ksize);

/**
 * The record of a key if there is one, otherwise insert @a link; whichever is in the table then.
 */
d_list_t *d_hash_rec_find_insert(struct d_hash_table *htable, const void *key, unsigned int ksize,
                                 d_list_t *link);

/** Insert a record. @a exclusive: -DER_EXIST when the key is there. */
int d_hash_rec_insert(struct d_hash_table *htable, const void *key, unsigned int ksize,
                      d_list_t *link, bool exclusive);

/** Insert a record whose key hop_key_init makes. -DER_INVAL without that callback or hop_rec_hash.
 */
int d_hash_rec_insert_anonym(struct d_hash_table *htable, d_list_t *link, void *arg);

/** Remove a key's record, dropping the table's reference; was there one? */
bool d_hash_rec_delete(struct d_hash_table *htable, const void *key, unsigned int ksize);

/** Remove this record; was it in the table? */
bool d_hash_rec_delete_at(struct d_hash_table *htable, d_list_t *link);

/** Move a key's record to the end of its bucket (LRU tables); did it move? */
bool d_hash_rec_evict(struct d_hash_table *htable, const void *key, unsigned int ksize);

/** As d_hash_rec_evict() for this record. */
bool d_hash_rec_evict_at(struct d_hash_table *htable, d_list_t *link);

/** Take a reference to a record. */
void d_hash_rec_addref(struct d_hash_table *htable, d_list_t *link);

/**
 * Drop a reference to a record; the last one frees it. In an EPHEMERAL table it is unlinked first;
 * elsewhere it must have been deleted before.
 */
void d_hash_rec_decref(struct d_hash_table *htable, d_list_t *link);

/** Drop @a count references. -DER_INVAL when there are fewer: then the record is freed. */
int d_hash_rec_ndecref(struct d_hash_table *htable, int count, d_list_t *link);

/** Is this record in no table? */
bool d_hash_rec_unlinked(d_list_t *link);

/** Some record of the table, without a reference; NULL when it is empty. */
d_list_t *d_hash_rec_first(struct d_hash_table *htable);

/** Log how full the buckets are. */
void d_hash_table_debug(struct d_hash_table *htable);

/** What a record needs to be counted; first member of the links below. */
struct d_rlink {
    d_list_t rl_link;
    ATOMIC uint32_t rl_ref;
    uint32_t rl_initialized : 1;
};

/** Callbacks of an object in a handle table. */
struct d_hlink_ops {
    void (*hop_free)(struct d_hlink *);
};

/** Link of an object in a handle table. */
struct d_hlink {
    struct d_rlink hl_link;
    uint64_t hl_key;
    struct d_hlink_ops *hl_ops;
};

/** A handle table. -DER_NOMEM. */
int d_hhash_create(uint32_t feats, uint32_t bits, struct d_hhash **hhash);

/** Destroy it. */
void d_hhash_destroy(struct d_hhash *hhash);

/** Prepare an object's link. */
void d_hhash_hlink_init(struct d_hlink *hlink, struct d_hlink_ops *hl_ops);

/** Insert an object and give it a cookie, whose low 4 bits are @a type: odd, or 0 for a pointer. */
void d_hhash_link_insert(struct d_hhash *hhash, struct d_hlink *hlink, int type);

/** The object of a cookie, with a reference; NULL when there is none. */
struct d_hlink *d_hhash_link_lookup(struct d_hhash *hhash, uint64_t key);

/** Take a reference. */
void d_hhash_link_getref(struct d_hhash *hhash, struct d_hlink *hlink);

/** Drop a reference. */
void d_hhash_link_putref(struct d_hhash *hhash, struct d_hlink *hlink);

/** Remove an object; was it there? */
bool d_hhash_link_delete(struct d_hhash *hhash, struct d_hlink *hlink);

/** Is this link in no table? */
bool d_hhash_link_empty(struct d_hlink *hlink);

/** Cookie of an object. */
void d_hhash_link_key(struct d_hlink *hlink, uint64_t *key);

/** Type bits of a cookie. */
int d_hhash_key_type(uint64_t key);

/** Is this cookie a pointer (low bit clear)? */
bool d_hhash_key_isptr(uint64_t key);

/** Make cookies pointers from now on. -DER_ALREADY when they are. */
int d_hhash_set_ptrtype(struct d_hhash *hhash);

/** Are cookies pointers? */
bool d_hhash_is_ptrtype(struct d_hhash *hhash);

/** Call @a cb for each object of a type. */
int d_hhash_traverse(struct d_hhash *hhash, int type, d_hhash_traverse_cb_t cb, void *arg);

/** Callbacks of an object in a table keyed by UUID. */
struct d_ulink_ops {
    void (*uop_free)(struct d_ulink *);
    bool (*uop_cmp)(struct d_ulink *, void *);
};

/** Link of an object in a table keyed by UUID. */
struct d_ulink {
    struct d_rlink ul_link;
    struct d_uuid ul_uuid;
    struct d_ulink_ops *ul_ops;
};

/** A table keyed by UUID. -DER_NOMEM. */
int d_uhash_create(uint32_t feats, uint32_t bits, struct d_hash_table **htable);

/** Destroy it. */
void d_uhash_destroy(struct d_hash_table *htable);

/** Prepare an object's link. */
void d_uhash_ulink_init(struct d_ulink *ulink, struct d_ulink_ops *ul_ops);

/** Is this link in no table? */
bool d_uhash_link_empty(struct d_ulink *ulink);

/** Is there just one reference? */
bool d_uhash_link_last_ref(struct d_ulink *ulink);

/** Take a reference. */
void d_uhash_link_addref(struct d_hash_table *htable, struct d_ulink *ulink);

/** Drop a reference. */
void d_uhash_link_putref(struct d_hash_table *htable, struct d_ulink *ulink);

/** Remove an object. */
void d_uhash_link_delete(struct d_hash_table *htable, struct d_ulink *ulink);

/** Insert an object by UUID and what uop_cmp compares. */
int d_uhash_link_insert(struct d_hash_table *htable, struct d_uuid *key, void *cmp_args,
                        struct d_ulink *ulink);

/** Find an object; NULL when there is none. */
struct d_ulink *d_uhash_link_lookup(struct d_hash_table *htable, struct d_uuid *key,
                                    void *cmp_args);

#ifdef __cplusplus
}
#endif

#endif /* TARN_GURT_HASH_H */
