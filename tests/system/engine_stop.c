/*
 * Processes that are stopped (SIGSTOP), which from outside is death without an end:
 *
 *   a client that has ten thousand requests under way and reads no answer: others are served as
 * before, the engine's memory stays bounded, and the client goes on where it was the engine:
 * clients wait, and go on with it; beyond the deadline each call ends with the error that it
 * should, at the time when it should, and the next one works
 *
 * usage: engine_stop TARN SECONDS    how long they are stopped; above 60 the deadline passes
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
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define DEADLINE_S  60.0
#define LATE_S      4.0 /* that an answer may come after what it waited for */
#define BYSTANDERS  3u
#define CALLS       10000u
#define VALUE       4096u
#define SMALL       64u
#define KEY_BYTES   UINT64_C(1024)       /* that one of their keys takes, at most */
#define ENGINE_MORE (UINT64_C(32) << 20) /* memory that the engine may take for all of it */
#define SLOW_S      2.0                  /* longest call of who is not stopped */

struct shared {
    char pool[256];
    _Atomic bool stop;
    _Atomic uint32_t failed, launched, ended, late, done[BYSTANDERS];
    _Atomic uint64_t longest_us[BYSTANDERS];
};

struct user {
    daos_handle_t poh, coh, kv;
};

static struct shared *world;
static char dir[64];
static const char *tarn;
static pid_t engine;

