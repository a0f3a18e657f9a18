/*
 * work_thread_test WORKLOAD THREADS SECONDS: several clients of one process, each a thread, on one
 * pool. Workloads are written for one thread, so one thread at a time runs them; while it waits for
 * an answer, others may. Not deterministic: what the simulator finds again, this finds first.
 */
#include <pthread.h>
#include <string.h>
#include <time.h>
#include "work_run.h"
#include "work_wrap.h"

static pthread_mutex_t big_lock = PTHREAD_MUTEX_INITIALIZER;

static void others_may(void)
{
    pthread_mutex_unlock(&big_lock);
}

static void we_may(void)
{
    pthread_mutex_lock(&big_lock);
}

struct thread {
    pthread_t th;
    struct work_client c;
    struct timespec until;
    int rc;
};

static bool over(const struct timespec *until)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec > until->tv_sec || (t.tv_sec == until->tv_sec && t.tv_nsec >= until->tv_nsec);
}

static void *client_main(void *arg)
{
    struct thread *t = arg;
    const struct workload *load = t->c.work->load;

    we_may();
    t->rc = load->attach(&t->c);
    for (; t->rc == 0 && !t->c.work->failed && !over(&t->until); t->c.steps++)
        t->rc = load->step(&t->c);
    if (t->c.priv != NULL)
        load->detach(&t->c);
    others_may();
    return NULL;
}

static int all(struct work *w, struct thread *ts, uint32_t nr)
{
    int rc = w->load->setup(&ts[0].c);

    for (uint32_t i = 0; i < nr && rc == 0; i++)
        pthread_create(&ts[i].th, NULL, client_main, &ts[i]);
    if (rc == 0)
        others_may();
    for (uint32_t i = 0; i < nr; i++)
        if (ts[i].th)
            pthread_join(ts[i].th, NULL);
    if (rc == 0)
        we_may();
    for (uint32_t i = 0; i < nr && rc == 0; i++)
        rc = ts[i].rc;
    work_settle(w);
    if (rc == 0 && !w->failed)
        rc = w->load->attach(&ts[0].c);
    if (rc == 0 && !w->failed) {
        rc = w->load->verify(&ts[0].c);
        w->load->detach(&ts[0].c);
    }
    work_fini(w);
    return rc;
}

static int run(struct work_pool *p, const struct workload *load, uint32_t nr, time_t seconds)
{
    static struct work w;
    struct thread *ts = calloc(nr, sizeof(*ts));
    struct timespec until;
    uint64_t seed = (uint64_t)time(NULL);
    daos_handle_t coh;
    int rc;

    rc = load->posix ? dfs_cont_create_with_label(p->poh, "t", NULL, NULL, NULL, NULL)
                     : daos_cont_create_with_label(p->poh, "t", NULL, NULL, NULL);
    if (rc == 0)
        rc = daos_cont_open(p->poh, "t", DAOS_COO_RW, &coh, NULL, NULL);
    if (rc != 0)
        return rc;
    w = (struct work){
        .load = load, .clients = nr, .tell = work_say, .telling = getenv("SIM_TELL") != NULL};
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += seconds;
    for (uint32_t i = 0; i < nr; i++) {
        ts[i] = (struct thread){.c = {.work = &w, .index = i, .poh = p->poh, .coh = coh},
                                .until = until};
        sim_rng_seed(&ts[i].c.rng, seed * 100 + i);
    }
    we_may();
    work_wrap.enter = others_may;
    work_wrap.leave = we_may;
    rc = all(&w, ts, nr);
    others_may();
    free(ts);
    printf("%s: %u clients, %lu operations, %d\n%s\n", load->name, nr, (unsigned long)w.ops, rc,
           w.why);
    return rc != 0 || w.failed;
}

int main(int argc, char **argv)
{
    const struct workload *load = argc == 4 ? workload_find(argv[1]) : NULL;
    struct work_pool p = {0};

    if (load == NULL || work_pool_open(&p) != 0)
        return 2;
    return run(&p, load, (uint32_t)atoi(argv[2]), atoi(argv[3]));
}
