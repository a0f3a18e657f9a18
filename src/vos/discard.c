/*
 * Taking changes back: discarding a range of epochs, and the rollback of a container to a snapshot,
 * which is the range that begins behind it.
 *
 * Whatever an object or dkey saw happen at these epochs, its `changed` is at or above them, so the
 * others are passed over; of those that are not, `changed` becomes what it was. What goes leaves no
 * cut marks: nothing of it is asked for any more. But who has read what is gone must not commit, so
 * the container remembers the last few ranges (cont_rec.discarded).
 *
 * A rollback is one word in the container's record, and done for every reader once that is there:
 * views end at that epoch (view_init()). Then the background discards, and clears the word. Running
 * it again, after a crash in the middle, finds less to do.
 */
#include "vos/priv.h"

#define WINDOW 512u /* extents looked at in one transaction */
#define BUDGET 200u /* punches and single values taken in one */

static bool in_range(const struct round *r, uint64_t epoch)
{
    return epoch >= r->first && epoch <= r->last;
}

/* Something at this epoch stays. */
static void stays(const struct round *r, uint64_t epoch)
{
    if (epoch < r->first && epoch > *r->newest)
        *r->newest = epoch;
}

/* The list at head_off: an existence log, or single values. *budget: what may still be done; *left:
 * something stays. */
static int list_discard(struct vos_tx *t, uint64_t head_off, const struct round *r,
                        uint32_t *budget, bool *left)
{
    struct heap *h = t->v->h;
    uint64_t link = head_off;

    *left = false;
    for (;;) {
        const uint64_t *l = heap_ptr(h, link, sizeof *l);
        const struct ver *v;
        uint64_t off, older;
        bool goes;
        int rc;

        if (l == NULL)
            return heap_rc(h);
        off = *l;
        if (off == 0 || *budget == 0)
            return 0;
        v = heap_ptr(h, off, sizeof *v);
        if (v == NULL)
            return heap_rc(h);
        if (v->kind == REC_LOST || v->kind == REC_GAP) { /* what they say is not undone */
            *left = true;
            link = off + offsetof(struct ver, older);
            continue;
        }
        goes = v->kind != REC_MARK && in_range(r, v->epoch) &&
               !(v->kind == REC_PUNCH && MUTANT(DISCARD_LEAVES_PUNCH));
        older = v->older;
        if (!goes) {
            /* a mark's epoch may be that of what an earlier discard took */
            if (v->kind != REC_MARK) {
                *left = true;
                stays(r, v->epoch);
            }
            link = off + offsetof(struct ver, older);
            continue;
        }
        (*budget)--;
        rc = v->kind == REC_SINGLE ? single_free(t, off) : heap_tx_free(h, off);
        if (rc == 0)
            rc = tx_put64(h, link, older);
        if (rc)
            return rc;
    }
}

struct arrays { /* of one akey, from transaction to transaction */
    uint64_t cursor;
    uint64_t newest; /* of those that stay and are no holes */
    uint32_t rec_size;
};

static int exts_discard(struct vos_tx *t, uint64_t akey, const struct round *r, struct arrays *a,
                        bool *more)
{
    struct piece drop[DROP_MAX];
    uint32_t drop_nr = 0, seen = 0;
    uint64_t value, last = 0;
    struct walk w;
    int rc;

    walk_ext(&w, t->v->h, akey, a->cursor, false);
    while ((rc = walk_next(&w, &value)) == 0) {
        uint64_t start = w.ent[w.at - 1].order;
        struct piece p;
        uint16_t flags;

        *more = drop_nr == DROP_MAX || (seen >= WINDOW && start > last);
        if (*more && drop_nr < DROP_MAX)
            a->cursor = start;
        if (*more)
            break;
        rc = ext_piece(t->v->h, start, value, &p, &flags);
        if (rc)
            return rc;
        stays(r, p.w.epoch);
        if (in_range(r, p.w.epoch)) {
            drop[drop_nr++] = p;
        } else if (p.rec_size && p.w.epoch >= a->newest) {
            a->newest = p.w.epoch;
            a->rec_size = p.rec_size;
        }
        last = start;
        seen++;
    }
    rc = rc == -DER_NONEXIST ? 0 : rc;
    for (uint32_t i = 0; i < drop_nr && rc == 0; i++)
        rc = ext_remove(t, akey, &drop[i]);
    return rc;
}

