/* Attributes: stat, mode, owner, times, size, access. */
#include <grp.h>
#include <unistd.h>
#include "dfs/dfs_fast.h"
#include "dfs/dfs_int.h"

int dfs_stat(dfs_t *dfs, dfs_obj_t *parent, const char *name, struct stat *stbuf)
{
    struct dfs_obj *dir;
    struct dfs_entry e;
    int rc;

    if (stbuf == NULL)
        return EINVAL;
    rc = dfs_parent(dfs, parent, false, &dir);
    if (rc != 0)
        return rc;
    if (name == NULL)
        return dfs_ostat(dfs, dir, stbuf);
    rc = dfs_name_check(name, NULL);
    return rc != 0 ? rc : dfs_entry_look_stat(dfs, dir->oid, name, &e, stbuf);
}

int dfs_ostat(dfs_t *dfs, dfs_obj_t *obj, struct stat *stbuf)
{
    struct client_seen seen;
    struct dfs_entry e;
    int rc;

    if (dfs == NULL || obj == NULL || stbuf == NULL)
        return EINVAL;
    rc = dfs_entry_look(dfs, obj->parent_oid, obj->name, &e, &seen);
    if (rc != 0)
        return rc;
    /* the name may stand for another file by now */
    if (!dfs_same_oid(e.oid, obj->oid))
        return ENOENT;
    return dfs_entry_stat_seen(dfs, &e, obj->oh, &seen, stbuf);
}

struct change {
    const struct stat *st;
    int flags;
    daos_obj_id_t oid; /* the entry must still be this object's; nil: any */
    daos_handle_t oh;
    struct stat *out;
};

/* What the record must say so that a rewrite of the entry does not lose the object's own
 * modification time. */
static int keep_mtime(struct dfs *dfs, struct dfs_entry *e, daos_handle_t oh)
{
    struct stat st;
    int rc = dfs_entry_stat(dfs, e, oh, &st);

    if (rc == 0)
        e->mtime = st.st_mtim;
    return rc;
}

static int setattr_change(struct dfs *dfs, struct dfs_entry *e, void *arg)
{
    struct change *ch = arg;
    int rc;

    if (!daos_obj_id_is_nil(ch->oid) && (e->oid.lo != ch->oid.lo || e->oid.hi != ch->oid.hi))
        return ENOENT;
    rc = keep_mtime(dfs, e, ch->oh);
    if (rc != 0)
        return rc;
    if (ch->flags & DFS_SET_ATTR_MODE)
        e->mode = (e->mode & S_IFMT) | (ch->st->st_mode & ~S_IFMT);
    if (ch->flags & DFS_SET_ATTR_UID)
        e->uid = ch->st->st_uid;
    if (ch->flags & DFS_SET_ATTR_GID)
        e->gid = ch->st->st_gid;
    if (ch->flags & DFS_SET_ATTR_MTIME)
        e->mtime = ch->st->st_mtim;
    e->ctime = dfs_now();
    return 0;
}

int dfs_osetattr(dfs_t *dfs, dfs_obj_t *obj, struct stat *stbuf, int flags)
{
    if (dfs != NULL && obj != NULL && stbuf != NULL && (flags & DFS_SET_ATTR_MODE) &&
        (stbuf->st_mode & S_ISVTX))
        return dfs->readonly ? EPERM : ENOTSUP;
    return dfs_osetattr_sticky(dfs, obj, stbuf, flags);
}

