/*
 * Devices in memory, and the directory that keeps them: contents live as long as the directory, so
 * a device closed and opened again finds them. The bytes move during submit; completion comes
 * through the xstream as from any device. A file removed while open stays until it is closed.
 * Devices of one directory may belong to different xstreams.
 */
#include "io/backend.h"
#include "io/chunks.h"
#include "base/assert.h"
#include "base/err.h"
#include "base/fail.h"
#include "base/list.h"
#include "daos_errno.h"
#include <pthread.h>
#include <string.h>

struct mem_file {
    struct list link; /* in the directory, sorted by name; alone once removed */
    char *name;
    struct chunks bytes;
    uint64_t size;
    uint32_t refs; /* open devices, and one for the directory */
};

struct mem_dir {
    struct io_dir dir;
    pthread_mutex_t mutex;
    struct list files;
    bool locked;
};

struct mem_dev {
    struct io_dev dev;
    struct mem_dir *home;
    struct mem_file *file;
};

static void file_unref(struct mem_file *f)
{
    if (--f->refs > 0)
        return;
    chunks_fini(&f->bytes);
    base_free(f->name);
    base_free(f);
}

/* The file, or the first with a greater name (its place for insertion) through *next. */
static struct mem_file *file_find(struct mem_dir *d, const char *name, struct list **next)
{
    struct list *it;

    LIST_FOREACH(it, &d->files)
    {
        struct mem_file *f = LIST_ENTRY(it, struct mem_file, link);
        int cmp = strcmp(f->name, name);

        if (cmp == 0)
            return f;
        if (cmp > 0)
            break;
    }
    if (next)
        *next = it;
    return NULL;
}

static int move_bytes(struct mem_file *f, struct io_req *req)
{
    uint64_t off = req->off;
    int rc = 0;

    for (uint32_t i = 0; i < req->iov_nr && rc == 0; i++) {
        if (req->op == IO_READ)
            chunks_read(&f->bytes, off, req->iov[i].iov_base, req->iov[i].iov_len);
        else
            rc = chunks_write(&f->bytes, off, req->iov[i].iov_base, req->iov[i].iov_len);
        off += req->iov[i].iov_len;
    }
    return rc;
}

static void mem_submit(struct io_dev *dev, struct io_req *req)
{
    struct mem_dev *md = CONTAINER_OF(dev, struct mem_dev, dev);
    int rc = 0;

    if (req->op != IO_FLUSH) {
        pthread_mutex_lock(&md->home->mutex);
        rc = move_bytes(md->file, req);
        pthread_mutex_unlock(&md->home->mutex);
    }
    io_complete_later(req, rc);
}

static int mem_grow(struct io_dev *dev, uint64_t size)
{
    struct mem_dev *md = CONTAINER_OF(dev, struct mem_dev, dev);
    int rc;

    pthread_mutex_lock(&md->home->mutex);
    rc = chunks_resize(&md->file->bytes, size);
    if (rc == 0)
        md->file->size = MAX(md->file->size, size);
    pthread_mutex_unlock(&md->home->mutex);
    return rc;
}

static void mem_dev_close(struct io_dev *dev)
{
    struct mem_dev *md = CONTAINER_OF(dev, struct mem_dev, dev);
    struct mem_dir *d = md->home;

    pthread_mutex_lock(&d->mutex);
    file_unref(md->file);
    pthread_mutex_unlock(&d->mutex);
    base_free((void *)(uintptr_t)dev->name);
    base_free(md);
}

static const struct io_dev_ops mem_dev_ops = {
    .submit = mem_submit,
    .grow = mem_grow,
    .close = mem_dev_close,
};

/* A handle of f, whose reference it takes only on success. */
static int dev_make(struct mem_dir *d, struct rt_xs *xs, struct mem_file *f, bool readonly,
                    struct io_dev **out)
{
    struct mem_dev *md = base_calloc(1, sizeof(*md));
    char *name = base_strdup(f->name);

    if (!md || !name) {
        base_free(md);
        base_free(name);
        return -DER_NOMEM;
    }
    md->dev = (struct io_dev){.ops = &mem_dev_ops,
                              .xs = xs,
                              .size = f->size,
                              .readonly = readonly,
                              .volatile_mem = true,
                              .name = name};
    md->home = d;
    md->file = f;
    f->refs++;
    *out = &md->dev;
    return 0;
}

static int file_make(const char *name, uint64_t size, struct mem_file **out)
{
    struct mem_file *f = base_calloc(1, sizeof(*f));

    if (!f)
        return -DER_NOMEM;
    f->name = base_strdup(name);
    f->refs = 1;
    f->size = size;
    if (!f->name || chunks_resize(&f->bytes, size) != 0) {
        file_unref(f);
        return -DER_NOMEM;
    }
    *out = f;
    return 0;
}

