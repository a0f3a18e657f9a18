/* One run: the stage it is played on, the single fault of a sweep, and the verdict. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <daos_errno.h>
#include "base/assert.h"
#include "run_int.h"

#define RUN_NS_MAX (UINT64_C(24) * 3600 * SIM_S)
#define TURNS_MAX  UINT64_C(20000000)

void run_wrong(struct run *r, const char *fmt, ...)
{
    char text[1024];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    work_wrong(&r->work, "%s", text);
}

/* ---- The single fault ---- */

static void count_chances(struct run *r, uint64_t n[SIM_SINGLE_NR])
{
    struct sim_dir_stat st = sim_dir_stat(r->cl->engine[0].disk);

    n[SIM_SINGLE_ALLOC] = r->fail.seen;
    n[SIM_SINGLE_READ] = st.reads;
    n[SIM_SINGLE_WRITE] = st.writes;
    n[SIM_SINGLE_FLUSH] = st.flushes;
    n[SIM_SINGLE_POWER] = st.steps;
    n[SIM_SINGLE_MESSAGE] = sim_net_stat(r->cl->net).frames;
}

void run_single_arm(struct run *r)
{
    struct sim_dir *disk = r->cl->engine[0].disk;

    count_chances(r, r->chances);
    switch (r->conf.single) {
    case SIM_SINGLE_ALLOC:
        r->fail.fail_at = r->fail.seen + r->conf.nth;
        break;
    case SIM_SINGLE_READ:
        sim_dir_fault_at(disk, NULL, IO_READ, r->conf.nth, SIM_FAULT_FAIL, 0);
        break;
    case SIM_SINGLE_WRITE:
        sim_dir_fault_at(disk, NULL, IO_WRITE, r->conf.nth, SIM_FAULT_FAIL, 0);
        break;
    case SIM_SINGLE_FLUSH:
        sim_dir_fault_at(disk, NULL, IO_FLUSH, r->conf.nth, SIM_FAULT_FAIL, 0);
        break;
    case SIM_SINGLE_POWER:
        sim_dir_power_cut_at(disk, r->conf.nth);
        break;
    case SIM_SINGLE_MESSAGE:
        sim_net_lose_at(r->cl->net, r->conf.nth);
        break;
    default:
        break;
    }
}

void run_single_disarm(struct run *r)
{
    uint64_t n[SIM_SINGLE_NR] = {0};

    r->fail.fail_at = 0;
    sim_dir_faults_clear(r->cl->engine[0].disk);
    sim_dir_power_cut_at(r->cl->engine[0].disk, 0);
    sim_net_lose_at(r->cl->net, 0);
    count_chances(r, n);
    for (int i = 0; i < SIM_SINGLE_NR; i++)
        r->r->chances[i] = n[i] - r->chances[i];
}

/* ---- The run ---- */

static bool is_done(void *arg)
{
    struct run *r = arg;

    return r->done || r->work.failed;
}

static uint64_t now(void *arg)
{
    return sim_world_now(((struct run *)arg)->w);
}

static void tell(void *arg, uint32_t client, const char *line)
{
    struct run *r = arg;

    sim_tell(r->w, r->cl->client[client].name, "%s", line);
}

static const struct workload *draw_load(struct sim_rng *r, uint64_t seed)
{
    const struct workload *drawn;
    struct sim_rng rng;
    uint32_t n = 0;

    while (workloads[n] != NULL && workloads[n]->one_in == 0)
        n++;
    drawn = workloads[sim_rng_below(r, n)];
    sim_rng_seed(&rng, seed ^ UINT64_C(0x107d00000000000));
    for (; workloads[n] != NULL; n++)
        if (sim_rng_below(&rng, workloads[n]->one_in) == 0)
            drawn = workloads[n];
    return drawn;
}

static uint32_t work_faults(uint32_t faults)
{
    uint32_t f = 0;

    if (faults & (SIM_NET | SIM_POWER | SIM_KILL | SIM_STALL | SIM_CLIENT | SIM_DISK))
        f |= WORK_NET;
    if (faults & SIM_DISK)
        f |= WORK_DEVICE;
    if (faults & SIM_FULL)
        f |= WORK_FULL;
    if (faults & SIM_MEMORY)
        f |= WORK_NOMEM | WORK_NET | WORK_DEVICE; /* a checkpoint without memory stops the shard */
    return f;
}

static uint32_t single_faults(enum sim_single single)
{
    switch (single) {
    case SIM_SINGLE_NONE:
        return 0;
    case SIM_SINGLE_ALLOC:
        return WORK_NOMEM | WORK_NET;
    case SIM_SINGLE_READ:
    case SIM_SINGLE_WRITE:
    case SIM_SINGLE_FLUSH:
        return WORK_DEVICE | WORK_NET;
    default:
        return WORK_NET;
    }
}

