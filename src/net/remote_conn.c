/*
 * Connections of a peer: dialed, welcomed, lost, and what comes on them.
 *
 * A connection ends when it breaks, when the engine has been silent too long, or when what comes in
 * does not make sense; then the next is dialed after a pause that doubles.
 */
#include <string.h>
#include <daos_errno.h>
#include "base/assert.h"
#include "base/fail.h"
#include "base/mutant.h"
#include "net/msg.h"
#include "net/remote_int.h"

#define BACKOFF_MAX 1000u
#define FEATURES                                                                                   \
    (NET_FEAT_LIMITS | NET_FEAT_CONTROL | NET_FEAT_CANCEL | NET_FEAT_TIMES | NET_FEAT_FOLLOW |     \
     NET_FEAT_FINE)
#define CALLS_MAX (1u << 20) /* under way, of what a peer may allow */

/* ---- What is said ---- */

/* Is the engine to show that it has our key, and we that we have it? */
static bool has_to_prove(const struct remote *r)
{
    return r->conf.key != NULL && !r->wire->local;
}

static void put_hello(struct remote *r)
{
    struct proof_greeting *g = &r->said;

    *g = (struct proof_greeting){.generation = r->generation, .features = FEATURES};
    memcpy(g->client, r->id, sizeof(g->client));
    wbuf_bytes(&r->out, g->client, sizeof(g->client));
    wbuf_u64(&r->out, g->generation);
    wbuf_u64(&r->out, g->features);
    if (!has_to_prove(r))
        return;
    proof_random(g->hers, sizeof(g->hers));
    wbuf_bytes(&r->out, g->hers, sizeof(g->hers));
    wbuf_str(&r->out, r->conf.key->name);
}

void remote_say(struct remote *r, enum net_frame kind, uint64_t id)
{
    wire_put_head(&r->out, kind, id);
    if (kind == NET_HELLO)
        put_hello(r);
    if (wire_seal_for(r->wire, &r->out) == 0)
        r->wire->ops->send(r->wire, r->out.data, r->out.len);
}

/* ---- Its end ---- */

/* What belonged to the connection. */
void remote_disconnect(struct remote *r)
{
    struct list *l;
    struct hlink *f;

    LIST_FOREACH(l, &r->calls)
    LIST_ENTRY(l, struct pending, link)->placed = false;
    while ((f = htable_pop(&r->forsaken)) != NULL)
        base_free(CONTAINER_OF(f, struct forsaken, link));
    if (r->room != NULL) {
        lender_fini(&r->lender);
        net_room_put(r->room);
    }
    r->room = NULL;
    r->under_way = r->reserved = 0;
    r->bytes = 0;
    while (!list_empty(&r->control))
        list_del(list_first(&r->control));
    while (!list_empty(&r->waiting))
        list_del(list_first(&r->waiting));
}

/* Waiting would not help what was never sent. */
static void give_up_unsent(struct remote *r)
{
    struct list *l;

again:
    LIST_FOREACH(l, &r->calls)
    {
        struct pending *p = LIST_ENTRY(l, struct pending, link);

        if (!p->sent) {
            remote_give_up(p);
            goto again;
        }
    }
}

void remote_lost(struct remote *r)
{
    enum net_refusal why = r->wire != NULL ? r->wire->refusal : NET_NOT_REFUSED;

    remote_disconnect(r);
    if (r->wire != NULL)
        r->wire->ops->close(r->wire);
    if (why != NET_NOT_REFUSED)
        r->conf.dialer->refused = why;
    r->wire = NULL;
    r->state = DOWN;
    r->redial_ns = rt_now_ns() + r->backoff_ns;
    r->backoff_ns = MIN(r->backoff_ns * 2, remote_ns(r->conf.backoff_max_ms, BACKOFF_MAX));
    if (net_refusal_lasts(why))
        give_up_unsent(r);
    remote_arm(r);
}

/* ---- Its beginning ---- */

static void welcome(struct remote *r, struct rbuf *b)
{
    uint64_t incarnation = rbuf_u64(b);
    uint32_t calls;
    struct list *l;
    int rc;

    __atomic_store_n(&r->features, rbuf_u64(b) & FEATURES, __ATOMIC_RELAXED);
    rc = (int)rbuf_u32(b);
    calls = rbuf_u32(b);
    r->bytes_max = r->features & NET_FEAT_LIMITS ? rbuf_u64(b) : UINT64_MAX;
    if (rbuf_check_end(b) == 0 && rc != 0)
        r->wire->refusal = net_refusal_of(calls, rc);
    else if (has_to_prove(r) && r->wire->proof == NULL) /* anybody can say that */
        r->wire->refusal = NET_REFUSED_UNPROVEN;
    if (rbuf_check_end(b) != 0 || r->state != DIALED || rc != 0 || calls == 0 ||
        r->wire->refusal != NET_NOT_REFUSED) {
        remote_lost(r);
        return;
    }
    if (r->wire->room != NULL) {
        if (lender_init(&r->lender, r->wire->room->base, r->wire->room->len) != 0) {
            remote_lost(r);
            return;
        }
        r->room = net_room_get(r->wire->room);
    }
    r->conf.dialer->refused = NET_NOT_REFUSED;
    r->incarnation = incarnation;
    r->allowed = MIN(calls, CALLS_MAX);
    r->state = UP;
    r->backoff_ns = remote_ns(r->conf.backoff_min_ms, REMOTE_BACKOFF_MIN);
    LIST_FOREACH(l, &r->calls)
    remote_await_turn(r, LIST_ENTRY(l, struct pending, link));
    remote_pump(r);
}

