/* Key-value objects. */
#include "api.h"

static daos_handle_t kv(struct api *a, enum daos_otype_t type, unsigned int mode)
{
    daos_handle_t oh;

    OK(daos_kv_open(a->coh, api_oid(a, type, 5), mode, &oh, NULL));
    return oh;
}

static void put_get_remove(void **state)
{
    struct api *a = *state;
    daos_handle_t oh = kv(a, DAOS_OT_KV_HASHED, DAOS_OO_RW);
    daos_size_t size;
    char buf[32];

    size = sizeof(buf);
    OK(daos_kv_get(oh, DAOS_TX_NONE, 0, "k", &size, buf, NULL));
    assert_int_equal(size, 0);
    size = sizeof(buf);
    FAILS(DER_NONEXIST, daos_kv_get(oh, DAOS_TX_NONE, DAOS_COND_KEY_GET, "k", &size, buf, NULL));
    OK(daos_kv_put(oh, DAOS_TX_NONE, 0, "k", 5, "hello", NULL));
    size = 0;
    OK(daos_kv_get(oh, DAOS_TX_NONE, 0, "k", &size, NULL, NULL));
    assert_int_equal(size, 5);
    size = sizeof(buf);
    OK(daos_kv_get(oh, DAOS_TX_NONE, 0, "k", &size, buf, NULL));
    assert_int_equal(size, 5);
    assert_memory_equal(buf, "hello", 5);
    size = 3;
    FAILS(DER_REC2BIG, daos_kv_get(oh, DAOS_TX_NONE, 0, "k", &size, buf, NULL));
    assert_int_equal(size, 5);
    OK(daos_kv_remove(oh, DAOS_TX_NONE, 0, "k", NULL));
    size = sizeof(buf);
    OK(daos_kv_get(oh, DAOS_TX_NONE, 0, "k", &size, buf, NULL));
    assert_int_equal(size, 0);
    /* a size of 0 takes the value away */
    OK(daos_kv_put(oh, DAOS_TX_NONE, 0, "k", 5, "hello", NULL));
    OK(daos_kv_put(oh, DAOS_TX_NONE, 0, "k", 0, NULL, NULL));
    size = sizeof(buf);
    OK(daos_kv_get(oh, DAOS_TX_NONE, 0, "k", &size, buf, NULL));
    assert_int_equal(size, 0);
    OK(daos_kv_close(oh, NULL));
}

static void conditions(void **state)
{
    struct api *a = *state;
    daos_handle_t oh = kv(a, DAOS_OT_KV_LEXICAL, DAOS_OO_RW);

    FAILS(DER_NONEXIST, daos_kv_put(oh, DAOS_TX_NONE, DAOS_COND_KEY_UPDATE, "k", 1, "1", NULL));
    OK(daos_kv_put(oh, DAOS_TX_NONE, DAOS_COND_KEY_INSERT, "k", 1, "1", NULL));
    FAILS(DER_EXIST, daos_kv_put(oh, DAOS_TX_NONE, DAOS_COND_KEY_INSERT, "k", 1, "2", NULL));
    OK(daos_kv_put(oh, DAOS_TX_NONE, DAOS_COND_KEY_UPDATE, "k", 1, "2", NULL));
    FAILS(DER_NONEXIST, daos_kv_remove(oh, DAOS_TX_NONE, DAOS_COND_KEY_REMOVE, "l", NULL));
    OK(daos_kv_remove(oh, DAOS_TX_NONE, 0, "l", NULL));
    OK(daos_kv_remove(oh, DAOS_TX_NONE, DAOS_COND_KEY_REMOVE, "k", NULL));
    FAILS(DER_NONEXIST, daos_kv_remove(oh, DAOS_TX_NONE, DAOS_COND_KEY_REMOVE, "k", NULL));
    OK(daos_kv_close(oh, NULL));
}

