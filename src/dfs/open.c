/* Creating and opening by name, and the life of an open object. */
#include <unistd.h>
#include "dfs/dfs_int.h"
#include "dfs/dfs_fast.h"

static void entry_new(struct dfs *dfs, struct dfs_obj *dir, mode_t mode, daos_oclass_id_t cid,
                      daos_size_t chunk, struct dfs_entry *e)
{
    memset(e, 0, sizeof(*e));
    e->mode = mode;
    e->mtime = dfs_now();
    e->ctime = e->mtime;
    e->uid = dfs->uid;
    e->gid = dfs->gid;
    e->no_xattrs = true;
    /* argument, then the directory's default, then the container's, then automatic (0) */
    e->chunk_size = chunk ? chunk : dir->chunk_size ? dir->chunk_size : dfs->sb.chunk_size;
    e->oclass = cid ? cid : dir->oclass;
}

static daos_oclass_id_t class_for(struct dfs *dfs, mode_t mode, daos_oclass_id_t cid)
{
    if (cid != 0)
        return cid;
    if (S_ISDIR(mode))
        return dfs->sb.dir_oclass ? dfs->sb.dir_oclass : dfs->sb.oclass;
    return dfs->sb.file_oclass ? dfs->sb.file_oclass : dfs->sb.oclass;
}

/* What will be the entry of a new object; the object behind it needs no creation. */
static int entry_make(struct dfs *dfs, struct dfs_obj *dir, mode_t mode, daos_oclass_id_t cid,
                      daos_size_t chunk, const char *value, struct dfs_entry *e)
{
    int rc;

    entry_new(dfs, dir, mode, cid, chunk, e);
    if (S_ISLNK(mode)) {
        e->mode = S_IFLNK | 0777;
        e->size = strlen(value);
        e->chunk_size = 0;
    }
    /* a symlink has no object behind it, but an id of its own: it is what tells it from others */
    rc = dfs_oid_new(dfs, mode, class_for(dfs, mode, e->oclass), &e->oid);
    if (rc == 0 && S_ISREG(mode))
        e->oclass = daos_obj_id2class(e->oid);
    return rc;
}

/* Opens first and creates then, so that what cannot be opened is not there afterwards. */
static int create_open(struct dfs *dfs, struct dfs_obj *dir, const char *name, int flags,
                       struct dfs_entry *e, const char *value, struct dfs_obj **out)
{
    char *target = S_ISLNK(e->mode) ? base_strdup(value) : NULL;
    struct dfs_obj *obj;
    int rc;

    if (S_ISLNK(e->mode) && target == NULL)
        return ENOMEM;
    rc = dfs_obj_new(dfs, dir->oid, name, e, flags, target, &obj);
    if (rc != 0)
        return rc;
    rc = dfs_obj_set_up(obj, dir->up, dir->up_nr, &dir->oid);
    if (rc == 0)
        rc = dfs_entry_insert(dfs, dir->oid, name, e, value);
    if (rc == 0)
        *out = obj;
    else
        dfs_release(obj);
    return rc;
}

static int open_check(struct dfs *dfs, mode_t mode, int flags, const char *value)
{
    if (flags & O_APPEND)
        return ENOTSUP;
    if (!S_ISREG(mode) && !S_ISDIR(mode) && !S_ISLNK(mode))
        return EINVAL;
    if (mode & S_ISVTX)
        return ENOTSUP;
    if (dfs->readonly && ((flags & O_ACCMODE) != O_RDONLY || (flags & (O_CREAT | O_TRUNC))))
        return EPERM;
    if (S_ISLNK(mode) && (flags & O_CREAT)) {
        if (value == NULL || value[0] == '\0')
            return EINVAL;
        if (strnlen(value, DFS_MAX_PATH) >= DFS_MAX_PATH)
            return ENAMETOOLONG;
    }
    return 0;
}

/* Opens what entry e of dir stands for. */
static int open_entry(struct dfs *dfs, struct dfs_obj *dir, const char *name, struct dfs_entry *e,
                      const struct client_seen *seen, int flags, struct dfs_obj **out,
                      struct stat *st)
{
    bool truncate = (flags & O_TRUNC) && S_ISREG(e->mode);
    struct dfs_obj *obj;
    mode_t type = e->mode & S_IFMT;
    int rc = dfs_obj_from_entry(dfs, dir->oid, name, e, flags, &obj);

