/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * Properties of pools (DAOS_PROP_PO_*) and containers (DAOS_PROP_CO_*): typed values in a list.
 * A daos_prop_t and everything its entries point at belong together: daos_prop_alloc() makes the
 * list, daos_prop_free() releases list, strings and blobs.
 */
#ifndef TARN_DAOS_PROP_H
#define TARN_DAOS_PROP_H

#include <stdint.h>
#include <stdbool.h>
#include <string.h>
#include <daos_types.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Ids of pool properties; MIN and MAX are exclusive bounds. */
enum daos_pool_props {
    DAOS_PROP_PO_MIN = 0,
    /** text: unique in the system, see daos_label_is_valid() */
    DAOS_PROP_PO_LABEL = 1,
    /** struct daos_acl: who may do what; default: owner and group read and write */
    DAOS_PROP_PO_ACL = 2,
    /** percent of each target kept free for rebuild, 0 to 100; default 5 */
    DAOS_PROP_PO_SPACE_RB = 3,
    /** DAOS_SELF_HEAL_* bits; default: exclude and rebuild */
    DAOS_PROP_PO_SELF_HEAL = 4,
    DAOS_PROP_PO_RECLAIM = 5,     /**< DAOS_RECLAIM_*; default: lazy */
    DAOS_PROP_PO_OWNER = 6,       /**< text "user@"; read-only */
    DAOS_PROP_PO_OWNER_GROUP = 7, /**< text "group@"; read-only */
    /** d_rank_list_t: where the pool service runs; read-only */
    DAOS_PROP_PO_SVC_LIST = 8,
    /**
     * bytes of an erasure-code cell, 4 KiB to 1 MiB, a multiple of 32; at creation; default 128
     * KiB
     */
    DAOS_PROP_PO_EC_CELL_SZ = 9,
    /** bytes from which on a record goes to the data device; default 4096 */
    DAOS_PROP_PO_DATA_THRESH = 10,
    DAOS_PROP_PO_REDUN_FAC = 11, /**< redundancy factor new containers get, 0 to 4 */
    /** performance-domain affinity of erasure-coded objects; at creation */
    DAOS_PROP_PO_EC_PDA = 12,
    /** performance-domain affinity of replicated objects; at creation */
    DAOS_PROP_PO_RP_PDA = 13,
    DAOS_PROP_PO_GLOBAL_VERSION = 14, /**< format of the pool; read-only */
    DAOS_PROP_PO_UPGRADE_STATUS = 15, /**< DAOS_UPGRADE_STATUS_*; read-only */
    DAOS_PROP_PO_SCRUB_MODE = 16,     /**< DAOS_SCRUB_MODE_*; default: off */
    /** seconds in which everything is scrubbed once; default a week */
    DAOS_PROP_PO_SCRUB_FREQ = 17,
    /** bad checksums after which a target is evicted; 0: never */
    DAOS_PROP_PO_SCRUB_THRESH = 18,
    /** failures the pool service survives, 0 to 4 (2 * n + 1 replicas); at creation */
    DAOS_PROP_PO_SVC_REDUN_FAC = 19,
    DAOS_PROP_PO_OBJ_VERSION = 20, /**< version of the object layout; read-only */
    /** DAOS_PROP_PERF_DOMAIN_*; at creation; default: root */
    DAOS_PROP_PO_PERF_DOMAIN = 21,
    DAOS_PROP_PO_CHECKPOINT_MODE = 22, /**< DAOS_CHECKPOINT_*; default: timed */
    DAOS_PROP_PO_CHECKPOINT_FREQ = 23, /**< seconds between timed checkpoints; default 5 */
    /** percent of the log in use that starts a checkpoint, 10 to 75; default 50 */
    DAOS_PROP_PO_CHECKPOINT_THRESH = 24,
    DAOS_PROP_PO_REINT_MODE = 25, /**< DAOS_REINT_MODE_*; default: copy data */
    /** 1: the pool service recognises repeated requests; at creation */
    DAOS_PROP_PO_SVC_OPS_ENABLED = 26,
    /** seconds it remembers them, 60 to 600; at creation; default 300 */
    DAOS_PROP_PO_SVC_OPS_ENTRY_AGE = 27,
    DAOS_PROP_PO_MAX = 28,
};

/** Number of pool properties. */
#define DAOS_PROP_PO_NUM (DAOS_PROP_PO_MAX - DAOS_PROP_PO_MIN - 1)

