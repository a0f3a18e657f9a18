/* Meeting somebody's prepared part, and finding out what became of it: see tx.h. */
#include "engine/engine_int.h"
#include "net/net.h"

#define HEAR_NS   1000000u   /* until somebody who waits asks the leader himself */
#define ASK_MS    2000u      /* for one question */
#define AGAIN_NS  2000000u   /* between questions without an answer; doubles */
#define AGAIN_MAX 100000000u /* ... to this */
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

struct asking {
    struct net_call call;
    struct msg_tx_ask_req q;
    struct msg_tx_ask_rep rep;
    const struct tx_met *m;
    struct rt_event done;
};

static void ask_done(struct net_call *call)
{
    rt_event_set(call->arg);
}

static void ask_send(struct shard *s, struct asking *a, const struct tx_met *m, uint64_t ns)
{
    a->m = m;
    a->q = (struct msg_tx_ask_req){
        .session_hlc = m->id.session_hlc, .session_rand = m->id.session_rand, .seq = m->id.seq};
    memcpy(a->q.cont, m->cont, sizeof(a->q.cont));
    a->rep = (struct msg_tx_ask_rep){0};
    net_call_init(&a->call, MSG_TX_ASK);
    a->call.hdr.target = m->leader;
    a->call.hdr.hlc = hlc_peek(s->clock);
    a->call.hdr.deadline_ms = (uint32_t)MAX(MIN(ns / 1000000, ASK_MS), 1u);
    a->call.req = &a->q;
    a->call.rep = &a->rep;
    a->call.done = ask_done;
    a->call.arg = &a->done;
    rt_event_init(&a->done);
    net_call_send(s->eng->self, &a->call);
}

static int ask_hear(struct shard *s, struct asking *a)
{
    const struct tx_met *m = a->m;
    struct msg_verdict v = {.session_hlc = m->id.session_hlc,
                            .session_rand = m->id.session_rand,
                            .seq = m->id.seq,
                            .epoch = m->epoch};
    uint64_t lsn;
    int rc;

    rt_event_wait(&a->done);
    rc = a->call.rc;
    net_call_fini(&a->call);
    s->txs.asked++;
    if (rc != 0)
        return rc;
    memcpy(v.cont, m->cont, sizeof(v.cont));
    /* of another attempt than this one it says nothing: this one was given up */
    v.verdict = a->rep.epoch == m->epoch ? MSG_TX_COMMIT
                : a->rep.epoch != 0      ? MSG_TX_WITHDRAW
                                         : MSG_TX_ABORT;
    rc = tx_apply(s, &v, &lsn);
    tx_changed(s);
    return rc;
}

static int ask(struct shard *s, const struct tx_met *m, uint64_t ns)
{
    struct asking a;

    if (MUTANT(ENGINE_TX_NEVER_ASKED))
        return -DER_TIMEDOUT;
    ask_send(s, &a, m, ns);
    return ask_hear(s, &a);
}

int tx_wait(struct shard *s, const struct tx_met *m, uint64_t until_ns)
{
    uint64_t hear = rt_now_ns() + HEAR_NS, again = AGAIN_NS, now;
    bool asked = false;
    int rc;

    if (MUTANT(ENGINE_TX_DOUBT_SKIPPED))
        return -DER_TIMEDOUT;
    tx_settle(s);
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
        if (asked) {
            wait_change(s, seen, MIN(now + again, until_ns) - now);
            again = MIN(2 * again, (uint64_t)AGAIN_MAX);
        }
        asked = true;
        rc = ask(s, m, until_ns - now);
        if (rc == -DER_CSUM || rc == -DER_IO) /* what says so is damaged, here or there, or a log
                                                 has failed: that takes longer than anybody waits */
            return rc;
        /* nobody waits for an engine that does not come to know it, while it closes */
        if (rc != 0 && gate_is_closed(&s->eng->gate))
            return -DER_SHUTDOWN;
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

#define ROUND 64u /* questions under way at a time */

struct olds {
    struct tx_met met[ROUND];
    uint32_t nr;
    bool any;             /* intents, old or not */
    uint64_t before, now; /* wall clock */
    uint8_t cont[16];
    struct asking ask[ROUND];
};

static int note_old(void *arg, const struct vos_doubt *d)
{
    struct olds *o = arg;
    uint64_t at = hlc_to_unix_ns(d->epoch);
    struct tx_met *m;

    o->any = true;
    /* one ahead of a wall clock that was set back would be young for as long as it is behind */
    if (o->nr == ROUND || (at >= o->before && at <= o->now + OLD_NS))
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
    o->now = engine_wall_ns(s->eng);
    o->before = o->now - OLD_NS;
    while ((c = vos_doubtful_next(s->vos, c)) != NULL) {
        struct vos_anchor a = {.eof = 0};

        vos_cont_uuid(c, o->cont);
        vos_doubt_list(c, &a, note_old, o);
    }
    return 0;
}

/* Those whose leaders can be asked. How many were resolved. */
static uint32_t ask_all(struct shard *s, struct olds *o)
{
    uint32_t asked = 0, resolved = 0;

    if (MUTANT(ENGINE_TX_NEVER_ASKED))
        return 0;
    for (uint32_t i = 0; i < o->nr && !gate_is_closed(&s->eng->gate); i++)
        if (o->met[i].leader < s->eng->shard_nr && shard_serves(&s->eng->shard[o->met[i].leader]))
            ask_send(s, &o->ask[asked++], &o->met[i], ASK_MS * UINT64_C(1000000));
    for (uint32_t i = 0; i < asked; i++)
        resolved += ask_hear(s, &o->ask[i]) == 0;
    return resolved;
}

/* For a moment there may be no memory for it. */
static struct olds *olds_new(struct shard *s)
{
    struct olds *o;

    while ((o = base_calloc(1, sizeof(*o))) == NULL && !gate_is_closed(&s->eng->gate))
        rt_sleep_ns(SETTLE_NS / 10);
    return o;
}

static void settle(void *arg)
{
    struct shard *s = arg;
    struct olds *o = olds_new(s);
    bool any = o != NULL;

    while (any && !gate_is_closed(&s->eng->gate) && shard_serves(s)) {
        uint32_t resolved;

        shard_run(s, look, o);
        rt_mutex_lock(&s->txs.work);
        resolved = ask_all(s, o);
        rt_mutex_unlock(&s->txs.work);
        any = o->any;
        if (o->nr == ROUND && resolved > 0) /* there may be more of them */
            continue;
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
        s->txs.settling = false; /* the next who prepares or meets one tries again */
        rt_mutex_unlock(&s->txs.lock);
    }
}
