/*
 * The pool service's messages: commands go through svc_apply(), queries through svc_read(), and
 * what concerns data as well is done in the store too.
 *
 * The service says what exists. Where service and stores both change, the order is such that a
 * crash in between leaves only things that the service does not know, and svc_host_reconcile()
 * removes those at the next opening:
 *
 *   snapshot     every store holds what is visible then (the barrier); the epoch is above all their
 *                clocks; they keep it, durably; then the service commits it
 *   its removal  the service forgets it first, durably, then the stores
 *   destroy      the service first (the container is then remembered as gone), durably, then the
 *                stores; room is given back in the background
 *
 * What the barrier holds is not durable: a store that was opened anew since has lost it, and the
 * snapshot is given up.
 */
#include "base/log.h"
#include "engine/engine_int.h"

struct host {
    struct net_req *req;
    struct svc_cmd cmd;
    struct arena *mem;
    uint64_t lsn;
    bool replayed;
    uint8_t cont[16]; /* that destroy is about */
    bool cont_known;
    uint64_t epoch; /* of a snapshot in the store */
};

/* ---- Steps, each run under the heap's lock ---- */

static int apply(struct shard *s, void *arg)
{
    struct host *h = arg;

    return svc_apply(s->svc, svc_applied(s->svc) + 1, &h->cmd, h->mem, h->req->rep, &h->lsn,
                     &h->replayed);
}

static int recall(struct shard *s, void *arg)
{
    struct host *h = arg;

    h->lsn = heap_lsn(s->heap);
    return svc_recall(s->svc, &h->cmd, h->mem, h->req->rep, &h->replayed);
}

static int read_state(struct shard *s, void *arg)
{
    struct host *h = arg;

    h->lsn = heap_lsn(s->heap);
    return svc_read(s->svc, h->req->hdr.opcode, h->req->req, h->mem, h->req->rep);
}

static int lookup(struct shard *s, void *arg)
{
    struct host *h = arg;
    const struct msg_cont_destroy_req *q = h->req->req;

    return svc_cont_lookup(s->svc, q->cont, h->cont);
}

static int destroy_store(struct shard *s, void *arg)
{
    struct host *h = arg;

    return shard_cont_destroy(s, h->cont);
}

/* Of a snapshot in the making. In one shard: */
struct barrier {
    struct shard *s;
    const uint8_t *hdl;
    struct vos_cont *c;
    uint64_t held;  /* from here on everything is kept; 0: nothing is */
    uint64_t epoch; /* of the snapshot */
    uint64_t lsn;
    bool kept; /* durably */
};

static int barrier_cont(struct shard *s, struct barrier *b)
{
    int rc = shard_cont(s, b->hdl, DAOS_ACL_PERM_WRITE, &b->c);

    b->lsn = heap_lsn(s->heap);
    return rc;
}

static int freeze(struct shard *s, void *arg)
{
    struct barrier *b = arg;
    int rc = barrier_cont(s, b);

    if (rc != 0)
        return rc;
    b->held = hlc_get(s->clock, engine_wall_ns(s->eng));
    rc = vos_hold(b->c, b->held);
    if (rc != 0)
        b->held = 0;
    return rc;
}

static int thaw(struct shard *s, void *arg)
{
    struct barrier *b = arg;
    int rc = barrier_cont(s, b);

    /* without it, the container is gone, and what was held of it */
    if (rc == 0 && b->held != 0)
        vos_release(b->c, b->held);
    return rc;
}

static int snap_add(struct shard *s, void *arg)
{
    struct barrier *b = arg;
    int rc = barrier_cont(s, b);

    if (rc == 0)
        rc = vos_snap_add(b->c, b->epoch);
    b->lsn = heap_lsn(s->heap);
    return rc;
}

static int snap_del(struct shard *s, void *arg)
{
    struct barrier *b = arg;
    int rc = barrier_cont(s, b);

    return rc != 0 ? rc : vos_snap_del(b->c, b->epoch);
}

/* ---- Messages that are more than a command ---- */

