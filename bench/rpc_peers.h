/*
 * What others say of themselves on this machine: the tools that come with libfabric (fi_pingpong)
 * and UCX (ucx_perftest), where they are installed, with the same CPUs as rpc_bench's two sides.
 * They send messages back and forth, which is less than a call: nothing is found out about the
 * sender, nothing is decoded, no answer is kept.
 */
#ifndef TARN_BENCH_RPC_PEERS_H
#define TARN_BENCH_RPC_PEERS_H

#include <stdbool.h>
#include <stdint.h>

#define PEERS 7

struct peer_tool {
    const char *name;       /* of the row */
    const char *tool, *way; /* the program; provider or transports */
    uint32_t bytes;
    bool lat; /* us of a message there and one back; else of one there, many under way */
};
extern const struct peer_tool peer_tools[PEERS];

/* us of a message, or 0: it is not installed, or does not work here. client, server: CPUs. Takes
 * about a second. */
double peer_round(const struct peer_tool *p, int client, int server);

#endif
