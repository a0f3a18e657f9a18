/* Contracts of pools, and of what tools ask of the system. */
#include "stage.h"

CONTRACT(daos_pool_connect)
{
    daos_pool_info_t info;
    daos_handle_t poh = DAOS_HDL_INVAL;

    memset(&info, 0xee, sizeof(info)); /* programs pass what lies on their stack */
    GIVES(0, daos_pool_connect(r->a->path, NULL, DAOS_PC_RW, &poh, &info, ev(r)));
    CHECK(memcmp(info.pi_uuid, r->a->pool, sizeof(info.pi_uuid)) == 0);
    CHECK(info.pi_ntargets == api_targets() && info.pi_ndisabled == 0);
    NOW(0, daos_pool_disconnect(poh, NULL));
    GIVES(0, daos_pool_connect("apipool", "daos_server", DAOS_PC_RO, &poh, NULL, ev(r)));
    NOW(0, daos_pool_disconnect(poh, NULL));

    GIVES(-DER_INVAL, daos_pool_connect(NULL, NULL, DAOS_PC_RW, &poh, NULL, ev(r)));
    GIVES(-DER_INVAL, daos_pool_connect("", NULL, DAOS_PC_RW, &poh, NULL, ev(r)));
    GIVES(-DER_INVAL, daos_pool_connect(r->a->path, NULL, 0, &poh, NULL, ev(r)));
    GIVES(-DER_INVAL,
          daos_pool_connect(r->a->path, NULL, DAOS_PC_RO | DAOS_PC_RW, &poh, NULL, ev(r)));
    GIVES(-DER_INVAL, daos_pool_connect(r->a->path, NULL, 0x100, &poh, NULL, ev(r)));
    GIVES(-DER_INVAL, daos_pool_connect(r->a->path, NULL, DAOS_PC_RO, NULL, NULL, ev(r)));
    GIVES(-DER_NONEXIST, daos_pool_connect("nosuchpool", NULL, DAOS_PC_RW, &poh, NULL, ev(r)));
    GIVES(-DER_NONEXIST, daos_pool_connect("00000000-0000-4000-8000-000000000001", NULL, DAOS_PC_RW,
                                           &poh, NULL, ev(r)));
    GIVES(-DER_BUSY, daos_pool_connect(r->a->path, NULL, DAOS_PC_EX, &poh, NULL, ev(r)));
    return true;
}

CONTRACT(daos_pool_disconnect)
{
    daos_handle_t poh, coh;

    NOW(0, daos_pool_connect(r->a->path, NULL, DAOS_PC_RW, &poh, NULL, NULL));
    NOW(0, daos_cont_open(poh, r->a->label, DAOS_COO_RO, &coh, NULL, NULL));
    GIVES(-DER_BUSY, daos_pool_disconnect(poh, ev(r)));
    NOW(0, daos_cont_query(coh, NULL, NULL, NULL));
    NOW(0, daos_cont_close(coh, NULL));
    GIVES(0, daos_pool_disconnect(poh, ev(r)));
    GIVES(-DER_NO_HDL, daos_pool_disconnect(poh, ev(r)));
    GIVES(-DER_NO_HDL, daos_pool_disconnect(r->coh, ev(r)));
    return true;
}

