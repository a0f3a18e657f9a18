/*
 * Giving back room in the background, in bounded steps, each a transaction of its own that leaves
 * everything readable as it was.
 *
 *   vos_reclaim()    arrays in which a long extent may be covered (cover.c), containers that were
 *                    destroyed, objects in the trash (punched, too large to go at once), idle
 *                    sessions; before the trash what a rollback discards (discard.c)
 *   vos_aggregate()  every object: versions that newer ones cover below the floor, keys that show
 *                    nothing to anybody
 *
 * The unit of work is a dkey: its akeys are pruned, then the empty ones are taken out, then the
 * dkey, then the object.
 */
#include "vos/priv.h"

/* How long a dead record stays that an anchor may need to find its place: long keys, and empty
 * objects whose mark says that names went. */
#define LINGER_HLC (UINT64_C(3600) * 1000000000 * 16)

struct agg_place { /* in an anchor */
    uint8_t started, in_obj, pad[6];
    uint64_t oid_hi, oid_lo;
    struct pos pos; /* of the last dkey done */
};
_Static_assert(sizeof(struct agg_place) == sizeof(((struct vos_anchor *)0)->bytes), "anchor");

int round_begin(struct vos_tx *t, struct vos_cont *c, size_t redo)
{
    int rc = vos_tx_begin(t, c, redo);

    if (rc == 0)
        heap_tx_use_reserve(c->v->h, HEAP_RESERVE_LAST);
    t->w = (struct when){hlc_peek(c->v->clock), 0};
    t->floor = vos_keep_floor(c);
    t->replay = false;
    return rc; /* nothing here is newer than the clock */
}

int round_end(struct vos_tx *t, int rc)
{
    if (rc == 0)
        rc = vos_tx_commit(t, NULL);
    if (rc)
        vos_tx_abort(t);
    return rc;
}

/* ---- Pruning a dkey ---- */

static int life_head(struct heap *h, uint64_t off, uint64_t *life)
{
    const uint64_t *p = heap_ptr(h, off + offsetof(struct dkey_rec, life), sizeof *p);

    *life = p ? *p : 0;
    return p ? 0 : heap_rc(h);
}

/* Newest punch at this record, not above upto, or what was found above it. */
static int hide_at(struct heap *h, uint64_t off, uint64_t upto, struct when *hide)
{
    struct when w;
    uint64_t life;
    int rc = life_head(h, off, &life);

    while (rc == 0 && life) {
        const struct ver *r = heap_ptr(h, life, sizeof *r);

        if (r == NULL)
            return heap_rc(h);
        w = (struct when){r->epoch, r->minor};
        if (r->kind == REC_PUNCH && w.epoch <= upto) {
            if (when_cmp(w, *hide) > 0)
                *hide = w;
            return 0;
        }
        life = r->older;
    }
    return rc;
}

/* The punch that hides what is about to go remembers that it went. */
static int cut_punch(struct vos_tx *t, uint64_t off, struct when hide)
{
    struct heap *h = t->v->h;
    uint64_t life;
    int rc = life_head(h, off, &life);

    while (rc == 0 && life) {
        const struct ver *r = heap_ptr(h, life, sizeof *r);

        if (r == NULL)
            return heap_rc(h);
        if (r->kind == REC_PUNCH && r->epoch == hide.epoch && r->minor == hide.minor &&
            !(r->flags & VER_CUT)) {
            uint16_t *f = heap_tx_write(h, life + offsetof(struct ver, flags), sizeof *f);

            if (f == NULL)
                return heap_rc(h);
            *f |= VER_CUT;
            return 0;
        }
        life = r->older;
    }
    return rc;
}

/* Older punches of a record that newer ones make superfluous. */
static int life_prune(struct vos_tx *t, uint64_t off, uint64_t upto)
{
    struct heap *h = t->v->h;
    uint64_t link = off + offsetof(struct dkey_rec, life), newer = 0, newer_epoch = 0, at;
    int rc = life_head(h, off, &at);

    while (rc == 0 && at) {
        const struct ver *r = heap_ptr(h, at, sizeof *r);
        uint64_t older;

        if (r == NULL)
            return heap_rc(h);
        older = r->older;
        if (r->kind == REC_PUNCH && newer && newer_epoch <= upto &&
            !snap_between(t->c, r->epoch, newer_epoch)) {
            uint16_t *f = heap_tx_write(h, newer + offsetof(struct ver, flags), sizeof *f);

            if (f == NULL)
                return heap_rc(h);
            *f |= VER_CUT;
            rc = tx_put64(h, link, older);
            if (rc == 0)
                rc = heap_tx_free(h, at);
        } else {
            if (r->kind == REC_PUNCH) {
                newer = at;
                newer_epoch = r->epoch;
            }
            link = at + offsetof(struct ver, older);
        }
        at = older;
    }
    return rc;
}

