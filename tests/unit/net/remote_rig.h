/*
 * Connections over wires of the simulated network, to a service that answers at once, late, or when
 * it is told to. Each test is a small story on two nodes, played with twenty seeds.
 */
#ifndef TARN_TEST_REMOTE_RIG_H
#define TARN_TEST_REMOTE_RIG_H

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
static inline void handle(struct net_service *service, struct net_req *req)
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

static inline struct rt_xs *route(struct net_service *service, const struct net_hdr *hdr)
{
    return hdr->target == 0 ? CONTAINER_OF(service, struct stage, service)->engine : NULL;
}

static inline int dial(struct net_dialer *d, struct net_wire **w)
{
    struct stage *s = CONTAINER_OF(d, struct stage, dialer);

    return sim_net_dial(s->net, s->client_node, s->engine_node, w);
}

static inline void accepted(void *arg, struct net_wire *w)
{
    net_acceptor_add(((struct stage *)arg)->acceptor, w);
}

/* ---- Starting and stopping the engine's side, from the client's ---- */

struct errand {
    struct stage *s;
    struct rt_event done;
};

static inline void stop_there(void *arg)
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

static inline void engine_stop(struct stage *s, bool told)
{
    struct errand e = {.s = s, .done = RT_EVENT_INIT};

    sim_net_unlisten(s->net, s->engine_node);
    sim_net_down(s->net, s->engine_node, told);
    assert_int_equal(rt_spawn_on(s->engine, stop_there, &e), 0);
    rt_event_wait(&e.done);
}

static inline void engine_start(struct stage *s)
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

static inline int get_name(struct stage *s, const char *name, uint32_t deadline_ms)
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

static inline int change(struct stage *s, uint32_t deadline_ms)
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

/* Calls of who keeps to it never make the engine hold his connection: PING is answered. */
struct lot {
    struct stage *s;
    uint32_t left;
    struct rt_event done;
};

static inline void one_of_a_lot(void *arg)
{
    struct lot *l = arg;

    assert_int_equal(change(l->s, 0), 0);
    if (--l->left == 0)
        rt_event_set(&l->done);
}

static inline void changes(struct lot *l, uint32_t nr)
{
    l->left += nr;
    for (uint32_t i = 0; i < nr; i++)
        assert_int_equal(rt_spawn(one_of_a_lot, l), 0);
}

/* ---- The stage ---- */

static inline void play_main(void *arg)
{
    struct stage *s = arg;

    s->story(s);
    net_peer_close(s->peer);
    if (s->acceptor != NULL)
        engine_stop(s, true);
    s->ended = true;
}

static inline bool ended(void *arg)
{
    return ((struct stage *)arg)->ended;
}

static inline void play(void (*story)(struct stage *s), uint64_t seed)
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

#define STORY(fn)                                                                                  \
    static void test_##fn(void **state)                                                            \
    {                                                                                              \
        for (uint64_t seed = 1; seed <= 20; seed++)                                                \
            play(fn, seed);                                                                        \
    }

#endif
