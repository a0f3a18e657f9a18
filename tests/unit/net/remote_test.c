/*
 * Connections: calls over wires of the simulated network, to a service that answers at once, late,
 * or when it is told to. Each test is a small story on two nodes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <daos_errno.h>
#include "base/assert.h"
#include "net/msg.h"
#include "net/remote.h"
#include "net_sim.h"

struct stage {
    struct sim_world *w;
    struct sim_net *net;
    uint32_t client_node, engine_node;
    struct rt_xs *client, *engine;
    struct net_dialer dialer;
    struct net_peer *peer;
    struct net_acceptor *acceptor;
    struct net_service service;
    uint64_t incarnation;
    uint32_t calls; /* that a client may have under way */
    uint64_t bytes; /* that a client's requests may hold */
    /* the service */
    uint64_t delay_ns;   /* each answer takes so long ... */
    uint16_t slow_op;    /* ... if it is to such a message, or 0 */
    uint64_t swept_ns;   /* when the newest CONT_AGGREGATE was begun */
    uint32_t served;     /* requests that were begun */
    uint32_t refuse;     /* so many answers are -DER_SHUTDOWN */
    uint32_t flags_seen; /* of the newest request */
    bool ended;
    struct net_wire *old; /* of an older engine */
    void (*story)(struct stage *s);
};

/* ATTR_GET: each name is its own value. ENGINE_STAT: two ranges of the first bulk vector are
 * written. OBJ_UPDATE: the epoch is the sum of the bulk bytes. */
static void handle(struct net_service *service, struct net_req *req)
{
    struct stage *s = CONTAINER_OF(service, struct stage, service);

    s->flags_seen = req->hdr.flags;
    if (s->refuse > 0) {
        s->refuse--;
        net_reply(req, -DER_SHUTDOWN);
        return;
    }
    s->served++;
    if (req->hdr.opcode == MSG_CONT_AGGREGATE)
        s->swept_ns = rt_now_ns();
    if (s->delay_ns > 0 && (s->slow_op == 0 || s->slow_op == req->hdr.opcode))
        rt_sleep_ns(s->delay_ns);
    if (req->hdr.opcode == MSG_ATTR_GET) {
        const struct msg_attr_get_req *q = req->req;
        struct msg_attr_get_rep *r = req->rep;
        struct msg_buf *v = net_req_alloc(req, (q->names_nr + 1) * sizeof(*v));

        for (uint32_t i = 0; i < q->names_nr; i++)
            v[i] = (struct msg_buf){q->names[i], (uint32_t)strlen(q->names[i])};
        r->values = v;
        r->values_nr = q->names_nr;
    } else if (req->hdr.opcode == MSG_ENGINE_STAT) {
        memcpy((char *)req->bulk[0].iov[0].iov_base + 1, "bc", 2);
        net_bulk_wrote(req, 0, 1, 2);
        memcpy((char *)req->bulk[0].iov[0].iov_base + 5, "f", 1);
        net_bulk_wrote(req, 0, 5, 1);
    } else if (req->hdr.opcode == MSG_OBJ_UPDATE) {
        const uint8_t *b = req->bulk[0].iov[0].iov_base;

        for (size_t i = 0; i < req->bulk[0].iov[0].iov_len; i++)
            ((struct msg_obj_update_rep *)req->rep)->epoch += b[i];
    }
    net_reply(req, 0);
}

static struct rt_xs *route(struct net_service *service, const struct net_hdr *hdr)
{
    return hdr->target == 0 ? CONTAINER_OF(service, struct stage, service)->engine : NULL;
}

static int dial(struct net_dialer *d, struct net_wire **w)
{
    struct stage *s = CONTAINER_OF(d, struct stage, dialer);

    return sim_net_dial(s->net, s->client_node, s->engine_node, w);
}

static void accepted(void *arg, struct net_wire *w)
{
    net_acceptor_add(((struct stage *)arg)->acceptor, w);
}

