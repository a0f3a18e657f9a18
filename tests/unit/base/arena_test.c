/* An arena gives aligned memory until it is reset, and keeps its first chunk. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/fail.h"

static void pieces_are_aligned_apart_and_writable(void **state)
{
    struct arena a;
    char *p[100];

    arena_init(&a, 256);
    for (size_t i = 0; i < 100; i++) {
        p[i] = arena_alloc(&a, i);
        assert_non_null(p[i]);
        assert_int_equal((uintptr_t)p[i] % 16, 0);
        memset(p[i], (int)i, i);
    }
    for (size_t i = 0; i < 100; i++)
        for (size_t k = 0; k < i; k++)
            assert_int_equal(p[i][k], (int)i);
    arena_fini(&a);
}

static void a_request_larger_than_a_chunk_gets_its_own(void **state)
{
    struct arena a;
    char *big;

    arena_init(&a, 64);
    big = arena_alloc(&a, 100000);
    assert_non_null(big);
    memset(big, 1, 100000);
    assert_string_equal(arena_strdup(&a, "after"), "after");
    arena_fini(&a);
}

static void a_reset_arena_allocates_nothing(void **state)
{
    struct base_fail f = {0};
    struct arena a;
    void *first;

    arena_init(&a, 4096);
    first = arena_alloc(&a, 100);
    arena_alloc(&a, 100000);
    arena_reset(&a);
    base_fail_set(&f);
    assert_ptr_equal(arena_alloc(&a, 100), first);
    base_fail_set(NULL);
    assert_int_equal(f.seen, 0);
    arena_fini(&a);
}

static void out_of_memory_and_overflow_give_null(void **state)
{
    struct base_fail f = {.fail_at = 1};
    struct arena a;

    arena_init(&a, 0);
    base_fail_set(&f);
    assert_null(arena_alloc(&a, 10));
    base_fail_set(NULL);
    assert_null(arena_alloc(&a, SIZE_MAX));
    assert_null(arena_alloc(&a, SIZE_MAX - 64));
    assert_null(arena_calloc(&a, SIZE_MAX / 2, 3));
    assert_non_null(arena_alloc(&a, 10));
    arena_fini(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pieces_are_aligned_apart_and_writable),
        cmocka_unit_test(a_request_larger_than_a_chunk_gets_its_own),
        cmocka_unit_test(a_reset_arena_allocates_nothing),
        cmocka_unit_test(out_of_memory_and_overflow_give_null),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
