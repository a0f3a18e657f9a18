/*
 * rt: the runtime. Everything that waits, waits here.
 *
 * An xstream (struct rt_xs) is one thread of execution with its run queue, timers and, in real
 * mode, an io_uring. It runs fibers: stackful coroutines that never move to another xstream.
 * Straight-line code on a fiber waits on an rt_event; the xstream runs other fibers meanwhile.
 * Threads that are not xstreams ("foreign": the application's) may wait on an rt_event too; they
 * sleep in the kernel. So the same client code runs on an application's thread and, in simulation,
 * on a fiber.
 *
 * Time and randomness come only from here. A world (struct rt_world) supplies them: the real world
 * reads the machine's clocks and runs each xstream on its own thread; the simulated world (in
 * tests/sim) owns virtual time, a seeded generator, and steps all xstreams on one thread in an
 * order it draws. Code above rt cannot tell which world it lives in.
 *
 * Errors are negative DER codes. Unless said otherwise a function may be called from any thread.
 */
#ifndef TARN_RT_H
#define TARN_RT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct rt_world;
struct rt_xs;
struct rt_fiber;
struct rt_event;
struct io_uring;

/* ---- World: the seam of time, randomness and threads ---- */

/* What a world supplies. All times are nanoseconds. node is the value given to rt_xs_create():
 * a simulated world keeps one clock per node. */
struct rt_world_ops {
    uint64_t (*mono_ns)(struct rt_world *w, uint32_t node);
    uint64_t (*wall_ns)(struct rt_world *w, uint32_t node); /* since the Unix epoch */
    uint64_t (*random)(struct rt_world *w, uint32_t node);
    /* A new xstream exists / is going away: the real world starts or joins its thread, a simulated
     * one adds it to the set it steps. */
    int (*xs_start)(struct rt_world *w, struct rt_xs *xs);
    void (*xs_stop)(struct rt_world *w, struct rt_xs *xs);
    /* Work arrived from outside the xstream (a call, an event): wake it. A simulated world hears of
     * every call that makes an empty queue non-empty, and may ignore it if it asks rt_xs_ready().
     */
    void (*xs_wake)(struct rt_world *w, struct rt_xs *xs);
    /* Draws which of n ready fibers runs next, 0..n-1. The real world answers 0 (first in, first
     * out). */
    uint32_t (*pick)(struct rt_world *w, struct rt_xs *xs, uint32_t n);
};

struct rt_world {
    const struct rt_world_ops *ops;
    bool simulated;       /* one thread steps every xstream; there are no foreign threads */
    struct rt_keep *keep; /* of a simulated world; NULL: nothing is kept */
};

/* Memory of xstreams and heaps that have ended, for the next ones: a simulation that starts and
 * stops them all the time would do little else than take page faults. */
struct rt_keep *rt_keep_create(void); /* NULL: no memory */
void rt_keep_destroy(struct rt_keep *keep);
struct vrange_pool *rt_keep_ranges(struct rt_keep *keep); /* NULL of NULL */

/* The real world: CLOCK_MONOTONIC, CLOCK_REALTIME, getrandom, one thread an xstream. Immutable. */
struct rt_world *rt_world_real(void);

/* ---- Xstreams ---- */

struct rt_xs_conf {
    struct rt_world *world; /* NULL: the real one */
    uint32_t node;          /* which node's clock */
    int cpu;                /* pin to this CPU, -1: do not pin */
    uint32_t spin_us; /* busy wait after the last work before sleeping; 0 on crowded machines */
    uint32_t ring_entries; /* io_uring size, default 256; UINT32_MAX: no ring wanted */
    const char *name;      /* shown in logs and as thread name; at most 15 characters */
    bool driven; /* no thread of its own: see "Driven xstreams"; real world only, no ring, no fibers
                  */
};

/* Starts an xstream. -DER_NOMEM, -DER_INVAL (cpu). A refused io_uring is not an error: see
 * rt_xs_ring(). */
int rt_xs_create(const struct rt_xs_conf *conf, struct rt_xs **xs_out);
/* Waits until every fiber has ended and every posted call has run, then stops and frees the
 * xstream. The caller has seen to it that its fibers end and that nobody posts to it any more. Not
 * from the xstream itself; from a fiber of another one it parks (and then blocks its thread for the
 * moment of joining). Outside a fiber of a simulated world it steps the xstream itself, and ASSERTs
 * if that does not bring its fibers to an end. */
void rt_xs_destroy(struct rt_xs *xs);
/* The xstream the caller runs on, NULL on a foreign thread. */
struct rt_xs *rt_xs_self(void);
/* The xstream's io_uring (SINGLE_ISSUER: touch it only on the xstream), NULL if the kernel refused
 * one, none was wanted or the world is simulated. An SQE's user_data must point to a struct rt_cqe.
 * When io_uring_get_sqe() gives NULL, call rt_ring_submit() and ask again; that fails only while
 * the completion queue is congested: rt_yield() and try again. */
struct io_uring *rt_xs_ring(struct rt_xs *xs);
struct rt_world *rt_xs_world(struct rt_xs *xs);
uint32_t rt_xs_node(const struct rt_xs *xs);

