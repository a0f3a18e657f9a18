/* All shards of an engine at once. */
#include "engine/engine_int.h"

struct part {
    struct shard *s;
    int (*fn)(struct shard *s, void *arg);
    void *arg;
    int rc;
    struct rt_event done;
};

static void run(void *arg)
{
    struct part *p = arg;

    p->rc = p->fn(p->s, p->arg);
    rt_event_set(&p->done);
}

static void begin(struct part *p, struct shard *s, int (*fn)(struct shard *s, void *arg), void *arg)
{
    int rc;

    *p = (struct part){.s = s, .fn = fn, .arg = arg};
    rt_event_init(&p->done);
    rc = rt_spawn_on(s->xs, run, p); /* it may have ended by now, p->rc is its */
    if (rc == 0)
        return;
    p->rc = rc;
    rt_event_set(&p->done);
}

int shards_one(struct shard *s, int (*fn)(struct shard *s, void *arg), void *arg)
{
    struct part p;

    if (rt_xs_self() == s->xs && rt_fiber_self() != NULL)
        return fn(s, arg);
    begin(&p, s, fn, arg);
    rt_event_wait(&p.done);
    return p.rc;
}

int shards_each(struct engine *eng, int (*fn)(struct shard *s, void *arg), void *arg)
{
    struct part *p;
    int rc = 0;

    if (eng->shard_nr == 1)
        return shard_serves(eng->shard) ? shards_one(eng->shard, fn, arg) : 0;
    p = base_alloc(eng->shard_nr * sizeof(*p));
    if (p == NULL)
        return -DER_NOMEM;
    for (uint32_t i = 0; i < eng->shard_nr; i++)
        if (shard_serves(&eng->shard[i]))
            begin(&p[i], &eng->shard[i], fn, arg);
        else
            p[i].s = NULL;
    for (uint32_t i = 0; i < eng->shard_nr; i++) {
        if (p[i].s == NULL)
            continue;
        rt_event_wait(&p[i].done);
        rc = rc != 0 ? rc : p[i].rc;
    }
    base_free(p);
    return rc;
}

int shards_each_in_turn(struct engine *eng, int (*fn)(struct shard *s, void *arg), void *arg)
{
    int rc = 0;

    for (uint32_t i = 0; i < eng->shard_nr && rc == 0; i++)
        if (shard_serves(&eng->shard[i]))
            rc = shards_one(&eng->shard[i], fn, arg);
    return rc;
}

bool shards_all_serve(const struct engine *eng)
{
    for (uint32_t i = 0; i < eng->shard_nr; i++)
        if (!shard_serves(&eng->shard[i]))
            return false;
    return true;
}
