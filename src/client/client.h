/*
 * client: libdaos. Public handles, events and objects over net/ messages.
 *
 * All state hangs off a struct client; the public API finds the current one: the process's default
 * (made by daos_init), or, on a fiber of the simulator, the fiber's own (client_use). Handles are
 * cookies (type in the low bits, slot, generation), checked on every use: a stale or foreign handle
 * is -DER_NO_HDL.
 *
 * The room locks only through rt_mutex. Objects: a blocking call waits on an rt_event of its own;
 * an asynchronous one completes its daos_event.
 */
#ifndef TARN_CLIENT_H
#define TARN_CLIENT_H

#include <daos.h>
#include "base/err.h"
#include "rt/rt.h"

struct client;
struct net_peer;

/* Made by daos_init(); a simulation makes its own. */
int client_create(struct client **c);
void client_destroy(struct client *c);
/* Makes c the current client of the calling fiber (simulation). NULL: back to the process's. */
void client_use(struct client *c);

/* Records an error for err_last(). Programs written for DAOS know nothing of that and print a
 * number: for them it goes to the log as well, until client_shows_errors() says that this program
 * (a tool of ours) shows err_last() itself. */
void client_error(const struct err *e);
void client_shows_errors(void);

/* As daos_obj_generate_oid, for a container that does not exist yet: the redundancy factor is the
 * pool's. */
int client_generate_oid_pool(daos_handle_t poh, daos_obj_id_t *oid, enum daos_otype_t type,
                             daos_oclass_id_t cid, daos_oclass_hints_t hints);

/* What libdfs keeps with the current client (its connections); data is libdfs's own, NULL at first.
 * Lives as long as the client; NULL without one. */
struct client_slot {
    struct rt_mutex lock; /* guards data */
    void *data;
};
struct client_slot *client_dfs_slot(void);

/* Libraries above (libdfs): before ev is given to an operation, hook is set to run once at its
 * completion, before the program's callbacks and on whatever thread completes it; it must not wait,
 * and what it returns becomes the event's result (libdfs answers errnos). It is dropped when it has
 * run; NULL takes it back (the operation did not start). -DER_NO_PERM: the event is in use, and
 * what runs keeps its own. DER codes of event functions. */
int client_event_hook(daos_event_t *ev, int (*hook)(void *arg, int rc), void *arg);
/* Launches and completes ev at once with rc: an asynchronous call that had nothing to do. */
int client_event_complete_now(daos_event_t *ev, int rc);

/* Sets pool properties (dmg pool set-prop): -DER_INVAL, -DER_NO_PERM, -DER_EXIST (label). Blocking.
 */
int client_pool_set_prop(daos_handle_t poh, daos_prop_t *prop);
/* Calls each() for every figure of the pool's engine. Blocking. */
int client_engine_stat(daos_handle_t poh, void (*each)(void *arg, const char *name, uint64_t value),
                       void *arg);

/* When what happened to a call, in ns of CLOCK_MONOTONIC; 0: not known. */
struct client_times {
    uint64_t sent_ns;    /* its request was given to the transport */
    uint64_t taken_ns;   /* the engine had it */
    uint64_t decoded_ns; /* ... and knew what was asked */
    uint64_t answered_ns;
    uint64_t received_ns; /* the answer was here */
};
/* From now on *times tells of the last call that was waited for; NULL: no more. For a program with
 * one thread, between its calls. */
int client_time_calls(daos_handle_t poh, struct client_times *times);

/* Calls figure() for every figure of the connections to the pool's engine, then kind() for every
 * kind of message that came over them. -DER_NOSYS: the engine is in this process, and nobody
 * connects to it. Blocking. */
struct client_kind {
    const char *name;
    uint64_t requests, errors, refused, cancelled; /* the last two: not begun */
    uint64_t bytes_in, bytes_out;                  /* of the engine */
    uint64_t time_us;
    const uint64_t *took; /* how many took less than 1, 2, 4, 8, .. us; the last: the rest */
    uint32_t took_nr;
};
int client_engine_metrics(daos_handle_t poh,
                          void (*figure)(void *arg, const char *name, uint64_t value),
                          void (*kind)(void *arg, const struct client_kind *k), void *arg);

/* ---- What embed/ supplies (declared here, defined there; libdaos links both) ---- */

/* HERE: a bit; in this process, whoever else listens. */
enum client_open_mode { CLIENT_OPEN_RW, CLIENT_OPEN_RO, CLIENT_OPEN_HERE };

/* The client's ways to engines in other processes. -DER_NOMEM. */
struct net_links;
int client_links(struct client *c, struct net_links **ls);

/* A way to the engine of the pool directory `path`: one that listens there, else one in this
 * process; a second open of the same directory shares the first. *peer answers its requests (the
 * caller closes it before client_embed_close); pool: its uuid. -DER_NONEXIST no such pool,
 * -DER_BUSY in use by another process, -DER_DF_*, -DER_CSUM ...; err in three parts. */
int client_embed_open(struct client *c, const char *path, unsigned int mode, struct net_peer **peer,
                      uuid_t pool, void **cookie, struct err *e);
/* The last close shuts the engine down orderly. */
void client_embed_close(void *cookie);
/* A name by which other processes of this machine (tcp://: of any) open the same engine, into buf
 * of PATH_MAX. -DER_NOTSUPPORTED: there is none, it runs in this process. */
int client_embed_place(void *cookie, char *buf, size_t len);
/* Path of a pool named by label or UUID text, from the registry of this user
 * ($XDG_STATE_HOME/tarn/pools). -DER_NONEXIST. buf of PATH_MAX. */
int client_embed_resolve(const char *name, char *buf, size_t len, struct err *e);

/* Calls each() for every registered pool of this user, until it returns not 0 (which is returned).
 */
int client_embed_list(int (*each)(const uuid_t pool, const char *label, const char *path,
                                  void *arg),
                      void *arg, struct err *e);

#endif
