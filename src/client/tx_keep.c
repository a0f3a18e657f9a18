/*
 * Transactions: what one keeps in the program's memory until the commit. Of reads which keys they
 * were of, of writes everything: keys, records and, unless the program lends them, bytes.
 */
#include <daos.h>
#include <string.h>
#include <tarn.h>
#include "base/fail.h"
#include "client/obj_io.h"
#include "client/tx_int.h"

/* ---- Reads ---- */

static daos_key_t *key_copy(struct arena *mem, const daos_key_t *key)
{
    daos_key_t *k = arena_alloc(mem, sizeof(*k));
    void *bytes = k ? arena_memdup(mem, key->iov_buf, key->iov_len) : NULL;

    if (bytes == NULL)
        return NULL;
    d_iov_set(k, bytes, key->iov_len);
    return k;
}

int tx_note_read(struct tx *tx, daos_obj_id_t oid, const daos_key_t *dkey)
{
    struct tx_seen *s;
    struct list *l;

    LIST_FOREACH(l, &tx->seen)
    {
        s = LIST_ENTRY(l, struct tx_seen, link);
        if (!tx_same_oid(s->oid, oid))
            continue;
        if (MUTANT(CLIENT_TX_READ_FIRST) && dkey != NULL)
            return 0;
        if (s->dkey == NULL || (dkey != NULL && s->dkey->iov_len == dkey->iov_len &&
                                memcmp(s->dkey->iov_buf, dkey->iov_buf, dkey->iov_len) == 0))
            return 0;
    }
    s = arena_alloc(&tx->mem, sizeof(*s));
    if (s == NULL)
        return -DER_NOMEM;
    s->oid = oid;
    s->dkey = dkey ? key_copy(&tx->mem, dkey) : NULL;
    if (dkey != NULL && s->dkey == NULL)
        return -DER_NOMEM;
    list_add_tail(&tx->seen, &s->link);
    tx->seen_nr++;
    return 0;
}

/* Another container's, or that of a copy of the pool? */
static bool foreign(const struct tx *tx, const struct cont *co)
{
    return memcmp(tx->cont->uuid, co->uuid, sizeof(uuid_t)) != 0 ||
           memcmp(tx->cont->pool->conn->pool, co->pool->conn->pool, sizeof(uuid_t)) != 0;
}

int tx_read(struct client *c, daos_handle_t th, struct cont *co, daos_obj_id_t oid,
            const daos_key_t *what, daos_epoch_t *epoch, struct tx **out)
{
    struct tx *tx;
    int rc = 0;

    *out = NULL;
    *epoch = DAOS_EPOCH_MAX;
    if (th.cookie == 0)
        return 0;
    tx = tx_get(c, th);
    if (tx == NULL)
        return -DER_NO_HDL;
    lock_short(&tx->lock);
    if (foreign(tx, co))
        rc = -DER_INVAL;
    else if (tx->state != TX_OPEN)
        rc = -DER_NO_PERM;
    if (rc == 0 && !tx->snap && !(tx->flags & (DAOS_TF_RDONLY | TARN_TF_READ_OWN)) &&
        !(MUTANT(CLIENT_TX_LIST_UNCHECKED) && what == NULL) &&
        !(MUTANT(CLIENT_TX_READ_UNCHECKED) && what != NULL))
        rc = tx_note_read(tx, oid, what);
    *epoch = MUTANT(CLIENT_TX_EPOCH_MOVES) && !tx->snap ? 0 : tx->epoch;
    rt_mutex_unlock(&tx->lock);
    if (rc)
        tx_put(tx);
    else
        *out = tx;
    return rc;
}

/* ---- Writes ---- */

