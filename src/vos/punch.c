/*
 * Punches of objects, dkeys and akeys. What shows nothing is not punched again (its history would
 * only grow). What is small and may go is given back at once, as if it had never been, with a cut
 * mark in the parent; the rest gets a punch in its existence log and, if large, its object a place
 * in the trash.
 */
#include "vos/priv.h"

int rec_touch(struct vos_tx *t, uint64_t off, bool dead)
{
    const struct dkey_rec *r = heap_ptr(t->v->h, off, 24);
    struct dkey_rec *w;
    uint16_t flags;
    uint64_t changed;

    if (r == NULL)
        return heap_rc(t->v->h);
    changed = MAX(r->changed, t->w.epoch);
    flags = (uint16_t)((r->flags & ~KEY_DEAD) | (dead && changed == t->w.epoch ? KEY_DEAD : 0));
    if (flags == r->flags && changed == r->changed)
        return 0;
    if (flags == r->flags)
        return tx_put64(t->v->h, off + offsetof(struct dkey_rec, changed), changed);
    w = heap_tx_write(t->v->h, off, 24);
    if (w == NULL)
        return heap_rc(t->v->h);
    w->flags = flags;
    w->changed = changed;
    return 0;
}

int akey_touch(struct vos_tx *t, uint64_t akey, bool dead)
{
    int rc = 0;
    const struct akey_rec *r = REC(t->v->h, akey, akey_rec, REC_AKEY, &rc);
    uint16_t *p;

    if (r == NULL || !(r->flags & KEY_DEAD) == !dead)
        return rc;
    p = heap_tx_write(t->v->h, akey + offsetof(struct akey_rec, flags), sizeof *p);
    if (p == NULL)
        return heap_rc(t->v->h);
    *p ^= KEY_DEAD;
    return 0;
}

static int may_drop(const struct vos_tx *t, uint64_t oldest, bool *small)
{
    *small = *small && droppable(t, MIN(oldest, t->w.epoch), t->w.epoch);
    return 0;
}

int punch_obj(struct vos_tx *t, daos_obj_id_t oid)
{
    uint32_t budget = DROP_MAX;
    uint64_t obj, oldest = UINT64_MAX;
    struct view v;
    bool yes, small = false;
    int rc = t->replay ? obj_make(t, oid, &obj) : obj_find(t->c, oid, &obj);

    if (rc)
        return rc == -DER_NONEXIST ? 0 : rc;
    if (!t->replay) {
        view_init(&v, t->c, DAOS_EPOCH_MAX);
        rc = obj_visible(&v, obj, oid, &yes, NULL);
        if (rc || !yes)
            return rc;
        rc = small_obj(t, obj, oid, &budget, &oldest, &small);
        if (rc == 0)
            rc = may_drop(t, oldest, &small);
        if (rc)
            return rc;
        if (small)
            return obj_remove(t, obj, t->w.epoch);
    }
    rc = life_punch(t, obj + offsetof(struct obj_rec, life));
    if (rc == 0)
        rc = rec_touch(t, obj, !t->replay);
    return rc ? rc : trash_add(t, obj);
}

int punch_dkey(struct vos_tx *t, daos_obj_id_t oid, const struct vos_key *key)
{
    uint32_t budget = DROP_MAX;
    uint64_t obj, dkey, oldest = UINT64_MAX;
    struct view v, in;
    bool yes, small = false, packed;
    int rc = t->replay ? obj_make(t, oid, &obj) : obj_find(t->c, oid, &obj);

    if (rc == 0)
        rc = t->replay ? dkey_make(t, obj, oid, key, &dkey)
                       : dkey_find(t->v->h, obj, oid, key, &dkey);
    if (rc)
        return rc == -DER_NONEXIST ? 0 : rc;
    if (!t->replay) {
        const struct obj_rec *r = REC(t->v->h, obj, obj_rec, REC_OBJ, &rc);

        if (r == NULL)
            return rc;
        view_init(&v, t->c, DAOS_EPOCH_MAX);
        rc = view_life(&v, r->life);
        if (rc == 0)
            rc = dkey_visible(&v, dkey, oid, &yes, &in);
        if (rc || !yes)
            return rc;
        rc = rec_touch(t, obj, false);
        if (rc == 0)
            rc = small_dkey(t, dkey, akey_korder(oid), &budget, &oldest, &small);
        if (rc == 0)
            rc = may_drop(t, oldest, &small);
        if (rc)
            return rc;
        if (small && !pos_needs(dkey_korder(oid), key->len))
            return dkey_remove(t, obj, oid, dkey, t->w.epoch);
        rc = pack_is(t->v->h, dkey, &packed);
        if (rc == 0 && packed && small)
            return pack_bury(t, obj, oid, dkey);
        if (rc == 0)
            rc = dkey_plain(t, obj, oid, &dkey);
        if (rc == 0)
            rc = trash_add(t, obj);
    } else {
        rc = rec_touch(t, obj, false);
    }
    if (rc == 0)
        rc = life_punch(t, dkey + offsetof(struct dkey_rec, life));
    return rc ? rc : rec_touch(t, dkey, !t->replay);
}

