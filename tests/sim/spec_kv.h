/*
 * The model of flat key-value objects (daos_kv.h): for each of a few keys of two objects the id of
 * its value (value.h), 0 for none.
 *
 *   - put sets it, or, with size 0, removes it; the condition is judged first
 *   - a transaction reads and puts several keys of both objects at once; its reads do not see what
 *     it puts
 */
#ifndef TARN_SIM_SPEC_KV_H
#define TARN_SIM_SPEC_KV_H

#include "hist.h"

#define KV_OBJS  2u
#define KV_KEYS  12u
#define KV_ITEMS 16u /* of a transaction */

struct kv_state {
    uint16_t id[KV_OBJS][KV_KEYS];
};

enum kv_what { KV_PUT, KV_REMOVE, KV_DESTROY, KV_TX, KV_GET, KV_LIST, KV_READS };
enum kv_cond { IF_NONE, IF_NEW, IF_THERE };

/* Of a transaction: a put, or a get of all of it. */
struct kv_item {
    uint8_t get, obj, key, zero;
    uint16_t id; /* put: 0: of size 0; get: observed */
};

struct kv_op {
    uint8_t what, obj, key, cond;
    uint8_t size_only;
    uint8_t nr;   /* KV_TX: all items; KV_READS: those that were read */
    uint8_t many; /* of the objects whose keys are domains of their own */
    uint8_t zero;
    uint16_t id; /* KV_PUT: 0: of size 0 */
    uint16_t got;
    uint32_t room, size, found;
    int32_t rc;
    struct kv_item item[KV_ITEMS];
};

extern const struct hist_spec kv_spec;

#endif
