/* What the workloads share: what an error means to the oracle, how an operation ends, what is told.
 */
#include <daos.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/assert.h"
#include "rt/rt.h"
#include "workload.h"

#define NOT_EMPTY (-2100) /* of a compound: an object or dkey that should be empty is not */

extern const struct workload work_objects, work_kv, work_array, work_dfs, work_share, work_admin,
    work_many, work_tx, work_oit, work_lost;

const struct workload *const workloads[] = {&work_objects, &work_kv,    &work_array, &work_dfs,
                                            &work_share,   &work_admin, &work_many,  &work_tx,
                                            &work_oit,     &work_lost,  NULL};

const struct workload *workload_find(const char *name)
{
    for (size_t i = 0; workloads[i] != NULL; i++)
        if (strcmp(workloads[i]->name, name) == 0)
            return workloads[i];
    return NULL;
}

/* ---- Verdicts ---- */

enum code_class {
    CODE_MODEL,   /* the model may give it */
    CODE_NOTHING, /* promises that nothing changed */
    CODE_LOST,    /* nobody knows */
};

/* A code, what it says, and which faults make it legitimate (0: any time). */
struct code {
    int code;
    enum code_class is;
    uint32_t faults;
};

#define ON_THE_WAY (WORK_NET | WORK_DEVICE)

static const struct code der_codes[] = {
    {0, CODE_MODEL, 0},
    {-DER_EXIST, CODE_MODEL, 0},
    {-DER_NONEXIST, CODE_MODEL, 0},
    {NOT_EMPTY, CODE_MODEL, 0},
    {-DER_REC2BIG, CODE_MODEL, 0},
    {-DER_KEY2BIG, CODE_MODEL, 0},
    {-DER_REC_SIZE, CODE_MODEL, 0},
    {-DER_INVAL, CODE_MODEL, 0},
    {-DER_NO_PERM, CODE_MODEL, 0},
    {-DER_BUSY, CODE_MODEL, 0},
    {-DER_ALREADY, CODE_MODEL, 0},
    {-DER_TRUNC, CODE_MODEL, 0},
    {-DER_NOSPACE, CODE_NOTHING, WORK_FULL},
    {-DER_NOMEM, CODE_NOTHING, WORK_NOMEM},
    {-DER_IO, CODE_NOTHING, WORK_DEVICE | WORK_ROT},
    {-DER_CSUM, CODE_NOTHING, WORK_ROT},
    {-DER_DATA_LOSS, CODE_NOTHING, WORK_ROT},
    {-DER_TX_UNCERTAIN, CODE_LOST, ON_THE_WAY},
    {-DER_TIMEDOUT, CODE_NOTHING, ON_THE_WAY},
    {-DER_UNREACH, CODE_NOTHING, ON_THE_WAY},
    {-DER_CANCELED, CODE_NOTHING, WORK_ABORT},
    {-DER_SHUTDOWN, CODE_NOTHING, ON_THE_WAY},
    {-DER_AGAIN, CODE_NOTHING, ON_THE_WAY},
    {-DER_STALE, CODE_NOTHING, ON_THE_WAY},
    {-DER_NO_HDL, CODE_NOTHING, ON_THE_WAY},
};

static const struct code errno_codes[] = {
    {0, CODE_MODEL, 0},
    {EEXIST, CODE_MODEL, 0},
    {ENOENT, CODE_MODEL, 0},
    {ENOTEMPTY, CODE_MODEL, 0},
    {ENOTDIR, CODE_MODEL, 0},
    {EISDIR, CODE_MODEL, 0},
    {EINVAL, CODE_MODEL, 0},
    {EPERM, CODE_MODEL, 0},
    {EACCES, CODE_MODEL, 0},
    {ENOTSUP, CODE_MODEL, 0},
    {ELOOP, CODE_MODEL, 0},
    {ENODATA, CODE_MODEL, 0},
    {ENAMETOOLONG, CODE_MODEL, 0},
    {ERANGE, CODE_MODEL, 0},
    {EFBIG, CODE_MODEL, 0},
    {EBUSY, CODE_MODEL, 0},
    {ENOSPC, CODE_LOST, WORK_FULL},
    {ENOMEM, CODE_LOST, WORK_NOMEM}, /* calls of several requests may be half done */
    {EIO, CODE_LOST, WORK_NET | WORK_DEVICE | WORK_ROT},
    {ETIMEDOUT, CODE_LOST, ON_THE_WAY},
    {EHOSTUNREACH, CODE_LOST, ON_THE_WAY},
    {ECANCELED, CODE_LOST, ON_THE_WAY},
    {ESHUTDOWN, CODE_LOST, ON_THE_WAY},
    {EAGAIN, CODE_LOST, ON_THE_WAY},
    {EBADF, CODE_LOST, ON_THE_WAY},
};

