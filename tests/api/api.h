/*
 * What the tests of the public API share: a pool in a temporary directory, a fresh container for
 * every test, and short ways to say "put this", "what is there". The tests see public headers only,
 * as a program does.
 */
#ifndef TESTS_API_H
#define TESTS_API_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>
#include <daos.h>
#include <gurt/common.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <signal.h>
#include <arpa/inet.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include "embed/embed.h"
#include "embed/serve.h"

struct api {
    char dir[64];
    char path[96];
    uuid_t pool;
    daos_handle_t poh;
    daos_handle_t coh; /* of the running test */
    int conts;
    char label[32];
    pid_t engine; /* TARN_TEST_SHARED: the process whose engine serves the pool; else 0 */
    int engine_fd;
};

#define OK(call)        assert_int_equal(call, 0)
#define FAILS(rc, call) assert_int_equal(call, -(rc))

/* Of the pool: TARN_TARGETS says how many it is made with. */
static inline unsigned int api_targets(void)
{
    const char *text = getenv("TARN_TARGETS");

    return text != NULL ? (unsigned int)atoi(text) : 1;
}

/* A port of loopback that nobody has now. */
static inline void api_free_port(char addr[32])
{
    struct sockaddr_in sa = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    socklen_t len = sizeof(sa);

    if (bind(fd, (struct sockaddr *)&sa, len) != 0 ||
        getsockname(fd, (struct sockaddr *)&sa, &len) != 0)
        abort();
    close(fd);
    snprintf(addr, 32, "127.0.0.1:%u", ntohs(sa.sin_port));
}

/* A key for both sides, in the file that TARN_KEY names. None if they were built without. */
static inline const char *api_key(const struct api *a)
{
    char line[EMBED_KEY_LINE], file[96];
    mode_t was;
    FILE *f;

    if (embed_key_new("api", NULL, line, NULL) != 0)
        return NULL;
    snprintf(file, sizeof(file), "%s/key", a->dir);
    was = umask(077);
    f = fopen(file, "w");
    if (f == NULL || fprintf(f, "%s\n", line) < 0 || fclose(f) != 0)
        abort();
    umask(was);
    setenv("TARN_KEY", file, 1);
    return getenv("TARN_KEY");
}

/* With TARN_TEST_SHARED the same tests reach the pool through shared memory, with
 * TARN_TEST_SHARED=tcp over TCP and with a key: its engine runs in a process of its own until we
 * close the pipe. */
static inline int api_engine_start(struct api *a)
{
    char addr[32];
    const char *listen = addr;
    bool tcp = strcmp(getenv("TARN_TEST_SHARED"), "tcp") == 0;
    struct serve_conf conf = {.path = a->path, .cpu = -1};
    int there[2], back[2];
    struct err e = {0};
    struct serve *s;
    char c = 0;

    if (pipe(there) != 0 || pipe(back) != 0)
        return -1;
    if (tcp) {
        api_free_port(addr);
        conf.keys = api_key(a);
        conf.listen = &listen;
        conf.listen_nr = 1;
    }
    a->engine = fork();
    if (a->engine == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        close(there[1]);
        close(back[0]);
        if (serve_start(&conf, &s, &e) != 0) {
            fprintf(stderr, "%s: %s\n", e.what, e.why);
            _exit(1);
        }
        if (write(back[1], &c, 1) != 1 || read(there[0], &c, 1) != 0)
            _exit(1);
        serve_stop(s, true);
        exit(0); /* with the leak check of a sanitizer */
    }
    close(there[0]);
    close(back[1]);
    a->engine_fd = there[1];
    if (read(back[0], &c, 1) != 1)
        return -1;
    close(back[0]);
    if (tcp)
        snprintf(a->path, sizeof(a->path), "tcp://%s", addr);
    return 0;
}

static inline int api_engine_stop(struct api *a)
{
    int status;

    close(a->engine_fd);
    return waitpid(a->engine, &status, 0) == a->engine && status == 0 ? 0 : -1;
}

