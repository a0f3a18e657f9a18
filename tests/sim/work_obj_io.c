/* From operations of the model to calls of the API and back: keys to bytes, ids to values, and what
 * comes back to ids. */
#include <stdlib.h>
#include <string.h>
#include "work_objects.h"

#define GUARD 64u /* bytes behind a buffer that nobody may touch */

static const uint64_t flag_of[] = {
    DAOS_COND_DKEY_INSERT, DAOS_COND_DKEY_UPDATE, DAOS_COND_DKEY_FETCH, DAOS_COND_PUNCH,
    DAOS_COND_AKEY_INSERT, DAOS_COND_AKEY_UPDATE, DAOS_COND_AKEY_FETCH,
};

#define A_CONDS (OB_A_INSERT | OB_A_UPDATE | OB_A_FETCH)

static uint64_t flags_of(uint32_t cond)
{
    uint64_t flags = 0;

    for (uint32_t i = 0; i < ARRAY_LEN(flag_of); i++)
        if (cond >> i & 1)
            flags |= flag_of[i];
    return flags;
}

static void set_key(daos_key_t *to, struct ob_key *key)
{
    d_iov_set(to, key->bytes, key->len);
}

static uint32_t only(uint32_t bits)
{
    return (uint32_t)__builtin_ctz(bits);
}

/* A buffer in one to three pieces. */
static void set_sgl(struct work_client *c, struct ob_call *a, uint32_t i, size_t len)
{
    uint32_t nr = ob_coin(c, 3) ? 1 + ob_below(c, OB_IOVS) : 1;
    unsigned char *buf = a->buf[i];
    size_t at = 0;

    a->sgls[i] = (d_sg_list_t){.sg_nr = nr, .sg_iovs = a->iovs[i]};
    for (uint32_t k = 0; k < nr; k++) {
        size_t part = k + 1 == nr ? len - at : (size_t)sim_rng_below(&c->rng, len - at + 1);

        d_iov_set(&a->iovs[i][k], buf + at, part);
        at += part;
    }
}

static void set_iods(struct work_client *c, const struct ob_sub *s, struct ob_call *a)
{
    struct ob_obj *o = &ob_work(c)->obj[s->obj];
    bool same = true;

    set_key(&a->dkeys[0], &o->dkey[only(s->dkeys)]);
    memset(a->sgls, 0, sizeof(a->sgls));
    for (uint32_t i = 0; i < s->iod_nr; i++) {
        const struct ob_iod *from = &s->iod[i];
        daos_iod_t *iod = &a->iods[i];

        *iod = (daos_iod_t){0};
        set_key(&iod->iod_name, &o->akey[from->akey]);
        iod->iod_type = from->array ? DAOS_IOD_ARRAY : DAOS_IOD_SINGLE;
        iod->iod_nr = from->array ? from->rx_nr : 1;
        iod->iod_size = from->array ? ob_rec_bytes[from->rec] : 0;
        for (uint32_t k = 0; k < from->rx_nr; k++)
            a->recxs[i][k] = (daos_recx_t){from->rx[k].from, from->rx[k].nr};
        iod->iod_recxs = from->array ? a->recxs[i] : NULL;
        iod->iod_flags = flags_of(from->cond);
        same &= from->cond == s->iod[0].cond;
    }
    a->flags = flags_of(s->cond);
    if (same && ob_coin(c, 2))
        a->flags |= flags_of(s->iod[0].cond);
    else
        a->flags |= DAOS_COND_PER_AKEY;
}

/* ---- Changes ---- */

static size_t fill_records(unsigned char *buf, const struct ob_iod *iod)
{
    size_t bytes = ob_rec_bytes[iod->rec], at = 0;

    for (uint32_t r = 0; r < iod->rx_nr; r++)
        for (uint32_t i = iod->rx[r].from; i < (uint32_t)iod->rx[r].from + iod->rx[r].nr; i++) {
            value_fill(buf + at, bytes, value_record(iod->id, bytes, i), i);
            at += bytes;
        }
    return at;
}

