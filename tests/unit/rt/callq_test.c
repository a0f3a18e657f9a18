/* The queue of posted calls, without and with posters on other threads. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "help.h"
#include "rt/callq.h"

static void calls_come_out_in_the_order_they_went_in(void **state)
{
    struct rt_call c[3], *got;
    struct callq q = {0};

    assert_null(callq_take(&q));
    assert_int_equal(callq_push(&q, &c[0]), CALLQ_WAS_EMPTY);
    assert_int_equal(callq_push(&q, &c[1]), CALLQ_WAS_BUSY);
    assert_int_equal(callq_push(&q, &c[2]), CALLQ_WAS_BUSY);
    got = callq_take(&q);
    assert_ptr_equal(got, &c[0]);
    assert_ptr_equal(got->next, &c[1]);
    assert_ptr_equal(got->next->next, &c[2]);
    assert_null(c[2].next);
    assert_true(callq_empty(&q));
}

static void whoever_finds_the_consumer_asleep_owes_one_wake_up(void **state)
{
    struct callq q = {0};
    struct rt_call c[2];

    assert_false(callq_rouse(&q)); /* awake: nothing owed */
    assert_true(callq_sleep(&q));
    assert_true(callq_empty(&q));
    assert_int_equal(callq_push(&q, &c[0]), CALLQ_WAS_ASLEEP);
    assert_int_equal(callq_push(&q, &c[1]), CALLQ_WAS_BUSY);
    assert_false(callq_rouse(&q));
    assert_false(callq_awake(&q));
    assert_false(callq_sleep(&q)); /* there is work */
    assert_ptr_equal(callq_take(&q), &c[0]);
    assert_true(callq_sleep(&q));
    assert_true(callq_awake(&q)); /* nobody came */
    assert_true(callq_sleep(&q));
    assert_true(callq_rouse(&q));
    assert_false(callq_awake(&q));
}

#define POSTERS 3
#define EACH    20000

struct numbered {
    struct rt_call call; /* first */
    int poster, number;
};

static struct callq shared;
static struct numbered sent[POSTERS][EACH];

static void *post_all(void *arg)
{
    struct numbered *mine = arg;

    for (int i = 0; i < EACH; i++)
        callq_push(&shared, &mine[i].call);
    return NULL;
}

static void each_posters_order_is_kept(void **state)
{
    int next[POSTERS] = {0}, total = 0;
    pthread_t t[POSTERS];

    for (int p = 0; p < POSTERS; p++) {
        for (int i = 0; i < EACH; i++)
            sent[p][i].poster = p, sent[p][i].number = i;
        assert_int_equal(pthread_create(&t[p], NULL, post_all, sent[p]), 0);
    }
    while (total < POSTERS * EACH)
        for (struct rt_call *c = callq_take(&shared); c; c = c->next) {
            struct numbered *n = (struct numbered *)c;

            assert_int_equal(n->number, next[n->poster]++);
            total++;
        }
    for (int p = 0; p < POSTERS; p++)
        pthread_join(t[p], NULL);
    assert_null(callq_take(&shared));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(calls_come_out_in_the_order_they_went_in),
        cmocka_unit_test(whoever_finds_the_consumer_asleep_owes_one_wake_up),
        cmocka_unit_test(each_posters_order_is_kept),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
