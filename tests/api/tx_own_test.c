/*
 * Transactions that read what they write (TARN_TF_READ_OWN).
 *
 * Stories; random ones against a model are in tx_own_model_test.c.
 */
#include "api.h"
#include <tarn.h>
#include "base/assert.h"
#include <pthread.h>

static daos_handle_t own(struct api *a, uint64_t flags)
{
    daos_handle_t th;

    OK(daos_tx_open(a->coh, &th, flags | TARN_TF_READ_OWN, NULL));
    return th;
}

static void done(daos_handle_t th)
{
    OK(daos_tx_commit(th, NULL));
    OK(daos_tx_close(th, NULL));
}

/* ---- Stories ---- */

static void values_are_seen_at_once(void **state)
{
    struct api *a = *state;
    daos_handle_t oh = api_obj(a, DAOS_OT_MULTI_HASHED, 1), th, other;
    daos_key_t d = key("d");

    OK(put(oh, 0, "d", "a", "old"));
    th = own(a, 0);
    OK(daos_tx_open(a->coh, &other, 0, NULL));
    OK(put_th(oh, th, 0, "d", "b", "new"));
    OK(put_th(oh, other, 0, "d", "b", "new"));
    assert_string_equal(get_th(oh, th, 0, "d", "a"), "old");
    assert_string_equal(get_th(oh, th, 0, "d", "b"), "new");
    assert_string_equal(get_th(oh, other, 0, "d", "b"), "-"); /* as in DAOS */
    assert_string_equal(get(oh, "d", "b"), "-");
    OK(daos_obj_punch_dkeys(oh, th, 0, 1, &d, NULL));
    assert_string_equal(get_th(oh, th, 0, "d", "a"), "-");
    assert_string_equal(get_th(oh, th, 0, "d", "b"), "-");
    assert_string_equal(get_th(oh, th, DAOS_COND_DKEY_FETCH, "d", "a"), "DER_NONEXIST");
    OK(put_th(oh, th, DAOS_COND_DKEY_INSERT, "d", "c", "again"));
    FAILS(DER_EXIST, put_th(oh, th, DAOS_COND_DKEY_INSERT, "d", "x", "no"));
    assert_string_equal(get_th(oh, th, DAOS_COND_AKEY_FETCH, "d", "c"), "again");
    assert_string_equal(get_th(oh, th, 0, "d", "x"), "-");
    done(th);
    OK(daos_tx_close(other, NULL));
    assert_string_equal(get(oh, "d", "a"), "-");
    assert_string_equal(get(oh, "d", "c"), "again");
    OK(daos_obj_close(oh, NULL));
}

/* What the transaction's own writes answer is no read of the container. */
static void own_writes_conflict_with_nobody(void **state)
{
    struct api *a = *state;
    daos_handle_t oh = api_obj(a, DAOS_OT_MULTI_HASHED, 1), th = own(a, 0);

    OK(put_th(oh, th, 0, "d", "a", "1"));
    assert_string_equal(get_th(oh, th, DAOS_COND_DKEY_FETCH, "d", "a"), "1");
    OK(put(oh, 0, "d", "a", "theirs"));
    done(th);
    assert_string_equal(get(oh, "d", "a"), "1");
    /* but what was asked of the engine is */
    th = own(a, 0);
    OK(put_th(oh, th, 0, "d", "a", "2"));
    assert_string_equal(get_th(oh, th, 0, "d", "b"), "-");
    OK(put(oh, 0, "d", "b", "theirs"));
    FAILS(DER_TX_RESTART, daos_tx_commit(th, NULL));
    OK(daos_tx_restart(th, NULL));
    assert_string_equal(get_th(oh, th, 0, "d", "a"), "1"); /* what it wrote is gone */
    assert_string_equal(get_th(oh, th, 0, "d", "b"), "theirs");
    OK(daos_tx_close(th, NULL));
    OK(daos_obj_close(oh, NULL));
}

/* A condition that looked at an earlier write is kept by what was read for it. */
static void conditions_are_kept_until_the_commit(void **state)
{
    struct api *a = *state;
    daos_handle_t oh = api_obj(a, DAOS_OT_MULTI_HASHED, 1), th = own(a, 0);

    OK(put_th(oh, th, DAOS_COND_DKEY_INSERT, "new", "a", "mine"));
    OK(put_th(oh, th, DAOS_COND_DKEY_UPDATE | DAOS_COND_AKEY_INSERT, "new", "b", "mine"));
    OK(put(oh, 0, "new", "a", "theirs"));
    FAILS(DER_TX_RESTART, daos_tx_commit(th, NULL));
    OK(daos_tx_restart(th, NULL));
    FAILS(DER_EXIST, put_th(oh, th, DAOS_COND_DKEY_INSERT, "new", "a", "mine"));
    OK(daos_tx_close(th, NULL));
    OK(daos_obj_close(oh, NULL));
}

