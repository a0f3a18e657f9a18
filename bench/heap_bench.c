/*
 * What a heap transaction costs, and the put of a pair that is published or prepared and committed:
 * in memory, with a log in memory, and with a log on the file system of the directory given
 * (default: the current one). One run, ratios: figures of different machines
 * do not compare, figures of one run do.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <time.h>

#include "base/assert.h"
#include "base/hash.h"
#include "heap/heap.h"
#include "io/io.h"
#include "base/hlc.h"
#include "rt/rt.h"
#include "vos/vos.h"

#define RECORDS 20000u
#define PAIRS   20000u
#define PUTS    100000u
#define TXS     400000u
#define LONE    2000u

struct bench {
    struct rt_xs *xs;
    struct rt_event done;
    const char *path;
    uint64_t off[RECORDS];
};

static void line(const char *what, uint64_t n, uint64_t ns)
{
    printf("  %-44s %9.0f /s   %7.0f ns each\n", what, (double)n * 1e9 / (double)ns,
           (double)ns / (double)n);
}

static int make_records(struct bench *b, struct heap *h)
{
    int rc = 0;

    for (uint32_t i = 0; i < RECORDS && rc == 0; i++) {
        struct heap_pins pins = HEAP_PINS_INIT;

        do {
            heap_lock(h);
            rc = heap_tx_begin(h, 512);
            if (rc == 0) {
                rc = heap_tx_alloc(h, 200, 0, &b->off[i], NULL);
                if (rc == 0)
                    heap_tx_commit(h, NULL);
                else
                    heap_tx_abort(h);
            }
            heap_pins_take(h, &pins);
            heap_unlock(h);
        } while (heap_retry(h, &pins, &rc));
        heap_pins_drop(h, &pins);
    }
    return rc;
}

/* Three ranges in three records. */
static int three_ranges(struct bench *b, struct heap *h, uint64_t n, uint64_t *lsn)
{
    int rc;

    heap_lock(h);
    rc = heap_tx_begin(h, 200);
    for (uint32_t i = 0; i < 3 && rc == 0; i++) {
        uint64_t *p = heap_tx_write(h, b->off[mix64(n * 3 + i) % RECORDS] + 16, 24);

        if (p == NULL)
            rc = heap_rc(h);
        else
            p[0] = p[1] = p[2] = n;
    }
    if (rc == 0)
        heap_tx_commit(h, lsn);
    else if (heap_tx_active(h))
        heap_tx_abort(h);
    heap_unlock(h);
    return rc;
}

static void commits(struct bench *b, struct heap *h, const char *what, uint64_t nr)
{
    uint64_t t = rt_now_ns(), lsn = 0;

    for (uint64_t n = 0; n < nr; n++) {
        struct heap_pins pins = HEAP_PINS_INIT;
        int rc;

        do {
            rc = three_ranges(b, h, n, &lsn);
        } while (heap_retry(h, &pins, &rc));
        ASSERT(rc == 0);
        if (n % 64 == 0)
            rt_yield();
    }
    heap_wait_durable(h, lsn);
    line(what, nr, rt_now_ns() - t);
}

static void reads(struct bench *b, struct heap *h)
{
    uint64_t t = rt_now_ns(), sum = 0;

    heap_lock(h);
    for (uint64_t n = 0; n < 10 * TXS; n++) {
        const uint64_t *p = heap_ptr(h, b->off[n % RECORDS], 24);

        sum += p != NULL ? *p : 0;
    }
    heap_unlock(h);
    line(sum == 1 ? "-" : "heap_ptr, page resident", 10 * TXS, rt_now_ns() - t);
}

static void lone(struct bench *b, struct heap *h)
{
    uint64_t t = rt_now_ns(), lsn = 0;

    for (uint64_t n = 0; n < LONE; n++) {
        ASSERT(three_ranges(b, h, n, &lsn) == 0);
        ASSERT(heap_wait_durable(h, lsn) == 0);
    }
    line("lone commits, each waited for", LONE, rt_now_ns() - t);
}

