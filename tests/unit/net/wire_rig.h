/*
 * A stage for wires: an engine on an xstream of its own, a client on one that is driven by whoever
 * waits, and any transport between them.
 */
#ifndef TARN_TEST_WIRE_RIG_H
#define TARN_TEST_WIRE_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <pthread.h>
#include <cmocka.h>
#include <daos_errno.h>
#include "base/assert.h"
#include "base/hash.h"
#include "net/msg.h"
#include "net/remote.h"
#include "net/shm.h"
#include "net/tcp.h"
#include "rt/rt.h"

enum transport { SHM, TCP4, TCP6 };

struct stage {
    enum transport transport;
    char path[64];            /* of shared memory */
    char addr[NET_ADDR_TEXT]; /* of TCP; its port stays the same when the engine comes again */
    char list[512];           /* what the client dials instead, if not empty */
    struct net_tcp_listen_conf tcp_conf; /* what a test wants otherwise */
    struct rt_xs *client, *engine;
    struct net_shm_listener *shm;
    struct net_tcp_listener *tcp;
    struct net_tcp_stat st; /* as last looked at */
    struct net_acceptor_stat stat;
    struct net_shm_listen_conf shm_conf; /* what a test wants otherwise */
    bool strangers; /* clients are other processes, and what they ask for may be anything */
    struct net_dialer *dialer;
    struct net_peer *peer;
    struct net_acceptor *acceptor;
    struct net_wire *newest; /* the engine's, of the last connection that came in */
    struct net_service service;
    uint32_t calls;
    uint64_t bytes;     /* that a client's requests may hold */
    uint64_t all_bytes; /* likewise, of all clients */
    uint32_t stall_ms;
    uint32_t suspect_ms;         /* the client's */
    const struct net_keys *keys; /* the engine's */
    const struct net_key *key;   /* the client's */
    uint32_t proof_ms;
    uint32_t uid, groups_nr; /* who asked last, as the service was told */
    /* the service's */
    bool inline_too;
    uint64_t delay_ns;
    uint32_t served, at_once, most_at_once; /* atomic, of those that wait */
    struct rt_event *hold;                  /* answers wait for it ... */
    uint16_t held_op;                       /* ... to these only, if not 0 */
};

/* ---- The service ---- */

/* ECHO: the same bytes. OBJ_FETCH: each writable vector is filled with its own number and place.
 * OBJ_UPDATE: the answer's epoch is the sum of the vectors' bytes. */
static bool answer(struct stage *s, struct net_req *req)
{
    s->uid = req->uid;
    s->groups_nr = req->groups_nr;
    if (req->hdr.opcode == MSG_ECHO) {
        ((struct msg_echo_rep *)req->rep)->data = ((const struct msg_echo_req *)req->req)->data;
        net_reply(req, 0);
        return true;
    }
    if (req->hdr.opcode == MSG_OBJ_FETCH) {
        for (uint32_t i = 0; i < req->bulk_nr; i++) {
            uint8_t *p = req->bulk[i].iov[0].iov_base;
            size_t len = req->bulk[i].iov[0].iov_len;

            assert_true(req->bulk[i].writable || s->strangers);
            if (!req->bulk[i].writable)
                continue;
            for (size_t k = 0; k < len; k++)
                p[k] = (uint8_t)(i + k % 251);
            net_bulk_wrote(req, i, 0, len / 3);
            net_bulk_wrote(req, i, len / 2, len - len / 2);
        }
        net_reply(req, 0);
        return true;
    }
    if (req->hdr.opcode == MSG_OBJ_UPDATE) {
        uint64_t sum = 0;

        for (uint32_t i = 0; i < req->bulk_nr; i++)
            for (size_t k = 0; k < req->bulk[i].iov[0].iov_len && !req->bulk[i].writable; k++)
                sum += ((const uint8_t *)req->bulk[i].iov[0].iov_base)[k];
        ((struct msg_obj_update_rep *)req->rep)->epoch = sum;
        net_reply(req, 0);
        return true;
    }
    return false;
}

