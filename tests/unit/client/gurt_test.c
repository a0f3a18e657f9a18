/* Helpers that programs link, and the calls that need no pool. */
#include "fake_embed.h"
#include <daos/common.h>
#include <gurt/common.h>
#include <stdlib.h>
#include <string.h>
#include "base/log.h"

static void rank_lists(void **state)
{
    d_rank_list_t *l = daos_rank_list_parse("3,1,2,7,1", ","), *u;
    char *text;
    int at;

    (void)state;
    assert_non_null(l);
    assert_int_equal(l->rl_nr, 5);
    assert_int_equal(d_rank_list_dup_sort_uniq(&u, l), 0);
    assert_int_equal(d_rank_list_to_str(u, &text), 0);
    assert_string_equal(text, "[1-3,7]");
    free(text);
    assert_true(d_rank_list_find(u, 7, &at));
    assert_int_equal(at, 3);
    assert_int_equal(d_rank_list_del(u, 2), 0);
    assert_false(d_rank_in_rank_list(u, 2));
    assert_int_equal(d_rank_list_merge(u, l), 0);
    assert_int_equal(u->rl_nr, 4);
    assert_false(d_rank_list_identical(u, l));
    d_rank_list_free(u);
    d_rank_list_free(l);
    d_rank_list_free(NULL);
    assert_null(daos_rank_list_parse("1,x", ","));
    assert_null(daos_rank_list_parse("1,", ","));
    assert_null(daos_rank_list_parse("", ","));
    assert_null(daos_rank_list_parse("4294967295", ","));
}

static void epochs_as_time(void **state)
{
    struct timespec ts;
    time_t t;
    uint64_t hlc;

    (void)state;
    assert_int_equal(daos_hlc2timespec(16, &ts), 0);
    assert_int_equal(ts.tv_sec, 1609459200);
    assert_int_equal(ts.tv_nsec, 1);
    assert_int_equal(daos_hlc2timestamp(UINT64_C(16000000000) * 10, &t), 0);
    assert_int_equal(t, 1609459210);
    assert_int_equal(daos_hlc2timespec(1, NULL), -DER_INVAL);
    ts = (struct timespec){.tv_sec = 1700000000, .tv_nsec = 123};
    assert_int_equal(d_timespec2hlc(ts, &hlc), 0);
    assert_int_equal(daos_hlc2timespec(hlc, &ts), 0);
    assert_int_equal(ts.tv_sec, 1700000000);
    assert_int_equal(ts.tv_nsec, 123);
}

static void object_classes_by_name(void **state)
{
    char name[MAX_OBJ_CLASS_NAME_LEN], *all;
    ssize_t len;

    (void)state;
    assert_int_equal(daos_oclass_name2id("SX"), OC_SX);
    assert_int_equal(daos_oclass_name2id("no such class"), OC_UNKNOWN);
    assert_int_equal(daos_oclass_name2id(NULL), OC_UNKNOWN);
    assert_int_equal(daos_oclass_id2name(OC_RP_2G1, name), 0);
    assert_string_equal(name, "RP_2G1");
    assert_int_equal(daos_oclass_id2name(3, name), -1);
    all = calloc(1, 65536);
    len = daos_oclass_names_list(65536, all);
    assert_true(len > 0 && (size_t)len == strlen(all));
    assert_int_equal(daos_oclass_names_list(8, all), -DER_OVERFLOW);
    assert_true(daos_oclass_nr(0) > 50);
    free(all);
}

static void pools_of_this_user(void **state)
{
    daos_mgmt_pool_info_t p[1];
    struct daos_sys_info *info;
    daos_size_t n = 0;

    (void)state;
    assert_int_equal(daos_mgmt_list_pools(NULL, &n, NULL, NULL), -DER_UNINIT);
    assert_int_equal(daos_init(), 0);
    assert_int_equal(daos_mgmt_list_pools(NULL, &n, NULL, NULL), 0);
    assert_int_equal(n, 1);
    n = 0;
    assert_int_equal(daos_mgmt_list_pools(NULL, &n, p, NULL), -DER_TRUNC);
    assert_int_equal(daos_mgmt_list_pools(NULL, &n, p, NULL), 0);
    assert_string_equal(p[0].mgpi_label, "one");
    free(p[0].mgpi_label);
    d_rank_list_free(p[0].mgpi_svc);
    assert_int_equal(daos_mgmt_get_sys_info(NULL, &info), 0);
    assert_string_equal(info->dsi_system_name, "daos_server");
    daos_mgmt_put_sys_info(info);
    assert_int_equal(daos_fini(), 0);
}

