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
#include "base/assert.h"
#include "base/fail.h"
#include "base/mutant.h"
#include "net/msg.h"
#include "net/remote_int.h"

#define NS_PER_MS   UINT64_C(1000000)
#define SUSPECT_MS  3000u
#define BACKOFF_MIN 5u
#define BACKOFF_MAX 1000u
#define ARENA_BYTES 1024u
#define FEATURES                                                                                   \
    (NET_FEAT_LIMITS | NET_FEAT_CONTROL | NET_FEAT_CANCEL | NET_FEAT_TIMES | NET_FEAT_FOLLOW)
#define GRACE_MAX (50 * NS_PER_MS)
#define CALLS_MAX (1u << 20) /* under way, of what a peer may allow */

/* A request under way whose call was given up: its answer may come, and until then its place is not
 * to be used. */
struct forsaken {
    struct hlink link;
    uint64_t id, place, place_len, holds;
    bool placed, reserved;
};

static void lost(struct remote *r);
static void dial(struct remote *r);

static uint64_t or_default(uint32_t ms, uint32_t dflt)
{
    return (ms != 0 ? ms : dflt) * NS_PER_MS;
}

/* ---- The end of a call ---- */

static void pending_free(struct pending *p)
{
    arena_fini(&p->mem);
    base_free(p);
}

static void remote_unref(struct remote *r)
{
    struct pending *p;

    if (__atomic_sub_fetch(&r->refs, 1, __ATOMIC_ACQ_REL) != 0)
        return;
    while ((p = bag_take(&r->spare)) != NULL)
        pending_free(p);
    base_free(r);
}

static void pending_fini(struct net_call *call)
{
    struct pending *p = call->rep_mem;
    struct remote *r = p->peer;

    call->rep_mem = NULL;
    call->priv[CALL_FINI] = NULL;
    arena_reset(&p->mem);
    if (!bag_put(&r->spare, p))
        pending_free(p);
    remote_unref(r);
}

static struct pending *pending_new(struct remote *r)
{
    struct pending *p = bag_take(&r->spare);

    if (p == NULL) {
        p = base_alloc(sizeof(*p));
        if (p == NULL)
            return NULL;
        arena_init(&p->mem, ARENA_BYTES);
    }
    p->peer = r;
    p->sent = false;
    p->cancelled = false;
    p->generation = 0;
    p->placed = false;
    list_init(&p->wait);
    __atomic_add_fetch(&r->refs, 1, __ATOMIC_RELAXED);
    return p;
}

static bool is_under_way(const struct pending *p)
{
    return p->sent && p->generation == p->peer->generation && p->peer->state == UP;
}

static void credit_take(struct remote *r, bool reserved, uint64_t holds)
{
    r->under_way++;
    r->reserved += reserved;
    r->bytes += holds;
}

static void credit_give(struct remote *r, bool reserved, uint64_t holds)
{
    r->under_way--;
    r->reserved -= reserved;
    r->bytes -= holds;
}

/* May it be sent? Control does not wait for the answers of data. */
static bool credit_there(const struct remote *r, struct pending *p)
{
    p->reserved = p->control && r->features & NET_FEAT_CONTROL && r->reserved < NET_CONTROL_CALLS &&
                  !MUTANT(NET_CONTROL_WAITS);
    return p->reserved || r->under_way - r->reserved < r->allowed;
}

/* The call is the caller's again. */
static void finish(struct pending *p, int rc)
{
    struct remote *r = p->peer;

    list_del(&p->link);
    list_del(&p->wait);
    htable_remove(&r->by_id, &p->by_id);
    if (is_under_way(p))
        credit_give(r, p->reserved, p->holds);
    if (p->placed)
        lender_give(&r->lender, p->place, p->place_len);
    p->placed = false;
    p->call->rc = rc;
    p->call->done(p->call);
}

