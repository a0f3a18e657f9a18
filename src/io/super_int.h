/* An open superblock, shared by super.c (changes it) and super_io.c (translates by it). Private to
 * io. */
#ifndef TARN_IO_SUPER_INT_H
#define TARN_IO_SUPER_INT_H

#include "io/super_format.h"
#include "rt/rt.h"

struct super {
    struct io_dev *dev;
    struct super_block block; /* what is in force */
    struct super_block next;  /* what is being written; under mutex */
    uint64_t generation_max;  /* the greatest ever tried: none is used twice */
    bool whole[SUPER_COPIES]; /* the copy on the device is whole and of the newest generation there
                               */
    uint8_t *buf;             /* SUPER_AREA bytes, aligned; under mutex */
    struct rt_mutex mutex;
};

#endif
