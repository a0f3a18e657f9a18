/*
 * Mounts and files handed to other processes. A mount's blob says which container and snapshot it
 * is; the receiver mounts that again under its own handles. A file's blob is its entry's place and
 * what is needed to open it without a look.
 */
#include <stdlib.h>
#include "client/global.h"
#include "dfs/dfs_int.h"

#define MOUNT_MAGIC 0x64667301u
#define ALL_MAGIC   0x64667302u
#define FILE_MAGIC  0x64667303u

struct mount_blob {
    uint32_t magic;
    uint32_t balanced;
    uuid_t cont;
    daos_epoch_t epoch;
    uint64_t readonly;
};

struct all_blob { /* followed by the three blobs */
    uint32_t magic;
    uint32_t pool_len, cont_len, mount_len;
};

struct file_blob {
    uint32_t magic;
    uint32_t mode;
    uuid_t cont;
    daos_obj_id_t oid, parent_oid;
    uint64_t chunk_size;
    uint32_t oclass;
    int32_t access; /* O_ACCMODE of it */
    char name[DFS_MAX_NAME + 1];
};

int dfs_local2global(dfs_t *dfs, d_iov_t *glob)
{
    struct mount_blob b = {.magic = MOUNT_MAGIC};

    if (dfs == NULL || glob == NULL)
        return EINVAL;
    b.balanced = dfs->balanced;
    b.epoch = dfs->epoch;
    b.readonly = dfs->readonly;
    uuid_copy(b.cont, dfs->cont_uuid);
    return dfs_errno(blob_out(glob, &b, sizeof(b)));
}

int dfs_global2local(daos_handle_t poh, daos_handle_t coh, int flags, d_iov_t glob, dfs_t **dfs)
{
    struct mount_blob b;
    dfs_t *own;
    int rc;

    if (dfs == NULL)
        return EINVAL;
    rc = dfs_errno(blob_in(&glob, MOUNT_MAGIC, &b, sizeof(b)));
    if (rc != 0)
        return rc;
    if (flags == 0) /* nothing was said: as it was there */
        flags = b.readonly ? O_RDONLY : O_RDWR;
    if (b.epoch != 0 && (flags & O_ACCMODE) != O_RDONLY)
        return EINVAL;
    rc = dfs_pool_check(poh);
    if (rc != 0)
        return rc;
    rc = dfs_mount_at(poh, coh, (flags & O_ACCMODE) | (b.balanced ? (int)DFS_BALANCED : 0), b.epoch,
                      &own);
    if (rc != 0)
        return rc;
    if (uuid_compare(own->cont_uuid, b.cont) != 0) {
        dfs_mount_free(own);
        return EINVAL;
    }
    *dfs = own;
    return 0;
}

/* One of the three blobs of a mount; kind 0 pool, 1 container, 2 mount. */
static int part_out(struct dfs *dfs, int kind, d_iov_t *glob)
{
    if (kind == 0)
        return dfs_errno(daos_pool_local2global(dfs->poh, glob));
    if (kind == 1)
        return dfs_errno(daos_cont_local2global(dfs->coh, glob));
    return dfs_local2global(dfs, glob);
}

int dfs_local2global_all(dfs_t *dfs, d_iov_t *glob)
{
    struct all_blob b = {.magic = ALL_MAGIC};
    uint32_t *lens[3] = {&b.pool_len, &b.cont_len, &b.mount_len};
    size_t need = sizeof(b), room;
    char *at;
    int rc;

    if (dfs == NULL || glob == NULL)
        return EINVAL;
    for (int i = 0; i < 3; i++) {
        d_iov_t ask = {0};

        rc = part_out(dfs, i, &ask);
        if (rc != 0)
            return rc;
        *lens[i] = (uint32_t)ask.iov_buf_len;
        need += ask.iov_buf_len;
    }
    room = glob->iov_buf_len;
    glob->iov_buf_len = need;
    if (glob->iov_buf == NULL)
        return 0;
    if (room < need)
        return ENOBUFS;
    memcpy(glob->iov_buf, &b, sizeof(b));
    at = (char *)glob->iov_buf + sizeof(b);
    for (int i = 0; i < 3; i++) {
        d_iov_t part;

        d_iov_set(&part, at, *lens[i]);
        rc = part_out(dfs, i, &part);
        if (rc != 0)
            return rc;
        at += *lens[i];
    }
    glob->iov_len = need;
    return 0;
}

