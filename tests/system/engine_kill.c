/*
 * An engine that many processes share, where any of them is killed at any moment: writers, the
 * engine, one that is just starting. What must hold:
 *
 *   - every acknowledged change is there after each death of the engine, byte for byte; nothing is
 * there that nobody wrote; nothing is carried out twice (engine_kill.h says how each of these would
 * show);
 *   - no call takes longer than HANG_S, far below its deadline, because an engine always comes
 * back;
 *   - nothing stays: neither handles, memory nor descriptors in the engine, sockets, files,
 * processes.
 *
 * Engines are started by this program, and by whoever opens the pool while there is none. All are
 * killed in the order that the seed says; when exactly is up to the machine.
 *
 * usage: engine_kill TARN KILLS [SEED]
 */
#include "engine_kill.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <daos.h>

#define HANG_S     30u
#define NS_PER_S   UINT64_C(1000000000)
#define BUSY       6 /* exit status: another engine has the pool */
#define LAST_KILLS 20u

struct driver {
    struct shared *s;
    const char *tarn;
    char dir[64], lock[288];
    uint64_t seed;
    uint32_t lives, kills, killed_writers, killed_engines;
    pid_t engine; /* started here; 0: none */
    pid_t writer[WRITERS], checker;
    bool killed[WRITERS]; /* by us */
    uint64_t none_since_ns;
    bool ending;
};

/* ---- Failing ---- */

static void tail_log(const struct driver *d)
{
    char cmd[256];

    snprintf(cmd, sizeof(cmd), "tail -n 15 %s/engine.log >&2", d->dir);
    if (system(cmd) != 0)
        fprintf(stderr, "no log\n");
}

static void __attribute__((format(printf, 2, 3), noreturn))
fail(struct driver *d, const char *f, ...)
{
    va_list ap;

    fprintf(stderr, "FAILED after %u kills: ", d->kills);
    va_start(ap, f);
    vfprintf(stderr, f, ap);
    va_end(ap);
    fprintf(stderr, "\n");
    tail_log(d);
    for (uint32_t i = 0; i < WRITERS; i++)
        if (d->writer[i] > 0)
            kill(d->writer[i], SIGKILL);
    if (d->checker > 0)
        kill(d->checker, SIGKILL);
    fprintf(stderr, "the pool stays in %s\n", d->dir);
    exit(1);
}

static uint64_t rnd(struct driver *d)
{
    d->seed ^= d->seed << 13;
    d->seed ^= d->seed >> 7;
    d->seed ^= d->seed << 17;
    return d->seed * 0x2545f4914f6cdd1dull >> 16;
}

/* ---- The engine ---- */

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

/* Who has the pool, also if somebody else started it. 0: nobody. */
static pid_t engine_pid(const struct driver *d)
{
    char text[32] = "";
    int fd = open(d->lock, O_RDONLY | O_CLOEXEC);
    pid_t pid;

    if (fd >= 0 && read(fd, text, sizeof(text) - 1) < 0)
        text[0] = '\0';
    if (fd >= 0)
        close(fd);
    pid = atoi(text);
    return pid > 0 && is_engine(d, pid) ? pid : 0;
}

static void engine_start(struct driver *d)
{
    char log[128];
    int fd;

    snprintf(log, sizeof(log), "%s/engine.log", d->dir);
    d->engine = fork();
    if (d->engine != 0)
        return;
    fd = open(log, O_WRONLY | O_CREAT | O_APPEND, 0600);
    dup2(fd, 1);
    dup2(fd, 2);
    execl(d->tarn, d->tarn, "engine", "--create-wal-size=16M", "--log-level=warn", d->s->pool,
          NULL);
    _exit(127);
}

static bool answers(const struct driver *d)
{
    char path[320];

    snprintf(path, sizeof(path), "%s/engine.sock", d->s->pool);
    return engine_pid(d) != 0 && access(path, F_OK) == 0;
}

/* ---- Children ---- */

static void writer_start(struct driver *d, uint32_t i)
{
    uint32_t life = d->lives++;
    uint64_t seed = rnd(d);

    if (life >= LIVES_MAX)
        fail(d, "more lives than there is room for");
    atomic_store(&d->s->seat[i].since_ns, 0);
    d->killed[i] = false;
    d->writer[i] = fork();
    if (d->writer[i] == 0)
        writer_run(d->s, i, life, seed);
}

