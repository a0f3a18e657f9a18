/*
 * Snapshots and the keep floor.
 *
 * A version visible in [e, e') may be dropped only if e' <= floor and no snapshot lies in [e, e').
 * The floor is the oldest hold (a registered reader, or the barrier of a snapshot in the making);
 * without holds it is the shard's clock: everything superseded may go. The oldest intent's epoch
 * stays above it: what its commit puts there must not come in below what is gone.
 */
#include "vos/priv.h"

static int grow(uint64_t **a, uint32_t nr, uint32_t *max)
{
    uint32_t n = *max ? *max * 2 : 8;
    uint64_t *p;

    if (nr < *max)
        return 0;
    p = base_realloc(*a, n * sizeof *p);
    if (p == NULL)
        return -DER_NOMEM;
    *a = p;
    *max = n;
    return 0;
}

/* First index whose epoch is >= epoch. */
static uint32_t at(const uint64_t *a, uint32_t nr, uint64_t epoch)
{
    uint32_t lo = 0, hi = nr;

    while (lo < hi) {
        uint32_t mid = (lo + hi) / 2;

        if (a[mid] < epoch)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

static void put(uint64_t *a, uint32_t *nr, uint64_t epoch)
{
    uint32_t i = at(a, *nr, epoch);

    memmove(a + i + 1, a + i, (*nr - i) * sizeof *a);
    a[i] = epoch;
    (*nr)++;
}

static void take(uint64_t *a, uint32_t *nr, uint32_t i)
{
    memmove(a + i, a + i + 1, (*nr - i - 1) * sizeof *a);
    (*nr)--;
}

int snap_load(struct vos_cont *c)
{
    struct tree_key k = {0};
    uint64_t epoch, value;
    enum tree_seek how = TREE_FIRST;
    int rc;

    while ((rc = tree_seek(c->v->h, &snap_class, c->off + offsetof(struct cont_rec, snaps), how,
                           how == TREE_FIRST ? NULL : &k, &epoch, &value)) == 0) {
        rc = grow(&c->snaps, c->snap_nr, &c->snap_max);
        if (rc)
            return rc;
        c->snaps[c->snap_nr++] = epoch;
        if (MUTANT(SNAP_LOAD_ONE))
            return 0;
        k.order = epoch;
        how = TREE_GT;
    }
    return rc == -DER_NONEXIST ? 0 : rc;
}

bool snap_is(const struct vos_cont *c, uint64_t epoch)
{
    uint32_t i = at(c->snaps, c->snap_nr, epoch);

    return i < c->snap_nr && c->snaps[i] == epoch;
}

bool snap_between(const struct vos_cont *c, uint64_t from, uint64_t to)
{
    uint32_t i;

    if (c->snap_nr == 0)
        return false;
    i = at(c->snaps, c->snap_nr, from);
    return i < c->snap_nr && c->snaps[i] < to;
}

uint64_t keep_floor_but(const struct vos_cont *c, const struct doubt *but)
{
    uint64_t floor = MIN(hlc_peek(c->v->clock), doubt_floor(c, but));

    return c->hold_nr ? MIN(c->holds[0], floor) : floor;
}

daos_epoch_t vos_keep_floor(struct vos_cont *c)
{
    return keep_floor_but(c, NULL);
}

bool droppable(const struct vos_tx *t, uint64_t from, uint64_t to)
{
    return !t->replay && to <= t->floor && !snap_between(t->c, from, to);
}

int vos_hold(struct vos_cont *c, daos_epoch_t epoch)
{
    int rc = grow(&c->holds, c->hold_nr, &c->hold_max);

    if (rc)
        return rc;
    put(c->holds, &c->hold_nr, epoch);
    return 0;
}

int vos_release(struct vos_cont *c, daos_epoch_t epoch)
{
    uint32_t i = at(c->holds, c->hold_nr, epoch);

    if (i == c->hold_nr || c->holds[i] != epoch)
        return -DER_NONEXIST;
    take(c->holds, &c->hold_nr, i);
    return 0;
}

int vos_snap_add(struct vos_cont *c, daos_epoch_t epoch)
{
    struct tree_key k = {.order = epoch};
    struct vos_tx t;
    int rc;

    if (epoch == 0 || epoch >= HLC_LAST)
        return -DER_INVAL;
    if (c->gone)
        return -DER_NO_HDL;
    if (snap_is(c, epoch))
        return 0;
    if (c->rollback)
        return -DER_AGAIN;
    rc = grow(&c->snaps, c->snap_nr, &c->snap_max);
    if (rc)
        return rc;
    rc = vos_tx_begin(&t, c, TREE_REDO_MAX);
    if (rc)
        return rc;
    rc = tree_insert(c->v->h, &snap_class, c->off + offsetof(struct cont_rec, snaps), &k, 1);
    if (rc == 0)
        rc = vos_ceiling_raise(&t, epoch);
    if (rc == 0)
        rc = vos_tx_commit(&t, &c->pend_any);
    if (rc) {
        vos_tx_abort(&t);
        return rc;
    }
    put(c->snaps, &c->snap_nr, epoch);
    mark_note(c, &(struct site){.level = -1}, epoch);
    if (hlc_peek(c->v->clock) < epoch)
        hlc_raise(c->v->clock, epoch);
    return 0;
}

int vos_snap_del(struct vos_cont *c, daos_epoch_t epoch)
{
    struct tree_key k = {.order = epoch};
    struct vos_tx t;
    int rc;

    if (c->gone || !snap_is(c, epoch))
        return -DER_NONEXIST;
    rc = vos_tx_begin(&t, c, TREE_REDO_MAX);
    if (rc)
        return rc;
    heap_tx_use_reserve(c->v->h, HEAP_RESERVE_LAST);
    rc = tree_remove(c->v->h, &snap_class, c->off + offsetof(struct cont_rec, snaps), &k);
    if (rc == 0)
        rc = vos_tx_commit(&t, &c->pend_any);
    if (rc) {
        vos_tx_abort(&t);
        return rc;
    }
    take(c->snaps, &c->snap_nr, at(c->snaps, c->snap_nr, epoch));
    return 0;
}

int vos_snap_list(struct vos_cont *c, daos_epoch_t *epochs, uint32_t max, uint32_t *nr)
{
    if (c->gone)
        return -DER_NO_HDL;
    for (uint32_t i = 0; i < MIN(max, c->snap_nr); i++)
        epochs[i] = c->snaps[i];
    *nr = c->snap_nr;
    return 0;
}
