/* Private to net/: what a transport supplies, and how a call remembers it. */
#ifndef TARN_NET_PEER_H
#define TARN_NET_PEER_H

#include "net/net.h"

struct rt_event;

static inline bool call_is_cancelled(const struct net_call *call)
{
    return __atomic_load_n(&call->cancel, __ATOMIC_RELAXED) != 0;
}

struct net_peer {
    void (*send)(struct net_peer *peer, struct net_call *call);
    void (*close)(struct net_peer *peer);
    /* Waits for ev, which an answer of this peer sets; NULL: rt_event_wait() does. */
    void (*wait)(struct net_peer *peer, struct rt_event *ev);
    /* Calls were marked as cancelled: looks for them, soon. NULL: it looks of its own accord. */
    void (*poke)(struct net_peer *peer);
    uint64_t (*features)(struct net_peer *peer); /* NULL: it knows all */
};

/* What priv[] of a call holds. */
enum call_priv {
    CALL_FINI, /* void (*)(struct net_call *): gives rep_mem back; NULL while there is none */
    CALL_CTX,  /* link.c: the context it was sent on */
    CALL_DONE, /* link.c: the caller's done */
};

#endif
