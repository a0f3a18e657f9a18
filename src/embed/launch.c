/*
 * The engine of a pool directory that nobody serves yet, started as a program in the background.
 * Many may want it at once: the directory itself is locked (flock) while one of them starts it, the
 * others find it when they get the lock.
 *
 * Nothing of the starter goes with it but its user, its cgroup and its namespaces. Signals and
 * environment are left out here; `tarn engine --as-needed` leaves the rest behind (tools/detach.h).
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <daos_errno.h>
#include "base/err.h"
#include "base/assert.h"
#include "base/fail.h"
#include "embed/embed_int.h"
#include "rt/rt.h"

#define IDLE_EXIT "30s"
#define LOCK_MS   60000u
#define LOOK_MS   5u
#define SAID_MAX  2048u
#define ENDING_NS UINT64_C(3000000000)
#define ENV_MAX   32u

extern char **environ;

/* What an engine may know of the world of whoever happened to start it. */
static bool is_passed_on(const char *var)
{
    static const char *const names[] = {"PATH=",
                                        "HOME=",
                                        "USER=",
                                        "LOGNAME=",
                                        "LANG=",
                                        "LC_ALL=",
                                        "LC_MESSAGES=",
                                        "TZ=",
                                        "TMPDIR=",
                                        "XDG_STATE_HOME=",
                                        "TARN_MEM_LIMIT=",
                                        "TARN_SPIN_US=",
                                        "LD_LIBRARY_PATH=",
                                        "ASAN_OPTIONS=",
                                        "LSAN_OPTIONS=",
                                        "UBSAN_OPTIONS=",
                                        "TSAN_OPTIONS="};

    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (strncmp(var, names[i], strlen(names[i])) == 0)
            return true;
    return false;
}

static void environment(char *env[ENV_MAX])
{
    size_t n = 0;

    for (char **v = environ; v != NULL && *v != NULL && n + 1 < ENV_MAX; v++)
        if (is_passed_on(*v))
            env[n++] = *v;
    env[n] = NULL;
}

/* Who may read and write the pool's device may connect: what the owner gave his group with chmod
 * he gave it whole. */
struct access_words {
    char mode[32], group[32];
};

static void access_of(const char *real, struct access_words *w)
{
    char path[PATH_MAX + 16];
    mode_t mode = 0600;
    struct stat st;

    snprintf(path, sizeof(path), "%s/" ENGINE_DEVICE, real);
    if (stat(path, &st) == 0 && S_ISREG(st.st_mode)) {
        mode |= (st.st_mode & 060) == 060 ? 060 : 0;
        mode |= (st.st_mode & 06) == 06 ? 06 : 0;
    }
    snprintf(w->mode, sizeof(w->mode), "--socket-mode=%04o", (unsigned)mode);
    w->group[0] = '\0';
    if (mode & 060)
        snprintf(w->group, sizeof(w->group), "--socket-group=%u", (unsigned)st.st_gid);
}

/* Nobody waits on the starter's terminal for it, ignores signals because the starter does, or has
 * them blocked. */
