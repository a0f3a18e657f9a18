/*
 * The scheduler of an xstream: one turn takes posted calls, completions, expired timers and
 * pollers, then runs every fiber that is ready, then submits what they prepared. Fibers made ready
 * meanwhile wait for the next turn, so that neither calls nor fibers starve the other.
 */
#include <sched.h>
#include <stdio.h>
#include <string.h>

#include <daos_errno.h>

#include "base/assert.h"
#include "base/fail.h"
#include "rt/priv.h"

#define TIMER_TURNS 4u /* real turns are short, and asking the clock is a good part of one */

struct rt_tls *rt_tls(void)
{
    static _Thread_local struct rt_tls tls;

    return &tls;
}

uint32_t rt_thread_index(void)
{
    static uint32_t thread_count;
    struct rt_tls *tls = rt_tls();

    if (tls->index_plus_1 == 0)
        tls->index_plus_1 = __atomic_add_fetch(&thread_count, 1, __ATOMIC_RELAXED);
    return tls->index_plus_1 - 1;
}

struct rt_xs *rt_xs_self(void)
{
    return rt_tls()->xs;
}

struct rt_fiber *rt_fiber_self(void)
{
    return rt_tls()->fiber;
}

struct rt_world *rt_xs_world(struct rt_xs *xs)
{
    return xs->world;
}

uint32_t rt_xs_node(const struct rt_xs *xs)
{
    return xs->node;
}

void rt_assert_may_wait(void)
{
    struct rt_tls *tls = rt_tls();
    bool on_scheduler = tls->xs && !tls->fiber;
    bool steps_a_simulation = tls->sim_xstreams > 0 && !tls->fiber;

    ASSERT(!on_scheduler);
    ASSERT(!steps_a_simulation);
}

/* ---- Ready fibers ---- */

static void queue_ready(struct rt_xs *xs, struct rt_fiber *f)
{
    f->next = NULL;
    if (xs->ready_tail)
        xs->ready_tail->next = f;
    else
        xs->ready_head = f;
    xs->ready_tail = f;
    xs->ready_count++;
}

static struct rt_fiber *unqueue(struct rt_xs *xs, uint32_t index)
{
    struct rt_fiber *prev = NULL, *f = xs->ready_head;

    for (; index > 0; index--) {
        prev = f;
        f = f->next;
    }
    if (prev)
        prev->next = f->next;
    else
        xs->ready_head = f->next;
    if (xs->ready_tail == f)
        xs->ready_tail = prev;
    xs->ready_count--;
    return f;
}

static void ready_call(struct rt_call *call)
{
    struct rt_fiber *f = CONTAINER_OF(call, struct rt_fiber, ready_call);

    queue_ready(f->xs, f);
}

void rt_ready(struct rt_fiber *f)
{
    if (rt_xs_self() == f->xs)
        queue_ready(f->xs, f);
    else
        rt_post(f->xs, &f->ready_call);
}

/* ---- Fibers ---- */

void fiber_main(struct rt_fiber *f)
{
    struct fiber_ctx *sched = &f->xs->sched_ctx;

    fiber_arrived(&f->ctx, sched);
    f->fn(f->arg);
    f->done = true;
    fiber_switch(&f->ctx, sched, true);
    base_assert_failed(__FILE__, __LINE__, "an ended fiber was resumed");
}

int rt_spawn_on(struct rt_xs *xs, void (*fn)(void *arg), void *arg)
{
    struct rt_fiber *f;

    ASSERT(!xs->driven);
    f = fiber_new(xs->pool);
    if (!f)
        return -DER_NOMEM;
    f->xs = xs;
    f->fn = fn;
    f->arg = arg;
    f->ready_call.fn = ready_call;
    __atomic_add_fetch(&xs->live_fibers, 1, __ATOMIC_RELAXED);
    rt_ready(f);
    return 0;
}

int rt_spawn(void (*fn)(void *arg), void *arg)
{
    struct rt_xs *xs = rt_xs_self();

    ASSERT(xs != NULL);
    return rt_spawn_on(xs, fn, arg);
}

