/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * What the public headers do inline: take object ids apart, recognise labels and UUIDs, convert
 * error codes, link lists, allocate through macros. No library is linked: the few functions that
 * the macros call are defined here.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <daos.h>
#include <daos/common.h>
#include <gurt/atomic.h>
#include <gurt/common.h>
#include <gurt/list.h>

/* What the library provides, as far as the macros under test need it. */
void *d_calloc(size_t nmemb, size_t size)
{
    return calloc(nmemb, size);
}

void *d_malloc(size_t size)
{
    return malloc(size);
}

void *d_realloc(void *ptr, size_t size)
{
    return size > (size_t)1 << 40 ? NULL : realloc(ptr, size);
}

void d_free(void *ptr)
{
    free(ptr);
}

char *d_strndup(const char *s, size_t n)
{
    return strndup(s, n);
}

void d_vlog(int flags, const char *fmt, va_list ap)
{
    (void)flags;
    vprint_error(fmt, ap);
}

void d_log_sync(void)
{
}

const char *d_errstr(int errnum)
{
    return errnum == -DER_NOMEM ? "DER_NOMEM" : "?";
}

const char *d_errdesc(int errnum)
{
    (void)errnum;
    return "text";
}

static daos_obj_id_t oid_of(enum daos_otype_t type, daos_oclass_id_t cid, uint32_t user)
{
    daos_obj_id_t oid = {.lo = 7};

    oid.hi = ((uint64_t)type << OID_FMT_TYPE_SHIFT) |
             ((uint64_t)(cid >> OC_REDUN_SHIFT) << OID_FMT_CLASS_SHIFT) |
             ((uint64_t)(cid & MAX_NUM_GROUPS) << OID_FMT_META_SHIFT) | user;
    return oid;
}

static void an_object_id_tells_type_and_class(void **state)
{
    daos_obj_id_t oid = oid_of(DAOS_OT_ARRAY_BYTE, OC_EC_4P2G8, 0xfffffff0u);

    (void)state;
    assert_int_equal(daos_obj_id2type(oid), DAOS_OT_ARRAY_BYTE);
    assert_int_equal(daos_obj_id2ord(oid), OR_RS_4P2);
    assert_int_equal(daos_obj_id2grp_nr(oid), 8);
    assert_int_equal(daos_obj_id2class(oid), OC_EC_4P2G8);
    assert_int_equal(daos_obj_id2class(oid_of(DAOS_OT_KV_HASHED, OC_RP_XSF, 1)), OC_RP_XSF);
    assert_false(daos_obj_id_is_nil(oid));
    assert_true(daos_obj_id_is_nil(DAOS_OBJ_NIL));
}

static void cycling_an_object_id_changes_only_its_user_bits_of_hi(void **state)
{
    daos_obj_id_t oid = oid_of(DAOS_OT_KV_LEXICAL, OC_RP_2G1, 0xfffffff0u);
    daos_obj_id_t before = oid;

    (void)state;
    daos_obj_oid_cycle(&oid);
    assert_true((uint32_t)oid.hi != (uint32_t)before.hi);
    assert_true(oid.hi >> 32 == before.hi >> 32);
    assert_true(oid.lo == before.lo);
}

static void types_tell_how_keys_are_ordered(void **state)
{
    (void)state;
    assert_true(daos_is_dkey_uint64_type(DAOS_OT_ARRAY));
    assert_true(daos_is_dkey_uint64_type(DAOS_OT_KV_UINT64));
    assert_false(daos_is_dkey_uint64_type(DAOS_OT_AKEY_UINT64));
    assert_true(daos_is_akey_uint64_type(DAOS_OT_AKEY_UINT64));
    assert_true(daos_is_dkey_lexical_type(DAOS_OT_KV_LEXICAL));
    assert_false(daos_is_akey_lexical_type(DAOS_OT_DKEY_LEXICAL));
    assert_true(daos_is_array_type(DAOS_OT_ARRAY_ATTR));
    assert_true(daos_is_kv(oid_of(DAOS_OT_KV_HASHED, OC_S1, 0)));
    assert_true(daos_otype_t_is_valid(DAOS_OT_MAX));
    assert_false(daos_otype_t_is_valid((enum daos_otype_t)(DAOS_OT_MAX + 1)));
}

