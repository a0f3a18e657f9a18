/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * DFS: a POSIX namespace in a container. Directories are objects whose dkeys are the names in them,
 * files are byte arrays; a mount (dfs_t) may be used by several threads.
 *
 * Functions return 0 or a POSITIVE errno value. Those with a trailing daos_event_t block when it is
 * NULL; with an event the result (again a positive errno) arrives in ev_error. A NULL parent means
 * the root. Names are single components of at most DFS_MAX_NAME bytes.
 */
#ifndef TARN_DAOS_FS_H
#define TARN_DAOS_FS_H

#include <stdint.h>
#include <stdbool.h>
#include <limits.h>
#include <time.h>
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <daos_types.h>
#include <daos_prop.h>
#include <daos_obj.h>
#include <daos_array.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Longest name, without the NUL; longest path, with it. */
#define DFS_MAX_NAME 255
#define DFS_MAX_PATH 4096
/** Length of a punch that means "to the end". */
#define DFS_MAX_FSIZE (~0ULL)
/** Bytes of a chunk of a file when nobody says otherwise. */
#define DFS_DEFAULT_CHUNK_SIZE (1ULL << 20)
/** Longest name and value of an extended attribute. */
#define DFS_MAX_XATTR_NAME 255
#define DFS_MAX_XATTR_LEN  65536
/** f_type that statfs() shows on a mount. */
#define DAOS_SUPER_MAGIC 0xda05ad10

/** Consistency of a container, or-ed into mount flags. */
#define DFS_BALANCED 4U
#define DFS_RELAXED  0U
/** Access of a mount. */
#define DFS_RDONLY O_RDONLY
#define DFS_RDWR   O_RDWR

/** What dfs_osetattr() changes. */
#define DFS_SET_ATTR_MODE  (1 << 0)
#define DFS_SET_ATTR_ATIME (1 << 1)
#define DFS_SET_ATTR_MTIME (1 << 2)
#define DFS_SET_ATTR_SIZE  (1 << 3)
#define DFS_SET_ATTR_UID   (1 << 4)
#define DFS_SET_ATTR_GID   (1 << 5)

/** What dfs_cont_check() does with what nobody can reach. */
enum {
    DFS_CHECK_PRINT = 1,
    DFS_CHECK_REMOVE = 2,
    DFS_CHECK_RELINK = 4,
    DFS_CHECK_VERIFY = 8,
    DFS_CHECK_EVICT_ALL = 0x10,
};

/** What a filter of dfs_pipeline_create() tests. */
enum {
    DFS_FILTER_NAME = 2,
    DFS_FILTER_NEWER = 4,
    DFS_FILTER_INCLUDE_DIRS = 8,
};

/** A mount. */
typedef struct dfs dfs_t;
/** An open file, directory or symbolic link. */
typedef struct dfs_obj dfs_obj_t;
/** A compiled filter. */
typedef struct dfs_pipeline dfs_pipeline_t;

/** What a container is created with, and what dfs_query() tells. Zero means default everywhere. */
typedef struct {
    uint64_t da_id;                        /**< the caller's; not stored */
    daos_size_t da_chunk_size;             /**< bytes of a chunk of new files */
    daos_oclass_id_t da_oclass_id;         /**< class of new files and directories */
    daos_prop_t *da_props;                 /**< more container properties */
    uint32_t da_mode;                      /**< DFS_RELAXED or DFS_BALANCED */
    daos_oclass_id_t da_dir_oclass_id;     /**< class of new directories */
    daos_oclass_id_t da_file_oclass_id;    /**< class of new files */
    char da_hints[DAOS_CONT_HINT_MAX_LEN]; /**< such as "file:single,dir:max" */
} dfs_attr_t;

/** Byte ranges of a vector read or write. */
typedef struct {
    daos_size_t iod_nr;    /**< number of ranges */
    daos_range_t *iod_rgs; /**< ranges of bytes */
} dfs_iod_t;

/** Class and chunk size of an open object. */
typedef struct {
    daos_oclass_id_t doi_oclass_id;      /**< class of this object */
    daos_size_t doi_chunk_size;          /**< of this file, or of new files in this directory */
    daos_oclass_id_t doi_dir_oclass_id;  /**< of new directories in this one */
    daos_oclass_id_t doi_file_oclass_id; /**< of new files in this directory */
    daos_obj_id_t doi_oid;
} dfs_obj_info_t;

