/*
 * The call queue with the wake-up protocol of an xstream around it: posters, one that rouses, and a
 * consumer that takes and sleeps. Nothing is lost, each poster's order is kept, what a call carries
 * is visible, and no wake-up is lost.
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

struct carried {
    struct rt_call call;
    int poster, number, payload;
};

static struct callq q;
static struct carried sent[2][2];
static int sends[2];
static int work; /* a poller's, published by a rouser */
static uint32_t wake_word;
static int got[2], expected, rousers;

static void begin(void)
{
    q.head = 0;
    for (int p = 0; p < 2; p++) {
        for (int i = 0; i < 2; i++)
            sent[p][i] = (struct carried){.poster = p, .number = i};
        got[p] = 0;
    }
    work = 0;
    wake_word = 0;
}

/* As real_wake(), wake_owed() and xs_sleep() of rt/world_real.c, which need a machine to run on. */

static void wake(void)
{
    __atomic_store_n(&wake_word, 1, __ATOMIC_RELEASE);
    futex_wake_all(&wake_word);
}

static bool seen_work(void)
{
    return __atomic_load_n(&work, __ATOMIC_RELAXED) == rousers;
}

static void sleep_now(void)
{
    unsigned tries = 0;

    if (!callq_sleep(&q))
        return;
    if (!seen_work() || got[0] + got[1] < expected)
        futex_wait(&wake_word, 0, UINT64_MAX);
    if (callq_awake(&q))
        return;
    while (!__atomic_load_n(&wake_word, __ATOMIC_ACQUIRE))
        spin_pause(&tries);
    __atomic_store_n(&wake_word, 0, __ATOMIC_RELAXED);
}

static void take_all(void)
{
    struct rt_call *c = callq_take(&q), *next;

    for (; c; c = next) {
        struct carried *m = CONTAINER_OF(c, struct carried, call);

        next = c->next;
        IL_CHECK(m->payload == 42);
        IL_CHECK(m->number == got[m->poster]);
        got[m->poster]++;
        il_dead(m, sizeof(*m)); /* it is the consumer's now */
    }
}

static void consumer(void)
{
    for (;;) {
        take_all();
        if (got[0] + got[1] == expected && seen_work())
            return;
        sleep_now();
    }
}

static void posts(int poster)
{
    for (int i = 0; i < sends[poster]; i++) {
        sent[poster][i].payload = 42;
        if (callq_push(&q, &sent[poster][i].call) == CALLQ_WAS_ASLEEP)
            wake();
    }
}

static void poster_a(void)
{
    posts(0);
}

static void poster_b(void)
{
    posts(1);
}

static void rouser(void)
{
    __atomic_fetch_add(&work, 1, __ATOMIC_RELAXED);
    if (callq_rouse(&q))
        wake();
}

/* A rouser that only looks: what is wrong with it is found. */
static void looks_only(void)
{
    __atomic_fetch_add(&work, 1, __ATOMIC_RELAXED);
    if (__atomic_load_n(&q.head, __ATOMIC_SEQ_CST) == CALLQ_ASLEEP && callq_rouse(&q))
        wake();
}

/* ---- Scenes ---- */

static void play(int a, int b, int r)
{
    sends[0] = a;
    sends[1] = b;
    expected = a + b;
    rousers = r;
    begin();
}

static void post_2(void)
{
    play(2, 0, 0);
}

static void post_1_1(void)
{
    play(1, 1, 0);
}

static void post_2_1(void)
{
    play(2, 1, 0);
}

static void post_2_2(void)
{
    play(2, 2, 0);
}

static void rouse(void)
{
    play(0, 0, 1);
}

static void post_1_rouse(void)
{
    play(1, 0, 1);
}

static void post_2_rouse(void)
{
    play(2, 0, 1);
}

#define SCENE(title, fn, ...)                                                                      \
    {                                                                                              \
        .name = title, .setup = fn, .actor = {consumer, __VA_ARGS__}, .actor_name = {              \
            "consumer",                                                                            \
            "first",                                                                               \
            "second"                                                                               \
        }                                                                                          \
    }
static const struct il_scene one_poster = SCENE("two calls", post_2, poster_a);
static const struct il_scene two_posters = SCENE("one call each", post_1_1, poster_a, poster_b);
static const struct il_scene more_posts = SCENE("two calls and one", post_2_1, poster_a, poster_b);
static const struct il_scene most_posts = SCENE("two calls each", post_2_2, poster_a, poster_b);
static const struct il_scene one_rouser = SCENE("a rouser", rouse, rouser);
static const struct il_scene both = SCENE("a call and a rouser", post_1_rouse, poster_a, rouser);
static const struct il_scene more_of_both =
    SCENE("two calls and a rouser", post_2_rouse, poster_a, rouser);
static const struct il_scene hasty = SCENE("a rouser that only looks", rouse, looks_only);

static void posters_do_not_disturb_each_other(void **state)
{
    il_holds(&one_poster);
    il_holds(&two_posters);
    il_holds(&more_posts);
    if (getenv("TARN_CHECK_LONG"))
        il_holds(&most_posts);
}

static void rousing_is_never_too_late(void **state)
{
    il_holds(&one_rouser);
    il_breaks(&hasty, "waits for ever: consumer");
    il_holds(&both);
    if (getenv("TARN_CHECK_LONG"))
        il_holds(&more_of_both);
}

static void every_order_is_needed(void **state)
{
    static const struct il_scene *const scenes[] = {&one_poster, &one_rouser, &two_posters, &both};
    static const char *const functions[] = {"load",        "cas",        "callq_push",
                                            "callq_rouse", "callq_take", "callq_sleep",
                                            "callq_awake", NULL};

    /* stronger than they must be, which costs nothing on x86 and next to nothing elsewhere */
    static const char guess[] = "a first guess: the compare-and-swap decides, and acquires";
    static const char failed[] = "whoever fails goes back to what acquires";
    static const struct il_excuse excuses[] = {
        {"callq_push > load: load #1: does not acquire", guess},
        {"callq_rouse > load: load #1: does not acquire", guess},
        {"callq_take > load: load #1: does not acquire", "the exchange after it does"},
        {"callq_push > cas: compare-and-swap #1: does not acquire when it fails", failed},
        {"callq_rouse > cas: compare-and-swap #1: does not acquire when it fails", failed},
        {"callq_sleep > cas: compare-and-swap #1: does not acquire when it fails", failed},
        {"callq_awake > cas: compare-and-swap #1: does not acquire when it fails", failed},
        {"callq_awake > cas: compare-and-swap #1: does not acquire", "it finds its own mark"},
        {"callq_awake > cas: compare-and-swap #1: does not release",
         "a poster has nothing to learn"},
        {"callq_take: read-modify-write #1: does not release", "a poster has nothing to learn"},
    };

    il_bites(scenes, 4, functions, excuses, ARRAY_LEN(excuses));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(posters_do_not_disturb_each_other),
        cmocka_unit_test(rousing_is_never_too_late),
        cmocka_unit_test(every_order_is_needed),
    };

    il_name(&q.head, "head");
    il_name(&wake_word, "wake_word");
    il_name(&work, "work");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
