/*
 * Workload "dfs_check": the workload "dfs", and now and then dfs_cont_check().
 *
 * Between its calls the client makes files and directories in the root, takes their names away
 * behind libdfs's back, gives up its handles and has the container checked. What a check tells of
 * must be that and nothing else; removed it is gone, linked it is in /lost+found with all it had;
 * and the tree of the model must be what it was, whatever died meanwhile. One that was cut short is
 * done again when everything has settled, and what was lost is then as if it had not been.
 *
 * Of nodes that a call of unknown outcome may have written to when they had no name any more a
 * check may tell too: libdfs asks nobody before it writes to an open file.
 *
 * Where something is damaged a check may fail. It must not tell that something is lost because it
 * could not be read, let alone remove it; and who reads every file must meet each that cannot be
 * read.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/assert.h"
#include "base/label.h"
#include "work_lost.h"

#define ONE_IN 60u /* steps */

extern const struct workload work_lost;

static bool one_in(struct lost_work *w, uint32_t n)
{
    return sim_rng_below(&w->rng, n) == 0;
}

/* ---- Errors ---- */

static void wrong(struct work_client *c, const char *what, const char *error)
{
    work_wrong(c->work, "%s: %s\n%s", what, error, hist_story(dfs_work_of(c)->h));
}

static int ended(struct work_client *c, const char *what, int rc, enum work_verdict v,
                 const char *text)
{
    c->work->ops++;
    work_tell(c, "%s: %s", what, text);
    if (rc == 0)
        return 0;
    if (v == WORK_ANSWERED || v == WORK_WRONG)
        wrong(c, what, text);
    c->work->excused++;
    return EIO;
}

int lost_err(struct work_client *c, const char *what, int err)
{
    return ended(c, what, err, work_verdict_errno(c->work, err, true), strerror(err));
}

int lost_der(struct work_client *c, const char *what, int rc)
{
    return ended(c, what, rc, work_verdict(c->work, rc, true), d_errstr(rc));
}

/* ---- A check ---- */

static void hear(void *arg, const char *text)
{
    struct work_client *c = arg;
    struct lost_told *t = &lost_work_of(c)->told;
    unsigned long long hi, lo;
    char kind[16];

    work_tell(c, "check: %s", text);
    if (sscanf(text, "  no name leads to %15s %llu.%llu", kind, &hi, &lo) == 3) {
        if (t->lost_nr < LOST_PRINTED)
            t->lost[t->lost_nr] = (daos_obj_id_t){.hi = hi, .lo = lo};
        t->lost_nr++;
    } else if (sscanf(text, "  file %llu.%llu cannot be read", &hi, &lo) == 2) {
        if (t->damaged_nr < LOST_PRINTED)
            t->damaged[t->damaged_nr] = (daos_obj_id_t){.hi = hi, .lo = lo};
        t->damaged_nr++;
    }
}

static void leave(struct work_client *c)
{
    dfs_umount(c->priv);
    c->priv = NULL;
    daos_cont_close(c->coh, NULL);
    c->coh = (daos_handle_t){0};
}

/* Handles again, after leave(). errno. */
static int enter(struct work_client *c)
{
    struct lost_work *w = lost_work_of(c);
    dfs_t *dfs;
    int rc = daos_cont_open(c->poh, w->cont, DAOS_COO_RW, &c->coh, NULL, NULL);

    /* closing does not wait for ever: the check may have it for itself still */
    if (rc == -DER_BUSY && c->work->faults != 0)
        rc = daos_cont_open(c->poh, w->cont, DAOS_COO_RW | DAOS_COO_EVICT, &c->coh, NULL, NULL);
    if (rc != 0)
        return lost_der(c, "opening the container again", rc);
    rc = dfs_mount(c->poh, c->coh, O_RDWR, &dfs);
    if (rc == 0)
        c->priv = dfs;
    return rc == 0 ? 0 : lost_err(c, "mounting it again", rc);
}

/* Without evicting anybody first, now and then: those who died may have it open still. errno, as it
 * came. */
static int check(struct work_client *c, uint64_t flags)
{
    struct lost_work *w = lost_work_of(c);
    const struct check_watch watch = {.line = hear, .arg = c};
    int rc = EBUSY;

    flags |= DFS_CHECK_PRINT;
    for (uint32_t i = one_in(w, 2) ? 0 : 1; i < 2 && rc == EBUSY; i++) {
        memset(&w->told, 0, sizeof(w->told));
        rc = dfs_check(c->poh, w->cont, flags | (i > 0 ? DFS_CHECK_EVICT_ALL : 0), LOST_DIR, &watch,
                       &w->told.found);
    }
    work_tell(c, "check, flags %llx: %s", (unsigned long long)flags, strerror(rc));
    return rc;
}

