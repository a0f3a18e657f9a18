/*
 * Transactions that read what they write, against a model: random operations go into a transaction
 * and into a plain model of one object; every kind of read, random too, must answer what the model
 * says, within the transaction and after its commit. TARN_TX_SEED, TARN_TX_CASES choose others.
 */
#include "api.h"
#include <tarn.h>
#include "base/assert.h"

/* ---- The model ---- */

enum { DKEYS = 5, AKEYS = 4, CELLS = 48, SINGLE_MAX = 24, REC_MAX = 3 };

struct model {
    struct {
        int len; /* single */
        char single[SINGLE_MAX];
        bool there[CELLS]; /* array */
        char cell[CELLS][REC_MAX];
    } v[DKEYS][AKEYS];
};

static const int rec_of[AKEYS] = {0, 0, 1, 3}; /* 0: a single value */

struct fuzz {
    struct api *a;
    uint64_t rnd;
    int no, step;
    daos_obj_id_t oid;
    daos_handle_t oh, th;
    uint64_t number[DKEYS];
    daos_key_t dkey[DKEYS], akey[AKEYS];
    bool numbers, ordered;
    struct model m;
    int ops;
    char data[1 << 16]; /* what was written stays here: the transaction may be ZERO_COPY */
    size_t used;
};

static uint32_t rnd(struct fuzz *f, uint32_t below)
{
    f->rnd = f->rnd * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(f->rnd >> 33) % below;
}

