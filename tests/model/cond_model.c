/*
 * Conditions with the mutex around them: no signal is lost between the look and the wait, a timeout
 * that races with a signal takes out itself or keeps the signal, a broadcast wakes all, and a woken
 * waiter may free the condition.
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

static struct rt_mutex m, own[3]; /* own: each actor's, where all is about the condition's list */
static struct rt_cond c;
static int items, taken;
static bool gone;

static void begin(void)
{
    m = own[0] = own[1] = own[2] = (struct rt_mutex){0};
    c = (struct rt_cond){0};
    items = taken = 0;
    gone = false;
}

static void puts_one(void)
{
    rt_mutex_lock(&m);
    items++;
    rt_cond_signal(&c);
    rt_mutex_unlock(&m);
}

/* Nothing says that a signal is sent under the mutex. */
static void puts_then_signals(void)
{
    rt_mutex_lock(&m);
    items++;
    rt_mutex_unlock(&m);
    rt_cond_signal(&c);
}

static void signals_too_early(void)
{
    rt_cond_signal(&c);
    rt_mutex_lock(&m);
    items++;
    rt_mutex_unlock(&m);
}

static void puts_two(void)
{
    rt_mutex_lock(&m);
    items += 2;
    rt_cond_broadcast(&c);
    rt_mutex_unlock(&m);
}

static void puts_then_broadcasts(void)
{
    rt_mutex_lock(&m);
    items++;
    rt_mutex_unlock(&m);
    rt_cond_broadcast(&c);
}

static void takes_one(void)
{
    rt_mutex_lock(&m);
    while (items == 0)
        rt_cond_wait(&c, &m);
    items--;
    taken++;
    rt_mutex_unlock(&m);
}

#define MS UINT64_C(1000000)

/* Tries for a while; what it does not get is left. */
static void takes_one_in_time(void)
{
    rt_mutex_lock(&m);
    if (items > 0 || rt_cond_wait_timeout(&c, &m, MS) == 0) {
        if (items > 0) {
            items--;
            taken++;
        }
    }
    rt_mutex_unlock(&m);
}

static void gives_up(void)
{
    struct rt_mutex *mine = &own[il_self()];

    rt_mutex_lock(mine);
    IL_CHECK(rt_cond_wait_timeout(&c, mine, MS) == -DER_TIMEDOUT);
    rt_mutex_unlock(mine);
}

static void waits_or_gives_up(void)
{
    struct rt_mutex *mine = &own[il_self()];

    rt_mutex_lock(mine);
    rt_cond_wait_timeout(&c, mine, MS);
    rt_mutex_unlock(mine);
}

static void signals(void)
{
    rt_cond_signal(&c);
}

static void broadcasts(void)
{
    rt_cond_broadcast(&c);
}

static void takes_and_frees(void)
{
    rt_mutex_lock(&m);
    while (items == 0)
        rt_cond_wait(&c, &m);
    il_dead(&c, sizeof(c));
    rt_mutex_unlock(&m);
}

static void all_taken(void)
{
    IL_CHECK(items == 0 && c.head == NULL && c.tail == NULL && c.guard == 0);
}

static void nobody_waits(void)
{
    IL_CHECK(c.head == NULL && c.tail == NULL && c.guard == 0);
}

#define SCENE(title, at_end, ...)                                                                  \
    {                                                                                              \
        .name = title, .setup = begin, .check = at_end, .actor = {__VA_ARGS__}, .actor_name = {    \
            "a",                                                                                   \
            "b",                                                                                   \
            "c"                                                                                    \
        }                                                                                          \
    }
static const struct il_scene one = SCENE("one waits", all_taken, takes_one, puts_one);
static const struct il_scene outside =
    SCENE("a signal outside the mutex", all_taken, takes_one, puts_then_signals);
static const struct il_scene early =
    SCENE("a signal too early", all_taken, takes_one, signals_too_early);
static const struct il_scene frees = SCENE("the woken one frees", NULL, takes_and_frees, puts_one);
static const struct il_scene in_time =
    SCENE("a timeout and a signal", nobody_waits, takes_one_in_time, puts_one);
static const struct il_scene two_give_up = SCENE("two give up", nobody_waits, gives_up, gives_up);
static const struct il_scene two_and_signal =
    SCENE("two may give up, a signal", nobody_waits, waits_or_gives_up, waits_or_gives_up, signals);
static const struct il_scene two_and_broadcast = SCENE(
    "two may give up, a broadcast", nobody_waits, waits_or_gives_up, waits_or_gives_up, broadcasts);
static const struct il_scene announced = SCENE("a broadcast", NULL, takes_one, puts_two);
static const struct il_scene announced_outside =
    SCENE("a timeout and a broadcast outside the mutex", nobody_waits, takes_one_in_time,
          puts_then_broadcasts);
static const struct il_scene broadcast = {.name = "a broadcast for two",
                                          .setup = begin,
                                          .check = all_taken,
                                          .actor = {takes_one, takes_one, puts_two},
                                          .actor_name = {"a", "b", "c"},
                                          .fiber = {true, true, true}};
static const struct il_scene fiber = {.name = "a fiber waits",
                                      .setup = begin,
                                      .check = all_taken,
                                      .actor = {takes_one, puts_one},
                                      .actor_name = {"fiber", "thread"},
                                      .fiber = {true}};
static const struct il_scene fiber_in_time = {.name = "a fiber's timeout and a signal",
                                              .setup = begin,
                                              .check = nobody_waits,
                                              .actor = {takes_one_in_time, puts_one},
                                              .actor_name = {"fiber", "thread"},
                                              .fiber = {true}};

static void no_signal_is_lost(void **state)
{
    il_holds(&one);
    il_holds(&fiber);
    il_holds(&outside);
    il_breaks(&early, "waits for ever: a");
    il_holds(&frees);
}

static void timeouts_race_with_signals(void **state)
{
    il_holds(&in_time);
    il_holds(&fiber_in_time);
    il_holds(&two_give_up);
}

static void a_broadcast_wakes_all(void **state)
{
    il_holds(&announced);
    il_holds(&announced_outside);
    if (!getenv("TARN_CHECK_LONG"))
        return;
    il_holds(&two_and_signal);
    il_holds(&two_and_broadcast);
    il_holds(&broadcast);
}

static void every_operation_is_needed(void **state)
{
    static const struct il_scene *const scenes[] = {&outside, &frees, &announced_outside, &in_time,
                                                    &two_give_up};
    static const char *const functions[] = {
        "enlist",       "withdraw", "rt_cond_signal", "rt_cond_broadcast", "guard_lock",
        "guard_unlock", NULL};

    il_bites(scenes, ARRAY_LEN(scenes), functions, NULL, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_signal_is_lost),
        cmocka_unit_test(timeouts_race_with_signals),
        cmocka_unit_test(a_broadcast_wakes_all),
        cmocka_unit_test(every_operation_is_needed),
    };

    il_name(&m.state, "state");
    il_name(&m.guard, "mutex guard");
    il_name(&c.guard, "cond guard");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
