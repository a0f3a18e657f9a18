/* Small files in one request; see dfs_fast.h. */
#include <stdlib.h>
#include "dfs/dfs_int.h"
#include "dfs/dfs_fast.h"

/* Everything a put needs until it completes. The file's first chunk is dkey 1 (a 64-bit integer),
 * akey "0" of its array object. */
struct put_op {
    struct dfs_entry e;
    struct dfs_entry_io io;
    struct compound *c;
    uint64_t chunk_key;
    daos_key_t dkey;
    daos_recx_t recx;
    daos_iod_t iod;
    char name[DFS_MAX_NAME + 1];
};

static void put_free(struct put_op *op)
{
    if (op->c != NULL)
        compound_free(op->c);
    free(op);
}

static int put_hook(void *arg, int rc)
{
    put_free(arg);
    return dfs_errno(rc);
}

static int put_data(struct put_op *op, d_sg_list_t *sgl, daos_size_t bytes)
{
    op->chunk_key = 1;
    d_iov_set(&op->dkey, &op->chunk_key, sizeof(op->chunk_key));
    d_iov_set(&op->iod.iod_name, (void *)"0", 1);
    op->recx.rx_idx = 0;
    op->recx.rx_nr = bytes;
    op->iod.iod_type = DAOS_IOD_ARRAY;
    op->iod.iod_size = 1;
    op->iod.iod_nr = 1;
    op->iod.iod_recxs = &op->recx;
    return compound_update_oid(op->c, op->e.oid, 0, &op->dkey, 1, &op->iod, sgl);
}

static daos_size_t sgl_bytes(const d_sg_list_t *sgl)
{
    daos_size_t n = 0;

    for (uint32_t i = 0; sgl != NULL && i < sgl->sg_nr; i++)
        n += sgl->sg_iovs[i].iov_len;
    return n;
}

static int put_prepare(struct dfs *dfs, struct dfs_obj *dir, const char *name,
                       const struct stat *st, daos_size_t bytes, struct put_op **out)
{
    daos_oclass_id_t cid = dir->oclass           ? dir->oclass
                           : dfs->sb.file_oclass ? dfs->sb.file_oclass
                                                 : dfs->sb.oclass;
    struct put_op *op = calloc(1, sizeof(*op));
    int rc;

    if (op == NULL)
        return ENOMEM;
    strcpy(op->name, name);
    op->e.mode = S_IFREG | (st->st_mode & ~S_IFMT);
    op->e.uid = st->st_uid;
    op->e.gid = st->st_gid;
    op->e.mtime = st->st_mtim;
    op->e.ctime = dfs_now();
    op->e.no_xattrs = true;
    op->e.chunk_size = dir->chunk_size ? dir->chunk_size : dfs->sb.chunk_size;
    rc = bytes > op->e.chunk_size ? EFBIG : dfs_oid_new(dfs, S_IFREG, cid, &op->e.oid);
    if (rc != 0) {
        free(op);
        return rc;
    }
    op->e.oclass = daos_obj_id2class(op->e.oid);
    dfs_entry_io_set(&op->io, op->name, &op->e, NULL);
    *out = op;
    return 0;
}

/* Adds to the compound what removes the present holder of the name, if there is one. -DER codes. */
static int put_replace(struct dfs *dfs, struct dfs_obj *dir, struct put_op *op)
{
    struct dfs_entry old;
    int rc = dfs_entry_fetch(dfs, dir->oid, op->name, &old);

    if (rc == ENOENT)
        return compound_check_absent(op->c, dir->oid, &op->io.dkey);
    if (rc != 0)
        return -DER_IO;
    if (S_ISDIR(old.mode))
        return -DER_EXIST;
    rc = compound_check_unchanged(op->c, dir->oid, &op->io.dkey, old.epoch);
    if (rc == 0)
        rc = compound_punch_dkey_oid(op->c, dir->oid, 0, &op->io.dkey);
    if (rc == 0 && S_ISREG(old.mode))
        rc = compound_punch_oid(op->c, old.oid, 0);
    return rc;
}

static int put_build(struct dfs *dfs, struct dfs_obj *dir, struct put_op *op, d_sg_list_t *sgl,
                     daos_size_t bytes, bool replace)
{
    int rc = compound_begin(dfs->coh, &op->c);

    if (rc == 0)
        rc = dfs_dot_check(op->c, dfs, dir->oid);
    if (rc == 0 && replace)
        rc = put_replace(dfs, dir, op);
    if (rc == 0)
        rc = compound_update_oid(op->c, dir->oid, replace ? 0 : DAOS_COND_DKEY_INSERT, &op->io.dkey,
                                 op->io.nr, op->io.iods, op->io.sgls);
    if (rc == 0 && bytes > 0)
        rc = put_data(op, sgl, bytes);
    return rc;
}

static int put_blocking(struct dfs *dfs, struct dfs_obj *dir, struct put_op *op, d_sg_list_t *sgl,
                        daos_size_t bytes, bool replace)
{
    uint32_t attempt = 0;
    int rc;

    do {
        rc = put_build(dfs, dir, op, sgl, bytes, replace);
        if (rc == 0)
            rc = compound_run(op->c, NULL, NULL);
        if (op->c != NULL)
            compound_free(op->c);
        op->c = NULL;
        if (replace && rc == -DER_EXIST) { /* it appeared, or it is a directory: look again */
            struct dfs_entry e;

            if (dfs_entry_fetch(dfs, dir->oid, op->name, &e) != 0 || !S_ISDIR(e.mode))
                rc = -DER_TX_RESTART;
        }
    } while (rc == -DER_TX_RESTART && dfs_retry(&attempt));
    return dfs_errno(rc);
}

