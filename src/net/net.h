/*
 * net: SEAM 2, messages and bulk data between clients and engines.
 *
 * A request is a message of net/msg.h's table, encoded behind a fixed header (protocol, features,
 * pool map version, HLC, incarnation, txid and sub-operation, relative deadline,
 * RESEND/REPLAY/FORWARDED flags, body checksum), plus up to NET_BULK_MAX bulk vectors: the caller's
 * memory to read from (update) or write into (fetch). A transport decides how bulk travels:
 * in-process the engine uses the caller's memory directly; through shared memory, above half a KiB,
 * it lies in a room that both sides map (net/wire.h); else it travels in the messages. Between
 * processes the engine never touches the caller's memory, so a call may fail before it has ended.
 *
 * A service answers requests; a peer is where requests are sent. Both sides see the same structs
 * whatever the transport: in-process (below), or over connections (net/remote.h) of shared memory,
 * TCP or the simulated network. Threads of a program have connections of their own (net/link.h).
 *
 * The answer arrives through call->done(), possibly inside net_call_send() (the engine could answer
 * at once), otherwise on the thread that progresses the transport; in-process that is the engine's
 * xstream. done() must not wait, nor close the peer. Every call is answered exactly once: reply,
 * -DER_TIMEDOUT after its deadline, or -DER_UNREACH when the peer died. The receiving side treats
 * every byte as hostile: -DER_PROTO for what does not decode.
 */
#ifndef TARN_NET_H
#define TARN_NET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

struct arena;
struct rt_xs;
struct net_peer;
struct net_service;

#define NET_PROTO    1u
#define NET_BULK_MAX 64u /* vectors in one call: one an akey */
#define NET_BODY_MAX (1u << 20)

/* NOT_BEGUN, in a reply: the request was given up before it began, and never will. TIMED: the
 * reply says when the engine did what (struct net_times). */
enum net_flags {
    NET_RESEND = 1,
    NET_REPLAY = 2,
    NET_FORWARDED = 4,
    NET_NOT_BEGUN = 8,
    NET_TIMED = 16
};

struct net_hdr {
    uint16_t proto;
    uint16_t opcode; /* enum msg_op */
    uint32_t flags;
    uint64_t features;
    uint32_t map_version;
    uint32_t deadline_ms;                           /* relative; 0 = transport's default (60 s) */
    uint64_t hlc;                                   /* sender's clock */
    uint64_t incarnation;                           /* of the peer addressed; 0 = whoever */
    uint64_t session_hlc, session_rand, seq, acked; /* txid, zero if the request changes nothing */
    uint32_t subop;
    uint32_t target; /* target index on the engine */
    uint32_t body_len;
    uint32_t body_csum; /* CRC32C of the body */
    int32_t rc;         /* reply */
    uint32_t pad;
};

struct net_bulk {
    const struct iovec *iov;
    uint32_t iov_nr;
    bool writable; /* the engine may write into it */
};

/* ---- Sending side ---- */

/* When what happened to a call, in ns of CLOCK_MONOTONIC; those of the engine are of its host's.
 * 0: not known. Taking them costs as much as an eighth of a small call. */
enum net_moment {
    NET_SENT,     /* its frame was given to the wire */
    NET_TAKEN,    /* the engine has the frame */
    NET_DECODED,  /* ... and knows what is asked: the service begins */
    NET_ANSWERED, /* the service has answered */
    NET_RECEIVED, /* the reply's frame is here */
    NET_MOMENTS
};
struct net_times {
    uint64_t ns[NET_MOMENTS];
};

struct net_call {
    struct net_hdr hdr; /* opcode, target, txid, deadline in; the reply's header out */
    const void *req;    /* struct of the opcode (msg.h); stays until done */
    void *rep;          /* reply struct, filled before done; its variable parts live in rep_mem */
    struct net_bulk bulk[NET_BULK_MAX];
    uint32_t bulk_nr;
    int rc; /* 0, the service's DER code, or the transport's */
    void (*done)(struct net_call *call);
    void *arg;
    void *rep_mem;           /* owned by the call; net_call_fini frees it */
    uint32_t cancel;         /* net_call_cancel() was called; atomic */
    bool waits;              /* a thread waits for this call, and does nothing else */
    struct net_times *times; /* NULL: nobody wants to know; filled before done */
    void *priv[6];
};

