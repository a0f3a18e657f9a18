/*
 * Maps from byte strings to byte strings: a tree of records.
 *
 *     record   0  u32  val_len   of the whole value
 *              4  u16  key_len
 *              6  u16  here      bytes of the value in this record
 *              8  u64  next      offset of the next piece, 0 when the value ends here
 *             16  key, then the first bytes of the value
 *
 *     piece    0  u64  next
 *              8  u32  here
 *             12  u32  zero
 *             16  bytes
 *
 * Order key: the first eight bytes of the key; equal ones are compared whole. Fingerprint: a byte
 * of the whole key's hash, because keys like to begin alike. A value that fits the room of its
 * record is replaced in place.
 */
#include "heap/kv.h"

#include <stdio.h>
#include <string.h>

#include <daos_errno.h>

#include "base/assert.h"
#include "base/hash.h"
#include "base/mutant.h"

struct kv_rec {
    uint32_t val_len;
    uint16_t key_len;
    uint16_t here;
    uint64_t next;
    uint8_t bytes[];
};

struct kv_piece {
    uint64_t next;
    uint32_t here;
    uint32_t zero;
    uint8_t bytes[];
};

#define REC_HEAD   sizeof(struct kv_rec)
#define PIECE_HEAD sizeof(struct kv_piece)
#define PIECE_ROOM (HEAP_ALLOC_MAX - PIECE_HEAD)
#define PIECES_MAX KV_PIECES_MAX /* of one record, itself included */
#define PIECE_REDO 96u           /* what allocating or freeing a piece logs besides its bytes */

/* The record at off with its key and the part of the value that is in it. */
static int rec_get(struct heap *h, uint64_t off, const struct kv_rec **rec)
{
    const struct kv_rec *r = heap_ptr(h, off, REC_HEAD);

    if (r != NULL)
        r = heap_ptr(h, off, REC_HEAD + r->key_len + r->here);
    if (r == NULL)
        return heap_rc(h);
    if (r->key_len == 0 || r->key_len > KV_KEY_MAX || r->val_len > KV_VALUE_MAX ||
        r->here > r->val_len)
        return -DER_CSUM;
    *rec = r;
    return 0;
}

static int piece_get(struct heap *h, uint64_t off, const struct kv_piece **piece)
{
    const struct kv_piece *p = heap_ptr(h, off, PIECE_HEAD);

    if (p != NULL && p->here > PIECE_ROOM)
        return -DER_CSUM;
    if (p != NULL)
        p = heap_ptr(h, off, PIECE_HEAD + p->here);
    if (p == NULL)
        return heap_rc(h);
    *piece = p;
    return 0;
}

static int key_cmp(const void *a, size_t a_len, const void *b, size_t b_len)
{
    int res = memcmp(a, b, MIN(a_len, b_len));

    return res != 0 ? res : a_len < b_len ? -1 : a_len > b_len;
}

static int kv_cmp(struct heap *h, uint64_t value, const struct tree_key *key, int *order)
{
    const struct kv_rec *rec;
    int rc = rec_get(h, value, &rec);

    if (rc == 0)
        *order = key_cmp(rec->bytes, rec->key_len, key->key, key->len);
    return rc;
}

static int kv_cmp_rec(struct heap *h, uint64_t a, uint64_t b, int *order)
{
    const struct kv_rec *ra, *rb;
    int rc = rec_get(h, a, &ra);

    if (rc == 0)
        rc = rec_get(h, b, &rb);
    if (rc == 0)
        *order = key_cmp(ra->bytes, ra->key_len, rb->bytes, rb->key_len);
    return rc;
}

static uint8_t kv_fingerprint(const struct tree_key *key)
{
    return (uint8_t)hash_bytes(key->key, key->len);
}

static const struct tree_class kv_class = {
    .cmp = kv_cmp, .cmp_rec = kv_cmp_rec, .fingerprint = kv_fingerprint};

