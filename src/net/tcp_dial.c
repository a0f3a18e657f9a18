/* Where TCP wires come from on the dialing side: see net/tcp.h. */
#include <errno.h>
#include <net/if.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <daos_errno.h>

#include "base/assert.h"
#include "base/fail.h"
#include "net/tcp_int.h"

#define PATIENCE_MS 1000u /* with an address, if there is another one */

struct tcp_dialer {
    struct net_dialer dialer;
    struct tcp_hub hub;
    struct net_addrs addrs;
    uint32_t at; /* which address is tried first */
    uint32_t alive_ms;
    bool bound;            /* to local */
    struct net_addr local; /* its port is 0: the kernel's choice */
    char device[IF_NAMESIZE];
};

static uint32_t current(const struct tcp *m)
{
    return (m->first + m->tried - 1) % m->dialer->addrs.nr;
}

/* ---- One address after another ---- */

/* Binds to the local address or interface. Negative errno. */
static int set_out(const struct tcp_dialer *d, int fd, const struct net_addr *to)
{
    int one = 1;

    if (d->device[0] != '\0' && setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, d->device,
                                           (socklen_t)strlen(d->device) + 1) != 0)
        return -errno;
    if (!d->bound)
        return 0;
    if (d->local.u.sa.sa_family != to->u.sa.sa_family)
        return -EAFNOSUPPORT;
    /* or ports would run out long before their pairs do */
    setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof(one));
    return bind(fd, &d->local.u.sa, d->local.len) == 0 ? 0 : -errno;
}

/* A socket on its way to the address. Negative errno. */
static int start(const struct tcp_dialer *d, const struct net_addr *to)
{
    int fd = socket(to->u.sa.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), rc;

    if (fd < 0)
        return -errno;
    tcp_options(fd, d->alive_ms);
    rc = set_out(d, fd, to);
    if (rc == 0 && connect(fd, &to->u.sa, to->len) != 0 && errno != EINPROGRESS)
        rc = -errno;
    if (rc == 0)
        return fd;
    close(fd);
    return rc;
}

static void drop(struct tcp *m)
{
    rt_timer_cancel(&m->patience);
    if (m->fd.fd < 0)
        return;
    rt_fd_disarm(m->hub->xs, &m->fd);
    tcp_shut(m->fd.fd);
    m->fd.fd = -1;
}

/* -DER_UNREACH: none is left; -DER_NOMEM. */
static int try_next(struct tcp *m)
{
    struct tcp_dialer *d = m->dialer;
    int rc = -DER_UNREACH;

    drop(m);
    while (m->tried < d->addrs.nr) {
        const struct net_addr *to;
        int fd;

        m->tried++;
        to = &d->addrs.a[current(m)];
        fd = start(d, to);
        if (fd < 0) {
            rc = fd == -EMFILE || fd == -ENFILE || fd == -ENOMEM ? -DER_NOMEM : rc;
            continue;
        }
        m->peer = *to;
        m->fd.fd = fd;
        if (rt_fd_arm(d->hub.xs, &m->fd, POLLOUT) != 0) {
            drop(m);
            return -DER_NOMEM;
        }
        if (m->tried < d->addrs.nr)
            rt_timer_arm(&m->patience, rt_now_ns() + PATIENCE_MS * NS_PER_MS);
        return 0;
    }
    return rc;
}

static void go_on(struct tcp *m)
{
    if (try_next(m) != 0)
        tcp_fail(m);
}

static void out_of_patience(struct rt_timer *t)
{
    go_on(CONTAINER_OF(t, struct tcp, patience));
}

/* A port that nobody listens on may be the one the kernel lends us: then we talk to ourselves. */
static bool is_mirror(int fd)
{
    struct net_addr here = {.len = sizeof(here.u)}, there = {.len = sizeof(there.u)};

    return getsockname(fd, &here.u.sa, &here.len) == 0 &&
           getpeername(fd, &there.u.sa, &there.len) == 0 && net_addr_equal(&here, &there);
}

