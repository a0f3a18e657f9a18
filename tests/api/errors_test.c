/*
 * Documented errors that no contract (contract/) provokes: those that need a pool of their own -
 * forbidden; full and damaged: pool_bad_test.c -, a container that lost data, a commit that is
 * under way, or a queue that is gone; and those of functions that take no event.
 */
#include "dfs_api.h"
#include <daos_s3.h>
#include <daos_task.h>
#include <daos_uns.h>
#include <sched.h>
#include <sys/mount.h>
#include <tarn.h>

/* ---- Pools of their own ---- */

static void a_pool_that_is_forbidden(void **state)
{
    struct api *a = *state;
    daos_handle_t poh;
    char path[128];

    api_pool_make(a, "forbidden", "A::bob@:rw", 0, path);
    FAILS(DER_NO_PERM, daos_pool_connect(path, NULL, DAOS_PC_RO, &poh, NULL, NULL));
    FAILS(DER_NO_PERM, daos_pool_connect(path, NULL, DAOS_PC_RW, &poh, NULL, NULL));
    api_pool_make(a, "readable", "A::EVERYONE@:r", 0, path);
    FAILS(DER_NO_PERM, daos_pool_connect(path, NULL, DAOS_PC_RW, &poh, NULL, NULL));
    FAILS(DER_NO_PERM, daos_pool_connect(path, NULL, DAOS_PC_EX, &poh, NULL, NULL));
    OK(daos_pool_connect(path, NULL, DAOS_PC_RO, &poh, NULL, NULL));
    FAILS(DER_NO_PERM, daos_cont_create(poh, NULL, NULL, NULL));
    IS(EPERM, dfs_cont_create(poh, &(uuid_t){0}, NULL, NULL, NULL));
    OK(daos_pool_disconnect(poh, NULL));
}

/* ---- Transactions ---- */

/* A transaction reads what was there when it began, which is not kept for ever. */
static void a_moment_that_is_past(void **state)
{
    struct api *a = *state;
    daos_handle_t oh = api_obj(a, DAOS_OT_MULTI_HASHED, 77), th;
    char buf[16];
    struct one x;

    OK(put(oh, 0, "d", "a", "first"));
    OK(daos_tx_open(a->coh, &th, 0, NULL));
    assert_string_equal(get_th(oh, th, 0, "d", "a"), "first");
    OK(put(oh, 0, "d", "a", "second"));
    OK(daos_cont_aggregate(a->coh, 0, NULL));
    one_single(&x, "d", "a", buf, sizeof(buf));
    FAILS(DER_TX_RESTART, daos_obj_fetch(oh, th, 0, &x.dkey, 1, &x.iod, &x.sgl, NULL, NULL));
    FAILS(DER_NO_PERM, daos_obj_fetch(oh, th, 0, &x.dkey, 1, &x.iod, &x.sgl, NULL, NULL));
    OK(daos_tx_restart(th, NULL));
    assert_string_equal(get_th(oh, th, 0, "d", "a"), "second");
    OK(daos_tx_close(th, NULL));
    OK(daos_obj_close(oh, NULL));
}

static int too_much(daos_handle_t th, void *arg)
{
    daos_handle_t oh = *(daos_handle_t *)arg;
    char dkey[16];
    int rc = 0;

    for (int i = 0; rc == 0 && i <= TARN_TX_OPS_MAX; i++) {
        snprintf(dkey, sizeof(dkey), "big%d", i);
        rc = put_th(oh, th, 0, dkey, "a", "v");
    }
    return rc;
}

static void a_transaction_that_is_too_large(void **state)
{
    struct api *a = *state;
    daos_handle_t oh = api_obj(a, DAOS_OT_MULTI_HASHED, 78);

    FAILS(DER_OVERFLOW, tarn_tx_run(a->coh, 0, too_much, &oh));
    assert_string_equal(get(oh, "big0", "a"), "-");
    OK(daos_obj_close(oh, NULL));
}

/* ---- Containers ---- */

