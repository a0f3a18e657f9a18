/* Plain updates, and transactions of several writes on one shard and on more. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include "base/bare.h"
#include "bench.h"

static void measure(struct world *w, struct row *r, const struct work *k)
{
    struct done d;

    work_run(w, k, &d);
    sample(&r->figure, 1e6 / d.wall_us);
    sample(&r->cpu_us, d.cpu_us);
}

/* By what it writes: so many writes in it as so many updates. */
static void against(struct row *r, const struct row *plain, double writes)
{
    uint32_t i = r->figure.nr - 1;

    sample(&r->ratio, r->figure.v[i] * writes / plain->figure.v[i]);
    sample(&r->beside, r->cpu_us.v[i] / (plain->cpu_us.v[i] * writes));
    r->peer = "as many plain updates";
    r->beside_what = "its CPU time, to that of as many plain updates";
}

struct shape {
    const char *id;
    uint32_t shards, writes;
    double goal;
};

static void rates_of(struct bench *b, uint32_t targets, const char *plain, const struct shape *s,
                     uint32_t nr)
{
    struct row *u, *r[8] = {NULL};
    uint32_t *keys = keys_draw(0, WRITES_MAX * b->conf.nr), any = wanted(b, plain);
    struct world w;
    char name[16];

    for (uint32_t i = 0; i < nr; i++)
        any |= wanted(b, s[i].id);
    if (!any) {
        free(keys);
        return;
    }
    snprintf(name, sizeof(name), "%u", targets);
    world_make(&w, &b->conf, name, targets);
    world_open(&w);
    world_fill(&w);
    u = row_new(b, plain, "k/s", "plain update, %u shards", targets);
    for (uint32_t i = 0; i < nr; i++)
        if (wanted(b, s[i].id)) {
            r[i] = row_new(b, s[i].id, "k/s", "transaction of %u writes on %u of %u shards",
                           s[i].writes, s[i].shards, targets);
            r[i]->goal = s[i].goal;
        }
    for (uint32_t k = 0; k < b->conf.reps; k++) {
        struct work plainly = {.what = UPDATE,
                               .shards = targets,
                               .nr = 4 * b->conf.nr,
                               .lanes = b->conf.lanes,
                               .keys = keys,
                               .seed = k};

        measure(&w, u, &plainly);
        for (uint32_t i = 0; i < nr; i++) {
            struct work t = {.what = TRANSACT,
                             .shards = s[i].shards,
                             .writes = s[i].writes,
                             .nr = b->conf.nr,
                             .lanes = b->conf.lanes,
                             .keys = keys,
                             .seed = k};

            if (r[i] == NULL)
                continue;
            measure(&w, r[i], &t);
            against(r[i], u, s[i].writes);
        }
    }
    world_close(&w);
    free(keys);
}

/* ---- The cost of what makes updates happen once, and be told from others ---- */

static void update_sample(struct world *w, const struct conf *c, const uint32_t *keys,
                          uint64_t seed, struct done *d)
{
    struct work k = {.what = UPDATE,
                     .shards = 1,
                     .nr = 4 * c->nr,
                     .lanes = c->lanes,
                     .keys = keys,
                     .seed = seed};

    work_run(w, &k, d);
}

void one_update(const struct conf *c)
{
    uint32_t *keys = keys_draw(0, 4 * c->nr);
    struct world w;
    struct done d;

    setenv(BARE_BENCH, "1", 1);
    world_make(&w, c, "one", 1);
    world_open(&w);
    world_fill(&w);
    update_sample(&w, c, keys, 1, &d);
    update_sample(&w, c, keys, 2, &d);
    printf("%.6f %.6f\n", d.wall_us, d.cpu_us);
    world_close(&w);
    free(keys);
}

static void child(const char *program, const struct conf *c, struct done *d)
{
    char cmd[8192];
    FILE *f;

    snprintf(cmd, sizeof(cmd), "'%s' --one --nr %u --lanes %u --dir '%s'", program, c->nr, c->lanes,
             c->dir);
    f = popen(cmd, "r");
    if (f == NULL || fscanf(f, "%lf %lf", &d->wall_us, &d->cpu_us) != 2 || pclose(f) != 0)
        die(program, -DER_IO);
}

/* A process each, in turns: the other program was built without it (-Dbare_updates=true). */
static void machinery(struct bench *b)
{
    char self[4096];
    struct row *r;

    if (b->conf.bare == NULL || !wanted(b, "machinery"))
        return;
    self_path(self);
    r = row_new(b, "machinery", "us", "CPU time of a plain update, one shard");
    r->peer = "the same without session, timestamps, marks";
    r->beside_what = "by the wall's clock, to the same";
    r->goal = 1.10;
    for (uint32_t k = 0; k < b->conf.reps; k++) {
        struct done with, without;

        child(self, &b->conf, &with);
        child(b->conf.bare, &b->conf, &without);
        sample(&r->figure, with.cpu_us);
        sample(&r->ratio, with.cpu_us / without.cpu_us);
        sample(&r->beside, with.wall_us / without.wall_us);
    }
}

void rows_rates(struct bench *b)
{
    static const struct shape one[] = {{"1of1", 1, 4, 100}};
    static const struct shape few[] = {{"1of4", 1, 4, 100}, {"2of4", 2, 4, 0}, {"4of4", 4, 4, 40}};
    static const struct shape many[] = {
        {"1of16", 1, 4, 0}, {"8of16", 8, 8, 0}, {"16of16", 16, 16, 0}};

    rates_of(b, 1, "plain1", one, 1);
    rates_of(b, 4, "plain4", few, 3);
    rates_of(b, 16, "plain16", many, 3);
    machinery(b);
}
