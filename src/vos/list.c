/*
 * Enumeration. An anchor is the key that was reported last, so what is inserted or removed
 * meanwhile does not matter: the walk goes on behind it.
 *
 * A key longer than POS_KEY is remembered by its first bytes, its length and a hash: the walk
 * starts at the first key with that beginning and skips up to the one that matches. If that very
 * key has been given back meanwhile, the keys with the same beginning are reported again, which is
 * why records of such byte-ordered keys are only given back by vos_reclaim(), an hour after they
 * died (pos_needs()).
 *
 * A call looks at LIST_STEPS entries at most. A page that is missing ends it early if there was any
 * progress.
 */
#include "vos/priv.h"

#define LIST_STEPS 256u

struct place {
    uint8_t what, pad[7];
    uint64_t oid_hi, oid_lo; /* VOS_OBJ: last reported */
    struct pos pos;          /* VOS_DKEY, VOS_AKEY; VOS_RECX: order = next index */
};
_Static_assert(sizeof(struct place) == sizeof(((struct vos_anchor *)0)->bytes), "anchor");

void pos_set(struct pos *p, enum korder ko, const struct vos_key *key, uint8_t type)
{
    memset(p, 0, sizeof *p);
    p->started = 1;
    p->type = type;
    p->key_len = (uint16_t)key->len;
    p->order = key_order(ko, key->buf, key->len);
    p->hash = hash_bytes(key->buf, key->len);
    memcpy(p->key, key->buf, MIN(key->len, POS_KEY));
}

static int same_key(const struct pos *p, const struct vos_key *key, uint8_t type)
{
    return key->len == p->key_len && type == p->type && hash_bytes(key->buf, key->len) == p->hash;
}

/* Looks for the long key of the place among those with its beginning; *found: the walk stands
 * behind it. */
static int skip_to(const struct pos *p, struct walk *w, bool *found)
{
    *found = false;
    for (;;) {
        struct vos_key key;
        uint64_t off;
        uint8_t type = 0;
        int rc = walk_next(w, &off);

        if (rc)
            return rc == -DER_NONEXIST ? 0 : rc;
        rc = w->cls == &akey_class ? akey_name(w->h, off, &key, &type) : dkey_name(w->h, off, &key);
        if (rc)
            return rc;
        if (key.len < POS_KEY || memcmp(key.buf, p->key, POS_KEY) != 0)
            return 0;
        if (same_key(p, &key, type)) {
            *found = true;
            return 0;
        }
    }
}

int pos_walk(const struct pos *p, struct walk *w, struct heap *h, const struct tree_class *cls,
             uint64_t root, enum korder ko, struct akey_id *room)
{
    bool is_long = p->key_len > POS_KEY, found;

    walk_init(w, h, cls, root, ko);
    if (!p->started)
        return 0;
    w->placed = true;
    w->how = is_long ? TREE_GE : TREE_GT;
    room->buf = p->key;
    room->len = MIN(p->key_len, POS_KEY);
    room->type = is_long ? 0 : p->type;
    w->key = (struct tree_key){.order = p->order,
                               .key = cls == &akey_class ? (const void *)room : p->key,
                               .len = room->len};
    if (is_long) {
        struct walk from = *w;
        int rc = skip_to(p, w, &found);

        if (rc)
            return rc;
        if (!found)
            *w = from;
    }
    return 0;
}

/* ---- One entry ---- */

struct stop {
    vos_emit_fn emit;
    void *arg;
    bool stopped;
};

struct listing {
    struct vos_cont *c;
    struct view v; /* of the level whose children are listed */
    daos_obj_id_t oid;
    vos_emit_fn emit;
    void *arg;
    uint64_t changed;           /* of the dkey whose akeys are listed */
    const struct vos_key *with; /* dkeys: the akey whose values are told too */
    uint64_t order;             /* of the entry under way, in its tree */
    bool moved;                 /* an entry is done with: */
    struct vos_key last;        /* its key, in the heap */
    uint64_t last_order;
    uint8_t last_type;
};

static void done_with(struct listing *l, const struct vos_key *key, uint8_t type)
{
    l->moved = true;
    l->last = *key;
    l->last_order = l->order;
    l->last_type = type;
}