static void a_container_that_lost_data(void **state)
{
    struct api *a = *state;
    daos_prop_t *prop = daos_prop_alloc(1);
    daos_handle_t coh;

    prop->dpp_entries[0].dpe_type = DAOS_PROP_CO_STATUS;
    prop->dpp_entries[0].dpe_val = DAOS_PROP_CO_STATUS_VAL(DAOS_PROP_CO_UNCLEAN, 0, 0);
    OK(daos_cont_set_prop(a->coh, prop, NULL));
    daos_prop_free(prop);
    FAILS(DER_RF, daos_cont_open(a->poh, a->label, DAOS_COO_RO, &coh, NULL, NULL));
    OK(daos_cont_open(a->poh, a->label, DAOS_COO_RO | DAOS_COO_FORCE, &coh, NULL, NULL));
    OK(daos_cont_close(coh, NULL));
    OK(daos_cont_status_clear(a->coh, NULL));
    OK(daos_cont_open(a->poh, a->label, DAOS_COO_RO, &coh, NULL, NULL));
    OK(daos_cont_close(coh, NULL));
}

/* Somebody else's file system, which everybody may read. */
static void a_file_system_that_is_forbidden(void **state)
{
    struct api *a = *state;
    const char *none = "A::bob@:rw", *some = "A::EVERYONE@:rt";
    daos_handle_t ro;
    daos_epoch_t epoch;
    struct daos_acl *acl;
    dfs_t *dfs = NULL;

    OK(daos_cont_create_snap(a->coh, &epoch, NULL, NULL));
    IS(EACCES, dfs_connect_snap("apipool", NULL, a->label, O_RDONLY, epoch, NULL, &dfs));
    IS(EACCES, dfs_connect_snap("apipool", NULL, a->label, O_RDONLY, 0, "name", &dfs));
    OK(daos_cont_set_owner_no_check(a->coh, (d_string_t) "somebody@", (d_string_t) "crew@", NULL));
    OK(daos_acl_from_strs(&none, 1, &acl));
    OK(daos_cont_overwrite_acl(a->coh, acl, NULL)); /* we keep the rights we had when we opened */
    daos_acl_free(acl);
    OK(dfs_init());
    IS(EPERM, dfs_connect_snap("apipool", NULL, a->label, O_RDONLY, epoch, NULL, &dfs));
    IS(EPERM, dfs_connect("apipool", NULL, a->label, O_RDONLY, NULL, &dfs));
    OK(daos_acl_from_strs(&some, 1, &acl));
    OK(daos_cont_overwrite_acl(a->coh, acl, NULL));
    daos_acl_free(acl);
    IS(EPERM, dfs_connect("apipool", NULL, a->label, O_RDWR, NULL, &dfs));
    IS(EPERM, dfs_cont_check(a->poh, a->label, DFS_CHECK_REMOVE, NULL));
    OK(dfs_connect_snap("apipool", NULL, a->label, O_RDONLY, epoch, NULL, &dfs));
    OK(dfs_disconnect(dfs));
    OK(dfs_fini());
    OK(daos_cont_open(a->poh, a->label, DAOS_COO_RO, &ro, NULL, NULL));
    IS(EPERM, dfs_cont_set_owner(ro, (d_string_t) "me@", 1, NULL, 1));
    OK(daos_cont_close(ro, NULL));
}

