/* Transactions that read four values and change them, and change alone, and change what others
 * read, the fewer keys the more. */
#include <stdio.h>
#include <stdlib.h>
#include "bench.h"

#define WRITES 4u

static const double thetas[] = {0, 0.4, 0.8, 1.0, 1.2};
#define THETAS (sizeof(thetas) / sizeof(thetas[0]))

static void measure(struct world *w, const struct work *k, struct row *r)
{
    struct done d;

    work_run(w, k, &d);
    sample(&r->figure, 1e6 / d.wall_us);
    sample(&r->cpu_us, d.cpu_us);
    sample(&r->beside, k->readers > 0 ? d.reads : d.aborts);
    r->beside_what = k->readers > 0 ? "fetches meanwhile" : "restarts of a transaction";
}

static void of_shape(struct bench *b, struct world *w, enum what what, uint32_t shards,
                     uint32_t readers, const char *id)
{
    struct row *r[THETAS];
    uint32_t nr = b->conf.nr / 2;

    if (!wanted(b, id))
        return;
    for (uint32_t i = 0; i < THETAS; i++) {
        r[i] = row_new(b, id, "k/s", "Zipf %.1f: %s %u on %u of 4 shards%s", thetas[i],
                       what == CHANGE ? "read and write" : "write", WRITES, shards,
                       readers > 0 ? ", others read" : "");
        r[i]->peer = "Zipf 0";
    }
    for (uint32_t k = 0; k < b->conf.reps; k++)
        for (uint32_t i = 0; i < THETAS; i++) {
            uint32_t *keys = keys_draw(thetas[i], nr * WRITES);
            struct work t = {.what = what,
                             .shards = shards,
                             .writes = WRITES,
                             .nr = nr,
                             .lanes = b->conf.lanes,
                             .readers = readers,
                             .keys = keys,
                             .seed = k};

            measure(w, &t, r[i]);
            sample(&r[i]->ratio, r[i]->figure.v[k] / r[0]->figure.v[k]);
            free(keys);
        }
}

void rows_contention(struct bench *b)
{
    struct world w;

    if (!wanted(b, "zipf1") && !wanted(b, "zipf4") && !wanted(b, "blind4") && !wanted(b, "read4"))
        return;
    world_make(&w, &b->conf, "zipf", 4);
    world_open(&w);
    world_fill(&w);
    of_shape(b, &w, CHANGE, 1, 0, "zipf1");
    of_shape(b, &w, CHANGE, 4, 0, "zipf4");
    of_shape(b, &w, TRANSACT, 4, 0, "blind4");
    of_shape(b, &w, TRANSACT, 4, b->conf.lanes / 2, "read4");
    world_close(&w);
}
