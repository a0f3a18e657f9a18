/*
 * Exactly once: what became of commands.
 *
 * A command with an operation id (session, sequence) leaves its reply behind, in the same
 * transaction. The same id again gives that reply. What the client acknowledges (all sequences up
 * to a mark) is forgotten, and an id at or below the mark is refused. Failed commands changed
 * nothing, so they leave nothing: done again they are judged anew.
 *
 * A client that is gone acknowledges nothing any more. So a session that gave no command for an
 * hour is forgotten: each command that begins a session looks at a few others, from a cursor on,
 * which goes round and stays ahead of what comes in; and SVC_SESSION_GONE takes those that nobody
 * comes for, or for whose successor there is no room. `forgotten` is the newest start of those: a
 * command whose session is unknown and not younger may be a copy of one that was applied. It is
 * refused, also when it is sent for the first time: if it made the session known again, a copy of
 * an earlier one would pass for new.
 */
#include <string.h>
#include <daos_errno.h>
#include "base/assert.h"
#include "base/buf.h"
#include "svc/op.h"

#define REPLY_KEEP_MAX 65536u /* a longer reply is not remembered; no changing command has one */
#define HLC_SECOND     (UINT64_C(16) * 1000000000)
#define IDLE_HLC       (3600 * HLC_SECOND)
#define TOUCH_HLC      (600 * HLC_SECOND) /* the last use is known to that */
#define LOOK_MAX       4u                 /* sessions looked at */
#define DROP_MAX       6u                 /* outcomes deleted with them, by one command */
#define GONE_STEP      24u                /* ... by SVC_SESSION_GONE */
_Static_assert(LOOK_MAX + DROP_MAX + 2 <= OUTCOME_CHANGES, "redo");

struct sweep_rec { /* persistent: META "sessions" */
    uint64_t forgotten;
    uint8_t cursor[16];
};

static const char sweep_key[] = "sessions";

static void ops_key(const struct svc_cmd *c, uint64_t seq, uint8_t key[24])
{
    memcpy(key, &c->session_hlc, 8);
    memcpy(key + 8, &c->session_rand, 8);
    put_be64(key + 16, seq);
}

static int get_or_zero(struct op *o, enum svc_table t, const void *key, size_t key_len, void *rec,
                       size_t len)
{
    int rc = st_get_rec(o->s, t, key, key_len, rec, len);

    if (rc == -DER_NONEXIST)
        memset(rec, 0, len);
    return rc == -DER_NONEXIST ? 0 : rc;
}

/* ---- Was it applied before? ---- */

/* A command without an outcome: new, unless its session may have been forgotten. */
static int judge_session(struct op *o)
{
    struct sweep_rec sweep;
    uint64_t last;
    uint8_t key[24];
    int rc;

    ops_key(o->cmd, 0, key);
    rc = get_or_zero(o, T_SESSION, key, 16, &last, sizeof(last));
    if (rc != 0 || last + IDLE_HLC >= o->cmd->now)
        return rc;
    rc = get_or_zero(o, T_META, sweep_key, strlen(sweep_key), &sweep, sizeof(sweep));
    if (rc != 0)
        return rc;
    return last != 0 || o->cmd->session_hlc <= sweep.forgotten ? -DER_STALE : 0;
}

int outcome_recall(struct op *o, void *rep, bool *found)
{
    uint8_t key[24];
    uint64_t mark = 0;
    void *val;
    size_t len;
    int rc;

    *found = false;
    if (o->cmd->seq == 0)
        return 0;
    ops_key(o->cmd, 0, key);
    rc = get_or_zero(o, T_OPS, key, sizeof(key), &mark, sizeof(mark));
    if (rc != 0)
        return rc;
    if (o->cmd->seq <= mark)
        return -DER_TX_ID_REUSED;
    ops_key(o->cmd, o->cmd->seq, key);
    rc = MUTANT(SVC_NOT_RECALLED) ? -DER_NONEXIST
                                  : st_get(o->s, T_OPS, key, sizeof(key), o->mem, &val, &len);
    if (rc == -DER_NONEXIST)
        return judge_session(o);
    if (rc != 0)
        return rc;
    *found = true;
    return msg_decode_rep(o->cmd->opcode, val, len, o->mem, rep) == 0 ? 0 : -DER_DF_INVAL;
}

int svc_recall(struct svc *s, const struct svc_cmd *cmd, struct arena *mem, void *rep,
               bool *replayed)
{
    struct op o = {s, cmd, mem};

    return outcome_recall(&o, rep, replayed);
}

/* ---- Sessions that are gone ---- */

/* Deletes outcomes of the session; *left counts down. */
static int drop_outcomes(struct op *o, const uint8_t session[16], uint32_t *left)
{
    struct scan sc;
    int rc = 0;

    st_scan(&sc, T_OPS, session, 16);
    while (*left > 0 && (rc = st_scan_next(o->s, &sc)) == 0) {
        rc = st_del(o->s, T_OPS, sc.key, sc.key_len);
        if (rc != 0)
            return rc;
        --*left;
    }
    return rc == -DER_NONEXIST ? 0 : rc;
}

