/*
 * Giving records back: with all that is below them, at once when it is little (small_*()), else
 * step by step by vos_reclaim().
 *
 * A record that goes takes its history with it, so its parent remembers the epoch (life_mark(), or
 * cut_epoch of the container). A dkey left without akeys goes too: there is nothing it could hide.
 */
#include "vos/priv.h"

/* ---- Is it little, and may all of it go? ---- */

static int count_life(struct heap *h, uint64_t life, uint32_t *budget)
{
    while (life && *budget) {
        const struct ver *r = heap_ptr(h, life, sizeof *r);

        if (r == NULL)
            return heap_rc(h);
        (*budget)--;
        life = r->older;
    }
    return 0;
}

static int count_single(struct heap *h, uint64_t off, uint32_t *budget, uint64_t *oldest)
{
    while (off && *budget) {
        const struct ver *r = heap_ptr(h, off, sizeof *r);

        if (r == NULL)
            return heap_rc(h);
        (*budget)--;
        *oldest = MIN(*oldest, r->epoch);
        off = r->older;
    }
    return 0;
}

static int count_exts(struct heap *h, uint64_t akey, uint32_t *budget, uint64_t *oldest)
{
    struct walk w;
    uint64_t value;
    int rc = 0;

    walk_ext(&w, h, akey, 0, false);
    while (*budget && (rc = walk_next(&w, &value)) == 0) {
        const struct ext *e = REC(h, ext_off(value), ext, REC_EXT, &rc);

        if (e == NULL)
            return rc;
        (*budget)--;
        *oldest = MIN(*oldest, e->epoch);
    }
    return rc == -DER_NONEXIST ? 0 : rc;
}

int small_akey(struct vos_tx *t, uint64_t akey, uint32_t *budget, uint64_t *oldest, bool *small)
{
    struct heap *h = t->v->h;
    struct akey_rec a;
    int rc = akey_look(h, akey, &a);

    *small = false;
    if (rc)
        return rc;
    if (*budget == 0)
        return 0;
    (*budget)--;
    rc = count_life(h, a.life, budget);
    if (rc == 0)
        rc = a.type == DAOS_IOD_ARRAY ? count_exts(h, akey, budget, oldest)
                                      : count_single(h, a.values.word0, budget, oldest);
    *small = *budget > 0;
    return rc;
}

int small_dkey(struct vos_tx *t, uint64_t dkey, enum korder ako, uint32_t *budget, uint64_t *oldest,
               bool *small)
{
    struct heap *h = t->v->h;
    struct dkey_rec d;
    struct walk w;
    uint64_t akey;
    int rc = dkey_look(h, dkey, &d);

    *small = false;
    if (rc)
        return rc;
    if (*budget == 0)
        return 0;
    (*budget)--;
    rc = count_life(h, d.life, budget);
    if (rc)
        return rc;
    walk_init(&w, h, &akey_class, dkey + offsetof(struct dkey_rec, akeys), ako);
    while ((rc = walk_next(&w, &akey)) == 0) {
        rc = small_akey(t, akey, budget, oldest, small);
        if (rc || !*small)
            return rc;
    }
    *small = *budget > 0;
    return rc == -DER_NONEXIST ? 0 : rc;
}

int small_obj(struct vos_tx *t, uint64_t obj, daos_obj_id_t oid, uint32_t *budget, uint64_t *oldest,
              bool *small)
{
    struct heap *h = t->v->h;
    int rc = 0;
    const struct obj_rec *r = REC(h, obj, obj_rec, REC_OBJ, &rc);
    struct walk w;
    uint64_t dkey;

    *small = false;
    if (r == NULL)
        return rc;
    rc = count_life(h, r->life, budget);
    if (rc)
        return rc;
    walk_init(&w, h, &dkey_class, obj + offsetof(struct obj_rec, dkeys), dkey_korder(oid));
    while ((rc = walk_next(&w, &dkey)) == 0) {
        rc = small_dkey(t, dkey, akey_korder(oid), budget, oldest, small);
        if (rc || !*small)
            return rc;
    }
    *small = *budget > 0;
    return rc == -DER_NONEXIST ? 0 : rc;
}

/* ---- Freeing ---- */

static int tree_free(struct heap *h, uint64_t root)
{
    bool done = false;
    int rc = 0;

    while (rc == 0 && !done)
        rc = tree_destroy(h, root, 1000, &done);
    return rc;
}

