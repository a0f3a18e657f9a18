/*
 * Workload "oit": object id tables. Objects come and go; snapshots are taken and dropped; clients
 * mark the entries of their tables, take all marks of one away, and list tables: all of them, what
 * is not marked, what a filter takes.
 *
 * What a table shows is what there was at the moment of its snapshot, for ever. Each entry's marker
 * is a register of its own (work_oit.h), which other tables have nothing to do with: a marker that
 * was acknowledged is there whatever dies afterwards, and a list of what is unmarked shows exactly
 * that, each entry at some moment within the call.
 */
#include <stdio.h>
#include <string.h>
#include "base/assert.h"
#include "work_oit.h"

static uint32_t below(struct work_client *c, uint32_t n)
{
    return (uint32_t)sim_rng_below(&c->rng, n);
}

static bool is_there(uint16_t val, uint32_t unused)
{
    (void)unused;
    return val != 0;
}

/* ---- Ends ---- */

/* Of a call for which the model has no other answer than 0. */
static enum work_verdict ends(struct work_client *c, int rc, bool changes)
{
    struct work *w = c->work;
    enum work_verdict v = rc == 0 ? WORK_ANSWERED : work_verdict(w, rc, changes);

    if (v == WORK_ANSWERED && rc != 0)
        v = WORK_WRONG;
    w->ops++;
    w->excused += v == WORK_UNKNOWN || v == WORK_FAILED;
    if (v == WORK_UNKNOWN) {
        w->unknown++;
        w->unknown_all++;
    }
    return v;
}

static void wrong_answer(struct work_client *c, const char *what, uint32_t i, int rc)
{
    work_wrong(c->work, "client %u: %s %u was answered %s (%d), which nothing here can lead to",
               c->index, what, i, d_errstr(rc), rc);
}

/* Of a write to nr registers that was called at `call`. */
static void write_ends(struct work_client *c, struct oit_reg *r, uint32_t nr, uint64_t call, int rc,
                       const char *what, uint32_t which)
{
    struct oit_work *w = oit_work_of(c);
    enum work_verdict v = ends(c, rc, true);
    uint64_t now = ++w->seq;

    for (uint32_t i = 0; i < nr; i++) {
        if (v == WORK_ANSWERED)
            oit_reg_back(&r[i], call, now);
        else if (v == WORK_FAILED && !oit_reg_failed(&r[i], call))
            work_wrong(c->work, "client %u: %s %u was answered %s (%d), and has happened", c->index,
                       what, which, d_errstr(rc), rc);
    }
    if (v == WORK_WRONG)
        wrong_answer(c, what, which, rc);
    work_tell(c, "%s %u -> %s", what, which, d_errstr(rc));
}

/* ---- Objects ---- */

static int store(struct work_client *c)
{
    struct oit_work *w = oit_work_of(c);
    uint32_t k = below(c, OIT_OBJS);
    bool put = below(c, 3) != 0;
    uint64_t call = ++w->seq;
    daos_handle_t oh;
    int rc = daos_kv_open(c->coh, w->oid[k], DAOS_OO_RW, &oh, NULL);

    oit_reg_call(&w->there[k], put, call);
    if (rc == 0) {
        rc = put ? daos_kv_put(oh, DAOS_TX_NONE, 0, "key", sizeof(k), &k, NULL)
                 : daos_kv_destroy(oh, DAOS_TX_NONE, NULL);
        daos_kv_close(oh, NULL);
    }
    write_ends(c, &w->there[k], 1, call, rc, put ? "put object" : "destroy object", k);
    return rc;
}

/* ---- Markers ---- */

/* A table that can be used, until it is put back; NULL: there is none. */
static struct oit_table *use_table(struct work_client *c)
{
    struct oit_work *w = oit_work_of(c);
    uint32_t from = below(c, OIT_TABLES);

    for (uint32_t i = 0; i < OIT_TABLES; i++) {
        struct oit_table *t = &w->table[(from + i) % OIT_TABLES];

        if (t->is == OIT_LIVE) {
            t->users++;
            return t;
        }
    }
    return NULL;
}

static uint32_t place_of(const struct oit_work *w, const struct oit_table *t)
{
    return (uint32_t)(t - w->table);
}

