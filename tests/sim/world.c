/*
 * The simulated world. The set of xstreams is a short array in the order they were made; a turn
 * looks at each, draws one of those that are ready and not stalled, and steps it. Events are a
 * binary heap by (time, number).
 */
#include "world.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <daos_errno.h>
#include "base/assert.h"
#include "base/hash.h"

#define START_NS    (UINT64_C(1700000000) * SIM_S) /* of wall clocks: any date after 2021 */
#define TURN_MAX_NS 2000u
#define LINE_MAX    1024

struct node {
    const char *name;
    int64_t mono_ns, wall_ns; /* against the world, at since_ns */
    int32_t drift_ppm;
    uint64_t since_ns;
};

struct stepped {
    struct rt_xs *xs;
    uint64_t stalled_ns; /* until */
};

struct sim_world {
    struct rt_world world; /* first */
    struct sim_world_conf conf;
    struct sim_rng rng;
    uint64_t now_ns;
    struct node nodes[SIM_NODES_MAX];
    uint32_t nodes_nr;
    struct stepped xs[SIM_XS_MAX];
    uint32_t xs_nr;
    struct sim_event **events;
    uint32_t events_nr, events_max;
    uint64_t seq;
    uint64_t trace;
    void *user;
    struct rt_keep *own; /* conf.keep was NULL */
    struct sim_world_stat stat;
};

/* ---- Chance ---- */

struct sim_rng *sim_world_rng(struct sim_world *w)
{
    return &w->rng;
}

bool sim_chance(struct sim_rng *r, uint32_t ppm)
{
    return ppm != 0 && sim_rng_below(r, 1000000) < ppm;
}

uint64_t sim_draw_span(struct sim_rng *r, uint64_t min, uint64_t max)
{
    uint64_t span = max > min ? max - min : 0;

    span >>= sim_rng_below(r, 12);
    return min + (span != 0 ? sim_rng_below(r, span + 1) : 0);
}

/* ---- Clocks ---- */

static int64_t drifted(const struct sim_world *w, const struct node *n)
{
    return (int64_t)(w->now_ns - n->since_ns) / 1000000 * n->drift_ppm;
}

static uint64_t mono_ns(struct rt_world *rw, uint32_t node)
{
    struct sim_world *w = sim_world_of(rw);
    struct node *n = &w->nodes[node];

    return w->now_ns + (uint64_t)(n->mono_ns + drifted(w, n));
}

static uint64_t wall_ns(struct rt_world *rw, uint32_t node)
{
    struct sim_world *w = sim_world_of(rw);
    struct node *n = &w->nodes[node];

    return START_NS + w->now_ns + (uint64_t)(n->wall_ns + drifted(w, n));
}

void sim_world_drift(struct sim_world *w, uint32_t node, int32_t drift_ppm)
{
    struct node *n = &w->nodes[node];
    int64_t so_far = drifted(w, n);

    n->mono_ns += so_far;
    n->wall_ns += so_far;
    n->since_ns = w->now_ns;
    n->drift_ppm = drift_ppm;
}

void sim_world_jump(struct sim_world *w, uint32_t node, int64_t by_ns)
{
    w->nodes[node].wall_ns += by_ns;
    w->stat.jumps++;
}

/* The world's time at which a node's monotonic clock shows at_ns, or a little later. */
static uint64_t world_time(struct sim_world *w, uint32_t node, uint64_t at_ns)
{
    uint64_t shown = mono_ns(&w->world, node), left = at_ns > shown ? at_ns - shown : 0;
    int64_t drift = w->nodes[node].drift_ppm;

    /* a drifting clock moves in steps of a millisecond of the world's time: come again then */
    return w->now_ns + left +
           (drift != 0 && left > 0 ? left / 1000 * (uint64_t)llabs(drift) / 1000 : 0);
}

/* ---- What rt asks ---- */

static uint64_t draw(struct rt_world *rw, uint32_t node)
{
    return sim_rng_next(&sim_world_of(rw)->rng);
}

static int xs_start(struct rt_world *rw, struct rt_xs *xs)
{
    struct sim_world *w = sim_world_of(rw);

    ASSERT(w->xs_nr < SIM_XS_MAX);
    w->xs[w->xs_nr++] = (struct stepped){.xs = xs};
    return 0;
}

static void xs_stop(struct rt_world *rw, struct rt_xs *xs)
{
    struct sim_world *w = sim_world_of(rw);

    for (uint32_t i = 0; i < w->xs_nr; i++) {
        if (w->xs[i].xs != xs)
            continue;
        memmove(&w->xs[i], &w->xs[i + 1], (w->xs_nr - i - 1) * sizeof(w->xs[0]));
        w->xs_nr--;
        return;
    }
    ASSERT(!"an xstream of this world");
}

