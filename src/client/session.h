/*
 * Sessions: the identities under which modifying requests are applied at most once.
 *
 * A request's id is (session start HLC, session random, sequence). An engine remembers the outcomes
 * of a session above its acknowledged mark, at most 256; so a session has at most SESSION_WINDOW
 * requests under way, and a client that has more opens further sessions. Engines forget sessions
 * idle for an hour by their clock; one idle for half of that by ours takes a new identity before
 * its next request. A session that is unknown to an engine and began before one that was forgotten
 * is refused there (-DER_STALE): so one takes a new identity when the client has heard an engine's
 * clock for the first time, or was refused; a request of which only one copy was sent goes again
 * under the new one (op.c).
 *
 * Any thread; nothing waits.
 */
#ifndef TARN_CLIENT_SESSION_H
#define TARN_CLIENT_SESSION_H

#include <stdbool.h>
#include <stdint.h>
#include "base/hlc.h"
#include "rt/rt.h"

#define SESSION_WINDOW  128u
#define SESSION_MAX     256u
#define SESSION_IDLE_NS (UINT64_C(30) * 60 * 1000000000)

struct session;

struct session_set {
    struct rt_mutex lock;
    struct session *all[SESSION_MAX];
    uint32_t nr;
};

struct txid {
    struct session *session; /* NULL: the request changes nothing */
    uint64_t hlc, rand, seq, acked;
};

void session_set_init(struct session_set *s);
void session_set_fini(struct session_set *s);
/* Takes the next id of a session with room. -DER_NOMEM, -DER_DOS (SESSION_MAX * SESSION_WINDOW
 * requests are under way). */
int session_begin(struct session_set *s, struct hlc *clock, struct txid *id);
/* Every session takes a new identity as soon as nothing of it is under way; until then it gives no
 * ids. */
void session_renew(struct session_set *s);
/* The same, for the session of an id that was refused; session_end() is still to come. */
void session_refused(struct session_set *s, const struct txid *id);
/* The request has been answered (whatever the answer): its id will not be sent again. */
void session_end(struct session_set *s, struct txid *id);

#endif
