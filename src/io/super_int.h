/* An open superblock, shared by super_new.c (makes it), super.c (changes it) and super_io.c
 * (translates by it). Private to io. */
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
    uint32_t harmed;          /* copies that were damaged or unreadable when it was opened */
    struct super *other;      /* the next device of those that share a limit; a ring */
    uint64_t growing;         /* bytes that it is becoming longer by */
    uint8_t *buf;             /* SUPER_AREA bytes, aligned; under mutex */
    struct rt_mutex mutex;
};

/* ---- super.c ---- */

/* One without a state. NULL: out of memory. */
struct super *super_new(struct io_dev *dev);
int super_nomem(struct err *e, const struct io_dev *dev, const char *what);
/* Makes s->next the state in force. With the mutex. */
int super_put(struct super *s);

#endif
