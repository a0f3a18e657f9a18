/* Taking part in a transaction: see tx.h. The leader's own part is prepared in the same way. */
#include "engine/engine_int.h"

#define VERDICTS_MAX 256u
#define EARLIER_NS   200000u /* that a part waits for one of an earlier epoch: others wait for it */

/* ---- Prepare ---- */

static int in_the_way(struct shard *s, struct tx_part *part, int rc)
{
    if (rc == -DER_INPROGRESS)
        part->in_the_way = tx_met(s, &part->met);
    return rc == -DER_INPROGRESS ? SHARD_DOUBT : rc;
}

static int begin(struct shard *s, void *arg)
{
    struct tx_part *part = arg;
    struct vos_cont *c = NULL;
    int rc = shard_cont(s, part->p->hdl, DAOS_ACL_PERM_WRITE, &c);

    if (rc != 0)
        return rc;
    vos_cont_uuid(c, part->cont);
    return in_the_way(
        s, part,
        vos_update_begin(c, part->ops, part->p->ops_nr, &part->u, &part->places, &part->place_nr));
}

/* What a former attempt left, whose leader restarted. */
static int withdraw_earlier(struct vos_cont *c, const struct tx_to_prepare *p)
{
    uint64_t epoch = vos_prepared(c, &p->id), lsn;

    return epoch != 0 && epoch < p->epoch ? vos_withdraw(c, &p->id, epoch, &lsn) : 0;
}

static int prepare(struct shard *s, void *arg)
{
    struct tx_part *part = arg;
    const struct tx_to_prepare *p = part->p;
    struct vos_cont *c;
    uint64_t epoch;
    bool replayed;
    int rc = shard_cont(s, p->hdl, DAOS_ACL_PERM_WRITE, &c);

    if (rc == 0)
        rc = withdraw_earlier(c, p);
    if (rc != 0)
        return rc;
    rc = vos_update_prepare(part->u, engine_wall_ns(s->eng), &p->id, p->epoch, p->info, p->info_len,
                            &epoch, &part->lsn, &replayed);
    if (rc > 0)
        return rc;
    part->u = NULL;
    if (rc == 0 && epoch != p->epoch) /* committed before, by an earlier copy */
        rc = -DER_TX_RESTART;
    return in_the_way(s, part, rc);
}

static int decide(struct shard *s, void *arg)
{
    struct tx_part *part = arg;
    const struct tx_to_prepare *p = part->p;
    struct vos_cont *c;
    /* whoever took the handle away meanwhile was told that nothing is written by it any more */
    int rc = MUTANT(ENGINE_HANDLE_ONCE) ? 0 : shard_cont(s, p->hdl, DAOS_ACL_PERM_WRITE, &c);

    if (rc != 0)
        return rc;
    rc = vos_update_decide(part->u, &p->id, p->epoch, p->info, p->info_len, &part->lsn);
    if (rc > 0)
        return rc;
    part->u = NULL;
    if (vos_reclaim_due(s->vos))
        reclaim_ask(s);
    return in_the_way(s, part, rc);
}

static int cancel(struct shard *s, void *arg)
{
    struct tx_part *part = arg;

    vos_update_cancel(part->u);
    part->u = NULL;
    return 0;
}

void tx_part_cancel(struct shard *s, struct tx_part *part)
{
    if (part->u != NULL)
        shard_run(s, cancel, part);
}

static int begin_and_write(struct shard *s, struct tx_part *part)
{
    int rc;

    part->in_the_way = false;
    part->place_nr = 0;
    rc = shard_run(s, begin, part);
    if (rc == 0 && data_mem_places(s, part->places, part->place_nr, UINT64_MAX))
        data_mem_write(s, part->ops, part->places, part->place_nr, true);
    else if (rc == 0)
        rc = data_write(s, part->ops, part->places, part->place_nr);
    return rc;
}

static int decode(struct tx_part *part, const struct tx_to_prepare *p)
{
    struct msg_obj_update_req m = {.ops = p->ops, .ops_nr = p->ops_nr};

    *part = (struct tx_part){.p = p};
    return decode_ops(p->req, &m, &part->ops);
}

/* An error saw something, whose LSN the answer waits for. */
static int seen(struct shard *s, struct tx_part *part, int rc)
{
    if (rc != 0 && part->lsn == 0) {
        heap_lock(s->heap);
        part->lsn = heap_lsn(s->heap);
        heap_unlock(s->heap);
    }
    return rc == SHARD_DOUBT ? -DER_INPROGRESS : rc;
}

int tx_part_begin(struct shard *s, struct tx_part *part, const struct tx_to_prepare *p)
{
    int rc = decode(part, p);

    return rc != 0 ? rc : seen(s, part, begin_and_write(s, part));
}

