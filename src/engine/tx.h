/*
 * tx: transactions over several shards. Private to engine/.
 *
 * One shard leads: the one of the first part of the request (MSG_OBJ_TX).
 *
 *     client --OBJ_TX--> leader --TX_PREPARE(epoch)--> participants     all at once
 *                        leader <------ prepared, durably -------
 *                        decides: one heap transaction applies its own part and leaves the decision
 *     client <--answer-- when that is durable
 *                        leader --TX_RESOLVE(commit)--> participants    many at a time, until done
 *                        forgets the decision when all have said that it is durable
 *
 * A part that cannot be prepared ends the attempt: what was prepared is withdrawn. Another
 * transaction in the way, or a read or change at a later epoch, is met by another attempt at a new
 * epoch (after a read or change it lies ahead of the clock); anything else, and a check that found
 * a change since the client read, is the answer.
 *
 * In the first attempt the leader only writes its own part's large values, and looks whether the
 * part may be applied when it decides; that saves it the half of its work. But others can come
 * before it until then; so from the second attempt on it prepares its part as the others do theirs,
 * and what was prepared everywhere cannot be overtaken.
 *
 * Nothing is remembered of what was not decided. Whoever holds a part and does not hear (the leader
 * died, or a message was lost) asks: TX_ASK. The leader answers when it knows; of what it does not
 * know it first notes, durably, that it was aborted. So a commit is never answered without a
 * decision, and an abort never followed by one.
 *
 * Who meets a prepared part, reading or writing, waits for it: he is woken when it is resolved
 * here, and asks its leader himself if that takes long. Parts wait only for parts of earlier
 * epochs, so that no circle of them can wait for itself; others are given up and tried again.
 *
 * After a restart a leader withdraws what it had not decided, and tells its decisions again;
 * participants ask about what they hold (tx_settle()).
 */
#ifndef TARN_ENGINE_TX_H
#define TARN_ENGINE_TX_H

#include <stdbool.h>
#include <stdint.h>
#include "base/list.h"
#include "rt/rt.h"
#include "vos/vos.h"

struct shard;
struct engine;
struct net_req;
struct msg_op;

/* Of a shard. */
struct txs {
    struct rt_mutex work; /* of the background: who has it is alone with the stores */
    struct rt_mutex lock; /* all that follows */
    struct rt_cond changed;
    uint64_t ends; /* how many intents were resolved here, or transactions led from here ended */
    struct list active; /* struct tx_run: led from here now */
    struct list untold; /* struct tx_decision */
    uint32_t untold_nr;
    uint64_t untold_bytes;
    bool telling, settling; /* their fibers are there */
    /* figures */
    uint64_t led, committed, attempts, met, asked;
};

/* Who is in the way. */
struct tx_met {
    struct vos_txid id;
    uint64_t epoch;
    uint32_t leader; /* target; UINT32_MAX: the intent does not say */
    uint8_t cont[16];
};

#define TX_WAIT_NS                                                                                 \
    UINT64_C(60000000000) /* that somebody waits for another's transaction, at most */

/* Bytes of memory of a shard, at most: what vos keeps, and decisions that are still to be told.
 * What is led and who waits lives in requests, which are limited where they come in. */
#define TX_MEMORY_MAX (UINT64_C(16) << 20)

void txs_init(struct shard *s);
void txs_fini(struct shard *s);

/* ---- tx.c: leading ---- */

void tx_lead_fiber(struct shard *s, struct net_req *req); /* MSG_OBJ_TX */
/* Is it being led from here? */
bool tx_is_active(struct shard *s, const struct vos_txid *id);

/* ---- tx_part.c: taking part ---- */

void tx_prepare_fiber(struct shard *s, struct net_req *req); /* MSG_TX_PREPARE */
void tx_resolve_fiber(struct shard *s, struct net_req *req); /* MSG_TX_RESOLVE */
struct tx_to_prepare {
    struct net_req *req;
    const uint8_t *hdl;
    const struct msg_op *ops;
    uint32_t ops_nr;
    struct vos_txid id;
    uint64_t epoch;
    const void *info;
    uint32_t info_len;
};
/* Prepares a part of this shard: 0 and *lsn; or an error, and *lsn of what it saw. *holds: there is
 * something to resolve. bulk: of req. [F] */
int tx_prepare(struct shard *s, const struct tx_to_prepare *p, uint64_t *lsn, uint8_t cont[16],
               bool *holds);
/* A part that is not prepared, but applied with the decision. */
struct tx_part {
    const struct tx_to_prepare *p;
    struct vos_op *ops;
    struct vos_update *u; /* between begin and the end */
    const struct vos_place *places;
    uint32_t place_nr;
    uint8_t cont[16];
    uint64_t lsn; /* of what was seen, or done */
    /* -DER_INPROGRESS: this one is in the way */
    bool in_the_way;
    struct tx_met met;
};
/* Its large values are written. [F] */
int tx_part_begin(struct shard *s, struct tx_part *part, const struct tx_to_prepare *p);
/* After that, whatever it returned: all others are prepared; or not, and it is given up. [F] */
int tx_part_decide(struct shard *s, struct tx_part *part);
void tx_part_cancel(struct shard *s, struct tx_part *part);
/* What became of it, durable at *lsn. [F] */
struct msg_verdict;
int tx_apply(struct shard *s, const struct msg_verdict *v, uint64_t *lsn);
bool tx_only_checks(const struct msg_op *ops, uint32_t nr);

/* ---- tx_doubt.c: meeting and asking ---- */

/* After -DER_INPROGRESS: who is in the way? False: nobody that could be waited for. [L] */
bool tx_met(struct shard *s, struct tx_met *m);
/* Waits until it is resolved here, or until_ns. 0: look again. -DER_TIMEDOUT; -DER_IO: its leader's
 * shard is away, or a disk fails here or there; -DER_CSUM: what would say what became of it is
 * damaged; -DER_SHUTDOWN: the engine closes, and its leader does not know. [F] */
int tx_wait(struct shard *s, const struct tx_met *m, uint64_t until_ns);
void tx_ask_fiber(struct shard *s, struct net_req *req); /* MSG_TX_ASK */
/* An intent was resolved here, or something led from here ended: whoever waits looks again. */
void tx_changed(struct shard *s);
/* There are intents here: asks about those that get old, in the background. On the xstream. Without
 * memory for it the next call does: so whoever prepares or meets one calls. */
void tx_settle(struct shard *s);

/* ---- tx_tell.c: after the decision ---- */

/* A decision that is durable: its participants are told until they have applied it. */
int tx_tell(struct shard *s, const uint8_t cont[16], const struct vos_doubt *d);
/* After opening, before anything is served: what was led from here is withdrawn or told. [F] */
int tx_recover(struct shard *s);
/* Then, when it serves: the background goes on with that. On the xstream. */
void tx_resume(struct shard *s);
/* Waits until the fibers of the background have ended; the gate is closed. [F] */
void tx_stop(struct shard *s);

/* The background of all shards changes nothing meanwhile: for the checker. [F] */
void tx_hold(struct engine *eng);
void tx_release(struct engine *eng);

/* ---- The info of an intent ---- */

struct tx_info {
    uint32_t leader, nr;
    uint32_t target[]; /* of the participants, in the leader's intent only */
};

#endif
