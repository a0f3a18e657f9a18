/*
 * Who has a pool that another process holds; and asking an engine to make way.
 *
 * An engine that was started in the background stays a while when nobody uses it, for the next
 * client. Who needs the pool alone (destroying, checking, a program that wants it in its own
 * process) asks it to end now. The request is a signal: SIGURG, which means nothing to any other
 * program, should one have taken the number of an engine that has just died. An engine that has
 * clients, or was started by hand, takes no notice; so does one of before there was
 * this request. SIGTERM ends any.
 *
 * Whom the signal reaches is the kernel's word: the process that listens at the socket in the
 * pool's directory (SO_PEERCRED), which must be root's or the directory owner's.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <daos_errno.h>
#include "base/fail.h"
#include "embed/embed_int.h"
#include "net/shm.h"
#include "rt/rt.h"

#define NOTICE_NS UINT64_C(2000000000)  /* until it has stopped listening */
#define END_NS    UINT64_C(90000000000) /* until it has closed the pool: a minute and a half */
#define LOOK_NS   UINT64_C(2000000)

/* ---- Who has it ---- */

static ssize_t read_file(const char *path, char *buf, size_t len)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    ssize_t n = fd >= 0 ? read(fd, buf, len - 1) : -1;

    if (fd >= 0)
        close(fd);
    buf[n > 0 ? n : 0] = '\0';
    return n;
}

/* A process that has ended is still there until its parent looks, and in many a container nobody
 * does. */
static bool lives(pid_t pid)
{
    char path[64], line[512];
    const char *state;

    if (kill(pid, 0) != 0 && errno == ESRCH)
        return false;
    snprintf(path, sizeof(path), "/proc/%ld/stat", (long)pid);
    if (read_file(path, line, sizeof(line)) <= 0)
        return true;
    state = strrchr(line, ')'); /* after its name, which may hold anything */
    return state == NULL || state[1] == '\0' || (state[2] != 'Z' && state[2] != 'X');
}

/* `tarn engine ...`, under any of its names. */
static bool is_engine(pid_t pid)
{
    char path[64], line[PATH_MAX + 64];
    ssize_t n;
    const char *name, *second;

    snprintf(path, sizeof(path), "/proc/%ld/cmdline", (long)pid);
    n = read_file(path, line, sizeof(line));
    if (n <= 0)
        return false;
    name = strrchr(line, '/') != NULL ? strrchr(line, '/') + 1 : line;
    second = line + strlen(line) + 1;
    return strcmp(name, "daos_engine") == 0 || (second < line + n && strcmp(second, "engine") == 0);
}

enum holder holder_of(const char *real)
{
    char path[PATH_MAX + 16], text[32];
    pid_t pid;

    snprintf(path, sizeof(path), "%s/" POOL_LOCK, real);
    if (read_file(path, text, sizeof(text)) <= 0)
        return HOLDER_NONE;
    pid = (pid_t)strtol(text, NULL, 10);
    if (pid <= 0 || !lives(pid))
        return HOLDER_NONE;
    return is_engine(pid) ? HOLDER_ENGINE : HOLDER_PROGRAM;
}

/* ---- Asking ---- */

static int cannot(const char *real, int rc, const char *why, const char *next, struct err *e)
{
    return err_setf(e, rc, next, why, "cannot use pool %s alone", real);
}

static int tell(const char *real, pid_t pid, int sig, struct err *e)
{
    if (pid <= 0)
        return cannot(real, -DER_BUSY, "its engine runs where this process cannot see it",
                      "end it there (another container), or wait until it is idle", e);
    if (kill(pid, sig) == 0 || errno == ESRCH)
        return 0;
    cannot(real, -DER_NO_PERM, "", "ask that user, or root, to end it", e);
    err_why(e, "it is in use by process %ld, an engine of another user", (long)pid);
    return -DER_NO_PERM;
}

/* Looked at from outside: who connects to see would be a client. */
static bool listens(const char *socket, const struct stat *was, pid_t pid)
{
    struct stat st;

    return stat(socket, &st) == 0 && st.st_ino == was->st_ino && st.st_dev == was->st_dev &&
           lives(pid);
}

/* -DER_BUSY: it goes on. */
static int wait_for(const char *real, const char *socket, const struct stat *was, pid_t pid,
                    struct err *e)
{
    uint64_t begun = rt_now_ns();

    while (listens(socket, was, pid)) {
        if (rt_now_ns() - begun > NOTICE_NS) {
            cannot(real, -DER_BUSY, "", "", e);
            err_why(e,
                    "it is in use by process %ld (tarn), an engine that has clients or is to stay",
                    (long)pid);
            err_next(e, "end the programs that use the pool, or the engine: tarn engine --end %s",
                     real);
            return -DER_BUSY;
        }
        rt_sleep_ns(LOOK_NS);
    }
    while (lives(pid)) {
        if (rt_now_ns() - begun > END_NS) {
            cannot(real, -DER_BUSY, "", "wait a little, or end it at once: kill -9", e);
            err_why(e, "it is in use by process %ld (tarn), an engine that is ending", (long)pid);
            return -DER_BUSY;
        }
        rt_sleep_ns(LOOK_NS);
    }
    return 0;
}

int embed_end(const char *path, bool at_once, long *pid, struct err *e)
{
    char real[PATH_MAX], socket[PATH_MAX];
    struct net_shm_host host = {0};
    struct stat st;
    int rc = embed_real_path(path, real, e);

    if (pid != NULL)
        *pid = 0;
    if (rc != 0)
        return rc;
    if (!shared_is_there(real, e, &rc))
        return 0;
    if (rc != 0)
        return rc;
    rc = shared_path(real, socket);
    if (rc != 0 || stat(socket, &st) != 0 || net_shm_answers(socket, &host) != 0)
        return 0; /* it has ended meanwhile */
    if (pid != NULL)
        *pid = (long)host.pid;
    rc = tell(real, (pid_t)host.pid, at_once ? SIGTERM : SIGURG, e);
    return rc == 0 ? wait_for(real, socket, &st, (pid_t)host.pid, e) : rc;
}
