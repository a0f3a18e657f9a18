/*
 * Messages to vos structures. The codec has checked bounds of the encoding; here numbers,
 * references to bulk vectors and sizes are checked against each other. vos checks what they mean.
 */
#include "base/csum.h"
#include "engine/engine_int.h"

int decode_bulk(struct net_req *req, uint32_t bulk, uint64_t off, uint64_t len, bool writable,
                struct iovec **out, uint32_t *out_nr)
{
    const struct net_bulk *b;
    struct iovec *iov;
    uint32_t first, nr = 0;
    uint64_t left = len;

    if (bulk >= req->bulk_nr)
        return -DER_PROTO;
    b = &req->bulk[bulk];
    if (writable && !b->writable)
        return -DER_PROTO;
    for (first = 0; first < b->iov_nr && off >= b->iov[first].iov_len &&
                    (off > 0 || b->iov[first].iov_len == 0);
         first++)
        off -= b->iov[first].iov_len;
    iov = net_req_alloc(req, (b->iov_nr - first + 1) * sizeof(*iov));
    if (iov == NULL)
        return -DER_NOMEM;
    for (uint32_t i = first; i < b->iov_nr && left > 0; i++) {
        uint64_t n = MIN(b->iov[i].iov_len - off, left);

        iov[nr].iov_base = (char *)b->iov[i].iov_base + off;
        iov[nr].iov_len = n;
        nr += n > 0;
        left -= n;
        off = 0;
    }
    if (left > 0)
        return -DER_PROTO;
    *out = iov;
    *out_nr = nr;
    return 0;
}

struct vos_key decode_key(const struct msg_buf *b)
{
    struct vos_key k = {.buf = b->buf, .len = b->len};

    return k;
}

/* Bytes that an iod's values take in its stream; -DER_INVAL if they overflow. */
static int stream_bytes(uint8_t type, uint64_t rec_size, const daos_recx_t *recxs, uint32_t nr,
                        uint64_t *bytes)
{
    uint64_t sum = 0;

    if (type == DAOS_IOD_SINGLE) {
        *bytes = rec_size;
        return 0;
    }
    for (uint32_t i = 0; i < nr; i++)
        if (__builtin_add_overflow(sum, recxs[i].rx_nr, &sum))
            return -DER_INVAL;
    if (__builtin_mul_overflow(sum, rec_size, &sum))
        return -DER_INVAL;
    *bytes = sum;
    return 0;
}

static int decode_csums(struct net_req *req, const struct msg_iod *m, struct vos_iod *iod)
{
    uint32_t want = m->type == DAOS_IOD_SINGLE ? 1 : m->recxs_nr;
    struct vos_csum *cs;

    if (m->csums_nr == 0)
        return 0;
    if (m->csums_nr != want)
        return -DER_PROTO;
    cs = net_req_alloc(req, want * sizeof(*cs));
    if (cs == NULL)
        return -DER_NOMEM;
    for (uint32_t i = 0; i < want; i++) {
        const struct msg_csum *c = &m->csums[i];
        enum csum_type type = c->type;

        if (m->type == DAOS_IOD_ARRAY && c->type == (CSUM_FINE | CSUM_CRC32))
            type = CSUM_CRC32;
        if (c->len == 0 || c->bytes.len % c->len != 0 || !csum_supported(type) ||
            c->len != csum_len(type))
            return -DER_PROTO;
        cs[i].type = c->type;
        cs[i].len = c->len;
        cs[i].nr = c->bytes.len / c->len;
        cs[i].bytes = c->bytes.buf;
    }
    iod->csums = cs;
    return 0;
}

static int decode_iod(struct net_req *req, const struct msg_iod *m, struct vos_iod *iod)
{
    struct iovec *iov = NULL;
    uint64_t bytes;
    int rc;

    iod->akey = decode_key(&m->akey);
    iod->type = (daos_iod_type_t)m->type;
    iod->rec_size = m->rec_size;
    iod->cond = m->cond;
    iod->recxs = m->recxs;
    iod->recx_nr = m->recxs_nr;
    rc = stream_bytes(m->type, m->rec_size, m->recxs, m->recxs_nr, &bytes);
    if (rc == 0 && bytes > 0)
        rc = m->bulk == MSG_NO_BULK
                 ? -DER_PROTO
                 : decode_bulk(req, m->bulk, m->bulk_off, bytes, false, &iov, &iod->iov_nr);
    iod->iov = iov;
    if (rc == 0 && bytes > 0)
        rc = decode_csums(req, m, iod);
    return rc;
}

