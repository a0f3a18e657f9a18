/* Calls whose connection breaks, falls silent, ends at another engine. See remote_rig.h. */
#include "remote_rig.h"

static void plain(struct stage *s)
{
    struct msg_engine_stat_req q = {0};
    struct msg_engine_stat_rep r;
    char buf[] = "......";
    struct iovec iov[2] = {{buf, 2}, {buf + 2, 4}};
    struct net_call call;

    assert_int_equal(get_name(s, "hello", 0), 0);
    assert_int_equal(change(s, 0), 0);
    net_call_init(&call, MSG_ENGINE_STAT);
    call.req = &q;
    call.rep = &r;
    call.bulk[0] = (struct net_bulk){iov, 2, true};
    call.bulk_nr = 1;
    assert_int_equal(net_call_wait(s->peer, &call), 0);
    net_call_fini(&call);
    assert_string_equal(buf, ".bc..f"); /* what was not written stays as it was */
    assert_int_equal(s->served, 3);
}

/* Nothing is expected of who has not said yet that he knows it. */
static void what_it_knows(struct stage *s)
{
    assert_int_equal(net_peer_features(s->peer), 0);
    assert_int_equal(get_name(s, "hello", 0), 0);
    assert_true(net_peer_features(s->peer) & NET_FEAT_FINE);
}

static void no_engine(struct stage *s)
{
    uint64_t began;

    engine_stop(s, true);
    began = rt_now_ns();
    assert_int_equal(get_name(s, "x", 700), -DER_TIMEDOUT);
    assert_in_range(rt_now_ns() - began, 700 * SIM_MS, 710 * SIM_MS);
    assert_int_equal(change(s, 500), -DER_TIMEDOUT); /* never sent: it did not happen */
    engine_start(s);
    assert_int_equal(get_name(s, "x", 5000), 0);
}

/* The answer takes longer than the deadline: what may have happened is not said to have failed. */
static void too_late(struct stage *s)
{
    s->delay_ns = 2 * SIM_S;
    assert_int_equal(get_name(s, "x", 1000), -DER_TIMEDOUT);
    assert_int_equal(change(s, 1000), -DER_TX_UNCERTAIN);
    s->delay_ns = 0;
    rt_sleep_ns(3 * SIM_S);
    assert_int_equal(get_name(s, "x", 0), 0); /* the late answers confuse nobody */
    assert_int_equal(s->served, 3);
}

/* The answer is lost, and nobody is told: after a silence the call is sent again on another
 * connection. It runs again, for it was answered: that it changes nothing twice is up to its txid.
 */
static void answer_lost(struct stage *s)
{
    struct net_remote_stat st;

    assert_int_equal(get_name(s, "first", 0), 0);
    sim_net_lose_at(s->net, 2);
    assert_int_equal(change(s, 0), 0);
    assert_int_equal(s->served, 3);
    assert_int_equal(s->flags_seen & NET_RESEND, NET_RESEND);
    net_remote_stat(s->peer, &st);
    assert_int_equal(st.resends, 1);
    assert_int_equal(st.dials, 2);
}

struct breaker {
    struct stage *s;
    struct rt_event done;
};

static void breaks_soon(void *arg)
{
    struct breaker *b = arg;

    rt_sleep_ns(100 * SIM_MS);
    sim_net_break(b->s->net, b->s->engine_node);
    rt_event_set(&b->done);
}

/* A break while the request is being served: the resend joins it. */
static void broken_under_way(struct stage *s)
{
    struct breaker b = {.s = s, .done = RT_EVENT_INIT};
    struct net_acceptor_stat a;

    assert_int_equal(get_name(s, "first", 0), 0);
    s->delay_ns = SIM_S;
    assert_int_equal(rt_spawn(breaks_soon, &b), 0);
    assert_int_equal(change(s, 0), 0);
    rt_event_wait(&b.done);
    net_acceptor_stat(s->acceptor, &a);
    assert_int_equal(s->served, 2);
    assert_int_equal(a.joined, 1);
    assert_int_equal(a.clients, 1);
}

