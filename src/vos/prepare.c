/*
 * A shard's part of a distributed transaction: prepare and resolve.
 *
 * Prepare evaluates everything that publish does and then rehearses: the compound is applied in a
 * heap transaction that is aborted, which finds whatever could be wrong with it. What is committed
 * instead is the intent, and the transaction's slot in its session. From then on nobody changes
 * what the intent changes, so that what was found stays so; and the heap keeps as many pages free
 * as the commit may need (heap_promise()).
 *
 * Resolve applies the intent, or gives it back, in one heap transaction with the outcome. A crash
 * leaves the intent or the outcome. Decide is the same for who leads the transaction: the intent
 * becomes a decision, which stays until everybody who prepared has been told. Who leads may also
 * apply his part with the decision, and so never prepare it.
 */
#include "vos/priv.h"

/* Promised to all intents of a shard: as many as so many small ones want; 288 MiB. */
#define PAGES_MAX   (12u * VOS_INTENT_MAX)
#define COMMIT_REDO (4 * TREE_REDO_MAX)
#define TREE_REDO   8192u /* of an insert into a tree of four levels that splits them all */
/* Of the stream: the commit may have to load it (64 pages), and what it changes, in one operation
 * (HEAP_PINS_MAX). */
#define INTENT_BYTES_MAX (1u << 20)

/* ---- May it? ---- */

static int known(const struct vos_update *u, const struct vos_txid *txid, uint64_t epoch_in,
                 uint64_t *epoch, bool *replayed)
{
    const struct doubt *d = doubt_find(u->c, txid);

    if (d == NULL)
        return vos_txid_check(u->c->v, txid, replayed, epoch);
    if (epoch_in && epoch_in != d->epoch) /* another attempt's, which is to be withdrawn first */
        return -DER_AGAIN;
    *replayed = true;
    *epoch = d->epoch;
    return 0;
}

/* Nothing happened to what it looks at or changes at this epoch or later, and nobody has read what
 * it changes. */
static int still_at(const struct vos_update *u, uint64_t epoch)
{
    struct view v;
    int rc;

    marks_begin(u->c->v);
    if (was_discarded(u->c, epoch))
        return -DER_AGAIN;
    view_init(&v, u->c, DAOS_EPOCH_MAX);
    for (uint32_t i = 0; i < u->nr; i++) {
        const struct vos_op *op = &u->ops[i];
        struct site at = op_site(u->c, op);
        uint64_t changed;
        bool yes;

        if (!mark_unchanged(u->c, &at, epoch)) {
            rc = key_probe(&v, (enum vos_level)at.level, op->oid, &op->dkey, NULL, &yes, &changed);
            if (rc)
                return rc;
            if (changed >= epoch)
                return -DER_AGAIN;
        }
        if (op->kind != VOS_OP_CHECK && mark_above(u->c, &at, epoch))
            return -DER_AGAIN;
    }
    return 0;
}

static int may(struct vos_update *u, uint64_t epoch)
{
    int rc = u->c->rollback ? -DER_AGAIN : doubt_meets(u);

    if (rc == 0 && epoch)
        rc = still_at(u, epoch);
    return rc ? rc : update_conditions(u);
}

/* ---- What its commit may need ---- */

static bool obj_seen(const struct vos_update *u, uint32_t i)
{
    for (uint32_t k = 0; k < i; k++)
        if (u->ops[k].kind == VOS_OP_UPDATE && u->ops[k].oid.hi == u->ops[i].oid.hi &&
            u->ops[k].oid.lo == u->ops[i].oid.lo)
            return true;
    return false;
}

/* Inserts into trees that others change too: of objects, of an object's dkeys, of the trash, of
 * intents. What else it changes nobody changes until then; but there each insert may have to split
 * what was not full when it was rehearsed. */
static uint32_t shared_inserts(const struct vos_update *u)
{
    uint32_t nr = 2; /* the intent goes, a decision comes */

    for (uint32_t i = 0; i < u->nr; i++) {
        const struct vos_op *op = &u->ops[i];

        if (op->kind == VOS_OP_PUNCH)
            nr += op->level == VOS_OBJ;
        else if (op->kind == VOS_OP_UPDATE)
            nr += obj_seen(u, i) ? 1 : 2;
    }
    return nr;
}

