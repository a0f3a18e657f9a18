/*
 * The task engine (daos/tse.h).
 *
 *     schedule             deps and delay over         body or whoever completes
 *  IDLE ----> WAITING ------> READY ------> RUNNING ------> DONE ------> IDLE (tse_task_reset)
 *                ^                             |              |
 *                +------ reinit, new deps -----+--------------+
 *
 * A task in any state but IDLE is on one list of its scheduler and holds a reference for it. DONE
 * tasks release those that wait for them when the scheduler is driven, not where they complete: so
 * a chain of any length needs no stack, and completing from another thread is only a list away.
 *
 * Every scheduler has a lock; no callback runs under it, and no two are ever held at once. Links
 * from a task to those that wait for it belong to the lock of the task waited for, the count of
 * what a task waits for to its own.
 */
#include <gurt/atomic.h>
#include <gurt/common.h>
#include "base/fail.h"
#include "client/tse_impl.h"
#include "rt/rt.h"

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

static struct task *task_of(tse_task_t *task)
{
    return &((struct layout *)(void *)task->dt_private.dt_space)->t;
}

static tse_task_t *public_of(struct task *t)
{
    return container_of(t, tse_task_t, dt_private);
}

static struct sched *sched_of(tse_sched_t *sched)
{
    return (struct sched *)(void *)sched->ds_private.ds_space;
}

d_list_t *tse_task_user_link(tse_task_t *task)
{
    return &task_of(task)->user;
}

tse_task_t *tse_task_of_user_link(d_list_t *link)
{
    return public_of(container_of(link, struct task, user));
}

static struct sched *lock_of(struct task *t)
{
    struct sched *s = sched_of(t->sched);

    D_MUTEX_LOCK(&s->lock);
    return s;
}

/* ---- Lists of a scheduler; all under its lock ---- */

static void wake(struct sched *s)
{
    for (struct tse_waker *w = s->wakers; w != NULL; w = w->next)
        rt_event_set(w->ev);
}

/* Onto the list of its state; the list holds a reference. */
static void enter(struct sched *s, struct task *t, enum state state)
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
        wake(s);
}

/* Off the lists. The caller drops the list's reference once the lock is free. */
static void leave(struct sched *s, struct task *t)
{
    d_list_del_init(&t->link);
    t->state = IDLE;
    if (--s->nr == 0)
        wake(s);
}

static void enter_waiting(struct sched *s, struct task *t)
{
    enter(s, t, t->deps == 0 && t->due_ns == 0 ? READY : WAITING);
}

/* Complete, and not given anything new to do. Under the lock. */
static bool is_complete(const struct task *t)
{
    return t->state == DONE || (t->state == IDLE && t->runs > 0);
}

/* ---- References ---- */

void tse_task_addref(tse_task_t *task)
{
    task_of(task)->refs++;
}

static void cbs_free(struct cb *c)
{
    struct cb *next;

    for (; c != NULL; c = next) {
        next = c->next;
        base_free(c);
    }
}

void tse_task_decref(tse_task_t *task)
{
    struct task *t = task_of(task);
    struct buf *b;

    D_ASSERT(t->refs > 0);
    if (--t->refs > 0)
        return;
    D_ASSERTF(t->state == IDLE && t->waiters == NULL, "a task is in use\n");
    cbs_free(t->preps);
    cbs_free(t->comps);
    while ((b = t->bufs) != NULL) {
        t->bufs = b->next;
        base_free(b);
    }
    base_free(task);
}

/* ---- Tasks ---- */

int tse_task_create(tse_task_func_t task_func, tse_sched_t *sched, void *priv, tse_task_t **taskp)
{
    tse_task_t *task;
    struct task *t;

    if (sched == NULL || taskp == NULL)
        return -DER_INVAL;
    task = base_calloc(1, sizeof(*task));
    if (task == NULL)
        return -DER_NOMEM;
    t = task_of(task);
    D_INIT_LIST_HEAD(&t->link);
    D_INIT_LIST_HEAD(&t->user);
    t->sched = sched;
    t->func = task_func;
    t->priv = priv;
    t->refs = 1;
    *taskp = task;
    return 0;
}

void *tse_task2arg(tse_task_t *task)
{
    return ((struct layout *)(void *)task->dt_private.dt_space)->arg;
}

tse_sched_t *tse_task2sched(tse_task_t *task)
{
    return task_of(task)->sched;
}

