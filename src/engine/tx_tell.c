/*
 * After the decision: participants are told, many decisions in a message, until each has said that
 * it is durable there; then the decision is forgotten. And what a restart leaves of transactions
 * that were led from here.
 */
#include "engine/engine_int.h"
#include "net/net.h"

#define TELL_MAX     64u        /* in a message to one target */
#define TELL_MS      2000u      /* that its answer is waited for */
#define PAUSE_NS     1000000u   /* after somebody could not be told; doubles */
#define PAUSE_MAX_NS 500000000u /* ... to this */

struct tx_decision {
    struct list link;
    struct msg_verdict v;
    struct vos_txid id;
    uint32_t nr, of;   /* of so many */
    uint32_t target[]; /* those that do not know yet */
};

/* There are no more of them than decisions that vos keeps. */
_Static_assert(VOS_TX_MEMORY +
                       (VOS_DECIDED_MAX + VOS_INTENT_MAX) *
                           (sizeof(struct tx_decision) + ENGINE_TARGETS_MAX * sizeof(uint32_t)) <=
                   TX_MEMORY_MAX,
               "what a shard may take");

static uint64_t memory_of(uint32_t targets)
{
    return sizeof(struct tx_decision) + targets * sizeof(uint32_t);
}

void txs_init(struct shard *s)
{
    rt_mutex_init(&s->txs.work);
    rt_mutex_init(&s->txs.lock);
    rt_cond_init(&s->txs.changed);
    list_init(&s->txs.active);
    list_init(&s->txs.untold);
}

void txs_fini(struct shard *s)
{
    struct list *l;

    while ((l = list_first(&s->txs.untold)) != NULL) {
        list_del(l);
        base_free(LIST_ENTRY(l, struct tx_decision, link));
    }
}

/* ---- Telling ---- */

/* A message to one target. */
struct message {
    struct net_call call;
    struct msg_tx_resolve_req q;
    struct msg_tx_resolve_rep rep;
    struct msg_verdict v[TELL_MAX];
    struct tx_decision *d[TELL_MAX];
    uint32_t nr;
    struct rt_event done;
};

static void told_done(struct net_call *call)
{
    rt_event_set(call->arg);
}

static bool is_told(const struct tx_decision *d, uint32_t target)
{
    for (uint32_t i = 0; i < d->nr; i++)
        if (d->target[i] == target)
            return false;
    return true;
}

static void told(struct tx_decision *d, uint32_t target)
{
    for (uint32_t i = 0; i < d->nr; i++)
        if (d->target[i] == target)
            d->target[i--] = d->target[--d->nr];
}

/* Sends a target what it has to know, as much as fits; false: it cannot be told. */
static bool tell_send(struct shard *s, struct message *m, const struct list *batch, uint32_t target)
{
    const struct list *l;

    m->nr = 0;
    for (l = batch->next; l != batch && m->nr < TELL_MAX; l = l->next) {
        struct tx_decision *d = LIST_ENTRY(l, struct tx_decision, link);

        if (is_told(d, target))
            continue;
        m->d[m->nr] = d;
        m->v[m->nr++] = d->v;
    }
    if (m->nr == 0)
        return true;
    if (!shard_serves(&s->eng->shard[target])) {
        m->nr = 0;
        return false;
    }
    net_call_init(&m->call, MSG_TX_RESOLVE);
    m->call.hdr.target = target;
    m->call.hdr.deadline_ms = TELL_MS;
    m->call.hdr.hlc = hlc_peek(s->clock);
    m->q = (struct msg_tx_resolve_req){m->v, m->nr};
    m->call.req = &m->q;
    m->call.rep = &m->rep;
    m->call.done = told_done;
    m->call.arg = &m->done;
    rt_event_init(&m->done);
    net_call_send(s->eng->self, &m->call);
    return true;
}

/* Its answer. False: not all of it is durable there. */
static bool tell_hear(struct message *m, uint32_t target)
{
    bool all = true;

    if (m->nr == 0)
        return true;
    rt_event_wait(&m->done);
    for (uint32_t i = 0; i < m->nr; i++)
        if ((m->call.rc == 0 && i < m->rep.rcs_nr && m->rep.rcs[i] == 0) ||
            MUTANT(ENGINE_TX_FORGOTTEN_EARLY))
            told(m->d[i], target);
        else
            all = false;
    net_call_fini(&m->call);
    return all;
}

