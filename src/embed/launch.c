/*
 * The engine of a pool directory that nobody serves yet, started as a program in the background.
 * Many may want it at once: the directory itself is locked (flock) while one of them starts it, the
 * others find it when they get the lock.
 */
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>
#include <daos_errno.h>
#include "base/fail.h"
#include "embed/embed_int.h"
#include "rt/rt.h"

#define PROGRAM   "tarn"
#define IDLE_EXIT "30s"
#define LOCK_MS   60000u
#define LOOK_MS   5u
#define SAID_MAX  2048u
#define ENDING_NS UINT64_C(3000000000)

extern char **environ;

/* TARN_ENGINE; or where it was installed; or wherever the shell would find it. */
static const char *program(void)
{
    const char *name = getenv("TARN_ENGINE");

    if (name != NULL && name[0] != '\0')
        return name;
    return access(TARN_BINDIR "/" PROGRAM, X_OK) == 0 ? TARN_BINDIR "/" PROGRAM : PROGRAM;
}

/* Runs it; what it says on stderr until it is in the background or has failed. 0; -1: it failed; an
 * errno: it could not be run. */
static int run(const char *real, char said[SAID_MAX])
{
    const char *prog = program(), *idle = getenv("TARN_IDLE_EXIT");
    char option[64];
    char *argv[] = {(char *)(uintptr_t)prog, "engine", "--background", option,
                    (char *)(uintptr_t)real, NULL};
    posix_spawn_file_actions_t fa;
    size_t len = 0;
    int fds[2], rc, status = 0;
    ssize_t n;
    pid_t pid;

    snprintf(option, sizeof(option), "--idle-exit=%s", idle != NULL ? idle : IDLE_EXIT);
    if (pipe2(fds, O_CLOEXEC) != 0)
        return errno;
    posix_spawn_file_actions_init(&fa);
    posix_spawn_file_actions_addopen(&fa, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&fa, 1, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_adddup2(&fa, fds[1], 2);
    rc = posix_spawnp(&pid, prog, &fa, NULL, argv, environ);
    posix_spawn_file_actions_destroy(&fa);
    close(fds[1]);
    while (rc == 0 && len + 1 < SAID_MAX && (n = read(fds[0], said + len, SAID_MAX - 1 - len)) != 0)
        if (n > 0)
            len += (size_t)n;
        else if (errno != EINTR)
            break;
    said[len] = '\0';
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
    uint64_t begun = rt_now_ns();
    char said[SAID_MAX];
    int rc, there = 0;

    /* an engine that is just ending listens no more, and has the pool a moment longer */
    while ((rc = run(real, said)) == -1 && rt_now_ns() - begun < ENDING_NS &&
           !shared_is_there(real, e, &there))
        rt_sleep_ns(LOOK_MS * 1000000u);
    if (rc == 0 || (rc == -1 && shared_is_there(real, e, &there)))
        return there == -DER_UNREACH ? 0 : there;
    if (rc > 0) {
        err_setf(e, rc == ENOENT ? -DER_NONEXIST : -DER_MISC,
                 "install Tarn, or set TARN_ENGINE to its program 'tarn'; or use the pool in this "
                 "process alone: inproc:",
                 "", "cannot start an engine for pool %s", real);
        err_why(e, "its program %.150s: %s", program(), strerror(rc));
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