/* A container that says it is a file system, and nobody has made one in it. */
static void a_file_system_that_is_not_there(void **state)
{
    struct api *a = *state;
    struct daos_prop_co_roots roots = {0};
    daos_prop_t *prop = daos_prop_alloc(2);
    daos_anchor_t anchor = {0};
    struct dirent ents[2];
    daos_handle_t coh;
    dfs_obj_t *root, *file;
    uint32_t nr = 2;
    dfs_t *dfs;

    roots.cr_oids[1].hi = 1;
    for (int i = 0; i < 2; i++)
        OK(daos_obj_generate_oid(a->coh, &roots.cr_oids[i], DAOS_OT_MULTI_HASHED, OC_S1, 0, 0));
    prop->dpp_entries[0].dpe_type = DAOS_PROP_CO_LAYOUT_TYPE;
    prop->dpp_entries[0].dpe_val = DAOS_PROP_CO_LAYOUT_POSIX;
    prop->dpp_entries[1].dpe_type = DAOS_PROP_CO_ROOTS;
    OK(daos_prop_entry_set_ptr(&prop->dpp_entries[1], &roots, sizeof(roots)));
    OK(daos_cont_create_with_label(a->poh, "empty", prop, NULL, NULL));
    daos_prop_free(prop);
    OK(daos_cont_open(a->poh, "empty", DAOS_COO_RW, &coh, NULL, NULL));
    IS(ENOENT, dfs_mount(a->poh, coh, O_RDWR, &dfs));
    IS(ENOENT, dfs_cont_set_owner(coh, (d_string_t) "me@", 1, NULL, 1));
    OK(daos_cont_close(coh, NULL));
    OK(daos_cont_destroy(a->poh, "empty", 0, NULL));

    OK(dfs_mount(a->poh, a->coh, O_RDWR, &dfs));
    fs_text(dfs, NULL, "f", "text");
    OK(dfs_lookup(dfs, "/f", O_RDONLY, &file, NULL, NULL));
    IS(ENOTDIR, dfs_readdir_with_filter(dfs, file, NULL, &anchor, &nr, ents, NULL, NULL, NULL));
    OK(dfs_release(file));
    OK(dfs_lookup(dfs, "/", O_RDONLY, &root, NULL, NULL));
    IS(ENOSYS, dfs_readdir_with_filter(dfs, root, NULL, &anchor, &nr, ents, NULL, NULL, NULL));
    OK(dfs_release(root));
    OK(dfs_umount(dfs));
}

/* ---- Directories that cannot be ---- */

/* Makes an entry in a directory by hand: the inode record of another name. */
static void enter(struct api *a, daos_obj_id_t from, const char *name, daos_obj_id_t into,
                  const char *as)
{
    char record[88];
    daos_handle_t oh;
    struct one x;

    OK(daos_obj_open(a->coh, from, DAOS_OO_RO, &oh, NULL));
    one_array(&x, name, "DFS_INODE", 1, 0, sizeof(record), record);
    OK(daos_obj_fetch(oh, DAOS_TX_NONE, DAOS_COND_DKEY_FETCH, &x.dkey, 1, &x.iod, &x.sgl, NULL,
                      NULL));
    OK(daos_obj_close(oh, NULL));
    OK(daos_obj_open(a->coh, into, DAOS_OO_RW, &oh, NULL));
    one_array(&x, as, "DFS_INODE", 1, 0, sizeof(record), record);
    OK(daos_obj_update(oh, DAOS_TX_NONE, 0, &x.dkey, 1, &x.iod, &x.sgl, NULL));
    OK(daos_obj_close(oh, NULL));
}

static void a_directory_that_is_in_itself(void **state)
{
    struct api *a = *state;
    dfs_t *dfs = fs_mount(a, O_RDWR);
    dfs_obj_t *root, *d = fs_dir(dfs, NULL, "d"), *below = fs_dir(dfs, d, "below");
    daos_obj_id_t of_root, of_d, of_below;

    OK(dfs_lookup(dfs, "/", O_RDONLY, &root, NULL, NULL));
    OK(dfs_obj2id(root, &of_root));
    OK(dfs_obj2id(d, &of_d));
    OK(dfs_obj2id(below, &of_below));
    enter(a, of_root, "d", of_below, "again");
    IS(ELOOP, dfs_remove(dfs, NULL, "d", true, NULL));
    SHOWS("dir", dfs, NULL, "d");
    OK(dfs_release(below));
    OK(dfs_release(d));
    OK(dfs_release(root));
    OK(dfs_umount(dfs));
}

