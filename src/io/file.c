#include "io/file.h"
#include "io/backend.h"
#include "base/assert.h"
#include "daos_errno.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/statvfs.h>
#include <sys/uio.h>
#include <unistd.h>

#define ZEROS_LEN (1u << 20)

/* For file systems without fallocate. Allocated and initialised, if slower. */
static int write_zeros(int fd, uint64_t from, uint64_t to)
{
    void *zeros = io_buf_alloc(ZEROS_LEN);
    int rc = 0;

    if (!zeros)
        return -DER_NOMEM;
    memset(zeros, 0, ZEROS_LEN);
    while (from < to && rc == 0) {
        ssize_t n = pwrite(fd, zeros, (size_t)MIN((uint64_t)ZEROS_LEN, to - from), (off_t)from);

        if (n > 0)
            from += (uint64_t)n;
        else if (n == 0)
            rc = -DER_IO;
        else if (errno != EINTR)
            rc = io_errno_der(errno);
    }
    io_buf_free(zeros);
    return rc;
}

static int allocate(int fd, uint64_t from, uint64_t to)
{
    int rc;

    do {
        rc = fallocate(fd, 0, (off_t)from, (off_t)(to - from));
    } while (rc != 0 && errno == EINTR);
    if (rc == 0)
        return 0;
    if (errno == EOPNOTSUPP || errno == ENOSYS)
        return write_zeros(fd, from, to);
    return io_errno_der(errno);
}

int io_file_extend(int fd, uint64_t from, uint64_t to)
{
    int rc;

    ASSERT(from < to);
    rc = allocate(fd, from, to);
    if (rc == 0 && fsync(fd) != 0)
        rc = io_errno_der(errno);
    /* A full file system may have allocated a part. If this fails too the file is longer than
     * anybody knows, which hurts nobody. */
    if (rc != 0 && ftruncate(fd, (off_t)from) != 0)
        return rc;
    return rc;
}

int io_file_move(int fd, const struct io_req *req)
{
    uint64_t moved = 0, len = io_req_len(req);

    while (moved < len) {
        struct iovec piece = io_req_piece(req, moved);
        const struct iovec *iov = moved == 0 ? req->iov : &piece;
        int nr = moved == 0 ? (int)req->iov_nr : 1;
        off_t off = (off_t)(req->off + moved);
        ssize_t n = req->op == IO_READ ? preadv(fd, iov, nr, off) : pwritev(fd, iov, nr, off);

        if (n > 0)
            moved += (uint64_t)n;
        else if (n == 0)
            return -DER_IO;
        else if (errno != EINTR)
            return io_errno_der(errno);
    }
    return 0;
}

uint64_t io_file_room(int fd)
{
    struct statvfs st;

    return fstatvfs(fd, &st) == 0 ? (uint64_t)st.f_bavail * st.f_frsize : 0;
}
