/*
 * The log's device side: one fiber writes groups, one at a time, and tells who waits.
 *
 * On a device that is memory (io_dev_memory) a write is a copy. The thread of a program that has
 * nothing to do but wait for its change then makes it itself (heap_write_here): two threads that
 * wake each other cost ten times as much as the rest.
 *
 * Group commit without timers: while a group is on its way the next one collects; as soon as the
 * write is done and somebody waits for the next, it goes. A lone commit therefore costs one device
 * write and no delay. A group nobody waits for goes after LAZY_NS, so that what was committed
 * without waiting becomes durable soon as well.
 *
 * One write at a time is what makes recovery simple: a group's header says that all groups before
 * it are durable, so a damaged group that has a successor is corruption, and only the very last can
 * be a torn tail.
 *
 * A write that fails stops the shard (heap_fail): nothing is retried over it, everybody who waits
 * gets -DER_IO.
 */
#include "heap/heap_int.h"

#include <string.h>

#include "base/fail.h"
#include "heap/step.h"
#include "io/io.h"

#define LAZY_NS UINT64_C(100000000)

struct wal_io {
    struct io_req req;
    struct iovec iov;
    struct rt_event done;
};

static void wal_io_done(struct io_req *req)
{
    struct wal_io *io = req->arg;

    rt_event_set(&io->done);
}

static void wal_io_submit(struct heap *h, struct wal_io *io, uint64_t pos, uint8_t *buf,
                          uint64_t len)
{
    rt_event_init(&io->done);
    io->iov = (struct iovec){buf, len};
    io->req = (struct io_req){.op = IO_WRITE,
                              .flags = MUTANT(WAL_NOT_DURABLE) ? 0 : IO_DURABLE,
                              .off = WAL_RING_OFF + pos % h->wal.size,
                              .iov = &io->iov,
                              .iov_nr = 1,
                              .done = wal_io_done,
                              .arg = io};
    h->wal.writes++;
    super_submit(h->conf.dev[SUPER_WAL], SUPER_WAL, &io->req);
}

/* Pages of the log that this process has not met yet cost a fault each: many at once cost little.
 */
static void touch(struct wal *w, uint64_t from, uint64_t to)
{
    for (uint64_t i = from / WAL_TOUCH; i <= (to - 1) / WAL_TOUCH; i++) {
        uint64_t end = MIN((i + 1) * WAL_TOUCH, WAL_RING_OFF + w->size);

        if (w->touched[i / 64] >> i % 64 & 1)
            continue;
        io_memory_touch(w->mem + i * WAL_TOUCH, end - i * WAL_TOUCH);
        w->touched[i / 64] |= UINT64_C(1) << i % 64;
    }
}

static void copy_in(struct wal *w, uint64_t pos, const uint8_t *buf, uint64_t len)
{
    uint64_t at = WAL_RING_OFF + pos % w->size;

    if (MUTANT(WAL_COPY_SHORT))
        len = len > 0 ? (len - 1) / WAL_BLOCK * WAL_BLOCK : 0;
    if (len == 0)
        return;
    touch(w, at, at + len);
    memcpy(w->mem + at, buf, len);
    w->writes++;
}

/* Writes the group durably; in two parts where the ring wraps. A copy needs no whole blocks, and
 * what the last one held before is not looked at: most groups are short, and the rest of a block
 * would be the most that they cost. */
static int group_write(struct heap *h, struct wal_group *g)
{
    uint64_t len = g->len, first;
    struct wal_io io[2];

    if (h->wal.mem == NULL) {
        len = ROUND_UP(len, WAL_BLOCK);
        memset(g->buf + g->len, 0, len - g->len);
    }
    first = MIN(len, h->wal.size - g->start % h->wal.size);
    if (h->wal.mem != NULL) {
        copy_in(&h->wal, g->start, g->buf, first);
        if (first < len)
            copy_in(&h->wal, g->start + first, g->buf + first, len - first);
        return 0;
    }
    wal_io_submit(h, &io[0], g->start, g->buf, first);
    if (first < len)
        wal_io_submit(h, &io[1], g->start + first, g->buf + first, len - first);
    rt_event_wait(&io[0].done);
    if (first < len) {
        rt_event_wait(&io[1].done);
        if (io[1].req.rc != 0)
            return io[1].req.rc;
    }
    return io[0].req.rc;
}