static void key_values(void **state)
{
    struct api *a = *state;
    enum daos_otype_t types[] = {DAOS_OT_KV_HASHED, DAOS_OT_KV_UINT64, DAOS_OT_KV_LEXICAL};

    for (int t = 0; t < 3; t++) {
        daos_obj_id_t oid = api_oid(a, types[t], 10 + t);
        daos_handle_t kv, th;
        daos_key_desc_t kds[8];
        daos_anchor_t anchor = {0};
        char buf[256], value[16];
        d_iov_t iov;
        d_sg_list_t sgl = {.sg_nr = 1, .sg_iovs = &iov};
        daos_size_t size;
        uint32_t nr = 8;

        OK(daos_kv_open(a->coh, oid, DAOS_OO_RW, &kv, NULL));
        OK(daos_kv_put(kv, DAOS_TX_NONE, 0, "aaaaaaaa", 3, "old", NULL));
        OK(daos_kv_put(kv, DAOS_TX_NONE, 0, "cccccccc", 3, "old", NULL));
        th = own(a, 0);
        OK(daos_kv_put(kv, th, DAOS_COND_KEY_INSERT, "bbbbbbbb", 5, "fresh", NULL));
        OK(daos_kv_remove(kv, th, DAOS_COND_KEY_REMOVE, "aaaaaaaa", NULL));
        FAILS(DER_NONEXIST, daos_kv_remove(kv, th, DAOS_COND_KEY_REMOVE, "aaaaaaaa", NULL));
        size = sizeof(value);
        OK(daos_kv_get(kv, th, 0, "bbbbbbbb", &size, value, NULL));
        assert_int_equal(size, 5);
        assert_memory_equal(value, "fresh", 5);
        size = 2;
        FAILS(DER_REC2BIG, daos_kv_get(kv, th, 0, "bbbbbbbb", &size, value, NULL));
        assert_int_equal(size, 5);
        OK(daos_kv_get(kv, th, 0, "bbbbbbbb", &size, NULL, NULL));
        assert_int_equal(size, 5);
        size = sizeof(value);
        FAILS(DER_NONEXIST, daos_kv_get(kv, th, DAOS_COND_KEY_GET, "aaaaaaaa", &size, value, NULL));
        d_iov_set(&iov, buf, sizeof(buf));
        OK(daos_kv_list(kv, th, &nr, kds, &sgl, &anchor, NULL));
        assert_int_equal(nr, 2);
        assert_true(daos_anchor_is_eof(&anchor));
        done(th);
        OK(daos_kv_close(kv, NULL));
    }
}

static int array_io(daos_handle_t ah, daos_handle_t th, uint64_t at, char *buf, size_t len,
                    daos_array_iod_t *iod)
{
    static daos_range_t rg;
    static d_iov_t iov;
    static d_sg_list_t sgl;

    rg = (daos_range_t){at, len};
    *iod = (daos_array_iod_t){.arr_nr = 1, .arr_rgs = &rg};
    d_iov_set(&iov, buf, len);
    sgl = (d_sg_list_t){.sg_nr = 1, .sg_iovs = &iov};
    return daos_array_read(ah, th, iod, &sgl, NULL);
}

static int array_put(daos_handle_t ah, daos_handle_t th, uint64_t at, const char *text)
{
    daos_range_t rg = {at, strlen(text)};
    daos_array_iod_t iod = {.arr_nr = 1, .arr_rgs = &rg};
    d_iov_t iov;
    d_sg_list_t sgl = {.sg_nr = 1, .sg_iovs = &iov};

    d_iov_set(&iov, (void *)text, strlen(text));
    return daos_array_write(ah, th, &iod, &sgl, NULL);
}

