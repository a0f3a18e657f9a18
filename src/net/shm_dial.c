/* The dialing side of shared memory: connects, and takes the region that the engine gives. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <daos_errno.h>

#include "base/fail.h"
#include "net/shm_int.h"

struct shm_dialer {
    struct net_dialer dialer;
    struct shm_hub hub;
    uint32_t uid;
    char path[PATH_MAX];
};

/* Checked as a hostile engine's: what is not that large, or may shrink, would end us by a signal.
 */
static bool is_sound(const struct shm_setup *su, int fd)
{
    int seals = fd >= 0 ? fcntl(fd, F_GET_SEALS) : -1;
    struct stat st;

    return su->magic == SHM_MAGIC && su->proto == NET_PROTO && su->rc == 0 &&
           su->room_off == SHM_ROOM_OFF && su->bytes > SHM_ROOM_OFF && seals >= 0 &&
           seals & F_SEAL_SHRINK && fstat(fd, &st) == 0 && (uint64_t)st.st_size >= su->bytes;
}

/* The descriptor that came with a message; more than one are none, and closed. */
static int take_fd(struct msghdr *msg)
{
    int fd = -1, nr = 0;

    for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c != NULL; c = CMSG_NXTHDR(msg, c)) {
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
            continue;
        for (size_t at = CMSG_LEN(0); at + sizeof(fd) <= c->cmsg_len; at += sizeof(fd)) {
            if (fd >= 0)
                close(fd);
            memcpy(&fd, (const char *)c + at, sizeof(fd));
            nr++;
        }
    }
    if (nr > 1) {
        close(fd);
        return -1;
    }
    return fd;
}

/* The engine's first message: the region. -DER_PROTO, -DER_NOMEM. */
static int take_setup(struct shm *m)
{
    union {
        struct cmsghdr hdr;
        char buf[CMSG_SPACE(sizeof(int))];
    } ctl;
    struct shm_setup su;
    struct iovec iov = {&su, sizeof(su)};
    struct msghdr msg = {
        .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &ctl, .msg_controllen = sizeof(ctl)};
    ssize_t n = recvmsg(m->fd.fd, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    struct net_room *region;
    int fd, rc = -DER_PROTO;

    if (n < 0)
        return errno == EAGAIN || errno == EINTR ? -DER_AGAIN : -DER_PROTO;
    fd = take_fd(&msg);
    if (n == (ssize_t)sizeof(su) && su.magic == SHM_MAGIC)
        m->wire.refusal = su.proto != NET_PROTO  ? NET_REFUSED_VERSION
                          : su.rc != 0 && fd < 0 ? net_refusal_of(su.bytes, su.rc)
                                                 : NET_NOT_REFUSED;
    if (n == (ssize_t)sizeof(su) && !(msg.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) &&
        is_sound(&su, fd))
        rc = shm_region_map(fd, su.bytes, &region);
    if (fd >= 0)
        close(fd);
    if (rc == 0)
        shm_attach(m, region, false);
    return rc;
}

static void ready_setup(struct rt_fd *f, uint32_t events)
{
    struct shm *m = CONTAINER_OF(f, struct shm, fd);
    int rc = take_setup(m);

    if (rc == -DER_AGAIN && !(events & (POLLERR | POLLHUP | POLLRDHUP)) &&
        rt_fd_arm(m->hub->xs, f, POLLIN | POLLRDHUP) == 0)
        return;
    f->ready = shm_ready;
    if (rc != 0)
        m->failed = true;
    shm_wake(m);
}

static int dial(struct net_dialer *dialer, struct net_wire **w)
{
    struct shm_dialer *d = CONTAINER_OF(dialer, struct shm_dialer, dialer);
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), dir, rc;
    struct sockaddr_un sa;
    struct shm *m;

    if (fd < 0)
        return -DER_NOMEM;
    rc = shm_address(d->path, &sa, &dir);
    if (rc == 0 && connect(fd, (struct sockaddr *)&sa, sizeof(sa)) != 0)
        rc = -errno;
    if (dir >= 0)
        close(dir);
    if (rc != 0) {
        close(fd);
        return rc == -EACCES || rc == -EPERM ? -DER_NO_PERM : -DER_UNREACH;
    }
    m = shm_new(&d->hub, fd);
    if (m == NULL) {
        close(fd);
        return -DER_NOMEM;
    }
    if (d->uid != UINT32_MAX && m->wire.uid != d->uid && m->wire.uid != 0) {
        shm_close(&m->wire); /* somebody else's program listens in the engine's place */
        return -DER_NO_PERM;
    }
    m->fd.ready = ready_setup;
    if (rt_fd_arm(d->hub.xs, &m->fd, POLLIN | POLLRDHUP) != 0) {
        shm_close(&m->wire);
        return -DER_NOMEM;
    }
    *w = &m->wire;
    return 0;
}

int net_shm_dialer(struct rt_xs *xs, const char *path, uint32_t uid, struct net_dialer **out)
{
    struct shm_dialer *d = base_calloc(1, sizeof(*d));

    if (d == NULL)
        return -DER_NOMEM;
    d->dialer.dial = dial;
    d->uid = uid;
    snprintf(d->path, sizeof(d->path), "%s", path);
    shm_hub_init(&d->hub, xs);
    *out = &d->dialer;
    return 0;
}

void net_shm_dialer_free(struct net_dialer *dialer)
{
    struct shm_dialer *d = CONTAINER_OF(dialer, struct shm_dialer, dialer);

    shm_hub_fini(&d->hub);
    base_free(d);
}

static void close_all(struct list *l)
{
    struct list *it;

    LIST_FOREACH(it, l)
    close(LIST_ENTRY(it, struct shm, link)->fd.fd);
}

void net_shm_dialer_forget(struct net_dialer *dialer)
{
    struct shm_dialer *d = CONTAINER_OF(dialer, struct shm_dialer, dialer);

    close_all(&d->hub.active);
    close_all(&d->hub.dozing);
}