/** What a filter compares with. */
typedef struct {
    char dp_name[NAME_MAX]; /**< name pattern */
    time_t dp_newer;        /**< time */
    size_t dp_size;         /**< size */
} dfs_predicate_t;

/** Called by dfs_iterate() for each name; not 0 stops. */
typedef int (*dfs_filler_cb_t)(dfs_t *dfs, dfs_obj_t *obj, const char name[], void *arg);

/** Start the library and the cache of connections that dfs_connect() uses. Counted. */
int dfs_init(void);

/** Undo one dfs_init(); the last one closes cached connections. */
int dfs_fini(void);

/**
 * Connect, open and mount in one call, by names. O_CREAT in @a flags creates the container, by @a
 * attr when not NULL. Handles are shared within the process.
 * Errors: EACCES (dfs_init not called), EINVAL, ENOENT, EPERM, EEXIST.
 */
int dfs_connect(const char *pool, const char *sys, const char *cont, int flags, dfs_attr_t *attr,
                dfs_t **dfs);

/**
 * As dfs_connect(), read-only, at the snapshot of @a epoch or, when 0, of @a name.
 * Errors: EACCES (dfs_init not called), EINVAL, ENOENT, EPERM.
 */
int dfs_connect_snap(const char *pool, const char *sys, const char *cont, int flags,
                     daos_epoch_t epoch, const char *name, dfs_t **dfs);

/**
 * Undo dfs_connect().
 * Errors: EINVAL, EACCES, EBUSY.
 */
int dfs_disconnect(dfs_t *dfs);

/**
 * Destroy a container by names.
 * Errors: EINVAL, EACCES, ENOENT, EBUSY.
 */
int dfs_destroy(const char *pool, const char *sys, const char *cont, int force, daos_event_t *ev);

/**
 * Create a POSIX container. *uuid receives its random UUID (not NULL). @a coh and @a dfs, when not
 * NULL, receive it open and mounted for reading and writing.
 * Errors: EINVAL (no uuid, dfs asked without coh, classes weaker than rd_fac, bad chunk/hints),
 * EPERM, ENOSPC, ENOMEM.
 */
int dfs_cont_create(daos_handle_t poh, uuid_t *uuid, dfs_attr_t *attr, daos_handle_t *coh,
                    dfs_t **dfs);

/**
 * As dfs_cont_create() with this label, which replaces one in attr->da_props. @a uuid may be NULL.
 * Errors: EEXIST (label in use), EINVAL, EPERM, ENOSPC, ENOMEM.
 */
int dfs_cont_create_with_label(daos_handle_t poh, const char *label, dfs_attr_t *attr, uuid_t *uuid,
                               daos_handle_t *coh, dfs_t **dfs);

/**
 * Mount an open POSIX container: O_RDONLY or O_RDWR, or-ed with DFS_BALANCED or DFS_RELAXED. Of a
 * container that is open for reading every mount only reads: changes are EPERM.
 * Errors: EINVAL (layout not POSIX, both or bad modes), EPERM (balanced container without balanced
 * mount), ENOENT (no superblock), EIO.
 */
int dfs_mount(daos_handle_t poh, daos_handle_t coh, int flags, dfs_t **dfs);

/**
 * Mount as of a snapshot's epoch, read-only. @a name must be NULL.
 * Errors: EINVAL, ENOENT.
 */
int dfs_mount_snap(daos_handle_t poh, daos_handle_t coh, int flags, daos_epoch_t epoch,
                   const char *name, dfs_t **dfs);

/**
 * Unmount. Everything opened through the mount must be released.
 * Errors: EINVAL, EBUSY (references from get or open connection).
 */
int dfs_umount(dfs_t *dfs);

/**
 * Borrow the mount's pool handle; give it back with dfs_pool_put().
 * Errors: EINVAL.
 */
int dfs_pool_get(dfs_t *dfs, daos_handle_t *poh);

/**
 * Give back what dfs_pool_get() lent.
 * Errors: EINVAL.
 */
int dfs_pool_put(dfs_t *dfs, daos_handle_t poh);

/**
 * Borrow the mount's container handle; give it back with dfs_cont_put().
 * Errors: EINVAL.
 */
int dfs_cont_get(dfs_t *dfs, daos_handle_t *coh);

/**
 * Give back what dfs_cont_get() lent.
 * Errors: EINVAL.
 */
