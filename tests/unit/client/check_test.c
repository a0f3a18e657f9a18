/* Arguments of object I/O: the table of docs/semantics, row by row. */
#include "fake_embed.h"
#include <string.h>
#include "client/obj_io.h"

#define HASHED ((daos_obj_id_t){.hi = (uint64_t)DAOS_OT_MULTI_HASHED << 56})
#define UINT64 ((daos_obj_id_t){.hi = (uint64_t)DAOS_OT_MULTI_UINT64 << 56})

struct args {
    daos_key_t dkey;
    daos_iod_t iod;
    daos_recx_t recx[3];
    d_iov_t iov[2];
    d_sg_list_t sgl;
    char buf[64];
};

/* A call that is right in every way: one value of 8 bytes. */
static struct args *single(struct args *a)
{
    memset(a, 0, sizeof(*a));
    d_iov_set(&a->dkey, (void *)"d", 1);
    d_iov_set(&a->iov[0], a->buf, 8);
    a->sgl = (d_sg_list_t){.sg_nr = 1, .sg_iovs = a->iov};
    a->iod = (daos_iod_t){.iod_type = DAOS_IOD_SINGLE, .iod_size = 8, .iod_nr = 1};
    d_iov_set(&a->iod.iod_name, (void *)"a", 1);
    return a;
}

/* Two extents of 4 records of 1 byte. */
static struct args *array(struct args *a)
{
    single(a);
    a->iod.iod_type = DAOS_IOD_ARRAY;
    a->iod.iod_size = 1;
    a->iod.iod_nr = 2;
    a->iod.iod_recxs = a->recx;
    a->recx[0] = (daos_recx_t){0, 4};
    a->recx[1] = (daos_recx_t){8, 4};
    return a;
}

static int up(struct args *a, uint64_t flags)
{
    return io_check_update(HASHED, flags, &a->dkey, 1, &a->iod, &a->sgl);
}

static int get(struct args *a, uint64_t flags)
{
    return io_check_fetch(HASHED, flags, &a->dkey, 1, &a->iod, &a->sgl);
}

static void keys(void **state)
{
    struct args a;
    uint64_t n = 7;

    (void)state;
    assert_int_equal(up(single(&a), 0), 0);
    assert_int_equal(get(&a, 0), 0);
    assert_int_equal(io_check_update(HASHED, 0, NULL, 1, &a.iod, &a.sgl), -DER_INVAL);
    a.dkey.iov_len = 0;
    assert_int_equal(up(&a, 0), -DER_INVAL);
    assert_int_equal(get(&a, 0), -DER_INVAL);
    single(&a)->dkey.iov_buf = NULL;
    assert_int_equal(up(&a, 0), -DER_INVAL);
    single(&a)->iod.iod_name.iov_buf = NULL;
    assert_int_equal(up(&a, 0), -DER_INVAL);
    assert_int_equal(get(&a, 0), -DER_INVAL);
    /* integer keys have 8 bytes */
    assert_int_equal(io_check_update(UINT64, 0, &single(&a)->dkey, 1, &a.iod, &a.sgl), -DER_INVAL);
    d_iov_set(&a.dkey, &n, 8);
    assert_int_equal(io_check_update(UINT64, 0, &a.dkey, 1, &a.iod, &a.sgl), -DER_INVAL);
    d_iov_set(&a.iod.iod_name, &n, 8);
    assert_int_equal(io_check_update(UINT64, 0, &a.dkey, 1, &a.iod, &a.sgl), 0);
    assert_int_equal(io_check_fetch(UINT64, 0, &a.dkey, 1, &a.iod, &a.sgl), 0);
}

static void shapes(void **state)
{
    struct args a;

    (void)state;
    assert_int_equal(io_check_update(HASHED, 0, &single(&a)->dkey, 1, NULL, &a.sgl), -DER_INVAL);
    assert_int_equal(io_check_update(HASHED, 0, &a.dkey, 0, NULL, NULL), 0);
    a.iod.iod_type = DAOS_IOD_NONE;
    assert_int_equal(up(&a, 0), -DER_INVAL);
    a.iod.iod_nr = 0;
    assert_int_equal(up(&a, 0), 0);
    single(&a)->iod.iod_type = 3;
    assert_int_equal(up(&a, 0), -DER_INVAL);
    single(&a)->iod.iod_nr = 2;
    assert_int_equal(up(&a, 0), -DER_INVAL);
    single(&a)->iod.iod_nr = 0;
    assert_int_equal(get(&a, 0), -DER_INVAL);
    assert_int_equal(up(array(&a), 0), 0);
    a.iod.iod_recxs = NULL;
    assert_int_equal(up(&a, 0), -DER_INVAL);
    array(&a)->recx[1].rx_nr = 0;
    assert_int_equal(up(&a, 0), -DER_INVAL);
    array(&a)->recx[1].rx_idx = UINT64_C(1) << 63;
    assert_int_equal(get(&a, 0), -DER_INVAL);
    array(&a)->recx[1] = (daos_recx_t){(UINT64_C(1) << 63) - 2, 3};
    assert_int_equal(get(&a, 0), -DER_INVAL);
    array(&a)->recx[1].rx_idx = 3; /* overlaps the first */
    assert_int_equal(up(&a, 0), -DER_INVAL);
    array(&a)->recx[0] = (daos_recx_t){16, 4}; /* not in order, which is fine */
    assert_int_equal(up(&a, 0), 0);
    a.recx[1] = (daos_recx_t){13, 4}; /* in front of it, reaching into it */
    assert_int_equal(up(&a, 0), -DER_INVAL);
}

