/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * System-wide queries and switches for tests and tools. Functions with a trailing daos_event_t
 * block when it is NULL.
 */
#ifndef TARN_DAOS_MGMT_H
#define TARN_DAOS_MGMT_H

#include <stdint.h>
#include <daos_types.h>
#include <daos_pool.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Keys of daos_debug_set_params(). */
enum {
    DMG_KEY_FAIL_LOC = 0,
    DMG_KEY_FAIL_VALUE = 1,
    DMG_KEY_FAIL_NUM = 2,
    DMG_KEY_NUM = 3,
};

/** A pool in daos_mgmt_list_pools(). */
typedef struct {
    uuid_t mgpi_uuid;
    d_string_t mgpi_label;   /**< allocated */
    d_rank_list_t *mgpi_svc; /**< ranks of the pool service, allocated */
    d_rank_t mgpi_ldr;       /**< the one that leads */
} daos_mgmt_pool_info_t;

/**
 * How to reach a system (NULL: the default one), in memory for daos_mgmt_put_sys_info().
 * Errors: -DER_AGENT_COMM, -DER_NOMEM, -DER_INVAL.
 */
int daos_mgmt_get_sys_info(const char *sys, struct daos_sys_info **info);

/** Free what daos_mgmt_get_sys_info() gave. */
void daos_mgmt_put_sys_info(struct daos_sys_info *info);

/**
 * Stop a pool's service. For tests.
 * Errors: -DER_NO_HDL, -DER_NO_PERM.
 */
int daos_pool_stop_svc(daos_handle_t poh, daos_event_t *ev);

/**
 * List the pools of a system. *npools in: slots, out: how many there are; @a pools NULL only
 * counts. Labels and rank lists are allocated: the caller frees them.
 * Errors: -DER_TRUNC, -DER_INVAL.
 */
int daos_mgmt_list_pools(const char *group, daos_size_t *npools, daos_mgmt_pool_info_t *pools,
                         daos_event_t *ev);

/**
 * Set a fault-injection value on the servers. @a rank (d_rank_t)-1: all. @a key_id: DMG_KEY_*.
 * Errors: -DER_INVAL.
 */
int daos_debug_set_params(const char *grp, d_rank_t rank, unsigned int key_id, uint64_t value,
                          uint64_t value_extra, daos_event_t *ev);

/**
 * Write a line into the log of every server.
 * Errors: -DER_INVAL.
 */
int daos_debug_add_mark(const char *mark);

/**
 * State of a blob store. For tests.
 * Errors: -DER_INVAL, -DER_NONEXIST.
 */
int daos_mgmt_get_bs_state(const char *group, unsigned char *blobstore_uuid, int *blobstore_state,
                           daos_event_t *ev);

/**
 * Version of the servers as heard when the client attached. *tag is static.
 * Errors: -DER_UNINIT, -DER_INVAL.
 */
int dc_mgmt_srv_version(uint32_t *major, uint32_t *minor, uint32_t *patch, char **tag);

#ifdef __cplusplus
}
#endif

#endif /* TARN_DAOS_MGMT_H */
