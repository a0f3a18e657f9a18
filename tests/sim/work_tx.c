/*
 * Workload "tx": transactions over few keys, with many under way, judged by elle.h.
 *
 * A transaction reads and writes up to TX_OPS keys, is aborted or committed, and begun again when
 * it must be; each attempt is a transaction of its own to the checker, which judges also what those
 * saw that came to nothing. Single calls are transactions of one operation. Some runs are mostly
 * about pairs of reads and writes that cross (write skew: with sets, phantoms), others about
 * whatever comes. The history is checked every CHECK_EVERY transactions, and when everything has
 * been read back; then it begins again, so that no run is too long.
 */
#include <stdlib.h>
#include <string.h>
#include <daos.h>
#include <tarn.h>
#include "base/assert.h"
#include "work_tx.h"

#define TRIES       5u
#define CHECK_EVERY 500u
#define HISTORY_MAX 2000u /* transactions: from so many on everything is to be read back */
#define UNKNOWN_MAX 48u   /* outcomes nobody knows, which cost nothing here */

/* ---- The checker ---- */

/* What is found is found for good: the run fails. */
static void check(struct work_client *c)
{
    struct wtx_work *w = wtx_work(c);

    w->checked = elle_txs(w->e);
    if (!elle_check(w->e))
        work_wrong(c->work, "%s", elle_story(w->e));
}

int wtx_ended(struct work_client *c, struct wtx_run *r, int rc, bool commits)
{
    enum work_verdict v = rc == 0                 ? WORK_ANSWERED
                          : rc == -DER_TX_RESTART ? WORK_FAILED
                                                  : work_verdict(c->work, rc, commits);
    bool alone = c->work->clients == 1 && c->work->faults == 0;
    struct elle *e = wtx_work(c)->e;

    if ((v == WORK_ANSWERED && rc != 0) || (rc == -DER_TX_RESTART && alone))
        v = WORK_WRONG;
    elle_end(e, r->t,
             v == WORK_ANSWERED  ? ELLE_COMMITTED
             : v == WORK_UNKNOWN ? ELLE_UNKNOWN
                                 : ELLE_ABORTED);
    c->work->ops++;
    c->work->unknown += v == WORK_UNKNOWN;
    c->work->unknown_all += v == WORK_UNKNOWN;
    c->work->excused += v == WORK_UNKNOWN || (v == WORK_FAILED && rc != -DER_TX_RESTART);
    work_tell(c, "T%u %s: %d", r->t, commits ? "commits" : "ends", rc);
    if (v == WORK_WRONG && rc != 1)
        work_wrong(c->work, "client %u was answered %s (%d), which nothing here can lead to",
                   c->index, d_errstr(rc), rc);
    return rc;
}

/* ---- Operations ---- */

int wtx_read(struct work_client *c, struct wtx_run *r, uint32_t key)
{
    struct wtx_client *tc = c->priv;
    struct wtx_work *w = wtx_work(c);
    struct wtx_key k = w->key[key];
    daos_epoch_t epoch;
    int rc = wtx_get(c, &k, r->th);

    w->key[key].reads++;
    if (rc != 0)
        return rc;
    if (!wtx_own_read(c, r, key))
        elle_read(w->e, r->t, k.elle, tc->seen, tc->seen_nr);
    if (r->th.cookie != 0 && daos_tx_hdl2epoch(r->th, &epoch) == 0) {
        elle_epoch(w->e, r->t, epoch);
        if (epoch > tc->epoch) {
            tc->epoch = epoch;
            tc->epoch_from = r->from;
        }
    }
    work_tell(c, "T%u reads %s: %u, the last %u", r->t, k.name, tc->seen_nr,
              tc->seen_nr ? tc->seen[tc->seen_nr - 1] : 0);
    return 0;
}

static uint32_t value_new(struct work_client *c, uint32_t key)
{
    struct wtx_work *w = wtx_work(c);

    w->key[key].elems++;
    return ++w->value;
}

