/* Taking part in a transaction: see tx.h. The leader's own part is prepared in the same way. */
#include "engine/engine_int.h"

#define VERDICTS_MAX 256u
#define EARLIER_NS   200000u /* that a part waits for one of an earlier epoch: others wait for it */

/* ---- Prepare ---- */

struct prepare {
    const struct tx_to_prepare *p;
    struct vos_op *ops;
    struct vos_update *u; /* between begin and the end of prepare */
    const struct vos_place *places;
    uint32_t place_nr;
    uint64_t lsn;
    bool replayed;
    bool in_the_way;
    struct tx_met met;
    uint8_t *cont;
};

static int in_the_way(struct shard *s, struct prepare *pr, int rc)
{
    if (rc == -DER_INPROGRESS)
        pr->in_the_way = tx_met(s, &pr->met);
    return rc == -DER_INPROGRESS ? SHARD_DOUBT : rc;
}

static int begin(struct shard *s, void *arg)
{
    struct prepare *pr = arg;
    struct vos_cont *c = NULL;
    int rc = shard_cont(s, pr->p->hdl, DAOS_ACL_PERM_WRITE, &c);

    if (rc != 0)
        return rc;
    vos_cont_uuid(c, pr->cont);
    return in_the_way(
        s, pr, vos_update_begin(c, pr->ops, pr->p->ops_nr, &pr->u, &pr->places, &pr->place_nr));
}

/* What a former attempt left, whose leader restarted. */
static int withdraw_earlier(struct vos_cont *c, const struct tx_to_prepare *p)
{
    uint64_t epoch = vos_prepared(c, &p->id), lsn;

    return epoch != 0 && epoch < p->epoch ? vos_withdraw(c, &p->id, epoch, &lsn) : 0;
}

static int prepare(struct shard *s, void *arg)
{
    struct prepare *pr = arg;
    struct vos_cont *c;
    uint64_t epoch;
    int rc = shard_cont(s, pr->p->hdl, DAOS_ACL_PERM_WRITE, &c);

    if (rc == 0)
        rc = withdraw_earlier(c, pr->p);
    if (rc != 0)
        return rc;
    rc = vos_update_prepare(pr->u, engine_wall_ns(s->eng), &pr->p->id, pr->p->epoch, pr->p->info,
                            pr->p->info_len, &epoch, &pr->lsn, &pr->replayed);
    if (rc > 0)
        return rc;
    pr->u = NULL;
    if (rc == 0 && epoch != pr->p->epoch) /* committed before, by an earlier copy */
        rc = -DER_TX_RESTART;
    return in_the_way(s, pr, rc);
}

static int cancel(struct shard *s, void *arg)
{
    struct prepare *pr = arg;

    vos_update_cancel(pr->u);
    pr->u = NULL;
    return 0;
}

static int prepare_once(struct shard *s, struct prepare *pr)
{
    int rc = shard_run(s, begin, pr);

    if (rc == 0 && data_mem_places(s, pr->places, pr->place_nr, UINT64_MAX))
        data_mem_write(s, pr->ops, pr->places, pr->place_nr, true);
    else if (rc == 0)
        rc = data_write(s, pr->ops, pr->places, pr->place_nr);
    if (rc == 0)
        rc = shard_run(s, prepare, pr);
    if (pr->u != NULL)
        shard_run(s, cancel, pr);
    return rc;
}

int tx_prepare(struct shard *s, const struct tx_to_prepare *p, uint64_t *lsn, uint8_t cont[16],
               bool *holds)
{
    struct msg_obj_update_req m = {.ops = p->ops, .ops_nr = p->ops_nr};
    struct prepare pr = {.p = p, .cont = cont};
    uint64_t until = rt_now_ns() + EARLIER_NS;
    int rc = decode_ops(p->req, &m, &pr.ops), late;

    *holds = false;
    if (rc != 0)
        return rc;
    do {
        pr.in_the_way = false;
        rc = prepare_once(s, &pr);
        if (rc != SHARD_DOUBT)
            break;
        rc = -DER_INPROGRESS;
        if (!pr.in_the_way || pr.met.epoch > p->epoch)
            break;
        late = tx_wait(s, &pr.met, until);
        if (late == -DER_CSUM || late == -DER_IO)
            rc = late;
    } while (late == 0);
    if (rc != 0 && pr.lsn == 0) {
        heap_lock(s->heap);
        pr.lsn = heap_lsn(s->heap);
        heap_unlock(s->heap);
    }
    *lsn = pr.lsn;
    *holds = rc == 0 && !tx_only_checks(p->ops, p->ops_nr);
    if (*holds)
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