static void directories_deeper_than_any_path(void **state)
{
    struct api *a = *state;
    dfs_t *dfs = fs_mount(a, O_RDWR);
    dfs_obj_t *at = fs_dir(dfs, NULL, "d"), *next;

    for (int i = 0; i <= DFS_MAX_PATH / 2; i++) {
        next = fs_dir(dfs, at, "d");
        OK(dfs_release(at));
        at = next;
    }
    OK(dfs_release(at));
    IS(ENAMETOOLONG, dfs_remove(dfs, NULL, "d", true, NULL));
    SHOWS("dir", dfs, NULL, "d");
    OK(dfs_umount(dfs));
}

/* ---- Nobody there ---- */

static void paths_that_lead_nowhere(void **state)
{
    struct api *a = *state;
    struct duns_attr_t attr = {0};
    daos_handle_t poh;

    /* nobody listens there, nor is anybody allowed to */
    FAILS(DER_UNREACH, daos_pool_connect("tcp://127.0.0.1:1", NULL, DAOS_PC_RW, &poh, NULL, NULL));
    IS(ENOTSUP, duns_resolve_path("/proc", &attr)); /* without attributes */
    duns_destroy_attr(&attr);
    if (access("/dev/pts", F_OK) == 0) {
        daos_size_t before = 0, after = 0;

        OK(daos_pool_list_cont(a->poh, &before, NULL, NULL));
        IS(EACCES, duns_link_cont(a->poh, a->label, "/dev/pts/none"));
        attr = (struct duns_attr_t){.da_type = DAOS_PROP_CO_LAYOUT_HDF5};
        IS(EACCES, duns_create_path(a->poh, "/dev/pts/none", &attr));
        duns_destroy_attr(&attr);
        OK(daos_pool_list_cont(a->poh, &after, NULL, NULL));
        assert_int_equal(after, before); /* the container went with its path */
    }
}

/* A file system without attributes, which this thread alone sees. Needs the right to mount. */
static void a_path_without_attributes(void **state)
{
    struct api *a = *state;
    struct duns_attr_t attr = {.da_type = DAOS_PROP_CO_LAYOUT_HDF5};
    daos_size_t before = 0, after = 0;
    char dir[96], file[128];

    snprintf(dir, sizeof(dir), "%s/plain", a->dir);
    snprintf(file, sizeof(file), "%s/f", dir);
    OK(mkdir(dir, 0700));
    if (unshare(CLONE_NEWNS) != 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
        mount("none", dir, "ramfs", 0, NULL) != 0)
        skip();
    OK(daos_pool_list_cont(a->poh, &before, NULL, NULL));
    IS(ENOTSUP, duns_link_cont(a->poh, a->label, file));
    IS(ENOTSUP, duns_create_path(a->poh, file, &attr));
    duns_destroy_attr(&attr);
    attr = (struct duns_attr_t){.da_type = DAOS_PROP_CO_LAYOUT_POSIX};
    IS(ENOTSUP, duns_create_path(a->poh, file, &attr));
    duns_destroy_attr(&attr);
    assert_int_equal(access(file, F_OK), -1); /* neither path nor container is left */
    OK(daos_pool_list_cont(a->poh, &after, NULL, NULL));
    assert_int_equal(after, before);
    OK(umount(dir));
}

/* ---- A commit under way ---- */

