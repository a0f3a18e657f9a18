/*
 * Memory runs out at every allocation in turn, the engine's in this process included: each call
 * either works or answers -DER_NOMEM and has changed nothing, nothing leaks (the sanitizer build
 * sees to that), and the next call works.
 */
#include "api.h"
#include <tarn.h>
#include "base/fail.h"

struct story {
    struct api *a;
    daos_handle_t oh, kv, arr, eq, rival;
    int n; /* of the attempt */
};

static int updates(struct story *s)
{
    return put(s->oh, 0, "d", "a", "value");
}

static int fetches(struct story *s)
{
    char buf[16];
    struct one x;

    one_single(&x, "d", "a", buf, sizeof(buf));
    x.iod.iod_size = DAOS_REC_ANY;
    return daos_obj_fetch(s->oh, DAOS_TX_NONE, 0, &x.dkey, 1, &x.iod, &x.sgl, NULL, NULL);
}

static int key_values(struct story *s)
{
    daos_size_t size = 8;
    char buf[8];
    int rc;

    rc = daos_kv_put(s->kv, DAOS_TX_NONE, 0, "k", 3, "abc", NULL);
    return rc ? rc : daos_kv_get(s->kv, DAOS_TX_NONE, 0, "k", &size, buf, NULL);
}

/* Several chunks: a plan of requests. */
static int arrays(struct story *s)
{
    daos_array_iod_t iod = {.arr_nr = 1, .arr_rgs = &(daos_range_t){5, 40}};
    char buf[40] = "0123456789";
    d_sg_list_t sgl;
    d_iov_t iov;
    int rc;

    d_iov_set(&iov, buf, sizeof(buf));
    sgl = (d_sg_list_t){.sg_nr = 1, .sg_iovs = &iov};
    rc = daos_array_write(s->arr, DAOS_TX_NONE, &iod, &sgl, NULL);
    return rc ? rc : daos_array_read(s->arr, DAOS_TX_NONE, &iod, &sgl, NULL);
}

/* One that could not be created is not there. */
static int new_arrays(struct story *s)
{
    daos_obj_id_t oid = api_oid(s->a, DAOS_OT_ARRAY, 100 + (uint32_t)s->n++);
    daos_handle_t arr;
    int rc = daos_array_create(s->a->coh, oid, DAOS_TX_NONE, 1, 8, &arr, NULL), again;

    base_fail_set(NULL);
    if (rc != 0) {
        again = daos_array_create(s->a->coh, oid, DAOS_TX_NONE, 1, 8, &arr, NULL);
        if (again != 0)
            fail_msg("an array that was not created (%s) cannot be created: %s", d_errstr(rc),
                     d_errstr(again));
    }
    OK(daos_array_close(arr, NULL));
    return rc;
}

static int in_the_background(struct story *s)
{
    daos_event_t ev, *done;
    struct one x;
    int rc;

    OK(daos_event_init(&ev, s->eq, NULL));
    one_single(&x, "d", "b", (void *)"1", 1);
    rc = daos_obj_update(s->oh, DAOS_TX_NONE, 0, &x.dkey, 1, &x.iod, &x.sgl, &ev);
    if (rc == 0) {
        assert_int_equal(daos_eq_poll(s->eq, 1, DAOS_EQ_WAIT, 1, &done), 1);
        rc = ev.ev_error;
    }
    OK(daos_event_fini(&ev));
    return rc;
}

static int handles(struct story *s)
{
    daos_handle_t coh, oh;
    int rc;

    rc = daos_cont_open(s->a->poh, s->a->label, DAOS_COO_RO, &coh, NULL, NULL);
    if (rc)
        return rc;
    rc = daos_obj_open(coh, api_oid(s->a, DAOS_OT_MULTI_HASHED, 9), DAOS_OO_RO, &oh, NULL);
    if (rc == 0)
        OK(daos_obj_close(oh, NULL));
    /* a close that failed for want of memory is tried again */
    while (daos_cont_close(coh, NULL) == -DER_NOMEM)
        continue;
    return rc;
}

/* One that could not be opened has closed no other. */
static int evictions(struct story *s)
{
    daos_handle_t coh;
    int rc = daos_cont_open(s->a->poh, "rivals", DAOS_COO_RW | DAOS_COO_EVICT, &coh, NULL, NULL);

    base_fail_set(NULL);
    assert_int_equal(daos_cont_query(s->rival, NULL, NULL, NULL), rc == 0 ? -DER_NO_HDL : 0);
    if (rc == 0) {
        OK(daos_cont_close(s->rival, NULL));
        s->rival = coh;
    }
    return rc;
}

static int properties(struct story *s)
{
    daos_prop_t *prop = NULL;
    int rc = daos_cont_get_acl(s->a->coh, &prop, NULL);

    if (rc == 0)
        daos_prop_free(prop);
    return rc;
}

static int attributes(struct story *s)
{
    const char *name = "name";
    const void *value = "value";
    size_t size = 5;
    int rc;

    rc = daos_cont_set_attr(s->a->coh, 1, &name, &value, &size, NULL);
    return rc ? rc : daos_cont_get_attr(s->a->coh, 1, &name, NULL, &size, NULL);
}

