/* A directory is where its "." says, as long as it is: nothing is put into one that was removed,
 * and none ends in its own inside, whatever the handles of those who have it open remember. */
#include "dfs_api.h"
#include "dfs/dfs_fast.h"
#include "dfs/dfs_int.h"

/* Objects that the container holds now. */
static uint32_t objects(struct api *a)
{
    daos_obj_id_t oid[64];
    daos_anchor_t anchor = {0};
    daos_epoch_t epoch;
    daos_handle_t oh;
    uint32_t n = 0;

    OK(daos_cont_create_snap(a->coh, &epoch, NULL, NULL));
    OK(daos_oit_open(a->coh, epoch, &oh, NULL));
    while (!daos_anchor_is_eof(&anchor)) {
        uint32_t nr = ARRAY_LEN(oid);

        OK(daos_oit_list(oh, oid, &nr, &anchor, NULL));
        n += nr;
    }
    OK(daos_oit_close(oh, NULL));
    OK(daos_cont_destroy_snap(a->coh, (daos_epoch_range_t){epoch, epoch}, NULL));
    return n;
}

static int create(dfs_t *dfs, dfs_obj_t *dir, const char *name, int flags)
{
    dfs_obj_t *obj;
    int rc = dfs_open(dfs, dir, name, S_IFREG | 0644, O_CREAT | O_RDWR | flags, 0, 0, NULL, &obj);

    return rc ? rc : dfs_release(obj);
}

/* Everything that puts a name into a directory, into one that has gone. */
static void takes_nothing(dfs_t *dfs, dfs_obj_t *dir)
{
    struct stat st = {.st_mode = S_IFREG | 0644};
    char byte = 'x';
    d_iov_t iov;
    d_sg_list_t sgl = {.sg_nr = 1, .sg_iovs = &iov};
    dfs_obj_t *obj;

    d_iov_set(&iov, &byte, 1);
    IS(ENOENT, create(dfs, dir, "n", 0));
    IS(ENOENT, create(dfs, dir, "n", O_EXCL));
    IS(ENOENT, dfs_mkdir(dfs, dir, "n", 0755, 0));
    IS(ENOENT, dfs_open(dfs, dir, "n", S_IFDIR | 0755, O_CREAT | O_RDWR, 0, 0, NULL, &obj));
    IS(ENOENT, dfs_open(dfs, dir, "n", S_IFLNK, O_CREAT | O_RDWR, 0, 0, "t", &obj));
    IS(ENOENT, dfs_put_file(dfs, dir, "n", &st, &sgl, false, NULL, NULL));
    IS(ENOENT, dfs_put_file(dfs, dir, "n", &st, &sgl, true, NULL, NULL));
    IS(ENOENT, dfs_move(dfs, NULL, "file", dir, "n", NULL));
    IS(ENOENT, dfs_move(dfs, NULL, "dir", dir, "n", NULL));
    IS(ENOENT, dfs_exchange(dfs, NULL, "file", dir, "n"));
    IS(ENOENT, dfs_remove(dfs, dir, "n", false, NULL));
    IS(ENOENT, dfs_stat(dfs, dir, "n", &st));
}

static void a_directory_that_was_removed(void **state)
{
    struct api *a = *state;
    dfs_t *dfs = fs_mount(a, O_RDWR), *other = fs_mount(a, O_RDWR);
    dfs_obj_t *d, *e;
    uint32_t before;

    fs_text(dfs, NULL, "file", "text");
    OK(dfs_mkdir(dfs, NULL, "dir", 0755, 0));
    before = objects(a);
    d = fs_dir(dfs, NULL, "d");
    e = fs_dir(dfs, NULL, "e");
    fs_text(dfs, d, "f", "text");
    IS(ENOTEMPTY, dfs_remove(other, NULL, "d", false, NULL));
    OK(dfs_remove(other, NULL, "d", true, NULL));
    takes_nothing(dfs, d);
    OK(dfs_mkdir(other, NULL, "d", 0755, 0)); /* another one of that name makes no difference */
    takes_nothing(dfs, d);
    OK(dfs_move(other, NULL, "d", NULL, "e", NULL)); /* replaced */
    takes_nothing(dfs, e);
    assert_int_equal(objects(a), before + 1);
    OK(dfs_remove(dfs, NULL, "e", false, NULL));
    assert_int_equal(objects(a), before);
    OK(dfs_release(d));
    OK(dfs_release(e));
    OK(dfs_umount(dfs));
    OK(dfs_umount(other));
}