/* The engine stands still: what is under way stays so. */
static void a_commit_that_is_under_way(void **state)
{
    struct api *a = *state;
    daos_event_t ev, other, *done;
    daos_handle_t oh, th, eq;

    if (a->engine == 0)
        skip();
    oh = api_obj(a, DAOS_OT_MULTI_HASHED, 1);
    OK(daos_eq_create(&eq));
    OK(daos_event_init(&ev, eq, NULL));
    OK(daos_event_init(&other, eq, NULL));
    OK(daos_tx_open(a->coh, &th, 0, NULL));
    OK(put_th(oh, th, 0, "d", "a", "v"));
    assert_int_equal(kill(a->engine, SIGSTOP), 0);
    OK(daos_tx_commit(th, &ev));
    FAILS(DER_INPROGRESS, daos_tx_commit(th, NULL));
    OK(daos_tx_commit(th, &other));
    assert_int_equal(daos_eq_poll(eq, 1, DAOS_EQ_WAIT, 1, &done), 1);
    assert_ptr_equal(done, &other);
    FAILS(DER_INPROGRESS, other.ev_error);
    FAILS(DER_NO_PERM, daos_tx_abort(th, NULL));
    FAILS(DER_NO_PERM, daos_tx_restart(th, NULL));
    FAILS(DER_BUSY, daos_tx_close(th, NULL));
    FAILS(DER_BUSY, daos_tx_close(th, &other));
    FAILS(DER_NO_PERM, put_th(oh, th, 0, "d", "b", "v"));
    assert_string_equal(get_th(oh, th, 0, "d", "a"), "DER_NO_PERM");
    FAILS(DER_NO_PERM, daos_tx_commit(th, &ev)); /* its event is in use */
    FAILS(DER_BUSY, daos_event_fini(&ev));
    FAILS(DER_BUSY, daos_eq_destroy(eq, 0));
    assert_int_equal(daos_eq_poll(eq, 1, DAOS_EQ_NOWAIT, 1, &done), 0);
    assert_int_equal(daos_eq_query(eq, DAOS_EQR_WAITING, 0, NULL), 1);
    assert_int_equal(kill(a->engine, SIGCONT), 0);
    assert_int_equal(daos_eq_poll(eq, 1, DAOS_EQ_WAIT, 1, &done), 1);
    assert_ptr_equal(done, &ev);
    OK(ev.ev_error);
    FAILS(DER_ALREADY, daos_tx_commit(th, NULL));
    OK(daos_tx_close(th, NULL));
    assert_string_equal(get(oh, "d", "a"), "v");
    OK(daos_event_fini(&ev));
    OK(daos_event_fini(&other));
    OK(daos_eq_destroy(eq, 0));
    OK(daos_obj_close(oh, NULL));
}

/* ---- Events of a queue that is gone ---- */

static void a_queue_that_is_gone(void **state)
{
    struct api *a = *state;
    daos_event_t ev, later;
    daos_handle_t eq;
    daos_size_t n = 0;
    bool flag;

    OK(daos_eq_create(&eq));
    OK(daos_event_init(&ev, eq, NULL));
    OK(daos_eq_destroy(eq, DAOS_EQ_DESTROY_FORCE));
    FAILS(DER_NONEXIST, daos_event_init(&later, eq, NULL));
    FAILS(DER_NONEXIST, daos_event_test(&ev, DAOS_EQ_NOWAIT, &flag));
    FAILS(DER_NONEXIST, daos_event_abort(&ev));
    FAILS(DER_NONEXIST, daos_eq_query(eq, DAOS_EQR_ALL, 0, NULL));
    FAILS(DER_NONEXIST, daos_pool_list_cont(a->poh, &n, NULL, &ev));
    FAILS(DER_NONEXIST, daos_obj_close(a->coh, &ev));
    assert_int_equal(n, 0);
    OK(daos_event_fini(&ev));
}

/* ---- What is not there ---- */

