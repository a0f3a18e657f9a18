/*
 * Arrays: a tree of extents, each written by one epoch, never overwritten.
 *
 * What a reader sees of a range is found in two steps: collect() gathers the extents that overlap it and that the view sees; resolve() sweeps over them by
 * start, keeping those that cover the sweep point in a heap by age, so that each stretch shows the newest one. Extents are at most EXT_NR_MAX records long and an
 * akey remembers the longest (max_log), so a search begins that far before the range. Holes (punched extents) are extents without bytes; those longer than
 * EXT_NR_MAX are WIDE records in the akey's existence log, looked at by every reader.
 *
 * A write gives back older extents that it covers whole if the keep floor allows, the newest one of the same start by taking its
 * record over: an overwrite loop with equal extents allocates nothing. Covered by several newer ones: array_prune(), in the background.
 */
#include <stdlib.h>
#include "vos/priv.h"

#define LIFE_OFF(akey) ((akey) + offsetof(struct akey_rec, life))
#define ROOT_OFF(akey) ((akey) + offsetof(struct akey_rec, values))
#define SCAN_LIMIT     4096u /* entries a bounded search looks at */

static int push(struct pieces *a, struct arena *mem, struct piece p)
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

static int akey_get(struct heap *h, uint64_t akey, struct akey_rec *out)
{
    int rc = 0;
    const struct akey_rec *r = REC(h, akey, akey_rec, REC_AKEY, &rc);

    if (r == NULL) {
        memset(out, 0, sizeof *out);
        return rc;
    }
    *out = *r;
    return 0;
}

static uint64_t search_from(const struct akey_rec *a, uint64_t from)
{
    uint64_t reach = UINT64_C(1) << a->max_log;

    return from < reach ? 0 : from - reach + 1;
}

/* The extent behind a tree entry as a piece. */
static int piece_of(struct heap *h, uint64_t start, uint64_t value, struct piece *p, uint16_t *flags)
{
    int rc = 0;
    const struct ext *e = REC(h, ext_off(value), ext, REC_EXT, &rc);

    *flags = 0;
    if (e == NULL)
        return rc;
    *p = (struct piece){.start = start, .nr = e->nr, .w = {e->epoch, e->minor}, .off = ext_off(value), .ext_start = start, .ext_nr = e->nr,
                        .rec_size = e->flags & VER_TOMBSTONE ? 0 : e->rec_size};
    *flags = e->flags;
    return 0;
}

/* WIDE holes the view sees. */
static int collect_wide(const struct view *v, const struct akey_rec *a, uint64_t from, uint64_t to, struct arena *mem, struct pieces *out)
{
    struct heap *h = v->c->v->h;
    uint64_t off = a->life;

    while (off) {
        const struct wide *r = heap_ptr(h, off, sizeof r->v);
        struct when w;

        if (r == NULL)
            return heap_rc(h);
        if (r->v.kind == REC_WIDE) {
            r = heap_ptr(h, off, sizeof *r);
            if (r == NULL)
                return heap_rc(h);
            w = (struct when){r->v.epoch, r->v.minor};
            if (r->start < to && r->start + r->nr > from) {
                if (w.epoch > v->epoch && (r->v.flags & VER_CUT))
                    out->cut = true;
                if (view_sees(v, w)) {
                    int rc = push(out, mem, (struct piece){.start = r->start, .nr = r->nr, .w = w});

                    if (rc)
                        return rc;
                }
            }
        }
        off = r->v.older;
    }
    return 0;
}

static int take(const struct view *v, uint64_t start, uint64_t value, uint64_t from, uint64_t to, struct arena *mem, struct pieces *out)
{
    struct piece p;
    uint16_t flags;
    int rc = piece_of(v->c->v->h, start, value, &p, &flags);

    if (rc || p.start >= to || p.start + p.nr <= from)
        return rc;
    if (p.w.epoch > v->epoch && (flags & VER_CUT))
        out->cut = true;
    return view_sees(v, p.w) ? push(out, mem, p) : 0;
}

