/* Wires through shared memory: see net/shm.h. */
#include "net/shm.h"

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

#include "base/assert.h"
#include "base/fail.h"
#include "base/list.h"
#include "net/ring.h"
#include "rt/rt.h"

#define MAGIC      UINT64_C(0x304d48534e524154) /* "TARNSHM0" */
#define PAGE       4096u
#define CTL_STEP   256u
#define RING_BYTES 65536u
#define ROOM_OFF   (256u << 10)
#define FRAME_MAX  (4u << 20) /* assembled from records; the rest travels through the room */
#define BATCH      32u        /* records of one wire in one turn */
#define IDLE_TURNS 2000u      /* without anything: it dozes */
#define QUEUE_MAX  (1u << 20)
#define BACKLOG    1024
#define ACCEPTS    16u
#define MAX_CONNS  4096u
#define AGAIN_NS                                                                                   \
    UINT64_C(20000000) /* until who wants in is looked at again, when we are out of descriptors or \
                          memory */

_Static_assert(ROOM_OFF >= PAGE + 2 * RING_BYTES &&
                   2 * CTL_STEP >= CTL_STEP + sizeof(struct ring_ctl),
               "layout");

/* What the engine sends first, with the memfd. rc: why there is none. */
struct setup {
    uint64_t magic;
    uint32_t proto;
    int32_t rc;
    uint64_t bytes, room_off;
};

/* Wires of one listener or dialer on one xstream. */
struct hub {
    struct rt_xs *xs;
    struct rt_poller poller;
    bool polling;       /* the poller is there */
    bool running;       /* in its walk: what is closed meanwhile is freed behind it */
    struct list active; /* polled each turn */
    struct list dozing;
    uint32_t nr, closed;           /* wires; those that a walk has still to free */
    uint8_t frame[RING_BYTES / 4]; /* one that is being received */
};

/* A frame that found no room in the ring. */
struct queued {
    struct list link;
    uint32_t len, sent;
    uint8_t bytes[];
};

struct shm {
    struct net_wire wire;
    struct hub *hub;
    struct list link;
    struct rt_fd fd;
    struct net_room *region;
    struct net_room room; /* the part for bulk */
    struct ring_tx tx;
    struct ring_rx rx;
    bool engine; /* the answering side */
    bool awake;  /* among the active */
    bool up;     /* the region is there */
    bool closed; /* the owner is done with it */
    bool hung;   /* the other side is gone; what it sent still counts */
    bool failed; /* broken() is due, or was */
    uint32_t idle;
    struct list queue;
    uint64_t queued; /* bytes in it */
    uint8_t *part;   /* of a frame in several records */
    uint32_t part_len, part_cap;
};

struct net_shm_listener {
    struct net_shm_listen_conf conf;
    struct rt_fd fd;
    struct rt_timer again;
    struct hub hub;
    char path[PATH_MAX];
    bool open;
};

struct shm_dialer {
    struct net_dialer dialer;
    struct hub hub;
    uint32_t uid;
    char path[PATH_MAX];
};

/* ---- The region ---- */

static void region_unmap(struct net_room *r)
{
    munmap(r->base, r->len);
    base_free(r);
}

static int region_map(int fd, uint64_t bytes, struct net_room **out)
{
    struct net_room *r = base_alloc(sizeof(*r));
    void *p;

    if (r == NULL)
        return -DER_NOMEM;
    p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, fd, 0);
    if (p == MAP_FAILED) {
        base_free(r);
        return -DER_NOMEM;
    }
    madvise(p, bytes, MADV_DONTFORK); /* a child's connection is its own */
    *r = (struct net_room){.base = p, .len = bytes, .refs = 1, .end = region_unmap};
    *out = r;
    return 0;
}

static int region_make(uint64_t bytes, int *fd_out, struct net_room **out)
{
    int fd = memfd_create("tarn-shm", MFD_CLOEXEC | MFD_ALLOW_SEALING), rc;

    if (fd < 0)
        return -DER_NOMEM;
    if (ftruncate(fd, (off_t)bytes) != 0 ||
        fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0)
        rc = -DER_NOMEM;
    else
        rc = region_map(fd, bytes, out);
    if (rc != 0)
        close(fd);
    *fd_out = fd;
    return rc;
}

static void room_end(struct net_room *r)
{
    struct shm *m = CONTAINER_OF(r, struct shm, room);

    if (m->region != NULL)
        net_room_put(m->region);
    base_free(m->wire.groups);
    base_free(m);
}

