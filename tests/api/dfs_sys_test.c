/* DFS by paths, with and without the cache of directories. */
#include <pthread.h>
#include "dfs_api.h"
#include <daos_fs_sys.h>

static dfs_sys_t *sys_mount(struct api *a, int mflags, int sflags)
{
    dfs_sys_t *s = NULL;

    OK(dfs_sys_mount(a->poh, a->coh, mflags, sflags, &s));
    return s;
}

static void sys_put(dfs_sys_t *s, const char *path, const char *text)
{
    daos_size_t size = strlen(text);
    dfs_obj_t *obj;

    OK(dfs_sys_open(s, path, S_IFREG | 0644, O_CREAT | O_RDWR | O_TRUNC, 0, 0, NULL, &obj));
    OK(dfs_sys_write(s, obj, text, 0, &size, NULL));
    assert_int_equal(size, strlen(text));
    OK(dfs_sys_close(obj));
}

static const char *sys_get(dfs_sys_t *s, const char *path)
{
    static char buf[64];
    daos_size_t size = sizeof(buf) - 1;
    dfs_obj_t *obj;
    int rc = dfs_sys_open(s, path, S_IFREG, O_RDONLY, 0, 0, NULL, &obj);

    if (rc != 0)
        return strerrorname_np(rc);
    memset(buf, 0, sizeof(buf));
    OK(dfs_sys_read(s, obj, buf, 0, &size, NULL));
    assert_int_equal(size, strlen(buf));
    OK(dfs_sys_close(obj));
    return buf;
}