struct need {
    uint32_t pages;
    size_t redo;
};

/* Nothing is given back in it, as when a reader comes to need it until then: so a commit that does
 * likewise needs no more. */
static int rehearse(const struct vos_update *u, uint64_t epoch, struct need *need)
{
    uint32_t more = shared_inserts(u);
    struct vos_tx t;
    int rc = vos_tx_begin(&t, u->c, u->redo_max);

    if (rc)
        return rc;
    if (update_only_deletes(u))
        heap_tx_use_reserve(u->c->v->h, HEAP_RESERVE_COME);
    heap_tx_count(u->c->v->h);
    t.w = (struct when){epoch, 0};
    t.replay = false;
    t.floor = 0;
    rc = update_apply(&t, u);
    if (rc == 0) {
        heap_tx_need(u->c->v->h, &need->pages, &need->redo);
        need->pages += 1 + heap_tree_pages(more);
        need->redo = MIN(need->redo + more * TREE_REDO, u->redo_max) + COMMIT_REDO;
    }
    vos_tx_abort(&t);
    return rc;
}

/* ---- Storing ---- */

static int store(struct vos_update *u, const struct vos_txid *txid, struct intent_rec *head,
                 const void *info, uint64_t *lsn)
{
    struct vos_cont *c = u->c;
    struct heap *h = c->v->h;
    struct doubt *d = NULL;
    struct intent in;
    uint64_t off, id[3];
    struct tree_key k = intent_key(head->hlc, head->rand, head->seq, id);
    struct vos_tx t;
    int rc = vos_tx_begin_again(&t, c, intent_redo(u));

    if (rc)
        return rc;
    if (update_only_deletes(u))
        heap_tx_use_reserve(h, HEAP_RESERVE_COME);
    t.w = (struct when){head->epoch, 0};
    rc = intent_write(&t, u, head, info, &off);
    if (rc == 0)
        rc = tree_insert(h, &intent_class, INTENTS_OFF(c), &k, off);
    if (rc == 0)
        rc = session_record(&t, txid, OUTCOME_PREPARED);
    if (rc == 0)
        rc = vos_note_format(&t, VOS_FORMAT_INTENTS);
    if (rc == 0)
        rc = vos_ceiling_raise(&t, head->epoch);
    if (rc == 0)
        rc = intent_head(h, off, &c->v->scratch, &in);
    if (rc == 0) {
        d = doubt_new(&in.head, info, in.ops, c);
        rc = d ? vos_tx_commit(&t, lsn) : -DER_NOMEM;
    }
    if (rc) {
        if (d)
            doubt_free(d);
        vos_tx_abort(&t);
        return rc;
    }
    d->off = off;
    d->lsn = *lsn;
    doubt_add(c, d);
    update_note(u, *lsn, 0);
    return 0;
}

static int run(struct vos_update *u, uint64_t wall_ns, const struct vos_txid *txid,
               uint64_t epoch_in, const void *info, uint32_t info_len, uint64_t *epoch,
               uint64_t *lsn)
{
    struct vos *v = u->c->v;
    struct intent_rec head = {.hlc = txid->session_hlc,
                              .rand = txid->session_rand,
                              .seq = txid->seq,
                              .info_len = (uint16_t)info_len};
    struct need need;
    int rc = may(u, epoch_in);

    if (rc)
        return update_refused(u, rc, epoch_in, lsn);
    if (epoch_in && update_looks(u) &&
        !MUTANT(PREPARE_LOOKS_AHEAD)) /* what it changes waits for it */
        hlc_raise(v->clock, epoch_in);
    head.epoch = *epoch = epoch_in ? epoch_in : hlc_get(v->clock, wall_ns);
    if (update_only_checks(u))
        return update_looked(u, *epoch, lsn);
    rc = intent_bytes(u) > INTENT_BYTES_MAX ? -DER_OVERFLOW : rehearse(u, *epoch, &need);
    if (rc)
        return update_refused(u, rc, epoch_in, lsn);
    /* for certain: a commit cannot be refused */
    if (need.redo > heap_promise_max(v->h))
        return -DER_OVERFLOW;
    head.pages = need.pages;
    if (v->doubt_nr >= VOS_INTENT_MAX || v->decided_nr >= VOS_DECIDED_MAX ||
        (v->doubt_nr && (v->doubt_pages + head.pages > PAGES_MAX || v->tx_bytes > DOUBT_BYTES_MAX)))
        return -DER_AGAIN;
    rc = heap_promise(v->h, head.pages, update_only_deletes(u));
    if (rc)
        return rc;
    rc = store(u, txid, &head, info, lsn);
    if (rc == 0)
        update_mark(u, *epoch);
    else
        heap_promise_drop(v->h, head.pages);
    return rc;
}