static void a_uuid_is_no_label(void **state)
{
    char longest[DAOS_PROP_LABEL_MAX_LEN + 2];

    (void)state;
    assert_true(daos_is_valid_uuid_string("0f3cd1a2-0000-4000-8000-00000000beef", UUID_SST_NONE));
    assert_true(daos_is_valid_uuid_string("0f3cd1a2-0000-4000-8000-00000000beef", UUID_SST_LOWER));
    assert_false(daos_is_valid_uuid_string("0F3CD1A2-0000-4000-8000-00000000BEEF", UUID_SST_LOWER));
    assert_false(daos_is_valid_uuid_string("0f3cd1a2-0000-4000-8000-00000000bee", UUID_SST_NONE));
    assert_false(daos_is_valid_uuid_string("0f3cd1a2_0000-4000-8000-00000000beef", UUID_SST_NONE));
    assert_false(daos_is_valid_uuid_string(NULL, UUID_SST_NONE));

    assert_true(daos_label_is_valid("results-2024:a.b_c"));
    assert_false(daos_label_is_valid("0f3cd1a2-0000-4000-8000-00000000beef"));
    assert_false(daos_label_is_valid(""));
    assert_false(daos_label_is_valid(NULL));
    assert_false(daos_label_is_valid("a/b"));
    memset(longest, 'x', sizeof(longest));
    longest[DAOS_PROP_LABEL_MAX_LEN] = '\0';
    assert_true(daos_label_is_valid(longest));
    longest[DAOS_PROP_LABEL_MAX_LEN] = 'x';
    longest[DAOS_PROP_LABEL_MAX_LEN + 1] = '\0';
    assert_false(daos_label_is_valid(longest));
}

static void a_container_status_survives_packing(void **state)
{
    struct daos_co_status in = {.dcs_status = 1, .dcs_flags = DAOS_PROP_CO_CLEAR, .dcs_pm_ver = 77};
    struct daos_co_status out = {0};
    uint64_t val = daos_prop_co_status_2_val(&in);

    (void)state;
    assert_true(val == (((uint64_t)1 << 48) | ((uint64_t)1 << 32) | 77));
    daos_prop_val_2_co_status(val, &out);
    assert_memory_equal(&in, &out, sizeof(in));
}

static void error_codes_become_errno_and_back(void **state)
{
    (void)state;
    assert_int_equal(daos_der2errno(0), 0);
    assert_int_equal(daos_der2errno(-DER_NONEXIST), ENOENT);
    assert_int_equal(daos_der2errno(-DER_NO_HDL), EINVAL);
    assert_int_equal(daos_der2errno(-DER_DATA_LOSS), EIO);
    assert_int_equal(daos_der2errno(DER_NONEXIST), EINVAL);
    assert_int_equal(daos_errno2der(EBADF), -DER_NO_HDL);
    assert_int_equal(daos_errno2der(ENOENT), -DER_NONEXIST);
    assert_int_equal(daos_errno2der(-ENOENT), -DER_UNKNOWN);
    assert_int_equal(d_errno2der(EACCES), -DER_NO_PERM);
    assert_int_equal(d_errno2der(EINVAL), -DER_MISC);
}

static void layout_names_are_read_in_any_case(void **state)
{
    daos_cont_layout_t type = 0;
    char name[16];

    (void)state;
    daos_parse_ctype("posix", &type);
    assert_int_equal(type, DAOS_PROP_CO_LAYOUT_POSIX);
    daos_unparse_ctype(DAOS_PROP_CO_LAYOUT_METEO, name);
    assert_string_equal(name, "METEO");
    daos_parse_ctype("other", &type);
    assert_int_equal(type, DAOS_PROP_CO_LAYOUT_UNKNOWN);
}

