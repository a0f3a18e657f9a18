/* Connections by names, and mounts and files handed over as blobs. */
#include <pthread.h>
#include "dfs_api.h"
#include "dfs/dfs_int.h"

static void before_init(void **state)
{
    struct api *a = *state;
    dfs_t *dfs = fs_mount(a, O_RDWR), *other;

    IS(EACCES, dfs_connect(a->path, NULL, a->label, O_RDWR, NULL, &other));
    IS(EACCES, dfs_disconnect(dfs));
    IS(EACCES, dfs_destroy(a->path, NULL, a->label, 0, NULL));
    IS(EACCES, dfs_fini());
    OK(dfs_umount(dfs));
}

static void by_names(void **state)
{
    struct api *a = *state;
    dfs_attr_t attr = {.da_chunk_size = 8192, .da_mode = DFS_BALANCED}, got;
    dfs_t *dfs, *again, *ro;
    daos_handle_t coh;

    OK(dfs_init());
    OK(dfs_init()); /* counted */
    OK(dfs_fini());
    IS(EINVAL, dfs_connect(NULL, NULL, "made", O_RDWR, NULL, &dfs));
    IS(EINVAL, dfs_connect("apipool", NULL, NULL, O_RDWR, NULL, &dfs));
    IS(EINVAL, dfs_connect("apipool", NULL, "made", O_WRONLY, NULL, &dfs));
    IS(ENOENT, dfs_connect("apipool", NULL, "made", O_RDWR, NULL, &dfs));
    IS(ENOENT, dfs_connect("nopool", NULL, "made", O_RDWR, NULL, &dfs));
    OK(dfs_connect("apipool", NULL, "made", O_RDWR | O_CREAT, &attr, &dfs));
    OK(dfs_query(dfs, &got));
    assert_int_equal(got.da_chunk_size, 8192);
    assert_int_equal(got.da_mode, DFS_BALANCED);
    IS(EEXIST, dfs_connect("apipool", NULL, "made", O_RDWR | O_CREAT | O_EXCL, &attr, &again));
    OK(dfs_connect("apipool", NULL, "made", O_RDWR | O_CREAT, &attr,
                   &again)); /* now it only opens it */
    IS(EPERM,
       dfs_connect("apipool", NULL, "made", O_RDONLY, NULL, &ro)); /* balanced wants balanced */
    OK(dfs_connect("apipool", NULL, "made", O_RDONLY | (int)DFS_BALANCED, NULL, &ro));
    fs_text(dfs, NULL, "f", "hello");
    SHOWS("hello", again, NULL, "f");
    SHOWS("hello", ro, NULL, "f");
    IS(EPERM, dfs_mkdir(ro, NULL, "d", 0755, 0));
    IS(EBUSY, dfs_umount(dfs));
    IS(EBUSY, dfs_destroy("apipool", NULL, "made", 0, NULL));
    OK(dfs_cont_get(dfs, &coh));
    IS(EBUSY, dfs_disconnect(dfs));
    OK(dfs_cont_put(dfs, coh));
    OK(dfs_disconnect(dfs));
    SHOWS("hello", again, NULL, "f"); /* the others go on */
    OK(dfs_disconnect(again));
    OK(dfs_disconnect(ro));
    IS(EINVAL, dfs_disconnect(NULL));
    OK(dfs_destroy("apipool", NULL, "made", 0, NULL));
    IS(ENOENT, dfs_destroy("apipool", NULL, "made", 0, NULL));
    /* what nobody disconnected, the last fini does */
    OK(dfs_connect("apipool", NULL, a->label, O_RDWR, NULL, &dfs));
    OK(dfs_fini());
}

static void at_a_snapshot(void **state)
{
    struct api *a = *state;
    daos_epoch_range_t range;
    daos_epoch_t epoch;
    dfs_t *dfs, *snap;

    OK(dfs_init());
    OK(dfs_connect("apipool", NULL, a->label, O_RDWR, NULL, &dfs));
    fs_text(dfs, NULL, "f", "before");
    OK(daos_cont_create_snap(a->coh, &epoch, NULL, NULL));
    fs_text(dfs, NULL, "f", "after");
    OK(dfs_connect_snap("apipool", NULL, a->label, O_RDONLY, epoch, NULL, &snap));
    SHOWS("before", snap, NULL, "f");
    OK(dfs_disconnect(snap));
    IS(EINVAL, dfs_connect_snap("apipool", NULL, a->label, O_RDWR, epoch, NULL, &snap));
    IS(ENOENT, dfs_connect_snap("apipool", NULL, a->label, O_RDONLY, 0, "name", &snap));
    OK(dfs_disconnect(dfs));
    OK(dfs_fini());
    range.epr_lo = range.epr_hi = epoch;
    OK(daos_cont_destroy_snap(a->coh, range, NULL));
}

