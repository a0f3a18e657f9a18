/*
 * Of the workload "objects": transactions.
 *
 * What a transaction reads happened at one instant before its commit; the commit is another one, at
 * which the same reads must answer the same (spec_objects.h). Reads at an epoch that nobody has
 * reached yet are of one instant too: the first of them lifts the clock, and every later write is
 * above it.
 */
#include <string.h>
#include "work_objects.h"

#define TX_TRIES  3
#define TX_SHORT  6u /* operations, of most */
#define WAITS_MAX 20u

enum tx_end { TX_COMMIT, TX_ABORT, TX_DROP };

static bool alone(const struct work_client *c)
{
    return c->work->clients == 1 && c->work->faults == 0;
}

/* ---- Drawing ---- */

static void draw_mood(struct work_client *c, uint32_t nr)
{
    struct ob_mood *m = &((struct ob_client *)c->priv)->mood;

    m->narrow = !ob_coin(c, 4);
    m->calm = nr > TX_SHORT || ob_coin(c, 2);
    m->obj = ob_below(c, OB_OBJS);
    m->dkey[0] = ob_below(c, OB_DKEYS);
    m->dkey[1] = ob_below(c, OB_DKEYS);
}

static void draw_tx(struct work_client *c, struct ob_op *op, bool reads_only)
{
    struct ob_client *oc = c->priv;
    uint32_t writes_in = ob_coin(c, 3) ? 8 : 1 + ob_below(c, 7); /* of eight */

    op->kind = OB_TX;
    op->nr = (uint8_t)(1 + ob_below(c, ob_coin(c, 3) ? OB_SUBS : TX_SHORT));
    draw_mood(c, op->nr);
    for (uint32_t i = 0; i < op->nr; i++) {
        if (reads_only || ob_below(c, 8) >= writes_in)
            ob_draw_read(c, &op->sub[i]);
        else
            ob_draw_change(c, &op->sub[i]);
    }
    oc->mood = (struct ob_mood){.narrow = false};
}

static bool any_change(const struct ob_op *op)
{
    for (uint32_t i = 0; i < op->nr; i++)
        if (op->sub[i].what < OB_CHANGES)
            return true;
    return false;
}

/* ---- Reads and writes ---- */

/* Does it look at anything before the commit? */
static bool looks(const struct ob_sub *s)
{
    bool cond = s->cond;

    for (uint32_t i = 0; i < s->iod_nr; i++)
        cond |= s->iod[i].cond;
    return s->what > OB_CHANGES || cond;
}

/* What one operation of a transaction means for the reads as a whole. */
static enum work_verdict judge_sub(struct work_client *c, const struct ob_sub *s)
{
    enum work_verdict v = s->rc == 1 ? WORK_FAILED : work_verdict(c->work, s->rc, false);

    if (s->what < OB_CHANGES && v == WORK_ANSWERED && s->rc != 0 && s->rc != -DER_EXIST &&
        s->rc != -DER_NONEXIST)
        return WORK_WRONG; /* it is only kept */
    return v;
}

/* False: the transaction is over. Changes whose conditions did not hold are no part of it any more.
 */
static bool tx_body(struct work_client *c, struct ob_op *op, daos_handle_t th, int *rc)
{
    struct ob_op *reads = &((struct ob_client *)c->priv)->reads;
    enum work_verdict v = WORK_ANSWERED;
    uint32_t id, nr = op->nr;

    reads->kind = OB_READS;
    reads->nr = 0;
    for (uint32_t i = 0; i < op->nr; i++)
        if (looks(&op->sub[i]))
            reads->sub[reads->nr++] = op->sub[i];
    id = ob_begin(c, reads);
    reads->nr = op->nr = 0;
    *rc = 0;
    for (uint32_t i = 0; i < nr && v == WORK_ANSWERED; i++) {
        struct ob_sub *s = &op->sub[i];

        if (looks(s) && ob_coin(c, 3))
            work_pause(c);
        ob_do(c, s, th);
        *rc = s->rc;
        if (s->rc == -DER_TX_RESTART) {
            op->nr = (uint8_t)nr; /* again, more or less */
            break;
        }
        v = judge_sub(c, s);
        if (looks(s) && v == WORK_ANSWERED)
            reads->sub[reads->nr++] = *s;
        if (s->what > OB_CHANGES || s->rc == 0)
            op->sub[op->nr++] = *s;
    }
    if (*rc == -DER_TX_RESTART && alone(c))
        v = WORK_WRONG;
    ob_end(c, id, reads, *rc, v);
    return v == WORK_ANSWERED && *rc != -DER_TX_RESTART;
}

/* ---- Ends ---- */

static int do_commit(struct work_client *c, daos_handle_t th)
{
    daos_event_t ev;
    int64_t timeout = ob_coin(c, 2) ? -1 : 100;
    bool over = false;
    int rc;

    if (ob_coin(c, 2))
        return daos_tx_commit(th, NULL);
    rc = daos_event_init(&ev, (daos_handle_t){0}, NULL);
    if (rc == 0)
        rc = daos_tx_commit(th, &ev);
    if (rc != 0)
        return rc;
    while (daos_event_test(&ev, timeout, &over) == 0 && !over)
        ;
    rc = ev.ev_error;
    daos_event_fini(&ev);
    return rc;
}