static int spawn(pid_t *pid, const char *prog, char *const argv[], int said)
{
    posix_spawn_file_actions_t fa;
    posix_spawnattr_t at;
    char *env[ENV_MAX];
    sigset_t all, none;
    int rc;

    environment(env);
    sigfillset(&all);
    sigemptyset(&none);
    posix_spawnattr_init(&at);
    posix_spawnattr_setsigdefault(&at, &all);
    posix_spawnattr_setsigmask(&at, &none);
    posix_spawnattr_setflags(&at,
                             POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSID);
    posix_spawn_file_actions_init(&fa);
    posix_spawn_file_actions_addopen(&fa, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&fa, 1, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_adddup2(&fa, said, 2);
    rc = posix_spawnp(pid, prog, &fa, &at, argv, env);
    posix_spawn_file_actions_destroy(&fa);
    posix_spawnattr_destroy(&at);
    return rc;
}

static void listen_to(int fd, char said[SAID_MAX])
{
    size_t len = 0;
    ssize_t n;

    while (len + 1 < SAID_MAX && (n = read(fd, said + len, SAID_MAX - 1 - len)) != 0)
        if (n > 0)
            len += (size_t)n;
        else if (errno != EINTR)
            break;
    said[len] = '\0';
}

/* Runs it; what it says on stderr until it is in the background or has failed. 0; -1: it failed; an
 * errno: it could not be run. */
static int run(const char *real, const char *prog, char said[SAID_MAX])
{
    const char *idle = getenv("TARN_IDLE_EXIT");
    char option[64];
    struct access_words w;
    char *argv[8] = {(char *)(uintptr_t)prog, "engine", "--as-needed", option, w.mode};
    int fds[2], rc, status = 0;
    pid_t pid;

    snprintf(option, sizeof(option), "--idle-exit=%s", idle != NULL ? idle : IDLE_EXIT);
    access_of(real, &w);
    argv[5] = w.group[0] != '\0' ? w.group : (char *)(uintptr_t)real;
    argv[6] = w.group[0] != '\0' ? (char *)(uintptr_t)real : NULL;
    if (pipe2(fds, O_CLOEXEC) != 0)
        return errno;
    rc = spawn(&pid, prog, argv, fds[1]);
    close(fds[1]);
    said[0] = '\0';
    if (rc == 0)
        listen_to(fds[0], said);
    close(fds[0]);
    if (rc != 0)
        return rc;
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            return 0; /* the program ignores its children: the socket tells */
    return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -1;
}

/* What the engine said of its failure, in one line. */
static const char *one_line(char *said)
{
    size_t len;

    for (char *p = said; *p != '\0'; p++)
        if (*p == '\n')
            *p = p[1] == '\0' ? '\0' : ' ';
    len = strlen(said);
    if (len > ERR_PART_MAX - 1)
        said[ERR_PART_MAX - 1] = '\0';
    return said[0] != '\0' ? said : "it ended without a word";
}

static int start(const char *real, struct err *e)
{
    char said[SAID_MAX], prog[PATH_MAX];
    uint64_t begun = rt_now_ns();
    int rc, there = 0;
    bool again = true;

    if (!program_find(prog))
        return err_set(e, -DER_NONEXIST, "cannot start an engine",
                       "there is no program 'tarn' that can be trusted",
                       "install Tarn, or set TARN_ENGINE to its program 'tarn'");
    /* an engine that is just ending listens no more, and has the pool a moment longer */
    while ((rc = run(real, prog, said)) == -1 && rt_now_ns() - begun < ENDING_NS &&
           (again || holder_of(real) == HOLDER_ENGINE) && !shared_is_there(real, e, &there)) {
        again = holder_of(real) == HOLDER_ENGINE; /* or just gone: once more */
        rt_sleep_ns(LOOK_MS * 1000000u);
    }
    if (rc == 0 || (rc == -1 && shared_is_there(real, e, &there)))
        return there == -DER_UNREACH ? 0 : there;
    if (rc > 0) {
        err_setf(e, rc == ENOENT ? -DER_NONEXIST : -DER_MISC,
                 "install Tarn, or set TARN_ENGINE to its program 'tarn'; or use the pool in this "
                 "process alone: inproc:",
                 "", "cannot start an engine for pool %s", real);
        err_why(e, "its program %.150s: %s", prog, strerror(rc));
        return e != NULL ? e->rc : -DER_MISC;
    }
    err_setf(e, -DER_BUSY, "see who uses the pool, or run `tarn engine` on it to see more", "",
             "cannot start an engine for pool %s", real);
    err_why(e, "%s", one_line(said));
    return -DER_BUSY;
}

int embed_launch(const char *real, struct err *e)
{
    int fd = open(real, O_RDONLY | O_DIRECTORY | O_CLOEXEC), rc = 0;
    bool locked = false;

    if (fd < 0)
        return err_setf(e, errno == EACCES ? -DER_NO_PERM : -DER_NONEXIST,
                        "name a pool's directory", strerror(errno), "cannot open pool %s", real);
    for (uint32_t ms = 0; ms < LOCK_MS && !locked && !shared_is_there(real, e, &rc);
         ms += LOOK_MS) {
        locked = flock(fd, LOCK_EX | LOCK_NB) == 0;
        if (!locked)
            rt_sleep_ns(LOOK_MS * 1000000u);
    }
    if (!shared_is_there(real, e, &rc))
        rc = locked ? start(real, e)
                    : err_setf(e, -DER_TIMEDOUT, "see what that program does, or end it",
                               "another program has been starting one for a minute",
                               "cannot start an engine for pool %s", real);
    close(fd);
    return rc;
}
