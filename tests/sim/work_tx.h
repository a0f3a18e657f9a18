/*
 * What the files of the workload "tx" share: random transactions over few keys, judged by elle.h.
 *
 *     register   a single value of a dkey
 *     list       a single value that holds all its elements: read, changed and written as a whole
 *     set        an object whose dkeys are the elements, or a dkey whose akeys are
 *
 * A place (TX_PLACES) holds one key at a time: one that is long, or has been used much, is left,
 * and a new one takes its place. The keys there were since everything was last read back are kept,
 * and read back.
 */
#ifndef TARN_SIM_WORK_TX_H
#define TARN_SIM_WORK_TX_H

#include "elle.h"
#include "workload.h"

#define TX_PLACES_MAX 24u
#define TX_OBJS       4u /* that registers, lists and sets of akeys lie in */
#define TX_READS      150u /* of a key; what is read more often is left too: judging takes all pairs */
#define TX_LONG       28u  /* elements, from which on a list or set is left */
#define TX_ELEMS      128u /* that one never reaches */
#define TX_OPS        10u
#define TX_SNAPS      3u
#define TX_ROOM       6000u /* bytes of any value */

enum wtx_kind { TX_REGISTER, TX_LIST, TX_SET_DKEYS, TX_SET_AKEYS, TX_KINDS };

struct wtx_key {
    enum wtx_kind kind;
    uint32_t elle; /* its number there */
    uint32_t obj;  /* TX_OBJS: one of its own */
    daos_obj_id_t oid;
    char dkey[9], name[24];
    uint32_t elems, reads; /* that were ever asked for */
    bool kept;
};

struct wtx_snap {
    enum { TX_SNAP_FREE, TX_SNAP_BUSY, TX_SNAP_LIVE, TX_SNAP_OLD } is; /* old: of before a verify */
    daos_epoch_t epoch;
    uint64_t from, to;
    uint32_t readers;
};

struct wtx_work {
    struct elle *e;
    bool one_clock; /* which orders all; of several no order of time is promised */
    daos_obj_id_t oid[TX_OBJS];
    struct wtx_key *key; /* all since everything was read back */
    uint32_t key_nr, key_max;
    uint32_t at[TX_PLACES_MAX], places; /* the key that each place has */
    enum wtx_kind kind[TX_PLACES_MAX];
    uint32_t value, names, processes;
    uint64_t since;   /* the history began then */
    uint32_t checked; /* transactions when it was last checked */
    struct wtx_snap snap[TX_SNAPS];
    /* what the run is about */
    uint32_t skew; /* a place is the lowest of so many drawn */
    uint32_t reads_in, ops_max, plain_pct, snap_pct;
};

struct wtx_obj {
    daos_obj_id_t oid;
    daos_handle_t oh; /* cookie 0: not open */
};

/* A transaction under way. */
struct wtx_run {
    uint32_t t;    /* elle's number */
    uint64_t from; /* it is not of an earlier time */
    daos_handle_t th;
    struct {
        uint32_t key, nr, elem[TX_ELEMS];
    } list[TX_OPS]; /* what it read of lists, with what it appended */
    uint32_t list_nr;
    bool own; /* it reads its own writes: */
    struct {
        uint32_t key, value;
    } mine[TX_OPS];
    uint32_t mine_nr;
};

struct wtx_client {
    uint32_t process;
    daos_epoch_t epoch;  /* the latest that it has read at ... */
    uint64_t epoch_from; /* ... which was chosen after this */
    struct wtx_obj obj[TX_OBJS + TX_PLACES_MAX];
    struct wtx_run run;
    uint32_t words[TX_ROOM / 4];
    unsigned char buf[TX_ROOM];
    uint32_t seen[TX_ELEMS], seen_nr; /* by the last read */
};

static inline struct wtx_work *wtx_work(const struct work_client *c)
{
    return c->work->priv;
}

static inline uint32_t wtx_below(struct work_client *c, uint32_t n)
{
    return (uint32_t)sim_rng_below(&c->rng, n);
}

extern const struct workload work_tx;

/* ---- work_tx_io.c: one operation; DER code. 1: what came back is no value (the run failed) ----
 */

/* Reads a key into seen. */
int wtx_get(struct work_client *c, const struct wtx_key *k, daos_handle_t th);
/* Writes a register, adds to a set, or writes all of a list. cond: only if it is new there. */
int wtx_put(struct work_client *c, const struct wtx_key *k, daos_handle_t th, const uint32_t *value,
            uint32_t nr, bool cond);
/* Of a key that nobody looks at any more: whatever becomes of it. */
void wtx_remove(struct work_client *c, const struct wtx_key *k);
void wtx_close(struct work_client *c);

/* ---- work_tx_keys.c ---- */

/* A new object, of any type and class. */
int wtx_oid(struct work_client *c, daos_obj_id_t *oid);
/* The keys of all places, when the history begins. */
int wtx_keys_begin(struct work_client *c);
/* The key of a place; a new one if it is too long. */
int wtx_key_at(struct work_client *c, uint32_t place, uint32_t *key);
/* Everything has been read back, and is the beginning of a new history: of keys that are in a place
 * what they hold is in `held`, a set of values of each. */
struct wtx_held {
    uint32_t nr, value[TX_ELEMS];
};
void wtx_keys_again(struct work_client *c, const struct wtx_held *held);

/* ---- work_tx_own.c: transactions that read their own writes ---- */

void wtx_own_wrote(struct wtx_run *r, uint32_t key, uint32_t value);
/* Judges what was seen of them. True: there was nothing but that; else only what others wrote is
 * left of a set. */
bool wtx_own_read(struct work_client *c, struct wtx_run *r, uint32_t key);

/* ---- work_tx_snap.c: one step of snapshots ---- */
int wtx_snap_step(struct work_client *c);
/* Reads everything at every snapshot that is of this history; then they are old. */
int wtx_snap_verify(struct work_client *c);

/* ---- work_tx.c ---- */

/* A read and what it means: told to elle. */
int wtx_read(struct work_client *c, struct wtx_run *r, uint32_t key);
/* How an operation ended that was not answered as it should: elle is told. */
int wtx_ended(struct work_client *c, struct wtx_run *r, int rc, bool commits);

#endif
