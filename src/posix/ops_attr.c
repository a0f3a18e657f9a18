/* Attributes, extended attributes, and the file system's own figures. */
#include <sys/statvfs.h>
#include <sys/xattr.h>
#include <sys/xattr.h>
#include <time.h>
#include "posix/dfuse.h"

void dfuse_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
    struct dfuse *d = DFUSE(req);
    struct stat st;
    int rc = dfuse_stat(d, dfuse_inode(d, ino), &st);

    if (rc == 0)
        fuse_reply_attr(req, &st, d->conf.attr_s);
    else
        fuse_reply_err(req, rc);
}

static int set_flags(const struct stat *attr, int to_set, struct stat *st)
{
    int flags = 0;

    if (to_set & FUSE_SET_ATTR_MODE) {
        st->st_mode = attr->st_mode & ~(mode_t)S_ISVTX;
        flags |= DFS_SET_ATTR_MODE;
    }
    if (to_set & FUSE_SET_ATTR_UID) {
        st->st_uid = attr->st_uid;
        flags |= DFS_SET_ATTR_UID;
    }
    if (to_set & FUSE_SET_ATTR_GID) {
        st->st_gid = attr->st_gid;
        flags |= DFS_SET_ATTR_GID;
    }
    if (to_set & FUSE_SET_ATTR_SIZE) {
        st->st_size = attr->st_size;
        flags |= DFS_SET_ATTR_SIZE;
    }
    if (to_set & (FUSE_SET_ATTR_MTIME | FUSE_SET_ATTR_MTIME_NOW)) {
        st->st_mtim = attr->st_mtim;
        if (to_set & FUSE_SET_ATTR_MTIME_NOW)
            clock_gettime(CLOCK_REALTIME, &st->st_mtim);
        flags |= DFS_SET_ATTR_MTIME;
    }
    if (to_set & (FUSE_SET_ATTR_ATIME | FUSE_SET_ATTR_ATIME_NOW))
        flags |= DFS_SET_ATTR_ATIME; /* accepted; access times are not stored */
    return flags;
}

/* An unlinked file has no entry to write to: the size is real, the rest is remembered. */
static int setattr_unlinked(struct dfuse *d, struct inode *i, const struct stat *want, int flags,
                            struct stat *st)
{
    int rc = 0;

    pthread_mutex_lock(&d->lock);
    if (i->dead)
        rc = ESTALE; /* a change of its size would make the object anew */
    pthread_mutex_unlock(&d->lock);
    if (rc != 0)
        return rc;
    if (flags & DFS_SET_ATTR_SIZE) {
        struct place *at = dfuse_place_get(d, i);

        rc = dfs_punch(d->dfs, at->obj, (daos_off_t)want->st_size, DFS_MAX_FSIZE);
        dfuse_place_put(d, at);
    }
    pthread_mutex_lock(&d->lock);
    if (flags & DFS_SET_ATTR_MODE)
        i->st.st_mode = (i->st.st_mode & S_IFMT) | (want->st_mode & ~S_IFMT);
    if (flags & DFS_SET_ATTR_UID)
        i->st.st_uid = want->st_uid;
    if (flags & DFS_SET_ATTR_GID)
        i->st.st_gid = want->st_gid;
    if (flags & DFS_SET_ATTR_MTIME)
        i->st.st_mtim = want->st_mtim;
    pthread_mutex_unlock(&d->lock);
    return rc != 0 ? rc : dfuse_stat(d, i, st);
}

struct setattr {
    struct stat want, got;
    int flags;
};

static int setattr_op(struct dfuse *d, dfs_obj_t *obj, void *arg)
{
    struct setattr *s = arg;

    s->got = s->want;
    return dfs_osetattr(d->dfs, obj, &s->got, s->flags);
}

static bool is_unlinked(struct dfuse *d, struct inode *i)
{
    bool unlinked;

    pthread_mutex_lock(&d->lock);
    unlinked = i->unlinked;
    pthread_mutex_unlock(&d->lock);
    return unlinked;
}

static int setattr(struct dfuse *d, struct inode *i, struct setattr *s)
{
    int rc = ESTALE;

    if (s->flags == 0)
        return dfuse_stat(d, i, &s->got);
    if (s->flags & DFS_SET_ATTR_SIZE)
        __atomic_store_n(&i->wrote, true, __ATOMIC_RELAXED);
    if (!is_unlinked(d, i))
        rc = dfuse_by_name(d, i, setattr_op, s);
    if (rc == ESTALE && is_unlinked(d, i))
        return setattr_unlinked(d, i, &s->want, s->flags, &s->got);
    if (rc != 0)
        return rc;
    s->got.st_ino = dfuse_st_ino_of(d, i);
    pthread_mutex_lock(&d->lock);
    i->mode = s->got.st_mode;
    i->gid = s->got.st_gid;
    pthread_mutex_unlock(&d->lock);
    return 0;
}

void dfuse_setattr(fuse_req_t req, fuse_ino_t ino, struct stat *attr, int to_set,
                   struct fuse_file_info *fi)
{
    struct dfuse *d = DFUSE(req);
    struct setattr s = {0};
    int rc = EROFS;

    s.flags = set_flags(attr, to_set, &s.want);
    if (!d->conf.readonly)
        rc = setattr(d, dfuse_inode(d, ino), &s);
    if (rc == 0)
        fuse_reply_attr(req, &s.got, d->conf.attr_s);
    else
        fuse_reply_err(req, rc);
}

