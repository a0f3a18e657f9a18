/* Containers that are file systems: making, mounting, modes, snapshots, reopening. */
#include "dfs_api.h"

static void mount_rules(void **state)
{
    struct api *a = *state;
    dfs_t *dfs;
    daos_handle_t coh, poh;
    dfs_attr_t attr;

    IS(EINVAL, dfs_mount(a->poh, a->coh, O_WRONLY, &dfs));
    IS(EINVAL, dfs_mount(a->poh, a->coh, O_RDWR, NULL));
    IS(EINVAL, dfs_umount(NULL));
    OK(dfs_mount(a->poh, a->coh, O_RDWR | (int)DFS_BALANCED,
                 &dfs)); /* a relaxed container takes either */
    OK(dfs_query(dfs, &attr));
    assert_int_equal(attr.da_chunk_size, DFS_DEFAULT_CHUNK_SIZE);
    assert_int_equal(attr.da_mode, DFS_RELAXED);
    IS(EINVAL, dfs_query(dfs, NULL));
    IS(EINVAL, dfs_query(NULL, &attr));
    OK(dfs_sync(dfs));

    /* borrowed handles keep it mounted */
    OK(dfs_cont_get(dfs, &coh));
    assert_int_equal(coh.cookie, a->coh.cookie);
    IS(EBUSY, dfs_umount(dfs));
    OK(dfs_cont_put(dfs, coh));
    IS(EINVAL, dfs_cont_put(dfs, coh));
    OK(dfs_pool_get(dfs, &poh));
    IS(EBUSY, dfs_umount(dfs));
    IS(EINVAL, dfs_pool_put(dfs, coh));
    OK(dfs_pool_put(dfs, poh));
    OK(dfs_umount(dfs));
}

static void not_a_file_system(void **state)
{
    struct api *a = *state;
    daos_handle_t coh;
    dfs_t *dfs;

    OK(daos_cont_create_with_label(a->poh, "plain", NULL, NULL, NULL));
    OK(daos_cont_open(a->poh, "plain", DAOS_COO_RW, &coh, NULL, NULL));
    IS(EINVAL, dfs_mount(a->poh, coh, O_RDWR, &dfs));
    OK(daos_cont_close(coh, NULL));
    OK(daos_cont_destroy(a->poh, "plain", 0, NULL));
}

static void created_as_asked(void **state)
{
    struct api *a = *state;
    dfs_attr_t attr = {.da_chunk_size = 65536,
                       .da_mode = DFS_BALANCED,
                       .da_oclass_id = OC_S1,
                       .da_hints = "file:single,dir:max"};
    dfs_attr_t got;
    daos_handle_t coh;
    dfs_t *dfs;
    uuid_t uuid;
    char text[37];

    OK(dfs_cont_create_with_label(a->poh, "asked", &attr, &uuid, &coh,
                                  &dfs)); /* open and mounted at once */
    OK(dfs_query(dfs, &got));
    assert_int_equal(got.da_chunk_size, 65536);
    assert_int_equal(got.da_mode, DFS_BALANCED);
    assert_int_equal(got.da_oclass_id, OC_S1);
    assert_string_equal(got.da_hints, attr.da_hints);
    fs_text(dfs, NULL, "f", "hello");
    OK(dfs_umount(dfs));
    IS(EPERM, dfs_mount(a->poh, coh, O_RDWR, &dfs)); /* a balanced one takes only its own kind */
    OK(dfs_mount(a->poh, coh, O_RDWR | (int)DFS_BALANCED, &dfs));
    SHOWS("hello", dfs, NULL, "f");
    OK(dfs_umount(dfs));
    OK(daos_cont_close(coh, NULL));
    uuid_unparse(uuid, text);
    OK(daos_cont_open(a->poh, text, DAOS_COO_RO, &coh, NULL, NULL));
    OK(daos_cont_close(coh, NULL));

    IS(EEXIST, dfs_cont_create_with_label(a->poh, "asked", NULL, NULL, NULL, NULL));
    OK(daos_cont_destroy(a->poh, "asked", 0, NULL));
    IS(EINVAL, dfs_cont_create_with_label(a->poh, "bad label", NULL, NULL, NULL, NULL));
    IS(EINVAL, dfs_cont_create_with_label(a->poh, NULL, NULL, NULL, NULL, NULL));
    IS(EINVAL, dfs_cont_create_with_label(a->poh, "x", NULL, NULL, NULL,
                                          &dfs)); /* a mount without its container */
    strcpy(attr.da_hints, "file:huge");
    IS(EINVAL, dfs_cont_create_with_label(a->poh, "x", &attr, NULL, NULL, NULL));
    IS(ENOENT, -daos_cont_open(a->poh, "x", DAOS_COO_RO, &coh, NULL, NULL) == DER_NONEXIST
                   ? ENOENT
                   : 0); /* nothing is left of it */
    IS(EINVAL, dfs_cont_create(a->poh, NULL, NULL, NULL, NULL));
    OK(dfs_cont_create(a->poh, &uuid, NULL, NULL, NULL));
    uuid_unparse(uuid, text);
    OK(daos_cont_destroy(a->poh, text, 0, NULL));
}

