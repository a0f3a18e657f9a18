/*
 * Values in data extents: how bytes get from a request's memory to the device and back.
 *
 * The device wants aligned memory, offsets and lengths. Memory of the request that fits is used as
 * it is; anything else goes through a bounce buffer, small pieces that are neighbours through one
 * together. All transfers of a request are on their way at once.
 *
 * Durability: a lone update writes with IO_DURABLE. When several are writing at the same time, each
 * writes plainly and then waits for a flush that was asked for after its writes were complete; one
 * flush serves all who were waiting for it.
 *
 * Verification reads whole checksum chunks, so a wanted range is widened to chunk boundaries; only
 * a range that is exactly its chunks, in aligned memory, is read in place.
 */
#include <stdlib.h>

#include "engine/engine_int.h"

#define BOUNCE_KEPT  (256u << 10)
#define GATHER_PIECE (64u << 10) /* larger values are read and written by themselves */
#define GATHER_GAP   (32u << 10) /* bytes read in vain rather than a read more */
#define GATHER_MAX   BOUNCE_KEPT /* bytes of one gathered read or write */

/* A transfer that a fiber waits for together with its siblings. */
struct batch {
    struct rt_event all;
    uint32_t left;
    int rc;
};

struct transfer {
    struct io_req io;
    struct iovec iov[1];
    struct iovec *iovs; /* iov, or memory of its own */
    struct batch *batch;
    uint8_t *bounce; /* owned */
    bool kept;       /* bounce is one of BOUNCE_KEPT bytes, for shard->bounce */
};

static void batch_init(struct batch *b)
{
    rt_event_init(&b->all);
    b->left = 1; /* the submitter's own, given back by batch_wait() */
    b->rc = 0;
}

static void batch_put(struct batch *b, int rc)
{
    if (rc != 0 && b->rc == 0)
        b->rc = rc;
    if (--b->left == 0)
        rt_event_set(&b->all);
}

static int batch_wait(struct batch *b)
{
    batch_put(b, 0);
    rt_event_wait(&b->all);
    return b->rc;
}

static void transfer_done(struct io_req *io)
{
    struct transfer *t = CONTAINER_OF(io, struct transfer, io);

    batch_put(t->batch, io->rc);
}

static void transfer_start(struct shard *s, struct batch *b, struct transfer *t, enum io_op op,
                           uint32_t flags, uint64_t off)
{
    t->batch = b;
    t->io.op = op;
    t->io.flags = flags;
    t->io.off = off;
    t->io.iov = t->iovs;
    t->io.done = transfer_done;
    b->left++;
    super_submit(s->devs.role[SUPER_DATA], SUPER_DATA, &t->io);
}

static void transfer_fini(struct shard *s, struct transfer *t)
{
    if (t->kept && s->bounce_nr < ARRAY_LEN(s->bounce))
        s->bounce[s->bounce_nr++] = t->bounce;
    else
        io_buf_free(t->bounce);
    if (t->iovs != t->iov)
        base_free(t->iovs);
}

void data_io_fini(struct shard *s)
{
    while (s->bounce_nr > 0)
        io_buf_free(s->bounce[--s->bounce_nr]);
}

/* A buffer of len bytes (rounded up to blocks) of its own. Large ones are kept for the next: memory
 * that comes and goes costs a page fault for every 4 KiB of it. */
static int bounce(struct shard *s, struct transfer *t, uint64_t len)
{
    t->kept = len > BOUNCE_KEPT / 8 && len <= BOUNCE_KEPT;
    if (t->kept && s->bounce_nr > 0)
        t->bounce = s->bounce[--s->bounce_nr];
    else
        t->bounce = io_buf_alloc(t->kept ? BOUNCE_KEPT : ROUND_UP(len, SPACE_BLOCK));
    if (t->bounce == NULL)
        return -DER_NOMEM;
    t->iov[0].iov_base = t->bounce;
    t->iov[0].iov_len = ROUND_UP(len, SPACE_BLOCK);
    t->iovs = t->iov;
    t->io.iov_nr = 1;
    return 0;
}

/* Uses [off, off+len) of the stream iov in place if the device can; false: it cannot. */
static bool in_place(struct transfer *t, const struct iovec *iov, uint32_t nr, uint64_t off,
                     uint64_t len)
{
    uint32_t i = 0, n = 0;

    if (len % SPACE_BLOCK != 0)
        return false;
    while (i < nr && off >= iov[i].iov_len)
        off -= iov[i++].iov_len;
    if (i == nr)
        return false;
    t->iovs = nr - i == 1 ? t->iov : base_alloc((nr - i) * sizeof(*t->iovs));
    if (t->iovs == NULL) {
        t->iovs = t->iov;
        return false;
    }
    for (; i < nr && len > 0; i++, off = 0) {
        uint64_t take = MIN(iov[i].iov_len - off, len);

        t->iovs[n].iov_base = (char *)iov[i].iov_base + off;
        t->iovs[n].iov_len = take;
        if (((uintptr_t)t->iovs[n].iov_base | take) % IO_ALIGN != 0)
            break;
        n++;
        len -= take;
    }
    t->io.iov_nr = n;
    if (len == 0)
        return true;
    if (t->iovs != t->iov)
        base_free(t->iovs);
    t->iovs = t->iov;
    return false;
}