int dfs_global2local_all(int flags, d_iov_t glob, dfs_t **dfs)
{
    struct all_blob b;
    daos_handle_t poh, coh;
    d_iov_t part;
    dfs_t *own;
    char *at;
    int rc;

    if (dfs == NULL || glob.iov_buf == NULL || glob.iov_len < sizeof(b) ||
        glob.iov_buf_len < glob.iov_len)
        return EINVAL;
    memcpy(&b, glob.iov_buf, sizeof(b));
    if (b.magic != ALL_MAGIC ||
        sizeof(b) + (uint64_t)b.pool_len + b.cont_len + b.mount_len > glob.iov_len)
        return EINVAL;
    if (!dfs_conn_ready())
        return EACCES;
    at = (char *)glob.iov_buf + sizeof(b);
    d_iov_set(&part, at, b.pool_len);
    rc = dfs_errno(daos_pool_global2local(part, &poh));
    if (rc != 0)
        return rc;
    d_iov_set(&part, at + b.pool_len, b.cont_len);
    rc = dfs_errno(daos_cont_global2local(poh, part, &coh));
    if (rc != 0)
        goto pool;
    d_iov_set(&part, at + b.pool_len + b.cont_len, b.mount_len);
    rc = dfs_global2local(poh, coh, flags, part, &own);
    if (rc != 0)
        goto cont;
    rc = dfs_conn_adopt(poh, coh, own);
    if (rc == 0) {
        *dfs = own;
        return 0;
    }
    dfs_mount_free(own);
cont:
    daos_cont_close(coh, NULL);
pool:
    daos_pool_disconnect(poh, NULL);
    return rc;
}

int dfs_obj_local2global(dfs_t *dfs, dfs_obj_t *obj, d_iov_t *glob)
{
    struct file_blob b;

    if (dfs == NULL || obj == NULL || glob == NULL || !S_ISREG(obj->mode))
        return EINVAL;
    memset(&b, 0, sizeof(b)); /* padding too: blobs are compared and sent */
    b.magic = FILE_MAGIC;
    b.mode = obj->mode;
    uuid_copy(b.cont, dfs->cont_uuid);
    b.oid = obj->oid;
    b.parent_oid = obj->parent_oid;
    b.chunk_size = obj->chunk_size;
    b.oclass = obj->oclass;
    b.access = obj->flags & O_ACCMODE;
    strcpy(b.name, obj->name);
    return dfs_errno(blob_out(glob, &b, sizeof(b)));
}

int dfs_obj_global2local(dfs_t *dfs, int flags, d_iov_t glob, dfs_obj_t **obj)
{
    struct dfs_entry e = {0};
    struct file_blob b;
    int rc;

    if (dfs == NULL || obj == NULL)
        return EINVAL;
    rc = dfs_errno(blob_in(&glob, FILE_MAGIC, &b, sizeof(b)));
    if (rc != 0)
        return rc;
    b.name[DFS_MAX_NAME] = '\0';
    if (uuid_compare(b.cont, dfs->cont_uuid) != 0 || !S_ISREG(b.mode) || !daos_is_array(b.oid) ||
        b.chunk_size == 0 || dfs_name_check(b.name, NULL) != 0)
        return EINVAL;
    if (dfs->readonly && (flags & O_ACCMODE) != O_RDONLY)
        return EPERM;
    if (flags == 0 && !dfs->readonly)
        flags = b.access & O_ACCMODE;
    e.mode = b.mode;
    e.oid = b.oid;
    e.chunk_size = b.chunk_size;
    e.oclass = b.oclass;
    return dfs_obj_from_entry(dfs, b.parent_oid, b.name, &e, flags, obj);
}