static void a_day(struct api *a, int sflags)
{
    dfs_sys_t *s = sys_mount(a, O_RDWR, sflags);
    struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, {1111111111, 5}};
    struct stat st;
    dfs_obj_t *obj;
    dfs_t *base;
    char buf[32];
    daos_size_t size;
    daos_obj_id_t oid;

    OK(dfs_sys2base(s, &base));
    OK(dfs_sys_mkdir(s, "/d", 0755, 0));
    IS(EEXIST, dfs_sys_mkdir(s, "/d", 0755, 0));
    IS(EEXIST, dfs_sys_mkdir(s, "/", 0755, 0));
    IS(ENOENT, dfs_sys_mkdir(s, "/x/y", 0755, 0));
    OK(dfs_sys_mkdir_p(s, "/p/q//r/", 0755, 0));
    OK(dfs_sys_mkdir_p(s, "/p/q/r", 0755, 0));
    sys_put(s, "/d/f", "hello");
    assert_string_equal(sys_get(s, "//d//f"), "hello");
    assert_string_equal(sys_get(s, "/d/g"), "ENOENT");
    assert_string_equal(sys_get(s, "/g/f"), "ENOENT");
    assert_string_equal(sys_get(s, "/d/f/x"), "ENOTDIR");
    assert_string_equal(sys_get(s, "d/f"), "EINVAL");
    IS(EEXIST, dfs_sys_mkdir_p(s, "/d/f", 0755, 0));
    IS(ENOTDIR, dfs_sys_mkdir_p(s, "/d/f/x/y", 0755, 0));

    OK(dfs_sys_symlink(s, "d/f", "/l"));
    IS(EEXIST, dfs_sys_symlink(s, "d/f", "/l"));
    OK(dfs_sys_symlink(s, "/d", "/ld"));
    assert_string_equal(sys_get(s, "/l"), "hello");
    assert_string_equal(sys_get(s, "/ld/f"), "hello");
    size = sizeof(buf);
    OK(dfs_sys_readlink(s, "/l", buf, &size));
    assert_string_equal(buf, "d/f");
    IS(EINVAL, dfs_sys_readlink(s, "/d/f", buf, &size));
    OK(dfs_sys_stat(s, "/l", 0, &st));
    assert_true(S_ISREG(st.st_mode));
    OK(dfs_sys_stat(s, "/l", O_NOFOLLOW, &st));
    assert_true(S_ISLNK(st.st_mode));
    OK(dfs_sys_stat(s, "/", 0, &st));
    assert_true(S_ISDIR(st.st_mode));
    IS(ENOENT, dfs_sys_stat(s, "/x", 0, &st));

    OK(dfs_sys_chmod(s, "/l", 0604));
    OK(dfs_sys_chown(s, "/l", 7, 8, 0));
    OK(dfs_sys_chown(s, "/l", 9, (gid_t)-1, O_NOFOLLOW));
    OK(dfs_sys_utimens(s, "/l", times, 0));
    OK(dfs_sys_stat(s, "/d/f", 0, &st));
    assert_true(st.st_mode == (S_IFREG | 0604) && st.st_uid == 7 && st.st_gid == 8);
    assert_true(st.st_mtim.tv_sec == 1111111111 && st.st_mtim.tv_nsec == 5);
    times[1].tv_nsec = UTIME_NOW;
    OK(dfs_sys_utimens(s, "/d/f", times, 0));
    OK(dfs_sys_stat(s, "/d/f", 0, &st));
    assert_true(st.st_mtim.tv_sec > 1111111111);
    times[1].tv_nsec = 1000000000;
    IS(EINVAL, dfs_sys_utimens(s, "/d/f", times, 0));
    st.st_size = 2;
    OK(dfs_sys_setattr(s, "/d/f", &st, DFS_SET_ATTR_SIZE, 0));
    assert_string_equal(sys_get(s, "/d/f"), "he");
    OK(dfs_sys_punch(s, "/d/f", 1, DFS_MAX_FSIZE));
    assert_string_equal(sys_get(s, "/l"), "h");
    OK(dfs_sys_access(s, "/l", R_OK, 0));
    IS(EACCES, dfs_sys_access(s, "/l", X_OK, 0));
    OK(dfs_sys_access(s, "/l", X_OK, O_NOFOLLOW));
    IS(ENOTSUP, dfs_sys_access(s, "/l", R_OK, AT_EACCESS));
    OK(dfs_sys_access(s, "/", R_OK, 0));

    OK(dfs_sys_setxattr(s, "/l", "user.a", "file", 4, 0, 0));
    OK(dfs_sys_setxattr(s, "/l", "user.b", "link", 4, 0, O_NOFOLLOW));
    size = sizeof(buf);
    OK(dfs_sys_getxattr(s, "/d/f", "user.a", buf, &size, 0));
    assert_int_equal(size, 4);
    size = sizeof(buf);
    OK(dfs_sys_listxattr(s, "/l", buf, &size, O_NOFOLLOW));
    assert_string_equal(buf, "user.b");
    OK(dfs_sys_removexattr(s, "/l", "user.b", O_NOFOLLOW));
    IS(ENOENT, dfs_sys_removexattr(s, "/l", "user.b", 0));

    OK(dfs_sys_mknod(s, "/p/n", S_IFREG | 0600, 0, 4096));
    IS(EEXIST, dfs_sys_mknod(s, "/p/n", S_IFREG | 0600, 0, 4096));
    OK(dfs_sys_open(s, "/p/n", S_IFREG, O_RDONLY, 0, 0, NULL, &obj));
    OK(dfs_get_chunk_size(obj, &size));
    assert_int_equal(size, 4096);
    OK(dfs_sys_close(obj));
    IS(EINVAL, dfs_sys_open(s, "/p", S_IFREG, O_RDONLY, 0, 0, NULL, &obj));
    IS(ENOTDIR, dfs_sys_open(s, "/p/n", S_IFDIR, O_RDONLY, 0, 0, NULL, &obj));
    OK(dfs_sys_open(s, "/", S_IFDIR, O_RDONLY, 0, 0, NULL, &obj));
    OK(dfs_sys_close(obj));
    /* who names no type opens what is there, and creates files */
    OK(dfs_sys_open(s, "/p/n", 0, O_RDONLY, 0, 0, NULL, &obj));
    OK(dfs_sys_close(obj));
    OK(dfs_sys_open(s, "/p", 0, O_RDONLY, 0, 0, NULL, &obj));
    OK(dfs_sys_close(obj));
    OK(dfs_sys_open(s, "/p/untyped", 0600, O_CREAT | O_RDWR, 0, 0, NULL, &obj));
    OK(dfs_sys_close(obj));
    OK(dfs_sys_stat(s, "/p/untyped", 0, &st));
    assert_int_equal(st.st_mode, S_IFREG | 0600);
    OK(dfs_sys_remove(s, "/p/untyped", false, NULL));
    OK(dfs_sys_open(s, "/", 0, O_RDONLY, 0, 0, NULL, &obj));
    OK(dfs_sys_close(obj));

    /* removal */
    IS(EBUSY, dfs_sys_remove(s, "/", false, NULL));
    IS(ENOTEMPTY, dfs_sys_remove(s, "/p", false, NULL));
    IS(EINVAL, dfs_sys_remove_type(s, "/p/n", false, S_IFDIR, NULL));
    IS(EINVAL, dfs_sys_remove_type(s, "/p/n", false, 0, NULL));
    OK(dfs_sys_remove_type(s, "/p/n", false, S_IFREG, &oid));
    IS(ENOENT, dfs_sys_remove(s, "/p/n", false, NULL));
    if (sflags & DFS_SYS_NO_CACHE) {
        OK(dfs_sys_remove(s, "/p", true, NULL));
    } else {
        IS(ENOTSUP, dfs_sys_remove(s, "/p", true, NULL));
        OK(dfs_sys_remove(s, "/p/q/r", false, NULL));
        OK(dfs_sys_remove(s, "/p/q", false, NULL));
        OK(dfs_sys_remove(s, "/p", false, NULL));
    }
    assert_string_equal(sys_get(s, "/p/n"), "ENOENT");
    OK(dfs_sys_mkdir(s, "/p", 0755, 0)); /* a new one of that name is the new one */
    sys_put(s, "/p/n", "new");
    SHOWS("dir", base, NULL, "p");
    OK(dfs_lookup(base, "/p/n", O_RDONLY, &obj, NULL, NULL));
    OK(dfs_release(obj));
    /* found by way of a link, removed by its own name */
    sys_put(s, "/ld/z", "z");
    OK(dfs_sys_remove(s, "/ld/z", false, NULL));
    OK(dfs_sys_remove(s, "/d/f", false, NULL));
    OK(dfs_sys_remove(s, "/d", false, NULL));
    assert_string_equal(sys_get(s, "/ld/f"), "ENOENT");
    IS(ENOENT, dfs_sys_mknod(s, "/ld/f", S_IFREG | 0600, 0, 0));

    OK(dfs_sys_set_prefix(s, "/mnt"));
    assert_string_equal(sys_get(s, "/mnt/p/n"), "new");
    assert_string_equal(sys_get(s, "/p/n"), "EINVAL");
    OK(dfs_sys_mkdir_p(s, "/mnt/p/a/b/c", 0755, 0));
    OK(dfs_sys_set_prefix(s, NULL));
    OK(dfs_sys_stat(s, "/p/a/b/c", 0, &st));
    OK(dfs_sys_umount(s));
}

