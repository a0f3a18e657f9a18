/* Injected allocation failures hit exactly the allocation that was asked for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/fail.h"

static unsigned allocate_five(void)
{
    void *p[5] = {base_alloc(10), base_calloc(2, 5), base_aligned(64, 10), base_strdup("a"),
                  base_realloc(NULL, 3)};
    unsigned got = 0;

    for (int i = 0; i < 5; i++) {
        got |= (p[i] ? 1u : 0u) << i;
        base_free(p[i]);
    }
    return got;
}

static void the_nth_fails(void **state)
{
    assert_int_equal(allocate_five(), 0x1f);
    for (unsigned n = 1; n <= 5; n++) {
        struct base_fail f = {.fail_at = n};

        base_fail_set(&f);
        assert_int_equal(allocate_five(), 0x1f & ~(1u << (n - 1)));
        base_fail_set(NULL);
        assert_int_equal(f.seen, 5);
        assert_int_equal(f.failed, 1);
    }
}

static void and_all_later_ones_if_asked(void **state)
{
    struct base_fail f = {.fail_at = 3, .forever = true};

    base_fail_set(&f);
    assert_int_equal(allocate_five(), 0x03);
    base_fail_set(NULL);
    assert_int_equal(f.failed, 3);
}

static void a_failed_realloc_keeps_the_old_block(void **state)
{
    struct base_fail f = {.fail_at = 1};
    char *p = base_strndup("kept text", 4);

    base_fail_set(&f);
    assert_null(base_realloc(p, 1000));
    base_fail_set(NULL);
    assert_string_equal(p, "kept");
    base_free(p);
    assert_null(base_calloc(SIZE_MAX, 2));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_nth_fails),
        cmocka_unit_test(and_all_later_ones_if_asked),
        cmocka_unit_test(a_failed_realloc_keeps_the_old_block),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