int dfs_cont_put(dfs_t *dfs, daos_handle_t coh);

/**
 * Chunk size, classes, mode and hints of a mount.
 * Errors: EINVAL.
 */
int dfs_query(dfs_t *dfs, dfs_attr_t *attr);

/**
 * Write a mount into @a glob so that another process can use it. iov_buf NULL: only sets
 * iov_buf_len to the size needed.
 * Errors: EINVAL, ENOBUFS.
 */
int dfs_local2global(dfs_t *dfs, d_iov_t *glob);

/**
 * A mount from a blob another process made, under this process's handles of the same pool and
 * container. @a flags: its access here; 0 (O_RDONLY): as that one's.
 * Errors: EINVAL (magic, container mismatch).
 */
int dfs_global2local(daos_handle_t poh, daos_handle_t coh, int flags, d_iov_t glob, dfs_t **dfs);

/**
 * As dfs_local2global() with pool and container handles included.
 * Errors: EINVAL, ENOBUFS.
 */
int dfs_local2global_all(dfs_t *dfs, d_iov_t *glob);

/**
 * A mount, with pool and container, from a blob of dfs_local2global_all(). Needs dfs_init(). @a
 * flags as of dfs_global2local().
 * Errors: EINVAL, EACCES.
 */
int dfs_global2local_all(int flags, d_iov_t glob, dfs_t **dfs);

/**
 * Strip this absolute path from the front of paths given to dfs_lookup(); NULL: nothing.
 * Errors: EINVAL.
 */
int dfs_set_prefix(dfs_t *dfs, const char *prefix);

/**
 * Object id of an open node.
 * Errors: EINVAL.
 */
int dfs_obj2id(dfs_obj_t *obj, daos_obj_id_t *oid);

/**
 * Open what an absolute path names. Symbolic links are followed unless O_NOFOLLOW is set. @a mode
 * and @a stbuf, when not NULL, receive its mode and attributes.
 * Errors: ENOENT, ENOTDIR, ELOOP, EINVAL, EPERM.
 */
int dfs_lookup(dfs_t *dfs, const char *path, int flags, dfs_obj_t **obj, mode_t *mode,
               struct stat *stbuf);

/**
 * Open what one name in @a parent names, as dfs_lookup().
 * Errors: ENOENT, EINVAL (bad name).
 */
int dfs_lookup_rel(dfs_t *dfs, dfs_obj_t *parent, const char *name, int flags, dfs_obj_t **obj,
                   mode_t *mode, struct stat *stbuf);

/**
 * Class a hint such as "file:single" or "dir:max" stands for.
 * Errors: EINVAL, ENOMEM.
 */
int dfs_suggest_oclass(dfs_t *dfs, const char *hint, daos_oclass_id_t *cid);

/**
 * Open or create a file, directory or symbolic link, by the type bits of @a mode. O_CREAT, O_EXCL,
 * O_TRUNC as open(2). Class 0 and chunk size 0 mean default. @a value: target of a symbolic link.
 * Release with dfs_release().
 * Errors: ENOENT, EEXIST, EINVAL, ENOTSUP (O_APPEND, bad type), EPERM (RO mount), ENOTDIR, ENOSPC.
 */
int dfs_open(dfs_t *dfs, dfs_obj_t *parent, const char *name, mode_t mode, int flags,
             daos_oclass_id_t cid, daos_size_t chunk_size, const char *value, dfs_obj_t **obj);

/**
 * Another handle of an open node.
 * Errors: EINVAL, ENOMEM, EPERM.
 */
int dfs_dup(dfs_t *dfs, dfs_obj_t *obj, int flags, dfs_obj_t **new_obj);

/**
 * Write an open file into @a glob so that another process can use it. iov_buf NULL: only sets
 * iov_buf_len to the size needed.
 * Errors: EINVAL (not a file), ENOBUFS.
 */
int dfs_obj_local2global(dfs_t *dfs, dfs_obj_t *obj, d_iov_t *glob);

/**
 * An open file from a blob another process made; @a flags: its access mode here; 0 (O_RDONLY): as
 * it was opened there, as far as this mount allows.
 * Errors: EINVAL (mismatch), EPERM.
 */
int dfs_obj_global2local(dfs_t *dfs, int flags, d_iov_t glob, dfs_obj_t **obj);

/**
 * Close what was opened.
 * Errors: EINVAL.
 */
