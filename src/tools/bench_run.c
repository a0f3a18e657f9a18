/* A phase: every worker makes its operations back to back, looking at the clock once after each. */
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/fail.h"
#include "rt/rt.h"
#include "tools/bench.h"

/* Of all workers together: what is read stays larger than a CPU's caches, and a small pool holds
 * it. */
#define FILLED_MAX  (64u << 20)
#define COUNT_EVERY 16u /* operations between two looks at what all threads share */

void bench_name(char label[BENCH_LABEL_MAX])
{
    struct timespec ts;

    clock_gettime(CLOCK_REALTIME, &ts);
    snprintf(label, BENCH_LABEL_MAX, "tarn-bench-%llx%09lx", (unsigned long long)ts.tv_sec,
             (unsigned long)ts.tv_nsec);
}

static void *watch(void *arg)
{
    progress_watch(&((struct bench_watch *)arg)->p);
    return NULL;
}

void bench_watch_start(struct bench_watch *w, struct tool *t, const char *unit, uint64_t total,
                       const char *label, const char *vs)
{
    snprintf(w->leaves, sizeof(w->leaves),
             "ended at once: what it made may be left; 'tarn cont destroy %.100s %s'%s%.150s%s%s%s "
             "removes it",
             t->args[0], label, vs != NULL ? " and 'rm -r " : "", vs != NULL ? vs : "",
             vs != NULL ? "/" : "", vs != NULL ? label : "", vs != NULL ? "'" : "");
    progress_init(&w->p, "made", unit, t->json ? NULL : t->errout);
    w->p.done = &w->done;
    w->p.stop = &w->stop;
    w->p.leaves = w->leaves;
    atomic_store(&w->p.total, total);
    atomic_store(&w->p.total_known, true);
    w->watched = pthread_create(&w->watcher, NULL, watch, w) == 0;
}

void bench_watch_end(struct bench_watch *w)
{
    progress_finish(&w->p);
    if (w->watched)
        pthread_join(w->watcher, NULL);
    progress_end(&w->p);
    progress_fini(&w->p);
}

void bench_mark(struct bench_worker *w, uint64_t slot)
{
    if (w->size >= sizeof(slot))
        memcpy(w->buf, &slot, sizeof(slot));
}

int bench_check(const struct bench_worker *w, uint64_t slot, uint64_t bytes_read)
{
    if (bytes_read != w->size ||
        (w->size >= sizeof(slot) && memcmp(w->buf, &slot, sizeof(slot)) != 0))
        return -DER_MISMATCH;
    return 0;
}

static uint64_t share(uint64_t all, uint32_t threads, uint32_t nr)
{
    return all / threads + (nr < all % threads);
}

static uint64_t slots_of(const struct bench_worker *w)
{
    uint64_t slots = share(w->b->ops, w->b->threads, w->nr);
    uint64_t room = w->size == 0 ? slots : FILLED_MAX / w->b->threads / w->size;

    return room == 0 ? 1 : MIN(slots, room);
}

uint64_t bench_ops_of(const struct bench *b, const struct bench_workload *load)
{
    uint64_t phases = 0;

    while (phases < BENCH_PHASES_MAX && load->phases[phases].name != NULL)
        phases++;
    return phases * b->ops * (b->vs != NULL && bench_local_of(load) != NULL ? 2 : 1);
}

static uint64_t next_slot(struct bench_worker *w, uint64_t i)
{
    if (w->phase->order != BENCH_ANY)
        return w->phase->order == BENCH_FILL && !w->phase->fresh ? i % w->slots : i;
    w->random ^= w->random << 13;
    w->random ^= w->random >> 7;
    w->random ^= w->random << 17;
    return w->random % w->filled;
}

/* The clock is looked at once an operation: what ends one begins the next. What threads share is
 * touched rarely. */
static void *work(void *arg)
{
    struct bench_worker *w = arg;
    struct bench *b = w->b;
    uint64_t begun = rt_now_ns(), at = begun, i = 0;

    while (i < w->ops && at - begun < b->seconds * UINT64_C(1000000000)) {
        uint64_t now;

        w->rc = atomic_load_explicit(&b->watch.stop, memory_order_relaxed)
                    ? -DER_CANCELED
                    : w->phase->once(w, next_slot(w, i));
        if (w->rc != 0)
            break;
        now = rt_now_ns();
        hist_add(&w->hist, now - at);
        at = now;
        if (++i % COUNT_EVERY == 0)
            atomic_fetch_add_explicit(&b->watch.done, COUNT_EVERY, memory_order_relaxed);
    }
    atomic_fetch_add_explicit(&b->watch.done, i % COUNT_EVERY, memory_order_relaxed);
    if (w->phase->order == BENCH_FILL)
        w->filled = w->phase->fresh ? i : MIN(i, w->slots);
    return NULL;
}

