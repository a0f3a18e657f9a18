/* Operations on names: lookup, make, remove, rename. */
#include <stdio.h>
#include <unistd.h>
#include <sys/stat.h>
#include "posix/dfuse.h"

#ifndef RENAME_NOREPLACE
#define RENAME_NOREPLACE (1 << 0)
#endif
#ifndef RENAME_EXCHANGE
#define RENAME_EXCHANGE (1 << 1)
#endif

static int open_mode(const struct dfuse *d)
{
    return d->conf.readonly ? O_RDONLY : O_RDWR;
}

/* libdfs says EPERM of a read-only mount; the kernel's callers know EROFS. */
static int write_errno(const struct dfuse *d, int rc)
{
    return rc == EPERM && d->conf.readonly ? EROFS : rc;
}

int dfuse_entry_set(struct dfuse *d, dfs_obj_t *obj, const struct stat *st, struct fuse_entry_param *e)
{
    struct inode *i = dfuse_inode_get(d, obj, st);

    if (i == NULL)
        return ENOMEM;
    memset(e, 0, sizeof(*e));
    e->ino = dfuse_ino(d, i);
    e->attr = *st;
    e->attr.st_ino = dfuse_st_ino(i->oid);
    e->attr_timeout = d->conf.attr_s;
    e->entry_timeout = dfuse_dentry_time(d, st->st_mode);
    return 0;
}

int dfuse_entry_of(struct dfuse *d, struct inode *parent, const char *name, struct fuse_entry_param *e)
{
    dfs_obj_t *obj;
    struct stat st;
    int rc;

    if (strlen(name) > DFS_MAX_NAME)
        return ENAMETOOLONG;
    rc = dfs_lookup_rel(d->dfs, parent->obj, name, open_mode(d) | O_NOFOLLOW, &obj, NULL, &st);
    if (rc != 0)
        return rc;
    return dfuse_entry_set(d, obj, &st, e);
}

void dfuse_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
    struct dfuse *d = DFUSE(req);
    struct fuse_entry_param e;
    int rc = dfuse_entry_of(d, dfuse_inode(d, parent), name, &e);

    if (rc == ENOENT && d->conf.ndentry_s > 0) {
        memset(&e, 0, sizeof(e)); /* inode 0: remember that there is none */
        e.entry_timeout = d->conf.ndentry_s;
        rc = 0;
    }
    if (rc == 0)
        fuse_reply_entry(req, &e);
    else
        fuse_reply_err(req, rc);
}

void dfuse_forget(fuse_req_t req, fuse_ino_t ino, uint64_t nlookup)
{
    struct dfuse *d = DFUSE(req);

    dfuse_inode_forget(d, dfuse_inode(d, ino), nlookup);
    fuse_reply_none(req);
}

void dfuse_forget_multi(fuse_req_t req, size_t count, struct fuse_forget_data *forgets)
{
    struct dfuse *d = DFUSE(req);

    for (size_t i = 0; i < count; i++)
        dfuse_inode_forget(d, dfuse_inode(d, forgets[i].ino), forgets[i].nlookup);
    fuse_reply_none(req);
}

/* Somebody else's process made it: it becomes theirs. */
static int give_to_caller(struct dfuse *d, fuse_req_t req, dfs_obj_t *obj, struct stat *st)
{
    const struct fuse_ctx *ctx = fuse_req_ctx(req);
    struct stat want;

    if (ctx->uid == st->st_uid && ctx->gid == st->st_gid)
        return 0;
    want = *st;
    want.st_uid = ctx->uid;
    want.st_gid = ctx->gid;
    int rc = dfs_osetattr(d->dfs, obj, &want, DFS_SET_ATTR_UID | DFS_SET_ATTR_GID);
    if (rc == 0)
        *st = want;
    return rc;
}

