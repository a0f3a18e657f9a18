/* Events and queues, with operations that the test ends itself. */
#include "fake_embed.h"
#include <pthread.h>
#include <string.h>
#include <unistd.h>
#include "client/event.h"
#include "client/impl.h"

static struct ev_run launch(daos_event_t *ev)
{
    struct ev_run run;

    assert_int_equal(event_launch(client_current(), ev, &run), 0);
    return run;
}

static int launch_rc(daos_event_t *ev)
{
    struct ev_run run;
    int rc = event_launch(client_current(), ev, &run);

    assert_int_not_equal(rc, 0);
    return rc;
}

static void an_operation_is_polled_once_and_its_event_used_again(void **state)
{
    daos_event_t ev, *got[4];
    daos_handle_t eq;
    struct ev_run run;
    int i;

    (void)state;
    assert_int_equal(daos_eq_create(&eq), 0);
    assert_int_equal(daos_event_init(&ev, eq, NULL), 0);
    for (i = 0; i < 3; i++) {
        run = launch(&ev);
        assert_int_equal(launch_rc(&ev), -DER_NO_PERM);
        assert_int_equal(daos_event_fini(&ev), -DER_BUSY);
        assert_int_equal(daos_event_abort(&ev), 0);
        assert_int_equal(daos_eq_poll(eq, 0, DAOS_EQ_NOWAIT, 4, got), 0);
        assert_int_equal(daos_eq_query(eq, DAOS_EQR_WAITING, 0, NULL), 1);
        event_done(&run, i == 1 ? -DER_NOSPACE : 0);
        assert_int_equal(daos_eq_query(eq, DAOS_EQR_ALL, 4, got), 1);
        assert_ptr_equal(got[0], &ev);
        assert_int_equal(daos_eq_destroy(eq, 0), -DER_BUSY);
        assert_int_equal(daos_eq_poll(eq, 1, DAOS_EQ_WAIT, 4, got), 1);
        assert_ptr_equal(got[0], &ev);
        assert_int_equal(ev.ev_error, i == 1 ? -DER_NOSPACE : 0);
        assert_int_equal(daos_eq_poll(eq, 1, DAOS_EQ_WAIT, 4, got), 0);
    }
    assert_int_equal(daos_event_abort(&ev), -DER_NO_PERM);
    assert_int_equal(daos_event_fini(&ev), 0);
    assert_int_equal(daos_eq_destroy(eq, 0), 0);
    assert_int_equal(daos_eq_destroy(eq, 0), -DER_NONEXIST);
    assert_int_equal(daos_eq_poll(eq, 0, 0, 4, got), -DER_NONEXIST);
}

static void bad_arguments(void **state)
{
    daos_event_t ev, *got[1];
    daos_handle_t eq;
    bool flag;

    (void)state;
    assert_int_equal(daos_eq_create(NULL), -DER_INVAL);
    assert_int_equal(daos_eq_create(&eq), 0);
    assert_int_equal(daos_eq_poll(eq, 0, 0, 0, got), -DER_INVAL);
    assert_int_equal(daos_eq_poll(eq, 0, 0, 1, NULL), -DER_INVAL);
    assert_int_equal(daos_eq_query(eq, 0, 0, NULL), -DER_INVAL);
    assert_int_equal(daos_eq_query((daos_handle_t){12345}, DAOS_EQR_ALL, 0, NULL), -DER_NONEXIST);
    assert_int_equal(daos_event_init(&ev, (daos_handle_t){12345}, NULL), -DER_NONEXIST);
    assert_int_equal(daos_event_init(NULL, eq, NULL), -DER_INVAL);
    memset(&ev, 0, sizeof(ev));
    assert_int_equal(launch_rc(&ev), -DER_UNINIT);
    assert_int_equal(daos_event_test(&ev, 0, &flag), -DER_INVAL);
    assert_int_equal(daos_eq_destroy(eq, 7), -DER_INVAL);
    assert_int_equal(daos_eq_destroy(eq, 0), 0);
}

