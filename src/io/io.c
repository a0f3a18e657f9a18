/* Requests of any device: checks, accounting, completion, and the forms that wait. */
#include "io/io.h"
#include "io/backend.h"
#include "base/assert.h"
#include "base/fail.h"
#include "base/mutant.h"
#include "daos_errno.h"
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>

#define ZERO_PIECE  65536u /* bytes of zeros in memory */
#define ZERO_PIECES 64u    /* how often one request repeats them */

_Static_assert(sizeof(struct io_req_head) <= IO_PRIV_DEV * sizeof(uint64_t), "head must fit");
_Static_assert(sizeof(((struct io_req *)0)->priv) == (IO_PRIV_DEV + IO_PRIV_WORDS) * 8, "priv");

static bool aligned(uint64_t v)
{
    return v % IO_ALIGN == 0;
}

uint64_t io_req_len(const struct io_req *req)
{
    uint64_t len = 0;

    for (uint32_t i = 0; i < req->iov_nr; i++)
        len += req->iov[i].iov_len;
    return len;
}

static int transfer_check(const struct io_dev *dev, const struct io_req *req)
{
    uint64_t len = 0;

    if (req->iov_nr == 0 || req->iov_nr > IOV_MAX || !aligned(req->off) || req->off > dev->size)
        return -DER_INVAL;
    for (uint32_t i = 0; i < req->iov_nr; i++) {
        const struct iovec *v = &req->iov[i];

        if (v->iov_len == 0 || !aligned(v->iov_len) || !aligned((uintptr_t)v->iov_base))
            return -DER_INVAL;
        if (v->iov_len > dev->size - req->off - len)
            return -DER_INVAL;
        len += v->iov_len;
    }
    if (len > INT_MAX - IO_ALIGN) /* what one system call moves */
        return -DER_INVAL;
    return req->op == IO_WRITE && dev->readonly ? -DER_NO_PERM : 0;
}

static int request_check(const struct io_dev *dev, const struct io_req *req)
{
    switch (req->op) {
    case IO_READ:
    case IO_WRITE:
        return req->flags & ~IO_DURABLE ? -DER_INVAL : transfer_check(dev, req);
    case IO_FLUSH:
        return 0;
    }
    return -DER_INVAL;
}

static void count(struct io_dev *dev, const struct io_req *req)
{
    switch (req->op) {
    case IO_READ:
        dev->stat.reads++;
        dev->stat.read_bytes += io_req_len(req);
        break;
    case IO_WRITE:
        dev->stat.writes++;
        dev->stat.write_bytes += io_req_len(req);
        break;
    case IO_FLUSH:
        dev->stat.flushes++;
        break;
    }
}

static void enter(struct io_dev *dev, struct io_req *req, uint64_t off_shown)
{
    struct io_req_head *head = io_req_head(req);

    ASSERT(rt_xs_self() == dev->xs);
    head->dev = dev;
    head->off_shown = off_shown;
    dev->stat.inflight++;
}

void io_reject(struct io_dev *dev, struct io_req *req, int rc)
{
    enter(dev, req, req->off);
    io_complete_later(req, rc);
}

void io_submit_shown(struct io_dev *dev, struct io_req *req, uint64_t off_shown)
{
    int rc;

    enter(dev, req, off_shown);
    rc = request_check(dev, req);
    if (rc != 0) {
        io_complete_later(req, rc);
        return;
    }
    count(dev, req);
    if (MUTANT(IO_DURABLE_LARGE) && io_req_len(req) > 32768)
        req->flags &= ~IO_DURABLE;
    dev->ops->submit(dev, req);
}

void io_submit(struct io_dev *dev, struct io_req *req)
{
    io_submit_shown(dev, req, req->off);
}

void io_complete(struct io_req *req, int rc)
{
    struct io_req_head *head = io_req_head(req);
    struct io_dev *dev = head->dev;

    ASSERT(rc <= 0);
    ASSERT(dev->stat.inflight > 0);
    dev->stat.inflight--;
    if (req->op == IO_FLUSH && rc != 0)
        dev->flush_lost = true;
    else if (req->op == IO_FLUSH && dev->flush_lost && !MUTANT(IO_FLUSH_FORGIVEN))
        rc = -DER_IO;
    req->off = head->off_shown;
    req->rc = MUTANT(IO_FLUSH_ERROR) && req->op == IO_FLUSH ? 0 : rc;
    req->done(req); /* req may be gone now */
}

static void complete_call(struct rt_call *call)
{
    struct io_req_head *head = CONTAINER_OF(call, struct io_req_head, call);
    struct io_req *req = CONTAINER_OF((uint64_t *)(void *)head, struct io_req, priv[0]);

    io_complete(req, req->rc);
}

void io_complete_later(struct io_req *req, int rc)
{
    struct io_req_head *head = io_req_head(req);

    req->rc = rc;
    head->call.fn = complete_call;
    rt_post(head->dev->xs, &head->call);
}

/* ---- Short transfers ---- */

struct iovec io_req_piece(const struct io_req *req, uint64_t moved)
{
    for (uint32_t i = 0; i < req->iov_nr; i++) {
        const struct iovec *v = &req->iov[i];

        if (moved < v->iov_len)
            return (struct iovec){.iov_base =
                                      (char *)v->iov_base + (MUTANT(IO_SHORT_AGAIN) ? 0 : moved),
                                  .iov_len = v->iov_len - (size_t)moved};
        moved -= v->iov_len;
    }
    ASSERT(!"a transfer moved more than it has");
    return (struct iovec){0};
}

