/*
 * Arrays: a tree of extents, each written by one epoch, never overwritten.
 *
 * What a reader sees of a range is found in two steps: collect() gathers the extents that overlap
 * it and that the view sees; resolve() sweeps over them by start, keeping those that cover the
 * sweep point in a heap by age, so that each stretch shows the newest one. Extents are at most
 * EXT_NR_MAX records long and an akey remembers the longest (max_log), so a search begins that far
 * before the range. Holes (punched extents) are extents without bytes; those longer than EXT_NR_MAX
 * are WIDE records in the akey's existence log, looked at by every reader.
 *
 * Writing is in extent.c, giving back what newer extents cover in prune.c.
 */
#include <stdlib.h>
#include "vos/priv.h"

#define SCAN_LIMIT 4096u /* entries a bounded search looks at */

int pieces_push(struct pieces *a, struct arena *mem, struct piece p)
{
    if (a->nr == a->max) {
        uint32_t max = a->max ? a->max * 2 : 16;
        struct piece *n = arena_alloc(mem, max * sizeof *n);

        if (n == NULL)
            return -DER_NOMEM;
        if (a->nr)
            memcpy(n, a->p, a->nr * sizeof *n);
        a->p = n;
        a->max = max;
    }
    a->p[a->nr++] = p;
    return 0;
}

uint64_t array_search_from(const struct akey_rec *a, uint64_t from)
{
    uint64_t reach = UINT64_C(1) << a->max_log;

    return from < reach ? 0 : from - reach + 1;
}

/* The extent behind a tree entry as a piece. */
int ext_piece(struct heap *h, uint64_t start, uint64_t value, struct piece *p, uint16_t *flags)
{
    int rc = 0;
    const struct ext *e = REC(h, ext_off(value), ext, REC_EXT, &rc);

    *flags = 0;
    if (e == NULL)
        return rc;
    *p = (struct piece){.start = start,
                        .nr = e->nr,
                        .w = {e->epoch, e->minor},
                        .off = ext_off(value),
                        .ext_start = start,
                        .ext_nr = e->nr,
                        .rec_size = e->flags & VER_TOMBSTONE ? 0 : e->rec_size};
    *flags = e->flags;
    return 0;
}

/* WIDE holes the view sees. */
static int collect_wide(const struct view *v, const struct akey_rec *a, uint64_t from, uint64_t to,
                        struct arena *mem, struct pieces *out)
{
    struct heap *h = v->c->v->h;
    uint64_t off = a->life;

    while (off) {
        const struct wide *r = heap_ptr(h, off, sizeof r->v);
        struct when w;

        if (r == NULL)
            return heap_rc(h);
        if (r->v.kind == REC_GAP) {
            r = heap_ptr(h, off, sizeof *r);
            if (r == NULL)
                return heap_rc(h);
            w = (struct when){r->v.epoch, r->v.minor};
            if (r->start < to && r->start + r->nr > from && when_cmp(w, v->hide) > 0) {
                int rc = pieces_push(
                    out, mem, (struct piece){.start = r->start, .nr = r->nr, .w = w, .lost = true});

                if (rc)
                    return rc;
            }
        }
        if (r->v.kind == REC_WIDE) {
            r = heap_ptr(h, off, sizeof *r);
            if (r == NULL)
                return heap_rc(h);
            w = (struct when){r->v.epoch, r->v.minor};
            if (r->start < to && r->start + r->nr > from) {
                if (w.epoch > v->epoch && (r->v.flags & VER_CUT))
                    out->cut = true;
                if (view_sees(v, w)) {
                    int rc = pieces_push(out, mem,
                                         (struct piece){.start = r->start, .nr = r->nr, .w = w});

                    if (rc)
                        return rc;
                }
            }
        }
        off = r->v.older;
    }
    return 0;
}

static int take(const struct view *v, uint64_t start, uint64_t value, uint64_t from, uint64_t to,
                struct arena *mem, struct pieces *out)
{
    struct piece p;
    uint16_t flags;
    int rc = ext_piece(v->c->v->h, start, value, &p, &flags);

