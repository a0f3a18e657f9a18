/* elle: a graph, its components (Tarjan, "Depth-first search and linear graph algorithms", 1972),
 * and the shortest way within one. Steps to and between moments count nothing. */
#include <stdlib.h>
#include <string.h>
#include "base/assert.h"
#include "elle_int.h"

void elle_graph_end(struct elle_graph *g)
{
    free(g->edge);
    free(g->first);
    free(g->scc);
    *g = (struct elle_graph){0};
}

void elle_graph_begin(struct elle_graph *g, uint32_t txs)
{
    elle_graph_end(g);
    g->nodes = g->txs = txs;
}

uint32_t elle_graph_node(struct elle_graph *g)
{
    return g->nodes++;
}

void elle_graph_edge(struct elle_graph *g, struct elle_edge edge)
{
    elle_grow((void **)&g->edge, g->edge_nr, &g->edge_max, sizeof(edge));
    g->edge[g->edge_nr++] = edge;
}

/* By where they begin, otherwise as they were added. */
static void sort(struct elle_graph *g)
{
    struct elle_edge *to = malloc((g->edge_nr + 1) * sizeof(*to));
    uint32_t *next = calloc(g->nodes + 2, sizeof(*next));

    ASSERT(to != NULL && next != NULL);
    for (uint32_t i = 0; i < g->edge_nr; i++)
        next[g->edge[i].from + 2]++;
    for (uint32_t i = 2; i < g->nodes + 2; i++)
        next[i] += next[i - 1];
    for (uint32_t i = 0; i < g->edge_nr; i++)
        to[next[g->edge[i].from + 1]++] = g->edge[i];
    free(g->edge);
    free(g->first);
    g->edge = to;
    g->edge_max = g->edge_nr + 1;
    g->first = next; /* next[n] is where the edges of n begin now */
}

/* ---- Components ---- */

struct tarjan {
    struct elle_graph *g;
    uint32_t *index, *low, *stack, *path, *edge; /* index 0: not seen yet */
    bool *on;
    uint32_t next, stack_nr, path_nr;
};

static void enter(struct tarjan *t, uint32_t n)
{
    t->index[n] = t->low[n] = ++t->next;
    t->edge[n] = t->g->first[n];
    t->stack[t->stack_nr++] = n;
    t->on[n] = true;
    t->path[t->path_nr++] = n;
}

static void leave(struct tarjan *t, uint32_t n)
{
    uint32_t m;

    t->path_nr--;
    if (t->path_nr > 0)
        t->low[t->path[t->path_nr - 1]] = MIN(t->low[t->path[t->path_nr - 1]], t->low[n]);
    if (t->low[n] != t->index[n])
        return;
    do {
        m = t->stack[--t->stack_nr];
        t->on[m] = false;
        t->g->scc[m] = t->g->scc_nr;
    } while (m != n);
    t->g->scc_nr++;
}

static void walk(struct tarjan *t, uint32_t root)
{
    enter(t, root);
    while (t->path_nr > 0) {
        uint32_t n = t->path[t->path_nr - 1], to;

        if (t->edge[n] == t->g->first[n + 1]) {
            leave(t, n);
            continue;
        }
        to = t->g->edge[t->edge[n]++].to;
        if (t->index[to] == 0)
            enter(t, to);
        else if (t->on[to])
            t->low[n] = MIN(t->low[n], t->index[to]);
    }
}

void elle_graph_sort(struct elle_graph *g)
{
    uint32_t *mem = calloc(5 * (size_t)g->nodes + 1, sizeof(*mem));
    struct tarjan t = {.g = g,
                       .index = mem,
                       .low = mem + g->nodes,
                       .stack = mem + 2 * (size_t)g->nodes,
                       .path = mem + 3 * (size_t)g->nodes,
                       .edge = mem + 4 * (size_t)g->nodes,
                       .on = calloc(g->nodes + 1, sizeof(bool))};

    sort(g);
    g->scc = calloc(g->nodes + 1, sizeof(*g->scc));
    ASSERT(mem != NULL && t.on != NULL && g->scc != NULL);
    for (uint32_t n = 0; n < g->nodes; n++)
        if (t.index[n] == 0)
            walk(&t, n);
    free(mem);
    free(t.on);
}

