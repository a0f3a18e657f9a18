/*
 * Updates, punches and checks: one compound each.
 *
 * vos_update_begin() checks and reserves; large values are written to their extents, durably;
 * then the handle is looked up again, for who took it away meanwhile was told so;
 * vos_update_publish() evaluates everything again and changes the heap in one transaction; the
 * answer waits for that transaction's LSN. A failure on the way cancels the reservation and leaves
 * nothing. The inline form does the same when nothing has to wait between begin and publish.
 */
#include "engine/engine_int.h"

struct update {
    struct net_req *req;
    struct vos_op *ops;
    struct vos_update *u; /* between begin and the end of publish */
    const struct vos_place *places;
    uint32_t place_nr;
    uint64_t lsn;
    bool known;        /* done by an earlier copy: the reply is filled */
    bool met;          /* SHARD_DOUBT: who is in the way, */
    struct tx_met who; /* this one */
};

static struct vos_txid txid_of(const struct net_hdr *hdr)
{
    return (struct vos_txid){hdr->session_hlc, hdr->session_rand, hdr->seq, hdr->acked};
}

static int recall(struct shard *s, struct update *up)
{
    struct msg_obj_update_rep *rep = up->req->rep;
    struct vos_txid txid = txid_of(&up->req->hdr);
    bool replayed = false;
    daos_epoch_t epoch = 0;
    int rc = vos_txid_check(s->vos, &txid, &replayed, &epoch);

    if (rc != 0 || !replayed)
        return rc;
    up->known = true;
    up->lsn = heap_lsn(s->heap);
    rep->epoch = epoch;
    rep->replayed = true;
    return 0;
}

/* The container behind the handle. What was done stays done, whatever became of the handle since.
 */
static int may_write(struct shard *s, struct update *up, struct vos_cont **c)
{
    const struct msg_obj_update_req *m = up->req->req;
    bool again = up->req->hdr.flags & NET_RESEND && !MUTANT(ENGINE_HANDLE_FIRST);
    int rc = again ? recall(s, up) : 0;

    return rc != 0 || up->known ? rc : shard_cont(s, m->hdl, DAOS_ACL_PERM_WRITE, c);
}

static int begin(struct shard *s, void *arg)
{
    struct update *up = arg;
    const struct msg_obj_update_req *m = up->req->req;
    struct vos_cont *c = NULL;
    int rc = may_write(s, up, &c);

    if (rc != 0 || up->known)
        return rc;
    return vos_update_begin(c, up->ops, m->ops_nr, &up->u, &up->places, &up->place_nr);
}

static int publish(struct shard *s, void *arg)
{
    struct update *up = arg;
    const struct msg_obj_update_req *m = up->req->req;
    struct msg_obj_update_rep *rep = up->req->rep;
    struct vos_txid txid = txid_of(&up->req->hdr);
    daos_epoch_t epoch = 0;
    bool replayed = false;
    int rc = vos_update_publish(up->u, engine_wall_ns(s->eng), &txid, m->epoch, &epoch, &up->lsn,
                                &replayed);

    if (rc > 0)
        return rc;
    up->u = NULL;
    if (rc == -DER_INPROGRESS) {
        up->met = tx_met(s, &up->who);
        return SHARD_DOUBT;
    }
    if (vos_reclaim_due(s->vos))
        reclaim_ask(s);
    rep->epoch = epoch;
    rep->replayed = replayed;
    return rc;
}

/* Publishes some time after begin: whoever took the handle away meanwhile was told that nothing
 * is written by it any more. */
static int publish_later(struct shard *s, void *arg)
{
    struct update *up = arg;
    struct vos_cont *c;
    int rc = MUTANT(ENGINE_HANDLE_ONCE) ? 0 : may_write(s, up, &c);

    return rc != 0 || up->known ? rc : publish(s, up);
}

static int cancel(struct shard *s, void *arg)
{
    struct update *up = arg;

    vos_update_cancel(up->u);
    up->u = NULL;
    return 0;
}

bool update_inline(struct shard *s, struct net_req *req)
{
    struct update up = {.req = req};
    int rc = decode_ops(req, req->req, &up.ops);

    if (rc != 0) {
        shard_reply(s, req, rc, 0);
        return true;
    }
    if (!heap_trylock(s->heap))
        return false;
    rc = begin(s, &up);
    if (rc == 0 && !up.known && data_mem_places(s, up.places, up.place_nr, DATA_AT_ONCE)) {
        if (up.place_nr > 0)
            data_mem_write(s, up.ops, up.places, up.place_nr, false);
        rc = publish(s, &up);
    }
    if (up.u != NULL) /* it has to wait for something: the fiber starts over */
        cancel(s, &up);
    else if (!shard_again(rc)) {
        /* begin's errors wait for all that is committed: what they saw may be as new as that */
        shard_reply_unlock(s, req, rc, rc != 0 && up.lsn == 0 ? heap_lsn(s->heap) : up.lsn);
        return true;
    }
    heap_miss_clear(s->heap);
    heap_unlock(s->heap);
    return false;
}

static int update_once(struct shard *s, struct update *up)
{
    int rc;

    up->place_nr = 0;
    rc = shard_run(s, begin, up);
    if (rc == 0 && data_mem_places(s, up->places, up->place_nr, UINT64_MAX))
        data_mem_write(s, up->ops, up->places, up->place_nr, true);
    else if (rc == 0)
        rc = data_write(s, up->ops, up->places, up->place_nr);
    if (rc == 0 && !up->known)
        rc = shard_run(s, publish_later, up);
    if (up->u != NULL) /* also when publish could not get what it asked for */
        shard_run(s, cancel, up);
    return rc;
}

/* A prepared transaction is in the way, which was found when the values were written already. */
static bool wait_for(struct shard *s, struct update *up, uint64_t until, int *rc)
{
    *rc = up->met ? tx_wait(s, &up->who, until) : -DER_TIMEDOUT;
    return *rc == 0;
}

void update_fiber(struct shard *s, struct net_req *req)
{
    struct update up = {.req = req};
    uint64_t until = rt_now_ns() + TX_WAIT_NS;
    int rc = decode_ops(req, req->req, &up.ops);

    if (rc != 0) {
        shard_reply(s, req, rc, 0);
        return;
    }
    do
        rc = update_once(s, &up);
    while (rc == SHARD_DOUBT && wait_for(s, &up, until, &rc));
    if (rc != 0 && up.lsn == 0) {
        heap_lock(s->heap);
        up.lsn = heap_lsn(s->heap);
        heap_unlock(s->heap);
    }
    shard_reply(s, req, rc, up.lsn);
}
