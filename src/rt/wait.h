/*
 * One waiting fiber or thread, on its own stack. An event, mutex or condition keeps these in its
 * list; whoever takes one out of the list wakes it, exactly once. After waiter_wake() the waiter
 * may be gone.
 */
#ifndef TARN_RT_WAIT_H
#define TARN_RT_WAIT_H

#include <stdbool.h>
#include <stdint.h>

#include "rt/rt.h"

enum waiter_word {
    WAITER_AWAKE,
    WAITER_WOKEN,
    WAITER_ASLEEP,
    WAITER_DRIVING, /* asleep in an xstream that it drives */
    WAITER_WAKING,  /* that xstream is being woken for it */
};

struct waiter {
    struct waiter *next;
    struct rt_fiber *fiber;         /* NULL: a thread */
    uint32_t word;                  /* a thread's futex, enum waiter_word */
    void (*wake)(struct waiter *w); /* of a thread that waits in another way (drive.c), else NULL */
    uint32_t tries;                 /* the mutex's: how often it was woken in vain */
    bool granted;                   /* the mutex's: the lock was handed over */
    bool queued;                    /* the condition's: in the list */
};

/* ASSERTs that the caller may wait. */
void waiter_init(struct waiter *w);
void waiter_wait(struct waiter *w);
/* Takes a waiter out of obj's list; false if somebody else has, who then wakes it. */
typedef bool (*waiter_withdraw)(void *obj, struct waiter *w);
/* True: woken. False: the time was up and the waiter is out of the list. */
bool waiter_wait_timeout(struct waiter *w, uint64_t timeout_ns, waiter_withdraw withdraw,
                         void *obj);
void waiter_wake(struct waiter *w);

#endif
