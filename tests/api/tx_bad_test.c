/*
 * What transactions refuse: each with the error that is documented, and nothing changed. Limits are
 * those of include/tarn.h.
 */
#include "api.h"
#include <tarn.h>

static daos_handle_t tx(struct api *a, uint64_t flags)
{
    daos_handle_t th;

    OK(daos_tx_open(a->coh, &th, flags, NULL));
    return th;
}

static daos_handle_t text_obj(daos_handle_t coh, uint64_t n, daos_obj_id_t *oid)
{
    daos_handle_t oh;

    *oid = (daos_obj_id_t){.lo = n};
    OK(daos_obj_generate_oid(coh, oid, DAOS_OT_MULTI_UINT64, OC_UNKNOWN, 0, 0));
    OK(daos_obj_open(coh, *oid, DAOS_OO_RW, &oh, NULL));
    return oh;
}

/* ---- Every call that takes a transaction ---- */

struct all {
    daos_handle_t coh, oh, kv, ah;
    daos_obj_id_t oid;
};

static void all_open(struct all *x, daos_handle_t coh)
{
    daos_obj_id_t kv = {.lo = 901}, arr = {.lo = 902};
    daos_key_t d;
    uint64_t n = 1;
    struct one one;

    x->coh = coh;
    x->oh = text_obj(coh, 900, &x->oid);
    OK(daos_obj_generate_oid(coh, &kv, DAOS_OT_KV_HASHED, OC_UNKNOWN, 0, 0));
    OK(daos_obj_generate_oid(coh, &arr, DAOS_OT_ARRAY_BYTE, OC_UNKNOWN, 0, 0));
    OK(daos_kv_open(coh, kv, DAOS_OO_RW, &x->kv, NULL));
    OK(daos_array_open_with_attr(coh, arr, DAOS_TX_NONE, DAOS_OO_RW, 1, 8, &x->ah, NULL));
    one_single(&one, "", "", "there", 5);
    d_iov_set(&d, &n, sizeof(n));
    one.iod.iod_name = d;
    OK(daos_obj_update(x->oh, DAOS_TX_NONE, 0, &d, 1, &one.iod, &one.sgl, NULL));
    OK(daos_kv_put(x->kv, DAOS_TX_NONE, 0, "k", 5, "there", NULL));
}

static void all_close(struct all *x)
{
    OK(daos_obj_close(x->oh, NULL));
    OK(daos_kv_close(x->kv, NULL));
    OK(daos_array_close(x->ah, NULL));
}

static void all_reads(struct all *x, daos_handle_t th, int rc)
{
    uint64_t n = 1, out;
    daos_key_t d, outkey;
    daos_key_desc_t kds[4];
    daos_anchor_t anchor[4] = {{0}};
    daos_recx_t recx;
    daos_epoch_t epoch;
    daos_size_t size = 8;
    char buf[32];
    d_iov_t iov;
    d_sg_list_t sgl = {.sg_nr = 1, .sg_iovs = &iov};
    daos_range_t rg = {0, 4};
    daos_array_iod_t aiod = {.arr_nr = 1, .arr_rgs = &rg};
    daos_array_stbuf_t st;
    uint32_t nr = 4;
    struct one one;

    d_iov_set(&d, &n, sizeof(n));
    d_iov_set(&outkey, &out, sizeof(out));
    d_iov_set(&iov, buf, 4);
    assert_int_equal(daos_array_read(x->ah, th, &aiod, &sgl, NULL), rc);
    d_iov_set(&iov, buf, sizeof(buf));
    one_single(&one, "", "", buf, sizeof(buf));
    one.iod.iod_name = d;
    one.iod.iod_size = DAOS_REC_ANY;
    assert_int_equal(daos_obj_fetch(x->oh, th, 0, &d, 1, &one.iod, &one.sgl, NULL, NULL), rc);
    assert_int_equal(daos_obj_list_dkey(x->oh, th, &nr, kds, &sgl, &anchor[0], NULL), rc);
    nr = 4;
    assert_int_equal(daos_obj_list_akey(x->oh, th, &d, &nr, kds, &sgl, &anchor[1], NULL), rc);
    nr = 1;
    assert_int_equal(
        daos_obj_list_recx(x->oh, th, &d, &d, &size, &nr, &recx, NULL, &anchor[2], true, NULL), rc);
    assert_int_equal(
        daos_obj_query_key(x->oh, th, DAOS_GET_DKEY | DAOS_GET_MAX, &outkey, NULL, NULL, NULL), rc);
    assert_int_equal(daos_obj_query_max_epoch(x->oh, th, &epoch, NULL), rc);
    assert_int_equal(daos_obj_key2anchor(x->oh, th, &d, NULL, &anchor[3], NULL), rc);
    size = sizeof(buf);
    assert_int_equal(daos_kv_get(x->kv, th, 0, "k", &size, buf, NULL), rc);
    memset(anchor, 0, sizeof(anchor));
    nr = 4;
    assert_int_equal(daos_kv_list(x->kv, th, &nr, kds, &sgl, &anchor[0], NULL), rc);
    assert_int_equal(daos_array_get_size(x->ah, th, &size, NULL), rc);
    assert_int_equal(daos_array_stat(x->ah, th, &st, NULL), rc);
}

