/* Contexts of threads: see net/link.h. */
#include "net/link.h"

#include <sched.h>

#include <daos_errno.h>

#include "base/assert.h"
#include "base/fail.h"
#include "base/list.h"
#include "net/peer.h"
#include "net/remote.h"
#include "rt/rt.h"

#define ASIDE_NS                                                                                   \
    1000000u /* while it sleeps in one context a thread looks at the others so often               \
              */

struct ctx {
    struct rt_xs *xs;
    bool driven;
    uint32_t busy; /* calls under way; atomic */
};

struct net_links {
    struct rt_mutex lock; /* of making contexts and ways */
    uint32_t spin_us;
    uint32_t max;                       /* contexts of threads */
    struct ctx *ctx[NET_LINKS_MAX + 1]; /* atomic pointers; the last: of the xstream that has one */
    struct list links;
    uint32_t nr; /* no context of a thread lies at or above; atomic */
};

/* A peer's way over one context. */
struct way {
    struct net_peer *peer;
    struct net_dialer *dialer;
};

struct link {
    struct net_peer peer;
    struct list link;
    struct net_links *ls;
    struct net_link_conf conf;
    struct way *way[NET_LINKS_MAX + 1]; /* atomic pointers */
};

static struct ctx *load_ctx(struct net_links *ls, uint32_t i)
{
    return __atomic_load_n(&ls->ctx[i], __ATOMIC_ACQUIRE);
}

/* ---- Contexts ---- */

/* Which context is the caller's: that which it drives, if it runs in an answer; a thread's; or that
 * of the client's own xstream, of which there is one. */
static uint32_t my_index(struct net_links *ls)
{
    struct rt_xs *self = rt_xs_self();
    uint32_t nr = __atomic_load_n(&ls->nr, __ATOMIC_ACQUIRE);

    if (self == NULL)
        return rt_thread_index() % ls->max;
    for (uint32_t i = 0; i < nr; i++) {
        struct ctx *x = load_ctx(ls, i);

        if (x != NULL && x->xs == self)
            return i;
    }
    return NET_LINKS_MAX;
}

static int ctx_make(struct net_links *ls, uint32_t i, struct ctx **out)
{
    struct rt_xs_conf conf = {.cpu = -1, .driven = true, .spin_us = ls->spin_us, .name = "link"};
    struct ctx *x = base_calloc(1, sizeof(*x));
    int rc = 0;

    if (x == NULL)
        return -DER_NOMEM;
    x->xs = rt_xs_self();
    x->driven = x->xs == NULL;
    if (x->driven)
        rc = rt_xs_create(&conf, &x->xs);
    if (rc != 0) {
        base_free(x);
        return rc;
    }
    __atomic_store_n(&ls->ctx[i], x, __ATOMIC_RELEASE);
    if (i < NET_LINKS_MAX && i >= ls->nr)
        __atomic_store_n(&ls->nr, i + 1, __ATOMIC_RELEASE);
    *out = x;
    return 0;
}

int net_links_create(uint32_t spin_us, struct net_links **out)
{
    struct net_links *ls = base_calloc(1, sizeof(*ls));
    cpu_set_t set;

    if (ls == NULL)
        return -DER_NOMEM;
    rt_mutex_init(&ls->lock);
    list_init(&ls->links);
    ls->spin_us = spin_us;
    ls->max = sched_getaffinity(0, sizeof(set), &set) == 0 ? (uint32_t)CPU_COUNT(&set) : 4;
    ls->max = MIN(MAX(ls->max, 1u), NET_LINKS_MAX);
    *out = ls;
    return 0;
}

void net_links_forked(struct net_links *ls)
{
    struct list *it;

    rt_mutex_init(&ls->lock);
    LIST_FOREACH(it, &ls->links)
    {
        struct link *l = LIST_ENTRY(it, struct link, link);

        for (uint32_t i = 0; i <= NET_LINKS_MAX; i++) {
            if (l->way[i] != NULL && l->conf.dialer_forked != NULL)
                l->conf.dialer_forked(l->conf.arg, l->way[i]->dialer);
            l->way[i] = NULL;
        }
    }
    for (uint32_t i = 0; i <= NET_LINKS_MAX; i++) {
        if (ls->ctx[i] != NULL && ls->ctx[i]->driven)
            rt_drive_forked(ls->ctx[i]->xs);
        ls->ctx[i] = NULL;
    }
    ls->nr = 0;
}

