/*
 * Watching descriptors. With an io_uring each watch is a poll request in it: an xstream that spins
 * or sleeps in its ring hears of it like of any completion. Without one there is an epoll set, in
 * which such an xstream then sleeps; others wake it through an eventfd that is in the set too.
 */
#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <daos_errno.h>

#include "base/fail.h"
#include "rt/fd.h"
#include "rt/priv.h"

#define BATCH      32
#define TURNS      256u /* an epoll set is asked once in so many turns: a system call */
#define SPARES_MAX 64u

struct rt_watch {
    struct rt_cqe cqe;
    struct list link;
    struct rt_xs *xs;
    struct rt_fd *f; /* NULL: nobody waits for it any more */
    bool armed;      /* in the kernel's hands */
};

static void recycle(struct fds *fs, struct rt_watch *w)
{
    list_del(&w->link);
    list_add(&fs->spare, &w->link);
}

static void tell(struct rt_watch *w, uint32_t events)
{
    struct rt_fd *f = w->f;

    w->armed = false;
    w->xs->fds.nr--;
    if (f != NULL)
        f->ready(f, events);
}

static void ring_done(struct rt_cqe *cqe, int res)
{
    struct rt_watch *w = CONTAINER_OF(cqe, struct rt_watch, cqe);

    if (w->f != NULL)
        w->f->watch = NULL;
    tell(w, res > 0 ? (uint32_t)res : POLLERR);
    recycle(&w->xs->fds, w);
}

static struct rt_watch *watch_new(struct rt_xs *xs)
{
    struct fds *fs = &xs->fds;
    struct rt_watch *w;

    if (!list_empty(&fs->spare)) {
        w = LIST_ENTRY(list_first(&fs->spare), struct rt_watch, link);
        list_del(&w->link);
    } else {
        w = base_alloc(sizeof(*w));
    }
    if (w == NULL)
        return NULL;
    *w = (struct rt_watch){.cqe.done = ring_done, .xs = xs};
    list_add(&fs->watches, &w->link);
    return w;
}

static struct io_uring_sqe *next_sqe(struct rt_xs *xs)
{
    struct io_uring_sqe *sqe = io_uring_get_sqe(&xs->ring.uring);

    if (sqe == NULL && rt_ring_submit(xs) == 0)
        sqe = io_uring_get_sqe(&xs->ring.uring);
    return sqe;
}

static int arm_ring(struct rt_xs *xs, struct rt_watch *w)
{
    struct io_uring_sqe *sqe = next_sqe(xs);

    if (sqe == NULL)
        return -DER_NOMEM;
    io_uring_prep_poll_add(sqe, w->f->fd, w->f->events);
    io_uring_sqe_set_data(sqe, &w->cqe);
    rt_ring_kick(xs);
    return 0;
}

static int arm_epoll(struct rt_xs *xs, struct rt_watch *w, bool is_new)
{
    struct epoll_event ev = {.events = w->f->events | EPOLLONESHOT, .data.ptr = w};

    return epoll_ctl(xs->fds.epoll, is_new ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, w->f->fd, &ev) == 0
               ? 0
               : -DER_NOMEM;
}

int rt_fd_arm(struct rt_xs *xs, struct rt_fd *f, uint32_t events)
{
    struct rt_watch *w = f->watch;
    bool is_new = w == NULL;
    int rc;

    ASSERT(rt_xs_self() == xs && !xs->world->simulated);
    if (w != NULL && w->armed && f->events == events)
        return 0;
    if (w != NULL && w->armed && xs->ring.on) { /* asked for something else */
        rt_fd_disarm(xs, f);
        is_new = true;
    }
    if (!xs->ring.on && !fds_in_use(&xs->fds)) {
        rc = fds_open(xs);
        if (rc != 0)
            return rc;
    }
    if (is_new)
        w = watch_new(xs);
    if (w == NULL)
        return -DER_NOMEM;
    f->events = events;
    f->watch = w;
    w->f = f;
    rc = xs->ring.on ? arm_ring(xs, w) : arm_epoll(xs, w, is_new);
    if (rc != 0) {
        if (is_new) {
            f->watch = NULL;
            recycle(&xs->fds, w);
        }
        return rc;
    }
    xs->fds.nr += !w->armed;
    w->armed = true;
    return 0;
}