static void with_cache(void **state)
{
    a_day(*state, 0);
}

static void without_cache(void **state)
{
    a_day(*state, DFS_SYS_NO_CACHE);
}

static void without_lock(void **state)
{
    a_day(*state, DFS_SYS_NO_LOCK);
}

static void listing(void **state)
{
    dfs_sys_t *s = sys_mount(*state, O_RDWR, 0);
    struct dirent *e;
    char path[32];
    DIR *dir;
    int n = 0;

    OK(dfs_sys_mkdir(s, "/d", 0755, 0));
    for (int i = 0; i < 300; i++) {
        snprintf(path, sizeof(path), "/d/n%d", i);
        OK(dfs_sys_mknod(s, path, S_IFREG | 0600, 0, 0));
    }
    OK(dfs_sys_opendir(s, "/d", 0, &dir));
    for (;;) {
        OK(dfs_sys_readdir(s, dir, &e));
        if (e == NULL)
            break;
        assert_true(e->d_name[0] == 'n');
        n++;
    }
    assert_int_equal(n, 300);
    OK(dfs_sys_readdir(s, dir, &e)); /* the end stays the end */
    assert_null(e);
    OK(dfs_sys_closedir(dir));
    IS(EINVAL, dfs_sys_closedir(NULL));
    IS(ENOTDIR, dfs_sys_opendir(s, "/d/n1", 0, &dir));
    IS(ENOENT, dfs_sys_opendir(s, "/x", 0, &dir));
    OK(dfs_sys_symlink(s, "d", "/l"));
    OK(dfs_sys_opendir(s, "/l", 0, &dir));
    OK(dfs_sys_closedir(dir));
    IS(ENOTDIR, dfs_sys_opendir(s, "/l", O_NOFOLLOW, &dir));
    OK(dfs_sys_umount(s));
}

static void asynchronous(void **state)
{
    dfs_sys_t *s = sys_mount(*state, O_RDWR, 0);
    daos_size_t size = 5;
    daos_event_t ev;
    dfs_obj_t *obj;
    char buf[16] = "";
    bool done;

    OK(dfs_sys_open(s, "/f", S_IFREG | 0644, O_CREAT | O_RDWR, 0, 0, NULL, &obj));
    OK(daos_event_init(&ev, DAOS_HDL_INVAL, NULL));
    OK(dfs_sys_write(s, obj, "hello", 0, &size, &ev));
    OK(daos_event_test(&ev, DAOS_EQ_WAIT, &done));
    assert_true(done && ev.ev_error == 0);
    OK(daos_event_fini(&ev));
    OK(daos_event_init(&ev, DAOS_HDL_INVAL, NULL));
    size = sizeof(buf);
    OK(dfs_sys_read(s, obj, buf, 0, &size, &ev));
    OK(daos_event_test(&ev, DAOS_EQ_WAIT, &done));
    assert_true(done && ev.ev_error == 0);
    assert_int_equal(size, 5);
    assert_string_equal(buf, "hello");
    OK(daos_event_fini(&ev));
    OK(dfs_sys_close(obj));
    OK(dfs_sys_umount(s));
}

