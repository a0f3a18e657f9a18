/*
 * Recovery: the log since the last checkpoint, applied to the pages it touches.
 *
 * Redo is physical: bytes at a place, so replay ignores what LSN a page already includes; a page
 * image that is newer than the first records, older, or (after a power cut while a checkpoint wrote
 * it) a mixture of both comes out right, because every byte in which the two differ was
 * changed by a record that is replayed. What vouches for the result is the page's last PAGE_SUM: at
 * its position in the log the page must be exactly what the checkpoint copied.
 *
 *   1. Scan the log (wal_scan.c). For each page: where it was last initialised, summed, changed.
 *   2. Load and replay the heap page, then the descriptors: now every page's kind is known.
 *   3. Load the other touched pages, many at a time, unless free by now or initialised in the log.
 *      The checksum on the device is verified, except where a PAGE_SUM after the last completed
 *      checkpoint says that a write may have been cut.
 *   4. Replay them, comparing at PAGE_SUMs. All are dirty now; but one unchanged since a PAGE_SUM
 *      that still counts needs no new one when it is written (so that crashes in checkpoints, one
 *      after the other, do not use up the log), and a page unchanged since a completed checkpoint's
 *      PAGE_SUM, found exactly so on the device, is clean.
 *   5. Flush all role devices: what was read back may have been in a volatile cache. Only then does
 *      anybody see it.
 *
 * Read-only, the same happens in memory and nothing is written.
 */
#include "heap/heap_int.h"

#include <stdlib.h>
#include <string.h>

#include "base/fail.h"
#include "base/log.h"
#include "heap/step.h"

struct rec_page {
    uint64_t init;         /* position of the last PAGE_INIT; 0: none */
    uint64_t redo;         /* of the last change */
    uint64_t sum_pos, sum; /* of the last PAGE_SUM */
    bool same;             /* the device holds exactly the image of the last PAGE_SUM */
};

enum pass { PASS_HEAP_PAGE, PASS_DESCRIPTORS, PASS_OTHERS };

/* What the log says about the heap page and descriptors: an item of a transaction, or a record of
 * sums (item 0) with one of them in it. So that the first passes need not go through all of it. */
struct core_ref {
    uint64_t pos;
    const uint8_t *rec;
    uint32_t item; /* where in rec */
};
#define CORE_REFS_MAX (1u << 16) /* of a log with more the passes go through all */

struct recovery {
    struct heap *h;
    struct log_scan log;
    struct vrange info; /* struct rec_page of each page; untouched ones cost no memory */
    struct vec32 touched;
    uint64_t pages; /* of the role */
    enum pass pass;
    uint64_t bad_page; /* whose image did not match */
    struct core_ref *core;
    uint32_t core_nr, core_cap;
    bool core_cut; /* there are more */
};

static struct rec_page *info(struct recovery *r, uint64_t page)
{
    return (struct rec_page *)r->info.base + page;
}

/* ---- Reading records ---- */

typedef int (*item_fn)(struct recovery *r, uint64_t pos, const struct wal_item *it,
                       const uint8_t *rec, uint32_t data);

static int each_item(struct recovery *r, uint64_t pos, const uint8_t *rec, uint32_t len, item_fn fn)
{
    uint32_t at = sizeof(struct wal_rec_hdr);
    int rc = 0;

    while (rc == 0 && at < len) {
        struct wal_item it;
        uint32_t op, n;

        if (len - at < sizeof(it))
            return -DER_CSUM;
        memcpy(&it, rec + at, sizeof(it));
        at += sizeof(it);
        op = it.off_op >> 14;
        n = op == WAL_OP_BYTES ? it.len : 0;
        if (it.page >= r->pages || n > len - at || op > WAL_OP_INIT ||
            (op != WAL_OP_INIT && (it.off_op & 0x3fffu) + it.len > HEAP_PAGE_SIZE))
            return -DER_CSUM;
        rc = fn(r, pos, &it, rec, at);
        at += n;
    }
    return rc;
}

static int note(struct recovery *r, uint32_t page, struct rec_page **p)
{
    *p = info(r, page);
    if ((*p)->init == 0 && (*p)->redo == 0 && (*p)->sum_pos == 0)
        return vec32_add(&r->touched, page);
    return 0;
}