/** Ids of container properties; MIN and MAX are exclusive bounds. */
enum daos_cont_props {
    DAOS_PROP_CO_MIN = 0x1000,
    /** text: unique in the pool, see daos_label_is_valid() */
    DAOS_PROP_CO_LABEL = 4097,
    DAOS_PROP_CO_LAYOUT_TYPE = 4098, /**< DAOS_PROP_CO_LAYOUT_*; at creation */
    DAOS_PROP_CO_LAYOUT_VER = 4099,  /**< version of that layout; at creation; default 1 */
    DAOS_PROP_CO_CSUM = 4100,        /**< DAOS_PROP_CO_CSUM_*; at creation; default: off */
    /** bytes one checksum covers, below 2^32; at creation; default 32 KiB */
    DAOS_PROP_CO_CSUM_CHUNK_SIZE = 4101,
    /** DAOS_PROP_CO_CSUM_SV_*; at creation; default: off */
    DAOS_PROP_CO_CSUM_SERVER_VERIFY = 4102,
    /** DAOS_PROP_CO_REDUN_RF*; at creation; default: as the pool */
    DAOS_PROP_CO_REDUN_FAC = 4103,
    /** DAOS_PROP_CO_REDUN_RANK or _NODE; at creation; default: node */
    DAOS_PROP_CO_REDUN_LVL = 4104,
    DAOS_PROP_CO_SNAPSHOT_MAX = 4105, /**< most snapshots, 0: no limit */
    /** struct daos_acl: who may do what; default: owner all, group read, write, properties */
    DAOS_PROP_CO_ACL = 4106,
    /** DAOS_PROP_CO_COMPRESS_*; at creation; kept, without effect yet */
    DAOS_PROP_CO_COMPRESS = 4107,
    /** DAOS_PROP_CO_ENCRYPT_*; at creation; kept, without effect yet */
    DAOS_PROP_CO_ENCRYPT = 4108,
    DAOS_PROP_CO_OWNER = 4109,       /**< text "user@"; see daos_cont_set_owner() */
    DAOS_PROP_CO_OWNER_GROUP = 4110, /**< text "group@"; see daos_cont_set_owner() */
    DAOS_PROP_CO_DEDUP = 4111,       /**< DAOS_PROP_CO_DEDUP_*; at creation; default: off */
    /** least bytes of what is deduplicated, 4096 to 2^32 - 1; at creation */
    DAOS_PROP_CO_DEDUP_THRESHOLD = 4112,
    /** struct daos_prop_co_roots; set by DFS and other layouts at creation */
    DAOS_PROP_CO_ROOTS = 4113,
    DAOS_PROP_CO_STATUS = 4114, /**< packed status, see DAOS_PROP_CO_STATUS_VAL() */
    /** next number daos_cont_alloc_oids() gives; read-only */
    DAOS_PROP_CO_ALLOCED_OID = 4115,
    /** bytes of an erasure-code cell; at creation; default: as the pool */
    DAOS_PROP_CO_EC_CELL_SZ = 4116,
    DAOS_PROP_CO_EC_PDA = 4117,            /**< as of the pool; at creation */
    DAOS_PROP_CO_RP_PDA = 4118,            /**< as of the pool; at creation */
    DAOS_PROP_CO_GLOBAL_VERSION = 4119,    /**< format of the container; read-only */
    DAOS_PROP_CO_SCRUBBER_DISABLED = 4120, /**< 1: not scrubbed */
    DAOS_PROP_CO_OBJ_VERSION = 4121,       /**< version of the object layout; read-only */
    /** DAOS_PROP_PERF_DOMAIN_*; at creation; default: as the pool */
    DAOS_PROP_CO_PERF_DOMAIN = 4122,
    DAOS_PROP_CO_MAX = 4123,
};

/** Number of container properties. */
#define DAOS_PROP_CO_NUM (DAOS_PROP_CO_MAX - DAOS_PROP_CO_MIN - 1)

/** Most entries in one list. */
#define DAOS_PROP_ENTRIES_MAX_NR 128

/** DAOS_PROP_PO_SELF_HEAL: bits. */
#define DAOS_SELF_HEAL_AUTO_EXCLUDE  1
#define DAOS_SELF_HEAL_AUTO_REBUILD  2
#define DAOS_SELF_HEAL_DELAY_REBUILD 4