int dfs_osetattr_sticky(dfs_t *dfs, dfs_obj_t *obj, struct stat *stbuf, int flags)
{
    const int known = DFS_SET_ATTR_MODE | DFS_SET_ATTR_ATIME | DFS_SET_ATTR_MTIME |
                      DFS_SET_ATTR_SIZE | DFS_SET_ATTR_UID | DFS_SET_ATTR_GID;
    struct change ch = {0};
    struct dfs_entry now;
    bool entry = (flags & ~DFS_SET_ATTR_SIZE) != 0;
    int rc = 0;

    if (dfs == NULL || obj == NULL || stbuf == NULL || (flags & ~known))
        return EINVAL;
    if (dfs->readonly)
        return EPERM;
    if (flags & DFS_SET_ATTR_MODE) {
        if (S_ISLNK(obj->mode))
            return ENOTSUP;
        if ((stbuf->st_mode & S_IFMT) != 0 && (stbuf->st_mode & S_IFMT) != (obj->mode & S_IFMT))
            return EINVAL;
    }
    if (flags & DFS_SET_ATTR_SIZE) {
        if (!S_ISREG(obj->mode))
            return EIO;
        /* the data's own version tells the time of this change */
        rc = dfs_errno(
            daos_array_set_size(obj->oh, DAOS_TX_NONE, (daos_size_t)stbuf->st_size, NULL));
    }
    ch.st = stbuf;
    ch.flags = flags;
    ch.oid = obj->oid;
    ch.oh = obj->oh;
    if (rc == 0 && entry)
        rc = dfs_entry_change(dfs, obj->parent_oid, obj->name, setattr_change, &ch, &now);
    if (rc == 0 && (flags & DFS_SET_ATTR_MODE))
        obj->mode = (obj->mode & S_IFMT) | (stbuf->st_mode & ~S_IFMT);
    /* of what was changed: the name may stand for something else by now */
    if (rc == 0)
        rc = entry && !MUTANT(DFS_CHANGED_TWICE) ? dfs_entry_stat(dfs, &now, obj->oh, stbuf)
                                                 : dfs_ostat(dfs, obj, stbuf);
    return rc;
}

/* What a by-name change is to change: the entry itself, or what a symlink leads to. */
static int target(struct dfs *dfs, struct dfs_obj *parent, const char *name, bool follow,
                  struct dfs_obj **obj)
{
    struct dfs_obj *dir;
    int rc = dfs_parent(dfs, parent, true, &dir);

    if (rc != 0)
        return rc;
    if (name == NULL)
        return parent != NULL ? EINVAL : (*obj = &dfs->root, 0);
    return dfs_lookup_rel(dfs, dir, name, O_RDWR | (follow ? 0 : O_NOFOLLOW), obj, NULL, NULL);
}

/* A change by name. What the name stood for may be replaced between the look and the change: then
 * it is the new one that is meant. */
static int change_named(struct dfs *dfs, struct dfs_obj *parent, const char *name, bool follow,
                        const struct stat *to, int what)
{
    struct dfs_obj *obj;
    uint32_t attempt = 0;
    int rc;

    do {
        struct stat st = *to;

        rc = target(dfs, parent, name, follow, &obj);
        if (rc != 0)
            return rc;
        st.st_mode = (obj->mode & S_IFMT) | (to->st_mode & ~S_IFMT);
        if (what != 0)
            rc = dfs_osetattr(dfs, obj, &st, what);
        dfs_release(obj);
    } while (rc == ENOENT && dfs_retry(&attempt));
    return rc == ENOENT ? EBUSY : rc;
}

int dfs_chmod(dfs_t *dfs, dfs_obj_t *parent, const char *name, mode_t mode)
{
    struct stat st = {.st_mode = mode};

    if (mode & S_ISVTX)
        return ENOTSUP;
    return change_named(dfs, parent, name, true, &st, DFS_SET_ATTR_MODE);
}

int dfs_chown(dfs_t *dfs, dfs_obj_t *parent, const char *name, uid_t uid, gid_t gid, int flags)
{
    struct stat st = {.st_uid = uid, .st_gid = gid};
    int what = 0;

    if (uid != (uid_t)-1)
        what |= DFS_SET_ATTR_UID;
    if (gid != (gid_t)-1)
        what |= DFS_SET_ATTR_GID;
    return change_named(dfs, parent, name, !(flags & O_NOFOLLOW), &st, what);
}

/* Groups of the process as access(2) counts them: the real one and the supplementary ones. */
static int in_group(gid_t gid, bool *in)
{
    int nr = getgroups(0, NULL);
    gid_t *groups;

    *in = getgid() == gid;
    if (*in || nr == 0)
        return 0;
    groups = nr < 0 ? NULL : base_calloc((size_t)nr, sizeof(*groups));
    if (groups == NULL)
        return nr < 0 ? errno : ENOMEM;
    nr = getgroups(nr, groups);
    for (int i = 0; i < nr && !*in; i++)
        *in = groups[i] == gid;
    base_free(groups);
    return nr < 0 ? EAGAIN : 0; /* more than a moment ago */
}

