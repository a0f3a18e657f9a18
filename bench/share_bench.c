/*
 * Objects of a pool through libdaos: an engine in a process of its own, reached through shared
 * memory, beside the same engine in this process (inproc:), in one run; and memcpy for the large
 * ones. The pool lies in /dev/shm. The engine has one CPU, the client another.
 *
 * The same fetches over TCP, beside a bare loop around send() and recv() that moves as many bytes
 * (bare_tcp.h). And the CPU time that a fetch costs both processes together with 16 under way: user
 * and system time of all their threads, over the operations; both poll while there is work, so what
 * one waits for the other is in it.
 *
 * usage: share_bench [ROUNDS [WORKING-SET-MIB [ROW]]]
 * ROW: only this one, 1 to 9, to profile it: fetch one by one, fetch, update, get, put, large
 * fetch, large update; 8 and 9: fetch over TCP, one by one, 16 under way.
 */
#include <daos.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include "bare_tcp.h"
#include "timing.h"
#include "base/assert.h"
#include "client/client.h"
#include "embed/embed.h"
#include "engine/engine.h"
#include "io/io.h"
#include "net/remote.h"
#include "net/shm.h"
#include "net/tcp.h"
#include "rt/rt.h"

#define ROUNDS_MAX 64
#define BLOCK      4096u
#define DEPTH_MAX  16
#define LARGE      (1u << 20)
#define SPIN_US    2000u
#define ADDR_LEN   24
#define ASKED      250u /* bytes of a fetch over TCP, and of its answer beside the data */
#define ANSWERED   170u

static void die(const char *what, int rc)
{
    char text[1024] = "";

    err_format(err_last(), text, sizeof(text));
    fprintf(stderr, "share_bench: %s: %d %s\n", what, rc, text);
    exit(1);
}

static int cpus[2];

/* ---- The engine's process ---- */

struct server {
    struct engine *eng;
    struct net_acceptor *acceptor;
    const char *socket;
    int ready;
};

static void accepted(void *arg, struct net_wire *w)
{
    net_acceptor_add(((struct server *)arg)->acceptor, w);
}

static void serve(void *arg)
{
    struct server *s = arg;
    struct net_acceptor_conf ac = {
        .service = engine_service(s->eng), .xs = engine_xs(s->eng), .incarnation = 1};
    struct net_shm_listen_conf lc = {
        .xs = engine_xs(s->eng), .path = s->socket, .accept = accepted, .arg = s};
    struct net_tcp_listen_conf tc = {
        .xs = engine_xs(s->eng), .addrs = "127.0.0.1:0", .accept = accepted, .arg = s};
    struct net_shm_listener *l;
    struct net_tcp_listener *t;
    char at[NET_ADDR_TEXT] = "";
    struct net_addr a;
    struct err e = {0};

    if (net_acceptor_create(&ac, &s->acceptor) != 0 || net_shm_listen(&lc, &l, &e) != 0 ||
        net_tcp_listen(&tc, &t, &e) != 0 || !net_tcp_address(t, 0, &a) ||
        write(s->ready, net_addr_text(&a, at), ADDR_LEN) != ADDR_LEN) {
        fprintf(stderr, "share_bench: %s: %s\n", e.what, e.why);
        exit(1);
    }
}

static pid_t server_start(const char *pool, const char *socket, char addr[ADDR_LEN])
{
    struct engine_conf conf = {.cpu = cpus[1], .keep_handles = true, .spin_us = SPIN_US};
    struct server s = {.socket = socket};
    struct err e = {0};
    int fds[2];
    pid_t pid;

    if (pipe(fds) != 0)
        exit(1);
    pid = fork();
    if (pid != 0) {
        close(fds[1]);
        if (read(fds[0], addr, ADDR_LEN) != ADDR_LEN)
            exit(1);
        close(fds[0]);
        return pid;
    }
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    s.ready = fds[1];
    if (io_dir_open(pool, false, &conf.dir, &e) != 0 || engine_open(&conf, &s.eng, &e) != 0 ||
        rt_spawn_on(engine_xs(s.eng), serve, &s) != 0) {
        fprintf(stderr, "share_bench: %s: %s\n", e.what, e.why);
        exit(1);
    }
    for (;;)
        pause();
}

