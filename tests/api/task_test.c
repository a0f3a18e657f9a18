/* Operations as tasks: what daos_task.h promises, with a pool behind it. */
#include "api.h"
#include <daos_task.h>

/* A scheduler, and how to wait for all it has. */
static void run_all(tse_sched_t *sched)
{
    bool empty = false;
    int rc = 0;

    while (!empty) {
        rc = daos_progress(sched, 100000, &empty);
        assert_true(rc == 0 || rc == -DER_TIMEDOUT);
    }
    OK(rc);
}

static void *task_new(tse_sched_t *sched, daos_opc_t opc, tse_task_t *after, tse_task_t **task)
{
    static const char zero[256];
    void *args;

    OK(daos_task_create(opc, sched, after ? 1 : 0, after ? &after : NULL, task));
    args = daos_task_get_args(*task);
    assert_non_null(args);
    assert_memory_equal(args, zero, 64);
    return args;
}

/* Copies the task's result to where its data points. */
static int keep_result(tse_task_t *task, void *data)
{
    **(int **)data = task->dt_result;
    return 0;
}

static void go(tse_task_t *task, int *result)
{
    OK(tse_task_register_cbs(task, NULL, NULL, 0, keep_result, &result, sizeof(result)));
    OK(tse_task_schedule(task, false));
}

static void an_update_then_a_fetch(void **state)
{
    struct api *a = *state;
    char in[] = "value", out[8] = "";
    struct one x, y;
    int open_rc = 1, update_rc = 1, fetch_rc = 1, close_rc = 1;
    tse_task_t *open, *update, *fetch, *close;
    daos_obj_update_t *up;
    daos_obj_fetch_t *fe;
    daos_obj_open_t *op;
    daos_handle_t oh = DAOS_HDL_INVAL;
    tse_sched_t sched;

    OK(tse_sched_init(&sched, NULL, NULL));
    op = task_new(&sched, DAOS_OPC_OBJ_OPEN, NULL, &open);
    *op = (daos_obj_open_t){
        .coh = a->coh, .oid = api_oid(a, DAOS_OT_MULTI_HASHED, 1), .mode = DAOS_OO_RW, .oh = &oh};
    go(open, &open_rc);
    assert_int_equal(open_rc, 1); /* nothing happens without progress */
    run_all(&sched);
    OK(open_rc);
    assert_true(daos_handle_is_valid(oh));

    up = task_new(&sched, DAOS_OPC_OBJ_UPDATE, NULL, &update);
    one_single(&x, "d", "a", in, sizeof(in));
    *up = (daos_obj_update_t){.oh = oh, .dkey = &x.dkey, .nr = 1, .iods = &x.iod, .sgls = &x.sgl};
    fe = task_new(&sched, DAOS_OPC_OBJ_FETCH, update, &fetch);
    one_single(&y, "d", "a", out, sizeof(out));
    *fe = (daos_obj_fetch_t){.oh = oh, .dkey = &y.dkey, .nr = 1, .iods = &y.iod, .sgls = &y.sgl};
    task_new(&sched, DAOS_OPC_OBJ_CLOSE, fetch, &close);
    ((daos_obj_close_t *)daos_task_get_args(close))->oh = oh;
    go(close, &close_rc);
    go(fetch, &fetch_rc);
    go(update, &update_rc);
    run_all(&sched);
    OK(update_rc);
    OK(fetch_rc);
    OK(close_rc);
    assert_string_equal(out, "value");
    assert_int_equal(y.iod.iod_size, sizeof(in));
    tse_sched_fini(&sched);
}

static void an_error_reaches_what_waits_for_it(void **state)
{
    tse_task_t *bad, *next;
    int bad_rc = 1, next_rc = 1;
    tse_sched_t sched;
    daos_handle_t th;

    OK(tse_sched_init(&sched, NULL, NULL));
    task_new(&sched, DAOS_OPC_OBJ_CLOSE, NULL, &bad); /* of no handle */
    task_new(&sched, DAOS_OPC_TX_OPEN, bad, &next);
    *(daos_tx_open_t *)daos_task_get_args(next) =
        (daos_tx_open_t){.coh = ((struct api *)*state)->coh, .th = &th};
    go(next, &next_rc);
    go(bad, &bad_rc);
    run_all(&sched);
    FAILS(DER_NO_HDL, bad_rc);
    FAILS(DER_NO_HDL, next_rc);
    tse_sched_fini(&sched);
}