int tx_part_decide(struct shard *s, struct tx_part *part)
{
    int rc = seen(s, part, shard_run(s, decide, part));

    tx_part_cancel(s, part);
    return rc;
}

static int prepare_once(struct shard *s, struct tx_part *part)
{
    int rc = begin_and_write(s, part);

    if (rc == 0)
        rc = shard_run(s, prepare, part);
    tx_part_cancel(s, part);
    return rc;
}

int tx_prepare(struct shard *s, const struct tx_to_prepare *p, uint64_t *lsn, uint8_t cont[16],
               bool *holds)
{
    struct tx_part part;
    uint64_t until = rt_now_ns() + EARLIER_NS;
    int rc = decode(&part, p), late;

    *holds = false;
    if (rc != 0)
        return rc;
    do {
        rc = prepare_once(s, &part);
        if (rc != SHARD_DOUBT || !part.in_the_way || part.met.epoch > p->epoch)
            break;
        late = tx_wait(s, &part.met, until);
        if (late == -DER_CSUM || late == -DER_IO)
            rc = late;
    } while (late == 0);
    rc = seen(s, &part, rc);
    memcpy(cont, part.cont, sizeof(part.cont));
    *lsn = part.lsn;
    *holds = rc == 0 && !tx_only_checks(p->ops, p->ops_nr);
    if (*holds || rc == -DER_INPROGRESS) /* which was not waited for long enough to ask about it */
        tx_settle(s);
    return rc;
}

void tx_prepare_fiber(struct shard *s, struct net_req *req)
{
    const struct msg_tx_prepare_req *m = req->req;
    struct tx_info info = {.leader = m->leader};
    struct tx_to_prepare p = {.req = req,
                              .hdl = m->hdl,
                              .ops = m->ops,
                              .ops_nr = m->ops_nr,
                              .id = {m->session_hlc, m->session_rand, m->seq, m->acked},
                              .epoch = m->epoch,
                              .info = &info,
                              .info_len = sizeof(info)};
    uint8_t cont[16];
    uint64_t lsn = 0;
    bool holds;
    int rc = tx_prepare(s, &p, &lsn, cont, &holds);

    shard_reply(s, req, rc, MUTANT(ENGINE_TX_PREPARE_EARLY) ? 0 : lsn);
}

/* ---- Resolve ---- */

struct resolve {
    const struct msg_verdict *v;
    uint64_t lsn;
};

static int resolve(struct shard *s, void *arg)
{
    struct resolve *r = arg;
    const struct msg_verdict *v = r->v;
    struct vos_txid id = {v->session_hlc, v->session_rand, v->seq, 0};
    struct vos_cont *c;
    uint64_t epoch;
    int rc = vos_cont_open(s->vos, v->cont, false, &c);

    r->lsn = 0;
    if (rc != 0)
        return rc == -DER_NONEXIST ? 0 : rc;
    if (v->verdict == MSG_TX_WITHDRAW)
        return vos_withdraw(c, &id, v->epoch, &r->lsn);
    if (MUTANT(ENGINE_TX_COMMIT_LOST) && v->verdict == MSG_TX_COMMIT)
        return 0;
    rc = vos_resolve(c, &id, v->verdict == MSG_TX_COMMIT, &epoch, &r->lsn);
    if (rc == -DER_NONEXIST ||
        rc == -DER_NO_HDL) /* it is done, and forgotten; or the container is */
        rc = 0;
    if (rc == 0 && vos_reclaim_due(s->vos))
        reclaim_ask(s);
    return rc;
}

int tx_apply(struct shard *s, const struct msg_verdict *v, uint64_t *lsn)
{
    struct resolve r = {.v = v};
    int rc = shard_run(s, resolve, &r);

    *lsn = r.lsn;
    return rc;
}

void tx_resolve_fiber(struct shard *s, struct net_req *req)
{
    const struct msg_tx_resolve_req *m = req->req;
    struct msg_tx_resolve_rep *rep = req->rep;
    uint32_t *rcs = net_req_alloc(req, m->verdicts_nr * sizeof(*rcs));
    uint64_t lsn = 0;

    if (rcs == NULL || m->verdicts_nr == 0 || m->verdicts_nr > VERDICTS_MAX) {
        shard_reply(s, req, rcs == NULL ? -DER_NOMEM : -DER_PROTO, 0);
        return;
    }
    for (uint32_t i = 0; i < m->verdicts_nr; i++) {
        uint64_t one;

        rcs[i] = (uint32_t)-tx_apply(s, &m->verdicts[i], &one);
        lsn = MAX(lsn, one);
    }
    tx_changed(s);
    rep->rcs = rcs;
    rep->rcs_nr = m->verdicts_nr;
    shard_reply(s, req, 0, lsn);
}