    if (rc || p.start >= to || p.start + p.nr <= from)
        return rc;
    if (p.w.epoch > v->epoch && (flags & VER_CUT))
        out->cut = true;
    return view_sees(v, p.w) ? pieces_push(out, mem, p) : 0;
}

/* Extents (and WIDE holes) that overlap [from, to) and that the view sees; *lo, *hi: the part of it
 * that was searched through. */
static int collect(const struct view *v, uint64_t akey, uint64_t from, uint64_t to, bool down,
                   uint32_t limit, struct arena *mem, struct pieces *out, uint64_t *lo,
                   uint64_t *hi)
{
    struct heap *h = v->c->v->h;
    struct akey_rec a;
    struct walk w;
    uint64_t value = 0, seen = 0;
    int rc = akey_look(h, akey, &a);

    if (rc)
        return rc;
    *lo = from;
    *hi = to;
    if (down)
        walk_ext(&w, h, akey, to, true);
    else
        walk_ext_range(&w, h, akey, &a, from, to);
    while ((rc = walk_next(&w, &value)) == 0) {
        uint64_t start = w.ent[w.at - 1].order;

        if (down ? start + (UINT64_C(1) << a.max_log) <= from : start >= to)
            break;
        if (limit && (out->nr >= limit || seen >= SCAN_LIMIT) &&
            (down ? start + 1 < *hi && start < to : start > from)) {
            if (down)
                *lo = MAX(from, start + 1);
            else
                *hi = start;
            break;
        }
        seen++;
        if (start + ext_bound(value) <= from)
            continue;
        rc = take(v, start, value, from, to, mem, out);
        if (rc)
            return rc;
    }
    if (rc && rc != -DER_NONEXIST)
        return rc;
    if (down && *lo > from) { /* those that begin below the searched part and reach into it */
        walk_ext_range(&w, h, akey, &a, *lo, *lo);
        while ((rc = walk_next(&w, &value)) == 0 && w.ent[w.at - 1].order < *lo) {
            if (w.ent[w.at - 1].order + ext_bound(value) <= *lo)
                continue;
            rc = take(v, w.ent[w.at - 1].order, value, *lo, to, mem, out);
            if (rc)
                return rc;
        }
        if (rc && rc != -DER_NONEXIST)
            return rc;
    }
    return collect_wide(v, &a, *lo, *hi, mem, out);
}

int pieces_by_start(const void *x, const void *y)
{
    const struct piece *a = x, *b = y;

    if (a->start != b->start)
        return a->start < b->start ? -1 : 1;
    return when_cmp(a->w, b->w);
}

