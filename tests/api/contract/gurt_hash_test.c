/* Contracts of hash tables, with every choice of locks. */
#include "no_stage.h"
#include <gurt/common.h>
#include <gurt/hash.h>

struct rec {
    d_list_t link;
    uint32_t key;
    _Atomic int refs;
    _Atomic int freed;
};

static struct rec *rec_of(d_list_t *link)
{
    return container_of(link, struct rec, link);
}

static bool key_cmp(struct d_hash_table *t, d_list_t *link, const void *key, unsigned int size)
{
    return size == sizeof(uint32_t) && rec_of(link)->key == *(const uint32_t *)key && t != NULL;
}

static void key_init(struct d_hash_table *t, d_list_t *link, void *arg)
{
    rec_of(link)->key = (*(uint32_t *)arg)++;
}

static uint32_t key_hash(struct d_hash_table *t, const void *key, unsigned int size)
{
    uint32_t n = 0;

    memcpy(&n, key, size < sizeof(n) ? size : sizeof(n));
    return n * 0x9e3779b1u;
}

static uint32_t rec_hash(struct d_hash_table *t, d_list_t *link)
{
    return key_hash(t, &rec_of(link)->key, sizeof(uint32_t));
}

static void rec_addref(struct d_hash_table *t, d_list_t *link)
{
    rec_of(link)->refs++;
}

static bool rec_decref(struct d_hash_table *t, d_list_t *link)
{
    return --rec_of(link)->refs == 0;
}

static void rec_free(struct d_hash_table *t, d_list_t *link)
{
    rec_of(link)->freed++;
}

static d_hash_table_ops_t all_ops = {key_cmp,    key_init,   key_hash, rec_hash,
                                     rec_addref, rec_decref, NULL,     rec_free};
/* what the header calls required, and how records are counted */
static d_hash_table_ops_t few_ops = {.hop_key_cmp = key_cmp,
                                     .hop_rec_addref = rec_addref,
                                     .hop_rec_decref = rec_decref,
                                     .hop_rec_free = rec_free};

static const uint32_t locks[] = {0,
                                 D_HASH_FT_MUTEX,
                                 D_HASH_FT_RWLOCK,
                                 D_HASH_FT_GLOCK,
                                 D_HASH_FT_GLOCK | D_HASH_FT_MUTEX,
                                 D_HASH_FT_GLOCK | D_HASH_FT_RWLOCK,
                                 D_HASH_FT_LRU | D_HASH_FT_RWLOCK};
#define LOCKS (sizeof(locks) / sizeof(locks[0]))

static struct d_hash_table *table(uint32_t feats, d_hash_table_ops_t *ops)
{
    struct d_hash_table *t = NULL;

    return d_hash_table_create(feats, 3, NULL, ops, &t) == 0 ? t : NULL;
}

static int enter(struct d_hash_table *t, struct rec *rec, uint32_t key)
{
    *rec = (struct rec){.key = key, .refs = 1};
    D_INIT_LIST_HEAD(&rec->link);
    return d_hash_rec_insert(t, &key, sizeof(key), &rec->link, true);
}

static struct rec *found(struct d_hash_table *t, uint32_t key)
{
    d_list_t *link = d_hash_rec_find(t, &key, sizeof(key));

    return link != NULL ? rec_of(link) : NULL;
}

static int counts(d_list_t *link, void *n)
{
    return ++*(int *)n == 1000 || link == NULL;
}

static int count(struct d_hash_table *t)
{
    int n = 0;

    return d_hash_table_traverse(t, counts, &n) == 0 ? n : -1;
}

/* ---- Tables ---- */

