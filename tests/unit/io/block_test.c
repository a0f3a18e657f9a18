/*
 * Block devices: they have the size they have, hold what somebody left there, and are nobody's
 * while a file system uses them. First on a simulated one, then on loop devices of both block
 * sizes, if this machine lets us have one.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/loop.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>
#include "super_rig.h"

#define MIB (UINT64_C(1) << 20)

/* ---- What is on it ---- */

static void check_foreign(struct rig *r, uint64_t off, const char *magic, size_t len,
                          const char *what)
{
    uint8_t zeros[16] = {0};
    struct err e = {0};

    CHECK_RC(sim_dev_poke(r->sd, "d", off, magic, len), 0);
    CHECK_RC(rig_format(r, &e), -DER_EXIST);
    CHECK(*e.what && *e.next && strstr(e.why, "foreign data"));
    CHECK(!what || strstr(e.why, what));
    CHECK_RC(sim_dev_poke(r->sd, "d", off, zeros, len), 0);
}

static void marks_of_others_are_seen(struct rt_xs *xs, void *arg)
{
    struct rig r = rig_make(xs, &(struct sim_dir_conf){.seed = 1});

    (void)arg;
    CHECK_RC(io_grow_wait(r.dev, 8 * MIB), 0);
    check_foreign(&r, 1080, "\x53\xef", 2, "ext4");
    check_foreign(&r, 0, "XFSB", 4, "XFS");
    check_foreign(&r, 65600, "_BHRfS_M", 8, "btrfs");
    check_foreign(&r, 0, "LUKS\xba\xbe", 6, "LUKS");
    check_foreign(&r, 512, "LABELONE", 8, "LVM");
    check_foreign(&r, 4086, "SWAPSPACE2", 10, "swap");
    check_foreign(&r, 512, "EFI PART", 8, "GPT");
    check_foreign(&r, 510, "\x55\xaa", 2, "boot sector");
    check_foreign(&r, 4096, "\xfc\x4e\x2b\xa9", 4, "RAID");
    check_foreign(&r, 1 * MIB - 1, "x", 1, NULL);
    check_foreign(&r, 7 * MIB, "x", 1, NULL);
    check_foreign(&r, 8 * MIB - 1, "x", 1, NULL);
    /* what lies in between is not looked at */
    CHECK_RC(sim_dev_poke(r.sd, "d", 1 * MIB, "x", 1), 0);
    CHECK_RC(sim_dev_poke(r.sd, "d", 7 * MIB - 1, "x", 1), 0);
    CHECK_RC(rig_format(&r, NULL), 0);
    rig_free(&r);
}

/* Wiped, it can be used again; so it can when power was cut at any step of that: it is still the
 * pool's or is nobody's, and wiping again ends it. */
static void wiping_can_be_cut(struct rt_xs *xs, void *arg)
{
    bool cut = true, blank;

    (void)arg;
    for (uint64_t step = 1; cut; step++) {
        struct rig r = rig_make(xs, &(struct sim_dir_conf){.seed = step});
        struct super *s;
        int rc;

        CHECK_RC(io_grow_wait(r.dev, 4 * MIB), 0);
        CHECK_RC(rig_format(&r, NULL), 0);
        CHECK_RC(super_blank(r.dev, &blank), 0);
        CHECK(!blank);
        sim_dir_power_cut_at(r.sd, step);
        rc = super_wipe(r.dev);
        cut = !sim_dir_powered(r.sd);
        CHECK(cut || rc == 0);
        if (cut) {
            super_close(r.super);
            r.super = NULL;
            io_dev_close(r.dev);
            io_dir_close(r.dir);
            sim_dir_power_on(r.sd);
            CHECK_RC(sim_dir_open(r.sd, &r.dir), 0);
            CHECK_RC(io_dir_open_dev(r.dir, xs, "d", false, &r.dev, NULL), 0);
            rc = super_read(r.dev, &s, NULL);
            CHECK(rc == 0 || rc == -DER_DF_INVAL || rc == -DER_CSUM);
            if (rc == 0)
                super_close(s);
            CHECK_RC(super_wipe(r.dev), 0);
        } else {
            sim_dir_power_cut_at(r.sd, 0);
            super_close(r.super);
            r.super = NULL;
        }
        CHECK_RC(super_blank(r.dev, &blank), 0);
        CHECK(blank);
        CHECK_RC(rig_format(&r, NULL), 0);
        rig_free(&r);
    }
}

