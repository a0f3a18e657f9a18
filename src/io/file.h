/* Device files: the backends that serve an open file, and what they need. Private to io. */
#ifndef TARN_IO_FILE_H
#define TARN_IO_FILE_H

#include "io/io.h"

struct io_file {
    int fd;
    uint64_t size;
    bool readonly;
    bool fixed;       /* a block device: cannot grow */
    const char *name; /* for messages, from base_alloc */
};

/* Each makes a device that owns f->fd and f->name from then on; on failure they stay the caller's.
 * -DER_NOMEM. */
int uring_dev_create(struct rt_xs *xs, const struct io_file *f, struct io_dev **out);
int threads_dev_create(struct rt_xs *xs, const struct io_file *f, struct io_dev **out);
/* As these, for a file that pmem_suits(), open for writing. -DER_NOTSUPPORTED: not persistent
 * memory after all, or libpmem is not in this program. */
int pmem_dev_create(struct rt_xs *xs, const struct io_file *f, struct io_dev **out);
/* As these, for a file that tmpfs_suits(). */
int tmpfs_dev_create(struct rt_xs *xs, const struct io_file *f, struct io_dev **out);
/* Does the file lie in memory (tmpfs)? */
bool tmpfs_suits(int fd);
/* Does the file lie in persistent memory that can be mapped (DAX)? */
bool pmem_suits(int fd);

/* A read or write with plain calls, piece by piece until all has moved. -DER_IO at the end of the
 * file, other DER codes. */
int io_file_move(int fd, const struct io_req *req);
/* Allocates [from, to) of the file and makes size and allocation durable; the new part reads as
 * zeros. What was there is untouched; on failure the file is as long as before. Blocks. */
int io_file_extend(int fd, uint64_t from, uint64_t to);
/* Bytes that a file could still grow by. */
uint64_t io_file_room(int fd);

#endif
