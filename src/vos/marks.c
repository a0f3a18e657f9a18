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
 * read at that moment. Reads of the latest leave none: no order of them and transactions is
 * promised but for each key.
 *
 *   read            dkey slot    object slot    below-object slot    container
 *   of a dkey         x                             x
 *   of an object                    x               x
 *   of all, snapshot                                                     x
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

static uint64_t below_obj(uint64_t hash, const struct vos_key *dkey)
{
    return mix64(hash + hash_bytes(dkey->buf, dkey->len));
}

uint64_t pend_hash_dkey(const struct vos_cont *c, daos_obj_id_t oid, const struct vos_key *dkey)
{
    return below_obj(pend_hash_obj(c, oid), dkey);
}

static void raise(uint64_t *slot, uint64_t lsn)
{
    if (*slot < lsn)
        *slot = lsn;
}

void pend_note(struct vos_cont *c, enum vos_level level, daos_obj_id_t oid,
               const struct vos_key *dkey, uint64_t lsn)
{
    struct vos *v = c->v;
    uint64_t o = pend_hash_obj(c, oid) % PEND_SLOTS;

    raise(&c->pend_any, lsn);
    raise(&v->pend_obj_any[o], lsn);
    if (level == VOS_OBJ)
        raise(&v->pend_obj[o], lsn);
    else
        raise(&v->pend_dkey[pend_hash_dkey(c, oid, dkey) % PEND_SLOTS], lsn);
}

uint64_t pend_seen_dkey(const struct vos_cont *c, daos_obj_id_t oid, const struct vos_key *dkey)
{
    const struct vos *v = c->v;
    uint64_t hash = pend_hash_obj(c, oid), o = v->pend_obj[hash % PEND_SLOTS];
    uint64_t d = v->pend_dkey[below_obj(hash, dkey) % PEND_SLOTS];

    return MAX(c->rollback_lsn, MUTANT(SEEN_OBJ_PUNCH) ? d : MAX(d, o));
}

uint64_t pend_seen_obj(const struct vos_cont *c, daos_obj_id_t oid)
{
    return MAX(c->rollback_lsn, c->v->pend_obj_any[pend_hash_obj(c, oid) % PEND_SLOTS]);
}

uint64_t pend_seen_cont(const struct vos_cont *c)
{
    return c->pend_any;
}

/* ---- Read marks ---- */

struct marks {
    uint64_t base;
    uint64_t dkey[PEND_SLOTS], obj[PEND_SLOTS], below[PEND_SLOTS];
    /* changes: of the dkey; of all of the object; of anything in it */
    uint64_t ch_dkey[PEND_SLOTS], ch_obj[PEND_SLOTS], ch_below[PEND_SLOTS];
};

_Static_assert(sizeof(struct marks) + 3 * PEND_SLOTS * sizeof(uint64_t) ==
                   MARKS_BYTES + sizeof(uint64_t),
               "what is counted");

int marks_begin(struct vos *v)
{
    if (v->marks)
        return 0;
    v->marks = base_calloc(1, sizeof *v->marks);
    if (v->marks == NULL)
        return -DER_NOMEM;
    v->marks->base = hlc_peek(v->clock);
    return 0;
}

uint64_t marks_bytes(const struct vos *v)
{
    return sizeof v->pend_dkey + sizeof v->pend_obj + sizeof v->pend_obj_any +
           (v->marks ? sizeof *v->marks : 0);
}

void mark_at(struct vos_cont *c, int level, uint64_t obj, uint64_t at, uint64_t epoch)
{
    struct marks *m = c->v->marks;

    if (m == NULL)
        return;
    if (level < 0) {
        raise(&c->mark, epoch);
        return;
    }
    raise(&m->below[obj % PEND_SLOTS], epoch);
    raise(level == VOS_OBJ ? &m->obj[obj % PEND_SLOTS] : &m->dkey[at % PEND_SLOTS], epoch);
}

void mark_note(struct vos_cont *c, int level, daos_obj_id_t oid, const struct vos_key *dkey,
               uint64_t epoch)
{
    if (c->v->marks)
        mark_at(c, level, pend_hash_obj(c, oid),
                level == VOS_DKEY ? pend_hash_dkey(c, oid, dkey) : 0, epoch);
}

void mark_change(struct vos_cont *c, enum vos_level level, daos_obj_id_t oid,
                 const struct vos_key *dkey, uint64_t epoch)
{
    struct marks *m = c->v->marks;
    uint64_t o;

    if (m == NULL)
        return;
    o = pend_hash_obj(c, oid) % PEND_SLOTS;
    raise(&m->ch_below[o], epoch);
    if (level == VOS_OBJ)
        raise(&m->ch_obj[o], epoch);
    else
        raise(&m->ch_dkey[pend_hash_dkey(c, oid, dkey) % PEND_SLOTS], epoch);
}

bool mark_unchanged(const struct vos_cont *c, enum vos_level level, daos_obj_id_t oid,
                    const struct vos_key *dkey, uint64_t epoch)
{
    const struct marks *m = c->v->marks;
    uint64_t o = pend_hash_obj(c, oid) % PEND_SLOTS, newest = m->base;

    if (level == VOS_OBJ)
        newest = MAX(newest, m->ch_below[o]);
    else
        newest =
            MAX(newest, MAX(m->ch_obj[o], m->ch_dkey[pend_hash_dkey(c, oid, dkey) % PEND_SLOTS]));
    return epoch > newest;
}

bool mark_above(const struct vos_cont *c, enum vos_level level, daos_obj_id_t oid,
                const struct vos_key *dkey, uint64_t epoch)
{
    const struct marks *m = c->v->marks;
    uint64_t o = pend_hash_obj(c, oid) % PEND_SLOTS, newest = MAX(m->base, c->mark);

    if (level == VOS_OBJ)
        newest = MAX(newest, m->below[o]);
    else
        newest = MAX(newest, MAX(m->obj[o], m->dkey[pend_hash_dkey(c, oid, dkey) % PEND_SLOTS]));
    return epoch <= newest && !MUTANT(MARKS_UNSEEN);
}
