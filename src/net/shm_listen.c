/* The answering side of shared memory: listens, and gives who connects a region of his own. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <daos_errno.h>

#include "base/fail.h"
#include "net/shm_int.h"

#define BACKLOG   1024
#define ACCEPTS   16u
#define MAX_CONNS 4096u
/* until who wants in is looked at again, when we are out of descriptors or memory */
#define AGAIN_NS UINT64_C(20000000)

struct net_shm_listener {
    struct net_shm_listen_conf conf;
    struct rt_fd fd;
    struct rt_timer again;
    struct shm_hub hub;
    char path[PATH_MAX];
    bool open;
    uint64_t refused;
};

static int region_make(uint64_t bytes, int *fd_out, struct net_room **out)
{
    int fd = memfd_create("tarn-shm", MFD_CLOEXEC | MFD_ALLOW_SEALING), rc;

    if (fd < 0)
        return -DER_NOMEM;
    if (ftruncate(fd, (off_t)bytes) != 0 ||
        fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0)
        rc = -DER_NOMEM;
    else
        rc = shm_region_map(fd, bytes, out);
    if (rc != 0)
        close(fd);
    *fd_out = fd;
    return rc;
}

static bool send_setup(int sock, int fd, uint64_t bytes, int rc)
{
    union {
        struct cmsghdr hdr;
        char buf[CMSG_SPACE(sizeof(int))];
    } ctl = {.buf = {0}};
    struct shm_setup su = {
        .magic = SHM_MAGIC, .proto = NET_PROTO, .rc = rc, .bytes = bytes, .room_off = SHM_ROOM_OFF};
    struct iovec iov = {&su, sizeof(su)};
    struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};

    if (fd >= 0) {
        struct cmsghdr *c;

        msg.msg_control = &ctl;
        msg.msg_controllen = sizeof(ctl);
        c = CMSG_FIRSTHDR(&msg);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(c), &fd, sizeof(fd));
    }
    return sendmsg(sock, &msg, MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)sizeof(su);
}

static void welcome(struct net_shm_listener *l, int sock)
{
    uint64_t bytes = SHM_ROOM_OFF + l->conf.room_bytes;
    struct net_room *region = NULL;
    struct shm *m = NULL;
    int fd = -1, rc = l->hub.nr < l->conf.max ? 0 : -DER_BUSY;

    if (rc == 0)
        rc = region_make(bytes, &fd, &region);
    if (rc == 0) {
        m = shm_new(&l->hub, sock);
        rc = m != NULL ? 0 : -DER_NOMEM;
    }
    if (rc != 0) {
        if (region != NULL)
            net_room_put(region);
        l->refused++;
        send_setup(sock, -1, 0, rc);
        close(sock);
    } else {
        shm_attach(m, region, true);
        if (!send_setup(sock, fd, bytes, 0))
            m->failed = true;
        shm_wake(m);
        l->conf.accept(l->conf.arg, &m->wire);
    }
    if (fd >= 0)
        close(fd);
}

static void listen_on(struct net_shm_listener *l)
{
    if (rt_fd_arm(l->conf.xs, &l->fd, POLLIN) != 0)
        rt_timer_arm(&l->again, rt_now_ns() + AGAIN_NS);
}

static void incoming(struct rt_fd *f, uint32_t events)
{
    struct net_shm_listener *l = CONTAINER_OF(f, struct net_shm_listener, fd);

    for (uint32_t i = 0; i < ACCEPTS; i++) {
        int sock = accept4(f->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

        if (sock < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
            break;
        if (sock >= 0) {
            welcome(l, sock);
        } else if (errno != EINTR &&
                   errno != ECONNABORTED) { /* he stays, and would be told at once */
            rt_timer_arm(&l->again, rt_now_ns() + AGAIN_NS);
            return;
        }
    }
    listen_on(l);
}

static void incoming_again(struct rt_timer *t)
{
    listen_on(CONTAINER_OF(t, struct net_shm_listener, again));
}

int net_shm_answers(const char *path, uint32_t *uid)
{
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), dir = -1, rc;
    struct sockaddr_un sa;
    struct ucred cred;
    socklen_t len = sizeof(cred);

    rc = fd >= 0 ? shm_address(path, &sa, &dir) : -errno;
    if (rc == 0 && connect(fd, (const struct sockaddr *)&sa, sizeof(sa)) != 0)
        rc = -errno;
    if (uid != NULL)
        *uid = rc == 0 && getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) == 0 ? cred.uid
                                                                                    : UINT32_MAX;
    if (dir >= 0)
        close(dir);
    if (fd >= 0)
        close(fd);
    if (rc == 0 || rc == -EAGAIN)
        return 0;
    return rc == -EACCES || rc == -EPERM ? -DER_NO_PERM : -DER_UNREACH;
}

