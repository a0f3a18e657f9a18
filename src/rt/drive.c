/*
 * Driven xstreams: see rt.h. One thread at a time is the xstream (busy). Threads that wait are
 * drivers while they are awake; one that finds another driver may go to sleep on its own futex and
 * is then a follower. Drivers and followers are counted under the guard, so there is always a
 * driver while anybody waits: the last one to leave makes a follower one, and a driver does not
 * become a follower if it is the last.
 *
 * The driver sleeps in the xstream (rt_xs_sleep), where what happens on it wakes it. If what it
 * waits for is done by somebody else, that one wakes the xstream: word DRIVING becomes WAKING, and
 * WOKEN only after the wake-up was sent, so that the xstream stays until then.
 */
#include <unistd.h>

#include <daos_errno.h>

#include "base/assert.h"
#include "rt/priv.h"
#include "rt/wait.h"

#define FIBER_LOOK_NS 100000u

struct driver {
    struct waiter w;
    struct rt_xs *xs;
};

struct follower {
    struct follower *next;
    struct waiter *w;
    bool called; /* taken out of the list, and counted as a driver */
};

bool rt_drive_enter(struct rt_xs *xs)
{
    struct rt_tls *tls = rt_tls();

    ASSERT(xs->driven && tls->xs != xs);
    if (__atomic_load_n(&xs->busy, __ATOMIC_RELAXED) != 0 ||
        __atomic_exchange_n(&xs->busy, 1, __ATOMIC_ACQUIRE) != 0)
        return false;
    xs->outer_xs = tls->xs;
    xs->outer_fiber = tls->fiber;
    tls->xs = xs;
    tls->fiber = NULL;
    xs->turn_ns = 0;
    return true;
}

void rt_drive_leave(struct rt_xs *xs)
{
    struct rt_tls *tls = rt_tls();

    tls->xs = xs->outer_xs;
    tls->fiber = xs->outer_fiber;
    __atomic_store_n(&xs->busy, 0, __ATOMIC_RELEASE);
}

bool rt_drive(struct rt_xs *xs)
{
    bool any;

    if (!rt_drive_enter(xs))
        return false;
    any = rt_xs_step(xs);
    rt_drive_leave(xs);
    return any;
}

void rt_drive_forked(struct rt_xs *xs)
{
    close(xs->fds.epoll);
    close(xs->fds.efd);
}

/* ---- Drivers and followers ---- */

static void driver_begin(struct rt_xs *xs)
{
    guard_lock(&xs->guard);
    xs->drivers++;
    guard_unlock(&xs->guard);
}

static void wake_follower(struct follower *f)
{
    struct waiter *w = f->w;
    uint32_t was = WAITER_ASLEEP;

    /* f is gone once it is awake; it may have been woken by its event already */
    if (__atomic_compare_exchange_n(&w->word, &was, WAITER_AWAKE, false, __ATOMIC_RELEASE,
                                    __ATOMIC_RELAXED))
        futex_wake_all(&w->word);
}

static void driver_end(struct rt_xs *xs)
{
    struct follower *f = NULL;

    guard_lock(&xs->guard);
    if (--xs->drivers == 0 && (f = xs->followers) != NULL) {
        xs->followers = f->next;
        f->called = true;
        xs->drivers++;
        wake_follower(f);
    }
    guard_unlock(&xs->guard);
}

static void unlink_follower(struct rt_xs *xs, struct follower *f)
{
    struct follower **at = &xs->followers;

    while (*at != f)
        at = &(*at)->next;
    *at = f->next;
}

/* Sleeps until woken, called to drive, or the time is over. A driver again when it returns. False:
 * it has not slept, as the last driver may not. */
static bool follow(struct rt_xs *xs, struct waiter *w, uint64_t end_ns)
{
    struct follower f = {.w = w};
    struct follower **at = &xs->followers;
    uint32_t was = WAITER_AWAKE;

    guard_lock(&xs->guard);
    if (xs->drivers == 1 || !__atomic_compare_exchange_n(&w->word, &was, WAITER_ASLEEP, false,
                                                         __ATOMIC_ACQUIRE, __ATOMIC_ACQUIRE)) {
        guard_unlock(&xs->guard);
        return false;
    }
    xs->drivers--;
    while (*at != NULL)
        at = &(*at)->next;
    *at = &f;
    guard_unlock(&xs->guard);
    while (__atomic_load_n(&w->word, __ATOMIC_ACQUIRE) == WAITER_ASLEEP) {
        uint64_t now = end_ns == UINT64_MAX ? 0 : rt_now_ns();

        if (now >= end_ns)
            break;
        futex_wait(&w->word, WAITER_ASLEEP, end_ns == UINT64_MAX ? UINT64_MAX : end_ns - now);
    }
    guard_lock(&xs->guard);
    if (!f.called) {
        unlink_follower(xs, &f);
        xs->drivers++;
    }
    was = WAITER_ASLEEP;
    __atomic_compare_exchange_n(&w->word, &was, WAITER_AWAKE, false, __ATOMIC_ACQUIRE,
                                __ATOMIC_ACQUIRE);
    guard_unlock(&xs->guard);
    return true;
}

