/*
 * Which target a request is for, and requests that concern several.
 *
 * An object's dkeys are spread over the groups of its layout (place/place.h): what names a dkey has
 * one target. What does not is asked of every group, one after the other, as one op: lists of dkeys
 * go on in the next group where one ends, the smallest and largest key and whether an object exists
 * are put together from the answers. Updates of several targets become one transaction of theirs
 * (MSG_OBJ_TX), led by the first.
 *
 * A pool of one target passes by all of it.
 */
#ifndef TARN_CLIENT_ROUTE_H
#define TARN_CLIENT_ROUTE_H

#include "client/impl.h"

struct op;

/* Groups of the object in the container's pool, at least 1. */
uint32_t route_groups(const struct cont *co, daos_obj_id_t oid);
/* The target of a group. -DER_NONEXIST: no layout, or no living one. */
int route_group(const struct cont *co, daos_obj_id_t oid, uint32_t group, uint32_t *target);
uint32_t route_dkey_group(const struct cont *co, daos_obj_id_t oid, const void *dkey, size_t len);
int route_dkey(const struct cont *co, daos_obj_id_t oid, const void *dkey, size_t len,
               uint32_t *target);
uint32_t route_targets(const struct cont *co);

/* For op_run(): sets the target of the request, *opcode what it became. May leave more to do for
 * route_next(). */
int route_begin(struct op *op, const struct cont *co, uint16_t *opcode);
/* An answer is there (op->call.rc). True: the request was changed, and goes to the next target.
 * Else the reply is the answer to all of it, and op->call.rc its result. */
bool route_next(struct op *op);

#endif
