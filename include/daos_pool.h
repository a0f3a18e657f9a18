/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * Pools: connect, query, attributes, list of containers.
 *
 * Every function with a trailing daos_event_t blocks when it is NULL; with an event it returns
 * after starting the operation and the result arrives in ev_error.
 */
#ifndef TARN_DAOS_POOL_H
#define TARN_DAOS_POOL_H

#include <stdint.h>
#include <stdbool.h>
#include <sys/types.h>
#include <daos_types.h>
#include <daos_prop.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Flags of daos_pool_connect(): exactly one. */
#define DAOS_PC_RO    (1U << 0) /**< read only */
#define DAOS_PC_RW    (1U << 1) /**< read and write */
#define DAOS_PC_EX    (1U << 2) /**< read and write, and no other handle may exist */
#define DAOS_PC_NBITS 3
#define DAOS_PC_MASK  ((1U << DAOS_PC_NBITS) - 1)

/** State of a target. */
typedef enum {
    DAOS_TS_UNKNOWN = 0,
    DAOS_TS_DOWN_OUT = 1, /**< down, rebuilt */
    DAOS_TS_DOWN = 2,     /**< down, rebuild may run */
    DAOS_TS_UP = 3,       /**< coming back, reintegrating */
    DAOS_TS_UP_IN = 4,    /**< in use */
    DAOS_TS_NEW = 5,      /**< being added */
    DAOS_TS_DRAIN = 6,    /**< being drained */
} daos_target_state_t;

/** Kinds of media that space is counted for. */
typedef enum {
    DAOS_MEDIA_SCM = 0,
    DAOS_MEDIA_NVME = 1,
    DAOS_MEDIA_MAX = 2,
} daos_media_type_t;

/** How far a rebuild is. */
typedef enum {
    DRS_IN_PROGRESS = 0,
    DRS_NOT_STARTED = 1,
    DRS_COMPLETED = 2,
} daos_rebuild_state_t;

/** rs_flags of struct daos_rebuild_status. */
enum daos_rebuild_status_flag {
    DAOS_RSF_DEGRADED = 1,
};

/** pi_bits: what a pool query shall answer, and what it answered. */
enum daos_pool_info_bit {
    DPI_SPACE = 1,           /**< space */
    DPI_REBUILD_STATUS = 2,  /**< rebuild */
    DPI_ENGINES_ENABLED = 4, /**< rank list of engines with all targets up */
    /**
     * rank list of engines with a disabled target (also what is returned when neither bit is set)
     */
    DPI_ENGINES_DISABLED = 8,
    DPI_ENGINES_DEAD = 0x10,           /**< dead engines (control plane query only) */
    DPI_REBUILD_MAX_LAYOUT_VER = 0x20, /**< layout version */
    DPI_SELF_HEAL_POLICY = 0x40,       /**< policy text */
    DPI_ALL = -1,                      /**< everything */
};

/** Space by media. */
struct daos_space {
    uint64_t s_total[DAOS_MEDIA_MAX]; /**< bytes, by daos_media_type_t */
    uint64_t s_free[DAOS_MEDIA_MAX];  /**< bytes, by daos_media_type_t */
};

/** Space of a whole pool. */
struct daos_pool_space {
    struct daos_space ps_space;            /**< of all targets together */
    uint64_t ps_free_min[DAOS_MEDIA_MAX];  /**< of the fullest target */
    uint64_t ps_free_max[DAOS_MEDIA_MAX];  /**< of the emptiest target */
    uint64_t ps_free_mean[DAOS_MEDIA_MAX]; /**< of a target on average */
    uint32_t ps_ntargets;                  /**< targets counted */
    uint32_t ps_padding;
};

