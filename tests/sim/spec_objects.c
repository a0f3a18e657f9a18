/* The model of a container's objects; see spec_objects.h. */
#include <daos.h>
#include <string.h>
#include "base/assert.h"
#include "spec_objects.h"
#include "value.h"

const uint32_t ob_rec_bytes[OB_REC_CLASSES] = {0, 1, 8, 100, 500, 3000};

#define FOR_IODS(d, s) for (const struct ob_iod *d = (s)->iod; d < (s)->iod + (s)->iod_nr; d++)

static uint32_t first_bit(uint32_t bits)
{
    ASSERT(bits != 0);
    return (uint32_t)__builtin_ctz(bits);
}

/* ---- What is there ---- */

bool ob_array_is(const struct ob_dkey *d)
{
    return d->rec != 0;
}

bool ob_akey_is(const struct ob_dkey *d, uint32_t akey)
{
    return d->single[akey] != 0 || (akey == OB_ARRAY && ob_array_is(d));
}

bool ob_dkey_is(const struct ob_dkey *d)
{
    return ob_akey_is(d, 0) || ob_akey_is(d, 1) || ob_akey_is(d, 2);
}

bool ob_obj_is(const struct ob_image *im, uint32_t obj)
{
    for (uint32_t i = 0; i < OB_DKEYS; i++)
        if (ob_dkey_is(&im->d[obj][i]))
            return true;
    return false;
}

static uint32_t records(const struct ob_dkey *d)
{
    uint32_t map = 0;

    for (uint32_t i = 0; i < OB_RECS; i++)
        map |= (uint32_t)(d->recs[i] != 0) << i;
    return map;
}

/* ---- Changes ---- */

static void punch_akey(struct ob_dkey *d, uint32_t akey)
{
    d->single[akey] = 0;
    if (akey != OB_ARRAY)
        return;
    memset(d->recs, 0, sizeof(d->recs));
    d->rec = 0;
}

static void punch_records(struct ob_dkey *d, const struct ob_iod *iod)
{
    for (uint32_t r = 0; r < iod->rx_nr; r++)
        for (uint32_t i = 0; i < iod->rx[r].nr; i++)
            d->recs[iod->rx[r].from + i] = 0;
    if (records(d) == 0)
        d->rec = 0;
}

static void write_records(struct ob_dkey *d, const struct ob_iod *iod)
{
    d->rec = iod->rec;
    for (uint32_t r = 0; r < iod->rx_nr; r++)
        for (uint32_t i = iod->rx[r].from; i < (uint32_t)iod->rx[r].from + iod->rx[r].nr; i++)
            d->recs[i] = value_record(iod->id, ob_rec_bytes[iod->rec], i);
}

static bool is_punch(const struct ob_iod *iod)
{
    return iod->array ? iod->rec == 0 : iod->id == 0;
}

static int update_conditions(const struct ob_image *im, const struct ob_sub *s)
{
    const struct ob_dkey *d = &im->d[s->obj][first_bit(s->dkeys)];

    if ((s->cond & OB_D_INSERT) && ob_dkey_is(d))
        return -DER_EXIST;
    if ((s->cond & OB_D_UPDATE) && !ob_dkey_is(d))
        return -DER_NONEXIST;
    FOR_IODS(iod, s)
    {
        if ((iod->cond & OB_A_INSERT) && ob_akey_is(d, iod->akey))
            return -DER_EXIST;
        if ((iod->cond & OB_A_UPDATE) && !ob_akey_is(d, iod->akey))
            return -DER_NONEXIST;
    }
    return 0;
}

static int conditions(const struct ob_image *im, const struct ob_sub *s)
{
    if (s->what == OB_UPDATE)
        return update_conditions(im, s);
    if (!(s->cond & OB_PUNCH_IF))
        return 0;
    if (s->what == OB_PUNCH_OBJ)
        return ob_obj_is(im, s->obj) ? 0 : -DER_NONEXIST;
    for (uint32_t i = 0; i < OB_DKEYS; i++) {
        const struct ob_dkey *d = &im->d[s->obj][i];

        if (!(s->dkeys >> i & 1))
            continue;
        if (s->what == OB_PUNCH_DKEYS && !ob_dkey_is(d))
            return -DER_NONEXIST;
        for (uint32_t a = 0; s->what == OB_PUNCH_AKEYS && a < OB_AKEYS; a++)
            if ((s->akeys >> a & 1) && !ob_akey_is(d, a))
                return -DER_NONEXIST;
    }
    return 0;
}

