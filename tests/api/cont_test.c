/* Containers: names, properties, rights, attributes, snapshots, handles. */
#include "api.h"

static void names(void **state)
{
    struct api *a = *state;
    daos_handle_t coh;
    daos_cont_info_t info;
    char text[37];
    uuid_t uuid;

    memset(&info, 0xee, sizeof(info)); /* programs pass what lies on their stack */
    OK(daos_cont_create_with_label(a->poh, "named", NULL, &uuid, NULL));
    FAILS(DER_EXIST, daos_cont_create_with_label(a->poh, "named", NULL, NULL, NULL));
    OK(daos_cont_open(a->poh, "named", DAOS_COO_RW, &coh, &info, NULL));
    assert_memory_equal(info.ci_uuid, uuid, sizeof(uuid));
    assert_int_equal(info.ci_nsnapshots, 0);
    assert_int_equal(info.ci_nhandles, 1);
    FAILS(DER_BUSY, daos_cont_destroy(a->poh, "named", 0, NULL));
    OK(daos_cont_close(coh, NULL));
    FAILS(DER_NO_HDL, daos_cont_close(coh, NULL));
    uuid_unparse(uuid, text);
    OK(daos_cont_open(a->poh, text, DAOS_COO_RO, &coh, NULL, NULL));
    OK(daos_cont_close(coh, NULL));
    OK(daos_cont_destroy(a->poh, text, 0, NULL));
    FAILS(DER_NONEXIST, daos_cont_open(a->poh, text, DAOS_COO_RO, &coh, NULL, NULL));
    assert_true(strlen(err_last()->what) > 0 && strlen(err_last()->why) > 0);
    FAILS(DER_NONEXIST, daos_cont_destroy(a->poh, "named", 0, NULL));
    /* without a label */
    OK(daos_cont_create(a->poh, &uuid, NULL, NULL));
    uuid_unparse(uuid, text);
    OK(daos_cont_destroy(a->poh, text, 1, NULL));
}

static void by_force(void **state)
{
    struct api *a = *state;
    daos_handle_t coh, oh;

    OK(daos_cont_create_with_label(a->poh, "doomed", NULL, NULL, NULL));
    OK(daos_cont_open(a->poh, "doomed", DAOS_COO_RW, &coh, NULL, NULL));
    OK(daos_obj_open(coh, api_oid(a, DAOS_OT_MULTI_HASHED, 1), DAOS_OO_RW, &oh, NULL));
    OK(put(oh, 0, "d", "a", "1"));
    OK(daos_cont_destroy(a->poh, "doomed", 1, NULL));
    assert_int_not_equal(put(oh, 0, "d", "a", "2"), 0);
    FAILS(DER_BUSY, daos_cont_close(coh, NULL));
    OK(daos_obj_close(oh, NULL));
    OK(daos_cont_close(coh, NULL));
}