    if (rc != 0)
        return rc;
    if ((e->mode & S_IFMT) != type) {
        dfs_release(obj);
        return EINVAL;
    }
    rc = dfs_obj_set_up(obj, dir->up, dir->up_nr, &dir->oid);
    if (rc == 0 && truncate)
        rc = dfs_errno(daos_array_set_size(obj->oh, DAOS_TX_NONE, 0, NULL));
    if (rc == 0 && st != NULL)
        rc = dfs_entry_stat_seen(dfs, e, obj->oh, truncate ? NULL : seen, st);
    if (rc == 0)
        *out = obj;
    else
        dfs_release(obj);
    return rc;
}

/* The name must be there and of the asked type. */
static int open_existing(struct dfs *dfs, struct dfs_obj *dir, const char *name, mode_t mode,
                         int flags, struct dfs_obj **obj, struct stat *st)
{
    struct client_seen seen = {.known = false};
    struct dfs_entry e;
    int rc = st != NULL ? dfs_entry_look(dfs, dir->oid, name, &e, &seen)
                        : dfs_entry_fetch(dfs, dir->oid, name, &e);

    if (rc != 0)
        return rc;
    if ((e.mode & S_IFMT) != (mode & S_IFMT))
        return S_ISDIR(mode) ? ENOTDIR : EINVAL;
    return open_entry(dfs, dir, name, &e, &seen, flags, obj, st);
}

static int open_one(struct dfs *dfs, struct dfs_obj *dir, const char *name, mode_t mode, int flags,
                    daos_oclass_id_t cid, daos_size_t chunk, const char *value,
                    struct dfs_obj **obj, struct stat *st)
{
    struct dfs_entry e;
    uint32_t attempt = 0;
    int rc;

    do {
        if (!(flags & O_CREAT))
            return open_existing(dfs, dir, name, mode, flags, obj, st);
        rc = entry_make(dfs, dir, mode, cid, chunk, value, &e);
        if (rc == 0)
            rc = create_open(dfs, dir, name, flags, &e, value, obj);
        if (rc ==
            0) { /* it is there: whatever else goes wrong is no reason to say that it failed */
            if (st != NULL && dfs_entry_stat(dfs, &e, (*obj)->oh, st) != 0)
                dfs_entry_stat_new(dfs, &e, st);
            return 0;
        }
        if (rc != EEXIST || (flags & O_EXCL) || S_ISLNK(mode))
            return rc;
        rc = open_existing(dfs, dir, name, mode, flags, obj, st);
        /* removed between the two steps: try to create it again */
    } while (rc == ENOENT && dfs_retry(&attempt));
    return rc;
}

int dfs_open_stat(dfs_t *dfs, dfs_obj_t *parent, const char *name, mode_t mode, int flags,
                  daos_oclass_id_t cid, daos_size_t chunk_size, const char *value, dfs_obj_t **obj,
                  struct stat *stbuf)
{
    struct dfs_obj *dir;
    int rc;

    if (obj == NULL)
        return EINVAL;
    rc = dfs_parent(dfs, parent, false, &dir);
    if (rc == 0)
        rc = dfs_name_check(name, NULL);
    if (rc == 0)
        rc = open_check(dfs, mode, flags, value);
    if (rc != 0)
        return rc;
    return open_one(dfs, dir, name, mode, flags, cid, chunk_size, value, obj, stbuf);
}

int dfs_open(dfs_t *dfs, dfs_obj_t *parent, const char *name, mode_t mode, int flags,
             daos_oclass_id_t cid, daos_size_t chunk_size, const char *value, dfs_obj_t **obj)
{
    return dfs_open_stat(dfs, parent, name, mode, flags, cid, chunk_size, value, obj, NULL);
}

int dfs_mkdir(dfs_t *dfs, dfs_obj_t *parent, const char *name, mode_t mode, daos_oclass_id_t cid)
{
    struct dfs_obj *dir;
    struct dfs_entry e;
    int rc;

    rc = dfs_parent(dfs, parent, true, &dir);
    if (rc == 0)
        rc = dfs_name_check(name, NULL);
    if (rc == 0 && (mode & S_ISVTX))
        rc = ENOTSUP;
    if (rc != 0)
        return rc;
    rc = entry_make(dfs, dir, S_IFDIR | (mode & ~S_IFMT), cid, 0, NULL, &e);
    return rc != 0 ? rc : dfs_entry_insert(dfs, dir->oid, name, &e, NULL);
}

/* ---- Open objects ---- */