void rt_park(void)
{
    struct rt_fiber *f = rt_fiber_self();

    ASSERT(f != NULL);
    fiber_switch(&f->ctx, &f->xs->sched_ctx, false);
}

void rt_yield(void)
{
    struct rt_fiber *f = rt_fiber_self();

    if (!f) {
        rt_assert_may_wait();
        sched_yield();
        return;
    }
    queue_ready(f->xs, f);
    rt_park();
}

void *rt_local_get(void)
{
    struct rt_tls *tls = rt_tls();

    return tls->fiber ? tls->fiber->local : tls->local;
}

void rt_local_set(void *ptr)
{
    struct rt_tls *tls = rt_tls();

    if (tls->fiber)
        tls->fiber->local = ptr;
    else
        tls->local = ptr;
}

static void run_fiber(struct rt_xs *xs, struct rt_tls *tls, struct rt_fiber *f)
{
    tls->fiber = f;
    fiber_switch(&xs->sched_ctx, &f->ctx, false);
    tls->fiber = NULL;
    if (f->done) {
        fiber_free(xs->pool, f);
        __atomic_sub_fetch(&xs->live_fibers, 1, __ATOMIC_RELAXED);
    }
}

static bool run_fibers(struct rt_xs *xs, struct rt_tls *tls)
{
    uint32_t n = xs->ready_count;

    for (uint32_t i = n; i > 0; i--) {
        uint32_t index = xs->world->ops->pick(xs->world, xs, i);

        ASSERT(index < i);
        run_fiber(xs, tls, unqueue(xs, index));
    }
    return n > 0;
}

/* ---- Calls and pollers ---- */

void rt_post(struct rt_xs *xs, struct rt_call *call)
{
    struct rt_world *world = xs->world;
    enum callq_was was = callq_push(&xs->calls, call);

    /* from here on xs may be gone, unless we owe it a wake-up or nothing runs beside us */
    if (was == CALLQ_WAS_ASLEEP || (world->simulated && was == CALLQ_WAS_EMPTY))
        world->ops->xs_wake(world, xs);
}

void rt_xs_wake(struct rt_xs *xs)
{
    if (callq_rouse(&xs->calls) || xs->world->simulated)
        xs->world->ops->xs_wake(xs->world, xs);
}

static bool run_calls(struct rt_xs *xs)
{
    struct rt_call *c = callq_take(&xs->calls);
    bool any = c != NULL;

    while (c) {
        struct rt_call *next = c->next;

        c->fn(c);
        c = next;
    }
    return any;
}

void rt_poller_add(struct rt_xs *xs, struct rt_poller *p)
{
    ASSERT(rt_xs_self() == xs);
    p->next = xs->pollers;
    xs->pollers = p;
}

void rt_poller_del(struct rt_xs *xs, struct rt_poller *p)
{
    struct rt_poller **at = &xs->pollers;

    ASSERT(rt_xs_self() == xs);
    while (*at && *at != p)
        at = &(*at)->next;
    ASSERT(*at == p);
    *at = p->next;
    if (xs->poll_next == p)
        xs->poll_next = p->next;
}

bool rt_doze(struct rt_xs *xs)
{
    bool any = false;

    for (struct rt_poller *p = xs->pollers; p; p = xs->poll_next) {
        xs->poll_next = p->next;
        any |= p->doze ? p->doze(p) : p->poll(p);
    }
    return any;
}

bool rt_run_pollers(struct rt_xs *xs)
{
    bool any = false;

    for (struct rt_poller *p = xs->pollers; p; p = xs->poll_next) {
        xs->poll_next = p->next;
        any |= p->poll(p);
    }
    return any;
}

/* ---- Turns ---- */

static uint64_t xs_now_ns(struct rt_xs *xs)
{
    return xs->world->ops->mono_ns(xs->world, xs->node);
}