/* All children: callers have counted them. */
static int children(struct heap *h, const struct tree_class *cls, uint64_t root, enum korder ko,
                    uint64_t child[DROP_MAX], uint32_t *nr)
{
    struct walk w;
    uint64_t value;
    int rc;

    walk_init(&w, h, cls, root, ko);
    while ((rc = walk_next(&w, &value)) == 0) {
        ASSERT(*nr < DROP_MAX);
        child[(*nr)++] = value;
    }
    return rc == -DER_NONEXIST ? 0 : rc;
}

int akey_free(struct vos_tx *t, uint64_t akey)
{
    struct heap *h = t->v->h;
    int rc = 0;
    const struct akey_rec *r = REC(h, akey, akey_rec, REC_AKEY, &rc);
    uint64_t exts[DROP_MAX];
    uint32_t nr = 0;

    if (r == NULL)
        return rc;
    if (r->type == DAOS_IOD_SINGLE) {
        for (uint64_t off = r->values.word0, next; off && rc == 0; off = next) {
            const struct ver *s = heap_ptr(h, off, sizeof *s);

            if (s == NULL)
                return heap_rc(h);
            next = s->older;
            rc = single_free(t, off);
        }
    } else {
        rc = children(h, &ext_class, akey + offsetof(struct akey_rec, values), K_INT, exts, &nr);
        for (uint32_t i = 0; i < nr && rc == 0; i++)
            rc = ext_free(t, ext_off(exts[i]));
        if (rc == 0)
            rc = tree_free(h, akey + offsetof(struct akey_rec, values));
    }
    if (rc == 0)
        rc = life_free(t, akey + offsetof(struct akey_rec, life));
    if (rc == 0)
        rc = heap_tx_free(h, akey);
    t->stat[ST_AKEY]--;
    return rc;
}

int dkey_free(struct vos_tx *t, uint64_t dkey, enum korder ako)
{
    struct heap *h = t->v->h;
    uint64_t root = dkey + offsetof(struct dkey_rec, akeys), akey[DROP_MAX];
    uint32_t nr = 0;
    bool packed;
    int rc = pack_is(h, dkey, &packed);

    if (rc == 0 && packed)
        return pack_free(t, dkey);
    if (rc == 0)
        rc = children(h, &akey_class, root, ako, akey, &nr);
    for (uint32_t i = 0; i < nr && rc == 0; i++)
        rc = akey_free(t, akey[i]);
    if (rc == 0)
        rc = tree_free(h, root);
    if (rc == 0)
        rc = life_free(t, dkey + offsetof(struct dkey_rec, life));
    if (rc == 0)
        rc = heap_tx_free(h, dkey);
    t->stat[ST_DKEY]--;
    return rc;
}

int obj_free(struct vos_tx *t, uint64_t obj)
{
    struct heap *h = t->v->h;
    uint64_t root = obj + offsetof(struct obj_rec, dkeys), dkey[DROP_MAX];
    uint32_t nr = 0;
    int rc = 0;
    const struct obj_rec *r = REC(h, obj, obj_rec, REC_OBJ, &rc);
    daos_obj_id_t oid;

    if (r == NULL)
        return rc;
    oid = (daos_obj_id_t){.hi = r->oid_hi, .lo = r->oid_lo};
    rc = children(h, &dkey_class, root, dkey_korder(oid), dkey, &nr);
    for (uint32_t i = 0; i < nr && rc == 0; i++)
        rc = dkey_free(t, dkey[i], akey_korder(oid));
    if (rc == 0)
        rc = tree_free(h, root);
    if (rc == 0)
        rc = life_free(t, obj + offsetof(struct obj_rec, life));
    if (rc == 0)
        rc = heap_tx_free(h, obj);
    t->stat[ST_OBJ]--;
    return rc;
}

/* ---- Out of the parent ---- */

static int trash_del(struct vos_tx *t, uint64_t obj)
{
    union key_room room;
    struct tree_key k;
    int rc = obj_key(t->v->h, obj, &room, &k);

    return rc ? rc
              : tree_remove(t->v->h, &obj_class, t->c->off + offsetof(struct cont_rec, trash), &k);
}