static int update(struct work_client *c, struct ob_call *a, const struct ob_sub *s,
                  daos_handle_t th, daos_event_t *ev)
{
    struct ob_client *oc = c->priv;

    set_iods(c, s, a);
    for (uint32_t i = 0; i < s->iod_nr; i++) {
        const struct ob_iod *iod = &s->iod[i];
        size_t len;

        if (iod->array ? iod->rec == 0 : iod->id == 0)
            continue;
        if (iod->array) {
            len = fill_records(a->buf[i], iod);
        } else {
            len = value_len(iod->id);
            a->iods[i].iod_size = len;
            value_fill(a->buf[i], len, iod->id, 0);
        }
        set_sgl(c, a, i, len);
    }
    return daos_obj_update(oc->oh[s->obj], th, a->flags, &a->dkeys[0], s->iod_nr, a->iods, a->sgls,
                           ev);
}

static int punch(struct work_client *c, struct ob_call *a, const struct ob_sub *s, daos_handle_t th,
                 daos_event_t *ev)
{
    struct ob_client *oc = c->priv;
    struct ob_obj *o = &ob_work(c)->obj[s->obj];
    uint64_t flags = flags_of(s->cond);
    uint32_t nr = 0, anr = 0;

    for (uint32_t i = 0; i < OB_DKEYS; i++)
        if (s->dkeys >> i & 1)
            set_key(&a->dkeys[nr++], &o->dkey[i]);
    for (uint32_t i = 0; i < OB_AKEYS; i++)
        if (s->akeys >> i & 1)
            set_key(&a->akeys[anr++], &o->akey[i]);
    if (s->what == OB_PUNCH_OBJ)
        return daos_obj_punch(oc->oh[s->obj], th, flags, ev);
    if (s->what == OB_PUNCH_DKEYS)
        return daos_obj_punch_dkeys(oc->oh[s->obj], th, flags, nr, a->dkeys, ev);
    return daos_obj_punch_akeys(oc->oh[s->obj], th, flags, a->dkeys, anr, a->akeys, ev);
}

/* ---- Fetch ---- */

static uint32_t sgl_filled(const d_sg_list_t *sgl)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < sgl->sg_nr; i++)
        n += (uint32_t)sgl->sg_iovs[i].iov_len;
    return n;
}

static uint32_t asked_bits(const struct ob_iod *iod)
{
    uint32_t bits = 0;

    for (uint32_t r = 0; r < iod->rx_nr; r++)
        bits |= ((1u << iod->rx[r].nr) - 1) << iod->rx[r].from;
    return bits;
}

/* Bits of the records a map names; one outside of what was asked for makes it all ones. */
static uint32_t map_bits(const struct ob_iod *iod, const daos_iom_t *iom)
{
    uint32_t bits = 0;

    if (!iod->array)
        return iom->iom_nr_out;
    if (iom->iom_nr_out > OB_RECS)
        return UINT32_MAX;
    for (uint32_t i = 0; i < iom->iom_nr_out; i++) {
        daos_recx_t rx = iom->iom_recxs[i];

        if (rx.rx_idx >= OB_RECS || rx.rx_nr > OB_RECS - rx.rx_idx)
            return UINT32_MAX;
        bits |= ((1u << rx.rx_nr) - 1) << rx.rx_idx;
    }
    return bits & ~asked_bits(iod) ? UINT32_MAX : bits;
}

static void got_records(struct ob_iod *iod, const unsigned char *buf, uint8_t fill)
{
    size_t at = 0;

    for (uint32_t r = 0; r < iod->rx_nr; r++)
        for (uint32_t i = iod->rx[r].from; i < (uint32_t)iod->rx[r].from + iod->rx[r].nr; i++) {
            if (!value_is(buf + at, iod->size, fill))
                iod->got[i] = value_read(buf + at, iod->size, i);
            at += iod->size;
        }
    if (!value_is(buf + at, iod->room + GUARD - at, fill)) /* beyond what was asked for */
        iod->got[iod->rx[0].from] = VALUE_TORN;
}