static int mem_create(struct io_dir *dir, struct rt_xs *xs, const char *name, uint64_t size,
                      struct io_dev **dev, struct err *e)
{
    struct mem_dir *d = CONTAINER_OF(dir, struct mem_dir, dir);
    struct mem_file *f = NULL;
    struct list *next;
    int rc;

    pthread_mutex_lock(&d->mutex);
    if (file_find(d, name, &next)) {
        rc = err_setf(e, -DER_EXIST, "choose another name or remove it first",
                      "a device of that name is there already", "cannot create device %s", name);
        goto out;
    }
    rc = file_make(name, size, &f);
    if (rc == 0)
        rc = dev_make(d, xs, f, false, dev);
    if (rc == 0) {
        list_add_tail(next, &f->link);
    } else {
        if (f)
            file_unref(f);
        err_setf(e, rc, "free memory and try again", "out of memory", "cannot create device %s",
                 name);
    }
out:
    pthread_mutex_unlock(&d->mutex);
    return rc;
}

static int mem_open(struct io_dir *dir, struct rt_xs *xs, const char *name, bool readonly,
                    struct io_dev **dev, struct err *e)
{
    struct mem_dir *d = CONTAINER_OF(dir, struct mem_dir, dir);
    struct mem_file *f;
    int rc;

    pthread_mutex_lock(&d->mutex);
    f = file_find(d, name, NULL);
    if (f)
        rc = dev_make(d, xs, f, readonly, dev);
    else
        rc = err_setf(e, -DER_NONEXIST, "check the name", "there is no device of that name",
                      "cannot open device %s", name);
    pthread_mutex_unlock(&d->mutex);
    return rc;
}

static int mem_remove(struct io_dir *dir, const char *name, struct err *e)
{
    struct mem_dir *d = CONTAINER_OF(dir, struct mem_dir, dir);
    struct mem_file *f;
    int rc = 0;

    pthread_mutex_lock(&d->mutex);
    f = file_find(d, name, NULL);
    if (f) {
        list_del(&f->link);
        file_unref(f);
    } else {
        rc = err_setf(e, -DER_NONEXIST, "check the name", "there is no device of that name",
                      "cannot remove device %s", name);
    }
    pthread_mutex_unlock(&d->mutex);
    return rc;
}

static int mem_list(struct io_dir *dir, int (*each)(const char *name, void *arg), void *arg)
{
    struct mem_dir *d = CONTAINER_OF(dir, struct mem_dir, dir);
    struct list *it, *tmp;
    int rc = 0;

    LIST_FOREACH_SAFE(it, tmp, &d->files)
    { /* each() may remove the file it is given */
        rc = each(LIST_ENTRY(it, struct mem_file, link)->name, arg);
        if (rc != 0)
            break;
    }
    return rc;
}

static int mem_sync(struct io_dir *dir)
{
    (void)dir;
    return 0;
}

static int mem_lock(struct io_dir *dir, struct err *e)
{
    struct mem_dir *d = CONTAINER_OF(dir, struct mem_dir, dir);
    bool was;

    pthread_mutex_lock(&d->mutex);
    was = d->locked;
    d->locked = true;
    pthread_mutex_unlock(&d->mutex);
    if (!was)
        return 0;
    return err_set(e, -DER_BUSY, "cannot lock the directory in memory",
                   "this process has locked it already", "close the other user first");
}

static void mem_close(struct io_dir *dir)
{
    struct mem_dir *d = CONTAINER_OF(dir, struct mem_dir, dir);
    struct list *it;

    while ((it = list_pop(&d->files))) {
        struct mem_file *f = LIST_ENTRY(it, struct mem_file, link);

        ASSERT(f->refs == 1); /* devices are closed before their directory */
        file_unref(f);
    }
    pthread_mutex_destroy(&d->mutex);
    base_free(d);
}

static const struct io_dir_ops mem_dir_ops = {
    .create = mem_create,
    .open = mem_open,
    .remove = mem_remove,
    .list = mem_list,
    .sync = mem_sync,
    .lock = mem_lock,
    .close = mem_close,
};

int io_dir_open_mem(struct io_dir **dir)
{
    struct mem_dir *d = base_calloc(1, sizeof(*d));

    if (!d)
        return -DER_NOMEM;
    d->dir = (struct io_dir){.ops = &mem_dir_ops, .path = "memory"};
    pthread_mutex_init(&d->mutex, NULL);
    list_init(&d->files);
    *dir = &d->dir;
    return 0;
}