/* ---- Flushing together ---- */

static int flush_shared(struct shard *s)
{
    struct flusher *f = &s->flusher;
    uint64_t want = ++f->asked;

    /* a flush that is running may have begun before our writes were complete: it does not count */
    while (f->rc == 0 && f->done < want) {
        struct rt_event turn;
        uint64_t covers = f->asked;
        int rc;

        if (f->running) {
            rt_event_wait(f->turn);
            continue;
        }
        rt_event_init(&turn);
        f->running = true;
        f->turn = &turn;
        __atomic_add_fetch(&s->eng->flushes, 1, __ATOMIC_RELAXED);
        rc = super_flush_wait(s->devs.role[MUTANT(ENGINE_FLUSH_META) ? SUPER_META : SUPER_DATA]);
        /* a failed flush may have dropped what others wrote too: nothing that needs one succeeds
         * until the pool is reopened */
        if (rc != 0) {
            f->rc = rc;
            heap_flush_failed(s->heap);
        } else {
            f->done = MUTANT(ENGINE_FLUSH_COVERS) ? f->asked : covers;
        }
        f->running = false;
        if (!MUTANT(ENGINE_FLUSH_NO_WAKE))
            rt_event_set(&turn);
    }
    return f->rc;
}

/* ---- Writing ---- */

/* How many places from p on go in one write: extents that follow each other without a gap, and are
 * so small that gathering them costs less than writing each. */
static uint32_t run_length(const struct vos_place *p, uint32_t nr)
{
    uint64_t bytes = 0;
    uint32_t n = 0;

    while (n < nr && p[n].len <= GATHER_PIECE && bytes + p[n].len <= GATHER_MAX &&
           (n == 0 || p[n].ext.block == p[n - 1].ext.block + p[n - 1].ext.nr)) {
        bytes += ROUND_UP(p[n].len, (uint64_t)SPACE_BLOCK);
        n++;
        if (bytes != (p[n - 1].ext.block + p[n - 1].ext.nr - p->ext.block) * SPACE_BLOCK)
            break; /* more room than bytes: what follows is not beside them */
    }
    return MAX(n, 1u);
}

/* One write for nr places, whose extents follow each other. */
static int write_prepare(struct shard *s, struct transfer *t, const struct vos_op *ops,
                         const struct vos_place *p, uint32_t nr)
{
    const struct vos_iod *iod = &ops[p->op].iods[p->iod];
    uint64_t bytes = 0;
    int rc;

    if (nr == 1 && in_place(t, iod->iov, iod->iov_nr, p->src_off, p->len))
        return 0;
    for (uint32_t i = 0; i < nr; i++)
        bytes += ROUND_UP(p[i].len, (uint64_t)SPACE_BLOCK);
    rc = bounce(s, t, bytes);
    if (rc != 0)
        return rc;
    bytes = 0;
    for (uint32_t i = 0; i < nr; i++) {
        uint64_t room = ROUND_UP(p[i].len, (uint64_t)SPACE_BLOCK);

        iod = &ops[p[i].op].iods[p[i].iod];
        data_copy(iod->iov, iod->iov_nr, p[i].src_off, t->bounce + bytes, p[i].len, false);
        memset(t->bounce + bytes + p[i].len, 0, room - p[i].len);
        bytes += room;
    }
    return 0;
}

int data_write(struct shard *s, const struct vos_op *ops, const struct vos_place *places,
               uint32_t nr)
{
    struct transfer *ts = base_calloc(nr, sizeof(*ts));
    uint32_t flags, n = 0;
    struct batch b;
    int rc = 0, rc2;

    if (ts == NULL)
        return -DER_NOMEM;
    s->data_writers++;
    flags = s->data_writers == 1 && run_length(places, nr) == nr ? IO_DURABLE : 0;
    batch_init(&b);
    for (uint32_t i = 0, run; i < nr && rc == 0; i += run, n++) {
        run = run_length(places + i, nr - i);
        ts[n].iovs = ts[n].iov;
        rc = write_prepare(s, &ts[n], ops, &places[i], run);
        if (rc != 0)
            break;
        __atomic_fetch_add(&s->eng->data_writes, 1, __ATOMIC_RELAXED);
        transfer_start(s, &b, &ts[n], IO_WRITE, flags, places[i].ext.block * SPACE_BLOCK);
    }
    rc2 = batch_wait(&b);
    rc = rc != 0 ? rc : rc2;
    if (rc == 0 && flags == 0 && !MUTANT(ENGINE_DATA_NOT_FLUSHED))
        rc = flush_shared(s);
    s->data_writers--;
    for (uint32_t i = 0; i < nr; i++)
        transfer_fini(s, &ts[i]);
    base_free(ts);
    return rc;
}

/* ---- Reading ---- */

static uint64_t dev_off(const struct data_want *w)
{
    return w->piece->ext.block * SPACE_BLOCK + w->from;
}