static void handles_that_remember_another_way(void **state)
{
    dfs_t *dfs = fs_mount(*state, O_RDWR), *other = fs_mount(*state, O_RDWR);
    dfs_obj_t *a = fs_dir(dfs, NULL, "a"), *b = fs_dir(dfs, a, "b"), *x = fs_dir(dfs, NULL, "x"),
              *y = fs_dir(dfs, NULL, "y"), *z = fs_dir(dfs, y, "z");
    dfs_obj_t *obj;

    /* b was opened below a, and is not there any more */
    OK(dfs_move(other, a, "b", NULL, "b", NULL));
    OK(dfs_move(dfs, NULL, "a", b, "a", NULL));
    OK(dfs_lookup(dfs, "/b/a", O_RDONLY, &obj, NULL, NULL));
    OK(dfs_release(obj));
    IS(EINVAL, dfs_move(dfs, NULL, "b", a, "b", NULL));

    /* x was opened in the root, and is below y now, and below that again */
    OK(dfs_move(other, NULL, "x", z, "x", NULL));
    IS(EINVAL, dfs_move(dfs, NULL, "y", x, "y", NULL));
    IS(EINVAL, dfs_move(dfs, y, "z", x, "z", NULL));
    OK(dfs_mkdir(dfs, x, "in", 0755, 0));
    IS(EINVAL, dfs_exchange(dfs, NULL, "y", x, "in"));
    IS(EINVAL, dfs_exchange(dfs, x, "in", NULL, "y"));
    IS(EINVAL, dfs_exchange(dfs, y, "z", x, "in"));

    /* exchanged, both know where they are */
    OK(dfs_exchange(other, z, "x", NULL, "b")); /* /b/in, /y/z/x/a */
    IS(EINVAL, dfs_move(dfs, NULL, "y", b, "y", NULL));
    OK(dfs_move(dfs, NULL, "y", x, "y", NULL));
    OK(dfs_lookup(dfs, "/b/y/z/x/a", O_RDONLY, &obj, NULL, NULL));
    OK(dfs_release(obj));
    IS(EINVAL, dfs_move(dfs, NULL, "b", a, "b", NULL));
    OK(dfs_remove(dfs, NULL, "b", true, NULL));
    OK(dfs_release(a));
    OK(dfs_release(b));
    OK(dfs_release(x));
    OK(dfs_release(y));
    OK(dfs_release(z));
    OK(dfs_umount(dfs));
    OK(dfs_umount(other));
}

static int count(dfs_t *dfs, dfs_obj_t *obj, const char *name, void *arg)
{
    assert_string_not_equal(name, ".");
    ++*(int *)arg;
    return 0;
}

static void nobody_sees_it(void **state)
{
    dfs_t *dfs = fs_mount(*state, O_RDWR);
    dfs_obj_t *d = fs_dir(dfs, NULL, "d"), *obj;
    daos_anchor_t anchor = {0};
    struct dirent ents[4];
    struct stat st[4];
    uint32_t nr = 4, seen = 0;
    int n = 0;

    OK(dfs_readdir(dfs, d, &anchor, &nr, ents));
    assert_int_equal(nr, 0);
    for (int i = 0; i < 5; i++) {
        char name[16];

        snprintf(name, sizeof(name), "f%d", i);
        fs_text(dfs, d, name, "x");
    }
    for (memset(&anchor, 0, sizeof(anchor)); !daos_anchor_is_eof(&anchor); seen += nr) {
        nr = 1;
        OK(dfs_readdirplus(dfs, d, &anchor, &nr, ents, st));
        assert_true(nr == 0 || ents[0].d_name[0] == 'f');
    }
    assert_int_equal(seen, 5);
    for (memset(&anchor, 0, sizeof(anchor)), seen = 0; !daos_anchor_is_eof(&anchor); seen += nr) {
        nr = 2;
        OK(dfs_iterate(dfs, d, &anchor, &nr, 4096, count, &n));
    }
    assert_int_equal(n, 5);
    assert_int_equal(seen, 5);
    IS(EINVAL, dfs_lookup_rel(dfs, d, ".", O_RDONLY, &obj, NULL, NULL));
    IS(EINVAL, dfs_remove(dfs, d, ".", true, NULL));
    IS(EINVAL, dfs_move(dfs, d, ".", NULL, "x", NULL));
    OK(dfs_release(d));
    OK(dfs_umount(dfs));
}

