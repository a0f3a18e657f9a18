/* Smallest and largest keys of integer-keyed objects, and what changed when. */
#include "vos/priv.h"

struct query {
    struct vos_cont *c;
    daos_obj_id_t oid;
    uint64_t flags;
    uint64_t *dkey, *akey;
    const struct vos_key *akey_in;
    daos_recx_t *recx;
    uint64_t *rec_size;
};

static int last_recx(struct query *q, const struct view *v, uint64_t akey)
{
    bool max = q->flags & DAOS_GET_MAX;
    uint64_t end = UINT64_C(1) << 63, pos = max ? end : 0;
    struct view in = *v;
    struct akey_rec a;
    int rc = akey_look(q->c->v->h, akey, &a);

    if (rc)
        return rc;
    if (a.type != DAOS_IOD_ARRAY)
        return -DER_NONEXIST;
    rc = view_life(&in, a.life);
    while (rc == 0 && pos != (max ? 0 : end)) {
        struct pieces out;

        rc = array_visible(&in, akey, max ? 0 : pos, max ? pos : end, max, 64, &q->c->v->scratch,
                           &out, &pos);
        if (rc == 0 && out.nr) {
            const struct piece *p = &out.p[max ? out.nr - 1 : 0];

            *q->recx = (daos_recx_t){.rx_idx = p->start, .rx_nr = p->nr};
            *q->rec_size = p->rec_size;
            return 0;
        }
    }
    return rc ? rc : view_absent(&in);
}

/* The first that is there is the answer only if none before it was given back since the epoch. */
static int sure_of_absent(const struct view *v)
{
    int rc = view_absent(v);

    return rc == -DER_NONEXIST ? 0 : rc;
}

/* Is this akey it? */
static int try_akey(struct query *q, const struct view *v, uint64_t akey)
{
    bool yes;
    int rc;

    if (q->flags & DAOS_GET_RECX)
        return last_recx(q, v, akey);
    rc = akey_visible(v, akey, &yes, NULL);
    return rc || yes ? rc : -DER_NONEXIST;
}

static int walk_ends(struct walk *w, struct query *q, const struct tree_class *cls, uint64_t root)
{
    walk_init(w, q->c->v->h, cls, root, K_INT);
    if (q->flags & DAOS_GET_MAX) {
        w->placed = w->down = true;
        w->how = TREE_LAST;
    }
    return 0;
}

static int try_dkey(struct query *q, const struct view *top, uint64_t dkey)
{
    struct heap *h = q->c->v->h;
    struct view v = *top;
    struct dkey_rec d;
    struct vos_key name;
    struct walk w;
    uint64_t akey;
    uint8_t type;
    bool yes;
    int rc = dkey_look(h, dkey, &d);

    if (rc)
        return rc;
    if (!(q->flags & (DAOS_GET_AKEY | DAOS_GET_RECX))) {
        rc = dkey_visible(top, dkey, q->oid, &yes, NULL);
        return rc || yes ? rc : -DER_NONEXIST;
    }
    rc = view_life(&v, d.life);
    if (rc)
        return rc;
    if (!(q->flags & DAOS_GET_AKEY)) {
        rc = akey_find(h, dkey, q->oid, q->akey_in, DAOS_IOD_ARRAY, &akey);
        if (rc)
            return rc == -DER_NONEXIST ? view_absent(&v) : rc;
        return try_akey(q, &v, akey);
    }
    rc = sure_of_absent(&v);
    if (rc)
        return rc;
    walk_ends(&w, q, &akey_class, dkey + offsetof(struct dkey_rec, akeys));
    while ((rc = walk_next(&w, &akey)) == 0) {
        rc = try_akey(q, &v, akey);
        if (rc == -DER_NONEXIST)
            continue;
        if (rc == 0)
            rc = akey_name(h, akey, &name, &type);
        if (rc == 0)
            memcpy(q->akey, name.buf, 8);
        return rc;
    }
    return rc == -DER_NONEXIST ? view_absent(&v) : rc;
}

static int run(struct query *q, struct view *v, const struct vos_key *dkey_in,
               daos_epoch_t *max_epoch)
{
    struct heap *h = q->c->v->h;
    struct vos_key name;
    uint64_t obj, dkey;
    struct walk w;
    int rc = obj_find(q->c, q->oid, &obj);
    const struct obj_rec *o;

    if (rc)
        return rc == -DER_NONEXIST ? view_no_obj(v) : rc;
    o = REC(h, obj, obj_rec, REC_OBJ, &rc);
    if (o == NULL)
        return rc;
    *max_epoch = MIN(o->changed, v->epoch);
    rc = view_obj(v, obj);
    if (rc || !(q->flags & (DAOS_GET_DKEY | DAOS_GET_AKEY | DAOS_GET_RECX)))
        return rc;
    if (!(q->flags & DAOS_GET_DKEY)) {
        rc = dkey_find(h, obj, q->oid, dkey_in, &dkey);
        if (rc == 0)
            rc = try_dkey(q, v, dkey);
        return rc == -DER_NONEXIST ? view_absent(v) : rc;
    }
    rc = sure_of_absent(v);
    if (rc)
        return rc;
    walk_ends(&w, q, &dkey_class, obj + offsetof(struct obj_rec, dkeys));
    while ((rc = walk_next(&w, &dkey)) == 0) {
        arena_reset(&q->c->v->scratch);
        rc = try_dkey(q, v, dkey);
        if (rc == -DER_NONEXIST)
            continue;
        if (rc == 0)
            rc = dkey_name(h, dkey, &name);
        if (rc == 0)
            memcpy(q->dkey, name.buf, 8);
        return rc;
    }
    return rc == -DER_NONEXIST ? view_absent(v) : rc;
}

