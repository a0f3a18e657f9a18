/* Requests come in here and go to the file that serves them. */
#include <unistd.h>
#include "engine/engine_int.h"

static struct engine *engine_of(struct net_service *service)
{
    return CONTAINER_OF(service, struct engine, service);
}

/* The shard that a request is for; NULL: a target that the pool has not. */
static struct shard *shard_of(struct engine *eng, const struct net_hdr *hdr)
{
    const struct msg_info *info = msg_info(hdr->opcode);

    if (eng->shard_nr == 1 && hdr->target == 0)
        return eng->shard;
    if (info != NULL && info->flags & (MSG_SVC | MSG_CONTROL))
        return eng->shard;
    return hdr->target < eng->shard_nr ? &eng->shard[hdr->target] : NULL;
}

static void echo(struct shard *s, struct net_req *req)
{
    ((struct msg_echo_rep *)req->rep)->data = ((const struct msg_echo_req *)req->req)->data;
    shard_reply(s, req, 0, 0);
}

static void who(struct shard *s, struct net_req *req)
{
    struct msg_engine_info_rep *r = req->rep;

    memcpy(r->pool, s->eng->pool, sizeof(r->pool));
    r->pid = (uint32_t)getpid();
    r->version = TARN_VERSION;
    shard_reply(s, req, 0, 0);
}

static bool inline_try(struct shard *s, struct net_req *req)
{
    switch (req->hdr.opcode) {
    case MSG_ECHO:
        echo(s, req);
        return true;
    case MSG_OBJ_UPDATE:
        return update_inline(s, req);
    case MSG_OBJ_FETCH:
        return fetch_inline(s, req);
    case MSG_OBJ_GATHER:
        return gather_inline(s, req);
    case MSG_OBJ_FOLLOW:
        return follow_inline(s, req);
    case MSG_OBJ_LIST:
        return list_inline(s, req);
    case MSG_OBJ_QUERY_KEY:
    case MSG_OBJ_PROBE:
        return query_inline(s, req);
    default:
        return false;
    }
}

/* Shards of one pool may have clocks of their own: what a client has heard of one is past for all.
 * It has heard of nothing later than the latest of them, so that much is adopted from anybody, even
 * when the wall clock has been far ahead and was set back since. What is later comes from the
 * client's own wall clock, and counts while that is about right. */
static void hear(struct shard *s, const struct net_hdr *hdr)
{
    uint64_t heard = hdr->hlc, latest;

    if (s == NULL || s->eng->shard_nr == 1)
        return;
    latest = hlc_peek(s->clock);
    if (heard <= latest)
        return;
    if (hlc_too_far(heard, latest, engine_wall_ns(s->eng), ENGINE_EPSILON_NS)) {
        for (uint32_t i = 0; i < s->eng->shard_nr; i++)
            latest = MAX(latest, hlc_peek(s->eng->shard[i].clock));
        heard = MIN(heard, latest);
    }
    hlc_raise(s->clock, heard);
}

static bool service_inline(struct net_service *service, struct net_req *req)
{
    struct engine *eng = engine_of(service);
    struct shard *s = shard_of(eng, &req->hdr);
    bool taken;

    /* a simulation draws which way a request takes */
    if (eng->world->simulated && rt_random() % 2 == 0)
        return false;
    if (!holders_knows(req) || !gate_enter(&eng->gate))
        return false;
    /* one more for this thread: the answer may come, and the engine be closed, before we are out of
     * here */
    gate_enter_again(&eng->gate);
    hear(s, &req->hdr);
    taken = s != NULL && shard_serves(s) && inline_try(s, req);
    if (taken)
        __atomic_add_fetch(&eng->inline_requests, 1, __ATOMIC_RELAXED);
    gate_leave(&eng->gate, taken ? 1 : 2);
    return taken;
}

static void service_handle(struct net_service *service, struct net_req *req)
{
    struct engine *eng = engine_of(service);
    struct shard *s = shard_of(eng, &req->hdr);
    const struct msg_info *info = msg_info(req->hdr.opcode);

    /* what shards ask of each other belongs to requests that are inside already, or ends before the
     * gate is waited for */
    if (info->flags & MSG_PEERS && req->local) {
        gate_enter_again(&eng->gate);
    } else if (!gate_enter(&eng->gate)) {
        net_reply(req, -DER_SHUTDOWN);
        return;
    }
    if (info->flags & MSG_PEERS && !req->local) {
        shard_refuse(eng, req, -DER_NO_PERM);
        return;
    }
    __atomic_add_fetch(&eng->requests, 1, __ATOMIC_RELAXED);
    if (s == NULL || !shard_serves(s)) {
        shard_refuse(eng, req, s == NULL ? -DER_NONEXIST : -DER_IO);
        return;
    }
    hear(s, &req->hdr);
    if (!holders_knows(req))
        holders_note(eng->shard, req);
    if (info->flags & MSG_SVC) {
        svc_host_fiber(s, req);
        return;
    }
    switch (req->hdr.opcode) {
    case MSG_OBJ_UPDATE:
        update_fiber(s, req);
        return;
    case MSG_OBJ_FETCH:
        fetch_fiber(s, req);
        return;
    case MSG_OBJ_GATHER:
        gather_fiber(s, req);
        return;
    case MSG_OBJ_FOLLOW:
        follow_fiber(s, req);
        return;
    case MSG_OBJ_LIST:
        list_fiber(s, req);
        return;
    case MSG_OBJ_QUERY_KEY:
    case MSG_OBJ_PROBE:
        query_fiber(s, req);
        return;
    case MSG_OBJ_TX:
        tx_lead_fiber(s, req);
        return;
    case MSG_TX_PREPARE:
        tx_prepare_fiber(s, req);
        return;
    case MSG_TX_RESOLVE:
        tx_resolve_fiber(s, req);
        return;
    case MSG_TX_ASK:
        tx_ask_fiber(s, req);
        return;
    case MSG_CONT_AGGREGATE:
        aggregate_fiber(s, req);
        return;
    case MSG_CONT_ROLLBACK:
        rollback_fiber(s, req);
        return;
    case MSG_ENGINE_STAT:
        stat_fiber(s, req);
        return;
    case MSG_ECHO:
        echo(s, req);
        return;
    case MSG_ENGINE_INFO:
        who(s, req);
        return;
    default:
        shard_reply(s, req, -DER_NOSYS, 0);
    }
}

static struct rt_xs *service_route(struct net_service *service, const struct net_hdr *hdr)
{
    struct shard *s = shard_of(engine_of(service), hdr);

    return s != NULL ? s->xs : engine_of(service)->shard->xs;
}

static void service_came(struct net_service *service, uint32_t pid, uint64_t born)
{
    holders_came(engine_of(service)->shard, pid, born);
}

static void service_left(struct net_service *service, uint32_t pid, uint64_t born)
{
    holders_left(engine_of(service)->shard, pid, born);
}

void service_init(struct engine *eng)
{
    eng->service.came = service_came;
    eng->service.left = service_left;
    eng->service.handle = service_handle;
    eng->service.inline_handle = service_inline;
    eng->service.route = service_route;
}