/* Reads it first, unless this transaction has. */
static int append(struct work_client *c, struct wtx_run *r, uint32_t key)
{
    struct wtx_client *tc = c->priv;
    struct wtx_work *w = wtx_work(c);
    struct wtx_key k = w->key[key];
    uint32_t i, *nr;
    int rc = 0;

    for (i = 0; i < r->list_nr && r->list[i].key != key; i++)
        ;
    if (i == r->list_nr) {
        rc = wtx_read(c, r, key);
        if (rc != 0)
            return rc;
        r->list[i].key = key;
        r->list[i].nr = tc->seen_nr;
        memcpy(r->list[i].elem, tc->seen, tc->seen_nr * sizeof(*tc->seen));
        r->list_nr++;
    }
    nr = &r->list[i].nr;
    if (*nr == TX_ELEMS)
        return 0;
    r->list[i].elem[(*nr)++] = value_new(c, key);
    elle_write(w->e, r->t, k.elle, w->value);
    wtx_own_wrote(r, key, w->value);
    work_tell(c, "T%u appends %u to %s", r->t, w->value, k.name);
    return wtx_put(c, &k, r->th, r->list[i].elem, *nr, false);
}

static int write_key(struct work_client *c, struct wtx_run *r, uint32_t key)
{
    struct wtx_work *w = wtx_work(c);
    struct wtx_key k = w->key[key];
    uint32_t value;

    if (k.kind == TX_LIST)
        return append(c, r, key);
    value = value_new(c, key);
    elle_write(w->e, r->t, k.elle, value);
    wtx_own_wrote(r, key, value);
    work_tell(c, "T%u writes %u to %s", r->t, value, k.name);
    return wtx_put(c, &k, r->th, &value, 1, k.kind >= TX_SET_DKEYS && wtx_below(c, 4) == 0);
}

/* ---- Transactions ---- */

struct wtx_plan {
    uint32_t nr;
    struct {
        uint32_t place;
        bool write;
    } op[TX_OPS];
    bool aborts, reads_only;
};

static uint32_t draw_place(struct work_client *c)
{
    struct wtx_work *w = wtx_work(c);
    uint32_t place = wtx_below(c, w->places);

    for (uint32_t i = 1; i < w->skew; i++)
        place = MIN(place, wtx_below(c, w->places));
    return place;
}

/* Reads of some places, writes of others, and the other way round for whoever draws the same. */
static void draw_crossed(struct work_client *c, struct wtx_plan *p)
{
    uint32_t a = draw_place(c), b = draw_place(c);

    p->nr = 2 + wtx_below(c, 2);
    p->op[0].place = a;
    p->op[1].place = p->op[2].place = b;
    p->op[1].write = true;
    p->op[2].write = false;
}

static void draw_plan(struct work_client *c, struct wtx_plan *p)
{
    struct wtx_work *w = wtx_work(c);

    *p = (struct wtx_plan){.nr = 1 + wtx_below(c, w->ops_max)};
    p->reads_only = wtx_below(c, 5) == 0;
    p->aborts = wtx_below(c, 12) == 0;
    if (!p->reads_only && wtx_below(c, 3) == 0) {
        draw_crossed(c, p);
        return;
    }
    for (uint32_t i = 0; i < p->nr; i++) {
        p->op[i].place = draw_place(c);
        p->op[i].write = !p->reads_only && wtx_below(c, 8) >= w->reads_in;
    }
}

static int body(struct work_client *c, struct wtx_run *r, const struct wtx_plan *p)
{
    int rc = 0;

    for (uint32_t i = 0; i < p->nr && rc == 0; i++) {
        uint32_t key;

        rc = wtx_key_at(c, p->op[i].place, &key);
        if (rc != 0)
            return rc;
        if (wtx_below(c, 4) == 0)
            work_pause(c);
        rc = p->op[i].write ? write_key(c, r, key) : wtx_read(c, r, key);
    }
    return rc;
}

static int attempt(struct work_client *c, struct wtx_run *r, const struct wtx_plan *p)
{
    struct wtx_client *tc = c->priv;
    struct wtx_work *w = wtx_work(c);
    int rc;

    r->from = elle_now(w->e);
    r->t = elle_begin(w->e, tc->process, false);
    r->list_nr = r->mine_nr = 0;
    rc = body(c, r, p);
    if (rc != 0)
        return wtx_ended(c, r, rc, false);
    if (p->aborts) {
        rc = wtx_below(c, 2) ? daos_tx_abort(r->th, NULL) : 0;
        elle_end(w->e, r->t, ELLE_ABORTED);
        c->work->ops++;
        return rc;
    }
    if (wtx_below(c, 4) == 0)
        work_pause(c);
    if (c->work->hot != NULL && wtx_below(c, 16) == 0)
        c->work->hot(c->work->arg);
    return wtx_ended(c, r, daos_tx_commit(r->th, NULL), !p->reads_only);
}

