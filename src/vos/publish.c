/*
 * Applying an update: one heap transaction.
 *
 *   1. txid: applied before? then only its epoch is answered
 *   2. conditions and checks of all operations, against the state before
 *   3. the epoch: the clock (above every version and every read mark), or the given one in replay
 *   4. the operations in order, each with its number as minor epoch; outcome, counters and ceiling
 *      in the same transaction
 *
 * A negative answer of 2 depends on what was looked at, so it carries that LSN. HEAP_FAULT,
 * HEAP_WAIT anywhere: the transaction is aborted, nothing has changed, and the caller runs all of
 * it again.
 */
#include "base/bare.h"
#include "vos/priv.h"

/* ---- Conditions ---- */

/* A key without a record: the newest epoch at which it may have been removed. o: the object it
 * would be in, NULL if that has no record either. */
static int removed_since(struct vos_cont *c, const struct obj_rec *o, uint64_t *epoch)
{
    int rc = 0;
    const struct cont_rec *r = REC(c->v->h, c->off, cont_rec, REC_CONT, &rc);
    uint64_t mark, cut;

    if (r == NULL)
        return rc;
    cut = r->cut_epoch;
    if (o == NULL) {
        *epoch = cut;
        return 0;
    }
    rc = life_mark_get(c->v->h, o->life, &mark);
    *epoch = MAX(mark, MIN(cut, ((uint64_t)o->born + 1) << 32));
    return rc;
}

int vos_obj_changed(struct vos_cont *c, daos_obj_id_t oid, daos_epoch_t *newest)
{
    const struct obj_rec *o;
    uint64_t off;
    int rc;

    *newest = 0;
    if (c->gone)
        return -DER_NO_HDL;
    rc = obj_find(c, oid, &off);
    if (rc == -DER_NONEXIST)
        rc = removed_since(c, NULL, newest);
    else if (rc == 0 && (o = REC(c->v->h, off, obj_rec, REC_OBJ, &rc)) != NULL)
        *newest = o->changed;
    *newest = MAX(*newest, doubt_newest(c, oid));
    return rc;
}

int key_probe(const struct view *top, enum vos_level level, daos_obj_id_t oid,
              const struct vos_key *dkey, const struct vos_key *akey, bool *yes, uint64_t *changed)
{
    static const uint8_t types[] = {DAOS_IOD_SINGLE, DAOS_IOD_ARRAY};
    struct vos_cont *c = top->c;
    struct heap *h = c->v->h;
    struct view v = *top;
    const struct obj_rec *o;
    struct dkey_rec d;
    uint64_t off = 0, child;
    int rc = 0;

    *yes = false;
    *changed = 0;
    rc = obj_find(c, oid, &off);
    if (rc == -DER_NONEXIST)
        rc = removed_since(c, NULL, changed);
    else if (rc == 0 && level == VOS_OBJ)
        rc = obj_visible(&v, off, oid, yes, &v);
    if (rc)
        return rc;
    if (off == 0) {
        rc = view_no_obj(&v);
        return rc == -DER_NONEXIST ? 0 : rc;
    }
    o = REC(h, off, obj_rec, REC_OBJ, &rc);
    if (o == NULL)
        return rc;
    *changed = o->changed;
    if (level == VOS_OBJ)
        goto answer;
    rc = view_obj(&v, off);
    if (rc == 0)
        rc = dkey_find(h, off, oid, dkey, &child);
    if (rc == -DER_NONEXIST) {
        rc = removed_since(c, o, changed);
        *changed = MAX(*changed, v.hide.epoch);
        goto answer;
    }
    if (rc)
        return rc;
    rc = dkey_look(h, child, &d);
    if (rc)
        return rc;
    *changed = MAX(d.changed, v.hide.epoch);
    if (level == VOS_DKEY) {
        rc = dkey_visible(&v, child, oid, yes, &v);
        goto answer;
    }
    rc = view_life(&v, d.life);
    if (rc)
        return rc;
    /* An akey has no epoch of its last change: that of its dkey stands in, which is never too old.
     */
    for (uint32_t i = 0; i < ARRAY_LEN(types) && !*yes; i++) {
        struct view in;

        rc = akey_find(h, child, oid, akey, types[i], &off);
        if (rc == -DER_NONEXIST)
            continue;
        if (rc)
            return rc;
        rc = akey_visible(&v, off, yes, &in);
        if (rc)
            return rc;
        if (!*yes)
            v.mark = MAX(v.mark, in.mark);
    }
    rc = 0;
answer:
    if (rc == -DER_NONEXIST)
        rc = 0;
    if (rc == 0 && !*yes && view_absent(&v) != -DER_NONEXIST)
        rc = view_absent(&v);
    return rc;
}

