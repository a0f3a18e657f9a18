/*
 * Memory runs out at every allocation of a scenario, one after the other: each time the answer is
 * -DER_NOMEM, nothing leaks (the sanitizer build looks), and the same thing works once there is
 * memory again.
 */
#include "super_rig.h"
#include "base/fail.h"

#define MIB (1u << 20)

typedef int (*attempt)(struct rt_xs *xs, void *arg);

/* Fails allocation 1, 2, 3 ... until the attempt needs no more of them. */
static void sweep(struct rt_xs *xs, attempt fn, void *arg)
{
    for (uint64_t nth = 1;; nth++) {
        struct base_fail f = {.fail_at = nth};
        int rc;

        base_fail_set(&f);
        rc = fn(xs, arg);
        base_fail_set(NULL);
        if (f.failed == 0) {
            CHECK_RC(rc, 0);
            CHECK(nth > 1);
            return;
        }
        CHECK_RC(rc, -DER_NOMEM);
    }
}

static int use_dir(struct rt_xs *xs, struct io_dir *dir)
{
    uint8_t *buf = io_buf_alloc(4096);
    struct io_dev *dev = NULL;
    struct err e = {0};
    int rc = buf ? 0 : -DER_NOMEM;

    if (rc == 0)
        rc = io_dir_create_dev(dir, xs, "a", MIB, &dev, &e);
    if (rc == 0) {
        memset(buf, 1, 4096);
        rc = io_write_wait(dev, MIB - 4096, buf, 4096, 0);
    }
    if (rc == 0)
        rc = io_grow_wait(dev, 2 * MIB);
    if (rc == 0)
        rc = io_zero_wait(dev, 0, 2 * MIB);
    io_dev_close(dev);
    dev = NULL;
    /* on a busy machine what was in flight may hold it for longer than opening waits */
    for (uint32_t i = 0; rc == 0 && dev == NULL && i < 5; i++) {
        rc = io_dir_open_dev(dir, xs, "a", false, &dev, &e);
        if (rc == -DER_BUSY && i < 4)
            rc = 0;
    }
    io_dev_close(dev);
    (void)io_dir_remove(dir, "a", NULL); /* not there if it failed early */
    io_buf_free(buf);
    return rc;
}

static int use_memory(struct rt_xs *xs, void *arg)
{
    struct io_dir *dir;
    int rc = io_dir_open_mem(&dir);

    (void)arg;
    if (rc == 0) {
        rc = use_dir(xs, dir);
        io_dir_close(dir);
    }
    return rc;
}

static int use_files(struct rt_xs *xs, void *arg)
{
    struct io_dir *dir;
    struct err e = {0};
    int rc = io_dir_open(arg, false, &dir, &e);

    if (rc != 0) {
        CHECK(*e.what && *e.why && *e.next);
        return rc;
    }
    rc = io_dir_lock(dir, &e);
    if (rc == 0)
        rc = use_dir(xs, dir);
    io_dir_close(dir);
    return rc;
}

static void devices(struct rt_xs *xs, void *arg)
{
    char path[] = "/tmp/tarn-io-XXXXXX", command[64];

    (void)arg;
    CHECK(mkdtemp(path));
    sweep(xs, use_memory, NULL);
    sweep(xs, use_files, path);
    snprintf(command, sizeof(command), "rm -rf %s", path);
    CHECK(system(command) == 0);
}

static int format_once(struct rt_xs *xs, void *arg)
{
    struct rig *r = arg;

    (void)xs;
    return rig_format(r, NULL);
}

static int open_once(struct rt_xs *xs, void *arg)
{
    struct rig *r = arg;
    struct err e = {0};

    (void)xs;
    return rig_reopen(r, false, &e);
}

static int cross_extents(struct rt_xs *xs, void *arg)
{
    struct rig *r = arg;

    (void)xs;
    return super_read_wait(r->super, SUPER_META, rig_sizes[SUPER_META] - 4096, r->buf, 8192);
}

static int grow_wal(struct rt_xs *xs, void *arg)
{
    struct rig *r = arg;
    uint64_t before = super_role_size(r->super, SUPER_WAL);
    int rc = super_grow(r->super, SUPER_WAL, KIB64);

    (void)xs;
    CHECK(super_role_size(r->super, SUPER_WAL) == before + (rc == 0 ? KIB64 : 0));
    return rc;
}

static void superblocks(struct rt_xs *xs, void *arg)
{
    struct rig r = rig_make(xs, &(struct sim_dir_conf){.seed = 1});

    (void)arg;
    sweep(xs, format_once, &r);
    sweep(xs, open_once, &r);
    CHECK_RC(super_grow(r.super, SUPER_META, KIB64), 0);
    sweep(xs, cross_extents, &r);
    sweep(xs, grow_wal, &r);
    CHECK_RC(rig_power_cycle(&r), 0);
    rig_free(&r);
}

#define STORIES(X)                                                                                 \
    X(devices)                                                                                     \
    X(superblocks)
STORIES_MAIN(STORIES)
