/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * Containers: create, open, properties, rights, attributes, snapshots, object ids.
 *
 * Every function with a trailing daos_event_t blocks when it is NULL; with an event it returns
 * after starting the operation and the result arrives in ev_error.
 */
#ifndef TARN_DAOS_CONT_H
#define TARN_DAOS_CONT_H

#include <stdint.h>
#include <stdbool.h>
#include <sys/types.h>
#include <daos_types.h>
#include <daos_prop.h>
#include <daos_security.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Flags of daos_cont_open(): exactly one of RO, RW, EX, or-ed with the others. */
#define DAOS_COO_RO           (1U << 0) /**< read only */
#define DAOS_COO_RW           (1U << 1) /**< read and write */
#define DAOS_COO_EX           (1U << 2) /**< read and write, and no other handle may exist */
#define DAOS_COO_FORCE        (1U << 3) /**< do not check that redundancy is whole */
#define DAOS_COO_RO_MDSTATS   (1U << 4) /**< with RO: leave open and close times alone */
#define DAOS_COO_EVICT        (1U << 5) /**< with RO or RW: first close this user's handles */
#define DAOS_COO_EVICT_ALL    (1U << 6) /**< with EX, as owner: first close all handles */
#define DAOS_COO_NEW_LAYOUT   (1U << 7) /**< set by the library: it knows the current layout */
#define DAOS_COO_NBITS        8
#define DAOS_COO_MASK         ((1U << DAOS_COO_NBITS) - 1)
#define DAOS_COO_IO_BASE_MASK (DAOS_COO_RO | DAOS_COO_RW | DAOS_COO_EX)

/**
 * Ranks from text such as "0,1,5", separated by any character of @a sep; free with
 * d_rank_list_free(). NULL when the text is not that.
 */
d_rank_list_t *daos_rank_list_parse(const char *str, const char *sep);

/**
 * Write a handle into @a glob so that another process can use it. iov_buf NULL: only sets
 * iov_buf_len to the size needed.
 * Errors: -DER_TRUNC, -DER_NO_HDL, -DER_INVAL.
 */
int daos_cont_local2global(daos_handle_t coh, d_iov_t *glob);

/**
 * A handle from a blob another process made, under this process's handle of the same pool.
 * Errors: -DER_INVAL (bad blob, or pool does not match), -DER_NO_HDL, -DER_NOMEM.
 */
int daos_cont_global2local(daos_handle_t poh, d_iov_t glob, daos_handle_t *coh);

/**
 * Create a container; its UUID is random and goes to @a uuid unless that is NULL. @a cont_prop:
 * properties, or NULL for defaults.
 * Errors: -DER_EXIST (label taken), -DER_INVAL (bad property), -DER_NO_PERM, -DER_NO_HDL,
 * -DER_UNREACH.
 */
int daos_cont_create2(daos_handle_t poh, uuid_t *uuid, daos_prop_t *cont_prop, daos_event_t *ev);
#define daos_cont_create daos_cont_create2

/**
 * As daos_cont_create() with this label, which replaces one among the properties.
 * Errors: -DER_INVAL (bad label), -DER_EXIST, -DER_NO_PERM.
 */
int daos_cont_create_with_label(daos_handle_t poh, const char *label, daos_prop_t *cont_prop,
                                uuid_t *uuid, daos_event_t *ev);

/**
 * Open by label or UUID text. @a flags: DAOS_COO_*. @a info may be NULL.
 * Errors: -DER_INVAL (flags), -DER_NONEXIST, -DER_NO_PERM, -DER_BUSY (EX conflict), -DER_RF
 * (redundancy lost; unclean container), -DER_NO_HDL.
 */
int daos_cont_open2(daos_handle_t poh, const char *cont, unsigned int flags, daos_handle_t *coh,
                    daos_cont_info_t *info, daos_event_t *ev);
#define daos_cont_open daos_cont_open2

/**
 * Close a container. Its objects must be closed. A handle made by global2local only goes away
 * locally.
 * Errors: -DER_NO_HDL, -DER_BUSY (object handles still open).
 */
int daos_cont_close(daos_handle_t coh, daos_event_t *ev);

