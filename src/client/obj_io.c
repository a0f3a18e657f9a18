/*
 * From iods and sgls to messages and back.
 *
 * An update's data travels in one bulk vector: the streams of its iods one after the other, each
 * iod naming where its own starts. A fetch has a vector an iod, because a vector's length is what
 * tells the engine how much fits. Checksums are computed here, where the bytes come from: one over
 * a single value, one over each 32 KiB of an extent; of one that is longer over each 4 KiB, so that
 * who reads little of it need not verify more.
 */
#include "client/obj_io.h"

#include <daos_errno.h>
#include <string.h>
#include "base/assert.h"
#include "base/csum.h"
#include "client/compound.h"
#include "net/wire.h"

#define MAP_MIN                                                                                    \
    256u /* extents asked for when a program wants a map, so that the highest is among them */

#define OP_AKEYS ((uint32_t)NET_BULK_MAX) /* akeys of one operation */

#define COND_AKEY (DAOS_COND_AKEY_INSERT | DAOS_COND_AKEY_UPDATE | DAOS_COND_AKEY_FETCH)

/* What fetch's finish finds in op->user. */
enum { U_IODS, U_SGLS, U_IOMS, U_NR, U_INDEX };

uint32_t io_count_iovs(unsigned int nr, const d_sg_list_t *sgls)
{
    uint32_t n = 0;
    unsigned int i;

    for (i = 0; sgls != NULL && i < nr; i++)
        n += sgls[i].sg_nr;
    return n;
}

static struct msg_buf buf_of(const daos_key_t *key)
{
    return (struct msg_buf){.buf = key->iov_buf, .len = (uint32_t)key->iov_len};
}

static bool iod_skipped(const daos_iod_t *iod)
{
    return iod->iod_type == DAOS_IOD_NONE || (iod->iod_type == DAOS_IOD_ARRAY && iod->iod_nr == 0);
}

bool io_nothing(unsigned int nr, const daos_iod_t *iods)
{
    unsigned int i;

    for (i = 0; iods != NULL && i < nr; i++)
        if (!iod_skipped(&iods[i]))
            return false;
    return true;
}

static uint64_t recx_records(const daos_iod_t *iod)
{
    uint64_t n = 0;
    uint32_t i;

    for (i = 0; i < iod->iod_nr; i++)
        n += iod->iod_recxs[i].rx_nr;
    return n;
}

/* Adds up to `bytes` bytes of an sgl. */
static void stream_add(struct stream *s, const d_sg_list_t *sgl, uint64_t bytes, bool update)
{
    uint32_t i;

    for (i = 0; i < sgl->sg_nr && bytes > 0; i++) {
        const d_iov_t *v = &sgl->sg_iovs[i];
        size_t len = update ? v->iov_len : v->iov_buf_len;

        len = (size_t)MIN((uint64_t)len, bytes);
        if (len == 0)
            continue;
        ASSERT(s->nr < s->max);
        s->iov[s->nr++] = (struct iovec){.iov_base = v->iov_buf, .iov_len = len};
        s->bytes += len;
        bytes -= len;
    }
}

/* ---- Checksums ---- */

/* A reader over a part of a stream. */
struct cursor {
    const struct iovec *iov;
    size_t at; /* in *iov */
};

static uint32_t sum_next(struct cursor *c, uint64_t len)
{
    struct csum sum;

    if (c->at == c->iov->iov_len) {
        c->iov++;
        c->at = 0;
    }
    if (len <= c->iov->iov_len - c->at) {
        const char *p = (const char *)c->iov->iov_base + c->at;

        c->at += len;
        return (uint32_t)csum_calc(CSUM_CRC32, p, len);
    }
    csum_begin(&sum, CSUM_CRC32);
    while (len > 0) {
        size_t n = (size_t)MIN(len, (uint64_t)(c->iov->iov_len - c->at));

        csum_add(&sum, (const char *)c->iov->iov_base + c->at, n);
        c->at += n;
        len -= n;
        if (len > 0 && c->at == c->iov->iov_len) {
            c->iov++;
            c->at = 0;
        }
    }
    return (uint32_t)csum_end(&sum);
}

static int sum_extent(struct op *op, struct cursor *c, uint64_t bytes, uint64_t chunk,
                      struct msg_csum *out)
{
    uint64_t n = DIV_UP(bytes, chunk), i;
    uint32_t *sums = op_alloc(op, n * sizeof(*sums));

