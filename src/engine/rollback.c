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
    uint64_t lsn;
    bool replayed, more;
};

static int begin(struct shard *s, void *arg)
{
    struct rollback *b = arg;
    const struct msg_cont_rollback_req *m = b->req->req;
    struct vos_cont *c;
    int rc = shard_cont(s, m->hdl, DAOS_ACL_PERM_WRITE, &c);

    b->lsn = heap_lsn(s->heap);
    return rc != 0 ? rc : vos_rollback(c, m->epoch, &b->txid, &b->lsn, &b->replayed);
}

static int step(struct shard *s, void *arg)
{
    struct rollback *b = arg;
    const struct msg_cont_rollback_req *m = b->req->req;
    struct vos_cont *c;
    int rc = shard_cont(s, m->hdl, DAOS_ACL_PERM_WRITE, &c);

    return rc != 0 ? rc : vos_rollback_step(c, &b->more);
}

void rollback_fiber(struct shard *s, struct net_req *req)
{
    const struct net_hdr *hdr = &req->hdr;
    struct rollback b = {.req = req,
                         .txid = {hdr->session_hlc, hdr->session_rand, hdr->seq, hdr->acked},
                         .more = true};
    int rc;

    rt_mutex_lock(&s->svc_lock); /* a snapshot in the making is not known yet, but there */
    rc = shard_run(s, begin, &b);
    rt_mutex_unlock(&s->svc_lock);
    while (rc == 0 && b.more) {
        int late = shard_run(s, step, &b);

        if (late != 0) { /* it is done for every reader: no failure */
            LOG_WARN("a container of pool %s is rolled back, but what was changed since cannot be "
                     "taken out: %s; changes are refused until it is, which is tried again; if "
                     "that does not help run 'tarn check'",
                     s->eng->conf.dir->path, d_errstr(late));
            break;
        }
        rt_yield();
    }
    reclaim_kick(s);
    shard_reply(s, req, rc, b.lsn);
}