static int core_add(struct recovery *r, uint64_t pos, const uint8_t *rec, uint32_t item)
{
    if (r->core_nr == r->core_cap) {
        uint32_t cap = MAX(4096u, r->core_cap * 2);
        struct core_ref *c;

        if (cap > CORE_REFS_MAX) {
            r->core_cut = true;
            return 0;
        }
        c = base_realloc(r->core, cap * sizeof(*c));
        if (c == NULL)
            return -DER_NOMEM;
        r->core = c;
        r->core_cap = cap;
    }
    r->core[r->core_nr++] = (struct core_ref){.pos = pos, .rec = rec, .item = item};
    return 0;
}

static int collect_item(struct recovery *r, uint64_t pos, const struct wal_item *it,
                        const uint8_t *rec, uint32_t data)
{
    struct rec_page *p;
    int rc = note(r, it->page, &p);

    p->redo = pos;
    if (it->off_op >> 14 == WAL_OP_INIT)
        p->init = pos;
    if (rc == 0 && page_is_core(it->page))
        rc = core_add(r, pos, rec, data - (uint32_t)sizeof(*it));
    return rc;
}

static int collect_sums(struct recovery *r, uint64_t pos, const uint8_t *rec, uint32_t len)
{
    bool core = false;
    int rc = 0;

    for (uint32_t at = sizeof(struct wal_rec_hdr); at + sizeof(struct wal_sum) <= len && rc == 0;
         at += sizeof(struct wal_sum)) {
        struct wal_sum s;
        struct rec_page *p;

        memcpy(&s, rec + at, sizeof(s));
        if (s.page >= r->pages)
            return -DER_CSUM;
        rc = note(r, s.page, &p);
        p->sum_pos = pos;
        p->sum = s.sum;
        core = core || page_is_core(s.page);
    }
    return rc == 0 && core ? core_add(r, pos, rec, 0) : rc;
}

static int collect(void *arg, uint64_t pos, const uint8_t *rec)
{
    struct recovery *r = arg;
    struct wal_rec_hdr hdr;

    memcpy(&hdr, rec, sizeof(hdr));
    r->h->replayed++;
    if (hdr.type == WAL_REC_TX)
        return each_item(r, pos, rec, hdr.len, collect_item);
    if (hdr.type == WAL_REC_SUM)
        return collect_sums(r, pos, rec, hdr.len);
    return -DER_CSUM;
}

/* ---- Applying them ---- */

static int lost_add(struct heap *h, uint64_t page)
{
    LOG_ERROR("heap page %llu of %s is damaged, and the log has changes for it: what lay in it is "
              "lost; run 'tarn check' to see what that is, restore it from a copy",
              (unsigned long long)page, super_dev(h->conf.dev[SUPER_META])->name);
    page_set_resident(h, page, false);
    h->vol[page].flags |= PV_LOST;
    return vec32_add(&h->lost, (uint32_t)page);
}

static bool in_pass(struct recovery *r, uint64_t page)
{
    if (page == 0)
        return r->pass == PASS_HEAP_PAGE;
    if (page_is_core(page))
        return r->pass == PASS_DESCRIPTORS && page < r->h->map.pages;
    return r->pass == PASS_OTHERS && (r->h->vol[page].flags & PV_RESIDENT) != 0;
}

static int apply_item(struct recovery *r, uint64_t pos, const struct wal_item *it,
                      const uint8_t *rec, uint32_t data)
{
    struct heap *h = r->h;
    struct rec_page *p = info(r, it->page);
    char *at;

    if (!in_pass(r, it->page) || pos < p->init || p->same)
        return 0;
    at = (char *)page_addr(h, it->page) + (it->off_op & 0x3fffu);
    switch (it->off_op >> 14) {
    case WAL_OP_INIT:
        if ((it->off_op & 0x3fffu) >= PAGE_KIND_NR || it->len >= h->alloc.nr)
            return -DER_CSUM;
        page_init(h, it->page, it->off_op & 0x3fffu, it->len);
        break;
    case WAL_OP_ZERO:
        memset(at, 0, it->len);
        break;
    default:
        memcpy(at, rec + data, it->len);
    }
    return 0;
}

