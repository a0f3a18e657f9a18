/*
 * Handle tables and tables keyed by UUID (gurt/hash.h): hash tables of objects that count their
 * references themselves. An object is born with one reference, its maker's; a table holds another.
 */
#include <gurt/common.h>
#include <gurt/hash.h>
#include "base/fail.h"

#define TYPE_BITS 4
#define TYPE_MASK ((1u << TYPE_BITS) - 1)

/* ---- References ---- */

static struct d_rlink *rlink_of(d_list_t *link)
{
    return container_of(link, struct d_rlink, rl_link);
}

static void rlink_init(struct d_rlink *r)
{
    D_INIT_LIST_HEAD(&r->rl_link);
    r->rl_ref = 1;
    r->rl_initialized = 1;
}

static void rlink_ref(struct d_hash_table *t, d_list_t *link)
{
    rlink_of(link)->rl_ref++;
}

static bool rlink_unref(struct d_hash_table *t, d_list_t *link)
{
    D_ASSERT(rlink_of(link)->rl_ref > 0);
    return --rlink_of(link)->rl_ref == 0;
}

/* ---- By cookie ---- */

struct d_hhash {
    struct d_hash_table table;
    ATOMIC uint64_t next; /* cookie without its type */
    bool pointers;        /* objects of type 0 are named by their address */
};

static struct d_hlink *hlink_of(d_list_t *link)
{
    return container_of(rlink_of(link), struct d_hlink, hl_link);
}

static bool hlink_cmp(struct d_hash_table *t, d_list_t *link, const void *key, unsigned int ksize)
{
    return hlink_of(link)->hl_key == *(const uint64_t *)key;
}

static uint32_t cookie_hash(uint64_t cookie)
{
    return (uint32_t)d_hash_mix64(cookie);
}

static uint32_t hlink_key_hash(struct d_hash_table *t, const void *key, unsigned int ksize)
{
    return cookie_hash(*(const uint64_t *)key);
}

static uint32_t hlink_rec_hash(struct d_hash_table *t, d_list_t *link)
{
    return cookie_hash(hlink_of(link)->hl_key);
}

static void hlink_free(struct d_hash_table *t, d_list_t *link)
{
    struct d_hlink *h = hlink_of(link);

    if (h->hl_ops != NULL && h->hl_ops->hop_free != NULL)
        h->hl_ops->hop_free(h);
}

static const d_hash_table_ops_t hhash_ops = {
    .hop_key_cmp = hlink_cmp,
    .hop_key_hash = hlink_key_hash,
    .hop_rec_hash = hlink_rec_hash,
    .hop_rec_addref = rlink_ref,
    .hop_rec_decref = rlink_unref,
    .hop_rec_free = hlink_free,
};

int d_hhash_create(uint32_t feats, uint32_t bits, struct d_hhash **hhash)
{
    struct d_hhash *h;
    int rc;

    if (hhash == NULL || (feats & D_HASH_FT_EPHEMERAL))
        return -DER_INVAL;
    h = base_calloc(1, sizeof(*h));
    if (h == NULL)
        return -DER_NOMEM;
    h->next = 1;
    rc =
        d_hash_table_create_inplace(feats, bits, NULL, (d_hash_table_ops_t *)&hhash_ops, &h->table);
    if (rc != 0)
        base_free(h);
    else
        *hhash = h;
    return rc;
}

void d_hhash_destroy(struct d_hhash *hhash)
{
    d_hash_table_destroy_inplace(&hhash->table, true);
    base_free(hhash);
}

void d_hhash_hlink_init(struct d_hlink *hlink, struct d_hlink_ops *hl_ops)
{
    rlink_init(&hlink->hl_link);
    hlink->hl_key = 0;
    hlink->hl_ops = hl_ops;
}

void d_hhash_link_insert(struct d_hhash *hhash, struct d_hlink *hlink, int type)
{
    D_ASSERT(hlink->hl_link.rl_initialized);
    if (type == 0) {
        D_ASSERTF(hhash->pointers, "type 0 needs d_hhash_set_ptrtype()\n");
        hlink->hl_key = (uintptr_t)hlink;
    } else {
        D_ASSERTF((type & 1) != 0 && type <= (int)TYPE_MASK, "type %d\n", type);
        hlink->hl_key = hhash->next++ << TYPE_BITS | (unsigned int)type;
    }
    d_hash_rec_insert(&hhash->table, &hlink->hl_key, sizeof(hlink->hl_key), &hlink->hl_link.rl_link,
                      false);
}

struct d_hlink *d_hhash_link_lookup(struct d_hhash *hhash, uint64_t key)
{
    d_list_t *l = d_hash_rec_find(&hhash->table, &key, sizeof(key));

    return l != NULL ? hlink_of(l) : NULL;
}

void d_hhash_link_getref(struct d_hhash *hhash, struct d_hlink *hlink)
{
    d_hash_rec_addref(&hhash->table, &hlink->hl_link.rl_link);
}

void d_hhash_link_putref(struct d_hhash *hhash, struct d_hlink *hlink)
{
    d_hash_rec_decref(&hhash->table, &hlink->hl_link.rl_link);
}

bool d_hhash_link_delete(struct d_hhash *hhash, struct d_hlink *hlink)
{
    return d_hash_rec_delete_at(&hhash->table, &hlink->hl_link.rl_link);
}

bool d_hhash_link_empty(struct d_hlink *hlink)
{
    return !hlink->hl_link.rl_initialized || d_hash_rec_unlinked(&hlink->hl_link.rl_link);
}

