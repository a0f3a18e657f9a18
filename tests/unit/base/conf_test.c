/* Settings: a usable text is used, anything else is reported and leaves the default. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <stdlib.h>

#include "base/conf.h"
#include "base/log.h"

static int complaints;

static void count(enum log_level level, const char *line)
{
    complaints++;
}

static void values_have_units(void **state)
{
    setenv("T_N", "42", 1);
    setenv("T_SIZE", "4MiB", 1);
    setenv("T_TIME", "20us", 1);
    setenv("T_BOOL", "off", 1);
    complaints = 0;
    assert_int_equal(conf_u64("T_N", 1, 0, 100), 42);
    assert_int_equal(conf_size("T_SIZE", 1, 0, UINT64_MAX), 4 << 20);
    assert_int_equal(conf_duration_ns("T_TIME", 1, 0, UINT64_MAX), 20000);
    assert_false(conf_bool("T_BOOL", true));
    assert_int_equal(conf_u64("T_UNSET", 7, 0, 100), 7);
    assert_int_equal(complaints, 0);
}

static void wrong_values_are_reported_and_ignored(void **state)
{
    static const char *const bad[] = {"x", "-1", "12x", "101", "99999999999999999999999"};

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        complaints = 0;
        setenv("T_N", bad[i], 1);
        assert_int_equal(conf_u64("T_N", 5, 0, 100), 5);
        assert_int_equal(complaints, 1);
    }
    setenv("T_BOOL", "maybe", 1);
    assert_true(conf_bool("T_BOOL", true));
    assert_int_equal(complaints, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_have_units),
        cmocka_unit_test(wrong_values_are_reported_and_ignored),
    };

    log_set_sink(count);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
