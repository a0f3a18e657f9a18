/*
 * What the files of vos share. Who calls whom, from the top:
 *
 *   update.c publish.c           begin (shapes, reservations); conditions, then one transaction
 *   prepare.c                    the same in two steps: an intent, and its resolution
 *   fetch.c list.c query.c       reads
 *   reclaim.c discard.c          background: giving back, taking back
 *   check*.c (check.h) dump.c    tools
 *   repair.c mend.c mend_key.c   taking out what is lost (mend.h)
 *   punch.c drop.c               punches; giving records back
 *   visible.c life.c             does a key exist at an epoch; existence logs
 *   value.c                      single values
 *   array.c extent.c prune.c     arrays: reading, writing, giving back what is covered
 *   cover.c                      ... when to look whether something is
 *   key.c layout.c               finding and making records; the bytes of a version
 *   pack.c                       a dkey, its only akey and that one's only version in one record
 *   doubt.c intent.c             intents: who meets one; their bytes
 *   cont.c snap.c session.c marks.c   containers, the keep floor, sessions, pending LSNs and marks
 *
 * Everything runs inside the heap's lock. Functions return 0, DER codes, or HEAP_FAULT; none has a
 * side effect that a second run would not repeat.
 */
#ifndef TARN_VOS_PRIV_H
#define TARN_VOS_PRIV_H

#include <string.h>
#include "base/arena.h"
#include "base/assert.h"
#include "base/csum.h"
#include "base/fail.h"
#include "base/hash.h"
#include "base/hlc.h"
#include "base/htable.h"
#include "base/list.h"
#include "base/mutant.h"
#include "vos/vos.h"
#include "vos/format.h"

/* When a change happened: epoch, then the operation's number in its compound. */
struct when {
    uint64_t epoch;
    uint8_t minor;
};

static inline int when_cmp(struct when a, struct when b)
{
    if (a.epoch != b.epoch)
        return a.epoch < b.epoch ? -1 : 1;
    return (int)a.minor - (int)b.minor;
}

/* ---- State ---- */

/* Pending LSNs and marks (marks.c): what one read looks at lies in one cache line each. */
#define PEND_SLOTS 4096u
struct obj_slot {                              /* of objects that hash together */
    uint64_t lsn __attribute__((aligned(64))); /* newest that punched one of them */
    uint64_t lsn_any;                          /* ... changed anything in one */
    uint64_t read, read_any; /* newest epochs: all of one was read; anything in one */
    uint64_t changed, changed_any;
    uint32_t doubts, doubts_whole; /* of intents: changes in one; of all of one */
};
struct dkey_slot {
    uint64_t lsn __attribute__((aligned(32)));
    uint64_t read, changed;
    uint32_t doubts;
};

/* What a shard keeps in memory of transactions beside its pages, at most: tables of marks, intents
 * (the last one may go beyond it), decisions, sessions that were found. VOS_TX_MEMORY is what the
 * engine may count on. */
#define MARKS_BYTES       (PEND_SLOTS * (sizeof(struct obj_slot) + sizeof(struct dkey_slot)))
#define DOUBT_BYTES_MAX   (UINT64_C(8) << 20)
#define SESSIONS_KEPT     8192u
#define SESSION_KEPT_SIZE (sizeof(struct hlink) + 3 * sizeof(uint64_t))
#define HASH_SLOT_BYTES   16u /* of a table, for each element, at most */

/* Counters of a container, in the order of cont_rec.stat. */
enum stat_ix {
    ST_UNUSED,
    ST_OBJ,
    ST_DKEY,
    ST_AKEY,
    ST_SINGLE,
    ST_EXT,
    ST_HEAP_BYTES,
    ST_DATA_BYTES,
    ST_NR
};

/* cover.c: an array that is being written into a long extent. */
#define COVER_NR      256u
#define COVER_IDLE    4096u /* writes of others until it is forgotten */
#define COVER_DUE_MAX 32u
#define COVER_KEY_MAX 32u
struct cover {
    uint64_t akey; /* 0: none */
    uint64_t nr;   /* records written since somebody was asked to look */
    uint64_t seen; /* cover_now when it was written into last */
};
struct cover_key {
    uint8_t len, bytes[COVER_KEY_MAX];
};
/* One that is to be looked at. */
struct cover_due {
    uint64_t cont; /* offset of its cont_rec */
    daos_obj_id_t oid;
    struct cover_key dkey, akey;
};

struct session; /* session.c */
struct doubt;   /* doubt.c */
struct decided;

struct vos {
    struct heap *h;
    struct hlc *clock;
    uint64_t super;       /* offset of the super_rec */
    uint64_t ceiling;     /* as stored */
    uint64_t ceiling_lsn; /* what it was stored with last */
    struct list conts;
    bool conts_damaged;       /* containers are in the tree that could not be loaded */
    struct arena scratch;     /* of the call that runs now */
    struct vos_update *spare; /* finished updates, reused */
    uint32_t spare_nr;
    struct htable sessions;      /* session.c: cache of offsets */
    struct check_state *check;   /* check.c: a walk under way */
    struct repair_state *repair; /* repair.c: the same */
    uint64_t gone_lsn;           /* newest destroy of a container */
    struct cover cover[COVER_NR];
    struct cover_due cover_due[COVER_DUE_MAX];
    uint32_t cover_due_nr;
    uint64_t cover_now;             /* writes into long extents */
    bool garbage;                   /* vos_reclaim() has something to do */
    bool reclaim_unread;            /* this round passed by what the device could not read */
    uint32_t doubt_nr, doubt_pages; /* intents of all containers, and what they are promised */
    uint32_t decided_nr;            /* decisions of all containers */
    uint64_t prepared_newest;       /* epoch of any that was prepared */
    uint64_t tx_bytes;              /* of memory, of those intents and decisions */
    const struct doubt *met;        /* by the call that answered -DER_INPROGRESS last */
    bool marks;                     /* they are kept: from the first prepare at a given epoch */
    uint64_t marks_base;            /* what was read or changed before counts as at this epoch */
    struct obj_slot obj_slot[PEND_SLOTS];
    struct dkey_slot dkey_slot[PEND_SLOTS];
};

