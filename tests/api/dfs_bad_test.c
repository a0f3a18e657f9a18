/*
 * Bad arguments of libdfs: no mount, no object, no name, names that cannot be, no memory to answer
 * into, an object of another type, a mount that only reads. EINVAL unless the call says otherwise
 * (EBADF for a handle that is not open); nothing has changed afterwards.
 */
#include "dfs_api.h"
#include <daos_fs_sys.h>

static char long_name[DFS_MAX_NAME + 2];

/* call, expected */
#define NO_MOUNT(X)                                                                                \
    X(dfs_access(NULL, NULL, "f", F_OK), EINVAL)                                                   \
    X(dfs_chmod(NULL, NULL, "f", 0644), EINVAL)                                                    \
    X(dfs_chown(NULL, NULL, "f", 1, 1, 0), EINVAL)                                                 \
    X(dfs_cont_get(NULL, &h), EINVAL)                                                              \
    X(dfs_cont_put(NULL, h), EINVAL)                                                               \
    X(dfs_pool_get(NULL, &h), EINVAL)                                                              \
    X(dfs_pool_put(NULL, h), EINVAL)                                                               \
    X(dfs_disconnect(NULL), EINVAL)                                                                \
    X(dfs_dup(NULL, file, O_RDWR, &obj), EINVAL)                                                   \
    X(dfs_exchange(NULL, NULL, "f", NULL, "d"), EINVAL)                                            \
    X(dfs_get_size(NULL, file, &size), EINVAL)                                                     \
    X(dfs_get_size_by_oid(NULL, oid, 64, &size), EINVAL)                                           \
    X(dfs_getxattr(NULL, file, "x", NULL, &size), EINVAL)                                          \
    X(dfs_iterate(NULL, dir, &anchor, &nr, 100, fill, NULL), EINVAL)                               \
    X(dfs_listxattr(NULL, file, NULL, &size), EINVAL)                                              \
    X(dfs_local2global(NULL, &iov), EINVAL)                                                        \
    X(dfs_lookup(NULL, "/", O_RDWR, &obj, NULL, NULL), EINVAL)                                     \
    X(dfs_lookup_rel(NULL, NULL, "f", O_RDWR, &obj, NULL, NULL), EINVAL)                           \
    X(dfs_mkdir(NULL, NULL, "n", 0755, 0), EINVAL)                                                 \
    X(dfs_move(NULL, NULL, "f", NULL, "n", NULL), EINVAL)                                          \
    X(dfs_obj_get_info(NULL, file, &info), EINVAL)                                                 \
    X(dfs_obj_global2local(NULL, O_RDWR, iov, &obj), EINVAL)                                       \
    X(dfs_obj_local2global(NULL, file, &iov), EINVAL)                                              \
    X(dfs_obj_set_chunk_size(NULL, dir, 0, 4096), EINVAL)                                          \
    X(dfs_obj_set_oclass(NULL, dir, 0, OC_SX), EINVAL)                                             \
    X(dfs_open(NULL, NULL, "n", S_IFREG, O_RDWR | O_CREAT, 0, 0, NULL, &obj), EINVAL)              \
    X(dfs_osetattr(NULL, file, &st, DFS_SET_ATTR_MODE), EINVAL)                                    \
    X(dfs_ostat(NULL, file, &st), EINVAL)                                                          \
    X(dfs_punch(NULL, file, 0, 1), EINVAL)                                                         \
    X(dfs_query(NULL, &attr), EINVAL)                                                              \
    X(dfs_read(NULL, file, &sgl, 0, &size, NULL), EINVAL)                                          \
    X(dfs_readx(NULL, file, &iod, &sgl, &size, NULL), EINVAL)                                      \
    X(dfs_write(NULL, file, &sgl, 0, NULL), EINVAL)                                                \
    X(dfs_writex(NULL, file, &iod, &sgl, NULL), EINVAL)                                            \
    X(dfs_readdir(NULL, dir, &anchor, &nr, ents), EINVAL)                                          \
    X(dfs_readdirplus(NULL, dir, &anchor, &nr, ents, &st), EINVAL)                                 \
    X(dfs_remove(NULL, NULL, "f", false, NULL), EINVAL)                                            \
    X(dfs_removexattr(NULL, file, "x"), EINVAL)                                                    \
    X(dfs_set_prefix(NULL, "/p"), EINVAL)                                                          \
    X(dfs_setxattr(NULL, file, "x", "v", 1, 0), EINVAL)                                            \
    X(dfs_stat(NULL, NULL, "f", &st), EINVAL)                                                      \
    X(dfs_suggest_oclass(NULL, "file:max", &cid), EINVAL)                                          \
    X(dfs_sync(NULL), EINVAL)                                                                      \
    X(dfs_umount(NULL), EINVAL)                                                                    \
    X(dfs_local2global_all(NULL, &iov), EINVAL)