static void as_blobs(void **state)
{
    struct api *a = *state;
    dfs_t *dfs = fs_mount(a, O_RDWR), *ro = fs_mount(a, O_RDONLY), *copy;
    daos_handle_t plain;
    dfs_obj_t *f, *g, *d = fs_dir(dfs, NULL, "d");
    char buf[4096], text[8] = "";
    d_iov_t glob = {0};
    daos_size_t got;
    size_t need;

    OK(dfs_local2global(dfs, &glob));
    need = glob.iov_buf_len;
    assert_in_range(need, 1, sizeof(buf));
    d_iov_set(&glob, buf, need - 1);
    IS(ENOBUFS, dfs_local2global(dfs, &glob));
    assert_int_equal(glob.iov_buf_len, need);
    d_iov_set(&glob, buf, need);
    OK(dfs_local2global(dfs, &glob));
    fs_text(dfs, NULL, "f", "hello");
    OK(dfs_lookup(dfs, "/f", O_RDWR, &f, NULL, NULL));

    /* a file, opened there without a look; who says nothing about access writes as its maker does
     */
    d_iov_t file = {0};
    char fbuf[4096];
    OK(dfs_obj_local2global(dfs, f, &file));
    d_iov_set(&file, fbuf, file.iov_buf_len);
    OK(dfs_obj_local2global(dfs, f, &file));
    OK(dfs_global2local(a->poh, a->coh, 0, glob, &copy));
    OK(dfs_obj_global2local(copy, 0, file, &g));
    OK(fs_write(copy, g, "hello", 5, 0));
    OK(dfs_release(g));
    OK(dfs_umount(copy));

    /* and reads where its maker only reads */
    OK(dfs_local2global(ro, &glob));
    OK(dfs_global2local(a->poh, a->coh, 0, glob, &copy));
    SHOWS("hello", copy, NULL, "f");
    IS(EPERM, dfs_mkdir(copy, NULL, "x", 0755, 0));
    IS(EPERM, dfs_obj_global2local(copy, O_RDWR, file, &g));
    OK(dfs_obj_global2local(copy, O_RDONLY, file, &g));
    OK(fs_read(copy, g, text, sizeof(text), 0, &got));
    assert_string_equal(text, "hello");
    IS(EPERM, fs_write(copy, g, "x", 1, 0));
    OK(dfs_release(g));
    OK(dfs_release(f));
    IS(EINVAL, dfs_obj_local2global(dfs, d, &file));
    IS(EINVAL, dfs_obj_global2local(copy, O_RDONLY, glob, &g)); /* a blob of another kind */
    IS(EINVAL, dfs_global2local(a->poh, a->coh, O_RDONLY, file, &copy));
    OK(dfs_umount(copy));
    OK(dfs_umount(ro));

    /* another container is told from this one */
    OK(dfs_cont_create_with_label(a->poh, "other", NULL, NULL, &plain, NULL));
    IS(EINVAL, dfs_global2local(a->poh, plain, O_RDONLY, glob, &copy));
    OK(daos_cont_close(plain, NULL));
    OK(daos_cont_destroy(a->poh, "other", 0, NULL));

    /* with everything below it */
    glob = (d_iov_t){0};
    OK(dfs_local2global_all(dfs, &glob));
    assert_in_range(glob.iov_buf_len, need, sizeof(buf));
    need = glob.iov_buf_len;
    d_iov_set(&glob, buf, need - 1);
    IS(ENOBUFS, dfs_local2global_all(dfs, &glob));
    d_iov_set(&glob, buf, need);
    OK(dfs_local2global_all(dfs, &glob));
    IS(EACCES, dfs_global2local_all(O_RDWR, glob, &copy));
    OK(dfs_init());
    OK(dfs_global2local_all(O_RDWR, glob, &copy));
    SHOWS("hello", copy, NULL, "f");
    fs_text(copy, NULL, "g", "from the copy");
    SHOWS("from the copy", dfs, NULL, "g");
    OK(dfs_disconnect(copy));
    glob.iov_buf_len = 10;
    IS(EINVAL, dfs_global2local_all(O_RDWR, glob, &copy));
    OK(dfs_fini());
    OK(dfs_release(d));
    OK(dfs_umount(dfs));
}

