/* The smallest and largest key, and the newest epoch. */
#include <daos.h>
#include <string.h>
#include "client/obj_io.h"
#include "client/query_key.h"
#include "client/tx_own.h"

enum { U_DKEY, U_AKEY, U_RECX, U_FLAGS, U_EPOCH };

static int check(daos_obj_id_t oid, uint64_t flags, const daos_key_t *dkey, const daos_key_t *akey,
                 const daos_recx_t *recx)
{
    const uint64_t levels = DAOS_GET_DKEY | DAOS_GET_AKEY | DAOS_GET_RECX;
    bool want_dkey = flags & DAOS_GET_DKEY, want_akey = flags & DAOS_GET_AKEY,
         want_recx = flags & DAOS_GET_RECX;

    if (flags == 0)
        return 0;
    if ((flags & ~(levels | DAOS_GET_MAX | DAOS_GET_MIN)) || !(flags & levels))
        return -DER_INVAL;
    if (!(flags & DAOS_GET_MAX) == !(flags & DAOS_GET_MIN))
        return -DER_INVAL;
    if (dkey == NULL || dkey->iov_buf == NULL ||
        ((want_akey || want_recx) && (akey == NULL || akey->iov_buf == NULL)))
        return -DER_INVAL;
    if (want_recx && recx == NULL)
        return -DER_INVAL;
    if (want_dkey && (!daos_is_dkey_uint64(oid) || dkey->iov_buf_len < sizeof(uint64_t)))
        return -DER_INVAL;
    if (want_akey && (!daos_is_akey_uint64(oid) || akey->iov_buf_len < sizeof(uint64_t)))
        return -DER_INVAL;
    if (!want_dkey && io_check_dkey(oid, dkey) != 0)
        return -DER_INVAL;
    return want_recx && !want_akey ? io_check_akey(oid, akey) : 0;
}

static void key_out(daos_key_t *key, uint64_t val)
{
    memcpy(key->iov_buf, &val, sizeof(val));
    key->iov_len = sizeof(val);
}

static int finish(struct op *op, int rc)
{
    const struct msg_obj_query_key_rep *rep = &op->rep.query_key;
    uint64_t flags = op->user[U_FLAGS];
    daos_epoch_t *epoch = (daos_epoch_t *)op->user[U_EPOCH];

    /* Nothing there is an answer: zeros. */
    if (rc != 0 && rc != -DER_NONEXIST)
        return rc;
    if (flags & DAOS_GET_DKEY)
        key_out((daos_key_t *)op->user[U_DKEY], rc ? 0 : rep->dkey);
    if (flags & DAOS_GET_AKEY)
        key_out((daos_key_t *)op->user[U_AKEY], rc ? 0 : rep->akey);
    if (flags & DAOS_GET_RECX)
        *(daos_recx_t *)op->user[U_RECX] =
            (daos_recx_t){rc ? 0 : rep->recx_idx, rc ? 0 : rep->recx_nr};
    if (epoch != NULL)
        *epoch = rep->max_epoch;
    return 0;
}

void query_key_fill(struct op *op, const struct cont *co, daos_epoch_t at, daos_obj_id_t oid,
                    uint64_t flags, daos_key_t *dkey, daos_key_t *akey, daos_recx_t *recx,
                    daos_epoch_t *epoch)
{
    struct msg_obj_query_key_req *q = &op->req.query_key;

    memset(q, 0, sizeof(*q));
    memcpy(q->hdl, co->hdl, sizeof(q->hdl));
    q->epoch = at;
    q->flags = flags;
    q->oid = oid;
    if (dkey != NULL && !(flags & DAOS_GET_DKEY))
        q->dkey = (struct msg_buf){.buf = dkey->iov_buf, .len = (uint32_t)dkey->iov_len};
    if (akey != NULL && (flags & DAOS_GET_RECX) && !(flags & DAOS_GET_AKEY))
        q->akey = (struct msg_buf){.buf = akey->iov_buf, .len = (uint32_t)akey->iov_len};
    op->user[U_DKEY] = (uintptr_t)dkey;
    op->user[U_AKEY] = (uintptr_t)akey;
    op->user[U_RECX] = (uintptr_t)recx;
    op->user[U_FLAGS] = flags;
    op->user[U_EPOCH] = (uintptr_t)epoch;
    op->finish = finish;
}

static int query(daos_handle_t oh, daos_handle_t th, uint64_t flags, daos_key_t *dkey,
                 daos_key_t *akey, daos_recx_t *recx, daos_epoch_t *epoch, daos_event_t *ev)
{
    struct client *c = client_current();
    struct op local, *op;
    struct tx *tx = NULL;
    daos_epoch_t at;
    struct obj *o = obj_get(c, oh, DAOS_HTYPE_OBJ);
    int rc;

    if (o == NULL)
        return -DER_NO_HDL;
    rc = check(o->oid, flags, dkey, akey, recx);
    if (rc == 0)
        rc = tx_read(c, th, o->cont, o->oid, NULL, &at, &tx);
    if (rc == 0 && flags != 0 && own_reads(tx))
        return own_query(&(struct own_read){c, tx, &o->h, o->cont, o->oid}, flags, dkey, akey, recx,
                         ev);
    if (rc == 0 && own_reads(tx))
        rc = own_noted(&(struct own_read){c, tx, &o->h, o->cont, o->oid}, NULL);
    if (rc == 0)
        rc = op_begin(c, ev, &local, &op);
    if (rc) {
        tx_put(tx);
        handle_put(&o->h);
        return rc;
    }
    op_hold(op, &o->h);
    op_set_tx(op, tx);
    query_key_fill(op, o->cont, at, o->oid, flags, dkey, akey, recx, epoch);
    return op_run(op, o->cont, MSG_OBJ_QUERY_KEY);
}

int daos_obj_query_key(daos_handle_t oh, daos_handle_t th, uint64_t flags, daos_key_t *dkey,
                       daos_key_t *akey, daos_recx_t *recx, daos_event_t *ev)
{
    return query(oh, th, flags, dkey, akey, recx, NULL, ev);
}

int daos_obj_query_max_epoch(daos_handle_t oh, daos_handle_t th, daos_epoch_t *epoch,
                             daos_event_t *ev)
{
    return epoch == NULL ? -DER_INVAL : query(oh, th, 0, NULL, NULL, NULL, epoch, ev);
}