static int apply_sums(struct recovery *r, uint64_t pos, const uint8_t *rec, uint32_t len)
{
    for (uint32_t at = sizeof(struct wal_rec_hdr); at + sizeof(struct wal_sum) <= len;
         at += sizeof(struct wal_sum)) {
        struct wal_sum s;
        struct rec_page *p;

        memcpy(&s, rec + at, sizeof(s));
        p = info(r, s.page);
        if (!in_pass(r, s.page) || pos != p->sum_pos || p->init > pos || p->same)
            continue;
        if (page_sum(page_addr(r->h, s.page)) != s.sum) {
            if (r->pass == PASS_OTHERS && !r->h->conf.refuse_damaged) {
                int rc = lost_add(r->h, s.page);

                if (rc != 0)
                    return rc;
                continue;
            }
            r->bad_page = s.page;
            return -DER_CSUM;
        }
    }
    return 0;
}

static int apply(void *arg, uint64_t pos, const uint8_t *rec)
{
    struct wal_rec_hdr hdr;

    memcpy(&hdr, rec, sizeof(hdr));
    if (hdr.type == WAL_REC_TX)
        return each_item(arg, pos, rec, hdr.len, apply_item);
    return apply_sums(arg, pos, rec, hdr.len);
}

/* ---- Pages ---- */

/* May a write of this page have been cut short? */
static bool write_undecided(struct recovery *r, uint64_t page)
{
    return info(r, page)->sum_pos >= r->log.mark.complete_lsn && info(r, page)->sum_pos != 0;
}

/* Is the page's last record the PAGE_SUM of a completed checkpoint? Then the device has it all. */
static bool settled(struct recovery *r, uint64_t page)
{
    return info(r, page)->sum_pos > info(r, page)->redo && !write_undecided(r, page);
}

/* Which of the pages are damaged? All others are loaded. */
static int find_lost(struct recovery *r, const uint64_t *page, uint32_t nr, bool verify)
{
    struct heap *h = r->h;
    int rc = 0;

    for (uint32_t i = 0; i < nr && rc == 0; i++) {
        if ((h->vol[page[i]].flags & PV_RESIDENT) == 0)
            rc = page_load(h, &page[i], 1, verify);
        if (rc == -DER_CSUM)
            rc = lost_add(h, page[i]);
    }
    return rc;
}

static int load_list(struct recovery *r, const uint32_t *page, uint32_t nr, bool undecided)
{
    uint64_t *list = base_alloc((nr + 1) * sizeof(*list));
    uint32_t n = 0;
    int rc;

    if (list == NULL)
        return -DER_NOMEM;
    for (uint32_t i = 0; i < nr; i++) {
        if ((info(r, page[i])->init == 0 || settled(r, page[i])) &&
            write_undecided(r, page[i]) == undecided)
            list[n++] = page[i];
    }
    rc = page_load(r->h, list, n, !undecided);
    if (rc == -DER_CSUM && r->pass == PASS_OTHERS && !r->h->conf.refuse_damaged)
        rc = find_lost(r, list, n, !undecided);
    base_free(list);
    return rc;
}

static int load_pages(struct recovery *r, const uint32_t *page, uint32_t nr)
{
    int rc = load_list(r, page, nr, false);

    if (rc == 0)
        rc = load_list(r, page, nr, true);
    for (uint32_t i = 0; i < nr && rc == 0; i++) {
        struct rec_page *p = info(r, page[i]);

        if (page_is_bad(r->h, page[i]))
            continue;
        if (settled(r, page[i]))
            p->same = page_sum(page_addr(r->h, page[i])) == p->sum;
        else if (p->init != 0) {
            rc = frame_give(r->h, page[i]);
            if (rc == 0)
                page_set_resident(r->h, page[i], true);
        }
    }
    return rc;
}

static int apply_core(struct recovery *r)
{
    int rc = 0;

    for (uint32_t i = 0; i < r->core_nr && rc == 0; i++) {
        const struct core_ref *c = &r->core[i];
        struct wal_rec_hdr hdr;
        struct wal_item it;

        memcpy(&hdr, c->rec, sizeof(hdr));
        memcpy(&it, c->rec + c->item, sizeof(it));
        rc = c->item == 0 ? apply_sums(r, c->pos, c->rec, hdr.len)
                          : apply_item(r, c->pos, &it, c->rec, c->item + (uint32_t)sizeof(it));
    }
    return rc;
}