static int cond_update(const struct view *v, const struct vos_op *op)
{
    bool yes;
    uint64_t changed;
    int rc;

    if (op->cond & (DAOS_COND_DKEY_INSERT | DAOS_COND_DKEY_UPDATE)) {
        rc = key_probe(v, VOS_DKEY, op->oid, &op->dkey, NULL, &yes, &changed);
        if (rc)
            return rc;
        if (yes && (op->cond & DAOS_COND_DKEY_INSERT))
            return -DER_EXIST;
        if (!yes && (op->cond & DAOS_COND_DKEY_UPDATE))
            return -DER_NONEXIST;
    }
    for (uint32_t i = 0; i < op->akey_nr; i++) {
        if (!(op->iods[i].cond & (DAOS_COND_AKEY_INSERT | DAOS_COND_AKEY_UPDATE)))
            continue;
        rc = key_probe(v, VOS_AKEY, op->oid, &op->dkey, &op->iods[i].akey, &yes, &changed);
        if (rc)
            return rc;
        if (yes && (op->iods[i].cond & DAOS_COND_AKEY_INSERT))
            return -DER_EXIST;
        if (!yes && (op->iods[i].cond & DAOS_COND_AKEY_UPDATE))
            return -DER_NONEXIST;
    }
    return 0;
}

static int cond_punch(const struct view *v, const struct vos_op *op)
{
    uint32_t nr = op->level == VOS_AKEY ? op->akey_nr : 1;

    if (!(op->cond & DAOS_COND_PUNCH))
        return 0;
    for (uint32_t i = 0; i < nr; i++) {
        uint64_t changed;
        bool yes;
        int rc = key_probe(v, op->level, op->oid, &op->dkey,
                           op->level == VOS_AKEY ? &op->akeys[i] : NULL, &yes, &changed);

        if (rc)
            return rc;
        if (!yes)
            return -DER_NONEXIST;
    }
    return 0;
}

/* VOS_CHECK_ONLY. What may have been given back below a cut leaves the answer open, as in
 * key_probe(). */
static int cond_only(const struct view *v, const struct vos_op *op)
{
    uint64_t obj = 0, dkey = 0;
    struct view in = *v;
    bool yes;
    int rc = obj_find(v->c, op->oid, &obj);

    if (rc == -DER_NONEXIST)
        rc = view_no_obj(&in);
    else if (rc == 0)
        rc = dkey_find(v->c->v->h, obj, op->oid, &op->dkey, &dkey);
    if (obj == 0 || (rc != 0 && rc != -DER_NONEXIST))
        return rc == -DER_NONEXIST ? 0 : rc;
    rc = obj_visible_but(v, obj, op->oid, dkey, &yes, &in);
    if (rc == 0 && yes)
        return VOS_NOTEMPTY;
    if (rc == -DER_NONEXIST)
        rc = 0;
    return rc ? rc : view_absent(&in) == -DER_TX_RESTART ? -DER_TX_RESTART : 0;
}

