/*
 * A request on the answering side: its memory, its bulk vectors, and what of them goes back. Every
 * length, count and place comes from a peer that may be hostile.
 */
#include <string.h>
#include <daos_errno.h>
#include "base/assert.h"
#include "base/fail.h"
#include "base/mutant.h"
#include "net/accept_int.h"
#include "net/msg.h"

#define ARENA_BYTES 8192u /* with room for a block of 4 KiB that travels in the frame */
#define SPARES      64u
#define FRAME_BULK  (64u << 10) /* bulk bytes of a request in frames, where there is a room */

/* ---- Memory of requests ---- */

static struct served *served_new(struct net_acceptor *a)
{
    struct served *s = a->spare;

    if (s != NULL) {
        a->spare = s->next;
        a->spares--;
    } else {
        s = base_alloc(sizeof(*s));
        if (s == NULL)
            return NULL;
        arena_init(&s->mem, ARENA_BYTES);
    }
    memset(&s->req, 0, sizeof(s->req));
    s->a = a;
    s->ranges = NULL;
    s->range_lost = false;
    s->room = s->back = NULL;
    s->moved = false;
    s->room_bytes = 0;
    s->begun_ns = 0;
    list_init(&s->wait);
    s->progress = WAITS;
    s->xs = NULL;
    s->bytes = NET_HOLDS;
    return s;
}

void served_free(struct served *s)
{
    struct net_acceptor *a = s->a;

    if (s->room != NULL)
        net_room_put(s->room);
    if (s->back != NULL)
        net_room_put(s->back);
    if (a->spares < SPARES) {
        arena_reset(&s->mem);
        s->next = a->spare;
        a->spare = s;
        a->spares++;
        return;
    }
    arena_fini(&s->mem);
    base_free(s);
}
/* ---- What goes back ---- */

/* A written range, to where the client looks for it. */
static void put_range(struct wbuf *b, const struct served *s, const struct range *g)
{
    const uint8_t *bytes = (const uint8_t *)s->iov[g->bulk].iov_base + g->off;
    struct net_room *room = s->moved ? s->back : s->room;

    wbuf_u64(b, g->off);
    wbuf_u64(b, g->len);
    if (room == NULL)
        wbuf_bytes(b, bytes, g->len);
    else if (s->moved && !MUTANT(NET_JOIN_OLD_PLACES)) /* who is not honest may have them overlap */
        memmove(s->to[g->bulk] + g->off, bytes, g->len);
}

uint64_t served_room_out(const struct served *s)
{
    uint64_t bytes = 0;

    if ((s->moved ? s->back : s->room) != NULL)
        for (const struct range *g = s->ranges; g != NULL; g = g->next)
            bytes += g->len;
    return bytes;
}

void served_put_ranges(struct wbuf *b, const struct served *s)
{
    wbuf_u32(b, s->req.bulk_nr);
    for (uint32_t i = 0; i < s->req.bulk_nr; i++) {
        size_t at = b->len;
        uint32_t nr = 0;

        wbuf_u32(b, 0);
        for (const struct range *g = s->ranges; g != NULL; g = g->next) {
            if (g->bulk != i)
                continue;
            put_range(b, s, g);
            nr++;
        }
        wbuf_patch_u32(b, at, nr);
    }
}

/* Ranges of one vector tend to come in order: the newest may grow. */
void served_wrote(struct net_req *req, uint32_t bulk, uint64_t off, uint64_t len)
{
    struct served *s = CONTAINER_OF(req, struct served, req);
    struct range *g = s->ranges;

    ASSERT(bulk < req->bulk_nr && len <= s->iov[bulk].iov_len && off <= s->iov[bulk].iov_len - len);
    if (g != NULL && g->bulk == bulk && g->off + g->len == off) {
        g->len += len;
        return;
    }
    g = arena_alloc(&s->mem, sizeof(*g));
    if (g == NULL) {
        s->range_lost = true;
        return;
    }
    *g = (struct range){s->ranges, bulk, off, len};
    s->ranges = g;
}

/* ---- What came ---- */

/* Memory of a vector that does not lie in the room. */
static void *bulk_mem(struct served *s, struct rbuf *r, bool writable, uint64_t len)
{
    const void *bytes = writable ? NULL : rbuf_bytes(r, len);

    if (rbuf_check(r) != 0)
        return NULL;
    /* what is not written does not go back: nothing to clear */
    return writable ? arena_alloc(&s->mem, len) : arena_memdup(&s->mem, bytes, len);
}

/* The place in the room that the client names. NULL: it does not lie in it. */
static void *bulk_place(struct net_room **held, struct net_room *room, struct rbuf *r, uint64_t len)
{
    uint64_t off = rbuf_u64(r);

    if (room == NULL || len > room->len || off > room->len - len)
        return NULL;
    if (*held == NULL)
        *held = net_room_get(room);
    return room->base + off;
}