int dfs_put_file(dfs_t *dfs, dfs_obj_t *parent, const char *name, const struct stat *st,
                 d_sg_list_t *sgl, bool replace, daos_obj_id_t *oid, daos_event_t *ev)
{
    daos_size_t bytes = sgl_bytes(sgl);
    struct dfs_obj *dir;
    struct put_op *op;
    int rc;

    if (st == NULL || (replace && ev != NULL))
        return EINVAL;
    if (bytes > DFS_FAST_MAX)
        return EFBIG;
    rc = dfs_parent(dfs, parent, true, &dir);
    if (rc == 0)
        rc = dfs_name_check(name, NULL);
    if (rc == 0)
        rc = put_prepare(dfs, dir, name, st, bytes, &op);
    if (rc != 0)
        return rc;
    if (oid != NULL)
        *oid = op->e.oid;
    if (ev == NULL) {
        rc = put_blocking(dfs, dir, op, sgl, bytes, replace);
        put_free(op);
        return rc;
    }
    rc = put_build(dfs, dir, op, sgl, bytes, false);
    if (rc == 0)
        rc = client_event_hook(ev, put_hook, op);
    if (rc == 0) {
        rc = compound_run(op->c, NULL, ev);
        if (rc == 0)
            return 0;
        client_event_hook(ev, NULL, NULL);
    }
    put_free(op);
    return dfs_errno(rc);
}

/* ---- Reading ---- */

struct get_op {
    daos_handle_t oh;
    daos_array_iod_t aiod;
    daos_range_t range;
    d_iov_t iov;
    d_sg_list_t sgl;
    daos_size_t *len;
};

static int get_end(struct get_op *op, int rc)
{
    if (rc == 0)
        *op->len = op->aiod.arr_nr_read;
    daos_array_close(op->oh, NULL);
    return dfs_errno(rc);
}

static int get_hook(void *arg, int rc)
{
    rc = get_end(arg, rc);
    free(arg);
    return rc;
}

static int get_set(struct dfs *dfs, struct get_op *op, daos_obj_id_t oid, daos_size_t chunk_size,
                   void *buf, daos_size_t cap, daos_size_t *len)
{
    memset(op, 0, sizeof(*op));
    op->len = len;
    op->range.rg_len = cap;
    op->aiod.arr_nr = 1;
    op->aiod.arr_rgs = &op->range;
    d_iov_set(&op->iov, buf, cap);
    op->sgl.sg_nr = 1;
    op->sgl.sg_iovs = &op->iov;
    return daos_array_open_with_attr(dfs->coh, oid, DAOS_TX_NONE, DAOS_OO_RO, 1,
                                     chunk_size ? chunk_size : dfs->sb.chunk_size, &op->oh, NULL);
}

int dfs_get_small(dfs_t *dfs, daos_obj_id_t oid, daos_size_t chunk_size, void *buf, daos_size_t cap,
                  daos_size_t *len, daos_event_t *ev)
{
    struct get_op on_stack, *op = &on_stack;
    int rc;

    if (dfs == NULL || len == NULL || (buf == NULL && cap > 0) || !daos_is_array(oid))
        return EINVAL;
    *len = 0;
    if (cap == 0)
        return ev == NULL ? 0 : dfs_errno(client_event_complete_now(ev, 0));
    if (ev != NULL) {
        op = malloc(sizeof(*op));
        if (op == NULL)
            return ENOMEM;
    }
    rc = get_set(dfs, op, oid, chunk_size, buf, cap, len);
    if (rc != 0)
        goto fail;
    if (ev == NULL)
        return get_end(op, daos_array_read(op->oh, dfs->th, &op->aiod, &op->sgl, NULL));
    rc = client_event_hook(ev, get_hook, op);
    if (rc == 0) {
        rc = daos_array_read(op->oh, dfs->th, &op->aiod, &op->sgl, ev);
        if (rc == 0)
            return 0;
        client_event_hook(ev, NULL, NULL);
    }
    daos_array_close(op->oh, NULL);
fail:
    if (ev != NULL)
        free(op);
    return dfs_errno(rc);
}

int dfs_stat_name(dfs_t *dfs, dfs_obj_t *parent, const char *name, struct stat *st,
                  struct dfs_more *more)
{
    struct dfs_obj *dir;
    struct dfs_entry e;
    int rc = dfs_parent(dfs, parent, false, &dir);

    if (rc == 0)
        rc = dfs_name_check(name, NULL);
    if (rc == 0)
        rc = dfs_entry_fetch(dfs, dir->oid, name, &e);
    if (rc == 0 && st != NULL)
        rc = dfs_entry_stat_name(dfs, dir->oid, name, &e, st);
    if (rc != 0)
        return rc;
    if (more != NULL)
        *more = dfs_entry_more(&e);
    return 0;
}

int dfs_peek(dfs_t *dfs, dfs_obj_t *parent, const char *name, mode_t *mode, daos_obj_id_t *oid)
{
    struct dfs_obj *dir;
    struct dfs_entry e;
    int rc = dfs_parent(dfs, parent, false, &dir);

    if (rc == 0)
        rc = dfs_name_check(name, NULL);
    if (rc == 0)
        rc = dfs_entry_fetch(dfs, dir->oid, name, &e);
    if (rc != 0)
        return rc;
    *mode = e.mode;
    *oid = e.oid;
    return 0;
}
