/* Events with real operations: parents, several queues and threads, callbacks that go on, forks. */
#include "api.h"
#include <tarn.h>
#include <pthread.h>
#include <sys/wait.h>

static void a_parent_waits_for_many_updates(void **state)
{
    enum { N = 20 };
    struct api *a = *state;
    daos_handle_t oh = api_obj(a, DAOS_OT_MULTI_HASHED, 1), eq;
    daos_event_t parent, kid[N], *done;
    struct one x[N];
    char name[N][24];
    bool flag = false;
    int i, round;

    OK(daos_eq_create(&eq));
    OK(daos_event_init(&parent, eq, NULL));
    for (i = 0; i < N; i++) {
        snprintf(name[i], sizeof(name[i]), "d%d", i);
        OK(daos_event_init(&kid[i], DAOS_HDL_INVAL, &parent));
    }
    for (round = 0; round < 2; round++) {
        for (i = 0; i < N; i++) {
            one_single(&x[i], name[i], "a", name[i], strlen(name[i]));
            OK(daos_obj_update(oh, DAOS_TX_NONE, round ? DAOS_COND_DKEY_INSERT : 0, &x[i].dkey, 1,
                               &x[i].iod, &x[i].sgl, &kid[i]));
        }
        OK(daos_event_parent_barrier(&parent));
        if (round == 0) {
            assert_int_equal(daos_eq_poll(eq, 1, DAOS_EQ_WAIT, 1, &done), 1);
            assert_ptr_equal(done, &parent);
            OK(parent.ev_error);
        } else {
            while (!flag)
                OK(daos_event_test(&parent, DAOS_EQ_WAIT, &flag));
            assert_int_equal(parent.ev_error, -DER_EXIST);
        }
    }
    OK(daos_event_fini(&parent));
    OK(daos_eq_destroy(eq, 0));
    assert_string_equal(get(oh, "d7", "a"), "d7");
    OK(daos_obj_close(oh, NULL));
}

/* A second connection ends with an event, whether or not something was asked through it. */
static void a_pool_is_left_with_an_event(void **state)
{
    struct api *a = *state;
    daos_size_t nr = 0;
    daos_handle_t poh, coh;
    daos_event_t ev;
    bool done;
    int round;

    OK(daos_event_init(&ev, DAOS_HDL_INVAL, NULL));
    for (round = 0; round < 6; round++) {
        OK(daos_pool_connect(a->path, NULL, DAOS_PC_RW, &poh, NULL, round & 1 ? &ev : NULL));
        for (done = !(round & 1); !done;)
            OK(daos_event_test(&ev, DAOS_EQ_WAIT, &done));
        if (round >= 2)
            OK(daos_pool_list_cont(poh, &nr, NULL, NULL));
        if (round >= 4) {
            OK(daos_cont_open(poh, a->label, DAOS_COO_RO, &coh, NULL, NULL));
            OK(daos_cont_close(coh, NULL));
        }
        OK(daos_pool_disconnect(poh, &ev));
        for (done = false; !done;)
            OK(daos_event_test(&ev, DAOS_EQ_WAIT, &done));
        OK(ev.ev_error);
    }
    OK(daos_event_fini(&ev));
}

struct chain {
    daos_handle_t oh;
    daos_event_t ev[10];
    struct one x[10];
    char name[10][24];
    int at;
};

/* Starts the next update from the completion of the one before. */
static int next_link(void *arg, daos_event_t *ev, int ret)
{
    struct chain *c = arg;
    int i = ++c->at;

    (void)ev;
    if (ret != 0 || i == 10)
        return ret;
    one_single(&c->x[i], c->name[i], "a", c->name[i], strlen(c->name[i]));
    return daos_obj_update(c->oh, DAOS_TX_NONE, 0, &c->x[i].dkey, 1, &c->x[i].iod, &c->x[i].sgl,
                           &c->ev[i]);
}

static void callbacks_start_further_operations(void **state)
{
    struct api *a = *state;
    struct chain *c = calloc(1, sizeof(*c));
    daos_event_t *done[10];
    daos_handle_t eq;
    int i, n;

    c->oh = api_obj(a, DAOS_OT_MULTI_HASHED, 1);
    c->at = -1;
    OK(daos_eq_create(&eq));
    for (i = 0; i < 10; i++) {
        snprintf(c->name[i], sizeof(c->name[i]), "link%d", i);
        OK(daos_event_init(&c->ev[i], eq, NULL));
        OK(daos_event_register_comp_cb(&c->ev[i], next_link, c));
    }
    OK(next_link(c, NULL, 0));
    for (n = 0; n < 10;) {
        int rc = daos_eq_poll(eq, 0, DAOS_EQ_WAIT, 10, done);

        assert_true(rc > 0);
        n += rc;
    }
    for (i = 0; i < 10; i++) {
        OK(c->ev[i].ev_error);
        assert_string_equal(get(c->oh, c->name[i], "a"), c->name[i]);
        OK(daos_event_fini(&c->ev[i]));
    }
    OK(daos_eq_destroy(eq, 0));
    OK(daos_obj_close(c->oh, NULL));
    free(c);
}