static void arrays(void **state)
{
    struct api *a = *state;
    daos_obj_id_t oid = api_oid(a, DAOS_OT_ARRAY, 1);
    daos_handle_t ah, again, th = own(a, 0);
    daos_size_t size, cell, chunk;
    daos_array_iod_t iod;
    daos_range_t rg = {2, 4};
    char buf[41];

    OK(daos_array_create(a->coh, oid, th, 1, 8, &ah, NULL));
    OK(daos_array_open(a->coh, oid, th, DAOS_OO_RW, &cell, &chunk, &again, NULL));
    assert_int_equal(chunk, 8);
    OK(daos_array_close(again, NULL));
    OK(array_put(ah, DAOS_TX_NONE, 0, "0123456789abcdefghij"));
    OK(daos_tx_close(th, NULL));
    OK(daos_array_close(ah, NULL));
    OK(daos_array_open_with_attr(a->coh, oid, DAOS_TX_NONE, DAOS_OO_RW, 1, 8, &ah, NULL));

    th = own(a, 0);
    OK(array_put(ah, th, 6, "WXYZ"));
    OK(array_put(ah, th, 30, "end"));
    OK(daos_array_get_size(ah, th, &size, NULL));
    assert_int_equal(size, 33);
    OK(daos_array_get_size(ah, DAOS_TX_NONE, &size, NULL));
    assert_int_equal(size, 20);
    iod = (daos_array_iod_t){.arr_nr = 1, .arr_rgs = &rg};
    OK(daos_array_punch(ah, th, &iod, NULL));
    memset(buf, '!', sizeof(buf));
    OK(array_io(ah, th, 0, buf, 40, &iod));
    assert_int_equal(iod.arr_nr_read, 33);
    assert_int_equal(iod.arr_nr_short_read, 7);
    assert_memory_equal(buf, "01\0\0\0\0WXYZabcdefghij\0\0\0\0\0\0\0\0\0\0end!!!!!!!!", 41);
    /* an hole at the end of a chunk, and a cut in front of what was there before */
    OK(daos_array_set_size(ah, th, 12, NULL));
    OK(daos_array_get_size(ah, th, &size, NULL));
    assert_int_equal(size, 12);
    OK(daos_array_set_size(ah, th, 4, NULL)); /* cells 2 and 3 are holes */
    OK(daos_array_get_size(ah, th, &size, NULL));
    assert_int_equal(size, 4);
    memset(buf, '!', sizeof(buf));
    OK(array_io(ah, th, 0, buf, 10, &iod));
    assert_memory_equal(buf, "01\0\0!!!!!!", 10);
    done(th);
    memset(buf, '!', sizeof(buf));
    OK(array_io(ah, DAOS_TX_NONE, 0, buf, 10, &iod));
    assert_memory_equal(buf, "01\0\0!!!!!!", 10);
    assert_int_equal(iod.arr_nr_read, 4);
    OK(daos_array_close(ah, NULL));
}

/* Events complete reads of every kind. */
static void asynchronous_reads(void **state)
{
    struct api *a = *state;
    daos_handle_t oh = api_obj(a, DAOS_OT_MULTI_HASHED, 1), kv, th = own(a, 0);
    daos_key_desc_t kds[4];
    daos_anchor_t anchor = {0}, recx_anchor = {0};
    char value[8] = {0}, keys[64], kv_value[8];
    daos_size_t size = sizeof(kv_value), rec;
    daos_recx_t recxs[4];
    uint32_t nr = 4, recx_nr = 4;
    daos_event_t ev[4];
    d_iov_t iov;
    d_sg_list_t sgl = {.sg_nr = 1, .sg_iovs = &iov};
    struct one x, y;
    bool over;

    OK(daos_kv_open(a->coh, api_oid(a, DAOS_OT_KV_UINT64, 2), DAOS_OO_RW, &kv, NULL));
    OK(put_th(oh, th, 0, "d", "a", "mine"));
    one_array(&y, "d", "arr", 1, 5, 4, (void *)"wxyz");
    OK(daos_obj_update(oh, th, 0, &y.dkey, 1, &y.iod, &y.sgl, NULL));
    OK(daos_kv_put(kv, th, 0, "12345678", 3, "abc", NULL));
    for (int i = 0; i < 4; i++)
        OK(daos_event_init(&ev[i], DAOS_HDL_INVAL, NULL));
    one_single(&x, "d", "a", value, sizeof(value));
    x.iod.iod_size = DAOS_REC_ANY;
    OK(daos_obj_fetch(oh, th, 0, &x.dkey, 1, &x.iod, &x.sgl, NULL, &ev[0]));
    d_iov_set(&iov, keys, sizeof(keys));
    OK(daos_obj_list_akey(oh, th, &x.dkey, &nr, kds, &sgl, &anchor, &ev[1]));
    OK(daos_obj_list_recx(oh, th, &y.dkey, &y.iod.iod_name, &rec, &recx_nr, recxs, NULL,
                          &recx_anchor, true, &ev[2]));
    OK(daos_kv_get(kv, th, 0, "12345678", &size, kv_value, &ev[3]));
    for (int i = 0; i < 4; i++) {
        OK(daos_event_test(&ev[i], DAOS_EQ_WAIT, &over));
        OK(ev[i].ev_error);
        OK(daos_event_fini(&ev[i]));
    }
    assert_string_equal(value, "mine");
    assert_int_equal(nr, 2);
    assert_int_equal(recx_nr, 1);
    assert_int_equal(recxs[0].rx_idx, 5);
    assert_int_equal(recxs[0].rx_nr, 4);
    assert_int_equal(size, 3);
    done(th);
    OK(daos_kv_close(kv, NULL));
    OK(daos_obj_close(oh, NULL));
}

