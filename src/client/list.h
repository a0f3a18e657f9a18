/* Enumeration as kv.c and oit.c use it. Functions that take `held` (and tx, which may be NULL) take
 * those references over. */
#ifndef TARN_CLIENT_LIST_H
#define TARN_CLIENT_LIST_H

#include "client/op.h"

/* The engine's place in an anchor, and the anchor after a reply. */
struct msg_buf anchor_place(const daos_anchor_t *a);
int anchor_moved(daos_anchor_t *a, const struct op *op);

int list_check_args(const uint32_t *nr, const void *slots, const d_sg_list_t *sgl,
                    const daos_anchor_t *anchor);
/* dkeys (dkey NULL) or akeys. */
int list_keys_held(struct client *c, struct cont *co, struct hobj *held, struct tx *tx,
                   daos_epoch_t epoch, daos_obj_id_t oid, daos_key_t *dkey, uint32_t *nr,
                   daos_key_desc_t *kds, d_sg_list_t *sgl, daos_anchor_t *anchor, daos_event_t *ev);
int list_oids_held(struct client *c, struct cont *co, struct hobj *held, daos_epoch_t epoch,
                   daos_obj_id_t *oids, uint32_t *nr, daos_anchor_t *anchor, daos_event_t *ev);

#endif