    if (sums == NULL)
        return -DER_NOMEM;
    for (i = 0; i < n; i++)
        sums[i] = sum_next(c, MIN(chunk, bytes - i * chunk));
    *out = (struct msg_csum){
        .type = CSUM_CRC32, .len = 4, .bytes = {.buf = sums, .len = (uint32_t)(n * sizeof(*sums))}};
    return 0;
}

bool io_knows_fine(const struct cont *co)
{
    return net_peer_features(cont_peer(co)) & NET_FEAT_FINE;
}

static int sum_recx(struct op *op, struct cursor *c, uint64_t bytes, bool fine,
                    struct msg_csum *out)
{
    int rc;

    fine = fine && bytes > CSUM_CHUNK_BYTES;
    rc = sum_extent(op, c, bytes, fine ? CSUM_FINE_BYTES : CSUM_CHUNK_BYTES, out);
    if (rc == 0 && fine)
        out->type |= CSUM_FINE;
    return rc;
}

static int sum_iod(struct op *op, struct msg_iod *m, const daos_iod_t *iod, const struct stream *s,
                   uint32_t first)
{
    struct cursor c = {.iov = &s->iov[first]};
    uint32_t nr = iod->iod_type == DAOS_IOD_SINGLE ? 1 : iod->iod_nr, i;
    struct msg_csum *sums = op_alloc(op, nr * sizeof(*sums));
    int rc = 0;

    if (sums == NULL)
        return -DER_NOMEM;
    if (iod->iod_type == DAOS_IOD_SINGLE)
        rc = sum_extent(op, &c, iod->iod_size, iod->iod_size, &sums[0]);
    else
        for (i = 0; i < nr && rc == 0; i++)
            rc = sum_recx(op, &c, iod->iod_recxs[i].rx_nr * iod->iod_size, s->fine, &sums[i]);
    m->csums = sums;
    m->csums_nr = nr;
    return rc;
}

/* ---- Update and punch ---- */

static int prepare_iod(struct op *op, struct stream *s, struct msg_iod *m, uint64_t flags,
                       const daos_iod_t *iod, const d_sg_list_t *sgl)
{
    uint64_t bytes = iod->iod_size;
    uint32_t first = s->nr;

    *m = (struct msg_iod){
        .akey = buf_of(&iod->iod_name),
        .type = (uint8_t)iod->iod_type,
        .rec_size = iod->iod_size,
        .cond = flags & DAOS_COND_PER_AKEY ? iod->iod_flags : flags & COND_AKEY,
        .bulk = MSG_NO_BULK,
    };
    if (iod->iod_type == DAOS_IOD_ARRAY) {
        m->recxs = iod->iod_recxs;
        m->recxs_nr = iod->iod_nr;
        bytes *= recx_records(iod);
    }
    if (iod->iod_size == 0)
        return 0;
    m->bulk = 0;
    m->bulk_off = s->bytes;
    stream_add(s, sgl, bytes, true);
    return sum_iod(op, m, iod, s, first);
}

int io_prepare_update(struct op *op, struct stream *s, struct msg_op *m, daos_obj_id_t oid,
                      uint64_t flags, const daos_key_t *dkey, unsigned int nr,
                      const daos_iod_t *iods, const d_sg_list_t *sgls)
{
    struct msg_iod *mi = op_alloc(op, nr * sizeof(*mi));
    unsigned int i;
    int rc = 0;

    if (mi == NULL)
        return -DER_NOMEM;
    *m = (struct msg_op){
        .kind = MSG_OP_UPDATE,
        .level = MSG_DKEY,
        .cond = flags & ~(uint64_t)(COND_AKEY | DAOS_COND_PER_AKEY),
        .oid = oid,
        .dkey = buf_of(dkey),
        .iods = mi,
    };
    for (i = 0; i < nr && rc == 0; i++) {
        if (iod_skipped(&iods[i]))
            continue;
        rc = prepare_iod(op, s, &mi[m->iods_nr++], flags, &iods[i], sgls ? &sgls[i] : NULL);
    }
    return rc;
}

void io_set_update(struct op *op, const struct cont *co, const struct msg_op *ops, uint32_t nr,
                   const struct stream *s)
{
    struct msg_obj_update_req *q = &op->req.update;

    memcpy(q->hdl, co->hdl, sizeof(q->hdl));
    q->epoch = 0;
    q->ops = ops;
    q->ops_nr = nr;
    if (s->nr > 0) {
        op->call.bulk[0] = (struct net_bulk){.iov = s->iov, .iov_nr = s->nr, .writable = false};
        op->call.bulk_nr = 1;
    }
}

/* A message's operation holds OP_AKEYS akeys; more become several operations of the same (atomic)
 * request. */
