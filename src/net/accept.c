/*
 * The answering side of connections; the rules are in net/remote.h and net/wire.h.
 *
 * Happy path: HELLO names the client, WELCOME goes back, a REQUEST becomes a struct served (decoded
 * message, memory for bulk, a net_req for the service), runs in a fiber of the xstream that serves
 * its target, and its answer goes out on the client's newest connection.
 *
 * What is being served stays in the client's table until it is answered, whatever becomes of the
 * connection it came on; a resend finds it there and waits for the same answer. A client is
 * forgotten when it has no connection and nothing is being served for it.
 */
#include <string.h>
#include <daos_errno.h>
#include "base/assert.h"
#include "base/fail.h"
#include "base/mutant.h"
#include "net/accept_int.h"
#include "net/msg.h"

#define NS_PER_MS UINT64_C(1000000)
#define FEATURES  (NET_FEAT_LIMITS | NET_FEAT_CONTROL | NET_FEAT_CANCEL | NET_FEAT_TIMES)
#define YIELD_TO                                                                                   \
    4u /* foreground requests under way, to which background ones leave the field ... */
#define AGE_MS 100u /* ... so long; then they begin all the same: a sweep is late, not starved */
#define CALLS  512u /* of a client at once */
#define BYTES  (64u << 20)

/* ---- Clients ---- */

static uint64_t id_hash(const uint8_t id[16])
{
    uint64_t h;

    memcpy(&h, id, sizeof(h)); /* random already */
    return h;
}

static struct client *client_find(struct net_acceptor *a, const uint8_t id[16])
{
    for (struct hlink *l = htable_first(&a->clients, id_hash(id)); l != NULL; l = htable_next(l)) {
        struct client *c = CONTAINER_OF(l, struct client, link);

        if (memcmp(c->id, id, sizeof(c->id)) == 0)
            return c;
    }
    return NULL;
}

static struct client *client_make(struct net_acceptor *a, const uint8_t id[16])
{
    struct client *c = base_calloc(1, sizeof(*c));

    if (c == NULL)
        return NULL;
    memcpy(c->id, id, sizeof(c->id));
    htable_init(&c->serving);
    htable_insert(&a->clients, &c->link, id_hash(id));
    a->stat.clients++;
    return c;
}

static void client_forget_idle(struct net_acceptor *a, struct client *c)
{
    if (c->conn != NULL || c->serving.count != 0)
        return;
    htable_remove(&a->clients, &c->link);
    htable_fini(&c->serving);
    base_free(c);
    a->stat.clients--;
}

/* ---- Connections ---- */

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

/* The client is gone: what he asked for and was not begun is of no use to anybody. */
static void drop_waiting(struct net_acceptor *a, const struct client *c)
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

static void conn_close(struct conn *n)
{
    struct net_acceptor *a = n->a;
    struct net_service *service = a->conf.service;
    struct client *c = n->client;

    if (n->wire->born != 0 && service->left != NULL)
        service->left(service, n->wire->pid, n->wire->born);
    n->wire->ops->close(n->wire);
    list_del(&n->link);
    a->stat.conns--;
    base_free(n);
    if (c != NULL && c->conn == n) {
        c->conn = NULL;
        drop_waiting(a, c);
        client_forget_idle(a, c);
    }
}

static void refuse(struct conn *n)
{
    n->a->stat.bad++;
    conn_close(n);
}

static void send_plain(struct conn *n, enum net_frame kind)
{
    struct net_acceptor *a = n->a;

    wire_put_head(&a->out, kind, 0);
    if (kind == NET_WELCOME) {
        wbuf_u64(&a->out, a->conf.incarnation);
        wbuf_u64(&a->out, a->conf.features | FEATURES);
        wbuf_u32(&a->out, 0);
        wbuf_u32(&a->out, a->conf.calls);
        if (n->features & NET_FEAT_LIMITS)
            wbuf_u64(&a->out, a->conf.bytes);
    }
    if (wire_seal(&a->out, !n->wire->local) == 0)
        n->wire->ops->send(n->wire, a->out.data, a->out.len);
}

