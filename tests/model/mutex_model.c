/*
 * The mutex, with the guard and the waiting below it: two holders never meet, each sees what the
 * last one wrote, nobody waits for ever, and whoever holds it last may free it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/assert.h"
#include "interleave.h"
#include "rt/priv.h"

static struct rt_mutex m;
static int held, times, users;

static void begin(void)
{
    m = (struct rt_mutex){0};
    held = times = 0;
    users = 0;
}

static void two_users(void)
{
    begin();
    users = 2;
}

static void three_users(void)
{
    begin();
    users = 3;
}

static void work(void)
{
    IL_CHECK(held == 0);
    held = 1;
    times++;
    held = 0;
}

static void locks(void)
{
    rt_mutex_lock(&m);
    work();
    rt_mutex_unlock(&m);
}

static void locks_twice(void)
{
    locks();
    locks();
}

static void tries(void)
{
    if (!rt_mutex_trylock(&m))
        return;
    work();
    rt_mutex_unlock(&m);
}

/* As objects with a count of their users do. */
static void leaves(void)
{
    bool last;

    rt_mutex_lock(&m);
    last = --users == 0;
    rt_mutex_unlock(&m);
    if (last)
        il_dead(&m, sizeof(m));
}

static void is_free(void)
{
    IL_CHECK(m.state == 0 && m.guard == 0 && m.head == NULL && m.tail == NULL);
}

#define SCENE(title, first, at_end, ...)                                                           \
    {                                                                                              \
        .name = title, .setup = first, .check = at_end, .actor = {__VA_ARGS__}, .actor_name = {    \
            "a",                                                                                   \
            "b",                                                                                   \
            "c"                                                                                    \
        }                                                                                          \
    }
static const struct il_scene two = SCENE("two lock", begin, is_free, locks, locks);
static const struct il_scene two_twice =
    SCENE("two lock twice", begin, is_free, locks_twice, locks_twice);
static const struct il_scene three_more = {.name = "three fibers lock, one of them twice",
                                           .setup = begin,
                                           .check = is_free,
                                           .actor = {locks_twice, locks, locks},
                                           .actor_name = {"a", "b", "c"},
                                           .fiber = {true, true, true}};
static const struct il_scene trying =
    SCENE("two lock, one tries", begin, is_free, locks, locks, tries);
static const struct il_scene two_leave = SCENE("two leave", two_users, NULL, leaves, leaves);
static const struct il_scene three_leave =
    SCENE("three leave", three_users, NULL, leaves, leaves, leaves);
static const struct il_scene with_fiber = {.name = "a fiber and a thread lock twice",
                                           .setup = begin,
                                           .check = is_free,
                                           .actor = {locks_twice, locks_twice},
                                           .actor_name = {"fiber", "thread"},
                                           .fiber = {true}};

static void holders_never_meet(void **state)
{
    il_holds(&two);
    il_holds(&two_twice);
    il_holds(&with_fiber);
    il_holds(&trying);
    if (getenv("TARN_CHECK_LONG"))
        il_holds(&three_more);
}

static void the_last_may_free_it(void **state)
{
    il_holds(&two_leave);
    il_holds(&three_leave);
}

static void every_order_is_needed(void **state)
{
    static const struct il_scene *const scenes[] = {&two, &two_leave, &two_twice, &trying};
    static const char *const functions[] = {"cas",
                                            "rt_mutex_trylock",
                                            "rt_mutex_lock",
                                            "lock_or_enlist",
                                            "rt_mutex_unlock",
                                            "guard_lock",
                                            "guard_unlock",
                                            NULL};

    il_bites(scenes, ARRAY_LEN(scenes), functions, NULL, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(holders_never_meet),
        cmocka_unit_test(the_last_may_free_it),
        cmocka_unit_test(every_order_is_needed),
    };

    il_name(&m.state, "state");
    il_name(&m.guard, "guard");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
