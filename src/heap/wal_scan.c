/*
 * Reading the log at open: from the checkpoint record's replay position to its end, and the
 * judgement whether that end is honest.
 *
 * The end is where no valid group follows. It is a torn tail (or simply the end) unless something
 * says that more was durable:
 *
 *   - the checkpoint record names a durable LSN; after an orderly close that is the exact end
 *   - any later group, wherever in the ring, names the durable LSN of the moment it was written
 *
 * Then acknowledged records are lost and opening fails with -DER_CSUM; it is never taken for the
 * end of the log. Looking for later groups means reading the rest of the ring; an orderly closed
 * heap is spared that.
 */
#include "heap/heap_int.h"

#include <string.h>

#include "base/fail.h"
#include "base/log.h"
#include "io/io.h"

/* Reading ahead: little at first, because the log of most heaps ends at once. */
#define AHEAD_FIRST (UINT64_C(64) << 10)
#define AHEAD_MAX   (UINT64_C(1) << 20)
#define COMMIT_STEP (UINT64_C(16) << 20)
#define LATER_PIECE (UINT64_C(4) << 20) /* when the rest of the ring is looked through */

/* Stream bytes [pos, pos + len) into buf; in two reads where the ring wraps. */
static int ring_read(struct heap *h, uint64_t pos, uint64_t len, void *buf)
{
    struct super *dev = h->conf.dev[SUPER_WAL];
    uint64_t at = pos % h->wal.size, first = MIN(len, h->wal.size - at);
    int rc = super_read_wait(dev, SUPER_WAL, WAL_RING_OFF + at, buf, first);

    if (rc == 0 && first < len)
        rc = super_read_wait(dev, SUPER_WAL, WAL_RING_OFF, (char *)buf + first, len - first);
    return rc;
}

static void read_done(struct io_req *req)
{
    struct log_read *r = req->arg;

    rt_event_set(&r->done);
}

/* Asks for the next bytes of the stream, up to limit. */
static int read_start(struct heap *h, struct log_scan *s, uint64_t want, uint64_t limit)
{
    struct log_read *r = &s->read[(s->first + s->flying) % LOG_READS];
    uint64_t pos = s->mark.replay_lsn + s->asked, at = pos % h->wal.size;
    int rc;

    want = MIN(MIN(want, limit - pos), h->wal.size - at); /* not over the end of the ring */
    if (want == 0)
        return 0;
    /* in steps that leave room for large pages */
    rc = vrange_commit(&s->mem, MIN(ROUND_UP(s->asked + want, COMMIT_STEP), h->wal.size));
    if (rc != 0)
        return rc;
    rt_event_init(&r->done);
    r->iov = (struct iovec){s->mem.base + s->asked, want};
    r->req = (struct io_req){.op = IO_READ,
                             .off = WAL_RING_OFF + at,
                             .iov = &r->iov,
                             .iov_nr = 1,
                             .done = read_done,
                             .arg = r};
    s->asked += want;
    s->flying++;
    super_submit(h->conf.dev[SUPER_WAL], SUPER_WAL, &r->req);
    return 0;
}

/* The oldest read under way has ended. */
static int read_end(struct log_scan *s)
{
    struct log_read *r = &s->read[s->first];

    rt_event_wait(&r->done);
    s->first = (s->first + 1) % LOG_READS;
    s->flying--;
    if (r->req.rc == 0)
        s->have += r->iov.iov_len;
    return r->req.rc;
}

static void reads_end(struct log_scan *s)
{
    while (s->flying > 0)
        read_end(s);
}

/* Stream bytes [pos, pos + len), which end before limit, in the log's memory. Reads ahead: once a
 * log turns out to be long, several reads are under way while what came is looked at. */
static int stream_at(struct heap *h, struct log_scan *s, uint64_t pos, uint64_t len, uint64_t limit,
                     uint8_t **p)
{
    uint64_t end = pos + len - s->mark.replay_lsn;
    int rc = 0;

    while (rc == 0 && end > s->have) {
        uint32_t many = s->ahead < AHEAD_MAX ? 1 : LOG_READS;

        while (rc == 0 && s->flying < many && s->mark.replay_lsn + s->asked < limit) {
            rc = read_start(h, s, s->ahead, limit);
            s->ahead = MIN(s->ahead * 4, AHEAD_MAX);
        }
        if (rc == 0)
            rc = read_end(s);
    }
    *p = (uint8_t *)s->mem.base + (pos - s->mark.replay_lsn);
    return rc;
}

/* ---- The checkpoint record ---- */

/* Positions that a log reaches: 2^62 bytes are never written. Sums of two of them do not overflow.
 */
#define LSN_MAX (UINT64_C(1) << 62)

static bool mark_possible(const struct wal_mark *m)
{
    return m->replay_lsn % WAL_BLOCK == 0 && m->replay_lsn >= WAL_FIRST_LSN &&
           m->replay_lsn < LSN_MAX && m->durable_lsn < LSN_MAX && m->complete_lsn < LSN_MAX;
}

