/*
 * Wires over TCP: see net/tcp.h. What is sent is copied into blocks, and blocks leave in the hub's
 * walk. What comes is received into the hub's buffer and parsed there; what is left of it belongs
 * to the wire (in) until the rest has come. Invariant: before receiving, in holds no whole frame.
 */
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <daos_errno.h>

#include "base/assert.h"
#include "base/fail.h"
#include "net/tcp_int.h"

#define BUF_BYTES   (64u << 10)
#define BLOCK_BYTES (32u << 10)
#define SPARES      16u
#define IOVS        16u
#define DIRECT      (16u << 10) /* frames from there on leave at once, uncopied */
#define EAGER       (64u << 10) /* bytes that do not wait for the end of the turn */
#define FRAMES_LATE 8u          /* between turns of a driven xstream: no more wait */
#define BYTES_LATE  (16u << 10)
#define QUEUE_MAX   (1u << 20)
#define IN_LEAST    (16u << 10)
#define ROUNDS      8u /* recvs of one wire in one turn */
#define IDLE_TURNS  8u /* without anything: it dozes */
#define HELLO_MAX   4096u

_Static_assert(DIRECT <= BLOCK_BYTES - 64 && HELLO_MAX < BUF_BYTES, "sizes");

struct block {
    struct list link;
    uint32_t cap, len, sent;
    uint8_t bytes[];
};

/* ---- Blocks ---- */

static struct block *block_new(struct tcp_hub *h, size_t len)
{
    uint32_t cap = BLOCK_BYTES - (uint32_t)sizeof(struct block);
    struct block *b;

    if (len <= cap && !list_empty(&h->spare)) {
        b = LIST_ENTRY(list_pop(&h->spare), struct block, link);
        h->spares--;
    } else {
        cap = MAX(cap, (uint32_t)len);
        b = base_alloc(sizeof(*b) + cap);
        if (b == NULL)
            return NULL;
        b->cap = cap;
    }
    b->len = b->sent = 0;
    return b;
}

static void block_end(struct tcp_hub *h, struct block *b)
{
    list_del(&b->link);
    if (b->cap > BLOCK_BYTES || h->spares >= SPARES) {
        base_free(b);
        return;
    }
    list_add(&h->spare, &b->link);
    h->spares++;
}

/* What is only of use while something happens. */
static void hub_rest(struct tcp_hub *h)
{
    base_free(h->buf);
    h->buf = NULL;
    while (!list_empty(&h->spare))
        base_free(LIST_ENTRY(list_pop(&h->spare), struct block, link));
    h->spares = 0;
}

/* ---- Awake ---- */

static bool hub_poll(struct rt_poller *p);
static bool hub_doze(struct rt_poller *p);

static void wake(struct tcp *m)
{
    struct tcp_hub *h = m->hub;

    m->idle = 0;
    if (!m->awake) { /* not moved otherwise: a walk may stand on it */
        list_del(&m->link);
        list_add_tail(&h->active, &m->link);
        m->awake = true;
        h->stat.dozing--;
    }
    if (h->polling)
        return;
    h->poller = (struct rt_poller){.poll = hub_poll, .doze = hub_doze};
    rt_poller_add(h->xs, &h->poller);
    h->polling = true;
}

void tcp_fail(struct tcp *m)
{
    if (m->failed)
        return;
    m->failed = true;
    wake(m); /* broken() comes with the next turn */
}

void tcp_refuse(struct tcp *m, enum tcp_why why)
{
    m->hub->stat.refused++;
    tcp_tell(m->hub, &m->peer, why, m->proto);
    tcp_fail(m);
}

/* Who does not take his answers is asked for no more requests: what waits for him is bounded. */
static bool deaf(const struct tcp *m)
{
    return !m->hub->dials && m->queued > QUEUE_MAX;
}

static int arm(struct tcp *m)
{
    return rt_fd_arm(m->hub->xs, &m->fd, (deaf(m) ? 0 : POLLIN) | (m->blocked ? POLLOUT : 0));
}

/* ---- Sending ---- */

