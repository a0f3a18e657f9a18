/*
 * An event is one word: 0, SET, or a list of waiters (newest first) with the LOCK bit while a
 * waiter takes itself out after a timeout. Setting swaps the whole list for SET in one step and
 * afterwards touches only the waiters, each of which cannot leave before it is woken. So a waiter
 * that finds SET, or is woken, may free the event. Exhaustively checked: tests/model/event_model.c.
 */
#include <stddef.h>

#include <daos_errno.h>

#include "base/assert.h"
#include "base/mutant.h"
#include "rt/priv.h"
#include "rt/wait.h"

#define SET  ((uintptr_t)1)
#define LOCK ((uintptr_t)2)

static bool cas(struct rt_event *ev, uintptr_t *was, uintptr_t want)
{
    return __atomic_compare_exchange_n(&ev->waiters, was, want, false, __ATOMIC_ACQ_REL,
                                       __ATOMIC_ACQUIRE);
}

/* The word once it is not locked. */
static uintptr_t load_unlocked(const struct rt_event *ev)
{
    unsigned tries = 0;
    uintptr_t v;

    while ((v = __atomic_load_n(&ev->waiters, __ATOMIC_ACQUIRE)) & LOCK)
        spin_pause(&tries);
    return v;
}

void rt_event_init(struct rt_event *ev)
{
    ev->waiters = 0;
}

bool rt_event_is_set(const struct rt_event *ev)
{
    return __atomic_load_n(&ev->waiters, __ATOMIC_ACQUIRE) == SET;
}

void rt_event_reset(struct rt_event *ev)
{
    uintptr_t was = __atomic_exchange_n(&ev->waiters, 0, __ATOMIC_ACQ_REL);

    ASSERT(was == 0 || was == SET);
}

void rt_event_set(struct rt_event *ev)
{
    struct waiter *newest, *oldest = NULL;
    uintptr_t was;

    /* written even if it is set already: the swap is ordered with a reset, which a look is not. A
     * setter that only looked could miss the reset, and whoever reset it what the setter had
     * written before */
    do {
        was = load_unlocked(ev);
    } while (!cas(ev, &was, SET));
    if (was == SET)
        return;

    /* first come, first woken */
    for (newest = (struct waiter *)was; newest;) {
        struct waiter *next = newest->next;

        newest->next = oldest;
        oldest = newest;
        newest = next;
    }
    while (oldest) {
        struct waiter *next = oldest->next;

        waiter_wake(oldest);
        oldest = next;
    }
}

/* False if the event is set, so that there is nothing to wait for. */
static bool enlist(struct rt_event *ev, struct waiter *w)
{
    uintptr_t was;

    do {
        was = load_unlocked(ev);
        if (was == SET)
            return false;
        w->next = (struct waiter *)was;
    } while (!cas(ev, &was, (uintptr_t)w));
    return true;
}

static bool withdraw(void *obj, struct waiter *w)
{
    struct rt_event *ev = obj;
    struct waiter *head, **at;
    uintptr_t was;

    do {
        was = load_unlocked(ev);
        if (was == SET)
            return false;
    } while (!cas(ev, &was, was | LOCK));
    head = (struct waiter *)was;
    for (at = &head; *at != w; at = &(*at)->next)
        ASSERT(*at != NULL);
    *at = MUTANT(RT_EVENT_WITHDRAW) ? NULL : w->next;
    __atomic_store_n(&ev->waiters, (uintptr_t)head, __ATOMIC_RELEASE);
    return true;
}

bool rt_event_enlist(struct rt_event *ev, struct waiter *w)
{
    return enlist(ev, w);
}

bool rt_event_withdraw(struct rt_event *ev, struct waiter *w)
{
    return withdraw(ev, w);
}

void rt_event_wait(struct rt_event *ev)
{
    struct waiter w;

    if (rt_event_is_set(ev))
        return;
    waiter_init(&w);
    if (enlist(ev, &w))
        waiter_wait(&w);
}

int rt_event_wait_timeout(struct rt_event *ev, uint64_t timeout_ns)
{
    struct waiter w;

    if (rt_event_is_set(ev))
        return 0;
    if (timeout_ns == 0)
        return -DER_TIMEDOUT;
    waiter_init(&w);
    if (!enlist(ev, &w) || waiter_wait_timeout(&w, timeout_ns, withdraw, ev))
        return 0;
    return -DER_TIMEDOUT;
}
