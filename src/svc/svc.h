/*
 * svc: the pool service. What is true of a pool and its containers beside their data: properties,
 * ACLs, owners, attributes, labels, handles, snapshots, the pool map.
 *
 * It is a deterministic state machine. A command is a message of net/msg.h's table (or one of the
 * service's own, enum svc_own) with everything that is not in the state: the time, fresh random
 * bits, the client's operation id. svc_apply() runs it inside one heap transaction which also
 * stores the applied index, so a log that is replayed after a crash applies nothing twice, and
 * replicas that apply the same commands hold the same state. With one replica svc_apply() is called
 * directly; nothing else changes when libraft feeds it. Reads are functions of the state.
 *
 * Parts: state.c tables in the heap, prop.c the property table, acl.c access control, apply.c one
 * command, outcome.c at most once, pool.c cont.c attr.c snap.c what commands do, read.c queries.
 *
 * THREADS: every function is [L], with the shard's heap lock held, and may return HEAP_FAULT or
 * HEAP_WAIT (run it again, see heap/heap.h); an operation that does so has changed nothing.
 * Everything else is a DER code. Variable parts of replies live in the arena given.
 */
#ifndef TARN_SVC_H
#define TARN_SVC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/arena.h"
#include "heap/heap.h"
#include "heap/tree.h"
#include "net/msg.h"

struct svc;

/* ---- Life ---- */

struct svc_format {
    uint8_t pool[16];
    const struct msg_prop *props; /* pool properties that differ from the defaults */
    uint32_t props_nr;
    const char *owner, *group; /* principals, name@ */
    const void *map;           /* encoded pool map */
    uint32_t map_len;
    uint32_t domains; /* nodes of the map: the redundancy factor defaults to at most one less */
};
/* Makes the service's state in HEAP_ROOT_SVC. One heap transaction. -DER_INVAL property, with its
 * type in *bad. */
int svc_format(struct heap *h, const struct svc_format *f, uint32_t *bad);
/* -DER_DF_INVAL no service here, -DER_DF_INCOMPT newer format. */
int svc_open(struct heap *h, struct svc **svc);
void svc_close(struct svc *svc);
/* Forgets all handles and remembered outcomes at once, also when what is stored of them is damaged
 * and SVC_EVICT_ALL cannot delete one after the other. The room they took is not given back. Then
 * svc_cont_unused() for each container. Between commands. [L], one heap transaction each. */
int svc_drop_handles(struct svc *svc);
int svc_cont_unused(struct svc *svc, const uint8_t cont[16]);
/* The heap is read-only: handles of the past do not count, new ones live in memory; commands that
 * change anything else are -DER_NO_PERM. Before the first command. */
void svc_set_readonly(struct svc *svc);
uint64_t svc_applied(const struct svc *svc);

/* ---- Commands ---- */

/* A process that has a pool handle, and the containers opened through it (base/proc.h). */
struct svc_holder {
    uint64_t boot, space;
    uint64_t born;
    uint32_t pid;
};

/* Commands that no client sends. */
enum svc_own {
    /* Each does a bounded part of the work: again while svc_has_handles() says so, svc_next_gone()
       or svc_next_session() still finds it. */
    SVC_EVICT_ALL = 0x8000, /* handles and remembered outcomes go: the engine was restarted and its
                               clients died with it */
    SVC_CONT_GONE, /* the destroyed container's data is reclaimed: forget it (struct svc_cont_gone)
                    */
    SVC_SESSION_GONE, /* an idle session and its outcomes are forgotten (struct svc_session_gone) */
    SVC_HOLD,         /* one more process uses a handle (struct svc_holding) */
    SVC_HOLDER_GONE, /* a process that held a handle is gone; the last one takes the handle with it,
                        while svc_next_holding() still finds it (struct svc_holding) */
    SVC_OPCODE_MAX,
};

/* What a command carries beside the request. */
struct svc_cmd {
    uint16_t opcode;
    const void *req;                                /* struct of the opcode */
    uint64_t now;                                   /* HLC */
    uint8_t fresh[16];                              /* uuid for a new handle */
    uint64_t epoch;                                 /* SNAP_CREATE: of the snapshot */
    uint64_t session_hlc, session_rand, seq, acked; /* the client's operation id; seq 0: none */
    const struct svc_holder *holder; /* POOL_CONNECT: whose handle it becomes; NULL: it
                                        stays until somebody closes or evicts it */
};

/* Body of SVC_HOLD and SVC_HOLDER_GONE. hdl: a pool's; for SVC_HOLD a container's does too. */
struct svc_holding {
    uint8_t hdl[16];
    struct svc_holder who;
};

/* Body of SVC_CONT_GONE. */
struct svc_cont_gone {
    uint8_t uuid[16];
};

/* Body of SVC_SESSION_GONE. */
struct svc_session_gone {
    uint8_t session[16];
};

/* Applies command number index (svc_applied() + 1). rep: reply struct of the opcode, zeroed by the
 * caller. *lsn: durable before the answer, whatever it is. *replayed: this operation id was applied
 * before; the reply is that of then. A command that fails changes nothing. -DER_STALE: its session
 * gave no command for so long that it may have been forgotten; whatever became of an earlier copy,
 * this one was not applied. */
int svc_apply(struct svc *svc, uint64_t index, const struct svc_cmd *cmd, struct arena *mem,
              void *rep, uint64_t *lsn, bool *replayed);

/* Was it applied before? *replayed says so, and rep is the reply of then: for a command that needs
 * something done before it is applied. -DER_TX_ID_REUSED: its answer was acknowledged. */