#define SAME(got, want)                                                                            \
    do {                                                                                           \
        long long got_ = (long long)(got), want_ = (long long)(want);                              \
                                                                                                   \
        if (got_ != want_) {                                                                       \
            print_error("case %d step %d: %s is %lld, %s is %lld\n", f->no, f->step, #got, got_,   \
                        #want, want_);                                                             \
            fail();                                                                                \
        }                                                                                          \
    } while (0)

static bool m_akey(const struct model *m, int d, int k)
{
    for (int i = 0; rec_of[k] && i < CELLS; i++)
        if (m->v[d][k].there[i])
            return true;
    return !rec_of[k] && m->v[d][k].len > 0;
}

static bool m_dkey(const struct model *m, int d)
{
    for (int k = 0; k < AKEYS; k++)
        if (m_akey(m, d, k))
            return true;
    return false;
}

static bool m_obj(const struct model *m)
{
    for (int d = 0; d < DKEYS; d++)
        if (m_dkey(m, d))
            return true;
    return false;
}

/* ---- Operations ---- */

static char *bytes(struct fuzz *f, size_t len)
{
    char *p = f->data + f->used;

    assert_true(f->used + len <= sizeof(f->data));
    for (size_t i = 0; i < len; i++)
        p[i] = (char)('a' + rnd(f, 26));
    f->used += len;
    return p;
}

static uint32_t some_recxs(struct fuzz *f, daos_recx_t *r, uint32_t max)
{
    uint32_t n = 0, at = rnd(f, 12);

    while (n < max && at < CELLS - 1) {
        uint32_t len = 1 + rnd(f, MIN(20u, CELLS - at));

        r[n++] = (daos_recx_t){at, len};
        at += len + rnd(f, 6);
        if (rnd(f, 3) == 0)
            break;
    }
    if (n > 1 && rnd(f, 3) == 0) { /* in any order */
        daos_recx_t t = r[0];

        r[0] = r[n - 1];
        r[n - 1] = t;
    }
    return n;
}

static void m_write(struct model *m, int d, int k, const daos_iod_t *iod, const char *p)
{
    if (iod->iod_type == DAOS_IOD_SINGLE) {
        m->v[d][k].len = (int)iod->iod_size;
        memcpy(m->v[d][k].single, p, iod->iod_size);
        return;
    }
    for (uint32_t i = 0; i < iod->iod_nr; i++)
        for (uint64_t c = 0; c < iod->iod_recxs[i].rx_nr; c++) {
            uint64_t cell = iod->iod_recxs[i].rx_idx + c;

            m->v[d][k].there[cell] = iod->iod_size > 0;
            memcpy(m->v[d][k].cell[cell], p, iod->iod_size);
            p += iod->iod_size;
        }
}

static int update(struct fuzz *f, int d, daos_handle_t th)
{
    daos_iod_t iods[2];
    daos_recx_t recxs[2][4];
    d_iov_t iovs[2];
    d_sg_list_t sgls[2];
    char *p[2];
    int ks[2], nr = 1 + (int)rnd(f, 2), want = 0, rc;
    uint64_t cond = 0;

    ks[0] = (int)rnd(f, AKEYS);
    ks[1] = (ks[0] + 1 + (int)rnd(f, AKEYS - 1)) % AKEYS;
    for (int i = 0; i < nr; i++) {
        int k = ks[i];
        size_t len;

        iods[i] = (daos_iod_t){.iod_name = f->akey[k], .iod_nr = 1};
        if (rec_of[k] == 0) {
            iods[i].iod_type = DAOS_IOD_SINGLE;
            iods[i].iod_size = len = rnd(f, 5) ? 1 + rnd(f, SINGLE_MAX) : 0;
        } else {
            iods[i].iod_type = DAOS_IOD_ARRAY;
            iods[i].iod_recxs = recxs[i];
            iods[i].iod_nr = some_recxs(f, recxs[i], 4);
            iods[i].iod_size = rnd(f, 4) ? (uint64_t)rec_of[k] : 0;
            len = 0;
            for (uint32_t r = 0; r < iods[i].iod_nr; r++)
                len += recxs[i][r].rx_nr * iods[i].iod_size;
        }
        p[i] = bytes(f, len);
        d_iov_set(&iovs[i], p[i], len);
        sgls[i] = (d_sg_list_t){.sg_nr = 1, .sg_iovs = &iovs[i]};
    }
    switch (rnd(f, 8)) {
    case 0:
        cond = DAOS_COND_DKEY_INSERT;
        want = m_dkey(&f->m, d) ? -DER_EXIST : 0;
        break;
    case 1:
        cond = DAOS_COND_DKEY_UPDATE;
        want = m_dkey(&f->m, d) ? 0 : -DER_NONEXIST;
        break;
    case 2:
        cond = DAOS_COND_AKEY_INSERT;
        for (int i = 0; i < nr; i++)
            want = m_akey(&f->m, d, ks[i]) ? -DER_EXIST : want;
        break;
    case 3:
        cond = DAOS_COND_AKEY_UPDATE;
        for (int i = 0; i < nr; i++)
            want = m_akey(&f->m, d, ks[i]) ? want : -DER_NONEXIST;
        break;
    default:
        break;
    }
    rc = daos_obj_update(f->oh, th, cond, &f->dkey[d], (unsigned)nr, iods, sgls, NULL);
    SAME(rc, want);
    for (int i = 0; i < nr && rc == 0; i++)
        m_write(&f->m, d, ks[i], &iods[i], p[i]);
    return rc == 0;
}

static int punch(struct fuzz *f, int d, daos_handle_t th)
{
    uint64_t cond = rnd(f, 3) ? 0 : DAOS_COND_PUNCH;
    int k = (int)rnd(f, AKEYS), e = (d + 1) % DKEYS, want = 0, rc;
    daos_key_t keys[2] = {f->dkey[d], f->dkey[e]};

    switch (rnd(f, 8)) {
    case 0:
        want = cond && !m_obj(&f->m) ? -DER_NONEXIST : 0;
        rc = daos_obj_punch(f->oh, th, cond, NULL);
        SAME(rc, want);
        if (rc == 0)
            memset(&f->m, 0, sizeof(f->m));
        return rc == 0;
    case 1:
    case 2:
        want = cond && !m_dkey(&f->m, d) ? -DER_NONEXIST : 0;
        rc = daos_obj_punch_dkeys(f->oh, th, cond, 1, keys, NULL);
        SAME(rc, want);
        if (rc == 0)
            memset(f->m.v[d], 0, sizeof(f->m.v[d]));
        return rc == 0;
    case 3:
        want = cond && !(m_dkey(&f->m, d) && m_dkey(&f->m, e)) ? -DER_NONEXIST : 0;
        rc = daos_obj_punch_dkeys(f->oh, th, cond, 2, keys, NULL);
        SAME(rc, want);
        if (rc == 0) {
            memset(f->m.v[d], 0, sizeof(f->m.v[d]));
            memset(f->m.v[e], 0, sizeof(f->m.v[e]));
        }
        return rc == 0 ? 2 : 0;
    default:
        want = cond && !m_akey(&f->m, d, k) ? -DER_NONEXIST : 0;
        rc = daos_obj_punch_akeys(f->oh, th, cond, &f->dkey[d], 1, &f->akey[k], NULL);
        SAME(rc, want);
        if (rc == 0)
            memset(&f->m.v[d][k], 0, sizeof(f->m.v[d][k]));
        return rc == 0;
    }
}

static void change(struct fuzz *f, daos_handle_t th)
{
    int d = (int)rnd(f, DKEYS);

    if (th.cookie != 0 && f->ops > 55)
        return;
    f->ops += rnd(f, 3) ? update(f, d, th) : punch(f, d, th);
}

/* ---- Reads ---- */

static void check_single(struct fuzz *f, int d, int k)
{
    int len = f->m.v[d][k].len, room = rnd(f, 3) ? SINGLE_MAX : (int)rnd(f, SINGLE_MAX), rc;
    bool data = rnd(f, 4) != 0, cond = rnd(f, 4) == 0;
    daos_iod_t iod = {
        .iod_name = f->akey[k], .iod_type = DAOS_IOD_SINGLE, .iod_size = DAOS_REC_ANY, .iod_nr = 1};
    char buf[SINGLE_MAX];
    d_iov_t iovs[2];
    d_sg_list_t sgl = {.sg_nr = 2, .sg_iovs = iovs};

    memset(buf, '#', sizeof(buf));
    d_iov_set(&iovs[0], buf, room / 3);
    d_iov_set(&iovs[1], buf + room / 3, room - room / 3);
    if (room == 0)
        sgl.sg_nr = 0;
    rc = daos_obj_fetch(f->oh, f->th, cond ? DAOS_COND_AKEY_FETCH : 0, &f->dkey[d], 1, &iod,
                        data ? &sgl : NULL, NULL, NULL);
    if (cond && len == 0) {
        SAME(rc, -DER_NONEXIST);
        return;
    }
    SAME(iod.iod_size, len);
    if (data && room > 0 && len > room) {
        SAME(rc, -DER_REC2BIG);
        return;
    }
    SAME(rc, 0);
    if (data && room > 0) {
        SAME(memcmp(buf, f->m.v[d][k].single, (size_t)len), 0);
        SAME(iovs[0].iov_len + iovs[1].iov_len, len);
    }
}

/* What the map of the asked extents is. */
static uint32_t m_map(const struct model *m, int d, int k, const daos_recx_t *r, uint32_t nr,
                      daos_recx_t *map)
{
    bool asked[CELLS + 1] = {false};
    uint32_t n = 0;

    for (uint32_t i = 0; i < nr; i++)
        for (uint64_t c = 0; c < r[i].rx_nr; c++)
            asked[r[i].rx_idx + c] = m->v[d][k].there[r[i].rx_idx + c];
    for (uint32_t c = 0; c < CELLS; c++) {
        if (asked[c] && (c == 0 || !asked[c - 1]))
            map[n++] = (daos_recx_t){c, 0};
        if (asked[c])
            map[n - 1].rx_nr++;
    }
    return n;
}

static void check_array(struct fuzz *f, int d, int k)
{
    size_t rec = (size_t)rec_of[k], at = 0, end = 0, total = 0;
    daos_recx_t r[4], map[CELLS], found[CELLS];
    uint32_t nr = some_recxs(f, r, 4), n = m_map(&f->m, d, k, r, nr, map);
    char buf[CELLS * REC_MAX], want[CELLS * REC_MAX];
    bool data = rnd(f, 4) != 0, mapped = rnd(f, 2), sized = rnd(f, 2);
    daos_iod_t iod = {.iod_name = f->akey[k],
                      .iod_type = DAOS_IOD_ARRAY,
                      .iod_size = sized ? rec : DAOS_REC_ANY,
                      .iod_nr = nr,
                      .iod_recxs = r};
    daos_iom_t iom = {.iom_flags = DAOS_IOMF_DETAIL, .iom_nr = CELLS, .iom_recxs = found};
    d_iov_t iovs[3];
    d_sg_list_t sgl = {.sg_nr = 3, .sg_iovs = iovs};

    memset(buf, '#', sizeof(buf));
    memset(want, '#', sizeof(want));
    for (uint32_t i = 0; i < nr; i++)
        for (uint64_t c = 0; c < r[i].rx_nr; c++, at += rec) {
            if (!f->m.v[d][k].there[r[i].rx_idx + c])
                continue;
            memcpy(want + at, f->m.v[d][k].cell[r[i].rx_idx + c], rec);
            end = at + rec;
        }
    total = at;
    d_iov_set(&iovs[0], buf, total / 3);
    d_iov_set(&iovs[1], buf + total / 3, 0);
    d_iov_set(&iovs[2], buf + total / 3, total - total / 3);
    SAME(daos_obj_fetch(f->oh, f->th, 0, &f->dkey[d], 1, &iod, data ? &sgl : NULL,
                        mapped ? &iom : NULL, NULL),
         0);
    SAME(iod.iod_size, n > 0 ? rec : 0);
    if (data) {
        SAME(memcmp(buf, want, sizeof(buf)), 0);
        SAME(iovs[0].iov_len + iovs[1].iov_len + iovs[2].iov_len, end);
    }
    if (mapped) {
        SAME(iom.iom_nr_out, n);
        SAME(memcmp(found, map, n * sizeof(*map)), 0);
        SAME(iom.iom_recx_hi.rx_nr, n > 0 ? map[n - 1].rx_nr : 0);
    }
}

/* All akeys in one call, and a condition on the dkey. */
static void check_row(struct fuzz *f, int d)
{
    daos_recx_t all = {0, CELLS};
    char buf[AKEYS][CELLS * REC_MAX];
    daos_iod_t iods[AKEYS];
    d_iov_t iovs[AKEYS];
    d_sg_list_t sgls[AKEYS];
    bool cond = rnd(f, 2);
    int rc;

    memset(buf, '#', sizeof(buf));
    for (int k = 0; k < AKEYS; k++) {
        iods[k] = (daos_iod_t){.iod_name = f->akey[k],
                               .iod_type = rec_of[k] ? DAOS_IOD_ARRAY : DAOS_IOD_SINGLE,
                               .iod_nr = 1,
                               .iod_recxs = rec_of[k] ? &all : NULL};
        d_iov_set(&iovs[k], buf[k], sizeof(buf[k]));
        sgls[k] = (d_sg_list_t){.sg_nr = 1, .sg_iovs = &iovs[k]};
    }
    rc = daos_obj_fetch(f->oh, f->th, cond ? DAOS_COND_DKEY_FETCH : 0, &f->dkey[d], AKEYS, iods,
                        sgls, NULL, NULL);
    SAME(rc, cond && !m_dkey(&f->m, d) ? -DER_NONEXIST : 0);
    for (int k = 0; k < AKEYS && rc == 0; k++) {
        if (!rec_of[k]) {
            SAME(iods[k].iod_size, f->m.v[d][k].len);
            SAME(memcmp(buf[k], f->m.v[d][k].single, iods[k].iod_size), 0);
            continue;
        }
        for (int c = 0; c < CELLS; c++) {
            char hole[REC_MAX] = {'#', '#', '#'};

            SAME(memcmp(buf[k] + c * rec_of[k], f->m.v[d][k].there[c] ? f->m.v[d][k].cell[c] : hole,
                        (size_t)rec_of[k]),
                 0);
        }
    }
}

static int which(const daos_key_t *keys, int nr, const char *buf, size_t len)
{
    for (int i = 0; i < nr; i++)
        if (keys[i].iov_len == len && memcmp(keys[i].iov_buf, buf, len) == 0)
            return i;
    return -1;
}

/* d -1: dkeys. Changes between the calls change nothing about what is listed. */
static void check_keys(struct fuzz *f, int d)
{
    const daos_key_t *keys = d < 0 ? f->dkey : f->akey;
    int nr_keys = d < 0 ? DKEYS : AKEYS, last = -1, seen = 0, want = 0, calls = 0;
    bool changes = f->th.cookie != 0 && rnd(f, 3) == 0;
    daos_anchor_t anchor = {0};

    for (int i = 0; i < nr_keys; i++)
        want |= (d < 0 ? m_dkey(&f->m, i) : m_akey(&f->m, d, i)) << i;
    while (!daos_anchor_is_eof(&anchor)) {
        uint32_t nr = 1 + rnd(f, 4), asked = nr;
        daos_key_desc_t kds[4];
        char buf[128], *p = buf;
        d_iov_t iovs[2];
        size_t room = rnd(f, 2) ? sizeof(buf) : 24 + rnd(f, 10);
        d_sg_list_t sgl = {.sg_nr = 2, .sg_iovs = iovs};
        int rc;

        assert_true(calls++ < 50);
        d_iov_set(&iovs[0], buf, 5);
        d_iov_set(&iovs[1], buf + 5, room - 5);
        rc = d < 0 ? daos_obj_list_dkey(f->oh, f->th, &nr, kds, &sgl, &anchor, NULL)
                   : daos_obj_list_akey(f->oh, f->th, &f->dkey[d], &nr, kds, &sgl, &anchor, NULL);
        SAME(rc, 0);
        assert_true(nr <= asked);
        for (uint32_t i = 0; i < nr; p += kds[i++].kd_key_len) {
            int k = which(keys, nr_keys, p, kds[i].kd_key_len);

            assert_true(k >= 0);
            SAME((seen >> k) & 1, 0);
            seen |= 1 << k;
            if (f->ordered && k < last)
                SAME(k, last);
            last = k;
        }
        if (changes)
            change(f, f->th);
    }
    SAME(seen, want);
}

static void check_recxs(struct fuzz *f, int d, int k)
{
    bool there[CELLS] = {false}, up = rnd(f, 2), same;
    daos_anchor_t anchor = {0};
    int64_t pos = up ? 0 : CELLS;
    daos_size_t size = 0;
    int calls = 0;

    while (!daos_anchor_is_eof(&anchor)) {
        uint32_t nr = 1 + rnd(f, 5), asked = nr;
        daos_epoch_range_t eprs[5];
        daos_recx_t r[5];

        assert_true(calls++ < 100);
        SAME(daos_obj_list_recx(f->oh, f->th, &f->dkey[d], &f->akey[k], &size, &nr, r, eprs,
                                &anchor, up, NULL),
             0);
        assert_true(nr <= asked);
        for (uint32_t i = 0; i < nr; i++) {
            SAME(size, rec_of[k] ? rec_of[k] : f->m.v[d][k].len);
            if (up ? (int64_t)r[i].rx_idx < pos : (int64_t)(r[i].rx_idx + r[i].rx_nr) > pos)
                SAME(r[i].rx_idx, pos);
            pos = (int64_t)(up ? r[i].rx_idx + r[i].rx_nr : r[i].rx_idx);
            for (uint64_t c = 0; c < r[i].rx_nr; c++)
                there[r[i].rx_idx + c] = true;
        }
    }
    same = rec_of[k] ? memcmp(there, f->m.v[d][k].there, sizeof(there)) == 0
                     : there[0] == (f->m.v[d][k].len > 0);
    SAME(same, true);
}

/* The first akey of a dkey with what is asked for, from the largest or the smallest on; -1. */
static int m_query_akey(struct fuzz *f, int d, uint64_t flags, int k)
{
    bool max = flags & DAOS_GET_MAX;

    if (!(flags & DAOS_GET_AKEY))
        return (flags & DAOS_GET_RECX) && !(rec_of[k] && m_akey(&f->m, d, k)) ? -1 : k;
    for (int i = 0; i < AKEYS; i++) {
        k = max ? AKEYS - 1 - i : i;
        if (m_akey(&f->m, d, k) && (!(flags & DAOS_GET_RECX) || rec_of[k]))
            return k;
    }
    return -1;
}

static void m_query(struct fuzz *f, uint64_t flags, int *d, int *k)
{
    bool max = flags & DAOS_GET_MAX;
    int akey = *k;

    if (!(flags & DAOS_GET_DKEY)) {
        *k = m_query_akey(f, *d, flags, akey);
        return;
    }
    for (int i = 0; i < DKEYS; i++) {
        *d = max ? DKEYS - 1 - i : i;
        *k = m_query_akey(f, *d, flags, akey);
        if (*k >= 0 && m_dkey(&f->m, *d))
            return;
    }
    *k = -1;
}

static void check_query(struct fuzz *f)
{
    uint64_t levels = 1 + rnd(f, 7), flags = 0, dnum = 0, anum = 0;
    bool max = rnd(f, 2);
    int d = (int)rnd(f, DKEYS), k = (int)rnd(f, AKEYS);
    daos_key_t dkey = f->dkey[d], akey = f->akey[k];
    daos_recx_t recx = {7, 7};

    flags |= levels & 1 ? DAOS_GET_DKEY : 0;
    flags |= levels & 2 ? DAOS_GET_AKEY : 0;
    flags |= levels & 4 ? DAOS_GET_RECX : 0;
    flags |= max ? DAOS_GET_MAX : DAOS_GET_MIN;
    if (flags & DAOS_GET_DKEY)
        d_iov_set(&dkey, &dnum, sizeof(dnum));
    if (flags & DAOS_GET_AKEY)
        d_iov_set(&akey, &anum, sizeof(anum));
    SAME(daos_obj_query_key(f->oh, f->th, flags, &dkey, &akey, &recx, NULL), 0);
    m_query(f, flags, &d, &k);
    if (flags & DAOS_GET_DKEY)
        SAME(dnum, k >= 0 ? f->number[d] : 0);
    if (flags & DAOS_GET_AKEY)
        SAME(anum, k >= 0 ? f->number[k] : 0);
    if ((flags & DAOS_GET_RECX) && k >= 0) {
        int c = max ? CELLS - 1 : 0;

        while (!f->m.v[d][k].there[c])
            c += max ? -1 : 1;
        SAME(max ? recx.rx_idx + recx.rx_nr - 1 : recx.rx_idx, c);
        for (uint64_t i = 0; i < recx.rx_nr; i++)
            SAME(f->m.v[d][k].there[recx.rx_idx + i], true);
    } else if (flags & DAOS_GET_RECX) {
        SAME(recx.rx_nr, 0);
    }
}

static void look(struct fuzz *f)
{
    int d = (int)rnd(f, DKEYS), k = (int)rnd(f, AKEYS);

    switch (rnd(f, 8)) {
    case 0:
        check_row(f, d);
        break;
    case 1:
        check_keys(f, -1);
        break;
    case 2:
        check_keys(f, d);
        break;
    case 3:
        check_recxs(f, d, k);
        break;
    case 4:
    case 5:
        if (f->numbers) {
            check_query(f);
            break;
        }
        /* fallthrough */
    default:
        if (rec_of[k])
            check_array(f, d, k);
        else
            check_single(f, d, k);
    }
}

/* ---- A case ---- */

static void fuzz_keys(struct fuzz *f)
{
    static const char *const names[DKEYS] = {"b", "ba", "bb", "bbb longer than eight", "c"};
    static const enum daos_otype_t types[] = {DAOS_OT_MULTI_HASHED, DAOS_OT_MULTI_UINT64,
                                              DAOS_OT_MULTI_LEXICAL};
    enum daos_otype_t type = types[rnd(f, 3)];
    bool wide = rnd(f, 2);

    f->oid = (daos_obj_id_t){.lo = (uint64_t)f->no + 1};
    OK(daos_obj_generate_oid(f->a->coh, &f->oid, type, wide ? OC_SX : OC_S1, 0, 0));
    f->numbers = type == DAOS_OT_MULTI_UINT64;
    f->ordered = type != DAOS_OT_MULTI_HASHED && (!wide || api_targets() == 1);
    for (int i = 0; i < DKEYS; i++) {
        f->number[i] = 1 + (uint64_t)i * 1000;
        f->dkey[i] = key(names[i]);
        if (f->numbers)
            d_iov_set(&f->dkey[i], &f->number[i], 8);
    }
    for (int i = 0; i < AKEYS; i++)
        f->akey[i] = f->dkey[i];
    OK(daos_obj_open(f->a->coh, f->oid, DAOS_OO_RW, &f->oh, NULL));
}

static void one_case(struct fuzz *f)
{
    int before = (int)rnd(f, 14), steps = 4 + (int)rnd(f, 24);

    fuzz_keys(f);
    for (f->step = -before; f->step < 0; f->step++)
        change(f, DAOS_TX_NONE);
    f->ops = 0;
    OK(daos_tx_open(f->a->coh, &f->th, TARN_TF_READ_OWN | (rnd(f, 2) ? DAOS_TF_ZERO_COPY : 0),
                    NULL));
    for (; f->step < steps; f->step++) {
        if (rnd(f, 5) < 2)
            change(f, f->th);
        else
            look(f);
    }
    OK(daos_tx_commit(f->th, NULL));
    OK(daos_tx_close(f->th, NULL));
    f->th = DAOS_TX_NONE;
    for (; f->step < steps + 4; f->step++)
        look(f);
    for (int d = 0; d < DKEYS; d++)
        check_row(f, d);
    OK(daos_obj_close(f->oh, NULL));
}

static int number_of(const char *name, int other)
{
    return getenv(name) != NULL ? atoi(getenv(name)) : other;
}

static void every_read_answers_what_the_model_says(void **state)
{
    int cases = number_of("TARN_TX_CASES", getenv("TARN_CHECK_LONG") != NULL ? 20000 : 1500);
    int first = number_of("TARN_TX_SEED", 0);
    struct fuzz *f = malloc(sizeof(*f));

    for (int i = first; i < first + cases; i++) {
        memset(f, 0, offsetof(struct fuzz, data));
        f->used = 0;
        f->a = *state;
        f->no = i;
        f->rnd = (uint64_t)i * UINT64_C(0x9e3779b97f4a7c15) + 1;
        rnd(f, 2);
        one_case(f);
    }
    free(f);
}

API_MAIN(API_TEST(every_read_answers_what_the_model_says))