/* It may be answered yet, and the peer may write to its place until then. */
static void forsake(struct pending *p)
{
    struct remote *r = p->peer;
    struct forsaken *f = base_alloc(sizeof(*f));

    if (f == NULL) {
        lost(r);
        return;
    }
    *f = (struct forsaken){.id = p->id,
                           .placed = p->placed,
                           .place = p->place,
                           .place_len = p->place_len,
                           .reserved = p->reserved,
                           .holds = p->holds};
    htable_insert(&r->forsaken, &f->link, f->id);
    credit_take(r, p->reserved, p->holds); /* finish() gives the call's own */
    p->placed = false;
}

static void forsaken_end(struct remote *r, struct forsaken *f)
{
    if (!MUTANT(NET_CREDIT_LOST))
        credit_give(r, f->reserved, f->holds);
    if (f->placed)
        lender_give(&r->lender, f->place, f->place_len);
    base_free(f);
}

static void give_up(struct pending *p)
{
    const struct remote *r = p->peer;
    int rc = -DER_TIMEDOUT;
    bool changes = msg_info(p->call->hdr.opcode)->flags & MSG_CHANGES;

    if (MUTANT(NET_TOO_SURE))
        changes = false;
    if (is_under_way(p))
        forsake(p);
    if (p->sent)
        rc = changes ? -DER_TX_UNCERTAIN : -DER_TIMEDOUT;
    else if (r->state != UP && net_refusal_rc(r->conf.dialer->refused) != 0)
        rc = net_refusal_rc(r->conf.dialer->refused);
    finish(p, rc);
}

/* ---- Sending ---- */

/* Does who is there now know this kind of message? It may be another than the one before. */
static bool is_known(const struct remote *r, const struct pending *p)
{
    return r->features & NET_FEAT_FOLLOW || !(msg_info(p->call->hdr.opcode)->flags & MSG_FOLLOWS);
}

/* Sends the call on the connection that is up. -DER_AGAIN: not now. Another failure ends it. */
static int transmit(struct remote *r, struct pending *p, uint64_t now)
{
    struct net_hdr h = p->call->hdr;
    int rc;

    if (!is_known(r, p)) {
        finish(p, -DER_NOSYS);
        return 0;
    }
    rc = bulk_place(r, p);
    if (rc == -DER_AGAIN)
        return rc;
    list_del(&p->wait);
    h.incarnation = r->incarnation;
    h.deadline_ms = (uint32_t)((p->deadline_ns - now) / NS_PER_MS) + 1;
    if (p->sent)
        h.flags |= NET_RESEND;
    if (p->call->times != NULL && r->features & NET_FEAT_TIMES)
        h.flags |= NET_TIMED;
    wire_put_head(&r->out, NET_REQUEST, p->id);
    wire_put_hdr(&r->out, &h);
    if (rc == 0)
        rc = wire_put_body(&r->out, h.opcode, p->call->req, false);
    if (rc == 0)
        bulk_put(r, p);
    if (rc == 0)
        rc = wire_seal_for(r->wire, &r->out);
    if (rc != 0) {
        bool changes = msg_info(h.opcode)->flags & MSG_CHANGES;

        finish(p, changes && p->sent ? -DER_TX_UNCERTAIN : rc);
        return 0;
    }
    r->stat.resends += p->sent;
    p->sent = true;
    p->generation = r->generation;
    credit_take(r, p->reserved, p->holds);
    if (h.flags & NET_TIMED)
        p->call->times->ns[NET_SENT] = rt_now_ns();
    r->wire->ops->send(r->wire, r->out.data, r->out.len);
    return 0;
}

static void pump_list(struct remote *r, struct list *l)
{
    uint64_t now = rt_turn_ns();

    while (r->state == UP && !list_empty(l)) {
        struct pending *p = LIST_ENTRY(list_first(l), struct pending, wait);

        if (p->deadline_ns <= now) /* the timer gives it up */
            list_del(&p->wait);
        else if (!credit_there(r, p) || transmit(r, p, now) != 0)
            break;
    }
}

/* Sends what waits, as far as the peer allows. */
static void pump(struct remote *r)
{
    if (!list_empty(&r->control))
        pump_list(r, &r->control);
    pump_list(r, &r->waiting);
}

static void await_turn(struct remote *r, struct pending *p)
{
    list_add_tail(p->control ? &r->control : &r->waiting, &p->wait);
}

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