static void connected(struct rt_fd *f, uint32_t events)
{
    struct tcp *m = CONTAINER_OF(f, struct tcp, fd);
    socklen_t len = sizeof(int);
    int error = 0;

    if (getsockopt(f->fd, SOL_SOCKET, SO_ERROR, &error, &len) != 0 || error != 0 ||
        is_mirror(f->fd)) {
        go_on(m);
        return;
    }
    if (!(events & POLLOUT)) { /* without reason */
        if (rt_fd_arm(m->hub->xs, f, POLLOUT) != 0)
            go_on(m);
        return;
    }
    rt_timer_cancel(&m->patience);
    tcp_up(m);
}

static void answered(struct tcp *m)
{
    m->dialer->at = current(m);
}

/* An address that was silent is not asked first again. */
static void ended(struct tcp *m)
{
    struct tcp_dialer *d = m->dialer;

    rt_timer_cancel(&m->patience);
    if (!m->heard && m->tried > 0 && d->at == m->first)
        d->at = (current(m) + 1) % d->addrs.nr;
}

static int dial(struct net_dialer *dialer, struct net_wire **w)
{
    struct tcp_dialer *d = CONTAINER_OF(dialer, struct tcp_dialer, dialer);
    struct tcp *m = tcp_new(&d->hub, -1);
    int rc;

    if (m == NULL)
        return -DER_NOMEM;
    m->dialer = d;
    m->first = d->at;
    m->fd.ready = connected;
    m->patience.fn = out_of_patience;
    m->ended = ended;
    m->first_frame = answered;
    rc = try_next(m);
    if (rc != 0) {
        m->wire.ops->close(&m->wire);
        return rc;
    }
    *w = &m->wire;
    return 0;
}

/* ---- Life ---- */

static int set_local(struct tcp_dialer *d, const char *local, struct err *e)
{
    if (local == NULL)
        return 0;
    d->bound = net_addr_numeric(local, &d->local);
    if (d->bound)
        return 0;
    if (strlen(local) >= sizeof(d->device) || if_nametoindex(local) == 0)
        return err_setf(e, -DER_NONEXIST, "name one that `ip address` shows",
                        "this host has no such interface, and it is no address",
                        "cannot connect from '%.100s'", local);
    snprintf(d->device, sizeof(d->device), "%s", local);
    return 0;
}

int net_tcp_dialer(struct rt_xs *xs, const struct net_tcp_dial_conf *conf, struct net_dialer **out,
                   struct err *e)
{
    struct tcp_dialer *d = base_calloc(1, sizeof(*d));
    int rc;

    if (d == NULL)
        return err_setf(e, -DER_NOMEM, "free some", "there is no memory left",
                        "cannot connect to %.200s", conf->addrs);
    rc = net_addr_resolve(conf->addrs, NET_ADDR_CONNECT, &d->addrs, e);
    if (rc == 0)
        rc = set_local(d, conf->local, e);
    if (rc != 0) {
        base_free(d);
        return rc;
    }
    d->dialer.dial = dial;
    d->alive_ms = conf->alive_ms;
    tcp_hub_init(&d->hub, xs);
    d->hub.dials = true;
    d->hub.driven = conf->driven;
    d->hub.partial_max = UINT64_MAX; /* it asked for them */
    *out = &d->dialer;
    return 0;
}

void net_tcp_dialer_free(struct net_dialer *dialer)
{
    struct tcp_dialer *d = CONTAINER_OF(dialer, struct tcp_dialer, dialer);

    tcp_hub_fini(&d->hub);
    base_free(d);
}

static void close_all(struct list *l)
{
    struct list *it;

    LIST_FOREACH(it, l)
    if (LIST_ENTRY(it, struct tcp, link)->fd.fd >= 0)
        close(LIST_ENTRY(it, struct tcp, link)->fd.fd); /* not shut: it is the parent's, too */
}

void net_tcp_dialer_forget(struct net_dialer *dialer)
{
    struct tcp_dialer *d = CONTAINER_OF(dialer, struct tcp_dialer, dialer);

    close_all(&d->hub.active);
    close_all(&d->hub.dozing);
}

void net_tcp_dialer_stat(const struct net_dialer *dialer, struct net_tcp_stat *st)
{
    tcp_hub_stat(&CONTAINER_OF(dialer, struct tcp_dialer, dialer)->hub, st);
}