/**
 * Destroy by label or UUID text, with all its data. @a force 0 refuses while it is open anywhere;
 * otherwise open handles become invalid.
 * Errors: -DER_BUSY, -DER_NONEXIST, -DER_NO_PERM, -DER_INVAL.
 */
int daos_cont_destroy2(daos_handle_t poh, const char *cont, int force, daos_event_t *ev);
#define daos_cont_destroy daos_cont_destroy2

/**
 * What a container is, and its properties: the types listed in @a cont_prop, or all when it has no
 * entries. Either may be NULL. Free the list with daos_prop_free().
 * Errors: -DER_NO_HDL, -DER_INVAL, -DER_NO_PERM (needs get-prop / get-acl / read).
 */
int daos_cont_query(daos_handle_t coh, daos_cont_info_t *info, daos_prop_t *cont_prop,
                    daos_event_t *ev);

/**
 * The ACL, owner and owner group in a new list, for daos_prop_free().
 * Errors: -DER_NO_PERM, -DER_INVAL, -DER_NOMEM.
 */
int daos_cont_get_acl(daos_handle_t coh, daos_prop_t **acl_prop, daos_event_t *ev);

/**
 * Set properties that may change after creation.
 * Errors: -DER_NO_PERM, -DER_INVAL (immutable type or bad value), -DER_EXIST (label).
 */
int daos_cont_set_prop(daos_handle_t coh, daos_prop_t *prop, daos_event_t *ev);

/**
 * Declare the container healthy again after it lost data.
 * Errors: -DER_NO_PERM.
 */
int daos_cont_status_clear(daos_handle_t coh, daos_event_t *ev);

/**
 * Put this ACL in place of the old one.
 * Errors: -DER_NO_PERM, -DER_INVAL.
 */
int daos_cont_overwrite_acl(daos_handle_t coh, struct daos_acl *acl, daos_event_t *ev);

/**
 * Merge an ACL into the old one, principal by principal.
 * Errors: -DER_NO_PERM, -DER_INVAL.
 */
int daos_cont_update_acl(daos_handle_t coh, struct daos_acl *acl, daos_event_t *ev);

/**
 * Remove a principal's entry; @a name is for USER and GROUP only.
 * Errors: -DER_NONEXIST, -DER_NO_PERM, -DER_INVAL.
 */
int daos_cont_delete_acl(daos_handle_t coh, enum daos_acl_principal_type type, d_string_t name,
                         daos_event_t *ev);

/**
 * Set owner and owner group ("name@"), which must be known on this machine; NULL leaves one as it
 * is.
 * Errors: -DER_NO_PERM, -DER_INVAL, -DER_NONEXIST.
 */
int daos_cont_set_owner(daos_handle_t coh, d_string_t user, d_string_t group, daos_event_t *ev);

/**
 * As daos_cont_set_owner(), also for names unknown on this machine.
 * Errors: -DER_NO_PERM, -DER_INVAL.
 */
int daos_cont_set_owner_no_check(daos_handle_t coh, d_string_t user, d_string_t group,
                                 daos_event_t *ev);

/**
 * Names of user attributes, as daos_pool_list_attr().
 * Errors: -DER_NO_HDL, -DER_INVAL, -DER_NO_PERM.
 */
int daos_cont_list_attr(daos_handle_t coh, char *buffer, size_t *size, daos_event_t *ev);

/**
 * Read user attributes, as daos_pool_get_attr().
 * Errors: -DER_NONEXIST (any missing), -DER_INVAL, -DER_NO_PERM.
 */
int daos_cont_get_attr(daos_handle_t coh, int n, const char *const *names, void *const *buffers,
                       size_t *sizes, daos_event_t *ev);

/**
 * Set user attributes, as daos_pool_set_attr().
 * Errors: -DER_INVAL (n <= 0, empty name, name > 511, NULL value or size 0), -DER_NO_PERM.
 */
int daos_cont_set_attr(daos_handle_t coh, int n, const char *const *names,
                       const void *const *values, const size_t *sizes, daos_event_t *ev);

/**
 * Delete user attributes, as daos_pool_del_attr().
 * Errors: -DER_INVAL, -DER_NO_PERM.
 */
