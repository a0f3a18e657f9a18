/* Events: set by anybody, waited for by fibers and threads, with timeouts that race, freed right
 * after the wait. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <daos_errno.h>

#include "base/fail.h"
#include "help.h"

struct setter {
    struct rt_call call;
    struct rt_event *ev;
    uint64_t payload;
};

static void set_it(struct rt_call *call)
{
    struct setter *s = CONTAINER_OF(call, struct setter, call);

    s->payload = 42;
    rt_event_set(s->ev);
}

static void a_set_event_does_not_wait(void **state)
{
    struct rt_event ev = RT_EVENT_INIT;

    assert_false(rt_event_is_set(&ev));
    assert_int_equal(rt_event_wait_timeout(&ev, 0), -DER_TIMEDOUT);
    rt_event_set(&ev);
    rt_event_set(&ev); /* twice is once */
    assert_true(rt_event_is_set(&ev));
    rt_event_wait(&ev);
    assert_int_equal(rt_event_wait_timeout(&ev, 0), 0);
    rt_event_reset(&ev);
    assert_int_equal(rt_event_wait_timeout(&ev, 0), -DER_TIMEDOUT);
}

/* The event lives in memory that is freed as soon as the wait returns: the setter must not look
 * back. */
static void ping(struct rt_xs *xs)
{
    struct {
        struct setter s;
        struct rt_event ev;
    } *p = base_calloc(1, sizeof(*p));

    p->s.call.fn = set_it;
    p->s.ev = &p->ev;
    rt_post(xs, &p->s.call);
    rt_event_wait(&p->ev);
    assert_int_equal(p->s.payload, 42);
    memset(p, 0xdd, sizeof(*p));
    base_free(p);
}

#define PINGS 3000

static void pings(void *xs)
{
    for (int i = 0; i < PINGS; i++)
        ping(xs);
}

static void *ping_thread(void *xs)
{
    pings(xs);
    return NULL;
}

static void may_be_freed_right_after_the_wait(void **state)
{
    for (int variant = 0; variant < 4; variant++) {
        struct rt_xs *a = real_xs(variant & 1 ? 20 : 0, variant & 2);
        struct rt_xs *b = real_xs(variant & 1 ? 20 : 0, variant & 2);
        pthread_t t[2];

        for (int i = 0; i < 2; i++)
            assert_int_equal(pthread_create(&t[i], NULL, ping_thread, i ? a : b), 0);
        run_on(a, pings, b);
        for (int i = 0; i < 2; i++)
            pthread_join(t[i], NULL);
        rt_xs_destroy(a);
        rt_xs_destroy(b);
    }
}

static struct rt_event gate;
static int through;

static void waits_at_the_gate(void *arg)
{
    rt_event_wait(&gate);
    __atomic_add_fetch(&through, 1, __ATOMIC_SEQ_CST);
}

static void *thread_at_the_gate(void *arg)
{
    waits_at_the_gate(arg);
    return NULL;
}

static void one_set_wakes_all_fibers_and_threads(void **state)
{
    struct rt_xs *a = real_xs(0, true), *b = real_xs(0, false);
    pthread_t t[3];

    rt_event_init(&gate);
    through = 0;
    for (int i = 0; i < 20; i++)
        assert_int_equal(rt_spawn_on(i % 2 ? a : b, waits_at_the_gate, NULL), 0);
    for (int i = 0; i < 3; i++)
        assert_int_equal(pthread_create(&t[i], NULL, thread_at_the_gate, NULL), 0);
    rt_sleep_ns(2 * MS);
    assert_int_equal(__atomic_load_n(&through, __ATOMIC_SEQ_CST), 0);
    rt_event_set(&gate);
    for (int i = 0; i < 3; i++)
        pthread_join(t[i], NULL);
    rt_xs_destroy(a);
    rt_xs_destroy(b);
    assert_int_equal(through, 23);
}

static void times_out(void *arg)
{
    struct rt_event ev = RT_EVENT_INIT;
    uint64_t start = rt_now_ns();

    assert_int_equal(rt_event_wait_timeout(&ev, 2 * MS), -DER_TIMEDOUT);
    assert_true(rt_now_ns() - start >= 2 * MS); /* not early */
    rt_event_set(&ev);
    assert_int_equal(rt_event_wait_timeout(&ev, UINT64_MAX), 0);
}

static void a_timeout_is_not_early(void **state)
{
    for (int ring = 0; ring < 2; ring++) {
        struct rt_xs *xs = real_xs(0, ring);

        run_on(xs, times_out, NULL);
        rt_xs_destroy(xs);
    }
    times_out(NULL);
}