/* All of them at once. */
static bool tell_targets(struct shard *s, struct message *m, const struct list *batch)
{
    uint32_t nr = s->eng->shard_nr;
    bool all = true;

    for (uint32_t t = 0; t < nr; t++)
        all = tell_send(s, &m[t], batch, t) && all;
    for (uint32_t t = 0; t < nr; t++)
        all = tell_hear(&m[t], t) && all;
    return all;
}

static int forget(struct shard *s, void *arg)
{
    const struct tx_decision *d = arg;
    struct vos_cont *c;
    int rc = vos_cont_open(s->vos, d->v.cont, false, &c);

    if (rc != 0)
        return rc == -DER_NONEXIST ? 0 : rc;
    return vos_decided_forget(c, &d->id);
}

/* Those that everybody knows go; the others go back. False: there are some. */
static bool sweep(struct shard *s, struct list *batch)
{
    struct list *l, *next;
    bool clean;

    for (l = batch->next; l != batch; l = next) {
        struct tx_decision *d = LIST_ENTRY(l, struct tx_decision, link);

        next = l->next;
        if (d->nr == 0 && shard_run(s, forget, d) == 0) {
            list_del(&d->link);
            rt_mutex_lock(&s->txs.lock);
            s->txs.untold_nr--;
            s->txs.untold_bytes -= memory_of(d->of);
            rt_mutex_unlock(&s->txs.lock);
            base_free(d);
        }
    }
    clean = list_first(batch) == NULL;
    rt_mutex_lock(&s->txs.lock);
    while ((l = batch->prev) != batch) {
        list_del(l);
        list_add(&s->txs.untold, l);
    }
    rt_mutex_unlock(&s->txs.lock);
    return clean;
}

static bool take(struct shard *s, struct list *batch)
{
    struct list *l;
    bool any;

    list_init(batch);
    rt_mutex_lock(&s->txs.lock);
    while ((l = list_first(&s->txs.untold)) != NULL) {
        list_del(l);
        list_add_tail(batch, l);
    }
    any = list_first(batch) != NULL;
    if (!any)
        s->txs.telling = false;
    rt_mutex_unlock(&s->txs.lock);
    return any;
}

static void tell_fiber(void *arg)
{
    struct shard *s = arg;
    struct message *m = base_alloc(s->eng->shard_nr * sizeof(*m)); /* [target] */
    uint64_t pause = PAUSE_NS;
    struct list batch;

    while (take(s, &batch)) {
        bool all = m != NULL, closing = gate_is_closed(&s->eng->gate);

        rt_mutex_lock(&s->txs.work);
        if (m != NULL && !closing)
            all = tell_targets(s, m, &batch);
        all = sweep(s, &batch) && all;
        rt_mutex_unlock(&s->txs.work);
        if (closing) { /* what is left is told after the next opening */
            rt_mutex_lock(&s->txs.lock);
            s->txs.telling = false;
            rt_mutex_unlock(&s->txs.lock);
            break;
        }
        if (all) {
            pause = PAUSE_NS;
            continue;
        }
        for (uint64_t ns = 0; ns < pause && !gate_is_closed(&s->eng->gate); ns += PAUSE_NS)
            rt_sleep_ns(PAUSE_NS);
        pause = MIN(2 * pause, (uint64_t)PAUSE_MAX_NS);
        if (m == NULL)
            m = base_alloc(s->eng->shard_nr * sizeof(*m));
    }
    base_free(m);
}

static void kick(struct shard *s)
{
    bool start;

    rt_mutex_lock(&s->txs.lock);
    start = !s->txs.telling;
    s->txs.telling = true;
    rt_mutex_unlock(&s->txs.lock);
    if (start && rt_spawn_on(s->xs, tell_fiber, s) != 0) {
        rt_mutex_lock(&s->txs.lock);
        s->txs.telling = false; /* the next decision tries again */
        rt_mutex_unlock(&s->txs.lock);
    }
}

