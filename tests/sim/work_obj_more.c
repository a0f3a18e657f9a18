/* Of the workload "objects" what takes several calls: snapshots, enumerations that are cut. */
#include <stdlib.h>
#include <string.h>
#include "work_objects.h"

#define PIN_FROM 16u

/* ---- Reading all ---- */

/* One that took several calls says nothing, but is no reason to stop. */
static int run_list(struct work_client *c, struct ob_sub *s)
{
    int rc = ob_run(c, s);

    return rc == 1 ? 0 : rc;
}

static int read_dkey(struct work_client *c, uint8_t obj, uint32_t dkey, uint8_t at)
{
    struct ob_sub s = {
        .what = OB_FETCH, .obj = obj, .dkeys = (uint8_t)(1u << dkey), .at = at, .iod_nr = OB_AKEYS};
    int rc;

    for (uint8_t a = 0; a < OB_AKEYS; a++)
        s.iod[a] = (struct ob_iod){.akey = a, .room = OB_ROOM_MAX};
    rc = ob_run(c, &s);
    if (rc != 0)
        return rc;
    s.iod_nr = 1;
    s.iod[0] = (struct ob_iod){.akey = OB_ARRAY,
                               .array = 1,
                               .rx_nr = 1,
                               .rx = {{0, OB_RECS}},
                               .room = OB_RECS * ob_rec_bytes[OB_REC_CLASSES - 1]};
    rc = ob_run(c, &s);
    if (rc != 0)
        return rc;
    s = (struct ob_sub){
        .what = OB_LIST_AKEYS, .obj = obj, .dkeys = (uint8_t)(1u << dkey), .at = at};
    return run_list(c, &s);
}

int ob_read_all(struct work_client *c, uint8_t at)
{
    int rc = 0;

    for (uint8_t o = 0; o < OB_OBJS && rc == 0; o++) {
        struct ob_sub s = {.what = OB_LIST_DKEYS, .obj = o, .at = at};

        rc = run_list(c, &s);
        for (uint32_t d = 0; d < OB_DKEYS && rc == 0; d++)
            rc = read_dkey(c, o, d, at);
    }
    return rc;
}

/* After settling: a dkey at a time, because all at once there are too many ways. */
static int read_dirty(struct work_client *c, bool *found)
{
    struct ob_work *w = ob_work(c);

    *found = false;
    for (uint8_t o = 0; o < OB_OBJS; o++)
        for (uint32_t d = 0; d < OB_DKEYS; d++) {
            if (!w->dirty[o][d])
                continue;
            *found = true;
            w->dirty[o][d] = false;
            return read_dkey(c, o, d, 0);
        }
    return 0;
}

/* What is undecided doubles the possible states, and nobody may ever ask: when they have become
 * many, a dkey in which two of them differ is read. */
static int read_different(struct work_client *c, bool *found)
{
    const uint32_t places = (OB_SNAPS + 1) * OB_OBJS * OB_DKEYS;
    struct ob_work *w = ob_work(c);
    const struct ob_state *a = hist_state_at(w->h, 0), *b;
    uint32_t from = ob_below(c, places);

    b = hist_state_at(w->h, 1 + (uint32_t)sim_rng_below(&c->rng, hist_states(w->h, NULL) - 1));
    for (uint32_t n = 0; n < places; n++) {
        uint32_t i = (from + n) % places, d = i % OB_DKEYS, o = i / OB_DKEYS % OB_OBJS;
        uint32_t at = i / (OB_DKEYS * OB_OBJS), s = at ? at - 1 : 0;
        const struct ob_image *x = at ? &a->snap[s] : &a->now, *y = at ? &b->snap[s] : &b->now;
        int rc;

        if (memcmp(&x->d[o][d], &y->d[o][d], sizeof(x->d[o][d])) == 0 ||
            (at > 0 && w->snap[s].is != SNAP_LIVE))
            continue;
        *found = true;
        w->snap[s].readers += at > 0;
        rc = read_dkey(c, (uint8_t)o, d, (uint8_t)at);
        w->snap[s].readers -= at > 0;
        return rc;
    }
    return 0;
}