static void bad_arguments(void **state)
{
    tse_sched_t sched;
    tse_task_t *t;
    bool empty;

    (void)state;
    OK(tse_sched_init(&sched, NULL, NULL));
    FAILS(DER_INVAL, daos_task_create(DAOS_OPC_INVALID, &sched, 0, NULL, &t));
    FAILS(DER_INVAL, daos_task_create(DAOS_OPC_MAX, &sched, 0, NULL, &t));
    FAILS(DER_INVAL, daos_task_create(DAOS_OPC_OBJ_OPEN, NULL, 0, NULL, &t));
    FAILS(DER_INVAL, daos_task_create(DAOS_OPC_OBJ_OPEN, &sched, 0, NULL, NULL));
    FAILS(DER_INVAL, daos_task_create(DAOS_OPC_OBJ_OPEN, &sched, 1, NULL, &t));
    FAILS(DER_NOSYS, daos_task_create(DAOS_OPC_POOL_EXCLUDE, &sched, 0, NULL, &t));
    FAILS(DER_NOSYS, daos_task_create(DAOS_OPC_OBJ_SYNC, &sched, 0, NULL, &t));
    FAILS(DER_INVAL, daos_progress(NULL, 0, &empty));
    OK(daos_progress(&sched, 0, NULL));
    OK(daos_progress(&sched, DAOS_EQ_WAIT, &empty));
    assert_true(empty);
    OK(tse_task_create(NULL, &sched, NULL, &t));
    assert_null(daos_task_get_args(t)); /* none of ours */
    assert_null(daos_task_get_args(NULL));
    FAILS(DER_INVAL, daos_task_reset(t, DAOS_OPC_OBJ_OPEN));
    OK(tse_task_schedule(t, false));
    FAILS(DER_TIMEDOUT, daos_progress(&sched, 1000, &empty));
    assert_false(empty);
    tse_task_complete(t, 0);
    OK(daos_progress(&sched, 0, &empty));
    assert_true(empty);
    tse_sched_fini(&sched);
}

static void a_task_is_used_again(void **state)
{
    struct api *a = *state;
    daos_handle_t oh = DAOS_HDL_INVAL;
    daos_kv_put_t *put;
    daos_kv_get_t *get_args;
    daos_size_t size = 16;
    char out[16] = "";
    tse_sched_t sched;
    tse_task_t *t;
    int mine, rc = 1;

    OK(daos_kv_open(a->coh, api_oid(a, DAOS_OT_KV_HASHED, 1), DAOS_OO_RW, &oh, NULL));
    OK(tse_sched_init(&sched, NULL, NULL));
    put = task_new(&sched, DAOS_OPC_KV_PUT, NULL, &t);
    assert_null(daos_task_set_priv(t, &mine));
    assert_ptr_equal(daos_task_get_priv(t), &mine);
    *put = (daos_kv_put_t){.oh = oh, .key = "k", .buf_size = 3, .buf = "abc"};
    tse_task_addref(t);
    go(t, &rc);
    FAILS(DER_NO_PERM, daos_task_reset(t, DAOS_OPC_KV_GET)); /* it runs */
    run_all(&sched);
    OK(rc);
    FAILS(DER_INVAL, daos_task_reset(t, DAOS_OPC_MAX));
    FAILS(DER_NOSYS, daos_task_reset(t, DAOS_OPC_POOL_ADD));
    OK(daos_task_reset(t, DAOS_OPC_KV_GET));
    assert_ptr_equal(daos_task_get_priv(t), &mine);
    get_args = daos_task_get_args(t);
    assert_null(get_args->key);
    *get_args = (daos_kv_get_t){.oh = oh, .key = "k", .buf_size = &size, .buf = out};
    rc = 1;
    go(t, &rc);
    run_all(&sched);
    OK(rc);
    assert_int_equal(size, 3);
    assert_string_equal(out, "abc");
    tse_sched_fini(&sched);
    OK(daos_kv_close(oh, NULL));
}