static int queue(struct shard *s, const uint8_t cont[16], const struct vos_doubt *doubt)
{
    struct tx_info head;
    const uint8_t *targets = (const uint8_t *)doubt->info + sizeof(head);
    struct tx_decision *d;

    if (doubt->info_len < sizeof(head))
        return -DER_DF_INVAL;
    memcpy(&head, doubt->info, sizeof(head));
    if (head.nr > ENGINE_TARGETS_MAX ||
        doubt->info_len < sizeof(head) + head.nr * sizeof(head.target[0]))
        return -DER_DF_INVAL;
    d = base_calloc(1, sizeof(*d) + head.nr * sizeof(d->target[0]));
    if (d == NULL)
        return -DER_NOMEM;
    d->id = (struct vos_txid){doubt->session_hlc, doubt->session_rand, doubt->seq, 0};
    d->v = (struct msg_verdict){.session_hlc = doubt->session_hlc,
                                .session_rand = doubt->session_rand,
                                .seq = doubt->seq,
                                .epoch = doubt->epoch,
                                .verdict = MSG_TX_COMMIT};
    memcpy(d->v.cont, cont, sizeof(d->v.cont));
    d->nr = d->of = head.nr;
    memcpy(d->target, targets, head.nr * sizeof(d->target[0]));
    rt_mutex_lock(&s->txs.lock);
    list_add_tail(&s->txs.untold, &d->link);
    s->txs.untold_nr++;
    s->txs.untold_bytes += memory_of(d->of);
    rt_mutex_unlock(&s->txs.lock);
    return 0;
}

int tx_tell(struct shard *s, const uint8_t cont[16], const struct vos_doubt *d)
{
    int rc = queue(s, cont, d);

    if (rc == 0)
        kick(s);
    return rc;
}

/* ---- After a restart ---- */

struct recover {
    struct vos_txid id;
    bool found;
    uint32_t target;
};

static int note_own(void *arg, const struct vos_doubt *d)
{
    struct recover *r = arg;
    struct tx_info info;

    if (d->info_len < sizeof(info))
        return 0;
    memcpy(&info, d->info, sizeof(info));
    if (info.leader != r->target)
        return 0;
    r->id = (struct vos_txid){d->session_hlc, d->session_rand, d->seq, 0};
    r->found = true;
    return 1;
}

/* One intent that was led from here and not decided. Nothing is remembered: if the client sends it
 * again it may be done yet. */
static int withdraw_one(struct shard *s, void *arg)
{
    struct recover *r = arg;
    struct vos_cont *c = NULL;
    uint64_t lsn;
    int rc = 0;

    r->found = false;
    while (!r->found && (c = vos_doubtful_next(s->vos, c)) != NULL) {
        struct vos_anchor a = {.eof = 0};

        rc = vos_doubt_list(c, &a, note_own, r);
        if (rc != 0)
            return rc;
        if (r->found)
            return vos_withdraw(c, &r->id, vos_prepared(c, &r->id), &lsn);
    }
    return 0;
}

static int queue_decided(struct shard *s, void *arg)
{
    struct vos_cont *c = NULL;
    struct vos_txid id;
    struct vos_doubt d;
    uint8_t uuid[16];

    while ((c = vos_doubtful_next(s->vos, c)) != NULL) {
        vos_cont_uuid(c, uuid);
        for (bool any = vos_decided_next(c, NULL, &d); any; any = vos_decided_next(c, &id, &d)) {
            int rc = queue(s, uuid, &d);

            if (rc != 0)
                return rc;
            id = (struct vos_txid){d.session_hlc, d.session_rand, d.seq, 0};
        }
    }
    return 0;
}

int tx_recover(struct shard *s)
{
    struct recover r = {.target = s->target};
    int rc = 0;

    do {
        rc = rc == 0 ? shard_run(s, withdraw_one, &r) : rc;
    } while (rc == 0 && r.found);
    if (rc == 0)
        rc = shard_run(s, queue_decided, NULL);
    return rc;
}

void tx_resume(struct shard *s)
{
    kick(s);
    tx_settle(s);
}

void tx_hold(struct engine *eng)
{
    for (uint32_t i = 0; i < eng->shard_nr; i++)
        if (eng->shard[i].xs != NULL)
            rt_mutex_lock(&eng->shard[i].txs.work);
}

void tx_release(struct engine *eng)
{
    for (uint32_t i = 0; i < eng->shard_nr; i++)
        if (eng->shard[i].xs != NULL)
            rt_mutex_unlock(&eng->shard[i].txs.work);
}

void tx_stop(struct shard *s)
{
    bool busy = true;

    while (busy) {
        rt_mutex_lock(&s->txs.lock);
        busy = s->txs.telling || s->txs.settling;
        rt_mutex_unlock(&s->txs.lock);
        if (busy)
            rt_sleep_ns(100000);
    }
}
