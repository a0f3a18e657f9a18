/* The checker on scenes whose outcome is known: the litmus tests of weak memory, races, memory that
 * is gone, lost wake-ups. What is allowed is found, what is forbidden is not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "interleave.h"
#include "rt/priv.h"
#include "rt/wait.h"

static int x, y, z, w, plain, r[4];
static int order_store, order_load, order_fence; /* of the scene at hand; chosen outside of it */

#define LOAD(p)     __atomic_load_n((p), order_load)
#define STORE(p, v) __atomic_store_n((p), (v), order_store)

static void zero(void)
{
    x = y = z = w = plain = 0;
    for (int i = 0; i < 4; i++)
        r[i] = -1;
}

/* Litmus outcomes are sought: a scene breaks if the outcome is possible. */
static void possible(const struct il_scene *s, int st, int ld, int fence, bool yes)
{
    order_store = st;
    order_load = ld;
    order_fence = fence;
    if (yes)
        il_breaks(s, "outcome");
    else
        il_holds(s);
}

static void fence(void)
{
    switch (order_fence) {
    case __ATOMIC_SEQ_CST:
        __atomic_thread_fence(__ATOMIC_SEQ_CST);
        break;
    case __ATOMIC_RELEASE:
        __atomic_thread_fence(__ATOMIC_RELEASE);
        break;
    case __ATOMIC_ACQUIRE:
        __atomic_thread_fence(__ATOMIC_ACQUIRE);
        break;
    }
}

/* ---- Store buffering: both look before they see the other's flag ---- */

static void sb_a(void)
{
    STORE(&x, 1);
    fence();
    r[0] = LOAD(&y);
}

static void sb_b(void)
{
    STORE(&y, 1);
    fence();
    r[1] = LOAD(&x);
}

static void sb_check(void)
{
    if (r[0] == 0 && r[1] == 0)
        il_violation("outcome");
}

static const struct il_scene sb = {.name = "store buffering",
                                   .setup = zero,
                                   .actor = {sb_a, sb_b},
                                   .actor_name = {"a", "b"},
                                   .check = sb_check};

static void store_buffering_needs_seq_cst(void **state)
{
    possible(&sb, __ATOMIC_RELAXED, __ATOMIC_RELAXED, 0, true);
    possible(&sb, __ATOMIC_RELEASE, __ATOMIC_ACQUIRE, 0, true);
    possible(&sb, __ATOMIC_RELEASE, __ATOMIC_ACQUIRE, __ATOMIC_RELEASE, true);
    possible(&sb, __ATOMIC_SEQ_CST, __ATOMIC_ACQUIRE, 0, true);
    possible(&sb, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST, 0, false);
    possible(&sb, __ATOMIC_RELAXED, __ATOMIC_RELAXED, __ATOMIC_SEQ_CST, false);
}

static void sb_rmw_a(void)
{
    __atomic_exchange_n(&x, 1, __ATOMIC_ACQ_REL);
    r[0] = LOAD(&y);
}

static void sb_rmw_b(void)
{
    __atomic_exchange_n(&y, 1, __ATOMIC_ACQ_REL);
    r[1] = LOAD(&x);
}

static const struct il_scene sb_rmw = {.name = "store buffering, exchanges",
                                       .setup = zero,
                                       .actor = {sb_rmw_a, sb_rmw_b},
                                       .actor_name = {"a", "b"},
                                       .check = sb_check};

/* An acq_rel exchange is no fence, though x86 makes one of it. */
static void an_exchange_is_no_fence(void **state)
{
    possible(&sb_rmw, 0, __ATOMIC_ACQUIRE, 0, true);
}

/* ---- Message passing ---- */

static void mp_a(void)
{
    __atomic_store_n(&x, 1, __ATOMIC_RELAXED);
    if (order_fence)
        __atomic_thread_fence(__ATOMIC_RELEASE);
    STORE(&y, 1);
}

static void mp_b(void)
{
    r[0] = LOAD(&y);
    if (order_fence)
        __atomic_thread_fence(__ATOMIC_ACQUIRE);
    r[1] = __atomic_load_n(&x, __ATOMIC_RELAXED);
}

static void mp_check(void)
{
    if (r[0] == 1 && r[1] == 0)
        il_violation("outcome");
}

static const struct il_scene mp = {.name = "message passing",
                                   .setup = zero,
                                   .actor = {mp_a, mp_b},
                                   .actor_name = {"a", "b"},
                                   .check = mp_check};