static int cond_check(const struct view *v, const struct vos_op *op)
{
    uint32_t nr = op->level == VOS_AKEY ? op->akey_nr : 1;

    if (op->check == VOS_CHECK_ONLY)
        return cond_only(v, op);
    for (uint32_t i = 0; i < nr; i++) {
        uint64_t changed;
        bool yes;
        int rc = key_probe(v, op->level, op->oid, &op->dkey,
                           op->level == VOS_AKEY ? &op->akeys[i] : NULL, &yes, &changed);

        if (rc)
            return rc;
        if (op->check == VOS_CHECK_EXISTS && !yes)
            return -DER_NONEXIST;
        if (op->check == VOS_CHECK_ABSENT && yes)
            return -DER_EXIST;
        if (op->check == VOS_CHECK_EMPTY && yes)
            return VOS_NOTEMPTY;
        if (op->check == VOS_CHECK_UNCHANGED &&
            !(MUTANT(CHECK_OBJ_UNSEEN) && op->level == VOS_OBJ) &&
            (changed > op->seen || was_discarded(v->c, op->seen)))
            return -DER_TX_RESTART;
    }
    return 0;
}

int update_conditions(const struct vos_update *u)
{
    struct view v;
    int rc = 0;

    view_init(&v, u->c, DAOS_EPOCH_MAX);
    for (uint32_t i = 0; i < (MUTANT(COND_FIRST_ONLY) ? 1 : u->nr) && rc == 0; i++) {
        const struct vos_op *op = &u->ops[i];

        if (op->kind == VOS_OP_UPDATE)
            rc = cond_update(&v, op);
        else if (op->kind == VOS_OP_PUNCH)
            rc = cond_punch(&v, op);
        else
            rc = cond_check(&v, op);
    }
    return rc;
}

uint64_t update_seen_lsn(const struct vos_update *u)
{
    uint64_t lsn = u->c->v->gone_lsn;

    for (uint32_t i = 0; i < u->nr; i++) {
        struct site at = op_site(u->c, &u->ops[i]);

        lsn = MAX(lsn, pend_seen(u->c, &at));
    }
    return lsn;
}

/* ---- Applying ---- */

/* A record of the other value type with something visible in it is in the way; a visible array
 * fixes the record size. */
static int check_type(struct vos_tx *t, const struct view *in_dkey, uint64_t dkey,
                      const struct vos_op *op, const struct vos_iod *iod, uint64_t akey)
{
    uint8_t other_type = iod->type == DAOS_IOD_ARRAY ? DAOS_IOD_SINGLE : DAOS_IOD_ARRAY;
    uint32_t rec_size;
    uint64_t other;
    bool yes = false;
    int rc = akey_find(t->v->h, dkey, op->oid, &iod->akey, other_type, &other);

    if (rc == 0)
        rc = akey_visible(in_dkey, other, &yes, NULL);
    if (rc && rc != -DER_NONEXIST)
        return rc;
    if (yes)
        return -DER_INVAL;
    if (iod->type != DAOS_IOD_ARRAY || iod->rec_size == 0)
        return 0;
    rc = akey_rec_size(t->v->h, akey, &rec_size);
    if (rc || rec_size == iod->rec_size)
        return rc;
    if (rec_size) {
        rc = akey_visible(in_dkey, akey, &yes, NULL);
        if (rc)
            return rc;
        if (yes)
            return -DER_REC_SIZE;
    }
    return 0;
}