static int set_stage(struct run *r)
{
    const struct workload *drawn;
    char line[256];

    sim_profile_draw(r->conf.seed, r->conf.faults ? r->conf.faults : SIM_FAULTS_ALL,
                     r->conf.devices, r->conf.targets, &r->p);
    sim_rng_seed(&r->rng, r->conf.seed ^ UINT64_C(0xd14ec70400000000));
    drawn = draw_load(&r->rng,
                      r->conf.seed); /* also when it is given: the same run as when it was drawn */
    r->work.load = r->conf.load ? r->conf.load : drawn;
    if (r->conf.clients != 0)
        r->p.clients = MIN(r->conf.clients, SIM_CLIENTS_MAX);
    r->p.clients = r->work.load->alone ? 1 : MAX(r->p.clients, r->work.load->clients_min);
    r->p.cluster.clients = r->p.clients;
    if (r->work.load->one_clock)
        r->p.cluster.own_clocks = false;
    r->work.targets = r->p.cluster.targets;
    r->work.clocks_apart = r->p.cluster.own_clocks && r->p.cluster.targets > 1;
    r->p.world.keep = r->conf.keep;
    r->p.world.story = r->conf.story;
    r->p.world.arg = r->conf.arg;
    r->bad_copy = (uint32_t)(r->conf.seed % 4);
    r->bad_super = (enum super_role)(r->conf.seed / 4 % SUPER_ROLE_NR);
    r->bad_target = (uint32_t)(r->conf.seed / 12 % r->p.cluster.targets);
    rt_event_init(&r->open);
    r->work.clients = r->p.clients;
    r->work.faults = work_faults(r->p.faults) | single_faults(r->conf.single);
    r->work.large_pct = r->p.large_pct;
    r->work.now = now;
    r->work.tell = tell;
    r->work.hot = run_strike;
    r->work.telling = r->conf.story != NULL;
    r->work.arg = r;
    if (sim_world_create(&r->p.world, &r->w) != 0 ||
        sim_cluster_create(r->w, &r->p.cluster, &r->cl) != 0)
        return -DER_NOMEM;
    for (uint32_t i = 0; i < r->p.clients; i++) {
        r->m[i] = (struct member){.run = r, .index = i, .c = {.work = &r->work, .index = i}};
        sim_rng_seed(&r->m[i].c.rng, r->conf.seed + UINT64_C(0xc11e47000000) * (i + 1));
    }
    sim_profile_text(&r->p, line, sizeof(line));
    sim_tell(r->w, "seed", "%llu: workload %s, %s", (unsigned long long)r->conf.seed,
             r->work.load->name, line);
    return 0;
}

static void judge(struct run *r, bool ended)
{
    struct sim_result *res = r->r;

    res->load = r->work.load->name;
    res->faults = r->p.faults;
    res->trace = sim_world_trace(r->w);
    res->ops = r->work.ops;
    res->virtual_ns = sim_world_now(r->w);
    res->turns = sim_world_stat(r->w).turns;
    res->deaths = r->cl->engine[0].deaths;
    res->partitions = sim_net_stat(r->cl->net).partitions;
    if (!ended && !r->work.failed)
        run_wrong(r, "the run does not end: %s",
                  res->turns >= TURNS_MAX         ? "too many turns"
                  : res->virtual_ns >= RUN_NS_MAX ? "a day has passed"
                                                  : "everybody waits, and nothing will happen");
    res->gave_up = r->work.gave_up;
    res->ok = !r->work.failed;
    if (!res->ok)
        snprintf(res->why, sizeof(res->why), "%s", r->work.why);
}

bool sim_run(const struct sim_run_conf *conf, struct sim_result *res)
{
    struct run *r = calloc(1, sizeof(*r));
    bool ended;

    ASSERT(r != NULL);
    memset(res, 0, sizeof(*res));
    r->conf = *conf;
    r->conf.ops = conf->ops ? conf->ops : 2000;
    r->r = res;
    if (set_stage(r) != 0)
        return false;
    r->fail.not_aligned = !r->conf.single; /* the same seed is the same run, whatever ran before */
    base_fail_set(&r->fail);
    sim_spawn(r->cl->director, run_direct, r);
    ended = sim_world_run(r->w, is_done, r, RUN_NS_MAX, TURNS_MAX);
    base_fail_set(NULL);
    judge(r, ended);
    if (!res->ok) /* fibers stand where they are: nothing can be taken down */
        return false;
    work_fini(&r->work);
    sim_cluster_destroy(r->cl);
    sim_world_destroy(r->w);
    free(r);
    return true;
}
