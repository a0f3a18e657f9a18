/* What the files of net/remote.c's side share. */
#ifndef TARN_NET_REMOTE_INT_H
#define TARN_NET_REMOTE_INT_H

#include "base/arena.h"
#include "base/htable.h"
#include "base/list.h"
#include "net/bag.h"
#include "net/lend.h"
#include "net/peer.h"
#include "net/remote.h"
#include "rt/rt.h"

enum state { DOWN, DIALED, UP }; /* no connection; HELLO sent; welcomed */

struct remote {
    struct net_peer peer;
    struct net_remote_conf conf;
    uint8_t id[16];
    uint64_t generation, incarnation, next_call;
    uint64_t features; /* that both sides know */
    enum state state;
    struct net_wire *wire;
    struct proof_greeting said; /* on this connection, by who has a key */
    struct proof proof;
    struct list calls;   /* in the order they were made */
    struct list control; /* those that are still to be sent on this connection: of its class ... */
    struct list waiting; /* ... and others */
    struct htable by_id;
    uint32_t under_way, allowed; /* on this connection, the forsaken included */
    uint32_t reserved;           /* of them in the places for control */
    uint64_t bytes, bytes_max;   /* that they hold of the engine's memory, NET_HOLDS */
    struct htable forsaken;      /* under way on it, and nobody waits any more */
    struct net_room *room;       /* of the connection, with a reference; NULL: none */
    struct lender lender;        /* of its places */
    struct rt_timer timer;
    uint64_t timer_ns;  /* when it fires; UINT64_MAX: it does not */
    uint64_t heard_ns;  /* when the connection last said something (or was dialed) ... */
    bool heard;         /* ... or it did since; a look at the clock for every answer would cost */
    uint64_t pinged_ns; /* when PING was last sent on it */
    uint64_t redial_ns; /* DOWN: not before */
    uint64_t backoff_ns;
    struct wbuf out;
    struct net_remote_stat stat;
    struct bag spare;    /* struct pending */
    uint32_t refs;       /* the open peer, each pending with a call, and a poke; atomic */
    struct rt_call poke; /* calls were cancelled: to the peer's xstream */
    bool poked;          /* it is on its way; atomic */
};

struct pending {
    struct list link, wait;
    struct hlink by_id;
    struct rt_call post; /* to the peer's xstream */
    struct remote *peer;
    struct net_call *call;
    uint64_t id, deadline_ns;
    uint64_t cancel_ns; /* when it is taken back; UINT64_MAX: it was */
    bool sent;
    bool cancelled;      /* its caller has given it up, and that was seen to */
    bool control;        /* MSG_CLASS_CONTROL */
    bool reserved;       /* under way in a place for control */
    uint64_t generation; /* of the connection it was last sent on */
    bool placed;         /* its bulk vectors lie in the room */
    uint64_t place, place_len;
    uint64_t holds;   /* bytes, while it is under way */
    struct arena mem; /* of the reply */
};

/* A request under way whose call was given up: its answer may come, and until then its place is not
 * to be used. */
struct forsaken {
    struct hlink link;
    uint64_t id, place, place_len, holds;
    bool placed, reserved;
};

#define REMOTE_BACKOFF_MIN 5u

static inline uint64_t remote_ns(uint32_t ms, uint32_t dflt)
{
    return (ms != 0 ? ms : dflt) * UINT64_C(1000000);
}

static inline bool is_under_way(const struct pending *p)
{
    return p->sent && p->generation == p->peer->generation && p->peer->state == UP;
}

/* ---- remote.c ---- */

void remote_unref(struct remote *r);

/* ---- remote_call.c ---- */

/* The call is the caller's again. */
void remote_finish(struct pending *p, int rc);
/* Its deadline has passed, or waiting is of no use. */
void remote_give_up(struct pending *p);
/* Its answer has come. */
void remote_forsaken_end(struct remote *r, struct forsaken *f);
void remote_await_turn(struct remote *r, struct pending *p);
/* Sends what waits, as far as the peer allows. */
void remote_pump(struct remote *r);

/* ---- remote_timer.c ---- */

/* At the latest then. */
void remote_arm_at(struct remote *r, uint64_t at);
/* When the state of the connection asks for it. */
void remote_arm(struct remote *r);
void remote_tick(struct rt_timer *t);
void remote_poke(struct net_peer *peer);

/* ---- remote_conn.c ---- */

void remote_dial(struct remote *r);
/* A frame that is no call. */
void remote_say(struct remote *r, enum net_frame kind, uint64_t id);
/* What belonged to the connection goes; the wire stays. */
void remote_disconnect(struct remote *r);
/* The connection is of no use any more. */
void remote_lost(struct remote *r);

/* ---- remote_bulk.c: bulk vectors, in the room or in frames ---- */

/* A place in the room for all vectors, if they are worth it: p->placed; and what it will hold of
 * the engine. -DER_AGAIN: not now. */
int bulk_place(struct remote *r, struct pending *p);
/* Into the request that r->out becomes, and what the peer is to read into the room. */
void bulk_put(struct remote *r, const struct pending *p);
/* Out of a reply, into the caller's memory. -DER_PROTO. */
int bulk_take(struct remote *r, const struct pending *p, struct rbuf *b);

#endif
