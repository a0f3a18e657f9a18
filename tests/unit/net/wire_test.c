/*
 * What every transport must do: one suite over real wires between two xstreams of this process, the
 * client's driven by whoever waits, the engine's a thread of its own. Arguments: shm (the default),
 * tcp4, tcp6.
 */
#include "wire_rig.h"

static enum transport transport;

static void sizes(void **state)
{
    static const uint32_t lens[] = {0,    1,     63,    64,    500,    513,
                                    4096, 16000, 16384, 70000, 300000, 900000};
    struct stage s = {.transport = transport, .inline_too = true};
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
    /* serving 21 MiB byte by byte takes long under sanitizers, and blocks the engine meanwhile */
    struct stage s = {.transport = transport, .inline_too = true, .suspect_ms = 30000};
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
    /* larger than the room, where there is one */
    assert_int_equal(update(&s, data, 40 << 20, 1), transport == SHM ? -DER_OVERFLOW : 0);
    assert_int_equal(echo(&s, data, 10), 0);
    stage_close(&s);
    free(data);
}

/* Far more than the engine allows at once: they wait in the client. */
static void many_at_once(void **state)
{
    struct stage s = {.transport = transport, .calls = 16, .delay_ns = 20000};
    struct many m = {.s = &s, .left = 5000, .done = RT_EVENT_INIT};

    stage_open(&s);
    for (int i = 0; i < 5000; i++)
        send_one(&m, i);
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
    struct stage s = {.transport = transport, .inline_too = true};
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
    struct stage s = {.transport = transport, .inline_too = true};
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
    struct stage s = {.transport = transport, .hold = &hold};
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
        struct stage s = {.transport = transport, .hold = &hold};
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
    struct stage s = {.transport = transport, .inline_too = true};
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

static bool has_ipv6(void)
{
    struct sockaddr_in6 lo = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    int fd = socket(AF_INET6, SOCK_STREAM, 0);
    bool has = fd >= 0 && bind(fd, (struct sockaddr *)&lo, sizeof(lo)) == 0;

    if (fd >= 0)
        close(fd);
    return has;
}

int main(int argc, char **argv)
{
    static const char *const names[] = {"shm", "tcp4", "tcp6"};
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sizes),   cmocka_unit_test(bulk),         cmocka_unit_test(many_at_once),
        cmocka_unit_test(threads), cmocka_unit_test(engine_again), cmocka_unit_test(given_up),
        cmocka_unit_test(joined),  cmocka_unit_test(nobody),
    };

    for (size_t i = 0; argc > 1 && i < ARRAY_LEN(names); i++)
        if (strcmp(argv[1], names[i]) == 0)
            transport = (enum transport)i;
    if (argc > 1 && strcmp(argv[1], names[transport]) != 0) {
        fprintf(stderr, "no such transport: %s\n", argv[1]);
        return 2;
    }
    if (transport == TCP6 && !has_ipv6()) {
        fprintf(stderr, "skipped: this host has no IPv6\n");
        return 77;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
