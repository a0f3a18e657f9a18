/* Contracts of containers: life, properties, attributes, numbers for objects. */
#include "stage.h"

static daos_prop_t *one_prop(uint32_t type, uint64_t val)
{
    daos_prop_t *prop = daos_prop_alloc(1);

    prop->dpp_entries[0].dpe_type = type;
    prop->dpp_entries[0].dpe_val = val;
    return prop;
}

static daos_prop_t *label_prop(const char *label)
{
    daos_prop_t *prop = one_prop(DAOS_PROP_CO_LABEL, 0);

    return daos_prop_entry_set_str(&prop->dpp_entries[0], label, strlen(label)) == 0 ? prop : NULL;
}

/* ---- Life ---- */

CONTRACT(daos_cont_create)
{
    daos_prop_t *named = label_prop(r->name), *bad = one_prop(DAOS_PROP_CO_REDUN_FAC, 9),
                *fixed = one_prop(DAOS_PROP_CO_OBJ_VERSION, 1);
    daos_prop_t *generic = label_prop(DAOS_PROP_CO_LABEL_DEFAULT);
    char text[DAOS_UUID_STR_SIZE];
    daos_cont_info_t info;
    daos_handle_t coh;
    uuid_t uuid = {0};

    GIVES(0, daos_cont_create(r->poh, &uuid, named, ev(r)));
    NOW(0, daos_cont_open(r->poh, r->name, DAOS_COO_RO, &coh, &info, NULL));
    CHECK(memcmp(info.ci_uuid, uuid, sizeof(uuid)) == 0);
    NOW(0, daos_cont_close(coh, NULL));
    GIVES(-DER_EXIST, daos_cont_create(r->poh, NULL, named, ev(r)));
    NOW(0, daos_cont_destroy(r->poh, r->name, 0, NULL));
    GIVES(-DER_INVAL, daos_cont_create(r->poh, &uuid, bad, ev(r)));
    GIVES(-DER_INVAL, daos_cont_create(r->poh, &uuid, fixed, ev(r)));
    GIVES(-DER_INVAL, daos_cont_create(r->poh, &uuid, generic, ev(r)));
    GIVES(-DER_NO_PERM, daos_cont_create(r->ro_poh, &uuid, named, ev(r)));
    GIVES(-DER_NO_HDL, daos_cont_create(r->coh, &uuid, named, ev(r)));
    NOW(-DER_NONEXIST, daos_cont_open(r->poh, r->name, DAOS_COO_RO, &coh, NULL, NULL));
    GIVES(0, daos_cont_create(r->poh, &uuid, NULL, ev(r))); /* no name but its UUID */
    uuid_unparse(uuid, text);
    NOW(0, daos_cont_destroy(r->poh, text, 0, NULL));
    daos_prop_free(named);
    daos_prop_free(bad);
    daos_prop_free(fixed);
    daos_prop_free(generic);
    return true;
}