#define NO_OBJECT(X)                                                                               \
    X(dfs_dir_anchor_set(NULL, "f", &anchor), EINVAL)                                              \
    X(dfs_dup(dfs, NULL, O_RDWR, &obj), EINVAL)                                                    \
    X(dfs_dup(dfs, file, O_RDWR, NULL), EINVAL)                                                    \
    X(dfs_get_chunk_size(NULL, &size), EINVAL)                                                     \
    X(dfs_get_chunk_size(file, NULL), EINVAL)                                                      \
    X(dfs_get_chunk_size(link, &size), EINVAL)                                                     \
    X(dfs_get_file_oh(NULL, &h), EINVAL)                                                           \
    X(dfs_get_file_oh(dir, &h), EINVAL)                                                            \
    X(dfs_get_mode(NULL, &mode), EINVAL)                                                           \
    X(dfs_get_mode(file, NULL), EINVAL)                                                            \
    X(dfs_get_size(dfs, NULL, &size), EINVAL)                                                      \
    X(dfs_get_size(dfs, dir, &size), EINVAL)                                                       \
    X(dfs_get_size(dfs, file, NULL), EINVAL)                                                       \
    X(dfs_get_symlink_value(NULL, buf, &size), EINVAL)                                             \
    X(dfs_get_symlink_value(file, buf, &size), EINVAL)                                             \
    X(dfs_get_symlink_value(link, buf, NULL), EINVAL)                                              \
    X(dfs_getxattr(dfs, NULL, "x", NULL, &size), EINVAL)                                           \
    X(dfs_getxattr(dfs, file, NULL, NULL, &size), EINVAL)                                          \
    X(dfs_getxattr(dfs, file, "x", NULL, NULL), EINVAL)                                            \
    X(dfs_getxattr(dfs, file, "x", NULL, &size), ENODATA)                                          \
    X(dfs_iterate(dfs, file, &anchor, &nr, 100, fill, NULL), ENOTDIR)                              \
    X(dfs_listxattr(dfs, NULL, NULL, &size), EINVAL)                                               \
    X(dfs_listxattr(dfs, file, NULL, NULL), EINVAL)                                                \
    X(dfs_obj2id(NULL, &oid), EINVAL)                                                              \
    X(dfs_obj2id(file, NULL), EINVAL)                                                              \
    X(dfs_obj_anchor_set(NULL, 0, &anchor), EINVAL)                                                \
    X(dfs_obj_anchor_set(file, 0, &anchor), ENOTDIR)                                               \
    X(dfs_obj_anchor_split(NULL, &nr, NULL), EINVAL)                                               \
    X(dfs_obj_anchor_split(file, &nr, NULL), ENOTDIR)                                              \
    X(dfs_obj_get_info(dfs, NULL, &info), EINVAL)                                                  \
    X(dfs_obj_get_info(dfs, file, NULL), EINVAL)                                                   \
    X(dfs_obj_local2global(dfs, NULL, &iov), EINVAL)                                               \
    X(dfs_obj_local2global(dfs, dir, &iov), EINVAL)                                                \
    X(dfs_obj_local2global(dfs, file, NULL), EINVAL)                                               \
    X(dfs_obj_set_chunk_size(dfs, NULL, 0, 4096), EINVAL)                                          \
    X(dfs_obj_set_chunk_size(dfs, file, 0, 4096), EINVAL)                                          \
    X(dfs_obj_set_oclass(dfs, NULL, 0, OC_SX), EINVAL)                                             \
    X(dfs_obj_set_oclass(dfs, file, 0, OC_SX), ENOTSUP)                                            \
    X(dfs_osetattr(dfs, NULL, &st, DFS_SET_ATTR_MODE), EINVAL)                                     \
    X(dfs_osetattr(dfs, file, NULL, DFS_SET_ATTR_MODE), EINVAL)                                    \
    X(dfs_osetattr(dfs, file, &st, 0x4000), EINVAL)                                                \
    X(dfs_ostat(dfs, NULL, &st), EINVAL)                                                           \
    X(dfs_ostat(dfs, file, NULL), EINVAL)                                                          \
    X(dfs_punch(dfs, NULL, 0, 1), EINVAL)                                                          \
    X(dfs_punch(dfs, dir, 0, 1), EINVAL)                                                           \
    X(dfs_query(dfs, NULL), EINVAL)                                                                \
    X(dfs_read(dfs, NULL, &sgl, 0, &size, NULL), EINVAL)                                           \
    X(dfs_read(dfs, dir, &sgl, 0, &size, NULL), EINVAL)                                            \
    X(dfs_read(dfs, file, &sgl, 0, NULL, NULL), EINVAL)                                            \
    X(dfs_readx(dfs, file, NULL, &sgl, &size, NULL), EINVAL)                                       \
    X(dfs_write(dfs, NULL, &sgl, 0, NULL), EINVAL)                                                 \
    X(dfs_write(dfs, dir, &sgl, 0, NULL), EINVAL)                                                  \
    X(dfs_writex(dfs, file, NULL, &sgl, NULL), EINVAL)                                             \
    X(dfs_readdir(dfs, NULL, &anchor, &nr, ents), EINVAL)                                          \
    X(dfs_readdir(dfs, file, &anchor, &nr, ents), ENOTDIR)                                         \
    X(dfs_readdir(dfs, dir, NULL, &nr, ents), EINVAL)                                              \
    X(dfs_readdir(dfs, dir, &anchor, NULL, ents), EINVAL)                                          \
    X(dfs_readdirplus(dfs, file, &anchor, &nr, ents, &st), ENOTDIR)                                \
    X(dfs_release(NULL), EINVAL)                                                                   \
    X(dfs_removexattr(dfs, NULL, "x"), EINVAL)                                                     \
    X(dfs_removexattr(dfs, file, NULL), EINVAL)                                                    \
    X(dfs_removexattr(dfs, file, "x"), ENOENT)                                                     \
    X(dfs_setxattr(dfs, NULL, "x", "v", 1, 0), EINVAL)                                             \
    X(dfs_setxattr(dfs, file, NULL, "v", 1, 0), EINVAL)                                            \
    X(dfs_setxattr(dfs, file, long_name, "v", 1, 0), EINVAL)                                       \
    X(dfs_setxattr(dfs, file, "x", NULL, 1, 0), EINVAL)                                            \
    X(dfs_setxattr(dfs, file, "x", "v", 1, XATTR_REPLACE), ENOENT)                                 \
    X(dfs_setxattr(dfs, file, "x", "v", DFS_MAX_XATTR_LEN + 1, 0), EINVAL)                         \
    X(dfs_update_parent(NULL, file, NULL), EINVAL)