int dfs_release(dfs_obj_t *obj);

/**
 * Read from byte @a off into @a sgl; *read_size is less than asked for only at the end of the
 * file.
 * Errors: EINVAL, EPERM (write-only), EIO.
 */
int dfs_read(dfs_t *dfs, dfs_obj_t *obj, d_sg_list_t *sgl, daos_off_t off, daos_size_t *read_size,
             daos_event_t *ev);

/**
 * Read byte ranges of @a iod, in turn, into @a sgl.
 * Errors: EINVAL, EPERM (write-only), EIO.
 */
int dfs_readx(dfs_t *dfs, dfs_obj_t *obj, dfs_iod_t *iod, d_sg_list_t *sgl, daos_size_t *read_size,
              daos_event_t *ev);

/**
 * Write all of @a sgl from byte @a off on.
 * Errors: EINVAL, EPERM, ENOSPC, EIO.
 */
int dfs_write(dfs_t *dfs, dfs_obj_t *obj, d_sg_list_t *sgl, daos_off_t off, daos_event_t *ev);

/**
 * Write @a sgl, in turn, to the byte ranges of @a iod.
 * Errors: EINVAL, EPERM, ENOSPC, EIO.
 */
int dfs_writex(dfs_t *dfs, dfs_obj_t *obj, dfs_iod_t *iod, d_sg_list_t *sgl, daos_event_t *ev);

/**
 * Size of a file in bytes.
 * Errors: EINVAL.
 */
int dfs_get_size(dfs_t *dfs, dfs_obj_t *obj, daos_size_t *size);

/**
 * Free @a len bytes from @a offset: a hole inside the file; the end moves to @a offset when the
 * range reaches it; beyond the end nothing. @a len DFS_MAX_FSIZE sets the size to @a offset,
 * smaller or larger.
 * Errors: EINVAL (not a file), EPERM (RO mount or handle).
 */
int dfs_punch(dfs_t *dfs, dfs_obj_t *obj, daos_off_t offset, daos_size_t len);

/**
 * Up to *nr names of a directory, without "." and ".."; *nr becomes their number. Start with a
 * zeroed anchor, go on until daos_anchor_is_eof().
 * Errors: ENOTDIR, EINVAL.
 */
int dfs_readdir(dfs_t *dfs, dfs_obj_t *obj, daos_anchor_t *anchor, uint32_t *nr,
                struct dirent *dirs);

/**
 * As dfs_readdir() with the attributes of each entry.
 * Errors: ENOTDIR, EINVAL.
 */
int dfs_readdirplus(dfs_t *dfs, dfs_obj_t *obj, daos_anchor_t *anchor, uint32_t *nr,
                    struct dirent *dirs, struct stat *stbufs);

/**
 * As dfs_readdir() with a call of @a op for each name. @a size: bytes of names to fetch at once.
 * Errors: ENOTDIR, EINVAL, callback value.
 */
int dfs_iterate(dfs_t *dfs, dfs_obj_t *obj, daos_anchor_t *anchor, uint32_t *nr, size_t size,
                dfs_filler_cb_t op, void *arg);

/**
 * Set @a anchor so that a listing goes on from @a name.
 * Errors: ENOTDIR, EINVAL.
 */
int dfs_dir_anchor_set(dfs_obj_t *obj, const char *name, daos_anchor_t *anchor);

/**
 * Number of parts (*nr) that a directory's listing can be split into, and a start for each when @a
 * anchors is not NULL.
 * Errors: ENOTDIR, EINVAL.
 */
int dfs_obj_anchor_split(dfs_obj_t *obj, uint32_t *nr, daos_anchor_t *anchors);

/**
 * Start of part @a index.
 * Errors: ENOTDIR, EINVAL.
 */
int dfs_obj_anchor_set(dfs_obj_t *obj, uint32_t index, daos_anchor_t *anchor);

/**
 * Create a directory. Class 0: default.
 * Errors: EEXIST, ENOENT, ENOTDIR, EPERM, EINVAL.
 */
int dfs_mkdir(dfs_t *dfs, dfs_obj_t *parent, const char *name, mode_t mode, daos_oclass_id_t cid);

/**
 * Remove a file, symbolic link or directory; @a force also removes what is below. @a oid, when not
 * NULL, receives the id of what was removed.
 * Errors: ENOENT, ENOTEMPTY, EPERM, EINVAL,
 * ELOOP (force: a damaged directory that is in itself), ENAMETOOLONG (force: deeper than any path).
 */
