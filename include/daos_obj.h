/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * Objects: 128-bit id -> dkey -> akey -> a single value or an array of records.
 *
 * A dkey decides where its data lives: what is under one dkey changes atomically and is read
 * together. Updates add versions and never overwrite; a punch is a version too.
 *
 * Every function with a trailing daos_event_t blocks when it is NULL. With an event it returns
 * after starting the operation, the result arrives in ev_error, and everything passed in, out
 * parameters included, must stay until then. Argument errors are returned at once either way.
 */
#ifndef TARN_DAOS_OBJ_H
#define TARN_DAOS_OBJ_H

#include <stdint.h>
#include <stdbool.h>
#include <daos_types.h>
#include <daos_obj_class.h>
#include <daos_prop.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Type of an object: how its keys are ordered and what it is used for. One byte of the id. */
enum daos_otype_t {
    DAOS_OT_MULTI_HASHED = 0,  /**< default two-level, both hashed */
    DAOS_OT_OIT = 1,           /**< object id table (old) */
    DAOS_OT_DKEY_UINT64 = 2,   /**< dkey integer, akey hashed */
    DAOS_OT_AKEY_UINT64 = 3,   /**< dkey hashed, akey integer */
    DAOS_OT_MULTI_UINT64 = 4,  /**< both integer */
    DAOS_OT_DKEY_LEXICAL = 5,  /**< dkey byte ordered, akey hashed */
    DAOS_OT_AKEY_LEXICAL = 6,  /**< dkey hashed, akey byte ordered */
    DAOS_OT_MULTI_LEXICAL = 7, /**< both byte ordered */
    DAOS_OT_KV_HASHED = 8,     /**< flat KV */
    DAOS_OT_KV_UINT64 = 9,     /**< flat KV, integer key */
    DAOS_OT_KV_LEXICAL = 10,   /**< flat KV, ordered key */
    DAOS_OT_ARRAY = 11,        /**< array with stored attributes */
    DAOS_OT_ARRAY_ATTR = 12,   /**< array, caller keeps attributes */
    /** byte array (used by DFS files), caller keeps attributes */
    DAOS_OT_ARRAY_BYTE = 13,
    DAOS_OT_OIT_V2 = 14, /**< object id table */
    DAOS_OT_MAX = 14,    /**< same as OIT_V2 */
};

/*
 * The upper 32 bits of an id's hi: type (8 bits), redundancy code (8), number of groups (16).
 */
#define OID_FMT_INTR_BITS   32
#define OID_FMT_TYPE_BITS   8
#define OID_FMT_CLASS_BITS  8
#define OID_FMT_META_BITS   16
#define OID_FMT_TYPE_SHIFT  56
#define OID_FMT_CLASS_SHIFT 48
#define OID_FMT_META_SHIFT  32
#define OID_FMT_TYPE_MAX    255
#define OID_FMT_CLASS_MAX   255
#define OID_FMT_META_MAX    0xffff
#define OID_FMT_TYPE_MASK   ((uint64_t)OID_FMT_TYPE_MAX << OID_FMT_TYPE_SHIFT)
#define OID_FMT_CLASS_MASK  ((uint64_t)OID_FMT_CLASS_MAX << OID_FMT_CLASS_SHIFT)
#define OID_FMT_META_MASK   ((uint64_t)OID_FMT_META_MAX << OID_FMT_META_SHIFT)

/** Modes of daos_obj_open(), or-ed together. */
enum {
    DAOS_OO_RO = 2,
    DAOS_OO_RW = 4,
    DAOS_OO_EXCL = 8,       /**< reserved */
    DAOS_OO_IO_RAND = 0x10, /**< hint */
    DAOS_OO_IO_SEQ = 0x20,  /**< hint */
};

/** iod_size of a fetch: "I do not know the record size, tell me". */
enum {
    DAOS_REC_ANY = 0,
};

/** What an akey holds. */
typedef enum {
    DAOS_IOD_NONE = 0,
    DAOS_IOD_SINGLE = 1, /**< one atomically replaced value */
    DAOS_IOD_ARRAY = 2,  /**< records addressed by index */
} daos_iod_type_t;

/** rx_nr consecutive records of an array from index rx_idx on. */
typedef struct {
    uint64_t rx_idx; /**< first record; the highest bit must be 0 */
    uint64_t rx_nr;
} daos_recx_t;

