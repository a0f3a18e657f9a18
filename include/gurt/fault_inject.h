/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * Fault injection for tests of programs. This library is built without it: D_SHOULD_FAIL() is
 * false, and the simulator injects faults below the API instead.
 */
#ifndef TARN_GURT_FAULT_INJECT_H
#define TARN_GURT_FAULT_INJECT_H

#include <stdint.h>
#include <stdbool.h>
#include <pthread.h>

#ifdef __cplusplus
extern "C" {
#endif

/** When a fault fires. */
struct d_fault_attr_t {
    uint32_t fa_id;
    uint32_t fa_interval;   /**< every so many calls */
    uint64_t fa_max_faults; /**< never more often than this; 0: no limit */
    uint64_t fa_num_faults;
    uint64_t fa_num_hits;
    char *fa_argument;
    pthread_spinlock_t fa_lock;
    int32_t fa_err_code;
    unsigned short fa_rand_state[3];
    uint32_t fa_probability_x; /**< x in y calls */
    uint32_t fa_probability_y;
};

/** Does this fault fire now? */
#define D_SHOULD_FAIL(attr) ((void)(attr), false)

/** Read the faults from the file named by D_FI_CONFIG. */
int d_fault_inject_init(void);

/** Forget them. */
int d_fault_inject_fini(void);

/** Let faults fire. */
int d_fault_inject_enable(void);

/** Let no fault fire. */
int d_fault_inject_disable(void);

/** May faults fire? */
bool d_fault_inject_is_enabled(void);

/** Let faults fire in this thread, or not. */
void d_fault_inject_thread_enable(bool enabled);

/** What new threads start with. */
void d_fault_inject_thread_default_enable(bool enabled);

/** Does this fault fire now? */
bool d_should_fail(struct d_fault_attr_t *fault_attr_ptr);

/** Define a fault. -DER_INVAL. */
int d_fault_attr_set(uint32_t fault_id, struct d_fault_attr_t fa_in);

/** Error code of a fault. */
int d_fault_attr_err_code(uint32_t fault_id);

/** A fault by id; NULL when there is none. */
struct d_fault_attr_t *d_fault_attr_lookup(uint32_t fault_id);

#ifdef __cplusplus
}
#endif

#endif /* TARN_GURT_FAULT_INJECT_H */
