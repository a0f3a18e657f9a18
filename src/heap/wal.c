/*
 * The log's memory side: groups that collect records, log space, marks. Everything here is under
 * the heap's lock.
 *
 * LSNs are positions in the stream. The open group's place is known when it is created, because all
 * groups before it are sealed and their lengths fixed; so a commit learns its LSN (the end of its
 * record) at once.
 *
 * SPACE. The ring holds the stream from replay_lsn, where recovery would start. Transactions may
 * fill it up to what a checkpoint needs: for each dirty page a PAGE_SUM and the new checksum in its
 * descriptor, plus padding of the groups that carry them. That part is never lent (wal_kept), so a
 * checkpoint always finds room and always frees the rest. It depends on what is dirty only, and a
 * descriptor page counts as dirty with the first of its pages: so the log bounds how much may be
 * dirty, and the least log serves a heap of any size.
 */
#include "heap/heap_int.h"

#include <stddef.h>
#include <string.h>

#include "base/csum.h"
#include "base/fail.h"
#include "io/io.h"

/* A checkpoint copies CKPT_HOLD pages under one hold of the lock. In the worst case the writer
 * takes the group after each hold, and the sums of 8 pages cost a block. */
#define KEPT_PER_PAGE 640u
#define KEPT_FIXED    (48u << 10) /* the last, short hold; to spare */

uint64_t wal_kept(const struct heap *h)
{
    return h->dirty_nr * KEPT_PER_PAGE + KEPT_FIXED;
}

bool wal_is_full(const struct heap *h)
{
    return wal_used(h) + wal_kept(h) > h->wal.size / 100 * h->conf.checkpoint_pct;
}

static uint64_t wal_end(const struct wal *w)
{
    if (w->open != NULL)
        return w->open->start + ROUND_UP((uint64_t)w->open->len, WAL_BLOCK);
    return w->next_start;
}

uint64_t wal_used(const struct heap *h)
{
    return wal_end(&h->wal) - h->wal.replay_lsn;
}

/* ---- Groups ---- */

static struct wal_group *group_new(struct wal *w)
{
    struct wal_group *g = w->spare;

    if (g != NULL) {
        w->spare = g->next;
        return g;
    }
    if (w->groups >= WAL_GROUPS_MAX)
        return NULL;
    g = base_calloc(1, sizeof(*g));
    if (g == NULL)
        return NULL;
    g->cap = (uint32_t)ROUND_UP(w->group_max + w->promise_max + 2 * WAL_BLOCK, WAL_BLOCK);
    g->buf = io_buf_alloc(g->cap);
    if (g->buf == NULL) {
        base_free(g);
        return NULL;
    }
    w->groups++;
    return g;
}

/* Makes sure that a group is open that the largest record fits in. */
static int group_open(struct wal *w)
{
    struct wal_group *g;

    if (w->open != NULL && w->open->len >= w->group_max) {
        w->open = NULL; /* sealed by size; it stays in the queue, and need not wait for anybody */
        if (w->started)
            rt_event_set(&w->kick);
    }
    if (w->open != NULL)
        return 0;
    g = group_new(w);
    if (g == NULL)
        return w->groups == 0 ? -DER_NOMEM : HEAP_WAIT;
    g->start = w->next_start;
    g->seq = w->next_seq++;
    g->len = sizeof(struct wal_group_hdr);
    g->nrec = 0;
    g->next = NULL;
    if (w->first == NULL) {
        w->first = g;
    } else {
        struct wal_group *last = w->first;

        while (last->next != NULL)
            last = last->next;
        last->next = g;
    }
    w->open = g;
    return 0;
}

int wal_reserve(struct heap *h, uint64_t bytes, bool internal)
{
    struct wal *w = &h->wal;
    uint64_t kept = internal ? 0 : wal_kept(h), need;
    int rc;

    if (atomic_load_explicit(&w->failed, memory_order_relaxed))
        return -DER_IO;
    if (bytes > (h->tx.promised ? w->promise_max : w->tx_max))
        return -DER_OVERFLOW;
    /* In the worst case the open group is sealed first and the record starts a group of its own. */
    need = ROUND_UP(bytes + sizeof(struct wal_group_hdr), WAL_BLOCK) + WAL_BLOCK;
    if (wal_used(h) + need + kept > w->size) {
        h->ckpt.wanted = true; /* even if the log does not count as full yet */
        background_kick(h);
        return HEAP_WAIT;
    }
    rc = group_open(w);
    if (rc == HEAP_WAIT)
        wal_kick(h);
    return rc;
}

uint8_t *wal_room(struct heap *h)
{
    return h->wal.open->buf + h->wal.open->len;
}

