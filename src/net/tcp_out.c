/*
 * What TCP wires send: see net/tcp.h. Frames are copied into blocks, and blocks leave in the hub's
 * walk, as many as there are with one system call.
 */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "base/assert.h"
#include "base/fail.h"
#include "net/tcp_int.h"

#define BLOCK_BYTES (32u << 10)
#define SPARES      16u
#define IOVS        16u
#define DIRECT      (16u << 10) /* frames from there on leave at once, uncopied */
#define EAGER       (64u << 10) /* bytes that do not wait for the end of the turn */
#define FRAMES_LATE 8u          /* between turns of a driven xstream: no more wait */
#define BYTES_LATE  (16u << 10)

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

static void blocks_free(struct list *l)
{
    while (!list_empty(l))
        base_free(LIST_ENTRY(list_pop(l), struct block, link));
}

void tcp_out_rest(struct tcp_hub *h)
{
    blocks_free(&h->spare);
    h->spares = 0;
}

void tcp_out_end(struct tcp *m)
{
    m->hub->stat.queued -= m->queued;
    net_wire_took(&m->wire, m->queued);
    blocks_free(&m->queue);
}

uint64_t tcp_out_memory(const struct tcp_hub *h)
{
    return (uint64_t)h->spares * BLOCK_BYTES + h->stat.queued;
}

/* ---- Queue ---- */

static void append(struct tcp *m, const uint8_t *p, size_t len)
{
    struct list *last = list_last(&m->queue);
    struct block *b = last != NULL ? LIST_ENTRY(last, struct block, link) : NULL;

    m->queued += len;
    m->hub->stat.queued += len;
    net_wire_waits(&m->wire, len);
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
        net_wire_took(&m->wire, k);
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
            if (tcp_arm(m) != 0)
                tcp_fail(m);
        } else if (errno != EINTR) {
            tcp_fail(m);
        }
    }
    return done;
}

/* Whether anything went. */
bool tcp_flush(struct tcp *m)
{
    uint64_t before = m->queued;

    push(m, NULL, 0);
    return m->queued < before;
}

void tcp_send(struct net_wire *w, const void *frame, size_t len)
{
    struct tcp *m = CONTAINER_OF(w, struct tcp, wire);
    struct tcp_hub *h = m->hub;
    bool alone = m->asked == 0 && m->queued == 0;
    size_t done = 0;

    if (m->failed)
        return;
    h->stat.frames_out++;
    m->given += len;
    m->waiting++;
    if (h->dials) {
        m->asked++;
        h->awaited++;
    }
    if (len >= DIRECT)
        done = push(m, frame, len);
    append(m, (const uint8_t *)frame + done, len - done);
    if (m->up)
        tcp_wake(m); /* what waits leaves with the turn, and an answer is near */
    if (m->queued >= EAGER)
        tcp_flush(m);
    else if (h->driven && !h->running &&
             (alone || m->waiting >= FRAMES_LATE || m->queued >= BYTES_LATE))
        tcp_flush(m);
}