void *tse_task_buf_embedded(tse_task_t *task, int size)
{
    struct layout *l = (struct layout *)(void *)task->dt_private.dt_space;
    size_t room = sizeof(l->arg) - l->t.buf_used, need = D_ALIGNUP((size_t)size, 8);
    struct buf *b;

    if (size < 0)
        return NULL;
    if (need <= room) {
        l->t.buf_used = (uint16_t)(l->t.buf_used + need);
        return l->arg + l->t.buf_used - need;
    }
    b = base_calloc(1, sizeof(*b) + need);
    if (b == NULL)
        return NULL;
    b->next = l->t.bufs;
    l->t.bufs = b;
    return b->data;
}

void *tse_task_get_priv(tse_task_t *task)
{
    return task_of(task)->priv;
}

void *tse_task_set_priv(tse_task_t *task, void *priv)
{
    struct task *t = task_of(task);
    void *old = t->priv;

    t->priv = priv;
    return old;
}

void tse_disable_propagate(tse_task_t *task)
{
    task_of(task)->alone = true;
}

static struct cb *cb_new(tse_task_cb_t fn, const void *data, size_t size)
{
    struct cb *c = base_alloc(sizeof(*c) + size);

    if (c == NULL)
        return NULL;
    c->next = NULL;
    c->fn = fn;
    if (size > 0)
        memcpy(c->data, data, size);
    return c;
}

/* Last in, first out. Under the lock. */
static void put_comp(struct task *t, struct cb *comp)
{
    if (comp == NULL)
        return;
    comp->next = t->comps;
    t->comps = comp;
}

int tse_task_register_cbs(tse_task_t *task, tse_task_cb_t prep_cb, void *prep_data,
                          size_t prep_data_size, tse_task_cb_t comp_cb, void *comp_data,
                          size_t comp_data_size)
{
    struct cb *prep = NULL, *comp = NULL, **last;
    struct task *t = task_of(task);
    struct sched *s;
    int rc = 0;

    if (prep_cb != NULL && (prep = cb_new(prep_cb, prep_data, prep_data_size)) == NULL)
        return -DER_NOMEM;
    if (comp_cb != NULL && (comp = cb_new(comp_cb, comp_data, comp_data_size)) == NULL) {
        base_free(prep);
        return -DER_NOMEM;
    }
    s = lock_of(t);
    if (is_complete(t)) {
        rc = -DER_NO_PERM;
    } else {
        for (last = &t->preps; *last != NULL; last = &(*last)->next)
            continue;
        *last = prep;
        put_comp(t, comp);
        prep = comp = NULL;
    }
    D_MUTEX_UNLOCK(&s->lock);
    base_free(prep);
    base_free(comp);
    return rc;
}

int tse_task_register_comp_cb(tse_task_t *task, tse_task_cb_t comp_cb, void *arg, size_t arg_size)
{
    if (comp_cb == NULL)
        return -DER_INVAL;
    return tse_task_register_cbs(task, NULL, NULL, 0, comp_cb, arg, arg_size);
}

/* One more task waits for dep, unless that is done. Takes d. */
static void depend(struct task *t, tse_task_t *dep, struct dep *d)
{
    struct task *on = task_of(dep);
    struct sched *s = lock_of(t);

    t->deps++;
    t->added++;
    if (t->state == READY)
        enter(s, t, WAITING);
    D_MUTEX_UNLOCK(&s->lock);
    s = lock_of(on);
    if (!is_complete(on)) {
        tse_task_addref(public_of(t));
        *d = (struct dep){.next = on->waiters, .task = public_of(t)};
        on->waiters = d;
        d = NULL;
    }
    D_MUTEX_UNLOCK(&s->lock);
    if (d == NULL)
        return;
    base_free(d);
    s = lock_of(t);
    t->deps--;
    if (t->state == WAITING)
        enter_waiting(s, t);
    D_MUTEX_UNLOCK(&s->lock);
}

static void deps_free(struct dep *d)
{
    struct dep *next;

    for (; d != NULL; d = next) {
        next = d->next;
        base_free(d);
    }
}

/* So many, in a row. */
static int deps_new(int nr, struct dep **deps)
{
    *deps = NULL;
    for (int i = 0; i < nr; i++) {
        struct dep *d = base_alloc(sizeof(*d));

        if (d == NULL) {
            deps_free(*deps);
            return -DER_NOMEM;
        }
        *d = (struct dep){.next = *deps};
        *deps = d;
    }
    return 0;
}

