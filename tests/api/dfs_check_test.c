/* dfs_cont_check(): what no name leads to is found, removed, linked, read. */
#include "dfs_api.h"

static char inode_key[] = "DFS_INODE";

/* The names of a directory as dkeys of its object. */
static daos_handle_t names_of(struct api *a, dfs_obj_t *dir)
{
    daos_obj_id_t oid;
    daos_handle_t oh;

    OK(dfs_obj2id(dir, &oid));
    OK(daos_obj_open(a->coh, oid, DAOS_OO_RW, &oh, NULL));
    return oh;
}

/* Takes a name away, and leaves what it leads to. */
static void lose(struct api *a, dfs_obj_t *dir, const char *name)
{
    daos_handle_t oh = names_of(a, dir);
    daos_key_t dkey;

    d_iov_set(&dkey, (void *)name, strlen(name));
    OK(daos_obj_punch_dkeys(oh, DAOS_TX_NONE, 0, 1, &dkey, NULL));
    OK(daos_obj_close(oh, NULL));
}

/* to/name becomes another name of from/name: no program can make that with libdfs. */
static void also(struct api *a, dfs_obj_t *from, const char *name, dfs_obj_t *to, const char *other)
{
    daos_handle_t src = names_of(a, from), dst = names_of(a, to);
    char record[88];
    daos_recx_t recx = {0, sizeof(record)};
    daos_iod_t iod = {.iod_type = DAOS_IOD_ARRAY, .iod_size = 1, .iod_nr = 1, .iod_recxs = &recx};
    d_iov_t iov;
    d_sg_list_t sgl = {.sg_nr = 1, .sg_iovs = &iov};
    daos_key_t dkey;

    d_iov_set(&iod.iod_name, inode_key, strlen(inode_key));
    d_iov_set(&iov, record, sizeof(record));
    d_iov_set(&dkey, (void *)name, strlen(name));
    OK(daos_obj_fetch(src, DAOS_TX_NONE, 0, &dkey, 1, &iod, &sgl, NULL, NULL));
    assert_int_equal(iov.iov_len, sizeof(record));
    d_iov_set(&dkey, (void *)other, strlen(other));
    OK(daos_obj_update(dst, DAOS_TX_NONE, 0, &dkey, 1, &iod, &sgl, NULL));
    OK(daos_obj_close(src, NULL));
    OK(daos_obj_close(dst, NULL));
}

/* Nobody may have the container open meanwhile. */
static void leave(struct api *a, dfs_t *dfs)
{
    OK(dfs_umount(dfs));
    OK(daos_cont_close(a->coh, NULL));
}

static dfs_t *enter(struct api *a)
{
    OK(daos_cont_open(a->poh, a->label, DAOS_COO_RW, &a->coh, NULL, NULL));
    return fs_mount(a, O_RDWR);
}

/* What it prints, in static memory. */
static const char *checked(struct api *a, uint64_t flags, const char *name, int *rc)
{
    struct fs_print p = fs_print_begin();

    *rc = dfs_cont_check(a->poh, a->label, flags, name);
    return fs_print_end(p);
}

static void says(struct api *a, uint64_t flags, const char *name, const char *what)
{
    int rc;
    const char *text = checked(a, flags, name, &rc);

    OK(rc);
    if (strstr(text, what) == NULL)
        fail_msg("it says: %s", text);
}

static uint32_t found_in(dfs_t *dfs, const char *path)
{
    dfs_obj_t *dir;
    uint32_t nr;

    OK(dfs_lookup(dfs, path, O_RDONLY, &dir, NULL, NULL));
    nr = fs_count(dfs, dir);
    OK(dfs_release(dir));
    return nr;
}

/* /keep/file, /link, /empty; and lost: a file, a directory with a file and a directory in it. */
static dfs_t *some_lost(struct api *a)
{
    dfs_t *dfs = fs_mount(a, O_RDWR);
    dfs_obj_t *root, *keep = fs_dir(dfs, NULL, "keep"), *gone = fs_dir(dfs, NULL, "gone"),
                     *in = fs_dir(dfs, gone, "in");

    OK(dfs_lookup(dfs, "/", O_RDWR, &root, NULL, NULL));
    fs_text(dfs, keep, "file", "kept");
    fs_file(dfs, NULL, "empty", "", 0);
    fs_link(dfs, NULL, "link", "keep");
    fs_text(dfs, NULL, "lost", "lost, and found");
    fs_text(dfs, gone, "a", "one");
    fs_text(dfs, in, "b", "two");
    lose(a, root, "lost");
    lose(a, root, "gone");
    OK(dfs_release(in));
    OK(dfs_release(gone));
    OK(dfs_release(keep));
    OK(dfs_release(root));
    return dfs;
}