/* Completion of one SQE; done() runs on the xstream's scheduler (must not wait). */
struct rt_cqe {
    void (*done)(struct rt_cqe *cqe, int res);
};
/* Call after preparing SQEs: they are submitted when the xstream has run its ready fibers (so that
 * many submissions cost one system call) . Only on the xstream. */
void rt_ring_kick(struct rt_xs *xs);
/* Submits now. Negative errno of io_uring_submit(), which leaves the SQEs queued for the next turn.
 */
int rt_ring_submit(struct rt_xs *xs);

/* One turn: runs every fiber that is ready now (order by the world's pick), expired timers, ring
 * completions and posted calls. Returns whether anything ran. The real world's thread calls it in a
 * loop; a simulated world calls it itself. */
bool rt_xs_step(struct rt_xs *xs);
/* Monotonic time of the earliest timer, UINT64_MAX when none; the simulated world skips to it. */
uint64_t rt_xs_next_timer_ns(struct rt_xs *xs);
/* Whether a step would find a fiber, a call or an expired timer now (pollers are not asked). In the
 * real world only on the xstream. */
bool rt_xs_ready(struct rt_xs *xs);
/* Busy wait worth giving to spin_us on this machine: 20, or 0 where the process may use at most two
 * CPUs: there it would take the core that the other side needs. */
uint32_t rt_default_spin_us(void);
/* CPUs that this process may use. */
uint32_t rt_cpus(void);
/* The same for a side of a connection between processes, which sleeps in the kernel 28 us away from
 * the other: 20 wherever there are two CPUs. TARN_SPIN_US says otherwise. */
uint32_t rt_shared_spin_us(void);

/* A poller runs once every turn of the xstream, on its scheduler (must not wait), and returns
 * whether it did anything. add/del only on the xstream; a poller may delete itself. A poller does
 * not keep the xstream awake: whoever leaves work for it calls rt_xs_wake() (from anywhere) after
 * publishing the work; then each poller runs at least once more. */
struct rt_poller {
    bool (*poll)(struct rt_poller *p);
    /* Optional: called in place of poll when the xstream is about to sleep. Sees to it that whoever
     * leaves work from now on wakes it, then looks once more; true if there was any. */
    bool (*doze)(struct rt_poller *p);
    struct rt_poller *next;
};
void rt_poller_add(struct rt_xs *xs, struct rt_poller *p);
void rt_poller_del(struct rt_xs *xs, struct rt_poller *p);
void rt_xs_wake(struct rt_xs *xs);

/* ---- Descriptors ---- */

/* Waits for a descriptor without a fiber: ready() runs once on the scheduler (must not wait) with
 * POLLIN, POLLOUT, POLLRDHUP, POLLHUP, POLLERR as they are then; for more, arm it again, also from
 * within. May come without reason. Real world only, on the xstream. */
struct rt_fd {
    int fd;
    void (*ready)(struct rt_fd *f, uint32_t events);
    uint32_t events; /* private from here: zero at first */
    struct rt_watch *watch;
};
/* Armed already: events replace those asked for. -DER_NOMEM. */
int rt_fd_arm(struct rt_xs *xs, struct rt_fd *f, uint32_t events);
/* No ready() comes any more; before the descriptor is closed. Not armed: nothing happens. */
void rt_fd_disarm(struct rt_xs *xs, struct rt_fd *f);

/* ---- Driven xstreams: caller-driven progress ----
 *
 * A driven xstream has no thread. Whoever waits for something that it does runs its turns
 * meanwhile, one thread at a time; the others look on, spinning at first and then asleep, and one
 * of them takes over when the driver has what it waited for. If nobody waits, nothing happens on
 * it. Calls posted to it run in somebody's turn. Foreign threads only; not from a signal handler.
 */

/* The calling thread becomes the xstream, until rt_drive_leave(): rt_xs_self() is xs. It must not
 * wait meanwhile. False: another thread is. On a fiber too. */
bool rt_drive_enter(struct rt_xs *xs);
void rt_drive_leave(struct rt_xs *xs);
/* One turn; whether anything happened. False too if another thread is at it. */
bool rt_drive(struct rt_xs *xs);
/* In a child of fork(): closes the descriptors of xs, which is the parent's; its memory is lost. */
void rt_drive_forked(struct rt_xs *xs);
/* Drives until ev is set, at most timeout_ns (UINT64_MAX: no limit). -DER_TIMEDOUT. A fiber drives
 * now and then, and its xstream goes on meanwhile. */
int rt_drive_wait(struct rt_xs *xs, struct rt_event *ev, uint64_t timeout_ns);

/* ---- Cross-core calls ---- */

/* Runs fn on xs's scheduler soon (must not wait; may spawn a fiber). The caller owns the struct,
 * which must stay until fn runs; so posting never fails and never allocates. Order between one
 * poster's calls to one xstream is kept. Lock-free (rt/callq.c). Callable from anywhere, signal
 * handlers excluded. */
