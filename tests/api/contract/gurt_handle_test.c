/* Contracts of handle tables and of tables keyed by UUID. */
#include "no_stage.h"
#include <gurt/common.h>
#include <gurt/hash.h>

struct thing {
    struct d_hlink h;
    struct d_ulink u;
    int sort;
    _Atomic int freed;
};

static void h_free(struct d_hlink *h)
{
    container_of(h, struct thing, h)->freed++;
}

static void u_free(struct d_ulink *u)
{
    container_of(u, struct thing, u)->freed++;
}

/* Of one UUID there may be several things, of different sorts. */
static bool u_same(struct d_ulink *u, void *sort)
{
    return container_of(u, struct thing, u)->sort == *(int *)sort;
}

static struct d_hlink_ops h_ops = {h_free};
static struct d_ulink_ops u_ops = {u_free, u_same};

static int adds(struct d_hlink *h, void *sum)
{
    *(int *)sum += container_of(h, struct thing, h)->sort;
    return *(int *)sum < 100 ? 0 : -DER_MISC;
}

CONTRACT(d_hhash_create)
{
    struct d_hhash *t = NULL;

    NOW(-DER_INVAL, d_hhash_create(0, 4, NULL));
    NOW(-DER_INVAL, d_hhash_create(D_HASH_FT_EPHEMERAL, 4, &t));
    NOW(-DER_INVAL, d_hhash_create(0, 40, &t));
    NOW(-DER_INVAL, d_hhash_create(D_HASH_FT_RWLOCK | D_HASH_FT_MUTEX, 4, &t));
    CHECK(t == NULL);
    NOW(0, d_hhash_create(D_HASH_FT_RWLOCK, 0, &t));
    CHECK(d_hhash_link_lookup(t, 17) == NULL && !d_hhash_is_ptrtype(t));
    d_hhash_destroy(t);
    return true;
}

CONTRACT(d_hhash_link_insert)
{
    struct thing a = {0}, b = {0};
    uint64_t ka, kb;
    struct d_hhash *t;

    NOW(0, d_hhash_create(0, 4, &t));
    d_hhash_hlink_init(&a.h, &h_ops);
    d_hhash_hlink_init(&b.h, NULL);
    CHECK(d_hhash_link_empty(&a.h) && !d_hhash_link_delete(t, &a.h));
    d_hhash_link_insert(t, &a.h, 1);
    d_hhash_link_insert(t, &b.h, 15);
    d_hhash_link_key(&a.h, &ka);
    d_hhash_link_key(&b.h, &kb);
    CHECK(ka != kb && d_hhash_key_type(ka) == 1 && d_hhash_key_type(kb) == 15);
    CHECK(!d_hhash_key_isptr(ka) && !d_hhash_link_empty(&a.h));
    CHECK(d_hhash_link_lookup(t, ka) == &a.h && d_hhash_link_lookup(t, kb) == &b.h);
    CHECK(d_hhash_link_lookup(t, ka + 2) == NULL && d_hhash_link_lookup(t, 0) == NULL);
    d_hhash_link_putref(t, &a.h);
    d_hhash_link_putref(t, &b.h);
    CHECK(d_hhash_link_delete(t, &a.h) && a.freed == 0); /* its maker has it */
    CHECK(!d_hhash_link_delete(t, &a.h) && d_hhash_link_lookup(t, ka) == NULL);
    d_hhash_link_getref(t, &a.h);
    d_hhash_link_putref(t, &a.h);
    CHECK(a.freed == 0);
    d_hhash_link_putref(t, &a.h);
    CHECK(a.freed == 1);
    d_hhash_link_putref(t, &b.h);
    d_hhash_destroy(t); /* takes what is left; without a callback nothing is called */
    CHECK(b.freed == 0);
    return true;
}

CONTRACT(d_hhash_set_ptrtype)
{
    struct thing a = {0};
    struct d_hhash *t;
    uint64_t key;

    NOW(0, d_hhash_create(0, 4, &t));
    NOW(0, d_hhash_set_ptrtype(t));
    NOW(-DER_ALREADY, d_hhash_set_ptrtype(t));
    CHECK(d_hhash_is_ptrtype(t));
    d_hhash_hlink_init(&a.h, &h_ops);
    d_hhash_link_insert(t, &a.h, 0);
    d_hhash_link_key(&a.h, &key);
    CHECK(key == (uintptr_t)&a.h && d_hhash_key_isptr(key) && d_hhash_key_type(key) == 0);
    CHECK(d_hhash_link_lookup(t, key) == &a.h && d_hhash_link_lookup(t, key + 16) == NULL);
    NOW(0, a.freed);
    d_hhash_destroy(t);
    return true;
}

CONTRACT(d_hhash_traverse)
{
    struct thing things[3] = {{.sort = 1}, {.sort = 10}, {.sort = 100}};
    struct d_hhash *t;
    int sum = 0;

    NOW(0, d_hhash_create(D_HASH_FT_MUTEX, 4, &t));
    for (int i = 0; i < 3; i++) {
        d_hhash_hlink_init(&things[i].h, &h_ops);
        d_hhash_link_insert(t, &things[i].h, i < 2 ? 3 : 5);
    }
    NOW(-DER_INVAL, d_hhash_traverse(t, 3, NULL, &sum));
    NOW(-DER_INVAL, d_hhash_traverse(t, -1, adds, &sum));
    NOW(-DER_INVAL, d_hhash_traverse(t, 16, adds, &sum));
    CHECK(sum == 0);
    NOW(0, d_hhash_traverse(t, 1, adds, &sum));
    CHECK(sum == 0);
    NOW(0, d_hhash_traverse(t, 3, adds, &sum));
    CHECK(sum == 11);
    NOW(-DER_MISC, d_hhash_traverse(t, 5, adds, &sum));
    d_hhash_destroy(t);
    return true;
}

