/* An engine's life: the directory is locked, the first target's devices opened, its heap recovered,
 * store and service opened; the pool's map says which targets there are besides, which are opened
 * in the same way; all are brought to agree; then requests are served. */
#include <stdio.h>
#include <stdlib.h>
#include "base/bare.h"
#include "base/log.h"
#include "engine/engine_int.h"
#include "heap/mend.h"

static int shard_close(struct shard *s, bool clean)
{
    if (s->svc != NULL)
        svc_close(s->svc);
    if (s->vos != NULL)
        vos_close(s->vos);
    if (s->heap != NULL)
        heap_close(s->heap, clean);
    devices_close(&s->devs);
    data_io_fini(s);
    s->svc = NULL;
    s->vos = NULL;
    s->heap = NULL;
    return 0;
}

static int open_stores(struct shard *s, void *arg)
{
    int rc = 0;

    if (s->vos == NULL)
        rc = vos_open(s->heap, s->clock, engine_wall_ns(s->eng), &s->vos);
    if (s->target > 0)
        return rc;
    if (rc == 0 && s->svc == NULL)
        rc = svc_open(s->heap, &s->svc);
    if (rc == 0 && s->eng->conf.readonly)
        svc_set_readonly(s->svc);
    return rc;
}

static int open_step(struct shard *s, void *more)
{
    return vos_open_step(s->vos, more);
}

static int same_pool(const struct shard *s, struct err *e)
{
    const struct engine *eng = s->eng;

    if (s->target == 0 || memcmp(eng->pool, super_id(s->devs.role[SUPER_META])->pool, 16) == 0)
        return 0;
    return err_setf(e, -DER_DF_INVAL, "put the pool's own device back under this name",
                    "its device belongs to another pool", "cannot open target %u of pool %s",
                    s->target, eng->conf.dir->path);
}

/* Of a repair that was cut short only another one may see what it left. */
static int refuse_half_repaired(const struct shard *s, struct err *e)
{
    const char *path = s->eng->conf.dir->path;

    err_setf(e, -DER_DF_INVAL, "run `tarn check --repair` on the pool again",
             "a repair of it was cut short", "cannot open pool %s", path);
    if (s->target > 0)
        err_what(e, "cannot open target %u of pool %s", s->target, path);
    return -DER_DF_INVAL;
}

static int shard_open(struct shard *s, struct err *e)
{
    struct engine *eng = s->eng;
    struct heap_conf hc = {.xs = s->xs,
                           .readonly = eng->conf.readonly,
                           .checkpoint_pct = eng->conf.checkpoint_pct,
                           .mem_limit = eng->conf.mem_limit / eng->shard_nr,
                           .refuse_damaged = eng->conf.refuse_damaged,
                           .take_unread = eng->conf.repair,
                           .spurious_fault = eng->conf.spurious_fault,
                           .on_step = eng->conf.on_step,
                           .arg = eng->conf.arg};
    bool more = true;
    int rc;

    rc = devices_open(&eng->conf, s->xs, s->target, &s->devs, e);
    if (rc == 0)
        rc = same_pool(s, e);
    for (int r = 0; rc == 0 && r < SUPER_ROLE_NR; r++)
        hc.dev[r] = s->devs.role[r];
    if (rc == 0)
        rc = heap_open(&hc, &s->heap, e);
    if (rc != 0)
        return rc;
    rc = shard_run(s, open_stores, NULL);
    while (rc == 0 && more)
        rc = shard_run(s, open_step, &more);
    if (rc != 0)
        return err_setf(e, rc, CHECK_NEXT, "its store cannot be opened",
                        "cannot open target %u of pool %s", s->target, eng->conf.dir->path);
    if (!eng->conf.readonly && !eng->conf.repair && heap_mend_under_way(s->heap) != 0)
        return refuse_half_repaired(s, e);
    return 0;
}

/* ---- The pool: its map says which targets it has ---- */

