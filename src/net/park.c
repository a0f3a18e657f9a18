/*
 * Requests that wait for memory: when what all clients hold here (requests, and answers they have
 * not taken) is as much as it may be, data requests wait in the order they came, as the frames that
 * they are. Control requests never do. So others are served from what is left, and who asks what
 * the engine does is answered.
 *
 * What waits is bounded as well: by what each client may have under way, and beyond an eighth of
 * the limit by no more being read from who has more than PARK_LEAST waiting. Who takes nothing of
 * his answers for a while, when others wait, is disconnected: his answers are the memory they lack.
 */
#include <stdio.h>
#include <string.h>

#include <daos_errno.h>

#include "base/fail.h"
#include "base/log.h"
#include "net/accept_int.h"
#include "net/msg.h"

#define NS_PER_MS  UINT64_C(1000000)
#define PARK_LEAST (64u << 10)
#define LOOK_NS    (2 * NS_PER_MS)   /* what clients take is seen so late */
#define STALL_LOOK (100 * NS_PER_MS) /* who takes nothing is looked for so often */
#define STALL_MS   10000u
#define STALL_HAS  (256u << 10) /* of answers; less is not worth it */
#define TELL_NS    (600 * UINT64_C(1000000000))
#define NEED_MAX   ((uint64_t)NET_FRAME_MAX + 2 * NET_BODY_MAX + NET_HOLDS)

struct parked {
    struct list link;
    struct conn *n;
    uint64_t id, since_ns;
    size_t len;
    uint8_t frame[];
};

/* What it will hold, as served_make() counts it. 0: it makes no sense. */
static uint64_t need(struct rbuf r, const struct conn *n)
{
    uint64_t sum = NET_HOLDS;
    uint32_t nr;
    size_t len;

    if (rbuf_blob(&r, NET_BODY_MAX, &len) == NULL)
        return 0;
    sum += 2 * len;
    nr = rbuf_count(&r, 9);
    for (uint32_t i = 0; i < nr && i < NET_BULK_MAX; i++) {
        uint8_t way = rbuf_u8(&r);
        uint64_t bytes = rbuf_u64(&r);
        bool in_room = way & NET_BULK_ROOM;

        if (in_room)
            rbuf_u64(&r);
        else if (!(way & NET_BULK_WRITABLE))
            rbuf_bytes(&r, bytes);
        sum += in_room ? 0 : MIN(bytes, (uint64_t)NET_FRAME_MAX);
    }
    return rbuf_check(&r) == 0 ? sum : 0;
}

static bool fits(const struct net_acceptor *a, uint64_t more)
{
    uint64_t holds = a->stat.bytes + a->backlog;

    return holds == 0 || holds + more <= a->conf.all_bytes;
}

bool park_must(const struct conn *n, const struct net_hdr *h, const struct rbuf *r)
{
    const struct net_acceptor *a = n->a;
    const struct msg_info *info = msg_info(h->opcode);

    if (list_empty(&a->parked) && fits(a, NEED_MAX))
        return false;
    if (info == NULL || msg_class(info) == MSG_CLASS_CONTROL || h->opcode == MSG_ENGINE_METRICS)
        return false;
    return !list_empty(&a->parked) || !fits(a, need(*r, n));
}

int park_add(struct conn *n, uint64_t id, const void *frame, size_t len)
{
    struct net_acceptor *a = n->a;
    struct parked *p = base_alloc(sizeof(*p) + len);

    if (p == NULL)
        return -DER_NOMEM;
    p->n = n;
    p->id = id;
    p->since_ns = rt_turn_ns();
    p->len = len;
    memcpy(p->frame, frame, len);
    if (list_empty(&a->parked))
        rt_timer_arm(&a->relief, rt_now_ns() + LOOK_NS);
    list_add_tail(&a->parked, &p->link);
    a->stat.parked++;
    a->stat.parked_ever++;
    a->stat.parked_bytes += len;
    n->parked++;
    n->parked_bytes += len;
    return 0;
}

static void take_out(struct parked *p)
{
    struct net_acceptor *a = p->n->a;

    list_del(&p->link);
    a->stat.parked--;
    a->stat.parked_bytes -= p->len;
    p->n->parked--;
    p->n->parked_bytes -= p->len;
    if (list_empty(&a->parked))
        rt_timer_cancel(&a->relief);
}

bool park_cancel(struct conn *n, uint64_t id, struct net_hdr *h)
{
    struct list *l;
    struct rbuf r;

    if (n->parked == 0)
        return false;
    LIST_FOREACH(l, &n->a->parked)
    {
        struct parked *p = LIST_ENTRY(l, struct parked, link);

        if (p->n != n || p->id != id)
            continue;
        rbuf_init(&r, p->frame + NET_FRAME_HEAD, p->len - NET_FRAME_HEAD);
        wire_get_hdr(&r, h);
        take_out(p);
        base_free(p);
        return true;
    }
    return false;
}

