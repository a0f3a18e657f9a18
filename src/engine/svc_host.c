/*
 * The pool service's messages: commands go through svc_apply(), queries through svc_read(), and
 * what concerns data as well is done in the store too.
 *
 * The service says what exists. Where service and store both change, the order is such that a crash
 * in between leaves only things that the service does not know, and svc_host_reconcile() removes
 * those at the next opening:
 *
 *   snapshot     the store keeps the epoch first, then the service commits it
 *   its removal  the service forgets it first, then the store
 *   destroy      the service first (the container is then remembered as gone), then the store; room
 * is given back in the background
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

static int snap_add(struct shard *s, void *arg)
{
    struct host *h = arg;
    const struct msg_snap_create_req *q = h->req->req;
    struct vos_cont *c;
    int rc = shard_cont(s, q->hdl, DAOS_ACL_PERM_WRITE, &c);

    h->lsn = heap_lsn(s->heap);
    if (rc != 0)
        return rc;
    h->epoch = hlc_get(&s->clock, engine_wall_ns(s->eng));
    return vos_snap_add(c, h->epoch);
}

static int snap_del(struct shard *s, void *arg)
{
    struct host *h = arg;
    struct vos_cont *c;
    int rc = shard_cont(s, ((const struct msg_snap_destroy_req *)h->req->req)->hdl,
                        DAOS_ACL_PERM_WRITE, &c);

    return rc != 0 ? rc : vos_snap_del(c, h->epoch);
}

/* ---- Messages that are more than a command ---- */

static int snap_create(struct shard *s, struct host *h)
{
    int rc = MUTANT(ENGINE_HANDLE_FIRST) ? 0 : shard_run(s, recall, h);

    if (rc == 0 && !h->replayed)
        rc = shard_run(s, snap_add, h);
    if (rc != 0 || h->replayed)
        return rc;
    h->cmd.epoch = h->epoch;
    rc = shard_run(s, apply, h);
    if (rc != 0 || h->replayed)
        shard_run(s, snap_del, h); /* fails: the next opening does it */
    return rc;
}

static int snap_destroy(struct shard *s, struct host *h)
{
    int rc;

    h->epoch = ((const struct msg_snap_destroy_req *)h->req->req)->epoch;
    if (MUTANT(ENGINE_SNAP_STORE_FIRST))
        shard_run(s, snap_del, h);
    rc = shard_run(s, apply, h);
    if (rc == 0 && !h->replayed) {
        shard_run(s, snap_del, h);
        reclaim_kick(s); /* versions that only it needed */
    }
    return rc;
}

static int cont_destroy(struct shard *s, struct host *h)
{
    bool known = shard_run(s, lookup, h) == 0;
    int rc = shard_run(s, apply, h);

    if (rc == 0 && !h->replayed) {
        if (known) /* absent if nothing was ever written; fails: the background does it */
            shard_run(s, destroy_store, h);
        reclaim_kick(s);
    }
    return rc;
}

/* ---- Space ---- */

static void fill_space(struct shard *s, struct msg_space *sp)
{
    uint64_t room = s->eng->conf.readonly ? 0 : super_room(s->devs.role[SUPER_DATA]);
    struct heap_stat hs;

    heap_lock(s->heap);
    heap_stat(s->heap, &hs);
    heap_unlock(s->heap);
    /* Metadata and data mostly grow into the same file system; its room is shown with the data. */
    sp->scm_total = hs.pages * HEAP_PAGE_SIZE;
    sp->scm_free = hs.pages_free * HEAP_PAGE_SIZE;
    sp->nvme_total = hs.data_total + room;
    sp->nvme_free = hs.data_total - hs.data_used + room;
}

static void fill_pool_space(struct shard *s, uint64_t bits, struct msg_pool_info *info)
{
    info->bits = bits & ~(uint64_t)DPI_ENGINES_DEAD;
    if (!(bits & DPI_SPACE))
        return;
    fill_space(s, &info->space);
    info->space_min = info->space_max = info->space_mean = info->space; /* of one target */
}

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

    if (rc == 0 && q->target != 0)
        rc = -DER_NONEXIST;
    if (rc != 0)
        return rc;
    r->state = DAOS_TS_UP_IN;
    fill_space(s, &r->space);
    return 0;
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
                              .now = hlc_get(&s->clock, engine_wall_ns(s->eng)),
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
        if (rc == 0)
            fill_pool_space(s, DPI_SPACE, &rep->info);
        return rc;
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
        fill_pool_space(s, q->bits, &rep->info);
    return rc;
}

/* A snapshot in the making has its epoch before the service knows of it. Who does not find it in
 * the list may conclude that what he writes next will be in it, so he waits. */
static bool counts_snapshots(uint16_t opcode)
{
    return opcode == MSG_SNAP_LIST || opcode == MSG_CONT_QUERY;
}

void svc_host_fiber(struct shard *s, struct net_req *req)
{
    struct host h = {.req = req, .mem = net_req_arena(req)};
    bool changes = msg_info(req->hdr.opcode)->flags & MSG_CHANGES;
    bool alone = changes || counts_snapshots(req->hdr.opcode);
    int rc;

    if (req->hdr.opcode == MSG_POOL_CONNECT && !s->eng->world->simulated) {
        rc = creds_check(req, req->req);
        if (rc != 0) {
            shard_reply(s, req, rc, 0);
            return;
        }
    }
    if (alone)
        rt_mutex_lock(&s->svc_lock);
    rc = changes ? change(s, &h) : query(s, &h);
    if (alone)
        rt_mutex_unlock(&s->svc_lock);
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
                          .now = hlc_get(&s->clock, engine_wall_ns(s->eng))};
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

static int drop_unknown_snap(struct shard *s, void *arg)
{
    struct agree *a = arg;
    int rc = svc_has_snap(s->svc, a->uuid, a->epoch, &a->yes);

    if (rc != 0 || a->yes)
        return rc;
    return vos_snap_del(a->c, a->epoch);
}

static int agree_snaps(struct shard *s, struct agree *a)
{
    int rc;

    for (;;) {
        rc = shard_run(s, list_snaps, a);
        if (rc != 0) /* nothing was ever written to it, or it is damaged */
            return rc == -DER_NONEXIST || is_damage(s, rc) ? 0 : rc;
        if (a->nr <= a->max)
            break;
        base_free(a->snaps);
        a->max = a->nr;
        a->snaps = base_alloc(a->max * sizeof(*a->snaps));
        if (a->snaps == NULL)
            return -DER_NOMEM;
    }
    for (uint32_t i = 0; i < a->nr && rc == 0; i++) {
        a->epoch = a->snaps[i];
        rc = shard_run(s, drop_unknown_snap, a);
    }
    return is_damage(s, rc) ? 0 : rc;
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

static int finish_destroy(struct shard *s, struct agree *a)
{
    int rc = shard_run(s, destroy_gone, a);

    return rc == -DER_NONEXIST || is_damage(s, rc) ? 0 : rc;
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