static void bad_arguments(void **state)
{
    struct api *a = *state;
    daos_handle_t oh = kv(a, DAOS_OT_KV_HASHED, DAOS_OO_RW),
                  ro = kv(a, DAOS_OT_KV_HASHED, DAOS_OO_RO), h;
    daos_size_t size = 4;
    char buf[4];

    FAILS(DER_INVAL, daos_kv_open(a->coh, api_oid(a, DAOS_OT_ARRAY, 5), DAOS_OO_RW, &h, NULL));
    FAILS(DER_INVAL, daos_kv_put(oh, DAOS_TX_NONE, 0, NULL, 1, "1", NULL));
    FAILS(DER_INVAL, daos_kv_put(oh, DAOS_TX_NONE, 0, "", 1, "1", NULL));
    FAILS(DER_INVAL, daos_kv_put(oh, DAOS_TX_NONE, 0, "k", 1, NULL, NULL));
    FAILS(DER_INVAL, daos_kv_put(oh, DAOS_TX_NONE, DAOS_COND_KEY_REMOVE, "k", 1, "1", NULL));
    FAILS(DER_INVAL, daos_kv_get(oh, DAOS_TX_NONE, 0, NULL, &size, buf, NULL));
    FAILS(DER_INVAL, daos_kv_get(oh, DAOS_TX_NONE, 0, "k", NULL, buf, NULL));
    FAILS(DER_INVAL, daos_kv_get(oh, DAOS_TX_NONE, DAOS_COND_KEY_INSERT, "k", &size, buf, NULL));
    FAILS(DER_INVAL, daos_kv_remove(oh, DAOS_TX_NONE, 0, NULL, NULL));
    FAILS(DER_NO_PERM, daos_kv_put(ro, DAOS_TX_NONE, 0, "k", 1, "1", NULL));
    FAILS(DER_NO_PERM, daos_kv_remove(ro, DAOS_TX_NONE, 0, "k", NULL));
    FAILS(DER_NO_PERM, daos_kv_destroy(ro, DAOS_TX_NONE, NULL));
    FAILS(DER_NO_HDL, daos_kv_put(a->coh, DAOS_TX_NONE, 0, "k", 1, "1", NULL));
    FAILS(DER_NO_HDL, daos_obj_close(oh, NULL));
    OK(daos_kv_close(ro, NULL));
    OK(daos_kv_close(oh, NULL));
    FAILS(DER_NO_HDL, daos_kv_close(oh, NULL));
}

static void keys_are_listed_once_each(void **state)
{
    enum { N = 1000 };
    struct api *a = *state;
    daos_handle_t oh = kv(a, DAOS_OT_KV_HASHED, DAOS_OO_RW);
    daos_anchor_t anchor = {0};
    char *seen = calloc(1, N), name[24], buf[256];
    daos_key_desc_t kds[20];
    d_sg_list_t sgl;
    d_iov_t iov;
    uint32_t nr;
    int i, total = 0, calls = 0;

    for (i = 0; i < N; i++) {
        snprintf(name, sizeof(name), "key%04d", i);
        OK(daos_kv_put(oh, DAOS_TX_NONE, 0, name, sizeof(i), &i, NULL));
    }
    memset(buf, '7', sizeof(buf)); /* what was there before is no part of a key */
    d_iov_set(&iov, buf, sizeof(buf));
    sgl = (d_sg_list_t){.sg_nr = 1, .sg_iovs = &iov};
    while (!daos_anchor_is_eof(&anchor)) {
        const char *p = buf;

        nr = 20;
        OK(daos_kv_list(oh, DAOS_TX_NONE, &nr, kds, &sgl, &anchor, NULL));
        assert_true(nr <= 20);
        for (i = 0; i < (int)nr; i++) {
            assert_int_equal(kds[i].kd_key_len, 7);
            snprintf(name, sizeof(name), "%.7s", p); /* nothing ends a key in the buffer */
            seen[atoi(name + 3)]++;
            p += kds[i].kd_key_len;
        }
        total += (int)nr;
        assert_true(++calls < 10 * N);
    }
    assert_int_equal(total, N);
    for (i = 0; i < N; i++)
        assert_int_equal(seen[i], 1);
    /* a key longer than the buffer says how long */
    iov.iov_buf_len = 3;
    nr = 20;
    memset(&anchor, 0, sizeof(anchor));
    FAILS(DER_KEY2BIG, daos_kv_list(oh, DAOS_TX_NONE, &nr, kds, &sgl, &anchor, NULL));
    assert_int_equal(kds[0].kd_key_len, 7);
    nr = 0;
    FAILS(DER_INVAL, daos_kv_list(oh, DAOS_TX_NONE, &nr, kds, &sgl, &anchor, NULL));
    nr = 1;
    FAILS(DER_INVAL, daos_kv_list(oh, DAOS_TX_NONE, &nr, NULL, &sgl, &anchor, NULL));
    FAILS(DER_INVAL, daos_kv_list(oh, DAOS_TX_NONE, &nr, kds, NULL, &anchor, NULL));
    OK(daos_kv_destroy(oh, DAOS_TX_NONE, NULL));
    memset(&anchor, 0, sizeof(anchor));
    iov.iov_buf_len = sizeof(buf);
    for (total = 0; !daos_anchor_is_eof(&anchor); total += (int)nr) {
        nr = 20;
        OK(daos_kv_list(oh, DAOS_TX_NONE, &nr, kds, &sgl, &anchor, NULL));
    }
    assert_int_equal(total, 0);
    OK(daos_kv_close(oh, NULL));
    free(seen);
}

