/* What an access to ranges of an array needs: a request for each chunk. array_plan.c makes it,
 * array_io.c carries it out. */
#ifndef TARN_CLIENT_ARRAY_PLAN_H
#define TARN_CLIENT_ARRAY_PLAN_H

#include "client/array.h"
#include "client/obj_io.h"

#define SIMPLE_IOVS 8u

enum array_what { ARRAY_READ, ARRAY_WRITE, ARRAY_PUNCH };

/* The part of one chunk: arguments of an object request. */
struct part {
    uint64_t dkey_num;
    daos_key_t dkey;
    daos_iod_t iod;
    d_sg_list_t sgl;
    uint64_t end; /* reads: end of what the engine found or filled, in the stream of the recxs */
};

struct plan {
    struct client *client;
    struct obj *obj;
    struct tx *tx;      /* writes: buffers; reads: remembers */
    daos_epoch_t epoch; /* reads */
    enum array_what what;
    daos_array_iod_t *iod;
    daos_handle_t th;
    uint64_t cells; /* wanted in all */
    uint64_t last;  /* highest cell wanted */
    struct part *parts;
    uint32_t nr;
    struct arena mem;
    struct part one; /* the only one, if there is no more to it */
    daos_recx_t one_recx;
    d_iov_t one_iovs[SIMPLE_IOVS];
    /* while running */
    struct ev_run run; /* async */
    bool has_event;
    struct rt_event done; /* blocking */
    struct rt_mutex lock;
    uint32_t next, flying;
    bool starting;
    int rc;
    bool last_found;
};

/* Counts what is wanted. -DER_INVAL unless the ranges have as many bytes as the sgl (NULL: none
 * needed). */
int array_plan_check(struct plan *pl, const d_sg_list_t *sgl);
/* The parts, in pl->mem. sgl: NULL for a punch. -DER_NOMEM, -DER_OVERFLOW. */
int array_plan_make(struct plan *pl, const d_sg_list_t *sgl);
/* A plan of one part, which needs no more memory than it has. False: it is not so simple. */
bool array_plan_simple(struct plan *pl, d_sg_list_t *sgl);
/* One range in one chunk, the common case: fills p; false when the call is not of that kind (or
 * wrong, which the long way says). */
bool array_part_simple(const struct obj *o, const daos_array_iod_t *iod, d_sg_list_t *sgl,
                       struct part *p, daos_recx_t *recx);

#endif