/* What the parent of an empty object or dkey must remember: the newest epoch it knows of. */
static int last_event(struct heap *h, uint64_t off, uint64_t *epoch)
{
    const struct dkey_rec *r = heap_ptr(h, off, sizeof *r);
    uint64_t life, mark;
    int rc;

    if (r == NULL)
        return heap_rc(h);
    *epoch = r->changed;
    life = r->life;
    rc = life_mark_get(h, life, &mark);
    *epoch = MAX(*epoch, mark);
    return rc;
}

static int akey_empty(struct heap *h, uint64_t akey, bool *empty)
{
    int rc = 0;
    const struct akey_rec *a = REC(h, akey, akey_rec, REC_AKEY, &rc);

    *empty = a && a->values.word0 == 0 && a->values.word1 == 0;
    return rc;
}

/* An empty record that says that something was lost is not given back. */
static int not_in_doubt(struct heap *h, uint64_t off, struct when hide, bool *empty)
{
    bool doubt = false;
    uint64_t life;
    int rc = life_head(h, off, &life);

    if (rc == 0)
        rc = life_in_doubt(h, life, hide, &doubt);
    *empty = *empty && !doubt;
    return rc;
}

/* May a record whose key may be in an anchor, and that died at epoch, go? */
static bool may_go(struct vos_tx *t, enum korder ko, uint32_t key_len, uint64_t epoch)
{
    return !pos_needs(ko, key_len) || epoch + LINGER_HLC < t->w.epoch;
}

/* One transaction for one akey; *more: call again. */
static int prune_some(struct vos_cont *c, uint64_t obj, uint64_t dkey, daos_obj_id_t oid,
                      uint64_t akey, uint64_t upto, uint64_t *cursor, bool *more)
{
    struct heap *h = c->v->h;
    struct vos_tx t;
    struct when hide = {0, 0};
    const struct akey_rec *a;
    uint64_t last;
    bool empty = false;
    int rc = round_begin(&t, c, PRUNE_REDO);

    *more = false;
    if (rc)
        return rc;
    upto = MIN(upto, t.floor);
    rc = hide_at(h, obj, upto, &hide);
    if (rc == 0)
        rc = hide_at(h, dkey, upto, &hide);
    if (rc == 0)
        rc = hide_at(h, akey, upto, &hide);
    if (rc == 0 && hide.epoch) {
        rc = cut_punch(&t, obj, hide);
        if (rc == 0)
            rc = cut_punch(&t, dkey, hide);
        if (rc == 0)
            rc = cut_punch(&t, akey, hide);
    }
    if (rc == 0)
        rc = life_prune(&t, akey, upto);
    if (rc)
        return round_end(&t, rc);
    a = REC(h, akey, akey_rec, REC_AKEY, &rc);
    if (a == NULL)
        return round_end(&t, rc);
    if (a->type == DAOS_IOD_SINGLE)
        rc = single_prune(&t, akey, hide, upto);
    else
        rc = array_prune(&t, akey, hide, upto, cursor, more);
    if (rc == 0)
        rc = akey_empty(h, akey, &empty);
    if (rc == 0 && empty)
        rc = not_in_doubt(h, akey, hide, &empty);
    if (rc == 0 && empty && !*more) {
        struct vos_key name;
        uint8_t type;

        rc = last_event(h, dkey, &last); /* an akey has none of its own */
        if (rc == 0)
            rc = akey_name(h, akey, &name, &type);
        if (rc == 0 && last <= upto && may_go(&t, akey_korder(oid), name.len, last))
            rc = akey_remove(&t, dkey, akey_korder(oid), akey, last);
    }
    return round_end(&t, rc);
}

/* A packed dkey has one version, which only a punch of the object can hide. One whose names must
 * stay for a while is unpacked, so that its value need not: *packed is then false and *dkey
 * another.
 */