/* Somebody who does not wait is the xstream, for a moment: he may need our core. */
static void let_out(struct rt_xs *xs, const struct waiter *w, unsigned *tries)
{
    if (__atomic_load_n(&xs->busy, __ATOMIC_RELAXED) != 0 &&
        __atomic_load_n(&w->word, __ATOMIC_RELAXED) == WAITER_AWAKE)
        spin_pause(tries);
}

/* The driver sleeps in the xstream it has entered. */
static void sleep_driving(struct rt_xs *xs, struct waiter *w, uint64_t end_ns)
{
    uint64_t now = end_ns == UINT64_MAX ? 0 : rt_now_ns();
    uint32_t was = WAITER_AWAKE;

    if (now >= end_ns || !__atomic_compare_exchange_n(&w->word, &was, WAITER_DRIVING, false,
                                                      __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
        return;
    rt_xs_sleep(xs, end_ns == UINT64_MAX ? UINT64_MAX : end_ns - now, &w->word, WAITER_DRIVING);
    was = WAITER_DRIVING;
    __atomic_compare_exchange_n(&w->word, &was, WAITER_AWAKE, false, __ATOMIC_ACQ_REL,
                                __ATOMIC_ACQUIRE);
}

static void driver_wake(struct waiter *w)
{
    struct rt_xs *xs = CONTAINER_OF(w, struct driver, w)->xs;
    uint32_t was = __atomic_load_n(&w->word, __ATOMIC_RELAXED), next;

    do {
        next = was == WAITER_DRIVING ? WAITER_WAKING : WAITER_WOKEN;
    } while (!__atomic_compare_exchange_n(&w->word, &was, next, false, __ATOMIC_ACQ_REL,
                                          __ATOMIC_RELAXED));
    if (was == WAITER_ASLEEP)
        futex_wake_all(&w->word);
    if (was == WAITER_DRIVING) {
        rt_xs_wake(xs);
        __atomic_store_n(&w->word, WAITER_WOKEN, __ATOMIC_RELEASE);
    }
}

/* ---- Waiting ---- */

static bool woken(struct waiter *w)
{
    unsigned tries = 0;
    uint32_t v;

    while ((v = __atomic_load_n(&w->word, __ATOMIC_ACQUIRE)) == WAITER_WAKING)
        spin_pause(&tries);
    return v == WAITER_WOKEN;
}

/* One turn, if the xstream is free; whether anything happened. Nothing for spin_ns: sleeps. */
static void drive_until(struct rt_xs *xs, struct waiter *w, uint64_t end_ns)
{
    uint64_t idle_since = 0, limit = 0, offer = 0;
    unsigned looks = 0, tries = 0;

    while (!woken(w)) {
        uint64_t now;

        if (rt_drive(xs)) {
            if (idle_since != 0)
                spin_end(&xs->spin, true);
            idle_since = 0;
            looks = 0;
            continue;
        }
        if (xs->spin_ns != 0) {
            cpu_relax();
            if (++looks % SPIN_LOOKS != 0)
                continue;
        }
        now = rt_now_ns();
        if (now >= end_ns)
            return;
        if (idle_since == 0) {
            idle_since = now;
            limit = spin_begin(&xs->spin, xs->spin_ns, &offer);
        }
        if (now - idle_since < limit) {
            spin_turn(&xs->spin, now, now - idle_since, &offer);
            continue;
        }
        if (limit != 0)
            spin_end(&xs->spin, false);
        if (rt_drive_enter(xs)) {
            sleep_driving(xs, w, end_ns);
            rt_xs_step(xs); /* at once: two who only look while the other is in would go on so */
            rt_drive_leave(xs);
        } else if (!follow(xs, w, end_ns)) {
            let_out(xs, w, &tries);
        }
        idle_since = 0;
    }
}

/* A fiber cannot sleep in another xstream: it looks now and then. */
static int fiber_wait(struct rt_xs *xs, struct rt_event *ev, uint64_t timeout_ns)
{
    uint64_t begun = rt_now_ns();

    while (!rt_event_is_set(ev)) {
        if (timeout_ns != UINT64_MAX && rt_now_ns() - begun >= timeout_ns)
            return -DER_TIMEDOUT;
        if (!rt_drive(xs))
            rt_sleep_ns(FIBER_LOOK_NS);
    }
    return 0;
}

int rt_drive_wait(struct rt_xs *xs, struct rt_event *ev, uint64_t timeout_ns)
{
    struct driver d = {.xs = xs};
    struct waiter *w = &d.w;
    uint64_t now;
    int rc = 0;

    if (rt_event_is_set(ev))
        return 0;
    if (timeout_ns == 0) {
        rt_drive(xs);
        return rt_event_is_set(ev) ? 0 : -DER_TIMEDOUT;
    }
    if (rt_fiber_self() != NULL)
        return fiber_wait(xs, ev, timeout_ns);
    waiter_init(w);
    w->wake = driver_wake;
    if (!rt_event_enlist(ev, w))
        return 0;
    now = timeout_ns == UINT64_MAX ? 0 : rt_now_ns();
    driver_begin(xs);
    drive_until(xs, w, timeout_ns < UINT64_MAX - now ? now + timeout_ns : UINT64_MAX);
    if (!woken(w)) {
        if (rt_event_withdraw(ev, w))
            rc = -DER_TIMEDOUT;
        else /* it is about to be */
            while (!woken(w))
                cpu_relax();
    }
    driver_end(xs);
    return rc;
}