static void an_event_without_a_queue_is_tested(void **state)
{
    daos_event_t ev;
    struct ev_run run;
    bool flag = true;

    (void)state;
    assert_int_equal(daos_event_init(&ev, DAOS_HDL_INVAL, NULL), 0);
    run = launch(&ev);
    assert_int_equal(daos_event_test(&ev, DAOS_EQ_NOWAIT, &flag), 0);
    assert_false(flag);
    assert_int_equal(daos_event_test(&ev, 1000, &flag), 0);
    assert_false(flag);
    event_done(&run, -DER_IO);
    assert_int_equal(daos_event_test(&ev, DAOS_EQ_WAIT, &flag), 0);
    assert_true(flag);
    assert_int_equal(ev.ev_error, -DER_IO);
    /* reaped: nothing is pending */
    assert_int_equal(daos_event_test(&ev, DAOS_EQ_WAIT, &flag), 0);
    assert_true(flag);
    run = launch(&ev);
    event_done(&run, 0);
    assert_int_equal(daos_event_fini(&ev), 0);
}

static void a_parent_stands_for_its_children(void **state)
{
    daos_event_t parent, kid[3], other, *got[4];
    struct ev_run run[3];
    daos_handle_t eq;
    bool flag;
    int i;

    (void)state;
    assert_int_equal(daos_eq_create(&eq), 0);
    assert_int_equal(daos_event_init(&parent, eq, NULL), 0);
    assert_int_equal(daos_event_parent_barrier(&parent), -DER_INVAL);
    for (i = 0; i < 3; i++)
        assert_int_equal(daos_event_init(&kid[i], DAOS_HDL_INVAL, &parent), 0);
    assert_int_equal(daos_event_init(&other, eq, &kid[0]), -DER_NO_PERM);
    assert_ptr_equal(daos_event_next(&parent, NULL), &kid[0]);
    assert_ptr_equal(daos_event_next(&parent, &kid[0]), &kid[1]);
    assert_null(daos_event_next(&parent, &kid[2]));

    run[0] = launch(&kid[0]);
    run[1] = launch(&kid[1]);
    /* one child has not been launched */
    assert_int_equal(daos_event_parent_barrier(&parent), -DER_NO_PERM);
    assert_int_equal(launch_rc(&parent), -DER_NO_PERM);
    run[2] = launch(&kid[2]);
    event_done(&run[1], -DER_NONEXIST);
    assert_int_equal(daos_event_test(&kid[1], 0, &flag), -DER_NO_PERM);
    assert_int_equal(daos_event_parent_barrier(&parent), 0);
    assert_int_equal(daos_event_init(&other, eq, &parent), -DER_INVAL);
    event_done(&run[0], -DER_IO);
    assert_int_equal(daos_eq_poll(eq, 0, 0, 4, got), 0);
    assert_int_equal(daos_event_fini(&parent), -DER_BUSY);
    event_done(&run[2], 0);
    assert_int_equal(daos_eq_poll(eq, 1, DAOS_EQ_WAIT, 4, got), 1);
    assert_ptr_equal(got[0], &parent);
    assert_int_equal(parent.ev_error, -DER_NONEXIST);
    assert_int_equal(kid[0].ev_error, -DER_IO);
    /* all of them may be used again */
    for (i = 0; i < 3; i++) {
        run[i] = launch(&kid[i]);
        event_done(&run[i], 0);
    }
    assert_int_equal(daos_event_parent_barrier(&parent), 0);
    assert_int_equal(daos_eq_poll(eq, 0, 0, 4, got), 1);
    assert_int_equal(parent.ev_error, 0);
    assert_int_equal(daos_event_fini(&kid[0]), 0);
    assert_ptr_equal(daos_event_next(&parent, NULL), &kid[1]);
    assert_int_equal(daos_event_fini(&parent), 0);
    assert_int_equal(daos_eq_destroy(eq, 0), 0);
}