static void properties(void **state)
{
    struct api *a = *state;
    daos_prop_t *prop, *all = daos_prop_alloc(0), *some = daos_prop_alloc(2);
    static const char text[] = "label:props;cksum:crc32;layout_type:posix;max_snapshot:3";
    daos_handle_t coh;

    OK(daos_prop_from_str(text, sizeof(text), &prop));
    OK(daos_cont_create(a->poh, NULL, prop, NULL));
    daos_prop_free(prop);
    OK(daos_cont_open(a->poh, "props", DAOS_COO_RW, &coh, NULL, NULL));
    OK(daos_cont_query(coh, NULL, all, NULL));
    assert_true(all->dpp_nr >= 20);
    assert_string_equal(daos_prop_entry_get(all, DAOS_PROP_CO_LABEL)->dpe_str, "props");
    assert_int_equal(daos_prop_entry_get(all, DAOS_PROP_CO_CSUM)->dpe_val, DAOS_PROP_CO_CSUM_CRC32);
    assert_int_equal(daos_prop_entry_get(all, DAOS_PROP_CO_LAYOUT_TYPE)->dpe_val,
                     DAOS_PROP_CO_LAYOUT_POSIX);
    assert_int_equal(daos_prop_entry_get(all, DAOS_PROP_CO_CSUM_CHUNK_SIZE)->dpe_val, 32768);
    assert_int_equal(daos_prop_entry_get(all, DAOS_PROP_CO_REDUN_FAC)->dpe_val, 0);
    assert_non_null(daos_prop_entry_get(all, DAOS_PROP_CO_OWNER)->dpe_str);
    daos_prop_free(all);
    some->dpp_entries[0].dpe_type = DAOS_PROP_CO_SNAPSHOT_MAX;
    some->dpp_entries[1].dpe_type = DAOS_PROP_CO_LABEL;
    OK(daos_cont_query(coh, NULL, some, NULL));
    assert_int_equal(some->dpp_entries[0].dpe_val, 3);
    assert_string_equal(some->dpp_entries[1].dpe_str, "props");
    /* renamed */
    some->dpp_nr = 2;
    OK(daos_prop_set_str(some, DAOS_PROP_CO_LABEL, "renamed", 7));
    OK(daos_cont_set_prop(coh, some, NULL));
    OK(daos_prop_set_str(some, DAOS_PROP_CO_LABEL, a->label, strlen(a->label)));
    FAILS(DER_EXIST, daos_cont_set_prop(coh, some, NULL));
    daos_prop_free(some);
    prop = daos_prop_alloc(1);
    prop->dpp_entries[0].dpe_type = DAOS_PROP_CO_OBJ_VERSION;
    FAILS(DER_INVAL, daos_cont_set_prop(coh, prop, NULL));
    prop->dpp_entries[0].dpe_type = DAOS_PROP_CO_REDUN_FAC;
    prop->dpp_entries[0].dpe_val = 9;
    FAILS(DER_INVAL, daos_cont_set_prop(coh, prop, NULL));
    FAILS(DER_INVAL, daos_cont_create(a->poh, NULL, prop, NULL));
    daos_prop_free(prop);
    OK(daos_cont_status_clear(coh, NULL));
    OK(daos_cont_close(coh, NULL));
    FAILS(DER_NONEXIST, daos_cont_open(a->poh, "props", DAOS_COO_RO, &coh, NULL, NULL));
    OK(daos_cont_destroy(a->poh, "renamed", 0, NULL));
}

static void rights(void **state)
{
    struct api *a = *state;
    const char *add[] = {"A::bob@:r", "A:G:crew@:rw"}, *over[] = {"A::OWNER@:rwdtTaAo"};
    daos_prop_t *prop;
    struct daos_acl *acl, *got;
    struct daos_ace *ace;

    OK(daos_cont_get_acl(a->coh, &prop, NULL));
    got = daos_prop_entry_get(prop, DAOS_PROP_CO_ACL)->dpe_val_ptr;
    OK(daos_acl_validate(got));
    OK(daos_acl_get_ace_for_principal(got, DAOS_ACL_OWNER, NULL, &ace));
    assert_int_equal(ace->dae_allow_perms, DAOS_ACL_PERM_CONT_ALL);
    assert_non_null(daos_prop_entry_get(prop, DAOS_PROP_CO_OWNER)->dpe_str);
    assert_non_null(daos_prop_entry_get(prop, DAOS_PROP_CO_OWNER_GROUP)->dpe_str);
    daos_prop_free(prop);

    OK(daos_acl_from_strs(add, 2, &acl));
    OK(daos_cont_update_acl(a->coh, acl, NULL));
    daos_acl_free(acl);
    OK(daos_cont_get_acl(a->coh, &prop, NULL));
    got = daos_prop_entry_get(prop, DAOS_PROP_CO_ACL)->dpe_val_ptr;
    OK(daos_acl_get_ace_for_principal(got, DAOS_ACL_USER, "bob@", &ace));
    OK(daos_acl_get_ace_for_principal(got, DAOS_ACL_GROUP, "crew@", &ace));
    OK(daos_acl_get_ace_for_principal(got, DAOS_ACL_OWNER, NULL, &ace));
    daos_prop_free(prop);

    OK(daos_cont_delete_acl(a->coh, DAOS_ACL_USER, (d_string_t) "bob@", NULL));
    FAILS(DER_NONEXIST, daos_cont_delete_acl(a->coh, DAOS_ACL_USER, (d_string_t) "bob@", NULL));
    FAILS(DER_INVAL, daos_cont_delete_acl(a->coh, DAOS_ACL_USER, NULL, NULL));
    FAILS(DER_INVAL, daos_cont_delete_acl(a->coh, 9, NULL, NULL));
    OK(daos_acl_from_strs(over, 1, &acl));
    OK(daos_cont_overwrite_acl(a->coh, acl, NULL));
    daos_acl_free(acl);
    FAILS(DER_INVAL, daos_cont_overwrite_acl(a->coh, NULL, NULL));
    OK(daos_cont_get_acl(a->coh, &prop, NULL));
    got = daos_prop_entry_get(prop, DAOS_PROP_CO_ACL)->dpe_val_ptr;
    assert_int_equal(daos_acl_get_ace_for_principal(got, DAOS_ACL_GROUP, "crew@", &ace),
                     -DER_NONEXIST);
    daos_prop_free(prop);

    FAILS(DER_INVAL, daos_cont_set_owner(a->coh, NULL, NULL, NULL));
    FAILS(DER_INVAL, daos_cont_set_owner(a->coh, (d_string_t) "nobody", NULL, NULL));
    FAILS(DER_NONEXIST, daos_cont_set_owner(a->coh, (d_string_t) "no-such-user-here@", NULL, NULL));
    OK(daos_cont_set_owner_no_check(a->coh, NULL, (d_string_t) "no-such-group-here@", NULL));
    OK(daos_cont_get_acl(a->coh, &prop, NULL));
    assert_string_equal(daos_prop_entry_get(prop, DAOS_PROP_CO_OWNER_GROUP)->dpe_str,
                        "no-such-group-here@");
    daos_prop_free(prop);
}

