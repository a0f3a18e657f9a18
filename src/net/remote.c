/*
 * The sending side of connections; the rules are in net/remote.h and net/wire.h. Here calls begin,
 * and peers; remote_call.c sends and ends calls, remote_conn.c has the connections, remote_timer.c
 * looks at the clock.
 *
 * Happy path: the first call dials, HELLO goes out, WELCOME comes back, the call is encoded and
 * sent, the reply found by its id, decoded into the caller's struct, written bulk ranges copied to
 * the caller's memory, call->done() runs.
 */
#include <string.h>
#include <daos_errno.h>
#include "base/assert.h"
#include "base/fail.h"
#include "net/msg.h"
#include "net/remote_int.h"

#define NS_PER_MS   UINT64_C(1000000)
#define ARENA_BYTES 1024u
#define GRACE_MAX   (50 * NS_PER_MS)

/* ---- Memory of calls ---- */

static void pending_free(struct pending *p)
{
    arena_fini(&p->mem);
    base_free(p);
}

void remote_unref(struct remote *r)
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
    remote_arm_at(r, p->cancel_ns);
    if (call_is_cancelled(p->call)) {
        remote_finish(p, -DER_CANCELED);
        return;
    }
    if (r->state == UP) {
        if (first) /* nothing was under way: silence counts from now */
            r->heard_ns = now;
        remote_await_turn(r, p);
        remote_pump(r);
    } else if (r->state == DOWN && now >= r->redial_ns) {
        remote_dial(r);
    }
    remote_arm(r);
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
    remote_disconnect(r);
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

static uint64_t remote_features(struct net_peer *peer)
{
    return __atomic_load_n(&CONTAINER_OF(peer, struct remote, peer)->features, __ATOMIC_RELAXED);
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
    r->peer.features = remote_features;
    r->conf = *conf;
    r->backoff_ns = remote_ns(conf->backoff_min_ms, REMOTE_BACKOFF_MIN);
    r->timer.fn = remote_tick;
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
