/*
 * A directory of the file system: its names and its lock. Its devices: dev_file.c.
 *
 * The lock is flock() on the file "lock": it belongs to the open file, so it excludes other
 * processes and other opens of this one, and the kernel drops it when the process dies. The pid
 * inside is for messages only; it is written after the lock is taken and emptied before it is given
 * back.
 */
#include "io/dir_file.h"
#include "io/backend.h"
#include "base/assert.h"
#include "base/err.h"
#include "base/fail.h"
#include "base/log.h"
#include "daos_errno.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define LOCK_NAME "lock"

const char *file_advice(int err)
{
    switch (err) {
    case ENOENT:
        return "check the path, or create it first";
    case EACCES:
    case EPERM:
        return "check owner and mode of the directory and its files, or run as their owner";
    case EROFS:
        return "remount the file system writable, or use a directory elsewhere";
    case ENOSPC:
        return "free space, or use a smaller size";
    case EDQUOT:
        return "free space or have your quota raised";
    case ENOTDIR:
        return "give the path of a directory";
    case EEXIST:
        return "choose another name, or remove it first";
    case EMFILE:
    case ENFILE:
        return "raise the limit of open files (ulimit -n)";
    default:
        return "look at the system's log for errors of this file system";
    }
}

int file_fail(struct err *e, int err, const char *what, const char *path, const char *name)
{
    char why[64];

    return err_setf(e, io_errno_der(err), file_advice(err), strerror_r(err, why, sizeof(why)),
                    "cannot %s %s%s%s", what, path, *name ? "/" : "", name);
}

/* ---- The names ---- */

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool is_device(int dir_fd, const char *name)
{
    struct stat st;

    if (!io_name_is_valid(name))
        return false;
    /* A link that leads nowhere is the name of a device that is missing. */
    if (fstatat(dir_fd, name, &st, 0) != 0)
        return errno == ENOENT && fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
    return S_ISREG(st.st_mode) || S_ISBLK(st.st_mode);
}

static int names_read(DIR *stream, char ***names_out, size_t *nr_out)
{
    char **names = NULL;
    struct dirent *de;
    size_t nr = 0;
    int rc = 0;

    while (rc == 0 && (errno = 0, de = readdir(stream))) {
        char **more;

        if (!is_device(dirfd(stream), de->d_name))
            continue;
        more = base_realloc(names, (nr + 1) * sizeof(*names));
        if (more) {
            names = more;
            names[nr] = base_strdup(de->d_name);
        }
        if (more && names[nr])
            nr++;
        else
            rc = -DER_NOMEM;
    }
    if (rc == 0 && errno != 0)
        rc = io_errno_der(errno);
    *names_out = names;
    *nr_out = nr;
    return rc;
}

