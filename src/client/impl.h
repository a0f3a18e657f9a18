/*
 * Inside libdaos: the client and what its handles name. Private to the room (and to libdfs where it
 * says so).
 *
 *   client_default -> struct client -> handle table -> pool -> cont -> obj, tx
 *
 * A child holds a reference on its parent, and the parent counts its open children, so that closing
 * in the wrong order is answered with -DER_BUSY. Everything sent is a struct op (op.h).
 */
#ifndef TARN_CLIENT_IMPL_H
#define TARN_CLIENT_IMPL_H

#include <stdatomic.h>
#include "base/err.h"
#include "base/hlc.h"
#include "base/mutant.h"
#include "base/list.h"
#include "client/client.h"
#include "client/event.h"
#include "client/handle.h"
#include "client/session.h"
#include "net/msg.h"
#include "net/net.h"
#include "rt/rt.h"

struct net_links;
struct op;
struct place_map;

struct client {
    struct handle_table *handles;
    struct eq *hidden_eq;
    struct session_set sessions;
    struct hlc clock;
    struct rt_mutex lock; /* the rest */
    struct op *op_free;   /* pool of asynchronous operations */
    uint32_t op_free_nr;
    struct rt_xs *xs;        /* runs asynchronous calls of several steps; made when first needed */
    struct net_links *links; /* ways to engines in other processes; made when first needed */
    struct list conns;       /* struct conn */
    _Atomic uint32_t tasks;  /* fibers and messages under way */
    struct client_times *times; /* client_time_calls() */
    struct client_slot dfs;     /* libdfs's */
    bool logs_errors;           /* client_error() */
};

/* A way to one pool's engine; shared by a handle and those imported from it. */
struct conn {
    struct list link; /* client.conns */
    struct client *client;
    struct net_peer *peer;
    void *cookie;  /* of client_embed_open */
    uint32_t refs; /* under client.lock */
    uuid_t pool;
    struct place_map *map;
};

struct pool {
    struct hobj h;
    struct client *client;
    struct conn *conn;
    uuid_t hdl;
    uint64_t caps;  /* enum msg_pool_caps */
    uint32_t flags; /* DAOS_PC_* */
    bool slave;     /* imported: disconnecting is local */
    _Atomic uint32_t conts;
    struct rt_event *gone; /* set by the last reference when a disconnect waits for it */
};

struct cont {
    struct hobj h;
    struct client *client;
    struct pool *pool; /* with a reference */
    uuid_t uuid, hdl;
    uint64_t caps;  /* enum daos_acl_perm */
    uint32_t flags; /* DAOS_COO_* */
    uint32_t redun_fac;
    uint32_t ec_cell;
    uint32_t redun_lvl;
    bool slave;
    _Atomic uint32_t objs; /* open objects and transactions */
};

struct obj {
    struct hobj h;
    struct client *client;
    struct cont *cont; /* with a reference */
    daos_obj_id_t oid;
    uint32_t mode;        /* DAOS_OO_* */
    uint64_t cell, chunk; /* arrays: bytes a cell, cells a chunk */
    daos_epoch_t oit;     /* object id table: the snapshot it shows; 0 for objects */
};

/* The calling fiber's or thread's client, else the process's; NULL before daos_init(). */
struct client *client_current(void);

static inline struct pool *pool_get(struct client *c, daos_handle_t h)
{
    struct hobj *o = c ? handle_get(c->handles, h, DAOS_HTYPE_POOL) : NULL;

    return o ? CONTAINER_OF(o, struct pool, h) : NULL;
}

static inline struct cont *cont_get(struct client *c, daos_handle_t h)
{
    struct hobj *o = c ? handle_get(c->handles, h, DAOS_HTYPE_CO) : NULL;

    return o ? CONTAINER_OF(o, struct cont, h) : NULL;
}

/* type: DAOS_HTYPE_OBJ, DAOS_HTYPE_KV or DAOS_HTYPE_ARRAY. */
static inline struct obj *obj_get(struct client *c, daos_handle_t h, uint32_t type)
{
    struct hobj *o = c ? handle_get(c->handles, h, type) : NULL;

    return o ? CONTAINER_OF(o, struct obj, h) : NULL;
}

static inline struct net_peer *cont_peer(const struct cont *co)
{
    return co->pool->conn->peer;
}

/* Makes an object handle of the given type; no message. Errors as daos_obj_open. */
int obj_open_local(struct client *c, daos_handle_t coh, daos_obj_id_t oid, unsigned int mode,
                   uint32_t type, daos_handle_t *oh);
int obj_close_local(struct client *c, daos_handle_t oh, uint32_t type);
/* As a call with an event. */
int obj_close_now(daos_handle_t oh, uint32_t type, daos_event_t *ev);

/* Runs body(c, args) on the caller (ev NULL), or on a fiber of the client's own with a copy of
 * args, ending in the event. What args points at must stay until then. Returns the body's result,
 * or whether it could be started. */
int client_run(daos_event_t *ev, int (*body)(struct client *c, void *args), void *args,
               size_t size);
/* Sees to it that there is an xstream for client_spawn(), which answers call that must not wait for
 * its thread to come up. Blocking. -DER_NOMEM. */
int client_start(struct client *c);
/* Runs fn(arg) on a fiber of the client's own. -DER_NOMEM. */
int client_spawn(struct client *c, void (*fn)(void *arg), void *arg);
/* client_now_begin() and client_now_end() (event.h) in one, where nothing is to be done, or it can
 * be undone. */
int client_now(daos_event_t *ev, int rc);

/* Waits for ev, which an operation sets, at most timeout_ns; what is under way goes on meanwhile.
 * -DER_TIMEDOUT. */
int client_wait(struct client *c, struct rt_event *ev, uint64_t timeout_ns);
/* Lets what is under way go on, without waiting. */
void client_poll(struct client *c);

/* The client ends with it open: the engine, which is elsewhere and stays, is told. Errors are
 * nobody's any more, and a dead engine is not waited for long. */
void cont_abandon(struct hobj *o);
void pool_abandon(struct hobj *o);
#define CLIENT_LEAVE_MS 5000u

void conn_ref(struct conn *cn);
/* Blocking: the last one closes the engine. */
void conn_put(struct conn *cn);

/* The principals of this process: "name@" of user, group and all groups, made for a connect and
 * freed with ident_fini. */
struct ident {
    char *user, *group;
    char **groups;
    uint32_t groups_nr;
};
int ident_self(struct ident *id);
void ident_fini(struct ident *id);

/* In a child of fork(): the lock on the environment is free (gurt.c). */
void gurt_forked(void);

#endif
