/* Stacks and switching between them. Knows nothing of scheduling. */
#ifndef TARN_RT_FIBER_H
#define TARN_RT_FIBER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rt/rt.h"

/* A place to switch to: the saved stack pointer and what the sanitizers want to know. */
struct fiber_ctx {
    void *sp;
    void *fake_stack; /* ASan */
    void *tsan;       /* TSan */
    const void *stack_low;
    size_t stack_size;
};

struct rt_fiber {
    struct rt_fiber *next; /* in the run queue or the pool */
    struct rt_xs *xs;
    void (*fn)(void *arg);
    void *arg;
    void *local;
    bool done;
    struct rt_call ready_call; /* carries a wake-up from another xstream */
    struct fiber_ctx ctx;
    void *map; /* guard page, stack, this struct */
    size_t map_size;
    unsigned valgrind_id;
};

/* Stacks to use again. Any thread may take and give (rt_spawn_on allocates on the caller's thread).
 */
struct fiber_pool {
    uint32_t guard;
    uint32_t count;
    struct rt_fiber *free;
};
#define FIBER_POOL_MAX 1024 /* stacks kept; more are unmapped when their fiber ends */

struct rt_fiber *fiber_new(struct fiber_pool *pool); /* NULL: no memory */
void fiber_free(struct fiber_pool *pool, struct rt_fiber *f);
void fiber_pool_fini(struct fiber_pool *pool);

/* Leaves the caller's stack for to; returns when somebody switches back. ending: the caller's stack
 * is not returned to. */
void fiber_switch(struct fiber_ctx *from, struct fiber_ctx *to, bool ending);
/* Names the calling thread's own stack, before it switches away for the first time. */
void fiber_ctx_thread(struct fiber_ctx *ctx);
/* First thing on a new stack, sched being where it came from. */
void fiber_arrived(struct fiber_ctx *self, struct fiber_ctx *came_from);

/* Runs on the new stack, in sched.c; never returns. */
_Noreturn void fiber_main(struct rt_fiber *f);

#endif
