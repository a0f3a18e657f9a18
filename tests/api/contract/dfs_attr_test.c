/* Contracts of attributes: mode, owner, times, classes, extended ones. */
#include "fs_stage.h"

CONTRACT(dfs_get_mode)
{
    mode_t mode = 0;
    struct own o;

    CHECK(own_open(r, &o));
    NOW(0, dfs_get_mode(o.file, &mode));
    CHECK(mode == (S_IFREG | 0644));
    NOW(0, dfs_get_mode(o.sub, &mode));
    CHECK(mode == (S_IFDIR | 0755));
    NOW(EINVAL, dfs_get_mode(NULL, &mode));
    NOW(EINVAL, dfs_get_mode(o.file, NULL));
    return own_close(r, &o);
}

CONTRACT(dfs_obj_get_info)
{
    dfs_obj_info_t info;
    daos_obj_id_t oid;

    memset(&info, 0xee, sizeof(info));
    NOW(0, dfs_obj_get_info(r->dfs, r->file, &info));
    NOW(0, dfs_obj2id(r->file, &oid));
    CHECK(info.doi_chunk_size == 4096 && memcmp(&info.doi_oid, &oid, sizeof(oid)) == 0);
    CHECK(info.doi_oclass_id == daos_obj_id2class(oid));
    NOW(EINVAL, dfs_obj_get_info(NULL, r->file, &info));
    NOW(EINVAL, dfs_obj_get_info(r->dfs, NULL, &info));
    NOW(EINVAL, dfs_obj_get_info(r->dfs, r->file, NULL));
    return true;
}

CONTRACT(dfs_obj_set_oclass)
{
    dfs_obj_info_t info;
    struct own o;

    CHECK(own_open(r, &o));
    NOW(0, dfs_obj_set_oclass(r->dfs, o.sub, 0, OC_S1));
    NOW(0, dfs_obj_get_info(r->dfs, o.sub, &info));
    CHECK(info.doi_file_oclass_id == OC_S1 && info.doi_dir_oclass_id == OC_S1);
    NOW(ENOTSUP, dfs_obj_set_oclass(r->dfs, o.file, 0, OC_S1));
    NOW(EINVAL, dfs_obj_set_oclass(r->dfs, o.sub, 0, 0x7fffffff));
    NOW(EINVAL, dfs_obj_set_oclass(NULL, o.sub, 0, OC_S1));
    NOW(EINVAL, dfs_obj_set_oclass(r->dfs, NULL, 0, OC_S1));
    NOW(EPERM, dfs_obj_set_oclass(r->ro, o.ro_dir, 0, OC_S1));
    return own_close(r, &o);
}

CONTRACT(dfs_obj_set_chunk_size)
{
    dfs_obj_info_t info;
    struct own o;

    CHECK(own_open(r, &o));
    NOW(0, dfs_obj_set_chunk_size(r->dfs, o.sub, 0, 8192));
    NOW(0, dfs_obj_get_info(r->dfs, o.sub, &info));
    CHECK(info.doi_chunk_size == 8192);
    NOW(ENOTSUP, dfs_obj_set_chunk_size(r->dfs, o.link, 0, 8192));
    NOW(EINVAL, dfs_obj_set_chunk_size(r->dfs, o.file, 0, 8192)); /* there is data in it */
    NOW(EINVAL, dfs_obj_set_chunk_size(NULL, o.sub, 0, 8192));
    NOW(EINVAL, dfs_obj_set_chunk_size(r->dfs, NULL, 0, 8192));
    NOW(EPERM, dfs_obj_set_chunk_size(r->ro, o.ro_dir, 0, 8192));
    CHECK(file_is(r->dfs, o.dir, "f", "text"));
    return own_close(r, &o);
}

CONTRACT(dfs_stat)
{
    struct stat st;
    struct own o;

    CHECK(own_open(r, &o));
    memset(&st, 0xee, sizeof(st));
    NOW(0, dfs_stat(r->ro, o.ro_dir, "f", &st));
    CHECK(st.st_mode == (S_IFREG | 0644) && st.st_size == 4 && st.st_nlink == 1);
    CHECK(st.st_uid == geteuid() && st.st_gid == getegid() && st.st_mtim.tv_sec > 0);
    NOW(0, dfs_stat(r->dfs, o.dir, "l", &st));
    CHECK(S_ISLNK(st.st_mode) && st.st_size == 1);
    NOW(0, dfs_stat(r->dfs, o.dir, NULL, &st));
    CHECK(S_ISDIR(st.st_mode));
    NOW(0, dfs_stat(r->dfs, NULL, NULL, &st));
    CHECK(S_ISDIR(st.st_mode));
    NOW(ENOENT, dfs_stat(r->dfs, o.dir, "none", &st));
    NOW(ENOTDIR, dfs_stat(r->dfs, o.file, "f", &st));
    NOW(EINVAL, dfs_stat(r->dfs, o.dir, "a/b", &st));
    NOW(EINVAL, dfs_stat(r->dfs, o.dir, name_too_long(), &st));
    NOW(EINVAL, dfs_stat(r->dfs, o.dir, "f", NULL));
    NOW(EINVAL, dfs_stat(NULL, o.dir, "f", &st));
    return own_close(r, &o);
}