CONTRACT(daos_cont_create_with_label)
{
    char longest[DAOS_PROP_LABEL_MAX_LEN + 2];
    daos_prop_t *other_label = label_prop("replaced");
    daos_handle_t coh;
    uuid_t uuid;

    memset(longest, 'x', sizeof(longest));
    longest[DAOS_PROP_LABEL_MAX_LEN + 1] = '\0';
    GIVES(0, daos_cont_create_with_label(r->poh, r->name, other_label, &uuid, ev(r)));
    NOW(-DER_NONEXIST, daos_cont_open(r->poh, "replaced", DAOS_COO_RO, &coh, NULL, NULL));
    GIVES(-DER_EXIST, daos_cont_create_with_label(r->poh, r->name, NULL, NULL, ev(r)));
    NOW(0, daos_cont_destroy(r->poh, r->name, 0, NULL));
    GIVES(-DER_INVAL, daos_cont_create_with_label(r->poh, NULL, NULL, NULL, ev(r)));
    GIVES(-DER_INVAL, daos_cont_create_with_label(r->poh, "", NULL, NULL, ev(r)));
    GIVES(-DER_INVAL, daos_cont_create_with_label(r->poh, "a b", NULL, NULL, ev(r)));
    GIVES(-DER_INVAL, daos_cont_create_with_label(r->poh, longest, NULL, NULL, ev(r)));
    GIVES(-DER_INVAL,
          daos_cont_create_with_label(r->poh, DAOS_PROP_CO_LABEL_DEFAULT, NULL, NULL, ev(r)));
    GIVES(-DER_INVAL, daos_cont_create_with_label(r->poh, "12345678-0000-4000-8000-000000000001",
                                                  NULL, NULL, ev(r)));
    GIVES(-DER_NO_PERM, daos_cont_create_with_label(r->ro_poh, r->name, NULL, NULL, ev(r)));
    GIVES(-DER_NO_HDL, daos_cont_create_with_label(r->coh, r->name, NULL, NULL, ev(r)));
    snprintf(longest, 24, "%s", r->name);
    memset(longest + strlen(r->name), 'x', DAOS_PROP_LABEL_MAX_LEN - strlen(r->name));
    longest[DAOS_PROP_LABEL_MAX_LEN] = '\0';
    GIVES(0, daos_cont_create_with_label(r->poh, longest, NULL, NULL, ev(r)));
    NOW(0, daos_cont_destroy(r->poh, longest, 0, NULL));
    daos_prop_free(other_label);
    return true;
}

CONTRACT(daos_cont_open)
{
    daos_handle_t coh = DAOS_HDL_INVAL, two;
    char text[DAOS_UUID_STR_SIZE];
    daos_cont_info_t info;
    struct mine m, theirs;

    CHECK(mine_make(r, &m, NULL));
    memset(&info, 0xee, sizeof(info));
    GIVES(0, daos_cont_open(r->poh, m.label, DAOS_COO_RO, &coh, &info, ev(r)));
    CHECK(info.ci_nhandles == 2 && info.ci_nsnapshots == 0);
    uuid_unparse(info.ci_uuid, text);
    NOW(0, daos_cont_close(coh, NULL));
    GIVES(0, daos_cont_open(r->poh, text, DAOS_COO_RW, &coh, NULL, ev(r)));
    GIVES(-DER_BUSY, daos_cont_open(r->poh, m.label, DAOS_COO_EX, &two, NULL, ev(r)));
    NOW(0, daos_cont_close(coh, NULL));
    NOW(0, daos_cont_close(m.coh, NULL));
    GIVES(0, daos_cont_open(r->poh, m.label, DAOS_COO_EX, &m.coh, NULL, ev(r)));
    GIVES(-DER_BUSY, daos_cont_open(r->poh, m.label, DAOS_COO_RO, &two, NULL, ev(r)));
    GIVES(-DER_NONEXIST, daos_cont_open(r->poh, "nosuchcont", DAOS_COO_RO, &two, NULL, ev(r)));
    GIVES(-DER_INVAL, daos_cont_open(r->poh, NULL, DAOS_COO_RO, &two, NULL, ev(r)));
    GIVES(-DER_INVAL, daos_cont_open(r->poh, "", DAOS_COO_RO, &two, NULL, ev(r)));
    GIVES(-DER_INVAL, daos_cont_open(r->poh, "a b", DAOS_COO_RO, &two, NULL, ev(r)));
    GIVES(-DER_INVAL, daos_cont_open(r->poh, m.label, DAOS_COO_RO, NULL, NULL, ev(r)));
    GIVES(-DER_INVAL, daos_cont_open(r->poh, m.label, 0, &two, NULL, ev(r)));
    GIVES(-DER_INVAL,
          daos_cont_open(r->poh, m.label, DAOS_COO_RO | DAOS_COO_RW, &two, NULL, ev(r)));
    GIVES(-DER_INVAL,
          daos_cont_open(r->poh, m.label, DAOS_COO_RO | 1U << DAOS_COO_NBITS, &two, NULL, ev(r)));
    GIVES(-DER_INVAL,
          daos_cont_open(r->poh, m.label, DAOS_COO_RW | DAOS_COO_RO_MDSTATS, &two, NULL, ev(r)));
    GIVES(-DER_INVAL,
          daos_cont_open(r->poh, m.label, DAOS_COO_EX | DAOS_COO_EVICT, &two, NULL, ev(r)));
    GIVES(-DER_INVAL,
          daos_cont_open(r->poh, m.label, DAOS_COO_RW | DAOS_COO_EVICT_ALL, &two, NULL, ev(r)));
    GIVES(-DER_NO_HDL, daos_cont_open(r->coh, m.label, DAOS_COO_RO, &two, NULL, ev(r)));
    CHECK(mine_end(r, &m));
    CHECK(foreign_make(r, &theirs, "r"));
    GIVES(-DER_NO_PERM, daos_cont_open(r->poh, theirs.label, DAOS_COO_RW, &two, NULL, ev(r)));
    GIVES(-DER_NO_PERM, daos_cont_open(r->poh, theirs.label, DAOS_COO_EX, &two, NULL, ev(r)));
    GIVES(0, daos_cont_open(r->poh, theirs.label, DAOS_COO_RO, &theirs.coh, NULL, ev(r)));
    return mine_end(r, &theirs);
}

