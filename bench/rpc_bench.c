/*
 * Messages between two processes: echo and bulk through net/, beside what the same machine does
 * without it in the same run: a bare ring in shared memory (net/ring.h, no calls, no codec), a loop
 * of send() and recv(), memcpy, and the tools of libfabric and UCX if they are installed. The
 * engine's side is a process of its own on one CPU, the client's on another; rounds of the
 * contenders alternate; figures are medians.
 *
 * usage: rpc_bench [ROUNDS]
 */
#include <daos_errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include "bare_ring.h"
#include "bare_tcp.h"
#include "rpc_peers.h"
#include "timing.h"
#include "base/assert.h"
#include "net/msg.h"
#include "net/remote.h"
#include "net/shm.h"
#include "net/tcp.h"
#include "rt/rt.h"

#define ROUNDS_MAX 64
#define SPIN_US    2000u

/* The CPUs that this process may use: client on the first, engine on the second. */
static int cpus[2];

/* ---- The engine's side ---- */

#define PORT_LEN 24

struct server {
    struct rt_xs *xs;
    struct net_service service;
    struct net_acceptor *acceptor;
    const char *path;
    int ready;
};

static void answer(struct net_req *req)
{
    if (req->hdr.opcode == MSG_ECHO)
        ((struct msg_echo_rep *)req->rep)->data = ((const struct msg_echo_req *)req->req)->data;
    for (uint32_t i = 0; i < req->bulk_nr; i++)
        if (req->bulk[i].writable)
            net_bulk_wrote(req, i, 0, req->bulk[i].iov[0].iov_len);
    net_reply(req, 0);
}

static bool inline_handle(struct net_service *s, struct net_req *req)
{
    (void)s;
    answer(req);
    return true;
}

static void handle(struct net_service *s, struct net_req *req)
{
    (void)s;
    answer(req);
}

static struct rt_xs *route(struct net_service *s, const struct net_hdr *hdr)
{
    (void)hdr;
    return CONTAINER_OF(s, struct server, service)->xs;
}

static void accepted(void *arg, struct net_wire *w)
{
    net_acceptor_add(((struct server *)arg)->acceptor, w);
}

static void serve(void *arg)
{
    struct server *s = arg;
    struct net_acceptor_conf ac = {.service = &s->service, .xs = s->xs, .incarnation = 1};
    struct net_shm_listen_conf lc = {.xs = s->xs, .path = s->path, .accept = accepted, .arg = s};
    struct net_tcp_listen_conf tc = {
        .xs = s->xs, .addrs = "127.0.0.1:0", .accept = accepted, .arg = s};
    struct net_shm_listener *l;
    struct net_tcp_listener *t;
    struct net_addr a;
    struct err e = {0};
    char port[NET_ADDR_TEXT] = {0};

    if (net_acceptor_create(&ac, &s->acceptor) != 0 || net_shm_listen(&lc, &l, &e) != 0 ||
        net_tcp_listen(&tc, &t, &e) != 0 || !net_tcp_address(t, 0, &a)) {
        fprintf(stderr, "rpc_bench: %s: %s\n", e.what, e.why);
        exit(1);
    }
    net_addr_text(&a, port);
    if (write(s->ready, port, PORT_LEN) != PORT_LEN)
        exit(1);
}

static pid_t server_start(const char *path, char port[PORT_LEN])
{
    int fds[2];
    pid_t pid;

    if (pipe(fds) != 0)
        exit(1);
    pid = fork();
    if (pid == 0) {
        struct server s = {
            .service = {handle, inline_handle, route}, .path = path, .ready = fds[1]};
        struct rt_xs_conf xc = {.cpu = cpus[1], .spin_us = SPIN_US, .name = "engine"};

        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (rt_xs_create(&xc, &s.xs) != 0 || rt_spawn_on(s.xs, serve, &s) != 0)
            exit(1);
        for (;;)
            pause();
    }
    close(fds[1]);
    if (read(fds[0], port, PORT_LEN) != PORT_LEN)
        exit(1);
    close(fds[0]);
    return pid;
}

/* ---- The client's side ---- */

struct client {
    struct rt_xs *xs;
    struct net_dialer *dialer;
    struct net_peer *peer;
};

struct load {
    struct client *c;
    int todo, left; /* to be sent; to be answered */
    uint16_t opcode;
    uint32_t len;  /* of an echo, or of a vector */
    bool writable; /* the vector */
    struct rt_event done;
    uint8_t *mem;
};