static void send_plain(struct remote *r, enum net_frame kind, uint64_t id)
{
    wire_put_head(&r->out, kind, id);
    if (kind == NET_HELLO)
        put_hello(r);
    if (wire_seal_for(r->wire, &r->out) == 0)
        r->wire->ops->send(r->wire, r->out.data, r->out.len);
}

/* ---- The timer ---- */

/* At the latest then. */
static void arm_at(struct remote *r, uint64_t at)
{
    if (at >= r->timer_ns)
        return;
    r->timer_ns = at;
    rt_timer_arm(&r->timer, at);
}

/* When the state of the connection asks for it. */
static uint64_t state_ns(const struct remote *r)
{
    uint64_t suspect = or_default(r->conf.suspect_ms, SUSPECT_MS);

    if (r->state == DOWN)
        return r->redial_ns;
    if (r->state == UP && r->pinged_ns < r->heard_ns)
        return r->heard_ns + suspect / 3;
    return r->heard_ns + suspect;
}

static void arm(struct remote *r)
{
    if (!list_empty(&r->calls))
        arm_at(r, state_ns(r));
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

/* ---- Cancelled calls ---- */

/* The caller wants it no more. False: it may have happened, or may still. */
static bool cancel(struct pending *p)
{
    struct remote *r = p->peer;

    p->cancelled = true;
    if (is_under_way(p)) {
        if (r->features & NET_FEAT_CANCEL)
            send_plain(r, NET_CANCEL, p->id);
        return false; /* the answer says what has become of it */
    }
    if (p->sent && msg_info(p->call->hdr.opcode)->flags & MSG_CHANGES && !MUTANT(NET_TOO_SURE))
        return false; /* over a connection that is gone: it goes on until its outcome is known */
    finish(p, -DER_CANCELED);
    return true;
}

static void cancel_marked(struct remote *r)
{
    struct list *l;

again:
    LIST_FOREACH(l, &r->calls)
    {
        struct pending *p = LIST_ENTRY(l, struct pending, link);

        if (call_is_cancelled(p->call) && !p->cancelled && cancel(p))
            goto again; /* it has run code that may have sent others */
    }
}

static void poke_posted(struct rt_call *post)
{
    struct remote *r = CONTAINER_OF(post, struct remote, poke);

    __atomic_store_n(&r->poked, false, __ATOMIC_SEQ_CST);
    cancel_marked(r);
    remote_unref(r);
}

/* Never looks at once: whoever cancels may hold what done() needs. */
static void remote_poke(struct net_peer *peer)
{
    struct remote *r = CONTAINER_OF(peer, struct remote, peer);

    if (__atomic_exchange_n(&r->poked, true, __ATOMIC_SEQ_CST))
        return;
    __atomic_add_fetch(&r->refs, 1, __ATOMIC_RELAXED);
    r->poke.fn = poke_posted;
    rt_post(r->conf.xs, &r->poke);
}

/* What will hardly be answered in time any more. If it has not begun we know for sure. */
static uint64_t take_back(struct remote *r, uint64_t now)
{
    uint64_t next = UINT64_MAX;
    struct list *l;

    LIST_FOREACH(l, &r->calls)
    {
        struct pending *p = LIST_ENTRY(l, struct pending, link);

        if (p->cancel_ns <= now) {
            p->cancel_ns = UINT64_MAX;
            if (is_under_way(p) && r->features & NET_FEAT_CANCEL)
                send_plain(r, NET_CANCEL, p->id);
        }
        next = MIN(next, MIN(p->cancel_ns, p->deadline_ns));
    }
    return next;
}

/* What is too large to come whole in time is not taken for silence. Not before WELCOME: until then
 * only a host has answered. */
static void notice_moves(struct remote *r, uint64_t now)
{
    if (r->state == UP && r->wire->ops->moving != NULL && r->wire->ops->moving(r->wire))
        r->heard_ns = now;
}

static void tick(struct rt_timer *t)
{
    struct remote *r = CONTAINER_OF(t, struct remote, timer);
    uint64_t now = rt_now_ns(), suspect = or_default(r->conf.suspect_ms, SUSPECT_MS);

    r->timer_ns = UINT64_MAX;
    if (r->heard)
        r->heard_ns = now;
    r->heard = false;
    give_up_late(r, now);
    if (list_empty(&r->calls))
        return;
    notice_moves(r, now);
    if (r->state == DOWN) {
        if (now >= r->redial_ns)
            dial(r);
    } else if (now - r->heard_ns >= suspect) {
        lost(r);
    } else if (r->state == UP && r->pinged_ns < r->heard_ns && now - r->heard_ns >= suspect / 3) {
        r->pinged_ns = now;
        send_plain(r, NET_PING, 0);
    }
    arm_at(r, take_back(r, now));
    arm(r);
}

/* ---- Connections ---- */

/* What belonged to the connection. */
static void disconnect(struct remote *r)
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
            give_up(p);
            goto again;
        }
    }
}