static int one_obj(struct listing *l, uint64_t off, struct place *pl)
{
    int rc = 0;
    const struct obj_rec *r = REC(l->c->v->h, off, obj_rec, REC_OBJ, &rc);
    struct vos_entry e = {0};
    bool yes, nameless;

    if (r == NULL)
        return rc;
    nameless = r->flags & KEY_LOST;
    e.oid = (daos_obj_id_t){.hi = r->oid_hi, .lo = r->oid_lo};
    e.epoch = MIN(r->changed, l->v.epoch);
    rc = obj_visible(&l->v, off, e.oid, &yes, NULL);
    if (rc == 0 && yes && !nameless)
        rc = l->emit(l->arg, &e);
    if (rc == 0) {
        pl->pos.started = 1;
        pl->oid_hi = e.oid.hi;
        pl->oid_lo = e.oid.lo;
    }
    return rc;
}

/* The value that is in the heap, and sound. */
static int inline_value(struct listing *l, const struct pack *p, struct vos_entry *e)
{
    struct heap *h = l->c->v->h;
    const uint8_t *rec, *bytes;
    struct layout lay;
    int rc;

    if (p->type != DAOS_IOD_SINGLE || p->akey.len != l->with->len ||
        memcmp(p->akey.buf, l->with->buf, p->akey.len) != 0)
        return 0;
    rc = pack_single(h, p, &lay, &rec);
    if (rc == 0 && (lay.flags & VER_DATA))
        return 0;
    if (rc == 0)
        rc = layout_bytes(h, &lay, rec, true, &bytes);
    if (rc == -DER_CSUM) /* the fetch says so */
        return 0;
    if (rc == 0) {
        e->value = bytes;
        e->value_len = lay.bytes;
    }
    return rc;
}

/* A packed dkey whose version the reader sees, as most are: *done; otherwise one_dkey() goes
 * through all the levels. */
static int one_packed(struct listing *l, uint64_t off, struct vos_entry *e, bool *done)
{
    struct pack p;
    bool packed;
    int rc = pack_try(l->c->v->h, off, &p, &packed);

    *done = rc == 0 && packed && view_sees(&l->v, p.w);
    if (!*done)
        return rc;
    e->key = p.dkey;
    e->epoch = p.w.epoch;
    if (l->with != NULL)
        rc = inline_value(l, &p, e);
    return rc ? rc : l->emit(l->arg, e);
}

static int one_dkey(struct listing *l, uint64_t off, struct place *pl)
{
    struct heap *h = l->c->v->h;
    struct vos_entry e = {.oid = l->oid};
    struct dkey_rec r;
    bool yes, done;
    int rc = one_packed(l, off, &e, &done);

    (void)pl;
    if (rc == 0 && !done) {
        rc = dkey_look(h, off, &r);
        if (rc == 0)
            rc = dkey_visible(&l->v, off, l->oid, &yes, NULL);
        if (rc == 0)
            rc = dkey_name(h, off, &e.key);
        e.epoch = MIN(r.changed, l->v.epoch);
        if (rc == 0 && yes)
            rc = l->emit(l->arg, &e);
    }
    if (rc == 0 || (MUTANT(LIST_SKIPS_AT_STOP) && ((struct stop *)l->arg)->stopped))
        done_with(l, &e.key, 0);
    return rc;
}

static int one_akey(struct listing *l, uint64_t off, struct place *pl)
{
    struct heap *h = l->c->v->h;
    struct vos_entry e = {.oid = l->oid};
    struct akey_rec r;
    uint8_t type;
    bool yes;
    int rc = akey_look(h, off, &r);

    if (rc)
        return rc;
    e.epoch = MIN(l->changed, l->v.epoch);
    e.type = r.type;
    rc = akey_visible(&l->v, off, &yes, NULL);
    if (rc == 0)
        rc = akey_name(h, off, &e.key, &type);
    if (rc == 0 && yes)
        rc = l->emit(l->arg, &e);
    (void)pl;
    if (rc == 0)
        done_with(l, &e.key, type);
    return rc;
}

/* Of objects the place is made of the record's key. A damaged one has another order in its tree,
 * from where the list might lead back. */
static int keep_going(const struct walk *w, const struct place *pl)
{
    if (w->cls == &obj_class && mix128(pl->oid_hi, pl->oid_lo) != w->ent[w->at - 1].order)
        return -DER_CSUM;
    return 0;
}

/* Walks on until the end, LIST_STEPS, a stop, or a missing page. A page that is missing matters
 * only if nothing was done yet. */
