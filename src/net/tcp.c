/*
 * Wires over TCP: see net/tcp.h. Here they wake, doze, take their turns and end; tcp_out.c sends
 * and tcp_in.c receives.
 */
#include <linux/sockios.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/fail.h"
#include "net/tcp_int.h"

#define QUEUE_MAX (1u << 20)
/* Turns without anything after which a wire dozes: all that are awake share them, for each costs a
 * system call a turn. An answer takes some 20 turns to come; who dozes meanwhile is woken through
 * the kernel, which takes as long again. */
#define IDLE_TURNS     128u
#define IDLE_TURNS_MIN 8u

/* ---- Awake ---- */

static bool hub_poll(struct rt_poller *p);
static bool hub_doze(struct rt_poller *p);

void tcp_wake(struct tcp *m)
{
    struct tcp_hub *h = m->hub;

    m->idle = 0;
    if (!m->awake) { /* not moved otherwise: a walk may stand on it */
        list_del(&m->link);
        list_add_tail(&h->active, &m->link);
        m->awake = true;
        h->stat.dozing--;
    }
    if (h->polling)
        return;
    h->poller = (struct rt_poller){.poll = hub_poll, .doze = hub_doze};
    rt_poller_add(h->xs, &h->poller);
    h->polling = true;
}

void tcp_fail(struct tcp *m)
{
    if (m->failed)
        return;
    m->failed = true;
    tcp_wake(m); /* broken() comes with the next turn */
}

/* Whatever it speaks, it knows the head of a frame, and there ours is. */
static void tell_version(struct tcp *m)
{
    struct wbuf b;

    wbuf_init_grow(&b, 0);
    wire_put_refusal(&b, NET_REFUSED_VERSION);
    if (wire_seal(&b, true) == 0) {
        tcp_send(&m->wire, b.data, b.len);
        tcp_flush(m);
    }
    wbuf_fini(&b);
}

void tcp_refuse(struct tcp *m, enum tcp_why why)
{
    if (why == TCP_FOREIGN && m->hub->dials)
        m->wire.refusal = NET_REFUSED_VERSION;
    else if (why == TCP_NOISE && m->hub->dials && !m->heard)
        m->wire.refusal = NET_REFUSED_FOREIGN;
    else if (why == TCP_FOREIGN)
        tell_version(m);
    m->hub->stat.refused++;
    tcp_tell(m->hub, &m->peer, why, m->proto);
    tcp_fail(m);
}

/* Who does not take his answers is asked for no more requests: what waits for him is bounded. */
bool tcp_deaf(const struct tcp *m)
{
    return m->wire.held || (!m->hub->dials && m->queued > QUEUE_MAX);
}

bool tcp_listens(const struct tcp *m)
{
    return m->up && !m->closed && !m->failed && !tcp_deaf(m);
}

int tcp_arm(struct tcp *m)
{
    return rt_fd_arm(m->hub->xs, &m->fd, (tcp_deaf(m) ? 0 : POLLIN) | (m->blocked ? POLLOUT : 0));
}

/* ---- Turns ---- */

/* What is only of use while something happens. */
static void hub_rest(struct tcp_hub *h)
{
    tcp_in_rest(h);
    tcp_out_rest(h);
}

/* From now on the socket wakes it. False: there is something to do. */
static bool doze(struct tcp *m)
{
    if (m->up && !m->failed && m->queued > 0 && !m->blocked)
        tcp_flush(m);
    if (m->failed || tcp_arm(m) != 0)
        return false;
    list_del(&m->link);
    list_add_tail(&m->hub->dozing, &m->link);
    m->awake = false;
    m->hub->stat.dozing++;
    return true;
}

static void free_now(struct tcp *m)
{
    struct tcp_hub *h = m->hub;

    list_del(&m->link);
    h->stat.conns--;
    h->stat.dozing -= !m->awake;
    h->closed -= m->closed;
    h->awaited -= m->asked;
    tcp_out_end(m);
    tcp_in_end(m);
    base_free(m->wire.groups);
    base_free(m);
}

static void free_closed(struct list *l)
{
    struct list *it, *next;

    LIST_FOREACH_SAFE(it, next, l)
    {
        struct tcp *m = LIST_ENTRY(it, struct tcp, link);

        if (m->closed)
            free_now(m);
    }
}

/* What came on one wire; whether anything happened. */
static bool turn(struct tcp *m)
{
    bool some = tcp_listens(m) && tcp_receive(m);

    if (m->hung && tcp_deaf(m)) /* nobody takes the answers any more */
        m->failed = true;
    if (m->failed && !m->closed && m->wire.broken != NULL) {
        m->wire.broken(&m->wire); /* and he closes it */
        some = true;
    }
    return some;
}

