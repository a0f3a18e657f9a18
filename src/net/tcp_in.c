/*
 * What TCP wires receive: see net/tcp.h. It comes into the hub's buffer and is parsed there; what
 * is left of it belongs to the wire (in) until the rest has come. Invariant: before receiving, in
 * holds no whole frame.
 */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "base/assert.h"
#include "base/fail.h"
#include "net/tcp_int.h"

#define BUF_BYTES (64u << 10)
#define IN_LEAST  (16u << 10)
#define ROUNDS    8u /* recvs of one wire in one turn */
#define HELLO_MAX 4096u

_Static_assert(HELLO_MAX < BUF_BYTES, "sizes");

void tcp_in_end(struct tcp *m)
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

/* Gives out the whole frames at p; how many bytes they were. */
static uint32_t parse(struct tcp *m, const uint8_t *p, uint32_t n)
{
    uint32_t at = 0;

    while (at < n && tcp_listens(m)) {
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
        tcp_in_end(m);
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
    tcp_in_end(m);
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
    m->came += (uint64_t)got;
    n = (uint32_t)got;
    if (m->in_len >= NET_FRAME_HEAD) {
        k = (uint32_t)MIN(n, iov[0].iov_len);
        *more = n == k && k == iov[0].iov_len ? true : n - k == BUF_BYTES;
        in_filled(m, k);
        n -= k;
    } else {
        *more = n == iov[0].iov_len;
        n += before;
        tcp_in_end(m);
    }
    if (n > 0)
        parse_buf(m, n);
    return true;
}

/* Gives the owner what has come. Whether there was anything. */
bool tcp_receive(struct tcp *m)
{
    struct tcp_hub *h = m->hub;
    bool some = m->in_len >= NET_FRAME_HEAD && parse_in(m), more = true;

    if (h->buf == NULL)
        h->buf = base_alloc(BUF_BYTES);
    if (h->buf == NULL)
        tcp_fail(m);
    for (uint32_t i = 0; i < ROUNDS && more && tcp_listens(m); i++)
        some |= take(m, &more);
    return some;
}

void tcp_in_rest(struct tcp_hub *h)
{
    base_free(h->buf);
    h->buf = NULL;
}

uint64_t tcp_in_memory(const struct tcp_hub *h)
{
    return (h->buf != NULL ? BUF_BYTES : 0) + h->stat.partial;
}