int tx_for_write(struct client *c, daos_handle_t th, struct cont *co, struct tx **out)
{
    struct tx *tx;
    int rc = 0;

    *out = NULL;
    if (co->flags & DAOS_COO_RO)
        return -DER_NO_PERM;
    if (th.cookie == 0)
        return 0;
    tx = tx_get(c, th);
    if (tx == NULL)
        return -DER_NO_HDL;
    lock_short(&tx->lock);
    if (foreign(tx, co))
        rc = -DER_INVAL;
    else if (tx->snap || (tx->flags & DAOS_TF_RDONLY) || tx->state != TX_OPEN ||
             (tx->cont->flags & DAOS_COO_RO))
        rc = -DER_NO_PERM;
    rt_mutex_unlock(&tx->lock);
    if (rc)
        tx_put(tx);
    else
        *out = tx;
    return rc;
}

static struct tx_op *op_new(struct tx *tx, daos_obj_id_t oid, uint64_t flags,
                            const daos_key_t *dkey)
{
    struct tx_op *op = arena_calloc(&tx->mem, 1, sizeof(*op));

    if (op == NULL)
        return NULL;
    op->oid = oid;
    op->flags = flags;
    if (dkey != NULL) {
        op->dkey = key_copy(&tx->mem, dkey);
        if (op->dkey == NULL)
            return NULL;
    }
    return op;
}

static bool sgl_copy(struct tx *tx, d_sg_list_t *dst, const d_sg_list_t *src)
{
    uint32_t i;

    *dst = *src;
    if (src->sg_nr == 0)
        return true;
    dst->sg_iovs = arena_memdup(&tx->mem, src->sg_iovs, src->sg_nr * sizeof(*src->sg_iovs));
    if (dst->sg_iovs == NULL)
        return false;
    for (i = 0; !(tx->flags & DAOS_TF_ZERO_COPY) && i < src->sg_nr; i++) {
        d_iov_t *v = &dst->sg_iovs[i];

        if (v->iov_len == 0)
            continue;
        v->iov_buf = arena_memdup(&tx->mem, v->iov_buf, v->iov_len);
        if (v->iov_buf == NULL)
            return false;
    }
    return true;
}

static bool iod_copy(struct tx *tx, daos_iod_t *dst, const daos_iod_t *src)
{
    *dst = *src;
    if (src->iod_type == DAOS_IOD_NONE)
        return true;
    dst->iod_name.iov_buf = arena_memdup(&tx->mem, src->iod_name.iov_buf, src->iod_name.iov_len);
    if (src->iod_recxs != NULL && src->iod_type == DAOS_IOD_ARRAY)
        dst->iod_recxs =
            arena_memdup(&tx->mem, src->iod_recxs, src->iod_nr * sizeof(*src->iod_recxs));
    return dst->iod_name.iov_buf != NULL && (dst->iod_recxs != NULL || src->iod_recxs == NULL);
}

static void add_op(struct tx *tx, struct tx_op *op)
{
    op->seq = ++tx->seq;
    list_add_tail(&tx->ops, &op->link);
    tx->ops_nr++;
}

/* Under the lock. */
static int keep_update(struct tx *tx, daos_obj_id_t oid, uint64_t flags, const daos_key_t *dkey,
                       unsigned int nr, const daos_iod_t *iods, const d_sg_list_t *sgls,
                       struct tx_op **kept)
{
    struct tx_op *op;
    unsigned int i;

    if (tx->ops_nr >= COMPOUND_OPS_MAX || nr > NET_BULK_MAX)
        return -DER_OVERFLOW;
    op = op_new(tx, oid, flags, dkey);
    if (op == NULL)
        return -DER_NOMEM;
    op->nr = nr;
    op->iods = arena_alloc(&tx->mem, nr * sizeof(*op->iods));
    op->sgls = sgls ? arena_alloc(&tx->mem, nr * sizeof(*op->sgls)) : NULL;
    if (op->iods == NULL || (sgls != NULL && op->sgls == NULL))
        return -DER_NOMEM;
    for (i = 0; i < nr; i++)
        if (!iod_copy(tx, &op->iods[i], &iods[i]) ||
            (sgls != NULL && !sgl_copy(tx, &op->sgls[i], &sgls[i])))
            return -DER_NOMEM;
    add_op(tx, op);
    *kept = op;
    return 0;
}

