/*
 * Requests on the answering side, from the frame to the answer; the rules are in net/remote.h and
 * net/wire.h. What is being served stays in its client's table until it is answered.
 */
#include <daos_errno.h>
#include "base/fail.h"
#include "base/mutant.h"
#include "net/accept_int.h"
#include "net/msg.h"

#define NS_PER_MS UINT64_C(1000000)
#define YIELD_TO                                                                                   \
    4u /* foreground requests under way, to which background ones leave the field ... */
#define AGE_MS 100u /* ... so long; then they begin all the same: a sweep is late, not starved */

/* ---- In the table ---- */

static void serving_add(struct served *s)
{
    htable_insert(&s->client->serving, &s->link, s->id);
    s->client->bytes += s->bytes;
    s->a->stat.bytes += s->bytes;
    s->a->stat.serving++;
    s->a->of_class[s->class]++;
}

static void serving_del(struct served *s)
{
    htable_remove(&s->client->serving, &s->link);
    s->client->bytes -= s->bytes;
    s->a->stat.bytes -= s->bytes;
    s->a->stat.serving--;
    s->a->of_class[s->class]--;
}

/* Only a fiber of this xstream cannot begin it meanwhile. */
static bool is_waiting(const struct served *s)
{
    return s->progress == WAITS && s->xs == s->a->conf.xs;
}

/* It will not begin. What has a fiber already is ended by that. */
static void drop(struct served *s)
{
    struct net_acceptor *a = s->a;

    s->progress = DROPPED;
    s->kind->cancelled++;
    if (list_empty(&s->wait))
        return;
    list_del(&s->wait);
    if (--a->waiting == 0)
        rt_timer_cancel(&a->age);
    serving_del(s);
    served_free(s);
}

void requests_drop(struct net_acceptor *a, const struct client *c)
{
    struct list *l, *next;
    struct hlink *h = NULL;
    uint64_t pos = 0;

    LIST_FOREACH_SAFE(l, next, &a->background)
    {
        struct served *s = LIST_ENTRY(l, struct served, wait);

        if (s->client == c && is_waiting(s))
            drop(s);
    }
    while ((h = htable_walk(&c->serving, &pos, h)) != NULL) {
        struct served *s = CONTAINER_OF(h, struct served, link);

        if (is_waiting(s) && list_empty(&s->wait))
            drop(s);
    }
}

/* ---- Answers ---- */

/* An answer without results, also to what has no struct served. */
static void send_code(struct conn *n, uint64_t id, const struct net_hdr *asked, int rc)
{
    struct net_acceptor *a = n->a;
    struct net_hdr h = *asked;

    h.rc = rc;
    h.flags &= ~(uint32_t)NET_TIMED;
    h.incarnation = a->conf.incarnation;
    wire_put_head(&a->out, NET_REPLY, id);
    wire_put_hdr(&a->out, &h);
    wbuf_u32(&a->out, 0);
    wbuf_u32(&a->out, 0);
    accept_send(n);
}

static void send_answer(struct conn *n, struct served *s)
{
    struct wbuf *b = &n->a->out;
    struct net_hdr h = s->req.hdr;
    int rc;

    h.incarnation = n->a->conf.incarnation;
    wire_put_head(b, NET_REPLY, s->id);
    wire_put_hdr(b, &h);
    if (h.flags & NET_TIMED) {
        wbuf_u64(b, s->taken_ns);
        wbuf_u64(b, s->decoded_ns);
        wbuf_u64(b, rt_now_ns());
    }
    rc = s->range_lost ? -DER_NOMEM : wire_put_body(b, h.opcode, s->req.rep, true);
    served_put_ranges(b, s);
    if (rc == 0)
        rc = wire_seal_for(n->wire, b);
    if (rc == 0) {
        s->kind->bytes_out += b->len + (s->ranges != NULL ? served_room_out(s) : 0);
        n->wire->ops->send(n->wire, b->data, b->len);
    } else if (rc == -DER_NOMEM) /* asked again, the engine gives the outcome again */
        accept_close(n);
    else
        send_code(n, s->id, &h, h.rc != 0 ? h.rc : rc);
}

static void note(struct served *s)
{
    if (s->progress == DROPPED)
        return;
    s->kind->errors += s->req.hdr.rc != 0;
    if (s->begun_ns != 0)
        metrics_took(s->kind, rt_now_ns() - s->begun_ns, s->weight);
}

/* Over a connection that it came over, or not at all: over a newer one the client sends it again.
 * If he had the answer first, that copy would still be carried out, and an error would not be true
 * any more. */
