/*
 * A client host and an engine host, and a bad network between them: two network namespaces, each
 * with its end of a veth pair, and between the other ends this program, which carries every frame
 * by hand: it loses one in a hundred, keeps each for 20 ms, and for a while carries none (the cut).
 * The TCP on both sides is the kernel's.
 *
 *   engine, 10.99.0.1, veth a === ma  [loses, delays, cuts]  mb === b veth, 10.99.0.2, clients
 *
 * The clients are those of engine_kill: nothing acknowledged is lost, nothing is done twice, no
 * call takes much longer than the cut, and after it all go on by themselves.
 *
 * Needs no root where users may make namespaces of their own; else it is skipped (status 77).
 *
 * usage: engine_net TARN SECONDS-OF-THE-CUT [SEED]
 */
#include "engine_kill.h"

#include <arpa/inet.h>
#include <daos.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/ethtool.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define SKIPPED     77
#define NS_PER_S    UINT64_C(1000000000)
#define DELAY_NS    UINT64_C(20000000)
#define LOSS        100u /* one in so many */
#define FRAME_MAX   2048u
#define FRAMES      4096u /* on their way, in one direction; more are lost too */
#define RESUME_S    15.0  /* after a cut */
#define CUT_LATE_S  20.0  /* longest call, beyond the cut */
#define ENGINE_ADDR "10.99.0.1"
#define PORT        "10001"

/* What the bridge does, and has done. */
struct bridge {
    _Atomic bool cut, clean; /* clean: neither loss nor delay */
    _Atomic uint64_t carried, lost, cut_off;
};

struct net {
    struct shared *s;
    struct bridge *b;
    const char *tarn;
    char dir[64], pool[96];
    pid_t bridge, engine, host; /* host: what runs on the clients' side */
    int tell;                   /* to the host */
};

static void __attribute__((noreturn)) skip(const char *what, int err)
{
    printf("skipped: %s: %s\n", what, strerror(err));
    exit(SKIPPED);
}

static void __attribute__((noreturn)) fail(const struct net *n, const char *what, double v)
{
    char cmd[128];

    fprintf(stderr, "FAILED: %s: %.1f\n", what, v);
    snprintf(cmd, sizeof(cmd), "tail -n 10 %s/engine.log >&2", n->dir);
    if (system(cmd) != 0)
        fprintf(stderr, "no log\n");
    exit(1);
}

static void __attribute__((format(printf, 1, 2))) ip(const char *f, ...)
{
    char cmd[256] = "ip ";
    va_list ap;

    va_start(ap, f);
    vsnprintf(cmd + 3, sizeof(cmd) - 3, f, ap);
    va_end(ap);
    if (system(cmd) != 0)
        skip("a veth pair cannot be made (ip)", EPERM);
}

/* ---- The bridge ---- */

struct frame {
    uint64_t due_ns;
    uint32_t len;
    uint8_t bytes[FRAME_MAX];
};

struct lane { /* one direction */
    int from, to;
    uint32_t first, nr;
    struct frame *f;
};

static int tap(const char *name)
{
    int fd = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, htons(ETH_P_ALL));
    struct sockaddr_ll sa = {.sll_family = AF_PACKET,
                             .sll_protocol = htons(ETH_P_ALL),
                             .sll_ifindex = (int)if_nametoindex(name)};

    if (fd < 0 || bind(fd, (struct sockaddr *)&sa, sizeof(sa)) != 0)
        skip("frames of an interface cannot be had", errno);
    return fd;
}

/* Frames leave whole and with their checksums: what the kernel leaves to the hardware, nobody does
 * here.
 */
static void plain_frames(const char *name)
{
    static const uint32_t off[] = {ETHTOOL_STXCSUM, ETHTOOL_STSO, ETHTOOL_SGSO};
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    for (size_t i = 0; i < sizeof(off) / sizeof(off[0]); i++) {
        struct ethtool_value v = {.cmd = off[i], .data = 0};
        struct ifreq r = {.ifr_data = (void *)&v};

        snprintf(r.ifr_name, sizeof(r.ifr_name), "%s", name);
        if (ioctl(fd, SIOCETHTOOL, &r) != 0 && off[i] == ETHTOOL_STXCSUM)
            skip("an interface whose checksums are not made by the kernel", errno);
    }
    close(fd);
}

