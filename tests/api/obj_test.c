/* Objects: single values, arrays, conditions, punches, as a program uses them. */
#include "api.h"

static void a_value_is_what_was_put_last(void **state)
{
    struct api *a = *state;
    daos_handle_t oh = api_obj(a, DAOS_OT_MULTI_HASHED, 1);

    assert_string_equal(get(oh, "d", "a"), "-");
    OK(put(oh, 0, "d", "a", "one"));
    assert_string_equal(get(oh, "d", "a"), "one");
    OK(put(oh, 0, "d", "a", "a longer two"));
    assert_string_equal(get(oh, "d", "a"), "a longer two");
    assert_string_equal(get(oh, "d", "b"), "-");
    assert_string_equal(get(oh, "e", "a"), "-");
    OK(daos_obj_close(oh, NULL));
    FAILS(DER_NO_HDL, daos_obj_close(oh, NULL));
    FAILS(DER_NO_HDL, put(oh, 0, "d", "a", "x"));
    oh = api_obj(a, DAOS_OT_MULTI_HASHED, 1);
    assert_string_equal(get(oh, "d", "a"), "a longer two");
    OK(daos_obj_close(oh, NULL));
}

static void sizes_are_asked_for_and_buffers_checked(void **state)
{
    struct api *a = *state;
    daos_handle_t oh = api_obj(a, DAOS_OT_MULTI_HASHED, 1);
    struct one x;
    char buf[8];

    OK(put(oh, 0, "d", "a", "twelve bytes"));
    one_single(&x, "d", "a", buf, sizeof(buf));
    x.iod.iod_size = DAOS_REC_ANY;
    OK(daos_obj_fetch(oh, DAOS_TX_NONE, 0, &x.dkey, 1, &x.iod, NULL, NULL, NULL));
    assert_int_equal(x.iod.iod_size, 12);
    x.iod.iod_size = DAOS_REC_ANY;
    FAILS(DER_REC2BIG, daos_obj_fetch(oh, DAOS_TX_NONE, 0, &x.dkey, 1, &x.iod, &x.sgl, NULL, NULL));
    assert_int_equal(x.iod.iod_size, 12);
    /* absent: success and nothing */
    one_single(&x, "none", "a", buf, sizeof(buf));
    x.iod.iod_size = DAOS_REC_ANY;
    OK(daos_obj_fetch(oh, DAOS_TX_NONE, 0, &x.dkey, 1, &x.iod, &x.sgl, NULL, NULL));
    assert_int_equal(x.iod.iod_size, 0);
    assert_int_equal(x.sgl.sg_nr_out, 0);
    OK(daos_obj_close(oh, NULL));
}