/* The service's record is what counts, and the other stores' may not be before it. Where the log
 * fails, what became of it is not known; the answer waits for the same and says so. */
static bool decided(struct shard *s, const struct host *h)
{
    return !h->replayed && (s->eng->shard_nr == 1 || heap_wait_durable(s->heap, h->lsn) == 0);
}

/* arg of what follows: one an shard, by target. */
static struct barrier *barrier_of(struct shard *s, void *arg)
{
    return (struct barrier *)arg + s->target;
}

static int each_freeze(struct shard *s, void *arg)
{
    return shard_run(s, freeze, barrier_of(s, arg));
}

static int each_thaw(struct shard *s, void *arg)
{
    struct barrier *b = barrier_of(s, arg);

    return b->held != 0 ? shard_run(s, thaw, b) : 0;
}

/* Durable, for the service's own record may be before it. */
static int each_add(struct shard *s, void *arg)
{
    struct barrier *b = barrier_of(s, arg);
    int rc = shard_run(s, snap_add, b);

    if (rc == 0 && s->svc == NULL)
        rc = heap_wait_durable(s->heap, b->lsn);
    b->kept = rc == 0;
    return rc;
}

static int each_del(struct shard *s, void *arg)
{
    int rc = shard_run(s, snap_del, barrier_of(s, arg));

    if (rc == 0)
        reclaim_kick(s); /* versions that only it needed */
    return rc;
}

static struct barrier *barriers(struct engine *eng, struct host *h, const uint8_t hdl[16])
{
    struct barrier *b = arena_calloc(h->mem, eng->shard_nr, sizeof(*b));

    for (uint32_t i = 0; b != NULL && i < eng->shard_nr; i++) {
        b[i].hdl = hdl;
        b[i].epoch = h->epoch;
    }
    return b;
}

/* Every shard keeps what was visible from a moment on, and the snapshot is at a later one. */
static int take_snapshot(struct engine *eng, struct host *h, struct barrier *b)
{
    struct shard *first = eng->shard;
    int rc = MUTANT(ENGINE_SNAP_NO_BARRIER) ? 0 : shards_each(eng, each_freeze, b);
    uint64_t max = 0;

    for (uint32_t i = 0; i < eng->shard_nr; i++)
        max = MAX(max, b[i].held);
    hlc_raise(first->clock, max);
    h->epoch = hlc_get(first->clock, engine_wall_ns(eng));
    for (uint32_t i = 0; i < eng->shard_nr; i++)
        b[i].epoch = h->epoch;
    if (rc == 0)
        rc = shards_each(eng, each_add, b);
    for (uint32_t i = 0; i < eng->shard_nr && rc == 0; i++)
        if (!b[i].kept) /* it has failed meanwhile, and was passed by */
            rc = -DER_IO;
    shards_each(eng, each_thaw, b);
    h->lsn = MAX(h->lsn, b[0].lsn);
    return rc;
}

static int snap_create(struct shard *s, struct host *h)
{
    const struct msg_snap_create_req *q = h->req->req;
    struct barrier *b = barriers(s->eng, h, q->hdl);
    int rc = MUTANT(ENGINE_HANDLE_FIRST) ? 0 : shard_run(s, recall, h);

    if (rc == 0 && b == NULL)
        rc = -DER_NOMEM;
    if (rc == 0 && !h->replayed)
        /* a shard that is away could not keep it */
        rc = shards_all_serve(s->eng) ? take_snapshot(s->eng, h, b) : -DER_IO;
    if (h->replayed || b == NULL)
        return rc;
    h->cmd.epoch = h->epoch;
    if (rc == 0)
        rc = shard_run(s, apply, h);
    if (rc != 0 || h->replayed)
        shards_each(s->eng, each_del, b); /* fails: the next opening does it */
    return rc;
}

static int snap_destroy(struct shard *s, struct host *h)
{
    const struct msg_snap_destroy_req *q = h->req->req;
    struct barrier *b;
    int rc;

    h->epoch = q->epoch;
    b = barriers(s->eng, h, q->hdl);
    if (b == NULL)
        return -DER_NOMEM;
    if (MUTANT(ENGINE_SNAP_STORE_FIRST))
        shards_each(s->eng, each_del, b);
    rc = shard_run(s, apply, h);
    if (rc == 0 && decided(s, h))
        shards_each(s->eng, each_del, b); /* likewise */
    return rc;
}

