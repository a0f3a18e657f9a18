/* Attributes, extended attributes, and the file system's own figures. */
#include <sys/statvfs.h>
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
static int setattr_unlinked(struct dfuse *d, struct inode *i, const struct stat *want, int flags, struct stat *st)
{
    int rc = 0;

    if (flags & DFS_SET_ATTR_SIZE)
        rc = dfs_punch(d->dfs, i->obj, (daos_off_t)want->st_size, DFS_MAX_FSIZE);
    if (flags & DFS_SET_ATTR_MODE)
        i->st.st_mode = (i->st.st_mode & S_IFMT) | (want->st_mode & ~S_IFMT);
    if (flags & DFS_SET_ATTR_UID)
        i->st.st_uid = want->st_uid;
    if (flags & DFS_SET_ATTR_GID)
        i->st.st_gid = want->st_gid;
    if (flags & DFS_SET_ATTR_MTIME)
        i->st.st_mtim = want->st_mtim;
    return rc != 0 ? rc : dfuse_stat(d, i, st);
}

void dfuse_setattr(fuse_req_t req, fuse_ino_t ino, struct stat *attr, int to_set, struct fuse_file_info *fi)
{
    struct dfuse *d = DFUSE(req);
    struct inode *i = dfuse_inode(d, ino);
    struct stat st = {0};
    int flags = set_flags(attr, to_set, &st);
    int rc;

    if (d->conf.readonly)
        rc = EROFS;
    else if (i->unlinked)
        rc = setattr_unlinked(d, i, &st, flags, &st);
    else if (flags == 0)
        rc = dfuse_stat(d, i, &st);
    else
        rc = dfs_osetattr(d->dfs, i->obj, &st, flags);
    if (rc != 0) {
        fuse_reply_err(req, rc);
        return;
    }
    st.st_ino = i == &d->root ? FUSE_ROOT_ID : dfuse_st_ino(i->oid);
    fuse_reply_attr(req, &st, d->conf.attr_s);
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

void dfuse_setxattr(fuse_req_t req, fuse_ino_t ino, const char *name, const char *value, size_t size, int flags)
{
    struct dfuse *d = DFUSE(req);
    int rc = d->conf.readonly ? EROFS : dfs_setxattr(d->dfs, dfuse_inode(d, ino)->obj, name, value, size, flags);

    fuse_reply_err(req, rc == ENOENT && (flags & XATTR_REPLACE) ? ENODATA : rc);
}

void dfuse_getxattr(fuse_req_t req, fuse_ino_t ino, const char *name, size_t size)
{
    struct dfuse *d = DFUSE(req);
    daos_size_t len = size;
    char *buf = size > 0 ? malloc(size) : NULL;
    int rc;

    if (size > 0 && buf == NULL) {
        fuse_reply_err(req, ENOMEM);
        return;
    }
    rc = dfs_getxattr(d->dfs, dfuse_inode(d, ino)->obj, name, buf, &len);
    if (rc != 0)
        fuse_reply_err(req, rc == E2BIG ? ERANGE : rc);
    else if (size == 0)
        fuse_reply_xattr(req, len);
    else
        fuse_reply_buf(req, buf, len);
    free(buf);
}

void dfuse_listxattr(fuse_req_t req, fuse_ino_t ino, size_t size)
{
    struct dfuse *d = DFUSE(req);
    daos_size_t len = size;
    char *buf = size > 0 ? malloc(size) : NULL;
    int rc;

    if (size > 0 && buf == NULL) {
        fuse_reply_err(req, ENOMEM);
        return;
    }
    rc = dfs_listxattr(d->dfs, dfuse_inode(d, ino)->obj, buf, &len);
    if (rc == 0 && size > 0 && len > size)
        rc = ERANGE;
    if (rc != 0)
        fuse_reply_err(req, rc);
    else if (size == 0)
        fuse_reply_xattr(req, len);
    else
        fuse_reply_buf(req, buf, len);
    free(buf);
}

void dfuse_removexattr(fuse_req_t req, fuse_ino_t ino, const char *name)
{
    struct dfuse *d = DFUSE(req);
    int rc = d->conf.readonly ? EROFS : dfs_removexattr(d->dfs, dfuse_inode(d, ino)->obj, name);

    fuse_reply_err(req, rc == ENOENT ? ENODATA : rc);
}
