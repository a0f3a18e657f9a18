/*
 * The seam: two nodes with their own clocks, stepped on one thread in virtual time. Hours pass at
 * once, the same seed gives the same story, and code that would wait where nobody can wake it is
 * stopped.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <stdio.h>

#include <daos_errno.h>

#include "help.h"

#define HOUR (UINT64_C(3600) * 1000 * MS)

static char story[4096];
static size_t told;

static void tell(const char *what, int n)
{
    told += (size_t)snprintf(story + told, sizeof(story) - told, "%s%d@%u ", what, n,
                             rt_xs_node(rt_xs_self()));
}

/* A server on node 1 answers requests of clients on node 0 after a drawn delay; some clients are
 * impatient. */
static struct rt_xs *server_xs;

struct request {
    int id;
    struct rt_event answered;
};

static void serves(void *arg)
{
    struct request *r = arg;

    tell("serve", r->id);
    rt_sleep_ns(rt_random() % 100 * MS);
    tell("answer", r->id);
    rt_event_set(&r->answered);
}

static void asks(void *arg)
{
    struct request r = {.id = (int)(uintptr_t)arg};

    assert_int_equal(rt_spawn_on(server_xs, serves, &r), 0);
    if (rt_event_wait_timeout(&r.answered, 50 * MS) == -DER_TIMEDOUT) {
        tell("late", r.id);
        rt_event_wait(&r.answered);
    }
    tell("got", r.id);
}

static void play(uint64_t seed, char out[sizeof(story)])
{
    struct rt_xs *client_xs;
    struct tiny t;

    told = 0;
    tiny_init(&t, seed);
    client_xs = tiny_xs(&t, 0);
    server_xs = tiny_xs(&t, 1);
    for (uintptr_t i = 0; i < 8; i++)
        assert_int_equal(rt_spawn_on(client_xs, asks, (void *)i), 0);
    tiny_run(&t);
    rt_xs_destroy(client_xs);
    rt_xs_destroy(server_xs);
    memcpy(out, story, sizeof(story));
}

static void the_same_seed_tells_the_same_story(void **state)
{
    static char a[sizeof(story)], b[sizeof(story)], c[sizeof(story)];

    play(1, a);
    play(1, b);
    play(2, c);
    assert_string_equal(a, b);
    assert_string_not_equal(a, c);
    assert_non_null(strstr(a, "got7@0"));
    assert_non_null(strstr(a, "late")); /* of 8 delays up to 100 ms some are over 50 */
}

static struct tiny *clocks;

static void sleeps_an_hour(void *arg)
{
    uint64_t start = rt_now_ns();

    assert_int_equal(start, tiny_mono(&clocks->world, rt_xs_node(rt_xs_self())));
    rt_sleep_ns(HOUR);
    assert_in_range(rt_now_ns() - start, HOUR, HOUR + MS);
}

static void hours_pass_at_once_on_clocks_that_differ(void **state)
{
    struct rt_xs *a, *b;
    struct tiny t;
    uint64_t real = rt_now_ns(), start;

    tiny_init(&t, 3);
    t.skew_ns[1] = 7 * (int64_t)MS;
    start = t.now_ns;
    clocks = &t;
    a = tiny_xs(&t, 0);
    b = tiny_xs(&t, 1);
    assert_int_equal(rt_spawn_on(a, sleeps_an_hour, NULL), 0);
    assert_int_equal(rt_spawn_on(b, sleeps_an_hour, NULL), 0);
    tiny_run(&t);
    assert_true(t.now_ns - start >= HOUR);
    assert_true(rt_now_ns() - real < HOUR); /* outside the world its clock is the machine's */
    rt_xs_destroy(a);
    rt_xs_destroy(b);
}

/* The same client code locks and waits in both worlds. */
static struct rt_mutex m;
static struct rt_cond changed;
static int turn, turns;

static void takes_turns(void *arg)
{
    int me = (int)(uintptr_t)arg;

    for (int i = 0; i < 50; i++) {
        rt_mutex_lock(&m);
        while (turn != me)
            rt_cond_wait(&changed, &m);
        turn = (turn + 1) % 4;
        turns++;
        rt_yield();
        rt_cond_broadcast(&changed);
        rt_mutex_unlock(&m);
    }
}

static void locks_and_conditions_work_between_nodes(void **state)
{
    struct rt_xs *xs[2];
    struct tiny t;

    tiny_init(&t, 4);
    turn = turns = 0;
    xs[0] = tiny_xs(&t, 0);
    xs[1] = tiny_xs(&t, 1);
    for (uintptr_t i = 0; i < 4; i++)
        assert_int_equal(rt_spawn_on(xs[i % 2], takes_turns, (void *)i), 0);
    tiny_run(&t);
    assert_int_equal(turns, 200);
    assert_true(t.woken > 0); /* the world heard of work from elsewhere */
    rt_xs_destroy(xs[0]);
    rt_xs_destroy(xs[1]);
}

static void destroys(void *xs)
{
    rt_xs_destroy(xs);
}

static void a_fiber_destroys_the_other_node(void **state)
{
    struct rt_xs *a, *b;
    struct tiny t;

    tiny_init(&t, 5);
    clocks = &t;
    a = tiny_xs(&t, 0);
    b = tiny_xs(&t, 1);
    assert_int_equal(rt_spawn_on(b, sleeps_an_hour, NULL), 0);
    assert_int_equal(rt_spawn_on(a, destroys, b), 0);
    tiny_run(&t);
    assert_null(t.xs[1]);
    rt_xs_destroy(a);
}

static struct tiny doomed;

static void waits_outside(void)
{
    struct rt_event ev = RT_EVENT_INIT;

    tiny_init(&doomed, 6);
    tiny_xs(&doomed, 0);
    rt_event_wait(&ev);
}

static void waits_for_ever(void *arg)
{
    struct rt_event ev = RT_EVENT_INIT;

    rt_event_wait(&ev);
}

static void destroys_what_never_ends(void)
{
    struct rt_xs *xs;

    tiny_init(&doomed, 7);
    xs = tiny_xs(&doomed, 0);
    rt_spawn_on(xs, waits_for_ever, NULL);
    rt_xs_destroy(xs);
}

static void waiting_where_nobody_can_wake_is_caught(void **state)
{
    assert_true(aborts(waits_outside));
    assert_true(aborts(destroys_what_never_ends));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_seed_tells_the_same_story),
        cmocka_unit_test(hours_pass_at_once_on_clocks_that_differ),
        cmocka_unit_test(locks_and_conditions_work_between_nodes),
        cmocka_unit_test(a_fiber_destroys_the_other_node),
        cmocka_unit_test(waiting_where_nobody_can_wake_is_caught),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
