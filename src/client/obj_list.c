/*
 * Enumeration of dkeys, akeys and extents, and the smallest and largest of them.
 *
 * An anchor carries the engine's place: da_buf holds its length and bytes; and, in da_shard, which
 * group of the object it is in, or which target if objects are listed. With ANCHOR_ALONE in
 * da_flags the enumeration ends where that group ends. A key that follows another in the program's
 * buffer follows it without a gap, whatever the pieces of the sgl are.
 */
#include <daos.h>
#include <string.h>
#include "client/compound.h"
#include "client/list.h"
#include "client/oit.h"
#include "client/obj_io.h"
#include "client/route.h"
#include "client/tx_own.h"

/* op->user of a listing. */
enum { U_NR, U_KDS, U_SGL, U_ANCHOR, U_RECXS, U_EPRS, U_SIZE };

#define PLACE_MAX (DAOS_ANCHOR_BUF_MAX - 4)

struct msg_buf anchor_place(const daos_anchor_t *a)
{
    if (a->da_type == DAOS_ANCHOR_TYPE_ZERO || a->da_buf[0] > PLACE_MAX)
        return (struct msg_buf){0};
    return (struct msg_buf){.buf = a->da_buf + 4, .len = a->da_buf[0]};
}

int anchor_moved(daos_anchor_t *a, const struct op *op)
{
    const struct msg_obj_list_rep *rep = &op->rep.list;

    if (op->walk.end > 0)
        a->da_shard = (uint16_t)op->walk.at;
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

uint64_t list_room(const d_sg_list_t *sgl)
{
    uint64_t n = 0;
    uint32_t i;

    for (i = 0; i < sgl->sg_nr; i++)
        n += sgl->sg_iovs[i].iov_buf_len;
    return n;
}

void list_copy(d_sg_list_t *sgl, const void *buf, size_t len)
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
    if (rep->key_lens_nr > *nr || rep->keys.len > list_room(sgl))
        return -DER_PROTO;
    rc = anchor_moved((daos_anchor_t *)op->user[U_ANCHOR], op);
    if (rc)
        return rc;
    for (i = 0; i < rep->key_lens_nr; i++)
        kds[i] = (daos_key_desc_t){.kd_key_len = rep->key_lens[i]};
    *nr = rep->key_lens_nr;
    list_copy(sgl, rep->keys.buf, rep->keys.len);
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
    rc = op_begin_in(c, ev, &local, held, tx, &op);
    if (rc)
        return rc;
    fill_req(op, co, epoch, dkey ? MSG_AKEY : MSG_DKEY, oid, dkey, NULL, anchor, *nr,
             list_room(sgl));
    op->first = dkey == NULL ? MIN(anchor->da_shard, route_groups(co, oid) - 1) : 0;
    op->last = dkey == NULL && anchor->da_flags & ANCHOR_ALONE ? op->first + 1 : 0;
    op->user[U_NR] = (uintptr_t)nr;
    op->user[U_KDS] = (uintptr_t)kds;
    op->user[U_SGL] = (uintptr_t)sgl;
    op->user[U_ANCHOR] = (uintptr_t)anchor;
    op->finish = finish_keys;
    return op_run(op, co, MSG_OBJ_LIST);
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
    if (own_reads(tx))
        return own_list_keys(&(struct own_read){c, tx, &o->h, o->cont, o->oid}, dkey, nr, kds, sgl,
                             anchor, ev);
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
    rc = anchor_moved((daos_anchor_t *)op->user[U_ANCHOR], op);
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

/* Takes over the references `held` and tx. */
int list_recx_held(struct client *c, struct cont *co, struct hobj *held, struct tx *tx,
                   daos_epoch_t epoch, daos_obj_id_t oid, const daos_key_t *dkey,
                   const daos_key_t *akey, daos_size_t *size, uint32_t *nr, daos_recx_t *recxs,
                   daos_epoch_range_t *eprs, daos_anchor_t *anchor, bool incr_order,
                   daos_event_t *ev)
{
    struct op local, *op;
    int rc;

    if (daos_anchor_is_eof(anchor)) {
        *nr = 0;
        tx_put(tx);
        handle_put(held);
        return client_now(ev, 0);
    }
    rc = op_begin_in(c, ev, &local, held, tx, &op);
    if (rc)
        return rc;
    fill_req(op, co, epoch, MSG_RECX, oid, dkey, akey, anchor, *nr, 0);
    op->req.list.down = !incr_order;
    op->user[U_NR] = (uintptr_t)nr;
    op->user[U_RECXS] = (uintptr_t)recxs;
    op->user[U_EPRS] = (uintptr_t)eprs;
    op->user[U_SIZE] = (uintptr_t)size;
    op->user[U_ANCHOR] = (uintptr_t)anchor;
    op->finish = finish_recx;
    return op_run(op, co, MSG_OBJ_LIST);
}

int daos_obj_list_recx(daos_handle_t oh, daos_handle_t th, daos_key_t *dkey, daos_key_t *akey,
                       daos_size_t *size, uint32_t *nr, daos_recx_t *recxs,
                       daos_epoch_range_t *eprs, daos_anchor_t *anchor, bool incr_order,
                       daos_event_t *ev)
{
    struct client *c = client_current();
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
    if (rc) {
        handle_put(&o->h);
        return rc;
    }
    if (own_reads(tx))
        return own_list_recx(&(struct own_read){c, tx, &o->h, o->cont, o->oid}, dkey, akey, size,
                             nr, recxs, eprs, anchor, incr_order, ev);
    return list_recx_held(c, o->cont, &o->h, tx, epoch, o->oid, dkey, akey, size, nr, recxs, eprs,
                          anchor, incr_order, ev);
}

/* ---- Objects of a container (object id tables) ---- */

struct oids {
    struct cont *co;
    daos_epoch_t epoch;
    daos_obj_id_t *oids;
    uint32_t *nr;
    daos_anchor_t *anchor;
};

static int finish_oids(struct op *op, int rc)
{
    const struct msg_obj_list_rep *rep = &op->rep.list;
    struct oids *l = (struct oids *)op->user[0];

    if (rc)
        return rc;
    if (rep->oids_nr > *l->nr)
        return -DER_PROTO;
    rc = anchor_moved(l->anchor, op);
    if (rc)
        return rc;
    if (rep->oids_nr > 0)
        memcpy(l->oids, rep->oids, rep->oids_nr * sizeof(*rep->oids));
    *l->nr = rep->oids_nr;
    return 0;
}

/* Those of one target. */
static int list_of_target(struct client *c, struct oids *l)
{
    struct op local, *op;
    int rc = op_begin(c, NULL, &local, &op);

    if (rc)
        return rc;
    fill_req(op, l->co, l->epoch, MSG_OBJ, DAOS_OBJ_NIL, NULL, NULL, l->anchor, *l->nr, 0);
    op->first = l->anchor->da_shard;
    op->user[0] = (uintptr_t)l;
    op->finish = finish_oids;
    return op_run(op, l->co, MSG_OBJ_LIST);
}

/* Is the object in a group that is asked before the one on this target? 1, 0, or an error. */
static int listed_before(struct client *c, const struct oids *l, daos_obj_id_t oid, uint32_t here)
{
    uint32_t nr = route_groups(l->co, oid), target = 0;
    int rc = route_group(l->co, oid, 0, &target);

    for (uint32_t g = 0; rc == 0 && g < nr && target != here; g++) {
        struct op local, *op;

        rc = op_begin(c, NULL, &local, &op);
        if (rc)
            break;
        op->req.probe = (struct msg_obj_probe_req){.epoch = l->epoch, .level = MSG_OBJ, .oid = oid};
        memcpy(op->req.probe.hdl, l->co->hdl, sizeof(op->req.probe.hdl));
        op->first = g;
        op->last = g + 1;
        rc = op_run(op, l->co, MSG_OBJ_PROBE);
        if (rc != -DER_NONEXIST)
            return rc == 0 ? 1 : rc;
        rc = g + 1 < nr ? route_group(l->co, oid, g + 1, &target) : 0;
    }
    return rc;
}

/* An object of several groups is listed where its first living group is. */
static int drop_listed(struct client *c, struct oids *l, uint32_t here)
{
    uint32_t kept = 0;

    for (uint32_t i = 0; i < *l->nr; i++) {
        int before = listed_before(c, l, l->oids[i], here);

        if (before < 0)
            return before;
        if (before == 0)
            l->oids[kept++] = l->oids[i];
    }
    *l->nr = kept;
    return 0;
}

static void drop_markers(struct oids *l)
{
    uint32_t kept = 0;

    for (uint32_t i = 0; i < *l->nr; i++)
        if (!oit_holds_markers(l->oids[i]))
            l->oids[kept++] = l->oids[i];
    *l->nr = kept;
}

static int list_oids_body(struct client *c, void *args)
{
    struct oids *l = args;
    uint32_t targets = route_targets(l->co), room = *l->nr;
    int rc;

    do {
        uint32_t here = l->anchor->da_shard;

        *l->nr = room;
        rc = list_of_target(c, l);
        if (rc == 0)
            drop_markers(l);
        if (rc == 0 && targets > 1)
            rc = drop_listed(c, l, here);
        if (rc == 0 && daos_anchor_is_eof(l->anchor) && here + 1 < targets) {
            memset(l->anchor, 0, sizeof(*l->anchor));
            l->anchor->da_shard = (uint16_t)(here + 1);
            l->anchor->da_type = DAOS_ANCHOR_TYPE_HKEY;
        }
    } while (rc == 0 && *l->nr == 0 && !daos_anchor_is_eof(l->anchor));
    handle_put(&l->co->h);
    return rc;
}

int list_oids_held(struct client *c, struct cont *co, struct hobj *held, daos_epoch_t epoch,
                   daos_obj_id_t *oids, uint32_t *nr, daos_anchor_t *anchor, daos_event_t *ev)
{
    struct oids l = {co, epoch, oids, nr, anchor};
    int rc;

    handle_ref(&co->h);
    handle_put(held);
    if (daos_anchor_is_eof(anchor)) {
        *nr = 0;
        handle_put(&co->h);
        return client_now(ev, 0);
    }
    rc = client_run(ev, list_oids_body, &l, sizeof(l));
    if (rc != 0 && ev != NULL) /* it did not start */
        handle_put(&co->h);
    return rc;
}

int client_list_oids(daos_handle_t coh, daos_obj_id_t *oids, uint32_t *nr, daos_anchor_t *anchor)
{
    struct client *c = client_current();
    struct cont *co = cont_get(c, coh);

    if (co == NULL)
        return -DER_NO_HDL;
    return list_oids_held(c, co, &co->h, DAOS_EPOCH_MAX, oids, nr, anchor, NULL);
}

int list_is_there(struct client *c, daos_handle_t coh, daos_epoch_t epoch, daos_obj_id_t oid)
{
    struct cont *co = cont_get(c, coh);
    struct op local, *op;
    int rc;

    if (co == NULL)
        return -DER_NO_HDL;
    rc = op_begin(c, NULL, &local, &op);
    if (rc == 0) {
        op->req.probe = (struct msg_obj_probe_req){.epoch = epoch, .level = MSG_OBJ, .oid = oid};
        memcpy(op->req.probe.hdl, co->hdl, sizeof(op->req.probe.hdl));
        rc = op_run(op, co, MSG_OBJ_PROBE);
    }
    handle_put(&co->h);
    return rc;
}

/* ---- Parts of an enumeration ---- */

static void anchor_of_group(daos_anchor_t *a, uint32_t g)
{
    memset(a, 0, sizeof(*a));
    a->da_shard = (uint16_t)g;
    a->da_flags = ANCHOR_ALONE;
}

/* The object's groups; 0: no such handle. */
static uint32_t groups_of(daos_handle_t oh)
{
    struct obj *o = obj_get(client_current(), oh, DAOS_HTYPE_OBJ);
    uint32_t nr;

    if (o == NULL)
        return 0;
    nr = route_groups(o->cont, o->oid);
    handle_put(&o->h);
    return nr;
}

int daos_obj_anchor_split(daos_handle_t oh, uint32_t *nr, daos_anchor_t *anchors)
{
    uint32_t groups;

    if (nr == NULL)
        return -DER_INVAL;
    groups = groups_of(oh);
    if (groups == 0)
        return -DER_NO_HDL;
    if (*nr != 0 && *nr != groups)
        return -DER_INVAL;
    for (uint32_t i = 0; anchors != NULL && i < *nr; i++)
        anchor_of_group(&anchors[i], i);
    *nr = groups;
    return 0;
}

int daos_obj_anchor_set(daos_handle_t oh, uint32_t index, daos_anchor_t *anchor)
{
    uint32_t groups;

    if (anchor == NULL)
        return -DER_INVAL;
    groups = groups_of(oh);
    if (groups == 0)
        return -DER_NO_HDL;
    if (index >= groups)
        return -DER_INVAL;
    anchor_of_group(anchor, index);
    return 0;
}
