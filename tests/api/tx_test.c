/* Transactions: the state table, isolation, conflicts; and compound requests, which they are made
 * of. */
#include "api.h"
#include <tarn.h>
#include "client/compound.h"
#include "client/tx.h"
#include <pthread.h>

static daos_handle_t tx(struct api *a, uint64_t flags)
{
    daos_handle_t th;

    OK(daos_tx_open(a->coh, &th, flags, NULL));
    return th;
}

static void writes_show_at_commit_all_together(void **state)
{
    struct api *a = *state;
    daos_handle_t o1 = api_obj(a, DAOS_OT_MULTI_HASHED, 1),
                  o2 = api_obj(a, DAOS_OT_MULTI_HASHED, 2), th = tx(a, 0);
    char value[8] = "one";
    daos_key_t d = key("old");

    OK(put(o2, 0, "old", "a", "here"));
    OK(put_th(o1, th, 0, "d", "a", value));
    memset(value, 'x', sizeof(value)); /* the library has its copy */
    OK(put_th(o2, th, DAOS_COND_DKEY_INSERT, "d", "a", "two"));
    OK(daos_obj_punch_dkeys(o2, th, 0, 1, &d, NULL));
    assert_string_equal(get(o1, "d", "a"), "-");
    assert_string_equal(get_th(o1, th, 0, "d", "a"), "-"); /* own writes are not read */
    assert_string_equal(get(o2, "old", "a"), "here");
    FAILS(DER_BUSY, daos_cont_close(a->coh, NULL));
    OK(daos_tx_commit(th, NULL));
    assert_string_equal(get(o1, "d", "a"), "one");
    assert_string_equal(get(o2, "d", "a"), "two");
    assert_string_equal(get(o2, "old", "a"), "-");
    OK(daos_tx_close(th, NULL));
    OK(daos_obj_close(o1, NULL));
    OK(daos_obj_close(o2, NULL));
}

static void the_state_table(void **state)
{
    struct api *a = *state;
    daos_handle_t oh = api_obj(a, DAOS_OT_MULTI_HASHED, 1), th;
    daos_epoch_t e;

    /* open */
    th = tx(a, 0);
    FAILS(DER_UNINIT, daos_tx_hdl2epoch(th, &e));
    FAILS(DER_NO_PERM, daos_tx_restart(th, NULL));
    OK(daos_tx_commit(th, NULL)); /* nothing to do */
    /* committed */
    FAILS(DER_ALREADY, daos_tx_commit(th, NULL));
    FAILS(DER_NO_PERM, daos_tx_abort(th, NULL));
    FAILS(DER_NO_PERM, daos_tx_restart(th, NULL));
    FAILS(DER_NO_PERM, put_th(oh, th, 0, "d", "a", "1"));
    assert_string_equal(get_th(oh, th, 0, "d", "a"), "DER_NO_PERM");
    OK(daos_tx_close(th, NULL));
    /* aborted */
    th = tx(a, 0);
    OK(put_th(oh, th, 0, "d", "a", "1"));
    OK(daos_tx_abort(th, NULL));
    FAILS(DER_ALREADY, daos_tx_abort(th, NULL));
    FAILS(DER_NO_PERM, daos_tx_commit(th, NULL));
    FAILS(DER_NO_PERM, daos_tx_restart(th, NULL));
    FAILS(DER_NO_PERM, put_th(oh, th, 0, "d", "a", "1"));
    assert_string_equal(get(oh, "d", "a"), "-");
    OK(daos_tx_close(th, NULL));
    FAILS(DER_NO_HDL, daos_tx_close(th, NULL));
    FAILS(DER_NO_HDL, daos_tx_commit(th, NULL));
    FAILS(DER_INVAL, daos_tx_close(DAOS_TX_NONE, NULL));
    /* read-only */
    th = tx(a, DAOS_TF_RDONLY);
    FAILS(DER_NO_PERM, put_th(oh, th, 0, "d", "a", "1"));
    assert_string_equal(get_th(oh, th, 0, "d", "a"), "-");
    OK(daos_tx_hdl2epoch(th, &e));
    OK(daos_tx_commit(th, NULL));
    OK(daos_tx_close(th, NULL));
    FAILS(DER_INVAL, daos_tx_open(a->coh, &th, 64, NULL));
    FAILS(DER_NO_HDL, daos_tx_open(a->poh, &th, 0, NULL));
    OK(daos_obj_close(oh, NULL));
}

