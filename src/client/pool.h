/* Pools as global.c, pool_list.c and the tools see them. */
#ifndef TARN_CLIENT_POOL_H
#define TARN_CLIENT_POOL_H

#include "client/impl.h"

/* A handle on a connection, whose reference it takes over. */
int pool_new(struct client *c, struct conn *cn, const uint8_t hdl[16], uint64_t caps,
             uint32_t flags, bool slave, daos_handle_t *poh);
/* A handle that another process has open on the pool at `place` (client_embed_place), over a
 * connection of our own. -DER_NO_HDL: it is closed there. */
int pool_import(struct client *c, const char *place, const uuid_t pool, const uint8_t hdl[16],
                uint64_t caps, uint32_t flags, daos_handle_t *poh);
void pool_info_out(const struct msg_pool_info *m, daos_pool_info_t *info);
void cont_info_out(const struct msg_cont_info *m, daos_cont_info_t *info);

#endif
