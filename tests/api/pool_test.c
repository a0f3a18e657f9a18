/* Pools: connecting by every kind of name, queries, lists, and what is said when it goes wrong. */
#include "api.h"
#include <sys/stat.h>

static void every_kind_of_name(void **state)
{
    struct api *a = *state;
    char inproc[128], text[37];
    const char *names[] = {a->path, inproc, "apipool", text};
    daos_pool_info_t info;
    daos_handle_t poh;
    size_t i;

    snprintf(inproc, sizeof(inproc), "inproc:%s", a->path);
    uuid_unparse(a->pool, text);
    for (i = 0; i < 4; i++) {
        memset(&info, 0xee, sizeof(info));
        if (names[i] == inproc && a->engine != 0) { /* not while another process has it */
            FAILS(DER_BUSY, daos_pool_connect(inproc, NULL, DAOS_PC_RW, &poh, NULL, NULL));
            continue;
        }
        OK(daos_pool_connect(names[i], NULL, DAOS_PC_RW, &poh, &info, NULL));
        assert_memory_equal(info.pi_uuid, a->pool, 16);
        assert_int_equal(info.pi_ntargets, api_targets());
        assert_int_equal(info.pi_ndisabled, 0);
        OK(daos_pool_disconnect(poh, NULL));
        FAILS(DER_NO_HDL, daos_pool_disconnect(poh, NULL));
    }
}

static void what_is_wrong_is_said(void **state)
{
    struct api *a = *state;
    daos_handle_t poh;
    char text[1024], empty[128];

    FAILS(DER_NONEXIST, daos_pool_connect("nosuchpool", NULL, DAOS_PC_RW, &poh, NULL, NULL));
    assert_true(*err_last()->what && *err_last()->why && *err_last()->next);
    FAILS(DER_NONEXIST, daos_pool_connect("00000000-0000-4000-8000-000000000001", NULL, DAOS_PC_RW,
                                          &poh, NULL, NULL));
    FAILS(DER_NONEXIST, daos_pool_connect("/nonexistent/dir", NULL, DAOS_PC_RW, &poh, NULL, NULL));
    assert_non_null(strstr(err_last()->what, "/nonexistent/dir"));
    snprintf(empty, sizeof(empty), "%s/empty", a->dir);
    assert_int_equal(mkdir(empty, 0700), 0);
    assert_int_not_equal(daos_pool_connect(empty, NULL, DAOS_PC_RW, &poh, NULL, NULL), 0);
    err_format(err_last(), text, sizeof(text));
    assert_true(*err_last()->what && *err_last()->why && *err_last()->next);
    FAILS(DER_INVAL, daos_pool_connect(a->path, NULL, DAOS_PC_RW | DAOS_PC_EX, &poh, NULL, NULL));
    FAILS(DER_BUSY, daos_pool_connect(a->path, NULL, DAOS_PC_EX, &poh, NULL, NULL));
    assert_non_null(strstr(err_last()->why, "exclusive"));
}

static void queries(void **state)
{
    struct api *a = *state;
    daos_pool_info_t info = {.pi_bits = DPI_SPACE | DPI_ENGINES_ENABLED};
    daos_prop_t *prop = daos_prop_alloc(0);
    daos_target_info_t t;
    d_rank_list_t *ranks;

    OK(daos_pool_query(a->poh, &ranks, &info, NULL, NULL));
    assert_int_equal(ranks->rl_nr, 1);
    assert_int_equal(ranks->rl_ranks[0], 0);
    d_rank_list_free(ranks);
    assert_true(info.pi_bits & DPI_SPACE);
    assert_true(info.pi_space.ps_space.s_total[DAOS_MEDIA_NVME] > 0);
    assert_true(info.pi_space.ps_space.s_free[DAOS_MEDIA_NVME] <=
                info.pi_space.ps_space.s_total[DAOS_MEDIA_NVME]);
    assert_int_equal(info.pi_space.ps_ntargets, api_targets());
    OK(daos_pool_query(a->poh, &ranks, NULL, NULL, NULL));
    assert_int_equal(ranks->rl_nr, 0);
    d_rank_list_free(ranks);
    OK(daos_pool_query(a->poh, NULL, NULL, prop, NULL));
    assert_string_equal(daos_prop_entry_get(prop, DAOS_PROP_PO_LABEL)->dpe_str, "apipool");
    assert_int_equal(daos_prop_entry_get(prop, DAOS_PROP_PO_REDUN_FAC)->dpe_val, 0);
    assert_non_null(daos_prop_entry_get(prop, DAOS_PROP_PO_ACL)->dpe_val_ptr);
    daos_prop_free(prop);
    OK(daos_pool_query_target(a->poh, 0, 0, &t, NULL));
    assert_int_equal(t.ta_state, DAOS_TS_UP_IN);
    FAILS(DER_NONEXIST, daos_pool_query_target(a->poh, api_targets(), 0, &t, NULL));
    FAILS(DER_NONEXIST, daos_pool_query_target(a->poh, 0, 1, &t, NULL));
    FAILS(DER_INVAL, daos_pool_query_target(a->poh, 0, 0, NULL, NULL));
    FAILS(DER_NO_HDL, daos_pool_query(a->coh, NULL, &info, NULL, NULL));
}