int dfs_dup(dfs_t *dfs, dfs_obj_t *obj, int flags, dfs_obj_t **new_obj)
{
    struct dfs_obj *dup;
    int rc = 0;

    if (dfs == NULL || obj == NULL || new_obj == NULL)
        return EINVAL;
    if (dfs->readonly && (flags & O_ACCMODE) != O_RDONLY)
        return EPERM;
    dup = base_calloc(1, sizeof(*dup));
    if (dup == NULL)
        return ENOMEM;
    *dup = *obj;
    dup->refs = 1;
    dup->flags = flags;
    dup->oh = DAOS_HDL_INVAL;
    dup->value = NULL;
    dup->up = NULL;
    if (obj->value != NULL) {
        dup->value = base_strdup(obj->value);
        rc = dup->value == NULL ? ENOMEM : 0;
    } else {
        rc = dfs_obj_open_handle(dfs, dup, flags);
    }
    if (rc != 0) {
        base_free(dup);
        return rc;
    }
    rc = dfs_obj_set_up(dup, obj->up, obj->up_nr, NULL);
    if (rc != 0) {
        dfs_release(dup);
        return rc;
    }
    *new_obj = dup;
    return 0;
}

int dfs_release(dfs_obj_t *obj)
{
    int rc = 0;

    if (obj == NULL)
        return EINVAL;
    if (obj == &obj->dfs->root)
        return 0;
    if (__atomic_sub_fetch(&obj->refs, 1, __ATOMIC_ACQ_REL) != 0)
        return 0;
    if (S_ISREG(obj->mode))
        rc = daos_array_close(obj->oh, NULL);
    else if (S_ISDIR(obj->mode))
        rc = daos_obj_close(obj->oh, NULL);
    base_free(obj->value);
    base_free(obj->up);
    base_free(obj);
    return dfs_errno(rc);
}

int dfs_obj2id(dfs_obj_t *obj, daos_obj_id_t *oid)
{
    if (obj == NULL || oid == NULL)
        return EINVAL;
    *oid = obj->oid;
    return 0;
}

int dfs_get_mode(dfs_obj_t *obj, mode_t *mode)
{
    if (obj == NULL || mode == NULL)
        return EINVAL;
    *mode = obj->mode;
    return 0;
}

int dfs_get_file_oh(dfs_obj_t *obj, daos_handle_t *oh)
{
    if (obj == NULL || oh == NULL || !S_ISREG(obj->mode))
        return EINVAL;
    *oh = obj->oh;
    return 0;
}

int dfs_get_chunk_size(dfs_obj_t *obj, daos_size_t *chunk_size)
{
    if (obj == NULL || chunk_size == NULL || !S_ISREG(obj->mode))
        return EINVAL;
    *chunk_size = obj->chunk_size;
    return 0;
}

int dfs_get_symlink_value(dfs_obj_t *obj, char *buf, daos_size_t *size)
{
    size_t need, room;

    if (obj == NULL || size == NULL || !S_ISLNK(obj->mode))
        return EINVAL;
    need = strlen(obj->value) + 1;
    room = buf == NULL ? 0 : MIN(*size, need);
    *size = need;
    if (room == 0)
        return 0;
    memcpy(buf, obj->value, room);
    buf[room - 1] = '\0';
    return 0;
}

int dfs_update_parent(dfs_obj_t *obj, dfs_obj_t *src_obj, const char *name)
{
    if (obj == NULL || (name != NULL && dfs_name_check(name, NULL) != 0))
        return EINVAL;
    if (src_obj != NULL) {
        obj->parent_oid = src_obj->parent_oid;
        if (name == NULL)
            name = src_obj->name;
    }
    if (name != NULL && name != obj->name)
        strcpy(obj->name, name);
    return 0;
}

int dfs_obj_get_info(dfs_t *dfs, dfs_obj_t *obj, dfs_obj_info_t *info)
{
    if (dfs == NULL || obj == NULL || info == NULL)
        return EINVAL;
    memset(info, 0, sizeof(*info));
    info->doi_oid = obj->oid;
    info->doi_chunk_size = S_ISLNK(obj->mode) ? 0
                           : obj->chunk_size  ? obj->chunk_size
                                              : dfs->sb.chunk_size;
    if (S_ISLNK(obj->mode))
        return 0;
    info->doi_oclass_id = daos_obj_id2class(obj->oid);
    if (S_ISDIR(obj->mode)) {
        info->doi_dir_oclass_id = obj->oclass ? obj->oclass : class_for(dfs, S_IFDIR, 0);
        info->doi_file_oclass_id = obj->oclass ? obj->oclass : class_for(dfs, S_IFREG, 0);
    }
    return 0;
}
