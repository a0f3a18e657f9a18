/*
 * Hash tables of records that carry their link; see gurt/hash.h.
 *
 * 2^bits lists, and the locks that the features ask for: none, one, or one a list (a spinlock, a
 * mutex or a reader-writer lock). Callbacks about references run under the lock of the record's
 * list; hop_rec_free runs without any, because it may well use the table.
 *
 * A record's list is found by hop_rec_hash, where its lock depends on it. Without that callback one
 * lock is for all lists: the links alone say where a record is.
 */
#include <gurt/common.h>
#include <gurt/hash.h>
#include "base/assert.h"
#include "base/fail.h"

struct d_hash_bucket {
    d_list_t head;
};

#define LOCK_FEATS (D_HASH_FT_NOLOCK | D_HASH_FT_MUTEX | D_HASH_FT_RWLOCK)
#define BITS_MAX   31

/* ---- Locks ---- */

static int lock_init(const struct d_hash_table *t, union d_hash_lock *lock)
{
    int rc = 0;

    if (t->ht_feats & D_HASH_FT_NOLOCK)
        return 0;
    if (t->ht_feats & D_HASH_FT_MUTEX)
        rc = pthread_mutex_init(&lock->mutex, NULL);
    else if (t->ht_feats & D_HASH_FT_RWLOCK)
        rc = pthread_rwlock_init(&lock->rwlock, NULL);
    else
        rc = pthread_spin_init(&lock->spin, PTHREAD_PROCESS_PRIVATE);
    return rc == 0 ? 0 : -DER_NOMEM;
}

static void lock_fini(const struct d_hash_table *t, union d_hash_lock *lock)
{
    if (t->ht_feats & D_HASH_FT_NOLOCK)
        return;
    if (t->ht_feats & D_HASH_FT_MUTEX)
        pthread_mutex_destroy(&lock->mutex);
    else if (t->ht_feats & D_HASH_FT_RWLOCK)
        pthread_rwlock_destroy(&lock->rwlock);
    else
        pthread_spin_destroy(&lock->spin);
}

static void lock_take(const struct d_hash_table *t, union d_hash_lock *lock, bool shared)
{
    int rc = 0;

    if (t->ht_feats & D_HASH_FT_NOLOCK)
        return;
    if (t->ht_feats & D_HASH_FT_MUTEX)
        rc = pthread_mutex_lock(&lock->mutex);
    else if (!(t->ht_feats & D_HASH_FT_RWLOCK))
        rc = pthread_spin_lock(&lock->spin);
    else
        rc = shared ? pthread_rwlock_rdlock(&lock->rwlock) : pthread_rwlock_wrlock(&lock->rwlock);
    ASSERT(rc == 0);
}

static void lock_give(const struct d_hash_table *t, union d_hash_lock *lock)
{
    if (t->ht_feats & D_HASH_FT_NOLOCK)
        return;
    if (t->ht_feats & D_HASH_FT_MUTEX)
        pthread_mutex_unlock(&lock->mutex);
    else if (t->ht_feats & D_HASH_FT_RWLOCK)
        pthread_rwlock_unlock(&lock->rwlock);
    else
        pthread_spin_unlock(&lock->spin);
}

static union d_hash_lock *lock_of(struct d_hash_table *t, uint32_t bucket)
{
    return t->ht_locks == NULL ? &t->ht_lock : &t->ht_locks[bucket];
}

static void bucket_lock(struct d_hash_table *t, uint32_t bucket, bool shared)
{
    lock_take(t, lock_of(t, bucket), shared);
}

static void bucket_unlock(struct d_hash_table *t, uint32_t bucket)
{
    lock_give(t, lock_of(t, bucket));
}

static void locks_drop(struct d_hash_table *t, uint32_t nr)
{
    for (uint32_t i = 0; i < nr; i++)
        lock_fini(t, &t->ht_locks[i]);
    base_free(t->ht_locks);
    t->ht_locks = NULL;
    lock_fini(t, &t->ht_lock);
}

static int locks_make(struct d_hash_table *t)
{
    uint32_t nr = 1u << t->ht_bits;
    int rc = lock_init(t, &t->ht_lock);

    if (rc != 0 || (t->ht_feats & (D_HASH_FT_NOLOCK | D_HASH_FT_GLOCK)) != 0 ||
        t->ht_ops->hop_rec_hash == NULL)
        return rc;
    t->ht_locks = base_calloc(nr, sizeof(*t->ht_locks));
    if (t->ht_locks == NULL) {
        lock_fini(t, &t->ht_lock);
        return -DER_NOMEM;
    }
    for (uint32_t i = 0; i < nr; i++) {
        rc = lock_init(t, &t->ht_locks[i]);
        if (rc != 0) {
            locks_drop(t, i);
            return rc;
        }
    }
    return 0;
}