CONTRACT(daos_pool_query)
{
    daos_pool_info_t info = {.pi_bits = DPI_SPACE | DPI_ENGINES_ENABLED};
    daos_prop_t *all = daos_prop_alloc(0), *one = daos_prop_alloc(1);
    d_rank_list_t *ranks = NULL;
    struct daos_space *s = &info.pi_space.ps_space;

    GIVES(0, daos_pool_query(r->poh, &ranks, &info, NULL, ev(r)));
    CHECK(ranks != NULL && ranks->rl_nr == 1 && ranks->rl_ranks[0] == 0);
    d_rank_list_free(ranks);
    CHECK(memcmp(info.pi_uuid, r->a->pool, sizeof(info.pi_uuid)) == 0);
    CHECK((info.pi_bits & DPI_SPACE) != 0 && info.pi_space.ps_ntargets == api_targets());
    CHECK(s->s_total[DAOS_MEDIA_NVME] > 0 &&
          s->s_free[DAOS_MEDIA_NVME] <= s->s_total[DAOS_MEDIA_NVME]);
    ranks = NULL;
    GIVES(0, daos_pool_query(r->poh, &ranks, NULL, NULL, ev(r)));
    CHECK(ranks != NULL && ranks->rl_nr == 0); /* engines with a disabled target */
    d_rank_list_free(ranks);
    GIVES(0, daos_pool_query(r->ro_poh, NULL, NULL, all, ev(r)));
    CHECK(strcmp(daos_prop_entry_get(all, DAOS_PROP_PO_LABEL)->dpe_str, "apipool") == 0);
    CHECK(daos_prop_entry_get(all, DAOS_PROP_PO_ACL)->dpe_val_ptr != NULL);
    one->dpp_entries[0].dpe_type = DAOS_PROP_PO_REDUN_FAC;
    GIVES(0, daos_pool_query(r->poh, NULL, NULL, one, ev(r)));
    CHECK(one->dpp_nr == 1 && one->dpp_entries[0].dpe_val == 0);
    GIVES(0, daos_pool_query(r->poh, NULL, NULL, NULL, ev(r)));

    one->dpp_nr = DAOS_PROP_ENTRIES_MAX_NR + 1;
    GIVES(-DER_INVAL, daos_pool_query(r->poh, NULL, NULL, one, ev(r)));
    one->dpp_nr = 1;
    GIVES(-DER_NO_HDL, daos_pool_query(r->coh, NULL, &info, NULL, ev(r)));
    daos_prop_free(all);
    daos_prop_free(one);
    return true;
}

CONTRACT(daos_pool_query_target)
{
    daos_target_info_t t = {0};
    const struct daos_space *s = &t.ta_space;

    GIVES(0, daos_pool_query_target(r->poh, api_targets() - 1, 0, &t, ev(r)));
    CHECK(t.ta_state == DAOS_TS_UP_IN);
    CHECK(s->s_total[DAOS_MEDIA_NVME] > 0 &&
          s->s_free[DAOS_MEDIA_NVME] <= s->s_total[DAOS_MEDIA_NVME]);
    memset(&t, 0xee, sizeof(t));
    GIVES(-DER_NONEXIST, daos_pool_query_target(r->poh, api_targets(), 0, &t, ev(r)));
    GIVES(-DER_NONEXIST, daos_pool_query_target(r->poh, 0, 1, &t, ev(r)));
    CHECK(t.ta_padding == 0xeeeeeeee);
    GIVES(-DER_INVAL, daos_pool_query_target(r->poh, 0, 0, NULL, ev(r)));
    GIVES(-DER_NO_HDL, daos_pool_query_target(DAOS_HDL_INVAL, 0, 0, &t, ev(r)));
    return true;
}

/* ---- Attributes; a container has the same four calls ---- */

