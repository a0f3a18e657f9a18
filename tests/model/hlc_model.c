/* The hybrid clock that all threads of a node share: no two get the same time, time does not go
 * back, and whoever heard of a time gets a later one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/assert.h"
#include "base/hlc.h"
#include "interleave.h"

#define WALL (HLC_START_UNIX_NS + UINT64_C(1000000000))

static struct hlc here, there;
static uint64_t got[3][2];
static uint64_t message; /* a time on its way to another thread */

static void begin(void)
{
    here.last = there.last = 0;
    for (int i = 0; i < 3; i++)
        got[i][0] = got[i][1] = 0;
    message = 0;
}

static void gets_twice(void)
{
    uint64_t *mine = got[il_self()];

    mine[0] = hlc_get(&here, WALL);
    mine[1] = hlc_get(&here, WALL);
    IL_CHECK(mine[1] > mine[0] && hlc_peek(&here) >= mine[1]);
}

static void raises(void)
{
    hlc_raise(&here, hlc_from_unix_ns(WALL + 5000000));
    got[il_self()][0] = hlc_get(&here, WALL);
    IL_CHECK(got[il_self()][0] > hlc_from_unix_ns(WALL + 5000000));
}

static void sends(void)
{
    got[il_self()][0] = hlc_get(&here, WALL + 9000000); /* its wall clock runs ahead */
    __atomic_store_n(&message, got[il_self()][0], __ATOMIC_RELAXED);
}

static void hears(void)
{
    uint64_t m = __atomic_load_n(&message, __ATOMIC_RELAXED);
    uint64_t mine = hlc_recv(&there, m, WALL);

    IL_CHECK(mine > m);
    /* of the same clock it would be later anyway */
    IL_CHECK(m == 0 || hlc_get(&here, WALL) > m);
}

static void all_different(void)
{
    for (int i = 0; i < 6; i++)
        for (int j = 0; j < i; j++)
            IL_CHECK(got[i / 2][i % 2] == 0 || got[i / 2][i % 2] != got[j / 2][j % 2]);
}

#define SCENE(title, ...)                                                                          \
    {                                                                                              \
        .name = title, .setup = begin, .check = all_different, .actor = {__VA_ARGS__},             \
        .actor_name = {                                                                            \
            "a",                                                                                   \
            "b",                                                                                   \
            "c"                                                                                    \
        }                                                                                          \
    }
static const struct il_scene three = SCENE("three get times", gets_twice, gets_twice, gets_twice);
static const struct il_scene raised = SCENE("two get, one raises", gets_twice, raises, raises);
static const struct il_scene heard = SCENE("a time is passed on", sends, hears, gets_twice);

static void times_are_unique_and_grow(void **state)
{
    il_holds(&three);
    il_holds(&raised);
    il_holds(&heard);
}

static void every_operation_is_needed(void **state)
{
    static const struct il_scene *const scenes[] = {&heard, &raised, &three};
    static const char *const functions[] = {"hlc_recv", "hlc_raise", "hlc_peek", NULL};
    static const char nothing[] = "a time is all there is to it: nothing is published with one";
    static const struct il_excuse excuses[] = {
        {"hlc_recv: compare-and-swap #1: does not release", nothing},
        {"hlc_recv: compare-and-swap #1: does not acquire", nothing},
        {"hlc_raise: compare-and-swap #1: does not release", nothing},
        {"hlc_raise: compare-and-swap #1: does not acquire", nothing},
        {"hlc_peek: load #1: does not acquire", nothing},
    };

    il_bites(scenes, ARRAY_LEN(scenes), functions, excuses, ARRAY_LEN(excuses));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(times_are_unique_and_grow),
        cmocka_unit_test(every_operation_is_needed),
    };

    il_name(&here.last, "here");
    il_name(&there.last, "there");
    il_name(&message, "message");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