/* The newer of the whole ones. One that cannot be read counts like a damaged one: should it have
 * been the newer, the log tells whether anything is missing (judge_end). *unread: why one could
 * not. */
static int mark_read(struct heap *h, struct wal_mark *best, struct heap_super *copy, int *unread,
                     struct err *e)
{
    uint8_t *buf = io_buf_alloc(WAL_BLOCK);
    bool looks = false, found = false;
    int rc = 0;

    if (buf == NULL)
        return -DER_NOMEM;
    for (uint32_t i = 0; i < 2; i++) {
        struct wal_mark m;
        int one = super_read_wait(h->conf.dev[SUPER_WAL], SUPER_WAL, (uint64_t)i * WAL_BLOCK, buf,
                                  WAL_BLOCK);

        if (one != 0) {
            rc = one;
            continue;
        }
        memcpy(&m, buf, sizeof(m));
        looks = looks || m.magic == WAL_MARK_MAGIC;
        if (!wal_mark_valid(&m) || m.seq % 2 != i || (found && m.seq < best->seq))
            continue;
        *best = m;
        wal_copy_read(buf, &m, copy);
        found = true;
    }
    io_buf_free(buf);
    *unread = rc;
    if (rc != 0 && !found)
        return err_set(e, rc, "cannot read the log", "the device reported an error",
                       "check the device");
    if (rc != 0)
        LOG_WARN("one of the two checkpoint records of %s cannot be read (%d); the other is used; "
                 "check the device",
                 super_dev(h->conf.dev[SUPER_WAL])->name, rc);
    if (!found && looks)
        return err_set(e, -DER_CSUM, "cannot open the heap",
                       "both checkpoint records of its log are damaged",
                       "restore the pool from a replica or a copy");
    if (!found)
        return err_set(e, -DER_DF_INVAL, "cannot open the heap",
                       "its log holds no checkpoint record: it was never formatted to the end, or "
                       "both records are overwritten",
                       "if the pool was never used create it again, else restore it from a copy");
    if (best->format == HEAP_FORMAT && !mark_possible(best))
        return err_set(e, -DER_DF_INVAL, "cannot open the heap",
                       "the checkpoint record of its log names a position no log reaches",
                       "restore the pool from a replica or a copy");
    if (best->format != HEAP_FORMAT)
        return err_setf(e, -DER_DF_INCOMPT, "use the program that wrote it, or a newer one",
                        "it was written by another version of the format",
                        "cannot open the heap (format %u, this program knows %u)", best->format,
                        HEAP_FORMAT);
    return 0;
}

/* ---- Groups ---- */

static bool hdr_valid(const struct heap *h, const struct wal_group_hdr *g)
{
    return g->magic == WAL_GROUP_MAGIC && g->generation == h->generation && g->len >= sizeof(*g) &&
           g->len <= h->wal.size / 2 && g->hdr_csum == wal_group_hdr_csum(g);
}

static int group_keep(struct log_scan *s, uint64_t pos, const uint8_t *buf, uint32_t len)
{
    if (s->nr == s->cap) {
        uint32_t cap = MAX(64u, s->cap * 2);
        struct log_group *g = base_realloc(s->group, cap * sizeof(*g));

        if (g == NULL)
            return -DER_NOMEM;
        s->group = g;
        s->cap = cap;
    }
    s->group[s->nr++] = (struct log_group){.start = pos, .len = len, .buf = buf};
    return 0;
}

/* Is it the one behind what was read, of this lap of the log? */
static bool hdr_follows(const struct log_scan *s, const struct wal_group_hdr *g)
{
    if (MUTANT(WAL_STALE_LAP))
        return true;
    return g->lsn == s->end && g->seq == s->end_seq &&
           (s->nr == 0 || g->prev == s->prev_csum || MUTANT(WAL_CHAIN_UNCHECKED));
}

/* The group at s->end, if it is one: kept, and s->end moves behind it. */
static int group_next(struct heap *h, struct log_scan *s, bool *more)
{
    uint64_t limit = s->mark.replay_lsn + h->wal.size;
    struct wal_group_hdr hdr;
    uint8_t *p;
    int rc;

    *more = false;
    if (s->end + WAL_BLOCK > limit)
        return 0;
    rc = stream_at(h, s, s->end, WAL_BLOCK, limit, &p);
    if (rc != 0)
        return rc;
    memcpy(&hdr, p, sizeof(hdr));
    if (!hdr_valid(h, &hdr) || !hdr_follows(s, &hdr) ||
        ROUND_UP((uint64_t)hdr.len, WAL_BLOCK) > limit - s->end)
        return 0;
    rc = stream_at(h, s, s->end, ROUND_UP((uint64_t)hdr.len, WAL_BLOCK), limit, &p);
    if (rc != 0)
        return rc;
    if (wal_body_csum(p, hdr.len) != hdr.body_csum && !MUTANT(WAL_BODY_UNCHECKED))
        return 0;
    rc = group_keep(s, s->end, p, hdr.len);
    if (rc != 0)
        return rc;
    s->end += ROUND_UP((uint64_t)hdr.len, WAL_BLOCK);
    s->end_seq++;
    s->prev_csum = hdr.hdr_csum;
    *more = true;
    return 0;
}