static int transactions(struct story *s)
{
    daos_handle_t th;
    int rc;

    rc = daos_tx_open(s->a->coh, &th, 0, NULL);
    if (rc)
        return rc;
    rc = put_th(s->oh, th, 0, "t1", "a", "1");
    if (rc == 0)
        rc = put_th(s->oh, th, 0, "t2", "a", "2");
    if (rc == 0)
        rc = daos_tx_commit(th, NULL);
    OK(daos_tx_close(th, NULL));
    return rc;
}

/* Every kind of read that merges what was written with what is there. */
static int read_own(daos_handle_t th, void *arg)
{
    struct story *s = arg;
    daos_key_desc_t kds[8];
    daos_anchor_t anchor = {0};
    daos_size_t size;
    daos_range_t rg = {2, 8};
    daos_array_iod_t iod = {.arr_nr = 1, .arr_rgs = &rg};
    char buf[64];
    uint32_t nr = 8;
    d_iov_t iov;
    d_sg_list_t sgl = {.sg_nr = 1, .sg_iovs = &iov};
    daos_key_t t1 = key("t1"), akey = key("a");
    int rc;

    rc = put_th(s->oh, th, DAOS_COND_AKEY_INSERT, "t1", "own", "1");
    if (rc == 0)
        rc = daos_obj_punch_akeys(s->oh, th, 0, &t1, 1, &akey, NULL);
    if (rc == 0 && strcmp(get_th(s->oh, th, DAOS_COND_DKEY_FETCH, "t1", "a"), "-") != 0)
        rc = -DER_NOMEM; /* the only error that run() lets pass */
    d_iov_set(&iov, buf, sizeof(buf));
    if (rc == 0)
        rc = daos_obj_list_dkey(s->oh, th, &nr, kds, &sgl, &anchor, NULL);
    d_iov_set(&iov, buf, 8);
    if (rc == 0)
        rc = daos_array_write(s->arr, th, &iod, &sgl, NULL);
    if (rc == 0)
        rc = daos_array_read(s->arr, th, &iod, &sgl, NULL);
    if (rc == 0)
        rc = daos_array_get_size(s->arr, th, &size, NULL);
    t1 = key("own");
    akey = key("t1");
    if (rc == 0) /* that the next one finds it as this one did */
        rc = daos_obj_punch_akeys(s->oh, th, 0, &akey, 1, &t1, NULL);
    return rc;
}

static int own_transactions(struct story *s)
{
    return tarn_tx_run(s->a->coh, TARN_TF_READ_OWN, read_own, s);
}

static void run(struct story *s, const char *name, int (*tell)(struct story *s))
{
    uint64_t at;
    int rc = -1, refused = 0;

    OK(tell(s));
    for (at = 1; at < 2000; at++) {
        struct base_fail f = {.fail_at = at};

        base_fail_set(&f);
        rc = tell(s);
        base_fail_set(NULL);
        if (rc != 0 && rc != -DER_NOMEM)
            fail_msg("%s: allocation %d refused: %s", name, (int)at, d_errstr(rc));
        refused += rc != 0;
        if (f.failed == 0)
            break;
    }
    OK(rc);
    OK(tell(s));
    (void)refused;
}

static void every_allocation_in_turn(void **state)
{
    struct api *a = *state;
    struct story s = {.a = a};

    s.oh = api_obj(a, DAOS_OT_MULTI_HASHED, 1);
    OK(daos_kv_open(a->coh, api_oid(a, DAOS_OT_KV_HASHED, 2), DAOS_OO_RW, &s.kv, NULL));
    OK(daos_array_open_with_attr(a->coh, api_oid(a, DAOS_OT_ARRAY_BYTE, 3), DAOS_TX_NONE,
                                 DAOS_OO_RW, 1, 8, &s.arr, NULL));
    OK(daos_cont_create_with_label(a->poh, "rivals", NULL, NULL, NULL));
    OK(daos_cont_open(a->poh, "rivals", DAOS_COO_RW, &s.rival, NULL, NULL));
    OK(daos_eq_create(&s.eq));
    run(&s, "update", updates);
    run(&s, "fetch", fetches);
    run(&s, "key-value", key_values);
    run(&s, "array", arrays);
    run(&s, "new array", new_arrays);
    run(&s, "event", in_the_background);
    run(&s, "handles", handles);
    run(&s, "eviction", evictions);
    run(&s, "properties", properties);
    run(&s, "attributes", attributes);
    run(&s, "transaction", transactions);
    run(&s, "transaction that reads what it writes", own_transactions);
    assert_string_equal(get(s.oh, "d", "a"), "value");
    assert_string_equal(get(s.oh, "t2", "a"), "2");
    OK(daos_cont_close(s.rival, NULL));
    OK(daos_cont_destroy(a->poh, "rivals", 0, NULL));
    OK(daos_eq_destroy(s.eq, 0));
    OK(daos_array_close(s.arr, NULL));
    OK(daos_kv_close(s.kv, NULL));
    OK(daos_obj_close(s.oh, NULL));
}

API_MAIN(API_TEST(every_allocation_in_turn))