/* The engine dies with the request and comes back as another: the call reaches it. */
static void restarts(void *arg)
{
    struct breaker *b = arg;

    rt_sleep_ns(100 * SIM_MS);
    b->s->delay_ns = 0;
    engine_stop(b->s, false);
    rt_sleep_ns(100 * SIM_MS);
    engine_start(b->s);
    rt_event_set(&b->done);
}

static void another_incarnation(struct stage *s)
{
    struct breaker b = {.s = s, .done = RT_EVENT_INIT};
    struct net_remote_stat st;

    assert_int_equal(get_name(s, "first", 0), 0);
    s->delay_ns = 500 * SIM_MS;
    assert_int_equal(rt_spawn(restarts, &b), 0);
    assert_int_equal(change(s, 0), 0);
    rt_event_wait(&b.done);
    assert_int_equal(s->flags_seen & NET_RESEND, NET_RESEND);
    net_remote_stat(s->peer, &st);
    assert_int_equal(st.incarnation, 2);
}

static void going_away(struct stage *s)
{
    s->refuse = 3;
    assert_int_equal(change(s, 0), 0);
    assert_int_equal(s->served, 1);
    assert_int_equal(s->refuse, 0);
}

static void no_such_target(struct stage *s)
{
    struct msg_attr_get_req q = {0};
    struct net_call call;

    net_call_init(&call, MSG_ATTR_GET);
    call.hdr.target = 5;
    call.req = &q;
    assert_int_equal(net_call_wait(s->peer, &call), -DER_UNREACH);
    net_call_fini(&call);
    net_call_init(&call, 999);
    call.req = &q;
    assert_int_equal(net_call_wait(s->peer, &call), -DER_INVAL);
    net_call_fini(&call);
}

/* Whoever comes to an engine that is about to end is told so. */
static void turned_away_at_the_end(struct stage *s)
{
    net_acceptor_end(s->acceptor);
    assert_int_equal(get_name(s, "x", 500), -DER_SHUTDOWN);
    assert_int_equal(s->dialer.refused, NET_REFUSED_ENDS);
    engine_stop(s, true);
    engine_start(s);
    assert_int_equal(get_name(s, "x", 5000), 0);
    assert_int_equal(s->dialer.refused, NET_NOT_REFUSED);
}

/* Whatever the network does, each call ends as it should and runs as often as it may. */
static void bad_weather(struct stage *s)
{
    struct sim_net_conf *c = sim_net_conf(s->net);
    uint32_t good = 0;

    c->spike_ppm = 50000;
    c->spike_max_ns = 10 * SIM_S;
    c->silence_ppm = 20000;
    c->break_ppm = 50000;
    for (int i = 0; i < 300; i++) {
        int rc = i % 2 ? change(s, 0) : get_name(s, "x", 0);

        assert_true(rc == 0 || rc == -DER_TIMEDOUT || rc == -DER_TX_UNCERTAIN);
        good += rc == 0;
    }
    assert_true(good > 290); /* a minute is enough for nearly all of them */
}

STORY(plain)
STORY(what_it_knows)
STORY(no_engine)
STORY(too_late)
STORY(answer_lost)
STORY(broken_under_way)
STORY(another_incarnation)
STORY(going_away)
STORY(no_such_target)
STORY(turned_away_at_the_end)
STORY(bad_weather)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plain),
        cmocka_unit_test(test_what_it_knows),
        cmocka_unit_test(test_no_engine),
        cmocka_unit_test(test_too_late),
        cmocka_unit_test(test_answer_lost),
        cmocka_unit_test(test_broken_under_way),
        cmocka_unit_test(test_another_incarnation),
        cmocka_unit_test(test_going_away),
        cmocka_unit_test(test_no_such_target),
        cmocka_unit_test(test_turned_away_at_the_end),
        cmocka_unit_test(test_bad_weather),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