static void writer_ended(struct driver *d, uint32_t i, int status)
{
    d->writer[i] = 0;
    if (!d->killed[i] && !(d->ending && status == 0))
        fail(d, "writer %u ended by itself, status 0x%x", i, (unsigned)status);
    if (!d->ending)
        writer_start(d, i);
}

/* Whatever has ended; also what those who were killed had started. (SIGPIPE: a command that begins
 * an engine, and told somebody who was killed that it could not.) */
static void reap(struct driver *d)
{
    int status;
    pid_t pid;

    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        uint32_t i = 0;

        while (i < WRITERS && d->writer[i] != pid)
            i++;
        if (i < WRITERS)
            writer_ended(d, i, status);
        else if (pid == d->checker && !(d->ending && status == 0))
            fail(d, "the checker ended, status 0x%x", (unsigned)status);
        else if (pid == d->checker)
            d->checker = 0;
        else if (WIFSIGNALED(status) && WTERMSIG(status) != SIGKILL && WTERMSIG(status) != SIGPIPE)
            fail(d, "process %d, an engine, ended by signal %d", (int)pid, WTERMSIG(status));
        else if (pid == d->engine && WIFEXITED(status) && WEXITSTATUS(status) != BUSY && !d->ending)
            fail(d, "the engine ended by itself, status %d", WEXITSTATUS(status));
        if (pid == d->engine)
            d->engine = 0;
    }
}

static void watch_hangs(struct driver *d)
{
    uint64_t now = clock_ns();

    for (uint32_t i = 0; i < SEATS; i++) {
        uint64_t since = atomic_load(&d->s->seat[i].since_ns);

        if (since != 0 && now > since && now - since > HANG_S * NS_PER_S)
            fail(d, "process %d has waited for %u s, in line %u (engine %d)",
                 (int)(i < WRITERS ? d->writer[i] : d->checker), HANG_S, d->s->seat[i].what,
                 (int)engine_pid(d));
    }
}

/* One look at everything; an engine comes back when nobody has begun one for a while. */
static void look(struct driver *d)
{
    reap(d);
    watch_hangs(d);
    if (atomic_load(&d->s->errors) > 0)
        fail(d, "see above");
    if (d->engine != 0 || engine_pid(d) != 0)
        d->none_since_ns = 0;
    else if (d->none_since_ns == 0)
        d->none_since_ns = clock_ns();
    else if (clock_ns() - d->none_since_ns > NS_PER_S / 20)
        engine_start(d);
}

static void pass(struct driver *d, uint64_t us)
{
    uint64_t until = clock_ns() + us * 1000;

    do {
        look(d);
        usleep(500);
    } while (clock_ns() < until);
}

#define AWAIT(d, cond, what)                                                                       \
    do {                                                                                           \
        uint64_t begun_ = clock_ns();                                                              \
        while (!(cond)) {                                                                          \
            pass(d, 0);                                                                            \
            if (clock_ns() - begun_ > 2 * HANG_S * NS_PER_S)                                       \
                fail(d, "never: %s", what);                                                        \
        }                                                                                          \
    } while (0)

/* fn in a process of its own: what libdaos leaves in a process is not ours. */
static void in_child(struct driver *d, int (*fn)(struct shared *s), const char *what)
{
    pid_t pid;
    int status = 0;

    fflush(stdout);
    pid = fork();
    if (pid == 0)
        exit(fn(d->s));
    if (waitpid(pid, &status, 0) != pid || status != 0)
        fail(d, "%s: status 0x%x", what, (unsigned)status);
}

static int make_container(struct shared *s)
{
    daos_handle_t poh;
    int rc = daos_init();

    if (rc == 0)
        rc = daos_pool_connect(s->pool, NULL, DAOS_PC_RW, &poh, NULL, NULL);
    if (rc == 0)
        rc = daos_cont_create_with_label(poh, "c", NULL, NULL, NULL);
    if (rc == 0)
        rc = daos_pool_disconnect(poh, NULL);
    return rc == 0 ? daos_fini() : rc;
}

/* Nobody else has the pool open: soon after the last one was killed. */
static int open_alone(struct shared *s)
{
    uint64_t begun = clock_ns();
    daos_handle_t poh;
    int rc = daos_init();

    while (rc == 0 &&
           (rc = daos_pool_connect(s->pool, NULL, DAOS_PC_EX, &poh, NULL, NULL)) == -DER_BUSY &&
           clock_ns() - begun < 10 * NS_PER_S) {
        usleep(5000);
        rc = 0;
    }
    if (rc == 0)
        rc = daos_pool_disconnect(poh, NULL);
    return rc == 0 ? daos_fini() : 1;
}

