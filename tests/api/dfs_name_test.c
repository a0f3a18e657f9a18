/* Names: what may be one, finding them, opening, removing, moving and exchanging them. */
#include "dfs_api.h"

static void names_that_may_not_be(void **state)
{
    dfs_t *dfs = fs_mount(*state, O_RDWR);
    char name[300];
    dfs_obj_t *obj;
    static const char *const bad[] = {"", ".", "..", "a/b", "/", "a/"};

    memset(name, 'n', sizeof(name));
    name[255] = '\0';
    fs_text(dfs, NULL, name, "long");
    SHOWS("long", dfs, NULL, name);
    OK(dfs_move(dfs, NULL, name, NULL, "short", NULL));
    OK(dfs_move(dfs, NULL, "short", NULL, name, NULL));
    OK(dfs_remove(dfs, NULL, name, false, NULL));
    name[255] = 'n';
    name[256] = '\0';
    IS(EINVAL, dfs_open(dfs, NULL, name, S_IFREG | 0600, O_CREAT | O_RDWR, 0, 0, NULL, &obj));
    IS(EINVAL, dfs_mkdir(dfs, NULL, name, 0755, 0));
    IS(EINVAL, dfs_lookup_rel(dfs, NULL, name, O_RDONLY, &obj, NULL, NULL));
    fs_text(dfs, NULL, "f", "f");
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct stat st;

        IS(EINVAL, dfs_open(dfs, NULL, bad[i], S_IFREG | 0600, O_CREAT | O_RDWR, 0, 0, NULL, &obj));
        IS(EINVAL, dfs_mkdir(dfs, NULL, bad[i], 0755, 0));
        IS(EINVAL, dfs_lookup_rel(dfs, NULL, bad[i], O_RDONLY, &obj, NULL, NULL));
        IS(EINVAL, dfs_stat(dfs, NULL, bad[i], &st));
        IS(EINVAL, dfs_remove(dfs, NULL, bad[i], false, NULL));
        IS(EINVAL, dfs_move(dfs, NULL, "f", NULL, bad[i], NULL));
        IS(EINVAL, dfs_move(dfs, NULL, bad[i], NULL, "f", NULL));
        IS(EINVAL, dfs_exchange(dfs, NULL, "f", NULL, bad[i]));
    }
    IS(EINVAL, dfs_open(dfs, NULL, NULL, S_IFREG | 0600, O_CREAT | O_RDWR, 0, 0, NULL, &obj));
    IS(EINVAL, dfs_lookup_rel(dfs, NULL, NULL, O_RDONLY, &obj, NULL, NULL));
    IS(EINVAL, dfs_remove(dfs, NULL, NULL, false, NULL));
    /* any other byte may be in a name */
    fs_text(dfs, NULL, "\001 \xff\xfe\n*", "odd");
    SHOWS("odd", dfs, NULL, "\001 \xff\xfe\n*");
    assert_int_equal(fs_count(dfs, NULL), 2);
    OK(dfs_umount(dfs));
}

