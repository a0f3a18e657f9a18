/* The stage of contracts that need neither pool nor container: what they use, each telling makes.
 */
#ifndef TESTS_API_CONTRACT_NO_STAGE_H
#define TESTS_API_CONTRACT_NO_STAGE_H

#include "contract.h"

static inline bool no_stage_open(struct run *r)
{
    return r->a != NULL;
}

static inline bool no_stage_give(struct run *r, struct given *g)
{
    return r->a != NULL && g != NULL;
}

static inline bool no_stage_take(struct run *r, const struct given *g)
{
    return r->a != NULL && g != NULL;
}

static const struct stage no_stage = {no_stage_open, no_stage_open, no_stage_give, no_stage_take};

/* Runs `fn` in two threads at once, each with its own argument. */
static inline bool both(struct run *r, void *(*fn)(void *), void *one, void *two)
{
    pthread_t th;

    NOW(0, pthread_create(&th, NULL, fn, two));
    fn(one);
    NOW(0, pthread_join(th, NULL));
    return true;
}

#endif