/* ---- The client's work ---- */

struct bench {
    daos_handle_t poh, coh, arr, kv, large, eq;
    uint64_t blocks;
    uint64_t seed;
    int only; /* enum row; 0: all */
    char *mem;
};

static uint64_t draw(struct bench *b, uint64_t n)
{
    b->seed = b->seed * UINT64_C(6364136223846793005) + 1442695040888963407;
    return (b->seed >> 33) % n;
}

enum what { FETCH, UPDATE, KV_GET, KV_PUT, FETCH_LARGE, UPDATE_LARGE };

struct op {
    daos_event_t ev;
    daos_key_t dkey;
    daos_iod_t iod;
    daos_recx_t recx;
    d_sg_list_t sgl;
    d_iov_t iov;
    uint64_t key;
    char name[24];
    daos_size_t size;
};

static char akey_name[] = "a";

static void launch(struct bench *b, struct op *o, int lane, enum what what, daos_event_t *ev)
{
    bool large = what == FETCH_LARGE || what == UPDATE_LARGE;
    char *buf = b->mem + (size_t)lane * LARGE;
    int rc;

    if (what == KV_GET || what == KV_PUT) {
        snprintf(o->name, sizeof(o->name), "key %llu", (unsigned long long)draw(b, 10000));
        o->size = 64;
        rc = what == KV_GET ? daos_kv_get(b->kv, DAOS_TX_NONE, 0, o->name, &o->size, buf, ev)
                            : daos_kv_put(b->kv, DAOS_TX_NONE, 0, o->name, 64, buf, ev);
        if (rc != 0)
            die("kv", rc);
        return;
    }
    o->key = large ? draw(b, 64) : draw(b, b->blocks);
    d_iov_set(&o->dkey, &o->key, sizeof(o->key));
    d_iov_set(&o->iod.iod_name, akey_name, 1);
    o->recx = (daos_recx_t){0, large ? LARGE : BLOCK};
    o->iod.iod_type = DAOS_IOD_ARRAY;
    o->iod.iod_size = 1;
    o->iod.iod_nr = 1;
    o->iod.iod_recxs = &o->recx;
    d_iov_set(&o->iov, buf, large ? LARGE : BLOCK);
    o->sgl = (d_sg_list_t){.sg_nr = 1, .sg_iovs = &o->iov};
    if (what == FETCH || what == FETCH_LARGE)
        rc = daos_obj_fetch(large ? b->large : b->arr, DAOS_TX_NONE, 0, &o->dkey, 1, &o->iod,
                            &o->sgl, NULL, ev);
    else
        rc = daos_obj_update(large ? b->large : b->arr, DAOS_TX_NONE, 0, &o->dkey, 1, &o->iod,
                             &o->sgl, ev);
    if (rc != 0)
        die("object", rc);
}

/* us an operation */
static double run(struct bench *b, enum what what, int depth, int n)
{
    static struct op ops[DEPTH_MAX];
    daos_event_t *done[DEPTH_MAX];
    int sent = 0, got = 0;
    double t0 = now_us();

    for (; sent < depth && sent < n; sent++) {
        daos_event_init(&ops[sent].ev, b->eq, NULL);
        launch(b, &ops[sent], sent, what, &ops[sent].ev);
    }
    while (got < n) {
        int nr = daos_eq_poll(b->eq, 1, DAOS_EQ_WAIT, DEPTH_MAX, done);

        if (nr < 0)
            die("poll", nr);
        for (int i = 0; i < nr; i++) {
            struct op *o = CONTAINER_OF(done[i], struct op, ev);

            if (o->ev.ev_error != 0)
                die("operation", o->ev.ev_error);
            got++;
            if (sent < n) {
                launch(b, o, (int)(o - ops), what, &o->ev);
                sent++;
            } else {
                daos_event_fini(&o->ev);
            }
        }
    }
    return (now_us() - t0) / n;
}

/* One at a time, without events: p50 and p99 in us. */
static void run_one(struct bench *b, enum what what, int n, double *p50, double *p99)
{
    double *v = malloc((size_t)n * sizeof(*v));
    struct op o;

    for (int i = 0; i < n; i++) {
        double t0 = now_us();

        launch(b, &o, 0, what, NULL);
        v[i] = now_us() - t0;
    }
    *p50 = quantile(v, n, 0.5);
    *p99 = quantile(v, n, 0.99);
    free(v);
}

