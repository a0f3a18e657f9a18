/*
 * A pool that several processes and threads use at once, through the engine of yet another process:
 * children of fork() that go on with their parent's handles, threads that poll what others
 * launched, and an engine that dies under them.
 */
#include "api.h"
#include <tarn.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>

static int group_setup(void **state)
{
    setenv("TARN_TEST_SHARED", "1", 1);
    return api_group_setup(state);
}

/* ---- fork() ---- */

/* Uses what the parent has open, at once and without a word to the library. */
static int child(daos_handle_t oh, int n)
{
    char dkey[40], value[40];
    struct one x;

    for (int i = 0; i < 50; i++) {
        snprintf(dkey, sizeof(dkey), "child%d-%d", n, i);
        snprintf(value, sizeof(value), "v%d-%d", n, i);
        one_single(&x, dkey, "a", value, strlen(value) + 1);
        if (daos_obj_update(oh, DAOS_TX_NONE, 0, &x.dkey, 1, &x.iod, &x.sgl, NULL) != 0)
            return 1;
    }
    return 0;
}

static void children_go_on(void **state)
{
    struct api *a = *state;
    daos_handle_t oh = api_obj(a, DAOS_OT_MULTI_HASHED, 1);
    pid_t pid[8];
    char dkey[40], value[40];
    int status;

    OK(put(oh, 0, "before", "a", "parent"));
    for (int n = 0; n < 8; n++) {
        pid[n] = fork();
        if (pid[n] == 0)
            _exit(child(oh, n));
    }
    OK(put(oh, 0, "meanwhile", "a", "parent"));
    for (int n = 0; n < 8; n++) {
        assert_int_equal(waitpid(pid[n], &status, 0), pid[n]);
        assert_int_equal(status, 0);
    }
    for (int n = 0; n < 8; n++)
        for (int i = 0; i < 50; i++) {
            snprintf(dkey, sizeof(dkey), "child%d-%d", n, i);
            snprintf(value, sizeof(value), "v%d-%d", n, i);
            assert_string_equal(get(oh, dkey, "a"), value);
        }
    assert_string_equal(get(oh, "meanwhile", "a"), "parent");
    OK(daos_obj_close(oh, NULL));
}

/* ---- Handles given to other processes, as the ranks of a parallel job do ---- */

struct blobs {
    char pool[5000], cont[500];
    d_iov_t pool_iov, cont_iov;
};

static void export_to(struct blobs *b, daos_handle_t poh, daos_handle_t coh)
{
    d_iov_t size = {0};

    OK(daos_pool_local2global(poh, &size));
    assert_in_range(size.iov_buf_len, 1, sizeof(b->pool));
    d_iov_set(&b->pool_iov, b->pool, size.iov_buf_len);
    OK(daos_pool_local2global(poh, &b->pool_iov));
    size = (d_iov_t){0};
    OK(daos_cont_local2global(coh, &size));
    assert_in_range(size.iov_buf_len, 1, sizeof(b->cont));
    d_iov_set(&b->cont_iov, b->cont, size.iov_buf_len);
    OK(daos_cont_local2global(coh, &b->cont_iov));
}

/* In a client that has opened nothing itself: 0, or where it failed. */
static int imports(const struct blobs *b, daos_obj_id_t oid, bool close)
{
    daos_handle_t poh, coh, oh;
    daos_pool_info_t info = {.pi_bits = DPI_SPACE};
    char text[16] = "";
    struct one x;

    if (daos_reinit() != 0 || daos_pool_global2local(b->pool_iov, &poh) != 0 ||
        daos_cont_global2local(poh, b->cont_iov, &coh) != 0)
        return 1;
    if (daos_obj_open(coh, oid, DAOS_OO_RW, &oh, NULL) != 0)
        return 2;
    one_single(&x, "given", "a", text, sizeof(text));
    if (daos_obj_fetch(oh, DAOS_TX_NONE, 0, &x.dkey, 1, &x.iod, &x.sgl, NULL, NULL) != 0 ||
        strcmp(text, "maker") != 0)
        return 3;
    one_single(&x, "taken", "a", "taker", 6);
    if (daos_obj_update(oh, DAOS_TX_NONE, 0, &x.dkey, 1, &x.iod, &x.sgl, NULL) != 0)
        return 4;
    if (daos_pool_query(poh, NULL, &info, NULL, NULL) != 0 || info.pi_ntargets == 0)
        return 5;
    if (close && (daos_obj_close(oh, NULL) != 0 || daos_cont_close(coh, NULL) != 0 ||
                  daos_pool_disconnect(poh, NULL) != 0 || daos_fini() != 0))
        return 6;
    return 0;
}