static void nothing_is_lost(void **state)
{
    struct api *a = *state;
    dfs_t *dfs = fs_mount(a, O_RDWR);
    dfs_obj_t *d = fs_dir(dfs, NULL, "d");
    char name[16];

    for (int i = 0; i < 300; i++) {
        snprintf(name, sizeof(name), "f%d", i);
        fs_text(dfs, d, name, name);
    }
    OK(dfs_release(d));
    leave(a, dfs);
    says(a, DFS_CHECK_PRINT | DFS_CHECK_REMOVE | DFS_CHECK_VERIFY, NULL,
         "no name leads to 0 files and 0 directories\n"
         "  300 files read, 0 of them damaged\n"
         "  0 removed\n");
    says(a, DFS_CHECK_RELINK, NULL, "0 files");
    dfs = enter(a);
    assert_int_equal(fs_count(dfs, NULL), 1); /* no lost+found */
    assert_int_equal(found_in(dfs, "/d"), 300);
    OK(dfs_umount(dfs));
}

static void what_is_lost_is_removed(void **state)
{
    struct api *a = *state;
    dfs_t *dfs;
    const char *text;
    int rc;

    leave(a, some_lost(a));
    text = checked(a, DFS_CHECK_PRINT, NULL, &rc);
    OK(rc);
    assert_non_null(strstr(text, "no name leads to 3 files and 2 directories\n"));
    for (int i = 0; i < 5; i++) {
        text = strstr(text, "\n  no name leads to ");
        assert_non_null(text);
        text++;
    }
    assert_null(strstr(text, "\n  no name leads to "));
    says(a, DFS_CHECK_VERIFY, NULL, "4 files read, 0 of them damaged");
    says(a, DFS_CHECK_REMOVE, NULL, "5 removed");
    says(a, DFS_CHECK_PRINT, NULL, "no name leads to 0 files and 0 directories");
    dfs = enter(a);
    assert_int_equal(fs_count(dfs, NULL), 3);
    assert_int_equal(found_in(dfs, "/keep"), 1);
    OK(dfs_umount(dfs));
}

static void what_is_lost_is_linked(void **state)
{
    struct api *a = *state;
    struct dirent ents[8];
    daos_anchor_t anchor = {0};
    dfs_obj_t *dir;
    uint32_t nr = 8;
    dfs_t *dfs;
    bool file = false, tree = false;

    leave(a, some_lost(a));
    says(a, DFS_CHECK_RELINK, "here", "2 linked in /lost+found/here");
    says(a, DFS_CHECK_PRINT, NULL, "no name leads to 0 files and 0 directories");
    dfs = enter(a);
    OK(dfs_lookup(dfs, "/lost+found/here", O_RDWR, &dir, NULL, NULL));
    OK(dfs_readdir(dfs, dir, &anchor, &nr, ents));
    assert_int_equal(nr, 2);
    for (uint32_t i = 0; i < nr; i++) {
        const char *shown = fs_show(dfs, dir, ents[i].d_name);
        char path[400];

        file = file || strcmp(shown, "lost, and found") == 0;
        if (strcmp(shown, "dir") != 0)
            continue;
        snprintf(path, sizeof(path), "/lost+found/here/%s", ents[i].d_name);
        assert_int_equal(found_in(dfs, path), 2);
        strcat(path, "/in");
        assert_int_equal(found_in(dfs, path), 1);
        OK(dfs_remove(dfs, dir, ents[i].d_name, true, NULL)); /* as any other */
        tree = true;
    }
    assert_true(file && tree);
    OK(dfs_release(dir));
    leave(a, dfs);
    says(a, DFS_CHECK_RELINK, NULL, "no name leads to 0 files and 0 directories");
    OK(daos_cont_open(a->poh, a->label, DAOS_COO_RW, &a->coh, NULL, NULL));
}

