/* Contracts of DFS by paths. */
#include "fs_stage.h"

/* The paths of what own_open() makes, and one more name. */
struct paths {
    struct own o;
    char d[32], f[40], sub[40], l[40], none[40], below[64];
    dfs_sys_t *ro;
};

static bool paths_open(struct run *r, struct paths *p)
{
    snprintf(p->d, sizeof(p->d), "/%s", r->name);
    snprintf(p->f, sizeof(p->f), "%s/f", p->d);
    snprintf(p->sub, sizeof(p->sub), "%s/d", p->d);
    snprintf(p->l, sizeof(p->l), "%s/l", p->d);
    snprintf(p->none, sizeof(p->none), "%s/none", p->d);
    snprintf(p->below, sizeof(p->below), "%s/f/below", p->d);
    NOW(0, dfs_sys_mount(r->poh, r->coh, O_RDONLY, 0, &p->ro));
    return own_open(r, &p->o);
}

static bool paths_close(struct run *r, struct paths *p)
{
    NOW(0, dfs_sys_umount(p->ro));
    return own_close(r, &p->o);
}

/* ---- Attributes ---- */

CONTRACT(dfs_sys_access)
{
    struct paths p;

    CHECK(paths_open(r, &p));
    NOW(0, dfs_sys_access(r->sys, p.l, R_OK | W_OK, 0));
    NOW(0, dfs_sys_access(r->sys, p.l, X_OK, O_NOFOLLOW));
    NOW(0, dfs_sys_access(p.ro, "/", R_OK, 0));
    NOW(EACCES, dfs_sys_access(r->sys, p.f, X_OK, 0));
    NOW(EPERM, dfs_sys_access(p.ro, p.f, W_OK, 0));
    NOW(ENOTSUP, dfs_sys_access(r->sys, p.f, R_OK, AT_EACCESS));
    NOW(ENOENT, dfs_sys_access(r->sys, p.none, F_OK, 0));
    NOW(ENOTDIR, dfs_sys_access(r->sys, p.below, F_OK, 0));
    NOW(EINVAL, dfs_sys_access(r->sys, "relative", F_OK, 0));
    NOW(EINVAL, dfs_sys_access(r->sys, NULL, F_OK, 0));
    NOW(EINVAL, dfs_sys_access(NULL, p.f, F_OK, 0));
    return paths_close(r, &p);
}

CONTRACT(dfs_sys_chmod)
{
    struct paths p;
    struct stat st;

    CHECK(paths_open(r, &p));
    NOW(ENOENT, dfs_sys_chmod(r->sys, p.none, 0600));
    NOW(ENOTSUP, dfs_sys_chmod(r->sys, p.f, S_ISVTX | 0600));
    NOW(EPERM, dfs_sys_chmod(p.ro, p.f, 0600));
    NOW(EINVAL, dfs_sys_chmod(r->sys, "relative", 0600));
    NOW(EINVAL, dfs_sys_chmod(NULL, p.f, 0600));
    NOW(0, dfs_sys_stat(r->sys, p.f, 0, &st));
    CHECK(st.st_mode == (S_IFREG | 0644));
    NOW(0, dfs_sys_chmod(r->sys, p.l, 0600));
    NOW(0, dfs_sys_stat(r->sys, p.f, 0, &st));
    CHECK(st.st_mode == (S_IFREG | 0600));
    return paths_close(r, &p);
}

CONTRACT(dfs_sys_chown)
{
    struct paths p;
    struct stat st;

    CHECK(paths_open(r, &p));
    NOW(ENOENT, dfs_sys_chown(r->sys, p.none, 7, 8, 0));
    NOW(EPERM, dfs_sys_chown(p.ro, p.f, 7, 8, 0));
    NOW(EINVAL, dfs_sys_chown(r->sys, NULL, 7, 8, 0));
    NOW(EINVAL, dfs_sys_chown(NULL, p.f, 7, 8, 0));
    NOW(0, dfs_sys_chown(r->sys, p.l, 7, (gid_t)-1, 0));
    NOW(0, dfs_sys_chown(r->sys, p.l, 9, 10, O_NOFOLLOW));
    NOW(0, dfs_sys_stat(r->sys, p.f, 0, &st));
    CHECK(st.st_uid == 7 && st.st_gid == getegid());
    NOW(0, dfs_sys_stat(r->sys, p.l, O_NOFOLLOW, &st));
    CHECK(st.st_uid == 9 && st.st_gid == 10);
    return paths_close(r, &p);
}

