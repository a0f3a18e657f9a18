/*
 * A device on a file that lies in memory (tmpfs, ramfs): each request is a pread or pwrite made at
 * once, which waits for nothing, and a flush is nothing: the file outlives the process, and what
 * takes the memory takes the file.
 *
 * The file is mapped as well, for those who ask where its bytes lie (io_dev_memory) and do without
 * requests. Addresses are reserved for all that it may grow to, so that the mapping grows in place
 * and never moves. Requests do not go through it: a page that is met for the first time costs a
 * page fault, which is more than a system call for several (decision 0013).
 *
 * Nobody may cut the file short meanwhile: a load or store beyond its end is SIGBUS.
 */
#include "io/file.h"
#include "io/backend.h"
#include "base/assert.h"
#include "base/fail.h"
#include "daos_errno.h"
#include <linux/magic.h>
#include <sys/mman.h>
#include <sys/vfs.h>
#include <unistd.h>

/* Addresses reserved for a file: several times what it and its file system could become, because
 * those grow too; less where the process may have only so many. */
#define RESERVE_MIN   (UINT64_C(1) << 30)
#define RESERVE_MAX   (UINT64_C(1) << 42)
#define RESERVE_TIMES 4u

struct tmpfs_dev {
    struct io_dev dev;
    int fd;
    char *base; /* NULL: not mapped */
    uint64_t reserved;
    _Atomic uint64_t mapped; /* bytes of the file that are; grows on the thread that grows it */
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

/* ---- The mapping ---- */

static void reserve(struct tmpfs_dev *td)
{
    uint64_t want = (td->dev.size + io_file_room(td->fd)) * RESERVE_TIMES;

    want = td->dev.readonly ? td->dev.size : MIN(MAX(want, RESERVE_MIN), RESERVE_MAX);
    for (; want >= td->dev.size && want > 0; want /= 2) {
        void *p = mmap(NULL, want, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

        if (p == MAP_FAILED)
            continue;
        td->base = p;
        td->reserved = want;
        return;
    }
}

/* The file up to size. It is left as it was where the kernel does not want to: requests do. */
static void map_to(struct tmpfs_dev *td, uint64_t size)
{
    uint64_t from = td->mapped, to = MIN(size, td->reserved);
    int prot = td->dev.readonly ? PROT_READ : PROT_READ | PROT_WRITE;

    if (td->base == NULL || to <= from)
        return;
    if (mmap(td->base + from, to - from, prot, MAP_SHARED | MAP_FIXED, td->fd, (off_t)from) ==
        MAP_FAILED)
        return;
    madvise(td->base + from, to - from, MADV_DONTDUMP);
    td->mapped = to;
}

static void *tmpfs_memory(struct io_dev *dev, uint64_t off, uint64_t len)
{
    struct tmpfs_dev *td = of(dev);

    return off <= td->mapped && len <= td->mapped - off ? td->base + off : NULL;
}

void io_memory_touch(void *at, size_t len)
{
#ifdef MADV_POPULATE_WRITE
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), from = (uintptr_t)at & ~(page - 1);

    madvise((void *)from, (uintptr_t)at + len - from, MADV_POPULATE_WRITE);
#else
    (void)at, (void)len;
#endif
}

/* ---- Requests ---- */

static void tmpfs_submit(struct io_dev *dev, struct io_req *req)
{
    io_complete_later(req, req->op == IO_FLUSH ? 0 : io_file_move(of(dev)->fd, req));
}

static int tmpfs_grow(struct io_dev *dev, uint64_t size)
{
    int rc = io_file_extend(of(dev)->fd, dev->size, size);

    if (rc == 0)
        map_to(of(dev), size);
    return rc;
}

static uint64_t tmpfs_room(struct io_dev *dev)
{
    return io_file_room(of(dev)->fd);
}

static void tmpfs_close(struct io_dev *dev)
{
    if (of(dev)->base != NULL)
        munmap(of(dev)->base, of(dev)->reserved);
    close(of(dev)->fd);
    base_free((void *)(uintptr_t)dev->name);
    base_free(of(dev));
}

static const struct io_dev_ops tmpfs_ops = {
    .submit = tmpfs_submit,
    .grow = tmpfs_grow,
    .close = tmpfs_close,
    .room = tmpfs_room,
    .memory = tmpfs_memory,
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
    reserve(td);
    map_to(td, f->size);
    *out = &td->dev;
    return 0;
}