CONTRACT(daos_pool_set_attr)
{
    char longest[DAOS_ATTR_NAME_MAX + 2], out[8] = "";
    const char *names[] = {r->name, "both"}, *odd[] = {r->name, ""}, *too_long[] = {longest};
    const void *values[] = {"one", "xx"}, *none[] = {"v", NULL};
    size_t sizes[] = {3, 2}, zero[] = {3, 0}, size = sizeof(out);
    void *bufs[] = {out};

    memset(longest, 'n', sizeof(longest));
    longest[DAOS_ATTR_NAME_MAX + 1] = '\0';
    GIVES(0, daos_pool_set_attr(r->poh, 2, names, values, sizes, ev(r)));
    GIVES(-DER_INVAL, daos_pool_set_attr(r->poh, 0, names, values, sizes, ev(r)));
    GIVES(-DER_INVAL, daos_pool_set_attr(r->poh, -1, names, values, sizes, ev(r)));
    values[0] = "two"; /* refused with what stands beside it */
    GIVES(-DER_INVAL, daos_pool_set_attr(r->poh, 2, odd, values, sizes, ev(r)));
    GIVES(-DER_INVAL, daos_pool_set_attr(r->poh, 2, names, none, sizes, ev(r)));
    GIVES(-DER_INVAL, daos_pool_set_attr(r->poh, 2, names, values, zero, ev(r)));
    GIVES(-DER_INVAL, daos_pool_set_attr(r->poh, 1, too_long, values, sizes, ev(r)));
    GIVES(-DER_INVAL, daos_pool_set_attr(r->poh, 1, NULL, values, sizes, ev(r)));
    GIVES(-DER_INVAL, daos_pool_set_attr(r->poh, 1, names, NULL, sizes, ev(r)));
    GIVES(-DER_INVAL, daos_pool_set_attr(r->poh, 1, names, values, NULL, ev(r)));
    GIVES(-DER_NO_PERM, daos_pool_set_attr(r->ro_poh, 1, names, values, sizes, ev(r)));
    GIVES(-DER_NO_HDL, daos_pool_set_attr(r->coh, 1, names, values, sizes, ev(r)));
    NOW(0, daos_pool_get_attr(r->poh, 1, names, bufs, &size, NULL));
    CHECK(size == 3 && strcmp(out, "one") == 0);
    NOW(0, daos_pool_del_attr(r->poh, 1, names, NULL));
    return true;
}

CONTRACT(daos_pool_get_attr)
{
    const char *names[] = {r->name}, *none[] = {r->name, "no such"};
    const void *values[] = {"value"};
    char out[8] = "", two[8] = "";
    void *bufs[] = {out, two};
    size_t in = 5, size = sizeof(out), sizes[] = {8, 8};

    NOW(0, daos_pool_set_attr(r->poh, 1, names, values, &in, NULL));
    GIVES(0, daos_pool_get_attr(r->ro_poh, 1, names, bufs, &size, ev(r)));
    CHECK(size == 5 && strcmp(out, "value") == 0);
    memset(out, 0, sizeof(out));
    size = 2; /* in part, and how much there is */
    GIVES(0, daos_pool_get_attr(r->poh, 1, names, bufs, &size, ev(r)));
    CHECK(size == 5 && strcmp(out, "va") == 0);
    size = 0;
    GIVES(0, daos_pool_get_attr(r->poh, 1, names, NULL, &size, ev(r)));
    CHECK(size == 5);
    GIVES(-DER_NONEXIST, daos_pool_get_attr(r->poh, 2, none, bufs, sizes, ev(r)));
    GIVES(-DER_INVAL, daos_pool_get_attr(r->poh, 0, names, bufs, &size, ev(r)));
    GIVES(-DER_INVAL, daos_pool_get_attr(r->poh, 1, NULL, bufs, &size, ev(r)));
    GIVES(-DER_INVAL, daos_pool_get_attr(r->poh, 1, names, bufs, NULL, ev(r)));
    GIVES(-DER_NO_HDL, daos_pool_get_attr(DAOS_HDL_INVAL, 1, names, bufs, &size, ev(r)));
    NOW(0, daos_pool_del_attr(r->poh, 1, names, NULL));
    return true;
}

/* Is the name in the list of names, each with its NUL? */
static bool listed(const char *list, size_t len, const char *name)
{
    for (const char *p = list; p < list + len; p += strlen(p) + 1)
        if (strcmp(p, name) == 0)
            return true;
    return false;
}

