/* The simulated cluster: what starts, stops and joins nodes. */
#include "cluster.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <daos_errno.h>
#include "base/assert.h"
#include "engine/engine_int.h"
#include "place/place.h"

#define SPAWN_TRIES 10u /* not all that are made one after the other fail */

#define POOL_PREFIX "sim/"

/* ---- Engines ---- */

static bool page_gone(void *arg, uint64_t page)
{
    struct sim_engine *n = arg;

    return sim_chance(sim_world_rng(n->cl->w), n->cl->conf.fault_ppm);
}

/* The disk is not alone without power: its node says nothing from that moment on. */
static void power_gone(void *arg)
{
    struct sim_engine *n = arg;

    if (n->eng != NULL)
        sim_net_down(n->cl->net, n->node, false);
}

static struct net_peer *between(void *arg, struct net_service *s, struct gate *gate,
                                struct net_peer *direct)
{
    struct sim_engine *n = arg;

    return sim_peers_create(n->cl->net, n->name, s, gate, direct, &n->peers);
}

static struct engine_conf engine_conf(struct sim_engine *n)
{
    return (struct engine_conf){.world = sim_world_rt(n->cl->w),
                                .node = n->node,
                                .dir = n->dir,
                                .cpu = -1,
                                .keep_handles = !n->cl->conf.drop_handles,
                                .checkpoint_pct = n->cl->conf.checkpoint_pct,
                                .mem_limit = n->cl->conf.mem_limit * MAX(n->cl->conf.targets, 1u),
                                .xstreams = n->cl->conf.xstreams,
                                .own_clocks = n->cl->conf.own_clocks,
                                .between = between,
                                .refuse_damaged = true, /* the disk may be healed yet */
                                .spurious_fault = n->cl->conf.fault_ppm != 0 ? page_gone : NULL,
                                .arg = n};
}

static void pool_uuid(uint32_t i, uuid_t pool)
{
    memset(pool, 0x40 + (int)i, sizeof(uuid_t));
}

int sim_engine_format(struct sim_cluster *cl, uint32_t i)
{
    struct sim_engine *n = &cl->engine[i];
    struct engine_format f = {.wal_bytes = cl->conf.wal_bytes,
                              .meta_bytes = cl->conf.meta_bytes,
                              .data_bytes = cl->conf.data_bytes,
                              .limit_bytes = cl->conf.limit_bytes,
                              .owner = "root@",
                              .group = "root@"};
    struct engine_places *at;
    struct engine_conf conf;
    struct err e = {0};
    int rc = sim_dir_open(n->disk, &n->dir);

    if (rc != 0)
        return rc;
    pool_uuid(i, f.pool);
    at = calloc(MAX(cl->conf.targets, 1u), sizeof(*at));
    ASSERT(at != NULL);
    for (uint32_t t = 0; t < MAX(cl->conf.targets, 1u); t++)
        for (uint32_t r = 0; r < SUPER_ROLE_NR; r++)
            at[t].role[r].device = cl->conf.place[r];
    f.place = at;
    f.force = cl->conf.disk.fixed_bytes != 0; /* its devices are full of noise */
    f.targets = cl->conf.targets;
    conf = engine_conf(n);
    rc = engine_pool_format(&conf, &f, &e);
    free(at);
    io_dir_close(n->dir);
    n->dir = NULL;
    return rc;
}

static void accepted(void *arg, struct net_wire *w)
{
    struct sim_engine *n = arg;

    net_acceptor_add(n->acceptor, w);
}

int sim_engine_start(struct sim_cluster *cl, uint32_t i, struct err *e)
{
    struct sim_engine *n = &cl->engine[i];
    struct net_acceptor_conf ac;
    struct engine_conf conf;
    int rc;

    ASSERT(n->eng == NULL);
    if (!sim_dir_powered(n->disk))
        sim_dir_power_on(n->disk);
    rc = sim_dir_open(n->disk, &n->dir);
    if (rc != 0)
        return rc;
    conf = engine_conf(n);
    rc = engine_open(&conf, &n->eng, e);
    if (rc != 0) {
        sim_tell(cl->w, n->name, "does not start: %d (%s: %s)", rc, e->what, e->why);
        n->eng = NULL;
        io_dir_close(n->dir);
        return rc;
    }
    n->incarnation++;
    n->starts++;
    ac = (struct net_acceptor_conf){
        .service = engine_service(n->eng), .xs = n->eng->shard->xs, .incarnation = n->incarnation};
    /* some lives have little to give: clients wait for credit, and are not listened to */
    if (n->incarnation % 3 == 1)
        ac.calls = 3;
    if (n->incarnation % 3 == 2)
        ac.bytes = 3 * NET_HOLDS;
    rc = net_acceptor_create(&ac, &n->acceptor);
    ASSERT(rc == 0);
    sim_tell(cl->w, n->name, "runs, incarnation %llu", (unsigned long long)n->incarnation);
    return 0;
}

