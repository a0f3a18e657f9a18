/* Time, randomness and sleeping of the world the caller lives in. */
#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/assert.h"
#include "rt/priv.h"

#define SPIN_US 20

static struct rt_world *world_of(uint32_t *node_out)
{
    struct rt_xs *xs = rt_xs_self();

    *node_out = xs ? xs->node : 0;
    return xs ? xs->world : rt_world_real();
}

uint64_t rt_now_ns(void)
{
    uint32_t node;
    struct rt_world *w = world_of(&node);

    return w->ops->mono_ns(w, node);
}

uint64_t rt_turn_ns(void)
{
    struct rt_xs *xs = rt_xs_self();

    if (xs == NULL || xs->world->simulated)
        return rt_now_ns();
    if (xs->turn_ns == 0)
        xs->turn_ns = rt_now_ns();
    return xs->turn_ns;
}

uint64_t rt_wall_ns(void)
{
    uint32_t node;
    struct rt_world *w = world_of(&node);

    return w->ops->wall_ns(w, node);
}

uint64_t rt_random(void)
{
    uint32_t node;
    struct rt_world *w = world_of(&node);

    return w->ops->random(w, node);
}

void rt_random_bytes(void *buf, size_t n)
{
    char *at = buf;

    while (n > 0) {
        uint64_t v = rt_random();
        size_t some = MIN(n, sizeof(v));

        memcpy(at, &v, some);
        at += some;
        n -= some;
    }
}

static void never(struct rt_event *ev, uint64_t ns)
{
    rt_event_wait_timeout(ev, ns); /* nobody sets it */
}

void rt_sleep_ns(uint64_t ns)
{
    struct timespec ts = {.tv_sec = (time_t)(ns / NS_PER_S), .tv_nsec = (long)(ns % NS_PER_S)};

    if (rt_fiber_self()) {
        struct rt_event ev = RT_EVENT_INIT;

        if (ns)
            never(&ev, ns);
        else
            rt_yield();
        return;
    }
    rt_assert_may_wait();
    while (clock_nanosleep(CLOCK_MONOTONIC, 0, &ts, &ts) == EINTR)
        ;
}

uint32_t rt_shared_spin_us(void)
{
    const char *text = getenv("TARN_SPIN_US");

    if (text != NULL)
        return (uint32_t)MIN(strtoul(text, NULL, 10), 1000000ul);
    /* of the machine: one CPU for this process says nothing of where the other side runs */
    return sysconf(_SC_NPROCESSORS_ONLN) < 2 ? 0 : SPIN_US;
}

uint32_t rt_default_spin_us(void)
{
    struct rt_tls *tls = rt_tls();
    cpu_set_t set;

    if (!tls->spin_us_plus_1) {
        /* on two, a spinning xstream or client takes the core that the other side's work needs:
         * measured with other load beside it, spinning made round trips 2 to 5 times slower */
        bool few = sched_getaffinity(0, sizeof(set), &set) == 0 && CPU_COUNT(&set) <= 2;

        tls->spin_us_plus_1 = (few ? 0 : SPIN_US) + 1;
    }
    return tls->spin_us_plus_1 - 1;
}

uint32_t rt_cpus(void)
{
    cpu_set_t set;

    return sched_getaffinity(0, sizeof(set), &set) == 0 ? (uint32_t)CPU_COUNT(&set) : 1;
}
