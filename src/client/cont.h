/* Containers as global.c sees them. */
#ifndef TARN_CLIENT_CONT_H
#define TARN_CLIENT_CONT_H

#include "client/impl.h"

/* A handle under p with the fields of `like`; takes a reference on p of its own. */
int cont_new(struct client *c, struct pool *p, const struct cont *like, daos_handle_t *coh);

#endif
