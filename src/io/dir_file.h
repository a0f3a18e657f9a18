/* What the two halves of a directory of the file system share: dir_file.c its names and its lock,
 * dev_file.c the devices in it. Private to io. */
#ifndef TARN_IO_DIR_FILE_H
#define TARN_IO_DIR_FILE_H

#include "base/assert.h"
#include "io/file.h"

struct file_dir {
    struct io_dir dir;
    int fd;
    int lock_fd;
    pid_t lock_pid; /* a forked child must not empty its parent's lock file */
    bool said_fallback;
};

static inline struct file_dir *file_dir_of(struct io_dir *dir)
{
    return CONTAINER_OF(dir, struct file_dir, dir);
}

/* ---- dir_file.c ---- */

/* What to do about an errno value. */
const char *file_advice(int err);
/* "cannot WHAT PATH/NAME": the DER code of err. */
int file_fail(struct err *e, int err, const char *what, const char *path, const char *name);
int file_fsync_dir(int fd);
/* Makes the names in the directory that holds path durable; one that cannot be read is left. */
int file_sync_parent(const char *path);

/* ---- dev_file.c: the operations of io_dir_ops ---- */

int file_create(struct io_dir *dir, struct rt_xs *xs, const char *name, uint64_t size,
                struct io_dev **dev, struct err *e);
int file_open(struct io_dir *dir, struct rt_xs *xs, const char *name, bool readonly,
              struct io_dev **dev, struct err *e);
int file_remove(struct io_dir *dir, const char *name, struct err *e);
int file_link(struct io_dir *dir, const char *name, const char *path, struct err *e);
int file_unlink(struct io_dir *dir, const char *name, struct err *e);
bool file_target(struct io_dir *dir, const char *name, char path[IO_PATH_MAX]);

#endif