/* One transaction. *more: again. */
static int akey_some(struct vos_tx *t, uint64_t dkey, daos_obj_id_t oid, uint64_t akey,
                     const struct round *r, struct arrays *a, bool *more)
{
    struct heap *h = t->v->h;
    uint32_t budget = BUDGET;
    struct akey_rec rec;
    bool left = false, values;
    uint64_t cut;
    int rc = akey_look(h, akey, &rec);

    *more = false;
    if (rc)
        return rc;
    if (rec.type == DAOS_IOD_ARRAY)
        rc = exts_discard(t, akey, r, a, more);
    else
        rc = list_discard(t, ROOT_OFF(akey), r, &budget, &values);
    if (rc == 0)
        rc = list_discard(t, LIFE_OFF(akey), r, &budget, &left);
    *more = *more || budget == 0;
    if (rc || *more)
        return rc;
    rc = akey_look(h, akey, &rec);
    if (rc)
        return rc;
    if (rec.values.word0 == 0 && rec.values.word1 == 0 && !left) {
        rc = life_mark_get(h, rec.life, &cut);
        return rc ? rc : akey_remove(t, dkey, akey_korder(oid), akey, cut);
    }
    if (rec.type == DAOS_IOD_ARRAY && a->rec_size)
        rc = akey_set_rec_size(t, akey, a->rec_size);
    return rc ? rc : akey_touch(t, akey, false);
}

static int akey_discard(struct vos_cont *c, uint64_t obj, uint64_t dkey, daos_obj_id_t oid,
                        uint64_t akey, const struct round *r)
{
    struct arrays a = {0};
    bool more = true;
    int rc = 0;

    (void)obj;
    while (rc == 0 && more) {
        struct vos_tx t;

        rc = round_begin(&t, c, PRUNE_REDO);
        if (rc == 0)
            rc = round_end(&t, akey_some(&t, dkey, oid, akey, r, &a, &more));
    }
    return rc;
}

/* An object's or dkey's record after its newest change is gone: `changed` is what is left, and that
 * is no punch, or may be none. */
static int restore(struct vos_tx *t, uint64_t off, const struct round *r, uint64_t newest)
{
    const struct dkey_rec *is = heap_ptr(t->v->h, off, 24);
    struct dkey_rec *d;
    uint64_t changed;

    if (is == NULL)
        return heap_rc(t->v->h);
    changed = in_range(r, is->changed) ? (newest ? newest : r->first - 1) : is->changed;
    if (changed == is->changed && !(is->flags & KEY_DEAD))
        return 0;
    d = heap_tx_write(t->v->h, off, 24);
    if (d == NULL)
        return heap_rc(t->v->h);
    d->changed = changed;
    d->flags &= (uint16_t)~KEY_DEAD;
    return 0;
}

/* The cut mark of an object's or dkey's record, which goes. */
static int mark_of(struct heap *h, uint64_t off, uint64_t *cut)
{
    const struct dkey_rec *r = heap_ptr(h, off, 24);

    return r ? life_mark_get(h, r->life, cut) : heap_rc(h);
}

/* The dkey itself, its akeys being done. */
static int dkey_end(struct vos_tx *t, uint64_t obj, uint64_t dkey, daos_obj_id_t oid,
                    const struct round *r)
{
    uint32_t budget = UINT32_MAX;
    uint64_t cut;
    bool left, empty;
    int rc = list_discard(t, dkey + offsetof(struct dkey_rec, life), r, &budget, &left);

    if (rc == 0)
        rc = dkey_is_empty(t, dkey, &empty);
    if (rc)
        return rc;
    if (empty && !left) {
        rc = mark_of(t->v->h, dkey, &cut);
        return rc ? rc : dkey_remove(t, obj, oid, dkey, cut);
    }
    rc = restore(t, dkey, r, *r->newest);
    return rc ? rc : trash_add(t, obj); /* what its history holds may not be needed any more */
}