static void attributes_of(daos_handle_t h, bool pool)
{
    static const char *const names[] = {"color", "size of it"}, *const none[] = {"color",
                                                                                 "nothing"};
    const void *const values[] = {"red", "\0\1\2"};
    const size_t sizes_in[] = {3, 3};
    char b0[8] = {0}, b1[8] = {0}, list[64];
    void *const bufs[] = {b0, b1};
    size_t sizes[2] = {8, 2}, len;

#define CALL(what, ...) (pool ? daos_pool_##what(h, __VA_ARGS__) : daos_cont_##what(h, __VA_ARGS__))
    len = 0;
    OK(CALL(list_attr, NULL, &len, NULL));
    assert_int_equal(len, 0);
    OK(CALL(set_attr, 2, names, values, sizes_in, NULL));
    OK(CALL(get_attr, 2, names, bufs, sizes, NULL));
    assert_string_equal(b0, "red");
    assert_memory_equal(b1, "\0\1\0", 3); /* cut to the room there was */
    assert_int_equal(sizes[1], 3);
    sizes[0] = sizes[1] = 0;
    OK(CALL(get_attr, 2, names, NULL, sizes, NULL));
    assert_int_equal(sizes[0], 3);
    FAILS(DER_NONEXIST, CALL(get_attr, 2, none, NULL, sizes, NULL));
    len = sizeof(list);
    OK(CALL(list_attr, list, &len, NULL));
    assert_int_equal(len, 17);
    assert_memory_equal(list, "color\0size of it", 17);
    len = 3;
    OK(CALL(list_attr, list, &len, NULL));
    assert_int_equal(len, 17);
    FAILS(DER_INVAL, CALL(set_attr, 0, names, values, sizes_in, NULL));
    FAILS(DER_INVAL, CALL(set_attr, 2, names, NULL, sizes_in, NULL));
    FAILS(DER_INVAL, CALL(get_attr, 2, NULL, bufs, sizes, NULL));
    FAILS(DER_INVAL, CALL(list_attr, list, NULL, NULL));
    OK(CALL(del_attr, 2, none, NULL));
    FAILS(DER_NONEXIST, CALL(get_attr, 1, names, NULL, sizes, NULL));
    OK(CALL(del_attr, 2, names, NULL));
#undef CALL
}

