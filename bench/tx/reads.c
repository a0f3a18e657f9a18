/* What reads pay for transactions that do not concern them: beside the same reads of a pool that
 * never had any. */
#include <stdlib.h>
#include "bench.h"

#define DOUBTFUL 64u /* of other keys, in the same container, all the time */

void rows_reads(struct bench *b)
{
    uint32_t *keys;
    struct world without, with;
    struct row *r, *m;
    struct raw *raw;

    if (!wanted(b, "reads"))
        return;
    keys = keys_draw(0, 4 * b->conf.nr);
    for (uint32_t i = 0; i < 4 * b->conf.nr + LANES_MAX * WRITES_MAX; i++)
        if (keys[i] < DOUBTFUL) /* of the others there are plenty */
            keys[i] += DOUBTFUL;
    world_make(&without, &b->conf, "reads0", 4);
    world_make(&with, &b->conf, "reads1", 4);
    world_open(&without); /* both lie in memory as they were read from the device */
    world_fill(&without);
    world_close(&without);
    world_open(&with);
    world_fill(&with);
    world_close(&with);
    raw = raw_open(with.dir);
    for (uint32_t n = 0; n < DOUBTFUL; n++)
        raw_doubt(raw, &with, n, LOST);
    raw_close(raw);
    world_open(&without);
    world_open(&with);
    r = row_new(b, "reads", "us", "CPU time of a fetch, %u transactions in doubt elsewhere",
                DOUBTFUL);
    r->peer = "the same in a pool that had none";
    r->goal = 1.03;
    r->beside_what = "by the wall's clock, to the same";
    m = row_new(b, "reads", "messages", "requests that the engine has for a fetch");
    m->goal = 1;
    for (uint32_t k = 0; k < b->conf.reps + 1; k++) { /* the first time pages are loaded */
        struct work f = {.what = FETCH,
                         .shards = 1,
                         .nr = 4 * b->conf.nr,
                         .lanes = b->conf.lanes,
                         .keys = keys,
                         .seed = k};
        struct done d0, d1;
        double had;

        work_run(&without, &f, &d0);
        had = world_requests(&with);
        work_run(&with, &f, &d1);
        if (k == 0)
            continue;
        sample(&m->figure, (world_requests(&with) - had - 1) / f.nr);
        sample(&r->figure, d1.cpu_us);
        sample(&r->ratio, d1.cpu_us / d0.cpu_us);
        sample(&r->beside, d1.wall_us / d0.wall_us);
    }
    world_close(&with);
    world_close(&without);
    free(keys);
}
