/*
 * A directory tree: of the local file system (tree_local.c) or of a mounted container (tree_dfs.c),
 * behind one interface, so that copies and comparisons are written once for every direction.
 *
 * Functions return 0 or a positive errno. Reads and writes of file data take an event: *pending
 * true on return means the operation is under way and its errno will be in the event; false means
 * it has ended with what was returned. The local tree always ends at once. Memory given stays the
 * caller's and must not change until the end.
 *
 * A tree may be used by several threads, a directory's listing by one at a time.
 */
#ifndef TARN_TOOLS_TREE_H
#define TARN_TOOLS_TREE_H

#include <dirent.h>
#include <limits.h>
#include <stdbool.h>
#include <sys/stat.h>

#include <daos.h>
#include <daos_fs.h>

#include "dfs/dfs_fast.h"

#define TREE_SMALL_MAX                                                                             \
    (1u << 20) /* files up to this are read and written whole with get and put                     \
                */

struct entry {
    char *name;
    struct stat st;
    daos_obj_id_t oid; /* dfs: its object */
    daos_size_t chunk; /* dfs: of its object */
    bool xattrs;       /* it may have extended attributes (local: known after get or file_open, and
                          not of directories, which may always have some) */
};

/* Names of a directory, freed by listing_fini. */
struct listing {
    struct entry *entries;
    uint32_t nr, cap;
};

struct tree_dir {
    int fd;
    DIR *stream;
    dfs_obj_t *obj;
    daos_anchor_t anchor;
    bool eof;
};

struct tree_file {
    int fd;
    dfs_obj_t *obj;
    const struct entry *entry;
    bool write;
};

struct tree;

/* One file of put_many. */
struct tree_put {
    struct tree_dir *dir;
    const struct entry *e;
    d_sg_list_t *sgl;
};
#define TREE_PUT_MAX 20u

#define TREE_GET_MAX 32u

struct tree_ops {
    /* Opens a directory; name NULL: the top of the tree. make: creates it if it is missing (mode
     * rwx for the owner until finish). */
    int (*dir_open)(struct tree *t, struct tree_dir *parent, const char *name, bool make,
                    struct tree_dir *dir);
    void (*dir_close)(struct tree *t, struct tree_dir *dir);
    /* Appends up to max more entries; dir->eof when there are no more. */
    int (*dir_list)(struct tree *t, struct tree_dir *dir, uint32_t max, struct listing *l);
    /* After its last child: owner, mode and times. parent NULL: the top. */
    int (*dir_finish)(struct tree *t, struct tree_dir *parent, const char *name,
                      struct tree_dir *dir, const struct stat *st);
    /* One entry by name. */
    int (*stat)(struct tree *t, struct tree_dir *dir, const char *name, struct entry *e);
    /* A whole small file. *len: its bytes, at most cap. */
    int (*get)(struct tree *t, struct tree_dir *dir, struct entry *e, void *buf, size_t cap,
               daos_size_t *len, daos_event_t *ev, bool *pending);
    /* Optional: gets up to TREE_GET_MAX files with one request, as dfs_get_files(). Always pending
     * when it returns 0. */
    int (*get_many)(struct tree *t, uint32_t nr, struct dfs_get *gets, daos_event_t *ev);
    /* Creates or replaces a small file with data, owner, mode and times. sgl stays until the end.
     * EEXIST (only through ev): there is a file of that name; call again with ev NULL, which
     * replaces it. */
    int (*put)(struct tree *t, struct tree_dir *dir, const struct entry *e, d_sg_list_t *sgl,
               daos_event_t *ev, bool *pending);
    /* Optional (NULL: no better than one by one): puts up to TREE_PUT_MAX new files, all or none.
     * Always pending when it returns 0. Any error: nothing happened, and put() tells of which. */
    int (*put_many)(struct tree *t, uint32_t nr, const struct tree_put *puts, daos_event_t *ev);
    int (*file_open)(struct tree *t, struct tree_dir *dir, struct entry *e, bool write,
                     struct tree_file *f);
    /* One range into or from sgl's single piece. *len: bytes read, fewer only at the end of the
     * file. */
    int (*file_read)(struct tree *t, struct tree_file *f, uint64_t off, d_sg_list_t *sgl,
                     daos_size_t *len, daos_event_t *ev, bool *pending);
    int (*file_write)(struct tree *t, struct tree_file *f, uint64_t off, d_sg_list_t *sgl,
                      daos_event_t *ev, bool *pending);
    /* st: for a written file its final size, owner, mode and times; NULL: close only. */
    int (*file_close)(struct tree *t, struct tree_file *f, const struct stat *st);
    /* Next place with data at or after off, for sparse files; the size of the file when there is
     * none. */
    int (*file_next_data)(struct tree *t, struct tree_file *f, uint64_t off, uint64_t size,
                          uint64_t *next);
    int (*readlink)(struct tree *t, struct tree_dir *dir, const struct entry *e,
                    char target[PATH_MAX]);
    int (*symlink)(struct tree *t, struct tree_dir *dir, const struct entry *e, const char *target);
    /* Removes a file that could not be finished. */
    int (*remove)(struct tree *t, struct tree_dir *dir, const char *name);
    /* Names of extended attributes, each with its NUL; *len in: room, out: bytes. Values likewise.
     */
    int (*xattr_list)(struct tree *t, struct tree_dir *dir, const char *name, char *buf,
                      size_t *len);
    int (*xattr_get)(struct tree *t, struct tree_dir *dir, const char *name, const char *attr,
                     void *buf, size_t *len);
    int (*xattr_set)(struct tree *t, struct tree_dir *dir, const char *name, const char *attr,
                     const void *buf, size_t len);
};

struct tree {
    const struct tree_ops *ops;
    const char *top; /* path of its root directory */
    dfs_t *dfs;
    bool is_dfs, superuser;
};

/* top stays the caller's. */
void tree_local_init(struct tree *t, const char *top);
void tree_dfs_init(struct tree *t, dfs_t *dfs, const char *top);

/* The mode that a copy of a file or directory with st gets in t. Without being root it belongs to
 * whoever copies: then set-id bits that were meant for others are left out, as cp -p does. */
mode_t tree_mode(const struct tree *t, const struct stat *st);

/* A new entry at the end of l, zeroed but for its name; NULL without memory. */
struct entry *listing_add(struct listing *l, const char *name);
void listing_clear(struct listing *l); /* frees the names, keeps the room */
void listing_fini(struct listing *l);
int listing_compare(const void *a, const void *b); /* by name, for qsort */

#endif