static void attributes(void **state)
{
    struct api *a = *state;

    attributes_of(a->coh, false);
    attributes_of(a->poh, true);
}

static void snapshots(void **state)
{
    struct api *a = *state;
    daos_handle_t oh = api_obj(a, DAOS_OT_MULTI_HASHED, 1),
                  other = api_obj(a, DAOS_OT_MULTI_HASHED, 2), th, oit;
    daos_epoch_t e1, e2, got[4];
    daos_obj_id_t oids[4];
    daos_anchor_t anchor = {0};
    daos_epoch_range_t epr;
    daos_cont_info_t info;
    uint32_t nr, total;
    int n;

    OK(put(oh, 0, "d", "a", "before"));
    OK(daos_cont_create_snap(a->coh, &e1, NULL, NULL));
    OK(put(oh, 0, "d", "a", "after"));
    OK(put(oh, 0, "e", "a", "new"));
    OK(put(other, 0, "d", "a", "later"));
    OK(daos_cont_create_snap_opt(a->coh, &e2, NULL, DAOS_SNAP_OPT_CR | DAOS_SNAP_OPT_OIT, NULL));
    assert_true(e2 > e1);
    OK(daos_obj_punch(oh, DAOS_TX_NONE, 0, NULL));
    n = 0;
    OK(daos_cont_list_snap(a->coh, &n, NULL, NULL, &anchor, NULL));
    assert_int_equal(n, 2);
    n = 4;
    memset(&anchor, 0, sizeof(anchor));
    OK(daos_cont_list_snap(a->coh, &n, got, NULL, &anchor, NULL));
    assert_true(daos_anchor_is_eof(&anchor));
    assert_int_equal(got[0], e1);
    assert_int_equal(got[1], e2);
    OK(daos_cont_query(a->coh, &info, NULL, NULL));
    assert_int_equal(info.ci_nsnapshots, 2);
    assert_int_equal(info.ci_lsnapshot, e2);

    assert_string_equal(get(oh, "d", "a"), "-");
    OK(daos_tx_open_snap(a->coh, e1, &th, NULL));
    assert_string_equal(get_th(oh, th, 0, "d", "a"), "before");
    assert_string_equal(get_th(oh, th, 0, "e", "a"), "-");
    FAILS(DER_NO_PERM, put_th(oh, th, 0, "d", "a", "x"));
    FAILS(DER_NO_PERM, daos_tx_commit(th, NULL));
    OK(daos_tx_hdl2epoch(th, got));
    assert_int_equal(got[0], e1);
    OK(daos_tx_close(th, NULL));
    FAILS(DER_NO_HDL, daos_tx_close(th, NULL));
    OK(daos_tx_open_snap(a->coh, e2, &th, NULL));
    assert_string_equal(get_th(oh, th, 0, "d", "a"), "after");
    OK(daos_tx_close(th, NULL));

    /* objects that existed */
    FAILS(DER_NONEXIST, daos_oit_open(a->coh, e1 + 1, &oit, NULL));
    OK(daos_oit_open(a->coh, e2, &oit, NULL));
    memset(&anchor, 0, sizeof(anchor));
    for (total = 0; !daos_anchor_is_eof(&anchor); total += nr) {
        nr = 4;
        OK(daos_oit_list(oit, oids, &nr, &anchor, NULL));
    }
    assert_int_equal(total, 2);
    OK(daos_oit_close(oit, NULL));
    OK(daos_oit_open(a->coh, e1, &oit, NULL));
    memset(&anchor, 0, sizeof(anchor));
    for (total = 0; !daos_anchor_is_eof(&anchor); total += nr) {
        nr = 4;
        OK(daos_oit_list_unmarked(oit, oids, &nr, &anchor, NULL));
    }
    assert_int_equal(total, 1);
    OK(daos_oit_close(oit, NULL));
    FAILS(DER_NO_HDL, daos_oit_close(oit, NULL));
    FAILS(DER_NO_HDL, daos_oit_list(oh, oids, &nr, &anchor, NULL));

    epr = (daos_epoch_range_t){e1, e1};
    OK(daos_cont_destroy_snap(a->coh, epr, NULL));
    FAILS(DER_NONEXIST, daos_cont_destroy_snap(a->coh, epr, NULL));
    OK(daos_cont_aggregate(a->coh, 0, NULL));
    OK(daos_tx_open_snap(a->coh, e2, &th, NULL));
    assert_string_equal(get_th(oh, th, 0, "d", "a"), "after");
    OK(daos_tx_close(th, NULL));
    OK(daos_obj_close(oh, NULL));
    OK(daos_obj_close(other, NULL));
}

