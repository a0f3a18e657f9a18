/*
 * Calls under way on a connection: credit, sending, and their ends; the rules are in net/remote.h
 * and net/wire.h.
 */
#include <daos_errno.h>
#include "base/assert.h"
#include "base/fail.h"
#include "base/mutant.h"
#include "net/msg.h"
#include "net/remote_int.h"

#define NS_PER_MS UINT64_C(1000000)

/* ---- Credit ---- */

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

/* ---- The end of a call ---- */

/* The call is the caller's again. */
void remote_finish(struct pending *p, int rc)
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
        remote_lost(r);
        return;
    }
    *f = (struct forsaken){.id = p->id,
                           .placed = p->placed,
                           .place = p->place,
                           .place_len = p->place_len,
                           .reserved = p->reserved,
                           .holds = p->holds};
    htable_insert(&r->forsaken, &f->link, f->id);
    credit_take(r, p->reserved, p->holds); /* remote_finish() gives the call's own */
    p->placed = false;
}

void remote_forsaken_end(struct remote *r, struct forsaken *f)
{
    if (!MUTANT(NET_CREDIT_LOST))
        credit_give(r, f->reserved, f->holds);
    if (f->placed)
        lender_give(&r->lender, f->place, f->place_len);
    base_free(f);
}

void remote_give_up(struct pending *p)
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
    remote_finish(p, rc);
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
        remote_finish(p, -DER_NOSYS);
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

        remote_finish(p, changes && p->sent ? -DER_TX_UNCERTAIN : rc);
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
void remote_pump(struct remote *r)
{
    if (!list_empty(&r->control))
        pump_list(r, &r->control);
    pump_list(r, &r->waiting);
}

void remote_await_turn(struct remote *r, struct pending *p)
{
    list_add_tail(p->control ? &r->control : &r->waiting, &p->wait);
}