/* ---- Starting and stopping the engine's side, from the client's ---- */

struct errand {
    struct stage *s;
    struct rt_event done;
};

static void stop_there(void *arg)
{
    struct errand *e = arg;
    struct net_acceptor_stat st;

    net_acceptor_stop(e->s->acceptor);
    do {
        rt_sleep_ns(SIM_MS);
        net_acceptor_stat(e->s->acceptor, &st);
    } while (st.serving > 0);
    net_acceptor_free(e->s->acceptor);
    e->s->acceptor = NULL;
    rt_event_set(&e->done);
}

static void engine_stop(struct stage *s, bool told)
{
    struct errand e = {.s = s, .done = RT_EVENT_INIT};

    sim_net_unlisten(s->net, s->engine_node);
    sim_net_down(s->net, s->engine_node, told);
    assert_int_equal(rt_spawn_on(s->engine, stop_there, &e), 0);
    rt_event_wait(&e.done);
}

static void engine_start(struct stage *s)
{
    struct net_acceptor_conf c = {.service = &s->service,
                                  .xs = s->engine,
                                  .incarnation = ++s->incarnation,
                                  .calls = s->calls,
                                  .bytes = s->bytes};

    assert_int_equal(net_acceptor_create(&c, &s->acceptor), 0);
    sim_net_up(s->net, s->engine_node);
    sim_net_listen(s->net, s->engine_node, s->engine, accepted, s);
}

/* ---- Calls ---- */

static int get_name(struct stage *s, const char *name, uint32_t deadline_ms)
{
    const char *names[] = {name, "two"};
    struct msg_attr_get_req q = {.names = names, .names_nr = 2};
    struct msg_attr_get_rep r;
    struct net_call call;
    int rc;

    net_call_init(&call, MSG_ATTR_GET);
    call.hdr.deadline_ms = deadline_ms;
    call.req = &q;
    call.rep = &r;
    rc = net_call_wait(s->peer, &call);
    if (rc == 0) {
        assert_int_equal(r.values_nr, 2);
        assert_int_equal(r.values[0].len, strlen(name));
        assert_memory_equal(r.values[0].buf, name, strlen(name));
        assert_memory_equal(r.values[1].buf, "two", 3);
    }
    net_call_fini(&call);
    return rc;
}

static int change(struct stage *s, uint32_t deadline_ms)
{
    struct msg_obj_update_req q = {0};
    struct msg_obj_update_rep r;
    struct iovec iov[2] = {{"\1\2", 2}, {"\3", 1}};
    struct net_call call;
    int rc;

    net_call_init(&call, MSG_OBJ_UPDATE);
    call.hdr.deadline_ms = deadline_ms;
    call.req = &q;
    call.rep = &r;
    call.bulk[0] = (struct net_bulk){iov, 2, false};
    call.bulk_nr = 1;
    rc = net_call_wait(s->peer, &call);
    if (rc == 0)
        assert_int_equal(r.epoch, 6);
    net_call_fini(&call);
    return rc;
}

/* ---- Stories ---- */

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

/* ---- A hostile client: frames as they come ---- */

struct raw {
    struct net_wire *wire;
    uint32_t frames;
    bool broken;
    enum net_frame last;
    struct net_hdr hdr;
};

static void raw_received(struct net_wire *w, const void *frame, size_t len)
{
    struct raw *r = w->arg;
    struct rbuf b;
    uint64_t id;

    r->frames++;
    assert_int_equal(wire_open(frame, len, true, &r->last, &id, &b), 0);
    if (r->last == NET_REPLY)
        wire_get_hdr(&b, &r->hdr);
}

static void raw_broken(struct net_wire *w)
{
    ((struct raw *)w->arg)->broken = true;
}

static void raw_open(struct stage *s, struct raw *r)
{
    *r = (struct raw){0};
    assert_int_equal(dial(&s->dialer, &r->wire), 0);
    r->wire->received = raw_received;
    r->wire->broken = raw_broken;
    r->wire->arg = r;
}

