/*
 * Events, with the waiting of threads and fibers below them: whoever waits is woken, sees what the
 * setter wrote, and may free the event; a timeout that races with the set takes out itself only, or
 * gets the wake-up; a reset does not swallow a set.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include <daos_errno.h>

#include "base/assert.h"
#include "interleave.h"
#include "rt/priv.h"

static struct rt_event ev;
static int payload;
static int kicked[2]; /* work that is announced by a set */

static void begin(void)
{
    ev.waiters = 0;
    payload = kicked[0] = kicked[1] = 0;
}

static void sets(void)
{
    payload = 42;
    rt_event_set(&ev);
}

static void sets_only(void)
{
    rt_event_set(&ev);
}

static void waits_only(void)
{
    rt_event_wait(&ev);
}

static void waits(void)
{
    rt_event_wait(&ev);
    IL_CHECK(payload == 42);
}

static void waits_and_frees(void)
{
    waits();
    il_dead(&ev, sizeof(ev));
}

#define MS UINT64_C(1000000)

static void waits_a_while(void)
{
    if (rt_event_wait_timeout(&ev, MS) == 0)
        IL_CHECK(payload == 42);
}

static void waits_a_while_then_for_ever(void)
{
    if (rt_event_wait_timeout(&ev, MS) != 0)
        rt_event_wait(&ev);
    IL_CHECK(payload == 42);
    il_dead(&ev, sizeof(ev));
}

static void gives_up(void)
{
    IL_CHECK(rt_event_wait_timeout(&ev, MS) == -DER_TIMEDOUT);
}

static void nobody_is_left(void)
{
    IL_CHECK(ev.waiters == 0);
}

static void is_set(void)
{
    IL_CHECK(rt_event_is_set(&ev));
}

static void polls(void)
{
    if (rt_event_is_set(&ev)) {
        IL_CHECK(payload == 42);
        il_dead(&ev, sizeof(ev));
    }
}

/* The pattern of background fibers: reset, look, wait. */

static void kicks_a(void)
{
    __atomic_store_n(&kicked[0], 1, __ATOMIC_RELAXED);
    rt_event_set(&ev);
}

static void kicks_b(void)
{
    __atomic_store_n(&kicked[1], 1, __ATOMIC_RELAXED);
    rt_event_set(&ev);
}

static bool all_kicked(void)
{
    return __atomic_load_n(&kicked[0], __ATOMIC_RELAXED) &&
           __atomic_load_n(&kicked[1], __ATOMIC_RELAXED);
}

static void background(void)
{
    for (;;) {
        rt_event_reset(&ev);
        if (all_kicked())
            return;
        rt_event_wait(&ev);
    }
}

static void forgets_to_look(void)
{
    do {
        rt_event_reset(&ev);
        rt_event_wait(&ev);
    } while (!all_kicked());
}

#define SCENE(title, at_end, ...)                                                                  \
    {                                                                                              \
        .name = title, .setup = begin, .check = at_end, .actor = {__VA_ARGS__}, .actor_name = {    \
            "a",                                                                                   \
            "b",                                                                                   \
            "c",                                                                                   \
            "d"                                                                                    \
        }                                                                                          \
    }

static const struct il_scene frees = SCENE("set and free", NULL, waits_and_frees, sets);
static const struct il_scene fiber_frees = {.name = "set and free by a fiber",
                                            .setup = begin,
                                            .actor = {waits_and_frees, sets},
                                            .actor_name = {"fiber", "setter"},
                                            .fiber = {true}};
static const struct il_scene poll_frees = SCENE("looked at and freed", NULL, polls, sets);
static const struct il_scene two_wait = SCENE("two wait", is_set, waits, waits, sets);
static const struct il_scene three_wait = SCENE("three wait", is_set, waits, waits, waits, sets);
static const struct il_scene mixed_wait = {.name = "a fiber and a thread wait",
                                           .setup = begin,
                                           .check = is_set,
                                           .actor = {waits, waits, sets},
                                           .actor_name = {"fiber", "thread", "setter"},
                                           .fiber = {true}};
static const struct il_scene two_set = SCENE("two set", is_set, waits_only, sets_only, sets_only);
static const struct il_scene times_out =
    SCENE("timeout and set", NULL, waits_a_while_then_for_ever, sets);
static const struct il_scene fiber_times_out = {.name = "a fiber's timeout and set",
                                                .setup = begin,
                                                .actor = {waits_a_while_then_for_ever, sets},
                                                .actor_name = {"fiber", "setter"},
                                                .fiber = {true}};
static const struct il_scene two_time_out =
    SCENE("two timeouts and a set", is_set, waits_a_while, waits_a_while, sets);
