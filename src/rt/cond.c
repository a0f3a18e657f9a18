/* A condition is a list of waiters under guard. A waiter is woken by whoever takes it out of the
 * list, after the guard is released: from then on the condition is not touched and a woken waiter
 * may free it. Exhaustively checked: tests/model/cond_model.c. */
#include <stddef.h>

#include <daos_errno.h>

#include "base/assert.h"
#include "base/mutant.h"
#include "rt/priv.h"
#include "rt/wait.h"

void rt_cond_init(struct rt_cond *c)
{
    *c = (struct rt_cond){0};
}

static void enlist(struct rt_cond *c, struct waiter *w)
{
    guard_lock(&c->guard);
    w->queued = true;
    w->next = NULL;
    if (c->tail)
        ((struct waiter *)c->tail)->next = w;
    else
        c->head = w;
    c->tail = w;
    guard_unlock(&c->guard);
}

static bool withdraw(void *obj, struct waiter *w)
{
    struct rt_cond *c = obj;
    struct waiter *prev = NULL, *it;
    bool mine;

    guard_lock(&c->guard);
    mine = w->queued;
    if (mine) {
        for (it = c->head; it != w; it = it->next)
            prev = it;
        if (prev)
            prev->next = w->next;
        else
            c->head = w->next;
        if (c->tail == w)
            c->tail = prev;
        w->queued = false;
    }
    guard_unlock(&c->guard);
    return mine;
}

void rt_cond_wait(struct rt_cond *c, struct rt_mutex *m)
{
    struct waiter w;

    waiter_init(&w);
    enlist(c, &w);
    rt_mutex_unlock(m);
    waiter_wait(&w);
    rt_mutex_lock(m);
}

int rt_cond_wait_timeout(struct rt_cond *c, struct rt_mutex *m, uint64_t timeout_ns)
{
    struct waiter w;
    bool woken;

    waiter_init(&w);
    enlist(c, &w);
    rt_mutex_unlock(m);
    woken = waiter_wait_timeout(&w, timeout_ns, withdraw, c);
    rt_mutex_lock(m);
    return woken ? 0 : -DER_TIMEDOUT;
}

void rt_cond_signal(struct rt_cond *c)
{
    struct waiter *w;

    guard_lock(&c->guard);
    w = c->head;
    if (w) {
        c->head = w->next;
        if (!c->head)
            c->tail = NULL;
        w->queued = false;
    }
    guard_unlock(&c->guard);
    if (w)
        waiter_wake(w);
}

void rt_cond_broadcast(struct rt_cond *c)
{
    struct waiter *w;

    guard_lock(&c->guard);
    w = c->head;
    c->head = c->tail = NULL;
    for (struct waiter *it = w; it; it = it->next)
        it->queued = false;
    guard_unlock(&c->guard);
    while (w) {
        struct waiter *next = w->next;

        waiter_wake(w);
        if (MUTANT(RT_BROADCAST_ONE))
            break;
        w = next;
    }
}
