/* The calls of daos_fs_sys.h: each finds the directory of its path and does there what daos_fs.h
 * does by name. */
#include "dfs/dfs_sys.h"

/* Opens what a path names for a look or a change of attributes; O_NOFOLLOW in flags: the link
 * itself. */
static int open_at(struct dfs_sys *s, const char *path, int flags, bool write, dfs_obj_t **obj)
{
    int how = (write ? O_RDWR : O_RDONLY) | (flags & O_NOFOLLOW);
    struct sys_at at;
    int rc;

    if (flags & ~O_NOFOLLOW)
        return s == NULL ? EINVAL : ENOTSUP;
    if (s != NULL && write && s->dfs->readonly)
        return EPERM;
    rc = sys_at(s, path, &at);
    if (rc != 0)
        return rc;
    if (at.name == NULL)
        rc = dfs_lookup_at_root(s->dfs, "/", how, obj, NULL);
    else
        rc = dfs_lookup_rel(s->dfs, at.parent, at.name, how, obj, NULL, NULL);
    sys_done(s, &at);
    return rc;
}

int dfs_sys_access(dfs_sys_t *dfs_sys, const char *path, int mask, int flags)
{
    struct sys_at at;
    struct stat st;
    int rc;

    if (flags & ~O_NOFOLLOW) /* AT_EACCESS too: rights are those of the real user */
        return ENOTSUP;
    rc = sys_at(dfs_sys, path, &at);
    if (rc != 0)
        return rc;
    rc = 0;
    if (at.name != NULL && (flags & O_NOFOLLOW)) {
        rc = dfs_stat(dfs_sys->dfs, at.parent, at.name, &st);
        if (rc == 0 && S_ISLNK(st.st_mode)) { /* a link grants everything */
            if ((mask & W_OK) && dfs_sys->dfs->readonly)
                rc = EPERM;
            goto out;
        }
    }
    if (rc == 0)
        rc = dfs_access(dfs_sys->dfs, at.parent, at.name, mask);
out:
    sys_done(dfs_sys, &at);
    return rc;
}

int dfs_sys_chmod(dfs_sys_t *dfs_sys, const char *path, mode_t mode)
{
    struct sys_at at;
    int rc = sys_at(dfs_sys, path, &at);

    if (rc != 0)
        return rc;
    rc = dfs_chmod(dfs_sys->dfs, at.parent, at.name, mode);
    sys_done(dfs_sys, &at);
    return rc;
}

int dfs_sys_chown(dfs_sys_t *dfs_sys, const char *path, uid_t uid, gid_t gid, int flags)
{
    struct sys_at at;
    int rc = sys_at(dfs_sys, path, &at);

    if (rc != 0)
        return rc;
    rc = dfs_chown(dfs_sys->dfs, at.parent, at.name, uid, gid, flags);
    sys_done(dfs_sys, &at);
    return rc;
}

int dfs_sys_setattr(dfs_sys_t *dfs_sys, const char *path, struct stat *stbuf, int flags, int sflags)
{
    dfs_obj_t *obj;
    int rc = open_at(dfs_sys, path, sflags, true, &obj);

    if (rc != 0)
        return rc;
    rc = dfs_osetattr(dfs_sys->dfs, obj, stbuf, flags);
    dfs_release(obj);
    return rc;
}

/* What a time of utimensat(2) means; false: leave it. */
static bool time_of(const struct timespec *in, struct timespec *out)
{
    if (in->tv_nsec == UTIME_OMIT)
        return false;
    *out = in->tv_nsec == UTIME_NOW ? dfs_now() : *in;
    return true;
}

int dfs_sys_utimens(dfs_sys_t *dfs_sys, const char *path, const struct timespec *times, int flags)
{
    const struct timespec now[2] = {{.tv_nsec = UTIME_NOW}, {.tv_nsec = UTIME_NOW}};
    struct stat st = {0};
    dfs_obj_t *obj;
    int what = 0;
    int rc;

    if (times == NULL)
        times = now;
    for (int i = 0; i < 2; i++)
        if (times[i].tv_nsec != UTIME_NOW && times[i].tv_nsec != UTIME_OMIT &&
            (times[i].tv_nsec < 0 || times[i].tv_nsec > 999999999))
            return EINVAL;
    rc = open_at(dfs_sys, path, flags, true, &obj);
    if (rc != 0)
        return rc;
    what |= time_of(&times[0], &st.st_atim) ? DFS_SET_ATTR_ATIME : 0;
    what |= time_of(&times[1], &st.st_mtim) ? DFS_SET_ATTR_MTIME : 0;
    if (what != 0)
        rc = dfs_osetattr(dfs_sys->dfs, obj, &st, what);
    dfs_release(obj);
    return rc;
}

