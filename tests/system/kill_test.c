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

enum mode { MODE_KV, MODE_FILE };

struct world {
    char pool[256];
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

static void child_writes(struct world *w, uint64_t first, int fd)
{
    world_open(w);
    for (uint64_t i = first;; i++) {
        put_one(w, i);
        if (write(fd, &i, sizeof(i)) != sizeof(i))
            die("report", errno);
    }
}

/* Checks the last round's keys and a sample of the older ones. */
static void child_checks(struct world *w, uint64_t from, uint64_t nr)
{
    world_open(w);
    for (uint64_t i = from; i < nr; i++)
        check_one(w, i);
    for (uint64_t i = 0; i < from; i += 1 + from / 500)
        check_one(w, i);
    world_close(w);
    exit(0);
}

static int run_child(struct world *w, uint64_t from, uint64_t nr)
{
    int status;
    pid_t pid = fork();

    if (pid == 0)
        child_checks(w, from, nr);
    waitpid(pid, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

/* One round: returns how many keys are acknowledged in all. */
static uint64_t run_round(struct world *w, uint64_t acked, unsigned delay_us)
{
    int fds[2], status;
    uint64_t i;

    if (pipe(fds) != 0)
        die("pipe", errno);
    pid_t pid = fork();
    if (pid == 0) {
        close(fds[0]);
        child_writes(w, acked, fds[1]);
    }
    close(fds[1]);
    /* the first acknowledgement starts the clock, so that opening is not all that is ever killed */
    bool armed = delay_us % 4 == 0;
    if (armed) {
        usleep(delay_us / 4);
        kill(pid, SIGKILL);
    }
    while (read(fds[0], &i, sizeof(i)) == sizeof(i)) {
        if (i != acked)
            die("acknowledgements out of order", (int)i);
        acked++;
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
    return acked;
}

int main(int argc, char **argv)
{
    struct world w = {0};
    char dir[] = "/tmp/tarn-kill-XXXXXX";
    char cmd[512];
    uint64_t acked = 0;
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
        uint64_t before = acked;

        acked = run_round(&w, acked, (unsigned)rand() % 60000);
        result = run_child(&w, before, acked);
    }
    if (result == 0)
        result = run_child(&w, 0, acked);
    printf("%u rounds, %llu acknowledged, %s\n", rounds, (unsigned long long)acked,
           result == 0 ? "all there" : "DATA LOST");
    snprintf(cmd, sizeof(cmd), "rm -rf %s", dir);
    if (result == 0 && acked > 0 && system(cmd) != 0)
        return 1;
    return result != 0 || acked == 0;
}