static int get_bulk(struct served *s, struct net_room *room, struct rbuf *r)
{
    struct net_req *req = &s->req;
    uint64_t sum = 0;
    uint32_t placed = 0;

    req->bulk_nr = rbuf_count(r, 9);
    req->bulk = s->bulk;
    if (req->bulk_nr > NET_BULK_MAX)
        return -DER_PROTO;
    for (uint32_t i = 0; i < req->bulk_nr; i++) {
        uint8_t way = rbuf_u8(r);
        uint64_t len = rbuf_u64(r);
        bool writable = way & NET_BULK_WRITABLE, in_room = way & NET_BULK_ROOM;
        void *mem;

        if (way > (NET_BULK_WRITABLE | NET_BULK_ROOM) || len > NET_FRAME_MAX - sum ||
            rbuf_check(r) != 0)
            return -DER_PROTO;
        sum += len;
        placed += in_room;
        s->room_bytes += in_room && !writable ? len : 0;
        s->bytes += in_room ? 0 : len;
        if (!in_room && room != NULL && sum > FRAME_BULK)
            return -DER_PROTO;
        mem = in_room ? bulk_place(&s->room, room, r, len) : bulk_mem(s, r, writable, len);
        if (mem == NULL)
            return in_room || rbuf_check(r) != 0 ? -DER_PROTO : -DER_NOMEM;
        s->iov[i] = (struct iovec){mem, len};
        s->bulk[i] = (struct net_bulk){&s->iov[i], 1, writable};
    }
    if (placed != 0 && placed != req->bulk_nr) /* answers carry the bytes of all or none */
        return -DER_PROTO;
    return rbuf_check_end(r);
}

/* Body and bulk into memory of the request. -DER_PROTO, -DER_NOMEM. */
static int decode(struct served *s, struct net_room *room, struct rbuf *r)
{
    struct net_req *req = &s->req;
    const struct msg_info *info = msg_info(req->hdr.opcode);
    size_t len;
    const void *body = rbuf_blob(r, NET_BODY_MAX, &len);
    void *kept;
    int rc;

    if (info == NULL || body == NULL)
        return -DER_PROTO;
    s->bytes += 2 * len;
    kept = arena_memdup(&s->mem, body, len);
    req->req = arena_alloc(&s->mem, info->req_size + 1);
    req->rep = arena_calloc(&s->mem, 1, info->rep_size + 1);
    if (kept == NULL || req->req == NULL || req->rep == NULL)
        return -DER_NOMEM;
    rc = msg_decode_req(req->hdr.opcode, kept, len, &s->mem, req->req);
    return rc != 0 ? rc : get_bulk(s, room, r);
}

int served_make(struct conn *n, uint64_t id, const struct net_hdr *h, struct rbuf *r,
                struct served **out)
{
    const struct msg_info *info = msg_info(h->opcode);
    struct served *s = served_new(n->a);
    int rc;

    if (s == NULL)
        return -DER_NOMEM;
    s->client = n->client;
    s->class = info != NULL ? msg_class(info) : MSG_CLASS_FOREGROUND;
    s->id = id;
    s->generation = n->client->generation;
    s->deadline_ms = h->deadline_ms != 0 ? h->deadline_ms : NET_DEADLINE_MS;
    s->req.hdr = *h;
    s->req.uid = n->wire->uid;
    s->req.gid = n->wire->gid;
    s->req.pid = n->wire->pid;
    s->req.born = n->wire->born;
    s->req.note = n->wire->born != 0 ? n->client->note : NULL;
    if (n->wire->groups_nr > 0 && info != NULL && info->flags & MSG_SVC) {
        s->req.groups =
            arena_memdup(&s->mem, n->wire->groups, n->wire->groups_nr * sizeof(*s->req.groups));
        s->req.groups_nr = s->req.groups != NULL ? n->wire->groups_nr : 0;
    }
    s->req.mem = &s->mem;
    s->req.wrote = served_wrote;
    rc = decode(s, n->wire->room, r);
    if (rc != 0) {
        served_free(s);
        return rc;
    }
    *out = s;
    return 0;
}

/* The same vectors again, in other places. -DER_PROTO. */
static int get_bulk_again(struct served *s, struct net_room *room, struct rbuf *r)
{
    uint32_t nr = rbuf_count(r, 9), placed = 0;

    if (nr != s->req.bulk_nr)
        return -DER_PROTO;
    for (uint32_t i = 0; i < nr; i++) {
        uint8_t way = rbuf_u8(r);
        uint64_t len = rbuf_u64(r);
        bool writable = way & NET_BULK_WRITABLE, in_room = way & NET_BULK_ROOM;

        if (way > (NET_BULK_WRITABLE | NET_BULK_ROOM) || len != s->iov[i].iov_len ||
            writable != s->bulk[i].writable)
            return -DER_PROTO;
        placed += in_room;
        s->to[i] = in_room ? bulk_place(&s->back, room, r, len) : NULL;
        if (in_room ? s->to[i] == NULL : !writable && rbuf_bytes(r, len) == NULL && len > 0)
            return -DER_PROTO;
    }
    return placed != 0 && placed != nr ? -DER_PROTO : rbuf_check_end(r);
}

bool served_join(struct conn *n, struct served *s, struct rbuf *r)
{
    size_t len;

    if (s->back != NULL)
        net_room_put(s->back);
    s->back = NULL;
    s->moved = true;
    s->generation = n->client->generation;
    if (rbuf_blob(r, NET_BODY_MAX, &len) != NULL && get_bulk_again(s, n->wire->room, r) == 0)
        return true;
    s->generation = 0; /* no answer goes to such places */
    return false;
}

void served_spares_free(struct net_acceptor *a)
{
    while (a->spare != NULL) {
        struct served *s = a->spare;

        a->spare = s->next;
        arena_fini(&s->mem);
        base_free(s);
    }
}