static void got_single(struct ob_iod *iod, const unsigned char *buf, uint8_t fill)
{
    size_t len = MIN(iod->size, iod->room);

    if (len > 0) {
        iod->got[0] = value_read(buf, len, 0);
        if (iod->got[0] != VALUE_TORN && value_len(iod->got[0]) != iod->size)
            iod->got[0] = VALUE_TORN;
    }
    if (!value_is(buf + len, iod->room + GUARD - len, fill))
        iod->got[0] = VALUE_TORN;
}

/* What a fetch brought of one akey. */
static void got_iod(struct ob_iod *iod, const struct ob_call *a, uint32_t i)
{
    iod->size = (uint32_t)a->iods[i].iod_size;
    iod->map = a->with_maps ? map_bits(iod, &a->ioms[i]) : 0;
    if (!iod->size_only) {
        iod->filled = sgl_filled(&a->sgls[i]);
        if (!iod->array)
            got_single(iod, a->buf[i], a->fill);
        else if (iod->size <= ob_rec_bytes[OB_REC_CLASSES - 1])
            got_records(iod, a->buf[i], a->fill);
        else
            iod->got[iod->rx[0].from] = VALUE_TORN;
    }
    if (a->with_maps)
        return;
    if (!iod->array)
        iod->map = iod->size > 0;
    for (uint32_t k = 0; iod->array && k < OB_RECS; k++)
        iod->map |= (uint32_t)(iod->got[k] != 0) << k;
}

static int fetch(struct work_client *c, struct ob_call *a, const struct ob_sub *s, daos_handle_t th,
                 daos_event_t *ev)
{
    struct ob_client *oc = c->priv;
    bool sizes = true;

    a->fill = ob_coin(c, 2) ? 0 : 0xfe; /* neither is a value of 1 byte */
    a->with_maps = ob_coin(c, 2);
    set_iods(c, s, a);
    for (uint32_t i = 0; i < s->iod_nr; i++) {
        const struct ob_iod *iod = &s->iod[i];

        a->ioms[i] =
            (daos_iom_t){.iom_flags = DAOS_IOMF_DETAIL, .iom_nr = OB_RECS, .iom_recxs = a->maps[i]};
        a->with_maps |= iod->size_only;
        sizes &= iod->size_only;
        if (iod->size_only)
            continue;
        memset(a->buf[i], a->fill, iod->room + GUARD);
        set_sgl(c, a, i, iod->room);
    }
    return daos_obj_fetch(oc->oh[s->obj], th, a->flags, &a->dkeys[0], s->iod_nr, a->iods,
                          sizes ? NULL : a->sgls, a->with_maps ? a->ioms : NULL, ev);
}

static void fetched(struct ob_call *a, struct ob_sub *s, int rc)
{
    for (uint32_t i = 0; i < s->iod_nr; i++) {
        if (rc == 0)
            got_iod(&s->iod[i], a, i);
        else
            s->iod[i].size = (uint32_t)a->iods[i].iod_size;
    }
}

/* ---- Lists and queries ---- */

#define LIST_ROOM 1024u

static uint32_t which_key(const struct ob_key *keys, uint32_t nr, const unsigned char *bytes,
                          size_t len)
{
    uint32_t i;

    for (i = 0; i < nr; i++)
        if (keys[i].len == len && memcmp(keys[i].bytes, bytes, len) == 0)
            break;
    return i;
}

/* From the anchor on. */
static int list(struct work_client *c, struct ob_call *a, const struct ob_sub *s, daos_handle_t th,
                uint32_t nr, size_t room, daos_event_t *ev)
{
    struct ob_client *oc = c->priv;
    struct ob_obj *o = &ob_work(c)->obj[s->obj];

    a->nr = nr;
    a->sgls[0] = (d_sg_list_t){.sg_nr = 1, .sg_iovs = a->iovs[0]};
    d_iov_set(&a->iovs[0][0], a->buf[0], room);
    if (s->what == OB_LIST_DKEYS)
        return daos_obj_list_dkey(oc->oh[s->obj], th, &a->nr, a->kds, &a->sgls[0], &a->anchor, ev);
    set_key(&a->dkeys[0], &o->dkey[only(s->dkeys)]);
    return daos_obj_list_akey(oc->oh[s->obj], th, &a->dkeys[0], &a->nr, a->kds, &a->sgls[0],
                              &a->anchor, ev);
}

