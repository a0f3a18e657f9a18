/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * DFS by paths: the calls of daos_fs.h with absolute paths in place of parent and name. Directories
 * on the way are cached. Functions return 0 or a POSITIVE errno value.
 */
#ifndef TARN_DAOS_FS_SYS_H
#define TARN_DAOS_FS_SYS_H

#include <dirent.h>
#include <daos_types.h>
#include <daos_fs.h>

#ifdef __cplusplus
extern "C" {
#endif

/** sflags of a mount: keep no directory cache; the caller does the locking. */
#define DFS_SYS_NO_CACHE 1
#define DFS_SYS_NO_LOCK  2

/** A mount with its cache. */
typedef struct dfs_sys dfs_sys_t;

/** As dfs_connect(), with a path layer; @a sflags: DFS_SYS_*. */
int dfs_sys_connect(const char *pool, const char *sys, const char *cont, int mflags, int sflags,
                    dfs_attr_t *attr, dfs_sys_t **dfs_sys);

/** Undo dfs_sys_connect(). */
int dfs_sys_disconnect(dfs_sys_t *dfs_sys);

/** As dfs_local2global_all(). */
int dfs_sys_local2global_all(dfs_sys_t *dfs_sys, d_iov_t *glob);

/** As dfs_global2local_all(). */
int dfs_sys_global2local_all(int mflags, int sflags, d_iov_t glob, dfs_sys_t **dfs_sys);

/** As dfs_mount(), with a path layer; @a sflags: DFS_SYS_*. */
int dfs_sys_mount(daos_handle_t poh, daos_handle_t coh, int mflags, int sflags,
                  dfs_sys_t **dfs_sys);

/**
 * Empty the cache and unmount.
 * Errors: EINVAL.
 */
int dfs_sys_umount(dfs_sys_t *dfs_sys);

/** As dfs_set_prefix(). */
int dfs_sys_set_prefix(dfs_sys_t *dfs_sys, const char *prefix);

/** As dfs_local2global(). */
int dfs_sys_local2global(dfs_sys_t *dfs_sys, d_iov_t *glob);

/** As dfs_global2local(). */
int dfs_sys_global2local(daos_handle_t poh, daos_handle_t coh, int mflags, int sflags, d_iov_t glob,
                         dfs_sys_t **dfs_sys);

/**
 * The mount below. It stays this one's.
 * Errors: EINVAL.
 */
int dfs_sys2base(dfs_sys_t *dfs_sys, dfs_t **dfs);

/**
 * As dfs_access(). @a flags: 0 or O_NOFOLLOW.
 * Errors: ENOTSUP, errno.
 */
int dfs_sys_access(dfs_sys_t *dfs_sys, const char *path, int mask, int flags);

/** As dfs_chmod(). */
int dfs_sys_chmod(dfs_sys_t *dfs_sys, const char *path, mode_t mode);

/** As dfs_chown(). */
int dfs_sys_chown(dfs_sys_t *dfs_sys, const char *path, uid_t uid, gid_t gid, int flags);

/** As dfs_osetattr(). @a sflags: 0 or O_NOFOLLOW. */
int dfs_sys_setattr(dfs_sys_t *dfs_sys, const char *path, struct stat *stbuf, int flags,
                    int sflags);

/**
 * Set access and modification time, as utimensat(2), UTIME_NOW and UTIME_OMIT included. @a flags:
 * 0 or O_NOFOLLOW.
 */
int dfs_sys_utimens(dfs_sys_t *dfs_sys, const char *path, const struct timespec *times, int flags);

/** As dfs_stat(). @a flags: 0 or O_NOFOLLOW. */
int dfs_sys_stat(dfs_sys_t *dfs_sys, const char *path, int flags, struct stat *stbuf);

/**
 * Create a file or directory with this mode, class and chunk size (0: defaults).
 * Errors: EEXIST, errno.
 */
int dfs_sys_mknod(dfs_sys_t *dfs_sys, const char *path, mode_t mode, daos_oclass_id_t cid,
                  daos_size_t chunk_size);

/** As dfs_listxattr(). @a flags: 0 or O_NOFOLLOW. */
int dfs_sys_listxattr(dfs_sys_t *dfs_sys, const char *path, char *list, daos_size_t *size,
                      int flags);

/** As dfs_getxattr(). @a flags: 0 or O_NOFOLLOW. */
int dfs_sys_getxattr(dfs_sys_t *dfs_sys, const char *path, const char *name, void *value,
                     daos_size_t *size, int flags);

/** As dfs_setxattr(). @a sflags: 0 or O_NOFOLLOW. */
int dfs_sys_setxattr(dfs_sys_t *dfs_sys, const char *path, const char *name, const void *value,
                     daos_size_t size, int flags, int sflags);

/** As dfs_removexattr(). @a flags: 0 or O_NOFOLLOW. */
int dfs_sys_removexattr(dfs_sys_t *dfs_sys, const char *path, const char *name, int flags);

/**
 * As dfs_get_symlink_value().
 * Errors: EINVAL (not a link).
 */
int dfs_sys_readlink(dfs_sys_t *dfs_sys, const char *path, char *buf, daos_size_t *size);

/**
 * Create a symbolic link at @a path.
 * Errors: EEXIST, errno.
 */
int dfs_sys_symlink(dfs_sys_t *dfs_sys, const char *target, const char *path);

/**
 * As dfs_open(). Without type bits in @a mode as open(2): whatever is there, or a new file. Close
 * with dfs_sys_close().
 */
int dfs_sys_open(dfs_sys_t *dfs_sys, const char *path, mode_t mode, int flags, daos_oclass_id_t cid,
                 daos_size_t chunk_size, const char *value, dfs_obj_t **obj);

/** Close what dfs_sys_open() opened. */
int dfs_sys_close(dfs_obj_t *obj);

/** Read *size bytes from byte @a off into @a buf; *size becomes what was read. */
int dfs_sys_read(dfs_sys_t *dfs_sys, dfs_obj_t *obj, void *buf, daos_off_t off, daos_size_t *size,
                 daos_event_t *ev);

/** Write *size bytes at @a buf from byte @a off on; *size becomes what was written. */
int dfs_sys_write(dfs_sys_t *dfs_sys, dfs_obj_t *obj, const void *buf, daos_off_t off,
                  daos_size_t *size, daos_event_t *ev);

/** As dfs_punch(). */
int dfs_sys_punch(dfs_sys_t *dfs_sys, const char *path, daos_off_t offset, daos_off_t len);

/**
 * As dfs_remove(). @a force needs DFS_SYS_NO_CACHE.
 * Errors: ENOTSUP, EBUSY (root), errno.
 */
int dfs_sys_remove(dfs_sys_t *dfs_sys, const char *path, bool force, daos_obj_id_t *oid);

/**
 * As dfs_sys_remove(), only if the entry is of the type in @a mode.
 * Errors: EINVAL (type), ENOTSUP.
 */
int dfs_sys_remove_type(dfs_sys_t *dfs_sys, const char *path, bool force, mode_t mode,
                        daos_obj_id_t *oid);

/** As dfs_mkdir(). */
int dfs_sys_mkdir(dfs_sys_t *dfs_sys, const char *dir, mode_t mode, daos_oclass_id_t cid);

/** As dfs_mkdir(), with what is missing above. */
int dfs_sys_mkdir_p(dfs_sys_t *dfs_sys, const char *dir_path, mode_t mode, daos_oclass_id_t cid);

/**
 * Open a directory for dfs_sys_readdir(). The DIR is of this library's making. @a flags: 0 or
 * O_NOFOLLOW.
 * Errors: ENOTDIR, errno.
 */
int dfs_sys_opendir(dfs_sys_t *dfs_sys, const char *dir, int flags, DIR **dirp);

/**
 * Close it.
 * Errors: EINVAL.
 */
int dfs_sys_closedir(DIR *dirp);

/** Next entry, inside @a dirp; NULL at the end. */
int dfs_sys_readdir(dfs_sys_t *dfs_sys, DIR *dirp, struct dirent **dirent);

#ifdef __cplusplus
}
#endif

#endif /* TARN_DAOS_FS_SYS_H */
