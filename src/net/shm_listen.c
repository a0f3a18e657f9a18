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
#include "base/hash.h"
#include "base/htable.h"
#include "base/log.h"
#include "base/proc.h"
#include "net/shm_int.h"

#define BACKLOG   1024
#define ACCEPTS   16u
#define MAX_CONNS 4096u
#define USER_MAX  2048u
#define HELLO_MS  10000u
#define NS_PER_MS UINT64_C(1000000)
/* until who wants in is looked at again, when we are out of descriptors or memory */
#define AGAIN_NS UINT64_C(20000000)
#define TELL_NS  UINT64_C(600000000000)

struct net_shm_listener {
    struct net_shm_listen_conf conf;
    struct rt_fd fd;
    struct rt_timer again;
    struct shm_hub hub;
    char path[PATH_MAX];
    bool open;
    bool told; /* the log was, that there are too many */
    uint64_t refused;
    struct htable users; /* those who are connected */
    int spare;           /* a descriptor for telling those who find none left; -1: lost */
    uint64_t silent_ns;  /* ... of one that says nothing; 0: never */
    uint64_t full_ns;    /* when the log was told that there is none left; 0: never */
    struct list fresh;   /* have not sent HELLO, by when they must */
    struct rt_timer hello;
};

/* Connections of a user. */
struct shm_user {
    struct hlink link;
    uint32_t uid, nr;
    bool told; /* the log was */
};

/* ---- Users ---- */

static struct shm_user *user_of(struct net_shm_listener *l, uint32_t uid)
{
    struct shm_user *u;

    for (struct hlink *h = htable_first(&l->users, mix64(uid)); h != NULL; h = htable_next(h)) {
        u = CONTAINER_OF(h, struct shm_user, link);
        if (u->uid == uid)
            return u;
    }
    u = base_calloc(1, sizeof(*u));
    if (u != NULL) {
        u->uid = uid;
        htable_insert(&l->users, &u->link, mix64(uid));
    }
    return u;
}

static void user_leaves(struct net_shm_listener *l, struct shm_user *u)
{
    if (--u->nr < l->conf.user_max / 2)
        u->told = false;
    if (u->nr > 0)
        return;
    htable_remove(&l->users, &u->link);
    base_free(u);
}

/* Is there room for one more? The log is told of a crowd once, until half of it has gone. */
static enum net_refusal admit(struct net_shm_listener *l, struct shm_user *u)
{
    bool crowd = l->hub.nr >= l->conf.max;
    bool *told = crowd ? &l->told : &u->told;

    if (l->hub.nr < l->conf.max / 2)
        l->told = false;
    if (!crowd && u->nr <= l->conf.user_max) /* he is counted already */
        return NET_NOT_REFUSED;
    if (!*told)
        LOG_WARN("%s: refuses connections of user %u: %s (told once)", l->path, u->uid,
                 crowd ? "there are as many as clients.max allows"
                       : "it has as many as clients.user_max allows");
    *told = true;
    return crowd ? NET_REFUSED_CROWD : NET_REFUSED_USER_CROWD;
}

/* ---- HELLO in time ---- */

static void greeted(struct shm *m)
{
    list_del(&m->fresh);
}

static void ended(struct shm *m)
{
    list_del(&m->fresh);
    user_leaves(m->listener, m->user);
}

static void impatient(struct rt_timer *t)
{
    struct net_shm_listener *l = CONTAINER_OF(t, struct net_shm_listener, hello);
    uint64_t now = rt_now_ns();

    while (!list_empty(&l->fresh)) {
        struct shm *m = LIST_ENTRY(list_first(&l->fresh), struct shm, fresh);

        if (m->fresh_ns > now) {
            rt_timer_arm(t, m->fresh_ns);
            return;
        }
        list_del(&m->fresh);
        l->refused++;
        if (l->silent_ns == 0 || now - l->silent_ns >= TELL_NS) {
            l->silent_ns = now;
            LOG_WARN("%s: process %u of user %u was disconnected: it said nothing for %u ms (told "
                     "once)",
                     l->path, m->wire.pid, m->wire.uid, l->conf.hello_ms);
        }
        shm_fail(m);
    }
}

static void await_hello(struct net_shm_listener *l, struct shm *m)
{
    m->fresh_ns = rt_now_ns() + l->conf.hello_ms * NS_PER_MS;
    if (list_empty(&l->fresh))
        rt_timer_arm(&l->hello, m->fresh_ns);
    list_add_tail(&l->fresh, &m->fresh);
}

/* ---- Connections ---- */

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