static bool has_too_much(const struct conn *n)
{
    return n->client->bytes > n->a->conf.bytes + (uint64_t)NET_CONTROL_CALLS * NET_HOLDS;
}

/* Who has too much under way is not listened to until some of it has been answered. */
static void hold(struct conn *n)
{
    bool before = n->wire->held;

    if (!has_too_much(n) && !before)
        return;
    n->wire->held = has_too_much(n);
    n->a->stat.held += n->wire->held && !before;
    if (before && !n->wire->held)
        n->wire->ops->release(n->wire);
}

/* Who is not let in is told so; what he has sent was read, so nothing keeps that from him. */
static bool is_turned_away(struct conn *n)
{
    struct net_acceptor *a = n->a;
    enum net_refusal why = n->wire->refusal;

    if (why == NET_NOT_REFUSED && a->ending)
        why = NET_REFUSED_ENDS;
    if (why == NET_NOT_REFUSED)
        return false;
    wire_put_refusal(&a->out, why);
    if (wire_seal(&a->out, !n->wire->local) == 0)
        n->wire->ops->send(n->wire, a->out.data, a->out.len);
    conn_close(n);
    return true;
}

static void hello(struct conn *n, struct rbuf *r)
{
    struct net_acceptor *a = n->a;
    struct conn *older;
    uint8_t id[16];
    uint64_t generation;
    struct client *c;

    rbuf_copy(r, id, sizeof(id));
    generation = rbuf_u64(r);
    n->features = rbuf_u64(r);
    c = client_find(a, id);
    /* not above the one that is known: late, the client has moved on */
    if (rbuf_check_end(r) != 0 || n->client != NULL || generation <= (c ? c->generation : 0)) {
        refuse(n);
        return;
    }
    if (is_turned_away(n))
        return;
    if (c == NULL)
        c = client_make(a, id);
    if (c == NULL) {
        conn_close(n);
        return;
    }
    older = c->conn;
    c->conn = n;
    c->generation = generation;
    n->client = c;
    if (older != NULL && !MUTANT(NET_OLDER_KEPT))
        conn_close(older);
    hold(n);
    send_plain(n, NET_WELCOME);
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
    if (wire_seal(&a->out, !n->wire->local) == 0)
        n->wire->ops->send(n->wire, a->out.data, a->out.len);
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
        rc = wire_seal(b, !n->wire->local);
    if (rc == 0) {
        s->kind->bytes_out += b->len + (s->ranges != NULL ? served_room_out(s) : 0);
        n->wire->ops->send(n->wire, b->data, b->len);
    } else if (rc == -DER_NOMEM) /* asked again, the engine gives the outcome again */
        conn_close(n);
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
        hold(c->conn);
    client_forget_idle(a, c);
    served_free(s);
}

static void background(struct net_acceptor *a);

