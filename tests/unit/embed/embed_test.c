/* Pools as directories, through the public API: made, found by name, used, shared within a process,
 * refused to others, killed and found whole, destroyed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <daos.h>
#include "base/err.h"
#include "client/client.h"
#include "embed/embed.h"

static char root[128]; /* of this run; the registry lives here too */

static char *path_of(const char *name)
{
    static char buf[2][256];
    static int turn;

    turn = !turn;
    snprintf(buf[turn], sizeof(buf[turn]), "%s/%s", root, name);
    return buf[turn];
}

static int create(const char *name, const char *label, uuid_t uuid, struct err *e)
{
    struct embed_pool_conf conf = {.label = label, .wal_bytes = 8u << 20};

    memset(e, 0, sizeof(*e));
    return embed_pool_create(path_of(name), &conf, uuid, e);
}

static void assert_three_parts(const struct err *e)
{
    assert_true(e->what[0] != '\0');
    assert_true(e->why[0] != '\0');
    assert_true(e->next[0] != '\0');
}

/* Writes or reads one value of dkey n in the pool's container "c", made if missing. */
struct session {
    daos_handle_t poh, coh, oh;
};

static int session_open(struct session *s, const char *pool)
{
    daos_obj_id_t oid = {.lo = 1};
    int rc = daos_pool_connect(pool, NULL, DAOS_PC_RW, &s->poh, NULL, NULL);

    if (rc != 0)
        return rc;
    rc = daos_cont_open(s->poh, "c", DAOS_COO_RW, &s->coh, NULL, NULL);
    if (rc == -DER_NONEXIST) {
        assert_int_equal(daos_cont_create_with_label(s->poh, "c", NULL, NULL, NULL), 0);
        rc = daos_cont_open(s->poh, "c", DAOS_COO_RW, &s->coh, NULL, NULL);
    }
    assert_int_equal(rc, 0);
    assert_int_equal(daos_obj_generate_oid(s->coh, &oid, DAOS_OT_KV_HASHED, OC_UNKNOWN, 0, 0), 0);
    assert_int_equal(daos_kv_open(s->coh, oid, DAOS_OO_RW, &s->oh, NULL), 0);
    return 0;
}

static void session_close(struct session *s)
{
    assert_int_equal(daos_kv_close(s->oh, NULL), 0);
    assert_int_equal(daos_cont_close(s->coh, NULL), 0);
    assert_int_equal(daos_pool_disconnect(s->poh, NULL), 0);
}

static int put(struct session *s, int n)
{
    char key[32], val[64];

    snprintf(key, sizeof(key), "key %d", n);
    snprintf(val, sizeof(val), "value of %d", n);
    return daos_kv_put(s->oh, DAOS_TX_NONE, 0, key, strlen(val), val, NULL);
}

static void assert_there(struct session *s, int n)
{
    char key[32], want[64], val[64];
    daos_size_t len = sizeof(val);

    snprintf(key, sizeof(key), "key %d", n);
    snprintf(want, sizeof(want), "value of %d", n);
    assert_int_equal(daos_kv_get(s->oh, DAOS_TX_NONE, 0, key, &len, val, NULL), 0);
    assert_int_equal(len, strlen(want));
    assert_memory_equal(val, want, len);
}

static int no_find(const uuid_t pool, const char *label, const char *path, void *arg)
{
    (*(int *)arg)++;
    return 0;
}

static int pools_listed(void)
{
    struct err e = {0};
    int n = 0;

    assert_int_equal(embed_pool_list(no_find, &n, &e), 0);
    return n;
}