/* engine: this side answers. */
static void attach(struct shm *m, struct net_room *region, bool engine)
{
    struct ring_ctl *there = (struct ring_ctl *)(void *)region->base;
    struct ring_ctl *back = (struct ring_ctl *)(void *)(region->base + CTL_STEP);
    uint8_t *data = region->base + PAGE;

    m->region = region;
    m->room.base = region->base + ROOM_OFF;
    m->room.len = region->len - ROOM_OFF;
    m->wire.room = &m->room;
    m->engine = engine;
    ring_tx_init(&m->tx, engine ? back : there, data + (engine ? RING_BYTES : 0), RING_BYTES);
    ring_rx_init(&m->rx, engine ? there : back, data + (engine ? 0 : RING_BYTES), RING_BYTES);
    m->up = true;
}

/* ---- Sending ---- */

static void bell(const struct shm *m)
{
    /* refused when the other side has enough of them to read */
    ssize_t n = send(m->fd.fd, "", 1, MSG_DONTWAIT | MSG_NOSIGNAL);

    (void)n;
}

static void wake(struct shm *m);

static void fail(struct shm *m)
{
    if (m->failed)
        return;
    m->failed = true;
    wake(m); /* broken() comes with the next turn */
}

/* Puts what is left of a frame into the ring. True: all of it. */
static bool put(struct shm *m, const uint8_t *p, uint32_t len, uint32_t *sent)
{
    while (*sent < len) {
        uint32_t n = MIN(len - *sent, ring_record_max(RING_BYTES));
        int rc = ring_put(&m->tx, p + *sent, n, *sent + n < len);

        if (rc == RING_FULL) {
            rc = ring_starve(&m->tx);
            if (rc == 0)
                return false;
            if (rc > 0)
                continue;
        }
        if (rc < 0) {
            fail(m);
            return false;
        }
        *sent += n;
        if (rc == RING_WAKE)
            bell(m);
    }
    return true;
}

static bool flush(struct shm *m)
{
    bool any = false;

    while (m->up && !m->failed && !list_empty(&m->queue)) {
        struct queued *q = LIST_ENTRY(list_first(&m->queue), struct queued, link);
        uint32_t before = q->sent;

        if (!put(m, q->bytes, q->len, &q->sent))
            return any || q->sent > before;
        any = true;
        m->queued -= q->len;
        list_del(&q->link);
        base_free(q);
    }
    return any;
}

static void shm_send(struct net_wire *w, const void *frame, size_t len)
{
    struct shm *m = CONTAINER_OF(w, struct shm, wire);
    struct queued *q;
    uint32_t sent = 0;

    if (m->failed)
        return;
    if (len > FRAME_MAX) {
        fail(m);
        return;
    }
    if (!m->engine && !m->awake && m->up) /* an answer will come, and be looked for */
        wake(m);
    if (m->up && list_empty(&m->queue) && put(m, frame, (uint32_t)len, &sent))
        return;
    if (m->failed)
        return;
    q = base_alloc(sizeof(*q) + len - sent);
    if (q == NULL) {
        fail(m); /* half of it may have gone: the connection is of no use any more */
        return;
    }
    q->len = (uint32_t)(len - sent);
    q->sent = 0;
    memcpy(q->bytes, (const uint8_t *)frame + sent, q->len);
    list_add_tail(&m->queue, &q->link);
    m->queued += q->len;
}

/* Who does not take his answers is asked for no more requests: what waits for him is bounded. */
static bool deaf(const struct shm *m)
{
    return m->engine && m->queued > QUEUE_MAX;
}

/* ---- Receiving ---- */

/* A record of a frame in several. -DER_PROTO, -DER_NOMEM. */
static int assemble(struct shm *m, const void *p, uint32_t len)
{
    if (len > FRAME_MAX - m->part_len)
        return -DER_PROTO;
    if (m->part_len + len > m->part_cap) {
        uint32_t cap = MIN(FRAME_MAX, MAX(2 * m->part_cap, m->part_len + len));
        uint8_t *b = base_realloc(m->part, cap);

        if (b == NULL)
            return -DER_NOMEM;
        m->part = b;
        m->part_cap = cap;
    }
    memcpy(m->part + m->part_len, p, len);
    m->part_len += len;
    return 0;
}

