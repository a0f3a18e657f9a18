/*
 * Event queues: poll, query, test, and the hidden queue of events that belong to none.
 *
 * Operations complete on the engine's thread, or, where a connection lies between, in the turns of
 * whoever waits (net/link.h): a poller looks at the queue's list, and drives what is under way
 * until something is delivered.
 */
#include <daos.h>
#include "client/eq_impl.h"
#include "client/impl.h"
#include "base/fail.h"

static void eq_free(struct hobj *h)
{
    base_free(CONTAINER_OF(h, struct eq, h));
}

static struct eq *eq_new(struct client *c)
{
    struct eq *eq = base_calloc(1, sizeof(*eq));

    if (eq == NULL)
        return NULL;
    eq->client = c;
    eq->h.free = eq_free;
    rt_mutex_init(&eq->lock);
    list_init(&eq->running);
    list_init(&eq->completed);
    list_init(&eq->sleepers);
    return eq;
}

int eq_hidden_create(struct client *c, struct eq **out)
{
    *out = eq_new(c);
    return *out ? 0 : -DER_NOMEM;
}

void eq_hidden_destroy(struct eq *eq)
{
    eq_free(&eq->h);
}

void eq_hidden_forked(struct eq *eq)
{
    rt_mutex_init(&eq->lock);
    list_init(&eq->running);
    list_init(&eq->completed);
    list_init(&eq->sleepers);
    eq->running_nr = eq->completed_nr = 0;
}

struct eq *eq_of(struct client *c, const struct event *e)
{
    struct hobj *h;

    if (e->eq_cookie == 0)
        return c->hidden_eq;
    h = handle_get(c->handles, (daos_handle_t){e->eq_cookie}, DAOS_HTYPE_EQ);
    return h ? CONTAINER_OF(h, struct eq, h) : NULL;
}

void eq_put(struct eq *eq)
{
    if (eq->h.cookie != 0)
        handle_put(&eq->h);
}

int daos_eq_create(daos_handle_t *eqh)
{
    struct client *c = client_current();
    struct eq *eq;
    int rc;

    if (eqh == NULL)
        return -DER_INVAL;
    if (c == NULL)
        return -DER_UNINIT;
    eq = eq_new(c);
    if (eq == NULL)
        return -DER_NOMEM;
    rc = handle_open(c->handles, &eq->h, DAOS_HTYPE_EQ, eqh);
    if (rc)
        eq_free(&eq->h);
    return rc;
}

static struct eq *eq_get(daos_handle_t eqh)
{
    struct client *c = client_current();
    struct hobj *h = c ? handle_get(c->handles, eqh, DAOS_HTYPE_EQ) : NULL;

    return h ? CONTAINER_OF(h, struct eq, h) : NULL;
}

void eq_wake(struct eq *eq)
{
    struct list *l;

    while ((l = list_pop(&eq->sleepers)) != NULL)
        rt_event_set(&LIST_ENTRY(l, struct eq_sleeper, link)->wake);
}

/* Drops what the queue still holds; running events must not be touched any more once it is dead.
 * Under the lock. */
static void drop_events(struct eq *eq)
{
    struct list *l;

    while ((l = list_pop(&eq->completed)) != NULL)
        event_reap(NULL, LIST_ENTRY(l, struct event, link));
    while ((l = list_pop(&eq->running)) != NULL)
        LIST_ENTRY(l, struct event, link)->status = DAOS_EVS_ABORTED;
    eq->running_nr = eq->completed_nr = 0;
    eq->dead = true;
    eq_wake(eq);
}

int daos_eq_destroy(daos_handle_t eqh, int flags)
{
    struct eq *eq;
    int rc = 0;

    if ((flags & ~DAOS_EQ_DESTROY_FORCE) != 0)
        return -DER_INVAL;
    eq = eq_get(eqh);
    if (eq == NULL)
        return -DER_NONEXIST;
    lock_short(&eq->lock);
    if (eq->dead)
        rc = -DER_NONEXIST;
    else if (!(flags & DAOS_EQ_DESTROY_FORCE) && eq->running_nr + eq->completed_nr > 0)
        rc = -DER_BUSY;
    else
        drop_events(eq);
    rt_mutex_unlock(&eq->lock);
    if (rc == 0)
        handle_close(&eq->h);
    eq_put(eq);
    return rc;
}

void event_reap(struct eq *eq, struct event *e)
{
    struct list *l;

    if (eq != NULL) {
        list_del(&e->link);
        eq->completed_nr--;
    }
    e->status = DAOS_EVS_READY;
    e->child_completed = 0;
    e->child_error = 0;
    LIST_FOREACH(l, &e->children)
    LIST_ENTRY(l, struct event, sibling)->status = DAOS_EVS_READY;
}

