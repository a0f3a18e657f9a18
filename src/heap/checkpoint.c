/*
 * Checkpoint: every page dirty at its beginning goes to its place, then the log before its
 * beginning is free.
 *
 *   1. Seal the open log group: replay will start behind it. The dirty pages become the
 *      checkpoint's (PV_CKPT).
 *   2. In batches: under the lock, a few pages at a time, copy and log PAGE_SUM of the copy. Wait
 *      until that is durable: from now on recovery expects that the page on the device may be a
 *      torn mixture. Write the copies, neighbours together, while the next batch is copied.
 *   3. Flush.
 *   4. Checkpoint record.
 *   5. Only now the log behind is reused and the pages count as clean.
 *
 * A page changed before its copy is copied with the change; changed after, it is dirty again, for
 * the next one. Descriptors say what image of a page is on the device, so they are copied last,
 * with all new checksums in them. Pages freed meanwhile are left out.
 *
 * If a write or the flush fails, the shard stops: pages stay dirty, the old checkpoint record and
 * the log behind it still hold.
 */
#include "heap/heap_int.h"

#include <stdlib.h>
#include <string.h>

#include "base/fail.h"
#include "heap/step.h"
#include "io/io.h"

#define CKPT_BATCH 128u /* pages written together */
#define CKPT_HOLD  8u   /* pages copied under one hold of the lock */

/* What is needed in the middle of a checkpoint is little, and comes again. */
#define NOMEM_TRIES   500u
#define NOMEM_REST_NS 10000000u

struct run { /* one write */
    struct io_req req;
    struct iovec iov;
    struct rt_event done;
};

struct batch {
    struct heap *h;
    uint32_t nr, room;
    uint8_t *buf; /* copies, in order; of at most room pages */
    uint32_t page[CKPT_BATCH];
    uint64_t lsn;               /* of the last PAGE_SUM */
    struct run run[CKPT_BATCH]; /* under way */
    uint32_t runs;
};
#define BATCHES 2u

/* ---- Beginning ---- */

/* Pages that need a PAGE_SUM together, so that few groups carry them; descriptors last; otherwise
 * by number. */
static int order_cmp(const void *a, const void *b, void *arg)
{
    const struct heap *h = arg;
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    uint32_t fx = page_is_core(x) ? 2 : (h->vol[x].flags & PV_SUMMED) != 0;
    uint32_t fy = page_is_core(y) ? 2 : (h->vol[y].flags & PV_SUMMED) != 0;

    if (fx != fy)
        return fx < fy ? -1 : 1;
    return x < y ? -1 : x > y;
}

/* A descriptor page of a growth that was aborted is marked dirty too, but not part of the heap. */
static bool page_in_use(const struct heap *h, uint64_t page)
{
    if (page >= h->map.pages)
        return false;
    return page_is_core(page) || page_desc(h, page)->kind != PAGE_FREE;
}

static void ckpt_add(struct heap *h, uint64_t page)
{
    struct page_vol *v = &h->vol[page];

    ASSERT((v->flags & (PV_DIRTY | PV_CKPT)) == PV_DIRTY);
    v->flags = (uint16_t)((v->flags & ~PV_DIRTY) | PV_CKPT);
    h->ckpt.pages.v[h->ckpt.pages.nr++] = (uint32_t)page;
}

static void ckpt_drop(struct heap *h, uint64_t page)
{
    h->vol[page].flags &= (uint16_t)~PV_CKPT;
    h->dirty_nr--;
}

/* Takes the list of dirty pages. */
static int ckpt_begin(struct heap *h, struct wal_mark *m, struct heap_super *copy)
{
    struct vec32 *list = &h->ckpt.pages;
    uint32_t nr = h->dirty.nr;
    int rc;

    list->nr = 0;
    rc = vec32_room(list, nr + 1);
    if (rc != 0)
        return rc;
    for (uint32_t i = 0; i < nr; i++) {
        uint64_t page = h->dirty.v[i];

        ckpt_add(h, page);
        if (!page_in_use(h, page)) {
            ckpt_drop(h, page);
            list->nr--;
        }
    }
    h->dirty.nr = 0;
    for (uint32_t i = 0; i < list->nr; i++) /* which will say what image the page has */
        ASSERT(page_is_core(list->v[i]) || h->vol[page_desc_page(list->v[i])].flags & PV_CKPT);
    if (list->nr > 1)
        qsort_r(list->v, list->nr, sizeof(list->v[0]), order_cmp, h);
    wal_seal(h, &m->replay_lsn, &m->replay_group);
    *copy = *heap_super(h);
    return 0;
}

