/*
 * A slow way between client and engine: what takes longer than the client's patience with silence,
 * but moves, is not given up; what does not move any more is.
 */
#include "wire_rig.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>

#define STEP_BYTES (16u << 10) /* every 5 ms: 3 MB a second */
#define SUSPECT_MS 400u
#define TRIES      20

/* Passes on what comes, both ways. */
struct way {
    const char *to;
    int listener;
    bool stuck, end;     /* atomic: nothing is passed on; it is over */
    uint64_t longest_ns; /* atomic: that it stood still, because others had the CPU */
    pthread_t thread;
};

static void pass(int from, int to, bool *open)
{
    uint8_t buf[STEP_BYTES];
    ssize_t n = recv(from, buf, sizeof(buf), MSG_DONTWAIT);

    if (n == 0 || (n > 0 && send(to, buf, (size_t)n, MSG_NOSIGNAL) != n))
        *open = false;
}

static void note_pause(struct way *w, uint64_t *last_ns)
{
    uint64_t now = rt_now_ns();

    if (*last_ns != 0 && now - *last_ns > __atomic_load_n(&w->longest_ns, __ATOMIC_RELAXED))
        __atomic_store_n(&w->longest_ns, now - *last_ns, __ATOMIC_RELAXED);
    *last_ns = now;
}

static void *carry(void *arg)
{
    struct way *w = arg;
    uint64_t last_ns;
    int small = 65536, in, out;

    while ((in = accept(w->listener, NULL, NULL)) >= 0) {
        struct net_addrs a;
        bool open = true;

        assert_int_equal(net_addr_resolve(w->to, NET_ADDR_CONNECT, &a, NULL), 0);
        out = socket(AF_INET, SOCK_STREAM, 0);
        setsockopt(out, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
        if (connect(out, &a.a[0].u.sa, a.a[0].len) != 0)
            open = false;
        last_ns = 0;
        while (open && !__atomic_load_n(&w->end, __ATOMIC_RELAXED)) {
            usleep(5000);
            if (__atomic_load_n(&w->stuck, __ATOMIC_RELAXED))
                continue;
            pass(in, out, &open);
            pass(out, in, &open);
            note_pause(w, &last_ns);
        }
        close(in);
        close(out);
    }
    return NULL;
}

static void way_open(struct way *w, struct stage *s)
{
    struct net_addr a = {.len = sizeof(a.u.v4)};
    char text[NET_ADDR_TEXT];
    int small = 65536;

    *w = (struct way){.to = s->addr, .listener = socket(AF_INET, SOCK_STREAM, 0)};
    a.u.v4.sin_family = AF_INET;
    a.u.v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(w->listener, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
    assert_int_equal(bind(w->listener, &a.u.sa, a.len), 0);
    assert_int_equal(listen(w->listener, 10), 0);
    assert_int_equal(getsockname(w->listener, &a.u.sa, &a.len), 0);
    snprintf(s->list, sizeof(s->list), "%s", net_addr_text(&a, text));
    assert_int_equal(pthread_create(&w->thread, NULL, carry, w), 0);
}

static void way_close(struct way *w)
{
    __atomic_store_n(&w->end, true, __ATOMIC_RELAXED);
    shutdown(w->listener, SHUT_RDWR);
    pthread_join(w->thread, NULL);
    close(w->listener);
}

/* How often the client dialed for a large update and fetch, each of two seconds. */
static uint64_t dials_of(struct way *w, const uint8_t *data, size_t len, uint8_t *back)
{
    struct stage s = {.transport = TCP4, .inline_too = true, .suspect_ms = SUSPECT_MS};
    struct net_remote_stat st;

    engine_open(&s);
    way_open(w, &s);
    client_open(&s);
    assert_int_equal(echo(&s, "x", 1), 0);
    assert_int_equal(update(&s, data, len, 1), 0);
    assert_int_equal(fetch(&s, back, len, 1), 0);
    net_remote_stat(s.peer, &st);
    client_close(&s);
    way_close(w);
    engine_close(&s);
    return st.dials;
}

/* On a busy machine the way itself may stand still for as long as the client has patience: then it
 * is right to dial again, and that time says nothing. */
static void moves(void **state)
{
    size_t len = 6 << 20;
    uint8_t *data = malloc(len), *back = malloc(len);
    uint64_t dials = 0;
    struct way w;

    fill(data, len, 1);
    for (int i = 0; i < TRIES && dials != 1; i++) {
        dials = dials_of(&w, data, len, back);
        if (w.longest_ns < SUSPECT_MS * UINT64_C(1000000) / 2)
            assert_int_equal(dials, 1);
    }
    free(data);
    free(back);
}

/* The nearest host goes on to acknowledge what it has room for; that is no life of the engine's. */
static void stuck(void **state)
{
    struct stage s = {.transport = TCP4, .inline_too = true, .suspect_ms = SUSPECT_MS};
    static const size_t lens[] = {100, 6 << 20};
    uint8_t *data = malloc(6 << 20);
    struct way w;

    fill(data, 6 << 20, 2);
    engine_open(&s);
    way_open(&w, &s);
    for (size_t i = 0; i < ARRAY_LEN(lens); i++) {
        struct msg_obj_update_req q = {{0}};
        struct msg_obj_update_rep r;
        struct iovec iov = {data, lens[i]};
        struct net_remote_stat st;
        struct net_call call;

        client_open(&s);
        assert_int_equal(echo(&s, "x", 1), 0);
        __atomic_store_n(&w.stuck, true, __ATOMIC_RELAXED);
        net_call_init(&call, MSG_OBJ_UPDATE);
        call.req = &q;
        call.rep = &r;
        call.hdr.deadline_ms = 2500;
        call.bulk[0] = (struct net_bulk){&iov, 1, false};
        call.bulk_nr = 1;
        assert_int_equal(net_call_wait(s.peer, &call), -DER_TX_UNCERTAIN);
        net_call_fini(&call);
        net_remote_stat(s.peer, &st);
        assert_in_range(st.dials, 2, 100);
        client_close(&s);
        __atomic_store_n(&w.stuck, false, __ATOMIC_RELAXED);
    }
    way_close(&w);
    engine_close(&s);
    free(data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(moves), cmocka_unit_test(stuck)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
