/* Small files in one request; see dfs_fast.h. */
#include "dfs/dfs_int.h"
#include "dfs/dfs_fast.h"

/* What one new file needs until the request completes. Its first chunk is dkey 1 (a 64-bit
 * integer), akey "0" of its array object. */
struct put_file {
    struct dfs_entry e;
    struct dfs_entry_io io;
    uint64_t chunk_key;
    daos_key_t dkey;
    daos_recx_t recx;
    daos_iod_t iod;
    char name[DFS_MAX_NAME + 1];
};

struct put_op {
    struct compound *c;
    uint32_t nr;
    struct put_file file[];
};

static void put_free(struct put_op *op)
{
    if (op->c != NULL)
        compound_free(op->c);
    base_free(op);
}

static int put_hook(void *arg, int rc)
{
    put_free(arg);
    return dfs_errno(rc);
}

static int put_data(struct compound *c, struct put_file *f, d_sg_list_t *sgl, daos_size_t bytes)
{
    f->chunk_key = 1;
    d_iov_set(&f->dkey, &f->chunk_key, sizeof(f->chunk_key));
    d_iov_set(&f->iod.iod_name, (void *)"0", 1);
    f->recx.rx_idx = 0;
    f->recx.rx_nr = bytes;
    f->iod.iod_type = DAOS_IOD_ARRAY;
    f->iod.iod_size = 1;
    f->iod.iod_nr = 1;
    f->iod.iod_recxs = &f->recx;
    return compound_update_oid(c, f->e.oid, 0, &f->dkey, 1, &f->iod, sgl);
}

static daos_size_t sgl_bytes(const d_sg_list_t *sgl)
{
    daos_size_t n = 0;

    for (uint32_t i = 0; sgl != NULL && i < sgl->sg_nr; i++)
        n += sgl->sg_iovs[i].iov_len;
    return n;
}

/* The new file's entry. *dir: where it will be. */
static int put_entry(struct dfs *dfs, const struct dfs_put *p, struct dfs_entry *e,
                     struct dfs_obj **dir)
{
    daos_size_t bytes = sgl_bytes(p->sgl);
    daos_oclass_id_t cid;
    int rc;

    if (bytes > DFS_FAST_MAX)
        return EFBIG;
    rc = dfs_parent(dfs, p->parent, true, dir);
    if (rc == 0)
        rc = dfs_name_check(p->name, NULL);
    if (rc != 0)
        return rc;
    cid = (*dir)->oclass ? (*dir)->oclass : dfs->sb.file_oclass;
    memset(e, 0, sizeof(*e));
    e->mode = S_IFREG | (p->st.st_mode & ~S_IFMT);
    e->uid = p->st.st_uid;
    e->gid = p->st.st_gid;
    e->mtime = p->st.st_mtim;
    e->ctime = dfs_now();
    e->no_xattrs = true;
    e->chunk_size = (*dir)->chunk_size ? (*dir)->chunk_size : dfs->sb.chunk_size;
    if (bytes > e->chunk_size)
        return EFBIG;
    rc = dfs_oid_new(dfs, S_IFREG, cid ? cid : dfs->sb.oclass, &e->oid);
    if (rc == 0)
        e->oclass = daos_obj_id2class(e->oid);
    return rc;
}

/* Is file i one of those before it? Conditions of a compound see the state before all of it. */
static bool put_twice(const struct put_op *op, struct dfs_obj **dirs, uint32_t i)
{
    const struct put_file *f = &op->file[i];

    for (uint32_t k = 0; k < i; k++) {
        const struct put_file *g = &op->file[k];

        if (g->io.dkey.iov_len == f->io.dkey.iov_len && dirs[k]->oid.lo == dirs[i]->oid.lo &&
            dirs[k]->oid.hi == dirs[i]->oid.hi && strcmp(g->name, f->name) == 0)
            return true;
    }
    return false;
}

static int put_prepare(struct dfs *dfs, uint32_t nr, const struct dfs_put *files,
                       struct dfs_obj **dirs, struct put_op **out)
{
    struct put_op *op = base_calloc(1, sizeof(*op) + nr * sizeof(op->file[0]));
    int rc = op == NULL ? ENOMEM : 0;

