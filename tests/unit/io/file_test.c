/*
 * Devices on files: all backends, io_uring, threads and memory (tmpfs), tell the same stories; then
 * what only a file system has: directories that are missing, read-only, locked, full.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/fiemap.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>
#include "io_test.h"
#include "io/super.h"

#define MIB (1u << 20)

/* A scratch directory on a real file system, if the build directory is on one. */
struct scratch {
    char path[256];
};

static void scratch_make_in(struct scratch *s, const char *parent)
{
    snprintf(s->path, sizeof(s->path), "%s/tarn-io-XXXXXX", parent);
    CHECK(mkdtemp(s->path));
}

static void scratch_make(struct scratch *s)
{
    const char *tmp = getenv("TMPDIR");

    scratch_make_in(s, tmp ? tmp : "/tmp");
}

static const char *in(const struct scratch *s, const char *name)
{
    static _Thread_local char path[512];

    snprintf(path, sizeof(path), "%s/%s", s->path, name);
    return path;
}

static void scratch_remove(struct scratch *s)
{
    char command[512];

    snprintf(command, sizeof(command), "rm -rf '%s'", s->path);
    CHECK(system(command) == 0);
}

/* ---- Stories of both backends ---- */

static void bytes_come_back(struct rt_xs *xs, void *arg)
{
    struct scratch *s = arg;
    size_t len = 3 * MIB;
    uint8_t *buf = io_buf_alloc(len);
    struct io_dir *dir;
    struct io_dev *dev;

    CHECK_RC(io_dir_open(s->path, false, &dir, NULL), 0);
    CHECK_RC(io_dir_create_dev(dir, xs, "a", 4 * MIB, &dev, NULL), 0);
    CHECK_RC(io_dir_sync(dir), 0);
    CHECK(dev->size == 4 * MIB && !dev->volatile_mem && strcmp(dev->name, in(s, "a")) == 0);
    CHECK_RC(io_read_wait(dev, MIB, buf, MIB), 0);
    CHECK(is_zero(buf, MIB));
    fill(buf, len, 4096, 1);
    CHECK_RC(io_write_wait(dev, 4096, buf, len, 0), 0);
    CHECK_RC(io_flush_wait(dev), 0);
    fill(buf, 4096, 0, 2);
    CHECK_RC(io_write_wait(dev, 0, buf, 4096, IO_DURABLE), 0);
    CHECK(dev->stat.writes == 2 && dev->stat.flushes == 1);
    CHECK_RC(io_read_wait(dev, 4 * MIB, buf, 4096), -DER_INVAL);
    CHECK_RC(io_read_wait(dev, 512, buf, 4096), -DER_INVAL);
    CHECK_RC(io_read_wait(dev, 0, buf + 512, 4096), -DER_INVAL);
    io_dev_close(dev);

    CHECK_RC(io_dir_open_dev(dir, xs, "a", true, &dev, NULL), 0);
    memset(buf, 0, len);
    CHECK_RC(io_read_wait(dev, 4096, buf, len), 0);
    CHECK(is_filled(buf, len, 4096, 1));
    CHECK_RC(io_read_wait(dev, 0, buf, 4096), 0);
    CHECK(is_filled(buf, 4096, 0, 2));
    CHECK_RC(io_write_wait(dev, 0, buf, 4096, 0), -DER_NO_PERM);
    io_dev_close(dev);
    CHECK_RC(io_dir_remove(dir, "a", NULL), 0);
    io_dir_close(dir);
    io_buf_free(buf);
}

#define BURST 1000u /* more than any ring has entries */

struct burst {
    struct io_req req[BURST];
    struct iovec iov[BURST][2];
    uint32_t done;
    struct rt_event all;
};

static void burst_done(struct io_req *req)
{
    struct burst *b = req->arg;

    CHECK_RC(req->rc, 0);
    CHECK(!rt_fiber_self());
    if (++b->done == BURST)
        rt_event_set(&b->all);
}

