/* Checksums are part of the format: known answers, and the same however the bytes are cut. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/csum.h"

static const enum csum_type computed[] = {CSUM_CRC16, CSUM_CRC32, CSUM_CRC64, CSUM_ADLER32,
                                          CSUM_XXH3};
#define N_COMPUTED (sizeof(computed) / sizeof(computed[0]))

static void known_answers(void **state)
{
    assert_int_equal(csum_calc(CSUM_CRC16, "123456789", 9), 0xd0db);
    assert_int_equal(csum_calc(CSUM_CRC32, "123456789", 9), 0xe3069283);
    assert_int_equal(csum_calc(CSUM_CRC64, "123456789", 9), UINT64_C(0x995dc9bbdf1939fa));
    assert_int_equal(csum_calc(CSUM_ADLER32, "Wikipedia", 9), 0x11e60398);
    assert_int_equal(csum_calc(CSUM_XXH3, "", 0), UINT64_C(0x2d06800538d394c2));
    assert_int_equal(csum_calc(CSUM_OFF, "abc", 3), 0);
}

static void cuts_do_not_matter(void **state)
{
    static unsigned char data[5000];

    for (size_t i = 0; i < sizeof(data); i++)
        data[i] = (unsigned char)(i * 31 + (i >> 8));
    for (size_t t = 0; t < N_COMPUTED; t++) {
        uint64_t whole = csum_calc(computed[t], data, sizeof(data));

        for (size_t cut = 0; cut <= sizeof(data); cut += 97) {
            struct iovec iov[3] = {{data, cut}, {data, 0}, {data + cut, sizeof(data) - cut}};

            assert_int_equal(csum_calc_iov(computed[t], iov, 3), whole);
        }
    }
}

static void one_flipped_bit_shows(void **state)
{
    unsigned char data[64] = "a record";

    for (size_t t = 0; t < N_COMPUTED; t++) {
        uint64_t good = csum_calc(computed[t], data, sizeof(data));

        for (size_t bit = 0; bit < sizeof(data) * 8; bit++) {
            data[bit / 8] ^= (unsigned char)(1u << bit % 8);
            assert_int_not_equal(csum_calc(computed[t], data, sizeof(data)), good);
            data[bit / 8] ^= (unsigned char)(1u << bit % 8);
        }
    }
}

static void types_know_their_names_and_lengths(void **state)
{
    for (size_t t = 0; t < N_COMPUTED; t++) {
        assert_true(csum_supported(computed[t]));
        assert_true(csum_len(computed[t]) > 0);
        assert_int_equal(csum_by_name(csum_name(computed[t])), computed[t]);
    }
    assert_false(csum_supported(CSUM_SHA256));
    assert_int_equal(csum_by_name("sha256"), CSUM_SHA256);
    assert_int_equal(csum_by_name("md5"), -1);
    assert_int_equal(csum_len(CSUM_OFF), 0);
    assert_false(csum_supported((enum csum_type)99));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_answers),
        cmocka_unit_test(cuts_do_not_matter),
        cmocka_unit_test(one_flipped_bit_shows),
        cmocka_unit_test(types_know_their_names_and_lengths),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
