/*
 * run: one seed, one run. A cluster, a workload, and whatever the seed makes go wrong.
 *
 *     struct sim_run_conf conf = {.seed = 7, .ops = 2000};
 *     struct sim_result r;
 *     if (!sim_run(&conf, &r))
 *         puts(r.why);
 *
 * The seed draws a profile: how many clients, how large the log, and which faults there are at all,
 * each weak or strong (swarm testing: a run with few kinds of faults reaches what a run with all of
 * them never does). Then clients work while a director, on a node of its own, makes things go wrong
 * and puts them right, now and then stops everybody to compare everything, and at the end does so
 * twice, with a power cut in between.
 *
 * A run fails when the oracle finds no explanation for what a client saw, when the shard checker
 * finds something, when space does not add up, or when it does not end. After a failure what the
 * run held is left as it was: the process should end soon.
 */
#ifndef TARN_SIM_RUN_H
#define TARN_SIM_RUN_H

#include "cluster.h"
#include "workload.h"

/* Kinds of faults, bits of sim_run_conf.faults. F(NAME, name, what) */
#define SIM_FAULTS(F)                                                                              \
    F(POWER, power, "power cuts, at any step of the disk")                                         \
    F(KILL, kill, "engines killed and shut down")                                                  \
    F(NET, net, "slow, silent and broken connections, partitions, messages lost between targets")  \
    F(CLIENT, client, "clients that die")                                                          \
    F(CLOCK, clock, "clocks that drift and jump")                                                  \
    F(STALL, stall, "xstreams that stand still")                                                   \
    F(PAGE, page, "pages that are not in memory")                                                  \
    F(DISK, disk, "requests that the disk fails")                                                  \
    F(ORDER, order, "disk requests that complete in any order")                                    \
    F(LOG, log, "a small log, so that checkpoints are frequent")                                   \
    F(ROT, rot, "what is stored goes bad, sector by sector")                                       \
    F(MISDIRECT, misdirect, "writes that land at another place")                                   \
    F(SHORT, short, "transfers that come back short")                                              \
    F(FULL, full, "a pool so small that it is full now and then")                                  \
    F(MEMORY, memory, "allocations that fail")

#define SIM_FAULT_BIT_(NAME, name, what) SIM_BIT_##NAME,
enum sim_fault_bit { SIM_FAULTS(SIM_FAULT_BIT_) SIM_FAULT_KINDS };
#define SIM_FAULT_FLAG_(NAME, name, what) SIM_##NAME = 1 << SIM_BIT_##NAME,
enum sim_fault_flag {
    SIM_FAULTS(SIM_FAULT_FLAG_) SIM_FAULTS_ALL = (1 << SIM_FAULT_KINDS) - 1,
    SIM_FAULTS_NONE = 1 << SIM_FAULT_KINDS, /* a bit that is no kind: "none" is not "not said" */
};

/* One thing that goes wrong, once, at the nth chance after the workload was set up: what sweeps go
 * through one by one. */
enum sim_single {
    SIM_SINGLE_NONE,
    SIM_SINGLE_ALLOC, /* an allocation of anybody's */
    SIM_SINGLE_READ,  /* a request of the disk: it fails */
    SIM_SINGLE_WRITE,
    SIM_SINGLE_FLUSH,
    SIM_SINGLE_POWER,   /* a step of the disk: the power goes */
    SIM_SINGLE_MESSAGE, /* a frame: it and all behind it on its connection are lost */
    SIM_SINGLE_NR
};

struct sim_run_conf {
    uint64_t seed;
    const struct workload *load; /* NULL: drawn */
    uint32_t ops;                /* at least so many; 0: 2,000 */
    uint32_t faults;             /* kinds allowed; 0: all */
    uint32_t clients;            /* 0: drawn */
    uint32_t devices;            /* that the roles lie on: 1, 2 or 3; 0: drawn */
    uint32_t targets;            /* of the pool; 0: as the seed draws */
    enum sim_single single;
    uint64_t nth;         /* from 1 */
    struct rt_keep *keep; /* for run after run; see rt.h */
    void (*story)(void *arg, const char *line);
    void *arg;
};

struct sim_result {
    bool ok;
    bool gave_up; /* not ok, but only because the oracle had more to think of than it can */
    char why[20000];
    const char *load;
    uint32_t faults; /* kinds that the profile had */
    uint64_t trace, ops, virtual_ns, turns;
    uint64_t deaths, partitions;
    uint64_t chances[SIM_SINGLE_NR]; /* that there were for each kind of single fault */
};

bool sim_run(const struct sim_run_conf *conf, struct sim_result *r);

#endif