static void more_requests_than_the_ring_has_entries(struct rt_xs *xs, void *arg)
{
    struct scratch *s = arg;
    struct burst *b = calloc(1, sizeof(*b));
    uint8_t *buf = io_buf_alloc(BURST * 8192);
    struct io_dir *dir;
    struct io_dev *dev;

    CHECK_RC(io_dir_open(s->path, false, &dir, NULL), 0);
    CHECK_RC(io_dir_create_dev(dir, xs, "b", BURST * 8192, &dev, NULL), 0);
    for (enum io_op op = IO_WRITE;; op = IO_READ) {
        b->done = 0;
        rt_event_init(&b->all);
        if (op == IO_WRITE)
            fill(buf, BURST * 8192, 0, 7);
        else
            memset(buf, 0, BURST * 8192);
        for (uint32_t i = 0; i < BURST; i++) {
            b->iov[i][0] = (struct iovec){buf + i * 8192, 4096};
            b->iov[i][1] = (struct iovec){buf + i * 8192 + 4096, 4096};
            b->req[i] = (struct io_req){.op = op,
                                        .off = i * 8192,
                                        .iov = b->iov[i],
                                        .iov_nr = 2,
                                        .done = burst_done,
                                        .arg = b,
                                        .flags = op == IO_WRITE && i % 100 == 0 ? IO_DURABLE : 0};
            io_submit(dev, &b->req[i]);
        }
        CHECK(b->done == 0 && dev->stat.inflight == BURST);
        rt_event_wait(&b->all);
        CHECK(dev->stat.inflight == 0);
        if (op == IO_READ)
            break;
    }
    CHECK(is_filled(buf, BURST * 8192, 0, 7));
    io_dev_close(dev);
    io_dir_close(dir);
    io_buf_free(buf);
    free(b);
}

static void a_file_grows(struct rt_xs *xs, void *arg)
{
    struct scratch *s = arg;
    uint8_t *buf = io_buf_alloc(MIB);
    struct io_dir *dir;
    struct io_dev *dev;
    struct stat st;

    CHECK_RC(io_dir_open(s->path, false, &dir, NULL), 0);
    CHECK_RC(io_dir_create_dev(dir, xs, "c", MIB, &dev, NULL), 0);
    CHECK_RC(io_grow_wait(dev, 8 * MIB), 0);
    CHECK(stat(in(s, "c"), &st) == 0 && st.st_size == 8 * MIB && st.st_blocks * 512 >= 8 * MIB);
    CHECK_RC(io_read_wait(dev, 7 * MIB, buf, MIB), 0);
    CHECK(is_zero(buf, MIB));
    CHECK_RC(io_grow_wait(dev, 1ull << 60), -DER_NOSPACE);
    CHECK(dev->size == 8 * MIB);
    CHECK(stat(in(s, "c"), &st) == 0 && st.st_size == 8 * MIB); /* nothing left over */
    CHECK_RC(io_grow_wait(dev, 4 * MIB), 0);
    CHECK(dev->size == 8 * MIB);
    io_dev_close(dev);
    io_dir_close(dir);
    io_buf_free(buf);
}

/* A file cut short behind our back: reads fail, they do not give invented bytes. */
static void a_file_that_shrank(struct rt_xs *xs, void *arg)
{
    struct scratch *s = arg;
    uint8_t *buf = io_buf_alloc(MIB);
    struct io_dir *dir;
    struct io_dev *dev;

    CHECK_RC(io_dir_open(s->path, false, &dir, NULL), 0);
    CHECK_RC(io_dir_create_dev(dir, xs, "d", 2 * MIB, &dev, NULL), 0);
    CHECK(truncate(in(s, "d"), MIB + 8192) == 0);
    CHECK_RC(io_read_wait(dev, MIB, buf, MIB),
             -DER_IO); /* comes back short, goes on, finds the end */
    CHECK_RC(io_read_wait(dev, 0, buf, MIB), 0);
    io_dev_close(dev);
    CHECK(truncate(in(s, "d"), MIB + 100) == 0);
    CHECK_RC(io_dir_open_dev(dir, xs, "d", false, &dev, NULL), 0);
    CHECK(dev->size == MIB); /* whole blocks only */
    io_dev_close(dev);
    io_dir_close(dir);
    io_buf_free(buf);
}

