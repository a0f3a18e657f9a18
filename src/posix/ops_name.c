/*
 * Operations on names: lookup, make, remove, rename.
 *
 * Who takes a name from an inode, or gives it another, marks the inode busy for that time. Opening
 * waits for it, so that it is known before the removal whether the data must be kept; and so does
 * whoever did not find an inode at the name it had.
 */
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

/* The same for an object just opened (taken over) whose attributes are known. */
static int entry_set(struct dfuse *d, dfs_obj_t *obj, const struct stat *st, uint64_t moves,
                     struct fuse_entry_param *e)
{
    struct inode *i = dfuse_inode_get(d, obj, st, moves);

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

int dfuse_entry_of(struct dfuse *d, struct inode *parent, const char *name,
                   struct fuse_entry_param *e)
{
    uint64_t moves = dfuse_moves(d);
    struct place *at;
    dfs_obj_t *obj;
    struct stat st;
    int rc;

    if (strlen(name) > DFS_MAX_NAME)
        return ENAMETOOLONG;
    at = dfuse_place_get(d, parent);
    rc = dfs_lookup_rel(d->dfs, at->obj, name, open_mode(d) | O_NOFOLLOW, &obj, NULL, &st);
    dfuse_place_put(d, at);
    return rc != 0 ? rc : entry_set(d, obj, &st, moves, e);
}

/* Gives the entry to the kernel, which then holds its lookup; a caller that was interrupted does
 * not. */
static void reply_entry(fuse_req_t req, const struct fuse_entry_param *e)
{
    struct dfuse *d = DFUSE(req);

    if (fuse_reply_entry(req, e) != 0 && e->ino != 0)
        dfuse_inode_forget(d, dfuse_inode(d, e->ino), 1);
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
        reply_entry(req, &e);
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

/* ---- Making ---- */

/* Made by the user of this process, but somebody else's: it becomes theirs. */
static int give_to(struct dfuse *d, dfs_obj_t *obj, uid_t uid, gid_t gid, struct stat *st)
{
    struct stat want = *st;
    int rc;

    if (uid == st->st_uid && gid == st->st_gid)
        return 0;
    want.st_uid = uid;
    want.st_gid = gid;
    rc = dfs_osetattr(d->dfs, obj, &want, DFS_SET_ATTR_UID | DFS_SET_ATTR_GID);
    if (rc == 0)
        *st = want;
    return rc;
}

/* Whom a new entry of parent belongs to: the caller, and the group of a setgid directory. */
static gid_t group_for(struct dfuse *d, fuse_req_t req, struct inode *parent, mode_t *mode)
{
    gid_t gid = fuse_req_ctx(req)->gid;

    pthread_mutex_lock(&d->lock);
    if (parent->mode & S_ISGID) {
        gid = parent->gid;
        if (S_ISDIR(*mode))
            *mode |= S_ISGID;
    }
    pthread_mutex_unlock(&d->lock);
    return gid;
}

/* Makes name, which the kernel believes is not there, and opens it. EEXIST otherwise. */
static int make(struct dfuse *d, fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode,
                const char *value, struct fuse_entry_param *e)
{
    struct inode *p = dfuse_inode(d, parent);
    uint64_t moves = dfuse_moves(d);
    struct place *at;
    dfs_obj_t *obj;
    struct stat st;
    gid_t gid;
    int rc;

    if (strlen(name) > DFS_MAX_NAME)
        return ENAMETOOLONG;
    mode &= ~(mode_t)S_ISVTX;
    gid = group_for(d, req, p, &mode);
    at = dfuse_place_get(d, p);
    rc = dfs_open_stat(d->dfs, at->obj, name, mode, O_RDWR | O_CREAT | O_EXCL, 0, 0, value, &obj,
                       &st);
    if (rc == 0) {
        rc = give_to(d, obj, fuse_req_ctx(req)->uid, gid, &st);
        if (rc != 0) { /* not theirs is not made */
            dfs_release(obj);
            dfs_remove(d->dfs, at->obj, name, false, NULL);
        }
    }
    dfuse_place_put(d, at);
    if (rc != 0)
        return write_errno(d, rc);
    return entry_set(d, obj, &st, moves, e);
}

static void reply_made(fuse_req_t req, int rc, const struct fuse_entry_param *e)
{
    if (rc == 0)
        reply_entry(req, e);
    else
        fuse_reply_err(req, rc);
}

void dfuse_mknod(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode, dev_t rdev)
{
    struct fuse_entry_param e;

    if (!S_ISREG(mode))
        fuse_reply_err(req, ENOTSUP);
    else
        reply_made(req, make(DFUSE(req), req, parent, name, mode, NULL, &e), &e);
}

void dfuse_mkdir(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode)
{
    struct fuse_entry_param e;

    reply_made(req, make(DFUSE(req), req, parent, name, S_IFDIR | mode, NULL, &e), &e);
}

void dfuse_symlink(fuse_req_t req, const char *link, fuse_ino_t parent, const char *name)
{
    struct fuse_entry_param e;

    reply_made(req, make(DFUSE(req), req, parent, name, S_IFLNK | 0777, link, &e), &e);
}

void dfuse_create(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode,
                  struct fuse_file_info *fi)
{
    struct dfuse *d = DFUSE(req);
    struct fuse_entry_param e;
    int rc = make(d, req, parent, name, S_IFREG | mode, NULL, &e);

    /* Another client was faster: the kernel looks again and opens theirs, if its owner lets it. */
    if (rc == EEXIST && !(fi->flags & O_EXCL))
        rc = ESTALE;
    if (rc != 0) {
        fuse_reply_err(req, rc);
        return;
    }
    dfuse_opened(d, dfuse_inode(d, e.ino));
    fi->keep_cache = 0;
    fi->direct_io = d->conf.direct_io;
    if (fuse_reply_create(req, &e, fi) != 0) { /* interrupted: nobody will close or forget it */
        dfuse_closed(d, dfuse_inode(d, e.ino));
        dfuse_inode_forget(d, dfuse_inode(d, e.ino), 1);
    }
}

/* ---- Taking names away and giving others ---- */

/* A name that an operation changes, and the inode behind it if the kernel knows it (held, and
 * marked busy). */
struct victim {
    struct inode *i;
    bool keep; /* its data must outlive its name */
};

enum fate { MOVED, REPLACED, REMOVED };

/*
 * What is kept is dropped when the kernel forgets the inode. A file that is replaced is always
 * kept: readers of a name that is replaced again and again find one of its files. Removed without
 * being open it need not be; who is just about to open it gets ESTALE, looks again and finds
 * nothing. Only what lives on without a name needs its attributes remembered: kept files, and
 * directories somebody may stand in.
 */
static void victim_begin(struct dfuse *d, dfs_obj_t *dir, const char *name, enum fate fate,
                         struct victim *v)
{
    bool remember = false;
    struct dfs_more more;
    struct stat st;

    memset(v, 0, sizeof(*v));
    if (dfs_stat_name(d->dfs, dir, name, NULL, &more) != 0)
        return;
    pthread_mutex_lock(&d->lock);
    v->i = dfuse_inode_find(d, more.oid);
    if (v->i != NULL) {
        v->i->nlookup++;
        v->i->busy++; /* from here on nobody opens it */
        v->keep = S_ISREG(v->i->mode) && (fate == REPLACED || (fate == REMOVED && v->i->opens > 0));
        remember = v->keep || (fate != MOVED && S_ISDIR(v->i->mode));
    }
    pthread_mutex_unlock(&d->lock);
    if (!remember || dfs_stat_name(d->dfs, dir, name, &st, NULL) != 0)
        return;
    pthread_mutex_lock(&d->lock);
    v->i->st = st;
    v->i->st.st_ino = dfuse_st_ino(v->i->oid);
    pthread_mutex_unlock(&d->lock);
}

static void victim_end(struct dfuse *d, struct victim *v)
{
    if (v->i == NULL)
        return;
    pthread_mutex_lock(&d->lock);
    v->i->busy--;
    pthread_cond_broadcast(&d->settled);
    pthread_mutex_unlock(&d->lock);
    dfuse_inode_forget(d, v->i, 1);
}

/* The object `oid` lost its name. */
static void victim_lost(struct dfuse *d, struct victim *v, daos_obj_id_t oid)
{
    if (v->i == NULL || oid.lo != v->i->oid.lo || oid.hi != v->i->oid.hi) {
        /* another client put something else there: kept for nobody */
        if (v->keep && (oid.lo != 0 || oid.hi != 0))
            dfs_drop(d->dfs, oid);
        return;
    }
    pthread_mutex_lock(&d->lock);
    v->i->unlinked = true;
    v->i->dead = !v->keep;
    pthread_mutex_unlock(&d->lock);
}

static void remove_name(fuse_req_t req, fuse_ino_t parent, const char *name, bool dir)
{
    struct dfuse *d = DFUSE(req);
    struct place *at = dfuse_place_get(d, dfuse_inode(d, parent));
    daos_obj_id_t oid = {0};
    struct victim v;
    int rc;

    victim_begin(d, at->obj, name, REMOVED, &v);
    if (v.i != NULL && S_ISDIR(v.i->mode) != dir)
        rc = dir ? ENOTDIR : EISDIR;
    else
        rc = dfs_remove_flags(d->dfs, at->obj, name, v.keep ? DFS_KEEP : 0, &oid);
    if (rc == 0)
        victim_lost(d, &v, oid);
    victim_end(d, &v);
    dfuse_place_put(d, at);
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

/* i is now called name in dir. */
static void renamed(struct dfuse *d, struct inode *i, dfs_obj_t *dir, const char *name)
{
    struct place *place;
    daos_obj_id_t oid;
    dfs_obj_t *obj;

    if (i == NULL ||
        dfs_lookup_rel(d->dfs, dir, name, open_mode(d) | O_NOFOLLOW, &obj, NULL, NULL) != 0)
        return;
    dfs_obj2id(obj, &oid);
    place = dfuse_place_new(obj);
    if (place == NULL)
        return;
    pthread_mutex_lock(&d->lock);
    if (oid.lo == i->oid.lo && oid.hi == i->oid.hi) { /* else another client was there since */
        struct place *old = i->place;

        i->place = place;
        i->moved = ++d->moves;
        place = old;
    }
    pthread_mutex_unlock(&d->lock);
    dfuse_place_put(d, place);
}

static int move(struct dfuse *d, dfs_obj_t *dir, const char *name, dfs_obj_t *new_dir,
                const char *new_name, unsigned flags)
{
    bool exchange = flags & RENAME_EXCHANGE;
    daos_obj_id_t oid = {0};
    struct victim from, to;
    int rc;

    victim_begin(d, dir, name, MOVED, &from);
    victim_begin(d, new_dir, new_name, exchange ? MOVED : REPLACED, &to);
    if (exchange)
        rc = dfs_exchange(d->dfs, dir, name, new_dir, new_name);
    else
        rc = dfs_move_flags(
            d->dfs, dir, name, new_dir, new_name,
            (to.keep ? DFS_KEEP : 0) | (flags & RENAME_NOREPLACE ? DFS_NOREPLACE : 0), &oid);
    if (rc == 0) {
        renamed(d, from.i, new_dir, new_name);
        if (exchange)
            renamed(d, to.i, dir, name);
        else
            victim_lost(d, &to, oid);
    }
    victim_end(d, &from);
    victim_end(d, &to);
    return write_errno(d, rc);
}

void dfuse_rename(fuse_req_t req, fuse_ino_t parent, const char *name, fuse_ino_t new_parent,
                  const char *new_name, unsigned flags)
{
    struct dfuse *d = DFUSE(req);
    struct place *at, *new_at;

    if (flags & ~(unsigned)(RENAME_NOREPLACE | RENAME_EXCHANGE)) {
        fuse_reply_err(req, EINVAL);
        return;
    }
    if (strlen(new_name) > DFS_MAX_NAME) {
        fuse_reply_err(req, ENAMETOOLONG);
        return;
    }
    at = dfuse_place_get(d, dfuse_inode(d, parent));
    new_at = dfuse_place_get(d, dfuse_inode(d, new_parent));
    fuse_reply_err(req, move(d, at->obj, name, new_at->obj, new_name, flags));
    dfuse_place_put(d, at);
    dfuse_place_put(d, new_at);
}

void dfuse_readlink(fuse_req_t req, fuse_ino_t ino)
{
    struct dfuse *d = DFUSE(req);
    struct place *at = dfuse_place_get(d, dfuse_inode(d, ino));
    char buf[DFS_MAX_PATH + 1];
    daos_size_t size = sizeof(buf);
    int rc = dfs_get_symlink_value(at->obj, buf, &size);

    if (rc == 0)
        fuse_reply_readlink(req, buf);
    else
        fuse_reply_err(req, rc);
    dfuse_place_put(d, at);
}