static int bind_socket(int fd, const struct net_shm_listen_conf *conf, const struct sockaddr_un *sa)
{
    mode_t mode = conf->mode != 0 ? conf->mode : 0600;
    int rc = bind(fd, (const struct sockaddr *)sa, sizeof(*sa)) == 0 ? 0 : -errno;

    if (rc == -EADDRINUSE &&
        net_shm_answers(conf->path, NULL) == -DER_UNREACH) { /* of one that died */
        unlink(sa->sun_path);
        rc = bind(fd, (const struct sockaddr *)sa, sizeof(*sa)) == 0 ? 0 : -errno;
    }
    /* nobody can connect before listen() */
    if (rc == 0 && chmod(sa->sun_path, mode) != 0)
        rc = -errno;
    if (rc == 0 && listen(fd, BACKLOG) != 0)
        rc = -errno;
    return rc;
}

static int listen_error(const char *path, int rc, struct err *e)
{
    if (rc == -EADDRINUSE)
        return err_setf(e, -DER_BUSY, "end that engine, or choose another place",
                        "an engine listens there already", "cannot listen at %.200s", path);
    if (rc == -EACCES || rc == -EPERM || rc == -EROFS)
        return err_setf(e, -DER_NO_PERM, "give the engine a directory it may write to",
                        strerror(-rc), "cannot listen at %.200s", path);
    return err_setf(e, rc == -ENOMEM || rc == -EMFILE ? -DER_NOMEM : -DER_IO,
                    "see that the directory exists and has room", strerror(-rc),
                    "cannot listen at %.200s", path);
}

int net_shm_listen(const struct net_shm_listen_conf *conf, struct net_shm_listener **out,
                   struct err *e)
{
    struct net_shm_listener *l = base_calloc(1, sizeof(*l));
    struct sockaddr_un sa;
    int rc, dir = -1;

    if (l == NULL)
        return -DER_NOMEM;
    l->conf = *conf;
    l->conf.max = conf->max != 0 ? conf->max : MAX_CONNS;
    l->conf.room_bytes = conf->room_bytes != 0 ? conf->room_bytes : NET_SHM_ROOM_DEFAULT;
    snprintf(l->path, sizeof(l->path), "%s", conf->path);
    shm_hub_init(&l->hub, conf->xs);
    l->fd.ready = incoming;
    l->again.fn = incoming_again;
    l->fd.fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    rc = l->fd.fd >= 0 ? shm_address(l->path, &sa, &dir) : -errno;
    if (rc == 0)
        rc = bind_socket(l->fd.fd, conf, &sa);
    if (dir >= 0)
        close(dir);
    if (rc == 0 && rt_fd_arm(conf->xs, &l->fd, POLLIN) != 0)
        rc = -ENOMEM;
    if (rc != 0) {
        if (l->fd.fd >= 0)
            close(l->fd.fd);
        base_free(l);
        return listen_error(conf->path, rc, e);
    }
    l->open = true;
    *out = l;
    return 0;
}

void net_shm_unlisten(struct net_shm_listener *l)
{
    if (!l->open)
        return;
    l->open = false;
    rt_timer_cancel(&l->again);
    rt_fd_disarm(l->conf.xs, &l->fd);
    close(l->fd.fd);
    unlink(l->path);
}

uint64_t net_shm_refused(const struct net_shm_listener *l)
{
    return l->refused;
}

void net_shm_free(struct net_shm_listener *l)
{
    net_shm_unlisten(l);
    shm_hub_fini(&l->hub);
    base_free(l);
}
