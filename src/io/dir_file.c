/*
 * A directory of the file system. Device files are opened with O_DIRECT for io_uring, or, where one
 * of the two is refused, served by threads.c.
 *
 * The lock is flock() on the file "lock": it belongs to the open file, so it excludes other
 * processes and other opens of this one, and the kernel drops it when the process dies. The pid
 * inside is for messages only; it is written after the lock is taken and emptied before it is given
 * back.
 */
#include "io/file.h"
#include "io/backend.h"
#include "base/assert.h"
#include "base/err.h"
#include "base/fail.h"
#include "base/log.h"
#include "daos_errno.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#define LOCK_NAME "lock"
#define CLAIM_MS  2000u /* how long requests of a killed process may take to end */

struct file_dir {
    struct io_dir dir;
    int fd;
    int lock_fd;
    pid_t lock_pid; /* a forked child must not empty its parent's lock file */
    bool said_fallback;
};

static struct file_dir *of(struct io_dir *dir)
{
    return CONTAINER_OF(dir, struct file_dir, dir);
}

static const char *advice(int err)
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

static int fail(struct err *e, int err, const char *what, const char *path, const char *name)
{
    char why[64];

    return err_setf(e, io_errno_der(err), advice(err), strerror_r(err, why, sizeof(why)),
                    "cannot %s %s%s%s", what, path, *name ? "/" : "", name);
}

/* ---- Opening device files ---- */

/* O_DIRECT wants at most the alignment we give. */
static bool direct_suits(int fd)
{
#ifdef STATX_DIOALIGN
    struct statx st;

    if (statx(fd, "", AT_EMPTY_PATH, STATX_DIOALIGN, &st) == 0 && (st.stx_mask & STATX_DIOALIGN))
        return st.stx_dio_offset_align > 0 && st.stx_dio_offset_align <= IO_ALIGN &&
               st.stx_dio_mem_align <= IO_ALIGN;
#endif
    return fd >= 0;
}

static int open_fd(struct file_dir *d, const char *name, int flags, bool *direct)
{
    int fd = openat(d->fd, name, flags | O_DIRECT | O_CLOEXEC);

    *direct = fd >= 0 && direct_suits(fd);
    if (*direct || (fd < 0 && errno != EINVAL))
        return fd;
    if (fd >= 0)
        close(fd);
    return openat(d->fd, name, flags | O_CLOEXEC);
}

static int file_size(struct io_file *f)
{
    struct stat st;

    if (fstat(f->fd, &st) != 0)
        return errno;
    f->block = S_ISBLK(st.st_mode);
    f->size = (uint64_t)st.st_size;
    if (f->block)
        return ioctl(f->fd, BLKGETSIZE64, &f->size) == 0 ? 0 : errno;
    return S_ISREG(st.st_mode) ? 0 : EINVAL;
}

/*
 * A writable device file is locked as well. Requests in flight outlive a killed process for a
 * moment and hold the open file: once we have its lock, no write of a predecessor can land on what
 * we write.
 */
static int file_claim(int fd)
{
    const struct timespec pause = {.tv_nsec = 1000000};

    for (uint32_t ms = 0; flock(fd, LOCK_EX | LOCK_NB) != 0; ms++) {
        if (errno != EWOULDBLOCK && errno != EINTR)
            return io_errno_der(errno);
        if (ms == CLAIM_MS)
            return -DER_BUSY;
        nanosleep(&pause, NULL);
    }
    return 0;
}

static char *full_name(const struct io_dir *dir, const char *name)
{
    size_t len = strlen(dir->path) + strlen(name) + 2;
    char *s = base_alloc(len);

    if (s)
        snprintf(s, len, "%s/%s", dir->path, name);
    return s;
}

static int choose_backend(struct file_dir *d, struct rt_xs *xs, const struct io_file *f,
                          bool direct, struct io_dev **dev)
{
    bool ring = rt_xs_ring(xs) != NULL;

    if (ring && direct)
        return uring_dev_create(xs, f, dev);
    if (!d->said_fallback) {
        LOG_INFO("%s: %s: using threads with pread and pwrite, which is slower", f->name,
                 ring ? "the file system does not support O_DIRECT" : "io_uring is not available");
        d->said_fallback = true;
    }
    return threads_dev_create(xs, f, dev);
}

static int file_open(struct io_dir *dir, struct rt_xs *xs, const char *name, bool readonly,
                     struct io_dev **dev, struct err *e)
{
    struct io_file f = {.readonly = readonly};
    bool direct;
    int rc, err;

