/* Mending a dkey with all below it: akeys, values, extents (mend.h). */
#include "vos/mend.h"

/* ---- Values ---- */

/* In a transaction: the version's bytes are gone. base: of its fixed part. */
static int version_lose(struct heap *h, uint64_t ver)
{
    uint16_t *f = heap_tx_write(h, ver + offsetof(struct ver, flags), sizeof *f);

    if (f == NULL)
        return heap_rc(h);
    *f = (uint16_t)((*f & ~(VER_SLOT | VER_DATA | VER_CSUM)) | VER_CORRUPT);
    return 0;
}

/* The same of the version in a packed record, whose keys follow the version. */
static int pack_lose(struct heap *h, uint64_t dkey)
{
    struct pack p;
    uint8_t *rec;
    uint32_t keys, at, total;
    int rc = pack_get(h, dkey, &p);

    if (rc)
        return rc;
    keys = p.dkey.len + p.akey.len;
    at = (uint32_t)(p.ver - dkey) + (uint32_t)sizeof(struct ver);
    total = p.keys_at + keys;
    rec = heap_tx_write(h, dkey, total);
    if (rec == NULL)
        return heap_rc(h);
    memmove(rec + at, rec + p.keys_at, keys);
    ((struct pack_rec *)rec)->keys_at = (uint16_t)at;
    return version_lose(h, p.ver);
}
_Static_assert(sizeof(struct ver) == sizeof(struct ext) &&
                   offsetof(struct ver, flags) == offsetof(struct ext, flags),
               "both lose their bytes in the same way");

int vos_lose_bytes(struct vos *v, uint64_t ver, uint64_t pack)
{
    int rc = heap_tx_begin(v->h, 8192);

    if (rc)
        return rc;
    rc = pack ? pack_lose(v->h, pack) : version_lose(v->h, ver);
    if (rc)
        heap_tx_abort(v->h);
    else
        heap_tx_commit(v->h, NULL);
    return rc;
}

/* Are a version's bytes in the heap there? Those in data space are read by the caller of all this.
 */
static int bytes_look(struct mend *k, const struct layout *l, const uint8_t *rec, bool *lost)
{
    const uint8_t *bytes;
    bool live = true;
    int rc = 0;

    *lost = false;
    if (l->flags & (VER_TOMBSTONE | VER_CORRUPT | VER_DATA))
        return 0;
    if (l->flags & VER_SLOT) {
        uint64_t slot;

        memcpy(&slot, rec + l->loc_off, 8);
        rc = heap_alloc_is_live(k->h, slot, &live);
    }
    if (rc == 0 && live)
        rc = layout_bytes(k->h, l, rec, true, &bytes);
    if (rc > 0 || rc == -DER_NOMEM)
        return rc;
    *lost = rc != 0 || !live;
    return 0;
}

static int mend_bytes(struct mend *k, const struct layout *l, const uint8_t *rec, uint64_t ver,
                      uint64_t pack)
{
    bool lost;
    int rc = bytes_look(k, l, rec, &lost);

    if (rc || !lost)
        return rc;
    mend_say(k, "the bytes of a version (epoch %llx) are lost; reading it is an error",
             (unsigned long long)((const struct ver *)rec)->epoch);
    if (k->ops->dry)
        return 0;
    rc = mend_begin(k);
    if (rc == 0)
        rc = mend_end(k, pack ? pack_lose(k->h, pack) : version_lose(k->h, ver));
    return rc;
}
_Static_assert(offsetof(struct ver, epoch) == offsetof(struct ext, epoch), "read as either");

static int mend_singles(struct mend *k, uint64_t akey, uint64_t off)
{
    uint64_t link = ROOT_OFF(akey);
    struct when last = {0, 0};

    while (off) {
        const struct ver *r;
        const uint8_t *rec;
        struct layout l;
        bool live;
        int rc = heap_alloc_is_live(k->h, off, &live);

        if (rc == 0)
            rc = live ? layout_single(k->h, off, &l, &rec) : -DER_CSUM;
        if (rc > 0 || rc == -DER_NOMEM)
            return rc;
        if (rc) {
            mend_say(k, "the value%s lost; reading %s is an error",
                     last.epoch ? " as it was at older epochs is" : " is",
                     last.epoch ? "those" : "it");
            if (k->ops->dry)
                return 0;
            rc = mend_begin(k);
            if (rc)
                return rc;
            rc = tx_put64(k->h, link, 0);
            if (rc == 0 && !MUTANT(REPAIR_OLDER_ABSENT))
                rc = mend_put_lost(k, LIFE_OFF(akey),
                                   last.epoch ? mend_just_below(last) : mend_newest(k), true);
            return mend_end(k, rc);
        }
        r = (const struct ver *)rec;
        last = (struct when){r->epoch, r->minor};
        link = off + offsetof(struct ver, older);
        rc = mend_bytes(k, &l, rec, off, 0);
        if (rc)
            return rc;
        r = heap_ptr(k->h, off, sizeof *r);
        if (r == NULL)
            return heap_rc(k->h);
        off = r->older;
    }
    return 0;
}

