/* Contracts of mounts: life, connections by name, blobs, containers. */
#include "fs_stage.h"

CONTRACT(dfs_init)
{
    NOW(0, dfs_init());
    NOW(0, dfs_init()); /* counted */
    NOW(0, dfs_fini());
    NOW(0, dfs_fini());
    return true;
}

CONTRACT(dfs_fini)
{
    dfs_t *dfs;

    NOW(0, dfs_init());
    NOW(0, dfs_init());
    NOW(0, dfs_connect("apipool", NULL, r->a->label, O_RDWR, NULL, &dfs));
    NOW(0, dfs_fini());
    fs_text(dfs, NULL, r->name, "there"); /* the other one holds it */
    NOW(0, dfs_disconnect(dfs));
    NOW(0, dfs_fini());
    return true;
}

CONTRACT(dfs_connect)
{
    dfs_attr_t attr = {.da_chunk_size = 8192, .da_mode = DFS_BALANCED}, got;
    dfs_t *dfs = NULL, *none = NULL;

    NOW(0, dfs_init());
    NOW(EINVAL, dfs_connect(NULL, NULL, r->name, O_RDWR, NULL, &none));
    NOW(EINVAL, dfs_connect("apipool", NULL, NULL, O_RDWR, NULL, &none));
    NOW(EINVAL, dfs_connect("apipool", NULL, r->name, O_RDWR, NULL, NULL));
    NOW(EINVAL, dfs_connect("apipool", NULL, r->name, O_WRONLY, NULL, &none));
    NOW(ENOENT, dfs_connect("apipool", NULL, r->name, O_RDWR, NULL, &none));
    NOW(ENOENT, dfs_connect("nosuchpool", NULL, r->name, O_RDWR, NULL, &none));
    NOW(0, dfs_connect("apipool", NULL, r->name, O_RDWR | O_CREAT, &attr, &dfs));
    NOW(0, dfs_query(dfs, &got));
    CHECK(got.da_chunk_size == 8192 && got.da_mode == DFS_BALANCED);
    NOW(EEXIST, dfs_connect("apipool", NULL, r->name, O_RDWR | O_CREAT | O_EXCL, &attr, &none));
    NOW(EPERM, dfs_connect("apipool", NULL, r->name, O_RDONLY, NULL, &none)); /* not balanced */
    CHECK(none == NULL);
    NOW(0, dfs_disconnect(dfs));
    NOW(0, dfs_destroy("apipool", NULL, r->name, 0, NULL));
    NOW(0, dfs_fini());
    return true;
}

CONTRACT(dfs_connect_snap)
{
    daos_epoch_t epoch;
    dfs_t *snap = NULL;

    NOW(0, dfs_init());
    fs_text(r->dfs, NULL, r->name, "before");
    NOW(0, daos_cont_create_snap(r->coh, &epoch, NULL, NULL));
    fs_text(r->dfs, NULL, r->name, "after");
    NOW(EINVAL, dfs_connect_snap("apipool", NULL, r->a->label, O_RDWR, epoch, NULL, &snap));
    NOW(EINVAL, dfs_connect_snap("apipool", NULL, r->a->label, O_RDONLY, 0, NULL, &snap));
    NOW(EINVAL, dfs_connect_snap(NULL, NULL, r->a->label, O_RDONLY, epoch, NULL, &snap));
    NOW(EINVAL, dfs_connect_snap("apipool", NULL, r->a->label, O_RDONLY, epoch, NULL, NULL));
    NOW(ENOENT, dfs_connect_snap("apipool", NULL, r->a->label, O_RDONLY, 0, "name", &snap));
    NOW(ENOENT, dfs_connect_snap("apipool", NULL, r->a->label, O_RDONLY, 1, NULL, &snap));
    NOW(ENOENT, dfs_connect_snap("apipool", NULL, "nosuchcont", O_RDONLY, epoch, NULL, &snap));
    CHECK(snap == NULL);
    NOW(0, dfs_connect_snap("apipool", NULL, r->a->label, O_RDONLY, epoch, NULL, &snap));
    CHECK(file_is(snap, NULL, r->name, "before") && file_is(r->dfs, NULL, r->name, "after"));
    NOW(EPERM, dfs_remove(snap, NULL, r->name, false, NULL));
    NOW(0, dfs_disconnect(snap));
    NOW(0, daos_cont_destroy_snap(r->coh, (daos_epoch_range_t){epoch, epoch}, NULL));
    NOW(0, dfs_fini());
    return true;
}

