/* What the files of the checker share. */
#ifndef TARN_TEST_IL_INT_H
#define TARN_TEST_IL_INT_H

#include "interleave.h"
#include "rt/rt.h"

#define THREADS  (IL_ACTORS_MAX + 1) /* 0: setup and check */
#define LOCS     40
#define MESSAGES 96

/* How much a thread must have noticed: of each location's values, and of each thread's plain
 * accesses. */
struct view {
    uint16_t seen[LOCS];
    uint32_t clock[THREADS];
};

struct il_thread {
    struct view cur;     /* must have noticed */
    struct view relaxed; /* will have after an acquire fence */
    struct view fence;   /* had at its last release fence */

    struct rt_fiber *fiber;
    const char *stack, *stack_end;
    const char *live; /* its stack below is of functions that have returned */
    const struct il_scene *scene;
    bool started, ended;

    enum { CAN_GO, PAUSED, ON_FUTEX, PARKED } waits;
    uint64_t looked_at; /* locations it read since its last write: what a pause waits for */
    const void *futex;
    bool timed;
    uint64_t now_ns; /* its own clock */

    /* a fiber's */
    bool ready;
    uint32_t ready_word;
    struct rt_timer *timer;
};

struct il {
    struct il_thread thread[THREADS];
    struct il_thread *self; /* NULL outside scenes: hooks then do nothing special */
    struct il_thread *last; /* who went last */
    bool over;              /* the path has ended early: violation, or seen before */
};
extern struct il il;

static inline unsigned thread_no(const struct il_thread *t)
{
    return (unsigned)(t - il.thread);
}

static inline uint64_t mix(uint64_t h, uint64_t v)
{
    /* neighbouring addresses and small numbers must not make up for each other */
    v = (v + 1) * UINT64_C(0xff51afd7ed558ccd);
    v ^= v >> 32;
    h = (h << 27 | h >> 37) ^ v;
    h *= UINT64_C(0x9e3779b97f4a7c15);
    return h ^ (h >> 29);
}

/* explore.c */
void step(const char *live); /* the running actor stops; returns when it is its turn */
unsigned branch(unsigned n); /* a choice of the path */
void trace(const char *what, const void *p, uint64_t value);
_Noreturn void violation(const char *text, const void *p);

/* memory.c */
enum order { RELAXED, CONSUME, ACQUIRE, RELEASE, ACQ_REL, SEQ_CST };
void memory_reset(void);
void memory_fork(void);                      /* all actors have seen what setup did */
bool memory_news(const struct il_thread *t); /* of what it looked at */
void memory_refresh(void);                   /* the running actor has noticed them */
uint64_t memory_load(const void *p, unsigned size, enum order o);
void memory_store(void *p, unsigned size, uint64_t v, enum order o);
enum rmw { XCHG, ADD, SUB, AND, OR, XOR, NAND };
uint64_t memory_rmw(void *p, unsigned size, enum rmw what, uint64_t v, enum order o);
bool memory_cas(void *p, unsigned size, uint64_t *expected, uint64_t want, enum order o,
                enum order fail);
void memory_fence(enum order o);
uint64_t memory_hash(void);
/* The newest value, which the running actor has noticed by that. */
uint64_t memory_latest(const void *p, unsigned size);
void memory_overwritten(const void *p, size_t size); /* by a plain store */

/* race.c */
void race_reset(void);
void race_plain(const void *p, size_t size, bool write);
void race_atomic(const void *p, size_t size, bool write);
/* Of all plain memory in use; comes before race_clock(), which says how much of a thread's accesses
 * a clock covers. */
uint64_t race_hash(void);
uint64_t race_clock(unsigned thread, uint32_t clock);
const char *race_name(const void *p, char buf[64]);

/* mutate.c */
enum op_kind { OP_LOAD, OP_STORE, OP_RMW, OP_CAS, OP_FENCE, OP_WAKE };
struct spoilt {
    enum order order, fail;
    bool torn, skip;
};
/* Where an operation is, and who called the function it is in. */
struct place {
    const void *pc, *caller;
};
/* An operation at a place in the code: counts it in, and says what to do instead if it is the
 * mutant. */
struct spoilt mutate(struct place at, enum op_kind kind, enum order o, enum order fail);

#endif