static void part_end(struct shm *m)
{
    base_free(m->part);
    m->part = NULL;
    m->part_len = m->part_cap = 0;
}

/* Gives the owner what has come. Whether there was anything. */
static bool receive(struct shm *m)
{
    struct hub *h = m->hub;
    uint32_t n = 0;

    while (n < BATCH && m->up && !m->closed && !m->failed && !deaf(m)) {
        const void *p;
        uint32_t len;
        bool more;
        int rc = ring_peek(&m->rx, &p, &len, &more);

        if (rc == 0)
            break;
        n++;
        if (rc == 1 && (more || m->part_len > 0)) {
            rc = assemble(m, p, len);
            rc = rc == 0 ? 1 : rc;
        } else if (rc == 1) {
            memcpy(h->frame, p, len);
        }
        if (rc != 1) {
            fail(m);
            break;
        }
        if (ring_next(&m->rx, len))
            bell(m);
        if (more)
            continue;
        if (m->part_len == 0) {
            m->wire.received(&m->wire, h->frame, len);
            continue;
        }
        m->wire.received(&m->wire, m->part, m->part_len);
        part_end(m);
    }
    return n > 0;
}

/* ---- Awake and dozing ---- */

static bool hub_poll(struct rt_poller *p);
static bool hub_doze(struct rt_poller *p);

static void wake(struct shm *m)
{
    struct hub *h = m->hub;

    m->idle = 0;
    if (!m->awake) {
        list_del(&m->link);
        list_add_tail(&h->active, &m->link);
        m->awake = true;
    }
    if (!h->polling) {
        h->poller = (struct rt_poller){.poll = hub_poll, .doze = hub_doze};
        rt_poller_add(h->xs, &h->poller);
        h->polling = true;
    }
    if (m->up)
        ring_awake(&m->rx);
}

/* From now on the socket wakes it. False: there is something. */
static bool doze(struct shm *m)
{
    if (m->failed || (m->up && !deaf(m) && ring_doze(&m->rx)))
        return false;
    if (m->up && !list_empty(&m->queue) && ring_starve(&m->tx) != 0) {
        ring_awake(&m->rx);
        return false;
    }
    if (rt_fd_arm(m->hub->xs, &m->fd, POLLIN | POLLRDHUP) != 0) {
        if (m->up)
            ring_awake(&m->rx);
        return false;
    }
    list_del(&m->link);
    list_add_tail(&m->hub->dozing, &m->link);
    m->awake = false;
    return true;
}

static void free_now(struct shm *m)
{
    list_del(&m->link);
    m->hub->nr--;
    m->hub->closed -= m->closed;
    while (!list_empty(&m->queue)) {
        struct queued *q = LIST_ENTRY(list_first(&m->queue), struct queued, link);

        list_del(&q->link);
        base_free(q);
    }
    part_end(m);
    m->hub = NULL;
    net_room_put(&m->room);
}

static void free_closed(struct hub *h, struct list *l)
{
    struct list *it, *next;

    LIST_FOREACH_SAFE(it, next, l)
    {
        struct shm *m = LIST_ENTRY(it, struct shm, link);

        if (m->closed)
            free_now(m);
    }
}

/* One wire's turn; whether anything happened. */
static bool turn(struct shm *m)
{
    bool some = !list_empty(&m->queue) && flush(m);

    some |= receive(m);
    if (m->hung && !some)
        m->failed = true;
    if (m->failed && !m->closed && m->wire.broken != NULL) {
        m->wire.broken(&m->wire); /* and he closes it */
        some = true;
    }
    return some;
}

static bool hub_poll(struct rt_poller *p)
{
    struct hub *h = CONTAINER_OF(p, struct hub, poller);
    struct list *it, *next;
    bool any = false;

    h->running = true;
    LIST_FOREACH_SAFE(it, next, &h->active)
    {
        struct shm *m = LIST_ENTRY(it, struct shm, link);
        bool some = !m->closed && turn(m);

        any |= some;
        m->idle = some ? 0 : m->idle + 1;
        if (m->idle > IDLE_TURNS && !m->closed) {
            m->idle = 0;
            doze(m);
        }
    }
    h->running = false;
    if (h->closed > 0) {
        free_closed(h, &h->active);
        free_closed(h, &h->dozing);
    }
    if (list_empty(&h->active) && h->polling) {
        rt_poller_del(h->xs, &h->poller);
        h->polling = false;
    }
    return any;
}

