/*
 * The in-process transport: client and engine in one address space.
 *
 * Happy path: net_call_send() encodes the request into a pooled buffer, decodes it on the engine's
 * side of that buffer (a peer is hostile whatever the transport, so the checks run here too), and
 * offers it to the service's inline handler on the caller's own thread. If that takes it, the reply
 * may be there before net_call_send() returns. Otherwise the request is posted to the xstream that
 * serves its target, where it runs in a fiber of its own. Bulk vectors are the caller's memory
 * itself. Bodies carry no checksum: they never leave the process's memory.
 *
 * One struct frame holds everything of a call: encoded bodies, decoded structs, the engine's
 * net_req. It stays with the call until net_call_fini() (the reply's variable parts point into it)
 * and then goes back to the peer's bag, so that calls allocate nothing once warm.
 *
 * Deadline: a request whose turn comes too late is answered -DER_TIMEDOUT without being begun, and
 * one that was cancelled until then -DER_CANCELED. One
 * that has begun ends when the engine ends it: the engine reads and writes the caller's memory, so
 * no answer may come before that. net_req's header carries the deadline for the engine's own waits.
 */
#include <string.h>
#include <sys/types.h>
#include <unistd.h>
#include <daos_errno.h>
#include "base/arena.h"
#include "base/assert.h"
#include "base/fail.h"
#include "net/bag.h"
#include "net/msg.h"
#include "net/peer.h"
#include "rt/rt.h"

#define FRAME_BODY_BYTES  2048u  /* first size of a body buffer; grows by doubling */
#define FRAME_KEEP_BYTES  65536u /* a buffer above this is not kept for the next call */
#define FRAME_ARENA_BYTES 4096u
#define DEADLINE_MS       60000u
#define MSG_STRUCT_MAX    1024u /* largest request or reply struct of the table */

struct body {
    uint8_t *mem;
    size_t cap;
};

struct inproc {
    struct net_peer peer;
    struct net_service *service;
    struct bag spare;
    uint32_t refs; /* the open peer and each frame with a call */
    uint32_t uid, gid, pid;
};

struct frame {
    struct net_req req; /* what the service sees */
    struct rt_call post;
    struct inproc *peer;
    struct net_call *call;
    uint64_t begun_ns;
    struct body out, back; /* encoded request and reply */
    struct arena mem;      /* the request's arrays and net_req_alloc() */
    struct arena rep_mem;  /* the reply's arrays on the client's side */
    uint64_t req_struct[MSG_STRUCT_MAX / 8];
    uint64_t rep_struct[MSG_STRUCT_MAX / 8];
};

