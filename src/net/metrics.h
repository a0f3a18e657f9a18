/*
 * metrics: what an acceptor was asked, by kind of message. Plain numbers that its xstream alone
 * touches. Units in names.
 *
 * A look at the clock costs as much as a twentieth of an echo. So of requests that are answered at
 * once, one in NET_SAMPLED is timed and counts for all of them; those that wait for anything all
 * are.
 */
#ifndef TARN_NET_METRICS_H
#define TARN_NET_METRICS_H

#include <stdint.h>
#include "net/msg.h"

#define NET_TOOK_NR 24u /* the last: 4.2 s and more */
#define NET_SAMPLED 64u /* a power of two */

struct kind_metrics {
    uint64_t requests, errors, refused, cancelled;
    uint64_t bytes_in, bytes_out;
    uint64_t time_ns;
    uint64_t took[NET_TOOK_NR]; /* by the position of the highest bit of microseconds */
};

/* weight: for so many it stands. */
void metrics_took(struct kind_metrics *k, uint64_t ns, uint32_t weight);

struct net_acceptor;
struct net_req;
/* Fills the reply of MSG_ENGINE_METRICS. -DER_NOMEM. */
int metrics_answer(const struct net_acceptor *a, struct net_req *req);

#endif
