/*
 * Handles of clients that are gone. A client that is killed closes nothing: what it had open would
 * keep others from destroying a container or opening the pool alone. The engine knows whose
 * connection is whose (net/shm.h), the service whose handle is whose (svc/hold.c); here the two
 * meet.
 *
 * When somebody opens the pool the service notes his process with the handle. When a process uses a
 * handle for the first time over a connection (req->note tells), a forked child that goes on with
 * its parent's, it notes that too. When a connection ends and its process is gone, the service is
 * told, and what nobody else holds is closed; a process that has another connection, or just lives,
 * keeps its handles. (A child that has not used its parent's handles yet keeps the parent's
 * connection open: net/shm.h.) Those that went when nobody was there to notice are looked for when
 * the engine starts, and when somebody comes.
 *
 * Processes are known by pid and time of their beginning; of those of another namespace of pids,
 * and of clients on other hosts, nothing is known: their handles stay. All of it runs on the
 * xstream, the work in one fiber: uses that were noticed first, then ends.
 */
#include "base/log.h"
#include "base/proc.h"
#include "engine/engine_int.h"

#define LOOKS       9u          /* at a process whose connection ended, before it counts as alive */
#define LOOK_NS     2000000u    /* to the second look; doubles */
#define LOOK_SHARE  20u         /* of the time at most one part in so many */
#define REST_MAX_NS 500000000u  /* a look among many requests takes long, and costs little */
#define COMES_NS    1000000000u /* looks because somebody came, at most so often */

struct proc {
    struct hlink link;
    uint32_t pid, conns;
    uint64_t born;
};

static bool on_duty(const struct shard *s)
{
    return s->eng->conf.keep_handles && !s->eng->conf.readonly && s->holders.boot != 0;
}

void holders_init(struct shard *s)
{
    htable_init(&s->holders.procs);
    if (s->eng->conf.keep_handles && !s->eng->world->simulated)
        proc_world(&s->holders.boot, &s->holders.space);
}

void holders_fini(struct shard *s)
{
    struct hlink *l;

    while ((l = htable_pop(&s->holders.procs)) != NULL)
        base_free(CONTAINER_OF(l, struct proc, link));
    htable_fini(&s->holders.procs);
}

bool holders_who(struct shard *s, const struct net_req *req, struct svc_holder *who)
{
    if (req->born == 0 || !on_duty(s))
        return false;
    *who = (struct svc_holder){s->holders.boot, s->holders.space, req->born, req->pid};
    return true;
}

/* ---- Processes that are connected ---- */

static struct proc *find(struct shard *s, uint32_t pid, uint64_t born)
{
    for (struct hlink *l = htable_first(&s->holders.procs, mix64(pid)); l != NULL;
         l = htable_next(l)) {
        struct proc *p = CONTAINER_OF(l, struct proc, link);

        if (p->pid == pid && p->born == born)
            return p;
    }
    return NULL;
}

/* Anybody of whom it is not sure that he is gone. */
static bool is_there(struct shard *s, const struct svc_holder *who)
{
    if (who->boot != s->holders.boot)
        return false;
    return who->space != s->holders.space || find(s, who->pid, who->born) != NULL ||
           proc_lives(who->pid, who->born);
}

/* ---- The fiber ---- */

struct step {
    struct svc_holding h;
    uint64_t lsn; /* of the command */
    uint16_t opcode;
    bool started, yes;
};

static int next(struct shard *s, void *arg)
{
    struct step *t = arg;

    return svc_next_holding(s->svc, &t->h, &t->started);
}

static int may_hold(struct shard *s, void *arg)
{
    struct step *t = arg;

    return svc_may_hold(s->svc, &t->h, &t->yes);
}

/* A use that is being noted goes first: it may be of this very handle. */
static int apply(struct shard *s, void *arg)
{
    struct step *t = arg;
    struct svc_cmd cmd = {
        .opcode = t->opcode, .req = &t->h, .now = hlc_get(s->clock, engine_wall_ns(s->eng))};
    bool replayed;

    if (t->opcode == SVC_HOLDER_GONE && s->holders.noting > 0)
        return -DER_AGAIN;
    return svc_apply(s->svc, svc_applied(s->svc) + 1, &cmd, NULL, NULL, &t->lsn, &replayed);
}

static int tell(struct shard *s, struct step *t, uint16_t opcode)
{
    int rc;

    t->opcode = opcode;
    rt_mutex_lock(&s->eng->svc_lock);
    rc = shard_run(s, apply, t);
    rt_mutex_unlock(&s->eng->svc_lock);
    handles_spread(s->eng);
    return rc;
}

static bool closing(const struct shard *s)
{
    return gate_is_closed(&s->eng->gate);
}

/* Everybody who holds something and is not there any more; *gone: how many commands that took.
 * -DER_AGAIN: look once more. */
static int look(struct shard *s, uint32_t *gone)
{
    struct step t = {.started = false};
    int rc = 0;

    while (rc == 0 && !closing(s)) {
        rc = shard_run(s, next, &t);
        while (rc == 0 && !closing(s) && !is_there(s, &t.h.who)) {
            rc = tell(s, &t, SVC_HOLDER_GONE);
            *gone += rc == 0;
            if (rc == 0)
                LOG_DEBUG("process %u is gone: it holds no handles any more", t.h.who.pid);
        }
        rc = rc == -DER_NONEXIST && t.opcode != 0 ? 0 : rc;
        t.opcode = 0;
        rt_yield();
    }
    if (rc == -DER_NONEXIST || rc == -DER_AGAIN)
        return rc == -DER_AGAIN ? rc : 0;
    if (rc != 0)
        LOG_WARN(
            "handles of clients that are gone cannot be closed: %d; tried again when the next one "
            "goes",
            rc);
    return rc;
}

