/* Xstreams: posting in order and in bulk, pollers, start and end, idling. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <time.h>

#include <daos_errno.h>

#include "base/fail.h"
#include "help.h"

#define POSTS 500000 /* each way */

struct numbered {
    struct rt_call call; /* first */
    uint32_t number;
};

static struct numbered posts[2][POSTS];
static uint32_t next_number[2];

static void in_order(struct rt_call *call)
{
    struct numbered *n = (struct numbered *)call;
    int side = n >= posts[1];

    assert_int_equal(n->number, next_number[side]);
    next_number[side]++;
}

static void posts_all(void *arg)
{
    struct rt_xs **to = arg;
    struct numbered *mine = to[2] ? posts[1] : posts[0];

    for (uint32_t i = 0; i < POSTS; i++) {
        mine[i].call.fn = in_order;
        mine[i].number = i;
        rt_post(to[0], &mine[i].call);
        if (i % 1000 == 0)
            rt_yield();
    }
}

static void a_million_posts_across_cores_arrive_in_order(void **state)
{
    struct rt_xs *a = real_xs(20, true), *b = real_xs(0, false);
    struct rt_xs *to_b[3] = {b, NULL, NULL}, *to_a[3] = {a, NULL, a};
    struct run ra = {.fn = posts_all, .arg = to_b}, rb = {.fn = posts_all, .arg = to_a};

    next_number[0] = next_number[1] = 0;
    assert_int_equal(rt_spawn_on(a, run_main, &ra), 0);
    assert_int_equal(rt_spawn_on(b, run_main, &rb), 0);
    rt_event_wait(&ra.ended);
    rt_event_wait(&rb.ended);
    rt_xs_destroy(a); /* runs what was posted */
    rt_xs_destroy(b);
    assert_int_equal(next_number[0], POSTS);
    assert_int_equal(next_number[1], POSTS);
}

/* ---- Pollers: work is left in a plain word, and the xstream is told to look ---- */

struct word_poller {
    struct rt_poller poller; /* first */
    uint32_t word;           /* atomic */
    struct rt_event *answer;
    bool deleted;
};

static bool take_word(struct rt_poller *p)
{
    struct word_poller *w = (struct word_poller *)p;
    uint32_t v = __atomic_exchange_n(&w->word, 0, __ATOMIC_ACQ_REL);

    if (!v)
        return false;
    if (v == 2) {
        rt_poller_del(rt_xs_self(), p);
        w->deleted = true;
    }
    rt_event_set(w->answer);
    return true;
}

static void adds_poller(void *arg)
{
    rt_poller_add(rt_xs_self(), arg);
}

static void a_woken_xstream_looks_at_its_pollers(void **state)
{
    for (int ring = 0; ring < 2; ring++) {
        struct word_poller w = {.poller.poll = take_word};
        struct rt_xs *xs = real_xs(0, ring);

        run_on(xs, adds_poller, &w);
        for (uint32_t i = 0; i < 3000; i++) {
            struct rt_event answer = RT_EVENT_INIT;

            w.answer = &answer;
            __atomic_store_n(&w.word, i == 2999 ? 2 : 1, __ATOMIC_RELEASE);
            rt_xs_wake(xs);
            rt_event_wait(&answer);
        }
        rt_xs_destroy(xs);
        assert_true(w.deleted);
    }
}

/* ---- Start and end ---- */

static int ended;

static void ends_later(void *arg)
{
    rt_sleep_ns(2 * MS);
    ended++;
}

static void destroy_waits_for_fibers(void **state)
{
    struct rt_xs *xs = real_xs(0, true);

    ended = 0;
    for (int i = 0; i < 10; i++)
        assert_int_equal(rt_spawn_on(xs, ends_later, NULL), 0);
    rt_xs_destroy(xs);
    assert_int_equal(ended, 10);
}

static void destroys(void *xs)
{
    rt_xs_destroy(xs);
}

static void a_fiber_may_destroy_another_xstream(void **state)
{
    struct rt_xs *a = real_xs(0, true), *b = real_xs(0, true);

    ended = 0;
    assert_int_equal(rt_spawn_on(b, ends_later, NULL), 0);
    run_on(a, destroys, b);
    assert_int_equal(ended, 1);
    rt_xs_destroy(a);
}

static void a_start_that_fails_leaves_nothing(void **state)
{
    struct rt_xs_conf conf = {.cpu = 100000, .ring_entries = 0, .name = "nowhere"};
    struct base_fail fail = {.fail_at = 1};
    struct rt_xs *xs = NULL;

    assert_int_equal(rt_xs_create(&conf, &xs), -DER_INVAL);
    conf.cpu = 0;
    base_fail_set(&fail);
    assert_int_equal(rt_xs_create(&conf, &xs), -DER_NOMEM);
    base_fail_set(NULL);
    assert_null(xs);
    assert_int_equal(rt_xs_create(&conf, &xs), 0);
    assert_ptr_equal(rt_xs_world(xs), rt_world_real());
    assert_int_equal(rt_xs_node(xs), 0);
    rt_xs_destroy(xs);
}

static void come_and_go_quickly(void **state)
{
    for (int i = 0; i < 200; i++)
        rt_xs_destroy(real_xs(i % 3 ? 0 : 20, i % 2));
}

static uint64_t cpu_ns(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
    return (uint64_t)ts.tv_sec * 1000 * MS + (uint64_t)ts.tv_nsec;
}

static void an_idle_xstream_sleeps(void **state)
{
    struct rt_xs *a = real_xs(20, true), *b = real_xs(20, false);
    uint64_t before;

    rt_sleep_ns(5 * MS);
    before = cpu_ns();
    rt_sleep_ns(100 * MS);
    assert_true(cpu_ns() - before < 50 * MS); /* two that spin would take 200 */
    rt_xs_destroy(a);
    rt_xs_destroy(b);
}

static void clocks_and_randomness_of_the_real_world(void **state)
{
    unsigned char a[37] = {0}, b[37] = {0};
    uint64_t t = rt_now_ns();

    assert_true(rt_now_ns() >= t);
    assert_true(rt_wall_ns() > UINT64_C(1600000000) * 1000 * MS);
    rt_random_bytes(a, sizeof(a));
    rt_random_bytes(b, sizeof(b));
    assert_memory_not_equal(a, b, sizeof(a));
    assert_null(rt_xs_self());
    assert_null(rt_fiber_self());
    assert_in_range(rt_default_spin_us(), 0, 50);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_million_posts_across_cores_arrive_in_order),
        cmocka_unit_test(a_woken_xstream_looks_at_its_pollers),
        cmocka_unit_test(destroy_waits_for_fibers),
        cmocka_unit_test(a_fiber_may_destroy_another_xstream),
        cmocka_unit_test(a_start_that_fails_leaves_nothing),
        cmocka_unit_test(come_and_go_quickly),
        cmocka_unit_test(an_idle_xstream_sleeps),
        cmocka_unit_test(clocks_and_randomness_of_the_real_world),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
