/* What the files of the workload "oit" share. */
#ifndef TARN_SIM_WORK_OIT_H
#define TARN_SIM_WORK_OIT_H

#include <daos_kv.h>
#include "workload.h"

#define OIT_OBJS   40u /* more than are asked about at once (src/client/oit.h) */
#define OIT_TABLES 3u
#define OIT_WRITES 32u /* of a register that are remembered */
#define OIT_NEVER  UINT64_MAX

/*
 * A register: what was written to it, each write once and with its interval, so that what a read
 * shows can be judged without thinking of orders. Times are numbers of calls and answers.
 *
 * A write may be what is there from its call on, until another one that was called after its answer
 * was answered or seen. It accepts more than could have happened (two reads that disagree about the
 * order of two writes that overlap), never less.
 */
struct oit_write {
    uint64_t call, back; /* OIT_NEVER: under way, or nobody knows */
    uint64_t until;      /* OIT_NEVER: it may be what is there */
    uint16_t val;        /* 0: no marker, no object */
    bool seen;           /* and nothing else could have been meant */
};
struct oit_reg {
    struct oit_write w[OIT_WRITES];
    uint32_t nr;
    uint64_t blind; /* reads that began before this are not judged: too much was forgotten */
};

/* What a read asks of a value. */
typedef bool oit_asks(uint16_t val, uint32_t what);

void oit_reg_init(struct oit_reg *r, uint16_t val);
void oit_reg_call(struct oit_reg *r, uint16_t val, uint64_t now);
void oit_reg_back(struct oit_reg *r, uint64_t call, uint64_t now);
/* It promised to have done nothing. False: it was seen. */
bool oit_reg_failed(struct oit_reg *r, uint64_t call);
/* Those of unknown outcome have happened by now, or never will. */
void oit_reg_settle(struct oit_reg *r, uint64_t now);
/* A read between call and now says that asks(value, what) is `yes`. False: no value was there of
 * which that is so. */
bool oit_reg_saw(struct oit_reg *r, oit_asks *asks, uint32_t what, bool yes, uint64_t call,
                 uint64_t now);
void oit_reg_print(const struct oit_reg *r, char *buf, size_t len);

enum oit_is { OIT_FREE, OIT_BUSY, OIT_LIVE, OIT_DYING };

/* A snapshot's table. */
struct oit_table {
    daos_epoch_t epoch;
    enum oit_is is;
    uint32_t users;
    bool has[OIT_OBJS]; /* never changes */
    struct oit_reg mark[OIT_OBJS];
};

struct oit_work {
    struct sim_rng rng; /* of what the oracle does not hear of */
    uint64_t seq;
    uint16_t next_val;
    bool snap_busy;
    daos_obj_id_t oid[OIT_OBJS];
    struct oit_reg there[OIT_OBJS]; /* now */
    struct oit_table table[OIT_TABLES];
};

static inline struct oit_work *oit_work_of(const struct work_client *c)
{
    return c->work->priv;
}

/* ---- work_oit_list.c ---- */

/* The number of an object; OIT_OBJS: nobody made it. */
uint32_t oit_number(const struct oit_work *w, daos_obj_id_t oid);
/* Lists a table, so many at once, and counts how often each object came. filter: 0 all, 1 unmarked,
 * from 2 on those that oit_taken() says. */
int oit_list(struct work_client *c, daos_handle_t oh, uint32_t filter, uint32_t at_once,
             uint8_t shown[OIT_OBJS]);
#define OIT_FILTERS 9u
bool oit_taken(uint16_t val, uint32_t filter);
/* The marker that says val. */
size_t oit_marker(uint16_t val, daos_obj_id_t oid, uint8_t bytes[DAOS_OIT_MARKER_MAX_LEN]);

#endif
