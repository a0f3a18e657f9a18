/*
 * Transactions over the targets of a pool, by threads of several processes, where any process is
 * killed at any moment, the engine too. Whoever calls next starts the next engine. What must hold
 * is said by the workloads (tx_kill_bank.c, tx_kill_unique.c); beyond that everybody gets on after
 * each death. An engine may also stand still until nobody waits for its answers any longer, and
 * then go on with what it has.
 *
 * All are killed in the order that the seed says; when exactly is up to the machine.
 *
 * usage: tx_kill TARN bank|unique KILLS [STALLS [SEED]]
 */
#include "tx_kill.h"

#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define HANG_S   120u
#define STALL_S  61u /* longer than anybody waits for an answer */
#define PROGRESS 15u /* acknowledged between two kills, at least */

struct driver {
    struct shared *s;
    const struct workload *w;
    const char *tarn;
    char dir[64];
    uint64_t seed;
    uint32_t kills, killed_engines, killed_workers;
    pid_t worker[WORKERS], auditor;
    bool killed[WORKERS]; /* by us */
    bool ending;
};

static uint64_t clock_ms(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000u + (uint64_t)ts.tv_nsec / 1000000u;
}

static bool is_engine(const struct driver *d, pid_t pid)
{
    char path[64], text[1024];
    ssize_t n;
    int fd;

    snprintf(path, sizeof(path), "/proc/%d/cmdline", (int)pid);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    n = fd >= 0 ? read(fd, text, sizeof(text)) : -1;
    if (fd >= 0)
        close(fd);
    return n > 0 && memmem(text, (size_t)n, "engine", 6) != NULL &&
           memmem(text, (size_t)n, d->s->pool, strlen(d->s->pool)) != NULL;
}

/* Who has the pool, whoever started it. 0: nobody. */
static pid_t engine_pid(const struct driver *d)
{
    char path[320], text[32] = "";
    ssize_t n = -1;
    pid_t pid;
    int fd;

    snprintf(path, sizeof(path), "%s/lock", d->s->pool);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd >= 0) {
        n = read(fd, text, sizeof(text) - 1);
        close(fd);
    }
    pid = n > 0 ? atoi(text) : 0;
    return pid > 0 && is_engine(d, pid) ? pid : 0;
}

static void __attribute__((format(printf, 2, 3), noreturn))
fail(struct driver *d, const char *f, ...)
{
    va_list ap;

    fprintf(stderr, "FAILED after %u kills: ", d->kills);
    va_start(ap, f);
    vfprintf(stderr, f, ap);
    va_end(ap);
    fprintf(stderr, "\nthe pool stays in %s\n", d->dir);
    if (d->s != NULL && engine_pid(d) != 0)
        kill(engine_pid(d), SIGKILL);
    for (uint32_t i = 0; i < WORKERS; i++)
        if (d->worker[i] > 0)
            kill(d->worker[i], SIGKILL);
    if (d->auditor > 0)
        kill(d->auditor, SIGKILL);
    exit(1);
}

static uint32_t draw(struct driver *d, uint32_t below)
{
    return (uint32_t)(mix(d->seed++) % below);
}

/* ---- Processes ---- */

static void worker_start(struct driver *d, uint32_t i)
{
    uint64_t seed = mix(d->seed++);

    d->killed[i] = false;
    d->worker[i] = fork();
    if (d->worker[i] == 0)
        worker_run(d->s, d->w, seed);
}

static void worker_ended(struct driver *d, uint32_t i, int status)
{
    d->worker[i] = 0;
    if (!d->killed[i] && !(d->ending && status == 0))
        fail(d, "worker %u ended by itself, status 0x%x", i, (unsigned)status);
    if (!d->ending)
        worker_start(d, i);
}

/* Whatever has ended; also engines, which those who were killed had started. (SIGPIPE: a command
 * that begins an engine, and told somebody who was killed that it could not.) */
