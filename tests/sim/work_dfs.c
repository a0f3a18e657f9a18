/*
 * Workload "dfs": one client at a time works in a small tree, with every call libdfs has for it.
 *
 * Calls are drawn as operations of the model (spec_dfs.h, work_dfs_draw.c) on the tree as it may be
 * now, done by dfs_act.c, and judged by the oracle step by step (spec_dfs_plan). Snapshots are
 * taken now and then and must go on to show what was.
 */
#include "work_dfs.h"
#include "base/assert.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define DRAWS  100u
#define VALUES 60000u

/* DER code for what a step ends with. */
static int der_of(int err)
{
    switch (err) {
    case 0:
        return 0;
    case EBADF:
        return -DER_NO_HDL;
    case ETIMEDOUT:
        return -DER_TIMEDOUT;
    case EHOSTUNREACH:
        return -DER_UNREACH;
    case ESHUTDOWN:
        return -DER_SHUTDOWN;
    case ECANCELED:
        return -DER_CANCELED;
    case ENOMEM:
        return -DER_NOMEM;
    case ENOSPC:
        return -DER_NOSPACE;
    case EAGAIN:
        return -DER_AGAIN;
    default:
        return -DER_IO;
    }
}

static int setup(struct work_client *c)
{
    struct dfs_work *w = work_priv(c->work, sizeof(*w));
    struct spec_dfs *empty = calloc(1, sizeof(*empty));

    ASSERT(empty);
    w->h = work_hist(c, &spec_dfs, empty);
    w->next_ino = SPEC_ROOT + 1;
    w->next_val = 1;
    free(empty);
    return 0;
}

static int attach(struct work_client *c)
{
    dfs_t *dfs;
    int rc = dfs_mount(c->poh, c->coh, O_RDWR, &dfs);

    if (rc == 0)
        c->priv = dfs;
    return der_of(rc);
}

static void detach(struct work_client *c)
{
    if (c->priv != NULL)
        dfs_umount(c->priv); /* whoever lost the connection cannot say goodbye */
    c->priv = NULL;
}

static void settle(struct work *work)
{
    struct dfs_work *w = work->priv;

    w->lost_nr = w->lost_steps = 0;
}

static void fini(struct work *work)
{
    dfs_ids_fini(&((struct dfs_work *)work->priv)->ids);
}

/* ---- One call ---- */

static void tell(struct work_client *c, const struct spec_op *op)
{
    char line[900];

    if (!c->work->telling)
        return;
    spec_print_op(op, true, line, sizeof(line));
    work_tell(c, "%s", line);
}

static void lose(struct dfs_work *w, uint16_t ino)
{
    if (ino == 0 || !dfs_work_quiet(w, ino))
        return;
    ASSERT(w->lost_nr < ARRAY_LEN(w->lost));
    w->lost[w->lost_nr++] = ino;
}

/* What the steps of a call of unknown outcome may change. */
static void lose_plan(struct work_client *c, const struct spec_tree *t, const struct spec_plan *p)
{
    struct dfs_work *w = dfs_work_of(c);

    for (uint32_t i = 0; i < p->nr; i++) {
        const struct spec_op *op = &p->op[i];
        const struct spec_node *a = spec_child(t, op->dir, op->name);
        const struct spec_node *b = spec_child(t, op->dir2, op->name2);

        lose(w, op->ino);
        lose(w, op->dir != 0 && a != NULL ? a->ino : 0);
        lose(w, op->dir2 != 0 && b != NULL ? b->ino : 0);
    }
    w->lost_steps += p->nr;
}

/* Of several steps any may have happened if the call failed: only one step promises to have changed
 * nothing. */
static enum work_verdict verdict_of(struct work_client *c, const struct spec_op *op, uint32_t steps)
{
    bool changes = op->kind < SPEC_CHANGES || op->kind >= SPEC_STEPS;
    enum work_verdict v = work_verdict_errno(c->work, op->rc, changes);

    return v == WORK_FAILED && changes && steps > 1 ? WORK_UNKNOWN : v;
}

static void end_plan(struct work_client *c, struct spec_plan *p, const uint32_t *id,
                     const struct spec_op *did)
{
    struct dfs_work *w = dfs_work_of(c);
    enum work_verdict v = verdict_of(c, did, p->nr);

    for (uint32_t i = 0; i < p->nr; i++) {
        struct spec_op *op = &p->op[i];
        enum work_verdict mine = v;

        op->rc = did->rc;
        if (i + 1 == p->nr)
            op->seen = did->seen;
        /* a forced removal that was refused may have removed something */
        if (op->kind == SPEC_DROP && did->rc != 0 && v == WORK_ANSWERED)
            mine = WORK_UNKNOWN;
        work_end(c, w->h, id[i], op, did->rc, mine);
    }
    if (p->nr == 0 && did->rc != 0 && v == WORK_ANSWERED)
        work_wrong(c->work, "a call that does nothing was answered %s", strerror(did->rc));
    if (p->nr == 0 && v == WORK_WRONG)
        work_wrong(c->work, "a call that does nothing failed: %s", strerror(did->rc));
}