int vos_update_prepare(struct vos_update *u, uint64_t wall_ns, const struct vos_txid *txid,
                       daos_epoch_t epoch_in, const void *info, uint32_t info_len,
                       daos_epoch_t *epoch_out, uint64_t *lsn, bool *replayed)
{
    struct vos *v = u->c->v;
    uint64_t epoch = 0;
    int rc = 0;

    *lsn = 0;
    *replayed = false;
    arena_reset(&v->scratch);
    if (u->c->gone) {
        *lsn = v->gone_lsn;
        update_free(u, true);
        return -DER_NO_HDL;
    }
    if (txid_is_none(txid) || !txid_is_sane(txid) || info_len > VOS_INFO_MAX ||
        epoch_in >= HLC_LAST)
        rc = -DER_INVAL;
    if (rc == 0)
        rc = known(u, txid, epoch_in, &epoch, replayed);
    if (rc == 0 && *replayed) {
        *epoch_out = epoch;
        *lsn = heap_lsn(v->h);
        update_free(u, true);
        return 0;
    }
    if (rc == 0)
        rc = run(u, wall_ns, txid, epoch_in, info, info_len, &epoch, lsn);
    if (rc > 0)
        return rc; /* again, with everything kept */
    if (rc == 0)
        *epoch_out = epoch;
    else
        *lsn = MAX(*lsn, update_seen_lsn(u));
    update_free(u, rc != 0 || update_only_checks(u));
    return rc;
}

/* ---- Resolving ---- */

static int remove_intent(struct vos_tx *t, uint64_t hlc, uint64_t rnd, uint64_t seq, uint64_t off,
                         const struct vos_update *values)
{
    uint64_t id[3];
    struct tree_key k = intent_key(hlc, rnd, seq, id);
    int rc = tree_remove(t->v->h, &intent_class, INTENTS_OFF(t->c), &k);

    return rc ? rc : intent_free(t, off, values);
}

enum verdict { ABORT, COMMIT, DECIDE, WITHDRAW };

/* What the session keeps of it. */
static int record(struct vos_tx *t, const struct vos_txid *txid, enum verdict verdict)
{
    if (MUTANT(COMMIT_UNRECORDED) && (verdict == COMMIT || verdict == DECIDE))
        return 0;
    if (verdict == WITHDRAW)
        return session_clear(t, txid);
    return session_record(t, txid, verdict == ABORT ? OUTCOME_ABORTED : 0);
}

static int end_at(struct vos_cont *c, struct doubt *d, const struct vos_txid *txid,
                  enum verdict verdict, bool again, uint64_t *lsn)
{
    bool commit = verdict == COMMIT || verdict == DECIDE;
    struct decided *kept = NULL;
    struct vos_update *u;
    struct intent in;
    struct vos_tx t;
    int rc;