/* Sorted, so that nothing above depends on the order of a file system. */
static int file_list(struct io_dir *dir, int (*each)(const char *name, void *arg), void *arg)
{
    int rc, fd = openat(file_dir_of(dir)->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *stream = fd >= 0 ? fdopendir(fd) : NULL;
    char **names;
    size_t nr;

    if (!stream) {
        rc = io_errno_der(errno);
        if (fd >= 0)
            close(fd);
        return rc;
    }
    rc = names_read(stream, &names, &nr);
    closedir(stream);
    if (rc == 0 && nr > 0)
        qsort(names, nr, sizeof(*names), by_name);
    for (size_t i = 0; i < nr && rc == 0; i++)
        rc = each(names[i], arg);
    for (size_t i = 0; i < nr; i++)
        base_free(names[i]);
    base_free(names);
    return rc;
}

int file_fsync_dir(int fd)
{
    /* EINVAL: a file system whose names need no sync. */
    return fsync(fd) == 0 || errno == EINVAL ? 0 : io_errno_der(errno);
}

static int file_sync(struct io_dir *dir)
{
    return file_fsync_dir(file_dir_of(dir)->fd);
}

/* ---- The lock ---- */

/* "process 1234 (tarn)", or what is known. */
static void holder(int fd, char *buf, size_t len)
{
    char text[32], path[64], comm[64] = "";
    ssize_t n = pread(fd, text, sizeof(text) - 1, 0);
    long pid;
    int comm_fd;

    text[MAX(n, 0)] = '\0';
    pid = strtol(text, NULL, 10);
    if (pid <= 0 || (kill((pid_t)pid, 0) != 0 && errno == ESRCH)) {
        snprintf(buf, len, "it is in use by another process");
        return;
    }
    if (pid == getpid()) {
        snprintf(buf, len, "this process (%ld) has it open already", pid);
        return;
    }
    snprintf(path, sizeof(path), "/proc/%ld/comm", pid);
    comm_fd = open(path, O_RDONLY | O_CLOEXEC);
    if (comm_fd >= 0) {
        n = read(comm_fd, comm, sizeof(comm) - 1);
        comm[MAX(n, 0)] = '\0';
        comm[strcspn(comm, "\n")] = '\0';
        close(comm_fd);
    }
    snprintf(buf, len, "it is in use by process %ld%s%s%s", pid, *comm ? " (" : "", comm,
             *comm ? ")" : "");
}

static int write_pid(int fd)
{
    char text[32];
    int n = snprintf(text, sizeof(text), "%ld\n", (long)getpid());

    if (ftruncate(fd, 0) != 0 || pwrite(fd, text, (size_t)n, 0) != n)
        return -DER_IO;
    return 0;
}

static int file_lock(struct io_dir *dir, struct err *e)
{
    struct file_dir *d = file_dir_of(dir);
    char why[160];
    int fd, rc;

    fd = openat(d->fd, LOCK_NAME, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        return file_fail(e, errno, "lock", dir->path, "");
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        if (errno == EWOULDBLOCK) {
            holder(fd, why, sizeof(why));
            rc = err_setf(e, -DER_BUSY, "close it there first, or end that process", why,
                          "cannot lock %s", dir->path);
        } else {
            rc = file_fail(e, errno, "lock", dir->path, "");
        }
        close(fd);
        return rc;
    }
    /* A full file system must not keep anybody from opening: the message loses the pid, that is
     * all. */
    rc = write_pid(fd);
    if (rc != 0)
        LOG_WARN("%s: cannot write our pid into the file \"lock\"", dir->path);
    d->lock_fd = fd;
    d->lock_pid = getpid();
    return 0;
}

static void file_close(struct io_dir *dir)
{
    struct file_dir *d = file_dir_of(dir);

    if (d->lock_fd >= 0) {
        if (d->lock_pid == getpid() && ftruncate(d->lock_fd, 0) != 0)
            LOG_WARN("%s: cannot empty the file \"lock\"", dir->path);
        close(d->lock_fd); /* not LOCK_UN: in a forked child that would unlock the parent's */
    }
    close(d->fd);
    base_free((void *)(uintptr_t)dir->path);
    base_free(d);
}

static const struct io_dir_ops file_dir_ops = {
    .create = file_create,
    .open = file_open,
    .remove = file_remove,
    .list = file_list,
    .sync = file_sync,
    .lock = file_lock,
    .close = file_close,
    .link = file_link,
    .unlink = file_unlink,
    .target = file_target,
};

/* ---- Opening a directory ---- */

int file_sync_parent(const char *path)
{
    char *parent = base_strdup(path), *slash;
    int fd, rc = 0;

    if (!parent)
        return -DER_NOMEM;
    slash = parent + strlen(parent);
    while (slash > parent + 1 && slash[-1] == '/')
        *--slash = '\0';
    slash = strrchr(parent, '/');
    if (slash)
        slash[slash == parent] = '\0';
    fd = open(slash ? parent : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0) { /* a parent we may write but not read cannot be synced */
        rc = file_fsync_dir(fd);
        close(fd);
    }
    base_free(parent);
    return rc;
}

/* Makes it, its name durable in its parent. */
static int make_dir(const char *path, struct err *e)
{
    int rc;

    if (mkdir(path, 0700) != 0)
        return errno == EEXIST ? 0 : file_fail(e, errno, "create directory", path, "");
    rc = file_sync_parent(path);
    if (rc != 0)
        err_setf(e, rc, file_advice(0), "its parent directory could not be synced",
                 "cannot create directory %s", path);
    return rc;
}

int io_dir_open(const char *path, bool make, struct io_dir **dir, struct err *e)
{
    struct file_dir *d;
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int rc;

    if (fd < 0 && errno == ENOENT && make && *path) {
        rc = make_dir(path, e);
        if (rc != 0)
            return rc;
        fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    }
    if (fd < 0)
        return file_fail(e, errno, "open directory", path, "");
    d = base_calloc(1, sizeof(*d));
    if (d)
        d->dir.path = base_strdup(path);
    if (!d || !d->dir.path) {
        base_free(d);
        close(fd);
        return err_setf(e, -DER_NOMEM, "free memory and try again", "out of memory",
                        "cannot open directory %s", path);
    }
    d->dir.ops = &file_dir_ops;
    d->fd = fd;
    d->lock_fd = -1;
    *dir = &d->dir;
    return 0;
}