/** What to do with one akey of a fetch or update. */
typedef struct {
    daos_key_t iod_name; /**< akey */
    daos_iod_type_t iod_type;
    /**
     * bytes of a record or of the single value. Update: 0 punches. Fetch: DAOS_REC_ANY asks, and
     * the true size comes back
     */
    daos_size_t iod_size;
    uint64_t iod_flags;     /**< conditions of this akey, with DAOS_COND_PER_AKEY */
    uint32_t iod_nr;        /**< number of extents; 1 for a single value */
    daos_recx_t *iod_recxs; /**< the extents; NULL for a single value */
} daos_iod_t;

/** iom_flags: fill iom_recxs, not only lowest and highest. */
#define DAOS_IOMF_DETAIL 0x1

/** Which extents of an akey exist; filled by fetch. */
typedef struct {
    daos_iod_type_t iom_type; /**< value type found */
    uint32_t iom_nr;          /**< in: room in iom_recxs */
    uint32_t iom_nr_out;      /**< out: extents found */
    uint32_t iom_flags;       /**< DAOS_IOMF_DETAIL: fill iom_recxs */
    daos_size_t iom_size;     /**< record size */
    daos_recx_t iom_recx_lo;  /**< lowest extent */
    daos_recx_t iom_recx_hi;  /**< highest extent */
    daos_recx_t *iom_recxs;   /**< the caller's room */
} daos_iom_t;

/** Length of one key in the sgl of an enumeration; keys lie there back to back. */
typedef struct {
    daos_size_t kd_key_len; /**< bytes of this key in the sgl */
    uint32_t kd_val_type;   /**< not used */
} daos_key_desc_t;

/** Which key to find, and whether the smallest or the largest: flags of daos_obj_query_key(). */
enum {
    DAOS_GET_MAX = 1,
    DAOS_GET_MIN = 2,
    DAOS_GET_DKEY = 4,
    DAOS_GET_AKEY = 8,
    DAOS_GET_RECX = 0x10,
};

/** Most bytes of a marker in an object id table. */
#define DAOS_OIT_MARKER_MAX_LEN 32

/** Attributes of an object. */
struct daos_obj_attr {
    d_rank_t oa_rank;
    struct daos_oclass_attr *oa_oa;
};

/** The id with both halves zero: no object. */
#ifdef __cplusplus
#define DAOS_OBJ_NIL (daos_obj_id_t{0, 0})
#else
#define DAOS_OBJ_NIL ((daos_obj_id_t){0})
#endif

/** Type of an entry filter of an object id table: > 0 takes the entry, 0 skips it, < 0 stops with
 * that error. @a marker is NULL for an unmarked entry. */
typedef int(daos_oit_filter_cb)(daos_obj_id_t oid, d_iov_t *marker);

/** Is this one of DAOS_OT_*? */
static inline bool daos_otype_t_is_valid(enum daos_otype_t type)
{
    return (unsigned int)type <= DAOS_OT_MAX;
}

/** Is this a performance domain: root or group? */
static inline bool daos_pa_domain_is_valid(uint32_t pa_domain)
{
    return pa_domain == DAOS_PROP_PERF_DOMAIN_ROOT || pa_domain == DAOS_PROP_PERF_DOMAIN_GROUP;
}

/** Type byte of an id. */
static inline enum daos_otype_t daos_obj_id2type(daos_obj_id_t oid)
{
    return (enum daos_otype_t)((oid.hi & OID_FMT_TYPE_MASK) >> OID_FMT_TYPE_SHIFT);
}

/** Are dkeys of this type in byte order? */
static inline bool daos_is_dkey_lexical_type(enum daos_otype_t type)
{
    return type == DAOS_OT_DKEY_LEXICAL || type == DAOS_OT_MULTI_LEXICAL ||
           type == DAOS_OT_KV_LEXICAL;
}

/** Are the dkeys of this object in byte order? */
static inline bool daos_is_dkey_lexical(daos_obj_id_t oid)
{
    return daos_is_dkey_lexical_type(daos_obj_id2type(oid));
}

/** Are akeys of this type in byte order? */
static inline bool daos_is_akey_lexical_type(enum daos_otype_t type)
{
    return type == DAOS_OT_AKEY_LEXICAL || type == DAOS_OT_MULTI_LEXICAL;
}

/** Are the akeys of this object in byte order? */
static inline bool daos_is_akey_lexical(daos_obj_id_t oid)
{
    return daos_is_akey_lexical_type(daos_obj_id2type(oid));
}

/** Are dkeys of this type 64-bit integers (8 bytes, native order)? */
static inline bool daos_is_dkey_uint64_type(enum daos_otype_t type)
{
    return type == DAOS_OT_DKEY_UINT64 || type == DAOS_OT_MULTI_UINT64 ||
           type == DAOS_OT_KV_UINT64 || type == DAOS_OT_ARRAY || type == DAOS_OT_ARRAY_ATTR ||
           type == DAOS_OT_ARRAY_BYTE;
}