static int walk_on(struct listing *l, struct walk *w,
                   int (*one)(struct listing *, uint64_t, struct place *), struct place *pl,
                   bool *eof)
{
    for (uint32_t n = 0; n < LIST_STEPS; n++) {
        uint64_t off;
        int rc = walk_next(w, &off);

        if (rc == -DER_NONEXIST) {
            *eof = true;
            return 0;
        }
        if (rc == 0) {
            if (l->c->v->scratch.used_bytes > 0)
                arena_reset(&l->c->v->scratch);
            l->order = w->ent[w->at - 1].order;
            rc = one(l, off, pl);
        }
        if (rc == 0)
            rc = keep_going(w, pl);
        if (rc == HEAP_FAULT && n > 0 && !((struct stop *)l->arg)->stopped) {
            heap_miss_clear(l->c->v->h);
            return 0;
        }
        if (rc)
            return rc;
    }
    return 0;
}

/* The place is that of the last key; its order is the tree's own, since that of a damaged record
 * might lead back. */
static int list_keys(struct listing *l, struct walk *w,
                     int (*one)(struct listing *, uint64_t, struct place *), struct place *pl,
                     bool *eof)
{
    int rc = walk_on(l, w, one, pl, eof);

    if (l->moved) {
        pos_set(&pl->pos, w->ko, &l->last, l->last_type);
        pl->pos.order = l->last_order;
    }
    return rc;
}

/* ---- Extents ---- */

static int list_single(struct listing *l, uint64_t akey, bool *eof)
{
    struct vos_entry e = {.oid = l->oid, .type = DAOS_IOD_SINGLE, .recx = {0, 1}};
    const uint8_t *rec;
    struct layout lay;
    struct when w;
    uint64_t off;
    int rc = single_find(&l->v, akey, &off, &w);

    if (rc == 0)
        rc = layout_single(l->c->v->h, off, &lay, &rec);
    if (rc)
        return rc == -DER_NONEXIST ? 0 : rc;
    e.rec_size = lay.bytes;
    e.epoch = w.epoch;
    *eof = true;
    rc = l->emit(l->arg, &e);
    if (rc == 1)
        *eof = false;
    return rc == 1 ? 0 : rc;
}

static int list_exts(struct listing *l, uint64_t akey, bool down, struct place *pl, bool *eof)
{
    uint64_t end = UINT64_C(1) << 63,
             pos = pl->pos.started ? pl->pos.order
                   : down          ? end
                                   : 0,
             reached;
    struct pieces out;
    int rc;

    if (pos == (down ? 0 : end)) {
        *eof = true;
        return 0;
    }
    rc = array_visible(&l->v, akey, down ? 0 : pos, down ? pos : end, down, LIST_STEPS,
                       &l->c->v->scratch, &out, &reached);
    if (rc)
        return rc;
    for (uint32_t i = 0; i < out.nr; i++) {
        const struct piece *p = &out.p[down ? out.nr - 1 - i : i];
        struct vos_entry e = {.oid = l->oid,
                              .type = DAOS_IOD_ARRAY,
                              .recx = {p->start, p->nr},
                              .rec_size = p->rec_size,
                              .epoch = p->w.epoch};

        rc = l->emit(l->arg, &e);
        if (rc < 0)
            return rc;
        pl->pos.started = 1;
        if (rc) {
            pl->pos.order = down ? p->start + p->nr : p->start;
            return 0;
        }
    }
    pl->pos.started = 1;
    pl->pos.order = reached;
    *eof = reached == (down ? 0 : end);
    return 0;
}

/* ---- The call ---- */

/* 1 (stop) of the caller's emit is told apart from HEAP_FAULT by a flag. */
static int emit_stop(void *arg, const struct vos_entry *e)
{
    struct stop *s = arg;
    int rc = s->emit(s->arg, e);

    if (rc == 1)
        s->stopped = true;
    return rc;
}

