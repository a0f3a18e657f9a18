/* Devices in memory: the plainest device there is, so the rules of every device are told here. */
#include <stdio.h>
#include "io_test.h"

static void contents_outlive_the_handle(struct rt_xs *xs, void *arg)
{
    struct io_dir *dir;
    struct io_dev *dev;
    uint8_t *buf = io_buf_alloc(IO_ALIGN * 4);

    (void)arg;
    CHECK_RC(io_dir_open_mem(&dir), 0);
    CHECK_RC(io_dir_create_dev(dir, xs, "a", 1 << 20, &dev, NULL), 0);
    CHECK(dev->size == 1 << 20 && dev->volatile_mem && !dev->readonly);
    CHECK_RC(io_read_wait(dev, 0, buf, IO_ALIGN), 0);
    CHECK(is_zero(buf, IO_ALIGN));
    fill(buf, IO_ALIGN * 4, 8192, 1);
    CHECK_RC(io_write_wait(dev, 8192, buf, IO_ALIGN * 4, IO_DURABLE), 0);
    CHECK_RC(io_flush_wait(dev), 0);
    CHECK(dev->stat.writes == 1 && dev->stat.write_bytes == IO_ALIGN * 4 && dev->stat.flushes == 1);
    CHECK(dev->stat.reads == 1 && dev->stat.inflight == 0);
    io_dev_close(dev);

    CHECK_RC(io_dir_open_dev(dir, xs, "a", true, &dev, NULL), 0);
    memset(buf, 0, IO_ALIGN * 4);
    CHECK_RC(io_read_wait(dev, 8192, buf, IO_ALIGN * 4), 0);
    CHECK(is_filled(buf, IO_ALIGN * 4, 8192, 1));
    CHECK_RC(io_write_wait(dev, 0, buf, IO_ALIGN, 0), -DER_NO_PERM);
    CHECK_RC(io_grow_wait(dev, 2 << 20), -DER_NO_PERM);
    io_dev_close(dev);
    io_dir_close(dir);
    io_buf_free(buf);
}

static void requests_that_are_refused(struct rt_xs *xs, void *arg)
{
    struct io_dir *dir;
    struct io_dev *dev;
    uint8_t *buf = io_buf_alloc(IO_ALIGN * 4);
    struct io_dev_stat before;

    (void)arg;
    CHECK_RC(io_dir_open_mem(&dir), 0);
    CHECK_RC(io_dir_create_dev(dir, xs, "a", 65536, &dev, NULL), 0);
    before = dev->stat;
    CHECK_RC(io_read_wait(dev, 512, buf, IO_ALIGN), -DER_INVAL);     /* offset */
    CHECK_RC(io_read_wait(dev, 0, buf, 512), -DER_INVAL);            /* length */
    CHECK_RC(io_read_wait(dev, 0, buf, 0), -DER_INVAL);              /* nothing */
    CHECK_RC(io_read_wait(dev, 0, buf + 512, IO_ALIGN), -DER_INVAL); /* memory */
    CHECK_RC(io_read_wait(dev, 65536, buf, IO_ALIGN), -DER_INVAL);   /* behind the end */
    CHECK_RC(io_read_wait(dev, 65536 - IO_ALIGN, buf, IO_ALIGN * 2), -DER_INVAL);
    CHECK_RC(io_read_wait(dev, UINT64_MAX - IO_ALIGN + 1, buf, IO_ALIGN), -DER_INVAL);
    CHECK_RC(io_write_wait(dev, 0, buf, IO_ALIGN, 4), -DER_INVAL); /* unknown flag */
    CHECK_RC(io_zero_wait(dev, 61440, 8192), -DER_INVAL);
    CHECK_RC(io_grow_wait(dev, 65536 + 512), -DER_INVAL);
    CHECK(memcmp(&before, &dev->stat, sizeof(before)) == 0); /* none of them reached the device */
    io_dev_close(dev);
    io_dir_close(dir);
    io_buf_free(buf);
}

struct many {
    struct io_req req[64];
    struct iovec iov[64][2];
    uint32_t done;
    struct rt_event all;
};

static void one_done(struct io_req *req)
{
    struct many *m = req->arg;

    CHECK(req->rc == 0 && rt_fiber_self() == NULL);
    if (++m->done == ARRAY_LEN(m->req))
        rt_event_set(&m->all);
}

static void many_requests_at_once(struct rt_xs *xs, void *arg)
{
    struct many *m = calloc(1, sizeof(*m));
    uint8_t *buf = io_buf_alloc(64 * 2 * IO_ALIGN);
    struct io_dir *dir;
    struct io_dev *dev;

    (void)arg;
    rt_event_init(&m->all);
    CHECK_RC(io_dir_open_mem(&dir), 0);
    CHECK_RC(io_dir_create_dev(dir, xs, "a", 1 << 20, &dev, NULL), 0);
    fill(buf, 64 * 2 * IO_ALIGN, 0, 3);
    for (uint32_t i = 0; i < 64; i++) { /* two pieces each, swapped in memory */
        m->iov[i][0] = (struct iovec){buf + i * 2 * IO_ALIGN, IO_ALIGN};
        m->iov[i][1] = (struct iovec){buf + (i * 2 + 1) * IO_ALIGN, IO_ALIGN};
        m->req[i] = (struct io_req){.op = IO_WRITE,
                                    .off = i * 2 * IO_ALIGN,
                                    .iov = m->iov[i],
                                    .iov_nr = 2,
                                    .done = one_done,
                                    .arg = m};
        io_submit(dev, &m->req[i]);
        CHECK(m->done == 0); /* never inline */
    }
    CHECK(dev->stat.inflight == 64);
    rt_event_wait(&m->all);
    CHECK(dev->stat.inflight == 0);
    memset(buf, 0, 64 * 2 * IO_ALIGN);
    CHECK_RC(io_read_wait(dev, 0, buf, 64 * 2 * IO_ALIGN), 0);
    CHECK(is_filled(buf, 64 * 2 * IO_ALIGN, 0, 3));
    io_dev_close(dev);
    io_dir_close(dir);
    io_buf_free(buf);
    free(m);
}

