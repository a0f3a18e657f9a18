/*
 * Raw sockets and frames made by hand, for those who play the other side of TCP; and what the log
 * was told meanwhile.
 */
#ifndef TARN_TEST_TCP_RAW_H
#define TARN_TEST_TCP_RAW_H

#include "wire_rig.h"

#include <poll.h>

#include "base/log.h"

/* ---- A raw client ---- */

static inline int raw_connect(struct stage *s)
{
    struct net_addrs a;
    struct err e;
    int fd;

    assert_int_equal(net_addr_resolve(s->addr, NET_ADDR_CONNECT, &a, &e), 0);
    fd = socket(a.a[0].u.sa.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(connect(fd, &a.a[0].u.sa, a.a[0].len), 0);
    return fd;
}

static inline void raw_send(int fd, const void *p, size_t len)
{
    assert_int_equal(send(fd, p, len, MSG_NOSIGNAL), len);
}

/* False: the other side closed. */
static inline bool raw_recv(int fd, void *p, size_t len)
{
    for (size_t got = 0; got < len;) {
        struct pollfd pf = {.fd = fd, .events = POLLIN};
        ssize_t n;

        assert_int_equal(poll(&pf, 1, 20000), 1);
        n = recv(fd, (uint8_t *)p + got, len - got, 0);
        if (n <= 0)
            return false;
        got += (size_t)n;
    }
    return true;
}

static inline void raw_recv_frame(int fd, enum net_frame kind)
{
    static uint8_t frame[70000];
    enum net_frame is;
    struct rbuf r;
    uint32_t len;
    uint64_t id;

    assert_true(raw_recv(fd, frame, NET_FRAME_HEAD));
    memcpy(&len, frame + 8, 4);
    assert_in_range(len, NET_FRAME_HEAD, sizeof(frame));
    assert_true(raw_recv(fd, frame + NET_FRAME_HEAD, len - NET_FRAME_HEAD));
    assert_int_equal(wire_open(frame, len, true, &is, &id, &r), 0);
    assert_int_equal(is, kind);
}

static inline void put_hello(struct wbuf *b, uint64_t client)
{
    wire_put_head(b, NET_HELLO, 0);
    wbuf_u64(b, client);
    wbuf_u64(b, client);
    wbuf_u64(b, 1);
    wbuf_u64(b, 0);
    assert_int_equal(wire_seal(b, true), 0);
}

static inline void put_echo(struct wbuf *b, uint64_t id, const void *data, uint32_t len)
{
    struct msg_echo_req q = {.data = {data, len}};
    struct net_hdr h = {.proto = NET_PROTO, .opcode = MSG_ECHO, .incarnation = 7};

    wire_put_head(b, NET_REQUEST, id);
    wire_put_hdr(b, &h);
    assert_int_equal(wire_put_body(b, MSG_ECHO, &q, false), 0);
    wbuf_u32(b, 0);
    assert_int_equal(wire_seal(b, true), 0);
}

/* Connected and welcomed. */
static inline int raw_hello(struct stage *s, uint64_t client)
{
    int fd = raw_connect(s);
    struct wbuf b;

    wbuf_init_grow(&b, 0);
    put_hello(&b, client);
    raw_send(fd, b.data, b.len);
    raw_recv_frame(fd, NET_WELCOME);
    wbuf_fini(&b);
    return fd;
}

/* Turned away, with a word why, and then nothing. */
static inline void raw_refused(int fd, enum net_refusal why)
{
    uint8_t frame[NET_FRAME_HEAD + 24], more;
    enum net_frame kind;
    struct rbuf r;
    uint64_t id;

    assert_true(raw_recv(fd, frame, sizeof(frame)));
    assert_int_equal(wire_open(frame, sizeof(frame), true, &kind, &id, &r), 0);
    assert_int_equal(kind, NET_WELCOME);
    assert_int_equal(rbuf_u64(&r), 0);
    assert_int_equal(rbuf_u64(&r), 0);
    assert_int_equal((int32_t)rbuf_u32(&r), net_refusal_rc(why));
    assert_int_equal(rbuf_u32(&r), why);
    assert_false(raw_recv(fd, &more, 1));
}

static inline void look(struct stage *s)
{
    net_tcp_listener_stat(s->tcp, &s->st);
}

static inline const struct net_tcp_stat *stat_of(struct stage *s)
{
    on_engine(s, look);
    return &s->st;
}

/* The engine gets down to so many connections, in so many milliseconds. */
static inline void await_conns(struct stage *s, uint32_t conns, unsigned ms)
{
    for (unsigned i = 0; i < ms && stat_of(s)->conns > conns; i++)
        usleep(1000);
    assert_int_equal(s->st.conns, conns);
}

/* ---- The log ---- */

struct lines {
    pthread_mutex_t lock;
    unsigned nr;
    char all[8192];
};

static struct lines lines = {.lock = PTHREAD_MUTEX_INITIALIZER};

static inline void keep_line(enum log_level level, const char *line)
{
    pthread_mutex_lock(&lines.lock);
    assert_int_equal(level, LOG_LEVEL_WARN);
    lines.nr++;
    strncat(lines.all, line, sizeof(lines.all) - strlen(lines.all) - 1);
    pthread_mutex_unlock(&lines.lock);
}

static inline void lines_begin(void)
{
    pthread_mutex_lock(&lines.lock);
    lines.nr = 0;
    lines.all[0] = '\0';
    pthread_mutex_unlock(&lines.lock);
    log_set_sink(keep_line);
}

static inline bool was_told(unsigned nr, const char *what)
{
    bool told;

    pthread_mutex_lock(&lines.lock);
    told = lines.nr == nr && strstr(lines.all, what) != NULL;
    pthread_mutex_unlock(&lines.lock);
    return told;
}

#endif
