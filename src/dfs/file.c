/* File data: reads, writes, holes, sizes. A file is a byte array; holes read as zeros. */
#include "dfs/dfs_int.h"

enum what { LOOK, READ, WRITE };

static int file_check(struct dfs *dfs, struct dfs_obj *obj, enum what what)
{
    if (dfs == NULL || obj == NULL || !S_ISREG(obj->mode))
        return EINVAL;
    if (what == WRITE && (dfs->readonly || (obj->flags & O_ACCMODE) == O_RDONLY))
        return EPERM;
    if (what == READ && (obj->flags & O_ACCMODE) == O_WRONLY)
        return EPERM;
    return 0;
}

/* What an asynchronous read or write needs until it completes. */
struct file_op {
    daos_array_iod_t aiod;
    daos_range_t range;
    d_iov_t iov; /* a list of one, so that the caller's need not outlive the call */
    d_sg_list_t sgl;
    daos_size_t *read_size; /* NULL: a write */
};

static int op_result(struct file_op *op, int rc)
{
    if (rc == 0 && op->read_size != NULL)
        *op->read_size = op->aiod.arr_nr_read;
    return dfs_errno(rc);
}

static int op_hook(void *arg, int rc)
{
    rc = op_result(arg, rc);
    base_free(arg);
    return rc;
}

static void op_set(struct file_op *op, daos_size_t nr, daos_range_t *rgs, daos_size_t *read_size)
{
    memset(op, 0, sizeof(*op));
    op->read_size = read_size;
    op->aiod.arr_nr = nr;
    op->aiod.arr_rgs = rgs;
    if (nr == 1) { /* the caller's range need not outlive the call */
        op->range = rgs[0];
        op->aiod.arr_rgs = &op->range;
    }
}

/* read_size NULL: a write. */
static int run_ranges(struct dfs *dfs, struct dfs_obj *obj, daos_size_t nr, daos_range_t *rgs,
                      d_sg_list_t *sgl, daos_size_t *read_size, daos_event_t *ev)
{
    struct file_op on_stack, *op = &on_stack;
    int rc;

    if (ev != NULL) {
        op = base_alloc(sizeof(*op));
        if (op == NULL)
            return ENOMEM;
        rc = client_event_hook(ev, op_hook, op);
        if (rc != 0) {
            base_free(op);
            return dfs_errno(rc);
        }
    }
    op_set(op, nr, rgs, read_size);
    if (ev != NULL && sgl != NULL && sgl->sg_nr == 1 && sgl->sg_iovs != NULL) {
        op->iov = sgl->sg_iovs[0];
        op->sgl = (d_sg_list_t){.sg_nr = 1, .sg_iovs = &op->iov};
        sgl = &op->sgl;
    }
    if (read_size != NULL)
        rc = daos_array_read(obj->oh, dfs->th, &op->aiod, sgl, ev);
    else
        rc = daos_array_write(obj->oh, DAOS_TX_NONE, &op->aiod, sgl, ev);
    if (ev == NULL)
        return op_result(op, rc);
    if (rc != 0) { /* it did not start */
        client_event_hook(ev, NULL, NULL);
        base_free(op);
    }
    return dfs_errno(rc);
}

static daos_size_t sgl_bytes(const d_sg_list_t *sgl)
{
    daos_size_t n = 0;

    for (uint32_t i = 0; i < sgl->sg_nr; i++)
        n += sgl->sg_iovs[i].iov_len;
    return n;
}

/* Completes an event at once, for requests that need no work. */
static int done_now(daos_event_t *ev)
{
    return ev == NULL ? 0 : dfs_errno(client_event_complete_now(ev, 0));
}

/* What is refused for its event has changed nothing. */
static int nothing_read(daos_size_t *read_size, daos_event_t *ev)
{
    daos_size_t was = *read_size;
    int rc;

    *read_size = 0;
    rc = done_now(ev);
    if (rc != 0)
        *read_size = was;
    return rc;
}