struct worker {
    struct api *a;
    int id;
};

/* One queue a thread, reading and writing objects of its own and one that all share. */
static void *work(void *arg)
{
    enum { QD = 8, N = 200 };
    struct worker *w = arg;
    daos_event_t ev[QD], *done[QD];
    struct one x[QD];
    char name[QD][24], value[24];
    daos_handle_t eq, mine, shared;
    int i, next = 0, flying = 0, slot[QD], free_nr = QD;

    OK(daos_eq_create(&eq));
    mine = api_obj(w->a, DAOS_OT_MULTI_HASHED, (uint64_t)w->id + 10);
    shared = api_obj(w->a, DAOS_OT_MULTI_HASHED, 1);
    for (i = 0; i < QD; i++) {
        OK(daos_event_init(&ev[i], eq, NULL));
        slot[i] = i;
    }
    while (next < N || flying > 0) {
        while (next < N && free_nr > 0) {
            int s = slot[--free_nr];

            snprintf(name[s], sizeof(name[s]), "k%d-%d", w->id, next++);
            one_single(&x[s], name[s], "a", name[s], strlen(name[s]));
            OK(daos_obj_update(next % 2 ? mine : shared, DAOS_TX_NONE, 0, &x[s].dkey, 1, &x[s].iod,
                               &x[s].sgl, &ev[s]));
            flying++;
        }
        i = daos_eq_poll(eq, 1, DAOS_EQ_WAIT, QD, done);
        assert_true(i > 0);
        flying -= i;
        while (i-- > 0) {
            OK(done[i]->ev_error);
            slot[free_nr++] = (int)(done[i] - ev);
        }
    }
    for (next = 0; next < N; next++) {
        snprintf(value, sizeof(value), "k%d-%d", w->id, next);
        assert_string_equal(get_th((next + 1) % 2 ? mine : shared, DAOS_TX_NONE, 0, value, "a"),
                            value);
    }
    for (i = 0; i < QD; i++)
        OK(daos_event_fini(&ev[i]));
    OK(daos_obj_close(mine, NULL));
    OK(daos_obj_close(shared, NULL));
    OK(daos_eq_destroy(eq, 0));
    return NULL;
}

static void a_queue_for_each_thread(void **state)
{
    enum { THREADS = 4 };
    struct worker w[THREADS];
    pthread_t th[THREADS];
    int i;

    for (i = 0; i < THREADS; i++) {
        w[i] = (struct worker){*state, i};
        assert_int_equal(pthread_create(&th[i], NULL, work, &w[i]), 0);
    }
    for (i = 0; i < THREADS; i++)
        pthread_join(th[i], NULL);
}

