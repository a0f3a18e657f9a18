/*
 * The model of a container's objects: what the object API (daos_obj.h) says of a few keys.
 *
 *     OB_OBJS objects x OB_DKEYS dkeys x OB_AKEYS akeys; akeys 0 and 1 hold single values, akey 2 a
 *     single value or an array of OB_RECS records
 *
 * A value is its id (value.h); 0: there is none. Keys are known by their number; the workload
 * knows their bytes. A key exists as long as something below it does.
 *
 *   - conditions are judged first, all of them against what was there before the call; the first
 *     that does not hold is the answer, and nothing is changed
 *   - then what is punched, then what is written, in the order given; a value of another type in
 *     the way is -DER_INVAL, records of another size -DER_REC_SIZE, and nothing is changed
 *   - punching what is not there succeeds (without DAOS_COND_PUNCH)
 *   - a snapshot is a copy
 *   - a transaction is its reads and its writes at one instant; its writes see what it wrote
 *     before, its conditions and reads do not; conditions are judged with its reads too, and what
 *     they refuse is no part of it
 */
#ifndef TARN_SIM_SPEC_OBJECTS_H
#define TARN_SIM_SPEC_OBJECTS_H

#include "hist.h"

#define OB_OBJS  3u
#define OB_DKEYS 4u
#define OB_AKEYS 3u
#define OB_ARRAY 2u /* the akey that may hold an array */
#define OB_RECS  16u
#define OB_SNAPS 3u
#define OB_SUBS  24u /* operations of a transaction */
#define OB_RXS   12u /* extents of one akey of a call */
#define OB_NONE  0xffu

/* Bytes of a record by class; 0: no records (of an update: punch). */
extern const uint32_t ob_rec_bytes[];
#define OB_REC_CLASSES 6u

struct ob_dkey {
    uint16_t single[OB_AKEYS];
    uint8_t rec; /* class of the records; 0 when there are none */
    uint8_t zero;
    uint16_t recs[OB_RECS];
};

struct ob_image {
    struct ob_dkey d[OB_OBJS][OB_DKEYS];
};

struct ob_state {
    struct ob_image now;
    struct ob_image snap[OB_SNAPS];
    uint8_t taken[OB_SNAPS]; /* there is such a snapshot */
    uint8_t zero[5];
};

enum ob_what {
    OB_UPDATE,
    OB_PUNCH_OBJ,
    OB_PUNCH_DKEYS,
    OB_PUNCH_AKEYS,
    OB_CHANGES, /* below: changes; from here on: reads */
    OB_FETCH,
    OB_LIST_DKEYS,
    OB_LIST_AKEYS,
    OB_LIST_RECX,
    OB_QUERY,
    OB_SNAP_LIST,
    OB_READS_END,
    OB_SNAP_CREATE,
    OB_SNAP_DESTROY,
};

enum ob_cond {
    OB_D_INSERT = 1,
    OB_D_UPDATE = 2,
    OB_D_FETCH = 4,
    OB_PUNCH_IF = 8,
    OB_A_INSERT = 16, /* of one akey */
    OB_A_UPDATE = 32,
    OB_A_FETCH = 64,
};

struct ob_rx {
    uint8_t from, nr;
};

/* One akey of an update or fetch. */
struct ob_iod {
    uint8_t akey;
    uint8_t array; /* an array, else a single value */
    uint8_t cond;
    uint8_t rec; /* update: class of the records, 0: punch; fetch: class asked for, 0: any */
    uint8_t rx_nr;
    uint8_t size_only; /* fetch: no buffer */
    struct ob_rx rx[OB_RXS];
    uint16_t id;   /* update: 0: punch of a single value */
    uint32_t room; /* fetch: bytes of the buffer; always enough for an array */
    /* fetch, observed: */
    uint32_t size;         /* iod_size */
    uint32_t filled;       /* bytes of the buffer, up to the last that exists */
    uint32_t map;          /* records that exist among those asked for; bit 0 of a single value */
    uint16_t got[OB_RECS]; /* ids by record; [0] of a single value */
};

struct ob_sub {
    uint8_t what;
    uint8_t obj;
    uint8_t dkeys; /* bits; one, but for OB_PUNCH_DKEYS */
    uint8_t akeys; /* bits: OB_PUNCH_AKEYS; one: OB_LIST_RECX, OB_QUERY */
    uint8_t cond;
    uint8_t at;    /* read at snapshot at - 1; 0: the present. Snapshots: which */
    uint8_t query; /* OB_QUERY: DAOS_GET_* */
    uint8_t iod_nr;
    struct ob_iod iod[OB_AKEYS];
    /* observed: */
    int32_t rc;
    uint32_t found; /* lists: bits; OB_QUERY: dkey | akey << 8 | record << 16, OB_NONE each;
                       OB_SNAP_LIST: bits of those we know */
    uint32_t known; /* OB_SNAP_LIST: bits of those whose epoch we know */
    uint32_t size;  /* OB_LIST_RECX: record size; OB_QUERY: bits of the records of the extent that
                       was found; OB_SNAP_LIST: how many there are */
};

enum ob_kind {
    OB_PLAIN, /* one sub */
    OB_TX,    /* reads and writes, at once; rc is the commit's */
    OB_READS, /* what a transaction has read, and changes for their conditions */
};

struct ob_op {
    uint8_t kind;
    uint8_t nr;
    uint8_t zero[2];
    int32_t rc;
    struct ob_sub sub[OB_SUBS];
};

extern const struct hist_spec ob_spec;

/* ---- What is there: for the workload too ---- */

bool ob_akey_is(const struct ob_dkey *d, uint32_t akey);
bool ob_dkey_is(const struct ob_dkey *d);
bool ob_obj_is(const struct ob_image *im, uint32_t obj);
bool ob_array_is(const struct ob_dkey *d);
/* What a fetch, list or query answers in this image: fills what is observed. */
void ob_answer(const struct ob_image *im, struct ob_sub *s);
void ob_print_op(const void *op, bool known, char *buf, size_t len); /* spec_objects_print.c */
void ob_print_state(const void *state, char *buf, size_t len);

#endif
