/* Contracts of operations as tasks. */
#include "stage.h"
#include <daos_task.h>

/* A scheduler, and the last result that a task of it had. */
struct sched {
    tse_sched_t s;
    int rc;
};

static int keeps(tse_task_t *task, void *data)
{
    (*(struct sched **)data)->rc = task->dt_result;
    return 0;
}

/* A task that tells how it ended; its arguments. */
static void *task_new(struct run *r, struct sched *s, daos_opc_t opc, tse_task_t **t)
{
    int rc = daos_task_create(opc, &s->s, 0, NULL, t);

    if (rc == 0)
        rc = tse_task_register_comp_cb(*t, keeps, &s, sizeof(s));
    if (rc != 0)
        wrong(r, __LINE__, "a task", rc, 0);
    return daos_task_get_args(*t);
}

/* Schedules it and waits for all there is: its result. */
static int done_by(struct sched *s, tse_task_t *t)
{
    bool empty = false;
    int rc = tse_task_schedule(t, false);

    s->rc = -9001;
    if (rc == 0)
        rc = daos_progress(&s->s, DAOS_EQ_WAIT, &empty);
    return rc != 0 ? rc : empty ? s->rc : -9002;
}

/* Two puts and a get, each after the one before. */
CONTRACT(daos_task_create)
{
    char first[] = "first", second[] = "second", buf[16] = "";
    daos_size_t size = sizeof(buf);
    struct sched s = {0};
    tse_task_t *t, *u, *v, *none = NULL, *holes[2];

    NOW(0, tse_sched_init(&s.s, NULL, NULL));
    NOW(-DER_INVAL, daos_task_create(DAOS_OPC_INVALID, &s.s, 0, NULL, &none));
    NOW(-DER_INVAL, daos_task_create(DAOS_OPC_MAX, &s.s, 0, NULL, &none));
    NOW(-DER_INVAL, daos_task_create(DAOS_OPC_KV_PUT, NULL, 0, NULL, &none));
    NOW(-DER_INVAL, daos_task_create(DAOS_OPC_KV_PUT, &s.s, 0, NULL, NULL));
    NOW(-DER_INVAL, daos_task_create(DAOS_OPC_KV_PUT, &s.s, 1, NULL, &none));
    NOW(-DER_NOSYS, daos_task_create(DAOS_OPC_POOL_EXCLUDE, &s.s, 0, NULL, &none));
    *(daos_kv_put_t *)task_new(r, &s, DAOS_OPC_KV_PUT, &t) =
        (daos_kv_put_t){.oh = r->kv, .key = r->name, .buf_size = 5, .buf = first};
    holes[0] = t, holes[1] = NULL;
    NOW(-DER_INVAL, daos_task_create(DAOS_OPC_KV_PUT, &s.s, 2, holes, &none));
    CHECK(none == NULL && tse_sched_check_complete(&s.s));
    NOW(0, daos_task_create(DAOS_OPC_KV_PUT, &s.s, 1, &t, &u));
    *(daos_kv_put_t *)daos_task_get_args(u) =
        (daos_kv_put_t){.oh = r->kv, .key = r->name, .buf_size = 6, .buf = second};
    NOW(0, daos_task_create(DAOS_OPC_KV_GET, &s.s, 1, &u, &v));
    *(daos_kv_get_t *)daos_task_get_args(v) =
        (daos_kv_get_t){.oh = r->kv, .key = r->name, .buf_size = &size, .buf = buf};
    NOW(0, tse_task_schedule(v, false));
    NOW(0, tse_task_schedule(u, false));
    NOW(0, done_by(&s, t));
    CHECK(size == 6 && memcmp(buf, "second", 6) == 0 && s.s.ds_result == 0);
    tse_sched_fini(&s.s);
    return true;
}