static int tx_commit(struct work_client *c, struct ob_op *op, daos_handle_t th)
{
    enum work_verdict v;
    uint32_t id;

    if (!any_change(op))
        return do_commit(c, th);
    for (uint32_t i = 0; i < WAITS_MAX && ob_crowded(c, op); i++)
        work_pause(c);
    id = ob_begin(c, op);
    op->rc = do_commit(c, th);
    if (op->rc == -DER_TX_RESTART)
        v = alone(c) ? WORK_WRONG : WORK_FAILED;
    else
        v = work_verdict(c->work, op->rc, true);
    ob_end(c, id, op, op->rc, v);
    return op->rc;
}

int ob_tx(struct work_client *c)
{
    struct ob_op *op = &((struct ob_client *)c->priv)->tx;
    bool reads_only = ob_coin(c, 4);
    enum tx_end end = ob_coin(c, 6) ? (ob_coin(c, 2) ? TX_ABORT : TX_DROP) : TX_COMMIT;
    daos_handle_t th;
    int rc;

    draw_tx(c, op, reads_only);
    if (ob_crowded(c, op))
        return 0;
    rc = daos_tx_open(c->coh, &th, reads_only ? DAOS_TF_RDONLY : 0, NULL);
    if (rc != 0)
        return rc;
    for (int try = 0; try < TX_TRIES; try++) {
        if (tx_body(c, op, th, &rc) && end == TX_COMMIT)
            rc = tx_commit(c, op, th);
        if (rc != -DER_TX_RESTART || daos_tx_restart(th, NULL) != 0)
            break;
    }
    if (end == TX_ABORT)
        daos_tx_abort(th, NULL);
    daos_tx_close(th, NULL);
    return rc == 1 ? 0 : rc;
}

/* ---- Reads at an epoch to come ---- */

#define AHEAD_READS    (OB_SUBS / 2 - 1)
#define AHEAD_US_BITS  19u /* up to half a second */
#define EPOCHS_OF_A_US UINT64_C(16000)

/* An epoch above all that anybody was told is done: a little above one that the engine chose. s: a
 * read for it to be chosen at. */
static int epoch_ahead(struct work_client *c, struct ob_sub *s, daos_epoch_t *epoch)
{
    daos_handle_t th;
    int rc = daos_tx_open(c->coh, &th, DAOS_TF_RDONLY, NULL);

    if (rc != 0)
        return rc;
    ob_do(c, s, th);
    rc = daos_tx_hdl2epoch(th, epoch);
    daos_tx_close(th, NULL);
    *epoch += EPOCHS_OF_A_US << ob_below(c, AHEAD_US_BITS);
    return rc;
}

/* Each read twice. */
static void draw_ahead(struct work_client *c, struct ob_op *op)
{
    uint32_t nr = 1 + ob_below(c, ob_coin(c, 4) ? AHEAD_READS : 4);

    op->kind = OB_READS;
    op->nr = (uint8_t)(2 * nr);
    draw_mood(c, nr);
    for (uint32_t i = 0; i < nr; i++) {
        ob_draw_read(c, &op->sub[i]);
        op->sub[nr + i] = op->sub[i];
    }
    ((struct ob_client *)c->priv)->mood = (struct ob_mood){.narrow = false};
}

static enum work_verdict read_ahead(struct work_client *c, struct ob_op *op, daos_epoch_t epoch,
                                    int *rc)
{
    enum work_verdict v = WORK_ANSWERED;
    daos_handle_t th;

    *rc = daos_tx_open_snap(c->coh, epoch, &th, NULL);
    if (*rc != 0)
        return work_verdict(c->work, *rc, false);
    for (uint32_t i = 0; i < op->nr && v == WORK_ANSWERED; i++) {
        if (ob_coin(c, 3))
            work_pause(c);
        ob_do(c, &op->sub[i], th);
        *rc = op->sub[i].rc;
        /* what it needs may have been merged meanwhile */
        v = *rc == 1 || *rc == -DER_TX_RESTART ? WORK_FAILED : work_verdict(c->work, *rc, false);
    }
    daos_tx_close(th, NULL);
    return v;
}

int ob_ahead(struct work_client *c)
{
    struct ob_op *op = &((struct ob_client *)c->priv)->reads;
    enum work_verdict v = WORK_FAILED;
    daos_epoch_t epoch = 0;
    uint32_t id;
    int rc;

    draw_ahead(c, op);
    id = ob_begin(c, op);
    op->sub[OB_SUBS - 1] = op->sub[0];
    rc = epoch_ahead(c, &op->sub[OB_SUBS - 1], &epoch);
    if (rc == 0)
        v = read_ahead(c, op, epoch, &rc);
    ob_end(c, id, op, rc, v);
    return rc == 1 ? 0 : rc;
}