static inline int api_group_setup(void **state)
{
    struct embed_pool_conf conf = {.label = "apipool", .wal_bytes = 64 << 20};
    struct api *a = calloc(1, sizeof(*a));
    const char *tmp = getenv("TMPDIR");
    struct err e = {0};
    char text[1024];
    int rc;

    snprintf(a->dir, sizeof(a->dir), "%s/tarn-api-XXXXXX", tmp ? tmp : "/tmp");
    if (mkdtemp(a->dir) == NULL)
        return -1;
    setenv("XDG_STATE_HOME", a->dir, 1);
    setenv("TARN_BACKGROUND", "0", 1); /* the engine is here, or api_engine_start() has made it */
    snprintf(a->path, sizeof(a->path), "%s/pool", a->dir);
    rc = embed_pool_create(a->path, &conf, a->pool, &e);
    if (rc == 0 && getenv("TARN_TEST_SHARED") != NULL)
        rc = api_engine_start(a);
    if (rc == 0)
        rc = daos_init();
    if (rc == 0)
        rc = daos_pool_connect(a->path, NULL, DAOS_PC_RW, &a->poh, NULL, NULL);
    if (rc != 0) {
        err_format(e.rc ? &e : err_last(), text, sizeof(text));
        fprintf(stderr, "%s\n", text);
        return -1;
    }
    *state = a;
    return 0;
}

/* Thousands of small changes, each of which would wait for the disk: what they say does not depend
 * on it, so they happen in memory where there is room. */
static inline int api_group_setup_in_memory(void **state)
{
    struct statvfs v;

    if (getenv("TMPDIR") == NULL && access("/dev/shm", W_OK) == 0 && statvfs("/dev/shm", &v) == 0 &&
        v.f_bavail * v.f_frsize > 1ull << 30)
        setenv("TMPDIR", "/dev/shm", 1);
    return api_group_setup(state);
}

static inline int api_group_teardown(void **state)
{
    struct api *a = *state;
    char cmd[128];
    int rc;

    rc = daos_pool_disconnect(a->poh, NULL);
    if (rc == 0)
        rc = daos_fini();
    if (a->engine != 0 && api_engine_stop(a) != 0)
        rc = -1;
    snprintf(cmd, sizeof(cmd), "rm -rf %s", a->dir);
    if (system(cmd) != 0)
        rc = -1;
    free(a);
    return rc;
}

static inline int api_setup(void **state)
{
    struct api *a = *state;

    snprintf(a->label, sizeof(a->label), "c%d", ++a->conts);
    OK(daos_cont_create_with_label(a->poh, a->label, NULL, NULL, NULL));
    OK(daos_cont_open(a->poh, a->label, DAOS_COO_RW, &a->coh, NULL, NULL));
    return 0;
}

/* Everything a test opened must be closed: the container then closes without complaint. */
static inline int api_teardown(void **state)
{
    struct api *a = *state;
    int rc = daos_cont_close(a->coh, NULL);

    return rc ? rc : daos_cont_destroy(a->poh, a->label, 0, NULL);
}

#define API_TEST(f) cmocka_unit_test_setup_teardown(f, api_setup, api_teardown)
#define API_MAIN(...)                                                                              \
    int main(void)                                                                                 \
    {                                                                                              \
        const struct CMUnitTest tests[] = {__VA_ARGS__};                                           \
                                                                                                   \
        return cmocka_run_group_tests(tests, api_group_setup, api_group_teardown);                 \
    }

/* ---- Pools of a test's own ---- */

/* A second pool, with an access control list of one entry (NULL: as ever). */
static inline void api_pool_make(struct api *a, const char *name, const char *entry,
                                 uint64_t limit_bytes, char path[128])
{
    daos_prop_t *prop = entry != NULL ? daos_prop_alloc(1) : NULL;
    struct embed_pool_conf conf = {.label = name,
                                   .wal_bytes = 16 << 20,
                                   .limit_bytes = limit_bytes * api_targets(),
                                   .prop = prop};
    struct err e = {0};
    struct daos_acl *acl;
    uuid_t uuid;

    if (entry != NULL) {
        OK(daos_acl_from_strs(&entry, 1, &acl));
        prop->dpp_entries[0].dpe_type = DAOS_PROP_PO_ACL;
        prop->dpp_entries[0].dpe_val_ptr = acl;
    }
    snprintf(path, 128, "%s/%s", a->dir, name);
    OK(embed_pool_create(path, &conf, uuid, &e));
    daos_prop_free(prop);
}