/* May this be written where that is? */
static int fits(const struct ob_dkey *d, const struct ob_iod *iod)
{
    if (is_punch(iod))
        return 0;
    if (iod->array ? d->single[iod->akey] != 0 : iod->akey == OB_ARRAY && ob_array_is(d))
        return -DER_INVAL;
    return iod->array && ob_array_is(d) && d->rec != iod->rec ? -DER_REC_SIZE : 0;
}

static int update(struct ob_image *im, const struct ob_sub *s)
{
    struct ob_dkey *d = &im->d[s->obj][first_bit(s->dkeys)];
    int rc = 0;

    FOR_IODS(iod, s)
    {
        rc = rc ? rc : fits(d, iod);
    }
    if (rc != 0)
        return rc;
    FOR_IODS(iod, s)
    {
        if (!is_punch(iod) && iod->array)
            write_records(d, iod);
        else if (iod->array)
            punch_records(d, iod);
        else if (is_punch(iod))
            punch_akey(d, iod->akey);
        else
            d->single[iod->akey] = iod->id;
    }
    return 0;
}

static int change(struct ob_image *im, const struct ob_sub *s)
{
    if (s->what == OB_UPDATE)
        return update(im, s);
    for (uint32_t i = 0; i < OB_DKEYS; i++) {
        struct ob_dkey *d = &im->d[s->obj][i];

        if (s->what != OB_PUNCH_OBJ && !(s->dkeys >> i & 1))
            continue;
        if (s->what != OB_PUNCH_AKEYS)
            memset(d, 0, sizeof(*d));
        for (uint32_t a = 0; s->what == OB_PUNCH_AKEYS && a < OB_AKEYS; a++)
            if (s->akeys >> a & 1)
                punch_akey(d, a);
    }
    return 0;
}

/* ---- Reads ---- */

static int fetch_single(const struct ob_dkey *d, struct ob_iod *iod)
{
    uint16_t id = d->single[iod->akey];

    if (id == 0)
        return 0;
    iod->size = value_len(id);
    iod->map = 1;
    if (iod->size_only)
        return 0;
    if (iod->room < iod->size)
        return -DER_REC2BIG;
    iod->got[0] = id;
    iod->filled = iod->size;
    return 0;
}

static int fetch_array(const struct ob_dkey *d, struct ob_iod *iod)
{
    uint32_t bytes = ob_rec_bytes[d->rec], base = 0;

    if (iod->akey != OB_ARRAY || !ob_array_is(d))
        return 0;
    for (uint32_t r = 0; r < iod->rx_nr; r++) {
        for (uint32_t i = 0; i < iod->rx[r].nr; i++) {
            uint32_t at = iod->rx[r].from + i;

            if (d->recs[at] == 0)
                continue;
            iod->map |= 1u << at;
            if (iod->size_only)
                continue;
            iod->got[at] = d->recs[at];
            iod->filled = MAX(iod->filled, (base + i + 1) * bytes);
        }
        base += iod->rx[r].nr;
    }
    if (iod->map == 0)
        return 0;
    iod->size = bytes;
    return iod->rec != 0 && iod->rec != d->rec ? -DER_REC_SIZE : 0;
}

static int fetch(const struct ob_image *im, struct ob_sub *s)
{
    const struct ob_dkey *d = &im->d[s->obj][first_bit(s->dkeys)];
    int rc = 0;

    if ((s->cond & OB_D_FETCH) && !ob_dkey_is(d))
        return -DER_NONEXIST;
    FOR_IODS(iod, s)
    {
        if ((iod->cond & OB_A_FETCH) && !ob_akey_is(d, iod->akey))
            return -DER_NONEXIST;
    }
    for (uint32_t i = 0; i < s->iod_nr && rc == 0; i++)
        rc = s->iod[i].array ? fetch_array(d, &s->iod[i]) : fetch_single(d, &s->iod[i]);
    return rc;
}

