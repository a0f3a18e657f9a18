/*
 * Conditions of what a transaction writes: judged when the write is issued, as of the transaction's
 * epoch, and again at the commit.
 *
 * The write is kept first. Then each condition asks whether what it is about exists, which is a
 * read of the transaction like any other: the commit checks that nothing changed there. The first
 * that does not hold is the answer, and the write is not kept after all. It is the kept copy that
 * is judged: an asynchronous caller's arguments may be gone by then. A restart meanwhile throws the
 * copy away, which the transaction's life tells.
 */
#include <daos.h>
#include <string.h>
#include "base/fail.h"
#include "client/obj_io.h"
#include "client/tx_int.h"
#include "client/tx_own.h"

#define COND_DKEY (DAOS_COND_DKEY_INSERT | DAOS_COND_DKEY_UPDATE)
#define COND_AKEY (DAOS_COND_AKEY_INSERT | DAOS_COND_AKEY_UPDATE)

/* Ops that were kept together: `nr` from `first` on. */
struct judge {
    struct tx_write w;
    struct tx_op *first;
    uint32_t nr, life;
};

/* ---- One question ---- */

static bool key_in(struct op *op, struct msg_buf *to, const daos_key_t *key)
{
    void *bytes;

    if (key == NULL)
        return true;
    bytes = op_alloc(op, key->iov_len);
    if (bytes == NULL)
        return false;
    memcpy(bytes, key->iov_buf, key->iov_len);
    *to = (struct msg_buf){bytes, (uint32_t)key->iov_len};
    return true;
}

/* Fills the request from the kept copy, which is there as long as the life lasts. */
static int question(struct op *op, const struct judge *j, const daos_key_t *dkey,
                    const daos_key_t *akey)
{
    struct msg_obj_probe_req *q = &op->req.probe;
    struct tx *tx = j->w.tx;
    int rc = 0;

    *q = (struct msg_obj_probe_req){.oid = j->w.oid,
                                    .level = akey   ? MSG_AKEY
                                             : dkey ? MSG_DKEY
                                                    : MSG_OBJ};
    memcpy(q->hdl, j->w.co->hdl, sizeof(q->hdl));
    lock_short(&tx->lock);
    if (tx->restarts != j->life || tx->state != TX_OPEN)
        rc = -DER_NO_PERM;
    else if (!key_in(op, &q->dkey, dkey) || !key_in(op, &q->akey, akey))
        rc = -DER_NOMEM;
    else
        rc = tx_note_read(tx, j->w.oid, dkey);
    q->epoch = tx->epoch;
    rt_mutex_unlock(&tx->lock);
    return rc;
}

/* 0, or -DER_NONEXIST. */
static int ask(struct client *c, const struct judge *j, const daos_key_t *dkey,
               const daos_key_t *akey)
{
    struct op local, *op;
    int rc;

    if (own_reads(j->w.tx))
        return own_exists(&(struct own_read){c, j->w.tx, j->w.held, j->w.co, j->w.oid}, dkey, akey);
    rc = op_begin(c, NULL, &local, &op);
    if (rc != 0)
        return rc;
    handle_ref(&j->w.tx->h);
    op_set_tx(op, j->w.tx);
    rc = question(op, j, dkey, akey);
    return rc != 0 ? op_fail(op, rc) : op_run(op, j->w.co, MSG_OBJ_PROBE);
}

static int ask_absent(struct client *c, const struct judge *j, const daos_key_t *dkey,
                      const daos_key_t *akey)
{
    int rc = ask(c, j, dkey, akey);

    return rc == 0 ? -DER_EXIST : rc == -DER_NONEXIST ? 0 : rc;
}

/* ---- All of them ---- */

static int judge_update(struct client *c, const struct judge *j, const struct tx_op *op)
{
    int rc = 0;

    if (op->flags & DAOS_COND_DKEY_INSERT)
        rc = ask_absent(c, j, op->dkey, NULL);
    else if (op->flags & DAOS_COND_DKEY_UPDATE)
        rc = ask(c, j, op->dkey, NULL);
    for (uint32_t i = 0; i < op->nr && rc == 0; i++) {
        const daos_iod_t *iod = &op->iods[i];
        uint64_t cond = op->flags & DAOS_COND_PER_AKEY ? iod->iod_flags : op->flags;

        if (iod->iod_type == DAOS_IOD_NONE)
            continue;
        if (cond & DAOS_COND_AKEY_INSERT)
            rc = ask_absent(c, j, op->dkey, &iod->iod_name);
        else if (cond & DAOS_COND_AKEY_UPDATE)
            rc = ask(c, j, op->dkey, &iod->iod_name);
    }
    return rc;
}

static int judge_punch(struct client *c, const struct judge *j, const struct tx_op *op)
{
    int rc = 0;

    if (op->nr == 0)
        return ask(c, j, op->dkey, NULL);
    for (uint32_t i = 0; i < op->nr && rc == 0; i++)
        rc = ask(c, j, op->dkey, &op->akeys[i]);
    return rc;
}

/* The next one, if it is still there. */
static struct tx_op *next_op(const struct judge *j, struct tx_op *op)
{
    struct tx *tx = j->w.tx;

