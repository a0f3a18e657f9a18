/* Where TCP wires come from on the answering side: see net/tcp.h. */
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <daos_errno.h>

#include "base/assert.h"
#include "base/fail.h"
#include "net/tcp_int.h"

#define BACKLOG     1024
#define ACCEPTS     16u
#define MAX_CONNS   4096u
#define TELLING     64u /* connections beside those, of who is told that there are too many */
#define HELLO_MS    10000u
#define ALIVE_MS    60000u
#define PARTIAL_MAX (UINT64_C(2) << 30)
#define PAUSE_MS    100u /* when no descriptors are left */

struct door {
    struct rt_fd fd;
    struct net_tcp_listener *l;
    struct net_addr at;
};

struct net_tcp_listener {
    struct net_tcp_listen_conf conf;
    struct tcp_hub hub;
    struct list fresh;     /* wires that have not sent HELLO, the oldest first */
    struct rt_timer hello; /* for the first of them */
    struct rt_timer pause;
    bool open;
    uint32_t telling; /* connections that are turned away, and still there */
    uint32_t nr;
    struct door doors[NET_ADDRS_MAX];
};

void tcp_options(int fd, uint32_t alive_ms)
{
    unsigned alive = alive_ms != 0 ? alive_ms : ALIVE_MS;
    int one = 1, idle = (int)MAX(alive / 2000, 1u), step = (int)MAX(alive / 6000, 1u), probes = 3;

    /* none of them can fail on a TCP socket of this kernel, nor would much be lost */
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &alive, sizeof(alive));
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof(idle));
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &step, sizeof(step));
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &probes, sizeof(probes));
    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof(one));
}

/* ---- Connections that come in ---- */

static void greeted(struct tcp *m)
{
    list_del(&m->fresh);
}

static void ended(struct tcp *m)
{
    list_del(&m->fresh);
    if (m->wire.refusal != NET_NOT_REFUSED)
        m->listener->telling--;
}

static void impatient(struct rt_timer *t)
{
    struct net_tcp_listener *l = CONTAINER_OF(t, struct net_tcp_listener, hello);
    uint64_t now = rt_now_ns();

    while (!list_empty(&l->fresh)) {
        struct tcp *m = LIST_ENTRY(list_first(&l->fresh), struct tcp, fresh);

        if (m->fresh_ns > now) {
            rt_timer_arm(t, m->fresh_ns);
            return;
        }
        list_del(&m->fresh);
        tcp_refuse(m, TCP_SILENT);
    }
}

static void welcome(struct net_tcp_listener *l, int sock, const struct net_addr *peer)
{
    bool crowd = l->hub.stat.conns - l->telling >= l->conf.max;
    struct tcp *m = NULL;

    if (crowd) {
        l->hub.stat.refused++;
        tcp_tell(&l->hub, peer, TCP_CROWD, 0);
    }
    if (!crowd || l->telling < TELLING)
        m = tcp_new(&l->hub, sock);
    if (m == NULL) {
        close(sock);
        return;
    }
    if (crowd) {
        m->wire.refusal = NET_REFUSED_CROWD;
        l->telling++;
    }
    tcp_options(sock, l->conf.alive_ms);
    m->listener = l;
    m->peer = *peer;
    m->ended = ended;
    m->first_frame = greeted;
    m->fresh_ns = rt_now_ns() + l->conf.hello_ms * NS_PER_MS;
    if (list_empty(&l->fresh))
        rt_timer_arm(&l->hello, m->fresh_ns);
    list_add_tail(&l->fresh, &m->fresh);
    tcp_up(m);
    l->conf.accept(l->conf.arg, &m->wire);
}

static void watch(struct net_tcp_listener *l, struct door *d)
{
    if (l->open && rt_fd_arm(l->conf.xs, &d->fd, POLLIN) != 0)
        rt_timer_arm(&l->pause, rt_now_ns() + PAUSE_MS * NS_PER_MS);
}

static void incoming(struct rt_fd *f, uint32_t events)
{
    struct door *d = CONTAINER_OF(f, struct door, fd);
    struct net_tcp_listener *l = d->l;

    (void)events;
    for (uint32_t i = 0; i < ACCEPTS && l->open; i++) {
        struct net_addr peer = {.len = sizeof(peer.u)};
        int sock = accept4(f->fd, &peer.u.sa, &peer.len, SOCK_NONBLOCK | SOCK_CLOEXEC);

        if (sock >= 0) {
            welcome(l, sock, &peer);
            continue;
        }
        if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
            /* whoever waits still waits: asked again at once, it would be for ever */
            tcp_tell(&l->hub, &d->at, TCP_NO_DESCRIPTORS, 0);
            rt_timer_arm(&l->pause, rt_now_ns() + PAUSE_MS * NS_PER_MS);
            return;
        }
        if (errno == EAGAIN || errno == EWOULDBLOCK)
            break;
    }
    watch(l, d);
}

static void pause_over(struct rt_timer *t)
{
    struct net_tcp_listener *l = CONTAINER_OF(t, struct net_tcp_listener, pause);

    for (uint32_t i = 0; i < l->nr; i++)
        watch(l, &l->doors[i]);
}

/* ---- Listening ---- */