static int each_destroy(struct shard *s, void *arg)
{
    int rc = shard_run(s, destroy_store, arg);

    reclaim_kick(s);
    return rc;
}

static int cont_destroy(struct shard *s, struct host *h)
{
    bool known = shard_run(s, lookup, h) == 0;
    int rc = shard_run(s, apply, h);

    if (rc == 0 && decided(s, h)) {
        /* before the stores: a shard that still knew a handle would make the container anew */
        handles_spread(s->eng);
        if (known) /* absent if nothing was ever written; fails: the background does it */
            shards_each(s->eng, each_destroy, h);
        reclaim_kick(s);
    }
    return rc;
}

/* ---- One target ---- */

static int pool_handle(struct shard *s, void *arg)
{
    struct host *h = arg;
    uint64_t caps;

    h->lsn = heap_lsn(s->heap);
    return svc_pool_handle(s->svc, ((const struct msg_target_query_req *)h->req->req)->hdl, &caps);
}

static int target_query(struct shard *s, struct host *h)
{
    const struct msg_target_query_req *q = h->req->req;
    struct msg_target_query_rep *r = h->req->rep;
    int rc = shard_run(s, pool_handle, h);

    if (rc == 0 && q->target >= s->eng->shard_nr)
        rc = -DER_NONEXIST;
    if (rc != 0)
        return rc;
    r->state = DAOS_TS_DOWN;
    if (!shard_serves(&s->eng->shard[q->target]))
        return 0;
    r->state = DAOS_TS_UP_IN;
    return svc_space_target(&s->eng->shard[q->target], &r->space);
}

/* ---- Dispatch ---- */

static int change(struct shard *s, struct host *h)
{
    const struct net_hdr *hdr = &h->req->hdr;
    struct msg_pool_connect_rep *rep = h->req->rep;
    struct svc_holder who;
    int rc;

    h->cmd = (struct svc_cmd){.opcode = hdr->opcode,
                              .req = h->req->req,
                              .now = hlc_get(s->clock, engine_wall_ns(s->eng)),
                              .session_hlc = hdr->session_hlc,
                              .session_rand = hdr->session_rand,
                              .seq = hdr->seq,
                              .acked = hdr->acked};
    rt_random_bytes(h->cmd.fresh, sizeof(h->cmd.fresh));
    if (holders_who(s, h->req, &who))
        h->cmd.holder = &who;
    switch (hdr->opcode) {
    case MSG_SNAP_CREATE:
        return snap_create(s, h);
    case MSG_SNAP_DESTROY:
        return snap_destroy(s, h);
    case MSG_CONT_DESTROY:
        return cont_destroy(s, h);
    case MSG_POOL_CONNECT:
        rc = shard_run(s, apply, h);
        return rc != 0 ? rc : svc_space_pool(s, h->mem, DPI_SPACE, &rep->info);
    default:
        return shard_run(s, apply, h);
    }
}

static int query(struct shard *s, struct host *h)
{
    const struct msg_pool_query_req *q = h->req->req;
    struct msg_pool_query_rep *rep = h->req->rep;
    int rc;

    if (h->req->hdr.opcode == MSG_TARGET_QUERY)
        return target_query(s, h);
    rc = shard_run(s, read_state, h);
    if (rc == 0 && h->req->hdr.opcode == MSG_POOL_QUERY)
        rc = svc_space_pool(s, h->mem, q->bits, &rep->info);
    if (rc == 0 && h->req->hdr.opcode == MSG_POOL_QUERY)
        rc = svc_map_down(s, h->mem, &rep->map);
    return rc;
}

/* A snapshot in the making has its epoch before the service knows of it. Who does not find it in
 * the list may conclude that what he writes next will be in it, so he waits. And what the service
 * says is gone, handles and containers, must be gone from every shard by then. */
