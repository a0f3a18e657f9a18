/* Contracts of mounts with a path layer. */
#include "fs_stage.h"

CONTRACT(dfs_sys_connect)
{
    dfs_sys_t *sys = NULL;
    struct stat st;

    NOW(0, dfs_init());
    NOW(ENOENT, dfs_sys_connect("apipool", NULL, r->name, O_RDWR, 0, NULL, &sys));
    NOW(ENOENT, dfs_sys_connect("nosuchpool", NULL, r->name, O_RDWR, 0, NULL, &sys));
    NOW(EINVAL, dfs_sys_connect(NULL, NULL, r->name, O_RDWR, 0, NULL, &sys));
    NOW(EINVAL, dfs_sys_connect("apipool", NULL, r->name, O_RDWR, 0, NULL, NULL));
    NOW(EINVAL, dfs_sys_connect("apipool", NULL, r->name, O_RDWR, 0x1000, NULL, &sys));
    CHECK(sys == NULL);
    NOW(0, dfs_sys_connect("apipool", NULL, r->a->label, O_RDWR, 0, NULL, &sys));
    NOW(0, dfs_sys_stat(sys, "/shared", 0, &st));
    NOW(0, dfs_sys_disconnect(sys));
    NOW(0, dfs_fini());
    return true;
}

CONTRACT(dfs_sys_disconnect)
{
    daos_handle_t poh;
    dfs_sys_t *sys;
    dfs_t *base;

    NOW(0, dfs_init());
    NOW(0, dfs_sys_connect("apipool", NULL, r->a->label, O_RDWR, DFS_SYS_NO_CACHE, NULL, &sys));
    NOW(0, dfs_sys2base(sys, &base));
    NOW(0, dfs_pool_get(base, &poh));
    NOW(EBUSY, dfs_sys_disconnect(sys));
    NOW(0, dfs_pool_put(base, poh));
    NOW(0, dfs_sys_disconnect(sys));
    NOW(EINVAL, dfs_sys_disconnect(NULL));
    NOW(0, dfs_fini());
    return true;
}

CONTRACT(dfs_sys_mount)
{
    dfs_sys_t *sys = NULL;
    struct stat st;

    NOW(EINVAL, dfs_sys_mount(r->poh, r->coh, O_RDWR, 0x1000, &sys));
    NOW(EINVAL, dfs_sys_mount(r->poh, r->coh, O_WRONLY, 0, &sys));
    NOW(EINVAL, dfs_sys_mount(r->poh, r->coh, O_RDWR, 0, NULL));
    NOW(EBADF, dfs_sys_mount(r->coh, r->coh, O_RDWR, 0, &sys));
    CHECK(sys == NULL);
    NOW(0, dfs_sys_mount(r->poh, r->coh, O_RDONLY, DFS_SYS_NO_CACHE | DFS_SYS_NO_LOCK, &sys));
    NOW(0, dfs_sys_stat(sys, "/shared", 0, &st));
    NOW(0, dfs_sys_umount(sys));
    return true;
}

CONTRACT(dfs_sys_umount)
{
    daos_handle_t poh;
    dfs_sys_t *sys;
    struct stat st;
    dfs_t *base;

    NOW(0, dfs_sys_mount(r->poh, r->coh, O_RDWR, 0, &sys));
    NOW(0, dfs_sys2base(sys, &base));
    NOW(0, dfs_pool_get(base, &poh));
    NOW(EBUSY, dfs_sys_umount(sys));
    NOW(0, dfs_sys_stat(sys, "/shared", 0, &st)); /* it goes on */
    NOW(0, dfs_pool_put(base, poh));
    NOW(0, dfs_sys_umount(sys));
    NOW(EINVAL, dfs_sys_umount(NULL));
    return true;
}

CONTRACT(dfs_sys2base)
{
    dfs_t *base = NULL;

    NOW(0, dfs_sys2base(r->sys, &base));
    CHECK(there(base, NULL, "shared"));
    NOW(EINVAL, dfs_sys2base(NULL, &base));
    NOW(EINVAL, dfs_sys2base(r->sys, NULL));
    return true;
}

CONTRACT(dfs_sys_set_prefix)
{
    dfs_sys_t *sys;
    struct stat st;

    NOW(0, dfs_sys_mount(r->poh, r->coh, O_RDONLY, 0, &sys));
    NOW(0, dfs_sys_set_prefix(sys, "/mnt/here"));
    NOW(0, dfs_sys_stat(sys, "/mnt/here/shared", 0, &st));
    NOW(EINVAL, dfs_sys_set_prefix(sys, "relative"));
    NOW(EINVAL, dfs_sys_set_prefix(NULL, "/mnt"));
    NOW(0, dfs_sys_set_prefix(sys, NULL));
    NOW(0, dfs_sys_stat(sys, "/shared", 0, &st));
    NOW(0, dfs_sys_umount(sys));
    return true;
}