struct vos_cont {
    struct list link;
    struct vos *v;
    uuid_t uuid;
    uint64_t off;    /* of the cont_rec */
    bool gone;       /* destroyed; refuses everything */
    bool lost;       /* CONT_LOST */
    uint64_t *snaps; /* ascending */
    uint32_t snap_nr, snap_max;
    uint64_t *holds; /* epochs of readers and barriers, ascending */
    uint32_t hold_nr, hold_max;
    uint64_t pend_any; /* newest LSN of any change */
    uint64_t rollback; /* as stored: readers see nothing after it */
    struct epochs discarded[DISCARDS];
    uint64_t rollback_lsn;         /* of the newest begin of one */
    struct vos_anchor rollback_at; /* how far reclaim is with it */
    uint64_t mark;                 /* newest epoch at which all of it was read (marks.c) */
    struct list doubts;            /* intents, oldest epoch first; equal ones by their ids */
    struct htable doubt_ids;
    struct htable doubtful; /* what they change */
    uint32_t doubt_nr;
    struct list decided; /* struct decided */
    struct htable decided_ids;
    bool doubts_todo; /* they are still to be loaded, behind this one if any */
    uint64_t doubts_upto[3];
    uint64_t stat[ST_NR];
    struct vos_anchor trash_at; /* reclaim: this round's place */
    bool trash_done;            /* also: a destroyed one is passed by in this round */
    bool shredded; /* destroyed, and all of it given back; the memory stays until vos_close() */
};

/* One heap transaction of vos. */
struct vos_tx {
    struct vos *v;
    struct vos_cont *c;
    struct when w;
    uint64_t floor; /* keep floor */
    bool replay;    /* at a given epoch: never drops, never skips */
    int64_t stat[ST_NR];
    uint64_t ceiling; /* new one, 0 = unchanged */
};

/* ---- cont.c ---- */

int vos_tx_begin(struct vos_tx *t, struct vos_cont *c, size_t redo_max);
int vos_tx_begin_again(struct vos_tx *t, struct vos_cont *c, size_t redo_max); /* see heap.h */
/* Stores counters, commits, updates the cached state. */
int vos_tx_commit(struct vos_tx *t, uint64_t *lsn);
void vos_tx_abort(struct vos_tx *t);
/* The ceiling must be above epoch once t commits. */
int vos_ceiling_raise(struct vos_tx *t, uint64_t epoch);
/* The shard has from now on what only programs that know this version understand. (pack.c) */
int vos_note_format(struct vos_tx *t, uint32_t version);
/* A read at this epoch happens: later writes come after it. Opens a transaction of its own if the
 * ceiling must rise. */
int vos_read_mark(struct vos *v, uint64_t epoch);
/* Where something is read or changed: a dkey (VOS_DKEY), an object (VOS_OBJ), all objects (-1). */
struct site {
    int level;
    daos_obj_id_t oid;
    uint64_t obj, dkey; /* hashes */
};
struct site site_of(const struct vos_cont *c, int level, daos_obj_id_t oid,
                    const struct vos_key *dkey); /* (marks.c) */
/* The beginning of a read: its mark, or -DER_INPROGRESS and what that answer has to wait for.
 * (doubt.c) */
int vos_read_begin(struct vos_cont *c, uint64_t epoch, const struct site *at, uint64_t *lsn);
/* What must be durable before a read at this epoch is answered, lsn being what it saw: also that
 * later writes come after it, or a crash would bring the clock back below. */
static inline uint64_t vos_read_lsn(const struct vos *v, uint64_t epoch, uint64_t lsn)
{
    return epoch == DAOS_EPOCH_MAX ? lsn : MAX(lsn, v->ceiling_lsn);
}
struct vos_cont *cont_of(struct vos *v, uint64_t off);
/* Caches a container that the tree holds. */
int cont_load(struct vos *v, uint64_t off, struct vos_cont **out);
bool cont_is_loaded(struct vos *v, uint64_t off);
/* Those that could not be loaded before, as far as they can now. */
int conts_load_again(struct vos *v);

int rec_bad(const char *what, uint64_t off);
/* Reading a record: kind and flags are checked. NULL: *rc says why. */
int rec_refused(const struct heap *h, uint64_t off, const struct ver *r, uint8_t kind);
static inline const void *rec_get(struct heap *h, uint64_t off, size_t len, uint8_t kind, int *rc)
{
    const struct ver *r; /* or another: all begin with kind and flags */

    if (off % 8 != 0) {
        *rc = rec_bad("it begins where none can", off);
        return NULL;
    }
    r = heap_ptr(h, off, len);
    if (r != NULL && r->kind == kind && (r->flags & ~VER_KNOWN) == 0)
        return r;
    *rc = rec_refused(h, off, r, kind);
    return NULL;
}
#define REC(h, off, type, kind, rc)                                                                \
    ((const struct type *)rec_get(h, off, sizeof(struct type), kind, rc))
int tx_put64(struct heap *h, uint64_t off, uint64_t value);

/* ---- snap.c ---- */

int snap_load(struct vos_cont *c);
bool snap_is(const struct vos_cont *c, uint64_t epoch);
/* The keep floor, if one intent (may be NULL) were not there. */
uint64_t keep_floor_but(const struct vos_cont *c, const struct doubt *but);
/* Is some snapshot in [from, to)? */
bool snap_between(const struct vos_cont *c, uint64_t from, uint64_t to);
/* May a version visible in [from, to) be dropped? */
bool droppable(const struct vos_tx *t, uint64_t from, uint64_t to);

/* ---- marks.c: pending LSNs, marks ---- */

