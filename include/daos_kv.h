/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * Key-value objects: one value a key, keys being NUL-terminated text. The object's type is one of
 * DAOS_OT_KV_*. Functions with a trailing daos_event_t block when it is NULL.
 */
#ifndef TARN_DAOS_KV_H
#define TARN_DAOS_KV_H

#include <daos_types.h>
#include <daos_obj.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Conditions of put, get and remove. */
#define DAOS_COND_KEY_INSERT DAOS_COND_DKEY_INSERT /**< put: only if there is no such key */
#define DAOS_COND_KEY_UPDATE DAOS_COND_DKEY_UPDATE /**< put: only if the key exists */
#define DAOS_COND_KEY_GET    DAOS_COND_DKEY_FETCH  /**< get: an absent key is an error */
#define DAOS_COND_KEY_REMOVE DAOS_COND_PUNCH       /**< remove: an absent key is an error */

/**
 * Open a key-value object; as daos_obj_open().
 * Errors: -DER_INVAL (wrong type), -DER_NO_HDL, -DER_NO_PERM.
 */
int daos_kv_open(daos_handle_t coh, daos_obj_id_t oid, unsigned int mode, daos_handle_t *oh,
                 daos_event_t *ev);

/**
 * Close it.
 * Errors: -DER_NO_HDL.
 */
int daos_kv_close(daos_handle_t oh, daos_event_t *ev);

/**
 * Punch the whole object. The handle must still be closed.
 * Errors: -DER_NO_PERM, -DER_NO_HDL.
 */
int daos_kv_destroy(daos_handle_t oh, daos_handle_t th, daos_event_t *ev);

/**
 * Set a key's value to @a size bytes at @a buf. Size 0 removes the value.
 * Errors: -DER_EXIST, -DER_NONEXIST (conditions), -DER_INVAL (NULL key), -DER_NO_HDL,
 * -DER_NO_PERM, -DER_NOSPACE.
 */
int daos_kv_put(daos_handle_t oh, daos_handle_t th, uint64_t flags, const char *key,
                daos_size_t size, const void *buf, daos_event_t *ev);

/**
 * Read a key's value. *size in: bytes at @a buf, out: size of the value. @a buf NULL only asks for
 * the size. A key that is not there gives *size 0 unless DAOS_COND_KEY_GET is set.
 * Errors: -DER_REC2BIG, -DER_NONEXIST (with COND_KEY_GET), -DER_INVAL.
 */
int daos_kv_get(daos_handle_t oh, daos_handle_t th, uint64_t flags, const char *key,
                daos_size_t *size, void *buf, daos_event_t *ev);

/**
 * Remove a key.
 * Errors: -DER_NONEXIST (condition), -DER_INVAL.
 */
int daos_kv_remove(daos_handle_t oh, daos_handle_t th, uint64_t flags, const char *key,
                   daos_event_t *ev);

/**
 * List keys, as daos_obj_list_dkey().
 * Errors: -DER_KEY2BIG, -DER_INVAL.
 */
int daos_kv_list(daos_handle_t oh, daos_handle_t th, uint32_t *nr, daos_key_desc_t *kds,
                 d_sg_list_t *sgl, daos_anchor_t *anchor, daos_event_t *ev);

#ifdef __cplusplus
}
#endif

#endif /* TARN_DAOS_KV_H */
