/*
 * Reads of a transaction that sees what it wrote (TARN_TF_READ_OWN). What programs may expect of
 * them is said in include/tarn.h.
 *
 *      what the transaction keeps          what the engine answers at the transaction's epoch
 *      (struct tx_op, in order)                                |
 *                 |                                            |
 *        struct own: those of one object                       |
 *                 |                                            |
 *      struct own_akey: what became of one akey;               |
 *      a list of touched keys                                  |
 *                 +------------------- merge ------------------+
 *                                        |
 *                                    the answer
 *
 * Nothing is kept between reads: a view is made for each, from at most COMPOUND_OPS_MAX operations.
 * What they do not touch is read as ever, by one plain request, which is also how the engine is
 * asked for what the merge needs; each such question is a read of the transaction that its commit
 * checks. Questions wait for answers, so an asynchronous read that has to merge runs on a fiber of
 * the client's.
 *
 * Files: tx_own.c (views, questions, which keys exist), tx_own_exts.c (extents over extents),
 * tx_own_fetch.c, tx_own_list.c (keys), tx_own_recx.c (extents), tx_own_query.c; tx_own_int.h is
 * what they share.
 */
#ifndef TARN_CLIENT_TX_OWN_H
#define TARN_CLIENT_TX_OWN_H

#include "client/tx.h"

/* What is read, by which transaction. tx and held (which keeps co) are references; the functions
 * that take an event take them over, whatever they return. */
struct own_read {
    struct client *client;
    struct tx *tx;
    struct hobj *held;
    struct cont *co;
    daos_obj_id_t oid;
};

/* Do the transaction's (NULL: none) reads see its writes? Then they go through here. */
bool own_reads(const struct tx *tx);

/* As the calls of the API, whose arguments have been checked; what they point at stays until the
 * end, the structs of keys that are read need not. -DER_NO_PERM: the transaction ended or restarted
 * meanwhile; -DER_REC_SIZE: it holds records of another size; -DER_NOMEM; what the engine answers.
 */
int own_fetch(const struct own_read *r, uint64_t flags, const daos_key_t *dkey, unsigned int nr,
              daos_iod_t *iods, d_sg_list_t *sgls, daos_iom_t *ioms, daos_event_t *ev);
int own_list_keys(const struct own_read *r, const daos_key_t *dkey, uint32_t *nr,
                  daos_key_desc_t *kds, d_sg_list_t *sgl, daos_anchor_t *anchor, daos_event_t *ev);
int own_list_recx(const struct own_read *r, const daos_key_t *dkey, const daos_key_t *akey,
                  daos_size_t *size, uint32_t *nr, daos_recx_t *recxs, daos_epoch_range_t *eprs,
                  daos_anchor_t *anchor, bool incr_order, daos_event_t *ev);
int own_query(const struct own_read *r, uint64_t flags, daos_key_t *dkey, daos_key_t *akey,
              daos_recx_t *recx, daos_event_t *ev);
/* The value of a key of a key-value object. */
int own_kv_get(const struct own_read *r, uint64_t flags, const daos_key_t *key, daos_size_t *size,
               void *buf, daos_event_t *ev);

/* Blocking, and the references stay the caller's. */

/* *end (of nr; may be NULL): where the last byte that exists ends in the stream of an iod. */
int own_fetch_now(const struct own_read *r, uint64_t flags, const daos_key_t *dkey, unsigned int nr,
                  daos_iod_t *iods, d_sg_list_t *sgls, daos_iom_t *ioms, uint64_t *end);
int own_query_now(const struct own_read *r, uint64_t flags, daos_key_t *dkey, daos_key_t *akey,
                  daos_recx_t *recx);
/* Notes that the dkey (NULL: all of the object) is read from the engine past all of this. */
int own_noted(const struct own_read *r, const daos_key_t *dkey);
/* Does the akey, the dkey (akey NULL), the object (dkey NULL too) exist? 0 or -DER_NONEXIST. */
int own_exists(const struct own_read *r, const daos_key_t *dkey, const daos_key_t *akey);

#endif