CONTRACT(daos_cont_close)
{
    daos_handle_t coh, oh, th;
    daos_obj_id_t oid;

    NOW(0, daos_cont_open(r->poh, r->a->label, DAOS_COO_RW, &coh, NULL, NULL));
    NOW(0, stage_oid(coh, DAOS_OT_MULTI_HASHED, r->id, &oid));
    NOW(0, daos_obj_open(coh, oid, DAOS_OO_RO, &oh, NULL));
    GIVES(-DER_BUSY, daos_cont_close(coh, ev(r)));
    NOW(0, daos_obj_close(oh, NULL));
    NOW(0, daos_tx_open(coh, &th, 0, NULL));
    GIVES(-DER_BUSY, daos_cont_close(coh, ev(r)));
    NOW(0, daos_tx_close(th, NULL));
    NOW(0, daos_cont_query(coh, NULL, NULL, NULL));
    GIVES(0, daos_cont_close(coh, ev(r)));
    GIVES(-DER_NO_HDL, daos_cont_close(coh, ev(r)));
    GIVES(-DER_NO_HDL, daos_cont_close(r->poh, ev(r)));
    return true;
}

CONTRACT(daos_cont_destroy)
{
    char text[DAOS_UUID_STR_SIZE];
    daos_cont_info_t info;
    struct mine m, theirs;

    CHECK(mine_make(r, &m, NULL));
    NOW(0, daos_cont_query(m.coh, &info, NULL, NULL));
    uuid_unparse(info.ci_uuid, text);
    GIVES(-DER_BUSY, daos_cont_destroy(r->poh, m.label, 0, ev(r)));
    GIVES(-DER_INVAL, daos_cont_destroy(r->poh, NULL, 0, ev(r)));
    GIVES(-DER_INVAL, daos_cont_destroy(r->poh, "a b", 0, ev(r)));
    GIVES(-DER_NONEXIST, daos_cont_destroy(r->poh, "nosuchcont", 1, ev(r)));
    GIVES(-DER_NO_HDL, daos_cont_destroy(r->coh, m.label, 0, ev(r)));
    NOW(0, daos_cont_query(m.coh, &info, NULL, NULL));
    GIVES(0, daos_cont_destroy(r->poh, m.label, 1, ev(r)));
    NOW(-DER_NO_HDL, daos_cont_query(m.coh, &info, NULL, NULL));
    NOW(0, daos_cont_close(m.coh, NULL));
    GIVES(-DER_NONEXIST, daos_cont_destroy(r->poh, text, 0, ev(r)));
    CHECK(foreign_make(r, &theirs, "r"));
    GIVES(-DER_NO_PERM, daos_cont_destroy(r->ro_poh, theirs.label, 0, ev(r)));
    NOW(0, daos_cont_open(r->poh, theirs.label, DAOS_COO_RO, &theirs.coh, NULL, NULL));
    return mine_end(r, &theirs);
}