static int mark(struct work_client *c, struct oit_table *t, daos_handle_t oh, uint32_t k)
{
    struct oit_work *w = oit_work_of(c);
    uint8_t bytes[DAOS_OIT_MARKER_MAX_LEN];
    uint16_t val = w->next_val = (uint16_t)(w->next_val % 60000 + 1);
    uint64_t call = ++w->seq;
    d_iov_t iov;
    int rc;

    d_iov_set(&iov, bytes, oit_marker(val, w->oid[k], bytes));
    if (t->has[k])
        oit_reg_call(&t->mark[k], val, call);
    rc = daos_oit_mark(oh, w->oid[k], &iov, NULL);
    if (t->has[k])
        write_ends(c, &t->mark[k], 1, call, rc, "mark object", k);
    else if (rc != -DER_NONEXIST && (rc == 0 || ends(c, rc, false) == WORK_WRONG))
        wrong_answer(c, "marking what is not in the table, object", k, rc);
    return rc == -DER_NONEXIST ? 0 : rc;
}

/* Removes all markers of a table. */
static int clear(struct work_client *c, struct oit_table *t, daos_handle_t oh)
{
    struct oit_work *w = oit_work_of(c);
    uint64_t call = ++w->seq;
    int rc;

    for (uint32_t i = 0; i < OIT_OBJS; i++)
        oit_reg_call(&t->mark[i], 0, call);
    rc = daos_cont_snap_oit_destroy(c->coh, oh, NULL);
    write_ends(c, t->mark, OIT_OBJS, call, rc, "remove markers of table", place_of(w, t));
    return rc;
}

static void judge_entry(struct work_client *c, struct oit_table *t, uint32_t k, uint32_t filter,
                        bool shown, uint64_t call)
{
    struct oit_work *w = oit_work_of(c);
    char text[2000] = "";

    if (!t->has[k] || filter == 0) {
        if (shown != t->has[k])
            work_wrong(c->work, "table %u %s object %u, and it is %s", place_of(w, t),
                       shown ? "shows" : "does not show", k, t->has[k] ? "in it" : "not in it");
        return;
    }
    if (oit_reg_saw(&t->mark[k], oit_taken, filter, shown, call, w->seq))
        return;
    oit_reg_print(&t->mark[k], text, sizeof(text));
    work_wrong(c->work,
               "client %u: a list of table %u by filter %u, called at %llu, answered at %llu, %s "
               "object %u; its marker: %s",
               c->index, place_of(w, t), filter, (unsigned long long)call,
               (unsigned long long)w->seq, shown ? "shows" : "does not show", k, text);
}

static int look(struct work_client *c, struct oit_table *t, daos_handle_t oh, uint32_t filter,
                uint32_t at_once)
{
    struct oit_work *w = oit_work_of(c);
    uint64_t call = ++w->seq;
    uint8_t shown[OIT_OBJS];
    int rc = oit_list(c, oh, filter, at_once, shown);

    ++w->seq;
    work_tell(c, "list table %u, filter %u -> %s", place_of(w, t), filter, d_errstr(rc));
    if (ends(c, rc, false) == WORK_WRONG)
        wrong_answer(c, "a list by filter", filter, rc);
    for (uint32_t k = 0; rc == 0 && k < OIT_OBJS; k++)
        judge_entry(c, t, k, filter, shown[k] != 0, call);
    return rc;
}

/* As programs do it: what is not marked is listed, and then marked. */
static int sweep(struct work_client *c, struct oit_table *t, daos_handle_t oh)
{
    struct oit_work *w = oit_work_of(c);
    daos_obj_id_t oid[8];
    daos_anchor_t anchor = {0};
    uint32_t nr = 1 + below(c, ARRAY_LEN(oid));
    int rc = daos_oit_list_unmarked(oh, oid, &nr, &anchor, NULL);

    if (ends(c, rc, false) == WORK_WRONG)
        wrong_answer(c, "a list for client", c->index, rc);
    for (uint32_t i = 0; rc == 0 && i < nr && !c->work->failed; i++) {
        uint32_t k = oit_number(w, oid[i]);

        if (k == OIT_OBJS || !t->has[k])
            work_wrong(c->work, "table %u shows what is not in it", place_of(w, t));
        else
            rc = mark(c, t, oh, k);
    }
    return rc;
}

static int use(struct work_client *c, struct oit_table *t)
{
    uint32_t what = below(c, 100), at_once = 1 + below(c, below(c, 2) ? 8 : OIT_OBJS + 8);
    daos_handle_t oh;
    int rc = daos_oit_open(c->coh, t->epoch, &oh, NULL);

    if (rc != 0 && ends(c, rc, false) == WORK_WRONG)
        wrong_answer(c, "opening table", place_of(oit_work_of(c), t), rc);
    if (rc != 0)
        return rc;
    if (what < 45)
        rc = mark(c, t, oh, below(c, OIT_OBJS));
    else if (what < 48)
        rc = clear(c, t, oh);
    else if (what < 60)
        rc = sweep(c, t, oh);
    else if (what < 63)
        rc = look(c, t, oh, 0, at_once);
    else if (what < 80)
        rc = look(c, t, oh, 1, at_once);
    else
        rc = look(c, t, oh, 2 + below(c, OIT_FILTERS - 2), at_once);
    daos_oit_close(oh, NULL);
    return rc;
}