static double seconds(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static void fail(const char *what, long n)
{
    fprintf(stderr, "FAILED: %s: %ld (process %d)\n", what, n, (int)getpid());
    atomic_fetch_add(&world->failed, 1);
    exit(1);
}

static void must(const char *what, int rc)
{
    if (rc != 0)
        fail(what, rc);
}

/* ---- Clients ---- */

static void come(struct user *u)
{
    daos_obj_id_t oid = {.lo = 1};
    int rc;

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    must("init", daos_init());
    must("connect", daos_pool_connect(world->pool, NULL, DAOS_PC_RW, &u->poh, NULL, NULL));
    rc = daos_cont_create_with_label(u->poh, "c", NULL, NULL, NULL);
    must("create", rc == -DER_EXIST ? 0 : rc);
    must("open", daos_cont_open(u->poh, "c", DAOS_COO_RW, &u->coh, NULL, NULL));
    must("oid", daos_obj_generate_oid(u->coh, &oid, DAOS_OT_KV_HASHED, OC_S1, 0, 0));
    must("kv", daos_kv_open(u->coh, oid, DAOS_OO_RW, &u->kv, NULL));
}

static void leave(struct user *u)
{
    must("kv close", daos_kv_close(u->kv, NULL));
    must("close", daos_cont_close(u->coh, NULL));
    must("disconnect", daos_pool_disconnect(u->poh, NULL));
    must("fini", daos_fini());
    _exit(0);
}

/* One put or get; how long it took. Errors are those of a deadline that has passed. */
static double call(struct user *u, const char *key, bool put, int *rc)
{
    static char value[VALUE];
    daos_size_t size = key[0] == 'g' ? VALUE : SMALL, len = size;
    double begun = seconds();

    memset(value, key[1], size);
    *rc = put ? daos_kv_put(u->kv, DAOS_TX_NONE, 0, key, size, value, NULL)
              : daos_kv_get(u->kv, DAOS_TX_NONE, 0, key, &len, value, NULL);
    if (*rc == 0 && !put && (len != size || value[size - 1] != key[1]))
        fail("what was read", (long)len);
    return seconds() - begun;
}

static void bystander(uint32_t who)
{
    struct user u;
    char key[32];

    come(&u);
    for (uint32_t i = 0; !atomic_load(&world->stop); i++) {
        double took;
        int rc;

        snprintf(key, sizeof(key), "b%u.%u", who, i / 2);
        took = call(&u, key, i % 2 == 0, &rc);
        if (rc != 0 && rc != (i % 2 == 0 ? -DER_TX_UNCERTAIN : -DER_TIMEDOUT))
            fail("a call's answer", rc);
        if (rc != 0) {
            atomic_fetch_add(&world->late, 1);
            if (took < DEADLINE_S || took > DEADLINE_S + LATE_S)
                fail("when a call ended whose deadline passed, in s", (long)took);
            i |= 1; /* whether it was put is not known */
        }
        if ((uint64_t)(took * 1e6) > atomic_load(&world->longest_us[who]))
            atomic_store(&world->longest_us[who], (uint64_t)(took * 1e6));
        atomic_fetch_add(&world->done[who], 1);
        usleep(500);
    }
    leave(&u);
}

struct one {
    daos_event_t ev;
    daos_size_t len;
    char value[VALUE];
};

/* Asks for more than ever fits, looks at nothing until it is told, and then at everything. */
static void greedy(void)
{
    struct one *all = calloc(CALLS, sizeof(*all));
    daos_event_t *done[64];
    uint32_t late = 0;
    daos_handle_t eq;
    struct user u;
    int rc;

    come(&u);
    call(&u, "greedy", true, &rc);
    must("put", rc);
    must("queue", daos_eq_create(&eq));
    for (uint32_t i = 0; i < CALLS; i++) {
        all[i].len = VALUE;
        must("event", daos_event_init(&all[i].ev, eq, NULL));
        must("launch",
             daos_kv_get(u.kv, DAOS_TX_NONE, 0, "greedy", &all[i].len, all[i].value, &all[i].ev));
        atomic_fetch_add(&world->launched, 1);
    }
    raise(SIGSTOP);
    for (uint32_t nr = 0; nr < CALLS;) {
        int n = daos_eq_poll(eq, 1, DAOS_EQ_WAIT, 64, done);

        if (n < 0)
            fail("poll", n);
        for (int k = 0; k < n; k++) {
            struct one *o = (struct one *)done[k];

            if (o->ev.ev_error != 0 && o->ev.ev_error != -DER_TIMEDOUT)
                fail("an answer", o->ev.ev_error);
            if (o->ev.ev_error == 0 && (o->len != VALUE || o->value[VALUE - 1] != 'r'))
                fail("what was read", (long)o->len);
            late += o->ev.ev_error != 0;
            daos_event_fini(done[k]);
        }
        nr += (uint32_t)n;
        atomic_store(&world->ended, nr);
    }
    printf("%u requests of a client that was stopped: %u answered, %u past their deadline\n", CALLS,
           CALLS - late, late);
    fflush(stdout);
    call(&u, "greedy", false, &rc);
    must("and again", rc);
    must("queue", daos_eq_destroy(eq, 0));
    leave(&u);
}

/* ---- The driver ---- */

static void engine_start(void)
{
    char log[96], sock[300];
    int fd;

    snprintf(log, sizeof(log), "%s/engine.log", dir);
    snprintf(sock, sizeof(sock), "%s/engine.sock", world->pool);
    engine = fork();
    if (engine == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        fd = open(log, O_WRONLY | O_CREAT | O_APPEND, 0600);
        dup2(fd, 1);
        dup2(fd, 2);
        execl(tarn, tarn, "engine", "--create-wal-size=32M", world->pool, NULL);
        _exit(127);
    }
    for (int i = 0; access(sock, F_OK) != 0; usleep(10000))
        if (++i > 2000)
            fail("the engine does not start", i);
}

static uint64_t engine_memory(void)
{
    unsigned long long kib = 0, v;
    char path[64], line[256];
    FILE *f;

    snprintf(path, sizeof(path), "/proc/%d/status", (int)engine);
    f = fopen(path, "r");
    while (f != NULL && fgets(line, sizeof(line), f) != NULL)
        if (sscanf(line, "RssAnon: %llu", &v) == 1 || sscanf(line, "RssShmem: %llu", &v) == 1)
            kib += v;
    if (f != NULL)
        fclose(f);
    return kib << 10;
}

static uint32_t all_done(void)
{
    uint32_t nr = 0;

    for (uint32_t i = 0; i < BYSTANDERS; i++)
        nr += atomic_load(&world->done[i]);
    return nr;
}

/* Every bystander does a few things from now on. */
static void await_work(double s)
{
    uint32_t from[BYSTANDERS];
    double begun = seconds();

    for (uint32_t i = 0; i < BYSTANDERS; i++)
        from[i] = atomic_load(&world->done[i]);
    for (uint32_t i = 0; i < BYSTANDERS; i++)
        for (; atomic_load(&world->done[i]) < from[i] + 10; usleep(1000))
            if (atomic_load(&world->failed) > 0 || seconds() - begun > s)
                fail("a client that gets nothing done", i);
}

static double longest(void)
{
    uint64_t us = 0;

    for (uint32_t i = 0; i < BYSTANDERS; i++) {
        if (world->longest_us[i] > us)
            us = world->longest_us[i];
        world->longest_us[i] = 0;
    }
    return (double)us / 1e6;
}

static void sleep_s(double s)
{
    for (double until = seconds() + s; seconds() < until; usleep(10000))
        if (atomic_load(&world->failed) > 0)
            fail("see above", 0);
}

static void a_client(double s)
{
    uint64_t before, most;
    uint32_t done;
    int status;
    pid_t pid;

    await_work(20);
    before = engine_memory();
    pid = fork();
    if (pid == 0)
        greedy();
    for (double begun = seconds(); waitpid(pid, &status, WNOHANG | WUNTRACED) != pid; usleep(1000))
        if (seconds() - begun > 60)
            fail("requests that were launched", (long)world->launched);
    if (!WIFSTOPPED(status))
        fail("the greedy client", status);
    longest();
    done = all_done();
    sleep_s(s);
    await_work(10);
    most = engine_memory();
    printf("a client stopped for %.0f s: the others did %u things, the longest took %.3f s; the "
           "engine "
           "took %.1f MiB more\n",
           s, all_done() - done, longest(), (double)(most - before) / 1048576);
    if (most > before + ENGINE_MORE + (all_done() - done) * KEY_BYTES)
        fail("memory of the engine", (long)most);
    kill(pid, SIGCONT);
    if (waitpid(pid, &status, 0) != pid || status != 0 || world->ended != CALLS)
        fail("the client that was stopped", status);
}

static void the_engine(double s)
{
    uint32_t late = world->late;
    double most;

    await_work(20);
    longest();
    kill(engine, SIGSTOP);
    sleep_s(s);
    kill(engine, SIGCONT);
    await_work(20);
    most = longest();
    late = world->late - late;
    printf(
        "the engine stopped for %.0f s: the longest call took %.1f s, %u ended by their deadline\n",
        s, most, late);
    if (most < (s < DEADLINE_S ? s - 1 : DEADLINE_S) ||
        most > (s < DEADLINE_S ? s : DEADLINE_S) + LATE_S)
        fail("how long a call took, in s", (long)most);
    if (s > DEADLINE_S ? late == 0 : late != 0)
        fail("calls that ended by their deadline", late);
}

int main(int argc, char **argv)
{
    const char *tmp = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
    char cmd[128], path[PATH_MAX];
    pid_t pid[BYSTANDERS];
    double s, worst;
    int status;

    if (argc < 3 || realpath(argv[1], path) == NULL) {
        fprintf(stderr, "usage: engine_stop TARN SECONDS\n");
        return 2;
    }
    tarn = path;
    s = atof(argv[2]);
    setvbuf(stdout, NULL, _IONBF, 0);
    world = mmap(NULL, sizeof(*world), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    snprintf(dir, sizeof(dir), "%s/tarn-stop-XXXXXX", tmp);
    if (world == MAP_FAILED || mkdtemp(dir) == NULL) {
        perror("engine_stop");
        return 1;
    }
    snprintf(world->pool, sizeof(world->pool), "%s/pool", dir);
    setenv("XDG_STATE_HOME", dir, 1);
    engine_start();
    for (uint32_t i = 0; i < BYSTANDERS; i++) {
        pid[i] = fork();
        if (pid[i] == 0)
            bystander(i);
    }
    a_client(s);
    worst = longest();
    if (worst > SLOW_S)
        fail("the longest call of a bystander, in s", (long)worst);
    the_engine(s);
    atomic_store(&world->stop, true);
    for (uint32_t i = 0; i < BYSTANDERS; i++)
        if (waitpid(pid[i], &status, 0) != pid[i] || status != 0)
            fail("a bystander", status);
    kill(engine, SIGTERM);
    if (waitpid(engine, &status, 0) != engine || status != 0)
        fail("the engine", status);
    snprintf(cmd, sizeof(cmd), "rm -rf %s", dir);
    return system(cmd) == 0 ? 0 : 1;
}