static void test_life_of_a_pool(void **state)
{
    char text[37];
    struct session s, t;
    struct err e;
    uuid_t uuid;

    assert_int_equal(create("p1", "first", uuid, &e), 0);
    assert_int_equal(pools_listed(), 1);
    assert_int_equal(daos_init(), 0);
    assert_int_equal(session_open(&s, path_of("p1")), 0);
    assert_int_equal(put(&s, 1), 0);
    /* by label and by uuid it is the same engine */
    uuid_unparse_lower(uuid, text);
    assert_int_equal(session_open(&t, "first"), 0);
    assert_there(&t, 1);
    assert_int_equal(put(&t, 2), 0);
    session_close(&t);
    assert_there(&s, 2);
    session_close(&s);
    assert_int_equal(session_open(&t, text), 0);
    assert_there(&t, 1);
    session_close(&t);
    assert_int_equal(daos_fini(), 0);
    assert_int_equal(embed_pool_destroy(path_of("p1"), false, &e), 0);
    assert_int_equal(pools_listed(), 0);
    assert_int_equal(access(path_of("p1"), F_OK), -1);
}

static void test_create_refuses(void **state)
{
    struct err e;
    uuid_t uuid;
    int fd;

    assert_int_equal(create("missing/p", NULL, uuid, &e), -DER_NONEXIST);
    assert_three_parts(&e);
    assert_int_equal(mkdir(path_of("full"), 0700), 0);
    fd = open(path_of("full/mine"), O_CREAT | O_WRONLY, 0600);
    close(fd);
    assert_int_equal(create("full", NULL, uuid, &e), -DER_EXIST);
    assert_three_parts(&e);
    assert_int_equal(create("full/mine", NULL, uuid, &e), -DER_NOTDIR);
    assert_int_equal(create("p2", "bad label", uuid, &e), -DER_INVAL);
    assert_three_parts(&e);
    assert_int_equal(create("p2", "second", uuid, &e), 0);
    assert_int_equal(create("p2", NULL, uuid, &e), -DER_EXIST);
    assert_three_parts(&e);
    assert_int_equal(create("p3", "second", uuid, &e), -DER_EXIST);
    assert_three_parts(&e);
    assert_int_equal(pools_listed(), 1);
    assert_int_equal(embed_pool_destroy(path_of("p2"), false, &e), 0);
    assert_int_equal(embed_pool_destroy(path_of("full"), false, &e), -DER_DF_INVAL);
    assert_three_parts(&e);
    assert_int_equal(access(path_of("full/mine"), F_OK), 0);
}

static void test_names_that_lead_nowhere(void **state)
{
    daos_handle_t poh;
    struct err e = {0};
    char buf[4096];

    assert_int_equal(daos_init(), 0);
    assert_int_equal(daos_pool_connect("no-such-label", NULL, DAOS_PC_RW, &poh, NULL, NULL),
                     -DER_NONEXIST);
    assert_int_equal(daos_pool_connect("01234567-89ab-cdef-0123-456789abcdef", NULL, DAOS_PC_RW,
                                       &poh, NULL, NULL),
                     -DER_NONEXIST);
    assert_int_equal(daos_pool_connect(path_of("nothing"), NULL, DAOS_PC_RW, &poh, NULL, NULL),
                     -DER_NONEXIST);
    assert_int_equal(daos_pool_connect(root, NULL, DAOS_PC_RW, &poh, NULL, NULL), -DER_DF_INVAL);
    assert_int_equal(client_embed_resolve("no-such-label", buf, sizeof(buf), &e), -DER_NONEXIST);
    assert_three_parts(&e);
    assert_int_equal(daos_fini(), 0);
    assert_string_equal(embed_path_of("./p"), "./p");
    assert_string_equal(embed_path_of("inproc:p"), "p");
    assert_null(embed_path_of("label"));
}

/* In a child: opens the pool, says so, and goes on as told: 'w' writes keys and reports each, 'h'
 * holds it. */
static void child(const char *pool, char how, int out)
{
    struct session s;
    char ready = 'r';
    int rc = daos_init();

    if (rc == 0)
        rc = session_open(&s, pool);
    if (rc != 0)
        _exit(1);
    if (write(out, &ready, 1) != 1)
        _exit(2);
    if (how == 'h')
        for (;;)
            pause();
    for (int n = 0;; n++) {
        if (put(&s, n) != 0)
            _exit(3);
        if (write(out, &n, sizeof(n)) != sizeof(n))
            _exit(4);
    }
}