static void append(struct tcp *m, const uint8_t *p, size_t len)
{
    struct list *last = list_last(&m->queue);
    struct block *b = last != NULL ? LIST_ENTRY(last, struct block, link) : NULL;

    m->queued += len;
    m->hub->stat.queued += len;
    while (len > 0) {
        uint32_t n;

        if (b == NULL || b->len == b->cap) {
            b = block_new(m->hub, len);
            if (b == NULL) {
                tcp_fail(m); /* half of it may have gone: the connection is of no use any more */
                return;
            }
            list_add_tail(&m->queue, &b->link);
        }
        n = (uint32_t)MIN(len, b->cap - b->len);
        memcpy(b->bytes + b->len, p, n);
        b->len += n;
        p += n;
        len -= n;
    }
}

static size_t gather(const struct tcp *m, struct iovec iov[IOVS])
{
    struct list *l;
    size_t nr = 0;

    LIST_FOREACH(l, &m->queue)
    {
        struct block *b = LIST_ENTRY(l, struct block, link);

        if (nr == IOVS)
            break;
        iov[nr++] = (struct iovec){b->bytes + b->sent, b->len - b->sent};
    }
    return nr;
}

/* n bytes have gone; how many of them were not the queue's. */
static size_t gone(struct tcp *m, size_t n)
{
    while (n > 0 && !list_empty(&m->queue)) {
        struct block *b = LIST_ENTRY(list_first(&m->queue), struct block, link);
        uint32_t k = (uint32_t)MIN(n, b->len - b->sent);

        b->sent += k;
        n -= k;
        m->queued -= k;
        m->hub->stat.queued -= k;
        if (b->sent == b->len)
            block_end(m->hub, b);
    }
    return n;
}

/* Sends what waits and then the frame, as far as the socket takes it; how much of the frame. */
static size_t push(struct tcp *m, const uint8_t *frame, size_t len)
{
    size_t done = 0;

    m->waiting = 0;
    while (m->up && !m->failed && !m->blocked && (m->queued > 0 || done < len)) {
        struct iovec iov[IOVS];
        struct msghdr msg = {.msg_iov = iov, .msg_iovlen = gather(m, iov)};
        ssize_t n;

        if (msg.msg_iovlen < IOVS && done < len)
            iov[msg.msg_iovlen++] = (struct iovec){(void *)(uintptr_t)(frame + done), len - done};
        n = sendmsg(m->fd.fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);
        m->hub->stat.sends++;
        if (n >= 0) {
            done += gone(m, (size_t)n);
        } else if (errno == EAGAIN || errno == EWOULDBLOCK || errno == ENOBUFS) {
            m->blocked = true;
            if (arm(m) != 0)
                tcp_fail(m);
        } else if (errno != EINTR) {
            tcp_fail(m);
        }
    }
    return done;
}

/* Whether anything went. */
static bool flush(struct tcp *m)
{
    uint64_t before = m->queued;

    push(m, NULL, 0);
    return m->queued < before;
}

static void tcp_send(struct net_wire *w, const void *frame, size_t len)
{
    struct tcp *m = CONTAINER_OF(w, struct tcp, wire);
    struct tcp_hub *h = m->hub;
    bool alone = m->asked == 0 && m->queued == 0;
    size_t done = 0;

    if (m->failed)
        return;
    h->stat.frames_out++;
    m->waiting++;
    if (h->dials) {
        m->asked++;
        h->awaited++;
    }
    if (len >= DIRECT)
        done = push(m, frame, len);
    append(m, (const uint8_t *)frame + done, len - done);
    if (m->up)
        wake(m); /* what waits leaves with the turn, and an answer is near */
    if (m->queued >= EAGER)
        flush(m);
    else if (h->driven && !h->running &&
             (alone || m->waiting >= FRAMES_LATE || m->queued >= BYTES_LATE))
        flush(m);
}

/* ---- Receiving ---- */

static void in_end(struct tcp *m)
{
    base_free(m->in);
    m->hub->stat.partial -= m->in_cap;
    m->in = NULL;
    m->in_len = m->in_cap = 0;
}

static bool in_room(struct tcp *m, uint32_t cap)
{
    struct tcp_hub *h = m->hub;
    uint8_t *in;

    if (cap <= m->in_cap)
        return true;
    if (cap > BUF_BYTES && h->stat.partial + (cap - m->in_cap) > h->partial_max) {
        tcp_refuse(m, TCP_PARTIAL);
        return false;
    }
    in = base_realloc(m->in, cap);
    if (in == NULL) {
        tcp_fail(m);
        return false;
    }
    h->stat.partial += cap - m->in_cap;
    m->in = in;
    m->in_cap = cap;
    return true;
}

