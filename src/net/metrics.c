/* Figures of an acceptor: see net/metrics.h. */
#include <daos_errno.h>
#include "base/base.h"
#include "net/accept_int.h"

void metrics_took(struct kind_metrics *k, uint64_t ns, uint32_t weight)
{
    uint64_t us = ns / 1000;
    uint32_t bits = us == 0 ? 0 : 64 - (uint32_t)__builtin_clzll(us);

    k->time_ns += ns * weight;
    k->took[MIN(bits, NET_TOOK_NR - 1)] += weight;
}

#define FIGURES(X)                                                                                 \
    X(connections, a->stat.conns)                                                                  \
    X(connections_ever, a->stat.accepted)                                                          \
    X(connections_refused, a->conf.refused != NULL ? a->conf.refused(a->conf.refused_arg) : 0)     \
    X(clients, a->stat.clients)                                                                    \
    X(requests_under_way, a->stat.serving)                                                         \
    X(control_under_way, a->of_class[MSG_CLASS_CONTROL])                                           \
    X(foreground_under_way, a->of_class[MSG_CLASS_FOREGROUND])                                     \
    X(background_under_way, a->of_class[MSG_CLASS_BACKGROUND])                                     \
    X(background_waiting, a->waiting)                                                              \
    X(requests_ever, a->stat.requests)                                                             \
    X(resends_joined, a->stat.joined)                                                              \
    X(frames_refused, a->stat.bad)                                                                 \
    X(request_bytes, a->stat.bytes)                                                                \
    X(connections_held, a->stat.held)                                                              \
    X(answer_bytes, a->backlog)                                                                    \
    X(requests_waiting, a->stat.parked)                                                            \
    X(waiting_bytes, a->stat.parked_bytes)                                                         \
    X(requests_waited_ever, a->stat.parked_ever)                                                   \
    X(connections_stalled, a->stat.stalled)

#define COUNT_(name, value)  +1
#define FIGURE_(name, value) m[n++] = (struct msg_metric){#name, value};

static struct msg_kind one(const char *name, const struct kind_metrics *k)
{
    return (struct msg_kind){.name = name,
                             .requests = k->requests,
                             .errors = k->errors,
                             .refused = k->refused,
                             .cancelled = k->cancelled,
                             .bytes_in = k->bytes_in,
                             .bytes_out = k->bytes_out,
                             .time_us = k->time_ns / 1000,
                             .took = k->took,
                             .took_nr = NET_TOOK_NR};
}

int metrics_answer(const struct net_acceptor *a, struct net_req *req)
{
    struct msg_engine_metrics_rep *r = req->rep;
    struct msg_metric *m = net_req_alloc(req, (0 FIGURES(COUNT_)) * sizeof(*m));
    struct msg_kind *kinds = net_req_alloc(req, MSG_OPCODE_MAX * sizeof(*kinds));
    struct msg_kind unknown = {.name = "UNKNOWN"}; /* none of them was begun */
    uint32_t n = 0, nr = 0;

    if (m == NULL || kinds == NULL)
        return -DER_NOMEM;
    FIGURES(FIGURE_)
    for (uint16_t op = 0; op < MSG_OPCODE_MAX; op++) {
        const struct kind_metrics *k = &a->kinds[op];

        if (msg_info(op) == NULL) {
            unknown.requests += k->requests;
            unknown.refused += k->refused;
        } else if (k->requests > 0) {
            kinds[nr++] = one(msg_info(op)->name, k);
        }
    }
    if (unknown.requests > 0) /* there are gaps between the numbers, so there is room */
        kinds[nr++] = unknown;
    r->figures = m;
    r->figures_nr = n;
    r->kinds = kinds;
    r->kinds_nr = nr;
    return 0;
}
