/*
 * Where TCP wires begin: addresses that cannot be listened at, several of them, names, addresses
 * that refuse or do not answer, local addresses, what an engine is told from.
 */
#include "wire_rig.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "base/log.h"

static void assert_told(const struct err *e, const char *what, const char *why)
{
    assert_non_null(strstr(e->what, what));
    assert_non_null(strstr(e->why, why));
    assert_true(e->next[0] != '\0');
}

/* ---- Listening ---- */

struct attempt {
    struct rt_xs *xs;
    const char *addrs;
    int rc;
    struct err e;
    struct rt_event done;
};

static void attempt_fiber(void *arg)
{
    struct attempt *a = arg;
    struct net_tcp_listen_conf lc = {.xs = a->xs, .addrs = a->addrs};
    struct net_tcp_listener *l;

    a->rc = net_tcp_listen(&lc, &l, &a->e);
    if (a->rc == 0)
        net_tcp_free(l);
    rt_event_set(&a->done);
}

static void try_listen(struct attempt *a, struct rt_xs *xs, const char *addrs)
{
    *a = (struct attempt){.xs = xs, .addrs = addrs, .done = RT_EVENT_INIT};
    assert_int_equal(rt_spawn_on(xs, attempt_fiber, a), 0);
    rt_event_wait(&a->done);
}

static void refusals(void **state)
{
    struct stage s = {.transport = TCP4};
    struct attempt a;
    char list[300];

    engine_open(&s);
    try_listen(&a, s.engine, s.addr);
    assert_int_equal(a.rc, -DER_BUSY);
    assert_told(&a.e, s.addr, "a program listens there already");
    try_listen(&a, s.engine, "192.0.2.1:0"); /* of documentation: nobody's */
    assert_int_equal(a.rc, -DER_NONEXIST);
    assert_told(&a.e, "192.0.2.1:0", "no interface of this host");
    snprintf(list, sizeof(list), "127.0.0.1:0,%s", s.addr);
    try_listen(&a, s.engine, list); /* all or none */
    assert_int_equal(a.rc, -DER_BUSY);
    try_listen(&a, s.engine, "no-such.invalid:0");
    assert_true(a.rc == -DER_NONEXIST || a.rc == -DER_AGAIN);
    assert_told(&a.e, "no-such.invalid", "'no-such.invalid' has no address");
    try_listen(&a, s.engine, "127.0.0.1");
    assert_int_equal(a.rc, -DER_INVAL);
    assert_told(&a.e, "127.0.0.1", "no port");
    try_listen(&a, s.engine, "localhost:0"); /* of its addresses, those that there are */
    assert_int_equal(a.rc, 0);
    engine_close(&s);
}

