/* Making a pool in a directory: devices, superblocks, heap, store of each target, the last one
 * first; then the first one's with the service. A crash in between leaves a directory that does not
 * open as a pool. */
#include <stdio.h>
#include "engine/engine_int.h"

#define WAL_DEFAULT (128ull << 20)
#define WAL_MANY    (32ull << 20) /* of one target of many, at least */
#define WAL_LEAST   (8ull << 20)
#define META_FIRST  (32ull << 20)
#define DATA_FIRST  (16ull << 20)
#define ROLE_UNIT   65536ull
#define MAP_MAX     (64u + 64u * ENGINE_TARGETS_MAX)

struct format {
    const struct engine_conf *conf;
    const struct engine_format *fmt;
    struct rt_xs *xs;
    struct err *e;
    struct shard shard;   /* the one that is being made */
    struct devices *devs; /* of each target that is made; held until all are, so that none gets one
                             of another */
    int rc;
    struct rt_event done;
};

static uint32_t targets_of(const struct engine_format *fmt)
{
    return fmt->targets != 0 ? fmt->targets : 1;
}

static int map_encode(uint32_t targets, void *buf, size_t *len)
{
    struct place_target t[ENGINE_TARGETS_MAX];
    struct place_map *map;
    int rc;

    for (uint32_t i = 0; i < targets; i++)
        t[i] = (struct place_target){
            .id = i, .weight = 1, .state = DAOS_TS_UP_IN, .joined = 1, .changed = 1};
    rc = place_map_create(1, t, targets, &map);
    if (rc != 0)
        return rc;
    rc = place_map_encode(map, buf, len);
    place_map_free(map);
    return rc;
}

struct fill {
    const struct engine_format *fmt;
    uint8_t map[MAP_MAX];
    size_t map_len;
    bool vos_done;
    uint32_t bad;
};

static int fill_run(struct shard *s, void *arg)
{
    struct fill *f = arg;
    struct svc_format sf = {.props = f->fmt->props,
                            .props_nr = f->fmt->props_nr,
                            .owner = f->fmt->owner,
                            .group = f->fmt->group,
                            .map = f->map,
                            .map_len = (uint32_t)f->map_len,
                            .domains = 1};
    int rc = 0;

    memcpy(sf.pool, f->fmt->pool, 16);
    if (!f->vos_done)
        rc = vos_format(s->heap);
    f->vos_done = rc == 0;
    return rc != 0 || s->target > 0 ? rc : svc_format(s->heap, &sf, &f->bad);
}

/* The heap is there and empty: store and service go in. */
static int fill(struct format *j, struct shard *s)
{
    struct fill f = {.fmt = j->fmt, .map_len = sizeof(f.map)};
    int rc = map_encode(targets_of(j->fmt), f.map, &f.map_len);

    if (rc == 0)
        rc = shard_run(s, fill_run, &f);
    if (rc == -DER_INVAL)
        return err_setf(j->e, rc, "see `dmg pool create --help` for names and values",
                        "a property has a value it cannot have",
                        "cannot create the pool: property %u", f.bad);
    return rc;
}

/* limit: of this target. */
static void choose_sizes(const struct engine_format *fmt, uint64_t limit,
                         uint64_t size[SUPER_ROLE_NR])
{
    size[SUPER_WAL] = MAX(ROUND_UP(WAL_DEFAULT / targets_of(fmt), ROLE_UNIT), WAL_MANY);
    size[SUPER_META] = META_FIRST;
    size[SUPER_DATA] = DATA_FIRST;
    if (fmt->wal_bytes != 0)
        size[SUPER_WAL] = ROUND_UP(MAX(fmt->wal_bytes, ENGINE_WAL_LEAST), ROLE_UNIT);
    else if (limit != 0 && limit / 8 < size[SUPER_WAL])
        size[SUPER_WAL] = ROUND_UP(MAX(limit / 8, WAL_LEAST), ROLE_UNIT);
    if (fmt->meta_bytes != 0)
        size[SUPER_META] = ROUND_UP(fmt->meta_bytes, ROLE_UNIT);
    if (fmt->data_bytes != 0)
        size[SUPER_DATA] = ROUND_UP(fmt->data_bytes, ROLE_UNIT);
}

