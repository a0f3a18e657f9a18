/* Existence logs: the lists of punches (and cut marks) of objects, dkeys and akeys, and what they
 * hide from a reader. */
#include "vos/priv.h"

void view_init(struct view *v, struct vos_cont *c, uint64_t epoch)
{
    v->c = c;
    v->epoch = c->rollback && !MUTANT(ROLLBACK_LATER) ? MIN(epoch, c->rollback) : epoch;
    v->exact = epoch == DAOS_EPOCH_MAX || snap_is(c, v->epoch);
    v->hide = (struct when){0, 0};
    v->mark = 0;
    v->lost = (struct when){0, 0};
}

int view_life(struct view *v, uint64_t life)
{
    struct heap *h = v->c->v->h;

    while (life) {
        const struct ver *r = heap_ptr(h, life, sizeof *r);
        struct when w;

        if (r == NULL)
            return heap_rc(h);
        w = (struct when){r->epoch, r->minor};
        switch (r->kind) {
        case REC_MARK:
            if (w.epoch > v->epoch)
                v->mark = MAX(v->mark, w.epoch);
            break;
        case REC_PUNCH:
            if (w.epoch > v->epoch) {
                if ((r->flags & VER_CUT) && !v->exact)
                    return -DER_TX_RESTART;
                break;
            }
            if (when_cmp(w, v->hide) > 0)
                v->hide = w;
            return 0; /* older ones hide less */
        case REC_LOST:
            if (when_cmp(w, v->hide) > 0) {
                if (when_cmp(w, v->lost) > 0)
                    v->lost = w;
                if (r->flags & VER_TOMBSTONE) {
                    v->hide = w;
                    return 0;
                }
            }
            break;
        case REC_WIDE:
        case REC_GAP:
            break;
        default:
            return rec_bad("existence log of unknown kind", life);
        }
        life = r->older;
    }
    return 0;
}

int life_mark_get(struct heap *h, uint64_t life, uint64_t *epoch)
{
    const struct ver *r;

    *epoch = 0;
    if (life == 0)
        return 0;
    r = heap_ptr(h, life, sizeof *r);
    if (r == NULL)
        return heap_rc(h);
    if (r->kind == REC_MARK)
        *epoch = r->epoch;
    return 0;
}

static int cut_epoch(struct vos_cont *c, uint64_t *cut)
{
    int rc = 0;
    const struct cont_rec *r = REC(c->v->h, c->off, cont_rec, REC_CONT, &rc);

    if (r)
        *cut = r->cut_epoch;
    return rc;
}

int view_obj(struct view *v, uint64_t obj)
{
    int rc = 0;
    const struct obj_rec *r = REC(v->c->v->h, obj, obj_rec, REC_OBJ, &rc);

    if (r == NULL)
        return rc;
    if (!v->exact && ((uint64_t)r->born + 1) << 32 > v->epoch) {
        uint64_t cut = 0;

        rc = cut_epoch(v->c, &cut);
        if (rc)
            return rc;
        if (cut > v->epoch)
            v->mark = MAX(v->mark, cut);
    }
    return view_life(v, r->life);
}

int view_no_obj(const struct view *v)
{
    uint64_t cut = 0;
    int rc = v->exact ? 0 : cut_epoch(v->c, &cut);

    if (rc)
        return rc;
    if (v->c->lost)
        return -DER_CSUM;
    return !v->exact && cut > v->epoch ? -DER_TX_RESTART : -DER_NONEXIST;
}

int life_in_doubt(struct heap *h, uint64_t life, struct when hide, bool *yes)
{
    *yes = false;
    while (life) {
        const struct ver *r = heap_ptr(h, life, sizeof *r);
        struct when w;

        if (r == NULL)
            return heap_rc(h);
        w = (struct when){r->epoch, r->minor};
        if (r->kind == REC_PUNCH)
            return 0;
        if ((r->kind == REC_LOST || r->kind == REC_GAP) && when_cmp(w, hide) > 0) {
            *yes = true;
            return 0;
        }
        life = r->older;
    }
    return 0;
}

int view_absent(const struct view *v)
{
    if (view_in_doubt(v))
        return -DER_CSUM;
    return v->mark && !v->exact ? -DER_TX_RESTART : -DER_NONEXIST;
}

int life_insert(struct vos_tx *t, uint64_t head_off, uint64_t rec, struct when w)
{
    struct heap *h = t->v->h;
    uint64_t at = head_off, next;

    for (;;) {
        const uint64_t *link = heap_ptr(h, at, sizeof *link);
        const struct ver *r;

        if (link == NULL)
            return heap_rc(h);
        next = *link;
        if (next == 0)
            break;
        r = heap_ptr(h, next, sizeof *r);
        if (r == NULL)
            return heap_rc(h);
        if (r->kind != REC_MARK && when_cmp((struct when){r->epoch, r->minor}, w) <= 0)
            break;
        at = next + offsetof(struct ver, older);
    }
    if (tx_put64(h, at, rec))
        return heap_rc(h);
    return tx_put64(h, rec + offsetof(struct ver, older), next);
}