/* A buffer that holds no key says how long the next one is, and the list goes on there. */
static void a_key_that_does_not_fit(void **state)
{
    struct api *a = *state;
    daos_handle_t oh = api_obj(a, DAOS_OT_MULTI_LEXICAL, 1), th = own(a, 0);
    daos_key_desc_t kds[4];
    daos_anchor_t anchor = {0};
    char buf[64];
    uint32_t nr = 4;
    d_iov_t iov;
    d_sg_list_t sgl = {.sg_nr = 1, .sg_iovs = &iov};

    OK(put(oh, 0, "b", "a", "1"));
    OK(put_th(oh, th, 0, "a long name", "a", "1"));
    d_iov_set(&iov, buf, 4);
    FAILS(DER_KEY2BIG, daos_obj_list_dkey(oh, th, &nr, kds, &sgl, &anchor, NULL));
    assert_int_equal(kds[0].kd_key_len, 11);
    d_iov_set(&iov, buf, 11);
    nr = 4;
    OK(daos_obj_list_dkey(oh, th, &nr, kds, &sgl, &anchor, NULL));
    assert_int_equal(nr, 1);
    assert_memory_equal(buf, "a long name", 11);
    nr = 4;
    OK(daos_obj_list_dkey(oh, th, &nr, kds, &sgl, &anchor, NULL));
    assert_int_equal(nr, 1);
    assert_memory_equal(buf, "b", 1);
    OK(daos_tx_close(th, NULL));
    OK(daos_obj_close(oh, NULL));
}

/* The parts of an enumeration have every key once, and an anchor is found for each. */
static void parts_and_anchors_of_keys(void **state)
{
    struct api *a = *state;
    daos_obj_id_t oid = {.lo = 1};
    daos_handle_t oh, th = own(a, 0);
    daos_anchor_t parts[8];
    uint32_t groups = 0, seen = 0;
    char name[16];

    OK(daos_obj_generate_oid(a->coh, &oid, DAOS_OT_MULTI_HASHED, OC_SX, 0, 0));
    OK(daos_obj_open(a->coh, oid, DAOS_OO_RW, &oh, NULL));
    for (int i = 0; i < 12; i++) {
        snprintf(name, sizeof(name), "k%d", i);
        OK(put_th(oh, i % 2 ? th : DAOS_TX_NONE, 0, name, "a", "1"));
    }
    OK(daos_obj_anchor_split(oh, &groups, NULL));
    OK(daos_obj_anchor_split(oh, &groups, parts));
    for (uint32_t g = 0; g < groups; g++)
        while (!daos_anchor_is_eof(&parts[g])) {
            daos_key_desc_t kds[4];
            uint32_t nr = 4;
            char buf[64];
            d_iov_t iov;
            d_sg_list_t sgl = {.sg_nr = 1, .sg_iovs = &iov};

            d_iov_set(&iov, buf, sizeof(buf));
            OK(daos_obj_list_dkey(oh, th, &nr, kds, &sgl, &parts[g], NULL));
            for (uint32_t i = 0, at = 0; i < nr; at += (uint32_t)kds[i++].kd_key_len) {
                memset(name, 0, sizeof(name));
                memcpy(name, buf + at, kds[i].kd_key_len);
                seen ^= 1u << atoi(name + 1);
            }
        }
    assert_int_equal(seen, (1u << 12) - 1);
    for (int i = 0; i < 12; i++) {
        daos_anchor_t anchor;
        daos_key_desc_t kd;
        uint32_t nr = 1;
        char buf[8] = {0};
        daos_key_t k;
        d_iov_t iov;
        d_sg_list_t sgl = {.sg_nr = 1, .sg_iovs = &iov};

        snprintf(name, sizeof(name), "k%d", i);
        k = key(name);
        OK(daos_obj_key2anchor(oh, th, &k, NULL, &anchor, NULL));
        d_iov_set(&iov, buf, sizeof(buf));
        OK(daos_obj_list_dkey(oh, th, &nr, &kd, &sgl, &anchor, NULL));
        assert_int_equal(nr, 1);
        assert_memory_equal(buf, name, strlen(name));
    }
    done(th);
    OK(daos_obj_close(oh, NULL));
}

