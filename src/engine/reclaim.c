/*
 * Giving room back: destroyed containers and what vos_reclaim() finds, in small steps with a yield
 * between them so that requests go first. A container whose data is gone is forgotten by the
 * service (SVC_CONT_GONE), which until then is what knows that a store is still to be destroyed.
 * Now and then the service's sessions that have been idle for long go too: a pool may be so full of
 * them that nobody who comes would find room to be rid of them.
 *
 * A round begins after opening, after a destroy, and when a change left more than it could give
 * back itself; one that found no memory, or a device that failed, is tried again. A round may have
 * to look at much to find little, so after each the fiber rests as long as the round took.
 */
#include "engine/engine_int.h"

#define RECLAIM_PAUSE_NS    200000u     /* between steps while requests are under way */
#define RECLAIM_REST_NS     5000000u    /* between rounds, at least */
#define RECLAIM_REST_MAX_NS 1000000000u /* ... at most */
#define RECLAIM_TRIES       60u         /* rounds that end with an error, one after the other */
#define RECLAIM_SESSIONS_NS (UINT64_C(60) * 1000000000) /* between looks at the sessions */

static int step(struct shard *s, void *arg)
{
    return vos_reclaim(s->vos, arg);
}

struct gone {
    uint8_t uuid[16];
    bool started;
};

static int gone_next(struct shard *s, void *arg)
{
    struct gone *g = arg;

    return svc_next_gone(s->svc, g->uuid, &g->started);
}

static int gone_apply(struct shard *s, void *arg)
{
    struct gone *g = arg;
    struct svc_cont_gone body;
    struct svc_cmd cmd = {
        .opcode = SVC_CONT_GONE, .req = &body, .now = hlc_get(s->clock, engine_wall_ns(s->eng))};
    uint64_t lsn;
    bool replayed;

    memcpy(body.uuid, g->uuid, 16);
    return svc_apply(s->svc, svc_applied(s->svc) + 1, &cmd, NULL, NULL, &lsn, &replayed);
}

/* What could not be done when the container was destroyed: whoever destroyed it has its answer. */
static int gone_store(struct shard *s, void *arg)
{
    struct gone *g = arg;
    int rc = shard_cont_destroy(s, g->uuid);

    if (rc == 0)
        s->reclaim_again = true;
    return rc == -DER_NONEXIST ? 0 : rc;
}

/* The service forgets it when no store has it any more, for good. */
static int gone_durable(struct shard *s, void *arg)
{
    int rc = shard_run(s, gone_store, arg);

    if (rc == 0 && s->svc == NULL)
        rc = shard_settle(s);
    if (rc == 0 && s->reclaim_again)
        reclaim_kick(s);
    return rc;
}

/* Everything destroyed has been reclaimed: the service need not remember it. */
static int forget_gone(struct shard *s)
{
    struct gone g = {0};
    bool all;
    int rc;

    while (shards_all_serve(s->eng)) {
        memset(&g, 0, sizeof(g));
        rc = shard_run(s, gone_next, &g);
        if (rc != 0)
            return rc == -DER_NONEXIST ? 0 : rc;
        rt_mutex_lock(&s->eng->svc_lock);
        rc = shards_each(s->eng, gone_durable, &g);
        all = shards_all_serve(s->eng); /* one that has failed meanwhile was not asked */
        if (rc == 0 && all)
            rc = shard_run(s, gone_apply, &g);
        rt_mutex_unlock(&s->eng->svc_lock);
        if (rc != 0 || !all)
            return rc;
    }
    return 0;
}

static bool closing(const struct shard *s)
{
    return gate_is_closed(&s->eng->gate);
}

struct idle {
    uint8_t at[16], next[16]; /* sessions: behind that one is gone on; that one is looked at */
    bool started, idle;
};

static int session_next(struct shard *s, void *arg)
{
    struct idle *i = arg;
    bool started = i->started;

    memcpy(i->next, i->at, sizeof(i->next));
    return svc_next_session(s->svc, hlc_get(s->clock, engine_wall_ns(s->eng)), i->next, &started,
                            &i->idle);
}

static int session_apply(struct shard *s, void *arg)
{
    struct idle *i = arg;
    struct svc_session_gone body;
    struct svc_cmd cmd = {
        .opcode = SVC_SESSION_GONE, .req = &body, .now = hlc_get(s->clock, engine_wall_ns(s->eng))};
    uint64_t lsn;
    bool replayed;

    memcpy(body.session, i->next, sizeof(body.session));
    return svc_apply(s->svc, svc_applied(s->svc) + 1, &cmd, NULL, NULL, &lsn, &replayed);
}

static int forget_sessions(struct shard *s)
{
    struct idle i = {.started = false};
    int rc = 0;

    if (s->sessions_seen_ns != 0 && rt_now_ns() - s->sessions_seen_ns < RECLAIM_SESSIONS_NS)
        return 0;
    s->sessions_seen_ns = rt_now_ns();
    while (rc == 0 && !closing(s) && !s->reclaim_held) {
        rc = shard_run(s, session_next, &i);
        if (rc == 0 && i.idle) {
            rt_mutex_lock(&s->eng->svc_lock);
            rc = shard_run(s, session_apply, &i);
            rt_mutex_unlock(&s->eng->svc_lock);
            rc = rc == -DER_NONEXIST ? 0 : rc; /* somebody who came was rid of it */
        } else if (rc == 0) {
            memcpy(i.at, i.next, sizeof(i.at));
            i.started = true;
        }
        rt_yield();
    }
    return rc == -DER_NONEXIST ? 0 : rc;
}

/* The end of a round. rc: how it went; sessions do not wait for one that goes well, because a pool
 * that is full of them lets nobody in who could make room. */