/* Everything that can be asked in the background answers there too. */
static void every_kind_in_the_background(void **state)
{
    struct api *a = *state;
    daos_handle_t oh = api_obj(a, DAOS_OT_MULTI_UINT64, 1), eq, th;
    uint64_t dk = 5, ak = 6, dk_out = 0, oid = 0;
    daos_key_t dkey, akey, out;
    daos_event_t ev, *done;
    daos_key_desc_t kds[4];
    daos_anchor_t anchor = {0};
    daos_epoch_t epoch = 0;
    daos_recx_t recx = {0};
    d_sg_list_t sgl;
    d_iov_t iov;
    struct one x;
    uint32_t nr;
    char c = 'x', keys[64];

#define WAIT(call)                                                                                 \
    do {                                                                                           \
        OK(call);                                                                                  \
        assert_int_equal(daos_eq_poll(eq, 1, DAOS_EQ_WAIT, 1, &done), 1);                          \
        OK(ev.ev_error);                                                                           \
    } while (0)
    OK(daos_eq_create(&eq));
    OK(daos_event_init(&ev, eq, NULL));
    one_array(&x, "d", "a", 1, 40, 1, &c);
    d_iov_set(&dkey, &dk, 8);
    d_iov_set(&akey, &ak, 8);
    d_iov_set(&out, &dk_out, 8);
    x.iod.iod_name = akey;
    WAIT(daos_obj_update(oh, DAOS_TX_NONE, 0, &dkey, 1, &x.iod, &x.sgl, &ev));
    c = 0;
    WAIT(daos_obj_fetch(oh, DAOS_TX_NONE, 0, &dkey, 1, &x.iod, &x.sgl, NULL, &ev));
    assert_int_equal(c, 'x');
    WAIT(daos_obj_query_key(oh, DAOS_TX_NONE, DAOS_GET_MAX | DAOS_GET_DKEY | DAOS_GET_RECX, &out,
                            &akey, &recx, &ev));
    assert_int_equal(dk_out, 5);
    assert_int_equal(recx.rx_idx, 40);
    d_iov_set(&iov, keys, sizeof(keys));
    sgl = (d_sg_list_t){.sg_nr = 1, .sg_iovs = &iov};
    nr = 4;
    WAIT(daos_obj_list_dkey(oh, DAOS_TX_NONE, &nr, kds, &sgl, &anchor, &ev));
    assert_int_equal(nr, 1);
    assert_memory_equal(keys, &dk, 8);
    WAIT(daos_cont_create_snap(a->coh, &epoch, NULL, &ev));
    assert_true(epoch > 0);
    WAIT(daos_cont_alloc_oids(a->coh, 5, &oid, &ev));
    WAIT(daos_tx_open(a->coh, &th, 0, &ev));
    OK(daos_obj_update(oh, th, 0, &dkey, 1, &x.iod, &x.sgl, NULL));
    WAIT(daos_tx_commit(th, &ev));
    WAIT(daos_tx_close(th, &ev));
    WAIT(daos_obj_punch_akeys(oh, DAOS_TX_NONE, 0, &dkey, 1, &akey, &ev));
    WAIT(daos_obj_punch_dkeys(oh, DAOS_TX_NONE, 0, 1, &dkey, &ev));
    WAIT(daos_obj_punch(oh, DAOS_TX_NONE, 0, &ev));
    WAIT(daos_obj_close(oh, &ev));
#undef WAIT
    OK(daos_event_fini(&ev));
    OK(daos_eq_destroy(eq, 0));
}

static void more_akeys_than_fit_a_message(void **state)
{
    enum { N = 150 };
    struct api *a = *state;
    daos_handle_t oh = api_obj(a, DAOS_OT_MULTI_HASHED, 1), eq;
    daos_iod_t *iods = calloc(N, sizeof(*iods));
    d_sg_list_t *sgls = calloc(N, sizeof(*sgls));
    d_iov_t *iovs = calloc(N, sizeof(*iovs));
    int *vals = calloc(N, sizeof(*vals)), *got = calloc(N, sizeof(*got)), i, round;
    char(*names)[24] = calloc(N, sizeof(*names));
    daos_event_t ev, *done;
    daos_key_t d = key("d");

    OK(daos_eq_create(&eq));
    OK(daos_event_init(&ev, eq, NULL));
    for (i = 0; i < N; i++) {
        snprintf(names[i], sizeof(names[i]), "akey%d", i);
        vals[i] = i * 7;
        d_iov_set(&iovs[i], &vals[i], sizeof(int));
        sgls[i] = (d_sg_list_t){.sg_nr = 1, .sg_iovs = &iovs[i]};
        iods[i] = (daos_iod_t){.iod_type = DAOS_IOD_SINGLE, .iod_size = sizeof(int), .iod_nr = 1};
        iods[i].iod_name = key(names[i]);
    }
    OK(daos_obj_update(oh, DAOS_TX_NONE, 0, &d, N, iods, sgls, NULL));
    for (round = 0; round < 2; round++) {
        memset(got, 0, N * sizeof(*got));
        for (i = 0; i < N; i++) {
            d_iov_set(&iovs[i], &got[i], sizeof(int));
            iods[i].iod_size = DAOS_REC_ANY;
        }
        OK(daos_obj_fetch(oh, DAOS_TX_NONE, 0, &d, N, iods, sgls, NULL, round ? &ev : NULL));
        if (round) {
            assert_int_equal(daos_eq_poll(eq, 1, DAOS_EQ_WAIT, 1, &done), 1);
            OK(ev.ev_error);
        }
        assert_memory_equal(got, vals, N * sizeof(*got));
        assert_int_equal(iods[N - 1].iod_size, sizeof(int));
    }
    OK(daos_event_fini(&ev));
    OK(daos_eq_destroy(eq, 0));
    OK(daos_obj_close(oh, NULL));
    free(iods);
    free(sgls);
    free(iovs);
    free(vals);
    free(got);
    free(names);
}

