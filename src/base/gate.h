/*
 * A gate that is closed once: requests enter and leave, and whoever closes it learns when the last
 * one has left, to take down what they use. Any thread, lock-free. Exhaustively checked:
 * tests/model/gate_model.c.
 *
 * Both "closed" and the count are in one word, so that every request is either counted by whoever
 * closes, or finds the gate closed. Two words would need seq_cst for that.
 */
#ifndef TARN_BASE_GATE_H
#define TARN_BASE_GATE_H

#include <stdbool.h>
#include <stdint.h>

struct gate {
    uint32_t word; /* GATE_CLOSED, and GATE_ONE for each that is inside */
};
#define GATE_CLOSED 1u
#define GATE_ONE    2u

/* From somebody who is inside: nr leave. The last one to leave a closed gate must not touch what
 * the gate protects afterwards. */
static inline void gate_leave(struct gate *g, uint32_t nr)
{
    __atomic_fetch_sub(&g->word, nr * GATE_ONE, __ATOMIC_RELEASE);
}

/* False, and the caller is not inside: closed. */
static inline bool gate_enter(struct gate *g)
{
    if (!(__atomic_fetch_add(&g->word, GATE_ONE, __ATOMIC_RELAXED) & GATE_CLOSED))
        return true;
    gate_leave(g, 1);
    return false;
}

/* From somebody who is inside: counts once more, closed or not. */
static inline void gate_enter_again(struct gate *g)
{
    __atomic_fetch_add(&g->word, GATE_ONE, __ATOMIC_RELAXED);
}

static inline void gate_close(struct gate *g)
{
    __atomic_fetch_or(&g->word, GATE_CLOSED, __ATOMIC_RELAXED);
}

/* Closed, and all have left: what they did is visible. */
static inline bool gate_is_empty(const struct gate *g)
{
    return __atomic_load_n(&g->word, __ATOMIC_ACQUIRE) == GATE_CLOSED;
}

/* As of some moment. */
static inline bool gate_is_closed(const struct gate *g)
{
    return __atomic_load_n(&g->word, __ATOMIC_RELAXED) & GATE_CLOSED;
}

static inline bool gate_is_busy(const struct gate *g)
{
    return __atomic_load_n(&g->word, __ATOMIC_RELAXED) >= GATE_ONE;
}

/* From somebody who is inside, counted nr times: nobody else is. */
static inline bool gate_is_mine(const struct gate *g, uint32_t nr)
{
    return __atomic_load_n(&g->word, __ATOMIC_RELAXED) < (nr + 1) * GATE_ONE;
}

#endif