static const struct il_scene fibers_time_out = {.name =
                                                    "a fiber's and a thread's timeout and a set",
                                                .setup = begin,
                                                .check = is_set,
                                                .actor = {waits_a_while, waits_a_while, sets},
                                                .actor_name = {"fiber", "thread", "setter"},
                                                .fiber = {true}};
static const struct il_scene one_leaves =
    SCENE("one waits, one times out", is_set, waits, waits_a_while, sets);
static const struct il_scene fiber_leaves = {.name = "one waits, a fiber times out",
                                             .setup = begin,
                                             .check = is_set,
                                             .actor = {waits, waits_a_while, sets},
                                             .actor_name = {"thread", "fiber", "setter"},
                                             .fiber = {false, true}};
static const struct il_scene never_set =
    SCENE("three give up", nobody_is_left, gives_up, gives_up, gives_up);
static const struct il_scene two_give_up = SCENE("two give up", nobody_is_left, gives_up, gives_up);
static const struct il_scene kicks = SCENE("two kick", NULL, background, kicks_a, kicks_b);
static const struct il_scene fiber_kicks = {.name = "two kick a fiber",
                                            .setup = begin,
                                            .actor = {background, kicks_a, kicks_b},
                                            .actor_name = {"fiber", "a", "b"},
                                            .fiber = {true}};
static const struct il_scene hasty =
    SCENE("two kick one that does not look", NULL, forgets_to_look, kicks_a, kicks_b);

static void whoever_was_woken_may_free(void **state)
{
    il_holds(&frees);
    il_holds(&fiber_frees);
    il_holds(&poll_frees);
}

static void all_are_woken(void **state)
{
    il_holds(&two_wait);
    il_holds(&mixed_wait);
    il_holds(&two_set);
    if (getenv("TARN_CHECK_LONG"))
        il_holds(&three_wait);
}

static void timeouts_race_with_the_set(void **state)
{
    il_holds(&times_out);
    il_holds(&fiber_times_out);
    il_holds(&two_give_up);
    il_holds(&one_leaves);
    il_holds(&fiber_leaves);
    il_holds(&two_time_out);
    il_holds(&fibers_time_out);
    if (getenv("TARN_CHECK_LONG"))
        il_holds(&never_set);
}

static void a_reset_swallows_no_set(void **state)
{
    il_holds(&kicks);
    il_holds(&fiber_kicks);
    il_breaks(&hasty, "waits for ever");
}

static void every_order_is_needed(void **state)
{
    static const struct il_scene *const scenes[] = {
        &frees,    &fiber_frees, &poll_frees, &times_out,    &fiber_times_out, &two_give_up,
        &two_wait, &two_set,     &kicks,      &fiber_leaves, &one_leaves};
    static const char *const functions[] = {"cas",
                                            "load_unlocked",
                                            "rt_event_set",
                                            "rt_event_reset",
                                            "enlist",
                                            "withdraw",
                                            "rt_event_is_set",
                                            "rt_event_wait",
                                            "rt_event_wait_timeout",
                                            "waiter_wake",
                                            "thread_woken",
                                            "thread_sleep",
                                            "waiter_wait",
                                            "waiter_wait_timeout",
                                            "fiber_expired",
                                            NULL};
    static const char guess[] = "a first guess: the compare-and-swap decides, and acquires";
    static const char again[] = "whoever fails looks again, which acquires";
    static const struct il_excuse excuses[] = {
        {"rt_event_set > load_unlocked: load #1: does not acquire", guess},
        {"withdraw > load_unlocked: load #1: does not acquire", guess},
        {"rt_event_set > cas: compare-and-swap #1: does not acquire when it fails", again},
        {"enlist > cas: compare-and-swap #1: does not acquire when it fails", again},
        {"withdraw > cas: compare-and-swap #1: does not acquire when it fails", again},
        {"enlist > cas: compare-and-swap #1: does not acquire", "it follows no pointer it reads"},
        {"withdraw > cas: compare-and-swap #1: does not release", "the store that unlocks does"},
        {"rt_event_reset: read-modify-write #1: does not release", "a setter has nothing to learn"},
        {"waiter_wait_timeout > thread_sleep: compare-and-swap #2: torn",
         "the word said asleep before the first sleep ended"},
    };

    il_bites(scenes, ARRAY_LEN(scenes), functions, excuses, ARRAY_LEN(excuses));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whoever_was_woken_may_free), cmocka_unit_test(all_are_woken),
        cmocka_unit_test(timeouts_race_with_the_set), cmocka_unit_test(a_reset_swallows_no_set),
        cmocka_unit_test(every_order_is_needed),
    };

    il_name(&ev.waiters, "event");
    il_name(&payload, "payload");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