static void raw_hello(struct raw *r, uint8_t id, uint64_t generation)
{
    struct wbuf b;

    wbuf_init_grow(&b, 0);
    wire_put_head(&b, NET_HELLO, 0);
    for (int i = 0; i < 16; i++)
        wbuf_u8(&b, id);
    wbuf_u64(&b, generation);
    wbuf_u64(&b, 0);
    assert_int_equal(wire_seal(&b, true), 0);
    r->wire->ops->send(r->wire, b.data, b.len);
    wbuf_fini(&b);
    rt_sleep_ns(10 * SIM_MS);
}

static void raw_send(struct raw *r, const void *bytes, size_t len)
{
    r->wire->ops->send(r->wire, bytes, len);
    rt_sleep_ns(10 * SIM_MS);
}

static void raw_request(struct raw *r, uint64_t id, uint64_t incarnation, const char *body,
                        uint32_t body_len)
{
    struct net_hdr h = {.proto = NET_PROTO, .opcode = MSG_ATTR_GET, .incarnation = incarnation};
    struct wbuf b;

    wbuf_init_grow(&b, 0);
    wire_put_head(&b, NET_REQUEST, id);
    wire_put_hdr(&b, &h);
    wbuf_blob(&b, body, body_len);
    wbuf_u32(&b, 0);
    assert_int_equal(wire_seal(&b, true), 0);
    raw_send(r, b.data, b.len);
    wbuf_fini(&b);
}

static void hostile(struct stage *s)
{
    struct raw r, older;
    uint8_t junk[64];

    memset(junk, 0x5a, sizeof(junk));
    raw_open(s, &r);
    raw_send(&r, junk, sizeof(junk));
    assert_true(r.broken);
    r.wire->ops->close(r.wire);

    raw_open(s, &r); /* a request before HELLO */
    raw_request(&r, 1, 1, "", 0);
    assert_true(r.broken);
    r.wire->ops->close(r.wire);

    raw_open(s, &r);
    raw_hello(&r, 9, 0); /* no generation */
    assert_true(r.broken);
    r.wire->ops->close(r.wire);

    raw_open(s, &r);
    raw_hello(&r, 9, 4);
    assert_int_equal(r.last, NET_WELCOME);
    raw_request(&r, 1, 1, "\xff\xff", 2); /* a body that is no message */
    assert_int_equal(r.last, NET_REPLY);
    assert_int_equal(r.hdr.rc, -DER_PROTO);
    raw_open(s, &older); /* an earlier connection of the same client, late */
    raw_hello(&older, 9, 3);
    assert_true(older.broken);
    older.wire->ops->close(older.wire);
    assert_false(r.broken);
    raw_request(&r, 2, 77, "", 0); /* meant for another incarnation */
    assert_true(r.broken);
    r.wire->ops->close(r.wire);
    assert_int_equal(s->served, 0);
}

/* The older connection of a client is closed by its newer one, whatever is still in it. */
static void newer_closes_older(struct stage *s)
{
    struct raw older, newer;

    raw_open(s, &older);
    raw_hello(&older, 7, 1);
    raw_open(s, &newer);
    raw_hello(&newer, 7, 2);
    assert_int_equal(newer.last, NET_WELCOME);
    assert_true(older.broken);
    raw_request(&older, 1, 1, "\0\0\0\0", 4);
    assert_int_equal(s->served, 0);
    older.wire->ops->close(older.wire);
    newer.wire->ops->close(newer.wire);
}

static void raw_ask_of(struct raw *r, uint64_t id, uint64_t incarnation)
{
    struct net_hdr h = {.proto = NET_PROTO, .opcode = MSG_ATTR_GET, .incarnation = incarnation};
    struct msg_attr_get_req q = {.names_nr = 0};
    struct wbuf b;

    wbuf_init_grow(&b, 0);
    wire_put_head(&b, NET_REQUEST, id);
    wire_put_hdr(&b, &h);
    assert_int_equal(wire_put_body(&b, MSG_ATTR_GET, &q, false), 0);
    wbuf_u32(&b, 0);
    assert_int_equal(wire_seal(&b, true), 0);
    raw_send(r, b.data, b.len);
    wbuf_fini(&b);
}