CONTRACT(dfs_sys_setattr)
{
    struct stat st = {.st_size = 2};
    struct paths p;

    CHECK(paths_open(r, &p));
    NOW(EINVAL, dfs_sys_setattr(r->sys, p.f, &st, 0x1000, 0));
    NOW(EINVAL, dfs_sys_setattr(r->sys, p.f, NULL, DFS_SET_ATTR_SIZE, 0));
    NOW(EINVAL, dfs_sys_setattr(NULL, p.f, &st, DFS_SET_ATTR_SIZE, 0));
    NOW(ENOENT, dfs_sys_setattr(r->sys, p.none, &st, DFS_SET_ATTR_SIZE, 0));
    NOW(EPERM, dfs_sys_setattr(p.ro, p.f, &st, DFS_SET_ATTR_SIZE, 0));
    NOW(EIO, dfs_sys_setattr(r->sys, p.sub, &st, DFS_SET_ATTR_SIZE, 0));
    CHECK(file_is(r->dfs, p.o.dir, "f", "text"));
    NOW(0, dfs_sys_setattr(r->sys, p.l, &st, DFS_SET_ATTR_SIZE, 0));
    CHECK(file_is(r->dfs, p.o.dir, "f", "te"));
    return paths_close(r, &p);
}

CONTRACT(dfs_sys_utimens)
{
    struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, {1111111111, 5}};
    struct paths p;
    struct stat st;

    CHECK(paths_open(r, &p));
    NOW(0, dfs_sys_utimens(r->sys, p.l, times, 0));
    NOW(0, dfs_sys_stat(r->sys, p.f, 0, &st));
    CHECK(st.st_mtim.tv_sec == 1111111111 && st.st_mtim.tv_nsec == 5);
    NOW(ENOENT, dfs_sys_utimens(r->sys, p.none, times, 0));
    NOW(EPERM, dfs_sys_utimens(p.ro, p.f, times, 0));
    NOW(EINVAL, dfs_sys_utimens(NULL, p.f, times, 0));
    times[1].tv_nsec = 1000000000;
    NOW(EINVAL, dfs_sys_utimens(r->sys, p.f, times, 0));
    times[1].tv_nsec = UTIME_OMIT;
    NOW(0, dfs_sys_utimens(r->sys, p.f, times, 0));
    NOW(0, dfs_sys_stat(r->sys, p.f, 0, &st));
    CHECK(st.st_mtim.tv_sec == 1111111111);
    NOW(0, dfs_sys_utimens(r->sys, p.f, NULL, 0)); /* now */
    NOW(0, dfs_sys_stat(r->sys, p.f, 0, &st));
    CHECK(st.st_mtim.tv_sec > 1111111111);
    return paths_close(r, &p);
}

CONTRACT(dfs_sys_stat)
{
    struct paths p;
    struct stat st;

    CHECK(paths_open(r, &p));
    NOW(0, dfs_sys_stat(p.ro, p.l, 0, &st));
    CHECK(S_ISREG(st.st_mode) && st.st_size == 4);
    NOW(0, dfs_sys_stat(r->sys, p.l, O_NOFOLLOW, &st));
    CHECK(S_ISLNK(st.st_mode) && st.st_size == 1);
    NOW(0, dfs_sys_stat(r->sys, "/", 0, &st));
    CHECK(S_ISDIR(st.st_mode));
    NOW(ENOENT, dfs_sys_stat(r->sys, p.none, 0, &st));
    NOW(ENOTDIR, dfs_sys_stat(r->sys, p.below, 0, &st));
    NOW(ENOTSUP, dfs_sys_stat(r->sys, p.f, 0x1, &st));
    NOW(EINVAL, dfs_sys_stat(r->sys, p.f, 0, NULL));
    NOW(EINVAL, dfs_sys_stat(r->sys, "", 0, &st));
    NOW(EINVAL, dfs_sys_stat(NULL, p.f, 0, &st));
    return paths_close(r, &p);
}