/* ---- Where a record is, and references to it ---- */

static uint32_t bucket_of(const struct d_hash_table *t, uint32_t hash)
{
    return hash & ((1u << t->ht_bits) - 1);
}

static uint32_t key_bucket(struct d_hash_table *t, const void *key, unsigned int ksize)
{
    return bucket_of(t, t->ht_ops->hop_key_hash != NULL ? t->ht_ops->hop_key_hash(t, key, ksize)
                                                        : d_hash_string_u32(key, ksize));
}

static uint32_t rec_bucket(struct d_hash_table *t, d_list_t *link)
{
    if (t->ht_locks == NULL)
        return 0; /* nobody asks */
    return bucket_of(t, t->ht_ops->hop_rec_hash(t, link));
}

static void rec_addref(struct d_hash_table *t, d_list_t *link)
{
    if (t->ht_ops->hop_rec_addref != NULL)
        t->ht_ops->hop_rec_addref(t, link);
}

static bool rec_decref(struct d_hash_table *t, d_list_t *link)
{
    return t->ht_ops->hop_rec_decref != NULL && t->ht_ops->hop_rec_decref(t, link);
}

static void rec_free(struct d_hash_table *t, d_list_t *link)
{
    if (t->ht_ops->hop_rec_free != NULL)
        t->ht_ops->hop_rec_free(t, link);
}

/* Into its list, with a reference of the table's. Under the lock. */
static void rec_link(struct d_hash_table *t, uint32_t bucket, d_list_t *link)
{
    if (!(t->ht_feats & D_HASH_FT_EPHEMERAL))
        rec_addref(t, link);
    d_list_add(link, &t->ht_buckets[bucket].head);
}

/* Out of its list; true: that was the last reference. Under the lock. */
static bool rec_unlink(struct d_hash_table *t, d_list_t *link)
{
    d_list_del_init(link);
    return !(t->ht_feats & D_HASH_FT_EPHEMERAL) && rec_decref(t, link);
}

/* Under the lock. */
static d_list_t *bucket_find(struct d_hash_table *t, uint32_t bucket, const void *key,
                             unsigned int ksize)
{
    d_list_t *head = &t->ht_buckets[bucket].head;

    for (d_list_t *l = head->next; l != head; l = l->next) {
        if (t->ht_ops->hop_key_cmp(t, l, key, ksize))
            return l;
    }
    return NULL;
}

/* Finding one; the search of an LRU table changes its list. Under the lock. */
static d_list_t *bucket_get(struct d_hash_table *t, uint32_t bucket, const void *key,
                            unsigned int ksize)
{
    d_list_t *link = bucket_find(t, bucket, key, ksize);

    if (link == NULL)
        return NULL;
    rec_addref(t, link);
    if (t->ht_feats & D_HASH_FT_LRU)
        d_list_move(link, &t->ht_buckets[bucket].head);
    return link;
}

/* ---- Making and ending a table ---- */

static bool feats_ok(uint32_t feats)
{
    uint32_t kind = feats & LOCK_FEATS;

    return (kind & (kind - 1)) == 0; /* one kind of lock */
}

int d_hash_table_create_inplace(uint32_t feats, uint32_t bits, void *priv, d_hash_table_ops_t *hops,
                                struct d_hash_table *htable)
{
    int rc;

    if (htable == NULL || hops == NULL || hops->hop_key_cmp == NULL || bits > BITS_MAX ||
        !feats_ok(feats))
        return -DER_INVAL;
    memset(htable, 0, sizeof(*htable));
    htable->ht_bits = bits;
    htable->ht_feats = feats;
    htable->ht_priv = priv;
    htable->ht_ops = hops;
    htable->ht_buckets = base_calloc((size_t)1 << bits, sizeof(*htable->ht_buckets));
    if (htable->ht_buckets == NULL)
        return -DER_NOMEM;
    for (size_t i = 0; i < (size_t)1 << bits; i++)
        D_INIT_LIST_HEAD(&htable->ht_buckets[i].head);
    rc = locks_make(htable);
    if (rc != 0) {
        base_free(htable->ht_buckets);
        htable->ht_buckets = NULL;
    }
    return rc;
}

int d_hash_table_create(uint32_t feats, uint32_t bits, void *priv, d_hash_table_ops_t *hops,
                        struct d_hash_table **htable_pp)
{
    struct d_hash_table *t;
    int rc;

    if (htable_pp == NULL)
        return -DER_INVAL;
    t = base_alloc(sizeof(*t));
    if (t == NULL)
        return -DER_NOMEM;
    rc = d_hash_table_create_inplace(feats, bits, priv, hops, t);
    if (rc != 0)
        base_free(t);
    else
        *htable_pp = t;
    return rc;
}