int tse_task_register_deps(tse_task_t *task, int num_deps, tse_task_t **dep_tasks)
{
    struct task *t = task_of(task);
    struct dep *deps, *next;
    struct sched *s;
    bool done;
    int i, rc;

    if (num_deps < 0 || (num_deps > 0 && dep_tasks == NULL))
        return -DER_INVAL;
    for (i = 0; i < num_deps; i++)
        if (dep_tasks[i] == NULL || dep_tasks[i] == task)
            return -DER_INVAL;
    s = lock_of(t);
    done = is_complete(t);
    D_MUTEX_UNLOCK(&s->lock);
    if (done)
        return -DER_NO_PERM;
    rc = deps_new(num_deps, &deps); /* all or none */
    for (i = 0; rc == 0 && i < num_deps; i++) {
        next = deps->next;
        depend(t, dep_tasks[i], deps);
        deps = next;
    }
    return rc;
}

/* ---- Running ---- */

/* The next callback before the body, if it is still to run; NULL otherwise. */
static struct cb *next_prep(struct task *t, uint32_t run)
{
    struct sched *s = lock_of(t);
    struct cb *c = NULL;

    if (t->state == RUNNING && t->runs == run && t->deps > 0 && !t->ended) {
        enter(s, t, WAITING); /* the one before gave it something to wait for */
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

/* A task that has become RUNNING, with a reference of the caller's. */
static void run(struct task *t, uint32_t nr)
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
        enter(s, t, RUNNING);
    else
        enter_waiting(s, t);
    if (instant && t->state == READY && t->preps == NULL && !s->cancelling) {
        enter(s, t, RUNNING);
        now = true;
    }
    /* the list has taken a reference of its own; the creator's was for it */
    if (!now)
        t->refs--;
    D_MUTEX_UNLOCK(&s->lock);
    if (now) {
        run(t, nr);
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
            enter(s, t, WAITING);
    } else if (t->comps != NULL) {
        c = t->comps;
        t->comps = c->next;
    } else {
        t->completing = false;
        enter(s, t, DONE);
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
    wake(s);
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
            enter_waiting(s, t);
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

/* A DONE task leaves its scheduler. Under the lock, which is given up. */
static void finish(struct sched *s, struct task *t)
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
        put_comp(t, comp);
        t->runs++;
        t->completing = false;
        t->due_ns = delay_us > 0 ? rt_now_ns() + delay_us * 1000 : 0;
        task->dt_result = 0;
        s->complete = false;
        enter_waiting(s, t);
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
    comp = cb_new(comp_cb, arg, arg_size);
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
        finish(s, t);
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

/* ---- Schedulers ---- */

int tse_sched_init(tse_sched_t *sched, tse_sched_comp_cb_t comp_cb, void *udata)
{
    struct sched *s = sched_of(sched);
    int rc;

    memset(sched, 0, sizeof(*sched));
    rc = D_MUTEX_INIT(&s->lock, NULL);
    if (rc != 0)
        return rc;
    D_INIT_LIST_HEAD(&s->waiting);
    D_INIT_LIST_HEAD(&s->ready);
    D_INIT_LIST_HEAD(&s->running);
    D_INIT_LIST_HEAD(&s->ended);
    D_INIT_LIST_HEAD(&s->done);
    s->refs = 1;
    sched->ds_udata = udata;
    return comp_cb != NULL ? tse_sched_register_comp_cb(sched, comp_cb, udata) : 0;
}

int tse_sched_register_comp_cb(tse_sched_t *sched, tse_sched_comp_cb_t comp_cb, void *arg)
{
    struct sched *s = sched_of(sched);
    struct sched_cb *c;

    if (comp_cb == NULL)
        return -DER_INVAL;
    c = base_alloc(sizeof(*c));
    if (c == NULL)
        return -DER_NOMEM;
    *c = (struct sched_cb){.fn = comp_cb, .arg = arg};
    D_MUTEX_LOCK(&s->lock);
    c->next = s->comps;
    s->comps = c;
    D_MUTEX_UNLOCK(&s->lock);
    return 0;
}

void tse_sched_fini(tse_sched_t *sched)
{
    struct sched *s = sched_of(sched);
    struct sched_cb *c;

    D_ASSERTF(s->nr == 0, "%u tasks are left\n", s->nr);
    while ((c = s->comps) != NULL) {
        s->comps = c->next;
        base_free(c);
    }
    pthread_mutex_destroy(&s->lock);
}

void tse_sched_addref(tse_sched_t *sched)
{
    sched_of(sched)->refs++;
}

void tse_sched_decref(tse_sched_t *sched)
{
    D_ASSERT(sched_of(sched)->refs > 0);
    if (--sched_of(sched)->refs == 0)
        tse_sched_complete(sched, 0, false);
}

static struct task *first_of(d_list_t *l)
{
    return d_list_empty(l) ? NULL : d_list_entry(l->next, struct task, link);
}

static void wake_sleepers(struct sched *s)
{
    uint64_t now = rt_now_ns();
    d_list_t *l, *next;
    struct task *t;

    d_list_for_each_safe(l, next, &s->waiting)
    {
        t = d_list_entry(l, struct task, link);
        if (t->due_ns != 0 && (t->due_ns <= now || s->cancelling)) {
            t->due_ns = 0;
            enter_waiting(s, t);
        }
    }
}

/* One thing that is to be done. Under the lock, which is given up; false: nothing is, and the lock
 * is still held. */
static bool step(struct sched *s)
{
    struct task *t;
    uint32_t nr;
    bool cancel;

    t = first_of(&s->ended);
    if (t != NULL) {
        t->ended = false;
        d_list_move_tail(&t->link, &s->running);
        D_MUTEX_UNLOCK(&s->lock);
        tse_task_complete(public_of(t), t->ended_rc);
        return true;
    }
    t = first_of(&s->done);
    if (t != NULL) {
        finish(s, t);
        return true;
    }
    t = first_of(&s->ready);
    if (t == NULL && s->cancelling)
        t = first_of(&s->waiting);
    if (t == NULL)
        return false;
    cancel = s->cancelling;
    enter(s, t, RUNNING);
    nr = t->runs;
    t->refs++;
    D_MUTEX_UNLOCK(&s->lock);
    if (cancel)
        tse_task_complete(public_of(t), -DER_CANCELED);
    else
        run(t, nr);
    tse_task_decref(public_of(t));
    return true;
}

/* The scheduler was completed and its last task has left: its callbacks, once. Under the lock. */
static void end(tse_sched_t *sched)
{
    struct sched *s = sched_of(sched);
    struct sched_cb *c;
    int rc;

    if (!s->completing || s->complete || s->nr > 0)
        return;
    s->complete = true;
    while ((c = s->comps) != NULL) {
        s->comps = c->next;
        D_MUTEX_UNLOCK(&s->lock);
        rc = c->fn(c->arg, sched->ds_result);
        base_free(c);
        D_MUTEX_LOCK(&s->lock);
        if (rc != 0 && sched->ds_result == 0)
            sched->ds_result = rc;
    }
    s->completing = s->cancelling = false;
}

void tse_sched_progress(tse_sched_t *sched)
{
    struct sched *s = sched_of(sched);

    D_MUTEX_LOCK(&s->lock);
    wake_sleepers(s);
    while (step(s))
        D_MUTEX_LOCK(&s->lock);
    end(sched);
    D_MUTEX_UNLOCK(&s->lock);
}

void tse_sched_complete(tse_sched_t *sched, int ret, bool cancel)
{
    struct sched *s = sched_of(sched);

    D_MUTEX_LOCK(&s->lock);
    if (sched->ds_result == 0)
        sched->ds_result = ret;
    s->completing = true;
    s->cancelling |= cancel;
    D_MUTEX_UNLOCK(&s->lock);
    tse_sched_progress(sched);
}

bool tse_sched_check_complete(tse_sched_t *sched)
{
    struct sched *s = sched_of(sched);
    bool none;

    D_MUTEX_LOCK(&s->lock);
    none = s->nr == 0;
    D_MUTEX_UNLOCK(&s->lock);
    return none;
}

bool tse_sched_ready(tse_sched_t *sched, uint64_t *sleep_ns)
{
    struct sched *s = sched_of(sched);
    uint64_t now = rt_now_ns();
    struct task *t;
    bool ready;

    *sleep_ns = UINT64_MAX;
    D_MUTEX_LOCK(&s->lock);
    ready = s->nr == 0 || !d_list_empty(&s->ready) || !d_list_empty(&s->ended) ||
            !d_list_empty(&s->done);
    d_list_for_each_entry(t, &s->waiting, link)
    {
        if (t->due_ns != 0)
            *sleep_ns = min(*sleep_ns, t->due_ns > now ? t->due_ns - now : 0);
    }
    D_MUTEX_UNLOCK(&s->lock);
    return ready || *sleep_ns == 0;
}

void tse_sched_wake(tse_sched_t *sched, struct tse_waker *w)
{
    struct sched *s = sched_of(sched);

    D_MUTEX_LOCK(&s->lock);
    w->next = s->wakers;
    s->wakers = w;
    D_MUTEX_UNLOCK(&s->lock);
}

void tse_sched_wake_no_more(tse_sched_t *sched, struct tse_waker *w)
{
    struct sched *s = sched_of(sched);
    struct tse_waker **at;

    D_MUTEX_LOCK(&s->lock);
    for (at = &s->wakers; *at != w; at = &(*at)->next)
        continue;
    *at = w->next;
    D_MUTEX_UNLOCK(&s->lock);
}