static int dkey_discard(struct vos_cont *c, uint64_t obj, uint64_t dkey, daos_obj_id_t oid,
                        const struct round *of)
{
    struct round mine = *of, *r = &mine;
    uint64_t newest = 0;
    struct dkey_rec d;
    struct vos_tx t;
    bool packed;
    int rc = dkey_look(c->v->h, dkey, &d);

    mine.newest = &newest;
    if (rc || d.changed < r->first)
        return rc;
    packed = d.kind == REC_PACK;
    if (packed && !in_range(r, d.changed))
        return 0;
    if (!packed)
        rc = each_akey(c, obj, dkey, oid, r, akey_discard);
    if (rc == 0)
        rc = round_begin(&t, c, PRUNE_REDO);
    if (rc)
        return rc;
    return round_end(&t,
                     packed ? dkey_remove(&t, obj, oid, dkey, 0) : dkey_end(&t, obj, dkey, oid, r));
}

#define LOOK_MAX 1000u /* dkeys that are looked through for the newest change of their object */

/* *r->newest stays 0 if there are too many. */
static int newest_dkey(struct heap *h, uint64_t obj, daos_obj_id_t oid, const struct round *r)
{
    struct walk w;
    uint64_t dkey, nr;
    int rc = tree_count(h, obj + offsetof(struct obj_rec, dkeys), &nr);

    if (rc || nr > LOOK_MAX) {
        *r->newest = 0;
        return rc;
    }
    walk_init(&w, h, &dkey_class, obj + offsetof(struct obj_rec, dkeys), dkey_korder(oid));
    while ((rc = walk_next(&w, &dkey)) == 0) {
        struct dkey_rec d;

        rc = dkey_look(h, dkey, &d);
        if (rc)
            return rc;
        stays(r, d.changed);
    }
    return rc == -DER_NONEXIST ? 0 : rc;
}

static int obj_discard(struct vos_cont *c, uint64_t obj, const struct round *of)
{
    struct round mine = *of, *r = &mine;
    struct heap *h = c->v->h;
    uint64_t newest = 0;
    daos_obj_id_t oid;
    uint32_t budget = UINT32_MAX;
    const struct obj_rec *o;
    struct vos_tx t;
    uint64_t cut;
    bool left;
    int rc = 0;

    o = REC(h, obj, obj_rec, REC_OBJ, &rc);
    mine.newest = &newest;
    if (o == NULL || o->changed < r->first)
        return rc;
    oid = (daos_obj_id_t){.hi = o->oid_hi, .lo = o->oid_lo};
    rc = round_begin(&t, c, PRUNE_REDO);
    if (rc)
        return rc;
    rc = list_discard(&t, obj + offsetof(struct obj_rec, life), r, &budget, &left);
    if (rc == 0)
        rc = newest_dkey(h, obj, oid, r);
    if (rc == 0)
        rc = restore(&t, obj, r, newest);
    o = rc == 0 ? REC(h, obj, obj_rec, REC_OBJ, &rc) : NULL;
    if (o && o->dkeys.word0 == 0 && o->dkeys.word1 == 0 && !left) {
        rc = mark_of(h, obj, &cut);
        if (rc == 0)
            rc = obj_remove(&t, obj, cut);
    }
    return round_end(&t, rc);
}

/* Adds a range to those that the container remembers, or lengthens the newest. */
static int remember(struct vos_tx *t, struct epochs range, struct epochs ring[DISCARDS])
{
    struct vos_cont *c = t->c;
    struct epochs *w;

    memcpy(ring, c->discarded, sizeof c->discarded);
    if (ring[0].first != range.first) {
        memmove(ring + 1, ring, (DISCARDS - 1) * sizeof *ring);
        ring[0] = range;
    }
    ring[0].last = MAX(ring[0].last, range.last);
    w = heap_tx_write(c->v->h, c->off + offsetof(struct cont_rec, discarded),
                      DISCARDS * sizeof *ring);
    if (w == NULL)
        return heap_rc(c->v->h);
    memcpy(w, ring, DISCARDS * sizeof *ring);
    return 0;
}

