/*
 * TCP wires among strangers: bytes one at a time, bytes of no sense, silence, peers that never read
 * or lose their power, addresses that do not answer. Raw sockets play the other side.
 */
#include "tcp_raw.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

/* ---- What comes ---- */

static void byte_by_byte(void **state)
{
    struct stage s = {.transport = TCP4, .inline_too = true};
    uint8_t data[500];
    struct wbuf b;
    int fd;

    fill(data, sizeof(data), 4);
    stage_open(&s);
    wbuf_init_grow(&b, 0);
    fd = raw_connect(&s);
    put_hello(&b, 1);
    for (int round = 0; round < 3; round++) {
        for (size_t i = 0; i < b.len; i++) {
            raw_send(fd, b.data + i, 1);
            if (i % 16 == 0)
                assert_int_equal(echo(&s, data, 10), 0); /* the other one goes on */
        }
        raw_recv_frame(fd, round == 0 ? NET_WELCOME : NET_REPLY);
        put_echo(&b, (uint64_t)round + 1, data, sizeof(data));
    }
    wbuf_fini(&b);
    close(fd);
    stage_close(&s);
}

/* Frames that end and begin anywhere in what one recv brings. */
static void any_pieces(void **state)
{
    struct stage s = {.transport = TCP4, .inline_too = true};
    uint8_t *all = malloc(4 << 20), data[60000];
    size_t len = 0, at = 0;
    struct wbuf b;
    unsigned nr = 0;
    int fd;

    fill(data, sizeof(data), 5);
    engine_open(&s);
    wbuf_init_grow(&b, 0);
    while (len < 3 << 20) {
        nr++;
        put_echo(&b, nr, data, (uint32_t)(mix64(nr) % (nr % 7 == 0 ? 60000 : 900)));
        memcpy(all + len, b.data, b.len);
        len += b.len;
    }
    fd = raw_hello(&s, 1);
    if (fork() == 0) {
        for (uint64_t i = 0; at < len; i++) {
            size_t n = MIN(len - at, mix64(i) % (i % 3 == 0 ? 200000 : 3000) + 1);

            if (send(fd, all + at, n, MSG_NOSIGNAL) != (ssize_t)n)
                _exit(1);
            at += n;
        }
        _exit(0);
    }
    for (unsigned i = 0; i < nr; i++)
        raw_recv_frame(fd, NET_REPLY);
    wait(NULL);
    close(fd);
    await_conns(&s, 0, 5000);
    assert_int_equal(s.st.partial, 0);
    wbuf_fini(&b);
    engine_close(&s);
    free(all);
}

struct hostile {
    const char *told; /* in the log; NULL: nothing need be */
    size_t len;
    uint8_t bytes[200];
};

static void head(struct hostile *h, const char *told, uint16_t kind, uint16_t proto, uint32_t len)
{
    struct wbuf b;

    h->told = told;
    wbuf_init(&b, h->bytes, sizeof(h->bytes));
    wire_put_head(&b, (enum net_frame)kind, 0);
    memcpy(h->bytes + 6, &proto, 2);
    memcpy(h->bytes + 8, &len, 4);
    h->len = NET_FRAME_HEAD;
}

/* Sends it; the connection is closed, and that is told once. */
static void attack(struct stage *s, const struct hostile *h, unsigned round)
{
    unsigned before;
    uint8_t byte;
    int fd = raw_connect(s);

    pthread_mutex_lock(&lines.lock);
    before = lines.nr;
    pthread_mutex_unlock(&lines.lock);
    send(fd, h->bytes, h->len, MSG_NOSIGNAL);
    while (raw_recv(fd, &byte, 1)) /* WELCOME, if it came that far */
        ;
    close(fd);
    pthread_mutex_lock(&lines.lock);
    if (h->told != NULL && round == 0) {
        assert_int_equal(lines.nr, before + 1);
        assert_non_null(strstr(lines.all, h->told));
    } else {
        assert_int_equal(lines.nr, before);
    }
    pthread_mutex_unlock(&lines.lock);
}