static void rollback(void **state)
{
    struct api *a = *state;
    daos_handle_t oh = api_obj(a, DAOS_OT_MULTI_HASHED, 1), ro;
    daos_epoch_t e1, e2;
    daos_event_t ev;
    bool done;

    OK(put(oh, 0, "d", "a", "before"));
    OK(daos_cont_create_snap(a->coh, &e1, NULL, NULL));
    OK(put(oh, 0, "d", "a", "after"));
    OK(put(oh, 0, "new", "a", "x"));
    OK(daos_cont_create_snap(a->coh, &e2, NULL, NULL));
    FAILS(DER_INVAL, daos_cont_rollback(a->coh, 0, NULL));
    FAILS(DER_INVAL, daos_cont_rollback(a->coh, DAOS_EPOCH_MAX, NULL));
    FAILS(DER_NONEXIST, daos_cont_rollback(a->coh, e1 + 1, NULL));
    FAILS(DER_BUSY, daos_cont_rollback(a->coh, e1, NULL)); /* e2 is newer */
    FAILS(DER_NO_HDL, daos_cont_rollback(DAOS_HDL_INVAL, e1, NULL));
    OK(daos_cont_open(a->poh, a->label, DAOS_COO_RO, &ro, NULL, NULL));
    FAILS(DER_NO_PERM, daos_cont_rollback(ro, e2, NULL));
    OK(daos_cont_close(ro, NULL));
    OK(daos_cont_destroy_snap(a->coh, (daos_epoch_range_t){e2, e2}, NULL));
    OK(daos_cont_rollback(a->coh, e1, NULL));
    assert_string_equal(get(oh, "d", "a"), "before");
    assert_string_equal(get(oh, "new", "a"), "-");
    OK(put(oh, 0, "d", "a", "once more"));
    OK(daos_event_init(&ev, DAOS_HDL_INVAL, NULL));
    OK(daos_cont_rollback(a->coh, e1, &ev));
    OK(daos_event_test(&ev, DAOS_EQ_WAIT, &done));
    assert_true(done);
    OK(ev.ev_error);
    OK(daos_event_fini(&ev));
    assert_string_equal(get(oh, "d", "a"), "before");
    OK(daos_obj_close(oh, NULL));
}

static void exclusive_and_read_only(void **state)
{
    struct api *a = *state;
    daos_handle_t coh, ro;
    uint64_t oid;

    FAILS(DER_BUSY, daos_cont_open(a->poh, a->label, DAOS_COO_EX, &coh, NULL, NULL));
    OK(daos_cont_open(a->poh, a->label, DAOS_COO_RO, &ro, NULL, NULL));
    FAILS(DER_NO_PERM, daos_cont_alloc_oids(ro, 1, &oid, NULL));
    OK(daos_cont_close(ro, NULL));
    OK(daos_cont_create_with_label(a->poh, "mine", NULL, NULL, NULL));
    OK(daos_cont_open(a->poh, "mine", DAOS_COO_EX, &coh, NULL, NULL));
    FAILS(DER_BUSY, daos_cont_open(a->poh, "mine", DAOS_COO_RO, &ro, NULL, NULL));
    OK(daos_cont_close(coh, NULL));
    OK(daos_cont_destroy(a->poh, "mine", 0, NULL));
}

/* The handles of this process, in one with a handle of its own, which has the same number as ours.
 * same: and as if its process number were ours, as in another container. */
