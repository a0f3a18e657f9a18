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
#include "base/arena.h"
#include "base/assert.h"
#include "base/fail.h"
#include "base/htable.h"
#include "base/list.h"
#include "base/mutant.h"
#include "net/msg.h"
#include "net/remote.h"
#include "rt/rt.h"

#define NS_PER_MS   UINT64_C(1000000)
#define ARENA_BYTES 4096u
#define CALLS       512u /* of a client at once */
#define SPARES      64u
#define FRAME_BULK  (64u << 10) /* bulk bytes of a request in frames, where there is a room */

struct net_acceptor {
    struct net_acceptor_conf conf;
    struct list conns;
    struct htable clients;
    struct wbuf out;
    struct served *spare; /* memory of requests that have ended */
    uint32_t spares;
    bool stopped;
    struct net_acceptor_stat stat;
};

struct client {
    struct hlink link;
    uint8_t id[16];
    uint64_t generation;
    struct conn *conn; /* the newest, NULL: it broke */
    struct htable serving;
    uint64_t note[NET_NOTES];
};

struct conn {
    struct list link;
    struct net_acceptor *a;
    struct net_wire *wire;
    struct client *client; /* NULL before HELLO */
};

/* Bytes of a writable vector that go back. */
struct range {
    struct range *next;
    uint32_t bulk;
    uint64_t off, len;
};

struct served {
    struct net_req req;
    struct hlink link;
    struct rt_call post; /* the answer, to the acceptor's xstream */
    struct net_acceptor *a;
    struct client *client;
    uint64_t id, begun_ns;
    uint64_t generation; /* of the newest connection that it came over */
    uint32_t deadline_ms;
    struct arena mem;
    struct range *ranges;
    bool range_lost;       /* no memory to note one: the answer cannot be given */
    struct net_room *room; /* where bulk vectors lie, with a reference; NULL: in mem */
    bool moved;            /* it came again: what was written goes to other places */
    struct net_room *back; /* moved: the room these are in, with a reference; NULL: the frame */
    uint8_t *to[NET_BULK_MAX];
    struct served *next; /* spare */
    struct net_bulk bulk[NET_BULK_MAX];
    struct iovec iov[NET_BULK_MAX];
};

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
        wbuf_u64(&a->out, a->conf.features);
        wbuf_u32(&a->out, 0);
        wbuf_u32(&a->out, a->conf.calls);
    }
    if (wire_seal(&a->out, !n->wire->local) == 0)
        n->wire->ops->send(n->wire, a->out.data, a->out.len);
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
    rbuf_u64(r); /* features: none are known yet */
    c = client_find(a, id);
    /* not above the one that is known: late, the client has moved on */
    if (rbuf_check_end(r) != 0 || n->client != NULL || generation <= (c ? c->generation : 0)) {
        refuse(n);
        return;
    }
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
    send_plain(n, NET_WELCOME);
}

/* ---- Memory of requests ---- */

static struct served *served_new(struct net_acceptor *a)
{
    struct served *s = a->spare;

    if (s != NULL) {
        a->spare = s->next;
        a->spares--;
    } else {
        s = base_alloc(sizeof(*s));
        if (s == NULL)
            return NULL;
        arena_init(&s->mem, ARENA_BYTES);
    }
    memset(&s->req, 0, sizeof(s->req));
    s->a = a;
    s->ranges = NULL;
    s->range_lost = false;
    s->room = s->back = NULL;
    s->moved = false;
    return s;
}

static void served_free(struct served *s)
{
    struct net_acceptor *a = s->a;

    if (s->room != NULL)
        net_room_put(s->room);
    if (s->back != NULL)
        net_room_put(s->back);
    if (a->spares < SPARES) {
        arena_reset(&s->mem);
        s->next = a->spare;
        a->spare = s;
        a->spares++;
        return;
    }
    arena_fini(&s->mem);
    base_free(s);
}

/* ---- Answers ---- */