static void anchors_start_zeroed_and_end(void **state)
{
    daos_anchor_t anchor = DAOS_ANCHOR_INIT;

    (void)state;
    assert_true(daos_anchor_is_zero(&anchor));
    daos_anchor_set_eof(&anchor);
    assert_true(daos_anchor_is_eof(&anchor));
    assert_int_equal(daos_anchor_init(&anchor, 0), 0);
    assert_false(daos_anchor_is_eof(&anchor));
    assert_true(daos_handle_is_inval(DAOS_TX_NONE));
}

struct item {
    int value;
    d_list_t link;
};

static int sum_in_order(d_list_t *head)
{
    struct item *it;
    int sum = 0;

    d_list_for_each_entry(it, head, link) sum = sum * 10 + it->value;
    return sum;
}

static void lists_keep_their_order(void **state)
{
    struct item items[4] = {{.value = 1}, {.value = 2}, {.value = 3}, {.value = 4}};
    struct item *it;
    struct item *next;
    D_LIST_HEAD(head);
    D_LIST_HEAD(other);

    (void)state;
    assert_true(d_list_empty(&head));
    d_list_add_tail(&items[1].link, &head);
    d_list_add_tail(&items[2].link, &head);
    d_list_add(&items[0].link, &head);
    assert_int_equal(sum_in_order(&head), 123);
    d_list_add(&items[3].link, &other);
    d_list_splice_init(&head, &other);
    assert_true(d_list_empty(&head));
    assert_int_equal(sum_in_order(&other), 1234);
    d_list_move_tail(&items[0].link, &other);
    assert_int_equal(sum_in_order(&other), 2341);
    d_list_for_each_entry_safe(it, next, &other, link)
    {
        if (it->value == 3)
            d_list_del_init(&it->link);
    }
    assert_int_equal(sum_in_order(&other), 241);
    it = d_list_pop_entry(&other, struct item, link);
    assert_int_equal(it->value, 2);
    assert_int_equal(sum_in_order(&other), 41);
    assert_null(d_list_pop_entry(&head, struct item, link));
}

static void hlists_link_and_unlink(void **state)
{
    D_HLIST_HEAD(head);
    d_hlist_node_t a;
    d_hlist_node_t b;
    d_hlist_node_t c;

    (void)state;
    D_INIT_HLIST_NODE(&c);
    assert_true(d_hlist_unhashed(&c));
    d_hlist_add_head(&b, &head);
    d_hlist_add_before(&a, &b);
    d_hlist_add_after(&c, &b);
    assert_ptr_equal(head.first, &a);
    assert_ptr_equal(a.next, &b);
    assert_ptr_equal(b.next, &c);
    d_hlist_del(&b);
    assert_ptr_equal(a.next, &c);
    d_hlist_del_init(&a);
    d_hlist_del_init(&c);
    assert_true(d_hlist_empty(&head));
    assert_true(d_hlist_unhashed(&c));
}

static void growing_moves_the_pointer_and_failing_keeps_it(void **state)
{
    uint32_t *old;
    uint32_t *grown;
    uint32_t *none;
    char *text;

    (void)state;
    D_ALLOC_ARRAY(old, 4);
    assert_non_null(old);
    assert_int_equal(old[3], 0);
    old[3] = 9;
    D_REALLOC_ARRAY(grown, old, 4, 8);
    assert_non_null(grown);
    assert_null(old);
    assert_int_equal(grown[3], 9);
    assert_int_equal(grown[7], 0);
    D_REALLOC_NZ(none, grown, (size_t)1 << 50);
    assert_null(none);
    assert_non_null(grown);
    D_FREE(grown);
    assert_null(grown);
    D_STRNDUP_S(text, "dkey");
    assert_string_equal(text, "dkey");
    D_FREE(text);
}