static void conditions(void **state)
{
    struct api *a = *state;
    daos_handle_t oh = api_obj(a, DAOS_OT_MULTI_HASHED, 1);
    daos_key_t d = key("d"), n = key("none"), ak = key("a");

    FAILS(DER_NONEXIST, put(oh, DAOS_COND_DKEY_UPDATE, "d", "a", "1"));
    FAILS(DER_NONEXIST, put(oh, DAOS_COND_AKEY_UPDATE, "d", "a", "1"));
    OK(put(oh, DAOS_COND_DKEY_INSERT, "d", "a", "1"));
    FAILS(DER_EXIST, put(oh, DAOS_COND_DKEY_INSERT, "d", "b", "2"));
    FAILS(DER_EXIST, put(oh, DAOS_COND_AKEY_INSERT, "d", "a", "2"));
    OK(put(oh, DAOS_COND_AKEY_INSERT | DAOS_COND_DKEY_UPDATE, "d", "b", "2"));
    assert_string_equal(get(oh, "d", "a"), "1");
    assert_string_equal(get_th(oh, DAOS_TX_NONE, DAOS_COND_DKEY_FETCH, "none", "a"),
                        "DER_NONEXIST");
    assert_string_equal(get_th(oh, DAOS_TX_NONE, DAOS_COND_AKEY_FETCH, "d", "c"), "DER_NONEXIST");
    assert_string_equal(
        get_th(oh, DAOS_TX_NONE, DAOS_COND_AKEY_FETCH | DAOS_COND_DKEY_FETCH, "d", "b"), "2");
    FAILS(DER_NONEXIST, daos_obj_punch_dkeys(oh, DAOS_TX_NONE, DAOS_COND_PUNCH, 1, &n, NULL));
    OK(daos_obj_punch_dkeys(oh, DAOS_TX_NONE, 0, 1, &n, NULL));
    OK(daos_obj_punch_akeys(oh, DAOS_TX_NONE, DAOS_COND_PUNCH, &d, 1, &ak, NULL));
    FAILS(DER_NONEXIST, daos_obj_punch_akeys(oh, DAOS_TX_NONE, DAOS_COND_PUNCH, &d, 1, &ak, NULL));
    OK(put(oh, DAOS_COND_AKEY_INSERT, "d", "a", "again"));
    OK(daos_obj_punch(oh, DAOS_TX_NONE, DAOS_COND_PUNCH, NULL));
    FAILS(DER_NONEXIST, daos_obj_punch(oh, DAOS_TX_NONE, DAOS_COND_PUNCH, NULL));
    OK(put(oh, DAOS_COND_DKEY_INSERT, "d", "a", "clean slate"));
    assert_string_equal(get(oh, "d", "b"), "-");
    OK(daos_obj_close(oh, NULL));
}

static void conditions_of_each_akey(void **state)
{
    struct api *a = *state;
    daos_handle_t oh = api_obj(a, DAOS_OT_MULTI_HASHED, 1);
    struct one x[2];
    daos_iod_t iods[2];
    d_sg_list_t sgls[2];

    OK(put(oh, 0, "d", "old", "1"));
    one_single(&x[0], "d", "old", (void *)"2", 1);
    one_single(&x[1], "d", "new", (void *)"2", 1);
    x[0].iod.iod_flags = DAOS_COND_AKEY_UPDATE;
    x[1].iod.iod_flags = DAOS_COND_AKEY_INSERT;
    iods[0] = x[0].iod, iods[1] = x[1].iod;
    sgls[0] = x[0].sgl, sgls[1] = x[1].sgl;
    OK(daos_obj_update(oh, DAOS_TX_NONE, DAOS_COND_PER_AKEY, &x[0].dkey, 2, iods, sgls, NULL));
    /* all or nothing: the second fails, the first is not written */
    x[0].iov.iov_buf = (void *)"3";
    FAILS(DER_EXIST,
          daos_obj_update(oh, DAOS_TX_NONE, DAOS_COND_PER_AKEY, &x[0].dkey, 2, iods, sgls, NULL));
    assert_string_equal(get(oh, "d", "old"), "2");
    OK(daos_obj_close(oh, NULL));
}