static int prune_packed(struct vos_cont *c, uint64_t obj, uint64_t *dkey, daos_obj_id_t oid,
                        uint64_t upto, bool *packed)
{
    struct heap *h = c->v->h;
    struct when hide = {0, 0};
    struct pack p;
    struct vos_tx t;
    uint64_t life;
    int rc = life_head(h, obj, &life);

    if (rc || life == 0)
        return rc;
    rc = round_begin(&t, c, PRUNE_REDO);
    if (rc)
        return rc;
    upto = MIN(upto, t.floor);
    rc = hide_at(h, obj, upto, &hide);
    if (rc == 0)
        rc = pack_get(h, *dkey, &p);
    if (rc || hide.epoch == 0 || when_cmp(p.w, hide) > 0 ||
        (snap_between(c, p.w.epoch, hide.epoch) && !MUTANT(PRUNE_IGNORES_SNAP)))
        return round_end(&t, rc);
    *packed = may_go(&t, dkey_korder(oid), p.dkey.len, p.w.epoch) &&
              may_go(&t, akey_korder(oid), p.akey.len, p.w.epoch);
    if (!*packed)
        return round_end(&t, dkey_plain(&t, obj, oid, dkey));
    rc = cut_punch(&t, obj, hide);
    if (rc == 0)
        rc = dkey_remove(&t, obj, oid, *dkey, p.w.epoch);
    return round_end(&t, rc);
}

static int prune_akey(struct vos_cont *c, uint64_t obj, uint64_t dkey, daos_obj_id_t oid,
                      uint64_t akey, const struct round *r)
{
    uint64_t cursor = 0;
    bool more = true;
    int rc = 0;

    while (rc == 0 && more)
        rc = prune_some(c, obj, dkey, oid, akey, r->upto, &cursor, &more);
    return rc;
}

int reclaim_akey(struct vos_cont *c, uint64_t obj, uint64_t dkey, daos_obj_id_t oid, uint64_t akey)
{
    const struct round r = {.upto = DAOS_EPOCH_MAX - 1};

    return prune_akey(c, obj, dkey, oid, akey, &r);
}

int each_akey(struct vos_cont *c, uint64_t obj, uint64_t dkey, daos_obj_id_t oid,
              const struct round *r,
              int (*fn)(struct vos_cont *c, uint64_t obj, uint64_t dkey, daos_obj_id_t oid,
                        uint64_t akey, const struct round *r))
{
    struct heap *h = c->v->h;
    struct pos at = {0};
    int rc;

    for (;;) {
        struct akey_id room;
        struct vos_key name;
        struct walk w;
        uint64_t akey;
        uint8_t type;

        rc = pos_walk(&at, &w, h, &akey_class, dkey + offsetof(struct dkey_rec, akeys),
                      akey_korder(oid), &room);
        if (rc == 0)
            rc = walk_next(&w, &akey);
        if (rc == -DER_NONEXIST)
            return 0;
        if (rc == 0)
            rc = akey_name(h, akey, &name, &type);
        if (rc)
            return rc;
        pos_set(&at, akey_korder(oid), &name, type);
        at.order = w.ent[w.at - 1].order; /* not a damaged key's, which might lead back */
        rc = fn(c, obj, dkey, oid, akey, r);
        if (rc)
            return rc;
    }
}

static int prune_dkey(struct vos_cont *c, uint64_t obj, uint64_t dkey, daos_obj_id_t oid,
                      const struct round *r)
{
    struct heap *h = c->v->h;
    struct when hide = {0, 0};
    struct vos_tx t;
    uint64_t last, upto;
    bool empty = false, packed;
    int rc = pack_is(h, dkey, &packed);

    if (rc == 0 && packed)
        rc = prune_packed(c, obj, &dkey, oid, r->upto, &packed);
    if (rc || packed)
        return rc;
    rc = each_akey(c, obj, dkey, oid, r, prune_akey);
    if (rc)
        return rc;
    rc = round_begin(&t, c, PRUNE_REDO);
    if (rc)
        return rc;
    upto = MIN(r->upto, t.floor);
    rc = life_prune(&t, dkey, upto);
    if (rc == 0)
        rc = dkey_is_empty(&t, dkey, &empty);
    if (rc == 0 && empty)
        rc = hide_at(h, obj, upto, &hide);
    if (rc == 0 && empty)
        rc = not_in_doubt(h, dkey, hide, &empty);
    if (rc == 0 && empty) {
        struct vos_key name;

        rc = last_event(h, dkey, &last);
        if (rc == 0)
            rc = dkey_name(h, dkey, &name);
        if (rc == 0 && last <= upto && may_go(&t, dkey_korder(oid), name.len, last))
            rc = dkey_remove(&t, obj, oid, dkey, last);
    }
    return round_end(&t, rc);
}