/** Progress of a pool's latest rebuild. */
struct daos_rebuild_status {
    uint32_t rs_version; /**< pool map version that started it, 0: none yet */
    uint32_t rs_seconds; /**< how long it took so far */
    int32_t rs_errno;    /**< 0 or the negative DER code it failed with */
    union {
        int32_t rs_state; /**< DRS_* */
        int32_t rs_done;  /**< former name of rs_state */
    };
    uint16_t rs_max_supported_layout_ver; /**< newest layout servers know */
    uint8_t rs_flags;                     /**< DAOS_RSF_* */
    uint8_t rs_reserved_;
    int32_t rs_fail_rank;      /**< rank that failed */
    uint64_t rs_toberb_obj_nr; /**< objects to look at */
    uint64_t rs_obj_nr;        /**< objects rebuilt */
    uint64_t rs_rec_nr;        /**< records rebuilt */
    uint64_t rs_size;          /**< bytes rebuilt */
};

/** What a pool is. */
typedef struct {
    uuid_t pi_uuid;        /**< pool UUID */
    uint32_t pi_ntargets;  /**< all targets */
    uint32_t pi_nnodes;    /**< engines (ranks) */
    uint32_t pi_ndisabled; /**< targets that are disabled */
    uint32_t pi_map_ver;   /**< pool map version */
    uint32_t pi_leader;    /**< rank where the service leads */
    /** in: DPI_* wanted (may be garbage at connect); out: DPI_* answered */
    uint64_t pi_bits;
    struct daos_pool_space pi_space;          /**< with DPI_SPACE */
    struct daos_rebuild_status pi_rebuild_st; /**< with DPI_REBUILD_STATUS */
} daos_pool_info_t;

/** Performance of a target; nothing yet. */
typedef struct {
    int foo;
} daos_target_perf_t;

/** State and space of one target. */
typedef struct {
    uint32_t ta_padding;
    daos_target_state_t ta_state;
    daos_target_perf_t ta_perf; /**< not used */
    struct daos_space ta_space;
} daos_target_info_t;

/** A container in daos_pool_list_cont(). */
struct daos_pool_cont_info {
    uuid_t pci_uuid;
    char pci_label[DAOS_PROP_MAX_LABEL_BUF_LEN]; /**< with its NUL */
};

/** A container in daos_pool_filter_cont(). */
struct daos_pool_cont_info2 {
    struct daos_pool_cont_info pci_id;
    daos_cont_info_t pci_cinfo;
    void *pci_reserved[2];
};

/** How a container filter compares, what it compares, and how its parts combine. */
enum daos_pool_cont_filter_func {
    PCF_FUNC_EQ = 0,
    PCF_FUNC_NE = 1,
    PCF_FUNC_LT = 2,
    PCF_FUNC_LE = 3,
    PCF_FUNC_GT = 4,
    PCF_FUNC_GE = 5,
    PCF_FUNC_MAX = 6,
};
enum daos_pool_cont_filter_key {
    PCF_KEY_MD_OTIME = 0,
    PCF_KEY_MD_MTIME = 1,
    PCF_KEY_NUM_SNAPSHOTS = 2,
    PCF_KEY_NUM_HANDLES = 3,
    PCF_KEY_MAX = 4,
};
enum daos_pool_cont_filter_combine {
    PCF_COMBINE_LOGICAL_AND = 0,
    PCF_COMBINE_LOGICAL_OR = 1,
};

/** Most parts of one filter. */
#define DAOS_POOL_CONT_FILTER_MAX_NPARTS 8

/** "key func value". */
typedef struct daos_pool_cont_filter_part {
    uint32_t pcfp_func; /**< PCF_FUNC_* */
    uint32_t pcfp_key;  /**< PCF_KEY_* */
    union {
        uint64_t pcfp_val64;    /**< number */
        d_string_t pcfp_valstr; /**< text */
    };
} daos_pool_cont_filter_part_t;

/** A filter: parts joined by AND or OR. */
typedef struct daos_pool_cont_filter {
    uint32_t pcf_combine_func; /**< PCF_COMBINE_* */
    uint32_t pcf_nparts;
    struct daos_pool_cont_filter_part **pcf_parts;
} daos_pool_cont_filter_t;

