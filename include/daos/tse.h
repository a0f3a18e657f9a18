/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * The client's task engine: tasks with dependencies, run by a scheduler that its owner drives with
 * daos_progress() or tse_sched_progress().
 *
 * A task runs its body when all tasks it depends on are complete; the body, or whoever it hands the
 * task to, ends it with tse_task_complete(). The error of a dependency is inherited (dt_result is
 * set before the body, which still runs) unless tse_disable_propagate() was called. A task is born
 * with one reference, its creator's, which tse_task_schedule() takes over.
 */
#ifndef TARN_DAOS_TSE_H
#define TARN_DAOS_TSE_H

#include <stdint.h>
#include <stdbool.h>
#include <stddef.h>
#include <daos_types.h>
#include <gurt/list.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Bytes of a task and of a scheduler that are the engine's, and bytes for a body's arguments. */
#define TSE_PRIV_SIZE    1016
#define TSE_TASK_ARG_LEN 880

/** A task. */
typedef struct tse_task {
    int dt_result; /**< result, to be read in callbacks */
    int dt_pad32;
    struct {
        char dt_space[TSE_PRIV_SIZE];
    } dt_private; /**< the engine's */
} tse_task_t;

/** A scheduler, in its owner's memory. */
typedef struct {
    int ds_result;  /**< first error */
    void *ds_udata; /**< the owner's */
    struct {
        uint64_t ds_space[48];
    } ds_private; /**< the engine's */
} tse_sched_t;

/** Called when a scheduler completes; body of a task; prep and completion callback of a task. */
typedef int (*tse_sched_comp_cb_t)(void *args, int rc);
typedef int (*tse_task_func_t)(tse_task_t *task);
typedef int (*tse_task_cb_t)(tse_task_t *task, void *data);

/** The argument area inside a task. */
void *tse_task2arg(tse_task_t *task);

/** The scheduler of a task. */
tse_sched_t *tse_task2sched(tse_task_t *task);

/** Make a scheduler. @a comp_cb, unless NULL, is called when it completes. */
int tse_sched_init(tse_sched_t *sched, tse_sched_comp_cb_t comp_cb, void *udata);

/** Release a scheduler that has no task left. */
void tse_sched_fini(tse_sched_t *sched);

/** Take a reference. */
void tse_sched_addref(tse_sched_t *sched);

/** Drop a reference; the last one completes the scheduler. */
void tse_sched_decref(tse_sched_t *sched);

/**
 * Complete a scheduler with result @a ret. @a cancel: waiting tasks end with -DER_CANCELED instead
 * of running.
 */
void tse_sched_complete(tse_sched_t *sched, int ret, bool cancel);

/**
 * Add a callback for the scheduler's completion; the last one added is called first.
 * Errors: -DER_INVAL, -DER_NOMEM.
 */
int tse_sched_register_comp_cb(tse_sched_t *sched, tse_sched_comp_cb_t comp_cb, void *arg);

/** Run ready tasks and see to completed ones until nothing changes. Never waits. */
void tse_sched_progress(tse_sched_t *sched);

/** Is nothing waiting, sleeping or running? */
bool tse_sched_check_complete(tse_sched_t *sched);

/**
 * A new task of a scheduler, with its body (NULL: someone else completes it) and a private
 * pointer.
 * Errors: -DER_INVAL, -DER_NOMEM.
 */
int tse_task_create(tse_task_func_t task_func, tse_sched_t *sched, void *priv, tse_task_t **taskp);

/**
 * Hand a task to its scheduler. @a instant: if nothing holds it back, run the body now; its result
 * is in dt_result, not in what this returns (0).
 * Errors: -DER_NO_PERM (it has been scheduled).
 */
int tse_task_schedule(tse_task_t *task, bool instant);

/**
 * As tse_task_schedule(), the body not before @a delay microseconds.
 * Errors: -DER_NO_PERM (it has been scheduled).
 */
int tse_task_schedule_with_delay(tse_task_t *task, bool instant, uint64_t delay);

/**
 * Add a completion callback; it gets a copy of @a arg_size bytes at @a arg.
 * Errors: -DER_INVAL, -DER_NO_PERM (the task is complete), -DER_NOMEM.
 */
int tse_task_register_comp_cb(tse_task_t *task, tse_task_cb_t comp_cb, void *arg, size_t arg_size);