static bool hub_doze(struct rt_poller *p)
{
    struct hub *h = CONTAINER_OF(p, struct hub, poller);
    struct list *it, *next;
    bool any = false;

    LIST_FOREACH_SAFE(it, next, &h->active)
    any |= !doze(LIST_ENTRY(it, struct shm, link));
    return any;
}

static void hub_init(struct hub *h, struct rt_xs *xs)
{
    h->xs = xs;
    list_init(&h->active);
    list_init(&h->dozing);
}

static void hub_fini(struct hub *h)
{
    ASSERT(h->nr == 0);
    if (h->polling)
        rt_poller_del(h->xs, &h->poller);
}

/* ---- The socket ---- */

static void shm_close(struct net_wire *w)
{
    struct shm *m = CONTAINER_OF(w, struct shm, wire);
    struct hub *h = m->hub;

    ASSERT(!m->closed);
    if (m->up && !m->failed)
        flush(m);
    m->closed = true;
    h->closed++;
    rt_fd_disarm(h->xs, &m->fd);
    shutdown(m->fd.fd, SHUT_RDWR); /* a child that was forked meanwhile holds it too */
    close(m->fd.fd);
    if (!h->running)
        free_now(m);
}

static const struct net_wire_ops shm_ops = {.send = shm_send, .close = shm_close};

/* Empties the socket of what woke us. False: the other side is gone. */
static bool hear(struct shm *m)
{
    char buf[64];

    for (uint32_t i = 0; i < BATCH; i++) {
        ssize_t n = recv(m->fd.fd, buf, sizeof(buf), MSG_DONTWAIT);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return errno == EAGAIN || errno == EWOULDBLOCK;
        if (n == 0)
            return false;
    }
    return true;
}

static void ready(struct rt_fd *f, uint32_t events)
{
    struct shm *m = CONTAINER_OF(f, struct shm, fd);

    if (!hear(m) || events & (POLLERR | POLLHUP | POLLRDHUP))
        m->hung = true;
    wake(m);
}

static void peer_groups(struct shm *m, int fd)
{
    socklen_t len = 0;

    if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, NULL, &len) == 0 || errno != ERANGE)
        return;
    m->wire.groups = base_alloc(len);
    if (m->wire.groups != NULL &&
        getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, m->wire.groups, &len) == 0)
        m->wire.groups_nr = len / sizeof(*m->wire.groups);
}

static struct shm *shm_new(struct hub *h, int fd)
{
    struct shm *m = base_calloc(1, sizeof(*m));
    struct ucred cred;
    socklen_t len = sizeof(cred);

    if (m == NULL)
        return NULL;
    m->wire = (struct net_wire){
        .ops = &shm_ops, .uid = UINT32_MAX, .gid = UINT32_MAX, .pid = UINT32_MAX, .local = true};
    m->room = (struct net_room){.refs = 1, .end = room_end};
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) == 0) {
        m->wire.uid = cred.uid;
        m->wire.gid = cred.gid;
        m->wire.pid = (uint32_t)cred.pid;
    }
    peer_groups(m, fd);
    m->hub = h;
    m->fd = (struct rt_fd){.fd = fd, .ready = ready};
    list_init(&m->queue);
    list_add_tail(&h->dozing, &m->link);
    h->nr++;
    return m;
}

