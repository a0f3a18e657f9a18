/*
 * Enumeration of dkeys, akeys and extents, and the smallest and largest of them.
 *
 * An anchor carries the engine's place: da_buf holds its length and bytes. A key that follows
 * another in the program's buffer follows it without a gap, whatever the pieces of the sgl are.
 */
#include <daos.h>
#include <string.h>
#include "client/list.h"
#include "client/obj_io.h"
#include "client/tx.h"

#define LIST_BYTES_MAX (512u << 10) /* keys of one reply */

/* op->user of a listing. */
enum { U_NR, U_KDS, U_SGL, U_ANCHOR, U_RECXS, U_EPRS, U_SIZE, U_OIDS };

#define PLACE_MAX (DAOS_ANCHOR_BUF_MAX - 4)

struct msg_buf anchor_place(const daos_anchor_t *a)
{
    if (a->da_type == DAOS_ANCHOR_TYPE_ZERO || a->da_buf[0] > PLACE_MAX)
        return (struct msg_buf){0};
    return (struct msg_buf){.buf = a->da_buf + 4, .len = a->da_buf[0]};
}

int anchor_moved(daos_anchor_t *a, const struct msg_obj_list_rep *rep)
{
    if (rep->eof) {
        a->da_type = DAOS_ANCHOR_TYPE_EOF;
        return 0;
    }
    if (rep->anchor.len > PLACE_MAX)
        return -DER_PROTO;
    a->da_type = DAOS_ANCHOR_TYPE_HKEY;
    a->da_buf[0] = (uint8_t)rep->anchor.len;
    if (rep->anchor.len > 0)
        memcpy(a->da_buf + 4, rep->anchor.buf, rep->anchor.len);
    return 0;
}

static uint64_t sgl_room(const d_sg_list_t *sgl)
{
    uint64_t n = 0;
    uint32_t i;

    for (i = 0; i < sgl->sg_nr; i++)
        n += sgl->sg_iovs[i].iov_buf_len;
    return n;
}

/* Copies into the pieces of an sgl and says how much each holds. */
static void sgl_copy(d_sg_list_t *sgl, const void *buf, size_t len)
{
    const char *p = buf;
    uint32_t i;

    sgl->sg_nr_out = 0;
    for (i = 0; i < sgl->sg_nr; i++) {
        d_iov_t *v = &sgl->sg_iovs[i];

        v->iov_len = MIN(v->iov_buf_len, len);
        if (v->iov_len == 0)
            continue;
        memcpy(v->iov_buf, p, v->iov_len);
        p += v->iov_len;
        len -= v->iov_len;
        sgl->sg_nr_out = i + 1;
    }
}

static int finish_keys(struct op *op, int rc)
{
    const struct msg_obj_list_rep *rep = &op->rep.list;
    daos_key_desc_t *kds = (daos_key_desc_t *)op->user[U_KDS];
    d_sg_list_t *sgl = (d_sg_list_t *)op->user[U_SGL];
    uint32_t *nr = (uint32_t *)op->user[U_NR], i;

    if (rc == -DER_KEY2BIG) {
        kds[0].kd_key_len = rep->need;
        *nr = 0;
        return rc;
    }
    if (rc)
        return rc;
    if (rep->key_lens_nr > *nr || rep->keys.len > sgl_room(sgl))
        return -DER_PROTO;
    rc = anchor_moved((daos_anchor_t *)op->user[U_ANCHOR], rep);
    if (rc)
        return rc;
    for (i = 0; i < rep->key_lens_nr; i++)
        kds[i] = (daos_key_desc_t){.kd_key_len = rep->key_lens[i]};
    *nr = rep->key_lens_nr;
    sgl_copy(sgl, rep->keys.buf, rep->keys.len);
    return 0;
}

/* What lists of all levels share. */
static void fill_req(struct op *op, const struct cont *co, daos_epoch_t epoch, uint8_t level,
                     daos_obj_id_t oid, const daos_key_t *dkey, const daos_key_t *akey,
                     const daos_anchor_t *anchor, uint32_t max_entries, uint64_t max_bytes)
{
    struct msg_obj_list_req *q = &op->req.list;

    memset(q, 0, sizeof(*q));
    memcpy(q->hdl, co->hdl, sizeof(q->hdl));
    q->epoch = epoch;
    q->level = level;
    q->oid = oid;
    if (dkey != NULL)
        q->dkey = (struct msg_buf){.buf = dkey->iov_buf, .len = (uint32_t)dkey->iov_len};
    if (akey != NULL)
        q->akey = (struct msg_buf){.buf = akey->iov_buf, .len = (uint32_t)akey->iov_len};
    q->anchor = anchor_place(anchor);
    q->max_entries = max_entries;
    q->max_bytes = (uint32_t)MIN(max_bytes, (uint64_t)LIST_BYTES_MAX);
}