/* Without this operation the others must not be committed. */
static int kept_or_failed(struct tx *tx, struct tx_op *op, bool judged, int rc)
{
    if (rc == 0)
        op->judged = judged;
    else if (tx->state == TX_OPEN)
        tx->state = TX_FAILED;
    return rc;
}

int tx_keep_update(struct tx *tx, daos_obj_id_t oid, uint64_t flags, bool judged, daos_key_t *dkey,
                   unsigned int nr, daos_iod_t *iods, d_sg_list_t *sgls, struct tx_op **kept)
{
    int rc;

    lock_short(&tx->lock);
    rc = tx->state != TX_OPEN ? -DER_NO_PERM
                              : keep_update(tx, oid, flags, dkey, nr, iods, sgls, kept);
    rc = kept_or_failed(tx, *kept, judged, rc);
    rt_mutex_unlock(&tx->lock);
    return rc;
}

static int keep_punch(struct tx *tx, daos_obj_id_t oid, uint64_t flags, const daos_key_t *dkey,
                      unsigned int nr, const daos_key_t *akeys, struct tx_op **kept)
{
    struct tx_op *op;
    unsigned int i;

    if (tx->ops_nr >= COMPOUND_OPS_MAX || nr > NET_BULK_MAX)
        return -DER_OVERFLOW;
    op = op_new(tx, oid, flags, dkey);
    if (op == NULL)
        return -DER_NOMEM;
    op->punch = true;
    op->nr = nr;
    op->akeys = arena_alloc(&tx->mem, nr * sizeof(*op->akeys));
    if (op->akeys == NULL)
        return -DER_NOMEM;
    for (i = 0; i < nr; i++) {
        daos_key_t *k = key_copy(&tx->mem, &akeys[i]);

        if (k == NULL)
            return -DER_NOMEM;
        op->akeys[i] = *k;
    }
    add_op(tx, op);
    *kept = op;
    return 0;
}

int tx_keep_punch(struct tx *tx, daos_obj_id_t oid, uint64_t flags, bool judged, daos_key_t *dkey,
                  unsigned int nr, daos_key_t *akeys, struct tx_op **kept)
{
    int rc;

    lock_short(&tx->lock);
    rc = tx->state != TX_OPEN ? -DER_NO_PERM : keep_punch(tx, oid, flags, dkey, nr, akeys, kept);
    rc = kept_or_failed(tx, *kept, judged, rc);
    rt_mutex_unlock(&tx->lock);
    return rc;
}

int tx_keep_punch_dkeys(struct tx *tx, daos_obj_id_t oid, uint64_t flags, bool judged,
                        unsigned int nr, daos_key_t *dkeys, struct tx_op **kept)
{
    struct tx_op *op = NULL;
    int rc;

    lock_short(&tx->lock);
    rc = tx->state != TX_OPEN ? -DER_NO_PERM : 0;
    for (unsigned int i = 0; i < nr && rc == 0; i++) {
        rc = keep_punch(tx, oid, flags, &dkeys[i], 0, NULL, &op);
        rc = kept_or_failed(tx, op, judged, rc);
        if (rc == 0 && i == 0)
            *kept = op;
    }
    rt_mutex_unlock(&tx->lock);
    return rc;
}

int tx_update(struct tx *tx, daos_obj_id_t oid, uint64_t flags, daos_key_t *dkey, unsigned int nr,
              daos_iod_t *iods, d_sg_list_t *sgls)
{
    struct tx_op *kept = NULL;

    return tx_keep_update(tx, oid, flags, false, dkey, nr, iods, sgls, &kept);
}

int tx_punch(struct tx *tx, daos_obj_id_t oid, uint64_t flags, daos_key_t *dkey, unsigned int nr,
             daos_key_t *akeys)
{
    struct tx_op *kept = NULL;

    return tx_keep_punch(tx, oid, flags, false, dkey, nr, akeys, &kept);
}
