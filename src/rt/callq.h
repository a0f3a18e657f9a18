/*
 * The queue of calls posted to an xstream: many posters, one consumer, no lock, no allocation.
 *
 * It is also where the consumer says that it sleeps, so that "work arrived" and "nobody is awake"
 * are decided by one atomic step and no wake-up can be lost: whoever takes the ASLEEP mark away
 * owes exactly one wake-up. All order between posters and consumer comes from this one word
 * (rt/callq.c).
 */
#ifndef TARN_RT_CALLQ_H
#define TARN_RT_CALLQ_H

#include <stdbool.h>
#include <stdint.h>

#include "rt/rt.h"

struct callq {
    uintptr_t head; /* 0: empty; CALLQ_ASLEEP: empty and the consumer sleeps; else newest call */
};

#define CALLQ_ASLEEP ((uintptr_t)1)

enum callq_was {
    CALLQ_WAS_BUSY,   /* others were waiting: the consumer already knows */
    CALLQ_WAS_EMPTY,  /* the consumer was awake */
    CALLQ_WAS_ASLEEP, /* the caller owes the consumer a wake-up */
};

/* Any thread. c belongs to the queue until the consumer has taken it; it may be gone when this
 * returns. */
enum callq_was callq_push(struct callq *q, struct rt_call *c);
/* Any thread: true if the consumer slept; then the mark is gone and the caller owes a wake-up. What
 * the caller wrote before is visible to the consumer after its next callq_sleep(). */
bool callq_rouse(struct callq *q);

/* The consumer only. */

/* All calls in the order they were pushed, linked by next. Not while asleep. */
struct rt_call *callq_take(struct callq *q);
bool callq_empty(const struct callq *q);
/* Leaves the ASLEEP mark; false, and no mark, if there are calls. */
bool callq_sleep(struct callq *q);
/* After sleeping: removes the mark. False if somebody else did: then a wake-up was or will be sent.
 */
bool callq_awake(struct callq *q);

#endif
