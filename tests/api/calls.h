/*
 * Every function of the API that takes a handle, as a table of calls with arguments that are good
 * but for the handle: bad_test.c gives them bad ones, random_test.c any.
 */
#ifndef TESTS_API_CALLS_H
#define TESTS_API_CALLS_H

#include "api.h"

/* What calls answer into, or read. */
static struct {
    daos_pool_info_t pool_info;
    daos_cont_info_t cont_info;
    daos_target_info_t target;
    daos_pool_cont_filter_t filter;
    struct daos_obj_attr obj_attr;
    struct daos_oclass_attr class_attr;
    struct daos_oclass_list class_list;
    daos_anchor_t anchor;
    daos_epoch_range_t epr;
    daos_epoch_t epoch;
    daos_handle_t out;
    daos_obj_id_t oid;
    daos_obj_id_t oids[2];
    daos_size_t size, cell;
    daos_recx_t recx;
    daos_array_iod_t aiod;
    daos_range_t range;
    daos_array_stbuf_t stbuf;
    daos_key_desc_t kds[4];
    daos_prop_t *prop;
    struct daos_acl *acl;
    d_rank_list_t *ranks;
    uint32_t nr;
    int count;
    uint64_t number;
    uuid_t uuid;
    char buf[64];
    const char *names[1];
    const void *values[1];
    void *buffers[1];
    size_t sizes[1];
    struct one io;
    d_iov_t iov;
    d_sg_list_t sgl;
} x;

static void args_reset(void)
{
    free(x.prop);
    daos_acl_free(x.acl);
    memset(&x, 0, sizeof(x));
    one_single(&x.io, "dkey", "akey", x.buf, 8);
    d_iov_set(&x.iov, x.buf, sizeof(x.buf));
    x.sgl = (d_sg_list_t){.sg_nr = 1, .sg_iovs = &x.iov};
    x.names[0] = "name";
    x.values[0] = "value";
    x.buffers[0] = x.buf;
    x.sizes[0] = 5;
    x.nr = 2;
    x.count = 1;
    x.size = x.cell = 8;
    x.epoch = 5;
    x.epr = (daos_epoch_range_t){5, 5};
    x.range = (daos_range_t){.rg_idx = 0, .rg_len = sizeof(x.buf)};
    x.aiod = (daos_array_iod_t){.arr_nr = 1, .arr_rgs = &x.range};
    x.oid.lo = 1;
    x.acl = daos_acl_create(NULL, 0);
}

struct call {
    const char *name;
    int (*fn)(daos_handle_t h, daos_event_t *ev);
    bool takes_event;
};

/* name, does it take an event, the call with handle h and event ev */
#define POOL_CALLS(X)                                                                              \
    X(pool_query, 1, daos_pool_query(h, NULL, &x.pool_info, NULL, ev))                             \
    X(pool_query_target, 1, daos_pool_query_target(h, 0, 0, &x.target, ev))                        \
    X(pool_list_attr, 1, daos_pool_list_attr(h, x.buf, x.sizes, ev))                               \
    X(pool_get_attr, 1, daos_pool_get_attr(h, 1, x.names, x.buffers, x.sizes, ev))                 \
    X(pool_set_attr, 1, daos_pool_set_attr(h, 1, x.names, x.values, x.sizes, ev))                  \
    X(pool_del_attr, 1, daos_pool_del_attr(h, 1, x.names, ev))                                     \
    X(pool_list_cont, 1, daos_pool_list_cont(h, &x.size, NULL, ev))                                \
    X(pool_filter_cont, 1, daos_pool_filter_cont(h, &x.filter, &x.size, NULL, ev))                 \
    X(pool_local2global, 0, daos_pool_local2global(h, &x.iov))                                     \
    X(pool_stop_svc, 1, daos_pool_stop_svc(h, ev))                                                 \
    X(cont_create, 1, daos_cont_create(h, NULL, NULL, ev))                                         \
    X(cont_create_with_label, 1, daos_cont_create_with_label(h, "bad", NULL, NULL, ev))            \
    X(cont_open, 1, daos_cont_open(h, "bad", DAOS_COO_RW, &x.out, NULL, ev))                       \
    X(cont_destroy, 1, daos_cont_destroy(h, "bad", 0, ev))                                         \
    X(pool_disconnect, 1, daos_pool_disconnect(h, ev))