/* Punch through an update: a single value as a whole, or extents of an array. */
static int apply_hole(struct vos_tx *t, const struct vos_op *op, const struct vos_iod *iod)
{
    uint64_t obj, dkey, akey;
    struct left left = {false};
    int rc;

    if (iod->type == DAOS_IOD_SINGLE)
        return punch_akey(t, op->oid, &op->dkey, &iod->akey);
    if (t->replay) {
        rc = obj_make(t, op->oid, &obj);
        if (rc == 0)
            rc = dkey_make(t, obj, op->oid, &op->dkey, &dkey);
        if (rc == 0)
            rc = akey_make(t, dkey, op->oid, &iod->akey, DAOS_IOD_ARRAY, &akey);
    } else {
        rc = obj_find(t->c, op->oid, &obj);
        if (rc == 0)
            rc = dkey_find(t->v->h, obj, op->oid, &op->dkey, &dkey);
        if (rc == 0)
            rc = akey_find(t->v->h, dkey, op->oid, &iod->akey, DAOS_IOD_ARRAY, &akey);
        if (rc == 0)
            rc = dkey_plain(t, obj, op->oid, &dkey);
        if (rc == 0)
            rc = akey_find(t->v->h, dkey, op->oid, &iod->akey, DAOS_IOD_ARRAY, &akey);
    }
    if (rc)
        return rc == -DER_NONEXIST ? 0 : rc; /* nothing there to punch */
    for (uint32_t i = 0; i < iod->recx_nr && rc == 0; i++)
        rc = array_hole(t, akey, iod->recxs[i].rx_idx, iod->recxs[i].rx_nr, &left);
    if (rc == 0 && left.in_obj)
        rc = trash_add(t, obj);
    if (rc == 0)
        rc = rec_touch(t, obj, false);
    if (rc == 0)
        rc = rec_touch(t, dkey, false);
    if (rc == 0)
        rc = akey_touch(t, akey, false);
    return rc;
}

static int apply_iod(struct vos_tx *t, const struct vos_op *op, const struct vos_iod *iod,
                     const struct prep *pr, const struct view *in_obj, uint64_t obj, uint64_t dkey)
{
    const struct dkey_rec *d;
    struct view v = *in_obj;
    struct left left = {false};
    uint64_t akey;
    int rc = akey_make(t, dkey, op->oid, &iod->akey, (uint8_t)iod->type, &akey);

    if (rc)
        return rc;
    if (!t->replay) {
        d = REC(t->v->h, dkey, dkey_rec, REC_DKEY, &rc);
        if (d == NULL)
            return rc;
        rc = view_life(&v, d->life);
        if (rc == 0)
            rc = check_type(t, &v, dkey, op, iod, akey);
        if (rc)
            return rc;
    }
    rc = MUTANT(AKEY_STAYS_DEAD) ? 0 : akey_touch(t, akey, false);
    if (rc == 0 && iod->type == DAOS_IOD_ARRAY)
        rc = akey_set_rec_size(t, akey, iod->rec_size);
    for (uint32_t i = 0; i < pr->part_nr && rc == 0; i++)
        rc = iod->type == DAOS_IOD_ARRAY ? array_write(t, akey, iod, &pr->parts[i], &left)
                                         : single_write(t, akey, iod, &pr->parts[i]);
    if (rc == 0 && left.in_akey)
        cover_ask(t->c, op->oid, &op->dkey, &iod->akey, akey);
    return rc == 0 && left.in_obj ? trash_add(t, obj) : rc;
}

static int apply_update(struct vos_tx *t, const struct vos_op *op, const struct prep *preps)
{
    uint64_t obj = 0, dkey = 0;
    bool packed = false;
    struct view v;
    int rc = 0;

    /* holes first: they may remove a dkey that the values then make again */
    for (uint32_t i = 0; i < op->akey_nr && rc == 0; i++)
        if (op->iods[i].rec_size == 0)
            rc = apply_hole(t, op, &op->iods[i]);
    for (uint32_t i = 0; i < op->akey_nr && rc == 0; i++) {
        if (op->iods[i].rec_size == 0)
            continue;
        if (obj == 0) {
            const struct obj_rec *o;
            struct dkey_at at;

            rc = obj_make(t, op->oid, &obj);
            if (rc == 0)
                rc = rec_touch(t, obj, false);
            if (rc == 0)
                rc = dkey_look_up(t->v->h, obj, op->oid, &op->dkey, &at);
            if (rc == 0 && op->akey_nr == 1)
                rc = pack_write(t, obj, op, preps, &at, &packed);
            if (rc || packed)
                return rc;
            rc = dkey_make_at(t, obj, op->oid, &op->dkey, &at, &dkey);
            if (rc == 0)
                rc = rec_touch(t, dkey, false);
            if (rc)
                return rc;
            o = REC(t->v->h, obj, obj_rec, REC_OBJ, &rc);
            if (o == NULL)
                return rc;
            view_init(&v, t->c, DAOS_EPOCH_MAX);
            rc = view_life(&v, o->life);
            if (rc)
                return rc;
        }
        rc = apply_iod(t, op, &op->iods[i], &preps[i], &v, obj, dkey);
    }
    return rc;
}