struct pool_map {
    struct arena mem;
    const void *map;
    size_t len;
};

static int read_map(struct shard *s, void *arg)
{
    struct pool_map *m = arg;

    return svc_pool_map(s->svc, &m->mem, &m->map, &m->len);
}

/* Targets are numbered without gaps: they are made with the pool. */
static int load_map(struct engine *eng, struct err *e)
{
    struct pool_map m = {.map = NULL};
    uint32_t nr = 0;
    int rc;

    arena_init(&m.mem, 0);
    rc = shard_run(eng->shard, read_map, &m);
    if (rc == 0)
        rc = place_map_decode(m.map, m.len, &eng->map);
    arena_fini(&m.mem);
    if (rc == 0)
        place_map_targets(eng->map, &nr);
    if (rc == 0 && (nr == 0 || nr > ENGINE_TARGETS_MAX))
        rc = -DER_DF_INCOMPT;
    if (rc != 0)
        return err_setf(e, rc, CHECK_NEXT, "its map cannot be read", "cannot open pool %s",
                        eng->conf.dir->path);
    eng->shard_nr = nr;
    return 0;
}

/* Any but the first. One that fails makes only its own data unavailable. */
static int open_other(struct shard *s, void *arg)
{
    struct err e = {0};
    int rc = shard_open(s, &e);

    if (rc == 0)
        return 0;
    err_set(&e, rc, "cannot open a target of the pool", "its device cannot be used", CHECK_NEXT);
    s->down = e;
    LOG_ERROR("%s: %s; %s; its data cannot be reached until then", e.what, e.why, e.next);
    if (!s->eng->conf.lenient)
        shard_close(s, false);
    return 0;
}

/* As shards_each(), also for those that do not serve. */
static int each_other(struct engine *eng, int (*fn)(struct shard *s, void *arg))
{
    int rc = 0;

    for (uint32_t i = 1; i < eng->shard_nr && rc == 0; i++)
        rc = shards_one(&eng->shard[i], fn, NULL);
    return rc;
}

static int recover(struct shard *s, void *arg)
{
    return tx_recover(s);
}

static int open_all(struct engine *eng, struct err *e)
{
    struct shard *first = eng->shard;
    int rc = shard_open(first, e);

    if (first->devs.role[SUPER_META] != NULL)
        memcpy(eng->pool, super_id(first->devs.role[SUPER_META])->pool, 16);
    if (rc == 0)
        rc = load_map(eng, e);
    if (rc != 0)
        return rc;
    if (eng->shard_nr > 1) {
        svc_tell_closed(first->svc);
        rc = engine_others_begin(eng);
        if (rc == 0)
            rc = each_other(eng, open_other);
        if (rc != 0)
            return rc;
    }
    rc = eng->conf.readonly || eng->conf.repair ? 0 : shards_each(eng, recover, NULL);
    if (rc == 0 && !eng->conf.readonly && !eng->conf.repair)
        rc = svc_host_reconcile(first);
    if (rc != 0)
        return err_setf(e, rc, CHECK_NEXT, "its service and its stores cannot be brought to agree",
                        "cannot open pool %s", eng->conf.dir->path);
    return 0;
}

static int close_dirty(struct shard *s, void *arg)
{
    return shard_close(s, false);
}

static int close_clean(struct shard *s, void *arg)
{
    return shard_close(s, true);
}

static void close_all(struct engine *eng, bool clean)
{
    if (eng->xs_nr > 0)
        each_other(eng, clean ? close_clean : close_dirty);
    shard_close(eng->shard, clean);
}

static int kick(struct shard *s, void *arg)
{
    reclaim_kick(s);
    tx_resume(s);
    return 0;
}

/* What the opening thread waits for while a fiber of the shard's xstream does the work. */
struct job {
    struct engine *eng;
    struct err *e;
    bool clean;
    int rc;
    struct rt_event done;
};

