/*
 * Messages between shards that go astray. One that does is a letter: a copy of the request with its
 * bulk, because it may be carried out when its sender has long given up and taken back his memory.
 */
#include "peers_sim.h"
#include <stdlib.h>
#include <string.h>
#include <daos_errno.h>
#include "base/arena.h"
#include "base/assert.h"
#include "base/list.h"
#include "net/msg.h"
#include "net/peer.h"
#include "rt/rt.h"

#define ARENA_BYTES  4096u
#define LATE_MAX_NS  (20 * SIM_S)   /* behind the deadline */
#define DELAY_MAX_NS (200 * SIM_MS) /* of one that need not be late */

enum fate { LOST, ANSWER_LOST, LATE, DELAYED, TWICE, FATES };

struct sim_peers {
    struct net_peer peer;
    struct sim_net *net;
    struct sim_world *w;
    const char *who;
    struct net_service *service;
    struct gate *gate;
    struct net_peer *direct;
    struct sim_peers **self;
    struct list letters;
};

struct letter {
    struct list link;
    struct sim_peers *p;
    struct net_call call;    /* the copy */
    struct net_hdr hdr;      /* as it was sent */
    struct net_call *theirs; /* the sender's; NULL: he has heard */
    struct rt_xs *from;
    enum fate fate;
    uint32_t refs; /* of the way there, and of the sender */
    bool waits;    /* due is set */
    bool over;     /* the sender hears nothing but rc any more */
    struct sim_event due, end;
    struct rt_call post, tell;
    int rc; /* that the sender hears */
    void *body, *req, *rep;
    struct arena mem;
    struct iovec iov[NET_BULK_MAX]; /* one a vector */
};

static uint64_t soon(struct sim_peers *p, uint64_t max)
{
    return sim_world_now(p->w) + sim_draw_span(sim_world_rng(p->w), SIM_US, max);
}

static void unref(struct letter *l)
{
    if (--l->refs > 0)
        return;
    net_call_fini(&l->call);
    list_del(&l->link);
    for (uint32_t i = 0; i < l->call.bulk_nr; i++)
        free(l->iov[i].iov_base);
    arena_fini(&l->mem);
    free(l->body);
    free(l->req);
    free(l->rep);
    free(l);
}

/* ---- What the sender hears ---- */

static void theirs_fini(struct net_call *call)
{
    struct letter *l = call->rep_mem;

    call->rep_mem = NULL;
    call->priv[CALL_FINI] = NULL;
    unref(l);
}

/* Nothing, within his deadline. */
static void tell(struct rt_call *call)
{
    struct letter *l = CONTAINER_OF(call, struct letter, tell);
    struct net_call *theirs = l->theirs;

    l->theirs = NULL;
    theirs->rc = l->rc;
    unref(l);
    theirs->done(theirs);
}

static void end(struct sim_event *e)
{
    struct letter *l = CONTAINER_OF(e, struct letter, end);

    l->over = true;
    rt_post(l->from, &l->tell);
}

/* The answer, if he still waits for it. */
static void hand_over(struct letter *l)
{
    struct net_call *theirs = l->theirs;

    sim_world_cancel(l->p->w, &l->end);
    l->theirs = NULL;
    l->over = true;
    if (theirs->rep != NULL)
        memcpy(theirs->rep, l->rep, msg_info(theirs->hdr.opcode)->rep_size);
    theirs->hdr = l->call.hdr;
    theirs->rc = l->call.rc;
    theirs->rep_mem = l;
    theirs->priv[CALL_FINI] = (void *)theirs_fini;
    theirs->done(theirs);
}

/* ---- The way there ---- */

/* It ends without an answer: the sender may as well know. */
static void drop(struct letter *l)
{
    if (!l->over && l->rc == -DER_UNREACH) {
        sim_world_cancel(l->p->w, &l->end);
        sim_world_at(l->p->w, &l->end, soon(l->p, SIM_MS));
    }
    unref(l);
}

static void due(struct sim_event *e)
{
    struct letter *l = CONTAINER_OF(e, struct letter, due);

    l->waits = false;
    if (gate_enter(l->p->gate))
        rt_post(l->p->service->route(l->p->service, &l->call.hdr), &l->post);
    else
        drop(l);
}

static void set_due(struct letter *l, uint64_t at_ns)
{
    l->waits = true;
    sim_world_at(l->p->w, &l->due, at_ns);
}

static void arrived(struct net_call *call)
{
    struct letter *l = call->arg;
    struct gate *gate = l->p->gate;

    if (l->fate == TWICE) {
        l->fate = DELAYED;
        net_call_fini(call);
        l->call.hdr = l->hdr;
        l->call.rc = 0;
        set_due(l, soon(l->p, DELAY_MAX_NS));
    } else {
        if (!l->over && l->fate != ANSWER_LOST)
            hand_over(l);
        unref(l);
    }
    gate_leave(gate, 1); /* nothing of the engine is touched from here on */
}

static void posted(struct rt_call *post)
{
    struct letter *l = CONTAINER_OF(post, struct letter, post);

    net_call_send(l->p->direct, &l->call);
}

/* ---- Making one ---- */

static void copy_bulk(struct letter *l, const struct net_call *call)
{
    for (uint32_t i = 0; i < call->bulk_nr; i++) {
        const struct net_bulk *b = &call->bulk[i];
        size_t len = 0, at = 0;
        uint8_t *p;

        for (uint32_t k = 0; k < b->iov_nr; k++)
            len += b->iov[k].iov_len;
        p = malloc(MAX(len, 1u));
        ASSERT(p != NULL);
        for (uint32_t k = 0; k < b->iov_nr; at += b->iov[k++].iov_len)
            memcpy(p + at, b->iov[k].iov_base, b->iov[k].iov_len);
        l->iov[i] = (struct iovec){p, len};
        l->call.bulk[i] = (struct net_bulk){.iov = &l->iov[i], .iov_nr = 1};
        l->call.bulk_nr++;
    }
}

