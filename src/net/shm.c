/* Wires through shared memory: see net/shm.h. Their ends: shm_dial.c, shm_listen.c. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <daos_errno.h>

#include "base/assert.h"
#include "base/fail.h"
#include "base/log.h"
#include "net/shm_int.h"

#define PAGE       4096u
#define CTL_STEP   256u
#define FRAME_MAX  (4u << 20) /* assembled from records; the rest travels through the room */
#define BATCH      32u        /* records of one wire in one turn */
#define IDLE_TURNS 2000u      /* without anything: it dozes */
#define QUEUE_MAX  (1u << 20)

_Static_assert(SHM_ROOM_OFF >= PAGE + 2 * SHM_RING_BYTES &&
                   2 * CTL_STEP >= CTL_STEP + sizeof(struct ring_ctl),
               "layout");

/* A frame that found no room in the ring. */
struct queued {
    struct list link;
    uint32_t len, sent;
    uint8_t bytes[];
};

/* ---- The region ---- */

static void region_unmap(struct net_room *r)
{
    munmap(r->base, r->len);
    base_free(r);
}

int shm_region_map(int fd, uint64_t bytes, struct net_room **out)
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

static void room_end(struct net_room *r)
{
    struct shm *m = CONTAINER_OF(r, struct shm, room);

    if (m->region != NULL)
        net_room_put(m->region);
    base_free(m->wire.groups);
    base_free(m);
}

void shm_attach(struct shm *m, struct net_room *region, bool engine)
{
    struct ring_ctl *there = (struct ring_ctl *)(void *)region->base;
    struct ring_ctl *back = (struct ring_ctl *)(void *)(region->base + CTL_STEP);
    uint8_t *data = region->base + PAGE;

    m->region = region;
    m->room.base = region->base + SHM_ROOM_OFF;
    m->room.len = region->len - SHM_ROOM_OFF;
    m->wire.room = &m->room;
    m->engine = engine;
    ring_tx_init(&m->tx, engine ? back : there, data + (engine ? SHM_RING_BYTES : 0),
                 SHM_RING_BYTES);
    ring_rx_init(&m->rx, engine ? there : back, data + (engine ? 0 : SHM_RING_BYTES),
                 SHM_RING_BYTES);
    m->up = true;
}

/* ---- Sending ---- */

static void bell(const struct shm *m)
{
    /* refused when the other side has enough of them to read */
    ssize_t n = send(m->fd.fd, "", 1, MSG_DONTWAIT | MSG_NOSIGNAL);

    (void)n;
}

void shm_fail(struct shm *m)
{
    if (m->failed)
        return;
    m->failed = true;
    shm_wake(m); /* broken() comes with the next turn */
}

static void name(const struct net_wire *w, struct net_name *n)
{
    memset(n->who, 0, sizeof(n->who));
    memcpy(n->who, &w->uid, sizeof(w->uid));
    snprintf(n->text, sizeof(n->text), "process %u of user %u", w->pid, w->uid);
}

/* What the other side wrote into the memory that both share makes no sense. */
static void refuse(struct shm *m)
{
    struct net_name n;

    name(&m->wire, &n);
    if (m->engine && !m->failed && told_is_news(&m->hub->told, n.who, 0, rt_now_ns()))
        LOG_WARN("%s was disconnected: what it wrote into the memory that it shares with this "
                 "engine are no frames; see what it runs (told once)",
                 n.text);
    shm_fail(m);
}