static int ops_alloc(struct op *op, unsigned int nr, struct msg_op **out)
{
    uint64_t n = MAX(DIV_UP(nr, OP_AKEYS), 1u);

    if (n > COMPOUND_OPS_MAX)
        return -DER_OVERFLOW;
    *out = op_alloc(op, n * sizeof(**out));
    return *out ? 0 : -DER_NOMEM;
}

int io_update(struct op *op, const struct cont *co, daos_obj_id_t oid, uint64_t flags,
              const daos_key_t *dkey, unsigned int nr, const daos_iod_t *iods,
              const d_sg_list_t *sgls)
{
    struct stream s = {.max = io_count_iovs(nr, sgls), .fine = io_knows_fine(co)};
    struct msg_op *ops = NULL;
    unsigned int from;
    uint32_t n = 0;
    int rc;

    s.iov = op_alloc(op, s.max * sizeof(*s.iov));
    if (s.iov == NULL)
        return -DER_NOMEM;
    rc = ops_alloc(op, nr, &ops);
    for (from = 0; rc == 0 && from < nr; from += OP_AKEYS) {
        unsigned int part = MIN(nr - from, OP_AKEYS);

        if (io_nothing(part, iods + from))
            continue;
        rc = io_prepare_update(op, &s, &ops[n++], oid, flags, dkey, part, iods + from,
                               sgls ? sgls + from : NULL);
        /* The dkey is looked at once: the operations after the first find what it made. */
        flags &= ~(uint64_t)(DAOS_COND_DKEY_INSERT | DAOS_COND_DKEY_UPDATE);
    }
    if (rc == 0)
        io_set_update(op, co, ops, n, &s);
    return rc;
}

int io_punch(struct op *op, const struct cont *co, daos_obj_id_t oid, uint64_t flags,
             const daos_key_t *dkey, unsigned int nr, const daos_key_t *akeys)
{
    struct msg_buf *keys = op_alloc(op, nr * sizeof(*keys));
    struct stream none = {0};
    struct msg_op *ops = NULL;
    unsigned int i;
    uint32_t n = 0;
    int rc;

    if (keys == NULL)
        return -DER_NOMEM;
    for (i = 0; i < nr; i++)
        keys[i] = buf_of(&akeys[i]);
    rc = ops_alloc(op, nr, &ops);
    if (rc)
        return rc;
    i = 0;
    do {
        ops[n] = (struct msg_op){
            .kind = MSG_OP_PUNCH,
            .level = MSG_AKEY,
            .cond = flags,
            .oid = oid,
            .akeys = keys + i,
            .akeys_nr = MIN(nr - i, OP_AKEYS),
        };
        if (nr == 0)
            ops[n].level = dkey == NULL ? MSG_OBJ : MSG_DKEY;
        if (dkey != NULL)
            ops[n].dkey = buf_of(dkey);
        i += ops[n++].akeys_nr;
    } while (i < nr);
    io_set_update(op, co, ops, n, &none);
    return 0;
}

/* ---- Fetch ---- */

void io_sgl_filled(d_sg_list_t *sgl, uint64_t bytes)
{
    uint32_t i;

    sgl->sg_nr_out = 0;
    if (MUTANT(CLIENT_STALE_LENGTH) && bytes == 0)
        return;
    for (i = 0; i < sgl->sg_nr; i++) {
        d_iov_t *v = &sgl->sg_iovs[i];

        v->iov_len = (size_t)MIN((uint64_t)v->iov_buf_len, bytes);
        bytes -= v->iov_len;
        if (v->iov_len > 0)
            sgl->sg_nr_out = i + 1;
    }
}

void io_fill_iom(daos_iom_t *iom, const daos_iod_t *iod, const struct msg_fres *res)
{
    static const daos_recx_t one = {0, 1};
    const daos_recx_t *map = res->map;
    uint32_t nr = res->map_nr;

    iom->iom_type = iod->iod_type;
    iom->iom_size = res->rec_size;
    iom->iom_nr_out = res->map_total;
    if (iod->iod_type == DAOS_IOD_SINGLE) {
        map = &one;
        nr = iom->iom_nr_out = res->rec_size > 0;
    }
    memset(&iom->iom_recx_lo, 0, sizeof(iom->iom_recx_lo));
    memset(&iom->iom_recx_hi, 0, sizeof(iom->iom_recx_hi));
    if (nr == 0)
        return;
    iom->iom_recx_lo = map[0];
    iom->iom_recx_hi = map[nr - 1];
    if ((iom->iom_flags & DAOS_IOMF_DETAIL) && iom->iom_nr > 0 && iom->iom_recxs != NULL)
        memcpy(iom->iom_recxs, map, MIN(nr, iom->iom_nr) * sizeof(*map));
}