uint64_t wal_append(struct heap *h, enum wal_rec_type type, uint32_t len)
{
    struct wal *w = &h->wal;
    struct wal_group *g = w->open;
    struct wal_rec_hdr hdr = {.len = len, .type = (uint16_t)type};

    ASSERT(len >= sizeof(hdr) && g->len + len <= g->cap);
    memcpy(g->buf + g->len, &hdr, sizeof(hdr));
    g->len += len;
    g->nrec++;
    w->next_start = g->start + ROUND_UP((uint64_t)g->len, WAL_BLOCK);
    if (g->nrec == 1)
        wal_kick(h); /* the writer gives a group nobody waits for a short while */
    if (wal_is_full(h) && !h->ckpt.running)
        background_kick(h);
    return g->start + g->len;
}

void wal_seal(struct heap *h, uint64_t *pos, uint64_t *seq)
{
    struct wal *w = &h->wal;

    if (w->open != NULL && w->open->nrec > 0)
        w->open = NULL;
    if (w->open != NULL) { /* empty: it is where replay starts */
        *pos = w->open->start;
        *seq = w->open->seq;
    } else {
        *pos = w->next_start;
        *seq = w->next_seq;
    }
}

int wal_open(struct heap *h)
{
    struct wal *w = &h->wal;
    uint64_t size = super_role_size(h->conf.dev[SUPER_WAL], SUPER_WAL);

    ASSERT(size >= WAL_MIN_SIZE);
    w->size = (size - WAL_RING_OFF) / WAL_BLOCK * WAL_BLOCK;
    w->tx_max = (uint32_t)MIN(HEAP_TX_MAX + (HEAP_TX_MAX >> 2), w->size / 4);
    w->promise_max = (uint32_t)MIN(HEAP_TX_MAX + (HEAP_TX_MAX >> 2), w->size / 2);
    w->group_max = (uint32_t)MIN(
        h->conf.group_max_bytes != 0 ? MIN(h->conf.group_max_bytes, 8u << 20) : 1u << 20,
        w->size / 8);
    w->waiters_end = &w->waiters;
    rt_event_init(&w->kick);
    return 0;
}

static void groups_free(struct wal_group *g)
{
    while (g != NULL) {
        struct wal_group *next = g->next;

        io_buf_free(g->buf);
        base_free(g);
        g = next;
    }
}

void wal_close(struct heap *h)
{
    groups_free(h->wal.first);
    groups_free(h->wal.spare);
    h->wal.first = h->wal.spare = h->wal.open = NULL;
}

/* ---- Checksums of headers and marks ---- */

uint64_t wal_group_hdr_csum(const struct wal_group_hdr *hdr)
{
    return csum_calc(CSUM_XXH3, hdr, offsetof(struct wal_group_hdr, hdr_csum));
}

uint64_t wal_body_csum(const uint8_t *group, uint32_t len)
{
    return csum_calc(CSUM_XXH3, group + sizeof(struct wal_group_hdr),
                     len - sizeof(struct wal_group_hdr));
}

void wal_mark_fill(struct wal_mark *m)
{
    m->magic = WAL_MARK_MAGIC;
    m->format = HEAP_FORMAT;
    m->csum = csum_calc(CSUM_XXH3, m, offsetof(struct wal_mark, csum));
}

bool wal_mark_valid(const struct wal_mark *m)
{
    return m->magic == WAL_MARK_MAGIC &&
           m->csum == csum_calc(CSUM_XXH3, m, offsetof(struct wal_mark, csum));
}

void wal_copy_read(const uint8_t *block, const struct wal_mark *m, struct heap_super *copy)
{
    struct wal_copy c;

    memcpy(&c, block + WAL_COPY_OFF, sizeof(c));
    *copy = (struct heap_super){0};
    if (c.magic == WAL_COPY_MAGIC && c.seq == m->seq &&
        c.csum == csum_calc(CSUM_XXH3, &c, offsetof(struct wal_copy, csum)))
        *copy = c.heap;
}

static void copy_put(uint8_t *block, const struct wal_mark *m, const struct heap_super *copy)
{
    struct wal_copy c = {.magic = WAL_COPY_MAGIC, .seq = m->seq, .heap = *copy};

    c.csum = csum_calc(CSUM_XXH3, &c, offsetof(struct wal_copy, csum));
    memcpy(block + WAL_COPY_OFF, &c, sizeof(c));
}

int wal_mark_write(struct heap *h, const struct wal_mark *m, const struct heap_super *copy)
{
    uint8_t *buf = io_buf_alloc(WAL_BLOCK);
    int rc;

    if (buf == NULL)
        return -DER_NOMEM;
    memset(buf, 0, WAL_BLOCK);
    memcpy(buf, m, sizeof(*m));
    if (copy != NULL && copy->magic == HEAP_MAGIC)
        copy_put(buf, m, copy);
    rc = super_write_wait(h->conf.dev[SUPER_WAL], SUPER_WAL, m->seq % 2 * WAL_BLOCK, buf, WAL_BLOCK,
                          IO_DURABLE);
    io_buf_free(buf);
    return rc;
}