static void arrays_keep_holes(void **state)
{
    struct api *a = *state;
    daos_handle_t oh = api_obj(a, DAOS_OT_MULTI_HASHED, 1);
    daos_recx_t map[4];
    daos_iom_t iom = {.iom_flags = DAOS_IOMF_DETAIL, .iom_nr = 4, .iom_recxs = map};
    struct one x;
    char buf[33] = {0};

    one_array(&x, "d", "a", 2, 0, 4, (void *)"aabbccdd");
    OK(daos_obj_update(oh, DAOS_TX_NONE, 0, &x.dkey, 1, &x.iod, &x.sgl, NULL));
    one_array(&x, "d", "a", 2, 8, 2, (void *)"yyzz");
    OK(daos_obj_update(oh, DAOS_TX_NONE, 0, &x.dkey, 1, &x.iod, &x.sgl, NULL));
    memset(buf, '.', 32);
    one_array(&x, "d", "a", 2, 1, 15, buf);
    x.iod.iod_size = DAOS_REC_ANY;
    x.iov.iov_buf_len = x.iov.iov_len = 32;
    OK(daos_obj_fetch(oh, DAOS_TX_NONE, 0, &x.dkey, 1, &x.iod, &x.sgl, &iom, NULL));
    assert_int_equal(x.iod.iod_size, 2);
    assert_string_equal(buf, "bbccdd........yyzz..............");
    assert_int_equal(x.iov.iov_len, 18);
    assert_int_equal(x.sgl.sg_nr_out, 1);
    assert_int_equal(iom.iom_nr_out, 2);
    assert_int_equal(iom.iom_size, 2);
    assert_int_equal(iom.iom_recx_lo.rx_idx, 1);
    assert_int_equal(iom.iom_recx_lo.rx_nr, 3);
    assert_int_equal(iom.iom_recx_hi.rx_idx, 8);
    assert_int_equal(iom.iom_recx_hi.rx_nr, 2);
    assert_int_equal(map[1].rx_idx, 8);
    /* punching an extent makes a hole */
    one_array(&x, "d", "a", 0, 2, 1, NULL);
    OK(daos_obj_update(oh, DAOS_TX_NONE, 0, &x.dkey, 1, &x.iod, NULL, NULL));
    memset(buf, '.', 32);
    one_array(&x, "d", "a", 2, 0, 4, buf);
    OK(daos_obj_fetch(oh, DAOS_TX_NONE, 0, &x.dkey, 1, &x.iod, &x.sgl, NULL, NULL));
    assert_memory_equal(buf, "aabb..dd", 8);
    /* another record size, another type */
    one_array(&x, "d", "a", 4, 0, 1, (void *)"four");
    FAILS(DER_REC_SIZE, daos_obj_update(oh, DAOS_TX_NONE, 0, &x.dkey, 1, &x.iod, &x.sgl, NULL));
    OK(daos_obj_close(oh, NULL));
}

static void large_values_and_scattered_buffers(void **state)
{
    enum { BYTES = 3 << 20 };
    struct api *a = *state;
    daos_handle_t oh = api_obj(a, DAOS_OT_MULTI_HASHED, 1);
    unsigned char *out = malloc(BYTES), *in = calloc(1, BYTES);
    d_iov_t iovs[7];
    struct one x;
    size_t i, at = 0;

    for (i = 0; i < BYTES; i++)
        out[i] = (unsigned char)(i * 2654435761u >> 13);
    one_array(&x, "d", "big", 1, 12345, BYTES, out);
    OK(daos_obj_update(oh, DAOS_TX_NONE, 0, &x.dkey, 1, &x.iod, &x.sgl, NULL));
    one_single(&x, "d", "value", out, BYTES / 3);
    OK(daos_obj_update(oh, DAOS_TX_NONE, 0, &x.dkey, 1, &x.iod, &x.sgl, NULL));
    /* back in uneven pieces */
    for (i = 0; i < 7; i++) {
        size_t len = i < 6 ? (i + 1) * 100001 : BYTES - at;

        d_iov_set(&iovs[i], in + at, len);
        at += len;
    }
    one_array(&x, "d", "big", 1, 12345, BYTES, NULL);
    x.sgl = (d_sg_list_t){.sg_nr = 7, .sg_iovs = iovs};
    OK(daos_obj_fetch(oh, DAOS_TX_NONE, 0, &x.dkey, 1, &x.iod, &x.sgl, NULL, NULL));
    assert_memory_equal(in, out, BYTES);
    assert_int_equal(x.sgl.sg_nr_out, 7);
    /* written in pieces, an odd part read */
    one_array(&x, "d", "pieces", 1, 0, BYTES, NULL);
    for (i = 0, at = 0; i < 7; i++) {
        iovs[i].iov_buf = out + at;
        at += iovs[i].iov_len;
    }
    x.sgl = (d_sg_list_t){.sg_nr = 7, .sg_iovs = iovs};
    OK(daos_obj_update(oh, DAOS_TX_NONE, 0, &x.dkey, 1, &x.iod, &x.sgl, NULL));
    memset(in, 0, BYTES);
    one_array(&x, "d", "pieces", 1, 777777, 1234567, in);
    OK(daos_obj_fetch(oh, DAOS_TX_NONE, 0, &x.dkey, 1, &x.iod, &x.sgl, NULL, NULL));
    assert_memory_equal(in, out + 777777, 1234567);
    one_single(&x, "d", "value", in, BYTES);
    x.iod.iod_size = DAOS_REC_ANY;
    OK(daos_obj_fetch(oh, DAOS_TX_NONE, 0, &x.dkey, 1, &x.iod, &x.sgl, NULL, NULL));
    assert_int_equal(x.iod.iod_size, BYTES / 3);
    assert_int_equal(x.iov.iov_len, BYTES / 3);
    assert_memory_equal(in, out, BYTES / 3);
    OK(daos_obj_close(oh, NULL));
    free(out);
    free(in);
}