static int apply_punch(struct vos_tx *t, const struct vos_op *op)
{
    int rc = 0;

    if (op->level == VOS_OBJ)
        return punch_obj(t, op->oid);
    if (op->level == VOS_DKEY)
        return punch_dkey(t, op->oid, &op->dkey);
    for (uint32_t i = 0; i < op->akey_nr && rc == 0; i++)
        rc = punch_akey(t, op->oid, &op->dkey, &op->akeys[i]);
    return rc;
}

int update_apply(struct vos_tx *t, const struct vos_update *u)
{
    int rc = 0;

    ahead_ops(t->c, u->ops, u->nr);
    for (uint32_t i = 0; i < u->nr && rc == 0; i++) {
        if (MUTANT(COMPOUND_DROPS_EIGHTH) && i == 7)
            continue;
        t->w.minor = (uint8_t)i;
        if (u->ops[i].kind == VOS_OP_UPDATE)
            rc = apply_update(t, &u->ops[i], u->preps[i]);
        else if (u->ops[i].kind == VOS_OP_PUNCH)
            rc = apply_punch(t, &u->ops[i]);
    }
    return rc;
}

void update_note(const struct vos_update *u, uint64_t lsn, uint64_t epoch)
{
    for (uint32_t i = 0; i < u->nr; i++) {
        struct site at;

        if (u->ops[i].kind == VOS_OP_CHECK)
            continue;
        at = op_site(u->c, &u->ops[i]);
        pend_note(u->c, &at, lsn);
        if (epoch && !MUTANT(CHANGES_UNMARKED))
            mark_change(u->c, &at, epoch);
    }
}

/* A punch, or a hole, of what is not there leaves nothing behind and is an answer all the same. */
static bool looks(const struct vos_op *op)
{
    bool yes = op->kind != VOS_OP_UPDATE || op->cond != 0;

    for (uint32_t k = 0; op->kind == VOS_OP_UPDATE && k < op->akey_nr; k++)
        yes |= op->iods[k].cond != 0 || op->iods[k].rec_size == 0;
    return yes;
}

static void mark(const struct vos_update *u, uint64_t epoch, bool all)
{
    for (uint32_t i = 0; u->c->v->marks && i < u->nr; i++) {
        struct site at;

        if (!all && !looks(&u->ops[i]))
            continue;
        at = op_site(u->c, &u->ops[i]);
        mark_note(u->c, &at, epoch);
    }
}

bool update_looks(const struct vos_update *u)
{
    bool yes = false;

    for (uint32_t i = 0; i < u->nr; i++)
        yes = yes || looks(&u->ops[i]);
    return yes;
}

void update_mark(const struct vos_update *u, uint64_t epoch)
{
    mark(u, epoch, false);
}

int update_looked(const struct vos_update *u, uint64_t epoch, uint64_t *lsn)
{
    int rc = vos_read_mark(u->c->v, epoch);

    *lsn = MAX(update_seen_lsn(u), u->c->v->ceiling_lsn);
    if (rc == 0)
        update_mark(u, epoch);
    return rc;
}

int update_refused(const struct vos_update *u, int rc, uint64_t epoch, uint64_t *lsn)
{
    int marked;

    if (epoch == 0 || MUTANT(PREPARE_REFUSAL_UNMARKED) ||
        (rc != -DER_NONEXIST && rc != -DER_EXIST && rc != -DER_INVAL && rc != -DER_REC_SIZE &&
         rc != VOS_NOTEMPTY))
        return rc;
    marked = update_looked(u, epoch, lsn);
    if (marked)
        return marked;
    if (rc == -DER_INVAL || rc == -DER_REC_SIZE) /* of what is there, which a plain change met */
        mark(u, epoch, true);
    return rc;
}