/* ---- Extended attributes ---- */

CONTRACT(dfs_sys_setxattr)
{
    daos_size_t size = 8;
    struct paths p;
    char out[8] = "";

    CHECK(paths_open(r, &p));
    NOW(ENOENT, dfs_sys_setxattr(r->sys, p.f, "x", "one", 3, XATTR_REPLACE, 0));
    NOW(0, dfs_sys_setxattr(r->sys, p.l, "x", "one", 3, XATTR_CREATE, 0));
    NOW(EEXIST, dfs_sys_setxattr(r->sys, p.f, "x", "two", 3, XATTR_CREATE, 0));
    NOW(ENOENT, dfs_sys_setxattr(r->sys, p.none, "x", "two", 3, 0, 0));
    NOW(EPERM, dfs_sys_setxattr(p.ro, p.f, "x", "two", 3, 0, 0));
    NOW(EINVAL, dfs_sys_setxattr(r->sys, p.f, NULL, "two", 3, 0, 0));
    NOW(EINVAL, dfs_sys_setxattr(r->sys, p.f, name_too_long(), "two", 3, 0, 0));
    NOW(EINVAL, dfs_sys_setxattr(NULL, p.f, "x", "two", 3, 0, 0));
    NOW(0, dfs_sys_getxattr(r->sys, p.f, "x", out, &size, 0));
    CHECK(size == 3 && strcmp(out, "one") == 0);
    return paths_close(r, &p);
}

CONTRACT(dfs_sys_getxattr)
{
    daos_size_t size = 0;
    struct paths p;
    char out[8] = "";

    CHECK(paths_open(r, &p));
    NOW(0, dfs_sys_setxattr(r->sys, p.f, "x", "value", 5, 0, 0));
    NOW(0, dfs_sys_getxattr(p.ro, p.l, "x", NULL, &size, 0));
    CHECK(size == 5);
    size = 3;
    NOW(E2BIG, dfs_sys_getxattr(r->sys, p.f, "x", out, &size, 0));
    size = sizeof(out);
    NOW(ENODATA, dfs_sys_getxattr(r->sys, p.l, "x", out, &size, O_NOFOLLOW));
    NOW(ENOENT, dfs_sys_getxattr(r->sys, p.none, "x", out, &size, 0));
    NOW(EINVAL, dfs_sys_getxattr(r->sys, p.f, NULL, out, &size, 0));
    NOW(EINVAL, dfs_sys_getxattr(NULL, p.f, "x", out, &size, 0));
    NOW(0, dfs_sys_getxattr(r->sys, p.f, "x", out, &size, 0));
    CHECK(size == 5 && strcmp(out, "value") == 0);
    return paths_close(r, &p);
}

CONTRACT(dfs_sys_removexattr)
{
    daos_size_t size = 0;
    struct paths p;

    CHECK(paths_open(r, &p));
    NOW(0, dfs_sys_setxattr(r->sys, p.f, "x", "value", 5, 0, 0));
    NOW(ENOENT, dfs_sys_removexattr(r->sys, p.f, "none", 0));
    NOW(ENOENT, dfs_sys_removexattr(r->sys, p.none, "x", 0));
    NOW(EPERM, dfs_sys_removexattr(p.ro, p.f, "x", 0));
    NOW(EINVAL, dfs_sys_removexattr(r->sys, p.f, NULL, 0));
    NOW(EINVAL, dfs_sys_removexattr(NULL, p.f, "x", 0));
    NOW(0, dfs_sys_getxattr(r->sys, p.f, "x", NULL, &size, 0));
    NOW(0, dfs_sys_removexattr(r->sys, p.l, "x", 0));
    NOW(ENODATA, dfs_sys_getxattr(r->sys, p.f, "x", NULL, &size, 0));
    return paths_close(r, &p);
}