uint64_t pend_hash_obj(const struct vos_cont *c, daos_obj_id_t oid);
uint64_t pend_hash_dkey(uint64_t obj_hash, uint64_t dkey_hash); /* of hash_bytes() */
/* Something is changed there. */
void pend_note(struct vos_cont *c, const struct site *at, uint64_t lsn);
/* What an answer about it observed. */
uint64_t pend_seen(const struct vos_cont *c, const struct site *at);

/* Intents change something there, by so many more. */
void doubts_add(struct vos_cont *c, const struct site *at, int32_t more);
/* May one change something there? Else it is certain that none does. */
bool doubts_at(const struct vos_cont *c, const struct site *at);

void marks_begin(struct vos *v); /* they are kept from here on */
/* It was read at this epoch. */
void mark_note(struct vos_cont *c, const struct site *at, uint64_t epoch);
/* May a change of a dkey, or the punch of an object, not go to this epoch? After marks_begin(). */
bool mark_above(const struct vos_cont *c, const struct site *at, uint64_t epoch);
/* Something was changed there at this epoch. */
void mark_change(struct vos_cont *c, const struct site *at, uint64_t epoch);
/* Is it certain that nothing of a dkey, or of all of an object, was changed at this epoch or later?
 * False: it is not known. After marks_begin(). */
bool mark_unchanged(const struct vos_cont *c, const struct site *at, uint64_t epoch);

/* ---- key.c ---- */

enum korder { K_HASH, K_LEX, K_INT };
enum korder dkey_korder(daos_obj_id_t oid);
enum korder akey_korder(daos_obj_id_t oid);
uint64_t key_order(enum korder k, const void *buf, size_t len);
/* -DER_INVAL, -DER_KEY2BIG. */
int key_check(enum korder k, const struct vos_key *key);

extern const struct tree_class session_class, snap_class, cont_class, obj_class, dkey_class,
    akey_class, ext_class;

/* Key of an akey for akey_class. */
struct akey_id {
    const void *buf;
    uint32_t len;
    uint8_t type;
};

/* -DER_NONEXIST if there is no record. */
int obj_find(struct vos_cont *c, daos_obj_id_t oid, uint64_t *off);
int dkey_find(struct heap *h, uint64_t obj, daos_obj_id_t oid, const struct vos_key *key,
              uint64_t *off);
int akey_find(struct heap *h, uint64_t dkey, daos_obj_id_t oid, const struct vos_key *key,
              uint8_t type, uint64_t *off);
int obj_make(struct vos_tx *t, daos_obj_id_t oid, uint64_t *off);
int dkey_make(struct vos_tx *t, uint64_t obj, daos_obj_id_t oid, const struct vos_key *key,
              uint64_t *off);
/* dkey may not be packed. */
int akey_make(struct vos_tx *t, uint64_t dkey, daos_obj_id_t oid, const struct vos_key *key,
              uint8_t type, uint64_t *off);
/* Where a dkey is, or would go, for who looks first and then makes or replaces it: good until the
 * tree of dkeys is changed. */
struct dkey_at {
    uint64_t off; /* of its record; 0: there is none */
    struct tree_key key;
    struct tree_place place;
};
int dkey_look_up(struct heap *h, uint64_t obj, daos_obj_id_t oid, const struct vos_key *key,
                 struct dkey_at *at);
/* The rest of dkey_make(). */
int dkey_make_at(struct vos_tx *t, uint64_t obj, daos_obj_id_t oid, const struct vos_key *key,
                 struct dkey_at *at, uint64_t *off);
/* The record alone, of which the tree of dkeys does not know yet. */
int dkey_alloc(struct vos_tx *t, uint64_t obj, const struct vos_key *key, uint64_t *off);
/* Makes an akey that is not there; counted by the caller. */
int akey_add(struct vos_tx *t, uint64_t dkey, daos_obj_id_t oid, const struct vos_key *key,
             uint8_t type, uint64_t *off);
/* Key bytes of a dkey or akey record. */
int dkey_name(struct heap *h, uint64_t off, struct vos_key *key);
int akey_name(struct heap *h, uint64_t off, struct vos_key *key, uint8_t *type);
/* Order key and compare key of a record, to continue a walk or to remove it. id: room for the
 * compare key. */
union key_room {
    struct akey_id akey;
    struct when when;
    uint64_t oid[2];
    struct vos_key key;
};
int obj_key(struct heap *h, uint64_t off, union key_room *room, struct tree_key *k);
int dkey_key(struct heap *h, enum korder ko, uint64_t off, union key_room *room,
             struct tree_key *k);
int akey_key(struct heap *h, enum korder ko, uint64_t off, union key_room *room,
             struct tree_key *k);
int ext_key(struct heap *h, uint64_t start, uint64_t off, union key_room *room, struct tree_key *k);

/* The value of an extent's tree entry: offset and an upper bound of its length. */
static inline uint64_t ext_off(uint64_t value)
{
    return (value & ((UINT64_C(1) << 40) - 1)) * 8;
}
uint64_t ext_value(uint64_t off, uint64_t nr);
static inline uint64_t ext_bound(uint64_t value) /* records at most */
{
    return tree_reach(value);
}

/* Walks all entries of a tree, not changing it. */
#define WALK_ENT_MAX 64u
struct walk {
    struct heap *h;
    const struct tree_class *cls;
    uint64_t root;
    enum korder ko;
    struct tree_entry ent[WALK_ENT_MAX];
    uint32_t at, nr;
    bool started, down, placed;
    bool only;  /* of a packed record: what ent holds is all */
    bool ahead; /* dkeys: every entry will be looked at, and what is below it */
    enum tree_seek
        how; /* placed: where to start; key and room must stay until the first walk_next() */
    struct tree_key key;
    struct when none;
    uint64_t above; /* extents that end here or before may be left out; 0: none */
    uint64_t below; /* of those that begin here or behind only the first may come; 0: all do */
};
void walk_init(struct walk *w, struct heap *h, const struct tree_class *cls, uint64_t root,
               enum korder ko);