static void xs_wake(struct rt_world *rw, struct rt_xs *xs)
{
    /* the next turn asks every xstream anyway */
}

static uint32_t pick(struct rt_world *rw, struct rt_xs *xs, uint32_t n)
{
    return n > 1 ? (uint32_t)sim_rng_below(&sim_world_of(rw)->rng, n) : 0;
}

static const struct rt_world_ops world_ops = {
    .mono_ns = mono_ns,
    .wall_ns = wall_ns,
    .random = draw,
    .xs_start = xs_start,
    .xs_stop = xs_stop,
    .xs_wake = xs_wake,
    .pick = pick,
};

/* ---- Events ---- */

static bool before(const struct sim_event *a, const struct sim_event *b)
{
    return a->at_ns != b->at_ns ? a->at_ns < b->at_ns : a->seq < b->seq;
}

static void swap(struct sim_world *w, uint32_t i, uint32_t k)
{
    struct sim_event *e = w->events[i];

    w->events[i] = w->events[k];
    w->events[k] = e;
}

static void sift_up(struct sim_world *w, uint32_t i)
{
    for (; i > 0 && before(w->events[i], w->events[(i - 1) / 2]); i = (i - 1) / 2)
        swap(w, i, (i - 1) / 2);
}

static void sift_down(struct sim_world *w, uint32_t i)
{
    for (;;) {
        uint32_t least = i;

        for (uint32_t k = 2 * i + 1; k <= 2 * i + 2 && k < w->events_nr; k++)
            if (before(w->events[k], w->events[least]))
                least = k;
        if (least == i)
            return;
        swap(w, i, least);
        i = least;
    }
}

void sim_world_at(struct sim_world *w, struct sim_event *e, uint64_t at_ns)
{
    if (w->events_nr == w->events_max) {
        w->events_max = w->events_max != 0 ? w->events_max * 2 : 64;
        w->events = realloc(w->events, w->events_max * sizeof(*w->events));
        ASSERT(w->events != NULL);
    }
    e->at_ns = MAX(at_ns, w->now_ns);
    e->seq = ++w->seq;
    w->events[w->events_nr] = e;
    sift_up(w, w->events_nr++);
}

static struct sim_event *event_take(struct sim_world *w, uint32_t i)
{
    struct sim_event *e = w->events[i];

    w->events[i] = w->events[--w->events_nr];
    if (i < w->events_nr) {
        sift_up(w, i);
        sift_down(w, i);
    }
    return e;
}

void sim_world_cancel(struct sim_world *w, struct sim_event *e)
{
    for (uint32_t i = 0; i < w->events_nr; i++) {
        if (w->events[i] == e) {
            event_take(w, i);
            return;
        }
    }
}

static bool run_events(struct sim_world *w)
{
    bool any = false;

    while (w->events_nr > 0 && w->events[0]->at_ns <= w->now_ns) {
        struct sim_event *e = event_take(w, 0);

        w->stat.events++;
        sim_trace_u64(w, e->seq);
        e->fn(e);
        any = true;
    }
    return any;
}

/* ---- Turns ---- */

static void step(struct sim_world *w, uint32_t i)
{
    struct rt_xs *xs = w->xs[i].xs;
    uint64_t took;

    w->stat.turns++;
    sim_trace_u64(w, w->now_ns << 8 | rt_xs_node(xs));
    rt_xs_step(xs); /* it may be gone afterwards, and others may have come */
    took = sim_rng_below(&w->rng, (w->conf.turn_max_ns ? w->conf.turn_max_ns : TURN_MAX_NS) + 1);
    w->now_ns += took;
    if (!sim_chance(&w->rng, w->conf.stall_ppm) || i >= w->xs_nr || w->xs[i].xs != xs)
        return;
    took = sim_draw_span(&w->rng, SIM_US, w->conf.stall_max_ns);
    w->xs[i].stalled_ns = w->now_ns + took;
    w->stat.stalls++;
    if (took >= 100 * SIM_MS)
        sim_tell(w, w->nodes[rt_xs_node(xs)].name, "stalls for %llu ms",
                 (unsigned long long)(took / SIM_MS));
}