static void a_superblock_on_a_file(struct rt_xs *xs, void *arg)
{
    struct super_id id = {.page_size = 16384, .roles = 7};
    uint64_t sizes[SUPER_ROLE_NR] = {MIB, MIB, MIB};
    struct scratch *s = arg;
    struct super *super;
    struct io_dir *dir;
    struct io_dev *dev;
    struct err e = {0};

    CHECK_RC(io_dir_open(s->path, false, &dir, NULL), 0);
    CHECK_RC(io_dir_create_dev(dir, xs, "s", 65536, &dev, NULL), 0);
    CHECK_RC(super_format(dev, &id, sizes, 0, 0, 0, false, &super, NULL), 0);
    CHECK_RC(super_grow(super, SUPER_META, MIB), 0);
    CHECK_RC(super_mark(super, false), 0);
    super_close(super);
    io_dev_close(dev);
    CHECK_RC(io_dir_open_dev(dir, xs, "s", false, &dev, NULL), 0);
    CHECK_RC(super_open(dev, &super, NULL), 0);
    CHECK(super_role_size(super, SUPER_META) == 2 * MIB && !super_is_clean(super));
    super_close(super);
    io_dev_close(dev);
    CHECK(truncate(in(s, "s"), 2 * MIB) == 0);
    CHECK_RC(io_dir_open_dev(dir, xs, "s", false, &dev, NULL), 0);
    CHECK_RC(super_open(dev, &super, &e), -DER_IO);
    CHECK(strstr(e.what, in(s, "s")) && strstr(e.why, "truncated") && *e.next);
    io_dev_close(dev);
    io_dir_close(dir);
}

static void on_backend(bool ring, void (*fn)(struct rt_xs *, void *))
{
    struct rt_xs_conf conf = {.cpu = -1, .name = "io-test", .ring_entries = ring ? 32 : UINT32_MAX};
    struct scratch s;

    scratch_make(&s);
    run_story_conf(&conf, fn, &s);
    scratch_remove(&s);
}

#define IN_MEMORY "/dev/shm"

static void on_memory(void (*fn)(struct rt_xs *, void *))
{
    struct rt_xs_conf conf = {.cpu = -1, .name = "io-test", .ring_entries = 32};
    struct statfs st;
    struct scratch s;

    if (statfs(IN_MEMORY, &st) != 0 || st.f_type != TMPFS_MAGIC)
        skip();
    scratch_make_in(&s, IN_MEMORY);
    run_story_conf(&conf, fn, &s);
    scratch_remove(&s);
}

#define MEMORY(fn)                                                                                 \
    static void test_##fn##_memory(void **state)                                                   \
    {                                                                                              \
        (void)state;                                                                               \
        on_memory(fn);                                                                             \
    }
#define BOTH(fn)                                                                                   \
    static void test_##fn##_uring(void **state)                                                    \
    {                                                                                              \
        (void)state;                                                                               \
        on_backend(true, fn);                                                                      \
    }                                                                                              \
    static void test_##fn##_threads(void **state)                                                  \
    {                                                                                              \
        (void)state;                                                                               \
        on_backend(false, fn);                                                                     \
    }
BOTH(bytes_come_back)
BOTH(more_requests_than_the_ring_has_entries)
BOTH(a_file_grows)
BOTH(a_file_that_shrank)
BOTH(a_superblock_on_a_file)
MEMORY(bytes_come_back)
MEMORY(more_requests_than_the_ring_has_entries)
MEMORY(a_file_grows)
MEMORY(a_superblock_on_a_file)

/* ---- Devices that lie in memory ---- */

