/*
 * What copies and dfuse need beyond <daos_fs.h>: many small files with few requests,
 * asynchronously.
 *
 * All functions answer 0 or a positive errno; with an event they return when the request is under
 * way, and the errno is in ev_error. Memory given (names, buffers, lists, out-parameters) stays the
 * caller's and must not change until completion.
 */
#ifndef TARN_DFS_FAST_H
#define TARN_DFS_FAST_H

#include <stdbool.h>
#include <daos_fs.h>

#define DFS_FAST_MAX                                                                               \
    (1u << 20) /* bytes of a file that one request carries; larger files are opened and written */

/* A new regular file with all its bytes, times, owner and mode in one atomic request: either the
 * whole file is there or nothing. st: st_mode (permissions), st_uid, st_gid, st_mtim. sgl: its
 * bytes (NULL: empty). EEXIST unless replace, which puts the new file in the place of a
 * non-directory of that name (its old object is removed in the same step; EBUSY if others keep
 * changing it; blocking only: ev must be NULL). EFBIG above DFS_FAST_MAX or the chunk size. *oid
 * (may be NULL) is the new object's id. */
int dfs_put_file(dfs_t *dfs, dfs_obj_t *parent, const char *name, const struct stat *st,
                 d_sg_list_t *sgl, bool replace, daos_obj_id_t *oid, daos_event_t *ev);

/* Several new regular files as one atomic request, as dfs_put_file() without replace: all of them
 * are there afterwards, or none. For thousands of small files it costs a fraction of one request
 * each. EEXIST, EFBIG: of at least one; which one, dfs_put_file() tells. EINVAL: also one name
 * twice. */
#define DFS_PUT_MAX 20u /* each takes up to three operations of a compound */
struct dfs_put {
    dfs_obj_t *parent;
    const char *name;
    struct stat st;
    d_sg_list_t *sgl; /* NULL: empty */
};
int dfs_put_files(dfs_t *dfs, uint32_t nr, const struct dfs_put *files, daos_event_t *ev);

/* Reads up to cap bytes of the regular file `oid` (from dfs_stat_name or dfs_readdir_more) from its
 * start. *len: bytes there are in that range; a file that is shorter reads short, holes are zeros.
 */
int dfs_get_small(dfs_t *dfs, daos_obj_id_t oid, daos_size_t chunk_size, void *buf, daos_size_t cap,
                  daos_size_t *len, daos_event_t *ev);

/* The same for several files with one request. Any error: nothing is known of any of them, and
 * dfs_get_small() tells of each. gets stay until completion. */
#define DFS_GET_MAX 64u
struct dfs_get {
    daos_obj_id_t oid;
    daos_size_t chunk_size, cap; /* cap: at most one chunk and not 0, else EINVAL */
    void *buf;
    daos_size_t len; /* out */
    bool whole;      /* out: false: fewer than cap bytes were found, for whatever reason: len does
                        not count, dfs_get_small() tells */
};
int dfs_get_files(dfs_t *dfs, uint32_t nr, struct dfs_get *gets, daos_event_t *ev);

/* What an entry says beyond struct stat. */
struct dfs_more {
    daos_obj_id_t oid;
    daos_size_t chunk_size;
    bool xattrs; /* false: it has no extended attributes, for sure; true: it may have some */
};

/* As readdirplus, and more about each name, so that no lookup follows. Blocking. */
int dfs_readdir_more(dfs_t *dfs, dfs_obj_t *obj, daos_anchor_t *anchor, uint32_t *nr,
                     struct dirent *dirs, struct stat *stbufs, struct dfs_more *more);

/* dfs_lookup_rel without opening: what there is to know about a name. st, more: may be NULL.
 * Blocking. */
int dfs_stat_name(dfs_t *dfs, dfs_obj_t *parent, const char *name, struct stat *st,
                  struct dfs_more *more);

/* dfs_listxattr of a name that is not open: one request. A name that is not there has none. */
int dfs_listxattr_name(dfs_t *dfs, dfs_obj_t *parent, const char *name, char *list,
                       daos_size_t *size);

/* Type, permissions and object id of a name: its entry alone, one request. Blocking. */
int dfs_peek(dfs_t *dfs, dfs_obj_t *parent, const char *name, mode_t *mode, daos_obj_id_t *oid);

/* dfs_move and dfs_remove with flags. DFS_NOREPLACE: EEXIST if the new name is taken. DFS_KEEP: a
 * file that loses its name keeps its data (somebody has it open); *oid tells which, and dfs_drop()
 * removes it later. Data kept by a process that dies is unreachable: dfs_cont_check finds it. */
#define DFS_NOREPLACE 1u
#define DFS_KEEP      2u
int dfs_move_flags(dfs_t *dfs, dfs_obj_t *parent, const char *name, dfs_obj_t *new_parent,
                   const char *new_name, unsigned flags, daos_obj_id_t *oid);
int dfs_remove_flags(dfs_t *dfs, dfs_obj_t *parent, const char *name, unsigned flags,
                     daos_obj_id_t *oid);
/* Removes the data of a file that has no name any more. */
int dfs_drop(dfs_t *dfs, daos_obj_id_t oid);

/* dfs_osetattr that takes the sticky bit too: libdfs stores it for copies to find again, and that
 * is all. */
int dfs_osetattr_sticky(dfs_t *dfs, dfs_obj_t *obj, struct stat *stbuf, int flags);

/* dfs_open that also fills the attributes. */
int dfs_open_stat(dfs_t *dfs, dfs_obj_t *parent, const char *name, mode_t mode, int flags,
                  daos_oclass_id_t cid, daos_size_t chunk_size, const char *value, dfs_obj_t **obj,
                  struct stat *stbuf);

#endif