static void reading_only(void **state)
{
    struct api *a = *state;
    dfs_t *dfs = fs_mount(a, O_RDWR), *ro = fs_mount(a, O_RDONLY), *third;
    dfs_obj_t *obj;
    daos_handle_t coh;
    struct stat st = {0};

    fs_text(dfs, NULL, "f", "hello");
    OK(dfs_mkdir(dfs, NULL, "d", 0755, 0));
    SHOWS("hello", ro, NULL, "f");
    IS(EPERM, dfs_open(ro, NULL, "g", S_IFREG | 0600, O_CREAT | O_RDWR, 0, 0, NULL, &obj));
    IS(EPERM, dfs_open(ro, NULL, "f", S_IFREG, O_RDWR, 0, 0, NULL, &obj));
    IS(EPERM, dfs_open(ro, NULL, "f", S_IFREG, O_RDONLY | O_TRUNC, 0, 0, NULL, &obj));
    IS(EPERM, dfs_lookup(ro, "/f", O_RDWR, &obj, NULL, NULL));
    IS(EPERM, dfs_mkdir(ro, NULL, "g", 0755, 0));
    IS(EPERM, dfs_remove(ro, NULL, "f", false, NULL));
    IS(EPERM, dfs_move(ro, NULL, "f", NULL, "g", NULL));
    IS(EPERM, dfs_exchange(ro, NULL, "f", NULL, "d"));
    IS(EPERM, dfs_chmod(ro, NULL, "f", 0600));
    IS(EPERM, dfs_chown(ro, NULL, "f", 1, 1, 0));
    IS(EPERM, dfs_sync(ro));
    OK(dfs_open(ro, NULL, "f", S_IFREG, O_RDONLY, 0, 0, NULL, &obj));
    IS(EPERM, fs_write(ro, obj, "x", 1, 0));
    IS(EPERM, dfs_punch(ro, obj, 0, DFS_MAX_FSIZE));
    IS(EPERM, dfs_osetattr(ro, obj, &st, DFS_SET_ATTR_MTIME));
    OK(dfs_release(obj));
    SHOWS("hello", dfs, NULL, "f");
    /* what the other mount does is seen at once */
    fs_text(dfs, NULL, "f", "changed");
    SHOWS("changed", ro, NULL, "f");
    OK(dfs_umount(ro));
    /* a container that is open for reading only; mpifileutils mounts such for writing */
    OK(daos_cont_open(a->poh, a->label, DAOS_COO_RO, &coh, NULL, NULL));
    OK(dfs_mount(a->poh, coh, O_RDWR, &third)); /* only reads, whatever was asked for */
    SHOWS("changed", third, NULL, "f");
    IS(EPERM, dfs_mkdir(third, NULL, "g", 0755, 0));
    IS(EPERM, dfs_open(third, NULL, "f", S_IFREG, O_RDWR, 0, 0, NULL, &obj));
    OK(dfs_umount(third));
    OK(dfs_mount(a->poh, coh, O_RDONLY, &third));
    SHOWS("changed", third, NULL, "f");
    OK(dfs_umount(third));
    OK(daos_cont_close(coh, NULL));
    OK(dfs_umount(dfs));
}

