/* The path layer's own header: where a path leads (sys.c), for the calls on it (sys_ops.c). The
 * public manual is <daos_fs_sys.h>. */
#ifndef TARN_DFS_SYS_H
#define TARN_DFS_SYS_H

#include <daos_fs_sys.h>
#include "base/list.h"
#include "dfs/dfs_int.h"

#define SYS_BUCKETS  256u
#define SYS_DIRS_MAX 4096u /* directories kept open */

/* An open directory and how it is called. */
struct sys_dir {
    struct list hash, lru;
    char *path; /* "" is the root */
    dfs_obj_t *obj;
    uint32_t refs; /* users now; the cache itself counts none */
    bool cached;
};

struct dfs_sys {
    struct dfs *dfs;
    int flags;
    struct rt_mutex lock; /* the rest */
    struct list buckets[SYS_BUCKETS];
    struct list lru; /* longest unused first */
    uint32_t dirs;
};

/* A path taken apart. The root has no name: name NULL. */
struct sys_at {
    struct sys_dir *dir;
    dfs_obj_t *parent; /* NULL: the root directory */
    char *name;
    char *path; /* clean, without the prefix */
};

/* EINVAL (not absolute), ENAMETOOLONG, ENOENT, ENOTDIR, ENOTSUP (ends in a dot name). Give back
 * with sys_done() when 0. */
int sys_at(struct dfs_sys *s, const char *path, struct sys_at *at);
void sys_done(struct dfs_sys *s, struct sys_at *at);
/* Drops the directory with this id from the cache, by whatever paths it is there. */
void sys_forget(struct dfs_sys *s, daos_obj_id_t oid);
void sys_forget_all(struct dfs_sys *s);
int dfs_sys_wrap(struct dfs *dfs, int sflags, dfs_sys_t **out);

#endif