static void all_writes(struct all *x, daos_handle_t th, int rc)
{
    uint64_t n = 1, m[2] = {2, 3};
    daos_key_t d, two[2];
    d_iov_t iov;
    d_sg_list_t sgl = {.sg_nr = 1, .sg_iovs = &iov};
    daos_range_t rg = {0, 4};
    daos_array_iod_t aiod = {.arr_nr = 1, .arr_rgs = &rg};
    struct one one;

    d_iov_set(&d, &n, sizeof(n));
    d_iov_set(&two[0], &m[0], sizeof(n));
    d_iov_set(&two[1], &m[1], sizeof(n));
    d_iov_set(&iov, "text", 4);
    one_single(&one, "", "", "new", 3);
    one.iod.iod_name = d;
    assert_int_equal(daos_obj_update(x->oh, th, 0, &d, 1, &one.iod, &one.sgl, NULL), rc);
    assert_int_equal(daos_obj_punch_akeys(x->oh, th, 0, &d, 1, &d, NULL), rc);
    assert_int_equal(daos_obj_punch_dkeys(x->oh, th, 0, 1, &d, NULL), rc);
    assert_int_equal(daos_obj_punch_dkeys(x->oh, th, 0, 2, two, NULL), rc);
    assert_int_equal(daos_obj_punch(x->oh, th, 0, NULL), rc);
    assert_int_equal(daos_kv_put(x->kv, th, 0, "k", 3, "new", NULL), rc);
    assert_int_equal(daos_kv_remove(x->kv, th, 0, "k", NULL), rc);
    assert_int_equal(daos_kv_destroy(x->kv, th, NULL), rc);
    assert_int_equal(daos_array_write(x->ah, th, &aiod, &sgl, NULL), rc);
    assert_int_equal(daos_array_punch(x->ah, th, &aiod, NULL), rc);
    assert_int_equal(daos_array_set_size(x->ah, th, 100, NULL), rc);
    assert_int_equal(daos_array_destroy(x->ah, th, NULL), rc);
}

/* Nothing of all_writes() has happened. */
static void unchanged(struct all *x)
{
    uint64_t n = 1;
    daos_size_t size = 8;
    char buf[8];
    daos_key_t d;
    struct one one;

    d_iov_set(&d, &n, sizeof(n));
    one_single(&one, "", "", buf, sizeof(buf));
    one.iod.iod_name = d;
    one.iod.iod_size = DAOS_REC_ANY;
    OK(daos_obj_fetch(x->oh, DAOS_TX_NONE, 0, &d, 1, &one.iod, &one.sgl, NULL, NULL));
    assert_int_equal(one.iod.iod_size, 5);
    assert_memory_equal(buf, "there", 5);
    OK(daos_kv_get(x->kv, DAOS_TX_NONE, 0, "k", &size, buf, NULL));
    assert_int_equal(size, 5);
    OK(daos_array_get_size(x->ah, DAOS_TX_NONE, &size, NULL));
    assert_int_equal(size, 0);
}