/* A written range, to where the client looks for it. */
static void put_range(struct wbuf *b, const struct served *s, const struct range *g)
{
    const uint8_t *bytes = (const uint8_t *)s->iov[g->bulk].iov_base + g->off;
    struct net_room *room = s->moved ? s->back : s->room;

    wbuf_u64(b, g->off);
    wbuf_u64(b, g->len);
    if (room == NULL)
        wbuf_bytes(b, bytes, g->len);
    else if (s->moved) /* who is not honest may have them overlap */
        memmove(s->to[g->bulk] + g->off, bytes, g->len);
}

static void put_ranges(struct wbuf *b, const struct served *s)
{
    wbuf_u32(b, s->req.bulk_nr);
    for (uint32_t i = 0; i < s->req.bulk_nr; i++) {
        size_t at = b->len;
        uint32_t nr = 0;

        wbuf_u32(b, 0);
        for (const struct range *g = s->ranges; g != NULL; g = g->next) {
            if (g->bulk != i)
                continue;
            put_range(b, s, g);
            nr++;
        }
        wbuf_patch_u32(b, at, nr);
    }
}

/* An answer without results, also to what has no struct served. */
static void send_code(struct conn *n, uint64_t id, const struct net_hdr *asked, int rc)
{
    struct net_acceptor *a = n->a;
    struct net_hdr h = *asked;

    h.rc = rc;
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
    rc = s->range_lost ? -DER_NOMEM : wire_put_body(b, h.opcode, s->req.rep, true);
    put_ranges(b, s);
    if (rc == 0)
        rc = wire_seal(b, !n->wire->local);
    if (rc == 0)
        n->wire->ops->send(n->wire, b->data, b->len);
    else if (rc == -DER_NOMEM) /* asked again, the engine gives the outcome again */
        conn_close(n);
    else
        send_code(n, s->id, &h, h.rc != 0 ? h.rc : rc);
}

/* Over a connection that it came over, or not at all: over a newer one the client sends it again.
 * If he had the answer first, that copy would still be carried out, and an error would not be true
 * any more. */
