/*
 * The simulated network. An end keeps what is on its way to it in a queue ordered by arrival; one
 * event of the world stands for the head of the queue and posts a call to the end's xstream, where
 * the wire's callbacks run. An end that was closed or whose node went down takes no more; it is
 * freed with its peer when no call of it is posted.
 */
#include "net_sim.h"
#include <stdlib.h>
#include <string.h>
#include <daos_errno.h>
#include "base/assert.h"
#include "base/list.h"

enum parcel_kind { OPENED, FRAME, BROKEN };

struct parcel {
    struct list link;
    enum parcel_kind kind;
    uint64_t at_ns;
    uint64_t held_ns; /* arrives so late because of a partition that ends then; 0: not */
    size_t len;
    uint8_t bytes[];
};

struct end {
    struct net_wire wire;
    struct connection *c;
    struct rt_xs *xs;
    uint32_t node;
    struct list queue; /* on its way to this end */
    uint64_t last_ns;  /* arrival of the newest of them */
    struct sim_event due;
    bool due_set;
    struct rt_call call;
    bool posted;
    bool closed; /* by its owner, or never had one */
    bool dead;   /* its node went down */
    bool silent; /* nothing arrives here any more */
};

struct connection {
    struct list link;
    struct sim_net *net;
    struct end end[2]; /* who dialed, who listened */
};

struct listener {
    struct rt_xs *xs; /* NULL: nobody */
    void (*accept)(void *arg, struct net_wire *w);
    void *arg;
    bool down;
};

struct sim_net {
    struct sim_world *w;
    struct sim_net_conf conf;
    struct list connections;
    struct listener at[SIM_NODES_MAX];
    uint64_t cut_ns[SIM_NODES_MAX][SIM_NODES_MAX]; /* until, from and to */
    uint64_t lose_at;                              /* frames to go */
    struct sim_net_stat stat;
};

static struct end *peer_of(struct end *e)
{
    return &e->c->end[e == &e->c->end[0]];
}

static const char *name(const struct end *e)
{
    return sim_world_name(e->c->net->w, e->node);
}

/* ---- Queues ---- */

static void purge(struct end *e)
{
    struct list *l;

    while ((l = list_pop(&e->queue)) != NULL)
        free(LIST_ENTRY(l, struct parcel, link));
    if (e->due_set)
        sim_world_cancel(e->c->net->w, &e->due);
    e->due_set = false;
}

static void forget(struct connection *c)
{
    for (int i = 0; i < 2; i++)
        if (!c->end[i].closed || c->end[i].posted)
            return;
    purge(&c->end[0]);
    purge(&c->end[1]);
    list_del(&c->link);
    free(c);
}

static void set_due(struct end *e)
{
    struct list *l = list_first(&e->queue);

    if (e->due_set || e->posted || l == NULL || e->wire.held)
        return;
    e->due_set = true;
    sim_world_at(e->c->net->w, &e->due, LIST_ENTRY(l, struct parcel, link)->at_ns);
}

static void due(struct sim_event *ev)
{
    struct end *e = CONTAINER_OF(ev, struct end, due);

    e->due_set = false;
    e->posted = true;
    rt_post(e->xs, &e->call);
}

static void deliver(struct end *e, struct parcel *p)
{
    struct sim_net *n = e->c->net;
    struct listener *l = &n->at[e->node];

    switch (p->kind) {
    case OPENED:
        if (l->xs != e->xs || l->down) /* nobody is there any more */
            e->closed = true;
        else
            l->accept(l->arg, &e->wire);
        return;
    case FRAME:
        sim_trace_add(n->w, p->bytes, p->len);
        e->wire.received(&e->wire, p->bytes, p->len);
        return;
    case BROKEN:
        if (e->wire.broken == NULL) { /* before anybody accepted it */
            e->closed = true;
            return;
        }
        sim_tell(n->w, name(e), "hears that the connection to %s broke", name(peer_of(e)));
        e->wire.broken(&e->wire);
        return;
    }
}

static void arrived(struct rt_call *call)
{
    struct end *e = CONTAINER_OF(call, struct end, call);
    uint64_t now = sim_world_now(e->c->net->w);
    struct list *l;

    /* posted stays set: a close meanwhile must not free the end under us */
    while (!e->closed && (l = list_first(&e->queue)) != NULL) {
        struct parcel *p = LIST_ENTRY(l, struct parcel, link);

        if (p->at_ns > now || e->wire.held)
            break;
        list_del(l);
        deliver(e, p);
        free(p);
    }
    e->posted = false;
    if (e->closed)
        forget(e->c);
    else
        set_due(e);
}

static void put(struct end *to, enum parcel_kind kind, uint64_t at_ns, const void *bytes,
                size_t len)
{
    struct parcel *p;

    if (to->closed || to->dead)
        return;
    p = malloc(sizeof(*p) + len);
    ASSERT(p != NULL);
    p->kind = kind;
    p->at_ns = to->last_ns = MAX(at_ns, to->last_ns);
    p->held_ns = 0;
    p->len = len;
    if (len > 0)
        memcpy(p->bytes, bytes, len);
    list_add_tail(&to->queue, &p->link);
    set_due(to);
}

