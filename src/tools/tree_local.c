/* The local file system as a tree. Everything happens relative to directory descriptors, so that a
 * path that changes under us never leads elsewhere, and links are never followed below the top. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <daos_uns.h>

#include "base/assert.h"
#include "base/fail.h"
#include "tools/tree.h"

#define HOLE_BYTES (64u << 10) /* zeros of this size are not written */

struct entry *listing_add(struct listing *l, const char *name)
{
    if (l->nr == l->cap) {
        uint32_t cap = l->cap == 0 ? 128 : l->cap * 2;
        struct entry *grown = base_realloc(l->entries, (size_t)cap * sizeof(*grown));

        if (grown == NULL)
            return NULL;
        l->entries = grown;
        l->cap = cap;
    }
    struct entry *e = &l->entries[l->nr];
    memset(e, 0, sizeof(*e));
    e->name = base_strdup(name);
    if (e->name == NULL)
        return NULL;
    l->nr++;
    return e;
}

void listing_clear(struct listing *l)
{
    for (uint32_t i = 0; i < l->nr; i++)
        base_free(l->entries[i].name);
    l->nr = 0;
}

void listing_fini(struct listing *l)
{
    listing_clear(l);
    base_free(l->entries);
    memset(l, 0, sizeof(*l));
}

int listing_compare(const void *a, const void *b)
{
    return strcmp(((const struct entry *)a)->name, ((const struct entry *)b)->name);
}

mode_t tree_mode(const struct tree *t, const struct stat *st)
{
    mode_t mode = st->st_mode;

    if (!t->superuser && st->st_uid != geteuid())
        mode &= ~(mode_t)S_ISUID;
    if (!t->superuser && st->st_gid != getegid())
        mode &= ~(mode_t)S_ISGID;
    return mode;
}

/* The top may be a link to a directory; nothing below it is followed. */
static int dir_open(struct tree *t, struct tree_dir *parent, const char *name, bool make,
                    struct tree_dir *dir)
{
    int at = name == NULL ? AT_FDCWD : parent->fd;
    const char *path = name == NULL ? t->top : name;
    int flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC | (name == NULL ? 0 : O_NOFOLLOW);

    memset(dir, 0, sizeof(*dir));
    if (make && mkdirat(at, path, 0700) != 0 && errno != EEXIST)
        return errno;
    dir->fd = openat(at, path, flags);
    return dir->fd < 0 ? errno : 0;
}

static void dir_close(struct tree *t, struct tree_dir *dir)
{
    if (dir->stream != NULL)
        closedir(dir->stream);
    if (dir->fd >= 0)
        close(dir->fd);
    dir->stream = NULL;
    dir->fd = -1;
}

static int open_stream(struct tree_dir *dir)
{
    int fd = openat(dir->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0)
        return errno;
    dir->stream = fdopendir(fd);
    if (dir->stream == NULL) {
        int err = errno;

        close(fd);
        return err;
    }
    return 0;
}

static int dir_list(struct tree *t, struct tree_dir *dir, uint32_t max, struct listing *l)
{
    int rc = dir->stream == NULL ? open_stream(dir) : 0;

    for (uint32_t n = 0; rc == 0 && n < max;) {
        errno = 0;
        struct dirent *de = readdir(dir->stream);

        if (de == NULL) {
            rc = errno;
            dir->eof = rc == 0;
            if (dir->eof) {
                closedir(dir->stream);
                dir->stream = NULL;
            }
            break;
        }
        if (strcmp(de->d_name, ".") == 0 || strcmp(de->d_name, "..") == 0)
            continue;
        struct entry *e = listing_add(l, de->d_name);
        if (e == NULL)
            return ENOMEM;
        if (fstatat(dir->fd, e->name, &e->st, AT_SYMLINK_NOFOLLOW) != 0) {
            /* gone since: not an error of a listing */
            rc = errno == ENOENT ? 0 : errno;
            base_free(e->name);
            l->nr--;
        } else {
            e->xattrs = S_ISDIR(e->st.st_mode);
            n++;
        }
    }
    return rc;
}

static int set_owner(const struct tree *t, int fd, const struct stat *st)
{
    if (t->superuser && (st->st_uid != 0 || st->st_gid != 0) &&
        fchown(fd, st->st_uid, st->st_gid) != 0)
        return errno;
    return 0;
}

/* Of a file that has its data: a change of owner drops the set-id bits, as does a write by anybody
 * but root. */
static int set_owner_and_ids(const struct tree *t, int fd, const struct stat *st)
{
    mode_t mode = tree_mode(t, st);
    int rc = set_owner(t, fd, st);

    if (rc == 0 && (mode & (S_ISUID | S_ISGID)) != 0 && fchmod(fd, mode & 07777) != 0)
        rc = errno;
    return rc;
}

static int set_times(int fd, const struct stat *st)
{
    struct timespec ts[2] = {{.tv_nsec = UTIME_OMIT}, st->st_mtim};

    return futimens(fd, ts) != 0 ? errno : 0;
}

static int dir_finish(struct tree *t, struct tree_dir *parent, const char *name,
                      struct tree_dir *dir, const struct stat *st)
{
    int rc = set_owner(t, dir->fd, st);

