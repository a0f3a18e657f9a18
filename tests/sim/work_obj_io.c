/* From operations of the model to calls of the API and back: keys to bytes, ids to values, and what
 * comes back to ids. */
#include <stdlib.h>
#include <string.h>
#include "work_objects.h"

#define IOVS  3u
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

/* Arguments of one update or fetch. */
struct args {
    daos_key_t dkey;
    daos_iod_t iods[OB_AKEYS];
    daos_recx_t recxs[OB_AKEYS][OB_RXS];
    d_sg_list_t sgls[OB_AKEYS];
    d_iov_t iovs[OB_AKEYS][IOVS];
    daos_iom_t ioms[OB_AKEYS];
    daos_recx_t maps[OB_AKEYS][OB_RECS];
    uint64_t flags;
};

/* A buffer in one to three pieces. */
static void set_sgl(struct work_client *c, struct args *a, uint32_t i, unsigned char *buf,
                    size_t len)
{
    uint32_t nr = ob_coin(c, 3) ? 1 + ob_below(c, IOVS) : 1;
    size_t at = 0;

    a->sgls[i] = (d_sg_list_t){.sg_nr = nr, .sg_iovs = a->iovs[i]};
    for (uint32_t k = 0; k < nr; k++) {
        size_t part = k + 1 == nr ? len - at : (size_t)sim_rng_below(&c->rng, len - at + 1);

        d_iov_set(&a->iovs[i][k], buf + at, part);
        at += part;
    }
}