/** DAOS_PROP_PO_RECLAIM: when space of old versions is taken back. */
enum {
    DAOS_RECLAIM_DISABLED = 0,
    DAOS_RECLAIM_LAZY = 1,
    DAOS_RECLAIM_SNAPSHOT = 2,
    DAOS_RECLAIM_BATCH = 3,
    DAOS_RECLAIM_TIME = 4,
};

/** DAOS_PROP_PO_REINT_MODE: what a returning target has to copy. */
enum {
    DAOS_REINT_MODE_DATA_SYNC = 0,
    DAOS_REINT_MODE_NO_DATA_SYNC = 1,
    DAOS_REINT_MODE_INCREMENTAL = 2,
};

/** DAOS_PROP_PO_SCRUB_MODE: when stored data is verified in the background. */
enum {
    DAOS_SCRUB_MODE_OFF = 0,
    DAOS_SCRUB_MODE_LAZY = 1,
    DAOS_SCRUB_MODE_TIMED = 2,
    DAOS_SCRUB_MODE_INVALID = 3,
};

/** DAOS_PROP_PO_CHECKPOINT_MODE: when metadata is written from the log to its place. */
enum {
    DAOS_CHECKPOINT_DISABLED = 0,
    DAOS_CHECKPOINT_TIMED = 1,
    DAOS_CHECKPOINT_LAZY = 2,
};

/** DAOS_PROP_PO_UPGRADE_STATUS. */
enum {
    DAOS_UPGRADE_STATUS_NOT_STARTED = 0,
    DAOS_UPGRADE_STATUS_IN_PROGRESS = 1,
    DAOS_UPGRADE_STATUS_COMPLETED = 2,
    DAOS_UPGRADE_STATUS_FAILED = 3,
};

/** DAOS_PROP_PO_PERF_DOMAIN, DAOS_PROP_CO_PERF_DOMAIN. */
enum {
    DAOS_PROP_PERF_DOMAIN_ROOT = 0xff,
    DAOS_PROP_PERF_DOMAIN_GROUP = 0xc8,
};
#define DAOS_PROP_CO_PERF_DOMAIN_DEFAULT DAOS_PROP_PERF_DOMAIN_ROOT

/** Bounds and defaults of pool properties. */
#define DAOS_PROP_PO_CHECKPOINT_FREQ_DEFAULT   5
#define DAOS_PROP_PO_CHECKPOINT_FREQ_MAX       0x100000
#define DAOS_PROP_PO_CHECKPOINT_FREQ_MIN       1
#define DAOS_PROP_PO_CHECKPOINT_MODE_DEFAULT   1
#define DAOS_PROP_PO_CHECKPOINT_THRESH_DEFAULT 50
#define DAOS_PROP_PO_CHECKPOINT_THRESH_MAX     75
#define DAOS_PROP_PO_CHECKPOINT_THRESH_MIN     10
#define DAOS_PROP_PO_DATA_THRESH_DEFAULT       0x1000
#define DAOS_PROP_PO_EC_CELL_SZ_MAX            0x40000000
#define DAOS_PROP_PO_EC_CELL_SZ_MIN            0x400
#define DAOS_PROP_PO_EC_PDA_DEFAULT            1
#define DAOS_PROP_PO_LABEL_DEFAULT             "pool_label_not_set"
#define DAOS_PROP_PO_PERF_DOMAIN_DEFAULT       255
#define DAOS_PROP_PO_REDUN_FAC_DEFAULT         3
#define DAOS_PROP_PO_REDUN_FAC_MAX             4
#define DAOS_PROP_PO_REINT_MODE_DEFAULT        0
#define DAOS_PROP_PO_RP_PDA_DEFAULT            ((uint32_t)-1)
#define DAOS_PROP_PO_SCRUB_FREQ_DEFAULT        0x93a80
#define DAOS_PROP_PO_SCRUB_MODE_DEFAULT        0
#define DAOS_PROP_PO_SCRUB_THRESH_DEFAULT      0
#define DAOS_PROP_PO_SVC_OPS_ENABLED_DEFAULT   1
#define DAOS_PROP_PO_SVC_OPS_ENTRY_AGE_DEFAULT 300
#define DAOS_PROP_PO_SVC_OPS_ENTRY_AGE_MAX     600
#define DAOS_PROP_PO_SVC_OPS_ENTRY_AGE_MIN     60
#define DAOS_PROP_PO_SVC_REDUN_FAC_DEFAULT     2
#define DAOS_PROP_PO_SVC_REDUN_FAC_MAX         4

