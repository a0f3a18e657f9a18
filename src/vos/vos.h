/*
 * vos: the versioned object store. One shard of a pool on one target.
 *
 * A shard holds containers, a container objects (128-bit id), an object dkeys, a dkey akeys, an
 * akey either one value (SINGLE) or an array of fixed-size records. Every change is a version at an
 * epoch; a read at epoch E sees, for each byte, the newest version <= E that no punch <= E above it
 * hides. Nothing is overwritten; a punch is a version too. The persistent shapes are drawn in
 * docs/formats.md.
 *
 * vos is synchronous and does no I/O: it runs inside the heap's lock, may return HEAP_FAULT,
 * HEAP_WAIT or HEAP_GROW (see heap/heap.h for the retry loop), and says where large values are or
 * go; the caller moves them. It holds no state between calls except what struct vos caches (which a
 * restart rebuilds) and reservations of updates under way.
 *
 * All functions are [L] (heap lock held, any thread) unless marked. Pointers given in stay the
 * caller's. -DER_NO_PERM on a readonly heap.
 */
#ifndef TARN_VOS_H
#define TARN_VOS_H

#include <daos_types.h>
#include <daos_obj.h>
#include "heap/heap.h"
#include "heap/refs.h"
#include "heap/space.h"
#include "heap/tree.h"

struct vos;
struct vos_cont; /* an open container of the shard: cached state; valid until vos_close or its
                    destroy */

#define VOS_KEY_MAX 4096u /* bytes of a dkey or akey */
#define VOS_VALUE_HEAP                                                                             \
    4096u /* single values and extents up to this many bytes live in the heap, larger ones in data \
             extents */
/* Where data extents lie in memory this is the limit: a value there costs a copy, in the heap three
 * (its page, the log, the checkpoint). What is shorter would waste more of a block. */
#define VOS_VALUE_NEAR 3072u
/* A compound that brings so many bytes in values above INLINE_MAX writes those to data extents as
 * well: side by side they cost one device write, and neither log nor memory holds them. */
#define VOS_VALUE_MANY (64u << 10)
#define VOS_EXTENT_MAX                                                                             \
    (1u << 20) /* bytes one stored extent covers at most; longer writes become several */
#define VOS_OPS_MAX          64u /* operations in one compound */
#define VOS_SESSION_OUTCOMES 256u
#define VOS_INFO_MAX         512u  /* bytes that the caller may give to a prepared transaction */
#define VOS_INTENT_MAX       1536u /* transactions prepared in one shard at a time */
#define VOS_DECIDED_MAX      4096u /* decisions kept in one shard */
#define VOS_TX_MEMORY        (UINT64_C(13) << 20) /* bytes of memory for all that, and for marks */

/* ---- Shard ---- */

/* Makes an empty store in the heap's VOS root. One heap transaction. */
int vos_format(struct heap *h);
/* [L] HEAP_FAULT possible. clock: the shard's hybrid clock, shared with the engine; advanced above
 * every logged epoch and the ceiling. wall_ns: the caller's wall clock now. */
struct hlc;
int vos_open(struct heap *h, struct hlc *clock, uint64_t wall_ns, struct vos **v);
/* The rest of it, before the store is used: what is in doubt, a step. *more: call again. */
int vos_open_step(struct vos *v, bool *more);
void vos_close(struct vos *v);

/* ---- Containers ---- */

/* Finds a container by uuid; create: makes it if absent (one heap transaction). -DER_NONEXIST. */
int vos_cont_open(struct vos *v, const uuid_t uuid, bool create, struct vos_cont **c);
void vos_cont_uuid(const struct vos_cont *c, uuid_t uuid);
/* Marks the container destroyed at once (one transaction: it is gone for every reader and after a
 * crash); the room is given back by vos_reclaim(). Whoever still has it open is answered
 * -DER_NO_HDL by whatever he asks. */
int vos_cont_destroy(struct vos *v, const uuid_t uuid);
/* Snapshot epochs of the container, kept readable until removed. Adding advances the clock past the
 * epoch and marks the container read at it. */
