/*
 * Ending orderly on a signal.
 *
 * With the write-back cache the kernel may hold bytes of open files that never reached us, and they
 * would be lost with the connection. So a signal first makes a thread of its own ask for write-back
 * of the whole mount, which the session's workers serve as usual, and only when no more requests
 * come in is the session told to end.
 *
 * libfuse's loop ends when the session is marked as ended and a signal interrupts the thread that
 * runs it: SIGHUP, whose handler is libfuse's own, serves for that (and, sent by a user, ends the
 * session at once).
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>
#include "posix/dfuse.h"

#define SETTLE_STEP_US 20000u
#define SETTLE_STEPS   100u /* at most 2 s are given to what the kernel still wants to write */
#define QUIET_STEPS                                                                                \
    3u /* where the kernel does not tell its queue: so long nothing is assumed to come */

struct stop {
    struct dfuse *d;
    pthread_t thread, main;
    int fds[2]; /* the handler writes, the thread reads */
    struct sigaction old[2];
};

/* The only thing a signal handler can find its way by. -1: no session. */
static volatile sig_atomic_t wake_fd = -1;

static void on_signal(int sig)
{
    int saved = errno;
    char byte = 's';

    if (wake_fd >= 0 && write((int)wake_fd, &byte, 1) < 0) {
        /* full: many signals are waiting already */
    }
    errno = saved;
}

/* Requests the kernel has under way on the mount, -1 if it does not tell. */
static long waiting(dev_t dev)
{
    char path[64];
    long n = -1;
    FILE *f;

    snprintf(path, sizeof(path), "/sys/fs/fuse/connections/%u/waiting", minor(dev));
    f = fopen(path, "re");
    if (f == NULL)
        return -1;
    if (fscanf(f, "%ld", &n) != 1)
        n = -1;
    fclose(f);
    return n;
}

static void write_back(struct stop *s)
{
    int fd = open(s->d->conf.mountpoint, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct stat st;
    bool ours;

    if (fd < 0)
        return;
    ours = fstat(fd, &st) == 0 && st.st_ino == FUSE_ROOT_ID && syncfs(fd) == 0;
    close(fd); /* a request as well */
    for (unsigned step = 0; ours && step < SETTLE_STEPS; step++) {
        long n = waiting(st.st_dev);

        if (n == 0 || (n < 0 && step == QUIET_STEPS))
            return;
        usleep(SETTLE_STEP_US);
    }
}

/* 's': a signal; 'e': dfuse_stop_end(). */
static void *watch(void *arg)
{
    struct stop *s = arg;
    char byte;
    ssize_t n;

    do
        n = read(s->fds[0], &byte, 1);
    while (n < 0 && errno == EINTR);
    if (n != 1 || byte == 'e')
        return NULL;
    /* from here on a signal does what it does to any program that will not wait */
    sigaction(SIGTERM, &s->old[0], NULL);
    sigaction(SIGINT, &s->old[1], NULL);
    if (s->d->conf.wb_cache && !s->d->conf.readonly)
        write_back(s);
    fuse_session_exit(s->d->se);
    pthread_kill(s->main, SIGHUP);
    return NULL;
}

int dfuse_stop_begin(struct dfuse *d, struct stop **out)
{
    struct sigaction act = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    struct stop *s = calloc(1, sizeof(*s));
    int rc;

    if (s == NULL)
        return ENOMEM;
    s->d = d;
    s->main = pthread_self();
    if (pipe2(s->fds, O_CLOEXEC) != 0) {
        rc = errno;
        free(s);
        return rc;
    }
    rc = pthread_create(&s->thread, NULL, watch, s);
    if (rc != 0) {
        close(s->fds[0]);
        close(s->fds[1]);
        free(s);
        return rc;
    }
    wake_fd = s->fds[1];
    sigemptyset(&act.sa_mask);
    sigaction(SIGTERM, &act, &s->old[0]);
    sigaction(SIGINT, &act, &s->old[1]);
    *out = s;
    return 0;
}

void dfuse_stop_end(struct stop *s)
{
    sigaction(SIGTERM, &s->old[0], NULL);
    sigaction(SIGINT, &s->old[1], NULL);
    wake_fd = -1;
    if (write(s->fds[1], "e", 1) == 1)
        pthread_join(s->thread, NULL);
    close(s->fds[0]);
    close(s->fds[1]);
    free(s);
}
