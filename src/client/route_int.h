/* What route.c and route_tx.c share. */
#ifndef TARN_CLIENT_ROUTE_INT_H
#define TARN_CLIENT_ROUTE_INT_H

#include "client/route.h"

/* The request as it was sent goes out again, to asked.target. */
void route_again(struct op *op);
/* Updates; *opcode may become MSG_OBJ_TX, or that of a question that comes first. */
int route_update(struct op *op, uint16_t *opcode);
/* The answer to such a question. As route_next(). */
bool route_found(struct op *op);

#endif
