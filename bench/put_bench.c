/*
 * Lone durable puts and warm gets of 100-byte values through libdaos on an embedded pool, against
 * the device's own limit in the same run and directory: a 4 KiB O_DIRECT write with RWF_DSYNC to a
 * file of written blocks. Rounds of the contenders alternate. Prints device writes per put (the
 * goal is one) and ratios.
 *
 * usage: put_bench DIRECTORY [ROUNDS]
 */
#include <daos.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>
#include "client/client.h"
#include "embed/embed.h"

#define PUTS_A_ROUND 500
#define GETS_A_ROUND 50000
#define ROUNDS_MAX   64

static double now_us(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec * 1e6 + (double)ts.tv_nsec / 1e3;
}

struct figure {
    const char *name;
    uint64_t value;
};

static void figure_each(void *arg, const char *name, uint64_t value)
{
    struct figure *f = arg;

    if (strcmp(name, f->name) == 0)
        f->value = value;
}

static void die(const char *what, int rc)
{
    char text[1024] = "";

    err_format(err_last(), text, sizeof(text));
    fprintf(stderr, "put_bench: %s: %d %s\n", what, rc, text);
    exit(1);
}

static uint64_t figure(daos_handle_t poh, const char *name)
{
    struct figure f = {.name = name};
    int rc = client_engine_stat(poh, figure_each, &f);

    if (rc != 0)
        die("figures", rc);
    return f.value;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return x < y ? -1 : x > y;
}

static double median(double *v, int n)
{
    qsort(v, (size_t)n, sizeof(*v), by_value);
    return v[n / 2];
}

static double raw_round(int fd, void *buf)
{
    double t0 = now_us();

    for (int i = 0; i < PUTS_A_ROUND; i++) {
        struct iovec iov = {buf, 4096};

        if (pwritev2(fd, &iov, 1, (i % 1024) * 4096, RWF_DSYNC) != 4096)
            die("pwritev2", errno);
    }
    return (now_us() - t0) / PUTS_A_ROUND;
}

static int raw_open(const char *dir)
{
    char path[4200];
    void *buf;
    int fd;

    snprintf(path, sizeof(path), "%s/raw", dir);
    fd = open(path, O_RDWR | O_CREAT | O_DIRECT, 0600);
    if (fd < 0)
        die("open raw file", errno);
    if (posix_memalign(&buf, 4096, 1 << 20) != 0)
        die("memory", ENOMEM);
    memset(buf, 1, 1 << 20);
    for (int i = 0; i < 4; i++)
        if (pwrite(fd, buf, 1 << 20, i << 20) != 1 << 20)
            die("write raw file", errno);
    fsync(fd);
    free(buf);
    return fd;
}

int main(int argc, char **argv)
{
    double raw[ROUNDS_MAX], put[ROUNDS_MAX], get[ROUNDS_MAX];
    char pool[4200], value[100], key[32], got[128];
    struct embed_pool_conf conf = {0};
    struct err e = {0};
    daos_obj_id_t oid = {.lo = 1};
    daos_handle_t poh, coh, kv;
    uint64_t writes0, writes1, writes = 0;
    void *buf;
    uuid_t uuid;
    int rounds = argc > 2 ? atoi(argv[2]) : 9, rc, fd;

    if (argc < 2 || rounds < 1 || rounds > ROUNDS_MAX)
        die("usage: put_bench DIRECTORY [ROUNDS]", 0);
    setenv("TARN_BACKGROUND", "0", 1); /* what is measured is in this process */
    snprintf(pool, sizeof(pool), "%s/pool", argv[1]);
    rc = embed_pool_create(pool, &conf, uuid, &e);
    if (rc != 0) {
        err_last_set(&e);
        die("create pool", rc);
    }
    rc = daos_init();
    if (rc == 0)
        rc = daos_pool_connect(pool, NULL, DAOS_PC_RW, &poh, NULL, NULL);
    if (rc == 0)
        rc = daos_cont_create_with_label(poh, "kv", NULL, NULL, NULL);
    if (rc == 0)
        rc = daos_cont_open(poh, "kv", DAOS_COO_RW, &coh, NULL, NULL);
    if (rc == 0)
        rc = daos_obj_generate_oid(coh, &oid, DAOS_OT_KV_HASHED, OC_S1, 0, 0);
    if (rc == 0)
        rc = daos_kv_open(coh, oid, DAOS_OO_RW, &kv, NULL);
    if (rc != 0)
        die("open", rc);
    fd = raw_open(argv[1]);
    if (posix_memalign(&buf, 4096, 4096) != 0)
        die("memory", ENOMEM);
    memset(buf, 2, 4096);
    memset(value, 'v', sizeof(value));

    for (int r = 0; r < rounds; r++) {
        double t0;

        raw[r] = raw_round(fd, buf);
        writes0 = figure(poh, "wal_writes");
        t0 = now_us();
        for (int i = 0; i < PUTS_A_ROUND; i++) {
            snprintf(key, sizeof(key), "key-%d-%d", r, i);
            rc = daos_kv_put(kv, DAOS_TX_NONE, 0, key, sizeof(value), value, NULL);
            if (rc != 0)
                die("put", rc);
        }
        put[r] = (now_us() - t0) / PUTS_A_ROUND;
        writes1 = figure(poh, "wal_writes");
        writes += writes1 - writes0;
        t0 = now_us();
        for (int i = 0; i < GETS_A_ROUND; i++) {
            daos_size_t size = sizeof(got);

            snprintf(key, sizeof(key), "key-%d-%d", r, i % PUTS_A_ROUND);
            rc = daos_kv_get(kv, DAOS_TX_NONE, 0, key, &size, got, NULL);
            if (rc != 0 || size != sizeof(value))
                die("get", rc);
        }
        get[r] = (now_us() - t0) / GETS_A_ROUND;
    }
    printf("lone durable put of 100 bytes: %.1f us; the device's own durable 4 KiB write: %.1f us; "
           "ratio %.2f\n",
           median(put, rounds), median(raw, rounds), median(put, rounds) / median(raw, rounds));
    printf("device writes per put: %.3f (goal 1)\n",
           (double)writes / (double)(rounds * PUTS_A_ROUND));
    printf("get of 100 bytes, warm: %.2f us\n", median(get, rounds));
    daos_kv_close(kv, NULL);
    daos_cont_close(coh, NULL);
    daos_pool_disconnect(poh, NULL);
    daos_fini();
    return 0;
}