static void bench_open(struct bench *b, const char *pool, const char *cont, bool fill)
{
    daos_obj_id_t oid;
    int rc = daos_pool_connect(pool, NULL, DAOS_PC_RW, &b->poh, NULL, NULL);

    if (rc != 0)
        die("connect", rc);
    if (fill)
        daos_cont_create_with_label(b->poh, cont, NULL, NULL, NULL);
    rc = daos_cont_open(b->poh, cont, DAOS_COO_RW, &b->coh, NULL, NULL);
    if (rc != 0)
        die("container", rc);
    for (int i = 0; i < 3; i++) {
        oid = (daos_obj_id_t){.lo = (uint64_t)i + 1};
        daos_obj_generate_oid(b->coh, &oid, i == 2 ? DAOS_OT_KV_HASHED : DAOS_OT_DKEY_UINT64, OC_S1,
                              0, 0);
        rc = i == 2 ? daos_kv_open(b->coh, oid, DAOS_OO_RW, &b->kv, NULL)
                    : daos_obj_open(b->coh, oid, DAOS_OO_RW, i == 0 ? &b->arr : &b->large, NULL);
        if (rc != 0)
            die("open", rc);
    }
    rc = daos_eq_create(&b->eq);
    if (rc != 0)
        die("eq", rc);
    b->mem = malloc((size_t)DEPTH_MAX * LARGE);
    memset(b->mem, 7, (size_t)DEPTH_MAX * LARGE);
}

static void bench_close(struct bench *b)
{
    daos_eq_destroy(b->eq, 0);
    daos_obj_close(b->arr, NULL);
    daos_obj_close(b->large, NULL);
    daos_kv_close(b->kv, NULL);
    daos_cont_close(b->coh, NULL);
    daos_pool_disconnect(b->poh, NULL);
    free(b->mem);
}

static void bench_fill(struct bench *b)
{
    struct op o;

    for (uint64_t i = 0; i < b->blocks; i++) {
        uint64_t key = i;

        memset(&o, 0, sizeof(o));
        d_iov_set(&o.dkey, &key, sizeof(key));
        d_iov_set(&o.iod.iod_name, akey_name, 1);
        o.recx = (daos_recx_t){0, BLOCK};
        o.iod.iod_type = DAOS_IOD_ARRAY;
        o.iod.iod_size = 1;
        o.iod.iod_nr = 1;
        o.iod.iod_recxs = &o.recx;
        d_iov_set(&o.iov, b->mem, BLOCK);
        o.sgl = (d_sg_list_t){.sg_nr = 1, .sg_iovs = &o.iov};
        int rc = daos_obj_update(b->arr, DAOS_TX_NONE, 0, &o.dkey, 1, &o.iod, &o.sgl, NULL);

        if (rc != 0)
            die("fill", rc);
    }
    for (int i = 0; i < 200; i++)
        launch(b, &o, 0, UPDATE_LARGE, NULL);
    for (int i = 0; i < 10000; i++) {
        snprintf(o.name, sizeof(o.name), "key %d", i);
        if (daos_kv_put(b->kv, DAOS_TX_NONE, 0, o.name, 64, b->mem, NULL) != 0)
            die("fill", 0);
    }
}

enum row { F1, F99, F16, U16, G16, P16, FL4, UL4, ROWS };

static void round_of(struct bench *b, double v[ROWS][ROUNDS_MAX], int k)
{
    static const struct {
        enum what what;
        int depth, n;
    } work[ROWS] = {
        [F16] = {FETCH, 16, 100000}, [U16] = {UPDATE, 16, 50000},   [G16] = {KV_GET, 16, 100000},
        [P16] = {KV_PUT, 16, 50000}, [FL4] = {FETCH_LARGE, 4, 500}, [UL4] = {UPDATE_LARGE, 4, 500}};

    if (b->only == 0 || b->only == F99)
        run_one(b, FETCH, 20000, &v[F1][k], &v[F99][k]);
    for (int i = F16; i < ROWS; i++)
        if (b->only == 0 || b->only == i)
            v[i][k] = run(b, work[i].what, work[i].depth, work[i].n);
}

