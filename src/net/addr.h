/*
 * addr: addresses of TCP as people write them, and as sockets take them.
 *
 * A list has its addresses separated by commas: "10.0.0.1:10001,[fd00::1]:10001,node7:10001".
 * A name may have several addresses; each counts. To listen, "*:port" and ":port" mean every
 * interface, IPv6 and IPv4, and port 0 means any that is free.
 */
#ifndef TARN_NET_ADDR_H
#define TARN_NET_ADDR_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "base/err.h"

#define NET_ADDRS_MAX 64u
#define NET_ADDR_TEXT 96u

struct net_addr {
    union {
        struct sockaddr sa;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } u;
    socklen_t len;
    uint16_t item; /* which of the list it came from */
    bool both;     /* "*": IPv6 that takes IPv4 too */
};

struct net_addrs {
    struct net_addr a[NET_ADDRS_MAX];
    uint32_t nr;
};

enum net_addr_use { NET_ADDR_LISTEN, NET_ADDR_CONNECT };

/* Names are resolved, which takes as long as the name servers do: on a fiber another thread waits
 * for them. Not on a scheduler. -DER_INVAL: not written as an address; -DER_NONEXIST: no such host;
 * -DER_AGAIN: no name server answers; -DER_OVERFLOW: more than NET_ADDRS_MAX; -DER_NOMEM. */
int net_addr_resolve(const char *list, enum net_addr_use use, struct net_addrs *out, struct err *e);
/* Without names, ports and waiting: the address itself, for binding. False: it is none. */
bool net_addr_numeric(const char *text, struct net_addr *out);

/* "10.0.0.1:10001", "[fd00::1]:10001"; IPv4 inside IPv6 as IPv4. */
const char *net_addr_text(const struct net_addr *a, char text[NET_ADDR_TEXT]);
/* The host alone, as 16 bytes. */
void net_addr_host(const struct net_addr *a, uint8_t host[16]);
bool net_addr_equal(const struct net_addr *a, const struct net_addr *b);

#endif
