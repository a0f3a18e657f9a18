/* Leading a transaction: see tx.h. */
#include "base/list.h"
#include "engine/engine_int.h"
#include "net/net.h"

#define PARTS_MAX      64u
#define BACKOFF_NS     20000u   /* before the second attempt, at most; doubles */
#define BACKOFF_MAX_NS 5000000u /* ... to this */
/* After so many attempts whoever is in doubt in the way will be for a while: its leader is gone, or
 * what it knew is damaged. An attempt writes to the log of every participant. */
#define PATIENT          64u
#define BACKOFF_DOUBT_NS 200000000u /* wait up to this, then */
#define DEADLINE_MS      60000u
#define AHEAD_NS         50000u   /* an epoch ahead of the clock: twice this, then doubling */
#define AHEAD_MAX_NS     5000000u /* ... to this */
#define PART_MS          5000u /* that a participant's answer is waited for, before another attempt */
#define WITHDRAW_MS      1000u /* ... that it has given up its part; else it asks */

/* What is under way with one participant. */
struct with {
    struct net_call call;
    struct msg_tx_prepare_req prepare;
    struct msg_tx_resolve_req resolve;
    struct msg_tx_resolve_rep resolved;
    struct msg_verdict verdict;
    uint32_t target;
    bool holds; /* something may be prepared there */
    struct rt_event done;
};

struct tx_run {
    struct list link;
    struct shard *s;
    struct net_req *req;
    const struct msg_obj_tx_req *m;
    struct vos_txid id;
    uint64_t epoch;
    uint64_t until_ns;
    struct with *with; /* parts_nr - 1 */
    uint32_t with_nr;
    struct tx_info *info;
    uint32_t info_len;
    uint8_t cont[16];
    bool seen;    /* it looks at what the client read: that it changed is the answer */
    bool deletes; /* nothing but that: it waits for room, which others give back */
    bool holds;   /* its own part is prepared */
    bool decided; /* or was applied with the decision */
    uint64_t lsn;
    bool replayed;
};

/* ---- Shape ---- */

bool tx_only_checks(const struct msg_op *ops, uint32_t nr)
{
    for (uint32_t i = 0; i < nr; i++)
        if (ops[i].kind != MSG_OP_CHECK)
            return false;
    return true;
}

static int check_shape(const struct shard *s, const struct msg_obj_tx_req *m)
{
    bool checks_only = tx_only_checks(m->parts[0].ops, m->parts[0].ops_nr);

    if (m->parts_nr < 2 || m->parts_nr > PARTS_MAX || m->parts[0].target != s->target)
        return -DER_PROTO;
    for (uint32_t i = 0; i < m->parts_nr; i++) {
        const struct msg_part *p = &m->parts[i];

        if (p->ops_nr == 0 || p->ops_nr > VOS_OPS_MAX)
            return -DER_PROTO;
        if (p->target >= s->eng->shard_nr)
            return -DER_NONEXIST;
        if (checks_only &&
            !tx_only_checks(p->ops, p->ops_nr)) /* the leader has to decide something */
            return -DER_PROTO;
        for (uint32_t k = 0; k < i; k++)
            if (m->parts[k].target == p->target)
                return -DER_PROTO;
    }
    return 0;
}

static bool has_seen(const struct msg_obj_tx_req *m)
{
    for (uint32_t i = 0; i < m->parts_nr; i++)
        for (uint32_t k = 0; k < m->parts[i].ops_nr; k++)
            if (m->parts[i].ops[k].kind == MSG_OP_CHECK &&
                m->parts[i].ops[k].check == MSG_CHECK_UNCHANGED)
                return true;
    return false;
}

static bool deletes(const struct msg_op *op)
{
    for (uint32_t k = 0; op->kind == MSG_OP_UPDATE && k < op->iods_nr; k++)
        if (op->iods[k].rec_size != 0)
            return false;
    return true;
}

static bool only_deletes(const struct msg_obj_tx_req *m)
{
    for (uint32_t i = 0; i < m->parts_nr; i++)
        for (uint32_t k = 0; k < m->parts[i].ops_nr; k++)
            if (!deletes(&m->parts[i].ops[k]))
                return false;
    return true;
}

