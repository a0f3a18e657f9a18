/* What the files of TCP wires share: tcp.c (the wires), tcp_listen.c and tcp_dial.c (their ends).
 */
#ifndef TARN_NET_TCP_INT_H
#define TARN_NET_TCP_INT_H

#include "base/list.h"
#include "base/told.h"
#include "net/tcp.h"
#include "rt/rt.h"

#define NS_PER_MS UINT64_C(1000000)

/* Why a connection was closed that is worth a line in the log. */
enum tcp_why {
    TCP_FINE,
    TCP_NOISE,   /* no frame */
    TCP_FOREIGN, /* another protocol */
    TCP_LENGTH,  /* more than a frame may have, or less */
    TCP_RUDE,    /* does not begin with HELLO */
    TCP_SILENT,  /* no HELLO in time */
    TCP_CROWD,   /* too many connections */
    TCP_PARTIAL, /* too much that is not yet whole */
    TCP_NO_DESCRIPTORS,
};

/* Wires of one listener or dialer on one xstream. */
struct tcp_hub {
    struct rt_xs *xs;
    struct rt_poller poller;
    bool polling;       /* the poller is there */
    bool running;       /* in its walk: what is closed meanwhile is freed behind it */
    bool dials;         /* the dialing side */
    bool driven;        /* frames may be sent between turns */
    struct list active; /* asked each turn */
    struct list dozing;
    uint32_t closed;  /* wires that a walk has still to free */
    uint64_t awaited; /* answers, on the dialing side */
    uint64_t partial_max;
    uint8_t *buf;      /* into which all receive; NULL while nothing happens */
    struct list spare; /* blocks */
    uint32_t spares;
    struct net_tcp_stat stat;
    struct told told; /* what the log was */
};

struct tcp {
    struct net_wire wire;
    struct tcp_hub *hub;
    struct list link;
    struct rt_fd fd; /* -1: none */
    struct net_addr peer;
    bool up;           /* connected */
    bool blocked;      /* the socket is full: POLLOUT is awaited */
    bool awake;        /* in the list of the active */
    bool heard;        /* a frame has come */
    bool hung;         /* the socket has an end or an error to tell */
    bool closed;       /* the owner is done with it */
    bool failed;       /* broken() is due, or was */
    uint16_t proto;    /* of a foreign frame, for the log */
    uint32_t idle;     /* turns of nothing */
    uint32_t waiting;  /* frames since the last send */
    uint64_t asked;    /* frames that were sent and are to be answered; dialing */
    struct list queue; /* blocks */
    uint64_t queued;   /* bytes in them */
    uint8_t *in;       /* what has come of a frame that is not yet whole */
    uint32_t in_len, in_cap;
    uint64_t came, given;               /* bytes received, and accepted for sending */
    uint64_t came_then, gone_then;      /* as tcp_moving() last saw them */
    void (*ended)(struct tcp *m);       /* before it is freed: the end's part of it */
    void (*first_frame)(struct tcp *m); /* when it is heard first */
    /* answering */
    struct net_tcp_listener *listener;
    struct list fresh; /* has not sent HELLO */
    uint64_t fresh_ns; /* until then it must */
    /* dialing */
    struct tcp_dialer *dialer;
    struct rt_timer patience; /* with one address */
    uint32_t first, tried;    /* of the dialer's addresses */
};

/* ---- tcp.c ---- */

void tcp_hub_init(struct tcp_hub *h, struct rt_xs *xs);
void tcp_hub_fini(struct tcp_hub *h);
void tcp_hub_stat(const struct tcp_hub *h, struct net_tcp_stat *st);

/* A wire that dozes. fd: connected, or -1. -DER_NOMEM: NULL. */
struct tcp *tcp_new(struct tcp_hub *h, int fd);
/* The socket is connected: the wire works. */
void tcp_up(struct tcp *m);
/* Asked in each turn from now on. */
void tcp_wake(struct tcp *m);
/* The descriptor wakes it, with what it waits for now. -DER_NOMEM. */
int tcp_arm(struct tcp *m);
/* Its owner wants nothing now; or: who does not take his answers is asked for no more requests:
 * what waits for him is bounded. */
bool tcp_deaf(const struct tcp *m);
/* Whether frames may be taken from it. */
bool tcp_listens(const struct tcp *m);
/* broken() comes with the next turn. */
void tcp_fail(struct tcp *m);
/* As tcp_fail, and the log is told. */
void tcp_refuse(struct tcp *m, enum tcp_why why);
/* Closes a socket now, whoever else holds it: the port is free, the other side is told. */
void tcp_shut(int fd);

/* ---- tcp_out.c ---- */

void tcp_send(struct net_wire *w, const void *frame, size_t len);
/* Sends what waits, as far as the socket takes it; whether anything went. */
bool tcp_flush(struct tcp *m);
void tcp_out_end(struct tcp *m);      /* before it is freed */
void tcp_out_rest(struct tcp_hub *h); /* gives back what all share */
uint64_t tcp_out_memory(const struct tcp_hub *h);

/* ---- tcp_in.c ---- */

/* Gives the owner what has come. Whether there was anything. */
bool tcp_receive(struct tcp *m);
void tcp_in_end(struct tcp *m);
void tcp_in_rest(struct tcp_hub *h);
uint64_t tcp_in_memory(const struct tcp_hub *h);

/* ---- The others ---- */

void tcp_tell(struct tcp_hub *h, const struct net_addr *peer, enum tcp_why why, uint16_t proto);
/* What every connection's socket is set to. */
void tcp_options(int fd, uint32_t alive_ms);

#endif
