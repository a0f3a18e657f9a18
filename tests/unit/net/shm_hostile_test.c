/*
 * Shared memory whose other side is hostile.
 *
 * An engine here, and processes that connect to it and do everything wrong, each by a seed: random
 * bytes in rings, control words and the room, also under requests that are being served; frames
 * that are valid but for one thing; places outside the room; calls without end whose answers nobody
 * reads; bells; descriptors; closing at every stage. They are stopped, let go on and killed at
 * random moments. Meanwhile a client that behaves is served all the time, and in the end nothing is
 * left of the others. TARN_CHECK_LONG=1: a minute of it; TARN_SEED: another seed.
 *
 * The other way round an engine is hostile: what it sends when a client connects.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <dirent.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include "base/arena.h"
#include "net/ring.h"
#include "wire_rig.h"

#ifdef __SANITIZE_ADDRESS__
#define SLOW 4u
#else
#define SLOW 1u
#endif

#define ROOM    (UINT64_C(4) << 20)
#define CALLS   64u
#define CONNS   200u
#define NS_MS   UINT64_C(1000000)
#define BOUND   (2000u * SLOW) /* ms: a call of the client that behaves takes no longer */
#define MAGIC   UINT64_C(0x304d48534e524154)
#define RING    65536u
#define AT_RING 4096u
#define AT_ROOM 262144u

/* As net/shm_listen.c sends it. */
struct setup {
    uint64_t magic;
    uint32_t proto;
    int32_t rc;
    uint64_t bytes, room_off;
};