struct lane {
    struct net_call call;
    struct load *l;
    struct iovec iov;
    union {
        struct msg_echo_req echo;
        struct msg_obj_update_req update;
        struct msg_obj_fetch_req fetch;
    } q;
    union {
        struct msg_echo_rep echo;
        struct msg_obj_update_rep update;
        struct msg_obj_fetch_rep fetch;
    } r;
};

static void lane_done(struct net_call *call);

static void lane_send(struct lane *n)
{
    struct load *l = n->l;

    net_call_init(&n->call, l->opcode);
    n->call.req = &n->q;
    n->call.rep = &n->r;
    n->call.done = lane_done;
    if (l->opcode == MSG_ECHO) {
        n->q.echo.data.buf = l->mem;
        n->q.echo.data.len = l->len;
    } else {
        n->call.bulk[0] = (struct net_bulk){&n->iov, 1, l->writable};
        n->call.bulk_nr = 1;
    }
    net_call_send(l->c->peer, &n->call);
}

static void lane_done(struct net_call *call)
{
    struct lane *n = CONTAINER_OF(call, struct lane, call);
    struct load *l = n->l;

    if (call->rc != 0) {
        fprintf(stderr, "rpc_bench: a call failed: %d\n", call->rc);
        exit(1);
    }
    net_call_fini(call);
    if (--l->left == 0)
        rt_event_set(&l->done);
    if (l->todo > 0) {
        l->todo--;
        lane_send(n);
    }
}

/* us a call with depth of them under way */
static double load_round(struct client *c, uint16_t opcode, uint32_t len, bool writable, int depth,
                         int n)
{
    struct load l = {.c = c,
                     .todo = n,
                     .left = n,
                     .opcode = opcode,
                     .len = len,
                     .writable = writable,
                     .done = RT_EVENT_INIT,
                     .mem = malloc((size_t)len * (size_t)depth + 1)};
    struct lane *lanes = calloc((size_t)depth, sizeof(*lanes));
    double t0;

    memset(l.mem, 1, (size_t)len * (size_t)depth + 1);
    for (int i = 0; i < depth; i++) {
        lanes[i].l = &l;
        lanes[i].iov = (struct iovec){l.mem + (size_t)i * len, len};
    }
    t0 = now_us();
    for (int i = 0; i < depth && l.todo > 0; i++) {
        l.todo--;
        lane_send(&lanes[i]);
    }
    rt_drive_wait(c->xs, &l.done, UINT64_MAX);
    t0 = (now_us() - t0) / n;
    free(lanes);
    free(l.mem);
    return t0;
}

/* us a blocking call */
static double wait_round(struct client *c, uint32_t len, int n)
{
    struct msg_echo_req q = {0};
    struct msg_echo_rep r;
    struct net_call call;
    uint8_t mem[1024] = {0};
    double t0 = now_us();

    q.data.buf = mem;
    q.data.len = len;
    for (int i = 0; i < n; i++) {
        net_call_init(&call, MSG_ECHO);
        call.req = &q;
        call.rep = &r;
        if (net_call_wait(c->peer, &call) != 0)
            exit(1);
        net_call_fini(&call);
    }
    return (now_us() - t0) / n;
}

static double memcpy_round(size_t len, int n)
{
    uint8_t *a = malloc(len * 8), *b = malloc(len * 8);
    double t0;

    memset(a, 1, len * 8);
    memset(b, 1, len * 8);
    t0 = now_us();
    for (int i = 0; i < n; i++) {
        memcpy(b + (size_t)(i % 8) * len, a + (size_t)(i % 8) * len, len);
        __asm__ volatile("" ::"r"(b) : "memory");
    }
    t0 = (now_us() - t0) / n;
    free(a);
    free(b);
    return t0;
}

enum row {
    BARE1,
    BARE16,
    ECHO1,
    ECHO16,
    OUT4K1,
    OUT4K16,
    IN4K16,
    OUT1M4,
    IN1M4,
    COPY1M,
    TCP1,
    TCPE1,
    TCP16,
    TCPE16,
    TCPO16,
    ROWS
};

/* ---- Both sides on one thread: what they do, without waiting for each other ---- */

