/*
 * Arrays: handles, metadata, size.
 *
 * Cell i lies in chunk i / chunk_size, which is the dkey with that number plus 1, akey "0", record
 * i % chunk_size. DAOS_OT_ARRAY keeps cell and chunk size in the object, under dkey 0: a single
 * value of three numbers (magic, cell size, chunk size). The size of an array is the end of the
 * largest extent of its largest chunk.
 */
#include <daos.h>
#include <string.h>
#include "client/array.h"
#include "client/compound.h"
#include "client/global.h"
#include "client/obj_io.h"
#include "client/query_key.h"
#include "client/tx_own.h"

#define META_MAGIC UINT64_C(0xdaca55a9daca55a9)
#define BLOB_MAGIC 0xdaca0387u

/* One value written or read under one dkey: the arguments of an object call. */
struct cell_args {
    uint64_t dkey_num;
    daos_key_t dkey;
    daos_iod_t iod;
    daos_recx_t recx;
    d_iov_t iov;
    d_sg_list_t sgl;
};

static void cell_args(struct cell_args *a, uint64_t dkey, daos_iod_type_t type, uint64_t rec_size,
                      uint64_t idx, uint64_t nr, void *buf, size_t len)
{
    a->dkey_num = dkey;
    d_iov_set(&a->dkey, &a->dkey_num, sizeof(a->dkey_num));
    a->recx = (daos_recx_t){idx, nr};
    a->iod = (daos_iod_t){.iod_type = type, .iod_size = rec_size, .iod_nr = 1};
    if (type == DAOS_IOD_ARRAY)
        a->iod.iod_recxs = &a->recx;
    d_iov_set(&a->iod.iod_name, (void *)ARRAY_AKEY, 1);
    d_iov_set(&a->iov, buf, len);
    a->sgl = (d_sg_list_t){.sg_nr = 1, .sg_iovs = &a->iov};
}

struct obj *array_get(struct client *c, daos_handle_t oh)
{
    return obj_get(c, oh, DAOS_HTYPE_ARRAY);
}

int array_get_writable(struct client *c, daos_handle_t oh, daos_handle_t th, struct obj **out,
                       struct tx **tx)
{
    struct obj *o = array_get(c, oh);
    int rc;

    if (o == NULL)
        return -DER_NO_HDL;
    rc = o->mode & (DAOS_OO_RW | DAOS_OO_EXCL) ? tx_for_write(c, th, o->cont, tx) : -DER_NO_PERM;
    if (rc)
        handle_put(&o->h);
    else
        *out = o;
    return rc;
}

/* ---- Open ---- */

static int open_local(struct client *c, daos_handle_t coh, daos_obj_id_t oid, unsigned int mode,
                      uint64_t cell, uint64_t chunk, daos_handle_t *oh)
{
    struct obj *o;
    daos_handle_t h;
    int rc;

    rc = obj_open_local(c, coh, oid, mode, DAOS_HTYPE_ARRAY, &h);
    if (rc)
        return rc;
    o = array_get(c, h);
    if (o == NULL)
        return -DER_NO_HDL;
    o->cell = cell;
    o->chunk = chunk;
    handle_put(&o->h);
    *oh = h;
    return 0;
}

int daos_array_open_with_attr(daos_handle_t coh, daos_obj_id_t oid, daos_handle_t th,
                              unsigned int mode, daos_size_t cell_size, daos_size_t chunk_size,
                              daos_handle_t *oh, daos_event_t *ev)
{
    enum daos_otype_t type = daos_obj_id2type(oid);
    struct ev_run run;
    int rc;

    if (oh == NULL || cell_size == 0 || chunk_size == 0)
        return -DER_INVAL;
    if (type != DAOS_OT_ARRAY_ATTR && type != DAOS_OT_ARRAY_BYTE && type != DAOS_OT_ARRAY)
        return -DER_INVAL;
    if (type == DAOS_OT_ARRAY_BYTE && cell_size != 1)
        return -DER_INVAL;
    rc = client_now_begin(ev, &run);
    if (rc != 0)
        return rc;
    rc = open_local(client_current(), coh, oid, mode, cell_size, chunk_size, oh);
    return client_now_end(ev, &run, rc);
}

