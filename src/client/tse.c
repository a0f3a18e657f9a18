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
#include "base/fail.h"
#include "client/tse_int.h"

d_list_t *tse_task_user_link(tse_task_t *task)
{
    return &task_of(task)->user;
}

tse_task_t *tse_task_of_user_link(d_list_t *link)
{
    return public_of(container_of(link, struct task, user));
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

struct cb *tse_cb_new(tse_task_cb_t fn, const void *data, size_t size)
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

void tse_put_comp(struct task *t, struct cb *comp)
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

    if (prep_cb != NULL && (prep = tse_cb_new(prep_cb, prep_data, prep_data_size)) == NULL)
        return -DER_NOMEM;
    if (comp_cb != NULL && (comp = tse_cb_new(comp_cb, comp_data, comp_data_size)) == NULL) {
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
        tse_put_comp(t, comp);
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
        tse_enter(s, t, WAITING);
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
        tse_enter_waiting(s, t);
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
