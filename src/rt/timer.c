#include "rt/timer.h"

#include <stddef.h>

#include "base/assert.h"
#include "rt/priv.h"

/* A node's children are a list through next; prev is the parent for the first child, else the
 * sibling before. */

static bool before(const struct rt_timer *a, const struct rt_timer *b)
{
    return a->at_ns != b->at_ns ? a->at_ns < b->at_ns : a->seq < b->seq;
}

/* Joins two heaps; either may be NULL. */
static struct rt_timer *meld(struct rt_timer *a, struct rt_timer *b)
{
    if (!a || !b)
        return a ? a : b;
    if (before(b, a)) {
        struct rt_timer *t = a;

        a = b;
        b = t;
    }
    b->next = a->child;
    if (b->next)
        b->next->prev = b;
    b->prev = a;
    a->child = b;
    return a;
}

/* Joins a list of siblings: in pairs from the left, then the pairs from the right. */
static struct rt_timer *meld_list(struct rt_timer *list)
{
    struct rt_timer *pairs = NULL, *all = NULL;

    while (list) {
        struct rt_timer *a = list, *b = a->next, *rest = b ? b->next : NULL;

        a->next = a->prev = NULL;
        if (b)
            b->next = b->prev = NULL;
        a = meld(a, b);
        a->next = pairs;
        pairs = a;
        list = rest;
    }
    while (pairs) {
        struct rt_timer *next = pairs->next;

        pairs->next = NULL;
        all = meld(all, pairs);
        pairs = next;
    }
    return all;
}

void timers_cancel(struct timers *h, struct rt_timer *t)
{
    struct rt_timer *below;

    if (!t->seq)
        return;
    below = meld_list(t->child);
    if (h->root == t) {
        h->root = below;
    } else {
        if (t->prev->child == t)
            t->prev->child = t->next;
        else
            t->prev->next = t->next;
        if (t->next)
            t->next->prev = t->prev;
        h->root = meld(h->root, below);
    }
    t->child = t->next = t->prev = NULL;
    t->seq = 0;
}

void timers_arm(struct timers *h, struct rt_timer *t, uint64_t at_ns)
{
    timers_cancel(h, t);
    t->at_ns = at_ns;
    t->seq = ++h->seq;
    t->child = t->next = t->prev = NULL;
    h->root = meld(h->root, t);
}

bool timers_run(struct timers *h, uint64_t now_ns)
{
    uint64_t last = h->seq;
    bool any = false;

    /* what a timer arms for a moment that is past waits for the next turn */
    while (h->root && h->root->at_ns <= now_ns && h->root->seq <= last) {
        struct rt_timer *t = h->root;

        timers_cancel(h, t);
        t->fn(t);
        any = true;
    }
    return any;
}

uint64_t timers_next_ns(const struct timers *h)
{
    return h->root ? h->root->at_ns : UINT64_MAX;
}

int rt_timer_arm(struct rt_timer *t, uint64_t at_ns)
{
    struct rt_xs *xs = rt_xs_self();

    ASSERT(xs != NULL);
    timers_arm(&xs->timers, t, at_ns);
    return 0;
}

void rt_timer_cancel(struct rt_timer *t)
{
    struct rt_xs *xs = rt_xs_self();

    if (!t->seq)
        return;
    ASSERT(xs != NULL);
    timers_cancel(&xs->timers, t);
}
