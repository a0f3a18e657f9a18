/*
 * A device on a file that lies in memory (tmpfs, ramfs): each request is a pread or pwrite made at
 * once, which waits for nothing, and a flush is nothing: the file outlives the process, and what
 * takes the memory takes the file.
 */
#include "io/file.h"
#include "io/backend.h"
#include "base/assert.h"
#include "base/fail.h"
#include "daos_errno.h"
#include <linux/magic.h>
#include <sys/vfs.h>
#include <unistd.h>

struct tmpfs_dev {
    struct io_dev dev;
    int fd;
};

static struct tmpfs_dev *of(struct io_dev *dev)
{
    return CONTAINER_OF(dev, struct tmpfs_dev, dev);
}

bool tmpfs_suits(int fd)
{
    struct statfs st;

    return fstatfs(fd, &st) == 0 && (st.f_type == TMPFS_MAGIC || st.f_type == RAMFS_MAGIC);
}

static void tmpfs_submit(struct io_dev *dev, struct io_req *req)
{
    io_complete_later(req, req->op == IO_FLUSH ? 0 : io_file_move(of(dev)->fd, req));
}

static int tmpfs_grow(struct io_dev *dev, uint64_t size)
{
    return io_file_extend(of(dev)->fd, dev->size, size);
}

static uint64_t tmpfs_room(struct io_dev *dev)
{
    return io_file_room(of(dev)->fd);
}

static void tmpfs_close(struct io_dev *dev)
{
    close(of(dev)->fd);
    base_free((void *)(uintptr_t)dev->name);
    base_free(of(dev));
}

static const struct io_dev_ops tmpfs_ops = {
    .submit = tmpfs_submit,
    .grow = tmpfs_grow,
    .close = tmpfs_close,
    .room = tmpfs_room,
};

int tmpfs_dev_create(struct rt_xs *xs, const struct io_file *f, struct io_dev **out)
{
    struct tmpfs_dev *td = base_calloc(1, sizeof(*td));

    if (!td)
        return -DER_NOMEM;
    td->dev = (struct io_dev){.ops = &tmpfs_ops,
                              .xs = xs,
                              .size = f->size,
                              .readonly = f->readonly,
                              .grow_blocks = true,
                              .name = f->name};
    td->fd = f->fd;
    *out = &td->dev;
    return 0;
}