static int ver_make(struct vos_tx *t, uint8_t kind, struct when w, uint64_t near, uint64_t *off)
{
    struct ver *r;
    int rc = heap_tx_alloc(t->v->h, sizeof *r, near, off, (void **)&r);

    if (rc)
        return rc;
    r->kind = kind;
    r->minor = w.minor;
    r->epoch = w.epoch;
    return 0;
}

/* First entry of the list that is not a mark. */
static int first_real(struct heap *h, uint64_t head_off, uint64_t *off)
{
    const uint64_t *link = heap_ptr(h, head_off, sizeof *link);
    const struct ver *r;

    if (link == NULL)
        return heap_rc(h);
    *off = *link;
    if (*off == 0)
        return 0;
    r = heap_ptr(h, *off, sizeof *r);
    if (r == NULL)
        return heap_rc(h);
    if (r->kind == REC_MARK)
        *off = r->older;
    return 0;
}

int life_punch(struct vos_tx *t, uint64_t head_off)
{
    struct heap *h = t->v->h;
    uint64_t off;
    int rc;

    rc = first_real(h, head_off, &off);
    if (rc)
        return rc;
    if (off) {
        const struct ver *r = heap_ptr(h, off, sizeof *r);
        struct when w;
        struct ver *n;

        if (r == NULL)
            return heap_rc(h);
        w = (struct when){r->epoch, r->minor};
        if (when_cmp(w, t->w) == 0 && r->kind == REC_PUNCH)
            return 0;
        if (r->kind == REC_PUNCH && when_cmp(w, t->w) < 0 &&
            (w.epoch == t->w.epoch || droppable(t, w.epoch, t->w.epoch))) {
            n = heap_tx_write(h, off, sizeof *n);
            if (n == NULL)
                return heap_rc(h);
            if (w.epoch != t->w.epoch)
                n->flags |= VER_CUT;
            n->epoch = t->w.epoch;
            n->minor = t->w.minor;
            return 0;
        }
    }
    rc = ver_make(t, REC_PUNCH, t->w, head_off, &off);
    return rc ? rc : life_insert(t, head_off, off, t->w);
}

int life_lost(struct vos_tx *t, uint64_t head_off)
{
    struct when w = {MAX(t->w.epoch, UINT64_C(2)) - 1, UINT8_MAX};
    uint64_t off;
    int rc = ver_make(t, REC_LOST, w, head_off, &off);

    return rc ? rc : life_insert(t, head_off, off, w);
}

int life_mark(struct vos_tx *t, uint64_t head_off, uint64_t epoch)
{
    struct heap *h = t->v->h;
    const uint64_t *link = heap_ptr(h, head_off, sizeof *link);
    uint64_t head, off;
    int rc;

    if (link == NULL)
        return heap_rc(h);
    head = *link;
    if (head) {
        const struct ver *r = heap_ptr(h, head, sizeof *r);

        if (r == NULL)
            return heap_rc(h);
        if (r->kind == REC_MARK)
            return r->epoch >= epoch ? 0 : tx_put64(h, head + offsetof(struct ver, epoch), epoch);
    }
    rc = ver_make(t, REC_MARK, (struct when){epoch, 0}, head_off, &off);
    if (rc == 0)
        rc = tx_put64(h, off + offsetof(struct ver, older), head);
    if (rc == 0)
        rc = tx_put64(h, head_off, off);
    return rc;
}

int life_free(struct vos_tx *t, uint64_t head_off)
{
    struct heap *h = t->v->h;
    const uint64_t *link = heap_ptr(h, head_off, sizeof *link);
    uint64_t off;

    if (link == NULL)
        return heap_rc(h);
    for (off = *link; off;) {
        const struct ver *r = heap_ptr(h, off, sizeof *r);
        uint64_t next;
        int rc;

        if (r == NULL)
            return heap_rc(h);
        next = r->older;
        rc = heap_tx_free(h, off);
        if (rc)
            return rc;
        off = next;
    }
    return tx_put64(h, head_off, 0);
}

int life_remove(struct vos_tx *t, uint64_t head_off, uint64_t rec)
{
    struct heap *h = t->v->h;
    uint64_t link = head_off;

    for (;;) {
        const uint64_t *l = heap_ptr(h, link, sizeof *l);
        const struct ver *r;
        int rc;

        if (l == NULL)
            return heap_rc(h);
        if (*l == 0)
            return rec_bad("not in its existence log", rec);
        if (*l != rec) {
            link = *l + offsetof(struct ver, older);
            continue;
        }
        r = heap_ptr(h, rec, sizeof *r);
        if (r == NULL)
            return heap_rc(h);
        rc = tx_put64(h, link, r->older);
        return rc ? rc : heap_tx_free(h, rec);
    }
}
