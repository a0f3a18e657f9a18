/*
 * Bad arguments, for every function of the API that takes a handle: no handle, one that was closed,
 * one of another kind, one that never was; then no memory to answer into. The documented error is
 * the answer, directly or in the event, and nothing has changed. Before daos_init() and after
 * daos_fini() all of them fail as well.
 */
#include "calls.h"
#include "dfs_api.h"
#include <daos_fs_sys.h>
#include <daos_pipeline.h>
#include <daos_task.h>

static void all_answer(const struct call *calls, daos_handle_t h, int expected, const char *what)
{
    int bad = 0, event, rc;

    for (; calls->fn != NULL; calls++) {
        for (event = 0; event <= calls->takes_event; event++) {
            rc = answer(calls, h, event);
            if (rc == expected)
                continue;
            print_error("daos_%s of %s%s: %d, expected %d\n", calls->name, what,
                        event ? ", with an event" : "", rc, expected);
            bad++;
        }
    }
    assert_int_equal(bad, 0);
}

static void never_a_handle(const struct call *calls)
{
    all_answer(calls, DAOS_HDL_INVAL, -DER_NO_HDL, "no handle");
    all_answer(calls, (daos_handle_t){UINT64_MAX}, -DER_NO_HDL, "all ones");
    all_answer(calls, (daos_handle_t){0x123456789abcull}, -DER_NO_HDL, "what never was one");
}

static void pools(void **state)
{
    struct api *a = *state;
    daos_handle_t closed;

    OK(daos_pool_connect(a->path, NULL, DAOS_PC_RO, &closed, NULL, NULL));
    OK(daos_pool_disconnect(closed, NULL));
    never_a_handle(pool_calls);
    all_answer(pool_calls, closed, -DER_NO_HDL, "a closed pool");
    all_answer(pool_calls, a->coh, -DER_NO_HDL, "a container");
}

static void containers(void **state)
{
    struct api *a = *state;
    daos_handle_t closed, eq;

    OK(daos_cont_open(a->poh, a->label, DAOS_COO_RO, &closed, NULL, NULL));
    OK(daos_cont_close(closed, NULL));
    OK(daos_eq_create(&eq));
    never_a_handle(cont_calls);
    all_answer(cont_calls, closed, -DER_NO_HDL, "a closed container");
    all_answer(cont_calls, a->poh, -DER_NO_HDL, "a pool");
    all_answer(cont_calls, eq, -DER_NO_HDL, "an event queue");
    OK(daos_eq_destroy(eq, 0));
}

static void objects(void **state)
{
    struct api *a = *state;
    daos_handle_t obj = api_obj(a, DAOS_OT_MULTI_HASHED, 1), kv, array, closed_kv, closed_array,
                  closed = api_obj(a, DAOS_OT_MULTI_HASHED, 2);
    daos_obj_id_t of_kv = api_oid(a, DAOS_OT_KV_HASHED, 3), of_array = api_oid(a, DAOS_OT_ARRAY, 4);

    some_cont = a->coh;
    OK(daos_kv_open(a->coh, of_kv, DAOS_OO_RW, &kv, NULL));
    OK(daos_kv_open(a->coh, of_kv, DAOS_OO_RW, &closed_kv, NULL));
    OK(daos_array_create(a->coh, of_array, DAOS_TX_NONE, 1, 64, &array, NULL));
    closed_array = array;
    OK(daos_array_close(array, NULL));
    OK(daos_array_open(a->coh, of_array, DAOS_TX_NONE, DAOS_OO_RW, &x.cell, &x.size, &array, NULL));
    OK(daos_obj_close(closed, NULL));
    OK(daos_kv_close(closed_kv, NULL));

    never_a_handle(obj_calls);
    all_answer(obj_calls, closed, -DER_NO_HDL, "a closed object");
    all_answer(obj_calls, a->coh, -DER_NO_HDL, "a container");
    all_answer(obj_calls, array, -DER_NO_HDL, "an array");
    never_a_handle(kv_calls);
    all_answer(kv_calls, closed_kv, -DER_NO_HDL, "a closed key-value object");
    all_answer(kv_calls, obj, -DER_NO_HDL, "an object");
    never_a_handle(array_calls);
    all_answer(array_calls, closed_array, -DER_NO_HDL, "a closed array");
    all_answer(array_calls, kv, -DER_NO_HDL, "a key-value object");

    OK(daos_array_close(array, NULL));
    OK(daos_kv_close(kv, NULL));
    OK(daos_obj_close(obj, NULL));
}