CONTRACT(dfs_disconnect)
{
    daos_handle_t poh;
    dfs_t *dfs;

    NOW(0, dfs_init());
    NOW(0, dfs_connect("apipool", NULL, r->a->label, O_RDWR, NULL, &dfs));
    NOW(0, dfs_pool_get(dfs, &poh));
    NOW(EBUSY, dfs_disconnect(dfs));
    NOW(0, dfs_pool_put(dfs, poh));
    CHECK(there(dfs, NULL, "shared"));
    NOW(EINVAL, dfs_disconnect(NULL));
    NOW(0, dfs_disconnect(dfs));
    NOW(0, dfs_fini());
    return true;
}

CONTRACT(dfs_destroy)
{
    dfs_t *dfs;

    NOW(0, dfs_init());
    NOW(0, dfs_connect("apipool", NULL, r->name, O_RDWR | O_CREAT, NULL, &dfs));
    GIVES(EBUSY, dfs_destroy("apipool", NULL, r->name, 0, ev(r)));
    GIVES(EINVAL, dfs_destroy(NULL, NULL, r->name, 0, ev(r)));
    GIVES(EINVAL, dfs_destroy("apipool", NULL, NULL, 0, ev(r)));
    GIVES(ENOENT, dfs_destroy("nosuchpool", NULL, r->name, 0, ev(r)));
    GIVES(ENOENT, dfs_destroy("apipool", NULL, "nosuchcont", 1, ev(r)));
    fs_text(dfs, NULL, "f", "text");
    NOW(0, dfs_disconnect(dfs));
    GIVES(0, dfs_destroy("apipool", NULL, r->name, 0, ev(r)));
    GIVES(ENOENT, dfs_destroy("apipool", NULL, r->name, 0, ev(r)));
    NOW(0, dfs_fini());
    return true;
}

CONTRACT(dfs_cont_create)
{
    dfs_attr_t attr = {.da_chunk_size = 65536}, bad = {.da_mode = 99}, got,
               hints = {.da_hints = "file:huge"};
    char text[DAOS_UUID_STR_SIZE];
    daos_handle_t coh;
    uuid_t uuid = {0};
    dfs_t *dfs = NULL;

    NOW(EINVAL, dfs_cont_create(r->poh, NULL, &attr, NULL, NULL));
    NOW(EINVAL, dfs_cont_create(r->poh, &uuid, &attr, NULL, &dfs)); /* a mount of what? */
    NOW(EINVAL, dfs_cont_create(r->poh, &uuid, &bad, NULL, NULL));
    NOW(EINVAL, dfs_cont_create(r->poh, &uuid, &hints, NULL, NULL));
    NOW(EBADF, dfs_cont_create(r->coh, &uuid, &attr, NULL, NULL));
    NOW(0, dfs_cont_create(r->poh, &uuid, &attr, &coh, &dfs));
    NOW(0, dfs_query(dfs, &got));
    CHECK(got.da_chunk_size == 65536);
    fs_text(dfs, NULL, "f", "text");
    NOW(0, dfs_umount(dfs));
    NOW(0, daos_cont_close(coh, NULL));
    uuid_unparse(uuid, text);
    NOW(0, daos_cont_destroy(r->poh, text, 0, NULL));
    return true;
}

CONTRACT(dfs_cont_create_with_label)
{
    daos_handle_t ro_poh;

    NOW(0, dfs_cont_create_with_label(r->poh, r->name, NULL, NULL, NULL, NULL));
    NOW(EEXIST, dfs_cont_create_with_label(r->poh, r->name, NULL, NULL, NULL, NULL));
    NOW(EINVAL, dfs_cont_create_with_label(r->poh, NULL, NULL, NULL, NULL, NULL));
    NOW(EINVAL, dfs_cont_create_with_label(r->poh, "a/b", NULL, NULL, NULL, NULL));
    NOW(0, daos_cont_destroy(r->poh, r->name, 0, NULL));
    NOW(0, daos_pool_connect(r->a->path, NULL, DAOS_PC_RO, &ro_poh, NULL, NULL));
    NOW(EPERM, dfs_cont_create_with_label(ro_poh, r->name, NULL, NULL, NULL, NULL));
    NOW(0, daos_pool_disconnect(ro_poh, NULL));
    return true;
}