/* Makes name and opens it. */
static int make(struct dfuse *d, fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode, int flags, const char *value, struct fuse_entry_param *e)
{
    struct inode *p = dfuse_inode(d, parent);
    dfs_obj_t *obj;
    struct stat st;
    int rc;

    if (strlen(name) > DFS_MAX_NAME)
        return ENAMETOOLONG;
    mode &= ~(mode_t)S_ISVTX;
    rc = dfs_open_stat(d->dfs, p->obj, name, mode, O_RDWR | O_CREAT | flags, 0, 0, value, &obj, &st);
    if (rc != 0)
        return write_errno(d, rc);
    rc = give_to_caller(d, req, obj, &st);
    if (rc != 0) {
        dfs_release(obj);
        return rc;
    }
    return dfuse_entry_set(d, obj, &st, e);
}

static void reply_made(fuse_req_t req, int rc, const struct fuse_entry_param *e)
{
    if (rc == 0)
        fuse_reply_entry(req, e);
    else
        fuse_reply_err(req, rc);
}

void dfuse_mknod(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode, dev_t rdev)
{
    struct fuse_entry_param e;

    if (!S_ISREG(mode))
        fuse_reply_err(req, ENOTSUP);
    else
        reply_made(req, make(DFUSE(req), req, parent, name, mode, O_EXCL, NULL, &e), &e);
}

void dfuse_mkdir(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode)
{
    struct fuse_entry_param e;

    reply_made(req, make(DFUSE(req), req, parent, name, S_IFDIR | mode, O_EXCL, NULL, &e), &e);
}

void dfuse_symlink(fuse_req_t req, const char *link, fuse_ino_t parent, const char *name)
{
    struct fuse_entry_param e;

    reply_made(req, make(DFUSE(req), req, parent, name, S_IFLNK | 0777, O_EXCL, link, &e), &e);
}

void dfuse_create(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode, struct fuse_file_info *fi)
{
    struct dfuse *d = DFUSE(req);
    struct fuse_entry_param e;
    int rc = make(d, req, parent, name, S_IFREG | mode, fi->flags & O_EXCL, NULL, &e);

    if (rc != 0) {
        fuse_reply_err(req, rc);
        return;
    }
    dfuse_opened(d, dfuse_inode(d, e.ino));
    fi->keep_cache = 0;
    fuse_reply_create(req, &e, fi);
}

/* The inode that name stands for, with a lookup of our own, if the kernel knows it; NULL otherwise. */
static struct inode *known(struct dfuse *d, struct inode *parent, const char *name)
{
    struct inode *i = NULL;
    daos_obj_id_t oid;
    struct stat st;

    if (dfs_stat_name(d->dfs, parent->obj, name, &st, &oid, NULL) != 0)
        return NULL;
    pthread_mutex_lock(&d->lock);
    i = dfuse_inode_find(d, oid);
    if (i != NULL) {
        i->nlookup++;
        i->st = st;
        i->st.st_ino = dfuse_st_ino(oid);
    }
    pthread_mutex_unlock(&d->lock);
    return i;
}

/* It lost its name: what is open lives on, the rest is gone. */
static void lost_name(struct dfuse *d, struct inode *i, bool kept)
{
    bool drop;

    pthread_mutex_lock(&d->lock);
    i->unlinked = true;
    /* the last close may have come between our look and the removal */
    drop = kept && i->opens == 0;
    i->dead = !kept || drop;
    pthread_mutex_unlock(&d->lock);
    if (drop)
        dfs_drop(d->dfs, i->oid);
}

static bool is_open(struct dfuse *d, struct inode *i)
{
    bool open;

    if (i == NULL)
        return false;
    pthread_mutex_lock(&d->lock);
    open = i->opens > 0 && S_ISREG(i->mode);
    pthread_mutex_unlock(&d->lock);
    return open;
}