void rt_fd_disarm(struct rt_xs *xs, struct rt_fd *f)
{
    struct rt_watch *w = f->watch;
    struct io_uring_sqe *sqe;

    ASSERT(rt_xs_self() == xs);
    if (w == NULL)
        return;
    f->watch = NULL;
    w->f = NULL;
    if (!xs->ring.on) {
        epoll_ctl(xs->fds.epoll, EPOLL_CTL_DEL, f->fd, NULL);
        xs->fds.nr -= w->armed;
        w->armed = false;
        list_del(&w->link); /* not to be used again before the batch it may be in has ended */
        list_add(&xs->fds.dead, &w->link);
        return;
    }
    sqe = next_sqe(xs);
    if (sqe == NULL)
        return; /* it comes to its end when the descriptor does */
    io_uring_prep_poll_remove(sqe, (uint64_t)(uintptr_t)&w->cqe);
    io_uring_sqe_set_data(sqe, NULL);
    rt_ring_kick(xs);
}

/* ---- The epoll set ---- */

int fds_open(struct rt_xs *xs)
{
    struct epoll_event ev = {.events = EPOLLIN, .data.ptr = NULL};
    struct fds *fs = &xs->fds;

    fs->efd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    fs->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (fs->efd >= 0 && fs->epoll >= 0 && epoll_ctl(fs->epoll, EPOLL_CTL_ADD, fs->efd, &ev) == 0)
        return 0;
    if (fs->efd >= 0)
        close(fs->efd);
    if (fs->epoll >= 0)
        close(fs->epoll);
    fs->efd = fs->epoll = -1;
    return -DER_NOMEM;
}

void fds_init(struct fds *fs)
{
    list_init(&fs->watches);
    list_init(&fs->spare);
    list_init(&fs->dead);
    fs->epoll = fs->efd = -1;
}

static void free_all(struct list *l)
{
    while (!list_empty(l)) {
        struct rt_watch *w = LIST_ENTRY(list_first(l), struct rt_watch, link);

        list_del(&w->link);
        base_free(w);
    }
}

void fds_fini(struct fds *fs)
{
    free_all(&fs->watches);
    free_all(&fs->spare);
    free_all(&fs->dead);
    if (fs->epoll < 0)
        return;
    close(fs->epoll);
    close(fs->efd);
    fs->epoll = fs->efd = -1;
}

static void hear_wake(struct fds *fs)
{
    uint64_t n;

    if (read(fs->efd, &n, sizeof(n)) == (ssize_t)sizeof(n))
        fs->woken = true;
}

static bool take(struct rt_xs *xs, int timeout_ms)
{
    struct epoll_event ev[BATCH];
    struct fds *fs = &xs->fds;
    int n = epoll_wait(fs->epoll, ev, BATCH, timeout_ms);

    for (int i = 0; i < n; i++) {
        struct rt_watch *w = ev[i].data.ptr;

        if (w == NULL)
            hear_wake(fs);
        else if (w->armed)
            tell(w, ev[i].events);
    }
    while (!list_empty(&fs->dead))
        recycle(fs, LIST_ENTRY(list_first(&fs->dead), struct rt_watch, link));
    return n > 0;
}

bool fds_poll(struct rt_xs *xs)
{
    struct fds *fs = &xs->fds;

    if (!fds_in_use(fs) || fs->nr == 0 || ++fs->turn % TURNS != 0)
        return false;
    return take(xs, 0);
}

void fds_sleep(struct rt_xs *xs, uint64_t timeout_ns)
{
    uint64_t ms = timeout_ns == UINT64_MAX ? UINT64_MAX : (timeout_ns + 999999) / 1000000;

    take(xs, ms > INT32_MAX ? -1 : (int)ms);
}

void fds_wake(struct rt_xs *xs)
{
    uint64_t one = 1;
    ssize_t n = write(xs->fds.efd, &one, sizeof(one));

    ASSERT(n == (ssize_t)sizeof(one));
}

void fds_wake_owed(struct rt_xs *xs)
{
    struct fds *fs = &xs->fds;
    unsigned tries = 0;

    while (!fs->woken) {
        hear_wake(fs);
        if (!fs->woken)
            spin_pause(&tries);
    }
    fs->woken = false;
}