/* ---- Properties ---- */

CONTRACT(daos_cont_query)
{
    daos_prop_t *all = daos_prop_alloc(0), *two = daos_prop_alloc(2);
    struct mine m, theirs;
    daos_cont_info_t info;
    daos_epoch_t epoch;

    CHECK(mine_make(r, &m, NULL));
    NOW(0, daos_cont_create_snap(m.coh, &epoch, NULL, NULL));
    memset(&info, 0xee, sizeof(info));
    GIVES(0, daos_cont_query(m.coh, &info, all, ev(r)));
    CHECK(info.ci_nsnapshots == 1 && info.ci_lsnapshot == epoch && info.ci_nhandles == 1);
    CHECK(strcmp(daos_prop_entry_get(all, DAOS_PROP_CO_LABEL)->dpe_str, m.label) == 0);
    CHECK(daos_prop_entry_get(all, DAOS_PROP_CO_CSUM)->dpe_val == DAOS_PROP_CO_CSUM_OFF);
    CHECK(daos_prop_entry_get(all, DAOS_PROP_CO_OWNER)->dpe_str != NULL);
    two->dpp_entries[0].dpe_type = DAOS_PROP_CO_SNAPSHOT_MAX;
    two->dpp_entries[1].dpe_type = DAOS_PROP_CO_LABEL;
    GIVES(0, daos_cont_query(m.coh, NULL, two, ev(r)));
    CHECK(two->dpp_nr == 2 && strcmp(two->dpp_entries[1].dpe_str, m.label) == 0);
    GIVES(0, daos_cont_query(r->ro_coh, NULL, NULL, ev(r)));
    GIVES(-DER_NO_HDL, daos_cont_query(r->poh, &info, NULL, ev(r)));
    two->dpp_nr = DAOS_PROP_ENTRIES_MAX_NR + 1;
    GIVES(-DER_INVAL, daos_cont_query(m.coh, NULL, two, ev(r)));
    two->dpp_nr = 2;
    daos_prop_free(all);
    daos_prop_free(two);
    CHECK(mine_end(r, &m));

    /* properties are for who may read them */
    two = daos_prop_alloc(1);
    CHECK(foreign_make(r, &theirs, "rw"));
    NOW(0, daos_cont_open(r->poh, theirs.label, DAOS_COO_RW, &theirs.coh, NULL, NULL));
    two->dpp_entries[0].dpe_type = DAOS_PROP_CO_ACL;
    GIVES(-DER_NO_PERM, daos_cont_query(theirs.coh, NULL, two, ev(r)));
    two->dpp_entries[0].dpe_type = DAOS_PROP_CO_LABEL;
    GIVES(-DER_NO_PERM, daos_cont_query(theirs.coh, NULL, two, ev(r)));
    daos_prop_free(two);
    return mine_end(r, &theirs);
}