static void message_passing_needs_release_and_acquire(void **state)
{
    possible(&mp, __ATOMIC_RELAXED, __ATOMIC_ACQUIRE, 0, true);
    possible(&mp, __ATOMIC_RELEASE, __ATOMIC_RELAXED, 0, true);
    possible(&mp, __ATOMIC_RELEASE, __ATOMIC_ACQUIRE, 0, false);
    possible(&mp, __ATOMIC_RELAXED, __ATOMIC_RELAXED, 1, false);
}

/* ---- Two readers may disagree about two writers, unless all is seq_cst ---- */

static void iriw_x(void)
{
    STORE(&x, 1);
}

static void iriw_y(void)
{
    STORE(&y, 1);
}

static void iriw_xy(void)
{
    r[0] = LOAD(&x);
    r[1] = LOAD(&y);
}

static void iriw_yx(void)
{
    r[2] = LOAD(&y);
    r[3] = LOAD(&x);
}

static void iriw_check(void)
{
    if (r[0] == 1 && r[1] == 0 && r[2] == 1 && r[3] == 0)
        il_violation("outcome");
}

static const struct il_scene iriw = {.name = "independent reads of independent writes",
                                     .setup = zero,
                                     .actor = {iriw_x, iriw_y, iriw_xy, iriw_yx},
                                     .actor_name = {"x", "y", "xy", "yx"},
                                     .check = iriw_check};

static void readers_may_disagree(void **state)
{
    possible(&iriw, __ATOMIC_RELEASE, __ATOMIC_ACQUIRE, 0, true);
    possible(&iriw, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST, 0, false);
}

/* ---- Two stores each, in crossed order: each may be the first ---- */

static void cross_a(void)
{
    STORE(&x, 1);
    fence();
    STORE(&y, 2);
}

static void cross_b(void)
{
    STORE(&y, 1);
    fence();
    STORE(&x, 2);
}

static void cross_check(void)
{
    if (x == 1 && y == 1)
        il_violation("outcome");
}

static const struct il_scene cross = {.name = "two stores each",
                                      .setup = zero,
                                      .actor = {cross_a, cross_b},
                                      .actor_name = {"a", "b"},
                                      .check = cross_check};

static void stores_may_be_late(void **state)
{
    possible(&cross, __ATOMIC_RELEASE, 0, 0, true);
    possible(&cross, __ATOMIC_SEQ_CST, 0, 0, false);
    possible(&cross, __ATOMIC_RELAXED, 0, __ATOMIC_SEQ_CST, false);
}

/* ---- One location never goes back ---- */

static void corr_a(void)
{
    __atomic_store_n(&x, 1, __ATOMIC_RELAXED);
    __atomic_store_n(&x, 2, __ATOMIC_RELAXED);
}

static void corr_b(void)
{
    r[0] = __atomic_load_n(&x, __ATOMIC_RELAXED);
    r[1] = __atomic_load_n(&x, __ATOMIC_RELAXED);
    IL_CHECK(r[1] >= r[0]);
}

static void one_location_does_not_go_back(void **state)
{
    static const struct il_scene s = {.name = "coherence",
                                      .setup = zero,
                                      .actor = {corr_a, corr_b, corr_b},
                                      .actor_name = {"a", "b", "c"}};

    /* r[] is shared by two readers that do not agree about it: that is a race, and found */
    il_breaks(&s, "races");
    il_holds(&(struct il_scene){
        .name = "coherence", .setup = zero, .actor = {corr_a, corr_b}, .actor_name = {"a", "b"}});
}

/* ---- Release sequences: a read-modify-write in between hands on what the store released ---- */

static void seq_a(void)
{
    plain = 1;
    __atomic_store_n(&x, 1, __ATOMIC_RELEASE);
}

static void seq_b(void)
{
    __atomic_fetch_add(&x, 1, __ATOMIC_RELAXED);
}

static void seq_b_store(void)
{
    if (__atomic_load_n(&x, __ATOMIC_RELAXED) == 1)
        __atomic_store_n(&x, 2, __ATOMIC_RELAXED);
}

static void seq_c(void)
{
    if (__atomic_load_n(&x, __ATOMIC_ACQUIRE) == 2)
        IL_CHECK(plain == 1);
}

