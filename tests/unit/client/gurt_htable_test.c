/* Hash tables and hashes that programs link. */
#include "fake_embed.h"
#include <gurt/common.h>
#include <gurt/hash.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct rec {
    d_list_t link;
    char name[32];
    ATOMIC int refs;
};

static ATOMIC int freed;

static struct rec *rec_of(d_list_t *link)
{
    return container_of(link, struct rec, link);
}

static bool key_cmp(struct d_hash_table *t, d_list_t *link, const void *key, unsigned int ksize)
{
    return strlen(rec_of(link)->name) == ksize && memcmp(rec_of(link)->name, key, ksize) == 0;
}

static uint32_t rec_hash(struct d_hash_table *t, d_list_t *link)
{
    return d_hash_string_u32(rec_of(link)->name, (unsigned int)strlen(rec_of(link)->name));
}

static void rec_addref(struct d_hash_table *t, d_list_t *link)
{
    atomic_fetch_add(&rec_of(link)->refs, 1);
}

static bool rec_decref(struct d_hash_table *t, d_list_t *link)
{
    return atomic_fetch_sub(&rec_of(link)->refs, 1) == 1;
}

static void rec_free(struct d_hash_table *t, d_list_t *link)
{
    free(rec_of(link));
    atomic_fetch_add(&freed, 1);
}

static void key_init(struct d_hash_table *t, d_list_t *link, void *arg)
{
    snprintf(rec_of(link)->name, sizeof(rec_of(link)->name), "made%d", ++*(int *)arg);
}

static d_hash_table_ops_t ops = {
    .hop_key_cmp = key_cmp,
    .hop_key_init = key_init,
    .hop_rec_hash = rec_hash,
    .hop_rec_addref = rec_addref,
    .hop_rec_decref = rec_decref,
    .hop_rec_free = rec_free,
};

static struct rec *rec_new(const char *name, int refs)
{
    struct rec *r = calloc(1, sizeof(*r));

    assert_non_null(r);
    D_INIT_LIST_HEAD(&r->link);
    strcpy(r->name, name);
    r->refs = refs;
    return r;
}

static struct d_hash_table *table(uint32_t feats, uint32_t bits)
{
    struct d_hash_table *t;

    freed = 0;
    assert_int_equal(d_hash_table_create(feats, bits, &ops, &ops, &t), 0);
    assert_ptr_equal(t->ht_priv, &ops);
    return t;
}

static d_list_t *find(struct d_hash_table *t, const char *name)
{
    return d_hash_rec_find(t, name, (unsigned int)strlen(name));
}

static int insert(struct d_hash_table *t, struct rec *r, bool exclusive)
{
    return d_hash_rec_insert(t, r->name, (unsigned int)strlen(r->name), &r->link, exclusive);
}

static int count_cb(d_list_t *link, void *arg)
{
    return ++*(int *)arg == 3 ? 77 : 0;
}

/* A table that holds a reference: a record goes when it is deleted and nobody has it. */
static void counted(struct d_hash_table *t)
{
    struct rec *a = rec_new("a", 0), *b = rec_new("b", 0), *twin = rec_new("a", 0);
    int n = 0;

    assert_null(d_hash_rec_first(t));
    assert_int_equal(insert(t, a, true), 0);
    assert_int_equal(insert(t, b, true), 0);
    assert_int_equal(insert(t, twin, true), -DER_EXIST);
    assert_ptr_equal(d_hash_rec_find_insert(t, "a", 1, &twin->link), &a->link);
    assert_int_equal(a->refs, 2);
    free(twin);
    assert_ptr_equal(find(t, "b"), &b->link);
    assert_null(find(t, "c"));
    assert_int_equal(d_hash_table_traverse(t, count_cb, &n), 0);
    assert_int_equal(n, 2);
    assert_int_equal(d_hash_table_destroy(t, false), -DER_BUSY);

    assert_true(d_hash_rec_delete(t, "a", 1)); /* still referred to */
    assert_false(d_hash_rec_delete(t, "a", 1));
    assert_int_equal(freed, 0);
    assert_true(d_hash_rec_unlinked(&a->link));
    d_hash_rec_decref(t, &a->link);
    assert_int_equal(freed, 1);

    d_hash_rec_addref(t, &b->link);
    assert_int_equal(b->refs, 3);
    assert_int_equal(d_hash_rec_ndecref(t, 2, &b->link), 0);
    assert_true(d_hash_rec_delete_at(t, &b->link));
    assert_int_equal(freed, 2);
    assert_null(d_hash_rec_first(t));
    assert_int_equal(insert(t, rec_new("left", 0), false), 0);
    assert_int_equal(insert(t, rec_new("over", 0), false), 0);
    assert_int_equal(d_hash_table_destroy(t, true), 0);
    assert_int_equal(freed, 4);
}

