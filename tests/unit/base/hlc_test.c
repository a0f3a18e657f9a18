/* The hybrid clock never goes back, whatever the wall clock and the others do. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <pthread.h>

#include "base/hlc.h"

#define S       UINT64_C(1000000000)
#define NOW     (HLC_START_UNIX_NS + 180000000 * S) /* some day in 2026 */
#define TICK_NS 16384

static void physical_time_survives_the_trip(void **state)
{
    assert_int_equal(hlc_from_unix_ns(HLC_START_UNIX_NS), 0);
    assert_int_equal(hlc_from_unix_ns(0), 0);
    assert_int_equal(hlc_from_unix_ns(HLC_START_UNIX_NS + S),
                     UINT64_C(16000000000) & ~HLC_LOGICAL_MASK);
    assert_in_range(NOW + 12345 - hlc_to_unix_ns(hlc_from_unix_ns(NOW + 12345)), 0, TICK_NS);
    assert_int_equal(hlc_to_unix_ns(0), HLC_START_UNIX_NS);
    assert_true(hlc_from_unix_ns(UINT64_MAX) <= HLC_LAST);
}

static void events_of_one_tick_count_up(void **state)
{
    uint64_t first = hlc_next(0, NOW);

    assert_int_equal(first & HLC_LOGICAL_MASK, 0);
    assert_int_equal(hlc_next(first, NOW), first + 1);
    assert_true(hlc_next(first, NOW + TICK_NS) > first + HLC_LOGICAL_MASK);
}

static void a_clock_set_back_does_not_matter(void **state)
{
    uint64_t last = hlc_next(0, NOW);

    for (uint64_t back = 0; back < 100; back++) {
        uint64_t next = hlc_next(last, NOW - back * 3600 * S);

        assert_true(next > last);
        last = next;
    }
    assert_true(hlc_next(last, 0) > last);
}

static void a_message_is_received_after_it_was_sent(void **state)
{
    uint64_t mine = hlc_next(0, NOW), theirs = hlc_next(0, NOW + 5 * S);

    assert_true(hlc_merge(mine, theirs, NOW) > theirs);
    assert_true(hlc_merge(theirs, mine, NOW) > theirs);
    assert_false(hlc_too_far(theirs, mine, NOW, 6 * S));
    assert_true(hlc_too_far(theirs, mine, NOW, 4 * S));
    assert_false(hlc_too_far(mine, theirs, NOW, 0));
    assert_true(hlc_too_far(UINT64_MAX, mine, NOW, S));
}

static void the_end_of_time_is_not_wrapped(void **state)
{
    struct hlc c = {0};

    assert_int_equal(hlc_merge(1, UINT64_MAX, NOW), HLC_LAST);
    hlc_raise(&c, UINT64_MAX);
    assert_int_equal(hlc_peek(&c), HLC_LAST);
    hlc_raise(&c, 5);
    assert_int_equal(hlc_get(&c, NOW), HLC_LAST);
}

#define DRAWS 20000
static struct hlc shared;

static void *draw(void *arg)
{
    uint64_t *out = arg;

    for (int i = 0; i < DRAWS; i++)
        out[i] = hlc_get(&shared, NOW);
    return NULL;
}

static void threads_draw_distinct_rising_values(void **state)
{
    static uint64_t got[2][DRAWS];
    pthread_t t[2];
    int a = 0, b = 0;

    hlc_raise(&shared, 100);
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&t[i], NULL, draw, got[i]), 0);
    for (int i = 0; i < 2; i++)
        pthread_join(t[i], NULL);
    for (int i = 1; i < DRAWS; i++)
        assert_true(got[0][i] > got[0][i - 1] && got[1][i] > got[1][i - 1]);
    while (a < DRAWS && b < DRAWS) {
        assert_int_not_equal(got[0][a], got[1][b]);
        if (got[0][a] < got[1][b])
            a++;
        else
            b++;
    }
    assert_int_equal(hlc_peek(&shared), hlc_from_unix_ns(NOW) + 2 * DRAWS - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(physical_time_survives_the_trip),
        cmocka_unit_test(events_of_one_tick_count_up),
        cmocka_unit_test(a_clock_set_back_does_not_matter),
        cmocka_unit_test(a_message_is_received_after_it_was_sent),
        cmocka_unit_test(the_end_of_time_is_not_wrapped),
        cmocka_unit_test(threads_draw_distinct_rising_values),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
