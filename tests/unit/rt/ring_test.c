/* io_uring on an xstream: completions, waking while asleep, and life without it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <fcntl.h>
#include <liburing.h>

#include "help.h"

struct io {
    struct rt_cqe cqe; /* first */
    struct rt_event done;
    int res;
};

static void io_done(struct rt_cqe *cqe, int res)
{
    struct io *io = (struct io *)cqe;

    io->res = res;
    rt_event_set(&io->done);
}

static struct io_uring_sqe *next_sqe(void)
{
    struct io_uring *ring = rt_xs_ring(rt_xs_self());
    struct io_uring_sqe *sqe;

    while (!(sqe = io_uring_get_sqe(ring)))
        if (rt_ring_submit(rt_xs_self()) != 0)
            rt_yield();
    return sqe;
}

static void io_start(struct io *io, int fd, void *buf, unsigned len)
{
    struct io_uring_sqe *sqe = next_sqe();

    *io = (struct io){.cqe.done = io_done};
    io_uring_prep_read(sqe, fd, buf, len, 0);
    io_uring_sqe_set_data(sqe, &io->cqe);
    rt_ring_kick(rt_xs_self());
}

static void reads_zeros(void *arg)
{
    char buf[16] = "xxxxxxxxxxxxxxx";
    struct io io;

    io_start(&io, *(int *)arg, buf, sizeof(buf));
    rt_event_wait(&io.done);
    assert_int_equal(io.res, sizeof(buf));
    for (size_t i = 0; i < sizeof(buf); i++)
        assert_int_equal(buf[i], 0);
}

/* More in flight than the ring has entries. */
static void reads_many(void *arg)
{
    static struct io io[500];
    static char buf[500][8];

    for (int i = 0; i < 500; i++)
        io_start(&io[i], *(int *)arg, buf[i], 8);
    for (int i = 0; i < 500; i++) {
        rt_event_wait(&io[i].done);
        assert_int_equal(io[i].res, 8);
    }
}

static void reads_pipe(void *arg)
{
    struct io io;
    char c = 0;

    io_start(&io, *(int *)arg, &c, 1);
    rt_event_wait(&io.done); /* nothing else to do: the xstream sleeps in the ring */
    assert_int_equal(io.res, 1);
    assert_int_equal(c, 'z');
}

static void set_event(struct rt_call *call);
struct poke {
    struct rt_call call; /* first */
    struct rt_event done;
};

static void set_event(struct rt_call *call)
{
    rt_event_set(&((struct poke *)call)->done);
}

static struct rt_xs *ring_xs(void)
{
    struct rt_xs *xs = real_xs(0, true);

    if (!rt_xs_ring(xs)) {
        rt_xs_destroy(xs);
        skip(); /* refused by this kernel or container */
    }
    return xs;
}

static void completions_arrive(void **state)
{
    struct rt_xs *xs = ring_xs();
    int fd = open("/dev/zero", O_RDONLY);

    run_on(xs, reads_zeros, &fd);
    run_on(xs, reads_many, &fd);
    rt_xs_destroy(xs);
    close(fd);
}

static void a_sleeper_in_the_ring_hears_posts_and_completions(void **state)
{
    struct rt_xs *xs = ring_xs();
    struct run r = {.fn = reads_pipe};
    int fd[2];

    assert_int_equal(pipe(fd), 0);
    r.arg = &fd[0];
    assert_int_equal(rt_spawn_on(xs, run_main, &r), 0);
    for (int i = 0; i < 200; i++) {
        struct poke p = {.call.fn = set_event};

        rt_sleep_ns(20000); /* long enough that it sleeps again, mostly */
        rt_post(xs, &p.call);
        rt_event_wait(&p.done);
    }
    assert_false(rt_event_is_set(&r.ended));
    assert_int_equal(write(fd[1], "z", 1), 1);
    rt_event_wait(&r.ended);
    rt_xs_destroy(xs);
    close(fd[0]);
    close(fd[1]);
}

static void without_a_ring_all_else_works(void **state)
{
    struct rt_xs *xs = real_xs(0, false);

    assert_null(rt_xs_ring(xs));
    for (int i = 0; i < 200; i++) {
        struct poke p = {.call.fn = set_event};

        rt_sleep_ns(20000);
        rt_post(xs, &p.call);
        rt_event_wait(&p.done);
    }
    rt_xs_destroy(xs);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(completions_arrive),
        cmocka_unit_test(a_sleeper_in_the_ring_hears_posts_and_completions),
        cmocka_unit_test(without_a_ring_all_else_works),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