/* Attributes of what a name stands for, links followed. */
static int stat_followed(struct dfs *dfs, struct dfs_obj *parent, const char *name, struct stat *st)
{
    struct dfs_obj *obj;
    int rc;

    if (name == NULL)
        return dfs_stat(dfs, parent, NULL, st);
    rc = dfs_lookup_rel(dfs, parent, name, O_RDONLY, &obj, NULL, st);
    return rc ? rc : dfs_release(obj);
}

int dfs_access(dfs_t *dfs, dfs_obj_t *parent, const char *name, int mask)
{
    mode_t granted;
    struct stat st;
    bool member;
    int rc;

    if (mask & ~(R_OK | W_OK | X_OK))
        return EINVAL;
    rc = stat_followed(dfs, parent, name, &st);
    if (rc != 0 || mask == F_OK)
        return rc;
    if ((mask & W_OK) && dfs->readonly)
        return EPERM;
    if (getuid() == 0)
        return (mask & X_OK) && S_ISREG(st.st_mode) && !(st.st_mode & 0111) ? EACCES : 0;
    /* any class the caller belongs to may grant */
    rc = in_group(st.st_gid, &member);
    if (rc != 0)
        return rc;
    granted = st.st_mode & 07;
    if (member)
        granted |= (st.st_mode >> 3) & 07;
    if (getuid() == st.st_uid)
        granted |= (st.st_mode >> 6) & 07;
    return ((mode_t)mask & ~granted) ? EACCES : 0;
}

/* ---- Defaults that new children of a directory get ---- */

static int oclass_change(struct dfs *dfs, struct dfs_entry *e, void *arg)
{
    int rc = keep_mtime(dfs, e, DAOS_HDL_INVAL);

    e->oclass = *(daos_oclass_id_t *)arg;
    return rc;
}

int dfs_obj_set_oclass(dfs_t *dfs, dfs_obj_t *obj, int flags, daos_oclass_id_t cid)
{
    daos_obj_id_t probe = {0};
    int rc;

    if (dfs == NULL || obj == NULL || flags != 0)
        return EINVAL;
    if (dfs->readonly)
        return EPERM;
    if (!S_ISDIR(obj->mode))
        return ENOTSUP;
    /* one that nothing could be made of is refused now */
    rc = cid == OC_UNKNOWN
             ? 0
             : dfs_errno(daos_obj_generate_oid(dfs->coh, &probe, DAOS_OT_MULTI_HASHED, cid, 0, 0));
    if (rc != 0)
        return rc;
    rc = dfs_entry_change(dfs, obj->parent_oid, obj->name, oclass_change, &cid, NULL);
    if (rc == 0)
        obj->oclass = cid;
    return rc;
}

static int chunk_change(struct dfs *dfs, struct dfs_entry *e, void *arg)
{
    int rc = keep_mtime(dfs, e, DAOS_HDL_INVAL);

    e->chunk_size = *(daos_size_t *)arg;
    return rc;
}

int dfs_obj_set_chunk_size(dfs_t *dfs, dfs_obj_t *obj, int flags, daos_size_t csize)
{
    daos_size_t size = 0;
    int rc = 0;

    if (dfs == NULL || obj == NULL || flags != 0 || csize == 0)
        return EINVAL;
    if (dfs->readonly)
        return EPERM;
    if (S_ISLNK(obj->mode))
        return ENOTSUP;
    if (S_ISREG(obj->mode)) {
        /* data is laid out by the chunk size: only an empty file can change it */
        rc = dfs_errno(daos_array_get_size(obj->oh, DAOS_TX_NONE, &size, NULL));
        if (rc == 0 && size != 0)
            rc = EINVAL;
    }
    if (rc == 0)
        rc = dfs_entry_change(dfs, obj->parent_oid, obj->name, chunk_change, &csize, NULL);
    if (rc == 0 && S_ISREG(obj->mode))
        rc = dfs_errno(daos_array_update_chunk_size(obj->oh, csize));
    if (rc == 0)
        obj->chunk_size = csize;
    return rc;
}