CONTRACT(dfs_sys_listxattr)
{
    daos_size_t size = 0;
    struct paths p;
    char list[8] = "";

    CHECK(paths_open(r, &p));
    NOW(0, dfs_sys_setxattr(r->sys, p.f, "one", "v", 1, 0, 0));
    NOW(0, dfs_sys_listxattr(p.ro, p.l, NULL, &size, 0));
    CHECK(size == 4);
    size = sizeof(list);
    NOW(0, dfs_sys_listxattr(r->sys, p.f, list, &size, 0));
    CHECK(size == 4 && strcmp(list, "one") == 0);
    NOW(ENOENT, dfs_sys_listxattr(r->sys, p.none, list, &size, 0));
    NOW(EINVAL, dfs_sys_listxattr(r->sys, p.f, list, NULL, 0));
    NOW(EINVAL, dfs_sys_listxattr(NULL, p.f, list, &size, 0));
    return paths_close(r, &p);
}

/* ---- Names ---- */

CONTRACT(dfs_sys_mknod)
{
    struct paths p;
    struct stat st;

    CHECK(paths_open(r, &p));
    NOW(EEXIST, dfs_sys_mknod(r->sys, p.f, S_IFREG | 0600, 0, 0));
    NOW(ENOTDIR, dfs_sys_mknod(r->sys, p.below, S_IFREG | 0600, 0, 0));
    NOW(EPERM, dfs_sys_mknod(p.ro, p.none, S_IFREG | 0600, 0, 0));
    NOW(EINVAL, dfs_sys_mknod(r->sys, p.none, S_IFIFO | 0600, 0, 0));
    NOW(EINVAL, dfs_sys_mknod(r->sys, NULL, S_IFREG | 0600, 0, 0));
    NOW(EINVAL, dfs_sys_mknod(NULL, p.none, S_IFREG | 0600, 0, 0));
    CHECK(!there(r->dfs, p.o.dir, "none"));
    NOW(0, dfs_sys_mknod(r->sys, p.none, S_IFREG | 0600, OC_S1, 8192));
    NOW(0, dfs_sys_stat(r->sys, p.none, 0, &st));
    CHECK(st.st_mode == (S_IFREG | 0600) && st.st_blksize == 8192);
    return paths_close(r, &p);
}

CONTRACT(dfs_sys_readlink)
{
    daos_size_t size = 0;
    struct paths p;
    char buf[8] = "";

    CHECK(paths_open(r, &p));
    NOW(0, dfs_sys_readlink(p.ro, p.l, NULL, &size));
    CHECK(size == 2);
    size = sizeof(buf);
    NOW(0, dfs_sys_readlink(r->sys, p.l, buf, &size));
    CHECK(strcmp(buf, "f") == 0);
    NOW(EINVAL, dfs_sys_readlink(r->sys, p.f, buf, &size));
    NOW(ENOENT, dfs_sys_readlink(r->sys, p.none, buf, &size));
    NOW(EINVAL, dfs_sys_readlink(r->sys, p.l, buf, NULL));
    NOW(EINVAL, dfs_sys_readlink(NULL, p.l, buf, &size));
    return paths_close(r, &p);
}

CONTRACT(dfs_sys_symlink)
{
    struct paths p;
    struct stat st;

    CHECK(paths_open(r, &p));
    NOW(EEXIST, dfs_sys_symlink(r->sys, "f", p.l));
    NOW(EEXIST, dfs_sys_symlink(r->sys, "d", p.f));
    NOW(ENOTDIR, dfs_sys_symlink(r->sys, "f", p.below));
    NOW(EPERM, dfs_sys_symlink(p.ro, "f", p.none));
    NOW(EINVAL, dfs_sys_symlink(r->sys, NULL, p.none));
    NOW(EINVAL, dfs_sys_symlink(r->sys, "f", NULL));
    NOW(EINVAL, dfs_sys_symlink(NULL, "f", p.none));
    CHECK(!there(r->dfs, p.o.dir, "none"));
    NOW(0, dfs_sys_symlink(r->sys, "f", p.none));
    NOW(0, dfs_sys_stat(r->sys, p.none, 0, &st));
    CHECK(S_ISREG(st.st_mode) && st.st_size == 4);
    return paths_close(r, &p);
}