/* Timeouts chosen to fall on the setter's moment: whatever wins, the event is whole and may be
 * freed once it is set. */
#define RACES 2000
static int won, lost;

static void races(void *arg)
{
    struct rt_xs *other = arg;

    for (int i = 0; i < RACES; i++) {
        struct rt_event ev = RT_EVENT_INIT;
        struct setter s = {.call.fn = set_it, .ev = &ev};

        rt_post(other, &s.call);
        if (rt_event_wait_timeout(&ev, (uint64_t)(i % 50) * 300) == 0) {
            won++;
        } else {
            lost++;
            rt_event_wait(&ev); /* the frame may go only after the set */
        }
        assert_int_equal(s.payload, 42);
    }
}

static void timeouts_may_race_with_the_set(void **state)
{
    for (int variant = 0; variant < 4; variant++) {
        struct rt_xs *a = real_xs(variant & 1 ? 20 : 0, variant & 2);
        struct rt_xs *b = real_xs(variant & 1 ? 20 : 0, variant & 2);

        won = lost = 0;
        run_on(a, races, b);
        assert_int_equal(won + lost, RACES);
        races(b);
        assert_int_equal(won + lost, 2 * RACES);
        rt_xs_destroy(a);
        rt_xs_destroy(b);
    }
}

/* Many waiters with different timeouts on one event, which is never set: each takes out itself
 * only. */
static struct rt_event never_set;

static void gives_up(void *arg)
{
    uint64_t ns = (uint64_t)(uintptr_t)arg * 10000;

    assert_int_equal(rt_event_wait_timeout(&never_set, ns), -DER_TIMEDOUT);
    __atomic_add_fetch(&through, 1, __ATOMIC_SEQ_CST);
}

static void waiters_leave_in_any_order(void **state)
{
    struct rt_xs *a = real_xs(0, false), *b = real_xs(0, true);

    rt_event_init(&never_set);
    through = 0;
    for (uintptr_t i = 0; i < 200; i++)
        assert_int_equal(rt_spawn_on(i % 2 ? a : b, gives_up, (void *)(i * 7919 % 200 + 1)), 0);
    rt_xs_destroy(a);
    rt_xs_destroy(b);
    assert_int_equal(through, 200);
    assert_int_equal(never_set.waiters, 0);
}

/* Work that is announced by setting an event which is set already, while the other side resets it
 * and looks: either it sees the work, or the event is set again. */
#define KICKS 300000
static struct rt_event kick;
static int go, work, missed;

static void *kicks(void *arg)
{
    for (int i = 1; i <= KICKS; i++) {
        while (__atomic_load_n(&go, __ATOMIC_ACQUIRE) != i)
            ;
        __atomic_store_n(&work, i, __ATOMIC_RELAXED);
        rt_event_set(&kick);
    }
    return NULL;
}

static void a_reset_swallows_no_set(void **state)
{
    pthread_t t;

    rt_event_init(&kick);
    go = work = missed = 0;
    assert_int_equal(pthread_create(&t, NULL, kicks, NULL), 0);
    for (int i = 1; i <= KICKS; i++) {
        rt_event_set(&kick);
        __atomic_store_n(&go, i, __ATOMIC_RELEASE);
        for (int spin = i % 500; spin > 0; spin--)
            __asm__ volatile("");
        for (;;) {
            rt_event_reset(&kick);
            if (__atomic_load_n(&work, __ATOMIC_RELAXED) == i)
                break;
            if (rt_event_wait_timeout(&kick, 1000 * MS) != 0)
                missed++;
        }
    }
    pthread_join(t, NULL);
    assert_int_equal(missed, 0);
}

static void wait_in_call(struct rt_call *call)
{
    struct rt_event ev = RT_EVENT_INIT;

    rt_event_wait(&ev);
}

static void waits_on_a_scheduler(void)
{
    struct rt_call call = {.fn = wait_in_call};
    struct rt_xs *xs = real_xs(0, false);

    rt_post(xs, &call);
    rt_xs_destroy(xs);
}

static void a_scheduler_must_not_wait(void **state)
{
    assert_true(aborts(waits_on_a_scheduler));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_set_event_does_not_wait),
        cmocka_unit_test(may_be_freed_right_after_the_wait),
        cmocka_unit_test(one_set_wakes_all_fibers_and_threads),
        cmocka_unit_test(a_timeout_is_not_early),
        cmocka_unit_test(timeouts_may_race_with_the_set),
        cmocka_unit_test(waiters_leave_in_any_order),
        cmocka_unit_test(a_reset_swallows_no_set),
        cmocka_unit_test(a_scheduler_must_not_wait),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
