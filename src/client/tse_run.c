/* Tasks that run and complete: see tse.c. */
#include "base/fail.h"
#include "client/tse_int.h"
#include "rt/rt.h"

/* ---- Lists of a scheduler; all under its lock ---- */

void tse_wake(struct sched *s)
{
    for (struct tse_waker *w = s->wakers; w != NULL; w = w->next)
        rt_event_set(w->ev);
}

void tse_enter(struct sched *s, struct task *t, enum state state)
{
    d_list_t *lists[] = {NULL, &s->waiting, &s->ready, &s->running, &s->done};

    if (t->state == IDLE) {
        s->nr++;
        t->refs++;
    } else {
        d_list_del(&t->link);
    }
    t->state = (uint8_t)state;
    t->ended = false;
    d_list_add_tail(&t->link, lists[state]);
    if (state == READY || state == DONE)
        tse_wake(s);
}

/* Off the lists. The caller drops the list's reference once the lock is free. */
static void leave(struct sched *s, struct task *t)
{
    d_list_del_init(&t->link);
    t->state = IDLE;
    if (--s->nr == 0)
        tse_wake(s);
}

void tse_enter_waiting(struct sched *s, struct task *t)
{
    tse_enter(s, t, t->deps == 0 && t->due_ns == 0 ? READY : WAITING);
}

/* ---- Running ---- */

/* The next callback before the body, if it is still to run; NULL otherwise. */
static struct cb *next_prep(struct task *t, uint32_t run)
{
    struct sched *s = lock_of(t);
    struct cb *c = NULL;

    if (t->state == RUNNING && t->runs == run && t->deps > 0 && !t->ended) {
        tse_enter(s, t, WAITING); /* the one before gave it something to wait for */
    } else if (t->state == RUNNING && t->runs == run && t->preps != NULL) {
        c = t->preps;
        t->preps = c->next;
    }
    D_MUTEX_UNLOCK(&s->lock);
    return c;
}

static bool is_running(struct task *t, uint32_t run)
{
    struct sched *s = lock_of(t);
    bool is = t->state == RUNNING && t->runs == run;

    D_MUTEX_UNLOCK(&s->lock);
    return is;
}

void tse_run(struct task *t, uint32_t nr)
{
    tse_task_t *task = public_of(t);
    struct cb *c;
    int rc;

    while ((c = next_prep(t, nr)) != NULL) {
        rc = c->fn(task, c->data);
        base_free(c);
        if (rc != 0 && task->dt_result == 0)
            task->dt_result = rc;
    }
    if (t->func != NULL && is_running(t, nr))
        t->func(task);
}

static int schedule(tse_task_t *task, bool instant, uint64_t delay_us)
{
    struct task *t = task_of(task);
    struct sched *s = lock_of(t);
    bool now = false;
    uint32_t nr = t->runs;

    if (t->state != IDLE) {
        D_MUTEX_UNLOCK(&s->lock);
        return -DER_NO_PERM;
    }
    s->complete = false;
    t->due_ns = delay_us > 0 ? rt_now_ns() + delay_us * 1000 : 0;
    if (t->func == NULL)
        tse_enter(s, t, RUNNING);
    else
        tse_enter_waiting(s, t);
    if (instant && t->state == READY && t->preps == NULL && !s->cancelling) {
        tse_enter(s, t, RUNNING);
        now = true;
    }
    /* the list has taken a reference of its own; the creator's was for it */
    if (!now)
        t->refs--;
    D_MUTEX_UNLOCK(&s->lock);
    if (now) {
        tse_run(t, nr);
        tse_task_decref(task);
    }
    return 0;
}

int tse_task_schedule(tse_task_t *task, bool instant)
{
    return schedule(task, instant, 0);
}

int tse_task_schedule_with_delay(tse_task_t *task, bool instant, uint64_t delay)
{
    return schedule(task, instant, delay);
}

/* ---- Completing ---- */

/* What a completion began with: callbacks change it. */
struct mark {
    uint32_t runs, added;
};

/* The next callback at completion; NULL when there is none or one has stopped the completion. */
static struct cb *next_comp(struct task *t, const struct mark *m)
{
    struct sched *s = lock_of(t);
    struct cb *c = NULL;

    if (t->runs != m->runs) {
        D_MUTEX_UNLOCK(&s->lock); /* it runs again, or has */
        return NULL;
    }
    if (t->added != m->added && t->deps > 0 && t->state == RUNNING && !s->cancelling) {
        t->completing = false;
        if (t->func != NULL)
            tse_enter(s, t, WAITING);
    } else if (t->comps != NULL) {
        c = t->comps;
        t->comps = c->next;
    } else {
        t->completing = false;
        tse_enter(s, t, DONE);
    }
    D_MUTEX_UNLOCK(&s->lock);
    return c;
}