static void lane_take(struct lane *l, struct bridge *b, uint64_t *seed)
{
    struct sockaddr_ll from;

    for (;;) {
        struct frame *f = &l->f[(l->first + l->nr) % FRAMES];
        socklen_t len = sizeof(from);
        ssize_t n =
            recvfrom(l->from, f->bytes, sizeof(f->bytes), 0, (struct sockaddr *)&from, &len);

        if (n <= 0)
            return;
        if (from.sll_pkttype == PACKET_OUTGOING) /* what we put there ourselves */
            continue;
        *seed = *seed * 6364136223846793005u + 1442695040888963407u;
        if (atomic_load(&b->cut)) {
            atomic_fetch_add(&b->cut_off, 1);
        } else if (l->nr == FRAMES - 1 || (!atomic_load(&b->clean) && (*seed >> 33) % LOSS == 0)) {
            atomic_fetch_add(&b->lost, 1);
        } else {
            f->len = (uint32_t)n;
            f->due_ns = clock_ns() + (atomic_load(&b->clean) ? 0 : DELAY_NS);
            l->nr++;
        }
    }
}

static void lane_give(struct lane *l, struct bridge *b)
{
    while (l->nr > 0 && l->f[l->first].due_ns <= clock_ns()) {
        struct frame *f = &l->f[l->first];

        if (!atomic_load(&b->cut) && send(l->to, f->bytes, f->len, 0) == (ssize_t)f->len)
            atomic_fetch_add(&b->carried, 1);
        l->first = (l->first + 1) % FRAMES;
        l->nr--;
    }
}

static void bridge_run(struct bridge *b, uint64_t seed)
{
    int fd[2] = {tap("ma"), tap("mb")};
    struct lane lane[2];

    for (int i = 0; i < 2; i++)
        lane[i] = (struct lane){
            .from = fd[i], .to = fd[1 - i], .f = calloc(FRAMES, sizeof(struct frame))};
    for (;;) {
        struct pollfd p[2] = {{fd[0], POLLIN, 0}, {fd[1], POLLIN, 0}};

        poll(p, 2, lane[0].nr + lane[1].nr > 0 ? 1 : 50);
        for (int i = 0; i < 2; i++) {
            lane_take(&lane[i], b, &seed);
            lane_give(&lane[i], b);
        }
    }
}

/* ---- Hosts ---- */

static void write_file(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);

    if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text))
        skip(path, errno);
    close(fd);
}

/* A network of its own for this process; as root of a namespace of users if it is not root. */
static void own_network(void)
{
    char map[64];
    uid_t uid = getuid();
    gid_t gid = getgid();

    if (unshare(CLONE_NEWNET) == 0)
        return;
    if (unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0)
        skip("this kernel gives us no network namespace", errno);
    write_file("/proc/self/setgroups", "deny");
    snprintf(map, sizeof(map), "0 %u 1", uid);
    write_file("/proc/self/uid_map", map);
    snprintf(map, sizeof(map), "0 %u 1", gid);
    write_file("/proc/self/gid_map", map);
}

/* A process in a network of its own that waits until it has an interface. *go: to let it begin. */
static pid_t host_new(const char *dev, const char *addr, int *go)
{
    int ready[2], begin[2];
    char c = 0;
    pid_t pid;

    if (pipe2(ready, O_CLOEXEC) != 0 || pipe2(begin, O_CLOEXEC) != 0)
        skip("pipe", errno);
    pid = fork();
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        close(begin[1]);
        if (unshare(CLONE_NEWNET) != 0 || write(ready[1], &c, 1) != 1 || read(begin[0], &c, 1) != 1)
            _exit(SKIPPED);
        ip("link set dev lo up");
        ip("addr add %s/24 dev %s", addr, dev);
        plain_frames(dev);
        ip("link set dev %s up", dev);
        *go = begin[0];
        return 0;
    }
    close(ready[1]);
    close(begin[0]);
    if (read(ready[0], &c, 1) != 1)
        skip("this kernel gives us no second network namespace", EPERM);
    close(ready[0]);
    *go = begin[1];
    return pid;
}