static int call(struct work_client *c, struct spec_op *op, struct spec_plan *p)
{
    struct dfs_work *w = dfs_work_of(c);
    struct dfs_act act = {.dfs = c->priv, .ids = &w->ids};
    struct spec_tree t = *dfs_work_tree(c);
    uint32_t id[SPEC_PLAN];
    int rc = dfs_act_prepare(&act, &t, op);

    if (rc != 0) {
        dfs_act_done(&act);
        if (rc == DFS_LOST ? w->lost_nr > 0 : work_verdict_errno(c->work, rc, false) == WORK_FAILED)
            return rc == EBADF ? -DER_NO_HDL : 0;
        work_wrong(c->work, "what a call needs is not there or cannot be opened: %s\n%s",
                   rc == DFS_LOST ? "another node, or none" : strerror(rc), hist_story(w->h));
        return 0;
    }
    for (uint32_t i = 0; i < p->nr; i++)
        id[i] = hist_call(w->h, c->index, &p->op[i]);
    dfs_act_run(&act, op);
    dfs_act_done(&act);
    tell(c, op);
    if (verdict_of(c, op, p->nr) == WORK_UNKNOWN)
        lose_plan(c, &t, p);
    end_plan(c, p, id, op);
    return op->rc == EBADF ? -DER_NO_HDL : 0;
}

/* ---- Snapshots and walks ---- */

static int walk(struct work_client *c, uint8_t which)
{
    struct dfs_work *w = dfs_work_of(c);
    struct spec_op op = {.kind = SPEC_WALK, .which = which};
    dfs_t *dfs = c->priv;
    uint32_t id = hist_call(w->h, c->index, &op);
    char why[256] = "";
    int rc = 0;

    if (which > 0)
        rc = dfs_mount_snap(c->poh, c->coh, O_RDONLY, w->snap[which - 1], NULL, &dfs);
    if (rc == 0) {
        rc = dfs_act_walk(dfs, &w->ids, &op.tree, why, sizeof(why));
        if (which > 0)
            dfs_umount(dfs);
    }
    op.rc = rc;
    tell(c, &op);
    if (why[0] != '\0')
        work_wrong(c->work, "%s%s\n%s", which > 0 ? "in a snapshot: " : "", why, hist_story(w->h));
    work_end(c, w->h, id, &op, rc, work_verdict_errno(c->work, rc, false));
    return der_of(rc);
}

static int snap(struct work_client *c, struct spec_op *op)
{
    struct dfs_work *w = dfs_work_of(c);
    daos_epoch_t *epoch = &w->snap[op->which], taken = 0;
    enum work_verdict v;
    uint32_t id;
    int rc;

    /* whoever is there now is met first: in the snapshot nobody would know them any more */
    rc = op->kind == SPEC_SNAP && w->lost_nr == 0 ? walk(c, 0) : 0;
    if (rc != 0)
        return work_over(rc);
    id = hist_call(w->h, c->index, op);
    if (op->kind == SPEC_SNAP)
        rc = daos_cont_create_snap(c->coh, &taken, NULL, NULL);
    else
        rc = daos_cont_destroy_snap(c->coh, (daos_epoch_range_t){*epoch, *epoch}, NULL);
    v = work_verdict(c->work, rc, true);
    op->rc = rc;
    tell(c, op);
    *epoch = rc == 0 ? taken : 0;
    /* one that nobody heard of, or that may be gone, is never looked at */
    work_end(c, w->h, id, op, rc, v == WORK_UNKNOWN ? WORK_FAILED : v);
    return work_over(rc);
}

static int step(struct work_client *c)
{
    struct dfs_work *w = dfs_work_of(c);
    struct spec_plan plan;
    struct spec_op op;

    for (uint32_t i = 0; i < DRAWS; i++) {
        if (!dfs_work_draw(c, &op))
            continue;
        if (op.kind == SPEC_WALK) {
            int rc = walk(c, op.which);

            return work_over(rc);
        }
        if (op.kind == SPEC_SNAP || op.kind == SPEC_UNSNAP)
            return snap(c, &op);
        if (!spec_dfs_plan(dfs_work_tree(c), &op, &plan) ||
            plan.nr > WORK_DFS_LOST_MAX - (w->lost_nr > 0 ? w->lost_steps : 0))
            continue;
        w->next_ino = (uint16_t)(w->next_ino + (op.kind <= SPEC_PUT));
        w->next_val = (uint16_t)(w->next_val % VALUES + 1);
        return call(c, &op, &plan);
    }
    return 0;
}

static int verify(struct work_client *c)
{
    struct dfs_work *w = dfs_work_of(c);
    int rc = walk(c, 0);

    for (uint8_t i = 0; rc == 0 && i < SPEC_SNAPS; i++)
        if (w->snap[i] != 0)
            rc = walk(c, (uint8_t)(i + 1));
    return rc;
}

WORKLOAD(dfs, .posix = true, .one_clock = true, .alone = true, .settle = settle, .fini = fini);