/* Takes the first group out of the queue; nothing is added to it any more. */
static struct wal_group *group_take(struct wal *w)
{
    struct wal_group *g = w->first;

    w->first = g->next;
    g->next = NULL;
    if (w->open == g)
        w->open = NULL;
    return g;
}

static void group_back(struct wal *w, struct wal_group *g)
{
    w->written += ROUND_UP((uint64_t)g->len, WAL_BLOCK);
    g->next = w->spare;
    w->spare = g;
}

static void group_finish(struct wal *w, struct wal_group *g)
{
    struct wal_group_hdr *hdr = (struct wal_group_hdr *)g->buf;

    *hdr = (struct wal_group_hdr){.magic = WAL_GROUP_MAGIC,
                                  .len = g->len,
                                  .seq = g->seq,
                                  .lsn = g->start,
                                  .durable = atomic_load(&w->durable),
                                  .prev = w->prev_csum};
}

static void group_seal(struct heap *h, struct wal_group *g)
{
    struct wal_group_hdr *hdr = (struct wal_group_hdr *)g->buf;

    group_finish(&h->wal, g);
    hdr->generation = h->generation;
    hdr->body_csum = wal_body_csum(g->buf, g->len);
    hdr->hdr_csum = wal_group_hdr_csum(hdr);
    h->wal.prev_csum = hdr->hdr_csum;
}

/* Those of the waiters whose turn has come, oldest first; all of them if the heap failed. */
static struct heap_waiter *waiters_take(struct wal *w)
{
    uint64_t durable = atomic_load(&w->durable) + (MUTANT(WAL_TELL_EARLY) ? WAL_BLOCK : 0);
    struct heap_waiter *done = NULL, **done_end = &done, **at = &w->waiters;

    while (*at != NULL) {
        struct heap_waiter *x = *at;

        if (x->lsn > durable && !atomic_load(&w->failed)) {
            at = &x->next;
            continue;
        }
        *at = x->next;
        x->next = NULL;
        *done_end = x;
        done_end = &x->next;
    }
    w->waiters_end = at;
    return done;
}

static void waiters_tell(struct heap_waiter *x, int rc)
{
    while (x != NULL) {
        struct heap_waiter *next = x->next; /* fn may free or reuse it */

        x->fn(x, rc);
        x = next;
    }
}

static void write_one(struct heap *h, struct wal_group *g)
{
    struct wal *w = &h->wal;
    struct heap_waiter *told;
    int rc;

    group_seal(h, g);
    heap_step(h, HEAP_STEP_WAL_SEALED);
    if (MUTANT(WAL_DURABLE_EARLY))
        atomic_store(&w->durable, g->start + g->len);
    rc = group_write(h, g);
    if (rc != 0 && !MUTANT(WAL_ERROR_IGNORED))
        heap_fail(h, "writing the log", rc);
    else
        atomic_store(&w->durable, g->start + g->len);
    heap_step(h, HEAP_STEP_WAL_WRITTEN);
    heap_lock(h);
    w->writing = false;
    group_back(w, g);
    told = waiters_take(w);
    rt_cond_broadcast(&h->room);
    heap_unlock(h);
    waiters_tell(told, heap_failed(h) ? -DER_IO : 0);
    heap_step(h, HEAP_STEP_WAL_TOLD);
}

enum what_now { SLEEP, SLEEP_A_LITTLE, WRITE, END };

static enum what_now next_thing(struct wal *w, bool lazy_over)
{
    bool any = w->first != NULL && w->first->nrec > 0;

    if (atomic_load(&w->failed))
        return w->stop ? END : SLEEP;
    if (!any)
        return w->stop ? END : SLEEP;
    if (w->stop || lazy_over || w->first != w->open || w->asked > atomic_load(&w->durable))
        return WRITE;
    return SLEEP_A_LITTLE;
}

