/*
 * cluster: nodes with engines and clients, in a simulated world.
 *
 *     sim_cluster_create(w, &conf, &cl)         network and nodes; nothing runs yet
 *     sim_engine_format(cl, 0)                  ... on a fiber of the director's xstream
 *     sim_engine_start(cl, 0)
 *     sim_client_start(cl, 0)                   a struct client on the node's own xstream
 *
 * An engine runs on a simulated disk (sim_dev.h) and is reached over the simulated network
 * (net_sim.h); its clients' handles outlive it (engine_conf.keep_handles), as a daemon's do, unless
 * drop_handles says otherwise: then clients end before the engine starts again. A client connects
 * to pool "sim/0": client_embed_open() is defined here.
 *
 * Functions that start and stop engines wait; they are called on fibers, one at a time.
 */
#ifndef TARN_SIM_CLUSTER_H
#define TARN_SIM_CLUSTER_H

#include <daos_types.h>
#include "client/client.h"
#include "engine/engine.h"
#include "net/remote.h"
#include "net_sim.h"
#include "peers_sim.h"
#include "sim_dev.h"
#include "world.h"

#define SIM_ENGINES_MAX 2u
#define SIM_CLIENTS_MAX 8u

enum sim_death {
    SIM_DEATH_POWER, /* the disk loses what it had not flushed; peers hear nothing */
    SIM_DEATH_KILL,  /* what the disk had completed stays; peers hear of it */
    SIM_DEATH_CLEAN, /* an orderly end */
};

struct sim_cluster_conf {
    uint32_t engines, clients;
    uint64_t wal_bytes, meta_bytes, data_bytes, limit_bytes; /* of a pool's shard */
    uint8_t place[SUPER_ROLE_NR]; /* roles of one number share a device */
    uint32_t targets, xstreams;   /* of an engine; 0: one */
    bool own_clocks;              /* each target has one */
    uint32_t checkpoint_pct;      /* see heap_conf */
    uint64_t mem_limit;           /* see engine_conf */
    bool drop_handles;            /* an engine that starts evicts the handles of the past */
    uint32_t fault_ppm;           /* chance that a page access finds the page gone */
    struct sim_net_conf net;
    struct sim_dir_conf disk; /* its seed is drawn */
};

struct sim_engine {
    struct sim_cluster *cl;
    uint32_t node;
    char name[24];
    struct sim_dir *disk;
    struct io_dir *dir;
    struct engine *eng; /* NULL: does not run */
    struct net_acceptor *acceptor;
    struct sim_peers *peers; /* between its shards; NULL: it is closed */
    uint64_t incarnation;
    uint64_t starts, deaths;
    struct engine_stat stat; /* of the last check */
};

struct sim_client {
    struct sim_cluster *cl;
    uint32_t node;
    char name[24];
    struct rt_xs *xs;
    struct client *client; /* NULL: does not run */
};

struct sim_cluster {
    struct sim_world *w;
    struct sim_cluster_conf conf;
    struct sim_net *net;
    struct rt_xs *director; /* of the node that starts and stops the others */
    struct sim_engine engine[SIM_ENGINES_MAX];
    struct sim_client client[SIM_CLIENTS_MAX];
};

int sim_cluster_create(struct sim_world *w, const struct sim_cluster_conf *conf,
                       struct sim_cluster **out);
/* Engines and clients are stopped; not on a fiber. */
void sim_cluster_destroy(struct sim_cluster *cl);

/* Makes the engine's pool on its empty disk. */
int sim_engine_format(struct sim_cluster *cl, uint32_t i);
/* Opens the pool (recovering it). An error leaves it stopped. e: why. */
int sim_engine_start(struct sim_cluster *cl, uint32_t i, struct err *e);
/* Listens: clients come. */
void sim_engine_serve(struct sim_cluster *cl, uint32_t i);
/* The end of an engine, of one kind or another. SIM_DEATH_POWER: the disk is powered on again by
 * the next start. */
void sim_engine_stop(struct sim_cluster *cl, uint32_t i, enum sim_death how);
/* The shard failed (a device error): it answers nothing good until it is stopped and started. */
bool sim_engine_failed(const struct sim_cluster *cl, uint32_t i);
/* It failed, or will at its next checkpoint, because a flush has failed. */
bool sim_engine_doomed(const struct sim_cluster *cl, uint32_t i);
/* The checker over everything the engine holds, while nobody asks it for anything; each line of
 * what it finds goes to report. The number of problems, or a DER code. */
int64_t sim_engine_check(struct sim_cluster *cl, uint32_t i, bool verify_data,
                         void (*report)(void *arg, const char *text), void *arg);
/* No partition any more, and what is under way arrives soon. */
void sim_cluster_heal(struct sim_cluster *cl);
/* Nothing is under way between engines, their shards and clients, on wires or being served. */
bool sim_cluster_idle(const struct sim_cluster *cl);

/* A fiber of the simulation's own: one for which there is memory, whatever fails otherwise. */
void sim_spawn(struct rt_xs *xs, void (*fiber)(void *arg), void *arg);

/* On the client's xstream. client_use() is the caller's business. */
int sim_client_start(struct sim_cluster *cl, uint32_t i);
void sim_client_stop(struct sim_cluster *cl, uint32_t i);

#endif