/** Are the dkeys of this object 64-bit integers? */
static inline bool daos_is_dkey_uint64(daos_obj_id_t oid)
{
    return daos_is_dkey_uint64_type(daos_obj_id2type(oid));
}

/** Are akeys of this type 64-bit integers? */
static inline bool daos_is_akey_uint64_type(enum daos_otype_t type)
{
    return type == DAOS_OT_AKEY_UINT64 || type == DAOS_OT_MULTI_UINT64;
}

/** Are the akeys of this object 64-bit integers? */
static inline bool daos_is_akey_uint64(daos_obj_id_t oid)
{
    return daos_is_akey_uint64_type(daos_obj_id2type(oid));
}

/** Is this a type of the array API? */
static inline bool daos_is_array_type(enum daos_otype_t type)
{
    return type == DAOS_OT_ARRAY || type == DAOS_OT_ARRAY_ATTR || type == DAOS_OT_ARRAY_BYTE;
}

/** Is this object an array? */
static inline bool daos_is_array(daos_obj_id_t oid)
{
    return daos_is_array_type(daos_obj_id2type(oid));
}

/** Is this a type of the key-value API? */
static inline bool daos_is_kv_type(enum daos_otype_t type)
{
    return type == DAOS_OT_KV_HASHED || type == DAOS_OT_KV_UINT64 || type == DAOS_OT_KV_LEXICAL;
}

/** Is this object a flat key-value store? */
static inline bool daos_is_kv(daos_obj_id_t oid)
{
    return daos_is_kv_type(daos_obj_id2type(oid));
}

/** Redundancy code in an id. */
static inline enum daos_obj_redun daos_obj_id2ord(daos_obj_id_t oid)
{
    return (enum daos_obj_redun)((oid.hi & OID_FMT_CLASS_MASK) >> OID_FMT_CLASS_SHIFT);
}

/** Group count in an id. */
static inline uint32_t daos_obj_id2grp_nr(daos_obj_id_t oid)
{
    return (uint32_t)((oid.hi & OID_FMT_META_MASK) >> OID_FMT_META_SHIFT);
}

/** Class id of an object's id. */
static inline daos_oclass_id_t daos_obj_id2class(daos_obj_id_t oid)
{
    return OBJ_CLASS_DEF((daos_oclass_id_t)daos_obj_id2ord(oid), daos_obj_id2grp_nr(oid));
}

/** Is this DAOS_OBJ_NIL? */
static inline bool daos_obj_id_is_nil(daos_obj_id_t oid)
{
    return oid.hi == 0 && oid.lo == 0;
}

/** Step an id's 32 user bits of hi by a large prime, so that ids made in a row lie far apart and
 * repeat only after 2^32 steps. The rest of the id stays. */
static inline void daos_obj_oid_cycle(daos_obj_id_t *oid)
{
    uint32_t user = (uint32_t)oid->hi;

    user += 999999937u;
    oid->hi = (oid->hi & ~(uint64_t)0xffffffffu) | user;
}

/**
 * Write type and class into the upper 32 bits of oid->hi, whatever they held; the caller's 96 bits
 * stay. @a cid OC_UNKNOWN (0) lets the library choose by type, @a hints (DAOS_OCH_*, 0 = none) and
 * the container's redundancy. @a args must be 0.
 * Errors: -DER_INVAL (type out of range, unknown class, class needs more domains than there are),
 * -DER_NO_HDL.
 */
int daos_obj_generate_oid2(daos_handle_t coh, daos_obj_id_t *oid, enum daos_otype_t type,
                           daos_oclass_id_t cid, daos_oclass_hints_t hints, uint32_t args);
#define daos_obj_generate_oid daos_obj_generate_oid2

/**
 * Open an object. Local: nobody is asked, an object that was never written opens too. @a mode:
 * DAOS_OO_* bits.
 * Errors: -DER_INVAL (bad oid/mode/redundancy too low), -DER_NO_HDL, -DER_NO_PERM (RW on RO
 * container), -DER_NONEXIST (unknown class).
 */
int daos_obj_open(daos_handle_t coh, daos_obj_id_t oid, unsigned int mode, daos_handle_t *oh,
                  daos_event_t *ev);

/**
 * Close it.
 * Errors: -DER_NO_HDL.
 */
int daos_obj_close(daos_handle_t oh, daos_event_t *ev);

