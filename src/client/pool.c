/*
 * Pools: connecting, which finds the engine, and what a pool says about itself.
 *
 * A pool is named by path, label or UUID. A path is opened here and now; the other two resolve to a
 * path through the registry that embed/ keeps. The connection is shared by a handle and the ones
 * imported from it, and closed with the last of them.
 */
#include <daos.h>
#include <daos/common.h>
#include <stdio.h>
#include <limits.h>
#include <string.h>
#include "base/fail.h"
#include "base/label.h"
#include "client/op.h"
#include "client/pool.h"
#include "client/prop_desc.h"
#include "place/place.h"

/* ---- Connections ---- */

void conn_ref(struct conn *cn)
{
    lock_short(&cn->client->lock);
    cn->refs++;
    rt_mutex_unlock(&cn->client->lock);
}

void conn_put(struct conn *cn)
{
    struct client *c = cn->client;
    bool last;

    lock_short(&c->lock);
    last = --cn->refs == 0;
    if (last)
        list_del(&cn->link);
    rt_mutex_unlock(&c->lock);
    if (!last)
        return;
    net_peer_close(cn->peer);
    client_embed_close(cn->cookie);
    place_map_free(cn->map);
    base_free(cn);
}

static bool is_path(const char *name)
{
    return strchr(name, '/') != NULL || strncmp(name, "inproc:", 7) == 0;
}

/* Opens the engine behind a name. */
static int conn_open(struct client *c, const char *name, bool readonly, struct conn **out,
                     struct err *e)
{
    unsigned int here = strncmp(name, "inproc:", 7) == 0 ? CLIENT_OPEN_HERE : 0;
    char path[PATH_MAX];
    uuid_t want;
    struct conn *cn;
    int rc;

    if (is_path(name)) {
        snprintf(path, sizeof(path), "%s", here ? name + 7 : name);
    } else {
        rc = client_embed_resolve(name, path, sizeof(path), e);
        if (rc)
            return rc;
    }
    rc = client_start(c);
    if (rc)
        return rc;
    cn = base_calloc(1, sizeof(*cn));
    if (cn == NULL)
        return -DER_NOMEM;
    rc = client_embed_open(c, path, CLIENT_OPEN_RW | here, &cn->peer, cn->pool, &cn->cookie, e);
    if (rc == -DER_NO_PERM && readonly) {
        *e = (struct err){0};
        rc = client_embed_open(c, path, CLIENT_OPEN_RO | here, &cn->peer, cn->pool, &cn->cookie, e);
    }
    if (rc) {
        base_free(cn);
        return rc;
    }
    cn->client = c;
    cn->refs = 1;
    lock_short(&c->lock);
    list_add_tail(&c->conns, &cn->link);
    rt_mutex_unlock(&c->lock);
    if (!is_path(name) && uuid_text_parse(name, want) &&
        memcmp(want, cn->pool, sizeof(want)) != 0) {
        conn_put(cn);
        return err_setf(
            e, -DER_NONEXIST, "list the pools with `daos pool list`, or name the pool by its path",
            "another pool lies there now", "the registry says that pool %s is at %s", name, path);
    }
    *out = cn;
    return 0;
}

/* ---- Information ---- */

static void space_out(const struct msg_pool_info *m, struct daos_pool_space *s)
{
    memset(s, 0, sizeof(*s));
    s->ps_space.s_total[DAOS_MEDIA_SCM] = m->space.scm_total;
    s->ps_space.s_total[DAOS_MEDIA_NVME] = m->space.nvme_total;
    s->ps_space.s_free[DAOS_MEDIA_SCM] = m->space.scm_free;
    s->ps_space.s_free[DAOS_MEDIA_NVME] = m->space.nvme_free;
    s->ps_free_min[DAOS_MEDIA_SCM] = m->space_min.scm_free;
    s->ps_free_min[DAOS_MEDIA_NVME] = m->space_min.nvme_free;
    s->ps_free_max[DAOS_MEDIA_SCM] = m->space_max.scm_free;
    s->ps_free_max[DAOS_MEDIA_NVME] = m->space_max.nvme_free;
    s->ps_free_mean[DAOS_MEDIA_SCM] = m->space_mean.scm_free;
    s->ps_free_mean[DAOS_MEDIA_NVME] = m->space_mean.nvme_free;
    s->ps_ntargets = m->ntargets;
}