static void handles_for_other_processes(void **state)
{
    struct api *a = *state;
    daos_handle_t oh = api_obj(a, DAOS_OT_MULTI_HASHED, 6);
    daos_obj_id_t oid = api_oid(a, DAOS_OT_MULTI_HASHED, 6);
    struct blobs b;
    int status;
    pid_t pid;

    OK(put(oh, 0, "given", "a", "maker"));
    export_to(&b, a->poh, a->coh);
    for (int close = 0; close < 2; close++) { /* one that just ends too */
        OK(put(oh, 0, "taken", "a", "nobody"));
        pid = fork();
        if (pid == 0)
            _exit(imports(&b, oid, close));
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_int_equal(status, 0);
        assert_string_equal(get(oh, "taken", "a"), "taker");
    }
    OK(put(oh, 0, "given", "a", "and goes on")); /* what was closed there is open here */
    OK(daos_obj_close(oh, NULL));
}

static int import_fails(const struct blobs *b, const char *why)
{
    daos_handle_t poh;
    int rc;

    if (daos_reinit() != 0)
        return 1;
    rc = daos_pool_global2local(b->pool_iov, &poh);
    return rc == -DER_NO_HDL && strstr(err_last()->why, why) != NULL ? 0 : 2;
}

static void handles_that_were_closed(void **state)
{
    struct api *a = *state;
    daos_handle_t poh, coh;
    struct blobs b;
    int status;
    pid_t pid;

    OK(daos_pool_connect(a->path, NULL, DAOS_PC_RW, &poh, NULL, NULL));
    OK(daos_cont_open(poh, a->label, DAOS_COO_RW, &coh, NULL, NULL));
    export_to(&b, poh, coh);
    OK(daos_cont_close(coh, NULL));
    OK(daos_pool_disconnect(poh, NULL));
    pid = fork();
    if (pid == 0)
        _exit(import_fails(&b, "not open there any more"));
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    FAILS(DER_NO_HDL, daos_pool_global2local(b.pool_iov, &poh)); /* here either */
    for (size_t cut = 1; cut < 20; cut++) {                      /* a name that is not whole */
        b.pool_iov.iov_len -= 1;
        FAILS(DER_INVAL, daos_pool_global2local(b.pool_iov, &poh));
    }
}

/* ---- Threads ---- */

struct launcher {
    daos_handle_t oh, eq;
    int id;
    daos_event_t ev[32];
    struct one x[32];
    char dkey[32][40], value[32][40];
    int rc;
};

static void *launch(void *arg)
{
    struct launcher *l = arg;

    for (int i = 0; i < 32 && l->rc == 0; i++) {
        snprintf(l->dkey[i], sizeof(l->dkey[i]), "t%d-%d", l->id, i);
        snprintf(l->value[i], sizeof(l->value[i]), "w%d-%d", l->id, i);
        one_single(&l->x[i], l->dkey[i], "a", l->value[i], strlen(l->value[i]) + 1);
        l->rc = daos_event_init(&l->ev[i], l->eq, NULL);
        if (l->rc == 0)
            l->rc = daos_obj_update(l->oh, DAOS_TX_NONE, 0, &l->x[i].dkey, 1, &l->x[i].iod,
                                    &l->x[i].sgl, &l->ev[i]);
    }
    return NULL; /* and is gone before its operations have ended */
}

static void polled_by_another(void **state)
{
    struct api *a = *state;
    daos_handle_t oh = api_obj(a, DAOS_OT_MULTI_HASHED, 2), eq;
    struct launcher *l = calloc(6, sizeof(*l));
    daos_event_t *done[16];
    pthread_t t[6];
    int got = 0;

    OK(daos_eq_create(&eq));
    for (int i = 0; i < 6; i++) {
        l[i].oh = oh;
        l[i].eq = eq;
        l[i].id = i;
        assert_int_equal(pthread_create(&t[i], NULL, launch, &l[i]), 0);
    }
    for (int i = 0; i < 6; i++) {
        pthread_join(t[i], NULL);
        OK(l[i].rc);
    }
    while (got < 6 * 32) {
        int n = daos_eq_poll(eq, 1, DAOS_EQ_WAIT, 16, done);

        assert_in_range(n, 1, 16);
        for (int i = 0; i < n; i++) {
            OK(done[i]->ev_error);
            OK(daos_event_fini(done[i]));
        }
        got += n;
    }
    for (int i = 0; i < 6; i++)
        for (int k = 0; k < 32; k++)
            assert_string_equal(get(oh, l[i].dkey[k], "a"), l[i].value[k]);
    OK(daos_eq_destroy(eq, 0));
    OK(daos_obj_close(oh, NULL));
    free(l);
}