/* Stores that a rollback to an epoch is under way (0: none is), and what is being discarded. */
static int store(struct vos_cont *c, uint64_t rollback, uint64_t first, uint64_t last,
                 const struct vos_txid *txid)
{
    struct epochs ring[DISCARDS];
    uint64_t lsn;
    struct vos_tx t;
    int rc = round_begin(&t, c, TREE_REDO_MAX + 4 * REDO_REC);

    if (rc)
        return rc;
    rc = vos_note_format(&t, VOS_FORMAT_PACKED);
    if (rc == 0)
        rc = tx_put64(c->v->h, c->off + offsetof(struct cont_rec, rollback), rollback);
    if (rc == 0)
        rc = remember(&t, (struct epochs){first, MIN(last, t.w.epoch)}, ring);
    if (rc == 0 && txid)
        rc = session_record(&t, txid, 0);
    if (rc == 0)
        rc = vos_ceiling_raise(&t, t.w.epoch);
    if (rc == 0)
        rc = vos_tx_commit(&t, &lsn);
    if (rc) {
        vos_tx_abort(&t);
        return rc;
    }
    memcpy(c->discarded, ring, sizeof ring);
    c->rollback = rollback;
    c->rollback_lsn = c->pend_any = lsn;
    return 0;
}

bool was_discarded(const struct vos_cont *c, uint64_t epoch)
{
    for (uint32_t i = 0; i < DISCARDS; i++)
        if (c->discarded[i].last && epoch >= c->discarded[i].first && epoch <= c->discarded[i].last)
            return true;
    return false;
}

int vos_discard(struct vos_cont *c, daos_epoch_t first, daos_epoch_t last, struct vos_anchor *where,
                bool *more)
{
    struct round r = {.first = first, .last = last, .dkey = dkey_discard, .obj = obj_discard};
    bool done = where->eof;
    int rc;

    if (c->gone)
        return -DER_NO_HDL;
    if (first == 0 || last < first)
        return -DER_INVAL;
    rc = doubt_between(c, first, last);
    if (rc == 0 && !done && !round_started(where))
        rc = store(c, c->rollback, first, last, NULL);
    if (rc == 0 && !done)
        rc = round_step(c, offsetof(struct cont_rec, objects), &r, where, &done);
    if (rc)
        return rc;
    where->eof = done;
    *more = !done;
    return 0;
}

/* ---- Rollback ---- */

static int may_roll_back(const struct vos_cont *c, uint64_t epoch)
{
    if (c->gone)
        return -DER_NO_HDL;
    if (c->rollback)
        return c->rollback == epoch ? 0 : -DER_AGAIN;
    if (!snap_is(c, epoch))
        return -DER_NONEXIST;
    if (c->doubt_nr) /* older ones too: what the snapshot holds is not known yet */
        return doubt_between(c, 0, UINT64_MAX);
    if (c->snaps[c->snap_nr - 1] != epoch || (c->hold_nr && c->holds[c->hold_nr - 1] > epoch))
        return -DER_BUSY;
    return 0;
}

int vos_rollback(struct vos_cont *c, daos_epoch_t epoch, const struct vos_txid *txid, uint64_t *lsn,
                 bool *replayed)
{
    bool anew = c->rollback == 0;
    uint64_t was;
    int rc;

    *replayed = false;
    rc = c->gone ? -DER_NO_HDL : vos_txid_check(c->v, txid, replayed, &was);
    *lsn = heap_lsn(c->v->h);
    if (rc == 0 && !*replayed)
        rc = may_roll_back(c, epoch);
    if (rc || *replayed)
        return rc;
    /* One that is under way already too: a copy of this request must not begin another later. */
    rc = store(c, epoch, epoch + 1, UINT64_MAX, txid);
    if (rc)
        return rc;
    *lsn = c->rollback_lsn;
    if (anew)
        memset(&c->rollback_at, 0, sizeof c->rollback_at);
    c->v->garbage = true;
    return 0;
}

bool vos_rollback_pending(const struct vos_cont *c)
{
    return c->rollback != 0;
}

int vos_rollback_step(struct vos_cont *c, bool *more)
{
    int rc = 0;

    *more = c->rollback != 0 && !c->gone;
    if (*more)
        rc = vos_discard(c, c->rollback + 1, UINT64_MAX, &c->rollback_at, more);
    else
        return 0;
    if (rc == 0 && !*more)
        rc = store(c, 0, c->rollback + 1, UINT64_MAX, NULL);
    return rc;
}