static void hostile(void **state)
{
    struct stage s = {.transport = TCP4, .inline_too = true};
    struct hostile h[5];
    uint8_t data[3000];

    memset(h, 0, sizeof(h));
    fill(data, sizeof(data), 6);
    stage_open(&s);
    lines_begin();
    h[0] = (struct hostile){"is no frame of Tarn; see what connects", 18, "GET / HTTP/1.1\r\n\r\n"};
    head(&h[1], "speaks protocol 99 and this program 1; use", NET_HELLO, 99, 100);
    head(&h[2], "claims a length", NET_HELLO, NET_PROTO, 0xffffffffu);
    head(&h[3], NULL, NET_HELLO, NET_PROTO, NET_FRAME_HEAD - 1); /* host and reason are known */
    head(&h[4], "does not begin with HELLO", NET_PING, NET_PROTO, NET_FRAME_HEAD);
    for (unsigned round = 0; round < 3; round++)
        for (size_t i = 0; i < ARRAY_LEN(h); i++) {
            attack(&s, &h[i], round);
            assert_int_equal(echo(&s, data, sizeof(data)), 0);
        }
    for (uint64_t i = 0; i < 300; i++) {
        struct hostile r = {.len = mix64(i) % 190 + 4};

        fill(r.bytes, r.len, i);
        attack(&s, &r, 1);
    }
    assert_int_equal(echo(&s, data, sizeof(data)), 0);
    assert_int_equal(stat_of(&s)->conns, 1);
    assert_int_equal(s.st.refused, 3 * 5 + 300);
    log_set_sink(NULL);
    stage_close(&s);
}

/* Whole frames whose bytes were changed, or that end too soon. */
static void damaged(void **state)
{
    struct stage s = {.transport = TCP4, .inline_too = true};
    uint8_t data[700], byte;
    struct wbuf b;

    fill(data, sizeof(data), 7);
    stage_open(&s);
    lines_begin();
    wbuf_init_grow(&b, 0);
    for (uint64_t i = 0; i < 200; i++) {
        int fd = raw_hello(&s, i + 1);
        size_t at;

        put_echo(&b, 1, data, sizeof(data));
        at = mix64(i) % (b.len - 12) + 12; /* behind its length */
        if (i % 4 == 0) {
            raw_send(fd, b.data, at);
        } else {
            b.data[at] ^= (uint8_t)(1u << i % 8);
            raw_send(fd, b.data, b.len);
            assert_false(raw_recv(fd, &byte, 1));
        }
        close(fd);
        if (i % 10 == 0)
            assert_int_equal(echo(&s, data, sizeof(data)), 0);
    }
    await_conns(&s, 1, 5000);
    assert_int_equal(s.st.partial, 0);
    log_set_sink(NULL);
    wbuf_fini(&b);
    stage_close(&s);
}

/* Memory is what came, not what was promised; and all of it together has a bound. */
static void promises(void **state)
{
    struct stage s = {.transport = TCP4, .inline_too = true};
    struct hostile h;
    uint8_t *zeros = calloc(1, 1 << 20);
    int fd[40];

    s.tcp_conf.partial_max = 4 << 20;
    stage_open(&s);
    lines_begin();
    memset(&h, 0, sizeof(h));
    head(&h, NULL, NET_REQUEST, NET_PROTO, NET_FRAME_MAX);
    for (size_t i = 0; i < ARRAY_LEN(fd); i++) {
        fd[i] = raw_hello(&s, i + 1);
        raw_send(fd[i], h.bytes, h.len);
        raw_send(fd[i], zeros, 100);
    }
    usleep(50000);
    assert_in_range(stat_of(&s)->partial, 40 * NET_FRAME_HEAD, 40 * (16 << 10));
    assert_int_equal(echo(&s, "x", 1), 0);
    for (size_t i = 0; i < ARRAY_LEN(fd); i++)
        send(fd[i], zeros, 1 << 20, MSG_NOSIGNAL);
    for (int i = 0; i < 10000 && stat_of(&s)->refused == 0; i++)
        usleep(1000);
    assert_in_range(s.st.refused, 1, ARRAY_LEN(fd)); /* which of them is chance */
    assert_int_equal(echo(&s, "x", 1), 0);
    assert_in_range(stat_of(&s)->partial, 0, (4 << 20) + 40 * (64 << 10));
    assert_true(was_told(1, "hold all memory"));
    log_set_sink(NULL);
    for (size_t i = 0; i < ARRAY_LEN(fd); i++)
        close(fd[i]);
    await_conns(&s, 1, 5000);
    assert_int_equal(s.st.partial, 0);
    stage_close(&s);
    free(zeros);
}

/* ---- Silence ---- */

static void silent(void **state)
{
    struct stage s = {.transport = TCP4, .inline_too = true};
    int nothing, half, said;
    struct wbuf b;
    uint8_t byte;

    s.tcp_conf.hello_ms = 200;
    stage_open(&s);
    lines_begin();
    wbuf_init_grow(&b, 0);
    put_hello(&b, 5);
    said = raw_hello(&s, 4);
    nothing = raw_connect(&s);
    half = raw_connect(&s);
    raw_send(half, b.data, b.len / 2);
    assert_false(raw_recv(nothing, &byte, 1));
    assert_false(raw_recv(half, &byte, 1));
    assert_true(was_told(1, "did not say HELLO in time"));
    usleep(300000);
    put_echo(&b, 1, "abc", 3);
    raw_send(said, b.data, b.len);
    raw_recv_frame(said, NET_REPLY);
    log_set_sink(NULL);
    wbuf_fini(&b);
    close(nothing);
    close(half);
    close(said);
    stage_close(&s);
}

