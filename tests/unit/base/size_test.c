/* Sizes and durations as people write them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <daos_errno.h>

#include "base/size.h"

static void sizes_are_read(void **state)
{
    static const struct {
        const char *text;
        uint64_t bytes;
    } good[] = {
        {"0", 0},
        {"17", 17},
        {"10G", UINT64_C(10) << 30},
        {"10GiB", UINT64_C(10) << 30},
        {"10GB", UINT64_C(10000000000)},
        {"4MiB", 4 << 20},
        {"1.5 kib", 1536},
        {".5K", 512},
        {" 512b", 512},
        {"2e", UINT64_C(2) << 60},
        {"18446744073709551615", UINT64_MAX},
        {"9007199254740993", UINT64_C(9007199254740993)}, /* a double would lose the last bit */
    };
    static const char *const bad[] = {"", " ", "x", "-1", "1X", "1KBB", "1.2.3", "G", "."};
    uint64_t v = 99;

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(size_parse(bad[i], &v), -DER_INVAL);
    assert_int_equal(size_parse("16E", &v), -DER_OVERFLOW);
    assert_int_equal(size_parse("18446744073709551616", &v), -DER_OVERFLOW);
    assert_int_equal(v, 99);
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        assert_int_equal(size_parse(good[i].text, &v), 0);
        assert_int_equal(v, good[i].bytes);
    }
}

static void sizes_are_printed(void **state)
{
    char b[SIZE_TEXT_MAX];

    assert_string_equal(size_print(0, b, sizeof(b)), "0 B");
    assert_string_equal(size_print(1023, b, sizeof(b)), "1023 B");
    assert_string_equal(size_print(1024, b, sizeof(b)), "1.0 KiB");
    assert_string_equal(size_print(1536 << 10, b, sizeof(b)), "1.5 MiB");
    assert_string_equal(size_print(UINT64_MAX, b, sizeof(b)), "15.9 EiB");
}

static void durations(void **state)
{
    char b[SIZE_TEXT_MAX];
    uint64_t ns;

    assert_int_equal(duration_parse("20us", &ns), 0);
    assert_int_equal(ns, 20000);
    assert_int_equal(duration_parse("1.5s", &ns), 0);
    assert_int_equal(ns, 1500000000);
    assert_int_equal(duration_parse("3", &ns), 0);
    assert_int_equal(ns, UINT64_C(3000000000));
    assert_int_equal(duration_parse("2h", &ns), 0);
    assert_int_equal(ns, UINT64_C(7200000000000));
    assert_int_equal(duration_parse("soon", &ns), -DER_INVAL);
    assert_int_equal(duration_parse("99999999999d", &ns), -DER_OVERFLOW);
    assert_string_equal(duration_print(350000, b, sizeof(b)), "350 us");
    assert_string_equal(duration_print(1250000000, b, sizeof(b)), "1.2 s");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sizes_are_read),
        cmocka_unit_test(sizes_are_printed),
        cmocka_unit_test(durations),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
