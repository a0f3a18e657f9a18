/* Error texts, three-part errors and exit statuses. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <limits.h>

#include <daos_errno.h>

#include "base/err.h"

static void codes_have_names_of_either_sign(void **state)
{
    assert_string_equal(d_errstr(0), "DER_SUCCESS");
    assert_string_equal(d_errstr(-DER_NONEXIST), "DER_NONEXIST");
    assert_string_equal(d_errstr(DER_NONEXIST), "DER_NONEXIST");
    assert_string_equal(d_errstr(-1001), "DER_NO_PERM");
    assert_string_equal(d_errstr(-1046), "DER_QUOTA_LIMIT");
    assert_string_equal(d_errstr(-2001), "DER_IO");
    assert_string_equal(d_errstr(-2052), "DER_IGNORE");
    assert_string_equal(d_errdesc(-DER_NONEXIST), "Does not exist");
}

static void anything_else_is_unknown(void **state)
{
    static const int strange[] = {1, -1, 1000, 1047, -2000, 2053, INT_MAX, INT_MIN, DER_UNKNOWN};

    for (size_t i = 0; i < sizeof(strange) / sizeof(strange[0]); i++)
        assert_string_equal(d_errstr(strange[i]), "DER_UNKNOWN");
}

static void the_deepest_cause_is_kept(void **state)
{
    struct err e = {0};
    char text[600];

    assert_int_equal(
        err_setf(&e, -DER_CSUM, "restore it", "its checksum is wrong", "cannot read block %d", 7),
        -DER_CSUM);
    assert_int_equal(err_set(&e, -DER_IO, "outer", "outer", "outer"), -DER_IO);
    err_what(&e, "cannot open pool %s", "./p");
    err_format(&e, text, sizeof(text));
    assert_int_equal(e.rc, -DER_CSUM);
    assert_string_equal(text, "cannot open pool ./p: its checksum is wrong; restore it");
}

static void a_missing_cause_falls_back_to_the_code(void **state)
{
    struct err e = {0};
    char text[64];

    err_set(&e, -DER_NONEXIST, "cannot open pool x", NULL, NULL);
    err_format(&e, text, sizeof(text));
    assert_string_equal(text, "cannot open pool x: Does not exist");
    assert_int_equal(err_set(NULL, -DER_IO, "nobody asks", "", ""), -DER_IO);
    err_what(NULL, "nobody asks");
}

static void long_parts_are_cut(void **state)
{
    struct err e = {0};
    char name[1000], text[32];

    memset(name, 'n', sizeof(name));
    name[sizeof(name) - 1] = '\0';
    err_set(&e, -DER_INVAL, name, name, name);
    assert_int_equal(strlen(e.what), ERR_PART_MAX - 1);
    err_format(&e, text, sizeof(text));
    assert_int_equal(strlen(text), sizeof(text) - 1);
}

static void the_last_error_is_kept_for_the_tool(void **state)
{
    struct err e = {0};

    err_set(&e, -DER_BUSY, "w", "y", "n");
    err_last_set(&e);
    assert_int_equal(err_last()->rc, -DER_BUSY);
    err_last_clear();
    assert_int_equal(err_last()->rc, 0);
}

static void exit_statuses_tell_classes_apart(void **state)
{
    int seen[256] = {0};

    for (int code = 1001; code < DER_LAST_VALID; code++) {
        int status = err_exit_status(-code);

        assert_in_range(status, 1, 125);
        assert_int_not_equal(status, 2); /* a usage error is not a DER code */
        seen[status]++;
    }
    assert_int_equal(err_exit_status(-DER_NONEXIST), 3);
    assert_int_equal(err_exit_status(-DER_NOSPACE), 7);
    assert_int_equal(err_exit_status(-DER_MISC), 1);
    assert_int_equal(err_exit_status(0), 1); /* only asked after a failure */
    for (int status = 3; status <= 23; status++)
        assert_true(seen[status] > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(codes_have_names_of_either_sign),
        cmocka_unit_test(anything_else_is_unknown),
        cmocka_unit_test(the_deepest_cause_is_kept),
        cmocka_unit_test(a_missing_cause_falls_back_to_the_code),
        cmocka_unit_test(long_parts_are_cut),
        cmocka_unit_test(the_last_error_is_kept_for_the_tool),
        cmocka_unit_test(exit_statuses_tell_classes_apart),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