CONTRACT(daos_pool_list_attr)
{
    const char *names[] = {r->name};
    const void *values[] = {"v"};
    size_t in = 1, need = 0, size = 4096;
    char list[4096] = "", few[4] = "???";

    NOW(0, daos_pool_set_attr(r->poh, 1, names, values, &in, NULL));
    GIVES(0, daos_pool_list_attr(r->poh, NULL, &need, ev(r)));
    CHECK(need >= strlen(r->name) + 1);
    GIVES(0, daos_pool_list_attr(r->ro_poh, list, &size, ev(r)));
    CHECK(size <= sizeof(list) && listed(list, size, r->name));
    size = 1; /* nothing beyond the buffer, and how much there is */
    GIVES(0, daos_pool_list_attr(r->poh, few, &size, ev(r)));
    CHECK(size > strlen(r->name) && few[1] == '?');
    GIVES(-DER_INVAL, daos_pool_list_attr(r->poh, list, NULL, ev(r)));
    GIVES(-DER_INVAL, daos_pool_list_attr(r->poh, NULL, &(size_t){3}, ev(r)));
    GIVES(-DER_NO_HDL, daos_pool_list_attr(r->coh, list, &size, ev(r)));
    NOW(0, daos_pool_del_attr(r->poh, 1, names, NULL));
    return true;
}

CONTRACT(daos_pool_del_attr)
{
    const char *names[] = {r->name, "no such"}, *bad[] = {r->name, ""};
    const void *values[] = {"v"};
    size_t in = 1, size = 0;

    NOW(0, daos_pool_set_attr(r->poh, 1, names, values, &in, NULL));
    GIVES(-DER_INVAL, daos_pool_del_attr(r->poh, 0, names, ev(r)));
    GIVES(-DER_INVAL, daos_pool_del_attr(r->poh, 1, NULL, ev(r)));
    GIVES(-DER_INVAL, daos_pool_del_attr(r->poh, 2, bad, ev(r)));
    GIVES(-DER_NO_PERM, daos_pool_del_attr(r->ro_poh, 1, names, ev(r)));
    GIVES(-DER_NO_HDL, daos_pool_del_attr(r->coh, 1, names, ev(r)));
    NOW(0, daos_pool_get_attr(r->poh, 1, names, NULL, &size, NULL));
    GIVES(0, daos_pool_del_attr(r->poh, 2, names, ev(r))); /* what is missing is no error */
    NOW(-DER_NONEXIST, daos_pool_get_attr(r->poh, 1, names, NULL, &size, NULL));
    return true;
}

/* ---- Containers of a pool ---- */

CONTRACT(daos_pool_list_cont)
{
    struct daos_pool_cont_info list[64];
    struct mine m;
    daos_size_t n = 0, seen = 0;

    CHECK(mine_make(r, &m, NULL));
    GIVES(0, daos_pool_list_cont(r->poh, &n, NULL, ev(r)));
    CHECK(n >= 2);
    n = 64;
    GIVES(0, daos_pool_list_cont(r->ro_poh, &n, list, ev(r)));
    for (daos_size_t i = 0; i < n && i < 64; i++)
        seen += strcmp(list[i].pci_label, m.label) == 0;
    CHECK(seen == 1);
    n = 1;
    GIVES(-DER_TRUNC, daos_pool_list_cont(r->poh, &n, list, ev(r)));
    CHECK(n >= 2);
    GIVES(-DER_INVAL, daos_pool_list_cont(r->poh, NULL, list, ev(r)));
    GIVES(-DER_NO_HDL, daos_pool_list_cont(r->coh, &n, NULL, ev(r)));
    return mine_end(r, &m);
}