/* What a transaction cannot hold fails it: a commit without that operation would be half of one. */
static void too_large_is_failed(void **state)
{
    struct api *a = *state;
    daos_handle_t oh = api_obj(a, DAOS_OT_MULTI_HASHED, 1), th = tx(a, 0);
    char name[16];
    int i, rc = 0;

    for (i = 0; i < 10000 && rc == 0; i++) {
        snprintf(name, sizeof(name), "d%d", i);
        rc = put_th(oh, th, 0, name, "a", "1");
    }
    assert_int_equal(rc, -DER_OVERFLOW);
    FAILS(DER_NO_PERM, daos_tx_commit(th, NULL));
    assert_string_equal(get(oh, "d0", "a"), "-");
    OK(daos_tx_close(th, NULL));
    OK(daos_obj_close(oh, NULL));
}

/* A punch and a write of one akey in one call have no order. */
static void a_punch_and_a_write_of_one_akey(void **state)
{
    struct api *a = *state;
    daos_handle_t oh = api_obj(a, DAOS_OT_MULTI_HASHED, 1);
    daos_key_t dkey = key("d");
    daos_iod_t iods[2] = {
        {.iod_name = key("a"), .iod_type = DAOS_IOD_SINGLE, .iod_nr = 1},
        {.iod_name = key("a"), .iod_type = DAOS_IOD_SINGLE, .iod_nr = 1, .iod_size = 3}};
    d_iov_t iov;
    d_sg_list_t sgls[2] = {{0}, {.sg_nr = 1, .sg_iovs = &iov}};

    OK(put(oh, 0, "d", "a", "old"));
    d_iov_set(&iov, "new", 3);
    FAILS(DER_INVAL, daos_obj_update(oh, DAOS_TX_NONE, 0, &dkey, 2, iods, sgls, NULL));
    assert_string_equal(get(oh, "d", "a"), "old");
    OK(daos_obj_close(oh, NULL));
}

static void a_conflict_restarts(void **state)
{
    struct api *a = *state;
    daos_handle_t oh = api_obj(a, DAOS_OT_MULTI_HASHED, 1), th = tx(a, 0);

    OK(put(oh, 0, "n", "a", "1"));
    assert_string_equal(get_th(oh, th, 0, "n", "a"), "1");
    OK(put_th(oh, th, 0, "n", "a", "2"));
    OK(put(oh, 0, "n", "a", "9")); /* somebody else was faster */
    FAILS(DER_TX_RESTART, daos_tx_commit(th, NULL));
    assert_string_equal(get(oh, "n", "a"), "9");
    /* failed */
    FAILS(DER_NO_PERM, daos_tx_commit(th, NULL));
    FAILS(DER_NO_PERM, daos_tx_abort(th, NULL));
    FAILS(DER_NO_PERM, put_th(oh, th, 0, "n", "a", "3"));
    OK(daos_tx_restart(th, NULL));
    assert_string_equal(get_th(oh, th, 0, "n", "a"), "9");
    OK(put_th(oh, th, 0, "n", "a", "10"));
    OK(daos_tx_commit(th, NULL));
    assert_string_equal(get(oh, "n", "a"), "10");
    OK(daos_tx_close(th, NULL));
    OK(daos_obj_close(oh, NULL));
}

/* A condition is judged when the write is issued, as of the transaction's epoch, and a write that
 * it refuses is no part of the transaction. What was judged must hold at the commit too. */