CONTRACT(daos_cont_set_prop)
{
    daos_prop_t *label = label_prop(r->name), *taken = label_prop(r->a->label),
                *bad = one_prop(DAOS_PROP_CO_REDUN_FAC, 9),
                *fixed = one_prop(DAOS_PROP_CO_OBJ_VERSION, 1), *none = daos_prop_alloc(0);
    daos_handle_t coh;
    struct mine m, theirs;

    CHECK(mine_make(r, &m, NULL));
    GIVES(-DER_EXIST, daos_cont_set_prop(m.coh, taken, ev(r)));
    GIVES(-DER_INVAL, daos_cont_set_prop(m.coh, NULL, ev(r)));
    GIVES(-DER_INVAL, daos_cont_set_prop(m.coh, none, ev(r)));
    GIVES(-DER_INVAL, daos_cont_set_prop(m.coh, bad, ev(r)));
    GIVES(-DER_INVAL, daos_cont_set_prop(m.coh, fixed, ev(r)));
    GIVES(-DER_NO_HDL, daos_cont_set_prop(r->poh, label, ev(r)));
    GIVES(-DER_NO_PERM, daos_cont_set_prop(r->ro_coh, label, ev(r)));
    GIVES(0, daos_cont_set_prop(m.coh, label, ev(r)));
    GIVES(0, daos_cont_set_prop(m.coh, label, ev(r))); /* to itself */
    NOW(-DER_NONEXIST, daos_cont_open(r->poh, m.label, DAOS_COO_RO, &coh, NULL, NULL));
    snprintf(m.label, sizeof(m.label), "%s", r->name);
    CHECK(mine_end(r, &m));
    CHECK(foreign_make(r, &theirs, "rwt"));
    NOW(0, daos_cont_open(r->poh, theirs.label, DAOS_COO_RW, &theirs.coh, NULL, NULL));
    GIVES(-DER_NO_PERM, daos_cont_set_prop(theirs.coh, label, ev(r)));
    CHECK(mine_end(r, &theirs));
    daos_prop_free(label);
    daos_prop_free(taken);
    daos_prop_free(bad);
    daos_prop_free(fixed);
    daos_prop_free(none);
    return true;
}

CONTRACT(daos_cont_status_clear)
{
    daos_prop_t *status = one_prop(DAOS_PROP_CO_STATUS, 0);
    struct daos_co_status st;
    struct mine m, theirs;

    CHECK(mine_make(r, &m, NULL));
    GIVES(0, daos_cont_status_clear(m.coh, ev(r)));
    NOW(0, daos_cont_query(m.coh, NULL, status, NULL));
    daos_prop_val_2_co_status(status->dpp_entries[0].dpe_val, &st);
    CHECK(st.dcs_status == DAOS_PROP_CO_HEALTHY);
    CHECK(mine_end(r, &m));
    daos_prop_free(status);
    GIVES(-DER_NO_HDL, daos_cont_status_clear(r->poh, ev(r)));
    GIVES(-DER_NO_PERM, daos_cont_status_clear(r->ro_coh, ev(r)));
    CHECK(foreign_make(r, &theirs, "rw"));
    NOW(0, daos_cont_open(r->poh, theirs.label, DAOS_COO_RW, &theirs.coh, NULL, NULL));
    GIVES(-DER_NO_PERM, daos_cont_status_clear(theirs.coh, ev(r)));
    return mine_end(r, &theirs);
}

/* ---- Attributes; a pool has the same four calls ---- */

