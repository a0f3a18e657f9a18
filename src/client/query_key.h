/* The query-key message as arrays use it (their size is their largest dkey and its largest extent).
 */
#ifndef TARN_CLIENT_QUERY_KEY_H
#define TARN_CLIENT_QUERY_KEY_H

#include "client/op.h"

/* Fills the op's request and finish; arguments have been checked. epoch (may be NULL): newest
 * change of the object. */
void query_key_fill(struct op *op, const struct cont *co, daos_epoch_t at, daos_obj_id_t oid,
                    uint64_t flags, daos_key_t *dkey, daos_key_t *akey, daos_recx_t *recx,
                    daos_epoch_t *epoch);

#endif
