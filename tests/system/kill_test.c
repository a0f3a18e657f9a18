/*
 * Acknowledged means durable. A child opens the pool in its own process, puts keys (or creates
 * files) as fast as it can and reports each one that was acknowledged through a pipe; the parent
 * kills it with SIGKILL at a random moment. A second child then opens the pool and reads back
 * everything that was ever acknowledged. A hundred rounds on one pool, each continuing where the
 * last one fell.
 *
 * usage: kill_test kv|file ROUNDS [SEED]
 */
#include <daos.h>
#include <daos_fs.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "embed/embed.h"

#define VALUE_MAX 9000u
#define INFLIGHT                                                                                   \
    16u /* puts of the kv mode under way at once, so that many share a group of the log */
#define KEYS_MAX (1u << 22)

enum mode { MODE_KV, MODE_FILE };

struct world {
    char pool[300];
    enum mode mode;
    daos_handle_t poh, coh, kv;
    dfs_t *dfs;
};

static void die(const char *what, int rc)
{
    fprintf(stderr, "kill_test: %s: %d\n", what, rc);
    exit(1);
}

/* The value of key i: its length and every byte follow from i, so that a reader can tell wrong data
 * from right. */
static size_t value_of(uint64_t i, unsigned char *buf)
{
    uint64_t x = i * 0x9e3779b97f4a7c15ull + 1;
    size_t len = i % 10 == 0 ? 4096 + i % (VALUE_MAX - 4096) : 16 + i % 200;

    for (size_t k = 0; k < len; k++) {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        buf[k] = (unsigned char)x;
    }
    return len;
}

static void world_open(struct world *w)
{
    int rc = daos_init();

    if (rc != 0)
        die("daos_init", rc);
    rc = daos_pool_connect(w->pool, NULL, DAOS_PC_RW, &w->poh, NULL, NULL);
    if (rc != 0)
        die("daos_pool_connect", rc);
    if (w->mode == MODE_FILE) {
        rc = dfs_cont_create_with_label(w->poh, "files", NULL, NULL, NULL, NULL);
        if (rc != 0 && rc != EEXIST)
            die("dfs_cont_create_with_label", rc);
        rc = daos_cont_open(w->poh, "files", DAOS_COO_RW, &w->coh, NULL, NULL);
        if (rc != 0)
            die("daos_cont_open", rc);
        rc = dfs_mount(w->poh, w->coh, O_RDWR, &w->dfs);
        if (rc != 0)
            die("dfs_mount", rc);
        return;
    }
    rc = daos_cont_create_with_label(w->poh, "keys", NULL, NULL, NULL);
    if (rc != 0 && rc != -DER_EXIST)
        die("daos_cont_create_with_label", rc);
    rc = daos_cont_open(w->poh, "keys", DAOS_COO_RW, &w->coh, NULL, NULL);
    if (rc != 0)
        die("daos_cont_open", rc);
    daos_obj_id_t oid = {.lo = 7, .hi = 0};
    rc = daos_obj_generate_oid(w->coh, &oid, DAOS_OT_KV_HASHED, OC_S1, 0, 0);
    if (rc != 0)
        die("daos_obj_generate_oid", rc);
    rc = daos_kv_open(w->coh, oid, DAOS_OO_RW, &w->kv, NULL);
    if (rc != 0)
        die("daos_kv_open", rc);
}

static void world_close(struct world *w)
{
    int rc;

    if (w->mode == MODE_FILE)
        rc = dfs_umount(w->dfs);
    else
        rc = daos_kv_close(w->kv, NULL);
    if (rc != 0)
        die("close", rc);
    rc = daos_cont_close(w->coh, NULL);
    if (rc != 0)
        die("daos_cont_close", rc);
    rc = daos_pool_disconnect(w->poh, NULL);
    if (rc != 0)
        die("daos_pool_disconnect", rc);
    daos_fini();
}

