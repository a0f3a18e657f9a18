/*
 * A session's window: bit i of `open` is sequence acked + 1 + i. The mark moves over the answered
 * ids at its bottom.
 */
#include "client/session.h"

#include <daos_errno.h>
#include <string.h>
#include "base/assert.h"
#include "base/fail.h"
#include "base/mutant.h"
#include "client/handle.h"

#define WORDS (SESSION_WINDOW / 64)

struct session {
    uint64_t hlc, rand;
    uint64_t acked; /* every id up to here was answered */
    uint64_t next;  /* id to give out */
    uint64_t used_ns;
    bool stale; /* to be renamed */
    uint64_t open[WORDS];
};

void session_set_init(struct session_set *s)
{
    memset(s, 0, sizeof(*s));
    rt_mutex_init(&s->lock);
}

void session_set_fini(struct session_set *s)
{
    uint32_t i;

    for (i = 0; i < s->nr; i++)
        base_free(s->all[i]);
    s->nr = 0;
}

static void rename_session(struct session *n, struct hlc *clock)
{
    memset(n, 0, sizeof(*n));
    n->hlc = hlc_get(clock, rt_wall_ns());
    n->rand = rt_random();
    n->next = 1;
}

static bool is_empty(const struct session *n)
{
    return n->next == n->acked + 1;
}

/* The first session with room; a new one when all are full. Under the lock. */
static int pick(struct session_set *s, struct hlc *clock, struct session **out)
{
    struct session *n;
    uint32_t i;

    for (i = 0; i < s->nr; i++) {
        n = s->all[i];
        if (n->stale ? is_empty(n) : n->next - n->acked <= SESSION_WINDOW) {
            *out = n;
            return 0;
        }
    }
    if (s->nr == SESSION_MAX)
        return -DER_DOS;
    n = base_alloc(sizeof(*n));
    if (n == NULL)
        return -DER_NOMEM;
    rename_session(n, clock);
    n->used_ns = rt_now_ns();
    s->all[s->nr++] = n;
    *out = n;
    return 0;
}

int session_begin(struct session_set *s, struct hlc *clock, struct txid *id)
{
    struct session *n;
    uint64_t now, at;
    int rc;

    lock_short(&s->lock);
    rc = pick(s, clock, &n);
    if (rc == 0) {
        now = rt_now_ns();
        if (is_empty(n) && (n->stale || now - n->used_ns > SESSION_IDLE_NS))
            rename_session(n, clock);
        n->used_ns = now;
        *id = (struct txid){
            .session = n, .hlc = n->hlc, .rand = n->rand, .seq = n->next++, .acked = n->acked};
        if (MUTANT(CLIENT_ACK_OVER))
            id->acked = id->seq - 1;
        at = id->seq - n->acked - 1;
        n->open[at / 64] |= UINT64_C(1) << at % 64;
    }
    rt_mutex_unlock(&s->lock);
    return rc;
}

void session_renew(struct session_set *s)
{
    lock_short(&s->lock);
    for (uint32_t i = 0; i < s->nr; i++)
        s->all[i]->stale = true;
    rt_mutex_unlock(&s->lock);
}

void session_refused(struct session_set *s, const struct txid *id)
{
    lock_short(&s->lock);
    if (id->session != NULL)
        id->session->stale = true;
    rt_mutex_unlock(&s->lock);
}

static void shift_down(struct session *n, uint32_t by)
{
    uint32_t i;

    for (i = 0; i < WORDS; i++) {
        uint64_t high = i + 1 < WORDS ? n->open[i + 1] : 0;

        n->open[i] = by == 64 ? high : n->open[i] >> by | high << (64 - by);
    }
}

void session_end(struct session_set *s, struct txid *id)
{
    struct session *n = id->session;
    uint64_t at;

    if (n == NULL)
        return;
    id->session = NULL;
    lock_short(&s->lock);
    ASSERT(id->seq > n->acked && id->seq < n->next);
    at = id->seq - n->acked - 1;
    ASSERT(n->open[at / 64] & UINT64_C(1) << at % 64);
    n->open[at / 64] &= ~(UINT64_C(1) << at % 64);
    while (n->next > n->acked + 1 && !(n->open[0] & 1)) {
        uint64_t given = n->next - n->acked - 1;
        uint32_t by = n->open[0] ? (uint32_t)__builtin_ctzll(n->open[0]) : 64;

        by = (uint32_t)MIN((uint64_t)by, given);
        shift_down(n, by);
        n->acked += by;
    }
    rt_mutex_unlock(&s->lock);
}
