/*
 * remote: peers and services that a connection lies between.
 *
 * net_remote_connect() makes a peer; its calls go through wires (net/wire.h) that a dialer makes.
 * net_acceptor_create() stands before a net_service and answers what comes in on wires. Rules:
 *
 *   deadline     call->hdr.deadline_ms (0: NET_DEADLINE_MS) from net_call_send() on. When it has
 *                passed, a request that changes nothing, or was never sent, ends with
 * -DER_TIMEDOUT; one that changes something (MSG_CHANGES) and was sent with -DER_TX_UNCERTAIN: it
 *                may have happened, or may still.
 *   giving up    shortly before its deadline (an eighth of it, 50 ms at most) a call under way is
 *                taken back (CANCEL): what the engine has not begun by then ends with
 *                -DER_TIMEDOUT, also a change, for it will not happen.
 *   cancelling   net_call_cancel() does the same at once: -DER_CANCELED for what was never sent,
 *                for what the engine has not begun, and for what changes nothing and was sent on
 *                a connection that is gone.
 *   liveness     with calls under way, a peer that has said nothing for suspect_ms is taken for
 *                dead: the connection is given up and another one made, sooner if it breaks.
 *   resend       on a new connection every call under way is sent again with NET_RESEND, in order.
 *                Whatever kind it is: reads change nothing, changes carry a txid whose outcome the
 *                engine remembers, or are still being served and are joined.
 *   turned away  a call that was never sent, because the engine lets us not in, ends after its
 *                deadline with the code of net/refusal.h; at once, if waiting is of no use.
 *   going away   -DER_SHUTDOWN from an engine means nothing was begun: the call stays under way and
 *                is sent to whoever is there next.
 */
#ifndef TARN_NET_REMOTE_H
#define TARN_NET_REMOTE_H

#include "net/keys.h"
#include "net/wire.h"

#define NET_DEADLINE_MS 60000u

struct net_remote_conf {
    struct net_dialer *dialer; /* outlives the peer */
    struct rt_xs *xs;          /* the peer's: wires, timers and call->done() are there */
    bool driven;               /* xs is a driven one: whoever waits for an answer drives it */
    const struct net_key *key; /* that both sides show each other over the network; NULL: none.
                                  Outlives the peer */
    uint32_t suspect_ms;       /* 0: 3,000 */
    uint32_t backoff_min_ms;   /* between attempts to connect, doubling; 0: 5 */
    uint32_t backoff_max_ms;   /* 0: 1,000 */
};

/* Dials at the first call. Calls may be sent from any thread; the peer is closed on xs or from
 * outside of any xstream. -DER_NOMEM. */
int net_remote_connect(const struct net_remote_conf *conf, struct net_peer **peer);

struct net_remote_stat {
    uint64_t dials, resends, late; /* late: replies nobody waited for any more */
    uint64_t incarnation;          /* of the engine that answers now, 0 none yet */
};
void net_remote_stat(struct net_peer *peer, struct net_remote_stat *st);

struct net_acceptor;

struct net_acceptor_conf {
    struct net_service *service; /* outlives the acceptor; handle() runs in a fiber of route()'s
                                    xstream */
    struct rt_xs *xs;            /* the wires' */
    uint64_t incarnation;        /* differs from every earlier one of this engine; not 0 */
    uint64_t features;
    const struct net_keys *keys; /* who comes over the network has to have one of them; NULL: he
                                    needs none. They outlive the acceptor */
    uint32_t proof_ms;           /* until he has shown it; 0: 10,000 */
    uint32_t
        calls; /* that a client may have under way at once; 0: 512. Who sends more is cut off. */
    /* Memory that the requests of one client may hold (NET_HOLDS): beyond it nothing more is read
     * from his connection until some have been answered, so it is at most that and a frame.
     * 0: 64 MiB. */
    uint64_t bytes;
    /* Memory that requests and answers of all clients may hold: beyond it requests of data wait
     * (park.c). 0: 1 GiB. */
    uint64_t all_bytes;
    uint32_t stall_ms; /* who takes nothing of his answers for so long, when others wait for
                          memory, is disconnected; 0: 10,000 */
    /* For metrics: connections that whoever listens turned away; NULL: not known. On xs. */
    uint64_t (*refused)(void *arg);
    void *refused_arg;
};

int net_acceptor_create(const struct net_acceptor_conf *conf, struct net_acceptor **a);
/* It answers MSG_ENGINE_METRICS itself (net/metrics.h), with the service or without. */

/* A connection came in; the acceptor owns the wire from now on. On xs. */
void net_acceptor_add(struct net_acceptor *a, struct net_wire *w);
/* Who says HELLO from now on is told that the engine ends. On xs. */
void net_acceptor_end(struct net_acceptor *a);
/* Closes every connection; answers under way go nowhere. On xs. */
void net_acceptor_stop(struct net_acceptor *a);
/* After the service has answered everything. */
void net_acceptor_free(struct net_acceptor *a);

struct net_acceptor_stat {
    uint32_t conns, clients, serving;
    uint64_t accepted;         /* connections, since the start */
    uint64_t requests, joined; /* joined: resends of what was being served */
    uint64_t bad;              /* frames that were refused */
    uint64_t bytes;            /* that requests hold */
    uint64_t held;             /* how often a connection was not read from because of them */
    uint64_t backlog;          /* bytes of answers that clients have not taken */
    uint32_t parked;           /* requests that wait for memory */
    uint64_t parked_bytes;     /* that these are */
    uint64_t parked_ever;
    uint64_t stalled; /* connections that were closed because they took nothing */
};
void net_acceptor_stat(const struct net_acceptor *a, struct net_acceptor_stat *st);

#endif
