/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * Atomic operations with their memory order in the name. `ATOMIC` qualifies a variable that several
 * threads change.
 */
#ifndef TARN_GURT_ATOMIC_H
#define TARN_GURT_ATOMIC_H

#include <stdint.h>

#ifdef __cplusplus
#define ATOMIC volatile
#else
#include <stdatomic.h>
#define ATOMIC _Atomic
#endif

#define atomic_fetch_add_relaxed(ptr, value) __atomic_fetch_add(ptr, value, __ATOMIC_RELAXED)
#define atomic_fetch_sub_relaxed(ptr, value) __atomic_fetch_sub(ptr, value, __ATOMIC_RELAXED)
#define atomic_load_relaxed(ptr)             __atomic_load_n(ptr, __ATOMIC_RELAXED)
#define atomic_load_consume(ptr)             __atomic_load_n(ptr, __ATOMIC_CONSUME)
#define atomic_store_relaxed(ptr, value)     __atomic_store_n(ptr, value, __ATOMIC_RELAXED)
#define atomic_store_release(ptr, value)     __atomic_store_n(ptr, value, __ATOMIC_RELEASE)
/** If *ptr is @a oldvalue make it @a newvalue; was it so? */
#define atomic_compare_exchange(ptr, oldvalue, newvalue)                                           \
    __sync_bool_compare_and_swap(ptr, oldvalue, newvalue)

#endif /* TARN_GURT_ATOMIC_H */