static void conditions_hold_at_issue_and_at_commit(void **state)
{
    struct api *a = *state;
    daos_handle_t oh = api_obj(a, DAOS_OT_MULTI_HASHED, 1), th = tx(a, 0);
    daos_key_t keys[2] = {key("n"), key("none")};

    OK(put(oh, 0, "n", "a", "1"));
    OK(put_th(oh, th, 0, "m", "a", "1"));
    FAILS(DER_EXIST, put_th(oh, th, DAOS_COND_DKEY_INSERT, "n", "a", "2"));
    FAILS(DER_EXIST, put_th(oh, th, DAOS_COND_AKEY_INSERT, "n", "a", "2"));
    FAILS(DER_NONEXIST, put_th(oh, th, DAOS_COND_DKEY_UPDATE, "none", "a", "2"));
    FAILS(DER_NONEXIST, put_th(oh, th, DAOS_COND_AKEY_UPDATE, "n", "none", "2"));
    FAILS(DER_NONEXIST, put_th(oh, th, DAOS_COND_DKEY_UPDATE, "m", "a", "2")); /* its own write */
    FAILS(DER_NONEXIST, daos_obj_punch_dkeys(oh, th, DAOS_COND_PUNCH, 2, keys, NULL));
    FAILS(DER_NONEXIST, daos_obj_punch_akeys(oh, th, DAOS_COND_PUNCH, &keys[0], 1, &keys[1], NULL));
    OK(put_th(oh, th, DAOS_COND_AKEY_INSERT, "n", "b", "3"));
    OK(daos_tx_commit(th, NULL));
    OK(daos_tx_close(th, NULL));
    assert_string_equal(get(oh, "m", "a"), "1");
    assert_string_equal(get(oh, "n", "a"), "1");
    assert_string_equal(get(oh, "n", "b"), "3");

    th = tx(a, 0);
    OK(put_th(oh, th, DAOS_COND_DKEY_INSERT, "new", "a", "mine"));
    OK(put(oh, 0, "new", "a", "theirs"));
    FAILS(DER_TX_RESTART, daos_tx_commit(th, NULL));
    OK(daos_tx_restart(th, NULL));
    FAILS(DER_EXIST, put_th(oh, th, DAOS_COND_DKEY_INSERT, "new", "a", "mine"));
    OK(daos_tx_commit(th, NULL));
    OK(daos_tx_close(th, NULL));
    assert_string_equal(get(oh, "new", "a"), "theirs");
    OK(daos_obj_close(oh, NULL));
}

static int put_async(daos_handle_t oh, daos_handle_t th, const char *dkey, daos_event_t *ev)
{
    char value[1] = {'v'};
    struct one x;

    one_single(&x, dkey, "a", value, sizeof(value));
    return daos_obj_update(oh, th, DAOS_COND_DKEY_INSERT, &x.dkey, 1, &x.iod, &x.sgl, ev);
}

/* Keys and values are the library's own while an asynchronous write is judged. */
static void a_condition_of_an_asynchronous_write(void **state)
{
    struct api *a = *state;
    daos_handle_t oh = api_obj(a, DAOS_OT_MULTI_HASHED, 1), th = tx(a, 0);
    daos_event_t ev[2];
    bool over;

    OK(put(oh, 0, "there", "a", "1"));
    for (int i = 0; i < 2; i++) {
        OK(daos_event_init(&ev[i], DAOS_HDL_INVAL, NULL));
        OK(put_async(oh, th, i ? "there" : "new", &ev[i]));
    }
    for (int i = 0; i < 2; i++) {
        OK(daos_event_test(&ev[i], DAOS_EQ_WAIT, &over));
        assert_true(over);
        assert_int_equal(ev[i].ev_error, i ? -DER_EXIST : 0);
        OK(daos_event_fini(&ev[i]));
    }
    OK(daos_tx_commit(th, NULL));
    OK(daos_tx_close(th, NULL));
    assert_string_equal(get(oh, "new", "a"), "v");
    assert_string_equal(get(oh, "there", "a"), "1");
    OK(daos_obj_close(oh, NULL));
}