/* Extents only: starts at the first entry with start >= from, or (down) at the last with start <
 * from. */
void walk_ext(struct walk *w, struct heap *h, uint64_t akey, uint64_t from, bool down);
/* Up, those that may reach behind `above` and begin before `below`: from where the longest extent
 * of the akey does. Others may come too; one that begins at `below` or behind is the last. */
void walk_ext_range(struct walk *w, struct heap *h, uint64_t akey, const struct akey_rec *a,
                    uint64_t above, uint64_t below);
/* ahead.c */
#define AHEAD_STEP 4u
/* Every AHEAD_STEP entries: what the entries behind the one at `at` will need. */
void ahead_dkeys(struct heap *h, const struct tree_entry *ent, uint32_t nr, uint32_t at);
void ahead_ops(struct vos_cont *c, const struct vos_op *ops, uint32_t nr);
/* -DER_NONEXIST at the end. */
int walk_next(struct walk *w, uint64_t *value);

/* ---- pack.c ---- */

/* Wherever the offset of a dkey's record is given it may be that of a packed one, and that of an
 * akey a handle into one. Writers call dkey_plain() first (dkey_make() does). */
static inline bool akey_is_packed(uint64_t akey)
{
    return akey & 1;
}
static inline uint64_t pack_akey(uint64_t dkey)
{
    return dkey | 1;
}
static inline uint64_t pack_of(uint64_t akey)
{
    return akey & ~UINT64_C(1);
}

struct pack {          /* what a packed record says */
    uint64_t off, ver; /* of the record, and of the struct ver or ext in it */
    uint8_t type;
    uint16_t flags, keys_at; /* flags: of the version */
    struct when w;
    uint64_t start, nr; /* array; otherwise nothing */
    uint32_t rec_size;
    struct vos_key dkey, akey; /* in the heap */
    const uint8_t *at;         /* the version, in the heap */
};
static inline int pack_is(struct heap *h, uint64_t dkey, bool *yes)
{
    const uint8_t *kind = heap_ptr(h, dkey, 1);

    *yes = kind && *kind == REC_PACK;
    return kind ? 0 : heap_rc(h);
}
int pack_get(struct heap *h, uint64_t off, struct pack *p);
/* The key alone. */
int pack_name(struct heap *h, uint64_t off, struct vos_key *dkey);
/* pack_is(), and pack_get() if it is. */
int pack_try(struct heap *h, uint64_t off, struct pack *p, bool *yes);
/* layout_single() of its version. */
struct layout;
int pack_single(struct heap *h, const struct pack *p, struct layout *l, const uint8_t **rec);
/* Can the extent of a packed array be? To be asked before it is taken for an entry of a tree:
 * -DER_CSUM. */
int pack_ext(const struct pack *p);
/* Copies of the records of a dkey and an akey; of packed ones: what they would be, with no trees
 * (a walk finds what is in them), values.word0 not 0. */
int dkey_look(struct heap *h, uint64_t off, struct dkey_rec *d);
int akey_look(struct heap *h, uint64_t akey, struct akey_rec *a);
/* Writes the only akey of an update, if that makes a packed dkey or leaves one: *done, and at is
 * used up. The caller notes the change in the object. */
struct prep;
int pack_write(struct vos_tx *t, uint64_t obj, const struct vos_op *op, const struct prep *pr,
               struct dkey_at *at, bool *done);
/* Unpacks *dkey if it is packed: *dkey is then another. */
int dkey_plain(struct vos_tx *t, uint64_t obj, daos_obj_id_t oid, uint64_t *dkey);
/* A punch of a packed dkey that may go whole, but for its name, which an anchor may need. */
int pack_bury(struct vos_tx *t, uint64_t obj, daos_obj_id_t oid, uint64_t dkey);
/* Frees a packed record and what it holds; the caller takes it out of its tree first. */
int pack_free(struct vos_tx *t, uint64_t dkey);

/* ---- life.c ---- */

/* What a reader at an epoch must know, gathered on the way down. */
struct view {
    struct vos_cont *c;
    uint64_t epoch;   /* DAOS_EPOCH_MAX: latest */
    bool exact;       /* cuts do not matter: latest, or a committed snapshot */
    struct when hide; /* newest punch at or above */
    uint64_t mark;    /* newest cut mark above epoch on the way: absence is not certain below it */
    struct when lost; /* newest LOST on the way that nothing newer hides; epoch 0: none */
};
void view_init(struct view *v, struct vos_cont *c, uint64_t epoch);
/* Takes the existence log of one record into account. -DER_TX_RESTART: cut. */
int view_life(struct view *v, uint64_t life);
/* The same for an object, whose older incarnation may have been given back as a whole. */
int view_obj(struct view *v, uint64_t obj);
/* Nothing is known of the object: -DER_NONEXIST, or -DER_TX_RESTART if one may have been there at
 * the epoch. */
int view_no_obj(const struct view *v);
/* Cut mark of an existence log; 0: none. */
int life_mark_get(struct heap *h, uint64_t life, uint64_t *epoch);
/* May something have been lost that the view would show? */
static inline bool view_in_doubt(const struct view *v)
{
    return v->lost.epoch != 0 && when_cmp(v->lost, v->hide) >= 0;
}
/* Is there a LOST or GAP in the existence log that is newer than hide? Then what it is at is not to
 * be given back, whatever else is there. */
int life_in_doubt(struct heap *h, uint64_t life, struct when hide, bool *yes);
/* The answer "absent": -DER_NONEXIST, or -DER_TX_RESTART if it is not certain, -DER_CSUM if it may
 * have been lost. */
