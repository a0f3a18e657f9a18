/*
 * One event: states READY -> RUNNING -> COMPLETED -> READY, parents and children, completion
 * callbacks.
 *
 * The event lives in the program's memory and may vanish without a word once it is not running, so
 * nothing here keeps a pointer to it outside the queue's lists, and a queue that was destroyed by
 * force marks itself dead: whoever completes an operation of it later leaves the event alone.
 */
#include <daos.h>
#include "client/eq_impl.h"
#include "client/impl.h"
#include "client/op.h"
#include "base/fail.h"

_Static_assert(sizeof(struct event) <= sizeof(((daos_event_t *)0)->ev_private),
               "an event fits its public room");

int daos_event_init(daos_event_t *ev, daos_handle_t eqh, daos_event_t *parent)
{
    struct client *c = client_current();
    struct event *e, *p = NULL;
    struct eq *eq = NULL;
    int rc = 0;

    if (ev == NULL)
        return -DER_INVAL;
    if (c == NULL)
        return -DER_UNINIT;
    if (parent != NULL) {
        p = event_of(parent);
        if (parent == ev || p->magic != EVENT_MAGIC)
            return -DER_INVAL;
        if (p->parent != NULL)
            return -DER_NO_PERM;
        eqh.cookie = p->eq_cookie;
    }
    e = event_of(ev);
    eq = eq_of(c, &(struct event){.eq_cookie = eqh.cookie});
    if (eq == NULL)
        return -DER_NONEXIST;
    lock_short(&eq->lock);
    if (p != NULL && p->status != DAOS_EVS_READY) {
        rc = -DER_INVAL;
        goto out;
    }
    memset(ev, 0, sizeof(*ev));
    e->magic = EVENT_MAGIC;
    e->eq_cookie = eqh.cookie;
    list_init(&e->link);
    list_init(&e->children);
    list_init(&e->sibling);
    if (p != NULL) {
        e->parent = parent;
        list_add_tail(&p->children, &e->sibling);
        p->child_nr++;
    }
out:
    rt_mutex_unlock(&eq->lock);
    eq_put(eq);
    return rc;
}

static void free_cbs(struct event *e)
{
    while (e->cbs != NULL) {
        struct event_cb *cb = e->cbs;

        e->cbs = cb->next;
        base_free(cb);
    }
}

/* Forgets one event that is not running. Under the lock. */
static void retire(struct eq *eq, struct event *e)
{
    if (e->status == DAOS_EVS_COMPLETED && e->parent == NULL && eq != NULL &&
        !list_empty(&e->link)) {
        list_del(&e->link);
        eq->completed_nr--;
    }
    free_cbs(e);
    e->magic = 0;
}

int daos_event_fini(daos_event_t *ev)
{
    struct client *c = client_current();
    struct event *e = ev ? event_of(ev) : NULL;
    struct list *l, *tmp;
    struct eq *eq;
    int rc = 0;

    if (ev == NULL || e->magic != EVENT_MAGIC)
        return -DER_INVAL;
    /* A queue destroyed by force took its events along: only memory is left to free. */
    eq = c ? eq_of(c, e) : NULL;
    if (eq == NULL) {
        retire(NULL, e);
        return 0;
    }
    lock_short(&eq->lock);
    if (e->status == DAOS_EVS_RUNNING || e->child_running > 0) {
        rc = -DER_BUSY;
        goto out;
    }
    LIST_FOREACH_SAFE(l, tmp, &e->children)
    {
        struct event *k = LIST_ENTRY(l, struct event, sibling);

        list_del(l);
        retire(eq, k);
    }
    if (e->parent != NULL) {
        struct event *p = event_of(e->parent);

        list_del(&e->sibling);
        p->child_nr--;
        if (e->status == DAOS_EVS_COMPLETED)
            p->child_completed--;
    }
    retire(eq, e);
out:
    rt_mutex_unlock(&eq->lock);
    eq_put(eq);
    return rc;
}

daos_event_t *daos_event_next(daos_event_t *parent, daos_event_t *child)
{
    struct event *p = parent ? event_of(parent) : NULL;
    struct list *l;

    if (p == NULL || p->magic != EVENT_MAGIC)
        return NULL;
    l = child ? event_of(child)->sibling.next : p->children.next;
    return l == &p->children ? NULL : event_pub(LIST_ENTRY(l, struct event, sibling));
}