/* /d/e/f, and links of every kind around them. */
static void paths(void **state)
{
    dfs_t *dfs = fs_mount(*state, O_RDWR);
    dfs_obj_t *d = fs_dir(dfs, NULL, "d"), *e = fs_dir(dfs, d, "e"), *obj, *f;
    struct stat st;
    mode_t mode;
    daos_obj_id_t want, got;
    char path[DFS_MAX_PATH + 8];

    fs_text(dfs, e, "f", "hello");
    OK(dfs_lookup(dfs, "/d/e/f", O_RDONLY, &obj, &mode, &st));
    assert_int_equal(mode, S_IFREG | 0644);
    assert_int_equal(st.st_mode, mode);
    assert_int_equal(st.st_size, 5);
    assert_int_equal(st.st_nlink, 1);
    OK(dfs_release(obj));
    OK(dfs_lookup(dfs, "//d///e/f", O_RDONLY, &obj, NULL, NULL));
    OK(dfs_release(obj));
    OK(dfs_lookup(dfs, "/d/", O_RDONLY, &obj, NULL, NULL));
    OK(dfs_obj2id(obj, &got));
    OK(dfs_obj2id(d, &want));
    assert_memory_equal(&got, &want, sizeof(got));
    OK(dfs_release(obj));
    OK(dfs_lookup(dfs, "/", O_RDONLY, &obj, &mode, &st));
    assert_true(S_ISDIR(mode) && S_ISDIR(st.st_mode));
    OK(dfs_release(obj));
    OK(dfs_lookup(dfs, "/d/../d/e/f", O_RDONLY, &obj, NULL, NULL));
    OK(dfs_release(obj));
    OK(dfs_lookup(dfs, "/../d/e/f", O_RDONLY, &obj, NULL, NULL));
    OK(dfs_release(obj));

    IS(ENOENT, dfs_lookup(dfs, "/d/x", O_RDONLY, &obj, NULL, NULL));
    IS(ENOENT, dfs_lookup(dfs, "/x/f", O_RDONLY, &obj, NULL, NULL));
    IS(ENOTDIR, dfs_lookup(dfs, "/d/e/f/g", O_RDONLY, &obj, NULL, NULL));
    IS(EINVAL, dfs_lookup(dfs, "d/e/f", O_RDONLY, &obj, NULL, NULL));
    IS(EINVAL, dfs_lookup(dfs, "", O_RDONLY, &obj, NULL, NULL));
    IS(EINVAL, dfs_lookup(dfs, NULL, O_RDONLY, &obj, NULL, NULL));
    IS(EINVAL, dfs_lookup(dfs, "/d", O_RDONLY, NULL, NULL, NULL));
    IS(EINVAL, dfs_lookup(NULL, "/d", O_RDONLY, &obj, NULL, NULL));
    IS(ENOTSUP, dfs_lookup(dfs, "/d/.", O_RDONLY, &obj, NULL, NULL));
    IS(ENOTSUP, dfs_lookup(dfs, "/d/..", O_RDONLY, &obj, NULL, NULL));
    memset(path, '/', sizeof(path));
    path[sizeof(path) - 1] = '\0';
    IS(ENAMETOOLONG, dfs_lookup(dfs, path, O_RDONLY, &obj, NULL, NULL));
    memset(path + 1, 'n', 256);
    path[257] = '\0';
    IS(ENAMETOOLONG, dfs_lookup(dfs, path, O_RDONLY, &obj, NULL, NULL));
    OK(dfs_lookup(dfs, "/d/e/f", O_RDONLY, &obj, NULL, NULL));
    IS(ENOTDIR, dfs_lookup_rel(dfs, obj, "x", O_RDONLY, &f, NULL, NULL));
    OK(dfs_release(obj));
    OK(dfs_release(e));
    OK(dfs_release(d));
    OK(dfs_umount(dfs));
}

static const char *follow(dfs_t *dfs, const char *path)
{
    static char buf[32];
    daos_size_t got = 0;
    dfs_obj_t *obj;
    mode_t mode;
    int rc = dfs_lookup(dfs, path, O_RDONLY, &obj, &mode, NULL);

    memset(buf, 0, sizeof(buf));
    if (rc != 0)
        return strerrorname_np(rc);
    if (S_ISREG(mode))
        OK(fs_read(dfs, obj, buf, sizeof(buf) - 1, 0, &got));
    else
        strcpy(buf, S_ISDIR(mode) ? "dir" : "link");
    OK(dfs_release(obj));
    return buf;
}

/* Targets as people write them: with "." and "..", however many and wherever. */
static void links_through_dots(void **state)
{
    static const char *const cases[][2] = {
        {"/dot", "g"},
        {"/d/e/upup", "top"},
        {"/d/e/mixed", "g"},
        {"/d/self", "dir"},
        {"/d/self/g", "g"},
        {"/d/self/self/g", "g"},
        {"/d/self/self", "dir"},
        {"/d/e/above", "dir"},
        {"/d/e/above/g", "g"},
        {"/d/e/above/e/above/self/g", "g"},
        {"/back", "dir"},
        {"/back/g", "g"},
        {"/d/top", "dir"},
        {"/d/top/d/top/top", "top"},
        {"/d/self/nothing", "ENOENT"},
        {"/through", "ENOTDIR"},
        {"/d/self/.", "EOPNOTSUPP"},
        {"/d/self/..", "EOPNOTSUPP"},
    };
    dfs_t *dfs = fs_mount(*state, O_RDWR);
    dfs_obj_t *d = fs_dir(dfs, NULL, "d"), *e = fs_dir(dfs, d, "e"), *obj;
    daos_obj_id_t a, b;
    struct stat st;

    fs_text(dfs, NULL, "top", "top");
    fs_text(dfs, d, "g", "g");
    fs_link(dfs, NULL, "dot", "./d/./g");
    fs_link(dfs, e, "upup", "../../top");
    fs_link(dfs, e, "mixed", "./.././../../d/g");
    fs_link(dfs, d, "self", ".");
    fs_link(dfs, e, "above", "..");
    fs_link(dfs, NULL, "back", "d/e/..");
    fs_link(dfs, d, "top", "./..");
    fs_link(dfs, NULL, "through", "top/../d/g");
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        if (strcmp(follow(dfs, cases[i][0]), cases[i][1]) != 0)
            fail_msg("%s: %s, not %s", cases[i][0], follow(dfs, cases[i][0]), cases[i][1]);

    /* what was reached so is the directory itself, and can be changed as such */
    OK(dfs_lookup(dfs, "/d/e/above", O_RDWR, &obj, NULL, &st));
    OK(dfs_obj2id(obj, &a));
    OK(dfs_obj2id(d, &b));
    assert_memory_equal(&a, &b, sizeof(a));
    st.st_mode = S_IFDIR | 0710;
    OK(dfs_osetattr(dfs, obj, &st, DFS_SET_ATTR_MODE));
    OK(dfs_release(obj));
    OK(dfs_stat(dfs, NULL, "d", &st));
    assert_int_equal(st.st_mode, S_IFDIR | 0710);
    IS(EINVAL, dfs_move(dfs, NULL, "d", e, "d", NULL));
    /* from an open directory */
    OK(dfs_lookup_rel(dfs, d, "self", O_RDONLY, &obj, NULL, &st));
    assert_int_equal(st.st_mode, S_IFDIR | 0710);
    OK(dfs_release(obj));
    OK(dfs_lookup_rel(dfs, e, "mixed", O_RDONLY, &obj, NULL, NULL));
    OK(dfs_release(obj));
    OK(dfs_lookup_rel(dfs, d, "top", O_RDONLY, &obj, NULL, &st));
    OK(dfs_release(obj));
    OK(dfs_release(e));
    OK(dfs_release(d));
    OK(dfs_umount(dfs));
}