static struct tree_key kv_key(const void *key, size_t len)
{
    return (struct tree_key){.order = tree_prefix(key, len), .key = key, .len = len};
}

static bool key_ok(size_t key_len)
{
    return key_len >= 1 && key_len <= KV_KEY_MAX;
}

size_t kv_redo_max(size_t key_len, size_t val_len)
{
    return TREE_REDO_MAX + REC_HEAD + key_len + val_len + 2 * PIECES_MAX * PIECE_REDO;
}

int kv_get(struct heap *h, uint64_t root_off, const void *key, size_t key_len, void *buf,
           size_t buf_len, size_t *len)
{
    struct tree_key k = kv_key(key, key_len);
    const struct kv_piece *piece;
    const struct kv_rec *rec;
    uint64_t off, next;
    size_t done;
    int rc;

    if (!key_ok(key_len))
        return -DER_INVAL;
    rc = tree_find(h, &kv_class, root_off, &k, &off);
    if (rc == 0)
        rc = rec_get(h, off, &rec);
    if (rc != 0)
        return rc;
    *len = rec->val_len;
    if (buf_len < rec->val_len)
        return -DER_TRUNC;
    done = rec->here;
    if (done > 0)
        memcpy(buf, rec->bytes + rec->key_len, done);
    for (next = rec->next; next != 0 && rc == 0; next = piece->next) {
        rc = piece_get(h, next, &piece);
        if (rc == 0 && (piece->here == 0 || piece->here > *len - done))
            rc = -DER_CSUM;
        if (rc != 0)
            return rc;
        memcpy((uint8_t *)buf + done, piece->bytes, piece->here);
        done += piece->here;
    }
    return done == *len ? 0 : -DER_CSUM;
}

/* Writes a record, pieces last to first so that each knows the next. */
static int rec_make(struct heap *h, uint64_t near, const void *key, size_t key_len, const void *val,
                    size_t len, uint64_t *off)
{
    size_t here = MIN(len, HEAP_ALLOC_MAX - REC_HEAD - key_len), end = len;
    struct kv_rec *rec;
    uint64_t next = 0;
    void *ptr;
    int rc;

    while (end > here) {
        size_t nr = (end - here - 1) % PIECE_ROOM +
                    1; /* the last piece takes the rest, all others are full */
        struct kv_piece *piece;
        uint64_t at;

        rc = heap_tx_alloc(h, PIECE_HEAD + nr, near, &at, &ptr);
        if (rc != 0)
            return rc;
        piece = ptr;
        piece->next = next;
        piece->here = (uint32_t)nr;
        end -= nr;
        memcpy(piece->bytes, (const uint8_t *)val + end, nr);
        next = at;
    }
    rc = heap_tx_alloc(h, REC_HEAD + key_len + here, near, off, &ptr);
    if (rc != 0)
        return rc;
    rec = ptr;
    *rec = (struct kv_rec){.val_len = (uint32_t)len,
                           .key_len = (uint16_t)key_len,
                           .here = (uint16_t)here,
                           .next = next};
    memcpy(rec->bytes, key, key_len);
    if (here > 0)
        memcpy(rec->bytes + key_len, val, here);
    return 0;
}

static int rec_free(struct heap *h, uint64_t off)
{
    const struct kv_piece *piece;
    const struct kv_rec *rec;
    uint64_t next;
    int rc = rec_get(h, off, &rec);

    if (rc != 0)
        return rc;
    next = rec->next;
    rc = heap_tx_free(h, off);
    for (uint32_t i = 0; rc == 0 && next != 0; i++) {
        off = next;
        rc = i < PIECES_MAX ? piece_get(h, off, &piece) : -DER_CSUM;
        if (rc != 0)
            return rc;
        next = piece->next;
        rc = heap_tx_free(h, off);
    }
    return rc;
}

/* Replaces the value of the record at off in its own room; *done false if it has not the right size
 * for that. */