static int begin_run(struct tx_run *r, struct shard *s, struct net_req *req)
{
    const struct msg_obj_tx_req *m = req->req;
    const struct net_hdr *hdr = &req->hdr;
    uint32_t ms = hdr->deadline_ms != 0 ? hdr->deadline_ms : DEADLINE_MS;
    int rc;

    *r = (struct tx_run){.s = s,
                         .req = req,
                         .m = m,
                         .id = {hdr->session_hlc, hdr->session_rand, hdr->seq, hdr->acked},
                         .until_ns = rt_now_ns() + ms * UINT64_C(750000)};
    rc = m->parts_nr > 0 ? check_shape(s, m) : -DER_PROTO;
    if (rc == 0 && r->id.session_hlc == 0)
        rc = -DER_INVAL;
    if (rc != 0)
        return rc;
    r->seen = has_seen(m);
    r->deletes = only_deletes(m);
    r->with_nr = m->parts_nr - 1;
    r->info_len = (uint32_t)(sizeof(*r->info) + r->with_nr * sizeof(r->info->target[0]));
    r->info = net_req_alloc(req, r->info_len);
    r->with = net_req_alloc(req, r->with_nr * sizeof(*r->with));
    if (r->info == NULL || r->with == NULL)
        return -DER_NOMEM;
    r->info->leader = s->target;
    r->info->nr = 0;
    for (uint32_t i = 0; i < r->with_nr; i++) {
        const struct msg_part *p = &m->parts[i + 1];

        r->with[i].target = p->target;
        r->with[i].holds = false;
        if (!tx_only_checks(p->ops, p->ops_nr)) /* others have nothing to be told */
            r->info->target[r->info->nr++] = p->target;
    }
    r->info_len = (uint32_t)(sizeof(*r->info) + r->info->nr * sizeof(r->info->target[0]));
    return 0;
}

/* ---- Messages to participants ---- */

static void call_done(struct net_call *call)
{
    rt_event_set(call->arg);
}

static void send(struct tx_run *r, struct with *w, uint16_t opcode, const void *q, void *rep)
{
    uint64_t now = rt_now_ns(), most = opcode == MSG_TX_PREPARE ? PART_MS : WITHDRAW_MS;
    uint64_t ms = (r->until_ns > now ? r->until_ns - now : 0) / 1000000;

    net_call_init(&w->call, opcode);
    w->call.hdr.target = w->target;
    w->call.hdr.hlc = hlc_peek(r->s->clock);
    w->call.hdr.deadline_ms = (uint32_t)MIN(MAX(ms, UINT64_C(100)), most);
    w->call.req = q;
    w->call.rep = rep;
    w->call.done = call_done;
    w->call.arg = &w->done;
    rt_event_init(&w->done);
    if (opcode == MSG_TX_PREPARE) {
        for (uint32_t i = 0; i < r->req->bulk_nr; i++)
            w->call.bulk[i] = r->req->bulk[i];
        w->call.bulk_nr = r->req->bulk_nr;
    }
    net_call_send(r->s->eng->self, &w->call);
}

static void send_prepare(struct tx_run *r, uint32_t i)
{
    const struct msg_part *p = &r->m->parts[i + 1];
    struct with *w = &r->with[i];

    w->prepare = (struct msg_tx_prepare_req){.session_hlc = r->id.session_hlc,
                                             .session_rand = r->id.session_rand,
                                             .seq = r->id.seq,
                                             .acked = r->id.acked,
                                             .epoch = r->epoch,
                                             .leader = r->s->target,
                                             .ops = p->ops,
                                             .ops_nr = p->ops_nr};
    memcpy(w->prepare.hdl, r->m->hdl, sizeof(w->prepare.hdl));
    w->holds = !tx_only_checks(p->ops, p->ops_nr);
    send(r, w, MSG_TX_PREPARE, &w->prepare, NULL);
}

static int answer_of(struct tx_run *r, struct with *w)
{
    int rc;

    rt_event_wait(&w->done);
    rc = w->call.rc;
    if (w->call.hdr.hlc > hlc_peek(r->s->clock))
        hlc_raise(r->s->clock, w->call.hdr.hlc);
    net_call_fini(&w->call);
    return rc;
}