static void all_calls(struct all *x, daos_handle_t th, int rc)
{
    all_reads(x, th, rc);
    all_writes(x, th, rc);
    unchanged(x);
}

/* ---- States ---- */

static const uint64_t kinds[] = {0, DAOS_TF_ZERO_COPY, TARN_TF_READ_OWN};

static void ended_transactions(void **state)
{
    struct api *a = *state;
    daos_handle_t th;
    daos_epoch_t e;
    struct all x;

    all_open(&x, a->coh);
    for (int i = 0; i < 3; i++) {
        th = tx(a, kinds[i]);
        OK(daos_tx_commit(th, NULL));
        all_calls(&x, th, -DER_NO_PERM);
        FAILS(DER_UNINIT, daos_tx_hdl2epoch(th, &e)); /* it read nothing */
        OK(daos_tx_close(th, NULL));
        all_calls(&x, th, -DER_NO_HDL);
        FAILS(DER_NO_HDL, daos_tx_hdl2epoch(th, &e));
        FAILS(DER_NO_HDL, daos_tx_abort(th, NULL));
        FAILS(DER_NO_HDL, daos_tx_restart(th, NULL));
        th = tx(a, kinds[i]);
        all_reads(&x, th, 0);
        all_writes(&x, th, 0);
        OK(daos_tx_hdl2epoch(th, &e));
        OK(daos_tx_abort(th, NULL));
        FAILS(DER_ALREADY, daos_tx_abort(th, NULL));
        all_calls(&x, th, -DER_NO_PERM);
        OK(daos_tx_close(th, NULL));
        /* closed without an end: dropped */
        th = tx(a, kinds[i]);
        all_writes(&x, th, 0);
        OK(daos_tx_close(th, NULL));
        unchanged(&x);
    }
    all_close(&x);
}

/* Other handles than those of transactions are none. */
static void other_handles(void **state)
{
    struct api *a = *state;
    daos_handle_t th, wrong[3];
    daos_epoch_t e;
    struct all x;

    all_open(&x, a->coh);
    wrong[0] = a->coh;
    wrong[1] = x.oh;
    wrong[2].cookie = UINT64_C(0x123456789abcdef0);
    for (int i = 0; i < 3; i++) {
        all_calls(&x, wrong[i], -DER_NO_HDL);
        FAILS(DER_NO_HDL, daos_tx_commit(wrong[i], NULL));
        FAILS(DER_NO_HDL, daos_tx_abort(wrong[i], NULL));
        FAILS(DER_NO_HDL, daos_tx_restart(wrong[i], NULL));
        FAILS(DER_NO_HDL, daos_tx_close(wrong[i], NULL));
        FAILS(DER_NO_HDL, daos_tx_hdl2epoch(wrong[i], &e));
        if (i > 0) /* the first is the container */
            FAILS(DER_NO_HDL, daos_tx_open(wrong[i], &th, 0, NULL));
    }
    FAILS(DER_INVAL, daos_tx_commit(DAOS_TX_NONE, NULL));
    FAILS(DER_INVAL, daos_tx_abort(DAOS_TX_NONE, NULL));
    FAILS(DER_INVAL, daos_tx_restart(DAOS_TX_NONE, NULL));
    FAILS(DER_INVAL, daos_tx_close(DAOS_TX_NONE, NULL));
    FAILS(DER_INVAL, daos_tx_hdl2epoch(DAOS_TX_NONE, &e));
    FAILS(DER_INVAL, daos_tx_open(a->coh, NULL, 0, NULL));
    FAILS(DER_INVAL, daos_tx_open(a->coh, &th, 4, NULL));
    FAILS(DER_INVAL, daos_tx_open(a->coh, &th, UINT64_C(1) << 63, NULL));
    FAILS(DER_INVAL, daos_tx_open_snap(a->coh, 0, &th, NULL));
    FAILS(DER_INVAL, daos_tx_open_snap(a->coh, DAOS_EPOCH_MAX, &th, NULL));
    FAILS(DER_INVAL, daos_tx_open_snap(a->coh, 1, NULL, NULL));
    FAILS(DER_NO_HDL, daos_tx_open_snap(x.oh, 1, &th, NULL));
    all_close(&x);
}

