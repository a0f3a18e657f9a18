/*
 * What stat tells, whichever way it is asked: by name or of what is open, with one question to the
 * engine where that can be, with two where it cannot (readdirplus asks twice; files of a pool of
 * several targets lie elsewhere than their names).
 */
#include "dfs_api.h"
#include "dfs/dfs_fast.h"
#include <daos_fs_sys.h>

static void same_stat(const struct stat *a, const struct stat *b)
{
    assert_int_equal(a->st_mode, b->st_mode);
    assert_int_equal(a->st_size, b->st_size);
    assert_int_equal(a->st_blocks, b->st_blocks);
    assert_int_equal(a->st_blksize, b->st_blksize);
    assert_int_equal(a->st_uid, b->st_uid);
    assert_int_equal(a->st_nlink, b->st_nlink);
    assert_memory_equal(&a->st_mtim, &b->st_mtim, sizeof(a->st_mtim));
    assert_memory_equal(&a->st_ctim, &b->st_ctim, sizeof(a->st_ctim));
    assert_memory_equal(&a->st_atim, &b->st_atim, sizeof(a->st_atim));
}

/* As the listing of the root tells it. */
static struct stat listed(dfs_t *dfs, const char *name)
{
    struct dirent ents[100];
    struct stat st[100];
    daos_anchor_t anchor = {0};
    dfs_obj_t *root;
    uint32_t nr = 100, i;

    OK(dfs_lookup(dfs, "/", O_RDONLY, &root, NULL, NULL));
    OK(dfs_readdirplus(dfs, root, &anchor, &nr, ents, st));
    OK(dfs_release(root));
    for (i = 0; i < nr && strcmp(ents[i].d_name, name) != 0; i++)
        continue;
    assert_true(i < nr);
    return st[i];
}

/* All ways agree; the size is this. */
static void tells(dfs_t *dfs, const char *name, daos_size_t size)
{
    struct stat want = listed(dfs, name), st;
    char path[64];
    dfs_obj_t *obj;

    assert_int_equal(want.st_size, size);
    OK(dfs_stat(dfs, NULL, name, &st));
    same_stat(&st, &want);
    OK(dfs_lookup_rel(dfs, NULL, name, O_RDONLY | O_NOFOLLOW, &obj, NULL, &st));
    same_stat(&st, &want);
    OK(dfs_ostat(dfs, obj, &st));
    same_stat(&st, &want);
    OK(dfs_release(obj));
    snprintf(path, sizeof(path), "/%s", name);
    OK(dfs_lookup(dfs, path, O_RDONLY | O_NOFOLLOW, &obj, NULL, &st));
    same_stat(&st, &want);
    OK(dfs_release(obj));
    if (!S_ISREG(want.st_mode))
        return;
    OK(dfs_open_stat(dfs, NULL, name, S_IFREG, O_RDONLY, 0, 0, NULL, &obj, &st));
    same_stat(&st, &want);
    OK(dfs_release(obj));
}

static void of_everything(void **state)
{
    dfs_t *dfs = fs_mount(*state, O_RDWR);
    char big[10000] = {0};
    dfs_obj_t *f, *d;

    for (int i = 0; i < 12; i++) { /* in every target of a few */
        char name[16];

        snprintf(name, sizeof(name), "f%d", i);
        OK(dfs_open(dfs, NULL, name, S_IFREG | 0644, O_CREAT | O_RDWR, 0, 4096, NULL, &f));
        tells(dfs, name, 0);
        OK(fs_write(dfs, f, "abc", 3, 0));
        tells(dfs, name, 3);
        OK(fs_write(dfs, f, big, 100, 3 * 4096 + 7)); /* a hole of two chunks and more */
        tells(dfs, name, 3 * 4096 + 107);
        OK(dfs_punch(dfs, f, 5000, DFS_MAX_FSIZE));
        tells(dfs, name, 5000);
        OK(fs_write(dfs, f, big, sizeof(big), 0));
        tells(dfs, name, sizeof(big));
        OK(dfs_punch(dfs, f, 0, DFS_MAX_FSIZE));
        tells(dfs, name, 0);
        OK(dfs_punch(dfs, f, 1u << 20, DFS_MAX_FSIZE)); /* longer */
        tells(dfs, name, 1u << 20);
        OK(dfs_release(f));
    }
    d = fs_dir(dfs, NULL, "d");
    tells(dfs, "d", 88);
    fs_text(dfs, d, "inside", "x");
    tells(dfs, "d", 88);
    OK(dfs_remove(dfs, d, "inside", false, NULL));
    tells(dfs, "d", 88);
    OK(dfs_release(d));
    fs_link(dfs, NULL, "l", "f1/some/where");
    tells(dfs, "l", 13);
    OK(dfs_umount(dfs));
}