/* No answer: it may be prepared there, or still be. */
static bool is_lost(int rc)
{
    return rc == -DER_TIMEDOUT || rc == -DER_UNREACH;
}

/* An answer that says that nothing is prepared there. */
static bool says_no(int rc)
{
    return rc != 0 && !is_lost(rc) && rc != -DER_SHUTDOWN;
}

/* ---- One attempt ---- */

/* What a condition or a check answers. */
static bool is_refusal(int rc)
{
    return rc == -DER_NONEXIST || rc == -DER_EXIST || rc == MSG_NOTEMPTY;
}

/* How much an answer counts beside others. A refusal says what is so if all that the other parts
 * check holds too: one that could not tell, or found a change, takes it back. Conditions come
 * before the kinds of values that are there. */
static uint32_t weight(int rc)
{
    if (rc == 0)
        return 0;
    if (rc == -DER_INVAL || rc == -DER_REC_SIZE)
        return 1;
    if (is_refusal(rc))
        return MUTANT(ENGINE_TX_REFUSAL_TORN) ? 6 : 2;
    return rc == -DER_INPROGRESS || rc == -DER_AGAIN ? 3 : rc == -DER_TX_RESTART ? 4 : 5;
}

static int worse(int a, int b)
{
    return weight(b) > weight(a) ? b : a;
}

static struct tx_to_prepare own_part(struct tx_run *r)
{
    return (struct tx_to_prepare){.req = r->req,
                                  .hdl = r->m->hdl,
                                  .ops = r->m->parts[0].ops,
                                  .ops_nr = r->m->parts[0].ops_nr,
                                  .id = r->id,
                                  .epoch = r->epoch,
                                  .info = r->info,
                                  .info_len = r->info_len};
}

static int hear_all(struct tx_run *r)
{
    int rc = 0;

    for (uint32_t i = 0; i < r->with_nr; i++) {
        int his = answer_of(r, &r->with[i]);

        if (says_no(his))
            r->with[i].holds = false;
        rc = worse(rc, his);
    }
    return rc;
}

static int prepare_all(struct tx_run *r)
{
    struct tx_to_prepare own = own_part(r);
    uint64_t lsn = 0;
    int rc;

    for (uint32_t i = 0; i < r->with_nr; i++)
        send_prepare(r, i);
    rc = tx_prepare(r->s, &own, &lsn, r->cont, &r->holds);
    r->lsn = MAX(r->lsn, lsn);
    return worse(rc, hear_all(r));
}

/* The first attempt. *again: what the others said is not the answer, for it says nothing of what
 * became of this part. */
static int decide_all(struct tx_run *r, bool *again)
{
    struct tx_to_prepare own = own_part(r);
    struct tx_part part;
    int rc;

    for (uint32_t i = 0; i < r->with_nr; i++)
        send_prepare(r, i);
    rc = tx_part_begin(r->s, &part, &own);
    memcpy(r->cont, part.cont, sizeof(r->cont));
    rc = worse(rc, hear_all(r));
    *again = rc != 0;
    if (rc == 0 || MUTANT(ENGINE_TX_DECIDED_ALONE)) {
        rc = tx_part_decide(r->s, &part);
        /* another way of doing it may find room */
        *again = rc != 0 && !is_refusal(rc) && rc != -DER_INVAL && rc != -DER_REC_SIZE;
    } else {
        tx_part_cancel(r->s, &part);
    }
    r->decided = rc == 0;
    r->lsn = MAX(r->lsn, part.lsn);
    return rc;
}

static int withdraw_own(struct shard *s, void *arg)
{
    struct tx_run *r = arg;
    struct vos_cont *c;
    uint64_t lsn;
    int rc = vos_cont_open(s->vos, r->cont, false, &c);

    if (rc != 0)
        return rc == -DER_NONEXIST ? 0 : rc;
    return vos_withdraw(c, &r->id, r->epoch, &lsn);
}

