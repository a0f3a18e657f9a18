/* Contracts of the small helpers: pieces of memory, lists, lists of ranks, heaps, vectors, the
 * environment. Hash tables: gurt_hash_test.c, gurt_handle_test.c. */
#include "no_stage.h"
#include <gurt/common.h>
#include <gurt/heap.h>
#include <gurt/list.h>

/* ---- Pieces of memory ---- */

CONTRACT(d_iov_set)
{
    char buf[8];
    d_iov_t iov;

    memset(&iov, 0xff, sizeof(iov));
    d_iov_set(&iov, buf, sizeof(buf));
    CHECK(iov.iov_buf == buf && iov.iov_buf_len == 8 && iov.iov_len == 8);
    d_iov_set(&iov, NULL, 0);
    CHECK(iov.iov_buf == NULL && iov.iov_buf_len == 0 && iov.iov_len == 0);
    return true;
}

CONTRACT(d_sgl_init)
{
    static const d_iov_t zero;
    d_sg_list_t sgl;

    memset(&sgl, 0xff, sizeof(sgl));
    NOW(0, d_sgl_init(&sgl, 0));
    CHECK(sgl.sg_nr == 0 && sgl.sg_nr_out == 0 && sgl.sg_iovs == NULL);
    d_sgl_fini(&sgl, true);
    NOW(0, d_sgl_init(&sgl, 3));
    CHECK(sgl.sg_nr == 3 && sgl.sg_nr_out == 0);
    for (int i = 0; i < 3; i++)
        CHECK(memcmp(&sgl.sg_iovs[i], &zero, sizeof(zero)) == 0);
    d_sgl_fini(&sgl, false);
    return true;
}

CONTRACT(d_sgl_fini)
{
    d_sg_list_t sgl;
    char mine[4];

    NOW(0, d_sgl_init(&sgl, 2));
    d_iov_set(&sgl.sg_iovs[0], mine, sizeof(mine));
    d_sgl_fini(&sgl, false); /* the memory is the caller's */
    CHECK(sgl.sg_iovs == NULL && sgl.sg_nr == 0);
    d_sgl_fini(&sgl, true);
    NOW(0, d_sgl_init(&sgl, 2));
    d_iov_set(&sgl.sg_iovs[0], malloc(4), 4);
    d_sgl_fini(&sgl, true);
    CHECK(sgl.sg_iovs == NULL);
    d_sgl_fini(NULL, true);
    return true;
}

CONTRACT(d_sgl_buf_size)
{
    d_iov_t iovs[2] = {{NULL, 5, 1}, {NULL, (size_t)1 << 40, 0}};
    d_sg_list_t sgl = {.sg_nr = 2, .sg_iovs = iovs};

    CHECK(d_sgl_buf_size(&sgl) == ((size_t)1 << 40) + 5);
    sgl.sg_nr = 0;
    CHECK(d_sgl_buf_size(&sgl) == 0 && d_sgl_buf_size(NULL) == 0);
    sgl = (d_sg_list_t){.sg_nr = 2};
    CHECK(d_sgl_buf_size(&sgl) == 0);
    return true;
}

CONTRACT(d_sgl_buf_copy)
{
    char a[] = "abcd", b[] = "ef", to[3][5] = {"", "", "...."};
    d_iov_t from[2] = {{a, 4, 4}, {b, 2, 0}}, into[3];
    d_sg_list_t src = {2, 1, from}, dst = {3, 0, into};

    for (int i = 0; i < 3; i++)
        d_iov_set(&into[i], to[i], 4);
    d_sgl_buf_copy(&dst, &src);
    CHECK(strcmp(to[0], "abcd") == 0 && into[0].iov_len == 4);
    CHECK(to[1][0] == '\0' && into[1].iov_len == 0 && into[1].iov_buf_len == 4);
    CHECK(strcmp(to[2], "....") == 0 && into[2].iov_len == 4 && dst.sg_nr_out == 1);
    return true;
}

/* ---- Lists ---- */

struct item {
    char c;
    d_list_t link;
};

/* The list as letters. */
static bool spells(d_list_t *head, const char *want)
{
    struct item *it;
    char text[16] = "", *at = text;

    d_list_for_each_entry(it, head, link) *at++ = it->c;
    return strcmp(text, want) == 0;
}