/* As a user without privileges. */
static void privileged(void **state)
{
    FILE *f = fopen("/proc/sys/net/ipv4/ip_unprivileged_port_start", "r");
    int first = 1024, status;
    pid_t pid;

    if (f != NULL) {
        if (fscanf(f, "%d", &first) != 1)
            first = 1024;
        fclose(f);
    }
    if (first <= 7)
        skip(); /* every port is everybody's on this host */
    pid = fork();
    if (pid == 0) {
        struct rt_xs_conf c = {.cpu = -1};
        struct attempt a;
        struct rt_xs *xs;

        if ((getuid() == 0 && setuid(65534) != 0) || rt_xs_create(&c, &xs) != 0)
            _exit(3);
        try_listen(&a, xs, "127.0.0.1:7");
        rt_xs_destroy(xs);
        _exit(a.rc == -DER_NO_PERM && strstr(a.e.what, "127.0.0.1:7") != NULL &&
                      strstr(a.e.why, "below 1024") != NULL && strstr(a.e.next, "CAP_NET") != NULL
                  ? 0
                  : 4);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

static void address_of(struct stage *s, uint32_t i, char text[NET_ADDR_TEXT])
{
    struct net_addr a;

    assert_true(net_tcp_address(s->tcp, i, &a));
    net_addr_text(&a, text);
}

/* Each address of the engine leads to it; "*" from IPv4 and IPv6. */
static void several(void **state)
{
    static const char *const to[] = {"127.0.0.1", "127.0.0.3", "[::1]"};
    struct stage s = {.transport = TCP4, .inline_too = true, .addr = "127.0.0.1:0,127.0.0.2:0"};
    char second[NET_ADDR_TEXT];
    struct net_addr a;

    engine_open(&s);
    address_of(&s, 1, second);
    assert_int_equal(memcmp(second, "127.0.0.2:", 10), 0);
    assert_false(net_tcp_address(s.tcp, 2, &a));
    for (int i = 0; i < 2; i++) {
        address_of(&s, (uint32_t)i, s.addr);
        client_open(&s);
        assert_int_equal(echo(&s, "x", 1), 0);
        client_close(&s);
    }
    engine_close(&s);

    strcpy(s.addr, "*:0");
    engine_open(&s);
    assert_true(net_tcp_address(s.tcp, 0, &a));
    for (size_t i = 0; i < ARRAY_LEN(to) - !a.both; i++) {
        snprintf(s.addr, sizeof(s.addr), "%s:%u", to[i], ntohs(a.u.v6.sin6_port));
        client_open(&s);
        assert_int_equal(echo(&s, "x", 1), 0);
        client_close(&s);
    }
    engine_close(&s);
}

/* ---- Dialing ---- */

static int listen_raw(char text[NET_ADDR_TEXT], int backlog)
{
    struct net_addr a = {.len = sizeof(a.u.v4)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    a.u.v4.sin_family = AF_INET;
    a.u.v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(bind(fd, &a.u.sa, a.len), 0);
    assert_int_equal(getsockname(fd, &a.u.sa, &a.len), 0);
    assert_int_equal(listen(fd, backlog), 0);
    net_addr_text(&a, text);
    return fd;
}

static int connect_raw(const char *text)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    struct net_addrs a;

    assert_int_equal(net_addr_resolve(text, NET_ADDR_CONNECT, &a, NULL), 0);
    connect(fd, &a.a[0].u.sa, a.a[0].len);
    return fd;
}

static uint64_t ms_of(int (*fn)(struct stage *s, const void *p, uint32_t len), struct stage *s)
{
    uint64_t t = rt_now_ns();

    assert_int_equal(fn(s, "x", 1), 0);
    return (rt_now_ns() - t) / 1000000;
}

/* One refuses, one drops what is sent to it, one accepts and says nothing, one is the engine's. */
static void one_after_another(void **state)
{
    struct stage s = {.transport = TCP4, .inline_too = true};
    char dead[NET_ADDR_TEXT], full[NET_ADDR_TEXT], mute[NET_ADDR_TEXT], list[500];
    struct net_remote_stat st;
    int fd_dead, fd_full, fd_mute, filler[4];

    engine_open(&s);
    fd_dead = listen_raw(dead, 1);
    close(fd_dead);
    fd_full = listen_raw(full, 0);
    fd_mute = listen_raw(mute, 10);
    for (size_t i = 0; i < ARRAY_LEN(filler); i++)
        filler[i] = connect_raw(full);
    snprintf(list, sizeof(list), "%s,[::1]:1,%s,%s,%s", dead, mute, full, s.addr);
    strcpy(s.list, list);
    client_open(&s);
    assert_in_range(ms_of(echo, &s), 2900,
                    9000); /* the mute one costs suspicion, the full one 1 s */
    net_remote_stat(s.peer, &st);
    assert_int_equal(st.dials, 2);
    /* it stays with the one that answered */
    on_engine(&s, engine_down);
    on_engine(&s, engine_up);
    assert_in_range(ms_of(echo, &s), 0, 2500); /* no suspicion again */
    client_close(&s);
    for (size_t i = 0; i < ARRAY_LEN(filler); i++)
        close(filler[i]);
    close(fd_full);
    close(fd_mute);
    engine_close(&s);
}

static struct net_dialer *dialer_from(struct stage *s, const char *to, const char *local)
{
    struct net_tcp_dial_conf dc = {.addrs = to, .driven = true, .local = local};
    struct net_dialer *d = NULL;
    struct err e = {0};

    assert_int_equal(net_tcp_dialer(s->client, &dc, &d, &e), 0);
    return d;
}

static void drop(struct net_wire *w)
{
    *(bool *)w->arg = true;
}

static void from_there(void **state)
{
    static const char *const locals[] = {"127.0.0.5", "lo"};
    struct rt_xs_conf cc = {.cpu = -1, .driven = true};
    struct net_tcp_dial_conf dc = {.addrs = "127.0.0.1:9"};
    struct stage s = {.transport = TCP4};
    char text[NET_ADDR_TEXT], host[INET_ADDRSTRLEN];
    struct err e = {0};
    struct net_dialer *d;
    struct net_wire *w;
    int fd = listen_raw(text, 10), rc;

    assert_int_equal(rt_xs_create(&cc, &s.client), 0);
    for (size_t i = 0; i < ARRAY_LEN(locals); i++) {
        struct pollfd pf = {.fd = fd, .events = POLLIN};
        struct sockaddr_in peer;
        socklen_t len = sizeof(peer);

        d = dialer_from(&s, text, locals[i]);
        assert_true(rt_drive_enter(s.client));
        rc = d->dial(d, &w);
        rt_drive_leave(s.client);
        assert_int_equal(rc, 0);
        assert_int_equal(poll(&pf, 1, 5000), 1);
        close(accept(fd, (struct sockaddr *)&peer, &len));
        inet_ntop(AF_INET, &peer.sin_addr, host, sizeof(host));
        assert_string_equal(host, i == 0 ? "127.0.0.5" : "127.0.0.1");
        assert_true(rt_drive_enter(s.client));
        w->ops->close(w);
        net_tcp_dialer_free(d);
        rt_drive_leave(s.client);
    }
    d = dialer_from(&s, text, "::1"); /* from there no IPv4 can be reached */
    assert_true(rt_drive_enter(s.client));
    assert_int_equal(d->dial(d, &w), -DER_UNREACH);
    net_tcp_dialer_free(d);
    rt_drive_leave(s.client);
    dc.local = "no-such-if";
    assert_int_equal(net_tcp_dialer(s.client, &dc, &d, &e), -DER_NONEXIST);
    assert_told(&e, "no-such-if", "no such interface");
    close(fd);
    rt_xs_destroy(s.client);
}

/* Until the wire breaks, or so many milliseconds. */
static bool breaks(struct stage *s, struct net_dialer *d, unsigned ms)
{
    bool broken = false;
    struct net_wire *w;
    uint64_t end = rt_now_ns() + ms * UINT64_C(1000000);

    assert_true(rt_drive_enter(s->client));
    if (d->dial(d, &w) != 0) {
        rt_drive_leave(s->client);
        return true;
    }
    w->arg = &broken;
    w->broken = drop;
    rt_drive_leave(s->client);
    while (!broken && rt_now_ns() < end)
        rt_drive(s->client);
    assert_true(rt_drive_enter(s->client));
    w->ops->close(w);
    rt_drive_leave(s->client);
    return broken;
}

/* A free port of those that the kernel lends to who connects: the even ones, before others. */
static unsigned lent_port(void)
{
    FILE *f = fopen("/proc/sys/net/ipv4/ip_local_port_range", "r");
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    unsigned low = 32768, high = 60999, port;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (f != NULL) {
        if (fscanf(f, "%u %u", &low, &high) != 2)
            low = 32768;
        fclose(f);
    }
    for (port = low + low % 2; port < high; port += 2) {
        a.sin_port = htons((uint16_t)port);
        if (bind(fd, (struct sockaddr *)&a, sizeof(a)) == 0)
            break;
    }
    close(fd);
    return port;
}

/* Where nobody listens nobody answers, not even we ourselves: sooner or later the kernel lends us
 * the very port that we call, and the connection is with itself. */
static void mirror(void **state)
{
    struct rt_xs_conf cc = {.cpu = -1, .driven = true};
    struct stage s = {.transport = TCP4};
    char text[NET_ADDR_TEXT];
    struct net_dialer *d;

    snprintf(text, sizeof(text), "127.0.0.1:%u", lent_port());
    assert_int_equal(rt_xs_create(&cc, &s.client), 0);
    d = dialer_from(&s, text, NULL);
    for (int i = 0; i < 60000; i++)
        assert_true(breaks(&s, d, 300));
    assert_true(rt_drive_enter(s.client));
    net_tcp_dialer_free(d);
    rt_drive_leave(s.client);
    rt_xs_destroy(s.client);
}

/* ---- fork() ---- */

/* A client that forks and waits to be killed; its child has nothing of the connection. */
static void parent(struct stage *s, int fd)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    client_open(s);
    if (echo(s, "x", 1) != 0)
        _exit(1);
    if (fork() == 0) {
        pid_t me = getpid();

        alarm(60); /* whatever becomes of the test */
        net_tcp_dialer_forget(s->dialer);
        if (write(fd, &me, sizeof(me)) != sizeof(me))
            _exit(1);
    }
    for (;;)
        pause();
}

static void await_conns(struct stage *s, uint32_t nr)
{
    for (int i = 0; i < 10000; i++) {
        on_engine(s, engine_stat);
        if (s->stat.conns == nr)
            return;
        usleep(1000);
    }
    fail_msg("%u connections, not %u", s->stat.conns, nr);
}

/* A child that goes on does not hold the connection of a parent that was killed. */
static void forked(void **state)
{
    struct stage s = {.transport = TCP4, .inline_too = true};
    pid_t pid, child;
    int fd[2];

    assert_int_equal(pipe2(fd, O_CLOEXEC), 0);
    engine_open(&s);
    pid = fork();
    if (pid == 0)
        parent(&s, fd[1]);
    assert_int_equal(read(fd[0], &child, sizeof(child)), sizeof(child));
    await_conns(&s, 1);
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    await_conns(&s, 0);
    assert_int_equal(kill(child, 0), 0);
    kill(child, SIGKILL);
    close(fd[0]);
    close(fd[1]);
    engine_close(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refusals),   cmocka_unit_test(privileged),
        cmocka_unit_test(several),    cmocka_unit_test(one_after_another),
        cmocka_unit_test(from_there), cmocka_unit_test(mirror),
        cmocka_unit_test(forked),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