CONTRACT(dfs_sys_mkdir)
{
    struct paths p;
    struct stat st;

    CHECK(paths_open(r, &p));
    NOW(EEXIST, dfs_sys_mkdir(r->sys, p.sub, 0700, 0));
    NOW(EEXIST, dfs_sys_mkdir(r->sys, "/", 0700, 0));
    NOW(ENOTDIR, dfs_sys_mkdir(r->sys, p.below, 0700, 0));
    NOW(EPERM, dfs_sys_mkdir(p.ro, p.none, 0700, 0));
    NOW(EINVAL, dfs_sys_mkdir(r->sys, NULL, 0700, 0));
    NOW(EINVAL, dfs_sys_mkdir(NULL, p.none, 0700, 0));
    NOW(ENOENT, dfs_sys_mkdir(r->sys, "/nosuchdir/d", 0700, 0));
    CHECK(!there(r->dfs, p.o.dir, "none"));
    NOW(0, dfs_sys_mkdir(r->sys, p.none, 0700, OC_S1));
    NOW(0, dfs_sys_stat(r->sys, p.none, 0, &st));
    CHECK(st.st_mode == (S_IFDIR | 0700));
    return paths_close(r, &p);
}

CONTRACT(dfs_sys_mkdir_p)
{
    char deep[64];
    struct paths p;
    struct stat st;

    CHECK(paths_open(r, &p));
    snprintf(deep, sizeof(deep), "%s/a//b/", p.none);
    NOW(0, dfs_sys_mkdir_p(r->sys, deep, 0700, 0));
    NOW(0, dfs_sys_stat(r->sys, deep, 0, &st));
    CHECK(st.st_mode == (S_IFDIR | 0700));
    NOW(0, dfs_sys_mkdir_p(r->sys, deep, 0755, 0)); /* it is there */
    NOW(EEXIST, dfs_sys_mkdir_p(r->sys, p.f, 0700, 0));
    NOW(ENOTDIR, dfs_sys_mkdir_p(r->sys, p.below, 0700, 0));
    snprintf(deep, sizeof(deep), "%s/more", p.sub);
    NOW(EPERM, dfs_sys_mkdir_p(p.ro, deep, 0700, 0));
    NOW(EINVAL, dfs_sys_mkdir_p(r->sys, NULL, 0700, 0));
    NOW(EINVAL, dfs_sys_mkdir_p(NULL, deep, 0700, 0));
    return paths_close(r, &p);
}

CONTRACT(dfs_sys_remove)
{
    daos_obj_id_t oid, was;
    dfs_sys_t *plain;
    struct paths p;

    CHECK(paths_open(r, &p));
    fs_text(r->dfs, p.o.sub, "inside", "text");
    NOW(ENOTSUP, dfs_sys_remove(r->sys, p.sub, true, NULL)); /* with a cache */
    NOW(ENOTEMPTY, dfs_sys_remove(r->sys, p.sub, false, NULL));
    NOW(EBUSY, dfs_sys_remove(r->sys, "/", false, NULL));
    NOW(ENOENT, dfs_sys_remove(r->sys, p.none, false, NULL));
    NOW(ENOTDIR, dfs_sys_remove(r->sys, p.below, false, NULL));
    NOW(EPERM, dfs_sys_remove(p.ro, p.f, false, NULL));
    NOW(EINVAL, dfs_sys_remove(r->sys, NULL, false, NULL));
    NOW(EINVAL, dfs_sys_remove(NULL, p.f, false, NULL));
    CHECK(file_is(r->dfs, p.o.dir, "f", "text") && file_is(r->dfs, p.o.sub, "inside", "text"));
    NOW(0, dfs_obj2id(p.o.file, &was));
    NOW(0, dfs_sys_remove(r->sys, p.f, false, &oid));
    CHECK(memcmp(&oid, &was, sizeof(oid)) == 0 && !there(r->dfs, p.o.dir, "f"));
    NOW(0, dfs_sys_mount(r->poh, r->coh, O_RDWR, DFS_SYS_NO_CACHE, &plain));
    NOW(0, dfs_sys_remove(plain, p.sub, true, NULL));
    NOW(0, dfs_sys_umount(plain));
    CHECK(!there(r->dfs, p.o.dir, "d"));
    return paths_close(r, &p);
}

