/*
 * Pending LSNs: which log position must be durable before an answer may leave.
 *
 * A reader may see a change before it is durable, but must not tell anybody. So every change notes
 * its LSN in hashed slots of what it touched, and every answer, negative ones included, carries the
 * newest LSN of the slots it depends on. Slots are shared by keys that hash together: an answer
 * then waits for more than it needs, never for less. Nothing is ever cleared: an old LSN is durable
 * and costs nothing.
 *
 *   change          dkey slot    object slot    object-any slot    container-any
 *   update, dkey      x                             x                 x
 *   object punch                    x               x                 x
 *
 * READ MARKS need no table as long as the shard draws all epochs from its own clock: a read at
 * epoch E moves the clock to E (vos_read_mark()), so every later write is above every mark. A
 * prepare at the epoch of another shard may come in below: from the first one on there are slots of
 * the same kind with the newest epoch at which something was read; what was read before counts as
 * read at that moment. A read of the latest sees all that the clock has given out, and counts as
 * one at the epoch before its newest: then nothing comes below it that is older than anything its
 * reader may know of. (At the newest itself there may be a transaction that is on its way; nobody
 * knows of anything after that, and it may come.)
 *
 *   read            dkey slot    object slot    below-object slot    container
 *   of a dkey         x                             x
 *   of an object                    x               x
 *   of all, snapshot                                                     x
 *
 * The slots also count the INTENTS that change something there: a reader looks for one (doubt.c)
 * only where there may be any.
 *
 * Beside them, CHANGE MARKS: the newest epoch at which something was changed. A prepare must know
 * that there was no change at its epoch or later; below the marks that is certain, and only above
 * them are the records asked, which costs as much as a read of them.
 */
#include "vos/priv.h"

uint64_t pend_hash_obj(const struct vos_cont *c, daos_obj_id_t oid)
{
    return mix128(oid.hi, oid.lo) ^ c->off * UINT64_C(0x9e3779b97f4a7c15);
}

uint64_t pend_hash_dkey(uint64_t obj_hash, uint64_t dkey_hash)
{
    return mix64(obj_hash + dkey_hash);
}

struct site site_of(const struct vos_cont *c, int level, daos_obj_id_t oid,
                    const struct vos_key *dkey)
{
    struct site at = {.level = level, .oid = oid};

    if (level >= 0)
        at.obj = pend_hash_obj(c, oid);
    if (level == VOS_DKEY)
        at.dkey = pend_hash_dkey(at.obj, hash_bytes(dkey->buf, dkey->len));
    return at;
}

static struct obj_slot *obj_slot(const struct vos_cont *c, const struct site *at)
{
    return &c->v->obj_slot[at->obj % PEND_SLOTS];
}

static struct dkey_slot *dkey_slot(const struct vos_cont *c, const struct site *at)
{
    return &c->v->dkey_slot[at->dkey % PEND_SLOTS];
}

static void raise(uint64_t *slot, uint64_t to)
{
    if (*slot < to)
        *slot = to;
}

/* ---- Pending LSNs ---- */

void pend_note(struct vos_cont *c, const struct site *at, uint64_t lsn)
{
    struct obj_slot *o = obj_slot(c, at);

    raise(&c->pend_any, lsn);
    raise(&o->lsn_any, lsn);
    raise(at->level == VOS_OBJ ? &o->lsn : &dkey_slot(c, at)->lsn, lsn);
}

uint64_t pend_seen(const struct vos_cont *c, const struct site *at)
{
    const struct obj_slot *o;
    uint64_t d;

    if (at->level < 0)
        return c->pend_any;
    o = obj_slot(c, at);
    if (at->level == VOS_OBJ)
        return MAX(c->rollback_lsn, o->lsn_any);
    d = dkey_slot(c, at)->lsn;
    return MAX(c->rollback_lsn, MUTANT(SEEN_OBJ_PUNCH) ? d : MAX(d, o->lsn));
}

/* ---- Intents ---- */

void doubts_add(struct vos_cont *c, const struct site *at, int32_t more)
{
    struct obj_slot *o = obj_slot(c, at);

    if (at->level == VOS_OBJ) {
        o->doubts_whole += (uint32_t)more;
        return;
    }
    o->doubts += (uint32_t)more;
    dkey_slot(c, at)->doubts += (uint32_t)more;
}

bool doubts_at(const struct vos_cont *c, const struct site *at)
{
    const struct obj_slot *o = obj_slot(c, at);

    return o->doubts_whole > 0 || (at->level == VOS_OBJ ? o->doubts : dkey_slot(c, at)->doubts) > 0;
}

/* ---- Marks ---- */

void marks_begin(struct vos *v)
{
    if (v->marks)
        return;
    v->marks = true;
    v->marks_base = hlc_peek(v->clock);
}

void mark_note(struct vos_cont *c, const struct site *at, uint64_t epoch)
{
    struct obj_slot *o;

    if (!c->v->marks)
        return;
    if (at->level < 0) {
        raise(&c->mark, epoch);
        return;
    }
    o = obj_slot(c, at);
    raise(&o->read_any, epoch);
    raise(at->level == VOS_OBJ ? &o->read : &dkey_slot(c, at)->read, epoch);
}

void mark_change(struct vos_cont *c, const struct site *at, uint64_t epoch)
{
    struct obj_slot *o;

    if (!c->v->marks)
        return;
    o = obj_slot(c, at);
    raise(&o->changed_any, epoch);
    raise(at->level == VOS_OBJ ? &o->changed : &dkey_slot(c, at)->changed, epoch);
}

bool mark_unchanged(const struct vos_cont *c, const struct site *at, uint64_t epoch)
{
    const struct obj_slot *o = obj_slot(c, at);
    uint64_t newest =
        at->level == VOS_OBJ ? o->changed_any : MAX(o->changed, dkey_slot(c, at)->changed);

    return epoch > MAX(newest, c->v->marks_base);
}

bool mark_above(const struct vos_cont *c, const struct site *at, uint64_t epoch)
{
    const struct obj_slot *o = obj_slot(c, at);
    uint64_t newest = at->level == VOS_OBJ ? o->read_any : MAX(o->read, dkey_slot(c, at)->read);

    newest = MAX(newest, MAX(c->v->marks_base, c->mark));
    return epoch <= newest && !MUTANT(MARKS_UNSEEN);
}