int vos_snap_add(struct vos_cont *c, daos_epoch_t epoch);
int vos_snap_del(struct vos_cont *c, daos_epoch_t epoch); /* -DER_NONEXIST */
int vos_snap_list(struct vos_cont *c, daos_epoch_t *epochs, uint32_t max,
                  uint32_t *nr); /* *nr: how many there are */
/* Takes the container back to its newest snapshot: whatever was changed after it is as if it had
 * never been, for every reader from now on and after a crash (c's answers wait for that). The
 * records go by vos_reclaim(); until they have, changes of the container and new snapshots are
 * refused with -DER_AGAIN. A read at an epoch between shows the snapshot, or is -DER_TX_RESTART.
 * -DER_NONEXIST: no such snapshot. txid, *lsn, *replayed: as in vos_update_publish(). -DER_BUSY:
 * there is a newer one, or a reader holds a later epoch (vos_hold()).
 * -DER_INPROGRESS: transactions are prepared, so it is not known yet what the snapshot holds. */
struct vos_txid;
int vos_rollback(struct vos_cont *c, daos_epoch_t epoch, const struct vos_txid *txid, uint64_t *lsn,
                 bool *replayed);
/* One bounded step of what vos_reclaim() would do for it; *more: it is not done yet. */
int vos_rollback_step(struct vos_cont *c, bool *more);
bool vos_rollback_pending(const struct vos_cont *c);
/* Oldest epoch whose versions must be kept: what a superseded version is measured against
 * (architecture section 6, "one keep floor"). */
daos_epoch_t vos_keep_floor(struct vos_cont *c);
/* Holds the floor at epoch: a registered reader, or the barrier of a snapshot in the making.
 * Volatile; the engine gives leases their end. May be held several times; release takes one.
 * Prepared transactions hold it too: it is below the oldest one's epoch.
 * -DER_NOMEM, -DER_NONEXIST. */
int vos_hold(struct vos_cont *c, daos_epoch_t epoch);
int vos_release(struct vos_cont *c, daos_epoch_t epoch);

/* ---- Changes ---- */

struct vos_key {
    const void *buf;
    uint32_t len;
};

enum vos_level { VOS_OBJ, VOS_DKEY, VOS_AKEY, VOS_RECX };

enum vos_op_kind {
    VOS_OP_UPDATE, /* write or (rec_size 0) punch extents of akeys under one dkey */
    VOS_OP_PUNCH,  /* punch object, dkey, or akeys, by level */
    VOS_OP_CHECK,  /* change nothing: the compound applies only if this holds */
};

enum vos_check {
    VOS_CHECK_EXISTS,    /* else -DER_NONEXIST */
    VOS_CHECK_ABSENT,    /* else -DER_EXIST */
    VOS_CHECK_EMPTY,     /* object has no visible dkey, dkey no visible akey ; else VOS_NOTEMPTY */
    VOS_CHECK_UNCHANGED, /* no version or punch newer than `seen` at or below the level; else
                            -DER_TX_RESTART */
    VOS_CHECK_ONLY,      /* level VOS_DKEY: object has no visible dkey but this one, which may be
                            missing too; else VOS_NOTEMPTY */
};
#define VOS_NOTEMPTY (-2100) /* crosses the wire as it is; client maps it to ENOTEMPTY */

/* Checksum of a value (SINGLE: one) or of each chunk of one recx's bytes, in order. type:
 * base/csum.h, perhaps with CSUM_FINE; 0 = none. What comes without is given checksums here:
 * extents of more than CSUM_CHUNK_BYTES fine ones, so that who reads little of them reads and
 * verifies little. */
struct vos_csum {
    uint16_t type;
    uint16_t len; /* bytes each */
    uint32_t nr;
    const uint8_t *bytes;
};