/* When a wait of timeout_us (negative: for ever) that begins now ends. */
static uint64_t deadline_of(int64_t timeout_us)
{
    return timeout_us < 0 ? UINT64_MAX : rt_now_ns() + (uint64_t)timeout_us * 1000;
}

/* Sleeps until the queue wakes or the time is over; false then. Under the lock, which it gives up
 * meanwhile. */
static bool eq_sleep(struct eq *eq, uint64_t deadline_ns)
{
    struct eq_sleeper me = {.wake = RT_EVENT_INIT};
    uint64_t left = UINT64_MAX, now;

    if (deadline_ns != UINT64_MAX) {
        now = rt_now_ns();
        if (now >= deadline_ns)
            return false;
        left = deadline_ns - now;
    }
    list_add_tail(&eq->sleepers, &me.link);
    rt_mutex_unlock(&eq->lock);
    client_wait(eq->client, &me.wake, left);
    lock_short(&eq->lock);
    list_del(&me.link);
    return true;
}

int daos_eq_poll(daos_handle_t eqh, int wait_running, int64_t timeout, unsigned int nevents,
                 daos_event_t **events)
{
    uint64_t deadline;
    struct list *l;
    struct eq *eq;
    int n = 0;

    if (nevents == 0 || events == NULL)
        return -DER_INVAL;
    eq = eq_get(eqh);
    if (eq == NULL)
        return -DER_NONEXIST;
    deadline = timeout == 0 ? 0 : deadline_of(timeout);
    if (timeout == 0)
        client_poll(eq->client);
    lock_short(&eq->lock);
    while (eq->completed_nr == 0 && timeout != 0 && !eq->dead &&
           !(wait_running != 0 && eq->running_nr == 0))
        if (!eq_sleep(eq, deadline))
            break;
    while ((unsigned int)n < nevents && (l = list_first(&eq->completed)) != NULL) {
        struct event *e = LIST_ENTRY(l, struct event, link);

        event_reap(eq, e);
        events[n++] = event_pub(e);
    }
    if (eq->dead)
        n = -DER_NONEXIST;
    rt_mutex_unlock(&eq->lock);
    eq_put(eq);
    return n;
}

static int count_list(struct list *head, unsigned int nevents, daos_event_t **events, int n)
{
    struct list *l;

    LIST_FOREACH(l, head)
    {
        if (events != NULL && (unsigned int)n < nevents)
            events[n] = event_pub(LIST_ENTRY(l, struct event, link));
        n++;
    }
    return n;
}

int daos_eq_query(daos_handle_t eqh, daos_eq_query_t query, unsigned int nevents,
                  daos_event_t **events)
{
    struct eq *eq;
    int n = 0;

    if (query == 0 || (query & ~DAOS_EQR_ALL) != 0 || (nevents > 0 && events == NULL))
        return -DER_INVAL;
    eq = eq_get(eqh);
    if (eq == NULL)
        return -DER_NONEXIST;
    lock_short(&eq->lock);
    if (query & DAOS_EQR_COMPLETED)
        n = count_list(&eq->completed, nevents, events, n);
    if (query & DAOS_EQR_WAITING)
        n = count_list(&eq->running, nevents, events, n);
    rt_mutex_unlock(&eq->lock);
    eq_put(eq);
    return n;
}

int daos_event_test(struct daos_event *ev, int64_t timeout, bool *flag)
{
    struct client *c = client_current();
    uint64_t deadline;
    struct event *e;
    struct eq *eq;

    if (ev == NULL || flag == NULL || event_of(ev)->magic != EVENT_MAGIC)
        return -DER_INVAL;
    if (c == NULL)
        return -DER_UNINIT;
    e = event_of(ev);
    if (e->parent != NULL)
        return -DER_NO_PERM;
    eq = eq_of(c, e);
    if (eq == NULL)
        return -DER_NONEXIST;
    deadline = timeout == 0 ? 0 : deadline_of(timeout);
    if (timeout == 0)
        client_poll(c);
    lock_short(&eq->lock);
    while (!eq->dead && e->status == DAOS_EVS_RUNNING && timeout != 0)
        if (!eq_sleep(eq, deadline))
            break;
    if (eq->dead) {
        rt_mutex_unlock(&eq->lock);
        eq_put(eq);
        return -DER_NONEXIST;
    }
    /* An event that is READY was reaped before (or never launched): nothing is pending either way.
     */
    *flag = e->status != DAOS_EVS_RUNNING;
    if (e->status == DAOS_EVS_COMPLETED)
        event_reap(eq, e);
    rt_mutex_unlock(&eq->lock);
    eq_put(eq);
    return 0;
}