/* Two directories that have each other, and nobody else has: a walk ends, and both are found. */
static void a_circle_is_linked(void **state)
{
    struct api *a = *state;
    dfs_t *dfs = fs_mount(a, O_RDWR);
    dfs_obj_t *root, *one = fs_dir(dfs, NULL, "one"), *two = fs_dir(dfs, one, "two");

    OK(dfs_lookup(dfs, "/", O_RDWR, &root, NULL, NULL));
    also(a, root, "one", two, "up");
    lose(a, root, "one");
    OK(dfs_release(root));
    OK(dfs_release(two));
    OK(dfs_release(one));
    leave(a, dfs);
    says(a, DFS_CHECK_RELINK, NULL, "1 linked in /lost+found/20");
    says(a, DFS_CHECK_PRINT, NULL, "no name leads to 0 files and 0 directories");
    OK(daos_cont_open(a->poh, a->label, DAOS_COO_RW, &a->coh, NULL, NULL));
}

/* Objects that no file system makes are not its to remove. */
static void others_are_left_alone(void **state)
{
    struct api *a = *state;
    dfs_t *dfs = fs_mount(a, O_RDWR);
    daos_handle_t oh;
    daos_obj_id_t oid = {.lo = 77};
    daos_size_t len = 1;
    char c = 'x';

    OK(daos_obj_generate_oid(a->coh, &oid, DAOS_OT_KV_HASHED, 0, 0, 0));
    OK(daos_kv_open(a->coh, oid, DAOS_OO_RW, &oh, NULL));
    OK(daos_kv_put(oh, DAOS_TX_NONE, 0, "k", 1, &c, NULL));
    OK(daos_kv_close(oh, NULL));
    leave(a, dfs);
    says(a, DFS_CHECK_REMOVE, NULL, "  0 removed");
    OK(daos_cont_open(a->poh, a->label, DAOS_COO_RW, &a->coh, NULL, NULL));
    OK(daos_kv_open(a->coh, oid, DAOS_OO_RW, &oh, NULL));
    OK(daos_kv_get(oh, DAOS_TX_NONE, 0, "k", &len, &c, NULL));
    assert_int_equal(len, 1);
    OK(daos_kv_close(oh, NULL));
}

static void what_is_refused(void **state)
{
    struct api *a = *state;
    char longer[DFS_MAX_NAME + 2];
    dfs_t *dfs = some_lost(a);
    int rc;

    memset(longer, 'n', sizeof(longer) - 1);
    longer[sizeof(longer) - 1] = '\0';
    IS(EBUSY, dfs_cont_check(a->poh, a->label, DFS_CHECK_PRINT, NULL)); /* we have it open */
    IS(EINVAL, dfs_cont_check(a->poh, NULL, DFS_CHECK_PRINT, NULL));
    IS(EINVAL, dfs_cont_check(a->poh, a->label, 32, NULL));
    IS(EINVAL, dfs_cont_check(a->poh, a->label, DFS_CHECK_REMOVE | DFS_CHECK_RELINK, NULL));
    IS(EINVAL, dfs_cont_check(a->poh, a->label, DFS_CHECK_RELINK, "a/b"));
    IS(EINVAL, dfs_cont_check(a->poh, a->label, DFS_CHECK_RELINK, ""));
    assert_int_not_equal(dfs_cont_check(a->poh, a->label, DFS_CHECK_RELINK, longer), 0);
    IS(ENOENT, dfs_cont_check(a->poh, "none", DFS_CHECK_PRINT, NULL));
    /* who has it open loses it */
    assert_non_null(strstr(checked(a, DFS_CHECK_PRINT | DFS_CHECK_EVICT_ALL, NULL, &rc),
                           "no name leads to 3 files and 2 directories"));
    OK(rc);
    assert_int_not_equal(dfs_access(dfs, NULL, "keep", F_OK), 0);
    dfs_umount(dfs);
    daos_cont_close(a->coh, NULL);
    OK(daos_cont_open(a->poh, a->label, DAOS_COO_RW, &a->coh, NULL, NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FS_TEST(nothing_is_lost),        FS_TEST(what_is_lost_is_removed),
        FS_TEST(what_is_lost_is_linked), FS_TEST(a_circle_is_linked),
        FS_TEST(others_are_left_alone),  FS_TEST(what_is_refused),
    };

    return cmocka_run_group_tests(tests, api_group_setup, api_group_teardown);
}