static void it_grows_no_further(struct rt_xs *xs, void *arg)
{
    struct rig r = rig_make(xs, &(struct sim_dir_conf){.seed = 1, .fixed_bytes = 16 * KIB64});
    uint64_t grown = 0;

    (void)arg;
    CHECK(r.dev->fixed && r.dev->size == 16 * KIB64);
    CHECK_RC(rig_format(&r, NULL), -DER_EXIST); /* noise */
    CHECK_RC(super_format(r.dev, &rig_id, rig_sizes, 0, 0, 0, true, &r.super, NULL), 0);
    CHECK(super_room(r.super) == 6 * KIB64 && super_bytes(r.super) == 10 * KIB64);
    for (uint64_t off = 0; off < rig_sizes[SUPER_WAL]; off += KIB64) {
        CHECK_RC(super_read_wait(r.super, SUPER_WAL, off, r.buf, KIB64), 0);
        CHECK(is_zero(r.buf, KIB64));
    }
    CHECK_RC(io_grow_wait(r.dev, 17 * KIB64), -DER_NOTSUPPORTED);
    CHECK_RC(super_grow(r.super, SUPER_DATA, 7 * KIB64), -DER_NOSPACE);
    while (super_grow(r.super, SUPER_DATA, KIB64) == 0)
        grown++;
    CHECK(grown == 6 && super_room(r.super) == 0);
    CHECK_RC(super_grow(r.super, SUPER_META, KIB64), -DER_NOSPACE);
    CHECK_RC(rig_reopen(&r, false, NULL), 0);
    CHECK(super_role_size(r.super, SUPER_DATA) == rig_sizes[SUPER_DATA] + 6 * KIB64);
    rig_free(&r);
}

/* ---- On loop devices ---- */

struct loop {
    char dir[64], file[96], dev[32];
    int fd; /* of dev */
};

