/*
 * The sending side of connections; the rules are in net/remote.h and net/wire.h.
 *
 * Happy path: the first call dials, HELLO goes out, WELCOME comes back, the call is encoded and
 * sent, the reply found by its id, decoded into the caller's struct, written bulk ranges copied to
 * the caller's memory, call->done() runs.
 *
 * A connection ends when it breaks, when the peer has been silent too long, or when what comes in
 * does not make sense; then the next is dialed after a pause that doubles. One timer serves
 * deadlines, silence and pauses.
 */
#include <string.h>
#include <daos_errno.h>
#include "base/arena.h"
#include "base/assert.h"
#include "base/fail.h"
#include "base/htable.h"
#include "base/list.h"
#include "base/mutant.h"
#include "net/msg.h"
#include "net/peer.h"
#include "net/remote.h"
#include "rt/rt.h"

#define NS_PER_MS   UINT64_C(1000000)
#define SUSPECT_MS  3000u
#define BACKOFF_MIN 5u
#define BACKOFF_MAX 1000u
#define ARENA_BYTES 2048u

enum state { DOWN, DIALED, UP }; /* no connection; HELLO sent; welcomed */

struct remote {
    struct net_peer peer;
    struct net_remote_conf conf;
    uint8_t id[16];
    uint64_t generation, incarnation, next_call;
    enum state state;
    struct net_wire *wire;
    struct list calls; /* in the order they were made */
    struct htable by_id;
    struct rt_timer timer;
    uint64_t heard_ns;  /* when the connection last said something (or was dialed) */
    uint64_t pinged_ns; /* when PING was last sent on it */
    uint64_t redial_ns; /* DOWN: not before */
    uint64_t backoff_ns;
    struct wbuf out;
    struct net_remote_stat stat;
};

struct pending {
    struct list link;
    struct hlink by_id;
    struct rt_call post; /* to the peer's xstream */
    struct remote *peer;
    struct net_call *call;
    uint64_t id, deadline_ns;
    bool sent;
    uint64_t generation; /* of the connection it was last sent on */
    struct arena mem;    /* of the reply */
};

static void lost(struct remote *r);
static void dial(struct remote *r);

static uint64_t or_default(uint32_t ms, uint32_t dflt)
{
    return (ms != 0 ? ms : dflt) * NS_PER_MS;
}

/* ---- The end of a call ---- */

static void pending_fini(struct net_call *call)
{
    struct pending *p = call->rep_mem;

    call->rep_mem = NULL;
    call->priv[CALL_FINI] = NULL;
    arena_fini(&p->mem);
    base_free(p);
}

/* The call is the caller's again. */
static void finish(struct pending *p, int rc)
{
    list_del(&p->link);
    htable_remove(&p->peer->by_id, &p->by_id);
    p->call->rc = rc;
    p->call->done(p->call);
}

static void give_up(struct pending *p)
{
    bool changes = msg_info(p->call->hdr.opcode)->flags & MSG_CHANGES;

    if (MUTANT(NET_TOO_SURE))
        changes = false;
    finish(p, changes && p->sent ? -DER_TX_UNCERTAIN : -DER_TIMEDOUT);
}

/* ---- Sending ---- */

static void put_bulk(struct wbuf *b, const struct net_call *call)
{
    wbuf_u32(b, call->bulk_nr);
    for (uint32_t i = 0; i < call->bulk_nr; i++) {
        const struct net_bulk *v = &call->bulk[i];
        uint64_t len = 0;

        for (uint32_t k = 0; k < v->iov_nr; k++)
            len += v->iov[k].iov_len;
        wbuf_u8(b, v->writable);
        wbuf_u64(b, len);
        for (uint32_t k = 0; k < v->iov_nr && !v->writable; k++)
            wbuf_bytes(b, v->iov[k].iov_base, v->iov[k].iov_len);
    }
}

