/*
 * Devices of a directory of the file system: regular files in it, and files and block devices that
 * lie elsewhere, to which a symbolic link in it leads. Opened with O_DIRECT for io_uring, or, where
 * one of the two is refused, served by threads.c; in persistent memory by pmem.c.
 *
 * What Tarn makes it may remove: a regular file is made by file_create(), with O_EXCL, so what a
 * name led to before is never overwritten, and goes with its name. A block device was there before
 * and stays.
 *
 * A device that is open for writing has no other writer. A file has flock(); a block device O_EXCL
 * as well, which the kernel refuses while a file system, a volume or another such open holds it.
 */
#include "io/dir_file.h"
#include "io/backend.h"
#include "base/err.h"
#include "base/fail.h"
#include "base/log.h"
#include "daos_errno.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define CLAIM_MS 2000u /* how long requests of a killed process may take to end */

/* ---- Where a device lies ---- */

bool file_target(struct io_dir *dir, const char *name, char path[IO_PATH_MAX])
{
    ssize_t n = readlinkat(file_dir_of(dir)->fd, name, path, IO_PATH_MAX - 1);

    path[MAX(n, 0)] = '\0';
    return n > 0;
}

/* What messages call it: where a link leads, or its name in the directory. */
static char *place_of(struct io_dir *dir, const char *name, bool *elsewhere)
{
    size_t len = MAX(strlen(dir->path) + strlen(name) + 2, (size_t)IO_PATH_MAX);
    char *s = base_alloc(len);

    *elsewhere = false;
    if (!s)
        return NULL;
    *elsewhere = file_target(dir, name, s);
    if (!*elsewhere)
        snprintf(s, len, "%s/%s", dir->path, name);
    return s;
}

static int nomem(struct err *e, const struct io_dir *dir, const char *what, const char *name)
{
    return err_setf(e, -DER_NOMEM, "free memory and try again", "out of memory or threads",
                    "cannot %s device %s/%s", what, dir->path, name);
}

int file_link(struct io_dir *dir, const char *name, const char *path, struct err *e)
{
    if (path[0] != '/' || strlen(path) >= IO_PATH_MAX)
        return err_setf(e, -DER_INVAL, "give a path that begins with '/'",
                        "the path of a device must be absolute", "cannot use device %s", path);
    if (symlinkat(path, file_dir_of(dir)->fd, name) != 0)
        return file_fail(e, errno, "name a device in", dir->path, name);
    return 0;
}

int file_unlink(struct io_dir *dir, const char *name, struct err *e)
{
    if (unlinkat(file_dir_of(dir)->fd, name, 0) == 0)
        return 0;
    return file_fail(e, errno, "remove the name", dir->path, name);
}

/* ---- Opening ---- */

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

/* What a writer adds to its flags so that a block device is its own. */
static int exclusive(struct file_dir *d, const char *name)
{
    struct stat st;

    return fstatat(d->fd, name, &st, 0) == 0 && S_ISBLK(st.st_mode) ? O_EXCL : 0;
}

/*
 * Opens for writing, alone. Requests in flight outlive a killed process for a moment and hold the
 * open file: once it is ours, no write of a predecessor can land on what we write. Returns an errno
 * value; EWOULDBLOCK, EBUSY: somebody else has it.
 */
static int open_alone(struct file_dir *d, const char *name, int *fd, bool *direct)
{
    const struct timespec pause = {.tv_nsec = 1000000};
    int flags = O_RDWR | exclusive(d, name), err;

    for (uint32_t ms = 0;; ms++) {
        *fd = open_fd(d, name, flags, direct);
        if (*fd >= 0 && flock(*fd, LOCK_EX | LOCK_NB) == 0)
            return 0;
        err = errno;
        if (*fd >= 0)
            close(*fd);
        if ((err != EWOULDBLOCK && err != EINTR && err != EBUSY) || ms == CLAIM_MS)
            return err;
        nanosleep(&pause, NULL);
    }
}

static int open_any(struct file_dir *d, const char *name, bool readonly, struct io_file *f,
                    bool *direct)
{
    if (!readonly)
        return open_alone(d, name, &f->fd, direct);
    f->fd = open_fd(d, name, O_RDONLY, direct);
    return f->fd >= 0 ? 0 : errno;
}

static int refuse_open(struct err *e, int err, const char *at, bool elsewhere)
{
    char why[ERR_PART_MAX]; /* names the device: who asked for a pool may not have named it */

    if (err == EBUSY) {
        snprintf(why, sizeof(why), "%.120s is in use: mounted, part of a volume, or open elsewhere",
                 at);
        return err_setf(e, -DER_BUSY, "unmount it or close it there, or name another device", why,
                        "cannot open device %s", at);
    }
    if (err == EWOULDBLOCK || err == EINTR)
        return err_setf(
            e, -DER_BUSY, "close it there, or try again in a moment",
            "it is open for writing elsewhere, or writes of an ended process are still under way",
            "cannot open device %s", at);
    if (err == ENOENT && elsewhere) {
        snprintf(why, sizeof(why), "the pool's directory has a link to %.120s, which is not there",
                 at);
        return err_setf(e, -DER_NONEXIST,
                        "attach it, or make the link in the pool's directory lead to where it is",
                        why, "cannot open device %s", at);
    }
    return file_fail(e, err, "open device", at, "");
}

