/* The gate, alone and with threads that come in while it is being closed. */
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/gate.h"

static void closing_refuses_and_waits(void **state)
{
    struct gate g = {0};

    assert_false(gate_is_closed(&g));
    assert_true(gate_enter(&g));
    gate_enter_again(&g);
    assert_true(gate_is_busy(&g));
    gate_close(&g);
    assert_true(gate_is_closed(&g));
    assert_false(gate_enter(&g));
    assert_false(gate_is_empty(&g));
    gate_leave(&g, 2);
    assert_true(gate_is_empty(&g));
    assert_false(gate_is_busy(&g));
    assert_false(gate_enter(&g));
    assert_true(gate_is_empty(&g));
}

#define COMERS 3
#define ROUNDS 300

/* What a request uses: gone once the gate is closed and empty. */
struct house {
    struct gate gate;
    uint64_t *served; /* by each; freed by whoever closes */
    pthread_barrier_t start;
};

struct comer {
    struct house *house;
    int no;
};

static void *comes_until_refused(void *arg)
{
    struct comer *c = arg;

    pthread_barrier_wait(&c->house->start);
    while (gate_enter(&c->house->gate)) {
        c->house->served[c->no]++;
        gate_leave(&c->house->gate, 1);
    }
    return NULL;
}

static void nothing_is_taken_down_under_a_request(void **state)
{
    uint64_t all = 0;

    for (int i = 0; i < ROUNDS; i++) {
        struct house h = {.served = calloc(COMERS, sizeof(*h.served))};
        struct comer c[COMERS];
        pthread_t t[COMERS];

        assert_non_null(h.served);
        assert_int_equal(pthread_barrier_init(&h.start, NULL, COMERS + 1), 0);
        for (int k = 0; k < COMERS; k++) {
            c[k] = (struct comer){&h, k};
            assert_int_equal(pthread_create(&t[k], NULL, comes_until_refused, &c[k]), 0);
        }
        pthread_barrier_wait(&h.start);
        for (int k = i % 100; k > 0; k--)
            __asm__ volatile("");
        gate_close(&h.gate);
        while (!gate_is_empty(&h.gate))
            sched_yield();
        for (int k = 0; k < COMERS; k++)
            all += h.served[k];
        free(h.served); /* ASan and TSan would see a use that comes later */
        h.served = NULL;
        for (int k = 0; k < COMERS; k++)
            pthread_join(t[k], NULL);
        pthread_barrier_destroy(&h.start);
    }
    assert_true(all > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(closing_refuses_and_waits),
        cmocka_unit_test(nothing_is_taken_down_under_a_request),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