/* Somebody who goes meanwhile is looked for soon; but not so often that little else is done. */
static void rest(struct shard *s, uint64_t ns, uint64_t least)
{
    uint64_t begun = rt_now_ns(), past = 0;

    for (; past < ns && !closing(s) && (!s->holders.afresh || past < least);
         past = rt_now_ns() - begun)
        rt_sleep_ns(LOOK_NS);
}

/* A process ends a moment after its connections: it is looked at again and again. */
static void holders(void *arg)
{
    struct shard *s = arg;
    struct holders *o = &s->holders;
    uint64_t pause = LOOK_NS, least;
    uint32_t gone;

    while (o->looks > 0 && !closing(s) && !heap_failed(s->heap)) {
        if (o->afresh)
            pause = LOOK_NS;
        o->afresh = false;
        o->looked_ns = rt_now_ns();
        gone = 0;
        if (look(s, &gone) != -DER_AGAIN)
            o->looks--;
        /* one that found somebody was worth it */
        least = gone == 0 ? MIN((rt_now_ns() - o->looked_ns) * LOOK_SHARE, REST_MAX_NS) : 0;
        if (o->looks > 0)
            rest(s, MAX(least, pause), least);
        pause *= 2;
    }
    o->running = false;
}

static void kick(struct shard *s, uint32_t looks)
{
    struct holders *o = &s->holders;

    if (!on_duty(s) || closing(s))
        return;
    o->looks = MAX(o->looks, looks);
    o->afresh = true;
    if (o->running)
        return;
    o->running = true;
    if (rt_spawn(holders, s) != 0)
        o->running = false; /* the next one who comes or goes */
}

void holders_start(struct shard *s)
{
    kick(s, 1);
}

void holders_stop(struct shard *s)
{
    while (s->holders.running)
        rt_sleep_ns(100000);
}

/* ---- What is noticed ---- */

void holders_came(struct shard *s, uint32_t pid, uint64_t born)
{
    struct proc *p = find(s, pid, born);

    if (p == NULL) {
        p = base_calloc(1, sizeof(*p));
        if (p == NULL)
            return; /* it lives: that is asked too */
        p->pid = pid;
        p->born = born;
        htable_insert(&s->holders.procs, &p->link, mix64(pid));
    }
    p->conns++;
    if (rt_now_ns() - s->holders.looked_ns > COMES_NS)
        kick(s, 1);
}

void holders_left(struct shard *s, uint32_t pid, uint64_t born)
{
    struct proc *p = find(s, pid, born);

    if (p != NULL && --p->conns > 0)
        return;
    if (p != NULL) {
        htable_remove(&s->holders.procs, &p->link);
        base_free(p);
    }
    kick(s, LOOKS);
}

/* The handle that a request is about; NULL: none. */
static const uint8_t *handle_of(const struct net_req *req)
{
    _Static_assert(
        offsetof(struct msg_attr_get_req, hdl) == offsetof(struct msg_acl_update_req, hdl) &&
            offsetof(struct msg_attr_get_req, hdl) == offsetof(struct msg_set_owner_req, hdl) &&
            offsetof(struct msg_attr_get_req, hdl) == offsetof(struct msg_attr_list_req, hdl),
        "scope, then handle");
    _Static_assert(offsetof(struct msg_obj_update_req, hdl) == 0 &&
                       offsetof(struct msg_obj_fetch_req, hdl) == 0 &&
                       offsetof(struct msg_cont_open_req, hdl) == 0,
                   "handle first");
    switch (req->hdr.opcode) {
    case MSG_POOL_CONNECT:
    case MSG_ECHO:
    case MSG_ENGINE_INFO:
        return NULL;
    case MSG_ACL_UPDATE:
    case MSG_ACL_OVERWRITE:
    case MSG_ACL_DELETE:
    case MSG_SET_OWNER:
    case MSG_ATTR_SET:
    case MSG_ATTR_GET:
    case MSG_ATTR_LIST:
    case MSG_ATTR_DEL:
        return ((const struct msg_attr_get_req *)req->req)->hdl;
    default:
        return req->req;
    }
}

static uint64_t mark_of(const uint8_t hdl[16])
{
    uint64_t mark;

    memcpy(&mark, hdl, sizeof(mark)); /* random */
    return mark;
}

bool holders_knows(const struct net_req *req)
{
    const uint8_t *hdl = req->note != NULL ? handle_of(req) : NULL;

    return hdl == NULL || req->note[mark_of(hdl) % NET_NOTES] == mark_of(hdl);
}

void holders_note(struct shard *s, const struct net_req *req)
{
    const uint8_t *hdl = handle_of(req);
    struct step t = {.started = false};
    int rc = 0;

    memcpy(t.h.hdl, hdl, sizeof(t.h.hdl));
    s->holders.noting++;
    if (holders_who(s, req, &t.h.who))
        rc = shard_run(s, may_hold, &t);
    if (rc == 0 && t.yes)
        rc = tell(s, &t, SVC_HOLD);
    if (rc == 0 && t.lsn > heap_durable_lsn(s->heap))
        rc = heap_wait_durable(s->heap, t.lsn);
    s->holders.noting--;
    if (rc == 0) /* else with the next request */
        req->note[mark_of(hdl) % NET_NOTES] = mark_of(hdl);
}