#define BAD_NAMES(X)                                                                               \
    X(dfs_lookup(dfs, NULL, O_RDWR, &obj, NULL, NULL), EINVAL)                                     \
    X(dfs_lookup(dfs, "relative", O_RDWR, &obj, NULL, NULL), EINVAL)                               \
    X(dfs_lookup(dfs, "/f", O_RDWR, NULL, NULL, NULL), EINVAL)                                     \
    X(dfs_lookup(dfs, "/f/below", O_RDWR, &obj, NULL, NULL), ENOTDIR)                              \
    X(dfs_lookup_rel(dfs, NULL, "a/b", O_RDWR, &obj, NULL, NULL), EINVAL)                          \
    X(dfs_lookup_rel(dfs, NULL, long_name, O_RDWR, &obj, NULL, NULL), EINVAL)                      \
    X(dfs_lookup_rel(dfs, file, "f", O_RDWR, &obj, NULL, NULL), ENOTDIR)                           \
    X(dfs_open(dfs, NULL, NULL, S_IFREG, O_RDWR, 0, 0, NULL, &obj), EINVAL)                        \
    X(dfs_open(dfs, NULL, "a/b", S_IFREG, O_RDWR | O_CREAT, 0, 0, NULL, &obj), EINVAL)             \
    X(dfs_open(dfs, NULL, "n", S_IFREG, O_RDWR | O_CREAT, 0, 0, NULL, NULL), EINVAL)               \
    X(dfs_open(dfs, NULL, "n", S_IFREG, O_RDWR | O_CREAT | O_APPEND, 0, 0, NULL, &obj), ENOTSUP)   \
    X(dfs_open(dfs, NULL, "n", S_IFREG, O_RDWR, 0, 0, NULL, &obj), ENOENT)                         \
    X(dfs_open(dfs, NULL, "f", S_IFREG, O_RDWR | O_CREAT | O_EXCL, 0, 0, NULL, &obj), EEXIST)      \
    X(dfs_open(dfs, NULL, "d", S_IFREG, O_RDWR, 0, 0, NULL, &obj), EINVAL)                         \
    X(dfs_open(dfs, NULL, "n", S_IFLNK, O_RDWR | O_CREAT, 0, 0, NULL, &obj), EINVAL)               \
    X(dfs_open(dfs, file, "n", S_IFREG, O_RDWR | O_CREAT, 0, 0, NULL, &obj), ENOTDIR)              \
    X(dfs_mkdir(dfs, NULL, NULL, 0755, 0), EINVAL)                                                 \
    X(dfs_mkdir(dfs, NULL, "a/b", 0755, 0), EINVAL)                                                \
    X(dfs_mkdir(dfs, NULL, long_name, 0755, 0), EINVAL)                                            \
    X(dfs_mkdir(dfs, NULL, "d", 0755, 0), EEXIST)                                                  \
    X(dfs_mkdir(dfs, file, "n", 0755, 0), ENOTDIR)                                                 \
    X(dfs_remove(dfs, NULL, NULL, false, NULL), EINVAL)                                            \
    X(dfs_remove(dfs, NULL, "a/b", false, NULL), EINVAL)                                           \
    X(dfs_remove(dfs, NULL, "n", false, NULL), ENOENT)                                             \
    X(dfs_remove(dfs, file, "n", false, NULL), ENOTDIR)                                            \
    X(dfs_move(dfs, NULL, NULL, NULL, "n", NULL), EINVAL)                                          \
    X(dfs_move(dfs, NULL, "f", NULL, NULL, NULL), EINVAL)                                          \
    X(dfs_move(dfs, NULL, "f", NULL, "a/b", NULL), EINVAL)                                         \
    X(dfs_move(dfs, NULL, "n", NULL, "m", NULL), ENOENT)                                           \
    X(dfs_move(dfs, NULL, "f", file, "m", NULL), ENOTDIR)                                          \
    X(dfs_exchange(dfs, NULL, "f", NULL, NULL), EINVAL)                                            \
    X(dfs_exchange(dfs, NULL, "f", NULL, "n"), ENOENT)                                             \
    X(dfs_access(dfs, NULL, "n", F_OK), ENOENT)                                                    \
    X(dfs_access(dfs, NULL, "a/b", F_OK), EINVAL)                                                  \
    X(dfs_chmod(dfs, NULL, "n", 0644), ENOENT)                                                     \
    X(dfs_chmod(dfs, NULL, "f", S_ISVTX | 0644), ENOTSUP)                                          \
    X(dfs_chown(dfs, NULL, "n", 1, 1, 0), ENOENT)                                                  \
    X(dfs_stat(dfs, NULL, "n", &st), ENOENT)                                                       \
    X(dfs_stat(dfs, NULL, "f", NULL), EINVAL)                                                      \
    X(dfs_stat(dfs, file, "f", &st), ENOTDIR)                                                      \
    X(dfs_suggest_oclass(dfs, NULL, &cid), EINVAL)                                                 \
    X(dfs_suggest_oclass(dfs, "no such hint", &cid), EINVAL)                                       \
    X(dfs_set_prefix(dfs, "relative"), EINVAL)                                                     \
    X(dfs_mount(DAOS_HDL_INVAL, DAOS_HDL_INVAL, O_RDWR, &other), EBADF)                            \
    X(dfs_mount(a->poh, a->coh, O_RDWR, NULL), EINVAL)                                             \
    X(dfs_mount(a->poh, a->coh, O_WRONLY, &other), EINVAL)                                         \
    X(dfs_mount_snap(a->poh, a->coh, O_RDONLY, 0, NULL, &other), EINVAL)                           \
    X(dfs_global2local(a->poh, a->coh, O_RDWR, none, &other), EINVAL)                              \
    X(dfs_connect(NULL, NULL, "c", O_RDWR, NULL, &other), EINVAL)                                  \
    X(dfs_connect("p", NULL, NULL, O_RDWR, NULL, &other), EINVAL)                                  \
    X(dfs_connect("p", NULL, "c", O_RDWR, NULL, NULL), EINVAL)                                     \
    X(dfs_connect_snap("p", NULL, "c", O_RDONLY, 0, NULL, &other), EINVAL)                         \
    X(dfs_destroy(NULL, NULL, "c", 0, NULL), EINVAL)                                               \
    X(dfs_cont_create(a->poh, NULL, NULL, NULL, NULL), EINVAL)                                     \
    X(dfs_cont_create(DAOS_HDL_INVAL, &uuid, NULL, NULL, NULL), EBADF)                             \
    X(dfs_cont_create_with_label(a->poh, NULL, NULL, NULL, NULL, NULL), EINVAL)                    \
    X(dfs_cont_create_with_label(a->poh, "a/b", NULL, NULL, NULL, NULL), EINVAL)                   \
    X(dfs_cont_create_with_label(a->poh, a->label, NULL, NULL, NULL, NULL), EEXIST)                \
    X(dfs_cont_set_owner(DAOS_HDL_INVAL, (char *)"u@", 1, NULL, 1), EBADF)

