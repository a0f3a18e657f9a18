/*
 * Shredding what nobody can read any more: a destroyed container, in bounded steps, each a
 * transaction of its own.
 */
#include "vos/priv.h"

/* Frees up to DROP_MAX records of an akey; *gone: nothing is left below it. */
static int shred_akey(struct vos_tx *t, uint64_t akey, bool *gone)
{
    struct heap *h = t->v->h;
    uint64_t root = akey + offsetof(struct akey_rec, values);
    int rc = 0;
    const struct akey_rec *a = REC(h, akey, akey_rec, REC_AKEY, &rc);

    *gone = false;
    if (a == NULL)
        return rc;
    for (uint32_t i = 0; i < DROP_MAX && rc == 0; i++) {
        union key_room room;
        struct tree_key k;
        uint64_t order, value;

        if (a->type == DAOS_IOD_SINGLE) {
            const struct ver *s;
            uint64_t next;

            value = a->values.word0;
            if (value == 0) {
                *gone = true;
                return 0;
            }
            s = heap_ptr(h, value, sizeof *s);
            if (s == NULL)
                return heap_rc(h);
            next = s->older;
            rc = single_free(t, value);
            if (rc == 0)
                rc = tx_put64(h, root, next);
            continue;
        }
        rc = tree_seek(h, &ext_class, root, TREE_FIRST, NULL, &order, &value);
        if (rc == -DER_NONEXIST) {
            *gone = true;
            return 0;
        }
        if (rc == 0)
            rc = ext_key(h, order, ext_off(value), &room, &k);
        if (rc == 0)
            rc = tree_remove(h, &ext_class, root, &k);
        if (rc == 0)
            rc = ext_free(t, ext_off(value));
    }
    return rc;
}

/* One step at the first akey of the first dkey. *gone: the object has no dkeys. */
static int shred_obj(struct vos_tx *t, uint64_t obj, daos_obj_id_t oid, bool *gone)
{
    struct heap *h = t->v->h;
    union key_room room;
    struct tree_key k;
    uint64_t order, dkey, akey;
    bool empty, packed;
    int rc = tree_seek(h, &dkey_class, obj + offsetof(struct obj_rec, dkeys), TREE_FIRST, NULL,
                       &order, &dkey);

    *gone = rc == -DER_NONEXIST;
    if (rc == 0)
        rc = pack_is(h, dkey, &packed);
    if (rc)
        return *gone ? 0 : rc;
    rc = packed ? -DER_NONEXIST
                : tree_seek(h, &akey_class, dkey + offsetof(struct dkey_rec, akeys), TREE_FIRST,
                            NULL, &order, &akey);
    if (rc == -DER_NONEXIST) {
        rc = dkey_key(h, dkey_korder(oid), dkey, &room, &k);
        if (rc == 0)
            rc = tree_remove(h, &dkey_class, obj + offsetof(struct obj_rec, dkeys), &k);
        return rc ? rc : dkey_free(t, dkey, akey_korder(oid));
    }
    if (rc == 0)
        rc = shred_akey(t, akey, &empty);
    if (rc || !empty)
        return rc;
    rc = akey_key(h, akey_korder(oid), akey, &room, &k);
    if (rc == 0)
        rc = tree_remove(h, &akey_class, dkey + offsetof(struct dkey_rec, akeys), &k);
    return rc ? rc : akey_free(t, akey);
}

static int shred_snaps(struct vos_tx *t)
{
    bool done = false;
    int rc = 0;

    while (rc == 0 && !done)
        rc = tree_destroy(t->v->h, t->c->off + offsetof(struct cont_rec, snaps), 100, &done);
    return rc;
}

static int shred_cont_rec(struct vos_tx *t)
{
    struct heap *h = t->v->h;
    struct tree_key k = {.order = hash_bytes(t->c->uuid, 16), .key = t->c->uuid, .len = 16};
    int rc = shred_snaps(t);

    if (rc == 0)
        rc = tree_remove(h, &cont_class, t->v->super + offsetof(struct super_rec, conts), &k);
    return rc ? rc : heap_tx_free(h, t->c->off);
}

int shred_cont(struct vos_cont *c, bool *gone)
{
    struct heap *h = c->v->h;
    struct vos_tx t;
    uint64_t obj, order;
    bool empty = false;
    int rc = round_begin(&t, c, PRUNE_REDO);

    *gone = false;
    if (rc)
        return rc;
    rc = shred_intent(&t, &empty);
    if (rc || !empty)
        return round_end(&t, rc);
    empty = false;
    rc = tree_seek(h, &obj_class, c->off + offsetof(struct cont_rec, objects), TREE_FIRST, NULL,
                   &order, &obj);
    if (rc == -DER_NONEXIST) {
        rc = shred_cont_rec(&t);
        memset(t.stat, 0, sizeof t.stat); /* its counters went with it */
        rc = round_end(&t, rc);
        *gone = rc == 0;
        return rc;
    }
    if (rc == 0) {
        const struct obj_rec *o = REC(h, obj, obj_rec, REC_OBJ, &rc);

        if (o)
            rc = shred_obj(&t, obj, (daos_obj_id_t){.hi = o->oid_hi, .lo = o->oid_lo}, &empty);
    }
    if (rc == 0 && empty)
        rc = obj_remove(&t, obj, 0);
    return round_end(&t, rc);
}