/* ---- Copying ---- */

static void put_sum(uint8_t *at, uint32_t page, uint64_t sum)
{
    struct wal_sum s = {.page = page, .sum = sum};

    memcpy(at, &s, sizeof(s));
}

/* The descriptor of a page says, through the log, which image of it is on the device. */
static int desc_sum(struct heap *h, uint64_t page, uint64_t sum)
{
    uint64_t *d =
        tx_write(h, page_desc_off(page) + offsetof(struct page_desc, csum), 2 * sizeof(uint64_t));

    if (d == NULL)
        return h->rc;
    d[0] = page_disk_csum(sum, h->wal.last_lsn);
    d[1] = h->wal.last_lsn;
    return 0;
}

/* Copies one page; sums tells whether the log must say so (not for a page unchanged since a
 * PAGE_SUM that still counts). */
static int copy_page(struct batch *b, uint32_t page, uint8_t *sums, uint32_t *nr)
{
    struct heap *h = b->h;
    struct page_vol *v = &h->vol[page];
    uint8_t *copy = b->buf + (size_t)b->nr * HEAP_PAGE_SIZE;
    const struct page_desc *d = page_is_core(page) ? NULL : page_desc(h, page);
    uint64_t sum = page_sum(page_addr(h, page));
    int rc = 0;

    ASSERT(v->flags & PV_RESIDENT);
    if ((v->flags & PV_SUMMED) == 0) {
        if (d != NULL)
            rc = desc_sum(h, page, sum);
        if (rc != 0)
            return rc;
        put_sum(sums + *nr * sizeof(struct wal_sum), page, sum);
        *nr += MUTANT(CKPT_NO_SUM) ? 0 : 1;
    }
    memcpy(copy, page_addr(h, page), HEAP_PAGE_SIZE);
    if (d == NULL || d->kind != PAGE_VALUE) {
        struct page_hdr *hdr = (struct page_hdr *)copy;

        hdr->lsn = d != NULL ? d->lsn : h->wal.last_lsn;
        hdr->csum = page_disk_csum(sum, hdr->lsn);
    }
    v->flags = (uint16_t)((v->flags & ~PV_CKPT) | PV_WRITING | PV_SUMMED);
    h->writing_nr++;
    b->page[b->nr++] = page;
    return 0;
}

/* Room in the log for one hold. Waits for the writer if all group buffers are taken; the space
 * itself was kept. */
static int hold_begin(struct heap *h)
{
    size_t redo = CKPT_HOLD * (3 * sizeof(uint64_t) + sizeof(struct wal_sum)) +
                  2 * sizeof(struct wal_rec_hdr);
    int rc;

    while ((rc = tx_begin_internal(h, redo)) == HEAP_WAIT) {
        if (h->wal.first == NULL || h->wal.first == h->wal.open)
            return -DER_NOSPACE; /* cannot be: wal_kept */
        rt_cond_wait(&h->room, &h->lock);
    }
    return rc;
}

/* Copies the next few pages of the list, under one hold of the lock. */
static int copy_hold(struct batch *b, uint32_t *at)
{
    struct heap *h = b->h;
    uint8_t sums[CKPT_HOLD * sizeof(struct wal_sum)];
    uint32_t nr = 0, n;
    int rc;

    heap_lock(h);
    rc = hold_begin(h);
    if (rc != 0) {
        heap_unlock(h);
        return rc;
    }
    for (n = 0; rc == 0 && n < CKPT_HOLD && b->nr < b->room && *at < h->ckpt.pages.nr; n++) {
        uint32_t page = h->ckpt.pages.v[*at];

        if (page_in_use(h, page))
            rc = copy_page(b, page, sums, &nr);
        else
            ckpt_drop(h, page);
        *at += rc == 0;
    }
    ASSERT(rc == 0 || rc == -DER_NOMEM); /* log space was kept */
    heap_tx_commit(h, NULL);
    if (nr > 0) {
        uint8_t *room = wal_room(h);

        memcpy(room + sizeof(struct wal_rec_hdr), sums, nr * sizeof(struct wal_sum));
        b->lsn = wal_append(h, WAL_REC_SUM,
                            (uint32_t)(sizeof(struct wal_rec_hdr) + nr * sizeof(struct wal_sum)));
    }
    heap_unlock(h);
    return rc;
}

