/*
 * A container goes back to its newest snapshot. What makes it so is one small change, after which
 * every reader sees the snapshot; the answer waits until the rest has been taken back, because
 * until then the store refuses changes. If that meets an error, or the client does not wait so
 * long, it goes on in the background (vos_reclaim()).
 */
#include "base/log.h"
#include "engine/engine_int.h"

struct rollback {
    struct net_req *req;
    struct vos_txid txid;
    struct rollback_part {
        uint64_t lsn;
        bool begun, replayed, more;
    } * part; /* [target] */
};

static int begin(struct shard *s, void *arg)
{
    struct rollback *b = arg;
    const struct msg_cont_rollback_req *m = b->req->req;
    struct rollback_part *p = &b->part[s->target];
    struct vos_cont *c;
    int rc = shard_cont(s, m->hdl, DAOS_ACL_PERM_WRITE, &c);

    p->lsn = heap_lsn(s->heap);
    return rc != 0 ? rc : vos_rollback(c, m->epoch, &b->txid, &p->lsn, &p->replayed);
}

static int step(struct shard *s, void *arg)
{
    struct rollback *b = arg;
    const struct msg_cont_rollback_req *m = b->req->req;
    struct vos_cont *c;
    int rc = shard_cont(s, m->hdl, DAOS_ACL_PERM_WRITE, &c);

    if (rc == 0)
        rc = vos_rollback_step(c, &b->part[s->target].more);
    if (rc == 0)
        b->part[s->target].lsn = heap_lsn(s->heap);
    return rc;
}

static int each_begin(struct shard *s, void *arg)
{
    struct rollback *b = arg;
    int rc = shard_run(s, begin, b);

    if (rc == 0 && s->eng->shard_nr > 1)
        rc = heap_wait_durable(s->heap, b->part[s->target].lsn);
    b->part[s->target].begun = rc == 0;
    return rc;
}

static int each_rest(struct shard *s, void *arg)
{
    struct rollback *b = arg;
    struct rollback_part *p = &b->part[s->target];

    p->more = true;
    while (p->more) {
        int late = shard_run(s, step, b);

        if (late != 0) { /* it is done for every reader: no failure */
            LOG_WARN("a container of pool %s is rolled back, but what was changed since cannot be "
                     "taken out: %s; changes are refused until it is, which is tried again; if "
                     "that does not help run 'tarn check'",
                     s->eng->conf.dir->path, d_errstr(late));
            break;
        }
        rt_yield();
    }
    /* Who has the answer makes changes, which would be refused again if a crash undid the end. A
     * store that fails here has said so; it is rolled back all the same. */
    if (s->eng->shard_nr > 1)
        (void)heap_wait_durable(s->heap, p->lsn);
    reclaim_kick(s);
    return 0;
}

void rollback_fiber(struct shard *s, struct net_req *req)
{
    const struct net_hdr *hdr = &req->hdr;
    struct rollback b = {.req = req,
                         .txid = {hdr->session_hlc, hdr->session_rand, hdr->seq, hdr->acked},
                         .part =
                             arena_calloc(net_req_arena(req), s->eng->shard_nr, sizeof(*b.part))};
    int rc = b.part != NULL ? 0 : -DER_NOMEM;

    rt_mutex_lock(&s->eng->svc_lock); /* a snapshot in the making is not known yet, but there */
    /* a target that is away would keep what the others forget */
    if (rc == 0 && !shards_all_serve(s->eng))
        rc = -DER_IO;
    if (rc == 0)
        rc = shards_each(s->eng, each_begin, &b);
    for (uint32_t i = 0; i < s->eng->shard_nr && rc == 0; i++)
        if (!b.part[i].begun) /* it has failed meanwhile: the client does it again */
            rc = -DER_IO;
    rt_mutex_unlock(&s->eng->svc_lock);
    if (rc == 0)
        shards_each(s->eng, each_rest, &b);
    else
        reclaim_kick(s);
    shard_reply(s, req, rc, b.part != NULL ? b.part[s->target].lsn : 0);
}