static pid_t start_child(const char *pool, char how, int *in)
{
    char name[256], ready = 0;
    int fds[2];
    pid_t pid;

    snprintf(name, sizeof(name), "%s", pool);
    assert_int_equal(pipe(fds), 0);
    pid = fork();
    if (pid == 0) {
        close(fds[0]);
        child(name, how, fds[1]);
    }
    close(fds[1]);
    assert_int_equal(read(fds[0], &ready, 1), 1);
    *in = fds[0];
    return pid;
}

static void test_in_use_by_another_process(void **state)
{
    char pool[256], number[16];
    struct session s;
    struct err e;
    uuid_t uuid;
    pid_t pid;
    int in;

    assert_int_equal(create("busy", NULL, uuid, &e), 0);
    snprintf(pool, sizeof(pool), "%s", path_of("busy"));
    pid = start_child(pool, 'h', &in);
    snprintf(number, sizeof(number), "%d", (int)pid);
    assert_int_equal(daos_init(), 0);
    assert_int_equal(session_open(&s, pool), -DER_BUSY);
    assert_non_null(err_last());
    assert_non_null(strstr(err_last()->why, number));
    memset(&e, 0, sizeof(e));
    assert_int_equal(embed_pool_destroy(pool, false, &e), -DER_BUSY);
    assert_non_null(strstr(e.why, number));
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    close(in);
    assert_int_equal(session_open(&s, pool), 0);
    /* nor may we pull it from under ourselves */
    memset(&e, 0, sizeof(e));
    assert_int_equal(embed_pool_destroy(pool, false, &e), -DER_BUSY);
    session_close(&s);
    assert_int_equal(daos_fini(), 0);
    memset(&e, 0, sizeof(e));
    assert_int_equal(embed_pool_destroy(pool, false, &e), 0);
}

static void test_killed_writers_lose_nothing_acknowledged(void **state)
{
    struct session s;
    char pool[256];
    struct err e;
    uuid_t uuid;

    assert_int_equal(create("killed", NULL, uuid, &e), 0);
    snprintf(pool, sizeof(pool), "%s", path_of("killed"));
    for (unsigned int round = 0; round < 10; round++) {
        int in, n, last = -1;
        pid_t pid = start_child(pool, 'w', &in);

        usleep(3000 + round * 7919 % 20000);
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
        while (read(in, &n, sizeof(n)) == sizeof(n))
            last = n;
        close(in);
        assert_int_equal(daos_init(), 0);
        assert_int_equal(session_open(&s, pool), 0);
        for (n = 0; n <= last; n++)
            assert_there(&s, n);
        session_close(&s);
        assert_int_equal(daos_fini(), 0);
    }
    assert_int_equal(embed_pool_destroy(pool, false, &e), 0);
}

static void test_a_damaged_superblock_is_told(void **state)
{
    char file[280], zeros[65536] = {0};
    struct session s;
    struct err e;
    uuid_t uuid;
    int fd;

    assert_int_equal(create("hurt", NULL, uuid, &e), 0);
    snprintf(file, sizeof(file), "%s/target0", path_of("hurt"));
    fd = open(file, O_WRONLY);
    assert_int_equal(pwrite(fd, zeros, 16384, 0), 16384); /* one of four copies */
    close(fd);
    assert_int_equal(daos_init(), 0);
    assert_int_equal(session_open(&s, path_of("hurt")), 0);
    session_close(&s);
    fd = open(file, O_WRONLY);
    assert_int_equal(pwrite(fd, zeros, sizeof(zeros), 0), sizeof(zeros));
    close(fd);
    assert_int_equal(session_open(&s, path_of("hurt")), -DER_DF_INVAL);
    assert_three_parts(err_last());
    assert_int_equal(daos_fini(), 0);
    assert_int_equal(embed_pool_destroy(path_of("hurt"), false, &e), 0);
}

