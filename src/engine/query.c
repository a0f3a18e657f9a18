/* Smallest and largest keys, and probes: does it exist, when did it change. */
#include "engine/engine_int.h"

struct query {
    struct net_req *req;
    uint64_t lsn;
};

static int query_key(struct shard *s, struct query *q)
{
    const struct msg_obj_query_key_req *m = q->req->req;
    struct msg_obj_query_key_rep *rep = q->req->rep;
    struct vos_key dkey = {m->dkey.buf, m->dkey.len}, akey = {m->akey.buf, m->akey.len};
    daos_recx_t recx = {0};
    struct vos_cont *c;
    int rc = shard_cont_read(s, m->hdl, m->epoch, &c, &q->lsn);

    if (rc != 0)
        return rc;
    rep->read_at = shard_read_at(s, m->epoch);
    rc = vos_query_key(c, rep->read_at, m->flags, m->oid, &rep->dkey, &dkey, &rep->akey, &akey,
                       &recx, &rep->rec_size, &rep->max_epoch, &q->lsn);
    rep->recx_idx = recx.rx_idx;
    rep->recx_nr = recx.rx_nr;
    return rc;
}

static int probe(struct shard *s, struct query *q)
{
    const struct msg_obj_probe_req *m = q->req->req;
    struct msg_obj_probe_rep *rep = q->req->rep;
    struct vos_key dkey = {m->dkey.buf, m->dkey.len}, akey = {m->akey.buf, m->akey.len};
    struct vos_cont *c;
    int rc = shard_cont_read(s, m->hdl, m->epoch, &c, &q->lsn);

    if (rc != 0)
        return rc;
    if (m->level > MSG_AKEY)
        return -DER_PROTO;
    rep->read_at = shard_read_at(s, m->epoch);
    return vos_probe(c, rep->read_at, (enum vos_level)m->level, m->oid, &dkey, &akey, &rep->changed,
                     &q->lsn);
}

static int run(struct shard *s, void *arg)
{
    struct query *q = arg;

    return q->req->hdr.opcode == MSG_OBJ_PROBE ? probe(s, q) : query_key(s, q);
}

bool query_inline(struct shard *s, struct net_req *req)
{
    struct query q = {.req = req};
    int rc;

    if (!heap_trylock(s->heap))
        return false;
    rc = run(s, &q);
    if (shard_again(rc)) {
        heap_miss_clear(s->heap);
        heap_unlock(s->heap);
        return false;
    }
    shard_reply_unlock(s, req, rc, q.lsn);
    return true;
}

void query_fiber(struct shard *s, struct net_req *req)
{
    struct query q = {.req = req};
    int rc = shard_run(s, run, &q);

    shard_reply(s, req, rc, q.lsn);
}
