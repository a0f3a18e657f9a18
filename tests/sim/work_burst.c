/* See work_burst.h. */
#include "work_burst.h"
#include <stdlib.h>
#include <string.h>
#include "base/assert.h"
#include "rt/rt.h"

#define REAP       4u /* events of one poll, at most */
#define POLLERS    3u
#define REFUSALS   8u /* in a row: then there is nothing to do for this burst */
#define NO_TIMEOUT ((int64_t)-1)

enum how { HOW_POLL, HOW_POLLERS, HOW_TEST, HOW_CHILDREN, HOW_NR };

struct burst {
    struct work_client *c;
    const struct work_burst_ops *ops;
    struct work_flight *const *f;
    uint32_t nr, up;
    uint32_t left;    /* calls still to be made */
    uint32_t refused; /* in a row */
    bool no_hdl;
    daos_handle_t eq; /* none: HOW_TEST */
    uint32_t pollers; /* that run */
    struct rt_event gone;
};

static uint32_t below(struct burst *b, uint32_t n)
{
    return (uint32_t)sim_rng_below(&b->c->rng, n);
}

static void ended(struct burst *b, struct work_flight *f, int rc)
{
    f->up = false;
    b->up--;
    b->no_hdl |= rc == -DER_NO_HDL;
    daos_event_fini(&f->ev);
    b->ops->end(b->c, f, rc);
}

static bool going(const struct burst *b)
{
    return b->left > 0 && b->refused < REFUSALS && !b->no_hdl && !b->c->work->failed;
}

/* False: none could be begun now. */
static bool launch(struct burst *b, struct work_flight *f, daos_event_t *parent)
{
    int rc = daos_event_init(&f->ev, b->eq, parent);

    if (rc == 0)
        rc = b->ops->launch(b->c, f);
    if (rc == 1) {
        daos_event_fini(&f->ev);
        b->refused++;
        return false;
    }
    b->left--;
    b->refused = 0;
    b->up++;
    f->up = true;
    if (rc != 0)
        ended(b, f, rc);
    else if (below(b, 16) == 0) {
        b->c->work->faults |= WORK_ABORT;
        daos_event_abort(&f->ev);
    }
    return true;
}

static void launch_all(struct burst *b)
{
    for (uint32_t i = 0; i < b->nr && going(b); i++)
        if (!b->f[i]->up && !launch(b, b->f[i], NULL))
            return;
}

/* ---- A queue ---- */

/* What ended is told; waits for something unless `look`. */
static void reap(struct burst *b, bool look)
{
    daos_event_t *evs[REAP];
    int64_t timeout = look ? 0 : below(b, 3) ? NO_TIMEOUT : (int64_t)below(b, 2000) + 1;
    int n = daos_eq_poll(b->eq, 1, timeout, 1 + below(b, REAP), evs);

    if (n < 0) {
        work_wrong(b->c->work, "client %u: polling its queue was answered %d", b->c->index, n);
        b->up = 0; /* nobody will say more */
    }
    for (int i = 0; i < n; i++)
        ended(b, CONTAINER_OF(evs[i], struct work_flight, ev), evs[i]->ev_error);
}

static void poller_main(void *arg)
{
    struct burst *b = arg;

    while (going(b) || b->up > 0) {
        reap(b, false);
        if (b->up == 0)
            rt_yield();
    }
    if (--b->pollers == 0)
        rt_event_set(&b->gone);
}

struct poller {
    struct burst *b;
    void *local;
};

static void poller_begin(void *arg)
{
    struct poller p = *(struct poller *)arg;

    free(arg);
    rt_local_set(p.local);
    poller_main(p.b);
    rt_local_set(NULL);
}

/* More fibers of this client, which poll too. */
static void spawn_pollers(struct burst *b)
{
    uint32_t want = 1 + below(b, POLLERS);

    for (uint32_t i = 0; i < want; i++) {
        struct poller *p = malloc(sizeof(*p));

        ASSERT(p != NULL);
        *p = (struct poller){b, rt_local_get()};
        if (rt_spawn_on(rt_xs_self(), poller_begin, p) != 0)
            free(p);
        else
            b->pollers++;
    }
}