static void a_parent_with_an_operation_of_its_own(void **state)
{
    daos_event_t parent, kid, *got[2];
    struct ev_run p, k;
    daos_handle_t eq;

    (void)state;
    assert_int_equal(daos_eq_create(&eq), 0);
    assert_int_equal(daos_event_init(&parent, eq, NULL), 0);
    assert_int_equal(daos_event_init(&kid, eq, &parent), 0);
    k = launch(&kid);
    p = launch(&parent);
    event_done(&p, 0);
    assert_int_equal(daos_eq_poll(eq, 0, 0, 2, got), 0);
    event_done(&k, 0);
    assert_int_equal(daos_eq_poll(eq, 0, 0, 2, got), 1);
    assert_int_equal(daos_event_fini(&parent), 0);
    assert_int_equal(daos_eq_destroy(eq, 0), 0);
}

struct seen {
    int order[4], nr, ret;
    daos_event_t *ev;
    bool was_complete;
};

static int first(void *arg, daos_event_t *ev, int ret)
{
    struct seen *s = arg;
    daos_event_t *got[1];
    daos_handle_t eq = {ev->ev_debug};

    s->order[s->nr++] = 1;
    s->ret = ret;
    s->ev = ev;
    s->was_complete = daos_eq_query(eq, DAOS_EQR_COMPLETED, 0, got) != 0;
    return -DER_CSUM;
}

static int second(void *arg, daos_event_t *ev, int ret)
{
    struct seen *s = arg;

    (void)ev;
    s->order[s->nr++] = 2;
    s->ret = ret;
    return -DER_MISC;
}

static void callbacks_run_before_anybody_sees_the_event(void **state)
{
    daos_event_t ev, *got[1];
    struct seen s = {0};
    struct ev_run run;
    daos_handle_t eq;

    (void)state;
    assert_int_equal(daos_eq_create(&eq), 0);
    assert_int_equal(daos_event_init(&ev, eq, NULL), 0);
    ev.ev_debug = eq.cookie;
    assert_int_equal(daos_event_register_comp_cb(&ev, first, &s), 0);
    assert_int_equal(daos_event_register_comp_cb(&ev, second, &s), 0);
    run = launch(&ev);
    event_done(&run, 0);
    assert_int_equal(s.nr, 2);
    assert_int_equal(s.order[0], 1);
    assert_ptr_equal(s.ev, &ev);
    assert_false(s.was_complete);
    assert_int_equal(daos_eq_poll(eq, 0, 0, 1, got), 1);
    /* the first failure counts */
    assert_int_equal(ev.ev_error, -DER_CSUM);
    /* they ran once */
    run = launch(&ev);
    event_done(&run, 0);
    assert_int_equal(s.nr, 2);
    /* registered and never run: freed with the event */
    assert_int_equal(daos_event_register_comp_cb(&ev, first, &s), 0);
    assert_int_equal(daos_event_fini(&ev), 0);
    assert_int_equal(daos_eq_destroy(eq, 0), 0);
}

static void a_forced_end_forgets_running_events(void **state)
{
    daos_event_t *ev = test_calloc(1, sizeof(*ev));
    struct ev_run run;
    daos_handle_t eq;

    (void)state;
    assert_int_equal(daos_eq_create(&eq), 0);
    assert_int_equal(daos_event_init(ev, eq, NULL), 0);
    run = launch(ev);
    assert_int_equal(daos_eq_destroy(eq, 0), -DER_BUSY);
    assert_int_equal(daos_eq_destroy(eq, DAOS_EQ_DESTROY_FORCE), 0);
    /* the program may free the event now; the late end must not touch it */
    test_free(ev);
    event_done(&run, 0);
}

static void *end_later(void *arg)
{
    usleep(2000);
    event_done(arg, -DER_BUSY);
    return NULL;
}