    for (uint32_t i = 0; i < nr && rc == 0; i++) {
        struct put_file *f = &op->file[i];

        rc = put_entry(dfs, &files[i], &f->e, &dirs[i]);
        if (rc != 0)
            break;
        strcpy(f->name, files[i].name);
        dfs_entry_io_set(&f->io, f->name, &f->e, NULL);
        if (put_twice(op, dirs, i))
            rc = EINVAL;
    }
    if (rc != 0) {
        base_free(op);
        return rc;
    }
    op->nr = nr;
    *out = op;
    return 0;
}

/* Adds to the compound what removes the present holder of the name, if there is one. -DER codes. */
static int put_replace(struct dfs *dfs, struct dfs_obj *dir, struct put_op *op, const char *name)
{
    daos_key_t *dkey = &op->file[0].io.dkey;
    struct dfs_entry old;
    int rc = dfs_entry_fetch(dfs, dir->oid, name, &old);

    if (rc == ENOENT)
        return compound_check_absent(op->c, dir->oid, dkey);
    if (rc != 0)
        return -DER_IO;
    if (S_ISDIR(old.mode))
        return -DER_EXIST;
    rc = compound_check_unchanged(op->c, dir->oid, dkey, old.epoch);
    if (rc == 0)
        rc = compound_punch_dkey_oid(op->c, dir->oid, 0, dkey);
    if (rc == 0 && S_ISREG(old.mode))
        rc = compound_punch_oid(op->c, old.oid, 0);
    return rc;
}

/* Each directory must be there still; neighbours in one need one check. */
static int put_dots(struct dfs *dfs, struct dfs_obj **dirs, struct put_op *op)
{
    int rc = 0;

    for (uint32_t i = 0; i < op->nr && rc == 0; i++) {
        if (i == 0 || !dfs_same_oid(dirs[i]->oid, dirs[i - 1]->oid))
            rc = dfs_dot_check(op->c, dfs, dirs[i]->oid);
    }
    return rc;
}

static int put_build(struct dfs *dfs, struct dfs_obj **dirs, struct put_op *op,
                     const struct dfs_put *files, bool replace)
{
    int rc = compound_begin(dfs->coh, &op->c);

    if (rc == 0)
        rc = put_dots(dfs, dirs, op);
    if (rc == 0 && replace)
        rc = put_replace(dfs, dirs[0], op, files[0].name);
    for (uint32_t i = 0; i < op->nr && rc == 0; i++) {
        struct put_file *f = &op->file[i];
        daos_size_t bytes = sgl_bytes(files[i].sgl);

        rc = compound_update_oid(op->c, dirs[i]->oid, replace ? 0 : DAOS_COND_DKEY_INSERT,
                                 &f->io.dkey, f->io.nr, f->io.iods, f->io.sgls);
        if (rc == 0 && bytes > 0)
            rc = put_data(op->c, f, files[i].sgl, bytes);
    }
    return rc;
}

static int put_blocking(struct dfs *dfs, struct dfs_obj **dirs, struct put_op *op,
                        const struct dfs_put *files, bool replace)
{
    uint32_t attempt = 0;
    int rc;

    do {
        rc = put_build(dfs, dirs, op, files, replace);
        if (rc == 0)
            rc = compound_run(op->c, NULL, NULL);
        if (op->c != NULL)
            compound_free(op->c);
        op->c = NULL;
        if (replace && rc == -DER_EXIST) { /* it appeared, or it is a directory: look again */
            struct dfs_entry e;

            if (dfs_entry_fetch(dfs, dirs[0]->oid, files[0].name, &e) != 0 || !S_ISDIR(e.mode))
                rc = -DER_TX_RESTART;
        }
    } while (rc == -DER_TX_RESTART && dfs_retry(&attempt));
    return dfs_errno(rc);
}