static void open_fiber(void *arg)
{
    struct job *j = arg;
    struct engine *eng = j->eng;

    j->rc = open_all(eng, j->e);
    if (j->rc != 0 && eng->conf.lenient) {
        eng->not_open = *j->e;
        *j->e = (struct err){0};
        j->rc = 0;
    }
    if (j->rc != 0)
        close_all(eng, false);
    else if (!eng->conf.readonly && !eng->conf.repair)
        shards_each(eng, kick, NULL);
    if (j->rc == 0)
        holders_start(eng->shard);
    rt_event_set(&j->done);
}

static int run_job(struct engine *eng, void (*fn)(void *arg), struct job *j)
{
    int rc;

    rt_event_init(&j->done);
    rc = rt_spawn_on(eng->shard->xs, fn, j);
    if (rc != 0)
        return rc;
    rt_event_wait(&j->done);
    return j->rc;
}

int engine_xs_create(const struct engine_conf *conf, uint32_t index, struct rt_xs **xs)
{
    struct rt_xs_conf xc = {.world = conf->world,
                            .node = conf->node,
                            .cpu = index == 0 ? conf->cpu : -1,
                            .spin_us = conf->spin_us,
                            .name = "tarn-engine"};

    if (conf->cpus_nr > 0)
        xc.cpu = (int)conf->cpus[index % conf->cpus_nr];
    return rt_xs_create(&xc, xs);
}

static void shard_init(struct engine *eng, struct shard *s, uint32_t target)
{
    s->eng = eng;
    s->target = target;
    s->xs = eng->xs[target % eng->xs_nr];
    s->clock = eng->conf.own_clocks ? &s->own_clock : &eng->clock;
    handles_init(s);
    txs_init(s);
}

/* The map is known: the other xstreams and shards come to be. */
int engine_others_begin(struct engine *eng)
{
    uint32_t cpus = eng->world->simulated ? ENGINE_TARGETS_MAX : rt_cpus();
    uint32_t most = eng->conf.cpus_nr > 0 ? eng->conf.cpus_nr : cpus;
    uint32_t want = MIN(eng->shard_nr, eng->conf.xstreams != 0 ? eng->conf.xstreams : most);
    int rc = 0;

    while (eng->xs_nr < want && rc == 0) {
        rc = engine_xs_create(&eng->conf, eng->xs_nr, &eng->xs[eng->xs_nr]);
        eng->xs_nr += rc == 0;
    }
    for (uint32_t i = 1; i < eng->shard_nr; i++)
        shard_init(eng, &eng->shard[i], i);
    return rc;
}

static void engine_free(struct engine *eng)
{
    for (uint32_t i = eng->xs_nr; i > 0; i--)
        rt_xs_destroy(eng->xs[i - 1]);
    for (uint32_t i = 0; i < ENGINE_TARGETS_MAX && eng->shard[i].xs != NULL; i++) {
        handles_fini(&eng->shard[i]);
        txs_fini(&eng->shard[i]);
    }
    if (eng->self != NULL)
        net_peer_close(eng->self);
    holders_fini(eng->shard);
    place_map_free(eng->map);
    base_free(eng->shard);
    base_free(eng);
}

