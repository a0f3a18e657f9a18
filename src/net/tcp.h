/*
 * tcp: wires over TCP, IPv4 and IPv6, between any two hosts.
 *
 * Addresses are written as net/addr.h says. A frame carries its length in its head (net/wire.h), so
 * frames follow each other in the stream and nothing else is in it. Bulk data travels in frames;
 * there is no room. Credentials are not known, and frames carry checksums.
 *
 * ---- Sending ----
 *
 * Frames of one turn of the xstream leave with one system call, when its pollers run. That is worth
 * a factor of ten in calls a second, and costs a lone call nothing:
 *
 *   - a dialing wire of a driven xstream, where calls are made between turns, sends at once if
 *     nothing else is under way on it; while answers are awaited, frames wait for the next turn
 *     or until they are 8, or 16 KiB;
 *   - frames from 16 KiB on leave at once, straight from the caller's memory as far as the socket
 *     takes them (what waited before them leaves with them); only the rest is copied;
 *   - 64 KiB that wait leave within the turn.
 *
 * What the socket does not take waits in memory. The answering side reads no more requests from
 * whoever has 1 MiB of answers waiting for him.
 *
 * ---- Receiving ----
 *
 * All wires of a listener or dialer receive into one buffer, and frames are given out from there. A
 * frame that is not yet whole gets memory of its own, which grows with what has come, not with what
 * its head promises; magic, protocol and length are checked before. A connection of which nothing
 * is under way holds no memory but the struct and the kernel's. Wires are asked while something
 * comes, and doze on their descriptor after a few turns of nothing.
 *
 * ---- Ends ----
 *
 * A wire breaks when the other side closes, resets, or is silent too long for TCP: alive_ms (in
 * which a lost host or cable is noticed, also when nothing is under way). Who has not sent a whole
 * HELLO in time, or sends what is no frame, is closed, and told of in the log, once for each host
 * and reason. Who speaks another protocol, or is one too many (of these 64 at a time), is told so
 * first (net/refusal.h).
 *
 * A dialer takes the next of its addresses when one refuses, or does not answer within a second,
 * and stays with the one that answered. Names are resolved once, when it is made: for an engine
 * that moved to another address, make another dialer.
 */
#ifndef TARN_NET_TCP_H
#define TARN_NET_TCP_H

#include "base/err.h"
#include "net/addr.h"
#include "net/wire.h"

struct rt_xs;
struct net_tcp_listener;

struct net_tcp_listen_conf {
    struct rt_xs *xs;
    const char *addrs;    /* a list: all of them, or it fails. Of a name, those this host has */
    uint32_t max;         /* connections at once; more are refused; 0: 4,096 */
    uint32_t hello_ms;    /* until HELLO has come; 0: 10,000 */
    uint32_t alive_ms;    /* of silence; 0: 60,000. To whole seconds, at least 2 */
    uint64_t partial_max; /* bytes of frames that are not yet whole, of all connections: beyond it
                             whoever sends more is closed; 0: 2 GiB */
    /* A connection came in; on xs. */
    void (*accept)(void *arg, struct net_wire *w);
    void *arg;
};

/* On xs, in a fiber if there are names to resolve. -DER_BUSY: somebody listens there; -DER_NO_PERM:
 * a port below 1024; -DER_NONEXIST: no such host, or no such address here; -DER_INVAL: not written
 * as an address; -DER_AGAIN, -DER_OVERFLOW, -DER_NOMEM, -DER_IO; e in three parts. */
int net_tcp_listen(const struct net_tcp_listen_conf *conf, struct net_tcp_listener **l,
                   struct err *e);
/* The i-th address that it listens at, with its real port; "[::]:port" is every interface, IPv4
 * too. False: there are not so many. */
bool net_tcp_address(const struct net_tcp_listener *l, uint32_t i, struct net_addr *a);
/* Takes no more connections; those that are there stay. On xs. */
void net_tcp_unlisten(struct net_tcp_listener *l);
/* After every wire was closed. On xs. */
void net_tcp_free(struct net_tcp_listener *l);

struct net_tcp_dial_conf {
    const char *addrs; /* a list of addresses of one engine: tried one after another */
    const char *local; /* an address or interface of this host to connect from; NULL: any */
    bool driven;       /* xs is a driven one */
    uint32_t alive_ms; /* as of a listener */
};

/* Wires of xs to the engine that listens there. From a thread, or a fiber of any xstream; names are
 * resolved now. -DER_NONEXIST, -DER_INVAL, -DER_AGAIN, -DER_OVERFLOW, -DER_NOMEM; e in three parts.
 */
int net_tcp_dialer(struct rt_xs *xs, const struct net_tcp_dial_conf *conf, struct net_dialer **d,
                   struct err *e);
void net_tcp_dialer_free(struct net_dialer *d); /* every wire is closed; on xs */
/* In a child of fork(), instead: its copies of the sockets are closed, so that they end with the
 * parent. Nothing else of d is touched any more. */
void net_tcp_dialer_forget(struct net_dialer *d);

/* What the wires of a listener or dialer have done and hold. */
struct net_tcp_stat {
    uint32_t conns;
    uint32_t dozing;
    uint64_t frames_out, sends; /* frames given to them; system calls that carried them */
    uint64_t frames_in, recvs;  /* likewise; recvs with the fruitless ones */
    uint64_t idle_recvs;        /* the fruitless ones */
    uint64_t queued;            /* bytes that sockets have not taken yet */
    uint64_t partial;           /* bytes of memory of frames that are not yet whole */
    uint64_t memory;            /* bytes: queued, partial, and what all wires share */
    uint64_t refused;           /* connections closed for what they sent, or did not send */
};
void net_tcp_listener_stat(const struct net_tcp_listener *l, struct net_tcp_stat *st);
void net_tcp_dialer_stat(const struct net_dialer *d, struct net_tcp_stat *st);

#endif