/* ---- Killing ---- */

static void kill_engine(struct driver *d)
{
    pid_t pid = rnd(d) % 4 == 0 && d->engine != 0 ? d->engine : engine_pid(d);

    if (pid == 0) /* it is being started */
        pid = d->engine;
    if (pid == 0 || kill(pid, SIGKILL) != 0)
        return;
    AWAIT(d, kill(pid, 0) != 0 || !is_engine(d, pid), "a killed engine is gone");
    atomic_fetch_add(&d->s->deaths, 1);
    d->killed_engines++;
    d->kills++;
    if (rnd(d) % 4 != 0 && d->engine == 0)
        engine_start(d); /* else somebody who comes does it */
}

static void kill_writer(struct driver *d)
{
    uint32_t i = (uint32_t)(rnd(d) % WRITERS);

    if (d->writer[i] == 0 || d->killed[i])
        return;
    d->killed[i] = true;
    kill(d->writer[i], SIGKILL);
    d->killed_writers++;
    d->kills++;
}

/* Mostly the checker has seen everything that the last engine acknowledged before the next one
 * dies. */
static void kill_some(struct driver *d, uint32_t kills)
{
    while (d->kills < kills) {
        pass(d, rnd(d) % 25000);
        if (rnd(d) % 5 < 3) {
            kill_writer(d);
            continue;
        }
        if (rnd(d) % 3 != 0)
            AWAIT(d, atomic_load(&d->s->passed) == atomic_load(&d->s->deaths),
                  "all that was acknowledged is looked at");
        kill_engine(d);
    }
}

/* ---- What stays ---- */

static uint32_t count_fds(pid_t pid)
{
    char path[64];
    struct dirent *e;
    uint32_t nr = 0;
    DIR *dir;

    snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
    dir = opendir(path);
    while (dir != NULL && (e = readdir(dir)) != NULL)
        nr += e->d_name[0] != '.';
    if (dir != NULL)
        closedir(dir);
    return nr;
}

/* Lines of a file that hold the text. */
static uint32_t count_lines(const char *path, const char *text)
{
    FILE *f = fopen(path, "r");
    char line[PATH_MAX + 256];
    uint32_t nr = 0;

    while (f != NULL && fgets(line, sizeof(line), f) != NULL)
        nr += strstr(line, text) != NULL;
    if (f != NULL)
        fclose(f);
    return nr;
}

static uint32_t count_regions(pid_t pid)
{
    char path[64];

    snprintf(path, sizeof(path), "/proc/%d/maps", (int)pid);
    return count_lines(path, "tarn-shm");
}

/* An engine whose clients die by dozens is as it was before they came. */
static void check_leaks(struct driver *d)
{
    uint32_t fds, regions, target = d->kills + LAST_KILLS;
    pid_t pid = engine_pid(d);

    in_child(d, check_all, "everything is there"); /* what an engine opens for good is open then */
    AWAIT(d, count_regions(pid) == 0, "an engine without clients has no memory of clients");
    fds = count_fds(pid);
    d->ending = false;
    for (uint32_t i = 0; i < WRITERS; i++)
        writer_start(d, i);
    AWAIT(d, (regions = count_regions(pid)) >= WRITERS, "all writers are connected");
    while (d->kills < target) {
        pass(d, 15000 + rnd(d) % 10000);
        kill_writer(d);
    }
    d->ending = true;
    for (uint32_t i = 0; i < WRITERS; i++) {
        if (d->writer[i] > 0) {
            d->killed[i] = true;
            kill(d->writer[i], SIGKILL);
        }
    }
    AWAIT(d, count_regions(pid) == 0, "memory of clients that were killed is given back");
    in_child(d, open_alone, "handles of clients that were killed are closed");
    AWAIT(d, count_fds(pid) == fds, "descriptors of clients that were killed are closed");
    if (engine_pid(d) != pid)
        fail(d, "an engine died of its clients' deaths");
    printf("the engine's descriptors: %u before, %u after %u clients were killed\n", fds,
           count_fds(pid), LAST_KILLS + WRITERS);
}

