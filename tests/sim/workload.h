/*
 * Workloads: what clients do in a run, and how what they see is judged.
 *
 * A workload is written against the public API alone: blocking calls of daos.h and daos_fs.h. It
 * runs wherever those run: in a simulated cluster, where each client is a fiber on a node of its
 * own (tests/sim/run.h), or on a pool in this process. It draws everything from the generator it is
 * given, and tells every operation and its result to an oracle (hist.h) shared by all clients of
 * the run. All clients of one run live on one thread.
 *
 *     setup()    once, by the first client, on a new container: makes what the clients use
 *     attach()   each client, after setup and again with new handles after it lost its old ones
 *     step()     one operation, called again and again
 *     detach()   closes what attach opened
 *     work_settle()   by the run, when nothing of the past is under way any more (every request has
 *                been carried out or is lost for good, and no client is in a step)
 *     verify()   by one client while nobody else works, after that: reads everything back, from
 *                the present and from the snapshots
 *
 * What rc of a call means to the oracle (work_verdict):
 *     answered   the model must explain it: 0, -DER_EXIST, -DER_NONEXIST, ENOENT ...
 *     failed     an error that promises that nothing changed: -DER_NOSPACE, -DER_NOMEM, -DER_IO,
 *                -DER_TIMEDOUT, -DER_UNREACH; reads that were not answered
 *     unknown    a change that may have happened: -DER_TX_UNCERTAIN, -DER_CANCELED; of libdfs
 *                (whose calls may take several requests) ENOMEM, EIO and the like too
 *     wrong      nothing of the above: the run fails
 */
#ifndef TARN_SIM_WORKLOAD_H
#define TARN_SIM_WORKLOAD_H

#include <daos.h>
#include <stdbool.h>
#include <stdint.h>
#include "hist.h"
#include "sim_media.h"

/* Faults under way, which make errors legitimate that are wrong otherwise. */
enum work_faults {
    WORK_NET = 1,    /* messages may be lost: timeouts and unknown outcomes */
    WORK_DEVICE = 2, /* the device fails: -DER_IO */
    WORK_FULL = 4,   /* it may be full: -DER_NOSPACE */
    WORK_ROT = 8,    /* bytes rot on the medium: -DER_CSUM, -DER_IO on reads */
    WORK_NOMEM = 16, /* allocations fail: -DER_NOMEM */
    WORK_ABORT = 32, /* some are aborted: -DER_CANCELED, and nothing happened */
};

struct work;

/* What a client works with. */
struct work_client {
    struct work *work;
    uint32_t index;     /* 0 .. clients - 1 */
    struct sim_rng rng; /* its own: what it does does not depend on what others draw */
    daos_handle_t poh;  /* of this client */
    daos_handle_t coh;
    void *priv; /* the workload's, between attach and detach */
    uint64_t steps;
};

struct workload {
    const char *name;
    bool posix; /* the container is made with dfs_cont_create() */
    bool alone; /* its clients do not share a domain: at most one works at a time */
    /* Its oracle expects a transaction to see whatever was over before it began, of any client.
     * Where clocks differ that is promised to single calls only. */
    bool one_clock;
    uint32_t clients_min; /* that it needs to make sense; 0: one */
    uint32_t unknown_max; /* outcomes nobody knows before all is settled; 0: as the run says */
    uint32_t one_in; /* drawn in one of so many runs, by a generator of its own, so that other runs
                        stay what they were; 0: drawn with the others */
    int (*setup)(struct work_client *c);
    int (*attach)(struct work_client *c);
    /* One operation. 0, or the error that ended it without a verdict: the client's handles are gone
     * (-DER_NO_HDL), and it attaches anew. Violations go to work_wrong(). */
    int (*step)(struct work_client *c);
    void (*detach)(struct work_client *c);
    void (*settle)(struct work *w); /* optional: beside the oracles */
    /* Optional, by the run: the engine has forgotten all handles, and no client that had one is
     * left. */
    void (*evicted)(struct work *w);
    int (*verify)(struct work_client *c);
    /* Optional, when everything has been read back and will be rolled back to now: changes that no
     * oracle hears of. */
    void (*spoil)(struct work_client *c);
    void (*fini)(struct work *w); /* optional: beside w->priv and the oracles */
};