int ob_pin(struct work_client *c, bool *found)
{
    int rc = read_dirty(c, found);

    if (*found || hist_states(ob_work(c)->h, NULL) < PIN_FROM)
        return rc;
    return read_different(c, found);
}

/* ---- Snapshots ---- */

/* A snapshot is known by its place in the model; the system's name, its epoch, only we know. */
static int find_snap(struct work_client *c, enum snap_is is)
{
    struct ob_work *w = ob_work(c);
    uint32_t from = ob_below(c, OB_SNAPS);

    for (uint32_t i = 0; i < OB_SNAPS; i++) {
        uint32_t k = (from + i) % OB_SNAPS;

        if (w->snap[k].is == is)
            return (int)k;
    }
    return -1;
}

static enum work_verdict run_snap(struct work_client *c, enum ob_what what, int i,
                                  int (*f)(struct work_client *c, struct ob_snap *s), int *rc)
{
    struct ob_op *op = &((struct ob_client *)c->priv)->call.op;
    uint32_t id;
    enum work_verdict v;

    op->kind = OB_PLAIN;
    op->nr = 1;
    op->sub[0] = (struct ob_sub){.what = (uint8_t)what, .at = (uint8_t)(i + 1)};
    id = ob_begin(c, op);
    op->sub[0].rc = *rc = f(c, &ob_work(c)->snap[i]);
    v = work_verdict(c->work, *rc, true);
    ob_end(c, id, op, *rc, v);
    return v;
}

static int do_make(struct work_client *c, struct ob_snap *s)
{
    return daos_cont_create_snap(c->coh, &s->epoch, NULL, NULL);
}

static int do_destroy(struct work_client *c, struct ob_snap *s)
{
    daos_epoch_range_t epr = {s->epoch, s->epoch};

    return daos_cont_destroy_snap(c->coh, epr, NULL);
}

/* Once made it is read whole: what was under way at its instant is then decided, instead of
 * doubling the possible states for as long as it lives. */
int ob_snap_make(struct work_client *c)
{
    struct ob_work *w = ob_work(c);
    int i = find_snap(c, SNAP_FREE), rc = 0;
    enum work_verdict v;

    if (i < 0 || w->snap_busy)
        return 0;
    w->snap_busy = true;
    w->snap[i] = (struct ob_snap){.is = SNAP_BUSY, .readers = 1};
    v = run_snap(c, OB_SNAP_CREATE, i, do_make, &rc);
    w->snap[i].is = rc == 0 ? SNAP_LIVE : v == WORK_UNKNOWN ? SNAP_MADE_PERHAPS : SNAP_FREE;
    for (int try = 0; rc == 0 && try < 3; try++)
        if (ob_read_all(c, (uint8_t)(i + 1)) == 0)
            break;
    w->snap[i].readers--;
    w->snap_busy = false;
    return rc;
}

int ob_snap_destroy(struct work_client *c)
{
    struct ob_work *w = ob_work(c);
    int i = find_snap(c, SNAP_LIVE), rc = 0;
    enum work_verdict v;

    if (i < 0 || w->snap[i].readers > 0)
        return 0;
    w->snap[i].is = SNAP_BUSY;
    v = run_snap(c, OB_SNAP_DESTROY, i, do_destroy, &rc);
    w->snap[i].settled = false;
    w->snap[i].is = v == WORK_UNKNOWN               ? SNAP_GONE_PERHAPS
                    : v == WORK_ANSWERED && rc == 0 ? SNAP_FREE
                                                    : SNAP_LIVE;
    return rc;
}

#define LIST_MAX 32