int d_hash_table_destroy_inplace(struct d_hash_table *htable, bool force)
{
    d_list_t *link;

    if (htable == NULL || htable->ht_buckets == NULL)
        return -DER_INVAL;
    while ((link = d_hash_rec_first(htable)) != NULL) {
        if (!force)
            return -DER_BUSY;
        d_hash_rec_delete_at(htable, link);
    }
    if (htable->ht_locks != NULL)
        locks_drop(htable, 1u << htable->ht_bits);
    else
        lock_fini(htable, &htable->ht_lock);
    base_free(htable->ht_buckets);
    memset(htable, 0, sizeof(*htable));
    return 0;
}

int d_hash_table_destroy(struct d_hash_table *htable, bool force)
{
    int rc = d_hash_table_destroy_inplace(htable, force);

    if (rc == 0)
        base_free(htable);
    return rc;
}

int d_hash_table_traverse(struct d_hash_table *htable, d_hash_traverse_cb_t cb, void *arg)
{
    int rc = 0;

    if (htable == NULL || htable->ht_buckets == NULL || cb == NULL)
        return -DER_INVAL;
    for (uint32_t i = 0; i < 1u << htable->ht_bits && rc == 0; i++) {
        d_list_t *head = &htable->ht_buckets[i].head, *l;

        bucket_lock(htable, i, true);
        for (l = head->next; l != head && rc == 0; l = l->next)
            rc = cb(l, arg);
        bucket_unlock(htable, i);
    }
    return rc;
}

void d_hash_table_debug(struct d_hash_table *htable)
{
    uint32_t longest = 0, used = 0, records = 0;

    for (uint32_t i = 0; i < 1u << htable->ht_bits; i++) {
        uint32_t n = 0;

        bucket_lock(htable, i, true);
        for (d_list_t *l = htable->ht_buckets[i].head.next; l != &htable->ht_buckets[i].head;
             l = l->next)
            n++;
        bucket_unlock(htable, i);
        records += n;
        used += n > 0;
        longest = n > longest ? n : longest;
    }
    D_INFO("hash table of %u buckets: %u records in %u of them, at most %u in one\n",
           1u << htable->ht_bits, records, used, longest);
}

/* ---- Records by key ---- */

d_list_t *d_hash_rec_find(struct d_hash_table *htable, const void *key, unsigned int ksize)
{
    uint32_t bucket = key_bucket(htable, key, ksize);
    d_list_t *link;

    bucket_lock(htable, bucket, !(htable->ht_feats & D_HASH_FT_LRU));
    link = bucket_get(htable, bucket, key, ksize);
    bucket_unlock(htable, bucket);
    return link;
}

d_list_t *d_hash_rec_find_insert(struct d_hash_table *htable, const void *key, unsigned int ksize,
                                 d_list_t *link)
{
    uint32_t bucket = key_bucket(htable, key, ksize);
    d_list_t *found;

    bucket_lock(htable, bucket, false);
    found = bucket_get(htable, bucket, key, ksize);
    if (found == NULL) {
        rec_link(htable, bucket, link);
        found = link;
    }
    bucket_unlock(htable, bucket);
    return found;
}

int d_hash_rec_insert(struct d_hash_table *htable, const void *key, unsigned int ksize,
                      d_list_t *link, bool exclusive)
{
    uint32_t bucket;
    int rc = 0;

    if (htable == NULL || key == NULL || ksize == 0 || link == NULL)
        return -DER_INVAL;
    bucket = key_bucket(htable, key, ksize);
    bucket_lock(htable, bucket, false);
    if (exclusive && bucket_find(htable, bucket, key, ksize) != NULL)
        rc = -DER_EXIST;
    else
        rec_link(htable, bucket, link);
    bucket_unlock(htable, bucket);
    return rc;
}

int d_hash_rec_insert_anonym(struct d_hash_table *htable, d_list_t *link, void *arg)
{
    /* where each list has a lock, the table's own keeps makers of keys apart */
    bool apart;
    uint32_t bucket;

    if (htable == NULL || link == NULL || htable->ht_ops->hop_key_init == NULL ||
        htable->ht_ops->hop_rec_hash == NULL)
        return -DER_INVAL;
    apart = !(htable->ht_feats & D_HASH_FT_NO_KEYINIT_LOCK);
    if (apart)
        lock_take(htable, &htable->ht_lock, false);
    htable->ht_ops->hop_key_init(htable, link, arg);
    bucket = bucket_of(htable, htable->ht_ops->hop_rec_hash(htable, link));
    if (htable->ht_locks != NULL || !apart)
        bucket_lock(htable, bucket, false);
    rec_link(htable, bucket, link);
    if (htable->ht_locks != NULL || !apart)
        bucket_unlock(htable, bucket);
    if (apart)
        lock_give(htable, &htable->ht_lock);
    return 0;
}