/* ---- The engine dies ---- */

static int engine_die(struct api *a)
{
    int status;

    kill(a->engine, SIGKILL);
    close(a->engine_fd);
    return waitpid(a->engine, &status, 0) == a->engine ? 0 : -1;
}

/* What was acknowledged is there, handles go on, and calls meanwhile wait for the next engine. */
static void engine_killed(void **state)
{
    struct api *a = *state;
    daos_handle_t oh = api_obj(a, DAOS_OT_MULTI_HASHED, 3);
    char dkey[40], value[40];

    for (int life = 0; life < 5; life++) {
        for (int i = 0; i < 20; i++) {
            snprintf(dkey, sizeof(dkey), "d%d-%d", life, i);
            snprintf(value, sizeof(value), "x%d-%d", life, i);
            OK(put(oh, 0, dkey, "a", value));
        }
        assert_int_equal(engine_die(a), 0);
        assert_int_equal(api_engine_start(a), 0);
    }
    for (int life = 0; life < 5; life++)
        for (int i = 0; i < 20; i++) {
            snprintf(dkey, sizeof(dkey), "d%d-%d", life, i);
            snprintf(value, sizeof(value), "x%d-%d", life, i);
            assert_string_equal(get(oh, dkey, "a"), value);
        }
    OK(daos_obj_close(oh, NULL));
}

struct over {
    struct api *a;
    daos_handle_t oh;
    int called;
};

static int over_a_death(daos_handle_t th, void *arg)
{
    struct over *o = arg;
    char text[24];
    int n = atoi(get_th(o->oh, th, 0, "n", "a")), rc;

    snprintf(text, sizeof(text), "%d", n + 1);
    rc = put_th(o->oh, th, 0, "n", "a", text);
    if (o->called++ == 0) {
        assert_int_equal(engine_die(o->a), 0);
        assert_int_equal(api_engine_start(o->a), 0);
    }
    if (rc == 0)
        assert_string_equal(get_th(o->oh, th, 0, "n", "a"), text);
    return rc;
}

/* A transaction that was begun with an engine that is dead commits with the next, or is run again
 * there; in any case once. */
static void engine_killed_in_a_transaction(void **state)
{
    struct api *a = *state;
    struct over o = {.a = a, .oh = api_obj(a, DAOS_OT_MULTI_HASHED, 5)};
    char text[24];

    OK(put(o.oh, 0, "n", "a", "0"));
    for (int i = 1; i <= 5; i++) {
        o.called = 0;
        OK(tarn_tx_run(a->coh, TARN_TF_READ_OWN, over_a_death, &o));
        snprintf(text, sizeof(text), "%d", i);
        assert_string_equal(get(o.oh, "n", "a"), text);
    }
    OK(daos_obj_close(o.oh, NULL));
}

struct working {
    daos_handle_t oh;
    volatile int stop, done, failed;
};

/* However slow the machine is: every life of the engine has answered some. */
static void wait_for(struct working *w, int done)
{
    while (w->done < done && w->failed == 0)
        usleep(1000);
}

static void *work(void *arg)
{
    struct working *w = arg;
    char dkey[40], value[40];
    struct one x;

    while (!w->stop) {
        snprintf(dkey, sizeof(dkey), "w%d", w->done);
        snprintf(value, sizeof(value), "y%d", w->done);
        one_single(&x, dkey, "a", value, strlen(value) + 1);
        if (daos_obj_update(w->oh, DAOS_TX_NONE, 0, &x.dkey, 1, &x.iod, &x.sgl, NULL) != 0)
            w->failed++;
        else
            w->done++;
    }
    return NULL;
}

static void engine_killed_under_load(void **state)
{
    struct api *a = *state;
    struct working w = {.oh = api_obj(a, DAOS_OT_MULTI_HASHED, 4)};
    char dkey[40], value[40];
    pthread_t t;

    assert_int_equal(pthread_create(&t, NULL, work, &w), 0);
    for (int life = 0; life < 8; life++) {
        wait_for(&w, w.done + 5);
        assert_int_equal(engine_die(a), 0);
        assert_int_equal(api_engine_start(a), 0);
    }
    wait_for(&w, w.done + 5);
    w.stop = 1;
    pthread_join(t, NULL);
    assert_int_equal(w.failed, 0);
    assert_in_range(w.done, 9 * 5, 1000000);
    for (int i = 0; i < w.done; i++) {
        snprintf(dkey, sizeof(dkey), "w%d", i);
        snprintf(value, sizeof(value), "y%d", i);
        assert_string_equal(get(w.oh, dkey, "a"), value);
    }
    OK(daos_obj_close(w.oh, NULL));
}