/** Labels of what was created without one; not accepted as a label. */
#define DAOS_PROP_NO_PO_LABEL      DAOS_PROP_PO_LABEL_DEFAULT
#define DAOS_PROP_CO_LABEL_DEFAULT "container_label_not_set"
#define DEFAULT_CONT_LABEL         DAOS_PROP_CO_LABEL_DEFAULT
#define DAOS_PROP_NO_CO_LABEL      DAOS_PROP_CO_LABEL_DEFAULT

/** Largest performance-domain affinity: "no limit". */
#define DAOS_PROP_PDA_MAX ((uint32_t)-1)

/** DAOS_PROP_CO_LAYOUT_TYPE: what the container is laid out for. */
enum {
    DAOS_PROP_CO_LAYOUT_UNKNOWN = 0,
    DAOS_PROP_CO_LAYOUT_UNKOWN = 0, /**< misspelt alias kept for clients */
    DAOS_PROP_CO_LAYOUT_POSIX = 1,
    DAOS_PROP_CO_LAYOUT_HDF5 = 2,
    DAOS_PROP_CO_LAYOUT_PYTHON = 3,
    DAOS_PROP_CO_LAYOUT_SPARK = 4,
    DAOS_PROP_CO_LAYOUT_DATABASE = 5,
    DAOS_PROP_CO_LAYOUT_ROOT = 6,
    DAOS_PROP_CO_LAYOUT_SEISMIC = 7,
    DAOS_PROP_CO_LAYOUT_METEO = 8,
    DAOS_PROP_CO_LAYOUT_MAX = 9,
};

/** DAOS_PROP_CO_CSUM: checksum that travels with the data. */
enum {
    DAOS_PROP_CO_CSUM_OFF = 0,
    DAOS_PROP_CO_CSUM_CRC16 = 1,
    DAOS_PROP_CO_CSUM_CRC32 = 2,
    DAOS_PROP_CO_CSUM_CRC64 = 3,
    DAOS_PROP_CO_CSUM_SHA1 = 4,
    DAOS_PROP_CO_CSUM_SHA256 = 5,
    DAOS_PROP_CO_CSUM_SHA512 = 6,
    DAOS_PROP_CO_CSUM_ADLER32 = 7,
};

/** DAOS_PROP_CO_CSUM_SERVER_VERIFY: also verify on the server before storing. */
enum {
    DAOS_PROP_CO_CSUM_SV_OFF = 0,
    DAOS_PROP_CO_CSUM_SV_ON = 1,
};

/** DAOS_PROP_CO_DEDUP. */
enum {
    DAOS_PROP_CO_DEDUP_OFF = 0,
    DAOS_PROP_CO_DEDUP_MEMCMP = 1,
    DAOS_PROP_CO_DEDUP_HASH = 2,
};

/** DAOS_PROP_CO_COMPRESS. */
enum {
    DAOS_PROP_CO_COMPRESS_OFF = 0,
    DAOS_PROP_CO_COMPRESS_LZ4 = 1,
    DAOS_PROP_CO_COMPRESS_DEFLATE = 2,
    DAOS_PROP_CO_COMPRESS_DEFLATE1 = 3,
    DAOS_PROP_CO_COMPRESS_DEFLATE2 = 4,
    DAOS_PROP_CO_COMPRESS_DEFLATE3 = 5,
    DAOS_PROP_CO_COMPRESS_DEFLATE4 = 6,
};

/** DAOS_PROP_CO_ENCRYPT. */
enum {
    DAOS_PROP_CO_ENCRYPT_OFF = 0,
    DAOS_PROP_CO_ENCRYPT_AES_XTS128 = 1,
    DAOS_PROP_CO_ENCRYPT_AES_XTS256 = 2,
    DAOS_PROP_CO_ENCRYPT_AES_CBC128 = 3,
    DAOS_PROP_CO_ENCRYPT_AES_CBC192 = 4,
    DAOS_PROP_CO_ENCRYPT_AES_CBC256 = 5,
    DAOS_PROP_CO_ENCRYPT_AES_GCM128 = 6,
    DAOS_PROP_CO_ENCRYPT_AES_GCM256 = 7,
};

/** DAOS_PROP_CO_REDUN_FAC: how many failures data has to survive;
 * DAOS_PROP_CO_REDUN_LVL: failures of what. */