    lock_short(&tx->lock);
    if (tx->restarts != j->life || tx->state != TX_OPEN)
        op = NULL;
    else
        op = op == NULL ? j->first : LIST_ENTRY(op->link.next, struct tx_op, link);
    rt_mutex_unlock(&tx->lock);
    return op;
}

static void forget(const struct judge *j)
{
    struct tx_op *op = j->first;
    struct tx *tx = j->w.tx;

    lock_short(&tx->lock);
    for (uint32_t i = 0; i < j->nr && tx->restarts == j->life && tx->state == TX_OPEN; i++) {
        struct tx_op *next = LIST_ENTRY(op->link.next, struct tx_op, link);

        list_del(&op->link);
        tx->ops_nr--;
        op = next;
    }
    rt_mutex_unlock(&tx->lock);
}

#define COND_ANY (COND_DKEY | COND_AKEY | (uint64_t)DAOS_COND_PUNCH | (uint64_t)DAOS_COND_PER_AKEY)

/* All hold, and reads may see them. Where conditions looked at what the transaction wrote before,
 * the engine cannot judge them again: it would look at what was before all of it. What was read for
 * them is checked at the commit, and that is enough. */
static void accept(const struct judge *j)
{
    struct tx_op *op = j->first;
    struct tx *tx = j->w.tx;

    lock_short(&tx->lock);
    for (uint32_t i = 0; i < j->nr && tx->restarts == j->life && tx->state == TX_OPEN; i++) {
        op->flags &= ~COND_ANY;
        op->judged = false;
        op = LIST_ENTRY(op->link.next, struct tx_op, link);
    }
    rt_mutex_unlock(&tx->lock);
}

static void done_with(const struct tx_write *w)
{
    lock_short(&w->tx->lock);
    w->tx->readers--;
    rt_mutex_unlock(&w->tx->lock);
    tx_put(w->tx);
    handle_put(w->held);
}

static int judge_body(struct client *c, void *args)
{
    const struct judge *j = args;
    struct tx_op *op = NULL;
    int rc = 0;

    for (uint32_t i = 0; i < j->nr && rc == 0; i++) {
        op = next_op(j, op);
        rc = op == NULL ? -DER_NO_PERM : op->punch ? judge_punch(c, j, op) : judge_update(c, j, op);
    }
    if (rc != 0)
        forget(j);
    else if (own_reads(j->w.tx))
        accept(j);
    done_with(&j->w);
    return rc;
}

/* ---- Writes with conditions ---- */

/* They are kept: nr of them, or none because of rc. */
static int kept(struct judge *j, bool conditions, int rc, daos_event_t *ev)
{
    if (rc != 0 || !conditions) {
        if (rc == 0) {
            rc = client_now(ev, 0);
            if (rc != 0) /* refused for its event */
                forget(j);
        }
        done_with(&j->w);
        return rc;
    }
    rc = client_run(ev, judge_body, j, sizeof(*j));
    if (rc != 0 && ev != NULL) { /* it was not begun */
        forget(j);
        done_with(&j->w);
    }
    return rc;
}

static void begin(struct judge *j)
{
    lock_short(&j->w.tx->lock);
    j->life = j->w.tx->restarts;
    j->w.tx->readers++; /* until done_with(): what is judged is looked at without the lock */
    rt_mutex_unlock(&j->w.tx->lock);
}

int tx_update_if(const struct tx_write *w, uint64_t flags, daos_key_t *dkey, unsigned int nr,
                 daos_iod_t *iods, d_sg_list_t *sgls, daos_event_t *ev)
{
    struct judge j = {.w = *w, .nr = 1};
    bool conditions = flags & (COND_DKEY | COND_AKEY);
    int rc;

    for (unsigned int i = 0; i < nr && flags & DAOS_COND_PER_AKEY; i++)
        conditions |= iods[i].iod_flags & COND_AKEY;
    begin(&j);
    rc = tx_keep_update(w->tx, w->oid, flags, conditions, dkey, nr, iods, sgls, &j.first);
    return kept(&j, conditions, rc, ev);
}

int tx_punch_if(const struct tx_write *w, uint64_t flags, daos_key_t *dkey, unsigned int nr,
                daos_key_t *akeys, daos_event_t *ev)
{
    struct judge j = {.w = *w, .nr = 1};
    bool conditions = flags & DAOS_COND_PUNCH;
    int rc;

    begin(&j);
    rc = tx_keep_punch(w->tx, w->oid, flags, conditions, dkey, nr, akeys, &j.first);
    return kept(&j, conditions, rc, ev);
}

int tx_punch_dkeys_if(const struct tx_write *w, uint64_t flags, unsigned int nr, daos_key_t *dkeys,
                      daos_event_t *ev)
{
    struct judge j = {.w = *w, .nr = nr};
    bool conditions = flags & DAOS_COND_PUNCH;
    int rc;

    begin(&j);
    rc = tx_keep_punch_dkeys(w->tx, w->oid, flags, conditions, nr, dkeys, &j.first);
    return kept(&j, conditions, rc, ev);
}