static void put_one(struct world *w, uint64_t i)
{
    unsigned char value[VALUE_MAX];
    size_t len = value_of(i, value);
    char name[64];
    int rc;

    snprintf(name, sizeof(name), "key-%llu", (unsigned long long)i);
    if (w->mode == MODE_KV) {
        rc = daos_kv_put(w->kv, DAOS_TX_NONE, 0, name, len, value, NULL);
        if (rc != 0)
            die("daos_kv_put", rc);
        return;
    }
    dfs_obj_t *obj;
    d_iov_t iov;
    d_sg_list_t sgl = {.sg_nr = 1, .sg_iovs = &iov};

    rc = dfs_open(w->dfs, NULL, name, S_IFREG | 0644, O_CREAT | O_RDWR, 0, 0, NULL, &obj);
    if (rc != 0)
        die("dfs_open(create)", rc);
    d_iov_set(&iov, value, len);
    rc = dfs_write(w->dfs, obj, &sgl, 0, NULL);
    if (rc != 0)
        die("dfs_write", rc);
    dfs_release(obj);
}

static void check_one(struct world *w, uint64_t i)
{
    unsigned char want[VALUE_MAX], got[VALUE_MAX + 1];
    size_t len = value_of(i, want);
    daos_size_t size = sizeof(got);
    char name[64];
    int rc;

    snprintf(name, sizeof(name), "key-%llu", (unsigned long long)i);
    if (w->mode == MODE_KV) {
        rc = daos_kv_get(w->kv, DAOS_TX_NONE, DAOS_COND_KEY_GET, name, &size, got, NULL);
    } else {
        dfs_obj_t *obj;
        d_iov_t iov;
        d_sg_list_t sgl = {.sg_nr = 1, .sg_iovs = &iov};

        rc = dfs_open(w->dfs, NULL, name, S_IFREG, O_RDONLY, 0, 0, NULL, &obj);
        if (rc == 0) {
            d_iov_set(&iov, got, sizeof(got));
            rc = dfs_read(w->dfs, obj, &sgl, 0, &size, NULL);
            dfs_release(obj);
        }
    }
    if (rc != 0) {
        fprintf(stderr, "kill_test: %s was acknowledged and cannot be read: %d\n", name, rc);
        exit(2);
    }
    if (size != len || memcmp(want, got, len) != 0) {
        fprintf(stderr, "kill_test: %s was acknowledged and holds other bytes (%zu of %zu)\n", name,
                (size_t)size, len);
        exit(2);
    }
}

static void report(int fd, uint64_t i)
{
    if (write(fd, &i, sizeof(i)) != sizeof(i))
        die("report", errno);
}

struct put {
    daos_event_t ev;
    uint64_t i;
    char name[64];
    unsigned char value[VALUE_MAX];
};

static void put_start(struct world *w, struct put *p, uint64_t i)
{
    size_t len = value_of(i, p->value);
    int rc;

    p->i = i;
    snprintf(p->name, sizeof(p->name), "key-%llu", (unsigned long long)i);
    rc = daos_kv_put(w->kv, DAOS_TX_NONE, 0, p->name, len, p->value, &p->ev);
    if (rc != 0)
        die("daos_kv_put", rc);
}

/* Keeps INFLIGHT puts under way for ever. */
static void puts_for_ever(struct world *w, uint64_t next, int fd)
{
    struct put *puts = calloc(INFLIGHT, sizeof(*puts));
    daos_event_t *done[INFLIGHT];
    daos_handle_t eq;
    int rc = daos_eq_create(&eq);

    if (rc != 0 || puts == NULL)
        die("daos_eq_create", rc);
    for (unsigned k = 0; k < INFLIGHT; k++) {
        daos_event_init(&puts[k].ev, eq, NULL);
        put_start(w, &puts[k], next++);
    }
    for (;;) {
        int nr = daos_eq_poll(eq, 1, DAOS_EQ_WAIT, INFLIGHT, done);

        for (int k = 0; k < nr; k++) {
            struct put *p = (struct put *)done[k];

            if (p->ev.ev_error != 0)
                die("put", p->ev.ev_error);
            report(fd, p->i);
            put_start(w, p, next++);
        }
    }
}

static void child_writes(struct world *w, uint64_t first, int fd)
{
    world_open(w);
    if (w->mode == MODE_KV)
        puts_for_ever(w, first, fd);
    for (uint64_t i = first;; i++) {
        put_one(w, i);
        report(fd, i);
    }
}

/* Checks what was acknowledged in [from, to), and a sample of what came before. */
static void child_checks(struct world *w, const unsigned char *acked, uint64_t from, uint64_t to)
{
    world_open(w);
    for (uint64_t i = from; i < to; i++)
        if (acked[i])
            check_one(w, i);
    for (uint64_t i = 0; i < from; i += 1 + from / 500)
        if (acked[i])
            check_one(w, i);
    world_close(w);
    exit(0);
}

