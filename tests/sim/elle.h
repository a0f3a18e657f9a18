/*
 * elle: could these transactions have been carried out one after the other? What they saw of each
 * other's writes says in which order; a circle in that order is the proof that they were not.
 *
 *     e = elle_create(ELLE_TIME_STRICT);
 *     key = elle_key(e, ELLE_LIST, "list 3");
 *     t = elle_begin(e, client, false);
 *     elle_read(e, t, key, seen, nr);
 *     elle_write(e, t, key, value);
 *     elle_end(e, t, ELLE_COMMITTED);
 *     ...
 *     if (!elle_check(e))
 *         puts(elle_story(e));
 *
 * The idea is that of Kingsbury and Alvaro, "Elle: Inferring Isolation Anomalies from Experimental
 * Observations" (VLDB 2020): of values that are written once, who reads one has read from whoever
 * wrote it, and some data types tell more. The oracle of hist.h keeps all states that may be, which
 * with many transactions under way are too many; here the price follows the number of transactions
 * and nothing else, so that many clients may have many of unknown outcome.
 *
 * Data types, each value written once to its key:
 *     register   write replaces it; a read shows one value, or none before the first. Order: who
 *                reads v and writes w came after v; with ELLE_TIME_* writers that followed each
 *                other
 *     list       write appends; a read shows all. Order: that of the longest read
 *     set        write adds; a read shows all, in any order
 *     set apart  a set whose elements may be under clocks of their own: who adds one has not heard
 *                of the others
 *
 * What is promised, and checked (semantics of the API and invariant 3 of the architecture):
 *   - what committed is serializable, in the order of epochs where these are known
 *   - the reads of a transaction are of one moment, whether it is committed or not, and do not see
 *     its own writes
 *   - what was aborted is never seen; what has committed or was seen by anybody happened, whole; of
 *     unknown outcome is what may have happened or not, at any later time
 *   - time: see enum elle_time
 *
 * Edges from transaction to transaction ("before"): ww both wrote a key, wr the second read what
 * the first wrote, rw the first read what the second replaced or had not added yet, time, epoch. A
 * circle of ww is G0, with wr G1c, with one rw G-single, with more G2 (Adya); the names do not tell
 * whether it takes time or epochs to close it, the story does.
 *
 * Deterministic; not thread-safe; running out of memory ends the test.
 */
#ifndef TARN_SIM_ELLE_H
#define TARN_SIM_ELLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct elle;

enum elle_type { ELLE_REGISTER, ELLE_LIST, ELLE_SET, ELLE_SET_APART };

/* When one that is over before another begins comes before it. */
enum elle_time {
    ELLE_TIME_NONE,
    ELLE_TIME_KEYS,   /* of one client, unless the later is a plain read; and of a key both touch,
                         if the later is a plain call; of a set apart, a plain read */
    ELLE_TIME_STRICT, /* always */
};

enum elle_status { ELLE_OPEN, ELLE_COMMITTED, ELLE_ABORTED, ELLE_UNKNOWN };

#define ELLE_NOBODY UINT32_MAX /* a process that is not one: no order but by time and epoch */

/* A(NAME, name, what) */
#define ELLE_ANOMALIES(A)                                                                          \
    A(UNWRITTEN, "unwritten value", "a read shows what nobody wrote")                              \
    A(G1A, "G1a", "a read shows what was aborted")                                                 \
    A(G1B, "G1b", "a read shows a transaction in the middle")                                      \
    A(OWN, "own write", "a transaction sees what it has not committed yet")                        \
    A(MOVED, "unrepeatable read", "a transaction reads one key twice and sees two states")         \
    A(DUPLICATE, "duplicate", "what was written once is there twice")                              \
    A(ORDER, "incompatible order", "two reads of a list, neither of which begins with the other")  \
    A(LOST, "lost write", "what was acknowledged is not there")                                    \
    A(G0, "G0", "a circle of writes")                                                              \
    A(G1C, "G1c", "a circle of writes and of reads of them")                                       \
    A(G_SINGLE, "G-single", "a circle with one read of what was replaced")                         \
    A(G2, "G2", "a circle with several reads of what was replaced")

#define ELLE_ANOMALY_(NAME, name, what) ELLE_##NAME,
enum elle_anomaly { ELLE_ANOMALIES(ELLE_ANOMALY_) ELLE_ANOMALY_NR };

struct elle *elle_create(enum elle_time time);
void elle_destroy(struct elle *e);
/* Forgets everything, keys included; time goes on. */
void elle_reset(struct elle *e);

/* A new key, by which it is known to the calls below. */
uint32_t elle_key(struct elle *e, enum elle_type type, const char *name);

/* The time now: each call is later than the one before. */
uint64_t elle_now(struct elle *e);

/* A transaction begins now. process: whose calls come one after the other (a client from its start
 * to its end). plain: one call outside of transactions. */
uint32_t elle_begin(struct elle *e, uint32_t process, bool plain);
/* What it wrote, in the order of its calls. value: not 0, and never written to this key before. */
void elle_write(struct elle *e, uint32_t tx, uint32_t key, uint32_t value);
/* What it saw, now; a register: nr 0 or 1. */
void elle_read(struct elle *e, uint32_t tx, uint32_t key, const uint32_t *seen, uint32_t nr);
/* The epoch of its reads. It commits there or above; without writes it is at this epoch. */
void elle_epoch(struct elle *e, uint32_t tx, uint64_t epoch);
/* The epoch of its writes, where it is known. */
void elle_commit_epoch(struct elle *e, uint32_t tx, uint64_t epoch);
/* It is of another time than that of its calls: a read at a snapshot, which was made from .. to. */
void elle_when(struct elle *e, uint32_t tx, uint64_t from, uint64_t to);
/* A word for the story, which lives as long as the transaction; NULL: none. */
void elle_note(struct elle *e, uint32_t tx, const char *note);
void elle_end(struct elle *e, uint32_t tx, enum elle_status status);

/* False: a violation. Transactions that have not ended are of unknown outcome; more may follow, and
 * be checked again with these. */
bool elle_check(struct elle *e);
/* Of the last check: bits of what was found, one anomaly after the other in words, and sizes. */
uint32_t elle_found(const struct elle *e);
const char *elle_story(const struct elle *e);
uint32_t elle_txs(const struct elle *e);
uint32_t elle_edges(const struct elle *e);

#endif