CONTRACT(daos_pool_filter_cont)
{
    daos_pool_cont_filter_part_t *part = calloc(1, sizeof(*part));
    struct daos_pool_cont_info2 list[64];
    daos_pool_cont_filter_t filter;
    daos_size_t n = 64, seen = 0;
    daos_epoch_t epoch;
    struct mine m;

    CHECK(mine_make(r, &m, NULL));
    NOW(0, daos_cont_create_snap(m.coh, &epoch, NULL, NULL));
    NOW(0, daos_pool_cont_filter_init(&filter, PCF_COMBINE_LOGICAL_AND));
    *part = (daos_pool_cont_filter_part_t){
        .pcfp_func = PCF_FUNC_EQ, .pcfp_key = PCF_KEY_NUM_SNAPSHOTS, .pcfp_val64 = 1};
    NOW(0, daos_pool_cont_filter_add(&filter, part));
    GIVES(0, daos_pool_filter_cont(r->poh, &filter, &n, list, ev(r)));
    for (daos_size_t i = 0; i < n && i < 64; i++) {
        CHECK(list[i].pci_cinfo.ci_nsnapshots == 1);
        seen += strcmp(list[i].pci_id.pci_label, m.label) == 0;
    }
    CHECK(seen == 1);
    n = 0;
    GIVES(0, daos_pool_filter_cont(r->poh, &filter, &n, NULL, ev(r)));
    CHECK(n >= 1);
    part->pcfp_func = PCF_FUNC_GE;
    part->pcfp_val64 = 0;
    n = 1; /* every container */
    GIVES(-DER_TRUNC, daos_pool_filter_cont(r->poh, &filter, &n, list, ev(r)));
    CHECK(n >= 2);
    GIVES(-DER_INVAL, daos_pool_filter_cont(r->poh, NULL, &n, list, ev(r)));
    GIVES(-DER_INVAL, daos_pool_filter_cont(r->poh, &filter, NULL, list, ev(r)));
    part->pcfp_key = PCF_KEY_MAX;
    GIVES(-DER_INVAL, daos_pool_filter_cont(r->poh, &filter, &n, list, ev(r)));
    part->pcfp_key = PCF_KEY_NUM_HANDLES;
    part->pcfp_func = PCF_FUNC_MAX;
    GIVES(-DER_INVAL, daos_pool_filter_cont(r->poh, &filter, &n, list, ev(r)));
    part->pcfp_func = PCF_FUNC_EQ;
    filter.pcf_combine_func = 9;
    GIVES(-DER_INVAL, daos_pool_filter_cont(r->poh, &filter, &n, list, ev(r)));
    filter.pcf_combine_func = PCF_COMBINE_LOGICAL_OR;
    GIVES(-DER_NO_HDL, daos_pool_filter_cont(r->coh, &filter, &n, list, ev(r)));
    daos_pool_cont_filter_fini(&filter);
    return mine_end(r, &m);
}

/* ---- Blobs ---- */

CONTRACT(daos_pool_local2global)
{
    char bytes[6000];
    d_iov_t size = {0}, glob;

    NOW(0, daos_pool_local2global(r->poh, &size));
    CHECK(size.iov_buf_len > 0 && size.iov_buf_len <= sizeof(bytes));
    d_iov_set(&glob, bytes, size.iov_buf_len - 1);
    NOW(-DER_TRUNC, daos_pool_local2global(r->poh, &glob));
    CHECK(glob.iov_buf_len == size.iov_buf_len);
    NOW(0, daos_pool_local2global(r->poh, &glob));
    CHECK(glob.iov_len == size.iov_buf_len);
    NOW(-DER_INVAL, daos_pool_local2global(r->poh, NULL));
    NOW(-DER_NO_HDL, daos_pool_local2global(r->coh, &glob));
    return true;
}

CONTRACT(daos_pool_global2local)
{
    char bytes[6000];
    daos_handle_t poh, copy = DAOS_HDL_INVAL;
    daos_size_t n = 0;
    d_iov_t glob;

    d_iov_set(&glob, bytes, sizeof(bytes));
    NOW(0, daos_pool_connect(r->a->path, NULL, DAOS_PC_RW, &poh, NULL, NULL));
    NOW(0, daos_pool_local2global(poh, &glob));
    NOW(0, daos_pool_global2local(glob, &copy));
    NOW(0, daos_pool_list_cont(copy, &n, NULL, NULL));
    NOW(0, daos_pool_disconnect(copy, NULL));
    NOW(0, daos_pool_list_cont(poh, &n, NULL, NULL)); /* only the copy is gone */
    NOW(-DER_INVAL, daos_pool_global2local(glob, NULL));
    NOW(-DER_INVAL, daos_pool_global2local((d_iov_t){0}, &copy));
    glob.iov_len--;
    NOW(-DER_INVAL, daos_pool_global2local(glob, &copy));
    glob.iov_len++;
    NOW(0, daos_pool_disconnect(poh, NULL));
    NOW(-DER_NO_HDL, daos_pool_global2local(glob, &copy));
    memset(bytes, 0, 8);
    NOW(-DER_INVAL, daos_pool_global2local(glob, &copy));
    return true;
}

