/*
 * Extended attributes: single-value akeys "x:NAME" beside the inode record. A value is stored with
 * one zero byte behind it, because the store knows no empty values and POSIX does.
 */
#include <sys/xattr.h>
#include "dfs/dfs_fast.h"
#include "dfs/dfs_int.h"

#define XATTR_BATCH 32u

struct xattr_io {
    char key[sizeof(DFS_XATTR_HEAD) + DFS_MAX_XATTR_NAME];
    daos_key_t dkey;
    daos_iod_t iod;
    d_iov_t iovs[2]; /* the value, the byte behind it */
    char end;
    d_sg_list_t sgl;
};

static int io_set(struct xattr_io *io, struct dfs_obj *obj, const char *name, const void *value,
                  size_t size)
{
    size_t len = name == NULL ? 0 : strnlen(name, DFS_MAX_XATTR_NAME + 1);

    if (len == 0 || len > DFS_MAX_XATTR_NAME)
        return EINVAL;
    memset(io, 0, sizeof(*io));
    memcpy(io->key, DFS_XATTR_HEAD, sizeof(DFS_XATTR_HEAD) - 1);
    memcpy(io->key + sizeof(DFS_XATTR_HEAD) - 1, name, len);
    d_iov_set(&io->dkey, obj->name, strlen(obj->name));
    d_iov_set(&io->iod.iod_name, io->key, sizeof(DFS_XATTR_HEAD) - 1 + len);
    io->iod.iod_type = DAOS_IOD_SINGLE;
    io->iod.iod_nr = 1;
    io->iod.iod_size = size + 1;
    d_iov_set(&io->iovs[0], (void *)value, size);
    d_iov_set(&io->iovs[1], &io->end, 1);
    io->sgl.sg_nr = size > 0 ? 2 : 1;
    io->sgl.sg_iovs = size > 0 ? io->iovs : &io->iovs[1];
    return 0;
}

int dfs_getxattr(dfs_t *dfs, dfs_obj_t *obj, const char *name, void *value, daos_size_t *size)
{
    struct xattr_io io;
    bool ask = value == NULL || (size != NULL && *size == 0);
    int rc;

    if (dfs == NULL || obj == NULL || size == NULL)
        return EINVAL;
    rc = io_set(&io, obj, name, value, ask ? 0 : *size);
    if (rc != 0)
        return rc;
    io.iod.iod_size = DAOS_REC_ANY;
    rc = client_fetch_oid(dfs->coh, dfs->th, obj->parent_oid, 0, &io.dkey, 1, &io.iod,
                          ask ? NULL : &io.sgl, NULL, NULL);
    if (rc == -DER_REC2BIG) {
        *size = io.iod.iod_size - 1;
        return E2BIG;
    }
    if (rc != 0)
        return dfs_errno(rc);
    if (io.iod.iod_size == 0)
        return ENODATA;
    *size = io.iod.iod_size - 1;
    return 0;
}

/* Calls each(name with head, len, arg) for every attribute of an entry; non-zero stops. */
static int each_xattr_oh(struct dfs *dfs, daos_handle_t oh, const char *name,
                         int (*each)(const char *key, size_t len, void *arg), void *arg)
{
    char buf[XATTR_BATCH * 64 + DFS_MAX_XATTR_NAME + 8];
    daos_key_desc_t kds[XATTR_BATCH];
    daos_anchor_t anchor = {0};
    daos_key_t dkey;
    d_iov_t iov;
    d_sg_list_t sgl = {.sg_nr = 1, .sg_iovs = &iov};
    int rc = 0;

    d_iov_set(&dkey, (void *)name, strlen(name));
    while (rc == 0 && !daos_anchor_is_eof(&anchor)) {
        uint32_t nr = XATTR_BATCH;
        const char *p = buf;

        d_iov_set(&iov, buf, sizeof(buf));
        rc = dfs_errno(daos_obj_list_akey(oh, dfs->th, &dkey, &nr, kds, &sgl, &anchor, NULL));
        for (uint32_t i = 0; rc == 0 && i < nr; p += kds[i].kd_key_len, i++)
            if (kds[i].kd_key_len > 2 && memcmp(p, DFS_XATTR_HEAD, 2) == 0)
                rc = each(p, kds[i].kd_key_len, arg);
    }
    return rc;
}

static int each_xattr(struct dfs *dfs, daos_obj_id_t parent, const char *name,
                      int (*each)(const char *key, size_t len, void *arg), void *arg)
{
    daos_handle_t oh;
    int rc = dfs_errno(daos_obj_open(dfs->coh, parent, DAOS_OO_RO, &oh, NULL));

    if (rc != 0)
        return rc;
    rc = each_xattr_oh(dfs, oh, name, each, arg);
    daos_obj_close(oh, NULL);
    return rc;
}

