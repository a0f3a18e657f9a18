/* Meeting somebody's prepared part, and finding out what became of it: see tx.h. */
#include "engine/engine_int.h"
#include "net/net.h"

#define HEAR_NS   1000000u   /* until somebody who waits asks the leader himself */
#define ASK_MS    2000u      /* for one question */
#define AGAIN_NS  2000000u   /* between questions without an answer */
#define OLD_NS    300000000u /* an intent is asked about in the background */
#define SETTLE_NS 200000000u

/* ---- Who it is ---- */

static uint32_t leader_of(const struct vos_doubt *d)
{
    struct tx_info info;

    if (d->info_len < sizeof(info))
        return UINT32_MAX;
    memcpy(&info, d->info, sizeof(info));
    return info.leader;
}

bool tx_met(struct shard *s, struct tx_met *m)
{
    struct vos_doubt d;

    if (!vos_met(s->vos, &d))
        return false;
    *m = (struct tx_met){
        .id = {d.session_hlc, d.session_rand, d.seq, 0}, .epoch = d.epoch, .leader = leader_of(&d)};
    vos_met_cont(s->vos, m->cont);
    s->txs.met++;
    return true;
}

/* ---- Waking ---- */

void tx_changed(struct shard *s)
{
    rt_mutex_lock(&s->txs.lock);
    s->txs.ends++;
    rt_cond_broadcast(&s->txs.changed);
    rt_mutex_unlock(&s->txs.lock);
}

static int still(struct shard *s, void *arg)
{
    const struct tx_met *m = arg;
    struct vos_cont *c;
    int rc = vos_cont_open(s->vos, m->cont, false, &c);

    if (rc != 0)
        return rc;
    return vos_prepared(c, &m->id) == m->epoch ? 0 : -DER_NONEXIST;
}

/* Until something was resolved here, or ns. */
static void wait_change(struct shard *s, uint64_t seen, uint64_t ns)
{
    struct txs *t = &s->txs;

    rt_mutex_lock(&t->lock);
    if (t->ends == seen)
        rt_cond_wait_timeout(&t->changed, &t->lock, ns);
    rt_mutex_unlock(&t->lock);
}

static uint64_t ends_of(struct shard *s)
{
    uint64_t n;

    rt_mutex_lock(&s->txs.lock);
    n = s->txs.ends;
    rt_mutex_unlock(&s->txs.lock);
    return n;
}

/* ---- Asking ---- */

static int ask(struct shard *s, const struct tx_met *m, uint64_t ns)
{
    struct msg_tx_ask_req q = {
        .session_hlc = m->id.session_hlc, .session_rand = m->id.session_rand, .seq = m->id.seq};
    struct msg_verdict v = {.session_hlc = q.session_hlc,
                            .session_rand = q.session_rand,
                            .seq = q.seq,
                            .epoch = m->epoch};
    struct msg_tx_ask_rep rep = {0};
    struct net_call call;
    uint64_t lsn;
    int rc;

    memcpy(q.cont, m->cont, sizeof(q.cont));
    memcpy(v.cont, m->cont, sizeof(v.cont));
    net_call_init(&call, MSG_TX_ASK);
    call.hdr.target = m->leader;
    call.hdr.hlc = hlc_peek(s->clock);
    call.hdr.deadline_ms = (uint32_t)MAX(MIN(ns / 1000000, ASK_MS), 1u);
    call.req = &q;
    call.rep = &rep;
    rc = net_call_wait(s->eng->self, &call);
    net_call_fini(&call);
    s->txs.asked++;
    if (rc != 0)
        return rc;
    /* of another attempt than this one it says nothing: this one was given up */
    v.verdict = rep.epoch == m->epoch ? MSG_TX_COMMIT
                : rep.epoch != 0      ? MSG_TX_WITHDRAW
                                      : MSG_TX_ABORT;
    rc = tx_apply(s, &v, &lsn);
    tx_changed(s);
    return rc;
}

int tx_wait(struct shard *s, const struct tx_met *m, uint64_t until_ns)
{
    uint64_t hear = rt_now_ns() + HEAR_NS, now;
    bool asked = false;
    int rc;

    if (MUTANT(ENGINE_TX_DOUBT_SKIPPED))
        return -DER_TIMEDOUT;
    for (;;) {
        uint64_t seen = ends_of(s);

        rc = shard_run(s, still, (void *)(uintptr_t)m);
        if (rc != 0)
            return rc == -DER_NONEXIST || rc == -DER_NO_HDL ? 0 : rc;
        now = rt_now_ns();
        if (now >= until_ns)
            return -DER_TIMEDOUT;
        if (now < hear) {
            wait_change(s, seen, MIN(hear, until_ns) - now);
            continue;
        }
        if (m->leader >= s->eng->shard_nr || !shard_serves(&s->eng->shard[m->leader]))
            return -DER_IO;
        if (asked)
            wait_change(s, seen, MIN(now + AGAIN_NS, until_ns) - now);
        asked = true;
        ask(s, m, until_ns - now);
    }
}

