/* work_test WORKLOAD SEED SEEDS STEPS: runs it with one client, and prints the story of what went
 * wrong. SIM_TELL=1: every operation. */
#include <time.h>
#include "work_run.h"

static double now_s(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int run_seeds(struct work_pool *p, const struct workload *load, uint64_t seed, uint64_t nr,
                     uint64_t steps)
{
    static struct work w;
    double start = now_s();
    uint64_t ops = 0;

    for (uint64_t i = seed; i < seed + nr; i++) {
        int rc = work_run(p, load, i, steps, NULL, &w);

        ops += w.ops;
        if (rc == 0 && !w.failed)
            continue;
        printf("%s, seed %lu: %d (%s)\n%s\n", load->name, (unsigned long)i, rc, d_errstr(rc),
               w.why);
        return 1;
    }
    printf("%s: %lu seeds, %lu operations, %.0f a second\n", load->name, (unsigned long)nr,
           (unsigned long)ops, (double)ops / (now_s() - start));
    return 0;
}

int main(int argc, char **argv)
{
    const struct workload *load = argc == 5 ? workload_find(argv[1]) : NULL;
    struct work_pool p = {0};
    int rc;

    if (load == NULL) {
        fprintf(stderr, "usage: work_test WORKLOAD SEED SEEDS STEPS\n");
        return 2;
    }
    if (work_pool_open(&p) != 0)
        return 1;
    rc = run_seeds(&p, load, strtoull(argv[2], NULL, 10), strtoull(argv[3], NULL, 10),
                   strtoull(argv[4], NULL, 10));
    return work_pool_close(&p) != 0 ? 1 : rc;
}
