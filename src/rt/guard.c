/* A spin lock of one word. Exhaustively checked with those who use it: tests/model/mutex_model.c.
 */
#include "rt/priv.h"

void guard_lock(uint32_t *guard)
{
    unsigned tries = 0;

    while (__atomic_exchange_n(guard, 1, __ATOMIC_ACQUIRE)) {
        do {
            spin_pause(&tries);
        } while (__atomic_load_n(guard, __ATOMIC_RELAXED));
    }
}

void guard_unlock(uint32_t *guard)
{
    __atomic_store_n(guard, 0, __ATOMIC_RELEASE);
}