static void look(struct driver *d)
{
    int status;
    pid_t pid;

    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        uint32_t i = 0;

        while (i < WORKERS && d->worker[i] != pid)
            i++;
        if (i < WORKERS)
            worker_ended(d, i, status);
        else if (pid == d->auditor && !(d->ending && status == 0))
            fail(d, "the auditor ended, status 0x%x", (unsigned)status);
        else if (pid == d->auditor)
            d->auditor = 0;
        else if (WIFSIGNALED(status) && WTERMSIG(status) != SIGKILL && WTERMSIG(status) != SIGPIPE)
            fail(d, "process %d, an engine, ended by signal %d", (int)pid, WTERMSIG(status));
    }
    if (atomic_load(&d->s->errors) > 0)
        fail(d, "see above");
}

#define AWAIT(d, cond, what)                                                                       \
    do {                                                                                           \
        uint64_t begun_ = clock_ms();                                                              \
        while (!(cond)) {                                                                          \
            look(d);                                                                               \
            usleep(500);                                                                           \
            if (clock_ms() - begun_ > HANG_S * 1000u)                                              \
                fail(d, "never: %s (engine %d)", what, (int)engine_pid(d));                        \
        }                                                                                          \
    } while (0)

/* fn in a process of its own: what libdaos leaves in a process is not ours. */
static void in_child(struct driver *d, void (*fn)(struct shared *s, const struct workload *w),
                     const char *what)
{
    pid_t pid;
    int status = 0;

    fflush(stdout);
    pid = fork();
    if (pid == 0)
        fn(d->s, d->w);
    if (waitpid(pid, &status, 0) != pid || status != 0)
        fail(d, "%s: status 0x%x", what, (unsigned)status);
}

/* ---- Killing ---- */

static void kill_engine(struct driver *d)
{
    pid_t pid = engine_pid(d);

    if (pid == 0 || kill(pid, SIGKILL) != 0)
        return; /* it is being started */
    AWAIT(d, kill(pid, 0) != 0 || !is_engine(d, pid), "a killed engine is gone");
    atomic_fetch_add(&d->s->deaths, 1);
    d->killed_engines++;
    d->kills++;
}

static void kill_worker(struct driver *d)
{
    uint32_t i = draw(d, WORKERS);

    if (d->worker[i] == 0 || d->killed[i])
        return;
    d->killed[i] = true;
    kill(d->worker[i], SIGKILL);
    d->killed_workers++;
    d->kills++;
}

/* Between two kills something is acknowledged and looked at; one in four comes on top of another,
 * while what that one left is being settled. */
static void kill_some(struct driver *d, uint32_t kills)
{
    while (d->kills < kills) {
        uint64_t acked = atomic_load(&d->s->acked) + PROGRESS;
        uint64_t audits = atomic_load(&d->s->audits) + 1;

        if (draw(d, 4) != 0)
            AWAIT(d, atomic_load(&d->s->acked) >= acked && atomic_load(&d->s->audits) >= audits,
                  "work goes on after a death");
        usleep(draw(d, 30000));
        look(d);
        if (draw(d, 2) == 0)
            kill_worker(d);
        else
            kill_engine(d);
    }
}

/* Whoever had sent something must not know what became of it. */
static void stall(struct driver *d)
{
    uint64_t acked = atomic_load(&d->s->acked) + PROGRESS;
    pid_t pid;

    AWAIT(d, atomic_load(&d->s->acked) >= acked && (pid = engine_pid(d)) != 0, "work goes on");
    kill(pid, SIGSTOP);
    for (uint64_t until = clock_ms() + STALL_S * 1000u + draw(d, 3000); clock_ms() < until;) {
        look(d);
        usleep(10000);
    }
    kill(pid, SIGCONT);
}

static void stop_all(struct driver *d)
{
    uint32_t left;

    d->ending = true;
    atomic_store(&d->s->stop, true);
    do {
        look(d);
        usleep(500);
        left = d->auditor != 0;
        for (uint32_t i = 0; i < WORKERS; i++)
            left += d->worker[i] != 0;
    } while (left != 0);
}