bool update_only_checks(const struct vos_update *u)
{
    for (uint32_t i = 0; i < u->nr; i++)
        if (u->ops[i].kind != VOS_OP_CHECK)
            return false;
    return true;
}

bool update_only_deletes(const struct vos_update *u)
{
    for (uint32_t i = 0; i < u->nr; i++) {
        const struct vos_op *op = &u->ops[i];

        for (uint32_t k = 0; op->kind == VOS_OP_UPDATE && k < op->akey_nr; k++)
            if (op->iods[k].rec_size != 0)
                return false;
    }
    return true;
}

static int run(struct vos_update *u, uint64_t wall_ns, const struct vos_txid *txid,
               daos_epoch_t epoch_in, daos_epoch_t *epoch, uint64_t *lsn)
{
    struct vos *v = u->c->v;
    struct vos_tx t;
    int rc;

    if (epoch_in == 0) {
        rc = MUTANT(COND_AT_BEGIN) ? 0 : update_conditions(u);
        if (rc && v->marks) /* or a transaction of several shards could still come before it */
            return update_refused(u, rc, hlc_get(v->clock, wall_ns), lsn);
        if (rc)
            return rc;
    } else if (hlc_peek(v->clock) < epoch_in) {
        hlc_raise(v->clock, epoch_in);
    }
    *epoch = epoch_in ? epoch_in : hlc_get(v->clock, wall_ns);
    if (epoch_in == 0 && !BARE_UPDATES)
        update_mark(u, *epoch);
    if (update_only_checks(u)) {
        if (v->marks)
            return update_looked(u, *epoch, lsn);
        *lsn = update_seen_lsn(u);
        return 0;
    }
    rc = vos_tx_begin(&t, u->c, u->redo_max);
    if (rc)
        return rc;
    if (update_only_deletes(u))
        heap_tx_use_reserve(v->h, HEAP_RESERVE_DELETE);
    t.w = (struct when){*epoch, 0};
    t.replay = epoch_in != 0;
    t.floor = vos_keep_floor(u->c);
    rc = update_apply(&t, u);
    if (rc == 0)
        rc = session_record(&t, txid, 0);
    if (rc == 0)
        rc = vos_ceiling_raise(&t, *epoch);
    if (rc == 0)
        rc = vos_tx_commit(&t, lsn);
    if (rc) {
        vos_tx_abort(&t);
        return rc;
    }
    update_note(u, *lsn, *epoch);
    return 0;
}

int vos_update_publish(struct vos_update *u, uint64_t wall_ns, const struct vos_txid *txid,
                       daos_epoch_t epoch_in, daos_epoch_t *epoch_out, uint64_t *lsn,
                       bool *replayed)
{
    struct vos *v = u->c->v;
    uint64_t epoch = 0;
    int rc;

    *lsn = 0;
    *replayed = false;
    arena_reset(&v->scratch);
    if (u->c->gone) {
        *lsn = v->gone_lsn;
        update_free(u, true);
        return -DER_NO_HDL;
    }
    rc = vos_txid_check(v, txid, replayed, &epoch);
    if (rc == 0 && !*replayed && !BARE_UPDATES)
        rc = u->c->rollback ? -DER_AGAIN : doubt_meets(u);
    if (rc == 0 && *replayed) {
        *epoch_out = epoch;
        *lsn = heap_lsn(v->h);
        update_free(u, true);
        return 0;
    }
    if (rc == 0)
        rc = run(u, wall_ns, txid, epoch_in, &epoch, lsn);
    if (rc > 0)
        return rc; /* again, with everything kept */
    if (rc == 0)
        *epoch_out = epoch;
    else
        *lsn = MAX(*lsn, update_seen_lsn(u));
    update_free(u, rc != 0);
    return rc;
}
