/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * Types that several of the public headers share: handles, ids, epochs, anchors, events.
 * Sizes, field order and values are an interface: programs embed these structures by value.
 */
#ifndef TARN_DAOS_TYPES_H
#define TARN_DAOS_TYPES_H

#include <stdint.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <sys/types.h>
#include <uuid/uuid.h>
#include <daos_errno.h>
#include <gurt/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Longest system name, without the NUL. */
#define DAOS_SYS_NAME_MAX 15
/** Longest other text in struct daos_sys_info, without the NUL. */
#define DAOS_SYS_INFO_STRING_MAX 63
/** Bytes of a hashed key. */
#define DAOS_HKEY_MAX 32
/** Cursor bytes of an anchor. */
#define DAOS_ANCHOR_BUF_MAX 104
/** 36 characters of a UUID and the NUL. */
#define DAOS_UUID_STR_SIZE 37
/** Longest name of a user attribute, without the NUL. */
#define DAOS_ATTR_NAME_MAX 511
/** Longest pool, container or performance-domain label, without and with the NUL. */
#define DAOS_PROP_LABEL_MAX_LEN     127
#define DAOS_PROP_MAX_LABEL_BUF_LEN 128
/** Longest hint text kept with a container, with the NUL. */
#define DAOS_CONT_HINT_MAX_LEN 128
/** Longest snapshot name, with the NUL. */
#define DAOS_SNAPSHOT_MAX_LEN 128

/** Bytes or a count. */
typedef uint64_t daos_size_t;
/** Byte (or record) position. */
typedef uint64_t daos_off_t;
/** A point in time of the store: hybrid logical clock value, 16 units a nanosecond since 2021. */
typedef uint64_t daos_epoch_t;
/** The latest epoch there is. */
#define DAOS_EPOCH_MAX ((daos_epoch_t)-1)

/** Use of hints when an object class is chosen: DAOS_OCH_* bits. */
typedef uint16_t daos_oclass_hints_t;
/** Object class id, see daos_obj_class.h. */
typedef uint32_t daos_oclass_id_t;
/** Layout type of a container, DAOS_PROP_CO_LAYOUT_*. */
typedef uint16_t daos_cont_layout_t;

/** A dkey or an akey: any bytes, at least one. */
typedef d_iov_t daos_key_t;

/** Key without bytes. */
static inline bool daos_key_is_null(daos_key_t key)
{
    return key.iov_buf == NULL;
}

/** Opaque handle of an open thing; passed by value. A handle is local to its process: see the
 * local2global functions for how it travels. */
typedef struct {
    uint64_t cookie; /**< 0: invalid */
} daos_handle_t;

#ifdef __cplusplus
#define DAOS_HDL_INVAL (daos_handle_t{0})
#else
#define DAOS_HDL_INVAL ((daos_handle_t){0})
#endif
/** In place of a transaction handle: the operation stands alone and takes a fresh epoch. */
#define DAOS_TX_NONE DAOS_HDL_INVAL

/** Was this handle never opened (or set to DAOS_HDL_INVAL)? Says nothing about closed ones. */
static inline bool daos_handle_is_inval(daos_handle_t hdl)
{
    return hdl.cookie == 0;
}

/** Opposite of daos_handle_is_inval(). */
static inline bool daos_handle_is_valid(daos_handle_t hdl)
{
    return hdl.cookie != 0;
}

/** Kinds of handles; odd, so that they can live in the low bits of a cookie. */
enum {
    DAOS_HTYPE_EQ = 1,
    DAOS_HTYPE_POOL = 3,
    DAOS_HTYPE_CO = 5,
    DAOS_HTYPE_OBJ = 7,
    DAOS_HTYPE_ARRAY = 9,
    DAOS_HTYPE_TX = 11,
    DAOS_HTYPE_KV = 13,
};

/** Id of an object: 96 bits are the caller's, the upper 32 of hi belong to
 * daos_obj_generate_oid(). */
typedef struct {
    uint64_t lo; /**< the caller's 64 bits */
    uint64_t hi; /**< low half the caller's, high half the library's */
} daos_obj_id_t;

/** Both epochs included. */
typedef struct {
    daos_epoch_t epr_lo; /**< inclusive low */
    daos_epoch_t epr_hi; /**< inclusive high */
} daos_epoch_range_t;

/** Where an enumeration stands. */
typedef enum {
    DAOS_ANCHOR_TYPE_ZERO = 0, /**< beginning */
    DAOS_ANCHOR_TYPE_HKEY = 1, /**< hash cursor */
    DAOS_ANCHOR_TYPE_KEY = 2,  /**< key text cursor */
    DAOS_ANCHOR_TYPE_EOF = 3,  /**< end */
} daos_anchor_type_t;

/** Cursor of an enumeration. Zero it to start; do not touch it between calls; the enumeration is
 * over when daos_anchor_is_eof() says so. */