/** Name of a comparison, never NULL. */
static inline const char *daos_pool_cont_filter_func_str(enum daos_pool_cont_filter_func f)
{
    switch (f) {
    case PCF_FUNC_EQ:
        return "PCF_FUNC_EQ";
    case PCF_FUNC_NE:
        return "PCF_FUNC_NE";
    case PCF_FUNC_LT:
        return "PCF_FUNC_LT";
    case PCF_FUNC_LE:
        return "PCF_FUNC_LE";
    case PCF_FUNC_GT:
        return "PCF_FUNC_GT";
    case PCF_FUNC_GE:
        return "PCF_FUNC_GE";
    default:
        return "unknown";
    }
}

/** Name of a filter key, never NULL. */
static inline const char *daos_pool_cont_filter_key_str(enum daos_pool_cont_filter_key k)
{
    switch (k) {
    case PCF_KEY_MD_OTIME:
        return "PCF_KEY_MD_OTIME";
    case PCF_KEY_MD_MTIME:
        return "PCF_KEY_MD_MTIME";
    case PCF_KEY_NUM_SNAPSHOTS:
        return "PCF_KEY_NUM_SNAPSHOTS";
    case PCF_KEY_NUM_HANDLES:
        return "PCF_KEY_NUM_HANDLES";
    default:
        return "unknown";
    }
}

/**
 * Connect to a pool by label or UUID text; an embedded pool also by the path of its directory
 * (anything with a "/", or "inproc:" and a path). @a sys NULL: the default system. @a flags: one
 * of DAOS_PC_*. @a info may be NULL; on input its pi_bits may hold anything.
 * Errors: -DER_INVAL, -DER_NONEXIST, -DER_NO_PERM, -DER_UNREACH, -DER_AGENT_COMM, -DER_BUSY (EX
 * conflict), -DER_NOTSUPPORTED (version).
 */
int daos_pool_connect2(const char *pool, const char *sys, unsigned int flags, daos_handle_t *poh,
                       daos_pool_info_t *info, daos_event_t *ev);
#define daos_pool_connect daos_pool_connect2

/**
 * Close a connection. Its containers must be closed. A handle made by global2local only goes away
 * locally.
 * Errors: -DER_NO_HDL, -DER_BUSY (containers still open), -DER_UNREACH.
 */
int daos_pool_disconnect(daos_handle_t poh, daos_event_t *ev);

/**
 * Write a handle into @a glob so that another process can use it. iov_buf NULL: only sets
 * iov_buf_len to the size needed.
 * Errors: -DER_TRUNC (too small, iov_buf_len set), -DER_NO_HDL, -DER_INVAL.
 */
int daos_pool_local2global(daos_handle_t poh, d_iov_t *glob);

/**
 * A handle from a blob another process made. It is the maker's, used from here as well: that one
 * must stay open. A pool whose engine runs in the maker's process cannot be shared so.
 * Errors: -DER_INVAL (length or magic), -DER_NO_HDL (closed by its maker), -DER_NOTSUPPORTED (the
 * engine is the maker's), -DER_NOMEM.
 */
int daos_pool_global2local(d_iov_t glob, daos_handle_t *poh);

/**
 * Refresh and tell what a pool is. @a info->pi_bits selects (DPI_*). *ranks: engines, allocated,
 * for d_rank_list_free(); with DPI_ENGINES_ENABLED those with all targets up, otherwise those with
 * a disabled one. @a pool_prop: entries of the types wanted; no entries, or type 0: all. Each out
 * parameter may be NULL.
 * Errors: -DER_NO_HDL, -DER_INVAL, -DER_UNREACH, -DER_NO_PERM (property not readable).
 */
