/*
 * Operations as tasks (daos_task.h).
 *
 * The body of such a task starts a fiber of the client's, which makes the blocking call; its end
 * goes back through the scheduler, so that callbacks run in the program's own daos_progress().
 */
#include <daos.h>
#include <daos_task.h>
#include <string.h>
#include "base/fail.h"
#include "client/impl.h"
#include "client/tse_impl.h"

#define ARGS_MAX 160         /* of any operation */
#define MAGIC    0x6b736174u /* what daos_task_create() has made */

/* At the start of a task's arguments. */
struct op_task {
    _Alignas(8) char args[ARGS_MAX];
    uint32_t magic;
    daos_opc_t opc;
    struct client *client;
};

/* ---- The calls ---- */

#define PAIR(a) (a)->n, (a)->names
/* operation, its argument structure, the call */
#define OPERATIONS(X)                                                                              \
    X(MGMT_LIST_POOLS, daos_mgmt_pool_list_t,                                                      \
      daos_mgmt_list_pools(a->grp, a->npools, a->pools, NULL))                                     \
    X(SET_PARAMS, daos_set_params_t,                                                               \
      daos_debug_set_params(a->grp, a->rank, a->key_id, a->value, a->value_extra, NULL))           \
    X(MGMT_GET_BS_STATE, daos_mgmt_get_bs_state_t,                                                 \
      daos_mgmt_get_bs_state(a->grp, a->uuid, a->state, NULL))                                     \
    X(POOL_CONNECT, daos_pool_connect_t, pool_connect(a))                                          \
    X(POOL_DISCONNECT, daos_pool_disconnect_t, daos_pool_disconnect(a->poh, NULL))                 \
    X(POOL_QUERY, daos_pool_query_t, daos_pool_query(a->poh, a->ranks, a->info, a->prop, NULL))    \
    X(POOL_QUERY_INFO, daos_pool_query_target_t,                                                   \
      daos_pool_query_target(a->poh, a->tgt_idx, a->rank, a->info, NULL))                          \
    X(POOL_LIST_ATTR, daos_pool_list_attr_t, daos_pool_list_attr(a->poh, a->buf, a->size, NULL))   \
    X(POOL_GET_ATTR, daos_pool_get_attr_t,                                                         \
      daos_pool_get_attr(a->poh, PAIR(a), a->values, a->sizes, NULL))                              \
    X(POOL_SET_ATTR, daos_pool_set_attr_t,                                                         \
      daos_pool_set_attr(a->poh, PAIR(a), a->values, a->sizes, NULL))                              \
    X(POOL_DEL_ATTR, daos_pool_del_attr_t, daos_pool_del_attr(a->poh, PAIR(a), NULL))              \
    X(POOL_STOP_SVC, daos_pool_stop_svc_t, daos_pool_stop_svc(a->poh, NULL))                       \
    X(POOL_LIST_CONT, daos_pool_list_cont_t,                                                       \
      daos_pool_list_cont(a->poh, a->ncont, a->cont_buf, NULL))                                    \
    X(POOL_FILTER_CONT, daos_pool_filter_cont_t,                                                   \
      daos_pool_filter_cont(a->poh, a->filt, a->ncont, a->cont_buf, NULL))                         \
    X(CONT_CREATE, daos_cont_create_t, daos_cont_create(a->poh, a->cuuid, a->prop, NULL))          \
    X(CONT_OPEN, daos_cont_open_t, cont_open(a))                                                   \
    X(CONT_CLOSE, daos_cont_close_t, daos_cont_close(a->coh, NULL))                                \
    X(CONT_DESTROY, daos_cont_destroy_t, cont_destroy(a))                                          \
    X(CONT_QUERY, daos_cont_query_t, daos_cont_query(a->coh, a->info, a->prop, NULL))              \
    X(CONT_SET_PROP, daos_cont_set_prop_t, daos_cont_set_prop(a->coh, a->prop, NULL))              \
    X(CONT_UPDATE_ACL, daos_cont_update_acl_t, daos_cont_update_acl(a->coh, a->acl, NULL))         \
    X(CONT_DELETE_ACL, daos_cont_delete_acl_t,                                                     \
      daos_cont_delete_acl(a->coh, (enum daos_acl_principal_type)a->type, a->name, NULL))          \
    X(CONT_AGGREGATE, daos_cont_aggregate_t, daos_cont_aggregate(a->coh, a->epoch, NULL))          \
    X(CONT_ROLLBACK, daos_cont_rollback_t, daos_cont_rollback(a->coh, a->epoch, NULL))             \
    X(CONT_SUBSCRIBE, daos_cont_subscribe_t, daos_cont_subscribe(a->coh, a->epoch, NULL))          \
    X(CONT_LIST_ATTR, daos_cont_list_attr_t, daos_cont_list_attr(a->coh, a->buf, a->size, NULL))   \
    X(CONT_GET_ATTR, daos_cont_get_attr_t,                                                         \
      daos_cont_get_attr(a->coh, PAIR(a), a->values, a->sizes, NULL))                              \
    X(CONT_SET_ATTR, daos_cont_set_attr_t,                                                         \
      daos_cont_set_attr(a->coh, PAIR(a), a->values, a->sizes, NULL))                              \
    X(CONT_DEL_ATTR, daos_cont_del_attr_t, daos_cont_del_attr(a->coh, PAIR(a), NULL))              \
    X(CONT_ALLOC_OIDS, daos_cont_alloc_oids_t,                                                     \
      daos_cont_alloc_oids(a->coh, a->num_oids, a->oid, NULL))                                     \
    X(CONT_LIST_SNAP, daos_cont_list_snap_t,                                                       \
      daos_cont_list_snap(a->coh, a->nr, a->epochs, a->names, a->anchor, NULL))                    \
    X(CONT_CREATE_SNAP, daos_cont_create_snap_t,                                                   \
      daos_cont_create_snap_opt(a->coh, a->epoch, a->name, (enum daos_snapshot_opts)a->opts,       \
                                NULL))                                                             \
    X(CONT_DESTROY_SNAP, daos_cont_destroy_snap_t, daos_cont_destroy_snap(a->coh, a->epr, NULL))   \
    X(CONT_SNAP_OIT_CREATE, daos_cont_snap_oit_create_t,                                           \
      daos_cont_snap_oit_create(a->coh, a->epoch, a->name, NULL))                                  \
    X(CONT_SNAP_OIT_DESTROY, daos_cont_snap_oit_destroy_t, snap_oit_destroy(a))                    \
    X(TX_OPEN, daos_tx_open_t, daos_tx_open(a->coh, a->th, a->flags, NULL))                        \
    X(TX_COMMIT, daos_tx_commit_t, daos_tx_commit(a->th, NULL))                                    \
    X(TX_ABORT, daos_tx_abort_t, daos_tx_abort(a->th, NULL))                                       \
    X(TX_OPEN_SNAP, daos_tx_open_snap_t, daos_tx_open_snap(a->coh, a->epoch, a->th, NULL))         \
    X(TX_CLOSE, daos_tx_close_t, daos_tx_close(a->th, NULL))                                       \
    X(TX_RESTART, daos_tx_restart_t, daos_tx_restart(a->th, NULL))                                 \
    X(OBJ_QUERY_CLASS, daos_obj_query_class_t,                                                     \
      daos_obj_query_class(a->coh, a->cid, a->cattr, NULL))                                        \
    X(OBJ_LIST_CLASS, daos_obj_list_class_t,                                                       \
      daos_obj_list_class(a->coh, a->clist, a->anchor, NULL))                                      \
    X(OBJ_OPEN, daos_obj_open_t, daos_obj_open(a->coh, a->oid, a->mode, a->oh, NULL))              \
    X(OBJ_CLOSE, daos_obj_close_t, daos_obj_close(a->oh, NULL))                                    \
    X(OBJ_PUNCH, daos_obj_punch_t, daos_obj_punch(a->oh, a->th, a->flags, NULL))                   \
    X(OBJ_PUNCH_DKEYS, daos_obj_punch_t,                                                           \
      daos_obj_punch_dkeys(a->oh, a->th, a->flags, 1, a->dkey, NULL))                              \
    X(OBJ_PUNCH_AKEYS, daos_obj_punch_t,                                                           \
      daos_obj_punch_akeys(a->oh, a->th, a->flags, a->dkey, a->akey_nr, a->akeys, NULL))           \
    X(OBJ_QUERY, daos_obj_query_t, daos_obj_query(a->oh, a->oa, a->ranks, NULL))                   \
    X(OBJ_QUERY_KEY, daos_obj_query_key_t, query_key(a))                                           \
    X(OBJ_FETCH, daos_obj_rw_t,                                                                    \
      daos_obj_fetch(a->oh, a->th, a->flags, a->dkey, a->nr, a->iods, a->sgls, a->ioms, NULL))     \
    X(OBJ_UPDATE, daos_obj_rw_t,                                                                   \
      daos_obj_update(a->oh, a->th, a->flags, a->dkey, a->nr, a->iods, a->sgls, NULL))             \
    X(OBJ_LIST_DKEY, daos_obj_list_t,                                                              \
      daos_obj_list_dkey(a->oh, a->th, a->nr, a->kds, a->sgl,                                      \
                         a->dkey_anchor ? a->dkey_anchor : a->anchor, NULL))                       \
    X(OBJ_LIST_AKEY, daos_obj_list_t,                                                              \
      daos_obj_list_akey(a->oh, a->th, a->dkey, a->nr, a->kds, a->sgl,                             \
                         a->akey_anchor ? a->akey_anchor : a->anchor, NULL))                       \
    X(OBJ_LIST_RECX, daos_obj_list_t,                                                              \
      daos_obj_list_recx(a->oh, a->th, a->dkey, a->akey, a->size, a->nr, a->recxs, a->eprs,        \
                         a->anchor, a->incr_order, NULL))                                          \
    X(OBJ_KEY2ANCHOR, daos_obj_list_t,                                                             \
      daos_obj_key2anchor(a->oh, a->th, a->dkey, a->akey, a->anchor, NULL))                        \
    X(ARRAY_CREATE, daos_array_create_t,                                                           \
      daos_array_create(a->coh, a->oid, a->th, a->cell_size, a->chunk_size, a->oh, NULL))          \
    X(ARRAY_OPEN, daos_array_open_t, array_open(a))                                                \
    X(ARRAY_CLOSE, daos_array_close_t, daos_array_close(a->oh, NULL))                              \
    X(ARRAY_DESTROY, daos_array_destroy_t, daos_array_destroy(a->oh, a->th, NULL))                 \
    X(ARRAY_READ, daos_array_io_t, daos_array_read(a->oh, a->th, a->iod, a->sgl, NULL))            \
    X(ARRAY_WRITE, daos_array_io_t, daos_array_write(a->oh, a->th, a->iod, a->sgl, NULL))          \
    X(ARRAY_PUNCH, daos_array_io_t, daos_array_punch(a->oh, a->th, a->iod, NULL))                  \
    X(ARRAY_GET_SIZE, daos_array_get_size_t, daos_array_get_size(a->oh, a->th, a->size, NULL))     \
    X(ARRAY_SET_SIZE, daos_array_set_size_t, daos_array_set_size(a->oh, a->th, a->size, NULL))     \
    X(ARRAY_STAT, daos_array_stat_t, daos_array_stat(a->oh, a->th, a->stbuf, NULL))                \
    X(KV_OPEN, daos_kv_open_t, daos_kv_open(a->coh, a->oid, a->mode, a->oh, NULL))                 \
    X(KV_CLOSE, daos_kv_close_t, daos_kv_close(a->oh, NULL))                                       \
    X(KV_DESTROY, daos_kv_destroy_t, daos_kv_destroy(a->oh, a->th, NULL))                          \
    X(KV_GET, daos_kv_get_t,                                                                       \
      daos_kv_get(a->oh, a->th, a->flags, a->key, a->buf_size, a->buf, NULL))                      \
    X(KV_PUT, daos_kv_put_t,                                                                       \
      daos_kv_put(a->oh, a->th, a->flags, a->key, a->buf_size, a->buf, NULL))                      \
    X(KV_REMOVE, daos_kv_remove_t, daos_kv_remove(a->oh, a->th, a->flags, a->key, NULL))           \
    X(KV_LIST, daos_kv_list_t, daos_kv_list(a->oh, a->th, a->nr, a->kds, a->sgl, a->anchor, NULL)) \
    X(PIPELINE_RUN, daos_pipeline_run_t, -DER_NOSYS)