static void alone(void)
{
    struct rt_xs_conf xc = {.driven = true, .name = "alone"};
    struct net_remote_conf rc = {.driven = true};
    struct server s = {.service = {handle, inline_handle, route}};
    struct net_acceptor_conf ac = {.service = &s.service, .incarnation = 1};
    struct net_shm_listen_conf lc = {.accept = accepted, .arg = &s};
    struct net_shm_listener *l;
    struct client c;
    char path[64];
    uint8_t mem[60] = {0};
    struct err e;

    snprintf(path, sizeof(path), "/tmp/rpc_bench.%d", getpid());
    if (rt_xs_create(&xc, &s.xs) != 0 || rt_xs_create(&xc, &c.xs) != 0)
        exit(1);
    ac.xs = lc.xs = s.xs;
    lc.path = path;
    rt_drive_enter(s.xs);
    if (net_acceptor_create(&ac, &s.acceptor) != 0 || net_shm_listen(&lc, &l, &e) != 0)
        exit(1);
    rt_drive_leave(s.xs);
    if (net_shm_dialer(c.xs, path, getuid(), &c.dialer) != 0)
        exit(1);
    rc.dialer = c.dialer;
    rc.xs = c.xs;
    if (net_remote_connect(&rc, &c.peer) != 0)
        exit(1);
    for (int round = 0; round < 20; round++) {
        enum { N = 100000 };
        double t0 = now_us();

        for (int i = 0; i < N; i++) {
            struct load load = {.c = &c, .left = 1, .done = RT_EVENT_INIT};
            struct lane n = {.l = &load};

            load.opcode = MSG_ECHO;
            load.len = sizeof(mem);
            load.mem = mem;
            lane_send(&n);
            while (!rt_event_is_set(&load.done)) {
                rt_drive(s.xs);
                rt_drive(c.xs);
            }
        }
        printf("both sides on one thread: %.3f us an echo\n", (now_us() - t0) / N);
    }
    exit(0);
}

/* The others; a name that is not installed, or does not work here, is asked only once. */
static void peers_round(double v[PEERS][ROUNDS_MAX], int k)
{
    for (int i = 0; i < PEERS; i++)
        v[i][k] = k > 0 && v[i][0] == 0 ? 0 : peer_round(&peer_tools[i], cpus[0], cpus[1]);
}

static void line(const char *what, double us, double ratio, const char *of, const char *goal)
{
    printf("%-44s %8.3f us %9.0f k/s  %5.2fx %-14s %s\n", what, us, 1e3 / us, ratio, of, goal);
}

/* All rows once; the engine sleeps while the bare ones have its CPU, and the other way round. */
static void round_of(struct client *c, struct client *ct, pid_t engine, double v[ROWS][ROUNDS_MAX],
                     double peers[PEERS][ROUNDS_MAX], int k)
{
    struct bare_client bare;
    struct bare_tcp tcp;

    bare_open(&bare, cpus[1]);
    kill(engine, SIGSTOP);
    v[BARE1][k] = bare_round(&bare, 1, 100000);
    v[BARE16][k] = bare_round(&bare, 16, 300000);
    bare_close(&bare);
    bare_tcp_open(&tcp, BARE_ASKED, BARE_ANSWERED, cpus[1]);
    v[TCP1][k] = bare_tcp_round(&tcp, 1, 10000);
    v[TCP16][k] = bare_tcp_round(&tcp, 16, 160000);
    bare_tcp_close(&tcp);
    peers_round(peers, k);
    kill(engine, SIGCONT);
    v[TCPE1][k] = wait_round(ct, 60, 10000);
    v[TCPE16][k] = load_round(ct, MSG_ECHO, 60, false, 16, 160000);
    v[TCPO16][k] = load_round(ct, MSG_OBJ_FETCH, 4096, true, 16, 50000);
    v[ECHO1][k] = wait_round(c, 60, 100000);
    v[ECHO16][k] = load_round(c, MSG_ECHO, 60, false, 16, 300000);
    v[OUT4K1][k] = load_round(c, MSG_OBJ_FETCH, 4096, true, 1, 50000);
    v[OUT4K16][k] = load_round(c, MSG_OBJ_FETCH, 4096, true, 16, 200000);
    v[IN4K16][k] = load_round(c, MSG_OBJ_UPDATE, 4096, false, 16, 200000);
    v[OUT1M4][k] = load_round(c, MSG_OBJ_FETCH, 1 << 20, true, 4, 1000);
    v[IN1M4][k] = load_round(c, MSG_OBJ_UPDATE, 1 << 20, false, 4, 1000);
    v[COPY1M][k] = memcpy_round(1 << 20, 1000);
}