/* Extents (and WIDE holes) that overlap [from, to) and that the view sees; *lo, *hi: the part of it that was searched through. */
static int collect(const struct view *v, uint64_t akey, uint64_t from, uint64_t to, bool down, uint32_t limit, struct arena *mem, struct pieces *out, uint64_t *lo, uint64_t *hi)
{
    struct heap *h = v->c->v->h;
    struct akey_rec a;
    struct walk w;
    uint64_t value = 0, seen = 0;
    int rc = akey_get(h, akey, &a);

    if (rc)
        return rc;
    *lo = from;
    *hi = to;
    walk_ext(&w, h, akey, down ? to : search_from(&a, from), down);
    while ((rc = walk_next(&w, &value)) == 0) {
        uint64_t start = w.ent[w.at - 1].order;

        if (down ? start + (UINT64_C(1) << a.max_log) <= from : start >= to)
            break;
        if (limit && (out->nr >= limit || seen >= SCAN_LIMIT) && (down ? start + 1 < *hi && start < to : start > from)) {
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
        walk_ext(&w, h, akey, search_from(&a, *lo), false);
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

static int by_start(const void *x, const void *y)
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
        if (c + 1 < *n && when_cmp(p[heap[c + 1]].w, p[heap[c]].w) > 0)
            c++;
        if (when_cmp(p[heap[c]].w, p[i].w) <= 0)
            break;
        heap[at] = heap[c];
        at = c;
    }
    heap[at] = i;
}

/* Which piece shows where in [from, to); holes left out, neighbours from one extent joined. */
static int resolve(struct pieces *in, uint64_t from, uint64_t to, struct arena *mem, struct pieces *out)
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
        sorted = by_start(&in->p[i - 1], &in->p[i]) <= 0;
    if (!sorted)
        qsort(in->p, in->nr, sizeof *in->p, by_start);
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
        if (top->rec_size) {
            struct piece *last = out->nr ? &out->p[out->nr - 1] : NULL;

            if (last && last->off == top->off && last->start + last->nr == at) {
                last->nr += end - at;
            } else {
                struct piece p = *top;
                int rc;

                p.start = at;
                p.nr = end - at;
                rc = push(out, mem, p);
                if (rc)
                    return rc;
            }
        }
        at = end;
    }
    return 0;
}

