/* Objects, dkeys and akeys: each is where its name belongs, and of what is below. */
#include "vos/check.h"

static int check_akey(struct check *k, uint64_t akey, uint64_t order)
{
    const struct akey_rec *r;
    struct akey_rec a;
    struct vos_key name;
    uint8_t type;
    bool live;
    int rc;

    k->at.akey = NULL;
    rc = check_live(k, akey, "akey", &live);
    if (rc || !live)
        return rc;
    rc = akey_name(k->h, akey, &name, &type);
    if (rc)
        return check_pass_by(k, rc, "akey", akey);
    k->at.akey = vos_key_text(&name, daos_is_akey_uint64(k->oid), k->akey, sizeof k->akey);
    if (key_check(akey_korder(k->oid), &name) ||
        key_order(akey_korder(k->oid), name.buf, name.len) != order)
        check_problem(k, "akey at heap offset %llu is not where its name belongs",
                      (unsigned long long)akey);
    r = REC(k->h, akey, akey_rec, REC_AKEY, &rc);
    if (r == NULL)
        return rc;
    a = *r;
    if (a.type != DAOS_IOD_SINGLE && a.type != DAOS_IOD_ARRAY) {
        check_problem(k, "akey at heap offset %llu is of unknown type %u", (unsigned long long)akey,
                      a.type);
        return 0;
    }
    k->stat[ST_AKEY]++;
    rc = check_life(k, a.life, true);
    if (rc)
        return rc;
    return a.type == DAOS_IOD_ARRAY ? check_exts(k, akey, &a) : check_singles(k, a.values.word0);
}

static int check_pack(struct check *k, uint64_t dkey)
{
    uint64_t before = k->problems;
    const uint8_t *rec;
    struct layout l;
    struct pack p;
    bool array;
    int rc = pack_get(k->h, dkey, &p);

    if (rc)
        return check_soft(k, rc, "packed dkey", dkey);
    array = p.type == DAOS_IOD_ARRAY;
    k->at.akey = vos_key_text(&p.akey, daos_is_akey_uint64(k->oid), k->akey, sizeof k->akey);
    rc = array ? layout_ext(k->h, p.ver, &l, &rec) : layout_single(k->h, p.ver, &l, &rec);
    if (rc)
        return check_soft(k, rc, "version of the packed dkey", dkey);
    check_epoch(k, p.w.epoch, "packed dkey", dkey);
    if (key_check(akey_korder(k->oid), &p.akey) || p.ver + l.total != dkey + p.keys_at ||
        (l.flags & VER_TOMBSTONE) ||
        (array ? pack_ext(&p) != 0 : ((const struct ver *)rec)->older != 0))
        check_problem(k, "packed dkey at heap offset %llu: its parts do not fit each other",
                      (unsigned long long)dkey);
    k->stat[ST_DKEY]++;
    k->stat[ST_AKEY]++;
    k->stat[array ? ST_EXT : ST_SINGLE]++;
    k->at.start = p.start;
    k->at.nr = p.nr;
    k->at.rec_size = p.rec_size;
    k->pack = dkey;
    rc = check_value(k, p.ver, &l, rec, !array);
    k->pack = 0;
    if (rc == 0 && array && k->problems > before)
        check_records_lost(k, p.start, p.nr, p.rec_size, false);
    k->at.akey = NULL;
    return rc;
}

int check_dkey(struct check *k, uint64_t dkey, uint64_t order)
{
    const struct dkey_rec *r;
    struct tree_entry ent[TREE_LEAF_MAX];
    struct tree_walker w;
    struct vos_key name;
    uint32_t nr;
    bool live, packed;
    int rc = check_live(k, dkey, "dkey", &live);

    if (rc || !live)
        return rc;
    rc = dkey_name(k->h, dkey, &name);
    if (rc)
        return check_pass_by(k, rc, "dkey", dkey);
    k->at.dkey = vos_key_text(&name, daos_is_dkey_uint64(k->oid), k->dkey, sizeof k->dkey);
    if (key_check(dkey_korder(k->oid), &name) ||
        key_order(dkey_korder(k->oid), name.buf, name.len) != order)
        check_problem(k, "dkey at heap offset %llu is not where its name belongs",
                      (unsigned long long)dkey);
    rc = pack_is(k->h, dkey, &packed);
    if (rc || packed)
        return rc ? rc : check_pack(k, dkey);
    r = REC(k->h, dkey, dkey_rec, REC_DKEY, &rc);
    if (r == NULL)
        return rc;
    k->stat[ST_DKEY]++;
    rc = check_life(k, r->life, false);
    if (rc < 0)
        rc = check_soft(k, rc, "existence log", r->life);
    if (rc == 0)
        rc = check_tree(k, &akey_class, dkey + offsetof(struct dkey_rec, akeys));
    if (rc > 0 || rc == -DER_NOMEM)
        return rc;
    tree_walk_start(&w, dkey + offsetof(struct dkey_rec, akeys));
    while ((rc = check_walk_leaf(k, &w, ent, &nr)) == 0) {
        for (uint32_t i = 0; i < nr; i++) {
            rc = check_akey(k, ent[i].value, ent[i].order);
            if (rc)
                rc = check_pass_by(k, rc, "akey", ent[i].value);
            if (rc)
                return rc;
        }
    }
    k->at.akey = NULL;
    if (rc != -DER_NONEXIST)
        return rc;
    check_nodes_lost(k, &w, "akeys");
    return 0;
}

int check_obj(struct check *k, uint64_t obj, uint64_t order)
{
    const struct obj_rec *o;
    bool live;
    int rc = check_live(k, obj, "object", &live);

    if (rc || !live)
        return rc ? rc : -DER_NONEXIST;
    o = REC(k->h, obj, obj_rec, REC_OBJ, &rc);
    if (o == NULL)
        return rc;
    k->oid = k->at.oid = (daos_obj_id_t){.hi = o->oid_hi, .lo = o->oid_lo};
    k->at.has_oid = true;
    if (mix128(o->oid_hi, o->oid_lo) != order)
        check_problem(k, "object at heap offset %llu is not where its id belongs",
                      (unsigned long long)obj);
    if (o->changed >= k->v->ceiling)
        check_problem(k, "object at heap offset %llu changed at epoch %llx, above the ceiling",
                      (unsigned long long)obj, (unsigned long long)o->changed);
    k->stat[ST_OBJ]++;
    rc = check_life(k, o->life, false);
    if (rc < 0)
        rc = check_soft(k, rc, "existence log", o->life);
    if (rc == 0)
        rc = check_tree(k, &dkey_class, obj + offsetof(struct obj_rec, dkeys));
    return rc > 0 || rc == -DER_NOMEM ? rc : 0;
}