    f.fd = open_fd(of(dir), name, readonly ? O_RDONLY : O_RDWR, &direct);
    if (f.fd < 0)
        return fail(e, errno, "open device", dir->path, name);
    rc = readonly ? 0 : file_claim(f.fd);
    if (rc != 0) {
        err_setf(
            e, rc, "close it there, or try again in a moment",
            "it is open for writing elsewhere, or writes of an ended process are still under way",
            "cannot open device %s/%s", dir->path, name);
        goto out_close;
    }
    err = file_size(&f);
    if (err != 0) {
        rc = err == EINVAL ? err_setf(e, -DER_INVAL, "remove it or choose another name",
                                      "it is neither a file nor a block device",
                                      "cannot open device %s/%s", dir->path, name)
                           : fail(e, err, "open device", dir->path, name);
        goto out_close;
    }
    f.size = ROUND_DOWN(f.size, IO_ALIGN);
    f.name = full_name(dir, name);
    rc = f.name ? choose_backend(of(dir), xs, &f, direct, dev) : -DER_NOMEM;
    if (rc == 0)
        return 0;
    base_free((void *)(uintptr_t)f.name);
    err_setf(e, rc, "free memory and try again", "out of memory or threads",
             "cannot open device %s/%s", dir->path, name);
out_close:
    close(f.fd);
    return rc;
}

static int file_create(struct io_dir *dir, struct rt_xs *xs, const char *name, uint64_t size,
                       struct io_dev **dev, struct err *e)
{
    struct file_dir *d = of(dir);
    int rc, fd;

    /* Without O_DIRECT: a file system that refuses it has made the file by then. */
    fd = openat(d->fd, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return fail(e, errno, "create device", dir->path, name);
    rc = io_file_extend(fd, 0, size);
    close(fd);
    if (rc == -DER_NOSPACE)
        err_setf(e, rc, advice(ENOSPC), "the file system has not enough free space",
                 "cannot create device %s/%s", dir->path, name);
    else if (rc != 0)
        err_setf(e, rc, advice(0), "its space could not be allocated", "cannot create device %s/%s",
                 dir->path, name);
    else
        rc = file_open(dir, xs, name, false, dev, e);
    if (rc != 0)
        unlinkat(d->fd, name, 0);
    return rc;
}

static int file_remove(struct io_dir *dir, const char *name, struct err *e)
{
    if (unlinkat(of(dir)->fd, name, 0) == 0)
        return 0;
    return fail(e, errno, "remove device", dir->path, name);
}

/* ---- The names ---- */

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool is_device(int dir_fd, const char *name)
{
    struct stat st;

    return io_name_is_valid(name) && fstatat(dir_fd, name, &st, 0) == 0 &&
           (S_ISREG(st.st_mode) || S_ISBLK(st.st_mode));
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
    int rc, fd = openat(of(dir)->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
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

static int fsync_dir(int fd)
{
    /* EINVAL: a file system whose names need no sync. */
    return fsync(fd) == 0 || errno == EINVAL ? 0 : io_errno_der(errno);
}

static int file_sync(struct io_dir *dir)
{
    return fsync_dir(of(dir)->fd);
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
    struct file_dir *d = of(dir);
    char why[160];
    int fd, rc;

    fd = openat(d->fd, LOCK_NAME, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        return fail(e, errno, "lock", dir->path, "");
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        if (errno == EWOULDBLOCK) {
            holder(fd, why, sizeof(why));
            rc = err_setf(e, -DER_BUSY, "close it there first, or end that process", why,
                          "cannot lock %s", dir->path);
        } else {
            rc = fail(e, errno, "lock", dir->path, "");
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
    struct file_dir *d = of(dir);

    if (d->lock_fd >= 0) {
        if (d->lock_pid == getpid() && ftruncate(d->lock_fd, 0) != 0)
            LOG_WARN("%s: cannot empty the file \"lock\"", dir->path);
        close(d->lock_fd); /* not LOCK_UN: in a forked child that would unlock the parent's */
    }
    close(d->fd);
    base_free((void *)(uintptr_t)dir->path);
    base_free(d);
}

static uint64_t file_room(struct io_dir *dir)
{
    struct statvfs st;

    return fstatvfs(of(dir)->fd, &st) == 0 ? (uint64_t)st.f_bavail * st.f_frsize : 0;
}

static const struct io_dir_ops file_dir_ops = {
    .create = file_create,
    .open = file_open,
    .remove = file_remove,
    .list = file_list,
    .sync = file_sync,
    .lock = file_lock,
    .close = file_close,
    .room = file_room,
};

/* ---- Opening a directory ---- */

/* Makes it, its name durable in its parent. */
static int make_dir(const char *path, struct err *e)
{
    char *parent = base_strdup(path), *slash;
    int fd, rc = 0;

    if (!parent)
        return -DER_NOMEM;
    if (mkdir(path, 0700) != 0) {
        rc = errno == EEXIST ? 0 : fail(e, errno, "create directory", path, "");
        goto out;
    }
    slash = parent + strlen(parent);
    while (slash > parent + 1 && slash[-1] == '/')
        *--slash = '\0';
    slash = strrchr(parent, '/');
    if (slash)
        slash[slash == parent] = '\0';
    fd = open(slash ? parent : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0) { /* a parent we may write but not read cannot be synced */
        rc = fsync_dir(fd);
        close(fd);
    }
    if (rc != 0)
        err_setf(e, rc, advice(0), "its parent directory could not be synced",
                 "cannot create directory %s", path);
out:
    base_free(parent);
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
        return fail(e, errno, "open directory", path, "");
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