void park_leave(struct conn *n)
{
    struct list *l, *next;

    if (n->parked == 0)
        return;
    LIST_FOREACH_SAFE(l, next, &n->a->parked)
    {
        struct parked *p = LIST_ENTRY(l, struct parked, link);

        if (p->n != n)
            continue;
        take_out(p);
        base_free(p);
    }
}

bool park_is_full(const struct conn *n)
{
    return n->parked_bytes > PARK_LEAST && n->a->stat.parked_bytes > n->a->conf.all_bytes / 8;
}

/* There is more room than there was. */
void park_relieve(struct net_acceptor *a)
{
    if (!list_empty(&a->parked))
        rt_timer_arm(&a->relief, rt_turn_ns());
}

/* ---- Who takes nothing ---- */

static void tell_stalled(struct net_acceptor *a, const struct conn *n, uint64_t now)
{
    struct net_name who = {.text = "over the network"};

    if (a->told_ns != 0 && now - a->told_ns < TELL_NS)
        return;
    a->told_ns = now;
    if (n->wire->ops->name != NULL)
        n->wire->ops->name(n->wire, &who);
    LOG_WARN("a client, %s, was disconnected: %llu bytes of answers that it does not take hold "
             "memory that others wait for (clients.all_bytes); see what it does, or allow more",
             who.text, (unsigned long long)n->wire->backlog);
}

/* Whether it is to go. */
static bool is_stalled(struct conn *n, uint64_t now)
{
    const struct net_wire *w = n->wire;

    if (w->backlog < STALL_HAS || w->taken != n->taken_then || n->stalled_ns == 0) {
        n->taken_then = w->taken;
        n->stalled_ns = now;
        return false;
    }
    return now - n->stalled_ns >= n->a->conf.stall_ms * NS_PER_MS;
}

static void look_for_stalled(struct net_acceptor *a, uint64_t now)
{
    struct list *l, *next;

    if (now - a->looked_ns < STALL_LOOK)
        return;
    if (now - a->looked_ns > 2 * STALL_LOOK + LOOK_NS) /* nobody waited: it counts from now */
        LIST_FOREACH(l, &a->conns)
    LIST_ENTRY(l, struct conn, link)->stalled_ns = 0;
    a->looked_ns = now;
    LIST_FOREACH_SAFE(l, next, &a->conns)
    {
        struct conn *n = LIST_ENTRY(l, struct conn, link);

        if (!is_stalled(n, now))
            continue;
        tell_stalled(a, n, now);
        a->stat.stalled++;
        accept_close(n);
    }
}

/* ---- Their turn ---- */

static void begin_first(struct net_acceptor *a, uint64_t now)
{
    struct parked *p = LIST_ENTRY(list_first(&a->parked), struct parked, link);
    struct conn *n = p->n;
    struct rbuf r;

    take_out(p);
    rbuf_init(&r, p->frame + NET_FRAME_HEAD, p->len - NET_FRAME_HEAD);
    accept_hold(n);
    request_begin(n, p->id, &r, p->len, (now - p->since_ns) / NS_PER_MS);
    base_free(p);
}

static bool first_fits(const struct net_acceptor *a)
{
    const struct parked *p = LIST_ENTRY(list_first(&a->parked), struct parked, link);
    struct net_hdr h;
    struct rbuf r;

    rbuf_init(&r, p->frame + NET_FRAME_HEAD, p->len - NET_FRAME_HEAD);
    wire_get_hdr(&r, &h);
    return fits(a, need(r, p->n));
}

static void relief(struct rt_timer *t)
{
    struct net_acceptor *a = CONTAINER_OF(t, struct net_acceptor, relief);
    uint64_t now = rt_now_ns();
    struct list *l;

    while (!list_empty(&a->parked) && first_fits(a))
        begin_first(a, now);
    LIST_FOREACH(l, &a->conns)
    {
        struct conn *n = LIST_ENTRY(l, struct conn, link);

        if (n->wire->held)
            accept_hold(n);
    }
    if (list_empty(&a->parked))
        return;
    look_for_stalled(a, now);
    if (!list_empty(&a->parked))
        rt_timer_arm(&a->relief, now + LOOK_NS);
}

void park_init(struct net_acceptor *a)
{
    a->conf.all_bytes = a->conf.all_bytes != 0 ? a->conf.all_bytes : NET_ALL_BYTES;
    a->conf.stall_ms = a->conf.stall_ms != 0 ? a->conf.stall_ms : STALL_MS;
    list_init(&a->parked);
    a->relief.fn = relief;
}
