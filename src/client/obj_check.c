/*
 * Arguments of object I/O: what is refused before anything is sent. One function a call, the rules
 * in the order of docs/semantics: keys, conditions, shapes of iods, sizes against buffers.
 */
#include <daos_errno.h>
#include <stdlib.h>
#include <string.h>
#include "base/fail.h"
#include "client/obj_io.h"

#define RECX_END (UINT64_C(1) << 63)

#define COND_DKEY  (DAOS_COND_DKEY_INSERT | DAOS_COND_DKEY_UPDATE | DAOS_COND_DKEY_FETCH)
#define COND_AKEY  (DAOS_COND_AKEY_INSERT | DAOS_COND_AKEY_UPDATE | DAOS_COND_AKEY_FETCH)
#define COND_READS (DAOS_COND_DKEY_FETCH | DAOS_COND_AKEY_FETCH)
#define COND_WRITES                                                                                \
    (DAOS_COND_DKEY_INSERT | DAOS_COND_DKEY_UPDATE | DAOS_COND_AKEY_INSERT | DAOS_COND_AKEY_UPDATE)

static int check_key(const daos_key_t *key, bool integer)
{
    if (key == NULL || key->iov_buf == NULL || key->iov_len == 0 || key->iov_len > UINT32_MAX / 2)
        return -DER_INVAL;
    return integer && key->iov_len != sizeof(uint64_t) ? -DER_INVAL : 0;
}

int io_check_dkey(daos_obj_id_t oid, const daos_key_t *dkey)
{
    return check_key(dkey, daos_is_dkey_uint64(oid));
}

int io_check_akey(daos_obj_id_t oid, const daos_key_t *akey)
{
    return check_key(akey, daos_is_akey_uint64(oid));
}

int io_check_punch(daos_obj_id_t oid, uint64_t flags, unsigned int nr, const daos_key_t *keys,
                   bool dkeys)
{
    unsigned int i;
    int rc = 0;

    if ((flags & ~(uint64_t)DAOS_COND_PUNCH) != 0 || nr == 0 || keys == NULL)
        return -DER_INVAL;
    for (i = 0; i < nr && rc == 0; i++)
        rc = dkeys ? io_check_dkey(oid, &keys[i]) : io_check_akey(oid, &keys[i]);
    return rc;
}

static int cmp_recx(const void *a, const void *b)
{
    const daos_recx_t *x = a, *y = b;

    return x->rx_idx < y->rx_idx ? -1 : x->rx_idx > y->rx_idx;
}

/* Overlaps in a list that is not in ascending order. */
static int check_unsorted(const daos_recx_t *recxs, uint32_t nr)
{
    daos_recx_t *copy = base_alloc(nr * sizeof(*copy));
    uint32_t i;
    int rc = 0;

    if (copy == NULL)
        return -DER_NOMEM;
    memcpy(copy, recxs, nr * sizeof(*copy));
    qsort(copy, nr, sizeof(*copy), cmp_recx);
    for (i = 1; i < nr && rc == 0; i++)
        if (copy[i].rx_idx < copy[i - 1].rx_idx + copy[i - 1].rx_nr)
            rc = -DER_INVAL;
    base_free(copy);
    return rc;
}

/* *records: how many the extents cover. */
static int check_recxs(const daos_iod_t *iod, uint64_t *records)
{
    bool ascending = true;
    uint32_t i;

    *records = 0;
    if (iod->iod_nr > 0 && iod->iod_recxs == NULL)
        return -DER_INVAL;
    for (i = 0; i < iod->iod_nr; i++) {
        const daos_recx_t *r = &iod->iod_recxs[i];

        if (r->rx_nr == 0 || r->rx_idx >= RECX_END || r->rx_nr > RECX_END - r->rx_idx)
            return -DER_INVAL;
        if (i > 0 && r->rx_idx < r[-1].rx_idx + r[-1].rx_nr)
            ascending = false;
        *records += r->rx_nr;
    }
    return ascending ? 0 : check_unsorted(iod->iod_recxs, iod->iod_nr);
}

