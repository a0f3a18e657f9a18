/*
 * io: SEAM 1, block devices and the directory that holds their files.
 *
 * Two layers:
 *
 *   struct io_dir   where devices live: create, open, grow, remove, lock, sync.
 *                   real | memory | simulated
 *   struct io_dev   one device: aligned reads and writes, flush.
 *                   uring file | threads file | persistent memory | memory | simulated
 *
 * A completion of a write means only that the device took it. It is durable after a flush that was
 * submitted after the completion has completed, or at once if the write carried IO_DURABLE. A
 * failed write leaves the old, the new or torn content; no more than 8 bytes are written at once on
 * every device, so sectors prove nothing. A failed flush may have dropped any write since the last
 * good one, whoever made it, and the next one would succeed and prove nothing: so after it every
 * flush of this open device is -DER_IO.
 *
 * Above raw devices, io/super.h formats a device (superblock copies, named growable extents); heap
 * uses that.
 *
 * Requests are asynchronous: io_submit() queues, req->done() runs on the owning xstream. The
 * io_*_wait functions park the calling fiber. A device belongs to the xstream that opened it; only
 * that xstream submits.
 *
 * Offsets, lengths and buffers of requests are multiples of io_dev_align() (4096 in practice:
 * O_DIRECT); other values are -DER_INVAL. Buffers come from io_buf_alloc() or are aligned by the
 * caller.
 *
 * DER codes: -DER_IO the device failed, -DER_NOSPACE no room in the file system, -DER_NONEXIST,
 * -DER_EXIST, -DER_NO_PERM, -DER_BUSY (locked), -DER_NOMEM. Messages in three parts go to the
 * struct err given, if any.
 */
#ifndef TARN_IO_H
#define TARN_IO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

struct err;
struct rt_xs;
struct io_dev;
struct io_dir;

#define IO_ALIGN    4096u
#define IO_PATH_MAX 4096u /* with the final zero */

enum io_op { IO_READ, IO_WRITE, IO_FLUSH };

#define IO_DURABLE                                                                                 \
    1u /* write: durable when complete (RWF_DSYNC); costs a device flush only if needed */

struct io_req {
    enum io_op op;
    uint32_t flags;
    uint64_t off;      /* byte offset on the device */
    struct iovec *iov; /* caller's, stays until done; each base and length aligned */
    uint32_t iov_nr;
    int rc; /* result: 0 or DER; short transfers are completed or become -DER_IO by io itself */
    void (*done)(struct io_req *req); /* on the owning xstream's scheduler, must not wait */
    void *arg;                        /* the caller's */
    uint64_t priv[12]; /* io's and the device's; contents undefined before and after */
};

struct io_dev_stat {
    uint64_t reads, writes,
        flushes; /* requests that reached the device; one durable write counts as one write */
    uint64_t read_bytes, write_bytes;
    uint32_t inflight;
};

struct io_dev_ops {
    void (*submit)(struct io_dev *dev,
                   struct io_req *req); /* completes through req->done, never inline */
    int (*grow)(struct io_dev *dev,
                uint64_t size); /* may block shortly; contents of the new part read as zeros */
    void (*close)(struct io_dev *dev);
    uint64_t (*room)(struct io_dev *dev);                            /* optional */
    void *(*memory)(struct io_dev *dev, uint64_t off, uint64_t len); /* optional */
};

struct io_dev {
    const struct io_dev_ops *ops;
    struct rt_xs *xs;
    uint64_t size; /* bytes */
    bool readonly;
    bool fixed;        /* a block device: it has the size it has */
    bool pmem;         /* persistent memory, written by stores */
    bool volatile_mem; /* nothing survives: flush is free */
    bool flush_lost;   /* a flush failed */
    bool grow_blocks;  /* grow() may take long: io_grow_wait gives it a thread of its own */
    const char *name;  /* for messages; owned */
    struct io_dev_stat stat;
};

/* Queues req. All of a turn's requests reach the kernel with one system call. Only on dev->xs. */
void io_submit(struct io_dev *dev, struct io_req *req);
/* Fiber-blocking forms; only on a fiber of dev->xs. */
int io_read_wait(struct io_dev *dev, uint64_t off, void *buf, size_t len);
int io_write_wait(struct io_dev *dev, uint64_t off, const void *buf, size_t len, uint32_t flags);
int io_flush_wait(struct io_dev *dev);
/* Grows the device file (durably: size and allocation) to size bytes; fallocate so that ENOSPC
 * shows here: -DER_NOSPACE. Only files and memory; a fixed device answers -DER_NOTSUPPORTED. On a
 * fiber; does its blocking work off the xstream. */
int io_grow_wait(struct io_dev *dev, uint64_t size);
/* Bytes that it could still grow by: what its file system has. 0: it has no such, or is fixed. */
uint64_t io_dev_room(struct io_dev *dev);
/* Where [off, off + len) lies in memory, if the device is nothing but memory that outlives the
 * process (a file in tmpfs): loads and stores there are as good as requests, and a store needs no
 * flush. NULL: it is not. The memory stays where it is until the device is closed, and any thread
 * may use it; it is not counted in stat. Asked on dev->xs. */
