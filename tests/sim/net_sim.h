/*
 * net_sim: SEAM 2 simulated. A network whose connections behave as TCP's do on their worst days.
 *
 * A connection is a pair of ordered streams of frames between two nodes, each end a struct net_wire
 * of its node's xstream. What can happen to it:
 *
 *   delay       every frame takes a drawn time; now and then a long one (everything behind it waits
 *               too). Between connections there is no order.
 *   silence     from some frame on nothing arrives in one direction, and nobody is told: half-open.
 *   break       both ends hear that it broke, each after a time of its own; frames that were under
 *               way arrive or do not.
 *   partition   nothing gets from one node to another for a while (one way); what was sent
 *               meanwhile comes afterwards, or its connection has become silent.
 *   node down   its ends are gone. What it sent before may still arrive: late replies of an earlier
 *               incarnation. Its peers hear of a break (a process was killed) or nothing at all
 *               (the power went).
 *
 * A frame is never changed, doubled or overtaken within its connection: a real transport sees to
 * that. Copies come from the resends of the layer above.
 */
#ifndef TARN_SIM_NET_H
#define TARN_SIM_NET_H

#include "net/wire.h"
#include "world.h"

struct sim_net;

struct sim_net_conf {
    uint64_t latency_min_ns; /* 0: 1,000 */
    uint64_t latency_max_ns; /* 0: 100,000 */
    uint32_t spike_ppm;      /* of frames */
    uint64_t spike_max_ns;
    uint32_t silence_ppm; /* of frames: the first that is lost */
    uint32_t break_ppm;   /* of frames: the connection breaks instead */
    uint32_t peer_ppm;    /* of messages between shards of an engine: see peers_sim.h */
};

struct sim_net *sim_net_create(struct sim_world *w, const struct sim_net_conf *conf);
void sim_net_destroy(struct sim_net *n); /* every wire is closed */
struct sim_net_conf *sim_net_conf(struct sim_net *n);
struct sim_world *sim_net_world(const struct sim_net *n);

/* Connections to node are given to accept, on xs. One listener a node. */
void sim_net_listen(struct sim_net *n, uint32_t node, struct rt_xs *xs,
                    void (*accept)(void *arg, struct net_wire *w), void *arg);
/* Nobody listens there any more; the xstream may go once its ends are closed. */
void sim_net_unlisten(struct sim_net *n, uint32_t node);
/* A wire from the calling xstream, whose node is from, to node to. */
int sim_net_dial(struct sim_net *n, uint32_t from, uint32_t to, struct net_wire **w);

/* The node loses its connections, and can make none until it is up. told: its peers hear of it. */
void sim_net_down(struct sim_net *n, uint32_t node, bool told);
void sim_net_up(struct sim_net *n, uint32_t node);
/* Those who still hold connections to an earlier life of the node hear of it soon: it is there
 * again, and knows nothing of them. */
void sim_net_reset(struct sim_net *n, uint32_t node);
/* Nothing gets from one node to the other until then. */
void sim_net_cut(struct sim_net *n, uint32_t from, uint32_t to, uint64_t until_ns);
void sim_net_heal(
    struct sim_net *n); /* no partition any more; frames that wait for one come soon */
/* Every connection of the node breaks. */
void sim_net_break(struct sim_net *n, uint32_t node);
/* The nth frame from now is the first of its direction that is lost. 0: none. */
void sim_net_lose_at(struct sim_net *n, uint64_t nth);
/* Nothing is under way. */
bool sim_net_idle(const struct sim_net *n);

struct sim_net_stat {
    uint64_t dials, frames, bytes, spikes, silenced, broken, late, partitions;
};
struct sim_net_stat sim_net_stat(const struct sim_net *n);

#endif