CONTRACT(d_list_add)
{
    struct item a = {'a'}, b = {'b'}, c = {'c'};
    d_list_t head = D_LIST_HEAD_INIT(head);

    CHECK(d_list_empty(&head) && d_list_empty_careful(&head));
    d_list_add(&a.link, &head);
    d_list_add(&b.link, &head);
    d_list_add_tail(&c.link, &head);
    CHECK(spells(&head, "bac") && !d_list_empty(&head) && !d_list_empty_careful(&head));
    d_list_move(&c.link, &head);
    CHECK(spells(&head, "cba"));
    d_list_move_tail(&b.link, &head);
    CHECK(spells(&head, "cab"));
    d_list_move(&c.link, &head); /* it is there */
    CHECK(spells(&head, "cab"));
    d_list_del_init(&a.link);
    CHECK(spells(&head, "cb") && d_list_empty(&a.link));
    d_list_del_init(&a.link); /* it is in none */
    d_list_del(&c.link);
    d_list_del(&b.link);
    CHECK(d_list_empty(&head));
    return true;
}

CONTRACT(d_list_splice_init)
{
    struct item a = {'a'}, b = {'b'}, c = {'c'};
    d_list_t one = D_LIST_HEAD_INIT(one), two = D_LIST_HEAD_INIT(two);

    d_list_splice(&one, &two);
    d_list_splice_init(&one, &two);
    CHECK(d_list_empty(&one) && d_list_empty(&two));
    d_list_add_tail(&a.link, &one);
    d_list_add_tail(&b.link, &one);
    d_list_add_tail(&c.link, &two);
    d_list_splice_init(&one, &two);
    CHECK(spells(&two, "abc") && d_list_empty(&one));
    d_list_splice(&two, &one);
    CHECK(spells(&one, "abc"));
    return true;
}

/* ---- Lists of ranks ---- */

static d_rank_list_t *ranks_of(const char *text)
{
    return *text != '\0' ? daos_rank_list_parse(text, ",") : d_rank_list_alloc(0);
}

/* Is it these, and is freed. */
static bool is(d_rank_list_t *list, const char *want)
{
    d_rank_list_t *wanted = ranks_of(want);
    bool same = wanted != NULL && d_rank_list_identical(list, wanted);

    d_rank_list_free(wanted);
    return same;
}

CONTRACT(daos_rank_list_parse)
{
    static const char *const bad[] = {"",     ",",          "1,",  ",1",
                                      "1,,2", "1;2",        "x",   "-1",
                                      "1,x",  "4294967295", "1 2", "99999999999999999999"};
    d_rank_list_t *l;

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        CHECK(daos_rank_list_parse(bad[i], ",") == NULL);
    CHECK(daos_rank_list_parse(NULL, ",") == NULL && daos_rank_list_parse("1", NULL) == NULL);
    l = daos_rank_list_parse("7:0:4294967294", ",:");
    CHECK(l != NULL && l->rl_nr == 3 && l->rl_ranks[0] == 7 && l->rl_ranks[2] == UINT32_MAX - 1);
    d_rank_list_free(l);
    return true;
}

CONTRACT(d_rank_list_dup)
{
    d_rank_list_t *l = ranks_of("3,1,3,0"), *copy = l;

    NOW(0, d_rank_list_dup(&copy, NULL));
    CHECK(copy == NULL);
    NOW(0, d_rank_list_dup(&copy, l));
    CHECK(copy != l && is(copy, "3,1,3,0"));
    d_rank_list_free(copy);
    NOW(0, d_rank_list_dup_sort_uniq(&copy, l));
    CHECK(is(copy, "0,1,3") && is(l, "3,1,3,0"));
    d_rank_list_free(copy);
    NOW(0, d_rank_list_resize(l, 0));
    NOW(0, d_rank_list_dup_sort_uniq(&copy, l));
    CHECK(copy->rl_nr == 0);
    d_rank_list_free(copy);
    d_rank_list_free(l);
    d_rank_list_free(NULL);
    return true;
}

CONTRACT(d_rank_list_copy)
{
    d_rank_list_t *l = ranks_of("3,1"), *to = ranks_of("9,8,7"), *none = d_rank_list_alloc(0);

    NOW(0, d_rank_list_copy(to, l));
    CHECK(is(to, "3,1") && to->rl_ranks != l->rl_ranks);
    NOW(0, d_rank_list_copy(none, l));
    CHECK(is(none, "3,1"));
    NOW(0, d_rank_list_resize(l, 0));
    NOW(0, d_rank_list_copy(to, l));
    CHECK(to->rl_nr == 0);
    d_rank_list_free(l);
    d_rank_list_free(to);
    d_rank_list_free(none);
    return true;
}