static void engine_run(const struct net *n)
{
    char log[96];
    int fd;

    snprintf(log, sizeof(log), "%s/engine.log", n->dir);
    fd = open(log, O_WRONLY | O_CREAT | O_APPEND, 0600);
    dup2(fd, 1);
    dup2(fd, 2);
    execl(n->tarn, n->tarn, "engine", "--create-wal-size=32M", "--listen=" ENGINE_ADDR ":" PORT,
          n->pool, NULL);
    _exit(127);
}

static int make_container(struct shared *s)
{
    daos_handle_t poh;
    int rc = daos_init();

    for (int i = 0; rc == 0 && i < 20; i++) {
        rc = daos_pool_connect(s->pool, NULL, DAOS_PC_RW, &poh, NULL, NULL);
        if (rc == 0)
            break;
        rc = i < 19 ? 0 : rc;
        usleep(100000);
    }
    if (rc == 0)
        rc = daos_cont_create_with_label(poh, "c", NULL, NULL, NULL);
    return rc == 0 ? daos_pool_disconnect(poh, NULL) : rc;
}

static void in_child(struct shared *s, int (*fn)(struct shared *s))
{
    int status = 0;
    pid_t pid = fork();

    if (pid == 0)
        _exit(fn(s) == 0 ? 0 : 1);
    if (waitpid(pid, &status, 0) != pid || status != 0)
        _exit(1);
}

/* The clients' side: writers and a checker until they are stopped; then, when it is said, a last
 * look. */
static void clients_run(struct shared *s, int fd)
{
    pid_t pid[SEATS];
    int status;
    char c;

    in_child(s, make_container);
    for (uint32_t i = 0; i < SEATS; i++) {
        pid[i] = fork();
        if (pid[i] == 0) {
            prctl(PR_SET_PDEATHSIG, SIGKILL);
            if (i < WRITERS)
                writer_run(s, i, i, i * 1000003 + 1);
            checker_run(s);
        }
    }
    for (uint32_t i = 0; i < SEATS; i++)
        if (waitpid(pid[i], &status, 0) != pid[i] || status != 0)
            _exit(1);
    if (read(fd, &c, 1) != 1)
        _exit(1);
    in_child(s, check_all);
    _exit(0);
}

/* ---- The driver ---- */

static void look(const struct net *n)
{
    int status;

    if (atomic_load(&n->s->errors) > 0)
        fail(n, "see above", (double)n->s->errors);
    if (waitpid(n->bridge, &status, WNOHANG) == n->bridge && WEXITSTATUS(status) == SKIPPED)
        exit(SKIPPED);
    if (waitpid(n->engine, &status, WNOHANG) == n->engine)
        fail(n, "the engine ended", status);
    if (waitpid(n->host, &status, WNOHANG) == n->host)
        fail(n, "the clients ended", status);
}

static double since(uint64_t ns)
{
    return (double)(clock_ns() - ns) / 1e9;
}

static void pass(const struct net *n, double s)
{
    for (uint64_t begun = clock_ns(); since(begun) < s; usleep(5000))
        look(n);
}

/* Something more is acknowledged to everybody's satisfaction: how long that took. */
static double await_more(const struct net *n, uint64_t more, double s)
{
    uint64_t begun = clock_ns(), from = atomic_load(&n->s->acked);

    for (; atomic_load(&n->s->acked) < from + more; usleep(5000)) {
        look(n);
        if (since(begun) > s)
            fail(n, "nothing is acknowledged, for so many seconds", since(begun));
    }
    return since(begun);
}

static void cut(const struct net *n, double s)
{
    double resumed;
    uint64_t acked;

    atomic_store(&n->b->cut, true);
    pass(n, 0.2);
    acked = atomic_load(&n->s->acked);
    pass(n, s - 0.2);
    if (atomic_load(&n->s->acked) != acked)
        fail(n, "acknowledged over a cut cable", (double)(n->s->acked - acked));
    atomic_store(&n->b->cut, false);
    resumed = await_more(n, 50, RESUME_S);
    printf("a cut of %.0f s: 50 changes more are acknowledged after %.2f s\n", s, resumed);
}