#define SYS(X)                                                                                     \
    X(dfs_sys_access(NULL, "/", F_OK, 0), EINVAL)                                                  \
    X(dfs_sys_chmod(NULL, "/f", 0644), EINVAL)                                                     \
    X(dfs_sys_chown(NULL, "/f", 1, 1, 0), EINVAL)                                                  \
    X(dfs_sys_close(NULL), EINVAL)                                                                 \
    X(dfs_sys_closedir(NULL), EINVAL)                                                              \
    X(dfs_sys_disconnect(NULL), EINVAL)                                                            \
    X(dfs_sys_umount(NULL), EINVAL)                                                                \
    X(dfs_sys_getxattr(NULL, "/f", "x", NULL, &size, 0), EINVAL)                                   \
    X(dfs_sys_listxattr(NULL, "/f", NULL, &size, 0), EINVAL)                                       \
    X(dfs_sys_removexattr(NULL, "/f", "x", 0), EINVAL)                                             \
    X(dfs_sys_setxattr(NULL, "/f", "x", "v", 1, 0, 0), EINVAL)                                     \
    X(dfs_sys_local2global(NULL, &iov), EINVAL)                                                    \
    X(dfs_sys_local2global_all(NULL, &iov), EINVAL)                                                \
    X(dfs_sys_mkdir(NULL, "/n", 0755, 0), EINVAL)                                                  \
    X(dfs_sys_mkdir_p(NULL, "/n/n", 0755, 0), EINVAL)                                              \
    X(dfs_sys_mknod(NULL, "/n", S_IFREG | 0644, 0, 0), EINVAL)                                     \
    X(dfs_sys_open(NULL, "/f", S_IFREG, O_RDWR, 0, 0, NULL, &obj), EINVAL)                         \
    X(dfs_sys_opendir(NULL, "/", 0, &dirp), EINVAL)                                                \
    X(dfs_sys_punch(NULL, "/f", 0, 1), EINVAL)                                                     \
    X(dfs_sys_read(NULL, file, buf, 0, &size, NULL), EINVAL)                                       \
    X(dfs_sys_write(NULL, file, buf, 0, &size, NULL), EINVAL)                                      \
    X(dfs_sys_readdir(NULL, NULL, &ent), EINVAL)                                                   \
    X(dfs_sys_readlink(NULL, "/l", buf, &size), EINVAL)                                            \
    X(dfs_sys_remove(NULL, "/f", false, NULL), EINVAL)                                             \
    X(dfs_sys_remove_type(NULL, "/f", false, S_IFREG, NULL), EINVAL)                               \
    X(dfs_sys_set_prefix(NULL, "/p"), EINVAL)                                                      \
    X(dfs_sys_setattr(NULL, "/f", &st, DFS_SET_ATTR_MODE, 0), EINVAL)                              \
    X(dfs_sys_stat(NULL, "/f", 0, &st), EINVAL)                                                    \
    X(dfs_sys_symlink(NULL, "t", "/n"), EINVAL)                                                    \
    X(dfs_sys_sys2base_null(), EINVAL)                                                             \
    X(dfs_sys_utimens(NULL, "/f", NULL, 0), EINVAL)                                                \
    X(dfs_sys_access(sys, NULL, F_OK, 0), EINVAL)                                                  \
    X(dfs_sys_access(sys, "/f", F_OK, AT_EACCESS), ENOTSUP)                                        \
    X(dfs_sys_access(sys, "/n", F_OK, 0), ENOENT)                                                  \
    X(dfs_sys_chmod(sys, "/n", 0644), ENOENT)                                                      \
    X(dfs_sys_mkdir(sys, NULL, 0755, 0), EINVAL)                                                   \
    X(dfs_sys_mkdir(sys, "/d", 0755, 0), EEXIST)                                                   \
    X(dfs_sys_mkdir(sys, "/n/m", 0755, 0), ENOENT)                                                 \
    X(dfs_sys_open(sys, "/f", S_IFREG, O_RDWR, 0, 0, NULL, NULL), EINVAL)                          \
    X(dfs_sys_opendir(sys, "/f", 0, &dirp), ENOTDIR)                                               \
    X(dfs_sys_opendir(sys, "/d", 0, NULL), EINVAL)                                                 \
    X(dfs_sys_readlink(sys, "/f", buf, &size), EINVAL)                                             \
    X(dfs_sys_remove(sys, "/n", false, NULL), ENOENT)                                              \
    X(dfs_sys_remove(sys, "/", false, NULL), EBUSY)                                                \
    X(dfs_sys_remove(sys, "/d", true, NULL), ENOTSUP)                                              \
    X(dfs_sys_remove_type(sys, "/f", false, S_IFDIR, NULL), EINVAL)                                \
    X(dfs_sys_stat(sys, "/f", 0, NULL), EINVAL)                                                    \
    X(dfs_sys_symlink(sys, "t", "/f"), EEXIST)                                                     \
    X(dfs_sys_symlink(sys, NULL, "/n"), EINVAL)                                                    \
    X(dfs_sys_utimens(sys, "/n", times, 0), ENOENT)                                                \
    X(dfs_sys_mount(a->poh, a->coh, O_RDWR, 0, NULL), EINVAL)                                      \
    X(dfs_sys_mount(a->poh, a->coh, O_RDWR, 0x1000, &other_sys), EINVAL)                           \
    X(dfs_sys_global2local(a->poh, a->coh, O_RDWR, 0, none, &other_sys), EINVAL)                   \
    X(dfs_sys_connect(NULL, NULL, "c", O_RDWR, 0, NULL, &other_sys), EINVAL)

