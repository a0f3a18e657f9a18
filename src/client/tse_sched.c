/* Schedulers: what drives tasks. See tse.c. */
#include "base/fail.h"
#include "client/tse_int.h"
#include "rt/rt.h"

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
            tse_enter_waiting(s, t);
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
        tse_finish(s, t);
        return true;
    }
    t = first_of(&s->ready);
    if (t == NULL && s->cancelling)
        t = first_of(&s->waiting);
    if (t == NULL)
        return false;
    cancel = s->cancelling;
    tse_enter(s, t, RUNNING);
    nr = t->runs;
    t->refs++;
    D_MUTEX_UNLOCK(&s->lock);
    if (cancel)
        tse_task_complete(public_of(t), -DER_CANCELED);
    else
        tse_run(t, nr);
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