bool io_req_moved(struct io_req *req, uint64_t *moved, uint64_t n)
{
    *moved += n;
    if (n > 0 && *moved < io_req_len(req) && !MUTANT(IO_SHORT_COMPLETE))
        return true;
    io_complete(req, n == 0 ? -DER_IO : 0);
    return false;
}

/* ---- Waiting ---- */

static void wait_done(struct io_req *req)
{
    rt_event_set(req->arg);
}

static int submit_wait(struct io_dev *dev, struct io_req *req)
{
    struct rt_event ev = RT_EVENT_INIT;

    req->done = wait_done;
    req->arg = &ev;
    io_submit(dev, req);
    rt_event_wait(&ev);
    return req->rc;
}

int io_read_wait(struct io_dev *dev, uint64_t off, void *buf, size_t len)
{
    struct iovec iov = {.iov_base = buf, .iov_len = len};
    struct io_req req = {.op = IO_READ, .off = off, .iov = &iov, .iov_nr = 1};

    return submit_wait(dev, &req);
}

int io_write_wait(struct io_dev *dev, uint64_t off, const void *buf, size_t len, uint32_t flags)
{
    struct iovec iov = {.iov_base = (void *)(uintptr_t)buf, .iov_len = len};
    struct io_req req = {.op = IO_WRITE, .flags = flags, .off = off, .iov = &iov, .iov_nr = 1};

    return submit_wait(dev, &req);
}

int io_flush_wait(struct io_dev *dev)
{
    struct io_req req = {.op = IO_FLUSH};

    return submit_wait(dev, &req);
}

int io_zero_wait(struct io_dev *dev, uint64_t off, uint64_t len)
{
    struct iovec iov[ZERO_PIECES];
    uint8_t *zeros;
    int rc = 0;

    if (!aligned(off) || !aligned(len) || off > dev->size || len > dev->size - off)
        return -DER_INVAL;
    zeros = io_buf_alloc(ZERO_PIECE);
    if (!zeros)
        return -DER_NOMEM;
    memset(zeros, 0, ZERO_PIECE);
    while (len > 0 && rc == 0) {
        struct io_req req = {.op = IO_WRITE, .off = off, .iov = iov};
        uint64_t step = 0;

        while (req.iov_nr < ZERO_PIECES && step < len) {
            size_t n = (size_t)MIN((uint64_t)ZERO_PIECE, len - step);

            iov[req.iov_nr++] = (struct iovec){.iov_base = zeros, .iov_len = n};
            step += n;
        }
        rc = submit_wait(dev, &req);
        off += step;
        len -= step;
    }
    io_buf_free(zeros);
    return rc != 0 ? rc : io_flush_wait(dev);
}

/* ---- Growth: a file system may take long to allocate, so a thread of its own waits for it ---- */

struct grow_job {
    struct io_dev *dev;
    uint64_t size;
    int rc;
    struct rt_event done;
};

static void *grow_thread(void *arg)
{
    struct grow_job *job = arg;

    job->rc = job->dev->ops->grow(job->dev, job->size);
    rt_event_set(&job->done);
    return NULL;
}

static int grow_off_xstream(struct io_dev *dev, uint64_t size)
{
    struct grow_job job = {.dev = dev, .size = size};
    sigset_t all, old;
    pthread_t thread;
    int err;

    rt_event_init(&job.done);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    err = pthread_create(&thread, NULL, grow_thread, &job);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (err != 0)
        return -DER_NOMEM;
    rt_event_wait(&job.done);
    pthread_join(thread, NULL);
    return job.rc;
}

int io_grow_wait(struct io_dev *dev, uint64_t size)
{
    int rc;

    if (!aligned(size) || size > INT64_MAX)
        return -DER_INVAL;
    if (dev->readonly)
        return -DER_NO_PERM;
    if (size <= dev->size)
        return 0;
    if (dev->fixed)
        return -DER_NOTSUPPORTED;
    rc = dev->grow_blocks ? grow_off_xstream(dev, size) : dev->ops->grow(dev, size);
    if (rc == 0)
        dev->size = size;
    return rc;
}

uint64_t io_dev_room(struct io_dev *dev)
{
    return dev->fixed || !dev->ops->room ? 0 : dev->ops->room(dev);
}

void *io_dev_memory(struct io_dev *dev, uint64_t off, uint64_t len)
{
    if (!dev->ops->memory || off > dev->size || len > dev->size - off)
        return NULL;
    return dev->ops->memory(dev, off, len);
}

void io_dev_close(struct io_dev *dev)
{
    if (!dev)
        return;
    ASSERT(dev->stat.inflight == 0);
    dev->ops->close(dev);
}

void *io_buf_alloc(size_t len)
{
    return base_aligned(IO_ALIGN, len);
}

void io_buf_free(void *buf)
{
    base_free(buf);
}

int io_errno_der(int err)
{
    switch (err) {
    case 0:
        return 0;
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
        return -DER_NOSPACE;
    case EACCES:
    case EPERM:
    case EROFS:
        return -DER_NO_PERM;
    case ENOENT:
        return -DER_NONEXIST;
    case EEXIST:
        return -DER_EXIST;
    case ENOTDIR:
        return -DER_NOTDIR;
    case ENOMEM:
    case EMFILE:
    case ENFILE:
        return -DER_NOMEM;
    case EINVAL:
    case ENAMETOOLONG:
        return -DER_INVAL;
    case EBUSY:
    case EWOULDBLOCK:
        return -DER_BUSY;
    case EOPNOTSUPP:
        return -DER_NOTSUPPORTED;
    default:
        return -DER_IO;
    }
}
