/* refusal: why an engine turns a connection away, as its client is told (net/wire.h). */
#ifndef TARN_NET_REFUSAL_H
#define TARN_NET_REFUSAL_H

#include <daos_errno.h>
#include <stdbool.h>
#include <stdint.h>

/* X(number on the wire, id, code of calls that end for it, whether waiting is of no use, why, what
 * to do) */
#define NET_REFUSALS(X)                                                                            \
    X(1, CROWD, -DER_BUSY, false, "it has as many connections as it takes of all clients",         \
      "end some programs that use it, or raise clients.max of the engine")                         \
    X(2, USER_CROWD, -DER_BUSY, false, "it has as many connections of this user as it takes",      \
      "end some of your programs that use it, or raise clients.user_max of the engine")            \
    X(3, MEMORY, -DER_BUSY, false, "it has no memory or descriptor left for another connection",   \
      "end some programs that use it, or raise its limits (ulimit -n)")                            \
    X(4, ENDS, -DER_SHUTDOWN, false, "it is shutting down", "try again when it has been started")  \
    X(5, VERSION, -DER_PROTO, true, "it speaks another version of the protocol than this program", \
      "use programs of one version on both sides")                                                 \
    X(6, ACCESS, -DER_NO_PERM, false,                                                              \
      "its socket is not for this user, or is not the socket of the pool's owner",                 \
      "ask the pool's owner for access to its socket, or to run its engine himself")               \
    X(7, NO_KEY, -DER_NO_PERM, true, "it wants to see a key, and this program has none",           \
      "ask who runs it for a key, and name its file: TARN_KEY=FILE")                               \
    X(8, KEY, -DER_NO_PERM, true, "it has no key of that name, or another one",                    \
      "compare name and secret of the key with those in the engine's file of keys")                \
    X(9, UNPROVEN, -DER_NO_PERM, true, "it does not show that it has this program's key",          \
      "start it with --keys=FILE and the same key in it, or use no key: TARN_KEY= (empty)")        \
    X(10, FOREIGN, -DER_PROTO, false, "what it sends is not of Tarn",                              \
      "see that an engine listens there: the port may be that of another program")

#define REFUSAL_ENUM_(nr, id, ...) NET_REFUSED_##id = (nr),
enum net_refusal { NET_NOT_REFUSED, NET_REFUSALS(REFUSAL_ENUM_) };

int net_refusal_rc(enum net_refusal r); /* 0: none, or one that is not known here */
bool net_refusal_lasts(enum net_refusal r);
const char *net_refusal_why(enum net_refusal r);
const char *net_refusal_next(enum net_refusal r);
/* What a number that came stands for; another one than is known: what rc says. */
enum net_refusal net_refusal_of(uint64_t number, int rc);

#endif
