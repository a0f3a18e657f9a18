/* Whose turn it is: credit, control, sweeps, and calls that are taken back. See remote_rig.h. */
#include "remote_rig.h"

static void no_more_than_fits(struct stage *s)
{
    struct lot l = {.s = s, .left = 40, .done = RT_EVENT_INIT};
    struct net_acceptor_stat a;
    struct net_remote_stat st;

    engine_stop(s, true);
    s->bytes = 4 * NET_HOLDS + 2000;
    engine_start(s);
    s->delay_ns = SIM_S;
    for (uint32_t i = 0; i < 40; i++)
        assert_int_equal(rt_spawn(one_of_a_lot, &l), 0);
    rt_event_wait(&l.done);
    net_acceptor_stat(s->acceptor, &a);
    net_remote_stat(s->peer, &st);
    assert_int_equal(s->served, 40);
    assert_int_equal(a.held, 0);
    assert_int_equal(st.resends, 0);
}

/* Data has used up the credit; a question is answered all the same. */
static void control_first(struct stage *s)
{
    struct lot l = {.s = s, .done = RT_EVENT_INIT};

    engine_stop(s, true);
    s->calls = 2;
    engine_start(s);
    s->delay_ns = SIM_S;
    s->slow_op = MSG_OBJ_UPDATE;
    changes(&l, 8);
    rt_sleep_ns(100 * SIM_MS);
    assert_int_equal(s->served, 2);
    assert_int_equal(get_name(s, "who", 500), 0);
    assert_int_equal(s->served, 3);
    rt_event_wait(&l.done);
    assert_int_equal(s->served, 9);
}

static int sweep_within(struct stage *s, uint16_t opcode, uint32_t deadline_ms)
{
    struct msg_cont_rollback_req q = {.epoch = 0}; /* sweeps are alike */
    struct net_call call;
    int rc;

    net_call_init(&call, opcode);
    call.hdr.deadline_ms = deadline_ms;
    call.req = &q;
    rc = net_call_wait(s->peer, &call);
    net_call_fini(&call);
    return rc;
}

static int sweep(struct stage *s)
{
    return sweep_within(s, MSG_CONT_AGGREGATE, 0);
}

/* A sweep leaves the field to four requests of the foreground, but not for ever. */
static void sweeps_yield(struct stage *s)
{
    struct lot l = {.s = s, .done = RT_EVENT_INIT};
    uint64_t began;

    s->delay_ns = 30 * SIM_MS;
    s->slow_op = MSG_OBJ_UPDATE;
    assert_int_equal(sweep(s), 0);
    changes(&l, 3);
    rt_sleep_ns(5 * SIM_MS);
    began = rt_now_ns();
    assert_int_equal(sweep(s), 0); /* there is room beside three */
    assert_in_range(s->swept_ns - began, 0, SIM_MS);
    rt_event_wait(&l.done);
    rt_event_init(&l.done);

    changes(&l, 4);
    rt_sleep_ns(5 * SIM_MS);
    began = rt_now_ns();
    assert_int_equal(sweep(s), 0); /* begins when they have ended */
    assert_in_range(s->swept_ns - began, 20 * SIM_MS, 40 * SIM_MS);
    rt_event_wait(&l.done);
    rt_event_init(&l.done);

    s->delay_ns = SIM_S;
    changes(&l, 6);
    rt_sleep_ns(5 * SIM_MS);
    began = rt_now_ns();
    assert_int_equal(sweep(s), 0); /* has waited long enough */
    assert_in_range(s->swept_ns - began, 100 * SIM_MS, 105 * SIM_MS);
    rt_event_wait(&l.done);
}

/* A change that waits for its turn is taken back before its deadline: it will not happen, and
 * that is what its caller hears. One that has begun may happen. */
static void taken_back(struct stage *s)
{
    struct lot l = {.s = s, .done = RT_EVENT_INIT};
    uint32_t served;

    s->delay_ns = SIM_S;
    changes(&l, 5);
    rt_sleep_ns(5 * SIM_MS);
    served = s->served;
    assert_int_equal(served, 5);
    assert_int_equal(sweep_within(s, MSG_CONT_ROLLBACK, 60), -DER_TIMEDOUT);
    assert_int_equal(sweep_within(s, MSG_CONT_AGGREGATE, 60), -DER_TIMEDOUT);
    rt_event_wait(&l.done);
    rt_sleep_ns(SIM_S);
    assert_int_equal(s->served, served); /* never */
    assert_int_equal(sweep_within(s, MSG_CONT_ROLLBACK, 400), -DER_TX_UNCERTAIN);
    assert_int_equal(s->served, served + 1);
    assert_int_equal(change(s, 400), -DER_TX_UNCERTAIN);
    rt_sleep_ns(2 * SIM_S);
    s->delay_ns = 0;
    assert_int_equal(change(s, 0), 0); /* late answers confuse nobody */
}

/* ---- Cancelled ---- */