static void no_s3(void **state)
{
    (void)state;
    IS(-ENOSYS, ds3_init());
    IS(-ENOSYS, ds3_fini());
    IS(-ENOSYS, ds3_connect(NULL, NULL, NULL, NULL));
    IS(-ENOSYS, ds3_disconnect(NULL, NULL));
    IS(-ENOSYS, ds3_user_set(NULL, NULL, NULL, NULL, NULL));
    IS(-ENOSYS, ds3_user_remove(NULL, NULL, NULL, NULL));
    IS(-ENOSYS, ds3_user_get(NULL, NULL, NULL, NULL));
    IS(-ENOSYS, ds3_user_get_by_email(NULL, NULL, NULL, NULL));
    IS(-ENOSYS, ds3_user_get_by_key(NULL, NULL, NULL, NULL));
    IS(-ENOSYS, ds3_bucket_list(NULL, NULL, NULL, NULL, NULL, NULL));
    IS(-ENOSYS, ds3_bucket_create(NULL, NULL, NULL, NULL, NULL));
    IS(-ENOSYS, ds3_bucket_destroy(NULL, false, NULL, NULL));
    IS(-ENOSYS, ds3_bucket_open(NULL, NULL, NULL, NULL));
    IS(-ENOSYS, ds3_bucket_close(NULL, NULL));
    IS(-ENOSYS, ds3_bucket_get_info(NULL, NULL, NULL));
    IS(-ENOSYS, ds3_bucket_set_info(NULL, NULL, NULL));
    IS(-ENOSYS, ds3_bucket_list_obj(NULL, NULL, NULL, NULL, NULL, NULL, NULL, false, NULL, NULL));
    IS(-ENOSYS, ds3_obj_create(NULL, NULL, NULL));
    IS(-ENOSYS, ds3_obj_open(NULL, NULL, NULL));
    IS(-ENOSYS, ds3_obj_close(NULL));
    IS(-ENOSYS, ds3_obj_get_info(NULL, NULL, NULL));
    IS(-ENOSYS, ds3_obj_set_info(NULL, NULL, NULL));
    IS(-ENOSYS, ds3_obj_read(NULL, 0, NULL, NULL, NULL, NULL));
    IS(-ENOSYS, ds3_obj_destroy(NULL, NULL));
    IS(-ENOSYS, ds3_obj_write(NULL, 0, NULL, NULL, NULL, NULL));
    IS(-ENOSYS, ds3_obj_mark_latest(NULL, NULL));
    IS(-ENOSYS,
       ds3_bucket_list_multipart(NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL));
    IS(-ENOSYS, ds3_upload_list_parts(NULL, NULL, NULL, NULL, NULL, NULL, NULL));
    IS(-ENOSYS, ds3_upload_init(NULL, NULL, NULL));
    IS(-ENOSYS, ds3_upload_remove(NULL, NULL, NULL));
    IS(-ENOSYS, ds3_upload_get_info(NULL, NULL, NULL, NULL));
    IS(-ENOSYS, ds3_part_open(NULL, NULL, 0, false, NULL, NULL));
    IS(-ENOSYS, ds3_part_close(NULL));
    IS(-ENOSYS, ds3_part_write(NULL, 0, NULL, NULL, NULL, NULL));
    IS(-ENOSYS, ds3_part_read(NULL, 0, NULL, NULL, NULL, NULL));
    IS(-ENOSYS, ds3_part_set_info(NULL, NULL, NULL, NULL));
}

/* ---- Without events ---- */

static void lists_and_names(void **state)
{
    const char *entry = "A::OWNER@:rw";
    gid_t nobody = 4000000000u;
    daos_prop_t *prop = daos_prop_alloc(3);
    struct daos_acl *acl = NULL;
    uint64_t perms = 7;
    size_t nr;
    char **strs;

    (void)state;
    OK(daos_acl_from_strs(&entry, 1, &acl));
    FAILS(DER_INVAL, daos_acl_add_ace(&acl, NULL));
    FAILS(DER_INVAL, daos_acl_add_ace(NULL, daos_acl_get_next_ace(acl, NULL)));
    FAILS(DER_INVAL, daos_acl_to_strs(NULL, &strs, &nr));
    FAILS(DER_INVAL, daos_acl_to_strs(acl, NULL, &nr));
    FAILS(DER_INVAL, daos_acl_gid_to_principal(0, NULL));
    for (uint32_t i = 0; i < 3; i++) {
        static const uint32_t types[] = {DAOS_PROP_CO_ACL, DAOS_PROP_CO_OWNER,
                                         DAOS_PROP_CO_OWNER_GROUP};

        prop->dpp_entries[i].dpe_type = types[i];
    }
    FAILS(DER_INVAL, daos_cont_get_perms(prop, 0, NULL, 0, &perms)); /* of nobody */
    FAILS(DER_INVAL, daos_prop_set_ptr(prop, DAOS_PROP_CO_ACL, NULL, 8));
    FAILS(DER_NONEXIST, daos_prop_set_ptr(prop, DAOS_PROP_CO_ROOTS, acl, 8));
    FAILS(DER_INVAL, daos_prop_entry_set_ptr(NULL, acl, 8));
    FAILS(DER_INVAL, daos_prop_entry_set_ptr(&prop->dpp_entries[1], acl, 8)); /* a text */
    prop->dpp_entries[0].dpe_val_ptr = acl;
    OK(daos_prop_entry_set_str(&prop->dpp_entries[1], "bob@", 4));
    OK(daos_prop_entry_set_str(&prop->dpp_entries[2], "crew@", 5));
    FAILS(DER_NONEXIST, daos_cont_get_perms(prop, nobody, NULL, 0, &perms));
    FAILS(DER_NONEXIST, daos_cont_get_perms(prop, 0, &nobody, 1, &perms));
    FAILS(DER_INVAL, daos_cont_get_perms(prop, 0, NULL, 1, &perms));
    FAILS(DER_INVAL, daos_cont_get_perms(prop, 0, NULL, 0, NULL));
    assert_int_equal(perms, 7);
    prop->dpp_entries[0].dpe_type = DAOS_PROP_PO_ACL;
    prop->dpp_entries[1].dpe_type = DAOS_PROP_PO_OWNER;
    prop->dpp_entries[2].dpe_type = DAOS_PROP_PO_OWNER_GROUP;
    FAILS(DER_NONEXIST, daos_pool_get_perms(prop, nobody, NULL, 0, &perms));
    daos_prop_free(prop);
}