/* The first read, which brings the epoch, goes to the device; the others wait for it. */
static void reads_that_begin_together_read_at_one_epoch(void **state)
{
    enum { BIG = 300000, N = 8 };
    struct api *a = *state;
    daos_handle_t oh = api_obj(a, DAOS_OT_MULTI_HASHED, 1), th, eq;
    char *big = malloc(BIG), *got = calloc(1, BIG), small[N][8] = {{0}};
    daos_event_t ev[N + 1], *done[N + 1];
    struct one x, y[N];
    daos_epoch_t e;
    int i, n;

    memset(big, 'b', BIG);
    OK(daos_obj_update(oh, DAOS_TX_NONE, 0, &one_single(&x, "big", "a", big, BIG)->dkey, 1, &x.iod,
                       &x.sgl, NULL));
    OK(put(oh, 0, "d", "a", "small"));
    OK(daos_eq_create(&eq));
    for (i = 0; i <= N; i++)
        OK(daos_event_init(&ev[i], eq, NULL));
    th = tx(a, 0);
    one_single(&x, "big", "a", got, BIG);
    OK(daos_obj_fetch(oh, th, 0, &x.dkey, 1, &x.iod, &x.sgl, NULL, &ev[N]));
    for (i = 0; i < N; i++) {
        one_single(&y[i], "d", "a", small[i], sizeof(small[i]));
        y[i].iod.iod_size = DAOS_REC_ANY;
        OK(daos_obj_fetch(oh, th, 0, &y[i].dkey, 1, &y[i].iod, &y[i].sgl, NULL, &ev[i]));
    }
    assert_string_equal(get_th(oh, th, 0, "d", "a"), "small");
    for (n = 0; n < N + 1;) {
        int rc = daos_eq_poll(eq, 0, DAOS_EQ_WAIT, N + 1, done);

        assert_true(rc > 0);
        n += rc;
    }
    for (i = 0; i <= N; i++) {
        OK(ev[i].ev_error);
        OK(daos_event_fini(&ev[i]));
    }
    assert_memory_equal(got, big, BIG);
    for (i = 0; i < N; i++)
        assert_string_equal(small[i], "small");
    OK(daos_tx_hdl2epoch(th, &e));
    OK(put_th(oh, th, 0, "d", "a", "after"));
    OK(daos_tx_commit(th, NULL));
    OK(daos_tx_close(th, NULL));
    OK(daos_eq_destroy(eq, 0));
    OK(daos_obj_close(oh, NULL));
    free(big);
    free(got);
}

/* A transaction that only asked for nothing has no epoch, and what it writes depends on nothing. */
static void a_write_after_a_read_of_nothing(void **state)
{
    struct api *a = *state;
    daos_handle_t oh = api_obj(a, DAOS_OT_MULTI_HASHED, 1), th = tx(a, 0);
    daos_key_t dkey = key("d");
    daos_epoch_t e;

    OK(put(oh, 0, "d", "a", "1"));
    OK(daos_obj_fetch(oh, th, 0, &dkey, 0, NULL, NULL, NULL, NULL));
    FAILS(DER_UNINIT, daos_tx_hdl2epoch(th, &e));
    OK(put_th(oh, th, 0, "d", "a", "2"));
    OK(daos_tx_commit(th, NULL));
    assert_string_equal(get(oh, "d", "a"), "2");
    OK(daos_tx_close(th, NULL));
    OK(daos_obj_close(oh, NULL));
}

struct counter {
    struct api *a;
    int restarts;
};

/* Adds 1 to a number, many times, against others who do the same. */
static void *count_up(void *arg)
{
    struct counter *c = arg;
    daos_handle_t oh, th;
    char text[24];
    int i, rc;

    OK(daos_obj_open(c->a->coh, api_oid(c->a, DAOS_OT_MULTI_HASHED, 1), DAOS_OO_RW, &oh, NULL));
    for (i = 0; i < 30; i++) {
        OK(daos_tx_open(c->a->coh, &th, 0, NULL));
        for (;;) {
            struct one x;

            memset(text, 0, sizeof(text));
            one_single(&x, "n", "a", text, sizeof(text) - 1);
            x.iod.iod_size = DAOS_REC_ANY;
            rc = daos_obj_fetch(oh, th, 0, &x.dkey, 1, &x.iod, &x.sgl, NULL, NULL);
            if (rc == 0) {
                snprintf(text, sizeof(text), "%d", atoi(text) + 1);
                OK(put_th(oh, th, 0, "n", "a", text));
                rc = daos_tx_commit(th, NULL);
            }
            if (rc != -DER_TX_RESTART)
                break;
            c->restarts++;
            OK(daos_tx_restart(th, NULL));
        }
        OK(rc);
        OK(daos_tx_close(th, NULL));
    }
    OK(daos_obj_close(oh, NULL));
    return NULL;
}