static int rec_overwrite(struct heap *h, uint64_t off, const void *val, size_t len, bool *done)
{
    const struct kv_rec *rec;
    struct kv_rec *head;
    size_t need, room;
    uint8_t *to;
    int rc = rec_get(h, off, &rec);

    *done = false;
    if (rc == 0)
        rc = heap_alloc_size(h, off, &room);
    if (rc != 0)
        return rc;
    need = REC_HEAD + rec->key_len + len;
    if (rec->next != 0 || need > room || need + need / 2 + 64 < room)
        return 0;
    if (len > 0) {
        to = heap_tx_write(h, off + REC_HEAD + rec->key_len, len);
        if (to == NULL)
            return heap_rc(h);
        memcpy(to, val, len);
    }
    if (rec->val_len < len || (rec->val_len > len && !MUTANT(KV_STALE_LENGTH))) {
        head = heap_tx_write(h, off, offsetof(struct kv_rec, next));
        if (head == NULL)
            return heap_rc(h);
        head->val_len = (uint32_t)len;
        head->here = (uint16_t)len;
    }
    *done = true;
    return 0;
}

int kv_put(struct heap *h, uint64_t root_off, const void *key, size_t key_len, const void *val,
           size_t len)
{
    struct tree_key k = kv_key(key, key_len);
    uint64_t old, new;
    bool done = false;
    int rc, found;

    if (!key_ok(key_len) || len > KV_VALUE_MAX)
        return -DER_INVAL;
    found = tree_find(h, &kv_class, root_off, &k, &old);
    if (found != 0 && found != -DER_NONEXIST)
        return found;
    if (found == 0) {
        rc = rec_overwrite(h, old, val, len, &done);
        if (rc != 0 || done)
            return rc;
    }
    rc = rec_make(h, root_off, key, key_len, val, len, &new);
    if (rc != 0)
        return rc;
    if (found != 0)
        return tree_insert(h, &kv_class, root_off, &k, new);
    rc = tree_replace(h, &kv_class, root_off, &k, new);
    return rc != 0 ? rc : rec_free(h, old);
}

int kv_del(struct heap *h, uint64_t root_off, const void *key, size_t key_len)
{
    struct tree_key k = kv_key(key, key_len);
    uint64_t off;
    int rc;

    if (!key_ok(key_len))
        return -DER_INVAL;
    rc = tree_find(h, &kv_class, root_off, &k, &off);
    if (rc == 0)
        rc = tree_remove(h, &kv_class, root_off, &k);
    return rc != 0 ? rc : rec_free(h, off);
}

int kv_drop(struct heap *h, uint64_t root_off, const struct tree_walker *w, const uint64_t *value,
            uint32_t nr)
{
    return tree_drop_values(h, &kv_class, root_off, w, value, nr);
}

int kv_next(struct heap *h, uint64_t root_off, const void *key, size_t key_len, bool after,
            void *key_out, size_t *key_out_len, size_t *val_len)
{
    struct tree_key k = kv_key(key, key_len);
    enum tree_seek how = key_len == 0 ? TREE_FIRST : after ? TREE_GT : TREE_GE;
    const struct kv_rec *rec;
    uint64_t order, off;
    int rc;

    if (key_len > KV_KEY_MAX)
        return -DER_INVAL;
    rc = tree_seek(h, &kv_class, root_off, how, key_len == 0 ? NULL : &k, &order, &off);
    if (rc == 0)
        rc = rec_get(h, off, &rec);
    if (rc != 0)
        return rc;
    memcpy(key_out, rec->bytes, rec->key_len);
    *key_out_len = rec->key_len;
    *val_len = rec->val_len;
    return 0;
}