/**
 * Add a completion callback and run the task again after @a delay microseconds, or do neither.
 * Errors: -DER_INVAL (also: it has no body), -DER_NO_PERM (it does not run), -DER_NOMEM.
 */
int tse_task_register_comp_cb_and_reinit(tse_task_t *task, tse_task_cb_t comp_cb, void *arg,
                                         size_t arg_size, uint64_t delay);

/**
 * End a task; @a ret is kept if dt_result is still 0. Callbacks run last in, first out, and may
 * change dt_result; one that re-initialises the task or gives it a dependency stops completion and
 * the task runs again. Then tasks that depend on it are freed. Nothing happens on a completed
 * task.
 */
void tse_task_complete(tse_task_t *task, int ret);

/** @a size bytes that live as long as the task; NULL when there is no memory. */
void *tse_task_buf_embedded(tse_task_t *task, int size);

/** Private pointer of a task. */
void *tse_task_get_priv(tse_task_t *task);

/** Set the private pointer; gives the old one. */
void *tse_task_set_priv(tse_task_t *task, void *priv);

/**
 * Make a task wait for others, of any scheduler; completed ones do not count. All or none.
 * Errors: -DER_INVAL (also: one is the task itself), -DER_NO_PERM (the task is complete),
 * -DER_NOMEM.
 */
int tse_task_register_deps(tse_task_t *task, int num_deps, tse_task_t **dep_tasks);

/**
 * Add a callback before the body and one at completion, each with a copy of its data; either may
 * be NULL. The first may complete or re-initialise the task.
 * Errors: -DER_NO_PERM (the task is complete), -DER_NOMEM.
 */
int tse_task_register_cbs(tse_task_t *task, tse_task_cb_t prep_cb, void *prep_data,
                          size_t prep_data_size, tse_task_cb_t comp_cb, void *comp_data,
                          size_t comp_data_size);

/**
 * Run a task again, from one of its callbacks or after completion.
 * Errors: -DER_NO_PERM (it is neither running nor complete, or its scheduler cancels), -DER_INVAL
 * (it has no body).
 */
int tse_task_reinit(tse_task_t *task);

/**
 * As tse_task_reinit() after @a delay microseconds.
 * Errors: -DER_NO_PERM, -DER_INVAL.
 */
int tse_task_reinit_with_delay(tse_task_t *task, uint64_t delay);

/**
 * Give a completed task another body and private pointer, to be scheduled anew.
 * Errors: -DER_NO_PERM (it waits, runs or has callbacks left).
 */
int tse_task_reset(tse_task_t *task, tse_task_func_t task_func, void *priv);

/** Take a reference. */
void tse_task_addref(tse_task_t *task);

/** Drop a reference; the last one frees the task. */
void tse_task_decref(tse_task_t *task);

/** Put a task into a list of the caller's. */
int tse_task_list_add(tse_task_t *task, d_list_t *head);

/** Take it out. */
void tse_task_list_del(tse_task_t *task);

/** First task of a list. */
tse_task_t *tse_task_list_first(d_list_t *head);

/** Schedule all tasks of a list. */
void tse_task_list_sched(d_list_t *head, bool instant);

/** Complete all tasks of a list with @a rc. */
void tse_task_list_abort(d_list_t *head, int rc);

/**
 * Make every task of a list wait for @a task. At an error those before the one that has it do.
 * Errors: as tse_task_register_deps(): -DER_INVAL, -DER_NO_PERM, -DER_NOMEM.
 */
int tse_task_list_depend(d_list_t *head, tse_task_t *task);

/**
 * Make @a task wait for every task of a list.
 * Errors: as tse_task_register_deps(): -DER_NO_PERM, -DER_NOMEM.
 */
int tse_task_depend_list(tse_task_t *task, d_list_t *head);

/** Call @a cb for each task of a list; not 0 stops and is returned. */
int tse_task_list_traverse(d_list_t *head, tse_task_cb_t cb, void *arg);

/** As tse_task_list_traverse(); @a cb may take its task out. */
int tse_task_list_traverse_adv(d_list_t *head, tse_task_cb_t cb, void *arg);

/** Do not inherit errors of the tasks this one depends on. */
void tse_disable_propagate(tse_task_t *task);

#ifdef __cplusplus
}
#endif

#endif /* TARN_DAOS_TSE_H */