/* The workload of a file that calls its functions as they are called here; more: other fields. */
#define WORKLOAD(what, ...)                                                                        \
    extern const struct workload work_##what;                                                      \
    const struct workload work_##what = {.name = #what,                                            \
                                         .setup = setup,                                           \
                                         .attach = attach,                                         \
                                         .step = step,                                             \
                                         .detach = detach,                                         \
                                         .verify = verify,                                         \
                                         __VA_ARGS__}

/* One run. */
struct work {
    const struct workload *load;
    uint32_t clients;
    uint32_t faults;     /* WORK_*, may change during the run */
    bool clocks_apart;   /* see one_clock: this workload has it as it comes */
    uint32_t targets;    /* of the pool */
    uint8_t large_pct;   /* of a hundred values so many are large (value.h), beside the rest */
    void *priv;          /* the workload's, shared by its clients; setup makes it */
    struct hist **hists; /* its oracles */
    uint32_t hists_nr;
    uint64_t (*now)(void *arg); /* virtual time, nanoseconds */
    /* One line of the story: printf, when somebody listens (telling), NULL otherwise. */
    void (*tell)(void *arg, uint32_t client, const char *line);
    bool telling;
    /* A change begins that many will look at soon: what a fault would do now shows. May be NULL. */
    void (*hot)(void *arg);
    void *arg;
    bool full;    /* by the workload: everybody should stop and everything be read back soon */
    bool waits;   /* no bursts: a run on threads is the same each time then */
    bool failed;  /* by work_wrong() */
    bool gave_up; /* failed, but only because the oracle could not think of it all */
    char why[16384];
    uint64_t ops;         /* operations that reached the oracle */
    uint32_t unknown;     /* of them, those of unknown outcome since the last settle() */
    uint64_t unknown_all; /* the same, ever */
    uint64_t excused;     /* operations that ended with an error because of a fault */
};

enum work_verdict { WORK_ANSWERED, WORK_FAILED, WORK_UNKNOWN, WORK_WRONG };

/* Judges a DER code (errno of dfs calls: work_verdict_errno). changes: the operation changes
 * something. Codes that the model itself may give (-DER_EXIST, -DER_NONEXIST, VOS_NOTEMPTY,
 * -DER_REC2BIG, -DER_INVAL ...) are WORK_ANSWERED. */
enum work_verdict work_verdict(const struct work *w, int rc, bool changes);
enum work_verdict work_verdict_errno(const struct work *w, int err, bool changes);
/* The run failed: keeps the first reason. */
void work_wrong(struct work *w, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void work_tell(struct work_client *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* For setup() and attach(): memory, zeroed, that becomes priv. */
void *work_priv(struct work *w, size_t size);
void *work_client_priv(struct work_client *c, size_t size);
/* For detach(): closes what is open and frees priv. */
void work_client_end(struct work_client *c, daos_handle_t *oh, uint32_t nr,
                     int (*close)(daos_handle_t oh, daos_event_t *ev));
/* A new oracle, with the run's clock; the run's own. */
struct hist *work_hist(struct work_client *c, const struct hist_spec *spec, const void *state);
/* Are there so many changes under way that one more would be too much to think about? Then a read
 * is the next operation. */
bool work_crowded(const struct hist *h, const void *op);
/* What step() returns after an operation that ended with rc. */
int work_over(int rc);
/* Lets a little time pass, in which others may do something. Simulated time only: elsewhere nothing
 * happens. */
void work_pause(struct work_client *c);

/* Ends an operation with the oracle by its verdict; wrong ones and violations fail the run. op:
 * with its result. */
void work_end(struct work_client *c, struct hist *h, uint32_t id, const void *op, int rc,
              enum work_verdict v);

/* For whoever runs a workload: nothing of the past is under way any more; the end. */
void work_settle(struct work *w);
void work_fini(struct work *w);

/* The workloads there are, ended by NULL. */
extern const struct workload *const workloads[];
const struct workload *workload_find(const char *name);

#endif
