/*
 * detach: a program that goes on in the background, and its beginner who waits until it is ready.
 *
 * The beginner learns how the start went: what failed, in three parts, or who serves where. Also
 * what the world outside is told: systemd (if there is one, and the build has libsystemd), a file
 * with the process id.
 */
#ifndef TARN_TOOLS_DETACH_H
#define TARN_TOOLS_DETACH_H

#include <limits.h>
#include <stdbool.h>
#include <sys/types.h>
#include <uuid/uuid.h>

#include "base/err.h"

/* What comes back from the start. */
struct started {
    int rc;
    struct err err;
    pid_t pid;
    uuid_t pool;
    bool made;
    char path[PATH_MAX], socket[PATH_MAX];
};

/* An engine for everybody takes nothing from whoever happened to need it first: signals have their
 * default actions, limits are as far as they may go, every CPU will do, scheduled as any, files are
 * its user's alone. First of all. What needs rights to be undone stays: hard limits, a nice value,
 * the cgroup. */
void detach_unbind(void);
/* Before any thread is there. In the beginner: *fd is -1, st says how it went. In the process in
 * the background: *fd >= 0; it has a session of its own, and of open files only standard input,
 * output and error. It ends with detach_ready() or detach_failed(). -DER_NOMEM: nobody was started.
 */
int detach(int *fd, struct started *st, struct err *e);
/* The beginner goes his way; from now on nothing is read or written, and no directory is held. */
void detach_ready(int fd, const struct started *st);
/* Ends the process; whoever began it says what failed. */
void detach_failed(int fd, const struct started *st) __attribute__((noreturn));

/* systemd's words: "READY=1", one a line. Nothing where nobody listens. */
void tell_manager(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* -DER_NO_PERM, -DER_IO ... */
int pidfile_write(const char *path, struct err *e);

#endif