static void filters_of_containers(void **state)
{
    daos_pool_cont_filter_part_t *part;
    daos_pool_cont_filter_t f;
    int i;

    (void)state;
    assert_int_equal(daos_pool_cont_filter_init(&f, 7), -DER_INVAL);
    assert_int_equal(daos_pool_cont_filter_init(&f, PCF_COMBINE_LOGICAL_OR), 0);
    for (i = 0; i < DAOS_POOL_CONT_FILTER_MAX_NPARTS; i++) {
        part = calloc(1, sizeof(*part));
        assert_int_equal(daos_pool_cont_filter_add(&f, part), 0);
    }
    part = calloc(1, sizeof(*part));
    assert_int_equal(daos_pool_cont_filter_add(&f, part), -DER_INVAL);
    free(part);
    daos_pool_cont_filter_fini(&f);
}

/* What is refused before anybody is asked. */
static void wrong_names_and_flags(void **state)
{
    daos_handle_t h = {0}, out;
    daos_event_t *ev = NULL;

    (void)state;
    assert_int_equal(daos_init(), 0);
    assert_int_equal(daos_pool_connect(NULL, NULL, DAOS_PC_RW, &out, NULL, ev), -DER_INVAL);
    assert_int_equal(daos_pool_connect("p", NULL, 0, &out, NULL, ev), -DER_INVAL);
    assert_int_equal(daos_pool_connect("p", NULL, DAOS_PC_RO | DAOS_PC_RW, &out, NULL, ev),
                     -DER_INVAL);
    assert_int_equal(daos_pool_connect("p", NULL, 8, &out, NULL, ev), -DER_INVAL);
    assert_int_equal(daos_pool_connect("bad label", NULL, DAOS_PC_RW, &out, NULL, ev), -DER_INVAL);
    assert_int_equal(
        daos_pool_connect("p", "a system name that is too long", DAOS_PC_RW, &out, NULL, ev),
        -DER_INVAL);
    assert_int_equal(daos_pool_connect("p", NULL, DAOS_PC_RW, NULL, NULL, ev), -DER_INVAL);
    assert_int_equal(daos_pool_connect("p", NULL, DAOS_PC_RW, &out, NULL, ev), -DER_NONEXIST);
    assert_string_equal(err_last()->why, "this test has none");
    assert_int_equal(daos_pool_disconnect(h, ev), -DER_NO_HDL);
    assert_int_equal(daos_cont_open(h, "c", DAOS_COO_RW, &out, NULL, ev), -DER_NO_HDL);
    assert_int_equal(daos_cont_open(h, "c", 0, &out, NULL, ev), -DER_INVAL);
    assert_int_equal(daos_cont_open(h, "c", DAOS_COO_RW | DAOS_COO_EX, &out, NULL, ev), -DER_INVAL);
    assert_int_equal(daos_cont_open(h, "c", DAOS_COO_RW | DAOS_COO_RO_MDSTATS, &out, NULL, ev),
                     -DER_INVAL);
    assert_int_equal(daos_cont_open(h, "c", DAOS_COO_EX | DAOS_COO_EVICT, &out, NULL, ev),
                     -DER_INVAL);
    assert_int_equal(daos_cont_open(h, "c", DAOS_COO_RW | DAOS_COO_EVICT_ALL, &out, NULL, ev),
                     -DER_INVAL);
    assert_int_equal(daos_cont_open(h, "a/b", DAOS_COO_RW, &out, NULL, ev), -DER_INVAL);
    assert_int_equal(daos_cont_create_with_label(h, "container_label_not_set", NULL, NULL, ev),
                     -DER_INVAL);
    assert_int_equal(daos_cont_create_snap(h, NULL, NULL, ev), -DER_INVAL);
    assert_int_equal(daos_cont_create_snap(h, &(daos_epoch_t){0}, (char *)"name", ev), -DER_NOSYS);
    assert_int_equal(daos_cont_create_snap_opt(h, &(daos_epoch_t){0}, NULL, DAOS_SNAP_OPT_OIT, ev),
                     -DER_INVAL);
    assert_int_equal(daos_cont_destroy_snap(h, (daos_epoch_range_t){1, 2}, ev), -DER_INVAL);
    assert_int_equal(daos_cont_destroy_snap(h, (daos_epoch_range_t){0, 0}, ev), -DER_INVAL);
    assert_int_equal(daos_cont_aggregate(h, DAOS_EPOCH_MAX, ev), -DER_INVAL);
    assert_int_equal(daos_cont_rollback(h, 1, ev), -DER_NO_HDL);
    assert_int_equal(daos_cont_set_attr(h, 0, NULL, NULL, NULL, ev), -DER_INVAL);
    assert_int_equal(daos_tx_open_snap(h, 0, &out, ev), -DER_INVAL);
    assert_int_equal(daos_tx_open_snap(h, DAOS_EPOCH_MAX, &out, ev), -DER_INVAL);
    assert_int_equal(daos_tx_open(h, &out, 4, ev), -DER_INVAL);
    assert_int_equal(daos_tx_commit(h, ev), -DER_INVAL);
    assert_int_equal(daos_obj_close(h, ev), -DER_NO_HDL);
    assert_int_equal(daos_kv_close(h, ev), -DER_NO_HDL);
    assert_int_equal(daos_array_close(h, ev), -DER_NO_HDL);
    assert_int_equal(daos_fini(), 0);
}