int view_absent(const struct view *v);
static inline bool view_sees(const struct view *v, struct when w)
{
    if (MUTANT(VIS_MINOR_IGNORED) && w.epoch == v->hide.epoch)
        return false;
    return w.epoch <= v->epoch && when_cmp(w, v->hide) > 0;
}

/* Inserts the record at off into the list at head_off, by when. */
int life_insert(struct vos_tx *t, uint64_t head_off, uint64_t rec, struct when w);
/* Adds a punch at t->w to the life at head_off, superseding the newest one if it may go. near: for
 * the allocation. */
int life_punch(struct vos_tx *t, uint64_t head_off);
/* Raises the cut mark of the life at head_off to epoch. */
int life_mark(struct vos_tx *t, uint64_t head_off, uint64_t epoch);
/* Before t->w something may have been there that is lost. */
int life_lost(struct vos_tx *t, uint64_t head_off);
int life_free(struct vos_tx *t, uint64_t head_off);
/* Takes one record out of the list and frees it. */
int life_remove(struct vos_tx *t, uint64_t head_off, uint64_t rec);

/* ---- layout.c: bytes of a version ---- */

struct layout {
    uint64_t bytes; /* of the value */
    uint16_t flags;
    uint32_t loc_off, loc_nr;             /* u64 each */
    uint32_t csum_off, csum_nr, csum_len; /* csum_off: of the type byte */
    uint16_t csum_type;                   /* base/csum.h */
    uint32_t csum_unit;                   /* ext: bytes that one covers */
    uint32_t data_off;                    /* inline bytes */
    uint32_t total;
};
/* base: struct ver or struct ext. loc_nr, csum_type (as stored), csum_nr for writing. */
void layout_make(struct layout *l, uint32_t base, uint64_t bytes, uint16_t flags, uint32_t loc_nr,
                 uint16_t csum_type, uint32_t csum_nr);
/* Of the record at p (a whole allocation). Answers the record's address through *rec. */
int layout_single(struct heap *h, uint64_t off, struct layout *l, const uint8_t **rec);
int layout_ext(struct heap *h, uint64_t off, struct layout *l, const uint8_t **rec);
uint32_t stored_csum_len(uint16_t type); /* without CSUM_FINE; 0: there is no such */
/* Bytes of an extent that one covers. */
static inline uint32_t csum_unit(uint16_t type)
{
    return type & CSUM_FINE ? CSUM_FINE_BYTES : CSUM_CHUNK_BYTES;
}
/* Is that a type byte that a version with these flags may have? */
bool layout_knows_csum(uint16_t stored, uint16_t flags, bool single);
/* Gives back what a version owns outside its record. */
int layout_release(struct vos_tx *t, const struct layout *l, const uint8_t *rec);
/* Fills the record at rec, of layout p->l, with the part's value; allocates its slot near, takes
 * its data extents into use. */
struct part;
int layout_store(struct vos_tx *t, const struct vos_iod *iod, const struct part *p, uint8_t *rec,
                 uint64_t near);
/* Address of heap bytes (inline or slot), verified against the checksum if asked. */
int layout_bytes(struct heap *h, const struct layout *l, const uint8_t *rec, bool verify,
                 const uint8_t **bytes);

/* ---- update.c: what begin prepared ---- */

struct part {           /* one stored version to be */
    uint64_t start, nr; /* array: records; single: nr 1 */
    uint64_t src_off, bytes;
    struct layout l; /* total = bytes of the record */
    uint32_t ext_nr; /* data extents */
    struct space_extent *ext;
    const uint8_t *csums; /* the caller's; NULL: CRC-32C of our own */
    uint16_t csum_type;
    const uint8_t *image; /* of an intent: the version's record, of which only the layout is there;
                             what it names is in use. NULL: from the iod */
};

struct prep { /* one iod */
    uint32_t part_nr, part_max;
    struct part *parts;
};

struct vos_update {
    struct vos_cont *c;
    const struct vos_op *ops;
    uint32_t nr;
    struct prep **preps; /* [op][iod] */
    struct vos_place *places;
    uint32_t place_nr, place_max;
    uint64_t heap_max; /* bytes of a value that lives in the heap */
    size_t redo_max;
    struct arena arena;
    struct vos_update *next;
};
struct vos_update *update_new(struct vos_cont *c);
/* Bound of the redo of one operation. */
size_t update_redo(const struct vos_op *op, const struct prep *preps);
void iov_copy(const struct iovec *iov, uint32_t nr, uint64_t off, void *dst, size_t len);
void update_free(struct vos_update *u, bool cancel_space);

/* ---- value.c, array.c ---- */

/* The version of a single value that the view (punches of akey included) shows; -DER_NONEXIST or
 * -DER_TX_RESTART. */
int single_find(const struct view *v, uint64_t akey, uint64_t *off, struct when *w);
int single_write(struct vos_tx *t, uint64_t akey, const struct vos_iod *iod, const struct part *p);
/* Drops versions no reader may ask for, up to epoch upto; punches newer than a version hide it. */
int single_prune(struct vos_tx *t, uint64_t akey, struct when hide, uint64_t upto);
int single_free(struct vos_tx *t, uint64_t off);
/* Fills a record of the part's layout at off, whose bytes are writable at p. */
int single_fill(struct vos_tx *t, uint64_t off, uint8_t *p, const struct vos_iod *iod,
                const struct part *part, uint16_t extra_flags, uint64_t older);

struct piece { /* a visible stretch of an array */
    uint64_t start, nr;
    struct when w;
    uint64_t off; /* of its ext; 0: a WIDE hole */
    uint64_t ext_start, ext_nr;
    uint32_t rec_size; /* 0: hole */
    bool lost;         /* a GAP */
};
struct pieces {
    struct piece *p;
    uint32_t nr, max;
    bool cut; /* what was there before may be gone */
    bool oom;
};
/* What the view shows of [from, to): ascending, not overlapping, holes left out. Memory is of
 * arena. max_collect 0: all; else at most so many extents are looked at and *reached tells up to
 * where (exclusive; down: from where) the answer is complete. */