static void nobody_loses_an_increment(void **state)
{
    enum { THREADS = 4 };
    struct api *a = *state;
    struct counter c[THREADS];
    daos_handle_t oh = api_obj(a, DAOS_OT_MULTI_HASHED, 1);
    pthread_t th[THREADS];
    int i;

    OK(put(oh, 0, "n", "a", "0"));
    for (i = 0; i < THREADS; i++) {
        c[i] = (struct counter){a, 0};
        assert_int_equal(pthread_create(&th[i], NULL, count_up, &c[i]), 0);
    }
    for (i = 0; i < THREADS; i++)
        pthread_join(th[i], NULL);
    assert_string_equal(get(oh, "n", "a"), "120");
    OK(daos_obj_close(oh, NULL));
}

/* ---- tarn_tx_run ---- */

struct runner {
    struct api *a;
    daos_handle_t oh;
    int called, rivals; /* others that write what it read */
    int answer;
    int (*end)(daos_handle_t th, daos_event_t *ev);
    bool overflow;
};

static int add_one(daos_handle_t th, void *arg)
{
    struct runner *r = arg;
    char text[24];
    int n, rc = 0;

    r->called++;
    n = atoi(get_th(r->oh, th, 0, "n", "a"));
    if (r->rivals > 0) {
        r->rivals--;
        snprintf(text, sizeof(text), "%d", n + 10);
        OK(put(r->oh, 0, "n", "a", text));
    }
    snprintf(text, sizeof(text), "%d", n + 1);
    rc = put_th(r->oh, th, 0, "n", "a", text);
    for (int i = 0; r->overflow && rc == 0; i++) {
        snprintf(text, sizeof(text), "d%d", i);
        rc = put_th(r->oh, th, 0, text, "a", "1");
    }
    if (r->end != NULL)
        OK(r->end(th, NULL));
    return r->overflow ? 0 : rc != 0 ? rc : r->answer;
}

static void run_until_it_is_through(void **state)
{
    struct api *a = *state;
    struct runner r = {.a = a, .oh = api_obj(a, DAOS_OT_MULTI_HASHED, 1), .rivals = 3};

    OK(put(r.oh, 0, "n", "a", "0"));
    OK(tarn_tx_run(a->coh, 0, add_one, &r));
    assert_int_equal(r.called, 4);
    assert_string_equal(get(r.oh, "n", "a"), "31");
    /* enough is enough */
    r.rivals = 100;
    r.called = 0;
    FAILS(DER_TX_RESTART, tx_run(a->coh, 0, add_one, &r, 5, 60000));
    assert_int_equal(r.called, 5);
    FAILS(DER_TX_RESTART, tx_run(a->coh, 0, add_one, &r, 5, 0));
    assert_int_equal(r.called, 6);
    assert_string_equal(get(r.oh, "n", "a"), "91");
    OK(daos_obj_close(r.oh, NULL));
}

static void run_answers_what_the_function_says(void **state)
{
    struct api *a = *state;
    struct runner r = {.a = a, .oh = api_obj(a, DAOS_OT_MULTI_HASHED, 1)};

    OK(put(r.oh, 0, "n", "a", "0"));
    r.answer = 7;
    assert_int_equal(tarn_tx_run(a->coh, 0, add_one, &r), 7);
    r.answer = -DER_NONEXIST;
    FAILS(DER_NONEXIST, tarn_tx_run(a->coh, 0, add_one, &r));
    r.answer = -DER_TX_RESTART; /* which it is not, so there is nothing to restart */
    FAILS(DER_TX_RESTART, tarn_tx_run(a->coh, 0, add_one, &r));
    assert_int_equal(r.called, 3);
    assert_string_equal(get(r.oh, "n", "a"), "0");
    OK(daos_obj_close(r.oh, NULL));
}