void sim_engine_serve(struct sim_cluster *cl, uint32_t i)
{
    struct sim_engine *n = &cl->engine[i];

    sim_net_up(cl->net, n->node);
    sim_net_listen(cl->net, n->node, n->eng->shard->xs, accepted, n);
}

void sim_spawn(struct rt_xs *xs, void (*fiber)(void *arg), void *arg)
{
    int rc = rt_spawn_on(xs, fiber, arg);

    for (uint32_t i = 0; i < SPAWN_TRIES && rc == -DER_NOMEM; i++)
        rc = rt_spawn_on(xs, fiber, arg);
    ASSERT(rc == 0);
}

struct stopping {
    struct net_acceptor *a;
    struct rt_event done;
};

static void stop_acceptor(void *arg)
{
    struct stopping *s = arg;

    net_acceptor_stop(s->a);
    rt_event_set(&s->done);
}

void sim_engine_stop(struct sim_cluster *cl, uint32_t i, enum sim_death how)
{
    static const char *const words[] = {"loses its power", "is killed", "is shut down"};
    struct sim_engine *n = &cl->engine[i];
    struct stopping s = {.a = n->acceptor, .done = RT_EVENT_INIT};

    if (n->eng == NULL)
        return;
    sim_tell(cl->w, n->name, "%s", words[how]);
    n->deaths++;
    sim_net_unlisten(cl->net, n->node);
    sim_net_down(cl->net, n->node, how != SIM_DEATH_POWER);
    if (how != SIM_DEATH_CLEAN) {
        sim_dir_conf(n->disk)->cut = how == SIM_DEATH_KILL ? SIM_CUT_KEEP_ALL : cl->conf.disk.cut;
        sim_dir_power_cut(n->disk);
    }
    sim_spawn(n->eng->shard->xs, stop_acceptor, &s);
    rt_event_wait(&s.done);
    engine_close(n->eng, how == SIM_DEATH_CLEAN);
    n->eng = NULL;
    net_acceptor_free(n->acceptor);
    n->acceptor = NULL;
    io_dir_close(n->dir);
    n->dir = NULL;
    sim_trace_u64(cl->w, sim_dir_trace(n->disk));
}

bool sim_engine_failed(const struct sim_cluster *cl, uint32_t i)
{
    const struct sim_engine *n = &cl->engine[i];

    for (uint32_t s = 0; n->eng != NULL && s < n->eng->shard_nr; s++)
        if (!shard_serves(&n->eng->shard[s]))
            return true;
    return n->eng != NULL && !sim_dir_powered(n->disk);
}

bool sim_engine_doomed(const struct sim_cluster *cl, uint32_t i)
{
    const struct engine *eng = cl->engine[i].eng;
    bool lost = false;

    for (uint32_t s = 0; eng != NULL && s < eng->shard_nr; s++)
        for (uint32_t d = 0; d < eng->shard[s].devs.nr; d++)
            lost = lost || eng->shard[s].devs.d[d].dev->flush_lost;
    return sim_engine_failed(cl, i) || lost;
}

int64_t sim_engine_check(struct sim_cluster *cl, uint32_t i, bool verify_data,
                         void (*report)(void *arg, const char *text), void *arg)
{
    uint64_t problems = 0;
    int rc = engine_check(cl->engine[i].eng, verify_data, report, NULL, arg, &problems);

    return rc != 0 ? rc : (int64_t)problems;
}

bool sim_cluster_idle(const struct sim_cluster *cl)
{
    for (uint32_t i = 0; i < cl->conf.engines; i++) {
        struct net_acceptor_stat st = {0};

        if (cl->engine[i].acceptor != NULL)
            net_acceptor_stat(cl->engine[i].acceptor, &st);
        if (st.serving != 0 || !sim_peers_idle(cl->engine[i].peers))
            return false;
    }
    return sim_net_idle(cl->net);
}

void sim_cluster_heal(struct sim_cluster *cl)
{
    sim_net_heal(cl->net);
    for (uint32_t i = 0; i < cl->conf.engines; i++)
        sim_peers_heal(cl->engine[i].peers);
}

/* ---- Clients ---- */

int sim_client_start(struct sim_cluster *cl, uint32_t i)
{
    sim_net_up(cl->net, cl->client[i].node);
    return client_create(&cl->client[i].client);
}