static uint64_t now_ms(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

/* ---- The hostile client: a process of its own ---- */

struct enemy {
    const char *path;
    uint64_t seed, n;
    int sock;
    uint8_t *map;
    uint64_t bytes;
    struct ring_tx tx;
    struct ring_rx rx;
    struct wbuf out;
    uint64_t id, incarnation;
};

static uint64_t draw(struct enemy *e)
{
    return mix64(e->seed * UINT64_C(1000003) + e->n++);
}

static uint64_t upto(struct enemy *e, uint64_t n)
{
    return draw(e) % n;
}

static void detach(struct enemy *e)
{
    if (e->map != NULL)
        munmap(e->map, e->bytes);
    if (e->sock >= 0)
        close(e->sock);
    e->map = NULL;
    e->sock = -1;
}

static bool plug(struct enemy *e)
{
    struct sockaddr_un sa = {.sun_family = AF_UNIX};

    snprintf(sa.sun_path, sizeof(sa.sun_path), "%s", e->path);
    e->sock = socket(AF_UNIX, SOCK_SEQPACKET, 0);
    if (e->sock < 0)
        return false;
    for (int i = 0; i < 100; i++) {
        if (connect(e->sock, (struct sockaddr *)&sa, sizeof(sa)) == 0)
            return true;
        usleep(1000);
    }
    detach(e);
    return false;
}

static bool take_region(struct enemy *e)
{
    char ctl[CMSG_SPACE(sizeof(int))];
    struct setup su;
    struct iovec iov = {&su, sizeof(su)};
    struct msghdr m = {
        .msg_iov = &iov, .msg_iovlen = 1, .msg_control = ctl, .msg_controllen = sizeof(ctl)};
    struct pollfd p = {e->sock, POLLIN, 0};
    struct cmsghdr *c;
    int fd;

    if (poll(&p, 1, 2000) != 1 || recvmsg(e->sock, &m, 0) != (ssize_t)sizeof(su) ||
        (c = CMSG_FIRSTHDR(&m)) == NULL)
        return false;
    memcpy(&fd, CMSG_DATA(c), sizeof(fd));
    e->bytes = su.bytes;
    e->map = mmap(NULL, e->bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    if (e->map == MAP_FAILED) {
        e->map = NULL;
        return false;
    }
    ring_tx_init(&e->tx, (struct ring_ctl *)(void *)e->map, e->map + AT_RING, RING);
    ring_rx_init(&e->rx, (struct ring_ctl *)(void *)(e->map + 256), e->map + AT_RING + RING, RING);
    return true;
}

static void ring_bell(struct enemy *e)
{
    send(e->sock, "", 1, MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* Bytes as records. False: the ring stays full. */
static bool push(struct enemy *e, const uint8_t *p, size_t len)
{
    size_t at = 0;

    for (unsigned tries = 0; at < len && tries < 300;) {
        uint32_t most = upto(e, 4) == 0 ? 1 + (uint32_t)upto(e, 700) : ring_record_max(RING);
        uint32_t n = (uint32_t)MIN(len - at, most);
        int rc = ring_put(&e->tx, p + at, n, at + n < len);

        if (rc < 0)
            return false;
        if (rc == RING_FULL) {
            ring_bell(e);
            tries++;
            usleep(100);
            continue;
        }
        at += n;
        if (rc == RING_WAKE)
            ring_bell(e);
    }
    return at == len;
}

/* What is in out, perhaps spoilt. */
static bool post(struct enemy *e, bool spoil)
{
    wire_seal(&e->out, false);
    if (spoil)
        for (uint64_t k = 1 + upto(e, 4); k > 0; k--) {
            uint64_t at = upto(e, 3) == 0 ? upto(e, 24) : upto(e, e->out.len);

            e->out.data[at] =
                (uint8_t)(upto(e, 2) ? draw(e) : e->out.data[at] ^ (1u << upto(e, 8)));
        }
    return push(e, e->out.data, e->out.len);
}

static void hello(struct enemy *e, uint64_t client, uint64_t generation)
{
    wire_put_head(&e->out, NET_HELLO, 0);
    wbuf_u64(&e->out, mix64(client));
    wbuf_u64(&e->out, mix64(client + 1));
    wbuf_u64(&e->out, generation);
    wbuf_u64(&e->out, 0);
    post(e, false);
}

/* Reads what has come; the incarnation, if it was WELCOME. Whether anything. */
static bool drain(struct enemy *e)
{
    const void *p;
    uint32_t len;
    bool more, any = false;

    while (ring_peek(&e->rx, &p, &len, &more) == 1) {
        enum net_frame kind;
        struct rbuf r;
        uint64_t id;

        if (wire_open(p, len, false, &kind, &id, &r) == 0 && kind == NET_WELCOME)
            e->incarnation = rbuf_u64(&r);
        if (ring_next(&e->rx, len))
            ring_bell(e);
        any = true;
    }
    return any;
}

static bool greeted(struct enemy *e, uint64_t client, uint64_t generation)
{
    e->incarnation = 0;
    hello(e, client, generation);
    for (int i = 0; i < 2000 && e->incarnation == 0; i++) {
        drain(e);
        usleep(200);
    }
    return e->incarnation != 0;
}

static void head(struct enemy *e, uint16_t opcode, uint64_t id)
{
    struct net_hdr h = {.proto = NET_PROTO,
                        .opcode = opcode,
                        .incarnation = e->incarnation,
                        .deadline_ms = (uint32_t)upto(e, 3000)};

    if (upto(e, 8) == 0)
        h.flags = NET_RESEND;
    if (upto(e, 16) == 0)
        h.target = (uint32_t)draw(e);
    wire_put_head(&e->out, NET_REQUEST, id);
    wire_put_hdr(&e->out, &h);
}

static uint64_t strange(struct enemy *e)
{
    static const uint64_t odd[] = {0,
                                   1,
                                   63,
                                   4096,
                                   ROOM - 1,
                                   ROOM,
                                   ROOM + 1,
                                   UINT32_MAX,
                                   UINT64_C(1) << 32,
                                   (UINT64_C(1) << 28) - 1,
                                   UINT64_C(1) << 28,
                                   UINT64_MAX,
                                   UINT64_MAX - 4095,
                                   UINT64_C(1) << 63};

    return upto(e, 4) == 0 ? draw(e) % (2 * ROOM) : odd[upto(e, ARRAY_LEN(odd))] + upto(e, 3) - 1;
}

/* An update or a fetch whose vectors are what they are. */
static void bulk_call(struct enemy *e, bool sane)
{
    bool fetch = upto(e, 2);
    uint32_t nr = (uint32_t)upto(e, 5);
    struct msg_obj_update_req u = {{0}};
    struct msg_obj_fetch_req f = {{0}};

    if (!sane && upto(e, 8) == 0)
        nr = (uint32_t)upto(e, 70);
    head(e, fetch ? MSG_OBJ_FETCH : MSG_OBJ_UPDATE, e->id++);
    wire_put_body(&e->out, fetch ? MSG_OBJ_FETCH : MSG_OBJ_UPDATE,
                  fetch ? (const void *)&f : (const void *)&u, false);
    wbuf_u32(&e->out, !sane && upto(e, 20) == 0 ? (uint32_t)draw(e) : nr);
    for (uint32_t i = 0; i < nr; i++) {
        uint64_t len = sane ? upto(e, 65536) : strange(e);
        uint64_t off = sane ? upto(e, ROOM - 65536) : strange(e);
        uint8_t way = (uint8_t)(NET_BULK_ROOM | (fetch ? NET_BULK_WRITABLE : 0));

        if (!sane && upto(e, 3) == 0)
            way = (uint8_t)upto(e, 6);
        wbuf_u8(&e->out, way);
        wbuf_u64(&e->out, len);
        if (way & NET_BULK_ROOM)
            wbuf_u64(&e->out, off);
        else if (!(way & NET_BULK_WRITABLE))
            wbuf_zero(&e->out, MIN(len, 3000));
    }
}

static void random_body(struct enemy *e)
{
    uint64_t n = upto(e, 400);

    head(e, (uint16_t)upto(e, 70), e->id++);
    wbuf_u32(&e->out, upto(e, 6) == 0 ? (uint32_t)draw(e) : (uint32_t)n);
    for (uint64_t i = 0; i < n; i++)
        wbuf_u8(&e->out, (uint8_t)(upto(e, 3) ? upto(e, 4) : draw(e)));
    wbuf_u32(&e->out, 0);
}

static void echo_call(struct enemy *e, uint32_t len)
{
    static uint8_t data[65536];
    struct msg_echo_req q = {{data, MIN(len, (uint32_t)sizeof(data))}};

    head(e, MSG_ECHO, e->id++);
    wire_put_body(&e->out, MSG_ECHO, &q, false);
    wbuf_u32(&e->out, 0);
}

static void scribble(struct enemy *e, uint64_t from, uint64_t len, uint64_t times)
{
    for (; times > 0; times--)
        ((volatile uint8_t *)e->map)[from + upto(e, len)] = (uint8_t)draw(e);
}

static void word(struct enemy *e, uint64_t at, uint32_t v)
{
    __atomic_store_n((uint32_t *)(void *)(e->map + at), v, __ATOMIC_RELAXED);
}

/* ---- What it does, once connected and welcomed ---- */

static void bad_rings(struct enemy *e)
{
    for (int i = 0; i < 40; i++) {
        echo_call(e, (uint32_t)upto(e, 3000));
        post(e, false);
        scribble(e, AT_RING, 2 * RING, upto(e, 3000));
        ring_bell(e);
    }
}

static void bad_words(struct enemy *e)
{
    static const uint32_t at[] = {0, 64, 68, 256, 256 + 64, 256 + 68};

    for (int i = 0; i < 200; i++) {
        if (!(upto(e, 2) ? (echo_call(e, (uint32_t)upto(e, 20000)), post(e, false)) : true))
            return;
        for (uint64_t k = upto(e, 200); k > 0; k--)
            word(e, at[upto(e, ARRAY_LEN(at))],
                 upto(e, 2) ? (uint32_t)draw(e) : (uint32_t)upto(e, 4 * RING));
    }
}

static void bad_frames(struct enemy *e)
{
    for (int i = 0; i < 100; i++) {
        if (upto(e, 2))
            echo_call(e, (uint32_t)upto(e, 300));
        else
            bulk_call(e, true);
        if (!post(e, true))
            return;
        drain(e);
    }
}

static void bad_bodies(struct enemy *e)
{
    for (int i = 0; i < 300; i++) {
        random_body(e);
        if (!post(e, false))
            return;
        drain(e);
    }
}

static void bad_places(struct enemy *e)
{
    for (int i = 0; i < 200; i++) {
        bulk_call(e, false);
        if (!post(e, false))
            return;
        drain(e);
    }
}

/* The room changes while it is read and written. */
static void restless_room(struct enemy *e)
{
    for (int i = 0; i < 60; i++) {
        bulk_call(e, true);
        if (!post(e, upto(e, 30) == 0))
            return;
        scribble(e, AT_ROOM, ROOM, 20000);
        drain(e);
    }
}

/* Far more calls than it may have; answers are not read. */
static void deluge(struct enemy *e)
{
    for (int i = 0; i < 10000; i++) {
        echo_call(e, (uint32_t)upto(e, 5) == 0 ? 60000 : 10);
        if (!post(e, false))
            break;
        if (i % CALLS == 0 && upto(e, 2))
            usleep(500);
    }
    usleep((useconds_t)upto(e, 100000));
}

static void pings(struct enemy *e)
{
    for (int i = 0; i < 20000; i++) {
        wire_put_head(&e->out, NET_PING, 0);
        if (!post(e, false))
            break;
    }
}

static void noise(struct enemy *e)
{
    uint64_t kind = upto(e, 3);

    for (int i = 0; i < 3000; i++) {
        union {
            struct cmsghdr hdr;
            char buf[CMSG_SPACE(8 * sizeof(int))];
        } ctl = {.buf = {0}};
        uint8_t b[128] = {0};
        struct iovec iov = {b, kind == 1 ? 0 : 1 + upto(e, sizeof(b))};
        struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1};

        if (kind == 2) {
            struct cmsghdr *c;

            m.msg_control = &ctl;
            m.msg_controllen = sizeof(ctl);
            c = CMSG_FIRSTHDR(&m);
            c->cmsg_level = SOL_SOCKET;
            c->cmsg_type = SCM_RIGHTS;
            c->cmsg_len = CMSG_LEN(8 * sizeof(int));
            for (int k = 0; k < 8; k++)
                memcpy(CMSG_DATA(c) + (size_t)k * sizeof(int), &e->sock, sizeof(int));
        }
        if (sendmsg(e->sock, &m, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
            usleep(50);
    }
}

/* The same call again and again, other clients' names, generations that go back. */
static void impostor(struct enemy *e)
{
    struct enemy other = {
        .path = e->path, .seed = e->seed + 77, .n = e->n, .sock = -1, .id = e->id};

    wbuf_init_grow(&other.out, 1 << 20);
    for (int i = 0; i < 30; i++) {
        bulk_call(e, true);
        if (!post(e, false))
            break;
        if (i % 10 == 5 && plug(&other) && take_region(&other)) {
            greeted(&other, e->seed, 1 + upto(e, 4));
            other.id = e->id - 1;
            bulk_call(&other, upto(e, 2));
            post(&other, false);
        }
        if (i % 10 == 9)
            detach(&other);
        e->id -= upto(e, 2);
    }
    detach(&other);
    wbuf_fini(&other.out);
}

static void storm(struct enemy *e)
{
    struct enemy one = {.path = e->path, .seed = e->seed + 99, .sock = -1};

    for (int i = 0; i < 100; i++) {
        if (plug(&one) && upto(e, 2) && take_region(&one) && upto(e, 4) == 0)
            ring_bell(&one);
        detach(&one);
    }
}

static void idle(struct enemy *e)
{
    usleep((useconds_t)upto(e, 200000));
}

/* Until it is killed. */
_Noreturn static void hostile(const char *path, uint64_t seed)
{
    static void (*const acts[])(struct enemy *) = {
        bad_rings, bad_words, bad_frames, bad_bodies, bad_places, restless_room,
        deluge,    pings,     noise,      impostor,   storm,      idle};
    struct enemy e = {.path = path, .seed = seed, .sock = -1, .id = 1};

    wbuf_init_grow(&e.out, 8 << 20);
    for (;;) {
        uint64_t stage = upto(&e, 10);

        if (plug(&e) && stage > 0 && take_region(&e) && stage > 1) {
            if (stage == 2) /* before it is known */
                acts[upto(&e, ARRAY_LEN(acts))](&e);
            else if (greeted(&e, draw(&e), 1 + upto(&e, 3)) && stage > 3)
                for (uint64_t k = 1 + upto(&e, 3); k > 0; k--)
                    acts[upto(&e, ARRAY_LEN(acts))](&e);
        }
        if (upto(&e, 5) == 0 && e.sock >= 0)
            shutdown(e.sock, (int)upto(&e, 3));
        detach(&e);
    }
}

/* ---- The client that behaves: a process of its own ---- */

struct good {
    struct rt_xs *xs;
    struct net_dialer *dialer;
    struct net_peer *peer;
    uint64_t worst_ms, calls, failed, wrong;
};

static uint8_t pattern(uint64_t n, size_t i)
{
    return (uint8_t)(n * 31 + i * 7);
}

static void good_call(struct good *g, uint16_t opcode, uint8_t *buf, size_t len, uint64_t n)
{
    struct msg_echo_req eq = {{buf, (uint32_t)len}};
    struct msg_echo_rep er;
    struct msg_obj_update_req uq = {{0}};
    struct msg_obj_update_rep ur;
    struct msg_obj_fetch_req fq = {{0}};
    struct msg_obj_fetch_rep fr;
    struct iovec iov = {buf, len};
    struct net_call call;
    uint64_t began = now_ms(), sum = 0;

    for (size_t i = 0; i < len; i++)
        sum += buf[i] = pattern(n, i);
    net_call_init(&call, opcode);
    call.req = opcode == MSG_ECHO ? (void *)&eq : opcode == MSG_OBJ_UPDATE ? (void *)&uq : &fq;
    call.rep = opcode == MSG_ECHO ? (void *)&er : opcode == MSG_OBJ_UPDATE ? (void *)&ur : &fr;
    if (opcode != MSG_ECHO) {
        call.bulk[0] = (struct net_bulk){&iov, 1, opcode == MSG_OBJ_FETCH};
        call.bulk_nr = 1;
    }
    g->calls++;
    if (net_call_wait(g->peer, &call) != 0)
        g->failed++;
    else if (opcode == MSG_ECHO)
        g->wrong += er.data.len != len || (len > 0 && memcmp(er.data.buf, buf, len) != 0);
    else if (opcode == MSG_OBJ_UPDATE)
        g->wrong += ur.epoch != sum;
    else
        for (size_t i = 0; i < len; i++)
            if (buf[i] != (i < len / 3 || i >= len / 2 ? (uint8_t)(i % 251) : pattern(n, i))) {
                g->wrong++;
                break;
            }
    net_call_fini(&call);
    g->worst_ms = MAX(g->worst_ms, now_ms() - began);
}

static void good_close(struct good *g)
{
    net_peer_close(g->peer);
    if (rt_drive_enter(g->xs)) {
        net_shm_dialer_free(g->dialer);
        rt_drive_leave(g->xs);
    }
    rt_xs_destroy(g->xs);
}

/* Ends when its standard input does. */
static int good(const char *path)
{
    static const uint16_t ops[] = {MSG_ECHO, MSG_OBJ_UPDATE, MSG_OBJ_FETCH};
    struct rt_xs_conf xc = {.cpu = -1, .name = "good", .driven = true};
    struct net_remote_conf rc = {.driven = true};
    struct pollfd in = {0, POLLIN, 0};
    static uint8_t buf[200000];
    struct net_remote_stat st;
    struct good g = {.calls = 0};

    if (rt_xs_create(&xc, &g.xs) != 0 || net_shm_dialer(g.xs, path, getuid(), &g.dialer) != 0)
        return 3;
    rc.dialer = g.dialer;
    rc.xs = g.xs;
    if (net_remote_connect(&rc, &g.peer) != 0)
        return 3;
    while (poll(&in, 1, 0) == 0) {
        uint64_t r = mix64(g.calls);
        size_t len = r % 4 == 0 ? r / 64 % sizeof(buf) : r / 64 % 6000;

        good_call(&g, ops[r / 8 % 3], buf, len, g.calls);
        if (r % 16 == 0)
            usleep(1000);
    }
    net_remote_stat(g.peer, &st);
    good_close(&g);
    fprintf(stderr,
            "          %lu calls of the client that behaves, the slowest %lu ms; "
            "%lu failed, %lu wrong, %lu connections\n",
            g.calls, g.worst_ms, g.failed, g.wrong, st.dials);
    if (g.failed + g.wrong > 0 || st.dials != 1)
        return 1;
    return g.worst_ms > BOUND ? 2 : g.calls == 0;
}

/* ---- The engine ---- */

/* That of wire_rig.h, for strangers. */
static void hostile_open(struct stage *s)
{
    s->strangers = true;
    s->calls = CALLS;
    s->shm_conf = (struct net_shm_listen_conf){.room_bytes = ROOM, .max = CONNS};
    engine_open(s);
}

static bool nobody_left(struct stage *s, uint32_t conns)
{
    for (uint64_t end = now_ms() + 10000; now_ms() < end; usleep(5000)) {
        on_engine(s, engine_stat);
        if (s->stat.conns <= conns && s->stat.clients <= conns && s->stat.serving == 0)
            return true;
    }
    print_error("%u connections, %u clients, %u being served\n", s->stat.conns, s->stat.clients,
                s->stat.serving);
    return false;
}

static unsigned fds_open(void)
{
    DIR *d = opendir("/proc/self/fd");
    unsigned n = 0;

    assert_non_null(d);
    while (readdir(d) != NULL)
        n++;
    closedir(d);
    return n;
}

static unsigned rooms_mapped(void)
{
    FILE *f = fopen("/proc/self/maps", "r");
    char line[512];
    unsigned n = 0;

    assert_non_null(f);
    while (fgets(line, sizeof(line), f) != NULL)
        n += strstr(line, "memfd:") != NULL || strstr(line, "tarn-hostile-") != NULL;
    fclose(f);
    return n;
}

/* ---- Hostile clients ---- */

static pid_t start(const char *what, const char *path, uint64_t seed, int *input)
{
    char text[32], *argv[] = {(char *)"shm_hostile", (char *)(uintptr_t)what,
                              (char *)(uintptr_t)path, text, NULL};
    int p[2] = {-1, -1};
    pid_t pid;

    snprintf(text, sizeof(text), "%lu", seed);
    if (input != NULL)
        assert_int_equal(pipe2(p, O_CLOEXEC), 0);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (input != NULL)
            dup2(p[0], 0);
        execv("/proc/self/exe", argv);
        _exit(9);
    }
    if (input != NULL) {
        close(p[0]);
        *input = p[1];
    }
    return pid;
}

static void everything_wrong(void **state)
{
    uint64_t seed = getenv("TARN_SEED") ? strtoull(getenv("TARN_SEED"), NULL, 10) : 1, n = 0;
    uint64_t end;
    unsigned fds = fds_open(), killed = 0;
    struct stage s = {.transport = SHM};
    pid_t enemy[4], behaves;
    int input, st;

    hostile_open(&s);
    behaves = start("good", s.path, 0, &input);
    usleep(100000);
    for (size_t i = 0; i < ARRAY_LEN(enemy); i++)
        enemy[i] = start("hostile", s.path, mix64(seed + n++), NULL);
    end = now_ms() + (getenv("TARN_CHECK_LONG") ? 60000 : 4000);
    while (now_ms() < end) {
        uint64_t r = mix64(seed * 31 + n++);
        size_t i = r % ARRAY_LEN(enemy);

        usleep((useconds_t)(r / 8 % 40000));
        kill(enemy[i], r / 64 % 2 ? SIGSTOP : SIGCONT);
        if (r / 128 % 4 != 0)
            continue;
        kill(enemy[i], SIGKILL);
        waitpid(enemy[i], &st, 0);
        assert_true(WIFSIGNALED(st) && WTERMSIG(st) == SIGKILL);
        killed++;
        enemy[i] = start("hostile", s.path, mix64(seed + n++), NULL);
    }
    for (size_t i = 0; i < ARRAY_LEN(enemy); i++) {
        kill(enemy[i], SIGKILL);
        waitpid(enemy[i], &st, 0);
    }
    assert_true(nobody_left(&s, 1));
    close(input);
    assert_int_equal(waitpid(behaves, &st, 0), behaves);
    assert_true(WIFEXITED(st));
    assert_int_equal(WEXITSTATUS(st), 0);
    assert_true(nobody_left(&s, 0));
    print_message("          %u killed; %lu requests, %lu joined, %lu bad\n", killed,
                  s.stat.requests, s.stat.joined, s.stat.bad);
    assert_int_equal(rooms_mapped(), 0);
    engine_close(&s);
    assert_int_equal(fds_open(), fds);
}

/* A child that was forked holds the socket too; who closes his connection is gone all the same. */
static void a_child_holds_the_socket(void **state)
{
    struct rt_xs_conf xc = {.cpu = -1, .name = "client", .driven = true};
    struct net_remote_conf rc = {.driven = true};
    struct stage s = {.transport = SHM};
    struct good g = {.calls = 0};
    uint8_t buf[100];
    pid_t child;

    hostile_open(&s);
    assert_int_equal(rt_xs_create(&xc, &g.xs), 0);
    assert_int_equal(net_shm_dialer(g.xs, s.path, getuid(), &g.dialer), 0);
    rc.dialer = g.dialer;
    rc.xs = g.xs;
    assert_int_equal(net_remote_connect(&rc, &g.peer), 0);
    good_call(&g, MSG_ECHO, buf, sizeof(buf), 1);
    child = fork();
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        close(1);
        close(2);
        pause();
        _exit(0);
    }
    net_peer_close(g.peer);
    assert_true(nobody_left(&s, 0));
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    assert_true(rt_drive_enter(g.xs));
    net_shm_dialer_free(g.dialer);
    rt_drive_leave(g.xs);
    rt_xs_destroy(g.xs);
    engine_close(&s);
    assert_int_equal(g.failed, 0);
}

static uint64_t cpu_ms(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
    return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

/* Turned away, with a word why. */
static bool is_refused(struct enemy *e, int32_t rc)
{
    struct pollfd p = {e->sock, POLLIN, 0};
    struct setup su;

    return poll(&p, 1, 2000) == 1 && recv(e->sock, &su, sizeof(su), 0) == (ssize_t)sizeof(su) &&
           su.rc == rc && recv(e->sock, &su, sizeof(su), 0) == 0;
}

/* No descriptor for who wants in: the engine says so at once, to everybody who comes, and lets them
 * in when there is one. */
static void out_of_descriptors(void **state)
{
    struct enemy e = {.sock = -1};
    struct rlimit was, few;
    struct stage s = {.transport = SHM};
    uint64_t used;
    int fd[64], n = 0;

    hostile_open(&s);
    e.path = s.path;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &was), 0);
    few = (struct rlimit){fds_open() + 8, was.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
    while (n < 64 && (fd[n] = dup(0)) >= 0)
        n++;
    assert_in_range(n, 1, 63);
    close(fd[--n]);
    used = cpu_ms();
    for (int i = 0; i < 3; i++) {
        assert_true(plug(&e)); /* takes the last one; the engine has none */
        assert_true(is_refused(&e, -DER_BUSY));
        detach(&e);
    }
    usleep(500000);
    used = cpu_ms() - used;
    while (n > 0)
        close(fd[--n]);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &was), 0);
    assert_true(plug(&e) && take_region(&e));
    detach(&e);
    assert_in_range(used, 0, 60);
    assert_true(nobody_left(&s, 0));
    engine_close(&s);
}

/* Hundreds of megabytes for a request of a hundred bytes. */
static void small_requests_that_want_much(void **state)
{
    struct enemy e = {.sock = -1, .id = 1};
    struct stage s = {.transport = SHM};

    hostile_open(&s);
    e.path = s.path;
    wbuf_init_grow(&e.out, 1 << 20);
    assert_true(plug(&e) && take_region(&e) && greeted(&e, 1, 1));
    for (int i = 0; i < 100; i++) {
        struct msg_obj_fetch_req f = {{0}};

        head(&e, MSG_OBJ_FETCH, e.id++);
        wire_put_body(&e.out, MSG_OBJ_FETCH, &f, false);
        wbuf_u32(&e.out, 1);
        wbuf_u8(&e.out, NET_BULK_WRITABLE);
        wbuf_u64(&e.out, 200 << 20);
        assert_true(post(&e, false));
    }
    for (int i = 0; i < 400 && s.stat.bad == 0; i++) {
        usleep(5000);
        on_engine(&s, engine_stat);
    }
    assert_in_range(s.stat.bad, 1, 1000);
    assert_int_equal(s.stat.requests, 0);
    detach(&e);
    wbuf_fini(&e.out);
    assert_true(nobody_left(&s, 0));
    engine_close(&s);
}

/* ---- A hostile engine ---- */

enum lie {
    SOUND,
    WRONG_MAGIC,
    WRONG_PROTO,
    REFUSED,
    NO_FD,
    TWO_FDS,
    MANY_FDS,
    NOT_SEALED,
    TOO_SHORT,
    ODD_ROOM,
    HUGE,
    A_FILE,
    EMPTY,
    LONG_ONE,
    SILENT,
    GARBAGE,
    LIES
};

static int region(enum lie lie)
{
    uint64_t bytes = AT_ROOM + ROOM;
    int fd;

    if (lie == A_FILE) {
        char name[] = "/tmp/tarn-hostile-XXXXXX";

        fd = mkstemp(name);
        unlink(name);
    } else {
        fd = memfd_create("tarn-lie", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    }
    assert_true(fd >= 0);
    assert_int_equal(ftruncate(fd, (off_t)(lie == TOO_SHORT ? AT_ROOM : bytes)), 0);
    if (lie != NOT_SEALED && lie != A_FILE)
        assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW), 0);
    return fd;
}