/* ---- Over TCP, and CPU time ---- */

enum tcp_row { T1 = ROWS, T16, ALL_ROWS };

struct tcp_figures {
    double one[2][ROUNDS_MAX], many[2][ROUNDS_MAX]; /* bare, libdaos */
};

static void tcp_round_of(struct bench *b, struct bare_tcp *bare, struct tcp_figures *f, int k)
{
    double p99;

    bare_tcp_pause(bare, 1);
    f->one[0][k] = bare_tcp_round(bare, 1, 10000);
    f->many[0][k] = bare_tcp_round(bare, 16, 80000);
    bare_tcp_pause(bare, 0);
    if (b->only == 0 || b->only == T1)
        run_one(b, FETCH, 20000, &f->one[1][k], &p99);
    if (b->only == 0 || b->only == T16)
        f->many[1][k] = run(b, FETCH, 16, 100000);
}

static double cpu_us(pid_t pid)
{
    clockid_t clock;
    struct timespec ts;

    if (clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &ts) != 0)
        return 0;
    return (double)ts.tv_sec * 1e6 + (double)ts.tv_nsec / 1e3;
}

/* us of both processes for a fetch, 16 under way; engine 0: there is one process. */
static double cpu_round(struct bench *b, pid_t engine)
{
    int n = 100000;
    double t0 = cpu_us(0) + (engine != 0 ? cpu_us(engine) : 0);

    run(b, FETCH, 16, n);
    return (cpu_us(0) + (engine != 0 ? cpu_us(engine) : 0) - t0) / n;
}

static void tcp_report(const struct bench *b, struct tcp_figures *f, int rounds)
{
    double bare1 = quantile(f->one[0], rounds, 0.5), own1 = quantile(f->one[1], rounds, 0.5);
    double bare16 = quantile(f->many[0], rounds, 0.5), own16 = quantile(f->many[1], rounds, 0.5);

    printf("%-36s %12s %12s\n", "", "bare TCP", "libdaos");
    if (b->only == 0 || b->only == T1)
        printf("%-36s %9.2f us %9.2f us  %5.2fx  goal <= 16 us\n",
               "4 KiB fetch over TCP, 1 at a time", bare1, own1, own1 / bare1);
    if (b->only == 0 || b->only == T16)
        printf("%-36s %8.0f k/s %8.0f k/s  %5.2fx  goal >= 250 k/s\n",
               "4 KiB fetch over TCP, 16 under way", 1e3 / bare16, 1e3 / own16, bare16 / own16);
}

static double memcpy_us(void)
{
    char *a = malloc(64u * LARGE), *c = malloc(4u * LARGE);
    double t0;

    memset(a, 1, 64u * LARGE);
    memset(c, 1, 4u * LARGE);
    t0 = now_us();
    for (int i = 0; i < 500; i++) {
        memcpy(c + (size_t)(i % 4) * LARGE, a + (size_t)(i * 7 % 64) * LARGE, LARGE);
        __asm__ volatile("" ::"r"(c) : "memory");
    }
    t0 = (now_us() - t0) / 500;
    free(a);
    free(c);
    return t0;
}

