/*
 * wire: the seam under remote transports. A wire is one end of one connection: an ordered stream of
 * frames to one peer, which may break at any time, or fall silent.
 *
 * net/remote.c (the sending side) and net/accept.c (the answering side) hold all that is hard about
 * messages between processes: deadlines, resends, generations, incarnations. What is below this
 * seam only moves frames: the simulated network (tests/sim), shared memory (net/shm.h), TCP
 * (net/tcp.h).
 *
 * A wire belongs to one xstream: its calls are made there and its callbacks run there, on the
 * scheduler (must not wait). What is sent arrives in order, whole and once, or not at all; nothing
 * sent after a lost frame arrives. Nobody is told of a loss: silence is all there may be.
 *
 * ---- Frames ----
 *
 * Integers are little endian. Every frame begins with
 *
 *       0  u32  NET_FRAME_MAGIC
 *       4  u16  kind, enum net_frame
 *       6  u16  protocol, NET_PROTO
 *       8  u32  bytes of the whole frame
 *      12  u32  CRC32C of all that follows; 0 on a wire that is local, and with a tag
 *      16  u64  id of the call; 0 in HELLO, WELCOME, PING, PONG, CHALLENGE, PROOF
 *      24  what the kind says; and from CHALLENGE and HELLO on, which have none, 16 bytes of tag
 *          (net/proof.h), if there was a CHALLENGE:
 *
 *   HELLO    client 16 bytes, generation u64, features u64; from who has a key: 32 random bytes,
 *            and the key's name (u32 length and bytes)
 *   CHALLENGE  32 random bytes: an engine that has keys wants to see that of the client
 *   PROOF    nothing: the tag is it
 *   WELCOME  incarnation u64, features u64, rc i32, calls u32: how many the client may have under
 *            way at once; to a client that knows NET_FEAT_LIMITS also bytes u64: what its requests
 *            may hold there. rc not 0: the client is turned away, and calls is an enum
 *            net_refusal; nothing comes after it. Also from an engine of another protocol, whose
 *            frames have the same head; and without a tag from one that does not believe PROOF
 *   REQUEST  header, body (u32 length and bytes), bulk: u32 count, each u8 enum net_bulk_way, u64
 *            length, and: in the room: u64 its place there; else, if not writable, its bytes. Where
 *            there is a room, at most 64 KiB do not lie in it
 *   REPLY    header, body, bulk: u32 count, each u32 ranges, each u64 offset, u64 length, and its
 *            bytes unless the vector is in the room
 *   PING, PONG  nothing
 *   CANCEL   nothing; the id is that of a request on this connection. To who knows NET_FEAT_CANCEL
 *
 * The header is struct net_hdr field by field, without pad (wire_put_hdr).
 *
 * ---- At most once, and not too late ----
 *
 * A client (a peer of net_remote_connect()) has an id of 128 random bits and numbers its
 * connections: the generation. It has one connection at a time and sends requests only after
 * WELCOME. The answering side serves only the newest generation of a client it knows of: HELLO
 * closes older connections of that client, whatever is still in them. So once a generation was
 * welcomed, no copy of a request that was sent on an earlier one arrives any more; what has begun
 * is joined: a resend of a call that is being served does not run again, and its answer goes to the
 * newest connection and to the places that the resend names, in that connection's room. A request
 * is resent only on a new connection. Replies count only if they come on the current connection and
 * carry the incarnation that welcomed it.
 *
 * A request that was given up (CANCEL) and has not begun is dropped: its answer has
 * NET_NOT_BEGUN, and it will not be carried out. One that has begun runs to its end and is answered
 * as ever. Requests that have not begun are dropped too, without a word, when their client's
 * connection ends: should he come again, he sends them again.
 *
 * So a copy of a request that was answered never runs later: not even one whose answer was an
 * error, of which no outcome is stored.
 *
 * ---- Who is who ----
 *
 * A local wire knows from the kernel who is at its other end. Over the network both sides may have
 * keys (net/keys.h). An engine that has keys turns away who does not show that he has one of them;
 * a client that has one takes nothing but a refusal from who does not show that he has it too. So
 * nobody between them can talk either into doing without. An engine without keys serves a client
 * without one: on networks whose hosts are trusted.
 */
#ifndef TARN_NET_WIRE_H
#define TARN_NET_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/buf.h"
#include "net/net.h"
#include "net/refusal.h"

#define NET_FRAME_MAGIC 0x4e524154u /* "TARN" */
#define NET_FRAME_HEAD  24u
#define NET_FRAME_MAX   (256u << 20)

/* What one side of a connection knows and the other may not: bits of features. */
enum net_feature {
    NET_FEAT_LIMITS = 1,  /* the bytes of WELCOME */
    NET_FEAT_CONTROL = 2, /* NET_CONTROL_CALLS */
    NET_FEAT_CANCEL = 4,
    NET_FEAT_TIMES = 8,   /* NET_TIMED: three moments behind the header of a reply */
    NET_FEAT_FOLLOW = 16, /* messages with MSG_FOLLOWS */
    NET_FEAT_FINE = 32,   /* checksums with CSUM_FINE */
};

/* So many requests of MSG_CLASS_CONTROL a client may have under way beside WELCOME's calls and
 * bytes. */
#define NET_CONTROL_CALLS 16u

