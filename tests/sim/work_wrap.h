/*
 * Calls of the API on their way from a workload to the library, in programs linked with
 * work_wrap.c and -Wl,--wrap: a test can lie to the workload, or let other clients run while one
 * waits.
 */
#ifndef TARN_SIM_WORK_WRAP_H
#define TARN_SIM_WORK_WRAP_H

#include <stdbool.h>
#include <stdint.h>
#include "sim_media.h"

enum work_lie {
    LIE_NONE,
    LIE_LOST_UPDATE, /* acknowledged, never carried out */
    LIE_HALF_UPDATE, /* of several akeys one is not written */
    LIE_LOST_PUNCH,
    LIE_LOST_COMMIT,
    LIE_FLIPPED_BYTE,  /* of what a fetch brought */
    LIE_MISSING_KEY,   /* of an enumeration */
    LIE_DID_ANYWAY,    /* said to have failed its condition, yet carried out */
    LIE_SNAPSHOT,      /* shows the present */
    LIE_SNAPSHOT_KEPT, /* said to be destroyed */
    LIE_QUERY,         /* nothing is said to be there */
    LIE_LOST_PUT,
    LIE_LOST_REMOVE,
    LIE_GET_SIZE,   /* one more */
    LIE_LOST_WRITE, /* of an array */
    LIE_ARRAY_SIZE, /* one less */
    LIE_LOST_ATTR,  /* of a container */
    LIE_SAME_OIDS,  /* the last of the range before comes first */
    LIE_CONT_KEPT,  /* said to be destroyed */
    LIE_NR,
};

struct work_wrap {
    enum work_lie lie;
    uint32_t after; /* calls that could be lied about to let pass */
    uint32_t told;
    uint32_t lose; /* one answer in so many is lost, and half of their calls are not carried out */
    uint32_t lost;
    struct sim_rng rng;
    void (*enter)(void); /* around every call */
    void (*leave)(void);
};

extern struct work_wrap work_wrap;

#endif