/**
 * Punch the whole object: from the punch's epoch on it has no keys. @a flags: 0 or
 * DAOS_COND_PUNCH.
 * Errors: -DER_NO_HDL, -DER_NO_PERM, -DER_NONEXIST with DAOS_COND_PUNCH.
 */
int daos_obj_punch(daos_handle_t oh, daos_handle_t th, uint64_t flags, daos_event_t *ev);

/**
 * Punch @a nr dkeys with all that is below them.
 * Errors: -DER_NO_HDL, -DER_NO_PERM, -DER_INVAL (empty key), -DER_NONEXIST (DAOS_COND_PUNCH).
 */
int daos_obj_punch_dkeys(daos_handle_t oh, daos_handle_t th, uint64_t flags, unsigned int nr,
                         daos_key_t *dkeys, daos_event_t *ev);

/**
 * Punch @a nr akeys of one dkey.
 * Errors: -DER_NO_HDL, -DER_NO_PERM, -DER_INVAL (empty key), -DER_NONEXIST (DAOS_COND_PUNCH).
 */
int daos_obj_punch_akeys(daos_handle_t oh, daos_handle_t th, uint64_t flags, daos_key_t *dkey,
                         unsigned int nr, daos_key_t *akeys, daos_event_t *ev);

/**
 * Attributes and ranks of an object. Not offered.
 * Errors: -DER_NOSYS.
 */
int daos_obj_query(daos_handle_t oh, struct daos_obj_attr *oa, d_rank_list_t *ranks,
                   daos_event_t *ev);

/**
 * Read @a nr akeys of one dkey, iods[i] into sgls[i]. Absent records leave the buffer alone and
 * give iod_size 0. @a sgls NULL: only record sizes. @a ioms, when not NULL, tells which extents
 * exist.
 * Errors: -DER_INVAL, -DER_REC2BIG (buffer too small), -DER_NONEXIST (COND_*_FETCH), -DER_NO_HDL,
 * -DER_TX_RESTART, -DER_CSUM, -DER_DATA_LOSS, -DER_IO.
 */
int daos_obj_fetch(daos_handle_t oh, daos_handle_t th, uint64_t flags, daos_key_t *dkey,
                   unsigned int nr, daos_iod_t *iods, d_sg_list_t *sgls, daos_iom_t *ioms,
                   daos_event_t *ev);

/**
 * Write @a nr akeys of one dkey, sgls[i] by iods[i], all or nothing. iod_size 0 punches the
 * extents instead.
 * Errors: -DER_INVAL, -DER_NO_PERM, -DER_NOSPACE, -DER_EXIST (COND_*_INSERT), -DER_NONEXIST
 * (COND_*_UPDATE), -DER_REC2BIG, -DER_TX_RESTART, -DER_DOS (space short on a tier).
 */
int daos_obj_update(daos_handle_t oh, daos_handle_t th, uint64_t flags, daos_key_t *dkey,
                    unsigned int nr, daos_iod_t *iods, d_sg_list_t *sgls, daos_event_t *ev);

/**
 * List dkeys. *nr in: slots in @a kds, out: keys found; their bytes lie back to back in @a sgl. Go
 * on with the same anchor until daos_anchor_is_eof(); a call may find 0 keys before that.
 * Errors: -DER_KEY2BIG (first key does not fit; kds[0] has needed size), -DER_INVAL, -DER_NO_HDL.
 */
int daos_obj_list_dkey(daos_handle_t oh, daos_handle_t th, uint32_t *nr, daos_key_desc_t *kds,
                       d_sg_list_t *sgl, daos_anchor_t *anchor, daos_event_t *ev);

/**
 * List akeys of a dkey, as daos_obj_list_dkey().
 * Errors: -DER_KEY2BIG (first key does not fit; kds[0] has needed size), -DER_INVAL, -DER_NO_HDL.
 */
int daos_obj_list_akey(daos_handle_t oh, daos_handle_t th, daos_key_t *dkey, uint32_t *nr,
                       daos_key_desc_t *kds, d_sg_list_t *sgl, daos_anchor_t *anchor,
                       daos_event_t *ev);

/**
 * List the extents of an array akey (or the one value of a single one): *size = record size, *nr
 * in/out, @a recxs and @a eprs = extents and the epochs that wrote them. @a incr_order: sorted by
 * index.
 * Errors: -DER_INVAL, -DER_NO_HDL.
 */