#define CONT_CALLS(X)                                                                              \
    X(cont_query, 1, daos_cont_query(h, &x.cont_info, NULL, ev))                                   \
    X(cont_get_acl, 1, daos_cont_get_acl(h, &x.prop, ev))                                          \
    X(cont_status_clear, 1, daos_cont_status_clear(h, ev))                                         \
    X(cont_overwrite_acl, 1, daos_cont_overwrite_acl(h, x.acl, ev))                                \
    X(cont_update_acl, 1, daos_cont_update_acl(h, x.acl, ev))                                      \
    X(cont_delete_acl, 1, daos_cont_delete_acl(h, DAOS_ACL_OWNER_GROUP, NULL, ev))                 \
    X(cont_set_owner_no_check, 1, daos_cont_set_owner_no_check(h, (char *)"u@", (char *)"g@", ev)) \
    X(cont_list_attr, 1, daos_cont_list_attr(h, x.buf, x.sizes, ev))                               \
    X(cont_get_attr, 1, daos_cont_get_attr(h, 1, x.names, x.buffers, x.sizes, ev))                 \
    X(cont_set_attr, 1, daos_cont_set_attr(h, 1, x.names, x.values, x.sizes, ev))                  \
    X(cont_del_attr, 1, daos_cont_del_attr(h, 1, x.names, ev))                                     \
    X(cont_alloc_oids, 1, daos_cont_alloc_oids(h, 1, &x.number, ev))                               \
    X(cont_aggregate, 1, daos_cont_aggregate(h, 0, ev))                                            \
    X(cont_rollback, 1, daos_cont_rollback(h, 5, ev))                                              \
    X(cont_create_snap, 1, daos_cont_create_snap(h, &x.epoch, NULL, ev))                           \
    X(cont_create_snap_opt, 1, daos_cont_create_snap_opt(h, &x.epoch, NULL, DAOS_SNAP_OPT_CR, ev)) \
    X(cont_list_snap, 1, daos_cont_list_snap(h, &x.count, NULL, NULL, &x.anchor, ev))              \
    X(cont_destroy_snap, 1, daos_cont_destroy_snap(h, x.epr, ev))                                  \
    X(cont_snap_oit_create, 1, daos_cont_snap_oit_create(h, 5, NULL, ev))                          \
    X(cont_local2global, 0, daos_cont_local2global(h, &x.iov))                                     \
    X(tx_open, 1, daos_tx_open(h, &x.out, 0, ev))                                                  \
    X(tx_open_snap, 1, daos_tx_open_snap(h, 5, &x.out, ev))                                        \
    X(oit_open, 1, daos_oit_open(h, 5, &x.out, ev))                                                \
    X(obj_open, 1, daos_obj_open(h, x.oid, DAOS_OO_RW, &x.out, ev))                                \
    X(obj_generate_oid, 0, daos_obj_generate_oid(h, &x.oid, 0, 0, 0, 0))                           \
    X(obj_verify, 0, daos_obj_verify(h, x.oid, DAOS_EPOCH_MAX))                                    \
    X(kv_open, 1, daos_kv_open(h, of_type(DAOS_OT_KV_HASHED), DAOS_OO_RW, &x.out, ev))             \
    X(array_create, 1,                                                                             \
      daos_array_create(h, of_type(DAOS_OT_ARRAY), DAOS_TX_NONE, 1, 64, &x.out, ev))               \
    X(array_open, 1,                                                                               \
      daos_array_open(h, of_type(DAOS_OT_ARRAY), DAOS_TX_NONE, DAOS_OO_RW, &x.cell, &x.size,       \
                      &x.out, ev))                                                                 \
    X(array_open_with_attr, 1,                                                                     \
      daos_array_open_with_attr(h, of_type(DAOS_OT_ARRAY_BYTE), DAOS_TX_NONE, DAOS_OO_RW, 1, 64,   \
                                &x.out, ev))                                                       \
    X(cont_close, 1, daos_cont_close(h, ev))