static int by_place(const void *a, const void *b)
{
    uint64_t x = dev_off(a), y = dev_off(b);

    return x < y ? -1 : x > y;
}

/* How many pieces, in order of their places, come with one read: small ones that lie so near each
 * other that reading what is between them costs less than another read. *end: of the read. */
static uint32_t read_length(const struct data_want *w, uint32_t nr, uint64_t *end)
{
    uint64_t start = dev_off(w);
    uint32_t n = 0;

    *end = start;
    while (n < nr) {
        uint64_t to = MAX(*end, dev_off(&w[n]) + w[n].to - w[n].from);

        if (n > 0 && (w[n].to - w[n].from > GATHER_PIECE || dev_off(&w[n]) > *end + GATHER_GAP ||
                      to - start > GATHER_MAX))
            break;
        *end = to;
        n++;
        if (w[0].to - w[0].from > GATHER_PIECE)
            break;
    }
    return n;
}

/* In place: the iovec of one segment is what verify() needs. */
static int read_prepare(struct shard *s, struct transfer *t, const struct data_want *w, uint32_t nr,
                        uint64_t end)
{
    const struct vos_piece *p = w->piece;

    if (nr == 1 && w->from == p->ext_off && w->to == p->ext_off + p->len &&
        in_place(t, w->iod->dst, w->iod->dst_nr, p->dst_off, p->len)) {
        if (t->io.iov_nr == 1)
            return 0;
        if (t->iovs != t->iov)
            base_free(t->iovs);
        t->iovs = t->iov;
    }
    return bounce(s, t, end - dev_off(w));
}

static int read_finish(const struct transfer *t, const struct data_want *w, uint32_t nr)
{
    int rc = 0;

    for (uint32_t i = 0; i < nr && rc == 0; i++) {
        const struct vos_piece *p = w[i].piece;
        uint64_t at = MUTANT(ENGINE_GATHER_FIRST) ? 0 : dev_off(&w[i]) - dev_off(w);
        uint8_t *bytes = (uint8_t *)t->iovs[0].iov_base + at;

        rc = MUTANT(ENGINE_GATHER_FIRST) ? 0 : data_sound(p, bytes, w[i].to - w[i].from);
        if (rc == 0 && t->bounce != NULL)
            data_copy(w[i].iod->dst, w[i].iod->dst_nr, p->dst_off, bytes + (p->ext_off - w[i].from),
                      p->len, true);
    }
    return rc;
}

/* A read that serves the wants [first, first + nr). */
struct read {
    struct transfer t;
    uint32_t first, nr;
};

/* When a read of several failed each is read alone: what lies between them may be what cannot be
 * read. */
static int read_end(struct shard *s, const struct read *r, struct data_want *w)
{
    int rc = r->t.io.rc;

    if (rc == 0)
        return read_finish(&r->t, w, r->nr);
    for (uint32_t i = 0; i < r->nr && r->nr > 1; i++) {
        rc = data_read(s, &w[i], 1);
        if (rc != 0)
            break;
    }
    return rc;
}

int data_read(struct shard *s, struct data_want *want, uint32_t nr)
{
    struct read *rs = base_calloc(nr, sizeof(*rs));
    uint32_t n = 0;
    struct batch b;
    int rc = 0;

    if (rs == NULL)
        return -DER_NOMEM;
    for (uint32_t i = 0; i < nr; i++)
        data_widen(want[i].piece, &want[i].from, &want[i].to);
    qsort(want, nr, sizeof(*want), by_place);
    batch_init(&b);
    for (uint32_t i = 0; i < nr; i += rs[n++].nr) {
        struct read *r = &rs[n];
        uint64_t end;

        r->first = i;
        r->nr = read_length(&want[i], nr - i, &end);
        r->t.iovs = r->t.iov;
        rc = read_prepare(s, &r->t, &want[i], r->nr, end);
        if (rc != 0)
            break;
        __atomic_fetch_add(&s->eng->data_reads, 1, __ATOMIC_RELAXED);
        transfer_start(s, &b, &r->t, IO_READ, 0, dev_off(&want[i]));
    }
    batch_wait(&b);
    for (uint32_t i = 0; i < n && rc == 0; i++)
        rc = read_end(s, &rs[i], &want[rs[i].first]);
    for (uint32_t i = 0; i < nr; i++)
        transfer_fini(s, &rs[i].t);
    base_free(rs);
    return rc;
}

int data_verify(struct shard *s, const struct vos_piece *p)
{
    struct transfer t = {0};
    struct batch b;
    uint64_t from, to;
    int rc;

    data_widen(p, &from, &to);
    rc = bounce(s, &t, to - from);
    if (rc != 0)
        return rc;
    batch_init(&b);
    transfer_start(s, &b, &t, IO_READ, 0,
                   p->ext.block * SPACE_BLOCK + ROUND_DOWN(from, SPACE_BLOCK));
    rc = batch_wait(&b);
    if (rc == 0)
        rc = data_sound(p, t.bounce, to - from);
    transfer_fini(s, &t);
    return rc;
}