/* Takes over the references `held` and tx. */
int list_keys_held(struct client *c, struct cont *co, struct hobj *held, struct tx *tx,
                   daos_epoch_t epoch, daos_obj_id_t oid, daos_key_t *dkey, uint32_t *nr,
                   daos_key_desc_t *kds, d_sg_list_t *sgl, daos_anchor_t *anchor, daos_event_t *ev)
{
    struct op local, *op;
    int rc;

    if (daos_anchor_is_eof(anchor)) {
        *nr = 0;
        tx_put(tx);
        handle_put(held);
        return client_now(ev, 0);
    }
    rc = op_begin(c, ev, &local, &op);
    if (rc) {
        tx_put(tx);
        handle_put(held);
        return rc;
    }
    op_hold(op, held);
    op_set_tx(op, tx);
    fill_req(op, co, epoch, dkey ? MSG_AKEY : MSG_DKEY, oid, dkey, NULL, anchor, *nr,
             sgl_room(sgl));
    op->user[U_NR] = (uintptr_t)nr;
    op->user[U_KDS] = (uintptr_t)kds;
    op->user[U_SGL] = (uintptr_t)sgl;
    op->user[U_ANCHOR] = (uintptr_t)anchor;
    op->finish = finish_keys;
    return op_run(op, cont_peer(co), MSG_OBJ_LIST);
}

int list_check_args(const uint32_t *nr, const void *slots, const d_sg_list_t *sgl,
                    const daos_anchor_t *anchor)
{
    if (nr == NULL || *nr == 0 || slots == NULL || anchor == NULL)
        return -DER_INVAL;
    return sgl == NULL || sgl->sg_nr == 0 || sgl->sg_iovs == NULL ? -DER_INVAL : 0;
}

static int list_keys(daos_handle_t oh, daos_handle_t th, daos_key_t *dkey, uint32_t *nr,
                     daos_key_desc_t *kds, d_sg_list_t *sgl, daos_anchor_t *anchor,
                     daos_event_t *ev)
{
    struct client *c = client_current();
    struct tx *tx = NULL;
    daos_epoch_t epoch;
    struct obj *o;
    int rc;

    rc = list_check_args(nr, kds, sgl, anchor);
    if (rc)
        return rc;
    o = obj_get(c, oh, DAOS_HTYPE_OBJ);
    if (o == NULL)
        return -DER_NO_HDL;
    rc = dkey ? io_check_dkey(o->oid, dkey) : 0;
    if (rc == 0)
        rc = tx_read(c, th, o->cont, o->oid, dkey, &epoch, &tx);
    if (rc) {
        handle_put(&o->h);
        return rc;
    }
    return list_keys_held(c, o->cont, &o->h, tx, epoch, o->oid, dkey, nr, kds, sgl, anchor, ev);
}

int daos_obj_list_dkey(daos_handle_t oh, daos_handle_t th, uint32_t *nr, daos_key_desc_t *kds,
                       d_sg_list_t *sgl, daos_anchor_t *anchor, daos_event_t *ev)
{
    return list_keys(oh, th, NULL, nr, kds, sgl, anchor, ev);
}

int daos_obj_list_akey(daos_handle_t oh, daos_handle_t th, daos_key_t *dkey, uint32_t *nr,
                       daos_key_desc_t *kds, d_sg_list_t *sgl, daos_anchor_t *anchor,
                       daos_event_t *ev)
{
    return dkey == NULL ? -DER_INVAL : list_keys(oh, th, dkey, nr, kds, sgl, anchor, ev);
}

/* ---- Extents ---- */

static int finish_recx(struct op *op, int rc)
{
    const struct msg_obj_list_rep *rep = &op->rep.list;
    daos_recx_t *recxs = (daos_recx_t *)op->user[U_RECXS];
    daos_epoch_range_t *eprs = (daos_epoch_range_t *)op->user[U_EPRS];
    daos_size_t *size = (daos_size_t *)op->user[U_SIZE];
    uint32_t *nr = (uint32_t *)op->user[U_NR], i;

    if (rc)
        return rc;
    if (rep->recxs_nr > *nr || rep->epochs_nr < rep->recxs_nr)
        return -DER_PROTO;
    rc = anchor_moved((daos_anchor_t *)op->user[U_ANCHOR], rep);
    if (rc)
        return rc;
    for (i = 0; i < rep->recxs_nr; i++) {
        recxs[i] = rep->recxs[i];
        if (eprs != NULL)
            eprs[i] = (daos_epoch_range_t){rep->epochs[i], rep->epochs[i]};
    }
    *nr = rep->recxs_nr;
    if (size != NULL)
        *size = rep->rec_size;
    return 0;
}