struct rt_call {
    void (*fn)(struct rt_call *call);
    struct rt_call *next;
};
void rt_post(struct rt_xs *xs, struct rt_call *call);

/* ---- Fibers ---- */

/* Starts fn(arg) as a fiber of the calling xstream (rt_spawn) or of xs (rt_spawn_on; from
 * anywhere). It runs after the fibers that are ready now, and starts with a NULL fiber-local
 * pointer. Stacks are pooled, 64 KiB with a guard page (256 KiB under sanitizers). -DER_NOMEM. */
int rt_spawn(void (*fn)(void *arg), void *arg);
int rt_spawn_on(struct rt_xs *xs, void (*fn)(void *arg), void *arg);
/* The running fiber, NULL on a scheduler or a foreign thread. */
struct rt_fiber *rt_fiber_self(void);
/* Lets others run. On a foreign thread: sched_yield. */
void rt_yield(void);
/* Waits at least ns. On a fiber other fibers run meanwhile. */
void rt_sleep_ns(uint64_t ns);
/* A small number of the calling thread: those that ask are counted. */
uint32_t rt_thread_index(void);
/* Fiber-local pointer of the running fiber (or of the thread, if foreign): the current client uses
 * it. */
void *rt_local_get(void);
void rt_local_set(void *ptr);

/* ---- Events: one-shot completion any number of fibers and threads can wait for ---- */

struct rt_event {
    uintptr_t waiters; /* private: list of waiters, or "set" */
};
#define RT_EVENT_INIT                                                                              \
    {                                                                                              \
        0                                                                                          \
    }
void rt_event_init(struct rt_event *ev);
/* Sets it; wakes all. From anywhere. The event may be freed by a waiter as soon as its wait
 * returned: set() touches nothing of it after the waiters can run. */
void rt_event_set(struct rt_event *ev);
bool rt_event_is_set(const struct rt_event *ev);
/* Back to unset; nobody may be waiting. Whoever sets it before is seen by what the caller looks at
 * afterwards; whoever sets it later sets it: so "reset, look, wait" misses nothing. */
void rt_event_reset(struct rt_event *ev);
/* Waits until set; a fiber parks, a foreign thread sleeps (after a short spin). Already set: one
 * load. What the setter wrote before is visible after. ASSERTs on a scheduler (calls, timers,
 * pollers, completions must not wait), and on a thread that steps a simulated world outside its
 * fibers, where nobody could set the event meanwhile. */
void rt_event_wait(struct rt_event *ev);
/* As wait, at most timeout_ns; -DER_TIMEDOUT. 0 only tests. */
int rt_event_wait_timeout(struct rt_event *ev, uint64_t timeout_ns);

/* ---- Mutex and condition that fibers and foreign threads share ---- */

/* Fair enough, not recursive. A fiber that waits parks; a thread sleeps. */
struct rt_mutex {
    uint32_t state; /* private */
    void *head, *tail;
    uint32_t guard;
};
#define RT_MUTEX_INIT                                                                              \
    {                                                                                              \
        0                                                                                          \
    }
void rt_mutex_init(struct rt_mutex *m);
void rt_mutex_lock(struct rt_mutex *m);
bool rt_mutex_trylock(struct rt_mutex *m);
void rt_mutex_unlock(struct rt_mutex *m);

struct rt_cond {
    void *head, *tail;
    uint32_t guard;
};
#define RT_COND_INIT                                                                               \
    {                                                                                              \
        0                                                                                          \
    }
void rt_cond_init(struct rt_cond *c);
void rt_cond_wait(struct rt_cond *c, struct rt_mutex *m);
int rt_cond_wait_timeout(struct rt_cond *c, struct rt_mutex *m,
                         uint64_t timeout_ns); /* -DER_TIMEDOUT */
void rt_cond_signal(struct rt_cond *c);
void rt_cond_broadcast(struct rt_cond *c);

/* ---- Timers (on the xstream that arms them) ---- */

struct rt_timer {
    void (*fn)(struct rt_timer *t); /* on the scheduler, must not wait; t is idle again and may be
                                       freed or re-armed */
    uint64_t at_ns;
    uint64_t seq; /* private from here; all zero: idle. Timers of one moment fire in the order they
                     were armed. */
    struct rt_timer *child, *next, *prev;
};
/* Arms t to fire at the monotonic time at_ns (soon if that is past); re-arming moves it. Never
 * fails: returns 0. */
int rt_timer_arm(struct rt_timer *t, uint64_t at_ns);
void rt_timer_cancel(struct rt_timer *t); /* idle timer: nothing happens */

/* ---- Time and randomness of the node whose xstream the caller runs on; of the real world on a
 * foreign thread ---- */

uint64_t rt_now_ns(void);  /* monotonic */
uint64_t rt_turn_ns(void); /* rt_now_ns() as it was when first asked in this turn of the xstream */
uint64_t rt_wall_ns(void); /* since the Unix epoch; may jump */
uint64_t rt_random(void);
/* Fills buf with n random bytes (UUIDs, session ids). */
void rt_random_bytes(void *buf, size_t n);

#endif
