/*
 * Does a key exist for a reader? An akey does if some of its value shows (an array whose extents
 * are all punched does not), a dkey if some akey does, an object if some dkey does: empty parents
 * are absent.
 */
#include "vos/priv.h"

static int life_of(struct heap *h, uint64_t off, uint8_t kind, uint64_t *life, uint16_t *flags)
{
    bool packed = kind == REC_AKEY && akey_is_packed(off);
    int rc = kind == REC_DKEY ? pack_is(h, off, &packed) : 0;
    const uint8_t *p;

    *flags = 0;
    *life = 0;
    if (rc || packed)
        return rc;
    p = rec_get(h, off, 24, kind, &rc);
    if (p == NULL)
        return rc;
    memcpy(flags, p + 2, 2);
    memcpy(life, p + 8, 8);
    return 0;
}
_Static_assert(offsetof(struct obj_rec, life) == 8 && offsetof(struct dkey_rec, life) == 8 &&
                   offsetof(struct akey_rec, life) == 8,
               "common head");

/* Enters a record: *in = v and its existence log. *dead: nothing can show. */
static int enter(const struct view *v, uint64_t off, uint8_t kind, struct view *in, bool *dead)
{
    uint64_t life;
    uint16_t flags;
    int rc = life_of(v->c->v->h, off, kind, &life, &flags);

    *in = *v;
    if (rc)
        return rc;
    *dead = (flags & KEY_DEAD) && v->epoch == DAOS_EPOCH_MAX;
    return kind == REC_OBJ ? view_obj(in, off) : view_life(in, life);
}

/* Nothing showed: 0, or -DER_TX_RESTART if something may have been given back. */
static int none(const struct view *v, bool unsure)
{
    return unsure || view_absent(v) == -DER_TX_RESTART ? -DER_TX_RESTART : 0;
}

int akey_visible(const struct view *v, uint64_t akey, bool *yes, struct view *inner)
{
    struct heap *h = v->c->v->h;
    struct akey_rec r;
    struct view in;
    struct when w;
    uint64_t off;
    bool dead;
    int rc = enter(v, akey, REC_AKEY, &in, &dead);

    *yes = false;
    if (inner)
        *inner = in;
    if (rc || dead)
        return rc;
    if (view_in_doubt(&in)) { /* its name is there, and what was below may have been */
        *yes = true;
        return 0;
    }
    rc = akey_look(h, akey, &r);
    if (rc)
        return rc;
    if (r.type == DAOS_IOD_ARRAY)
        return array_any(&in, akey, yes);
    rc = single_find(&in, akey, &off, &w);
    *yes = rc == 0;
    return rc == -DER_NONEXIST ? 0 : rc;
}

int dkey_visible(const struct view *v, uint64_t dkey, daos_obj_id_t oid, bool *yes,
                 struct view *inner)
{
    struct view in;
    struct walk w;
    uint64_t akey;
    bool dead, unsure = false;
    int rc = enter(v, dkey, REC_DKEY, &in, &dead);

    *yes = false;
    if (inner)
        *inner = in;
    if (rc || dead)
        return rc;
    if (view_in_doubt(&in)) {
        *yes = true;
        return 0;
    }
    walk_init(&w, v->c->v->h, &akey_class, dkey + offsetof(struct dkey_rec, akeys),
              akey_korder(oid));
    while ((rc = walk_next(&w, &akey)) == 0) {
        rc = akey_visible(&in, akey, yes, NULL);
        if (rc == -DER_TX_RESTART)
            unsure = true; /* but another may show */
        else if (rc || *yes || MUTANT(VIS_FIRST_AKEY))
            return rc;
    }
    return rc == -DER_NONEXIST ? none(&in, unsure) : rc;
}

int obj_visible_but(const struct view *v, uint64_t obj, daos_obj_id_t oid, uint64_t but, bool *yes,
                    struct view *inner)
{
    struct view in;
    struct walk w;
    uint64_t dkey;
    bool dead, unsure = false;
    int rc = enter(v, obj, REC_OBJ, &in, &dead);

    *yes = false;
    if (inner)
        *inner = in;
    if (rc || dead)
        return rc;
    if (view_in_doubt(&in)) {
        *yes = true;
        return 0;
    }
    walk_init(&w, v->c->v->h, &dkey_class, obj + offsetof(struct obj_rec, dkeys), dkey_korder(oid));
    while ((rc = walk_next(&w, &dkey)) == 0) {
        if (dkey == but)
            continue;
        rc = dkey_visible(&in, dkey, oid, yes, NULL);
        if (rc == -DER_TX_RESTART)
            unsure = true; /* but another may show */
        else if (rc || *yes)
            return rc;
    }
    return rc == -DER_NONEXIST ? none(&in, unsure) : rc;
}

int obj_visible(const struct view *v, uint64_t obj, daos_obj_id_t oid, bool *yes,
                struct view *inner)
{
    return obj_visible_but(v, obj, oid, 0, yes, inner);
}