/* Sends the call on the connection that is up. An encoding that fails ends it. */
static void transmit(struct remote *r, struct pending *p, uint64_t now)
{
    struct net_hdr h = p->call->hdr;
    int rc;

    h.incarnation = r->incarnation;
    h.deadline_ms = (uint32_t)((p->deadline_ns - now) / NS_PER_MS) + 1;
    if (p->sent) {
        h.flags |= NET_RESEND;
        r->stat.resends++;
    }
    wire_put_head(&r->out, NET_REQUEST, p->id);
    wire_put_hdr(&r->out, &h);
    rc = wire_put_body(&r->out, h.opcode, p->call->req, false);
    put_bulk(&r->out, p->call);
    if (rc == 0)
        rc = wire_seal(&r->out);
    if (rc != 0) {
        bool changes = msg_info(h.opcode)->flags & MSG_CHANGES;

        finish(p, changes && p->sent ? -DER_TX_UNCERTAIN : rc);
        return;
    }
    p->sent = true;
    p->generation = r->generation;
    r->wire->ops->send(r->wire, r->out.data, r->out.len);
}

static void send_plain(struct remote *r, enum net_frame kind)
{
    wire_put_head(&r->out, kind, 0);
    if (kind == NET_HELLO) {
        wbuf_bytes(&r->out, r->id, sizeof(r->id));
        wbuf_u64(&r->out, r->generation);
        wbuf_u64(&r->out, 0);
    }
    if (wire_seal(&r->out) == 0)
        r->wire->ops->send(r->wire, r->out.data, r->out.len);
}

/* ---- The timer ---- */

static void arm(struct remote *r)
{
    uint64_t suspect = or_default(r->conf.suspect_ms, SUSPECT_MS), at = UINT64_MAX;
    struct list *l;

    LIST_FOREACH(l, &r->calls)
    at = MIN(at, LIST_ENTRY(l, struct pending, link)->deadline_ns);
    if (at == UINT64_MAX) {
        rt_timer_cancel(&r->timer);
        return;
    }
    if (r->state == DOWN)
        at = MIN(at, r->redial_ns);
    else if (r->state == UP && r->pinged_ns < r->heard_ns)
        at = MIN(at, r->heard_ns + suspect / 3);
    else
        at = MIN(at, r->heard_ns + suspect);
    rt_timer_arm(&r->timer, at);
}

/* An answer may run code that sends the next call: the list is looked at anew each time. */
static void give_up_late(struct remote *r, uint64_t now)
{
    struct list *l;

again:
    LIST_FOREACH(l, &r->calls)
    {
        struct pending *p = LIST_ENTRY(l, struct pending, link);

        if (p->deadline_ns <= now) {
            give_up(p);
            goto again;
        }
    }
}

static void tick(struct rt_timer *t)
{
    struct remote *r = CONTAINER_OF(t, struct remote, timer);
    uint64_t now = rt_now_ns(), suspect = or_default(r->conf.suspect_ms, SUSPECT_MS);

    give_up_late(r, now);
    if (list_empty(&r->calls))
        return;
    if (r->state == DOWN) {
        if (now >= r->redial_ns)
            dial(r);
    } else if (now - r->heard_ns >= suspect) {
        lost(r);
    } else if (r->state == UP && r->pinged_ns < r->heard_ns && now - r->heard_ns >= suspect / 3) {
        r->pinged_ns = now;
        send_plain(r, NET_PING);
    }
    arm(r);
}

/* ---- Connections ---- */

static void lost(struct remote *r)
{
    if (r->wire != NULL)
        r->wire->ops->close(r->wire);
    r->wire = NULL;
    r->state = DOWN;
    r->redial_ns = rt_now_ns() + r->backoff_ns;
    r->backoff_ns = MIN(r->backoff_ns * 2, or_default(r->conf.backoff_max_ms, BACKOFF_MAX));
    arm(r);
}

static void welcome(struct remote *r, struct rbuf *b)
{
    uint64_t incarnation = rbuf_u64(b);
    struct list *l, *next;
    uint64_t now = rt_now_ns();
    int rc;

    rbuf_u64(b); /* features: none are known yet */
    rc = (int)rbuf_u32(b);
    if (rbuf_check_end(b) != 0 || r->state != DIALED || rc != 0) {
        lost(r);
        return;
    }
    r->incarnation = incarnation;
    r->state = UP;
    r->backoff_ns = or_default(r->conf.backoff_min_ms, BACKOFF_MIN);
    LIST_FOREACH_SAFE(l, next, &r->calls)
    {
        struct pending *p = LIST_ENTRY(l, struct pending, link);

        if (p->generation != r->generation && p->deadline_ns > now)
            transmit(r, p, now);
    }
}