static void transactions(void **state)
{
    struct api *a = *state;
    daos_handle_t closed;

    some_obj = api_obj(a, DAOS_OT_MULTI_HASHED, 1);
    OK(daos_tx_open(a->coh, &closed, 0, NULL));
    OK(daos_tx_close(closed, NULL));
    all_answer(tx_calls, DAOS_TX_NONE, -DER_INVAL, "no transaction");
    all_answer(tx_calls, closed, -DER_NO_HDL, "a closed transaction");
    all_answer(tx_calls, some_obj, -DER_NO_HDL, "an object");
    all_answer(in_tx_calls, closed, -DER_NO_HDL, "a closed transaction");
    all_answer(in_tx_calls, a->coh, -DER_NO_HDL, "a container");
    OK(daos_obj_close(some_obj, NULL));
}

/* ---- No memory to answer into ---- */

#define NULL_CALLS(X)                                                                              \
    X(pool_connect, daos_pool_connect(NULL, NULL, DAOS_PC_RO, &x.out, NULL, NULL))                 \
    X(pool_connect_out, daos_pool_connect("p", NULL, DAOS_PC_RO, NULL, NULL, NULL))                \
    X(pool_connect_flags, daos_pool_connect("p", NULL, 0, &x.out, NULL, NULL))                     \
    X(pool_connect_both,                                                                           \
      daos_pool_connect("p", NULL, DAOS_PC_RO | DAOS_PC_RW, &x.out, NULL, NULL))                   \
    X(pool_global2local, daos_pool_global2local((d_iov_t){NULL, 0, 0}, &x.out))                    \
    X(pool_local2global, daos_pool_local2global(p, NULL))                                          \
    X(pool_query_target, daos_pool_query_target(p, 0, 0, NULL, NULL))                              \
    X(pool_list_attr, daos_pool_list_attr(p, x.buf, NULL, NULL))                                   \
    X(pool_get_attr, daos_pool_get_attr(p, 1, NULL, x.buffers, x.sizes, NULL))                     \
    X(pool_get_attr_n, daos_pool_get_attr(p, 0, x.names, x.buffers, x.sizes, NULL))                \
    X(pool_set_attr, daos_pool_set_attr(p, 1, x.names, NULL, x.sizes, NULL))                       \
    X(pool_set_attr_n, daos_pool_set_attr(p, -1, x.names, x.values, x.sizes, NULL))                \
    X(pool_del_attr, daos_pool_del_attr(p, 1, NULL, NULL))                                         \
    X(pool_list_cont, daos_pool_list_cont(p, NULL, NULL, NULL))                                    \
    X(pool_filter_cont, daos_pool_filter_cont(p, &x.filter, NULL, NULL, NULL))                     \
    X(cont_create_label, daos_cont_create_with_label(p, NULL, NULL, NULL, NULL))                   \
    X(cont_create_bad, daos_cont_create_with_label(p, "not / allowed", NULL, NULL, NULL))          \
    X(cont_open, daos_cont_open(p, NULL, DAOS_COO_RW, &x.out, NULL, NULL))                         \
    X(cont_open_out, daos_cont_open(p, a->label, DAOS_COO_RW, NULL, NULL, NULL))                   \
    X(cont_open_flags, daos_cont_open(p, a->label, 0, &x.out, NULL, NULL))                         \
    X(cont_open_evict,                                                                             \
      daos_cont_open(p, a->label, DAOS_COO_EX | DAOS_COO_EVICT, &x.out, NULL, NULL))               \
    X(cont_destroy, daos_cont_destroy(p, NULL, 0, NULL))                                           \
    X(cont_global2local, daos_cont_global2local(p, (d_iov_t){NULL, 0, 0}, &x.out))                 \
    X(cont_local2global, daos_cont_local2global(c, NULL))                                          \
    X(cont_get_acl, daos_cont_get_acl(c, NULL, NULL))                                              \
    X(cont_set_prop, daos_cont_set_prop(c, NULL, NULL))                                            \
    X(cont_overwrite_acl, daos_cont_overwrite_acl(c, NULL, NULL))                                  \
    X(cont_update_acl, daos_cont_update_acl(c, NULL, NULL))                                        \
    X(cont_delete_acl, daos_cont_delete_acl(c, DAOS_ACL_USER, NULL, NULL))                         \
    X(cont_set_owner, daos_cont_set_owner(c, NULL, NULL, NULL))                                    \
    X(cont_list_attr, daos_cont_list_attr(c, x.buf, NULL, NULL))                                   \
    X(cont_get_attr, daos_cont_get_attr(c, 1, x.names, x.buffers, NULL, NULL))                     \
    X(cont_set_attr, daos_cont_set_attr(c, 1, NULL, x.values, x.sizes, NULL))                      \
    X(cont_alloc_oids, daos_cont_alloc_oids(c, 1, NULL, NULL))                                     \
    X(cont_alloc_oids_0, daos_cont_alloc_oids(c, 0, &x.number, NULL))                              \
    X(cont_aggregate, daos_cont_aggregate(c, DAOS_EPOCH_MAX, NULL))                                \
    X(cont_create_snap, daos_cont_create_snap(c, NULL, NULL, NULL))                                \
    X(cont_create_snap_opt, daos_cont_create_snap_opt(c, &x.epoch, NULL, DAOS_SNAP_OPT_OIT, NULL)) \
    X(cont_list_snap, daos_cont_list_snap(c, NULL, NULL, NULL, &x.anchor, NULL))                   \
    X(cont_destroy_snap, daos_cont_destroy_snap(c, (daos_epoch_range_t){5, 6}, NULL))              \
    X(cont_destroy_snap_0, daos_cont_destroy_snap(c, (daos_epoch_range_t){0, 0}, NULL))            \
    X(tx_open, daos_tx_open(c, NULL, 0, NULL))                                                     \
    X(tx_open_flags, daos_tx_open(c, &x.out, 0x100, NULL))                                         \
    X(tx_open_snap, daos_tx_open_snap(c, 0, &x.out, NULL))                                         \
    X(oit_open, daos_oit_open(c, 0, &x.out, NULL))                                                 \
    X(obj_generate_oid, daos_obj_generate_oid(c, NULL, 0, 0, 0, 0))                                \
    X(obj_generate_type, daos_obj_generate_oid(c, &x.oid, DAOS_OT_MAX + 1, 0, 0, 0))               \
    X(obj_open, daos_obj_open(c, api_oid(a, 0, 1), DAOS_OO_RW, NULL, NULL))                        \
    X(obj_fetch, daos_obj_fetch(o, DAOS_TX_NONE, 0, NULL, 1, &x.io.iod, &x.io.sgl, NULL, NULL))    \
    X(obj_fetch_iods, daos_obj_fetch(o, DAOS_TX_NONE, 0, &x.io.dkey, 1, NULL, NULL, NULL, NULL))   \
    X(obj_update, daos_obj_update(o, DAOS_TX_NONE, 0, &x.io.dkey, 1, &x.io.iod, NULL, NULL))       \
    X(obj_update_cond, daos_obj_update(o, DAOS_TX_NONE, DAOS_COND_PUNCH, &x.io.dkey, 1, &x.io.iod, \
                                       &x.io.sgl, NULL))                                           \
    X(obj_punch_dkeys, daos_obj_punch_dkeys(o, DAOS_TX_NONE, 0, 1, NULL, NULL))                    \
    X(obj_punch_akeys, daos_obj_punch_akeys(o, DAOS_TX_NONE, 0, &x.io.dkey, 1, NULL, NULL))        \
    X(obj_list_dkey, daos_obj_list_dkey(o, DAOS_TX_NONE, NULL, x.kds, &x.sgl, &x.anchor, NULL))    \
    X(obj_list_anchor, daos_obj_list_dkey(o, DAOS_TX_NONE, &x.nr, x.kds, &x.sgl, NULL, NULL))      \
    X(obj_list_akey,                                                                               \
      daos_obj_list_akey(o, DAOS_TX_NONE, NULL, &x.nr, x.kds, &x.sgl, &x.anchor, NULL))            \
    X(obj_list_recx, daos_obj_list_recx(o, DAOS_TX_NONE, &x.io.dkey, NULL, &x.size, &x.nr,         \
                                        &x.recx, &x.epr, &x.anchor, true, NULL))                   \
    X(obj_query_key,                                                                               \
      daos_obj_query_key(o, DAOS_TX_NONE, DAOS_GET_MAX | DAOS_GET_MIN, &x.iov, NULL, NULL, NULL))  \
    X(obj_query_max_epoch, daos_obj_query_max_epoch(o, DAOS_TX_NONE, NULL, NULL))                  \
    X(obj_anchor_split, daos_obj_anchor_split(o, NULL, NULL))                                      \
    X(obj_anchor_set, daos_obj_anchor_set(o, 9999, &x.anchor))                                     \
    X(kv_open, daos_kv_open(c, api_oid(a, DAOS_OT_MULTI_HASHED, 1), DAOS_OO_RW, &x.out, NULL))     \
    X(array_create,                                                                                \
      daos_array_create(c, api_oid(a, DAOS_OT_ARRAY, 1), DAOS_TX_NONE, 0, 64, &x.out, NULL))       \
    X(array_create_chunk,                                                                          \
      daos_array_create(c, api_oid(a, DAOS_OT_ARRAY, 1), DAOS_TX_NONE, 1, 0, &x.out, NULL))        \
    X(array_open, daos_array_open(c, api_oid(a, DAOS_OT_KV_HASHED, 1), DAOS_TX_NONE, DAOS_OO_RW,   \
                                  &x.cell, &x.size, &x.out, NULL))                                 \
    X(eq_create, daos_eq_create(NULL))                                                             \
    X(event_init, daos_event_init(NULL, DAOS_HDL_INVAL, NULL))                                     \
    X(event_test, daos_event_test(NULL, 0, &flag))                                                 \
    X(mgmt_list_pools, daos_mgmt_list_pools(NULL, NULL, NULL, NULL))                               \
    X(mgmt_get_sys_info, daos_mgmt_get_sys_info(NULL, NULL))                                       \
    X(mgmt_get_bs_state, daos_mgmt_get_bs_state(NULL, NULL, &x.count, NULL))                       \
    X(debug_set_params, daos_debug_set_params(NULL, 0, DMG_KEY_NUM, 0, 0, NULL))                   \
    X(debug_add_mark, daos_debug_add_mark(NULL))                                                   \
    X(srv_version, dc_mgmt_srv_version(NULL, NULL, NULL, NULL))