static void symbolic_links(void **state)
{
    dfs_t *dfs = fs_mount(*state, O_RDWR);
    dfs_obj_t *d = fs_dir(dfs, NULL, "d"), *e = fs_dir(dfs, d, "e"), *obj;
    char buf[16], name[16], target[16];
    char longest[DFS_MAX_PATH + 1];
    daos_size_t size;
    mode_t mode;
    struct stat st;

    fs_text(dfs, e, "f", "hello");
    fs_text(dfs, d, "g", "g");
    fs_link(dfs, NULL, "abs", "/d/e/f");
    fs_link(dfs, NULL, "rel", "d/e/f");
    fs_link(dfs, NULL, "dir", "d/e");
    fs_link(dfs, e, "up", "../g");
    fs_link(dfs, e, "same", "f");
    fs_link(dfs, NULL, "twice", "dir/same");
    fs_link(dfs, NULL, "root", "/");
    fs_link(dfs, NULL, "gone", "nowhere");
    fs_link(dfs, NULL, "loop", "loop");
    fs_link(dfs, NULL, "ping", "pong");
    fs_link(dfs, NULL, "pong", "ping");
    fs_link(dfs, NULL, "notdir", "d/g/x");
    assert_string_equal(follow(dfs, "/abs"), "hello");
    assert_string_equal(follow(dfs, "/rel"), "hello");
    assert_string_equal(follow(dfs, "/dir"), "dir");
    assert_string_equal(follow(dfs, "/dir/f"), "hello");
    assert_string_equal(follow(dfs, "/d/e/up"), "g");
    assert_string_equal(follow(dfs, "/dir/up"), "g");
    assert_string_equal(follow(dfs, "/d/e/same"), "hello");
    assert_string_equal(follow(dfs, "/twice"), "hello");
    assert_string_equal(follow(dfs, "/root"), "dir");
    assert_string_equal(follow(dfs, "/root/root/d/g"), "g");
    assert_string_equal(follow(dfs, "/gone"), "ENOENT");
    assert_string_equal(follow(dfs, "/loop"), "ELOOP");
    assert_string_equal(follow(dfs, "/ping"), "ELOOP");
    assert_string_equal(follow(dfs, "/ping/x"), "ELOOP");
    assert_string_equal(follow(dfs, "/notdir"), "ENOTDIR");
    assert_string_equal(follow(dfs, "/abs/x"), "ENOTDIR");

    /* a chain of 40 links is followed, one of 41 is not */
    fs_text(dfs, NULL, "l0", "end");
    for (int i = 1; i <= 41; i++) {
        snprintf(name, sizeof(name), "l%d", i);
        snprintf(target, sizeof(target), "l%d", i - 1);
        fs_link(dfs, NULL, name, target);
    }
    assert_string_equal(follow(dfs, "/l40"), "end");
    assert_string_equal(follow(dfs, "/l41"), "ELOOP");

    /* by name in a directory */
    OK(dfs_lookup_rel(dfs, e, "up", O_RDONLY, &obj, &mode, &st));
    assert_true(S_ISREG(mode));
    assert_int_equal(st.st_size, 1);
    OK(dfs_release(obj));
    IS(ENOENT, dfs_lookup_rel(dfs, NULL, "gone", O_RDONLY, &obj, NULL, NULL));
    OK(dfs_lookup_rel(dfs, NULL, "gone", O_RDONLY | O_NOFOLLOW, &obj, &mode, &st));
    assert_int_equal(mode, S_IFLNK | 0777);
    assert_int_equal(st.st_size, strlen("nowhere"));
    size = 0;
    OK(dfs_get_symlink_value(obj, NULL, &size));
    assert_int_equal(size, strlen("nowhere") + 1);
    size = sizeof(buf);
    OK(dfs_get_symlink_value(obj, buf, &size));
    assert_string_equal(buf, "nowhere");
    size = 4; /* what fits, always ended */
    OK(dfs_get_symlink_value(obj, buf, &size));
    assert_string_equal(buf, "now");
    assert_int_equal(size, 8);
    OK(dfs_release(obj));
    IS(EINVAL, dfs_get_symlink_value(d, buf, &size));

    IS(EEXIST, dfs_open(dfs, NULL, "gone", S_IFLNK, O_CREAT | O_RDWR, 0, 0, "x", &obj));
    IS(EINVAL, dfs_open(dfs, NULL, "new", S_IFLNK, O_CREAT | O_RDWR, 0, 0, NULL, &obj));
    IS(EINVAL, dfs_open(dfs, NULL, "new", S_IFLNK, O_CREAT | O_RDWR, 0, 0, "", &obj));
    memset(longest, 'x', sizeof(longest));
    longest[DFS_MAX_PATH] = '\0';
    IS(ENAMETOOLONG, dfs_open(dfs, NULL, "new", S_IFLNK, O_CREAT | O_RDWR, 0, 0, longest, &obj));
    longest[DFS_MAX_PATH - 1] = '\0';
    OK(dfs_open(dfs, NULL, "new", S_IFLNK, O_CREAT | O_RDWR, 0, 0, longest, &obj));
    OK(dfs_release(obj));
    OK(dfs_stat(dfs, NULL, "new", &st));
    assert_int_equal(st.st_size, DFS_MAX_PATH - 1);
    OK(dfs_release(e));
    OK(dfs_release(d));
    OK(dfs_umount(dfs));
}