static void connected(void **state)
{
    struct api *a = *state;
    char buf[2048];
    d_iov_t glob = {0};
    dfs_sys_t *s, *t, *ro;

    IS(EACCES, dfs_sys_connect("apipool", NULL, a->label, O_RDWR, 0, NULL, &s));
    OK(dfs_init());
    OK(dfs_sys_connect("apipool", NULL, a->label, O_RDWR, 0, NULL, &s));
    sys_put(s, "/f", "hello");
    OK(dfs_sys_local2global_all(s, &glob));
    assert_in_range(glob.iov_buf_len, 1, sizeof(buf));
    d_iov_set(&glob, buf, glob.iov_buf_len);
    OK(dfs_sys_local2global_all(s, &glob));
    OK(dfs_sys_global2local_all(O_RDWR, 0, glob, &t));
    assert_string_equal(sys_get(t, "/f"), "hello");
    OK(dfs_sys_disconnect(t));
    glob = (d_iov_t){0};
    OK(dfs_sys_mount(a->poh, a->coh, O_RDONLY, 0, &ro));
    OK(dfs_sys_local2global(ro, &glob));
    d_iov_set(&glob, buf, glob.iov_buf_len);
    OK(dfs_sys_local2global(ro, &glob));
    OK(dfs_sys_global2local(a->poh, a->coh, O_RDONLY, 0, glob, &t));
    OK(dfs_sys_umount(ro));
    assert_string_equal(sys_get(t, "/f"), "hello");
    IS(EPERM, dfs_sys_mkdir(t, "/x", 0755, 0));
    IS(EPERM, dfs_sys_setxattr(t, "/f", "user.a", "1", 1, 0, 0));
    IS(EINVAL, dfs_sys_disconnect(t));
    OK(dfs_sys_umount(t));
    IS(EINVAL, dfs_sys_umount(s));
    IS(EINVAL, dfs_sys_umount(NULL));
    IS(EINVAL, dfs_sys_mount(a->poh, a->coh, O_RDWR, 64, &t));
    OK(dfs_sys_disconnect(s));
    OK(dfs_fini());
}

/* Threads share one mount, its cache and a few directories that come and go. */
static void *wander(void *arg)
{
    dfs_sys_t *s = arg;
    unsigned int seed = (unsigned int)(uintptr_t)&seed;
    char dir[16], file[32];
    long bad = 0;

    for (int i = 0; i < 60; i++) {
        int rc;

        seed = seed * 1103515245u + 12345u;
        snprintf(dir, sizeof(dir), "/d%u", (seed >> 16) % 3);
        snprintf(file, sizeof(file), "%s/f%u", dir, (seed >> 20) % 4);
        rc = dfs_sys_mkdir(s, dir, 0755, 0);
        bad += rc != 0 && rc != EEXIST;
        rc = dfs_sys_mknod(s, file, S_IFREG | 0600, 0, 0);
        bad += rc != 0 && rc != EEXIST && rc != ENOENT;
        rc = dfs_sys_remove(s, file, false, NULL);
        bad += rc != 0 && rc != ENOENT && rc != EBUSY;
        rc = dfs_sys_remove(s, dir, false, NULL);
        bad += rc != 0 && rc != ENOENT && rc != ENOTEMPTY && rc != EBUSY;
    }
    return (void *)bad;
}

static void threads(void **state)
{
    dfs_sys_t *s = sys_mount(*state, O_RDWR, 0);
    pthread_t t[4];

    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&t[i], NULL, wander, s), 0);
    for (int i = 0; i < 4; i++) {
        void *bad;

        pthread_join(t[i], &bad);
        assert_null(bad);
    }
    OK(dfs_sys_umount(s));
}

/* More directories than the cache keeps (one, by as many paths): the longest unused goes, and is
 * found again. */
