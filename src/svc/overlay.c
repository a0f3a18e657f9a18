/*
 * What a service on a read-only heap writes down: a list of entries in memory, in key order. Few:
 * handles of the programs that look at the pool.
 */
#include <string.h>
#include <daos_errno.h>
#include "base/fail.h"
#include "svc/state.h"

struct overlay {
    struct overlay *next; /* by table, then key */
    enum svc_table t;
    size_t key_len, len;
    uint8_t bytes[]; /* key, value */
};

bool overlay_owns(enum svc_table t)
{
    return t == T_POOL_HDL || t == T_CONT_HDL || t == T_CONT || t == T_OPS;
}

/* The head of a list is an entry without a key, so that an empty overlay is one too. */
struct overlay *overlay_empty(void)
{
    return base_calloc(1, sizeof(struct overlay));
}

void overlay_free(struct overlay *o)
{
    while (o != NULL) {
        struct overlay *next = o->next;

        base_free(o);
        o = next;
    }
}

static int cmp(const struct overlay *e, enum svc_table t, const void *key, size_t key_len)
{
    size_t n = e->key_len < key_len ? e->key_len : key_len;
    int c;

    if (e->t != t)
        return e->t < t ? -1 : 1;
    c = n > 0 ? memcmp(e->bytes, key, n) : 0;
    if (c != 0)
        return c;
    return e->key_len < key_len ? -1 : e->key_len > key_len;
}

/* The last entry below the key; the head if there is none. */
static struct overlay *before(struct overlay *o, enum svc_table t, const void *key, size_t key_len)
{
    while (o->next != NULL && cmp(o->next, t, key, key_len) < 0)
        o = o->next;
    return o;
}

static struct overlay *find(const struct overlay *o, enum svc_table t, const void *key,
                            size_t key_len)
{
    struct overlay *e = before((struct overlay *)o, t, key, key_len)->next;

    return e != NULL && cmp(e, t, key, key_len) == 0 ? e : NULL;
}

int overlay_get(const struct overlay *o, enum svc_table t, const void *key, size_t key_len,
                void *buf, size_t buf_len, size_t *len)
{
    const struct overlay *e = find(o, t, key, key_len);

    if (e == NULL)
        return -DER_NONEXIST;
    *len = e->len;
    if (e->len > buf_len)
        return -DER_TRUNC;
    if (e->len > 0)
        memcpy(buf, e->bytes + e->key_len, e->len);
    return 0;
}

int overlay_put(struct overlay **o, enum svc_table t, const void *key, size_t key_len,
                const void *val, size_t len)
{
    struct overlay *e = base_alloc(sizeof(*e) + key_len + len), *prev;

    if (e == NULL)
        return -DER_NOMEM;
    overlay_del(o, t, key, key_len);
    *e = (struct overlay){.t = t, .key_len = key_len, .len = len};
    memcpy(e->bytes, key, key_len);
    if (len > 0)
        memcpy(e->bytes + key_len, val, len);
    prev = before(*o, t, key, key_len);
    e->next = prev->next;
    prev->next = e;
    return 0;
}

int overlay_del(struct overlay **o, enum svc_table t, const void *key, size_t key_len)
{
    struct overlay *prev = before(*o, t, key, key_len), *e = prev->next;

    if (e == NULL || cmp(e, t, key, key_len) != 0)
        return -DER_NONEXIST;
    prev->next = e->next;
    base_free(e);
    return 0;
}

int overlay_next(const struct overlay *o, enum svc_table t, const void *key, size_t key_len,
                 bool after, void *key_out, size_t *key_out_len, size_t *val_len)
{
    for (const struct overlay *e = o->next; e != NULL; e = e->next) {
        int c = cmp(e, t, key, key_len);

        if (c < 0 || (c == 0 && after))
            continue;
        if (e->t != t)
            return -DER_NONEXIST;
        memcpy(key_out, e->bytes, e->key_len);
        *key_out_len = e->key_len;
        *val_len = e->len;
        return 0;
    }
    return -DER_NONEXIST;
}