/* Sends the setup, and in a sound one rubbish. */
static void lie_to(int sock, enum lie lie, uint64_t seed)
{
    struct {
        struct setup su;
        char more[100];
    } msg = {.su = {.magic = lie == WRONG_MAGIC ? 1 : MAGIC,
                    .proto = lie == WRONG_PROTO ? NET_PROTO + 1 : NET_PROTO,
                    .rc = lie == REFUSED ? -DER_BUSY : 0,
                    .bytes = lie == HUGE ? UINT64_C(1) << 62 : AT_ROOM + ROOM,
                    .room_off = lie == ODD_ROOM ? AT_ROOM + 1 : AT_ROOM}};
    union {
        struct cmsghdr hdr;
        char buf[CMSG_SPACE(20 * sizeof(int))];
    } ctl = {.buf = {0}};
    struct iovec iov = {&msg, sizeof(msg.su)};
    struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1};
    int nr = lie == TWO_FDS ? 2 : lie == MANY_FDS ? 20 : 1, fd = region(lie);
    uint8_t *map;

    if (lie == EMPTY)
        iov.iov_len = 0;
    if (lie == LONG_ONE)
        iov.iov_len = sizeof(msg);
    if (lie != NO_FD) {
        struct cmsghdr *c;

        m.msg_control = &ctl;
        m.msg_controllen = CMSG_SPACE((size_t)nr * sizeof(int));
        c = CMSG_FIRSTHDR(&m);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN((size_t)nr * sizeof(int));
        for (int i = 0; i < nr; i++)
            memcpy(CMSG_DATA(c) + (size_t)i * sizeof(int), &fd, sizeof(fd));
    }
    if (lie != SILENT)
        sendmsg(sock, &m, MSG_NOSIGNAL);
    map = lie == GARBAGE ? mmap(NULL, AT_ROOM + ROOM, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0)
                         : MAP_FAILED;
    close(fd);
    if (map == MAP_FAILED)
        return;
    for (uint64_t i = 0; i < 200000; i++) {
        uint64_t r = mix64(seed + i);

        ((volatile uint8_t *)map)[r % (i % 2 ? 600 : AT_ROOM)] = (uint8_t)(r >> 40);
        if (i % 1000 == 0)
            send(sock, "", 1, MSG_DONTWAIT | MSG_NOSIGNAL);
    }
    munmap(map, AT_ROOM + ROOM);
}