CONTRACT(dfs_ostat)
{
    struct stat st;
    struct own o;

    CHECK(own_open(r, &o));
    NOW(0, dfs_ostat(r->dfs, o.file, &st));
    CHECK(S_ISREG(st.st_mode) && st.st_size == 4);
    NOW(0, dfs_ostat(r->dfs, o.sub, &st));
    CHECK(S_ISDIR(st.st_mode));
    NOW(EINVAL, dfs_ostat(NULL, o.file, &st));
    NOW(EINVAL, dfs_ostat(r->dfs, NULL, &st));
    NOW(EINVAL, dfs_ostat(r->dfs, o.file, NULL));
    NOW(0, dfs_remove(r->dfs, o.dir, "f", false, NULL));
    NOW(ENOENT, dfs_ostat(r->dfs, o.file, &st));
    return own_close(r, &o);
}

CONTRACT(dfs_osetattr)
{
    struct stat st = {.st_mode = S_IFREG | 0600, .st_size = 2};
    struct own o;

    CHECK(own_open(r, &o));
    NOW(EINVAL, dfs_osetattr(r->dfs, o.file, &st, 0x1000));
    NOW(EINVAL, dfs_osetattr(r->dfs, o.file, NULL, DFS_SET_ATTR_MODE));
    NOW(EINVAL, dfs_osetattr(r->dfs, NULL, &st, DFS_SET_ATTR_MODE));
    NOW(EINVAL, dfs_osetattr(NULL, o.file, &st, DFS_SET_ATTR_MODE));
    NOW(EPERM, dfs_osetattr(r->ro, o.ro_file, &st, DFS_SET_ATTR_MODE));
    NOW(EIO, dfs_osetattr(r->dfs, o.sub, &st, DFS_SET_ATTR_SIZE));
    CHECK(file_is(r->dfs, o.dir, "f", "text"));
    st.st_uid = 4711;
    st.st_mtim.tv_sec = 1000000000;
    NOW(0, dfs_osetattr(r->dfs, o.file, &st,
                        DFS_SET_ATTR_MODE | DFS_SET_ATTR_SIZE | DFS_SET_ATTR_UID));
    CHECK(st.st_size == 2 && st.st_mode == (S_IFREG | 0600) && st.st_uid == 4711);
    st.st_mtim.tv_sec = 1000000000;
    NOW(0, dfs_osetattr(r->dfs, o.file, &st, DFS_SET_ATTR_MTIME));
    NOW(0, dfs_stat(r->ro, o.ro_dir, "f", &st));
    CHECK(st.st_size == 2 && st.st_mode == (S_IFREG | 0600) && st.st_uid == 4711);
    CHECK(st.st_mtim.tv_sec == 1000000000);
    CHECK(file_is(r->dfs, o.dir, "f", "te"));
    NOW(0, dfs_remove(r->dfs, o.dir, "f", false, NULL));
    NOW(ENOENT, dfs_osetattr(r->dfs, o.file, &st, DFS_SET_ATTR_MODE));
    return own_close(r, &o);
}

CONTRACT(dfs_access)
{
    struct own o;

    CHECK(own_open(r, &o));
    NOW(0, dfs_access(r->dfs, o.dir, "f", F_OK));
    NOW(0, dfs_access(r->dfs, o.dir, "l", R_OK | W_OK));
    NOW(0, dfs_access(r->ro, o.ro_dir, "f", R_OK));
    NOW(0, dfs_access(r->dfs, NULL, NULL, X_OK));
    NOW(EACCES, dfs_access(r->dfs, o.dir, "f", X_OK));
    NOW(EPERM, dfs_access(r->ro, o.ro_dir, "f", W_OK));
    NOW(ENOENT, dfs_access(r->dfs, o.dir, "none", F_OK));
    NOW(EINVAL, dfs_access(r->dfs, o.dir, "a/b", F_OK));
    NOW(EINVAL, dfs_access(r->dfs, o.dir, "f", 0x100));
    NOW(EINVAL, dfs_access(NULL, o.dir, "f", F_OK));
    return own_close(r, &o);
}