int daos_event_register_comp_cb(struct daos_event *ev, daos_event_comp_cb_t fn, void *arg)
{
    struct client *c = client_current();
    struct event_cb *cb, **tail;
    struct event *e;
    struct eq *eq;

    if (ev == NULL || fn == NULL || event_of(ev)->magic != EVENT_MAGIC)
        return -DER_INVAL;
    if (c == NULL)
        return -DER_UNINIT;
    e = event_of(ev);
    eq = eq_of(c, e);
    if (eq == NULL)
        return -DER_NONEXIST;
    cb = base_alloc(sizeof(*cb));
    if (cb == NULL) {
        eq_put(eq);
        return -DER_NOMEM;
    }
    *cb = (struct event_cb){.fn = fn, .arg = arg};
    lock_short(&eq->lock);
    for (tail = &e->cbs; *tail != NULL; tail = &(*tail)->next)
        continue;
    *tail = cb;
    rt_mutex_unlock(&eq->lock);
    eq_put(eq);
    return 0;
}

/* READY -> RUNNING. Under the lock. */
static int start(struct eq *eq, struct event *e)
{
    if (e->status != DAOS_EVS_READY)
        return -DER_NO_PERM;
    if (e->child_running + e->child_completed < e->child_nr)
        return -DER_NO_PERM;
    e->status = DAOS_EVS_RUNNING;
    event_pub(e)->ev_error = 0;
    if (e->parent != NULL) {
        event_of(e->parent)->child_running++;
        return 0;
    }
    list_add_tail(&eq->running, &e->link);
    eq->running_nr++;
    return 0;
}

int event_launch(struct client *c, daos_event_t *ev, struct ev_run *run)
{
    return event_launch_op(c, ev, NULL, run);
}

int event_launch_op(struct client *c, daos_event_t *ev, struct op *op, struct ev_run *run)
{
    struct event *e = event_of(ev);
    struct eq *eq;
    int rc;

    if (e->magic != EVENT_MAGIC)
        return -DER_UNINIT;
    eq = eq_of(c, e);
    if (eq == NULL)
        return -DER_NONEXIST;
    lock_short(&eq->lock);
    rc = start(eq, e);
    if (rc == 0) {
        e->armed = e->child_nr > 0;
        e->own_done = false;
        e->op = op;
    }
    rt_mutex_unlock(&eq->lock);
    if (rc != 0) {
        eq_put(eq);
        return rc;
    }
    run->ev = ev;
    run->eq = eq;
    return 0;
}

/* Delivers a completed event that is nobody's child. Under the lock. */
static void deliver(struct eq *eq, struct event *e)
{
    e->status = DAOS_EVS_COMPLETED;
    e->armed = false;
    list_del(&e->link);
    eq->running_nr--;
    list_add_tail(&eq->completed, &e->link);
    eq->completed_nr++;
    eq_wake(eq);
}

/* A parent that may be complete now: own operation ended and no child running. Under the lock. */
static void parent_check(struct eq *eq, struct event *p)
{
    if (p->status != DAOS_EVS_RUNNING || !p->own_done || p->child_running > 0)
        return;
    if (event_pub(p)->ev_error == 0)
        event_pub(p)->ev_error = p->child_error;
    deliver(eq, p);
}

/* RUNNING -> COMPLETED. Under the lock. */
static void finish(struct eq *eq, struct event *e)
{
    struct event *p;

    if (e->parent == NULL) {
        e->own_done = true;
        parent_check(eq, e);
        return;
    }
    p = event_of(e->parent);
    e->status = DAOS_EVS_COMPLETED;
    p->child_running--;
    p->child_completed++;
    if (p->child_error == 0)
        p->child_error = event_pub(e)->ev_error;
    parent_check(eq, p);
    /* Somebody may wait for the queue to run dry. */
    eq_wake(eq);
}