static void opening(void **state)
{
    dfs_t *dfs = fs_mount(*state, O_RDWR);
    dfs_obj_t *d = fs_dir(dfs, NULL, "d"), *obj, *dup;
    daos_size_t size;
    daos_obj_id_t id, id2;
    char buf[8];
    mode_t mode;

    IS(ENOENT, dfs_open(dfs, NULL, "f", S_IFREG, O_RDWR, 0, 0, NULL, &obj));
    OK(dfs_open(dfs, NULL, "f", S_IFREG | 0640, O_CREAT | O_EXCL | O_RDWR, 0, 4096, NULL, &obj));
    OK(dfs_get_mode(obj, &mode));
    assert_int_equal(mode, S_IFREG | 0640);
    OK(dfs_get_chunk_size(obj, &size));
    assert_int_equal(size, 4096);
    OK(fs_write(dfs, obj, "12345", 5, 0));
    OK(dfs_obj2id(obj, &id));
    OK(dfs_release(obj));
    IS(EEXIST,
       dfs_open(dfs, NULL, "f", S_IFREG | 0640, O_CREAT | O_EXCL | O_RDWR, 0, 0, NULL, &obj));
    OK(dfs_open(dfs, NULL, "f", S_IFREG | 0777, O_CREAT | O_RDWR, 0, 0, NULL, &obj));
    OK(dfs_obj2id(obj, &id2));
    assert_memory_equal(&id, &id2, sizeof(id));
    OK(dfs_get_mode(obj, &mode));
    assert_int_equal(mode, S_IFREG | 0640); /* the mode is for creation only */
    OK(dfs_get_size(dfs, obj, &size));
    assert_int_equal(size, 5);
    OK(dfs_release(obj));
    OK(dfs_open(dfs, NULL, "f", S_IFREG, O_RDWR | O_TRUNC, 0, 0, NULL, &obj));
    OK(dfs_get_size(dfs, obj, &size));
    assert_int_equal(size, 0);
    OK(fs_write(dfs, obj, "again", 5, 0));

    /* a second handle with less rights */
    OK(dfs_dup(dfs, obj, O_RDONLY, &dup));
    IS(EPERM, fs_write(dfs, dup, "x", 1, 0));
    OK(dfs_release(obj));
    OK(fs_read(dfs, dup, buf, sizeof(buf), 0, &size));
    assert_int_equal(size, 5);
    OK(dfs_release(dup));
    IS(EINVAL, dfs_dup(dfs, NULL, O_RDONLY, &dup));
    OK(dfs_open(dfs, NULL, "f", S_IFREG, O_WRONLY, 0, 0, NULL, &obj));
    IS(EPERM, fs_read(dfs, obj, buf, sizeof(buf), 0, &size));
    OK(fs_write(dfs, obj, "A", 1, 0));
    OK(dfs_release(obj));
    SHOWS("Again", dfs, NULL, "f");

    IS(ENOTSUP, dfs_open(dfs, NULL, "f", S_IFREG, O_RDWR | O_APPEND, 0, 0, NULL, &obj));
    IS(EINVAL, dfs_open(dfs, NULL, "d", S_IFREG, O_RDONLY, 0, 0, NULL, &obj));
    IS(EINVAL, dfs_open(dfs, NULL, "d", S_IFREG | 0600, O_CREAT | O_RDWR, 0, 0, NULL, &obj));
    IS(ENOTDIR, dfs_open(dfs, NULL, "f", S_IFDIR, O_RDONLY, 0, 0, NULL, &obj));
    IS(EINVAL, dfs_open(dfs, NULL, "f", S_IFLNK, O_RDONLY, 0, 0, NULL, &obj));
    IS(EINVAL, dfs_open(dfs, NULL, "f", S_IFIFO, O_RDONLY, 0, 0, NULL, &obj));
    IS(EINVAL, dfs_open(dfs, NULL, "f", S_IFREG, O_RDONLY, 0, 0, NULL, NULL));
    IS(EINVAL, dfs_open(NULL, NULL, "f", S_IFREG, O_RDONLY, 0, 0, NULL, &obj));
    IS(ENOTSUP, dfs_open(dfs, NULL, "t", S_IFREG | S_ISVTX, O_CREAT | O_RDWR, 0, 0, NULL, &obj));
    IS(EEXIST, dfs_mkdir(dfs, NULL, "d", 0755, 0));
    IS(EEXIST, dfs_mkdir(dfs, NULL, "f", 0755, 0));
    IS(EEXIST,
       dfs_open(dfs, NULL, "d", S_IFDIR | 0755, O_CREAT | O_EXCL | O_RDWR, 0, 0, NULL, &obj));
    OK(dfs_open(dfs, NULL, "d", S_IFDIR | 0755, O_CREAT | O_RDWR, 0, 0, NULL, &obj));
    OK(dfs_release(obj));
    OK(dfs_open(dfs, d, "inner", S_IFDIR | 0755, O_CREAT | O_RDWR, 0, 0, NULL, &obj));
    OK(dfs_release(obj));
    SHOWS("dir", dfs, d, "inner");
    OK(dfs_open(dfs, NULL, "f", S_IFREG, O_RDONLY, 0, 0, NULL, &obj));
    IS(ENOTDIR, dfs_open(dfs, obj, "x", S_IFREG | 0600, O_CREAT | O_RDWR, 0, 0, NULL, &dup));
    IS(ENOTDIR, dfs_mkdir(dfs, obj, "x", 0755, 0));
    IS(ENOTDIR, dfs_remove(dfs, obj, "x", false, NULL));
    OK(dfs_release(obj));
    IS(EINVAL, dfs_release(NULL));
    OK(dfs_release(d));
    OK(dfs_umount(dfs));
}

