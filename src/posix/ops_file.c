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

/* Counts an open file, unless its object is gone: whether a removal under way keeps it is known
 * when that has ended. */
static int open_count(struct dfuse *d, struct inode *i)
{
    int rc = 0;

    pthread_mutex_lock(&d->lock);
    while (i->busy > 0)
        pthread_cond_wait(&d->settled, &d->lock);
    if (i->dead)
        rc = ESTALE;
    else
        i->opens++;
    pthread_mutex_unlock(&d->lock);
    return rc;
}

/* The page cache holds, or will hold, the data as of st. True if what it holds already is that. */
static bool cache_seen(struct dfuse *d, struct inode *i, const struct stat *st)
{
    bool same;

    pthread_mutex_lock(&d->lock);
    same = i->seen_mtime.tv_sec != 0 && i->seen_mtime.tv_sec == st->st_mtim.tv_sec &&
           i->seen_mtime.tv_nsec == st->st_mtim.tv_nsec && i->seen_size == st->st_size;
    if (i->wrote) /* open here, and changed here: newer than what was seen */
        same = true;
    i->seen_mtime = st->st_mtim;
    i->seen_size = st->st_size;
    pthread_mutex_unlock(&d->lock);
    return same;
}

static int truncate_to_nothing(struct dfuse *d, struct inode *i)
{
    struct place *at = dfuse_place_get(d, i);
    int rc = dfs_punch(d->dfs, at->obj, 0, DFS_MAX_FSIZE);

    dfuse_place_put(d, at);
    __atomic_store_n(&i->wrote, true, __ATOMIC_RELAXED);
    return rc;
}

void dfuse_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
    struct dfuse *d = DFUSE(req);
    struct inode *i = dfuse_inode(d, ino);
    struct stat st;
    int rc;

    if ((fi->flags & O_ACCMODE) != O_RDONLY && d->conf.readonly) {
        fuse_reply_err(req, EROFS);
        return;
    }
    rc = open_count(d, i);
    if (rc != 0) {
        fuse_reply_err(req, rc);
        return;
    }
    if (fi->flags & O_TRUNC)
        rc = truncate_to_nothing(d, i);
    else if (d->conf.keep_data)
        rc = dfuse_stat(d, i, &st);
    if (rc != 0) {
        dfuse_closed(d, i);
        fuse_reply_err(req, rc);
        return;
    }
    fi->keep_cache = d->conf.keep_data && !(fi->flags & O_TRUNC) && cache_seen(d, i, &st);
    fi->direct_io = d->conf.direct_io;
    if (fuse_reply_open(req, fi) != 0) /* interrupted: nobody will close it */
        dfuse_closed(d, i);
}

void dfuse_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, struct fuse_file_info *fi)
{
    struct dfuse *d = DFUSE(req);
    daos_size_t got = 0;
    d_iov_t iov;
    d_sg_list_t sgl = {.sg_nr = 1, .sg_iovs = &iov};
    struct place *at;
    void *buf;
    int rc;

    if (posix_memalign(&buf, READ_ALIGN, size == 0 ? 1 : size) != 0) {
        fuse_reply_err(req, ENOMEM);
        return;
    }
    d_iov_set(&iov, buf, size);
    at = dfuse_place_get(d, dfuse_inode(d, ino));
    rc = dfs_read(d->dfs, at->obj, &sgl, (daos_off_t)off, &got, NULL);
    dfuse_place_put(d, at);
    if (rc == 0)
        fuse_reply_buf(req, buf, got);
    else
        fuse_reply_err(req, rc);
    free(buf);
}

void dfuse_write(fuse_req_t req, fuse_ino_t ino, const char *buf, size_t size, off_t off,
                 struct fuse_file_info *fi)
{
    struct dfuse *d = DFUSE(req);
    struct inode *i = dfuse_inode(d, ino);
    struct place *at = dfuse_place_get(d, i);
    d_iov_t iov;
    d_sg_list_t sgl = {.sg_nr = 1, .sg_iovs = &iov};
    int rc;

    __atomic_store_n(&i->wrote, true, __ATOMIC_RELAXED);
    d_iov_set(&iov, (void *)buf, size);
    rc = dfs_write(d->dfs, at->obj, &sgl, (daos_off_t)off, NULL);
    dfuse_place_put(d, at);
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

void dfuse_closed(struct dfuse *d, struct inode *i)
{
    bool changed = false;
    struct stat st;

    pthread_mutex_lock(&d->lock);
    ASSERT(i->opens > 0);
    if (--i->opens == 0) {
        changed = i->wrote && !i->unlinked;
        i->wrote = false;
        if (changed)
            i->seen_mtime.tv_sec = 0;
    }
    pthread_mutex_unlock(&d->lock);
    if (changed && d->conf.keep_data && dfuse_stat(d, i, &st) == 0)
        cache_seen(d, i, &st); /* the cache holds what we wrote */
}

void dfuse_release(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
    struct dfuse *d = DFUSE(req);

    dfuse_closed(d, dfuse_inode(d, ino));
    fuse_reply_err(req, 0);
}

/* A hole that keeps the size. One that reaches the end would shorten the file, so its last byte is
 * written first. */
static int punch_hole(struct dfuse *d, dfs_obj_t *obj, daos_off_t off, daos_size_t len)
{
    char zero = 0;
    d_iov_t iov;
    d_sg_list_t sgl = {.sg_nr = 1, .sg_iovs = &iov};
    daos_size_t size;
    int rc = dfs_get_size(d->dfs, obj, &size);

    if (rc != 0 || off >= size)
        return rc;
    if (len >= size - off) {
        d_iov_set(&iov, &zero, 1);
        rc = dfs_write(d->dfs, obj, &sgl, size - 1, NULL);
        len = size - off - 1;
    }
    return rc != 0 || len == 0 ? rc : dfs_punch(d->dfs, obj, off, len);
}

void dfuse_fallocate(fuse_req_t req, fuse_ino_t ino, int mode, off_t off, off_t len,
                     struct fuse_file_info *fi)
{
    struct dfuse *d = DFUSE(req);
    struct inode *i = dfuse_inode(d, ino);
    int rc = EOPNOTSUPP; /* space is not reserved ahead: the store never overwrites */

    if (mode == (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE)) {
        struct place *at = dfuse_place_get(d, i);

        __atomic_store_n(&i->wrote, true, __ATOMIC_RELAXED);
        rc = punch_hole(d, at->obj, (daos_off_t)off, (daos_size_t)len);
        dfuse_place_put(d, at);
    }
    fuse_reply_err(req, rc);
}

void dfuse_flock(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi, int op)
{
    /* Asked only when the kernel was not told to lock on its own (--enable-local-flock): other
     * machines would not see the lock. */
    fuse_reply_err(req, ENOTSUP);
}