static int run_child(struct world *w, const unsigned char *acked, uint64_t from, uint64_t to)
{
    int status;
    pid_t pid = fork();

    if (pid == 0)
        child_checks(w, acked, from, to);
    waitpid(pid, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

/* One round: marks what is acknowledged, answers the end of the keys that were tried. */
static uint64_t run_round(struct world *w, unsigned char *acked, uint64_t first, unsigned delay_us)
{
    uint64_t i, end = first;
    int fds[2], status;

    if (pipe(fds) != 0)
        die("pipe", errno);
    pid_t pid = fork();
    if (pid == 0) {
        close(fds[0]);
        child_writes(w, first, fds[1]);
    }
    close(fds[1]);
    /* mostly the first acknowledgement starts the clock, so that opening is not all that is ever
     * killed */
    bool armed = delay_us % 4 == 0;
    if (armed) {
        usleep(delay_us / 4);
        kill(pid, SIGKILL);
    }
    while (read(fds[0], &i, sizeof(i)) == sizeof(i)) {
        if (i < first || i >= KEYS_MAX - INFLIGHT || acked[i])
            die("an acknowledgement that nobody asked for", (int)i);
        acked[i] = 1;
        end = i + 1 > end ? i + 1 : end;
        if (!armed) {
            armed = true;
            usleep(delay_us);
            kill(pid, SIGKILL);
        }
    }
    close(fds[0]);
    waitpid(pid, &status, 0);
    if (!WIFSIGNALED(status))
        die("the writer ended by itself", status);
    return end;
}

int main(int argc, char **argv)
{
    struct world w = {0};
    const char *where = getenv("TARN_TEST_DIR");
    char dir[256];
    char cmd[512];
    unsigned char *acked = calloc(1, KEYS_MAX);
    uint64_t tried = 0, nr = 0;
    struct err e = {0};
    uuid_t pool;

    if (argc < 3)
        die("usage: kill_test kv|file ROUNDS [SEED]", 0);
    w.mode = strcmp(argv[1], "file") == 0 ? MODE_FILE : MODE_KV;
    unsigned rounds = (unsigned)atoi(argv[2]);
    unsigned seed = argc > 3 ? (unsigned)atoi(argv[3]) : (unsigned)time(NULL);
    printf("seed %u\n", seed);
    fflush(stdout); /* children must not print it again */
    srand(seed);
    snprintf(dir, sizeof(dir), "%s/tarn-kill-XXXXXX", where != NULL ? where : "/tmp");
    setenv("TARN_BACKGROUND", "0", 1); /* whose process is killed is the engine's */
    if (mkdtemp(dir) == NULL)
        die("mkdtemp", errno);
    snprintf(w.pool, sizeof(w.pool), "%s/pool", dir);
    setenv("XDG_STATE_HOME", dir, 1);
    struct embed_pool_conf conf = {.wal_bytes = 8u << 20};
    /* in a child: an engine's threads do not survive the forks below */
    pid_t pid = fork();
    if (pid == 0)
        exit(embed_pool_create(w.pool, &conf, pool, &e) == 0 ? 0 : 1);
    int status;
    waitpid(pid, &status, 0);
    if (status != 0)
        die("embed_pool_create", status);

    int result = 0;
    for (unsigned r = 0; r < rounds && result == 0; r++) {
        uint64_t first = tried;

        tried = run_round(&w, acked, first, (unsigned)rand() % 60000);
        result = run_child(&w, acked, first, tried);
        tried +=
            INFLIGHT; /* puts that were under way may have happened or not: nobody looks at them */
    }
    if (result == 0)
        result = run_child(&w, acked, 0, tried);
    for (uint64_t i = 0; i < tried; i++)
        nr += acked[i];
    printf("%u rounds, %llu acknowledged, %s\n", rounds, (unsigned long long)nr,
           result == 0 ? "all there" : "DATA LOST");
    snprintf(cmd, sizeof(cmd), "rm -rf %s", dir);
    if (result == 0 && nr > 0 && system(cmd) != 0)
        return 1;
    free(acked);
    return result != 0 || nr == 0;
}
