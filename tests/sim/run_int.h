/* What the files of run share: one run, its members, and what they tell each other. */
#ifndef TARN_SIM_RUN_INT_H
#define TARN_SIM_RUN_INT_H

#include "profile.h"
#include "base/fail.h"

#define RUN_POOL    "sim/0"
#define RUN_CONT    "data"
#define UNKNOWN_MAX 4u /* outcomes that nobody knows: more are too much to think about */

struct run;

struct member {
    struct run *run;
    uint32_t index;
    struct work_client c;
    bool doomed; /* its node dies: it ends as soon as it can */
    bool parked; /* waits at the gate, or has ended */
    bool ended;
    uint64_t lives;
};

struct run {
    struct sim_run_conf conf;
    struct sim_profile p;
    struct sim_world *w;
    struct sim_cluster *cl;
    struct work work;
    struct member m[SIM_CLIENTS_MAX];
    struct sim_rng rng;   /* the director's */
    bool set_up;          /* container and workload are there */
    bool over;            /* no more operations */
    bool gate;            /* everybody waits */
    bool dying;           /* clients that live end, and nobody begins */
    struct rt_event open; /* set when it opens */
    bool done;
    uint64_t burst_ns;         /* until then reads fail often; 0: they do not */
    bool struck;               /* the power is about to go: run_strike() */
    uint32_t bad_copy;         /* the copy of the superblock that may be damaged ... */
    enum super_role bad_super; /* ... on the device of this role */
    uint32_t bad_target;       /* ... of this target */
    uuid_t cont;               /* of the container everybody uses */
    uint64_t flipped_at;       /* byte of the heap whose memory went bad; 0: none */
    uint8_t flipped_bit;
    uint32_t flipped_in;             /* the target */
    bool astray;                     /* a write is to land at another place */
    bool scarred;                    /* an engine has worked with damage */
    struct base_fail fail;           /* counts allocations, and fails one */
    uint64_t chances[SIM_SINGLE_NR]; /* when the workload was set up */
    struct sim_result *r;
};

/* The run failed: keeps the first reason. */
void run_wrong(struct run *r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* The fault of sim_run_conf.single, if there is one: from now on; what has not happened by now will
 * not. */
void run_single_arm(struct run *r);
void run_single_disarm(struct run *r);

/* ---- run_client.c ---- */

/* Lets every client live on its node. */
void run_clients_spawn(struct run *r);
/* As a client that comes later: connects and opens, making the container if the run is not set up.
 */
int run_open_handles(struct member *m);
void run_close_handles(struct member *m);
/* Everybody stops between two operations while it is shut. */
void run_gate_shut(struct run *r);
void run_gate_open(struct run *r);
/* Waits a little, each time longer: what takes minutes is not looked at every millisecond. */
void run_wait_more(uint64_t *ns);

/* ---- verify.c: on the director's fiber ---- */

/* Everything is read back, while nobody else works; what is damaged is healed. */
void run_verify(struct run *r);
/* The same, in the middle of the run: everybody stops for it. */
void run_pause_and_verify(struct run *r);
/* Of a pool that was full, at the end: everything is given back, and there is room again. */
void run_verify_room(struct run *r);
/* The shard checker finds nothing. data: it reads the data extents too. */
void run_check_shard(struct run *r, bool data);

/* ---- undo.c: on the director's fiber, while nobody works ---- */

/* A snapshot, changes that the oracle does not hear of, and back: all is as it was. */
void run_undo(struct run *r);

/* ---- director.c ---- */

/* The disk fails requests, as the profile says, or not. */
void run_disk_faults(struct run *r, bool on);
/* The power goes now and then just when something changes that many look at. arg: the run. */
void run_strike(void *arg);
/* The engine ends and comes again. */
void run_restart(struct run *r, enum sim_death how);

/* The director's fiber: makes the pool, starts everything, and ends with run.done. arg: the run. */
void run_direct(void *arg);

#endif