/* The newest claim, by any group beyond the end, of what was durable. A group a lap ahead counts as
 * well: then the checkpoint record is not the newest there was. */
static int later_claim(struct heap *h, const struct log_scan *s, uint64_t *claim)
{
    uint64_t limit = s->mark.replay_lsn + h->wal.size, n;
    uint64_t cap = MIN(LATER_PIECE, h->wal.size);
    uint8_t *buf = io_buf_alloc(cap);
    int rc = buf == NULL ? -DER_NOMEM : 0;

    for (uint64_t pos = s->end + WAL_BLOCK; pos < limit && rc == 0; pos += n) {
        n = MIN(cap, limit - pos);
        rc = ring_read(h, pos, n, buf);
        for (uint64_t at = 0; at < n && rc == 0; at += WAL_BLOCK) {
            struct wal_group_hdr hdr;

            memcpy(&hdr, buf + at, sizeof(hdr));
            if (hdr_valid(h, &hdr) && hdr.lsn > s->end && (hdr.lsn - pos - at) % h->wal.size == 0)
                *claim = MAX(*claim, hdr.durable);
        }
    }
    io_buf_free(buf);
    return rc;
}

static int judge_end(struct heap *h, const struct log_scan *s, struct err *e)
{
    uint64_t claim = s->mark.durable_lsn;
    int rc = 0;

    if (s->mark.flags & WAL_MARK_CLEAN && s->end == claim && super_is_clean(h->conf.dev[SUPER_WAL]))
        return 0;
    if (claim <= s->end)
        rc = later_claim(h, s, &claim);
    if (rc != 0)
        return err_set(e, rc, "cannot read the log", "the device reported an error",
                       "check the device");
    if (claim <= s->end || MUTANT(WAL_END_UNJUDGED))
        return 0;
    /* likely the newer one: nothing is lost before it is read */
    if (s->mark_unread != 0)
        return err_set(e, s->mark_unread, "cannot read the log",
                       "one of its two checkpoint records cannot be read, and by the other one "
                       "alone acknowledged updates are missing",
                       "check the device and open the pool again; if it stays like this restore "
                       "the pool from a replica or a copy");
    return err_setf(
        e, -DER_CSUM, "restore the pool from a replica or a copy; 'tarn check' says what survives",
        "a log group there is damaged although later records say it was durable: acknowledged "
        "updates are lost",
        "cannot open the heap: its log is damaged at position %llu (durable up to %llu)",
        (unsigned long long)s->end, (unsigned long long)claim);
}

int wal_scan(struct heap *h, struct log_scan *s, struct err *e)
{
    bool more = true;
    int rc;

    *s = (struct log_scan){.ahead = AHEAD_FIRST};
    rc = mark_read(h, &s->mark, &s->copy, &s->mark_unread, e);
    if (rc != 0)
        return rc;
    h->generation = s->mark.generation;
    s->end = s->mark.replay_lsn;
    s->end_seq = s->mark.replay_group;
    rc = vrange_open(&s->mem, h->wal.size, VRANGE_ANY, heap_ranges(h));
    if (rc == 0)
        vrange_huge(&s->mem, 0, h->wal.size);
    while (rc == 0 && more)
        rc = group_next(h, s, &more);
    reads_end(s); /* those that were too far ahead */
    if (rc != 0)
        err_set(e, rc, "cannot read the log",
                rc == -DER_NOMEM ? "out of memory" : "the device reported an error",
                "check the device");
    else
        rc = judge_end(h, s, e);
    return rc;
}

void wal_scan_free(struct log_scan *s)
{
    vrange_close(&s->mem);
    base_free(s->group);
    *s = (struct log_scan){0};
}

int wal_scan_walk(const struct log_scan *s, int (*fn)(void *arg, uint64_t pos, const uint8_t *rec),
                  void *arg)
{
    int rc = 0;

    for (uint32_t i = 0; i < s->nr; i++) {
        const struct log_group *g = &s->group[i];
        uint32_t at = sizeof(struct wal_group_hdr);

        while (rc == 0 && at < g->len) {
            struct wal_rec_hdr rec = {0}; /* records have any alignment */

            if (at + sizeof(rec) <= g->len)
                memcpy(&rec, g->buf + at, sizeof(rec));
            if (rec.len < sizeof(rec) || rec.len > g->len - at)
                return -DER_CSUM;
            rc = fn(arg, g->start + at, g->buf + at);
            at += rec.len;
        }
    }
    return rc;
}
