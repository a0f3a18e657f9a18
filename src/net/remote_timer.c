/*
 * What a peer does when time has passed, or a caller has thought better of it: deadlines, silence,
 * the pause before the next connection, calls that are taken back. One timer serves them all.
 */
#include <daos_errno.h>
#include "base/assert.h"
#include "base/mutant.h"
#include "net/msg.h"
#include "net/remote_int.h"

#define SUSPECT_MS 3000u

/* ---- The timer ---- */

/* At the latest then. */
void remote_arm_at(struct remote *r, uint64_t at)
{
    if (at >= r->timer_ns)
        return;
    r->timer_ns = at;
    rt_timer_arm(&r->timer, at);
}

/* When the state of the connection asks for it. */
static uint64_t state_ns(const struct remote *r)
{
    uint64_t suspect = remote_ns(r->conf.suspect_ms, SUSPECT_MS);

    if (r->state == DOWN)
        return r->redial_ns;
    if (r->state == UP && r->pinged_ns < r->heard_ns)
        return r->heard_ns + suspect / 3;
    return r->heard_ns + suspect;
}

void remote_arm(struct remote *r)
{
    if (!list_empty(&r->calls))
        remote_arm_at(r, state_ns(r));
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
            remote_give_up(p);
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
            remote_say(r, NET_CANCEL, p->id);
        return false; /* the answer says what has become of it */
    }
    if (p->sent && msg_info(p->call->hdr.opcode)->flags & MSG_CHANGES && !MUTANT(NET_TOO_SURE))
        return false; /* over a connection that is gone: it goes on until its outcome is known */
    remote_finish(p, -DER_CANCELED);
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
void remote_poke(struct net_peer *peer)
{
    struct remote *r = CONTAINER_OF(peer, struct remote, peer);

    if (__atomic_exchange_n(&r->poked, true, __ATOMIC_SEQ_CST))
        return;
    __atomic_add_fetch(&r->refs, 1, __ATOMIC_RELAXED);
    r->poke.fn = poke_posted;
    rt_post(r->conf.xs, &r->poke);
}

/* ---- Time ---- */

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
                remote_say(r, NET_CANCEL, p->id);
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

void remote_tick(struct rt_timer *t)
{
    struct remote *r = CONTAINER_OF(t, struct remote, timer);
    uint64_t now = rt_now_ns(), suspect = remote_ns(r->conf.suspect_ms, SUSPECT_MS);

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
            remote_dial(r);
    } else if (now - r->heard_ns >= suspect) {
        remote_lost(r);
    } else if (r->state == UP && r->pinged_ns < r->heard_ns && now - r->heard_ns >= suspect / 3) {
        r->pinged_ns = now;
        remote_say(r, NET_PING, 0);
    }
    remote_arm_at(r, take_back(r, now));
    remote_arm(r);
}
