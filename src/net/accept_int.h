/* What the files of the answering side share: accept.c (clients, connections), accept_proof.c (who
 * they are), request.c (what is done with a request), park.c (those that wait for memory), served.c
 * (a request: its memory, its vectors, what goes back) and accept_tell.c (what the log is told). */
#ifndef TARN_NET_ACCEPT_INT_H
#define TARN_NET_ACCEPT_INT_H

#include "base/arena.h"
#include "base/htable.h"
#include "base/list.h"
#include "base/told.h"
#include "net/metrics.h"
#include "net/remote.h"
#include "rt/rt.h"

struct net_acceptor {
    struct net_acceptor_conf conf;
    struct list conns;
    struct htable clients;
    struct wbuf out;
    struct served *spare; /* memory of requests that have ended */
    uint32_t spares;
    bool stopped;
    bool ending; /* who says HELLO is turned away */
    struct net_acceptor_stat stat;
    uint32_t of_class[MSG_CLASS_NR]; /* being served, those that wait included */
    struct list background;          /* wait for their turn */
    uint32_t waiting;                /* in it */
    struct rt_timer age;             /* of the oldest */
    uint64_t asked;                  /* requests; which of them are timed */
    struct list parked;              /* requests that wait for memory, park.c */
    struct rt_timer relief;          /* until they are looked at again */
    uint64_t backlog;                /* of all wires */
    uint64_t looked_ns, told_ns;     /* for whom takes nothing; of one */
    struct list unproven;            /* connections, the oldest first */
    struct rt_timer impatience;      /* with the first of them */
    struct told told;
    struct kind_metrics kinds[MSG_OPCODE_MAX];
};

struct client {
    struct hlink link;
    uint8_t id[16];
    const struct net_key *key; /* nobody comes as this client with another one; NULL: none */
    uint64_t generation;
    struct conn *conn; /* the newest, NULL: it broke */
    struct htable serving;
    uint64_t bytes; /* that they hold */
    uint64_t note[NET_NOTES];
};

/* What HELLO says. */
struct hello {
    uint8_t id[16];
    uint64_t generation, features;
    uint8_t hers[PROOF_NONCE];
    const void *key; /* its name, in the frame; NULL: the client has none */
    size_t key_len;
};

struct conn {
    struct list link;
    struct net_acceptor *a;
    struct net_wire *wire;
    struct client *client; /* NULL before HELLO */
    struct hello hello;
    const struct net_key *key; /* the client's; NULL: he needs none, or has said none yet */
    bool challenged;           /* PROOF is next */
    struct list unproven;
    uint64_t unproven_ns; /* until then it must have come */
    struct proof proof;
    uint64_t features; /* of the other side */
    uint32_t parked;   /* requests of it */
    uint64_t parked_bytes;
    uint64_t taken_then, stalled_ns; /* what it had taken, and since when it has taken nothing */
};

/* Bytes of a writable vector that go back. */
struct range {
    struct range *next;
    uint32_t bulk;
    uint64_t off, len;
};

struct served {
    struct net_req req;
    struct hlink link;
    struct rt_call post; /* the answer, to the acceptor's xstream */
    struct net_acceptor *a;
    struct client *client;
    uint64_t id, begun_ns; /* begun_ns: when it came; 0: it is not timed */
    enum msg_class class;
    struct list wait; /* in background */
    enum progress { WAITS, BEGUN, DROPPED } progress;
    struct rt_xs *xs; /* that serves it */
    struct kind_metrics *kind;
    uint32_t weight;               /* it is timed for so many */
    uint64_t taken_ns, decoded_ns; /* of one that is NET_TIMED */
    uint64_t room_bytes;           /* of vectors to read in the room */
    uint64_t bytes;                /* NET_HOLDS, and what it holds beside */
    uint64_t generation;           /* of the newest connection that it came over */
    uint32_t deadline_ms;
    struct arena mem;
    struct range *ranges;
    bool range_lost;       /* no memory to note one: the answer cannot be given */
    struct net_room *room; /* where bulk vectors lie, with a reference; NULL: in mem */
    bool moved;            /* it came again: what was written goes to other places */
    struct net_room *back; /* moved: the room these are in, with a reference; NULL: the frame */
    uint8_t *to[NET_BULK_MAX];
    struct served *next; /* spare */
    struct net_bulk bulk[NET_BULK_MAX];
    struct iovec iov[NET_BULK_MAX];
};