int array_visible(const struct view *v, uint64_t akey, uint64_t from, uint64_t to, bool down,
                  uint32_t max_collect, struct arena *a, struct pieces *out, uint64_t *reached);
int array_any(const struct view *v, uint64_t akey, bool *any);
/* Where a search for what overlaps `from` must begin. */
uint64_t array_search_from(const struct akey_rec *a, uint64_t from);
/* The extent behind a tree entry. */
int ext_piece(struct heap *h, uint64_t start, uint64_t value, struct piece *p, uint16_t *flags);
int pieces_push(struct pieces *a, struct arena *mem, struct piece p);
int pieces_by_start(const void *x, const void *y); /* for qsort */

/* ---- extent.c, prune.c ---- */

/* The least power of two that is at least nr: akey_rec.max_log. */
static inline uint16_t log_up(uint64_t nr)
{
    return nr > 1 ? (uint16_t)(64 - __builtin_clzll(nr - 1)) : 0;
}

#define LIFE_OFF(akey) ((akey) + offsetof(struct akey_rec, life))
#define ROOT_OFF(akey) ((akey) + offsetof(struct akey_rec, values))
int ext_remove(struct vos_tx *t, uint64_t akey, const struct piece *p);
/* Where garbage remains, or probably does, that only vos_reclaim() can give back. */
struct left {
    bool in_obj;  /* as much as needs the trash */
    bool in_akey; /* a long extent may be covered by now */
};
/* What is set in *left stays set. */
int array_write(struct vos_tx *t, uint64_t akey, const struct vos_iod *iod, const struct part *p,
                struct left *left);
int array_hole(struct vos_tx *t, uint64_t akey, uint64_t start, uint64_t nr, struct left *left);
int array_prune(struct vos_tx *t, uint64_t akey, struct when akey_hide, uint64_t upto,
                uint64_t *cursor, bool *more);
int ext_free(struct vos_tx *t, uint64_t off);
int ext_fill(struct vos_tx *t, uint64_t off, uint8_t *rec, const struct vos_iod *iod,
             const struct part *p, uint16_t extra);
int akey_rec_size(struct heap *h, uint64_t akey, uint32_t *rec_size);
int akey_set_rec_size(struct vos_tx *t, uint64_t akey, uint64_t rec_size);

/* ---- visible.c ---- */

/* Each takes the view of the level above and says whether the record shows anything; *inner (may be
 * NULL): the view below it. */
int akey_visible(const struct view *v, uint64_t akey, bool *yes, struct view *inner);
int dkey_visible(const struct view *v, uint64_t dkey, daos_obj_id_t oid, bool *yes,
                 struct view *inner);
int obj_visible(const struct view *v, uint64_t obj, daos_obj_id_t oid, bool *yes,
                struct view *inner);
/* The same, leaving out the dkey record `but`. */
int obj_visible_but(const struct view *v, uint64_t obj, daos_obj_id_t oid, uint64_t but, bool *yes,
                    struct view *inner);

/* ---- punch.c, drop.c ---- */

/* Notes a change at t->w in the record of an object or dkey; dead: a punch of it. An akey has only
 * the flag. */
int rec_touch(struct vos_tx *t, uint64_t off, bool dead);
int akey_touch(struct vos_tx *t, uint64_t akey, bool dead);
int punch_obj(struct vos_tx *t, daos_obj_id_t oid);
int punch_dkey(struct vos_tx *t, daos_obj_id_t oid, const struct vos_key *dkey);
int punch_akey(struct vos_tx *t, daos_obj_id_t oid, const struct vos_key *dkey,
               const struct vos_key *akey);

#define DROP_MAX 40u /* records a change gives back at once; the rest is for vos_reclaim() */
/* Is everything below, at most *budget records, droppable before t->w? *oldest sinks to the oldest
 * epoch met. */
int small_akey(struct vos_tx *t, uint64_t akey, uint32_t *budget, uint64_t *oldest, bool *small);
int small_dkey(struct vos_tx *t, uint64_t dkey, enum korder ako, uint32_t *budget, uint64_t *oldest,
               bool *small);
int small_obj(struct vos_tx *t, uint64_t obj, daos_obj_id_t oid, uint32_t *budget, uint64_t *oldest,
              bool *small);
/* Free the record with all that is below; the caller takes it out of its tree first. */
int akey_free(struct vos_tx *t, uint64_t akey);
int dkey_free(struct vos_tx *t, uint64_t dkey, enum korder ako);
int obj_free(struct vos_tx *t, uint64_t obj);
/* Take it out of its parent's tree and free it; cut: epoch to remember in the parent (0 none). */
int obj_remove(struct vos_tx *t, uint64_t obj, uint64_t cut);
int dkey_remove(struct vos_tx *t, uint64_t obj, daos_obj_id_t oid, uint64_t dkey, uint64_t cut);
int akey_remove(struct vos_tx *t, uint64_t dkey, enum korder ko, uint64_t akey, uint64_t cut);
int dkey_is_empty(struct vos_tx *t, uint64_t dkey, bool *empty);
int trash_add(struct vos_tx *t, uint64_t obj);
int trash_take(struct vos_tx *t, uint64_t obj);

/* ---- cover.c ---- */

/* nr records were written into extents that could be given back if newer ones covered them, the
 * longest of `longest`. True: it may be covered, and somebody should look. */
bool cover_note(struct vos *v, uint64_t akey, uint64_t nr, uint64_t longest);
/* vos_reclaim() is to look at the akey at offset `at`, if there is room to remember it. */
void cover_ask(struct vos_cont *c, daos_obj_id_t oid, const struct vos_key *dkey,
               const struct vos_key *akey, uint64_t at);
/* Looks at one of those that were asked for; there is one. An error is that one's. */
int cover_step(struct vos *v);