/* Binary heap of indices into p, newest on top. */
static void heap_push(uint32_t *heap, uint32_t *n, const struct piece *p, uint32_t i)
{
    uint32_t at = (*n)++;

    while (at && when_cmp(p[heap[(at - 1) / 2]].w, p[i].w) < 0) {
        heap[at] = heap[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    heap[at] = i;
}

static void heap_pop(uint32_t *heap, uint32_t *n, const struct piece *p)
{
    uint32_t i = heap[--(*n)], at = 0;

    for (;;) {
        uint32_t c = at * 2 + 1;

        if (c >= *n)
            break;
        if (c + 1 < *n && when_cmp(p[heap[c + 1]].w, p[heap[c]].w) > 0 && !MUTANT(EXT_NEWEST_WRONG))
            c++;
        if (when_cmp(p[heap[c]].w, p[i].w) <= 0)
            break;
        heap[at] = heap[c];
        at = c;
    }
    heap[at] = i;
}

/* Which piece shows where in [from, to); holes left out, neighbours from one extent joined. */
static int resolve(struct pieces *in, uint64_t from, uint64_t to, struct arena *mem,
                   struct pieces *out)
{
    uint32_t *heap, n = 0, next = 0;
    uint64_t at = from;
    bool sorted = true;

    if (in->nr == 0)
        return 0;
    heap = arena_alloc(mem, in->nr * sizeof *heap);
    if (heap == NULL)
        return -DER_NOMEM;
    for (uint32_t i = 1; i < in->nr && sorted; i++)
        sorted = pieces_by_start(&in->p[i - 1], &in->p[i]) <= 0;
    if (!sorted)
        qsort(in->p, in->nr, sizeof *in->p, pieces_by_start);
    while (at < to) {
        const struct piece *top;
        uint64_t end;

        while (next < in->nr && in->p[next].start <= at)
            heap_push(heap, &n, in->p, next++);
        while (n && in->p[heap[0]].start + in->p[heap[0]].nr <= at)
            heap_pop(heap, &n, in->p);
        end = next < in->nr ? MIN(to, in->p[next].start) : to;
        if (n == 0) {
            if (next == in->nr)
                break;
            at = end;
            continue;
        }
        top = &in->p[heap[0]];
        end = MIN(end, top->start + top->nr);
        if (top->lost && !MUTANT(GAP_UNSEEN))
            return -DER_CSUM;
        if (top->rec_size) {
            struct piece *last = out->nr ? &out->p[out->nr - 1] : NULL;

            if (last && last->off == top->off && last->start + last->nr == at) {
                last->nr += end - at;
            } else {
                struct piece p = *top;
                int rc;

                p.start = at;
                p.nr = end - at;
                rc = pieces_push(out, mem, p);
                if (rc)
                    return rc;
            }
        }
        at = end;
    }
    return 0;
}

int array_visible(const struct view *v, uint64_t akey, uint64_t from, uint64_t to, bool down,
                  uint32_t max_collect, struct arena *a, struct pieces *out, uint64_t *reached)
{
    struct pieces all = {0};
    uint64_t lo, hi, shown = 0;
    int rc;

    memset(out, 0, sizeof *out);
    rc = collect(v, akey, from, to, down, max_collect, a, &all, &lo, &hi);
    if (rc)
        return rc;
    if (all.cut && !v->exact)
        return -DER_TX_RESTART;
    rc = resolve(&all, lo, hi, a, out);
    if (rc)
        return rc;
    if (view_in_doubt(v)) { /* a hole may be what was lost */
        for (uint32_t i = 0; i < out->nr; i++)
            shown += out->p[i].nr;
        if (shown < hi - lo)
            return -DER_CSUM;
        shown = 0;
    }
    if (v->mark && !v->exact) { /* a hole may be one that was not there at the epoch */
        for (uint32_t i = 0; i < out->nr; i++)
            shown += out->p[i].nr;
        if (shown < hi - lo)
            return -DER_TX_RESTART;
    }
    if (reached)
        *reached = down ? lo : hi;
    return 0;
}

int array_any(const struct view *v, uint64_t akey, bool *any)
{
    struct heap *h = v->c->v->h;
    struct akey_rec a;
    struct walk w;
    uint64_t value, pos = 0, end = UINT64_C(1) << 63;
    bool holes, cut = false;
    int rc = akey_look(h, akey, &a);

    *any = false;
    if (rc == 0)
        rc = life_in_doubt(h, a.life, v->hide, any);
    if (rc || *any)
        return rc;
    holes = a.flags & KEY_HOLES;
    if (!holes) {
        walk_ext(&w, h, akey, 0, false);
        while ((rc = walk_next(&w, &value)) == 0) {
            struct piece p;
            uint16_t flags;

            rc = ext_piece(h, w.ent[w.at - 1].order, value, &p, &flags);
            if (rc)
                return rc;
            if (view_sees(v, p.w)) {
                *any = true;
                return 0;
            }
            cut |= p.w.epoch > v->epoch && (flags & VER_CUT);
        }
        if (rc != -DER_NONEXIST)
            return rc;
        return (cut || v->mark) && !v->exact ? -DER_TX_RESTART : 0;
    }
    while (pos < end) {
        struct arena *mem = &v->c->v->scratch;
        struct pieces out;

        rc = array_visible(v, akey, pos, end, false, 256, mem, &out, &pos);
        if (rc || out.nr) {
            *any = rc == 0;
            return rc;
        }
    }
    return 0;
}