static int forget(struct shard *s, int rc)
{
    int gone, idle;

    if (s->svc == NULL)
        return rc;
    gone = rc == 0 ? forget_gone(s) : rc;
    idle = forget_sessions(s);
    return gone != 0 ? gone : idle;
}

static void rest(struct shard *s, uint64_t ns)
{
    uint64_t until = rt_now_ns() + MIN(MAX(ns, RECLAIM_REST_NS), RECLAIM_REST_MAX_NS);

    while (!closing(s) && !s->reclaim_held && rt_now_ns() < until)
        rt_sleep_ns(RECLAIM_REST_NS);
}

static void reclaim(void *arg)
{
    struct shard *s = arg;
    uint32_t failed = 0;
    uint64_t began;
    bool more;
    int rc = 0;

    do {
        s->reclaim_again = false;
        s->reclaim_rounds++;
        began = rt_now_ns();
        do {
            more = false;
            if (closing(s) || s->reclaim_held) {
                s->reclaim_again = true; /* for reclaim_release() */
                break;
            }
            rc = shard_run(s, step, &more);
            s->reclaim_steps++;
            if (rc == 0 && gate_is_busy(&s->eng->gate))
                rt_sleep_ns(RECLAIM_PAUSE_NS);
            else
                rt_yield();
        } while (rc == 0 && more);
        if ((rc != 0 || !more) && !closing(s))
            rc = forget(s, rc);
        failed = rc != 0 ? failed + 1 : 0;
        if (rc != 0 && failed <= RECLAIM_TRIES && !heap_failed(s->heap)) {
            rest(s, RECLAIM_REST_MAX_NS);
            s->reclaim_again = true;
            rc = 0;
        } else if (rc == 0 && s->reclaim_again) {
            rest(s, rt_now_ns() - began);
        }
    } while (rc == 0 && s->reclaim_again && !closing(s) && !s->reclaim_held);
    s->reclaim_running = false;
}

void reclaim_kick(struct shard *s)
{
    s->reclaim_again = true;
    if (s->reclaim_running || s->eng->conf.readonly)
        return;
    s->reclaim_running = true;
    if (rt_spawn(reclaim, s) != 0)
        s->reclaim_running = false; /* the next destroy, or the next opening, tries again */
}

static void called(struct rt_call *call)
{
    struct shard *s = CONTAINER_OF(call, struct shard, reclaim_call);

    __atomic_store_n(&s->reclaim_called, false, __ATOMIC_RELEASE);
    if (!closing(s))
        reclaim_kick(s);
}

void reclaim_ask(struct shard *s)
{
    if (__atomic_exchange_n(&s->reclaim_called, true, __ATOMIC_ACQ_REL))
        return;
    s->reclaim_call.fn = called;
    rt_post(s->xs, &s->reclaim_call);
}

void reclaim_stop(struct shard *s)
{
    while (s->reclaim_running)
        rt_sleep_ns(100000);
}

void reclaim_hold(struct shard *s)
{
    s->reclaim_held = true;
    reclaim_stop(s);
    s->reclaim_running = true; /* kicks are remembered in reclaim_again */
}

void reclaim_release(struct shard *s)
{
    s->reclaim_held = false;
    s->reclaim_running = false;
    if (s->reclaim_again)
        reclaim_kick(s);
}

static int each_hold(struct shard *s, void *arg)
{
    reclaim_hold(s);
    return 0;
}

static int each_release(struct shard *s, void *arg)
{
    if (s->reclaim_held)
        reclaim_release(s);
    return 0;
}

void reclaim_hold_all(struct engine *eng)
{
    shards_each_in_turn(eng, each_hold, NULL);
}

void reclaim_release_all(struct engine *eng)
{
    for (uint32_t i = 0; i < eng->shard_nr; i++)
        shards_one(&eng->shard[i], each_release, NULL);
}

/* ---- Aggregation on request ---- */

struct aggregate {
    const struct msg_cont_aggregate_req *m;
    struct aggregate_part {
        struct vos_anchor where;
        uint64_t lsn;
        bool more;
    } * part; /* [target] */
};

static int aggregate_step(struct shard *s, void *arg)
{
    struct aggregate *a = arg;
    struct aggregate_part *p = &a->part[s->target];
    struct vos_anchor where = p->where; /* a step that is repeated starts where it started */
    struct vos_cont *c;
    int rc = shard_cont(s, a->m->hdl, DAOS_ACL_PERM_WRITE, &c);

    if (rc != 0) {
        p->lsn = heap_lsn(s->heap);
        return rc;
    }
    rc = vos_aggregate(c, a->m->epoch, &where, &p->more);
    if (rc == 0)
        p->where = where;
    return rc;
}

static int each_aggregate(struct shard *s, void *arg)
{
    struct aggregate *a = arg;
    struct aggregate_part *p = &a->part[s->target];
    int rc = 0;

    p->more = true;
    while (rc == 0 && p->more) {
        rc = shard_run(s, aggregate_step, a);
        rt_yield();
    }
    return rc;
}

void aggregate_fiber(struct shard *s, struct net_req *req)
{
    const struct msg_cont_aggregate_req *m = req->req;
    struct aggregate a = {
        .m = m, .part = arena_calloc(net_req_arena(req), s->eng->shard_nr, sizeof(*a.part))};
    int rc = m->epoch == DAOS_EPOCH_MAX ? -DER_INVAL : 0;

    if (rc == 0)
        rc = a.part != NULL ? shards_each(s->eng, each_aggregate, &a) : -DER_NOMEM;
    shard_reply(s, req, rc, a.part != NULL ? a.part[s->target].lsn : 0);
}