int dfs_remove(dfs_t *dfs, dfs_obj_t *parent, const char *name, bool force, daos_obj_id_t *oid);

/**
 * Rename, replacing what is there, in one step. @a oid, when not NULL, receives the id of what was
 * replaced.
 * Errors: ENOENT, ENOTEMPTY, EINVAL (bad name, non-directory over directory, a directory into
 * itself), ENOTDIR (parent; a directory over something else), EPERM, EBUSY (others keep changing
 * the same names).
 */
int dfs_move(dfs_t *dfs, dfs_obj_t *parent, const char *name, dfs_obj_t *new_parent,
             const char *new_name, daos_obj_id_t *oid);

/**
 * Exchange two entries in one step.
 * Errors: ENOENT, EPERM, EINVAL.
 */
int dfs_exchange(dfs_t *dfs, dfs_obj_t *parent1, const char *name1, dfs_obj_t *parent2,
                 const char *name2);

/**
 * Type and permission bits of an open node.
 * Errors: EINVAL.
 */
int dfs_get_mode(dfs_obj_t *obj, mode_t *mode);

/**
 * Class and chunk size of an open node; for a directory also what its new entries get.
 * Errors: EINVAL.
 */
int dfs_obj_get_info(dfs_t *dfs, dfs_obj_t *obj, dfs_obj_info_t *info);

/**
 * Class that new entries of a directory get; 0: the container's default.
 * Errors: ENOTSUP (not a directory), EINVAL.
 */
int dfs_obj_set_oclass(dfs_t *dfs, dfs_obj_t *obj, int flags, daos_oclass_id_t cid);

/**
 * Chunk size that new files of a directory get.
 * Errors: ENOTSUP, EINVAL.
 */
int dfs_obj_set_chunk_size(dfs_t *dfs, dfs_obj_t *obj, int flags, daos_size_t csize);

/**
 * The array handle inside an open file. It stays the file's.
 * Errors: EINVAL.
 */
int dfs_get_file_oh(dfs_obj_t *obj, daos_handle_t *oh);

/**
 * Chunk size of an open file in bytes.
 * Errors: EINVAL.
 */
int dfs_get_chunk_size(dfs_obj_t *obj, daos_size_t *chunk_size);

/**
 * Target of an open symbolic link. *size in: bytes at @a buf, out: bytes with the NUL. @a buf NULL
 * only asks for the size.
 * Errors: EINVAL.
 */
int dfs_get_symlink_value(dfs_obj_t *obj, char *buf, daos_size_t *size);

/**
 * Record that @a obj now lives where @a src_obj does, under @a name unless NULL. Only this handle
 * changes.
 * Errors: EINVAL.
 */
int dfs_update_parent(dfs_obj_t *obj, dfs_obj_t *src_obj, const char *name);

/**
 * Attributes by name; @a name NULL: of @a parent itself.
 * Errors: ENOENT, ENOTDIR, EINVAL.
 */
int dfs_stat(dfs_t *dfs, dfs_obj_t *parent, const char *name, struct stat *stbuf);

/**
 * Attributes of an open node.
 * Errors: ENOENT, EINVAL.
 */
int dfs_ostat(dfs_t *dfs, dfs_obj_t *obj, struct stat *stbuf);

/**
 * Change what @a flags (DFS_SET_ATTR_*) select to what @a stbuf holds; @a stbuf then shows the
 * result.
 * Errors: EINVAL (unknown flags), EPERM (RO mount), ENOENT, EIO (size on non file).
 */
int dfs_osetattr(dfs_t *dfs, dfs_obj_t *obj, struct stat *stbuf, int flags);

/**
 * May this process's user do @a mask (F_OK or R_OK, W_OK, X_OK) by the entry's mode? A symbolic
 * link stands for its target.
 * Errors: EACCES, EPERM (W_OK on RO mount), ENOENT, EINVAL.
 */
int dfs_access(dfs_t *dfs, dfs_obj_t *parent, const char *name, int mask);

/**
 * Set permission bits. Symbolic links are followed.
 * Errors: EINVAL, ENOTSUP (sticky), EPERM, ENOENT, EBUSY (others keep replacing it).
 */
int dfs_chmod(dfs_t *dfs, dfs_obj_t *parent, const char *name, mode_t mode);