/* One of the (up to two) akey records of a name. */
static int punch_one(struct vos_tx *t, const struct view *in_dkey, uint64_t obj, uint64_t dkey,
                     daos_obj_id_t oid, const struct vos_key *key, uint8_t type)
{
    uint32_t budget = DROP_MAX;
    uint64_t akey, oldest = UINT64_MAX;
    bool yes, small, empty = false, packed;
    struct vos_key name;
    int rc = akey_find(t->v->h, dkey, oid, key, type, &akey);

    if (rc)
        return rc == -DER_NONEXIST ? 0 : rc;
    if (!t->replay) {
        rc = akey_visible(in_dkey, akey, &yes, NULL);
        if (rc || !yes)
            return rc;
        rc = rec_touch(t, obj, false);
        if (rc == 0)
            rc = small_akey(t, akey, &budget, &oldest, &small);
        if (rc == 0)
            rc = may_drop(t, oldest, &small);
        if (rc)
            return rc;
        packed = akey_is_packed(akey);
        if (packed && small && !pos_needs(akey_korder(oid), key->len)) {
            rc = dkey_name(t->v->h, dkey, &name);
            if (rc)
                return rc;
            return pos_needs(dkey_korder(oid), name.len)
                       ? pack_bury(t, obj, oid, dkey)
                       : dkey_remove(t, obj, oid, dkey, t->w.epoch);
        }
        if (packed) {
            rc = dkey_plain(t, obj, oid, &dkey);
            if (rc == 0)
                rc = akey_find(t->v->h, dkey, oid, key, type, &akey);
        }
        if (rc == 0)
            rc = rec_touch(t, dkey, false);
        if (rc)
            return rc;
        if (small && !pos_needs(akey_korder(oid), key->len)) {
            rc = akey_remove(t, dkey, akey_korder(oid), akey, t->w.epoch);
            if (rc == 0)
                rc = dkey_is_empty(t, dkey, &empty);
            if (rc || !empty)
                return rc;
            rc = dkey_name(t->v->h, dkey, &name);
            if (rc || pos_needs(dkey_korder(oid), name.len))
                return rc ? rc : trash_add(t, obj);
            return dkey_remove(t, obj, oid, dkey, t->w.epoch);
        }
        rc = trash_add(t, obj);
    }
    if (rc == 0)
        rc = life_punch(t, MUTANT(PUNCH_AKEY_SIBLING) ? dkey + offsetof(struct dkey_rec, life)
                                                      : akey + offsetof(struct akey_rec, life));
    return rc || t->replay ? rc : akey_touch(t, akey, true);
}

int punch_akey(struct vos_tx *t, daos_obj_id_t oid, const struct vos_key *dkey_key,
               const struct vos_key *key)
{
    static const uint8_t types[] = {DAOS_IOD_SINGLE, DAOS_IOD_ARRAY};
    const struct obj_rec *o;
    struct dkey_rec d;
    uint64_t obj, dkey;
    struct view v;
    int rc;

    for (uint32_t i = 0; i < ARRAY_LEN(types); i++) {
        uint64_t akey;

        rc = t->replay ? obj_make(t, oid, &obj) : obj_find(t->c, oid, &obj);
        if (rc == 0)
            rc = t->replay ? dkey_make(t, obj, oid, dkey_key, &dkey)
                           : dkey_find(t->v->h, obj, oid, dkey_key, &dkey);
        if (rc == 0 && t->replay)
            rc = akey_make(t, dkey, oid, key, types[i], &akey);
        if (rc)
            return rc == -DER_NONEXIST ? 0 : rc;
        view_init(&v, t->c, DAOS_EPOCH_MAX);
        o = REC(t->v->h, obj, obj_rec, REC_OBJ, &rc);
        if (o == NULL)
            return rc;
        rc = view_life(&v, o->life);
        if (rc)
            return rc;
        rc = dkey_look(t->v->h, dkey, &d);
        if (rc == 0)
            rc = view_life(&v, d.life);
        if (rc == 0)
            rc = punch_one(t, &v, obj, dkey, oid, key, types[i]);
        if (rc == 0 && t->replay) {
            rc = rec_touch(t, obj, false);
            if (rc == 0)
                rc = rec_touch(t, dkey, false);
        }
        if (rc)
            return rc;
    }
    return 0;
}