static void every_kind_of_lock(void **state)
{
    uint32_t kinds[] = {0, D_HASH_FT_NOLOCK, D_HASH_FT_MUTEX, D_HASH_FT_RWLOCK};

    for (uint32_t i = 0; i < ARRAY_SIZE(kinds); i++) {
        counted(table(kinds[i], 2));
        counted(table(kinds[i] | D_HASH_FT_GLOCK, 0));
        counted(table(kinds[i] | D_HASH_FT_LRU, 4));
    }
}

/* A table that holds none: the last who has a record takes it out. As IOR keeps directories. */
static void ephemeral(void **state)
{
    struct d_hash_table *t = table(D_HASH_FT_EPHEMERAL | D_HASH_FT_NOLOCK | D_HASH_FT_LRU, 4);
    struct rec *a = rec_new("a", 1), *b = rec_new("b", 1);
    d_list_t *l;

    assert_int_equal(insert(t, a, true), 0);
    assert_int_equal(insert(t, b, true), 0);
    assert_int_equal(a->refs, 1);
    assert_ptr_equal(find(t, "a"), &a->link);
    assert_int_equal(d_hash_rec_ndecref(t, 3, &a->link), -DER_INVAL);
    assert_int_equal(freed, 1);
    assert_null(find(t, "a"));
    while ((l = d_hash_rec_first(t)) != NULL)
        d_hash_rec_decref(t, l);
    assert_int_equal(freed, 2);
    assert_int_equal(d_hash_table_destroy(t, false), 0);
}

static void order_of_an_lru(void **state)
{
    struct d_hash_table *t = table(D_HASH_FT_LRU, 0);
    struct rec *r[3] = {rec_new("0", 0), rec_new("1", 0), rec_new("2", 0)};

    for (int i = 0; i < 3; i++)
        assert_int_equal(insert(t, r[i], true), 0);
    assert_ptr_equal(find(t, "1"), &r[1]->link);
    assert_ptr_equal(d_hash_rec_first(t), &r[1]->link);
    assert_true(d_hash_rec_evict(t, "1", 1));
    assert_ptr_equal(d_hash_rec_first(t), &r[2]->link);
    assert_true(d_hash_rec_evict_at(t, &r[2]->link));
    assert_ptr_equal(d_hash_rec_first(t), &r[0]->link);
    assert_false(d_hash_rec_evict(t, "none", 4));
    d_hash_rec_decref(t, &r[1]->link);
    assert_int_equal(d_hash_table_destroy(t, true), 0);
    assert_int_equal(freed, 3);
}

static void keys_that_the_table_makes(void **state)
{
    uint32_t feats[] = {0, D_HASH_FT_NO_KEYINIT_LOCK, D_HASH_FT_GLOCK,
                        D_HASH_FT_GLOCK | D_HASH_FT_NO_KEYINIT_LOCK};

    for (uint32_t i = 0; i < ARRAY_SIZE(feats); i++) {
        struct d_hash_table *t = table(feats[i], 3);
        int last = 0, n = 0;

        for (int k = 0; k < 4; k++)
            assert_int_equal(d_hash_rec_insert_anonym(t, &rec_new("", 0)->link, &last), 0);
        assert_non_null(find(t, "made4"));
        assert_int_equal(d_hash_table_traverse(t, count_cb, &n), 77); /* it stops */
        assert_int_equal(d_hash_rec_ndecref(t, 2, find(t, "made4")), 0);
        d_hash_table_debug(t);
        assert_true(d_hash_rec_delete(t, "made1", 5));
        assert_int_equal(freed, 1);
        assert_int_equal(d_hash_table_destroy(t, true), 0);
        assert_int_equal(freed, 4);
    }
}