static void what_no_answer_can_be_given_to(void **state)
{
    struct api *a = *state;
    daos_handle_t p = a->poh, c = a->coh, o = api_obj(a, DAOS_OT_MULTI_HASHED, 1);
    bool flag;
    int rc, bad = 0;

#define TRY(name, expr)                                                                            \
    args_reset();                                                                                  \
    rc = expr;                                                                                     \
    if (rc != -DER_INVAL) {                                                                        \
        print_error("daos_%s: %d, expected %d\n", #name, rc, -DER_INVAL);                          \
        bad++;                                                                                     \
    }
    NULL_CALLS(TRY)
#undef TRY
    OK(daos_obj_close(o, NULL));
    assert_int_equal(bad, 0);
}

/* What says that it is not there. */
static void not_there(void **state)
{
    struct api *a = *state;
    daos_handle_t o = api_obj(a, DAOS_OT_MULTI_HASHED, 1);
    daos_pipeline_t pipe;
    daos_filter_part_t part = {.num_operands = 1}, leaf = {0};
    daos_filter_t filter, none;

    args_reset();
    FAILS(DER_NOSYS, daos_cont_subscribe(a->coh, &x.epoch, NULL));
    FAILS(DER_NOSYS, daos_cont_create_snap(a->coh, &x.epoch, (char *)"name", NULL));
    FAILS(DER_NOSYS, daos_obj_query(o, &x.obj_attr, NULL, NULL));
    FAILS(DER_NOSYS, daos_obj_register_class(a->coh, OC_SX, &x.class_attr, NULL));
    FAILS(DER_NOSYS, daos_obj_query_class(a->coh, OC_SX, &x.class_attr, NULL));
    FAILS(DER_NOSYS, daos_obj_list_class(a->coh, &x.class_list, &x.anchor, NULL));
    FAILS(DER_NOSYS, daos_debug_set_params(NULL, 0, DMG_KEY_FAIL_LOC, 0, 0, NULL));
    FAILS(DER_NONEXIST, daos_mgmt_get_bs_state(NULL, x.uuid, &x.count, NULL));
    FAILS(DER_NOSYS, daos_cont_snap_oit_create(a->coh, 5, (char *)"name", NULL));

    daos_pipeline_init(&pipe);
    daos_filter_init(&filter);
    daos_filter_init(&none);
    FAILS(DER_INVAL, daos_pipeline_add(&pipe, &none));
    FAILS(DER_INVAL, daos_pipeline_add(&pipe, NULL));
    FAILS(DER_INVAL, daos_filter_add(&filter, NULL));
    d_iov_set(&filter.filter_type, (void *)"DAOS_FILTER_CONDITION", 21);
    d_iov_set(&part.part_type, (void *)"DAOS_FILTER_FUNC_ISNULL", 23);
    d_iov_set(&leaf.part_type, (void *)"DAOS_FILTER_AKEY", 16);
    OK(daos_filter_add(&filter, &part));
    OK(daos_pipeline_add(&pipe, &filter));
    FAILS(DER_INVAL, daos_pipeline_check(&pipe)); /* an operand is missing */
    OK(daos_filter_add(&filter, &leaf));
    OK(daos_pipeline_check(&pipe));
    FAILS(DER_NOSYS, daos_pipeline_run(a->coh, o, &pipe, DAOS_TX_NONE, 0, NULL, &x.nr, NULL,
                                       &x.anchor, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL));
    FAILS(DER_NO_HDL, daos_pipeline_run(a->coh, a->poh, &pipe, DAOS_TX_NONE, 0, NULL, &x.nr, NULL,
                                        &x.anchor, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL));
    OK(daos_pipeline_free(&pipe));
    FAILS(DER_INVAL, daos_pipeline_check(NULL));
    FAILS(DER_INVAL, daos_pipeline_free(NULL));
    IS(EINVAL, dfs_pipeline_create(NULL, (dfs_predicate_t){0}, DFS_FILTER_NAME, NULL));
    IS(EINVAL, dfs_pipeline_destroy(NULL));
    IS(EINVAL, dfs_readdir_with_filter(NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL));
    OK(daos_obj_close(o, NULL));
}

/* ---- No library ---- */

static void none_works(const struct call *calls)
{
    for (; calls->fn != NULL; calls++) {
        args_reset();
        if (calls->fn((daos_handle_t){0x101}, NULL) >= 0)
            fail_msg("daos_%s works without daos_init()", calls->name);
    }
}

static void without_the_library(void **state)
{
    daos_event_t ev;
    daos_handle_t h;
    bool flag;

    (void)state;
    none_works(pool_calls);
    none_works(cont_calls);
    none_works(obj_calls);
    none_works(kv_calls);
    none_works(array_calls);
    none_works(tx_calls);
    FAILS(DER_UNINIT, daos_fini());
    FAILS(DER_UNINIT, daos_eq_create(&h));
    FAILS(DER_UNINIT, daos_event_init(&ev, DAOS_HDL_INVAL, NULL));
    assert_true(daos_event_test(&ev, 0, &flag) < 0);
    assert_true(daos_pool_connect("p", NULL, DAOS_PC_RO, &h, NULL, NULL) < 0);
    IS(EINVAL, dfs_mount(DAOS_HDL_INVAL, DAOS_HDL_INVAL, O_RDWR, &(dfs_t *){NULL}));
}

int main(void)
{
    const struct CMUnitTest outside[] = {cmocka_unit_test(without_the_library)};
    const struct CMUnitTest tests[] = {
        API_TEST(pools),
        API_TEST(containers),
        API_TEST(objects),
        API_TEST(transactions),
        API_TEST(what_no_answer_can_be_given_to),
        API_TEST(not_there),
    };
    int bad = cmocka_run_group_tests_name("before", outside, NULL, NULL) +
              cmocka_run_group_tests(tests, api_group_setup, api_group_teardown) +
              cmocka_run_group_tests_name("after", outside, NULL, NULL);

    free(x.prop);
    daos_acl_free(x.acl);
    return bad;
}
