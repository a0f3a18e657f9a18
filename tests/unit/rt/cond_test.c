/* Conditions: a bounded queue between producers and consumers of both kinds, and timeouts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <daos_errno.h>

#include "help.h"

#define ROOM  4
#define ITEMS 3000

static struct rt_mutex m;
static struct rt_cond not_full, not_empty;
static int held, produced, consumed, to_produce, to_consume;
static uint64_t sum_in, sum_out;
static int slots[ROOM], head;

static void produces(void *arg)
{
    rt_mutex_lock(&m);
    while (to_produce > 0) {
        to_produce--;
        while (held == ROOM)
            rt_cond_wait(&not_full, &m);
        slots[(head + held++) % ROOM] = ++produced;
        sum_in += (uint64_t)produced;
        rt_cond_signal(&not_empty);
    }
    rt_mutex_unlock(&m);
}

static void consumes(void *arg)
{
    rt_mutex_lock(&m);
    while (to_consume > 0) {
        to_consume--;
        while (held == 0)
            rt_cond_wait(&not_empty, &m);
        sum_out += (uint64_t)slots[head];
        head = (head + 1) % ROOM;
        held--;
        consumed++;
        rt_cond_signal(&not_full);
    }
    rt_mutex_unlock(&m);
}

static void *thread_produces(void *arg)
{
    produces(arg);
    return NULL;
}

static void *thread_consumes(void *arg)
{
    consumes(arg);
    return NULL;
}

static void a_bounded_queue_passes_everything_once(void **state)
{
    struct rt_xs *a = real_xs(0, true), *b = real_xs(20, false);
    pthread_t t[2];

    to_produce = to_consume = ITEMS;
    for (int i = 0; i < 3; i++) {
        assert_int_equal(rt_spawn_on(a, produces, NULL), 0);
        assert_int_equal(rt_spawn_on(b, consumes, NULL), 0);
    }
    assert_int_equal(pthread_create(&t[0], NULL, thread_produces, NULL), 0);
    assert_int_equal(pthread_create(&t[1], NULL, thread_consumes, NULL), 0);
    pthread_join(t[0], NULL);
    pthread_join(t[1], NULL);
    rt_xs_destroy(a);
    rt_xs_destroy(b);
    assert_int_equal(consumed, ITEMS);
    assert_int_equal(sum_in, sum_out);
    assert_int_equal(held, 0);
}

static bool go;
static int gone;

static void waits_for_go(void *arg)
{
    rt_mutex_lock(&m);
    while (!go)
        rt_cond_wait(&not_full, &m);
    gone++;
    rt_mutex_unlock(&m);
}

static void broadcast_wakes_all(void **state)
{
    struct rt_xs *a = real_xs(0, true);

    rt_cond_init(&not_full);
    for (int i = 0; i < 10; i++)
        assert_int_equal(rt_spawn_on(a, waits_for_go, NULL), 0);
    rt_sleep_ns(MS);
    rt_mutex_lock(&m);
    go = true;
    rt_cond_broadcast(&not_full);
    rt_mutex_unlock(&m);
    rt_xs_destroy(a);
    assert_int_equal(gone, 10);
}

static void times_out(void *arg)
{
    rt_mutex_lock(&m);
    assert_int_equal(rt_cond_wait_timeout(&not_empty, &m, MS), -DER_TIMEDOUT);
    assert_false(rt_mutex_trylock(&m)); /* we hold it again */
    rt_mutex_unlock(&m);
}

static void a_timeout_holds_the_mutex_again_and_leaves_the_list(void **state)
{
    struct rt_xs *a = real_xs(0, false);

    rt_cond_init(&not_empty);
    run_on(a, times_out, NULL);
    times_out(NULL);
    rt_xs_destroy(a);
    assert_null(not_empty.head);
    assert_null(not_empty.tail);
}

static int signals_seen;

static void waits_shortly(void *arg)
{
    rt_mutex_lock(&m);
    if (rt_cond_wait_timeout(&not_empty, &m, (uint64_t)(uintptr_t)arg * 1000) == 0)
        signals_seen++;
    rt_mutex_unlock(&m);
}

/* A signal is never swallowed by a waiter that reports a timeout. */
static void signals_race_with_timeouts(void **state)
{
    struct rt_xs *a = real_xs(20, false);
    int sent = 0;

    for (uintptr_t i = 1; i <= 300; i++)
        assert_int_equal(rt_spawn_on(a, waits_shortly, (void *)i), 0);
    for (int i = 0; i < 2000; i++) {
        rt_mutex_lock(&m);
        if (not_empty.head) {
            rt_cond_signal(&not_empty);
            sent++;
        }
        rt_mutex_unlock(&m);
    }
    rt_xs_destroy(a);
    assert_true(signals_seen <= sent); /* a waiter may leave between our look and the signal */
    assert_null(not_empty.head);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_bounded_queue_passes_everything_once),
        cmocka_unit_test(broadcast_wakes_all),
        cmocka_unit_test(a_timeout_holds_the_mutex_again_and_leaves_the_list),
        cmocka_unit_test(signals_race_with_timeouts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