static int file_size(struct io_file *f, const char *at, struct err *e)
{
    char why[96];
    struct stat st;
    int block = 0;

    if (fstat(f->fd, &st) != 0)
        return file_fail(e, errno, "open device", at, "");
    f->fixed = S_ISBLK(st.st_mode);
    f->size = (uint64_t)st.st_size;
    if (!f->fixed && !S_ISREG(st.st_mode))
        return err_setf(e, -DER_INVAL, "remove it or choose another name",
                        "it is neither a file nor a block device", "cannot open device %s", at);
    if (!f->fixed)
        return 0;
    if (ioctl(f->fd, BLKGETSIZE64, &f->size) != 0 || ioctl(f->fd, BLKSSZGET, &block) != 0)
        return file_fail(e, errno, "open device", at, "");
    if (block <= (int)IO_ALIGN)
        return 0;
    snprintf(why, sizeof(why), "its blocks have %d bytes, Tarn writes as few as %u", block,
             IO_ALIGN);
    return err_setf(e, -DER_NOTSUPPORTED, "use a device with blocks of 512 or 4096 bytes", why,
                    "cannot open device %s", at);
}

static int choose_backend(struct file_dir *d, struct rt_xs *xs, const struct io_file *f,
                          bool direct, struct io_dev **dev)
{
    bool ring = rt_xs_ring(xs) != NULL;

    if (!f->readonly && !f->fixed && pmem_suits(f->fd)) {
        int rc = pmem_dev_create(xs, f, dev);

        if (rc != -DER_NOTSUPPORTED)
            return rc;
    }
    if (!f->fixed && tmpfs_suits(f->fd))
        return tmpfs_dev_create(xs, f, dev);
    if (ring && direct)
        return uring_dev_create(xs, f, dev);
    if (!d->said_fallback) {
        LOG_INFO("%s: %s: using threads with pread and pwrite, which is slower", f->name,
                 ring ? "the file system does not support O_DIRECT" : "io_uring is not available");
        d->said_fallback = true;
    }
    return threads_dev_create(xs, f, dev);
}

int file_open(struct io_dir *dir, struct rt_xs *xs, const char *name, bool readonly,
              struct io_dev **dev, struct err *e)
{
    struct io_file f = {.readonly = readonly};
    bool direct, elsewhere;
    char *at = place_of(dir, name, &elsewhere);
    int rc, err;

    if (!at)
        return nomem(e, dir, "open", name);
    err = open_any(file_dir_of(dir), name, readonly, &f, &direct);
    if (err != 0) {
        rc = refuse_open(e, err, at, elsewhere);
        goto out_free;
    }
    rc = file_size(&f, at, e);
    if (rc != 0)
        goto out_close;
    f.size = ROUND_DOWN(f.size, IO_ALIGN);
    f.name = at;
    rc = choose_backend(file_dir_of(dir), xs, &f, direct, dev);
    if (rc == 0)
        return 0;
    nomem(e, dir, "open", name);
out_close:
    close(f.fd);
out_free:
    base_free(at);
    return rc;
}

/* ---- Making and removing ---- */

/* The file of size bytes, which was not there. */
static int make_file(struct file_dir *d, const char *at, bool elsewhere, uint64_t size,
                     const char *shown, struct err *e)
{
    /* Without O_DIRECT: a file system that refuses it has made the file by then. */
    int rc, fd = openat(d->fd, at, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

    if (fd < 0)
        return file_fail(e, errno, "create device", shown, "");
    rc = io_file_extend(fd, 0, size);
    close(fd);
    if (rc == 0 && elsewhere)
        rc = file_sync_parent(at);
    if (rc == -DER_NOSPACE)
        err_setf(e, rc, file_advice(ENOSPC), "the file system has not enough free space",
                 "cannot create device %s", shown);
    else if (rc != 0)
        err_setf(e, rc, file_advice(0), "its space could not be allocated",
                 "cannot create device %s", shown);
    if (rc != 0)
        unlinkat(d->fd, at, 0);
    return rc;
}

int file_create(struct io_dir *dir, struct rt_xs *xs, const char *name, uint64_t size,
                struct io_dev **dev, struct err *e)
{
    struct file_dir *d = file_dir_of(dir);
    bool elsewhere, made = false;
    char *shown = place_of(dir, name, &elsewhere);
    const char *at = elsewhere ? shown : name;
    int rc = 0;

    if (!shown)
        return nomem(e, dir, "create", name);
    if (!elsewhere || exclusive(d, name) == 0) {
        rc = make_file(d, at, elsewhere, size, shown, e);
        made = rc == 0;
    }
    if (rc == 0)
        rc = file_open(dir, xs, name, false, dev, e);
    if (rc != 0 && made)
        unlinkat(d->fd, at, 0);
    base_free(shown);
    return rc;
}

/* The file that a link leads to; anything else stays. */
static int remove_target(struct io_dir *dir, const char *name, struct err *e)
{
    int fd = file_dir_of(dir)->fd, rc = 0;
    bool elsewhere;
    char *at = place_of(dir, name, &elsewhere);
    struct stat st;

    if (!at)
        return nomem(e, dir, "remove", name);
    if (fstatat(fd, at, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode) &&
        unlinkat(fd, at, 0) != 0)
        rc = file_fail(e, errno, "remove device", at, "");
    base_free(at);
    return rc;
}

int file_remove(struct io_dir *dir, const char *name, struct err *e)
{
    int fd = file_dir_of(dir)->fd, rc = 0;
    struct stat st;

    if (fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(st.st_mode))
        rc = remove_target(dir, name, e);
    if (rc == 0 && unlinkat(fd, name, 0) != 0)
        rc = file_fail(e, errno, "remove device", dir->path, name);
    return rc;
}