/* What the commit will refuse is refused there; reads show each kind of value for itself. */
static void what_cannot_be_committed(void **state)
{
    struct api *a = *state;
    daos_handle_t oh = api_obj(a, DAOS_OT_MULTI_HASHED, 1), th = own(a, 0);
    char buf[32];
    struct one x;

    OK(daos_obj_update(oh, DAOS_TX_NONE, 0, &one_array(&x, "d", "a", 2, 0, 4, "aabbccdd")->dkey, 1,
                       &x.iod, &x.sgl, NULL));
    OK(daos_obj_update(oh, th, 0, &one_array(&x, "d", "a", 3, 1, 2, "eeefff")->dkey, 1, &x.iod,
                       &x.sgl, NULL));
    one_array(&x, "d", "a", 8, 0, 4, buf);
    x.iod.iod_size = DAOS_REC_ANY;
    FAILS(DER_REC_SIZE, daos_obj_fetch(oh, th, 0, &x.dkey, 1, &x.iod, &x.sgl, NULL, NULL));
    FAILS(DER_REC_SIZE, daos_tx_commit(th, NULL));
    OK(daos_tx_close(th, NULL));
    th = own(a, 0);
    OK(put_th(oh, th, 0, "d", "a", "single"));
    assert_string_equal(get_th(oh, th, 0, "d", "a"), "single");
    FAILS(DER_INVAL, daos_tx_commit(th, NULL));
    OK(daos_tx_close(th, NULL));
    OK(daos_obj_close(oh, NULL));
}

/* A read under way when the transaction ends has an answer, and harms nobody. */
static void an_ended_transaction_is_not_read(void **state)
{
    struct api *a = *state;
    daos_handle_t oh = api_obj(a, DAOS_OT_MULTI_HASHED, 1), th = own(a, 0);
    daos_key_desc_t kds[4];
    daos_anchor_t anchor = {0};
    char buf[8];
    uint32_t nr = 1;
    d_iov_t iov;
    d_sg_list_t sgl = {.sg_nr = 1, .sg_iovs = &iov};

    OK(put_th(oh, th, 0, "d1", "a", "1"));
    OK(put_th(oh, th, 0, "d2", "a", "1"));
    d_iov_set(&iov, buf, sizeof(buf));
    OK(daos_obj_list_dkey(oh, th, &nr, kds, &sgl, &anchor, NULL));
    OK(daos_tx_abort(th, NULL));
    FAILS(DER_NO_PERM, daos_obj_list_dkey(oh, th, &nr, kds, &sgl, &anchor, NULL));
    assert_string_equal(get_th(oh, th, 0, "d1", "a"), "DER_NO_PERM");
    OK(daos_tx_close(th, NULL));
    OK(daos_obj_close(oh, NULL));
}

