/* Directories of any kind: what all of them check. */
#include "io/io.h"
#include "io/backend.h"
#include "base/err.h"
#include "daos_errno.h"
#include <string.h>

bool io_name_is_valid(const char *name)
{
    return name[0] != '\0' && name[0] != '.' && !strchr(name, '/') && strcmp(name, "lock") != 0 &&
           strlen(name) <= 255;
}

static int bad_name(struct err *e, const char *what, const char *name)
{
    return err_setf(
        e, -DER_INVAL,
        "use 1 to 255 characters without '/', not beginning with '.', other than \"lock\"",
        "that is not a device name", "cannot %s device \"%s\"", what, name);
}

int io_dir_create_dev(struct io_dir *d, struct rt_xs *xs, const char *name, uint64_t size,
                      struct io_dev **dev, struct err *e)
{
    if (!io_name_is_valid(name))
        return bad_name(e, "create", name);
    if (size == 0 || size % IO_ALIGN != 0 || size > INT64_MAX)
        return err_setf(e, -DER_INVAL, "give a multiple of 4096 bytes", "its size is not possible",
                        "cannot create device %s/%s", d->path, name);
    return d->ops->create(d, xs, name, size, dev, e);
}

int io_dir_open_dev(struct io_dir *d, struct rt_xs *xs, const char *name, bool readonly,
                    struct io_dev **dev, struct err *e)
{
    if (!io_name_is_valid(name))
        return bad_name(e, "open", name);
    return d->ops->open(d, xs, name, readonly, dev, e);
}

int io_dir_remove(struct io_dir *d, const char *name, struct err *e)
{
    if (!io_name_is_valid(name))
        return bad_name(e, "remove", name);
    return d->ops->remove(d, name, e);
}

int io_dir_list(struct io_dir *d, int (*each)(const char *name, void *arg), void *arg)
{
    return d->ops->list(d, each, arg);
}

int io_dir_sync(struct io_dir *d)
{
    return d->ops->sync(d);
}

int io_dir_link(struct io_dir *d, const char *name, const char *path, struct err *e)
{
    if (!io_name_is_valid(name))
        return bad_name(e, "name", name);
    if (!d->ops->link)
        return err_setf(e, -DER_NOTSUPPORTED, "leave its path away",
                        "this directory keeps all its devices in itself", "cannot use device %s",
                        path);
    return d->ops->link(d, name, path, e);
}

int io_dir_unlink(struct io_dir *d, const char *name, struct err *e)
{
    if (!io_name_is_valid(name) || !d->ops->unlink)
        return bad_name(e, "remove", name);
    return d->ops->unlink(d, name, e);
}

bool io_dir_target(struct io_dir *d, const char *name, char path[IO_PATH_MAX])
{
    return io_name_is_valid(name) && d->ops->target && d->ops->target(d, name, path);
}

int io_dir_lock(struct io_dir *d, struct err *e)
{
    return d->ops->lock(d, e);
}

void io_dir_close(struct io_dir *d)
{
    if (d)
        d->ops->close(d);
}
