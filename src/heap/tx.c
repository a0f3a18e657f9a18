/*
 * Transactions: undo while open, one redo record at commit.
 *
 * heap_tx_write saves the bytes it is about to let change in an arena and remembers the range.
 * Abort copies the saved bytes back, newest first. Commit sorts the ranges, merges those that touch
 * or nearly touch, and logs their present bytes, runs of zeros as such; so a byte written many
 * times is logged once. Pages initialised in the transaction are logged first, as PAGE_INIT.
 *
 * Log space: begin reserves for the bytes announced; a transaction that turns out larger reserves
 * more as it goes and ends with HEAP_WAIT if there is none. So commit always finds room.
 */
#include "heap/heap_int.h"

#include <string.h>

#include "base/fail.h"

#define MERGE_GAP                                                                                  \
    8u /* merging over fewer unchanged bytes than an item header has is cheaper than another item  \
        */
#define ZERO_RUN 24u /* a run of zeros this long becomes an item of its own */
#define SORT_RUN 16u /* ranges that are sorted in place: most transactions have fewer */
/* Ranges are sorted by keys of one word: the offset, and below it which of so many ranges it is. */
#define SORT_MAX    65536u
#define TX_OVERHEAD 256u /* record header, first allocations' bitmap words */

static uint64_t range_cost(size_t len)
{
    return len + 2 * sizeof(struct wal_item); /* a long range may need two items */
}

int tx_reserve(struct heap *h, size_t more)
{
    struct tx *tx = &h->tx;
    int rc;

    if (tx->used + more <= tx->need || h->is_volatile) {
        tx->used += more;
        return 0;
    }
    rc = wal_reserve(h, tx->used + more + TX_OVERHEAD, tx->internal);
    if (rc != 0)
        return rc;
    tx->used += more;
    tx->need = tx->used + TX_OVERHEAD;
    return 0;
}

static int begin(struct heap *h, size_t redo_max, bool internal)
{
    struct tx *tx = &h->tx;
    uint64_t need = (uint64_t)redo_max + redo_max / 2 + TX_OVERHEAD;
    int rc;

    ASSERT(!tx->active);
    tx->promised = false;
    if (h->readonly)
        return -DER_NO_PERM;
    if (redo_max > HEAP_TX_MAX)
        return -DER_INVAL;
    if (!h->is_volatile) {
        need = MIN(need, MAX(h->wal.tx_max, (uint64_t)redo_max));
        rc = wal_reserve(h, need, internal);
        if (rc != 0)
            return rc;
    }
    tx->active = true;
    tx->internal = internal;
    tx->counts = false;
    tx->leaves = internal ? 0 : PAGES_KEPT;
    if (!internal && !MUTANT(HEAP_PROMISE_BROKEN))
        tx->leaves += h->alloc.promised;
    tx->need = need;
    tx->used = sizeof(struct wal_rec_hdr);
    tx->nr = 0;
    return 0;
}

size_t heap_tx_max(const struct heap *h)
{
    return h->is_volatile ? HEAP_TX_MAX : MIN(HEAP_TX_MAX, h->wal.tx_max);
}

int heap_tx_begin(struct heap *h, size_t redo_max)
{
    if (frames_ckpt_due(h) && !h->ckpt.running) {
        h->ckpt.wanted = true;
        background_kick(h);
    }
    if (frames_too_dirty(h) && !h->is_volatile && !h->readonly && !heap_failed(h))
        return HEAP_WAIT;
    return begin(h, redo_max, false);
}

int tx_begin_dirty(struct heap *h, size_t redo_max)
{
    return begin(h, redo_max, false);
}

int heap_tx_begin_again(struct heap *h, size_t redo_max)
{
    return MUTANT(HEAP_REHEARSAL_COUNTS) ? heap_tx_begin(h, redo_max) : tx_begin_dirty(h, redo_max);
}

int tx_begin_internal(struct heap *h, size_t redo_max)
{
    return begin(h, redo_max, true);
}

#define LEAVES_COME (PAGES_KEPT / 4)

void heap_tx_use_reserve(struct heap *h, enum heap_reserve kind)
{
    static const uint32_t leaves[] = {[HEAP_RESERVE_DELETE] = PAGES_KEPT * 5 / 8,
                                      [HEAP_RESERVE_COME] = LEAVES_COME,
                                      [HEAP_RESERVE_LAST] = 0};

    h->tx.leaves = h->alloc.promised + (MUTANT(HEAP_RESERVE_SHARED) ? 0 : leaves[kind]);
}

/* ---- Promises ---- */

void heap_tx_count(struct heap *h)
{
    memset(h->tx.took, 0, sizeof(h->tx.took));
    h->tx.counts = true;
}

