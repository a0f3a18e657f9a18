/* What event.c and eq.c share: the private half of an event, and the queue. */
#ifndef TARN_CLIENT_EQ_IMPL_H
#define TARN_CLIENT_EQ_IMPL_H

#include "client/event.h"

#define EVENT_MAGIC 0x6576746eu

struct eq {
    struct hobj h; /* unnamed (cookie 0) for the hidden queue */
    struct client *client;
    struct rt_mutex lock;
    struct list running;   /* events that are nobody's children */
    struct list completed; /* in order of completion */
    uint32_t running_nr, completed_nr;
    struct list sleepers; /* struct eq_sleeper */
    bool dead;            /* destroyed; running events of it must not be touched any more */
};

/* Who waits until something completes, or the queue goes away. */
struct eq_sleeper {
    struct list link;
    struct rt_event wake;
};

struct event_cb {
    struct event_cb *next;
    daos_event_comp_cb_t fn;
    void *arg;
};

/* Lives in ev_private. Fields are guarded by the queue's lock. */
struct event {
    uint32_t magic;
    uint16_t status;    /* daos_ev_status_t */
    bool armed;         /* a parent that waits for its children */
    bool own_done;      /* a parent whose own operation has ended */
    uint64_t eq_cookie; /* 0: the hidden queue */
    daos_event_t *parent;
    struct list link;     /* running or completed of the queue */
    struct list children; /* event.sibling */
    struct list sibling;
    struct event_cb *cbs;
    int (*hook)(void *arg,
                int rc); /* the library's own, before the program's callbacks (client.h) */
    void *hook_arg;
    struct op *op; /* that runs and can be aborted; NULL: none */
    uint32_t child_nr, child_running, child_completed;
    int child_error; /* first non-zero result of a child */
};

static inline struct event *event_of(daos_event_t *ev)
{
    return (struct event *)&ev->ev_private;
}

static inline daos_event_t *event_pub(struct event *e)
{
    return CONTAINER_OF((void *)e, daos_event_t, ev_private);
}

/* The queue an event belongs to, with a reference; NULL when it was destroyed. */
struct eq *eq_of(struct client *c, const struct event *e);
void eq_put(struct eq *eq);
/* Wakes those who wait. Under the lock. */
void eq_wake(struct eq *eq);
/* A completed event goes back to READY, its children too. Under the lock. */
void event_reap(struct eq *eq, struct event *e);

#endif