CONTRACT(d_hash_table_create)
{
    d_hash_table_ops_t no_cmp = all_ops;
    struct d_hash_table *t = NULL;
    struct rec rec;

    no_cmp.hop_key_cmp = NULL;
    NOW(-DER_INVAL, d_hash_table_create(0, 3, NULL, NULL, &t));
    NOW(-DER_INVAL, d_hash_table_create(0, 3, NULL, &no_cmp, &t));
    NOW(-DER_INVAL, d_hash_table_create(0, 3, NULL, &all_ops, NULL));
    NOW(-DER_INVAL, d_hash_table_create(0, 32, NULL, &all_ops, &t));
    NOW(-DER_INVAL, d_hash_table_create(D_HASH_FT_MUTEX | D_HASH_FT_RWLOCK, 3, NULL, &all_ops, &t));
    NOW(-DER_INVAL, d_hash_table_create(D_HASH_FT_NOLOCK | D_HASH_FT_MUTEX, 3, NULL, &all_ops, &t));
    CHECK(t == NULL);
    for (size_t i = 0; i < LOCKS; i++)
        for (uint32_t bits = 0; bits < 5; bits += 4) {
            NOW(0, d_hash_table_create(locks[i], bits, r, &all_ops, &t));
            CHECK(t->ht_priv == r && t->ht_bits == bits && d_hash_rec_first(t) == NULL);
            NOW(0, enter(t, &rec, 7));
            CHECK(found(t, 7) == &rec && found(t, 8) == NULL);
            NOW(0, d_hash_table_destroy(t, true));
        }
    return true;
}

CONTRACT(d_hash_table_create_inplace)
{
    struct d_hash_table t;

    NOW(-DER_INVAL, d_hash_table_create_inplace(0, 3, NULL, &all_ops, NULL));
    NOW(-DER_INVAL, d_hash_table_create_inplace(0, 99, NULL, &all_ops, &t));
    NOW(-DER_INVAL, d_hash_table_create_inplace(0, 3, NULL, NULL, &t));
    NOW(0, d_hash_table_create_inplace(0, 3, r, &all_ops, &t));
    CHECK(t.ht_priv == r && count(&t) == 0);
    NOW(0, d_hash_table_destroy_inplace(&t, false));
    return true;
}

CONTRACT(d_hash_table_destroy)
{
    struct d_hash_table *t = table(0, &all_ops);
    struct rec a, b;

    NOW(0, enter(t, &a, 1));
    NOW(0, enter(t, &b, 2));
    NOW(-DER_BUSY, d_hash_table_destroy(t, false));
    CHECK(count(t) == 2 && a.refs == 2 && a.freed == 0);
    d_hash_rec_decref(t, &a.link); /* the maker's: the table holds the last */
    NOW(0, d_hash_table_destroy(t, true));
    CHECK(a.freed == 1 && b.freed == 0 && b.refs == 1);
    NOW(-DER_INVAL, d_hash_table_destroy(NULL, true));
    return true;
}

CONTRACT(d_hash_table_destroy_inplace)
{
    struct d_hash_table t;
    struct rec a;

    NOW(0, d_hash_table_create_inplace(0, 3, NULL, &all_ops, &t));
    NOW(0, enter(&t, &a, 1));
    NOW(-DER_BUSY, d_hash_table_destroy_inplace(&t, false));
    CHECK(count(&t) == 1);
    NOW(0, d_hash_table_destroy_inplace(&t, true));
    CHECK(a.refs == 1 && d_hash_rec_unlinked(&a.link));
    NOW(-DER_INVAL, d_hash_table_destroy_inplace(&t, true)); /* it is gone */
    NOW(-DER_INVAL, d_hash_table_destroy_inplace(NULL, true));
    return true;
}

CONTRACT(d_hash_table_traverse)
{
    struct d_hash_table *t = table(0, &all_ops);
    struct rec recs[20];
    int n = 0;

    for (uint32_t i = 0; i < 20; i++)
        NOW(0, enter(t, &recs[i], i));
    NOW(-DER_INVAL, d_hash_table_traverse(NULL, counts, &n));
    NOW(-DER_INVAL, d_hash_table_traverse(t, NULL, &n));
    CHECK(n == 0 && count(t) == 20);
    n = 995; /* it is stopped at the fifth */
    NOW(1, d_hash_table_traverse(t, counts, &n));
    CHECK(n == 1000);
    NOW(0, d_hash_table_destroy(t, true));
    return true;
}

/* ---- Records ---- */