/* From now on the socket neither sees nor acknowledges what comes: its host has no power. */
static void lose_power(int fd)
{
    struct sock_filter drop = {.code = BPF_RET | BPF_K, .k = 0};
    struct sock_fprog prog = {.len = 1, .filter = &drop};

    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &prog, sizeof(prog)), 0);
}

static void half_open(void **state)
{
    struct stage s = {.transport = TCP4, .inline_too = true};
    int idle, owed;
    struct wbuf b;

    s.tcp_conf.alive_ms = 2000;
    stage_open(&s);
    idle = raw_hello(&s, 1);
    owed = raw_hello(&s, 2);
    lose_power(idle);
    lose_power(owed);
    wbuf_init_grow(&b, 0);
    put_echo(&b, 1, "abc", 3); /* its answer is never acknowledged */
    raw_send(owed, b.data, b.len);
    wbuf_fini(&b);
    assert_int_equal(echo(&s, "x", 1), 0);
    assert_int_equal(stat_of(&s)->conns, 3);
    await_conns(&s, 1, 15000);
    assert_int_equal(echo(&s, "x", 1), 0);
    close(idle);
    close(owed);
    stage_close(&s);
}

/* ---- Who never reads ---- */

#define ASKED 10000u

static void never_reads(void **state)
{
    struct stage s = {.transport = TCP4, .inline_too = true};
    struct net_tcp_stat st;
    uint8_t data[4096];
    struct wbuf b;
    uint64_t most = 0, recvs;
    uint32_t full = 0;
    size_t at = 0;
    unsigned i = 0;
    int fd;

    fill(data, sizeof(data), 8);
    stage_open(&s);
    fd = raw_hello(&s, 1);
    fcntl(fd, F_SETFL, O_NONBLOCK);
    wbuf_init_grow(&b, 0);
    put_echo(&b, 1, data, sizeof(data));
    while (i < ASKED && full < 100) { /* until nobody takes them for 100 ms */
        ssize_t n = send(fd, b.data + at, b.len - at, MSG_NOSIGNAL);

        if (n < 0) {
            full++;
            usleep(1000);
            assert_int_equal(echo(&s, data, 100), 0);
            most = MAX(most, stat_of(&s)->queued);
            continue;
        }
        full = 0;
        at += (size_t)n;
        if (at == b.len) {
            at = 0;
            put_echo(&b, ++i + 1, data, sizeof(data));
        }
    }
    assert_in_range(i, 100, ASKED - 1); /* it does not even take the requests */
    assert_in_range(most, 1 << 20, (1 << 20) + 8192);
    /* and costs nothing meanwhile */
    client_close(&s);
    usleep(20000);
    recvs = stat_of(&s)->recvs;
    st = s.st;
    usleep(100000);
    assert_int_equal(stat_of(&s)->recvs, recvs);
    assert_int_equal(s.st.sends, st.sends);
    assert_int_equal(s.st.dozing, 1);
    client_open(&s);
    /* once it reads, everything comes */
    for (unsigned k = 0; k < ASKED; k++) {
        while (i < ASKED) {
            ssize_t n = send(fd, b.data + at, b.len - at, MSG_NOSIGNAL);

            if (n < 0)
                break;
            at += (size_t)n;
            if (at < b.len)
                break;
            at = 0;
            put_echo(&b, ++i + 1, data, sizeof(data));
        }
        raw_recv_frame(fd, NET_REPLY);
    }
    assert_int_equal(i, ASKED);
    wbuf_fini(&b);
    close(fd);
    stage_close(&s);
}

/* ---- Costs ---- */

/* Calls between turns: the first leaves at once, then eight at a time. */
static void together(void **state)
{
    struct stage s = {.transport = TCP4, .inline_too = true};
    struct many m = {.s = &s, .left = 65, .done = RT_EVENT_INIT};
    struct net_tcp_stat before, st;

    stage_open(&s);
    assert_int_equal(echo(&s, "x", 1), 0);
    net_tcp_dialer_stat(s.dialer, &before);
    for (int i = 0; i < 65; i++)
        send_one(&m, i);
    net_tcp_dialer_stat(s.dialer, &st);
    assert_int_equal(st.frames_out - before.frames_out, 65);
    assert_int_equal(st.sends - before.sends, 9);
    assert_int_equal(rt_drive_wait(s.client, &m.done, UINT64_MAX), 0);
    assert_int_equal(m.failed, 0);
    net_tcp_dialer_stat(s.dialer, &st);
    assert_int_equal(st.frames_in - before.frames_in, 65);
    assert_int_equal(st.memory, 0); /* nothing is under way: nothing is held */
    for (int i = 0; i < 1000 && stat_of(&s)->memory > 0; i++)
        usleep(1000);
    assert_int_equal(s.st.memory, 0);
    assert_int_equal(s.st.dozing, 1);
    assert_true(s.st.sends <= s.st.frames_out);
    stage_close(&s);
}

