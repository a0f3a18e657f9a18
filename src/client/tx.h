/*
 * Transactions as the I/O functions see them: which epoch to read at, and where writes go.
 *
 * A snapshot transaction reads at its epoch. A read-write one reads at the client's clock when it
 * is first used (engines never hand out an epoch at or below one they have seen), keeps what it
 * writes, and sends it all at commit with the condition that nothing it read has changed.
 */
#ifndef TARN_CLIENT_TX_H
#define TARN_CLIENT_TX_H

#include "client/op.h"

struct tx;

/* The epoch a read under th uses: DAOS_EPOCH_MAX without a transaction. cont: the object's, which
 * must be the transaction's. what: the dkey that is read, NULL: all of the object. *tx, with a
 * reference that op_set_tx() takes over (NULL without transaction). -DER_NO_HDL, -DER_INVAL (other
 * container), -DER_NO_PERM (its state), -DER_NOMEM. */
int tx_read(struct client *c, daos_handle_t th, struct cont *co, daos_obj_id_t oid,
            const daos_key_t *what, daos_epoch_t *epoch, struct tx **tx);
/* Whether a write under th may be sent now (*tx NULL) or is to be buffered in *tx (with a
 * reference). -DER_NO_PERM (read-only, or its state). */
int tx_for_write(struct client *c, daos_handle_t th, struct cont *co, struct tx **tx);
void tx_ref(struct tx *tx); /* NULL is fine, here and below */
void tx_put(struct tx *tx);
/* The op belongs to tx (may be NULL), whose reference it takes over: -DER_TX_RESTART from it fails
 * the transaction. */
void op_set_tx(struct op *op, struct tx *tx);
void tx_failed(struct tx *tx);

/* What a read-write transaction keeps. Keys and shapes are copied, data unless it was opened
 * ZERO_COPY. akeys: nr of them; none: the dkey; dkey NULL: the object. */
int tx_update(struct tx *tx, daos_obj_id_t oid, uint64_t flags, daos_key_t *dkey, unsigned int nr,
              daos_iod_t *iods, d_sg_list_t *sgls);
int tx_punch(struct tx *tx, daos_obj_id_t oid, uint64_t flags, daos_key_t *dkey, unsigned int nr,
             daos_key_t *akeys);

#endif