CONTRACT(daos_cont_set_attr)
{
    char longest[DAOS_ATTR_NAME_MAX + 2], out[8] = "";
    const char *names[] = {r->name, "both"}, *odd[] = {r->name, ""}, *too_long[] = {longest};
    const void *values[] = {"one", "xx"}, *none[] = {"v", NULL};
    size_t sizes[] = {3, 2}, zero[] = {3, 0}, size = sizeof(out);
    void *bufs[] = {out};

    memset(longest, 'n', sizeof(longest));
    longest[DAOS_ATTR_NAME_MAX + 1] = '\0';
    GIVES(0, daos_cont_set_attr(r->coh, 2, names, values, sizes, ev(r)));
    values[0] = "two"; /* refused with what stands beside it */
    GIVES(-DER_INVAL, daos_cont_set_attr(r->coh, 0, names, values, sizes, ev(r)));
    GIVES(-DER_INVAL, daos_cont_set_attr(r->coh, 2, odd, values, sizes, ev(r)));
    GIVES(-DER_INVAL, daos_cont_set_attr(r->coh, 2, names, none, sizes, ev(r)));
    GIVES(-DER_INVAL, daos_cont_set_attr(r->coh, 2, names, values, zero, ev(r)));
    GIVES(-DER_INVAL, daos_cont_set_attr(r->coh, 1, too_long, values, sizes, ev(r)));
    GIVES(-DER_INVAL, daos_cont_set_attr(r->coh, 1, NULL, values, sizes, ev(r)));
    GIVES(-DER_INVAL, daos_cont_set_attr(r->coh, 1, names, NULL, sizes, ev(r)));
    GIVES(-DER_INVAL, daos_cont_set_attr(r->coh, 1, names, values, NULL, ev(r)));
    GIVES(-DER_NO_PERM, daos_cont_set_attr(r->ro_coh, 1, names, values, sizes, ev(r)));
    GIVES(-DER_NO_HDL, daos_cont_set_attr(r->poh, 1, names, values, sizes, ev(r)));
    NOW(0, daos_cont_get_attr(r->coh, 1, names, bufs, &size, NULL));
    CHECK(size == 3 && strcmp(out, "one") == 0);
    longest[DAOS_ATTR_NAME_MAX] = '\0';
    memcpy(longest, r->name, strlen(r->name));
    GIVES(0, daos_cont_set_attr(r->coh, 1, too_long, values, sizes, ev(r)));
    return true;
}

CONTRACT(daos_cont_get_attr)
{
    const char *names[] = {r->name}, *none[] = {r->name, "no such"};
    const void *values[] = {"value"};
    char out[8] = "", two[8] = "";
    void *bufs[] = {out, two};
    size_t in = 5, size = sizeof(out), sizes[] = {8, 8};
    struct mine theirs;

    NOW(0, daos_cont_set_attr(r->coh, 1, names, values, &in, NULL));
    GIVES(0, daos_cont_get_attr(r->ro_coh, 1, names, bufs, &size, ev(r)));
    CHECK(size == 5 && strcmp(out, "value") == 0);
    memset(out, 0, sizeof(out));
    size = 2; /* in part, and how much there is */
    GIVES(0, daos_cont_get_attr(r->coh, 1, names, bufs, &size, ev(r)));
    CHECK(size == 5 && strcmp(out, "va") == 0);
    size = 0;
    GIVES(0, daos_cont_get_attr(r->coh, 1, names, NULL, &size, ev(r)));
    CHECK(size == 5);
    GIVES(-DER_NONEXIST, daos_cont_get_attr(r->coh, 2, none, bufs, sizes, ev(r)));
    GIVES(-DER_INVAL, daos_cont_get_attr(r->coh, 0, names, bufs, &size, ev(r)));
    GIVES(-DER_INVAL, daos_cont_get_attr(r->coh, 1, NULL, bufs, &size, ev(r)));
    GIVES(-DER_INVAL, daos_cont_get_attr(r->coh, 1, names, bufs, NULL, ev(r)));
    GIVES(-DER_NO_HDL, daos_cont_get_attr(r->poh, 1, names, bufs, &size, ev(r)));
    CHECK(foreign_make(r, &theirs, "aA"));
    NOW(0, daos_cont_open(r->poh, theirs.label, DAOS_COO_RW, &theirs.coh, NULL, NULL));
    GIVES(-DER_NO_PERM, daos_cont_get_attr(theirs.coh, 1, names, bufs, &size, ev(r)));
    return mine_end(r, &theirs);
}