static void removing(void **state)
{
    dfs_t *dfs = fs_mount(*state, O_RDWR);
    dfs_obj_t *d = fs_dir(dfs, NULL, "d"), *sub, *obj;
    daos_obj_id_t id, gone;
    daos_size_t size;
    char name[16];

    IS(ENOENT, dfs_remove(dfs, NULL, "x", false, NULL));
    IS(ENOENT, dfs_remove(dfs, NULL, "x", true, NULL));
    fs_text(dfs, NULL, "f", "data");
    OK(dfs_lookup(dfs, "/f", O_RDWR, &obj, NULL, NULL));
    OK(dfs_obj2id(obj, &id));
    OK(dfs_remove(dfs, NULL, "f", false, &gone));
    assert_memory_equal(&id, &gone, sizeof(id));
    OK(dfs_get_size(dfs, obj, &size)); /* the bytes went with the name */
    assert_int_equal(size, 0);
    OK(dfs_release(obj));
    IS(ENOENT, dfs_remove(dfs, NULL, "f", false, NULL));
    /* a new file of that name begins empty */
    OK(dfs_open(dfs, NULL, "f", S_IFREG | 0600, O_CREAT | O_EXCL | O_RDWR, 0, 0, NULL, &obj));
    OK(dfs_get_size(dfs, obj, &size));
    assert_int_equal(size, 0);
    OK(dfs_release(obj));

    fs_link(dfs, NULL, "l", "/d");
    fs_text(dfs, d, "in", "x");
    OK(dfs_remove(dfs, NULL, "l", false, NULL)); /* the link, not what it leads to */
    IS(ENOTEMPTY, dfs_remove(dfs, NULL, "d", false, NULL));
    SHOWS("x", dfs, d, "in");
    OK(dfs_remove(dfs, d, "in", false, NULL));
    OK(dfs_remove(dfs, NULL, "d", false, NULL));
    OK(dfs_release(d));
    SHOWS("ENOENT", dfs, NULL, "d");

    /* a tree at once */
    d = fs_dir(dfs, NULL, "d");
    sub = fs_dir(dfs, d, "sub");
    for (int i = 0; i < 150; i++) {
        snprintf(name, sizeof(name), "f%d", i);
        fs_text(dfs, i % 2 ? d : sub, name, name);
    }
    fs_link(dfs, sub, "l", "/f");
    OK(dfs_release(sub));
    OK(dfs_release(d));
    IS(ENOTEMPTY, dfs_remove(dfs, NULL, "d", false, NULL));
    OK(dfs_remove(dfs, NULL, "d", true, NULL));
    SHOWS("ENOENT", dfs, NULL, "d");
    SHOWS("", dfs, NULL, "f");
    assert_int_equal(fs_count(dfs, NULL), 1);
    /* a new directory of that name begins empty */
    d = fs_dir(dfs, NULL, "d");
    assert_int_equal(fs_count(dfs, d), 0);
    OK(dfs_release(d));
    OK(dfs_umount(dfs));
}