static void loads_and_stores_are_as_good_as_requests(struct rt_xs *xs, void *arg)
{
    struct scratch *s = arg;
    uint8_t *buf = io_buf_alloc(IO_ALIGN);
    struct io_dir *dir;
    struct io_dev *dev;
    char *at;
    int fd;

    CHECK_RC(io_dir_open(s->path, false, &dir, NULL), 0);
    CHECK_RC(io_dir_create_dev(dir, xs, "m", MIB, &dev, NULL), 0);
    if (dev->pmem) { /* its emulation is on, for every file: stores need a flush there */
        CHECK(!io_dev_memory(dev, 0, MIB));
        io_dev_close(dev);
        io_dir_close(dir);
        io_buf_free(buf);
        return;
    }
    at = io_dev_memory(dev, 0, MIB);
    CHECK(at && io_dev_memory(dev, MIB - IO_ALIGN, IO_ALIGN) == at + MIB - IO_ALIGN);
    CHECK(!io_dev_memory(dev, 0, MIB + 1) && !io_dev_memory(dev, MIB + 1, 0));
    memcpy(at + IO_ALIGN, "stored", 6);
    CHECK_RC(io_read_wait(dev, IO_ALIGN, buf, IO_ALIGN), 0);
    CHECK(memcmp(buf, "stored", 6) == 0);
    memcpy(buf, "asked ", 6);
    CHECK_RC(io_write_wait(dev, 2 * IO_ALIGN, buf, IO_ALIGN, 0), 0);
    CHECK(memcmp(at + 2 * IO_ALIGN, "asked ", 6) == 0);
    /* it grows where it is */
    CHECK_RC(io_grow_wait(dev, 64 * (uint64_t)MIB), 0);
    CHECK(io_dev_memory(dev, 0, 64 * (uint64_t)MIB) == at);
    memcpy(at + 63 * (uint64_t)MIB, "behind", 6);
    io_dev_close(dev);
    fd = open(in(s, "m"), O_RDONLY);
    CHECK(pread(fd, buf, 6, 63 * (off_t)MIB) == 6 && memcmp(buf, "behind", 6) == 0);
    CHECK(pread(fd, buf, 6, IO_ALIGN) == 6 && memcmp(buf, "stored", 6) == 0);
    close(fd);
    /* who may only read finds the same */
    CHECK_RC(io_dir_open_dev(dir, xs, "m", true, &dev, NULL), 0);
    at = io_dev_memory(dev, IO_ALIGN, 6);
    CHECK(at && memcmp(at, "stored", 6) == 0);
    io_dev_close(dev);
    io_dir_close(dir);
    io_buf_free(buf);
}
MEMORY(loads_and_stores_are_as_good_as_requests)

static void a_disk_is_no_memory(struct rt_xs *xs, void *arg)
{
    struct scratch *s = arg;
    struct io_dir *dir;
    struct io_dev *dev;
    struct statfs st;

    if (statfs(s->path, &st) == 0 && st.f_type == TMPFS_MAGIC)
        return;
    CHECK_RC(io_dir_open(s->path, false, &dir, NULL), 0);
    CHECK_RC(io_dir_create_dev(dir, xs, "d", MIB, &dev, NULL), 0);
    CHECK(!io_dev_memory(dev, 0, IO_ALIGN));
    io_dev_close(dev);
    io_dir_close(dir);
}
BOTH(a_disk_is_no_memory)

/* ---- Blocks of the WAL are allocated and initialised ---- */

static uint32_t unwritten_extents(const char *path)
{
    union {
        struct fiemap map;
        char room[sizeof(struct fiemap) + 64 * sizeof(struct fiemap_extent)];
    } m = {.map = {.fm_length = FIEMAP_MAX_OFFSET,
                   .fm_flags = FIEMAP_FLAG_SYNC,
                   .fm_extent_count = 64}};
    int fd = open(path, O_RDONLY);
    uint32_t unwritten = 0;

    CHECK(fd >= 0);
    if (ioctl(fd, FS_IOC_FIEMAP, &m.map) != 0) {
        close(fd);
        return UINT32_MAX;
    }
    for (uint32_t i = 0; i < m.map.fm_mapped_extents; i++)
        unwritten += (m.map.fm_extents[i].fe_flags & FIEMAP_EXTENT_UNWRITTEN) != 0;
    close(fd);
    return unwritten;
}

static void zeros_initialise_blocks(struct rt_xs *xs, void *arg)
{
    struct scratch *s = arg;
    struct io_dir *dir;
    struct io_dev *dev;
    uint32_t before;

    CHECK_RC(io_dir_open(s->path, false, &dir, NULL), 0);
    CHECK_RC(io_dir_create_dev(dir, xs, "w", 16 * MIB, &dev, NULL), 0);
    before = unwritten_extents(in(s, "w"));
    CHECK_RC(io_zero_wait(dev, 0, 16 * MIB), 0);
    if (before != UINT32_MAX) { /* else the file system does not tell */
        CHECK(unwritten_extents(in(s, "w")) == 0);
    }
    io_dev_close(dev);
    io_dir_close(dir);
}

static void test_zeros_initialise_blocks(void **state)
{
    (void)state;
    on_backend(true, zeros_initialise_blocks);
}

/* ---- Directories ---- */