/* Many at once, completed through a queue. */
static void asynchronously(void **state)
{
    enum { N = 300 };
    struct api *a = *state;
    daos_handle_t oh, eq;
    daos_event_t ev[N], *done[16], one;
    daos_size_t sizes[N];
    char name[N][24];
    int vals[N], got[N], i, n;

    OK(daos_eq_create(&eq));
    OK(daos_event_init(&one, eq, NULL));
    OK(daos_kv_open(a->coh, api_oid(a, DAOS_OT_KV_HASHED, 5), DAOS_OO_RW, &oh, &one));
    assert_int_equal(daos_eq_poll(eq, 1, DAOS_EQ_WAIT, 1, done), 1);
    for (i = 0; i < N; i++) {
        snprintf(name[i], sizeof(name[i]), "key%04d", i);
        vals[i] = i * i;
        OK(daos_event_init(&ev[i], eq, NULL));
        OK(daos_kv_put(oh, DAOS_TX_NONE, 0, name[i], sizeof(int), &vals[i], &ev[i]));
    }
    for (n = 0; n < N;) {
        int rc = daos_eq_poll(eq, 1, DAOS_EQ_WAIT, 16, done);

        assert_true(rc > 0);
        for (i = 0; i < rc; i++)
            assert_int_equal(done[i]->ev_error, 0);
        n += rc;
    }
    for (i = 0; i < N; i++) {
        sizes[i] = sizeof(int);
        OK(daos_kv_get(oh, DAOS_TX_NONE, 0, name[i], &sizes[i], &got[i], &ev[i]));
    }
    for (n = 0; n < N;)
        n += daos_eq_poll(eq, 1, DAOS_EQ_WAIT, 16, done);
    for (i = 0; i < N; i++) {
        assert_int_equal(sizes[i], sizeof(int));
        assert_int_equal(got[i], i * i);
    }
    /* an argument error is answered at once and leaves the event alone */
    FAILS(DER_INVAL, daos_kv_put(oh, DAOS_TX_NONE, 0, NULL, 1, "x", &ev[0]));
    /* one found later arrives in the event */
    OK(daos_kv_put(oh, DAOS_TX_NONE, DAOS_COND_KEY_INSERT, name[0], 1, "x", &ev[0]));
    assert_int_equal(daos_eq_poll(eq, 1, DAOS_EQ_WAIT, 16, done), 1);
    assert_int_equal(ev[0].ev_error, -DER_EXIST);
    for (i = 0; i < N; i++)
        OK(daos_event_fini(&ev[i]));
    OK(daos_event_fini(&one));
    OK(daos_kv_close(oh, NULL));
    OK(daos_eq_destroy(eq, 0));
}

API_MAIN(API_TEST(put_get_remove), API_TEST(conditions), API_TEST(bad_arguments),
         API_TEST(keys_are_listed_once_each), API_TEST(asynchronously))