/* More extents and keys than come in one answer. */
static void more_than_an_answer(void **state)
{
    enum { MANY = 700, AKEYS_MANY = 100 };
    struct api *a = *state;
    daos_handle_t oh = api_obj(a, DAOS_OT_MULTI_UINT64, 1), th;
    static daos_recx_t recxs[MANY], found[MANY + 1], all = {0, 2 * MANY + 2};
    static daos_iod_t iods[AKEYS_MANY];
    static d_sg_list_t sgls[AKEYS_MANY];
    static d_iov_t iovs[AKEYS_MANY];
    static uint64_t number[MANY];
    static char bytes[2 * MANY + 2], values[AKEYS_MANY][16];
    daos_iom_t iom = {.iom_flags = DAOS_IOMF_DETAIL, .iom_nr = MANY + 1, .iom_recxs = found};
    daos_anchor_t anchor = {0};
    daos_size_t size;
    uint64_t one = 1, top = 0;
    uint32_t seen = 0;
    daos_key_t d, k, max;
    struct one x;

    d_iov_set(&d, &one, 8);
    one_array(&x, "", "", 1, 0, MANY, bytes);
    memset(bytes, 'o', sizeof(bytes));
    for (int i = 0; i < MANY; i++) {
        recxs[i] = (daos_recx_t){2 * (uint64_t)i, 1};
        number[i] = 100 + (uint64_t)i;
    }
    x.iod.iod_name = d;
    x.iod.iod_nr = MANY;
    x.iod.iod_recxs = recxs;
    OK(daos_obj_update(oh, DAOS_TX_NONE, 0, &d, 1, &x.iod, &x.sgl, NULL));
    for (int i = 0; i < 300; i++) { /* dkeys */
        d_iov_set(&k, &number[i], 8);
        one_single(&x, "", "", "v", 1);
        x.iod.iod_name = k;
        OK(daos_obj_update(oh, DAOS_TX_NONE, 0, &k, 1, &x.iod, &x.sgl, NULL));
    }
    th = own(a, 0);
    /* a hole, and cells behind all others */
    one_array(&x, "", "", 0, 10, 1, NULL);
    x.iod.iod_name = d;
    OK(daos_obj_update(oh, th, 0, &d, 1, &x.iod, NULL, NULL));
    one_array(&x, "", "", 1, 2 * MANY, 2, (void *)"zz");
    x.iod.iod_name = d;
    OK(daos_obj_update(oh, th, 0, &d, 1, &x.iod, &x.sgl, NULL));
    one_array(&x, "", "", 1, 0, 1, bytes);
    x.iod.iod_name = d;
    x.iod.iod_recxs = &all;
    d_iov_set(&x.iov, bytes, sizeof(bytes));
    memset(bytes, '#', sizeof(bytes));
    OK(daos_obj_fetch(oh, th, 0, &d, 1, &x.iod, &x.sgl, &iom, NULL));
    assert_int_equal(iom.iom_nr_out, MANY);
    assert_int_equal(found[4].rx_idx, 8);
    assert_int_equal(found[5].rx_idx, 12); /* 10 is the hole */
    assert_int_equal(found[MANY - 1].rx_nr, 2);
    assert_memory_equal(bytes + 8, "o###o#o", 7);
    assert_memory_equal(bytes + 2 * MANY, "zz", 2);
    for (bool up = true;; up = false) {
        uint32_t nr = 0;

        memset(&anchor, 0, sizeof(anchor));
        for (seen = 0; !daos_anchor_is_eof(&anchor); seen += nr) {
            nr = MANY;
            OK(daos_obj_list_recx(oh, th, &d, &d, &size, &nr, found, NULL, &anchor, up, NULL));
        }
        assert_int_equal(seen, MANY);
        if (!up)
            break;
    }
    /* the largest dkeys go, and then all that are left in the list are the others */
    for (int i = 299; i >= 280; i--) {
        d_iov_set(&k, &number[i], 8);
        OK(daos_obj_punch_dkeys(oh, th, 0, 1, &k, NULL));
    }
    d_iov_set(&max, &top, 8);
    OK(daos_obj_query_key(oh, th, DAOS_GET_DKEY | DAOS_GET_MAX, &max, NULL, NULL, NULL));
    assert_int_equal(top, number[279]);
    memset(&anchor, 0, sizeof(anchor));
    for (seen = 0; !daos_anchor_is_eof(&anchor);) {
        static daos_key_desc_t kds[MANY];
        static char keys[MANY * 8];
        uint32_t nr = 256;
        d_iov_t iov;
        d_sg_list_t sgl = {.sg_nr = 1, .sg_iovs = &iov};

        d_iov_set(&iov, keys, sizeof(keys));
        OK(daos_obj_list_dkey(oh, th, &nr, kds, &sgl, &anchor, NULL));
        seen += nr;
    }
    assert_int_equal(seen, 281);
    /* more akeys than a message takes: some the transaction's, most the engine's */
    for (int i = 0; i < AKEYS_MANY; i++) {
        daos_handle_t by = i % 10 == 0 ? th : DAOS_TX_NONE;

        snprintf(values[i], sizeof(values[i]), "v%d", i);
        iods[i] = (daos_iod_t){.iod_type = DAOS_IOD_SINGLE, .iod_size = 8, .iod_nr = 1};
        d_iov_set(&iods[i].iod_name, &number[i], 8);
        d_iov_set(&iovs[i], values[i], 8);
        sgls[i] = (d_sg_list_t){.sg_nr = 1, .sg_iovs = &iovs[i]};
        OK(daos_obj_update(oh, by, 0, &d, 1, &iods[i], &sgls[i], NULL));
    }
    memset(values, 0, sizeof(values));
    OK(daos_obj_fetch(oh, th, 0, &d, AKEYS_MANY, iods, sgls, NULL, NULL));
    for (int i = 0; i < AKEYS_MANY; i++)
        assert_int_equal(iods[i].iod_size, i % 10 == 0 ? 8 : 0); /* the others came too late */
    OK(daos_tx_close(th, NULL));
    OK(daos_obj_close(oh, NULL));
}