/* ---- What it told ---- */

static bool is_among(daos_obj_id_t oid, const daos_obj_id_t *v, uint32_t nr)
{
    for (uint32_t i = 0; i < nr; i++)
        if (v[i].lo == oid.lo && v[i].hi == oid.hi)
            return true;
    return false;
}

/* May it have been written to when it had no name any more? */
static bool is_late(struct lost_work *w, daos_obj_id_t oid)
{
    uint16_t ino = dfs_ids_of(&w->dfs.ids, oid, SPEC_NONE, 0, 0);

    return ino == 0 ? w->unknown : (w->late[ino / 8] >> ino % 8 & 1) != 0;
}

static void tells_of(struct work_client *c, daos_obj_id_t oid, const char *what)
{
    char text[200];

    snprintf(text, sizeof(text), "%s %llu.%llu", what, (unsigned long long)oid.hi,
             (unsigned long long)oid.lo);
    wrong(c, "a check", text);
}

/* Nothing is lost but what was planted (of which all is, when `all`), and what came late. How many
 * of these. */
static uint32_t judge_lost(struct work_client *c, bool all)
{
    struct lost_work *w = lost_work_of(c);
    const struct lost_told *t = &w->told;
    uint32_t nr = MIN(t->lost_nr, LOST_PRINTED), late = 0;

    if (t->lost_nr != t->found.files + t->found.dirs || t->lost_nr > LOST_PRINTED)
        wrong(c, "a check", "tells of more or fewer than it found");
    for (uint32_t i = 0; i < nr; i++) {
        if (is_among(t->lost[i], w->oid, w->nodes))
            continue;
        late++;
        if (!is_late(w, t->lost[i]))
            tells_of(c, t->lost[i], "tells that no name leads to");
    }
    for (uint32_t i = 0; all && i < w->nodes; i++)
        if (!is_among(w->oid[i], t->lost, nr))
            tells_of(c, w->oid[i], "does not tell that no name leads to");
    return late;
}

static void judge_done(struct work_client *c, uint64_t flags, bool all, uint32_t late)
{
    struct lost_work *w = lost_work_of(c);
    const struct check_found *f = &w->told.found;

    if (f->damaged != 0 && !(c->work->faults & (WORK_ROT | WORK_DEVICE)))
        wrong(c, "a check", "tells of damage, and there is none");
    if (flags & DFS_CHECK_REMOVE && f->removed != w->told.lost_nr)
        wrong(c, "a check", "did not remove all that it found");
    if (flags & DFS_CHECK_RELINK && all && late == 0 && f->linked != w->tops)
        wrong(c, "a check", "did not link each of what was lost, and nothing else");
}

/* ---- From planting to nothing ---- */

static int check_and_judge(struct work_client *c, uint64_t flags, bool all)
{
    struct lost_work *w = lost_work_of(c);
    int rc, rc2;
    uint32_t late;

    flags |= one_in(w, 2) ? DFS_CHECK_VERIFY : 0;
    leave(c);
    rc = check(c, flags);
    if (rc == 0) {
        late = judge_lost(c, all);
        judge_done(c, flags, all, late);
    }
    rc = lost_err(c, "a check", rc);
    rc2 = enter(c);
    return rc != 0 ? rc : rc2;
}

/* What has no name is removed, or linked, looked at and removed. Nothing of it is left then. */
static int bring_back(struct work_client *c, bool all)
{
    struct lost_work *w = lost_work_of(c);
    bool links = w->phase == LOST_LINKING;
    int rc = check_and_judge(c, links ? DFS_CHECK_RELINK : DFS_CHECK_REMOVE, all);

    if (rc == 0 && links)
        rc = lost_look(c);
    if (rc == 0 && links) {
        w->phase = LOST_PLANTING;
        rc = lost_unplant(c);
    }
    w->nodes = rc == 0 ? 0 : w->nodes;
    if (rc == 0)
        rc = check_and_judge(c, 0, true);
    if (rc == 0)
        w->phase = LOST_NOTHING;
    return rc;
}

static int session(struct work_client *c)
{
    struct lost_work *w = lost_work_of(c);
    int rc;

    w->phase = LOST_PLANTING;
    rc = lost_plant(c);
    if (rc == 0) {
        w->phase = one_in(w, 2) ? LOST_LINKING : LOST_REMOVING;
        rc = bring_back(c, true);
    }
    return rc;
}

/* What was cut short, now that nothing is under way. */
static int resume(struct work_client *c)
{
    struct lost_work *w = lost_work_of(c);
    int rc = 0;

    work_tell(c, "what was cut short is done again");
    if (w->phase == LOST_LINKING && c->work->faults & WORK_FULL)
        w->phase = LOST_PLANTING; /* there may be no room for that */
    if (w->phase == LOST_PLANTING) {
        rc = lost_unplant(c);
        w->phase = rc == 0 ? LOST_REMOVING : w->phase;
    }
    return rc == 0 ? bring_back(c, false) : rc;
}

