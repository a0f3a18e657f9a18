/* Workloads of the API itself: values of an object, keys of a key-value object, ranges of an array.
 */
#include <string.h>

#include "tools/bench.h"

#define VALUE_DEFAULT 4096u
#define KV_DEFAULT    64u
#define ARRAY_CHUNK   (1u << 20)

/* Ids that no file of the container has. */
static int new_oid(struct bench_worker *w, enum daos_otype_t type, daos_obj_id_t *oid)
{
    uint64_t lo;
    int rc = daos_cont_alloc_oids(w->b->coh, 1, &lo, NULL);

    if (rc != 0)
        return rc;
    *oid = (daos_obj_id_t){.lo = lo};
    return daos_obj_generate_oid(w->b->coh, oid, type, OC_UNKNOWN, 0, 0);
}

/* ---- object: a dkey of each slot, with one akey ---- */

static int object_begin(struct bench_worker *w)
{
    daos_obj_id_t oid;
    int rc = new_oid(w, DAOS_OT_DKEY_UINT64, &oid);

    return rc != 0 ? rc : daos_obj_open(w->b->coh, oid, DAOS_OO_RW, &w->oh, NULL);
}

static void object_end(struct bench_worker *w)
{
    if (daos_handle_is_valid(w->oh))
        daos_obj_close(w->oh, NULL);
}

static int object_io(struct bench_worker *w, uint64_t slot, bool write)
{
    char akey[] = "value";
    daos_recx_t recx = {0, w->size};
    daos_iod_t iod = {.iod_type = DAOS_IOD_ARRAY, .iod_size = 1, .iod_nr = 1, .iod_recxs = &recx};
    d_iov_t iov;
    d_sg_list_t sgl = {.sg_nr = 1, .sg_iovs = &iov};
    daos_key_t dkey;

    d_iov_set(&dkey, &slot, sizeof(slot));
    d_iov_set(&iod.iod_name, akey, strlen(akey));
    d_iov_set(&iov, w->buf, w->size);
    if (write)
        return daos_obj_update(w->oh, DAOS_TX_NONE, 0, &dkey, 1, &iod, &sgl, NULL);
    iov.iov_len = 0;
    int rc = daos_obj_fetch(w->oh, DAOS_TX_NONE, 0, &dkey, 1, &iod, &sgl, NULL, NULL);

    return rc != 0 ? rc : bench_check(w, slot, iov.iov_len);
}

static int object_write(struct bench_worker *w, uint64_t slot)
{
    bench_mark(w, slot);
    return object_io(w, slot, true);
}

static int object_read(struct bench_worker *w, uint64_t slot)
{
    return object_io(w, slot, false);
}

const struct bench_workload bench_object = {
    "object",
    {{"write", object_write, BENCH_FILL, true, false},
     {"read", object_read, BENCH_ANY, true, false}},
    object_begin,
    object_end,
    VALUE_DEFAULT,
};

/* ---- kv: a key of each slot ---- */

#define KEY_MAX 12

/* "key" and 8 hexadecimal digits; printf() would take a tenth of the time of a get. */
static void key_of(uint64_t slot, char key[KEY_MAX])
{
    memcpy(key, "key", 3);
    for (unsigned i = 0; i < 8; i++)
        key[3 + i] = "0123456789abcdef"[slot >> (28 - 4 * i) & 15];
    key[KEY_MAX - 1] = '\0';
}

static int kv_begin(struct bench_worker *w)
{
    daos_obj_id_t oid;
    int rc = new_oid(w, DAOS_OT_KV_HASHED, &oid);

    return rc != 0 ? rc : daos_kv_open(w->b->coh, oid, DAOS_OO_RW, &w->oh, NULL);
}

static void kv_end(struct bench_worker *w)
{
    if (daos_handle_is_valid(w->oh))
        daos_kv_close(w->oh, NULL);
}

static int kv_put(struct bench_worker *w, uint64_t slot)
{
    char key[KEY_MAX];

    key_of(slot, key);
    bench_mark(w, slot);
    return daos_kv_put(w->oh, DAOS_TX_NONE, 0, key, w->size, w->buf, NULL);
}

static int kv_get(struct bench_worker *w, uint64_t slot)
{
    char key[KEY_MAX];
    daos_size_t size = w->size;
    int rc;

    key_of(slot, key);
    rc = daos_kv_get(w->oh, DAOS_TX_NONE, 0, key, &size, w->buf, NULL);
    return rc != 0 ? rc : bench_check(w, slot, size);
}

const struct bench_workload bench_kv = {
    "kv",       {{"put", kv_put, BENCH_FILL, true, false}, {"get", kv_get, BENCH_ANY, true, false}},
    kv_begin,   kv_end,
    KV_DEFAULT,
};

/* ---- array: a range of each slot ---- */

static int array_begin(struct bench_worker *w)
{
    daos_obj_id_t oid;
    int rc = new_oid(w, DAOS_OT_ARRAY, &oid);

    return rc != 0 ? rc
                   : daos_array_create(w->b->coh, oid, DAOS_TX_NONE, 1, ARRAY_CHUNK, &w->oh, NULL);
}

static void array_end(struct bench_worker *w)
{
    if (daos_handle_is_valid(w->oh))
        daos_array_close(w->oh, NULL);
}

static int array_write(struct bench_worker *w, uint64_t slot)
{
    daos_range_t range = {slot * w->size, w->size};
    daos_array_iod_t iod = {.arr_nr = 1, .arr_rgs = &range};
    d_iov_t iov;
    d_sg_list_t sgl = {.sg_nr = 1, .sg_iovs = &iov};

    bench_mark(w, slot);
    d_iov_set(&iov, w->buf, w->size);
    return daos_array_write(w->oh, DAOS_TX_NONE, &iod, &sgl, NULL);
}

static int array_read(struct bench_worker *w, uint64_t slot)
{
    daos_range_t range = {slot * w->size, w->size};
    daos_array_iod_t iod = {.arr_nr = 1, .arr_rgs = &range};
    d_iov_t iov;
    d_sg_list_t sgl = {.sg_nr = 1, .sg_iovs = &iov};
    int rc;

    d_iov_set(&iov, w->buf, w->size);
    rc = daos_array_read(w->oh, DAOS_TX_NONE, &iod, &sgl, NULL);
    return rc != 0 ? rc : bench_check(w, slot, w->size);
}

const struct bench_workload bench_array = {
    "array",
    {{"write", array_write, BENCH_FILL, true, false}, {"read", array_read, BENCH_ANY, true, false}},
    array_begin,
    array_end,
    VALUE_DEFAULT,
};