static void list_recx(const struct ob_dkey *d, struct ob_sub *s)
{
    uint32_t akey = first_bit(s->akeys);

    if (d->single[akey] != 0) {
        s->found = 1;
        s->size = value_len(d->single[akey]);
    } else if (akey == OB_ARRAY && ob_array_is(d)) {
        s->found = records(d);
        s->size = ob_rec_bytes[d->rec];
    }
}

/* The akey (first or last) that has what is asked for, and its record. */
static bool query_dkey(const struct ob_dkey *d, const struct ob_sub *s, uint32_t *akey,
                       uint32_t *rec)
{
    bool max = s->query & DAOS_GET_MAX;

    for (uint32_t i = 0; i < OB_AKEYS; i++) {
        uint32_t a = max ? OB_AKEYS - 1 - i : i, map;

        if (!(s->query & DAOS_GET_AKEY) && (s->query & DAOS_GET_RECX) && !(s->akeys >> a & 1))
            continue;
        if (!ob_akey_is(d, a))
            continue;
        *akey = a;
        if (!(s->query & DAOS_GET_RECX))
            return true;
        if (a != OB_ARRAY || !ob_array_is(d))
            continue;
        map = records(d);
        *rec = max ? 31 - (uint32_t)__builtin_clz(map) : first_bit(map);
        return true;
    }
    return false;
}

static void query(const struct ob_image *im, struct ob_sub *s)
{
    s->found = OB_NONE | OB_NONE << 8 | OB_NONE << 16;
    for (uint32_t i = 0; i < OB_DKEYS; i++) {
        uint32_t d = s->query & DAOS_GET_MAX ? OB_DKEYS - 1 - i : i, akey = OB_NONE, rec = OB_NONE;

        if (!(s->query & DAOS_GET_DKEY) && !(s->dkeys >> d & 1))
            continue;
        if (!query_dkey(&im->d[s->obj][d], s, &akey, &rec))
            continue;
        s->found = (s->query & DAOS_GET_DKEY ? d : OB_NONE) |
                   (s->query & DAOS_GET_AKEY ? akey : OB_NONE) << 8 |
                   (s->query & DAOS_GET_RECX ? rec : OB_NONE) << 16;
        s->size = s->query & DAOS_GET_RECX ? records(&im->d[s->obj][d]) : 0;
        return;
    }
}

void ob_answer(const struct ob_image *im, struct ob_sub *s)
{
    s->rc = 0;
    s->found = s->size = 0;
    for (uint32_t i = 0; i < s->iod_nr; i++) {
        s->iod[i].size = s->iod[i].filled = s->iod[i].map = 0;
        memset(s->iod[i].got, 0, sizeof(s->iod[i].got));
    }
    switch (s->what) {
    case OB_FETCH:
        s->rc = fetch(im, s);
        break;
    case OB_LIST_DKEYS:
        for (uint32_t i = 0; i < OB_DKEYS; i++)
            s->found |= (uint32_t)ob_dkey_is(&im->d[s->obj][i]) << i;
        break;
    case OB_LIST_AKEYS:
        for (uint32_t i = 0; i < OB_AKEYS; i++)
            s->found |= (uint32_t)ob_akey_is(&im->d[s->obj][first_bit(s->dkeys)], i) << i;
        break;
    case OB_LIST_RECX:
        list_recx(&im->d[s->obj][first_bit(s->dkeys)], s);
        break;
    case OB_QUERY:
        query(im, s);
        break;
    default:
        ASSERT(!"a read");
    }
}

/* Of a value that was too large the real size comes back, of nothing else anything. */
static bool same_too_big(const struct ob_sub *got, const struct ob_sub *want)
{
    for (uint32_t i = 0; i < got->iod_nr; i++) {
        const struct ob_iod *w = &want->iod[i];

        if (!w->array && !w->size_only && w->size > w->room)
            return got->iod[i].size == w->size;
    }
    return false;
}

