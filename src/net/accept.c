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

#define FEATURES                                                                                   \
    (NET_FEAT_LIMITS | NET_FEAT_CONTROL | NET_FEAT_CANCEL | NET_FEAT_TIMES | NET_FEAT_FOLLOW |     \
     NET_FEAT_FINE)
#define CALLS 512u /* of a client at once */
#define BYTES (64u << 20)

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

static struct client *client_make(struct net_acceptor *a, const uint8_t id[16],
                                  const struct net_key *key)
{
    struct client *c = base_calloc(1, sizeof(*c));

    if (c == NULL)
        return NULL;
    memcpy(c->id, id, sizeof(c->id));
    c->key = key;
    htable_init(&c->serving);
    htable_insert(&a->clients, &c->link, id_hash(id));
    a->stat.clients++;
    return c;
}

void accept_forget_idle(struct net_acceptor *a, struct client *c)
{
    if (c->conn != NULL || c->serving.count != 0)
        return;
    htable_remove(&a->clients, &c->link);
    htable_fini(&c->serving);
    base_free(c);
    a->stat.clients--;
}

/* ---- Connections ---- */

void accept_close(struct conn *n)
{
    struct net_acceptor *a = n->a;
    struct net_service *service = a->conf.service;
    struct client *c = n->client;

    if (n->wire->born != 0 && service->left != NULL)
        service->left(service, n->wire->pid, n->wire->born);
    park_leave(n);
    a->backlog -= n->wire->backlog;
    n->wire->all = NULL;
    n->wire->ops->close(n->wire);
    park_relieve(a);
    list_del(&n->link);
    list_del(&n->unproven);
    a->stat.conns--;
    proof_wipe(&n->proof, sizeof(n->proof));
    base_free(n);
    if (c != NULL && c->conn == n) {
        c->conn = NULL;
        requests_drop(a, c);
        accept_forget_idle(a, c);
    }
}

void accept_refuse(struct conn *n, enum accept_why why)
{
    n->a->stat.bad++;
    accept_tell(n->a, n->wire, why);
    accept_close(n);
}

void accept_send(struct conn *n)
{
    struct net_acceptor *a = n->a;

    if (wire_seal_for(n->wire, &a->out) == 0)
        n->wire->ops->send(n->wire, a->out.data, a->out.len);
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
    accept_send(n);
}

static bool has_too_much(const struct conn *n)
{
    return n->client->bytes + n->parked_bytes >
               n->a->conf.bytes + (uint64_t)NET_CONTROL_CALLS * NET_HOLDS ||
           park_is_full(n);
}

void accept_hold(struct conn *n)
{
    bool before = n->wire->held;

    if (!has_too_much(n) && !before)
        return;
    n->wire->held = has_too_much(n);
    n->a->stat.held += n->wire->held && !before;
    if (before && !n->wire->held)
        n->wire->ops->release(n->wire);
}

/* What he has sent was read, so nothing keeps from him what he is told. */
void accept_turn_away(struct conn *n, enum net_refusal r)
{
    wire_put_refusal(&n->a->out, r);
    accept_send(n);
    accept_close(n);
}

static bool is_turned_away(struct conn *n)
{
    enum net_refusal why = n->wire->refusal;

    if (why == NET_NOT_REFUSED && n->a->ending)
        why = NET_REFUSED_ENDS;
    if (why != NET_NOT_REFUSED)
        accept_turn_away(n, why);
    return why != NET_NOT_REFUSED;
}

void accept_welcome(struct conn *n)
{
    struct net_acceptor *a = n->a;
    struct client *c = client_find(a, n->hello.id);
    struct conn *older;

    if (c != NULL && c->key != n->key && !MUTANT(NET_CLIENT_TAKEN)) {
        accept_refuse(n, ACCEPT_OTHER);
        return;
    }
    /* not above the one that is known: late, the client has moved on */
    if (n->hello.generation <= (c != NULL ? c->generation : 0)) {
        accept_refuse(n, ACCEPT_LATE);
        return;
    }
    if (is_turned_away(n))
        return;
    if (c == NULL)
        c = client_make(a, n->hello.id, n->key);
    if (c == NULL) {
        accept_close(n);
        return;
    }
    older = c->conn;
    c->conn = n;
    c->generation = n->hello.generation;
    n->client = c;
    n->features = n->hello.features;
    if (older != NULL && !MUTANT(NET_OLDER_KEPT))
        accept_close(older);
    accept_hold(n);
    send_plain(n, NET_WELCOME);
}

static void hello(struct conn *n, struct rbuf *r)
{
    struct hello *h = &n->hello;

    if (n->client != NULL) {
        accept_refuse(n, ACCEPT_ORDER);
        return;
    }
    rbuf_copy(r, h->id, sizeof(h->id));
    h->generation = rbuf_u64(r);
    h->features = rbuf_u64(r);
    h->key = NULL;
    if (rbuf_left(r) > 0) {
        rbuf_copy(r, h->hers, sizeof(h->hers));
        h->key = rbuf_blob(r, NET_KEY_NAME_MAX, &h->key_len);
    }
    if (rbuf_check_end(r) != 0)
        accept_refuse(n, ACCEPT_FRAME);
    else if (proof_is_due(n))
        proof_demand(n);
    else /* a key means nothing to who has none */
        accept_welcome(n);
}

static void received(struct net_wire *w, const void *frame, size_t len)
{
    struct conn *n = w->arg;
    enum net_frame kind;
    struct rbuf r;
    uint64_t id;

    if (wire_open_from(w, frame, len, &kind, &id, &r) != 0) {
        if (n->challenged)
            proof_failed(n);
        else
            accept_refuse(n, ACCEPT_FRAME);
        return;
    }
    if (n->challenged != (kind == NET_PROOF))
        accept_refuse(n, ACCEPT_ORDER);
    else if (kind == NET_HELLO)
        hello(n, &r);
    else if (kind == NET_PROOF)
        proof_came(n, &r);
    else if (kind == NET_REQUEST)
        request_came(n, id, &r, frame, NET_FRAME_HEAD + rbuf_left(&r));
    else if (kind == NET_CANCEL)
        request_cancel(n, id, &r);
    else if (kind == NET_PING)
        send_plain(n, NET_PONG);
    else
        accept_refuse(n, ACCEPT_ORDER);
}

static void broken(struct net_wire *w)
{
    accept_close(w->arg);
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
    list_init(&a->unproven);
    a->impatience.fn = proof_overdue;
    park_init(a);
    a->age.fn = requests_aged;
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
    list_init(&n->unproven);
    w->received = received;
    w->broken = broken;
    w->arg = n;
    w->all = &a->backlog;
    a->backlog += w->backlog;
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
        accept_close(LIST_ENTRY(list_first(&a->conns), struct conn, link));
    rt_timer_cancel(&a->impatience);
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
    st->backlog = a->backlog;
}