CONTRACT(daos_cont_list_attr)
{
    const char *names[] = {r->name};
    const void *values[] = {"v"};
    size_t in = 1, need = 0, size = 16;
    struct mine m, theirs;
    char list[16] = "", few[4] = "???";

    CHECK(mine_make(r, &m, NULL));
    GIVES(0, daos_cont_list_attr(m.coh, NULL, &need, ev(r)));
    CHECK(need == 0);
    NOW(0, daos_cont_set_attr(m.coh, 1, names, values, &in, NULL));
    GIVES(0, daos_cont_list_attr(m.coh, list, &size, ev(r)));
    CHECK(size == strlen(r->name) + 1 && strcmp(list, r->name) == 0);
    size = 1; /* nothing beyond the buffer, and how much there is */
    GIVES(0, daos_cont_list_attr(m.coh, few, &size, ev(r)));
    CHECK(size == strlen(r->name) + 1 && few[1] == '?');
    GIVES(-DER_INVAL, daos_cont_list_attr(m.coh, list, NULL, ev(r)));
    GIVES(-DER_INVAL, daos_cont_list_attr(m.coh, NULL, &(size_t){3}, ev(r)));
    GIVES(-DER_NO_HDL, daos_cont_list_attr(r->poh, list, &size, ev(r)));
    CHECK(mine_end(r, &m));
    CHECK(foreign_make(r, &theirs, "aA"));
    NOW(0, daos_cont_open(r->poh, theirs.label, DAOS_COO_RW, &theirs.coh, NULL, NULL));
    GIVES(-DER_NO_PERM, daos_cont_list_attr(theirs.coh, list, &size, ev(r)));
    return mine_end(r, &theirs);
}

CONTRACT(daos_cont_del_attr)
{
    const char *names[] = {r->name, "no such"}, *bad[] = {r->name, ""};
    const void *values[] = {"v"};
    size_t in = 1, size = 0;

    NOW(0, daos_cont_set_attr(r->coh, 1, names, values, &in, NULL));
    GIVES(-DER_INVAL, daos_cont_del_attr(r->coh, 0, names, ev(r)));
    GIVES(-DER_INVAL, daos_cont_del_attr(r->coh, 1, NULL, ev(r)));
    GIVES(-DER_INVAL, daos_cont_del_attr(r->coh, 2, bad, ev(r)));
    GIVES(-DER_NO_PERM, daos_cont_del_attr(r->ro_coh, 1, names, ev(r)));
    GIVES(-DER_NO_HDL, daos_cont_del_attr(r->poh, 1, names, ev(r)));
    NOW(0, daos_cont_get_attr(r->coh, 1, names, NULL, &size, NULL));
    GIVES(0, daos_cont_del_attr(r->coh, 2, names, ev(r))); /* what is missing is no error */
    NOW(-DER_NONEXIST, daos_cont_get_attr(r->coh, 1, names, NULL, &size, NULL));
    return true;
}

/* ---- The rest ---- */

CONTRACT(daos_cont_alloc_oids)
{
    uint64_t first = 0, next = 0;

    GIVES(0, daos_cont_alloc_oids(r->coh, 10, &first, ev(r)));
    GIVES(0, daos_cont_alloc_oids(r->coh, 1, &next, ev(r)));
    CHECK(next >= first + 10 || next < first);
    first = 4711;
    GIVES(-DER_INVAL, daos_cont_alloc_oids(r->coh, 0, &first, ev(r)));
    GIVES(-DER_INVAL, daos_cont_alloc_oids(r->coh, 1, NULL, ev(r)));
    GIVES(-DER_NO_PERM, daos_cont_alloc_oids(r->ro_coh, 1, &first, ev(r)));
    GIVES(-DER_NO_HDL, daos_cont_alloc_oids(r->poh, 1, &first, ev(r)));
    CHECK(first == 4711);
    return true;
}