void net_links_destroy(struct net_links *ls)
{
    for (uint32_t i = 0; i <= NET_LINKS_MAX; i++) {
        struct ctx *x = ls->ctx[i];

        if (x != NULL && x->driven)
            rt_xs_destroy(x->xs);
        base_free(x);
    }
    base_free(ls);
}

/* ---- A peer ---- */

static int way_make(struct link *l, uint32_t i, struct way **out)
{
    struct ctx *x = load_ctx(l->ls, i);
    struct net_remote_conf conf = {.suspect_ms = l->conf.suspect_ms, .key = l->conf.key};
    struct way *w = base_calloc(1, sizeof(*w));
    int rc = w == NULL ? -DER_NOMEM : 0;

    if (rc == 0 && x == NULL)
        rc = ctx_make(l->ls, i, &x);
    if (rc == 0)
        rc = l->conf.dialer(l->conf.arg, x->xs, x->driven, &w->dialer);
    if (rc == 0) {
        conf.dialer = w->dialer;
        conf.xs = x->xs;
        conf.driven = x->driven;
        rc = net_remote_connect(&conf, &w->peer);
        if (rc != 0)
            l->conf.dialer_free(l->conf.arg, w->dialer);
    }
    if (rc != 0) {
        base_free(w);
        return rc;
    }
    __atomic_store_n(&l->way[i], w, __ATOMIC_RELEASE);
    *out = w;
    return 0;
}

static int way_of(struct link *l, uint32_t i, struct way **out)
{
    int rc = 0;

    *out = __atomic_load_n(&l->way[i], __ATOMIC_ACQUIRE);
    if (*out != NULL)
        return 0;
    rt_mutex_lock(&l->ls->lock);
    *out = l->way[i];
    if (*out == NULL)
        rc = way_make(l, i, out);
    rt_mutex_unlock(&l->ls->lock);
    return rc;
}

static void answered(struct net_call *call)
{
    struct ctx *x = call->priv[CALL_CTX];

    __atomic_sub_fetch(&x->busy, 1, __ATOMIC_RELAXED);
    call->done = (void (*)(struct net_call *))call->priv[CALL_DONE];
    call->done(call);
}

static void link_send(struct net_peer *peer, struct net_call *call)
{
    struct link *l = CONTAINER_OF(peer, struct link, peer);
    uint32_t i = my_index(l->ls);
    struct way *w;
    int rc = way_of(l, i, &w);
    struct ctx *x;

    if (rc != 0) {
        call->rc = rc;
        call->done(call);
        return;
    }
    x = load_ctx(l->ls, i);
    __atomic_add_fetch(&x->busy, 1, __ATOMIC_RELAXED);
    call->priv[CALL_CTX] = x;
    call->priv[CALL_DONE] = (void *)call->done;
    call->done = answered;
    w->peer->send(w->peer, call);
}

static void link_wait(struct net_peer *peer, struct rt_event *ev)
{
    net_links_wait(CONTAINER_OF(peer, struct link, peer)->ls, ev, UINT64_MAX);
}

/* Which way the call went only its sender knows. */
static void link_poke(struct net_peer *peer)
{
    struct link *l = CONTAINER_OF(peer, struct link, peer);

    for (uint32_t i = 0; i <= NET_LINKS_MAX; i++) {
        struct way *w = __atomic_load_n(&l->way[i], __ATOMIC_ACQUIRE);

        if (w != NULL && w->peer->poke != NULL)
            w->peer->poke(w->peer);
    }
}

/* Of the caller's way: who has none yet will have one to somebody of whom nothing is known. */
static uint64_t link_features(struct net_peer *peer)
{
    struct link *l = CONTAINER_OF(peer, struct link, peer);
    struct way *w = __atomic_load_n(&l->way[my_index(l->ls)], __ATOMIC_ACQUIRE);

    return w != NULL ? net_peer_features(w->peer) : 0;
}

struct freeing {
    struct rt_call post;
    struct link *l;
    struct net_dialer *dialer;
    struct rt_event done;
};

static void free_posted(struct rt_call *post)
{
    struct freeing *f = CONTAINER_OF(post, struct freeing, post);

    f->l->conf.dialer_free(f->l->conf.arg, f->dialer);
    rt_event_set(&f->done);
}

