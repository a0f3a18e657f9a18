/* A transaction from the inside: what tx.c (its life), tx_keep.c (what it keeps), tx_commit.c,
 * tx_cond.c (the conditions of what it keeps) and tx_own*.c (reads of what it keeps) share. */
#ifndef TARN_CLIENT_TX_INT_H
#define TARN_CLIENT_TX_INT_H

#include "base/arena.h"
#include "client/compound.h"
#include "client/tx.h"

enum tx_state { TX_OPEN, TX_COMMITTING, TX_COMMITTED, TX_ABORTED, TX_FAILED };

struct tx_op {
    struct list link;
    daos_obj_id_t oid;
    uint64_t flags;
    uint32_t seq; /* counts up over all that was kept */
    bool punch;
    bool judged; /* its conditions are being asked about: it is not there yet for reads */
    daos_key_t *dkey;
    unsigned int nr;
    daos_iod_t *iods;
    d_sg_list_t *sgls;
    daos_key_t *akeys;
};

struct tx_seen {
    struct list link;
    daos_obj_id_t oid;
    daos_key_t *dkey; /* NULL: all of the object */
};

struct tx {
    struct hobj h;
    struct client *client;
    struct cont *cont; /* with a reference */
    uint64_t flags;
    bool snap;
    struct rt_mutex lock; /* the rest */
    enum tx_state state;
    daos_epoch_t epoch; /* 0: not chosen yet */
    uint32_t restarts;
    bool asking;        /* a read is under way that brings the epoch */
    struct op *waiting; /* reads that wait for it, the newest first */
    struct list ops, seen;
    uint32_t ops_nr, seen_nr;
    uint32_t seq;     /* of the newest op */
    uint32_t readers; /* who looks at ops without the lock: mem is not given back meanwhile */
    struct arena mem;
};

/* A handle's transaction, with a reference; NULL: it is none. */
struct tx *tx_get(struct client *c, daos_handle_t th);
/* Forgets what it keeps and has read. Under the lock. */
void tx_drop(struct tx *tx);
static inline bool tx_same_oid(daos_obj_id_t a, daos_obj_id_t b)
{
    return a.hi == b.hi && a.lo == b.lo;
}
/* Remembers that a dkey (or all of the object) was read. Under the lock. */
int tx_note_read(struct tx *tx, daos_obj_id_t oid, const daos_key_t *dkey);
/* As tx_update() and tx_punch(); *kept: what is kept, until the commit, the end, or a restart.
 * judged: see struct tx_op. -DER_OVERFLOW, -DER_NOMEM: the transaction has failed. */
int tx_keep_update(struct tx *tx, daos_obj_id_t oid, uint64_t flags, bool judged, daos_key_t *dkey,
                   unsigned int nr, daos_iod_t *iods, d_sg_list_t *sgls, struct tx_op **kept);
int tx_keep_punch(struct tx *tx, daos_obj_id_t oid, uint64_t flags, bool judged, daos_key_t *dkey,
                  unsigned int nr, daos_key_t *akeys, struct tx_op **kept);
/* Each of nr dkeys, one operation behind the other; *kept: the first. */
int tx_keep_punch_dkeys(struct tx *tx, daos_obj_id_t oid, uint64_t flags, bool judged,
                        unsigned int nr, daos_key_t *dkeys, struct tx_op **kept);

#endif