/* An object whose dkeys are all done: goes if it is empty, and if its mark is old enough that
 * nobody asks what changed. */
static int finish_obj(struct vos_cont *c, uint64_t obj, const struct round *r)
{
    struct heap *h = c->v->h;
    const struct obj_rec *o;
    struct vos_tx t;
    uint64_t last, upto;
    bool empty;
    int rc = round_begin(&t, c, PRUNE_REDO);

    if (rc)
        return rc;
    upto = MIN(r->upto, t.floor);
    rc = life_prune(&t, obj, upto);
    if (rc == 0)
        rc = last_event(h, obj, &last);
    if (rc)
        return round_end(&t, rc);
    o = REC(h, obj, obj_rec, REC_OBJ, &rc);
    if (o == NULL)
        return round_end(&t, rc);
    empty = o->dkeys.word0 == 0 && o->dkeys.word1 == 0;
    rc = empty ? not_in_doubt(h, obj, (struct when){0, 0}, &empty) : 0;
    if (rc)
        return round_end(&t, rc);
    if (empty) {
        /* punched as a whole: nobody can have seen names in it since */
        if (last <= upto && ((o->flags & KEY_DEAD) || last + LINGER_HLC < t.w.epoch))
            rc = obj_remove(&t, obj, last);
    } else if ((o->flags & KEY_TRASH) && c->snap_nr == 0 && c->hold_nr == 0) {
        rc = trash_take(&t, obj); /* nothing more to do here */
    }
    return round_end(&t, rc);
}

/* One dkey from *p on. *done: the end was reached. */
static int step(struct vos_cont *c, size_t root_at, const struct round *r, struct agg_place *p,
                bool *done)
{
    struct heap *h = c->v->h;
    uint64_t id[2] = {p->oid_hi, p->oid_lo}, order, obj, dkey;
    struct tree_key k = {.order = mix128(id[0], id[1]), .key = id, .len = sizeof id};
    const struct obj_rec *o;
    struct akey_id room;
    struct vos_key name;
    daos_obj_id_t oid;
    struct walk w;
    int rc;

    *done = false;
    arena_reset(&c->v->scratch);
    rc = tree_seek(h, &obj_class, c->off + root_at,
                   !p->started ? TREE_FIRST
                   : p->in_obj ? TREE_GE
                               : TREE_GT,
                   p->started ? &k : NULL, &order, &obj);
    if (rc == -DER_NONEXIST) {
        *done = true;
        return 0;
    }
    if (rc)
        return rc;
    o = REC(h, obj, obj_rec, REC_OBJ, &rc);
    if (o == NULL)
        return rc;
    oid = (daos_obj_id_t){.hi = o->oid_hi, .lo = o->oid_lo};
    if (mix128(oid.hi, oid.lo) != order)
        return -DER_CSUM;
    if (!p->started || !p->in_obj || oid.hi != p->oid_hi || oid.lo != p->oid_lo)
        *p = (struct agg_place){.started = 1, .in_obj = 1, .oid_hi = oid.hi, .oid_lo = oid.lo};
    if (r->spares &&
        doubt_of_obj(c, oid, NULL)) { /* what is prepared counts on the records that it found */
        p->in_obj = 0;
        return 0;
    }
    rc = pos_walk(&p->pos, &w, h, &dkey_class, obj + offsetof(struct obj_rec, dkeys),
                  dkey_korder(oid), &room);
    if (rc == 0)
        rc = walk_next(&w, &dkey);
    if (rc == -DER_NONEXIST) {
        rc = r->obj(c, obj, r);
        if (rc == 0)
            p->in_obj = 0;
        return rc;
    }
    if (rc == 0)
        rc = dkey_name(h, dkey, &name);
    if (rc == 0) {
        struct pos at;

        pos_set(&at, dkey_korder(oid), &name, 0);
        at.order = w.ent[w.at - 1].order;
        rc = r->dkey(c, obj, dkey, oid, r);
        if (rc == 0)
            p->pos = at;
    }
    return rc;
}