int kv_clear(struct heap *h, uint64_t root_off, uint32_t max, bool *done)
{
    const struct kv_rec *rec;
    struct tree_key k;
    uint64_t order, off, left;
    int rc;

    for (uint32_t i = 0; i < max; i++) {
        rc = tree_seek(h, &kv_class, root_off, TREE_LAST, NULL, &order, &off);
        if (rc == -DER_NONEXIST)
            break;
        if (rc == 0)
            rc = rec_get(h, off, &rec);
        if (rc != 0)
            return rc;
        k = kv_key(rec->bytes, rec->key_len);
        rc = tree_remove(h, &kv_class, root_off, &k);
        if (rc == 0)
            rc = rec_free(h, off);
        if (rc != 0)
            return rc;
    }
    rc = tree_count(h, root_off, &left);
    if (rc == 0)
        *done = left == 0;
    return rc;
}

/* Are all pieces of the record at off there, and do they add up? at: where they are. HEAP_FAULT, or
 * 0. */
static int rec_check(struct heap *h, uint64_t off, uint64_t at[KV_PIECES_MAX], uint32_t *nr,
                     bool *good)
{
    const struct kv_piece *piece;
    const struct kv_rec *rec;
    uint64_t next;
    size_t sum;
    bool live;
    int rc = heap_alloc_is_live(h, off, &live);

    *good = false;
    *nr = 0;
    if (rc == 0 && !live)
        return 0;
    if (rc == 0)
        rc = rec_get(h, off, &rec);
    if (rc != 0)
        return rc > 0 ? rc : 0;
    at[(*nr)++] = off;
    sum = rec->here;
    for (next = rec->next; next != 0 && live && sum < rec->val_len && *nr < KV_PIECES_MAX;
         next = piece->next) {
        rc = heap_alloc_is_live(h, next, &live);
        if (rc == 0 && !live)
            return 0;
        if (rc == 0)
            rc = piece_get(h, next, &piece);
        if (rc != 0)
            return rc > 0 ? rc : 0;
        at[(*nr)++] = next;
        sum += piece->here;
        if (piece->here == 0)
            return 0;
    }
    *good = live && next == 0 && sum == rec->val_len;
    return 0;
}

int kv_record(struct heap *h, const struct tree_entry *e, uint64_t off[KV_PIECES_MAX], uint32_t *nr,
              bool *good)
{
    const struct kv_rec *rec;
    int rc = rec_check(h, e->value, off, nr, good);

    if (rc != 0 || !*good)
        return rc;
    rc = rec_get(h, e->value, &rec);
    if (rc == 0)
        *good = tree_prefix(rec->bytes, rec->key_len) == e->order;
    return rc;
}

void kv_check_start(struct kv_checker *k, uint64_t root_off,
                    void (*report)(void *arg, const char *text), void *arg)
{
    memset(k, 0, sizeof(*k));
    tree_check_start(&k->tree, &kv_class, root_off, report, arg);
}

int kv_check_step(struct heap *h, struct kv_checker *k, bool *done)
{
    struct tree_key key = kv_key(k->key, k->key_len);
    const struct kv_rec *rec;
    uint64_t order, off, at[KV_PIECES_MAX];
    uint32_t nr;
    bool good;
    int rc;

    if (!k->tree_done)
        return tree_check_step(h, &k->tree, &k->tree_done);
    *done =
        k->tree.problems > 0 && k->key_len == 0; /* records of a damaged tree cannot be walked */
    if (*done)
        return 0;
    rc = tree_seek(h, &kv_class, k->tree.root_off, k->key_len == 0 ? TREE_FIRST : TREE_GT,
                   k->key_len == 0 ? NULL : &key, &order, &off);
    *done = rc == -DER_NONEXIST;
    if (rc == 0)
        rc = rec_check(h, off, at, &nr, &good);
    if (rc == 0)
        rc = rec_get(h, off, &rec);
    if (rc != 0)
        return *done ? 0 : rc;
    if (!good) {
        char text[96];

        snprintf(text, sizeof(text), "map record at %#llx: its value is incomplete",
                 (unsigned long long)off);
        if (k->tree.report != NULL)
            k->tree.report(k->tree.arg, text);
        k->tree.problems++;
    }
    memcpy(k->key, rec->bytes, rec->key_len);
    k->key_len = rec->key_len;
    return 0;
}
