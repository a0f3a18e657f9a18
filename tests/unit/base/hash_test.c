/* Hash values are stored, so they may never change; and they spread. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/hash.h"

static void values_are_fixed_for_ever(void **state)
{
    assert_int_equal(hash_bytes("", 0), UINT64_C(0x2d06800538d394c2));
    assert_int_equal(hash_bytes_seed("abc", 3, 0), hash_bytes("abc", 3));
    assert_int_not_equal(hash_bytes_seed("abc", 3, 1), hash_bytes("abc", 3));
    assert_int_equal(mix64(0), 0);
    assert_int_equal(mix64(1), UINT64_C(0xb456bcfc34c2cb2c));
}

static void consecutive_numbers_spread_evenly(void **state)
{
    unsigned slots[64] = {0}, pairs[64] = {0};

    for (uint64_t i = 0; i < 64000; i++) {
        slots[mix64(i) & 63]++;
        pairs[mix128(i % 8, i / 8) >> 58]++;
    }
    for (int i = 0; i < 64; i++) {
        assert_in_range(slots[i], 850, 1150);
        assert_in_range(pairs[i], 850, 1150);
    }
    assert_int_not_equal(mix128(1, 2), mix128(2, 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_are_fixed_for_ever),
        cmocka_unit_test(consecutive_numbers_spread_evenly),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
