/* What the files of rt share; nobody else includes it. */
#ifndef TARN_RT_PRIV_H
#define TARN_RT_PRIV_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <liburing.h>

#include "rt/callq.h"
#include "rt/fd.h"
#include "rt/fiber.h"
#include "rt/rt.h"
#include "rt/timer.h"

#define NS_PER_US UINT64_C(1000)
#define NS_PER_S  UINT64_C(1000000000)

struct follower;
struct waiter;

/* The io_uring of an xstream, and the eventfd through which others wake it while it sleeps in the
 * ring. */
struct ring {
    bool on;
    bool kick;  /* SQEs wait to be submitted */
    bool armed; /* the read of the eventfd is in flight */
    int efd;
    uint64_t efd_value;
    uint64_t owed; /* wake-ups sent by others that have not come in yet; never negative for long */
    struct rt_cqe efd_cqe;
    struct io_uring uring;
};

/* Spinning before sleep, as long as it pays: when work came too late for it several times in a row,
 * it is tried now and then only. So idle xstreams, and those whose other side waits for a CPU, do
 * not spin.
 *
 * Who spins for longer than most answers take offers his CPU to others: it may be the one that the
 * other side, or another client's, waits for, and giving it away costs far less than sleeping and
 * being woken. If somebody took it for a moment, it is offered at once the next time; if for long,
 * he is none of ours, and for a while it is not offered any more; if nobody did, it is offered as
 * late again.
 *
 * Threads that drive one xstream (drive.c) share this without a lock; it is a guess, so what one of
 * them overwrites does no harm. */
struct spin {
    uint32_t misses, skipped; /* atomic, like the rest */
    uint32_t kept;            /* waits in which it is not offered */
    uint32_t wanted;          /* somebody took it for a moment */
};
#define SPIN_MISSES   4u
#define SPIN_RETRY    16u
#define SPIN_LOOKS    16u /* turns without work between two looks at the clock */
#define SPIN_OFFER_NS UINT64_C(8000)
#define SPIN_TAKEN_NS UINT64_C(1500) /* an offer that nobody takes is over sooner */
#define SPIN_LONG_NS  UINT64_C(50000)
#define SPIN_KEPT     256u

static inline uint32_t spin_get(const uint32_t *v)
{
    return __atomic_load_n(v, __ATOMIC_RELAXED);
}

static inline void spin_set(uint32_t *v, uint32_t to)
{
    __atomic_store_n(v, to, __ATOMIC_RELAXED);
}

/* Offers the CPU; now: a look at the clock a moment ago; idle_ns: since the wait began. *offer_ns:
 * of this wait, when it is next. */
void spin_offer(struct spin *s, uint64_t now, uint64_t idle_ns, uint64_t *offer_ns);

/* ... and that took so long. */
static inline void spin_offered(struct spin *s, uint64_t idle_ns, uint64_t took_ns,
                                uint64_t *offer_ns)
{
    bool wanted = took_ns >= SPIN_TAKEN_NS && took_ns < SPIN_LONG_NS;

    spin_set(&s->wanted, wanted);
    *offer_ns = idle_ns + took_ns + (wanted ? 0 : SPIN_OFFER_NS);
    if (took_ns >= SPIN_LONG_NS)
        spin_set(&s->kept, SPIN_KEPT);
}

static inline void spin_turn(struct spin *s, uint64_t now, uint64_t idle_ns, uint64_t *offer_ns)
{
    if (idle_ns >= *offer_ns)
        spin_offer(s, now, idle_ns, offer_ns);
}

/* How long to spin. */
static inline uint64_t spin_begin(struct spin *s, uint64_t max_ns, uint64_t *offer_ns)
{
    uint32_t kept, skipped;

    if (max_ns == 0)
        return 0;
    kept = spin_get(&s->kept);
    *offer_ns = kept > 0 ? UINT64_MAX : spin_get(&s->wanted) ? 0 : SPIN_OFFER_NS;
    if (kept > 0)
        spin_set(&s->kept, kept - 1);
    if (spin_get(&s->misses) < SPIN_MISSES)
        return max_ns;
    skipped = spin_get(&s->skipped) + 1;
    spin_set(&s->skipped, skipped);
    return skipped % SPIN_RETRY == 0 ? max_ns : 0;
}

static inline void spin_end(struct spin *s, bool hit)
{
    uint32_t misses = spin_get(&s->misses), now = hit ? 0 : MIN(misses + 1, SPIN_MISSES);

    if (now != misses)
        spin_set(&s->misses, now);
}

