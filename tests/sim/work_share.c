/*
 * Workload "dfs_shared": several clients in one small tree, at the same time.
 *
 * Each has a mount of its own and keeps some of what it opens, so that it goes on to work in
 * directories and with files that others have moved, replaced or removed meanwhile. Judged by the
 * model of a shared name space (spec_share.h). When nothing is under way everything is read back,
 * and nothing may be stored that no name leads to, but what was written to a file after it had lost
 * its name (libdfs asks nobody before it writes to an open file).
 */
#include "work_share.h"
#include "base/assert.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define DRAWS       100u
#define UNKNOWN_MAX 3u
#define VALUES      60000u

/* DER code for what a step ends with. */
static int der_of(int err)
{
    return err == 0 ? 0 : err == EBADF ? -DER_NO_HDL : -DER_IO;
}

static int setup(struct work_client *c)
{
    struct share_work *w = calloc(1, sizeof(*w));
    struct share_tree *empty = calloc(1, sizeof(*empty));

    ASSERT(w && empty);
    w->h = hist_create(&spec_share, empty);
    w->next_ino = SHARE_ROOT + 1;
    w->next_val = 1;
    if (c->work->now != NULL)
        hist_clock(w->h, c->work->now, c->work->arg);
    c->work->priv = w;
    share_draw_run(c);
    free(empty);
    return 0;
}

static int attach(struct work_client *c)
{
    static const uint32_t forgets[] = {2, 10, 50, 1000};
    struct share_client *me = calloc(1, sizeof(*me));
    int rc;

    ASSERT(me);
    rc = dfs_mount(c->poh, c->coh, O_RDWR, &me->dfs);
    if (rc != 0) {
        free(me);
        return der_of(rc);
    }
    me->forgets = forgets[sim_rng_below(&c->rng, ARRAY_LEN(forgets))];
    c->priv = me;
    return 0;
}

static void detach(struct work_client *c)
{
    struct share_client *me = c->priv;

    if (me == NULL)
        return;
    for (uint32_t i = 0; i < SHARE_DIRS; i++)
        share_close(&me->dir[i]);
    for (uint32_t i = 0; i < SHARE_OBJS; i++)
        share_close(&me->obj[i]);
    dfs_umount(me->dfs); /* whoever lost the connection cannot say goodbye */
    free(me);
    c->priv = NULL;
}

static void settle(struct work *work)
{
    struct share_work *w = work->priv;

    hist_settle(w->h);
}

static void fini(struct work *work)
{
    struct share_work *w = work->priv;

    if (w == NULL)
        return;
    hist_destroy(w->h);
    free(w);
    work->priv = NULL;
}

/* ---- One operation ---- */

static void tell(struct work_client *c, const struct share_op *op)
{
    char line[400];

    if (!c->work->telling)
        return;
    share_print_op(op, true, line, sizeof(line));
    work_tell(c, "%s", line);
}

static enum work_verdict verdict_of(struct work_client *c, const struct share_op *op)
{
    enum work_verdict v = work_verdict_errno(c->work, op->rc, share_changes(op->kind));

    /* too many others were in the way: some of the attempts may have done something */
    if (op->rc == EBUSY)
        v = share_changes(op->kind) ? WORK_UNKNOWN : WORK_FAILED;
    return v;
}

static bool takes_names(uint8_t kind)
{
    return kind == SHARE_REMOVE || kind == SHARE_MOVE || kind == SHARE_PUT;
}

static void one_call(struct work_client *c, struct share_call *call)
{
    struct share_work *w = share_work_of(c);
    uint64_t began = ++w->seq;
    uint32_t id = hist_call(w->h, c->index, &call->op);
    enum work_verdict v;

    share_act(c, call);
    tell(c, &call->op);
    v = verdict_of(c, &call->op);
    /* what a put replaces it does not say */
    if (takes_names(call->op.kind) && w->blind == 0 &&
        (v == WORK_UNKNOWN || (call->op.kind == SHARE_PUT && v == WORK_ANSWERED)))
        w->blind = began;
    work_end(c, w->h, id, &call->op, call->op.rc, v);
}

/* Reading a directory: an operation for each name. */
static void list(struct work_client *c, struct share_call *call)
{
    struct share_client *me = c->priv;
    struct share_work *w = share_work_of(c);
    uint32_t id[SHARE_NAMES], shown[SHARE_NAMES];
    dfs_obj_t *root = NULL;
    bool strange = false;
    enum work_verdict v;
    int rc = 0;

    if (call->dir == NULL)
        rc = dfs_lookup(me->dfs, "/", O_RDONLY, &root, NULL, NULL);
    for (uint8_t i = 0; i < SHARE_NAMES; i++) {
        call->op.name = i;
        id[i] = hist_call(w->h, c->index, &call->op);
    }
    if (rc == 0)
        rc = share_names(me->dfs, call->dir != NULL ? call->dir : root, shown, &strange);
    call->op.rc = rc;
    v = verdict_of(c, &call->op);
    for (uint8_t i = 0; i < SHARE_NAMES; i++) {
        call->op.name = i;
        call->op.seen.there = rc == 0 && shown[i] > 0;
        tell(c, &call->op);
        work_end(c, w->h, id[i], &call->op, rc, v);
        strange |= rc == 0 && shown[i] > 1;
    }
    if (strange)
        work_wrong(c->work, "directory %u shows a name twice, or one that nobody made\n%s",
                   call->op.dir, hist_story(w->h));
    if (root != NULL)
        dfs_release(root);
}

static void forget(struct work_client *c)
{
    struct share_client *me = c->priv;
    uint64_t at = sim_rng_below(&c->rng, SHARE_DIRS + SHARE_OBJS);

    if (sim_rng_below(&c->rng, me->forgets) == 0)
        share_close(at < SHARE_DIRS ? &me->dir[at] : &me->obj[at - SHARE_DIRS]);
}

static int step(struct work_client *c)
{
    struct share_work *w = share_work_of(c);
    struct share_call call;
    uint32_t i = 0;

    while (i < DRAWS && !share_draw(c, &call))
        i++;
    if (i == DRAWS)
        return 0;
    w->next_val = (uint16_t)(w->next_val % VALUES + 1);
    if (call.op.kind == SHARE_LISTED)
        list(c, &call);
    else
        one_call(c, &call);
    forget(c);
    return call.op.rc == EBADF ? -DER_NO_HDL : 0;
}

const struct workload work_share = {
    .name = "dfs_shared",
    .posix = true,
    .one_clock = true,
    .clients_min = 2,
    .unknown_max = UNKNOWN_MAX,
    .setup = setup,
    .attach = attach,
    .step = step,
    .detach = detach,
    .settle = settle,
    .verify = share_walk,
    .fini = fini,
};