static void lost(struct remote *r)
{
    enum net_refusal why = r->wire != NULL ? r->wire->refusal : NET_NOT_REFUSED;

    disconnect(r);
    if (r->wire != NULL)
        r->wire->ops->close(r->wire);
    if (why != NET_NOT_REFUSED)
        r->conf.dialer->refused = why;
    r->wire = NULL;
    r->state = DOWN;
    r->redial_ns = rt_now_ns() + r->backoff_ns;
    r->backoff_ns = MIN(r->backoff_ns * 2, or_default(r->conf.backoff_max_ms, BACKOFF_MAX));
    if (net_refusal_lasts(why))
        give_up_unsent(r);
    arm(r);
}

static void welcome(struct remote *r, struct rbuf *b)
{
    uint64_t incarnation = rbuf_u64(b);
    uint32_t calls;
    struct list *l;
    int rc;

    r->features = rbuf_u64(b) & FEATURES;
    rc = (int)rbuf_u32(b);
    calls = rbuf_u32(b);
    r->bytes_max = r->features & NET_FEAT_LIMITS ? rbuf_u64(b) : UINT64_MAX;
    if (rbuf_check_end(b) == 0 && rc != 0)
        r->wire->refusal = net_refusal_of(calls, rc);
    else if (has_to_prove(r) && r->wire->proof == NULL) /* anybody can say that */
        r->wire->refusal = NET_REFUSED_UNPROVEN;
    if (rbuf_check_end(b) != 0 || r->state != DIALED || rc != 0 || calls == 0 ||
        r->wire->refusal != NET_NOT_REFUSED) {
        lost(r);
        return;
    }
    if (r->wire->room != NULL) {
        if (lender_init(&r->lender, r->wire->room->base, r->wire->room->len) != 0) {
            lost(r);
            return;
        }
        r->room = net_room_get(r->wire->room);
    }
    r->conf.dialer->refused = NET_NOT_REFUSED;
    r->incarnation = incarnation;
    r->allowed = MIN(calls, CALLS_MAX);
    r->state = UP;
    r->backoff_ns = or_default(r->conf.backoff_min_ms, BACKOFF_MIN);
    LIST_FOREACH(l, &r->calls)
    await_turn(r, LIST_ENTRY(l, struct pending, link));
    pump(r);
}

/* The engine's half of what both make the connection's secrets from. */
static void challenge(struct remote *r, struct rbuf *b)
{
    rbuf_copy(b, r->said.its, sizeof(r->said.its));
    if (rbuf_check_end(b) != 0 || r->state != DIALED || !has_to_prove(r) ||
        r->wire->proof != NULL) {
        lost(r);
        return;
    }
    proof_make(&r->proof, r->conf.key->secret, &r->said, false);
    r->wire->proof = &r->proof;
    send_plain(r, NET_PROOF, 0);
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
    forsaken_end(r, CONTAINER_OF(l, struct forsaken, link));
    pump(r);
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
        lost(r);
        return;
    }
    if (h.flags & NET_NOT_BEGUN) { /* we took it back; what had been sent before stays uncertain */
        finish(p, h.rc == -DER_CANCELED && !p->cancelled ? -DER_TIMEDOUT : h.rc);
        pump(r);
        return;
    }
    rc = take_reply(p, &h, b);
    if (rc != 0) { /* asked again, it comes again: what was done is not said to have failed */
        lost(r);
        return;
    }
    p->call->hdr = h;
    finish(p, h.rc);
    if (!list_empty(&r->waiting) || !list_empty(&r->control))
        pump(r);
}

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
            lost(r);
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
        lost(r);
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
        r->conf.dialer->refused = rc == -DER_NO_PERM ? NET_REFUSED_ACCESS : r->conf.dialer->refused;
        lost(r);
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
    send_plain(r, NET_HELLO, 0);
}