static bool inline_handle(struct net_service *service, struct net_req *req)
{
    struct stage *s = CONTAINER_OF(service, struct stage, service);

    if (s->strangers)
        return req->bulk_nr == 0 && req->hdr.opcode == MSG_ECHO && req->hdr.deadline_ms % 3 != 0 &&
               answer(s, req);
    return s->inline_too && s->delay_ns == 0 && s->hold == NULL && answer(s, req);
}

static void handle(struct net_service *service, struct net_req *req)
{
    struct stage *s = CONTAINER_OF(service, struct stage, service);

    s->served++;
    s->at_once++;
    s->most_at_once = MAX(s->most_at_once, s->at_once);
    if (s->delay_ns > 0)
        rt_sleep_ns(s->delay_ns);
    if (s->strangers && mix64(req->hdr.deadline_ms) % 8 == 0)
        rt_sleep_ns(mix64(req->hdr.deadline_ms) % 30 * UINT64_C(1000000));
    if (s->hold != NULL && (s->held_op == 0 || s->held_op == req->hdr.opcode))
        rt_event_wait(s->hold);
    s->at_once--;
    if (!answer(s, req))
        net_reply(req, -DER_NOSYS);
}

static struct rt_xs *route(struct net_service *service, const struct net_hdr *hdr)
{
    return hdr->target == 0 ? CONTAINER_OF(service, struct stage, service)->engine : NULL;
}

/* ---- The stage ---- */

struct job {
    void (*fn)(struct stage *s);
    struct stage *s;
    struct rt_event done;
};

static void job_fiber(void *arg)
{
    struct job *j = arg;

    j->fn(j->s);
    rt_event_set(&j->done);
}

static void on_engine(struct stage *s, void (*fn)(struct stage *s))
{
    struct job j = {.fn = fn, .s = s, .done = RT_EVENT_INIT};

    assert_int_equal(rt_spawn_on(s->engine, job_fiber, &j), 0);
    rt_event_wait(&j.done);
}

static void accepted(void *arg, struct net_wire *w)
{
    struct stage *s = arg;
    bool known = s->transport == SHM;

    assert_int_equal(w->uid, known ? getuid() : UINT32_MAX);
    assert_int_equal(w->gid, known ? getgid() : UINT32_MAX);
    if (!s->strangers)
        assert_int_equal(w->pid, known ? (uint32_t)getpid() : UINT32_MAX);
    assert_int_equal(w->local, known);
    s->newest = w;
    net_acceptor_add(s->acceptor, w);
}

static void listen_shm(struct stage *s)
{
    struct net_shm_listen_conf lc = s->shm_conf;
    struct err e = {0};

    lc.xs = s->engine;
    lc.path = s->path;
    lc.accept = accepted;
    lc.arg = s;
    lc.room_bytes = lc.room_bytes != 0 ? lc.room_bytes : 32u << 20;
    assert_int_equal(net_shm_listen(&lc, &s->shm, &e), 0);
}

static void listen_tcp(struct stage *s)
{
    struct net_tcp_listen_conf lc = s->tcp_conf;
    struct net_addr at;
    struct err e = {0};

    lc.xs = s->engine;
    lc.addrs = s->addr;
    lc.accept = accepted;
    lc.arg = s;
    assert_int_equal(net_tcp_listen(&lc, &s->tcp, &e), 0);
    assert_true(net_tcp_address(s->tcp, 0, &at));
    net_addr_text(&at, s->addr);
}

