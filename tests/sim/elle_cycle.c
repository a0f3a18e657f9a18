/* elle: which circle. Of each component the first of these that it has, the shortest of its kind:
 * first of what was read and written alone, then with time and epochs. */
#include <stdlib.h>
#include <string.h>
#include "elle_int.h"

#define WW    ELLE_BIT(ELLE_WW)
#define WR    (WW | ELLE_BIT(ELLE_WR))
#define RW    (WR | ELLE_BIT(ELLE_RW))
#define TIMES (ELLE_BIT(ELLE_TIME) | ELLE_BIT(ELLE_AT))

#define FROM_MAX 400u /* transactions of a component that circles are looked for from */

static const struct {
    enum elle_anomaly what;
    uint32_t kinds;
} tries[] = {
    {ELLE_G0, WW},
    {ELLE_G1C, WR},
    {ELLE_G_SINGLE, WR},
    {ELLE_G2, RW},
    {ELLE_G0, WW | TIMES},
    {ELLE_G1C, WR | TIMES},
    {ELLE_G_SINGLE, WR | TIMES},
    {ELLE_G2, RW | TIMES},
};

static void keep(struct elle_cycle *best, struct elle_cycle c)
{
    free(best->edge);
    *best = c;
}

/* Any circle of these kinds. */
static void any(const struct elle_graph *g, uint32_t scc, uint32_t kinds, struct elle_cycle *best)
{
    uint32_t tried = 0;

    for (uint32_t n = 0; n < g->txs && tried < FROM_MAX; n++) {
        struct elle_cycle c;

        if (g->scc[n] != scc)
            continue;
        tried++;
        if (elle_graph_way(g, n, n, kinds, best->nr ? best->nr : g->txs + 1, &c))
            keep(best, c);
    }
}

/* One rw, and the rest of these kinds. */
static void single(const struct elle_graph *g, uint32_t scc, uint32_t kinds,
                   struct elle_cycle *best)
{
    uint32_t tried = 0;

    for (uint32_t i = 0; i < g->edge_nr && tried < FROM_MAX; i++) {
        const struct elle_edge *e = &g->edge[i];
        struct elle_cycle c;

        if (e->kind != ELLE_RW || g->scc[e->from] != scc || g->scc[e->to] != scc)
            continue;
        tried++;
        if (!elle_graph_way(g, e->to, e->from, kinds, best->nr ? best->nr - 1 : g->txs + 1, &c))
            continue;
        c.edge[c.nr++] = *e; /* there is room for one more */
        keep(best, c);
    }
}

static void name(struct elle *e, uint32_t scc)
{
    for (size_t i = 0; i < sizeof(tries) / sizeof(tries[0]); i++) {
        struct elle_cycle best = {NULL, 0};

        if (tries[i].what == ELLE_G_SINGLE)
            single(&e->g, scc, tries[i].kinds, &best);
        else
            any(&e->g, scc, tries[i].kinds, &best);
        if (best.nr == 0)
            continue;
        if (elle_tell(e, tries[i].what))
            elle_tell_cycle(e, &best);
        free(best.edge);
        return;
    }
}

void elle_cycles(struct elle *e)
{
    const struct elle_graph *g = &e->g;
    uint32_t *size = calloc(g->scc_nr + 1, sizeof(*size));

    if (size == NULL)
        abort();
    for (uint32_t n = 0; n < g->txs; n++) /* of one and of moments there is none */
        if (++size[g->scc[n]] == 2)
            name(e, g->scc[n]);
    free(size);
}