CONTRACT(d_hash_rec_insert)
{
    for (size_t i = 0; i < LOCKS; i++) {
        struct d_hash_table *t = table(locks[i], &all_ops);
        struct rec a, b;
        uint32_t key = 1;

        NOW(0, enter(t, &a, 1));
        CHECK(a.refs == 2); /* one is the table's */
        NOW(-DER_EXIST, enter(t, &b, 1));
        CHECK(b.refs == 1 && d_hash_rec_unlinked(&b.link) && found(t, 1) == &a && a.refs == 3);
        NOW(-DER_EXIST, d_hash_rec_insert(t, &key, sizeof(key), &b.link, true));
        NOW(-DER_INVAL, d_hash_rec_insert(NULL, &key, sizeof(key), &b.link, false));
        NOW(-DER_INVAL, d_hash_rec_insert(t, NULL, sizeof(key), &b.link, false));
        NOW(-DER_INVAL, d_hash_rec_insert(t, &key, 0, &b.link, false));
        NOW(-DER_INVAL, d_hash_rec_insert(t, &key, sizeof(key), NULL, false));
        CHECK(count(t) == 1);
        NOW(0, d_hash_rec_insert(t, &key, sizeof(key), &b.link, false)); /* beside the other */
        CHECK(count(t) == 2);
        NOW(0, d_hash_table_destroy(t, true));
    }
    return true;
}

CONTRACT(d_hash_rec_insert_anonym)
{
    d_hash_table_ops_t no_init = all_ops, no_hash = all_ops;
    uint32_t next = 5;
    struct d_hash_table *t;
    struct rec a = {.refs = 1}, b = {.refs = 1};

    D_INIT_LIST_HEAD(&a.link);
    D_INIT_LIST_HEAD(&b.link);
    no_init.hop_key_init = NULL;
    no_hash.hop_rec_hash = NULL;
    t = table(0, &no_init);
    NOW(-DER_INVAL, d_hash_rec_insert_anonym(t, &a.link, &next));
    NOW(0, d_hash_table_destroy(t, false));
    t = table(0, &no_hash);
    NOW(-DER_INVAL, d_hash_rec_insert_anonym(t, &a.link, &next));
    NOW(0, d_hash_table_destroy(t, false));
    NOW(-DER_INVAL, d_hash_rec_insert_anonym(NULL, &a.link, &next));
    CHECK(next == 5 && a.refs == 1);
    for (size_t i = 0; i < LOCKS; i++) {
        t = table(locks[i] | (i % 2 ? D_HASH_FT_NO_KEYINIT_LOCK : 0), &all_ops);
        NOW(-DER_INVAL, d_hash_rec_insert_anonym(t, NULL, &next));
        NOW(0, d_hash_rec_insert_anonym(t, &a.link, &next));
        NOW(0, d_hash_rec_insert_anonym(t, &b.link, &next));
        CHECK(b.key == a.key + 1 && found(t, a.key) == &a && found(t, b.key) == &b);
        NOW(0, d_hash_table_destroy(t, true));
    }
    return true;
}

CONTRACT(d_hash_rec_find)
{
    struct d_hash_table *t = table(D_HASH_FT_LRU, &all_ops), *one;
    struct rec a, b;

    NOW(0, enter(t, &a, 1));
    CHECK(found(t, 2) == NULL && found(t, 1) == &a && a.refs == 3);
    CHECK(d_hash_rec_find(t, "1", 1) == NULL); /* a key of another length */
    NOW(0, d_hash_table_destroy(t, true));
    /* in a table of one bucket: what was found is the first */
    NOW(0, d_hash_table_create(D_HASH_FT_LRU, 0, NULL, &all_ops, &one));
    NOW(0, enter(one, &a, 1));
    NOW(0, enter(one, &b, 2));
    CHECK(d_hash_rec_first(one) == &b.link && found(one, 1) == &a);
    CHECK(d_hash_rec_first(one) == &a.link);
    NOW(0, d_hash_table_destroy(one, true));
    return true;
}

