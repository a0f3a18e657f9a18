/* Ranges grow in place, and what a pool keeps comes back as new where that was promised. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <daos_errno.h>

#include "base/vrange.h"

#define MIB ((size_t)1 << 20)

static void grows_in_place(void **state)
{
    struct vrange r;
    char *base;

    assert_int_equal(vrange_open(&r, 8 * MIB, VRANGE_ZERO, NULL), 0);
    base = r.base;
    assert_int_equal(vrange_commit(&r, 100), 0);
    memset(base, 1, 100);
    assert_int_equal(vrange_commit(&r, 8 * MIB), 0);
    assert_ptr_equal(r.base, base);
    assert_int_equal(base[99], 1);
    assert_int_equal(base[8 * MIB - 1], 0);
    assert_int_equal(vrange_commit(&r, 8 * MIB + 1), -DER_NOMEM);
    vrange_close(&r);
    vrange_close(&r);
}

static void kept_ranges_come_back(void **state)
{
    struct vrange_pool *pool = vrange_pool_create();
    struct vrange r, other;
    char *base;

    assert_non_null(pool);
    assert_int_equal(vrange_open(&r, 4 * MIB, VRANGE_ANY, pool), 0);
    base = r.base;
    assert_int_equal(vrange_commit(&r, 3 * MIB), 0);
    memset(base, 0xa5, 3 * MIB);
    vrange_close(&r);

    assert_int_equal(vrange_open(&other, 2 * MIB, VRANGE_ZERO, pool), 0); /* another size */
    assert_ptr_not_equal(other.base, base);
    assert_int_equal(vrange_open(&r, 4 * MIB, VRANGE_ZERO, pool), 0);
    assert_ptr_equal(r.base, base);
    assert_int_equal(vrange_commit(&r, 4 * MIB), 0);
    for (size_t i = 0; i < 4 * MIB; i++)
        assert_int_equal(base[i], 0);
    vrange_close(&r);
    vrange_close(&other);
    vrange_pool_destroy(pool);
}

/* What one user wrote is zero for a later one, also when somebody between them asked for less. */
static void nothing_stale_through_others(void **state)
{
    struct vrange_pool *pool = vrange_pool_create();
    struct vrange r;

    assert_int_equal(vrange_open(&r, 4 * MIB, VRANGE_ANY, pool), 0);
    assert_int_equal(vrange_commit(&r, 2 * MIB), 0);
    memset(r.base, 0xa5, 2 * MIB);
    vrange_close(&r);
    assert_int_equal(vrange_open(&r, 4 * MIB, VRANGE_ANY, pool), 0);
    assert_int_equal(vrange_commit(&r, 10), 0);
    vrange_close(&r);
    assert_int_equal(vrange_open(&r, 4 * MIB, VRANGE_ZERO, pool), 0);
    assert_int_equal(vrange_commit(&r, 2 * MIB), 0);
    for (size_t i = 0; i < 2 * MIB; i++)
        assert_int_equal(r.base[i], 0);
    vrange_close(&r);
    vrange_pool_destroy(pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(grows_in_place),
        cmocka_unit_test(kept_ranges_come_back),
        cmocka_unit_test(nothing_stale_through_others),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
