/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * Caches of objects that are costly to prepare. A type says how its objects are initialised once,
 * reset before each use, and released at the end.
 */
#ifndef TARN_GURT_SLAB_H
#define TARN_GURT_SLAB_H

#include <stdint.h>
#include <stdbool.h>
#include <stddef.h>
#include <pthread.h>
#include <gurt/list.h>

#ifdef __cplusplus
extern "C" {
#endif

/** What a type of objects needs. */
struct d_slab_reg {
    void (*sr_init)(void *obj, void *arg); /**< once, on new memory */
    bool (*sr_reset)(void *obj);           /**< before each use; false: cannot be used */
    void (*sr_release)(void *obj);         /**< before the memory is freed */
    int sr_size;                           /**< bytes of an object */
    int sr_offset;                         /**< where in it the slab may keep a d_list_t */
    int sr_max_desc;                       /**< most objects at once, 0: no limit */
    int sr_max_free_desc;                  /**< most idle objects, 0: no limit */
    const char *sr_name;                   /**< shown in logs */
};

/** Start of a struct d_slab_reg for objects of a type with a list link. */
#define POOL_TYPE_INIT(objtype, member)                                                            \
    .sr_size = sizeof(struct objtype), .sr_offset = offsetof(struct objtype, member),              \
    .sr_name = #objtype,

/** A type of objects in a slab. */
struct d_slab_type;

/** All types of one owner. */
struct d_slab {
    d_list_t slab_list;
    pthread_mutex_t slab_lock;
    bool slab_init;
    void *slab_arg;
};

/** Start a slab. */
int d_slab_init(struct d_slab *slab, void *arg);

/** Free all idle objects and all types. */
void d_slab_destroy(struct d_slab *slab);

/** Add a type of objects. */
int d_slab_register(struct d_slab *slab, struct d_slab_reg *reg, void *arg,
                    struct d_slab_type **type);

/** An object, reset; NULL when there is no memory. */
void *d_slab_acquire(struct d_slab_type *type);

/** Give an object back for reuse. */
void d_slab_release(struct d_slab_type *type, void *desc);

/** Prepare an object ahead of need. */
void d_slab_restock(struct d_slab_type *type);

/** Free idle objects; is anything in use? */
bool d_slab_reclaim(struct d_slab *slab);

#ifdef __cplusplus
}
#endif

#endif /* TARN_GURT_SLAB_H */
