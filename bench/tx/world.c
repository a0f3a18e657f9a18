/* Pools in memory, and an object on each of their shards. */
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "bench.h"
#include "base/hash.h"
#include "client/impl.h"
#include "client/op.h"
#include "client/route.h"
#include "client/client.h"
#include "embed/embed.h"

#define WORLDS_MAX 16u
#define WAL_BYTES  (64u << 20)

static char made[WORLDS_MAX][160];
static uint32_t made_nr;

double wall_s(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

double cpu_s(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

uint64_t draw(uint64_t *state)
{
    return mix64(*state += UINT64_C(0x9e3779b97f4a7c15));
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *f)
{
    return remove(path);
}

void worlds_remove(void)
{
    for (uint32_t i = 0; i < made_nr; i++)
        nftw(made[i], remove_one, 16, FTW_DEPTH | FTW_PHYS);
    made_nr = 0;
}

static void interrupted(int sig)
{
    worlds_remove();
    _exit(128 + sig);
}

void world_make(struct world *w, const struct conf *c, const char *name, uint32_t targets)
{
    struct embed_pool_conf pc = {.targets = targets, .wal_bytes = WAL_BYTES};
    struct err e = {0};
    uuid_t uuid;

    if (made_nr == WORLDS_MAX)
        die("too many pools", 0);
    *w = (struct world){.targets = targets};
    snprintf(w->dir, sizeof(w->dir), "%s/tx_bench.%d.%s", c->dir, (int)getpid(), name);
    if (made_nr == 0) {
        atexit(worlds_remove);
        signal(SIGINT, interrupted);
        signal(SIGTERM, interrupted);
    }
    memcpy(made[made_nr++], w->dir, sizeof(w->dir));
    if (embed_pool_create(w->dir, &pc, uuid, &e) != 0) {
        fprintf(stderr, "tx_bench: %s: %s; %s\n", e.what, e.why, e.next);
        exit(1);
    }
}

/* Ids are tried until every target has an object. */
static void find_objects(struct world *w)
{
    struct cont *co = cont_get(client_current(), w->coh);
    uint32_t found = 0, target;
    bool has[SHARDS_MAX] = {false};

    for (uint64_t i = 1; found < w->targets; i++) {
        daos_obj_id_t oid = {.lo = i};
        int rc = daos_obj_generate_oid(w->coh, &oid, DAOS_OT_DKEY_UINT64, OC_S1, 0, 0);

        if (rc == 0)
            rc = route_group(co, oid, 0, &target);
        if (rc != 0)
            die("where an object is", rc);
        if (has[target])
            continue;
        has[target] = true;
        found++;
        w->oid[target] = oid;
        rc = daos_obj_open(w->coh, oid, DAOS_OO_RW, &w->obj[target], NULL);
        if (rc != 0)
            die("object", rc);
    }
    handle_put(&co->h);
}

void world_open(struct world *w)
{
    char pool[200];
    int rc;

    snprintf(pool, sizeof(pool), "inproc:%s", w->dir);
    rc = daos_pool_connect(pool, NULL, DAOS_PC_RW, &w->poh, NULL, NULL);
    if (rc != 0)
        die("connect", rc);
    client_shows_errors(); /* it may not be there yet */
    rc = daos_cont_open(w->poh, "bench", DAOS_COO_RW, &w->coh, NULL, NULL);
    if (rc == -DER_NONEXIST) {
        daos_cont_create_with_label(w->poh, "bench", NULL, NULL, NULL);
        rc = daos_cont_open(w->poh, "bench", DAOS_COO_RW, &w->coh, NULL, NULL);
    }
    if (rc != 0)
        die("container", rc);
    rc = daos_eq_create(&w->eq);
    if (rc != 0)
        die("event queue", rc);
    find_objects(w);
}

void world_close(struct world *w)
{
    daos_eq_destroy(w->eq, 0);
    for (uint32_t t = 0; t < w->targets; t++)
        daos_obj_close(w->obj[t], NULL);
    daos_cont_close(w->coh, NULL);
    daos_pool_disconnect(w->poh, NULL);
}

void world_fill(struct world *w)
{
    struct work k = {.what = UPDATE,
                     .shards = w->targets,
                     .nr = w->targets * KEYS,
                     .lanes = 16,
                     .in_turn = true};
    uint32_t *keys = malloc((k.nr + LANES_MAX * WRITES_MAX) * sizeof(*keys));
    struct done d;

    for (uint32_t i = 0; i < k.nr + LANES_MAX * WRITES_MAX; i++)
        keys[i] = i / w->targets % KEYS;
    k.keys = keys;
    work_run(w, &k, &d);
    free(keys);
}

double world_requests(struct world *w)
{
    struct client *c = client_current();
    struct cont *co = cont_get(c, w->coh);
    struct msg_engine_stat_req q = {0};
    struct msg_engine_stat_rep r = {0};
    struct net_call call;
    double sum = 0;
    int rc = call_wait(c, cont_peer(co), &call, MSG_ENGINE_STAT, &q, &r);

    if (rc != 0)
        die("figures of the engine", rc);
    for (uint32_t i = 0; i < r.metrics_nr; i++)
        if (strcmp(r.metrics[i].name, "requests") == 0 ||
            strcmp(r.metrics[i].name, "inline_requests") == 0)
            sum += (double)r.metrics[i].value;
    net_call_fini(&call);
    handle_put(&co->h);
    return sum;
}