/* When something will be ready next, if nothing is now; UINT64_MAX: never. */
static uint64_t next_moment(struct sim_world *w)
{
    uint64_t at = w->events_nr > 0 ? w->events[0]->at_ns : UINT64_MAX;

    for (uint32_t i = 0; i < w->xs_nr; i++) {
        struct stepped *s = &w->xs[i];
        uint64_t timer = rt_xs_next_timer_ns(s->xs), ready;

        if (rt_xs_ready(s->xs))
            ready = s->stalled_ns;
        else if (timer != UINT64_MAX)
            ready = MAX(world_time(w, rt_xs_node(s->xs), timer), s->stalled_ns);
        else
            continue;
        at = MIN(at, ready);
    }
    return at;
}

static bool turn(struct sim_world *w)
{
    uint32_t ready[SIM_XS_MAX], n = 0;
    uint64_t at;

    if (run_events(w))
        return true;
    for (uint32_t i = 0; i < w->xs_nr; i++)
        if (w->xs[i].stalled_ns <= w->now_ns && rt_xs_ready(w->xs[i].xs))
            ready[n++] = i;
    if (n > 0) {
        step(w, ready[n > 1 ? sim_rng_below(&w->rng, n) : 0]);
        return true;
    }
    at = next_moment(w);
    if (at == UINT64_MAX)
        return false;
    w->now_ns = MAX(at, w->now_ns + 1);
    return true;
}

bool sim_world_run(struct sim_world *w, bool (*done)(void *arg), void *arg, uint64_t limit_ns,
                   uint64_t turns_max)
{
    uint64_t end_ns = w->now_ns + limit_ns, turns = w->stat.turns + turns_max;

    while (!done(arg)) {
        if (w->now_ns >= end_ns || w->stat.turns >= turns || !turn(w))
            return false;
    }
    return true;
}

/* ---- Records ---- */

void sim_trace_u64(struct sim_world *w, uint64_t v)
{
    w->trace = mix64(w->trace ^ v);
}

void sim_trace_add(struct sim_world *w, const void *bytes, size_t len)
{
    sim_trace_u64(w, hash_bytes(bytes, len));
}

uint64_t sim_world_trace(const struct sim_world *w)
{
    return w->trace;
}

bool sim_telling(const struct sim_world *w)
{
    return w->conf.story != NULL;
}

void sim_tell(struct sim_world *w, const char *who, const char *fmt, ...)
{
    char line[LINE_MAX];
    va_list ap;
    int at;

    if (w->conf.story == NULL)
        return;
    at = snprintf(line, sizeof(line), "%14.6f ms  %-8s ", (double)w->now_ns / 1e6, who);
    va_start(ap, fmt);
    vsnprintf(line + at, sizeof(line) - (size_t)at, fmt, ap);
    va_end(ap);
    w->conf.story(w->conf.arg, line);
}

const char *sim_world_name(const struct sim_world *w, uint32_t node)
{
    return w->nodes[node].name;
}

struct sim_world_stat sim_world_stat(const struct sim_world *w)
{
    return w->stat;
}

/* ---- Life ---- */

struct rt_world *sim_world_rt(struct sim_world *w)
{
    return &w->world;
}

struct sim_world *sim_world_of(struct rt_world *rw)
{
    ASSERT(rw->ops == &world_ops);
    return (struct sim_world *)rw;
}

void sim_world_set_user(struct sim_world *w, void *user)
{
    w->user = user;
}

void *sim_world_user(const struct sim_world *w)
{
    return w->user;
}

struct sim_world_conf *sim_world_conf(struct sim_world *w)
{
    return &w->conf;
}

uint64_t sim_world_now(const struct sim_world *w)
{
    return w->now_ns;
}

uint32_t sim_world_node(struct sim_world *w, const char *name)
{
    ASSERT(w->nodes_nr < SIM_NODES_MAX);
    w->nodes[w->nodes_nr] = (struct node){.name = name, .since_ns = w->now_ns};
    return w->nodes_nr++;
}

int sim_world_create(const struct sim_world_conf *conf, struct sim_world **out)
{
    struct sim_world *w = calloc(1, sizeof(*w));

    if (w == NULL)
        return -DER_NOMEM;
    w->own = conf->keep == NULL ? rt_keep_create() : NULL;
    w->world = (struct rt_world){
        .ops = &world_ops, .simulated = true, .keep = conf->keep != NULL ? conf->keep : w->own};
    w->conf = *conf;
    w->now_ns = SIM_S; /* monotonic clocks may run a little behind without going below zero */
    sim_rng_seed(&w->rng, conf->seed);
    *out = w;
    return 0;
}

void sim_world_destroy(struct sim_world *w)
{
    ASSERT(w->xs_nr == 0);
    free(w->events);
    rt_keep_destroy(w->own);
    free(w);
}