static void lists(void **state)
{
    struct api *a = *state;
    struct daos_pool_cont_info2 two[4];
    struct daos_pool_cont_info one[4];
    daos_pool_cont_filter_part_t *part = calloc(1, sizeof(*part));
    daos_pool_cont_filter_t filter;
    daos_mgmt_pool_info_t pools[1];
    daos_size_t n = 0;
    daos_handle_t coh;
    daos_epoch_t e;

    OK(daos_cont_create_with_label(a->poh, "second", NULL, NULL, NULL));
    OK(daos_pool_list_cont(a->poh, &n, NULL, NULL));
    assert_int_equal(n, 2);
    n = 1;
    FAILS(DER_TRUNC, daos_pool_list_cont(a->poh, &n, one, NULL));
    assert_int_equal(n, 2);
    n = 4;
    OK(daos_pool_list_cont(a->poh, &n, one, NULL));
    assert_int_equal(n, 2);
    assert_true(strcmp(one[0].pci_label, "second") == 0 || strcmp(one[1].pci_label, "second") == 0);
    /* those with a snapshot */
    OK(daos_cont_open(a->poh, "second", DAOS_COO_RW, &coh, NULL, NULL));
    OK(daos_cont_create_snap(coh, &e, NULL, NULL));
    OK(daos_cont_close(coh, NULL));
    OK(daos_pool_cont_filter_init(&filter, PCF_COMBINE_LOGICAL_AND));
    part->pcfp_func = PCF_FUNC_GE;
    part->pcfp_key = PCF_KEY_NUM_SNAPSHOTS;
    part->pcfp_val64 = 1;
    OK(daos_pool_cont_filter_add(&filter, part));
    n = 4;
    OK(daos_pool_filter_cont(a->poh, &filter, &n, two, NULL));
    assert_int_equal(n, 1);
    assert_string_equal(two[0].pci_id.pci_label, "second");
    assert_int_equal(two[0].pci_cinfo.ci_nsnapshots, 1);
    daos_pool_cont_filter_fini(&filter);
    OK(daos_cont_destroy(a->poh, "second", 0, NULL));
    n = 1;
    OK(daos_mgmt_list_pools(NULL, &n, pools, NULL));
    assert_int_equal(n, 1);
    assert_string_equal(pools[0].mgpi_label, "apipool");
    free(pools[0].mgpi_label);
    d_rank_list_free(pools[0].mgpi_svc);
}

static void in_the_background(void **state)
{
    struct api *a = *state;
    daos_handle_t eq, poh, coh;
    daos_event_t ev, *done;
    daos_cont_info_t info;

    OK(daos_eq_create(&eq));
    OK(daos_event_init(&ev, eq, NULL));
    OK(daos_pool_connect(a->path, NULL, DAOS_PC_RW, &poh, NULL, &ev));
    assert_int_equal(daos_eq_poll(eq, 1, DAOS_EQ_WAIT, 1, &done), 1);
    OK(ev.ev_error);
    OK(daos_cont_open(poh, a->label, DAOS_COO_RO, &coh, &info, &ev));
    assert_int_equal(daos_eq_poll(eq, 1, DAOS_EQ_WAIT, 1, &done), 1);
    OK(ev.ev_error);
    OK(daos_cont_open(poh, "nothere", DAOS_COO_RO, &coh, &info, &ev));
    assert_int_equal(daos_eq_poll(eq, 1, DAOS_EQ_WAIT, 1, &done), 1);
    assert_int_equal(ev.ev_error, -DER_NONEXIST);
    OK(daos_pool_disconnect(poh, &ev));
    assert_int_equal(daos_eq_poll(eq, 1, DAOS_EQ_WAIT, 1, &done), 1);
    assert_int_equal(ev.ev_error, -DER_BUSY);
    OK(daos_cont_close(coh, &ev));
    assert_int_equal(daos_eq_poll(eq, 1, DAOS_EQ_WAIT, 1, &done), 1);
    OK(ev.ev_error);
    OK(daos_pool_disconnect(poh, &ev));
    assert_int_equal(daos_eq_poll(eq, 1, DAOS_EQ_WAIT, 1, &done), 1);
    OK(ev.ev_error);
    OK(daos_event_fini(&ev));
    OK(daos_eq_destroy(eq, 0));
}

/* A program that ends without closing anything loses nothing and leaves nothing locked. */
static void closed_by_the_library(void **state)
{
    struct api *a = *state;
    daos_handle_t oh, poh2;

    oh = api_obj(a, DAOS_OT_MULTI_HASHED, 77);
    OK(put(oh, 0, "d", "a", "kept"));
    OK(daos_pool_connect(a->path, NULL, DAOS_PC_RW, &poh2, NULL, NULL));
    OK(daos_fini());
    OK(daos_init());
    OK(daos_pool_connect(a->path, NULL, DAOS_PC_RW, &a->poh, NULL, NULL));
    OK(daos_cont_open(a->poh, a->label, DAOS_COO_RW, &a->coh, NULL, NULL));
    oh = api_obj(a, DAOS_OT_MULTI_HASHED, 77);
    assert_string_equal(get(oh, "d", "a"), "kept");
    OK(daos_obj_close(oh, NULL));
}

API_MAIN(API_TEST(every_kind_of_name), API_TEST(what_is_wrong_is_said), API_TEST(queries),
         API_TEST(lists), API_TEST(in_the_background), API_TEST(closed_by_the_library))