static void answered(struct served *s)
{
    struct net_acceptor *a = s->a;
    struct client *c = s->client;

    if (c->conn != NULL && (s->generation == c->generation || MUTANT(NET_ANSWER_ASTRAY)))
        send_answer(c->conn, s);
    htable_remove(&c->serving, &s->link);
    a->stat.serving--;
    client_forget_idle(a, c);
    served_free(s);
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

/* Ranges of one vector tend to come in order: the newest may grow. */
static void served_wrote(struct net_req *req, uint32_t bulk, uint64_t off, uint64_t len)
{
    struct served *s = CONTAINER_OF(req, struct served, req);
    struct range *g = s->ranges;

    ASSERT(bulk < req->bulk_nr && len <= s->iov[bulk].iov_len && off <= s->iov[bulk].iov_len - len);
    if (g != NULL && g->bulk == bulk && g->off + g->len == off) {
        g->len += len;
        return;
    }
    g = arena_alloc(&s->mem, sizeof(*g));
    if (g == NULL) {
        s->range_lost = true;
        return;
    }
    *g = (struct range){s->ranges, bulk, off, len};
    s->ranges = g;
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

    if (rt_now_ns() > s->begun_ns + s->deadline_ms * NS_PER_MS)
        net_reply(&s->req, refusal(&s->req.hdr, -DER_TIMEDOUT));
    else
        s->a->conf.service->handle(s->a->conf.service, &s->req);
}

/* Memory of a vector that does not lie in the room. */
static void *bulk_mem(struct served *s, struct rbuf *r, bool writable, uint64_t len)
{
    const void *bytes = writable ? NULL : rbuf_bytes(r, len);

    if (rbuf_check(r) != 0)
        return NULL;
    /* what is not written does not go back: nothing to clear */
    return writable ? arena_alloc(&s->mem, len) : arena_memdup(&s->mem, bytes, len);
}

/* The place in the room that the client names. NULL: it does not lie in it. */
static void *bulk_place(struct net_room **held, struct net_room *room, struct rbuf *r, uint64_t len)
{
    uint64_t off = rbuf_u64(r);

    if (room == NULL || len > room->len || off > room->len - len)
        return NULL;
    if (*held == NULL)
        *held = net_room_get(room);
    return room->base + off;
}

static int get_bulk(struct served *s, struct net_room *room, struct rbuf *r)
{
    struct net_req *req = &s->req;
    uint64_t sum = 0;
    uint32_t placed = 0;

    req->bulk_nr = rbuf_count(r, 9);
    req->bulk = s->bulk;
    if (req->bulk_nr > NET_BULK_MAX)
        return -DER_PROTO;
    for (uint32_t i = 0; i < req->bulk_nr; i++) {
        uint8_t way = rbuf_u8(r);
        uint64_t len = rbuf_u64(r);
        bool writable = way & NET_BULK_WRITABLE, in_room = way & NET_BULK_ROOM;
        void *mem;

        if (way > (NET_BULK_WRITABLE | NET_BULK_ROOM) || len > NET_FRAME_MAX - sum ||
            rbuf_check(r) != 0)
            return -DER_PROTO;
        sum += len;
        placed += in_room;
        if (!in_room && room != NULL && sum > FRAME_BULK)
            return -DER_PROTO;
        mem = in_room ? bulk_place(&s->room, room, r, len) : bulk_mem(s, r, writable, len);
        if (mem == NULL)
            return in_room || rbuf_check(r) != 0 ? -DER_PROTO : -DER_NOMEM;
        s->iov[i] = (struct iovec){mem, len};
        s->bulk[i] = (struct net_bulk){&s->iov[i], 1, writable};
    }
    if (placed != 0 && placed != req->bulk_nr) /* answers carry the bytes of all or none */
        return -DER_PROTO;
    return rbuf_check_end(r);
}

/* Body and bulk into memory of the request. -DER_PROTO, -DER_NOMEM. */
static int decode(struct served *s, struct net_room *room, struct rbuf *r)
{
    struct net_req *req = &s->req;
    const struct msg_info *info = msg_info(req->hdr.opcode);
    size_t len;
    const void *body = rbuf_blob(r, NET_BODY_MAX, &len);
    void *kept;
    int rc;

    if (info == NULL || body == NULL)
        return -DER_PROTO;
    kept = arena_memdup(&s->mem, body, len);
    req->req = arena_alloc(&s->mem, info->req_size + 1);
    req->rep = arena_calloc(&s->mem, 1, info->rep_size + 1);
    if (kept == NULL || req->req == NULL || req->rep == NULL)
        return -DER_NOMEM;
    rc = msg_decode_req(req->hdr.opcode, kept, len, &s->mem, req->req);
    return rc != 0 ? rc : get_bulk(s, room, r);
}

static int served_make(struct conn *n, uint64_t id, const struct net_hdr *h, struct rbuf *r,
                       struct served **out)
{
    const struct msg_info *info = msg_info(h->opcode);
    struct served *s = served_new(n->a);
    int rc;

    if (s == NULL)
        return -DER_NOMEM;
    s->client = n->client;
    s->id = id;
    s->generation = n->client->generation;
    s->deadline_ms = h->deadline_ms != 0 ? h->deadline_ms : NET_DEADLINE_MS;
    s->req.hdr = *h;
    s->req.uid = n->wire->uid;
    s->req.gid = n->wire->gid;
    s->req.pid = n->wire->pid;
    s->req.born = n->wire->born;
    s->req.note = n->wire->born != 0 ? n->client->note : NULL;
    if (n->wire->groups_nr > 0 && info != NULL && info->flags & MSG_SVC) {
        s->req.groups =
            arena_memdup(&s->mem, n->wire->groups, n->wire->groups_nr * sizeof(*s->req.groups));
        s->req.groups_nr = s->req.groups != NULL ? n->wire->groups_nr : 0;
    }
    s->req.mem = &s->mem;
    s->req.reply = served_reply;
    s->req.wrote = served_wrote;
    rc = decode(s, n->wire->room, r);
    if (rc != 0) {
        served_free(s);
        return rc;
    }
    *out = s;
    return 0;
}

static struct served *being_served(const struct client *c, uint64_t id)
{
    for (struct hlink *l = htable_first(&c->serving, id); l != NULL; l = htable_next(l)) {
        struct served *s = CONTAINER_OF(l, struct served, link);

        if (s->id == id)
            return s;
    }
    return NULL;
}

/* The same vectors again, in other places. -DER_PROTO. */
static int get_bulk_again(struct served *s, struct net_room *room, struct rbuf *r)
{
    uint32_t nr = rbuf_count(r, 9), placed = 0;

    if (nr != s->req.bulk_nr)
        return -DER_PROTO;
    for (uint32_t i = 0; i < nr; i++) {
        uint8_t way = rbuf_u8(r);
        uint64_t len = rbuf_u64(r);
        bool writable = way & NET_BULK_WRITABLE, in_room = way & NET_BULK_ROOM;

        if (way > (NET_BULK_WRITABLE | NET_BULK_ROOM) || len != s->iov[i].iov_len ||
            writable != s->bulk[i].writable)
            return -DER_PROTO;
        placed += in_room;
        s->to[i] = in_room ? bulk_place(&s->back, room, r, len) : NULL;
        if (in_room ? s->to[i] == NULL : !writable && rbuf_bytes(r, len) == NULL && len > 0)
            return -DER_PROTO;
    }
    return placed != 0 && placed != nr ? -DER_PROTO : rbuf_check_end(r);
}

/* A resend of what is being served: the answer is for it now, and so are its places, which lie in
 * the room of another connection. False: it is not the same request. */
static bool join(struct conn *n, struct served *s, struct rbuf *r)
{
    size_t len;

    if (s->back != NULL)
        net_room_put(s->back);
    s->back = NULL;
    s->moved = true;
    s->generation = n->client->generation;
    if (rbuf_blob(r, NET_BODY_MAX, &len) != NULL && get_bulk_again(s, n->wire->room, r) == 0)
        return true;
    s->generation = 0; /* no answer goes to such places */
    return false;
}

static void request(struct conn *n, uint64_t id, struct rbuf *r)
{
    struct net_acceptor *a = n->a;
    struct net_service *service = a->conf.service;
    struct served *s = NULL;
    struct net_hdr h;
    struct rt_xs *xs;
    int rc;

    wire_get_hdr(r, &h);
    if (n->client == NULL || rbuf_check(r) != 0 || h.incarnation != a->conf.incarnation) {
        refuse(n);
        return;
    }
    s = being_served(n->client, id);
    if (s != NULL && !MUTANT(NET_NOT_JOINED)) {
        a->stat.joined++;
        if (!join(n, s, r))
            refuse(n);
        return;
    }
    s = NULL;
    if (n->client->serving.count >= 2 * a->conf.calls) { /* those of an older connection too */
        refuse(n);
        return;
    }
    rc = served_make(n, id, &h, r, &s);
    xs = rc == 0 ? service->route(service, &h) : NULL;
    if (rc == 0 && xs == NULL)
        rc = -DER_UNREACH;
    if (rc == 0) {
        htable_insert(&n->client->serving, &s->link, id);
        a->stat.serving++;
        a->stat.requests++;
        if (xs == a->conf.xs && service->inline_handle != NULL &&
            service->inline_handle(service, &s->req))
            return;
        s->begun_ns = rt_turn_ns();
        rc = rt_spawn_on(xs, serve, s);
        if (rc == 0)
            return;
        htable_remove(&n->client->serving, &s->link);
        a->stat.serving--;
    }
    if (s != NULL)
        served_free(s);
    a->stat.bad += rc == -DER_PROTO;
    send_code(n, id, &h, refusal(&h, rc));
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
        request(n, id, &r);
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
    list_init(&a->conns);
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
    if (w->born != 0 && a->conf.service->came != NULL)
        a->conf.service->came(a->conf.service, w->pid, w->born);
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
    while (a->spare != NULL) {
        struct served *s = a->spare;

        a->spare = s->next;
        arena_fini(&s->mem);
        base_free(s);
    }
    wbuf_fini(&a->out);
    htable_fini(&a->clients);
    base_free(a);
}

void net_acceptor_stat(const struct net_acceptor *a, struct net_acceptor_stat *st)
{
    *st = a->stat;
}