/* The epoch: none, one from the first read on, another after a restart. */
static void epochs(void **state)
{
    struct api *a = *state;
    daos_handle_t oh = api_obj(a, DAOS_OT_MULTI_HASHED, 1), th = tx(a, 0);
    daos_epoch_t e = 7, f;

    OK(put_th(oh, th, 0, "n", "a", "1"));
    FAILS(DER_UNINIT, daos_tx_hdl2epoch(th, &e));
    assert_int_equal(e, 7);
    FAILS(DER_INVAL, daos_tx_hdl2epoch(th, NULL));
    assert_string_equal(get_th(oh, th, 0, "n", "a"), "-");
    OK(daos_tx_hdl2epoch(th, &e));
    OK(put(oh, 0, "n", "a", "2"));
    assert_string_equal(get_th(oh, th, 0, "n", "a"), "-");
    OK(daos_tx_hdl2epoch(th, &f));
    assert_int_equal(e, f);
    FAILS(DER_NO_PERM, daos_tx_restart(th, NULL)); /* it has not met a conflict yet */
    FAILS(DER_TX_RESTART, daos_tx_commit(th, NULL));
    OK(daos_tx_hdl2epoch(th, &f));
    assert_int_equal(e, f);
    OK(daos_tx_restart(th, NULL));
    FAILS(DER_NO_PERM, daos_tx_restart(th, NULL));
    FAILS(DER_UNINIT, daos_tx_hdl2epoch(th, &f));
    assert_string_equal(get_th(oh, th, 0, "n", "a"), "2");
    OK(daos_tx_hdl2epoch(th, &f));
    assert_true(f > e);
    OK(daos_tx_close(th, NULL));
    OK(daos_obj_close(oh, NULL));
}

/* ---- Of somebody else ---- */

static void another_container(void **state)
{
    struct api *a = *state;
    daos_handle_t coh, twin, th;
    struct all x, y, z;

    OK(daos_cont_create_with_label(a->poh, "other", NULL, NULL, NULL));
    OK(daos_cont_open(a->poh, "other", DAOS_COO_RW, &coh, NULL, NULL));
    OK(daos_cont_open(a->poh, a->label, DAOS_COO_RW, &twin, NULL, NULL));
    all_open(&x, a->coh);
    all_open(&y, coh);
    all_open(&z, twin);
    for (int i = 0; i < 3; i++) {
        th = tx(a, kinds[i]);
        OK(daos_kv_put(x.kv, th, 0, "mine", 3, "yes", NULL));
        all_calls(&y, th, -DER_INVAL);
        all_reads(&z, th, 0); /* another handle of the same container */
        OK(daos_kv_put(z.kv, th, 0, "too", 3, "yes", NULL));
        OK(daos_tx_commit(th, NULL)); /* of its own container only, and all of that */
        OK(daos_tx_close(th, NULL));
    }
    unchanged(&y);
    for (int i = 0; i < 2; i++) {
        daos_size_t size = 0;

        OK(daos_kv_get(x.kv, DAOS_TX_NONE, 0, i ? "too" : "mine", &size, NULL, NULL));
        assert_int_equal(size, 3);
        OK(daos_kv_get(y.kv, DAOS_TX_NONE, 0, i ? "too" : "mine", &size, NULL, NULL));
        assert_int_equal(size, 0);
    }
    all_close(&x);
    all_close(&y);
    all_close(&z);
    OK(daos_cont_close(twin, NULL));
    OK(daos_cont_close(coh, NULL));
    OK(daos_cont_destroy(a->poh, "other", 0, NULL));
}