static int open_door(struct door *d, const struct net_addr *a)
{
    int fd = socket(a->u.sa.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), one = 1;
    int alone = !a->both, rc = 0;

    d->fd.fd = -1;
    d->at = *a;
    if (fd < 0 && a->both && errno == EAFNOSUPPORT) { /* a host without IPv6 */
        struct net_addr v4 = {.len = sizeof(v4.u.v4), .item = a->item};

        v4.u.v4.sin_family = AF_INET;
        v4.u.v4.sin_port = a->u.v6.sin6_port;
        return open_door(d, &v4);
    }
    if (fd < 0)
        return -errno;
    /* connections of the one that ran here before do not keep the port */
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) != 0 ||
        (a->u.sa.sa_family == AF_INET6 &&
         setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &alone, sizeof(alone)) != 0) ||
        bind(fd, &a->u.sa, a->len) != 0 || listen(fd, BACKLOG) != 0 ||
        getsockname(fd, &d->at.u.sa, &(socklen_t){sizeof(d->at.u)}) != 0)
        rc = -errno;
    if (rc != 0)
        close(fd);
    else
        d->fd.fd = fd;
    return rc;
}

static int listen_error(const struct net_addr *a, int rc, struct err *e)
{
    char at[NET_ADDR_TEXT];

    net_addr_text(a, at);
    if (rc == -EADDRINUSE)
        return err_setf(e, -DER_BUSY, "end it, or choose another port",
                        "a program listens there already", "cannot listen at %s", at);
    if (rc == -EADDRNOTAVAIL || rc == -EAFNOSUPPORT)
        return err_setf(e, -DER_NONEXIST,
                        "choose one that `ip address` shows, or *:port for all of them",
                        "no interface of this host has that address", "cannot listen at %s", at);
    if (rc == -EACCES || rc == -EPERM)
        return err_setf(e, -DER_NO_PERM,
                        "choose a port from 1024 on, or give the program CAP_NET_BIND_SERVICE",
                        "ports below 1024 are for privileged programs", "cannot listen at %s", at);
    return err_setf(
        e, rc == -ENOMEM || rc == -EMFILE || rc == -ENFILE || rc == -ENOBUFS ? -DER_NOMEM : -DER_IO,
        "see that the machine has memory and the process descriptors left", strerror(-rc),
        "cannot listen at %s", at);
}

/* Whether an address of the same name was opened. */
static bool name_has_door(const struct net_tcp_listener *l, const struct net_addr *a)
{
    return l->nr > 0 && l->doors[l->nr - 1].at.item == a->item;
}

/* A name may have addresses that this host does not: one of them is enough. */
static int open_doors(struct net_tcp_listener *l, const struct net_addrs *addrs, struct err *e)
{
    for (uint32_t i = 0; i < addrs->nr; i++) {
        const struct net_addr *a = &addrs->a[i];
        bool more = i + 1 < addrs->nr && addrs->a[i + 1].item == a->item;
        struct door *d = &l->doors[l->nr];
        int rc = open_door(d, a);

        if ((rc == -EADDRNOTAVAIL || rc == -EAFNOSUPPORT) && (more || name_has_door(l, a)))
            continue;
        if (rc != 0)
            return listen_error(a, rc, e);
        d->l = l;
        d->fd.ready = incoming;
        l->nr++;
        if (rt_fd_arm(l->conf.xs, &d->fd, POLLIN) != 0)
            return listen_error(a, -ENOMEM, e);
    }
    return 0;
}

int net_tcp_listen(const struct net_tcp_listen_conf *conf, struct net_tcp_listener **out,
                   struct err *e)
{
    struct net_addrs addrs;
    struct net_tcp_listener *l;
    int rc = net_addr_resolve(conf->addrs, NET_ADDR_LISTEN, &addrs, e);

    if (rc != 0)
        return rc;
    l = base_calloc(1, sizeof(*l));
    if (l == NULL)
        return err_setf(e, -DER_NOMEM, "free some", "there is no memory left",
                        "cannot listen at %.200s", conf->addrs);
    l->conf = *conf;
    l->conf.addrs = NULL;
    l->conf.max = conf->max != 0 ? conf->max : MAX_CONNS;
    l->conf.hello_ms = conf->hello_ms != 0 ? conf->hello_ms : HELLO_MS;
    tcp_hub_init(&l->hub, conf->xs);
    l->hub.partial_max = conf->partial_max != 0 ? conf->partial_max : PARTIAL_MAX;
    l->hello.fn = impatient;
    l->pause.fn = pause_over;
    list_init(&l->fresh);
    l->open = true;
    rc = open_doors(l, &addrs, e);
    if (rc != 0) {
        net_tcp_free(l);
        return rc;
    }
    *out = l;
    return 0;
}

bool net_tcp_address(const struct net_tcp_listener *l, uint32_t i, struct net_addr *a)
{
    if (i >= l->nr)
        return false;
    *a = l->doors[i].at;
    return true;
}

void net_tcp_unlisten(struct net_tcp_listener *l)
{
    if (!l->open)
        return;
    l->open = false;
    rt_timer_cancel(&l->pause);
    for (uint32_t i = 0; i < l->nr; i++) {
        rt_fd_disarm(l->conf.xs, &l->doors[i].fd);
        tcp_shut(l->doors[i].fd.fd);
    }
}

void net_tcp_free(struct net_tcp_listener *l)
{
    net_tcp_unlisten(l);
    ASSERT(list_empty(&l->fresh));
    rt_timer_cancel(&l->hello);
    tcp_hub_fini(&l->hub);
    base_free(l);
}

void net_tcp_listener_stat(const struct net_tcp_listener *l, struct net_tcp_stat *st)
{
    tcp_hub_stat(&l->hub, st);
}
