/*
 * Tasks and schedulers as the files of the task engine see them: tse.c makes tasks and says what
 * they wait for, tse_run.c runs and completes them, tse_sched.c drives them.
 */
#ifndef TARN_CLIENT_TSE_INT_H
#define TARN_CLIENT_TSE_INT_H

#include <gurt/atomic.h>
#include <gurt/common.h>
#include "client/tse_impl.h"

enum state { IDLE, WAITING, READY, RUNNING, DONE };

struct cb {
    struct cb *next;
    tse_task_cb_t fn;
    _Alignas(max_align_t) char data[];
};

/* Who waits for a task. */
struct dep {
    struct dep *next;
    tse_task_t *task; /* with a reference */
};

struct buf {
    struct buf *next;
    _Alignas(max_align_t) char data[];
};

struct task {
    d_list_t link; /* of the scheduler's list */
    d_list_t user; /* of a list of the caller's */
    tse_sched_t *sched;
    tse_task_func_t func;
    void *priv;
    struct cb *preps, *comps;
    struct dep *waiters;
    uint64_t due_ns; /* WAITING: not before */
    uint32_t deps;   /* unfinished tasks it waits for */
    uint32_t added;  /* counts those it was ever given, and runs its ends and reinits: so whoever */
    uint32_t runs;   /* called a callback sees what that did */
    ATOMIC uint32_t refs;
    struct buf *bufs; /* arguments that had no room inside */
    uint16_t buf_used;
    uint8_t state;
    bool completing : 1;
    bool alone : 1; /* errors of what it waits for are not its own */
    bool ended : 1; /* DONE is to come: tse_task_ended() */
    int ended_rc;
};

struct layout {
    struct task t;
    char arg[TSE_TASK_ARG_LEN];
};

struct sched_cb {
    struct sched_cb *next;
    tse_sched_comp_cb_t fn;
    void *arg;
};

struct sched {
    pthread_mutex_t lock;
    d_list_t waiting, ready, running, ended, done;
    struct sched_cb *comps;
    struct tse_waker *wakers;
    ATOMIC uint32_t refs;
    uint32_t nr; /* tasks on the lists */
    bool cancelling, completing, complete;
};

D_CASSERT(sizeof(struct layout) <= TSE_PRIV_SIZE, "a task holds its state and its arguments");
D_CASSERT(sizeof(struct sched) <= sizeof(((tse_sched_t *)0)->ds_private), "so does a scheduler");

static inline struct task *task_of(tse_task_t *task)
{
    return &((struct layout *)(void *)task->dt_private.dt_space)->t;
}

static inline tse_task_t *public_of(struct task *t)
{
    return container_of(t, tse_task_t, dt_private);
}

static inline struct sched *sched_of(tse_sched_t *sched)
{
    return (struct sched *)(void *)sched->ds_private.ds_space;
}

static inline struct sched *lock_of(struct task *t)
{
    struct sched *s = sched_of(t->sched);

    D_MUTEX_LOCK(&s->lock);
    return s;
}

/* Complete, and not given anything new to do. Under the lock. */
static inline bool is_complete(const struct task *t)
{
    return t->state == DONE || (t->state == IDLE && t->runs > 0);
}

/* ---- tse.c ---- */

/* A callback with a copy of its data. NULL: no memory. */
struct cb *tse_cb_new(tse_task_cb_t fn, const void *data, size_t size);
/* Last in, first out; NULL: none. Under the lock. */
void tse_put_comp(struct task *t, struct cb *comp);

/* ---- tse_run.c; all but tse_run() under the scheduler's lock ---- */

/* Whoever waits for work looks again. */
void tse_wake(struct sched *s);
/* Onto the list of its state; the list holds a reference. */
void tse_enter(struct sched *s, struct task *t, enum state state);
/* READY, or WAITING for what it has to. */
void tse_enter_waiting(struct sched *s, struct task *t);
/* A task that has become RUNNING for the nr-th time, with a reference of the caller's. */
void tse_run(struct task *t, uint32_t nr);
/* A DONE task leaves its scheduler. The lock is given up. */
void tse_finish(struct sched *s, struct task *t);

#endif