static void remove_name(fuse_req_t req, fuse_ino_t parent, const char *name, bool dir)
{
    struct dfuse *d = DFUSE(req);
    struct inode *p = dfuse_inode(d, parent), *i = known(d, p, name);
    bool keep = is_open(d, i);
    daos_obj_id_t oid;
    int rc;

    if (i != NULL && S_ISDIR(i->mode) != dir)
        rc = dir ? ENOTDIR : EISDIR;
    else
        rc = dfs_remove_flags(d->dfs, p->obj, name, keep ? DFS_KEEP : 0, &oid);
    if (rc == 0 && i != NULL && oid.lo == i->oid.lo && oid.hi == i->oid.hi)
        lost_name(d, i, keep);
    if (i != NULL)
        dfuse_inode_forget(d, i, 1);
    fuse_reply_err(req, write_errno(d, rc));
}

void dfuse_unlink(fuse_req_t req, fuse_ino_t parent, const char *name)
{
    remove_name(req, parent, name, false);
}

void dfuse_rmdir(fuse_req_t req, fuse_ino_t parent, const char *name)
{
    remove_name(req, parent, name, true);
}

void dfuse_link(fuse_req_t req, fuse_ino_t ino, fuse_ino_t new_parent, const char *new_name)
{
    fuse_reply_err(req, ENOTSUP); /* the entry is the inode: there are no hard links */
}

/* i is now called name under parent. */
static void renamed(struct dfuse *d, struct inode *i, struct inode *parent, const char *name)
{
    dfs_obj_t *obj;

    if (i == NULL)
        return;
    /* a look at the new place tells the object where it lives now */
    if (dfs_lookup_rel(d->dfs, parent->obj, name, O_RDONLY | O_NOFOLLOW, &obj, NULL, NULL) != 0)
        return;
    pthread_mutex_lock(&d->lock);
    dfs_update_parent(i->obj, obj, NULL);
    pthread_mutex_unlock(&d->lock);
    dfs_release(obj);
}

void dfuse_rename(fuse_req_t req, fuse_ino_t parent, const char *name, fuse_ino_t new_parent, const char *new_name, unsigned flags)
{
    struct dfuse *d = DFUSE(req);
    struct inode *p = dfuse_inode(d, parent), *np = dfuse_inode(d, new_parent);
    struct inode *from, *to;
    daos_obj_id_t oid = {0};
    bool keep;
    int rc;

    if (flags & ~(unsigned)(RENAME_NOREPLACE | RENAME_EXCHANGE)) {
        fuse_reply_err(req, EINVAL);
        return;
    }
    if (strlen(new_name) > DFS_MAX_NAME) {
        fuse_reply_err(req, ENAMETOOLONG);
        return;
    }
    from = known(d, p, name);
    to = known(d, np, new_name);
    keep = is_open(d, to);
    if (flags & RENAME_EXCHANGE)
        rc = dfs_exchange(d->dfs, p->obj, name, np->obj, new_name);
    else
        rc = dfs_move_flags(d->dfs, p->obj, name, np->obj, new_name, (keep ? DFS_KEEP : 0) | (flags & RENAME_NOREPLACE ? DFS_NOREPLACE : 0), &oid);
    if (rc == 0) {
        renamed(d, from, np, new_name);
        if (flags & RENAME_EXCHANGE)
            renamed(d, to, p, name);
        else if (to != NULL && oid.lo == to->oid.lo && oid.hi == to->oid.hi)
            lost_name(d, to, keep);
    }
    if (from != NULL)
        dfuse_inode_forget(d, from, 1);
    if (to != NULL)
        dfuse_inode_forget(d, to, 1);
    fuse_reply_err(req, write_errno(d, rc));
}

void dfuse_readlink(fuse_req_t req, fuse_ino_t ino)
{
    struct dfuse *d = DFUSE(req);
    char buf[DFS_MAX_PATH + 1];
    daos_size_t size = sizeof(buf);
    int rc = dfs_get_symlink_value(dfuse_inode(d, ino)->obj, buf, &size);

    if (rc == 0)
        fuse_reply_readlink(req, buf);
    else
        fuse_reply_err(req, rc);
}