/* False: this machine does not let us. */
static bool loop_make(struct loop *l, uint64_t bytes, uint32_t block)
{
    struct loop_config conf = {.block_size = block};
    int ctl = open("/dev/loop-control", O_RDWR | O_CLOEXEC), n = -1, rc = -1, file;

    snprintf(l->dir, sizeof(l->dir), "/tmp/tarn-block-XXXXXX");
    CHECK(mkdtemp(l->dir));
    snprintf(l->file, sizeof(l->file), "%s/file", l->dir);
    file = open(l->file, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    CHECK(file >= 0 && ftruncate(file, (off_t)bytes) == 0);
    conf.fd = (uint32_t)file;
    l->fd = -1;
    for (int i = 0; i < 10 && rc != 0 && ctl >= 0; i++) { /* another may take the free one */
        n = ioctl(ctl, LOOP_CTL_GET_FREE);
        snprintf(l->dev, sizeof(l->dev), "/dev/loop%d", n);
        l->fd = n < 0 ? -1 : open(l->dev, O_RDWR | O_CLOEXEC);
        if (l->fd < 0)
            break;
        rc = ioctl(l->fd, LOOP_CONFIGURE, &conf);
        if (rc != 0)
            close(l->fd);
        if (rc != 0 && errno != EBUSY)
            break;
    }
    close(file);
    if (ctl >= 0)
        close(ctl);
    if (rc == 0)
        return true;
    fprintf(stderr, "no loop device with blocks of %u bytes on this machine: skipped\n", block);
    unlink(l->file);
    rmdir(l->dir);
    return false;
}

static void loop_end(struct loop *l)
{
    CHECK(ioctl(l->fd, LOOP_CLR_FD) == 0);
    close(l->fd);
    CHECK(unlink(l->file) == 0 && rmdir(l->dir) == 0);
}

static void a_block_device(struct rt_xs *xs, void *arg)
{
    struct loop *l = arg;
    uint8_t *buf = io_buf_alloc(KIB64);
    struct io_dev *dev, *other;
    struct super *super;
    struct io_dir *dir;
    struct err e = {0};
    char name[96], path[IO_PATH_MAX];
    int fd;

    CHECK_RC(io_dir_open(l->dir, false, &dir, NULL), 0);
    CHECK_RC(io_dir_link(dir, "d", "not/absolute", &e), -DER_INVAL);
    CHECK_RC(io_dir_link(dir, "d", l->dev, NULL), 0);
    CHECK(io_dir_target(dir, "d", path) && strcmp(path, l->dev) == 0);
    CHECK(!io_dir_target(dir, "file", path));
    CHECK_RC(io_dir_create_dev(dir, xs, "d", KIB64, &dev, NULL), 0);
    CHECK(dev->fixed && dev->size == 4 * MIB && strcmp(dev->name, l->dev) == 0);
    CHECK(io_dev_room(dev) == 0);
    /* whoever is second is told */
    memset(&e, 0, sizeof(e));
    CHECK_RC(io_dir_open_dev(dir, xs, "d", false, &other, &e), -DER_BUSY);
    CHECK(strstr(e.why, l->dev) && *e.next);
    CHECK(open(l->dev, O_RDWR | O_EXCL) < 0 && errno == EBUSY); /* as a mount would be */
    CHECK_RC(io_grow_wait(dev, 5 * MIB), -DER_NOTSUPPORTED);
    CHECK_RC(super_format(dev, &rig_id, rig_sizes, 0, 0, 0, false, &super, NULL), 0);
    fill(buf, KIB64, 0, 5);
    CHECK_RC(super_write_wait(super, SUPER_DATA, 0, buf, KIB64, IO_DURABLE), 0);
    CHECK_RC(super_grow(super, SUPER_DATA, 4 * MIB - 10 * KIB64), 0);
    CHECK_RC(super_grow(super, SUPER_DATA, KIB64), -DER_NOSPACE);
    CHECK_RC(super_mark(super, true), 0);
    super_close(super);
    io_dev_close(dev);
    CHECK_RC(io_dir_open_dev(dir, xs, "d", true, &dev, NULL), 0);
    CHECK_RC(super_open(dev, &super, NULL), 0);
    CHECK_RC(super_read_wait(super, SUPER_DATA, 0, buf, KIB64), 0);
    CHECK(is_filled(buf, KIB64, 0, 5) && super_is_clean(super));
    super_close(super);
    io_dev_close(dev);
    /* somebody has it: a mount holds it as this does */
    fd = open(l->dev, O_RDWR | O_EXCL);
    CHECK(fd >= 0);
    CHECK_RC(io_dir_open_dev(dir, xs, "d", false, &dev, &e), -DER_BUSY);
    close(fd);
    CHECK_RC(io_dir_open_dev(dir, xs, "d", false, &dev, NULL), 0);
    CHECK_RC(super_wipe(dev), 0);
    CHECK_RC(super_format(dev, &rig_id, rig_sizes, 0, 0, 0, false, &super, NULL), 0);
    super_close(super);
    io_dev_close(dev);
    /* only its name goes */
    CHECK_RC(io_dir_remove(dir, "d", NULL), 0);
    snprintf(name, sizeof(name), "%s/d", l->dir);
    CHECK(access(name, F_OK) != 0 && access(l->dev, F_OK) == 0);
    io_dir_close(dir);
    io_buf_free(buf);
}

static void too_large_blocks(struct rt_xs *xs, void *arg)
{
    struct loop *l = arg;
    struct io_dir *dir;
    struct io_dev *dev;
    struct err e = {0};

    CHECK_RC(io_dir_open(l->dir, false, &dir, NULL), 0);
    CHECK_RC(io_dir_link(dir, "d", l->dev, NULL), 0);
    CHECK_RC(io_dir_open_dev(dir, xs, "d", false, &dev, &e), -DER_NOTSUPPORTED);
    CHECK(*e.what && strstr(e.why, "blocks") && *e.next);
    CHECK_RC(io_dir_remove(dir, "d", NULL), 0);
    io_dir_close(dir);
}

static void on_loop(uint32_t block, void (*fn)(struct rt_xs *xs, void *arg), bool threads)
{
    struct rt_xs_conf conf = {.cpu = -1, .name = "io-test"};
    struct loop l;

    conf.ring_entries = threads ? UINT32_MAX : 0;
    if (!loop_make(&l, 4 * MIB, block))
        skip();
    run_story_conf(&conf, fn, &l);
    loop_end(&l);
}

static void test_512(void **state)
{
    on_loop(512, a_block_device, false);
}

static void test_4096(void **state)
{
    on_loop(4096, a_block_device, false);
}

static void test_4096_threads(void **state)
{
    on_loop(4096, a_block_device, true);
}

static void test_16384(void **state)
{
    on_loop(16384, too_large_blocks, false);
}

static void test_marks_of_others_are_seen(void **state)
{
    run_story(marks_of_others_are_seen, NULL);
}

static void test_wiping_can_be_cut(void **state)
{
    run_story(wiping_can_be_cut, NULL);
}

static void test_it_grows_no_further(void **state)
{
    run_story(it_grows_no_further, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_marks_of_others_are_seen),
        cmocka_unit_test(test_wiping_can_be_cut),
        cmocka_unit_test(test_it_grows_no_further),
        cmocka_unit_test(test_512),
        cmocka_unit_test(test_4096),
        cmocka_unit_test(test_4096_threads),
        cmocka_unit_test(test_16384),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