static int transaction(struct work_client *c)
{
    struct wtx_run *r = &((struct wtx_client *)c->priv)->run;
    struct wtx_plan p;
    uint64_t flags = 0;
    int rc;

    draw_plan(c, &p);
    r->own = !p.reads_only && wtx_below(c, 3) == 0;
    if (r->own)
        flags = TARN_TF_READ_OWN;
    else if (p.reads_only && wtx_below(c, 2) != 0)
        flags = DAOS_TF_RDONLY;
    rc = daos_tx_open(c->coh, &r->th, flags, NULL);
    if (rc == 0) {
        for (uint32_t i = 0; i < TRIES && !c->work->failed; i++) {
            rc = attempt(c, r, &p);
            if (rc != -DER_TX_RESTART || daos_tx_restart(r->th, NULL) != 0)
                break;
        }
        daos_tx_close(r->th, NULL);
    }
    r->own = false;
    return rc;
}

#define AHEAD_BITS     17u /* up to an eighth of a second */
#define EPOCHS_OF_A_US UINT64_C(16000)

static bool may_look_ahead(const struct work_client *c)
{
    const struct wtx_client *tc = c->priv;

    return wtx_work(c)->one_clock && tc->epoch_from > wtx_work(c)->since;
}

/* Reads at an epoch that perhaps nobody has reached yet: the first lifts the clock, and whatever is
 * written later is above. Only where there is one clock. */
static int ahead(struct work_client *c)
{
    struct wtx_client *tc = c->priv;
    struct wtx_run *r = &tc->run;
    struct wtx_work *w = wtx_work(c);
    daos_epoch_t epoch = tc->epoch + (EPOCHS_OF_A_US << wtx_below(c, AHEAD_BITS));
    struct wtx_plan p;
    int rc = daos_tx_open_snap(c->coh, epoch, &r->th, NULL);

    if (rc != 0)
        return rc;
    draw_plan(c, &p);
    for (uint32_t i = 0; i < p.nr; i++)
        p.op[i].write = false;
    r->from = tc->epoch_from;
    r->t = elle_begin(w->e, tc->process, false);
    elle_note(w->e, r->t, "ahead");
    elle_when(w->e, r->t, r->from, UINT64_MAX); /* when that epoch may have been now */
    rc = body(c, r, &p);
    elle_when(w->e, r->t, r->from, elle_now(w->e));
    if (rc == -DER_TX_RESTART) { /* what it needs has been merged meanwhile */
        elle_end(w->e, r->t, ELLE_ABORTED);
        c->work->ops++;
    } else {
        rc = wtx_ended(c, r, rc, false);
    }
    daos_tx_close(r->th, NULL);
    return rc;
}

/* One call outside of transactions: a list is not changed by one, a set not read. */
static int plain(struct work_client *c)
{
    struct wtx_run *r = &((struct wtx_client *)c->priv)->run;
    struct wtx_client *tc = c->priv;
    struct wtx_work *w = wtx_work(c);
    enum wtx_kind kind;
    uint32_t key;
    bool writes;
    int rc = wtx_key_at(c, draw_place(c), &key);

    if (rc != 0)
        return rc;
    kind = w->key[key].kind;
    writes = kind == TX_REGISTER ? wtx_below(c, 2) : kind != TX_LIST;
    r->from = elle_now(w->e);
    r->t = elle_begin(w->e, tc->process, true);
    r->th = DAOS_TX_NONE;
    r->list_nr = 0;
    rc = writes ? write_key(c, r, key) : wtx_read(c, r, key);
    return wtx_ended(c, r, rc, writes);
}

static int step(struct work_client *c)
{
    struct wtx_work *w = wtx_work(c);
    uint32_t draw = wtx_below(c, 100);
    int rc;

    if (draw < w->plain_pct)
        rc = plain(c);
    else if (draw < w->plain_pct + w->snap_pct)
        rc = wtx_snap_step(c);
    else if (may_look_ahead(c) && wtx_below(c, 24) == 0)
        rc = ahead(c);
    else
        rc = transaction(c);
    if (elle_txs(w->e) >= w->checked + CHECK_EVERY)
        check(c);
    c->work->full |= elle_txs(w->e) >= HISTORY_MAX;
    return work_over(rc);
}

/* ---- Reading back ---- */

/* Everything, by single calls: nobody else works. With several clocks whoever has read all of it
 * has the latest, and tells it everybody by reading again: nobody is shown anything older after
 * that. */