CONTRACT(dfs_sys_remove_type)
{
    struct paths p;

    CHECK(paths_open(r, &p));
    NOW(EINVAL, dfs_sys_remove_type(r->sys, p.f, false, S_IFDIR, NULL));
    NOW(EINVAL, dfs_sys_remove_type(r->sys, p.f, false, 0, NULL));
    NOW(EINVAL, dfs_sys_remove_type(r->sys, p.sub, false, S_IFREG, NULL));
    NOW(EINVAL, dfs_sys_remove_type(NULL, p.f, false, S_IFREG, NULL));
    NOW(ENOTSUP, dfs_sys_remove_type(r->sys, p.sub, true, S_IFDIR, NULL));
    NOW(ENOENT, dfs_sys_remove_type(r->sys, p.none, false, S_IFREG, NULL));
    NOW(EPERM, dfs_sys_remove_type(p.ro, p.f, false, S_IFREG, NULL));
    CHECK(there(r->dfs, p.o.dir, "f") && there(r->dfs, p.o.dir, "d"));
    NOW(0, dfs_sys_remove_type(r->sys, p.f, false, S_IFREG, NULL));
    NOW(0, dfs_sys_remove_type(r->sys, p.l, false, S_IFLNK, NULL));
    NOW(0, dfs_sys_remove_type(r->sys, p.sub, false, S_IFDIR, NULL));
    CHECK(!there(r->dfs, p.o.dir, "f") && !there(r->dfs, p.o.dir, "d"));
    return paths_close(r, &p);
}

/* ---- Files ---- */

CONTRACT(dfs_sys_open)
{
    dfs_obj_t *obj = NULL;
    struct paths p;
    mode_t mode;

    CHECK(paths_open(r, &p));
    NOW(EEXIST, dfs_sys_open(r->sys, p.f, S_IFREG, O_RDWR | O_CREAT | O_EXCL, 0, 0, NULL, &obj));
    NOW(ENOENT, dfs_sys_open(r->sys, p.none, S_IFREG, O_RDWR, 0, 0, NULL, &obj));
    NOW(ENOTDIR, dfs_sys_open(r->sys, p.below, S_IFREG, O_RDWR, 0, 0, NULL, &obj));
    NOW(ENOTDIR, dfs_sys_open(r->sys, p.f, S_IFDIR, O_RDWR, 0, 0, NULL, &obj));
    NOW(EINVAL, dfs_sys_open(r->sys, p.sub, S_IFREG, O_RDWR, 0, 0, NULL, &obj));
    NOW(EPERM, dfs_sys_open(p.ro, p.f, S_IFREG, O_RDWR, 0, 0, NULL, &obj));
    NOW(EINVAL, dfs_sys_open(r->sys, NULL, S_IFREG, O_RDWR, 0, 0, NULL, &obj));
    NOW(EINVAL, dfs_sys_open(r->sys, p.f, S_IFREG, O_RDWR, 0, 0, NULL, NULL));
    NOW(EINVAL, dfs_sys_open(NULL, p.f, S_IFREG, O_RDWR, 0, 0, NULL, &obj));
    CHECK(obj == NULL);
    NOW(0, dfs_sys_open(r->sys, p.l, 0, O_RDWR, 0, 0, NULL, &obj)); /* whatever is there */
    NOW(0, dfs_get_mode(obj, &mode));
    CHECK(S_ISREG(mode));
    NOW(0, dfs_sys_close(obj));
    NOW(0, dfs_sys_open(r->sys, p.none, 0600, O_RDWR | O_CREAT, 0, 0, NULL, &obj));
    NOW(0, dfs_sys_close(obj));
    CHECK(there(r->dfs, p.o.dir, "none"));
    return paths_close(r, &p);
}