static void conclude(struct served *s)
{
    struct net_acceptor *a = s->a;
    struct client *c = s->client;

    note(s);
    if (c->conn != NULL && s->progress != DROPPED &&
        (s->generation == c->generation || MUTANT(NET_ANSWER_ASTRAY)))
        send_answer(c->conn, s);
    serving_del(s);
    if (c->conn != NULL)
        accept_hold(c->conn);
    accept_forget_idle(a, c);
    served_free(s);
}

static void background(struct net_acceptor *a);

static void answered(struct served *s)
{
    struct net_acceptor *a = s->a;

    conclude(s);
    if (a->waiting > 0)
        background(a);
    park_relieve(a);
}

static void answered_posted(struct rt_call *post)
{
    answered(CONTAINER_OF(post, struct served, post));
}

static void served_reply(struct net_req *req, int rc)
{
    struct served *s = CONTAINER_OF(req, struct served, req);

    req->hdr.rc = rc;
    if (rt_xs_self() == s->a->conf.xs) {
        answered(s);
        return;
    }
    s->post.fn = answered_posted;
    rt_post(s->a->conf.xs, &s->post);
}

/* ---- Requests ---- */

/* What is said to a request that was not begun: of a change that was sent before nobody knows here
 * whether the earlier copy was carried out. */
static int refusal(const struct net_hdr *h, int rc)
{
    const struct msg_info *info = msg_info(h->opcode);

    return h->flags & NET_RESEND && info != NULL && info->flags & MSG_CHANGES ? -DER_TX_UNCERTAIN
                                                                              : rc;
}

static void serve(void *arg)
{
    struct served *s = arg;

    if (s->progress == DROPPED) {
        net_reply(&s->req, -DER_CANCELED);
        return;
    }
    s->progress = BEGUN;
    if (rt_now_ns() > s->begun_ns + s->deadline_ms * NS_PER_MS)
        net_reply(&s->req, refusal(&s->req.hdr, -DER_TIMEDOUT));
    else
        s->a->conf.service->handle(s->a->conf.service, &s->req);
}

/* Begins those whose turn it is: that there is little else to do, or that they have waited long
 * enough. */
static void background(struct net_acceptor *a)
{
    uint64_t now = rt_turn_ns(), age = AGE_MS * NS_PER_MS;

    while (!list_empty(&a->background)) {
        struct served *s = LIST_ENTRY(list_first(&a->background), struct served, wait);
        int rc;

        if (a->of_class[MSG_CLASS_FOREGROUND] >= YIELD_TO && now < s->begun_ns + age) {
            rt_timer_arm(&a->age, s->begun_ns + age);
            return;
        }
        list_del(&s->wait);
        a->waiting--;
        rc = rt_spawn_on(s->xs, serve, s);
        if (rc != 0) {
            s->req.hdr.rc = refusal(&s->req.hdr, rc);
            conclude(s);
        }
    }
    rt_timer_cancel(&a->age);
}

void requests_aged(struct rt_timer *t)
{
    background(CONTAINER_OF(t, struct net_acceptor, age));
}

static struct served *being_served(const struct client *c, uint64_t id)
{
    for (struct hlink *l = htable_first(&c->serving, id); l != NULL; l = htable_next(l)) {
        struct served *s = CONTAINER_OF(l, struct served, link);

        if (s->id == id && s->progress != DROPPED)
            return s;
    }
    return NULL;
}

/* Serves what is in the client's table: at once, or in a fiber. Another code than 0: it was not
 * begun. */
static int begin(struct net_acceptor *a, struct served *s, struct rt_xs *xs)
{
    struct net_service *service = a->conf.service;

    if (s->req.hdr.opcode == MSG_ENGINE_METRICS) {
        net_reply(&s->req, metrics_answer(a, &s->req));
        return 0;
    }
    if (xs == a->conf.xs && service->inline_handle != NULL) {
        s->begun_ns = ++a->asked % NET_SAMPLED == 0 ? rt_now_ns() : 0;
        s->weight = NET_SAMPLED;
        s->progress = BEGUN;
        if (service->inline_handle(service, &s->req))
            return 0;
    }
    s->begun_ns = rt_turn_ns();
    s->weight = 1;
    s->progress = WAITS;
    s->xs = xs;
    if (s->class == MSG_CLASS_BACKGROUND) {
        list_add_tail(&a->background, &s->wait);
        a->waiting++;
        background(a);
        return 0;
    }
    return rt_spawn_on(xs, serve, s);
}

/* What is wrong with it, or it is being served already. True: that was seen to. */
static bool is_settled(struct conn *n, uint64_t id, const struct net_hdr *h, struct rbuf *r)
{
    struct net_acceptor *a = n->a;
    struct served *s;

    if (n->client == NULL || rbuf_check(r) != 0 || h->incarnation != a->conf.incarnation) {
        accept_refuse(n, ACCEPT_ORDER);
        return true;
    }
    s = being_served(n->client, id);
    if (s != NULL && !MUTANT(NET_NOT_JOINED)) {
        a->stat.joined++;
        if (!served_join(n, s, r))
            accept_refuse(n, ACCEPT_BODY);
        return true;
    }
    if (n->client->serving.count + n->parked >=
        2 * (a->conf.calls + NET_CONTROL_CALLS)) { /* those of an older connection too */
        accept_refuse(n, ACCEPT_CALLS);
        return true;
    }
    return false;
}