static enum work_verdict judge(const struct work *w, const struct code *codes, size_t nr, int code,
                               bool changes)
{
    for (size_t i = 0; i < nr; i++) {
        if (codes[i].code != code)
            continue;
        if (codes[i].is == CODE_MODEL)
            return WORK_ANSWERED;
        if (!(codes[i].faults & w->faults))
            return WORK_WRONG;
        return codes[i].is == CODE_LOST && changes ? WORK_UNKNOWN : WORK_FAILED;
    }
    return WORK_WRONG;
}

enum work_verdict work_verdict(const struct work *w, int rc, bool changes)
{
    return judge(w, der_codes, ARRAY_LEN(der_codes), rc, changes);
}

enum work_verdict work_verdict_errno(const struct work *w, int err, bool changes)
{
    return judge(w, errno_codes, ARRAY_LEN(errno_codes), err, changes);
}

/* ---- Ends ---- */

void work_wrong(struct work *w, const char *fmt, ...)
{
    va_list ap;

    if (w->failed)
        return;
    w->failed = true;
    va_start(ap, fmt);
    vsnprintf(w->why, sizeof(w->why), fmt, ap);
    va_end(ap);
}

void work_tell(struct work_client *c, const char *fmt, ...)
{
    char line[1024];
    va_list ap;

    if (!c->work->telling || c->work->tell == NULL)
        return;
    va_start(ap, fmt);
    vsnprintf(line, sizeof(line), fmt, ap);
    va_end(ap);
    c->work->tell(c->work->arg, c->index, line);
}

/* The end of the story is what matters when it does not fit. */
static void violated(struct work *w, struct hist *h)
{
    const char *story = hist_story(h);
    size_t len = strlen(story);

    w->gave_up = !w->failed && hist_gave_up(h);
    if (len < sizeof(w->why))
        work_wrong(w, "%s", story);
    else
        work_wrong(w, "%.200s\n...%s", story, story + len - (sizeof(w->why) - 300));
}

void work_end(struct work_client *c, struct hist *h, uint32_t id, const void *op, int rc,
              enum work_verdict v)
{
    struct work *w = c->work;

    w->ops++;
    w->excused += v == WORK_UNKNOWN || (v == WORK_FAILED && rc != 1);
    if (w->failed)
        return;
    switch (v) {
    case WORK_ANSWERED:
        hist_return(h, id, op);
        break;
    case WORK_FAILED:
        hist_failed(h, id);
        break;
    case WORK_UNKNOWN:
        hist_unknown(h, id);
        w->unknown++;
        w->unknown_all++;
        break;
    case WORK_WRONG:
        hist_failed(h, id);
        work_wrong(w, "client %u was answered %s (%d), which nothing here can lead to\n%s",
                   c->index, d_errstr(rc), rc, hist_story(h));
    }
    if (!hist_good(h))
        violated(w, h);
}

/* ---- What most workloads do ---- */

#define PAUSE_NS 200000u

struct hist *work_hist(struct work_client *c, const struct hist_spec *spec, const void *state)
{
    struct hist *h = hist_create(spec, state);

    struct work *w = c->work;

    if (w->now != NULL)
        hist_clock(h, w->now, w->arg);
    w->hists = realloc(w->hists, (w->hists_nr + 1) * sizeof(*w->hists));
    ASSERT(w->hists != NULL);
    w->hists[w->hists_nr++] = h;
    return h;
}

void *work_priv(struct work *w, size_t size)
{
    free(w->priv); /* of a setup that failed */
    w->priv = calloc(1, size);
    ASSERT(w->priv != NULL);
    return w->priv;
}

void *work_client_priv(struct work_client *c, size_t size)
{
    c->priv = calloc(1, size);
    ASSERT(c->priv != NULL);
    return c->priv;
}

void work_client_end(struct work_client *c, daos_handle_t *oh, uint32_t nr,
                     int (*close)(daos_handle_t oh, daos_event_t *ev))
{
    for (uint32_t i = 0; c->priv != NULL && i < nr; i++)
        if (oh[i].cookie != 0)
            close(oh[i], NULL);
    free(c->priv);
    c->priv = NULL;
}

void work_settle(struct work *w)
{
    for (uint32_t i = 0; i < w->hists_nr; i++)
        hist_settle(w->hists[i]);
    if (w->load->settle != NULL && w->priv != NULL)
        w->load->settle(w);
}

void work_fini(struct work *w)
{
    if (w->load->fini != NULL && w->priv != NULL)
        w->load->fini(w);
    for (uint32_t i = 0; i < w->hists_nr; i++)
        hist_destroy(w->hists[i]);
    free(w->hists);
    free(w->priv);
    w->hists = NULL;
    w->hists_nr = 0;
    w->priv = NULL;
}

#define NEAR_MAX 4u
#define OPEN_MAX 9u

bool work_crowded(const struct hist *h, const void *op)
{
    return hist_open(h) >= OPEN_MAX || hist_near(h, op) >= NEAR_MAX;
}

int work_over(int rc)
{
    return rc == -DER_NO_HDL ? rc : 0;
}

void work_pause(struct work_client *c)
{
    if (c->work->now != NULL)
        rt_sleep_ns(sim_rng_below(&c->rng, PAUSE_NS));
}
