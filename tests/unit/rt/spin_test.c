/* Spinning before sleep: how long, and when the CPU is offered to others. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "rt/priv.h"

#define MAX_NS 20000u

/* As long as it pays; else now and then. */
static void test_misses(void **state)
{
    struct spin s = {0};
    uint64_t offer;
    uint32_t tried = 0;

    for (uint32_t i = 0; i < SPIN_MISSES; i++) {
        assert_int_equal(spin_begin(&s, MAX_NS, &offer), MAX_NS);
        spin_end(&s, false);
    }
    for (uint32_t i = 0; i < 10 * SPIN_RETRY; i++) {
        bool spins = spin_begin(&s, MAX_NS, &offer) != 0;

        tried += spins;
        if (spins)
            spin_end(&s, false);
    }
    assert_int_equal(tried, 10);
    spin_end(&s, true);
    assert_int_equal(spin_begin(&s, MAX_NS, &offer), MAX_NS);
}

/* Nobody takes it: it is offered late, and as late again. */
static void test_nobody_wants_it(void **state)
{
    struct spin s = {0};
    uint64_t offer;

    for (int i = 0; i < 3; i++) {
        spin_begin(&s, MAX_NS, &offer);
        assert_int_equal(offer, SPIN_OFFER_NS);
        spin_offered(&s, SPIN_OFFER_NS, 300, &offer);
        assert_int_equal(offer, 2 * SPIN_OFFER_NS + 300);
    }
}

/* Somebody takes it for a moment: at once, until he does not any more. */
static void test_the_other_side_wants_it(void **state)
{
    struct spin s = {0};
    uint64_t offer;

    spin_begin(&s, MAX_NS, &offer);
    spin_offered(&s, SPIN_OFFER_NS, SPIN_TAKEN_NS, &offer);
    assert_int_equal(offer, SPIN_OFFER_NS + SPIN_TAKEN_NS);
    spin_begin(&s, MAX_NS, &offer);
    assert_int_equal(offer, 0);
    spin_offered(&s, 0, SPIN_TAKEN_NS - 1, &offer);
    assert_int_equal(offer, SPIN_OFFER_NS + SPIN_TAKEN_NS - 1);
    spin_begin(&s, MAX_NS, &offer);
    assert_int_equal(offer, SPIN_OFFER_NS);
}

/* Somebody takes it for long: he does not get it so soon again. */
static void test_a_stranger_wants_it(void **state)
{
    struct spin s = {0};
    uint64_t offer;

    spin_begin(&s, MAX_NS, &offer);
    spin_offered(&s, SPIN_OFFER_NS, SPIN_LONG_NS, &offer);
    for (uint32_t i = 0; i < SPIN_KEPT; i++) {
        spin_begin(&s, MAX_NS, &offer);
        assert_true(offer == UINT64_MAX);
    }
    spin_begin(&s, MAX_NS, &offer);
    assert_int_equal(offer, SPIN_OFFER_NS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_misses),
        cmocka_unit_test(test_nobody_wants_it),
        cmocka_unit_test(test_the_other_side_wants_it),
        cmocka_unit_test(test_a_stranger_wants_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