static void scatter_lists_are_sized_and_copied(void **state)
{
    char from[2][4] = {"abc", "def"};
    d_sg_list_t src;
    d_sg_list_t dst;
    uint32_t i;

    (void)state;
    assert_int_equal(d_sgl_init(&src, 2), 0);
    assert_int_equal(d_sgl_init(&dst, 2), 0);
    for (i = 0; i < 2; i++) {
        void *buf;

        d_iov_set(&src.sg_iovs[i], from[i], sizeof(from[i]));
        D_ALLOC(buf, 8);
        d_iov_set(&dst.sg_iovs[i], buf, 8);
    }
    assert_int_equal(d_sgl_buf_size(&dst), 16);
    d_sgl_buf_copy(&dst, &src);
    assert_string_equal((char *)dst.sg_iovs[1].iov_buf, "def");
    assert_int_equal(dst.sg_iovs[1].iov_len, 4);
    d_sgl_fini(&src, false);
    d_sgl_fini(&dst, true);
    assert_null(dst.sg_iovs);
}

static void times_are_added_and_compared(void **state)
{
    struct timespec a = {.tv_sec = 1, .tv_nsec = 900000000};
    struct timespec b = a;

    (void)state;
    d_timeinc(&b, 200000000);
    assert_int_equal(b.tv_sec, 2);
    assert_int_equal(b.tv_nsec, 100000000);
    assert_true(d_timeless(&a, &b));
    assert_int_equal(d_timediff_ns(&a, &b), 200000000);
    assert_int_equal(d_timediff(&a, &b).tv_nsec, 200000000);
    assert_int_equal(d_power2_nbits(1), 0);
    assert_int_equal(d_power2_nbits(1024), 10);
    assert_int_equal(d_power2_nbits(1025), 11);
    assert_int_equal(D_ALIGNUP(4097, 4096), 8192);
}

static void atomics_work_on_atomic_variables(void **state)
{
    ATOMIC uint32_t n = 5;

    (void)state;
    assert_int_equal(atomic_fetch_add_relaxed(&n, 2), 5);
    assert_int_equal(atomic_load_relaxed(&n), 7);
    assert_true(atomic_compare_exchange(&n, 7, 8));
    assert_false(atomic_compare_exchange(&n, 7, 9));
    atomic_store_release(&n, 1);
    assert_int_equal(atomic_fetch_sub_relaxed(&n, 1), 1);
}

static void a_code_prints_as_name_value_and_text(void **state)
{
    char buf[64];

    (void)state;
    snprintf(buf, sizeof(buf), DF_RC, DP_RC(-DER_NOMEM));
    assert_string_equal(buf, "DER_NOMEM(-1009): 'text'");
}

static void handles_ids_and_anchors(void **state)
{
    daos_handle_t none = DAOS_HDL_INVAL, some = {5};
    daos_anchor_t anchor = DAOS_ANCHOR_INIT;
    daos_obj_id_t oid = {.hi = (uint64_t)DAOS_OT_ARRAY << OID_FMT_TYPE_SHIFT};
    daos_key_t key = {0};
    daos_version_t ver;

    (void)state;
    assert_true(daos_handle_is_inval(none) && !daos_handle_is_valid(none));
    assert_true(daos_handle_is_valid(some) && !daos_handle_is_inval(some));
    assert_true(daos_key_is_null(key));
    daos_anchor_set_flags(&anchor, 7);
    assert_int_equal(daos_anchor_get_flags(&anchor), 7);
    daos_anchor_set_eof(&anchor);
    assert_false(daos_anchor_is_zero(&anchor));
    daos_anchor_set_zero(&anchor);
    assert_true(daos_anchor_is_zero(&anchor));
    daos_anchor_fini(&anchor);
    assert_true(daos_is_array(oid) && !daos_is_kv(oid) && daos_is_dkey_uint64(oid));
    assert_false(daos_is_dkey_lexical(oid) || daos_is_akey_lexical(oid));
    oid.hi = (uint64_t)DAOS_OT_MULTI_LEXICAL << OID_FMT_TYPE_SHIFT;
    assert_true(daos_is_dkey_lexical(oid) && daos_is_akey_lexical(oid));
    assert_true(daos_is_kv_type(DAOS_OT_KV_UINT64) && !daos_is_kv_type(DAOS_OT_ARRAY));
    assert_true(daos_pa_domain_is_valid(DAOS_PROP_PERF_DOMAIN_ROOT));
    assert_true(daos_pa_domain_is_valid(DAOS_PROP_PERF_DOMAIN_GROUP));
    assert_false(daos_pa_domain_is_valid(1));
    assert_true(daos_rf_is_valid(4) && !daos_rf_is_valid(5));
    assert_true(daos_svc_rf_is_valid(4) && !daos_svc_rf_is_valid(5));
    assert_true(daos_perf_domain_is_valid("root") && !daos_perf_domain_is_valid("a b"));
    assert_string_equal(daos_ctype_name(DAOS_PROP_CO_LAYOUT_POSIX), "POSIX");
    daos_version_pack(&ver);
    assert_int_equal(daos_version_get_protocol(&ver), DAOS_VERSION_PROTOCAL);
    assert_string_equal(daos_pool_cont_filter_func_str(PCF_FUNC_EQ), "PCF_FUNC_EQ");
    assert_string_equal(daos_pool_cont_filter_key_str(PCF_KEY_MD_OTIME), "PCF_KEY_MD_OTIME");
    assert_non_null(daos_pool_cont_filter_func_str(PCF_FUNC_MAX));
    assert_non_null(daos_pool_cont_filter_key_str(PCF_KEY_MAX));
}

