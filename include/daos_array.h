/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * Arrays: cells of a fixed size, numbered from 0, cut into chunks that lie under one dkey each.
 * Positions and lengths count cells. Functions with a trailing daos_event_t block when it is NULL.
 */
#ifndef TARN_DAOS_ARRAY_H
#define TARN_DAOS_ARRAY_H

#include <stdint.h>
#include <stdbool.h>
#include <daos_types.h>
#include <daos_obj.h>

#ifdef __cplusplus
extern "C" {
#endif

/** rg_len cells from cell rg_idx on. */
typedef struct {
    daos_off_t rg_idx;
    daos_size_t rg_len;
} daos_range_t;

/** Ranges to read, write or punch, in the order of the buffers. */
typedef struct {
    daos_size_t arr_nr;
    daos_range_t *arr_rgs;
    daos_size_t arr_nr_short_read; /**< out: records not read, beyond the end */
    daos_size_t arr_nr_read;       /**< out: records read */
} daos_array_iod_t;

/** Size and last change of an array. */
typedef struct {
    daos_size_t st_size;       /**< in cells */
    daos_epoch_t st_max_epoch; /**< of the last change */
} daos_array_stbuf_t;

/** An I/O of more ranges than LIMIT is refused when most of them are at most THD bytes long. */
#define DAOS_ARRAY_LIST_IO_LIMIT 16384
#define DAOS_ARRAY_RG_LEN_THD    16

/** As daos_obj_generate_oid() for an array: @a add_attr true: cell and chunk size are kept in the
 * object (DAOS_OT_ARRAY); false: the caller remembers them (DAOS_OT_ARRAY_ATTR). */
static inline int daos_array_generate_oid(daos_handle_t coh, daos_obj_id_t *oid, bool add_attr,
                                          daos_oclass_id_t cid, daos_oclass_hints_t hints,
                                          uint32_t args)
{
    return daos_obj_generate_oid(coh, oid, add_attr ? DAOS_OT_ARRAY : DAOS_OT_ARRAY_ATTR, cid,
                                 hints, args);
}

/**
 * Create an array whose object keeps cell size (bytes) and chunk size (cells), and open it.
 * Errors: -DER_EXIST, -DER_INVAL (cell/chunk 0, oid not ARRAY type), -DER_NO_HDL.
 */
int daos_array_create(daos_handle_t coh, daos_obj_id_t oid, daos_handle_t th, daos_size_t cell_size,
                      daos_size_t chunk_size, daos_handle_t *oh, daos_event_t *ev);

/**
 * Open an array and tell the cell and chunk size kept in it.
 * Errors: -DER_NONEXIST, -DER_INVAL (type), -DER_NO_PERM (metadata does not look like an array),
 * -DER_NO_HDL.
 */
int daos_array_open(daos_handle_t coh, daos_obj_id_t oid, daos_handle_t th, unsigned int mode,
                    daos_size_t *cell_size, daos_size_t *chunk_size, daos_handle_t *oh,
                    daos_event_t *ev);

/**
 * Open an array whose cell and chunk size the caller knows; nobody is asked.
 * Errors: -DER_INVAL.
 */
int daos_array_open_with_attr(daos_handle_t coh, daos_obj_id_t oid, daos_handle_t th,
                              unsigned int mode, daos_size_t cell_size, daos_size_t chunk_size,
                              daos_handle_t *oh, daos_event_t *ev);

/**
 * Write a handle into @a glob so that another process can use it. iov_buf NULL: only sets
 * iov_buf_len to the size needed.
 * Errors: -DER_TRUNC, -DER_NO_HDL.
 */
int daos_array_local2global(daos_handle_t oh, d_iov_t *glob);

/**
 * A handle from a blob another process made; @a mode 0 keeps the mode it was opened with.
 * Errors: -DER_INVAL, -DER_NO_HDL.
 */
int daos_array_global2local(daos_handle_t coh, d_iov_t glob, unsigned int mode, daos_handle_t *oh);

/**
 * Close it.
 * Errors: -DER_NO_HDL.
 */
int daos_array_close(daos_handle_t oh, daos_event_t *ev);

/**
 * Read ranges into @a sgl, which must have room for exactly as many bytes. Cells never written
 * read as zeros; arr_nr_short_read tells how many of those asked for lie beyond the end, where
 * nothing is read: the buffer says nothing there.
 * Errors: -DER_INVAL, -DER_NO_HDL, -DER_CSUM, -DER_IO, -DER_NOTSUPPORTED (list I/O limit).
 */
int daos_array_read(daos_handle_t oh, daos_handle_t th, daos_array_iod_t *iod, d_sg_list_t *sgl,
                    daos_event_t *ev);

/**
 * Write ranges from @a sgl, which must hold exactly as many bytes.
 * Errors: -DER_INVAL, -DER_NO_PERM, -DER_NOSPACE, -DER_NOTSUPPORTED.
 */
int daos_array_write(daos_handle_t oh, daos_handle_t th, daos_array_iod_t *iod, d_sg_list_t *sgl,
                     daos_event_t *ev);

/**
 * Size: one more than the number of the last cell written.
 * Errors: -DER_NO_HDL.
 */
int daos_array_get_size(daos_handle_t oh, daos_handle_t th, daos_size_t *size, daos_event_t *ev);

/**
 * Size and epoch of the last change.
 * Errors: -DER_NO_HDL.
 */
int daos_array_stat(daos_handle_t oh, daos_handle_t th, daos_array_stbuf_t *stbuf,
                    daos_event_t *ev);

/**
 * Cut off or extend to this size.
 * Errors: -DER_NO_PERM, -DER_NO_HDL.
 */
int daos_array_set_size(daos_handle_t oh, daos_handle_t th, daos_size_t size, daos_event_t *ev);

/**
 * Punch all of the array. The handle must still be closed.
 * Errors: -DER_NO_PERM.
 */
int daos_array_destroy(daos_handle_t oh, daos_handle_t th, daos_event_t *ev);

/**
 * Punch ranges: their cells are as never written.
 * Errors: -DER_NO_PERM, -DER_INVAL.
 */
int daos_array_punch(daos_handle_t oh, daos_handle_t th, daos_array_iod_t *iod, daos_event_t *ev);

/**
 * Chunk size and cell size of an open array; nobody is asked.
 * Errors: -DER_INVAL, -DER_NO_HDL.
 */
int daos_array_get_attr(daos_handle_t oh, daos_size_t *chunk_size, daos_size_t *cell_size);

/**
 * Change the chunk size this handle works with; nothing is stored.
 * Errors: -DER_INVAL, -DER_NO_HDL.
 */
int daos_array_update_chunk_size(daos_handle_t oh, daos_size_t chunk_size);

#ifdef __cplusplus
}
#endif

#endif /* TARN_DAOS_ARRAY_H */