int daos_cont_del_attr(daos_handle_t coh, int n, const char *const *names, daos_event_t *ev);

/**
 * Reserve @a num_oids consecutive numbers that no other caller of this container gets; *oid is the
 * first.
 * Errors: -DER_NO_HDL, -DER_NO_PERM (RO handle), -DER_INVAL.
 */
int daos_cont_alloc_oids(daos_handle_t coh, daos_size_t num_oids, uint64_t *oid, daos_event_t *ev);

/**
 * Ask for history up to @a epoch to be merged; 0 means now.
 * Errors: -DER_INVAL (epoch = max), -DER_NO_PERM.
 */
int daos_cont_aggregate(daos_handle_t coh, daos_epoch_t epoch, daos_event_t *ev);

/**
 * Go back to the newest snapshot: what was changed since is gone, for everybody. Whoever changes
 * something in the container before the call has ended is refused with -DER_AGAIN; transactions
 * that have read what is gone cannot commit (-DER_TX_RESTART). Errors: -DER_INVAL (epoch 0 or max),
 * -DER_NO_PERM, -DER_NONEXIST (no such snapshot), -DER_BUSY (a newer snapshot exists), -DER_IO (a
 * target is away, and nothing was done, or it failed meanwhile: roll back again when it is back).
 */
int daos_cont_rollback(daos_handle_t coh, daos_epoch_t epoch, daos_event_t *ev);

/**
 * Wait for a snapshot. Not offered.
 * Errors: -DER_NOSYS.
 */
int daos_cont_subscribe(daos_handle_t coh, daos_epoch_t *epoch, daos_event_t *ev);

/**
 * Take a snapshot of this moment; *epoch names it from now on. @a name must be NULL.
 * Errors: -DER_NOSYS (name given), -DER_NO_PERM, -DER_INVAL (snapshot count limit).
 */
int daos_cont_create_snap(daos_handle_t coh, daos_epoch_t *epoch, char *name, daos_event_t *ev);

/**
 * As daos_cont_create_snap() with options: DAOS_SNAP_OPT_CR is needed, DAOS_SNAP_OPT_OIT also
 * builds the table of object ids.
 * Errors: -DER_INVAL (CR missing), -DER_NOSYS (name).
 */
int daos_cont_create_snap_opt(daos_handle_t coh, daos_epoch_t *epoch, char *name,
                              enum daos_snapshot_opts opts, daos_event_t *ev);

/**
 * List snapshots: *nr in: slots, out: how many there are. @a epochs NULL only counts; @a names may
 * be NULL.
 * Errors: -DER_INVAL, -DER_NO_HDL.
 */
int daos_cont_list_snap(daos_handle_t coh, int *nr, daos_epoch_t *epochs, char **names,
                        daos_anchor_t *anchor, daos_event_t *ev);

/**
 * Remove the snapshot at epr_lo, which must equal epr_hi.
 * Errors: -DER_INVAL (range or 0), -DER_NONEXIST, -DER_NO_PERM.
 */
int daos_cont_destroy_snap(daos_handle_t coh, daos_epoch_range_t epr, daos_event_t *ev);

/**
 * Rights of a user, as daos_pool_get_perms().
 * Errors: -DER_INVAL, -DER_NONEXIST (uid/gid unknown), -DER_NOMEM.
 */
int daos_cont_get_perms(daos_prop_t *cont_prop, uid_t uid, gid_t *gids, size_t nr_gids,
                        uint64_t *perms);

/**
 * Build the table of object ids of a snapshot that has none. @a name must be NULL.
 * Errors: -DER_NOSYS (name), -DER_NONEXIST.
 */
int daos_cont_snap_oit_create(daos_handle_t coh, daos_epoch_t epoch, char *name, daos_event_t *ev);

/**
 * Remove the table behind @a oh with its markers; @a oh must still be closed.
 * Errors: -DER_NO_HDL, -DER_NO_PERM (it has markers, and the container is open for reading).
 */
int daos_cont_snap_oit_destroy(daos_handle_t coh, daos_handle_t oh, daos_event_t *ev);

#ifdef __cplusplus
}
#endif

#endif /* TARN_DAOS_CONT_H */