    if (rc == 0 && fchmod(dir->fd, tree_mode(t, st) & 07777) != 0)
        rc = errno;
    return rc == 0 ? set_times(dir->fd, st) : rc;
}

static int stat_one(struct tree *t, struct tree_dir *dir, const char *name, struct entry *e)
{
    return fstatat(dir->fd, name, &e->st, AT_SYMLINK_NOFOLLOW) != 0 ? errno : 0;
}

/* Attributes that a copy keeps: users' own, and trusted ones if we may set them. Not the one that
 * marks a link to a container. */
static bool xattr_kept(const struct tree *t, const char *attr)
{
    if (strcmp(attr, DUNS_XATTR_NAME) == 0)
        return false;
    return strncmp(attr, "user.", 5) == 0 || (t->superuser && strncmp(attr, "trusted.", 8) == 0);
}

static int get(struct tree *t, struct tree_dir *dir, struct entry *e, void *buf, size_t cap,
               daos_size_t *len, daos_event_t *ev, bool *pending)
{
    int fd = openat(dir->fd, e->name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    size_t at = 0;
    int rc = 0;

    *pending = false;
    if (fd < 0)
        return errno;
    while (at < cap) {
        ssize_t n = read(fd, (char *)buf + at, cap - at);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            rc = errno;
        if (n <= 0)
            break;
        at += (size_t)n;
        if (at == (size_t)e->st.st_size)
            break; /* the usual end; what is appended meanwhile belongs to the next copy */
    }
    *len = at;
    e->xattrs = flistxattr(fd, NULL, 0) > 0;
    close(fd);
    return rc;
}

/* A new file in place of whatever non-directory is there. Never writes into what exists: it might
 * be a link, or somebody's. */
static int create_new(struct tree_dir *dir, const char *name, mode_t mode, int *out)
{
    for (int attempt = 0;; attempt++) {
        int fd = openat(dir->fd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode & 07777);

        if (fd >= 0) {
            *out = fd;
            return 0;
        }
        if (errno != EEXIST || attempt == 8)
            return errno;
        if (unlinkat(dir->fd, name, 0) != 0 && errno != ENOENT)
            return errno;
    }
}

static int write_all(int fd, const void *buf, size_t len, uint64_t off)
{
    for (size_t at = 0; at < len;) {
        ssize_t n = pwrite(fd, (const char *)buf + at, len - at, (off_t)(off + at));

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return errno;
        at += (size_t)n;
    }
    return 0;
}

static int put(struct tree *t, struct tree_dir *dir, const struct entry *e, d_sg_list_t *sgl,
               daos_event_t *ev, bool *pending)
{
    int fd;
    int rc = create_new(dir, e->name, tree_mode(t, &e->st), &fd);

    *pending = false;
    if (rc != 0)
        return rc;
    if (sgl->sg_nr > 0)
        rc = write_all(fd, sgl->sg_iovs[0].iov_buf, sgl->sg_iovs[0].iov_len, 0);
    if (rc == 0)
        rc = set_owner_and_ids(t, fd, &e->st);
    if (rc == 0)
        rc = set_times(fd, &e->st);
    if (close(fd) != 0 && rc == 0)
        rc = errno;
    return rc;
}

static int file_open(struct tree *t, struct tree_dir *dir, struct entry *e, bool write,
                     struct tree_file *f)
{
    memset(f, 0, sizeof(*f));
    f->entry = e;
    f->write = write;
    if (write)
        return create_new(dir, e->name, tree_mode(t, &e->st), &f->fd);
    f->fd = openat(dir->fd, e->name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (f->fd < 0)
        return errno;
    posix_fadvise(f->fd, 0, 0, POSIX_FADV_SEQUENTIAL);
    e->xattrs = flistxattr(f->fd, NULL, 0) > 0;
    return 0;
}

static int file_read(struct tree *t, struct tree_file *f, uint64_t off, d_sg_list_t *sgl,
                     daos_size_t *len, daos_event_t *ev, bool *pending)
{
    size_t want = sgl->sg_iovs[0].iov_buf_len, at = 0;

    *pending = false;
    while (at < want) {
        ssize_t n =
            pread(f->fd, (char *)sgl->sg_iovs[0].iov_buf + at, want - at, (off_t)(off + at));

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return errno;
        if (n == 0)
            break;
        at += (size_t)n;
    }
    *len = at;
    return 0;
}

static bool is_zero(const char *buf, size_t len)
{
    return buf[0] == 0 && memcmp(buf, buf + 1, len - 1) == 0;
}

static int file_write(struct tree *t, struct tree_file *f, uint64_t off, d_sg_list_t *sgl,
                      daos_event_t *ev, bool *pending)
{
    const char *buf = sgl->sg_iovs[0].iov_buf;
    size_t len = sgl->sg_iovs[0].iov_len, n;
    int rc = 0;

    *pending = false;
    /* A container does not say where a file has holes. Zeros are left out: the file is new, and
     * file_close gives it its size. */
    for (size_t at = 0; rc == 0 && at < len; at += n) {
        n = MIN(len - at, (size_t)HOLE_BYTES);
        if (!is_zero(buf + at, n))
            rc = write_all(f->fd, buf + at, n, off + at);
    }
    return rc;
}

static int file_close(struct tree *t, struct tree_file *f, const struct stat *st)
{
    int rc = 0;

    if (st != NULL && ftruncate(f->fd, st->st_size) != 0)
        rc = errno;
    if (st != NULL && rc == 0)
        rc = set_owner_and_ids(t, f->fd, st);
    if (st != NULL && rc == 0)
        rc = set_times(f->fd, st);
    if (close(f->fd) != 0 && rc == 0)
        rc = errno;
    f->fd = -1;
    return rc;
}

static int file_next_data(struct tree *t, struct tree_file *f, uint64_t off, uint64_t size,
                          uint64_t *next)
{
    off_t at = lseek(f->fd, (off_t)off, SEEK_DATA);

    *next = off;
    if (at >= 0)
        *next = (uint64_t)at;
    else if (errno == ENXIO)
        *next = size;
    return 0; /* a file system that cannot tell: all is data */
}

static int read_link(struct tree *t, struct tree_dir *dir, const struct entry *e,
                     char target[PATH_MAX])
{
    ssize_t n = readlinkat(dir->fd, e->name, target, PATH_MAX - 1);

    if (n < 0)
        return errno;
    target[n] = '\0';
    return 0;
}

static int make_link(struct tree *t, struct tree_dir *dir, const struct entry *e,
                     const char *target)
{
    struct timespec ts[2] = {{.tv_nsec = UTIME_OMIT}, e->st.st_mtim};
    int rc = symlinkat(target, dir->fd, e->name) != 0 ? errno : 0;

    if (rc == EEXIST) {
        if (unlinkat(dir->fd, e->name, 0) != 0)
            return errno;
        rc = symlinkat(target, dir->fd, e->name) != 0 ? errno : 0;
    }
    if (rc == 0 && t->superuser &&
        fchownat(dir->fd, e->name, e->st.st_uid, e->st.st_gid, AT_SYMLINK_NOFOLLOW) != 0)
        rc = errno;
    if (rc == 0 && utimensat(dir->fd, e->name, ts, AT_SYMLINK_NOFOLLOW) != 0)
        rc = errno;
    return rc;
}

static int remove_one(struct tree *t, struct tree_dir *dir, const char *name)
{
    return unlinkat(dir->fd, name, 0) != 0 ? errno : 0;
}

/* Extended attributes have no calls relative to a directory: through /proc, which names the same
 * file. name NULL: dir itself. */
static void proc_path(const struct tree_dir *dir, const char *name, char *path, size_t len)
{
    snprintf(path, len, "/proc/self/fd/%d%s%s", dir->fd, name != NULL ? "/" : "/.",
             name != NULL ? name : "");
}

static int xattr_list(struct tree *t, struct tree_dir *dir, const char *name, char *buf,
                      size_t *len)
{
    char path[NAME_MAX + 64];
    size_t out = 0;

    proc_path(dir, name, path, sizeof(path));
    ssize_t n = llistxattr(path, buf, *len);
    if (n < 0 && (errno == ENOTSUP || errno == ENODATA))
        n = 0;
    if (n < 0)
        return errno;
    /* keep only the ones that are copied, in place */
    for (size_t at = 0; at < (size_t)n;) {
        size_t one = strlen(buf + at) + 1;

        if (xattr_kept(t, buf + at)) {
            memmove(buf + out, buf + at, one);
            out += one;
        }
        at += one;
    }
    *len = out;
    return 0;
}

static int xattr_get(struct tree *t, struct tree_dir *dir, const char *name, const char *attr,
                     void *buf, size_t *len)
{
    char path[NAME_MAX + 64];

    proc_path(dir, name, path, sizeof(path));
    ssize_t n = lgetxattr(path, attr, buf, *len);
    if (n < 0)
        return errno;
    *len = (size_t)n;
    return 0;
}

static int xattr_set(struct tree *t, struct tree_dir *dir, const char *name, const char *attr,
                     const void *buf, size_t len)
{
    char path[NAME_MAX + 64];

    if (!xattr_kept(t, attr))
        return 0;
    proc_path(dir, name, path, sizeof(path));
    return lsetxattr(path, attr, buf, len, 0) != 0 ? errno : 0;
}

static const struct tree_ops local_ops = {
    .dir_open = dir_open,
    .dir_close = dir_close,
    .dir_list = dir_list,
    .dir_finish = dir_finish,
    .stat = stat_one,
    .get = get,
    .put = put,
    .file_open = file_open,
    .file_read = file_read,
    .file_write = file_write,
    .file_close = file_close,
    .file_next_data = file_next_data,
    .readlink = read_link,
    .symlink = make_link,
    .remove = remove_one,
    .xattr_list = xattr_list,
    .xattr_get = xattr_get,
    .xattr_set = xattr_set,
};

void tree_local_init(struct tree *t, const char *top)
{
    memset(t, 0, sizeof(*t));
    t->ops = &local_ops;
    t->top = top;
    t->superuser = geteuid() == 0;
}