/* Each class a page of its own, since what is begun now others may fill. */
void heap_tx_need(const struct heap *h, uint32_t *pages, size_t *redo)
{
    *pages = 0;
    for (uint32_t c = 0; c < h->alloc.nr; c++)
        *pages += DIV_UP(h->tx.took[c], h->alloc.cls[c].slots);
    *redo = h->tx.used;
}

/* Leaves are of three sizes, and inner nodes of two; of the largest 15 and 10 fill a page. An
 * insert makes one leaf, and an inner node on each of three levels. */
uint32_t heap_tree_pages(uint32_t inserts)
{
    return inserts == 0 ? 0 : MIN(inserts, 3u) + 2 + (inserts - 1) / 15 + (3 * inserts - 1) / 10;
}

size_t heap_promise_max(const struct heap *h)
{
    return h->is_volatile ? HEAP_TX_MAX : h->wal.promise_max;
}

int heap_promise(struct heap *h, uint32_t pages, bool deletes)
{
    struct alloc *a = &h->alloc;

    if (a->free_pages < a->promised + pages + (deletes ? LEAVES_COME : PAGES_KEPT)) {
        h->grow_data = false;
        return HEAP_GROW;
    }
    a->promised += pages;
    return 0;
}

void heap_promise_again(struct heap *h, uint32_t pages)
{
    h->alloc.promised += pages;
}

void heap_promise_drop(struct heap *h, uint32_t pages)
{
    ASSERT(h->alloc.promised >= pages);
    h->alloc.promised -= pages;
}

void heap_tx_use_promise(struct heap *h, uint32_t pages)
{
    ASSERT(h->alloc.promised >= pages);
    h->tx.leaves = h->alloc.promised - pages;
    h->tx.promised = true;
}

bool heap_tx_active(const struct heap *h)
{
    return h->tx.active;
}

static int range_room(struct tx *tx)
{
    uint32_t cap = MAX(64u, tx->cap * 2);
    struct tx_range *r;
    uint64_t *k;

    if (tx->nr < tx->cap)
        return 0;
    r = base_realloc(tx->range, cap * sizeof(*r));
    if (r == NULL)
        return -DER_NOMEM;
    tx->range = r;
    k = base_realloc(tx->sort, MIN(cap, SORT_MAX) * 2 * sizeof(*k));
    if (k == NULL)
        return -DER_NOMEM;
    tx->sort = k;
    tx->cap = cap;
    return 0;
}

static uint32_t *newest_at(struct tx *tx, uint64_t off)
{
    return &tx->newest[(off * UINT64_C(0x9e3779b97f4a7c15)) >> 56];
}
_Static_assert(TX_NEWEST == 1u << 8, "what newest_at() gives");

/* Is the range saved already? Ranges are often written again: right after, as a part, or by each
 * operation of a compound: counters, bitmaps of pages, roots. What the table says may be of an
 * earlier transaction, so the range itself is asked. */
static bool covered(struct tx *tx, uint64_t off, size_t len)
{
    uint32_t i = *newest_at(tx, off);

    if (i < tx->nr && tx->range[i].off == off && len <= tx->range[i].len)
        return true;
    i = tx->nr;
    for (uint32_t n = 0; i > 0 && n < 4; i--, n++) {
        const struct tx_range *r = &tx->range[i - 1];

        if (off >= r->off && off + len <= r->off + r->len)
            return true;
    }
    return false;
}

/* A page that becomes dirty needs log space for its PAGE_SUM, which is taken from what transactions
 * may use. */
int tx_dirty(struct heap *h, uint64_t page)
{
    uint64_t before = h->dirty_nr;

    if ((h->vol[page].flags & (PV_DIRTY | PV_SUMMED)) == PV_DIRTY)
        return 0;
    page_set_dirty(h, page);
    return h->dirty_nr == before ? 0 : wal_reserve(h, h->tx.need, h->tx.internal);
}

void *tx_write(struct heap *h, uint64_t off, size_t len)
{
    struct tx *tx = &h->tx;
    char *p = off_addr(h, off);
    void *old;
    int rc;

    ASSERT(tx->active);
    if (covered(tx, off, len))
        return p;
    rc = range_room(tx);
    if (rc == 0)
        rc = tx_reserve(h, range_cost(len));
    if (rc == 0)
        rc = tx_dirty(h, page_of(off));
    if (rc != 0) {
        h->rc = rc;
        return NULL;
    }
    old = arena_alloc(&tx->undo, len);
    if (old == NULL) {
        h->rc = -DER_NOMEM;
        return NULL;
    }
    if (len == 8)
        memcpy(old, p, 8);
    else
        memcpy(old, p, len);
    tx->range[tx->nr] = (struct tx_range){.off = off, .len = (uint32_t)len, .old = old};
    *newest_at(tx, off) = tx->nr++;
    return p;
}

void *heap_tx_write(struct heap *h, uint64_t off, size_t len)
{
    if (heap_ptr(h, off, len) == NULL)
        return NULL;
    return tx_write(h, off, len);
}