/* The engine's half of what both make the connection's secrets from. */
static void challenge(struct remote *r, struct rbuf *b)
{
    rbuf_copy(b, r->said.its, sizeof(r->said.its));
    if (rbuf_check_end(b) != 0 || r->state != DIALED || !has_to_prove(r) ||
        r->wire->proof != NULL) {
        remote_lost(r);
        return;
    }
    proof_make(&r->proof, r->conf.key->secret, &r->said, false);
    r->wire->proof = &r->proof;
    remote_say(r, NET_PROOF, 0);
}

/* ---- Answers ---- */

static struct pending *find(struct remote *r, uint64_t id)
{
    for (struct hlink *l = htable_first(&r->by_id, id); l != NULL; l = htable_next(l)) {
        struct pending *p = CONTAINER_OF(l, struct pending, by_id);

        if (p->id == id)
            return p;
    }
    return NULL;
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
    return rc != 0 ? rc : bulk_take(p->peer, p, b);
}

static void forsaken_answered(struct remote *r, uint64_t id)
{
    struct hlink *l = htable_first(&r->forsaken, id);

    while (l != NULL && CONTAINER_OF(l, struct forsaken, link)->id != id)
        l = htable_next(l);
    if (l == NULL)
        return;
    htable_remove(&r->forsaken, l);
    remote_forsaken_end(r, CONTAINER_OF(l, struct forsaken, link));
    remote_pump(r);
}

/* The engine's moments, and now. */
static void take_times(const struct pending *p, struct rbuf *b)
{
    struct net_times now = {.ns[NET_RECEIVED] = rt_now_ns()};

    for (uint32_t i = NET_TAKEN; i <= NET_ANSWERED; i++)
        now.ns[i] = rbuf_u64(b);
    if (p == NULL || p->call->times == NULL)
        return;
    now.ns[NET_SENT] = p->call->times->ns[NET_SENT];
    *p->call->times = now;
}

static void reply(struct remote *r, uint64_t id, struct rbuf *b)
{
    struct pending *p = find(r, id);
    struct net_hdr h;
    int rc;

    wire_get_hdr(b, &h);
    if (h.flags & NET_TIMED)
        take_times(p, b);
    if (p == NULL)
        forsaken_answered(r, id);
    if (p == NULL || !is_under_way(p) || h.incarnation != r->incarnation ||
        h.opcode != p->call->hdr.opcode) {
        r->stat.late++;
        return;
    }
    if (h.rc == -DER_SHUTDOWN) { /* nothing was begun: whoever is there next is asked again */
        remote_lost(r);
        return;
    }
    if (h.flags & NET_NOT_BEGUN) { /* we took it back; what had been sent before stays uncertain */
        remote_finish(p, h.rc == -DER_CANCELED && !p->cancelled ? -DER_TIMEDOUT : h.rc);
        remote_pump(r);
        return;
    }
    rc = take_reply(p, &h, b);
    if (rc != 0) { /* asked again, it comes again: what was done is not said to have failed */
        remote_lost(r);
        return;
    }
    p->call->hdr = h;
    remote_finish(p, h.rc);
    if (!list_empty(&r->waiting) || !list_empty(&r->control))
        remote_pump(r);
}

/* ---- Frames ---- */

/* Who was to show that he has our key, and does not, can only turn us away. */
static bool opens_unproven(struct remote *r, const void *frame, size_t len, struct rbuf *b)
{
    enum net_frame kind;
    uint64_t id;

    if (r->state != DIALED || r->wire->proof == NULL)
        return false;
    r->wire->proof = NULL;
    if (wire_open_from(r->wire, frame, len, &kind, &id, b) == 0 && kind == NET_WELCOME)
        return true;
    r->wire->refusal = NET_REFUSED_UNPROVEN;
    return false;
}

static void received(struct net_wire *w, const void *frame, size_t len)
{
    struct remote *r = w->arg;
    enum net_frame kind = NET_WELCOME;
    struct rbuf b;
    uint64_t id = 0;

    if (wire_open_from(w, frame, len, &kind, &id, &b) != 0) {
        if (!opens_unproven(r, frame, len, &b)) {
            remote_lost(r);
            return;
        }
        kind = NET_WELCOME;
    }
    r->heard = true;
    if (kind == NET_WELCOME)
        welcome(r, &b);
    else if (kind == NET_CHALLENGE)
        challenge(r, &b);
    else if (kind == NET_REPLY && r->state == UP)
        reply(r, id, &b);
    else if (kind != NET_PONG || r->state != UP)
        remote_lost(r);
}

static void broken(struct net_wire *w)
{
    remote_lost(w->arg);
}

void remote_dial(struct remote *r)
{
    int rc = r->conf.dialer->dial(r->conf.dialer, &r->wire);

    r->stat.dials++;
    if (rc != 0) {
        r->wire = NULL;
        r->conf.dialer->refused = rc == -DER_NO_PERM ? NET_REFUSED_ACCESS : r->conf.dialer->refused;
        remote_lost(r);
        return;
    }
    r->generation++;
    r->state = DIALED;
    r->heard = false;
    r->heard_ns = rt_now_ns();
    r->pinged_ns = 0;
    r->wire->received = received;
    r->wire->broken = broken;
    r->wire->arg = r;
    remote_say(r, NET_HELLO, 0);
}