    arena_reset(&c->v->scratch);
    rc = intent_as_update(c, d->off, &u, &in);
    if (rc)
        return rc;
    rc = again ? vos_tx_begin_again(&t, c, u->redo_max + COMMIT_REDO)
               : vos_tx_begin(&t, c, u->redo_max + COMMIT_REDO);
    if (rc) {
        update_free(u, false);
        return rc;
    }
    heap_tx_use_promise(c->v->h, d->pages);
    t.w = (struct when){d->epoch, 0};
    t.replay = false;
    t.floor = again ? 0 : keep_floor_but(c, d);
    /* first of all, so that its room serves what it becomes */
    rc = remove_intent(&t, d->hlc, d->rand, d->seq, d->off, commit ? NULL : u);
    if (rc == 0 && commit)
        rc = update_apply(&t, u);
    if (commit && !MUTANT(RESOLVE_BEHIND))
        hlc_raise(c->v->clock, d->epoch);
    t.w.epoch = commit ? d->epoch : hlc_peek(c->v->clock);
    if (rc == 0)
        rc = record(&t, txid, verdict);
    if (rc == 0 && verdict == DECIDE) {
        kept = decided_new(d->hlc, d->rand, d->seq, d->epoch, d->info, d->info_len);
        rc = kept ? intent_put_decided(&t, kept) : -DER_NOMEM;
        if (rc == 0)
            rc = vos_note_format(&t, VOS_FORMAT_DECIDED);
    }
    if (rc == 0)
        rc = vos_ceiling_raise(&t, t.w.epoch);
    if (rc == 0)
        rc = vos_tx_commit(&t, lsn);
    if (rc) {
        vos_tx_abort(&t);
        base_free(kept);
    } else {
        update_note(u, *lsn, commit ? d->epoch : 0);
        doubt_take(c, d);
        if (kept) {
            kept->lsn = *lsn;
            decided_add(c, kept);
        }
    }
    update_free(u, false);
    return rc;
}

/* It gives back what nobody can read any more. If that takes more than was promised it is left to
 * vos_reclaim(), as it was in the rehearsal. */
static int end(struct vos_cont *c, struct doubt *d, const struct vos_txid *txid,
               enum verdict verdict, uint64_t *lsn)
{
    int rc = end_at(c, d, txid, verdict, false, lsn);

    if (rc == -DER_OVERFLOW || rc == HEAP_GROW)
        rc = end_at(c, d, txid, verdict, true, lsn);
    return rc;
}

/* An abort that comes before its prepare, or instead of it. */
static int remember_abort(struct vos_cont *c, const struct vos_txid *txid, uint64_t *lsn)
{
    struct vos_tx t;
    int rc = vos_tx_begin(&t, c, TREE_REDO_MAX + 16 * VOS_SESSION_OUTCOMES + 8 * REDO_REC);

    if (rc)
        return rc;
    heap_tx_use_reserve(c->v->h, HEAP_RESERVE_DELETE);
    t.w = (struct when){hlc_peek(c->v->clock), 0};
    rc = session_record(&t, txid, OUTCOME_ABORTED);
    if (rc == 0)
        rc = vos_note_format(&t, VOS_FORMAT_INTENTS);
    if (rc == 0)
        rc = vos_ceiling_raise(&t, t.w.epoch);
    if (rc == 0)
        rc = vos_tx_commit(&t, lsn);
    if (rc)
        vos_tx_abort(&t);
    return rc;
}

static int unknown(struct vos_cont *c, const struct vos_txid *txid, bool commit,
                   daos_epoch_t *epoch, uint64_t *lsn)
{
    struct txid_look look;
    int rc = session_look(c->v, txid, &look);

    *lsn = heap_lsn(c->v->h);
    if (rc)
        return rc;
    if (look.state == TXID_PREPARED)
        return -DER_INVAL; /* in another container */
    if (look.state == TXID_APPLIED) {
        *epoch = look.epoch;
        return commit ? 0 : -DER_ALREADY;
    }
    if (commit)
        return -DER_NONEXIST;
    if (look.state == TXID_ABORTED || look.state == TXID_STALE || look.acked)
        return 0; /* a prepare would be refused */
    return look.state == TXID_FULL || look.state == TXID_WAITS ? -DER_AGAIN
                                                               : remember_abort(c, txid, lsn);
}