CONTRACT(dfs_mount)
{
    daos_handle_t plain;
    dfs_t *dfs = NULL;

    NOW(EINVAL, dfs_mount(r->poh, r->coh, O_WRONLY, &dfs));
    NOW(EINVAL, dfs_mount(r->poh, r->coh, O_RDWR, NULL));
    NOW(EBADF, dfs_mount(r->coh, r->coh, O_RDWR, &dfs));
    NOW(EBADF, dfs_mount(r->poh, r->poh, O_RDWR, &dfs));
    NOW(0, daos_cont_create_with_label(r->poh, r->name, NULL, NULL, NULL));
    NOW(0, daos_cont_open(r->poh, r->name, DAOS_COO_RW, &plain, NULL, NULL));
    NOW(EINVAL, dfs_mount(r->poh, plain, O_RDWR, &dfs)); /* no file system */
    NOW(0, daos_cont_close(plain, NULL));
    NOW(0, daos_cont_destroy(r->poh, r->name, 0, NULL));
    CHECK(dfs == NULL);
    NOW(0, dfs_mount(r->poh, r->coh, O_RDWR | (int)DFS_BALANCED, &dfs));
    CHECK(there(dfs, NULL, "shared"));
    NOW(0, dfs_umount(dfs));
    return true;
}

CONTRACT(dfs_mount_snap)
{
    daos_epoch_t epoch;
    dfs_t *snap = NULL;

    fs_text(r->dfs, NULL, r->name, "before");
    NOW(0, daos_cont_create_snap(r->coh, &epoch, NULL, NULL));
    fs_text(r->dfs, NULL, r->name, "after");
    NOW(EINVAL, dfs_mount_snap(r->poh, r->coh, O_RDWR, epoch, NULL, &snap));
    NOW(EINVAL, dfs_mount_snap(r->poh, r->coh, O_RDONLY, 0, NULL, &snap));
    NOW(EINVAL, dfs_mount_snap(r->poh, r->coh, O_RDONLY, epoch, NULL, NULL));
    NOW(ENOENT, dfs_mount_snap(r->poh, r->coh, O_RDONLY, 1, NULL, &snap));
    CHECK(snap == NULL);
    NOW(0, dfs_mount_snap(r->poh, r->coh, O_RDONLY, epoch, NULL, &snap));
    CHECK(file_is(snap, NULL, r->name, "before") && file_is(r->dfs, NULL, r->name, "after"));
    NOW(EPERM, dfs_mkdir(snap, NULL, "d", 0755, 0));
    NOW(0, dfs_umount(snap));
    NOW(0, daos_cont_destroy_snap(r->coh, (daos_epoch_range_t){epoch, epoch}, NULL));
    return true;
}

CONTRACT(dfs_umount)
{
    daos_handle_t h;
    dfs_t *dfs;

    NOW(0, dfs_mount(r->poh, r->coh, O_RDWR, &dfs));
    NOW(0, dfs_pool_get(dfs, &h));
    NOW(EBUSY, dfs_umount(dfs));
    NOW(0, dfs_pool_put(dfs, h));
    NOW(0, dfs_cont_get(dfs, &h));
    NOW(EBUSY, dfs_umount(dfs));
    NOW(0, dfs_cont_put(dfs, h));
    NOW(0, dfs_umount(dfs));
    NOW(EINVAL, dfs_umount(NULL));
    return true;
}

/* ---- The handles of a mount ---- */

CONTRACT(dfs_pool_get)
{
    daos_handle_t poh = DAOS_HDL_INVAL;
    daos_size_t n = 0;

    NOW(0, dfs_pool_get(r->dfs, &poh));
    NOW(0, daos_pool_list_cont(poh, &n, NULL, NULL));
    NOW(0, dfs_pool_put(r->dfs, poh));
    NOW(EINVAL, dfs_pool_get(NULL, &poh));
    NOW(EINVAL, dfs_pool_get(r->dfs, NULL));
    return true;
}