static void release_sequences_pass_through_rmws(void **state)
{
    struct il_scene s = {.name = "release sequence",
                         .setup = zero,
                         .actor = {seq_a, seq_b, seq_c},
                         .actor_name = {"a", "b", "c"}};

    il_holds(&s);
    s.actor[1] = seq_b_store;
    il_breaks(&s, "a plain read races: plain");
}

/* ---- Plain data ---- */

static void pub_a(void)
{
    plain = 1;
    STORE(&x, 1);
}

static void pub_b(void)
{
    if (LOAD(&x))
        IL_CHECK(plain == 1);
}

static void plain_b(void)
{
    plain++;
}

static void plain_data_is_watched(void **state)
{
    struct il_scene s = {
        .name = "publication", .setup = zero, .actor = {pub_a, pub_b}, .actor_name = {"a", "b"}};

    order_store = __ATOMIC_RELEASE;
    order_load = __ATOMIC_ACQUIRE;
    il_holds(&s);
    order_store = __ATOMIC_RELAXED;
    il_breaks(&s, "a plain read races: plain");
    order_store = __ATOMIC_RELEASE;
    order_load = __ATOMIC_RELAXED;
    il_breaks(&s, "a plain read races: plain");
    s.actor[1] = plain_b;
    il_breaks(&s, "races: plain");
}

static void mixed_b(void)
{
    x = 2;
}

static void plain_and_atomic_access_race(void **state)
{
    struct il_scene s = {
        .name = "mixed", .setup = zero, .actor = {corr_a, mixed_b}, .actor_name = {"a", "b"}};

    il_breaks(&s, "races");
}

/* ---- Lost updates, memory that is gone, lost wake-ups ---- */

static void adds(void)
{
    __atomic_fetch_add(&x, 1, __ATOMIC_RELAXED);
}

static void adds_badly(void)
{
    __atomic_store_n(&x, __atomic_load_n(&x, __ATOMIC_RELAXED) + 1, __ATOMIC_RELAXED);
}

static void three(void)
{
    IL_CHECK(__atomic_load_n(&x, __ATOMIC_RELAXED) == 3);
}

static void updates_are_lost(void **state)
{
    struct il_scene s = {.name = "three adders",
                         .setup = zero,
                         .actor = {adds, adds, adds},
                         .actor_name = {"a", "b", "c"},
                         .check = three};

    il_holds(&s);
    s.actor[1] = adds_badly;
    il_breaks(&s, "check failed");
}

static struct object {
    int flag, other;
} object;

static void object_zero(void)
{
    object.flag = object.other = 0;
    zero();
}

static void uses_then_flags(void)
{
    object.other = 1;
    __atomic_store_n(&object.flag, 1, __ATOMIC_RELEASE);
}

static void flags_then_uses(void)
{
    __atomic_store_n(&object.flag, 1, __ATOMIC_RELEASE);
    __atomic_load_n(&object.other, __ATOMIC_RELAXED);
}

static void waits_and_frees(void)
{
    while (!__atomic_load_n(&object.flag, __ATOMIC_ACQUIRE))
        il_pause();
    il_dead(&object, sizeof(object));
}

static void frees_and_flags(void)
{
    il_dead(&object, sizeof(object));
    __atomic_store_n(&x, 1, __ATOMIC_RELEASE);
}

static void waits_and_uses(void)
{
    while (!__atomic_load_n(&x, __ATOMIC_ACQUIRE))
        il_pause();
    object.other = 1;
}

static void memory_that_is_gone(void **state)
{
    struct il_scene s = {.name = "free",
                         .setup = object_zero,
                         .actor = {uses_then_flags, waits_and_frees},
                         .actor_name = {"user", "owner"}};

    il_holds(&s);
    s.actor[0] = flags_then_uses;
    il_breaks(&s, "races"); /* freeing is a write */
    s.actor[0] = waits_and_uses;
    s.actor[1] = frees_and_flags;
    il_breaks(&s, "touches memory that is gone");
}

static int *on_stack;

static void stack_zero(void)
{
    on_stack = NULL;
    zero();
}

static __attribute__((noinline)) void offers(void)
{
    int mine = 0;

    __atomic_store_n(&on_stack, &mine, __ATOMIC_RELEASE);
    if (order_fence)
        while (!__atomic_load_n(&mine, __ATOMIC_ACQUIRE))
            il_pause();
}

static void offerer(void)
{
    offers();
    adds();
}

static void taker(void)
{
    int *p = __atomic_load_n(&on_stack, __ATOMIC_ACQUIRE);

    if (p)
        __atomic_store_n(p, 1, __ATOMIC_RELEASE);
}