static void another_pool(void **state)
{
    struct embed_pool_conf conf = {.label = "otherpool"};
    struct api *a = *state;
    daos_handle_t poh, coh, th;
    struct err e = {0};
    char path[96];
    uuid_t uuid;
    struct all x, y;

    snprintf(path, sizeof(path), "%s/other", a->dir);
    OK(embed_pool_create(path, &conf, uuid, &e));
    OK(daos_pool_connect(path, NULL, DAOS_PC_RW, &poh, NULL, NULL));
    OK(daos_cont_create_with_label(poh, "c", NULL, NULL, NULL));
    OK(daos_cont_open(poh, "c", DAOS_COO_RW, &coh, NULL, NULL));
    all_open(&x, a->coh);
    all_open(&y, coh);
    th = tx(a, 0);
    all_calls(&y, th, -DER_INVAL);
    FAILS(DER_BUSY, daos_pool_disconnect(poh, NULL)); /* its container is open */
    OK(daos_tx_commit(th, NULL));
    OK(daos_tx_close(th, NULL));
    all_close(&x);
    all_close(&y);
    OK(daos_cont_close(coh, NULL));
    OK(daos_pool_disconnect(poh, NULL));
    OK(embed_pool_destroy(path, true, &e));
}

/* ---- Read-only ---- */

static void snapshots_and_read_only(void **state)
{
    struct api *a = *state;
    daos_handle_t th, ro;
    daos_epoch_t snap, e;
    daos_epoch_range_t range;
    struct all x;

    all_open(&x, a->coh);
    OK(daos_cont_create_snap(a->coh, &snap, NULL, NULL));
    OK(daos_tx_open_snap(a->coh, snap, &th, NULL));
    OK(daos_tx_hdl2epoch(th, &e));
    assert_int_equal(e, snap);
    OK(daos_kv_put(x.kv, DAOS_TX_NONE, 0, "later", 1, "x", NULL));
    all_reads(&x, th, 0);
    all_writes(&x, th, -DER_NO_PERM);
    FAILS(DER_NO_PERM, daos_tx_commit(th, NULL));
    FAILS(DER_NO_PERM, daos_tx_restart(th, NULL));
    all_reads(&x, th, 0); /* it goes on */
    OK(daos_tx_close(th, NULL));
    range = (daos_epoch_range_t){snap, snap};
    OK(daos_cont_destroy_snap(a->coh, range, NULL));

    th = tx(a, DAOS_TF_RDONLY | TARN_TF_READ_OWN);
    all_reads(&x, th, 0);
    all_writes(&x, th, -DER_NO_PERM);
    OK(daos_tx_commit(th, NULL));
    OK(daos_tx_close(th, NULL));

    /* of a handle that may not write: not even through one that may */
    OK(daos_cont_open(a->poh, a->label, DAOS_COO_RO, &ro, NULL, NULL));
    OK(daos_tx_open(ro, &th, 0, NULL));
    all_reads(&x, th, 0);
    all_writes(&x, th, -DER_NO_PERM);
    OK(daos_tx_close(th, NULL));
    OK(daos_cont_close(ro, NULL));
    unchanged(&x);
    all_close(&x);
}

/* ---- Too much ---- */

static int fill(daos_handle_t oh, daos_handle_t th, int from, int to)
{
    char name[16];
    int rc = 0;

    for (int i = from; i < to && rc == 0; i++) {
        snprintf(name, sizeof(name), "d%d", i);
        rc = put_th(oh, th, 0, name, "a", "1");
    }
    return rc;
}

