/*
 * dfuse: a POSIX container as a mounted directory, on libfuse's low-level interface and libdfs.
 *
 * The kernel names inodes by the address of our struct inode (the root by FUSE_ROOT_ID). Inodes
 * live in a table by object id, each with the count of references the kernel holds (lookup,
 * forget), so one file is one inode whatever way it was reached. st_ino follows from the object
 * id: stable over remounts.
 *
 * In libdfs the entry is the inode, so attributes are reached by name. Each inode has a place: the
 * libdfs object opened under the name it has now. A place never changes; a rename gives the inode
 * another one. Whoever works with a place holds a reference to it.
 *
 * A file that is unlinked while this dfuse has it open, or replaced by a rename while the kernel
 * knows it, keeps its data until the kernel forgets it: after the last close, as on any local file
 * system. Its attributes are then what dfuse remembers; its extended attributes are gone. If dfuse
 * dies in between, the data stays behind unreachable. Files opened by other clients are not
 * protected: their reads find nothing. Whoever opens a file in the moment it is removed gets
 * ESTALE, on which the kernel looks the name up again.
 *
 * What other clients change is seen after the caching times. With the write-back cache the kernel
 * believes its own sizes and times of files it knows; mount with --disable-wb-cache where several
 * clients write the same files. What an application wrote is durable when fsync() or close() has
 * returned, without the write-back cache when write() has.
 *
 * Not there: hard links, device nodes, sticky bits (silently dropped), access
 * times, ACL attributes, locks across machines, preallocation. Removing privileges (setuid bits
 * on write) is left to the kernel. The kernel fixes statfs's f_type for every FUSE mount.
 *
 * Threads: libfuse's workers call the operations concurrently. `lock` guards the table and all
 * fields of inodes that change; it is never held across a request to the pool.
 */
#ifndef TARN_POSIX_DFUSE_H
#define TARN_POSIX_DFUSE_H

#define FUSE_USE_VERSION 312

#include <errno.h>
#include <fuse_lowlevel.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <daos.h>
#include <daos_fs.h>
#include "base/assert.h"
#include "base/err.h"
#include "dfs/dfs_fast.h"

struct dfuse_conf {
    const char *mountpoint, *pool, *cont;
    char *fuse_opts;     /* passed to libfuse, comma separated; NULL none */
    unsigned threads;    /* 0: as many as cores, at most 16 */
    uint64_t snap_epoch; /* 0: the present */
    bool foreground, readonly, multi_user, local_flock;
    bool caching;   /* false: nothing is cached, whatever the container says */
    bool keep_data; /* contents stay in the kernel's cache from one open to the next */
    bool direct_io; /* contents are never in the kernel's cache */
    bool wb_cache;
    double attr_s, dentry_s, dentry_dir_s, ndentry_s; /* how long the kernel may believe */
};

/* An object as opened under one name; shared, given back with dfuse_place_put(). */
struct place {
    dfs_obj_t *obj;
    uint32_t refs;
};

struct inode {
    struct inode *next; /* in its bucket */
    daos_obj_id_t oid;
    uint64_t nlookup; /* references the kernel holds, and operations that found it by name */
    uint32_t opens;   /* open files */
    uint32_t busy;    /* operations under way that take its name or give it another */
    bool unlinked;    /* has no name any more; the last reference drops the data */
    bool dead;        /* unlinked, and its data is gone */
    bool wrote;       /* data was changed since the page cache was last known good */
    mode_t mode;      /* as last seen */
    gid_t gid;        /* as last seen */
    struct place *place;
    uint64_t moved;             /* value of dfuse.moves when a rename last changed the place */
    struct stat st;             /* valid when unlinked: as it was */
    struct timespec seen_mtime; /* of the data the page cache holds; 0: not known */
    off_t seen_size;
};

#define DFUSE_BUCKETS 65536u

struct dfuse {
    struct dfuse_conf conf;
    daos_handle_t poh, coh;
    dfs_t *dfs;
    struct fuse_session *se;
    pthread_mutex_t lock;
    pthread_cond_t settled; /* some inode is no longer busy */
    struct inode *bucket[DFUSE_BUCKETS];
    struct inode root;
    uint64_t inodes;
    uint64_t moves;           /* renames done */
    struct listing *listings; /* open directories; an unmount need not close them */
};

/* ---- inode.c ---- */

struct inode *dfuse_inode(struct dfuse *d, fuse_ino_t ino);
fuse_ino_t dfuse_ino(struct dfuse *d, const struct inode *i);
uint64_t dfuse_st_ino(daos_obj_id_t oid);
/* What stat shows for it: the root is always FUSE_ROOT_ID. */
uint64_t dfuse_st_ino_of(struct dfuse *d, const struct inode *i);
/* Where the inode is now, with a reference. */
struct place *dfuse_place_get(struct dfuse *d, struct inode *i);
void dfuse_place_put(struct dfuse *d, struct place *place);
/* A place for obj (taken over), with one reference. NULL: no memory (obj is released). */
struct place *dfuse_place_new(dfs_obj_t *obj);
/* Number of renames so far: taken before a name is looked up, given to dfuse_inode_get(). */
uint64_t dfuse_moves(struct dfuse *d);
/* Takes over obj, found by a lookup that began after `moves` renames; answers the inode for it with
 * one more lookup. NULL: no memory (obj is released). */