void pool_info_out(const struct msg_pool_info *m, daos_pool_info_t *info)
{
    memset(info, 0, sizeof(*info));
    memcpy(info->pi_uuid, m->uuid, sizeof(info->pi_uuid));
    info->pi_ntargets = m->ntargets;
    info->pi_nnodes = m->nnodes;
    info->pi_ndisabled = m->ndisabled;
    info->pi_map_ver = m->map_version;
    info->pi_leader = m->leader;
    info->pi_bits = m->bits;
    if (m->bits & DPI_SPACE)
        space_out(m, &info->pi_space);
    info->pi_rebuild_st.rs_state = DRS_NOT_STARTED;
}

/* ---- Connect and disconnect ---- */

static void pool_free(struct hobj *h)
{
    struct pool *p = CONTAINER_OF(h, struct pool, h);

    /* The connection is closed by whoever waits; a client that ends with pools open closes them
     * itself. */
    if (p->gone != NULL)
        rt_event_set(p->gone);
    else
        base_free(p);
}

int pool_new(struct client *c, struct conn *cn, const uint8_t hdl[16], uint64_t caps,
             uint32_t flags, bool slave, daos_handle_t *poh)
{
    struct pool *p = base_calloc(1, sizeof(*p));
    int rc;

    if (p == NULL)
        return -DER_NOMEM;
    p->client = c;
    p->conn = cn;
    memcpy(p->hdl, hdl, sizeof(p->hdl));
    p->caps = caps;
    p->flags = flags;
    p->slave = slave;
    p->h.free = pool_free;
    rc = handle_open(c->handles, &p->h, DAOS_HTYPE_POOL, poh);
    if (rc)
        base_free(p);
    return rc;
}

struct connect {
    const char *name;
    unsigned int flags;
    daos_handle_t *poh;
    daos_pool_info_t *info;
};

static void send_disconnect(struct client *c, struct net_peer *peer, const uint8_t hdl[16])
{
    struct msg_pool_disconnect_req q;
    struct net_call call;

    memcpy(q.hdl, hdl, sizeof(q.hdl));
    call_wait_ms(c, peer, &call, MSG_POOL_DISCONNECT, &q, NULL, CLIENT_LEAVE_MS);
    net_call_fini(&call);
}

static int send_connect(struct client *c, struct conn *cn, const struct connect *a)
{
    struct msg_pool_connect_req q = {.flags = a->flags};
    struct msg_pool_connect_rep r = {0};
    struct net_call call;
    struct ident id;
    int rc;

    rc = ident_self(&id);
    if (rc)
        return rc;
    q.user = id.user;
    q.group = id.group;
    q.groups = (const char *const *)id.groups;
    q.groups_nr = id.groups_nr;
    rc = call_wait(c, cn->peer, &call, MSG_POOL_CONNECT, &q, &r);
    ident_fini(&id);
    session_renew(&c->sessions); /* they began by our own clock */
    if (rc == 0) {
        rc = place_map_decode(r.map.buf, r.map.len, &cn->map);
        if (rc == 0)
            rc = pool_new(c, cn, r.hdl, r.caps, a->flags, false, a->poh);
        if (rc)
            send_disconnect(c, cn->peer, r.hdl);
    }
    if (rc == 0 && a->info != NULL)
        pool_info_out(&r.info, a->info);
    net_call_fini(&call);
    return rc;
}

static int connect_body(struct client *c, void *args)
{
    struct connect *a = args;
    struct err e = {0};
    struct conn *cn = NULL;
    int rc;

    rc = conn_open(c, a->name, a->flags & DAOS_PC_RO, &cn, &e);
    if (rc == 0) {
        rc = send_connect(c, cn, a);
        if (rc)
            conn_put(cn);
        if (rc == -DER_NO_PERM)
            err_setf(&e, rc,
                     "ask the owner for rights (`dmg pool update-acl`), or connect read-only",
                     "its access control list does not let you in", "cannot connect to pool %s",
                     a->name);
        else if (rc == -DER_BUSY)
            err_setf(&e, rc, "close the other handles first",
                     "it is open elsewhere, and exclusive use was asked for here or there",
                     "cannot connect to pool %s", a->name);
    }
    if (rc) {
        if (e.rc == 0)
            err_setf(&e, rc, "", d_errdesc(rc), "cannot connect to pool %s", a->name);
        client_error(&e);
    }
    return rc;
}