static void a_poller_sleeps_until_something_ends(void **state)
{
    daos_event_t ev[2], *got[2];
    struct ev_run run[2];
    pthread_t th[2];
    daos_handle_t eq;
    int i, n = 0;

    (void)state;
    assert_int_equal(daos_eq_create(&eq), 0);
    for (i = 0; i < 2; i++) {
        assert_int_equal(daos_event_init(&ev[i], eq, NULL), 0);
        run[i] = launch(&ev[i]);
        assert_int_equal(pthread_create(&th[i], NULL, end_later, &run[i]), 0);
    }
    while (n < 2) {
        int rc = daos_eq_poll(eq, 1, DAOS_EQ_WAIT, 2, got);

        assert_true(rc > 0);
        n += rc;
    }
    for (i = 0; i < 2; i++) {
        pthread_join(th[i], NULL);
        assert_int_equal(ev[i].ev_error, -DER_BUSY);
        assert_int_equal(daos_event_fini(&ev[i]), 0);
    }
    assert_int_equal(daos_eq_destroy(eq, 0), 0);
}

static int forty_two(struct client *c, void *args)
{
    assert_ptr_equal(client_current(), c);
    (*(int **)args)[0]++;
    return -42;
}

static void calls_of_several_steps_run_on_a_fiber(void **state)
{
    daos_event_t ev, *got[1];
    daos_handle_t eq;
    int count = 0, *p = &count;

    (void)state;
    assert_int_equal(client_run(NULL, forty_two, &p, sizeof(p)), -42);
    assert_int_equal(daos_eq_create(&eq), 0);
    assert_int_equal(daos_event_init(&ev, eq, NULL), 0);
    assert_int_equal(client_run(&ev, forty_two, &p, sizeof(p)), 0);
    assert_int_equal(daos_eq_poll(eq, 1, DAOS_EQ_WAIT, 1, got), 1);
    assert_int_equal(ev.ev_error, -42);
    assert_int_equal(count, 2);
    assert_int_equal(client_now(&ev, -DER_INVAL), -DER_INVAL);
    assert_int_equal(client_now(&ev, 0), 0);
    assert_int_equal(daos_eq_poll(eq, 1, DAOS_EQ_WAIT, 1, got), 1);
    assert_int_equal(daos_event_fini(&ev), 0);
    assert_int_equal(daos_eq_destroy(eq, 0), 0);
}

static void nothing_works_before_init(void **state)
{
    daos_event_t ev;
    daos_handle_t h;

    (void)state;
    assert_int_equal(daos_fini(), 0);
    assert_int_equal(daos_fini(), -DER_UNINIT);
    assert_int_equal(daos_eq_create(&h), -DER_UNINIT);
    assert_int_equal(daos_event_init(&ev, DAOS_HDL_INVAL, NULL), -DER_UNINIT);
    assert_int_equal(daos_pool_connect("x", NULL, DAOS_PC_RW, &h, NULL, NULL), -DER_UNINIT);
    assert_int_equal(daos_init(), 0);
    assert_int_equal(daos_init(), 0);
    assert_int_equal(daos_fini(), 0);
    assert_int_equal(daos_eq_create(&h), 0);
}

static int setup(void **state)
{
    (void)state;
    return daos_init();
}

static int teardown(void **state)
{
    (void)state;
    return daos_fini();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_operation_is_polled_once_and_its_event_used_again, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(bad_arguments, setup, teardown),
        cmocka_unit_test_setup_teardown(an_event_without_a_queue_is_tested, setup, teardown),
        cmocka_unit_test_setup_teardown(a_parent_stands_for_its_children, setup, teardown),
        cmocka_unit_test_setup_teardown(a_parent_with_an_operation_of_its_own, setup, teardown),
        cmocka_unit_test_setup_teardown(callbacks_run_before_anybody_sees_the_event, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_forced_end_forgets_running_events, setup, teardown),
        cmocka_unit_test_setup_teardown(a_poller_sleeps_until_something_ends, setup, teardown),
        cmocka_unit_test_setup_teardown(calls_of_several_steps_run_on_a_fiber, setup, teardown),
        cmocka_unit_test_setup_teardown(nothing_works_before_init, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
