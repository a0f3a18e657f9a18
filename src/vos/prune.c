/*
 * Pruning arrays in the background: extents that newer ones, together, cover for every reader;
 * extents below a punch; holes over nothing.
 *
 * Works on windows of PRUNE_WINDOW extents. What is dropped leaves VER_CUT on the extents that
 * cover it, so that a reader at an older epoch notices. Of an array that fits into one window the
 * bound of lengths (max_log) is put right: it only grows otherwise.
 */
#include <stdlib.h>
#include "vos/priv.h"

#define PRUNE_WINDOW 512u

/* First snapshot at or after epoch, or upto: newer extents up to there cover for good. */
static uint64_t cover_limit(const struct vos_cont *c, uint64_t epoch, uint64_t upto)
{
    for (uint32_t i = 0; i < c->snap_nr; i++)
        if (c->snaps[i] >= epoch)
            return MIN(c->snaps[i], upto);
    return upto;
}

/* Is p wholly covered by newer ones up to limit? a: by start. */
static bool covered(const struct pieces *a, const struct piece *p, uint64_t limit)
{
    uint64_t at = p->start, end = p->start + p->nr;

    while (at < end) {
        uint64_t reach = at;

        for (uint32_t i = 0; i < a->nr && a->p[i].start <= at; i++)
            if (a->p[i].w.epoch <= limit && when_cmp(a->p[i].w, p->w) > 0)
                reach = MAX(reach, a->p[i].start + a->p[i].nr);
        if (reach == at)
            return false;
        at = reach;
    }
    return true;
}

static bool overlaps(const struct piece *a, const struct piece *b)
{
    return a->start < b->start + b->nr && b->start < a->start + a->nr;
}

/* Leaves a cut on what covers p, which goes. */
static int cut_over(struct vos_tx *t, const struct pieces *a, const struct piece *p, uint64_t limit)
{
    struct heap *h = t->v->h;

    for (uint32_t i = 0; i < a->nr; i++) {
        const struct piece *n = &a->p[i];
        const uint16_t *is;
        uint64_t at;
        uint16_t *f;

        if (when_cmp(n->w, p->w) <= 0 || n->w.epoch > limit || !overlaps(n, p))
            continue;
        at = n->off ? n->off + offsetof(struct ext, flags)
                    : n->ext_start + offsetof(struct ver, flags);
        is = heap_ptr(h, at, sizeof *is);
        if (is == NULL)
            return heap_rc(h);
        if (*is & VER_CUT)
            continue;
        f = heap_tx_write(h, at, sizeof *f);
        if (f == NULL)
            return heap_rc(h);
        *f |= VER_CUT;
    }
    return 0;
}

/* WIDE holes: ext_start holds the offset of the record. */
static int add_wide(struct vos_tx *t, const struct akey_rec *a, struct pieces *out)
{
    for (uint64_t off = a->life; off;) {
        const struct wide *r = heap_ptr(t->v->h, off, sizeof r->v);
        uint64_t next;

        if (r == NULL)
            return heap_rc(t->v->h);
        next = r->v.older;
        if (r->v.kind == REC_WIDE) {
            int rc;

            r = heap_ptr(t->v->h, off, sizeof *r);
            if (r == NULL)
                return heap_rc(t->v->h);
            rc = pieces_push(out, &t->v->scratch,
                             (struct piece){.start = r->start,
                                            .nr = r->nr,
                                            .w = {r->v.epoch, r->v.minor},
                                            .ext_start = off});
            if (rc)
                return rc;
        }
        off = next;
    }
    if (out->nr)
        qsort(out->p, out->nr, sizeof *out->p, pieces_by_start);
    return 0;
}

/* All extents from the cursor on, PRUNE_WINDOW of them, whatever their age; *next: where the
 * following window begins (0: the end). */
static int window(struct vos_tx *t, uint64_t akey, const struct akey_rec *a, uint64_t from,
                  struct pieces *out, uint64_t *next)
{
    struct walk w;
    uint64_t value;
    uint16_t flags;
    int rc;

