/*
 * peers_sim: what lies between the shards of one engine, as if they were servers.
 *
 * In-process nothing is lost between them; here their messages (MSG_PEERS) are, now and then
 * (sim_net_conf.peer_ppm):
 *
 *   lost          nobody gets it; its sender hears -DER_TIMEDOUT after its deadline, or sooner
 *                 -DER_UNREACH
 *   answer lost   it was carried out, and its sender hears the same
 *   late          it is carried out when its sender has given up already
 *   delayed       it arrives after others that were sent later
 *   twice         its sender got no answer, and has sent it again: the answer is that to the second
 *
 * All other messages go straight through. An engine that closes its gate gets nothing more.
 */
#ifndef TARN_SIM_PEERS_H
#define TARN_SIM_PEERS_H

#include "base/gate.h"
#include "net_sim.h"

struct net_peer;
struct net_service;
struct sim_peers;

/* In front of direct, which it takes over, and the service behind it. *self: NULL again when it is
 * closed. */
struct net_peer *sim_peers_create(struct sim_net *net, const char *who, struct net_service *service,
                                  struct gate *gate, struct net_peer *direct,
                                  struct sim_peers **self);
/* What is under way arrives soon. */
void sim_peers_heal(struct sim_peers *p);
/* Nothing is under way. */
bool sim_peers_idle(const struct sim_peers *p);

#endif