static void moving(void **state)
{
    dfs_t *dfs = fs_mount(*state, O_RDWR);
    dfs_obj_t *a = fs_dir(dfs, NULL, "a"), *b = fs_dir(dfs, NULL, "b"), *c = fs_dir(dfs, a, "c"),
              *obj;
    daos_obj_id_t id, old, nil = {0};

    fs_text(dfs, NULL, "f", "one");
    memset(&old, 0xff, sizeof(old));
    OK(dfs_move(dfs, NULL, "f", a, "g", &old));
    assert_memory_equal(&old, &nil, sizeof(nil)); /* nothing was replaced */
    SHOWS("ENOENT", dfs, NULL, "f");
    SHOWS("one", dfs, a, "g");

    /* over a file: what was there is gone, and named */
    fs_text(dfs, NULL, "h", "two");
    OK(dfs_lookup(dfs, "/h", O_RDONLY, &obj, NULL, NULL));
    OK(dfs_obj2id(obj, &id));
    OK(dfs_release(obj));
    OK(dfs_move(dfs, a, "g", NULL, "h", &old));
    assert_memory_equal(&old, &id, sizeof(id));
    SHOWS("one", dfs, NULL, "h");
    SHOWS("ENOENT", dfs, a, "g");

    /* links move as links */
    fs_link(dfs, NULL, "l", "../h");
    OK(dfs_move(dfs, NULL, "l", a, "l2", NULL));
    SHOWS("-> ../h", dfs, a, "l2");
    OK(dfs_move(dfs, a, "l2", NULL, "h2", NULL));
    fs_text(dfs, NULL, "h3", "three");
    OK(dfs_move(dfs, NULL, "h2", NULL, "h3", NULL)); /* a link over a file */
    SHOWS("-> ../h", dfs, NULL, "h3");
    OK(dfs_move(dfs, NULL, "h", NULL, "h3", NULL)); /* a file over a link */
    SHOWS("one", dfs, NULL, "h3");

    /* directories: over an empty one, not over a full one */
    fs_text(dfs, c, "deep", "deep");
    OK(dfs_move(dfs, NULL, "a", NULL, "b", NULL));
    SHOWS("ENOENT", dfs, NULL, "a");
    SHOWS("dir", dfs, a, "c"); /* a's handle now shows what is called b */
    OK(dfs_lookup(dfs, "/b/c/deep", O_RDONLY, &obj, NULL, NULL));
    OK(dfs_release(obj));
    OK(dfs_mkdir(dfs, NULL, "e", 0755, 0));
    IS(ENOTEMPTY, dfs_move(dfs, NULL, "e", NULL, "b", NULL));
    SHOWS("dir", dfs, NULL, "e");
    IS(EINVAL, dfs_move(dfs, NULL, "h3", NULL, "e", NULL)); /* a file over a directory */
    IS(ENOTDIR, dfs_move(dfs, NULL, "e", NULL, "h3", NULL));
    SHOWS("one", dfs, NULL, "h3");

    /* not into itself, at any depth */
    OK(dfs_lookup(dfs, "/b", O_RDWR, &obj, NULL, NULL));
    IS(EINVAL, dfs_move(dfs, NULL, "b", obj, "b2", NULL));
    OK(dfs_release(obj));
    OK(dfs_lookup(dfs, "/b/c", O_RDWR, &obj, NULL, NULL));
    IS(EINVAL, dfs_move(dfs, NULL, "b", obj, "b2", NULL));
    OK(dfs_release(obj));
    SHOWS("dir", dfs, NULL, "b");

    /* onto itself: nothing happens */
    OK(dfs_move(dfs, NULL, "h3", NULL, "h3", NULL));
    SHOWS("one", dfs, NULL, "h3");
    OK(dfs_move(dfs, NULL, "b", NULL, "b", NULL));
    IS(ENOENT, dfs_move(dfs, NULL, "x", NULL, "x", NULL));
    IS(ENOENT, dfs_move(dfs, NULL, "x", NULL, "y", NULL));
    OK(dfs_lookup(dfs, "/h3", O_RDWR, &obj, NULL, NULL));
    IS(ENOTDIR, dfs_move(dfs, NULL, "h3", obj, "y", NULL));
    OK(dfs_release(obj));
    OK(dfs_release(a));
    OK(dfs_release(b));
    OK(dfs_release(c));
    OK(dfs_umount(dfs));
}

