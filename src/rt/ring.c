/*
 * The io_uring of an xstream. Completions are delivered when the xstream asks (DEFER_TASKRUN), so
 * an idle turn costs a look at shared memory and no system call. While the xstream sleeps in the
 * ring, others wake it by writing to an eventfd on which a read is kept in flight.
 */
#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/log.h"
#include "rt/priv.h"
#include "rt/valgrind.h"

#define ENTRIES_DEFAULT 256
#define REAP_BATCH      64

/* The order that an eventfd gives passes through the kernel, where TSan does not see it. */
#ifdef __SANITIZE_THREAD__
#include <sanitizer/tsan_interface.h>
#define tsan_release(p) __tsan_release(p)
#define tsan_acquire(p) __tsan_acquire(p)
#else
#define tsan_release(p) (void)(p)
#define tsan_acquire(p) (void)(p)
#endif

static void efd_done(struct rt_cqe *cqe, int res)
{
    struct ring *r = CONTAINER_OF(cqe, struct ring, efd_cqe);

    r->armed = false;
    if (res == (int)sizeof(r->efd_value))
        r->owed -= r->efd_value;
    tsan_acquire(CONTAINER_OF(r, struct rt_xs, ring));
}

static int ring_open(struct ring *r, uint32_t entries)
{
    static const unsigned flags[] = {
        IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_TASKRUN_FLAG,
        IORING_SETUP_COOP_TASKRUN | IORING_SETUP_TASKRUN_FLAG,
        0,
    };
    int rc = -EINVAL;

    /* older kernels refuse flags they do not know */
    for (size_t i = 0; i < ARRAY_LEN(flags) && rc == -EINVAL; i++) {
        struct io_uring_params p = {.flags = flags[i]};

        rc = io_uring_queue_init_params(entries, &r->uring, &p);
        if (rc == 0 && !(p.features & IORING_FEAT_EXT_ARG && p.features & IORING_FEAT_NODROP)) {
            io_uring_queue_exit(&r->uring);
            return -EOPNOTSUPP;
        }
    }
    return rc;
}

void ring_init(struct rt_xs *xs)
{
    struct ring *r = &xs->ring;
    int rc;

    memset(r, 0, sizeof(*r));
    r->efd_cqe.done = efd_done;
    /* valgrind runs one thread at a time and does not know that io_uring_enter() sleeps */
    if (xs->ring_entries == UINT32_MAX || RUNNING_ON_VALGRIND)
        return;
    r->efd = eventfd(0, EFD_CLOEXEC);
    if (r->efd < 0)
        return;
    rc = ring_open(r, xs->ring_entries ? xs->ring_entries : ENTRIES_DEFAULT);
    if (rc) {
        LOG_INFO("io_uring is refused here (%s): xstream %s works without it", strerror(-rc),
                 xs->name);
        close(r->efd);
        return;
    }
    r->on = true;
}

void ring_fini(struct rt_xs *xs)
{
    struct ring *r = &xs->ring;

    if (!r->on)
        return;
    /* whoever took our ASLEEP mark is about to write to the eventfd: let it finish first */
    while (r->owed) {
        ring_sleep(xs, UINT64_MAX);
        ring_reap(xs);
    }
    io_uring_queue_exit(&r->uring);
    close(r->efd);
    r->on = false;
}

int rt_ring_submit(struct rt_xs *xs)
{
    int rc = io_uring_submit(&xs->ring.uring);

    xs->ring.kick = rc < 0;
    return rc < 0 ? rc : 0;
}

void rt_ring_kick(struct rt_xs *xs)
{
    xs->ring.kick = true;
}

struct io_uring *rt_xs_ring(struct rt_xs *xs)
{
    return xs->ring.on ? &xs->ring.uring : NULL;
}

bool ring_reap(struct rt_xs *xs)
{
    struct io_uring_cqe *cqes[REAP_BATCH];
    struct {
        struct rt_cqe *cqe;
        int res;
    } done[REAP_BATCH];
    unsigned n;

    if (!xs->ring.on)
        return false;
    n = io_uring_peek_batch_cqe(&xs->ring.uring, cqes, REAP_BATCH);
    if (!n)
        return false;
    /* give the slots back first: done() may submit */
    for (unsigned i = 0; i < n; i++) {
        done[i].cqe = io_uring_cqe_get_data(cqes[i]);
        done[i].res = cqes[i]->res;
    }
    io_uring_cq_advance(&xs->ring.uring, n);
    for (unsigned i = 0; i < n; i++)
        if (done[i].cqe)
            done[i].cqe->done(done[i].cqe, done[i].res);
    return true;
}

static void arm_efd(struct ring *r)
{
    struct io_uring_sqe *sqe;

    if (r->armed)
        return;
    sqe = io_uring_get_sqe(&r->uring);
    if (!sqe) {
        io_uring_submit(&r->uring);
        sqe = io_uring_get_sqe(&r->uring);
    }
    if (!sqe)
        return;
    io_uring_prep_read(sqe, r->efd, &r->efd_value, sizeof(r->efd_value), 0);
    io_uring_sqe_set_data(sqe, &r->efd_cqe);
    r->armed = true;
}

void ring_sleep(struct rt_xs *xs, uint64_t timeout_ns)
{
    struct ring *r = &xs->ring;
    struct __kernel_timespec ts;
    struct io_uring_cqe *cqe;

    arm_efd(r);
    /* the submission queue is congested: do not sleep deaf */
    if (!r->armed)
        timeout_ns = MIN(timeout_ns, 1000 * NS_PER_US);
    ts.tv_sec = (long long)(timeout_ns / NS_PER_S);
    ts.tv_nsec = (long long)(timeout_ns % NS_PER_S);
    io_uring_submit_and_wait_timeout(&r->uring, &cqe, 1, timeout_ns == UINT64_MAX ? NULL : &ts,
                                     NULL);
    r->kick = io_uring_sq_ready(&r->uring) > 0;
}

void ring_wake(struct rt_xs *xs)
{
    int efd = xs->ring.efd;
    uint64_t one = 1;
    long n;

    /* xs, and the eventfd with it, may be gone once this has happened; TSan's write() would look at
     * it afterwards */
    tsan_release(xs);
    do {
        n = syscall(SYS_write, efd, &one, sizeof(one));
    } while (n < 0 && errno == EINTR);
    ASSERT(n == (long)sizeof(one));
}