#define OBJ_CALLS(X)                                                                               \
    X(obj_punch, 1, daos_obj_punch(h, DAOS_TX_NONE, 0, ev))                                        \
    X(obj_punch_dkeys, 1, daos_obj_punch_dkeys(h, DAOS_TX_NONE, 0, 1, &x.io.dkey, ev))             \
    X(obj_punch_akeys, 1,                                                                          \
      daos_obj_punch_akeys(h, DAOS_TX_NONE, 0, &x.io.dkey, 1, &x.io.iod.iod_name, ev))             \
    X(obj_fetch, 1,                                                                                \
      daos_obj_fetch(h, DAOS_TX_NONE, 0, &x.io.dkey, 1, &x.io.iod, &x.io.sgl, NULL, ev))           \
    X(obj_update, 1, daos_obj_update(h, DAOS_TX_NONE, 0, &x.io.dkey, 1, &x.io.iod, &x.io.sgl, ev)) \
    X(obj_list_dkey, 1, daos_obj_list_dkey(h, DAOS_TX_NONE, &x.nr, x.kds, &x.sgl, &x.anchor, ev))  \
    X(obj_list_akey, 1,                                                                            \
      daos_obj_list_akey(h, DAOS_TX_NONE, &x.io.dkey, &x.nr, x.kds, &x.sgl, &x.anchor, ev))        \
    X(obj_list_recx, 1,                                                                            \
      daos_obj_list_recx(h, DAOS_TX_NONE, &x.io.dkey, &x.io.iod.iod_name, &x.size, &x.nr, &x.recx, \
                         &x.epr, &x.anchor, true, ev))                                             \
    X(obj_query_key, 1,                                                                            \
      daos_obj_query_key(h, DAOS_TX_NONE, DAOS_GET_DKEY | DAOS_GET_MAX, &x.iov, NULL, NULL, ev))   \
    X(obj_query_max_epoch, 1, daos_obj_query_max_epoch(h, DAOS_TX_NONE, &x.epoch, ev))             \
    X(obj_key2anchor, 1, daos_obj_key2anchor(h, DAOS_TX_NONE, &x.io.dkey, NULL, &x.anchor, ev))    \
    X(obj_anchor_split, 0, daos_obj_anchor_split(h, &x.nr, NULL))                                  \
    X(obj_anchor_set, 0, daos_obj_anchor_set(h, 0, &x.anchor))                                     \
    X(oit_list, 1, daos_oit_list(h, x.oids, &x.nr, &x.anchor, ev))                                 \
    X(oit_list_unmarked, 1, daos_oit_list_unmarked(h, x.oids, &x.nr, &x.anchor, ev))               \
    X(oit_list_filter, 1, daos_oit_list_filter(h, x.oids, &x.nr, &x.anchor, take_all, ev))         \
    X(oit_close, 1, daos_oit_close(h, ev))                                                         \
    X(cont_snap_oit_destroy, 1, daos_cont_snap_oit_destroy(some_cont, h, ev))                      \
    X(obj_close, 1, daos_obj_close(h, ev))

#define KV_CALLS(X)                                                                                \
    X(kv_put, 1, daos_kv_put(h, DAOS_TX_NONE, 0, "k", 1, x.buf, ev))                               \
    X(kv_get, 1, daos_kv_get(h, DAOS_TX_NONE, 0, "k", &x.size, x.buf, ev))                         \
    X(kv_remove, 1, daos_kv_remove(h, DAOS_TX_NONE, 0, "k", ev))                                   \
    X(kv_list, 1, daos_kv_list(h, DAOS_TX_NONE, &x.nr, x.kds, &x.sgl, &x.anchor, ev))              \
    X(kv_destroy, 1, daos_kv_destroy(h, DAOS_TX_NONE, ev))                                         \
    X(kv_close, 1, daos_kv_close(h, ev))