/* ---- Wires ---- */

static uint64_t latency(struct sim_net *n)
{
    const struct sim_net_conf *c = &n->conf;
    uint64_t min = c->latency_min_ns ? c->latency_min_ns : SIM_US;

    return sim_draw_span(sim_world_rng(n->w), min,
                         c->latency_max_ns ? c->latency_max_ns : 100 * SIM_US);
}

static void break_now(struct connection *c)
{
    uint64_t now = sim_world_now(c->net->w);

    c->net->stat.broken++;
    for (int i = 0; i < 2; i++) {
        struct end *e = &c->end[i];

        if (sim_chance(sim_world_rng(c->net->w), 500000))
            purge(e);
        put(e, BROKEN, now + latency(c->net), NULL, 0);
        e->silent = true;
    }
}

/* A fault of this frame's own. True: it does not arrive. */
static bool mishap(struct sim_net *n, struct end *from, struct end *to)
{
    struct sim_rng *r = sim_world_rng(n->w);
    bool lose = n->lose_at != 0 && --n->lose_at == 0;

    if (lose || sim_chance(r, n->conf.silence_ppm)) {
        sim_tell(n->w, "net", "%s hears nothing from %s any more on this connection", name(to),
                 name(from));
        to->silent = true;
        n->stat.silenced++;
        return true;
    }
    if (sim_chance(r, n->conf.break_ppm)) {
        sim_tell(n->w, "net", "the connection of %s and %s breaks", name(from), name(to));
        break_now(from->c);
        return true;
    }
    return false;
}

static void wire_send(struct net_wire *w, const void *frame, size_t len)
{
    struct end *from = CONTAINER_OF(w, struct end, wire), *to = peer_of(from);
    struct sim_net *n = from->c->net;
    struct sim_rng *r = sim_world_rng(n->w);
    uint64_t now = sim_world_now(n->w), at = now + latency(n), cut;

    n->stat.frames++;
    n->stat.bytes += len;
    if (from->dead || to->silent || mishap(n, from, to))
        return;
    if (sim_chance(r, n->conf.spike_ppm)) {
        at += sim_draw_span(r, SIM_MS, n->conf.spike_max_ns);
        n->stat.spikes++;
    }
    cut = n->cut_ns[from->node][to->node];
    if (cut > now) {
        if (sim_chance(r, 300000)) {
            to->silent = true;
            n->stat.silenced++;
            return;
        }
        at = MAX(at, cut + latency(n));
        put(to, FRAME, at, frame, len);
        if (!list_empty(&to->queue))
            LIST_ENTRY(list_last(&to->queue), struct parcel, link)->held_ns = cut;
        return;
    }
    put(to, FRAME, at, frame, len);
}

static void wire_close(struct net_wire *w)
{
    struct end *e = CONTAINER_OF(w, struct end, wire), *peer = peer_of(e);
    struct sim_net *n = e->c->net;

    ASSERT(!e->closed);
    e->closed = true;
    purge(e);
    if (!e->dead && !peer->silent && n->cut_ns[e->node][peer->node] <= sim_world_now(n->w))
        put(peer, BROKEN, sim_world_now(n->w) + latency(n), NULL, 0);
    if (!e->posted)
        forget(e->c);
}

static void wire_release(struct net_wire *w)
{
    set_due(CONTAINER_OF(w, struct end, wire));
}

static const struct net_wire_ops wire_ops = {
    .send = wire_send, .close = wire_close, .release = wire_release};

static void end_init(struct end *e, struct connection *c, struct rt_xs *xs, uint32_t node)
{
    e->wire = (struct net_wire){.ops = &wire_ops, .uid = 0, .gid = 0, .pid = node + 1};
    e->c = c;
    e->xs = xs;
    e->node = node;
    list_init(&e->queue);
    e->due.fn = due;
    e->call.fn = arrived;
}

int sim_net_dial(struct sim_net *n, uint32_t from, uint32_t to, struct net_wire **w)
{
    struct listener *l = &n->at[to];
    bool there = l->xs != NULL && !l->down && !n->at[from].down;
    struct connection *c;

    n->stat.dials++;
    if (!there && sim_chance(sim_world_rng(n->w), 500000))
        return -DER_UNREACH;
    c = calloc(1, sizeof(*c));
    ASSERT(c != NULL);
    c->net = n;
    list_add_tail(&n->connections, &c->link);
    end_init(&c->end[0], c, rt_xs_self(), from);
    end_init(&c->end[1], c, l->xs, to);
    if (there)
        put(&c->end[1], OPENED, sim_world_now(n->w) + latency(n), NULL, 0);
    else
        c->end[1].closed = c->end[1].silent = true;
    sim_tell(n->w, sim_world_name(n->w, from), "connects to %s%s", sim_world_name(n->w, to),
             there ? "" : ", which is not there");
    *w = &c->end[0].wire;
    return 0;
}