static void conditions(void **state)
{
    struct args a;

    (void)state;
    assert_int_equal(get(single(&a), DAOS_COND_PUNCH), -DER_INVAL);
    assert_int_equal(get(&a, DAOS_COND_DKEY_INSERT), -DER_INVAL);
    assert_int_equal(get(&a, DAOS_COND_AKEY_UPDATE), -DER_INVAL);
    assert_int_equal(get(&a, DAOS_COND_DKEY_FETCH | DAOS_COND_AKEY_FETCH), 0);
    assert_int_equal(up(&a, DAOS_COND_PUNCH), -DER_INVAL);
    assert_int_equal(up(&a, DAOS_COND_AKEY_FETCH), -DER_INVAL);
    assert_int_equal(up(&a, DAOS_COND_DKEY_INSERT | DAOS_COND_AKEY_INSERT), 0);
    assert_int_equal(up(&a, DAOS_COND_PER_AKEY | DAOS_COND_AKEY_INSERT), -DER_INVAL);
    assert_int_equal(up(&a, DAOS_COND_PER_AKEY | DAOS_COND_DKEY_UPDATE), 0);
    a.iod.iod_flags = DAOS_COND_AKEY_FETCH;
    assert_int_equal(up(&a, DAOS_COND_PER_AKEY), -DER_INVAL);
    assert_int_equal(get(&a, DAOS_COND_PER_AKEY), 0);
    assert_int_equal(up(single(&a), 1u << 9), -DER_INVAL);
}

static void sizes(void **state)
{
    struct args a;

    (void)state;
    a.iod = single(&a)->iod;
    a.iod.iod_size = 9;
    assert_int_equal(up(&a, 0), -DER_REC2BIG);
    assert_int_equal(get(&a, 0), -DER_REC2BIG);
    array(&a)->recx[1].rx_nr = 5;
    assert_int_equal(up(&a, 0), -DER_REC2BIG);
    assert_int_equal(get(&a, 0), -DER_REC2BIG);
    array(&a)->recx[1].rx_nr = UINT64_C(1) << 62;
    a.iod.iod_size = 16;
    assert_int_equal(up(&a, 0), -DER_INVAL);
    /* no data: a punch when the size is 0, an error otherwise */
    assert_int_equal(io_check_update(HASHED, 0, &single(&a)->dkey, 1, &a.iod, NULL), -DER_INVAL);
    a.sgl.sg_nr = 0;
    assert_int_equal(up(&a, 0), -DER_INVAL);
    a.iod.iod_size = 0;
    assert_int_equal(io_check_update(HASHED, 0, &a.dkey, 1, &a.iod, NULL), 0);
    /* size query */
    assert_int_equal(io_check_fetch(HASHED, 0, &a.dkey, 1, &a.iod, NULL), 0);
    assert_int_equal(get(&a, 0), 0);
    single(&a)->iov[0].iov_buf = NULL;
    assert_int_equal(up(&a, 0), -DER_INVAL);
    assert_int_equal(get(&a, 0), -DER_INVAL);
    single(&a)->sgl.sg_iovs = NULL;
    assert_int_equal(up(&a, 0), -DER_INVAL);
    /* less than the buffer holds is fine, in pieces too */
    single(&a)->sgl.sg_nr = 2;
    d_iov_set(&a.iov[0], a.buf, 3);
    d_iov_set(&a.iov[1], a.buf + 3, 20);
    assert_int_equal(up(&a, 0), 0);
    assert_int_equal(get(&a, 0), 0);
}

static void punches(void **state)
{
    daos_key_t keys[2];

    (void)state;
    d_iov_set(&keys[0], (void *)"k", 1);
    d_iov_set(&keys[1], (void *)"", 0);
    assert_int_equal(io_check_punch(HASHED, DAOS_COND_PUNCH, 1, keys, true), 0);
    assert_int_equal(io_check_punch(HASHED, 0, 2, keys, true), -DER_INVAL);
    assert_int_equal(io_check_punch(HASHED, 0, 0, keys, true), -DER_INVAL);
    assert_int_equal(io_check_punch(HASHED, 0, 1, NULL, true), -DER_INVAL);
    assert_int_equal(io_check_punch(HASHED, DAOS_COND_DKEY_INSERT, 1, keys, true), -DER_INVAL);
    assert_int_equal(io_check_punch(UINT64, 0, 1, keys, false), -DER_INVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys),  cmocka_unit_test(shapes),  cmocka_unit_test(conditions),
        cmocka_unit_test(sizes), cmocka_unit_test(punches),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