CONTRACT(daos_cont_aggregate)
{
    GIVES(0, daos_cont_aggregate(r->coh, 0, ev(r)));
    GIVES(0, daos_cont_aggregate(r->coh, 5, ev(r)));
    GIVES(-DER_INVAL, daos_cont_aggregate(r->coh, DAOS_EPOCH_MAX, ev(r)));
    GIVES(-DER_NO_PERM, daos_cont_aggregate(r->ro_coh, 0, ev(r)));
    GIVES(-DER_NO_HDL, daos_cont_aggregate(r->poh, 0, ev(r)));
    return true;
}

CONTRACT(daos_cont_subscribe)
{
    daos_epoch_t epoch = 1;

    GIVES(-DER_NOSYS, daos_cont_subscribe(r->coh, &epoch, ev(r)));
    return true;
}

CONTRACT(daos_cont_local2global)
{
    char bytes[6000];
    d_iov_t size = {0}, glob;

    NOW(0, daos_cont_local2global(r->coh, &size));
    CHECK(size.iov_buf_len > 0 && size.iov_buf_len <= sizeof(bytes));
    d_iov_set(&glob, bytes, size.iov_buf_len - 1);
    NOW(-DER_TRUNC, daos_cont_local2global(r->coh, &glob));
    CHECK(glob.iov_buf_len == size.iov_buf_len);
    NOW(0, daos_cont_local2global(r->coh, &glob));
    CHECK(glob.iov_len == size.iov_buf_len);
    NOW(-DER_INVAL, daos_cont_local2global(r->coh, NULL));
    NOW(-DER_NO_HDL, daos_cont_local2global(r->poh, &glob));
    return true;
}

CONTRACT(daos_cont_global2local)
{
    char bytes[6000], of_pool[6000];
    daos_handle_t copy = DAOS_HDL_INVAL;
    daos_cont_info_t info;
    d_iov_t glob, pool;
    struct mine m;

    CHECK(mine_make(r, &m, NULL));
    d_iov_set(&glob, bytes, sizeof(bytes));
    NOW(0, daos_cont_local2global(m.coh, &glob));
    NOW(0, daos_cont_global2local(r->poh, glob, &copy));
    NOW(0, daos_cont_query(copy, &info, NULL, NULL));
    CHECK(info.ci_nhandles == 1);
    NOW(0, daos_cont_close(copy, NULL));
    NOW(0, daos_cont_query(m.coh, &info, NULL, NULL)); /* only the copy is gone */
    d_iov_set(&pool, of_pool, sizeof(of_pool));
    NOW(0, daos_pool_local2global(r->poh, &pool));
    NOW(-DER_INVAL, daos_cont_global2local(r->poh, pool, &copy));
    NOW(-DER_INVAL, daos_cont_global2local(r->poh, glob, NULL));
    NOW(-DER_INVAL, daos_cont_global2local(r->poh, (d_iov_t){0}, &copy));
    NOW(-DER_NO_HDL, daos_cont_global2local(r->coh, glob, &copy));
    glob.iov_len--;
    NOW(-DER_INVAL, daos_cont_global2local(r->poh, glob, &copy));
    return mine_end(r, &m);
}

#define STORIES(X)                                                                                 \
    X(daos_cont_create)                                                                            \
    X(daos_cont_create_with_label)                                                                 \
    X(daos_cont_open)                                                                              \
    X(daos_cont_close)                                                                             \
    X(daos_cont_destroy)                                                                           \
    X(daos_cont_query)                                                                             \
    X(daos_cont_set_prop)                                                                          \
    X(daos_cont_status_clear)                                                                      \
    X(daos_cont_set_attr)                                                                          \
    X(daos_cont_get_attr)                                                                          \
    X(daos_cont_list_attr)                                                                         \
    X(daos_cont_del_attr)                                                                          \
    X(daos_cont_alloc_oids)                                                                        \
    X(daos_cont_aggregate)                                                                         \
    X(daos_cont_subscribe)                                                                         \
    X(daos_cont_local2global)                                                                      \
    X(daos_cont_global2local)

CONTRACT_MAIN(STORIES, daos_stage, api_setup)