static void stacks_of_functions_that_returned(void **state)
{
    struct il_scene s = {.name = "stack",
                         .setup = stack_zero,
                         .actor = {offerer, taker},
                         .actor_name = {"offerer", "taker"},
                         .may_remain = {true}};

    order_fence = 1;
    il_holds(&s);
    order_fence = 0;
    il_breaks(&s, "returned");
}

static uint32_t word;

static void word_zero(void)
{
    word = 0;
}

static void sleeper(void)
{
    while (!__atomic_load_n(&word, __ATOMIC_ACQUIRE))
        futex_wait(&word, 0, UINT64_MAX);
}

static void waker(void)
{
    __atomic_store_n(&word, 1, __ATOMIC_RELEASE);
    futex_wake_all(&word);
}

static void forgetful(void)
{
    __atomic_store_n(&word, 1, __ATOMIC_RELEASE);
}

static void wakes_too_early(void)
{
    futex_wake_all(&word);
    __atomic_store_n(&word, 1, __ATOMIC_RELEASE);
}

static void wake_ups_are_lost(void **state)
{
    struct il_scene s = {.name = "futex",
                         .setup = word_zero,
                         .actor = {sleeper, waker},
                         .actor_name = {"sleeper", "waker"}};

    il_holds(&s);
    s.actor[1] = forgetful;
    il_breaks(&s, "waits for ever: sleeper");
    s.actor[1] = wakes_too_early;
    il_breaks(&s, "waits for ever: sleeper");
}

/* ---- A lock of two flags (Peterson): all its orders are needed, and each mutant is noticed ----
 */

static void peterson(int *mine, int *other, int turn)
{
    __atomic_store_n(mine, 1, __ATOMIC_SEQ_CST);
    __atomic_store_n(&z, turn, __ATOMIC_SEQ_CST);
    while (__atomic_load_n(other, __ATOMIC_SEQ_CST) &&
           __atomic_load_n(&z, __ATOMIC_SEQ_CST) == turn)
        il_pause();
    plain++;
    __atomic_store_n(mine, 0, __ATOMIC_RELEASE);
}

static void peterson_a(void)
{
    peterson(&x, &y, 1);
}

static void peterson_b(void)
{
    peterson(&y, &x, 2);
}

static void two(void)
{
    IL_CHECK(plain == 2);
}

static void mutants_are_noticed(void **state)
{
    static const struct il_scene s = {.name = "two flags",
                                      .setup = zero,
                                      .actor = {adds, adds},
                                      .actor_name = {"a", "b"},
                                      .check = NULL};
    static const struct il_scene *const none[] = {&s};
    static const char *const functions[] = {"adds", NULL};
    static const struct il_excuse excuse[] = {
        {"adds: read-modify-write #1: torn", "nobody looks at the sum"}};

    il_bites(none, 1, functions, excuse, 1);
}

static void a_lock_of_two_flags(void **state)
{
    static const struct il_scene s = {.name = "two flags",
                                      .setup = zero,
                                      .actor = {peterson_a, peterson_b},
                                      .actor_name = {"a", "b"},
                                      .check = two};
    static const struct il_scene *const scenes[] = {&s};
    static const char *const functions[] = {"peterson", NULL};
    static const struct il_excuse excuse[] = {
        {"peterson: load #2: not seq_cst", "whoever goes on by it is the first of this one round"},
        {"peterson: load #2: does not acquire", "so there is nothing to acquire"},
    };

    il_holds(&s);
    il_bites(scenes, 1, functions, excuse, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(store_buffering_needs_seq_cst),
        cmocka_unit_test(an_exchange_is_no_fence),
        cmocka_unit_test(message_passing_needs_release_and_acquire),
        cmocka_unit_test(readers_may_disagree),
        cmocka_unit_test(stores_may_be_late),
        cmocka_unit_test(one_location_does_not_go_back),
        cmocka_unit_test(release_sequences_pass_through_rmws),
        cmocka_unit_test(plain_data_is_watched),
        cmocka_unit_test(plain_and_atomic_access_race),
        cmocka_unit_test(updates_are_lost),
        cmocka_unit_test(memory_that_is_gone),
        cmocka_unit_test(stacks_of_functions_that_returned),
        cmocka_unit_test(wake_ups_are_lost),
        cmocka_unit_test(mutants_are_noticed),
        cmocka_unit_test(a_lock_of_two_flags),
    };

    il_name(&plain, "plain");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