static void world_make(struct net *n)
{
    const char *tmp = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
    void *p = mmap(NULL, sizeof(*n->s) + sizeof(*n->b), PROT_READ | PROT_WRITE,
                   MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    int go_engine, go_clients;

    if (p == MAP_FAILED)
        skip("memory", errno);
    n->s = p;
    n->b = (struct bridge *)((char *)p + sizeof(*n->s));
    own_network();
    n->engine = host_new("a", ENGINE_ADDR, &go_engine);
    snprintf(n->dir, sizeof(n->dir), "%s/tarn-net-XXXXXX", tmp);
    if (n->engine == 0) { /* its directory is known when it begins */
        if (read(go_engine, n->dir, sizeof(n->dir)) != sizeof(n->dir))
            _exit(1);
        snprintf(n->pool, sizeof(n->pool), "%s/pool", n->dir);
        engine_run(n);
    }
    n->host = host_new("b", "10.99.0.2", &go_clients);
    snprintf(n->s->pool, sizeof(n->s->pool), "tcp://" ENGINE_ADDR ":" PORT);
    if (n->host == 0)
        clients_run(n->s, go_clients);
    ip("link add name ma type veth peer name a netns %d", (int)n->engine);
    ip("link add name mb type veth peer name b netns %d", (int)n->host);
    ip("link set dev ma up");
    ip("link set dev mb up");
    if (mkdtemp(n->dir) == NULL)
        skip(n->dir, errno);
    setenv("XDG_STATE_HOME", n->dir, 1);
    n->tell = go_clients;
    if (write(go_engine, "", 1) != 1 || write(go_engine, n->dir, sizeof(n->dir)) < 0 ||
        write(go_clients, "", 1) != 1)
        fail(n, "pipe", errno);
}

static void end(struct net *n)
{
    int status;
    char cmd[160];

    atomic_store(&n->s->stop, true);
    atomic_store(&n->b->clean, true); /* the last look is a long one */
    if (write(n->tell, "", 1) != 1 || waitpid(n->host, &status, 0) != n->host || status != 0)
        fail(n, "the last look", status);
    kill(n->engine, SIGTERM);
    if (waitpid(n->engine, &status, 0) != n->engine || status != 0)
        fail(n, "the engine's end", status);
    kill(n->bridge, SIGKILL);
    waitpid(n->bridge, NULL, 0);
    snprintf(cmd, sizeof(cmd), "%s check %s/pool >&2 && rm -rf %s", n->tarn, n->dir, n->dir);
    if (system(cmd) != 0)
        fail(n, "the pool is not whole", 0);
}

int main(int argc, char **argv)
{
    static struct net n;
    uint64_t seed, longest = 0;
    char path[PATH_MAX];
    double s;

    if (argc < 3 || realpath(argv[1], path) == NULL) {
        fprintf(stderr, "usage: engine_net TARN SECONDS-OF-THE-CUT [SEED]\n");
        return 2;
    }
    n.tarn = path;
    s = atof(argv[2]);
    seed = argc > 3 ? strtoull(argv[3], NULL, 10) : clock_ns() % 1000000;
    setvbuf(stdout, NULL, _IONBF, 0);
    printf("seed %llu\n", (unsigned long long)seed);
    world_make(&n);
    n.bridge = fork();
    if (n.bridge == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        bridge_run(n.b, seed);
    }
    await_more(&n, 100, 60);
    pass(&n, 3);
    cut(&n, s);
    pass(&n, 2);
    cut(&n, 1);
    pass(&n, 2);
    end(&n);
    for (uint32_t i = 0; i < SEATS; i++)
        if (n.s->seat[i].longest_ns > longest)
            longest = n.s->seat[i].longest_ns;
    printf("%llu frames carried, %llu lost, %llu cut off; %llu changes, %llu acknowledged, the "
           "longest "
           "call took %.1f s; all there\n",
           (unsigned long long)n.b->carried, (unsigned long long)n.b->lost,
           (unsigned long long)n.b->cut_off, (unsigned long long)n.s->recs,
           (unsigned long long)n.s->acked, (double)longest / 1e9);
    if ((double)longest / 1e9 > s + CUT_LATE_S || n.b->lost == 0)
        fail(&n, "the longest call, in s", (double)longest / 1e9);
    return 0;
}