static void as_of_a_snapshot(void **state)
{
    struct api *a = *state;
    dfs_t *dfs = fs_mount(a, O_RDWR), *snap;
    dfs_obj_t *d = fs_dir(dfs, NULL, "d"), *obj;
    daos_epoch_t epoch;
    daos_epoch_range_t range;
    char buf[16] = "";
    daos_size_t got;
    struct stat st;

    fs_text(dfs, NULL, "f", "before");
    fs_text(dfs, d, "in", "inside");
    fs_link(dfs, NULL, "l", "d/in");
    OK(dfs_lookup(dfs, "/f", O_RDWR, &obj, NULL, NULL));
    OK(dfs_setxattr(dfs, obj, "user.a", "old", 3, 0));
    OK(dfs_release(obj));
    OK(daos_cont_create_snap(a->coh, &epoch, NULL, NULL));
    fs_text(dfs, NULL, "f", "after, and longer");
    OK(dfs_lookup(dfs, "/f", O_RDWR, &obj, NULL, NULL));
    OK(dfs_setxattr(dfs, obj, "user.a", "new", 3, 0));
    OK(dfs_release(obj));
    OK(dfs_move(dfs, NULL, "f", NULL, "renamed", NULL));
    OK(dfs_remove(dfs, NULL, "d", true, NULL));
    fs_text(dfs, NULL, "new", "new");

    IS(EINVAL, dfs_mount_snap(a->poh, a->coh, O_RDWR, epoch, NULL, &snap));
    IS(EINVAL, dfs_mount_snap(a->poh, a->coh, O_RDONLY, 0, NULL, &snap));
    OK(dfs_mount_snap(a->poh, a->coh, O_RDONLY, epoch, NULL, &snap));
    SHOWS("before", snap, NULL, "f");
    SHOWS("ENOENT", snap, NULL, "new");
    SHOWS("ENOENT", snap, NULL, "renamed");
    assert_int_equal(fs_count(snap, NULL), 3);
    OK(dfs_lookup(snap, "/l", O_RDONLY, &obj, NULL, &st));
    assert_int_equal(st.st_size, 6);
    OK(fs_read(snap, obj, buf, sizeof(buf), 0, &got));
    assert_string_equal(buf, "inside");
    OK(dfs_release(obj));
    OK(dfs_stat(snap, NULL, "f", &st));
    assert_int_equal(st.st_size, 6);
    OK(dfs_lookup(snap, "/f", O_RDONLY, &obj, NULL, NULL));
    got = sizeof(buf);
    OK(dfs_getxattr(snap, obj, "user.a", buf, &got));
    assert_memory_equal(buf, "old", 3);
    OK(dfs_release(obj));
    IS(EPERM, dfs_remove(snap, NULL, "f", false, NULL));
    IS(EPERM, dfs_mkdir(snap, NULL, "x", 0755, 0));
    OK(dfs_umount(snap));
    SHOWS("after, and longer", dfs, NULL, "renamed");
    range.epr_lo = range.epr_hi = epoch;
    OK(daos_cont_destroy_snap(a->coh, range, NULL));
    OK(dfs_release(d));
    OK(dfs_umount(dfs));
}