uint64_t rt_xs_next_timer_ns(struct rt_xs *xs)
{
    return timers_next_ns(&xs->timers);
}

bool rt_xs_ready(struct rt_xs *xs)
{
    uint64_t next = timers_next_ns(&xs->timers);

    return xs->ready_count > 0 || !callq_empty(&xs->calls) ||
           (next != UINT64_MAX && next <= xs_now_ns(xs));
}

/* Last thing of a turn: tells rt_xs_destroy(), after which xs may be gone in a simulated world. */
static void check_drained(struct rt_xs *xs)
{
    if (!xs->stopping || xs->is_drained || xs->ready_count || !callq_empty(&xs->calls) ||
        __atomic_load_n(&xs->live_fibers, __ATOMIC_RELAXED))
        return;
    xs->is_drained = true;
    rt_event_set(&xs->drained);
}

bool rt_xs_step(struct rt_xs *xs)
{
    struct rt_tls *tls = rt_tls();
    struct rt_xs *outer = tls->xs;
    bool any;

    ASSERT(!tls->fiber);
    tls->xs = xs;
    xs->turn_ns = 0;
    fiber_ctx_thread(&xs->sched_ctx);
    any = run_calls(xs);
    any |= xs->ring.on ? ring_reap(xs) : fds_poll(xs);
    if (xs->timers.root && (++xs->turns % TIMER_TURNS == 0 || xs->world->simulated))
        any |= timers_run(&xs->timers, xs_now_ns(xs));
    any |= rt_run_pollers(xs);
    any |= run_fibers(xs, tls);
    if (xs->ring.kick) {
        rt_ring_submit(xs);
        any = true;
    }
    tls->xs = outer;
    if (xs->stopping)
        check_drained(xs);
    return any;
}

/* ---- Life of an xstream ---- */

static void stop_call(struct rt_call *call)
{
    CONTAINER_OF(call, struct rt_xs, stop_call)->stopping = true;
}

static void xs_free(struct rt_xs *xs)
{
    fds_fini(&xs->fds);
    fiber_pool_fini(&xs->own_pool);
    base_free(xs);
}

int rt_xs_create(const struct rt_xs_conf *conf, struct rt_xs **xs_out)
{
    struct rt_xs *xs = base_aligned(64, sizeof(*xs));
    int rc;

    if (!xs)
        return -DER_NOMEM;
    memset(xs, 0, sizeof(*xs));
    xs->world = conf->world ? conf->world : rt_world_real();
    xs->pool = xs->world->keep != NULL ? &xs->world->keep->stacks : &xs->own_pool;
    xs->node = conf->node;
    xs->cpu = conf->cpu;
    xs->spin_ns = conf->spin_us * NS_PER_US;
    xs->ring_entries = conf->ring_entries;
    snprintf(xs->name, sizeof(xs->name), "%s", conf->name ? conf->name : "tarn");
    xs->stop_call.fn = stop_call;
    xs->driven = conf->driven;
    fds_init(&xs->fds);
    rc = xs->world->ops->xs_start(xs->world, xs);
    if (rc) {
        xs_free(xs);
        return rc;
    }
    if (xs->world->simulated)
        rt_tls()->sim_xstreams++;
    *xs_out = xs;
    return 0;
}

void rt_xs_destroy(struct rt_xs *xs)
{
    struct rt_world *world = xs->world;

    ASSERT(rt_xs_self() != xs);
    rt_post(xs, &xs->stop_call);
    while (xs->driven && !rt_event_is_set(&xs->drained))
        rt_drive(xs);
    if (world->simulated && !rt_fiber_self())
        while (!rt_event_is_set(&xs->drained)) {
            bool any = rt_xs_step(xs);

            ASSERT(any || rt_event_is_set(&xs->drained)); /* fibers left, and nothing wakes them */
        }
    rt_event_wait(&xs->drained);
    world->ops->xs_stop(world, xs);
    if (world->simulated)
        rt_tls()->sim_xstreams--;
    xs_free(xs);
}