static void many_akeys_in_one_call(void **state)
{
    enum { N = 40 };
    struct api *a = *state;
    daos_handle_t oh = api_obj(a, DAOS_OT_MULTI_HASHED, 1);
    daos_iod_t iods[N];
    d_sg_list_t sgls[N];
    char names[N][16], vals[N][24], got[N][24];
    struct one x[N];
    int i;

    for (i = 0; i < N; i++) {
        snprintf(names[i], sizeof(names[i]), "a%d", i);
        snprintf(vals[i], sizeof(vals[i]), "value %d", i);
        one_single(&x[i], "d", names[i], vals[i], strlen(vals[i]));
        iods[i] = x[i].iod;
        sgls[i] = x[i].sgl;
    }
    iods[7].iod_type = DAOS_IOD_NONE;
    iods[7].iod_nr = 0;
    OK(daos_obj_update(oh, DAOS_TX_NONE, 0, &x[0].dkey, N, iods, sgls, NULL));
    memset(got, 0, sizeof(got));
    for (i = 0; i < N; i++) {
        one_single(&x[i], "d", names[i], got[i], sizeof(got[i]));
        iods[i] = x[i].iod;
        iods[i].iod_size = DAOS_REC_ANY;
        sgls[i] = x[i].sgl;
    }
    OK(daos_obj_fetch(oh, DAOS_TX_NONE, 0, &x[0].dkey, N, iods, sgls, NULL, NULL));
    for (i = 0; i < N; i++) {
        assert_string_equal(got[i], i == 7 ? "" : vals[i]);
        assert_int_equal(iods[i].iod_size, i == 7 ? 0 : strlen(vals[i]));
        assert_int_equal(sgls[i].sg_nr_out, i != 7);
    }
    OK(daos_obj_close(oh, NULL));
}

static void modes_and_rights(void **state)
{
    struct api *a = *state;
    daos_obj_id_t oid = api_oid(a, DAOS_OT_MULTI_HASHED, 1);
    daos_handle_t oh, ro, h;
    daos_key_t d = key("d");

    OK(daos_obj_open(a->coh, oid, DAOS_OO_RO, &oh, NULL));
    FAILS(DER_NO_PERM, put(oh, 0, "d", "a", "x"));
    FAILS(DER_NO_PERM, daos_obj_punch(oh, DAOS_TX_NONE, 0, NULL));
    FAILS(DER_NO_PERM, daos_obj_punch_dkeys(oh, DAOS_TX_NONE, 0, 1, &d, NULL));
    assert_string_equal(get(oh, "d", "a"), "-");
    OK(daos_obj_close(oh, NULL));
    FAILS(DER_INVAL, daos_obj_open(a->coh, oid, 1u << 10, &oh, NULL));
    FAILS(DER_INVAL, daos_obj_open(a->coh, oid, DAOS_OO_RW, NULL, NULL));
    FAILS(DER_NO_HDL, daos_obj_open(a->poh, oid, DAOS_OO_RW, &oh, NULL));
    OK(daos_cont_open(a->poh, a->label, DAOS_COO_RO, &ro, NULL, NULL));
    FAILS(DER_NO_PERM, daos_obj_open(ro, oid, DAOS_OO_RW, &h, NULL));
    OK(daos_obj_open(ro, oid, DAOS_OO_RO, &h, NULL));
    assert_string_equal(get(h, "d", "a"), "-");
    FAILS(DER_BUSY, daos_cont_close(ro, NULL));
    OK(daos_obj_close(h, NULL));
    OK(daos_cont_close(ro, NULL));
}