/* One akey of an update. */
struct vos_iod {
    struct vos_key akey;
    daos_iod_type_t type;
    uint64_t rec_size; /* SINGLE: value bytes; ARRAY: bytes a record; 0 = punch */
    uint64_t cond;     /* DAOS_COND_AKEY_* of this akey (already resolved from PER_AKEY) */
    uint32_t recx_nr;  /* ARRAY: extents, ascending not required, must not overlap; SINGLE: 0 or 1
                          ignored */
    const daos_recx_t *recxs;
    const struct iovec *iov; /* the bytes of all recxs (or the value), one stream; app or message
                                memory, stays until publish or cancel */
    uint32_t iov_nr;
    const struct vos_csum *csums; /* one for SINGLE, one per recx for ARRAY, or NULL: vos computes
                                     them (CRC32C) when it publishes */
};

struct vos_op {
    enum vos_op_kind kind;
    enum vos_level level; /* PUNCH, CHECK */
    enum vos_check check; /* CHECK */
    daos_epoch_t seen;    /* CHECK_UNCHANGED */
    uint64_t cond; /* DAOS_COND_* : DKEY level conditions of an update, COND_PUNCH of a punch */
    daos_obj_id_t oid;
    struct vos_key dkey;
    uint32_t akey_nr; /* PUNCH VOS_AKEY: akeys; UPDATE: iods */
    const struct vos_key *akeys;
    const struct vos_iod *iods;
};

/* Identity of a modifying request: applied at most once. session 0,0: none (background work of the
 * engine itself). */
struct vos_txid {
    uint64_t session_hlc, session_rand;
    uint64_t seq;
    uint64_t acked; /* outcomes up to this seq need not be remembered */
};

struct vos_update;

/* Where a piece of a large value goes: the caller writes `len` bytes of iod's stream from src_off
 * to the extent (the tail of its last block zeroed), durably, before publish. */
struct vos_place {
    uint16_t op, iod;
    uint64_t src_off;
    uint64_t len;
    struct space_extent ext;
};

/* Checks ops (shapes: -DER_INVAL, -DER_KEY2BIG, ...; conditions advisory) and reserves data
 * extents. places: owned by the update. A compound of nr ops is atomic: one epoch, one heap
 * transaction, conditions and checks evaluated together against the state before it; later ops see
 * earlier ones of the same compound (rename onto an existing name = punch, then insert). */
/* ops and all they point to stay the caller's and unchanged until publish or cancel. -DER_OVERFLOW:
 * the compound would not fit one log record. */
int vos_update_begin(struct vos_cont *c, const struct vos_op *ops, uint32_t nr,
                     struct vos_update **u, const struct vos_place **places, uint32_t *place_nr);
/* Applies it: evaluates txid, conditions, checks, read marks again, takes the epoch (epoch 0: the
 * clock, above every mark; else the given one: replay), one heap transaction. *lsn: durable before
 * the answer, success or not (negative answers wait for what they observed). *replayed: this txid
 * was applied before; nothing was done. Frees u except after HEAP_FAULT, HEAP_WAIT and HEAP_GROW.
 * On error reservations are given back. -DER_EXIST, -DER_NONEXIST, VOS_NOTEMPTY, -DER_TX_RESTART,
 * -DER_REC_SIZE, -DER_INVAL (the akey holds the other value type), -DER_TX_ID_REUSED (below the
 * acked mark), -DER_STALE (the session may have been forgotten: nothing was done, whatever became
 * of an earlier copy), -DER_AGAIN (more than VOS_SESSION_OUTCOMES unacknowledged), -DER_OVERFLOW
 * (as begin; only now was it certain), -DER_NOSPACE. */
int vos_update_publish(struct vos_update *u, uint64_t wall_ns, const struct vos_txid *txid,
                       daos_epoch_t epoch_in, daos_epoch_t *epoch_out, uint64_t *lsn,
                       bool *replayed);
/* Was the request with this id applied before? Then *replayed and the epoch it happened at. The
 * errors of publish that are about the id. */
/* ... -DER_INPROGRESS: it is prepared, or one is that its outcome has no room beside
 * (VOS_SESSION_OUTCOMES before it, vos_met()); -DER_TX_RESTART: it was aborted. */
int vos_txid_check(struct vos *v, const struct vos_txid *txid, bool *replayed, daos_epoch_t *epoch);
void vos_update_cancel(struct vos_update *u);

struct vos_anchor;

