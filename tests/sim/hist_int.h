/* What the files of the oracle share: the set of possible states (hist_set.c), the search
 * (hist.c), the story (hist_story.c). */
#ifndef TARN_SIM_HIST_INT_H
#define TARN_SIM_HIST_INT_H

#include "base/assert.h"
#include "hist.h"

#define BIT(slot) (UINT64_C(1) << (slot))
#define NO_SLOT   UINT32_MAX

#define FOR_BITS(i, mask)                                                                          \
    for (uint64_t m_##i = (mask); m_##i != 0; m_##i &= m_##i - 1)                                  \
        for (uint32_t i = (uint32_t)__builtin_ctzll(m_##i), once_##i = 1; once_##i; once_##i = 0)

#define RING       64u /* events the story tells */
#define STORY_MAX  (64u << 10)
#define STORY_LINE 512u
#define MERGE_FROM 64u /* possibilities; see hist.h */

/* A state; equal ones are one. */
struct blob {
    struct blob *next; /* of its bucket, or the next free one */
    uint64_t hash;
    uint64_t nr; /* in the order they were first met: an order that does not depend on addresses */
    uint32_t refs;
    unsigned char bytes[] __attribute__((aligned(16)));
};

/* A state of the past, and the open operations it matters to: those that took effect in it, and
 * those that may have happened in it without changing anything. */
struct past {
    struct blob *st;
    uint64_t ops;
};

/* One possibility: where the domain is and which open operations have taken effect. */
struct conf {
    struct blob *st;
    uint64_t done;
    uint64_t hash;
    uint32_t past_at, past_nr; /* in its set's pool, ascending by blob number */
};

struct set {
    struct conf *c;
    uint32_t nr, max;
    struct past *pool;
    uint32_t pool_nr, pool_max;
    uint32_t *index; /* by hash, open addressing: number + 1; used from INDEX_FROM on */
    uint32_t index_max;
    bool indexed;
    bool merging; /* see HIST_MERGE_FROM */
};

enum ev_kind { EV_CALL, EV_RETURN, EV_UNKNOWN, EV_FAILED, EV_SETTLE };

struct event {
    uint64_t at;
    enum ev_kind kind;
    uint32_t client, id;
};

struct hist {
    struct hist_spec spec;
    uint64_t (*now)(void *arg);
    void *now_arg;
    /* operations: a slot each */
    uint64_t open;    /* slots in use */
    uint64_t reads;   /* of those, which never change anything */
    uint64_t unknown; /* nobody will say how they ended */
    uint64_t let_off; /* reads whose answer will not be judged */
    uint64_t settled; /* unknown, and called before the last hist_settle() */
    uint64_t touches[HIST_OPEN_MAX];
    uint32_t ids[HIST_OPEN_MAX], clients[HIST_OPEN_MAX];
    unsigned char *ops; /* HIST_OPEN_MAX of them */
    uint32_t next_id;
    /* possible states now, and the next set in the making */
    struct set sets[2];
    struct set *cur, *next;
    struct set spare; /* memory for one more; empty */
    struct blob **buckets;
    uint32_t buckets_nr, blobs_nr;
    struct blob *free;
    uint64_t blob_nr;
    unsigned char *scratch, *scratch2;
    uint32_t merge_from; /* HIST_MERGE_FROM; a test has less */
    uint32_t most;
    bool overflow; /* more possibilities than HIST_STATES_MAX */
    /* the story */
    struct event ring[RING];
    unsigned char *ring_ops;
    uint64_t events, ops_nr, let_off_nr;
    bool bad;
    const char *why;
    char *story;
};

void *hist_alloc(size_t size); /* zeroed; ends the test when there is none */
const void *hist_op(const struct hist *h, uint32_t slot);
void hist_op_copy(const struct hist *h, void *to, const void *op);
void hist_event(struct hist *h, enum ev_kind kind, uint32_t client, uint32_t id, const void *op);

/* ---- hist_near.c ---- */

uint64_t hist_touches(const struct hist *h, const void *op);
/* Open changes, but those in `but`, that may have to come before an operation that touches bits.
 * When they are too many, reads that tie them together are let off. */
uint64_t hist_before(struct hist *h, uint64_t bits, uint64_t but);

/* ---- hist_set.c ---- */

/* The state with these bytes, with a reference. */
struct blob *blob_get(struct hist *h, const void *bytes);
void blob_ref(struct blob *b);
void blob_put(struct hist *h, struct blob *b);
/* Starts a conf in s; its past is added by set_past() in any order, and set_end() keeps it unless
 * it is there already or says no more than another. */
void set_begin(struct set *s, struct blob *st, uint64_t done);
void set_past(struct set *s, struct blob *st, uint64_t ops);
void set_end(struct hist *h, struct set *s);
void set_clear(struct hist *h, struct set *s);
void set_free(struct set *s);
/* The set in the making becomes the current one. */
void set_swap(struct hist *h);
/* The same, but those that agree on where the domain is and what has taken effect become one, with
 * the pasts of all. */
void set_swap_merged(struct hist *h);

#endif