/* A name for a path of any length: sun_path takes 107 bytes. *dir: to be closed afterwards. */
static int address(const char *path, struct sockaddr_un *sa, int *dir)
{
    const char *slash = strrchr(path, '/');
    char head[PATH_MAX];
    int n;

    *dir = -1;
    memset(sa, 0, sizeof(*sa));
    sa->sun_family = AF_UNIX;
    if (strlen(path) < sizeof(sa->sun_path)) {
        strcpy(sa->sun_path, path);
        return 0;
    }
    if (slash == NULL || (size_t)(slash - path) >= sizeof(head))
        return -ENAMETOOLONG;
    snprintf(head, sizeof(head), "%.*s", (int)(slash - path), path);
    *dir = open(head, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (*dir < 0)
        return -errno;
    n = snprintf(sa->sun_path, sizeof(sa->sun_path), "/proc/self/fd/%d/%s", *dir, slash + 1);
    if (n < 0 || (size_t)n >= sizeof(sa->sun_path)) {
        close(*dir);
        return -ENAMETOOLONG;
    }
    return 0;
}

/* ---- The dialing side ---- */

/* Checked as a hostile engine's: what is not that large, or may shrink, would end us by a signal.
 */
static bool is_sound(const struct setup *su, int fd)
{
    int seals = fd >= 0 ? fcntl(fd, F_GET_SEALS) : -1;
    struct stat st;

    return su->magic == MAGIC && su->proto == NET_PROTO && su->rc == 0 &&
           su->room_off == ROOM_OFF && su->bytes > ROOM_OFF && seals >= 0 &&
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
    struct setup su;
    struct iovec iov = {&su, sizeof(su)};
    struct msghdr msg = {
        .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &ctl, .msg_controllen = sizeof(ctl)};
    ssize_t n = recvmsg(m->fd.fd, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    struct net_room *region;
    int fd, rc = -DER_PROTO;

    if (n < 0)
        return errno == EAGAIN || errno == EINTR ? -DER_AGAIN : -DER_PROTO;
    fd = take_fd(&msg);
    if (n == (ssize_t)sizeof(su) && !(msg.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) &&
        is_sound(&su, fd))
        rc = region_map(fd, su.bytes, &region);
    if (fd >= 0)
        close(fd);
    if (rc == 0)
        attach(m, region, false);
    return rc;
}

static void ready_setup(struct rt_fd *f, uint32_t events)
{
    struct shm *m = CONTAINER_OF(f, struct shm, fd);
    int rc = take_setup(m);

    if (rc == -DER_AGAIN && !(events & (POLLERR | POLLHUP | POLLRDHUP)) &&
        rt_fd_arm(m->hub->xs, f, POLLIN | POLLRDHUP) == 0)
        return;
    f->ready = ready;
    if (rc != 0)
        m->failed = true;
    wake(m);
}

static int dial(struct net_dialer *dialer, struct net_wire **w)
{
    struct shm_dialer *d = CONTAINER_OF(dialer, struct shm_dialer, dialer);
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), dir, rc;
    struct sockaddr_un sa;
    struct shm *m;

    if (fd < 0)
        return -DER_NOMEM;
    rc = address(d->path, &sa, &dir);
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
    hub_init(&d->hub, xs);
    *out = &d->dialer;
    return 0;
}

void net_shm_dialer_free(struct net_dialer *dialer)
{
    struct shm_dialer *d = CONTAINER_OF(dialer, struct shm_dialer, dialer);

    hub_fini(&d->hub);
    base_free(d);
}

static void close_all(struct list *l)
{
    struct list *it;

    LIST_FOREACH(it, l)
    close(LIST_ENTRY(it, struct shm, link)->fd.fd);
}

void net_shm_dialer_forked(struct net_dialer *dialer)
{
    struct shm_dialer *d = CONTAINER_OF(dialer, struct shm_dialer, dialer);

    close_all(&d->hub.active);
    close_all(&d->hub.dozing);
}

/* ---- The answering side ---- */

static bool send_setup(int sock, int fd, uint64_t bytes, int rc)
{
    union {
        struct cmsghdr hdr;
        char buf[CMSG_SPACE(sizeof(int))];
    } ctl = {.buf = {0}};
    struct setup su = {
        .magic = MAGIC, .proto = NET_PROTO, .rc = rc, .bytes = bytes, .room_off = ROOM_OFF};
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
    uint64_t bytes = ROOM_OFF + l->conf.room_bytes;
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
        send_setup(sock, -1, 0, rc);
        close(sock);
    } else {
        attach(m, region, true);
        if (!send_setup(sock, fd, bytes, 0))
            m->failed = true;
        wake(m);
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

int net_shm_answers(const char *path, struct net_shm_host *host)
{
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), dir = -1, rc;
    struct sockaddr_un sa;
    struct ucred cred;
    socklen_t len = sizeof(cred);

    rc = fd >= 0 ? address(path, &sa, &dir) : -errno;
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
    snprintf(l->path, sizeof(l->path), "%s", conf->path);
    hub_init(&l->hub, conf->xs);
    l->fd.ready = incoming;
    l->again.fn = incoming_again;
    l->fd.fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    rc = l->fd.fd >= 0 ? address(l->path, &sa, &dir) : -errno;
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

void net_shm_free(struct net_shm_listener *l)
{
    net_shm_unlisten(l);
    hub_fini(&l->hub);
    base_free(l);
}