/* *bytes: what the iod describes, 0 when the record size is not known; *skip: an empty entry. */
static int check_iod(daos_obj_id_t oid, const daos_iod_t *iod, uint64_t *bytes, bool *skip)
{
    uint64_t records;
    int rc;

    *skip = false;
    *bytes = 0;
    switch (iod->iod_type) {
    case DAOS_IOD_NONE:
        *skip = true;
        return iod->iod_nr != 0 || iod->iod_recxs != NULL ? -DER_INVAL : 0;
    case DAOS_IOD_SINGLE:
        if (iod->iod_nr != 1)
            return -DER_INVAL;
        *bytes = iod->iod_size;
        break;
    case DAOS_IOD_ARRAY:
        rc = check_recxs(iod, &records);
        if (rc)
            return rc;
        if (__builtin_mul_overflow(records, iod->iod_size, bytes))
            return -DER_INVAL;
        *skip = iod->iod_nr == 0;
        break;
    default:
        return -DER_INVAL;
    }
    return io_check_akey(oid, &iod->iod_name);
}

/* Room (fetch) or data (update) of an sgl. */
static int check_sgl(const d_sg_list_t *sgl, bool update, uint64_t *bytes)
{
    uint32_t i;

    *bytes = 0;
    if (sgl->sg_nr > 0 && sgl->sg_iovs == NULL)
        return -DER_INVAL;
    for (i = 0; i < sgl->sg_nr; i++) {
        const d_iov_t *v = &sgl->sg_iovs[i];

        if (v->iov_buf_len > 0 && v->iov_buf == NULL)
            return -DER_INVAL;
        if (update && v->iov_len > v->iov_buf_len)
            return -DER_INVAL;
        *bytes += update ? v->iov_len : v->iov_buf_len;
    }
    return 0;
}

/* Conditions an iod may carry of its own. */
static bool iod_flags_fit(uint64_t flags, uint64_t allowed)
{
    return (flags & ~(allowed & COND_AKEY)) == 0;
}

static int check_flags(uint64_t flags, uint64_t allowed, unsigned int nr, const daos_iod_t *iods)
{
    unsigned int i;

    if ((flags & ~(allowed | DAOS_COND_PER_AKEY)) != 0)
        return -DER_INVAL;
    if (!(flags & DAOS_COND_PER_AKEY))
        return 0;
    if (flags & COND_AKEY)
        return -DER_INVAL;
    for (i = 0; i < nr; i++)
        if (!iod_flags_fit(iods[i].iod_flags, allowed))
            return -DER_INVAL;
    return 0;
}

int io_check_update(daos_obj_id_t oid, uint64_t flags, const daos_key_t *dkey, unsigned int nr,
                    const daos_iod_t *iods, const d_sg_list_t *sgls)
{
    uint64_t bytes, room;
    unsigned int i;
    bool skip;
    int rc;

    rc = io_check_dkey(oid, dkey);
    if (rc == 0 && nr > 0 && iods == NULL)
        rc = -DER_INVAL;
    if (rc == 0)
        rc = check_flags(flags, COND_WRITES, nr, iods);
    for (i = 0; i < nr && rc == 0; i++) {
        rc = check_iod(oid, &iods[i], &bytes, &skip);
        if (rc || skip || iods[i].iod_size == 0)
            continue;
        if (sgls == NULL)
            return -DER_INVAL;
        rc = check_sgl(&sgls[i], true, &room);
        if (rc == 0 && room == 0)
            rc = -DER_INVAL;
        if (rc == 0 && bytes > room)
            rc = -DER_REC2BIG;
    }
    return rc;
}

int io_check_fetch(daos_obj_id_t oid, uint64_t flags, const daos_key_t *dkey, unsigned int nr,
                   const daos_iod_t *iods, const d_sg_list_t *sgls)
{
    uint64_t bytes, room;
    unsigned int i;
    bool skip;
    int rc;

    rc = io_check_dkey(oid, dkey);
    if (rc == 0 && nr > 0 && iods == NULL)
        rc = -DER_INVAL;
    if (rc == 0)
        rc = check_flags(flags, COND_READS, nr, iods);
    for (i = 0; i < nr && rc == 0; i++) {
        rc = check_iod(oid, &iods[i], &bytes, &skip);
        if (rc || skip || sgls == NULL || sgls[i].sg_nr == 0)
            continue;
        rc = check_sgl(&sgls[i], false, &room);
        if (rc == 0 && bytes > room)
            rc = -DER_REC2BIG;
    }
    return rc;
}