static void lists_are_joined_and_moved(void **state)
{
    d_list_t a, b, one, two;

    (void)state;
    D_INIT_LIST_HEAD(&a);
    D_INIT_LIST_HEAD(&b);
    assert_true(d_list_empty_careful(&a));
    d_list_add(&one, &a);
    d_list_move(&one, &b);
    assert_true(d_list_empty(&a));
    d_list_add(&two, &a);
    d_list_splice(&a, &b);
    assert_ptr_equal(b.next, &two);
    d_list_del(&two);
    assert_ptr_equal(b.next, &one);
}

static void clocks_go_on(void **state)
{
    struct timespec t = {0}, then, none = {0};

    (void)state;
    assert_true(d_timenull(&none));
    assert_int_equal(d_gettime_coarse(&t), 0);
    assert_int_equal(d_gettime(&then), 0);
    assert_false(d_timenull(&then));
    assert_true(d_time2s(d_time_elapsed(then)) >= 0);
    d_timeinc(&then, 3600ull * NSEC_PER_SEC);
    assert_true(d_timeleft_ns(&then) > 0);
    assert_int_equal(d_timeleft_ns(&none), 0);
    assert_true(d_timeus_secdiff(1) > d_timeus_secdiff(0));
    t = d_time_ms(1500);
    assert_true(d_time2s(t) == 1.5 && d_time2ms(t) == 1500 && d_time2us(t) == 1500000);
}

static void addresses_of_the_stack(void **state)
{
    char *heap = malloc(8), here[8];
    d_iov_t iov;

    (void)state;
    assert_true(is_on_stack(here));
    assert_false(is_on_stack(heap));
    d_iov_set_safe(&iov, heap, 8);
    assert_ptr_equal(iov.iov_buf, heap);
    free(heap);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(handles_ids_and_anchors),
        cmocka_unit_test(lists_are_joined_and_moved),
        cmocka_unit_test(clocks_go_on),
        cmocka_unit_test(addresses_of_the_stack),
        cmocka_unit_test(an_object_id_tells_type_and_class),
        cmocka_unit_test(cycling_an_object_id_changes_only_its_user_bits_of_hi),
        cmocka_unit_test(types_tell_how_keys_are_ordered),
        cmocka_unit_test(a_uuid_is_no_label),
        cmocka_unit_test(a_container_status_survives_packing),
        cmocka_unit_test(error_codes_become_errno_and_back),
        cmocka_unit_test(layout_names_are_read_in_any_case),
        cmocka_unit_test(anchors_start_zeroed_and_end),
        cmocka_unit_test(lists_keep_their_order),
        cmocka_unit_test(hlists_link_and_unlink),
        cmocka_unit_test(growing_moves_the_pointer_and_failing_keeps_it),
        cmocka_unit_test(scatter_lists_are_sized_and_copied),
        cmocka_unit_test(times_are_added_and_compared),
        cmocka_unit_test(atomics_work_on_atomic_variables),
        cmocka_unit_test(a_code_prints_as_name_value_and_text),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
