/*
 * A device on a file through pread and pwrite on a few threads of its own: for machines that refuse
 * io_uring (a container's seccomp filter) and file systems without O_DIRECT. Same promises as
 * uring.c, slower: every completion crosses threads.
 */
#include "io/file.h"
#include "io/backend.h"
#include "base/assert.h"
#include "base/fail.h"
#include "daos_errno.h"
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/uio.h>
#include <unistd.h>

#define THREADS 4u

struct threads_io {
    struct io_req *next;
};

struct threads_dev {
    struct io_dev dev;
    int fd;
    pthread_mutex_t mutex;
    pthread_cond_t work;
    struct io_req *first, *last; /* queue; its length is bounded by what the caller has in flight */
    bool stop;
    uint32_t thread_nr;
    pthread_t thread[THREADS];
};

static struct threads_io *io_of(struct io_req *req)
{
    return io_req_priv(req);
}

static ssize_t move_once(int fd, const struct io_req *req, const struct iovec *iov, int iov_nr,
                         uint64_t off, bool *flush_after)
{
    ssize_t n;

    if (req->op == IO_READ)
        return preadv(fd, iov, iov_nr, (off_t)off);
    if (!(req->flags & IO_DURABLE) || *flush_after)
        return pwritev(fd, iov, iov_nr, (off_t)off);
    n = pwritev2(fd, iov, iov_nr, (off_t)off, RWF_DSYNC);
    if (n < 0 && (errno == EOPNOTSUPP || errno == ENOSYS)) {
        *flush_after = true; /* the two steps that RWF_DSYNC joins */
        n = pwritev(fd, iov, iov_nr, (off_t)off);
    }
    return n;
}

static int transfer(int fd, const struct io_req *req)
{
    uint64_t moved = 0, len = io_req_len(req);
    bool flush_after = false;

    while (moved < len) {
        struct iovec piece = io_req_piece(req, moved);
        const struct iovec *iov = moved == 0 ? req->iov : &piece;
        ssize_t n = move_once(fd, req, iov, moved == 0 ? (int)req->iov_nr : 1, req->off + moved,
                              &flush_after);

        if (n > 0)
            moved += (uint64_t)n;
        else if (n == 0)
            return -DER_IO;
        else if (errno != EINTR)
            return io_errno_der(errno);
    }
    return flush_after && fdatasync(fd) != 0 ? io_errno_der(errno) : 0;
}

static int execute(int fd, const struct io_req *req)
{
    if (req->op == IO_FLUSH)
        return fdatasync(fd) == 0 ? 0 : io_errno_der(errno);
    return transfer(fd, req);
}

static struct io_req *take(struct threads_dev *td)
{
    struct io_req *req;

    pthread_mutex_lock(&td->mutex);
    while (!td->first && !td->stop)
        pthread_cond_wait(&td->work, &td->mutex);
    req = td->first;
    if (req)
        td->first = io_of(req)->next;
    pthread_mutex_unlock(&td->mutex);
    return req;
}

static void *serve(void *arg)
{
    struct threads_dev *td = arg;
    struct io_req *req;

    while ((req = take(td)))
        io_complete_later(req, execute(td->fd, req));
    return NULL;
}

static void threads_submit(struct io_dev *dev, struct io_req *req)
{
    struct threads_dev *td = CONTAINER_OF(dev, struct threads_dev, dev);

    io_of(req)->next = NULL;
    pthread_mutex_lock(&td->mutex);
    if (td->first)
        io_of(td->last)->next = req;
    else
        td->first = req;
    td->last = req;
    pthread_cond_signal(&td->work);
    pthread_mutex_unlock(&td->mutex);
}

static int threads_grow(struct io_dev *dev, uint64_t size)
{
    struct threads_dev *td = CONTAINER_OF(dev, struct threads_dev, dev);

    return io_file_extend(td->fd, dev->size, size);
}

/* Ends the threads and frees all but the file. */
static void dismantle(struct threads_dev *td)
{
    pthread_mutex_lock(&td->mutex);
    td->stop = true;
    pthread_cond_broadcast(&td->work);
    pthread_mutex_unlock(&td->mutex);
    for (uint32_t i = 0; i < td->thread_nr; i++)
        pthread_join(td->thread[i], NULL);
    pthread_cond_destroy(&td->work);
    pthread_mutex_destroy(&td->mutex);
    base_free(td);
}

static uint64_t threads_room(struct io_dev *dev)
{
    return io_file_room(CONTAINER_OF(dev, struct threads_dev, dev)->fd);
}

static void threads_close(struct io_dev *dev)
{
    struct threads_dev *td = CONTAINER_OF(dev, struct threads_dev, dev);

    close(td->fd);
    base_free((void *)(uintptr_t)dev->name);
    dismantle(td);
}

static const struct io_dev_ops threads_ops = {
    .submit = threads_submit,
    .grow = threads_grow,
    .close = threads_close,
    .room = threads_room,
};

/* Signals are for the application's threads. */
static int start_threads(struct threads_dev *td)
{
    sigset_t all, old;
    int err = 0;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    while (td->thread_nr < THREADS && err == 0) {
        err = pthread_create(&td->thread[td->thread_nr], NULL, serve, td);
        if (err == 0) {
            pthread_setname_np(td->thread[td->thread_nr], "tarn-io");
            td->thread_nr++;
        }
    }
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    return td->thread_nr > 0 ? 0 : -DER_NOMEM; /* fewer than wanted will do */
}

int threads_dev_create(struct rt_xs *xs, const struct io_file *f, struct io_dev **out)
{
    struct threads_dev *td = base_calloc(1, sizeof(*td));
    int rc;

    if (!td)
        return -DER_NOMEM;
    td->dev = (struct io_dev){.ops = &threads_ops,
                              .xs = xs,
                              .size = f->size,
                              .readonly = f->readonly,
                              .fixed = f->fixed,
                              .grow_blocks = true,
                              .name = f->name};
    td->fd = f->fd;
    pthread_mutex_init(&td->mutex, NULL);
    pthread_cond_init(&td->work, NULL);
    rc = start_threads(td);
    if (rc != 0) {
        dismantle(td);
        return rc;
    }
    *out = &td->dev;
    return 0;
}
