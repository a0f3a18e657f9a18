/*
 * shm: wires through shared memory between processes of one host, users that differ included.
 *
 * A listener is a Unix socket (SOCK_SEQPACKET) in the file system. Who connects gets a sealed memfd
 * of his own over it: two rings (net/ring.h), one for each direction, and a room for bulk data
 * (struct net_room). The socket stays open: a message of one byte on it wakes a side that sleeps,
 * its end is the death of the other side. Credentials are the kernel's (SO_PEERCRED): those of the
 * process that connected, and of the one that listens.
 *
 *   region     page 0: struct ring_ctl of client to engine, of engine to client (256 bytes apart)
 *              RING_BYTES each: their data
 *              from 256 KiB on: the room
 *
 * The region is as large as the room may become; memory is only what was touched: an idle
 * connection holds at most 132 KiB. What the other side writes is checked and copied before it is
 * used; what it does to the region harms its own data only.
 *
 * Who is one too many, of all or of his user, is told so (net/refusal.h); who says nothing is
 * closed after hello_ms. The log is told once, of all and of each user, until half of them have
 * gone.
 *
 * Wires are polled while something comes, and doze on their socket when nothing has come for a
 * while or the xstream is about to sleep: a dozing wire costs nothing.
 */
#ifndef TARN_NET_SHM_H
#define TARN_NET_SHM_H

#include "base/err.h"
#include "net/wire.h"

#define NET_SHM_ROOM_DEFAULT (UINT64_C(256) << 20)

struct net_shm_listener;

struct net_shm_listen_conf {
    struct rt_xs *xs;
    const char *path;  /* of any length; a socket that nobody listens on is replaced */
    uint32_t mode;     /* permissions of the socket: who may connect; 0: 0600 */
    uint32_t max;      /* connections at once; more are refused; 0: 4,096 */
    uint32_t user_max; /* of one user, likewise; 0: 2,048 */
    uint32_t hello_ms; /* until HELLO has come; 0: 10,000 */
    uint64_t room_bytes;
    /* A connection came in; on xs. */
    void (*accept)(void *arg, struct net_wire *w);
    void *arg;
};

/* On xs. -DER_BUSY: somebody listens there; -DER_NO_PERM, -DER_NOMEM, -DER_IO; e in three parts. */
int net_shm_listen(const struct net_shm_listen_conf *conf, struct net_shm_listener **l,
                   struct err *e);
/* Takes no more connections; those that are there stay. On xs. */
void net_shm_unlisten(struct net_shm_listener *l);
/* After every wire was closed. On xs. */
void net_shm_free(struct net_shm_listener *l);

/* Connections that it turned away, since it listens. On xs. */
uint64_t net_shm_refused(const struct net_shm_listener *l);

/* Whose program listens, and its number; UINT32_MAX and 0 if it is too busy to say, 0 too if its
 * process cannot be seen from ours. */
struct net_shm_host {
    uint32_t uid, pid;
};
/* Is anybody listening at path? 0, and host (may be NULL); -DER_NO_PERM: somebody may be, but not
 * for us; -DER_UNREACH. */
int net_shm_answers(const char *path, struct net_shm_host *host);

/* Wires of xs to the engine that listens at path. uid: who must listen there, besides root;
 * UINT32_MAX: anybody. -DER_NOMEM. */
int net_shm_dialer(struct rt_xs *xs, const char *path, uint32_t uid, struct net_dialer **d);
void net_shm_dialer_free(struct net_dialer *d); /* every wire is closed; on xs */
/* In a child of fork() d is of no use any more, its sockets are the parent's. The child keeps them
 * until it says this: so the engine sees that somebody is there who may go on with the parent's
 * handles, also when the parent is gone. */
void net_shm_dialer_forget(struct net_dialer *d);

#endif