/* One that began ahead of our clock waits for it: whoever hears that clock begins a session that is
 * younger than all that were forgotten. */
int outcome_is_idle(struct svc *s, const uint8_t session[16], uint64_t now, bool *idle)
{
    uint64_t last = 0, start;
    int rc = st_get_rec(s, T_SESSION, session, 16, &last, sizeof(last));

    memcpy(&start, session, sizeof(start));
    last = MAX(last, start);
    *idle = rc == 0 && last < now && now - last > IDLE_HLC;
    return rc;
}

/* Forgets the session if it is idle; it stays when it has more outcomes than *left. */
static int forget_idle(struct op *o, const uint8_t session[16], struct sweep_rec *sweep,
                       uint32_t *left)
{
    uint64_t start;
    bool idle;
    int rc = outcome_is_idle(o->s, session, o->cmd->now, &idle);

    if (rc != 0 || !idle)
        return rc;
    memcpy(&start, session, sizeof(start));
    sweep->forgotten = MAX(sweep->forgotten, start);
    rc = drop_outcomes(o, session, left);
    return rc != 0 || *left == 0 ? rc : st_del(o->s, T_SESSION, session, 16);
}

int session_gone(struct op *o, const void *req, void *rep)
{
    const struct svc_session_gone *q = req;
    uint32_t left = GONE_STEP;
    struct sweep_rec sw;
    int rc = get_or_zero(o, T_META, sweep_key, strlen(sweep_key), &sw, sizeof(sw));

    if (rc == 0)
        rc = forget_idle(o, q->session, &sw, &left);
    if (rc == 0)
        rc = st_put(o->s, T_META, sweep_key, strlen(sweep_key), &sw, sizeof(sw));
    return rc;
}

static int sweep(struct op *o)
{
    uint32_t left = DROP_MAX;
    struct sweep_rec sw;
    struct scan sc;
    int rc = get_or_zero(o, T_META, sweep_key, strlen(sweep_key), &sw, sizeof(sw));

    st_scan(&sc, T_SESSION, sw.cursor, 16);
    sc.prefix_len = 0;
    sc.started = true;
    for (uint32_t i = 0; rc == 0 && i < LOOK_MAX && left > 0; i++) {
        rc = st_scan_next(o->s, &sc);
        if (rc == -DER_NONEXIST) { /* round */
            memset(sw.cursor, 0, sizeof(sw.cursor));
            rc = 0;
            break;
        }
        if (rc == 0)
            rc = forget_idle(o, sc.key, &sw, &left);
        if (left > 0)
            memcpy(sw.cursor, sc.key, sizeof(sw.cursor));
    }
    return rc != 0 ? rc : st_put(o->s, T_META, sweep_key, strlen(sweep_key), &sw, sizeof(sw));
}

/* Notes that the session is in use. */
static int touch(struct op *o)
{
    uint64_t last;
    uint8_t key[24];
    int rc;

    ops_key(o->cmd, 0, key);
    rc = get_or_zero(o, T_SESSION, key, 16, &last, sizeof(last));
    if (rc != 0 || (last != 0 && last + TOUCH_HLC >= o->cmd->now))
        return rc;
    rc = st_put(o->s, T_SESSION, key, 16, &o->cmd->now, sizeof(o->cmd->now));
    return rc != 0 || last != 0 ? rc : sweep(o);
}

/* ---- Remembering ---- */

/* Forgets what the client acknowledged; moves the mark. */
static int forget(struct op *o)
{
    uint64_t mark = o->cmd->acked;
    uint8_t key[24];
    struct scan sc;
    int rc;

    if (mark == 0)
        return 0;
    ops_key(o->cmd, 0, key);
    st_scan(&sc, T_OPS, key, 16);
    while ((rc = st_scan_next(o->s, &sc)) == 0 && sc.key_len == 24) {
        uint64_t seq = get_be64(sc.key + 16);

        if (seq > mark + (MUTANT(SVC_FORGETS_TOO_MUCH) ? 1 : 0))
            break;
        if (seq != 0)
            rc = st_del(o->s, T_OPS, sc.key, sc.key_len);
        if (rc != 0)
            return rc;
    }
    if (rc != 0 && rc != -DER_NONEXIST)
        return rc;
    ops_key(o->cmd, 0, key);
    return st_put(o->s, T_OPS, key, sizeof(key), &mark, sizeof(mark));
}

int outcome_remember(struct op *o, const void *rep)
{
    uint8_t key[24];
    size_t need = 0;
    void *buf;
    int rc;

    if (o->cmd->seq == 0)
        return 0;
    rc = forget(o);
    if (rc == 0)
        rc = touch(o);
    if (rc != 0)
        return rc;
    buf = arena_alloc(&o->s->scratch, REPLY_KEEP_MAX);
    if (buf == NULL)
        return -DER_NOMEM;
    rc = msg_encode_rep(o->cmd->opcode, rep, buf, REPLY_KEEP_MAX, &need);
    if (rc != 0)
        return rc == -DER_TRUNC ? -DER_OVERFLOW : rc;
    ops_key(o->cmd, o->cmd->seq, key);
    return st_put(o->s, T_OPS, key, sizeof(key), buf, need);
}
