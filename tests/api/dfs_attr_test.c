/* Attributes: what stat tells, when times move, modes, owners, access, defaults, extended
 * attributes. */
#include <grp.h>
#include "dfs_api.h"

static struct stat st_of(dfs_t *dfs, dfs_obj_t *dir, const char *name)
{
    struct stat st;

    OK(dfs_stat(dfs, dir, name, &st));
    return st;
}

static bool later(struct timespec a, struct timespec b)
{
    return a.tv_sec > b.tv_sec || (a.tv_sec == b.tv_sec && a.tv_nsec > b.tv_nsec);
}

static bool same(struct timespec a, struct timespec b)
{
    return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

static void what_stat_tells(void **state)
{
    dfs_t *dfs = fs_mount(*state, O_RDWR);
    dfs_obj_t *f;
    char data[1000] = {0};
    struct stat st;

    OK(dfs_open(dfs, NULL, "f", S_IFREG | 0641, O_CREAT | O_RDWR, 0, 8192, NULL, &f));
    OK(fs_write(dfs, f, data, sizeof(data), 0));
    st = st_of(dfs, NULL, "f");
    assert_int_equal(st.st_mode, S_IFREG | 0641);
    assert_int_equal(st.st_size, 1000);
    assert_int_equal(st.st_blocks, 2);
    assert_int_equal(st.st_blksize, 8192);
    assert_int_equal(st.st_nlink, 1);
    assert_int_equal(st.st_uid, geteuid());
    assert_int_equal(st.st_gid, getegid());
    OK(dfs_ostat(dfs, f, &st));
    assert_int_equal(st.st_size, 1000);
    OK(dfs_release(f));

    OK(dfs_stat(dfs, NULL, NULL, &st)); /* the root */
    assert_true(S_ISDIR(st.st_mode));
    OK(dfs_mkdir(dfs, NULL, "d", 0750, 0));
    st = st_of(dfs, NULL, "d");
    assert_int_equal(st.st_mode, S_IFDIR | 0750);
    OK(dfs_lookup(dfs, "/d", O_RDONLY, &f, NULL, NULL));
    OK(dfs_stat(dfs, f, NULL, &st)); /* the parent itself */
    assert_int_equal(st.st_mode, S_IFDIR | 0750);
    OK(dfs_release(f));
    fs_link(dfs, NULL, "l", "f");
    st = st_of(dfs, NULL, "l");
    assert_int_equal(st.st_mode, S_IFLNK | 0777);
    assert_int_equal(st.st_size, 1);

    IS(ENOENT, dfs_stat(dfs, NULL, "x", &st));
    IS(EINVAL, dfs_stat(dfs, NULL, "f", NULL));
    IS(EINVAL, dfs_stat(NULL, NULL, "f", &st));
    OK(dfs_lookup(dfs, "/f", O_RDONLY, &f, NULL, NULL));
    IS(ENOTDIR, dfs_stat(dfs, f, "x", &st));
    IS(EINVAL, dfs_ostat(dfs, NULL, &st));
    /* its name now stands for something else */
    OK(dfs_remove(dfs, NULL, "f", false, NULL));
    IS(ENOENT, dfs_ostat(dfs, f, &st));
    fs_text(dfs, NULL, "f", "other");
    IS(ENOENT, dfs_ostat(dfs, f, &st));
    OK(dfs_release(f));
    OK(dfs_umount(dfs));
}

static void times(void **state)
{
    dfs_t *dfs = fs_mount(*state, O_RDWR);
    dfs_obj_t *d = fs_dir(dfs, NULL, "d"), *f;
    struct stat a, b, set = {0};

    OK(dfs_open(dfs, d, "f", S_IFREG | 0644, O_CREAT | O_RDWR, 0, 0, NULL, &f));
    a = st_of(dfs, d, "f");
    OK(fs_write(dfs, f, "x", 1, 0));
    b = st_of(dfs, d, "f");
    assert_true(later(b.st_mtim, a.st_mtim)); /* data: both times */
    assert_true(same(b.st_ctim, b.st_mtim));
    assert_false(later(b.st_mtim, b.st_atim));

    OK(dfs_chmod(dfs, d, "f", 0600));
    a = st_of(dfs, d, "f");
    assert_true(same(a.st_mtim, b.st_mtim)); /* mode: only ctime */
    assert_true(later(a.st_ctim, b.st_ctim));

    set.st_mtim = (struct timespec){1234567890, 987654321};
    OK(dfs_osetattr(dfs, f, &set, DFS_SET_ATTR_MTIME | DFS_SET_ATTR_ATIME));
    assert_int_equal(set.st_mtim.tv_sec, 1234567890); /* shows the result */
    assert_int_equal(set.st_size, 1);
    b = st_of(dfs, d, "f");
    assert_int_equal(b.st_mtim.tv_sec, 1234567890);
    assert_int_equal(b.st_mtim.tv_nsec, 987654321);
    assert_true(later(b.st_ctim, a.st_ctim));
    OK(dfs_chmod(dfs, d, "f", 0640)); /* a set time outlives other changes */
    OK(dfs_setxattr(dfs, f, "user.a", "1", 1, 0));
    assert_int_equal(st_of(dfs, d, "f").st_mtim.tv_sec, 1234567890);
    OK(fs_write(dfs, f, "y", 1, 0)); /* until data changes */
    a = st_of(dfs, d, "f");
    assert_true(later(a.st_mtim, b.st_ctim));
    OK(dfs_punch(dfs, f, 100, DFS_MAX_FSIZE));
    b = st_of(dfs, d, "f");
    assert_true(later(b.st_mtim, a.st_mtim));
    OK(dfs_setxattr(dfs, f, "user.a", "2", 1, 0));
    a = st_of(dfs, d, "f");
    assert_true(same(a.st_mtim, b.st_mtim) && later(a.st_ctim, b.st_ctim));
    OK(dfs_removexattr(dfs, f, "user.a"));
    b = st_of(dfs, d, "f");
    assert_true(same(a.st_mtim, b.st_mtim) && later(b.st_ctim, a.st_ctim));
    OK(dfs_release(f));

    /* a directory's names are its data */
    a = st_of(dfs, NULL, "d");
    fs_text(dfs, d, "g", "g");
    b = st_of(dfs, NULL, "d");
    assert_true(later(b.st_mtim, a.st_mtim));
    OK(dfs_remove(dfs, d, "g", false, NULL));
    a = st_of(dfs, NULL, "d");
    assert_true(later(a.st_mtim, b.st_mtim));
    OK(dfs_move(dfs, d, "f", d, "h", NULL));
    assert_true(later(st_of(dfs, NULL, "d").st_mtim, a.st_mtim));
    /* times before 1970 are times too */
    OK(dfs_lookup(dfs, "/d/h", O_RDWR, &f, NULL, NULL));
    set.st_mtim = (struct timespec){-5, 1};
    OK(dfs_osetattr(dfs, f, &set, DFS_SET_ATTR_MTIME));
    assert_int_equal(st_of(dfs, d, "h").st_mtim.tv_sec, -5);
    OK(dfs_release(f));
    OK(dfs_release(d));
    OK(dfs_umount(dfs));
}

static void setting(void **state)
{
    dfs_t *dfs = fs_mount(*state, O_RDWR);
    dfs_obj_t *d = fs_dir(dfs, NULL, "d"), *f, *l;
    struct stat st = {0};

    fs_text(dfs, NULL, "f", "hello");
    fs_link(dfs, NULL, "l", "f");
    OK(dfs_lookup(dfs, "/f", O_RDWR, &f, NULL, NULL));
    st = (struct stat){.st_size = 3, .st_mode = S_IFREG | 0600, .st_uid = 12, .st_gid = 34};
    OK(dfs_osetattr(dfs, f, &st,
                    DFS_SET_ATTR_SIZE | DFS_SET_ATTR_MODE | DFS_SET_ATTR_UID | DFS_SET_ATTR_GID));
    st = st_of(dfs, NULL, "f");
    assert_true(st.st_size == 3 && st.st_mode == (S_IFREG | 0600) && st.st_uid == 12 &&
                st.st_gid == 34);
    SHOWS("hel", dfs, NULL, "f");
    IS(EINVAL, dfs_osetattr(dfs, f, &st, 1 << 20));
    IS(EINVAL, dfs_osetattr(dfs, f, NULL, DFS_SET_ATTR_MODE));
    IS(EINVAL, dfs_osetattr(dfs, NULL, &st, DFS_SET_ATTR_MODE));
    st.st_mode = S_IFDIR | 0700;
    IS(EINVAL, dfs_osetattr(dfs, f, &st, DFS_SET_ATTR_MODE));
    st.st_mode = S_ISVTX | 0700;
    IS(ENOTSUP, dfs_osetattr(dfs, f, &st, DFS_SET_ATTR_MODE));
    IS(EIO, dfs_osetattr(dfs, d, &st, DFS_SET_ATTR_SIZE));
    OK(dfs_release(f));

    OK(dfs_chmod(dfs, NULL, "l", 0751)); /* through the link */
    assert_int_equal(st_of(dfs, NULL, "f").st_mode, S_IFREG | 0751);
    assert_int_equal(st_of(dfs, NULL, "l").st_mode, S_IFLNK | 0777);
    OK(dfs_chown(dfs, NULL, "l", 55, (gid_t)-1, 0));
    assert_int_equal(st_of(dfs, NULL, "f").st_uid, 55);
    assert_int_equal(st_of(dfs, NULL, "f").st_gid, 34);
    OK(dfs_chown(dfs, NULL, "l", 66, 77, O_NOFOLLOW));
    assert_int_equal(st_of(dfs, NULL, "f").st_uid, 55);
    assert_int_equal(st_of(dfs, NULL, "l").st_uid, 66);
    assert_int_equal(st_of(dfs, NULL, "l").st_gid, 77);
    SHOWS("-> f", dfs, NULL, "l");
    OK(dfs_chown(dfs, NULL, "f", (uid_t)-1, (gid_t)-1, 0));
    OK(dfs_chmod(dfs, NULL, "d", 0700));
    assert_int_equal(st_of(dfs, NULL, "d").st_mode, S_IFDIR | 0700);
    OK(dfs_chmod(dfs, NULL, NULL, 0711)); /* the root */
    OK(dfs_stat(dfs, NULL, NULL, &st));
    assert_int_equal(st.st_mode, S_IFDIR | 0711);
    IS(ENOTSUP, dfs_chmod(dfs, NULL, "f", S_ISVTX | 0700));
    IS(ENOENT, dfs_chmod(dfs, NULL, "x", 0700));
    IS(ENOENT, dfs_chown(dfs, NULL, "x", 1, 1, 0));
    OK(dfs_lookup(dfs, "/l", O_RDWR | O_NOFOLLOW, &l, NULL, NULL));
    st.st_mode = 0700;
    IS(ENOTSUP, dfs_osetattr(dfs, l, &st, DFS_SET_ATTR_MODE));
    OK(dfs_release(l));
    OK(dfs_release(d));
    OK(dfs_umount(dfs));
}

static void access_by_mode(void **state)
{
    struct api *a = *state;
    dfs_t *dfs = fs_mount(a, O_RDWR), *ro = fs_mount(a, O_RDONLY);
    bool root = getuid() == 0;

    fs_text(dfs, NULL, "f", "");
    fs_link(dfs, NULL, "l", "f");
    fs_link(dfs, NULL, "gone", "nowhere");
    OK(dfs_access(dfs, NULL, "f", F_OK));
    OK(dfs_access(dfs, NULL, "f", R_OK | W_OK));
    IS(EACCES, dfs_access(dfs, NULL, "f", X_OK));
    IS(EACCES, dfs_access(dfs, NULL, "l", X_OK)); /* of the target, not of the link */
    OK(dfs_chmod(dfs, NULL, "f", 0001));          /* any class the caller is in may grant */
    OK(dfs_access(dfs, NULL, "f", X_OK));
    if (!root)
        IS(EACCES, dfs_access(dfs, NULL, "f", R_OK));
    OK(dfs_chmod(dfs, NULL, "f", 0600));
    OK(dfs_chown(dfs, NULL, "f", geteuid() + 1, getegid() + 12345, 0));
    assert_int_equal(dfs_access(dfs, NULL, "f", R_OK), root ? 0 : EACCES);
    OK(dfs_access(dfs, NULL, NULL, R_OK | X_OK));
    IS(ENOENT, dfs_access(dfs, NULL, "x", F_OK));
    IS(ENOENT, dfs_access(dfs, NULL, "gone", F_OK));
    IS(EINVAL, dfs_access(dfs, NULL, "f", 64));
    IS(EINVAL, dfs_access(NULL, NULL, "f", F_OK));
    IS(EPERM, dfs_access(ro, NULL, "l", W_OK));
    OK(dfs_access(ro, NULL, "l", F_OK));
    OK(dfs_umount(ro));
    OK(dfs_umount(dfs));
}

static void xattrs_of(dfs_t *dfs, dfs_obj_t *obj)
{
    char value[16], list[64], name[300];
    char *big = malloc(DFS_MAX_XATTR_LEN + 1), *back = malloc(DFS_MAX_XATTR_LEN);
    daos_size_t size;

    size = 0;
    OK(dfs_listxattr(dfs, obj, NULL, &size));
    assert_int_equal(size, 0);
    size = sizeof(value);
    IS(ENODATA, dfs_getxattr(dfs, obj, "user.a", value, &size));
    IS(ENOENT, dfs_removexattr(dfs, obj, "user.a"));
    IS(ENOENT, dfs_setxattr(dfs, obj, "user.a", "x", 1, XATTR_REPLACE));
    OK(dfs_setxattr(dfs, obj, "user.a", "one", 3, XATTR_CREATE));
    IS(EEXIST, dfs_setxattr(dfs, obj, "user.a", "two", 3, XATTR_CREATE));
    size = sizeof(value);
    OK(dfs_getxattr(dfs, obj, "user.a", value, &size));
    assert_int_equal(size, 3);
    assert_memory_equal(value, "one", 3);
    OK(dfs_setxattr(dfs, obj, "user.a", "longer", 6, XATTR_REPLACE));
    OK(dfs_setxattr(dfs, obj, "user.a", "2", 1, 0)); /* shorter again */
    size = 0;                                        /* two ways to ask for the size */
    OK(dfs_getxattr(dfs, obj, "user.a", value, &size));
    assert_int_equal(size, 1);
    size = 99;
    OK(dfs_getxattr(dfs, obj, "user.a", NULL, &size));
    assert_int_equal(size, 1);
    OK(dfs_setxattr(dfs, obj, "user.a", "12345", 5, 0));
    size = 4;
    IS(E2BIG, dfs_getxattr(dfs, obj, "user.a", value, &size));
    assert_int_equal(size, 5);
    size = 5;
    OK(dfs_getxattr(dfs, obj, "user.a", value, &size));
    assert_int_equal(size, 5);

    OK(dfs_setxattr(dfs, obj, "user.empty", "", 0, 0));
    size = sizeof(value);
    OK(dfs_getxattr(dfs, obj, "user.empty", value, &size));
    assert_int_equal(size, 0);

    size = 0;
    OK(dfs_listxattr(dfs, obj, NULL, &size));
    assert_int_equal(size, sizeof("user.a") + sizeof("user.empty"));
    memset(list, '#', sizeof(list));
    OK(dfs_listxattr(dfs, obj, list, &size));
    assert_true(memcmp(list, "user.a\0user.empty", size) == 0 ||
                memcmp(list, "user.empty\0user.a", size) == 0);
    assert_int_equal(list[size], '#');
    size = 12; /* what does not fit is left out; the size tells */
    memset(list, '#', sizeof(list));
    OK(dfs_listxattr(dfs, obj, list, &size));
    assert_int_equal(size, sizeof("user.a") + sizeof("user.empty"));
    assert_int_equal(list[12], '#');

    memset(big, 'v', DFS_MAX_XATTR_LEN + 1);
    OK(dfs_setxattr(dfs, obj, "user.big", big, DFS_MAX_XATTR_LEN, 0));
    size = DFS_MAX_XATTR_LEN;
    OK(dfs_getxattr(dfs, obj, "user.big", back, &size));
    assert_int_equal(size, DFS_MAX_XATTR_LEN);
    assert_memory_equal(big, back, DFS_MAX_XATTR_LEN);
    IS(EINVAL, dfs_setxattr(dfs, obj, "user.big", big, DFS_MAX_XATTR_LEN + 1, 0));
    memset(name, 'n', sizeof(name));
    name[255] = '\0';
    OK(dfs_setxattr(dfs, obj, name, "v", 1, 0));
    OK(dfs_removexattr(dfs, obj, name));
    name[255] = 'n';
    name[256] = '\0';
    IS(EINVAL, dfs_setxattr(dfs, obj, name, "v", 1, 0));
    IS(EINVAL, dfs_getxattr(dfs, obj, name, value, &size));
    IS(EINVAL, dfs_setxattr(dfs, obj, NULL, "v", 1, 0));
    IS(EINVAL, dfs_setxattr(dfs, obj, "", "v", 1, 0));
    IS(EINVAL, dfs_setxattr(dfs, obj, "user.a", NULL, 1, 0));
    IS(EINVAL, dfs_getxattr(dfs, obj, "user.a", value, NULL));
    IS(EINVAL, dfs_listxattr(dfs, obj, list, NULL));

    OK(dfs_removexattr(dfs, obj, "user.big"));
    OK(dfs_removexattr(dfs, obj, "user.a"));
    OK(dfs_removexattr(dfs, obj, "user.empty"));
    IS(ENOENT, dfs_removexattr(dfs, obj, "user.a"));
    size = 0;
    OK(dfs_listxattr(dfs, obj, NULL, &size));
    assert_int_equal(size, 0);
    free(big);
    free(back);
}

static void extended(void **state)
{
    struct api *a = *state;
    dfs_t *dfs = fs_mount(a, O_RDWR), *ro = fs_mount(a, O_RDONLY);
    dfs_obj_t *obj = fs_dir(dfs, NULL, "d");
    daos_size_t size = 0;

    xattrs_of(dfs, obj);
    OK(dfs_release(obj));
    fs_text(dfs, NULL, "f", "f");
    OK(dfs_lookup(dfs, "/f", O_RDWR, &obj, NULL, NULL));
    xattrs_of(dfs, obj);
    SHOWS("f", dfs, NULL, "f");
    OK(dfs_setxattr(dfs, obj, "user.old", "1", 1, 0));
    /* a new file of the same name has none, and the old handle does not reach it */
    OK(dfs_remove(dfs, NULL, "f", false, NULL));
    IS(ENOENT, dfs_setxattr(dfs, obj, "user.a", "1", 1, 0));
    fs_text(dfs, NULL, "f", "f");
    IS(ENOENT, dfs_setxattr(dfs, obj, "user.a", "1", 1, 0));
    OK(dfs_release(obj));
    OK(dfs_lookup(dfs, "/f", O_RDWR, &obj, NULL, NULL));
    OK(dfs_listxattr(dfs, obj, NULL, &size));
    assert_int_equal(size, 0);
    OK(dfs_release(obj));
    fs_link(dfs, NULL, "l", "f");
    OK(dfs_lookup(dfs, "/l", O_RDWR | O_NOFOLLOW, &obj, NULL, NULL));
    xattrs_of(dfs, obj);
    OK(dfs_release(obj));
    OK(dfs_lookup(dfs, "/", O_RDWR, &obj, NULL, NULL));
    xattrs_of(dfs, obj);
    OK(dfs_release(obj));
    OK(dfs_lookup(ro, "/f", O_RDONLY, &obj, NULL, NULL));
    IS(EPERM, dfs_setxattr(ro, obj, "user.a", "1", 1, 0));
    IS(EPERM, dfs_removexattr(ro, obj, "user.a"));
    OK(dfs_release(obj));
    OK(dfs_umount(ro));
    OK(dfs_umount(dfs));
}

/* Classes and chunk sizes that new entries inherit. */
static void inherited(void **state)
{
    dfs_t *dfs = fs_mount(*state, O_RDWR);
    dfs_obj_t *d = fs_dir(dfs, NULL, "d"), *sub, *f;
    dfs_obj_info_t info;
    daos_size_t chunk;

    OK(dfs_obj_set_chunk_size(dfs, d, 0, 65536));
    OK(dfs_obj_set_oclass(dfs, d, 0, OC_S1));
    OK(dfs_obj_get_info(dfs, d, &info));
    assert_int_equal(info.doi_chunk_size, 65536);
    assert_int_equal(info.doi_file_oclass_id, OC_S1);
    OK(dfs_open(dfs, d, "f", S_IFREG | 0644, O_CREAT | O_RDWR, 0, 0, NULL, &f));
    OK(dfs_get_chunk_size(f, &chunk));
    assert_int_equal(chunk, 65536);
    OK(dfs_obj_get_info(dfs, f, &info));
    assert_int_equal(info.doi_oclass_id, OC_S1);
    assert_int_equal(info.doi_chunk_size, 65536);
    IS(ENOTSUP, dfs_obj_set_oclass(dfs, f, 0, OC_S1));
    OK(dfs_release(f));
    sub = fs_dir(dfs, d, "sub");
    OK(dfs_open(dfs, sub, "g", S_IFREG | 0644, O_CREAT | O_RDWR, 0, 0, NULL, &f));
    OK(dfs_get_chunk_size(f, &chunk));
    assert_int_equal(chunk, 65536); /* grandchildren too */
    OK(dfs_release(f));
    OK(dfs_open(dfs, d, "h", S_IFREG | 0644, O_CREAT | O_RDWR, 0, 4096, NULL, &f));
    OK(dfs_get_chunk_size(f, &chunk));
    assert_int_equal(chunk, 4096); /* an argument says more */
    OK(dfs_release(f));
    /* it is in the entry: another look sees it */
    OK(dfs_release(d));
    OK(dfs_lookup(dfs, "/d", O_RDWR, &d, NULL, NULL));
    OK(dfs_obj_get_info(dfs, d, &info));
    assert_int_equal(info.doi_chunk_size, 65536);
    IS(EINVAL, dfs_obj_get_info(dfs, d, NULL));
    IS(EINVAL, dfs_obj_set_chunk_size(dfs, d, 0, 0));
    OK(dfs_release(sub));
    OK(dfs_release(d));
    OK(dfs_umount(dfs));
}

/* Rights are those of the real user and of all its groups, however many. */
static void access_as_somebody_else(void **state)
{
    gid_t before[256], many[400];
    int nr = getgroups(256, before);
    const uid_t me = 4242;
    const gid_t mine = 4343;
    dfs_t *dfs;

    if (getuid() != 0 || nr < 0)
        skip();
    dfs = fs_mount(*state, O_RDWR);
    for (gid_t i = 0; i < 400; i++)
        many[i] = 50000 + i;
    fs_text(dfs, NULL, "f", "");
    fs_link(dfs, NULL, "l", "f");
    OK(setgroups(400, many));
    OK(setresgid(mine, 0, 0));
    OK(setresuid(me, 0, 0)); /* may still do everything, but it is not who asks */

    OK(dfs_chown(dfs, NULL, "f", me, 1, 0));
    OK(dfs_chmod(dfs, NULL, "f", 0640));
    OK(dfs_access(dfs, NULL, "f", R_OK | W_OK)); /* the owner */
    OK(dfs_access(dfs, NULL, "l", R_OK | W_OK));
    IS(EACCES, dfs_access(dfs, NULL, "f", X_OK));
    IS(EACCES, dfs_access(dfs, NULL, "f", R_OK | X_OK));
    OK(dfs_chown(dfs, NULL, "f", me + 1, mine, 0));
    OK(dfs_access(dfs, NULL, "f", R_OK)); /* the group */
    IS(EACCES, dfs_access(dfs, NULL, "f", W_OK));
    OK(dfs_chown(dfs, NULL, "f", me + 1, many[399], 0));
    OK(dfs_access(dfs, NULL, "f", R_OK)); /* one of the others it is in */
    IS(EACCES, dfs_access(dfs, NULL, "f", W_OK));
    OK(dfs_chown(dfs, NULL, "f", me + 1, 1, 0));
    IS(EACCES, dfs_access(dfs, NULL, "f", R_OK)); /* nobody */
    OK(dfs_access(dfs, NULL, "f", F_OK));
    OK(dfs_chmod(dfs, NULL, "f", 0604));
    OK(dfs_access(dfs, NULL, "f", R_OK));

    OK(setresuid(0, 0, 0));
    OK(setresgid(0, 0, 0));
    OK(setgroups((size_t)nr, before));
    OK(dfs_umount(dfs));
}

/* Data lies where the chunk size says: only a file without data can change its own. */
static void chunk_size_of_a_file(void **state)
{
    dfs_t *dfs = fs_mount(*state, O_RDWR), *ro = fs_mount(*state, O_RDONLY);
    dfs_obj_t *f, *l, *g;
    daos_size_t chunk, got;
    char data[10000], buf[10000];

    memset(data, 'x', sizeof(data));
    OK(dfs_open(dfs, NULL, "f", S_IFREG | 0644, O_CREAT | O_RDWR, 0, 65536, NULL, &f));
    OK(dfs_obj_set_chunk_size(dfs, f, 0, 4096));
    OK(dfs_get_chunk_size(f, &chunk));
    assert_int_equal(chunk, 4096);
    OK(fs_write(dfs, f, data, sizeof(data), 0)); /* three chunks */
    IS(EINVAL, dfs_obj_set_chunk_size(dfs, f, 0, 8192));
    OK(dfs_get_chunk_size(f, &chunk));
    assert_int_equal(chunk, 4096);

    OK(dfs_lookup(ro, "/f", O_RDONLY, &g, NULL, NULL)); /* who looks now finds them */
    OK(dfs_get_chunk_size(g, &chunk));
    assert_int_equal(chunk, 4096);
    OK(fs_read(ro, g, buf, sizeof(buf), 0, &got));
    assert_int_equal(got, sizeof(data));
    assert_memory_equal(buf, data, sizeof(data));
    IS(EPERM, dfs_obj_set_chunk_size(ro, g, 0, 8192));
    IS(EPERM, dfs_obj_set_oclass(ro, g, 0, OC_S1));
    OK(dfs_release(g));

    OK(dfs_punch(dfs, f, 0, DFS_MAX_FSIZE)); /* without data once more */
    OK(dfs_obj_set_chunk_size(dfs, f, 0, 8192));
    OK(fs_write(dfs, f, data, sizeof(data), 5));
    OK(dfs_lookup(ro, "/f", O_RDONLY, &g, NULL, NULL));
    OK(dfs_get_chunk_size(g, &chunk));
    assert_int_equal(chunk, 8192);
    OK(fs_read(ro, g, buf, sizeof(buf), 5, &got));
    assert_int_equal(got, sizeof(data));
    assert_memory_equal(buf, data, sizeof(data));
    OK(dfs_release(g));
    OK(dfs_release(f));

    fs_link(dfs, NULL, "l", "f");
    OK(dfs_lookup(dfs, "/l", O_RDWR | O_NOFOLLOW, &l, NULL, NULL));
    IS(ENOTSUP, dfs_obj_set_chunk_size(dfs, l, 0, 4096));
    OK(dfs_release(l));
    OK(dfs_umount(ro));
    OK(dfs_umount(dfs));
}

API_MAIN(FS_TEST(what_stat_tells), FS_TEST(times), FS_TEST(setting), FS_TEST(access_by_mode),
         FS_TEST(access_as_somebody_else), FS_TEST(chunk_size_of_a_file), FS_TEST(extended),
         FS_TEST(inherited))