static void settings_of_the_environment(void **state)
{
    uint64_t big = 7;
    uint32_t num = 7;
    unsigned int u = 7;
    char text[4], c = 'x', *copy;
    bool yes = false;

    assert_int_equal(d_setenv("TARN_GURT", "0x10", 1), 0);
    assert_true(d_isenv_def((char *)"TARN_GURT"));
    assert_int_equal(d_setenv("TARN_GURT", "other", 0), 0); /* it has a value */
    assert_int_equal(d_getenv_uint64_t("TARN_GURT", &big), 0);
    assert_int_equal(big, 16);
    assert_int_equal(d_getenv_uint32_t("TARN_GURT", &num), 0);
    assert_int_equal(num, 16);
    assert_int_equal(d_getenv_str(text, sizeof(text), "TARN_GURT"), -DER_TRUNC);
    assert_string_equal(text, "0x1");
    assert_int_equal(d_agetenv_str(&copy, "TARN_GURT"), 0);
    assert_string_equal(copy, "0x10");
    d_freeenv_str(&copy);
    assert_null(copy);
    assert_int_equal(d_getenv_char("TARN_GURT", &c), -DER_INVAL);
    assert_int_equal(d_getenv_bool("TARN_GURT", &yes), 0);
    assert_true(yes);

    assert_int_equal(d_setenv("TARN_GURT", "0", 1), 0);
    assert_int_equal(d_getenv_bool("TARN_GURT", &yes), 0);
    assert_false(yes);
    assert_int_equal(d_getenv_char("TARN_GURT", &c), 0);
    assert_int_equal(c, '0');
    assert_int_equal(d_setenv("TARN_GURT", "4294967296", 1), 0);
    assert_int_equal(d_getenv_uint64_t("TARN_GURT", &big), 0);
    assert_int_equal(big, UINT64_C(1) << 32);
    assert_int_equal(d_getenv_uint("TARN_GURT", &u), -DER_INVAL);
    assert_int_equal(d_getenv_int("TARN_GURT", &u), -DER_INVAL);
    assert_int_equal(u, 7);
    assert_int_equal(d_setenv("TARN_GURT", "12 apples", 1), 0);
    assert_int_equal(d_getenv_uint64_t("TARN_GURT", &big), -DER_INVAL);

    assert_int_equal(d_unsetenv("TARN_GURT"), 0);
    assert_false(d_isenv_def((char *)"TARN_GURT"));
    assert_int_equal(d_getenv_uint64_t("TARN_GURT", &big), -DER_NONEXIST);
    assert_int_equal(d_getenv_str(text, sizeof(text), "TARN_GURT"), -DER_NONEXIST);
    assert_int_equal(d_agetenv_str(&copy, "TARN_GURT"), -DER_NONEXIST);
    assert_null(copy);
    assert_int_equal(d_getenv_bool("TARN_GURT", &yes), -DER_NONEXIST);
    assert_int_equal(d_getenv_char("TARN_GURT", &c), -DER_NONEXIST);
    assert_int_equal(d_setenv("", "x", 1), -DER_MISC);
}