void dfuse_statfs(fuse_req_t req, fuse_ino_t ino)
{
    struct dfuse *d = DFUSE(req);
    daos_pool_info_t info = {.pi_bits = DPI_SPACE};
    struct statvfs sv = {0};
    uint64_t total, left;
    int rc = daos_pool_query(d->poh, NULL, &info, NULL, NULL);

    if (rc != 0) {
        fuse_reply_err(req, EIO);
        return;
    }
    total = info.pi_space.ps_space.s_total[0] + info.pi_space.ps_space.s_total[1];
    left = info.pi_space.ps_space.s_free[0] + info.pi_space.ps_space.s_free[1];
    sv.f_bsize = 4096;
    sv.f_frsize = 4096;
    sv.f_blocks = total / 4096;
    sv.f_bfree = left / 4096;
    sv.f_bavail = sv.f_bfree;
    sv.f_files = (fsfilcnt_t)-1; /* inodes are not counted out */
    sv.f_ffree = (fsfilcnt_t)-1;
    sv.f_favail = (fsfilcnt_t)-1;
    sv.f_namemax = DFS_MAX_NAME;
    fuse_reply_statfs(req, &sv);
}

/* ---- Extended attributes ---- */

/* The kernel asks for the capabilities of a file at every write: files here have none, and storing
 * them would promise that they count. ACLs likewise. */
static bool foreign(const char *name)
{
    return strcmp(name, "security.capability") == 0 || strncmp(name, "system.", 7) == 0;
}

struct xattr {
    const char *name;
    void *value;
    daos_size_t size;
    int flags;
};

static int set_op(struct dfuse *d, dfs_obj_t *obj, void *arg)
{
    struct xattr *x = arg;
    int rc = dfs_setxattr(d->dfs, obj, x->name, x->value, x->size, x->flags);

    return rc == ENOENT && (x->flags & XATTR_REPLACE) ? ENODATA : rc;
}

static int get_op(struct dfuse *d, dfs_obj_t *obj, void *arg)
{
    struct xattr *x = arg;
    daos_size_t room = x->size;
    int rc = dfs_getxattr(d->dfs, obj, x->name, x->value, &room);

    if (rc == 0)
        x->size = room;
    return rc == E2BIG ? ERANGE : rc;
}

static int list_op(struct dfuse *d, dfs_obj_t *obj, void *arg)
{
    struct xattr *x = arg;
    daos_size_t need = x->size;
    int rc = dfs_listxattr(d->dfs, obj, x->value, &need);

    if (rc == 0 && x->size > 0 && need > x->size)
        return ERANGE;
    if (rc == 0)
        x->size = need;
    return rc;
}

static int remove_op(struct dfuse *d, dfs_obj_t *obj, void *arg)
{
    struct xattr *x = arg;
    int rc = dfs_removexattr(d->dfs, obj, x->name);

    return rc == ENOENT ? ENODATA : rc;
}

void dfuse_setxattr(fuse_req_t req, fuse_ino_t ino, const char *name, const char *value,
                    size_t size, int flags)
{
    struct dfuse *d = DFUSE(req);
    struct xattr x = {.name = name, .value = (void *)value, .size = size, .flags = flags};

    if (d->conf.readonly)
        fuse_reply_err(req, EROFS);
    else if (foreign(name))
        fuse_reply_err(req, ENOTSUP);
    else
        fuse_reply_err(req, dfuse_by_name(d, dfuse_inode(d, ino), set_op, &x));
}

/* Answers what op gave into room for `size` bytes; 0: only how many there are. */
static void reply_xattr(fuse_req_t req, fuse_ino_t ino, const char *name, size_t size,
                        int (*op)(struct dfuse *d, dfs_obj_t *obj, void *arg))
{
    struct dfuse *d = DFUSE(req);
    struct xattr x = {.name = name, .value = size > 0 ? malloc(size) : NULL, .size = size};
    int rc;

    if (size > 0 && x.value == NULL) {
        fuse_reply_err(req, ENOMEM);
        return;
    }
    rc = dfuse_by_name(d, dfuse_inode(d, ino), op, &x);
    if (rc != 0)
        fuse_reply_err(req, rc);
    else if (size == 0)
        fuse_reply_xattr(req, x.size);
    else
        fuse_reply_buf(req, x.value, x.size);
    free(x.value);
}

void dfuse_getxattr(fuse_req_t req, fuse_ino_t ino, const char *name, size_t size)
{
    if (strncmp(name, "system.", 7) == 0)
        fuse_reply_err(req, ENOTSUP);
    else if (foreign(name))
        fuse_reply_err(req, ENODATA);
    else
        reply_xattr(req, ino, name, size, get_op);
}

void dfuse_listxattr(fuse_req_t req, fuse_ino_t ino, size_t size)
{
    reply_xattr(req, ino, NULL, size, list_op);
}

void dfuse_removexattr(fuse_req_t req, fuse_ino_t ino, const char *name)
{
    struct dfuse *d = DFUSE(req);
    struct xattr x = {.name = name};

    fuse_reply_err(req,
                   d->conf.readonly ? EROFS : dfuse_by_name(d, dfuse_inode(d, ino), remove_op, &x));
}
