/*
 * What the compiler calls for -fsanitize=thread, in the place of TSan's own. Outside of scenes
 * everything is as if it were not there.
 */
#include <string.h>

#include "il_int.h"

/* Its own symbols are the compiler's business: no header declares them. */
#pragma GCC diagnostic ignored "-Wmissing-prototypes"
#pragma GCC diagnostic ignored "-Wbuiltin-declaration-mismatch"
/* all is compiled with frame pointers */
#pragma GCC diagnostic ignored "-Wframe-address"

#define HERE  ((const char *)__builtin_frame_address(0))
#define PLACE ((struct place){__builtin_return_address(0), __builtin_return_address(1)})

/* setup() and check() are alone: for them all is as if there were no checker. */
static bool watched(void)
{
    return il.self && il.self != &il.thread[0];
}

static void plain(const void *p, size_t size, bool write)
{
    if (watched())
        race_plain(p, size, write);
}

#define PLAIN(n)                                                                                   \
    void __tsan_read##n(void *p)                                                                   \
    {                                                                                              \
        plain(p, n, false);                                                                        \
    }                                                                                              \
    void __tsan_write##n(void *p)                                                                  \
    {                                                                                              \
        plain(p, n, true);                                                                         \
    }                                                                                              \
    void __tsan_unaligned_read##n(void *p)                                                         \
    {                                                                                              \
        plain(p, n, false);                                                                        \
    }                                                                                              \
    void __tsan_unaligned_write##n(void *p)                                                        \
    {                                                                                              \
        plain(p, n, true);                                                                         \
    }
PLAIN(1)
PLAIN(2)
PLAIN(4)
PLAIN(8)
PLAIN(16)

void __tsan_read_range(void *p, size_t size)
{
    plain(p, size, false);
}

void __tsan_write_range(void *p, size_t size)
{
    plain(p, size, true);
}

void __tsan_vptr_update(void **p, void *v)
{
}

void __tsan_func_entry(void *pc)
{
}

void __tsan_func_exit(void)
{
}

void __tsan_init(void)
{
}

/* ---- Atomic operations ---- */

static uint64_t do_load(const void *p, unsigned size, int mo, struct place at, const char *live)
{
    struct spoilt how = mutate(at, OP_LOAD, (enum order)mo, RELAXED);

    step(live);
    return memory_load(p, size, how.order);
}

static void do_store(void *p, unsigned size, uint64_t v, int mo, struct place at, const char *live)
{
    struct spoilt how = mutate(at, OP_STORE, (enum order)mo, RELAXED);

    step(live);
    memory_store(p, size, v, how.order);
}

static uint64_t do_rmw(void *p, unsigned size, enum rmw what, uint64_t v, int mo, struct place at,
                       const char *live)
{
    struct spoilt how = mutate(at, OP_RMW, (enum order)mo, RELAXED);
    uint64_t was;

    step(live);
    if (!how.torn)
        return memory_rmw(p, size, what, v, how.order);
    was = memory_load(p, size, how.order);
    step(live);
    switch (what) {
    case XCHG:
        break;
    case ADD:
        v = was + v;
        break;
    case SUB:
        v = was - v;
        break;
    case AND:
        v = was & v;
        break;
    case OR:
        v = was | v;
        break;
    case XOR:
        v = was ^ v;
        break;
    case NAND:
        v = ~(was & v);
        break;
    }
    memory_store(p, size, size == 8 ? v : v & ((UINT64_C(1) << (size * 8)) - 1), how.order);
    return was;
}

static bool do_cas(void *p, unsigned size, uint64_t *expected, uint64_t want, int mo, int fail_mo,
                   struct place at, const char *live)
{
    struct spoilt how = mutate(at, OP_CAS, (enum order)mo, (enum order)fail_mo);
    uint64_t was;

    step(live);
    if (!how.torn)
        return memory_cas(p, size, expected, want, how.order, how.fail);
    was = memory_load(p, size, how.order);
    if (was != *expected) {
        *expected = was;
        return false;
    }
    step(live);
    memory_store(p, size, want, how.order);
    return true;
}

#define RMW(bits, type, name, what, native)                                                        \
    type __tsan_atomic##bits##_##name(volatile type *p, type v, int mo)                            \
    {                                                                                              \
        if (!watched())                                                                            \
            return native(p, v, __ATOMIC_SEQ_CST);                                                 \
        return (type)do_rmw((void *)(uintptr_t)p, sizeof(type), what, v, mo, PLACE, HERE);         \
    }

#define CAS(bits, type, name)                                                                      \
    int __tsan_atomic##bits##_compare_exchange_##name(volatile type *p, type *exp, type want,      \
                                                      int mo, int fail)                            \
    {                                                                                              \
        uint64_t e = *exp;                                                                         \
        bool ok;                                                                                   \
                                                                                                   \
        if (!watched())                                                                            \
            return __atomic_compare_exchange_n(p, exp, want, false, __ATOMIC_SEQ_CST,              \
                                               __ATOMIC_SEQ_CST);                                  \
        ok = do_cas((void *)(uintptr_t)p, sizeof(type), &e, want, mo, fail, PLACE, HERE);          \
        *exp = (type)e;                                                                            \
        return ok;                                                                                 \
    }

#define ATOMIC(bits, type)                                                                         \
    type __tsan_atomic##bits##_load(const volatile type *p, int mo)                                \
    {                                                                                              \
        if (!watched())                                                                            \
            return __atomic_load_n(p, __ATOMIC_SEQ_CST);                                           \
        return (type)do_load((const void *)(uintptr_t)p, sizeof(type), mo, PLACE, HERE);           \
    }                                                                                              \
    void __tsan_atomic##bits##_store(volatile type *p, type v, int mo)                             \
    {                                                                                              \
        if (!watched())                                                                            \
            __atomic_store_n(p, v, __ATOMIC_SEQ_CST);                                              \
        else                                                                                       \
            do_store((void *)(uintptr_t)p, sizeof(type), v, mo, PLACE, HERE);                      \
    }                                                                                              \
    RMW(bits, type, exchange, XCHG, __atomic_exchange_n)                                           \
    RMW(bits, type, fetch_add, ADD, __atomic_fetch_add)                                            \
    RMW(bits, type, fetch_sub, SUB, __atomic_fetch_sub)                                            \
    RMW(bits, type, fetch_and, AND, __atomic_fetch_and)                                            \
    RMW(bits, type, fetch_or, OR, __atomic_fetch_or)                                               \
    RMW(bits, type, fetch_xor, XOR, __atomic_fetch_xor)                                            \
    RMW(bits, type, fetch_nand, NAND, __atomic_fetch_nand)                                         \
    CAS(bits, type, strong)                                                                        \
    CAS(bits, type, weak)

ATOMIC(8, uint8_t)
ATOMIC(16, uint16_t)
ATOMIC(32, uint32_t)
ATOMIC(64, uint64_t)

void __tsan_atomic_thread_fence(int mo)
{
    struct spoilt how;

    if (!watched())
        return;
    how = mutate(PLACE, OP_FENCE, (enum order)mo, RELAXED);
    step(HERE);
    if (!how.skip)
        memory_fence(how.order);
}

void __tsan_atomic_signal_fence(int mo)
{
}