/* Adds what was found; *again: keys that came twice, or out of order. */
static void listed(struct work_client *c, const struct ob_call *a, struct ob_sub *s,
                   uint32_t *again)
{
    struct ob_obj *o = &ob_work(c)->obj[s->obj];
    bool dkeys = s->what == OB_LIST_DKEYS;
    struct ob_key *keys = dkeys ? o->dkey : o->akey;
    unsigned char *p = a->buf[0];

    for (uint32_t i = 0; i < a->nr; i++) {
        uint32_t k = which_key(keys, dkeys ? OB_DKEYS : OB_AKEYS, p, a->kds[i].kd_key_len);

        p += a->kds[i].kd_key_len;
        if (s->found >> k & 1)
            *again |= 1u << k;
        if ((dkeys ? o->dkey_ordered : o->akey_ordered) && s->found >> k != 0)
            *again |= 1u << k; /* a larger one came before */
        s->found |= 1u << k;
    }
}

int ob_list(struct work_client *c, struct ob_sub *s, daos_handle_t th, uint32_t nr, size_t room,
            daos_anchor_t *anchor, uint32_t *again)
{
    struct ob_call *a = &((struct ob_client *)c->priv)->call;
    int rc;

    a->anchor = *anchor;
    rc = list(c, a, s, th, nr, room, NULL);
    *anchor = a->anchor;
    if (rc == 0)
        listed(c, a, s, again);
    return rc;
}

/* In one call; an answer in several is no answer at one instant, and 1. */
static int listed_at_once(struct work_client *c, struct ob_call *a, struct ob_sub *s)
{
    uint32_t again = 0;

    listed(c, a, s, &again);
    if (again != 0)
        work_wrong(c->work,
                   "client %u: keys %x of object %u came twice or out of order in one "
                   "enumeration",
                   c->index, again, s->obj);
    return daos_anchor_is_eof(&a->anchor) ? 0 : 1;
}

static int list_recx(struct work_client *c, struct ob_call *a, const struct ob_sub *s,
                     daos_handle_t th, daos_event_t *ev)
{
    struct ob_client *oc = c->priv;
    struct ob_obj *o = &ob_work(c)->obj[s->obj];

    a->up = ob_coin(c, 2);
    a->size = 0;
    a->nr = 2 * OB_RECS;
    set_key(&a->dkeys[0], &o->dkey[only(s->dkeys)]);
    set_key(&a->akeys[0], &o->akey[only(s->akeys)]);
    return daos_obj_list_recx(oc->oh[s->obj], th, &a->dkeys[0], &a->akeys[0], &a->size, &a->nr,
                              a->list, a->eprs, &a->anchor, a->up, ev);
}

static int listed_recx(struct ob_call *a, struct ob_sub *s)
{
    s->size = a->nr == 0 ? 0 : (uint32_t)a->size;
    for (uint32_t i = 0; i < a->nr; i++) {
        uint64_t end = a->list[i].rx_idx + a->list[i].rx_nr;
        uint32_t bits = end <= OB_RECS ? (1u << end) - (1u << a->list[i].rx_idx) : UINT32_MAX;

        if ((s->found & bits) || (a->up && s->found >= bits) || a->eprs[i].epr_lo == 0)
            bits = UINT32_MAX; /* twice, out of order, or never written */
        s->found |= bits;
    }
    return daos_anchor_is_eof(&a->anchor) ? 0 : 1;
}