static void bad_arguments(void **state)
{
    d_hash_table_ops_t none = {0};
    struct d_hash_table *t, in_place;

    assert_int_equal(d_hash_table_create(0, 4, NULL, &none, &t), -DER_INVAL);
    assert_int_equal(d_hash_table_create(0, 4, NULL, NULL, &t), -DER_INVAL);
    assert_int_equal(d_hash_table_create(0, 4, NULL, &ops, NULL), -DER_INVAL);
    assert_int_equal(d_hash_table_create(0, 32, NULL, &ops, &t), -DER_INVAL);
    assert_int_equal(d_hash_table_create(D_HASH_FT_MUTEX | D_HASH_FT_RWLOCK, 4, NULL, &ops, &t),
                     -DER_INVAL);
    assert_int_equal(d_hash_table_destroy(NULL, true), -DER_INVAL);
    assert_int_equal(d_hash_table_create_inplace(0, 4, NULL, &ops, &in_place), 0);
    assert_int_equal(d_hash_rec_insert(&in_place, "", 0, NULL, false), -DER_INVAL);
    assert_int_equal(d_hash_table_traverse(&in_place, NULL, NULL), -DER_INVAL);
    assert_int_equal(d_hash_table_destroy_inplace(&in_place, false), 0);
}

static void *worker(void *arg)
{
    struct d_hash_table *t = arg;
    char name[8];

    for (int i = 0; i < 4000; i++) {
        struct rec *r;
        d_list_t *l;

        snprintf(name, sizeof(name), "k%d", i % 13);
        r = rec_new(name, 0);
        l = d_hash_rec_find_insert(t, name, (unsigned int)strlen(name), &r->link);
        if (l != &r->link) {
            free(r);
            d_hash_rec_decref(t, l);
        } else if (i % 3 == 0) {
            d_hash_rec_delete(t, name, (unsigned int)strlen(name));
        }
    }
    return NULL;
}

static void from_several_threads(void **state)
{
    uint32_t kinds[] = {0, D_HASH_FT_MUTEX, D_HASH_FT_RWLOCK | D_HASH_FT_GLOCK};

    for (uint32_t i = 0; i < ARRAY_SIZE(kinds); i++) {
        struct d_hash_table *t = table(kinds[i], 3);
        pthread_t th[3];

        for (int k = 0; k < 3; k++)
            assert_int_equal(pthread_create(&th[k], NULL, worker, t), 0);
        for (int k = 0; k < 3; k++)
            pthread_join(th[k], NULL);
        assert_int_equal(d_hash_table_destroy(t, true), 0);
    }
}

static void hashes(void **state)
{
    assert_int_equal(d_hash_string_u32("", 0), 5381);
    assert_int_equal(d_hash_string_u32("a", 1), 5381 * 33 + 'a');
    /* MurmurHash64A of nothing with seed 0 is 0; each length takes another way through the tail */
    assert_true(d_hash_murmur64((const unsigned char *)"", 0, 0) == 0);
    for (unsigned int n = 1; n < 20; n++) {
        const unsigned char *text = (const unsigned char *)"abcdefghijklmnopqrst";

        assert_true(d_hash_murmur64(text, n, 1) != d_hash_murmur64(text, n - 1, 1));
        assert_true(d_hash_murmur64(text, n, 1) != d_hash_murmur64(text, n, 2));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_of_lock),
        cmocka_unit_test(ephemeral),
        cmocka_unit_test(order_of_an_lru),
        cmocka_unit_test(keys_that_the_table_makes),
        cmocka_unit_test(bad_arguments),
        cmocka_unit_test(from_several_threads),
        cmocka_unit_test(hashes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