int main(int argc, char **argv)
{
    int rounds = argc > 1 ? atoi(argv[1]) : 3;
    int mib = argc > 2 ? atoi(argv[2]) : 16;
    static const char *const what[ROWS] = {
        "4 KiB fetch, 1 at a time, median", "4 KiB fetch, 1 at a time, 99 %",
        "4 KiB fetch, 16 under way",        "4 KiB update, 16 under way",
        "64 B get, 16 under way",           "64 B put, 16 under way",
        "1 MiB fetch, 4 under way",         "1 MiB update, 4 under way"};
    static const char *const goal[ROWS] = {"<= 2.0 us",   "<= 10 us",   ">= 700 k/s",
                                           ">= 400 k/s",  ">= 900 k/s", ">= 450 k/s",
                                           ">= 0.8 copy", ">= 0.6 copy"};
    static double v[2][ROWS][ROUNDS_MAX], copy[ROUNDS_MAX];
    struct embed_pool_conf conf = {.label = NULL};
    struct bench b = {.seed = 1, .only = argc > 3 ? atoi(argv[3]) : 0};
    static struct tcp_figures tcp;
    static double cpu[3][ROUNDS_MAX];
    struct err e = {0};
    struct bare_tcp bare;
    char dir[64], sock[128], in[80], cmd[96], addr[ADDR_LEN], over[ADDR_LEN + 8];
    uuid_t uuid;
    pid_t pid;

    if (rounds < 1 || rounds > ROUNDS_MAX || mib < 1 || b.only < 0 || b.only >= ALL_ROWS) {
        fprintf(stderr, "usage: share_bench [ROUNDS, 1 to %d [WORKING-SET-MIB [ROW, 1 to %d]]]\n",
                ROUNDS_MAX, ALL_ROWS - 1);
        return 2;
    }
    b.blocks = (uint64_t)mib * 256;
    find_cpus(cpus);
    pin(cpus[0]);
    snprintf(dir, sizeof(dir), "/dev/shm/share_bench.%d", getpid());
    snprintf(sock, sizeof(sock), "%s/" EMBED_SOCKET, dir);
    snprintf(in, sizeof(in), "inproc:%s", dir);
    snprintf(cmd, sizeof(cmd), "rm -rf %s", dir);
    if (embed_pool_create(dir, &conf, uuid, &e) != 0) {
        fprintf(stderr, "share_bench: %s: %s\n", e.what, e.why);
        return 1;
    }
    daos_init();
    bench_open(&b, in, "bench", true);
    bench_fill(&b);
    bench_close(&b);
    bench_open(&b, in, "bench", false); /* both sides read what was there before them */
    for (int k = 0; k < rounds && b.only < ROWS; k++) {
        round_of(&b, v[0], k);
        cpu[0][k] = b.only == 0 ? cpu_round(&b, 0) : 0;
    }
    bench_close(&b);
    pid = server_start(dir, sock, addr);
    bench_open(&b, dir, "bench", false);
    for (int k = 0; k < rounds && b.only < ROWS; k++) {
        round_of(&b, v[1], k);
        copy[k] = memcpy_us();
        cpu[1][k] = b.only == 0 ? cpu_round(&b, pid) : 0;
    }
    bench_close(&b);
    bare_tcp_open(&bare, ASKED, ANSWERED + BLOCK, cpus[1]);
    bare_tcp_pause(&bare, 0);
    snprintf(over, sizeof(over), "tcp://%s", addr);
    bench_open(&b, over, "bench", false);
    for (int k = 0; k < rounds && (b.only == 0 || b.only >= ROWS); k++) {
        tcp_round_of(&b, &bare, &tcp, k);
        cpu[2][k] = b.only == 0 ? cpu_round(&b, pid) : 0;
    }
    bench_close(&b);
    kill(bare.pid, SIGKILL);
    waitpid(bare.pid, NULL, 0);
    daos_fini();
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    if (b.only < ROWS)
        printf("%-36s %12s %12s\n", "", "own process", "shared");
    for (int i = 0; i < ROWS && b.only < ROWS; i++) {
        double a = quantile(v[0][i], rounds, 0.5), s = quantile(v[1][i], rounds, 0.5);

        if (b.only != 0 && i != b.only && (i != F1 || b.only != F99))
            continue;
        if (i < F16)
            printf("%-36s %9.2f us %9.2f us  %5.2fx  goal %s\n", what[i], a, s, s / a, goal[i]);
        else if (i < FL4)
            printf("%-36s %8.0f k/s %8.0f k/s  %5.2fx  goal %s\n", what[i], 1e3 / a, 1e3 / s, a / s,
                   goal[i]);
        else
            printf("%-36s %7.2f GB/s %7.2f GB/s  %5.2f of memcpy  goal %s\n", what[i],
                   LARGE / a / 1e3, LARGE / s / 1e3, quantile(copy, rounds, 0.5) / s, goal[i]);
    }
    if (b.only == 0 || b.only >= ROWS)
        tcp_report(&b, &tcp, rounds);
    if (b.only == 0)
        printf("%-36s own process %.2f us, shared %.2f us, over TCP %.2f us  goal <= 3 us shared\n",
               "CPU per 4 KiB fetch, 16 under way", quantile(cpu[0], rounds, 0.5),
               quantile(cpu[1], rounds, 0.5), quantile(cpu[2], rounds, 0.5));
    return system(cmd) != 0;
}