static uint32_t le32(const uint8_t *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

/* Judges a frame by as much of its head as has come. *len: of the whole frame, 0: not known yet. */
static enum tcp_why look(struct tcp *m, const uint8_t *p, size_t n, uint32_t *len)
{
    static const uint8_t magic[4] = {NET_FRAME_MAGIC & 0xff, NET_FRAME_MAGIC >> 8 & 0xff,
                                     NET_FRAME_MAGIC >> 16 & 0xff, NET_FRAME_MAGIC >> 24};
    bool hello = !m->hub->dials && !m->heard;

    *len = 0;
    if (memcmp(p, magic, MIN(n, sizeof(magic))) != 0)
        return TCP_NOISE;
    if (n < NET_FRAME_HEAD)
        return TCP_FINE;
    m->proto = (uint16_t)(p[6] | p[7] << 8);
    if (m->proto != NET_PROTO)
        return TCP_FOREIGN;
    if (hello && (p[4] | p[5] << 8) != NET_HELLO)
        return TCP_RUDE;
    *len = le32(p + 8);
    if (*len < NET_FRAME_HEAD || *len > (hello ? HELLO_MAX : NET_FRAME_MAX))
        return TCP_LENGTH;
    return TCP_FINE;
}

static void deliver(struct tcp *m, const uint8_t *p, size_t len)
{
    struct tcp_hub *h = m->hub;

    h->stat.frames_in++;
    if (h->dials && m->asked > 0) {
        m->asked--;
        h->awaited--;
    }
    if (!m->heard) {
        m->heard = true;
        m->first_frame(m);
    }
    m->wire.received(&m->wire, p, len);
}

static bool listens(const struct tcp *m)
{
    return m->up && !m->closed && !m->failed && !deaf(m);
}

/* Gives out the whole frames at p; how many bytes they were. */
static uint32_t parse(struct tcp *m, const uint8_t *p, uint32_t n)
{
    uint32_t at = 0;

    while (at < n && listens(m)) {
        uint32_t len;
        enum tcp_why why = look(m, p + at, n - at, &len);

        if (why != TCP_FINE)
            tcp_refuse(m, why);
        if (len == 0 || len > n - at || m->failed)
            break;
        deliver(m, p + at, len);
        at += len;
    }
    return at;
}

/* What was left because the wire had become deaf. */
static bool parse_in(struct tcp *m)
{
    uint32_t used = parse(m, m->in, m->in_len);

    if (used == 0)
        return false;
    m->in_len -= used;
    memmove(m->in, m->in + used, m->in_len);
    if (m->in_len == 0)
        in_end(m);
    return true;
}

/* Room for the rest of the frame that in begins with: as much as has come three times over. */
static bool in_grow(struct tcp *m, uint32_t len)
{
    uint32_t cap = m->in_cap;

    if (cap < len && cap - m->in_len <= cap / 4)
        cap = (uint32_t)MIN((uint64_t)len, MAX(IN_LEAST, (uint64_t)m->in_len * 4));
    return in_room(m, cap);
}

/* Where the next bytes go: to the frame that is not yet whole, then into the buffer. A start that
 * does not tell its length yet moves into the buffer; *before: how much of it there is. False: the
 * wire has failed. */
static bool places(struct tcp *m, struct iovec iov[2], size_t *nr, uint32_t *before)
{
    uint8_t *buf = m->hub->buf;
    uint32_t len;

    *nr = 0;
    *before = 0;
    if (m->in_len < NET_FRAME_HEAD) {
        *before = m->in_len;
        if (*before > 0)
            memcpy(buf, m->in, *before);
        iov[(*nr)++] = (struct iovec){buf + *before, BUF_BYTES - *before};
        return true;
    }
    len = le32(m->in + 8);
    if (!in_grow(m, len))
        return false;
    /* not beyond the frame, though there may be room: more was kept when the wire was deaf */
    iov[(*nr)++] = (struct iovec){m->in + m->in_len, MIN(m->in_cap, len) - m->in_len};
    if (m->in_cap >= len)
        iov[(*nr)++] = (struct iovec){buf, BUF_BYTES};
    return true;
}

/* n bytes have come for the frame that is not yet whole. */
static void in_filled(struct tcp *m, uint32_t n)
{
    m->in_len += n;
    if (m->in_len < le32(m->in + 8))
        return;
    deliver(m, m->in, m->in_len);
    in_end(m);
}

/* Gives out what is in the buffer and keeps what is left. */
static void parse_buf(struct tcp *m, uint32_t n)
{
    uint32_t used = parse(m, m->hub->buf, n);

    if (used == n || m->closed || m->failed || !in_room(m, n - used))
        return;
    memcpy(m->in, m->hub->buf + used, n - used);
    m->in_len = n - used;
}

/* One recv; whether anything came. *more: the socket may hold more. */
static bool take(struct tcp *m, bool *more)
{
    struct iovec iov[2];
    struct msghdr msg = {.msg_iov = iov};
    uint32_t before, n, k;
    ssize_t got;

    *more = false;
    if (!places(m, iov, &msg.msg_iovlen, &before))
        return false;
    got = recvmsg(m->fd.fd, &msg, MSG_DONTWAIT);
    m->hub->stat.recvs++;
    if (got <= 0) {
        m->hub->stat.idle_recvs++;
        if (got == 0 || (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR))
            tcp_fail(m);
        return false;
    }
    n = (uint32_t)got;
    if (m->in_len >= NET_FRAME_HEAD) {
        k = (uint32_t)MIN(n, iov[0].iov_len);
        *more = n == k && k == iov[0].iov_len ? true : n - k == BUF_BYTES;
        in_filled(m, k);
        n -= k;
    } else {
        *more = n == iov[0].iov_len;
        n += before;
        in_end(m);
    }
    if (n > 0)
        parse_buf(m, n);
    return true;
}

/* Gives the owner what has come. Whether there was anything. */
static bool receive(struct tcp *m)
{
    struct tcp_hub *h = m->hub;
    bool some = m->in_len >= NET_FRAME_HEAD && parse_in(m), more = true;

    if (h->buf == NULL)
        h->buf = base_alloc(BUF_BYTES);
    if (h->buf == NULL)
        tcp_fail(m);
    for (uint32_t i = 0; i < ROUNDS && more && listens(m); i++)
        some |= take(m, &more);
    return some;
}

/* ---- Turns ---- */

/* From now on the socket wakes it. False: there is something to do. */
static bool doze(struct tcp *m)
{
    if (m->up && !m->failed && m->queued > 0 && !m->blocked)
        flush(m);
    if (m->failed || arm(m) != 0)
        return false;
    list_del(&m->link);
    list_add_tail(&m->hub->dozing, &m->link);
    m->awake = false;
    m->hub->stat.dozing++;
    return true;
}

static void free_now(struct tcp *m)
{
    struct tcp_hub *h = m->hub;

    list_del(&m->link);
    h->stat.conns--;
    h->stat.dozing -= !m->awake;
    h->closed -= m->closed;
    h->awaited -= m->asked;
    h->stat.queued -= m->queued;
    while (!list_empty(&m->queue))
        block_end(h, LIST_ENTRY(list_first(&m->queue), struct block, link));
    in_end(m);
    base_free(m);
}

static void free_closed(struct list *l)
{
    struct list *it, *next;

    LIST_FOREACH_SAFE(it, next, l)
    {
        struct tcp *m = LIST_ENTRY(it, struct tcp, link);

        if (m->closed)
            free_now(m);
    }
}

/* What came on one wire; whether anything happened. */
static bool turn(struct tcp *m)
{
    bool some = listens(m) && receive(m);

    if (m->hung && deaf(m)) /* nobody takes the answers any more */
        m->failed = true;
    if (m->failed && !m->closed && m->wire.broken != NULL) {
        m->wire.broken(&m->wire); /* and he closes it */
        some = true;
    }
    return some;
}

/* All that came first, so that the answers to it leave together. */
static bool walk(struct tcp_hub *h)
{
    struct list *it, *next;
    bool any = false;

    LIST_FOREACH_SAFE(it, next, &h->active)
    {
        struct tcp *m = LIST_ENTRY(it, struct tcp, link);

        if (m->closed)
            continue;
        m->idle++;
        if (turn(m)) {
            m->idle = 0;
            any = true;
        }
    }
    LIST_FOREACH_SAFE(it, next, &h->active)
    {
        struct tcp *m = LIST_ENTRY(it, struct tcp, link);

        if (m->closed)
            continue;
        if (m->queued > 0 && flush(m)) {
            m->idle = 0;
            any = true;
        }
        if (m->idle >= IDLE_TURNS)
            doze(m);
    }
    return any;
}

static bool hub_poll(struct rt_poller *p)
{
    struct tcp_hub *h = CONTAINER_OF(p, struct tcp_hub, poller);
    bool any;

    h->running = true;
    any = walk(h);
    h->running = false;
    if (h->closed > 0) {
        free_closed(&h->active);
        free_closed(&h->dozing);
    }
    if (list_empty(&h->active)) {
        rt_poller_del(h->xs, &h->poller);
        h->polling = false;
    }
    /* nobody may come back soon to let a driven one doze */
    if (!h->polling || (h->driven && h->awaited == 0 && h->stat.queued == 0))
        hub_rest(h);
    return any;
}

static bool hub_doze(struct rt_poller *p)
{
    struct tcp_hub *h = CONTAINER_OF(p, struct tcp_hub, poller);
    struct list *it, *next;
    bool any = false;

    LIST_FOREACH_SAFE(it, next, &h->active)
    any |= !doze(LIST_ENTRY(it, struct tcp, link));
    return any;
}

static void ready(struct rt_fd *f, uint32_t events)
{
    struct tcp *m = CONTAINER_OF(f, struct tcp, fd);

    if (events & (POLLERR | POLLHUP))
        m->hung = true; /* a recv or a send says what it is */
    if (events & (POLLOUT | POLLERR | POLLHUP))
        m->blocked = false;
    wake(m);
    if (m->blocked && arm(m) != 0)
        tcp_fail(m);
}

/* ---- Life ---- */

/* A ring that polls it may hold the descriptor a little longer than we do. */
void tcp_shut(int fd)
{
    shutdown(fd, SHUT_RDWR);
    close(fd);
}

static void tcp_close(struct net_wire *w)
{
    struct tcp *m = CONTAINER_OF(w, struct tcp, wire);
    struct tcp_hub *h = m->hub;

    ASSERT(!m->closed);
    if (!m->failed)
        push(m, NULL, 0);
    m->closed = true;
    h->closed++;
    m->ended(m);
    if (m->fd.fd >= 0) {
        rt_fd_disarm(h->xs, &m->fd);
        tcp_shut(m->fd.fd);
    }
    if (!h->running)
        free_now(m);
}

struct tcp *tcp_new(struct tcp_hub *h, int fd)
{
    static const struct net_wire_ops ops = {.send = tcp_send, .close = tcp_close};
    struct tcp *m = base_calloc(1, sizeof(*m));

    if (m == NULL)
        return NULL;
    m->wire = (struct net_wire){
        .ops = &ops, .uid = UINT32_MAX, .gid = UINT32_MAX, .pid = UINT32_MAX, .local = false};
    m->hub = h;
    m->fd.fd = fd;
    list_init(&m->queue);
    list_init(&m->fresh);
    list_add_tail(&h->dozing, &m->link);
    h->stat.conns++;
    h->stat.dozing++;
    return m;
}

void tcp_up(struct tcp *m)
{
    m->fd.ready = ready;
    m->up = true;
    wake(m);
}

void tcp_hub_init(struct tcp_hub *h, struct rt_xs *xs)
{
    h->xs = xs;
    list_init(&h->active);
    list_init(&h->dozing);
    list_init(&h->spare);
}

void tcp_hub_fini(struct tcp_hub *h)
{
    ASSERT(h->stat.conns == 0);
    if (h->polling)
        rt_poller_del(h->xs, &h->poller);
    hub_rest(h);
}

void tcp_hub_stat(const struct tcp_hub *h, struct net_tcp_stat *st)
{
    *st = h->stat;
    st->memory = (h->buf != NULL ? BUF_BYTES : 0) + (uint64_t)h->spares * BLOCK_BYTES +
                 h->stat.queued + h->stat.partial;
}