static void growth_and_zeros(struct rt_xs *xs, void *arg)
{
    uint8_t *buf = io_buf_alloc(IO_ALIGN);
    struct io_dir *dir;
    struct io_dev *dev;

    (void)arg;
    CHECK_RC(io_dir_open_mem(&dir), 0);
    CHECK_RC(io_dir_create_dev(dir, xs, "a", 65536, &dev, NULL), 0);
    CHECK_RC(io_grow_wait(dev, 32768), 0); /* never shrinks */
    CHECK(dev->size == 65536);
    CHECK_RC(io_grow_wait(dev, 9 << 20), 0);
    CHECK(dev->size == 9 << 20);
    CHECK_RC(io_read_wait(dev, (9 << 20) - IO_ALIGN, buf, IO_ALIGN), 0);
    CHECK(is_zero(buf, IO_ALIGN));
    fill(buf, IO_ALIGN, 0, 1);
    CHECK_RC(io_write_wait(dev, 8 << 20, buf, IO_ALIGN, 0), 0);
    CHECK_RC(io_write_wait(dev, 4096, buf, IO_ALIGN, 0), 0);
    CHECK_RC(io_zero_wait(dev, 8192, (9 << 20) - 8192), 0);
    CHECK_RC(io_read_wait(dev, 8 << 20, buf, IO_ALIGN), 0);
    CHECK(is_zero(buf, IO_ALIGN));
    CHECK_RC(io_read_wait(dev, 4096, buf, IO_ALIGN), 0);
    CHECK(is_filled(buf, IO_ALIGN, 0, 1));
    io_dev_close(dev);
    io_dir_close(dir);
    io_buf_free(buf);
}

static int collect(const char *name, void *arg)
{
    strcat(arg, name);
    strcat(arg, " ");
    return 0;
}

static int stop_at_first(const char *name, void *arg)
{
    (void)name;
    (void)arg;
    return -DER_CANCELED;
}

static void names(struct rt_xs *xs, void *arg)
{
    static const char *const bad[] = {"", ".", "..", ".x", "a/b", "lock"};
    char text[128] = "", longest[300];
    struct io_dev *dev, *dev2;
    struct io_dir *dir;
    struct err e = {0};

    (void)arg;
    CHECK_RC(io_dir_open_mem(&dir), 0);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        CHECK_RC(io_dir_create_dev(dir, xs, bad[i], 4096, &dev, NULL), -DER_INVAL);
    memset(longest, 'a', sizeof(longest));
    longest[256] = '\0';
    CHECK_RC(io_dir_create_dev(dir, xs, longest, 4096, &dev, NULL), -DER_INVAL);
    CHECK_RC(io_dir_create_dev(dir, xs, "a", 100, &dev, NULL), -DER_INVAL);
    CHECK_RC(io_dir_create_dev(dir, xs, "a", 0, &dev, NULL), -DER_INVAL);
    CHECK_RC(io_dir_open_dev(dir, xs, "a", false, &dev, &e), -DER_NONEXIST);
    CHECK(*e.what && *e.why && *e.next);

    CHECK_RC(io_dir_create_dev(dir, xs, "b", 4096, &dev, NULL), 0);
    CHECK_RC(io_dir_create_dev(dir, xs, "b", 4096, &dev2, NULL), -DER_EXIST);
    CHECK_RC(io_dir_create_dev(dir, xs, "a", 4096, &dev2, NULL), 0);
    io_dev_close(dev2);
    CHECK_RC(io_dir_list(dir, collect, text), 0);
    CHECK(strcmp(text, "a b ") == 0);
    CHECK_RC(io_dir_list(dir, stop_at_first, NULL), -DER_CANCELED);

    CHECK_RC(io_dir_remove(dir, "b", NULL), 0); /* open, so it lives on without a name */
    CHECK_RC(io_dir_remove(dir, "b", NULL), -DER_NONEXIST);
    CHECK_RC(io_zero_wait(dev, 0, 4096), 0);
    io_dev_close(dev);
    CHECK_RC(io_dir_lock(dir, NULL), 0);
    CHECK_RC(io_dir_lock(dir, NULL), -DER_BUSY);
    CHECK_RC(io_dir_sync(dir), 0);
    io_dir_close(dir);
}

#define STORY(fn)                                                                                  \
    static void test_##fn(void **state)                                                            \
    {                                                                                              \
        (void)state;                                                                               \
        run_story(fn, NULL);                                                                       \
    }
STORY(contents_outlive_the_handle)
STORY(requests_that_are_refused)
STORY(many_requests_at_once)
STORY(growth_and_zeros)
STORY(names)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_contents_outlive_the_handle),
        cmocka_unit_test(test_requests_that_are_refused),
        cmocka_unit_test(test_many_requests_at_once),
        cmocka_unit_test(test_growth_and_zeros),
        cmocka_unit_test(test_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
