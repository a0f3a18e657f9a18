/*
 * The workloads of files on a directory of the file system, for comparison. A pool has a change on
 * its medium before it answers; a file system has it there when it is asked to: files are opened
 * with O_DSYNC and directories synced after each change, unless the user wants neither.
 */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <daos/common.h>

#include "tools/bench.h"

#define NAME_SIZE    24
#define FTW_OPEN_MAX 16

static int der_of(int rc)
{
    return rc >= 0 ? 0 : daos_errno2der(errno);
}

static void path_of(const struct bench *b, char path[PATH_MAX])
{
    snprintf(path, PATH_MAX, "%s/%s", b->vs, b->label);
}

static int cannot_make(struct bench *b, int errnum)
{
    int rc =
        tool_fail_errno(b->t, errnum, "cannot make a directory in '%.150s' to compare with", b->vs);

    err_next(&b->t->err, "name a directory that is there and that you may write to");
    return rc;
}

int bench_local_make(struct bench *b)
{
    char path[PATH_MAX];

    if (b->vs[0] == '\0')
        return cannot_make(b, ENOENT);
    if (strlen(b->vs) + sizeof(b->label) + 1 >= sizeof(path))
        return cannot_make(b, ENAMETOOLONG);
    path_of(b, path);
    if (mkdir(path, 0700) != 0)
        return cannot_make(b, errno);
    b->vs_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (b->vs_fd >= 0)
        return 0;
    int errnum = errno;

    rmdir(path);
    return cannot_make(b, errnum);
}

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
    (void)st;
    (void)flag;
    (void)ftw;
    return remove(path);
}

int bench_local_remove(struct bench *b)
{
    char path[PATH_MAX];

    if (b->vs_fd < 0)
        return 0;
    close(b->vs_fd);
    b->vs_fd = -1;
    path_of(b, path);
    if (nftw(path, remove_one, FTW_OPEN_MAX, FTW_DEPTH | FTW_PHYS) == 0)
        return 0;
    int errnum = errno, rc = tool_fail_errno(b->t, errnum, "cannot remove directory %.150s", path);

    return rc;
}

static void close_fd(struct bench_worker *w)
{
    if (w->fd >= 0)
        close(w->fd);
}

/* ---- file ---- */

static int file_begin(struct bench_worker *w)
{
    char name[NAME_SIZE];

    snprintf(name, sizeof(name), "file%u", w->nr);
    w->fd = openat(w->b->vs_fd, name,
                   O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | (w->b->vs_cached ? 0 : O_DSYNC), 0600);
    return der_of(w->fd);
}

static int file_write(struct bench_worker *w, uint64_t slot)
{
    bench_mark(w, slot);
    ssize_t n = pwrite(w->fd, w->buf, w->size, (off_t)(slot * w->size));

    return n == (ssize_t)w->size ? 0 : n < 0 ? der_of(-1) : -DER_NOSPACE;
}

static int file_read(struct bench_worker *w, uint64_t slot)
{
    ssize_t n = pread(w->fd, w->buf, w->size, (off_t)(slot * w->size));

    return n < 0 ? der_of(-1) : bench_check(w, slot, (uint64_t)n);
}

static const struct bench_workload local_file = {
    "file",
    {{"write", file_write, BENCH_FILL, true, false}, {"read", file_read, BENCH_ANY, true, false}},
    file_begin,
    close_fd,
    4096,
};

/* ---- metadata ---- */

static void name_of(uint64_t slot, char name[NAME_SIZE])
{
    snprintf(name, NAME_SIZE, "f%llu", (unsigned long long)slot);
}

static int synced(struct bench_worker *w, int rc)
{
    return rc < 0 || w->b->vs_cached ? der_of(rc) : der_of(fsync(w->fd));
}

static int metadata_begin(struct bench_worker *w)
{
    char name[NAME_SIZE];

    snprintf(name, sizeof(name), "dir%u", w->nr);
    if (mkdirat(w->b->vs_fd, name, 0700) != 0)
        return der_of(-1);
    w->fd = openat(w->b->vs_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return der_of(w->fd);
}

static int metadata_create(struct bench_worker *w, uint64_t slot)
{
    char name[NAME_SIZE];
    int fd;

    name_of(slot, name);
    fd = openat(w->fd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd >= 0)
        close(fd);
    return synced(w, fd);
}

static int metadata_stat(struct bench_worker *w, uint64_t slot)
{
    char name[NAME_SIZE];
    struct stat st;

    name_of(slot, name);
    return der_of(fstatat(w->fd, name, &st, AT_SYMLINK_NOFOLLOW));
}

static int metadata_remove(struct bench_worker *w, uint64_t slot)
{
    char name[NAME_SIZE];

    name_of(slot, name);
    return synced(w, unlinkat(w->fd, name, 0));
}

static const struct bench_workload local_metadata = {
    "metadata",
    {{"create", metadata_create, BENCH_FILL, false, true},
     {"stat", metadata_stat, BENCH_ANY, false, false},
     {"remove", metadata_remove, BENCH_EACH, false, false}},
    metadata_begin,
    close_fd,
    0,
};

const struct bench_workload *bench_local_of(const struct bench_workload *load)
{
    return load == &bench_file ? &local_file : load == &bench_metadata ? &local_metadata : NULL;
}