void *io_dev_memory(struct io_dev *dev, uint64_t off, uint64_t len);
/* [at, at + len) of such memory is about to be written: from here on without a page fault for each
 * page, if the system can do that. Any thread. */
void io_memory_touch(void *at, size_t len);
/* Writes zeros durably over [off, off+len) so that the file system has nothing to journal on later
 * overwrites. On a fiber. */
int io_zero_wait(struct io_dev *dev, uint64_t off, uint64_t len);
/* Waits for nothing: the caller has seen all its requests complete. On the xstream or after it has
 * gone. */
void io_dev_close(struct io_dev *dev);

void *
io_buf_alloc(size_t len); /* aligned to IO_ALIGN; free with io_buf_free. Contents undefined. */
void io_buf_free(void *buf);

/* ---- Directories ---- */

struct io_dir_ops {
    int (*create)(struct io_dir *d, struct rt_xs *xs, const char *name, uint64_t size,
                  struct io_dev **dev, struct err *e);
    int (*open)(struct io_dir *d, struct rt_xs *xs, const char *name, bool readonly,
                struct io_dev **dev, struct err *e);
    int (*remove)(struct io_dir *d, const char *name, struct err *e);
    int (*list)(struct io_dir *d, int (*each)(const char *name, void *arg), void *arg);
    int (*sync)(struct io_dir *d);
    int (*lock)(struct io_dir *d, struct err *e);
    void (*close)(struct io_dir *d);
    /* optional: a directory whose devices may lie elsewhere */
    int (*link)(struct io_dir *d, const char *name, const char *path, struct err *e);
    int (*unlink)(struct io_dir *d, const char *name, struct err *e);
    bool (*target)(struct io_dir *d, const char *name, char path[IO_PATH_MAX]);
};

struct io_dir {
    const struct io_dir_ops *ops;
    const char *path; /* for messages; owned */
};

/* A directory of the file system. make: create it (parents are not made) if it is missing.
 * -DER_NONEXIST, -DER_NOTDIR, -DER_NO_PERM, each with a message. Blocking calls; used at open and
 * create of pools only. */
int io_dir_open(const char *path, bool make, struct io_dir **dir, struct err *e);
/* A directory in memory: its devices live as long as it does (tests, scratch pools), and are closed
 * before it. */
int io_dir_open_mem(struct io_dir **dir);

/* create: a new file of size bytes, zero-filled, allocated, durable after io_dir_sync(); -DER_EXIST
 * if there is one. open: -DER_NONEXIST; a device opened readonly refuses writes with -DER_NO_PERM.
 * A device has one writer: opening it for writing waits up to 2 s for requests of a killed
 * predecessor to end, then -DER_BUSY, so that none of them lands on what the new one writes; a
 * block device that is mounted or part of a volume is -DER_BUSY too. Picks
 * stores and flushes for a file in persistent memory (if libpmem was there when this program was
 * built), plain calls for one in memory (tmpfs), else io_uring with O_DIRECT; where io_uring is
 * refused or O_DIRECT not supported, threads with pread/pwrite and fdatasync, which the log says
 * once at level INFO. */
int io_dir_create_dev(struct io_dir *d, struct rt_xs *xs, const char *name, uint64_t size,
                      struct io_dev **dev, struct err *e);
int io_dir_open_dev(struct io_dir *d, struct rt_xs *xs, const char *name, bool readonly,
                    struct io_dev **dev, struct err *e);
/* Takes device and name away. Of one that lies elsewhere a file goes with its name; a block device
 * stays as it is. */
int io_dir_remove(struct io_dir *d, const char *name, struct err *e);
/* Names of devices, sorted; those that are missing (below) too. */
int io_dir_list(struct io_dir *d, int (*each)(const char *name, void *arg), void *arg);
/* Makes names durable. */
int io_dir_sync(struct io_dir *d);

/* A device that lies elsewhere: the directory has a symbolic link to it, path, which is absolute.
 * After io_dir_link() the device is made by io_dir_create_dev() as any other: a file, which must
 * not be there, or an existing block device, whose size and contents are as they are. All other
 * functions follow the link; opening a device that is not there is -DER_NONEXIST.
 * -DER_NOTSUPPORTED in directories that are not of the file system. */
int io_dir_link(struct io_dir *d, const char *name, const char *path, struct err *e);
/* Takes only the name away: what it leads to stays, whatever it is. */
int io_dir_unlink(struct io_dir *d, const char *name, struct err *e);
/* Where a name leads; false: its device is in the directory itself. */
bool io_dir_target(struct io_dir *d, const char *name, char path[IO_PATH_MAX]);
/* Takes the directory for this process (file "lock", holding our pid): -DER_BUSY names the pid that
 * has it. Held until close; falls with the process (a child forked meanwhile keeps it until it
 * closes the directory or ends). A second lock of the same directory in this process is -DER_BUSY
 * as well. Never removes the file. */
int io_dir_lock(struct io_dir *d, struct err *e);
void io_dir_close(struct io_dir *d);

/* Was this program built with libpmem? Without it files in persistent memory are as others. */
bool io_has_pmem(void);

#endif