int dfs_sys_stat(dfs_sys_t *dfs_sys, const char *path, int flags, struct stat *stbuf)
{
    struct sys_at at;
    dfs_obj_t *obj;
    int rc;

    if (stbuf == NULL)
        return EINVAL;
    if (flags & ~O_NOFOLLOW)
        return dfs_sys == NULL ? EINVAL : ENOTSUP;
    rc = sys_at(dfs_sys, path, &at);
    if (rc != 0)
        return rc;
    rc = dfs_stat(dfs_sys->dfs, at.name != NULL ? at.parent : NULL, at.name, stbuf);
    if (rc == 0 && S_ISLNK(stbuf->st_mode) && !(flags & O_NOFOLLOW)) {
        rc = dfs_lookup_rel(dfs_sys->dfs, at.parent, at.name, O_RDONLY, &obj, NULL, stbuf);
        if (rc == 0)
            rc = dfs_release(obj);
    }
    sys_done(dfs_sys, &at);
    return rc;
}

int dfs_sys_mknod(dfs_sys_t *dfs_sys, const char *path, mode_t mode, daos_oclass_id_t cid,
                  daos_size_t chunk_size)
{
    dfs_obj_t *obj;
    int rc =
        dfs_sys_open(dfs_sys, path, mode, O_CREAT | O_EXCL | O_RDWR, cid, chunk_size, NULL, &obj);

    return rc ? rc : dfs_release(obj);
}

int dfs_sys_listxattr(dfs_sys_t *dfs_sys, const char *path, char *list, daos_size_t *size,
                      int flags)
{
    dfs_obj_t *obj;
    int rc = open_at(dfs_sys, path, flags, false, &obj);

    if (rc != 0)
        return rc;
    rc = dfs_listxattr(dfs_sys->dfs, obj, list, size);
    dfs_release(obj);
    return rc;
}

int dfs_sys_getxattr(dfs_sys_t *dfs_sys, const char *path, const char *name, void *value,
                     daos_size_t *size, int flags)
{
    dfs_obj_t *obj;
    int rc = open_at(dfs_sys, path, flags, false, &obj);

    if (rc != 0)
        return rc;
    rc = dfs_getxattr(dfs_sys->dfs, obj, name, value, size);
    dfs_release(obj);
    return rc;
}

int dfs_sys_setxattr(dfs_sys_t *dfs_sys, const char *path, const char *name, const void *value,
                     daos_size_t size, int flags, int sflags)
{
    dfs_obj_t *obj;
    int rc = open_at(dfs_sys, path, sflags, true, &obj);

    if (rc != 0)
        return rc;
    rc = dfs_setxattr(dfs_sys->dfs, obj, name, value, size, flags);
    dfs_release(obj);
    return rc;
}

int dfs_sys_removexattr(dfs_sys_t *dfs_sys, const char *path, const char *name, int flags)
{
    dfs_obj_t *obj;
    int rc = open_at(dfs_sys, path, flags, true, &obj);

    if (rc != 0)
        return rc;
    rc = dfs_removexattr(dfs_sys->dfs, obj, name);
    dfs_release(obj);
    return rc;
}

int dfs_sys_readlink(dfs_sys_t *dfs_sys, const char *path, char *buf, daos_size_t *size)
{
    dfs_obj_t *obj;
    int rc = open_at(dfs_sys, path, O_NOFOLLOW, false, &obj);

    if (rc != 0)
        return rc;
    rc = dfs_get_symlink_value(obj, buf, size);
    dfs_release(obj);
    return rc;
}

int dfs_sys_symlink(dfs_sys_t *dfs_sys, const char *target, const char *path)
{
    dfs_obj_t *obj;
    int rc = dfs_sys_open(dfs_sys, path, S_IFLNK, O_CREAT | O_EXCL | O_RDWR, 0, 0, target, &obj);

    return rc ? rc : dfs_release(obj);
}

/* An existing link at the end of the path is opened through, as open(2) does; dfs_open() itself
 * would refuse its type. */
static int open_through(struct dfs_sys *s, struct sys_at *at, mode_t mode, int flags,
                        dfs_obj_t **out)
{
    dfs_obj_t *obj;
    mode_t found;
    int rc = dfs_lookup_rel(s->dfs, at->parent, at->name, flags & (O_ACCMODE | O_NOFOLLOW), &obj,
                            &found, NULL);

    if (rc != 0)
        return rc;
    if ((mode & S_IFMT) != 0 && (found & S_IFMT) != (mode & S_IFMT))
        rc = S_ISDIR(mode) ? ENOTDIR : EINVAL;
    if (rc == 0 && (flags & O_TRUNC) && S_ISREG(found))
        rc = dfs_punch(s->dfs, obj, 0, DFS_MAX_FSIZE);
    if (rc != 0)
        dfs_release(obj);
    else
        *out = obj;
    return rc;
}