struct list_out {
    char *buf;
    size_t room, need;
};

static int list_each(const char *key, size_t len, void *arg)
{
    struct list_out *out = arg;

    key += 2;
    len -= 2;
    if (out->buf != NULL && out->need + len + 1 <= out->room) {
        memcpy(out->buf + out->need, key, len);
        out->buf[out->need + len] = '\0';
    }
    out->need += len + 1;
    return 0;
}

int dfs_listxattr(dfs_t *dfs, dfs_obj_t *obj, char *list, daos_size_t *size)
{
    struct list_out out = {0};
    int rc;

    if (dfs == NULL || obj == NULL || size == NULL)
        return EINVAL;
    out.buf = list;
    out.room = list == NULL ? 0 : *size;
    rc = each_xattr(dfs, obj->parent_oid, obj->name, list_each, &out);
    if (rc != 0)
        return rc;
    *size = out.need;
    return 0;
}

int dfs_listxattr_name(dfs_t *dfs, dfs_obj_t *parent, const char *name, char *list,
                       daos_size_t *size)
{
    struct list_out out = {0};
    struct dfs_obj *dir;
    int rc;

    if (size == NULL)
        return EINVAL;
    rc = dfs_parent(dfs, parent, false, &dir);
    if (rc == 0)
        rc = dfs_name_check(name, NULL);
    if (rc != 0)
        return rc;
    out.buf = list;
    out.room = list == NULL ? 0 : *size;
    rc = each_xattr_oh(dfs, dir->oh, name, list_each, &out);
    if (rc == 0)
        *size = out.need;
    return rc;
}

/* ---- Changing them ---- */

struct others {
    const struct xattr_io *io;
    uint32_t nr;
};

static int others_each(const char *key, size_t len, void *arg)
{
    struct others *o = arg;
    const d_iov_t *own = &o->io->iod.iod_name;

    o->nr += len != own->iov_len || memcmp(key, own->iov_buf, len) != 0;
    return 0;
}

/* Will the entry be without attributes when this one is removed? Holds if the entry is unchanged
 * when the removal happens. */
static int is_last(struct dfs *dfs, struct dfs_obj *obj, const struct xattr_io *io, bool *last)
{
    struct others o = {.io = io};
    int rc = each_xattr(dfs, obj->parent_oid, obj->name, others_each, &o);

    *last = rc == 0 && o.nr == 0;
    return rc;
}

/*
 * Changes one attribute and the time of change of the entry it hangs on, in one step. The inode
 * record (which says whether there are attributes at all) is rewritten with every change below its
 * name, so its epoch tells whether anything there changed (moves depend on it).
 */
static int change_one(struct dfs *dfs, struct dfs_obj *obj, struct xattr_io *io, bool removal,
                      uint64_t cond)
{
    struct dfs_entry_io inode;
    struct dfs_entry e;
    struct compound *c;
    struct stat st;
    uint32_t attempt = 0;
    int rc;

    do {
        rc = dfs_entry_fetch(dfs, obj->parent_oid, obj->name, &e);
        if (rc == 0 && (e.oid.lo != obj->oid.lo || e.oid.hi != obj->oid.hi))
            rc = ENOENT; /* the name stands for something else by now */
        if (rc == 0)
            rc = dfs_entry_stat(dfs, &e, obj->oh, &st);
        if (rc == 0 && !removal)
            e.no_xattrs = false;
        else if (rc == 0 && !e.no_xattrs)
            rc = is_last(dfs, obj, io, &e.no_xattrs);
        if (rc != 0)
            return rc;
        e.mtime = st.st_mtim;
        e.ctime = dfs_now();
        dfs_entry_io_set(&inode, obj->name, &e, NULL);
        rc = compound_begin(dfs->coh, &c);
        if (rc != 0)
            return dfs_errno(rc);
        rc = compound_check_unchanged(c, obj->parent_oid, &inode.dkey, e.epoch);
        if (rc == 0)
            rc = compound_update_oid(c, obj->parent_oid, DAOS_COND_DKEY_UPDATE, &inode.dkey,
                                     inode.nr, inode.iods, inode.sgls);
        if (rc == 0 && removal)
            rc = compound_punch_keys_oid(c, obj->parent_oid, cond, &io->dkey, 1, &io->iod.iod_name);
        else if (rc == 0)
            rc = compound_update_oid(c, obj->parent_oid, cond, &io->dkey, 1, &io->iod, &io->sgl);
        if (rc == 0)
            rc = compound_run(c, NULL, NULL);
        compound_free(c);
    } while (rc == -DER_TX_RESTART && dfs_retry(&attempt));
    return dfs_errno(rc);
}