struct open_args {
    daos_handle_t coh, th;
    daos_obj_id_t oid;
    unsigned int mode;
    uint64_t cell, chunk;              /* create */
    daos_size_t *cell_out, *chunk_out; /* open */
    daos_handle_t *oh;
};

/* The handle comes first: once the array is there nothing may fail any more. */
static int create_body(struct client *c, void *args)
{
    struct open_args *a = args;
    uint64_t meta[3] = {META_MAGIC, a->cell, a->chunk};
    struct cell_args m;
    daos_handle_t oh, array;
    int rc;

    rc = open_local(c, a->coh, a->oid, DAOS_OO_RW, a->cell, a->chunk, &array);
    if (rc)
        return rc;
    rc = obj_open_local(c, a->coh, a->oid, DAOS_OO_RW, DAOS_HTYPE_OBJ, &oh);
    if (rc == 0) {
        cell_args(&m, 0, DAOS_IOD_SINGLE, sizeof(meta), 0, 0, meta, sizeof(meta));
        rc = daos_obj_update(oh, a->th, DAOS_COND_DKEY_INSERT, &m.dkey, 1, &m.iod, &m.sgl, NULL);
        obj_close_local(c, oh, DAOS_HTYPE_OBJ);
    }
    if (rc == 0)
        *a->oh = array;
    else
        obj_close_local(c, array, DAOS_HTYPE_ARRAY);
    return rc;
}

int daos_array_create(daos_handle_t coh, daos_obj_id_t oid, daos_handle_t th, daos_size_t cell_size,
                      daos_size_t chunk_size, daos_handle_t *oh, daos_event_t *ev)
{
    struct open_args a = {
        .coh = coh, .th = th, .oid = oid, .cell = cell_size, .chunk = chunk_size, .oh = oh};

    if (oh == NULL || cell_size == 0 || chunk_size == 0 || daos_obj_id2type(oid) != DAOS_OT_ARRAY)
        return -DER_INVAL;
    return client_run(ev, create_body, &a, sizeof(a));
}

static int open_body(struct client *c, void *args)
{
    struct open_args *a = args;
    uint64_t meta[3] = {0};
    struct cell_args m;
    int rc;

    cell_args(&m, 0, DAOS_IOD_SINGLE, DAOS_REC_ANY, 0, 0, meta, sizeof(meta));
    rc = client_fetch_oid(a->coh, a->th, a->oid, 0, &m.dkey, 1, &m.iod, &m.sgl, NULL, NULL);
    if (rc == 0 && m.iod.iod_size == 0)
        rc = -DER_NONEXIST;
    if (rc == -DER_REC2BIG || (rc == 0 && (m.iod.iod_size != sizeof(meta) ||
                                           meta[0] != META_MAGIC || meta[1] == 0 || meta[2] == 0)))
        rc = -DER_NO_PERM;
    if (rc == 0)
        rc = open_local(c, a->coh, a->oid, a->mode, meta[1], meta[2], a->oh);
    if (rc)
        return rc;
    *a->cell_out = meta[1];
    *a->chunk_out = meta[2];
    return 0;
}

int daos_array_open(daos_handle_t coh, daos_obj_id_t oid, daos_handle_t th, unsigned int mode,
                    daos_size_t *cell_size, daos_size_t *chunk_size, daos_handle_t *oh,
                    daos_event_t *ev)
{
    struct open_args a = {.coh = coh,
                          .th = th,
                          .oid = oid,
                          .mode = mode,
                          .cell_out = cell_size,
                          .chunk_out = chunk_size,
                          .oh = oh};

    if (oh == NULL || cell_size == NULL || chunk_size == NULL ||
        daos_obj_id2type(oid) != DAOS_OT_ARRAY)
        return -DER_INVAL;
    return client_run(ev, open_body, &a, sizeof(a));
}

