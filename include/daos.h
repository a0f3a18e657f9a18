/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * The client library. Includes the headers of pools, containers, objects, key-value objects,
 * arrays, events and transactions; daos_fs.h, daos_fs_sys.h, daos_uns.h, daos_task.h,
 * daos_pipeline.h and daos_s3.h are included on their own.
 *
 * A first program: daos_init, daos_pool_connect, daos_cont_open, daos_obj_generate_oid,
 * daos_kv_open, daos_kv_put; then close, disconnect and daos_fini in turn.
 */
#ifndef TARN_DAOS_H
#define TARN_DAOS_H

#include <daos_types.h>
#include <daos_errno.h>
#include <daos_version.h>
#include <daos_prop.h>
#include <daos_security.h>
#include <daos_obj_class.h>
#include <daos_obj.h>
#include <daos_event.h>
#include <daos_pool.h>
#include <daos_cont.h>
#include <daos_kv.h>
#include <daos_array.h>
#include <daos_api.h>
#include <daos_mgmt.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * Start the library. Counted: each success needs one daos_fini().
 * Errors: -DER_NOMEM, -DER_AGENT_COMM / -DER_NONEXIST (no agent socket), -DER_INVAL, transport
 * errors.
 */
int daos_init(void);

/**
 * Undo one daos_init(); the last one releases everything, handles included.
 * Errors: -DER_UNINIT when there are more fini than init.
 */
int daos_fini(void);

/**
 * In a child after fork(): rebuild the library. Handles stay usable but behave as imported ones.
 * Errors: as daos_init().
 */
int daos_reinit(void);

#ifdef __cplusplus
}
#endif

#endif /* TARN_DAOS_H */