int dfs_setxattr(dfs_t *dfs, dfs_obj_t *obj, const char *name, const void *value, daos_size_t size,
                 int flags)
{
    uint64_t cond = 0;
    struct xattr_io io;
    int rc;

    if (dfs == NULL || obj == NULL || (value == NULL && size > 0) || size > DFS_MAX_XATTR_LEN ||
        (flags & ~(XATTR_CREATE | XATTR_REPLACE)))
        return EINVAL;
    if (dfs->readonly)
        return EPERM;
    rc = io_set(&io, obj, name, value, size);
    if (rc != 0)
        return rc;
    if (flags & XATTR_CREATE)
        cond |= DAOS_COND_AKEY_INSERT;
    if (flags & XATTR_REPLACE)
        cond |= DAOS_COND_AKEY_UPDATE;
    return change_one(dfs, obj, &io, false, cond);
}

int dfs_removexattr(dfs_t *dfs, dfs_obj_t *obj, const char *name)
{
    struct xattr_io io;
    int rc;

    if (dfs == NULL || obj == NULL)
        return EINVAL;
    if (dfs->readonly)
        return EPERM;
    rc = io_set(&io, obj, name, NULL, 0);
    return rc ? rc : change_one(dfs, obj, &io, true, DAOS_COND_PUNCH);
}

/* ---- All of them, for a move ---- */

static int collect_each(const char *key, size_t len, void *arg)
{
    struct dfs_xattrs *x = arg;
    char **names = base_realloc(x->names, (x->nr + 1) * sizeof(*names));

    if (names == NULL)
        return ENOMEM;
    x->names = names;
    names[x->nr] = base_strndup(key, len);
    if (names[x->nr] == NULL)
        return ENOMEM;
    x->nr++;
    return 0;
}

/* ENODATA: it has been removed since it was listed. */
static int value_read(struct dfs *dfs, daos_obj_id_t parent, const char *name, const char *key,
                      void **value, size_t *size)
{
    daos_key_t dkey;
    daos_iod_t iod = {0};
    d_iov_t iov;
    d_sg_list_t sgl = {.sg_nr = 1, .sg_iovs = &iov};
    void *buf = base_alloc(DFS_MAX_XATTR_LEN + 1);
    int rc;

    if (buf == NULL)
        return ENOMEM;
    d_iov_set(&dkey, (void *)name, strlen(name));
    d_iov_set(&iod.iod_name, (void *)key, strlen(key));
    iod.iod_type = DAOS_IOD_SINGLE;
    iod.iod_nr = 1;
    iod.iod_size = DAOS_REC_ANY;
    d_iov_set(&iov, buf, DFS_MAX_XATTR_LEN + 1);
    rc = client_fetch_oid(dfs->coh, dfs->th, parent, 0, &dkey, 1, &iod, &sgl, NULL, NULL);
    if (rc != 0 || iod.iod_size == 0) {
        base_free(buf);
        return rc == 0 ? ENODATA : dfs_errno(rc);
    }
    *value = buf;
    *size = iod.iod_size;
    return 0;
}

int dfs_xattrs_read(struct dfs *dfs, daos_obj_id_t parent, const char *name, struct dfs_xattrs *x)
{
    int rc;

    memset(x, 0, sizeof(*x));
    rc = each_xattr(dfs, parent, name, collect_each, x);
    if (rc != 0 || x->nr == 0)
        goto out;
    x->values = base_calloc(x->nr, sizeof(*x->values));
    x->sizes = base_calloc(x->nr, sizeof(*x->sizes));
    if (x->values == NULL || x->sizes == NULL)
        rc = ENOMEM;
    for (uint32_t i = 0; rc == 0 && i < x->nr;) {
        rc = value_read(dfs, parent, name, x->names[i], &x->values[i], &x->sizes[i]);
        if (rc == 0) {
            i++;
        } else if (rc == ENODATA) { /* left out: the move's check will see that the entry changed */
            base_free(x->names[i]);
            x->names[i] = x->names[--x->nr];
            rc = 0;
        }
    }
out:
    if (rc != 0)
        dfs_xattrs_free(x);
    return rc;
}

void dfs_xattrs_free(struct dfs_xattrs *x)
{
    for (uint32_t i = 0; i < x->nr; i++) {
        base_free(x->names[i]);
        if (x->values != NULL)
            base_free(x->values[i]);
    }
    base_free(x->names);
    base_free(x->values);
    base_free(x->sizes);
    memset(x, 0, sizeof(*x));
}
