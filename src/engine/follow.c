/*
 * Follows: a short value, and what obj_query_key says of the object whose id lies in it, with one
 * request and at one moment (under one lock). What lies where in the value only the client knows.
 *
 * The object may have more, or all, on other targets: nobody here looks at its layout. The client
 * does, as it would before it asked for the object itself, and drops what does not count.
 *
 * Of the object nothing is told that a question about it would not be told: it is the same look,
 * with the same handle. If that look fails, the value alone is the answer, and the client's own
 * question gets the error.
 */
#include "engine/engine_int.h"

#define VALUE_MAX 4096u

struct follow {
    struct net_req *req;
    uint8_t *buf; /* of the value */
    uint64_t lsn;
};

/* Has the value the whole id? */
static bool id_of(const struct follow *fo, daos_obj_id_t *oid)
{
    const struct msg_obj_follow_req *m = fo->req->req;
    const struct msg_obj_follow_rep *rep = fo->req->rep;

    if (rep->value.len < m->id_at + sizeof(*oid))
        return false;
    memcpy(oid, fo->buf + m->id_at, sizeof(*oid));
    return true;
}

/* [L] */
static int read_value(struct follow *fo, struct vos_cont *c)
{
    const struct msg_obj_follow_req *m = fo->req->req;
    struct msg_obj_follow_rep *rep = fo->req->rep;
    struct vos_key dkey = decode_key(&m->dkey);
    daos_recx_t recx = {m->idx, m->nr};
    struct iovec dst = {fo->buf, m->nr};
    struct vos_fetch_iod iod = {.akey = decode_key(&m->akey),
                                .type = DAOS_IOD_ARRAY,
                                .rec_size = 1,
                                .cond = VOS_FETCH_ZEROS,
                                .recxs = &recx,
                                .recx_nr = 1,
                                .dst = &dst,
                                .dst_nr = 1};
    struct vos_fetch f;
    int rc = vos_fetch(c, rep->read_at, 0, m->oid, &dkey, 1, &iod, &f);

    fo->lsn = f.lsn;
    if (rc != 0)
        return rc;
    rep->epoch = f.epoch;
    rep->value = (struct msg_buf){fo->buf, iod.rec_size != 0 ? (uint32_t)iod.end : 0};
    if (f.piece_nr > 0) /* in data extents, which have to be waited for */
        rc = -DER_NOTSUPPORTED;
    else
        vos_fetch_copy(&f, &iod);
    vos_fetch_fini(c, &f);
    return rc;
}

/* [L] */
static int look_at(struct follow *fo, struct vos_cont *c, daos_obj_id_t oid)
{
    const uint64_t end = DAOS_GET_MAX | DAOS_GET_DKEY | DAOS_GET_RECX;
    const struct msg_obj_follow_req *m = fo->req->req;
    struct msg_obj_follow_rep *rep = fo->req->rep;
    struct vos_key akey = decode_key(&m->of_akey);
    uint64_t dkey = 0, size, lsn = 0;
    daos_epoch_t changed = 0;
    daos_recx_t recx = {0};
    int rc = vos_query_key(c, MUTANT(ENGINE_FOLLOW_LATEST) ? DAOS_EPOCH_MAX : rep->read_at,
                           daos_is_dkey_uint64(oid) ? end : 0, oid, &dkey, NULL, NULL, &akey, &recx,
                           &size, &changed, &lsn);

    fo->lsn = MAX(fo->lsn, lsn);
    if (shard_again(rc))
        return rc;
    rep->followed = rc == 0 || rc == -DER_NONEXIST;
    if (rc != 0)
        return 0;
    rep->dkey = dkey;
    rep->recx_idx = recx.rx_idx;
    rep->recx_nr = recx.rx_nr;
    rep->max_epoch = changed;
    return 0;
}

/* Nothing of a run that is repeated counts. [L] */
static int run(struct shard *s, void *arg)
{
    struct follow *fo = arg;
    const struct msg_obj_follow_req *m = fo->req->req;
    struct msg_obj_follow_rep *rep = fo->req->rep;
    struct vos_cont *c;
    daos_obj_id_t oid;
    int rc = shard_cont_read(s, m->hdl, m->epoch, &c, &fo->lsn);

    if (rc != 0)
        return rc;
    rep->followed = 0;
    rep->read_at = shard_read_at(s, m->epoch);
    rc = read_value(fo, c);
    return rc == 0 && id_of(fo, &oid) ? look_at(fo, c, oid) : rc;
}

static int decode(struct follow *fo)
{
    const struct msg_obj_follow_req *m = fo->req->req;

    if (m->nr > VALUE_MAX || m->nr < sizeof(daos_obj_id_t) ||
        m->id_at > m->nr - sizeof(daos_obj_id_t))
        return -DER_PROTO;
    fo->buf = net_req_alloc(fo->req, m->nr);
    return fo->buf != NULL ? 0 : -DER_NOMEM;
}

bool follow_inline(struct shard *s, struct net_req *req)
{
    struct follow fo = {.req = req};
    int rc = decode(&fo);

    if (rc != 0) {
        shard_reply(s, req, rc, 0);
        return true;
    }
    if (!heap_trylock(s->heap))
        return false;
    rc = run(s, &fo);
    if (shard_again(rc)) {
        heap_miss_clear(s->heap);
        heap_unlock(s->heap);
        return false;
    }
    shard_reply_unlock(s, req, rc, fo.lsn);
    return true;
}

void follow_fiber(struct shard *s, struct net_req *req)
{
    struct follow fo = {.req = req};
    int rc = decode(&fo);

    if (rc == 0)
        rc = shard_run(s, run, &fo);
    shard_reply(s, req, rc, fo.lsn);
}