static void withdraw_all(struct tx_run *r)
{
    for (uint32_t i = 0; i < r->with_nr; i++) {
        struct with *w = &r->with[i];

        if (!w->holds)
            continue;
        w->verdict = (struct msg_verdict){.session_hlc = r->id.session_hlc,
                                          .session_rand = r->id.session_rand,
                                          .seq = r->id.seq,
                                          .epoch = r->epoch,
                                          .verdict = MSG_TX_WITHDRAW};
        memcpy(w->verdict.cont, r->cont, sizeof(w->verdict.cont));
        w->resolve = (struct msg_tx_resolve_req){&w->verdict, 1};
        send(r, w, MSG_TX_RESOLVE, &w->resolve, &w->resolved);
    }
    if (r->holds && shard_run(r->s, withdraw_own, r) == 0)
        tx_changed(r->s);
    r->holds = false;
    for (uint32_t i = 0; i < r->with_nr; i++)
        if (r->with[i].holds) {
            answer_of(r, &r->with[i]); /* lost: it will ask */
            r->with[i].holds = false;
        }
}

/* ---- The decision ---- */

static int decide(struct shard *s, void *arg)
{
    struct tx_run *r = arg;
    uint64_t epoch;
    struct vos_cont *c;
    /* whoever took the handle away meanwhile was told that nothing is written by it any more */
    int rc = MUTANT(ENGINE_HANDLE_ONCE) ? vos_cont_open(s->vos, r->cont, false, &c)
                                        : shard_cont(s, r->m->hdl, DAOS_ACL_PERM_WRITE, &c);

    if (rc != 0)
        return rc;
    rc = vos_decide(c, &r->id, &epoch, &r->lsn);
    if (rc == -DER_NONEXIST) /* somebody asked before it was entered here: it was given up */
        rc = -DER_TX_RESTART;
    if (rc == 0 && vos_reclaim_due(s->vos))
        reclaim_ask(s);
    return rc;
}

static void tell(struct tx_run *r)
{
    struct vos_doubt d = {.session_hlc = r->id.session_hlc,
                          .session_rand = r->id.session_rand,
                          .seq = r->id.seq,
                          .epoch = r->epoch,
                          .info = r->info,
                          .info_len = r->info_len};

    /* without memory for it the next opening tells; until then whoever meets it asks */
    tx_tell(r->s, r->cont, &d);
}

/* ---- All of it ---- */

static int recall(struct shard *s, void *arg)
{
    struct tx_run *r = arg;
    struct msg_obj_tx_rep *rep = r->req->rep;
    uint64_t epoch = 0;
    int rc = vos_txid_check(s->vos, &r->id, &r->replayed, &epoch);

    r->lsn = heap_lsn(s->heap);
    if (rc == 0 && r->replayed) {
        rep->epoch = epoch;
        rep->replayed = true;
    }
    return rc;
}

static bool may_go_on(const struct tx_run *r)
{
    return rt_now_ns() < r->until_ns && !gate_is_closed(&r->s->eng->gate);
}

static bool another_attempt(const struct tx_run *r, int rc)
{
    bool in_the_way = rc == -DER_INPROGRESS || rc == -DER_AGAIN || is_lost(rc) ||
                      (rc == -DER_TX_RESTART && !r->seen) ||
                      (rc == -DER_NOSPACE && r->deletes && !MUTANT(ENGINE_TX_DELETE_ONCE));

    return in_the_way && may_go_on(r);
}

/* If it was read where it wanted to change something, the next attempt's lies ahead, so that all
 * parts are there before others read at it; ahead of the wall clock, so that the clock does not run
 * away from that. After meeting others it would only be in their way for longer. */
static uint64_t draw_epoch(struct tx_run *r, uint32_t overtaken)
{
    uint64_t wall = engine_wall_ns(r->s->eng), epoch = hlc_get(r->s->clock, wall);
    uint64_t ahead = MIN((uint64_t)AHEAD_NS << MIN(overtaken, 16u), AHEAD_MAX_NS);

    if (overtaken == 0)
        return epoch;
    return MAX(epoch, hlc_from_unix_ns(wall + ahead) + (epoch & HLC_LOGICAL_MASK));
}