int dfs_sys_open(dfs_sys_t *dfs_sys, const char *path, mode_t mode, int flags, daos_oclass_id_t cid,
                 daos_size_t chunk_size, const char *value, dfs_obj_t **obj)
{
    struct sys_at at;
    int rc;

    if (obj == NULL)
        return EINVAL;
    rc = sys_at(dfs_sys, path, &at);
    if (rc != 0)
        return rc;
    if (at.name == NULL) {
        if (flags & O_CREAT)
            rc = EEXIST;
        else
            rc = S_ISDIR(mode) || (mode & S_IFMT) == 0
                     ? dfs_lookup_at_root(dfs_sys->dfs, "/", flags & O_ACCMODE, obj, NULL)
                     : EINVAL;
    } else {
        mode_t want = mode & S_IFMT ? mode : S_IFREG | mode;

        rc = dfs_open(dfs_sys->dfs, at.parent, at.name, want, flags, cid, chunk_size, value, obj);
        if ((rc == EINVAL || rc == ENOTDIR) && !S_ISLNK(mode) && !(flags & (O_NOFOLLOW | O_EXCL)))
            rc = open_through(dfs_sys, &at, mode, flags, obj);
    }
    sys_done(dfs_sys, &at);
    return rc;
}

int dfs_sys_close(dfs_obj_t *obj)
{
    return dfs_release(obj);
}

/* ---- Data ---- */

int dfs_sys_read(dfs_sys_t *dfs_sys, dfs_obj_t *obj, void *buf, daos_off_t off, daos_size_t *size,
                 daos_event_t *ev)
{
    d_iov_t iov;
    d_sg_list_t sgl = {.sg_nr = 1, .sg_iovs = &iov};

    if (dfs_sys == NULL || buf == NULL || size == NULL)
        return EINVAL;
    d_iov_set(&iov, buf, *size);
    return dfs_read(dfs_sys->dfs, obj, &sgl, off, size, ev); /* which keeps a list of one itself */
}

int dfs_sys_write(dfs_sys_t *dfs_sys, dfs_obj_t *obj, const void *buf, daos_off_t off,
                  daos_size_t *size, daos_event_t *ev)
{
    d_iov_t iov;
    d_sg_list_t sgl = {.sg_nr = 1, .sg_iovs = &iov};

    if (dfs_sys == NULL || buf == NULL || size == NULL)
        return EINVAL;
    d_iov_set(&iov, (void *)buf, *size);
    return dfs_write(dfs_sys->dfs, obj, &sgl, off, ev); /* all or nothing: *size stays */
}

int dfs_sys_punch(dfs_sys_t *dfs_sys, const char *path, daos_off_t offset, daos_off_t len)
{
    dfs_obj_t *obj;
    int rc = open_at(dfs_sys, path, 0, true, &obj);

    if (rc != 0)
        return rc;
    rc = dfs_punch(dfs_sys->dfs, obj, offset, len);
    dfs_release(obj);
    return rc;
}

/* ---- Names ---- */

/* mode 0: of any type. */
static int remove_at(dfs_sys_t *s, const char *path, bool force, mode_t mode, daos_obj_id_t *oid)
{
    daos_obj_id_t gone;
    struct sys_at at;
    struct stat st;
    int rc;

    if (s != NULL && force && !(s->flags & DFS_SYS_NO_CACHE))
        return ENOTSUP; /* what is removed below could be in the cache */
    rc = sys_at(s, path, &at);
    if (rc != 0)
        return rc;
    if (at.name == NULL) {
        rc = EBUSY;
        goto out;
    }
    if (mode != 0) {
        rc = dfs_stat(s->dfs, at.parent, at.name, &st);
        if (rc == 0 && (st.st_mode & S_IFMT) != (mode & S_IFMT))
            rc = EINVAL;
        if (rc != 0)
            goto out;
    }
    rc = dfs_remove(s->dfs, at.parent, at.name, force, &gone);
    if (rc == 0)
        sys_forget(s, gone);
    if (rc == 0 && oid != NULL)
        *oid = gone;
out:
    sys_done(s, &at);
    return rc;
}

int dfs_sys_remove(dfs_sys_t *dfs_sys, const char *path, bool force, daos_obj_id_t *oid)
{
    return remove_at(dfs_sys, path, force, 0, oid);
}

