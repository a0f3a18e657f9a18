/* A table finds what was put in, through growth, removal and lack of memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/fail.h"
#include "base/hash.h"
#include "base/htable.h"

#define N 5000

struct item {
    struct hlink link;
    uint64_t key;
};
static struct item items[N];

static struct item *find(struct htable *t, uint64_t key)
{
    for (struct hlink *l = htable_first(t, mix64(key)); l; l = htable_next(l))
        if (CONTAINER_OF(l, struct item, link)->key == key)
            return CONTAINER_OF(l, struct item, link);
    return NULL;
}

static void fill(struct htable *t)
{
    htable_init(t);
    for (uint64_t i = 0; i < N; i++) {
        items[i].key = i;
        htable_insert(t, &items[i].link, mix64(i));
    }
}

static void check_all_there(struct htable *t)
{
    for (uint64_t i = 0; i < N; i++)
        assert_ptr_equal(find(t, i), &items[i]);
    assert_null(find(t, N));
    assert_int_equal(t->count, N);
}

static void grows_and_finds(void **state)
{
    struct htable t;

    fill(&t);
    check_all_there(&t);
    assert_true(t.mask + 1 >= N / 2);
    for (uint64_t i = 0; i < N; i += 2)
        htable_remove(&t, &items[i].link);
    for (uint64_t i = 0; i < N; i++)
        assert_ptr_equal(find(&t, i), i % 2 ? &items[i] : NULL);
    htable_fini(&t);
}

static void works_without_memory_for_slots(void **state)
{
    struct base_fail f = {.fail_at = 1, .forever = true};
    struct htable t;

    base_fail_set(&f);
    fill(&t);
    base_fail_set(NULL);
    check_all_there(&t);
    htable_fini(&t);
}

static void a_walk_meets_each_once_and_pop_empties(void **state)
{
    static unsigned char met[N];
    struct hlink *l = NULL;
    struct htable t;
    uint64_t pos = 0;

    fill(&t);
    memset(met, 0, sizeof(met));
    while ((l = htable_walk(&t, &pos, l)))
        met[CONTAINER_OF(l, struct item, link)->key]++;
    for (int i = 0; i < N; i++)
        assert_int_equal(met[i], 1);
    for (int i = 0; i < N; i++)
        assert_non_null(htable_pop(&t));
    assert_null(htable_pop(&t));
    htable_fini(&t);
}

static void equal_hashes_are_told_apart(void **state)
{
    struct htable t;
    struct item a = {.key = 1}, b = {.key = 2}, c = {.key = 3};

    htable_init(&t);
    htable_insert(&t, &a.link, 7);
    htable_insert(&t, &b.link, 7);
    htable_insert(&t, &c.link, 7 + 16);
    assert_ptr_equal(htable_first(&t, 7), &b.link); /* newest first */
    assert_ptr_equal(htable_next(&b.link), &a.link);
    assert_null(htable_next(&a.link));
    htable_remove(&t, &b.link);
    assert_ptr_equal(htable_first(&t, 7), &a.link);
    htable_fini(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(grows_and_finds),
        cmocka_unit_test(works_without_memory_for_slots),
        cmocka_unit_test(a_walk_meets_each_once_and_pop_empties),
        cmocka_unit_test(equal_hashes_are_told_apart),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
