/* A hostile client, an old engine: frames as they come. See remote_rig.h. */
#include "remote_rig.h"

/* ---- A client by hand ---- */

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

STORY(hostile)
STORY(newer_closes_older)
STORY(answered_where_it_was_asked)
STORY(more_than_fits)
STORY(gone_before_its_turn)
STORY(an_older_engine)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hostile),
        cmocka_unit_test(test_newer_closes_older),
        cmocka_unit_test(test_answered_where_it_was_asked),
        cmocka_unit_test(test_more_than_fits),
        cmocka_unit_test(test_gone_before_its_turn),
        cmocka_unit_test(test_an_older_engine),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