static int check(const struct query *q, const struct vos_key *dkey_in)
{
    bool want_d = q->flags & DAOS_GET_DKEY, want_a = q->flags & DAOS_GET_AKEY,
         want_r = q->flags & DAOS_GET_RECX;

    if (q->flags &
        ~(uint64_t)(DAOS_GET_MAX | DAOS_GET_MIN | DAOS_GET_DKEY | DAOS_GET_AKEY | DAOS_GET_RECX))
        return -DER_INVAL;
    if (!want_d && !want_a && !want_r)
        return 0;
    if (!(q->flags & DAOS_GET_MAX) == !(q->flags & DAOS_GET_MIN))
        return -DER_INVAL;
    if (want_d ? !daos_is_dkey_uint64(q->oid) || q->dkey == NULL
               : key_check(dkey_korder(q->oid), dkey_in) != 0)
        return -DER_INVAL;
    if (want_a && (!daos_is_akey_uint64(q->oid) || q->akey == NULL))
        return -DER_INVAL;
    if (want_r && !want_a && key_check(akey_korder(q->oid), q->akey_in))
        return -DER_INVAL;
    return want_r && (q->recx == NULL || q->rec_size == NULL) ? -DER_INVAL : 0;
}

int vos_query_key(struct vos_cont *c, daos_epoch_t epoch, uint64_t flags, daos_obj_id_t oid,
                  uint64_t *dkey, const struct vos_key *dkey_in, uint64_t *akey,
                  const struct vos_key *akey_in, daos_recx_t *recx, uint64_t *rec_size,
                  daos_epoch_t *max_epoch, uint64_t *lsn)
{
    struct query q = {.c = c,
                      .oid = oid,
                      .flags = flags,
                      .dkey = dkey,
                      .akey = akey,
                      .akey_in = akey_in,
                      .recx = recx,
                      .rec_size = rec_size};
    daos_epoch_t newest = 0;
    struct site at;
    struct view v;
    int rc;

    if (c->gone) {
        *lsn = c->v->gone_lsn;
        return -DER_NO_HDL;
    }
    rc = check(&q, dkey_in);
    at = site_of(c, VOS_OBJ, oid, NULL);
    if (rc == 0)
        rc = vos_read_begin(c, epoch, &at, lsn);
    if (rc)
        return rc;
    arena_reset(&c->v->scratch);
    view_init(&v, c, epoch);
    rc = run(&q, &v, dkey_in, &newest);
    *lsn = vos_read_lsn(c->v, epoch, pend_seen(c, &at));
    if (rc == 0 && max_epoch)
        *max_epoch = newest;
    return rc;
}

int vos_probe(struct vos_cont *c, daos_epoch_t epoch, enum vos_level level, daos_obj_id_t oid,
              const struct vos_key *dkey, const struct vos_key *akey, daos_epoch_t *changed,
              uint64_t *lsn)
{
    uint64_t when = 0;
    struct site at;
    struct view v;
    bool yes;
    int rc = 0;

    if (c->gone) {
        *lsn = c->v->gone_lsn;
        return -DER_NO_HDL;
    }
    if (level > VOS_AKEY)
        return -DER_INVAL;
    if (level != VOS_OBJ)
        rc = key_check(dkey_korder(oid), dkey);
    if (rc == 0 && level == VOS_AKEY)
        rc = key_check(akey_korder(oid), akey);
    if (rc)
        return rc;
    at = site_of(c, level == VOS_OBJ ? VOS_OBJ : VOS_DKEY, oid, dkey);
    rc = vos_read_begin(c, epoch, &at, lsn);
    if (rc)
        return rc;
    arena_reset(&c->v->scratch);
    view_init(&v, c, epoch);
    rc = key_probe(&v, level, oid, dkey, akey, &yes, &when);
    *lsn = vos_read_lsn(c->v, epoch, pend_seen(c, &at));
    if (rc)
        return rc;
    if (!yes)
        return -DER_NONEXIST;
    *changed = MIN(when, epoch);
    return 0;
}