/* One operation too many fails the transaction; a restart empties it. */
static void operations(void **state)
{
    struct api *a = *state;
    daos_handle_t oh = api_obj(a, DAOS_OT_MULTI_HASHED, 1), th;
    daos_key_t k[2] = {key("x"), key("y")};

    for (int i = 0; i < 3; i++) {
        th = tx(a, kinds[i]);
        OK(fill(oh, th, 0, TARN_TX_OPS_MAX));
        if (i == 0)
            FAILS(DER_OVERFLOW, fill(oh, th, TARN_TX_OPS_MAX, TARN_TX_OPS_MAX + 1));
        else if (i == 1)
            FAILS(DER_OVERFLOW, daos_obj_punch(oh, th, 0, NULL));
        else
            FAILS(DER_OVERFLOW, daos_obj_punch_dkeys(oh, th, 0, 2, k, NULL));
        FAILS(DER_NO_PERM, daos_tx_commit(th, NULL));
        FAILS(DER_NO_PERM, daos_tx_abort(th, NULL));
        assert_string_equal(get_th(oh, th, 0, "d0", "a"), "DER_NO_PERM");
        assert_string_equal(get(oh, "d0", "a"), "-");
        OK(daos_tx_restart(th, NULL));
        OK(put_th(oh, th, 0, "e", "a", "1"));
        OK(daos_tx_commit(th, NULL));
        assert_string_equal(get(oh, "d0", "a"), "-");
        assert_string_equal(get(oh, "e", "a"), "1");
        OK(daos_tx_close(th, NULL));
        /* as many as it takes are taken */
        th = tx(a, kinds[i]);
        OK(fill(oh, th, 100, 100 + TARN_TX_OPS_MAX));
        OK(daos_tx_commit(th, NULL));
        assert_string_equal(get(oh, "d163", "a"), "1");
        OK(daos_tx_close(th, NULL));
        OK(daos_obj_punch(oh, DAOS_TX_NONE, 0, NULL));
    }
    OK(daos_obj_close(oh, NULL));
}

static char much[4000];

static int many_akeys(daos_handle_t oh, daos_handle_t th, const char *dkey, size_t bytes,
                      unsigned int nr, bool punch)
{
    static char names[TARN_TX_AKEYS_MAX + 1][16];
    daos_iod_t iods[TARN_TX_AKEYS_MAX + 1];
    d_sg_list_t sgls[TARN_TX_AKEYS_MAX + 1];
    daos_key_t keys[TARN_TX_AKEYS_MAX + 1], d = key(dkey);
    d_iov_t iov;

    d_iov_set(&iov, much, bytes);
    for (unsigned int i = 0; i < nr; i++) {
        snprintf(names[i], sizeof(names[i]), "a%u", i);
        keys[i] = key(names[i]);
        iods[i] = (daos_iod_t){
            .iod_name = keys[i], .iod_type = DAOS_IOD_SINGLE, .iod_size = bytes, .iod_nr = 1};
        sgls[i] = (d_sg_list_t){.sg_nr = 1, .sg_iovs = &iov};
    }
    return punch ? daos_obj_punch_akeys(oh, th, 0, &d, nr, keys, NULL)
                 : daos_obj_update(oh, th, 0, &d, nr, iods, sgls, NULL);
}

static void akeys_of_an_operation(void **state)
{
    struct api *a = *state;
    daos_handle_t oh = api_obj(a, DAOS_OT_MULTI_HASHED, 1), th;

    memset(much, 'v', sizeof(much));
    for (int punch = 0; punch < 2; punch++) {
        th = tx(a, 0);
        FAILS(DER_OVERFLOW, many_akeys(oh, th, "d", 1, TARN_TX_AKEYS_MAX + 1, punch));
        FAILS(DER_NO_PERM, daos_tx_commit(th, NULL));
        OK(daos_tx_close(th, NULL));
        th = tx(a, 0);
        OK(many_akeys(oh, th, "d", 1, TARN_TX_AKEYS_MAX, punch));
        OK(daos_tx_commit(th, NULL));
        OK(daos_tx_close(th, NULL));
        assert_string_equal(get(oh, "d", "a63"), punch ? "-" : "v");
    }
    OK(daos_obj_close(oh, NULL));
}