int array_visible(const struct view *v, uint64_t akey, uint64_t from, uint64_t to, bool down, uint32_t max_collect, struct arena *a, struct pieces *out, uint64_t *reached)
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
    int rc = akey_get(h, akey, &a);

    *any = false;
    if (rc)
        return rc;
    holes = a.flags & KEY_HOLES;
    if (!holes) {
        walk_ext(&w, h, akey, 0, false);
        while ((rc = walk_next(&w, &value)) == 0) {
            struct piece p;
            uint16_t flags;

            rc = piece_of(h, w.ent[w.at - 1].order, value, &p, &flags);
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

int ext_free(struct vos_tx *t, uint64_t off)
{
    const uint8_t *rec;
    struct layout l;
    int rc = layout_ext(t->v->h, off, &l, &rec);

    if (rc == 0)
        rc = layout_release(t, &l, rec);
    if (rc == 0)
        rc = heap_tx_free(t->v->h, off);
    if (rc == 0)
        t->stat[ST_EXT]--;
    return rc;
}

static int ext_remove(struct vos_tx *t, uint64_t akey, const struct piece *p)
{
    struct when w = p->w;
    struct tree_key k = {.order = p->ext_start, .key = &w, .len = sizeof w};
    int rc = tree_remove(t->v->h, &ext_class, ROOT_OFF(akey), &k);

    return rc ? rc : ext_free(t, p->off);
}

/* ---- Writing ---- */

/* What a change of [start, start + nr) meets. */
struct meet {
    struct piece drop[DROP_MAX];
    uint32_t drop_nr;
    bool more;  /* more could go than fits in drop */
    bool under; /* something older that stays overlaps */
    bool gap;   /* something with another epoch goes: leave a cut */
    struct when twin; /* newest with the same start that stays */
};

static int meet(struct vos_tx *t, uint64_t akey, uint64_t start, uint64_t nr, struct meet *m)
{
    struct heap *h = t->v->h;
    struct akey_rec a;
    struct walk w;
    uint64_t value = 0;
    int rc = akey_get(h, akey, &a);

    m->drop_nr = 0;
    m->more = m->under = m->gap = false;
    m->twin = (struct when){0, 0};
    if (rc || a.values.word0 + a.values.word1 == 0)
        return rc;
    walk_ext(&w, h, akey, search_from(&a, start), false);
    while ((rc = walk_next(&w, &value)) == 0 && w.ent[w.at - 1].order < start + nr) {
        struct piece p;
        uint16_t flags;
        bool covered, goes;

        if (w.ent[w.at - 1].order + ext_bound(value) <= start)
            continue;
        rc = piece_of(h, w.ent[w.at - 1].order, value, &p, &flags);
        if (rc)
            return rc;
        if (p.start + p.nr <= start || when_cmp(p.w, t->w) > 0)
            continue;
        covered = p.start >= start && p.start + p.nr <= start + nr;
        goes = when_cmp(p.w, t->w) == 0 ? p.start == start : covered && (p.w.epoch == t->w.epoch || droppable(t, p.w.epoch, t->w.epoch));
        if (!goes) {
            m->under = true;
            if (p.start == start && when_cmp(p.w, m->twin) > 0)
                m->twin = p.w;
        } else if (m->drop_nr == DROP_MAX) {
            m->more = m->under = true;
            break;
        } else {
            m->gap |= p.w.epoch != t->w.epoch || (flags & VER_CUT);
            m->drop[m->drop_nr++] = p;
        }
    }
    return rc == -DER_NONEXIST ? 0 : rc;
}

static int fill(struct vos_tx *t, uint64_t off, uint8_t *rec, const struct vos_iod *iod, const struct part *p, uint16_t extra)
{
    struct ext *e = (struct ext *)rec;

    e->kind = REC_EXT;
    e->minor = t->w.minor;
    e->flags = p->l.flags | extra;
    e->rec_size = (uint32_t)iod->rec_size;
    e->epoch = t->w.epoch;
    e->nr = (uint32_t)p->nr;
    return layout_store(t, iod, p, rec, off);
}

/* The akey's bound of extent lengths, and its flags. */
static int akey_note(struct vos_tx *t, uint64_t akey, uint64_t nr, uint16_t set_flags)
{
    struct heap *h = t->v->h;
    struct akey_rec a;
    uint16_t log = 0;
    int rc = akey_get(h, akey, &a);

    if (rc)
        return rc;
    while ((UINT64_C(1) << log) < nr)
        log++;
    if (log > a.max_log) {
        uint16_t *p = heap_tx_write(h, akey + offsetof(struct akey_rec, max_log), sizeof *p);

        if (p == NULL)
            return heap_rc(h);
        *p = log;
    }
    if ((a.flags & set_flags) != set_flags) {
        uint16_t *p = heap_tx_write(h, akey + offsetof(struct akey_rec, flags), sizeof *p);

        if (p == NULL)
            return heap_rc(h);
        *p |= set_flags;
    }
    return 0;
}

static int insert(struct vos_tx *t, uint64_t akey, uint64_t off, uint64_t start, uint64_t nr)
{
    struct tree_key k = {.order = start, .key = &t->w, .len = sizeof t->w};

    t->stat[ST_EXT]++;
    return tree_insert(t->v->h, &ext_class, ROOT_OFF(akey), &k, ext_value(off, nr));
}

/* Takes over the record of the newest dropped extent that has the same start and length, if the bytes fit: its place in the tree stays right. */
static int take_over(struct vos_tx *t, const struct vos_iod *iod, const struct part *p, struct meet *m, bool *done)
{
    struct heap *h = t->v->h;
    const uint8_t *old;
    struct layout l;
    uint32_t at = m->drop_nr;
    size_t room;
    void *rec;
    int rc;

    *done = false;
    for (uint32_t i = 0; i < m->drop_nr; i++)
        if (m->drop[i].ext_start == p->start && m->drop[i].ext_nr == p->nr && (at == m->drop_nr || when_cmp(m->drop[i].w, m->drop[at].w) > 0))
            at = i;
    if (at == m->drop_nr || when_cmp(m->drop[at].w, m->twin) < 0)
        return 0; /* one that stays sorts between the old age and the new */
    for (uint32_t i = 0; i < m->drop_nr; i++) /* newest of that start */
        if (i != at && m->drop[i].ext_start == p->start && when_cmp(m->drop[i].w, m->drop[at].w) > 0)
            return 0;
    rc = heap_alloc_size(h, m->drop[at].off, &room);
    if (rc || p->l.total > room || (room > 64 && p->l.total * 2 < room))
        return rc;
    rc = layout_ext(h, m->drop[at].off, &l, &old);
    if (rc == 0)
        rc = layout_release(t, &l, old);
    if (rc)
        return rc;
    rec = heap_tx_write(h, m->drop[at].off, p->l.total);
    if (rec == NULL)
        return heap_rc(h);
    rc = fill(t, m->drop[at].off, rec, iod, p, m->gap ? VER_CUT : 0);
    m->drop[at] = m->drop[--m->drop_nr];
    *done = true;
    return rc;
}

static int drop_all(struct vos_tx *t, uint64_t akey, const struct meet *m)
{
    int rc = 0;

    for (uint32_t i = 0; i < m->drop_nr && rc == 0; i++)
        rc = ext_remove(t, akey, &m->drop[i]);
    return rc;
}

int array_write(struct vos_tx *t, uint64_t akey, const struct vos_iod *iod, const struct part *p)
{
    struct heap *h = t->v->h;
    struct meet m;
    uint64_t off;
    void *rec;
    bool done;
    int rc = meet(t, akey, p->start, p->nr, &m);

    if (rc == 0)
        rc = take_over(t, iod, p, &m, &done);
    if (rc == 0)
        rc = drop_all(t, akey, &m);
    if (rc || done)
        return rc;
    rc = akey_note(t, akey, p->nr, 0);
    if (rc == 0)
        rc = heap_tx_alloc(h, p->l.total, akey, &off, &rec);
    if (rc == 0)
        rc = fill(t, off, rec, iod, p, m.gap ? VER_CUT : 0);
    if (rc == 0)
        rc = insert(t, akey, off, p->start, p->nr);
    return rc;
}

/* Drops WIDE holes that the hole [start, start + nr) covers. */
static int wide_supersede(struct vos_tx *t, uint64_t akey, uint64_t start, uint64_t nr)
{
    struct heap *h = t->v->h;
    uint64_t link = LIFE_OFF(akey);

    for (;;) {
        const uint64_t *l = heap_ptr(h, link, sizeof *l);
        const struct wide *r;
        uint64_t off;
        bool goes;

        if (l == NULL)
            return heap_rc(h);
        off = *l;
        if (off == 0)
            return 0;
        r = heap_ptr(h, off, sizeof r->v);
        if (r == NULL)
            return heap_rc(h);
        goes = false;
        if (r->v.kind == REC_WIDE) {
            struct when w = {r->v.epoch, r->v.minor};

            r = heap_ptr(h, off, sizeof *r);
            if (r == NULL)
                return heap_rc(h);
            goes = r->start >= start && r->start + r->nr <= start + nr && when_cmp(w, t->w) <= 0 &&
                   (w.epoch == t->w.epoch || droppable(t, w.epoch, t->w.epoch));
        }
        if (goes) {
            int rc = tx_put64(h, link, r->v.older);

            if (rc == 0)
                rc = heap_tx_free(h, off);
            if (rc)
                return rc;
        } else {
            link = off + offsetof(struct ver, older);
        }
    }
}

int array_hole(struct vos_tx *t, uint64_t akey, uint64_t start, uint64_t nr, bool *left)
{
    struct heap *h = t->v->h;
    struct meet m;
    uint64_t off;
    int rc = meet(t, akey, start, nr, &m);

    *left |= m.more;
    if (rc == 0)
        rc = drop_all(t, akey, &m);
    if (rc)
        return rc;
    if (!m.under && !t->replay)
        return m.gap ? life_mark(t, LIFE_OFF(akey), t->w.epoch) : 0;
    rc = akey_note(t, akey, MIN(nr, EXT_NR_MAX), KEY_HOLES);
    if (rc)
        return rc;
    if (nr > EXT_NR_MAX) {
        struct wide *r;

        rc = wide_supersede(t, akey, start, nr);
        if (rc == 0)
            rc = heap_tx_alloc(h, sizeof *r, akey, &off, (void **)&r);
        if (rc)
            return rc;
        r->v.kind = REC_WIDE;
        r->v.minor = t->w.minor;
        r->v.flags = m.gap ? VER_TOMBSTONE | VER_CUT : VER_TOMBSTONE;
        r->v.epoch = t->w.epoch;
        r->start = start;
        r->nr = nr;
        return life_insert(t, LIFE_OFF(akey), off, t->w);
    } else {
        struct ext *e;

        rc = heap_tx_alloc(h, sizeof *e, akey, &off, (void **)&e);
        if (rc)
            return rc;
        e->kind = REC_EXT;
        e->minor = t->w.minor;
        e->flags = m.gap ? VER_TOMBSTONE | VER_CUT : VER_TOMBSTONE;
        e->epoch = t->w.epoch;
        e->nr = (uint32_t)nr;
        return insert(t, akey, off, start, nr);
    }
}

/* ---- Pruning ---- */

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
        at = n->off ? n->off + offsetof(struct ext, flags) : n->ext_start + offsetof(struct ver, flags);
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
            rc = push(out, &t->v->scratch, (struct piece){.start = r->start, .nr = r->nr, .w = {r->v.epoch, r->v.minor}, .ext_start = off});
            if (rc)
                return rc;
        }
        off = next;
    }
    if (out->nr)
        qsort(out->p, out->nr, sizeof *out->p, by_start);
    return 0;
}

