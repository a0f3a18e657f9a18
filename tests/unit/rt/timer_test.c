/* Timers fire in order of time, then of arming, whatever is cancelled and re-armed meanwhile. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "help.h"
#include "rt/timer.h"

#define N 2000

struct item {
    struct rt_timer timer; /* first */
    uint64_t order;
};
static struct item items[N];
static struct timers heap;
static uint64_t last_at, fired;

static void fires_in_order(struct rt_timer *t)
{
    struct item *it = (struct item *)t;

    assert_true(t->at_ns >= last_at);
    assert_int_equal(t->seq, 0); /* idle already */
    last_at = t->at_ns;
    it->order = ++fired;
}

static void arm_all(uint64_t seed)
{
    memset(items, 0, sizeof(items));
    memset(&heap, 0, sizeof(heap));
    last_at = fired = 0;
    for (uint64_t i = 0; i < N; i++) {
        items[i].timer.fn = fires_in_order;
        timers_arm(&heap, &items[i].timer, (i * seed + seed / 3) % 500);
    }
}

static void by_time_then_by_arming(void **state)
{
    arm_all(7919);
    assert_true(timers_run(&heap, 249));
    assert_true(timers_next_ns(&heap) > 249);
    assert_true(timers_run(&heap, 500));
    assert_int_equal(fired, N);
    for (int i = 0; i < N; i++)
        for (int k = i + 1; k < N; k++)
            if (items[i].timer.at_ns == items[k].timer.at_ns)
                assert_true(items[i].order < items[k].order);
    assert_false(timers_run(&heap, UINT64_MAX));
    assert_int_equal(timers_next_ns(&heap), UINT64_MAX);
}

static void cancelled_and_moved_ones(void **state)
{
    arm_all(104729);
    for (int i = 0; i < N; i += 3)
        timers_cancel(&heap, &items[i].timer);
    timers_cancel(&heap, &items[0].timer); /* idle: nothing happens */
    for (uint64_t i = 1; i < N; i += 3)
        timers_arm(&heap, &items[i].timer, 1000 + i);
    timers_run(&heap, 999);
    for (uint64_t i = 0; i < N; i++)
        assert_int_equal(items[i].order > 0, i % 3 == 2);
    timers_run(&heap, 1000 + N);
    for (uint64_t i = 0; i < N; i++)
        assert_int_equal(items[i].order > 0, i % 3 != 0);
}

static void arms_again(struct rt_timer *t)
{
    fired++;
    timers_arm(&heap, t, 0); /* for the past */
}

static void one_that_arms_itself_does_not_hold_up_the_turn(void **state)
{
    struct rt_timer t = {.fn = arms_again};

    memset(&heap, 0, sizeof(heap));
    fired = 0;
    timers_arm(&heap, &t, 10);
    timers_run(&heap, 20);
    assert_int_equal(fired, 1);
    timers_run(&heap, 20);
    assert_int_equal(fired, 2);
}

static struct rt_event rung;

static void rings(struct rt_timer *t)
{
    rt_event_set(&rung);
}

static void arms_on_an_xstream(void *arg)
{
    struct rt_timer t = {.fn = rings}, cancelled = {.fn = rings};
    uint64_t start = rt_now_ns();

    rt_timer_arm(&t, start + 3 * MS);
    rt_timer_arm(&cancelled, start + MS);
    rt_timer_cancel(&cancelled);
    rt_event_wait(&rung);
    assert_true(rt_now_ns() - start >= 3 * MS);
    rt_sleep_ns(MS);
    assert_true(rt_now_ns() - start >= 4 * MS);
}

static void a_sleeping_xstream_wakes_for_its_timer(void **state)
{
    for (int ring = 0; ring < 2; ring++) {
        struct rt_xs *xs = real_xs(0, ring);

        rt_event_init(&rung);
        run_on(xs, arms_on_an_xstream, NULL);
        rt_xs_destroy(xs);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(by_time_then_by_arming),
        cmocka_unit_test(cancelled_and_moved_ones),
        cmocka_unit_test(one_that_arms_itself_does_not_hold_up_the_turn),
        cmocka_unit_test(a_sleeping_xstream_wakes_for_its_timer),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