/* Closed to the last handle and opened again, everything is as it was. */
static void reopened(void **state)
{
    struct api *a = *state;
    dfs_t *dfs = fs_mount(a, O_RDWR);
    dfs_obj_t *d = fs_dir(dfs, NULL, "d"), *obj;
    struct stat before, after;
    char value[8];
    daos_size_t size = sizeof(value);

    fs_text(dfs, d, "f", "stays");
    fs_link(dfs, d, "l", "f");
    OK(dfs_setxattr(dfs, d, "user.a", "1", 1, 0));
    OK(dfs_stat(dfs, d, "f", &before));
    OK(dfs_release(d));
    OK(dfs_umount(dfs));
    OK(daos_cont_close(a->coh, NULL));
    OK(daos_pool_disconnect(a->poh, NULL));
    OK(daos_fini());
    OK(daos_init());
    OK(daos_pool_connect("apipool", NULL, DAOS_PC_RW, &a->poh, NULL,
                         NULL)); /* by its label this time */
    OK(daos_cont_open(a->poh, a->label, DAOS_COO_RW, &a->coh, NULL, NULL));
    dfs = fs_mount(a, O_RDWR);
    OK(dfs_lookup(dfs, "/d", O_RDWR, &d, NULL, NULL));
    SHOWS("stays", dfs, d, "f");
    SHOWS("-> f", dfs, d, "l");
    OK(dfs_stat(dfs, d, "f", &after));
    assert_memory_equal(&before, &after, sizeof(before));
    OK(dfs_getxattr(dfs, d, "user.a", value, &size));
    assert_int_equal(size, 1);
    /* ids are not given out twice */
    daos_obj_id_t x, y;
    OK(dfs_lookup(dfs, "/d/f", O_RDONLY, &obj, NULL, NULL));
    OK(dfs_obj2id(obj, &x));
    OK(dfs_release(obj));
    fs_text(dfs, d, "g", "");
    OK(dfs_lookup(dfs, "/d/g", O_RDONLY, &obj, NULL, NULL));
    OK(dfs_obj2id(obj, &y));
    OK(dfs_release(obj));
    assert_true(x.lo != y.lo || x.hi != y.hi);
    OK(dfs_release(d));
    OK(dfs_umount(dfs));
}

/* Properties a program gives along; those that make it a file system are not its to choose. */
static void with_properties(void **state)
{
    struct api *a = *state;
    daos_prop_t *prop = daos_prop_alloc(1), *got = daos_prop_alloc(3);
    dfs_attr_t attr = {.da_props = prop};
    daos_handle_t coh;
    dfs_t *dfs;

    prop->dpp_entries[0].dpe_type = DAOS_PROP_CO_CSUM;
    prop->dpp_entries[0].dpe_val = DAOS_PROP_CO_CSUM_CRC32;
    OK(dfs_cont_create_with_label(a->poh, "props", &attr, NULL, &coh, &dfs));
    got->dpp_entries[0].dpe_type = DAOS_PROP_CO_CSUM;
    got->dpp_entries[1].dpe_type = DAOS_PROP_CO_LABEL;
    got->dpp_entries[2].dpe_type = DAOS_PROP_CO_LAYOUT_TYPE;
    OK(daos_cont_query(coh, NULL, got, NULL));
    assert_int_equal(got->dpp_entries[0].dpe_val, DAOS_PROP_CO_CSUM_CRC32);
    assert_string_equal(got->dpp_entries[1].dpe_str, "props");
    assert_int_equal(got->dpp_entries[2].dpe_val, DAOS_PROP_CO_LAYOUT_POSIX);
    daos_prop_free(got);
    fs_text(dfs, NULL, "f", "hello");
    SHOWS("hello", dfs, NULL, "f");
    OK(dfs_umount(dfs));
    OK(daos_cont_close(coh, NULL));
    OK(daos_cont_destroy(a->poh, "props", 0, NULL));

    prop->dpp_entries[0].dpe_val = 99; /* there is no such checksum */
    IS(EINVAL, dfs_cont_create_with_label(a->poh, "props", &attr, NULL, NULL, NULL));
    FAILS(DER_NONEXIST, daos_cont_open(a->poh, "props", DAOS_COO_RO, &coh, NULL, NULL));
    prop->dpp_entries[0].dpe_type = DAOS_PROP_CO_LAYOUT_TYPE;
    prop->dpp_entries[0].dpe_val = DAOS_PROP_CO_LAYOUT_HDF5;
    OK(dfs_cont_create_with_label(a->poh, "props", &attr, NULL, &coh, &dfs));
    OK(dfs_umount(dfs));
    OK(daos_cont_close(coh, NULL));
    OK(daos_cont_destroy(a->poh, "props", 0, NULL));
    daos_prop_free(prop);
}