static void test_a_read_only_directory(void **state)
{
    daos_handle_t poh;
    struct session s;
    struct err e;
    uuid_t uuid;
    char file[280];

    if (geteuid() == 0)
        skip(); /* root may write everywhere */
    assert_int_equal(create("ro", NULL, uuid, &e), 0);
    assert_int_equal(daos_init(), 0);
    assert_int_equal(session_open(&s, path_of("ro")), 0);
    assert_int_equal(put(&s, 5), 0);
    session_close(&s);
    snprintf(file, sizeof(file), "%s/target0", path_of("ro"));
    chmod(file, 0400);
    chmod(path_of("ro"), 0500);
    assert_int_equal(daos_pool_connect(path_of("ro"), NULL, DAOS_PC_RW, &poh, NULL, NULL),
                     -DER_NO_PERM);
    assert_int_equal(daos_pool_connect(path_of("ro"), NULL, DAOS_PC_RO, &poh, NULL, NULL), 0);
    assert_int_equal(daos_pool_disconnect(poh, NULL), 0);
    assert_int_equal(daos_fini(), 0);
    chmod(path_of("ro"), 0700);
    assert_int_equal(embed_pool_destroy(path_of("ro"), false, &e), 0);
}

/* Whoever may not enter it does not hear that it is no pool. */
static void test_a_closed_directory(void **state)
{
    daos_handle_t poh;
    struct err e;
    uuid_t uuid;
    int rc;

    assert_int_equal(create("closed", NULL, uuid, &e), 0);
    assert_int_equal(chmod(path_of("closed"), 0600), 0);
    assert_int_equal(chmod(root, 0711), 0);
    if (geteuid() == 0)
        assert_int_equal(seteuid(65534), 0);
    assert_int_equal(daos_init(), 0);
    rc = daos_pool_connect(path_of("closed"), NULL, DAOS_PC_RO, &poh, NULL, NULL);
    assert_three_parts(err_last());
    assert_int_equal(daos_fini(), 0);
    if (getuid() == 0)
        assert_int_equal(seteuid(0), 0);
    assert_int_equal(rc, -DER_NO_PERM);
    assert_int_equal(chmod(path_of("closed"), 0700), 0);
    assert_int_equal(embed_pool_destroy(path_of("closed"), false, &e), 0);
}

static int setup(void **state)
{
    snprintf(root, sizeof(root), "%s/tarn-embed-XXXXXX",
             getenv("TMPDIR") != NULL ? getenv("TMPDIR") : "/tmp");
    if (mkdtemp(root) == NULL)
        return -1;
    setenv("XDG_STATE_HOME", root, 1);
    setenv("TARN_BACKGROUND", "0", 1); /* engines in this process are what is tested */
    return 0;
}

static int teardown(void **state)
{
    char cmd[200];

    snprintf(cmd, sizeof(cmd), "rm -rf '%s'", root);
    return system(cmd);
}

static uint32_t targets(uint32_t cpus, uint64_t limit, const char *wal, uint32_t asked)
{
    struct embed_pool_conf conf = {.targets = asked, .limit_bytes = limit, .wal = wal};
    struct err e = {0};
    uint32_t nr = 0;

    assert_int_equal(embed_pool_targets(&conf, cpus, &nr, &e), 0);
    return nr;
}