struct liar {
    int listening;
    enum lie lie;
    uint32_t told, believed;
    bool stop;
};

static void *liar_main(void *arg)
{
    struct liar *l = arg;

    while (!__atomic_load_n(&l->stop, __ATOMIC_ACQUIRE)) {
        struct pollfd p = {l->listening, POLLIN, 0};
        int sock = poll(&p, 1, 20) == 1 ? accept4(l->listening, NULL, NULL, SOCK_CLOEXEC) : -1;

        if (sock < 0)
            continue;
        lie_to(sock, l->lie, l->told);
        l->told++;
        usleep(5000);
        l->believed += rooms_mapped() > 0;
        close(sock);
    }
    return NULL;
}

static void engine_lies(enum lie lie)
{
    struct sockaddr_un sa = {.sun_family = AF_UNIX};
    struct rt_xs_conf xc = {.cpu = -1, .name = "client", .driven = true};
    struct net_remote_conf rc = {.driven = true, .suspect_ms = 100};
    struct msg_echo_req q = {{"x", 1}};
    struct msg_echo_rep rep;
    unsigned fds = fds_open();
    struct liar l = {.lie = lie};
    struct net_call call;
    struct good g = {.calls = 0};
    pthread_t t;

    snprintf(sa.sun_path, sizeof(sa.sun_path), "/tmp/tarn-liar-%d", getpid());
    unlink(sa.sun_path);
    l.listening = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(l.listening, (struct sockaddr *)&sa, sizeof(sa)), 0);
    assert_int_equal(listen(l.listening, 16), 0);
    assert_int_equal(pthread_create(&t, NULL, liar_main, &l), 0);
    assert_int_equal(rt_xs_create(&xc, &g.xs), 0);
    assert_int_equal(net_shm_dialer(g.xs, sa.sun_path, getuid(), &g.dialer), 0);
    rc.dialer = g.dialer;
    rc.xs = g.xs;
    assert_int_equal(net_remote_connect(&rc, &g.peer), 0);
    net_call_init(&call, MSG_ECHO);
    call.req = &q;
    call.rep = &rep;
    call.hdr.deadline_ms = 250;
    assert_int_equal(net_call_wait(g.peer, &call), lie == WRONG_PROTO ? -DER_PROTO : -DER_TIMEDOUT);
    net_call_fini(&call);
    net_peer_close(g.peer);
    assert_true(rt_drive_enter(g.xs));
    net_shm_dialer_free(g.dialer);
    rt_drive_leave(g.xs);
    rt_xs_destroy(g.xs);
    __atomic_store_n(&l.stop, true, __ATOMIC_RELEASE);
    pthread_join(t, NULL);
    close(l.listening);
    unlink(sa.sun_path);
    assert_true(l.told > 0);
    if (lie != SOUND && lie != GARBAGE)
        assert_int_equal(l.believed, 0);
    assert_int_equal(rooms_mapped(), 0);
    if (fds_open() != fds)
        print_error("lie %d, told %u times\n", lie, l.told);
    assert_int_equal(fds_open(), fds);
}

static void engines_lie(void **state)
{
    for (int lie = 0; lie < LIES; lie++)
        engine_lies((enum lie)lie);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(engines_lie),
        cmocka_unit_test(out_of_descriptors),
        cmocka_unit_test(a_child_holds_the_socket),
        cmocka_unit_test(small_requests_that_want_much),
        cmocka_unit_test(everything_wrong),
    };

    if (argc == 4 && strcmp(argv[1], "hostile") == 0)
        hostile(argv[2], strtoull(argv[3], NULL, 10));
    if (argc == 4 && strcmp(argv[1], "good") == 0)
        return good(argv[2]);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
