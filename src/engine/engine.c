/* An engine's life: the directory is locked, its devices opened, the heap recovered, store and
 * service opened and brought to agree; then requests are served. */
#include <stdio.h>
#include "engine/engine_int.h"
#include "heap/mend.h"

static void shard_close(struct shard *s, bool clean)
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
}

static int open_stores(struct shard *s, void *arg)
{
    int rc = 0;

    if (s->vos == NULL)
        rc = vos_open(s->heap, &s->clock, engine_wall_ns(s->eng), &s->vos);
    if (rc == 0 && s->svc == NULL)
        rc = svc_open(s->heap, &s->svc);
    if (rc == 0 && s->eng->conf.readonly)
        svc_set_readonly(s->svc);
    return rc;
}

static int shard_open(struct shard *s, struct err *e)
{
    struct engine *eng = s->eng;
    struct heap_conf hc = {.xs = s->xs,
                           .readonly = eng->conf.readonly,
                           .checkpoint_pct = eng->conf.checkpoint_pct,
                           .mem_limit = eng->conf.mem_limit,
                           .refuse_damaged = eng->conf.refuse_damaged,
                           .take_unread = eng->conf.repair,
                           .spurious_fault = eng->conf.spurious_fault,
                           .on_step = eng->conf.on_step,
                           .arg = eng->conf.arg};
    int rc;

    rc = devices_open(&eng->conf, s->xs, &s->devs, e);
    for (int r = 0; rc == 0 && r < SUPER_ROLE_NR; r++)
        hc.dev[r] = s->devs.role[r];
    if (rc == 0)
        rc = heap_open(&hc, &s->heap, e);
    if (rc != 0)
        return rc;
    rc = shard_run(s, open_stores, NULL);
    if (rc != 0)
        return err_setf(e, rc, "run `tarn check` on the pool", "its store cannot be opened",
                        "cannot open pool %s", eng->conf.dir->path);
    memcpy(eng->pool, super_id(s->devs.role[SUPER_META])->pool, 16);
    if (!eng->conf.readonly && !eng->conf.repair && heap_mend_under_way(s->heap))
        return err_setf(e, -DER_DF_INVAL, "run `tarn check --repair` on the pool again",
                        "a repair of it was cut short", "cannot open pool %s", eng->conf.dir->path);
    rc = eng->conf.readonly || eng->conf.repair ? 0 : svc_host_reconcile(s);
    if (rc != 0)
        return err_setf(e, rc, "run `tarn check` on the pool",
                        "its service and its store cannot be brought to agree",
                        "cannot open pool %s", eng->conf.dir->path);
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
    struct shard *s = &j->eng->shard;

    j->rc = shard_open(s, j->e);
    if (j->rc != 0 && j->eng->conf.lenient) {
        j->eng->not_open = *j->e;
        *j->e = (struct err){0};
        j->rc = 0;
    }
    if (j->rc != 0)
        shard_close(s, false);
    else if (!j->eng->conf.readonly && !j->eng->conf.repair)
        reclaim_kick(s);
    if (j->rc == 0)
        holders_start(s);
    rt_event_set(&j->done);
}

static int run_job(struct engine *eng, void (*fn)(void *arg), struct job *j)
{
    int rc;

    rt_event_init(&j->done);
    rc = rt_spawn_on(eng->shard.xs, fn, j);
    if (rc != 0)
        return rc;
    rt_event_wait(&j->done);
    return j->rc;
}

int engine_xs_create(const struct engine_conf *conf, struct rt_xs **xs)
{
    struct rt_xs_conf xc = {.world = conf->world,
                            .node = conf->node,
                            .cpu = conf->cpu,
                            .spin_us = conf->spin_us,
                            .name = "tarn-engine"};

    return rt_xs_create(&xc, xs);
}

int engine_open(const struct engine_conf *conf, struct engine **out, struct err *e)
{
    struct engine *eng = base_calloc(1, sizeof(*eng));
    struct job j = {.eng = eng, .e = e};
    int rc;

    if (eng == NULL)
        return -DER_NOMEM;
    eng->conf = *conf;
    eng->world = conf->world != NULL ? conf->world : rt_world_real();
    eng->shard.eng = eng;
    rt_mutex_init(&eng->shard.svc_lock);
    service_init(eng);
    holders_init(&eng->shard);
    /* a reader of a pool that nobody may write needs no lock, and may not be able to take one */
    rc = conf->readonly || conf->locked ? 0 : io_dir_lock(conf->dir, e);
    if (rc == 0)
        rc = engine_xs_create(conf, &eng->shard.xs);
    if (rc != 0)
        goto fail;
    rc = run_job(eng, open_fiber, &j);
    if (rc == 0) {
        *out = eng;
        return 0;
    }
    rt_xs_destroy(eng->shard.xs);
fail:
    holders_fini(&eng->shard);
    base_free(eng);
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

static void close_fiber(void *arg)
{
    struct job *j = arg;
    struct shard *s = &j->eng->shard;

    wait_for_requests(j->eng);
    reclaim_stop(s);
    holders_stop(s);
    shard_close(s, j->clean && !j->eng->conf.readonly);
    rt_event_set(&j->done);
}

void engine_close(struct engine *eng, bool clean)
{
    struct job j = {.eng = eng, .clean = clean};

    gate_close(&eng->gate);
    run_job(eng, close_fiber, &j);
    rt_xs_destroy(eng->shard.xs);
    holders_fini(&eng->shard);
    place_map_free(eng->map);
    base_free(eng);
}

bool engine_is_whole(const struct engine *eng, struct err *e)
{
    if (eng->not_open.rc != 0)
        *e = eng->not_open;
    return eng->not_open.rc == 0;
}

struct net_service *engine_service(struct engine *eng)
{
    return &eng->service;
}

struct rt_xs *engine_xs(struct engine *eng)
{
    return eng->shard.xs;
}

void engine_pool_uuid(const struct engine *eng, uuid_t pool)
{
    memcpy(pool, eng->pool, 16);
}

uint32_t engine_devices(const struct engine *eng, struct engine_device *d)
{
    const struct devices *ds = &eng->shard.devs;

    for (uint32_t i = 0; i < ds->nr; i++)
        d[i] = (struct engine_device){.name = ds->d[i].name,
                                      .path = ds->d[i].dev->name,
                                      .roles = super_id(ds->d[i].super)->roles,
                                      .bytes = super_bytes(ds->d[i].super),
                                      .fixed = ds->d[i].dev->fixed,
                                      .pmem = ds->d[i].dev->pmem};
    return ds->nr;
}