CONTRACT(d_hash_rec_find_insert)
{
    struct d_hash_table *t = table(0, &all_ops);
    struct rec a = {.key = 1, .refs = 1}, b = a;

    D_INIT_LIST_HEAD(&a.link);
    D_INIT_LIST_HEAD(&b.link);
    CHECK(d_hash_rec_find_insert(t, &a.key, sizeof(a.key), &a.link) == &a.link && a.refs == 2);
    CHECK(d_hash_rec_find_insert(t, &b.key, sizeof(b.key), &b.link) == &a.link);
    CHECK(a.refs == 3 && b.refs == 1 && d_hash_rec_unlinked(&b.link) && count(t) == 1);
    NOW(0, d_hash_table_destroy(t, true));
    return true;
}

CONTRACT(d_hash_rec_delete)
{
    struct d_hash_table *t = table(0, &all_ops);
    uint32_t key = 1;
    struct rec a;

    NOW(0, enter(t, &a, 1));
    CHECK(d_hash_rec_delete(t, &key, sizeof(key)) && a.refs == 1 && a.freed == 0);
    CHECK(!d_hash_rec_delete(t, &key, sizeof(key)) && a.refs == 1 && count(t) == 0);
    NOW(0, enter(t, &a, 1));
    d_hash_rec_decref(t, &a.link);
    CHECK(d_hash_rec_delete(t, &key, sizeof(key)) && a.freed == 1); /* the table's was the last */
    NOW(0, d_hash_table_destroy(t, false));
    return true;
}

/* By their links, also where the table cannot hash them: then one lock is for all. */
CONTRACT(d_hash_rec_delete_at)
{
    d_hash_table_ops_t *const ops[] = {&all_ops, &few_ops};

    for (size_t i = 0; i < 2 * LOCKS; i++) {
        struct d_hash_table *t = table(locks[i / 2], ops[i % 2]);
        struct rec a, b;

        NOW(0, enter(t, &a, 1));
        NOW(0, enter(t, &b, 2));
        d_hash_rec_addref(t, &a.link);
        CHECK(a.refs == 3);
        CHECK(d_hash_rec_delete_at(t, &a.link) && a.refs == 2 && d_hash_rec_unlinked(&a.link));
        CHECK(!d_hash_rec_delete_at(t, &a.link) && a.refs == 2);
        CHECK(found(t, 1) == NULL && found(t, 2) == &b);
        NOW(0, d_hash_rec_ndecref(t, 2, &a.link));
        CHECK(a.freed == 1);
        NOW(0, d_hash_table_destroy(t, true));
    }
    return true;
}

CONTRACT(d_hash_rec_evict)
{
    struct d_hash_table *t, *plain = table(0, &all_ops);
    struct rec a, b;
    uint32_t none = 9;

    NOW(0, d_hash_table_create(D_HASH_FT_LRU, 0, NULL, &all_ops, &t));
    NOW(0, enter(t, &a, 1));
    NOW(0, enter(t, &b, 2));
    CHECK(d_hash_rec_evict(t, &b.key, sizeof(b.key)) && d_hash_rec_first(t) == &a.link);
    CHECK(b.refs == 2 && found(t, 2) == &b); /* it was only moved, and is first again */
    CHECK(d_hash_rec_evict_at(t, &b.link) && d_hash_rec_first(t) == &a.link);
    CHECK(!d_hash_rec_evict(t, &none, sizeof(none)));
    CHECK(d_hash_rec_delete_at(t, &b.link) && !d_hash_rec_evict_at(t, &b.link));
    NOW(0, d_hash_table_destroy(t, true));
    NOW(0, enter(plain, &a, 1)); /* without LRU nothing is moved */
    CHECK(!d_hash_rec_evict(plain, &a.key, sizeof(a.key)));
    CHECK(!d_hash_rec_evict_at(plain, &a.link));
    NOW(0, d_hash_table_destroy(plain, true));
    return true;
}