enum {
    DAOS_PROP_CO_REDUN_RF0 = 0, /**< no redundancy */
    DAOS_PROP_CO_REDUN_RF1 = 1, /**< survive 1 */
    DAOS_PROP_CO_REDUN_RF2 = 2,
    DAOS_PROP_CO_REDUN_RF3 = 3,
    DAOS_PROP_CO_REDUN_RF4 = 4,
    DAOS_PROP_CO_REDUN_MIN = 1, /**< = RANK */
    DAOS_PROP_CO_REDUN_RANK = 1,
    DAOS_PROP_CO_REDUN_NODE = 2,
    DAOS_PROP_CO_REDUN_FAULT = 3, /**< reserved */
    DAOS_PROP_CO_REDUN_MAX = 0xfe,
};
#define DAOS_PROP_CO_REDUN_DEFAULT DAOS_PROP_CO_REDUN_NODE
/** Largest redundancy factor. */
enum {
    DAOS_RF_MAX = 4,
};

/** DAOS_PROP_CO_STATUS: did the container lose more than its redundancy could bear? */
enum daos_prop_co_health {
    DAOS_PROP_CO_HEALTHY = 0,
    DAOS_PROP_CO_UNCLEAN = 1,
};

/** dpe_flags: the server holds no value for this entry. */
enum daos_prop_entry_flags {
    DAOS_PROP_ENTRY_NOT_SET = 1,
};

/** dcs_flags: make the container healthy again. */
#define DAOS_PROP_CO_CLEAR 1

/** Container status as three fields; travels packed in dpe_val. */
struct daos_co_status {
    uint16_t dcs_status; /**< DAOS_PROP_CO_HEALTHY or _UNCLEAN */
    uint16_t dcs_flags;  /**< DAOS_PROP_CO_CLEAR */
    uint32_t dcs_pm_ver; /**< pool map version of the loss */
};

/** A status packed for dpe_val. */
#define DAOS_PROP_CO_STATUS_VAL(status, flags, pm_ver)                                             \
    ((((uint64_t)(flags)) << 48) | (((uint64_t)(status)) << 32) | ((uint64_t)(pm_ver)))

/** Pack a status. */
static inline uint64_t daos_prop_co_status_2_val(struct daos_co_status *co_status)
{
    return DAOS_PROP_CO_STATUS_VAL(co_status->dcs_status, co_status->dcs_flags,
                                   co_status->dcs_pm_ver);
}

/** Unpack a status. */
static inline void daos_prop_val_2_co_status(uint64_t val, struct daos_co_status *co_status)
{
    co_status->dcs_flags = (uint16_t)(val >> 48);
    co_status->dcs_status = (uint16_t)((val >> 32) & 0xffff);
    co_status->dcs_pm_ver = (uint32_t)(val & 0xffffffffu);
}

/** One property. */
struct daos_prop_entry {
    uint32_t dpe_type;  /**< DAOS_PROP_PO_* or DAOS_PROP_CO_* */
    uint16_t dpe_flags; /**< DAOS_PROP_ENTRY_* */
    uint16_t dpe_reserv;
    union {
        uint64_t dpe_val;   /**< number */
        d_string_t dpe_str; /**< text; freed with the list */
        void *dpe_val_ptr;  /**< blob; freed with the list */
    };
};

/** A list of properties. */
typedef struct {
    uint32_t dpp_nr;
    uint32_t dpp_reserv;
    struct daos_prop_entry *dpp_entries;
} daos_prop_t;

/** DAOS_PROP_CO_ROOTS: ids of objects by which a reader finds its way in. */
struct daos_prop_co_roots {
    daos_obj_id_t cr_oids[4]; /**< DFS: superblock and root directory first */
};

/** Is this a redundancy factor? */
static inline bool daos_rf_is_valid(unsigned long long rf)
{
    return rf <= DAOS_RF_MAX;
}

/** Is this a redundancy factor for the pool service (2 * factor + 1 replicas)? */
static inline bool daos_svc_rf_is_valid(uint64_t svc_rf)
{
    return svc_rf <= DAOS_PROP_PO_SVC_REDUN_FAC_MAX;
}

/**
 * May this be the label of a pool or container? 1 to 127 letters, digits and "_", "-", ":", ".",
 * but not the text of a UUID, which would be taken for one.
 */
static inline bool daos_label_is_valid(const char *label)
{
    size_t len;
    size_t i;

    if (label == NULL)
        return false;
    len = strlen(label);
    if (len == 0 || len > DAOS_PROP_LABEL_MAX_LEN)
        return false;
    for (i = 0; i < len; i++) {
        char c = label[i];

        if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
            c == '_' || c == '-' || c == ':' || c == '.')
            continue;
        return false;
    }
    return !daos_is_valid_uuid_string(label, UUID_SST_NONE);
}