/* ---- Nodes ---- */

void sim_net_listen(struct sim_net *n, uint32_t node, struct rt_xs *xs,
                    void (*accept)(void *arg, struct net_wire *w), void *arg)
{
    n->at[node].xs = xs;
    n->at[node].accept = accept;
    n->at[node].arg = arg;
}

void sim_net_unlisten(struct sim_net *n, uint32_t node)
{
    n->at[node].xs = NULL;
}

void sim_net_down(struct sim_net *n, uint32_t node, bool told)
{
    struct sim_rng *r = sim_world_rng(n->w);
    uint64_t now = sim_world_now(n->w);
    struct list *l, *next;

    n->at[node].down = true;
    LIST_FOREACH_SAFE(l, next, &n->connections)
    {
        struct connection *c = LIST_ENTRY(l, struct connection, link);
        struct end *mine = &c->end[c->end[1].node == node], *other = peer_of(mine);

        if (mine->node != node || mine->dead)
            continue;
        mine->dead = mine->silent = true;
        purge(mine);
        if (sim_chance(r, 500000)) /* else: what it said last comes late */
            purge(other);
        else
            n->stat.late += !list_empty(&other->queue);
        if (told)
            put(other, BROKEN, now + latency(n), NULL, 0);
        other->silent = true;
        if (mine->wire.received == NULL && !mine->closed) { /* not accepted yet: nobody closes it */
            mine->closed = true;
            if (!mine->posted)
                forget(c);
        }
    }
}

void sim_net_up(struct sim_net *n, uint32_t node)
{
    n->at[node].down = false;
}

void sim_net_reset(struct sim_net *n, uint32_t node)
{
    struct list *l;

    LIST_FOREACH(l, &n->connections)
    {
        struct connection *c = LIST_ENTRY(l, struct connection, link);
        struct end *mine = &c->end[c->end[1].node == node], *other = peer_of(mine);

        if (mine->node == node && mine->dead && !other->dead && !other->closed)
            put(other, BROKEN, sim_world_now(n->w) + latency(n), NULL, 0);
    }
}

void sim_net_cut(struct sim_net *n, uint32_t from, uint32_t to, uint64_t until_ns)
{
    sim_tell(n->w, "net", "nothing gets from %s to %s for %llu ms", sim_world_name(n->w, from),
             sim_world_name(n->w, to),
             (unsigned long long)((until_ns - sim_world_now(n->w)) / SIM_MS));
    n->cut_ns[from][to] = until_ns;
    n->stat.partitions++;
}

void sim_net_heal(struct sim_net *n)
{
    uint64_t now = sim_world_now(n->w);
    struct list *l, *k;

    memset(n->cut_ns, 0, sizeof(n->cut_ns));
    LIST_FOREACH(l, &n->connections)
    {
        for (int i = 0; i < 2; i++) {
            struct end *e = &LIST_ENTRY(l, struct connection, link)->end[i];

            e->last_ns = now;
            LIST_FOREACH(k, &e->queue)
            {
                struct parcel *p = LIST_ENTRY(k, struct parcel, link);

                if (p->held_ns > now)
                    p->at_ns = now;
                p->at_ns = e->last_ns = MAX(p->at_ns, e->last_ns);
            }
            if (e->due_set)
                sim_world_cancel(n->w, &e->due);
            e->due_set = false;
            set_due(e);
        }
    }
}

void sim_net_break(struct sim_net *n, uint32_t node)
{
    struct list *l;

    LIST_FOREACH(l, &n->connections)
    {
        struct connection *c = LIST_ENTRY(l, struct connection, link);

        if ((c->end[0].node == node || c->end[1].node == node) && !c->end[0].silent)
            break_now(c);
    }
}

void sim_net_lose_at(struct sim_net *n, uint64_t nth)
{
    n->lose_at = nth;
}

bool sim_net_idle(const struct sim_net *n)
{
    struct list *l;

    LIST_FOREACH(l, &n->connections)
    {
        const struct connection *c = LIST_ENTRY(l, struct connection, link);

        for (int i = 0; i < 2; i++)
            if (!list_empty(&c->end[i].queue) || c->end[i].posted)
                return false;
    }
    return true;
}

struct sim_net_stat sim_net_stat(const struct sim_net *n)
{
    return n->stat;
}

struct sim_net_conf *sim_net_conf(struct sim_net *n)
{
    return &n->conf;
}

struct sim_world *sim_net_world(const struct sim_net *n)
{
    return n->w;
}

struct sim_net *sim_net_create(struct sim_world *w, const struct sim_net_conf *conf)
{
    struct sim_net *n = calloc(1, sizeof(*n));

    ASSERT(n != NULL);
    n->w = w;
    n->conf = *conf;
    list_init(&n->connections);
    return n;
}

void sim_net_destroy(struct sim_net *n)
{
    ASSERT(list_empty(&n->connections));
    free(n);
}
