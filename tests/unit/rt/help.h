/* What the tests of rt share: an xstream of the real world, and the smallest simulated world. */
#ifndef TARN_TEST_RT_HELP_H
#define TARN_TEST_RT_HELP_H

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/assert.h"
#include "rt/rt.h"

#define MS UINT64_C(1000000)

static inline struct rt_xs *real_xs(uint32_t spin_us, bool ring)
{
    struct rt_xs_conf conf = {
        .cpu = -1, .spin_us = spin_us, .ring_entries = ring ? 64 : UINT32_MAX, .name = "test"};
    struct rt_xs *xs;

    assert_int_equal(rt_xs_create(&conf, &xs), 0);
    return xs;
}

/* Runs fn(arg) as a fiber of xs and waits for its end. */
struct run {
    void (*fn)(void *arg);
    void *arg;
    struct rt_event ended;
};

static inline void run_main(void *arg)
{
    struct run *r = arg;

    r->fn(r->arg);
    rt_event_set(&r->ended);
}

static inline void run_on(struct rt_xs *xs, void (*fn)(void *arg), void *arg)
{
    struct run r = {.fn = fn, .arg = arg};

    assert_int_equal(rt_spawn_on(xs, run_main, &r), 0);
    rt_event_wait(&r.ended);
}

/* Whether fn ends its process by an assertion. */
static inline bool aborts(void (*fn)(void))
{
    int status;
    pid_t pid = fork();

    if (pid == 0) {
        signal(SIGABRT, SIG_DFL);
        close(STDERR_FILENO);
        fn();
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    /* a sanitizer turns the signal into an exit status of its own */
    return WIFSIGNALED(status) || WEXITSTATUS(status) != 0;
}

/* ---- A world of virtual time, stepped on one thread in an order drawn from a seed ---- */

#define TINY_NODES 4

struct tiny {
    struct rt_world world; /* first */
    struct rt_xs *xs[TINY_NODES];
    uint64_t now_ns;
    int64_t skew_ns[TINY_NODES];
    uint64_t seed;
    uint32_t woken; /* how often a world would have had to wake somebody */
};

static inline uint64_t tiny_draw(struct tiny *t)
{
    t->seed ^= t->seed << 13;
    t->seed ^= t->seed >> 7;
    t->seed ^= t->seed << 17;
    return t->seed;
}

static inline uint64_t tiny_mono(struct rt_world *w, uint32_t node)
{
    struct tiny *t = (struct tiny *)w;

    return t->now_ns + (uint64_t)t->skew_ns[node];
}

static inline uint64_t tiny_random(struct rt_world *w, uint32_t node)
{
    return tiny_draw((struct tiny *)w);
}

static inline int tiny_start(struct rt_world *w, struct rt_xs *xs)
{
    ((struct tiny *)w)->xs[rt_xs_node(xs)] = xs;
    return 0;
}

static inline void tiny_stop(struct rt_world *w, struct rt_xs *xs)
{
    ((struct tiny *)w)->xs[rt_xs_node(xs)] = NULL;
}

static inline void tiny_wake(struct rt_world *w, struct rt_xs *xs)
{
    ((struct tiny *)w)->woken++;
}

static inline uint32_t tiny_pick(struct rt_world *w, struct rt_xs *xs, uint32_t n)
{
    return (uint32_t)(tiny_draw((struct tiny *)w) % n);
}

static const struct rt_world_ops tiny_ops = {
    .mono_ns = tiny_mono,
    .wall_ns = tiny_mono,
    .random = tiny_random,
    .xs_start = tiny_start,
    .xs_stop = tiny_stop,
    .xs_wake = tiny_wake,
    .pick = tiny_pick,
};

static inline void tiny_init(struct tiny *t, uint64_t seed)
{
    *t = (struct tiny){.world = {&tiny_ops, true}, .seed = seed, .now_ns = 1000 * MS};
}

static inline struct rt_xs *tiny_xs(struct tiny *t, uint32_t node)
{
    struct rt_xs_conf conf = {.world = &t->world, .node = node, .cpu = -1};
    struct rt_xs *xs;

    assert_int_equal(rt_xs_create(&conf, &xs), 0);
    return xs;
}

/* Steps ready xstreams in drawn order; when none is ready, time jumps to the next timer; ends when
 * there is none. */
static inline void tiny_run(struct tiny *t)
{
    for (;;) {
        struct rt_xs *ready[TINY_NODES];
        uint64_t wait = UINT64_MAX;
        uint32_t n = 0;

        for (uint32_t i = 0; i < TINY_NODES; i++) {
            uint64_t next = t->xs[i] ? rt_xs_next_timer_ns(t->xs[i]) : UINT64_MAX;

            if (t->xs[i] && rt_xs_ready(t->xs[i]))
                ready[n++] = t->xs[i];
            else if (next != UINT64_MAX)
                wait = MIN(wait, next - tiny_mono(&t->world, i));
        }
        if (!n && wait == UINT64_MAX)
            return;
        if (!n) {
            t->now_ns += wait;
            continue;
        }
        t->now_ns += 100; /* a step takes time */
        rt_xs_step(ready[tiny_draw(t) % n]);
    }
}

#endif