int svc_recall(struct svc *svc, const struct svc_cmd *cmd, struct arena *mem, void *rep,
               bool *replayed);

/* ---- Reads ---- */

/* Queries of the table (POOL_QUERY without space, POOL_LIST_CONT, CONT_QUERY, ATTR_GET, ATTR_LIST,
 * SNAP_LIST): checks handle and rights, fills rep. */
int svc_read(struct svc *svc, uint16_t opcode, const void *req, struct arena *mem, void *rep);

/* An open container handle, for the I/O path. Stays valid until the lock is released; priv is the
 * engine's. */
struct svc_chdl {
    uint8_t hdl[16], cont[16];
    uint64_t caps; /* DAOS_ACL_PERM_* */
    void *priv;    /* the engine's open container; NULL at first */
};
/* NULL: no such handle, or one of those that could not be read when the service was opened. */
struct svc_chdl *svc_cont_handle(struct svc *svc, const uint8_t hdl[16]);
/* After NULL: looks where it is stored, if some could not be read. -DER_NO_HDL: there is none;
 * -DER_CSUM, -DER_IO: nobody can tell. May answer HEAP_FAULT. */
int svc_cont_handle_stored(struct svc *svc, const uint8_t hdl[16], struct svc_chdl **h);
/* From now on the container handles that commands close are noted, for who keeps copies of them. */
void svc_tell_closed(struct svc *svc);
/* Takes at most max of those noted; how many. *all: there was no memory to note them, any may be
 * closed. */
uint32_t svc_take_closed(struct svc *svc, uint8_t (*hdl)[16], uint32_t max, bool *all);
/* Is it an open pool handle? Its capabilities. */
int svc_pool_handle(struct svc *svc, const uint8_t hdl[16], uint64_t *caps);
/* Calls each(arg, handle) for every open container handle of the container, to clear priv when it
 * is closed behind its back. */
void svc_each_cont_handle(struct svc *svc, const uint8_t cont[16],
                          void (*each)(void *arg, struct svc_chdl *h), void *arg);
/* Uuid of a container by label or uuid text. -DER_NONEXIST. */
int svc_cont_lookup(struct svc *svc, const char *name, uint8_t uuid[16]);

/* The container's label; "" if it has none. */
int svc_cont_label(struct svc *svc, const uint8_t cont[16], char *buf, size_t len);

/* For the engine's opening: containers alive, and destroyed ones whose data may still be there.
 * uuid in: the one before (first: all zero and *more false); -DER_NONEXIST at the end. */
int svc_next_cont(struct svc *svc, uint8_t uuid[16], bool *started);
int svc_next_gone(struct svc *svc, uint8_t uuid[16], bool *started);
/* The session behind this one, in the same way. *idle: SVC_SESSION_GONE forgets it. now: HLC. */
int svc_next_session(struct svc *svc, uint64_t now, uint8_t session[16], bool *started, bool *idle);
/* The holding behind this one, in the same way. */
int svc_next_holding(struct svc *svc, struct svc_holding *h, bool *started);
/* Has SVC_HOLD something to do? It has not for a handle that is not there or that nobody holds. */
int svc_may_hold(struct svc *svc, const struct svc_holding *h, bool *yes);
/* Is it a snapshot of the container? */
int svc_has_snap(struct svc *svc, const uint8_t cont[16], uint64_t epoch, bool *yes);
/* Are there handles or outcomes that SVC_EVICT_ALL would drop? */
int svc_has_handles(struct svc *svc, bool *yes);
/* Walks all tables, a record a step: is each whole and where it belongs? What is met is added to
 * refs; report: what cannot be read, with the table it is of. Zero at the start. A step that faults
 * has done nothing. */
struct heap_refs;
struct svc_checker {
    uint64_t problems;
    /* the rest is its own */
    uint32_t table, nr, at;
    bool in;
    struct tree_walker w;
    struct tree_entry ent[TREE_LEAF_MAX];
};
int svc_check_step(struct svc *svc, struct svc_checker *k, struct heap_refs *refs,
                   void (*report)(void *arg, const char *text), void *arg, bool *done);
/* Takes what cannot be read out of the tables, a step; say: what (dry: what would be). *fatal: the
 * pool's map or properties are among it, which nothing can make again. */
struct svc_mender {
    uint32_t table;
    bool started, records, fatal;
    struct tree_walker w;
    uint64_t entries;
};
int svc_mend_step(struct svc *svc, struct svc_mender *k, bool dry,
                  void (*say)(void *arg, const char *text), void *arg, bool *done);
/* The container is in the store but not here: it is from now on, without a label and with default
 * properties; so is a snapshot of it that is not here. *made: something was. One transaction each.
 */
int svc_adopt_cont(struct svc *svc, const uint8_t cont[16], uint64_t now, bool *made);
/* The container's snapshot behind *epoch (*started false: the first). -DER_NONEXIST. */
int svc_next_snap(struct svc *svc, const uint8_t cont[16], uint64_t *epoch, bool *started);
int svc_adopt_snap(struct svc *svc, const uint8_t cont[16], uint64_t epoch, bool *made);
/* The container's data is lost: what is known of it goes. One transaction. */
int svc_forget_cont(struct svc *svc, const uint8_t cont[16]);
/* The pool map, encoded, in mem. */
int svc_pool_map(struct svc *svc, struct arena *mem, const void **map, size_t *len);
/* The numeric value of a container or pool property, default or stored. */
int svc_cont_prop(struct svc *svc, const uint8_t cont[16], uint32_t type, uint64_t *val);
int svc_pool_prop(struct svc *svc, uint32_t type, uint64_t *val);

#endif