int daos_pool_connect2(const char *pool, const char *sys, unsigned int flags, daos_handle_t *poh,
                       daos_pool_info_t *info, daos_event_t *ev)
{
    struct connect a = {pool, flags, poh, info};

    if (pool == NULL || pool[0] == '\0' || poh == NULL)
        return -DER_INVAL;
    if ((flags & ~DAOS_PC_MASK) != 0 || __builtin_popcount(flags) != 1)
        return -DER_INVAL;
    if (sys != NULL && strnlen(sys, DAOS_SYS_NAME_MAX + 1) > DAOS_SYS_NAME_MAX)
        return -DER_INVAL;
    if (!is_path(pool) && !label_is_valid(pool) && !daos_is_valid_uuid_string(pool, UUID_SST_NONE))
        return -DER_INVAL;
    return client_run(ev, connect_body, &a, sizeof(a));
}

/* What a connecting client is told, asked for under a handle that is open. */
static int ask_map(struct client *c, struct conn *cn, const uint8_t hdl[16])
{
    struct msg_pool_query_req q = {0};
    struct msg_pool_query_rep r = {0};
    struct net_call call;
    int rc;

    memcpy(q.hdl, hdl, sizeof(q.hdl));
    rc = call_wait(c, cn->peer, &call, MSG_POOL_QUERY, &q, &r);
    session_renew(&c->sessions); /* as after connecting */
    if (rc == 0)
        rc = place_map_decode(r.map.buf, r.map.len, &cn->map);
    net_call_fini(&call);
    return rc;
}

int pool_import(struct client *c, const char *place, const uuid_t pool, const uint8_t hdl[16],
                uint64_t caps, uint32_t flags, daos_handle_t *poh)
{
    struct err e = {0};
    struct conn *cn;
    int rc = conn_open(c, place, flags & DAOS_PC_RO, &cn, &e);

    if (rc == 0) {
        rc = uuid_compare(cn->pool, pool) != 0 ? -DER_NO_HDL : ask_map(c, cn, hdl);
        if (rc == 0)
            rc = pool_new(c, cn, hdl, caps, flags, true, poh);
        if (rc != 0)
            conn_put(cn);
    }
    if (rc != 0 && e.rc == 0)
        err_setf(&e, rc, "see that its maker keeps it open",
                 rc == -DER_NO_HDL ? "it is not open there any more" : d_errdesc(rc),
                 "cannot import a handle of pool %s", place);
    if (rc != 0)
        client_error(&e);
    return rc;
}

static int disconnect_body(struct client *c, void *args)
{
    struct pool *p = pool_get(c, *(daos_handle_t *)args);
    struct rt_event gone = RT_EVENT_INIT;
    struct msg_pool_disconnect_req q;
    struct net_call call;
    int rc = 0;

    if (p == NULL)
        return -DER_NO_HDL;
    if (atomic_load(&p->conts) > 0)
        rc = -DER_BUSY;
    if (rc == 0 && !p->slave) {
        memcpy(q.hdl, p->hdl, sizeof(q.hdl));
        rc = call_wait(c, p->conn->peer, &call, MSG_POOL_DISCONNECT, &q, NULL);
        net_call_fini(&call);
        /* Evicted meanwhile: the handle is gone on the other side already. */
        if (rc == -DER_NO_HDL || rc == -DER_NONEXIST)
            rc = 0;
    }
    if (rc) {
        handle_put(&p->h);
        return rc;
    }
    p->gone = &gone;
    if (!handle_close(&p->h)) {
        handle_put(&p->h);
        return -DER_NO_HDL;
    }
    handle_put(&p->h);
    client_wait(c, &gone, UINT64_MAX);
    conn_put(p->conn);
    base_free(p);
    return 0;
}

void pool_abandon(struct hobj *o)
{
    struct pool *p = CONTAINER_OF(o, struct pool, h);

    if (!p->slave)
        send_disconnect(p->client, p->conn->peer, p->hdl);
}

int daos_pool_disconnect(daos_handle_t poh, daos_event_t *ev)
{
    return client_run(ev, disconnect_body, &poh, sizeof(poh));
}

/* ---- Query ---- */

struct query {
    daos_handle_t poh;
    d_rank_list_t **ranks;
    daos_pool_info_t *info;
    daos_prop_t *prop;
};