/* All of an entry moves: mode, times, extended attributes, however many and large. */
static void moving_everything(void **state)
{
    dfs_t *dfs = fs_mount(*state, O_RDWR);
    dfs_obj_t *d = fs_dir(dfs, NULL, "d"), *obj;
    char *big = calloc(1, DFS_MAX_XATTR_LEN), *back = calloc(1, DFS_MAX_XATTR_LEN), name[32];
    struct stat before, after;
    daos_size_t size;

    memset(big, 'b', DFS_MAX_XATTR_LEN);
    fs_text(dfs, NULL, "f", "data");
    OK(dfs_lookup(dfs, "/f", O_RDWR, &obj, NULL, NULL));
    for (int i = 0; i < 70; i++) {
        snprintf(name, sizeof(name), "user.%d", i);
        OK(dfs_setxattr(dfs, obj, name, name, strlen(name), 0));
    }
    OK(dfs_setxattr(dfs, obj, "user.big", big, DFS_MAX_XATTR_LEN, 0));
    OK(dfs_setxattr(dfs, obj, "user.empty", NULL, 0, 0));
    OK(dfs_chmod(dfs, NULL, "f", 0604));
    before = (struct stat){.st_mtim = {1000000000, 123456789}};
    OK(dfs_osetattr(dfs, obj, &before, DFS_SET_ATTR_MTIME));
    OK(dfs_stat(dfs, NULL, "f", &before));
    assert_int_equal(before.st_mtim.tv_sec, 1000000000);
    OK(dfs_release(obj));

    OK(dfs_move(dfs, NULL, "f", d, "g", NULL));
    OK(dfs_stat(dfs, d, "g", &after));
    assert_int_equal(after.st_mode, S_IFREG | 0604);
    assert_int_equal(after.st_size, 4);
    assert_memory_equal(&after.st_mtim, &before.st_mtim, sizeof(after.st_mtim));
    assert_true(after.st_ctim.tv_sec > before.st_ctim.tv_sec ||
                after.st_ctim.tv_nsec > before.st_ctim.tv_nsec);
    OK(dfs_lookup(dfs, "/d/g", O_RDWR, &obj, NULL, NULL));
    for (int i = 0; i < 70; i++) {
        char value[32] = "";

        snprintf(name, sizeof(name), "user.%d", i);
        size = sizeof(value);
        OK(dfs_getxattr(dfs, obj, name, value, &size));
        assert_string_equal(value, name);
    }
    size = DFS_MAX_XATTR_LEN;
    OK(dfs_getxattr(dfs, obj, "user.big", back, &size));
    assert_int_equal(size, DFS_MAX_XATTR_LEN);
    assert_memory_equal(big, back, DFS_MAX_XATTR_LEN);
    size = 5;
    OK(dfs_getxattr(dfs, obj, "user.empty", back, &size));
    assert_int_equal(size, 0);
    OK(dfs_release(obj));

    /* a file that takes a name does not inherit what hung on it */
    fs_text(dfs, NULL, "plain", "plain");
    OK(dfs_move(dfs, NULL, "plain", d, "g", NULL));
    OK(dfs_lookup(dfs, "/d/g", O_RDWR, &obj, NULL, NULL));
    size = 0;
    OK(dfs_listxattr(dfs, obj, NULL, &size));
    assert_int_equal(size, 0);
    OK(dfs_release(obj));
    free(big);
    free(back);
    OK(dfs_release(d));
    OK(dfs_umount(dfs));
}