/* A child after fork() starts anew: what the parent has open is in use, another pool is free. */
static int child(struct api *a)
{
    struct embed_pool_conf conf = {.label = "childpool", .wal_bytes = 32 << 20};
    daos_handle_t poh, coh, kv;
    daos_obj_id_t oid = {.lo = 1};
    char path[128], buf[4];
    daos_size_t size = sizeof(buf);
    struct err e = {0};
    uuid_t uuid;
    int rc;

    bool shared = getenv("TARN_TEST_SHARED") != NULL;

    if (daos_reinit() != 0)
        return 1;
    rc = daos_pool_connect(a->path, NULL, DAOS_PC_RW, &poh, NULL, NULL);
    if (rc != (shared ? 0 : -DER_BUSY) || (shared && daos_pool_disconnect(poh, NULL) != 0))
        return 2;
    snprintf(path, sizeof(path), "%s/childpool", a->dir);
    rc = embed_pool_create(path, &conf, uuid, &e);
    if (rc != 0 || daos_pool_connect("childpool", NULL, DAOS_PC_RW, &poh, NULL, NULL) != 0)
        return 3;
    if (daos_cont_create_with_label(poh, "c", NULL, NULL, NULL) != 0 ||
        daos_cont_open(poh, "c", DAOS_COO_RW, &coh, NULL, NULL) != 0)
        return 4;
    if (daos_obj_generate_oid(coh, &oid, DAOS_OT_KV_HASHED, 0, 0, 0) != 0 ||
        daos_kv_open(coh, oid, DAOS_OO_RW, &kv, NULL) != 0 ||
        daos_kv_put(kv, DAOS_TX_NONE, 0, "k", 3, "abc", NULL) != 0 ||
        daos_kv_get(kv, DAOS_TX_NONE, 0, "k", &size, buf, NULL) != 0 || size != 3)
        return 5;
    /* the parent's handles mean nothing here */
    if (daos_kv_close(kv, NULL) != 0 || daos_cont_close(coh, NULL) != 0 ||
        daos_pool_disconnect(poh, NULL) != 0 || daos_pool_disconnect(a->poh, NULL) != -DER_NO_HDL)
        return 6;
    return daos_fini() == 0 ? 0 : 7;
}

static void a_child_starts_anew(void **state)
{
    struct api *a = *state;
    daos_handle_t oh;
    int status;
    pid_t pid;

#ifdef __SANITIZE_THREAD__
    skip(); /* TSan does not know threads of a child whose parent had some */
#endif
    oh = api_obj(a, DAOS_OT_MULTI_HASHED, 1);
    OK(put(oh, 0, "d", "a", "parent"));
    pid = fork();
    if (pid == 0)
        _exit(child(a));
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    assert_string_equal(get(oh, "d", "a"), "parent");
    OK(daos_obj_close(oh, NULL));
}

/* What is aborted either happened or did not, and its event says which. */
static void an_aborted_update_is_there_or_not(void **state)
{
    enum { N = 200 };
    struct api *a = *state;
    daos_handle_t oh = api_obj(a, DAOS_OT_MULTI_HASHED, 1), eq;
    daos_event_t ev[N], *done;
    struct one x[N];
    char name[N][24];
    int i;

    OK(daos_eq_create(&eq));
    for (i = 0; i < N; i++) {
        snprintf(name[i], sizeof(name[i]), "d%d", i);
        OK(daos_event_init(&ev[i], eq, NULL));
        one_single(&x[i], name[i], "a", name[i], strlen(name[i]));
        OK(daos_obj_update(oh, DAOS_TX_NONE, 0, &x[i].dkey, 1, &x[i].iod, &x[i].sgl, &ev[i]));
        if (i % 2)
            assert_in_range(-daos_event_abort(&ev[i]), 0, DER_NO_PERM); /* it may have ended */
    }
    for (i = 0; i < N; i++)
        assert_int_equal(daos_eq_poll(eq, 1, DAOS_EQ_WAIT, 1, &done), 1);
    for (i = 0; i < N; i++) {
        if (ev[i].ev_error == 0)
            assert_string_equal(get(oh, name[i], "a"), name[i]);
        else
            assert_true(i % 2 && ev[i].ev_error == -DER_CANCELED &&
                        strcmp(get(oh, name[i], "a"), name[i]) != 0);
        FAILS(DER_NO_PERM, daos_event_abort(&ev[i]));
        OK(daos_event_fini(&ev[i]));
    }
    OK(daos_eq_destroy(eq, 0));
    OK(daos_obj_close(oh, NULL));
}

API_MAIN(API_TEST(a_pool_is_left_with_an_event), API_TEST(a_parent_waits_for_many_updates),
         API_TEST(callbacks_start_further_operations), API_TEST(a_queue_for_each_thread),
         API_TEST(every_kind_in_the_background), API_TEST(more_akeys_than_fit_a_message),
         API_TEST(an_aborted_update_is_there_or_not), API_TEST(a_child_starts_anew))
