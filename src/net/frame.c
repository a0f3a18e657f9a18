/* Frames: what begins every one of them, and the parts that requests and replies share. */
#include <string.h>
#include <daos_errno.h>
#include "base/csum.h"
#include "net/msg.h"
#include "net/wire.h"

#define AT_LEN    8u
#define AT_CSUM   12u
#define AFTER_SUM 16u

#define BODY_FIRST 512u /* room tried first */

static uint32_t frame_csum(const void *frame, size_t len)
{
    return (uint32_t)csum_calc(CSUM_CRC32, (const uint8_t *)frame + AFTER_SUM, len - AFTER_SUM);
}

void wire_put_head(struct wbuf *b, enum net_frame kind, uint64_t id)
{
    wbuf_reset(b);
    wbuf_u32(b, NET_FRAME_MAGIC);
    wbuf_u16(b, (uint16_t)kind);
    wbuf_u16(b, NET_PROTO);
    wbuf_u32(b, 0);
    wbuf_u32(b, 0);
    wbuf_u64(b, id);
}

int wire_seal(struct wbuf *b, bool sum)
{
    int rc = wbuf_check(b);

    if (rc != 0)
        return rc;
    if (b->len > NET_FRAME_MAX)
        return -DER_OVERFLOW;
    wbuf_patch_u32(b, AT_LEN, (uint32_t)b->len);
    if (sum)
        wbuf_patch_u32(b, AT_CSUM, frame_csum(b->data, b->len));
    return 0;
}

int wire_open(const void *frame, size_t len, bool sum, enum net_frame *kind, uint64_t *id,
              struct rbuf *r)
{
    uint32_t magic, said, csum;
    uint16_t proto;

    if (len < NET_FRAME_HEAD || len > NET_FRAME_MAX)
        return -DER_PROTO;
    rbuf_init(r, frame, len);
    magic = rbuf_u32(r);
    *kind = (enum net_frame)rbuf_u16(r);
    proto = rbuf_u16(r);
    said = rbuf_u32(r);
    csum = rbuf_u32(r);
    *id = rbuf_u64(r);
    if (magic != NET_FRAME_MAGIC || proto != NET_PROTO || said != len)
        return -DER_PROTO;
    return !sum || csum == frame_csum(frame, len) ? 0 : -DER_PROTO;
}

void wire_put_hdr(struct wbuf *b, const struct net_hdr *h)
{
    wbuf_u16(b, h->proto);
    wbuf_u16(b, h->opcode);
    wbuf_u32(b, h->flags);
    wbuf_u64(b, h->features);
    wbuf_u32(b, h->map_version);
    wbuf_u32(b, h->deadline_ms);
    wbuf_u64(b, h->hlc);
    wbuf_u64(b, h->incarnation);
    wbuf_u64(b, h->session_hlc);
    wbuf_u64(b, h->session_rand);
    wbuf_u64(b, h->seq);
    wbuf_u64(b, h->acked);
    wbuf_u32(b, h->subop);
    wbuf_u32(b, h->target);
    wbuf_u32(b, (uint32_t)h->rc);
}

void wire_get_hdr(struct rbuf *r, struct net_hdr *h)
{
    memset(h, 0, sizeof(*h));
    h->proto = rbuf_u16(r);
    h->opcode = rbuf_u16(r);
    h->flags = rbuf_u32(r);
    h->features = rbuf_u64(r);
    h->map_version = rbuf_u32(r);
    h->deadline_ms = rbuf_u32(r);
    h->hlc = rbuf_u64(r);
    h->incarnation = rbuf_u64(r);
    h->session_hlc = rbuf_u64(r);
    h->session_rand = rbuf_u64(r);
    h->seq = rbuf_u64(r);
    h->acked = rbuf_u64(r);
    h->subop = rbuf_u32(r);
    h->target = rbuf_u32(r);
    h->rc = (int32_t)rbuf_u32(r);
}

int wire_put_body(struct wbuf *b, uint16_t opcode, const void *msg, bool reply)
{
    size_t at = b->len, room = BODY_FIRST, len = 0;
    int rc;

    do {
        void *mem;

        b->len = at; /* a second try takes the place of the first */
        wbuf_u32(b, 0);
        mem = wbuf_reserve(b, room);
        if (mem == NULL)
            return wbuf_check(b);
        rc = reply ? msg_encode_rep(opcode, msg, mem, room, &len)
                   : msg_encode_req(opcode, msg, mem, room, &len);
        room = len;
    } while (rc == -DER_TRUNC && len <= NET_BODY_MAX);
    if (rc != 0)
        return rc == -DER_TRUNC ? -DER_OVERFLOW : rc;
    b->len = at + 4 + len;
    wbuf_patch_u32(b, at, (uint32_t)len);
    return 0;
}
