/*
 * A device on an O_DIRECT file (or block device) through the xstream's io_uring.
 *
 * Submission prepares an SQE and leaves the system call to the end of the xstream's turn, so that
 * all requests of a turn share one. IO_DURABLE is RWF_DSYNC: on a device that honours FUA one
 * write, no separate flush. Flush is fdatasync.
 *
 * A short transfer (a signal, a device's limit) goes on where it stopped, iovec by iovec. A full
 * submission queue is submitted on the spot; should the kernel still take nothing, requests wait in
 * order and a later turn tries again.
 */
#include "io/file.h"
#include "io/backend.h"
#include "base/assert.h"
#include "base/fail.h"
#include "daos_errno.h"
#include <errno.h>
#include <liburing.h>
#include <unistd.h>

#define TRIES_MAX 64 /* of one request the kernel asks to repeat */

#ifndef RWF_DSYNC
#define RWF_DSYNC 0x00000002
#endif

struct uring_io {
    struct rt_cqe cqe;
    struct uring_io *next; /* of those that wait for the submission queue */
    uint64_t moved;        /* bytes, of a transfer that came back short */
    struct iovec piece;
    uint64_t tries;
};
_Static_assert(sizeof(struct uring_io) <= IO_PRIV_WORDS * 8, "priv");

struct uring_dev {
    struct io_dev dev;
    struct io_uring *ring;
    int fd;
    bool retry_posted;
    struct rt_call retry;
    struct uring_io *waiting, **waiting_end;
};

static struct io_req *io_to_req(struct uring_io *io)
{
    return CONTAINER_OF((uint64_t *)(void *)io, struct io_req, priv[IO_PRIV_DEV]);
}

static struct uring_dev *io_to_dev(struct uring_io *io)
{
    return CONTAINER_OF(io_req_head(io_to_req(io))->dev, struct uring_dev, dev);
}

static void prepare(struct uring_dev *ud, struct uring_io *io, struct io_uring_sqe *sqe)
{
    struct io_req *req = io_to_req(io);
    const struct iovec *iov = io->moved > 0 ? &io->piece : req->iov;
    uint32_t iov_nr = io->moved > 0 ? 1 : req->iov_nr;
    uint64_t off = req->off + io->moved;
    bool one = iov_nr == 1;

    switch (req->op) {
    case IO_READ:
        if (one)
            io_uring_prep_read(sqe, ud->fd, iov->iov_base, (unsigned)iov->iov_len, off);
        else
            io_uring_prep_readv(sqe, ud->fd, iov, iov_nr, off);
        break;
    case IO_WRITE:
        if (one)
            io_uring_prep_write(sqe, ud->fd, iov->iov_base, (unsigned)iov->iov_len, off);
        else
            io_uring_prep_writev(sqe, ud->fd, iov, iov_nr, off);
        sqe->rw_flags = req->flags & IO_DURABLE ? RWF_DSYNC : 0;
        break;
    case IO_FLUSH:
        io_uring_prep_fsync(sqe, ud->fd, IORING_FSYNC_DATASYNC);
        break;
    }
    io_uring_sqe_set_data(sqe, &io->cqe);
}

static bool try_queue(struct uring_dev *ud, struct uring_io *io)
{
    struct io_uring_sqe *sqe = io_uring_get_sqe(ud->ring);

    if (!sqe) {
        rt_ring_submit(ud->dev.xs); /* a failure shows in the next line */
        sqe = io_uring_get_sqe(ud->ring);
    }
    if (!sqe)
        return false;
    prepare(ud, io, sqe);
    rt_ring_kick(ud->dev.xs);
    return true;
}

static void queue(struct uring_dev *ud, struct uring_io *io)
{
    if (!ud->waiting && try_queue(ud, io))
        return;
    io->next = NULL;
    *ud->waiting_end = io;
    ud->waiting_end = &io->next;
    if (!ud->retry_posted) {
        ud->retry_posted = true;
        rt_post(ud->dev.xs, &ud->retry);
    }
}

static void retry(struct rt_call *call)
{
    struct uring_dev *ud = CONTAINER_OF(call, struct uring_dev, retry);

    ud->retry_posted = false;
    while (ud->waiting && try_queue(ud, ud->waiting)) {
        ud->waiting = ud->waiting->next;
        if (!ud->waiting)
            ud->waiting_end = &ud->waiting;
    }
    if (ud->waiting) {
        ud->retry_posted = true;
        rt_post(ud->dev.xs, &ud->retry);
    }
}

static void completed(struct rt_cqe *cqe, int res)
{
    struct uring_io *io = CONTAINER_OF(cqe, struct uring_io, cqe);
    struct io_req *req = io_to_req(io);

    if ((res == -EAGAIN || res == -EINTR) && ++io->tries <= TRIES_MAX) {
        queue(io_to_dev(io), io);
        return;
    }
    if (res < 0 || req->op == IO_FLUSH) {
        io_complete(req, res < 0 ? io_errno_der(-res) : 0);
        return;
    }
    if (!io_req_moved(req, &io->moved, (uint64_t)res))
        return;
    io->piece = io_req_piece(req, io->moved);
    queue(io_to_dev(io), io);
}

static void uring_submit(struct io_dev *dev, struct io_req *req)
{
    struct uring_io *io = io_req_priv(req);

    *io = (struct uring_io){.cqe = {.done = completed}};
    queue(CONTAINER_OF(dev, struct uring_dev, dev), io);
}

static int uring_grow(struct io_dev *dev, uint64_t size)
{
    struct uring_dev *ud = CONTAINER_OF(dev, struct uring_dev, dev);

    return io_file_extend(ud->fd, dev->size, size);
}

static uint64_t uring_room(struct io_dev *dev)
{
    return io_file_room(CONTAINER_OF(dev, struct uring_dev, dev)->fd);
}

static void uring_close(struct io_dev *dev)
{
    struct uring_dev *ud = CONTAINER_OF(dev, struct uring_dev, dev);

    ASSERT(!ud->waiting);
    close(ud->fd);
    base_free((void *)(uintptr_t)dev->name);
    base_free(ud);
}

static const struct io_dev_ops uring_ops = {
    .submit = uring_submit,
    .grow = uring_grow,
    .close = uring_close,
    .room = uring_room,
};

int uring_dev_create(struct rt_xs *xs, const struct io_file *f, struct io_dev **out)
{
    struct uring_dev *ud = base_calloc(1, sizeof(*ud));

    if (!ud)
        return -DER_NOMEM;
    ud->dev = (struct io_dev){.ops = &uring_ops,
                              .xs = xs,
                              .size = f->size,
                              .readonly = f->readonly,
                              .fixed = f->fixed,
                              .grow_blocks = true,
                              .name = f->name};
    ud->ring = rt_xs_ring(xs);
    ASSERT(ud->ring);
    ud->fd = f->fd;
    ud->retry.fn = retry;
    ud->waiting_end = &ud->waiting;
    *out = &ud->dev;
    return 0;
}