static bool same_answer(const struct ob_sub *got, const struct ob_sub *want)
{
    if (got->rc != want->rc)
        return false;
    if (got->rc == -DER_REC2BIG)
        return same_too_big(got, want);
    if (got->rc != 0)
        return true;
    if (got->found != want->found)
        return false;
    if (got->what == OB_QUERY)
        return (got->size & ~want->size) == 0;
    for (uint32_t i = 0; i < got->iod_nr; i++) {
        const struct ob_iod *g = &got->iod[i], *w = &want->iod[i];

        if (g->size != w->size || g->filled != w->filled || g->map != w->map ||
            memcmp(g->got, w->got, sizeof(g->got)) != 0)
            return false;
    }
    return got->size == want->size;
}

static bool read_fits(const struct ob_state *st, const struct ob_sub *s)
{
    struct ob_sub want = *s;

    if (s->at > 0 && !st->taken[s->at - 1])
        return false;
    ob_answer(s->at > 0 ? &st->snap[s->at - 1] : &st->now, &want);
    return same_answer(s, &want);
}

/* ---- Snapshots ---- */

static bool snap_create(struct ob_state *st, const struct ob_sub *s, bool known)
{
    uint32_t i = s->at - 1u;

    if (st->taken[i] || (known && s->rc != 0))
        return !known;
    st->taken[i] = 1;
    st->snap[i] = st->now;
    return true;
}

static bool snap_destroy(struct ob_state *st, const struct ob_sub *s, bool known)
{
    uint32_t i = s->at - 1u;
    int rc = st->taken[i] ? 0 : -DER_NONEXIST;

    st->taken[i] = 0;
    memset(&st->snap[i], 0, sizeof(st->snap[i]));
    return !known || s->rc == rc;
}

static bool snap_list_fits(const struct ob_state *st, const struct ob_sub *s)
{
    uint32_t nr = 0, there = 0;

    for (uint32_t i = 0; i < OB_SNAPS; i++) {
        nr += st->taken[i];
        there |= (uint32_t)st->taken[i] << i;
    }
    return s->rc == 0 && s->size == nr && (there & s->known) == s->found;
}

/* ---- Operations ---- */

static bool apply_plain(struct ob_state *st, const struct ob_sub *s, bool known)
{
    int rc;

    if (s->what == OB_SNAP_CREATE)
        return snap_create(st, s, known);
    if (s->what == OB_SNAP_DESTROY)
        return snap_destroy(st, s, known);
    if (s->what == OB_SNAP_LIST)
        return !known || snap_list_fits(st, s);
    if (s->what > OB_CHANGES)
        return !known || read_fits(st, s);
    rc = conditions(&st->now, s);
    if (rc == 0)
        rc = change(&st->now, s);
    return !known || rc == s->rc;
}

static bool reads_fit(const struct ob_state *st, const struct ob_op *op)
{
    for (uint32_t i = 0; i < op->nr; i++) {
        const struct ob_sub *s = &op->sub[i];

        if (s->what > OB_CHANGES ? !read_fits(st, s)
                                 : op->kind == OB_READS && conditions(&st->now, s) != s->rc)
            return false;
    }
    return true;
}

/* Targets judge their parts each for itself: of several refusals any may be the answer, but those
 * of conditions come before those of what kind of value is there. */
static bool refusal_fits(const struct ob_state *st, const struct ob_op *op, int rc)
{
    if (rc == op->rc || rc == 0 || op->rc == 0)
        return rc == op->rc;
    for (uint32_t i = 0; i < op->nr; i++)
        if (op->sub[i].what < OB_CHANGES && conditions(&st->now, &op->sub[i]) == op->rc)
            return true;
    return (rc == -DER_INVAL || rc == -DER_REC_SIZE) &&
           (op->rc == -DER_INVAL || op->rc == -DER_REC_SIZE);
}

