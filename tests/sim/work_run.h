/*
 * Runs a workload with one client on a pool in this process: no other clients, and no faults but
 * those that work_wrap.c makes, so that what is wrong is either the store or the model.
 */
#ifndef TARN_SIM_WORK_RUN_H
#define TARN_SIM_WORK_RUN_H

#include <daos.h>
#include <daos_fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "embed/embed.h"
#include "workload.h"

struct work_pool {
    char dir[64], path[96];
    daos_handle_t poh;
    uint32_t conts;
    bool waits; /* see struct work */
};

static inline int work_pool_open(struct work_pool *p)
{
    struct embed_pool_conf conf = {.label = "simwork", .wal_bytes = 64 << 20};
    const char *tmp = getenv("TMPDIR");
    struct err e = {0};
    char text[1024];
    uuid_t uuid;
    int rc;

    snprintf(p->dir, sizeof(p->dir), "%s/tarn-work-XXXXXX", tmp ? tmp : "/tmp");
    if (mkdtemp(p->dir) == NULL)
        return -1;
    setenv("XDG_STATE_HOME", p->dir, 1);
    snprintf(p->path, sizeof(p->path), "%s/pool", p->dir);
    rc = embed_pool_create(p->path, &conf, uuid, &e);
    if (rc == 0)
        rc = daos_init();
    if (rc == 0)
        rc = daos_pool_connect(p->path, NULL, DAOS_PC_RW, &p->poh, NULL, NULL);
    if (rc != 0) {
        err_format(e.rc ? &e : err_last(), text, sizeof(text));
        fprintf(stderr, "%s\n", text);
    }
    return rc;
}

static inline int work_pool_close(struct work_pool *p)
{
    char cmd[128];
    int rc = daos_pool_disconnect(p->poh, NULL);

    if (rc == 0)
        rc = daos_fini();
    snprintf(cmd, sizeof(cmd), "rm -rf %s", p->dir);
    return system(cmd) != 0 ? -1 : rc;
}

static inline void work_say(void *arg, uint32_t client, const char *line)
{
    printf("%s\n", line);
}

/* All of a run; lose: answers are lost until it becomes 0, which it is made before what is there is
 * verified. 0, or what went wrong outside of what the oracle judges. w->failed: a violation. */
static inline int work_run(struct work_pool *p, const struct workload *load, uint64_t seed,
                           uint64_t steps, uint32_t *lose, struct work *w)
{
    struct work_client c = {.work = w, .poh = p->poh};
    char label[32];
    int rc;

    *w = (struct work){.load = load,
                       .clients = 1,
                       .waits = p->waits,
                       .faults = lose ? WORK_NET : 0,
                       .tell = work_say,
                       .telling = getenv("SIM_TELL") != NULL};
    sim_rng_seed(&c.rng, seed);
    snprintf(label, sizeof(label), "w%u", ++p->conts);
    rc = load->posix ? dfs_cont_create_with_label(p->poh, label, NULL, NULL, NULL, NULL)
                     : daos_cont_create_with_label(p->poh, label, NULL, NULL, NULL);
    if (rc == 0)
        rc = daos_cont_open(p->poh, label, DAOS_COO_RW, &c.coh, NULL, NULL);
    if (rc == 0)
        rc = load->setup(&c);
    if (rc == 0)
        rc = load->attach(&c);
    if (rc != 0)
        return rc;
    for (; rc == 0 && !w->failed && c.steps < steps; c.steps++) {
        rc = load->step(&c);
        if (w->unknown >= 4) { /* as in a simulated run: more are too much to think about */
            work_settle(w);
            w->unknown = 0;
        }
        if (rc == 0 && w->full && lose == NULL)
            rc = load->verify(&c);
    }
    if (lose != NULL)
        *lose = w->faults = 0;
    work_settle(w);
    if (rc == 0 && !w->failed)
        rc = load->verify(&c);
    load->detach(&c);
    work_fini(w);
    if (rc == 0)
        rc = daos_cont_close(c.coh, NULL);
    return rc ? rc : daos_cont_destroy(p->poh, label, 1, NULL);
}

#endif