static void targets_nobody_asked_for(void **state)
{
    const uint64_t gib = UINT64_C(1) << 30;
    struct embed_pool_conf conf = {0};
    struct err e = {0};
    char was[16] = "";
    uint32_t nr;

    (void)state;
    if (getenv("TARN_TARGETS") != NULL)
        snprintf(was, sizeof(was), "%s", getenv("TARN_TARGETS"));
    unsetenv("TARN_TARGETS");
    assert_int_equal(targets(1, 0, NULL, 0), 1);
    assert_int_equal(targets(3, 0, NULL, 0), 1);
    assert_int_equal(targets(8, 0, NULL, 0), 4);
    assert_int_equal(targets(256, 0, NULL, 0), 16);
    assert_int_equal(targets(8, 3 * gib, NULL, 0), 3);
    assert_int_equal(targets(8, 64 << 20, NULL, 0), 1);
    assert_int_equal(targets(8, 0, "/dev/some", 0), 1);
    assert_int_equal(targets(8, 0, "/dev/some,/dev/other,pmem:/dev/third", 0), 3);
    assert_int_equal(targets(8, 0, "/", 0), 4);           /* a file for each is made there */
    assert_int_equal(targets(2, gib, "/dev/some", 5), 5); /* which create refuses */
    setenv("TARN_TARGETS", "3", 1);
    assert_int_equal(targets(64, 0, "/dev/some", 0), 1);
    assert_int_equal(targets(64, 0, NULL, 0), 3);
    assert_int_equal(targets(64, 0, NULL, 2), 2);
    setenv("TARN_TARGETS", "many", 1);
    assert_int_equal(embed_pool_targets(&conf, 8, &nr, &e), -DER_INVAL);
    assert_three_parts(&e);
    if (was[0] != '\0')
        setenv("TARN_TARGETS", was, 1);
    else
        unsetenv("TARN_TARGETS");
}

/* What is refused makes no directory, and leaves one that is there. */
static void a_refused_pool_leaves_nothing(void **state)
{
    struct embed_pool_conf conf = {.targets = 3, .wal = path_of("refused-wal")};
    struct stat st;
    uuid_t uuid;

    (void)state;
    for (int there = 0; there < 2; there++) {
        struct err e = {0};

        assert_int_equal(there ? mkdir(path_of("refused"), 0700) : 0, 0);
        assert_int_equal(embed_pool_create(path_of("refused"), &conf, uuid, &e), -DER_INVAL);
        assert_three_parts(&e);
        assert_int_equal(stat(path_of("refused"), &st) == 0, there);
    }
    assert_int_equal(rmdir(path_of("refused")), 0);
}

/* So is one that is too small for its log, before anything is made; what it is told is enough. */
static void a_pool_too_small_leaves_nothing(void **state)
{
    struct embed_pool_conf conf = {.wal_bytes = 48u << 20, .limit_bytes = 64u << 20, .targets = 1};
    struct err e = {0};
    struct stat st;
    unsigned mib;
    uuid_t uuid;

    (void)state;
    assert_int_equal(embed_pool_create(path_of("narrow"), &conf, uuid, &e), -DER_NOSPACE);
    assert_three_parts(&e);
    assert_int_equal(stat(path_of("narrow"), &st), -1);
    assert_int_equal(sscanf(e.next, "give it at least %u", &mib), 1);
    conf.limit_bytes = (uint64_t)mib << 20;
    e = (struct err){0};
    assert_int_equal(embed_pool_create(path_of("narrow"), &conf, uuid, &e), 0);
    assert_int_equal(embed_pool_destroy(path_of("narrow"), true, &e), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(targets_nobody_asked_for),
        cmocka_unit_test(a_refused_pool_leaves_nothing),
        cmocka_unit_test(a_pool_too_small_leaves_nothing),
        cmocka_unit_test(test_life_of_a_pool),
        cmocka_unit_test(test_create_refuses),
        cmocka_unit_test(test_names_that_lead_nowhere),
        cmocka_unit_test(test_a_closed_directory),
        cmocka_unit_test(test_in_use_by_another_process),
        cmocka_unit_test(test_killed_writers_lose_nothing_acknowledged),
        cmocka_unit_test(test_a_damaged_superblock_is_told),
        cmocka_unit_test(test_a_read_only_directory),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