static void answered(struct served *s)
{
    struct net_acceptor *a = s->a;

    conclude(s);
    if (a->waiting > 0)
        background(a);
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

static void aged(struct rt_timer *t)
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

static void request(struct conn *n, uint64_t id, struct rbuf *r, size_t bytes)
{
    struct net_acceptor *a = n->a;
    struct served *s = NULL;
    struct kind_metrics *k;
    struct net_hdr h;
    struct rt_xs *xs;
    uint64_t taken_ns;
    int rc;

    wire_get_hdr(r, &h);
    taken_ns = h.flags & NET_TIMED ? rt_now_ns() : 0;
    if (n->client == NULL || rbuf_check(r) != 0 || h.incarnation != a->conf.incarnation) {
        refuse(n);
        return;
    }
    s = being_served(n->client, id);
    if (s != NULL && !MUTANT(NET_NOT_JOINED)) {
        a->stat.joined++;
        if (!served_join(n, s, r))
            refuse(n);
        return;
    }
    s = NULL;
    k = &a->kinds[h.opcode < MSG_OPCODE_MAX ? h.opcode : 0];
    k->requests++;
    if (n->client->serving.count >=
        2 * (a->conf.calls + NET_CONTROL_CALLS)) { /* those of an older connection too */
        refuse(n);
        return;
    }
    rc = served_make(n, id, &h, r, &s);
    xs = rc == 0 ? a->conf.service->route(a->conf.service, &h) : NULL;
    if (rc == 0 && xs == NULL)
        rc = -DER_UNREACH;
    if (rc == 0) {
        s->req.reply = served_reply;
        s->kind = k;
        if (taken_ns != 0) {
            s->taken_ns = taken_ns;
            s->decoded_ns = rt_now_ns();
        }
        serving_add(s);
        hold(n);
        a->stat.requests++;
        k->bytes_in += bytes + s->room_bytes;
        rc = begin(a, s, xs);
        if (rc == 0)
            return;
        serving_del(s);
        hold(n);
    }
    if (s != NULL)
        served_free(s);
    a->stat.bad += rc == -DER_PROTO;
    k->refused++;
    send_code(n, id, &h, refusal(&h, rc));
}

static void cancel(struct conn *n, uint64_t id, struct rbuf *r)
{
    struct served *s;
    struct net_hdr h;

    if (n->client == NULL || rbuf_check_end(r) != 0) {
        refuse(n);
        return;
    }
    s = being_served(n->client, id);
    if (s == NULL || s->generation != n->client->generation ||
        (!is_waiting(s) && !MUTANT(NET_CANCEL_BEGUN)))
        return; /* its answer is under way, or will be */
    h = s->req.hdr;
    h.flags |= NET_NOT_BEGUN;
    drop(s);
    send_code(n, id, &h, refusal(&h, -DER_CANCELED));
    hold(n);
}

static void received(struct net_wire *w, const void *frame, size_t len)
{
    struct conn *n = w->arg;
    enum net_frame kind;
    struct rbuf r;
    uint64_t id;

    if (wire_open(frame, len, !w->local, &kind, &id, &r) != 0)
        refuse(n);
    else if (kind == NET_HELLO)
        hello(n, &r);
    else if (kind == NET_REQUEST)
        request(n, id, &r, len);
    else if (kind == NET_CANCEL)
        cancel(n, id, &r);
    else if (kind == NET_PING)
        send_plain(n, NET_PONG);
    else
        refuse(n);
}

static void broken(struct net_wire *w)
{
    conn_close(w->arg);
}

/* ---- Life ---- */

int net_acceptor_create(const struct net_acceptor_conf *conf, struct net_acceptor **out)
{
    struct net_acceptor *a = base_calloc(1, sizeof(*a));

    if (a == NULL)
        return -DER_NOMEM;
    a->conf = *conf;
    a->conf.calls = conf->calls != 0 ? conf->calls : CALLS;
    a->conf.bytes = conf->bytes != 0 ? conf->bytes : BYTES;
    list_init(&a->conns);
    list_init(&a->background);
    a->age.fn = aged;
    htable_init(&a->clients);
    wbuf_init_grow(&a->out, NET_FRAME_MAX);
    *out = a;
    return 0;
}

void net_acceptor_add(struct net_acceptor *a, struct net_wire *w)
{
    struct conn *n = a->stopped ? NULL : base_calloc(1, sizeof(*n));

    if (n == NULL) {
        w->ops->close(w);
        return;
    }
    n->a = a;
    n->wire = w;
    w->received = received;
    w->broken = broken;
    w->arg = n;
    list_add_tail(&a->conns, &n->link);
    a->stat.conns++;
    a->stat.accepted++;
    if (w->born != 0 && a->conf.service->came != NULL)
        a->conf.service->came(a->conf.service, w->pid, w->born);
}

void net_acceptor_end(struct net_acceptor *a)
{
    a->ending = true;
}

void net_acceptor_stop(struct net_acceptor *a)
{
    a->stopped = true;
    while (!list_empty(&a->conns))
        conn_close(LIST_ENTRY(list_first(&a->conns), struct conn, link));
}

void net_acceptor_free(struct net_acceptor *a)
{
    ASSERT(a->stat.serving == 0 && a->stat.clients == 0 && list_empty(&a->conns));
    served_spares_free(a);
    wbuf_fini(&a->out);
    htable_fini(&a->clients);
    base_free(a);
}

void net_acceptor_stat(const struct net_acceptor *a, struct net_acceptor_stat *st)
{
    *st = a->stat;
}