/* A commit whose reads do not hold any more would be a conflict, and has changed nothing. */
static bool apply_tx(struct ob_state *st, const struct ob_op *op, bool known)
{
    struct ob_image then = st->now;
    int rc = 0;

    if (!reads_fit(st, op))
        return !known;
    for (uint32_t i = 0; i < op->nr && rc == 0; i++)
        if (op->sub[i].what < OB_CHANGES)
            rc = conditions(&st->now, &op->sub[i]);
    for (uint32_t i = 0; i < op->nr && rc == 0; i++)
        if (op->sub[i].what < OB_CHANGES)
            rc = change(&then, &op->sub[i]);
    if (known && !refusal_fits(st, op, rc))
        return false;
    if (rc == 0)
        st->now = then;
    return true;
}

static bool apply(void *state, const void *arg, bool known)
{
    struct ob_state *st = state;
    const struct ob_op *op = arg;

    if (op->kind == OB_TX)
        return apply_tx(st, op, known);
    if (op->kind == OB_READS)
        return !known || reads_fit(st, op);
    return apply_plain(st, &op->sub[0], known);
}

/* ---- What touches what ---- */

#define AKEY_BITS    (OB_OBJS * OB_DKEYS * OB_AKEYS)
#define SNAP_BIT(at) (UINT64_C(1) << (AKEY_BITS + (at)-1))
#define LIST_BIT     (UINT64_C(1) << (AKEY_BITS + OB_SNAPS))
#define ALL_AKEYS    ((UINT64_C(1) << AKEY_BITS) - 1)
_Static_assert(AKEY_BITS + OB_SNAPS < 64, "bits");

static uint64_t akey_bits(uint32_t obj, uint32_t dkeys, uint32_t akeys)
{
    uint64_t bits = 0;

    for (uint32_t d = 0; d < OB_DKEYS; d++)
        if (dkeys >> d & 1)
            bits |= (uint64_t)akeys << ((obj * OB_DKEYS + d) * OB_AKEYS);
    return bits;
}

static uint64_t sub_touches(const struct ob_sub *s)
{
    const uint32_t all_a = (1u << OB_AKEYS) - 1, all_d = (1u << OB_DKEYS) - 1;
    uint32_t akeys = 0;

    if (s->what == OB_SNAP_CREATE)
        return ALL_AKEYS | SNAP_BIT(s->at) | LIST_BIT;
    if (s->what == OB_SNAP_DESTROY)
        return SNAP_BIT(s->at) | LIST_BIT;
    if (s->what == OB_SNAP_LIST)
        return LIST_BIT;
    if (s->at > 0)
        return SNAP_BIT(s->at);
    if (s->what == OB_PUNCH_OBJ || s->what == OB_LIST_DKEYS ||
        (s->what == OB_QUERY && (s->query & DAOS_GET_DKEY)))
        return akey_bits(s->obj, all_d, all_a);
    FOR_IODS(iod, s)
    {
        akeys |= 1u << iod->akey;
    }
    if (s->what == OB_PUNCH_AKEYS || s->what == OB_LIST_RECX)
        akeys = s->akeys;
    else if (s->iod_nr == 0 || (s->cond & (OB_D_INSERT | OB_D_UPDATE | OB_D_FETCH)))
        akeys = all_a;
    return akey_bits(s->obj, s->dkeys, akeys);
}

static uint64_t touches(const void *arg)
{
    const struct ob_op *op = arg;
    uint64_t bits = 0;

    for (uint32_t i = 0; i < op->nr; i++)
        bits |= sub_touches(&op->sub[i]);
    return bits;
}

static bool only_reads(const void *arg)
{
    const struct ob_op *op = arg;

    return op->kind == OB_READS ||
           (op->kind == OB_PLAIN && op->sub[0].what > OB_CHANGES && op->sub[0].what < OB_READS_END);
}

static size_t op_used(const void *arg)
{
    const struct ob_op *op = arg;

    return offsetof(struct ob_op, sub) + op->nr * sizeof(op->sub[0]);
}

const struct hist_spec ob_spec = {
    .name = "objects",
    .op_used = op_used,
    .state_bytes = sizeof(struct ob_state),
    .op_bytes = sizeof(struct ob_op),
    .apply = apply,
    .touches = touches,
    .only_reads = only_reads,
    .print_op = ob_print_op,
    .print_state = ob_print_state,
};