/**
 * Set owner and group; -1 leaves one as it is. @a flags: 0 or O_NOFOLLOW.
 * Errors: EINVAL, EPERM, ENOENT, EBUSY (others keep replacing it).
 */
int dfs_chown(dfs_t *dfs, dfs_obj_t *parent, const char *name, uid_t uid, gid_t gid, int flags);

/**
 * Check the mount. Whatever a write returned for is durable already.
 * Errors: EPERM (RO mount), EINVAL.
 */
int dfs_sync(dfs_t *dfs);

/**
 * Set an extended attribute; XATTR_CREATE and XATTR_REPLACE as setxattr(2).
 * Errors: EINVAL (name > 255, value > 65536, NULL value with size), EEXIST (CREATE), ENOENT
 * (REPLACE, missing), EPERM (RO mount).
 */
int dfs_setxattr(dfs_t *dfs, dfs_obj_t *obj, const char *name, const void *value, daos_size_t size,
                 int flags);

/**
 * Read an extended attribute. *size in: bytes at @a value, out: size of the value. @a value NULL
 * or *size 0 only asks.
 * Errors: ENODATA (missing), E2BIG (buffer short), EINVAL.
 */
int dfs_getxattr(dfs_t *dfs, dfs_obj_t *obj, const char *name, void *value, daos_size_t *size);

/**
 * Remove an extended attribute.
 * Errors: ENOENT (missing), EPERM.
 */
int dfs_removexattr(dfs_t *dfs, dfs_obj_t *obj, const char *name);

/**
 * Names of extended attributes, each with its NUL, back to back. *size in: bytes at @a list, out:
 * bytes all of them need; names that do not fit are left out.
 * Errors: EINVAL, ENOMEM.
 */
int dfs_listxattr(dfs_t *dfs, dfs_obj_t *obj, char *list, daos_size_t *size);

/**
 * Find directories and files (by the type in their ids) that no name leads to, print how many, and
 * do with them what @a flags say (DFS_CHECK_*): print each; remove them; link them in
 * /lost+found/@a name (NULL: a time stamp), each as its id, with the chunk size that is usual in
 * the container; verify: read every file of the container. Nobody else may have it open meanwhile;
 * evict takes it away from them. Other objects are left alone.
 * Errors: EINVAL (both remove and relink, unknown flags, no name), EPERM, EBUSY (it is open
 * elsewhere), ENOENT, EIO (files are damaged; or a directory cannot be read, and nothing was done).
 */
int dfs_cont_check(daos_handle_t poh, const char *cont, uint64_t flags, const char *name);

/**
 * Set owner and group of a container and of its root directory.
 * Errors: EINVAL, EPERM, ENOENT.
 */
int dfs_cont_set_owner(daos_handle_t coh, d_string_t user, uid_t uid, d_string_t group, gid_t gid);

/**
 * Size of a file by its object id.
 * Errors: EINVAL.
 */
int dfs_get_size_by_oid(dfs_t *dfs, daos_obj_id_t oid, daos_size_t chunk_size, daos_size_t *size);

/**
 * Compile a filter of DFS_FILTER_* tests.
 * Errors: EINVAL, ENOSYS, ENOMEM.
 */
int dfs_pipeline_create(dfs_t *dfs, dfs_predicate_t pred, uint64_t flags, dfs_pipeline_t **dpipe);

/**
 * Free a filter.
 * Errors: EINVAL.
 */
int dfs_pipeline_destroy(dfs_pipeline_t *dpipe);

/**
 * As dfs_readdir(), only entries that pass the filter; @a oids and @a csizes may be NULL.
 * *nr_scanned: how many entries were looked at.
 * Errors: ENOSYS, ENOTDIR, EINVAL.
 */
int dfs_readdir_with_filter(dfs_t *dfs, dfs_obj_t *obj, dfs_pipeline_t *dpipe,
                            daos_anchor_t *anchor, uint32_t *nr, struct dirent *dirs,
                            daos_obj_id_t *oids, daos_size_t *csizes, uint64_t *nr_scanned);

/**
 * Walk a container, or what lies below @a name, and print statistics.
 * Errors: EINVAL, ENOENT.
 */
int dfs_cont_scan(daos_handle_t poh, const char *cont, uint64_t flags, const char *name);

#ifdef __cplusplus
}
#endif

#endif /* TARN_DAOS_FS_H */