void event_done(struct ev_run *run, int rc)
{
    struct eq *eq = run->eq;
    struct event *e = event_of(run->ev);

    /* Callbacks first, without the lock: they may start other operations. One that registers more
     * is served too. */
    lock_short(&eq->lock);
    if (!eq->dead)
        e->op = NULL;
    if (!eq->dead && e->hook != NULL) {
        int (*hook)(void *arg, int rc) = e->hook;

        e->hook = NULL;
        rt_mutex_unlock(&eq->lock);
        rc = hook(e->hook_arg, rc);
        lock_short(&eq->lock);
    }
    while (!eq->dead && e->cbs != NULL) {
        struct event_cb *cb = e->cbs;
        int cb_rc;

        e->cbs = cb->next;
        rt_mutex_unlock(&eq->lock);
        cb_rc = cb->fn(cb->arg, run->ev, rc);
        if (rc == 0)
            rc = cb_rc;
        base_free(cb);
        lock_short(&eq->lock);
    }
    if (!eq->dead) {
        run->ev->ev_error = rc;
        finish(eq, e);
    }
    rt_mutex_unlock(&eq->lock);
    eq_put(eq);
}

void event_unlaunch(struct ev_run *run)
{
    struct eq *eq = run->eq;
    struct event *e = event_of(run->ev);

    lock_short(&eq->lock);
    if (!eq->dead) {
        e->status = DAOS_EVS_READY;
        e->armed = false;
        e->op = NULL;
        if (e->parent != NULL) {
            event_of(e->parent)->child_running--;
        } else {
            list_del(&e->link);
            eq->running_nr--;
        }
    }
    rt_mutex_unlock(&eq->lock);
    eq_put(eq);
}

int daos_event_parent_barrier(struct daos_event *ev)
{
    struct client *c = client_current();
    struct event *e = ev ? event_of(ev) : NULL;
    struct eq *eq;
    int rc;

    if (ev == NULL || e->magic != EVENT_MAGIC)
        return -DER_INVAL;
    if (c == NULL)
        return -DER_UNINIT;
    eq = eq_of(c, e);
    if (eq == NULL)
        return -DER_NONEXIST;
    lock_short(&eq->lock);
    rc = e->child_nr == 0 ? -DER_INVAL : start(eq, e);
    if (rc == 0) {
        e->armed = true;
        e->own_done = true;
        parent_check(eq, e);
    }
    rt_mutex_unlock(&eq->lock);
    eq_put(eq);
    return rc;
}

/* Under the lock, which event_done() needs before the op goes. */
static void abort_one(struct event *e)
{
    if (e->status == DAOS_EVS_RUNNING && e->op != NULL)
        op_abort(e->op);
}

int daos_event_abort(daos_event_t *ev)
{
    struct client *c = client_current();
    struct list *l;
    struct eq *eq;
    int rc;

    if (ev == NULL || event_of(ev)->magic != EVENT_MAGIC)
        return -DER_INVAL;
    if (c == NULL)
        return -DER_UNINIT;
    eq = eq_of(c, event_of(ev));
    if (eq == NULL)
        return -DER_NONEXIST;
    lock_short(&eq->lock);
    rc = event_of(ev)->status == DAOS_EVS_RUNNING ? 0 : -DER_NO_PERM;
    if (rc == 0) {
        abort_one(event_of(ev));
        LIST_FOREACH(l, &event_of(ev)->children)
        abort_one(LIST_ENTRY(l, struct event, sibling));
    }
    rt_mutex_unlock(&eq->lock);
    eq_put(eq);
    return rc;
}

int client_event_hook(daos_event_t *ev, int (*hook)(void *arg, int rc), void *arg)
{
    struct client *c = client_current();
    struct event *e;
    struct eq *eq;
    int rc;

    if (ev == NULL || event_of(ev)->magic != EVENT_MAGIC)
        return -DER_INVAL;
    if (c == NULL)
        return -DER_UNINIT;
    e = event_of(ev);
    eq = eq_of(c, e);
    if (eq == NULL)
        return -DER_NONEXIST;
    lock_short(&eq->lock);
    /* the hook of an operation that runs is that operation's */
    rc = e->status == DAOS_EVS_READY ? 0 : -DER_NO_PERM;
    if (rc == 0) {
        e->hook = hook;
        e->hook_arg = arg;
    }
    rt_mutex_unlock(&eq->lock);
    eq_put(eq);
    return rc;
}

int client_event_complete_now(daos_event_t *ev, int rc)
{
    struct client *c = client_current();
    struct ev_run run;
    int launch_rc;

    if (c == NULL)
        return -DER_UNINIT;
    launch_rc = event_launch(c, ev, &run);
    if (launch_rc == 0)
        event_done(&run, rc);
    return launch_rc;
}