static void raw_ask(struct raw *r, uint64_t id)
{
    raw_ask_of(r, id, 1);
}

/* An answer goes to a connection that the request came over. On a newer one the client is about to
 * send it again: had he the answer before, that copy would be carried out after it. */
static void answered_where_it_was_asked(struct stage *s)
{
    struct raw older, newer, newest;

    s->delay_ns = 200 * SIM_MS;
    raw_open(s, &older);
    raw_hello(&older, 6, 1);
    raw_ask(&older, 1);
    assert_int_equal(s->served, 1);
    raw_open(s, &newer);
    raw_hello(&newer, 6, 2);
    rt_sleep_ns(SIM_S); /* by now the first copy has ended */
    assert_int_equal(newer.frames, 1);
    assert_int_equal(newer.last, NET_WELCOME);
    raw_ask(&newer, 1);
    rt_sleep_ns(SIM_S);
    assert_int_equal(s->served, 2);
    assert_int_equal(newer.frames, 2);
    assert_int_equal(newer.last, NET_REPLY);

    raw_ask(&newer, 2);
    raw_open(s, &newest);
    raw_hello(&newest, 6, 3);
    raw_ask(&newest, 2); /* while the first copy is being served: they are one */
    rt_sleep_ns(SIM_S);
    assert_int_equal(s->served, 3);
    assert_int_equal(newest.frames, 2);
    assert_int_equal(newest.last, NET_REPLY);
    older.wire->ops->close(older.wire);
    newer.wire->ops->close(newer.wire);
    newest.wire->ops->close(newest.wire);
}

/* Who asks for more than fits is not read from until some of it has been answered; then he is. */
static void more_than_fits(struct stage *s)
{
    struct net_acceptor_stat a;
    struct raw r;

    engine_stop(s, true);
    s->bytes = 10 * NET_HOLDS;
    engine_start(s);
    s->delay_ns = 2 * SIM_S;
    raw_open(s, &r);
    raw_hello(&r, 5, 1);
    for (uint64_t i = 1; i <= 35; i++)
        raw_ask_of(&r, i, s->incarnation);
    net_acceptor_stat(s->acceptor, &a);
    /* those for which control has places beside it; a body of a few bytes makes it the last */
    assert_int_equal(s->served, 10 + NET_CONTROL_CALLS);
    assert_in_range(a.bytes, s->served * NET_HOLDS + 1, (s->served + 1) * NET_HOLDS);
    assert_int_equal(a.held, 1);
    assert_int_equal(r.frames, 1);
    rt_sleep_ns(20 * SIM_S);
    assert_int_equal(s->served, 35);
    assert_int_equal(r.frames, 36);
    net_acceptor_stat(s->acceptor, &a);
    assert_int_equal(a.bytes, 0);
    r.wire->ops->close(r.wire);
}

/* Calls of who keeps to it never make the engine hold his connection: PING is answered. */
struct lot {
    struct stage *s;
    uint32_t left;
    struct rt_event done;
};

static void one_of_a_lot(void *arg)
{
    struct lot *l = arg;

    assert_int_equal(change(l->s, 0), 0);
    if (--l->left == 0)
        rt_event_set(&l->done);
}

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