/* ---- Puts of 100 bytes ---- */

struct puts {
    struct heap *h;
    struct vos_cont *c;
    struct vos_txid txid;
    uint64_t lsn;
};

/* The heap's retry loop; the lock is held in expr. */
#define RETRY(h, expr)                                                                             \
    ({                                                                                             \
        struct heap_pins pins_ = HEAP_PINS_INIT;                                                   \
        int rc_;                                                                                   \
        do {                                                                                       \
            heap_lock(h);                                                                          \
            rc_ = (expr);                                                                          \
            heap_pins_take(h, &pins_);                                                             \
            heap_unlock(h);                                                                        \
        } while (heap_retry(h, &pins_, &rc_));                                                     \
        heap_pins_drop(h, &pins_);                                                                 \
        rc_;                                                                                       \
    })

enum way { PUBLISH, PREPARE_ONLY, PREPARE_COMMIT };

static void put(struct puts *p, uint64_t n, enum way way)
{
    char key[16], value[100];
    struct iovec iov = {memset(value, 'v', sizeof(value)), sizeof(value)};
    struct vos_iod iod = {.akey = {"a", 1},
                          .type = DAOS_IOD_SINGLE,
                          .rec_size = sizeof(value),
                          .iov = &iov,
                          .iov_nr = 1};
    struct vos_op op = {.kind = VOS_OP_UPDATE,
                        .oid = {.lo = 1},
                        .dkey = {key, (uint32_t)snprintf(key, sizeof(key), "k%llu",
                                                         (unsigned long long)(n % PAIRS))},
                        .akey_nr = 1,
                        .iods = &iod};
    const struct vos_place *places;
    struct vos_update *u = NULL;
    daos_epoch_t epoch;
    uint32_t nr;
    bool again;

    p->txid.acked = way == PREPARE_ONLY ? 0 : p->txid.seq;
    p->txid.seq++;
    ASSERT(RETRY(p->h, vos_update_begin(p->c, &op, 1, &u, &places, &nr)) == 0);
    if (way == PUBLISH) {
        ASSERT(RETRY(p->h, vos_update_publish(u, 0, &p->txid, 0, &epoch, &p->lsn, &again)) == 0);
        return;
    }
    ASSERT(RETRY(p->h, vos_update_prepare(u, 0, &p->txid, 0, "leader and participants", 23, &epoch,
                                          &p->lsn, &again)) == 0);
    if (way == PREPARE_COMMIT)
        ASSERT(RETRY(p->h, vos_resolve(p->c, &p->txid, true, &epoch, &p->lsn)) == 0);
}

static uint64_t cpu_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

/* CPU of this thread, log writing included; and log bytes. */
static uint64_t puts_round(struct puts *p, enum way way, const char *what, uint64_t *log_bytes)
{
    struct heap_stat a, b;
    uint64_t t = cpu_ns();

    heap_stat(p->h, &a);
    for (uint64_t n = 0; n < PUTS; n++) {
        put(p, n, way);
        if (n % 64 == 0)
            rt_yield();
    }
    heap_wait_durable(p->h, p->lsn);
    t = cpu_ns() - t;
    heap_stat(p->h, &b);
    *log_bytes = (b.wal_written - a.wal_written) / PUTS;
    if (what != NULL)
        line(what, PUTS, t);
    return t;
}