/* The error names object, cause and remedy. */
static void check_err(const struct err *e, int rc, const char *object, const char *why)
{
    if (e->rc != rc || !strstr(e->what, object) || !strstr(e->why, why) || !*e->next) {
        fprintf(stderr, "error %d: what \"%s\" why \"%s\" next \"%s\"\n", e->rc, e->what, e->why,
                e->next);
        abort();
    }
}

static void paths_that_are_wrong(struct rt_xs *xs, void *arg)
{
    struct scratch *s = arg;
    struct io_dir *dir;
    struct io_dev *dev;
    struct err e = {0};
    int fd;

    CHECK_RC(io_dir_open(in(s, "missing"), false, &dir, &e), -DER_NONEXIST);
    check_err(&e, -DER_NONEXIST, "/missing", "No such file");
    CHECK_RC(io_dir_open("", true, &dir, NULL), -DER_NONEXIST);
    CHECK_RC(io_dir_open(in(s, "no/parent"), true, &dir, NULL), -DER_NONEXIST);
    fd = open(in(s, "file"), O_CREAT | O_RDWR, 0600);
    CHECK(fd >= 0);
    close(fd);
    e = (struct err){0};
    CHECK_RC(io_dir_open(in(s, "file"), true, &dir, &e), -DER_NOTDIR);
    check_err(&e, -DER_NOTDIR, "/file", "Not a directory");

    CHECK_RC(io_dir_open(in(s, "new/"), true, &dir, NULL), 0);
    e = (struct err){0};
    CHECK_RC(io_dir_open_dev(dir, xs, "x", false, &dev, &e), -DER_NONEXIST);
    check_err(&e, -DER_NONEXIST, "/x", "No such file");
    CHECK_RC(io_dir_create_dev(dir, xs, "x", MIB, &dev, NULL), 0);
    io_dev_close(dev);
    e = (struct err){0};
    CHECK_RC(io_dir_create_dev(dir, xs, "x", MIB, &dev, &e), -DER_EXIST);
    check_err(&e, -DER_EXIST, "/x", "exists");
    e = (struct err){0};
    CHECK_RC(io_dir_create_dev(dir, xs, "huge", 1ull << 60, &dev, &e), -DER_NOSPACE);
    check_err(&e, -DER_NOSPACE, "/huge", "space");
    CHECK(access(in(s, "new/huge"), F_OK) != 0); /* nothing left over */
    CHECK(mkdir(in(s, "new/sub"), 0700) == 0);
    e = (struct err){0};
    CHECK_RC(io_dir_open_dev(dir, xs, "sub", true, &dev, &e), -DER_INVAL);
    check_err(&e, -DER_INVAL, "/sub", "neither a file");
    CHECK_RC(io_dir_remove(dir, "y", NULL), -DER_NONEXIST);
    io_dir_close(dir);
    CHECK_RC(io_dir_open(in(s, "new"), true, &dir, NULL), 0); /* it is there: fine */
    io_dir_close(dir);
}

static void test_paths_that_are_wrong(void **state)
{
    (void)state;
    on_backend(true, paths_that_are_wrong);
}

static int collect(const char *name, void *arg)
{
    strcat(arg, name);
    strcat(arg, " ");
    return 0;
}

static void listing(struct rt_xs *xs, void *arg)
{
    static const char *const names[] = {"c", "a", "b"};
    struct scratch *s = arg;
    char text[64] = "";
    struct io_dir *dir;

    CHECK_RC(io_dir_open(s->path, false, &dir, NULL), 0);
    CHECK_RC(io_dir_lock(dir, NULL), 0);
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        struct io_dev *dev;

        CHECK_RC(io_dir_create_dev(dir, xs, names[i], 4096, &dev, NULL), 0);
        io_dev_close(dev);
    }
    CHECK(mkdir(in(s, "subdir"), 0700) == 0);
    CHECK_RC(io_dir_list(dir, collect, text), 0);
    CHECK(strcmp(text, "a b c ") == 0); /* sorted; neither the lock nor directories */
    io_dir_close(dir);
}

static void test_listing(void **state)
{
    (void)state;
    on_backend(true, listing);
}