/* Each operation is small enough, all of them are not: the commit says so. */
static void akeys_of_all_operations(void **state)
{
    struct api *a = *state;
    daos_handle_t oh = api_obj(a, DAOS_OT_MULTI_HASHED, 1), th = tx(a, DAOS_TF_ZERO_COPY);
    char name[16];

    memset(much, 'v', sizeof(much));
    for (int i = 0; i < TARN_TX_OPS_MAX; i++) {
        snprintf(name, sizeof(name), "d%d", i);
        OK(many_akeys(oh, th, name, sizeof(much), TARN_TX_AKEYS_MAX, false));
    }
    FAILS(DER_OVERFLOW, daos_tx_commit(th, NULL));
    FAILS(DER_NO_PERM, daos_tx_commit(th, NULL));
    FAILS(DER_NO_PERM, daos_tx_restart(th, NULL));
    assert_string_equal(get(oh, "d0", "a0"), "-");
    assert_string_equal(get(oh, "d63", "a63"), "-");
    OK(daos_tx_close(th, NULL));
    OK(daos_obj_close(oh, NULL));
}

/* What was read counts at the commit: the keys of one object as one, if need be. */
static void reads_and_operations(void **state)
{
    struct api *a = *state;
    daos_handle_t oh[10], th;
    char name[16];

    for (int i = 0; i < 10; i++)
        oh[i] = api_obj(a, DAOS_OT_MULTI_HASHED, 1 + (uint64_t)i);
    th = tx(a, 0);
    for (int i = 0; i < 100; i++) {
        snprintf(name, sizeof(name), "r%d", i);
        assert_string_equal(get_th(oh[1], th, 0, name, "a"), "-");
    }
    OK(fill(oh[0], th, 0, TARN_TX_OPS_MAX - 1));
    OK(daos_tx_commit(th, NULL));
    OK(daos_tx_close(th, NULL));
    OK(daos_obj_punch(oh[0], DAOS_TX_NONE, 0, NULL));

    th = tx(a, 0);
    for (int i = 0; i < 10; i++)
        assert_string_equal(get_th(oh[i], th, 0, "r", "a"), "-");
    OK(fill(oh[0], th, 0, TARN_TX_OPS_MAX - 9));
    FAILS(DER_OVERFLOW, daos_tx_commit(th, NULL));
    FAILS(DER_NO_PERM, daos_tx_commit(th, NULL));
    FAILS(DER_NO_PERM, daos_tx_restart(th, NULL));
    assert_string_equal(get(oh[0], "d0", "a"), "-");
    OK(daos_tx_close(th, NULL));
    for (int i = 0; i < 10; i++)
        OK(daos_obj_close(oh[i], NULL));
}

/* ---- Around it ---- */

/* A container with a transaction is in use; one that goes all the same takes it along. */
static void the_container_goes(void **state)
{
    struct api *a = *state;
    daos_obj_id_t oid;
    daos_handle_t coh, oh, th;
    uint64_t n = 1;
    daos_key_t d;
    struct one one;
    int rc;

    OK(daos_cont_create_with_label(a->poh, "going", NULL, NULL, NULL));
    OK(daos_cont_open(a->poh, "going", DAOS_COO_RW, &coh, NULL, NULL));
    oh = text_obj(coh, 1, &oid);
    OK(daos_tx_open(coh, &th, 0, NULL));
    d_iov_set(&d, &n, sizeof(n));
    one_single(&one, "", "", "x", 1);
    one.iod.iod_name = d;
    OK(daos_obj_update(oh, th, 0, &d, 1, &one.iod, &one.sgl, NULL));
    OK(daos_obj_close(oh, NULL)); /* what was written through it stays */
    FAILS(DER_BUSY, daos_cont_close(coh, NULL));
    FAILS(DER_BUSY, daos_cont_destroy(a->poh, "going", 0, NULL));
    FAILS(DER_BUSY, daos_pool_disconnect(a->poh, NULL));
    OK(daos_cont_destroy(a->poh, "going", 1, NULL));
    rc = daos_tx_commit(th, NULL);
    FAILS(DER_NO_HDL, rc);
    FAILS(DER_NO_PERM, daos_tx_commit(th, NULL)); /* it has ended */
    FAILS(DER_NO_PERM, daos_tx_restart(th, NULL));
    OK(daos_tx_close(th, NULL));
    daos_cont_close(coh, NULL);
}

