/* The bag, alone and among threads: each object has one owner at a time, and none is lost. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "net/bag.h"

static void a_full_bag_refuses(void **state)
{
    int object[BAG_SLOTS + 1];
    struct bag b = {{0}};
    unsigned taken = 0;

    assert_null(bag_take(&b));
    for (unsigned i = 0; i < BAG_SLOTS; i++)
        assert_true(bag_put(&b, &object[i]));
    assert_false(bag_put(&b, &object[BAG_SLOTS]));
    while (bag_take(&b) != NULL)
        taken++;
    assert_int_equal(taken, BAG_SLOTS);
}

#define THREADS 3
#define ROUNDS  200000
#define OBJECTS (BAG_SLOTS / 2) /* there is always room */

static struct object {
    int owners; /* plain: an owner is alone with it */
    uint64_t uses;
} objects[OBJECTS];
static struct bag bag;
static int crowds, refusals; /* atomic */

static void *takes_and_puts(void *arg)
{
    uint64_t *uses = arg;

    for (int i = 0; i < ROUNDS; i++) {
        struct object *o = bag_take(&bag);

        if (o == NULL)
            continue;
        if (++o->owners != 1)
            __atomic_add_fetch(&crowds, 1, __ATOMIC_RELAXED);
        o->uses++;
        ++*uses;
        o->owners--;
        while (!bag_put(&bag, o)) /* looked at the wrong moments */
            __atomic_add_fetch(&refusals, 1, __ATOMIC_RELAXED);
    }
    return NULL;
}

static void an_object_has_one_owner(void **state)
{
    uint64_t uses[THREADS] = {0}, all = 0, seen = 0;
    pthread_t t[THREADS];
    unsigned n = 0;

    for (unsigned i = 0; i < OBJECTS; i++)
        assert_true(bag_put(&bag, &objects[i]));
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&t[i], NULL, takes_and_puts, &uses[i]), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(t[i], NULL);
    for (struct object *o; (o = bag_take(&bag)) != NULL; n++)
        seen += o->uses;
    for (int i = 0; i < THREADS; i++)
        all += uses[i];
    assert_int_equal(n, OBJECTS);
    assert_int_equal(seen, all); /* no use was overwritten by another's */
    assert_int_equal(crowds, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_full_bag_refuses),
        cmocka_unit_test(an_object_has_one_owner),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