int daos_array_close(daos_handle_t oh, daos_event_t *ev)
{
    return obj_close_now(oh, DAOS_HTYPE_ARRAY, ev);
}

int daos_array_get_attr(daos_handle_t oh, daos_size_t *chunk_size, daos_size_t *cell_size)
{
    struct obj *o;

    if (chunk_size == NULL || cell_size == NULL)
        return -DER_INVAL;
    o = array_get(client_current(), oh);
    if (o == NULL)
        return -DER_NO_HDL;
    *chunk_size = o->chunk;
    *cell_size = o->cell;
    handle_put(&o->h);
    return 0;
}

int daos_array_update_chunk_size(daos_handle_t oh, daos_size_t chunk_size)
{
    struct obj *o;

    if (chunk_size == 0)
        return -DER_INVAL;
    o = array_get(client_current(), oh);
    if (o == NULL)
        return -DER_NO_HDL;
    o->chunk = chunk_size;
    handle_put(&o->h);
    return 0;
}

/* ---- Handles as bytes ---- */

struct array_blob {
    uint32_t magic;
    uint32_t mode;
    daos_obj_id_t oid;
    uint64_t cell, chunk;
    uint8_t cont[16];
};

int daos_array_local2global(daos_handle_t oh, d_iov_t *glob)
{
    struct array_blob b = {.magic = BLOB_MAGIC};
    struct obj *o;

    if (glob == NULL)
        return -DER_INVAL;
    o = array_get(client_current(), oh);
    if (o == NULL)
        return -DER_NO_HDL;
    b.mode = o->mode;
    b.oid = o->oid;
    b.cell = o->cell;
    b.chunk = o->chunk;
    memcpy(b.cont, o->cont->uuid, sizeof(b.cont));
    handle_put(&o->h);
    return blob_out(glob, &b, sizeof(b));
}

int daos_array_global2local(daos_handle_t coh, d_iov_t glob, unsigned int mode, daos_handle_t *oh)
{
    struct client *c = client_current();
    struct array_blob b;
    struct cont *co;
    bool same;
    int rc;

    if (oh == NULL)
        return -DER_INVAL;
    rc = blob_in(&glob, BLOB_MAGIC, &b, sizeof(b));
    if (rc)
        return rc;
    co = cont_get(c, coh);
    if (co == NULL)
        return -DER_NO_HDL;
    same = memcmp(co->uuid, b.cont, sizeof(b.cont)) == 0;
    handle_put(&co->h);
    if (!same || b.cell == 0 || b.chunk == 0)
        return -DER_INVAL;
    return open_local(c, coh, b.oid, mode ? mode : b.mode, b.cell, b.chunk, oh);
}

/* ---- Size ---- */

uint64_t array_end(uint64_t dkey, const daos_recx_t *last, uint64_t chunk)
{
    uint64_t idx = MUTANT(CLIENT_LAST_CHUNK) ? 0 : last->rx_idx;

    return dkey == 0 ? 0 : (dkey - 1) * chunk + idx + last->rx_nr;
}

/* The largest extent of the largest chunk; takes over tx. */
static int ask_last(struct client *c, struct obj *o, struct tx *tx, daos_epoch_t at,
                    daos_key_t *dkey, daos_key_t *akey, daos_recx_t *recx, daos_epoch_t *epoch)
{
    const uint64_t flags = DAOS_GET_MAX | DAOS_GET_DKEY | DAOS_GET_RECX;
    struct own_read own = {c, tx, &o->h, o->cont, o->oid};
    struct op local, *op;
    int rc = 0;

    if (own_reads(tx)) {
        rc = own_query_now(&own, flags, dkey, akey, recx);
        if (rc == 0 && epoch != NULL)
            rc = own_noted(&own, NULL);
        if (rc != 0 || epoch == NULL) {
            tx_put(tx);
            return rc;
        }
    }
    rc = op_begin(c, NULL, &local, &op);
    if (rc) {
        tx_put(tx);
        return rc;
    }
    op_set_tx(op, tx);
    query_key_fill(op, o->cont, at, o->oid, own_reads(tx) ? 0 : flags, dkey, akey, recx, epoch);
    return op_run(op, o->cont, MSG_OBJ_QUERY_KEY);
}