static void run_refuses(void **state)
{
    struct api *a = *state;
    struct runner r = {.a = a, .oh = api_obj(a, DAOS_OT_MULTI_HASHED, 1)};

    OK(put(r.oh, 0, "n", "a", "0"));
    FAILS(DER_INVAL, tarn_tx_run(a->coh, 0, NULL, &r));
    FAILS(DER_INVAL, tarn_tx_run(a->coh, 64, add_one, &r));
    FAILS(DER_NO_HDL, tarn_tx_run(a->poh, 0, add_one, &r));
    FAILS(DER_NO_PERM, tarn_tx_run(a->coh, DAOS_TF_RDONLY, add_one, &r));
    r.end = daos_tx_abort;
    FAILS(DER_INVAL, tarn_tx_run(a->coh, 0, add_one, &r));
    r.end = daos_tx_close;
    FAILS(DER_INVAL, tarn_tx_run(a->coh, 0, add_one, &r));
    r.end = NULL;
    r.overflow = true; /* the error is passed over */
    FAILS(DER_INVAL, tarn_tx_run(a->coh, 0, add_one, &r));
    assert_string_equal(get(r.oh, "n", "a"), "0");
    assert_string_equal(get(r.oh, "d0", "a"), "-");
    r.overflow = false;
    r.end = daos_tx_commit; /* what is done is done */
    FAILS(DER_INVAL, tarn_tx_run(a->coh, 0, add_one, &r));
    assert_string_equal(get(r.oh, "n", "a"), "1");
    OK(daos_obj_close(r.oh, NULL));
}

static void *run_often(void *arg)
{
    struct runner *r = arg;

    for (int i = 0; i < 30; i++)
        OK(tarn_tx_run(r->a->coh, i % 2 ? TARN_TF_READ_OWN : 0, add_one, r));
    return NULL;
}

static void nobody_loses_what_is_run(void **state)
{
    enum { THREADS = 4 };
    struct api *a = *state;
    struct runner r[THREADS];
    pthread_t th[THREADS];
    daos_handle_t oh = api_obj(a, DAOS_OT_MULTI_HASHED, 1);

    OK(put(oh, 0, "n", "a", "0"));
    for (int i = 0; i < THREADS; i++) {
        r[i] = (struct runner){.a = a, .oh = oh};
        assert_int_equal(pthread_create(&th[i], NULL, run_often, &r[i]), 0);
    }
    for (int i = 0; i < THREADS; i++)
        pthread_join(th[i], NULL);
    assert_string_equal(get(oh, "n", "a"), "120");
    OK(daos_obj_close(oh, NULL));
}

static void arrays_and_keys_in_a_transaction(void **state)
{
    struct api *a = *state;
    daos_handle_t kv, arr, th = tx(a, 0);
    daos_array_iod_t iod;
    daos_range_t rg = {5, 20};
    d_sg_list_t sgl;
    d_iov_t iov;
    char buf[21] = {0};
    daos_size_t size;

    OK(daos_kv_open(a->coh, api_oid(a, DAOS_OT_KV_HASHED, 1), DAOS_OO_RW, &kv, NULL));
    OK(daos_array_open_with_attr(a->coh, api_oid(a, DAOS_OT_ARRAY_BYTE, 2), DAOS_TX_NONE,
                                 DAOS_OO_RW, 1, 8, &arr, NULL));
    iod = (daos_array_iod_t){.arr_nr = 1, .arr_rgs = &rg};
    d_iov_set(&iov, (void *)"abcdefghijklmnopqrst", 20);
    sgl = (d_sg_list_t){.sg_nr = 1, .sg_iovs = &iov};
    OK(daos_array_write(arr, th, &iod, &sgl, NULL));
    OK(daos_kv_put(kv, th, 0, "k", 3, "abc", NULL));
    OK(daos_array_get_size(arr, DAOS_TX_NONE, &size, NULL));
    assert_int_equal(size, 0);
    OK(daos_tx_commit(th, NULL));
    OK(daos_tx_close(th, NULL));
    OK(daos_array_get_size(arr, DAOS_TX_NONE, &size, NULL));
    assert_int_equal(size, 25);
    d_iov_set(&iov, buf, 20);
    th = tx(a, DAOS_TF_RDONLY);
    OK(daos_array_read(arr, th, &iod, &sgl, NULL));
    assert_string_equal(buf, "abcdefghijklmnopqrst");
    size = sizeof(buf);
    OK(daos_kv_get(kv, th, 0, "k", &size, buf, NULL));
    assert_int_equal(size, 3);
    OK(daos_tx_close(th, NULL));
    OK(daos_kv_close(kv, NULL));
    OK(daos_array_close(arr, NULL));
}