void tse_task_complete(tse_task_t *task, int ret)
{
    struct task *t = task_of(task);
    struct sched *s = lock_of(t);
    bool again = t->completing || is_complete(t), idle = t->state == IDLE;
    struct mark m = {t->runs, t->added};
    struct cb *c;
    int rc;

    if (again) {
        D_MUTEX_UNLOCK(&s->lock);
        return;
    }
    t->completing = true;
    if (!idle)
        t->refs++; /* idle: the creator's is ours, the list will have its own */
    if (task->dt_result == 0)
        task->dt_result = ret;
    D_MUTEX_UNLOCK(&s->lock);
    while ((c = next_comp(t, &m)) != NULL) {
        rc = c->fn(task, c->data);
        base_free(c);
        if (rc != 0 && task->dt_result == 0)
            task->dt_result = rc;
    }
    tse_task_decref(task);
}

void tse_task_ended(tse_task_t *task, int rc)
{
    struct task *t = task_of(task);
    struct sched *s = lock_of(t);

    D_ASSERT(t->state == RUNNING && !t->ended);
    t->ended = true;
    t->ended_rc = rc;
    d_list_move_tail(&t->link, &s->ended);
    tse_wake(s);
    D_MUTEX_UNLOCK(&s->lock);
}

/* What waited for a task that is done with result goes on; with the last, if it was running all the
 * while, it is complete. */
static void release(tse_task_t *task, int result)
{
    struct task *t = task_of(task);
    struct sched *s = lock_of(t);
    bool complete = false;

    if (result != 0 && !t->alone && task->dt_result == 0)
        task->dt_result = result;
    if (t->deps > 0 && --t->deps == 0) {
        if (t->state == WAITING)
            tse_enter_waiting(s, t);
        else
            complete = t->state == RUNNING && !t->completing && !t->ended;
    }
    D_MUTEX_UNLOCK(&s->lock);
    if (complete)
        tse_task_complete(task, 0);
    tse_task_decref(task);
}

static void release_all(struct dep *d, int result)
{
    struct dep *next;

    for (; d != NULL; d = next) {
        next = d->next;
        release(d->task, result);
        base_free(d);
    }
}

void tse_finish(struct sched *s, struct task *t)
{
    struct dep *waiters = t->waiters;
    tse_task_t *task = public_of(t);
    int result = task->dt_result;

    if (t->sched->ds_result == 0)
        t->sched->ds_result = result;
    t->waiters = NULL;
    t->runs++; /* it has run: who depends on it from now on need not wait */
    leave(s, t);
    D_MUTEX_UNLOCK(&s->lock);
    release_all(waiters, result);
    tse_task_decref(task);
}

/* With one more callback for the next end, unless NULL; taken on success only. */
static int reinit(tse_task_t *task, struct cb *comp, uint64_t delay_us)
{
    struct task *t = task_of(task);
    struct sched *s = lock_of(t);
    int rc = 0;

    if (s->cancelling || (comp != NULL && is_complete(t)) ||
        (t->state != RUNNING && !is_complete(t)))
        rc = -DER_NO_PERM;
    else if (t->func == NULL)
        rc = -DER_INVAL;
    if (rc == 0) {
        tse_put_comp(t, comp);
        t->runs++;
        t->completing = false;
        t->due_ns = delay_us > 0 ? rt_now_ns() + delay_us * 1000 : 0;
        task->dt_result = 0;
        s->complete = false;
        tse_enter_waiting(s, t);
    }
    D_MUTEX_UNLOCK(&s->lock);
    return rc;
}

int tse_task_reinit(tse_task_t *task)
{
    return reinit(task, NULL, 0);
}

int tse_task_reinit_with_delay(tse_task_t *task, uint64_t delay)
{
    return reinit(task, NULL, delay);
}

int tse_task_register_comp_cb_and_reinit(tse_task_t *task, tse_task_cb_t comp_cb, void *arg,
                                         size_t arg_size, uint64_t delay)
{
    struct cb *comp;
    int rc;

    if (comp_cb == NULL)
        return -DER_INVAL;
    comp = tse_cb_new(comp_cb, arg, arg_size);
    if (comp == NULL)
        return -DER_NOMEM;
    rc = reinit(task, comp, delay);
    if (rc != 0)
        base_free(comp);
    return rc;
}

int tse_task_reset(tse_task_t *task, tse_task_func_t task_func, void *priv)
{
    struct task *t = task_of(task);
    struct sched *s = lock_of(t);
    int rc = 0;

    if (t->state == DONE) {
        tse_task_addref(task);
        tse_finish(s, t);
        t->refs--; /* the caller's is left, as the interface asks */
        s = lock_of(t);
    }
    if (t->state != IDLE || t->preps != NULL || t->comps != NULL) {
        rc = -DER_NO_PERM;
    } else {
        task->dt_result = 0;
        t->func = task_func;
        t->priv = priv;
        t->runs = 0;
    }
    D_MUTEX_UNLOCK(&s->lock);
    return rc;
}