/* ---- Damage ---- */

/* Whoever cannot be read, as far as is known before, must be told of. */
static void check_damaged(struct work_client *c)
{
    struct lost_work *w = lost_work_of(c);
    daos_obj_id_t bad[SPEC_NODES];
    uint64_t flags = DFS_CHECK_VERIFY | (one_in(w, 2) ? DFS_CHECK_REMOVE : 0);
    uint32_t nr = 0;
    int rc = lost_read_all(c, bad, &nr, SPEC_NODES);

    if (rc != 0)
        return;
    leave(c);
    rc = check(c, flags);
    (void)judge_lost(c, false);
    if (rc != 0 && work_verdict_errno(c->work, rc, true) != WORK_UNKNOWN)
        wrong(c, "a check of what is damaged", strerror(rc));
    for (uint32_t i = 0; i < nr && (rc == 0 || w->told.found.read > 0); i++)
        if (!is_among(bad[i], w->told.damaged, MIN(w->told.damaged_nr, LOST_PRINTED)))
            tells_of(c, bad[i], "reads every file, and does not tell that it cannot be read:");
    c->work->excused += rc != 0;
    (void)enter(c);
}

/* ---- The workload ---- */

static int verify(struct work_client *c)
{
    struct lost_work *w = lost_work_of(c);
    int rc = 0;

    if (w->phase != LOST_NOTHING && c->work->faults & WORK_ROT)
        return 0; /* when it is healed */
    if (c->work->faults & WORK_ROT) {
        rc = work_dfs.verify(c);
        if (!c->work->failed)
            check_damaged(c);
        return rc;
    }
    if (w->phase != LOST_NOTHING)
        rc = resume(c);
    else if (one_in(w, 2))
        rc = check_and_judge(c, one_in(w, 2) ? DFS_CHECK_REMOVE : 0, true);
    if (rc != 0)
        return -DER_IO;
    c->work->full = false;
    return work_dfs.verify(c);
}

static void note_late(struct lost_work *w)
{
    for (uint32_t i = 0; i < w->dfs.lost_nr; i++)
        w->late[w->dfs.lost[i] / 8] |= (uint8_t)(1u << w->dfs.lost[i] % 8);
    w->unknown |= w->dfs.lost_steps > 0;
}

static int step(struct work_client *c)
{
    struct lost_work *w = lost_work_of(c);
    int rc;

    if (w->holder != c) /* a check has taken the handles away */
        return -DER_NO_HDL;
    if (w->phase == LOST_NOTHING &&
        (w->dfs.lost_nr > 0 || w->dfs.lost_steps > 0 || !one_in(w, ONE_IN))) {
        rc = work_dfs.step(c);
        note_late(w);
        return rc;
    }
    rc = w->phase != LOST_NOTHING ? 0 : session(c);
    c->work->full = w->phase != LOST_NOTHING;
    if (rc == 0 && w->phase == LOST_NOTHING)
        rc = work_dfs.verify(c);
    return c->priv == NULL ? -DER_NO_HDL : work_over(rc);
}

static int attach(struct work_client *c)
{
    struct lost_work *w = lost_work_of(c);
    int rc = work_dfs.attach(c);

    if (rc == 0)
        w->holder = c;
    return rc;
}

static void detach(struct work_client *c)
{
    work_dfs.detach(c);
}

static int setup(struct work_client *c)
{
    daos_cont_info_t info = {0};
    struct lost_work *w;
    int rc = daos_cont_query(c->coh, &info, NULL, NULL);

    if (rc == 0)
        rc = work_dfs.setup(c);
    if (rc != 0)
        return rc;
    w = realloc(c->work->priv, sizeof(*w));
    ASSERT(w != NULL);
    memset((char *)w + sizeof(w->dfs), 0, sizeof(*w) - sizeof(w->dfs));
    c->work->priv = w;
    uuid_text_print(info.ci_uuid, w->cont);
    sim_rng_seed(&w->rng, sim_rng_next(&c->rng));
    return 0;
}

static void settle(struct work *work)
{
    work_dfs.settle(work);
}

static void fini(struct work *work)
{
    work_dfs.fini(work);
}

const struct workload work_lost = {.name = "dfs_check",
                                   .posix = true,
                                   .one_clock = true,
                                   .alone = true,
                                   .one_in = 16,
                                   .setup = setup,
                                   .attach = attach,
                                   .step = step,
                                   .detach = detach,
                                   .settle = settle,
                                   .verify = verify,
                                   .fini = fini};