CONTRACT(d_hash_rec_ndecref)
{
    struct d_hash_table *t = table(0, &all_ops);
    struct d_hash_table *eph = table(D_HASH_FT_EPHEMERAL, &all_ops);
    struct rec a;

    NOW(0, enter(t, &a, 1));
    d_hash_rec_addref(t, &a.link);
    NOW(0, d_hash_rec_ndecref(t, 0, &a.link));
    NOW(0, d_hash_rec_ndecref(t, 2, &a.link));
    CHECK(a.refs == 1 && a.freed == 0);
    CHECK(d_hash_rec_delete_at(t, &a.link) && a.freed == 1);
    NOW(0, enter(t, &a, 1));
    CHECK(d_hash_rec_delete_at(t, &a.link));
    NOW(-DER_INVAL, d_hash_rec_ndecref(t, 2, &a.link)); /* it had one */
    CHECK(a.freed == 1);
    /* the table has none: with the last the record leaves it */
    NOW(0, enter(eph, &a, 1));
    CHECK(a.refs == 1 && found(eph, 1) == &a);
    d_hash_rec_decref(eph, &a.link);
    CHECK(a.freed == 0 && count(eph) == 1);
    d_hash_rec_decref(eph, &a.link);
    CHECK(a.freed == 1 && count(eph) == 0);
    NOW(0, d_hash_table_destroy(eph, false));
    NOW(0, d_hash_table_destroy(t, false));
    return true;
}

/* ---- Two threads ---- */

#define MANY 300

struct thread {
    struct d_hash_table *t;
    struct rec recs[MANY];
    int won, found, bad;
};

/* Puts its own records under keys that the other puts too; takes out those that are in. */
static void *races(void *arg)
{
    struct thread *me = arg;

    for (uint32_t i = 0; i < MANY; i++) {
        int rc = enter(me->t, &me->recs[i], i);
        struct rec *rec = found(me->t, i);

        me->won += rc == 0;
        me->bad += (rc != 0 && rc != -DER_EXIST) || rec == NULL || rec->key != i;
        if (rec != NULL)
            d_hash_rec_decref(me->t, &rec->link);
        d_hash_rec_addref(me->t, &me->recs[i].link);
        d_hash_rec_decref(me->t, &me->recs[i].link);
    }
    return NULL;
}

static void *takes(void *arg)
{
    struct thread *me = arg;

    for (uint32_t i = 0; i < MANY; i++)
        me->found += d_hash_rec_delete(me->t, &i, sizeof(i));
    return NULL;
}

/* Of each key one thread's record gets in, and one thread takes it out. */
CONTRACT(d_hash_rec_addref)
{
    struct thread *two = calloc(2, sizeof(*two));

    for (size_t i = 0; i < LOCKS; i++) {
        struct d_hash_table *t = table(locks[i], &all_ops);

        memset(two, 0, 2 * sizeof(*two));
        two[0].t = two[1].t = t;
        CHECK(both(r, races, &two[0], &two[1]));
        NOW(MANY, two[0].won + two[1].won);
        NOW(0, two[0].bad + two[1].bad);
        NOW(MANY, count(t));
        CHECK(both(r, takes, &two[0], &two[1]));
        NOW(MANY, two[0].found + two[1].found);
        for (int k = 0; k < MANY; k++)
            CHECK(two[0].recs[k].refs == 1 && two[1].recs[k].refs == 1);
        NOW(0, d_hash_table_destroy(t, false));
    }
    free(two);
    return true;
}

#define STORIES(X)                                                                                 \
    X(d_hash_table_create)                                                                         \
    X(d_hash_table_create_inplace)                                                                 \
    X(d_hash_table_destroy)                                                                        \
    X(d_hash_table_destroy_inplace)                                                                \
    X(d_hash_table_traverse)                                                                       \
    X(d_hash_rec_insert)                                                                           \
    X(d_hash_rec_insert_anonym)                                                                    \
    X(d_hash_rec_find)                                                                             \
    X(d_hash_rec_find_insert)                                                                      \
    X(d_hash_rec_delete)                                                                           \
    X(d_hash_rec_delete_at)                                                                        \
    X(d_hash_rec_evict)                                                                            \
    X(d_hash_rec_ndecref)                                                                          \
    X(d_hash_rec_addref)

CONTRACT_MAIN(STORIES, no_stage, api_setup)