static void changes(struct lot *l, uint32_t nr)
{
    l->left += nr;
    for (uint32_t i = 0; i < nr; i++)
        assert_int_equal(rt_spawn(one_of_a_lot, l), 0);
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

/* Who goes away has nothing begun for him afterwards. */
static void gone_before_its_turn(struct stage *s)
{
    struct lot l = {.s = s, .done = RT_EVENT_INIT};
    struct net_acceptor_stat a;
    struct net_hdr h = {
        .proto = NET_PROTO, .opcode = MSG_CONT_ROLLBACK, .incarnation = s->incarnation};
    struct msg_cont_rollback_req q = {.epoch = 0};
    struct wbuf b;
    struct raw r;

    s->delay_ns = SIM_S;
    changes(&l, 5);
    rt_sleep_ns(5 * SIM_MS);
    raw_open(s, &r);
    raw_hello(&r, 4, 1);
    wbuf_init_grow(&b, 0);
    wire_put_head(&b, NET_REQUEST, 1);
    wire_put_hdr(&b, &h);
    assert_int_equal(wire_put_body(&b, MSG_CONT_ROLLBACK, &q, false), 0);
    wbuf_u32(&b, 0);
    assert_int_equal(wire_seal(&b, true), 0);
    raw_send(&r, b.data, b.len);
    wbuf_fini(&b);
    net_acceptor_stat(s->acceptor, &a);
    assert_int_equal(a.serving, 6);
    r.wire->ops->close(r.wire);
    rt_sleep_ns(10 * SIM_MS);
    net_acceptor_stat(s->acceptor, &a);
    assert_int_equal(a.serving, 5);
    assert_int_equal(a.clients, 1);
    rt_event_wait(&l.done);
    assert_int_equal(s->served, 5);
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

/* ---- The stage ---- */

static void play_main(void *arg)
{
    struct stage *s = arg;

    s->story(s);
    net_peer_close(s->peer);
    if (s->acceptor != NULL)
        engine_stop(s, true);
    s->ended = true;
}

static bool ended(void *arg)
{
    return ((struct stage *)arg)->ended;
}

static void play(void (*story)(struct stage *s), uint64_t seed)
{
    struct stage *s = calloc(1, sizeof(*s));
    struct rt_xs_conf xc = {.cpu = -1};
    struct net_remote_conf rc = {.dialer = &s->dialer};

    assert_int_equal(sim_world_create(&(struct sim_world_conf){.seed = seed}, &s->w), 0);
    s->net = sim_net_create(s->w, &(struct sim_net_conf){0});
    s->client_node = sim_world_node(s->w, "client");
    s->engine_node = sim_world_node(s->w, "engine");
    xc.world = sim_world_rt(s->w);
    xc.node = s->client_node;
    assert_int_equal(rt_xs_create(&xc, &s->client), 0);
    xc.node = s->engine_node;
    assert_int_equal(rt_xs_create(&xc, &s->engine), 0);
    s->dialer.dial = dial;
    s->service.handle = handle;
    s->service.route = route;
    s->story = story;
    engine_start(s);
    rc.xs = s->client;
    assert_int_equal(net_remote_connect(&rc, &s->peer), 0);
    assert_int_equal(rt_spawn_on(s->client, play_main, s), 0);
    assert_true(sim_world_run(s->w, ended, s, 36000 * SIM_S, 100000000));
    rt_xs_destroy(s->client);
    rt_xs_destroy(s->engine);
    sim_net_destroy(s->net);
    sim_world_destroy(s->w);
    free(s);
}

/* ---- An engine of before there were follows ---- */

static void old_received(struct net_wire *w, const void *frame, size_t len)
{
    struct stage *s = w->arg;
    enum net_frame kind;
    struct wbuf b;
    struct rbuf r;
    uint64_t id;

    assert_int_equal(wire_open(frame, len, true, &kind, &id, &r), 0);
    s->served += kind == NET_REQUEST;
    if (kind != NET_HELLO)
        return;
    wbuf_init_grow(&b, 0);
    wire_put_head(&b, NET_WELCOME, 0);
    wbuf_u64(&b, ++s->incarnation);
    wbuf_u64(&b, NET_FEAT_CONTROL | NET_FEAT_CANCEL);
    wbuf_u32(&b, 0);
    wbuf_u32(&b, 8);
    assert_int_equal(wire_seal(&b, true), 0);
    w->ops->send(w, b.data, b.len);
    wbuf_fini(&b);
}

static void old_broken(struct net_wire *w)
{
}

static void old_accepted(void *arg, struct net_wire *w)
{
    struct stage *s = arg;

    assert_null(s->old);
    s->old = w;
    w->arg = s;
    w->received = old_received;
    w->broken = old_broken;
}

static void old_close_there(void *arg)
{
    struct errand *e = arg;

    e->s->old->ops->close(e->s->old);
    rt_event_set(&e->done);
}

static int follow(struct stage *s)
{
    struct msg_obj_follow_req q = {.nr = 16};
    struct msg_obj_follow_rep r;
    struct net_call call;
    int rc;

    net_call_init(&call, MSG_OBJ_FOLLOW);
    call.req = &q;
    call.rep = &r;
    rc = net_call_wait(s->peer, &call);
    net_call_fini(&call);
    return rc;
}

/* It is never sent what it does not know; whoever comes after it may know. */
static void an_older_engine(struct stage *s)
{
    struct errand e = {.s = s, .done = RT_EVENT_INIT};

    assert_int_equal(follow(s), 0);
    engine_stop(s, true);
    s->served = 0;
    sim_net_up(s->net, s->engine_node);
    sim_net_listen(s->net, s->engine_node, s->engine, old_accepted, s);
    for (int i = 0; i < 3; i++)
        assert_int_equal(follow(s), -DER_NOSYS);
    assert_int_equal(s->served, 0);
    sim_net_unlisten(s->net, s->engine_node);
    sim_net_down(s->net, s->engine_node, true);
    assert_int_equal(rt_spawn_on(s->engine, old_close_there, &e), 0);
    rt_event_wait(&e.done);
    rt_sleep_ns(SIM_S); /* by now the client has noticed */
    engine_start(s);
    assert_int_equal(follow(s), 0);
    assert_int_equal(s->served, 1);
}

#define STORY(fn)                                                                                  \
    static void test_##fn(void **state)                                                            \
    {                                                                                              \
        for (uint64_t seed = 1; seed <= 20; seed++)                                                \
            play(fn, seed);                                                                        \
    }
STORY(plain)
STORY(no_engine)
STORY(too_late)
STORY(answer_lost)
STORY(broken_under_way)
STORY(another_incarnation)
STORY(going_away)
STORY(no_such_target)
STORY(hostile)
STORY(newer_closes_older)
STORY(answered_where_it_was_asked)
STORY(more_than_fits)
STORY(no_more_than_fits)
STORY(control_first)
STORY(sweeps_yield)
STORY(credit_comes_back)
STORY(taken_back)
STORY(turned_away_at_the_end)
STORY(cancelled)
STORY(cancelled_without_connection)
STORY(gone_before_its_turn)
STORY(an_older_engine)
STORY(bad_weather)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plain),
        cmocka_unit_test(test_no_engine),
        cmocka_unit_test(test_too_late),
        cmocka_unit_test(test_answer_lost),
        cmocka_unit_test(test_broken_under_way),
        cmocka_unit_test(test_another_incarnation),
        cmocka_unit_test(test_going_away),
        cmocka_unit_test(test_no_such_target),
        cmocka_unit_test(test_hostile),
        cmocka_unit_test(test_newer_closes_older),
        cmocka_unit_test(test_answered_where_it_was_asked),
        cmocka_unit_test(test_more_than_fits),
        cmocka_unit_test(test_no_more_than_fits),
        cmocka_unit_test(test_control_first),
        cmocka_unit_test(test_sweeps_yield),
        cmocka_unit_test(test_credit_comes_back),
        cmocka_unit_test(test_taken_back),
        cmocka_unit_test(test_turned_away_at_the_end),
        cmocka_unit_test(test_cancelled),
        cmocka_unit_test(test_cancelled_without_connection),
        cmocka_unit_test(test_gone_before_its_turn),
        cmocka_unit_test(test_an_older_engine),
        cmocka_unit_test(test_bad_weather),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