static int replay_pass(struct recovery *r, enum pass pass)
{
    r->pass = pass;
    if (pass != PASS_OTHERS && !r->core_cut)
        return apply_core(r);
    return wal_scan_walk(&r->log, apply, r);
}

/* From the copy that came with the checkpoint record, which is as old as the log that is replayed.
 */
static int rebuild_heap_page(struct recovery *r)
{
    struct heap *h = r->h;
    int rc = frame_give(h, 0);

    if (rc != 0)
        return rc;
    LOG_ERROR("the heap page of %s is damaged; its copy in the log is used; check the device",
              super_dev(h->conf.dev[SUPER_META])->name);
    page_init(h, 0, PAGE_SUPER, 0);
    page_set_resident(h, 0, true);
    *heap_super(h) = r->log.copy;
    info(r, 0)->same = false;
    r->bad_page = UINT64_MAX;
    h->super_rebuilt = true;
    return replay_pass(r, PASS_HEAP_PAGE);
}

static int recover_heap_page(struct recovery *r, struct err *e)
{
    struct heap *h = r->h;
    const struct heap_super *s;
    uint32_t zero = 0;
    int rc;

    h->vol[0].flags |= PV_CORE;
    h->vol[1].flags |= PV_CORE;
    rc = load_pages(r, &zero, 1);
    if (rc == 0)
        rc = replay_pass(r, PASS_HEAP_PAGE);
    if ((rc == -DER_CSUM || heap_goes_on(h, rc)) && r->log.copy.magic == HEAP_MAGIC)
        rc = rebuild_heap_page(r);
    if (rc != 0)
        return rc;
    s = heap_super(h);
    if (s->magic != HEAP_MAGIC)
        return err_set(e, -DER_DF_INVAL, "cannot open the heap", "its first page is not a heap's",
                       "check that this is the right device");
    if (s->format != HEAP_FORMAT || s->page_size != HEAP_PAGE_SIZE ||
        s->pages_per_desc != PAGES_PER_DESC)
        return err_set(e, -DER_DF_INCOMPT, "cannot open the heap",
                       "it was written by another version of the format",
                       "use the program that wrote it, or a newer one");
    if (s->pages < 2 || s->pages > r->pages || s->pages % PAGES_PER_DESC == 1)
        return err_set(e, -DER_CSUM, "cannot open the heap",
                       "it claims more pages than its device has",
                       "restore the pool from a replica or a copy");
    h->map.pages = s->pages;
    return 0;
}

static int rebuild_one(struct recovery *r, uint64_t page)
{
    struct rec_page *p = info(r, page);

    p->same = false;
    p->sum_pos = 0; /* what it says now is not what a checkpoint copied */
    return rebuild_desc_begin(r->h, page);
}

/* Those that cannot be had. */
static int rebuild_descriptors(struct recovery *r, const struct vec32 *desc)
{
    struct heap *h = r->h;
    int rc = 0;

    for (uint32_t i = 0; i < desc->nr && rc == 0; i++) {
        const uint32_t *page = &desc->v[i];

        if ((h->vol[*page].flags & PV_RESIDENT) == 0)
            rc = load_pages(r, page, 1);
        if (heap_goes_on(h, rc))
            rc = rebuild_one(r, *page);
    }
    return rc;
}

/* One that a checkpoint was writing when the power went, and that is not what became of it: once
 * more, with that one made again. */
static int rebuild_mismatch(struct recovery *r)
{
    int rc = -DER_CSUM;

    for (uint32_t n = 0; rc == -DER_CSUM && r->bad_page != UINT64_MAX && n < 16; n++) {
        uint64_t page = r->bad_page;

        r->bad_page = UINT64_MAX;
        rc = rebuild_one(r, page);
        if (rc == 0)
            rc = replay_pass(r, PASS_DESCRIPTORS);
    }
    return rc;
}