/* Into the client's table, and begun. Another code than 0: it was not. */
static int take(struct conn *n, uint64_t id, const struct net_hdr *h, struct rbuf *r, size_t bytes,
                uint64_t taken_ns)
{
    struct net_acceptor *a = n->a;
    struct kind_metrics *k = &a->kinds[h->opcode < MSG_OPCODE_MAX ? h->opcode : 0];
    struct rt_xs *xs;
    struct served *s;
    int rc = served_make(n, id, h, r, &s);

    if (rc != 0)
        return rc;
    xs = a->conf.service->route(a->conf.service, h);
    if (xs == NULL) {
        served_free(s);
        return -DER_UNREACH;
    }
    s->req.reply = served_reply;
    s->kind = k;
    if (taken_ns != 0) {
        s->taken_ns = taken_ns;
        s->decoded_ns = rt_now_ns();
    }
    serving_add(s);
    accept_hold(n);
    a->stat.requests++;
    k->bytes_in += bytes + s->room_bytes;
    rc = begin(a, s, xs);
    if (rc == 0)
        return 0;
    serving_del(s);
    accept_hold(n);
    served_free(s);
    return rc;
}

static void take_or_refuse(struct conn *n, uint64_t id, struct net_hdr *h, struct rbuf *r,
                           size_t bytes, uint64_t taken_ns)
{
    struct net_acceptor *a = n->a;
    int rc = take(n, id, h, r, bytes, taken_ns);

    if (rc == 0)
        return;
    if (rc == -DER_PROTO) {
        a->stat.bad++;
        accept_tell(a, n->wire, ACCEPT_BODY);
    }
    a->kinds[h->opcode < MSG_OPCODE_MAX ? h->opcode : 0].refused++;
    send_code(n, id, h, refusal(h, rc));
}

void request_came(struct conn *n, uint64_t id, struct rbuf *r, const void *frame, size_t bytes)
{
    struct net_acceptor *a = n->a;
    uint64_t taken_ns;
    struct net_hdr h;

    wire_get_hdr(r, &h);
    taken_ns = h.flags & NET_TIMED ? rt_now_ns() : 0;
    if (is_settled(n, id, &h, r))
        return;
    a->kinds[h.opcode < MSG_OPCODE_MAX ? h.opcode : 0].requests++;
    if (!park_must(n, &h, r)) {
        take_or_refuse(n, id, &h, r, bytes, taken_ns);
        return;
    }
    if (park_add(n, id, frame, bytes) != 0)
        send_code(n, id, &h, refusal(&h, -DER_NOMEM));
    accept_hold(n);
}

void request_begin(struct conn *n, uint64_t id, struct rbuf *r, size_t bytes, uint64_t waited_ms)
{
    struct net_hdr h;

    wire_get_hdr(r, &h);
    if (h.deadline_ms == 0)
        h.deadline_ms = NET_DEADLINE_MS;
    if (h.deadline_ms <= waited_ms) {
        h.flags |= NET_NOT_BEGUN;
        send_code(n, id, &h, refusal(&h, -DER_TIMEDOUT));
        return;
    }
    h.deadline_ms -= (uint32_t)waited_ms;
    take_or_refuse(n, id, &h, r, bytes, 0);
}

static void send_cancelled(struct conn *n, uint64_t id, struct net_hdr *h)
{
    h->flags |= NET_NOT_BEGUN;
    send_code(n, id, h, refusal(h, -DER_CANCELED));
}

void request_cancel(struct conn *n, uint64_t id, struct rbuf *r)
{
    struct served *s;
    struct net_hdr h;

    if (n->client == NULL || rbuf_check_end(r) != 0) {
        accept_refuse(n, ACCEPT_ORDER);
        return;
    }
    if (park_cancel(n, id, &h)) {
        n->a->kinds[h.opcode < MSG_OPCODE_MAX ? h.opcode : 0].cancelled++;
        send_cancelled(n, id, &h);
        accept_hold(n);
        return;
    }
    s = being_served(n->client, id);
    if (s == NULL || s->generation != n->client->generation ||
        (!is_waiting(s) && !MUTANT(NET_CANCEL_BEGUN)))
        return; /* its answer is under way, or will be */
    h = s->req.hdr;
    drop(s);
    send_cancelled(n, id, &h);
    accept_hold(n);
}