/* ---- Ways ---- */

struct search {
    const struct elle_graph *g;
    uint32_t kinds, start, target;
    uint32_t *dist, *by; /* steps, and the edge that led there */
    uint32_t *queue;     /* both ends: room on either side */
    uint32_t head, tail, arrived;
};

/* Steps to a moment are free, so that the first arrival need not be the nearest; the queue takes
 * what costs nothing at its front. */
static void reach(struct search *s, uint32_t edge, uint32_t dist)
{
    const struct elle_edge *e = &s->g->edge[edge];
    uint32_t cost = e->to >= s->g->txs ? 0 : 1;

    /* two that read at one epoch, one after the other, are one node: it does not come before itself
     */
    if (e->to == s->target && s->target == s->start && dist + cost < 2)
        return;
    if (e->to == s->target) {
        if (s->arrived == ELLE_NO || dist + cost < s->dist[s->g->nodes]) {
            s->arrived = edge;
            s->dist[s->g->nodes] = dist + cost;
        }
        return;
    }
    if (dist + cost >= s->dist[e->to])
        return;
    s->dist[e->to] = dist + cost;
    s->by[e->to] = edge;
    if (cost == 0)
        s->queue[--s->head] = e->to;
    else
        s->queue[s->tail++] = e->to;
}

static void spread(struct search *s, uint32_t from, uint32_t most)
{
    const struct elle_graph *g = s->g;
    bool first = true;

    while (first || s->head < s->tail) {
        uint32_t n = first ? from : s->queue[s->head++];
        uint32_t dist = first ? 0 : s->dist[n];

        first = false;
        if (dist + 1 >= MIN(most, s->arrived == ELLE_NO ? most : s->dist[g->nodes]))
            continue; /* one more step is too far */
        for (uint32_t i = g->first[n]; i < g->first[n + 1]; i++)
            if (ELLE_BIT(g->edge[i].kind) & s->kinds && g->scc[g->edge[i].to] == g->scc[from])
                reach(s, i, dist);
    }
}

/* From the end to the beginning; what leads over moments is one edge. */
static void unwind(const struct search *s, uint32_t from, struct elle_cycle *c)
{
    uint32_t edge = s->arrived, nr = 0;

    c->nr = s->dist[s->g->nodes];
    c->edge = calloc(c->nr + 1, sizeof(*c->edge));
    ASSERT(c->edge != NULL);
    for (;;) {
        struct elle_edge e = s->g->edge[edge];
        uint32_t to = e.to, tx2 = e.tx2;

        while (e.from >= s->g->txs)
            e = s->g->edge[s->by[e.from]];
        e.to = to;
        e.tx2 = tx2;
        nr++;
        c->edge[c->nr - nr] = e;
        if (e.from == from)
            break;
        edge = s->by[e.from];
    }
    ASSERT(nr == c->nr);
}

bool elle_graph_way(const struct elle_graph *g, uint32_t from, uint32_t to, uint32_t kinds,
                    uint32_t most, struct elle_cycle *c)
{
    size_t n = g->nodes + 1;
    uint32_t *mem = malloc((2 * n + 2 * (g->edge_nr + n)) * sizeof(*mem));
    struct search s = {.g = g,
                       .kinds = kinds,
                       .start = from,
                       .target = to,
                       .dist = mem,
                       .by = mem + n,
                       .queue = mem + 2 * n,
                       .arrived = ELLE_NO};

    ASSERT(mem != NULL);
    memset(mem, 0xff, n * sizeof(*mem));
    s.head = s.tail = (uint32_t)(g->edge_nr + n); /* no edge is taken twice to go nearer */
    spread(&s, from, most);
    if (s.arrived != ELLE_NO && s.dist[g->nodes] < most)
        unwind(&s, from, c);
    else
        s.arrived = ELLE_NO;
    free(mem);
    return s.arrived != ELLE_NO;
}