int daos_obj_list_recx(daos_handle_t oh, daos_handle_t th, daos_key_t *dkey, daos_key_t *akey,
                       daos_size_t *size, uint32_t *nr, daos_recx_t *recxs,
                       daos_epoch_range_t *eprs, daos_anchor_t *anchor, bool incr_order,
                       daos_event_t *ev)
{
    struct client *c = client_current();
    struct op local, *op;
    struct tx *tx = NULL;
    daos_epoch_t epoch;
    struct obj *o;
    int rc;

    if (nr == NULL || *nr == 0 || recxs == NULL || anchor == NULL)
        return -DER_INVAL;
    o = obj_get(c, oh, DAOS_HTYPE_OBJ);
    if (o == NULL)
        return -DER_NO_HDL;
    rc = io_check_dkey(o->oid, dkey);
    if (rc == 0)
        rc = io_check_akey(o->oid, akey);
    if (rc == 0)
        rc = tx_read(c, th, o->cont, o->oid, dkey, &epoch, &tx);
    if (rc == 0 && daos_anchor_is_eof(anchor)) {
        *nr = 0;
        tx_put(tx);
        handle_put(&o->h);
        return client_now(ev, 0);
    }
    if (rc == 0)
        rc = op_begin(c, ev, &local, &op);
    if (rc) {
        tx_put(tx);
        handle_put(&o->h);
        return rc;
    }
    op_hold(op, &o->h);
    op_set_tx(op, tx);
    fill_req(op, o->cont, epoch, MSG_RECX, o->oid, dkey, akey, anchor, *nr, 0);
    op->req.list.down = !incr_order;
    op->user[U_NR] = (uintptr_t)nr;
    op->user[U_RECXS] = (uintptr_t)recxs;
    op->user[U_EPRS] = (uintptr_t)eprs;
    op->user[U_SIZE] = (uintptr_t)size;
    op->user[U_ANCHOR] = (uintptr_t)anchor;
    op->finish = finish_recx;
    return op_run(op, cont_peer(o->cont), MSG_OBJ_LIST);
}

/* ---- Objects of a container (object id tables) ---- */

static int finish_oids(struct op *op, int rc)
{
    const struct msg_obj_list_rep *rep = &op->rep.list;
    uint32_t *nr = (uint32_t *)op->user[U_NR];

    if (rc)
        return rc;
    if (rep->oids_nr > *nr)
        return -DER_PROTO;
    rc = anchor_moved((daos_anchor_t *)op->user[U_ANCHOR], rep);
    if (rc)
        return rc;
    if (rep->oids_nr > 0)
        memcpy((daos_obj_id_t *)op->user[U_OIDS], rep->oids, rep->oids_nr * sizeof(*rep->oids));
    *nr = rep->oids_nr;
    return 0;
}

int list_oids_held(struct client *c, struct cont *co, struct hobj *held, daos_epoch_t epoch,
                   daos_obj_id_t *oids, uint32_t *nr, daos_anchor_t *anchor, daos_event_t *ev)
{
    struct op local, *op;
    int rc;

    if (daos_anchor_is_eof(anchor)) {
        *nr = 0;
        handle_put(held);
        return client_now(ev, 0);
    }
    rc = op_begin(c, ev, &local, &op);
    if (rc) {
        handle_put(held);
        return rc;
    }
    op_hold(op, held);
    fill_req(op, co, epoch, MSG_OBJ, DAOS_OBJ_NIL, NULL, NULL, anchor, *nr, 0);
    op->user[U_NR] = (uintptr_t)nr;
    op->user[U_OIDS] = (uintptr_t)oids;
    op->user[U_ANCHOR] = (uintptr_t)anchor;
    op->finish = finish_oids;
    return op_run(op, cont_peer(co), MSG_OBJ_LIST);
}

/* ---- Parts of an enumeration ---- */

/* One target: every object is one group. */
#define GROUPS 1u

int daos_obj_anchor_split(daos_handle_t oh, uint32_t *nr, daos_anchor_t *anchors)
{
    struct obj *o;

    if (nr == NULL || (*nr != 0 && *nr != GROUPS))
        return -DER_INVAL;
    o = obj_get(client_current(), oh, DAOS_HTYPE_OBJ);
    if (o == NULL)
        return -DER_NO_HDL;
    handle_put(&o->h);
    if (*nr != 0 && anchors != NULL)
        memset(anchors, 0, sizeof(*anchors));
    *nr = GROUPS;
    return 0;
}

int daos_obj_anchor_set(daos_handle_t oh, uint32_t index, daos_anchor_t *anchor)
{
    struct obj *o;

    if (anchor == NULL || index >= GROUPS)
        return -DER_INVAL;
    o = obj_get(client_current(), oh, DAOS_HTYPE_OBJ);
    if (o == NULL)
        return -DER_NO_HDL;
    handle_put(&o->h);
    memset(anchor, 0, sizeof(*anchor));
    return 0;
}