static int format_shard(struct format *j, struct shard *s)
{
    const struct engine_format *fmt = j->fmt;
    uint64_t limit = fmt->limit_bytes / targets_of(fmt);
    struct super_id id = {.page_size = HEAP_PAGE_SIZE, .target = s->target, .limit_bytes = limit};
    struct heap_conf hc = {.xs = s->xs};
    uint64_t size[SUPER_ROLE_NR];
    int rc;

    choose_sizes(fmt, limit, size);
    memcpy(id.pool, fmt->pool, 16);
    rc = devices_format(j->conf, s->xs, fmt, &id, size, &s->devs, j->e);
    if (rc != 0)
        return rc;
    for (int r = 0; r < SUPER_ROLE_NR; r++)
        hc.dev[r] = s->devs.role[r];
    rc = heap_format(&hc, j->e);
    if (rc == 0)
        rc = heap_open(&hc, &s->heap, j->e);
    if (rc == 0)
        rc = fill(j, s);
    if (rc == 0)
        rc = io_dir_sync(j->conf->dir);
    return rc;
}

static int format_target(struct format *j, struct engine *eng, struct shard *s, uint32_t target)
{
    int rc, late;

    *s = (struct shard){.eng = eng, .xs = j->xs, .target = target};
    rc = format_shard(j, s);
    if (s->heap != NULL) {
        late = heap_close(s->heap, rc == 0);
        rc = rc != 0 ? rc : late;
    }
    j->devs[target] = s->devs;
    return rc;
}

static void format_fiber(void *arg)
{
    struct format *j = arg;
    struct engine eng = {.conf = *j->conf};
    uint32_t nr = targets_of(j->fmt);

    for (uint32_t i = nr; i > 0 && j->rc == 0; i--)
        j->rc = format_target(j, &eng, &j->shard, i - 1);
    for (uint32_t i = 0; i < nr; i++)
        if (j->rc != 0)
            devices_undo(j->conf, &j->devs[i]);
        else
            devices_close(&j->devs[i]);
    rt_event_set(&j->done);
}

/* Before anything is made: a pool that is too small for its log leaves nothing behind. */
static int check_sizes(const struct engine_format *fmt, struct err *e)
{
    uint64_t limit = fmt->limit_bytes / targets_of(fmt), size[SUPER_ROLE_NR], least;
    char next[ERR_PART_MAX];

    choose_sizes(fmt, limit, size);
    least = size[SUPER_WAL] + size[SUPER_META] + size[SUPER_DATA] + SUPER_AREA;
    if (limit == 0 || limit >= least)
        return 0;
    snprintf(next, sizeof(next), "give it at least %llu MiB a target%s",
             (unsigned long long)((least + (1u << 20) - 1) >> 20),
             fmt->wal_bytes != 0 ? ", or a smaller log" : "");
    return err_setf(e, -DER_NOSPACE, next, "log and first metadata alone take more",
                    "cannot create a pool of %llu bytes", (unsigned long long)fmt->limit_bytes);
}

static int check_targets(const struct engine_format *fmt, struct err *e)
{
    if (fmt->targets > ENGINE_TARGETS_MAX)
        return err_setf(e, -DER_INVAL, "ask for fewer", "an engine serves at most 64",
                        "cannot create a pool of %u targets", fmt->targets);
    return 0;
}

int engine_pool_format(const struct engine_conf *conf, const struct engine_format *fmt,
                       struct err *e)
{
    struct format j = {.conf = conf, .fmt = fmt, .e = e};
    int rc = check_targets(fmt, e);

    if (rc == 0)
        rc = check_sizes(fmt, e);
    if (rc == 0 && !conf->locked)
        rc = io_dir_lock(conf->dir, e);
    if (rc == 0)
        rc = engine_xs_create(conf, 0, &j.xs);
    if (rc != 0)
        return rc;
    j.devs = base_calloc(targets_of(fmt), sizeof(*j.devs));
    if (j.devs == NULL) {
        rt_xs_destroy(j.xs);
        return -DER_NOMEM;
    }
    rt_event_init(&j.done);
    rc = rt_spawn_on(j.xs, format_fiber, &j);
    if (rc == 0) {
        rt_event_wait(&j.done);
        rc = j.rc;
    }
    rt_xs_destroy(j.xs);
    base_free(j.devs);
    if (rc != 0 && e != NULL && e->rc == 0)
        err_setf(e, rc, "see the log (D_LOG_MASK=INFO)", "its device could not be prepared",
                 "cannot create a pool in %s", conf->dir->path);
    return rc;
}