static void prefix_hint_owner(void **state)
{
    struct api *a = *state;
    dfs_t *dfs = fs_mount(a, O_RDWR);
    daos_oclass_id_t one = 0, max = 0;
    daos_prop_t *prop = NULL;
    dfs_obj_t *obj;
    struct stat st;

    fs_text(dfs, NULL, "f", "hello");
    OK(dfs_set_prefix(dfs, "/mnt/here/"));
    OK(dfs_lookup(dfs, "/mnt/here/f", O_RDONLY, &obj, NULL, NULL));
    OK(dfs_release(obj));
    OK(dfs_lookup(dfs, "/mnt/here", O_RDONLY, &obj, NULL, &st));
    assert_true(S_ISDIR(st.st_mode));
    OK(dfs_release(obj));
    IS(EINVAL, dfs_lookup(dfs, "/mnt/heref", O_RDONLY, &obj, NULL, NULL));
    IS(EINVAL, dfs_lookup(dfs, "/f", O_RDONLY, &obj, NULL, NULL));
    IS(EINVAL, dfs_set_prefix(dfs, "relative"));
    OK(dfs_set_prefix(dfs, NULL));
    OK(dfs_lookup(dfs, "/f", O_RDONLY, &obj, NULL, NULL));
    OK(dfs_release(obj));

    OK(dfs_suggest_oclass(dfs, "file:single", &one));
    assert_int_equal(one, OC_S1);
    OK(dfs_suggest_oclass(dfs, "dir:max", &max));
    assert_int_not_equal(max, 0);
    IS(EINVAL, dfs_suggest_oclass(dfs, "file:huge", &one));
    IS(EINVAL, dfs_suggest_oclass(dfs, "", &one));
    IS(EINVAL, dfs_suggest_oclass(dfs, NULL, &one));

    OK(dfs_cont_set_owner(a->coh, "somebody@", 4242, NULL, 0));
    OK(dfs_stat(dfs, NULL, NULL, &st));
    assert_int_equal(st.st_uid, 4242);
    assert_int_equal(st.st_gid, getegid());
    OK(daos_cont_get_acl(a->coh, &prop, NULL));
    assert_string_equal(daos_prop_entry_get(prop, DAOS_PROP_CO_OWNER)->dpe_str, "somebody@");
    daos_prop_free(prop);
    IS(EINVAL, dfs_cont_set_owner(a->coh, NULL, 1, NULL, 1));
    OK(dfs_umount(dfs));
}