void sim_client_stop(struct sim_cluster *cl, uint32_t i)
{
    client_destroy(cl->client[i].client);
    cl->client[i].client = NULL;
}

/* What a connection of a client holds: the way to one engine. */
struct way {
    struct net_dialer dialer;
    struct sim_cluster *cl;
    uint32_t from, to;
};

static int dial(struct net_dialer *d, struct net_wire **w)
{
    struct way *y = CONTAINER_OF(d, struct way, dialer);

    return sim_net_dial(y->cl->net, y->from, y->to, w);
}

int client_embed_open(struct client *c, const char *path, unsigned int mode, struct net_peer **peer,
                      uuid_t pool, void **cookie, struct err *e)
{
    struct rt_xs *xs = rt_xs_self();
    struct sim_cluster *cl = sim_world_user(sim_world_of(rt_xs_world(xs)));
    struct net_remote_conf conf = {.xs = xs};
    uint32_t i = (uint32_t)atoi(path + strlen(POOL_PREFIX));
    struct way *y = calloc(1, sizeof(*y));
    int rc;

    ASSERT(strncmp(path, POOL_PREFIX, strlen(POOL_PREFIX)) == 0 && i < cl->conf.engines);
    ASSERT(y != NULL);
    *y = (struct way){
        .dialer.dial = dial, .cl = cl, .from = rt_xs_node(xs), .to = cl->engine[i].node};
    conf.dialer = &y->dialer;
    rc = net_remote_connect(&conf, peer);
    if (rc != 0) {
        free(y);
        return rc;
    }
    pool_uuid(i, pool);
    *cookie = y;
    return 0;
}

void client_embed_close(void *cookie)
{
    free(cookie);
}

int client_embed_place(void *cookie, char *buf, size_t len)
{
    (void)cookie, (void)buf, (void)len;
    return -DER_NOTSUPPORTED;
}

int client_embed_resolve(const char *name, char *buf, size_t len, struct err *e)
{
    return err_set(e, -DER_NONEXIST, "a simulated cluster has no registry", "name it sim/0", name);
}

int client_embed_list(int (*each)(const uuid_t pool, const char *label, const char *path,
                                  void *arg),
                      void *arg, struct err *e)
{
    return 0;
}

/* ---- Life ---- */

static struct rt_xs *node_xs(struct sim_cluster *cl, uint32_t node)
{
    struct rt_xs_conf conf = {.world = sim_world_rt(cl->w), .node = node, .cpu = -1};
    struct rt_xs *xs;
    int rc = rt_xs_create(&conf, &xs);

    ASSERT(rc == 0);
    return xs;
}

int sim_cluster_create(struct sim_world *w, const struct sim_cluster_conf *conf,
                       struct sim_cluster **out)
{
    struct sim_cluster *cl = calloc(1, sizeof(*cl));

    ASSERT(cl != NULL && conf->engines <= SIM_ENGINES_MAX && conf->clients <= SIM_CLIENTS_MAX);
    cl->w = w;
    cl->conf = *conf;
    cl->net = sim_net_create(w, &conf->net);
    cl->director = node_xs(cl, sim_world_node(w, "director"));
    for (uint32_t i = 0; i < conf->engines; i++) {
        struct sim_engine *n = &cl->engine[i];
        struct sim_dir_conf disk = conf->disk;

        snprintf(n->name, sizeof(n->name), "engine%u", i);
        n->cl = cl;
        n->node = sim_world_node(w, n->name);
        disk.seed = sim_rng_next(sim_world_rng(w));
        disk.on_cut = power_gone;
        disk.arg = n;
        if (sim_dir_create(&disk, &n->disk) != 0)
            return -DER_NOMEM;
    }
    for (uint32_t i = 0; i < conf->clients; i++) {
        struct sim_client *n = &cl->client[i];

        snprintf(n->name, sizeof(n->name), "client%u", i);
        n->cl = cl;
        n->node = sim_world_node(w, n->name);
        n->xs = node_xs(cl, n->node);
    }
    sim_world_set_user(w, cl);
    *out = cl;
    return 0;
}

void sim_cluster_destroy(struct sim_cluster *cl)
{
    for (uint32_t i = 0; i < cl->conf.clients; i++)
        rt_xs_destroy(cl->client[i].xs);
    rt_xs_destroy(cl->director);
    for (uint32_t i = 0; i < cl->conf.engines; i++)
        sim_dir_destroy(cl->engine[i].disk);
    sim_net_destroy(cl->net);
    free(cl);
}