/* Overwrites, so that nothing grows; and what an intent takes. */
static void pairs(struct heap *h)
{
    struct puts p = {.h = h, .txid = {1, 1, 0, 0}};
    struct hlc clock = {0};
    struct heap_stat a, b;
    struct vos *v = NULL;
    uint64_t plain, two, bytes[2];

    ASSERT(RETRY(h, vos_format(h)) == 0);
    ASSERT(RETRY(h, vos_open(h, &clock, 0, &v)) == 0);
    ASSERT(RETRY(h, vos_cont_open(v, (uuid_t){1}, true, &p.c)) == 0);
    puts_round(&p, PUBLISH, NULL, bytes);
    plain = puts_round(&p, PUBLISH, "puts of 100 bytes, published", &bytes[0]);
    two = puts_round(&p, PREPARE_COMMIT, "the same, prepared and committed", &bytes[1]);
    printf("  %-44s %9.2f x      %llu and %llu log bytes each\n", "CPU, as a ratio",
           (double)two / (double)plain, (unsigned long long)bytes[0], (unsigned long long)bytes[1]);
    heap_stat(h, &a);
    for (uint32_t n = 0; n < 100; n++)
        put(&p, n, PREPARE_ONLY);
    heap_stat(h, &b);
    printf("  %-44s %9.0f bytes\n", "heap of one that is prepared",
           (double)(b.alloc_bytes - a.alloc_bytes) / 100);
    vos_close(v);
}

static void with_device(struct bench *b, const char *title, struct io_dir *dir)
{
    struct super_id id = {.page_size = HEAP_PAGE_SIZE, .roles = 7};
    uint64_t size[SUPER_ROLE_NR] = {64u << 20, 64u << 20, 1u << 20}, t;
    struct heap_conf conf = {.xs = b->xs};
    struct io_dev *dev = NULL;
    struct super *s = NULL;
    struct heap *h = NULL;

    printf("%s\n", title);
    io_dir_remove(dir, "heap_bench", NULL);
    if (io_dir_create_dev(dir, b->xs, "heap_bench", 140u << 20, &dev, NULL) != 0 ||
        super_format(dev, &id, size, 0, 0, 0, true, &s, NULL) != 0) {
        printf("  not possible there\n");
        return;
    }
    for (uint32_t r = 0; r < SUPER_ROLE_NR; r++)
        conf.dev[r] = s;
    ASSERT(heap_format(&conf, NULL) == 0);
    ASSERT(heap_open(&conf, &h, NULL) == 0);
    ASSERT(make_records(b, h) == 0);
    commits(b, h, "commits of three ranges, nobody waits", TXS);
    lone(b, h);
    t = rt_now_ns();
    ASSERT(heap_checkpoint(h) == 0);
    line("checkpoint", 1, rt_now_ns() - t);
    commits(b, h, "again", TXS);
    pairs(h);
    ASSERT(heap_close(h, false) == 0);
    t = rt_now_ns();
    ASSERT(heap_open(&conf, &h, NULL) == 0);
    line("open after a crash", 1, rt_now_ns() - t);
    ASSERT(heap_close(h, true) == 0);
    super_close(s);
    io_dev_close(dev);
    io_dir_remove(dir, "heap_bench", NULL);
}

static void run(void *arg)
{
    struct bench *b = arg;
    struct heap_conf conf = {.xs = b->xs};
    struct io_dir *dir = NULL;
    struct heap *h = NULL;

    printf("in memory, no log\n");
    ASSERT(heap_open(&conf, &h, NULL) == 0);
    ASSERT(make_records(b, h) == 0);
    commits(b, h, "commits of three ranges", TXS);
    reads(b, h);
    ASSERT(heap_close(h, true) == 0);
    ASSERT(io_dir_open_mem(&dir) == 0);
    with_device(b, "log in memory", dir);
    io_dir_close(dir);
    if (io_dir_open(b->path, false, &dir, NULL) == 0) {
        with_device(b, "log on the file system", dir);
        io_dir_close(dir);
    }
    rt_event_set(&b->done);
}

int main(int argc, char **argv)
{
    struct rt_xs_conf conf = {.cpu = -1, .name = "heap-bench", .spin_us = 20};
    struct bench *b = calloc(1, sizeof(*b));

    if (b == NULL)
        return 1;
    b->path = argc > 1 ? argv[1] : ".";
    rt_event_init(&b->done);
    if (rt_xs_create(&conf, &b->xs) != 0 || rt_spawn_on(b->xs, run, b) != 0)
        return 1;
    rt_event_wait(&b->done);
    rt_xs_destroy(b->xs);
    free(b);
    return 0;
}