static void times_that_were_set(void **state)
{
    dfs_t *dfs = fs_mount(*state, O_RDWR);
    struct stat set = {.st_mtim = {1000, 5}}, st;
    dfs_obj_t *f;

    fs_text(dfs, NULL, "f", "abc");
    OK(dfs_lookup(dfs, "/f", O_RDWR, &f, NULL, NULL));
    OK(dfs_osetattr(dfs, f, &set, DFS_SET_ATTR_MTIME));
    tells(dfs, "f", 3);
    OK(dfs_stat(dfs, NULL, "f", &st));
    assert_int_equal(st.st_mtim.tv_sec, 1000);
    OK(fs_write(dfs, f, "d", 1, 3)); /* which has the last word now */
    tells(dfs, "f", 4);
    OK(dfs_stat(dfs, NULL, "f", &st));
    assert_true(st.st_mtim.tv_sec > 1000);
    OK(dfs_release(f));
    OK(dfs_umount(dfs));
}

static void of_a_snapshot(void **state)
{
    struct api *a = *state;
    dfs_t *dfs = fs_mount(a, O_RDWR), *snap;
    char names[8][16], big[5000] = {0};
    daos_epoch_t epoch;
    struct stat was[8], st;

    for (int i = 0; i < 8; i++) {
        snprintf(names[i], sizeof(names[i]), "f%d", i);
        fs_text(dfs, NULL, names[i], "some");
        was[i] = listed(dfs, names[i]);
    }
    OK(daos_cont_create_snap(a->coh, &epoch, NULL, NULL));
    for (int i = 0; i < 8; i++) {
        fs_file(dfs, NULL, names[i], big, (size_t)i * 100);
        tells(dfs, names[i], (daos_size_t)i * 100);
    }
    OK(dfs_remove(dfs, NULL, "f3", false, NULL));
    fs_file(dfs, NULL, "f3", big, sizeof(big));
    OK(dfs_mount_snap(a->poh, a->coh, O_RDONLY, epoch, NULL, &snap));
    for (int i = 0; i < 8; i++) {
        tells(snap, names[i], 4);
        OK(dfs_stat(snap, NULL, names[i], &st));
        assert_int_equal(st.st_size, was[i].st_size);
        assert_int_equal(st.st_mode, was[i].st_mode);
    }
    OK(dfs_umount(snap));
    OK(dfs_umount(dfs));
}

static void by_path(void **state)
{
    struct api *a = *state;
    dfs_t *dfs = fs_mount(a, O_RDWR);
    dfs_sys_t *sys;
    struct stat st, want;

    fs_text(dfs, NULL, "f", "12345");
    fs_link(dfs, NULL, "l", "f");
    fs_link(dfs, NULL, "lost", "nowhere");
    OK(dfs_sys_mount(a->poh, a->coh, O_RDWR, 0, &sys));
    want = listed(dfs, "f");
    OK(dfs_sys_stat(sys, "/f", 0, &st));
    same_stat(&st, &want);
    OK(dfs_sys_stat(sys, "/l", 0, &st));
    same_stat(&st, &want);
    want = listed(dfs, "l");
    OK(dfs_sys_stat(sys, "/l", O_NOFOLLOW, &st));
    same_stat(&st, &want);
    OK(dfs_sys_stat(sys, "/", 0, &st));
    assert_true(S_ISDIR(st.st_mode));
    IS(ENOENT, dfs_sys_stat(sys, "/lost", 0, &st));
    OK(dfs_sys_stat(sys, "/lost", O_NOFOLLOW, &st));
    IS(ENOENT, dfs_sys_stat(sys, "/absent", 0, &st));
    IS(ENOTDIR, dfs_sys_stat(sys, "/f/x", 0, &st));
    IS(ENOTSUP, dfs_sys_stat(sys, "/f", O_EXCL, &st));
    IS(EINVAL, dfs_sys_stat(sys, "/f", 0, NULL));
    IS(EINVAL, dfs_sys_stat(NULL, "/f", 0, &st));
    OK(dfs_sys_umount(sys));
    OK(dfs_umount(dfs));
}

API_MAIN(FS_TEST(of_everything), FS_TEST(times_that_were_set), FS_TEST(of_a_snapshot),
         FS_TEST(by_path))