/* An operation with wrong arguments is refused alone; the others are committed. */
static void wrong_arguments(void **state)
{
    struct api *a = *state;
    daos_handle_t oh = api_obj(a, DAOS_OT_MULTI_HASHED, 1), th = tx(a, 0);
    daos_key_t empty = {0}, d = key("d");
    struct one x;

    OK(put_th(oh, th, 0, "d", "a", "1"));
    one_single(&x, "d", "b", "2", 1);
    FAILS(DER_INVAL, daos_obj_update(oh, th, 0, NULL, 1, &x.iod, &x.sgl, NULL));
    FAILS(DER_INVAL, daos_obj_update(oh, th, 0, &empty, 1, &x.iod, &x.sgl, NULL));
    FAILS(DER_INVAL, daos_obj_update(oh, th, DAOS_COND_PUNCH, &x.dkey, 1, &x.iod, &x.sgl, NULL));
    FAILS(DER_INVAL, daos_obj_update(oh, th, 0, &x.dkey, 1, &x.iod, NULL, NULL));
    FAILS(DER_INVAL, daos_obj_punch(oh, th, DAOS_COND_DKEY_INSERT, NULL));
    FAILS(DER_INVAL, daos_obj_punch_dkeys(oh, th, 0, 1, &empty, NULL));
    FAILS(DER_INVAL, daos_obj_punch_akeys(oh, th, 0, &d, 0, NULL, NULL));
    OK(daos_tx_commit(th, NULL));
    assert_string_equal(get(oh, "d", "a"), "1");
    assert_string_equal(get(oh, "d", "b"), "-");
    OK(daos_tx_close(th, NULL));
    OK(daos_obj_close(oh, NULL));
}

/* With ZERO_COPY the buffer is read at the commit, without it when the write is issued; keys are
 * always copied. */
static void zero_copy(void **state)
{
    struct api *a = *state;
    daos_handle_t oh = api_obj(a, DAOS_OT_MULTI_HASHED, 1), th;

    for (int zero = 0; zero < 2; zero++) {
        char dkey[] = "d", akey[] = "a", value[] = "first";

        th = tx(a, zero ? DAOS_TF_ZERO_COPY : 0);
        OK(put_th(oh, th, 0, dkey, akey, value));
        memcpy(value, "later", 5);
        dkey[0] = akey[0] = '?';
        OK(daos_tx_commit(th, NULL));
        assert_string_equal(get(oh, "d", "a"), zero ? "later" : "first");
        assert_string_equal(get(oh, "?", "?"), "-");
        OK(daos_tx_close(th, NULL));
    }
    OK(daos_obj_close(oh, NULL));
}

API_MAIN(API_TEST(ended_transactions), API_TEST(other_handles), API_TEST(epochs),
         API_TEST(another_container), API_TEST(another_pool), API_TEST(snapshots_and_read_only),
         API_TEST(operations), API_TEST(akeys_of_an_operation), API_TEST(akeys_of_all_operations),
         API_TEST(reads_and_operations), API_TEST(the_container_goes), API_TEST(wrong_arguments),
         API_TEST(zero_copy))