/* ---- Prepared changes: a shard's part of a transaction of several ----
 *
 * To prepare is to promise: the compound is stored whole, as an intent, but changes nothing yet.
 * Then vos_resolve() applies it at its epoch, or throws it away, and cannot fail for want of room
 * or because something came between: until it is resolved, whoever would see a difference is
 * answered -DER_INPROGRESS, and vos_met() says which transaction is in the way, so that he can ask
 * its leader. Namely
 *
 *   reads at its epoch or later, of a dkey that it changes or of one whose object it punches; of
 *   the dkeys of an object in which it changes something (list, query, probe of the object); of the
 *   objects of the container
 *
 *   changes of these, and changes whose conditions or checks look at them (publish and prepare)
 *
 *   vos_discard() over its epoch, vos_rollback() of its container
 *
 * What it only looks at (conditions, checks) stays free: that is marked as read at its epoch.
 * Snapshots may be taken above it; who reads them waits for it. The keep floor stays below it. The
 * destruction of the container does away with it. All of this outlives a crash.
 */

/* As vos_update_publish(), which see for u, txid, *lsn and the errors; txid may not be none. *lsn
 * must be durable before the promise is given. info: at most VOS_INFO_MAX bytes for
 * vos_doubt_list() and vos_met(). epoch_in 0: the clock. Else the transaction's own, from another
 * shard: then -DER_AGAIN if at or after it something happened to what the compound looks at or
 * changes, or if what it changes was read at or after it (a read of the latest is one at the epoch
 * before the clock's newest), or if another attempt of it is prepared; a later epoch may do, while
 * -DER_TX_RESTART of a check is final. Such marks are kept from the first prepare with an epoch_in
 * on; that one, and after it those with epochs from before it, are too early. *replayed: it is
 * prepared, or was committed; *epoch_out says at which epoch. An epoch_in may lie ahead of the
 * clock, which comes after it when it is committed, or at once if the compound looks at something.
 * -DER_TX_RESTART: it was aborted; a new attempt needs a new id. -DER_INPROGRESS: another is in the
 * way, or this id is prepared in another container. -DER_AGAIN: VOS_INTENT_MAX are prepared, or too
 * much. -DER_NOSPACE: no room to apply it later either; compounds that only delete fit a full pool,
 * but few at a time. -DER_OVERFLOW: as publish, or keys and small values of more than a MiB, or a
 * commit that could take more of the log than heap_promise_max(): the least log is for about 24
 * changes, each in an object of its own; one of 4 MiB for VOS_OPS_MAX. A compound of nothing but
 * checks prepares nothing: it has done its part, and there is nothing to resolve. */
int vos_update_prepare(struct vos_update *u, uint64_t wall_ns, const struct vos_txid *txid,
                       daos_epoch_t epoch_in, const void *info, uint32_t info_len,
                       daos_epoch_t *epoch_out, uint64_t *lsn, bool *replayed);
/* The verdict. *epoch: of the transaction (0: it was never prepared here). *lsn: durable before it
 * counts as done. Whoever asks again with the same verdict is answered 0 again.
 * Commit: -DER_NONEXIST: not prepared here and no outcome says that it was committed: it was
 * aborted, or the client has acknowledged it and its outcome was forgotten: a leader who knows that
 * it was prepared here takes that for done. Never -DER_NOSPACE. Abort: what is unknown is durably
 * remembered as aborted, so that a late prepare is refused; -DER_ALREADY: it was committed.
 * -DER_AGAIN: so many of the session's requests are open that this one cannot be remembered.
 * -DER_INVAL: no id, or one prepared in another container. */
int vos_resolve(struct vos_cont *c, const struct vos_txid *txid, bool commit, daos_epoch_t *epoch,
                uint64_t *lsn);

struct vos_doubt {
    uint64_t session_hlc, session_rand, seq;
    daos_epoch_t epoch;
    const void *info; /* valid until the lock is released */
    uint32_t info_len;
    uint64_t bytes; /* of its values */
};
/* The intents of a container, oldest epoch first. fn: 0 go on, 1 stop before this one, negative:
 * error. *anchor zero at the start; eof at the end. */
