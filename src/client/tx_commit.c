/*
 * Transactions: the commit.
 *
 * It is one compound request: a check for every key that was read that nothing changed after the
 * transaction's epoch, then the writes in the order they were issued. The engine evaluates it at
 * one epoch in one heap transaction, so it is serializable there. Limits: COMPOUND_OPS_MAX checks
 * and writes together; checks of one object are merged when that helps.
 */
#include <daos.h>
#include "client/tx_int.h"

/* Is there a check of all of this object before s (coarse), or must s stand for itself? */
static bool covered(const struct tx *tx, const struct tx_seen *s)
{
    const struct list *l;

    for (l = tx->seen.next; l != &s->link; l = l->next)
        if (tx_same_oid(LIST_ENTRY(l, struct tx_seen, link)->oid, s->oid))
            return true;
    return false;
}

/* Checks of what was read: a dkey each, or, when they are too many, an object each. */
static int add_checks(struct tx *tx, struct compound *cp)
{
    bool coarse = tx->seen_nr + tx->ops_nr > COMPOUND_OPS_MAX;
    struct list *l;
    int rc = 0;

    for (l = tx->seen.next; rc == 0 && l != &tx->seen; l = l->next) {
        struct tx_seen *s = LIST_ENTRY(l, struct tx_seen, link);

        if (!coarse)
            rc = compound_check_unchanged(cp, s->oid, s->dkey, tx->epoch);
        else if (!covered(tx, s))
            rc = compound_check_unchanged(cp, s->oid, NULL, tx->epoch);
    }
    return rc;
}

static int add_writes(struct tx *tx, struct compound *cp)
{
    struct list *l;
    int rc = 0;

    for (l = tx->ops.next; rc == 0 && l != &tx->ops; l = l->next) {
        struct tx_op *op = LIST_ENTRY(l, struct tx_op, link);

        if (op->punch)
            rc = compound_punch_keys_oid(cp, op->oid, op->flags, op->dkey, op->nr, op->akeys);
        else
            rc = compound_update_oid(cp, op->oid, op->flags, op->dkey, op->nr, op->iods, op->sgls);
    }
    return rc;
}

/* In state COMMITTING nobody else touches the lists. */
static int commit_build(struct tx *tx, struct compound **out)
{
    struct compound *cp;
    int rc = compound_begin((daos_handle_t){tx->cont->h.cookie}, &cp);

    if (rc)
        return rc;
    if (tx->epoch != 0) /* else no read was answered */
        rc = add_checks(tx, cp);
    if (rc == 0)
        rc = add_writes(tx, cp);
    if (rc)
        compound_free(cp);
    else
        *out = cp;
    return rc;
}

static int commit_send(struct tx *tx)
{
    struct compound *cp = NULL;
    int rc;

    /* Reads alone are consistent at the transaction's epoch, whatever happened since. */
    if (tx->ops_nr == 0)
        return 0;
    rc = commit_build(tx, &cp);
    if (rc == 0)
        rc = compound_run(cp, NULL, NULL);
    compound_free(cp);
    return rc;
}

static int commit_begin(struct tx *tx)
{
    if (tx->snap)
        return -DER_NO_PERM;
    switch (tx->state) {
    case TX_OPEN:
        tx->state = TX_COMMITTING;
        return 0;
    case TX_COMMITTING:
        return -DER_INPROGRESS;
    case TX_COMMITTED:
        return -DER_ALREADY;
    default:
        return -DER_NO_PERM;
    }
}

static void commit_ended(void *arg, int rc)
{
    struct tx *tx = arg;

    lock_short(&tx->lock);
    tx->state = rc == 0 ? TX_COMMITTED : rc == -DER_TX_RESTART ? TX_FAILED : TX_ABORTED;
    if (rc != -DER_TX_RESTART)
        tx_drop(tx);
    rt_mutex_unlock(&tx->lock);
}

static int commit_body(struct client *c, void *args)
{
    struct tx *tx = tx_get(c, *(daos_handle_t *)args);
    int rc;

    if (tx == NULL)
        return -DER_NO_HDL;
    lock_short(&tx->lock);
    rc = commit_begin(tx);
    rt_mutex_unlock(&tx->lock);
    if (rc) {
        tx_put(tx);
        return rc;
    }
    rc = commit_send(tx);
    commit_ended(tx, rc);
    tx_put(tx);
    return rc;
}

/* What most commits are is one request, sent at once and not from a fiber of the client's. False:
 * it is not, or could not be; nothing has happened. */
static bool commit_at_once(struct tx *tx, daos_event_t *ev)
{
    struct compound_end end = {commit_ended, tx, &tx->h};
    struct compound *cp = NULL;
    bool sends;
    int rc;

    lock_short(&tx->lock);
    sends = tx->state == TX_OPEN && !tx->snap && tx->ops_nr > 0;
    if (sends)
        tx->state = TX_COMMITTING;
    rt_mutex_unlock(&tx->lock);
    if (!sends)
        return false;
    rc = commit_build(tx, &cp);
    if (rc == 0) {
        tx_ref(tx);
        rc = compound_launch(cp, &end, ev);
        compound_free(cp);
    }
    if (rc == 0)
        return true;
    lock_short(&tx->lock);
    if (tx->state == TX_COMMITTING)
        tx->state = TX_OPEN;
    rt_mutex_unlock(&tx->lock);
    return false;
}

int daos_tx_commit(daos_handle_t th, daos_event_t *ev)
{
    struct tx *tx;
    bool sent;

    if (th.cookie == 0)
        return -DER_INVAL;
    tx = ev != NULL ? tx_get(client_current(), th) : NULL;
    sent = tx != NULL && commit_at_once(tx, ev);
    tx_put(tx);
    return sent ? 0 : client_run(ev, commit_body, &th, sizeof(th));
}