#define FITS_(id, name, NAME, Q, R, flags, doc)                                                    \
    _Static_assert(sizeof(struct msg_##name##_req) <= MSG_STRUCT_MAX &&                            \
                       sizeof(struct msg_##name##_rep) <= MSG_STRUCT_MAX,                          \
                   #NAME);
MSG_TABLE(FITS_)

static void frame_free(struct frame *f)
{
    base_free(f->out.mem);
    base_free(f->back.mem);
    arena_fini(&f->mem);
    arena_fini(&f->rep_mem);
    base_free(f);
}

static void peer_unref(struct inproc *p)
{
    struct frame *f;

    if (__atomic_sub_fetch(&p->refs, 1, __ATOMIC_ACQ_REL) != 0)
        return;
    while ((f = bag_take(&p->spare)) != NULL)
        frame_free(f);
    base_free(p);
}

static struct frame *frame_take(struct inproc *p)
{
    struct frame *f = bag_take(&p->spare);

    if (f == NULL) {
        f = base_calloc(1, sizeof(*f));
        if (f == NULL)
            return NULL;
        arena_init(&f->mem, FRAME_ARENA_BYTES);
        arena_init(&f->rep_mem, FRAME_ARENA_BYTES);
        f->peer = p;
    }
    __atomic_add_fetch(&p->refs, 1, __ATOMIC_RELAXED);
    return f;
}

static void body_trim(struct body *b)
{
    if (b->cap > FRAME_KEEP_BYTES) {
        base_free(b->mem);
        *b = (struct body){NULL, 0};
    }
}

static void call_fini(struct net_call *call)
{
    struct frame *f = call->rep_mem;
    struct inproc *p = f->peer;

    call->rep_mem = NULL;
    call->priv[CALL_FINI] = NULL;
    body_trim(&f->out);
    body_trim(&f->back);
    if (!bag_put(&p->spare, f))
        frame_free(f);
    peer_unref(p);
}

/* Memory for an answer of the usual size, before anything is done that it has to tell of. */
static int body_ready(struct body *b)
{
    if (b->cap != 0)
        return 0;
    b->mem = base_alloc(FRAME_BODY_BYTES);
    b->cap = b->mem != NULL ? FRAME_BODY_BYTES : 0;
    return b->mem != NULL ? 0 : -DER_NOMEM;
}

/* Encodes into b, which grows until the message fits. */
static int body_encode(struct body *b, uint16_t opcode, const void *msg, bool reply, size_t *len)
{
    for (;;) {
        int rc = reply ? msg_encode_rep(opcode, msg, b->mem, b->cap, len)
                       : msg_encode_req(opcode, msg, b->mem, b->cap, len);
        size_t cap = b->cap != 0 ? b->cap : FRAME_BODY_BYTES;

        if (rc != -DER_TRUNC)
            return rc;
        if (*len > NET_BODY_MAX)
            return -DER_OVERFLOW;
        while (cap < *len)
            cap *= 2;
        base_free(b->mem);
        b->cap = 0;
        b->mem = base_alloc(cap);
        if (b->mem == NULL)
            return -DER_NOMEM;
        b->cap = cap;
    }
}

/* Ends the call on the client's side. The frame stays with it. */
static void answer(struct frame *f, int rc)
{
    struct net_call *call = f->call;

    call->rc = rc;
    call->done(call);
}

static int reply_carry(struct frame *f)
{
    struct net_call *call = f->call;
    size_t len = 0;
    int rc;

    if (call->rep == NULL)
        return 0;
    rc = body_encode(&f->back, f->req.hdr.opcode, f->req.rep, true, &len);
    if (rc != 0)
        return rc;
    arena_reset(&f->rep_mem);
    f->req.hdr.body_len = (uint32_t)len;
    return msg_decode_rep(f->req.hdr.opcode, f->back.mem, len, &f->rep_mem, call->rep);
}

static void moment(struct net_call *call, enum net_moment m)
{
    if (call->times != NULL)
        call->times->ns[m] = rt_now_ns();
}

static void inproc_reply(struct net_req *req, int rc)
{
    struct frame *f = CONTAINER_OF(req, struct frame, req);
    int carried;

    moment(f->call, NET_ANSWERED);
    carried = reply_carry(f);
    moment(f->call, NET_RECEIVED);

    /* what was done is not said to have failed only because the answer cannot be carried */
    if (rc == 0 && carried != 0 && msg_info(req->hdr.opcode)->flags & MSG_CHANGES)
        carried = -DER_TX_UNCERTAIN;
    req->hdr.rc = rc;
    f->call->hdr = req->hdr;
    answer(f, rc != 0 ? rc : carried);
}

static void serve(void *arg)
{
    struct frame *f = arg;
    uint64_t late_ns = f->begun_ns + (uint64_t)f->req.hdr.deadline_ms * 1000000u;

    if (call_is_cancelled(f->call))
        inproc_reply(&f->req, -DER_CANCELED);
    else if (rt_now_ns() > late_ns)
        inproc_reply(&f->req, -DER_TIMEDOUT);
    else
        f->peer->service->handle(f->peer->service, &f->req);
}

static void posted(struct rt_call *post)
{
    struct frame *f = CONTAINER_OF(post, struct frame, post);

    if (rt_spawn(serve, f) != 0)
        inproc_reply(&f->req, -DER_NOMEM);
}

/* The engine's side of the wire: what arrived becomes a net_req, or is refused. */
static int receive(struct frame *f, const struct msg_info *info)
{
    struct net_req *req = &f->req;
    const struct inproc *p = f->peer;

    if (req->hdr.proto != NET_PROTO || f->call->bulk_nr > NET_BULK_MAX)
        return -DER_PROTO;
    arena_reset(&f->mem);
    req->req = f->req_struct;
    req->rep = f->rep_struct;
    memset(f->rep_struct, 0, info->rep_size);
    req->bulk = f->call->bulk;
    req->bulk_nr = f->call->bulk_nr;
    req->uid = p->uid;
    req->gid = p->gid;
    req->pid = p->pid;
    req->local = true;
    req->waits = f->call->waits;
    req->mem = &f->mem;
    req->reply = inproc_reply;
    req->wrote = NULL;
    memset(req->priv, 0, sizeof(req->priv));
    return msg_decode_req(req->hdr.opcode, f->out.mem, req->hdr.body_len, &f->mem, req->req);
}

static void inproc_send(struct net_peer *peer, struct net_call *call)
{
    struct inproc *p = CONTAINER_OF(peer, struct inproc, peer);
    const struct msg_info *info = msg_info(call->hdr.opcode);
    struct net_service *s = p->service;
    struct frame *f = call->rep_mem;
    struct rt_xs *xs;
    size_t len = 0;
    int rc;

    if (info != NULL && call->rep != NULL)
        memset(call->rep, 0, info->rep_size);
    if (f == NULL && info != NULL)
        f = frame_take(p);
    if (f == NULL) {
        call->rc = info != NULL ? -DER_NOMEM : -DER_INVAL;
        call->done(call);
        return;
    }
    call->rep_mem = f;
    call->priv[CALL_FINI] = (void *)call_fini;
    f->call = call;
    moment(call, NET_SENT);
    rc = info != NULL ? body_encode(&f->out, call->hdr.opcode, call->req, false, &len) : -DER_INVAL;
    if (rc == 0 && info->flags & MSG_CHANGES)
        rc = body_ready(&f->back);
    if (rc != 0) {
        answer(f, rc);
        return;
    }
    call->hdr.body_len = (uint32_t)len;
    moment(call, NET_TAKEN);
    f->req.hdr = call->hdr;
    if (f->req.hdr.deadline_ms == 0)
        f->req.hdr.deadline_ms = DEADLINE_MS;
    rc = receive(f, info);
    if (rc != 0) {
        inproc_reply(&f->req, rc);
        return;
    }
    moment(call, NET_DECODED);
    if (s->inline_handle != NULL && s->inline_handle(s, &f->req))
        return;
    xs = s->route(s, &f->req.hdr);
    if (xs == NULL) {
        inproc_reply(&f->req, -DER_UNREACH);
        return;
    }
    f->begun_ns = rt_now_ns();
    f->post.fn = posted;
    rt_post(xs, &f->post);
}

static void inproc_close(struct net_peer *peer)
{
    peer_unref(CONTAINER_OF(peer, struct inproc, peer));
}

int net_inproc_connect(struct net_service *s, struct net_peer **peer)
{
    struct inproc *p = base_calloc(1, sizeof(*p));

    if (p == NULL)
        return -DER_NOMEM;
    p->peer.send = inproc_send;
    p->peer.close = inproc_close;
    p->service = s;
    p->refs = 1;
    p->uid = getuid();
    p->gid = getgid();
    p->pid = (uint32_t)getpid();
    *peer = &p->peer;
    return 0;
}