/* A blob whose parts do not belong together, or are none: no handle stays open. */
static void blobs_that_do_not_fit(void **state)
{
    struct api *a = *state;
    dfs_t *dfs, *other, *copy = NULL;
    char buf[4096], two[4096], mixed[4096];
    uint32_t *lens = (uint32_t *)(void *)buf, *lens2 = (uint32_t *)(void *)two;
    d_iov_t glob = {0}, glob2 = {0}, mix;
    daos_cont_info_t info = {0};
    daos_handle_t coh;
    size_t at;

    OK(dfs_init());
    OK(dfs_cont_create_with_label(a->poh, "other", NULL, NULL, &coh, NULL));
    OK(dfs_connect("apipool", NULL, a->label, O_RDWR, NULL, &dfs));
    OK(dfs_connect("apipool", NULL, "other", O_RDWR, NULL, &other));
    d_iov_set(&glob, buf, sizeof(buf));
    OK(dfs_local2global_all(dfs, &glob));
    d_iov_set(&glob2, two, sizeof(two));
    OK(dfs_local2global_all(other, &glob2));
    at = 16 + lens[1]; /* of the container's part, after the four words and the pool's */
    assert_int_equal(glob2.iov_len, glob.iov_len);

    d_iov_set(&mix, mixed, glob.iov_len);
    memcpy(mixed, buf, glob.iov_len); /* no pool */
    memset(mixed + 16, 0, lens[1]);
    IS(EINVAL, dfs_global2local_all(O_RDWR, mix, &copy));
    memcpy(mixed, buf, glob.iov_len); /* no container */
    memset(mixed + at, 0, lens[2]);
    IS(EINVAL, dfs_global2local_all(O_RDWR, mix, &copy));
    memcpy(mixed, buf, glob.iov_len); /* a mount of the other container */
    memcpy(mixed + at + lens[2], two + at + lens2[2], lens2[3]);
    IS(EINVAL, dfs_global2local_all(O_RDWR, mix, &copy));
    memcpy(mixed, buf, glob.iov_len); /* a part longer than the blob */
    ((uint32_t *)(void *)mixed)[3] = UINT32_MAX;
    IS(EINVAL, dfs_global2local_all(O_RDWR, mix, &copy));
    memcpy(mixed, buf, glob.iov_len); /* another kind of blob */
    mixed[0] ^= 1;
    IS(EINVAL, dfs_global2local_all(O_RDWR, mix, &copy));
    assert_null(copy);

    OK(dfs_disconnect(other));
    OK(daos_cont_query(coh, &info, NULL, NULL));
    assert_int_equal(info.ci_nhandles, 1); /* ours */
    OK(daos_cont_close(coh, NULL));
    OK(dfs_destroy("apipool", NULL, "other", 0, NULL));
    OK(dfs_disconnect(dfs));
    OK(daos_cont_query(a->coh, &info, NULL, NULL));
    assert_int_equal(info.ci_nhandles, 1);
    OK(dfs_fini());
}

struct maker {
    daos_handle_t coh;
    struct daos_prop_co_roots roots;
    int rc;
};

static void *finish_later(void *arg)
{
    struct maker *m = arg;

    rt_sleep_ns(100000000);
    m->rc = dfs_sb_create(m->coh, NULL, m->roots.cr_oids[0], m->roots.cr_oids[1]);
    return NULL;
}

/* A container that another process is just making has no superblock yet: who would have made it
 * itself waits, who would not is told. */
static void while_another_makes_it(void **state)
{
    struct api *a = *state;
    struct maker m = {.rc = -1};
    daos_prop_t *prop = daos_prop_alloc(2);
    pthread_t t;
    dfs_t *dfs;

    m.roots.cr_oids[1].hi = 1;
    for (int i = 0; i < 2; i++)
        OK(daos_obj_generate_oid(a->coh, &m.roots.cr_oids[i], DAOS_OT_MULTI_HASHED, OC_S1, 0, 0));
    prop->dpp_entries[0].dpe_type = DAOS_PROP_CO_LAYOUT_TYPE;
    prop->dpp_entries[0].dpe_val = DAOS_PROP_CO_LAYOUT_POSIX;
    prop->dpp_entries[1].dpe_type = DAOS_PROP_CO_ROOTS;
    OK(daos_prop_entry_set_ptr(&prop->dpp_entries[1], &m.roots, sizeof(m.roots)));
    OK(daos_cont_create_with_label(a->poh, "half", prop, NULL, NULL));
    daos_prop_free(prop);
    OK(daos_cont_open(a->poh, "half", DAOS_COO_RW, &m.coh, NULL, NULL));
    OK(dfs_init());
    IS(ENOENT, dfs_connect("apipool", NULL, "half", O_RDWR, NULL, &dfs));
    assert_int_equal(pthread_create(&t, NULL, finish_later, &m), 0);
    OK(dfs_connect("apipool", NULL, "half", O_RDWR | O_CREAT, NULL, &dfs));
    assert_int_equal(pthread_join(t, NULL), 0);
    OK(m.rc);
    fs_text(dfs, NULL, "f", "hello");
    SHOWS("hello", dfs, NULL, "f");
    OK(dfs_disconnect(dfs));
    OK(daos_cont_close(m.coh, NULL));
    OK(dfs_destroy("apipool", NULL, "half", 0, NULL));
    OK(dfs_fini());
}

API_MAIN(FS_TEST(before_init), FS_TEST(by_names), FS_TEST(at_a_snapshot), FS_TEST(as_blobs),
         FS_TEST(prefix_hint_owner), FS_TEST(blobs_that_do_not_fit),
         FS_TEST(while_another_makes_it))
