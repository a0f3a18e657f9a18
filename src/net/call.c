/* What every transport shares of both sides. */
#include <string.h>
#include <daos_errno.h>
#include "base/arena.h"
#include "base/assert.h"
#include "net/msg.h"
#include "net/peer.h"
#include "rt/rt.h"

void net_call_init(struct net_call *call, uint16_t opcode)
{
    /* Not the bulk vectors: 1.5 KiB that bulk_nr says nothing is in. */
    call->hdr = (struct net_hdr){.proto = NET_PROTO, .opcode = opcode};
    call->req = call->rep = NULL;
    call->bulk_nr = 0;
    call->rc = 0;
    call->done = NULL;
    call->arg = NULL;
    call->rep_mem = NULL;
    call->times = NULL;
    call->cancel = 0;
    call->waits = false;
    memset(call->priv, 0, sizeof(call->priv));
}

void net_call_send(struct net_peer *peer, struct net_call *call)
{
    ASSERT(call->done != NULL && call->req != NULL);
    peer->send(peer, call);
}

static void wake(struct net_call *call)
{
    rt_event_set(call->arg);
}

int net_call_wait(struct net_peer *peer, struct net_call *call)
{
    struct rt_event ev = RT_EVENT_INIT;

    call->done = wake;
    call->arg = &ev;
    call->waits = rt_xs_self() == NULL;
    net_call_send(peer, call);
    if (peer->wait != NULL)
        peer->wait(peer, &ev);
    else
        rt_event_wait(&ev);
    return call->rc;
}

void net_call_fini(struct net_call *call)
{
    void (*fini)(struct net_call *) = (void (*)(struct net_call *))call->priv[CALL_FINI];

    if (fini != NULL)
        fini(call);
}

void net_call_cancel(struct net_peer *peer, struct net_call *call)
{
    __atomic_store_n(&call->cancel, 1, __ATOMIC_SEQ_CST);
    if (peer->poke != NULL)
        peer->poke(peer);
}

uint64_t net_peer_features(struct net_peer *peer)
{
    return peer->features != NULL ? peer->features(peer) : UINT64_MAX;
}

void net_peer_close(struct net_peer *peer)
{
    if (peer != NULL)
        peer->close(peer);
}

void *net_req_alloc(struct net_req *req, size_t len)
{
    return arena_alloc(req->mem, len);
}

struct arena *net_req_arena(struct net_req *req)
{
    return req->mem;
}

void net_reply(struct net_req *req, int rc)
{
    req->reply(req, rc);
}