/* A creator who may not open what it makes for writing leaves nothing behind. */
static void taken_back(void **state)
{
    struct api *a = *state;
    const char *ro[] = {"A::OWNER@:rdtTaAo", "A:G:GROUP@:"};
    daos_prop_t *prop = daos_prop_alloc(1);
    dfs_attr_t attr = {.da_props = prop};
    struct daos_acl *acl;
    daos_handle_t coh;

    OK(daos_acl_from_strs(ro, 2, &acl));
    prop->dpp_entries[0].dpe_type = DAOS_PROP_CO_ACL;
    OK(daos_prop_set_ptr(prop, DAOS_PROP_CO_ACL, acl, (size_t)daos_acl_get_size(acl)));
    IS(EPERM, dfs_cont_create_with_label(a->poh, "mine", &attr, NULL, NULL, NULL));
    FAILS(DER_NONEXIST, daos_cont_open(a->poh, "mine", DAOS_COO_RO, &coh, NULL, NULL));
    daos_acl_free(acl);
    daos_prop_free(prop);
}

/* A mode in the environment, for programs that cannot be told otherwise. */
static void mode_of_the_environment(void **state)
{
    struct api *a = *state;
    const char *values[] = {"0", "1", "false", "true"};

    for (int i = 0; i < 4; i++) {
        char blob[4096];
        d_iov_t glob = {0};
        dfs_t *dfs, *copy;

        setenv("DFS_USE_DTX", values[i], 1);
        dfs = fs_mount(a, O_RDWR | (int)(i % 2 ? DFS_RELAXED : DFS_BALANCED));
        OK(dfs_local2global(dfs, &glob));
        d_iov_set(&glob, blob, glob.iov_buf_len);
        OK(dfs_local2global(dfs, &glob));
        unsetenv("DFS_USE_DTX");
        assert_int_equal(((uint32_t *)(void *)blob)[1], i % 2); /* what it hands on */
        OK(dfs_global2local(a->poh, a->coh, O_RDWR, glob, &copy));
        OK(dfs_umount(copy));
        OK(dfs_umount(dfs));
    }
}

/* What is no epoch of the container cannot be mounted. */
static void at_the_wrong_epoch(void **state)
{
    struct api *a = *state;
    daos_epoch_t epoch;
    daos_epoch_range_t range;
    dfs_t *dfs;

    OK(daos_cont_create_snap(a->coh, &epoch, NULL, NULL));
    IS(ENOTSUP, dfs_mount_snap(a->poh, a->coh, O_RDONLY, 0, "name", &dfs));
    IS(EBADF, dfs_mount_snap(a->poh, DAOS_HDL_INVAL, O_RDONLY, epoch, NULL, &dfs));
    /* before there was a superblock */
    IS(ENOENT, dfs_mount_snap(a->poh, a->coh, O_RDONLY, 1, NULL, &dfs));
    range.epr_lo = range.epr_hi = epoch;
    OK(daos_cont_destroy_snap(a->coh, range, NULL));
}

API_MAIN(FS_TEST(mount_rules), FS_TEST(not_a_file_system), FS_TEST(created_as_asked),
         FS_TEST(reading_only), FS_TEST(as_of_a_snapshot), FS_TEST(reopened),
         FS_TEST(with_properties), FS_TEST(taken_back), FS_TEST(mode_of_the_environment),
         FS_TEST(at_the_wrong_epoch))