/* All extents from the cursor on, PRUNE_WINDOW of them, whatever their age; *next: where the following window begins (0: the end). */
static int window(struct vos_tx *t, uint64_t akey, const struct akey_rec *a, uint64_t from, struct pieces *out, uint64_t *next)
{
    struct walk w;
    uint64_t value;
    uint16_t flags;
    int rc;

    *next = 0;
    walk_ext(&w, t->v->h, akey, search_from(a, from), false);
    while ((rc = walk_next(&w, &value)) == 0) {
        struct piece p;

        if (out->nr >= PRUNE_WINDOW && w.ent[w.at - 1].order > from && out->p[out->nr - 1].start < w.ent[w.at - 1].order) {
            *next = w.ent[w.at - 1].order;
            return 0;
        }
        rc = piece_of(t->v->h, w.ent[w.at - 1].order, value, &p, &flags);
        if (rc == 0)
            rc = push(out, &t->v->scratch, p);
        if (rc)
            return rc;
    }
    return rc == -DER_NONEXIST ? 0 : rc;
}

int array_prune(struct vos_tx *t, uint64_t akey, struct when hide, uint64_t upto, uint64_t *cursor, bool *more)
{
    struct pieces all = {0};
    struct akey_rec a;
    uint64_t next, limit;
    uint32_t dropped = 0;
    int rc = akey_get(t->v->h, akey, &a);

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
                under = k != i && all.p[k].nr && when_cmp(all.p[k].w, p.w) < 0 && overlaps(&all.p[k], &p);
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
    if (rc == 0 && next) {
        *cursor = next;
        *more = true;
    }
    return rc;
}