void d_hhash_link_key(struct d_hlink *hlink, uint64_t *key)
{
    *key = hlink->hl_key;
}

bool d_hhash_key_isptr(uint64_t key)
{
    return (key & 1) == 0;
}

int d_hhash_key_type(uint64_t key)
{
    return d_hhash_key_isptr(key) ? 0 : (int)(key & TYPE_MASK);
}

int d_hhash_set_ptrtype(struct d_hhash *hhash)
{
    if (hhash->pointers)
        return -DER_ALREADY;
    hhash->pointers = true;
    return 0;
}

bool d_hhash_is_ptrtype(struct d_hhash *hhash)
{
    return hhash->pointers;
}

struct visit {
    d_hhash_traverse_cb_t cb;
    void *arg;
    int type;
};

static int visit_one(d_list_t *link, void *arg)
{
    struct d_hlink *h = hlink_of(link);
    struct visit *v = arg;

    return d_hhash_key_type(h->hl_key) == v->type ? v->cb(h, v->arg) : 0;
}

int d_hhash_traverse(struct d_hhash *hhash, int type, d_hhash_traverse_cb_t cb, void *arg)
{
    struct visit v = {cb, arg, type};

    if (cb == NULL || type < 0 || type > (int)TYPE_MASK)
        return -DER_INVAL;
    return d_hash_table_traverse(&hhash->table, visit_one, &v);
}

/* ---- By UUID ---- */

struct ukey {
    const struct d_uuid *uuid;
    void *args; /* for uop_cmp */
};

static struct d_ulink *ulink_of(d_list_t *link)
{
    return container_of(rlink_of(link), struct d_ulink, ul_link);
}

static bool ulink_cmp(struct d_hash_table *t, d_list_t *link, const void *key, unsigned int ksize)
{
    struct d_ulink *u = ulink_of(link);
    const struct ukey *k = key;

    if (uuid_compare(u->ul_uuid.uuid, k->uuid->uuid) != 0)
        return false;
    return u->ul_ops == NULL || u->ul_ops->uop_cmp == NULL || u->ul_ops->uop_cmp(u, k->args);
}

static uint32_t uuid_hash(const struct d_uuid *u)
{
    return d_hash_string_u32((const char *)u->uuid, sizeof(u->uuid));
}

static uint32_t ulink_key_hash(struct d_hash_table *t, const void *key, unsigned int ksize)
{
    return uuid_hash(((const struct ukey *)key)->uuid);
}

static uint32_t ulink_rec_hash(struct d_hash_table *t, d_list_t *link)
{
    return uuid_hash(&ulink_of(link)->ul_uuid);
}

static void ulink_free(struct d_hash_table *t, d_list_t *link)
{
    struct d_ulink *u = ulink_of(link);

    if (u->ul_ops != NULL && u->ul_ops->uop_free != NULL)
        u->ul_ops->uop_free(u);
}

static const d_hash_table_ops_t uhash_ops = {
    .hop_key_cmp = ulink_cmp,
    .hop_key_hash = ulink_key_hash,
    .hop_rec_hash = ulink_rec_hash,
    .hop_rec_addref = rlink_ref,
    .hop_rec_decref = rlink_unref,
    .hop_rec_free = ulink_free,
};

int d_uhash_create(uint32_t feats, uint32_t bits, struct d_hash_table **htable)
{
    if (feats & D_HASH_FT_EPHEMERAL)
        return -DER_INVAL;
    return d_hash_table_create(feats, bits, NULL, (d_hash_table_ops_t *)&uhash_ops, htable);
}

void d_uhash_destroy(struct d_hash_table *htable)
{
    d_hash_table_destroy(htable, true);
}

void d_uhash_ulink_init(struct d_ulink *ulink, struct d_ulink_ops *ul_ops)
{
    rlink_init(&ulink->ul_link);
    memset(&ulink->ul_uuid, 0, sizeof(ulink->ul_uuid));
    ulink->ul_ops = ul_ops;
}

bool d_uhash_link_empty(struct d_ulink *ulink)
{
    return !ulink->ul_link.rl_initialized || d_hash_rec_unlinked(&ulink->ul_link.rl_link);
}

bool d_uhash_link_last_ref(struct d_ulink *ulink)
{
    return ulink->ul_link.rl_ref == 1;
}

void d_uhash_link_addref(struct d_hash_table *htable, struct d_ulink *ulink)
{
    d_hash_rec_addref(htable, &ulink->ul_link.rl_link);
}

void d_uhash_link_putref(struct d_hash_table *htable, struct d_ulink *ulink)
{
    d_hash_rec_decref(htable, &ulink->ul_link.rl_link);
}

void d_uhash_link_delete(struct d_hash_table *htable, struct d_ulink *ulink)
{
    d_hash_rec_delete_at(htable, &ulink->ul_link.rl_link);
}

int d_uhash_link_insert(struct d_hash_table *htable, struct d_uuid *key, void *cmp_args,
                        struct d_ulink *ulink)
{
    struct ukey k = {key, cmp_args};

    D_ASSERT(ulink->ul_link.rl_initialized);
    ulink->ul_uuid = *key;
    return d_hash_rec_insert(htable, &k, sizeof(k), &ulink->ul_link.rl_link, true);
}

struct d_ulink *d_uhash_link_lookup(struct d_hash_table *htable, struct d_uuid *key, void *cmp_args)
{
    struct ukey k = {key, cmp_args};
    d_list_t *l = d_hash_rec_find(htable, &k, sizeof(k));

    return l != NULL ? ulink_of(l) : NULL;
}