/* Puts what is left of a frame into the ring. True: all of it. */
static bool put(struct shm *m, const uint8_t *p, uint32_t len, uint32_t *sent)
{
    while (*sent < len) {
        uint32_t n = MIN(len - *sent, ring_record_max(SHM_RING_BYTES));
        int rc = ring_put(&m->tx, p + *sent, n, *sent + n < len);

        if (rc == RING_FULL) {
            rc = ring_starve(&m->tx);
            if (rc == 0)
                return false;
            if (rc > 0)
                continue;
        }
        if (rc < 0) {
            refuse(m);
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
        net_wire_took(&m->wire, q->len);
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
        shm_fail(m);
        return;
    }
    if (!m->engine && !m->awake && m->up) /* an answer will come, and be looked for */
        shm_wake(m);
    if (m->up && list_empty(&m->queue) && put(m, frame, (uint32_t)len, &sent))
        return;
    if (m->failed)
        return;
    q = base_alloc(sizeof(*q) + len - sent);
    if (q == NULL) {
        shm_fail(m); /* half of it may have gone: the connection is of no use any more */
        return;
    }
    q->len = (uint32_t)(len - sent);
    q->sent = 0;
    memcpy(q->bytes, (const uint8_t *)frame + sent, q->len);
    list_add_tail(&m->queue, &q->link);
    m->queued += q->len;
    net_wire_waits(&m->wire, q->len);
}

/* Its owner wants nothing now; or: who does not take his answers is asked for no more requests:
 * what waits for him is bounded. */
static bool deaf(const struct shm *m)
{
    return m->wire.held || (m->engine && m->queued > QUEUE_MAX);
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
    struct shm_hub *h = m->hub;
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
            if (rc == -DER_PROTO)
                refuse(m);
            else
                shm_fail(m);
            break;
        }
        if (ring_next(&m->rx, len))
            bell(m);
        if (more)
            continue;
        if (!m->heard) {
            m->heard = true;
            if (m->first_frame != NULL)
                m->first_frame(m);
        }
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

void shm_wake(struct shm *m)
{
    struct shm_hub *h = m->hub;

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

static void free_closed(struct shm_hub *h, struct list *l)
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
    struct shm_hub *h = CONTAINER_OF(p, struct shm_hub, poller);
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
    struct shm_hub *h = CONTAINER_OF(p, struct shm_hub, poller);
    struct list *it, *next;
    bool any = false;

    LIST_FOREACH_SAFE(it, next, &h->active)
    any |= !doze(LIST_ENTRY(it, struct shm, link));
    return any;
}

void shm_hub_init(struct shm_hub *h, struct rt_xs *xs)
{
    h->xs = xs;
    list_init(&h->active);
    list_init(&h->dozing);
}

void shm_hub_fini(struct shm_hub *h)
{
    ASSERT(h->nr == 0);
    if (h->polling)
        rt_poller_del(h->xs, &h->poller);
}

/* ---- The socket ---- */

void shm_close(struct net_wire *w)
{
    struct shm *m = CONTAINER_OF(w, struct shm, wire);
    struct shm_hub *h = m->hub;

    ASSERT(!m->closed);
    if (m->up && !m->failed)
        flush(m);
    if (m->ended != NULL)
        m->ended(m);
    m->closed = true;
    h->closed++;
    rt_fd_disarm(h->xs, &m->fd);
    shutdown(m->fd.fd, SHUT_RDWR); /* a child that was forked meanwhile holds it too */
    close(m->fd.fd);
    if (!h->running)
        free_now(m);
}

static void release(struct net_wire *w)
{
    shm_wake(CONTAINER_OF(w, struct shm, wire));
}

static const struct net_wire_ops shm_ops = {
    .send = shm_send, .close = shm_close, .release = release, .name = name};

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

void shm_ready(struct rt_fd *f, uint32_t events)
{
    struct shm *m = CONTAINER_OF(f, struct shm, fd);

    if (!hear(m) || events & (POLLERR | POLLHUP | POLLRDHUP))
        m->hung = true;
    shm_wake(m);
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

struct shm *shm_new(struct shm_hub *h, int fd)
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
    m->fd = (struct rt_fd){.fd = fd, .ready = shm_ready};
    list_init(&m->queue);
    list_init(&m->fresh);
    list_add_tail(&h->dozing, &m->link);
    h->nr++;
    return m;
}

int shm_address(const char *path, struct sockaddr_un *sa, int *dir)
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