void net_call_init(struct net_call *call, uint16_t opcode);
void net_call_send(struct net_peer *peer, struct net_call *call);
/* Sends and waits (fiber or foreign thread); returns call->rc. */
int net_call_wait(struct net_peer *peer, struct net_call *call);
void net_call_fini(struct net_call *call);
/* A call that was sent to the peer and is not yet done is given up, if it has not begun: then it
 * ends with -DER_CANCELED and will never happen. What has begun, or may have, goes on and ends as
 * ever. From any thread; done() is not called in it. */
void net_call_cancel(struct net_peer *peer, struct net_call *call);
void net_peer_close(struct net_peer *peer); /* no call may be under way */
/* What the other side knows (enum net_feature), as far as it has said so by now. */
uint64_t net_peer_features(struct net_peer *peer);

/* ---- Answering side ---- */

struct net_req {
    struct net_hdr hdr;
    void *req; /* decoded struct of the opcode, in req_mem */
    void *rep; /* reply struct to fill, zeroed; variable parts: memory of net_req_alloc() */
    const struct net_bulk *bulk;
    uint32_t bulk_nr;
    uint32_t uid, gid, pid; /* who asks, verified by the transport; UINT32_MAX: it does not know */
    const uint32_t *groups; /* with MSG_SVC: the other groups of it */
    uint32_t groups_nr;
    uint64_t born;  /* pid's (base/proc.h), 0: it does not know */
    uint64_t *note; /* the service's own, NET_NOTES of whoever sends, 0 at first; NULL: born is 0.
                       On the connections' xstream alone */
    bool local;     /* the sender is this process */
    bool waits;     /* ... and the thread that is here waits for the answer */
    void *priv[8];
    /* The transport's. */
    struct arena *mem;
    void (*reply)(struct net_req *req, int rc);
    /* NULL: the bulk vectors are the caller's own memory. Else the transport has to be told which
     * bytes of writable ones were written: only those go back. */
    void (*wrote)(struct net_req *req, uint32_t bulk, uint64_t off, uint64_t len);
};

/* Memory that lives until the reply is sent. */
void *net_req_alloc(struct net_req *req, size_t len);
struct arena *net_req_arena(struct net_req *req); /* the same memory */
/* Answers and ends req. From any thread. */
void net_reply(struct net_req *req, int rc);
/* len bytes from off of the bulk vector were written. Fewer calls are cheaper; order does not
 * matter. */
static inline void net_bulk_wrote(struct net_req *req, uint32_t bulk, uint64_t off, uint64_t len)
{
    if (req->wrote != NULL && len > 0)
        req->wrote(req, bulk, off, len);
}

#define NET_NOTES 8u

struct net_service {
    /* Runs on the service's xstream in a fiber of its own; ends with net_reply() at any time. */
    void (*handle)(struct net_service *s, struct net_req *req);
    /* Optional: tried first, in-process on the caller's thread, over connections on the xstream
     * that they and the target share. True: it took the request (and replied or will). False:
     * nothing happened, it goes to handle(). Must not wait. */
    bool (*inline_handle)(struct net_service *s, struct net_req *req);
    /* Which xstream serves the request's target. */
    struct rt_xs *(*route)(struct net_service *s, const struct net_hdr *hdr);
    /* Optional: a connection of a process that the transport knows was made, and one was closed,
     * whoever closed it. On the connections' xstream; must not wait. */
    void (*came)(struct net_service *s, uint32_t pid, uint64_t born);
    void (*left)(struct net_service *s, uint32_t pid, uint64_t born);
};

/* In-process: a peer whose requests the service answers. Closing the peer does not touch the
 * service, which must outlive it. */
int net_inproc_connect(struct net_service *s, struct net_peer **peer);

#endif