/* A place that was given up and taken again meanwhile says nothing. */
static int list_epochs(struct work_client *c, struct ob_sub *s, daos_epoch_t *epochs)
{
    struct ob_work *w = ob_work(c);
    struct ob_snap before[OB_SNAPS];
    daos_anchor_t anchor = {0};
    int nr = LIST_MAX, rc;

    memcpy(before, w->snap, sizeof(before));
    rc = daos_cont_list_snap(c->coh, &nr, epochs, NULL, &anchor, NULL);
    if (rc != 0)
        return rc;
    s->size = (uint32_t)nr;
    for (uint32_t i = 0; i < OB_SNAPS; i++) {
        daos_epoch_t epoch = w->snap[i].epoch;
        bool known = epoch != 0 && epoch == before[i].epoch && w->snap[i].is != SNAP_FREE &&
                     before[i].is != SNAP_FREE;

        s->known |= (uint32_t)known << i;
        for (int k = 0; k < nr && k < LIST_MAX; k++) {
            if (!known || epochs[k] != epoch)
                continue;
            s->found |= 1u << i;
            epochs[k] = 0;
        }
    }
    return 0;
}

/* What a list says of those we were not told about. */
static void learn(struct ob_work *w, const struct ob_sub *s, const daos_epoch_t *epochs)
{
    uint32_t perhaps = 0, which = 0, strange = 0;
    daos_epoch_t epoch = 0;

    for (uint32_t k = 0; k < s->size && k < LIST_MAX; k++)
        if (epochs[k] != 0)
            strange++, epoch = epochs[k];
    for (uint32_t i = 0; i < OB_SNAPS; i++) {
        struct ob_snap *sn = &w->snap[i];

        if (sn->is == SNAP_BUSY || (sn->is == SNAP_MADE_PERHAPS && !sn->settled))
            return;
        if (sn->is == SNAP_GONE_PERHAPS && sn->settled)
            sn->is = s->found >> i & 1 ? SNAP_LIVE : SNAP_FREE;
        if (sn->is == SNAP_MADE_PERHAPS)
            perhaps++, which = i;
    }
    for (uint32_t i = 0; i < OB_SNAPS && strange == 0; i++)
        if (w->snap[i].is == SNAP_MADE_PERHAPS)
            w->snap[i].is = SNAP_FREE;
    if (perhaps == 1 && strange == 1) {
        w->snap[which].is = SNAP_LIVE;
        w->snap[which].epoch = epoch;
    }
}

int ob_snap_list(struct work_client *c)
{
    struct ob_op *op = &((struct ob_client *)c->priv)->call.op;
    struct ob_sub *s = &op->sub[0];
    daos_epoch_t epochs[LIST_MAX] = {0};
    enum work_verdict v;
    uint32_t id;

    op->kind = OB_PLAIN;
    op->nr = 1;
    *s = (struct ob_sub){.what = OB_SNAP_LIST};
    id = ob_begin(c, op);
    s->rc = list_epochs(c, s, epochs);
    v = work_verdict(c->work, s->rc, false);
    ob_end(c, id, op, s->rc, v);
    if (v == WORK_ANSWERED && s->rc == 0)
        learn(ob_work(c), s, epochs);
    return s->rc;
}

int ob_snap_read(struct work_client *c)
{
    struct ob_work *w = ob_work(c);
    int i = find_snap(c, SNAP_LIVE), rc;
    struct ob_sub s;

    if (i < 0)
        return 0;
    w->snap[i].readers++;
    ob_draw_read(c, &s);
    s.at = (uint8_t)(i + 1);
    rc = ob_run(c, &s);
    w->snap[i].readers--;
    return rc;
}

/* ---- Enumerations in several calls ---- */

/*
 * They happen at no single instant. What is promised: a key that was there all the time comes
 * exactly once, one that was not there at any time does not come. One that went and came again (its
 * object was punched as a whole, say) may come twice. A key whose dkey nobody changed meanwhile was
 * the same all the time.
 */

