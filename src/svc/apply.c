/* One command: begin, was it applied before, do it, remember the outcome, store the index, commit.
 */
#include <string.h>
#include <daos_cont.h>
#include <daos_pool.h>
#include <daos_errno.h>
#include "base/assert.h"
#include "svc/op.h"

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

/* ---- The transaction ---- */

/* Bytes of redo that the command may need. */
static size_t redo_bound(const struct svc *s, const struct svc_cmd *c)
{
    size_t body = 0, puts = 12;

    switch (c->opcode) {
    case SVC_EVICT_ALL:
    case SVC_CONT_GONE:
    case SVC_SESSION_GONE:
    case SVC_HOLDER_GONE:
        puts = 56;
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
    if (c->seq != 0)
        puts += OUTCOME_CHANGES;
    return MIN(body + puts * kv_redo_max(64, 1024), MIN(heap_tx_max(s->h), HEAP_TX_MAX / 2));
}

/* Commands that must work in a full pool: those that give room back, and the handles one needs to
 * give such a command. */
static void use_reserve(struct svc *s, uint16_t opcode)
{
    switch (opcode) {
    case MSG_ATTR_DEL:
        heap_tx_use_reserve(s->h, HEAP_RESERVE_DELETE);
        break;
    case MSG_POOL_CONNECT:
    case MSG_CONT_OPEN:
    case SVC_HOLD:
        heap_tx_use_reserve(s->h, HEAP_RESERVE_COME);
        break;
    case MSG_POOL_DISCONNECT:
    case MSG_POOL_EVICT:
    case MSG_CONT_CLOSE:
    case MSG_CONT_DESTROY:
    case MSG_SNAP_DESTROY:
    case SVC_EVICT_ALL:
    case SVC_CONT_GONE:
    case SVC_SESSION_GONE:
    case SVC_HOLDER_GONE:
        heap_tx_use_reserve(s->h, HEAP_RESERVE_LAST);
        break;
    default:
        break;
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
    int rc = outcome_recall(o, rep, replayed);

    if (rc != 0 || *replayed)
        return rc;
    rc = dispatch(o, rep);
    if (rc == 0)
        rc = outcome_remember(o, rep);
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
    use_reserve(s, cmd->opcode);
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
