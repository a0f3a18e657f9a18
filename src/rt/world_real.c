/*
 * The real world: the machine's clocks, and a thread for each xstream that steps it, spins a little
 * when nothing is to do, and then sleeps in the kernel until a completion, a timer or a wake-up.
 */
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include <daos_errno.h>

#include "base/assert.h"
#include "rt/priv.h"

static uint64_t clock_ns(clockid_t id)
{
    struct timespec ts;

    clock_gettime(id, &ts);
    return (uint64_t)ts.tv_sec * NS_PER_S + (uint64_t)ts.tv_nsec;
}

static uint64_t real_mono_ns(struct rt_world *w, uint32_t node)
{
    return clock_ns(CLOCK_MONOTONIC);
}

static uint64_t real_wall_ns(struct rt_world *w, uint32_t node)
{
    return clock_ns(CLOCK_REALTIME);
}

static uint64_t real_random(struct rt_world *w, uint32_t node)
{
    uint64_t v;
    ssize_t n;

    do {
        n = getrandom(&v, sizeof(v), 0);
    } while (n < 0 && errno == EINTR);
    ASSERT(n == (ssize_t)sizeof(v));
    return v;
}

static uint32_t real_pick(struct rt_world *w, struct rt_xs *xs, uint32_t n)
{
    return 0;
}

/* The caller took away our ASLEEP mark, so xs stays until this wake-up has arrived. */
static void real_wake(struct rt_world *w, struct rt_xs *xs)
{
    if (xs->ring.on) {
        ring_wake(xs);
        return;
    }
    if (fds_in_use(&xs->fds)) {
        fds_wake(xs);
        return;
    }
    __atomic_store_n(&xs->wake_word, 1, __ATOMIC_RELEASE);
    futex_wake_all(&xs->wake_word);
}

/* Somebody sent a wake-up, or is about to. */
static void wake_owed(struct rt_xs *xs)
{
    unsigned tries = 0;

    if (xs->ring.on) {
        xs->ring.owed++;
        return;
    }
    if (fds_in_use(&xs->fds)) {
        fds_wake_owed(xs);
        return;
    }
    while (!__atomic_load_n(&xs->wake_word, __ATOMIC_ACQUIRE))
        spin_pause(&tries);
    __atomic_store_n(&xs->wake_word, 0, __ATOMIC_RELAXED);
}

static uint64_t idle_limit_ns(struct rt_xs *xs)
{
    uint64_t next = rt_xs_next_timer_ns(xs);
    uint64_t now = next == UINT64_MAX ? 0 : clock_ns(CLOCK_MONOTONIC);

    if (next == UINT64_MAX)
        return UINT64_MAX;
    return next > now ? next - now : 0;
}

void rt_xs_sleep(struct rt_xs *xs, uint64_t limit_ns, const uint32_t *word, uint32_t value)
{
    if (!callq_sleep(&xs->calls))
        return;
    /* what was published before the mark was seen raises no wake-up: look once more */
    if (!rt_doze(xs) && !xs->ready_count &&
        (word == NULL || __atomic_load_n(word, __ATOMIC_RELAXED) == value))
        limit_ns = MIN(limit_ns, idle_limit_ns(xs));
    else
        limit_ns = 0;
    if (limit_ns > 0) {
        if (xs->ring.on)
            ring_sleep(xs, limit_ns);
        else if (fds_in_use(&xs->fds))
            fds_sleep(xs, limit_ns);
        else
            futex_wait(&xs->wake_word, 0, limit_ns);
    }
    if (!callq_awake(&xs->calls))
        wake_owed(xs);
}

static int xs_thread_init(struct rt_xs *xs)
{
    cpu_set_t set;

    pthread_setname_np(pthread_self(), xs->name);
    if (xs->cpu >= 0) {
        CPU_ZERO(&set);
        if (xs->cpu >= CPU_SETSIZE)
            return -DER_INVAL;
        CPU_SET(xs->cpu, &set);
        if (pthread_setaffinity_np(pthread_self(), sizeof(set), &set) != 0)
            return -DER_INVAL;
    }
    rt_tls()->xs = xs;
    ring_init(xs);
    return 0;
}

static void *xs_main(void *arg)
{
    struct rt_xs *xs = arg;
    uint64_t idle_since = 0, limit = 0, offer = 0;
    unsigned looks = 0;
    int rc = xs_thread_init(xs);

    xs->start_rc = rc;
    rt_event_set(&xs->started);
    if (rc)
        return NULL;
    while (!xs->is_drained) {
        uint64_t now;

        if (rt_xs_step(xs)) {
            if (idle_since)
                spin_end(&xs->spin, true);
            idle_since = 0;
            looks = 0;
            continue;
        }
        if (xs->is_drained)
            break;
        if (xs->spin_ns) {
            if (++looks % SPIN_LOOKS != 0) { /* asking the clock is half of a turn of nothing */
                cpu_relax();
                continue;
            }
            now = clock_ns(CLOCK_MONOTONIC);
            if (!idle_since) {
                idle_since = now;
                limit = spin_begin(&xs->spin, xs->spin_ns, &offer);
            }
            if (now - idle_since < limit) {
                cpu_relax();
                spin_turn(&xs->spin, now, now - idle_since, &offer);
                continue;
            }
            if (limit)
                spin_end(&xs->spin, false);
        }
        rt_xs_sleep(xs, UINT64_MAX, NULL, 0);
        idle_since = 0;
    }
    ring_fini(xs);
    return NULL;
}

static int real_start(struct rt_world *w, struct rt_xs *xs)
{
    sigset_t all, old;
    int rc;

    if (xs->driven)
        return fds_open(xs);

    /* signals belong to the application's threads */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    rc = pthread_create(&xs->thread, NULL, xs_main, xs);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (rc)
        return -DER_NOMEM;
    rt_event_wait(&xs->started);
    if (xs->start_rc)
        pthread_join(xs->thread, NULL);
    return xs->start_rc;
}

static void real_stop(struct rt_world *w, struct rt_xs *xs)
{
    if (!xs->driven)
        pthread_join(xs->thread, NULL);
}

struct rt_world *rt_world_real(void)
{
    static const struct rt_world_ops ops = {
        .mono_ns = real_mono_ns,
        .wall_ns = real_wall_ns,
        .random = real_random,
        .xs_start = real_start,
        .xs_stop = real_stop,
        .xs_wake = real_wake,
        .pick = real_pick,
    };
    static const struct rt_world world = {.ops = &ops, .simulated = false};

    return (struct rt_world *)(uintptr_t)&world; /* nobody writes to it */
}
