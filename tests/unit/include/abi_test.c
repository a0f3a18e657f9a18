/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * The public headers are a contract with programs that exist: their structures must have the sizes
 * and their constants the values those programs were written for. The expectations stand in two
 * tables; every mismatch is printed before the test fails.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include <daos.h>
#include <daos_fs.h>
#include <daos_fs_sys.h>
#include <daos_uns.h>
#include <daos_task.h>
#include <daos_pipeline.h>
#include <daos_s3.h>
#include <daos/tse.h>
#include <daos/common.h>
#include <gurt/common.h>
#include <gurt/hash.h>

struct number {
    const char *name;
    unsigned long long is;
    unsigned long long expected;
};

struct text {
    const char *name;
    const char *is;
    const char *expected;
};

static const struct number layout[] = {
#define SIZE(type, bytes)           {"sizeof(" #type ")", sizeof(type), bytes},
#define PLACE(type, member, offset) {#type "." #member, offsetof(type, member), offset},
#include "abi_layout.h"
#undef SIZE
#undef PLACE
};

static const struct number numbers[] = {
#define VALUE(name, number) {#name, (unsigned long long)(name), (unsigned long long)(number)},
#define TEXT(name, string)
#include "abi_values.h"
#undef VALUE
#undef TEXT
};

static const struct text texts[] = {
#define VALUE(name, number)
#define TEXT(name, string) {#name, name, string},
#include "abi_values.h"
#undef VALUE
#undef TEXT
};

static unsigned int mismatches(const struct number *table, size_t count)
{
    unsigned int bad = 0;
    size_t i;

    for (i = 0; i < count; i++) {
        if (table[i].is == table[i].expected)
            continue;
        print_error("%s is %llu, expected %llu\n", table[i].name, table[i].is, table[i].expected);
        bad++;
    }
    return bad;
}

static void structures_have_their_sizes_and_members_their_places(void **state)
{
    (void)state;
    assert_true(ARRAY_SIZE(layout) > 400);
    assert_int_equal(mismatches(layout, ARRAY_SIZE(layout)), 0);
}

static void constants_have_their_values(void **state)
{
    size_t i;

    (void)state;
    assert_true(ARRAY_SIZE(numbers) > 500);
    /* DAOS_EPOCH_MAX and its like are 64 bits of ones, DAOS_EQ_WAIT is an int: both compare as -1
     */
    assert_int_equal(mismatches(numbers, ARRAY_SIZE(numbers)), 0);
    for (i = 0; i < ARRAY_SIZE(texts); i++)
        assert_string_equal(texts[i].is, texts[i].expected);
}

static void error_tables_give_consecutive_codes(void **state)
{
    static const int general[] = {D_FOREACH_GURT_ERR(D_DEFINE_ERRNO)};
    static const int storage[] = {D_FOREACH_DAOS_ERR(D_DEFINE_ERRNO)};
    static const char *const names[] = {D_FOREACH_GURT_ERR(D_DEFINE_ERRSTR)};
    static const char *const descs[] = {D_FOREACH_DAOS_ERR(D_DEFINE_ERRDESC)};
    size_t i;

    (void)state;
    assert_int_equal(ARRAY_SIZE(general), 46);
    assert_int_equal(ARRAY_SIZE(storage), 52);
    for (i = 0; i < ARRAY_SIZE(general); i++)
        assert_int_equal(general[i], 1001 + (int)i);
    for (i = 0; i < ARRAY_SIZE(storage); i++) {
        assert_int_equal(storage[i], 2001 + (int)i);
        assert_true(strlen(descs[i]) > 5);
    }
    assert_string_equal(names[4], "DER_NONEXIST");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(structures_have_their_sizes_and_members_their_places),
        cmocka_unit_test(constants_have_their_values),
        cmocka_unit_test(error_tables_give_consecutive_codes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