/* The time of a directory is that of its names, not of its moves. */
static void moves_are_no_changes(void **state)
{
    dfs_t *dfs = fs_mount(*state, O_RDWR);
    dfs_obj_t *d = fs_dir(dfs, NULL, "d"), *e = fs_dir(dfs, NULL, "e");
    struct stat before, after;

    OK(dfs_stat(dfs, NULL, "d", &before));
    OK(dfs_move(dfs, NULL, "d", e, "d", NULL));
    OK(dfs_stat(dfs, e, "d", &after));
    assert_memory_equal(&before.st_mtim, &after.st_mtim, sizeof(before.st_mtim));
    OK(dfs_release(d));
    OK(dfs_release(e));
    OK(dfs_umount(dfs));
}

static void set_layout(struct api *a, uint16_t layout)
{
    dfs_t *dfs = fs_mount(a, O_RDWR);
    daos_key_t dkey, dot, moves;
    daos_iod_t iod = {.iod_type = DAOS_IOD_SINGLE, .iod_nr = 1, .iod_size = sizeof(layout)};
    d_iov_t iov;
    d_sg_list_t sgl = {.sg_nr = 1, .sg_iovs = &iov};
    daos_handle_t sb, root;

    d_iov_set(&dkey, "DFS_SB_METADATA", 15);
    d_iov_set(&moves, "DFS_MOVES", 9);
    d_iov_set(&dot, ".", 1);
    d_iov_set(&iod.iod_name, "DFS_LAYOUT_VERSION", 18);
    d_iov_set(&iov, &layout, sizeof(layout));
    OK(daos_obj_open(a->coh, dfs->sb_oid, DAOS_OO_RW, &sb, NULL));
    OK(daos_obj_open(a->coh, dfs->root.oid, DAOS_OO_RW, &root, NULL));
    OK(daos_obj_update(sb, DAOS_TX_NONE, 0, &dkey, 1, &iod, &sgl, NULL));
    OK(daos_obj_punch_dkeys(sb, DAOS_TX_NONE, 0, 1, &moves, NULL));
    OK(daos_obj_punch_dkeys(root, DAOS_TX_NONE, 0, 1, &dot, NULL));
    OK(daos_obj_close(sb, NULL));
    OK(daos_obj_close(root, NULL));
    OK(dfs_umount(dfs));
}

/* Containers from before there were ".": everything works, and none are made. */
static void the_layout_before(void **state)
{
    struct api *a = *state;
    dfs_obj_t *d, *e, *obj;
    uint32_t before;
    dfs_t *dfs;

    set_layout(a, DFS_LAYOUT_DOTS - 1);
    before = objects(a); /* the superblock alone */
    dfs = fs_mount(a, O_RDWR);
    d = fs_dir(dfs, NULL, "d");
    e = fs_dir(dfs, d, "e");
    assert_int_equal(objects(a), before + 2); /* the root, d */
    fs_text(dfs, e, "f", "text");
    IS(ENOTEMPTY, dfs_remove(dfs, d, "e", false, NULL));
    IS(EINVAL, dfs_move(dfs, NULL, "d", e, "d", NULL));
    OK(dfs_move(dfs, d, "e", NULL, "e", NULL));
    OK(dfs_lookup(dfs, "/e/f", O_RDONLY, &obj, NULL, NULL));
    OK(dfs_release(obj));
    OK(dfs_exchange(dfs, NULL, "d", NULL, "e"));
    OK(dfs_remove(dfs, NULL, "e", false, NULL));
    OK(dfs_remove(dfs, NULL, "d", true, NULL));
    assert_int_equal(objects(a), before);
    OK(dfs_release(d));
    OK(dfs_release(e));
    OK(dfs_umount(dfs));
    set_layout(a, DFS_LAYOUT_VERSION + 1);
    IS(EINVAL, dfs_mount(a->poh, a->coh, O_RDWR, &dfs));
}

API_MAIN(FS_TEST(a_directory_that_was_removed), FS_TEST(handles_that_remember_another_way),
         FS_TEST(nobody_sees_it), FS_TEST(moves_are_no_changes), FS_TEST(the_layout_before))