int dfs_read(dfs_t *dfs, dfs_obj_t *obj, d_sg_list_t *sgl, daos_off_t off, daos_size_t *read_size,
             daos_event_t *ev)
{
    daos_range_t range;
    int rc = read_size == NULL ? EINVAL : file_check(dfs, obj, READ);

    if (rc != 0)
        return rc;
    range.rg_idx = off;
    range.rg_len = sgl == NULL ? 0 : sgl_bytes(sgl);
    if (range.rg_len == 0)
        return nothing_read(read_size, ev);
    return run_ranges(dfs, obj, 1, &range, sgl, read_size, ev);
}

int dfs_readx(dfs_t *dfs, dfs_obj_t *obj, dfs_iod_t *iod, d_sg_list_t *sgl, daos_size_t *read_size,
              daos_event_t *ev)
{
    int rc = iod == NULL || read_size == NULL ? EINVAL : file_check(dfs, obj, READ);

    if (rc != 0)
        return rc;
    if (iod->iod_nr == 0)
        return nothing_read(read_size, ev);
    return run_ranges(dfs, obj, iod->iod_nr, iod->iod_rgs, sgl, read_size, ev);
}

int dfs_write(dfs_t *dfs, dfs_obj_t *obj, d_sg_list_t *sgl, daos_off_t off, daos_event_t *ev)
{
    daos_range_t range;
    int rc = file_check(dfs, obj, WRITE);

    if (rc != 0)
        return rc;
    range.rg_idx = off;
    range.rg_len = sgl == NULL ? 0 : sgl_bytes(sgl);
    if (range.rg_len == 0)
        return done_now(ev);
    return run_ranges(dfs, obj, 1, &range, sgl, NULL, ev);
}

int dfs_writex(dfs_t *dfs, dfs_obj_t *obj, dfs_iod_t *iod, d_sg_list_t *sgl, daos_event_t *ev)
{
    int rc = file_check(dfs, obj, WRITE);

    if (rc != 0)
        return rc;
    if (iod == NULL)
        return EINVAL;
    if (iod->iod_nr == 0)
        return done_now(ev);
    return run_ranges(dfs, obj, iod->iod_nr, iod->iod_rgs, sgl, NULL, ev);
}

int dfs_get_size(dfs_t *dfs, dfs_obj_t *obj, daos_size_t *size)
{
    int rc = file_check(dfs, obj, LOOK);

    if (rc != 0 || size == NULL)
        return rc ? rc : EINVAL;
    return dfs_errno(daos_array_get_size(obj->oh, dfs->th, size, NULL));
}

int dfs_get_size_by_oid(dfs_t *dfs, daos_obj_id_t oid, daos_size_t chunk_size, daos_size_t *size)
{
    daos_handle_t oh;
    int rc;

    if (dfs == NULL || size == NULL || !daos_is_array(oid))
        return EINVAL;
    rc = daos_array_open_with_attr(dfs->coh, oid, DAOS_TX_NONE, DAOS_OO_RO, 1,
                                   chunk_size ? chunk_size : dfs->sb.chunk_size, &oh, NULL);
    if (rc != 0)
        return dfs_errno(rc);
    rc = daos_array_get_size(oh, dfs->th, size, NULL);
    daos_array_close(oh, NULL);
    return dfs_errno(rc);
}

int dfs_punch(dfs_t *dfs, dfs_obj_t *obj, daos_off_t offset, daos_size_t len)
{
    daos_array_iod_t iod = {0};
    daos_range_t range;
    daos_size_t size;
    int rc = file_check(dfs, obj, WRITE);

    if (rc != 0)
        return rc;
    if (len == DFS_MAX_FSIZE)
        return dfs_errno(daos_array_set_size(obj->oh, DAOS_TX_NONE, offset, NULL));
    rc = dfs_errno(daos_array_get_size(obj->oh, DAOS_TX_NONE, &size, NULL));
    if (rc != 0 || offset >= size || len == 0)
        return rc;
    if (len >= size - offset)
        return dfs_errno(daos_array_set_size(obj->oh, DAOS_TX_NONE, offset, NULL));
    range.rg_idx = offset;
    range.rg_len = len;
    iod.arr_nr = 1;
    iod.arr_rgs = &range;
    return dfs_errno(daos_array_punch(obj->oh, DAOS_TX_NONE, &iod, NULL));
}
