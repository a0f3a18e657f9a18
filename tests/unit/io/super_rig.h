/* A formatted device on the simulated disk, for the tests of super. */
#ifndef TARN_SUPER_RIG_H
#define TARN_SUPER_RIG_H

#include <stdio.h>
#include "io_test.h"
#include "io/super.h"
#include "io/super_format.h"
#include "sim_dev.h"

#define KIB64 65536ull

struct rig {
    struct rt_xs *xs;
    struct sim_dir *sd;
    struct io_dir *dir;
    struct io_dev *dev;
    struct super *super;
    uint8_t *buf; /* 64 KiB */
};

static const struct super_id rig_id = {
    .pool = "pool uuid 16 by",
    .device = "device uuid 16b",
    .target = 3,
    .shard = 7,
    .page_size = 16384,
    .roles = 1 << SUPER_WAL | 1 << SUPER_META | 1 << SUPER_DATA,
};
static const uint64_t rig_sizes[SUPER_ROLE_NR] = {2 * KIB64, 3 * KIB64, 4 * KIB64};

/* Disk with an empty device "d" of 64 KiB, not formatted. */
static inline struct rig rig_make(struct rt_xs *xs, const struct sim_dir_conf *conf)
{
    struct rig r = {.xs = xs, .buf = io_buf_alloc(65536)};

    CHECK_RC(sim_dir_create(conf, &r.sd), 0);
    CHECK_RC(sim_dir_open(r.sd, &r.dir), 0);
    CHECK_RC(io_dir_create_dev(r.dir, xs, "d", KIB64, &r.dev, NULL), 0);
    CHECK_RC(io_dir_sync(r.dir), 0);
    return r;
}

static inline int rig_format(struct rig *r, struct err *e)
{
    return super_format(r->dev, &rig_id, rig_sizes, 0, 0, 0, false, &r->super, e);
}

/* Closes and opens the device, the superblock not. */
static inline void rig_reopen_dev(struct rig *r, bool readonly)
{
    super_close(r->super);
    r->super = NULL;
    io_dev_close(r->dev);
    CHECK_RC(io_dir_open_dev(r->dir, r->xs, "d", readonly, &r->dev, NULL), 0);
}

static inline int rig_reopen(struct rig *r, bool readonly, struct err *e)
{
    rig_reopen_dev(r, readonly);
    return super_open(r->dev, &r->super, e);
}

static inline int rig_power_cycle(struct rig *r)
{
    sim_dir_power_cut(r->sd);
    super_close(r->super);
    r->super = NULL;
    io_dev_close(r->dev);
    io_dir_close(r->dir);
    sim_dir_power_on(r->sd);
    CHECK_RC(sim_dir_open(r->sd, &r->dir), 0);
    CHECK_RC(io_dir_open_dev(r->dir, r->xs, "d", false, &r->dev, NULL), 0);
    return super_open(r->dev, &r->super, NULL);
}

static inline void rig_free(struct rig *r)
{
    super_close(r->super);
    io_dev_close(r->dev);
    io_dir_close(r->dir);
    sim_dir_destroy(r->sd);
    io_buf_free(r->buf);
}

#define STORY(fn)                                                                                  \
    static void test_##fn(void **state)                                                            \
    {                                                                                              \
        (void)state;                                                                               \
        run_story(fn, NULL);                                                                       \
    }
#define ENTRY(fn) cmocka_unit_test(test_##fn),
#define STORIES_MAIN(STORIES)                                                                      \
    STORIES(STORY)                                                                                 \
    int main(void)                                                                                 \
    {                                                                                              \
        const struct CMUnitTest tests[] = {STORIES(ENTRY)};                                        \
        return cmocka_run_group_tests(tests, NULL, NULL);                                          \
    }

#endif