static void exchanging(void **state)
{
    dfs_t *dfs = fs_mount(*state, O_RDWR);
    dfs_obj_t *d = fs_dir(dfs, NULL, "d"), *obj, *inner;
    daos_size_t size = 8;
    char buf[8] = "";

    fs_text(dfs, NULL, "f", "one");
    fs_text(dfs, d, "g", "two");
    OK(dfs_lookup(dfs, "/f", O_RDWR, &obj, NULL, NULL));
    OK(dfs_setxattr(dfs, obj, "user.mine", "f", 1, 0));
    OK(dfs_release(obj));
    OK(dfs_exchange(dfs, NULL, "f", d, "g"));
    SHOWS("two", dfs, NULL, "f");
    SHOWS("one", dfs, d, "g");
    OK(dfs_lookup(dfs, "/d/g", O_RDWR, &obj, NULL, NULL));
    OK(dfs_getxattr(dfs, obj, "user.mine", buf, &size));
    assert_string_equal(buf, "f");
    OK(dfs_release(obj));
    OK(dfs_lookup(dfs, "/f", O_RDWR, &obj, NULL, NULL));
    size = 8;
    IS(ENODATA, dfs_getxattr(dfs, obj, "user.mine", buf, &size));
    OK(dfs_release(obj));

    fs_link(dfs, NULL, "l", "t");
    OK(dfs_exchange(dfs, NULL, "l", NULL, "f"));
    SHOWS("-> t", dfs, NULL, "f");
    SHOWS("two", dfs, NULL, "l");
    /* a directory, full or not, with a file */
    OK(dfs_exchange(dfs, NULL, "d", NULL, "l"));
    SHOWS("two", dfs, NULL, "d");
    SHOWS("dir", dfs, NULL, "l");
    OK(dfs_lookup(dfs, "/l/g", O_RDONLY, &obj, NULL, NULL));
    OK(dfs_release(obj));
    OK(dfs_exchange(dfs, NULL, "l", NULL, "d"));

    OK(dfs_exchange(dfs, NULL, "f", NULL, "f"));
    SHOWS("-> t", dfs, NULL, "f");
    IS(ENOENT, dfs_exchange(dfs, NULL, "f", NULL, "x"));
    IS(ENOENT, dfs_exchange(dfs, NULL, "x", NULL, "f"));
    inner = fs_dir(dfs, d, "inner");
    IS(EINVAL, dfs_exchange(dfs, NULL, "d", d, "inner"));
    IS(EINVAL, dfs_exchange(dfs, d, "inner", NULL, "d"));
    OK(dfs_release(inner));
    OK(dfs_release(d));
    OK(dfs_umount(dfs));
}

/* A program that moves a name itself tells its open objects. */
static void told_of_a_move(void **state)
{
    dfs_t *dfs = fs_mount(*state, O_RDWR);
    dfs_obj_t *d = fs_dir(dfs, NULL, "d"), *f, *other;
    struct stat st;

    fs_text(dfs, NULL, "f", "hello");
    fs_text(dfs, d, "other", "");
    OK(dfs_lookup(dfs, "/f", O_RDWR, &f, NULL, NULL));
    OK(dfs_lookup(dfs, "/d/other", O_RDWR, &other, NULL, NULL));
    OK(dfs_move(dfs, NULL, "f", NULL, "g", NULL));
    IS(ENOENT, dfs_ostat(dfs, f, &st));
    OK(dfs_update_parent(f, NULL, "g")); /* another name in the same directory */
    OK(dfs_ostat(dfs, f, &st));
    OK(dfs_move(dfs, NULL, "g", d, "h", NULL));
    OK(dfs_update_parent(f, other, "h")); /* where other is */
    OK(dfs_ostat(dfs, f, &st));
    assert_int_equal(st.st_size, 5);

    /* what is no name changes nothing */
    IS(EINVAL, dfs_update_parent(NULL, other, "h"));
    OK(dfs_release(other));
    OK(dfs_open(dfs, NULL, "top", S_IFREG | 0600, O_CREAT | O_RDWR, 0, 0, NULL, &other));
    IS(EINVAL, dfs_update_parent(f, other, "a/b"));
    IS(EINVAL, dfs_update_parent(f, other, ""));
    OK(dfs_ostat(dfs, f, &st));
    OK(dfs_update_parent(f, NULL, NULL));
    OK(dfs_ostat(dfs, f, &st));
    OK(dfs_release(other));

    /* the other's name too */
    OK(dfs_lookup(dfs, "/d/other", O_RDWR, &other, NULL, NULL));
    OK(dfs_move(dfs, d, "h", d, "other", NULL));
    OK(dfs_update_parent(f, other, NULL));
    OK(dfs_ostat(dfs, f, &st));
    assert_int_equal(st.st_size, 5);
    OK(dfs_release(other));
    OK(dfs_release(f));
    OK(dfs_release(d));
    OK(dfs_umount(dfs));
}

API_MAIN(FS_TEST(names_that_may_not_be), FS_TEST(paths), FS_TEST(symbolic_links),
         FS_TEST(links_through_dots), FS_TEST(opening), FS_TEST(removing), FS_TEST(moving),
         FS_TEST(moving_everything), FS_TEST(exchanging), FS_TEST(told_of_a_move))