static void with_queue(struct burst *b, bool pollers)
{
    if (pollers)
        spawn_pollers(b);
    while (going(b) || b->up > 0) {
        launch_all(b);
        if (b->up > 0)
            reap(b, b->up < b->nr && going(b) && below(b, 2));
        else if (going(b))
            rt_yield();
    }
    if (b->pollers > 0)
        rt_event_wait(&b->gone);
}

/* ---- No queue ---- */

static void with_tests(struct burst *b)
{
    while (going(b) || b->up > 0) {
        launch_all(b);
        for (uint32_t i = 0; i < b->nr; i++) {
            struct work_flight *f = b->f[i];
            bool over = false;

            if (f->up && daos_event_test(&f->ev, below(b, 2) ? NO_TIMEOUT : (int64_t)below(b, 500),
                                         &over) != 0)
                work_wrong(b->c->work, "client %u: an event cannot be tested", b->c->index);
            if (over)
                ended(b, f, f->ev.ev_error);
        }
    }
}

/* ---- Children ---- */

/* The parent ends with the first error of its children, when all have ended. */
static void group_ended(struct burst *b, const daos_event_t *parent)
{
    bool failed = false;

    for (uint32_t i = 0; i < b->nr; i++) {
        if (!b->f[i]->up)
            continue;
        failed |= b->f[i]->ev.ev_error != 0;
        ended(b, b->f[i], b->f[i]->ev.ev_error);
    }
    if (failed != (parent->ev_error != 0))
        work_wrong(b->c->work, "client %u: an event says %d, its children %s", b->c->index,
                   parent->ev_error, failed ? "failed" : "succeeded");
}

static void one_group(struct burst *b)
{
    uint32_t want = 1 + below(b, b->nr);
    daos_event_t parent, *ev = NULL;
    int n = 0;

    if (daos_event_init(&parent, b->eq, NULL) != 0)
        return;
    for (uint32_t i = 0; i < want && going(b); i++)
        if (!launch(b, b->f[i], &parent))
            break;
    if (b->up > 0 && daos_event_parent_barrier(&parent) != 0)
        work_wrong(b->c->work, "client %u: a parent cannot be armed", b->c->index);
    while (b->up > 0 && n == 0)
        n = daos_eq_poll(b->eq, 1, below(b, 2) ? NO_TIMEOUT : 1000, 1, &ev);
    if (n > 0)
        group_ended(b, &parent);
    else if (n == 0)
        rt_yield();
    else
        work_wrong(b->c->work, "client %u: polling for a parent was answered %d", b->c->index, n);
    daos_event_fini(&parent);
}

/* ---- The burst ---- */

static bool on_simulated_fiber(void)
{
    struct rt_xs *xs = rt_xs_self();

    return xs != NULL && rt_xs_world(xs)->simulated;
}

int work_burst(struct work_client *c, const struct work_burst_ops *ops,
               struct work_flight *const *f, uint32_t nr, uint32_t calls)
{
    struct burst b = {.c = c, .ops = ops, .f = f, .nr = nr, .left = calls, .gone = RT_EVENT_INIT};
    enum how how = (enum how)below(&b, HOW_NR);

    if (c->work->waits)
        return 0;
    if (how == HOW_POLLERS && !on_simulated_fiber())
        how = HOW_POLL;
    for (uint32_t i = 0; i < nr; i++)
        f[i]->up = false;
    if (how != HOW_TEST && daos_eq_create(&b.eq) != 0)
        return 0;
    if (how == HOW_TEST)
        with_tests(&b);
    else if (how == HOW_CHILDREN)
        while (going(&b))
            one_group(&b);
    else
        with_queue(&b, how == HOW_POLLERS);
    if (how != HOW_TEST && !c->work->failed && daos_eq_destroy(b.eq, 0) != 0)
        work_wrong(c->work, "client %u: a queue without events cannot be destroyed", c->index);
    return b.no_hdl ? -DER_NO_HDL : 0;
}
