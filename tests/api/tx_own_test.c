/*
 * Transactions that read what they write (TARN_TF_READ_OWN).
 *
 * First the stories, then the differential test: random operations go into a transaction and into a
 * plain model of one object; every kind of read, random too, must answer what the model says,
 * within the transaction and after its commit. TARN_TX_SEED, TARN_TX_CASES choose others.
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
    f->th = own(f->a, rnd(f, 2) ? DAOS_TF_ZERO_COPY : 0);
    for (; f->step < steps; f->step++) {
        if (rnd(f, 5) < 2)
            change(f, f->th);
        else
            look(f);
    }
    done(f->th);
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

API_MAIN(API_TEST(values_are_seen_at_once), API_TEST(own_writes_conflict_with_nobody),
         API_TEST(conditions_are_kept_until_the_commit), API_TEST(key_values), API_TEST(arrays),
         API_TEST(asynchronous_reads), API_TEST(a_key_that_does_not_fit),
         API_TEST(parts_and_anchors_of_keys), API_TEST(what_cannot_be_committed),
         API_TEST(an_ended_transaction_is_not_read), API_TEST(more_than_an_answer),
         API_TEST(reads_against_the_end), API_TEST(every_read_answers_what_the_model_says))