/* NULL: there is no memory for a copy. */
static struct letter *copy(struct sim_peers *p, struct net_call *call)
{
    const struct msg_info *info = msg_info(call->hdr.opcode);
    struct letter *l = calloc(1, sizeof(*l));
    size_t len = 0;
    int rc = msg_encode_req(call->hdr.opcode, call->req, NULL, 0, &len);

    ASSERT(l != NULL && rc == -DER_TRUNC);
    l->p = p;
    l->refs = 1;
    list_add_tail(&p->letters, &l->link);
    arena_init(&l->mem, ARENA_BYTES);
    l->body = malloc(len);
    l->req = calloc(1, info->req_size);
    l->rep = call->rep != NULL ? calloc(1, info->rep_size) : NULL;
    ASSERT(l->body != NULL && l->req != NULL && (call->rep == NULL || l->rep != NULL));
    net_call_init(&l->call, call->hdr.opcode);
    rc = msg_encode_req(call->hdr.opcode, call->req, l->body, len, &len);
    if (rc == 0)
        rc = msg_decode_req(call->hdr.opcode, l->body, len, &l->mem, l->req);
    if (rc != 0) {
        unref(l);
        return NULL;
    }
    copy_bulk(l, call);
    l->call.hdr = l->hdr = call->hdr;
    l->call.req = l->req;
    l->call.rep = l->rep;
    l->call.done = arrived;
    l->call.arg = l;
    return l;
}

static void tell_story(const struct letter *l)
{
    static const char *const words[] = {"is lost", "is done, its answer is lost", "comes too late",
                                        "is delayed", "comes twice"};

    sim_tell(l->p->w, l->p->who, "%s to target %u %s", msg_info(l->call.hdr.opcode)->name,
             l->call.hdr.target, words[l->fate]);
}

static void go_astray(struct sim_peers *p, struct net_call *call)
{
    struct sim_rng *r = sim_world_rng(p->w);
    struct letter *l = copy(p, call);
    uint64_t ns = (call->hdr.deadline_ms != 0 ? call->hdr.deadline_ms : 60000) * SIM_MS;
    uint64_t deadline = sim_world_now(p->w) + ns;

    if (l == NULL) {
        net_call_send(p->direct, call);
        return;
    }
    if (call->rep != NULL)
        memset(call->rep, 0, msg_info(call->hdr.opcode)->rep_size);
    l->fate = (enum fate)sim_rng_below(r, FATES);
    l->theirs = call;
    l->from = rt_xs_self();
    l->post.fn = posted;
    l->tell.fn = tell;
    l->due.fn = due;
    l->end.fn = end;
    /* of what is lost he may hear sooner: the way there is known to be broken */
    l->rc = sim_rng_below(r, 2) ? -DER_UNREACH : -DER_TIMEDOUT;
    if (l->rc == -DER_UNREACH && l->fate <= ANSWER_LOST)
        deadline = sim_world_now(p->w) + sim_draw_span(r, 0, ns);
    else if (l->fate == LATE)
        l->rc = -DER_TIMEDOUT;
    sim_world_at(p->w, &l->end, deadline);
    tell_story(l);
    if (l->fate == LOST)
        return; /* the sender's reference is the only one */
    l->refs++;
    set_due(l,
            l->fate == LATE ? deadline + sim_draw_span(r, 0, LATE_MAX_NS) : soon(p, DELAY_MAX_NS));
}

static void peers_send(struct net_peer *peer, struct net_call *call)
{
    struct sim_peers *p = CONTAINER_OF(peer, struct sim_peers, peer);
    const struct msg_info *info = msg_info(call->hdr.opcode);

    if (info != NULL && info->flags & MSG_PEERS &&
        sim_chance(sim_world_rng(p->w), sim_net_conf(p->net)->peer_ppm))
        go_astray(p, call);
    else
        net_call_send(p->direct, call);
}

/* Nobody waits for any of them; what was still to come never does. */
static void peers_close(struct net_peer *peer)
{
    struct sim_peers *p = CONTAINER_OF(peer, struct sim_peers, peer);
    struct list *k;

    while ((k = list_first(&p->letters)) != NULL) {
        struct letter *l = LIST_ENTRY(k, struct letter, link);

        ASSERT(l->theirs == NULL && l->waits && l->refs == 1);
        sim_world_cancel(p->w, &l->due);
        unref(l);
    }
    net_peer_close(p->direct);
    *p->self = NULL;
    free(p);
}

void sim_peers_heal(struct sim_peers *p)
{
    struct list *k;

    if (p == NULL)
        return;
    LIST_FOREACH(k, &p->letters)
    {
        struct letter *l = LIST_ENTRY(k, struct letter, link);

        if (!l->waits)
            continue;
        sim_world_cancel(p->w, &l->due);
        set_due(l, soon(p, SIM_MS));
    }
}

bool sim_peers_idle(const struct sim_peers *p)
{
    return p == NULL || list_empty(&p->letters);
}

struct net_peer *sim_peers_create(struct sim_net *net, const char *who, struct net_service *service,
                                  struct gate *gate, struct net_peer *direct,
                                  struct sim_peers **self)
{
    struct sim_peers *p = calloc(1, sizeof(*p));

    ASSERT(p != NULL);
    *p = (struct sim_peers){.net = net,
                            .w = sim_net_world(net),
                            .who = who,
                            .service = service,
                            .gate = gate,
                            .direct = direct,
                            .self = self};
    p->peer.send = peers_send;
    p->peer.close = peers_close;
    list_init(&p->letters);
    *self = p;
    return &p->peer;
}