/* Text of a pool or container that is given as text or else as a UUID. */
static const char *name_of(const char *text, const uuid_t uuid, char buf[DAOS_UUID_STR_SIZE])
{
    if (text != NULL)
        return text;
    uuid_unparse_lower(uuid, buf);
    return buf;
}

static int pool_connect(daos_pool_connect_t *a)
{
    char buf[DAOS_UUID_STR_SIZE];

    return daos_pool_connect(name_of(a->pool, a->uuid, buf), a->grp, a->flags, a->poh, a->info,
                             NULL);
}

static int cont_open(daos_cont_open_t *a)
{
    char buf[DAOS_UUID_STR_SIZE];

    return daos_cont_open(a->poh, name_of(a->cont, a->uuid, buf), a->flags, a->coh, a->info, NULL);
}

static int cont_destroy(daos_cont_destroy_t *a)
{
    char buf[DAOS_UUID_STR_SIZE];

    return daos_cont_destroy(a->poh, name_of(a->cont, a->uuid, buf), a->force, NULL);
}

static int snap_oit_destroy(daos_cont_snap_oit_destroy_t *a)
{
    daos_handle_t oh;
    int rc = daos_oit_open(a->coh, a->epoch, &oh, NULL), close_rc;

    if (rc != 0)
        return rc;
    rc = daos_cont_snap_oit_destroy(a->coh, oh, NULL);
    close_rc = daos_oit_close(oh, NULL);
    return rc ? rc : close_rc;
}

