/*
 * Very many processes on one engine: all get their work done, those that idle cost it next to
 * nothing, and when they are gone, half of them killed, everything is given back.
 *
 * The engine is started with a limit of open files that is far too small, and raises it as far as
 * it may. In a second life it may not: who finds no room is told so in the log, once, and gets in
 * when others leave.
 *
 * usage: engine_many TARN CLIENTS
 */
#include <daos.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define WAIT_S      200u
#define KEYS        10u
#define SOFT_FILES  64u /* of the first engine, at first */
#define HARD_FILES  40u /* of the second one */
#define IDLE_SHARED (256u << 10)
#ifdef __SANITIZE_ADDRESS__ /* what it keeps of freed memory is the engine's too */
#define IDLE_OWN (256u << 10)
#else
#define IDLE_OWN (16u << 10)
#endif

/* All clients do this when it is said: connect, work, work again, end. */
enum phase { COME, WORK, AGAIN, END };

struct shared {
    char pool[256];
    _Atomic uint32_t done[END + 1], failed;
    _Atomic uint64_t mapped; /* shared memory that a client has touched, at most */
};

struct memory {
    uint64_t shared, own; /* bytes */
};

static struct shared *world;
static int gate[END + 1][2]; /* pipes: their end is the beginning of the phase */
static char dir[64];
static const char *tarn;
static pid_t engine;

static void fail(const char *what, long rc)
{
    char cmd[128];

    fprintf(stderr, "FAILED: %s: %ld\n", what, rc);
    snprintf(cmd, sizeof(cmd), "tail -n 10 %s/engine.log >&2", dir);
    if (getpid() != engine && system(cmd) != 0)
        fprintf(stderr, "no log\n");
    exit(1);
}