bool round_started(const struct vos_anchor *where)
{
    struct agg_place p;

    memcpy(&p, where->bytes, sizeof p);
    return p.started;
}

int round_step(struct vos_cont *c, size_t root_at, const struct round *r, struct vos_anchor *where,
               bool *done)
{
    struct agg_place p;
    int rc;

    memcpy(&p, where->bytes, sizeof p);
    rc = step(c, root_at, r, &p, done);
    memcpy(where->bytes, &p, sizeof p); /* after an error too: what is in the way is known */
    return rc;
}

/* After an error: goes on behind the object that it was in. True: it was in none. */
static bool round_pass(struct vos_anchor *where)
{
    struct agg_place p;
    bool none;

    memcpy(&p, where->bytes, sizeof p);
    none = !p.in_obj;
    p.in_obj = 0;
    memcpy(where->bytes, &p, sizeof p);
    return none;
}

/* ---- The calls ---- */

int vos_aggregate(struct vos_cont *c, daos_epoch_t upto, struct vos_anchor *where, bool *more)
{
    struct round r = {.upto = upto ? upto : DAOS_EPOCH_MAX - 1,
                      .spares = true,
                      .dkey = prune_dkey,
                      .obj = finish_obj};
    bool done = where->eof;
    int rc;

    if (c->gone)
        return -DER_NONEXIST;
    if (c->rollback)
        return -DER_AGAIN;
    rc = done ? 0 : round_step(c, offsetof(struct cont_rec, objects), &r, where, &done);
    if (rc)
        return rc;
    where->eof = done;
    *more = !done;
    return 0;
}

bool vos_reclaim_due(struct vos *v)
{
    bool due = v->garbage;

    v->garbage = false;
    return due;
}

/* What lies on a page that cannot be had stays; everything else is given back as ever. What the
 * device could not read it may read the next time: the end of the round says so (*rc). */
static bool pass_damage(struct vos *v, int *rc)
{
    if (*rc != -DER_CSUM && *rc != -DER_IO)
        return false;
    if (*rc == -DER_IO)
        v->reclaim_unread = true;
    *rc = 0;
    return true;
}

int vos_reclaim(struct vos *v, bool *more)
{
    struct list *l, *tmp;
    int rc;

    if (v->cover_due_nr > 0) {
        rc = cover_step(v);
        pass_damage(v, &rc);
        *more = true;
        return rc;
    }
    LIST_FOREACH_SAFE(l, tmp, &v->conts)
    {
        struct vos_cont *c = LIST_ENTRY(l, struct vos_cont, link);
        struct round r = {
            .upto = DAOS_EPOCH_MAX - 1, .spares = true, .dkey = prune_dkey, .obj = finish_obj};
        bool done = true, passed;

        if (c->rollback && !c->gone) {
            *more = true;
            return vos_rollback_step(c, &done);
        }
        if (c->gone) {
            if (c->shredded || c->trash_done)
                continue;
            rc = shred_cont(c, &done);
            passed = pass_damage(v, &rc); /* the next round, or a repair, goes on here */
            done |= passed;
            if (rc == 0) {
                c->shredded = done && !passed;
                c->trash_done = done;
                *more = true;
            }
            return rc;
        }
        if (c->trash_done)
            continue;
        rc = round_step(c, offsetof(struct cont_rec, trash), &r, &c->trash_at, &done);
        if (pass_damage(v, &rc)) /* of this object, or of the way to the next one */
            done = round_pass(&c->trash_at);
        if (rc)
            return rc;
        c->trash_done = done;
        *more = true;
        return 0;
    }
    /* Sessions come last, and only their end ends the round: whoever misses a page here must come
     * back to here, not to the trash, which takes so long that the page is gone again. */
    rc = session_reclaim(v, more);
    pass_damage(v, &rc);
    if (rc || *more)
        return rc;
    LIST_FOREACH(l, &v->conts)
    {
        struct vos_cont *c = LIST_ENTRY(l, struct vos_cont, link);

        c->trash_done = false;
        memset(&c->trash_at, 0, sizeof c->trash_at);
    }
    rc = v->reclaim_unread ? -DER_IO : 0;
    v->reclaim_unread = false;
    return rc;
}