int array_size(struct client *c, struct obj *o, daos_handle_t th, uint64_t *size,
               daos_epoch_t *epoch)
{
    uint64_t chunk_no = 0;
    daos_key_t dkey, akey;
    daos_recx_t recx = {0};
    struct tx *tx;
    daos_epoch_t at;
    int rc;

    d_iov_set(&dkey, &chunk_no, sizeof(chunk_no));
    d_iov_set(&akey, (void *)ARRAY_AKEY, 1);
    rc = tx_read(c, th, o->cont, o->oid, NULL, &at, &tx);
    if (rc == 0)
        rc = ask_last(c, o, tx, at, &dkey, &akey, &recx, epoch);
    if (rc)
        return rc;
    *size = array_end(chunk_no, &recx, o->chunk);
    return 0;
}

struct size_args {
    daos_handle_t oh, th;
    daos_size_t *size;
    daos_array_stbuf_t *st;
};

static int size_body(struct client *c, void *args)
{
    struct size_args *a = args;
    struct obj *o = array_get(c, a->oh);
    daos_epoch_t epoch = 0;
    uint64_t size = 0;
    int rc;

    if (o == NULL)
        return -DER_NO_HDL;
    rc = array_size(c, o, a->th, &size, &epoch);
    handle_put(&o->h);
    if (rc)
        return rc;
    if (a->size != NULL)
        *a->size = size;
    if (a->st != NULL)
        *a->st = (daos_array_stbuf_t){.st_size = size, .st_max_epoch = epoch};
    return 0;
}

int daos_array_get_size(daos_handle_t oh, daos_handle_t th, daos_size_t *size, daos_event_t *ev)
{
    struct size_args a = {.oh = oh, .th = th, .size = size};

    return size == NULL ? -DER_INVAL : client_run(ev, size_body, &a, sizeof(a));
}

int daos_array_stat(daos_handle_t oh, daos_handle_t th, daos_array_stbuf_t *stbuf, daos_event_t *ev)
{
    struct size_args a = {.oh = oh, .th = th, .st = stbuf};

    return stbuf == NULL ? -DER_INVAL : client_run(ev, size_body, &a, sizeof(a));
}

/* ---- Change of size ---- */

struct set_size {
    daos_handle_t oh, th;
    uint64_t size;
};

/* An update of one dkey, sent or buffered. rec_size 0 punches the range. */
static int change(struct client *c, struct obj *o, struct tx *tx, struct cell_args *m)
{
    struct op local, *op;
    int rc;

    if (tx != NULL)
        return tx_update(tx, o->oid, 0, &m->dkey, 1, &m->iod, &m->sgl);
    rc = op_begin(c, NULL, &local, &op);
    if (rc)
        return rc;
    rc = io_update(op, o->cont, o->oid, 0, &m->dkey, 1, &m->iod, &m->sgl);
    return rc ? op_fail(op, rc) : op_run(op, o->cont, MSG_OBJ_UPDATE);
}

static int punch_dkey(struct client *c, struct obj *o, struct tx *tx, uint64_t dkey_num)
{
    struct op local, *op;
    daos_key_t dkey;
    int rc;

    d_iov_set(&dkey, &dkey_num, sizeof(dkey_num));
    if (tx != NULL)
        return tx_punch(tx, o->oid, 0, &dkey, 0, NULL);
    rc = op_begin(c, NULL, &local, &op);
    if (rc)
        return rc;
    rc = io_punch(op, o->cont, o->oid, 0, &dkey, 0, NULL);
    return rc ? op_fail(op, rc) : op_run(op, o->cont, MSG_OBJ_UPDATE);
}

