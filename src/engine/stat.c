/* Figures of an engine, for tools and metrics. */
#include "engine/engine_int.h"

struct job {
    struct engine *eng;
    struct engine_stat *st;
    struct rt_event done;
};

/* On the shard's xstream. [L] */
static void fill(struct shard *s, struct engine_stat *st)
{
    struct engine *eng = s->eng;
    struct heap_stat hs;
    struct vos_stat vs;

    memset(st, 0, sizeof(*st));
    heap_stat(s->heap, &hs);
    vos_stat(s->vos, &vs);
    st->objects = vs.objects;
    st->dkeys = vs.dkeys;
    st->akeys = vs.akeys;
    st->values = vs.singles + vs.extents;
    st->value_bytes_heap = vs.value_heap_bytes;
    st->value_bytes_data = vs.value_data_bytes;
    st->prepared = vs.intents;
    st->prepared_bytes = vs.intent_bytes;
    st->heap_bytes = hs.alloc_bytes;
    st->meta_pages_bytes = hs.meta_bytes;
    st->wal_writes = hs.wal_writes;
    st->wal_bytes = hs.wal_written;
    st->commits = hs.commits;
    st->checkpoints = hs.checkpoints;
    st->faults = hs.faults;
    st->data_writes = eng->data_writes;
    st->data_reads = eng->data_reads;
    st->flushes = eng->flushes;
    st->data_total = hs.data_total;
    st->data_used = hs.data_used;
    st->data_free_runs = hs.data_free_runs;
    st->data_longest_run = hs.data_longest_run;
    st->mem_bytes = hs.mem_bytes;
    st->mem_limit = hs.mem_limit;
    st->evicted = hs.evicted;
    st->reclaim_rounds = s->reclaim_rounds;
    st->reclaim_steps = s->reclaim_steps;
    st->reclaim_running = s->reclaim_running;
    st->requests = __atomic_load_n(&eng->requests, __ATOMIC_RELAXED);
    st->inline_requests = __atomic_load_n(&eng->inline_requests, __ATOMIC_RELAXED);
}

static void stat_job(void *arg)
{
    struct job *j = arg;
    struct shard *s = &j->eng->shard;

    heap_lock(s->heap);
    fill(s, j->st);
    heap_unlock(s->heap);
    rt_event_set(&j->done);
}

void engine_stat(struct engine *eng, struct engine_stat *st)
{
    struct job j = {.eng = eng, .st = st};

    memset(st, 0, sizeof(*st));
    rt_event_init(&j.done);
    if (rt_spawn_on(eng->shard.xs, stat_job, &j) == 0)
        rt_event_wait(&j.done);
}

/* Name and place of each figure. */
#define FIGURES(X)                                                                                 \
    X(objects)                                                                                     \
    X(dkeys)                                                                                       \
    X(akeys)                                                                                       \
    X(values)                                                                                      \
    X(value_bytes_heap)                                                                            \
    X(value_bytes_data)                                                                            \
    X(prepared)                                                                                    \
    X(prepared_bytes)                                                                              \
    X(heap_bytes)                                                                                  \
    X(meta_pages_bytes)                                                                            \
    X(wal_writes)                                                                                  \
    X(wal_bytes)                                                                                   \
    X(commits)                                                                                     \
    X(checkpoints)                                                                                 \
    X(faults)                                                                                      \
    X(data_writes)                                                                                 \
    X(data_reads)                                                                                  \
    X(flushes)                                                                                     \
    X(mem_bytes)                                                                                   \
    X(mem_limit)                                                                                   \
    X(evicted)                                                                                     \
    X(data_total)                                                                                  \
    X(data_used)                                                                                   \
    X(data_free_runs)                                                                              \
    X(data_longest_run)                                                                            \
    X(reclaim_rounds)                                                                              \
    X(reclaim_steps)                                                                               \
    X(reclaim_running)                                                                             \
    X(requests)                                                                                    \
    X(inline_requests)

#define COUNT(name)   +1
#define METRIC(field) m[n++] = (struct msg_metric){.name = #field, .value = st.field};

void stat_fiber(struct shard *s, struct net_req *req)
{
    struct msg_engine_stat_rep *rep = req->rep;
    struct msg_metric *m = net_req_alloc(req, (0 FIGURES(COUNT)) * sizeof(*m));
    struct engine_stat st;
    uint32_t n = 0;

    if (m == NULL) {
        shard_reply(s, req, -DER_NOMEM, 0);
        return;
    }
    heap_lock(s->heap);
    fill(s, &st);
    heap_unlock(s->heap);
    FIGURES(METRIC)
    rep->metrics = m;
    rep->metrics_nr = n;
    shard_reply(s, req, 0, 0);
}