/* ---- The redo record ---- */

static uint8_t *put_item(uint8_t *at, uint64_t off, uint32_t op, uint32_t len)
{
    struct wal_item it = {.page = (uint32_t)page_of(off),
                          .off_op = (uint16_t)(off % HEAP_PAGE_SIZE | op << 14),
                          .len = (uint16_t)len};

    memcpy(at, &it, sizeof(it));
    return at + sizeof(it);
}

/* Length of the run of zeros at p, counted in whole words. */
static uint32_t zero_run(const char *p, uint32_t len)
{
    uint32_t n = 0;
    uint64_t w;

    while (n + 8 <= len) {
        memcpy(&w, p + n, 8);
        if (w != 0)
            break;
        n += 8;
    }
    return n;
}

/* Bytes before the next long run of zeros. */
static uint32_t data_run(const char *p, uint32_t len)
{
    uint32_t zeros = 0; /* bytes of them up to here */
    uint64_t w;

    for (uint32_t n = 0; n + 8 <= len; n += 8) {
        memcpy(&w, p + n, 8);
        zeros = w == 0 ? zeros + 8 : 0;
        if (zeros == ZERO_RUN)
            return n + 8 - ZERO_RUN;
    }
    return len;
}

static uint8_t *put_bytes(uint8_t *at, uint64_t off, const char *p, uint32_t n)
{
    at = put_item(at, off, WAL_OP_BYTES, n);
    if (n == 8) /* most are one word */
        memcpy(at, p, 8);
    else
        memcpy(at, p, n);
    return at + n;
}

static uint8_t *put_range(struct heap *h, uint8_t *at, uint64_t off, uint32_t len)
{
    while (len > 0) {
        const char *p = off_addr(h, off);
        uint32_t n = len < ZERO_RUN ? 0 : MIN(zero_run(p, len), HEAP_PAGE_SIZE - 1);

        if (n >= ZERO_RUN) {
            at = put_item(at, off, WAL_OP_ZERO, n);
        } else {
            n = len < ZERO_RUN ? len : MIN(data_run(p, len), HEAP_PAGE_SIZE - 1);
            at = put_bytes(at, off, p, n);
        }
        off += n;
        len -= n;
    }
    return at;
}

_Static_assert((UINT64_C(1) << 32) * HEAP_PAGE_SIZE <= UINT64_MAX / SORT_MAX,
               "room for the offset");

static void sort_run(uint64_t *k, uint32_t nr)
{
    for (uint32_t i = 1; i < nr; i++) {
        uint64_t x = k[i];
        uint32_t j = i;

        for (; j > 0 && k[j - 1] > x; j--)
            k[j] = k[j - 1];
        k[j] = x;
    }
}

/* Without branches that depend on what is sorted: nobody could guess them. */
static void merge_two(const uint64_t *a, uint32_t a_nr, const uint64_t *b, uint32_t b_nr,
                      uint64_t *to)
{
    while (a_nr > 0 && b_nr > 0) {
        uint32_t right = *b < *a;

        *to++ = right != 0 ? *b : *a;
        b += right;
        b_nr -= right;
        a += 1 - right;
        a_nr -= 1 - right;
    }
    memcpy(to, a, a_nr * sizeof(*a));
    memcpy(to + a_nr, b, b_nr * sizeof(*b));
}

/* Keys of the ranges [from, from + nr), by offset. A commit does not fail: there is room for them.
 */
static const uint64_t *sort_ranges(struct tx *tx, uint32_t from, uint32_t nr)
{
    uint64_t *is = tx->sort, *to = tx->sort + nr;

    for (uint32_t i = 0; i < nr; i++)
        is[i] = tx->range[from + i].off * SORT_MAX + i;
    for (uint32_t i = 0; i < nr; i += SORT_RUN)
        sort_run(is + i, MIN(SORT_RUN, nr - i));
    for (uint32_t run = SORT_RUN; run < nr; run *= 2) {
        uint64_t *done = to;

        for (uint32_t a = 0; a < nr; a += 2 * run) {
            uint32_t mid = MIN(a + run, nr), end = MIN(mid + run, nr);

            merge_two(is + a, mid - a, is + mid, end - mid, to + a);
        }
        to = is;
        is = done;
    }
    return is;
}

/* Content of pages that this transaction freed need not be logged. */
static bool page_gone(struct heap *h, uint64_t page)
{
    return h->tx.freed.nr != 0 && !page_is_core(page) && page_desc(h, page)->kind == PAGE_FREE;
}