CONTRACT(dfs_chmod)
{
    struct stat st;
    struct own o;

    CHECK(own_open(r, &o));
    NOW(ENOTSUP, dfs_chmod(r->dfs, o.dir, "f", S_ISVTX | 0644));
    NOW(EPERM, dfs_chmod(r->ro, o.ro_dir, "f", 0600));
    NOW(ENOENT, dfs_chmod(r->dfs, o.dir, "none", 0600));
    NOW(EINVAL, dfs_chmod(r->dfs, o.dir, "a/b", 0600));
    NOW(EINVAL, dfs_chmod(NULL, o.dir, "f", 0600));
    NOW(0, dfs_stat(r->dfs, o.dir, "f", &st));
    CHECK(st.st_mode == (S_IFREG | 0644));
    NOW(0, dfs_chmod(r->dfs, o.dir, "l", 0600)); /* what it leads to */
    NOW(0, dfs_stat(r->dfs, o.dir, "f", &st));
    CHECK(st.st_mode == (S_IFREG | 0600));
    return own_close(r, &o);
}

CONTRACT(dfs_chown)
{
    struct stat st;
    struct own o;

    CHECK(own_open(r, &o));
    NOW(EPERM, dfs_chown(r->ro, o.ro_dir, "f", 7, 8, 0));
    NOW(ENOENT, dfs_chown(r->dfs, o.dir, "none", 7, 8, 0));
    NOW(EINVAL, dfs_chown(r->dfs, o.dir, "a/b", 7, 8, 0));
    NOW(EINVAL, dfs_chown(NULL, o.dir, "f", 7, 8, 0));
    NOW(0, dfs_chown(r->dfs, o.dir, "f", (uid_t)-1, (gid_t)-1, 0));
    NOW(0, dfs_stat(r->dfs, o.dir, "f", &st));
    CHECK(st.st_uid == geteuid() && st.st_gid == getegid());
    NOW(0, dfs_chown(r->dfs, o.dir, "l", 7, (gid_t)-1, 0));
    NOW(0, dfs_stat(r->dfs, o.dir, "f", &st));
    CHECK(st.st_uid == 7 && st.st_gid == getegid());
    NOW(0, dfs_chown(r->dfs, o.dir, "l", 9, 10, O_NOFOLLOW));
    NOW(0, dfs_stat(r->dfs, o.dir, "l", &st));
    CHECK(st.st_uid == 9 && st.st_gid == 10);
    return own_close(r, &o);
}

/* ---- Extended attributes ---- */

CONTRACT(dfs_setxattr)
{
    char big[DFS_MAX_XATTR_LEN + 1] = "", out[8] = "";
    daos_size_t size = sizeof(out);
    struct own o;

    CHECK(own_open(r, &o));
    NOW(ENOENT, dfs_setxattr(r->dfs, o.file, "x", "one", 3, XATTR_REPLACE));
    NOW(0, dfs_setxattr(r->dfs, o.file, "x", "one", 3, XATTR_CREATE));
    NOW(EEXIST, dfs_setxattr(r->dfs, o.file, "x", "two", 3, XATTR_CREATE));
    NOW(EPERM, dfs_setxattr(r->ro, o.ro_file, "x", "two", 3, 0));
    NOW(EINVAL, dfs_setxattr(r->dfs, o.file, name_too_long(), "two", 3, 0));
    NOW(EINVAL, dfs_setxattr(r->dfs, o.file, NULL, "two", 3, 0));
    NOW(EINVAL, dfs_setxattr(r->dfs, o.file, "x", NULL, 3, 0));
    NOW(EINVAL, dfs_setxattr(r->dfs, o.file, "x", big, sizeof(big), 0));
    NOW(EINVAL, dfs_setxattr(r->dfs, NULL, "x", "two", 3, 0));
    NOW(EINVAL, dfs_setxattr(NULL, o.file, "x", "two", 3, 0));
    NOW(0, dfs_getxattr(r->dfs, o.file, "x", out, &size));
    CHECK(size == 3 && strcmp(out, "one") == 0);
    NOW(0, dfs_setxattr(r->dfs, o.file, "x", "two", 3, XATTR_REPLACE));
    NOW(0, dfs_setxattr(r->dfs, o.sub, "big", big, DFS_MAX_XATTR_LEN, 0));
    NOW(0, dfs_setxattr(r->dfs, o.link, "none", NULL, 0, 0));
    size = 0;
    NOW(0, dfs_getxattr(r->dfs, o.link, "none", NULL, &size));
    CHECK(size == 0);
    return own_close(r, &o);
}