static struct pending *find(struct remote *r, uint64_t id)
{
    for (struct hlink *l = htable_first(&r->by_id, id); l != NULL; l = htable_next(l)) {
        struct pending *p = CONTAINER_OF(l, struct pending, by_id);

        if (p->id == id)
            return p;
    }
    return NULL;
}

/* One written range into the caller's memory; false if it does not lie in it. */
static bool scatter(const struct net_bulk *v, uint64_t off, const uint8_t *from, uint64_t len)
{
    for (uint32_t k = 0; k < v->iov_nr && len > 0; k++) {
        uint64_t room = v->iov[k].iov_len, n;

        if (off >= room) {
            off -= room;
            continue;
        }
        n = MIN(len, room - off);
        memcpy((uint8_t *)v->iov[k].iov_base + off, from, n);
        from += n;
        len -= n;
        off = 0;
    }
    return len == 0;
}

static int get_bulk(struct rbuf *b, const struct net_call *call)
{
    uint32_t nr = rbuf_count(b, 4);

    if (nr > call->bulk_nr)
        return -DER_PROTO;
    for (uint32_t i = 0; i < nr; i++) {
        uint32_t ranges = rbuf_count(b, 16);

        for (uint32_t k = 0; k < ranges; k++) {
            uint64_t off = rbuf_u64(b), len = rbuf_u64(b);
            const uint8_t *bytes = rbuf_bytes(b, len);

            if (bytes == NULL || !call->bulk[i].writable ||
                !scatter(&call->bulk[i], off, bytes, len))
                return -DER_PROTO;
        }
    }
    return rbuf_check_end(b);
}

/* What the reply says, into the caller's struct. */
static int take_reply(struct pending *p, const struct net_hdr *h, struct rbuf *b)
{
    struct net_call *call = p->call;
    size_t len;
    const void *body = rbuf_blob(b, NET_BODY_MAX, &len);
    void *kept;
    int rc = 0;

    if (body == NULL)
        return -DER_PROTO;
    if (call->rep != NULL && len > 0) {
        kept = arena_memdup(&p->mem, body, len);
        if (kept == NULL)
            return -DER_NOMEM;
        rc = msg_decode_rep(h->opcode, kept, len, &p->mem, call->rep);
    }
    return rc != 0 ? rc : get_bulk(b, call);
}

static void reply(struct remote *r, uint64_t id, struct rbuf *b)
{
    struct pending *p = find(r, id);
    struct net_hdr h;
    int rc;

    wire_get_hdr(b, &h);
    if (p == NULL || h.incarnation != r->incarnation || h.opcode != p->call->hdr.opcode) {
        r->stat.late++;
        return;
    }
    if (h.rc == -DER_SHUTDOWN) { /* nothing was begun: whoever is there next is asked again */
        lost(r);
        return;
    }
    rc = take_reply(p, &h, b);
    if (rc != 0) { /* asked again, it comes again: what was done is not said to have failed */
        lost(r);
        return;
    }
    p->call->hdr = h;
    finish(p, h.rc);
}

static void received(struct net_wire *w, const void *frame, size_t len)
{
    struct remote *r = w->arg;
    enum net_frame kind;
    struct rbuf b;
    uint64_t id;

    if (wire_open(frame, len, &kind, &id, &b) != 0) {
        lost(r);
        return;
    }
    r->heard_ns = rt_now_ns();
    if (kind == NET_WELCOME)
        welcome(r, &b);
    else if (kind == NET_REPLY && r->state == UP)
        reply(r, id, &b);
    else if (kind != NET_PONG || r->state != UP)
        lost(r);
    arm(r);
}

static void broken(struct net_wire *w)
{
    lost(w->arg);
}

static void dial(struct remote *r)
{
    int rc = r->conf.dialer->dial(r->conf.dialer, &r->wire);

    r->stat.dials++;
    if (rc != 0) {
        r->wire = NULL;
        lost(r);
        return;
    }
    r->generation++;
    r->state = DIALED;
    r->heard_ns = rt_now_ns();
    r->pinged_ns = 0;
    r->wire->received = received;
    r->wire->broken = broken;
    r->wire->arg = r;
    send_plain(r, NET_HELLO);
}

