/*
 * Events from the inside: what an asynchronous operation does with the daos_event_t it was given.
 *
 *     struct ev_run run;
 *     rc = event_launch(c, ev, &run);     READY -> RUNNING; argument errors have been answered
 * before this
 *     ... later, once, from any context:
 *     event_done(&run, rc);               callbacks, RUNNING -> COMPLETED, pollers wake
 *
 * libdfs and the tasks use the same two calls. event_done() never waits, so a message's done() may
 * call it; the callbacks a program registered run inside it. After event_done() the event is the
 * program's again.
 */
#ifndef TARN_CLIENT_EVENT_H
#define TARN_CLIENT_EVENT_H

#include <daos_event.h>
#include "base/list.h"
#include "client/handle.h"

struct client;
struct eq;
struct op;

struct ev_run {
    daos_event_t *ev;
    struct eq *eq; /* with a reference */
};

/* -DER_NO_PERM (not READY, or a parent some of whose children have not been launched),
 * -DER_NONEXIST (its queue is gone), -DER_UNINIT (never initialised). */
int event_launch(struct client *c, daos_event_t *ev, struct ev_run *run);
/* Likewise, and daos_event_abort() goes to op, which stays until event_done(). */
int event_launch_op(struct client *c, daos_event_t *ev, struct op *op, struct ev_run *run);
/* Ends the operation with rc (for dfs_*: a positive errno). */
void event_done(struct ev_run *run, int rc);
/* The operation could not start after all: back to READY, nobody is told. */
void event_unlaunch(struct ev_run *run);

/* For calls that need no waiting but take an event, which completes at once; ev NULL: nothing
 * happens. The event is launched before anything is done, so that a call that is refused for its
 * event has done nothing:
 *     rc = client_now_begin(ev, &run);
 *     return rc != 0 ? rc : client_now_end(ev, &run, what is done);
 * An error of what is done is answered, and the event is as it was. */
int client_now_begin(daos_event_t *ev, struct ev_run *run);
int client_now_end(daos_event_t *ev, struct ev_run *run, int rc);

/* The queue of events that belong to none; only event_test finds them. Made with the client, freed
 * with it. */
int eq_hidden_create(struct client *c, struct eq **eq);
void eq_hidden_destroy(struct eq *eq);
void eq_hidden_forked(struct eq *eq); /* in a child of fork() */

#endif