struct rt_keep {
    struct fiber_pool stacks;
    struct vrange_pool *ranges;
};

struct rt_xs {
    struct rt_world *world;
    uint32_t node;
    int cpu;
    uint64_t spin_ns;
    struct spin spin;
    uint32_t ring_entries;
    char name[16];

    /* the scheduler's; touched on the xstream only */
    struct rt_fiber *ready_head, *ready_tail;
    uint32_t ready_count;
    struct timers timers;
    struct rt_poller *pollers;
    struct rt_poller *poll_next; /* the walk's next, so that a poller may go while it runs */
    struct fiber_ctx sched_ctx;
    bool stopping; /* rt_xs_destroy() was called */
    struct rt_call stop_call;
    struct rt_event drained; /* stopping, and nothing is left */
    bool is_drained;
    struct ring ring;
    struct fds fds;
    uint64_t turn_ns; /* rt_turn_ns(); 0: not asked yet */
    uint32_t turns;

    /* of a driven xstream */
    bool driven;
    uint32_t busy;          /* a thread is the xstream now */
    struct rt_xs *outer_xs; /* what that thread was before */
    struct rt_fiber *outer_fiber;
    uint32_t guard;             /* of what follows */
    uint32_t drivers;           /* threads that drive, or would if another one did not */
    struct follower *followers; /* asleep, in the order they came */

    /* shared */
    struct callq calls __attribute__((aligned(64)));
    uint32_t live_fibers; /* atomic: spawned, not ended */
    struct fiber_pool own_pool;
    struct fiber_pool *pool; /* its own, or the one its world keeps */

    /* the real world's */
    pthread_t thread;
    uint32_t wake_word; /* futex: 1 = a wake-up was sent; only without a ring */
    int start_rc;
    struct rt_event started;
};

/* What a thread knows about itself. */
struct rt_tls {
    struct rt_xs *xs;        /* the xstream it runs or steps right now */
    struct rt_fiber *fiber;  /* NULL on its scheduler */
    void *local;             /* rt_local_get() of a foreign thread */
    uint32_t sim_xstreams;   /* simulated xstreams it created: it has no foreign role then */
    uint32_t spin_us_plus_1; /* rt_default_spin_us() asked once */
    uint32_t index_plus_1;   /* rt_thread_index() */
};
struct rt_tls *rt_tls(void);

/* sched.c */
void rt_ready(
    struct rt_fiber *f); /* makes a parked fiber ready, from anywhere; one call per park */
void rt_park(void);      /* the running fiber waits for rt_ready() */
void rt_assert_may_wait(void);
bool rt_run_pollers(struct rt_xs *xs);
bool rt_doze(struct rt_xs *xs); /* the pollers again, before sleeping; whether there was work */
bool rt_drained(struct rt_xs *xs);

/* ring.c */
void ring_init(struct rt_xs *xs); /* on the xstream's thread; leaves ring.on false if refused */
void ring_fini(struct rt_xs *xs);
bool ring_reap(struct rt_xs *xs); /* runs completions that are there; whether any */
void ring_sleep(struct rt_xs *xs, uint64_t timeout_ns); /* UINT64_MAX: no limit */
void ring_wake(struct rt_xs *xs);                       /* any thread that owes a wake-up */

/* world_real.c: sleeps, unless there is something to do, or *word is not value (any more), which
 * whoever changes it follows up with rt_xs_wake(). NULL: no word. The xstream's. */
void rt_xs_sleep(struct rt_xs *xs, uint64_t limit_ns, const uint32_t *word, uint32_t value);
/* event.c: enlists w; false if the event is set. */
bool rt_event_enlist(struct rt_event *ev, struct waiter *w);
/* Takes w out of the event's list; false: somebody else has and wakes it. */
bool rt_event_withdraw(struct rt_event *ev, struct waiter *w);

/* futex.c: waits while *word == value; returns early at will */
void futex_wait(uint32_t *word, uint32_t value, uint64_t timeout_ns);
void futex_wake_all(uint32_t *word);
void cpu_relax(void);
/* In a loop that waits for another thread; *tries starts as 0. */
void spin_pause(unsigned *tries);

/* guard.c */
/* A lock held for a few instructions, on a word that starts as 0. */
void guard_lock(uint32_t *guard);
void guard_unlock(uint32_t *guard);

#endif