static void writer(void *arg)
{
    struct heap *h = arg;
    struct wal *w = &h->wal;
    struct heap_waiter *told;
    struct wal_group *g;
    enum what_now now;
    bool lazy_over = false;

    for (;;) {
        rt_event_reset(&w->kick);
        heap_lock(h);
        now = next_thing(w, lazy_over);
        g = now == WRITE ? group_take(w) : NULL;
        w->writing = g != NULL;
        told = now == WRITE ? NULL : waiters_take(w); /* after a failure */
        heap_unlock(h);
        waiters_tell(told, heap_failed(h) ? -DER_IO : 0);
        lazy_over = false;
        if (now == WRITE) {
            write_one(h, g);
            if (w->mem != NULL) /* which waited for nothing */
                rt_yield();
        } else if (now == SLEEP) {
            rt_event_wait(&w->kick);
        } else if (now == SLEEP_A_LITTLE) {
            lazy_over = rt_event_wait_timeout(&w->kick, LAZY_NS) == -DER_TIMEDOUT;
        } else {
            break;
        }
    }
    rt_event_set(&h->wal_gone);
}

void heap_write_here(struct heap *h)
{
    struct wal *w = &h->wal;
    struct wal_group *g = w->first;

    if (w->mem == NULL || !w->started || w->stop || w->writing || atomic_load(&w->failed) ||
        g == NULL || g != w->open || g->nrec == 0)
        return;
    group_take(w);
    group_seal(h, g);
    group_write(h, g);
    atomic_store(&w->durable, g->start + g->len);
    group_back(w, g);
    rt_cond_broadcast(&h->room);
    if (w->waiters != NULL) /* who waits is told by the writer */
        wal_kick(h);
}

/* Where the device is memory, groups are copied into it; else, or without memory for that, they are
 * written by requests. */
static void find_memory(struct heap *h)
{
    struct super_memory *m = base_alloc(SUPER_EXTENTS_MAX * sizeof(*m));
    uint64_t bits = (WAL_RING_OFF + h->wal.size) / WAL_TOUCH + 1;

    if (m != NULL && super_memory(h->conf.dev[SUPER_WAL], SUPER_WAL, m) == 1)
        h->wal.touched = base_calloc((bits + 63) / 64, sizeof(uint64_t));
    if (h->wal.touched != NULL)
        h->wal.mem = (uint8_t *)m[0].at;
    base_free(m);
}

int wal_start(struct heap *h)
{
    int rc;

    find_memory(h);
    rt_event_init(&h->wal_gone);
    rc = rt_spawn(writer, h);
    h->wal.started = rc == 0;
    return rc;
}

void wal_kick(struct heap *h)
{
    if (h->wal.started)
        rt_event_set(&h->wal.kick);
}

void wal_stop(struct heap *h, bool flush)
{
    if (!h->wal.started)
        return;
    if (!flush)
        atomic_store(&h->wal.failed, true);
    heap_lock(h);
    h->wal.stop = true;
    heap_unlock(h);
    wal_kick(h);
    rt_event_wait(&h->wal_gone);
    h->wal.started = false;
    h->wal.mem = NULL;
    base_free(h->wal.touched);
    h->wal.touched = NULL;
}

/* ---- For those who wait ---- */

uint64_t heap_durable_lsn(const struct heap *h)
{
    return atomic_load_explicit(&h->wal.durable, memory_order_acquire);
}

bool heap_failed(const struct heap *h)
{
    return atomic_load_explicit(&h->wal.failed, memory_order_acquire);
}

void heap_when_durable(struct heap *h, uint64_t lsn, struct heap_waiter *x)
{
    struct wal *w = &h->wal;

    if (lsn <= heap_durable_lsn(h)) {
        x->fn(x, 0);
        return;
    }
    if (heap_failed(h)) {
        x->fn(x, -DER_IO);
        return;
    }
    x->lsn = lsn;
    x->next = NULL;
    *w->waiters_end = x;
    w->waiters_end = &x->next;
    w->asked = MAX(w->asked, lsn);
    wal_kick(h);
}

struct fiber_waiter {
    struct heap_waiter w;
    struct rt_event done;
    int rc;
};

static void fiber_told(struct heap_waiter *w, int rc)
{
    struct fiber_waiter *f = CONTAINER_OF(w, struct fiber_waiter, w);

    f->rc = rc;
    rt_event_set(&f->done);
}

int heap_wait_durable(struct heap *h, uint64_t lsn)
{
    struct fiber_waiter f = {.w.fn = fiber_told};

    if (lsn <= heap_durable_lsn(h))
        return 0;
    rt_event_init(&f.done);
    heap_lock(h);
    heap_when_durable(h, lsn, &f.w);
    heap_unlock(h);
    rt_event_wait(&f.done);
    return f.rc;
}
