/*
 * A small bag of spare objects that any thread may take from and put into, lock-free: a row of
 * slots, each emptied and filled by one atomic exchange. No order, no ABA (a slot is never read
 * without being taken), bounded: a full bag refuses.
 */
#ifndef TARN_NET_BAG_H
#define TARN_NET_BAG_H

#include <stdbool.h>
#include <stddef.h>

#ifndef BAG_SLOTS
#define BAG_SLOTS 32u
#endif

struct bag {
    void *slot[BAG_SLOTS];
};

static inline void *bag_take(struct bag *b)
{
    for (unsigned int i = 0; i < BAG_SLOTS; i++) {
        void *p;

        if (__atomic_load_n(&b->slot[i], __ATOMIC_RELAXED) == NULL)
            continue;
        p = __atomic_exchange_n(&b->slot[i], NULL, __ATOMIC_ACQUIRE);
        if (p != NULL)
            return p;
    }
    return NULL;
}

/* False: full, the object is still the caller's. */
static inline bool bag_put(struct bag *b, void *p)
{
    for (unsigned int i = 0; i < BAG_SLOTS; i++) {
        void *none = NULL;

        if (__atomic_load_n(&b->slot[i], __ATOMIC_RELAXED) == NULL &&
            __atomic_compare_exchange_n(&b->slot[i], &none, p, false, __ATOMIC_RELEASE,
                                        __ATOMIC_RELAXED))
            return true;
    }
    return false;
}

#endif