int dfs_sys_remove_type(dfs_sys_t *dfs_sys, const char *path, bool force, mode_t mode,
                        daos_obj_id_t *oid)
{
    return (mode & S_IFMT) == 0 ? EINVAL : remove_at(dfs_sys, path, force, mode, oid);
}

int dfs_sys_mkdir(dfs_sys_t *dfs_sys, const char *dir, mode_t mode, daos_oclass_id_t cid)
{
    struct sys_at at;
    int rc = sys_at(dfs_sys, dir, &at);

    if (rc != 0)
        return rc;
    rc = at.name == NULL ? EEXIST : dfs_mkdir(dfs_sys->dfs, at.parent, at.name, mode, cid);
    sys_done(dfs_sys, &at);
    return rc;
}

int dfs_sys_mkdir_p(dfs_sys_t *dfs_sys, const char *dir_path, mode_t mode, daos_oclass_id_t cid)
{
    size_t skip;
    struct stat st;
    char *path;
    int rc = dfs_sys_mkdir(dfs_sys, dir_path, mode, cid);

    if (rc != ENOENT && rc != EEXIST)
        return rc;
    if (rc == ENOENT) {
        path = base_strdup(dir_path);
        if (path == NULL)
            return ENOMEM;
        skip = dfs_sys->dfs->prefix == NULL ? 0 : strlen(dfs_sys->dfs->prefix);
        rc = 0;
        for (char *p = path + skip + 1; rc == 0 && *p != '\0'; p++) {
            if (*p != '/')
                continue;
            *p = '\0';
            rc = dfs_sys_mkdir(dfs_sys, path, mode, cid);
            rc = rc == EEXIST ? 0 : rc;
            *p = '/';
        }
        base_free(path);
        if (rc == 0)
            rc = dfs_sys_mkdir(dfs_sys, dir_path, mode, cid);
    }
    if (rc == EEXIST && dfs_sys_stat(dfs_sys, dir_path, 0, &st) == 0 && S_ISDIR(st.st_mode))
        rc = 0; /* it is there: all that was asked */
    return rc;
}

/* ---- Listing ---- */

#define SYS_DIR_MAGIC 0x64697273u
#define SYS_DIR_BATCH 128u

/* What a DIR of this library is. */
struct sys_stream {
    uint32_t magic;
    uint32_t nr, at; /* entries in ents, and the next to give out */
    dfs_obj_t *obj;
    daos_anchor_t anchor;
    struct dirent ents[SYS_DIR_BATCH];
};

int dfs_sys_opendir(dfs_sys_t *dfs_sys, const char *dir, int flags, DIR **dirp)
{
    struct sys_stream *s;
    dfs_obj_t *obj;
    mode_t mode;
    int rc;

    if (dirp == NULL)
        return EINVAL;
    rc = open_at(dfs_sys, dir, flags, false, &obj);
    if (rc != 0)
        return rc;
    rc = dfs_get_mode(obj, &mode);
    if (rc == 0 && !S_ISDIR(mode))
        rc = ENOTDIR;
    s = rc == 0 ? base_calloc(1, sizeof(*s)) : NULL;
    if (s == NULL) {
        dfs_release(obj);
        return rc ? rc : ENOMEM;
    }
    s->magic = SYS_DIR_MAGIC;
    s->obj = obj;
    *dirp = (DIR *)s;
    return 0;
}

int dfs_sys_closedir(DIR *dirp)
{
    struct sys_stream *s = (struct sys_stream *)dirp;
    int rc;

    if (s == NULL || s->magic != SYS_DIR_MAGIC)
        return EINVAL;
    s->magic = 0;
    rc = dfs_release(s->obj);
    base_free(s);
    return rc;
}

int dfs_sys_readdir(dfs_sys_t *dfs_sys, DIR *dirp, struct dirent **dirent)
{
    struct sys_stream *s = (struct sys_stream *)dirp;
    int rc;

    if (dfs_sys == NULL || s == NULL || s->magic != SYS_DIR_MAGIC || dirent == NULL)
        return EINVAL;
    while (s->at == s->nr) {
        if (daos_anchor_is_eof(&s->anchor)) {
            *dirent = NULL;
            return 0;
        }
        s->at = 0;
        s->nr = SYS_DIR_BATCH;
        rc = dfs_readdir(dfs_sys->dfs, s->obj, &s->anchor, &s->nr, s->ents);
        if (rc != 0) {
            s->nr = 0;
            return rc;
        }
    }
    *dirent = &s->ents[s->at++];
    return 0;
}
