/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * Small helpers that programs around the API use: errno conversion, printable forms, anchors,
 * layout names.
 */
#ifndef TARN_DAOS_COMMON_H
#define TARN_DAOS_COMMON_H

#include <errno.h>
#include <stdint.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <daos_types.h>
#include <daos_prop.h>
#include <daos/debug.h>
#include <gurt/common.h>

#ifdef __cplusplus
extern "C" {
#endif

/** printf formats and arguments of ids, keys, names and truth values. */
#define DF_UUIDF    "%s"
#define DF_UUID     "%.8s"
#define DF_OID      DF_U64 "." DF_U64
#define DP_OID(o)   (o).hi, (o).lo
#define DF_BOOL     "%s"
#define DP_BOOL(b)  ((b) ? "true" : "false")
#define DF_KEY      "[%d] '%.*s'"
#define DP_KEY(key) (int)(key)->iov_len, (int)(key)->iov_len, daos_key2str(key)
#define DF_DE       "'%s'"
#define DP_DE(de)   daos_de2str(de)
#define DF_PATH     "'%s'"
#define DP_PATH(p)  daos_path2str(p)

/** Text of a UUID, in memory of this thread that later calls reuse. */
char *DP_UUID(const void *uuid);

/** A key as printable text, in memory of this thread that later calls reuse. */
char *daos_key2str(daos_key_t *key);

/** A directory entry's name as printable text, as daos_key2str(). */
char *daos_de2str(const char *de);

/** A path as printable text, as daos_key2str(). */
char *daos_path2str(const char *path);

/** Nanoseconds since some moment in the past. */
uint64_t daos_get_ntime(void);

/** Cut white space off both ends, in place; NULL when nothing is left. */
char *daos_str_trimwhite(char *str);

/** The negative DER code of an errno value. 0 stays 0; a negative number is none: -DER_UNKNOWN. */
static inline int daos_errno2der(int err)
{
    if (err < 0)
        return -DER_UNKNOWN;
    switch (err) {
    case EOVERFLOW:
        return -DER_OVERFLOW;
    case EBADF:
        return -DER_NO_HDL;
    case ENOSYS:
        return -DER_NOSYS;
    case ETIMEDOUT:
        return -DER_TIMEDOUT;
    case EWOULDBLOCK:
        return -DER_AGAIN;
    case EPROTO:
        return -DER_PROTO;
    case EINVAL:
        return -DER_INVAL;
    case ENOTDIR:
        return -DER_NOTDIR;
    case EIO:
        return -DER_IO;
    case ENOTSUP:
        return -DER_NOTSUPPORTED;
    default:
        return d_errno2der(err);
    }
}

/** The positive errno value of 0 or a negative DER code; EINVAL for anything positive. */
static inline int daos_der2errno(int err)
{
    if (err > 0)
        return EINVAL;
    switch (-err) {
    case DER_SUCCESS:
        return 0;
    case DER_NO_PERM:
    case DER_EP_RO:
    case DER_EP_OLD:
    case DER_CONT_DESTROYING:
        return EPERM;
    case DER_ENOENT:
    case DER_NONEXIST:
        return ENOENT;
    case DER_INVAL:
    case DER_NOTYPE:
    case DER_NOSCHEMA:
    case DER_NOLOCAL:
    case DER_NO_HDL:
    case DER_IO_INVAL:
        return EINVAL;
    case DER_KEY2BIG:
    case DER_REC2BIG:
        return E2BIG;
    case DER_EXIST:
        return EEXIST;
    case DER_UNREACH:
        return EHOSTUNREACH;
    case DER_NOSPACE:
        return ENOSPC;
    case DER_ALREADY:
        return EALREADY;
    case DER_NOMEM:
    case DER_DOS:
        return ENOMEM;
    case DER_TIMEDOUT:
        return ETIMEDOUT;
    case DER_BUSY:
    case DER_EQ_BUSY:
        return EBUSY;
    case DER_AGAIN:
        return EAGAIN;
    case DER_PROTO:
        return EPROTO;
    case DER_IO:
        return EIO;
    case DER_CANCELED:
        return ECANCELED;
    case DER_OVERFLOW:
        return EOVERFLOW;
    case DER_BADPATH:
    case DER_NOTDIR:
        return ENOTDIR;
    case DER_STALE:
        return ESTALE;
    case DER_TX_RESTART:
        return ERESTART;
    case DER_NOTSUPPORTED:
        return ENOTSUP;
    default:
        return EIO;
    }
}

/** Set where a fault is injected. For tests. */
void daos_fail_loc_set(uint64_t id);

/** Set its value. For tests. */
void daos_fail_value_set(uint64_t val);

/** Set how often it fires. For tests. */
void daos_fail_num_set(uint64_t num);

/**
 * Are all entries of a list known, in range and complete? @a pool: of a pool; @a input: given by a
 * caller rather than by a server.
 */
bool daos_prop_valid(daos_prop_t *prop, bool pool, bool input);

/** A copy of a list with all it holds; NULL when it is not valid or there is no memory. */
daos_prop_t *daos_prop_dup(daos_prop_t *prop, bool pool, bool input);

/** Copy what a request asks for out of a reply. 0 or a negative DER code. */
int daos_prop_copy(daos_prop_t *prop_req, daos_prop_t *prop_reply);

/** Name of a layout type; "unknown" for what is none. */
static inline const char *daos_ctype_name(daos_cont_layout_t ctype)
{
    static const char *const names[] = {"unknown",  "POSIX", "HDF5",    "PYTHON", "SPARK",
                                        "DATABASE", "ROOT",  "SEISMIC", "METEO"};

    return names[ctype < DAOS_PROP_CO_LAYOUT_MAX ? ctype : DAOS_PROP_CO_LAYOUT_UNKNOWN];
}

/** Layout type of a name, in any case; unknown when it is none. */
static inline void daos_parse_ctype(const char *string, daos_cont_layout_t *type)
{
    daos_cont_layout_t i;

    *type = DAOS_PROP_CO_LAYOUT_UNKNOWN;
    for (i = 1; string != NULL && i < DAOS_PROP_CO_LAYOUT_MAX; i++) {
        if (strcasecmp(string, daos_ctype_name(i)) == 0)
            *type = i;
    }
}

/** Name of a layout type, into at least 10 bytes. */
static inline void daos_unparse_ctype(daos_cont_layout_t ctype, char *string)
{
    strcpy(string, daos_ctype_name(ctype));
}

/** Flags of an anchor. */
static inline void daos_anchor_set_flags(daos_anchor_t *anchor, uint32_t flags)
{
    anchor->da_flags = flags;
}

static inline uint32_t daos_anchor_get_flags(daos_anchor_t *anchor)
{
    return anchor->da_flags;
}

/** Put an anchor at the end, or at the beginning; is it at the beginning? */
static inline void daos_anchor_set_eof(daos_anchor_t *anchor)
{
    anchor->da_type = DAOS_ANCHOR_TYPE_EOF;
}

static inline void daos_anchor_set_zero(daos_anchor_t *anchor)
{
    anchor->da_type = DAOS_ANCHOR_TYPE_ZERO;
}

static inline bool daos_anchor_is_zero(daos_anchor_t *anchor)
{
    return anchor->da_type == DAOS_ANCHOR_TYPE_ZERO;
}

#ifdef __cplusplus
}
#endif

#endif /* TARN_DAOS_COMMON_H */