#define MANY 300

struct holder {
    struct d_hhash *t;
    struct thing *things;
    int missed;
};

/* Looks everything up, makes things of its own meanwhile. */
static void *holds(void *arg)
{
    struct holder *h = arg;

    for (int i = 0; i < MANY; i++) {
        struct d_hlink *found;
        struct thing own = {0};
        uint64_t key;

        d_hhash_link_key(&h->things[i].h, &key);
        found = d_hhash_link_lookup(h->t, key);
        h->missed += found != &h->things[i].h;
        d_hhash_hlink_init(&own.h, &h_ops);
        d_hhash_link_insert(h->t, &own.h, 1);
        d_hhash_link_key(&own.h, &key);
        found = d_hhash_link_lookup(h->t, key);
        h->missed += found != &own.h || !d_hhash_link_delete(h->t, &own.h);
        d_hhash_link_putref(h->t, &own.h);
        d_hhash_link_putref(h->t, &own.h);
        h->missed += own.freed != 1;
        d_hhash_link_putref(h->t, &h->things[i].h);
    }
    return NULL;
}

CONTRACT(d_hhash_link_lookup)
{
    static const uint32_t feats[] = {0, D_HASH_FT_MUTEX, D_HASH_FT_RWLOCK, D_HASH_FT_GLOCK};
    struct thing *things = calloc(MANY, sizeof(*things));

    for (int f = 0; f < 4; f++) {
        struct holder one = {.things = things}, two;

        NOW(0, d_hhash_create(feats[f], 4, &one.t));
        for (int i = 0; i < MANY; i++) {
            d_hhash_hlink_init(&things[i].h, &h_ops);
            d_hhash_link_insert(one.t, &things[i].h, 7);
            d_hhash_link_putref(one.t, &things[i].h); /* the table's is left */
        }
        two = one;
        CHECK(both(r, holds, &one, &two));
        NOW(0, one.missed + two.missed);
        d_hhash_destroy(one.t);
        for (int i = 0; i < MANY; i++)
            NOW(f + 1, things[i].freed);
    }
    free(things);
    return true;
}

/* ---- By UUID ---- */

CONTRACT(d_uhash_create)
{
    struct d_hash_table *t = NULL;

    NOW(-DER_INVAL, d_uhash_create(D_HASH_FT_EPHEMERAL, 4, &t));
    NOW(-DER_INVAL, d_uhash_create(0, 4, NULL));
    NOW(-DER_INVAL, d_uhash_create(0, 32, &t));
    CHECK(t == NULL);
    NOW(0, d_uhash_create(0, 4, &t));
    d_uhash_destroy(t);
    return true;
}

CONTRACT(d_uhash_link_insert)
{
    struct thing a = {.sort = 1}, b = {.sort = 2}, again = {.sort = 1};
    struct d_uuid id = {{1, 2, 3}}, other = {{3, 2, 1}};
    struct d_hash_table *t;

    NOW(0, d_uhash_create(D_HASH_FT_RWLOCK, 4, &t));
    d_uhash_ulink_init(&a.u, &u_ops);
    d_uhash_ulink_init(&b.u, &u_ops);
    d_uhash_ulink_init(&again.u, &u_ops);
    CHECK(d_uhash_link_empty(&a.u) && d_uhash_link_last_ref(&a.u));
    NOW(0, d_uhash_link_insert(t, &id, &a.sort, &a.u));
    NOW(0, d_uhash_link_insert(t, &id, &b.sort, &b.u)); /* of another sort */
    NOW(-DER_EXIST, d_uhash_link_insert(t, &id, &again.sort, &again.u));
    CHECK(d_uhash_link_empty(&again.u) && d_uhash_link_last_ref(&again.u));
    CHECK(!d_uhash_link_empty(&a.u) && !d_uhash_link_last_ref(&a.u));
    CHECK(d_uhash_link_lookup(t, &id, &a.sort) == &a.u);
    CHECK(d_uhash_link_lookup(t, &id, &b.sort) == &b.u);
    CHECK(d_uhash_link_lookup(t, &other, &a.sort) == NULL);
    d_uhash_link_putref(t, &a.u);
    d_uhash_link_delete(t, &a.u);
    CHECK(d_uhash_link_lookup(t, &id, &a.sort) == NULL && d_uhash_link_last_ref(&a.u));
    d_uhash_link_addref(t, &a.u);
    d_uhash_link_putref(t, &a.u);
    d_uhash_link_putref(t, &a.u);
    CHECK(a.freed == 1);
    d_uhash_link_putref(t, &b.u); /* what was looked up */
    d_uhash_link_putref(t, &b.u); /* the maker's */
    d_uhash_destroy(t);
    CHECK(b.freed == 1 && again.freed == 0);
    return true;
}

#define STORIES(X)                                                                                 \
    X(d_hhash_create)                                                                              \
    X(d_hhash_link_insert)                                                                         \
    X(d_hhash_set_ptrtype)                                                                         \
    X(d_hhash_traverse)                                                                            \
    X(d_hhash_link_lookup)                                                                         \
    X(d_uhash_create)                                                                              \
    X(d_uhash_link_insert)

CONTRACT_MAIN(STORIES, no_stage, api_setup)