/* ---- Objects ---- */

static inline daos_obj_id_t api_oid(struct api *a, enum daos_otype_t type, uint64_t n)
{
    daos_obj_id_t oid = {.lo = n, .hi = 0};

    OK(daos_obj_generate_oid(a->coh, &oid, type, OC_UNKNOWN, 0, 0));
    return oid;
}

static inline daos_handle_t api_obj(struct api *a, enum daos_otype_t type, uint64_t n)
{
    daos_handle_t oh;

    OK(daos_obj_open(a->coh, api_oid(a, type, n), DAOS_OO_RW, &oh, NULL));
    return oh;
}

/* Arguments of one akey under one dkey, both texts. */
struct one {
    daos_key_t dkey;
    daos_iod_t iod;
    daos_recx_t recx;
    d_iov_t iov;
    d_sg_list_t sgl;
};

static inline struct one *one_single(struct one *x, const char *dkey, const char *akey, void *buf,
                                     size_t len)
{
    memset(x, 0, sizeof(*x));
    d_iov_set(&x->dkey, (void *)dkey, strlen(dkey));
    d_iov_set(&x->iov, buf, len);
    x->sgl = (d_sg_list_t){.sg_nr = 1, .sg_iovs = &x->iov};
    x->iod = (daos_iod_t){.iod_type = DAOS_IOD_SINGLE, .iod_size = len, .iod_nr = 1};
    d_iov_set(&x->iod.iod_name, (void *)akey, strlen(akey));
    return x;
}

static inline struct one *one_array(struct one *x, const char *dkey, const char *akey, uint64_t rec,
                                    uint64_t idx, uint64_t nr, void *buf)
{
    one_single(x, dkey, akey, buf, rec * nr);
    x->recx = (daos_recx_t){idx, nr};
    x->iod.iod_type = DAOS_IOD_ARRAY;
    x->iod.iod_size = rec;
    x->iod.iod_recxs = &x->recx;
    return x;
}

static inline int put_th(daos_handle_t oh, daos_handle_t th, uint64_t flags, const char *dkey,
                         const char *akey, const char *value)
{
    struct one x;

    one_single(&x, dkey, akey, (void *)value, strlen(value));
    return daos_obj_update(oh, th, flags, &x.dkey, 1, &x.iod, &x.sgl, NULL);
}

static inline int put(daos_handle_t oh, uint64_t flags, const char *dkey, const char *akey,
                      const char *value)
{
    return put_th(oh, DAOS_TX_NONE, flags, dkey, akey, value);
}

/* The value as text, "-" when there is none, the code's name when it fails. Memory of the thread.
 */
static inline const char *get_th(daos_handle_t oh, daos_handle_t th, uint64_t flags,
                                 const char *dkey, const char *akey)
{
    static __thread char buf[256];
    struct one x;
    int rc;

    memset(buf, 0, sizeof(buf));
    one_single(&x, dkey, akey, buf, sizeof(buf) - 1);
    x.iod.iod_size = DAOS_REC_ANY;
    rc = daos_obj_fetch(oh, th, flags, &x.dkey, 1, &x.iod, &x.sgl, NULL, NULL);
    if (rc != 0)
        return d_errstr(rc);
    return x.iod.iod_size == 0 ? "-" : buf;
}

static inline const char *get(daos_handle_t oh, const char *dkey, const char *akey)
{
    return get_th(oh, DAOS_TX_NONE, 0, dkey, akey);
}

static inline daos_key_t key(const char *text)
{
    daos_key_t k;

    d_iov_set(&k, (void *)text, strlen(text));
    return k;
}

#endif