int io_fetch_finish(struct op *op, int rc)
{
    daos_iod_t *iods = (daos_iod_t *)op->user[U_IODS];
    d_sg_list_t *sgls = (d_sg_list_t *)op->user[U_SGLS];
    daos_iom_t *ioms = (daos_iom_t *)op->user[U_IOMS];
    const uint32_t *index = (const uint32_t *)op->user[U_INDEX];
    const struct msg_fres *res = op->rep.fetch.res;
    uint32_t i, nr = op->rep.fetch.res_nr;

    if (rc != 0 && rc != -DER_REC2BIG)
        return rc;
    if (rc == 0 && nr != op->req.fetch.iods_nr)
        return -DER_PROTO;
    nr = MIN(nr, op->req.fetch.iods_nr);
    for (i = 0; i < nr; i++) {
        uint32_t at = index ? index[i] : i;

        if (rc == 0 || res[i].rec_size > 0)
            iods[at].iod_size = res[i].rec_size;
        if (rc != 0)
            continue;
        if (sgls != NULL)
            io_sgl_filled(&sgls[at], res[i].bytes);
        if (ioms != NULL)
            io_fill_iom(&ioms[at], &iods[at], &res[i]);
    }
    return rc;
}

void io_prepare_fiod(struct op *op, struct stream *s, struct msg_fiod *m, uint64_t flags,
                     const daos_iod_t *iod, const d_sg_list_t *sgl, const daos_iom_t *iom)
{
    uint32_t first = s->nr;

    *m = (struct msg_fiod){
        .akey = buf_of(&iod->iod_name),
        .type = (uint8_t)iod->iod_type,
        /* A single value is as long as it is; a program's guess is no condition. */
        .rec_size = iod->iod_type == DAOS_IOD_SINGLE ? DAOS_REC_ANY : iod->iod_size,
        .cond = flags & DAOS_COND_PER_AKEY ? iod->iod_flags : flags & COND_AKEY,
        .bulk = MSG_NO_BULK,
        .map_max = iom ? MAX(iom->iom_nr, MAP_MIN) : 0,
    };
    if (iod->iod_type == DAOS_IOD_ARRAY) {
        m->recxs = iod->iod_recxs;
        m->recxs_nr = iod->iod_nr;
    }
    if (sgl == NULL || sgl->sg_nr == 0)
        return;
    stream_add(s, sgl, UINT64_MAX, false);
    m->bulk = op->call.bulk_nr;
    op->call.bulk[op->call.bulk_nr++] =
        (struct net_bulk){.iov = s->iov + first, .iov_nr = s->nr - first, .writable = true};
}

int io_fetch(struct op *op, const struct cont *co, daos_epoch_t epoch, daos_obj_id_t oid,
             uint64_t flags, const daos_key_t *dkey, unsigned int nr, daos_iod_t *iods,
             d_sg_list_t *sgls, daos_iom_t *ioms)
{
    struct stream s = {.max = io_count_iovs(nr, sgls)};
    struct msg_obj_fetch_req *q = &op->req.fetch;
    struct msg_fiod *m = op_alloc(op, nr * sizeof(*m));
    uint32_t *index = op_alloc(op, nr * sizeof(*index));
    unsigned int i;

    if (nr > NET_BULK_MAX)
        return -DER_NOTSUPPORTED;
    s.iov = op_alloc(op, s.max * sizeof(*s.iov));
    if (m == NULL || s.iov == NULL || index == NULL)
        return -DER_NOMEM;
    memcpy(q->hdl, co->hdl, sizeof(q->hdl));
    q->epoch = epoch;
    q->cond = flags & ~(uint64_t)DAOS_COND_PER_AKEY;
    q->oid = oid;
    q->dkey = buf_of(dkey);
    q->iods = m;
    q->iods_nr = 0;
    for (i = 0; i < nr; i++) {
        if (iod_skipped(&iods[i]))
            continue;
        index[q->iods_nr] = i;
        io_prepare_fiod(op, &s, &m[q->iods_nr++], flags, &iods[i], sgls ? &sgls[i] : NULL,
                        ioms ? &ioms[i] : NULL);
    }
    op->user[U_IODS] = (uintptr_t)iods;
    op->user[U_SGLS] = (uintptr_t)sgls;
    op->user[U_IOMS] = (uintptr_t)ioms;
    op->user[U_NR] = nr;
    op->user[U_INDEX] = (uintptr_t)index;
    op->finish = io_fetch_finish;
    return 0;
}
