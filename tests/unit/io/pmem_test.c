/*
 * Persistent memory, on libpmem's emulation: any file on a file system is taken for it when
 * PMEM_IS_PMEM_FORCE is 1. What it promises as a device is what files promise, so the stories of
 * file_test.c are run with it too (meson.build); here is what is its own.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>
#include "io_test.h"
#include "io/super.h"

#define MIB  (1u << 20)
#define SLOT 8192u

static char root[128];

static void use_emulation(bool on)
{
    setenv("PMEM_IS_PMEM_FORCE", on ? "1" : "0", 1);
}

static struct io_dir *dir_open(void)
{
    struct io_dir *dir;

    CHECK_RC(io_dir_open(root, false, &dir, NULL), 0);
    return dir;
}

static void chosen_by_itself(struct rt_xs *xs, void *arg)
{
    struct io_dir *dir = dir_open();
    struct io_dev *dev;

    use_emulation(false);
    CHECK_RC(io_dir_create_dev(dir, xs, "plain", MIB, &dev, NULL), 0);
    CHECK(!dev->pmem);
    io_dev_close(dev);
    use_emulation(true);
    CHECK_RC(io_dir_open_dev(dir, xs, "plain", false, &dev, NULL), 0);
    CHECK(dev->pmem && !dev->fixed && dev->size == MIB && io_dev_room(dev) > 0);
    io_dev_close(dev);
    CHECK_RC(io_dir_open_dev(dir, xs, "plain", true, &dev, NULL), 0);
    CHECK(!dev->pmem); /* who reads needs no stores */
    CHECK_RC(io_write_wait(dev, 0, NULL, 0, 0), -DER_INVAL);
    io_dev_close(dev);
    io_dir_close(dir);
}

/* Both ways see the same bytes, and growth moves the mapping under writes that are under way. */
static void grows_under_writes(struct rt_xs *xs, void *arg)
{
    struct io_dir *dir = dir_open();
    uint8_t *buf = io_buf_alloc(SLOT);
    struct io_dev *dev;
    uint64_t at = 0;

    use_emulation(true);
    CHECK_RC(io_dir_create_dev(dir, xs, "g", MIB, &dev, NULL), 0);
    for (uint64_t size = MIB; size <= 8 * MIB; size += MIB) {
        CHECK_RC(io_grow_wait(dev, size), 0);
        if (size == 3 * MIB)
            continue; /* two growths, and nothing in between that needs them */
        for (; at < size; at += SLOT) {
            fill(buf, SLOT, at, 1);
            CHECK_RC(io_write_wait(dev, at, buf, SLOT, at % 3 == 0 ? IO_DURABLE : 0), 0);
        }
        CHECK_RC(io_read_wait(dev, at - SLOT, buf, SLOT), 0);
        CHECK(is_filled(buf, SLOT, at - SLOT, 1));
    }
    CHECK_RC(io_write_wait(dev, 8 * MIB, buf, SLOT, 0), -DER_INVAL);
    CHECK_RC(io_flush_wait(dev), 0);
    CHECK_RC(io_grow_wait(dev, 9 * MIB), 0); /* not needed before it is closed */
    io_dev_close(dev);
    use_emulation(false);
    CHECK_RC(io_dir_open_dev(dir, xs, "g", false, &dev, NULL), 0);
    CHECK(dev->size == 9 * MIB && !dev->pmem);
    for (at = 0; at < 8 * MIB; at += SLOT) {
        CHECK_RC(io_read_wait(dev, at, buf, SLOT), 0);
        CHECK(is_filled(buf, SLOT, at, 1));
    }
    CHECK_RC(io_read_wait(dev, 8 * MIB, buf, SLOT), 0);
    CHECK(is_zero(buf, SLOT));
    io_dev_close(dev);
    io_dir_close(dir);
    io_buf_free(buf);
}

/* In the child: writes slot after slot, durably, and says so. */
static void write_until_killed(struct rt_xs *xs, void *arg)
{
    int out = *(int *)arg;
    struct io_dir *dir = dir_open();
    uint8_t *buf = io_buf_alloc(SLOT);
    struct io_dev *dev;

    CHECK_RC(io_dir_create_dev(dir, xs, "k", 16 * MIB, &dev, NULL), 0);
    CHECK(dev->pmem);
    for (uint32_t n = 0;; n++) {
        uint64_t at = n % (16 * MIB / SLOT) * (uint64_t)SLOT;

        fill(buf, SLOT, at, n);
        CHECK_RC(io_write_wait(dev, at, buf, SLOT, IO_DURABLE), 0);
        CHECK(write(out, &n, sizeof(n)) == sizeof(n));
    }
}

static void read_what_was_said(struct rt_xs *xs, void *arg)
{
    struct io_dir *dir = dir_open();
    uint8_t *buf = io_buf_alloc(SLOT);
    uint32_t last = *(uint32_t *)arg, slots = 16 * MIB / SLOT;
    struct io_dev *dev;

    CHECK_RC(io_dir_open_dev(dir, xs, "k", false, &dev, NULL), 0);
    for (uint32_t n = last >= slots ? last - slots + 2 : 0; n <= last; n++) {
        uint64_t at = n % slots * (uint64_t)SLOT;

        CHECK_RC(io_read_wait(dev, at, buf, SLOT), 0);
        CHECK(is_filled(buf, SLOT, at, n));
    }
    io_dev_close(dev);
    CHECK_RC(io_dir_remove(dir, "k", NULL), 0);
    io_dir_close(dir);
    io_buf_free(buf);
}

static void test_a_killed_writer(void **state)
{
    for (unsigned round = 0; round < 5; round++) {
        uint32_t n, last = 0;
        int p[2];
        pid_t pid;

        use_emulation(true);
        assert_int_equal(pipe(p), 0);
        pid = fork();
        if (pid == 0) {
            close(p[0]);
            run_story(write_until_killed, &p[1]);
            _exit(1);
        }
        close(p[1]);
        for (unsigned i = 0; i < 500 * (round + 1); i++) {
            assert_int_equal(read(p[0], &n, sizeof(n)), sizeof(n));
            last = n;
        }
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
        while (read(p[0], &n, sizeof(n)) == sizeof(n))
            last = n;
        close(p[0]);
        use_emulation(round % 2);
        run_story(read_what_was_said, &last);
    }
}

static void test_chosen_by_itself(void **state)
{
    run_story(chosen_by_itself, NULL);
}

static void test_grows_under_writes(void **state)
{
    run_story(grows_under_writes, NULL);
}

static int setup(void **state)
{
    const char *tmp = getenv("TMPDIR");

    snprintf(root, sizeof(root), "%.90s/tarn-pmem-XXXXXX", tmp ? tmp : "/tmp");
    return mkdtemp(root) ? 0 : -1;
}

static int teardown(void **state)
{
    char command[160];

    snprintf(command, sizeof(command), "rm -rf '%s'", root);
    return system(command);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_chosen_by_itself),
        cmocka_unit_test(test_grows_under_writes),
        cmocka_unit_test(test_a_killed_writer),
    };

    if (!io_has_pmem()) {
        fprintf(stderr, "built without libpmem: skipped\n");
        return 0;
    }
    return cmocka_run_group_tests(tests, setup, teardown);
}