static int read_back(struct work_client *c, struct wtx_held *held)
{
    struct wtx_client *tc = c->priv;
    struct wtx_run *r = &tc->run;
    struct wtx_work *w = wtx_work(c);
    int rc = 0;

    for (uint32_t k = 0; k < w->key_nr && rc == 0 && !w->one_clock; k++)
        rc = wtx_get(c, &w->key[k], DAOS_TX_NONE);
    r->from = elle_now(w->e);
    r->t = elle_begin(w->e, ELLE_NOBODY, true);
    r->th = DAOS_TX_NONE;
    elle_note(w->e, r->t, "reads back");
    for (uint32_t k = 0; k < w->key_nr && rc == 0; k++) {
        rc = wtx_read(c, r, k);
        held[k].nr = tc->seen_nr;
        memcpy(held[k].value, tc->seen, tc->seen_nr * sizeof(*tc->seen));
    }
    return wtx_ended(c, r, rc, false);
}

static int verify(struct work_client *c)
{
    struct wtx_work *w = wtx_work(c);
    struct wtx_held *held = calloc(w->key_nr, sizeof(*held));
    int rc;

    ASSERT(held != NULL);
    c->work->full = false;
    rc = read_back(c, held);
    if (rc == 0)
        rc = wtx_snap_verify(c);
    check(c);
    if (rc == 0 && !c->work->failed) {
        wtx_keys_again(c, held);
        w->checked = 0;
        w->since = elle_now(w->e);
        for (uint32_t i = 0; i < TX_SNAPS; i++)
            if (w->snap[i].is == TX_SNAP_LIVE)
                w->snap[i].is = TX_SNAP_OLD;
    }
    free(held);
    return rc;
}

/* ---- Setup ---- */

/* Of each kind some, or none. */
static void draw_places(struct work_client *c)
{
    struct wtx_work *w = wtx_work(c);
    uint32_t nr[TX_KINDS];

    for (uint32_t k = 0; k < TX_KINDS; k++)
        nr[k] = wtx_below(c, 4) == 0 ? 0 : 1 + wtx_below(c, wtx_below(c, 2) ? 2 : 6);
    nr[TX_REGISTER] += nr[TX_SET_DKEYS] == 0;
    for (uint32_t left = 1; left > 0;) { /* in turns: the first are drawn most */
        left = 0;
        for (uint32_t k = 0; k < TX_KINDS; k++) {
            if (nr[k] == 0)
                continue;
            nr[k]--;
            left++;
            w->kind[w->places++] = (enum wtx_kind)k;
        }
    }
}

static void draw_run(struct work_client *c)
{
    struct wtx_work *w = wtx_work(c);

    w->skew = 1 + wtx_below(c, 4);
    w->reads_in = 1 + wtx_below(c, 7);
    w->ops_max = 1 + wtx_below(c, TX_OPS);
    w->plain_pct = wtx_below(c, 2) ? 10 : wtx_below(c, 60);
    w->snap_pct = wtx_below(c, 2) ? 0 : 1 + wtx_below(c, 8);
    draw_places(c);
}

static void forget(struct wtx_work *w)
{
    if (w->e != NULL)
        elle_destroy(w->e);
    free(w->key);
    w->e = NULL;
    w->key = NULL;
}

static int setup(struct work_client *c)
{
    daos_pool_info_t info = {.pi_bits = DPI_ALL};
    struct wtx_work *w;
    int rc = daos_pool_query(c->poh, NULL, &info, NULL, NULL);

    if (rc != 0)
        return rc;
    w = work_priv(c->work, sizeof(*w));
    for (uint32_t i = 0; i < TX_OBJS && rc == 0; i++)
        rc = wtx_oid(c, &w->oid[i]);
    if (rc != 0)
        return rc;
    draw_run(c);
    w->one_clock = info.pi_ntargets == 1 || !c->work->clocks_apart;
    w->e = elle_create(w->one_clock ? ELLE_TIME_STRICT : ELLE_TIME_KEYS);
    rc = wtx_keys_begin(c);
    if (rc != 0)
        forget(w);
    return rc;
}

static void detach(struct work_client *c)
{
    if (c->priv == NULL)
        return;
    wtx_close(c);
    free(c->priv);
    c->priv = NULL;
}

static int attach(struct work_client *c)
{
    struct wtx_client *tc = work_client_priv(c, sizeof(*tc));

    tc->process = wtx_work(c)->processes++;
    return 0;
}

static void fini(struct work *work)
{
    forget(work->priv);
}

WORKLOAD(tx, .clients_min = 2, .unknown_max = UNKNOWN_MAX, .fini = fini);