/** May this name a performance domain? As a label. */
static inline bool daos_perf_domain_is_valid(const char *perf_domain)
{
    return daos_label_is_valid(perf_domain);
}

/**
 * A list of @a entries_nr zeroed entries, at most DAOS_PROP_ENTRIES_MAX_NR. NULL when there are
 * too many or no memory. Free with daos_prop_free().
 */
daos_prop_t *daos_prop_alloc(uint32_t entries_nr);

/**
 * Free what the entries hold (text, blobs). The list and its entries stay, for daos_prop_free() or
 * another use.
 */
void daos_prop_fini(daos_prop_t *prop);

/** Free the list with everything it holds. NULL is fine. */
void daos_prop_free(daos_prop_t *prop);

/**
 * Parse "name:value;name:value" (container properties, @a len bytes) into a new list that the
 * caller frees.
 * Errors: -DER_INVAL, -DER_NOMEM.
 */
int daos_prop_from_str(const char *str, daos_size_t len, daos_prop_t **prop);

/**
 * A new list: @a old_prop, with what @a new_prop sets replaced or added. Neither input is changed;
 * the caller frees the result.
 * Errors: -DER_INVAL, -DER_NOMEM.
 */
int daos_prop_merge2(daos_prop_t *old_prop, daos_prop_t *new_prop, daos_prop_t **out_prop);

/** As daos_prop_merge2(), returning the list, or NULL on any failure. */
daos_prop_t *daos_prop_merge(daos_prop_t *old_prop, daos_prop_t *new_prop);

/** The entry of this type, inside @a prop; NULL when there is none. */
struct daos_prop_entry *daos_prop_entry_get(daos_prop_t *prop, uint32_t type);

/**
 * Copy @a len bytes of text into the entry of this type, freeing what it held.
 * Errors: -DER_NONEXIST, -DER_INVAL, -DER_NOMEM.
 */
int daos_prop_set_str(daos_prop_t *prop, uint32_t type, const char *str, daos_size_t len);

/**
 * Copy @a len bytes of text into @a entry, freeing what it held.
 * Errors: -DER_INVAL, -DER_NOMEM.
 */
int daos_prop_entry_set_str(struct daos_prop_entry *entry, const char *str, daos_size_t len);

/**
 * Copy a blob of @a size bytes into the entry of this type, freeing what it held. Of a
 * d_rank_list_t the ranks are copied too.
 * Errors: -DER_NONEXIST, -DER_INVAL, -DER_NOMEM.
 */
int daos_prop_set_ptr(daos_prop_t *prop, uint32_t type, const void *ptr, daos_size_t size);

/**
 * Copy a blob of @a size bytes into @a entry, freeing what it held; as daos_prop_set_ptr().
 * Errors: -DER_INVAL, -DER_NOMEM.
 */
int daos_prop_entry_set_ptr(struct daos_prop_entry *entry, const void *ptr, daos_size_t size);

/**
 * Give @a entry_dst its own copy of the @a len bytes that @a entry_src points at. What it held is
 * not freed.
 * Errors: -DER_INVAL, -DER_NOMEM.
 */
int daos_prop_entry_dup_ptr(struct daos_prop_entry *entry_dst, struct daos_prop_entry *entry_src,
                            size_t len);

/**
 * 0 when both entries hold the same ACL.
 * Errors: -DER_MISMATCH.
 */
int daos_prop_entry_cmp_acl(struct daos_prop_entry *entry1, struct daos_prop_entry *entry2);

/**
 * Give @a dst its own copy of the root ids of @a src. What it held is not freed.
 * Errors: -DER_INVAL, -DER_NOMEM.
 */
int daos_prop_entry_dup_co_roots(struct daos_prop_entry *dst, struct daos_prop_entry *src);

/** Does an entry of this type hold text? */
bool daos_prop_has_str(struct daos_prop_entry *entry);

/** Does an entry of this type point at a blob? */
bool daos_prop_has_ptr(struct daos_prop_entry *entry);

/** Does the entry carry a value, or did the server have none? */
static inline bool daos_prop_is_set(struct daos_prop_entry *entry)
{
    return (entry->dpe_flags & DAOS_PROP_ENTRY_NOT_SET) == 0;
}

#ifdef __cplusplus
}
#endif

#endif /* TARN_DAOS_PROP_H */
