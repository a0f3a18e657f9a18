/*
 * Sweeps: one short run, again and again, and each time one thing goes wrong at the next chance:
 * each allocation fails in turn, each request of the disk, each is a power cut, each message is
 * lost. Every run must end, with what clients saw explained, and everything in order.
 *
 * usage: sweep_test KIND SEED OPS [STRIDE [CLIENTS [WORKLOAD]]]
 *   KIND     alloc read write flush power message
 *   STRIDE   not every chance but every so many-th, beginning at one that the seed draws; 1: all
 */
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/assert.h"
#include "base/log.h"
#include "run.h"

static const char *const kinds[SIM_SINGLE_NR] = {
    [SIM_SINGLE_ALLOC] = "alloc", [SIM_SINGLE_READ] = "read",   [SIM_SINGLE_WRITE] = "write",
    [SIM_SINGLE_FLUSH] = "flush", [SIM_SINGLE_POWER] = "power", [SIM_SINGLE_MESSAGE] = "message",
};

static void no_log(enum log_level level, const char *line)
{
}

static void run(struct sim_run_conf *c, struct sim_result *r)
{
    if (sim_run(c, r))
        return;
    printf("%s %llu of seed %llu: FAILED (workload %s)\n%s\n",
           c->single ? kinds[c->single] : "none", (unsigned long long)c->nth,
           (unsigned long long)c->seed, r->load, r->why);
    exit(1);
}

static enum sim_single kind_of(const char *name)
{
    for (int i = 1; i < SIM_SINGLE_NR; i++)
        if (strcmp(kinds[i], name) == 0)
            return (enum sim_single)i;
    return SIM_SINGLE_NONE;
}

int main(int argc, char **argv)
{
    struct sim_run_conf c = {.faults = SIM_FAULTS_NONE, .clients = 1, .targets = 1};
    struct sim_result *r = calloc(1, sizeof(*r));
    uint64_t stride = argc > 4 ? strtoull(argv[4], NULL, 0) : 1, chances, runs = 0;
    enum sim_single kind = argc > 3 ? kind_of(argv[1]) : SIM_SINGLE_NONE;

    if (kind == SIM_SINGLE_NONE || r == NULL || stride == 0) {
        fprintf(stderr, "usage: sweep_test alloc|read|write|flush|power|message SEED OPS [STRIDE "
                        "[CLIENTS [WORKLOAD]]]\n");
        return 2;
    }
    c.seed = strtoull(argv[2], NULL, 0);
    c.ops = (uint32_t)strtoul(argv[3], NULL, 0);
    if (argc > 5)
        c.clients = (uint32_t)strtoul(argv[5], NULL, 0);
    if (argc > 6)
        c.load = workload_find(argv[6]);
    mallopt(M_MMAP_THRESHOLD, 1 << 30);
    mallopt(M_TRIM_THRESHOLD, 1 << 30);
    log_set_sink(no_log);
    run(&c, r);
    chances = r->chances[kind];
    c.single = kind;
    for (c.nth = 1 + c.seed % stride; c.nth <= chances; c.nth += stride, runs++)
        run(&c, r);
    printf("%s: %llu of %llu chances, each run ended well\n", kinds[kind], (unsigned long long)runs,
           (unsigned long long)chances);
    free(r);
    return runs == 0; /* a sweep that swept nothing has not passed */
}