static void more_than_the_cache_keeps(void **state)
{
    dfs_sys_t *s = sys_mount(*state, O_RDWR, 0);
    char path[16];
    struct stat st;

    sys_put(s, "/f", "hello");
    for (char c = 'g'; c <= 'w'; c++) {
        snprintf(path, sizeof(path), "/%c", c);
        OK(dfs_sys_symlink(s, ".", path));
    }
    for (int i = 0; i < 4910; i++) {
        int k = i % 4900; /* the first ones once more */

        snprintf(path, sizeof(path), "/%c/%c/%c/f", 'g' + k % 17, 'g' + k / 17 % 17, 'g' + k / 289);
        OK(dfs_sys_stat(s, path, 0, &st));
        assert_int_equal(st.st_size, 5);
    }
    OK(dfs_sys_umount(s)); /* and all of them are closed: the container closes */
}

/* What is no path of this file system, and what a call cannot do with one that is. */
static void paths_that_may_not_be(void **state)
{
    dfs_sys_t *s = sys_mount(*state, O_RDWR, 0), *ro = sys_mount(*state, O_RDONLY, 0);
    struct timespec bad[2] = {{.tv_nsec = -1}, {.tv_nsec = 0}};
    char name[DFS_MAX_NAME + 3], *path = calloc(1, DFS_MAX_PATH + 2);
    struct stat st, before;
    dfs_obj_t *obj;
    DIR *dir;

    sys_put(s, "/f", "hello");
    OK(dfs_sys_mkdir(s, "/d", 0755, 0));
    memset(name, 'n', sizeof(name));
    name[0] = '/';
    name[sizeof(name) - 1] = '\0';
    memset(path, '/', DFS_MAX_PATH + 1);
    IS(ENAMETOOLONG, dfs_sys_stat(s, name, 0, &st));
    IS(ENAMETOOLONG, dfs_sys_stat(s, path, 0, &st));
    IS(ENOTSUP, dfs_sys_stat(s, "/d/.", 0, &st));
    IS(ENOTSUP, dfs_sys_stat(s, "/d/..", 0, &st));
    IS(EINVAL, dfs_sys_stat(s, "d", 0, &st));
    IS(EINVAL, dfs_sys_stat(s, NULL, 0, &st));
    IS(EINVAL, dfs_sys_stat(NULL, "/d", 0, &st));
    IS(ENOTDIR, dfs_sys_stat(s, "/f/x", 0, &st));
    IS(ENOTSUP, dfs_sys_stat(s, "/d", O_EXCL, &st));
    IS(EINVAL, dfs_sys_stat(NULL, "/d", O_EXCL, &st));
    IS(ENOTSUP, dfs_sys_opendir(s, "/d", O_EXCL, &dir));
    IS(ENOTSUP, dfs_sys_access(s, "/d", R_OK, AT_EACCESS));
    free(path);

    /* times: none given are now */
    IS(EINVAL, dfs_sys_utimens(s, "/f", bad, 0));
    OK(dfs_sys_utimens(s, "/f", (struct timespec[2]){{1, 0}, {1, 0}}, 0));
    OK(dfs_sys_stat(s, "/f", 0, &before));
    assert_int_equal(before.st_mtim.tv_sec, 1);
    OK(dfs_sys_utimens(s, "/f", NULL, 0));
    OK(dfs_sys_stat(s, "/f", 0, &st));
    assert_in_range(st.st_mtim.tv_sec, before.st_ctim.tv_sec - 1, before.st_ctim.tv_sec + 600);

    /* the link itself grants everything, except on what is mounted read-only */
    OK(dfs_sys_symlink(s, "nowhere", "/gone"));
    OK(dfs_sys_symlink(s, "f", "/l"));
    OK(dfs_sys_access(s, "/gone", R_OK | W_OK, O_NOFOLLOW));
    OK(dfs_sys_access(ro, "/gone", R_OK, O_NOFOLLOW));
    IS(EPERM, dfs_sys_access(ro, "/gone", W_OK, O_NOFOLLOW));
    IS(ENOENT, dfs_sys_access(s, "/gone", R_OK, 0));

    /* through a link, cut on the way */
    IS(ENOTDIR, dfs_sys_open(s, "/l", S_IFDIR, O_RDWR, 0, 0, NULL, &obj));
    OK(dfs_sys_open(s, "/l", S_IFREG, O_RDWR | O_TRUNC, 0, 0, NULL, &obj));
    OK(dfs_sys_close(obj));
    OK(dfs_sys_stat(s, "/f", 0, &st));
    assert_int_equal(st.st_size, 0);
    OK(dfs_sys_umount(ro));
    OK(dfs_sys_umount(s));
}

API_MAIN(FS_TEST(with_cache), FS_TEST(without_cache), FS_TEST(without_lock), FS_TEST(listing),
         FS_TEST(asynchronous), FS_TEST(connected), FS_TEST(threads),
         FS_TEST(more_than_the_cache_keeps), FS_TEST(paths_that_may_not_be))