/* ---- shred.c ---- */

/* A step of a destroyed container's end. *gone: nothing is left of it. */
int shred_cont(struct vos_cont *c, bool *gone);

/* ---- reclaim.c, discard.c ---- */

/* Gives back what newer versions cover in an akey. */
int reclaim_akey(struct vos_cont *c, uint64_t obj, uint64_t dkey, daos_obj_id_t oid, uint64_t akey);

/* A walk over every dkey of a tree of objects, a step each, in an anchor. */
struct round {
    uint64_t upto;        /* pruning: what newer versions up to here cover */
    uint64_t first, last; /* discarding: what changed at these epochs */
    uint64_t *newest;     /* ... and the newest below them that stays */
    bool spares;          /* passes by the objects that something prepared touches */
    int (*dkey)(struct vos_cont *c, uint64_t obj, uint64_t dkey, daos_obj_id_t oid,
                const struct round *r);
    int (*obj)(struct vos_cont *c, uint64_t obj, const struct round *r); /* after its dkeys */
};
/* root_at: of the tree in the container's record. */
int round_step(struct vos_cont *c, size_t root_at, const struct round *r, struct vos_anchor *where,
               bool *done);
bool round_started(const struct vos_anchor *where);
/* Calls fn for each akey of a dkey that is not packed; each may vanish. */
int each_akey(struct vos_cont *c, uint64_t obj, uint64_t dkey, daos_obj_id_t oid,
              const struct round *r,
              int (*fn)(struct vos_cont *c, uint64_t obj, uint64_t dkey, daos_obj_id_t oid,
                        uint64_t akey, const struct round *r));
/* A transaction of the background. */
int round_begin(struct vos_tx *t, struct vos_cont *c, size_t redo);
int round_end(struct vos_tx *t, int rc);
#define PRUNE_REDO (512u << 10)

/* Was something at this epoch discarded not long ago? Who has read it must not commit. */
bool was_discarded(const struct vos_cont *c, uint64_t epoch);

/* ---- publish.c ---- */

/* What is at a level for a reader (yes: visible) and when it changed last. -DER_TX_RESTART: below a
 * cut. */
int key_probe(const struct view *top, enum vos_level level, daos_obj_id_t oid,
              const struct vos_key *dkey, const struct vos_key *akey, bool *yes, uint64_t *changed);

/* Do all conditions and checks of the update hold now? */
int update_conditions(const struct vos_update *u);
/* All operations, in an open transaction. */
int update_apply(struct vos_tx *t, const struct vos_update *u);
/* The newest LSN among what the operations look at or change; theirs is this. */
uint64_t update_seen_lsn(const struct vos_update *u);
/* It is committed; epoch 0: nothing is changed by it yet. */
void update_note(const struct vos_update *u, uint64_t lsn, uint64_t epoch);
/* Does it look at what is there? */
bool update_looks(const struct vos_update *u);
/* What it looked at was read at this epoch. */
void update_mark(const struct vos_update *u, uint64_t epoch);
/* Nothing is stored of it but that it was looked at, which outlives a crash: marked, and *lsn must
 * be durable before the answer. */
int update_looked(const struct vos_update *u, uint64_t epoch, uint64_t *lsn);
/* rc is an answer to what was looked at at this epoch (0: no epoch): what was looked at must stay
 * so for whoever comes before it. Returns rc, or why it cannot be given. */
int update_refused(const struct vos_update *u, int rc, uint64_t epoch, uint64_t *lsn);
bool update_only_checks(const struct vos_update *u);
/* Deletes and nothing else: works in a full pool too. */
bool update_only_deletes(const struct vos_update *u);
/* Does the operation look at, or change, more of its object than one dkey? */
static inline bool op_of_obj(const struct vos_op *op)
{
    return op->kind != VOS_OP_UPDATE &&
           (op->level == VOS_OBJ || (op->kind == VOS_OP_CHECK && op->check == VOS_CHECK_ONLY));
}

static inline struct site op_site(const struct vos_cont *c, const struct vos_op *op)
{
    return site_of(c, op_of_obj(op) ? VOS_OBJ : VOS_DKEY, op->oid, &op->dkey);
}

/* ---- prepare.c ---- */

/* Gives back one intent of a destroyed container. *gone: there is none left. */
int shred_intent(struct vos_tx *t, bool *gone);

/* ---- intent.c ---- */

extern const struct tree_class intent_class;
#define INTENTS_OFF(c) ((c)->off + offsetof(struct cont_rec, intents))

struct intent { /* as read; memory of the arena that was given */
    struct intent_rec head;
    const uint8_t *info;
    const struct intent_op *ops;
    uint8_t *stream; /* intent_as_update() only */
};
/* Where it belongs in the tree; id: room for its key. */
struct tree_key intent_key(uint64_t hlc, uint64_t rnd, uint64_t seq, uint64_t id[3]);
/* Stores the update, and takes slots and extents of its values into use. head: hlc, rand, seq,
 * epoch, pages. */
int intent_write(struct vos_tx *t, const struct vos_update *u, struct intent_rec *head,
                 const void *info, uint64_t *off);
size_t intent_redo(const struct vos_update *u);
size_t intent_bytes(const struct vos_update *u); /* of its stream */
int intent_head(struct heap *h, uint64_t off, struct arena *a, struct intent *i);
/* What update_apply() needs; *in and all of it are the update's, to be freed by update_free(). */
int intent_as_update(struct vos_cont *c, uint64_t off, struct vos_update **u, struct intent *in);
/* What is left of one that was decided. [heap transaction] */
int intent_put_decided(struct vos_tx *t, struct decided *d); /* sets d->off */
/* Frees its records; values: and what it owns. */
int intent_free(struct vos_tx *t, uint64_t off, const struct vos_update *values);
/* Offset of each further record of it. -DER_NONEXIST at the end. */
int intent_more(struct heap *h, uint64_t *off);