int vos_doubt_list(struct vos_cont *c, struct vos_anchor *anchor,
                   int (*fn)(void *arg, const struct vos_doubt *d), void *arg);

/* As vos_resolve() with commit, for who leads: id, epoch and info stay as a decision until they are
 * forgotten, whatever becomes of the session. */
int vos_decide(struct vos_cont *c, const struct vos_txid *txid, daos_epoch_t *epoch, uint64_t *lsn);
/* For who leads and did not prepare his part: applies it at this epoch and leaves the decision, at
 * once. Once it is durable (*lsn) the transaction is committed, everywhere; so all others have
 * prepared at this epoch, durably. Refuses what vos_update_prepare() refuses, with the same errors,
 * and checks alone (-DER_INVAL); also -DER_TX_RESTART: an earlier copy committed it; -DER_AGAIN:
 * it is prepared here; VOS_DECIDED_MAX decisions are kept. Who has been prepared cannot be
 * overtaken by reads and changes, this one can: after an attempt that failed prepare, then
 * vos_decide(). */
int vos_update_decide(struct vos_update *u, const struct vos_txid *txid, daos_epoch_t epoch,
                      const void *info, uint32_t info_len, uint64_t *lsn);
/* An attempt is given up: if it is prepared at this epoch it is not any more, and nothing is
 * remembered. *lsn 0: it was not. */
int vos_withdraw(struct vos_cont *c, const struct vos_txid *txid, daos_epoch_t epoch,
                 uint64_t *lsn);
/* Is there a decision about it? *lsn: of it, 0 if it is older than the opening. */
bool vos_decided(const struct vos_cont *c, const struct vos_txid *txid, daos_epoch_t *epoch,
                 uint64_t *lsn);
/* The container's decisions: the one behind `after` (NULL: the first), false: no more. out->info:
 * until the lock is released. */
bool vos_decided_next(const struct vos_cont *c, const struct vos_txid *after,
                      struct vos_doubt *out);
/* Everybody knows. Need not be durable. */
int vos_decided_forget(struct vos_cont *c, const struct vos_txid *txid);

/* After -DER_INPROGRESS, until the lock is released: who is in the way. False: nobody but the
 * asker: his own id is prepared. */
bool vos_met(const struct vos *v, struct vos_doubt *d);
/* No transaction was prepared at a later epoch, which may lie ahead of the clock. [L] */
daos_epoch_t vos_prepared_newest(const struct vos *v);
/* ... and in which container; if vos_met() said somebody. */
void vos_met_cont(const struct vos *v, uuid_t uuid);
/* The epoch that it is prepared at; 0: it is not. */
daos_epoch_t vos_prepared(const struct vos_cont *c, const struct vos_txid *txid);
/* The next container, behind c (NULL: the first), with intents or decisions; NULL: none. */
struct vos_cont *vos_doubtful_next(const struct vos *v, const struct vos_cont *c);

/* ---- Reads: at an epoch, DAOS_EPOCH_MAX = the latest ---- */

/* In an iod's cond: holes below `end` are filled with zeros; otherwise dst stays as it is there. */
#define VOS_FETCH_ZEROS (UINT64_C(1) << 63)

/* One akey of a fetch; in: akey, type, recxs, dst; out: the rest. */
struct vos_fetch_iod {
    struct vos_key akey;
    daos_iod_type_t type;
    uint64_t rec_size; /* in: expected or DAOS_REC_ANY; out: stored size (0 = nothing there) */
    uint64_t cond;     /* DAOS_COND_AKEY_FETCH, VOS_FETCH_ZEROS */
    uint32_t recx_nr;
    const daos_recx_t *recxs;
    struct iovec *dst; /* where the stream of all recxs goes; NULL: sizes and maps only */
    uint32_t dst_nr;
    /* out: what exists, clipped to the asked recxs, merged, ascending; caller's array of map_max */
    daos_recx_t *map;
    uint32_t map_max, map_nr;
    uint64_t end; /* out: end of the last byte that exists, in the stream of the asked recxs; 0:
                     nothing */
    bool type_mismatch; /* private */
};

