/* Single values: a list of versions, newest first. */
#include "vos/priv.h"

#define HEAD_OFF(akey) ((akey) + offsetof(struct akey_rec, values))

static const struct ver *ver_at(struct heap *h, uint64_t off, int *rc)
{
    return REC(h, off, ver, REC_SINGLE, rc);
}

static int head_get(struct heap *h, uint64_t akey, uint64_t *off)
{
    struct akey_rec a;
    int rc = akey_look(h, akey, &a);

    *off = a.values.word0;
    return rc;
}

int single_find(const struct view *v, uint64_t akey, uint64_t *out, struct when *when)
{
    struct heap *h = v->c->v->h;
    bool cut = false; /* the next newer version hides a gap */
    uint64_t off;
    int rc = head_get(h, akey, &off);

    if (rc)
        return rc;
    while (off) {
        const struct ver *r = ver_at(h, off, &rc);
        struct when w;

        if (r == NULL)
            return rc;
        w = (struct when){r->epoch, r->minor};
        if (w.epoch > v->epoch) {
            cut = r->flags & VER_CUT;
            off = r->older;
            continue;
        }
        if (cut && !v->exact)
            return -DER_TX_RESTART;
        if (!view_sees(v, w) || (r->flags & VER_TOMBSTONE))
            break;
        *out = off;
        *when = w;
        return 0;
    }
    return cut && !v->exact ? -DER_TX_RESTART : view_absent(v);
}

int single_free(struct vos_tx *t, uint64_t off)
{
    const uint8_t *rec;
    struct layout l;
    int rc = layout_single(t->v->h, off, &l, &rec);

    if (rc == 0)
        rc = layout_release(t, &l, rec);
    if (rc == 0)
        rc = heap_tx_free(t->v->h, off);
    if (rc == 0)
        t->stat[ST_SINGLE]--;
    return rc;
}

int single_fill(struct vos_tx *t, uint64_t off, uint8_t *p, const struct vos_iod *iod,
                const struct part *part, uint16_t extra_flags, uint64_t older)
{
    struct ver *r = (struct ver *)p;

    r->kind = REC_SINGLE;
    r->minor = t->w.minor;
    r->flags = part->l.flags | extra_flags;
    r->size = (uint32_t)part->bytes;
    r->epoch = t->w.epoch;
    r->older = older;
    return layout_store(t, iod, part, p, off);
}

/* Is the old record's room right for the new one? Not when most of it would be wasted. */
static bool fits(struct heap *h, uint64_t off, uint32_t total, int *rc)
{
    size_t room;

    *rc = heap_alloc_size(h, off, &room);
    return *rc == 0 && total <= room && (room <= 64 || total * 2 >= room);
}

/*
 * The new version goes before the first one that is not newer (normally the head). If that one may
 * go, the new one takes its place: in the same room if it fits, so that an overwrite loop allocates
 * nothing.
 */
int single_write(struct vos_tx *t, uint64_t akey, const struct vos_iod *iod,
                 const struct part *part)
{
    struct heap *h = t->v->h;
    uint64_t link = HEAD_OFF(akey), off, older = 0, new_off;
    uint16_t extra = 0;
    bool replace = false;
    void *p;
    int rc;

    for (;;) {
        const uint64_t *l = heap_ptr(h, link, sizeof *l);
        const struct ver *r;
        struct when w;

        if (l == NULL)
            return heap_rc(h);
        off = *l;
        if (off == 0)
            break;
        r = ver_at(h, off, &rc);
        if (r == NULL)
            return rc;
        w = (struct when){r->epoch, r->minor};
        older = r->older;
        if (when_cmp(w, t->w) <= 0) {
            replace = w.epoch == t->w.epoch || droppable(t, w.epoch, t->w.epoch);
            extra = (uint16_t)(r->flags & VER_CUT);
            if (replace && w.epoch != t->w.epoch && !MUTANT(CUT_UNSET))
                extra = VER_CUT;
            break;
        }
        link = off + offsetof(struct ver, older);
    }
    if (replace && fits(h, off, part->l.total, &rc)) {
        const uint8_t *old;
        struct layout l;

        rc = layout_single(h, off, &l, &old);
        if (rc == 0)
            rc = layout_release(t, &l, old);
        if (rc)
            return rc;
        p = heap_tx_write(h, off, part->l.total);
        return p ? single_fill(t, off, p, iod, part, extra, older) : heap_rc(h);
    }
    if (replace) {
        rc = single_free(t, off);
        if (rc)
            return rc;
        off = older;
    } else {
        extra = 0;
    }
    rc = heap_tx_alloc(h, part->l.total, akey, &new_off, &p);
    if (rc)
        return rc;
    t->stat[ST_SINGLE]++;
    rc = single_fill(t, new_off, p, iod, part, extra, off);
    return rc ? rc : tx_put64(h, link, new_off);
}

int single_prune(struct vos_tx *t, uint64_t akey, struct when hide, uint64_t upto)
{
    struct heap *h = t->v->h;
    uint64_t link = HEAD_OFF(akey), newer = 0, newer_epoch = 0, off;
    int rc;

    rc = head_get(h, akey, &off);
    while (rc == 0 && off) {
        const struct ver *r = ver_at(h, off, &rc);
        uint64_t end, older;
        bool hidden;

        if (r == NULL)
            return rc;
        older = r->older;
        end = newer_epoch;
        hidden = when_cmp((struct when){r->epoch, r->minor}, hide) <= 0 &&
                 (end == 0 || hide.epoch < end);
        if (hidden)
            end = hide.epoch; /* that punch has its cut already */
        /* The newest one, hidden by a punch, stays until those below it are gone: they could be
         * taken for it. */
        if (end == 0 || end > upto ||
            (snap_between(t->c, r->epoch, end) && !MUTANT(PRUNE_IGNORES_SNAP)) ||
            (newer == 0 && older)) {
            newer = off;
            newer_epoch = r->epoch;
            link = off + offsetof(struct ver, older);
            off = older;
            continue;
        }
        if (newer && !hidden) {
            uint16_t *f = heap_tx_write(h, newer + offsetof(struct ver, flags), sizeof *f);

            if (f == NULL)
                return heap_rc(h);
            *f |= VER_CUT;
        } else if (newer == 0) {
            rc = life_mark(t, akey + offsetof(struct akey_rec, life), end);
            if (rc)
                return rc;
        }
        rc = single_free(t, off);
        if (rc == 0)
            rc = tx_put64(h, link, older);
        off = older;
    }
    return rc;
}
