/* Enumeration as kv.c and oit.c use it. Functions that take `held` (and tx, which may be NULL) take
 * those references over. */
#ifndef TARN_CLIENT_LIST_H
#define TARN_CLIENT_LIST_H

#include "client/op.h"

#define ANCHOR_ALONE   (1u << 31)   /* da_flags: of one group of daos_obj_anchor_split() */
#define LIST_BYTES_MAX (512u << 10) /* keys of one reply */

/* The engine's place in an anchor, and the anchor after a reply. */
struct msg_buf anchor_place(const daos_anchor_t *a);
int anchor_moved(daos_anchor_t *a, const struct op *op);

int list_check_args(const uint32_t *nr, const void *slots, const d_sg_list_t *sgl,
                    const daos_anchor_t *anchor);
/* dkeys (dkey NULL) or akeys. */
int list_keys_held(struct client *c, struct cont *co, struct hobj *held, struct tx *tx,
                   daos_epoch_t epoch, daos_obj_id_t oid, daos_key_t *dkey, uint32_t *nr,
                   daos_key_desc_t *kds, d_sg_list_t *sgl, daos_anchor_t *anchor, daos_event_t *ev);
int list_recx_held(struct client *c, struct cont *co, struct hobj *held, struct tx *tx,
                   daos_epoch_t epoch, daos_obj_id_t oid, const daos_key_t *dkey,
                   const daos_key_t *akey, daos_size_t *size, uint32_t *nr, daos_recx_t *recxs,
                   daos_epoch_range_t *eprs, daos_anchor_t *anchor, bool incr_order,
                   daos_event_t *ev);
/* Bytes an sgl has room for; copying into its pieces, and saying how much each holds. */
uint64_t list_room(const d_sg_list_t *sgl);
void list_copy(d_sg_list_t *sgl, const void *buf, size_t len);
int list_oids_held(struct client *c, struct cont *co, struct hobj *held, daos_epoch_t epoch,
                   daos_obj_id_t *oids, uint32_t *nr, daos_anchor_t *anchor, daos_event_t *ev);
/* Was the object there at that epoch? 0, -DER_NONEXIST, an error. Waits. */
int list_is_there(struct client *c, daos_handle_t coh, daos_epoch_t epoch, daos_obj_id_t oid);

#endif
