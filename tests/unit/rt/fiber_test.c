/* Fibers: interleaving, their own stacks and registers, the pool of stacks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <fenv.h>

#include <daos_errno.h>

#include "base/fail.h"
#include "help.h"
#include "rt/fiber.h"

static char trace[64];
static size_t traced;

static void note(char c)
{
    trace[traced++] = c;
}

static void says_three_times(void *arg)
{
    for (int i = 0; i < 3; i++) {
        note(*(const char *)arg);
        rt_yield();
    }
}

static void spawns_three(void *arg)
{
    rt_spawn(says_three_times, "a");
    rt_spawn(says_three_times, "b");
    note('-');
    rt_spawn(says_three_times, "c");
    rt_yield();
    note('+');
    while (traced < 11)
        rt_yield();
}

static void yield_lets_the_others_run_in_turn(void **state)
{
    struct rt_xs *xs = real_xs(0, false);

    memset(trace, 0, sizeof(trace));
    traced = 0;
    run_on(xs, spawns_three, NULL);
    rt_xs_destroy(xs);
    assert_string_equal(trace, "-abc+abcabc");
}

/* Deep recursion with floating point on each of many stacks at once: nobody sees another's values.
 */
static double depth_sum(int depth, double x)
{
    char local[100];
    double below;

    memset(local, depth, sizeof(local));
    rt_yield();
    below = depth ? depth_sum(depth - 1, x * 1.5) : 0;
    for (size_t i = 0; i < sizeof(local); i++)
        assert_int_equal(local[i], (char)depth);
    return below + x;
}

static int finished;

static void computes(void *arg)
{
    double x = (double)(uintptr_t)arg, want = 0, term = x;

    for (int i = 0; i <= 20; i++, term *= 1.5)
        want += term;
    /* summed from the other end: equal up to rounding */
    assert_true(depth_sum(20, x) / want - 1 < 1e-9);
    finished++;
}

static void spawns_hundred(void *arg)
{
    for (uintptr_t i = 1; i <= 100; i++)
        assert_int_equal(rt_spawn(computes, (void *)i), 0);
    while (finished < 100)
        rt_yield();
}

static void each_has_a_stack_of_its_own(void **state)
{
    struct rt_xs *xs = real_xs(0, false);

    finished = 0;
    run_on(xs, spawns_hundred, NULL);
    rt_xs_destroy(xs);
    assert_int_equal(finished, 100);
}

static void rounds_up(void *arg)
{
    fesetround(FE_UPWARD);
    rt_yield();
    assert_int_equal(fegetround(), FE_UPWARD);
    fesetround(FE_TONEAREST);
    finished++;
}

static void keeps_rounding(void *arg)
{
    finished = 0;
    rt_spawn(rounds_up, NULL);
    for (int i = 0; i < 3; i++) {
        rt_yield();
        assert_int_equal(fegetround(), FE_TONEAREST);
    }
    assert_int_equal(finished, 1);
}

static void the_rounding_mode_is_a_fibers_own(void **state)
{
    struct rt_xs *xs = real_xs(0, false);

    run_on(xs, keeps_rounding, NULL);
    rt_xs_destroy(xs);
}

static void reads_local(void *arg)
{
    assert_null(rt_local_get()); /* not the spawner's */
    rt_local_set(&finished);
    rt_yield();
    assert_ptr_equal(rt_local_get(), &finished);
    finished++;
}

static void spawns_with_local(void *arg)
{
    rt_local_set(arg);
    rt_spawn(reads_local, NULL);
    while (!finished)
        rt_yield();
    assert_ptr_equal(rt_local_get(), arg);
}

static void the_local_pointer_is_a_fibers_or_a_threads(void **state)
{
    struct rt_xs *xs = real_xs(0, false);
    int here;

    finished = 0;
    rt_local_set(&here);
    run_on(xs, spawns_with_local, trace);
    rt_xs_destroy(xs);
    assert_ptr_equal(rt_local_get(), &here);
    rt_local_set(NULL);
}

static void the_pool_is_bounded_and_reused(void **state)
{
    static struct rt_fiber *f[FIBER_POOL_MAX + 10];
    struct fiber_pool pool = {0};
    struct rt_fiber *again;

    for (size_t i = 0; i < ARRAY_LEN(f); i++)
        assert_non_null(f[i] = fiber_new(&pool));
    for (size_t i = 0; i < ARRAY_LEN(f); i++)
        fiber_free(&pool, f[i]);
    assert_int_equal(pool.count, FIBER_POOL_MAX);
    again = fiber_new(&pool);
    assert_int_equal(pool.count, FIBER_POOL_MAX - 1);
    fiber_free(&pool, again);
    fiber_pool_fini(&pool);
}

static void nothing(void *arg)
{
}

static void no_memory_for_a_stack_is_an_error(void **state)
{
    struct base_fail fail = {.fail_at = 1, .forever = true};
    struct rt_xs *xs = real_xs(0, false);

    base_fail_set(&fail);
    assert_int_equal(rt_spawn_on(xs, nothing, NULL), -DER_NOMEM);
    base_fail_set(NULL);
    run_on(xs, nothing, NULL);
    rt_xs_destroy(xs); /* does not wait for the fiber that never was */
}

static int recurse(int depth)
{
    volatile char big[1024];

    big[0] = (char)depth;
    return depth ? recurse(depth - 1) + big[0] : 0;
}

static void overflows(void *arg)
{
    recurse(1 << 20);
}

static void overflow_main(void)
{
    struct rt_xs *xs = real_xs(0, false);

    signal(SIGSEGV, SIG_DFL);
    run_on(xs, overflows, NULL);
}

static void an_overflow_hits_the_guard_page(void **state)
{
    assert_true(aborts(overflow_main));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(yield_lets_the_others_run_in_turn),
        cmocka_unit_test(each_has_a_stack_of_its_own),
        cmocka_unit_test(the_rounding_mode_is_a_fibers_own),
        cmocka_unit_test(the_local_pointer_is_a_fibers_or_a_threads),
        cmocka_unit_test(the_pool_is_bounded_and_reused),
        cmocka_unit_test(no_memory_for_a_stack_is_an_error),
        cmocka_unit_test(an_overflow_hits_the_guard_page),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
