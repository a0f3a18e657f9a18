/*
 * One word, a stack of calls. Posters push with a compare-and-swap; the consumer takes the whole
 * stack with one exchange and reverses it, which gives back the order of pushing. There is no ABA
 * problem: nobody pops single elements, and a push only needs that head still is what the new
 * call's next says.
 *
 * Sleeping: the consumer swaps 0 for ASLEEP. From then on a push (or a rouse) finds the mark,
 * replaces it, and owes the wake-up. A push before the swap makes the swap fail. So there is no
 * moment in which a call lies in the queue, the consumer sleeps, and nobody owes the wake-up.
 *
 * Memory order: a push releases (the call's contents), the take acquires. A rouse is a
 * read-modify-write even when it changes nothing, so that it is ordered with the consumer's sleep
 * swap: either it sees the mark, or the swap comes later, acquires from it and sees what the caller
 * of rouse had written.
 */
#include "rt/callq.h"

#include <stddef.h>

#include "base/mutant.h"

static uintptr_t load(const struct callq *q)
{
    return __atomic_load_n(&q->head, __ATOMIC_ACQUIRE);
}

static bool cas(struct callq *q, uintptr_t *was, uintptr_t want)
{
    return __atomic_compare_exchange_n(&q->head, was, want, false, __ATOMIC_ACQ_REL,
                                       __ATOMIC_ACQUIRE);
}

enum callq_was callq_push(struct callq *q, struct rt_call *c)
{
    uintptr_t was = load(q);

    do {
        c->next = was == CALLQ_ASLEEP ? NULL : (struct rt_call *)was;
    } while (!cas(q, &was, (uintptr_t)c));
    if (was == CALLQ_ASLEEP)
        return CALLQ_WAS_ASLEEP;
    return was ? CALLQ_WAS_BUSY : CALLQ_WAS_EMPTY;
}

bool callq_rouse(struct callq *q)
{
    uintptr_t was = load(q);

    while (!cas(q, &was, was == CALLQ_ASLEEP ? 0 : was))
        ;
    return was == CALLQ_ASLEEP;
}

struct rt_call *callq_take(struct callq *q)
{
    struct rt_call *newest, *first = NULL;

    if (!load(q))
        return NULL;
    newest = (struct rt_call *)__atomic_exchange_n(&q->head, 0, __ATOMIC_ACQ_REL);
    if (MUTANT(RT_CALLQ_ORDER))
        return newest;
    while (newest) {
        struct rt_call *older = newest->next;

        newest->next = first;
        first = newest;
        newest = older;
    }
    return first;
}

bool callq_empty(const struct callq *q)
{
    return load(q) <= CALLQ_ASLEEP;
}

bool callq_sleep(struct callq *q)
{
    uintptr_t was = 0;

    return cas(q, &was, CALLQ_ASLEEP);
}

bool callq_awake(struct callq *q)
{
    uintptr_t was = CALLQ_ASLEEP;

    return cas(q, &was, 0);
}