CONTRACT(dfs_sys_close)
{
    dfs_obj_t *obj;

    NOW(0, dfs_sys_open(r->sys, "/shared", S_IFREG, O_RDONLY, 0, 0, NULL, &obj));
    NOW(0, dfs_sys_close(obj));
    NOW(EINVAL, dfs_sys_close(NULL));
    return true;
}

CONTRACT(dfs_sys_write)
{
    daos_size_t size = 5;
    dfs_obj_t *ro;
    struct paths p;

    CHECK(paths_open(r, &p));
    GIVES(0, dfs_sys_write(r->sys, p.o.file, "ed it", 3, &size, ev(r)));
    CHECK(size == 5 && file_is(r->dfs, p.o.dir, "f", "texed it"));
    NOW(0, dfs_sys_open(r->sys, p.f, S_IFREG, O_RDONLY, 0, 0, NULL, &ro));
    GIVES(EPERM, dfs_sys_write(r->sys, ro, "none", 0, &size, ev(r)));
    NOW(0, dfs_sys_close(ro));
    size = 5;
    GIVES(EINVAL, dfs_sys_write(r->sys, p.o.file, NULL, 0, &size, ev(r)));
    GIVES(EINVAL, dfs_sys_write(r->sys, p.o.file, "none", 0, NULL, ev(r)));
    GIVES(EINVAL, dfs_sys_write(r->sys, NULL, "none", 0, &size, ev(r)));
    GIVES(EINVAL, dfs_sys_write(r->sys, p.o.sub, "none", 0, &size, ev(r)));
    GIVES(EINVAL, dfs_sys_write(NULL, p.o.file, "none", 0, &size, ev(r)));
    CHECK(file_is(r->dfs, p.o.dir, "f", "texed it"));
    return paths_close(r, &p);
}

CONTRACT(dfs_sys_read)
{
    char in[16] = "";
    daos_size_t size = sizeof(in);
    dfs_obj_t *wo;
    struct paths p;

    CHECK(paths_open(r, &p));
    GIVES(0, dfs_sys_read(p.ro, p.o.ro_file, in, 1, &size, ev(r)));
    CHECK(size == 3 && strcmp(in, "ext") == 0);
    size = 2;
    GIVES(0, dfs_sys_read(r->sys, p.o.file, in, 0, &size, ev(r)));
    CHECK(size == 2 && strcmp(in, "tet") == 0);
    size = 8;
    NOW(0, dfs_sys_open(r->sys, p.f, S_IFREG, O_WRONLY, 0, 0, NULL, &wo));
    GIVES(EPERM, dfs_sys_read(r->sys, wo, in, 0, &size, ev(r)));
    NOW(0, dfs_sys_close(wo));
    size = 8;
    GIVES(EINVAL, dfs_sys_read(r->sys, p.o.file, NULL, 0, &size, ev(r)));
    GIVES(EINVAL, dfs_sys_read(r->sys, p.o.file, in, 0, NULL, ev(r)));
    GIVES(EINVAL, dfs_sys_read(r->sys, NULL, in, 0, &size, ev(r)));
    GIVES(EINVAL, dfs_sys_read(r->sys, p.o.sub, in, 0, &size, ev(r)));
    GIVES(EINVAL, dfs_sys_read(NULL, p.o.file, in, 0, &size, ev(r)));
    return paths_close(r, &p);
}

CONTRACT(dfs_sys_punch)
{
    struct paths p;

    CHECK(paths_open(r, &p));
    NOW(ENOENT, dfs_sys_punch(r->sys, p.none, 0, 1));
    NOW(EPERM, dfs_sys_punch(p.ro, p.f, 0, 1));
    NOW(EINVAL, dfs_sys_punch(r->sys, p.sub, 0, 1));
    NOW(EINVAL, dfs_sys_punch(r->sys, NULL, 0, 1));
    NOW(EINVAL, dfs_sys_punch(NULL, p.f, 0, 1));
    CHECK(file_is(r->dfs, p.o.dir, "f", "text"));
    NOW(0, dfs_sys_punch(r->sys, p.l, 3, (daos_off_t)DFS_MAX_FSIZE));
    CHECK(file_is(r->dfs, p.o.dir, "f", "tex"));
    return paths_close(r, &p);
}