/* Neighbours become one item, unless it is SORT_MAX ranges later that one was written. */
static uint8_t *put_ranges(struct heap *h, uint8_t *at, uint32_t from, uint32_t nr)
{
    struct tx *tx = &h->tx;
    const uint64_t *k = sort_ranges(tx, from, nr);
    uint32_t i = 0;

    while (i < nr) {
        const struct tx_range *r = &tx->range[from + k[i] % SORT_MAX];
        uint64_t page = page_of(r->off), off = r->off, end = off + r->len;

        for (i++; i < nr; i++) {
            r = &tx->range[from + k[i] % SORT_MAX];
            if (r->off > end + MERGE_GAP || page_of(r->off) != page)
                break;
            end = MUTANT(TX_MERGE_SHRINKS) ? r->off + r->len : MAX(end, r->off + r->len);
        }
        if (!page_gone(h, page))
            at = put_range(h, at, off, (uint32_t)(end - off));
    }
    return at;
}

static uint64_t log_tx(struct heap *h)
{
    struct tx *tx = &h->tx;
    uint8_t *start = wal_room(h), *at = start + sizeof(struct wal_rec_hdr);

    for (uint32_t i = 0; i + 1 < tx->inits.nr; i += 2) {
        uint32_t kind = tx->inits.v[i + 1] & 0xff, cls = tx->inits.v[i + 1] >> 8;

        at = put_item(at, (uint64_t)tx->inits.v[i] * HEAP_PAGE_SIZE + kind, WAL_OP_INIT, cls);
    }
    for (uint32_t from = 0; from < tx->nr; from += SORT_MAX)
        at = put_ranges(h, at, from, MIN(SORT_MAX, tx->nr - from));
    ASSERT((uint64_t)(at - start) <= tx->need);
    return wal_append(h, WAL_REC_TX, (uint32_t)(at - start));
}

/* ---- The end ---- */

static void tx_clear(struct heap *h)
{
    struct tx *tx = &h->tx;

    for (uint32_t i = 0; i < tx->touched.nr; i++)
        h->vol[tx->touched.v[i]].flags &= (uint16_t)~PV_TOUCHED;
    tx->inits.nr = tx->freed.nr = tx->touched.nr = 0;
    tx->nr = 0;
    tx->active = false;
    arena_reset(&tx->undo);
}

void heap_tx_commit(struct heap *h, uint64_t *lsn)
{
    struct tx *tx = &h->tx;

    ASSERT(tx->active);
    if (tx->nr > 0 || tx->inits.nr > 0) {
        if (h->is_volatile) {
            h->wal.last_lsn++;
            atomic_store_explicit(&h->wal.durable, h->wal.last_lsn, memory_order_release);
        } else {
            h->wal.last_lsn = log_tx(h);
        }
        h->commits++;
    }
    for (uint32_t i = 0; i < tx->freed.nr; i++)
        alloc_page_freed(h, tx->freed.v[i]);
    if (h->space_ops != NULL)
        h->space_ops->tx_end(h, true, h->wal.last_lsn);
    tx_clear(h);
    if (lsn != NULL)
        *lsn = h->wal.last_lsn;
}

void heap_tx_abort(struct heap *h)
{
    struct tx *tx = &h->tx;

    ASSERT(tx->active);
    for (uint32_t i = tx->nr; i > (MUTANT(TX_ABORT_FORGETS) && tx->nr > 24 ? 1u : 0u); i--)
        memcpy(off_addr(h, tx->range[i - 1].off), tx->range[i - 1].old, tx->range[i - 1].len);
    for (uint32_t i = 0; i < tx->inits.nr; i += 2) {
        /* free again, or beyond the end; what their memory holds means nothing */
        page_set_resident(h, tx->inits.v[i], false);
        h->vol[tx->inits.v[i]].flags &= (uint16_t)~PV_CORE;
    }
    for (uint32_t i = 0; i < tx->touched.nr; i++)
        alloc_page_relist(h, tx->touched.v[i]);
    if (h->space_ops != NULL)
        h->space_ops->tx_end(h, false, 0);
    tx_clear(h);
}

uint64_t heap_lsn(const struct heap *h)
{
    return h->wal.last_lsn;
}

/* ---- Roots ---- */

int heap_root_get(struct heap *h, enum heap_root r, uint64_t *off)
{
    if ((unsigned)r >= HEAP_ROOT_NR)
        return -DER_INVAL;
    *off = heap_super(h)->root[r];
    return *off % 8 == 0 || r == HEAP_ROOT_REPAIR ? 0 : -DER_CSUM; /* no allocation begins there */
}

int heap_tx_root_set(struct heap *h, enum heap_root r, uint64_t off)
{
    uint64_t *p;

    if ((unsigned)r >= HEAP_ROOT_NR)
        return -DER_INVAL;
    p = tx_write(h, PAGE_HDR_SIZE + offsetof(struct heap_super, root) + r * sizeof(uint64_t),
                 sizeof(uint64_t));
    if (p == NULL)
        return h->rc;
    *p = off;
    return 0;
}
