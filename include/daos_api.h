/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * Transactions, anchors, and time. Functions with a trailing daos_event_t block when it is NULL.
 */
#ifndef TARN_DAOS_API_H
#define TARN_DAOS_API_H

#include <stdint.h>
#include <stdbool.h>
#include <string.h>
#include <time.h>
#include <daos_types.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * Open a transaction on a container: 0 for read and write, or DAOS_TF_* bits. Local; the first
 * operation fixes the epoch it reads at. What it writes is kept until the commit and not seen by
 * its own reads (with TARN_TF_READ_OWN of tarn.h it is). Conditions of a write are judged at once,
 * as of that epoch: -DER_EXIST and -DER_NONEXIST refuse this write alone, and what was judged must
 * still hold at the commit.
 * Errors: -DER_NO_HDL, -DER_INVAL (unknown flag), -DER_NOMEM.
 *
 * Operations under a transaction answer, besides what they answer without: -DER_NO_HDL (no handle
 * of a transaction, or closed), -DER_INVAL (of another container or pool), -DER_NO_PERM (it was
 * committed or aborted, met a conflict, or failed; or a write where it, or the handle of its
 * container, is read-only), -DER_TX_RESTART, -DER_OVERFLOW (limits: tarn.h; it has failed then).
 * Any other error refuses this operation alone.
 */
int daos_tx_open(daos_handle_t coh, daos_handle_t *th, uint64_t flags, daos_event_t *ev);

/**
 * Make everything the transaction wrote durable and visible at once, or nothing of it. After
 * -DER_TX_RESTART call daos_tx_restart() and issue the operations again.
 * Errors: -DER_NO_HDL (also: the container was destroyed), -DER_TX_RESTART (conflict),
 * -DER_ALREADY, -DER_INPROGRESS, -DER_NO_PERM (aborted, failed, or on a snapshot), -DER_OVERFLOW
 * (limits: tarn.h), -DER_TX_UNCERTAIN, and what a write is refused with (-DER_REC_SIZE, -DER_INVAL:
 * the akey holds the other kind of value, -DER_NOSPACE). After any but -DER_TX_RESTART,
 * -DER_ALREADY and -DER_INPROGRESS the transaction has ended; after any but -DER_TX_UNCERTAIN
 * nothing was changed.
 */
int daos_tx_commit(daos_handle_t th, daos_event_t *ev);

/**
 * Open a read-only transaction on the snapshot at @a epoch.
 * Errors: -DER_INVAL (epoch 0 or max), -DER_NO_HDL.
 */
int daos_tx_open_snap(daos_handle_t coh, daos_epoch_t epoch, daos_handle_t *th, daos_event_t *ev);

/**
 * Throw away what an open transaction wrote. The handle must still be closed.
 * Errors: -DER_ALREADY (twice), -DER_NO_PERM (any other state), -DER_NO_HDL.
 */
int daos_tx_abort(daos_handle_t th, daos_event_t *ev);

/**
 * Release a transaction's handle; what was not committed is dropped.
 * Errors: -DER_BUSY (commit running), -DER_NO_HDL.
 */
int daos_tx_close(daos_handle_t th, daos_event_t *ev);

/**
 * Empty a transaction that met a conflict, or failed with -DER_OVERFLOW or -DER_NOMEM, so that
 * operations can be issued again. Waits a random, growing time first.
 * Errors: -DER_NO_PERM (not in failed/restartable state, or on a snapshot), -DER_NO_HDL.
 */
int daos_tx_restart(daos_handle_t th, daos_event_t *ev);

/**
 * The epoch a transaction reads at.
 * Errors: -DER_UNINIT (no epoch chosen yet), -DER_NO_HDL, -DER_INVAL.
 */
int daos_tx_hdl2epoch(daos_handle_t th, daos_epoch_t *epoch);

/** Make an anchor start an enumeration. @a opts must be 0. */
static inline int daos_anchor_init(daos_anchor_t *anchor, unsigned int opts)
{
    (void)opts;
    memset(anchor, 0, sizeof(*anchor));
    return 0;
}

/** Done with an anchor. It holds nothing, so nothing happens. */
static inline void daos_anchor_fini(daos_anchor_t *anchor)
{
    (void)anchor;
}

/** Is the enumeration over? */
static inline bool daos_anchor_is_eof(daos_anchor_t *anchor)
{
    return anchor->da_type == DAOS_ANCHOR_TYPE_EOF;
}

/**
 * Wall time of an epoch, to the nanosecond.
 * Errors: -DER_INVAL.
 */
int daos_hlc2timespec(uint64_t hlc, struct timespec *ts);

/**
 * Wall time of an epoch, in seconds.
 * Errors: -DER_INVAL.
 */
int daos_hlc2timestamp(uint64_t hlc, time_t *ts);

#ifdef __cplusplus
}
#endif

#endif /* TARN_DAOS_API_H */