static void link_close(struct net_peer *peer)
{
    struct link *l = CONTAINER_OF(peer, struct link, peer);

    for (uint32_t i = 0; i <= NET_LINKS_MAX; i++) {
        struct freeing f = {.post = {.fn = free_posted}, .l = l, .done = RT_EVENT_INIT};
        struct way *w = l->way[i];
        struct ctx *x = l->ls->ctx[i];

        if (w == NULL)
            continue;
        net_peer_close(w->peer);
        f.dialer = w->dialer;
        if (rt_xs_self() == x->xs) {
            l->conf.dialer_free(l->conf.arg, w->dialer);
        } else {
            rt_post(x->xs, &f.post);
            if (x->driven) /* by nobody, if nothing is under way there */
                rt_drive_wait(x->xs, &f.done, UINT64_MAX);
            else
                rt_event_wait(&f.done);
        }
        base_free(w);
    }
    rt_mutex_lock(&l->ls->lock);
    list_del(&l->link);
    rt_mutex_unlock(&l->ls->lock);
    base_free(l);
}

int net_link_connect(struct net_links *ls, const struct net_link_conf *conf, struct net_peer **peer)
{
    struct link *l = base_calloc(1, sizeof(*l));

    if (l == NULL)
        return -DER_NOMEM;
    l->peer = (struct net_peer){.send = link_send,
                                .close = link_close,
                                .wait = link_wait,
                                .poke = link_poke,
                                .features = link_features};
    l->ls = ls;
    l->conf = *conf;
    rt_mutex_lock(&ls->lock);
    list_add_tail(&ls->links, &l->link);
    rt_mutex_unlock(&ls->lock);
    *peer = &l->peer;
    return 0;
}

/* ---- Waiting ---- */

static bool is_busy(const struct ctx *x)
{
    return x != NULL && __atomic_load_n(&x->busy, __ATOMIC_RELAXED) > 0;
}

/* A turn of every context but one that has calls under way. Whether there is any. */
static bool look_aside(struct net_links *ls, uint32_t but)
{
    uint32_t nr = __atomic_load_n(&ls->nr, __ATOMIC_ACQUIRE);
    bool any = false;

    for (uint32_t i = 0; i < nr; i++) {
        struct ctx *x = load_ctx(ls, i);

        if (i == but || !is_busy(x))
            continue;
        rt_drive(x->xs);
        any = true;
    }
    return any;
}

/* Where to sleep: in the caller's context if it has calls under way, else in another one that has.
 * NULL: nowhere. */
static struct ctx *bed(struct net_links *ls, uint32_t mine)
{
    uint32_t nr = __atomic_load_n(&ls->nr, __ATOMIC_ACQUIRE);
    struct ctx *x = load_ctx(ls, mine);

    for (uint32_t i = 0; !is_busy(x) && i < nr; i++)
        x = load_ctx(ls, i);
    return is_busy(x) ? x : NULL;
}

void net_links_poll(struct net_links *ls)
{
    if (ls != NULL && rt_xs_self() == NULL)
        look_aside(ls, UINT32_MAX);
}

int net_links_wait(struct net_links *ls, struct rt_event *ev, uint64_t timeout_ns)
{
    uint64_t begun = timeout_ns != UINT64_MAX ? rt_now_ns() : 0;
    uint32_t mine;

    if (ls == NULL || rt_xs_self() != NULL)
        return rt_event_wait_timeout(ev, timeout_ns);
    mine = my_index(ls);
    do {
        uint64_t left = UINT64_MAX;
        bool others = look_aside(ls, mine);
        struct ctx *x = bed(ls, mine);

        if (timeout_ns != UINT64_MAX)
            left = timeout_ns - MIN(timeout_ns, rt_now_ns() - begun);
        if (left == 0)
            break;
        if (x == NULL) /* somebody else has it in hand, or will send */
            rt_event_wait_timeout(ev, MIN(left, 10 * ASIDE_NS));
        else
            rt_drive_wait(x->xs, ev, others ? MIN(left, ASIDE_NS) : left);
    } while (!rt_event_is_set(ev));
    return rt_event_is_set(ev) ? 0 : -DER_TIMEDOUT;
}