static int decode_op(struct net_req *req, const struct msg_op *m, struct vos_op *op)
{
    struct vos_iod *iods = NULL;
    struct vos_key *akeys = NULL;
    uint32_t nr = m->kind == MSG_OP_UPDATE ? m->iods_nr : m->akeys_nr;
    int rc = 0;

    if (m->kind > MSG_OP_CHECK || m->level > MSG_AKEY || m->check > MSG_CHECK_ONLY ||
        nr > NET_BULK_MAX)
        return -DER_PROTO;
    op->kind = (enum vos_op_kind)m->kind;
    op->level = (enum vos_level)m->level;
    op->check = (enum vos_check)m->check;
    op->seen = m->seen;
    op->cond = m->cond;
    op->oid = m->oid;
    op->dkey = decode_key(&m->dkey);
    op->akey_nr = nr;
    if (nr == 0)
        return 0;
    if (m->kind == MSG_OP_UPDATE) {
        iods = net_req_alloc(req, nr * sizeof(*iods));
        if (iods == NULL)
            return -DER_NOMEM;
        memset(iods, 0, nr * sizeof(*iods));
        for (uint32_t i = 0; i < nr && rc == 0; i++)
            rc = decode_iod(req, &m->iods[i], &iods[i]);
        op->iods = iods;
        return rc;
    }
    akeys = net_req_alloc(req, nr * sizeof(*akeys));
    if (akeys == NULL)
        return -DER_NOMEM;
    for (uint32_t i = 0; i < nr; i++)
        akeys[i] = decode_key(&m->akeys[i]);
    op->akeys = akeys;
    return 0;
}

int decode_ops(struct net_req *req, const struct msg_obj_update_req *m, struct vos_op **out)
{
    struct vos_op *ops;
    int rc = 0;

    /* epochs are the engine's to give; only replay between engines, which is not there yet, brings
     * its own */
    if (m->ops_nr == 0 || m->ops_nr > VOS_OPS_MAX || m->epoch != 0)
        return -DER_PROTO;
    ops = net_req_alloc(req, m->ops_nr * sizeof(*ops));
    if (ops == NULL)
        return -DER_NOMEM;
    memset(ops, 0, m->ops_nr * sizeof(*ops));
    for (uint32_t i = 0; i < m->ops_nr && rc == 0; i++)
        rc = decode_op(req, &m->ops[i], &ops[i]);
    *out = ops;
    return rc;
}

static int decode_fiod(struct net_req *req, const struct msg_fiod *m, struct vos_fetch_iod *iod)
{
    uint64_t room = 0;
    int rc;

    if (m->map_max > 65536)
        return -DER_PROTO;
    iod->akey = decode_key(&m->akey);
    iod->type = (daos_iod_type_t)m->type;
    iod->rec_size = m->rec_size;
    iod->cond = m->cond;
    iod->recxs = m->recxs;
    iod->recx_nr = m->recxs_nr;
    /* a transport that wants to know what was written needs the map too (fetch.c) */
    iod->map_max = req->wrote != NULL ? MAX(m->map_max, 16u) : m->map_max;
    if (iod->map_max > 0) {
        iod->map = net_req_alloc(req, iod->map_max * sizeof(*iod->map));
        if (iod->map == NULL)
            return -DER_NOMEM;
    }
    if (m->bulk == MSG_NO_BULK)
        return 0;
    if (m->bulk >= req->bulk_nr)
        return -DER_PROTO;
    for (uint32_t i = 0; i < req->bulk[m->bulk].iov_nr; i++)
        room += req->bulk[m->bulk].iov[i].iov_len;
    if (m->bulk_off > room)
        return -DER_PROTO;
    rc = decode_bulk(req, m->bulk, m->bulk_off, room - m->bulk_off, true, &iod->dst, &iod->dst_nr);
    return rc;
}

int decode_fiods(struct net_req *req, const struct msg_fiod *m, uint32_t nr,
                 struct vos_fetch_iod **out)
{
    struct vos_fetch_iod *iods;
    int rc = 0;

    if (nr == 0 || nr > NET_BULK_MAX)
        return -DER_PROTO;
    iods = net_req_alloc(req, nr * sizeof(*iods));
    if (iods == NULL)
        return -DER_NOMEM;
    memset(iods, 0, nr * sizeof(*iods));
    for (uint32_t i = 0; i < nr && rc == 0; i++)
        rc = decode_fiod(req, &m[i], &iods[i]);
    *out = iods;
    return rc;
}

int decode_fetch(struct net_req *req, const struct msg_obj_fetch_req *m, struct vos_key *dkey,
                 struct vos_fetch_iod **out)
{
    *dkey = decode_key(&m->dkey);
    return decode_fiods(req, m->iods, m->iods_nr, out);
}