static int attempts(struct tx_run *r)
{
    bool at_once = !tx_only_checks(r->m->parts[0].ops, r->m->parts[0].ops_nr), again;
    uint32_t overtaken = 0, doubts = 0;
    uint64_t wait = BACKOFF_NS;
    int rc;

    for (uint32_t attempt = 0;; attempt++) {
        r->s->txs.attempts++;
        r->epoch = draw_epoch(r, overtaken);
        again = false;
        rc = at_once && attempt == 0 ? decide_all(r, &again) : prepare_all(r);
        if (rc == 0)
            return 0;
        withdraw_all(r);
        overtaken += rc == -DER_AGAIN;
        again = again && !(rc == -DER_TX_RESTART && r->seen) && may_go_on(r);
        if (!again && !another_attempt(r, rc))
            break;
        rt_sleep_ns(1 + rt_random() % wait);
        doubts = rc == -DER_INPROGRESS ? doubts + 1 : 0;
        wait = MIN(2 * wait, (uint64_t)(doubts < PATIENT ? BACKOFF_MAX_NS : BACKOFF_DOUBT_NS));
    }
    if (gate_is_closed(&r->s->eng->gate) &&
        (rc == -DER_INPROGRESS || rc == -DER_AGAIN || is_lost(rc)))
        return -DER_SHUTDOWN;
    if (rc != -DER_INPROGRESS && rc != -DER_AGAIN)
        return rc;
    return r->seen ? -DER_TX_RESTART : -DER_TIMEDOUT; /* who has read nothing has nothing to redo */
}

static int run(struct tx_run *r)
{
    struct msg_obj_tx_rep *rep = r->req->rep;
    int rc = shard_run(r->s, recall, r);

    if (rc != 0 || r->replayed)
        return rc;
    rc = attempts(r);
    if (rc != 0)
        return rc;
    rep->epoch = r->epoch;
    if (!r->holds && !r->decided) /* nothing but checks, which hold */
        return 0;
    if (!r->decided)
        rc = shard_run(r->s, decide, r);
    if (rc != 0) {
        withdraw_all(r);
        return rc;
    }
    r->holds = false;
    tx_changed(r->s);
    r->s->txs.committed++;
    if (MUTANT(ENGINE_TX_TOLD_EARLY) || heap_wait_durable(r->s->heap, r->lsn) == 0)
        tell(r);
    return 0;
}

/* Another copy of it is under way: its end is waited for. */
static void enter(struct tx_run *r)
{
    struct txs *t = &r->s->txs;
    struct list *l;
    bool other = false;

    rt_mutex_lock(&t->lock);
    do {
        if (other)
            rt_cond_wait(&t->changed, &t->lock);
        other = false;
        LIST_FOREACH(l, &t->active)
        {
            const struct tx_run *o = LIST_ENTRY(l, struct tx_run, link);

            other = other || (o->id.session_hlc == r->id.session_hlc &&
                              o->id.session_rand == r->id.session_rand && o->id.seq == r->id.seq);
        }
    } while (other);
    list_add_tail(&t->active, &r->link);
    t->led++;
    rt_mutex_unlock(&t->lock);
}

static void leave(struct tx_run *r)
{
    struct txs *t = &r->s->txs;

    rt_mutex_lock(&t->lock);
    list_del(&r->link);
    t->ends++;
    rt_cond_broadcast(&t->changed);
    rt_mutex_unlock(&t->lock);
}

bool tx_is_active(struct shard *s, const struct vos_txid *id)
{
    struct list *l;
    bool yes = false;

    rt_mutex_lock(&s->txs.lock);
    LIST_FOREACH(l, &s->txs.active)
    {
        const struct tx_run *o = LIST_ENTRY(l, struct tx_run, link);

        yes = yes || (o->id.session_hlc == id->session_hlc &&
                      o->id.session_rand == id->session_rand && o->id.seq == id->seq);
    }
    rt_mutex_unlock(&s->txs.lock);
    return yes;
}

void tx_lead_fiber(struct shard *s, struct net_req *req)
{
    struct tx_run r;
    int rc = begin_run(&r, s, req);

    if (rc == 0) {
        enter(&r);
        rc = run(&r);
        leave(&r);
    }
    shard_reply(s, req, rc, r.lsn);
}
