/* What the log is told of connections that were closed for what they did: once for each host and
 * reason (base/told.h). */
#include <errno.h>
#include <stdio.h>

#include "base/log.h"
#include "net/tcp_int.h"

static bool is_news(struct tcp_hub *h, const struct net_addr *peer, enum tcp_why why)
{
    uint8_t host[16];

    net_addr_host(peer, host);
    return told_is_news(&h->told, host, why, rt_now_ns());
}

static const char *text(enum tcp_why why, bool dials)
{
    switch (why) {
    case TCP_NOISE:
        return dials ? "what it sends is no frame of Tarn; see that an engine listens there"
                     : "what it sends is no frame of Tarn; see what connects from there, and keep "
                       "it away from the engine's port";
    case TCP_LENGTH:
        return "a frame claims a length that none may have; see what runs there";
    case TCP_RUDE:
        return "it does not begin with HELLO; see what connects from there";
    case TCP_SILENT:
        return "it did not say HELLO in time; see what connects from there, or whether the way is "
               "that slow";
    case TCP_CROWD:
        return "as many connections as may be are open; close some, or allow more";
    case TCP_PARTIAL:
        return "frames that are still on their way hold all memory they may; it is tried again, "
               "or allow more";
    case TCP_NO_DESCRIPTORS:
        return "this process may open no more files; raise its limit (ulimit -n)";
    default:
        return "";
    }
}

void tcp_tell(struct tcp_hub *h, const struct net_addr *peer, enum tcp_why why, uint16_t proto)
{
    const char *what = h->dials ? "the connection to" : "a connection from";
    char at[NET_ADDR_TEXT], line[160];

    if (!is_news(h, peer, why))
        return;
    net_addr_text(peer, at);
    if (why == TCP_FOREIGN) {
        snprintf(line, sizeof(line),
                 "it speaks protocol %u and this program %u; use programs of one version on both "
                 "sides",
                 proto, NET_PROTO);
        LOG_WARN("%s %s was closed: %s (told once)", what, at, line);
    } else if (why == TCP_NO_DESCRIPTORS) {
        LOG_WARN("connections to %s wait: %s (told once)", at, text(why, h->dials));
    } else {
        LOG_WARN("%s %s was closed: %s (told once)", what, at, text(why, h->dials));
    }
}
