#include "base/hlc.h"

#include "base/assert.h"
#include "base/mutant.h"

#define NS_MAX (UINT64_MAX / 16) /* nanoseconds since 2021 that fit */
#define SECOND (UINT64_C(1000000000) * 16)

uint64_t hlc_from_unix_ns(uint64_t unix_ns)
{
    uint64_t ns = unix_ns - HLC_START_UNIX_NS;

    if (unix_ns < HLC_START_UNIX_NS)
        return 0;
    return MIN(ns, NS_MAX) * 16 & ~HLC_LOGICAL_MASK;
}

uint64_t hlc_to_unix_ns(uint64_t hlc)
{
    return (hlc & ~HLC_LOGICAL_MASK) / 16 + HLC_START_UNIX_NS;
}

static uint64_t above(uint64_t hlc)
{
    return hlc < HLC_LAST ? hlc + 1 : HLC_LAST;
}

uint64_t hlc_next(uint64_t last, uint64_t wall_ns)
{
    uint64_t wall = hlc_from_unix_ns(wall_ns);

    if (MUTANT(HLC_FOLLOWS_WALL) && wall + SECOND < last)
        return wall;
    return MAX(above(last), wall);
}

uint64_t hlc_merge(uint64_t last, uint64_t remote, uint64_t wall_ns)
{
    return hlc_next(MAX(last, remote), wall_ns);
}

bool hlc_too_far(uint64_t remote, uint64_t last, uint64_t wall_ns, uint64_t epsilon_ns)
{
    uint64_t mine = MAX(last, hlc_from_unix_ns(wall_ns));

    if (remote <= mine)
        return false;
    return (remote - mine) / 16 > epsilon_ns;
}

uint64_t hlc_get(struct hlc *c, uint64_t wall_ns)
{
    return hlc_recv(c, 0, wall_ns);
}

uint64_t hlc_recv(struct hlc *c, uint64_t remote, uint64_t wall_ns)
{
    uint64_t last = __atomic_load_n(&c->last, __ATOMIC_RELAXED);
    uint64_t next;

    do {
        next = hlc_merge(last, remote, wall_ns);
    } while (!__atomic_compare_exchange_n(&c->last, &last, next, true, __ATOMIC_ACQ_REL,
                                          __ATOMIC_RELAXED));
    return next;
}

void hlc_raise(struct hlc *c, uint64_t floor)
{
    uint64_t last = __atomic_load_n(&c->last, __ATOMIC_RELAXED);
    uint64_t want = MIN(floor, HLC_LAST);

    while (last < want && !__atomic_compare_exchange_n(&c->last, &last, want, true,
                                                       __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
        ;
}

uint64_t hlc_peek(const struct hlc *c)
{
    return __atomic_load_n(&c->last, __ATOMIC_ACQUIRE);
}