struct inode *dfuse_inode_get(struct dfuse *d, dfs_obj_t *obj, const struct stat *st,
                              uint64_t moves);
void dfuse_inode_forget(struct dfuse *d, struct inode *i, uint64_t nlookup);
/* The inode with this object id, or NULL; only under d->lock. */
struct inode *dfuse_inode_find(struct dfuse *d, daos_obj_id_t oid);
void dfuse_inodes_free(struct dfuse *d);
/* ops_dir.c: frees the listings that nobody closed. */
void dfuse_listings_free(struct dfuse *d);
/* Runs op on the object at its present name; again if a rename took the name away meanwhile. 0 or
 * errno; ESTALE when the name is gone. */
int dfuse_by_name(struct dfuse *d, struct inode *i,
                  int (*op)(struct dfuse *d, dfs_obj_t *obj, void *arg), void *arg);
int dfuse_stat(struct dfuse *d, struct inode *i, struct stat *st);
double dfuse_dentry_time(const struct dfuse *d, mode_t mode);

/* ---- The operations, by file. ---- */

extern const struct fuse_lowlevel_ops dfuse_ops;
#define DFUSE(req) ((struct dfuse *)fuse_req_userdata(req))

void dfuse_init(void *arg, struct fuse_conn_info *conn);
void dfuse_lookup(fuse_req_t req, fuse_ino_t parent, const char *name);
void dfuse_forget(fuse_req_t req, fuse_ino_t ino, uint64_t nlookup);
void dfuse_forget_multi(fuse_req_t req, size_t count, struct fuse_forget_data *forgets);
void dfuse_mknod(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode, dev_t rdev);
void dfuse_mkdir(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode);
void dfuse_unlink(fuse_req_t req, fuse_ino_t parent, const char *name);
void dfuse_rmdir(fuse_req_t req, fuse_ino_t parent, const char *name);
void dfuse_symlink(fuse_req_t req, const char *link, fuse_ino_t parent, const char *name);
void dfuse_rename(fuse_req_t req, fuse_ino_t parent, const char *name, fuse_ino_t new_parent,
                  const char *new_name, unsigned flags);
void dfuse_link(fuse_req_t req, fuse_ino_t ino, fuse_ino_t new_parent, const char *new_name);
void dfuse_create(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode,
                  struct fuse_file_info *fi);
void dfuse_readlink(fuse_req_t req, fuse_ino_t ino);
void dfuse_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
void dfuse_setattr(fuse_req_t req, fuse_ino_t ino, struct stat *attr, int to_set,
                   struct fuse_file_info *fi);
void dfuse_statfs(fuse_req_t req, fuse_ino_t ino);
void dfuse_setxattr(fuse_req_t req, fuse_ino_t ino, const char *name, const char *value,
                    size_t size, int flags);
void dfuse_getxattr(fuse_req_t req, fuse_ino_t ino, const char *name, size_t size);
void dfuse_listxattr(fuse_req_t req, fuse_ino_t ino, size_t size);
void dfuse_removexattr(fuse_req_t req, fuse_ino_t ino, const char *name);
void dfuse_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
void dfuse_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, struct fuse_file_info *fi);
void dfuse_write(fuse_req_t req, fuse_ino_t ino, const char *buf, size_t size, off_t off,
                 struct fuse_file_info *fi);
void dfuse_flush(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
void dfuse_fsync(fuse_req_t req, fuse_ino_t ino, int datasync, struct fuse_file_info *fi);
void dfuse_release(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
void dfuse_fallocate(fuse_req_t req, fuse_ino_t ino, int mode, off_t off, off_t len,
                     struct fuse_file_info *fi);
void dfuse_flock(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi, int op);
void dfuse_opendir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
void dfuse_readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
                   struct fuse_file_info *fi);
void dfuse_readdirplus(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
                       struct fuse_file_info *fi);
void dfuse_releasedir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);

/* ops_name.c: looks name up under parent and fills an entry, counting a lookup. 0 or errno. */
int dfuse_entry_of(struct dfuse *d, struct inode *parent, const char *name,
                   struct fuse_entry_param *e);
/* ops_file.c: one more open file, just created; one less, with what the last close does. */
void dfuse_opened(struct dfuse *d, struct inode *i);
void dfuse_closed(struct dfuse *d, struct inode *i);

/* options.c: 0, or an exit status (after printing) with *done set. */
int dfuse_options(int argc, char **argv, struct dfuse_conf *conf, bool *done);

/* cont_attr.c: caching as the open container's user attributes want it, unless caching is off. */
void dfuse_cont_attrs(struct dfuse *d);

/* stop.c: ends the session orderly on SIGTERM and SIGINT. Between the two calls, which the thread
 * that runs the session makes, a thread waits for the signal; it has what the kernel still keeps of
 * open files written back, then makes the session's loop return. A second signal ends it at once.
 * Needs fuse_set_signal_handlers() before. 0 or errno. */
struct stop;
int dfuse_stop_begin(struct dfuse *d, struct stop **out);
void dfuse_stop_end(struct stop *stop);

#endif
