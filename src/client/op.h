/*
 * One request under way: the message, its memory, and what happens with the answer.
 *
 *     struct op local, *op;
 *     rc = op_begin(c, ev, &local, &op);      blocking (ev NULL): the caller's stack; else one of
 * the client's pool, event launched
 *     ... fill op->call.hdr, op->req, memory by op_alloc(), op_hold() handles, op->finish
 *     return op_run(op, cont, opcode);        blocking: the result; else 0, the result goes to the
 * event
 *
 * finish(op, rc) sees the decoded reply once, on whatever thread the answer arrives: it copies
 * results to the program, must not wait, and returns the final rc. The op and all it holds are
 * released after it. Errors before op_run() go through op_fail().
 *
 * In place of an event, a part of a bigger operation (array I/O) sets op->then.
 */
#ifndef TARN_CLIENT_OP_H
#define TARN_CLIENT_OP_H

#include "base/arena.h"
#include "client/impl.h"

#define OP_ROOM  1024u
#define OP_HOLDS 3u

union op_req {
    struct msg_obj_update_req update;
    struct msg_obj_tx_req tx;
    struct msg_obj_fetch_req fetch;
    struct msg_obj_list_req list;
    struct msg_obj_query_key_req query_key;
    struct msg_obj_probe_req probe;
    struct msg_obj_gather_req gather;
    struct msg_obj_follow_req follow;
};

union op_rep {
    struct msg_obj_update_rep update;
    struct msg_obj_fetch_rep fetch;
    struct msg_obj_list_rep list;
    struct msg_obj_query_key_rep query_key;
    struct msg_obj_probe_rep probe;
    struct msg_obj_gather_rep gather;
    struct msg_obj_follow_rep follow;
};

/* route.h: where a request of several targets is. */
struct route_walk {
    daos_obj_id_t oid;
    uint32_t first, at, end; /* groups */
    bool found;
    bool at_once;       /* of all groups one moment */
    bool newer, second; /* one has changed since; they are being asked once more */
    union {
        struct msg_obj_query_key_rep query;
        struct msg_obj_probe_rep probe;
    } best; /* of the answers so far */
    struct gather *gather;
    /* an update, before which is asked in which group objects exist */
    bool finding;
    uint32_t find;   /* the operation that is asked about */
    uint32_t *where; /* [operation]: its group */
    struct msg_obj_update_req update;
    uint32_t bulk_nr; /* of it */
};

struct op {
    struct net_call call;
    struct client *client;
    struct txid txid;
    struct net_hdr asked; /* call.hdr as it was sent */
    uint32_t renamed;     /* times that it was sent under another name */
    uint64_t given_up_ns; /* when its leader gave it up first */
    struct tx *tx;        /* see op_set_tx() in tx.h */
    bool asks;            /* it brings the transaction's epoch */
    uint32_t tx_life;
    struct net_peer *peer;
    const struct cont *co; /* kept by what the op holds */
    struct route_walk walk;
    struct msg_buf walk_anchor; /* of a list, where it began */
    uint32_t first, last;  /* of a list: groups [first, last), last 0: to the end; the target of a
                              list of objects */
    struct rt_event *turn; /* of a blocking op that waits for the epoch */
    int turn_rc;
    struct hobj *holds[OP_HOLDS];
    uint32_t holds_nr;
    bool async;
    bool has_event;
    struct ev_run run;
    uint32_t gate; /* enum op_gate, between op_abort() and the end; atomic */
    int (*finish)(struct op *op, int rc);
    void (*then)(struct op *op, int rc); /* instead of an event, when what the op held has been
                                            given back; the op is released when it returns */
    void *arg;                           /* of then, or of finish */
    uintptr_t user[10];                  /* what finish needs: the program's out-parameters */
    union op_req req;
    union op_rep rep;
    struct op *next;    /* client's pool, or the transaction's queue */
    struct arena arena; /* what room cannot hold */
    bool arena_used;
    size_t room_used;
    char room[OP_ROOM] __attribute__((aligned(16)));
};

/* ev NULL and then NULL: blocking. */
int op_begin(struct client *c, daos_event_t *ev, struct op *local, struct op **op);
/* An asynchronous op that ends in then(); no event. */
int op_begin_part(struct client *c, void (*then)(struct op *op, int rc), void *arg, struct op **op);
/* Memory that lives as long as the op; NULL when there is none. Not zeroed. */
void *op_alloc(struct op *op, size_t size);
/* The op takes over a reference and gives it back at its end. */
void op_hold(struct op *op, struct hobj *o);
/* Nothing was sent: releases the op, puts the event back to READY. Returns rc. */
int op_fail(struct op *op, int rc);
int op_run(struct op *op, const struct cont *co, uint16_t opcode);
/* The request becomes another, which begins anew. */
int op_stamp(struct op *op, uint16_t opcode);
/* An op that waited for its transaction's epoch may be sent, or has failed. Any context; the op may
 * be gone afterwards. */
void op_turn(struct op *op, int rc);

/* The op of an event that runs is given up if it has not begun. Any thread, under the lock of the
 * event's queue. */
void op_abort(struct op *op);

/* What all requests and replies of reads begin with. */
_Static_assert(offsetof(struct msg_obj_fetch_req, epoch) ==
                       offsetof(struct msg_obj_list_req, epoch) &&
                   offsetof(struct msg_obj_fetch_req, epoch) ==
                       offsetof(struct msg_obj_query_key_req, epoch) &&
                   offsetof(struct msg_obj_fetch_req, epoch) ==
                       offsetof(struct msg_obj_probe_req, epoch),
               "epoch");
_Static_assert(offsetof(struct msg_obj_fetch_rep, read_at) == 0 &&
                   offsetof(struct msg_obj_list_rep, read_at) == 0 &&
                   offsetof(struct msg_obj_query_key_rep, read_at) == 0 &&
                   offsetof(struct msg_obj_probe_rep, read_at) == 0,
               "read_at");
static inline uint64_t *op_epoch(struct op *op)
{
    return &op->req.fetch.epoch;
}
static inline uint64_t *op_read_at(struct op *op)
{
    return &op->rep.fetch.read_at;
}

/* A plain blocking call with structs of the caller; rep may be NULL. finish of the net_call is the
 * caller's: call net_call_fini() when the reply has been used. */
int call_wait(struct client *c, struct net_peer *peer, struct net_call *call, uint16_t opcode,
              const void *req, void *rep);
/* deadline_ms: see net_hdr. */
int call_wait_ms(struct client *c, struct net_peer *peer, struct net_call *call, uint16_t opcode,
                 const void *req, void *rep, uint32_t deadline_ms);
/* One request about a container, without an answer's body: fills hdl, a field of q, with the
 * handle and asks. -DER_NO_HDL. cont.c */
int cont_ask(struct client *c, daos_handle_t coh, uint16_t opcode, void *q, uint8_t hdl[16]);

#endif