    *next = 0;
    walk_ext(&w, t->v->h, akey, array_search_from(a, from), false);
    while ((rc = walk_next(&w, &value)) == 0) {
        struct piece p;

        if (out->nr >= PRUNE_WINDOW && w.ent[w.at - 1].order > from &&
            out->p[out->nr - 1].start < w.ent[w.at - 1].order) {
            *next = w.ent[w.at - 1].order;
            return 0;
        }
        rc = ext_piece(t->v->h, w.ent[w.at - 1].order, value, &p, &flags);
        if (rc == 0)
            rc = pieces_push(out, &t->v->scratch, p);
        if (rc)
            return rc;
    }
    return rc == -DER_NONEXIST ? 0 : rc;
}

/* All extents of an array are known: searches need begin no further away than the longest of those
 * that are left may reach. */
static int shorten_reach(struct vos_tx *t, uint64_t akey, const struct akey_rec *a,
                         const struct pieces *all)
{
    uint64_t longest = 1;
    uint16_t *log, now;

    for (uint32_t i = 0; i < all->nr; i++)
        if (all->p[i].off != 0)
            longest = MAX(longest, all->p[i].nr);
    now = log_up(longest);
    if (MUTANT(PRUNE_REACH_SHORT) && now > 0)
        now--;
    if (now >= a->max_log)
        return 0;
    log = heap_tx_write(t->v->h, akey + offsetof(struct akey_rec, max_log), sizeof *log);
    if (log == NULL)
        return heap_rc(t->v->h);
    *log = now;
    return 0;
}

int array_prune(struct vos_tx *t, uint64_t akey, struct when hide, uint64_t upto, uint64_t *cursor,
                bool *more)
{
    struct pieces all = {0};
    struct akey_rec a;
    uint64_t next, limit;
    uint32_t dropped = 0;
    int rc = akey_look(t->v->h, akey, &a);

    *more = false;
    if (rc)
        return rc;
    arena_reset(&t->v->scratch);
    rc = window(t, akey, &a, *cursor, &all, &next);
    if (rc == 0)
        rc = add_wide(t, &a, &all);
    for (uint32_t i = 0; i < all.nr && rc == 0; i++) {
        struct piece p = all.p[i];
        bool gone = false, cover = false, hole = p.rec_size == 0, under = false;

        if (p.start + p.nr <= *cursor || (next && p.start + p.nr > next) || p.nr == 0)
            continue; /* belongs to another window, or reaches into one */
        limit = cover_limit(t->c, p.w.epoch, upto);
        if (when_cmp(p.w, hide) <= 0 && hide.epoch <= limit) {
            gone = true;
        } else if (covered(&all, &p, limit)) {
            gone = true;
            cover = true;
        } else if (hole && p.w.epoch <= upto) {
            /* a hole over nothing older: its akey's mark takes over its cut */
            for (uint32_t k = 0; k < all.nr && !under; k++)
                under = k != i && all.p[k].nr && when_cmp(all.p[k].w, p.w) < 0 &&
                        overlaps(&all.p[k], &p);
            if (!under && p.start >= *cursor && (p.off || (*cursor == 0 && next == 0))) {
                rc = life_mark(t, LIFE_OFF(akey), p.w.epoch);
                gone = true;
            }
        }
        if (!gone || rc)
            continue;
        if (dropped == DROP_MAX) { /* the rest of this window in the next transaction */
            *more = true;
            return 0;
        }
        rc = cover ? cut_over(t, &all, &p, limit) : 0;
        if (rc == 0)
            rc = p.off ? ext_remove(t, akey, &p) : life_remove(t, LIFE_OFF(akey), p.ext_start);
        dropped++;
        /* it covers nothing any more */
        all.p[i].w = (struct when){0, 0};
        all.p[i].nr = 0;
    }
    if (rc == 0 && *cursor == 0 && next == 0)
        rc = shorten_reach(t, akey, &a, &all);
    if (rc == 0 && next) {
        *cursor = next;
        *more = true;
    }
    return rc;
}