/* Every operation, its arguments as they come: zero. None does anything, all say why. */
CONTRACT(daos_task_get_args)
{
    static const char zero[64];
    struct sched s = {0};
    tse_task_t *t;
    int asked = 0;

    NOW(0, tse_sched_init(&s.s, NULL, NULL));
    CHECK(daos_task_get_args(NULL) == NULL);
    NOW(0, tse_task_create(NULL, &s.s, NULL, &t));
    CHECK(daos_task_get_args(t) == NULL); /* of no operation */
    tse_task_decref(t);
    for (daos_opc_t opc = 0; opc < DAOS_OPC_MAX; opc++) {
        int rc = daos_task_create(opc, &s.s, 0, NULL, &t);

        if (rc == -DER_NOSYS)
            continue;
        NOW(0, rc);
        tse_task_decref(t);
        CHECK(memcmp(task_new(r, &s, opc, &t), zero, sizeof(zero)) == 0);
        rc = done_by(&s, t);
        if (rc != -DER_NO_HDL && rc != -DER_INVAL && rc != -DER_NOSYS && rc != -DER_NONEXIST)
            return wrong(r, (int)opc, "an operation on nothing", rc, -DER_NO_HDL);
        asked++;
    }
    CHECK(asked > 60);
    tse_sched_fini(&s.s);
    return true;
}

CONTRACT(daos_task_reset)
{
    struct sched s = {0}, *to_s = &s;
    daos_kv_put_t *put;
    tse_task_t *t, *own;
    daos_size_t size = 0;
    char v[] = "value";

    NOW(0, tse_sched_init(&s.s, NULL, NULL));
    put = task_new(r, &s, DAOS_OPC_KV_PUT, &t);
    *put = (daos_kv_put_t){.oh = r->kv, .key = r->name, .buf_size = 5, .buf = v};
    tse_task_addref(t);
    NOW(0, tse_task_schedule(t, false));
    NOW(-DER_NO_PERM, daos_task_reset(t, DAOS_OPC_KV_GET));
    CHECK(put->buf == v); /* its arguments are as they were */
    NOW(0, daos_progress(&s.s, DAOS_EQ_WAIT, NULL));
    NOW(0, s.rc);
    NOW(-DER_INVAL, daos_task_reset(NULL, DAOS_OPC_KV_GET));
    NOW(-DER_INVAL, daos_task_reset(t, DAOS_OPC_INVALID));
    NOW(-DER_INVAL, daos_task_reset(t, DAOS_OPC_MAX));
    NOW(-DER_NOSYS, daos_task_reset(t, DAOS_OPC_OBJ_SYNC));
    CHECK(put->buf == v);
    NOW(0, tse_task_create(NULL, &s.s, NULL, &own));
    NOW(-DER_INVAL, daos_task_reset(own, DAOS_OPC_KV_GET));
    tse_task_decref(own);
    NOW(0, daos_task_reset(t, DAOS_OPC_KV_GET));
    CHECK(put->buf == NULL && put->buf_size == 0);
    *(daos_kv_get_t *)daos_task_get_args(t) =
        (daos_kv_get_t){.oh = r->kv, .key = r->name, .buf_size = &size};
    NOW(0, tse_task_register_comp_cb(t, keeps, &to_s, sizeof(to_s)));
    NOW(0, done_by(&s, t));
    CHECK(size == 5);
    tse_sched_fini(&s.s);
    return true;
}

CONTRACT(daos_task_set_priv)
{
    struct sched s = {0};
    tse_task_t *t;

    NOW(0, tse_sched_init(&s.s, NULL, NULL));
    ((daos_kv_close_t *)task_new(r, &s, DAOS_OPC_KV_CLOSE, &t))->oh = r->coh;
    CHECK(daos_task_get_priv(t) == NULL);
    CHECK(daos_task_set_priv(t, r) == NULL && daos_task_get_priv(t) == r);
    CHECK(daos_task_set_priv(t, &s) == r && daos_task_get_priv(t) == &s);
    NOW(-DER_NO_HDL, done_by(&s, t)); /* the pointer is nothing to the operation */
    tse_sched_fini(&s.s);
    return true;
}