static bool waits_for_changes(const struct shard *s, uint16_t opcode)
{
    if (s->eng->shard_nr > 1 && !MUTANT(ENGINE_QUERY_AHEAD))
        return true;
    return opcode == MSG_SNAP_LIST || opcode == MSG_CONT_QUERY;
}

void svc_host_fiber(struct shard *s, struct net_req *req)
{
    struct host h = {.req = req, .mem = net_req_arena(req)};
    bool changes = msg_info(req->hdr.opcode)->flags & MSG_CHANGES;
    bool alone = changes || waits_for_changes(s, req->hdr.opcode);
    int rc;

    if (req->hdr.opcode == MSG_POOL_CONNECT && !s->eng->world->simulated) {
        rc = creds_check(&s->eng->creds_told, req, req->req);
        if (rc != 0) {
            shard_reply(s, req, rc, 0);
            return;
        }
    }
    if (alone)
        rt_mutex_lock(&s->eng->svc_lock);
    rc = changes ? change(s, &h) : query(s, &h);
    if (changes)
        handles_spread(s->eng);
    if (alone)
        rt_mutex_unlock(&s->eng->svc_lock);
    if (rc == -DER_NOSPACE) /* of those who are gone, perhaps */
        reclaim_kick(s);
    if (MUTANT(ENGINE_OID_EARLY) && req->hdr.opcode == MSG_OID_ALLOC)
        h.lsn = 0;
    shard_reply(s, req, rc, h.lsn);
}

/* ---- After opening ---- */

struct agree {
    uint8_t uuid[16];
    bool started;
    struct vos_cont *c;
    uint64_t *snaps;
    uint32_t nr, max;
    uint64_t epoch;
    bool yes;
};

static int has_handles(struct shard *s, void *arg)
{
    struct agree *a = arg;

    return svc_has_handles(s->svc, &a->yes);
}

static int evict(struct shard *s, void *arg)
{
    struct svc_cmd cmd = {.opcode = SVC_EVICT_ALL,
                          .now = hlc_get(s->clock, engine_wall_ns(s->eng))};
    uint64_t lsn;
    bool replayed;

    return svc_apply(s->svc, svc_applied(s->svc) + 1, &cmd, NULL, NULL, &lsn, &replayed);
}

static int next_cont(struct shard *s, void *arg)
{
    struct agree *a = arg;

    return svc_next_cont(s->svc, a->uuid, &a->started);
}

static int next_gone(struct shard *s, void *arg)
{
    struct agree *a = arg;

    return svc_next_gone(s->svc, a->uuid, &a->started);
}

static int destroy_gone(struct shard *s, void *arg)
{
    struct agree *a = arg;

    return shard_cont_destroy(s, a->uuid);
}

/* A page is damaged: not the end of the shard. */
static bool is_damage(const struct shard *s, int rc)
{
    return heap_goes_on(s->heap, rc) && !heap_failed(s->heap);
}

/* The snapshots that the store keeps for the container. */
static int list_snaps(struct shard *s, void *arg)
{
    struct agree *a = arg;
    int rc = vos_cont_open(s->vos, a->uuid, false, &a->c);

    if (rc == 0)
        rc = vos_snap_list(a->c, a->snaps, a->max, &a->nr);
    return rc;
}

static int is_known(struct shard *s, void *arg)
{
    struct agree *a = arg;

    return svc_has_snap(s->svc, a->uuid, a->epoch, &a->yes);
}

static int drop_snap(struct shard *s, void *arg)
{
    struct agree *a = arg;

    return vos_snap_del(a->c, a->epoch);
}

static int run_list(struct shard *s, void *arg)
{
    return shard_run(s, list_snaps, arg);
}

static int run_drop(struct shard *s, void *arg)
{
    return shard_run(s, drop_snap, arg);
}