static void engine_up(struct stage *s)
{
    struct net_acceptor_conf ac = {.service = &s->service,
                                   .xs = s->engine,
                                   .incarnation = 7,
                                   .calls = s->calls,
                                   .bytes = s->bytes,
                                   .all_bytes = s->all_bytes,
                                   .keys = s->keys,
                                   .proof_ms = s->proof_ms,
                                   .stall_ms = s->stall_ms};

    assert_int_equal(net_acceptor_create(&ac, &s->acceptor), 0);
    if (s->transport == SHM)
        listen_shm(s);
    else
        listen_tcp(s);
}

static void engine_stat(struct stage *s)
{
    net_acceptor_stat(s->acceptor, &s->stat);
}

static void engine_down(struct stage *s)
{
    if (s->transport == SHM)
        net_shm_unlisten(s->shm);
    else
        net_tcp_unlisten(s->tcp);
    net_acceptor_stop(s->acceptor);
    for (engine_stat(s); s->stat.serving > 0; engine_stat(s))
        rt_sleep_ns(100000);
    net_acceptor_free(s->acceptor);
    if (s->transport == SHM)
        net_shm_free(s->shm);
    else
        net_tcp_free(s->tcp);
}

static void engine_open(struct stage *s)
{
    struct rt_xs_conf ec = {.cpu = -1, .name = "engine"};

    snprintf(s->path, sizeof(s->path), "/tmp/tarn-wire-%d", getpid());
    if (s->addr[0] == '\0')
        snprintf(s->addr, sizeof(s->addr), "%s", s->transport == TCP6 ? "[::1]:0" : "127.0.0.1:0");
    s->service = (struct net_service){handle, inline_handle, route};
    assert_int_equal(rt_xs_create(&ec, &s->engine), 0);
    on_engine(s, engine_up);
}

static void engine_close(struct stage *s)
{
    on_engine(s, engine_down);
    rt_xs_destroy(s->engine);
    assert_int_not_equal(access(s->path, F_OK), 0);
}

static inline void client_open(struct stage *s)
{
    struct rt_xs_conf cc = {.cpu = -1, .name = "client", .driven = true};
    struct net_tcp_dial_conf dc = {.addrs = s->list[0] != '\0' ? s->list : s->addr, .driven = true};
    struct net_remote_conf rc = {.driven = true};
    struct err e = {0};

    assert_int_equal(rt_xs_create(&cc, &s->client), 0);
    if (s->transport == SHM)
        assert_int_equal(net_shm_dialer(s->client, s->path, getuid(), &s->dialer), 0);
    else
        assert_int_equal(net_tcp_dialer(s->client, &dc, &s->dialer, &e), 0);
    rc.dialer = s->dialer;
    rc.suspect_ms = s->suspect_ms;
    rc.key = s->key;
    rc.xs = s->client;
    assert_int_equal(net_remote_connect(&rc, &s->peer), 0);
}

static inline void client_close(struct stage *s)
{
    net_peer_close(s->peer);
    assert_true(rt_drive_enter(s->client));
    if (s->transport == SHM)
        net_shm_dialer_free(s->dialer);
    else
        net_tcp_dialer_free(s->dialer);
    rt_drive_leave(s->client);
    rt_xs_destroy(s->client);
}

static inline void stage_open(struct stage *s)
{
    engine_open(s);
    client_open(s);
}

static inline void stage_close(struct stage *s)
{
    client_close(s);
    engine_close(s);
}

/* ---- Calls ---- */

static inline int echo_within(struct stage *s, const void *data, uint32_t len, uint32_t deadline_ms)
{
    struct msg_echo_req q = {.data = {data, len}};
    struct msg_echo_rep r;
    struct net_call call;
    int rc;

    net_call_init(&call, MSG_ECHO);
    call.hdr.deadline_ms = deadline_ms;
    call.req = &q;
    call.rep = &r;
    rc = net_call_wait(s->peer, &call);
    if (rc == 0) {
        assert_int_equal(r.data.len, len);
        assert_true(len == 0 || memcmp(r.data.buf, data, len) == 0);
    }
    net_call_fini(&call);
    return rc;
}