static int ext_mark_node(struct mend *k, uint64_t akey, const struct tree_gap *g)
{
    int rc = 0;
    const struct akey_rec *a = REC(k->h, akey, akey_rec, REC_AKEY, &rc);
    uint64_t reach, end = UINT64_C(1) << 63;

    if (a == NULL)
        return rc;
    reach = UINT64_C(1) << MIN(a->max_log, (uint16_t)20);
    return mend_put_gap(k, akey, g->lo, g->hi >= end - reach ? end : g->hi + reach - g->lo);
}

static int ext_look(struct mend *k, uint64_t akey, const struct tree_entry *e, enum fate *fate)
{
    const uint8_t *rec;
    struct layout l;
    bool live;
    int rc = heap_alloc_is_live(k->h, ext_off(e->value), &live);

    (void)akey;
    if (rc == 0)
        rc = live ? layout_ext(k->h, ext_off(e->value), &l, &rec) : -DER_CSUM;
    if (rc > 0 || rc == -DER_NOMEM)
        return rc;
    if (rc) {
        mend_say(k, "an extent of records %llu to at most %llu is lost; reading them is an error",
                 (unsigned long long)e->order,
                 (unsigned long long)(e->order + MAX(ext_bound(e->value), UINT64_C(1)) - 1));
        *fate = DROP;
    }
    return 0;
}

static int ext_mark(struct mend *k, uint64_t akey, const struct tree_entry *e, uint64_t *to)
{
    (void)to;
    return mend_put_gap(k, akey, e->order, MAX(ext_bound(e->value), UINT64_C(1)));
}

static int mend_ext(struct mend *k, uint64_t value)
{
    const uint8_t *rec;
    struct layout l;
    int rc = layout_ext(k->h, ext_off(value), &l, &rec);

    if (mend_damage(rc)) /* dry: taken out already, so to speak */
        return 0;
    return rc ? rc : mend_bytes(k, &l, rec, ext_off(value), 0);
}

/* ---- Akeys ---- */

static const struct leaf_ops ext_ops = {&ext_class, ext_look, ext_mark};

static int akey_look_at(struct mend *k, uint64_t dkey, const struct tree_entry *e, enum fate *fate)
{
    struct vos_key name;
    uint8_t type = 0;
    bool live;
    int rc = heap_alloc_is_live(k->h, e->value, &live);

    (void)dkey;
    if (rc == 0)
        rc = live ? akey_name(k->h, e->value, &name, &type) : -DER_CSUM;
    if (rc > 0 || rc == -DER_NOMEM)
        return rc;
    if (rc == 0 && (type == DAOS_IOD_SINGLE || type == DAOS_IOD_ARRAY))
        return 0;
    mend_say(k, "an akey is lost with its value; reading any that is not there is an error");
    *fate = DROP;
    return 0;
}

static int dkey_in_doubt(struct mend *k, uint64_t dkey)
{
    return mend_put_lost(k, dkey + offsetof(struct dkey_rec, life), mend_newest(k), false);
}

static int akey_mark(struct mend *k, uint64_t dkey, const struct tree_entry *e, uint64_t *to)
{
    (void)e, (void)to;
    return dkey_in_doubt(k, dkey);
}

static int akey_mark_node(struct mend *k, uint64_t dkey, const struct tree_gap *g)
{
    (void)g;
    return dkey_in_doubt(k, dkey);
}

static const struct leaf_ops akey_ops = {&akey_class, akey_look_at, akey_mark};

static int mend_akey(struct mend *k, uint64_t akey)
{
    struct vos_key name;
    struct akey_rec a;
    uint8_t type;
    int rc = akey_name(k->h, akey, &name, &type);

    if (rc == 0)
        rc = akey_look(k->h, akey, &a);
    if (rc)
        return mend_damage(rc) ? 0 : rc;
    k->at.akey = vos_key_text(&name, daos_is_akey_uint64(k->oid), k->akey, sizeof k->akey);
    rc = mend_log(k, LIFE_OFF(akey), a.flags & KEY_DEAD, "akey");
    if (rc == 0 && a.type == DAOS_IOD_SINGLE)
        rc = mend_singles(k, akey, a.values.word0);
    if (rc == 0 && a.type == DAOS_IOD_ARRAY)
        rc = mend_all_nodes(k, ROOT_OFF(akey), "extents", ext_mark_node, akey);
    if (rc == 0 && a.type == DAOS_IOD_ARRAY)
        rc = mend_all_leaves(k, ROOT_OFF(akey), &ext_ops, akey, mend_ext);
    k->at.akey = NULL;
    return rc;
}