CONTRACT(dfs_getxattr)
{
    daos_size_t size = 0;
    char out[8] = "";
    struct own o;

    CHECK(own_open(r, &o));
    NOW(0, dfs_setxattr(r->dfs, o.file, "x", "value", 5, 0));
    NOW(0, dfs_getxattr(r->ro, o.ro_file, "x", NULL, &size));
    CHECK(size == 5);
    size = 3;
    NOW(E2BIG, dfs_getxattr(r->dfs, o.file, "x", out, &size));
    CHECK(size == 5);
    size = sizeof(out);
    NOW(0, dfs_getxattr(r->dfs, o.file, "x", out, &size));
    CHECK(size == 5 && strcmp(out, "value") == 0);
    NOW(ENODATA, dfs_getxattr(r->dfs, o.file, "none", out, &size));
    NOW(EINVAL, dfs_getxattr(r->dfs, o.file, NULL, out, &size));
    NOW(EINVAL, dfs_getxattr(r->dfs, o.file, "x", out, NULL));
    NOW(EINVAL, dfs_getxattr(r->dfs, NULL, "x", out, &size));
    NOW(EINVAL, dfs_getxattr(NULL, o.file, "x", out, &size));
    return own_close(r, &o);
}

CONTRACT(dfs_removexattr)
{
    daos_size_t size = 0;
    struct own o;

    CHECK(own_open(r, &o));
    NOW(0, dfs_setxattr(r->dfs, o.file, "x", "value", 5, 0));
    NOW(ENOENT, dfs_removexattr(r->dfs, o.file, "none"));
    NOW(EPERM, dfs_removexattr(r->ro, o.ro_file, "x"));
    NOW(EINVAL, dfs_removexattr(r->dfs, o.file, NULL));
    NOW(EINVAL, dfs_removexattr(r->dfs, NULL, "x"));
    NOW(EINVAL, dfs_removexattr(NULL, o.file, "x"));
    NOW(0, dfs_getxattr(r->dfs, o.file, "x", NULL, &size));
    NOW(0, dfs_removexattr(r->dfs, o.file, "x"));
    NOW(ENODATA, dfs_getxattr(r->dfs, o.file, "x", NULL, &size));
    return own_close(r, &o);
}

CONTRACT(dfs_listxattr)
{
    daos_size_t size = 0;
    char list[16] = "";
    struct own o;

    CHECK(own_open(r, &o));
    NOW(0, dfs_listxattr(r->dfs, o.file, NULL, &size));
    CHECK(size == 0);
    NOW(0, dfs_setxattr(r->dfs, o.file, "one", "v", 1, 0));
    NOW(0, dfs_setxattr(r->dfs, o.file, "two", "v", 1, 0));
    NOW(0, dfs_listxattr(r->ro, o.ro_file, NULL, &size));
    CHECK(size == 8);
    size = sizeof(list);
    NOW(0, dfs_listxattr(r->dfs, o.file, list, &size));
    CHECK(size == 8 && strlen(list) == 3 && strlen(list + 4) == 3);
    memset(list, '?', sizeof(list));
    size = 5; /* what does not fit is left out */
    NOW(0, dfs_listxattr(r->dfs, o.file, list, &size));
    CHECK(size == 8 && strlen(list) == 3 && list[5] == '?');
    NOW(EINVAL, dfs_listxattr(r->dfs, o.file, list, NULL));
    NOW(EINVAL, dfs_listxattr(r->dfs, NULL, list, &size));
    NOW(EINVAL, dfs_listxattr(NULL, o.file, list, &size));
    return own_close(r, &o);
}

#define STORIES(X)                                                                                 \
    X(dfs_get_mode)                                                                                \
    X(dfs_obj_get_info)                                                                            \
    X(dfs_obj_set_oclass)                                                                          \
    X(dfs_obj_set_chunk_size)                                                                      \
    X(dfs_stat)                                                                                    \
    X(dfs_ostat)                                                                                   \
    X(dfs_osetattr)                                                                                \
    X(dfs_access)                                                                                  \
    X(dfs_chmod)                                                                                   \
    X(dfs_chown)                                                                                   \
    X(dfs_setxattr)                                                                                \
    X(dfs_getxattr)                                                                                \
    X(dfs_removexattr)                                                                             \
    X(dfs_listxattr)

CONTRACT_MAIN(STORIES, fs_stage, fs_setup)
