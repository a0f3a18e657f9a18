/*
 * The state word has two bits, LOCKED and WAITERS; the list of waiters is under guard, and WAITERS
 * says whether it has any. Without waiters locking and unlocking are one compare-and-swap each.
 *
 * Unlocking frees the mutex and wakes the oldest waiter, which tries again; whoever comes first
 * takes it, so a holder that locks again at once does not pay a sleep and wake each time. A waiter
 * that was woken in vain gets the mutex handed over next time, so nobody starves.
 *
 * Exhaustively checked: tests/model/mutex_model.c. No order below is stronger than it must be.
 */
#include <stddef.h>

#include "base/assert.h"
#include "rt/priv.h"
#include "rt/wait.h"

#define LOCKED  1u
#define WAITERS 2u

static bool cas(struct rt_mutex *m, uint32_t *was, uint32_t want)
{
    return __atomic_compare_exchange_n(&m->state, was, want, false, __ATOMIC_ACQUIRE,
                                       __ATOMIC_RELAXED);
}

void rt_mutex_init(struct rt_mutex *m)
{
    *m = (struct rt_mutex){0};
}

bool rt_mutex_trylock(struct rt_mutex *m)
{
    uint32_t was = __atomic_load_n(&m->state, __ATOMIC_RELAXED);

    while (!(was & LOCKED))
        if (cas(m, &was, was | LOCKED))
            return true;
    return false;
}

static void enlist(struct rt_mutex *m, struct waiter *w)
{
    if (w->tries) { /* it has been first in line before */
        w->next = m->head;
        m->head = w;
        if (!m->tail)
            m->tail = w;
        return;
    }
    w->next = NULL;
    if (m->tail)
        ((struct waiter *)m->tail)->next = w;
    else
        m->head = w;
    m->tail = w;
}

/* Takes the mutex, or stands in line for it and returns false. */
static bool lock_or_enlist(struct rt_mutex *m, struct waiter *w)
{
    uint32_t was;
    bool locked;

    guard_lock(&m->guard);
    was = __atomic_load_n(&m->state, __ATOMIC_RELAXED);
    do {
        locked = !(was & LOCKED);
    } while (!cas(m, &was, locked ? was | LOCKED : was | WAITERS));
    if (!locked)
        enlist(m, w);
    guard_unlock(&m->guard);
    return locked;
}

/* A thread whose lock is held by a running one gets it sooner by looking than by sleeping. */
static bool spin_lock(struct rt_mutex *m)
{
    int rounds = rt_fiber_self() || rt_default_spin_us() == 0 ? 0 : 100;

    for (int i = 0; i < rounds; i++) {
        if (rt_mutex_trylock(m))
            return true;
        cpu_relax();
    }
    return false;
}

void rt_mutex_lock(struct rt_mutex *m)
{
    struct waiter w;

    if (rt_mutex_trylock(m))
        return;
    waiter_init(&w);
    if (spin_lock(m))
        return;
    for (;;) {
        if (lock_or_enlist(m, &w))
            return;
        waiter_wait(&w);
        if (w.granted)
            return;
        w.tries++;
        w.word = 0;
    }
}

void rt_mutex_unlock(struct rt_mutex *m)
{
    uint32_t was = LOCKED;
    struct waiter *w;

    if (__atomic_compare_exchange_n(&m->state, &was, 0, false, __ATOMIC_RELEASE, __ATOMIC_RELAXED))
        return;
    ASSERT(was == (LOCKED | WAITERS));
    guard_lock(&m->guard);
    w = m->head;
    ASSERT(w != NULL);
    m->head = w->next;
    if (!m->head)
        m->tail = NULL;
    w->granted = w->tries > 0;
    /* once this is stored others may lock and unlock, but not free: w still waits */
    __atomic_store_n(&m->state, (w->granted ? LOCKED : 0) | (m->head ? WAITERS : 0),
                     __ATOMIC_RELEASE);
    guard_unlock(&m->guard);
    waiter_wake(w);
}
