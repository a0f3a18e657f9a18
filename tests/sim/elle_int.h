/* What the files of elle share. elle.c keeps the history; elle_reads.c looks at each read by
 * itself; elle_order.c, elle_time.c draw edges; elle_graph.c finds circles; elle_cycle.c says which
 * they are; elle_story.c says it in words. */
#ifndef TARN_SIM_ELLE_INT_H
#define TARN_SIM_ELLE_INT_H

#include "elle.h"

#define ELLE_NO     UINT32_MAX
#define ELLE_NEVER  UINT64_MAX
#define ELLE_TELL   6u /* anomalies told in one story */
#define ELLE_NAME   32u
#define ELLE_UNSEEN UINT32_MAX /* the place of a value that no read of its list shows */

struct elle_op {
    bool write;
    uint32_t key;
    uint32_t value; /* write: its value; read: how many were seen */
    uint32_t *seen; /* of a read */
    uint32_t place; /* of a write to a list: where the longest read shows it; ELLE_UNSEEN */
};

struct elle_tx {
    uint32_t process;
    enum elle_status status;
    bool plain, dated; /* dated: elle_when() */
    bool seen;         /* somebody read what it wrote */
    uint64_t from, to; /* to: ELLE_NEVER until it has ended */
    uint64_t read_by;  /* its first read was answered then: the epoch of its reads is chosen */
    uint64_t epoch, commit_epoch;
    const char *note;
    struct elle_op *op;
    uint32_t op_nr, op_max, writes;
};

/* A write or a read of a key, by its place. */
struct elle_ref {
    uint32_t tx, op;
};

struct elle_key {
    enum elle_type type;
    char name[ELLE_NAME];
    struct elle_ref *write, *read;
    uint32_t write_nr, write_max, read_nr, read_max;
};

enum elle_edge_kind { ELLE_WW, ELLE_WR, ELLE_RW, ELLE_TIME, ELLE_AT };
#define ELLE_BIT(kind) (1u << (kind))

struct elle_edge {
    uint32_t from, to; /* nodes: transactions, behind them moments */
    enum elle_edge_kind kind;
    uint32_t key, a, b; /* value written, read; b: written over it. 0: none */
    uint32_t tx, tx2;   /* of the nodes, which may stand for several transactions */
};

struct elle_graph {
    uint32_t nodes, txs; /* nodes from txs on are moments, between which nothing happens */
    struct elle_edge *edge;
    uint32_t edge_nr, edge_max;
    uint32_t *first; /* of each node its edges: sorted by elle_graph_sort() */
    uint32_t *scc;   /* of each node its component */
    uint32_t scc_nr;
};

struct elle {
    enum elle_time time;
    uint64_t now;
    struct elle_tx *tx;
    uint32_t tx_nr, tx_max;
    struct elle_key *key;
    uint32_t key_nr, key_max;
    struct elle_ref *slot; /* who wrote (key, value): open addressing; tx ELLE_NO: free */
    uint32_t slot_nr, slot_max;
    /* of the last check */
    struct elle_graph g;
    uint32_t *node; /* of each transaction: its own number, or of those that read at one epoch the
                       first one's */
    uint32_t found, told;
    char *story;
    size_t story_len, story_max;
};

/* ---- elle.c ---- */

/* Room for one more. */
void elle_grow(void **array, uint32_t nr, uint32_t *max, size_t bytes);
const struct elle_op *elle_writer(const struct elle *e, uint32_t key, uint32_t value, uint32_t *tx);
static inline bool elle_is_set(const struct elle_key *k)
{
    return k->type == ELLE_SET || k->type == ELLE_SET_APART;
}
/* Its writes happened: it committed, or was seen. */
static inline bool elle_whole(const struct elle_tx *t)
{
    return t->writes > 0 && (t->status == ELLE_COMMITTED || (t->seen && t->status != ELLE_ABORTED));
}
/* When it takes effect, at the latest. */
static inline uint64_t elle_over(const struct elle *e, const struct elle_tx *t)
{
    if (t->dated || t->plain)
        return t->status == ELLE_COMMITTED || !elle_whole(t) ? t->to : ELLE_NEVER;
    if (!elle_whole(t)) /* of several clocks the others may still be behind its epoch */
        return e->time == ELLE_TIME_STRICT ? t->read_by : t->to;
    return t->status == ELLE_COMMITTED ? t->to : ELLE_NEVER;
}
/* Is it promised that a comes before b? Of two that touch the same key. */
bool elle_before(const struct elle *e, const struct elle_tx *a, const struct elle_tx *b);

/* ---- elle_reads.c ---- */

/* Looks at each read by itself; marks who was seen. */
void elle_reads(struct elle *e);
/* Was what was acknowledged not there? Looks at each pair of a read and a write of a key. */
void elle_lost(struct elle *e);

/* ---- elle_order.c, elle_time.c ---- */

/* An edge between transactions, unless they are one node. */
void elle_edge(struct elle *e, struct elle_edge edge);
/* Which of them are one node. After elle_reads(). */
void elle_nodes(struct elle *e);
/* Draws the edges that follow from values; first the places of what lists hold. */
void elle_order(struct elle *e);
void elle_time_edges(struct elle *e);

/* ---- elle_graph.c ---- */

void elle_graph_begin(struct elle_graph *g, uint32_t txs);
void elle_graph_end(struct elle_graph *g);
uint32_t elle_graph_node(struct elle_graph *g);
void elle_graph_edge(struct elle_graph *g, struct elle_edge edge);
/* After the last edge: sorts them, finds the components. */
void elle_graph_sort(struct elle_graph *g);

/* A circle: edges, each from where the one before ended. Moments are folded away. */
struct elle_cycle {
    struct elle_edge *edge;
    uint32_t nr;
};
/* The shortest way from one node to another within a component, over edges of these kinds; from ==
 * to: a circle. False: there is none that is shorter than `most` steps. */
bool elle_graph_way(const struct elle_graph *g, uint32_t from, uint32_t to, uint32_t kinds,
                    uint32_t most, struct elle_cycle *c);

/* ---- elle_cycle.c ---- */

/* Of each component that is a circle the shortest one, of the worst kind. */
void elle_cycles(struct elle *e);

/* ---- elle_story.c ---- */

void elle_say(struct elle *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* An anomaly was found; true: it is to be told, and its name has been. */
bool elle_tell(struct elle *e, enum elle_anomaly what);
const char *elle_key_name(const struct elle *e, uint32_t key);
/* A line: what the transaction read and wrote of one key. */
void elle_tell_tx(struct elle *e, uint32_t tx, uint32_t key);
/* The edges of a circle, and of each transaction what it read and wrote of the keys of its edges.
 */
void elle_tell_cycle(struct elle *e, const struct elle_cycle *c);

#endif
