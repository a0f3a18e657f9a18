/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * Error codes. Functions return 0 or one of these numbers NEGATED (-DER_NONEXIST); dfs_*, dfs_sys_*
 * and duns_* return positive errno values instead, ds3_* negative errno values.
 *
 * The two tables are X-macros: X(NAME, description), the description being bare tokens without a
 * comma. Values are consecutive, from 1001 in the general table and from 2001 in the storage table,
 * so an entry's place IS its value: append only.
 */
#ifndef TARN_DAOS_ERRNO_H
#define TARN_DAOS_ERRNO_H

#ifdef __cplusplus
extern "C" {
#endif

/** General codes, 1001 and up. */
#define D_FOREACH_GURT_ERR(X)                                                                      \
    X(DER_NO_PERM, Not permitted by rights or state or handle mode)                                \
    X(DER_NO_HDL, Handle is unknown or was closed)                                                 \
    X(DER_INVAL, Argument is not valid)                                                            \
    X(DER_EXIST, Exists already)                                                                   \
    X(DER_NONEXIST, Does not exist)                                                                \
    X(DER_UNREACH, Target or service cannot be reached)                                            \
    X(DER_NOSPACE, No space left on a target)                                                      \
    X(DER_ALREADY, Was already done)                                                               \
    X(DER_NOMEM, Out of memory)                                                                    \
    X(DER_NOSYS, Not implemented)                                                                  \
    X(DER_TIMEDOUT, Time ran out)                                                                  \
    X(DER_BUSY, In use)                                                                            \
    X(DER_AGAIN, Not possible now so try again)                                                    \
    X(DER_PROTO, Protocol versions do not match)                                                   \
    X(DER_UNINIT, Library is not initialised)                                                      \
    X(DER_TRUNC, Buffer is too small for the answer)                                               \
    X(DER_OVERFLOW, Value does not fit its type)                                                   \
    X(DER_CANCELED, Operation was cancelled)                                                       \
    X(DER_OOG, Rank does not belong to the group)                                                  \
    X(DER_HG, Transport failed)                                                                    \
    X(DER_UNREG, Request type or version is not registered)                                        \
    X(DER_ADDRSTR_GEN, Address text could not be made)                                             \
    X(DER_PMIX, Process manager failed)                                                            \
    X(DER_IVCB_FORWARD, Incast request must be forwarded)                                          \
    X(DER_MISC, Unspecified failure)                                                               \
    X(DER_BADPATH, Path is malformed)                                                              \
    X(DER_NOTDIR, Not a directory)                                                                 \
    X(DER_CORPC_INCOMPLETE, Collective request failed on some members)                             \
    X(DER_NO_RAS_RANK, No rank listens for events)                                                 \
    X(DER_NOTATTACH, Not attached to the group)                                                    \
    X(DER_MISMATCH, Versions or data differ)                                                       \
    X(DER_EXCLUDED, Rank was excluded from the group)                                              \
    X(DER_NOREPLY, Request handler sent no reply)                                                  \
    X(DER_DOS, Temporarily short of resources so retry)                                            \
    X(DER_BAD_TARGET, Request reached the wrong target)                                            \
    X(DER_GRPVER, Group versions differ)                                                           \
    X(DER_HLC_SYNC, Clocks are too far apart)                                                      \
    X(DER_NO_SHMEM, Shared memory is exhausted)                                                    \
    X(DER_ADD_METRIC_FAILED, Metric could not be added)                                            \
    X(DER_DURATION_MISMATCH, Duration metric was started and ended inconsistently)                 \
    X(DER_OP_NOT_PERMITTED, Operation does not fit this metric)                                    \
    X(DER_EXCEEDS_PATH_LEN, Metric path is too long)                                               \
    X(DER_METRIC_NOT_FOUND, Metric was not found)                                                  \
    X(DER_SHMEM_PERMS, Shared memory segment may not be opened)                                    \
    X(DER_HG_FATAL, Transport failed for good)                                                     \
    X(DER_QUOTA_LIMIT, Quota is used up)

/** Codes of the storage model, 2001 and up. */
#define D_FOREACH_DAOS_ERR(X)                                                                      \
    X(DER_IO, Device I / O failed)                                                                 \
    X(DER_FREE_MEM, Memory could not be released)                                                  \
    X(DER_ENOENT, Entry was not found)                                                             \
    X(DER_NOTYPE, Object type is unknown)                                                          \
    X(DER_NOSCHEMA, Object class schema is unknown)                                                \
    X(DER_NOLOCAL, Object does not live on this server)                                            \
    X(DER_STALE, Pool map version is out of date)                                                  \
    X(DER_NOTLEADER, Not the leader of the service)                                                \
    X(DER_TGT_CREATE, Target could not be created)                                                 \
    X(DER_EP_RO, Epoch cannot be written any more)                                                 \
    X(DER_EP_OLD, Epoch is older than the history that is kept)                                    \
    X(DER_KEY2BIG, Key is larger than the buffer)                                                  \
    X(DER_REC2BIG, Record is larger than the buffer)                                               \
    X(DER_IO_INVAL, Buffers do not match the extents)                                              \
    X(DER_EQ_BUSY, Event queue is in use)                                                          \
    X(DER_DOMAIN, Domains do not match)                                                            \
    X(DER_SHUTDOWN, Service is shutting down)                                                      \
    X(DER_INPROGRESS, Operation is still running)                                                  \
    X(DER_NOTAPPLICABLE, Operation does not apply)                                                 \
    X(DER_NOTREPLICA, Not a replica of the service)                                                \
    X(DER_CSUM, Checksum does not match the data)                                                  \
    X(DER_DF_INVAL, Stored format is not recognised)                                               \
    X(DER_DF_INCOMPT, Stored format is of an incompatible version)                                 \
    X(DER_REC_SIZE, Record size differs from the stored one)                                       \
    X(DER_TX_RESTART, Transaction met a conflict and must restart)                                 \
    X(DER_DATA_LOSS, Data is lost beyond repair)                                                   \
    X(DER_OP_CANCELED, Operation was cancelled by the service)                                     \
    X(DER_TX_BUSY, Another transaction holds the record so retry)                                  \
    X(DER_AGENT_INCOMPAT, Agent is of an incompatible version)                                     \
    X(DER_NEED_TX, Operation needs a transaction)                                                  \
    X(DER_RF, More failures than the redundancy factor allows)                                     \
    X(DER_FETCH_AGAIN, Fetch must be repeated)                                                     \
    X(DER_TX_UNCERTAIN, Outcome of the commit is not known)                                        \
    X(DER_AGENT_COMM, Agent cannot be reached)                                                     \
    X(DER_ID_MISMATCH, Identifiers do not match)                                                   \
    X(DER_TGT_RETRY, Retry on another target)                                                      \
    X(DER_NOTSUPPORTED, Not supported)                                                             \
    X(DER_CONTROL_INCOMPAT, Control plane is of an incompatible version)                           \
    X(DER_NO_SERVICE, Service does not exist)                                                      \
    X(DER_TX_ID_REUSED, Transaction id was used before)                                            \
    X(DER_UPDATE_AGAIN, Update must be repeated)                                                   \
    X(DER_NVME_IO, NVMe device reported an error)                                                  \
    X(DER_NO_CERT, Certificate is missing)                                                         \
    X(DER_BAD_CERT, Certificate is not valid)                                                      \
    X(DER_VOS_PARTIAL_UPDATE, Value was updated on some replicas only)                             \
    X(DER_CHKPT_BUSY, Checkpoint is running)                                                       \
    X(DER_DIV_BY_ZERO, Division by zero)                                                           \
    X(DER_OVERLOAD_RETRY, Server is overloaded so retry later)                                     \
    X(DER_NOT_RESUME, Cannot be resumed)                                                           \
    X(DER_CONT_NONEXIST, Container does not exist)                                                 \
    X(DER_CONT_DESTROYING, Container is being destroyed)                                           \
    X(DER_IGNORE, Can be ignored)

/** Ranges of codes: X(name, base); the first code of a range is base + 1. */
#define D_FOREACH_ERR_RANGE(X) X(GURT, 1000) X(DAOS, 2000)

#define D_DEFINE_ERRNO(name, desc)   name,
#define D_DEFINE_ERRSTR(name, desc)  #name,
#define D_DEFINE_ERRDESC(name, desc) #desc,
#define D_DEFINE_RANGE_ERRNO(name, base)                                                           \
    DER_ERR_##name##_BASE = (base), D_FOREACH_##name##_ERR(D_DEFINE_ERRNO)

/** Every code, as a positive number. */
enum daos_errno {
    DER_SUCCESS = 0,
    D_FOREACH_ERR_RANGE(D_DEFINE_RANGE_ERRNO)
    /** one past the last valid code */
    DER_LAST_VALID,
    /** not a code of any table */
    DER_UNKNOWN = DER_ERR_GURT_BASE + 500000,
};

/** Mark an old name of a code: using it still works and the compiler mentions the new one. */
#define DO_PRAGMA(str)              _Pragma(#str)
#define DEPRECATE_ERROR(olde, newe) newe
/** Former name of DER_EXCLUDED. */
#define DER_EVICTED DEPRECATE_ERROR(DER_EVICTED, DER_EXCLUDED)

/** Name of a code of either sign ("DER_NONEXIST"); 0 is "DER_SUCCESS", anything else "DER_UNKNOWN".
 * The text is static. */
const char *d_errstr(int errnum);

/** One sentence about a code of either sign. The text is static. */
const char *d_errdesc(int errnum);

/** printf format and arguments that show a code as name, value and description. */
#define DF_RC     "%s(%d): '%s'"
#define DP_RC(rc) d_errstr(rc), rc, d_errdesc(rc)

#ifdef __cplusplus
}
#endif

#endif /* TARN_DAOS_ERRNO_H */
