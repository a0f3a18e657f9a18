/*
 * Transactions as the I/O functions see them: which epoch to read at, and where writes go.
 *
 * A snapshot transaction reads at its epoch. Any other reads at an epoch that the engine chooses at
 * the first read, above all that anybody was told is done: the client's clock knows only what this
 * client was told. Reads that begin before the first is answered wait for the epoch; should the
 * first fail without one, they fail as it did, and the next read asks again. A read-write
 * transaction keeps what it writes and sends it all at commit with the condition that nothing it
 * read has changed.
 */
#ifndef TARN_CLIENT_TX_H
#define TARN_CLIENT_TX_H

#include "client/op.h"

struct tx;

/* The epoch a read under th uses: DAOS_EPOCH_MAX without a transaction; 0 if it is not known yet,
 * which op_run() takes care of. cont: the object's, which
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
/* op_begin() of what is asked of `held` in tx (NULL: in none); takes over both references, also
 * when it fails. */
int op_begin_in(struct client *c, daos_event_t *ev, struct op *local, struct hobj *held,
                struct tx *tx, struct op **op);
void tx_failed(struct tx *tx);
/* For op_run(), before a read of a transaction is sent: fills in the epoch, or makes it the one
 * that asks for it. False: another asks; op_turn() will come. */
bool tx_may_send(struct op *op);
/* For op.c: the op that asked has been answered. */
void tx_answered(struct op *op, int rc);

/* What a read-write transaction keeps. Keys and shapes are copied, data unless it was opened
 * ZERO_COPY. akeys: nr of them; none: the dkey; dkey NULL: the object. */
int tx_update(struct tx *tx, daos_obj_id_t oid, uint64_t flags, daos_key_t *dkey, unsigned int nr,
              daos_iod_t *iods, d_sg_list_t *sgls);
int tx_punch(struct tx *tx, daos_obj_id_t oid, uint64_t flags, daos_key_t *dkey, unsigned int nr,
             daos_key_t *akeys);

/* The same for a call of the API: their conditions are judged before it ends, and the references to
 * the transaction and to what holds the container (the object) are given back. -DER_EXIST,
 * -DER_NONEXIST: a condition does not hold; nothing was kept. */
struct tx_write {
    struct tx *tx;
    struct hobj *held;
    struct cont *co;
    daos_obj_id_t oid;
};
int tx_update_if(const struct tx_write *w, uint64_t flags, daos_key_t *dkey, unsigned int nr,
                 daos_iod_t *iods, d_sg_list_t *sgls, daos_event_t *ev);
int tx_punch_if(const struct tx_write *w, uint64_t flags, daos_key_t *dkey, unsigned int nr,
                daos_key_t *akeys, daos_event_t *ev);
int tx_punch_dkeys_if(const struct tx_write *w, uint64_t flags, unsigned int nr, daos_key_t *dkeys,
                      daos_event_t *ev);

/* tarn_tx_run() with bounds of its own: attempts, and ms after which no other is begun. tx_run.c */
int tx_run(daos_handle_t coh, uint64_t flags, int (*fn)(daos_handle_t th, void *arg), void *arg,
           uint32_t tries_max, uint32_t ms_max);

#endif