static bool send_setup(int sock, int fd, uint64_t bytes, enum net_refusal why)
{
    union {
        struct cmsghdr hdr;
        char buf[CMSG_SPACE(sizeof(int))];
    } ctl = {.buf = {0}};
    struct shm_setup su = {.magic = SHM_MAGIC,
                           .proto = NET_PROTO,
                           .rc = net_refusal_rc(why),
                           .bytes = why != NET_NOT_REFUSED ? why : bytes,
                           .room_off = SHM_ROOM_OFF};
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

static uint32_t uid_of(int sock)
{
    struct ucred cred;
    socklen_t len = sizeof(cred);

    return getsockopt(sock, SOL_SOCKET, SO_PEERCRED, &cred, &len) == 0 ? cred.uid : UINT32_MAX;
}

/* The wire of who may come in. */
static enum net_refusal wire_make(struct net_shm_listener *l, int sock, struct shm_user *u, int *fd,
                                  struct shm **out)
{
    uint64_t bytes = SHM_ROOM_OFF + l->conf.room_bytes;
    struct net_room *region;
    struct shm *m;
    enum net_refusal why = u != NULL ? admit(l, u) : NET_REFUSED_MEMORY;

    if (why == NET_NOT_REFUSED && region_make(bytes, fd, &region) != 0)
        why = NET_REFUSED_MEMORY;
    if (why != NET_NOT_REFUSED)
        return why;
    m = shm_new(&l->hub, sock);
    if (m == NULL) {
        net_room_put(region);
        return NET_REFUSED_MEMORY;
    }
    m->listener = l;
    m->user = u;
    m->first_frame = greeted;
    m->ended = ended;
    shm_attach(m, region, true);
    *out = m;
    return NET_NOT_REFUSED;
}

/* Once, and once more after a while. */
static void tell_full(struct net_shm_listener *l, const char *why)
{
    if (l->full_ns != 0 && rt_now_ns() - l->full_ns < TELL_NS)
        return;
    l->full_ns = rt_now_ns();
    LOG_WARN("cannot take more clients at %.200s: %s, with %u connected; those who come wait until "
             "others leave: raise the limit of open files (ulimit -n), or end some",
             l->path, why, l->hub.nr);
}

static void turn_back(struct net_shm_listener *l, int sock, enum net_refusal why)
{
    l->refused++;
    send_setup(sock, -1, 0, why);
    close(sock);
}

static void welcome(struct net_shm_listener *l, int sock)
{
    struct shm_user *u = user_of(l, uid_of(sock));
    struct shm *m = NULL;
    enum net_refusal why;
    int fd = -1;

    if (u != NULL)
        u->nr++;
    why = wire_make(l, sock, u, &fd, &m);
    if (why != NET_NOT_REFUSED) {
        if (why == NET_REFUSED_MEMORY) /* admit() has told of the others */
            tell_full(l, "there is no memory or descriptor left");
        turn_back(l, sock, why);
        if (u != NULL)
            user_leaves(l, u);
    } else {
        if (!send_setup(sock, fd, SHM_ROOM_OFF + l->conf.room_bytes, NET_NOT_REFUSED))
            m->failed = true;
        m->wire.born = proc_born(m->wire.pid);
        await_hello(l, m);
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

/* Out of descriptors: who comes is told, with the one that was kept for that. False: nobody came,
 * or cannot be told. */
static bool turn_away(struct net_shm_listener *l)
{
    int sock;

    tell_full(l, "no descriptor is left");
    if (l->spare < 0)
        return false;
    close(l->spare);
    sock = accept4(l->fd.fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (sock >= 0)
        turn_back(l, sock, NET_REFUSED_MEMORY);
    l->spare = open("/dev/null", O_RDONLY | O_CLOEXEC);
    return sock >= 0;
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
        } else if ((errno == EMFILE || errno == ENFILE) && turn_away(l)) {
            continue;
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

int net_shm_answers(const char *path, struct net_shm_host *host)
{
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), dir = -1, rc;
    struct sockaddr_un sa;
    struct ucred cred;
    socklen_t len = sizeof(cred);

    rc = fd >= 0 ? shm_address(path, &sa, &dir) : -errno;
    if (rc == 0 && connect(fd, (const struct sockaddr *)&sa, sizeof(sa)) != 0)
        rc = -errno;
    if (host != NULL)
        *host = rc == 0 && getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) == 0
                    ? (struct net_shm_host){cred.uid, (uint32_t)cred.pid}
                    : (struct net_shm_host){UINT32_MAX, 0};
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
    l->conf.user_max = conf->user_max != 0 ? conf->user_max : USER_MAX;
    l->conf.hello_ms = conf->hello_ms != 0 ? conf->hello_ms : HELLO_MS;
    snprintf(l->path, sizeof(l->path), "%s", conf->path);
    shm_hub_init(&l->hub, conf->xs);
    l->fd.ready = incoming;
    l->again.fn = incoming_again;
    l->hello.fn = impatient;
    list_init(&l->fresh);
    htable_init(&l->users);
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
    l->spare = open("/dev/null", O_RDONLY | O_CLOEXEC);
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
    if (l->spare >= 0)
        close(l->spare);
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
    rt_timer_cancel(&l->hello);
    htable_fini(&l->users);
    base_free(l);
}