bool d_hash_rec_delete(struct d_hash_table *htable, const void *key, unsigned int ksize)
{
    uint32_t bucket = key_bucket(htable, key, ksize);
    bool last = false;
    d_list_t *link;

    bucket_lock(htable, bucket, false);
    link = bucket_find(htable, bucket, key, ksize);
    if (link != NULL)
        last = rec_unlink(htable, link);
    bucket_unlock(htable, bucket);
    if (last)
        rec_free(htable, link);
    return link != NULL;
}

bool d_hash_rec_evict(struct d_hash_table *htable, const void *key, unsigned int ksize)
{
    uint32_t bucket = key_bucket(htable, key, ksize);
    d_list_t *link;

    if (!(htable->ht_feats & D_HASH_FT_LRU))
        return false;
    bucket_lock(htable, bucket, false);
    link = bucket_find(htable, bucket, key, ksize);
    if (link != NULL)
        d_list_move_tail(link, &htable->ht_buckets[bucket].head);
    bucket_unlock(htable, bucket);
    return link != NULL;
}

/* ---- Records by their link ---- */

bool d_hash_rec_unlinked(d_list_t *link)
{
    return d_list_empty(link);
}

bool d_hash_rec_delete_at(struct d_hash_table *htable, d_list_t *link)
{
    uint32_t bucket = rec_bucket(htable, link);
    bool linked, last = false;

    bucket_lock(htable, bucket, false);
    linked = !d_hash_rec_unlinked(link);
    if (linked)
        last = rec_unlink(htable, link);
    bucket_unlock(htable, bucket);
    if (last)
        rec_free(htable, link);
    return linked;
}

bool d_hash_rec_evict_at(struct d_hash_table *htable, d_list_t *link)
{
    uint32_t bucket;
    bool linked;

    if (!(htable->ht_feats & D_HASH_FT_LRU) || htable->ht_ops->hop_rec_hash == NULL)
        return false;
    bucket = bucket_of(htable, htable->ht_ops->hop_rec_hash(htable, link));
    bucket_lock(htable, bucket, false);
    linked = !d_hash_rec_unlinked(link);
    if (linked)
        d_list_move_tail(link, &htable->ht_buckets[bucket].head);
    bucket_unlock(htable, bucket);
    return linked;
}

void d_hash_rec_addref(struct d_hash_table *htable, d_list_t *link)
{
    uint32_t bucket = rec_bucket(htable, link);

    bucket_lock(htable, bucket, true);
    rec_addref(htable, link);
    bucket_unlock(htable, bucket);
}

/* Drops several references, one after the other where there is no callback for that: *last says
 * whether none is left. Under the lock. */
static int rec_ndecref(struct d_hash_table *t, d_list_t *link, int count, bool *last)
{
    int rc;

    *last = false;
    if (count > 1 && t->ht_ops->hop_rec_ndecref != NULL) {
        rc = t->ht_ops->hop_rec_ndecref(t, link, count);
        *last = rc > 0;
        return rc < 0 ? rc : 0;
    }
    for (int i = 0; i < count; i++) {
        if (*last)
            return -DER_INVAL;
        *last = rec_decref(t, link);
    }
    return 0;
}

int d_hash_rec_ndecref(struct d_hash_table *htable, int count, d_list_t *link)
{
    bool ephemeral = (htable->ht_feats & D_HASH_FT_EPHEMERAL) != 0;
    uint32_t bucket = rec_bucket(htable, link);
    bool last;
    int rc;

    /* an EPHEMERAL table forgets the record with its last reference */
    bucket_lock(htable, bucket, !ephemeral);
    rc = rec_ndecref(htable, link, count, &last);
    if (last && ephemeral && !d_hash_rec_unlinked(link))
        d_list_del_init(link);
    bucket_unlock(htable, bucket);
    if (last)
        rec_free(htable, link);
    return rc;
}

void d_hash_rec_decref(struct d_hash_table *htable, d_list_t *link)
{
    d_hash_rec_ndecref(htable, 1, link);
}

d_list_t *d_hash_rec_first(struct d_hash_table *htable)
{
    d_list_t *link = NULL;

    for (uint32_t i = 0; i < 1u << htable->ht_bits && link == NULL; i++) {
        d_list_t *head = &htable->ht_buckets[i].head;

        bucket_lock(htable, i, true);
        if (!d_list_empty(head))
            link = head->next;
        bucket_unlock(htable, i);
    }
    return link;
}