CONTRACT(d_rank_list_filter)
{
    d_rank_list_t *some = ranks_of("2,4"), *l = ranks_of("1,2,3,4,2"), *none = ranks_of("");

    d_rank_list_filter(some, l, true);
    CHECK(is(l, "1,3"));
    d_rank_list_filter(none, l, true);
    CHECK(is(l, "1,3"));
    NOW(0, d_rank_list_append(l, 4));
    d_rank_list_filter(some, l, false);
    CHECK(is(l, "4") && is(some, "2,4"));
    d_rank_list_filter(none, l, false);
    CHECK(l->rl_nr == 0);
    d_rank_list_free(some);
    d_rank_list_free(none);
    d_rank_list_free(l);
    return true;
}

CONTRACT(d_rank_list_merge)
{
    d_rank_list_t *l = ranks_of("5,1"), *more = ranks_of("1,7,7,5");

    NOW(0, d_rank_list_merge(l, more));
    CHECK(is(l, "5,1,7") && is(more, "1,7,7,5"));
    NOW(0, d_rank_list_merge(l, l));
    CHECK(is(l, "5,1,7"));
    d_rank_list_free(l);
    d_rank_list_free(more);
    return true;
}

CONTRACT(d_rank_list_del)
{
    d_rank_list_t *l = ranks_of("5,1,7");

    NOW(-DER_INVAL, d_rank_list_del(NULL, 1));
    NOW(0, d_rank_list_del(l, 9)); /* it is not there */
    CHECK(is(l, "5,1,7"));
    d_rank_list_del_at(l, 3); /* nor is there such a place */
    d_rank_list_del_at(l, -1);
    CHECK(is(l, "5,1,7"));
    NOW(0, d_rank_list_del(l, 1));
    CHECK(is(l, "5,7"));
    d_rank_list_del_at(l, 1);
    CHECK(is(l, "5"));
    NOW(0, d_rank_list_del(l, 5));
    CHECK(l->rl_nr == 0);
    d_rank_list_free(l);
    return true;
}

CONTRACT(d_idx_in_rank_list)
{
    d_rank_list_t *l = ranks_of("5,1,7");
    uint32_t idx = 99;
    int at = 99;

    NOW(-DER_NONEXIST, d_idx_in_rank_list(l, 2, &idx));
    NOW(-DER_NONEXIST, d_idx_in_rank_list(NULL, 2, &idx));
    CHECK(idx == 99);
    NOW(0, d_idx_in_rank_list(l, 7, &idx));
    CHECK(idx == 2);
    CHECK(!d_rank_list_find(l, 2, &at) && at == 99 && !d_rank_in_rank_list(NULL, 5));
    CHECK(d_rank_list_find(l, 1, &at) && at == 1 && d_rank_list_find(l, 1, NULL));
    d_rank_list_sort(l);
    CHECK(is(l, "1,5,7") && d_rank_list_bsearch(l, 7, &at) && at == 2);
    CHECK(!d_rank_list_bsearch(l, 6, NULL));
    d_rank_list_sort(NULL);
    d_rank_list_free(l);
    return true;
}

CONTRACT(uint32_array_to_rank_list)
{
    uint32_t in[] = {4, 4, 0}, *out = NULL;
    d_rank_list_t *l = uint32_array_to_rank_list(in, 3);
    size_t nr = 0;

    CHECK(is(l, "4,4,0"));
    NOW(0, rank_list_to_uint32_array(l, &out, &nr));
    CHECK(nr == 3 && memcmp(in, out, sizeof(in)) == 0);
    free(out);
    d_rank_list_free(l);
    CHECK(uint32_array_to_rank_list(in, ((size_t)1 << 32) + 1) == NULL); /* more than a list has */
    l = uint32_array_to_rank_list(NULL, 0);
    CHECK(l != NULL && l->rl_nr == 0);
    d_rank_list_free(l);
    return true;
}

CONTRACT(d_rank_list_to_str)
{
    static const char *const texts[][2] = {
        {"0,1,2,7", "[0-2,7]"}, {"5", "[5]"}, {"1,3,5", "[1,3,5]"}, {"", "[]"}};
    char *text = NULL;

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        d_rank_list_t *l = ranks_of(texts[i][0]);

        NOW(0, d_rank_list_to_str(l, &text));
        CHECK(strcmp(text, texts[i][1]) == 0);
        d_free(text);
        d_rank_list_free(l);
    }
    NOW(0, d_rank_list_to_str(NULL, &text));
    CHECK(text == NULL);
    return true;
}

/* ---- Heaps ---- */

struct leaf {
    struct d_binheap_node node;
    int value;
};

