/* Snapshots of a container over 16 shards, idle: until all have it. */
#include "bench.h"

#define TIMES 20u /* of a sample */

void rows_snapshot(struct bench *b)
{
    struct world w;
    struct row *r;

    if (!wanted(b, "snapshot"))
        return;
    world_make(&w, &b->conf, "snap", 16);
    world_open(&w);
    world_fill(&w);
    r = row_new(b, "snapshot", "ms", "a snapshot of a container over 16 idle shards");
    r->goal = 5;
    for (uint32_t k = 0; k < b->conf.reps; k++) {
        daos_epoch_t epoch[TIMES];
        double from = wall_s(), took;

        for (uint32_t i = 0; i < TIMES; i++) {
            int rc = daos_cont_create_snap(w.coh, &epoch[i], NULL, NULL);

            if (rc != 0)
                die("snapshot", rc);
        }
        took = wall_s() - from;
        sample(&r->figure, 1e3 * took / TIMES);
        for (uint32_t i = 0; i < TIMES; i++) {
            daos_epoch_range_t epr = {epoch[i], epoch[i]};
            int rc = daos_cont_destroy_snap(w.coh, epr, NULL);

            if (rc != 0)
                die("snapshot", rc);
        }
    }
    world_close(&w);
}
