/* Of the workload "tx": snapshots. What is read at one is of the time when it was made. */
#include <daos.h>
#include "work_tx.h"

static struct wtx_snap *find(struct work_client *c, int is)
{
    struct wtx_work *w = wtx_work(c);
    uint32_t first = wtx_below(c, TX_SNAPS);

    for (uint32_t i = 0; i < TX_SNAPS; i++) {
        struct wtx_snap *s = &w->snap[(first + i) % TX_SNAPS];

        if ((int)s->is == is)
            return s;
    }
    return NULL;
}

static int judge(struct work_client *c, int rc, const char *what)
{
    enum work_verdict v = work_verdict(c->work, rc, true);

    c->work->excused += rc != 0;
    c->work->ops++;
    if (v == WORK_WRONG || (v == WORK_ANSWERED && rc != 0))
        work_wrong(c->work, "client %u: %s a snapshot was answered %s (%d)", c->index, what,
                   d_errstr(rc), rc);
    work_tell(c, "%s a snapshot: %d", what, rc);
    return rc;
}

/* One that may have been made without an answer is never read. */
static int make(struct work_client *c, struct wtx_snap *s)
{
    struct elle *e = wtx_work(c)->e;
    int rc;

    *s = (struct wtx_snap){.is = TX_SNAP_BUSY, .from = elle_now(e)};
    rc = judge(c, daos_cont_create_snap(c->coh, &s->epoch, NULL, NULL), "making");
    s->to = elle_now(e);
    s->is = rc == 0 ? TX_SNAP_LIVE : TX_SNAP_FREE;
    return rc;
}

static int destroy(struct work_client *c, struct wtx_snap *s)
{
    int rc;

    s->is = TX_SNAP_BUSY;
    rc = daos_cont_destroy_snap(c->coh, (daos_epoch_range_t){s->epoch, s->epoch}, NULL);
    s->is = TX_SNAP_FREE;
    return judge(c, rc, "destroying");
}

/* nr keys, from one on. */
static int read_at(struct work_client *c, struct wtx_snap *s, uint32_t first, uint32_t nr)
{
    struct wtx_run *r = &((struct wtx_client *)c->priv)->run;
    struct wtx_work *w = wtx_work(c);
    int rc;

    s->readers++;
    r->from = s->from;
    r->t = elle_begin(w->e, ELLE_NOBODY, false);
    r->list_nr = 0;
    rc = daos_tx_open_snap(c->coh, s->epoch, &r->th, NULL);
    if (rc != 0)
        r->th.cookie = 0;
    elle_when(w->e, r->t, s->from, s->to);
    elle_note(w->e, r->t, "at a snapshot");
    elle_epoch(w->e, r->t, s->epoch);
    for (uint32_t i = 0; i < nr && rc == 0; i++) {
        if (wtx_below(c, 4) == 0)
            work_pause(c);
        rc = wtx_read(c, r, (first + i) % w->key_nr);
    }
    rc = wtx_ended(c, r, rc, false);
    if (r->th.cookie != 0)
        daos_tx_close(r->th, NULL);
    s->readers--;
    return rc;
}

int wtx_snap_step(struct work_client *c)
{
    struct wtx_snap *s = find(c, wtx_below(c, 4) == 0 ? TX_SNAP_FREE : TX_SNAP_LIVE);

    if (s == NULL)
        s = find(c, TX_SNAP_OLD);
    if (s == NULL)
        s = find(c, TX_SNAP_FREE);
    if (s == NULL)
        return 0;
    if (s->is == TX_SNAP_FREE)
        return make(c, s);
    if (s->readers == 0 && (s->is == TX_SNAP_OLD || wtx_below(c, 6) == 0))
        return destroy(c, s);
    return read_at(c, s, wtx_below(c, wtx_work(c)->key_nr), 2 + wtx_below(c, TX_OPS));
}

int wtx_snap_verify(struct work_client *c)
{
    struct wtx_work *w = wtx_work(c);
    int rc = 0;

    for (uint32_t i = 0; i < TX_SNAPS && rc == 0; i++)
        if (w->snap[i].is == TX_SNAP_LIVE)
            rc = read_at(c, &w->snap[i], 0, w->key_nr);
    return rc;
}