/* Bits of the keys whose dkeys nobody is changing; before: what ob_work.changes said. */
static uint32_t steady(const struct ob_work *w, const struct ob_sub *s, const uint32_t *before)
{
    uint32_t bits = 0;

    for (uint32_t d = 0; d < OB_DKEYS; d++)
        if (w->open[s->obj][d] == 0 && w->changes[s->obj][d] == before[d])
            bits |= 1u << d;
    if (s->what == OB_LIST_DKEYS)
        return bits;
    return bits & s->dkeys ? (1u << OB_AKEYS) - 1 : 0;
}

/* Keys that are there in every possible state, and in some. */
static void present(const struct ob_work *w, struct ob_sub s, uint32_t *all, uint32_t *some)
{
    uint32_t nr = hist_states(w->h, NULL);

    *all = UINT32_MAX;
    *some = 0;
    for (uint32_t i = 0; i < nr; i++) {
        const struct ob_state *st = hist_state_at(w->h, i);

        ob_answer(&st->now, &s);
        *all &= s.found;
        *some |= s.found;
    }
}

/* A buffer that the longest key does not fit is answered with the size it needs. */
static int list_small(struct work_client *c, struct ob_sub *s, daos_anchor_t *anchor,
                      uint32_t *again)
{
    size_t room = ob_coin(c, 2) ? 60 : 2 * OB_KEY_MAX;
    int rc = ob_list(c, s, DAOS_TX_NONE, 1 + ob_below(c, 2), room, anchor, again);

    return rc == -DER_KEY2BIG && room < OB_KEY_MAX
               ? ob_list(c, s, DAOS_TX_NONE, 1, OB_KEY_MAX, anchor, again)
               : rc;
}

static void judge(struct work_client *c, const struct ob_sub *s, uint32_t still, uint32_t again)
{
    struct ob_work *w = ob_work(c);
    uint32_t all, some;

    present(w, *s, &all, &some);
    if ((again & still) || (still & all & ~s->found) || (still & ~some & s->found) ||
        (s->found & ~((1u << OB_DKEYS) - 1)))
        work_wrong(c->work,
                   "client %u: an enumeration of %s of object %u in several calls found %x; nobody "
                   "touched %x meanwhile, of which %x are there; twice or out of order: %x",
                   c->index, s->what == OB_LIST_DKEYS ? "dkeys" : "akeys", s->obj, s->found, still,
                   all & still, again);
}

int ob_enumerate(struct work_client *c)
{
    struct ob_work *w = ob_work(c);
    struct ob_sub s = {.what = OB_LIST_DKEYS, .obj = ob_below(c, OB_OBJS)}, once;
    uint32_t before[OB_DKEYS], again = 0, still;
    daos_anchor_t anchor = {0};
    int rc;

    if (ob_coin(c, 2)) {
        s.what = OB_LIST_AKEYS;
        s.dkeys = (uint8_t)(1u << ob_below(c, OB_DKEYS));
    }
    once = s;
    rc = ob_run(c, &once); /* decides what was settled; not for sure what is open */
    if (rc != 0 || c->work->failed)
        return rc;
    memcpy(before, w->changes[s.obj], sizeof(before));
    still = steady(w, &s, before);
    while (rc == 0 && !daos_anchor_is_eof(&anchor)) {
        rc = list_small(c, &s, &anchor, &again);
        if (rc == 0 && ob_coin(c, 2)) {
            struct ob_sub other;

            ob_draw_change(c, &other);
            rc = ob_run(c, &other) == -DER_NO_HDL ? -DER_NO_HDL : 0;
        }
    }
    if (rc == 0)
        judge(c, &s, still & steady(w, &s, before), again);
    else if (work_verdict(c->work, rc, false) != WORK_FAILED)
        work_wrong(c->work, "client %u: an enumeration was answered %d", c->index, rc);
    return rc;
}