int daos_pool_query(daos_handle_t poh, d_rank_list_t **ranks, daos_pool_info_t *info,
                    daos_prop_t *pool_prop, daos_event_t *ev);

/**
 * State and space of target @a tgt of engine @a rank.
 * Errors: -DER_NONEXIST (no such rank/target), -DER_NO_HDL.
 */
int daos_pool_query_target(daos_handle_t poh, uint32_t tgt, d_rank_t rank, daos_target_info_t *info,
                           daos_event_t *ev);

/**
 * Names of the pool's user attributes, each with its NUL, back to back. *size in: bytes at @a
 * buffer, out: bytes all names need.
 * Errors: -DER_NO_HDL, -DER_INVAL, -DER_NO_PERM.
 */
int daos_pool_list_attr(daos_handle_t poh, char *buffer, size_t *size, daos_event_t *ev);

/**
 * Read @a n user attributes. sizes[i] in: bytes at buffers[i], out: true size; what does not fit
 * is cut off. A NULL buffer or size 0 only asks for the size.
 * Errors: -DER_NONEXIST (any missing), -DER_INVAL, -DER_NO_PERM.
 */
int daos_pool_get_attr(daos_handle_t poh, int n, const char *const *names, void *const *buffers,
                       size_t *sizes, daos_event_t *ev);

/**
 * Set @a n user attributes, creating or replacing.
 * Errors: -DER_INVAL (n <= 0, empty name, name > 511, NULL value or size 0), -DER_NO_PERM.
 */
int daos_pool_set_attr(daos_handle_t poh, int n, const char *const *names,
                       const void *const *values, const size_t *sizes, daos_event_t *ev);

/**
 * Delete @a n user attributes; those that are not there are no error.
 * Errors: -DER_INVAL, -DER_NO_PERM.
 */
int daos_pool_del_attr(daos_handle_t poh, int n, const char *const *names, daos_event_t *ev);

/**
 * List the containers. *ncont in: slots at @a cbuf, out: how many there are. @a cbuf NULL only
 * counts.
 * Errors: -DER_TRUNC (more than *ncont; *ncont set), -DER_NO_PERM, -DER_NO_HDL.
 */
int daos_pool_list_cont(daos_handle_t poh, daos_size_t *ncont, struct daos_pool_cont_info *cbuf,
                        daos_event_t *ev);

/**
 * Start an empty filter; @a combine_func: PCF_COMBINE_*.
 * Errors: -DER_INVAL.
 */
int daos_pool_cont_filter_init(daos_pool_cont_filter_t *filt, uint32_t combine_func);

/**
 * Add a part, which now belongs to the filter; at most DAOS_POOL_CONT_FILTER_MAX_NPARTS.
 * Errors: -DER_INVAL, -DER_NOMEM.
 */
int daos_pool_cont_filter_add(daos_pool_cont_filter_t *filt, daos_pool_cont_filter_part_t *part);

/** Free the parts of a filter. */
void daos_pool_cont_filter_fini(daos_pool_cont_filter_t *filt);

/**
 * As daos_pool_list_cont(), only containers that pass the filter, with what is known about them.
 * Errors: -DER_INVAL, -DER_TRUNC, -DER_NO_PERM.
 */
int daos_pool_filter_cont(daos_handle_t poh, daos_pool_cont_filter_t *filter, daos_size_t *ncont,
                          struct daos_pool_cont_info2 *cbuf, daos_event_t *ev);

/**
 * Which DAOS_ACL_PERM_* bits a user with these groups has, by a list that holds ACL, owner and
 * owner group. Nobody is asked.
 * Errors: -DER_INVAL, -DER_NONEXIST (uid/gid unknown), -DER_NOMEM.
 */
int daos_pool_get_perms(daos_prop_t *pool_prop, uid_t uid, gid_t *gids, size_t nr_gids,
                        uint64_t *perms);

#ifdef __cplusplus
}
#endif

#endif /* TARN_DAOS_POOL_H */