typedef struct {
    uint16_t da_type;                    /**< daos_anchor_type_t */
    uint16_t da_shard;                   /**< part the enumeration is in */
    uint32_t da_flags;                   /**< internal */
    uint64_t da_sub_anchors;             /**< the library's: anchors of parts */
    uint8_t da_buf[DAOS_ANCHOR_BUF_MAX]; /**< cursor bytes (DAOS_ANCHOR_BUF_MAX) */
} daos_anchor_t;
#ifdef __cplusplus
#define DAOS_ANCHOR_INIT (daos_anchor_t{})
#else
#define DAOS_ANCHOR_INIT ((daos_anchor_t){DAOS_ANCHOR_TYPE_ZERO})
#endif

/** What a container is and who uses it. */
typedef struct {
    uuid_t ci_uuid;            /**< container UUID */
    daos_epoch_t ci_lsnapshot; /**< epoch of the latest snapshot, 0: none */
    uint32_t ci_nhandles;      /**< handles open anywhere */
    uint32_t ci_nsnapshots;
    uint64_t ci_md_otime; /**< when it was last opened */
    uint64_t ci_md_mtime; /**< when it was last closed or its metadata changed */
} daos_cont_info_t;

/** Where one engine listens. */
struct daos_rank_uri {
    uint32_t dru_rank;
    char *dru_uri;
};

/** How to reach a system; from daos_mgmt_get_sys_info(). */
struct daos_sys_info {
    char dsi_system_name[DAOS_SYS_INFO_STRING_MAX + 1];
    char dsi_fabric_provider[DAOS_SYS_INFO_STRING_MAX + 1];
    char dsi_agent_path[4096];
    uint32_t dsi_nr_ranks;
    struct daos_rank_uri *dsi_ranks;
    uint32_t dsi_nr_ms_ranks;
    uint32_t *dsi_ms_ranks; /**< management service ranks */
};

/** Targets by rank and index on that rank; tl_nr entries in both arrays. */
struct d_tgt_list {
    d_rank_t *tl_ranks;
    int32_t *tl_tgts;
    uint32_t tl_nr;
};

/** One asynchronous operation. Lives in the caller's memory from daos_event_init() to
 * daos_event_fini(). */
typedef struct daos_event {
    /** result: 0 or negative DER; after a dfs_* call a positive errno */
    int ev_error;
    /** the library's; do not touch */
    struct {
        uint64_t space[20];
    } ev_private;
    /** the caller's, for debugging */
    uint64_t ev_debug;
} daos_event_t;

/** Options of snapshot creation, or-ed together. */
enum daos_snapshot_opts {
    DAOS_SNAP_OPT_CR = 1,  /**< create */
    DAOS_SNAP_OPT_OIT = 2, /**< also create object id table */
};

/** Flags of daos_tx_open(). */
enum {
    DAOS_TF_RDONLY = 1,
    /** library does not copy caller buffers; they must stay unchanged until commit/close */
    DAOS_TF_ZERO_COPY = 2,
};

/** Conditions on existing keys; the `flags` argument of update, fetch and punch. The low 8 bits of
 * the flags hold them. */
#define IO_FLAGS_COND_BITS 8
enum {
    DAOS_COND_PUNCH = 1,          /**< punch only if it exists (else NONEXIST) */
    DAOS_COND_DKEY_INSERT = 2,    /**< update only if dkey absent (else EXIST) */
    DAOS_COND_DKEY_UPDATE = 4,    /**< update only if dkey present (else NONEXIST) */
    DAOS_COND_DKEY_FETCH = 8,     /**< fetch error if dkey absent */
    DAOS_COND_AKEY_INSERT = 0x10, /**< as dkey, every akey */
    DAOS_COND_AKEY_UPDATE = 0x20, /**< as dkey */
    DAOS_COND_AKEY_FETCH = 0x40,  /**< as dkey */
    DAOS_COND_PER_AKEY = 0x80,    /**< take akey conditions from each iod_flags */
    DAOS_COND_MASK = 0xff,
};

/** Which letters may occur in a UUID's text. */
#define UUID_SST_UPPER 1
#define UUID_SST_LOWER (-1)
#define UUID_SST_NONE  0

/**
 * Is @a uuid the 36-character text of a UUID?
 * @a sensitive: UUID_SST_LOWER (no upper-case digit), UUID_SST_UPPER (no lower-case digit), or
 * UUID_SST_NONE (any). NULL is not a UUID.
 */
static inline bool daos_is_valid_uuid_string(const char *uuid, int sensitive)
{
    size_t i;

    if (uuid == NULL || strlen(uuid) != DAOS_UUID_STR_SIZE - 1)
        return false;
    for (i = 0; i < DAOS_UUID_STR_SIZE - 1; i++) {
        char c = uuid[i];

        if (i == 8 || i == 13 || i == 18 || i == 23) {
            if (c != '-')
                return false;
        } else if (c >= 'a' && c <= 'f') {
            if (sensitive > 0)
                return false;
        } else if (c >= 'A' && c <= 'F') {
            if (sensitive < 0)
                return false;
        } else if (c < '0' || c > '9') {
            return false;
        }
    }
    return true;
}

#ifdef __cplusplus
}
#endif

#endif /* TARN_DAOS_TYPES_H */