/* ---- doubt.c: intents in memory ---- */

struct doubt {
    struct list link;
    struct hlink by_id;
    const struct vos_cont *c; /* once it is added */
    uint64_t hlc, rand, seq, epoch;
    uint64_t off;   /* of the intent */
    uint64_t lsn;   /* of its prepare */
    uint64_t bytes; /* of its values */
    uint32_t pages; /* promised by the heap */
    uint32_t touch_nr, info_len;
    struct touch *touches;
    uint8_t info[];
};
/* A transaction that was committed here, and that others may still ask about. */
struct decided {
    struct list link;
    struct hlink by_id;
    uint64_t hlc, rand, seq, epoch;
    uint64_t off, lsn;
    uint32_t info_len;
    uint8_t info[];
};
/* Those that are being decided come on top of the decisions that are kept. */
#define DECIDED_BYTES_MAX                                                                          \
    ((VOS_DECIDED_MAX + VOS_INTENT_MAX) * (sizeof(struct decided) + VOS_INFO_MAX + HASH_SLOT_BYTES))
_Static_assert(MARKS_BYTES + DOUBT_BYTES_MAX + DECIDED_BYTES_MAX +
                       SESSIONS_KEPT * (SESSION_KEPT_SIZE + HASH_SLOT_BYTES) <=
                   VOS_TX_MEMORY,
               "what is promised in vos.h");
struct decided *decided_new(uint64_t hlc, uint64_t rnd, uint64_t seq, uint64_t epoch,
                            const void *info, uint32_t info_len);
void decided_add(struct vos_cont *c, struct decided *d);
void decided_take(struct vos_cont *c, struct decided *d);
struct decided *decided_find(const struct vos_cont *c, const struct vos_txid *id);
/* The rest of them, all at once: they may be on more pages than one operation may need. A step: so
 * many that it does not. */
int doubts_load(struct vos_cont *c);
int doubts_load_step(struct vos_cont *c);
void doubts_forget(struct vos_cont *c);
/* The promise is the caller's until it is added. NULL: no memory. */
struct doubt *doubt_new(const struct intent_rec *head, const void *info,
                        const struct intent_op *ops, const struct vos_cont *c);
void doubt_free(struct doubt *d);
void doubt_add(struct vos_cont *c, struct doubt *d);
void doubt_take(struct vos_cont *c, struct doubt *d); /* drops the promise */
struct doubt *doubt_find(const struct vos_cont *c, const struct vos_txid *id);
/* The latest epoch of those that change the object or something in it; 0: none does. */
uint64_t doubt_newest(const struct vos_cont *c, daos_obj_id_t oid);
/* -DER_INPROGRESS. */
int doubt_meets(const struct vos_update *u);
/* The first that touches an object, behind another (NULL: of all). */
const struct doubt *doubt_of_obj(const struct vos_cont *c, daos_obj_id_t oid,
                                 const struct doubt *after);
int doubt_between(const struct vos_cont *c, uint64_t first, uint64_t last);
/* The floor that they leave, but for one of them (may be NULL). */
uint64_t doubt_floor(const struct vos_cont *c, const struct doubt *but);

/* ---- check.c, repair.c, dump.c ---- */

void check_end(struct vos *v);
void repair_end(struct vos *v);
/* A key as a person reads it: the number, or its bytes with \xNN for what cannot be shown. */
const char *vos_key_text(const struct vos_key *k, bool integer, char *buf, size_t size);

/* ---- session.c ---- */

bool txid_is_none(const struct vos_txid *id);
bool txid_is_sane(const struct vos_txid *id);
enum txid_state {
    TXID_NEW,
    TXID_APPLIED,
    TXID_PREPARED,
    TXID_ABORTED,
    TXID_STALE, /* its session may have been forgotten */
    TXID_FULL,  /* no slot for it: the client must acknowledge first, */
    TXID_WAITS, /* ... or this transaction be resolved */
};
struct txid_look {
    enum txid_state state;
    bool acked; /* at or below the acknowledged mark: to be refused */
    uint64_t epoch;
    uint64_t held; /* TXID_WAITS: seq of whose slot it is */
};
int session_look(struct vos *v, const struct vos_txid *id, struct txid_look *out);
/* In the transaction of the change. flag: 0 or OUTCOME_*. -DER_AGAIN. */
int session_record(struct vos_tx *t, const struct vos_txid *id, uint64_t flag);
/* What is remembered of the id is not any more. */
int session_clear(struct vos_tx *t, const struct vos_txid *id);
void session_forget_cache(struct vos *v);
int session_reclaim(struct vos *v, bool *more);

/* Redo estimates, bytes: header files of the heap promise TREE_REDO_MAX an insert. */
#define REDO_REC 256u /* a small record, its slot bits and a few words elsewhere */

/* ---- list.c: a place among keys that survives any change ---- */

#define POS_KEY 48u /* key bytes a place holds whole; longer keys by their beginning and a hash */

struct pos {               /* 72 bytes, in anchors */
    uint8_t started, type; /* akeys: value type */
    uint16_t key_len;
    uint32_t pad;
    uint64_t order, hash;
    uint8_t key[POS_KEY];
};
/* Must the record of a dead key stay for a while, because an anchor may name it and could not find
 * its place without it? Only byte-ordered keys: hashed ones have no neighbours with the same order
 * key. */
static inline bool pos_needs(enum korder ko, uint32_t key_len)
{
    return ko == K_LEX && key_len > POS_KEY;
}
void pos_set(struct pos *p, enum korder ko, const struct vos_key *key, uint8_t type);
/* Starts w behind the place (akeys: cls akey_class). room and p must stay until the first
 * walk_next(). */
int pos_walk(const struct pos *p, struct walk *w, struct heap *h, const struct tree_class *cls,
             uint64_t root, enum korder ko, struct akey_id *room);

#endif
