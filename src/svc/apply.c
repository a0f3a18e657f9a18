/*
 * One command: begin, was it applied before, do it, remember the outcome, store the index, commit.
 *
 * Exactly once: a command with an operation id (session, sequence) leaves its reply behind, in the
 * same transaction. The same id again gives that reply. What the client acknowledges (all sequences
 * up to a mark) is forgotten, and an id at or below the mark is refused. Failed commands changed
 * nothing, so they leave nothing: done again they are judged anew.
 */
#include <string.h>
#include <daos_cont.h>
#include <daos_pool.h>
#include <daos_errno.h>
#include "base/assert.h"
#include "base/buf.h"
#include "svc/op.h"

#define REPLY_KEEP_MAX 65536u /* a longer reply is not remembered; no changing command has one */

#define COMMAND_CASE_(code, fn)                                                                    \
    case code:                                                                                     \
        return fn(o, o->cmd->req, rep);
static int dispatch(struct op *o, void *rep)
{
    switch (o->cmd->opcode) {
        SVC_COMMANDS(COMMAND_CASE_)
    default:
        return -DER_PROTO;
    }
}

/* ---- Outcomes ---- */

static void ops_key(const struct svc_cmd *c, uint64_t seq, uint8_t key[24])
{
    memcpy(key, &c->session_hlc, 8);
    memcpy(key + 8, &c->session_rand, 8);
    put_be64(key + 16, seq);
}

/* Was it applied before? Then rep is filled. */
static int recall(struct op *o, void *rep, bool *found)
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
    rc = st_get_rec(o->s, T_OPS, key, sizeof(key), &mark, sizeof(mark));
    if (rc != 0 && rc != -DER_NONEXIST)
        return rc;
    if (o->cmd->seq <= mark)
        return -DER_TX_ID_REUSED;
    ops_key(o->cmd, o->cmd->seq, key);
    rc = MUTANT(SVC_NOT_RECALLED) ? -DER_NONEXIST
                                  : st_get(o->s, T_OPS, key, sizeof(key), o->mem, &val, &len);
    if (rc != 0)
        return rc == -DER_NONEXIST ? 0 : rc;
    *found = true;
    return msg_decode_rep(o->cmd->opcode, val, len, o->mem, rep) == 0 ? 0 : -DER_DF_INVAL;
}

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

static int remember(struct op *o, const void *rep)
{
    uint8_t key[24];
    size_t need = 0;
    void *buf;
    int rc;

    if (o->cmd->seq == 0)
        return 0;
    rc = forget(o);
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

/* ---- The transaction ---- */

/* Bytes of redo that the command may need. */
static size_t redo_bound(const struct svc *s, const struct svc_cmd *c)
{
    size_t body = 0, puts = 12;

    switch (c->opcode) {
    case SVC_EVICT_ALL:
    case SVC_CONT_GONE:
        puts = 48;
        break;
    case MSG_CONT_DESTROY:
    case MSG_POOL_EVICT:
    case MSG_CONT_OPEN:
        puts += 2 * s->handles.count; /* that may be evicted */
        break;
    case MSG_ATTR_SET: {
        const struct msg_attr_set_req *q = c->req;

        for (uint32_t i = 0; i < q->values_nr; i++)
            body += kv_redo_max(KV_KEY_MAX, q->values[i].len);
        break;
    }
    case MSG_ATTR_DEL:
        puts += ((const struct msg_attr_del_req *)c->req)->names_nr;
        break;
    default:
        body = 2 * ACL_MAX_BYTES; /* properties with the longest list, before and after */
        break;
    }
    return MIN(body + puts * kv_redo_max(64, 1024), MIN(heap_tx_max(s->h), HEAP_TX_MAX / 2));
}

/* Commands that must work in a full pool: those that give room back, and the handles one needs to
 * give such a command. */
static bool works_when_full(uint16_t opcode)
{
    switch (opcode) {
    case MSG_POOL_CONNECT:
    case MSG_POOL_DISCONNECT:
    case MSG_POOL_EVICT:
    case MSG_CONT_OPEN:
    case MSG_CONT_CLOSE:
    case MSG_CONT_DESTROY:
    case MSG_ATTR_DEL:
    case MSG_SNAP_DESTROY:
    case SVC_EVICT_ALL:
    case SVC_CONT_GONE:
        return true;
    default:
        return false;
    }
}

static int store_index(struct svc *s, uint64_t index)
{
    uint64_t *at = heap_tx_write(s->h, s->root + offsetof(struct svc_root, applied), sizeof(*at));

    if (at == NULL)
        return heap_rc(s->h);
    if (!MUTANT(SVC_INDEX_LOST))
        *at = index;
    return 0;
}

static int apply_in_tx(struct op *o, uint64_t index, void *rep, bool *replayed)
{
    int rc = recall(o, rep, replayed);

    if (rc != 0 || *replayed)
        return rc;
    rc = dispatch(o, rep);
    if (rc == 0)
        rc = remember(o, rep);
    if (rc == 0)
        rc = store_index(o->s, index);
    return rc;
}

/* No transaction, no index, nothing remembered: only handles, in memory. A handle's flags say
 * whether it could change anything else. */
static int apply_readonly(struct op *o, void *rep, uint64_t *lsn, bool *replayed)
{
    int rc = -DER_NO_PERM;

    *lsn = 0;
    *replayed = false;
    switch (o->cmd->opcode) {
    case MSG_POOL_CONNECT:
        if (((const struct msg_pool_connect_req *)o->cmd->req)->flags != DAOS_PC_RO)
            return rc;
        break;
    case MSG_CONT_OPEN:
        if ((((const struct msg_cont_open_req *)o->cmd->req)->flags & DAOS_COO_IO_BASE_MASK) !=
            DAOS_COO_RO)
            return rc;
        break;
    case MSG_POOL_DISCONNECT:
    case MSG_CONT_CLOSE:
        break;
    default:
        return rc;
    }
    rc = dispatch(o, rep);
    if (rc == 0)
        mirror_commit(o->s);
    else
        mirror_abort(o->s);
    return rc;
}

int svc_apply(struct svc *s, uint64_t index, const struct svc_cmd *cmd, struct arena *mem,
              void *rep, uint64_t *lsn, bool *replayed)
{
    struct op o = {s, cmd, mem};
    const struct msg_info *info = msg_info(cmd->opcode);
    bool again = false;
    int rc;

    ASSERT(index == s->applied + 1);
    arena_reset(&s->scratch);
    if (s->overlay != NULL)
        return apply_readonly(&o, rep, lsn, replayed);
    rc = heap_tx_begin(s->h, redo_bound(s, cmd));
    if (rc != 0)
        return rc;
    if (works_when_full(cmd->opcode))
        heap_tx_use_reserve(s->h);
    rc = apply_in_tx(&o, index, rep, &again);
    if (rc == 0 && !again) {
        heap_tx_commit(s->h, lsn);
        s->applied = index;
        mirror_commit(s);
        *replayed = false;
        return 0;
    }
    heap_tx_abort(s->h);
    mirror_abort(s);
    *lsn = heap_lsn(s->h);
    *replayed = again;
    if (rc != 0 && info != NULL)
        memset(rep, 0, info->rep_size);
    return rc;
}
