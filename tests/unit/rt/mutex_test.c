/* One mutex between fibers of two xstreams and threads. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "help.h"

static struct rt_mutex m;
static uint64_t counter; /* plain: the mutex is all that protects it */
static bool inside;

static void enter(bool yields)
{
    rt_mutex_lock(&m);
    assert_false(inside);
    inside = true;
    counter++;
    if (yields)
        rt_yield(); /* others run, and run into the lock */
    assert_true(inside);
    inside = false;
    rt_mutex_unlock(&m);
}

#define ROUNDS 2000

static void contends(void *arg)
{
    for (int i = 0; i < ROUNDS; i++)
        enter(i % 16 == 0);
}

static void *thread_contends(void *arg)
{
    contends(arg);
    return NULL;
}

static void only_one_is_ever_inside(void **state)
{
    for (int spin = 0; spin <= 20; spin += 20) {
        struct rt_xs *a = real_xs((uint32_t)spin, true), *b = real_xs((uint32_t)spin, false);
        pthread_t t[2];

        rt_mutex_init(&m);
        counter = 0;
        for (int i = 0; i < 6; i++)
            assert_int_equal(rt_spawn_on(i % 2 ? a : b, contends, NULL), 0);
        for (int i = 0; i < 2; i++)
            assert_int_equal(pthread_create(&t[i], NULL, thread_contends, NULL), 0);
        for (int i = 0; i < 2; i++)
            pthread_join(t[i], NULL);
        rt_xs_destroy(a);
        rt_xs_destroy(b);
        assert_int_equal(counter, 8 * ROUNDS);
        assert_int_equal(m.state, 0);
        assert_null(m.head);
    }
}

static void trylock_tells(void **state)
{
    rt_mutex_init(&m);
    assert_true(rt_mutex_trylock(&m));
    assert_false(rt_mutex_trylock(&m));
    rt_mutex_unlock(&m);
    assert_true(rt_mutex_trylock(&m));
    rt_mutex_unlock(&m);
}

/* A hog that always locks again at once does not starve a waiter. */
static bool waiter_had_it;

static void waits_once(void *arg)
{
    rt_mutex_lock(&m);
    waiter_had_it = true;
    rt_mutex_unlock(&m);
}

static void hogs(void *arg)
{
    rt_mutex_lock(&m);
    rt_spawn(waits_once, NULL);
    for (int i = 0; i < 10 && !waiter_had_it; i++) {
        rt_yield();
        rt_mutex_unlock(&m);
        rt_mutex_lock(&m);
    }
    rt_mutex_unlock(&m);
    assert_true(waiter_had_it);
}

static void nobody_starves(void **state)
{
    struct rt_xs *xs = real_xs(0, false);

    rt_mutex_init(&m);
    waiter_had_it = false;
    run_on(xs, hogs, NULL);
    rt_xs_destroy(xs);
}

/* The last of several to leave frees the memory the mutex lives in. */
struct shared {
    struct rt_mutex m;
    int refs;
};

static void *drops_ref(void *arg)
{
    struct shared *s = arg;
    bool last;

    rt_mutex_lock(&s->m);
    last = --s->refs == 0;
    rt_mutex_unlock(&s->m);
    if (last)
        free(s);
    return NULL;
}

static void the_last_holder_may_free_it(void **state)
{
    for (int i = 0; i < 300; i++) {
        struct shared *s = calloc(1, sizeof(*s));
        pthread_t t[3];

        s->refs = 3;
        for (int k = 0; k < 3; k++)
            assert_int_equal(pthread_create(&t[k], NULL, drops_ref, s), 0);
        for (int k = 0; k < 3; k++)
            pthread_join(t[k], NULL);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_one_is_ever_inside),
        cmocka_unit_test(trylock_tells),
        cmocka_unit_test(nobody_starves),
        cmocka_unit_test(the_last_holder_may_free_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