/* ---- Snapshots ---- */

/* What is in the table of a snapshot that was taken between two times: all that was there. */
static int first_look(struct work_client *c, struct oit_table *t, uint64_t call, uint64_t back)
{
    struct oit_work *w = oit_work_of(c);
    uint8_t shown[OIT_OBJS];
    char text[2000] = "";
    daos_handle_t oh;
    int rc = daos_oit_open(c->coh, t->epoch, &oh, NULL);

    if (rc == 0) {
        rc = oit_list(c, oh, 0, 2 * OIT_OBJS, shown);
        daos_oit_close(oh, NULL);
    }
    if (ends(c, rc, false) == WORK_WRONG)
        wrong_answer(c, "looking into new table", place_of(w, t), rc);
    for (uint32_t k = 0; rc == 0 && k < OIT_OBJS; k++) {
        t->has[k] = shown[k] != 0;
        oit_reg_init(&t->mark[k], 0);
        if (oit_reg_saw(&w->there[k], is_there, 0, t->has[k], call, back))
            continue;
        oit_reg_print(&w->there[k], text, sizeof(text));
        work_wrong(c->work, "a snapshot called at %llu, answered at %llu, %s object %u: %s",
                   (unsigned long long)call, (unsigned long long)back,
                   t->has[k] ? "shows" : "does not show", k, text);
    }
    return rc;
}

static int snap(struct work_client *c)
{
    struct oit_work *w = oit_work_of(c);
    struct oit_table *t = NULL;
    enum work_verdict v;
    uint64_t call, back;
    int rc;

    for (uint32_t i = 0; i < OIT_TABLES; i++)
        if (w->table[i].is == OIT_FREE)
            t = &w->table[i];
    if (t == NULL || w->snap_busy)
        return 0;
    w->snap_busy = true;
    t->is = OIT_BUSY;
    call = ++w->seq;
    rc = daos_cont_create_snap(c->coh, &t->epoch, NULL, NULL);
    back = ++w->seq;
    v = ends(c, rc, true);
    work_tell(c, "snapshot for table %u -> %s", place_of(w, t), d_errstr(rc));
    if (v == WORK_WRONG)
        wrong_answer(c, "a snapshot for table", place_of(w, t), rc);
    if (rc != 0) {
        t->is = OIT_FREE; /* one that nobody heard of is never looked at */
    } else {
        rc = first_look(c, t, call, back);
        t->is = rc == 0 ? OIT_LIVE : OIT_DYING;
    }
    w->snap_busy = false;
    return rc;
}

/* A table that nobody uses, or is half gone. */
static int unsnap(struct work_client *c, struct oit_table *t)
{
    bool again = t->is == OIT_DYING;
    daos_handle_t oh;
    int rc;

    t->is = OIT_BUSY;
    rc = daos_cont_destroy_snap(c->coh, (daos_epoch_range_t){t->epoch, t->epoch}, NULL);
    if (rc == -DER_NONEXIST && again)
        rc = 0;
    work_tell(c, "drop table %u -> %s", place_of(oit_work_of(c), t), d_errstr(rc));
    if (ends(c, rc, true) == WORK_WRONG)
        wrong_answer(c, "dropping table", place_of(oit_work_of(c), t), rc);
    if (rc == 0 && daos_oit_open(c->coh, t->epoch, &oh, NULL) == 0) {
        daos_oit_close(oh, NULL);
        work_wrong(c->work, "a table can be opened though its snapshot is gone");
    }
    t->is = rc == 0 ? OIT_FREE : OIT_DYING;
    return rc;
}

/* ---- The workload ---- */

static int step(struct work_client *c)
{
    struct oit_work *w = oit_work_of(c);
    struct oit_table *any = &w->table[below(c, OIT_TABLES)], *t;
    uint32_t what = below(c, 1000);
    int rc = 0;

    if (any->is == OIT_DYING || (any->is == OIT_LIVE && any->users == 0 && what < 12)) {
        rc = unsnap(c, any);
    } else if (what < 60) {
        rc = snap(c);
    } else if (what < 200 || (t = use_table(c)) == NULL) {
        rc = store(c);
    } else {
        rc = use(c, t);
        t->users--;
    }
    return work_over(rc);
}