/* A mount that only reads. */
#define READ_ONLY(X)                                                                               \
    X(dfs_open(ro, NULL, "n", S_IFREG, O_RDWR | O_CREAT, 0, 0, NULL, &obj), EPERM)                 \
    X(dfs_open(ro, NULL, "f", S_IFREG, O_RDWR, 0, 0, NULL, &obj), EPERM)                           \
    X(dfs_mkdir(ro, NULL, "n", 0755, 0), EPERM)                                                    \
    X(dfs_remove(ro, NULL, "f", false, NULL), EPERM)                                               \
    X(dfs_move(ro, NULL, "f", NULL, "n", NULL), EPERM)                                             \
    X(dfs_exchange(ro, NULL, "f", NULL, "d"), EPERM)                                               \
    X(dfs_chmod(ro, NULL, "f", 0600), EPERM)                                                       \
    X(dfs_chown(ro, NULL, "f", 1, 1, 0), EPERM)                                                    \
    X(dfs_setxattr(ro, ro_file, "x", "v", 1, 0), EPERM)                                            \
    X(dfs_removexattr(ro, ro_file, "x"), EPERM)                                                    \
    X(dfs_osetattr(ro, ro_file, &st, DFS_SET_ATTR_MODE), EPERM)                                    \
    X(dfs_punch(ro, ro_file, 0, 1), EPERM)                                                         \
    X(dfs_write(ro, ro_file, &sgl, 0, NULL), EPERM)                                                \
    X(dfs_access(ro, NULL, "f", W_OK), EPERM)                                                      \
    X(dfs_sync(ro), EPERM)