static inline int echo(struct stage *s, const void *data, uint32_t len)
{
    return echo_within(s, data, len, 0);
}

static inline void fill(uint8_t *p, size_t len, uint64_t seed)
{
    for (size_t i = 0; i < len; i++)
        p[i] = (uint8_t)(mix64(seed + i / 8) >> i % 8 * 8);
}

static inline int update(struct stage *s, const uint8_t *data, size_t len, uint32_t vectors)
{
    struct msg_obj_update_req q = {{0}};
    struct msg_obj_update_rep r;
    struct iovec iov[NET_BULK_MAX][2];
    struct net_call call;
    uint64_t sum = 0;
    int rc;

    net_call_init(&call, MSG_OBJ_UPDATE);
    call.req = &q;
    call.rep = &r;
    for (uint32_t i = 0; i < vectors; i++) {
        iov[i][0] = (struct iovec){(void *)(uintptr_t)data, len / 3};
        iov[i][1] = (struct iovec){(void *)(uintptr_t)(data + len / 3), len - len / 3};
        call.bulk[i] = (struct net_bulk){iov[i], 2, false};
    }
    call.bulk_nr = vectors;
    rc = net_call_wait(s->peer, &call);
    for (size_t i = 0; i < len; i++)
        sum += data[i];
    if (rc == 0)
        assert_int_equal(r.epoch, sum * vectors);
    net_call_fini(&call);
    return rc;
}

static inline int fetch(struct stage *s, uint8_t *to, size_t len, uint32_t vectors)
{
    struct msg_obj_fetch_req q = {{0}};
    struct msg_obj_fetch_rep r;
    struct iovec iov[NET_BULK_MAX][2];
    struct net_call call;
    int rc;

    net_call_init(&call, MSG_OBJ_FETCH);
    call.req = &q;
    call.rep = &r;
    memset(to, 0xee, len * vectors);
    for (uint32_t i = 0; i < vectors; i++) {
        iov[i][0] = (struct iovec){to + i * len, len / 4};
        iov[i][1] = (struct iovec){to + i * len + len / 4, len - len / 4};
        call.bulk[i] = (struct net_bulk){iov[i], 2, true};
    }
    call.bulk_nr = vectors;
    rc = net_call_wait(s->peer, &call);
    for (uint32_t i = 0; i < vectors && rc == 0; i++)
        for (size_t k = 0; k < len; k++) {
            bool written = k < len / 3 || k >= len / 2;

            if (to[i * len + k] != (written ? (uint8_t)(i + k % 251) : 0xee))
                rc = -DER_CSUM; /* also in threads, where cmocka's asserts cannot be */
        }
    net_call_fini(&call);
    return rc;
}

struct many {
    struct stage *s;
    uint32_t left, failed;
    struct rt_event done;
};
struct one {
    struct net_call call;
    struct msg_echo_req q;
    struct msg_echo_rep r;
    struct many *m;
    char text[32];
};

static inline void one_done(struct net_call *call)
{
    struct one *o = CONTAINER_OF(call, struct one, call);
    struct many *m = o->m;

    if (call->rc != 0 || o->r.data.len != o->q.data.len ||
        memcmp(o->r.data.buf, o->text, o->q.data.len) != 0)
        m->failed++;
    net_call_fini(call);
    free(o);
    if (--m->left == 0)
        rt_event_set(&m->done);
}

/* ECHO, whose answer counts m->left down. */
static inline void send_one(struct many *m, int i)
{
    struct one *o = calloc(1, sizeof(*o));

    net_call_init(&o->call, MSG_ECHO);
    o->m = m;
    snprintf(o->text, sizeof(o->text), "call %d", i);
    o->q.data.buf = o->text;
    o->q.data.len = (uint32_t)strlen(o->text);
    o->call.req = &o->q;
    o->call.rep = &o->r;
    o->call.done = one_done;
    net_call_send(m->s->peer, &o->call);
}

#endif