int trash_add(struct vos_tx *t, uint64_t obj)
{
    union key_room room;
    struct tree_key k;
    uint16_t *flags;
    int rc = 0;
    const struct obj_rec *r = REC(t->v->h, obj, obj_rec, REC_OBJ, &rc);

    if (r == NULL)
        return rc;
    t->v->garbage = true;
    if (r->flags & KEY_TRASH)
        return 0;
    flags = heap_tx_write(t->v->h, obj + offsetof(struct obj_rec, flags), sizeof *flags);
    if (flags == NULL)
        return heap_rc(t->v->h);
    *flags |= KEY_TRASH;
    rc = obj_key(t->v->h, obj, &room, &k);
    return rc ? rc
              : tree_insert(t->v->h, &obj_class, t->c->off + offsetof(struct cont_rec, trash), &k,
                            obj);
}

int trash_take(struct vos_tx *t, uint64_t obj)
{
    uint16_t *flags = heap_tx_write(t->v->h, obj + offsetof(struct obj_rec, flags), sizeof *flags);

    if (flags == NULL)
        return heap_rc(t->v->h);
    *flags &= (uint16_t)~KEY_TRASH;
    return trash_del(t, obj);
}

int obj_remove(struct vos_tx *t, uint64_t obj, uint64_t cut)
{
    struct heap *h = t->v->h;
    union key_room room;
    struct tree_key k;
    const struct cont_rec *c;
    int rc = 0;
    const struct obj_rec *r = REC(h, obj, obj_rec, REC_OBJ, &rc);

    if (r == NULL)
        return rc;
    if (r->flags & KEY_TRASH)
        rc = trash_del(t, obj);
    if (rc == 0)
        rc = obj_key(h, obj, &room, &k);
    if (rc == 0)
        rc = tree_remove(h, &obj_class, t->c->off + offsetof(struct cont_rec, objects), &k);
    if (rc == 0)
        rc = obj_free(t, obj);
    if (rc)
        return rc;
    c = REC(h, t->c->off, cont_rec, REC_CONT, &rc);
    if (c == NULL || c->cut_epoch >= cut)
        return rc;
    return tx_put64(h, t->c->off + offsetof(struct cont_rec, cut_epoch), cut);
}

static int is_empty(struct heap *h, uint64_t root, bool *empty)
{
    const struct tree_root *r = heap_ptr(h, root, sizeof *r);

    if (r == NULL)
        return heap_rc(h);
    *empty = r->word0 == 0 && r->word1 == 0;
    return 0;
}

int dkey_remove(struct vos_tx *t, uint64_t obj, daos_obj_id_t oid, uint64_t dkey, uint64_t cut)
{
    struct heap *h = t->v->h;
    union key_room room;
    struct tree_key k;
    bool empty = false;
    int rc = dkey_key(h, dkey_korder(oid), dkey, &room, &k);

    if (rc == 0)
        rc = tree_remove(h, &dkey_class, obj + offsetof(struct obj_rec, dkeys), &k);
    if (rc == 0)
        rc = dkey_free(t, dkey, akey_korder(oid));
    if (rc == 0)
        rc = is_empty(h, obj + offsetof(struct obj_rec, dkeys), &empty);
    if (rc)
        return rc;
    /* An empty object stays for a while (vos_reclaim() takes it): its mark answers "has this name
     * changed since". */
    if (empty)
        rc = trash_add(t, obj);
    if (rc || cut == 0 || MUTANT(MARK_UNSET))
        return rc;
    return life_mark(t, obj + offsetof(struct obj_rec, life), cut);
}

int akey_remove(struct vos_tx *t, uint64_t dkey, enum korder ko, uint64_t akey, uint64_t cut)
{
    struct heap *h = t->v->h;
    union key_room room;
    struct tree_key k;
    int rc = akey_key(h, ko, akey, &room, &k);

    if (rc == 0)
        rc = tree_remove(h, &akey_class, dkey + offsetof(struct dkey_rec, akeys), &k);
    if (rc == 0)
        rc = akey_free(t, akey);
    return rc || cut == 0 ? rc : life_mark(t, dkey + offsetof(struct dkey_rec, life), cut);
}

/* Is the tree of children empty? */
int dkey_is_empty(struct vos_tx *t, uint64_t dkey, bool *empty)
{
    bool packed;
    int rc = pack_is(t->v->h, dkey, &packed);

    *empty = false;
    if (rc || packed)
        return rc;
    return is_empty(t->v->h, dkey + offsetof(struct dkey_rec, akeys), empty);
}