/* What a request under way holds of an engine's memory, as both sides count it: so much, what of
 * its vectors does not lie in the room, and (the engine alone) twice its body. */
#define NET_HOLDS 8192u

enum net_bulk_way { NET_BULK_WRITABLE = 1, NET_BULK_ROOM = 2 };

enum net_frame {
    NET_HELLO = 1,
    NET_WELCOME,
    NET_REQUEST,
    NET_REPLY,
    NET_PING,
    NET_PONG,
    NET_CANCEL,
    NET_CHALLENGE,
    NET_PROOF
};

struct proof;

/* Who is at the other end, for the log. */
struct net_name {
    uint8_t who[16]; /* tells him from others */
    char text[112];  /* "process 7 of user 1000", "10.0.0.1:4711" */
};

/* Memory that both ends of a wire see, for bulk data. The dialing side says what lies where; the
 * answering side checks every place it is told. It stays, also when its wire is closed, while
 * anybody holds it; on the wire's xstream. */
struct net_room {
    uint8_t *base;
    uint64_t len;
    uint32_t refs;
    void (*end)(struct net_room *r);
};

static inline struct net_room *net_room_get(struct net_room *r)
{
    r->refs++;
    return r;
}

static inline void net_room_put(struct net_room *r)
{
    if (--r->refs == 0)
        r->end(r);
}

struct net_wire {
    const struct net_wire_ops *ops;
    uint32_t uid, gid, pid; /* of the other side, verified; UINT32_MAX: not known */
    uint64_t born;          /* when pid began (base/proc.h); 0: not known */
    uint32_t *groups;       /* of the other side, besides gid; freed with the wire */
    uint32_t groups_nr;
    bool local;          /* frames never leave the machine's memory: no checksums */
    bool held;           /* the owner's: nothing is received; see ops->release */
    struct proof *proof; /* the owner's: what seals the frames; NULL: nothing does */
    /* Dialing: why the other side turned this wire away. Answering: its owner turns it away so,
     * once it has said HELLO. */
    enum net_refusal refusal;
    /* Bytes of frames that the other side has not taken, and that it has; *all, the owner's, goes
     * with backlog. NULL: he does not count. */
    uint64_t backlog, taken, *all;
    struct net_room *room; /* NULL: none. Of the dialing side known with the first frame received */
    /* The owner's; set before control goes back to the scheduler. */
    void (*received)(struct net_wire *w, const void *frame, size_t len);
    void (*broken)(struct net_wire *w); /* once; nothing comes after it but the owner's close */
    void *arg;
};

/* For those who move frames. */
static inline void net_wire_waits(struct net_wire *w, uint64_t bytes)
{
    w->backlog += bytes;
    if (w->all != NULL)
        *w->all += bytes;
}

static inline void net_wire_took(struct net_wire *w, uint64_t bytes)
{
    w->backlog -= bytes;
    w->taken += bytes;
    if (w->all != NULL)
        *w->all -= bytes;
}

struct net_wire_ops {
    /* Takes a copy. Never waits, never calls back; a failure shows as broken(), later. */
    void (*send)(struct net_wire *w, const void *frame, size_t len);
    /* No callback comes after it. w is freed. */
    void (*close)(struct net_wire *w);
    /* Optional: whether part of a frame has come, or was taken by the other side while more of it
     * waits, since it was last asked. A large frame on a slow way is no silence. */
    bool (*moving)(struct net_wire *w);
    /* The owner has set held to false again: what came meanwhile is received, in a later turn.
     * While it is held, a break may be told of or not. */
    void (*release)(struct net_wire *w);
    /* Optional: nobody is told of what such a wire brings. */
    void (*name)(const struct net_wire *w, struct net_name *n);
};

/* Makes connections to one engine. */
struct net_dialer {
    /* A wire on the calling xstream whose connection may still have to come about: frames can be
     * sent at once. -DER_UNREACH, -DER_NOMEM. */
    int (*dial)(struct net_dialer *d, struct net_wire **w);
    enum net_refusal refused; /* why the engine turned the last connection away, as its user says */
};

/* ---- Frames: what both sides share (frame.c) ---- */

void wire_put_head(struct wbuf *b, enum net_frame kind, uint64_t id);
/* Fills in length and checksum (sum: unless the wire is local) of a finished frame. -DER_NOMEM,
 * -DER_OVERFLOW. */
int wire_seal(struct wbuf *b, bool sum);
/* As the wire wants it: without anything, with a checksum, with the tag of its next frame, which is
 * to be sent then. */
int wire_seal_for(struct net_wire *w, struct wbuf *b);
/* Checks what every frame begins with and leaves r at what the kind says. -DER_PROTO. */
int wire_open(const void *frame, size_t len, bool sum, enum net_frame *kind, uint64_t *id,
              struct rbuf *r);
/* The same of the next frame that came on the wire. */
int wire_open_from(struct net_wire *w, const void *frame, size_t len, enum net_frame *kind,
                   uint64_t *id, struct rbuf *r);
/* A whole WELCOME that turns its client away; to be sealed. */
void wire_put_refusal(struct wbuf *b, enum net_refusal why);
void wire_put_hdr(struct wbuf *b, const struct net_hdr *h);
void wire_get_hdr(struct rbuf *r, struct net_hdr *h);
/* Encodes a message as the frame's body. */
int wire_put_body(struct wbuf *b, uint16_t opcode, const void *msg, bool reply);

#endif