static int list_run(struct listing *l, enum vos_level what, const struct vos_key *dkey,
                    const struct vos_key *akey, bool down, struct place *pl, bool *eof)
{
    struct heap *h = l->c->v->h;
    uint64_t id[2] = {pl->oid_hi, pl->oid_lo}, obj, dk, ak;
    struct dkey_rec d;
    struct akey_rec a;
    struct akey_id room;
    struct walk w;
    int rc;

    if (what == VOS_OBJ) {
        rc = view_no_obj(&l->v);
        if (rc != -DER_NONEXIST && !l->c->lost) /* those that are there are worth a list */
            return rc;
        walk_init(&w, h, &obj_class, l->c->off + offsetof(struct cont_rec, objects), K_HASH);
        w.placed = pl->pos.started;
        w.how = TREE_GT;
        w.key = (struct tree_key){.order = mix128(id[0], id[1]), .key = id, .len = sizeof id};
        return list_keys(l, &w, one_obj, pl, eof);
    }
    rc = obj_find(l->c, l->oid, &obj);
    if (rc)
        return rc == -DER_NONEXIST ? view_no_obj(&l->v) : rc;
    rc = view_obj(&l->v, obj);
    if (rc)
        return rc;
    if (what == VOS_DKEY) {
        rc = view_absent(&l->v);
        if (rc != -DER_NONEXIST)
            return rc; /* a name may be missing */
        rc = pos_walk(&pl->pos, &w, h, &dkey_class, obj + offsetof(struct obj_rec, dkeys),
                      dkey_korder(l->oid), &room);
        w.ahead = true;
        return rc ? rc : list_keys(l, &w, one_dkey, pl, eof);
    }
    rc = dkey_find(h, obj, l->oid, dkey, &dk);
    if (rc)
        return rc == -DER_NONEXIST ? view_absent(&l->v) : rc;
    rc = dkey_look(h, dk, &d);
    if (rc)
        return rc;
    l->changed = d.changed;
    rc = view_life(&l->v, d.life);
    if (rc == 0 && what == VOS_AKEY) {
        rc = view_absent(&l->v);
        if (rc != -DER_NONEXIST)
            return rc;
        rc = pos_walk(&pl->pos, &w, h, &akey_class, dk + offsetof(struct dkey_rec, akeys),
                      akey_korder(l->oid), &room);
        return rc ? rc : list_keys(l, &w, one_akey, pl, eof);
    }
    for (uint8_t type = DAOS_IOD_SINGLE; rc == 0 && type <= DAOS_IOD_ARRAY; type++) {
        struct view above = l->v;
        bool yes;

        rc = akey_find(h, dk, l->oid, akey, type, &ak);
        if (rc == -DER_NONEXIST) {
            rc = 0;
            continue;
        }
        if (rc == 0)
            rc = akey_visible(&above, ak, &yes, NULL);
        if (rc)
            return rc;
        if (!yes)
            continue;
        rc = akey_look(h, ak, &a);
        if (rc == 0)
            rc = view_life(&l->v, a.life);
        if (rc)
            return rc;
        return type == DAOS_IOD_ARRAY ? list_exts(l, ak, down, pl, eof) : list_single(l, ak, eof);
    }
    return rc ? rc : view_absent(&l->v);
}

int vos_list(struct vos_cont *c, daos_epoch_t epoch, enum vos_level what, daos_obj_id_t oid,
             const struct vos_key *dkey, const struct vos_key *akey, bool down,
             struct vos_anchor *anchor, vos_emit_fn emit, void *arg, uint64_t *lsn)
{
    struct stop s = {emit, arg, false};
    struct listing l = {
        .c = c, .oid = oid, .emit = emit_stop, .arg = &s, .with = what == VOS_DKEY ? akey : NULL};
    struct site at;
    struct place pl;
    bool eof = false;
    int rc;

    if (c->gone) {
        *lsn = c->v->gone_lsn;
        return -DER_NO_HDL;
    }
    if (anchor->eof)
        return 0;
    memcpy(&pl, anchor->bytes, sizeof pl);
    if (pl.pos.started && pl.what != what)
        return -DER_INVAL;
    if (pl.pos.key_len > VOS_KEY_MAX)
        return -DER_INVAL;
    pl.what = (uint8_t)what;
    rc = what >= VOS_AKEY ? key_check(dkey_korder(oid), dkey) : 0;
    if (rc == 0 && (what == VOS_RECX || l.with))
        rc = key_check(akey_korder(oid), akey);
    if (rc)
        return rc;
    at = site_of(c, what == VOS_OBJ ? -1 : what == VOS_DKEY ? VOS_OBJ : VOS_DKEY, oid, dkey);
    rc = vos_read_begin(c, epoch, &at, lsn);
    if (rc)
        return rc;
    arena_reset(&c->v->scratch);
    view_init(&l.v, c, epoch);
    rc = list_run(&l, what, dkey, akey, down, &pl, &eof);
    if (s.stopped)
        rc = 0;
    if (rc == -DER_NONEXIST) {
        rc = 0;
        eof = true;
    }
    *lsn = vos_read_lsn(c->v, epoch, pend_seen(c, &at));
    if (MUTANT(LIST_NOT_AWAITED))
        *lsn = 0;
    if (rc)
        return rc;
    memcpy(anchor->bytes, &pl, sizeof pl);
    anchor->eof = eof;
    return 0;
}