static int recover_descriptors(struct recovery *r)
{
    struct heap *h = r->h;
    struct vec32 desc = {0};
    int rc = 0;

    for (uint64_t page = 1; page < h->map.pages && rc == 0; page += PAGES_PER_DESC) {
        h->vol[page].flags |= PV_CORE;
        rc = vec32_add(&desc, (uint32_t)page);
    }
    if (rc == 0)
        rc = load_pages(r, desc.v, desc.nr);
    if (heap_goes_on(h, rc))
        rc = rebuild_descriptors(r, &desc);
    if (rc == 0)
        rc = replay_pass(r, PASS_DESCRIPTORS);
    if (rc == -DER_CSUM && r->bad_page != UINT64_MAX && !h->conf.refuse_damaged)
        rc = rebuild_mismatch(r);
    if (rc == 0) {
        rebuild_desc_end(h);
        rc = alloc_open(h);
    }
    vec32_fini(&desc);
    return rc;
}

static int page_cmp(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    return x < y ? -1 : x > y;
}

/* Not a page that is free by now; nor one that only an old PAGE_SUM mentions; nor one that was
 * initialised and then written by a completed checkpoint: it is read when somebody needs it. */
static bool worth_loading(struct recovery *r, uint64_t page)
{
    const struct rec_page *p = info(r, page);

    if (page_is_core(page) || page >= r->h->map.pages || page_desc(r->h, page)->kind == PAGE_FREE)
        return false;
    if (p->init != 0 && settled(r, page))
        return false;
    return p->redo != 0 || write_undecided(r, page);
}

static int recover_others(struct recovery *r)
{
    struct vec32 list = {0};
    int rc = vec32_room(&list, r->touched.nr);

    r->pass = PASS_OTHERS;
    for (uint32_t i = 0; i < r->touched.nr && rc == 0; i++) {
        if (worth_loading(r, r->touched.v[i]))
            list.v[list.nr++] = r->touched.v[i];
    }
    if (rc == 0 && list.nr > 1)
        qsort(list.v, list.nr, sizeof(list.v[0]), page_cmp);
    if (rc == 0)
        rc = load_pages(r, list.v, list.nr);
    if (rc == 0)
        heap_step(r->h, HEAP_STEP_RECOVER_LOADED);
    if (rc == 0)
        rc = replay_pass(r, PASS_OTHERS);
    for (uint32_t i = 0; i < list.nr && rc == 0; i++)
        alloc_page_loaded(r->h, list.v[i]);
    vec32_fini(&list);
    return rc;
}

/* What the next checkpoint has to write. */
static void mark_pages(struct recovery *r)
{
    struct heap *h = r->h;

    for (uint32_t i = 0; i < r->touched.nr; i++) {
        uint64_t page = r->touched.v[i];
        const struct rec_page *p = info(r, page);

        if (page >= h->map.pages || (h->vol[page].flags & PV_RESIDENT) == 0 || p->same ||
            (p->redo == 0 && !write_undecided(r, page)) || MUTANT(RECOVER_CLEAN))
            continue;
        page_set_dirty(h, page);
        if (p->sum_pos > p->redo && write_undecided(r, page))
            h->vol[page].flags |= PV_SUMMED;
    }
    for (uint32_t i = 0; i < h->rebuilt.nr; i++) {
        if ((h->vol[h->rebuilt.v[i]].flags & PV_DIRTY) == 0)
            page_set_dirty(h, h->rebuilt.v[i]);
        h->vol[h->rebuilt.v[i]].flags &= (uint16_t)~PV_SUMMED;
    }
    if (h->super_rebuilt && (h->vol[0].flags & PV_DIRTY) == 0)
        page_set_dirty(h, 0);
    h->vol[0].flags &= (uint16_t) ~(h->super_rebuilt ? PV_SUMMED : 0);
}

/* ---- The whole ---- */