#define ARRAY_CALLS(X)                                                                             \
    X(array_read, 1, daos_array_read(h, DAOS_TX_NONE, &x.aiod, &x.sgl, ev))                        \
    X(array_write, 1, daos_array_write(h, DAOS_TX_NONE, &x.aiod, &x.sgl, ev))                      \
    X(array_punch, 1, daos_array_punch(h, DAOS_TX_NONE, &x.aiod, ev))                              \
    X(array_get_size, 1, daos_array_get_size(h, DAOS_TX_NONE, &x.size, ev))                        \
    X(array_set_size, 1, daos_array_set_size(h, DAOS_TX_NONE, 7, ev))                              \
    X(array_stat, 1, daos_array_stat(h, DAOS_TX_NONE, &x.stbuf, ev))                               \
    X(array_get_attr, 0, daos_array_get_attr(h, &x.size, &x.cell))                                 \
    X(array_update_chunk_size, 0, daos_array_update_chunk_size(h, 64))                             \
    X(array_local2global, 0, daos_array_local2global(h, &x.iov))                                   \
    X(array_destroy, 1, daos_array_destroy(h, DAOS_TX_NONE, ev))                                   \
    X(array_close, 1, daos_array_close(h, ev))

#define TX_CALLS(X)                                                                                \
    X(tx_commit, 1, daos_tx_commit(h, ev))                                                         \
    X(tx_abort, 1, daos_tx_abort(h, ev))                                                           \
    X(tx_restart, 1, daos_tx_restart(h, ev))                                                       \
    X(tx_hdl2epoch, 0, daos_tx_hdl2epoch(h, &x.epoch))                                             \
    X(tx_close, 1, daos_tx_close(h, ev))

/* With a good object, h being the transaction. */
#define IN_TX_CALLS(X)                                                                             \
    X(in_tx_fetch, 1,                                                                              \
      daos_obj_fetch(some_obj, h, 0, &x.io.dkey, 1, &x.io.iod, &x.io.sgl, NULL, ev))               \
    X(in_tx_update, 1, daos_obj_update(some_obj, h, 0, &x.io.dkey, 1, &x.io.iod, &x.io.sgl, ev))   \
    X(in_tx_punch, 1, daos_obj_punch(some_obj, h, 0, ev))                                          \
    X(in_tx_list, 1, daos_obj_list_dkey(some_obj, h, &x.nr, x.kds, &x.sgl, &x.anchor, ev))

static daos_handle_t some_cont, some_obj;

static daos_obj_id_t of_type(enum daos_otype_t type)
{
    return (daos_obj_id_t){.lo = 1,
                           .hi = (uint64_t)type << OID_FMT_TYPE_SHIFT |
                                 (uint64_t)1 << OID_FMT_CLASS_SHIFT |
                                 (uint64_t)1 << OID_FMT_META_SHIFT};
}

static int take_all(daos_obj_id_t oid, d_iov_t *marker)
{
    return 1;
}

#define BODY(name, takes_event, expr)                                                              \
    static int call_##name(daos_handle_t h, daos_event_t *ev)                                      \
    {                                                                                              \
        return expr;                                                                               \
    }
#define ENTRY(name, takes_event, expr) {#name, call_##name, takes_event},
#define TABLE(table, CALLS)                                                                        \
    CALLS(BODY)                                                                                    \
    static const struct call table[] = {CALLS(ENTRY){NULL, NULL, false}};

TABLE(pool_calls, POOL_CALLS)
TABLE(cont_calls, CONT_CALLS)
TABLE(obj_calls, OBJ_CALLS)
TABLE(kv_calls, KV_CALLS)
TABLE(array_calls, ARRAY_CALLS)
TABLE(tx_calls, TX_CALLS)
TABLE(in_tx_calls, IN_TX_CALLS)

/* The call's answer, or the event's if it was started. */
static inline int answer(const struct call *c, daos_handle_t h, bool event)
{
    daos_event_t ev;
    bool done = false;
    int rc;

    args_reset();
    if (!event)
        return c->fn(h, NULL);
    OK(daos_event_init(&ev, DAOS_HDL_INVAL, NULL));
    rc = c->fn(h, &ev);
    if (rc == 0) {
        while (!done)
            OK(daos_event_test(&ev, DAOS_EQ_WAIT, &done));
        rc = ev.ev_error;
    }
    OK(daos_event_fini(&ev));
    return rc;
}

#endif
