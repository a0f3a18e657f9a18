/* File contents. */
#include <linux/falloc.h>
#include "posix/dfuse.h"

#define READ_ALIGN 4096u /* reads land in buffers the device can write to directly */

void dfuse_opened(struct dfuse *d, struct inode *i)
{
    pthread_mutex_lock(&d->lock);
    i->opens++;
    pthread_mutex_unlock(&d->lock);
}

/* The kernel may keep the pages it has if the file is as it was when it was last closed here. */
static bool unchanged(const struct inode *i, const struct stat *st)
{
    return i->seen_mtime.tv_sec != 0 && i->seen_mtime.tv_sec == st->st_mtim.tv_sec &&
           i->seen_mtime.tv_nsec == st->st_mtim.tv_nsec && i->seen_size == st->st_size;
}

void dfuse_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
    struct dfuse *d = DFUSE(req);
    struct inode *i = dfuse_inode(d, ino);
    struct stat st;
    int rc = 0;

    if ((fi->flags & O_ACCMODE) != O_RDONLY && d->conf.readonly) {
        fuse_reply_err(req, EROFS);
        return;
    }
    if (i->dead) {
        fuse_reply_err(req, ENOENT);
        return;
    }
    if (fi->flags & O_TRUNC)
        rc = dfs_punch(d->dfs, i->obj, 0, DFS_MAX_FSIZE);
    else if (d->conf.caching)
        rc = dfuse_stat(d, i, &st);
    if (rc != 0) {
        fuse_reply_err(req, rc);
        return;
    }
    fi->keep_cache = d->conf.caching && !(fi->flags & O_TRUNC) && (i->opens > 0 || unchanged(i, &st));
    fi->direct_io = !d->conf.caching;
    dfuse_opened(d, i);
    fuse_reply_open(req, fi);
}

void dfuse_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, struct fuse_file_info *fi)
{
    struct dfuse *d = DFUSE(req);
    daos_size_t got = 0;
    d_iov_t iov;
    d_sg_list_t sgl = {.sg_nr = 1, .sg_iovs = &iov};
    void *buf;
    int rc;

    if (posix_memalign(&buf, READ_ALIGN, size == 0 ? 1 : size) != 0) {
        fuse_reply_err(req, ENOMEM);
        return;
    }
    d_iov_set(&iov, buf, size);
    rc = dfs_read(d->dfs, dfuse_inode(d, ino)->obj, &sgl, (daos_off_t)off, &got, NULL);
    if (rc == 0)
        fuse_reply_buf(req, buf, got);
    else
        fuse_reply_err(req, rc);
    free(buf);
}

void dfuse_write(fuse_req_t req, fuse_ino_t ino, const char *buf, size_t size, off_t off, struct fuse_file_info *fi)
{
    struct dfuse *d = DFUSE(req);
    d_iov_t iov;
    d_sg_list_t sgl = {.sg_nr = 1, .sg_iovs = &iov};
    int rc;

    d_iov_set(&iov, (void *)buf, size);
    rc = dfs_write(d->dfs, dfuse_inode(d, ino)->obj, &sgl, (daos_off_t)off, NULL);
    if (rc == 0)
        fuse_reply_write(req, size);
    else
        fuse_reply_err(req, rc);
}

void dfuse_flush(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
    fuse_reply_err(req, 0); /* what reached us is durable */
}

void dfuse_fsync(fuse_req_t req, fuse_ino_t ino, int datasync, struct fuse_file_info *fi)
{
    fuse_reply_err(req, 0);
}

void dfuse_release(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
    struct dfuse *d = DFUSE(req);
    struct inode *i = dfuse_inode(d, ino);
    struct stat st;
    bool drop = false, last;

    pthread_mutex_lock(&d->lock);
    last = --i->opens == 0;
    if (last && i->unlinked && !i->dead) {
        i->dead = true;
        drop = true;
    }
    pthread_mutex_unlock(&d->lock);
    if (drop) {
        dfs_drop(d->dfs, i->oid);
    } else if (last && d->conf.caching && !i->unlinked && dfuse_stat(d, i, &st) == 0) {
        i->seen_mtime = st.st_mtim;
        i->seen_size = st.st_size;
    }
    fuse_reply_err(req, 0);
}

void dfuse_fallocate(fuse_req_t req, fuse_ino_t ino, int mode, off_t off, off_t len, struct fuse_file_info *fi)
{
    struct dfuse *d = DFUSE(req);
    struct inode *i = dfuse_inode(d, ino);
    int rc = EOPNOTSUPP; /* space is not reserved ahead: the store never overwrites */

    if (mode == (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE)) {
        daos_size_t size;

        rc = dfs_get_size(d->dfs, i->obj, &size);
        /* a hole that reaches the end must not shorten the file */
        if (rc == 0 && (daos_size_t)off < size)
            rc = dfs_punch(d->dfs, i->obj, (daos_off_t)off, (daos_size_t)len);
        if (rc == 0 && (daos_size_t)(off + len) >= size && (daos_size_t)off < size)
            rc = dfs_punch(d->dfs, i->obj, size, DFS_MAX_FSIZE);
    }
    fuse_reply_err(req, rc);
}