static void end_engine(struct driver *d)
{
    pid_t pid = engine_pid(d);
    char cmd[1024];

    if (pid == 0 || kill(pid, SIGTERM) != 0)
        fail(d, "there is no engine");
    AWAIT(d, engine_pid(d) == 0, "the engine ends");
    snprintf(cmd, sizeof(cmd),
             "%s check %s >%s/check.out 2>&1 || { cat %s/check.out >&2; exit 1; }", d->tarn,
             d->s->pool, d->dir, d->dir);
    if (system(cmd) != 0)
        fail(d, "the pool is not whole");
}

/* ---- Life ---- */

static void world_make(struct driver *d)
{
    const char *tmp = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
    char cmd[1024];

    d->s = mmap(NULL, sizeof(*d->s), PROT_READ | PROT_WRITE,
                MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    snprintf(d->dir, sizeof(d->dir), "%s/tarn-tx-XXXXXX", tmp);
    if (d->s == MAP_FAILED || mkdtemp(d->dir) == NULL) {
        perror("tx_kill");
        exit(1);
    }
    snprintf(d->s->pool, sizeof(d->s->pool), "%s/pool", d->dir);
    setenv("XDG_STATE_HOME", d->dir, 1);
    setenv("TARN_BACKGROUND", "1", 1);
    setenv("TARN_ENGINE", d->tarn, 1);
    setenv("TARN_IDLE_EXIT", "10m", 1);
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    snprintf(cmd, sizeof(cmd), "%s pool create %s --targets 3 --wal-size 16M >/dev/null", d->tarn,
             d->s->pool);
    if (system(cmd) != 0)
        fail(d, "no pool");
    in_child(d, make_run, "what is there at first is made");
}

static void run(struct driver *d, uint32_t kills, uint32_t stalls)
{
    d->auditor = fork();
    if (d->auditor == 0)
        auditor_run(d->s, d->w, d->seed);
    for (uint32_t i = 0; i < WORKERS; i++)
        worker_start(d, i);
    AWAIT(d, atomic_load(&d->s->acked) > 0, "something is acknowledged");
    kill_some(d, kills);
    while (stalls-- > 0)
        stall(d);
    stop_all(d);
    in_child(d, check_run, "everything is there");
    kill_engine(d);
    in_child(d, check_run, "everything is there after one more death");
    end_engine(d);
}

int main(int argc, char **argv)
{
    static struct driver d;
    uint64_t begun = clock_ms();
    char cmd[128], tarn[PATH_MAX];

    if (argc < 4 || realpath(argv[1], tarn) == NULL) {
        fprintf(stderr, "usage: tx_kill TARN bank|unique KILLS [STALLS [SEED]]\n");
        return 2;
    }
    d.tarn = tarn;
    d.w = strcmp(argv[2], "bank") == 0 ? &bank_workload : &unique_workload;
    d.seed = argc > 5 ? strtoull(argv[5], NULL, 10) : clock_ms() % 1000000 + 1;
    printf("seed %llu\n", (unsigned long long)d.seed);
    fflush(stdout);
    d.seed = mix(d.seed);
    world_make(&d);
    run(&d, (uint32_t)atoi(argv[3]), argc > 4 ? (uint32_t)atoi(argv[4]) : 0);
    printf(
        "%s: %u kills in %.1f s (%u of the engine, %u of workers): %llu begun, %llu acknowledged, "
        "%llu refused, %llu uncertain of which %llu had not happened, %llu late; %llu audits; all "
        "there\n",
        d.w->name, d.kills, (double)(clock_ms() - begun) / 1e3, d.killed_engines, d.killed_workers,
        (unsigned long long)d.s->attempts, (unsigned long long)d.s->acked,
        (unsigned long long)d.s->refused, (unsigned long long)d.s->uncertain,
        (unsigned long long)d.s->again, (unsigned long long)d.s->late,
        (unsigned long long)d.s->audits);
    snprintf(cmd, sizeof(cmd), "rm -rf %s", d.dir);
    return system(cmd) == 0 && d.s->acked > 0 ? 0 : 1;
}
