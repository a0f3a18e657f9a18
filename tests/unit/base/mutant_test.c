/* The table of planted defects, and that a normal build has none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "base/mutant.h"

static void a_normal_build_has_none(void **state)
{
    if (MUTANTS_BUILT)
        skip();
    assert_false(MUTANT(HLC_FOLLOWS_WALL));
    assert_false(mutant_set("HLC_FOLLOWS_WALL"));
    assert_true(mutant_set(NULL));
    assert_false(MUTANT(HLC_FOLLOWS_WALL));
    assert_null(mutant_name(1));
}

static void one_at_a_time_is_active(void **state)
{
    if (!MUTANTS_BUILT)
        skip();
    assert_true(mutant_set("HLC_FOLLOWS_WALL"));
    assert_true(MUTANT(HLC_FOLLOWS_WALL));
    assert_false(MUTANT(CSUM_PIECES));
    assert_false(mutant_set("NO_SUCH_MUTANT"));
    assert_true(MUTANT(HLC_FOLLOWS_WALL));
    assert_true(mutant_set("CSUM_PIECES"));
    assert_false(MUTANT(HLC_FOLLOWS_WALL));
    assert_true(mutant_set(NULL));
    assert_false(MUTANT(CSUM_PIECES));
}

static void the_table_is_complete(void **state)
{
    if (!MUTANTS_BUILT)
        skip();
    for (int i = 1; i < MUTANT_NR; i++) {
        assert_int_equal(mutant_find(mutant_name(i)), i);
        assert_string_not_equal(mutant_room(i), "");
        assert_string_not_equal(mutant_text(i), "");
        assert_non_null(mutant_by(i));
    }
    assert_null(mutant_name(0));
    assert_null(mutant_name(MUTANT_NR));
    assert_int_equal(mutant_find("NO_SUCH_MUTANT"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_normal_build_has_none),
        cmocka_unit_test(one_at_a_time_is_active),
        cmocka_unit_test(the_table_is_complete),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
