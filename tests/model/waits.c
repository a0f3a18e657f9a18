/* What rt's waiting stands on, for actors: futexes, parking, timers, pauses, clocks. */
#include "il_int.h"
#include "rt/priv.h"

#define HERE ((const char *)__builtin_frame_address(0))

void il_pause(void)
{
    struct il_thread *t = il.self;

    if (t == &il.thread[0] || !t->looked_at)
        return;
    t->waits = PAUSED;
    step(HERE);
    t->waits = CAN_GO;
    memory_refresh();
}

void spin_offer(struct spin *s, uint64_t now, uint64_t idle_ns, uint64_t *offer_ns)
{
}

void spin_pause(unsigned *tries)
{
    (void)tries;
    if (il.self)
        il_pause();
}

void cpu_relax(void)
{
    if (il.self)
        il_pause();
}

void futex_wait(uint32_t *word, uint32_t value, uint64_t timeout_ns)
{
    struct il_thread *t = il.self;

    step(HERE);
    if (memory_latest(word, 4) == value) {
        trace("sleeps", word, value);
        t->waits = ON_FUTEX;
        t->futex = word;
        t->timed = timeout_ns != UINT64_MAX;
        step(HERE);
        if (t->waits == ON_FUTEX) {
            trace("times out", word, 0);
            t->now_ns += timeout_ns;
        }
        t->waits = CAN_GO;
    }
    memory_latest(word, 4);
}

void futex_wake_all(uint32_t *word)
{
    struct spoilt how =
        mutate((struct place){__builtin_return_address(0)}, OP_WAKE, RELAXED, RELAXED);

    step(HERE);
    if (how.skip)
        return;
    trace("wakes", word, 0);
    for (unsigned i = 1; i < THREADS; i++)
        if (il.thread[i].waits == ON_FUTEX && il.thread[i].futex == word)
            il.thread[i].waits = CAN_GO;
}

uint64_t rt_now_ns(void)
{
    return il.self->now_ns;
}

uint32_t rt_default_spin_us(void)
{
    return 0;
}

void rt_assert_may_wait(void)
{
}

struct rt_xs *rt_xs_self(void)
{
    return NULL;
}

/* ---- Fibers: the actor is one, alone on its xstream ---- */

struct rt_fiber *rt_fiber_self(void)
{
    unsigned no = thread_no(il.self);

    return no && il.self->scene->fiber[no - 1] ? il.self->fiber : NULL;
}

void rt_ready(struct rt_fiber *f)
{
    struct il_thread *t = f->arg;

    step(HERE);
    if (t->ready)
        violation("a fiber is made ready twice", NULL);
    /* the post to its xstream, or the queue of its own: both order what was before with what comes
     * after */
    memory_rmw(&t->ready_word, 4, ADD, 1, ACQ_REL);
    t->ready = true;
}

void rt_park(void)
{
    struct il_thread *t = il.self;

    for (;;) {
        struct rt_timer *timer;

        t->waits = PARKED;
        step(HERE);
        t->waits = CAN_GO;
        timer = t->timer;
        if (t->ready && (!timer || il_choose(2) == 0))
            break;
        t->timer = NULL;
        trace("its timer runs", NULL, 0);
        timer->seq = 0;
        timer->fn(timer);
    }
    t->ready = false;
    memory_rmw(&t->ready_word, 4, ADD, 1, ACQ_REL);
}

int rt_timer_arm(struct rt_timer *timer, uint64_t at_ns)
{
    timer->at_ns = at_ns;
    timer->seq = 1;
    il.self->timer = timer;
    return 0;
}

void rt_timer_cancel(struct rt_timer *timer)
{
    timer->seq = 0;
    if (il.self->timer == timer)
        il.self->timer = NULL;
}