/* Snapshots that are known are there; others, of answers that nobody heard, go. */
static int list_snaps(struct work_client *c)
{
    struct oit_work *w = oit_work_of(c);
    daos_epoch_t epoch[64] = {0};
    daos_anchor_t anchor = {0};
    int nr = ARRAY_LEN(epoch), rc = daos_cont_list_snap(c->coh, &nr, epoch, NULL, &anchor, NULL);
    bool known[ARRAY_LEN(epoch)] = {false};

    if (rc != 0)
        return rc;
    nr = MIN(nr, (int)ARRAY_LEN(epoch));
    for (uint32_t i = 0; i < OIT_TABLES; i++) {
        bool there = false;

        for (int k = 0; k < nr && w->table[i].is == OIT_LIVE; k++)
            if (epoch[k] == w->table[i].epoch)
                there = known[k] = true;
        if (w->table[i].is == OIT_LIVE && !there)
            work_wrong(c->work, "the snapshot of table %u is gone", i);
        if (w->table[i].is == OIT_DYING)
            w->table[i].is = OIT_FREE;
    }
    for (int k = 0; k < nr; k++)
        if (!known[k])
            (void)daos_cont_destroy_snap(c->coh, (daos_epoch_range_t){epoch[k], epoch[k]}, NULL);
    return 0;
}

static int verify(struct work_client *c)
{
    struct oit_work *w = oit_work_of(c);
    int rc = 0;

    for (uint32_t i = 0; i < OIT_TABLES && rc == 0; i++) {
        daos_handle_t oh;

        if (w->table[i].is != OIT_LIVE)
            continue;
        rc = daos_oit_open(c->coh, w->table[i].epoch, &oh, NULL);
        if (rc != 0)
            break;
        for (uint32_t f = 0; rc == 0 && f < OIT_FILTERS; f++)
            rc = look(c, &w->table[i], oh, f, f == 0 ? 7 : 2 * OIT_OBJS);
        daos_oit_close(oh, NULL);
    }
    if (rc == 0 && !(c->work->faults & WORK_ROT))
        rc = list_snaps(c);
    return rc;
}

static void settle(struct work *work)
{
    struct oit_work *w = work->priv;
    uint64_t now = ++w->seq;

    for (uint32_t k = 0; k < OIT_OBJS; k++) {
        oit_reg_settle(&w->there[k], now);
        for (uint32_t i = 0; i < OIT_TABLES; i++)
            oit_reg_settle(&w->table[i].mark[k], now);
    }
}

/* Marks that the oracle does not hear of, and marks that go without its knowing. */
static void spoil(struct work_client *c)
{
    struct oit_work *w = oit_work_of(c);

    for (uint32_t i = 0; i < OIT_TABLES; i++) {
        uint8_t bytes[DAOS_OIT_MARKER_MAX_LEN];
        daos_handle_t oh;
        d_iov_t iov;

        if (w->table[i].is != OIT_LIVE || daos_oit_open(c->coh, w->table[i].epoch, &oh, NULL) != 0)
            continue;
        if (sim_rng_below(&w->rng, 4) == 0)
            (void)daos_cont_snap_oit_destroy(c->coh, oh, NULL);
        for (uint32_t n = 0; n < 6; n++) {
            daos_obj_id_t oid = w->oid[sim_rng_below(&w->rng, OIT_OBJS)];

            d_iov_set(&iov, bytes, oit_marker(60001, oid, bytes));
            (void)daos_oit_mark(oh, oid, &iov, NULL);
        }
        daos_oit_close(oh, NULL);
    }
}

static int setup(struct work_client *c)
{
    struct oit_work *w = work_priv(c->work, sizeof(*w));
    int rc = 0;

    sim_rng_seed(&w->rng, sim_rng_next(&c->rng));
    for (uint32_t k = 0; k < OIT_OBJS && rc == 0; k++) {
        w->oid[k].lo = k + 1;
        rc = daos_obj_generate_oid(c->coh, &w->oid[k], DAOS_OT_KV_HASHED, OC_UNKNOWN, 0, 0);
        oit_reg_init(&w->there[k], 0);
    }
    return rc;
}

static int attach(struct work_client *c)
{
    (void)c;
    return 0;
}

static void detach(struct work_client *c)
{
    (void)c;
}

WORKLOAD(oit, .one_in = 16, .settle = settle, .spoil = spoil);