static int import_both(const struct api *a, d_iov_t pg, d_iov_t cg, daos_obj_id_t oid, pid_t maker,
                       bool same)
{
    daos_handle_t own, poh, coh, oh;
    pid_t me = getpid();
    char *at;

    if (daos_reinit() != 0 || daos_pool_connect(a->path, NULL, DAOS_PC_RW, &own, NULL, NULL) != 0)
        return 1;
    at = same ? memmem(pg.iov_buf, pg.iov_len, &maker, sizeof(maker)) : NULL;
    if (same && at == NULL)
        return 2;
    if (same)
        memcpy(at, &me, sizeof(me));
    if (daos_pool_global2local(pg, &poh) != 0 || daos_cont_global2local(poh, cg, &coh) != 0)
        return 3;
    if (daos_obj_open(coh, oid, DAOS_OO_RW, &oh, NULL) != 0 ||
        strcmp(get(oh, "d", "a"), "through the copy") != 0)
        return 4;
    return daos_obj_close(oh, NULL) != 0 || daos_cont_close(coh, NULL) != 0 ||
                   daos_pool_disconnect(poh, NULL) != 0 || daos_pool_disconnect(own, NULL) != 0
               ? 5
               : 0;
}

/* An engine that is in this process is for nobody else: he is told, and nothing breaks. */
static int is_refused(d_iov_t pg)
{
    daos_handle_t poh;

    return daos_reinit() == 0 && daos_pool_global2local(pg, &poh) == -DER_NOTSUPPORTED ? 0 : 1;
}

static void in_another_process(struct api *a, const d_iov_t *pg, const d_iov_t *cg)
{
    daos_obj_id_t oid = api_oid(a, DAOS_OT_MULTI_HASHED, 1);

    for (int same = 0; same < 2; same++) {
        pid_t maker = getpid(), pid = fork();
        int status;

        if (pid == 0)
            _exit(a->engine == 0 ? is_refused(*pg)
                                 : import_both(a, *pg, *cg, oid, maker, same != 0));
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_int_equal(status, 0);
    }
}

static void handles_travel(void **state)
{
    struct api *a = *state;
    d_iov_t pg = {0}, cg = {0};
    daos_handle_t poh, coh, oh;

    OK(daos_pool_local2global(a->poh, &pg));
    assert_true(pg.iov_buf_len > 0);
    pg.iov_buf = malloc(pg.iov_buf_len);
    pg.iov_buf_len -= 1;
    FAILS(DER_TRUNC, daos_pool_local2global(a->poh, &pg));
    OK(daos_pool_local2global(a->poh, &pg));
    OK(daos_pool_global2local(pg, &poh));
    OK(daos_cont_local2global(a->coh, &cg));
    cg.iov_buf = malloc(cg.iov_buf_len);
    OK(daos_cont_local2global(a->coh, &cg));
    OK(daos_cont_global2local(poh, cg, &coh));
    OK(daos_obj_open(coh, api_oid(a, DAOS_OT_MULTI_HASHED, 1), DAOS_OO_RW, &oh, NULL));
    OK(put(oh, 0, "d", "a", "through the copy"));
    OK(daos_obj_close(oh, NULL));
    FAILS(DER_BUSY, daos_pool_disconnect(poh, NULL));
    OK(daos_cont_close(coh, NULL));
    OK(daos_pool_disconnect(poh, NULL));
    /* the originals live on */
    oh = api_obj(a, DAOS_OT_MULTI_HASHED, 1);
    assert_string_equal(get(oh, "d", "a"), "through the copy");
    OK(daos_obj_close(oh, NULL));
    FAILS(DER_INVAL, daos_cont_global2local(a->poh, pg, &coh));
    FAILS(DER_INVAL, daos_pool_global2local(cg, &poh));
    cg.iov_len = 10;
    FAILS(DER_INVAL, daos_cont_global2local(a->poh, cg, &coh));
    cg.iov_len = cg.iov_buf_len;
    in_another_process(a, &pg, &cg);
    free(pg.iov_buf);
    free(cg.iov_buf);
}

API_MAIN(API_TEST(names), API_TEST(by_force), API_TEST(properties), API_TEST(rights),
         API_TEST(attributes), API_TEST(snapshots), API_TEST(rollback),
         API_TEST(exclusive_and_read_only), API_TEST(handles_travel))