static double seconds(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

/* Shared: what lies in memfds, which is what connections are made of; the pool's files are mapped
 * too. */
static struct memory memory_of(pid_t pid)
{
    struct memory m = {0, 0};
    unsigned long long kib;
    char path[64], line[512], perms[5];
    bool memfd = false;
    FILE *f;

    snprintf(path, sizeof(path), "/proc/%d/smaps", (int)pid);
    f = fopen(path, "r");
    while (f != NULL && fgets(line, sizeof(line), f) != NULL) {
        if (sscanf(line, "%*x-%*x %4s", perms) == 1)
            memfd = strstr(line, "/memfd:") != NULL;
        if (sscanf(line, "Rss: %llu", &kib) == 1 && memfd)
            m.shared += kib << 10;
        if (sscanf(line, "Anonymous: %llu", &kib) == 1)
            m.own += kib << 10;
    }
    if (f != NULL)
        fclose(f);
    return m;
}

/* ---- Clients ---- */

static void must(const char *what, int rc)
{
    if (rc == 0)
        return;
    fprintf(stderr, "process %d: %s: %d\n", (int)getpid(), what, rc);
    atomic_fetch_add(&world->failed, 1);
    _exit(1);
}

static void await_phase(enum phase p)
{
    char c;

    atomic_fetch_add(&world->done[p - 1], 1);
    must("wait", read(gate[p][0], &c, 1) == 0 ? 0 : errno);
}

static void work(daos_handle_t kv, uint32_t who, uint32_t round)
{
    char key[64], value[9000], got[9000];

    for (uint32_t i = 0; i < KEYS; i++) {
        size_t len = i == 0 ? sizeof(value) : 100;
        daos_size_t size = sizeof(got);

        snprintf(key, sizeof(key), "%u.%u.%u", who, round, i);
        memset(value, (int)(who + round + i), len);
        must("put", daos_kv_put(kv, DAOS_TX_NONE, DAOS_COND_KEY_INSERT, key, len, value, NULL));
        must("get", daos_kv_get(kv, DAOS_TX_NONE, DAOS_COND_KEY_GET, key, &size, got, NULL));
        must("compare", size != len || memcmp(value, got, len) != 0);
    }
}

static void client(uint32_t who)
{
    daos_handle_t poh, coh, kv;
    daos_obj_id_t oid = {.lo = 1};
    uint64_t mapped;

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (int p = WORK; p <= END; p++)
        close(gate[p][1]);
    must("init", daos_init());
    must("connect", daos_pool_connect(world->pool, NULL, DAOS_PC_RW, &poh, NULL, NULL));
    mapped = memory_of(getpid()).shared;
    if (mapped > atomic_load(&world->mapped))
        atomic_store(&world->mapped, mapped);
    await_phase(WORK);
    must("open", daos_cont_open(poh, "c", DAOS_COO_RW, &coh, NULL, NULL));
    must("oid", daos_obj_generate_oid(coh, &oid, DAOS_OT_KV_HASHED, OC_S1, 0, 0));
    must("kv", daos_kv_open(coh, oid, DAOS_OO_RW, &kv, NULL));
    work(kv, who, 0);
    await_phase(AGAIN);
    work(kv, who, 1);
    await_phase(END);
    if (who % 2 != 0)
        kill(getpid(), SIGKILL);
    must("kv close", daos_kv_close(kv, NULL));
    must("close", daos_cont_close(coh, NULL));
    must("disconnect", daos_pool_disconnect(poh, NULL));
    must("fini", daos_fini());
    _exit(0);
}

static int make_container(void)
{
    daos_handle_t poh;
    int rc = daos_init();

    if (rc == 0)
        rc = daos_pool_connect(world->pool, NULL, DAOS_PC_RW, &poh, NULL, NULL);
    if (rc == 0)
        rc = daos_cont_create_with_label(poh, "c", NULL, NULL, NULL);
    return rc == 0 ? daos_pool_disconnect(poh, NULL) : rc;
}

/* Nobody has a handle any more: it can be had alone. */
static int open_alone(void)
{
    daos_handle_t poh;
    int rc = daos_init(), tries = 2000;

    while (rc == 0 &&
           (rc = daos_pool_connect(world->pool, NULL, DAOS_PC_EX, &poh, NULL, NULL)) == -DER_BUSY &&
           --tries > 0) {
        usleep(5000);
        rc = 0;
    }
    return rc == 0 ? daos_pool_disconnect(poh, NULL) : rc;
}

static void in_child(int (*fn)(void), const char *what)
{
    int status = 0;
    pid_t pid = fork();

    if (pid == 0)
        _exit(fn() == 0 ? 0 : 1);
    if (waitpid(pid, &status, 0) != pid || status != 0)
        fail(what, status);
}

/* ---- The engine ---- */

static void engine_start(rlim_t soft, rlim_t hard)
{
    char log[96], sock[300];
    struct rlimit lim = {soft, hard};
    int fd;

    snprintf(log, sizeof(log), "%s/engine.log", dir);
    snprintf(sock, sizeof(sock), "%s/engine.sock", world->pool);
    engine = fork();
    if (engine == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        fd = open(log, O_WRONLY | O_CREAT | O_APPEND, 0600);
        dup2(fd, 1);
        dup2(fd, 2);
        unsetenv("MALLOC_PERTURB_"); /* meson's; it touches memory that nobody else would */
        if (setrlimit(RLIMIT_NOFILE, &lim) == 0)
            execl(tarn, tarn, "engine", "--create-wal-size=32M", world->pool, NULL);
        _exit(127);
    }
    for (int i = 0; access(sock, F_OK) != 0; usleep(10000))
        if (++i > 2000)
            fail("the engine does not start", i);
}

static void engine_end(void)
{
    int status;

    kill(engine, SIGTERM);
    if (waitpid(engine, &status, 0) != engine || status != 0)
        fail("the engine's end", status);
}

static void phase_await(enum phase p, uint32_t nr)
{
    double begun = seconds();

    while (atomic_load(&world->done[p]) < nr) {
        if (atomic_load(&world->failed) > 0)
            fail("a client", (long)world->failed);
        if (seconds() - begun > WAIT_S)
            fail("clients that have come so far", (long)world->done[p]);
        usleep(5000);
    }
}

static uint64_t each(uint64_t before, uint64_t after, uint32_t nr)
{
    return after > before ? (after - before) / nr : 0;
}

static void say(const char *what, struct memory from, struct memory to, uint32_t nr)
{
    printf("%s: %.1f KiB shared, %.1f KiB of its own for each client\n", what,
           (double)each(from.shared, to.shared, nr) / 1024,
           (double)each(from.own, to.own, nr) / 1024);
}

/* ---- Scenes ---- */

static uint32_t reap(const pid_t *pid, uint32_t nr)
{
    uint32_t killed = 0;

    for (uint32_t i = 0; i < nr; i++) {
        int status;

        if (waitpid(pid[i], &status, 0) != pid[i] ||
            !(WIFEXITED(status) ? WEXITSTATUS(status) == 0 && i % 2 == 0
                                : WTERMSIG(status) == SIGKILL && i % 2 != 0))
            fail("how a client ended", status);
        killed += WIFSIGNALED(status);
    }
    return killed;
}

static void very_many(uint32_t nr)
{
    struct memory empty, idle, worked, after;
    pid_t *pid = calloc(nr, sizeof(*pid));
    double begun = seconds(), came;
    struct rlimit lim;

    if (getrlimit(RLIMIT_NOFILE, &lim) != 0 || lim.rlim_max < nr + 64)
        fail("the limit of open files (ulimit -Hn) allows no such number of clients",
             (long)lim.rlim_max);
    engine_start(SOFT_FILES, lim.rlim_max);
    in_child(make_container, "a container is made");
    empty = memory_of(engine);
    for (uint32_t i = 0; i < nr; i++) {
        pid[i] = fork();
        if (pid[i] == 0)
            client(i);
    }
    phase_await(COME, nr);
    came = seconds();
    idle = memory_of(engine);
    close(gate[WORK][1]);
    phase_await(WORK, nr);
    worked = memory_of(engine);
    close(gate[AGAIN][1]);
    phase_await(AGAIN, nr);
    close(gate[END][1]);
    printf("%u clients, %u of them killed at the end; come after %.1f s, done after %.1f s\n", nr,
           reap(pid, nr), came - begun, seconds() - begun);
    in_child(open_alone, "handles of all are closed");
    for (int i = 0; i < 200 && memory_of(engine).shared > empty.shared + IDLE_SHARED; i++)
        usleep(50000);
    after = memory_of(engine);
    say("idle", empty, idle, nr);
    say("idle after work", empty, worked, nr);
    printf("the engine: %.1f MiB shared and %.1f MiB of its own before, %.1f and %.1f after\n",
           (double)empty.shared / 1048576, (double)empty.own / 1048576,
           (double)after.shared / 1048576, (double)after.own / 1048576);
    printf("a client has touched %.1f KiB of it at most\n", (double)world->mapped / 1024);
    if (each(empty.shared, idle.shared, nr) + world->mapped > IDLE_SHARED ||
        each(empty.own, idle.own, nr) > IDLE_OWN)
        fail("an idle client costs too much", (long)each(empty.own, idle.own, nr));
    if (after.shared > empty.shared + IDLE_SHARED)
        fail("shared memory that is not given back", (long)after.shared);
    engine_end();
    free(pid);
}

static uint32_t count_lines(const char *text)
{
    char path[96], line[1024];
    uint32_t nr = 0;
    FILE *f;

    snprintf(path, sizeof(path), "%s/engine.log", dir);
    f = fopen(path, "r");
    while (f != NULL && fgets(line, sizeof(line), f) != NULL)
        nr += strstr(line, text) != NULL;
    if (f != NULL)
        fclose(f);
    return nr;
}

/* More than there is room for, and nobody waits for anybody: the first ones stay connected, the
 * others wait, and get in as those leave.
 */
static void too_many(void)
{
    uint32_t nr = HARD_FILES + 20;
    pid_t *pid = calloc(nr, sizeof(*pid));
    double begun = seconds();

    memset(world->done, 0, sizeof(world->done));
    engine_start(HARD_FILES, HARD_FILES);
    kill(engine, SIGSTOP); /* all of them are at its door */
    for (uint32_t i = 0; i < nr; i++) {
        pid[i] = fork();
        if (pid[i] == 0)
            client(1000000 + 2 * i);
    }
    usleep(300000);
    kill(engine, SIGCONT);
    for (uint32_t i = 0; i < nr; i++) {
        int status;

        if (waitpid(pid[i], &status, 0) != pid[i] || status != 0)
            fail("a client that had to wait", status);
    }
    printf("%u clients of an engine that may have %u files: done after %.1f s\n", nr, HARD_FILES,
           seconds() - begun);
    if (count_lines("cannot take") != 1)
        fail("lines of the log about too many clients", (long)count_lines("cannot take"));
    engine_end();
    free(pid);
}

int main(int argc, char **argv)
{
    char cmd[128], path[PATH_MAX];
    const char *tmp = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";

    if (argc < 3 || realpath(argv[1], path) == NULL) {
        fprintf(stderr, "usage: engine_many TARN CLIENTS\n");
        return 2;
    }
    tarn = path;
    setvbuf(stdout, NULL, _IONBF, 0);
    world = mmap(NULL, sizeof(*world), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    snprintf(dir, sizeof(dir), "%s/tarn-many-XXXXXX", tmp);
    if (world == MAP_FAILED || mkdtemp(dir) == NULL)
        fail("a place for the pool", errno);
    snprintf(world->pool, sizeof(world->pool), "%s/pool", dir);
    setenv("XDG_STATE_HOME", dir, 1);
    for (int p = WORK; p <= END; p++)
        if (pipe2(gate[p], O_CLOEXEC) != 0)
            fail("pipe", errno);
    very_many((uint32_t)atoi(argv[2]));
    too_many();
    snprintf(cmd, sizeof(cmd), "rm -rf %s", dir);
    return system(cmd) == 0 ? 0 : 1;
}
