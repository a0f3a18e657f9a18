/* What the log is told once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>
#include "base/told.h"

#define HOUR UINT64_C(3600000000000)

static bool say(struct told *t, uint8_t who, uint32_t what, uint64_t now)
{
    uint8_t w[TOLD_WHO] = {0};

    w[TOLD_WHO - 1] = who;
    return told_is_news(t, w, what, now);
}

static void once(void **state)
{
    struct told t = {0};

    assert_true(say(&t, 1, 1, 10));
    assert_false(say(&t, 1, 1, 20));
    assert_true(say(&t, 1, 2, 30));
    assert_true(say(&t, 2, 1, 40));
    assert_false(say(&t, 1, 1, 10 + HOUR));
    assert_true(say(&t, 1, 1, 11 + HOUR));
    assert_true(say(&t, 2, 1, 12 + HOUR));
}

static void so_many_an_hour(void **state)
{
    struct told t = {0};
    uint32_t lines = 0;

    for (uint32_t i = 0; i < 250; i++)
        lines += say(&t, (uint8_t)i, 1, 5 + i);
    assert_int_equal(lines, TOLD_LINES);
    assert_true(say(&t, 251, 1, 6 + HOUR));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(once), cmocka_unit_test(so_many_an_hour)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
