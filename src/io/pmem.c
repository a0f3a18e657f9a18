/*
 * A device on a file in persistent memory, as a block device reached by memcpy and flush: what it
 * gains is a durable write without a system call.
 *
 * A write is a copy that goes around the processor's caches (or is flushed from them); it is
 * durable once the xstream's thread, which makes all of them, has waited for its stores: that is a
 * flush, and the end of a write with IO_DURABLE. Persistent memory tears at 8 bytes, not at
 * sectors, so whoever needs more than 8 bytes at once needs a checksum, which is what all formats
 * have.
 *
 * A read is a system call all the same: a load from memory that went bad would kill the process,
 * while pread() says EIO.
 *
 * The file is mapped whole. When it has grown, the thread that did it maps it again; the xstream
 * moves over with the first request that needs more than it has.
 *
 * Nobody may cut the file short meanwhile: a store beyond its end is SIGBUS.
 */
#include "io/file.h"
#include "io/backend.h"
#include "base/assert.h"
#include "base/fail.h"
#include "base/mutant.h"
#include "daos_errno.h"
#include <errno.h>
#include <fcntl.h>
#include <libpmem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

struct pmem_map {
    char *base;
    size_t len;
};

struct pmem_dev {
    struct io_dev dev;
    int fd;
    struct pmem_map map;
    struct pmem_map grown; /* base NULL: none. Made by grow(), taken over by submit() */
};

static struct pmem_dev *of(struct io_dev *dev)
{
    return CONTAINER_OF(dev, struct pmem_dev, dev);
}

bool io_has_pmem(void)
{
    return true;
}

/* The kernel says so; or the emulation of libpmem is on, for which every file is as good. */
bool pmem_suits(int fd)
{
    const char *force = getenv("PMEM_IS_PMEM_FORCE");
    struct statx st;

    if (force && strcmp(force, "1") == 0)
        return true;
    return statx(fd, "", AT_EMPTY_PATH, STATX_BASIC_STATS, &st) == 0 &&
           st.stx_attributes & STATX_ATTR_DAX;
}

/* The whole file. -DER_NOTSUPPORTED: it can be mapped, but stores alone do not make it durable. */
static int map_file(int fd, struct pmem_map *m)
{
    char path[40];
    int is_pmem = 0;

    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    m->base = pmem_map_file(path, 0, 0, 0, &m->len, &is_pmem);
    if (!m->base)
        return io_errno_der(errno);
    if (is_pmem)
        return 0;
    pmem_unmap(m->base, m->len);
    m->base = NULL;
    return -DER_NOTSUPPORTED;
}

static void take_over_grown(struct pmem_dev *pd)
{
    ASSERT(pd->grown.base);
    pmem_unmap(pd->map.base, pd->map.len);
    pd->map = pd->grown;
    pd->grown.base = NULL;
}

static void store(struct pmem_dev *pd, const struct io_req *req)
{
    uint64_t off = req->off;

    if (off + io_req_len(req) > pd->map.len)
        take_over_grown(pd);
    for (uint32_t i = 0; i < req->iov_nr; i++) {
        pmem_memcpy_nodrain(pd->map.base + off, req->iov[i].iov_base, req->iov[i].iov_len);
        off += req->iov[i].iov_len;
    }
    if (req->flags & IO_DURABLE && !MUTANT(PMEM_NOT_DRAINED))
        pmem_drain();
}

static void pmem_submit(struct io_dev *dev, struct io_req *req)
{
    int rc = 0;

    switch (req->op) {
    case IO_READ:
        rc = io_file_move(of(dev)->fd, req);
        break;
    case IO_WRITE:
        store(of(dev), req);
        break;
    case IO_FLUSH:
        if (!MUTANT(PMEM_FLUSH_NOTHING))
            pmem_drain();
        break;
    }
    io_complete_later(req, rc);
}

static int pmem_grow(struct io_dev *dev, uint64_t size)
{
    struct pmem_dev *pd = of(dev);
    struct pmem_map m;
    int rc = io_file_extend(pd->fd, dev->size, size);

    if (rc == 0)
        rc = map_file(pd->fd, &m);
    if (rc != 0)
        return rc == -DER_NOTSUPPORTED ? -DER_IO : rc;
    if (pd->grown.base) /* nothing has needed it yet */
        pmem_unmap(pd->grown.base, pd->grown.len);
    pd->grown = m;
    return 0;
}

static uint64_t pmem_room(struct io_dev *dev)
{
    return io_file_room(of(dev)->fd);
}

static void pmem_close(struct io_dev *dev)
{
    struct pmem_dev *pd = of(dev);

    if (pd->grown.base)
        pmem_unmap(pd->grown.base, pd->grown.len);
    pmem_unmap(pd->map.base, pd->map.len);
    close(pd->fd);
    base_free((void *)(uintptr_t)dev->name);
    base_free(pd);
}

static const struct io_dev_ops pmem_ops = {
    .submit = pmem_submit,
    .grow = pmem_grow,
    .close = pmem_close,
    .room = pmem_room,
};

int pmem_dev_create(struct rt_xs *xs, const struct io_file *f, struct io_dev **out)
{
    struct pmem_dev *pd = base_calloc(1, sizeof(*pd));
    int rc, flags = fcntl(f->fd, F_GETFL);

    if (!pd)
        return -DER_NOMEM;
    rc = map_file(f->fd, &pd->map);
    /* what was stored is in the page cache if this is the emulation */
    if (rc == 0 && (flags < 0 || fcntl(f->fd, F_SETFL, flags & ~O_DIRECT) != 0)) {
        rc = io_errno_der(errno);
        pmem_unmap(pd->map.base, pd->map.len);
    }
    if (rc != 0) {
        base_free(pd);
        return rc;
    }
    pd->dev = (struct io_dev){.ops = &pmem_ops,
                              .xs = xs,
                              .size = f->size,
                              .pmem = true,
                              .grow_blocks = true,
                              .name = f->name};
    pd->fd = f->fd;
    *out = &pd->dev;
    return 0;
}