/* ---- A phase ---- */

static void get_ready(struct bench_worker *w, const struct bench_phase *phase)
{
    memset(&w->hist, 0, sizeof(w->hist));
    w->phase = phase;
    w->ops = share(w->b->ops, w->b->threads, w->nr);
    if (phase->order == BENCH_EACH || w->filled == 0)
        w->ops = phase->order == BENCH_FILL ? w->ops : w->filled;
    w->rc = 0;
}

/* The first worker is this thread. Whoever gets no thread works after it. */
static void work_all(struct bench_worker *w, uint32_t nr)
{
    pthread_t threads[BENCH_THREADS_MAX];
    bool started[BENCH_THREADS_MAX] = {false};

    for (uint32_t i = 1; i < nr; i++)
        started[i] = pthread_create(&threads[i], NULL, work, &w[i]) == 0;
    work(&w[0]);
    for (uint32_t i = 1; i < nr; i++)
        if (started[i])
            pthread_join(threads[i], NULL);
        else
            work(&w[i]);
}

/* What a phase does not come to for lack of time is not to be waited for. */
static void expect_fewer(struct bench *b, uint64_t fewer)
{
    atomic_fetch_sub(&b->watch.p.total, fewer);
}

static int run_phase(struct bench *b, struct bench_worker *w, const struct bench_phase *phase,
                     bool local)
{
    struct bench_result *r = &b->results[b->nr];
    uint64_t begun;
    int rc = 0;

    *r = (struct bench_result){
        .load = w->load, .phase = phase, .local = local, .size = phase->bytes ? w->size : 0};
    b->at = r;
    for (uint32_t i = 0; i < b->threads; i++)
        get_ready(&w[i], phase);
    begun = rt_now_ns();
    work_all(w, b->threads);
    r->seconds = (double)(rt_now_ns() - begun) / 1e9;
    for (uint32_t i = 0; i < b->threads; i++) {
        hist_merge(&r->hist, &w[i].hist);
        rc = rc != 0 ? rc : w[i].rc;
    }
    expect_fewer(b, b->ops - r->hist.nr);
    b->nr += rc == 0;
    return rc;
}

/* ---- A workload ---- */

static void workers_end(struct bench_worker *w, uint32_t nr)
{
    for (uint32_t i = 0; w != NULL && i < nr; i++) {
        w[i].load->end(&w[i]);
        base_free(w[i].buf);
    }
    base_free(w);
}

static int workers_begin(struct bench *b, const struct bench_workload *load,
                         struct bench_worker **out)
{
    struct bench_worker *w = base_calloc(b->threads, sizeof(*w));
    int rc = w == NULL ? -DER_NOMEM : 0;
    uint32_t nr = 0;

    for (; rc == 0 && nr < b->threads; nr++) {
        w[nr] = (struct bench_worker){.b = b, .load = load, .nr = nr, .fd = -1};
        w[nr].size = load->size != 0 && b->size != 0 ? (uint32_t)b->size : load->size;
        w[nr].slots = slots_of(&w[nr]);
        w[nr].random = UINT64_C(0x9e3779b97f4a7c15) + nr;
        w[nr].buf = base_calloc(1, w[nr].size + 1);
        rc = w[nr].buf == NULL ? -DER_NOMEM : load->begin(&w[nr]);
    }
    if (rc != 0) {
        workers_end(w, nr);
        return rc;
    }
    for (uint32_t i = 0; i < nr; i++)
        memset(w[i].buf, 'b', w[i].size);
    *out = w;
    return 0;
}

int bench_run(struct bench *b, const struct bench_workload *load)
{
    const struct bench_workload *local = b->vs != NULL ? bench_local_of(load) : NULL;
    struct bench_result before = {.load = load, .phase = &load->phases[0]};
    struct bench_worker *w = NULL, *there = NULL;
    int rc;

    b->results[b->nr] = before;
    b->at = &b->results[b->nr];
    rc = workers_begin(b, load, &w);
    if (rc == 0 && local != NULL) {
        b->results[b->nr].local = true;
        rc = workers_begin(b, local, &there);
    }
    for (uint32_t i = 0; i < BENCH_PHASES_MAX && load->phases[i].name != NULL && rc == 0; i++) {
        rc = run_phase(b, w, &load->phases[i], false);
        if (rc == 0 && there != NULL)
            rc = run_phase(b, there, &local->phases[i], true);
    }
    workers_end(w, b->threads);
    workers_end(there, b->threads);
    return rc;
}