static void set_iods(struct work_client *c, const struct ob_sub *s, struct args *a)
{
    struct ob_obj *o = &ob_work(c)->obj[s->obj];
    bool same = true;

    memset(a, 0, sizeof(*a));
    set_key(&a->dkey, &o->dkey[only(s->dkeys)]);
    for (uint32_t i = 0; i < s->iod_nr; i++) {
        const struct ob_iod *from = &s->iod[i];
        daos_iod_t *iod = &a->iods[i];

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

static int update(struct work_client *c, const struct ob_sub *s, daos_handle_t th)
{
    struct ob_client *oc = c->priv;
    struct args a;

    set_iods(c, s, &a);
    for (uint32_t i = 0; i < s->iod_nr; i++) {
        const struct ob_iod *iod = &s->iod[i];
        size_t len;

        if (iod->array ? iod->rec == 0 : iod->id == 0)
            continue;
        if (iod->array) {
            len = fill_records(oc->buf[i], iod);
        } else {
            len = value_len(iod->id);
            a.iods[i].iod_size = len;
            value_fill(oc->buf[i], len, iod->id, 0);
        }
        set_sgl(c, &a, i, oc->buf[i], len);
    }
    return daos_obj_update(oc->oh[s->obj], th, a.flags, &a.dkey, s->iod_nr, a.iods, a.sgls, NULL);
}

static int punch(struct work_client *c, const struct ob_sub *s, daos_handle_t th)
{
    struct ob_client *oc = c->priv;
    struct ob_obj *o = &ob_work(c)->obj[s->obj];
    daos_key_t dkeys[OB_DKEYS], akeys[OB_AKEYS];
    uint64_t flags = flags_of(s->cond);
    uint32_t nr = 0, anr = 0;

    for (uint32_t i = 0; i < OB_DKEYS; i++)
        if (s->dkeys >> i & 1)
            set_key(&dkeys[nr++], &o->dkey[i]);
    for (uint32_t i = 0; i < OB_AKEYS; i++)
        if (s->akeys >> i & 1)
            set_key(&akeys[anr++], &o->akey[i]);
    if (s->what == OB_PUNCH_OBJ)
        return daos_obj_punch(oc->oh[s->obj], th, flags, NULL);
    if (s->what == OB_PUNCH_DKEYS)
        return daos_obj_punch_dkeys(oc->oh[s->obj], th, flags, nr, dkeys, NULL);
    return daos_obj_punch_akeys(oc->oh[s->obj], th, flags, dkeys, anr, akeys, NULL);
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
static void got_iod(struct ob_iod *iod, const struct args *a, uint32_t i, bool maps,
                    const unsigned char *buf, uint8_t fill)
{
    iod->size = (uint32_t)a->iods[i].iod_size;
    iod->map = maps ? map_bits(iod, &a->ioms[i]) : 0;
    if (!iod->size_only) {
        iod->filled = sgl_filled(&a->sgls[i]);
        if (!iod->array)
            got_single(iod, buf, fill);
        else if (iod->size <= ob_rec_bytes[OB_REC_CLASSES - 1])
            got_records(iod, buf, fill);
        else
            iod->got[iod->rx[0].from] = VALUE_TORN;
    }
    if (maps)
        return;
    if (!iod->array)
        iod->map = iod->size > 0;
    for (uint32_t k = 0; iod->array && k < OB_RECS; k++)
        iod->map |= (uint32_t)(iod->got[k] != 0) << k;
}

static int fetch(struct work_client *c, struct ob_sub *s, daos_handle_t th)
{
    struct ob_client *oc = c->priv;
    uint8_t fill = ob_coin(c, 2) ? 0 : 0xfe; /* neither is a value of 1 byte */
    bool maps = ob_coin(c, 2), sizes = true;
    struct args a;
    int rc;

    set_iods(c, s, &a);
    for (uint32_t i = 0; i < s->iod_nr; i++) {
        struct ob_iod *iod = &s->iod[i];

        a.ioms[i] =
            (daos_iom_t){.iom_flags = DAOS_IOMF_DETAIL, .iom_nr = OB_RECS, .iom_recxs = a.maps[i]};
        maps |= iod->size_only;
        sizes &= iod->size_only;
        if (iod->size_only)
            continue;
        memset(oc->buf[i], fill, iod->room + GUARD);
        set_sgl(c, &a, i, oc->buf[i], iod->room);
    }
    rc = daos_obj_fetch(oc->oh[s->obj], th, a.flags, &a.dkey, s->iod_nr, a.iods,
                        sizes ? NULL : a.sgls, maps ? a.ioms : NULL, NULL);
    for (uint32_t i = 0; i < s->iod_nr; i++) {
        if (rc == 0)
            got_iod(&s->iod[i], &a, i, maps, oc->buf[i], fill);
        else
            s->iod[i].size = (uint32_t)a.iods[i].iod_size;
    }
    return rc;
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

int ob_list(struct work_client *c, struct ob_sub *s, daos_handle_t th, uint32_t nr, size_t room,
            daos_anchor_t *anchor, uint32_t *again)
{
    struct ob_client *oc = c->priv;
    struct ob_obj *o = &ob_work(c)->obj[s->obj];
    bool dkeys = s->what == OB_LIST_DKEYS;
    struct ob_key *keys = dkeys ? o->dkey : o->akey;
    unsigned char *p = oc->buf[0];
    daos_key_desc_t kds[2 * OB_DKEYS];
    d_iov_t iov;
    d_sg_list_t sgl = {.sg_nr = 1, .sg_iovs = &iov};
    daos_key_t dkey;
    int rc;

    d_iov_set(&iov, p, room);
    if (dkeys) {
        rc = daos_obj_list_dkey(oc->oh[s->obj], th, &nr, kds, &sgl, anchor, NULL);
    } else {
        set_key(&dkey, &o->dkey[only(s->dkeys)]);
        rc = daos_obj_list_akey(oc->oh[s->obj], th, &dkey, &nr, kds, &sgl, anchor, NULL);
    }
    for (uint32_t i = 0; rc == 0 && i < nr; i++) {
        uint32_t k = which_key(keys, dkeys ? OB_DKEYS : OB_AKEYS, p, kds[i].kd_key_len);

        p += kds[i].kd_key_len;
        if (s->found >> k & 1)
            *again |= 1u << k;
        if ((dkeys ? o->dkey_ordered : o->akey_ordered) && s->found >> k != 0)
            *again |= 1u << k; /* a larger one came before */
        s->found |= 1u << k;
    }
    return rc;
}

/* In one call; an answer in several is no answer at one instant, and 1. */
static int list_at_once(struct work_client *c, struct ob_sub *s, daos_handle_t th)
{
    daos_anchor_t anchor = {0};
    uint32_t again = 0;
    int rc = ob_list(c, s, th, 2 * OB_DKEYS, LIST_ROOM, &anchor, &again);

    if (rc == 0 && again != 0)
        work_wrong(c->work,
                   "client %u: keys %x of object %u came twice or out of order in one "
                   "enumeration",
                   c->index, again, s->obj);
    return rc == 0 && !daos_anchor_is_eof(&anchor) ? 1 : rc;
}

static int list_recx(struct work_client *c, struct ob_sub *s, daos_handle_t th)
{
    struct ob_client *oc = c->priv;
    struct ob_obj *o = &ob_work(c)->obj[s->obj];
    daos_recx_t recxs[2 * OB_RECS];
    daos_epoch_range_t eprs[2 * OB_RECS];
    daos_anchor_t anchor = {0};
    bool up = ob_coin(c, 2);
    daos_size_t size = 0;
    daos_key_t dkey, akey;
    uint32_t nr = 2 * OB_RECS;
    int rc;

    set_key(&dkey, &o->dkey[only(s->dkeys)]);
    set_key(&akey, &o->akey[only(s->akeys)]);
    rc = daos_obj_list_recx(oc->oh[s->obj], th, &dkey, &akey, &size, &nr, recxs, eprs, &anchor, up,
                            NULL);
    if (rc != 0)
        return rc;
    s->size = nr == 0 ? 0 : (uint32_t)size;
    for (uint32_t i = 0; i < nr; i++) {
        uint64_t end = recxs[i].rx_idx + recxs[i].rx_nr;
        uint32_t bits = end <= OB_RECS ? (1u << end) - (1u << recxs[i].rx_idx) : UINT32_MAX;

        if ((s->found & bits) || (up && s->found >= bits) || eprs[i].epr_lo == 0)
            bits = UINT32_MAX; /* twice, out of order, or never written */
        s->found |= bits;
    }
    return daos_anchor_is_eof(&anchor) ? 0 : 1;
}

static int query(struct work_client *c, struct ob_sub *s, daos_handle_t th)
{
    struct ob_client *oc = c->priv;
    struct ob_obj *o = &ob_work(c)->obj[s->obj];
    struct ob_key dk = o->dkey[only(s->dkeys)], ak = o->akey[only(s->akeys)];
    daos_recx_t rx = {77, 77};
    daos_key_t dkey, akey;
    uint32_t d = OB_NONE, a = OB_NONE, r = OB_NONE;
    uint64_t zero = 0;
    int rc;

    set_key(&dkey, &dk);
    set_key(&akey, &ak);
    rc = daos_obj_query_key(oc->oh[s->obj], th, s->query, &dkey, &akey, &rx, NULL);
    if (rc != 0)
        return rc;
    if ((s->query & DAOS_GET_DKEY) && memcmp(dk.bytes, &zero, sizeof(zero)) != 0)
        d = which_key(o->dkey, OB_DKEYS, dk.bytes, dkey.iov_len);
    if ((s->query & DAOS_GET_AKEY) && memcmp(ak.bytes, &zero, sizeof(zero)) != 0)
        a = which_key(o->akey, OB_AKEYS, ak.bytes, akey.iov_len);
    if ((s->query & DAOS_GET_RECX) && rx.rx_nr > 0) {
        r = (uint32_t)(s->query & DAOS_GET_MAX ? rx.rx_idx + rx.rx_nr - 1 : rx.rx_idx) & 0xff;
        s->size =
            rx.rx_idx + rx.rx_nr <= OB_RECS ? ((1u << rx.rx_nr) - 1) << rx.rx_idx : UINT32_MAX;
    }
    s->found = d | a << 8 | r << 16;
    return 0;
}

static void forget(struct ob_sub *s)
{
    s->rc = 0;
    s->found = s->size = 0;
    for (uint32_t i = 0; i < s->iod_nr; i++) {
        s->iod[i].size = s->iod[i].filled = s->iod[i].map = 0;
        memset(s->iod[i].got, 0, sizeof(s->iod[i].got));
    }
}

void ob_do(struct work_client *c, struct ob_sub *s, daos_handle_t th)
{
    forget(s);
    switch (s->what) {
    case OB_UPDATE:
        s->rc = update(c, s, th);
        break;
    case OB_PUNCH_OBJ:
    case OB_PUNCH_DKEYS:
    case OB_PUNCH_AKEYS:
        s->rc = punch(c, s, th);
        break;
    case OB_FETCH:
        s->rc = fetch(c, s, th);
        break;
    case OB_LIST_DKEYS:
    case OB_LIST_AKEYS:
        s->rc = list_at_once(c, s, th);
        break;
    case OB_LIST_RECX:
        s->rc = list_recx(c, s, th);
        break;
    case OB_QUERY:
        s->rc = query(c, s, th);
        break;
    default:
        ASSERT(!"an operation on objects");
    }
}
