/* Two copies of the bytes; blocks that are written are noted, and copied back by a reset. */
#include "fuzz_image.h"
#include <malloc.h>
#include <daos_errno.h>
#include "base/err.h"
#include "io/backend.h"

#define BLOCKS (FUZZ_IMAGE_MAX / IO_ALIGN)

static struct {
    struct io_dir dir;
    uint8_t *mem, *sealed; /* FUZZ_IMAGE_MAX bytes each */
    bool dirty[BLOCKS];
    bool made;
    uint64_t size, sealed_size;
    char name[32];
} image;

void fuzz_image_poke(uint64_t off, const void *buf, size_t len)
{
    FUZZ_CHECK(len > 0 && off <= FUZZ_IMAGE_MAX && len <= FUZZ_IMAGE_MAX - off);
    memmove(image.mem + off, buf, len);
    for (uint64_t b = off / IO_ALIGN; b <= (off + len - 1) / IO_ALIGN; b++)
        image.dirty[b] = true;
}

/* ---- The device ---- */

static void image_submit(struct io_dev *dev, struct io_req *req)
{
    uint64_t off = req->off;

    for (uint32_t i = 0; req->op != IO_FLUSH && i < req->iov_nr; i++) {
        struct iovec *v = &req->iov[i];

        if (req->op == IO_READ)
            memcpy(v->iov_base, image.mem + off, v->iov_len);
        else
            fuzz_image_poke(off, v->iov_base, v->iov_len);
        off += v->iov_len;
    }
    io_complete_later(req, 0);
}

static int image_grow(struct io_dev *dev, uint64_t size)
{
    if (size > FUZZ_IMAGE_MAX)
        return -DER_NOSPACE;
    image.size = MAX(image.size, size);
    return 0;
}

static void image_dev_close(struct io_dev *dev)
{
    free(dev);
}

static const struct io_dev_ops dev_ops = {
    .submit = image_submit, .grow = image_grow, .close = image_dev_close};

static int dev_make(struct rt_xs *xs, bool readonly, struct io_dev **out)
{
    struct io_dev *dev = calloc(1, sizeof(*dev));

    FUZZ_CHECK(dev != NULL);
    *dev = (struct io_dev){.ops = &dev_ops,
                           .xs = xs,
                           .size = image.size,
                           .readonly = readonly,
                           .volatile_mem = true,
                           .name = image.name};
    *out = dev;
    return 0;
}

/* ---- The directory ---- */

static int image_create(struct io_dir *d, struct rt_xs *xs, const char *name, uint64_t size,
                        struct io_dev **dev, struct err *e)
{
    if (image.made)
        return -DER_EXIST;
    image.made = true;
    image.size = size;
    snprintf(image.name, sizeof(image.name), "%s", name);
    return dev_make(xs, false, dev);
}

static int image_open(struct io_dir *d, struct rt_xs *xs, const char *name, bool readonly,
                      struct io_dev **dev, struct err *e)
{
    if (!image.made || strcmp(name, image.name) != 0)
        return err_set(e, -DER_NONEXIST, "cannot open the device", "there is no such", "name it");
    return dev_make(xs, readonly, dev);
}

static int image_remove(struct io_dir *d, const char *name, struct err *e)
{
    image.made = false;
    return 0;
}

static int image_list(struct io_dir *d, int (*each)(const char *name, void *arg), void *arg)
{
    return image.made ? each(image.name, arg) : 0;
}

static int image_nothing(struct io_dir *d)
{
    return 0;
}

static int image_lock(struct io_dir *d, struct err *e)
{
    return 0;
}

static void image_close(struct io_dir *d)
{
}

static const struct io_dir_ops dir_ops = {.create = image_create,
                                          .open = image_open,
                                          .remove = image_remove,
                                          .list = image_list,
                                          .sync = image_nothing,
                                          .lock = image_lock,
                                          .close = image_close};

struct io_dir *fuzz_image_dir(void)
{
    if (image.mem == NULL) {
        /* buffers of megabytes come and go with every input: not from the kernel each time */
        mallopt(M_MMAP_THRESHOLD, FUZZ_IMAGE_MAX);
        mallopt(M_TRIM_THRESHOLD, FUZZ_IMAGE_MAX);
        image.mem = calloc(1, FUZZ_IMAGE_MAX);
        image.sealed = calloc(1, FUZZ_IMAGE_MAX);
        FUZZ_CHECK(image.mem != NULL && image.sealed != NULL);
        image.dir = (struct io_dir){.ops = &dir_ops, .path = "image"};
    }
    return &image.dir;
}

const uint8_t *fuzz_image_bytes(void)
{
    return image.mem;
}

void fuzz_image_resize(uint64_t size)
{
    FUZZ_CHECK(size <= FUZZ_IMAGE_MAX);
    image.size = size;
}

void fuzz_image_seal(void)
{
    image.sealed_size = image.size;
    memcpy(image.sealed, image.mem, image.size);
    memset(image.dirty, 0, sizeof(image.dirty));
}

void fuzz_image_reset(void)
{
    image.size = image.sealed_size;
    for (uint64_t b = 0; b < BLOCKS; b++) {
        if (!image.dirty[b])
            continue;
        memcpy(image.mem + b * IO_ALIGN, image.sealed + b * IO_ALIGN, IO_ALIGN);
        image.dirty[b] = false;
    }
}

uint64_t fuzz_image_role(enum super_role role, uint64_t *size)
{
    static struct super_block b;

    FUZZ_CHECK(super_decode(image.mem, 0, &b) == SUPER_COPY_WHOLE);
    *size = super_block_role_size(&b, role);
    for (uint32_t i = 0; i < b.extent_nr; i++)
        if (b.extent[i].role == role)
            return b.extent[i].off;
    fuzz_failed(__FILE__, __LINE__, "the device has the role");
}