/* A piece to read from the DATA role into iod's stream at dst_off. To verify, the whole checksum
 * chunk is read: [ext_off, ext_off+ext_len) are the wanted bytes within the stored extent; csum
 * covers chunks of chunk_bytes from its start (SINGLE: one chunk = the value). */
struct vos_piece {
    uint16_t iod;
    uint16_t csum_type, csum_len;
    uint64_t dst_off;
    uint64_t ext_off, len;   /* wanted bytes within the stored extent */
    struct space_extent ext; /* where the stored extent begins */
    uint64_t ext_bytes;      /* valid bytes of the stored extent */
    uint64_t chunk_bytes;    /* bytes one checksum covers (ext_bytes for SINGLE) */
    uint64_t ver,
        pack; /* vos_check(): where the version is, and the packed record it is in (0: none) */
    const uint8_t *csums; /* of the chunks that [ext_off, ext_off+len) touches, copied into the
                             fetch's arena */
};

/* Heap bytes (src NULL: zeros) for iod's stream at dst_off. */
struct vos_copy {
    const void *src;
    uint64_t dst_off, len;
    uint16_t iod;
};

struct vos_fetch {
    struct vos_copy first[2], *copies; /* private: for vos_fetch_copy() */
    uint32_t copy_nr, copy_max;
    struct vos_piece *pieces; /* allocated by vos_fetch, freed by vos_fetch_fini */
    uint32_t piece_nr;
    uint64_t ticket;     /* read ticket of heap/space.h while piece_nr > 0 */
    uint64_t lsn;        /* durable before the answer */
    daos_epoch_t epoch;  /* newest version epoch met (DFS mtime) */
    struct arena *arena; /* private, as what follows: room for what most fetches have */
    struct vos_piece one;
    uint8_t one_csums[32];
};

/* Finds heap bytes (checksum verified: -DER_CSUM) for vos_fetch_copy(), pieces lists the rest. dst
 * is not touched: a fetch that is not answered, because it has to run again, must leave no trace in
 * the caller's buffer, whose holes keep what they held. cond: DAOS_COND_DKEY_FETCH and AKEY_FETCH
 * bits. -DER_NONEXIST (condition), -DER_REC2BIG (dst too small; rec_size is set), -DER_TX_RESTART
 * (below a cut).  On error nothing is held. */
int vos_fetch(struct vos_cont *c, daos_epoch_t epoch, uint64_t cond, daos_obj_id_t oid,
              const struct vos_key *dkey, uint32_t nr, struct vos_fetch_iod *iods,
              struct vos_fetch *f);
/* Copies the heap bytes into dst; holes leave it untouched. Before anything else is done with vos.
 */
void vos_fetch_copy(struct vos_fetch *f, const struct vos_fetch_iod *iods);
/* The fetch, which vos_fetch_copy() has been called for, goes on in `to`; `from` is not used any
 * more. */
void vos_fetch_move(struct vos_fetch *to, const struct vos_fetch *from);
void vos_fetch_fini(struct vos_cont *c,
                    struct vos_fetch *f); /* any thread, takes no lock if nothing is held */

/* What a list reports for one entry. */
struct vos_entry {
    daos_obj_id_t oid;    /* VOS_OBJ */
    struct vos_key key;   /* VOS_DKEY, VOS_AKEY: valid during the call */
    daos_recx_t recx;     /* VOS_RECX */
    uint64_t rec_size;    /* VOS_RECX */
    daos_epoch_t epoch;   /* VOS_RECX: of this extent; else of the newest change at or below
                             (VOS_AKEY: of its dkey), or the epoch of the read if that is later */
    daos_iod_type_t type; /* VOS_AKEY, VOS_RECX */
    const void *value;    /* VOS_DKEY listed with an akey: its single value, verified; valid during
                             the call. NULL: it is not at hand, or there is none: to be fetched */
    uint64_t value_len;
};
/* emit: 0 go on, 1 stop before this entry (it comes again with the returned anchor), negative:
 * error. */
typedef int (*vos_emit_fn)(void *arg, const struct vos_entry *e);

/* Opaque place in an enumeration; zero = start. Survives any change: every entry present throughout
 * is reported exactly once. Fits da_buf (104 bytes). */