static void text_that_grows(void **state)
{
    struct d_string_buffer_t buf = {0};
    char *s = NULL, padded[] = " \t a b \n", blank[] = "  ";
    uint8_t uuid[16] = {0xab, 0xcd};
    daos_key_t key;
    int rc;

    for (int i = 0; i < 100; i++)
        assert_int_equal(d_write_string_buffer(&buf, "%d,", i % 10), 0);
    assert_int_equal(buf.str_size, 200);
    assert_int_equal(strlen(buf.str), 200);
    assert_memory_equal(buf.str + 190, "5,6,7,8,9,", 10);
    buf.status = -DER_NOMEM; /* once it has failed it stays so */
    assert_int_equal(d_write_string_buffer(&buf, "x"), -DER_NOMEM);
    assert_int_equal(buf.str_size, 200);
    d_free_string(&buf);
    assert_null(buf.str);
    assert_int_equal(d_asprintf(&s, "%s-%d", "a", 12), 4);
    assert_string_equal(s, "a-12");
    d_free(s);
    s = d_asprintf2(&rc, "%c", 'z');
    assert_int_equal(rc, 1);
    assert_string_equal(s, "z");
    d_free(s);

    assert_string_equal(daos_str_trimwhite(padded), "a b");
    assert_null(daos_str_trimwhite(blank));
    assert_string_equal(DP_UUID(uuid), "abcd0000-0000-0000-0000-000000000000");
    assert_string_equal(DP_UUID(NULL), "?");
    d_iov_set(&key, (void *)"a\1b", 3);
    assert_string_equal(daos_key2str(&key), "a?b");
    assert_string_equal(daos_key2str(NULL), "<NULL>");
    assert_string_equal(daos_path2str("/x\n"), "/x?");
    s = DP_UUID(uuid); /* eight of them stay what they are */
    for (int i = 0; i < 7; i++)
        daos_de2str("other");
    assert_int_equal(s[0], 'a');
}

static void memory_of_programs(void **state)
{
    char *s = d_strndup("hello", 3), *z;

    assert_string_equal(s, "hel");
    s = d_realloc(s, 100);
    assert_string_equal(s, "hel");
    d_free(s);
    z = d_calloc(3, 5);
    for (int i = 0; i < 15; i++)
        assert_int_equal(z[i], 0);
    d_free(z);
    assert_null(d_calloc(SIZE_MAX, 2));
    z = d_aligned_alloc(4096, 100, true);
    assert_int_equal((uintptr_t)z % 4096, 0);
    for (int i = 0; i < 100; i++)
        assert_int_equal(z[i], 0);
    d_free(z);
    d_free(d_malloc(0));
    d_free(NULL);
    s = d_realpath("/../", NULL);
    assert_string_equal(s, "/");
    d_free(s);
}

static char said[512];

static void keep(enum log_level level, const char *line)
{
    if (level == LOG_LEVEL_WARN)
        snprintf(said, sizeof(said), "%s", line);
}

/* A program that knows nothing of err_last() finds the words in the log; a tool has its own. */
static void errors_are_said(void **state)
{
    daos_handle_t poh;

    (void)state;
    assert_int_equal(daos_init(), 0);
    log_set_sink(keep);
    said[0] = '\0';
    assert_int_equal(daos_pool_connect("nolabel", NULL, DAOS_PC_RW, &poh, NULL, NULL),
                     -DER_NONEXIST);
    assert_non_null(strstr(said, "no such pool: this test has none; none"));
    assert_string_equal(err_last()->why, "this test has none");
    client_shows_errors();
    said[0] = '\0';
    assert_int_equal(daos_pool_connect("nolabel", NULL, DAOS_PC_RW, &poh, NULL, NULL),
                     -DER_NONEXIST);
    assert_string_equal(said, "");
    log_set_sink(NULL);
    assert_int_equal(daos_fini(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(errors_are_said),       cmocka_unit_test(rank_lists),
        cmocka_unit_test(epochs_as_time),        cmocka_unit_test(object_classes_by_name),
        cmocka_unit_test(pools_of_this_user),    cmocka_unit_test(filters_of_containers),
        cmocka_unit_test(wrong_names_and_flags), cmocka_unit_test(settings_of_the_environment),
        cmocka_unit_test(text_that_grows),       cmocka_unit_test(memory_of_programs),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