static int put_start(struct dfs *dfs, struct dfs_obj **dirs, struct put_op *op,
                     const struct dfs_put *files, daos_event_t *ev)
{
    int rc = put_build(dfs, dirs, op, files, false);

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

static int put_files(struct dfs *dfs, uint32_t nr, const struct dfs_put *files, bool replace,
                     daos_obj_id_t *oid, daos_event_t *ev)
{
    struct dfs_obj *dirs[DFS_PUT_MAX];
    struct put_op *op;
    int rc = put_prepare(dfs, nr, files, dirs, &op);

    if (rc != 0)
        return rc;
    if (oid != NULL)
        *oid = op->file[0].e.oid;
    if (ev != NULL)
        return put_start(dfs, dirs, op, files, ev);
    rc = put_blocking(dfs, dirs, op, files, replace);
    put_free(op);
    return rc;
}

int dfs_put_file(dfs_t *dfs, dfs_obj_t *parent, const char *name, const struct stat *st,
                 d_sg_list_t *sgl, bool replace, daos_obj_id_t *oid, daos_event_t *ev)
{
    struct dfs_put p = {.parent = parent, .name = name, .sgl = sgl};

    if (st == NULL || (replace && ev != NULL))
        return EINVAL;
    p.st = *st;
    return put_files(dfs, 1, &p, replace, oid, ev);
}

int dfs_put_files(dfs_t *dfs, uint32_t nr, const struct dfs_put *files, daos_event_t *ev)
{
    if (nr == 0 || nr > DFS_PUT_MAX || files == NULL)
        return EINVAL;
    return put_files(dfs, nr, files, false, NULL, ev);
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
    base_free(arg);
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
        op = base_alloc(sizeof(*op));
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
        base_free(op);
    return dfs_errno(rc);
}

struct gets_op {
    struct dfs_get *gets;
    uint32_t nr;
    uint64_t chunk_key;
    daos_key_t dkey;
    struct gets_file {
        daos_recx_t recx;
        daos_iod_t iod;
        d_iov_t iov;
        d_sg_list_t sgl;
    } file[DFS_GET_MAX];
    struct client_get get[DFS_GET_MAX];
};

static int gets_end(struct gets_op *op, int rc)
{
    for (uint32_t i = 0; i < op->nr && rc == 0; i++) {
        op->gets[i].len = op->get[i].bytes;
        op->gets[i].whole = op->get[i].found && op->get[i].bytes == op->gets[i].cap;
    }
    base_free(op);
    return dfs_errno(rc);
}

static int gets_hook(void *arg, int rc)
{
    return gets_end(arg, rc);
}

static int gets_new(struct dfs *dfs, uint32_t nr, struct dfs_get *gets, struct gets_op **out)
{
    struct gets_op *op;

    for (uint32_t i = 0; i < nr; i++)
        if (gets[i].buf == NULL || gets[i].cap == 0 || !daos_is_array(gets[i].oid) ||
            gets[i].cap > (gets[i].chunk_size ? gets[i].chunk_size : dfs->sb.chunk_size))
            return EINVAL;
    op = base_calloc(1, sizeof(*op));
    if (op == NULL)
        return ENOMEM;
    op->gets = gets;
    op->nr = nr;
    op->chunk_key = 1;
    d_iov_set(&op->dkey, &op->chunk_key, sizeof(op->chunk_key));
    for (uint32_t i = 0; i < nr; i++) {
        struct gets_file *f = &op->file[i];

        f->recx.rx_nr = gets[i].cap;
        d_iov_set(&f->iod.iod_name, (void *)"0", 1);
        f->iod.iod_type = DAOS_IOD_ARRAY;
        f->iod.iod_size = 1;
        f->iod.iod_nr = 1;
        f->iod.iod_recxs = &f->recx;
        d_iov_set(&f->iov, gets[i].buf, gets[i].cap);
        f->sgl.sg_nr = 1;
        f->sgl.sg_iovs = &f->iov;
        op->get[i] = (struct client_get){
            .oid = gets[i].oid, .dkey = &op->dkey, .iod = &f->iod, .sgl = &f->sgl};
    }
    *out = op;
    return 0;
}

int dfs_get_files(dfs_t *dfs, uint32_t nr, struct dfs_get *gets, daos_event_t *ev)
{
    struct gets_op *op;
    int rc;

    if (dfs == NULL || gets == NULL || nr == 0 || nr > DFS_GET_MAX)
        return EINVAL;
    rc = gets_new(dfs, nr, gets, &op);
    if (rc != 0)
        return rc;
    if (ev == NULL)
        return gets_end(op, client_gather(dfs->coh, dfs_read_epoch(dfs), nr, op->get, NULL));
    rc = client_event_hook(ev, gets_hook, op);
    if (rc == 0) {
        rc = client_gather(dfs->coh, dfs_read_epoch(dfs), nr, op->get, ev);
        if (rc == 0)
            return 0;
        client_event_hook(ev, NULL, NULL);
    }
    base_free(op);
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
        rc = st != NULL ? dfs_entry_look_stat(dfs, dir->oid, name, &e, st)
                        : dfs_entry_fetch(dfs, dir->oid, name, &e);
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
