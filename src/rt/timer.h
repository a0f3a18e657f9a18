/* The timers of one xstream: a pairing heap through the timers themselves, so that arming needs no
 * memory. Fredman, Sedgewick, Sleator, Tarjan: "The pairing heap" (Algorithmica 1986). */
#ifndef TARN_RT_TIMER_H
#define TARN_RT_TIMER_H

#include <stdbool.h>

#include "rt/rt.h"

struct timers {
    struct rt_timer *root; /* earliest */
    uint64_t seq;          /* of the timer armed last */
};

void timers_arm(struct timers *h, struct rt_timer *t, uint64_t at_ns);
void timers_cancel(struct timers *h, struct rt_timer *t);
/* Takes out and runs what is due at now_ns and was armed before the call; whether any ran. */
bool timers_run(struct timers *h, uint64_t now_ns);
uint64_t timers_next_ns(const struct timers *h); /* UINT64_MAX: none */

#endif