static int replay(struct recovery *r, struct err *e)
{
    int rc = wal_scan_walk(&r->log, collect, r);

    if (rc == 0)
        rc = recover_heap_page(r, e);
    if (rc == 0)
        rc = recover_descriptors(r);
    if (rc == 0)
        rc = recover_others(r);
    if (rc == 0) {
        heap_step(r->h, HEAP_STEP_RECOVER_APPLIED);
        mark_pages(r);
    } else if (r->bad_page != UINT64_MAX) {
        err_setf(e, rc, "restore the pool from a replica or a copy",
                 "after replaying the log it is not what the last checkpoint wrote",
                 "cannot open the heap: page %llu is damaged", (unsigned long long)r->bad_page);
    } else {
        err_set(e, rc, "cannot open the heap",
                rc == -DER_CSUM ? "a page or a log record is damaged; the log names it"
                                : "reading its pages failed",
                "restore the pool from a replica or a copy");
    }
    return rc;
}

static void log_resume(struct heap *h, const struct log_scan *s)
{
    struct wal *w = &h->wal;

    w->replay_lsn = s->mark.replay_lsn;
    w->replay_group = s->mark.replay_group;
    w->complete_lsn = s->mark.complete_lsn;
    w->mark_seq = s->mark.seq;
    w->copy = s->copy;
    w->next_start = s->end;
    w->next_seq = s->end_seq;
    w->prev_csum = s->prev_csum;
    w->last_lsn = s->end;
    atomic_store(&w->durable, s->end);
}

static int flush_roles(struct heap *h, struct err *e)
{
    int rc = 0;

    /* Read-only too: a flush changes nothing, and what is seen must stay. */
    for (uint32_t i = 0; i < SUPER_ROLE_NR && rc == 0; i++) {
        struct super *s = h->conf.dev[i];
        bool seen = s == NULL;

        for (uint32_t j = 0; j < i; j++)
            seen = seen || h->conf.dev[j] == s;
        if (seen)
            continue;
        if (!MUTANT(RECOVER_NO_FLUSH) &&
            !(MUTANT(RECOVER_FLUSH_META) && s != h->conf.dev[SUPER_META]))
            rc = super_flush_wait(s);
        if (rc == 0 && super_is_clean(s) && !h->readonly)
            rc = super_mark(s, false);
    }
    if (rc != 0)
        return err_set(e, rc, "cannot open the heap", "flushing its devices failed",
                       "check the device");
    heap_step(h, HEAP_STEP_RECOVER_FLUSHED);
    return 0;
}

int recover(struct heap *h, struct err *e)
{
    struct recovery r = {.h = h, .bad_page = UINT64_MAX};
    int rc;

    rc = wal_scan(h, &r.log, e);
    if (rc == 0) {
        heap_step(h, HEAP_STEP_RECOVER_SCANNED);
        log_resume(h, &r.log);
        r.pages = MIN(super_role_size(h->conf.dev[SUPER_META], SUPER_META) / HEAP_PAGE_SIZE,
                      HEAP_PAGES_MAX);
        rc = page_space_grow(h, r.pages);
    }
    if (rc == 0)
        rc = vrange_open(&r.info, r.pages * sizeof(struct rec_page), VRANGE_ZERO, heap_ranges(h));
    if (rc == 0)
        rc = vrange_commit(&r.info, r.pages * sizeof(struct rec_page));
    if (rc == 0)
        rc = replay(&r, e);
    if (rc == 0)
        rc = flush_roles(h, e);
    vrange_close(&r.info);
    vec32_fini(&r.touched);
    base_free(r.core);
    wal_scan_free(&r.log);
    return rc;
}

/* ---- Pages that were lost ---- */

static int give_up(struct heap *h, uint64_t page)
{
    struct page_desc *d;
    int rc = heap_tx_begin(h, 256);

    if (rc != 0)
        return rc;
    d = tx_write(h, page_desc_off(page), sizeof(*d));
    if (d == NULL) {
        rc = h->rc;
        heap_tx_abort(h);
        return rc;
    }
    d->csum = 0;
    d->lsn = LSN_LOST;
    heap_tx_commit(h, NULL);
    return 0;
}

int recover_give_up(struct heap *h)
{
    int rc = 0;

    for (uint32_t i = 0; i < h->lost.nr && rc == 0 && !h->readonly && !MUTANT(LOST_NOT_NOTED);
         i++) {
        struct heap_pins pins = HEAP_PINS_INIT;

        do {
            heap_lock(h);
            rc = give_up(h, h->lost.v[i]);
            heap_unlock(h);
        } while (heap_retry(h, &pins, &rc));
    }
    return rc;
}