CONTRACT(dfs_pool_put)
{
    daos_handle_t poh;

    NOW(0, dfs_pool_get(r->ro, &poh));
    NOW(EINVAL, dfs_pool_put(NULL, poh));
    NOW(EINVAL, dfs_pool_put(r->ro, DAOS_HDL_INVAL));
    NOW(0, dfs_pool_put(r->ro, poh));
    return true;
}

CONTRACT(dfs_cont_get)
{
    daos_handle_t coh = DAOS_HDL_INVAL;

    NOW(0, dfs_cont_get(r->dfs, &coh));
    NOW(0, daos_cont_query(coh, NULL, NULL, NULL));
    NOW(0, dfs_cont_put(r->dfs, coh));
    NOW(EINVAL, dfs_cont_get(NULL, &coh));
    NOW(EINVAL, dfs_cont_get(r->dfs, NULL));
    return true;
}

CONTRACT(dfs_cont_put)
{
    daos_handle_t coh;

    NOW(0, dfs_cont_get(r->ro, &coh));
    NOW(EINVAL, dfs_cont_put(NULL, coh));
    NOW(EINVAL, dfs_cont_put(r->ro, DAOS_HDL_INVAL));
    NOW(0, dfs_cont_put(r->ro, coh));
    return true;
}

CONTRACT(dfs_query)
{
    dfs_attr_t attr;

    memset(&attr, 0xee, sizeof(attr));
    NOW(0, dfs_query(r->ro, &attr));
    CHECK(attr.da_chunk_size == DFS_DEFAULT_CHUNK_SIZE && attr.da_mode == DFS_RELAXED);
    NOW(EINVAL, dfs_query(NULL, &attr));
    NOW(EINVAL, dfs_query(r->dfs, NULL));
    return true;
}

CONTRACT(dfs_sync)
{
    NOW(0, dfs_sync(r->dfs));
    NOW(EPERM, dfs_sync(r->ro));
    NOW(EINVAL, dfs_sync(NULL));
    return true;
}

/* ---- Blobs ---- */

CONTRACT(dfs_local2global)
{
    d_iov_t size = {0}, glob;
    char bytes[6000];

    NOW(0, dfs_local2global(r->dfs, &size));
    CHECK(size.iov_buf_len > 0 && size.iov_buf_len <= sizeof(bytes));
    d_iov_set(&glob, bytes, size.iov_buf_len - 1);
    NOW(ENOBUFS, dfs_local2global(r->dfs, &glob));
    CHECK(glob.iov_buf_len == size.iov_buf_len);
    NOW(0, dfs_local2global(r->dfs, &glob));
    CHECK(glob.iov_len == size.iov_buf_len);
    NOW(EINVAL, dfs_local2global(NULL, &glob));
    NOW(EINVAL, dfs_local2global(r->dfs, NULL));
    return true;
}

CONTRACT(dfs_global2local)
{
    daos_handle_t other;
    char bytes[6000];
    dfs_t *dfs = NULL;
    d_iov_t glob;

    d_iov_set(&glob, bytes, sizeof(bytes));
    NOW(0, dfs_local2global(r->dfs, &glob));
    NOW(0, dfs_global2local(r->poh, r->coh, O_RDONLY, glob, &dfs));
    CHECK(there(dfs, NULL, "shared"));
    NOW(0, dfs_umount(dfs));
    dfs = NULL;
    NOW(EINVAL, dfs_global2local(r->poh, r->coh, O_RDWR, glob, NULL));
    NOW(EINVAL, dfs_global2local(r->poh, r->coh, O_RDWR, (d_iov_t){0}, &dfs));
    NOW(EINVAL, dfs_global2local(r->poh, r->coh, O_WRONLY, glob, &dfs));
    NOW(EBADF, dfs_global2local(r->poh, r->poh, O_RDWR, glob, &dfs));
    NOW(0, dfs_cont_create_with_label(r->poh, r->name, NULL, NULL, &other, NULL));
    NOW(EINVAL, dfs_global2local(r->poh, other, O_RDWR, glob, &dfs)); /* of another container */
    NOW(0, daos_cont_close(other, NULL));
    NOW(0, daos_cont_destroy(r->poh, r->name, 0, NULL));
    glob.iov_len--;
    NOW(EINVAL, dfs_global2local(r->poh, r->coh, O_RDWR, glob, &dfs));
    glob.iov_len++;
    bytes[0] ^= 1;
    NOW(EINVAL, dfs_global2local(r->poh, r->coh, O_RDWR, glob, &dfs));
    CHECK(dfs == NULL);
    return true;
}

