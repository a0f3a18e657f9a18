/* Smallest and largest keys, and probes: does it exist, when did it change. */
#include "engine/engine_int.h"

struct query {
    struct net_req *req;
    uint64_t lsn;
};

/* Who puts an answer together from several shards has to know whether this one, asked for an epoch,
 * is ahead: then *changed is at least that, whatever the answer is (rc). */
static int or_is_ahead(struct vos_cont *c, daos_obj_id_t oid, uint64_t asked, uint64_t *changed,
                       int rc)
{
    daos_epoch_t newest;
    int more;

    if (asked == 0 || asked == DAOS_EPOCH_MAX || (rc != 0 && rc != -DER_NONEXIST))
        return rc;
    more = vos_obj_changed(c, oid, &newest);
    if (more == 0 && newest > asked)
        *changed = MAX(*changed, asked);
    return more != 0 ? more : rc;
}

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
    return or_is_ahead(c, m->oid, m->epoch, &rep->max_epoch, rc);
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
    rc = vos_probe(c, rep->read_at, (enum vos_level)m->level, m->oid, &dkey, &akey, &rep->changed,
                   &q->lsn);
    return m->level == MSG_OBJ ? or_is_ahead(c, m->oid, m->epoch, &rep->changed, rc) : rc;
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