/* ---- Calls ---- */

static void begin(struct pending *p)
{
    struct remote *r = p->peer;
    uint32_t ms = p->call->hdr.deadline_ms;
    uint64_t now = rt_now_ns();

    p->deadline_ns = now + (ms != 0 ? ms : NET_DEADLINE_MS) * NS_PER_MS;
    p->id = ++r->next_call;
    list_add_tail(&r->calls, &p->link);
    htable_insert(&r->by_id, &p->by_id, p->id);
    if (r->state == UP) {
        if (list_first(&r->calls) == &p->link) /* nothing was under way: silence counts from now */
            r->heard_ns = now;
        transmit(r, p, now);
    } else if (r->state == DOWN && now >= r->redial_ns) {
        dial(r);
    }
    arm(r);
}

static void begin_posted(struct rt_call *post)
{
    begin(CONTAINER_OF(post, struct pending, post));
}

static void remote_send(struct net_peer *peer, struct net_call *call)
{
    struct remote *r = CONTAINER_OF(peer, struct remote, peer);
    const struct msg_info *info = msg_info(call->hdr.opcode);
    struct pending *p = info != NULL ? base_calloc(1, sizeof(*p)) : NULL;

    if (info != NULL && call->rep != NULL)
        memset(call->rep, 0, info->rep_size);
    if (p == NULL) {
        call->rc = info != NULL ? -DER_NOMEM : -DER_INVAL;
        call->done(call);
        return;
    }
    if (call->rep_mem != NULL) /* sent before: the last answer's memory */
        net_call_fini(call);
    arena_init(&p->mem, ARENA_BYTES);
    p->peer = r;
    p->call = call;
    call->rep_mem = p;
    call->priv[CALL_FINI] = (void *)pending_fini;
    if (rt_xs_self() == r->conf.xs) {
        begin(p);
        return;
    }
    p->post.fn = begin_posted;
    rt_post(r->conf.xs, &p->post);
}

/* ---- Life ---- */

static void shut(struct remote *r)
{
    ASSERT(list_empty(&r->calls));
    rt_timer_cancel(&r->timer);
    if (r->wire != NULL)
        r->wire->ops->close(r->wire);
}

static void destroy(struct remote *r)
{
    wbuf_fini(&r->out);
    htable_fini(&r->by_id);
    base_free(r);
}

struct closing {
    struct rt_call post;
    struct remote *peer;
    struct rt_event done;
};

static void shut_posted(struct rt_call *post)
{
    struct closing *c = CONTAINER_OF(post, struct closing, post);

    shut(c->peer);
    rt_event_set(&c->done);
}

static void remote_close(struct net_peer *peer)
{
    struct remote *r = CONTAINER_OF(peer, struct remote, peer);
    struct closing c = {.post = {.fn = shut_posted}, .peer = r, .done = RT_EVENT_INIT};

    if (rt_xs_self() == r->conf.xs) {
        shut(r);
    } else {
        rt_post(r->conf.xs, &c.post);
        rt_event_wait(&c.done);
    }
    destroy(r);
}

int net_remote_connect(const struct net_remote_conf *conf, struct net_peer **peer)
{
    struct remote *r = base_calloc(1, sizeof(*r));

    if (r == NULL)
        return -DER_NOMEM;
    r->peer.send = remote_send;
    r->peer.close = remote_close;
    r->conf = *conf;
    r->backoff_ns = or_default(conf->backoff_min_ms, BACKOFF_MIN);
    r->timer.fn = tick;
    list_init(&r->calls);
    htable_init(&r->by_id);
    wbuf_init_grow(&r->out, NET_FRAME_MAX);
    rt_random_bytes(r->id, sizeof(r->id));
    *peer = &r->peer;
    return 0;
}

void net_remote_stat(struct net_peer *peer, struct net_remote_stat *st)
{
    const struct remote *r = CONTAINER_OF(peer, struct remote, peer);

    *st = r->stat;
    st->incarnation = r->incarnation;
}