/* ---- Answering, as the leader ---- */

struct query {
    const struct msg_tx_ask_req *q;
    struct vos_txid id;
    uint64_t epoch, lsn;
};

static int what_became(struct shard *s, void *arg)
{
    struct query *k = arg;
    struct vos_cont *c;
    int rc = vos_cont_open(s->vos, k->q->cont, false, &c);

    k->epoch = 0;
    k->lsn = heap_lsn(s->heap);
    if (rc != 0) /* nothing was ever led here for it, or it is gone */
        return rc == -DER_NONEXIST ? 0 : rc;
    if (vos_decided(c, &k->id, &k->epoch, &k->lsn))
        return 0;
    rc = vos_resolve(c, &k->id, false, &k->epoch, &k->lsn);
    if (rc == -DER_ALREADY)
        return 0;
    k->epoch = 0;
    return rc == -DER_NO_HDL ? 0 : rc;
}

/* The answer comes when it is known; a question that waits too long gets none. */
void tx_ask_fiber(struct shard *s, struct net_req *req)
{
    const struct msg_tx_ask_req *m = req->req;
    struct msg_tx_ask_rep *rep = req->rep;
    struct query k = {.q = m, .id = {m->session_hlc, m->session_rand, m->seq, 0}};
    uint64_t until = rt_now_ns() + req->hdr.deadline_ms * UINT64_C(1000000);
    int rc = 0;

    for (;;) {
        uint64_t seen = ends_of(s), now = rt_now_ns();

        if (!tx_is_active(s, &k.id))
            break;
        if (now >= until) {
            rc = -DER_TIMEDOUT;
            break;
        }
        wait_change(s, seen, until - now);
    }
    if (rc == 0)
        rc = shard_run(s, what_became, &k);
    rep->epoch = k.epoch;
    shard_reply(s, req, rc, k.lsn);
}

/* ---- Intents that nobody resolves ---- */

#define ROUND 32u

struct olds {
    struct tx_met met[ROUND];
    uint32_t nr;
    bool any; /* intents, old or not */
    uint64_t before;
    uint8_t cont[16];
};

static int note_old(void *arg, const struct vos_doubt *d)
{
    struct olds *o = arg;
    struct tx_met *m;

    o->any = true;
    if (o->nr == ROUND || hlc_to_unix_ns(d->epoch) >= o->before)
        return 1;
    m = &o->met[o->nr++];
    *m = (struct tx_met){.id = {d->session_hlc, d->session_rand, d->seq, 0},
                         .epoch = d->epoch,
                         .leader = leader_of(d)};
    memcpy(m->cont, o->cont, sizeof(m->cont));
    return 0;
}

static int look(struct shard *s, void *arg)
{
    struct olds *o = arg;
    struct vos_cont *c = NULL;

    o->nr = 0;
    o->any = false;
    o->before = engine_wall_ns(s->eng) - OLD_NS;
    while ((c = vos_doubtful_next(s->vos, c)) != NULL) {
        struct vos_anchor a = {.eof = 0};

        vos_cont_uuid(c, o->cont);
        vos_doubt_list(c, &a, note_old, o);
    }
    return 0;
}

static void settle(void *arg)
{
    struct shard *s = arg;
    struct olds *o = base_calloc(1, sizeof(*o));
    bool any = o != NULL;

    while (any && !gate_is_closed(&s->eng->gate) && shard_serves(s)) {
        shard_run(s, look, o);
        for (uint32_t i = 0; i < o->nr && !gate_is_closed(&s->eng->gate); i++)
            if (o->met[i].leader < s->eng->shard_nr &&
                shard_serves(&s->eng->shard[o->met[i].leader]))
                ask(s, &o->met[i], ASK_MS * UINT64_C(1000000));
        any = o->any;
        for (uint32_t i = 0; any && i < 10 && !gate_is_closed(&s->eng->gate); i++)
            rt_sleep_ns(SETTLE_NS / 10);
    }
    base_free(o);
    rt_mutex_lock(&s->txs.lock);
    s->txs.settling = false;
    rt_mutex_unlock(&s->txs.lock);
}

void tx_settle(struct shard *s)
{
    bool start;

    rt_mutex_lock(&s->txs.lock);
    start = !s->txs.settling && !gate_is_closed(&s->eng->gate);
    s->txs.settling = s->txs.settling || start;
    rt_mutex_unlock(&s->txs.lock);
    if (start && rt_spawn_on(s->xs, settle, s) != 0) {
        rt_mutex_lock(&s->txs.lock);
        s->txs.settling = false; /* the next prepare tries again */
        rt_mutex_unlock(&s->txs.lock);
    }
}