/* Everything from cell `size` on goes: whole chunks, last first so that an interruption leaves a
 * shorter array rather than a hole, then the tail of the chunk the end lies in. */
static int shrink(struct client *c, struct obj *o, struct tx *tx, uint64_t size, uint64_t old)
{
    uint64_t first = size == 0 ? 1 : array_dkey(o, size - 1) + 1;
    uint64_t last = array_dkey(o, old - 1), d;
    uint64_t in_chunk = size % o->chunk;
    struct cell_args m;
    int rc = 0;

    if (MUTANT(CLIENT_SHRINK_KEEPS) && last >= first + 2)
        first++;
    for (d = last; rc == 0 && d >= first; d--)
        rc = punch_dkey(c, o, tx, d);
    if (rc || in_chunk == 0)
        return rc;
    cell_args(&m, array_dkey(o, size - 1), DAOS_IOD_ARRAY, 0, in_chunk, o->chunk - in_chunk, NULL,
              0);
    return change(c, o, tx, &m);
}

/* One zero cell makes the array as long as wanted. */
static int grow(struct client *c, struct obj *o, struct tx *tx, uint64_t size)
{
    static const char zeros[4096];
    struct cell_args m;
    d_iov_t iovs[64];
    uint64_t left = o->cell;
    uint32_t n = 0;

    if (o->cell > sizeof(zeros) * 64)
        return -DER_NOTSUPPORTED;
    cell_args(&m, array_dkey(o, size - 1), DAOS_IOD_ARRAY, o->cell, (size - 1) % o->chunk, 1, NULL,
              0);
    while (left > 0) {
        size_t len = (size_t)MIN(left, (uint64_t)sizeof(zeros));

        d_iov_set(&iovs[n++], (void *)zeros, len);
        left -= len;
    }
    m.sgl = (d_sg_list_t){.sg_nr = n, .sg_iovs = iovs};
    return change(c, o, tx, &m);
}

static int set_size_body(struct client *c, void *args)
{
    struct set_size *a = args;
    struct tx *tx = NULL;
    uint64_t old = 0;
    struct obj *o;
    int rc;

    rc = array_get_writable(c, a->oh, a->th, &o, &tx);
    if (rc)
        return rc;
    rc = array_size(c, o, a->th, &old, NULL);
    if (rc == 0 && old > a->size)
        rc = shrink(c, o, tx, a->size, old);
    /* After a cut the last cell may be a hole, and then the array is shorter than wanted. */
    if (rc == 0 && old > a->size && a->size > 0 && (tx == NULL || own_reads(tx)))
        rc = array_size(c, o, a->th, &old, NULL);
    if (rc == 0 && old < a->size)
        rc = grow(c, o, tx, a->size);
    tx_put(tx);
    handle_put(&o->h);
    return rc;
}

int daos_array_set_size(daos_handle_t oh, daos_handle_t th, daos_size_t size, daos_event_t *ev)
{
    struct set_size a = {oh, th, size};

    return client_run(ev, set_size_body, &a, sizeof(a));
}

static int destroy_body(struct client *c, void *args)
{
    struct set_size *a = args;
    struct op local, *op;
    struct tx *tx = NULL;
    struct obj *o;
    int rc;

    rc = array_get_writable(c, a->oh, a->th, &o, &tx);
    if (rc)
        return rc;
    if (tx != NULL) {
        rc = tx_punch(tx, o->oid, 0, NULL, 0, NULL);
    } else {
        rc = op_begin(c, NULL, &local, &op);
        if (rc == 0)
            rc = io_punch(op, o->cont, o->oid, 0, NULL, 0, NULL);
        if (rc == 0)
            rc = op_run(op, o->cont, MSG_OBJ_UPDATE);
    }
    tx_put(tx);
    handle_put(&o->h);
    return rc;
}

int daos_array_destroy(daos_handle_t oh, daos_handle_t th, daos_event_t *ev)
{
    struct set_size a = {oh, th, 0};

    return client_run(ev, destroy_body, &a, sizeof(a));
}