/* ---- Calls ---- */

static void begin(struct pending *p)
{
    struct remote *r = p->peer;
    uint32_t ms = p->call->hdr.deadline_ms;
    uint64_t now = rt_turn_ns();
    bool first = list_empty(&r->calls);

    p->deadline_ns = now + (ms != 0 ? ms : NET_DEADLINE_MS) * NS_PER_MS;
    p->cancel_ns = p->deadline_ns - MIN((p->deadline_ns - now) / 8, GRACE_MAX);
    p->id = ++r->next_call;
    list_add_tail(&r->calls, &p->link);
    htable_insert(&r->by_id, &p->by_id, p->id);
    arm_at(r, p->cancel_ns);
    if (call_is_cancelled(p->call)) {
        finish(p, -DER_CANCELED);
        return;
    }
    if (r->state == UP) {
        if (first) /* nothing was under way: silence counts from now */
            r->heard_ns = now;
        await_turn(r, p);
        pump(r);
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
    struct pending *p;

    if (info != NULL && call->rep != NULL)
        memset(call->rep, 0, info->rep_size);
    if (call->rep_mem != NULL) /* sent before: the last answer's memory */
        net_call_fini(call);
    p = info != NULL ? pending_new(r) : NULL;
    if (p == NULL) {
        call->rc = info != NULL ? -DER_NOMEM : -DER_INVAL;
        call->done(call);
        return;
    }
    p->call = call;
    p->control = msg_class(info) == MSG_CLASS_CONTROL;
    call->rep_mem = p;
    call->priv[CALL_FINI] = (void *)pending_fini;
    if (rt_xs_self() == r->conf.xs) {
        begin(p);
        return;
    }
    if (r->conf.driven && rt_drive_enter(r->conf.xs)) {
        begin(p);
        rt_drive_leave(r->conf.xs);
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
    disconnect(r);
    if (r->wire != NULL)
        r->wire->ops->close(r->wire);
}

static void destroy(struct remote *r)
{
    wbuf_fini(&r->out);
    htable_fini(&r->by_id);
    htable_fini(&r->forsaken);
    remote_unref(r);
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
        if (r->conf.driven)
            rt_drive_wait(r->conf.xs, &c.done, UINT64_MAX);
        else
            rt_event_wait(&c.done);
    }
    destroy(r);
}

/* Nobody else may: a driven xstream moves only while somebody waits. */
static void remote_wait(struct net_peer *peer, struct rt_event *ev)
{
    rt_drive_wait(CONTAINER_OF(peer, struct remote, peer)->conf.xs, ev, UINT64_MAX);
}

int net_remote_connect(const struct net_remote_conf *conf, struct net_peer **peer)
{
    struct remote *r = base_calloc(1, sizeof(*r));

    if (r == NULL)
        return -DER_NOMEM;
    r->peer.send = remote_send;
    r->peer.close = remote_close;
    r->peer.wait = conf->driven ? remote_wait : NULL;
    r->peer.poke = remote_poke;
    r->conf = *conf;
    r->backoff_ns = or_default(conf->backoff_min_ms, BACKOFF_MIN);
    r->timer.fn = tick;
    r->timer_ns = UINT64_MAX;
    r->refs = 1;
    list_init(&r->calls);
    list_init(&r->waiting);
    list_init(&r->control);
    htable_init(&r->by_id);
    htable_init(&r->forsaken);
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
