/*
 * What every transport must do: one suite over real wires between two xstreams of this process, the
 * client's driven by whoever waits, the engine's a thread of its own. Arguments: shm.
 */
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
#include "rt/rt.h"

struct stage {
    char path[64];
    struct rt_xs *client, *engine;
    struct net_shm_listener *shm;
    struct net_dialer *dialer;
    struct net_peer *peer;
    struct net_acceptor *acceptor;
    struct net_wire *newest; /* the engine's, of the last connection that came in */
    struct net_service service;
    uint32_t calls;
    /* the service's */
    bool inline_too;
    uint64_t delay_ns;
    uint32_t served, at_once, most_at_once; /* atomic, of those that wait */
    struct rt_event *hold;                  /* answers wait for it */
};

/* ---- The service ---- */

/* ECHO: the same bytes. OBJ_FETCH: each writable vector is filled with its own number and place.
 * OBJ_UPDATE: the answer's epoch is the sum of the vectors' bytes. */
static bool answer(struct stage *s, struct net_req *req)
{
    if (req->hdr.opcode == MSG_ECHO) {
        ((struct msg_echo_rep *)req->rep)->data = ((const struct msg_echo_req *)req->req)->data;
        net_reply(req, 0);
        return true;
    }
    if (req->hdr.opcode == MSG_OBJ_FETCH) {
        for (uint32_t i = 0; i < req->bulk_nr; i++) {
            uint8_t *p = req->bulk[i].iov[0].iov_base;
            size_t len = req->bulk[i].iov[0].iov_len;

            assert_true(req->bulk[i].writable);
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
            for (size_t k = 0; k < req->bulk[i].iov[0].iov_len; k++)
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
    if (s->hold != NULL)
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

    assert_int_equal(w->uid, getuid());
    assert_int_equal(w->gid, getgid());
    assert_int_equal(w->pid, getpid());
    s->newest = w;
    net_acceptor_add(s->acceptor, w);
}

static void engine_up(struct stage *s)
{
    struct net_acceptor_conf ac = {
        .service = &s->service, .xs = s->engine, .incarnation = 7, .calls = s->calls};
    struct net_shm_listen_conf lc = {
        .xs = s->engine, .path = s->path, .accept = accepted, .arg = s, .room_bytes = 32u << 20};
    struct err e = {0};

    assert_int_equal(net_acceptor_create(&ac, &s->acceptor), 0);
    assert_int_equal(net_shm_listen(&lc, &s->shm, &e), 0);
}

static void engine_down(struct stage *s)
{
    struct net_acceptor_stat st;

    net_shm_unlisten(s->shm);
    net_acceptor_stop(s->acceptor);
    for (;;) {
        net_acceptor_stat(s->acceptor, &st);
        if (st.serving == 0)
            break;
        rt_sleep_ns(100000);
    }
    net_acceptor_free(s->acceptor);
    net_shm_free(s->shm);
}

static void stage_open(struct stage *s)
{
    struct rt_xs_conf ec = {.cpu = -1, .name = "engine"};
    struct rt_xs_conf cc = {.cpu = -1, .name = "client", .driven = true};
    struct net_remote_conf rc = {.driven = true};

    snprintf(s->path, sizeof(s->path), "/tmp/tarn-wire-%d", getpid());
    s->service = (struct net_service){handle, inline_handle, route};
    assert_int_equal(rt_xs_create(&ec, &s->engine), 0);
    assert_int_equal(rt_xs_create(&cc, &s->client), 0);
    on_engine(s, engine_up);
    assert_int_equal(net_shm_dialer(s->client, s->path, getuid(), &s->dialer), 0);
    rc.dialer = s->dialer;
    rc.xs = s->client;
    assert_int_equal(net_remote_connect(&rc, &s->peer), 0);
}

static void stage_close(struct stage *s)
{
    net_peer_close(s->peer);
    assert_true(rt_drive_enter(s->client));
    net_shm_dialer_free(s->dialer);
    rt_drive_leave(s->client);
    on_engine(s, engine_down);
    rt_xs_destroy(s->client);
    rt_xs_destroy(s->engine);
    assert_int_not_equal(access(s->path, F_OK), 0);
}

/* ---- Calls ---- */

static int echo(struct stage *s, const void *data, uint32_t len)
{
    struct msg_echo_req q = {.data = {data, len}};
    struct msg_echo_rep r;
    struct net_call call;
    int rc;

    net_call_init(&call, MSG_ECHO);
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

static void fill(uint8_t *p, size_t len, uint64_t seed)
{
    for (size_t i = 0; i < len; i++)
        p[i] = (uint8_t)(mix64(seed + i / 8) >> i % 8 * 8);
}

static int update(struct stage *s, const uint8_t *data, size_t len, uint32_t vectors)
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

static int fetch(struct stage *s, uint8_t *to, size_t len, uint32_t vectors)
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

/* ---- Tests ---- */

static void sizes(void **state)
{
    static const uint32_t lens[] = {0,    1,     63,    64,    500,    513,
                                    4096, 16000, 16384, 70000, 300000, 900000};
    struct stage s = {.inline_too = true};
    uint8_t *data = malloc(1 << 20);

    fill(data, 1 << 20, 1);
    stage_open(&s);
    for (int round = 0; round < 6; round++)
        for (size_t i = 0; i < ARRAY_LEN(lens); i++)
            assert_int_equal(echo(&s, data, lens[i]), 0);
    stage_close(&s);
    free(data);
}

static void bulk(void **state)
{
    static const size_t lens[] = {0, 1, 10, 170, 600, 4096, 5000, 65536, 1 << 20, 7 << 20};
    struct stage s = {.inline_too = true};
    uint8_t *data = malloc(64 << 20);

    fill(data, 8 << 20, 2);
    stage_open(&s);
    for (int round = 0; round < 4; round++) {
        s.inline_too = round % 2 == 0;
        for (size_t i = 0; i < ARRAY_LEN(lens); i++) {
            assert_int_equal(update(&s, data, lens[i], 1), 0);
            assert_int_equal(update(&s, data, lens[i], 3), 0);
            assert_int_equal(fetch(&s, data + (8 << 20), lens[i], 1), 0);
            assert_int_equal(fetch(&s, data + (8 << 20), lens[i], 4), 0);
        }
        assert_int_equal(update(&s, data, 100, NET_BULK_MAX), 0);
        assert_int_equal(fetch(&s, data + (8 << 20), 3000, NET_BULK_MAX), 0);
    }
    assert_int_equal(update(&s, data, 40 << 20, 1), -DER_OVERFLOW); /* larger than the room */
    assert_int_equal(echo(&s, data, 10), 0);
    stage_close(&s);
    free(data);
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

static void one_done(struct net_call *call)
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

/* Far more than the engine allows at once: they wait in the client. */
static void many_at_once(void **state)
{
    struct stage s = {.calls = 16, .delay_ns = 20000};
    struct many m = {.s = &s, .left = 5000, .done = RT_EVENT_INIT};

    stage_open(&s);
    for (int i = 0; i < 5000; i++) {
        struct one *o = calloc(1, sizeof(*o));

        net_call_init(&o->call, MSG_ECHO);
        o->m = &m;
        snprintf(o->text, sizeof(o->text), "call %d", i);
        o->q.data.buf = o->text;
        o->q.data.len = (uint32_t)strlen(o->text);
        o->call.req = &o->q;
        o->call.rep = &o->r;
        o->call.done = one_done;
        net_call_send(s.peer, &o->call);
    }
    assert_int_equal(rt_drive_wait(s.client, &m.done, UINT64_MAX), 0);
    assert_int_equal(m.failed, 0);
    assert_int_equal(s.served, 5000);
    assert_in_range(s.most_at_once, 2, 16);
    stage_close(&s);
}

struct worker {
    struct stage *s;
    uint64_t seed;
    uint32_t failed;
};

static void *work(void *arg)
{
    struct worker *w = arg;
    uint8_t data[9000];

    for (int i = 0; i < 300; i++) {
        uint64_t r = mix64(w->seed + (uint64_t)i);
        uint32_t len = (uint32_t)(r % 3 == 0 ? r / 3 % 100 : r / 3 % 9000);

        fill(data, len, r);
        w->failed += r / 7 % 2 ? echo(w->s, data, len) != 0 : update(w->s, data, len, 2) != 0;
        if (r % 97 == 0)
            usleep(300); /* let both sides fall asleep */
    }
    return NULL;
}

/* Threads that share the client's xstream: one drives, the others are woken. */
static void threads(void **state)
{
    struct stage s = {.inline_too = true};
    struct worker w[8];
    pthread_t t[8];

    stage_open(&s);
    for (int i = 0; i < 8; i++) {
        w[i] = (struct worker){&s, mix64((uint64_t)i), 0};
        assert_int_equal(pthread_create(&t[i], NULL, work, &w[i]), 0);
    }
    for (int i = 0; i < 8; i++) {
        pthread_join(t[i], NULL);
        assert_int_equal(w[i].failed, 0);
    }
    stage_close(&s);
}

/* The engine goes away under calls and comes back: they are sent again. */
static void engine_again(void **state)
{
    struct stage s = {.inline_too = true};
    struct net_remote_stat st;
    uint8_t data[5000];

    fill(data, sizeof(data), 3);
    stage_open(&s);
    for (int i = 0; i < 5; i++) {
        assert_int_equal(echo(&s, data, 100), 0);
        on_engine(&s, engine_down);
        on_engine(&s, engine_up);
        assert_int_equal(update(&s, data, sizeof(data), 2), 0);
    }
    net_remote_stat(s.peer, &st);
    assert_in_range(st.dials, 6, 50);
    stage_close(&s);
}

/* A call that is given up leaves its place alone until the answer has come. */
static void given_up(void **state)
{
    struct rt_event hold = RT_EVENT_INIT;
    struct stage s = {.hold = &hold};
    struct msg_obj_fetch_req q = {{0}};
    struct msg_obj_fetch_rep r;
    uint8_t buf[8192], other[8192];
    struct iovec iov = {buf, sizeof(buf)};
    struct net_remote_stat st;
    struct net_call call;

    memset(buf, 0x11, sizeof(buf));
    stage_open(&s);
    net_call_init(&call, MSG_OBJ_FETCH);
    call.req = &q;
    call.rep = &r;
    call.hdr.deadline_ms = 50;
    call.bulk[0] = (struct net_bulk){&iov, 1, true};
    call.bulk_nr = 1;
    assert_int_equal(net_call_wait(s.peer, &call), -DER_TIMEDOUT);
    net_call_fini(&call);
    for (size_t i = 0; i < sizeof(buf); i++)
        assert_int_equal(buf[i], 0x11);
    rt_event_set(&hold);
    for (int i = 0; i < 20; i++)
        assert_int_equal(fetch(&s, other, sizeof(other), 1), 0);
    for (size_t i = 0; i < sizeof(buf); i++)
        assert_int_equal(buf[i], 0x11);
    net_remote_stat(s.peer, &st);
    assert_int_equal(st.late, 1);
    assert_int_equal(st.dials, 1);
    stage_close(&s);
}

static void *fetches(void *arg)
{
    struct worker *w = arg;
    uint8_t *to = malloc(3 * 20000);

    w->failed = fetch(w->s, to, w->seed, 3) != 0;
    free(to);
    return NULL;
}

static void cut(struct stage *s)
{
    s->newest->broken(s->newest);
}

static void wait_until_joined(struct stage *s)
{
    struct net_acceptor_stat st;

    do {
        rt_sleep_ns(100000);
        net_acceptor_stat(s->acceptor, &st);
    } while (st.joined < 1);
}

static void wait_until_served(struct stage *s)
{
    while (s->at_once == 0)
        rt_sleep_ns(100000);
}

/* The connection breaks under a fetch that is being served, and the next one joins it: what it has
 * read lies in the room of the first, and the client looks into that of the second. */
static void joined(void **state)
{
    static const size_t lens[] = {100, 5000, 20000};

    for (size_t i = 0; i < ARRAY_LEN(lens); i++) {
        struct rt_event hold = RT_EVENT_INIT;
        struct stage s = {.hold = &hold};
        struct worker w = {&s, lens[i], 0};
        pthread_t t;

        stage_open(&s);
        assert_int_equal(pthread_create(&t, NULL, fetches, &w), 0);
        on_engine(&s, wait_until_served);
        on_engine(&s, cut);
        on_engine(&s, wait_until_joined);
        rt_event_set(&hold);
        pthread_join(t, NULL);
        assert_int_equal(w.failed, 0);
        assert_int_equal(s.served, 1);
        stage_close(&s);
    }
}

/* Nobody there: an error in time, and no harm. */
static void nobody(void **state)
{
    struct stage s = {.inline_too = true};
    struct msg_echo_req q = {{"x", 1}};
    struct msg_echo_rep r;
    struct net_call call;

    stage_open(&s);
    on_engine(&s, engine_down);
    net_call_init(&call, MSG_ECHO);
    call.req = &q;
    call.rep = &r;
    call.hdr.deadline_ms = 60;
    assert_int_equal(net_call_wait(s.peer, &call), -DER_TIMEDOUT);
    net_call_fini(&call);
    on_engine(&s, engine_up);
    assert_int_equal(echo(&s, "y", 1), 0);
    stage_close(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sizes),   cmocka_unit_test(bulk),         cmocka_unit_test(many_at_once),
        cmocka_unit_test(threads), cmocka_unit_test(engine_again), cmocka_unit_test(given_up),
        cmocka_unit_test(joined),  cmocka_unit_test(nobody),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