/* Ranks with all targets up, or those with a disabled one. */
static int ranks_out(const struct place_map *map, bool enabled, d_rank_list_t **out)
{
    uint32_t nr, i, j;
    const struct place_target *t = place_map_targets(map, &nr);
    d_rank_list_t *l = d_rank_list_alloc(0);

    if (l == NULL)
        return -DER_NOMEM;
    for (i = 0; i < nr; i++) {
        d_rank_t rank = t[i].domain[PLACE_RANK - 1];
        bool up = true;

        for (j = 0; j < nr; j++)
            if (t[j].domain[PLACE_RANK - 1] == rank && t[j].state != DAOS_TS_UP_IN)
                up = false;
        if (up != enabled || d_rank_in_rank_list(l, rank))
            continue;
        if (d_rank_list_append(l, rank) != 0) {
            d_rank_list_free(l);
            return -DER_NOMEM;
        }
    }
    *out = l;
    return 0;
}

static int query_out(const struct msg_pool_query_rep *r, const struct query *a, uint64_t bits)
{
    struct place_map *map;
    int rc = 0;

    if (a->ranks != NULL) {
        rc = place_map_decode(r->map.buf, r->map.len, &map);
        if (rc)
            return rc;
        rc = ranks_out(map, bits & DPI_ENGINES_ENABLED, a->ranks);
        place_map_free(map);
    }
    if (rc == 0 && a->prop != NULL)
        rc = prop_fill(a->prop, r->props, r->props_nr);
    if (rc == 0 && a->info != NULL) {
        pool_info_out(&r->info, a->info);
        a->info->pi_bits |=
            bits & (DPI_ENGINES_ENABLED | DPI_ENGINES_DISABLED | DPI_REBUILD_STATUS);
    }
    return rc;
}

static int query_body(struct client *c, void *args)
{
    struct query *a = args;
    uint32_t types[DAOS_PROP_ENTRIES_MAX_NR];
    struct msg_pool_query_req q = {0};
    struct msg_pool_query_rep r = {0};
    struct net_call call;
    struct pool *p;
    bool all = false;
    int rc;

    p = pool_get(c, a->poh);
    if (p == NULL)
        return -DER_NO_HDL;
    memcpy(q.hdl, p->hdl, sizeof(q.hdl));
    q.bits = a->info ? a->info->pi_bits : 0;
    if (a->prop != NULL) {
        q.props_nr = prop_wanted(a->prop, types, &all);
        q.props = types;
        q.all_props = all;
    }
    rc = call_wait(c, p->conn->peer, &call, MSG_POOL_QUERY, &q, &r);
    if (rc == 0)
        rc = query_out(&r, a, q.bits);
    net_call_fini(&call);
    handle_put(&p->h);
    return rc;
}

int daos_pool_query(daos_handle_t poh, d_rank_list_t **ranks, daos_pool_info_t *info,
                    daos_prop_t *pool_prop, daos_event_t *ev)
{
    struct query a = {poh, ranks, info, pool_prop};

    if (pool_prop != NULL && pool_prop->dpp_nr > DAOS_PROP_ENTRIES_MAX_NR)
        return -DER_INVAL;
    return client_run(ev, query_body, &a, sizeof(a));
}

struct query_target {
    daos_handle_t poh;
    uint32_t tgt;
    d_rank_t rank;
    daos_target_info_t *info;
};

/* The pool-wide number of target tgt of a rank. */
static int target_id(const struct place_map *map, d_rank_t rank, uint32_t tgt, uint32_t *id)
{
    uint32_t nr, i;
    const struct place_target *t = place_map_targets(map, &nr);

    for (i = 0; i < nr; i++) {
        if (t[i].domain[PLACE_RANK - 1] == rank && tgt-- == 0) {
            *id = t[i].id;
            return 0;
        }
    }
    return -DER_NONEXIST;
}

static int query_target_body(struct client *c, void *args)
{
    struct query_target *a = args;
    struct msg_target_query_req q = {0};
    struct msg_target_query_rep r = {0};
    struct net_call call;
    struct pool *p = pool_get(c, a->poh);
    int rc;

    if (p == NULL)
        return -DER_NO_HDL;
    memcpy(q.hdl, p->hdl, sizeof(q.hdl));
    rc = target_id(p->conn->map, a->rank, a->tgt, &q.target);
    if (rc == 0) {
        rc = call_wait(c, p->conn->peer, &call, MSG_TARGET_QUERY, &q, &r);
        net_call_fini(&call);
    }
    handle_put(&p->h);
    if (rc)
        return rc;
    memset(a->info, 0, sizeof(*a->info));
    a->info->ta_state = (daos_target_state_t)r.state;
    a->info->ta_space.s_total[DAOS_MEDIA_SCM] = r.space.scm_total;
    a->info->ta_space.s_total[DAOS_MEDIA_NVME] = r.space.nvme_total;
    a->info->ta_space.s_free[DAOS_MEDIA_SCM] = r.space.scm_free;
    a->info->ta_space.s_free[DAOS_MEDIA_NVME] = r.space.nvme_free;
    return 0;
}