static void stop_all(struct driver *d)
{
    bool any;

    d->ending = true;
    atomic_store(&d->s->stop, true);
    do {
        pass(d, 0);
        any = d->checker != 0;
        for (uint32_t i = 0; i < WRITERS; i++)
            any |= d->writer[i] != 0;
    } while (any);
    AWAIT(d, answers(d), "an engine is there");
    atomic_store(&d->s->stop, false);
}

static void end_engine(struct driver *d)
{
    pid_t pid = engine_pid(d);
    char path[320];

    kill(pid, SIGTERM);
    for (uint64_t begun = clock_ns(); waitpid(-1, NULL, WNOHANG) >= 0; usleep(1000))
        if (clock_ns() - begun > HANG_S * NS_PER_S)
            fail(d, "a process is left over");
    snprintf(path, sizeof(path), "%s/engine.sock", d->s->pool);
    if (access(path, F_OK) == 0 || count_lines("/proc/net/unix", d->s->pool) != 0)
        fail(d, "a socket is left over");
}

static int check_pool(struct driver *d)
{
    char cmd[1024];

    snprintf(cmd, sizeof(cmd),
             "%s check %s >%s/check.out 2>&1 || { cat %s/check.out >&2; exit 1; }", d->tarn,
             d->s->pool, d->dir, d->dir);
    return system(cmd);
}

/* ---- Life ---- */

static void world_make(struct driver *d)
{
    const char *tmp = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";

    d->s = mmap(NULL, sizeof(*d->s), PROT_READ | PROT_WRITE,
                MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    snprintf(d->dir, sizeof(d->dir), "%s/tarn-kill-XXXXXX", tmp);
    if (d->s == MAP_FAILED || mkdtemp(d->dir) == NULL) {
        perror("engine_kill");
        exit(1);
    }
    snprintf(d->s->pool, sizeof(d->s->pool), "%s/pool", d->dir);
    snprintf(d->lock, sizeof(d->lock), "%s/lock", d->s->pool);
    setenv("XDG_STATE_HOME", d->dir, 1);
    setenv("TARN_BACKGROUND", "1", 1);
    setenv("TARN_ENGINE", d->tarn, 1);
    setenv("TARN_IDLE_EXIT", "10m", 1);
    prctl(PR_SET_CHILD_SUBREAPER, 1);
}

int main(int argc, char **argv)
{
    static struct driver d;
    uint64_t begun, longest = 0;
    char cmd[128], tarn[PATH_MAX];

    if (argc < 3 || realpath(argv[1], tarn) == NULL) {
        fprintf(stderr, "usage: engine_kill TARN KILLS [SEED]\n");
        return 2;
    }
    d.tarn = tarn;
    d.seed = argc > 3 ? strtoull(argv[3], NULL, 10) : clock_ns() % 1000000 + 1;
    printf("seed %llu\n", (unsigned long long)d.seed);
    fflush(stdout);
    d.seed *= 0x9e3779b97f4a7c15ull;
    world_make(&d);
    engine_start(&d);
    AWAIT(&d, answers(&d), "the first engine answers");
    in_child(&d, make_container, "a container is made");
    begun = clock_ns();
    d.checker = fork();
    if (d.checker == 0)
        checker_run(d.s);
    for (uint32_t i = 0; i < WRITERS; i++)
        writer_start(&d, i);
    AWAIT(&d, atomic_load(&d.s->acked) > 0, "something is acknowledged");
    kill_some(&d, (uint32_t)atoi(argv[2]));
    stop_all(&d);
    check_leaks(&d);
    in_child(&d, check_all, "everything is there");
    end_engine(&d);
    if (check_pool(&d) != 0)
        fail(&d, "the pool is not whole");
    for (uint32_t i = 0; i < SEATS; i++)
        if (d.s->seat[i].longest_ns > longest)
            longest = d.s->seat[i].longest_ns;
    printf("%u kills in %.1f s (%u of the engine, %u of clients): %llu changes, %llu acknowledged, "
           "%llu looks at them, longest call %.0f ms; all there\n",
           d.kills, (double)(clock_ns() - begun) / 1e9, d.killed_engines, d.killed_writers,
           (unsigned long long)d.s->recs, (unsigned long long)d.s->acked,
           (unsigned long long)d.s->checked, (double)longest / 1e6);
    snprintf(cmd, sizeof(cmd), "rm -rf %s", d.dir);
    return system(cmd) == 0 && d.s->acked > 0 ? 0 : 1;
}