static void report(double v[ROWS][ROUNDS_MAX], int rounds)
{
    double m[ROWS];

    for (int i = 0; i < ROWS; i++)
        m[i] = quantile(v[i], rounds, 0.5);
    line("bare ring, 1 at a time", m[BARE1], 1, "", "");
    line("echo through shared memory, 1 at a time", m[ECHO1], m[ECHO1] / m[BARE1], "the bare ring",
         "goal <= 2");
    line("bare ring, 16 under way", m[BARE16], 1, "", "");
    line("echo through shared memory, 16 under way", m[ECHO16], m[ECHO16] / m[BARE16],
         "the bare ring", "goal >= 2000 k/s");
    line("4 KiB out, 1 at a time", m[OUT4K1], 1, "", "");
    line("4 KiB out, 16 under way", m[OUT4K16], 1, "", "");
    line("4 KiB in, 16 under way", m[IN4K16], 1, "", "");
    line("memcpy of 1 MiB", m[COPY1M], 1, "", "");
    line("1 MiB out, 4 under way", m[OUT1M4], m[COPY1M] / m[OUT1M4], "memcpy's rate",
         "goal >= 0.8");
    line("1 MiB in, 4 under way", m[IN1M4], m[COPY1M] / m[IN1M4], "memcpy's rate", "goal >= 0.6");
    line("bare TCP on loopback, 1 at a time", m[TCP1], 1, "", "");
    line("echo over TCP, 1 at a time", m[TCPE1], m[TCPE1] / m[TCP1], "bare TCP", "goal <= 1.15");
    line("bare TCP, 16 in one send", m[TCP16], 1, "", "");
    line("echo over TCP, 16 under way", m[TCPE16], m[TCPE16] / m[TCP16], "bare TCP",
         "goal >= 700 k/s");
    line("4 KiB out over TCP, 16 under way", m[TCPO16], 1, "", "goal >= 250 k/s with a store");
}

/* Which of our rows does likewise. */
static enum row like(const struct peer_tool *p)
{
    bool tcp = strcmp(p->way, "tcp") == 0;

    if (p->bytes > 65536)
        return OUT1M4;
    return p->lat ? (tcp ? TCPE1 : ECHO1) : tcp ? TCPE16 : ECHO16;
}

static void report_peers(double v[PEERS][ROUNDS_MAX], double ours[ROWS][ROUNDS_MAX], int rounds)
{
    for (int i = 0; i < PEERS; i++) {
        const struct peer_tool *p = &peer_tools[i];
        double us = quantile(v[i], rounds, 0.5);

        if (us == 0)
            printf("%-44s %s is not installed, or cannot do that here\n", p->name, p->tool);
        else
            line(p->name, us, us / quantile(ours[like(p)], rounds, 0.5), "our call", "");
    }
}

int main(int argc, char **argv)
{
    int rounds = argc > 1 ? atoi(argv[1]) : 5;
    struct rt_xs_conf xc = {.driven = true, .spin_us = SPIN_US, .name = "client"};
    struct net_remote_conf rc = {.driven = true};
    static double v[ROWS][ROUNDS_MAX], peers[PEERS][ROUNDS_MAX];
    struct client c;
    struct client ct;
    char path[64], port[PORT_LEN];
    struct err e = {0};
    pid_t pid;

    if (argc > 1 && strcmp(argv[1], "alone") == 0)
        alone();
    if (rounds < 1 || rounds > ROUNDS_MAX) {
        fprintf(stderr, "usage: rpc_bench [ROUNDS, 1 to %d]\n", ROUNDS_MAX);
        return 2;
    }
    find_cpus(cpus);
    snprintf(path, sizeof(path), "/tmp/rpc_bench.%d", getpid());
    pid = server_start(path, port);
    pin(cpus[0]);
    if (rt_xs_create(&xc, &c.xs) != 0 || net_shm_dialer(c.xs, path, getuid(), &c.dialer) != 0)
        return 1;
    rc.dialer = c.dialer;
    rc.xs = c.xs;
    if (net_remote_connect(&rc, &c.peer) != 0)
        return 1;
    wait_round(&c, 60, 1000);
    ct = c;
    if (net_tcp_dialer(c.xs, &(struct net_tcp_dial_conf){.addrs = port, .driven = true}, &rc.dialer,
                       &e) != 0 ||
        net_remote_connect(&rc, &ct.peer) != 0)
        return 1;
    wait_round(&ct, 60, 1000);
    for (int k = 0; k < rounds; k++)
        round_of(&c, &ct, pid, v, peers, k);
    report(v, rounds);
    report_peers(peers, v, rounds);
    net_peer_close(ct.peer);
    net_peer_close(c.peer);
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    unlink(path);
    return 0;
}