struct vos_anchor {
    uint8_t bytes[96];
    uint8_t eof;
};

/* Lists visible children: objects of the container, dkeys of an object (akey not NULL: with
 * values), akeys of a dkey, extents of an akey (merged view at the epoch; down: by falling index).
 * Runs a bounded number of steps and may stop early without eof. Leaves a read mark when mark is
 * set (transactional reads). *lsn as in fetch. */
int vos_list(struct vos_cont *c, daos_epoch_t epoch, enum vos_level what, daos_obj_id_t oid,
             const struct vos_key *dkey, const struct vos_key *akey, bool down,
             struct vos_anchor *anchor, vos_emit_fn emit, void *arg, uint64_t *lsn);

/* daos_obj_query_key: flags DAOS_GET_*; dkey/akey in (when not asked for) or out (8 bytes). Nothing
 * found: -DER_NONEXIST. */
int vos_query_key(struct vos_cont *c, daos_epoch_t epoch, uint64_t flags, daos_obj_id_t oid,
                  uint64_t *dkey, const struct vos_key *dkey_in, uint64_t *akey,
                  const struct vos_key *akey_in, daos_recx_t *recx, uint64_t *rec_size,
                  daos_epoch_t *max_epoch, uint64_t *lsn);
/* Does it exist (visible) and at which epoch did it change last? level VOS_OBJ, VOS_DKEY, VOS_AKEY.
 * Absent: -DER_NONEXIST, *lsn set. */
int vos_probe(struct vos_cont *c, daos_epoch_t epoch, enum vos_level level, daos_obj_id_t oid,
              const struct vos_key *dkey, const struct vos_key *akey, daos_epoch_t *changed,
              uint64_t *lsn);

/* The epoch at which the object, or something in it, changed last, or will if what is prepared is
 * committed; 0: it is not known here. Leaves no mark. */
int vos_obj_changed(struct vos_cont *c, daos_obj_id_t oid, daos_epoch_t *newest);

/* ---- Background ---- */

/* One bounded step of giving back room: destroyed containers, old versions no snapshot needs
 * (aggregation up to `upto`, 0: the keep floor). *more: call again. */
int vos_reclaim(struct vos *v, bool *more);
/* Did a change leave something for vos_reclaim() since this was last asked? May say so without
 * need, never the reverse. What was left before vos_open() is not counted: whoever opens a store
 * runs vos_reclaim() once. */
bool vos_reclaim_due(struct vos *v);
/* Discards all changes at epochs [first, last], one bounded step: *where zero at the start, *more:
 * call again. What they hide shows again, as far as it is still there: what they superseded in
 * place is only kept if a snapshot or a hold at first - 1 or later, but before them, kept it. Who
 * has read something of them must not commit. -DER_INPROGRESS: a prepared transaction has an epoch
 * among them. */
int vos_discard(struct vos_cont *c, daos_epoch_t first, daos_epoch_t last, struct vos_anchor *where,
                bool *more);
int vos_aggregate(struct vos_cont *c, daos_epoch_t upto, struct vos_anchor *where, bool *more);

struct vos_stat {
    uint64_t conts, objects, dkeys, akeys, singles, extents; /* records alive in the shard */
    uint64_t value_heap_bytes, value_data_bytes;             /* user bytes stored */
    uint64_t intents, intent_bytes; /* prepared transactions, and the user bytes they bring */
    uint64_t decided;               /* decisions that are kept */
    uint64_t sessions_kept;         /* in memory */
    uint64_t tx_memory; /* bytes of memory of all these and of the marks; <= VOS_TX_MEMORY */
};
void vos_stat(struct vos *v, struct vos_stat *st);