CONTRACT(dfs_local2global_all)
{
    d_iov_t size = {0}, glob;
    char bytes[16000];

    NOW(0, dfs_local2global_all(r->dfs, &size));
    CHECK(size.iov_buf_len > 0 && size.iov_buf_len <= sizeof(bytes));
    d_iov_set(&glob, bytes, size.iov_buf_len - 1);
    NOW(ENOBUFS, dfs_local2global_all(r->dfs, &glob));
    CHECK(glob.iov_buf_len == size.iov_buf_len);
    NOW(0, dfs_local2global_all(r->dfs, &glob));
    NOW(EINVAL, dfs_local2global_all(NULL, &glob));
    NOW(EINVAL, dfs_local2global_all(r->dfs, NULL));
    return true;
}

CONTRACT(dfs_global2local_all)
{
    char bytes[16000];
    dfs_t *dfs = NULL;
    d_iov_t glob;

    NOW(0, dfs_init());
    d_iov_set(&glob, bytes, sizeof(bytes));
    NOW(0, dfs_local2global_all(r->dfs, &glob));
    NOW(0, dfs_global2local_all(O_RDWR, glob, &dfs));
    fs_text(dfs, NULL, r->name, "from the copy");
    CHECK(file_is(r->dfs, NULL, r->name, "from the copy"));
    NOW(0, dfs_disconnect(dfs));
    dfs = NULL;
    NOW(EINVAL, dfs_global2local_all(O_RDWR, glob, NULL));
    NOW(EINVAL, dfs_global2local_all(O_RDWR, (d_iov_t){0}, &dfs));
    glob.iov_len -= 9;
    NOW(EINVAL, dfs_global2local_all(O_RDWR, glob, &dfs));
    CHECK(dfs == NULL);
    NOW(0, dfs_fini());
    return true;
}

/* ---- Of a mount of one's own ---- */

CONTRACT(dfs_set_prefix)
{
    dfs_obj_t *obj;
    dfs_t *dfs;

    NOW(0, dfs_mount(r->poh, r->coh, O_RDONLY, &dfs));
    NOW(0, dfs_set_prefix(dfs, "/mnt/here"));
    NOW(0, dfs_lookup(dfs, "/mnt/here/shared", O_RDONLY, &obj, NULL, NULL));
    NOW(0, dfs_release(obj));
    NOW(EINVAL, dfs_lookup(dfs, "/shared", O_RDONLY, &obj, NULL, NULL));
    NOW(EINVAL, dfs_set_prefix(dfs, "relative"));
    NOW(EINVAL, dfs_set_prefix(NULL, "/mnt"));
    NOW(0, dfs_set_prefix(dfs, NULL));
    NOW(0, dfs_lookup(dfs, "/shared", O_RDONLY, &obj, NULL, NULL));
    NOW(0, dfs_release(obj));
    NOW(0, dfs_umount(dfs));
    return true;
}

CONTRACT(dfs_suggest_oclass)
{
    daos_oclass_id_t cid = 0;

    NOW(0, dfs_suggest_oclass(r->dfs, "file:single", &cid));
    CHECK(cid == OC_S1);
    NOW(0, dfs_suggest_oclass(r->dfs, "dir:max", &cid));
    CHECK(cid != 0);
    NOW(EINVAL, dfs_suggest_oclass(r->dfs, "file:huge", &cid));
    NOW(EINVAL, dfs_suggest_oclass(r->dfs, NULL, &cid));
    NOW(EINVAL, dfs_suggest_oclass(r->dfs, "file:single", NULL));
    NOW(EINVAL, dfs_suggest_oclass(NULL, "file:single", &cid));
    return true;
}

/* ---- Containers ---- */