int engine_open(const struct engine_conf *conf, struct engine **out, struct err *e)
{
    struct engine *eng = base_calloc(1, sizeof(*eng));
    struct job j = {.eng = eng, .e = e};
    int rc;

    if (eng == NULL)
        return -DER_NOMEM;
    if (BARE_UPDATES && getenv(BARE_BENCH) == NULL) {
        base_free(eng);
        return err_setf(e, -DER_NOTSUPPORTED, "build without -Dbare_updates=true",
                        "this program was built to measure updates that may happen twice",
                        "cannot open pool %s", conf->dir->path);
    }
    eng->shard = base_calloc(ENGINE_TARGETS_MAX, sizeof(*eng->shard));
    if (eng->shard == NULL) {
        base_free(eng);
        return -DER_NOMEM;
    }
    eng->conf = *conf;
    eng->world = conf->world != NULL ? conf->world : rt_world_real();
    eng->shard_nr = 1;
    eng->shard->eng = eng;
    rt_mutex_init(&eng->svc_lock);
    service_init(eng);
    holders_init(eng->shard);
    rc = net_inproc_connect(&eng->service, &eng->self);
    if (rc != 0) {
        engine_free(eng);
        return rc;
    }
    if (conf->between != NULL)
        eng->self = conf->between(conf->arg, &eng->service, &eng->gate, eng->self);
    /* a reader of a pool that nobody may write needs no lock, and may not be able to take one */
    rc = conf->readonly || conf->locked ? 0 : io_dir_lock(conf->dir, e);
    if (rc == 0)
        rc = engine_xs_create(conf, 0, &eng->xs[0]);
    if (rc == 0) {
        eng->xs_nr = 1;
        shard_init(eng, eng->shard, 0);
        rc = run_job(eng, open_fiber, &j);
    }
    if (rc == 0)
        *out = eng;
    else
        engine_free(eng);
    return rc;
}

/* New requests are refused by now; those under way end by themselves: each has a bound. */
static void wait_for_requests(struct engine *eng)
{
    while (!gate_is_empty(&eng->gate))
        rt_sleep_ns(50000);
}

void engine_drain(struct engine *eng)
{
    gate_close(&eng->gate);
    wait_for_requests(eng);
}

static int quiet(struct shard *s, void *arg)
{
    reclaim_stop(s);
    tx_stop(s);
    return 0;
}

/* Also those that failed. */
static void quiet_all(struct engine *eng)
{
    for (uint32_t i = 0; i < eng->shard_nr; i++)
        shards_one(&eng->shard[i], quiet, NULL);
}

static void close_fiber(void *arg)
{
    struct job *j = arg;

    quiet_all(j->eng);
    wait_for_requests(j->eng);
    quiet_all(j->eng); /* what the last ones began */
    holders_stop(j->eng->shard);
    close_all(j->eng, j->clean && !j->eng->conf.readonly);
    rt_event_set(&j->done);
}

void engine_close(struct engine *eng, bool clean)
{
    struct job j = {.eng = eng, .clean = clean};

    gate_close(&eng->gate);
    run_job(eng, close_fiber, &j);
    engine_free(eng);
}

bool engine_is_whole(const struct engine *eng, struct err *e)
{
    if (eng->not_open.rc != 0)
        *e = eng->not_open;
    return eng->not_open.rc == 0;
}

bool engine_target_serves(const struct engine *eng, uint32_t target, struct err *e)
{
    const struct shard *s = &eng->shard[target];

    if (shard_serves(s))
        return true;
    *e = s->down;
    err_setf(e, -DER_IO,
             "look at the system's log for errors of the device, then open the pool anew",
             "its device failed while it was open", "target %u of pool %s is down", target,
             eng->conf.dir->path);
    return false;
}

struct net_service *engine_service(struct engine *eng)
{
    return &eng->service;
}

struct rt_xs *engine_xs(struct engine *eng)
{
    return eng->shard->xs;
}

void engine_pool_uuid(const struct engine *eng, uuid_t pool)
{
    memcpy(pool, eng->pool, 16);
}

uint32_t engine_devices(const struct engine *eng, struct engine_device *d)
{
    uint32_t nr = 0;

    for (uint32_t t = 0; t < eng->shard_nr; t++) {
        const struct devices *ds = &eng->shard[t].devs;

        for (uint32_t i = 0; i < ds->nr; i++)
            d[nr++] = (struct engine_device){.target = t,
                                             .name = ds->d[i].name,
                                             .path = ds->d[i].dev->name,
                                             .roles = super_id(ds->d[i].super)->roles,
                                             .bytes = super_bytes(ds->d[i].super),
                                             .fixed = ds->d[i].dev->fixed,
                                             .pmem = ds->d[i].dev->pmem};
    }
    return nr;
}
