/* Frames: what begins every one of them, and the parts that requests and replies share. */
#include <endian.h>
#include <string.h>
#include <daos_errno.h>
#include "base/csum.h"
#include "base/mutant.h"
#include "net/msg.h"
#include "net/proof.h"
#include "net/wire.h"

/* What begins a frame, and the header of a message, as they lie in it: put and got as a whole, for
 * they are most of what a small message costs. */
struct frame_head {
    uint32_t magic;
    uint16_t kind, proto;
    uint32_t len, csum;
    uint64_t id;
} __attribute__((packed));

struct frame_hdr {
    uint16_t proto, opcode;
    uint32_t flags;
    uint64_t features;
    uint32_t map_version, deadline_ms;
    uint64_t hlc, incarnation;
    uint64_t session_hlc, session_rand, seq, acked;
    uint32_t subop, target;
    uint32_t rc;
} __attribute__((packed));

_Static_assert(sizeof(struct frame_head) == NET_FRAME_HEAD && sizeof(struct frame_hdr) == 84,
               "format");

#define AFTER_SUM (offsetof(struct frame_head, csum) + 4)

#define BODY_FIRST 512u /* room tried first */

static uint32_t frame_csum(const void *frame, size_t len)
{
    return (uint32_t)csum_calc(CSUM_CRC32, (const uint8_t *)frame + AFTER_SUM, len - AFTER_SUM);
}

void wire_put_head(struct wbuf *b, enum net_frame kind, uint64_t id)
{
    struct frame_head *h;

    wbuf_reset(b);
    h = wbuf_reserve(b, sizeof(*h));
    if (h != NULL)
        *h = (struct frame_head){.magic = htole32(NET_FRAME_MAGIC),
                                 .kind = htole16((uint16_t)kind),
                                 .proto = htole16(NET_PROTO),
                                 .id = htole64(id)};
}

void wire_put_refusal(struct wbuf *b, enum net_refusal why)
{
    wire_put_head(b, NET_WELCOME, 0);
    wbuf_u64(b, 0);
    wbuf_u64(b, 0); /* no features: nothing of theirs follows */
    wbuf_u32(b, (uint32_t)net_refusal_rc(why));
    wbuf_u32(b, why);
}

int wire_seal(struct wbuf *b, bool sum)
{
    struct frame_head *h = (struct frame_head *)(void *)b->data;
    int rc = wbuf_check(b);

    if (rc != 0)
        return rc;
    if (b->len > NET_FRAME_MAX)
        return -DER_OVERFLOW;
    h->len = htole32((uint32_t)b->len);
    if (sum)
        h->csum = htole32(frame_csum(b->data, b->len));
    return 0;
}

int wire_open(const void *frame, size_t len, bool sum, enum net_frame *kind, uint64_t *id,
              struct rbuf *r)
{
    const struct frame_head *h = frame;

    if (len < sizeof(*h) || len > NET_FRAME_MAX || h->magic != htole32(NET_FRAME_MAGIC) ||
        h->proto != htole16(NET_PROTO) || le32toh(h->len) != len)
        return -DER_PROTO;
    rbuf_init(r, h + 1, len - sizeof(*h));
    *kind = (enum net_frame)le16toh(h->kind);
    *id = le64toh(h->id);
    return !sum || le32toh(h->csum) == frame_csum(frame, len) ? 0 : -DER_PROTO;
}

int wire_seal_for(struct net_wire *w, struct wbuf *b)
{
    uint8_t *tag;
    int rc;

    if (w->proof == NULL)
        return wire_seal(b, !w->local);
    tag = wbuf_reserve(b, PROOF_TAG);
    rc = wire_seal(b, false);
    if (rc == 0)
        proof_tag(w->proof, b->data, b->len - PROOF_TAG, tag);
    return rc;
}

int wire_open_from(struct net_wire *w, const void *frame, size_t len, enum net_frame *kind,
                   uint64_t *id, struct rbuf *r)
{
    size_t body = len - PROOF_TAG;
    int rc;

    if (w->proof == NULL)
        return wire_open(frame, len, !w->local, kind, id, r);
    rc = wire_open(frame, len, false, kind, id, r);
    if (rc != 0 || len < NET_FRAME_HEAD + PROOF_TAG)
        return rc != 0 ? rc : -DER_PROTO;
    if (!proof_holds(w->proof, frame, body, (const uint8_t *)frame + body) &&
        !MUTANT(NET_TAG_UNCHECKED))
        return -DER_PROTO;
    rbuf_init(r, (const uint8_t *)frame + NET_FRAME_HEAD, body - NET_FRAME_HEAD);
    return 0;
}

void wire_put_hdr(struct wbuf *b, const struct net_hdr *h)
{
    struct frame_hdr *f = wbuf_reserve(b, sizeof(*f));

    if (f == NULL)
        return;
    f->proto = htole16(h->proto);
    f->opcode = htole16(h->opcode);
    f->flags = htole32(h->flags);
    f->features = htole64(h->features);
    f->map_version = htole32(h->map_version);
    f->deadline_ms = htole32(h->deadline_ms);
    f->hlc = htole64(h->hlc);
    f->incarnation = htole64(h->incarnation);
    f->session_hlc = htole64(h->session_hlc);
    f->session_rand = htole64(h->session_rand);
    f->seq = htole64(h->seq);
    f->acked = htole64(h->acked);
    f->subop = htole32(h->subop);
    f->target = htole32(h->target);
    f->rc = htole32((uint32_t)h->rc);
}

void wire_get_hdr(struct rbuf *r, struct net_hdr *h)
{
    const struct frame_hdr *f = rbuf_bytes(r, sizeof(*f));

    memset(h, 0, sizeof(*h));
    if (f == NULL)
        return;
    h->proto = le16toh(f->proto);
    h->opcode = le16toh(f->opcode);
    h->flags = le32toh(f->flags);
    h->features = le64toh(f->features);
    h->map_version = le32toh(f->map_version);
    h->deadline_ms = le32toh(f->deadline_ms);
    h->hlc = le64toh(f->hlc);
    h->incarnation = le64toh(f->incarnation);
    h->session_hlc = le64toh(f->session_hlc);
    h->session_rand = le64toh(f->session_rand);
    h->seq = le64toh(f->seq);
    h->acked = le64toh(f->acked);
    h->subop = le32toh(f->subop);
    h->target = le32toh(f->target);
    h->rc = (int32_t)le32toh(f->rc);
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