CONTRACT(dfs_cont_check)
{
    daos_handle_t coh;

    NOW(0, dfs_cont_create_with_label(r->poh, r->name, NULL, NULL, &coh, NULL));
    NOW(EBUSY, dfs_cont_check(r->poh, r->name, DFS_CHECK_PRINT, NULL));
    NOW(0, daos_cont_close(coh, NULL));
    NOW(0, dfs_cont_check(r->poh, r->name, DFS_CHECK_PRINT | DFS_CHECK_VERIFY, NULL));
    NOW(EINVAL, dfs_cont_check(r->poh, r->name, DFS_CHECK_REMOVE | DFS_CHECK_RELINK, NULL));
    NOW(EINVAL, dfs_cont_check(r->poh, r->name, 0x1000, NULL));
    NOW(EINVAL, dfs_cont_check(r->poh, NULL, 0, NULL));
    NOW(ENOENT, dfs_cont_check(r->poh, "nosuchcont", 0, NULL));
    NOW(0, daos_cont_destroy(r->poh, r->name, 0, NULL));
    return true;
}

CONTRACT(dfs_cont_scan)
{
    NOW(0, dfs_cont_create_with_label(r->poh, r->name, NULL, NULL, NULL, NULL));
    NOW(0, dfs_cont_scan(r->poh, r->name, 0, NULL));
    NOW(EINVAL, dfs_cont_scan(r->poh, NULL, 0, NULL));
    NOW(ENOENT, dfs_cont_scan(r->poh, "nosuchcont", 0, NULL));
    NOW(ENOENT, dfs_cont_scan(r->poh, r->name, 0, "/nosuchdir"));
    NOW(0, daos_cont_destroy(r->poh, r->name, 0, NULL));
    return true;
}

CONTRACT(dfs_cont_set_owner)
{
    daos_handle_t coh, ro;
    struct stat st;
    dfs_t *dfs;

    NOW(0, dfs_cont_create_with_label(r->poh, r->name, NULL, NULL, &coh, &dfs));
    NOW(EINVAL, dfs_cont_set_owner(coh, NULL, 1, NULL, 1));
    NOW(EINVAL, dfs_cont_set_owner(coh, (d_string_t) "nobody", 1, NULL, 1));
    NOW(EBADF, dfs_cont_set_owner(r->poh, (d_string_t) "u@", 1, NULL, 1));
    NOW(0, daos_cont_open(r->poh, r->name, DAOS_COO_RO, &ro, NULL, NULL));
    NOW(EPERM, dfs_cont_set_owner(ro, (d_string_t) "somebody@", 4711, NULL, 1));
    NOW(0, daos_cont_close(ro, NULL));
    NOW(0, dfs_stat(dfs, NULL, NULL, &st));
    CHECK(st.st_uid == geteuid());
    NOW(0, dfs_cont_set_owner(coh, (d_string_t) "somebody@", 4711, NULL, 1));
    NOW(0, dfs_stat(dfs, NULL, NULL, &st));
    CHECK(st.st_uid == 4711 && st.st_gid == getegid());
    NOW(0, dfs_umount(dfs));
    NOW(0, daos_cont_close(coh, NULL));
    NOW(0, daos_cont_destroy(r->poh, r->name, 0, NULL));
    return true;
}

#define STORIES(X)                                                                                 \
    X(dfs_init)                                                                                    \
    X(dfs_fini)                                                                                    \
    X(dfs_connect)                                                                                 \
    X(dfs_connect_snap)                                                                            \
    X(dfs_disconnect)                                                                              \
    X(dfs_destroy)                                                                                 \
    X(dfs_cont_create)                                                                             \
    X(dfs_cont_create_with_label)                                                                  \
    X(dfs_mount)                                                                                   \
    X(dfs_mount_snap)                                                                              \
    X(dfs_umount)                                                                                  \
    X(dfs_pool_get)                                                                                \
    X(dfs_pool_put)                                                                                \
    X(dfs_cont_get)                                                                                \
    X(dfs_cont_put)                                                                                \
    X(dfs_query)                                                                                   \
    X(dfs_sync)                                                                                    \
    X(dfs_local2global)                                                                            \
    X(dfs_global2local)                                                                            \
    X(dfs_local2global_all)                                                                        \
    X(dfs_global2local_all)                                                                        \
    X(dfs_set_prefix)                                                                              \
    X(dfs_suggest_oclass)                                                                          \
    X(dfs_cont_check)                                                                              \
    X(dfs_cont_scan)                                                                               \
    X(dfs_cont_set_owner)

CONTRACT_MAIN(STORIES, fs_stage, fs_setup)
