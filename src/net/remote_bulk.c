/*
 * Bulk vectors of calls on the dialing side. Where both sides map a room, more than half a KiB lies
 * there, all vectors of a call at one place that the lender gives; what is less, or has no room,
 * travels in the frames.
 */
#include <string.h>
#include <daos_errno.h>
#include "base/base.h"
#include "net/remote_int.h"

#define ROOM_LEAST 513u /* bulk bytes of a call that go through the room; less go in frames */

static uint64_t bulk_len(const struct net_bulk *v)
{
    uint64_t len = 0;

    for (uint32_t k = 0; k < v->iov_nr; k++)
        len += v->iov[k].iov_len;
    return len;
}

static uint64_t place_step(uint64_t len)
{
    return ROUND_UP(len, (uint64_t)64);
}

int bulk_place(struct remote *r, struct pending *p)
{
    const struct net_call *call = p->call;
    uint64_t sum = 0;
    int rc;

    for (uint32_t i = 0; i < call->bulk_nr; i++)
        sum += place_step(bulk_len(&call->bulk[i]));
    p->holds = p->reserved ? 0 : NET_HOLDS;
    if (r->room == NULL || sum < ROOM_LEAST) {
        p->holds += sum;
        /* what is too large for the engine goes alone */
        return r->bytes > 0 && r->bytes + p->holds > r->bytes_max ? -DER_AGAIN : 0;
    }
    rc = lender_take(&r->lender, sum, &p->place);
    p->placed = rc == 0;
    p->place_len = sum;
    return rc;
}

static void gather(uint8_t *to, const struct net_bulk *v)
{
    for (uint32_t k = 0; k < v->iov_nr; k++) {
        if (v->iov[k].iov_len > 0)
            memcpy(to, v->iov[k].iov_base, v->iov[k].iov_len);
        to += v->iov[k].iov_len;
    }
}

void bulk_put(struct remote *r, const struct pending *p)
{
    const struct net_call *call = p->call;
    struct wbuf *b = &r->out;
    uint64_t at = p->place;

    wbuf_u32(b, call->bulk_nr);
    for (uint32_t i = 0; i < call->bulk_nr; i++) {
        const struct net_bulk *v = &call->bulk[i];
        uint64_t len = bulk_len(v);

        wbuf_u8(b,
                (uint8_t)((v->writable ? NET_BULK_WRITABLE : 0) | (p->placed ? NET_BULK_ROOM : 0)));
        wbuf_u64(b, len);
        if (p->placed) {
            wbuf_u64(b, at);
            if (!v->writable)
                gather(r->room->base + at, v);
            at += place_step(len);
            continue;
        }
        for (uint32_t k = 0; k < v->iov_nr && !v->writable; k++)
            wbuf_bytes(b, v->iov[k].iov_base, v->iov[k].iov_len);
    }
}

/* One written range into the caller's memory; false if it does not lie in it. */
static bool scatter(const struct net_bulk *v, uint64_t off, const uint8_t *from, uint64_t len)
{
    for (uint32_t k = 0; k < v->iov_nr && len > 0; k++) {
        uint64_t room = v->iov[k].iov_len, n;

        if (off >= room) {
            off -= room;
            continue;
        }
        n = MIN(len, room - off);
        memcpy((uint8_t *)v->iov[k].iov_base + off, from, n);
        from += n;
        len -= n;
        off = 0;
    }
    return len == 0;
}

int bulk_take(struct remote *r, const struct pending *p, struct rbuf *b)
{
    const struct net_call *call = p->call;
    uint32_t nr = rbuf_count(b, 4);
    uint64_t at = p->place;

    if (nr > call->bulk_nr)
        return -DER_PROTO;
    for (uint32_t i = 0; i < nr; i++) {
        uint32_t ranges = rbuf_count(b, 16);
        uint64_t max = p->placed ? bulk_len(&call->bulk[i]) : 0;

        for (uint32_t k = 0; k < ranges; k++) {
            uint64_t off = rbuf_u64(b), len = rbuf_u64(b);
            const uint8_t *bytes;

            if (!p->placed)
                bytes = rbuf_bytes(b, len);
            else
                bytes = off <= max && len <= max - off ? r->room->base + at + off : NULL;
            if (bytes == NULL || !call->bulk[i].writable ||
                !scatter(&call->bulk[i], off, bytes, len))
                return -DER_PROTO;
        }
        at += place_step(max);
    }
    return rbuf_check_end(b);
}