static int resolve(struct vos_cont *c, const struct vos_txid *txid, enum verdict verdict,
                   daos_epoch_t *epoch, uint64_t *lsn)
{
    struct vos_txid id = *txid;
    struct doubt *d;

    *epoch = 0;
    id.acked = 0; /* that is for the client's own requests to say */
    if (c->gone) {
        *lsn = c->v->gone_lsn;
        return -DER_NO_HDL;
    }
    if (txid_is_none(&id) || !txid_is_sane(&id))
        return -DER_INVAL;
    d = doubt_find(c, &id);
    if (d == NULL)
        return unknown(c, &id, verdict != ABORT, epoch, lsn);
    *epoch = d->epoch;
    return end(c, d, &id, verdict, lsn);
}

int vos_resolve(struct vos_cont *c, const struct vos_txid *txid, bool commit, daos_epoch_t *epoch,
                uint64_t *lsn)
{
    return resolve(c, txid, commit ? COMMIT : ABORT, epoch, lsn);
}

int vos_decide(struct vos_cont *c, const struct vos_txid *txid, daos_epoch_t *epoch, uint64_t *lsn)
{
    return resolve(c, txid, DECIDE, epoch, lsn);
}

int vos_withdraw(struct vos_cont *c, const struct vos_txid *txid, daos_epoch_t epoch, uint64_t *lsn)
{
    struct vos_txid id = *txid;
    struct doubt *d = doubt_find(c, &id);

    *lsn = 0;
    id.acked = 0;
    if (c->gone || d == NULL || (d->epoch != epoch && !MUTANT(WITHDRAW_ANY_ATTEMPT)))
        return 0;
    return end(c, d, &id, WITHDRAW, lsn);
}

/* ---- Decisions ---- */

static int apply_decided(struct vos_update *u, const struct vos_txid *txid, struct decided *kept,
                         uint64_t *lsn)
{
    struct vos *v = u->c->v;
    struct vos_tx t;
    int rc = vos_tx_begin(&t, u->c, u->redo_max + COMMIT_REDO);

    if (rc)
        return rc;
    if (update_only_deletes(u))
        heap_tx_use_reserve(v->h, HEAP_RESERVE_DELETE);
    t.w = (struct when){kept->epoch, 0};
    t.replay = false;
    t.floor = vos_keep_floor(u->c);
    rc = update_apply(&t, u);
    if (rc == 0)
        rc = record(&t, txid, DECIDE);
    if (rc == 0)
        rc = intent_put_decided(&t, kept);
    if (rc == 0)
        rc = vos_note_format(&t, VOS_FORMAT_DECIDED);
    if (rc == 0)
        rc = vos_ceiling_raise(&t, kept->epoch);
    if (rc == 0)
        rc = vos_tx_commit(&t, lsn);
    if (rc)
        vos_tx_abort(&t);
    return rc;
}

static int decide_now(struct vos_update *u, const struct vos_txid *txid, uint64_t epoch,
                      const void *info, uint32_t info_len, uint64_t *lsn)
{
    struct vos *v = u->c->v;
    struct decided *kept;
    uint64_t other;
    bool replayed = false;
    int rc = known(u, txid, epoch, &other, &replayed);

    if (rc == 0 && replayed) /* by an earlier copy, which had participants of its own */
        rc = -DER_TX_RESTART;
    if (rc)
        return rc;
    rc = MUTANT(DECIDE_UNLOOKED) ? 0 : may(u, epoch);
    if (rc)
        return update_refused(u, rc, epoch, lsn);
    hlc_raise(v->clock, epoch);
    if (v->decided_nr >= VOS_DECIDED_MAX)
        return -DER_AGAIN;
    kept = decided_new(txid->session_hlc, txid->session_rand, txid->seq, epoch, info, info_len);
    if (kept == NULL)
        return -DER_NOMEM;
    rc = apply_decided(u, txid, kept, lsn);
    if (rc) {
        base_free(kept);
        return update_refused(u, rc, epoch, lsn);
    }
    kept->lsn = *lsn;
    decided_add(u->c, kept);
    update_mark(u, epoch);
    update_note(u, *lsn, epoch);
    return 0;
}