static void ids(void **state)
{
    struct api *a = *state;
    daos_obj_id_t oid = {.lo = 7, .hi = 9 | UINT64_C(0xdead) << 40};
    daos_handle_t oh;
    uint64_t first, next;

    OK(daos_obj_generate_oid(a->coh, &oid, DAOS_OT_ARRAY_BYTE, OC_SX, 0, 0));
    assert_int_equal(oid.lo, 7);
    assert_int_equal((uint32_t)oid.hi, 9);
    assert_int_equal(daos_obj_id2type(oid), DAOS_OT_ARRAY_BYTE);
    assert_int_equal(daos_obj_id2class(oid), OC_S1 + api_targets() - 1);
    FAILS(DER_INVAL, daos_obj_generate_oid(a->coh, &oid, 99, OC_UNKNOWN, 0, 0));
    FAILS(DER_INVAL, daos_obj_generate_oid(a->coh, NULL, DAOS_OT_MULTI_HASHED, OC_UNKNOWN, 0, 0));
    FAILS(DER_INVAL, daos_obj_generate_oid(a->coh, &oid, DAOS_OT_MULTI_HASHED, OC_RP_3G1, 0, 0));
    FAILS(DER_INVAL, daos_obj_generate_oid(a->coh, &oid, DAOS_OT_MULTI_HASHED, 54, 0, 0));
    FAILS(DER_NO_HDL, daos_obj_generate_oid(DAOS_HDL_INVAL, &oid, DAOS_OT_MULTI_HASHED, 0, 0, 0));
    OK(daos_obj_open(a->coh, oid, DAOS_OO_RW, &oh, NULL));
    FAILS(DER_NOSYS, daos_obj_query(oh, NULL, NULL, NULL));
    OK(daos_obj_close(oh, NULL));
    OK(daos_obj_verify(a->coh, oid, DAOS_EPOCH_MAX));
    OK(daos_cont_alloc_oids(a->coh, 10, &first, NULL));
    OK(daos_cont_alloc_oids(a->coh, 1, &next, NULL));
    assert_true(next >= first + 10);
    FAILS(DER_INVAL, daos_cont_alloc_oids(a->coh, 0, &next, NULL));
}

