/*
 * A fiber parks and is made ready on its xstream. A thread spins a little (a sleep and wake costs
 * about 28 us), then sleeps on a futex in its own waiter: enum waiter_word. The waker touches
 * the word once; waking the futex afterwards only uses its address, which may by then belong to
 * somebody else: a spurious wake-up there, which futex users expect. Exhaustively checked with the
 * events, mutexes and conditions that stand on it: tests/model.
 */
#include "rt/wait.h"

#include <stddef.h>

#include "base/assert.h"
#include "rt/priv.h"

void waiter_init(struct waiter *w)
{
    rt_assert_may_wait();
    *w = (struct waiter){.fiber = rt_fiber_self()};
}

void waiter_wake(struct waiter *w)
{
    if (w->fiber) {
        rt_ready(w->fiber);
        return;
    }
    if (w->wake) {
        w->wake(w);
        return;
    }
    if (__atomic_exchange_n(&w->word, WAITER_WOKEN, __ATOMIC_RELEASE) == WAITER_ASLEEP)
        futex_wake_all(&w->word);
}

static bool thread_woken(struct waiter *w)
{
    return __atomic_load_n(&w->word, __ATOMIC_ACQUIRE) == WAITER_WOKEN;
}

/* Spins for at most limit_ns; whether it was woken. */
static bool thread_spin(struct waiter *w, uint64_t limit_ns)
{
    uint64_t spin_ns = MIN((uint64_t)rt_default_spin_us() * NS_PER_US, limit_ns);
    uint64_t end;

    if (!spin_ns)
        return thread_woken(w);
    end = rt_now_ns() + spin_ns;
    do {
        for (int i = 0; i < 20; i++) {
            if (thread_woken(w))
                return true;
            cpu_relax();
        }
    } while (rt_now_ns() < end);
    return false;
}

/* Sleeps until woken or until the moment end_ns; whether it was woken. */
static bool thread_sleep(struct waiter *w, uint64_t end_ns)
{
    uint32_t was = WAITER_AWAKE;

    /* says nothing but that the futex needs waking; thread_woken() acquires */
    __atomic_compare_exchange_n(&w->word, &was, WAITER_ASLEEP, false, __ATOMIC_RELAXED,
                                __ATOMIC_RELAXED);
    while (!thread_woken(w)) {
        uint64_t now = end_ns == UINT64_MAX ? 0 : rt_now_ns();

        if (now >= end_ns)
            return false;
        futex_wait(&w->word, WAITER_ASLEEP, end_ns == UINT64_MAX ? UINT64_MAX : end_ns - now);
    }
    return true;
}

void waiter_wait(struct waiter *w)
{
    if (w->fiber)
        rt_park();
    else if (!thread_spin(w, UINT64_MAX))
        thread_sleep(w, UINT64_MAX);
}

struct fiber_timeout {
    struct rt_timer timer;
    struct waiter *w;
    waiter_withdraw withdraw;
    void *obj;
    bool expired;
};

/* On the fiber's own xstream, so the fiber cannot run meanwhile. */
static void fiber_expired(struct rt_timer *t)
{
    struct fiber_timeout *to = CONTAINER_OF(t, struct fiber_timeout, timer);

    if (!to->withdraw(to->obj, to->w))
        return; /* a wake-up is on its way */
    to->expired = true;
    rt_ready(to->w->fiber);
}

static uint64_t deadline_ns(uint64_t timeout_ns)
{
    uint64_t now = rt_now_ns();

    return timeout_ns < UINT64_MAX - now ? now + timeout_ns : UINT64_MAX;
}

bool waiter_wait_timeout(struct waiter *w, uint64_t timeout_ns, waiter_withdraw withdraw, void *obj)
{
    if (w->fiber) {
        struct fiber_timeout to = {
            .timer = {.fn = fiber_expired}, .w = w, .withdraw = withdraw, .obj = obj};

        rt_timer_arm(&to.timer, deadline_ns(timeout_ns));
        rt_park();
        rt_timer_cancel(&to.timer);
        return !to.expired;
    }
    if (thread_spin(w, timeout_ns) || thread_sleep(w, deadline_ns(timeout_ns)))
        return true;
    if (withdraw(obj, w))
        return false;
    thread_sleep(w, UINT64_MAX);
    return true;
}