int daos_pool_query_target(daos_handle_t poh, uint32_t tgt, d_rank_t rank, daos_target_info_t *info,
                           daos_event_t *ev)
{
    struct query_target a = {poh, tgt, rank, info};

    return info == NULL ? -DER_INVAL : client_run(ev, query_target_body, &a, sizeof(a));
}

/* ---- Properties and figures, for tools ---- */

struct set_prop {
    daos_handle_t poh;
    daos_prop_t *prop;
};

static int set_prop_body(struct client *c, void *args)
{
    struct set_prop *a = args;
    struct msg_prop msgs[DAOS_PROP_ENTRIES_MAX_NR];
    struct msg_pool_set_prop_req q = {.props = msgs, .props_nr = a->prop->dpp_nr};
    struct net_call call;
    struct pool *p = pool_get(c, a->poh);
    int rc;

    if (p == NULL)
        return -DER_NO_HDL;
    memcpy(q.hdl, p->hdl, sizeof(q.hdl));
    prop_to_msg(a->prop, msgs);
    rc = call_wait(c, p->conn->peer, &call, MSG_POOL_SET_PROP, &q, NULL);
    net_call_fini(&call);
    handle_put(&p->h);
    return rc;
}

int client_pool_set_prop(daos_handle_t poh, daos_prop_t *prop)
{
    struct set_prop a = {poh, prop};

    if (!daos_prop_valid(prop, true, true) || prop->dpp_nr == 0)
        return -DER_INVAL;
    return client_run(NULL, set_prop_body, &a, sizeof(a));
}

int client_engine_stat(daos_handle_t poh, void (*each)(void *arg, const char *name, uint64_t value),
                       void *arg)
{
    struct client *c = client_current();
    struct msg_engine_stat_req q = {0};
    struct msg_engine_stat_rep r = {0};
    struct net_call call;
    struct pool *p = pool_get(c, poh);
    uint32_t i;
    int rc;

    if (p == NULL)
        return -DER_NO_HDL;
    memcpy(q.hdl, p->hdl, sizeof(q.hdl));
    rc = call_wait(c, p->conn->peer, &call, MSG_ENGINE_STAT, &q, &r);
    for (i = 0; rc == 0 && i < r.metrics_nr; i++)
        each(arg, r.metrics[i].name, r.metrics[i].value);
    net_call_fini(&call);
    handle_put(&p->h);
    return rc;
}

int client_time_calls(daos_handle_t poh, struct client_times *times)
{
    struct client *c = client_current();
    struct pool *p = pool_get(c, poh);

    if (p == NULL)
        return -DER_NO_HDL;
    c->times = times;
    handle_put(&p->h);
    return 0;
}

int client_engine_metrics(daos_handle_t poh,
                          void (*figure)(void *arg, const char *name, uint64_t value),
                          void (*kind)(void *arg, const struct client_kind *k), void *arg)
{
    static const struct msg_engine_metrics_req q;
    struct client *c = client_current();
    struct msg_engine_metrics_rep r = {0};
    struct net_call call;
    struct pool *p = pool_get(c, poh);
    int rc;

    if (p == NULL)
        return -DER_NO_HDL;
    rc = call_wait(c, p->conn->peer, &call, MSG_ENGINE_METRICS, &q, &r);
    for (uint32_t i = 0; rc == 0 && i < r.figures_nr; i++)
        figure(arg, r.figures[i].name, r.figures[i].value);
    for (uint32_t i = 0; rc == 0 && i < r.kinds_nr; i++) {
        const struct msg_kind *k = &r.kinds[i];
        struct client_kind one = {k->name,     k->requests,  k->errors,  k->refused, k->cancelled,
                                  k->bytes_in, k->bytes_out, k->time_us, k->took,    k->took_nr};

        kind(arg, &one);
    }
    net_call_fini(&call);
    handle_put(&p->h);
    return rc;
}

int daos_pool_stop_svc(daos_handle_t poh, daos_event_t *ev)
{
    struct pool *p = pool_get(client_current(), poh);

    if (p == NULL)
        return -DER_NO_HDL;
    handle_put(&p->h);
    /* The service of a pool with one target lives and dies with its engine. */
    return -DER_NO_PERM;
}