static void integer_keys_and_the_largest_of_them(void **state)
{
    struct api *a = *state;
    daos_handle_t oh = api_obj(a, DAOS_OT_MULTI_UINT64, 1);
    uint64_t d, ak, dk_out, ak_out;
    daos_key_t dkey, akey;
    daos_recx_t recx;
    daos_epoch_t e1, e2;
    struct one x;
    char c = 'x';

    d_iov_set(&dkey, &dk_out, sizeof(dk_out));
    d_iov_set(&akey, &ak_out, sizeof(ak_out));
    dk_out = ak_out = 99;
    OK(daos_obj_query_key(oh, DAOS_TX_NONE,
                          DAOS_GET_MAX | DAOS_GET_DKEY | DAOS_GET_AKEY | DAOS_GET_RECX, &dkey,
                          &akey, &recx, NULL));
    assert_int_equal(dk_out, 0);
    assert_int_equal(recx.rx_nr, 0);
    for (d = 5; d <= 300; d += 59) {
        for (ak = 1; ak <= 3; ak++) {
            one_array(&x, "d", "a", 1, d * 10 + ak, 1, &c);
            d_iov_set(&x.dkey, &d, sizeof(d));
            d_iov_set(&x.iod.iod_name, &ak, sizeof(ak));
            OK(daos_obj_update(oh, DAOS_TX_NONE, 0, &x.dkey, 1, &x.iod, &x.sgl, NULL));
        }
    }
    OK(daos_obj_query_key(oh, DAOS_TX_NONE,
                          DAOS_GET_MAX | DAOS_GET_DKEY | DAOS_GET_AKEY | DAOS_GET_RECX, &dkey,
                          &akey, &recx, NULL));
    assert_int_equal(dk_out, 300);
    assert_int_equal(ak_out, 3);
    assert_int_equal(recx.rx_idx, 3003);
    OK(daos_obj_query_key(oh, DAOS_TX_NONE, DAOS_GET_MIN | DAOS_GET_DKEY, &dkey, NULL, NULL, NULL));
    assert_int_equal(dk_out, 5);
    OK(daos_obj_query_key(oh, DAOS_TX_NONE, DAOS_GET_MIN | DAOS_GET_AKEY, &dkey, &akey, NULL,
                          NULL));
    assert_int_equal(ak_out, 1);
    FAILS(DER_INVAL,
          daos_obj_query_key(oh, DAOS_TX_NONE, DAOS_GET_MIN | DAOS_GET_MAX | DAOS_GET_DKEY, &dkey,
                             NULL, NULL, NULL));
    FAILS(DER_INVAL, daos_obj_query_key(oh, DAOS_TX_NONE, DAOS_GET_MAX, &dkey, NULL, NULL, NULL));
    FAILS(DER_INVAL, daos_obj_query_key(oh, DAOS_TX_NONE, DAOS_GET_MAX | DAOS_GET_RECX, &dkey,
                                        &akey, NULL, NULL));
    FAILS(DER_INVAL, daos_obj_query_key(oh, DAOS_TX_NONE, DAOS_GET_MAX | DAOS_GET_DKEY, NULL, NULL,
                                        NULL, NULL));
    FAILS(DER_INVAL, daos_obj_query_key(oh, DAOS_TX_NONE, DAOS_GET_MAX | DAOS_GET_AKEY, &dkey, NULL,
                                        NULL, NULL));
    OK(daos_obj_query_max_epoch(oh, DAOS_TX_NONE, &e1, NULL));
    assert_true(e1 > 0);
    d = 5;
    ak = 1;
    OK(daos_obj_update(oh, DAOS_TX_NONE, 0, &x.dkey, 1, &x.iod, &x.sgl, NULL));
    OK(daos_obj_query_max_epoch(oh, DAOS_TX_NONE, &e2, NULL));
    assert_true(e2 > e1);
    OK(daos_obj_close(oh, NULL));
    oh = api_obj(a, DAOS_OT_MULTI_HASHED, 2);
    FAILS(DER_INVAL, daos_obj_query_key(oh, DAOS_TX_NONE, DAOS_GET_MAX | DAOS_GET_DKEY, &dkey, NULL,
                                        NULL, NULL));
    OK(daos_obj_close(oh, NULL));
}

API_MAIN(API_TEST(a_value_is_what_was_put_last), API_TEST(sizes_are_asked_for_and_buffers_checked),
         API_TEST(conditions), API_TEST(conditions_of_each_akey), API_TEST(arrays_keep_holes),
         API_TEST(large_values_and_scattered_buffers), API_TEST(many_akeys_in_one_call),
         API_TEST(modes_and_rights), API_TEST(ids), API_TEST(integer_keys_and_the_largest_of_them))