struct unwanted {
    struct stage *s;
    struct msg_cont_rollback_req sweep;
    struct msg_obj_update_req update;
    struct msg_obj_update_rep rep;
    struct iovec iov;
    struct net_call call;
    struct rt_event done;
};

static void unwanted_done(struct net_call *call)
{
    rt_event_set(&CONTAINER_OF(call, struct unwanted, call)->done);
}

static void unwanted_send(struct unwanted *u, struct stage *s, uint16_t opcode)
{
    *u = (struct unwanted){.s = s, .iov = {"\1", 1}, .done = RT_EVENT_INIT};
    net_call_init(&u->call, opcode);
    u->call.req = opcode == MSG_OBJ_UPDATE ? (void *)&u->update : (void *)&u->sweep;
    if (opcode == MSG_OBJ_UPDATE) {
        u->call.rep = &u->rep;
        u->call.bulk[0] = (struct net_bulk){&u->iov, 1, false};
        u->call.bulk_nr = 1;
    }
    u->call.done = unwanted_done;
    net_call_send(s->peer, &u->call);
}

static int unwanted_end(struct unwanted *u)
{
    rt_event_wait(&u->done);
    net_call_fini(&u->call);
    return u->call.rc;
}

/* Cancelled: what was never sent, or waits for its turn there, does not happen, and that is what
 * its caller hears at once; what has begun ends as it would have. */
static void cancelled(struct stage *s)
{
    struct lot l = {.s = s, .done = RT_EVENT_INIT};
    struct unwanted waits, begun, unsent;
    uint64_t began;

    s->delay_ns = SIM_S;
    changes(&l, 5);
    unwanted_send(&begun, s, MSG_OBJ_UPDATE);
    rt_sleep_ns(5 * SIM_MS);
    unwanted_send(&waits, s, MSG_CONT_ROLLBACK);
    rt_sleep_ns(5 * SIM_MS);
    assert_int_equal(s->served, 6);
    began = rt_now_ns();
    net_call_cancel(s->peer, &begun.call);
    net_call_cancel(s->peer, &waits.call);
    assert_int_equal(unwanted_end(&waits), -DER_CANCELED);
    assert_in_range(rt_now_ns() - began, 0, 50 * SIM_MS);
    assert_int_equal(unwanted_end(&begun), 0);
    assert_int_equal(begun.rep.epoch, 1);
    rt_event_wait(&l.done);
    rt_sleep_ns(SIM_S);
    assert_int_equal(s->served, 6);
    s->delay_ns = 0;

    engine_stop(s, true);
    unwanted_send(&unsent, s, MSG_OBJ_UPDATE);
    rt_sleep_ns(5 * SIM_MS);
    net_call_cancel(s->peer, &unsent.call);
    assert_int_equal(unwanted_end(&unsent), -DER_CANCELED);
    engine_start(s);
    assert_int_equal(get_name(s, "x", 5000), 0);
    assert_int_equal(s->served, 7);
}

/* The connection is gone, and with it what is known of a change that was sent: it goes on, and is
 * asked for again. What changes nothing is given up. */
static void cancelled_without_connection(struct stage *s)
{
    struct unwanted change_, read_;

    s->delay_ns = 100 * SIM_MS;
    unwanted_send(&change_, s, MSG_OBJ_UPDATE);
    unwanted_send(&read_, s, MSG_CONT_AGGREGATE);
    rt_sleep_ns(5 * SIM_MS);
    engine_stop(s, true);
    rt_sleep_ns(5 * SIM_MS);
    net_call_cancel(s->peer, &change_.call);
    net_call_cancel(s->peer, &read_.call);
    assert_int_equal(unwanted_end(&read_), -DER_CANCELED);
    engine_start(s);
    assert_int_equal(unwanted_end(&change_), 0);
}

/* Calls that are given up give their credit back when their answers come. */
static void credit_comes_back(struct stage *s)
{
    engine_stop(s, true);
    s->calls = 3;
    engine_start(s);
    s->slow_op = MSG_OBJ_UPDATE;
    for (int i = 0; i < 9; i++) {
        s->delay_ns = 200 * SIM_MS;
        assert_int_equal(change(s, 100), -DER_TX_UNCERTAIN);
        s->delay_ns = 0;
        rt_sleep_ns(200 * SIM_MS);
        assert_int_equal(change(s, 100), 0);
    }
}

STORY(no_more_than_fits)
STORY(control_first)
STORY(sweeps_yield)
STORY(taken_back)
STORY(cancelled)
STORY(cancelled_without_connection)
STORY(credit_comes_back)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_more_than_fits),
        cmocka_unit_test(test_control_first),
        cmocka_unit_test(test_sweeps_yield),
        cmocka_unit_test(test_taken_back),
        cmocka_unit_test(test_cancelled),
        cmocka_unit_test(test_cancelled_without_connection),
        cmocka_unit_test(test_credit_comes_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
