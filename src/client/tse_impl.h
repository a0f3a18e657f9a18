/*
 * Inside the task engine: what a body does that hands its task to another thread. Private to the
 * room.
 */
#ifndef TARN_CLIENT_TSE_IMPL_H
#define TARN_CLIENT_TSE_IMPL_H

#include <daos/tse.h>

/* From any thread, once, of a running task: whoever next drives the scheduler completes the task
 * with rc. So callbacks run where the program expects them, in its own progress calls. */
void tse_task_ended(tse_task_t *task, int rc);
/* Whether there is work for tse_sched_progress() now, or no task at all; if not, *sleep_ns is how
 * long until a delayed task is due (UINT64_MAX: none is). */
bool tse_sched_ready(tse_sched_t *sched, uint64_t *sleep_ns);

/* The link of a task in a list of its caller's, and the reverse. */
d_list_t *tse_task_user_link(tse_task_t *task);
tse_task_t *tse_task_of_user_link(d_list_t *link);

struct rt_event;
/* A driver that waits; any number may. */
struct tse_waker {
    struct tse_waker *next;
    struct rt_event *ev;
};
/* w->ev is set when there may be work, or none is left to wait for, until it is taken back. */
void tse_sched_wake(tse_sched_t *sched, struct tse_waker *w);
void tse_sched_wake_no_more(tse_sched_t *sched, struct tse_waker *w);

#endif