struct reader {
    daos_handle_t oh;
    _Atomic uint64_t th; /* cookie; 0: end */
    _Atomic int wrong;   /* an answer that is none of the end's */
};

/* Also a question that was under way when the commit was: what it asks for is not kept any more. */
static bool fits(int rc)
{
    return rc == 0 || rc == -DER_NO_PERM || rc == -DER_NO_HDL || rc == -DER_TX_RESTART;
}

static void *read_on(void *arg)
{
    struct reader *r = arg;

    for (daos_handle_t th; (th.cookie = r->th) != 0;) {
        daos_key_desc_t kds[4];
        daos_anchor_t anchor = {0};
        char buf[64], value[4096];
        uint32_t nr = 4;
        d_iov_t iov;
        d_sg_list_t sgl = {.sg_nr = 1, .sg_iovs = &iov};
        struct one x;
        int rc;

        one_single(&x, "d3", "a", value, sizeof(value));
        rc = daos_obj_fetch(r->oh, th, 0, &x.dkey, 1, &x.iod, &x.sgl, NULL, NULL);
        if (!fits(rc))
            r->wrong = rc;
        d_iov_set(&iov, buf, sizeof(buf));
        rc = daos_obj_list_dkey(r->oh, th, &nr, kds, &sgl, &anchor, NULL);
        if (!fits(rc))
            r->wrong = rc;
    }
    return NULL;
}

/* Threads read while the transaction ends. */
static void reads_against_the_end(void **state)
{
    enum { THREADS = 2, ROUNDS = 60 };
    struct api *a = *state;
    struct reader r = {.oh = api_obj(a, DAOS_OT_MULTI_HASHED, 1)};
    daos_handle_t th = own(a, 0), next;
    pthread_t t[THREADS];
    char name[16], value[4096];
    struct one x;

    memset(value, 'v', sizeof(value));
    r.th = th.cookie;
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&t[i], NULL, read_on, &r), 0);
    for (int round = 0; round < ROUNDS; round++) {
        for (int i = 0; i < 20; i++) {
            snprintf(name, sizeof(name), "d%d", i % 7);
            one_single(&x, name, "a", value, sizeof(value));
            OK(daos_obj_update(r.oh, th, 0, &x.dkey, 1, &x.iod, &x.sgl, NULL));
        }
        next = own(a, 0);
        if (round % 3 == 0)
            OK(daos_tx_abort(th, NULL));
        if (round % 3 == 1)
            OK(daos_tx_commit(th, NULL));
        r.th = round == ROUNDS - 1 ? 0 : next.cookie;
        OK(daos_tx_close(th, NULL));
        th = next;
    }
    for (int i = 0; i < THREADS; i++)
        pthread_join(t[i], NULL);
    OK(r.wrong);
    OK(daos_tx_close(th, NULL));
    OK(daos_obj_close(r.oh, NULL));
}

API_MAIN(API_TEST(values_are_seen_at_once), API_TEST(own_writes_conflict_with_nobody),
         API_TEST(conditions_are_kept_until_the_commit), API_TEST(key_values), API_TEST(arrays),
         API_TEST(asynchronous_reads), API_TEST(a_key_that_does_not_fit),
         API_TEST(parts_and_anchors_of_keys), API_TEST(what_cannot_be_committed),
         API_TEST(an_ended_transaction_is_not_read), API_TEST(more_than_an_answer),
         API_TEST(reads_against_the_end))