static int query(struct work_client *c, struct ob_call *a, const struct ob_sub *s, daos_handle_t th,
                 daos_event_t *ev)
{
    struct ob_client *oc = c->priv;
    struct ob_obj *o = &ob_work(c)->obj[s->obj];

    a->dk = o->dkey[only(s->dkeys)];
    a->ak = o->akey[only(s->akeys)];
    a->rx = (daos_recx_t){77, 77};
    set_key(&a->dkeys[0], &a->dk);
    set_key(&a->akeys[0], &a->ak);
    return daos_obj_query_key(oc->oh[s->obj], th, s->query, &a->dkeys[0], &a->akeys[0], &a->rx, ev);
}

static void queried(struct work_client *c, const struct ob_call *a, struct ob_sub *s)
{
    struct ob_obj *o = &ob_work(c)->obj[s->obj];
    uint32_t d = OB_NONE, k = OB_NONE, r = OB_NONE;
    const daos_recx_t *rx = &a->rx;
    uint64_t zero = 0;

    if ((s->query & DAOS_GET_DKEY) && memcmp(a->dk.bytes, &zero, sizeof(zero)) != 0)
        d = which_key(o->dkey, OB_DKEYS, a->dk.bytes, a->dkeys[0].iov_len);
    if ((s->query & DAOS_GET_AKEY) && memcmp(a->ak.bytes, &zero, sizeof(zero)) != 0)
        k = which_key(o->akey, OB_AKEYS, a->ak.bytes, a->akeys[0].iov_len);
    if ((s->query & DAOS_GET_RECX) && rx->rx_nr > 0) {
        r = (uint32_t)(s->query & DAOS_GET_MAX ? rx->rx_idx + rx->rx_nr - 1 : rx->rx_idx) & 0xff;
        s->size =
            rx->rx_idx + rx->rx_nr <= OB_RECS ? ((1u << rx->rx_nr) - 1) << rx->rx_idx : UINT32_MAX;
    }
    s->found = d | k << 8 | r << 16;
}

/* ---- Any of them ---- */

static void forget(struct ob_sub *s)
{
    s->found = s->size = 0;
    for (uint32_t i = 0; i < s->iod_nr; i++) {
        s->iod[i].size = s->iod[i].filled = s->iod[i].map = 0;
        memset(s->iod[i].got, 0, sizeof(s->iod[i].got));
    }
}

int ob_start(struct work_client *c, struct ob_call *a, const struct ob_sub *s, daos_handle_t th,
             daos_event_t *ev)
{
    a->anchor = (daos_anchor_t){0};
    switch (s->what) {
    case OB_UPDATE:
        return update(c, a, s, th, ev);
    case OB_PUNCH_OBJ:
    case OB_PUNCH_DKEYS:
    case OB_PUNCH_AKEYS:
        return punch(c, a, s, th, ev);
    case OB_FETCH:
        return fetch(c, a, s, th, ev);
    case OB_LIST_DKEYS:
    case OB_LIST_AKEYS:
        return list(c, a, s, th, 2 * OB_DKEYS, LIST_ROOM, ev);
    case OB_LIST_RECX:
        return list_recx(c, a, s, th, ev);
    case OB_QUERY:
        return query(c, a, s, th, ev);
    default:
        ASSERT(!"an operation on objects");
    }
    return 0;
}

void ob_finish(struct work_client *c, struct ob_call *a, struct ob_sub *s, int rc)
{
    forget(s);
    if (s->what == OB_FETCH)
        fetched(a, s, rc);
    else if (rc == 0 && (s->what == OB_LIST_DKEYS || s->what == OB_LIST_AKEYS))
        rc = listed_at_once(c, a, s);
    else if (rc == 0 && s->what == OB_LIST_RECX)
        rc = listed_recx(a, s);
    else if (rc == 0 && s->what == OB_QUERY)
        queried(c, a, s);
    s->rc = rc;
}

void ob_do(struct work_client *c, struct ob_sub *s, daos_handle_t th)
{
    struct ob_call *a = &((struct ob_client *)c->priv)->call;

    ob_finish(c, a, s, ob_start(c, a, s, th, NULL));
}