/* ---- Blobs ---- */

CONTRACT(dfs_sys_local2global)
{
    d_iov_t size = {0}, glob;
    char bytes[6000];

    NOW(0, dfs_sys_local2global(r->sys, &size));
    CHECK(size.iov_buf_len > 0 && size.iov_buf_len <= sizeof(bytes));
    d_iov_set(&glob, bytes, size.iov_buf_len - 1);
    NOW(ENOBUFS, dfs_sys_local2global(r->sys, &glob));
    CHECK(glob.iov_buf_len == size.iov_buf_len);
    NOW(0, dfs_sys_local2global(r->sys, &glob));
    NOW(EINVAL, dfs_sys_local2global(NULL, &glob));
    NOW(EINVAL, dfs_sys_local2global(r->sys, NULL));
    return true;
}

CONTRACT(dfs_sys_global2local)
{
    dfs_sys_t *sys = NULL, *ro;
    char bytes[6000];
    struct stat st;
    d_iov_t glob;

    d_iov_set(&glob, bytes, sizeof(bytes));
    NOW(0, dfs_sys_mount(r->poh, r->coh, O_RDONLY, 0, &ro));
    NOW(0, dfs_sys_local2global(ro, &glob));
    NOW(0, dfs_sys_umount(ro));
    NOW(EINVAL, dfs_sys_global2local(r->poh, r->coh, O_RDWR, 0, (d_iov_t){0}, &sys));
    NOW(EINVAL, dfs_sys_global2local(r->poh, r->coh, O_RDWR, 0x1000, glob, &sys));
    NOW(EINVAL, dfs_sys_global2local(r->poh, r->coh, O_RDWR, 0, glob, NULL));
    NOW(EBADF, dfs_sys_global2local(r->poh, r->poh, O_RDWR, 0, glob, &sys));
    CHECK(sys == NULL);
    NOW(0, dfs_sys_global2local(r->poh, r->coh, O_RDONLY, 0, glob, &sys)); /* as it was */
    NOW(0, dfs_sys_stat(sys, "/shared", 0, &st));
    NOW(EPERM, dfs_sys_mkdir(sys, "/n", 0755, 0));
    NOW(0, dfs_sys_umount(sys));
    return true;
}

CONTRACT(dfs_sys_local2global_all)
{
    d_iov_t size = {0}, glob;
    char bytes[16000];

    NOW(0, dfs_sys_local2global_all(r->sys, &size));
    CHECK(size.iov_buf_len > 0 && size.iov_buf_len <= sizeof(bytes));
    d_iov_set(&glob, bytes, size.iov_buf_len - 1);
    NOW(ENOBUFS, dfs_sys_local2global_all(r->sys, &glob));
    NOW(0, dfs_sys_local2global_all(r->sys, &glob));
    NOW(EINVAL, dfs_sys_local2global_all(NULL, &glob));
    NOW(EINVAL, dfs_sys_local2global_all(r->sys, NULL));
    return true;
}

CONTRACT(dfs_sys_global2local_all)
{
    dfs_sys_t *sys = NULL;
    char bytes[16000];
    struct stat st;
    d_iov_t glob;

    NOW(0, dfs_init());
    d_iov_set(&glob, bytes, sizeof(bytes));
    NOW(0, dfs_sys_local2global_all(r->sys, &glob));
    NOW(EINVAL, dfs_sys_global2local_all(O_RDWR, 0, (d_iov_t){0}, &sys));
    NOW(EINVAL, dfs_sys_global2local_all(O_RDWR, 0x1000, glob, &sys));
    NOW(EINVAL, dfs_sys_global2local_all(O_RDWR, 0, glob, NULL));
    CHECK(sys == NULL);
    NOW(0, dfs_sys_global2local_all(O_RDWR, 0, glob, &sys));
    NOW(0, dfs_sys_stat(sys, "/shared", 0, &st));
    NOW(0, dfs_sys_disconnect(sys));
    NOW(0, dfs_fini());
    return true;
}

#define STORIES(X)                                                                                 \
    X(dfs_sys_connect)                                                                             \
    X(dfs_sys_disconnect)                                                                          \
    X(dfs_sys_mount)                                                                               \
    X(dfs_sys_umount)                                                                              \
    X(dfs_sys2base)                                                                                \
    X(dfs_sys_set_prefix)                                                                          \
    X(dfs_sys_local2global)                                                                        \
    X(dfs_sys_global2local)                                                                        \
    X(dfs_sys_local2global_all)                                                                    \
    X(dfs_sys_global2local_all)

CONTRACT_MAIN(STORIES, fs_stage, fs_setup)