int vos_update_decide(struct vos_update *u, const struct vos_txid *txid, daos_epoch_t epoch,
                      const void *info, uint32_t info_len, uint64_t *lsn)
{
    int rc = 0;

    *lsn = 0;
    arena_reset(&u->c->v->scratch);
    if (u->c->gone) {
        *lsn = u->c->v->gone_lsn;
        update_free(u, true);
        return -DER_NO_HDL;
    }
    if (txid_is_none(txid) || !txid_is_sane(txid) || info_len > VOS_INFO_MAX || epoch == 0 ||
        epoch >= HLC_LAST || update_only_checks(u))
        rc = -DER_INVAL;
    if (rc == 0)
        rc = decide_now(u, txid, epoch, info, info_len, lsn);
    if (rc > 0)
        return rc; /* again, with everything kept */
    if (rc)
        *lsn = MAX(*lsn, update_seen_lsn(u));
    update_free(u, rc != 0);
    return rc;
}

bool vos_decided(const struct vos_cont *c, const struct vos_txid *txid, daos_epoch_t *epoch,
                 uint64_t *lsn)
{
    const struct decided *d = decided_find(c, txid);

    if (d) {
        *epoch = d->epoch;
        *lsn = d->lsn;
    }
    return d != NULL;
}

bool vos_decided_next(const struct vos_cont *c, const struct vos_txid *after, struct vos_doubt *out)
{
    const struct decided *d = after ? decided_find(c, after) : NULL;
    const struct list *l = d ? d->link.next : c->decided.next;

    if ((after && d == NULL) || l == &c->decided)
        return false;
    d = LIST_ENTRY((struct list *)(uintptr_t)l, struct decided, link);
    *out = (struct vos_doubt){.session_hlc = d->hlc,
                              .session_rand = d->rand,
                              .seq = d->seq,
                              .epoch = d->epoch,
                              .info = d->info,
                              .info_len = d->info_len};
    return true;
}

int vos_decided_forget(struct vos_cont *c, const struct vos_txid *txid)
{
    struct decided *d = decided_find(c, txid);
    uint64_t id[3];
    struct tree_key k = intent_key(txid->session_hlc, txid->session_rand, txid->seq, id);
    struct vos_tx t;
    uint64_t lsn;
    int rc;

    if (c->gone || d == NULL)
        return 0;
    rc = vos_tx_begin(&t, c, TREE_REDO_MAX + 4 * REDO_REC);
    if (rc)
        return rc;
    heap_tx_use_reserve(c->v->h, HEAP_RESERVE_DELETE);
    rc = tree_remove(c->v->h, &intent_class, INTENTS_OFF(c), &k);
    if (rc == 0)
        rc = heap_tx_free(c->v->h, d->off);
    if (rc == 0)
        rc = vos_tx_commit(&t, &lsn);
    if (rc)
        vos_tx_abort(&t);
    else
        decided_take(c, d);
    return rc;
}

int shred_intent(struct vos_tx *t, bool *gone)
{
    struct vos_update *u;
    struct vos_txid txid;
    struct intent in;
    uint64_t order, off;
    int rc = tree_seek(t->v->h, &intent_class, INTENTS_OFF(t->c), TREE_FIRST, NULL, &order, &off);

    *gone = rc == -DER_NONEXIST;
    if (rc)
        return *gone ? 0 : rc;
    arena_reset(&t->v->scratch);
    rc = intent_as_update(t->c, off, &u, &in);
    if (rc)
        return rc;
    rc = remove_intent(t, in.head.hlc, in.head.rand, in.head.seq, off, u);
    txid = (struct vos_txid){in.head.hlc, in.head.rand, in.head.seq, 0};
    if (rc == 0 && !(in.head.flags & INTENT_DECIDED))
        rc = session_record(t, &txid, OUTCOME_ABORTED);
    update_free(u, false);
    return rc;
}