/* s: the first shard; of: the one whose store is looked at. */
static int agree_snaps_of(struct shard *s, struct shard *of, struct agree *a)
{
    int rc;

    for (;;) {
        rc = shards_one(of, run_list, a);
        if (rc != 0) /* nothing was ever written to it, or it is damaged */
            return rc == -DER_NONEXIST || is_damage(of, rc) ? 0 : rc;
        if (a->nr <= a->max)
            break;
        base_free(a->snaps);
        a->max = a->nr;
        a->snaps = base_alloc(a->max * sizeof(*a->snaps));
        if (a->snaps == NULL) {
            a->max = 0;
            return -DER_NOMEM;
        }
    }
    for (uint32_t i = 0; i < a->nr && rc == 0; i++) {
        a->epoch = a->snaps[i];
        rc = shard_run(s, is_known, a);
        if (rc != 0 && is_damage(s, rc))
            return 0;
        if (rc == 0 && !a->yes)
            rc = shards_one(of, run_drop, a);
    }
    return is_damage(of, rc) ? 0 : rc;
}

/* What an error of another shard is worth: that one is away from now on. */
static int others_rc(const struct shard *s, int rc)
{
    return s->target > 0 && !shard_serves(s) ? 0 : rc;
}

static int agree_snaps(struct shard *s, struct agree *a)
{
    int rc = 0;

    for (uint32_t i = 0; i < s->eng->shard_nr && rc == 0; i++)
        if (shard_serves(&s->eng->shard[i]))
            rc = others_rc(&s->eng->shard[i], agree_snaps_of(s, &s->eng->shard[i], a));
    return rc;
}

/* Calls fn for every uuid that next gives. */
static int each(struct shard *s, int (*next)(struct shard *s, void *arg),
                int (*fn)(struct shard *s, struct agree *a), struct agree *a)
{
    int rc;

    memset(a->uuid, 0, sizeof(a->uuid));
    a->started = false;
    while ((rc = shard_run(s, next, a)) == 0) {
        rc = fn(s, a);
        if (rc != 0)
            return rc;
    }
    return rc == -DER_NONEXIST ? 0 : rc;
}

static int run_destroy(struct shard *s, void *arg)
{
    int rc = shard_run(s, destroy_gone, arg);

    return rc == -DER_NONEXIST || is_damage(s, rc) ? 0 : others_rc(s, rc);
}

static int finish_destroy(struct shard *s, struct agree *a)
{
    return shards_each(s->eng, run_destroy, a);
}

static int drop_handles(struct shard *s, void *arg)
{
    (void)arg;
    return svc_drop_handles(s->svc);
}

static int cont_unused(struct shard *s, void *arg)
{
    struct agree *a = arg;

    return svc_cont_unused(s->svc, a->uuid);
}

/* That a container cannot be read is the business of those who open it. */
static int make_unused(struct shard *s, struct agree *a)
{
    int rc = shard_run(s, cont_unused, a);

    return is_damage(s, rc) ? 0 : rc;
}

/* Nobody is there any more whose handles they are. */
static int evict_all(struct shard *s, struct agree *a)
{
    int rc = 0;

    while (rc == 0) {
        rc = shard_run(s, has_handles, a);
        if (rc != 0 || !a->yes || MUTANT(ENGINE_NO_EVICT))
            break;
        rc = shard_run(s, evict, NULL);
    }
    if (!is_damage(s, rc))
        return rc;
    LOG_WARN("handles of the past in %s are damaged; all are forgotten at once",
             s->eng->conf.dir->path);
    rc = shard_run(s, drop_handles, NULL);
    if (rc == 0)
        rc = each(s, next_cont, make_unused, a);
    return is_damage(s, rc) ? 0 : rc;
}

int svc_host_reconcile(struct shard *s)
{
    struct agree a = {.max = 0};
    int rc = 0;

    if (!s->eng->conf.keep_handles)
        rc = evict_all(s, &a);
    if (rc == 0)
        rc = each(s, next_cont, agree_snaps, &a);
    if (rc == 0 || is_damage(s, rc))
        rc = each(s, next_gone, finish_destroy, &a);
    if (is_damage(s, rc)) /* what cannot be read cannot disagree */
        rc = 0;
    base_free(a.snaps);
    return rc;
}