/* All that came first, so that the answers to it leave together. */
static bool walk(struct tcp_hub *h)
{
    struct list *it, *next;
    uint32_t awake = 0;
    bool any = false;

    LIST_FOREACH_SAFE(it, next, &h->active)
    {
        struct tcp *m = LIST_ENTRY(it, struct tcp, link);

        if (m->closed)
            continue;
        awake++;
        m->idle++;
        if (turn(m)) {
            m->idle = 0;
            any = true;
        }
    }
    LIST_FOREACH_SAFE(it, next, &h->active)
    {
        struct tcp *m = LIST_ENTRY(it, struct tcp, link);

        if (m->closed)
            continue;
        if (m->queued > 0 && tcp_flush(m)) {
            m->idle = 0;
            any = true;
        }
        if (m->idle >= MAX(IDLE_TURNS / MAX(awake, 1u), IDLE_TURNS_MIN))
            doze(m);
    }
    return any;
}

static bool hub_poll(struct rt_poller *p)
{
    struct tcp_hub *h = CONTAINER_OF(p, struct tcp_hub, poller);
    bool any;

    h->running = true;
    any = walk(h);
    h->running = false;
    if (h->closed > 0) {
        free_closed(&h->active);
        free_closed(&h->dozing);
    }
    if (list_empty(&h->active)) {
        rt_poller_del(h->xs, &h->poller);
        h->polling = false;
    }
    /* nobody may come back soon to let a driven one doze */
    if (!h->polling || (h->driven && h->awaited == 0 && h->stat.queued == 0))
        hub_rest(h);
    return any;
}

static bool hub_doze(struct rt_poller *p)
{
    struct tcp_hub *h = CONTAINER_OF(p, struct tcp_hub, poller);
    struct list *it, *next;
    bool any = false;

    LIST_FOREACH_SAFE(it, next, &h->active)
    any |= !doze(LIST_ENTRY(it, struct tcp, link));
    return any;
}

static void ready(struct rt_fd *f, uint32_t events)
{
    struct tcp *m = CONTAINER_OF(f, struct tcp, fd);

    if (events & (POLLERR | POLLHUP))
        m->hung = true; /* a recv or a send says what it is */
    if (events & (POLLOUT | POLLERR | POLLHUP))
        m->blocked = false;
    tcp_wake(m);
    if (m->blocked && tcp_arm(m) != 0)
        tcp_fail(m);
}

/* ---- Life ---- */

static void release(struct net_wire *w)
{
    tcp_wake(CONTAINER_OF(w, struct tcp, wire));
}

/* What the other host acknowledges is a sign of life only while it does not take all: it takes a
 * small frame for a program that hangs, too. */
static bool moving(struct net_wire *w)
{
    struct tcp *m = CONTAINER_OF(w, struct tcp, wire);
    uint64_t came = m->came, gone = m->gone_then;
    bool moves;
    int out = 0;

    if (m->up && ioctl(m->fd.fd, SIOCOUTQ, &out) == 0 && m->queued + (uint64_t)out > 0)
        gone = m->given - m->queued - (uint64_t)out;
    moves = came != m->came_then || gone != m->gone_then;
    m->came_then = came;
    m->gone_then = gone;
    return moves;
}

/* A ring that polls it may hold the descriptor a little longer than we do. */
void tcp_shut(int fd)
{
    shutdown(fd, SHUT_RDWR);
    close(fd);
}

static void tcp_close(struct net_wire *w)
{
    struct tcp *m = CONTAINER_OF(w, struct tcp, wire);
    struct tcp_hub *h = m->hub;

    ASSERT(!m->closed);
    if (!m->failed)
        tcp_flush(m);
    m->closed = true;
    h->closed++;
    m->ended(m);
    if (m->fd.fd >= 0) {
        rt_fd_disarm(h->xs, &m->fd);
        tcp_shut(m->fd.fd);
    }
    if (!h->running)
        free_now(m);
}

static void name(const struct net_wire *w, struct net_name *n)
{
    const struct tcp *m = CONTAINER_OF(w, struct tcp, wire);

    net_addr_host(&m->peer, n->who);
    net_addr_text(&m->peer, n->text);
}

struct tcp *tcp_new(struct tcp_hub *h, int fd)
{
    static const struct net_wire_ops ops = {
        .send = tcp_send, .close = tcp_close, .moving = moving, .release = release, .name = name};
    struct tcp *m = base_calloc(1, sizeof(*m));

    if (m == NULL)
        return NULL;
    m->wire = (struct net_wire){
        .ops = &ops, .uid = UINT32_MAX, .gid = UINT32_MAX, .pid = UINT32_MAX, .local = false};
    m->hub = h;
    m->fd.fd = fd;
    list_init(&m->queue);
    list_init(&m->fresh);
    list_add_tail(&h->dozing, &m->link);
    h->stat.conns++;
    h->stat.dozing++;
    return m;
}

void tcp_up(struct tcp *m)
{
    m->fd.ready = ready;
    m->up = true;
    tcp_wake(m);
}

void tcp_hub_init(struct tcp_hub *h, struct rt_xs *xs)
{
    h->xs = xs;
    list_init(&h->active);
    list_init(&h->dozing);
    list_init(&h->spare);
}

void tcp_hub_fini(struct tcp_hub *h)
{
    ASSERT(h->stat.conns == 0);
    if (h->polling)
        rt_poller_del(h->xs, &h->poller);
    hub_rest(h);
}

void tcp_hub_stat(const struct tcp_hub *h, struct net_tcp_stat *st)
{
    *st = h->stat;
    st->memory = tcp_out_memory(h) + tcp_in_memory(h);
}
