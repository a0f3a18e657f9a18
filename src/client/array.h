/* Arrays between array.c (handles, size) and array_io.c (reading and writing ranges). */
#ifndef TARN_CLIENT_ARRAY_H
#define TARN_CLIENT_ARRAY_H

#include "client/tx.h"

/* The one akey of a chunk, and of the metadata under dkey 0. */
#define ARRAY_AKEY "0"

struct obj *array_get(struct client *c, daos_handle_t oh);
/* As array_get, for a change under th: *tx when it is to be buffered. -DER_NO_HDL, -DER_NO_PERM. */
int array_get_writable(struct client *c, daos_handle_t oh, daos_handle_t th, struct obj **out,
                       struct tx **tx);
/* Blocking: size in cells and newest epoch (may be NULL). */
int array_size(struct client *c, struct obj *o, daos_handle_t th, uint64_t *size,
               daos_epoch_t *epoch);
/* The same of what obj_query_key answered: the largest dkey, and the last extent there. */
uint64_t array_end(uint64_t dkey, const daos_recx_t *last, uint64_t chunk);
static inline uint64_t array_dkey(const struct obj *o, uint64_t cell)
{
    return cell / o->chunk + 1;
}

#endif