/* ---- Directories ---- */

CONTRACT(dfs_sys_opendir)
{
    DIR *dirp = NULL;
    struct paths p;

    CHECK(paths_open(r, &p));
    NOW(0, dfs_sys_opendir(p.ro, p.d, 0, &dirp));
    NOW(0, dfs_sys_closedir(dirp));
    dirp = NULL;
    NOW(ENOTDIR, dfs_sys_opendir(r->sys, p.f, 0, &dirp));
    NOW(ENOENT, dfs_sys_opendir(r->sys, p.none, 0, &dirp));
    NOW(EINVAL, dfs_sys_opendir(r->sys, NULL, 0, &dirp));
    NOW(EINVAL, dfs_sys_opendir(r->sys, p.d, 0, NULL));
    NOW(EINVAL, dfs_sys_opendir(NULL, p.d, 0, &dirp));
    CHECK(dirp == NULL);
    return paths_close(r, &p);
}

CONTRACT(dfs_sys_closedir)
{
    DIR *dirp;

    NOW(0, dfs_sys_opendir(r->sys, "/", 0, &dirp));
    NOW(0, dfs_sys_closedir(dirp));
    NOW(EINVAL, dfs_sys_closedir(NULL));
    return true;
}

CONTRACT(dfs_sys_readdir)
{
    struct dirent *ent = NULL;
    int seen = 0;
    struct paths p;
    DIR *dirp;

    CHECK(paths_open(r, &p));
    NOW(0, dfs_sys_opendir(r->sys, p.d, 0, &dirp));
    do {
        NOW(0, dfs_sys_readdir(r->sys, dirp, &ent));
        if (ent != NULL)
            CHECK(strlen(ent->d_name) == 1 && strchr("fdl", ent->d_name[0]) != NULL);
        seen++;
    } while (ent != NULL && seen < 10);
    CHECK(seen == 4);
    NOW(EINVAL, dfs_sys_readdir(r->sys, NULL, &ent));
    NOW(EINVAL, dfs_sys_readdir(r->sys, dirp, NULL));
    NOW(EINVAL, dfs_sys_readdir(NULL, dirp, &ent));
    NOW(0, dfs_sys_closedir(dirp));
    return paths_close(r, &p);
}

#define STORIES(X)                                                                                 \
    X(dfs_sys_access)                                                                              \
    X(dfs_sys_chmod)                                                                               \
    X(dfs_sys_chown)                                                                               \
    X(dfs_sys_setattr)                                                                             \
    X(dfs_sys_utimens)                                                                             \
    X(dfs_sys_stat)                                                                                \
    X(dfs_sys_setxattr)                                                                            \
    X(dfs_sys_getxattr)                                                                            \
    X(dfs_sys_removexattr)                                                                         \
    X(dfs_sys_listxattr)                                                                           \
    X(dfs_sys_mknod)                                                                               \
    X(dfs_sys_readlink)                                                                            \
    X(dfs_sys_symlink)                                                                             \
    X(dfs_sys_mkdir)                                                                               \
    X(dfs_sys_mkdir_p)                                                                             \
    X(dfs_sys_remove)                                                                              \
    X(dfs_sys_remove_type)                                                                         \
    X(dfs_sys_open)                                                                                \
    X(dfs_sys_close)                                                                               \
    X(dfs_sys_write)                                                                               \
    X(dfs_sys_read)                                                                                \
    X(dfs_sys_punch)                                                                               \
    X(dfs_sys_opendir)                                                                             \
    X(dfs_sys_closedir)                                                                            \
    X(dfs_sys_readdir)

CONTRACT_MAIN(STORIES, fs_stage, fs_setup)
