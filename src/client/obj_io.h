/*
 * Updates and fetches by object id: what daos_obj_*, the key-value and array APIs and compound
 * requests are made of.
 *
 * The check functions answer what semantics.md section 2 says about arguments, before anything is
 * sent. The prepare functions turn arguments into a message in an op's memory; the program's
 * buffers are not copied.
 */
#ifndef TARN_CLIENT_OBJ_IO_H
#define TARN_CLIENT_OBJ_IO_H

#include <sys/uio.h>
#include "client/op.h"

/* The one bulk vector of a message: all its streams, one after the other. */
struct stream {
    struct iovec *iov;
    uint32_t nr, max;
    uint64_t bytes;
    bool fine; /* whom it is sent to knows CSUM_FINE */
};
/* Of who is asked for this container. */
bool io_knows_fine(const struct cont *co);

/* -DER_INVAL: NULL, empty, or not 8 bytes where the object's keys are integers. */
int io_check_dkey(daos_obj_id_t oid, const daos_key_t *dkey);
int io_check_akey(daos_obj_id_t oid, const daos_key_t *akey);
/* Keys of punches: nr of them, none empty. */
int io_check_punch(daos_obj_id_t oid, uint64_t flags, unsigned int nr, const daos_key_t *keys,
                   bool dkeys);
int io_check_update(daos_obj_id_t oid, uint64_t flags, const daos_key_t *dkey, unsigned int nr,
                    const daos_iod_t *iods, const d_sg_list_t *sgls);
int io_check_fetch(daos_obj_id_t oid, uint64_t flags, const daos_key_t *dkey, unsigned int nr,
                   const daos_iod_t *iods, const d_sg_list_t *sgls);

/* Vectors that the sgls need at most. */
uint32_t io_count_iovs(unsigned int nr, const d_sg_list_t *sgls);
/* One update as an operation of a compound: fills m, adds the data to s. -DER_NOMEM. */
int io_prepare_update(struct op *op, struct stream *s, struct msg_op *m, daos_obj_id_t oid,
                      uint64_t flags, const daos_key_t *dkey, unsigned int nr,
                      const daos_iod_t *iods, const d_sg_list_t *sgls);
/* Points the op's update request at ops and its bulk at s. */
void io_set_update(struct op *op, const struct cont *co, const struct msg_op *ops, uint32_t nr,
                   const struct stream *s);

/* The whole of an update of one dkey, and of a punch (level, keys NULL for objects). The op is run
 * by the caller. */
int io_update(struct op *op, const struct cont *co, daos_obj_id_t oid, uint64_t flags,
              const daos_key_t *dkey, unsigned int nr, const daos_iod_t *iods,
              const d_sg_list_t *sgls);
int io_punch(struct op *op, const struct cont *co, daos_obj_id_t oid, uint64_t flags,
             const daos_key_t *dkey, unsigned int nr, const daos_key_t *akeys);

/* One akey of a fetch: fills m, adds a bulk vector for the sgl (NULL: none) made of s. */
void io_prepare_fiod(struct op *op, struct stream *s, struct msg_fiod *m, uint64_t flags,
                     const daos_iod_t *iod, const d_sg_list_t *sgl, const daos_iom_t *iom);
/* A fetch of one dkey: sets op->finish, which fills iods, sgls and ioms. */
int io_fetch(struct op *op, const struct cont *co, daos_epoch_t epoch, daos_obj_id_t oid,
             uint64_t flags, const daos_key_t *dkey, unsigned int nr, daos_iod_t *iods,
             d_sg_list_t *sgls, daos_iom_t *ioms);
/* A whole fetch; takes over the references `held` and tx (may be NULL). newest: see below; read_at:
 * the epoch it was read at (not with more than NET_BULK_MAX iods), may be NULL too; ev NULL:
 * blocking. */
int obj_fetch_held(struct client *c, struct cont *co, struct hobj *held, struct tx *tx,
                   daos_epoch_t at, daos_obj_id_t oid, uint64_t flags, daos_key_t *dkey,
                   unsigned int nr, daos_iod_t *iods, d_sg_list_t *sgls, daos_iom_t *ioms,
                   daos_epoch_t *newest, daos_epoch_t *read_at, daos_event_t *ev);
/* As obj_fetch_held, for more than NET_BULK_MAX iods. */
int fetch_many(struct cont *co, struct hobj *held, struct tx *tx, daos_epoch_t at,
               daos_obj_id_t oid, uint64_t flags, daos_key_t *dkey, unsigned int nr,
               daos_iod_t *iods, d_sg_list_t *sgls, daos_iom_t *ioms, daos_epoch_t *newest,
               daos_event_t *ev);
/* Says in the sgl how much of it was filled. */
void io_sgl_filled(d_sg_list_t *sgl, uint64_t bytes);
/* The map of an iod; of a single value res says the size only. */
void io_fill_iom(daos_iom_t *iom, const daos_iod_t *iod, const struct msg_fres *res);
/* Whether all iods are empty, so that there is nothing to send. */
bool io_nothing(unsigned int nr, const daos_iod_t *iods);
/* What that finish does; for a finish that wants more. *newest (may be NULL): epoch of the newest
 * version met. */
int io_fetch_finish(struct op *op, int rc);
static inline daos_epoch_t io_fetch_newest(const struct op *op)
{
    return op->rep.fetch.epoch;
}

#endif