/* ---- accept.c ---- */

/* Why a connection is closed, or a request not taken, for what came. */
enum accept_why {
    ACCEPT_LATE,  /* no fault of anybody's: the client has moved on */
    ACCEPT_FRAME, /* no frame of ours, or a damaged one */
    ACCEPT_ORDER, /* not at this moment */
    ACCEPT_CALLS, /* more under way than may be */
    ACCEPT_BODY,  /* a message that is none */
    ACCEPT_NO_KEY,
    ACCEPT_KEY,   /* that is not known */
    ACCEPT_OTHER, /* one client's id, another one's key */
    ACCEPT_PROOF,
    ACCEPT_SILENT,
};

void accept_close(struct conn *n);
void accept_refuse(struct conn *n, enum accept_why why);
/* The same, and it is told so. */
void accept_turn_away(struct conn *n, enum net_refusal r);
/* What HELLO asks for, by one that may have it: he is welcome. */
void accept_welcome(struct conn *n);
/* HELLO, CHALLENGE, WELCOME, PONG: to be sealed and sent. */
void accept_send(struct conn *n);
/* The client, if he has no connection and nothing is being served for him. */
void accept_forget_idle(struct net_acceptor *a, struct client *c);
/* Who has too much under way is not listened to until some of it has been answered. */
void accept_hold(struct conn *n);

/* ---- accept_proof.c: clients over the network show who they are ---- */

bool proof_is_due(const struct conn *n);
/* It has said HELLO. n may be closed. */
void proof_demand(struct conn *n);
/* PROOF has come, whose tag holds. */
void proof_came(struct conn *n, struct rbuf *r);
void proof_failed(struct conn *n);
void proof_overdue(struct rt_timer *t);

/* ---- accept_tell.c ---- */

/* The log is told once for each of those and each reason. */
void accept_tell(struct net_acceptor *a, const struct net_wire *w, enum accept_why why);

/* ---- request.c: a request, from its frame to its answer ---- */

void request_came(struct conn *n, uint64_t id, struct rbuf *r, const void *frame, size_t bytes);
/* Its client takes it back. */
void request_cancel(struct conn *n, uint64_t id, struct rbuf *r);
/* A request whose turn it is; it has waited here for so long. n may be closed afterwards. */
void request_begin(struct conn *n, uint64_t id, struct rbuf *r, size_t bytes, uint64_t waited_ms);
/* The client is gone: what he asked for and was not begun is of no use to anybody. */
void requests_drop(struct net_acceptor *a, const struct client *c);
void requests_aged(struct rt_timer *t);

/* ---- park.c: requests that wait for memory ---- */

#define NET_ALL_BYTES (UINT64_C(1) << 30)

void park_init(struct net_acceptor *a);
/* Does it have to wait? r: behind the header. */
bool park_must(const struct conn *n, const struct net_hdr *h, const struct rbuf *r);
int park_add(struct conn *n, uint64_t id, const void *frame, size_t len); /* -DER_NOMEM */
/* Its client takes it back: it will not be. *h: of the request. False: none such waits. */
bool park_cancel(struct conn *n, uint64_t id, struct net_hdr *h);
/* The connection ends, and what it has waiting. */
void park_leave(struct conn *n);
/* Is what waits of it too much to read more? */
bool park_is_full(const struct conn *n);
/* Memory was given back. */
void park_relieve(struct net_acceptor *a);

/* ---- served.c ---- */

/* A request as it came: decoded, with places for its vectors. The service's answer and ranges are
 * the caller's to see to. -DER_NOMEM, -DER_PROTO. */
int served_make(struct conn *n, uint64_t id, const struct net_hdr *h, struct rbuf *r,
                struct served **out);
void served_free(struct served *s);
void served_spares_free(struct net_acceptor *a);
/* A resend of what is being served: the answer is for it now, and so are its places, which lie in
 * the room of another connection. False: it is not the same request. */
bool served_join(struct conn *n, struct served *s, struct rbuf *r);
/* Notes which bytes of a writable vector go back. */
void served_wrote(struct net_req *req, uint32_t bulk, uint64_t off, uint64_t len);
/* Bytes of the ranges that lie in a room. */
uint64_t served_room_out(const struct served *s);
/* The vectors' part of an answer; what lies in a room is written there. */
void served_put_ranges(struct wbuf *b, const struct served *s);

#endif