static void compounds(void **state)
{
    struct api *a = *state;
    daos_handle_t oh = api_obj(a, DAOS_OT_MULTI_HASHED, 1),
                  other = api_obj(a, DAOS_OT_MULTI_HASHED, 2);
    daos_obj_id_t oid = api_oid(a, DAOS_OT_MULTI_HASHED, 1),
                  oid2 = api_oid(a, DAOS_OT_MULTI_HASHED, 2);
    daos_key_t from = key("from"), to = key("to");
    daos_epoch_t seen, at;
    struct compound *c;
    struct one x;
    char buf[16];

    OK(put(oh, 0, "from", "a", "file"));
    /* rename: what was read must not have changed, the new name must be free */
    one_single(&x, "from", "a", buf, sizeof(buf));
    x.iod.iod_size = DAOS_REC_ANY;
    OK(client_fetch_oid(a->coh, DAOS_TX_NONE, oid, DAOS_COND_DKEY_FETCH, &x.dkey, 1, &x.iod, &x.sgl,
                        &seen, NULL));
    assert_true(seen > 0);
    OK(compound_begin(a->coh, &c));
    OK(compound_check_unchanged(c, oid, &from, seen));
    OK(compound_check_absent(c, oid2, &to));
    OK(compound_punch_dkey(c, oh, DAOS_COND_PUNCH, &from));
    one_single(&x, "to", "a", (void *)"file", 4);
    OK(compound_update(c, other, DAOS_COND_DKEY_INSERT, &x.dkey, 1, &x.iod, &x.sgl));
    OK(compound_run(c, &at, NULL));
    assert_true(at > seen);
    assert_string_equal(get(oh, "from", "a"), "-");
    assert_string_equal(get(other, "to", "a"), "file");
    /* the same again: the name is taken, and nothing happens */
    FAILS(DER_TX_RESTART, compound_run(c, &at, NULL));
    compound_free(c);
    OK(compound_begin(a->coh, &c));
    OK(compound_check_absent(c, oid2, &to));
    OK(compound_punch_oid(c, oid2, 0));
    FAILS(DER_EXIST, compound_run(c, NULL, NULL));
    compound_free(c);
    OK(compound_begin(a->coh, &c));
    OK(compound_check_exists(c, oid, &from));
    FAILS(DER_NONEXIST, compound_run(c, NULL, NULL));
    compound_free(c);
    OK(compound_begin(a->coh, &c));
    OK(compound_check_empty(c, oid));
    OK(compound_run(c, NULL, NULL));
    OK(compound_check_empty(c, oid2));
    assert_int_equal(compound_run(c, NULL, NULL), COMPOUND_NOTEMPTY);
    compound_free(c);
    OK(daos_obj_close(oh, NULL));
    OK(daos_obj_close(other, NULL));
}

API_MAIN(API_TEST(writes_show_at_commit_all_together), API_TEST(the_state_table),
         API_TEST(too_large_is_failed), API_TEST(a_punch_and_a_write_of_one_akey),
         API_TEST(a_conflict_restarts), API_TEST(conditions_hold_at_issue_and_at_commit),
         API_TEST(a_condition_of_an_asynchronous_write),
         API_TEST(reads_that_begin_together_read_at_one_epoch),
         API_TEST(a_write_after_a_read_of_nothing), API_TEST(nobody_loses_an_increment),
         API_TEST(run_until_it_is_through), API_TEST(run_answers_what_the_function_says),
         API_TEST(run_refuses), API_TEST(nobody_loses_what_is_run),
         API_TEST(arrays_and_keys_in_a_transaction), API_TEST(compounds))