int daos_obj_list_recx(daos_handle_t oh, daos_handle_t th, daos_key_t *dkey, daos_key_t *akey,
                       daos_size_t *size, uint32_t *nr, daos_recx_t *recxs,
                       daos_epoch_range_t *eprs, daos_anchor_t *anchor, bool incr_order,
                       daos_event_t *ev);

/**
 * Find the largest (DAOS_GET_MAX) or smallest (DAOS_GET_MIN) dkey, akey or record of integer-keyed
 * objects, in the combination the DAOS_GET_* flags ask for; keys not asked for are inputs. Nothing
 * there: 0 and zeroed outputs.
 * Errors: -DER_INVAL (flag combination, key types, NULL outputs), -DER_NO_HDL.
 */
int daos_obj_query_key(daos_handle_t oh, daos_handle_t th, uint64_t flags, daos_key_t *dkey,
                       daos_key_t *akey, daos_recx_t *recx, daos_event_t *ev);

/**
 * Epoch of the latest change of the object.
 * Errors: -DER_NO_HDL.
 */
int daos_obj_query_max_epoch(daos_handle_t oh, daos_handle_t th, daos_epoch_t *epoch,
                             daos_event_t *ev);

/**
 * Compare the copies (or the parity) of an object as of @a epoch. Blocks. What does not exist is
 * consistent.
 * Errors: -DER_MISMATCH, -DER_NOMEM, and those of daos_obj_open().
 */
int daos_obj_verify(daos_handle_t coh, daos_obj_id_t oid, daos_epoch_t epoch);

/**
 * Split an enumeration into independent parts, one a redundancy group. *nr 0: only tells their
 * number; otherwise it must be that number and @a anchors receives one start each.
 * Errors: -DER_INVAL (*nr neither 0 nor the group count), -DER_NO_HDL.
 */
int daos_obj_anchor_split(daos_handle_t oh, uint32_t *nr, daos_anchor_t *anchors);

/**
 * Set @a anchor to the start of part @a index of a split.
 * Errors: -DER_INVAL, -DER_NO_HDL.
 */
int daos_obj_anchor_set(daos_handle_t oh, uint32_t index, daos_anchor_t *anchor);

/**
 * Set @a anchor so that enumeration goes on from @a dkey, or, when @a akey is not NULL, from that
 * akey of it.
 * Errors: -DER_INVAL, -DER_NO_HDL.
 */
int daos_obj_key2anchor(daos_handle_t oh, daos_handle_t th, daos_key_t *dkey, daos_key_t *akey,
                        daos_anchor_t *anchor, daos_event_t *ev);

/**
 * Open the table of object ids that was made with the snapshot at @a epoch.
 * Errors: -DER_NONEXIST, -DER_INVAL, -DER_NO_HDL.
 */
int daos_oit_open(daos_handle_t coh, daos_epoch_t epoch, daos_handle_t *oh, daos_event_t *ev);

/**
 * Close it.
 * Errors: -DER_NO_HDL.
 */
int daos_oit_close(daos_handle_t oh, daos_event_t *ev);

/**
 * List object ids: *oids_nr in: slots, out: found. Until the anchor is at its end.
 * Errors: -DER_INVAL, -DER_NO_HDL.
 */
int daos_oit_list(daos_handle_t oh, daos_obj_id_t *oids, uint32_t *oids_nr, daos_anchor_t *anchor,
                  daos_event_t *ev);

/**
 * Attach a marker of at most DAOS_OIT_MARKER_MAX_LEN bytes to an entry, which then no longer shows
 * in unmarked listings.
 * Replaces the marker that is there. It goes with the table or its snapshot.
 * Errors: -DER_NONEXIST (no such entry), -DER_INVAL (empty, too long), -DER_NO_PERM, -DER_NO_HDL.
 */
int daos_oit_mark(daos_handle_t oh, daos_obj_id_t oid, d_iov_t *marker, daos_event_t *ev);

/**
 * As daos_oit_list(), only entries without a marker.
 * Errors: -DER_INVAL, -DER_NO_HDL.
 */
int daos_oit_list_unmarked(daos_handle_t oh, daos_obj_id_t *oids, uint32_t *oids_nr,
                           daos_anchor_t *anchor, daos_event_t *ev);

/**
 * As daos_oit_list(), only entries that @a filter takes.
 * Errors: -DER_INVAL, -DER_NO_HDL, what the filter returned.
 */
int daos_oit_list_filter(daos_handle_t oh, daos_obj_id_t *oids, uint32_t *oids_nr,
                         daos_anchor_t *anchor, daos_oit_filter_cb *filter, daos_event_t *ev);

#ifdef __cplusplus
}
#endif

#endif /* TARN_DAOS_OBJ_H */
