/*
 * elle: the edges that follow from time and from epochs.
 *
 * Of n transactions each pair would be too many. So whatever is over gives a moment, moments follow
 * each other, and who begins comes after the last of them: three edges a transaction.
 */
#include <stdlib.h>
#include "base/assert.h"
#include "elle_int.h"

void elle_edge(struct elle *e, struct elle_edge edge)
{
    edge.from = e->node[edge.tx];
    edge.to = e->node[edge.tx2];
    if (edge.from != edge.to)
        elle_graph_edge(&e->g, edge);
}

struct event {
    uint64_t at;
    bool begins;
    uint32_t tx;
};

static int by_time(const void *x, const void *y)
{
    const struct event *a = x, *b = y;

    if (a->at != b->at)
        return a->at < b->at ? -1 : 1;
    /* who begins at the moment another ends does not come after it */
    if (a->begins != b->begins)
        return a->begins ? -1 : 1;
    return a->tx < b->tx ? -1 : a->tx > b->tx;
}

/* From transactions to moments and back. */
static void to_moment(struct elle *e, uint32_t tx, uint32_t moment, enum elle_edge_kind kind)
{
    elle_graph_edge(&e->g, (struct elle_edge){e->node[tx], moment, kind, 0, 0, 0, tx, 0});
}

static void from_moment(struct elle *e, uint32_t moment, uint32_t tx, enum elle_edge_kind kind)
{
    elle_graph_edge(&e->g, (struct elle_edge){moment, e->node[tx], kind, 0, 0, 0, 0, tx});
}

static void chain(struct elle *e, struct event *ev, uint32_t nr, enum elle_edge_kind kind)
{
    struct elle_graph *g = &e->g;
    uint32_t last = ELLE_NO;

    qsort(ev, nr, sizeof(*ev), by_time);
    for (uint32_t i = 0; i < nr; i++) {
        if (ev[i].begins) {
            if (last != ELLE_NO)
                from_moment(e, last, ev[i].tx, kind);
            continue;
        }
        /* those that end together end at one moment */
        if (last == ELLE_NO || i == 0 || ev[i - 1].begins || ev[i - 1].at != ev[i].at) {
            uint32_t moment = elle_graph_node(g);

            if (last != ELLE_NO)
                elle_graph_edge(g, (struct elle_edge){last, moment, kind, 0, 0, 0, 0, 0});
            last = moment;
        }
        to_moment(e, ev[i].tx, last, kind);
    }
}

static uint32_t add(const struct elle *e, struct event *ev, uint32_t nr, uint32_t tx, bool begins)
{
    const struct elle_tx *t = &e->tx[tx];

    if (elle_over(e, t) != ELLE_NEVER)
        ev[nr++] = (struct event){elle_over(e, t), false, tx};
    if (begins)
        ev[nr++] = (struct event){t->from, true, tx};
    return nr;
}

/* ---- Who is promised what ---- */

static uint32_t processes(const struct elle *e)
{
    uint32_t nr = 0;

    for (uint32_t t = 0; t < e->tx_nr; t++)
        if (e->tx[t].process != ELLE_NOBODY)
            nr = MAX(nr, e->tx[t].process + 1);
    return nr;
}

/* A plain read leaves no mark: of another key than its client's last call, it may come before a
 * transaction whose epoch is earlier, and that commits later. What it saw is before the next. */
static void of_processes(struct elle *e, struct event *ev)
{
    uint32_t nr = processes(e);

    for (uint32_t p = 0; p < nr; p++) {
        uint32_t n = 0;

        for (uint32_t t = 0; t < e->tx_nr; t++)
            if (e->tx[t].process == p)
                n = add(e, ev, n, t, !e->tx[t].plain || e->tx[t].writes > 0);
        chain(e, ev, n, ELLE_TIME);
    }
}

/* Only plain calls are promised what was over before them. Of elements under several clocks those
 * that read: two that add are apart, and a transaction between their epochs may have the later one
 * alone. */
static bool after_others(const struct elle_key *key, const struct elle_tx *t)
{
    return t->plain && (key->type != ELLE_SET_APART || t->writes == 0);
}

static void of_keys(struct elle *e, struct event *ev)
{
    uint32_t *done = calloc(e->tx_nr + 1, sizeof(*done));

    ASSERT(done != NULL);
    for (uint32_t k = 0; k < e->key_nr; k++) {
        const struct elle_key *key = &e->key[k];
        uint32_t n = 0;

        for (uint32_t i = 0; i < key->read_nr + key->write_nr; i++) {
            uint32_t t = i < key->read_nr ? key->read[i].tx : key->write[i - key->read_nr].tx;

            /* what was only asked for, and not done, touched nothing */
            if (done[t] == k + 1 || (i >= key->read_nr && e->tx[t].status == ELLE_ABORTED))
                continue;
            done[t] = k + 1;
            n = add(e, ev, n, t, after_others(key, &e->tx[t]));
        }
        chain(e, ev, n, ELLE_TIME);
    }
    free(done);
}

/* Reads at an epoch are before what commits above it and before reads at a later one. */
static void of_epochs(struct elle *e, struct event *ev)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < e->tx_nr; i++) {
        const struct elle_tx *t = &e->tx[i];
        uint64_t at = elle_whole(t) ? t->commit_epoch : t->epoch;

        if (at != 0)
            ev[n++] = (struct event){at, false, i};
        if (at != 0 || t->epoch != 0)
            ev[n++] = (struct event){at ? at : t->epoch, true, i};
    }
    chain(e, ev, n, ELLE_AT);
}

/* Reads at one epoch show one state, whoever made them, and whenever. */
void elle_nodes(struct elle *e)
{
    struct event *ev = malloc((e->tx_nr + 1) * sizeof(*ev));
    uint32_t n = 0;

    free(e->node);
    e->node = malloc((e->tx_nr + 1) * sizeof(*e->node));
    ASSERT(ev != NULL && e->node != NULL);
    for (uint32_t i = 0; i < e->tx_nr; i++) {
        e->node[i] = i;
        if (e->tx[i].epoch != 0 && !elle_whole(&e->tx[i]))
            ev[n++] = (struct event){e->tx[i].epoch, false, i};
    }
    qsort(ev, n, sizeof(*ev), by_time);
    for (uint32_t i = 1; i < n; i++)
        if (ev[i].at == ev[i - 1].at)
            e->node[ev[i].tx] = e->node[ev[i - 1].tx];
    free(ev);
}

void elle_time_edges(struct elle *e)
{
    struct event *ev = malloc((2 * e->tx_nr + 1) * sizeof(*ev));
    uint32_t n = 0;

    ASSERT(ev != NULL);
    for (uint32_t t = 0; t < e->tx_nr && e->time == ELLE_TIME_STRICT; t++)
        n = add(e, ev, n, t, true);
    chain(e, ev, n, ELLE_TIME);
    if (e->time == ELLE_TIME_KEYS) {
        of_processes(e, ev);
        of_keys(e, ev);
    }
    of_epochs(e, ev);
    free(ev);
}
