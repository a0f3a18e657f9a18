/**
 * What Tarn offers beyond DAOS's API. A program that includes this file needs Tarn's library.
 */
#ifndef __TARN_H__
#define __TARN_H__

#include <daos.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Transactions that read what they write ---- */

/**
 * A flag of daos_tx_open(): the transaction's reads see what it has written, as if its operations
 * had been applied, in the order they were issued. Without it they see the container as of the
 * transaction's epoch only, as in DAOS.
 *
 * Seen by daos_obj_fetch (values, sizes, maps, conditions), daos_obj_list_dkey, _akey and _recx,
 * daos_obj_query_key, daos_obj_key2anchor, daos_kv_get and _list, daos_array_open, _read, _get_size
 * and _set_size, and by the conditions of later writes.
 *
 * - A write is seen once its call has returned, or its event has completed.
 * - An enumeration shows the transaction as it was when the enumeration began: later writes neither
 *   add to it nor take from it. Extents that are not committed have the epoch range
 *   [DAOS_EPOCH_MAX, DAOS_EPOCH_MAX].
 * - What has no epoch yet is not counted in daos_obj_query_max_epoch() and the st_max_epoch of
 *   daos_array_stat(): they tell of what is committed.
 * - What the commit will refuse (a single value over an array, another record size) cannot be shown
 *   as if it were there: reads show each kind of value for itself; record sizes that differ are
 *   -DER_REC_SIZE.
 * - A read that is answered by the transaction's own writes alone is no read of the container: it
 *   conflicts with nobody.
 * - With DAOS_TF_ZERO_COPY reads look into the program's buffers.
 *
 * Costs: a read of an object that the transaction has not written costs what it always does. Else
 * it looks through the kept operations (TARN_TX_OPS_MAX at most) and asks the engine only for what
 * they do not answer: a fetch is one request for each such akey (two where the record size has to
 * be found out); a list has one more request where it has to go back to a key that did not fit, and
 * one or two for each key from which something was punched. The largest (smallest) key takes a
 * listing of its object's keys if the transaction deleted the one that the engine knows.
 *
 * With DAOS_TF_RDONLY it has no effect.
 */
#define TARN_TF_READ_OWN (UINT64_C(1) << 40)

/* ---- Limits of a transaction ----
 *
 * A write (a call, a chunk of an array, a dkey of daos_obj_punch_dkeys) is an operation. One too
 * many is -DER_OVERFLOW; the transaction has failed then (a commit would be half of it): close it,
 * or daos_tx_restart() it and write less.
 *
 * At the commit every dkey that was read counts too; if that is too much, dkeys of one object count
 * as one, and the commit may restart because of dkeys that were not read.
 * Over several targets a target takes TARN_TX_OPS_MAX, and an operation on all of an object is one
 * for each of its targets; TARN_TX_TARGETS_MAX of them may take part. The keys of all operations,
 * and what is stored for each, have to fit one record of a log: some thousand akeys. Bytes of
 * values have no limit but room. A commit that is too large is -DER_OVERFLOW, changed nothing, and
 * has ended the transaction.
 */
#define TARN_TX_OPS_MAX     64 /**< operations of a transaction */
#define TARN_TX_AKEYS_MAX   64 /**< akeys of one operation */
#define TARN_TX_TARGETS_MAX 64 /**< targets that take part in one */

/* ---- Transactions that are run until they are through ---- */

#define TARN_TX_TRIES_MAX  1000   /**< attempts of tarn_tx_run() */
#define TARN_TX_RUN_MS_MAX 120000 /**< after which it does not begin another, in ms */

/**
 * Run a transaction: opens one with @a flags (of daos_tx_open()) on the container, calls
 * @a fn (th, @a arg), commits when that returned 0, and closes it.
 *
 * A conflict (-DER_TX_RESTART, from an operation that fn passes on or from the commit) throws away
 * what was written, waits a random, growing time (daos_tx_restart()) and calls fn again, with the
 * same handle, which must therefore do all of its work anew and keep nothing it read before. After
 * TARN_TX_TRIES_MAX attempts or TARN_TX_RUN_MS_MAX the answer is -DER_TX_RESTART.
 *
 * fn may not commit, abort or close the transaction: -DER_INVAL, whatever became of it (committed
 * work stays). Anything but 0 that it returns is the answer, and nothing was changed; this may be a
 * code of its own above 0. fn that passes over an error of an operation commits what it has, unless
 * the transaction has failed with it: -DER_INVAL, and nothing was changed.
 *
 * Blocking: an event is not offered, as fn itself waits for what it reads.
 *
 * Errors: what fn returned; -DER_TX_RESTART: nothing was changed; -DER_TX_UNCERTAIN: the commit was
 * sent, and its answer was lost: it may have happened or not, and is not tried again: what was to
 * be changed must be looked at. -DER_OVERFLOW (limits above), -DER_NO_HDL, -DER_INVAL (fn NULL,
 * flags, and above), -DER_NOMEM, and what else daos_tx_commit() answers: nothing was changed.
 */
int tarn_tx_run(daos_handle_t coh, uint64_t flags, int (*fn)(daos_handle_t th, void *arg),
                void *arg);

#ifdef __cplusplus
}
#endif

#endif