/* ---- Writing ---- */

static void run_done(struct io_req *req)
{
    struct run *r = req->arg;

    rt_event_set(&r->done);
}

/* Starts the writes of the batch's copies, neighbours together. */
static void batch_write(struct batch *b)
{
    struct heap *h = b->h;

    for (uint32_t i = 0, n; i < b->nr; i += n, b->runs++) {
        struct run *r = &b->run[b->runs];

        for (n = 1; i + n < b->nr && b->page[i + n] == b->page[i] + n; n++)
            ;
        rt_event_init(&r->done);
        r->iov = (struct iovec){b->buf + (size_t)i * HEAP_PAGE_SIZE, (size_t)n * HEAP_PAGE_SIZE};
        r->req = (struct io_req){.op = IO_WRITE,
                                 .off = (uint64_t)b->page[i] * HEAP_PAGE_SIZE,
                                 .iov = &r->iov,
                                 .iov_nr = 1,
                                 .done = run_done,
                                 .arg = r};
        super_submit(h->conf.dev[SUPER_META], SUPER_META, &r->req);
    }
}

/* Waits for them; the batch may be used again. */
static int batch_end(struct batch *b)
{
    int rc = 0;

    for (uint32_t i = 0; i < b->runs; i++) {
        rt_event_wait(&b->run[i].done);
        rc = rc != 0 ? rc : b->run[i].req.rc;
    }
    if (b->runs > 0)
        heap_step(b->h, HEAP_STEP_CKPT_PAGES);
    b->runs = 0;
    b->nr = 0;
    b->lsn = 0;
    return rc;
}

static int batch_run(struct batch *b, uint32_t *at)
{
    struct heap *h = b->h;
    uint32_t tries = 0;
    int rc = 0;

    while (rc == 0 && b->nr < b->room && *at < h->ckpt.pages.nr) {
        rc = copy_hold(b, at);
        if (rc == -DER_NOMEM && tries++ < NOMEM_TRIES) {
            rt_sleep_ns(NOMEM_REST_NS);
            rc = 0;
        }
        rt_yield();
    }
    heap_step(h, HEAP_STEP_CKPT_COPIED);
    if (rc == 0 && b->lsn != 0 && !MUTANT(CKPT_SUM_NOT_AWAITED))
        rc = heap_wait_durable(h, b->lsn);
    heap_lock(h); /* only now a crash cannot make another PAGE_SUM of them necessary */
    h->dirty_nr -= b->nr;
    heap_unlock(h);
    heap_step(h, HEAP_STEP_CKPT_SUMMED);
    if (rc == 0)
        batch_write(b);
    return rc;
}

/* While one batch is being written the next is copied. */
static int write_pages(struct heap *h, struct batch *b)
{
    uint32_t at = 0, turn = 0;
    int rc = 0, rc2;

    while (rc == 0 && at < h->ckpt.pages.nr) {
        rc = batch_end(&b[turn]);
        if (rc == 0)
            rc = batch_run(&b[turn], &at);
        turn = (turn + 1) % BATCHES;
    }
    for (uint32_t i = 0; i < BATCHES; i++) {
        rc2 = batch_end(&b[i]);
        rc = rc != 0 ? rc : rc2;
    }
    return rc;
}

static void batches_free(struct batch *b)
{
    for (uint32_t i = 0; b != NULL && i < BATCHES; i++)
        io_buf_free(b[i].buf);
    base_free(b);
}

/* For pages as many as there are dirty now, roughly: the last few may need a round more. */
static struct batch *batches_make(struct heap *h)
{
    struct batch *b = base_calloc(BATCHES, sizeof(*b));
    bool all = b != NULL;
    uint32_t room;