static bool less(struct d_binheap_node *a, struct d_binheap_node *b)
{
    return ((struct leaf *)a)->value < ((struct leaf *)b)->value;
}

static int refuses(struct d_binheap *h, struct d_binheap_node *e)
{
    return ((struct leaf *)e)->value < 0 ? -DER_NO_PERM : h == NULL;
}

static struct d_binheap_ops heap_ops = {.hop_enter = refuses, .hop_compare = less};

CONTRACT(d_binheap_create)
{
    struct d_binheap_ops no_cmp = {0};
    struct d_binheap *h = NULL, in;

    NOW(-DER_INVAL, d_binheap_create(0, 4, NULL, NULL, &h));
    NOW(-DER_INVAL, d_binheap_create(0, 4, NULL, &no_cmp, &h));
    NOW(-DER_INVAL, d_binheap_create(0, 4, NULL, &heap_ops, NULL));
    NOW(-DER_INVAL, d_binheap_create(2, 4, NULL, &heap_ops, &h));
    CHECK(h == NULL);
    NOW(-DER_INVAL, d_binheap_create_inplace(0, 4, NULL, &heap_ops, NULL));
    NOW(-DER_INVAL, d_binheap_create_inplace(0, 4, NULL, &no_cmp, &in));
    NOW(0, d_binheap_create_inplace(DBH_FT_NOLOCK, 0, r, &heap_ops, &in));
    CHECK(in.d_bh_priv == r && d_binheap_is_empty(&in) && d_binheap_root(&in) == NULL);
    d_binheap_destroy_inplace(&in);
    return true;
}

CONTRACT(d_binheap_insert)
{
    struct leaf leaves[50], wrong_one = {.value = -1};
    struct d_binheap *h;

    NOW(0, d_binheap_create(0, 1, NULL, &heap_ops, &h));
    NOW(-DER_INVAL, d_binheap_insert(NULL, &leaves[0].node));
    NOW(-DER_INVAL, d_binheap_insert(h, NULL));
    NOW(-DER_NO_PERM, d_binheap_insert(h, &wrong_one.node));
    CHECK(d_binheap_is_empty(h) && d_binheap_remove_root(h) == NULL);
    for (int i = 0; i < 50; i++) {
        leaves[i] = (struct leaf){.value = i * 37 % 50};
        NOW(0, d_binheap_insert(h, &leaves[i].node));
    }
    CHECK(d_binheap_size(h) == 50 && d_binheap_find(h, 50) == NULL);
    d_binheap_remove(h, &leaves[1].node); /* 37 */
    for (int want = 0; want < 50; want++)
        if (want != 37)
            NOW(want, ((struct leaf *)d_binheap_remove_root(h))->value);
    CHECK(d_binheap_is_empty(h));
    d_binheap_destroy(h);
    return true;
}

/* ---- Vectors ---- */

CONTRACT(d_vec_pointers_append)
{
    struct d_vec_pointers v;

    for (uint32_t cap = 0; cap < 3; cap++) {
        NOW(0, d_vec_pointers_init(&v, cap));
        CHECK(v.p_len == 0);
        for (uintptr_t i = 0; i < 100; i++)
            NOW(0, d_vec_pointers_append(&v, (void *)i));
        CHECK(v.p_len == 100 && v.p_buf[0] == NULL && v.p_buf[99] == (void *)99);
        d_vec_pointers_fini(&v);
        CHECK(v.p_len == 0 && v.p_buf == NULL);
    }
    return true;
}

#define STORIES(X)                                                                                 \
    X(d_iov_set)                                                                                   \
    X(d_sgl_init)                                                                                  \
    X(d_sgl_fini)                                                                                  \
    X(d_sgl_buf_size)                                                                              \
    X(d_sgl_buf_copy)                                                                              \
    X(d_list_add)                                                                                  \
    X(d_list_splice_init)                                                                          \
    X(daos_rank_list_parse)                                                                        \
    X(d_rank_list_dup)                                                                             \
    X(d_rank_list_copy)                                                                            \
    X(d_rank_list_filter)                                                                          \
    X(d_rank_list_merge)                                                                           \
    X(d_rank_list_del)                                                                             \
    X(d_idx_in_rank_list)                                                                          \
    X(uint32_array_to_rank_list)                                                                   \
    X(d_rank_list_to_str)                                                                          \
    X(d_binheap_create)                                                                            \
    X(d_binheap_insert)                                                                            \
    X(d_vec_pointers_append)

CONTRACT_MAIN(STORIES, no_stage, api_setup)