/* Runs fn in a child as somebody without privileges and returns its exit status. */
static int as_nobody(int (*fn)(const char *path), const char *path)
{
    pid_t pid = fork();
    int status;

    if (pid == 0) {
        if (getuid() == 0 && (setgid(65534) != 0 || setuid(65534) != 0))
            _exit(99);
        _exit(fn(path));
    }
    CHECK(pid > 0 && waitpid(pid, &status, 0) == pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 98;
}

static int use_readonly(const char *path)
{
    struct io_dir *dir;
    struct err e = {0};

    if (io_dir_open(path, false, &dir, &e) != 0)
        return 1;
    if (io_dir_lock(dir, &e) != -DER_NO_PERM || !strstr(e.what, path) || !*e.why || !*e.next)
        return 2;
    io_dir_close(dir);
    return 0;
}

static int make_below(const char *path)
{
    char below[300];
    struct io_dir *dir;
    struct err e = {0};

    snprintf(below, sizeof(below), "%s/sub", path);
    return io_dir_open(below, true, &dir, &e) == -DER_NO_PERM && *e.why && *e.next ? 0 : 3;
}

static int open_unreadable(const char *path)
{
    struct io_dir *dir;
    struct err e = {0};

    return io_dir_open(path, true, &dir, &e) == -DER_NO_PERM && strstr(e.what, path) ? 0 : 4;
}

static void test_a_directory_we_may_not_write(void **state)
{
    struct scratch s;

    (void)state;
    scratch_make(&s);
    CHECK(chmod(s.path, 0555) == 0);
    assert_int_equal(as_nobody(use_readonly, s.path), 0);
    assert_int_equal(as_nobody(make_below, s.path), 0);
    CHECK(chmod(s.path, 0700) == 0);
    if (getuid() == 0)
        assert_int_equal(as_nobody(open_unreadable, s.path), 0);
    scratch_remove(&s);
}

/* ---- The lock ---- */

/* A child takes the lock, says so, and holds it until it is killed. */
static pid_t lock_in_child(const char *path)
{
    int ready[2];
    char c;
    pid_t pid;

    CHECK(pipe(ready) == 0);
    pid = fork();
    CHECK(pid >= 0);
    if (pid == 0) {
        struct io_dir *dir;

        if (io_dir_open(path, false, &dir, NULL) != 0 || io_dir_lock(dir, NULL) != 0)
            _exit(1);
        if (write(ready[1], "x", 1) != 1)
            _exit(2);
        for (;;)
            pause();
    }
    close(ready[1]);
    CHECK(read(ready[0], &c, 1) == 1);
    close(ready[0]);
    return pid;
}

static void test_the_lock_names_its_holder(void **state)
{
    struct scratch s;
    struct io_dir *dir, *dir2;
    struct err e = {0};
    char expect[64];
    pid_t pid;

    (void)state;
    scratch_make(&s);
    pid = lock_in_child(s.path);
    CHECK_RC(io_dir_open(s.path, false, &dir, NULL), 0);
    CHECK_RC(io_dir_lock(dir, &e), -DER_BUSY);
    snprintf(expect, sizeof(expect), "in use by process %ld (", (long)pid);
    check_err(&e, -DER_BUSY, s.path, expect);

    kill(pid, SIGKILL); /* falls with the process */
    CHECK(waitpid(pid, NULL, 0) == pid);
    CHECK_RC(io_dir_lock(dir, NULL), 0);

    CHECK_RC(io_dir_open(s.path, false, &dir2, NULL), 0); /* excludes within a process too */
    e = (struct err){0};
    CHECK_RC(io_dir_lock(dir2, &e), -DER_BUSY);
    check_err(&e, -DER_BUSY, s.path, "this process");
    io_dir_close(dir);
    CHECK_RC(io_dir_lock(dir2, NULL), 0);

    /* A forked child that closes its copy leaves the parent's lock in force. */
    pid = fork();
    CHECK(pid >= 0);
    if (pid == 0) {
        io_dir_close(dir2);
        _exit(0);
    }
    CHECK(waitpid(pid, NULL, 0) == pid);
    CHECK_RC(io_dir_open(s.path, false, &dir, NULL), 0);
    e = (struct err){0};
    CHECK_RC(io_dir_lock(dir, &e), -DER_BUSY);
    check_err(&e, -DER_BUSY, s.path, "this process");
    io_dir_close(dir2);
    CHECK(access(in(&s, "lock"), F_OK) == 0); /* never removed */
    CHECK_RC(io_dir_lock(dir, NULL), 0);
    io_dir_close(dir);
    scratch_remove(&s);
}

/* Writes of a predecessor may still be in flight: a device file is claimed by one writer. */
static void one_writer(struct rt_xs *xs, void *arg)
{
    struct scratch *s = arg;
    struct io_dev *dev, *second;
    struct io_dir *dir;
    struct err e = {0};

    CHECK_RC(io_dir_open(s->path, false, &dir, NULL), 0);
    CHECK_RC(io_dir_create_dev(dir, xs, "a", 4096, &dev, NULL), 0);
    CHECK_RC(io_dir_open_dev(dir, xs, "a", true, &second, NULL), 0); /* readers may look */
    io_dev_close(second);
    CHECK_RC(io_dir_open_dev(dir, xs, "a", false, &second, &e), -DER_BUSY);
    check_err(&e, -DER_BUSY, "/a", "open for writing elsewhere");
    io_dev_close(dev);
    CHECK_RC(io_dir_open_dev(dir, xs, "a", false, &dev, NULL), 0);
    io_dev_close(dev);
    io_dir_close(dir);
}

static void test_one_writer(void **state)
{
    (void)state;
    on_backend(true, one_writer);
}

/* ---- A writer that is killed with requests in flight ---- */

#define BLOCKS 256u

static void write_for_ever(struct rt_xs *xs, void *arg)
{
    struct scratch *s = arg;
    struct burst *b = calloc(1, sizeof(*b));
    uint8_t *buf = io_buf_alloc(BLOCKS * 4096);
    struct io_dir *dir;
    struct io_dev *dev;

    CHECK_RC(io_dir_open(s->path, false, &dir, NULL), 0);
    CHECK_RC(io_dir_lock(dir, NULL), 0);
    CHECK_RC(io_dir_open_dev(dir, xs, "k", false, &dev, NULL), 0);
    fill(buf, BLOCKS * 4096, 0, 1);
    CHECK(write(STDOUT_FILENO, "x", 1) == 1); /* the parent's pipe */
    for (;;) {
        b->done = BURST - BLOCKS;
        rt_event_init(&b->all);
        for (uint32_t i = 0; i < BLOCKS; i++) {
            b->iov[i][0] = (struct iovec){buf + i * 4096, 4096};
            b->req[i] = (struct io_req){.op = IO_WRITE,
                                        .off = i * 4096,
                                        .iov = b->iov[i],
                                        .iov_nr = 1,
                                        .done = burst_done,
                                        .arg = b};
            io_submit(dev, &b->req[i]);
        }
        rt_event_wait(&b->all);
    }
}

static pid_t writer_start(struct scratch *s)
{
    struct rt_xs_conf conf = {.cpu = -1, .name = "io-test"};
    int ready[2];
    char c;
    pid_t pid;

    CHECK(pipe(ready) == 0);
    pid = fork();
    CHECK(pid >= 0);
    if (pid == 0) {
        dup2(ready[1], STDOUT_FILENO);
        run_story_conf(&conf, write_for_ever, s);
        _exit(1);
    }
    close(ready[1]);
    CHECK(read(ready[0], &c, 1) == 1);
    close(ready[0]);
    return pid;
}

/* What we write as soon as the lock is ours stays: nothing of the dead writer lands on it later. */
static void take_over(struct rt_xs *xs, void *arg)
{
    struct scratch *s = arg;
    uint8_t *buf = io_buf_alloc(BLOCKS * 4096);
    struct io_dir *dir;
    struct io_dev *dev;
    int rc;

    CHECK_RC(io_dir_open(s->path, false, &dir, NULL), 0);
    while ((rc = io_dir_lock(dir, NULL)) == -DER_BUSY)
        rt_yield();
    CHECK_RC(rc, 0);
    CHECK_RC(io_dir_open_dev(dir, xs, "k", false, &dev, NULL), 0);
    fill(buf, BLOCKS * 4096, 0, 2);
    CHECK_RC(io_write_wait(dev, 0, buf, BLOCKS * 4096, 0), 0);
    for (uint32_t look = 0; look < 5; look++) {
        CHECK_RC(io_read_wait(dev, 0, buf, BLOCKS * 4096), 0);
        CHECK(is_filled(buf, BLOCKS * 4096, 0, 2));
        rt_sleep_ns(2000000);
    }
    io_dev_close(dev);
    io_dir_close(dir);
    io_buf_free(buf);
}

static void make_k(struct rt_xs *xs, void *arg)
{
    struct scratch *s = arg;
    struct io_dir *dir;
    struct io_dev *dev;

    CHECK_RC(io_dir_open(s->path, false, &dir, NULL), 0);
    CHECK_RC(io_dir_create_dev(dir, xs, "k", BLOCKS * 4096, &dev, NULL), 0);
    io_dev_close(dev);
    io_dir_close(dir);
}

static void test_writes_of_a_killed_process_do_not_land_later(void **state)
{
    struct scratch s;

    (void)state;
    scratch_make(&s);
    run_story(make_k, &s);
    for (uint32_t round = 0; round < 20; round++) {
        pid_t pid = writer_start(&s);

        for (uint32_t i = 0; i < round; i++)
            sched_yield();
        kill(pid, SIGKILL);
        run_story(take_over, &s);
        CHECK(waitpid(pid, NULL, 0) == pid);
    }
    scratch_remove(&s);
}

/* ---- A small tmpfs: really full (needs the right to mount; without it the simulated disk has told
 * the story) ---- */

static void a_full_file_system(struct rt_xs *xs, void *arg)
{
    struct scratch *s = arg;
    struct io_dir *dir;
    struct io_dev *dev;
    struct err e = {0};

    CHECK_RC(io_dir_open(s->path, false, &dir, NULL), 0);
    CHECK_RC(io_dir_create_dev(dir, xs, "a", 2 * MIB, &dev, NULL), 0);
    CHECK_RC(io_dir_create_dev(dir, xs, "b", 8 * MIB, &dev, &e), -DER_NOSPACE);
    check_err(&e, -DER_NOSPACE, "/b", "not enough free space");
    CHECK(access(in(s, "b"), F_OK) != 0);
    CHECK_RC(io_grow_wait(dev, 64 * MIB), -DER_NOSPACE);
    CHECK_RC(io_grow_wait(dev, 3 * MIB), 0);
    CHECK_RC(io_zero_wait(dev, 0, 3 * MIB), 0);
    io_dev_close(dev);
    io_dir_close(dir);
}

static void test_a_full_file_system(void **state)
{
    struct rt_xs_conf conf = {.cpu = -1, .name = "io-test"};
    struct scratch s;

    (void)state;
    scratch_make(&s);
    if (mount("tmpfs", s.path, "tmpfs", 0, "size=4m") == 0) {
        run_story_conf(&conf, a_full_file_system, &s);
        conf.ring_entries = UINT32_MAX;
        CHECK(unlink(in(&s, "a")) == 0);
        run_story_conf(&conf, a_full_file_system, &s);
        CHECK(umount(s.path) == 0);
    } else {
        CHECK(errno == EPERM || errno == EACCES);
    }
    scratch_remove(&s);
}

int main(void)
{
#define ENTRIES(fn) cmocka_unit_test(test_##fn##_uring), cmocka_unit_test(test_##fn##_threads)
    const struct CMUnitTest tests[] = {
        ENTRIES(bytes_come_back),
        ENTRIES(more_requests_than_the_ring_has_entries),
        ENTRIES(a_file_grows),
        ENTRIES(a_file_that_shrank),
        ENTRIES(a_superblock_on_a_file),
        ENTRIES(a_disk_is_no_memory),
        cmocka_unit_test(test_bytes_come_back_memory),
        cmocka_unit_test(test_more_requests_than_the_ring_has_entries_memory),
        cmocka_unit_test(test_a_file_grows_memory),
        cmocka_unit_test(test_a_superblock_on_a_file_memory),
        cmocka_unit_test(test_loads_and_stores_are_as_good_as_requests_memory),
        cmocka_unit_test(test_zeros_initialise_blocks),
        cmocka_unit_test(test_paths_that_are_wrong),
        cmocka_unit_test(test_listing),
        cmocka_unit_test(test_a_directory_we_may_not_write),
        cmocka_unit_test(test_the_lock_names_its_holder),
        cmocka_unit_test(test_one_writer),
        cmocka_unit_test(test_writes_of_a_killed_process_do_not_land_later),
        cmocka_unit_test(test_a_full_file_system),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