static void the_system(void **state)
{
    struct daos_sys_info *info = NULL;
    char longest[DAOS_SYS_NAME_MAX + 2], *tag;
    uint32_t v[3];

    (void)state;
    memset(longest, 's', sizeof(longest));
    longest[DAOS_SYS_NAME_MAX + 1] = '\0';
    FAILS(DER_INVAL, daos_mgmt_get_sys_info(longest, &info));
    FAILS(DER_INVAL, daos_mgmt_get_sys_info(NULL, NULL));
    assert_null(info);
    FAILS(DER_INVAL, dc_mgmt_srv_version(NULL, &v[1], &v[2], &tag));
    FAILS(DER_INVAL, dc_mgmt_srv_version(&v[0], &v[1], &v[2], NULL));
    FAILS(DER_INVAL, daos_debug_add_mark(NULL));
    FAILS(DER_INVAL, daos_oclass_names_list(0, longest));
    FAILS(DER_INVAL, daos_oclass_names_list(10, NULL));
    FAILS(DER_OVERFLOW, daos_oclass_names_list(10, longest));
    FAILS(DER_INVAL, daos_hlc2timestamp(1, NULL));
    FAILS(DER_INVAL, daos_hlc2timespec(1, NULL));
}

static void no_library(void **state)
{
    tse_sched_t sched;
    uint32_t v[3];
    char *tag;

    (void)state;
    FAILS(DER_UNINIT, dc_mgmt_srv_version(&v[0], &v[1], &v[2], &tag));
    OK(tse_sched_init(&sched, NULL, NULL));
    FAILS(DER_UNINIT, daos_progress(&sched, 0, NULL));
    tse_sched_fini(&sched);
}

int main(void)
{
    const struct CMUnitTest before[] = {cmocka_unit_test(no_library)};
    const struct CMUnitTest tests[] = {
        API_TEST(a_pool_that_is_forbidden),
        API_TEST(a_moment_that_is_past),
        API_TEST(a_transaction_that_is_too_large),
        API_TEST(a_container_that_lost_data),
        FS_TEST(a_file_system_that_is_forbidden),
        FS_TEST(a_file_system_that_is_not_there),
        FS_TEST(a_directory_that_is_in_itself),
        FS_TEST(directories_deeper_than_any_path),
        API_TEST(paths_that_lead_nowhere),
        API_TEST(a_path_without_attributes),
        API_TEST(a_commit_that_is_under_way),
        API_TEST(a_queue_that_is_gone),
        API_TEST(no_s3),
        API_TEST(lists_and_names),
        API_TEST(the_system),
    };

    return cmocka_run_group_tests_name("before", before, NULL, NULL) +
           cmocka_run_group_tests(tests, api_group_setup, api_group_teardown);
}
