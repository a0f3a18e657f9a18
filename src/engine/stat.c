/* Figures of an engine, for tools and metrics. */
#include <string.h>
#include "engine/engine_int.h"

/* Adds the shard's own. [L] */
static void add(struct shard *s, struct engine_stat *st)
{
    struct heap_stat hs;
    struct vos_stat vs;

    heap_stat(s->heap, &hs);
    vos_stat(s->vos, &vs);
    st->objects += vs.objects;
    st->dkeys += vs.dkeys;
    st->akeys += vs.akeys;
    st->values += vs.singles + vs.extents;
    st->value_bytes_heap += vs.value_heap_bytes;
    st->value_bytes_data += vs.value_data_bytes;
    st->prepared += vs.intents;
    st->prepared_bytes += vs.intent_bytes;
    st->tx_decided += vs.decided;
    st->tx_untold += s->txs.untold_nr;
    st->tx_sessions += vs.sessions_kept;
    st->tx_memory += vs.tx_memory + s->txs.untold_bytes;
    st->tx_memory_max += TX_MEMORY_MAX;
    st->heap_bytes += hs.alloc_bytes;
    st->meta_pages_bytes += hs.meta_bytes;
    st->wal_writes += hs.wal_writes;
    st->wal_bytes += hs.wal_written;
    st->commits += hs.commits;
    st->checkpoints += hs.checkpoints;
    st->faults += hs.faults;
    st->data_total += hs.data_total;
    st->data_used += hs.data_used;
    st->data_free_runs += hs.data_free_runs;
    st->data_longest_run = MAX(st->data_longest_run, hs.data_longest_run);
    st->mem_bytes += hs.mem_bytes;
    st->mem_limit += hs.mem_limit;
    st->evicted += hs.evicted;
    st->reclaim_rounds += s->reclaim_rounds;
    st->reclaim_steps += s->reclaim_steps;
    st->reclaim_running += s->reclaim_running;
}

struct job {
    struct engine_stat *st;
    struct rt_mutex lock; /* shards add one after the other */
};

static int each(struct shard *s, void *arg)
{
    struct job *j = arg;

    rt_mutex_lock(&j->lock);
    heap_lock(s->heap);
    add(s, j->st);
    heap_unlock(s->heap);
    rt_mutex_unlock(&j->lock);
    return 0;
}

void engine_stat(struct engine *eng, struct engine_stat *st)
{
    struct job j = {.st = st};

    memset(st, 0, sizeof(*st));
    rt_mutex_init(&j.lock);
    shards_each(eng, each, &j);
    st->targets = eng->shard_nr;
    for (uint32_t i = 0; i < eng->shard_nr; i++)
        st->targets_down += !shard_serves(&eng->shard[i]);
    st->data_writes = eng->data_writes;
    st->data_reads = eng->data_reads;
    st->flushes = __atomic_load_n(&eng->flushes, __ATOMIC_RELAXED);
    st->requests = __atomic_load_n(&eng->requests, __ATOMIC_RELAXED);
    st->inline_requests = __atomic_load_n(&eng->inline_requests, __ATOMIC_RELAXED);
}

/* Name and place of each figure. */
#define FIGURES(X)                                                                                 \
    X(targets)                                                                                     \
    X(targets_down)                                                                                \
    X(objects)                                                                                     \
    X(dkeys)                                                                                       \
    X(akeys)                                                                                       \
    X(values)                                                                                      \
    X(value_bytes_heap)                                                                            \
    X(value_bytes_data)                                                                            \
    X(prepared)                                                                                    \
    X(prepared_bytes)                                                                              \
    X(tx_decided)                                                                                  \
    X(tx_untold)                                                                                   \
    X(tx_sessions)                                                                                 \
    X(tx_memory)                                                                                   \
    X(tx_memory_max)                                                                               \
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
    engine_stat(s->eng, &st);
    FIGURES(METRIC)
    rep->metrics = m;
    rep->metrics_nr = n;
    shard_reply(s, req, 0, 0);
}
