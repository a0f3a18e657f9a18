/* What happens to tasks, counted: for the contracts of the task engine. */
#ifndef TESTS_API_CONTRACT_TSE_ACT_H
#define TESTS_API_CONTRACT_TSE_ACT_H

#include "no_stage.h"
#include <daos/tse.h>

struct act {
    tse_sched_t sched; /* ds_udata: the act */
    _Atomic int ran;   /* bodies */
    _Atomic int ended; /* completion callbacks */
    int result;        /* of the task whose callback was last */
    char text[32];     /* what letters told */
};

/* A callback that tells its letter. */
struct letter {
    struct act *a;
    char c;
};

static inline bool act_begin(struct run *r, struct act *a)
{
    memset(a, 0, sizeof(*a));
    NOW(0, tse_sched_init(&a->sched, NULL, a));
    return true;
}

/* Nothing is left, and so many bodies ran. */
static inline bool act_end(struct run *r, struct act *a, int ran)
{
    CHECK(tse_sched_check_complete(&a->sched));
    NOW(ran, a->ran);
    tse_sched_fini(&a->sched);
    return true;
}

static inline struct act *act_of(tse_task_t *task)
{
    return tse_task2sched(task)->ds_udata;
}

/* ---- Bodies ---- */

static inline int waits(tse_task_t *task)
{
    act_of(task)->ran++;
    return 0; /* somebody else completes it */
}

static inline int runs(tse_task_t *task)
{
    act_of(task)->ran++;
    tse_task_complete(task, 0);
    return 0;
}

static inline int fails(tse_task_t *task)
{
    act_of(task)->ran++;
    tse_task_complete(task, -DER_IO);
    return 0;
}

/* ---- Callbacks ---- */

static inline int ends(tse_task_t *task, void *to_act)
{
    struct act *a = *(struct act **)to_act;

    a->ended++;
    a->result = task->dt_result;
    return 0;
}

static inline int tells(tse_task_t *task, void *data)
{
    const struct letter *l = data;
    size_t n = strlen(l->a->text);

    if (n + 1 < sizeof(l->a->text))
        l->a->text[n] = l->c;
    return task == NULL;
}

static inline int ends_it(tse_task_t *task, void *nothing)
{
    (void)nothing;
    tse_task_complete(task, -DER_AGAIN);
    return 0;
}

/* Runs the task again, *left times more. */
static inline int again(tse_task_t *task, void *left)
{
    int n = *(int *)left - 1;

    if (n < 0)
        return 0;
    return tse_task_register_comp_cb_and_reinit(task, again, &n, sizeof(n), 0);
}

#endif