/* One too many, and many more: they are told why, the log once; who comes when there is room is let
 * in. */
static void crowd(void **state)
{
    struct stage s = {.transport = TCP4, .inline_too = true}, other;
    struct wbuf hello;
    int a, b, silent[70];

    s.tcp_conf.max = 2;
    stage_open(&s);
    lines_begin();
    wbuf_init_grow(&hello, 0);
    put_hello(&hello, 9);
    assert_int_equal(echo(&s, "x", 1), 0);
    a = raw_hello(&s, 1);
    for (int i = 0; i < 100; i++) {
        b = raw_connect(&s);
        raw_send(b, hello.data, hello.len);
        raw_refused(b, NET_REFUSED_CROWD);
        close(b);
    }
    other = s;
    client_open(&other);
    assert_int_equal(echo_within(&other, "x", 1, 300), -DER_BUSY);
    assert_int_equal(other.dialer->refused, NET_REFUSED_CROWD);
    for (size_t i = 0; i < ARRAY_LEN(silent); i++) /* say nothing: a bounded number stays */
        silent[i] = raw_connect(&s);
    for (int i = 0; i < 5000 && stat_of(&s)->conns < 60; i++)
        usleep(1000);
    usleep(20000);
    assert_in_range(stat_of(&s)->conns, 60, 2 + 64);
    assert_int_equal(echo(&s, "x", 1), 0);
    close(a);
    assert_int_equal(echo_within(&other, "x", 1, 5000), 0); /* whoever else is being told */
    assert_int_equal(other.dialer->refused, NET_NOT_REFUSED);
    for (size_t i = 0; i < ARRAY_LEN(silent); i++)
        close(silent[i]);
    client_close(&other);
    await_conns(&s, 1, 5000);
    a = raw_hello(&s, 2);
    close(a);
    assert_true(was_told(1, "as many connections as may be"));
    log_set_sink(NULL);
    wbuf_fini(&hello);
    stage_close(&s);
}

/* A process that answers whoever connects in protocol 99; s->addr leads to it. */
static pid_t alien_engine(struct stage *s)
{
    struct sockaddr_in sa = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    int door = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), fd;
    socklen_t len = sizeof(sa);
    struct hostile h;
    pid_t pid;

    assert_int_equal(bind(door, (struct sockaddr *)&sa, len), 0);
    assert_int_equal(listen(door, 4), 0);
    assert_int_equal(getsockname(door, (struct sockaddr *)&sa, &len), 0);
    snprintf(s->addr, sizeof(s->addr), "127.0.0.1:%u", ntohs(sa.sin_port));
    memset(&h, 0, sizeof(h));
    head(&h, NULL, NET_WELCOME, 99, 48);
    pid = fork();
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        while ((fd = accept(door, NULL, NULL)) >= 0) {
            send(fd, h.bytes, 48, MSG_NOSIGNAL);
            recv(fd, h.bytes + 100, 100, 0);
            close(fd);
        }
        _exit(0);
    }
    close(door);
    return pid;
}

/* Who speaks another version is told so in ours, whose frames begin alike; and who hears another
 * one does not wait for his deadline. */
static void another_version(void **state)
{
    struct stage s = {.transport = TCP4, .inline_too = true}, alien;
    struct hostile h;
    pid_t pid;
    int fd;

    stage_open(&s);
    lines_begin();
    assert_int_equal(echo(&s, "x", 1), 0);
    for (int i = 0; i < 3; i++) {
        memset(&h, 0, sizeof(h));
        head(&h, NULL, NET_HELLO, 99, 100);
        fd = raw_connect(&s);
        raw_send(fd, h.bytes, h.len);
        raw_refused(fd, NET_REFUSED_VERSION);
        close(fd);
    }
    assert_true(was_told(1, "speaks protocol 99"));

    alien = s;
    pid = alien_engine(&alien);
    client_open(&alien);
    assert_int_equal(echo_within(&alien, "x", 1, 60000), -DER_PROTO); /* long before that */
    assert_int_equal(alien.dialer->refused, NET_REFUSED_VERSION);
    client_close(&alien);
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    log_set_sink(NULL);
    stage_close(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(byte_by_byte),    cmocka_unit_test(any_pieces),
        cmocka_unit_test(hostile),         cmocka_unit_test(damaged),
        cmocka_unit_test(promises),        cmocka_unit_test(silent),
        cmocka_unit_test(half_open),       cmocka_unit_test(never_reads),
        cmocka_unit_test(together),        cmocka_unit_test(crowd),
        cmocka_unit_test(another_version),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