/* ---- Turned away ---- */

/* An engine with one place for a client, at an address that nobody else has. */
static pid_t narrow_engine(const char *dir, char addr[32])
{
    struct sockaddr_in sa = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    int probe = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), pipes[2];
    const char *listen = addr;
    struct embed_pool_conf make = {.label = "narrow", .wal_bytes = 16 << 20};
    struct serve_conf conf = {.path = dir,
                              .create = &make,
                              .listen = &listen,
                              .listen_nr = 1,
                              .clients = 1,
                              .socket_group = SERVE_ANY_GROUP,
                              .cpu = -1};
    socklen_t len = sizeof(sa);
    struct err e = {0};
    struct serve *s;
    pid_t pid;
    char c;

    assert_int_equal(bind(probe, (struct sockaddr *)&sa, len), 0);
    assert_int_equal(getsockname(probe, (struct sockaddr *)&sa, &len), 0);
    snprintf(addr, 32, "127.0.0.1:%u", ntohs(sa.sin_port));
    close(probe);
    assert_int_equal(pipe(pipes), 0);
    pid = fork();
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (serve_start(&conf, &s, &e) != 0 || write(pipes[1], "", 1) != 1) {
            fprintf(stderr, "%s: %s\n", e.what, e.why);
            _exit(1);
        }
        for (;;)
            pause();
    }
    close(pipes[1]);
    assert_int_equal(read(pipes[0], &c, 1), 1);
    close(pipes[0]);
    return pid;
}

/* 0: it is in, and stays until it is killed; told over fd. Else it says what it was told. */
static int comes(const char *pool, int fd)
{
    char text[1024] = "";
    daos_handle_t poh;
    int rc;

    if (daos_reinit() != 0)
        return 1;
    rc = daos_pool_connect(pool, NULL, DAOS_PC_RW, &poh, NULL, NULL);
    if (rc != 0)
        err_format(err_last(), text, sizeof(text));
    if (dprintf(fd, "%d %s", rc, text) < 0)
        return 2;
    if (rc == 0)
        pause();
    return 0;
}

static pid_t client_comes(const char *pool, char said[1100])
{
    int fd[2];
    ssize_t n;
    pid_t pid;

    assert_int_equal(pipe(fd), 0);
    pid = fork();
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        _exit(comes(pool, fd[1]));
    }
    close(fd[1]);
    n = read(fd[0], said, 1099);
    said[n > 0 ? n : 0] = '\0';
    close(fd[0]);
    return pid;
}

static void turned_away(const char *pool, const char *who, const char *why)
{
    char said[1100];
    pid_t in = client_comes(pool, said), out;

    assert_string_equal(said, "0 ");
    out = client_comes(pool, said);
    if (atoi(said) != -DER_BUSY || strstr(said, who) == NULL || strstr(said, why) == NULL ||
        strstr(said, "clients.") == NULL)
        fail_msg("%s", said);
    waitpid(out, NULL, 0);
    kill(in, SIGKILL);
    waitpid(in, NULL, 0);
}

/* One too many hears who turns him away, why, and what can be done. */
static void one_too_many(void **state)
{
    struct api *a = *state;
    char dir[128], addr[32], pool[64];
    pid_t engine;

    snprintf(dir, sizeof(dir), "%s/narrow", a->dir);
    engine = narrow_engine(dir, addr);
    snprintf(pool, sizeof(pool), "tcp://%s", addr);
    turned_away(pool, pool, "as many connections as it takes of all");
    turned_away(dir, dir, "as many connections as it takes of all");
    kill(engine, SIGKILL);
    waitpid(engine, NULL, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {API_TEST(children_go_on),
                                       API_TEST(handles_for_other_processes),
                                       API_TEST(handles_that_were_closed),
                                       API_TEST(polled_by_another),
                                       API_TEST(engine_killed),
                                       API_TEST(engine_killed_in_a_transaction),
                                       API_TEST(engine_killed_under_load),
                                       API_TEST(one_too_many)};

    return cmocka_run_group_tests(tests, group_setup, api_group_teardown);
}