/* Where the checker is. */
struct vos_found {
    uuid_t cont;
    daos_obj_id_t oid;
    bool has_oid;
    const char *dkey, *akey; /* as a person reads them; NULL: not below one */
    uint64_t start, nr;      /* data: the records of the value; nr 0: a single value */
    uint32_t rec_size;
    const char *text; /* report: what is wrong there, and what survives */
};
struct vos_check_ops {
    void (*report)(void *arg, const struct vos_found *f);
    /* Values in data extents, to be read and compared; may be NULL. */
    int (*data)(void *arg, const struct vos_found *at, const struct vos_piece *p);
    /* Sound values of arrays in the heap, each version; may be NULL. */
    int (*value)(void *arg, const struct vos_found *at, uint64_t epoch, const void *bytes,
                 uint64_t len);
    /* What was met is added to it; NULL: the walk has one of its own. */
    struct heap_refs *refs;
    bool *damaged; /* set when something was passed by; may be NULL */
    bool recount;  /* the counters of containers become what was counted, instead of a problem */
    void *arg;
};
/* Walks everything and proves the invariants: orders, epochs, counts, extents used once, checksums
 * of heap values, each record and block referred to once. What cannot be read is reported and
 * passed by. In steps: *where zero at the start; *more. The store may not change until the walk
 * ends. A step that faults has called nothing but data and value. [L] */
int vos_check(struct vos *v, struct vos_anchor *where, const struct vos_check_ops *ops,
              uint64_t *problems, bool *more);

/* ---- Repair (repair.c) ---- */

struct vos_repair_ops {
    bool dry; /* say what would be done, change nothing */
    /* One thing that is given up: said when its transaction is committed. */
    void (*say)(void *arg, const struct vos_found *f);
    /* dry: containers with hash_bytes(uuid) from lo to hi are lost unless the store has them; may
     * be NULL, may be called again. */
    void (*lost_conts)(void *arg, uint64_t lo, uint64_t hi);
    void *arg;
};
/* Takes what cannot be read out of the store, a step; *more: again. Afterwards nothing refers to
 * what cannot be read, counters and what is in use are still to be set. Nothing else may use the
 * store until then. [L] HEAP_FAULT and so on: what was said has happened. */
int vos_repair(struct vos *v, const struct vos_repair_ops *ops, bool *more);
/* After vos_repair(): the one container that counts more objects than its tree holds, and how many;
 * NULL if there is none, or more than one. If so many object records are left over they are its:
 * adopt each, then say that all are found, then repair once more, for what is below them. [L] */
int vos_objects_missing(struct vos *v, struct vos_cont **c, uint64_t *missing);
int vos_object_adopt(struct vos_cont *c, uint64_t off);
int vos_objects_found(struct vos_cont *c);
/* What the container had in this store may be lost: whatever is not found in it is an error from
 * now on, as behind a lost node of its objects. One transaction. [L] */
int vos_cont_doubt(struct vos_cont *c);
/* The bytes of a version in data space are gone; ver, pack: as vos_check() named them. [L] */
int vos_lose_bytes(struct vos *v, uint64_t ver, uint64_t pack);
/* Calls each(arg, uuid) for every container of the store; made: that is not being destroyed. [L] */
void vos_each_cont(struct vos *v, void (*each)(void *arg, const uuid_t uuid), void *arg);

/* An object, a dkey a step: every record with its epochs. zero but for the first three at the
 * start; *more. data: where the bytes of the line before begin in data space; may be NULL. Damage
 * costs what it hides. */
struct vos_dumper {
    void (*line)(void *arg, const char *text);
    void (*data)(void *arg, const struct space_extent *ext);
    void *arg;
    /* its own */
    bool started;
    uint32_t nr, at;
    struct tree_walker w;
    struct tree_entry ent[TREE_LEAF_MAX];
};
int vos_dump_step(struct vos_cont *c, daos_obj_id_t oid, struct vos_dumper *d, bool *more);
/* For heap/inspect.h: the root of the tree of objects (oid NULL) or of an object's dkeys, and what
 * an entry of it stands for. */
int vos_tree_root(struct vos_cont *c, const daos_obj_id_t *oid, uint64_t *root);
struct row;
int vos_tree_label(struct vos_cont *c, const daos_obj_id_t *oid, const struct tree_entry *e,
                   struct row *r);

/* A human's view of one object (tools: dump). Calls line() for every record with its epochs. */
int vos_dump(struct vos_cont *c, daos_obj_id_t oid, void (*line)(void *arg, const char *text),
             void *arg);

#endif