/* ---- The system ---- */

CONTRACT(daos_mgmt_list_pools)
{
    daos_mgmt_pool_info_t pools[4] = {{{0}}};
    daos_size_t n = 0;

    GIVES(0, daos_mgmt_list_pools(NULL, &n, NULL, ev(r)));
    CHECK(n == 1);
    n = 4;
    GIVES(0, daos_mgmt_list_pools("daos_server", &n, pools, ev(r)));
    CHECK(n == 1 && strcmp(pools[0].mgpi_label, "apipool") == 0);
    CHECK(memcmp(pools[0].mgpi_uuid, r->a->pool, sizeof(uuid_t)) == 0);
    free(pools[0].mgpi_label);
    d_rank_list_free(pools[0].mgpi_svc);
    n = 0;
    GIVES(-DER_TRUNC, daos_mgmt_list_pools(NULL, &n, pools, ev(r)));
    CHECK(n == 1);
    GIVES(-DER_INVAL, daos_mgmt_list_pools(NULL, NULL, pools, ev(r)));
    return true;
}

CONTRACT(daos_pool_stop_svc)
{
    daos_size_t n = 0;

    GIVES(-DER_NO_PERM, daos_pool_stop_svc(r->poh, ev(r)));
    GIVES(-DER_NO_HDL, daos_pool_stop_svc(r->coh, ev(r)));
    NOW(0, daos_pool_list_cont(r->poh, &n, NULL, NULL));
    return true;
}

CONTRACT(daos_debug_set_params)
{
    GIVES(-DER_NOSYS, daos_debug_set_params(NULL, 0, DMG_KEY_FAIL_LOC, 1, 0, ev(r)));
    GIVES(-DER_INVAL, daos_debug_set_params(NULL, 0, DMG_KEY_NUM, 1, 0, ev(r)));
    return true;
}

CONTRACT(daos_mgmt_get_bs_state)
{
    uuid_t uuid = {0};
    int state = 7;

    GIVES(-DER_NONEXIST, daos_mgmt_get_bs_state(NULL, uuid, &state, ev(r)));
    GIVES(-DER_INVAL, daos_mgmt_get_bs_state(NULL, NULL, &state, ev(r)));
    GIVES(-DER_INVAL, daos_mgmt_get_bs_state(NULL, uuid, NULL, ev(r)));
    CHECK(state == 7);
    return true;
}

#define STORIES(X)                                                                                 \
    X(daos_pool_connect)                                                                           \
    X(daos_pool_disconnect)                                                                        \
    X(daos_pool_query)                                                                             \
    X(daos_pool_query_target)                                                                      \
    X(daos_pool_set_attr)                                                                          \
    X(daos_pool_get_attr)                                                                          \
    X(daos_pool_list_attr)                                                                         \
    X(daos_pool_del_attr)                                                                          \
    X(daos_pool_list_cont)                                                                         \
    X(daos_pool_filter_cont)                                                                       \
    X(daos_pool_local2global)                                                                      \
    X(daos_pool_global2local)                                                                      \
    X(daos_mgmt_list_pools)                                                                        \
    X(daos_pool_stop_svc)                                                                          \
    X(daos_debug_set_params)                                                                       \
    X(daos_mgmt_get_bs_state)

CONTRACT_MAIN(STORIES, daos_stage, api_setup)
