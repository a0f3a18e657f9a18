/*
 * Writing arrays: new extents and holes.
 *
 * A write gives back older extents that it covers whole if the keep floor allows, the newest one of
 * the same start by taking its record over: an overwrite loop with equal extents allocates nothing.
 * What several newer ones cover together is left to array_prune(): a write that meets a crowd of
 * such asks for it, so that endless overwriting takes no more and more room, and so does the one
 * that may have been the last to cover a long one (cover.c). A hole is stored only
 * if something older remains below it; else a cut mark in the akey says that something went.
 */
#include "vos/priv.h"

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

int ext_remove(struct vos_tx *t, uint64_t akey, const struct piece *p)
{
    struct when w = p->w;
    struct tree_key k = {.order = p->ext_start, .key = &w, .len = sizeof w};
    int rc = tree_remove(t->v->h, &ext_class, ROOT_OFF(akey), &k);

    return rc ? rc : ext_free(t, p->off);
}

/* So many older extents that would go if they were covered reach across the ends of a new one: most
 * of them are hidden by several newer ones together. */
#define CROWD 16u

/* What a change of [start, start + nr) meets. */
struct meet {
    struct piece drop[DROP_MAX];
    uint32_t drop_nr;
    bool more;        /* more could go than fits in drop */
    uint32_t across;  /* could go but for the part that is not covered */
    uint64_t longest; /* of those */
    bool under;       /* something older that stays overlaps */
    bool gap;         /* something with another epoch goes: leave a cut */
    struct when twin; /* newest with the same start that stays */
};

static int meet(struct vos_tx *t, uint64_t akey, uint64_t start, uint64_t nr, struct meet *m)
{
    struct heap *h = t->v->h;
    struct akey_rec a;
    struct walk w;
    uint64_t value = 0;
    int rc = akey_look(h, akey, &a);

    m->drop_nr = m->across = 0;
    m->longest = 0;
    m->more = m->under = m->gap = false;
    m->twin = (struct when){0, 0};
    if (rc || a.values.word0 + a.values.word1 == 0)
        return rc;
    walk_ext_range(&w, h, akey, &a, start, start + nr);
    while ((rc = walk_next(&w, &value)) == 0 && w.ent[w.at - 1].order < start + nr) {
        struct piece p;
        uint16_t flags;
        bool covered, goes;

        if (w.ent[w.at - 1].order + ext_bound(value) <= start)
            continue;
        rc = ext_piece(h, w.ent[w.at - 1].order, value, &p, &flags);
        if (rc)
            return rc;
        if (p.start + p.nr <= start || when_cmp(p.w, t->w) > 0)
            continue;
        covered = p.start >= start &&
                  p.start + p.nr <= start + nr + (MUTANT(EXT_COVER_OFF_BY_ONE) ? 1 : 0);
        goes = when_cmp(p.w, t->w) == 0
                   ? p.start == start
                   : covered && (p.w.epoch == t->w.epoch || droppable(t, p.w.epoch, t->w.epoch));
        if (!goes) {
            m->under = m->under || covered || !MUTANT(HOLE_NOT_STORED);
            if (!covered && droppable(t, p.w.epoch, t->w.epoch)) {
                m->across++;
                m->longest = MAX(m->longest, p.nr);
            }
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

int ext_fill(struct vos_tx *t, uint64_t off, uint8_t *rec, const struct vos_iod *iod,
             const struct part *p, uint16_t extra)
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
    uint16_t log;
    int rc = akey_look(h, akey, &a);

    if (rc)
        return rc;
    if (MUTANT(EXT_REACH_SHORT))
        nr -= nr / 4;
    log = log_up(nr);
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

/* Takes over the record of the newest dropped extent that has the same start and length, if the
 * bytes fit: its place in the tree stays right. */
static int take_over(struct vos_tx *t, const struct vos_iod *iod, const struct part *p,
                     struct meet *m, bool *done)
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
        if (m->drop[i].ext_start == p->start && m->drop[i].ext_nr == p->nr &&
            (at == m->drop_nr || when_cmp(m->drop[i].w, m->drop[at].w) > 0))
            at = i;
    if (at == m->drop_nr || when_cmp(m->drop[at].w, m->twin) < 0)
        return 0; /* one that stays sorts between the old age and the new */
    for (uint32_t i = 0; i < m->drop_nr; i++) /* newest of that start */
        if (i != at && m->drop[i].ext_start == p->start &&
            when_cmp(m->drop[i].w, m->drop[at].w) > 0)
            return 0;
    rc = heap_alloc_size(h, m->drop[at].off, &room);
    if (rc || p->l.total > room || (room > 64 && p->l.total * 2 < room))
        return rc;
    rc = layout_ext(h, m->drop[at].off, &l, &old);
    if (rc == 0 && !MUTANT(EXT_LEAK))
        rc = layout_release(t, &l, old);
    if (rc)
        return rc;
    rec = heap_tx_write(h, m->drop[at].off, p->l.total);
    if (rec == NULL)
        return heap_rc(h);
    rc = ext_fill(t, m->drop[at].off, rec, iod, p, m->gap ? VER_CUT : 0);
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

int array_write(struct vos_tx *t, uint64_t akey, const struct vos_iod *iod, const struct part *p,
                struct left *left)
{
    struct heap *h = t->v->h;
    struct meet m;
    uint64_t off;
    void *rec;
    bool done;
    int rc = meet(t, akey, p->start, p->nr, &m);

    left->in_obj |= m.more || m.across >= CROWD;
    left->in_akey |= m.longest > p->nr && cover_note(t->v, akey, p->nr, m.longest);
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
        rc = ext_fill(t, off, rec, iod, p, m.gap ? VER_CUT : 0);
    if (rc == 0)
        rc = insert(t, akey, off, p->start, p->nr);
    return rc;
}

/* Drops WIDE holes that the hole [start, start + nr) covers; *gap as in struct meet. */
static int wide_supersede(struct vos_tx *t, uint64_t akey, uint64_t start, uint64_t nr, bool *gap)
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
            int rc;

            *gap |= r->v.epoch != t->w.epoch || (r->v.flags & VER_CUT);
            rc = tx_put64(h, link, r->v.older);

            if (rc == 0)
                rc = heap_tx_free(h, off);
            if (rc)
                return rc;
        } else {
            link = off + offsetof(struct ver, older);
        }
    }
}

int array_hole(struct vos_tx *t, uint64_t akey, uint64_t start, uint64_t nr, struct left *left)
{
    struct heap *h = t->v->h;
    struct meet m;
    uint64_t off;
    int rc = meet(t, akey, start, nr, &m);

    left->in_obj |= m.more;
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

        rc = wide_supersede(t, akey, start, nr, &m.gap);
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
