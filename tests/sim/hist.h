/*
 * hist: the oracle. Could a history of concurrent operations have happened one after the other?
 *
 *     id = hist_call(h, client, &op);            the operation is about to be sent
 *     ... what was observed goes into op ...
 *     if (!hist_return(h, id, &op))              it was answered
 *         puts(hist_story(h));                   no order explains what was seen
 *
 * A domain is what one specification describes as one state: a container's objects, a directory
 * tree. The specification is a model, small and obviously correct: a function that applies an
 * operation to a state at one instant and says whether the observed result is what the model gives.
 * The checker keeps the set of all states the domain may be in, each with the operations under way
 * that have taken effect in it already; an answer narrows the set (linearizability, Herlihy and
 * Wing 1990; the search is the just-in-time one of Lowe, "Testing for linearizability", 2017). When
 * the set is empty, the story of the last operations is the proof.
 *
 * An operation of unknown outcome (no answer in time, the client died) may take effect at any time
 * until hist_settle(), which says that nothing of the past is under way any more.
 *
 * A read that is under way for long may have met many moments, and with each pair of changes that
 * are concurrent meanwhile the orders of them double. From a few hundred possibilities on, those
 * that end in the same state are kept as one that may have had the past of any: the checker then
 * accepts more than it should (two long reads that disagree), never less.
 *
 * States and operations are plain bytes, compared with memcmp: no padding, no pointers. A model is
 * deterministic: what an operation changes follows from the state and its arguments, not from what
 * was observed (an id that the system chose is named by the caller's own number). Not thread-safe.
 * Deterministic. Running out of memory ends the test.
 */
#ifndef TARN_SIM_HIST_H
#define TARN_SIM_HIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HIST_OPEN_MAX                                                                              \
    64u /* operations under way or of unknown outcome; more: a violation, the story says why */
#define HIST_STATES_MAX                                                                            \
    4096u /* possible states kept; more: hist_return says false and hist_gave_up() true */

/* From so many on, possibilities that differ only in the moments at which operations still open
 * could have been answered are taken for one: an operation that stays open for long while many
 * others happen would double them again and again. Right histories are never refused; of wrong ones
 * those are accepted in which two such operations were answered from moments that exclude each
 * other. */
#define HIST_MERGE_FROM 64u

/* When more open changes than this could come before an answered one in any order, because an open
 * read of much touches them all, that read is let off: its answer is not judged. */
#define HIST_BEFORE_MAX 6u

struct hist;

struct hist_spec {
    const char *name;
    size_t state_bytes;
    size_t op_bytes;
    /* Applies op to state at one instant. known: op holds what was observed; false if the operation
     * cannot have given that in this state (state is undefined then). Not known: the outcome is
     * not known; do what the operation does in this state (an operation that fails in this state
     * changes nothing) and return true. */
    bool (*apply)(void *state, const void *op, bool known);
    /* Optional, and what makes the checker fast: what the operation may read or change, as bits (a
     * key, a directory, or hashes of them), from its arguments alone. Of two operations without a
     * common bit neither changes what the other does or answers. NULL: all have a bit in common,
     * and more than a few concurrent changes are then more orders than there is time for. */
    uint64_t (*touches)(const void *op);
    /* Optional, likewise: operations that never change anything, whatever the state. NULL: all may.
     */
    bool (*only_reads)(const void *op);
    /* Optional: how many bytes of an operation are used, at most op_bytes; the rest is not looked
     * at. */
    size_t (*op_used)(const void *op);
    /* One line for the story. */
    void (*print_op)(const void *op, bool known, char *buf, size_t len);
    void (*print_state)(const void *state, char *buf, size_t len);
};

struct hist *hist_create(const struct hist_spec *spec, const void *state);
void hist_destroy(struct hist *h);
/* For the story: the clock of the run, nanoseconds. NULL: operations are numbered instead. */
void hist_clock(struct hist *h, uint64_t (*now)(void *arg), void *arg);

/* Returns an id, valid until the operation ends by one of the three below. */
uint32_t hist_call(struct hist *h, uint32_t client, const void *op);
/* op: the operation again, with its result. False: violation (for ever after). */
bool hist_return(struct hist *h, uint32_t id, const void *op);
/* Nobody will say how it ended. */
void hist_unknown(struct hist *h, uint32_t id);
/* It failed and promised to have changed nothing. False as in hist_return: some later answer has
 * shown already that it did. */
bool hist_failed(struct hist *h, uint32_t id);
/* Operations of unknown outcome have happened by now or never will. */
void hist_settle(struct hist *h);

bool hist_good(const struct hist *h);
/* Not good, but only because there were more possibilities than HIST_STATES_MAX: nothing is known.
 */
bool hist_gave_up(const struct hist *h);
/* Why not: the last operations with their times and results, and the states before the last answer.
 * Valid until the next call. */
const char *hist_story(struct hist *h);
/* Possible states now, and the most there ever were. */
uint32_t hist_states(const struct hist *h, uint32_t *most);
/* A state that is possible now, for a specification that wants to look: the i-th of
 * hist_states(). hist_state(): any. */
const void *hist_state(const struct hist *h);
const void *hist_state_at(const struct hist *h, uint32_t i);
/* How many open changes have anything to do with this operation, directly or over others: with each
 * one the orders multiply, so who may choose begins it when there are few. */
uint32_t hist_near(const struct hist *h, const void *op);
/* Open changes in all: each may have happened or not, which doubles the possible states. */
uint32_t hist_open(const struct hist *h);
uint64_t hist_ops(const struct hist *h);     /* operations that were called */
uint64_t hist_let_off(const struct hist *h); /* reads that were not judged: HIST_BEFORE_MAX */

#endif