/* ---- Dkeys ---- */

static int dkey_look_at(struct mend *k, uint64_t obj, const struct tree_entry *e, enum fate *fate)
{
    enum korder ko = dkey_korder(k->oid);
    struct vos_key name;
    struct pack p;
    bool live, packed = false;
    int rc = heap_alloc_is_live(k->h, e->value, &live);

    (void)obj;
    if (rc == 0)
        rc = live ? dkey_name(k->h, e->value, &name) : -DER_CSUM;
    if (rc == 0)
        rc = pack_is(k->h, e->value, &packed);
    if (rc == 0 && packed)
        rc = pack_get(k->h, e->value, &p);
    if (rc == 0 && packed && p.type == DAOS_IOD_ARRAY)
        rc = pack_ext(&p);
    if (rc > 0 || rc == -DER_NOMEM)
        return rc;
    if (rc == 0 && key_check(ko, &name) == 0 && key_order(ko, name.buf, name.len) == e->order)
        return 0;
    if (ko == K_INT) {
        mend_say(k, "dkey %llu is lost with all below it; reading it is an error",
                 (unsigned long long)e->order);
        *fate = SWAP;
    } else {
        mend_say(k, "a dkey is lost with all below it; its name is not known, and it is absent");
        *fate = DROP;
    }
    return 0;
}

/* The record of an integer dkey is made again, with nothing below but that something was. */
static int dkey_mark(struct mend *k, uint64_t obj, const struct tree_entry *e, uint64_t *to)
{
    struct vos_tx t = {.v = k->v, .c = k->c};
    struct vos_key key = {&e->order, sizeof e->order};
    int rc;

    if (to == NULL)
        return 0;
    rc = dkey_alloc(&t, obj, &key, to);
    if (rc == 0)
        rc = tx_put64(k->h, *to + offsetof(struct dkey_rec, changed), mend_newest(k).epoch);
    return rc ? rc : mend_put_lost(k, *to + offsetof(struct dkey_rec, life), mend_newest(k), true);
}

/* In an object of numbered dkeys absence is a hole, which reads as zeros. */
int mend_dkey_mark_node(struct mend *k, uint64_t obj, const struct tree_gap *g)
{
    (void)g;
    if (dkey_korder(k->oid) != K_INT)
        return 0;
    return mend_put_lost(k, obj + offsetof(struct obj_rec, life), mend_newest(k), false);
}

const struct leaf_ops mend_dkey_ops = {&dkey_class, dkey_look_at, dkey_mark};

static int mend_pack(struct mend *k, uint64_t dkey)
{
    const uint8_t *rec;
    struct layout l;
    struct pack p;
    int rc = pack_get(k->h, dkey, &p);

    if (rc == 0)
        rc = p.type == DAOS_IOD_ARRAY ? layout_ext(k->h, p.ver, &l, &rec)
                                      : layout_single(k->h, p.ver, &l, &rec);
    if (rc == 0)
        k->at.akey = vos_key_text(&p.akey, daos_is_akey_uint64(k->oid), k->akey, sizeof k->akey);
    if (rc == 0)
        rc = mend_bytes(k, &l, rec, p.ver, dkey);
    k->at.akey = NULL;
    return rc;
}

int mend_dkey(struct mend *k, uint64_t dkey)
{
    uint64_t root = dkey + offsetof(struct dkey_rec, akeys);
    struct vos_key name;
    struct dkey_rec d;
    bool packed;
    int rc = dkey_name(k->h, dkey, &name);

    if (rc == 0)
        rc = pack_is(k->h, dkey, &packed);
    if (rc == 0)
        rc = dkey_look(k->h, dkey, &d);
    if (rc)
        return mend_damage(rc) ? 0 : rc;
    k->at.dkey = vos_key_text(&name, daos_is_dkey_uint64(k->oid), k->dkey, sizeof k->dkey);
    k->changed = d.changed;
    if (packed)
        return mend_pack(k, dkey);
    rc = mend_log(k, dkey + offsetof(struct dkey_rec, life), d.flags & KEY_DEAD, "dkey");
    if (rc == 0)
        rc = mend_all_nodes(k, root, "akeys", akey_mark_node, dkey);
    return rc ? rc : mend_all_leaves(k, root, &akey_ops, dkey, mend_akey);
}
