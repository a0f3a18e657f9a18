/* What the log is told of connections that were closed for what they did: once for each host and
 * reason, so that nobody fills the log; nor do many hosts: the table is full once an hour at most.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/log.h"
#include "net/tcp_int.h"

#define FORGET_NS (UINT64_C(3600) * 1000000000)

static bool is_news(struct tcp_hub *h, const struct net_addr *peer, enum tcp_why why)
{
    uint64_t now = rt_now_ns();
    struct tcp_told t = {.why = why};

    net_addr_host(peer, t.host);
    if (h->told_nr > 0 && now - h->told_ns > FORGET_NS)
        h->told_nr = 0;
    for (uint32_t i = 0; i < h->told_nr; i++)
        if (h->told[i].why == why && memcmp(h->told[i].host, t.host, sizeof(t.host)) == 0)
            return false;
    if (h->told_nr == TOLD_MAX)
        return false;
    if (h->told_nr == 0)
        h->told_ns = now;
    h->told[h->told_nr++] = t;
    return true;
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
