/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * Events and event queues: how asynchronous operations report.
 *
 * An event is initialised once, passed to an operation, polled (from its queue) or tested, and may
 * then be used again. Queues are independent of each other; one a thread is the usual pattern.
 * An event can have a parent, which then stands for all its children.
 */
#ifndef TARN_DAOS_EVENT_H
#define TARN_DAOS_EVENT_H

#include <stdint.h>
#include <stdbool.h>
#include <daos_types.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Timeouts of daos_eq_poll() and daos_event_test(), in microseconds: for ever; do not wait. */
#define DAOS_EQ_WAIT   (-1)
#define DAOS_EQ_NOWAIT 0
/** daos_eq_destroy(): also with events in it. */
#define DAOS_EQ_DESTROY_FORCE 1

/** State of an event. */
typedef enum {
    DAOS_EVS_READY = 0,
    DAOS_EVS_RUNNING = 1,
    DAOS_EVS_COMPLETED = 2,
    DAOS_EVS_ABORTED = 3,
} daos_ev_status_t;

/** Events daos_eq_query() counts. */
typedef enum {
    DAOS_EQR_COMPLETED = 1,
    DAOS_EQR_WAITING = 2,
    DAOS_EQR_ALL = 3,
} daos_eq_query_t;

/** Called when an operation ends, in the thread that ends it and before its event shows as
 * completed; @a ret is its result. A non-zero return becomes the event's error if it has none. */
typedef int (*daos_event_comp_cb_t)(void *arg, daos_event_t *ev, int ret);

/**
 * Create an event queue.
 * Errors: -DER_UNINIT (before daos_init), -DER_NOMEM.
 */
int daos_eq_create(daos_handle_t *eqh);

/**
 * Destroy a queue. Refused while it holds events, unless @a flags is DAOS_EQ_DESTROY_FORCE, which
 * drops them.
 * Errors: -DER_BUSY, -DER_NONEXIST, -DER_INVAL.
 */
int daos_eq_destroy(daos_handle_t eqh, int flags);

/**
 * Take finished events out of a queue, up to @a nevents into @a events; returns their number,
 * which may be 0. Returns as soon as there is one, or after @a timeout microseconds. @a
 * wait_running not 0: do not wait while nothing is running.
 * Errors: -DER_INVAL (nevents 0 or NULL), -DER_NONEXIST (bad EQ).
 */
int daos_eq_poll(daos_handle_t eqh, int wait_running, int64_t timeout, unsigned int nevents,
                 daos_event_t **events);

/**
 * Count running (WAITING) or finished (COMPLETED) events without taking them out, and list up to
 * @a nevents of them when @a events is not NULL.
 * Errors: -DER_NONEXIST, -DER_INVAL.
 */
int daos_eq_query(daos_handle_t eqh, daos_eq_query_t query, unsigned int nevents,
                  daos_event_t **events);

/**
 * Zero and prepare an event, for a queue (@a eqh), or as the child of @a parent (then in its
 * queue), or alone (DAOS_HDL_INVAL and NULL: only daos_event_test() can reap it).
 * Errors: -DER_INVAL (parent not ready), -DER_NO_PERM (parent is a child), -DER_NONEXIST (bad EQ),
 * -DER_UNINIT.
 */
int daos_event_init(daos_event_t *ev, daos_handle_t eqh, daos_event_t *parent);

/**
 * Release an event that is not running, and its children.
 * Errors: -DER_BUSY.
 */
int daos_event_fini(daos_event_t *ev);

/** The child after @a child (NULL: the first) of a parent; NULL at the end. */
daos_event_t *daos_event_next(daos_event_t *parent, daos_event_t *child);

/**
 * Let operations progress for up to @a timeout microseconds and tell in @a flag whether this one
 * has ended; its result is in ev_error.
 * Errors: -DER_NO_PERM (child event), -DER_INVAL, -DER_NONEXIST.
 */
int daos_event_test(struct daos_event *ev, int64_t timeout, bool *flag);

/**
 * Have @a cb called when the operation of this event ends.
 * Errors: -DER_NOMEM.
 */
int daos_event_register_comp_cb(struct daos_event *ev, daos_event_comp_cb_t cb, void *arg);

/**
 * Arm a parent: it completes when all its children have; its error is their first.
 * Errors: -DER_INVAL (no child), -DER_NO_PERM.
 */
int daos_event_parent_barrier(struct daos_event *ev);

/**
 * Ask for a running operation, and those of its children, to be given up. One that has not begun
 * ends with -DER_CANCELED: it did not happen, and will not. One that has begun, or may have, goes
 * on and ends as ever; so do operations of several requests (arrays) and of pools and containers.
 * Errors: -DER_NO_PERM (not running), -DER_NONEXIST (bad EQ).
 */
int daos_event_abort(daos_event_t *ev);

#ifdef __cplusplus
}
#endif

#endif /* TARN_DAOS_EVENT_H */