static int fill(dfs_t *dfs, dfs_obj_t *obj, const char name[], void *arg)
{
    return 0;
}

static int dfs_sys_sys2base_null(void)
{
    return dfs_sys2base(NULL, &(dfs_t *){NULL});
}

static void every_call(void **state)
{
    struct api *a = *state;
    dfs_t *dfs = fs_mount(a, O_RDWR), *ro, *other;
    dfs_obj_t *file, *dir, *link, *obj, *ro_file;
    dfs_sys_t *sys, *other_sys;
    struct timespec times[2] = {{0}};
    struct dirent ents[4], *ent;
    daos_anchor_t anchor = {0};
    daos_oclass_id_t cid;
    dfs_obj_info_t info;
    daos_obj_id_t oid;
    daos_handle_t h = DAOS_HDL_INVAL;
    struct stat st = {0};
    char buf[64] = "";
    daos_size_t size = sizeof(buf);
    daos_range_t range = {0, 8};
    dfs_iod_t iod = {.iod_nr = 1, .iod_rgs = &range};
    d_iov_t iov, none = {NULL, 0, 0};
    d_sg_list_t sgl = {.sg_nr = 1, .sg_iovs = &iov};
    dfs_attr_t attr;
    uint32_t nr = 4;
    mode_t mode;
    uuid_t uuid;
    DIR *dirp;
    int rc, bad = 0;

    memset(long_name, 'n', sizeof(long_name) - 1);
    d_iov_set(&iov, buf, sizeof(buf));
    fs_text(dfs, NULL, "f", "text");
    dir = fs_dir(dfs, NULL, "d");
    fs_link(dfs, NULL, "l", "f");
    OK(dfs_lookup(dfs, "/f", O_RDWR, &file, NULL, NULL));
    OK(dfs_lookup(dfs, "/l", O_RDWR | O_NOFOLLOW, &link, NULL, NULL));
    OK(dfs_obj2id(file, &oid));
    OK(dfs_sys_mount(a->poh, a->coh, O_RDWR, 0, &sys));
    ro = fs_mount(a, O_RDONLY);
    OK(dfs_lookup(ro, "/f", O_RDONLY, &ro_file, NULL, NULL));

#define TRY(call, expected)                                                                        \
    size = sizeof(buf);                                                                            \
    nr = 4;                                                                                        \
    rc = call;                                                                                     \
    if (rc != expected) {                                                                          \
        print_error("%s: %d, expected %s\n", #call, rc, #expected);                                \
        bad++;                                                                                     \
    }
    NO_MOUNT(TRY)
    NO_OBJECT(TRY)
    BAD_NAMES(TRY)
    SYS(TRY)
    READ_ONLY(TRY)
#undef TRY

    assert_int_equal(fs_count(dfs, NULL), 3);
    SHOWS("text", dfs, NULL, "f");
    SHOWS("-> f", dfs, NULL, "l");
    OK(dfs_release(ro_file));
    OK(dfs_umount(ro));
    OK(dfs_sys_umount(sys));
    OK(dfs_release(link));
    OK(dfs_release(file));
    OK(dfs_release(dir));
    OK(dfs_umount(dfs));
    assert_int_equal(bad, 0);
}

API_MAIN(FS_TEST(every_call))