CONTRACT(daos_task_get_priv)
{
    struct sched s = {0}, *to_s = &s;
    tse_task_t *t;

    NOW(0, tse_sched_init(&s.s, NULL, NULL));
    ((daos_kv_close_t *)task_new(r, &s, DAOS_OPC_KV_CLOSE, &t))->oh = r->coh;
    tse_task_addref(t);
    CHECK(daos_task_set_priv(t, &s) == NULL);
    NOW(-DER_NO_HDL, done_by(&s, t));
    NOW(0, daos_task_reset(t, DAOS_OPC_OBJ_CLOSE));
    CHECK(daos_task_get_priv(t) == &s); /* it outlives the operation */
    NOW(0, tse_task_register_comp_cb(t, keeps, &to_s, sizeof(to_s)));
    NOW(-DER_NO_HDL, done_by(&s, t));
    tse_sched_fini(&s.s);
    return true;
}

/* ---- Progress ---- */

struct driver {
    struct run *r;
    struct sched *s;
    _Atomic bool *waits; /* it is about to */
    int rc;
};

static void *drives(void *arg)
{
    struct driver *d = arg;

    atomic_store(d->waits, true);
    d->rc = daos_progress(&d->s->s, DAOS_EQ_WAIT, NULL);
    return NULL;
}

/* Others complete what two threads wait for, in one scheduler: both must hear of it. */
static bool both_hear(struct run *r, struct sched *s)
{
    struct driver d[2];
    _Atomic bool waits[2] = {false, false};
    pthread_t th[2];
    tse_task_t *t;

    NOW(0, tse_task_create(NULL, &s->s, NULL, &t));
    NOW(0, tse_task_schedule(t, false));
    for (int i = 0; i < 2; i++) {
        d[i] = (struct driver){r, s, &waits[i], -9001};
        NOW(0, pthread_create(&th[i], NULL, drives, &d[i]));
        while (!atomic_load(&waits[i]))
            sched_yield();
    }
    usleep(2000); /* likely they sleep by now; right in any case */
    tse_task_complete(t, 0);
    for (int i = 0; i < 2; i++) {
        NOW(0, pthread_join(th[i], NULL));
        NOW(0, d[i].rc);
    }
    return true;
}

CONTRACT(daos_progress)
{
    struct sched s = {0};
    bool empty = false;
    tse_task_t *t;

    NOW(0, tse_sched_init(&s.s, NULL, NULL));
    NOW(-DER_INVAL, daos_progress(NULL, 0, &empty));
    CHECK(!empty);
    NOW(0, daos_progress(&s.s, DAOS_EQ_NOWAIT, &empty));
    CHECK(empty);
    NOW(0, daos_progress(&s.s, DAOS_EQ_WAIT, NULL));
    NOW(0, tse_task_create(NULL, &s.s, NULL, &t));
    NOW(0, tse_task_schedule(t, false));
    NOW(-DER_TIMEDOUT, daos_progress(&s.s, DAOS_EQ_NOWAIT, &empty));
    NOW(-DER_TIMEDOUT, daos_progress(&s.s, 500, &empty));
    CHECK(!empty);
    tse_task_complete(t, -DER_IO);
    NOW(0, daos_progress(&s.s, DAOS_EQ_WAIT, &empty)); /* what tasks say is theirs */
    CHECK(empty && s.s.ds_result == -DER_IO);
    for (int i = 0; i < 5; i++)
        CHECK(both_hear(r, &s));
    tse_sched_fini(&s.s);
    return true;
}

#define STORIES(X)                                                                                 \
    X(daos_task_create)                                                                            \
    X(daos_task_get_args)                                                                          \
    X(daos_task_reset)                                                                             \
    X(daos_task_set_priv)                                                                          \
    X(daos_task_get_priv)                                                                          \
    X(daos_progress)

CONTRACT_MAIN(STORIES, daos_stage, api_setup)