/* As HDF5's connector works: containers, transactions, punches, listings, all as tasks. */
static void a_life_of_tasks(void **state)
{
    struct api *a = *state;
    int rc[8] = {1, 1, 1, 1, 1, 1, 1, 1};
    daos_handle_t oh = api_obj(a, DAOS_OT_MULTI_HASHED, 5), th = DAOS_HDL_INVAL, coh;
    daos_handle_t array = DAOS_HDL_INVAL;
    daos_cont_info_t info = {0};
    daos_size_t bytes = 0;
    daos_anchor_t anchor = {0};
    daos_key_desc_t kds[4];
    char keys[64], text[] = "x", akey[] = "a";
    d_sg_list_t sgl = {.sg_nr = 1};
    uint32_t nr = 4;
    uint64_t oid = 0;
    d_iov_t iov, ak;
    tse_sched_t sched;
    tse_task_t *t, *dep;
    struct one x;

    OK(tse_sched_init(&sched, NULL, NULL));
    *(daos_tx_open_t *)task_new(&sched, DAOS_OPC_TX_OPEN, NULL, &t) =
        (daos_tx_open_t){.coh = a->coh, .th = &th};
    go(t, &rc[0]);
    *(daos_cont_alloc_oids_t *)task_new(&sched, DAOS_OPC_CONT_ALLOC_OIDS, NULL, &t) =
        (daos_cont_alloc_oids_t){.coh = a->coh, .num_oids = 8, .oid = &oid};
    go(t, &rc[1]);
    *(daos_cont_open_t *)task_new(&sched, DAOS_OPC_CONT_OPEN, NULL, &t) = (daos_cont_open_t){
        .poh = a->poh, .cont = a->label, .flags = DAOS_COO_RO, .coh = &coh, .info = &info};
    go(t, &rc[2]);
    run_all(&sched);
    OK(rc[0]);
    OK(rc[1]);
    OK(rc[2]);

    one_single(&x, "d", "a", text, 1);
    *(daos_obj_update_t *)task_new(&sched, DAOS_OPC_OBJ_UPDATE, NULL, &dep) = (daos_obj_update_t){
        .oh = oh, .th = th, .dkey = &x.dkey, .nr = 1, .iods = &x.iod, .sgls = &x.sgl};
    ((daos_tx_commit_t *)task_new(&sched, DAOS_OPC_TX_COMMIT, dep, &t))->th = th;
    go(t, &rc[3]);
    go(dep, &rc[4]);
    run_all(&sched);
    OK(rc[3]);
    OK(rc[4]);
    assert_string_equal(get(oh, "d", "a"), "x");

    d_iov_set(&iov, keys, sizeof(keys));
    sgl.sg_iovs = &iov;
    *(daos_obj_list_t *)task_new(&sched, DAOS_OPC_OBJ_LIST_DKEY, NULL, &dep) =
        (daos_obj_list_t){.oh = oh, .nr = &nr, .kds = kds, .sgl = &sgl, .dkey_anchor = &anchor};
    d_iov_set(&ak, akey, 1);
    *(daos_obj_punch_t *)task_new(&sched, DAOS_OPC_OBJ_PUNCH_AKEYS, dep, &t) =
        (daos_obj_punch_t){.oh = oh, .dkey = &x.dkey, .akeys = &ak, .akey_nr = 1};
    go(dep, &rc[5]);
    go(t, &rc[6]);
    run_all(&sched);
    OK(rc[5]);
    OK(rc[6]);
    assert_int_equal(nr, 1);
    assert_int_equal(kds[0].kd_key_len, 1);
    assert_int_equal(keys[0], 'd');
    assert_string_equal(get(oh, "d", "a"), "-");

    *(daos_array_create_t *)task_new(&sched, DAOS_OPC_ARRAY_CREATE, NULL, &dep) =
        (daos_array_create_t){.coh = a->coh,
                              .oid = api_oid(a, DAOS_OT_ARRAY, 9),
                              .cell_size = 1,
                              .chunk_size = 4096,
                              .oh = &array};
    go(dep, &rc[7]);
    run_all(&sched);
    OK(rc[7]);
    *(daos_array_set_size_t *)task_new(&sched, DAOS_OPC_ARRAY_SET_SIZE, NULL, &dep) =
        (daos_array_set_size_t){.oh = array, .size = 77};
    *(daos_array_get_size_t *)task_new(&sched, DAOS_OPC_ARRAY_GET_SIZE, dep, &t) =
        (daos_array_get_size_t){.oh = array, .size = &bytes};
    go(t, &rc[0]);
    go(dep, &rc[1]);
    ((daos_tx_close_t *)task_new(&sched, DAOS_OPC_TX_CLOSE, NULL, &t))->th = th;
    go(t, &rc[2]);
    ((daos_cont_close_t *)task_new(&sched, DAOS_OPC_CONT_CLOSE, NULL, &t))->coh = coh;
    go(t, &rc[3]);
    run_all(&sched);
    OK(rc[0] | rc[1] | rc[2] | rc[3]);
    assert_int_equal(bytes, 77);
    tse_sched_fini(&sched);
    OK(daos_array_close(array, NULL));
    OK(daos_obj_close(oh, NULL));
}

static void a_pool_by_uuid(void **state)
{
    struct api *a = *state;
    daos_handle_t poh = DAOS_HDL_INVAL;
    daos_pool_connect_t *c;
    tse_sched_t sched;
    tse_task_t *t;
    int rc = 1;

    OK(tse_sched_init(&sched, NULL, NULL));
    c = task_new(&sched, DAOS_OPC_POOL_CONNECT, NULL, &t);
    *c = (daos_pool_connect_t){.pool = a->path, .flags = DAOS_PC_RO, .poh = &poh};
    go(t, &rc);
    run_all(&sched);
    OK(rc);
    ((daos_pool_disconnect_t *)task_new(&sched, DAOS_OPC_POOL_DISCONNECT, NULL, &t))->poh = poh;
    go(t, &rc);
    run_all(&sched);
    OK(rc);
    /* no text: the UUID counts, and this one is nobody's */
    c = task_new(&sched, DAOS_OPC_POOL_CONNECT, NULL, &t);
    *c = (daos_pool_connect_t){.uuid = {1, 2}, .flags = DAOS_PC_RO, .poh = &poh};
    go(t, &rc);
    run_all(&sched);
    FAILS(DER_NONEXIST, rc);
    tse_sched_fini(&sched);
}

API_MAIN(API_TEST(an_update_then_a_fetch), API_TEST(an_error_reaches_what_waits_for_it),
         API_TEST(bad_arguments), API_TEST(a_task_is_used_again), API_TEST(a_life_of_tasks),
         API_TEST(a_pool_by_uuid))