    heap_lock(h);
    room = (uint32_t)MIN(MAX(h->dirty_nr, CKPT_HOLD), CKPT_BATCH);
    heap_unlock(h);
    for (uint32_t i = 0; b != NULL && i < BATCHES; i++) {
        b[i].h = h;
        b[i].room = room;
        b[i].buf = io_buf_alloc((size_t)room * HEAP_PAGE_SIZE);
        all = all && b[i].buf != NULL;
    }
    if (!all) {
        batches_free(b);
        b = NULL;
    }
    return b;
}

/* ---- The whole ---- */

static void ckpt_end(struct heap *h, const struct wal_mark *m, const struct heap_super *copy)
{
    heap_lock(h);
    for (uint32_t i = 0; i < h->ckpt.pages.nr; i++)
        h->vol[h->ckpt.pages.v[i]].flags &= (uint16_t) ~(PV_WRITING | PV_SUMMED);
    h->writing_nr = 0;
    h->wal.replay_lsn = m->replay_lsn;
    h->wal.replay_group = m->replay_group;
    h->wal.complete_lsn = m->complete_lsn;
    h->wal.mark_seq = m->seq;
    h->wal.copy = *copy;
    h->super_rebuilt = false;
    h->ckpt.done++;
    heap_unlock(h);
    heap_step(h, HEAP_STEP_CKPT_DONE);
}

/* A page that was left out because it is free by now is needed after all if the transaction that
 * freed it is lost: so everything committed up to here becomes durable before the old log goes. */
static int wait_all(struct heap *h)
{
    uint64_t lsn;

    heap_lock(h);
    lsn = h->wal.last_lsn;
    heap_unlock(h);
    return heap_wait_durable(h, lsn);
}

static int checkpoint(struct heap *h)
{
    struct wal_mark m = {.generation = h->generation};
    struct batch *b = batches_make(h);
    struct heap_super copy;
    int rc = -DER_NOMEM;

    heap_lock(h);
    if (b != NULL)
        rc = ckpt_begin(h, &m, &copy);
    heap_unlock(h);
    if (rc != 0) { /* nothing has begun: it is tried again */
        batches_free(b);
        return rc;
    }
    heap_step(h, HEAP_STEP_CKPT_BEGIN);
    rc = write_pages(h, b);
    batches_free(b);
    if (rc == 0)
        rc = wait_all(h);
    if (rc == 0 && !MUTANT(CKPT_NO_FLUSH))
        rc = super_flush_wait(h->conf.dev[MUTANT(CKPT_FLUSH_LOG) ? SUPER_WAL : SUPER_META]);
    heap_step(h, HEAP_STEP_CKPT_FLUSHED);
    if (rc == 0) {
        if (MUTANT(CKPT_REPLAY_LATE)) {
            heap_lock(h);
            wal_seal(h, &m.replay_lsn, &m.replay_group);
            heap_unlock(h);
        }
        m.seq = h->wal.mark_seq + 1;
        m.complete_lsn = m.durable_lsn = heap_durable_lsn(h);
        wal_mark_fill(&m);
        rc = wal_mark_write(h, &m, &copy);
    }
    heap_step(h, HEAP_STEP_CKPT_RECORDED);
    if (rc != 0)
        heap_fail(h, "a checkpoint", rc);
    else
        ckpt_end(h, &m, &copy);
    return rc;
}

void checkpoint_hold(struct heap *h)
{
    heap_lock(h);
    while (h->ckpt.running)
        rt_cond_wait(&h->room, &h->lock);
    h->ckpt.running = true;
    heap_unlock(h);
}

void checkpoint_release(struct heap *h)
{
    heap_lock(h);
    h->ckpt.running = false;
    rt_cond_broadcast(&h->room);
    heap_unlock(h);
}

int heap_checkpoint(struct heap *h)
{
    int rc;

    if (h->is_volatile)
        return 0;
    if (h->readonly)
        return -DER_NO_PERM;
    checkpoint_hold(h);
    rc = heap_failed(h) ? -DER_IO : checkpoint(h);
    checkpoint_release(h);
    return rc;
}