static int query_key(daos_obj_query_key_t *a)
{
    int rc = 0;

    if (a->flags != 0 || a->max_epoch == NULL)
        rc = daos_obj_query_key(a->oh, a->th, a->flags, a->dkey, a->akey, a->recx, NULL);
    if (rc == 0 && a->max_epoch != NULL)
        rc = daos_obj_query_max_epoch(a->oh, a->th, a->max_epoch, NULL);
    return rc;
}

static int array_open(daos_array_open_t *a)
{
    if (!a->open_with_attr)
        return daos_array_open(a->coh, a->oid, a->th, a->mode, a->cell_size, a->chunk_size, a->oh,
                               NULL);
    if (a->cell_size == NULL || a->chunk_size == NULL)
        return -DER_INVAL;
    return daos_array_open_with_attr(a->coh, a->oid, a->th, a->mode, *a->cell_size, *a->chunk_size,
                                     a->oh, NULL);
}

#define CALL(name, type, call)                                                                     \
    static int call_##name(void *args)                                                             \
    {                                                                                              \
        type *a = args;                                                                            \
                                                                                                   \
        (void)a;                                                                                   \
        return call;                                                                               \
    }                                                                                              \
    _Static_assert(sizeof(type) <= ARGS_MAX, #type);
OPERATIONS(CALL)
#undef CALL

static int (*call_of(daos_opc_t opc))(void *)
{
    switch (opc) {
#define CASE(name, type, call)                                                                     \
    case DAOS_OPC_##name:                                                                          \
        return call_##name;
        OPERATIONS(CASE)
#undef CASE
    default:
        return NULL;
    }
}

/* ---- Tasks ---- */

static void fiber(void *arg)
{
    tse_task_t *task = arg;
    struct op_task *op = tse_task2arg(task);
    struct client *c = op->client;
    int rc;

    client_use(c);
    rc = call_of(op->opc)(op->args);
    tse_task_ended(task, rc);
    client_use(NULL);
    atomic_fetch_sub(&c->tasks, 1);
}

static int body(tse_task_t *task)
{
    struct op_task *op = tse_task2arg(task);
    struct client *c = client_current();
    int rc = c == NULL ? -DER_UNINIT : task->dt_result;

    if (rc == 0) {
        op->client = c;
        atomic_fetch_add(&c->tasks, 1);
        rc = client_spawn(c, fiber, task);
        if (rc != 0)
            atomic_fetch_sub(&c->tasks, 1);
    }
    if (rc != 0)
        tse_task_complete(task, rc);
    return rc;
}

static bool opc_known(daos_opc_t opc)
{
    return opc > DAOS_OPC_INVALID && opc < DAOS_OPC_MAX;
}

int daos_task_create(daos_opc_t opc, tse_sched_t *sched, unsigned int num_deps,
                     tse_task_t **dep_tasks, tse_task_t **taskp)
{
    struct op_task *op;
    tse_task_t *task;
    int rc;

    if (!opc_known(opc) || sched == NULL || taskp == NULL || (num_deps > 0 && dep_tasks == NULL))
        return -DER_INVAL;
    if (call_of(opc) == NULL)
        return -DER_NOSYS;
    rc = tse_task_create(body, sched, NULL, &task);
    if (rc != 0)
        return rc;
    op = tse_task_buf_embedded(task, sizeof(*op));
    op->magic = MAGIC;
    op->opc = opc;
    rc = tse_task_register_deps(task, (int)num_deps, dep_tasks);
    if (rc != 0)
        tse_task_decref(task);
    else
        *taskp = task;
    return rc;
}

static struct op_task *op_of(tse_task_t *task)
{
    struct op_task *op = task != NULL ? tse_task2arg(task) : NULL;

    return op != NULL && op->magic == MAGIC ? op : NULL;
}

int daos_task_reset(tse_task_t *task, daos_opc_t opc)
{
    struct op_task *op = op_of(task);
    int rc;

    if (op == NULL || !opc_known(opc))
        return -DER_INVAL;
    if (call_of(opc) == NULL)
        return -DER_NOSYS;
    rc = tse_task_reset(task, body, tse_task_get_priv(task));
    if (rc != 0)
        return rc;
    memset(op->args, 0, sizeof(op->args));
    op->opc = opc;
    return 0;
}

void *daos_task_get_args(tse_task_t *task)
{
    struct op_task *op = op_of(task);

    return op != NULL ? op->args : NULL;
}

void *daos_task_get_priv(tse_task_t *task)
{
    return tse_task_get_priv(task);
}

void *daos_task_set_priv(tse_task_t *task, void *priv)
{
    return tse_task_set_priv(task, priv);
}

/* Sleeps until the scheduler has work, at most left_ns. What is under way goes on meanwhile. */
static void sleep_for_work(struct client *c, tse_sched_t *sched, uint64_t left_ns)
{
    struct rt_event ev = RT_EVENT_INIT;
    struct tse_waker w = {.ev = &ev};
    uint64_t due_ns;

    tse_sched_wake(sched, &w);
    if (!tse_sched_ready(sched, &due_ns))
        client_wait(c, &ev, left_ns < due_ns ? left_ns : due_ns);
    tse_sched_wake_no_more(sched, &w);
}

int daos_progress(tse_sched_t *sched, int64_t timeout, bool *is_empty)
{
    struct client *c = client_current();
    uint64_t now, deadline = UINT64_MAX;
    bool empty;

    if (sched == NULL)
        return -DER_INVAL;
    if (c == NULL)
        return -DER_UNINIT;
    if (timeout >= 0)
        deadline = rt_now_ns() + (uint64_t)timeout * 1000;
    client_poll(c);
    for (;;) {
        tse_sched_progress(sched);
        empty = tse_sched_check_complete(sched);
        now = rt_now_ns();
        if (empty || now >= deadline)
            break;
        sleep_for_work(c, sched, deadline == UINT64_MAX ? UINT64_MAX : deadline - now);
    }
    if (is_empty != NULL)
        *is_empty = empty;
    return empty ? 0 : -DER_TIMEDOUT;
}
