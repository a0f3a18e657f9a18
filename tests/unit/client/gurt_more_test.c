/* The smaller helpers that programs link: handle tables, heaps, caches, hashes, ranges, the log. */
#include "fake_embed.h"
#include <daos/common.h>
#include <gurt/common.h>
#include <gurt/hash.h>
#include <gurt/heap.h>
#include <gurt/slab.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/log.h"

/* ---- Tables of handles and of UUIDs ---- */

struct thing {
    struct d_hlink link;
    int *freed;
};

static void thing_free(struct d_hlink *l)
{
    struct thing *t = container_of(l, struct thing, link);

    ++*t->freed;
    free(t);
}

static struct d_hlink_ops thing_ops = {.hop_free = thing_free};

static struct thing *thing_new(int *freed)
{
    struct thing *t = calloc(1, sizeof(*t));

    t->freed = freed;
    d_hhash_hlink_init(&t->link, &thing_ops);
    return t;
}

static int count_them(struct d_hlink *l, void *arg)
{
    return ++*(int *)arg == 3 ? 7 : 0;
}

static void a_handle_table_frees_with_the_last_reference(void **state)
{
    int freed = 0, seen = 0;
    struct d_hhash *h;
    struct thing *a, *b;
    uint64_t ka, kb;

    (void)state;
    assert_int_equal(d_hhash_create(D_HASH_FT_EPHEMERAL, 4, &h), -DER_INVAL);
    assert_int_equal(d_hhash_create(0, 4, NULL), -DER_INVAL);
    assert_int_equal(d_hhash_create(0, 4, &h), 0);
    a = thing_new(&freed);
    b = thing_new(&freed);
    assert_true(d_hhash_link_empty(&a->link));
    d_hhash_link_insert(h, &a->link, 3);
    d_hhash_link_insert(h, &b->link, 5);
    assert_false(d_hhash_link_empty(&a->link));
    d_hhash_link_key(&a->link, &ka);
    d_hhash_link_key(&b->link, &kb);
    assert_int_not_equal(ka, kb);
    assert_int_equal(d_hhash_key_type(ka), 3);
    assert_int_equal(d_hhash_key_type(kb), 5);
    assert_false(d_hhash_key_isptr(ka));
    assert_ptr_equal(d_hhash_link_lookup(h, ka), &a->link);
    assert_null(d_hhash_link_lookup(h, ka + 16000));
    assert_int_equal(d_hhash_traverse(h, 3, count_them, &seen), 0);
    assert_int_equal(seen, 1);
    assert_int_equal(d_hhash_traverse(h, 99, count_them, &seen), -DER_INVAL);
    assert_int_equal(d_hhash_traverse(h, 3, NULL, &seen), -DER_INVAL);
    assert_true(d_hhash_link_delete(h, &a->link));
    assert_false(d_hhash_link_delete(h, &a->link));
    assert_null(d_hhash_link_lookup(h, ka));
    d_hhash_link_putref(h, &a->link); /* of the lookup */
    assert_int_equal(freed, 0);
    d_hhash_link_getref(h, &a->link);
    d_hhash_link_putref(h, &a->link);
    d_hhash_link_putref(h, &a->link); /* of its maker */
    assert_int_equal(freed, 1);
    d_hhash_link_putref(h, &b->link);
    assert_int_equal(freed, 1);
    d_hhash_destroy(h);
    assert_int_equal(freed, 2);
}

static void a_handle_may_be_a_pointer(void **state)
{
    struct d_hhash *h;
    struct thing *a;
    int freed = 0;
    uint64_t key;

    (void)state;
    assert_int_equal(d_hhash_create(D_HASH_FT_GLOCK | D_HASH_FT_RWLOCK, 4, &h), 0);
    assert_false(d_hhash_is_ptrtype(h));
    assert_int_equal(d_hhash_set_ptrtype(h), 0);
    assert_int_equal(d_hhash_set_ptrtype(h), -DER_ALREADY);
    assert_true(d_hhash_is_ptrtype(h));
    a = thing_new(&freed);
    d_hhash_link_insert(h, &a->link, 0);
    d_hhash_link_key(&a->link, &key);
    assert_int_equal(key, (uintptr_t)&a->link);
    assert_true(d_hhash_key_isptr(key));
    assert_int_equal(d_hhash_key_type(key), 0);
    assert_ptr_equal(d_hhash_link_lookup(h, key), &a->link);
    assert_null(d_hhash_link_lookup(h, key + 2)); /* no pointer is followed to find out */
    d_hhash_link_putref(h, &a->link);
    d_hhash_link_delete(h, &a->link);
    d_hhash_link_putref(h, &a->link);
    assert_int_equal(freed, 1);
    d_hhash_destroy(h);
}

struct named {
    struct d_ulink link;
    int sub; /* what uop_cmp compares */
    bool freed;
};

static void named_free(struct d_ulink *l)
{
    container_of(l, struct named, link)->freed = true;
}

static bool named_cmp(struct d_ulink *l, void *args)
{
    return container_of(l, struct named, link)->sub == *(int *)args;
}

static struct d_ulink_ops named_ops = {.uop_free = named_free, .uop_cmp = named_cmp};

static void a_table_of_uuids_compares_what_its_owner_says(void **state)
{
    struct named a = {.sub = 1}, b = {.sub = 2};
    struct d_uuid key = {{1, 2, 3}}, other = {{3, 2, 1}};
    struct d_hash_table *t;

    (void)state;
    assert_int_equal(d_uhash_create(D_HASH_FT_EPHEMERAL, 4, &t), -DER_INVAL);
    assert_int_equal(d_uhash_create(D_HASH_FT_RWLOCK, 4, &t), 0);
    d_uhash_ulink_init(&a.link, &named_ops);
    d_uhash_ulink_init(&b.link, &named_ops);
    assert_true(d_uhash_link_empty(&a.link));
    assert_true(d_uhash_link_last_ref(&a.link));
    assert_int_equal(d_uhash_link_insert(t, &key, &a.sub, &a.link), 0);
    assert_int_equal(d_uhash_link_insert(t, &key, &a.sub, &b.link), -DER_EXIST);
    assert_int_equal(d_uhash_link_insert(t, &key, &b.sub, &b.link), 0);
    assert_false(d_uhash_link_empty(&a.link));
    assert_ptr_equal(d_uhash_link_lookup(t, &key, &b.sub), &b.link);
    assert_null(d_uhash_link_lookup(t, &other, &b.sub));
    d_uhash_link_putref(t, &b.link);
    d_uhash_link_addref(t, &a.link);
    d_uhash_link_putref(t, &a.link);
    d_uhash_link_delete(t, &a.link);
    assert_true(d_uhash_link_empty(&a.link));
    assert_true(d_uhash_link_last_ref(&a.link));
    d_uhash_link_putref(t, &a.link);
    assert_true(a.freed);
    d_uhash_link_putref(t, &b.link);
    assert_false(b.freed);
    d_uhash_destroy(t);
    assert_true(b.freed);
}

/* ---- Heaps ---- */

struct job {
    struct d_binheap_node node;
    int when;
};

static bool earlier(struct d_binheap_node *a, struct d_binheap_node *b)
{
    return container_of(a, struct job, node)->when < container_of(b, struct job, node)->when;
}

static int refuse_negative(struct d_binheap *h, struct d_binheap_node *e)
{
    return container_of(e, struct job, node)->when < 0 ? -DER_INVAL : 0;
}

static struct d_binheap_ops job_ops = {.hop_compare = earlier, .hop_enter = refuse_negative};

static void a_heap_gives_the_least_first(void **state)
{
    enum { N = 100 };
    struct d_binheap *h;
    struct d_binheap in = {0};
    struct job j[N], bad = {.when = -1};
    int i, last = -1, n = 0;

    (void)state;
    assert_int_equal(d_binheap_create(0, 2, NULL, NULL, &h), -DER_INVAL);
    assert_int_equal(d_binheap_create(0, 2, NULL, &job_ops, &h), 0);
    assert_null(d_binheap_remove_root(h));
    assert_null(d_binheap_root(h));
    assert_true(d_binheap_is_empty(h));
    for (i = 0; i < N; i++) {
        j[i].when = i * 37 % N;
        assert_int_equal(d_binheap_insert(h, &j[i].node), 0);
    }
    assert_int_equal(d_binheap_insert(h, &bad.node), -DER_INVAL);
    assert_int_equal(d_binheap_insert(h, NULL), -DER_INVAL);
    assert_int_equal(d_binheap_size(h), N);
    assert_ptr_equal(d_binheap_find(h, 0), d_binheap_root(h));
    assert_null(d_binheap_find(h, N));
    for (i = 0; i < N; i += 3)
        d_binheap_remove(h, &j[i].node);
    while (!d_binheap_is_empty(h)) {
        struct job *least = container_of(d_binheap_remove_root(h), struct job, node);

        assert_true(least->when > last);
        last = least->when;
        n++;
    }
    assert_int_equal(n, N - 34);
    d_binheap_destroy(h);
    assert_int_equal(d_binheap_create_inplace(DBH_FT_NOLOCK, 0, NULL, &job_ops, &in), 0);
    assert_int_equal(d_binheap_insert(&in, &j[0].node), 0);
    d_binheap_destroy_inplace(&in);
}

/* ---- Caches of objects ---- */

struct widget {
    d_list_t link;
    int made, fit;
};
static _Thread_local int widgets, resets_fail;

static void widget_init(void *obj, void *arg)
{
    ((struct widget *)obj)->made = *(int *)arg;
    widgets++;
}

static bool widget_reset(void *obj)
{
    ((struct widget *)obj)->fit++;
    if (resets_fail > 0) {
        resets_fail--;
        return false;
    }
    return true;
}

static void widget_release(void *obj)
{
    widgets--;
}

static void a_slab_keeps_what_was_given_back(void **state)
{
    struct d_slab_reg reg = {POOL_TYPE_INIT(widget, link).sr_init = widget_init,
                             .sr_reset = widget_reset, .sr_release = widget_release,
                             .sr_max_desc = 3, .sr_max_free_desc = 2};
    struct d_slab_type *type;
    struct widget *w[4];
    struct d_slab slab;
    int arg = 5;

    (void)state;
    assert_int_equal(d_slab_init(&slab, NULL), 0);
    reg.sr_size = 4;
    assert_int_equal(d_slab_register(&slab, &reg, &arg, &type), -DER_INVAL);
    reg.sr_size = sizeof(struct widget);
    assert_int_equal(d_slab_register(&slab, &reg, &arg, &type), 0);
    d_slab_restock(type);
    d_slab_restock(type);
    assert_int_equal(widgets, 1);
    w[0] = d_slab_acquire(type);
    assert_int_equal(w[0]->made, 5);
    assert_int_equal(w[0]->fit, 1); /* was made fit ahead of need */
    w[1] = d_slab_acquire(type);
    w[2] = d_slab_acquire(type);
    assert_non_null(w[2]);
    assert_null(d_slab_acquire(type)); /* three at most */
    d_slab_release(type, w[0]);
    w[3] = d_slab_acquire(type);
    assert_ptr_equal(w[3], w[0]);
    assert_int_equal(w[3]->fit, 2);
    assert_true(d_slab_reclaim(&slab));
    d_slab_release(type, w[1]);
    d_slab_release(type, w[2]);
    d_slab_release(type, w[3]); /* two wait at most */
    assert_int_equal(widgets, 2);
    assert_false(d_slab_reclaim(&slab));
    assert_int_equal(widgets, 0);
    resets_fail = 1;
    assert_null(d_slab_acquire(type));
    assert_int_equal(widgets, 0);
    w[0] = d_slab_acquire(type);
    assert_non_null(w[0]);
    d_slab_release(type, w[0]);
    d_slab_destroy(&slab);
    assert_int_equal(widgets, 0);
}

/* ---- Numbers ---- */

static void hashes_are_what_others_compute(void **state)
{
    uint64_t ring[] = {10, 20, 30};
    uint32_t n, moved = 0;

    (void)state;
    assert_int_equal(d_hash_mix64(0), 0);
    assert_int_not_equal(d_hash_mix64(1), d_hash_mix64(2));
    assert_int_not_equal(d_hash_mix96(1, 2, 3), d_hash_mix96(3, 2, 1));
    assert_int_equal(d_hash_srch_u64(ring, 3, 20), 1);
    assert_int_equal(d_hash_srch_u64(ring, 3, 21), 2);
    assert_int_equal(d_hash_srch_u64(ring, 3, 31), 0);
    assert_int_equal(d_hash_jump(1, 0), 0);
    for (n = 0; n < 1000; n++) {
        assert_true(d_hash_jump(n, 10) < 10);
        if (d_hash_jump(n, 10) != d_hash_jump(n, 11)) {
            assert_int_equal(d_hash_jump(n, 11), 10); /* what moves goes to the new bucket */
            moved++;
        }
    }
    assert_true(moved > 40 && moved < 160);
    assert_true(d_u64_hash(77, 5) < 32);
    assert_true(d_u32_hash(77, 5) < 32);
    assert_int_equal(d_u64_hash(77, 0), 0);
}

static void random_numbers_repeat_with_their_seed(void **state)
{
    struct d_backoff_seq seq;
    double array[] = {2, 4, 4, 4, 5, 5, 7, 9};
    long first, i;

    (void)state;
    d_srand(42);
    first = d_rand();
    assert_true(first >= 0);
    for (i = 0; i < 100; i++)
        assert_true(d_randd() >= 0 && d_randd() < 1);
    d_srand(42);
    assert_int_equal(d_rand(), first);
    assert_int_equal(d_backoff_seq_init(NULL, 0, 2, 1, 8), -DER_INVAL);
    assert_int_equal(d_backoff_seq_init(&seq, 0, 0, 1, 8), -DER_INVAL);
    assert_int_equal(d_backoff_seq_init(&seq, 2, 4, 10, 100), 0);
    assert_int_equal(d_backoff_seq_next(&seq), 0);
    assert_int_equal(d_backoff_seq_next(&seq), 0);
    assert_true(d_backoff_seq_next(&seq) <= 10);
    assert_true(d_backoff_seq_next(&seq) <= 40);
    for (i = 0; i < 100; i++)
        assert_true(d_backoff_seq_next(&seq) <= 100);
    d_backoff_seq_fini(&seq);
    assert_true(d_stand_div(array, 8) == 2);
    assert_true(d_stand_div(array, 0) == 0);
}

static void a_vector_of_pointers_grows(void **state)
{
    struct d_vec_pointers v;
    int i, n[20];

    (void)state;
    assert_int_equal(d_vec_pointers_init(&v, 0), 0);
    for (i = 0; i < 20; i++)
        assert_int_equal(d_vec_pointers_append(&v, &n[i]), 0);
    assert_int_equal(v.p_len, 20);
    assert_ptr_equal(v.p_buf[19], &n[19]);
    d_vec_pointers_fini(&v);
    assert_int_equal(v.p_cap, 0);
}

/* ---- Ranks ---- */

static void ranks_become_ranges(void **state)
{
    d_rank_t r[] = {0, 1, 2, 5, 7, 8};
    d_rank_list_t l = {r, 6}, *copy, *all = d_rank_list_alloc(100);
    d_rank_range_list_t *ranges = d_rank_range_list_create_from_ranks(&l);
    uint32_t *ints, i;
    size_t len;
    char *text;
    int at;

    (void)state;
    assert_int_equal(ranges->rrl_nr, 3);
    assert_int_equal(d_rank_range_list_str(ranges, &text), 0);
    assert_string_equal(text, "[0-2,5,7-8]");
    free(text);
    ranges = d_rank_range_list_realloc(ranges, 1);
    assert_int_equal(d_rank_range_list_str(ranges, &text), 0);
    assert_string_equal(text, "[0-2]");
    free(text);
    d_rank_range_list_free(ranges);
    d_rank_range_list_free(NULL);
    ranges = d_rank_range_list_create_from_ranks(NULL);
    assert_int_equal(ranges->rrl_nr, 0);
    d_rank_range_list_free(ranges);
    ranges = d_rank_range_list_alloc(2);
    assert_int_equal(ranges->rrl_nr, 2);
    d_rank_range_list_free(ranges);
    assert_int_equal(d_rank_list_dump(&l, (char *)"ranks", 5), 0);

    d_rank_list_shuffle(all);
    d_rank_list_sort(all);
    for (i = 0; i < 100; i++)
        assert_int_equal(all->rl_ranks[i], i);
    assert_true(d_rank_list_bsearch(all, 42, &at));
    assert_int_equal(at, 42);
    assert_false(d_rank_list_bsearch(all, 100, NULL));
    assert_int_equal(d_rank_list_dup(&copy, &l), 0);
    d_rank_list_filter(all, copy, true);
    assert_int_equal(copy->rl_nr, 0);
    assert_int_equal(d_rank_list_copy(copy, &l), 0);
    d_rank_list_del_at(copy, 0);
    d_rank_list_del_at(copy, 99);
    assert_int_equal(copy->rl_nr, 5);
    assert_int_equal(d_rank_list_append(copy, 9), 0);
    assert_int_equal(d_idx_in_rank_list(copy, 9, &i), 0);
    assert_int_equal(i, 5);
    assert_int_equal(d_idx_in_rank_list(copy, 77, &i), -DER_NONEXIST);
    assert_int_equal(d_rank_list_resize(copy, 2), 0);
    assert_int_equal(rank_list_to_uint32_array(copy, &ints, &len), 0);
    assert_int_equal(len, 2);
    d_rank_list_free(copy);
    copy = uint32_array_to_rank_list(ints, len);
    assert_int_equal(copy->rl_ranks[1], 2);
    free(ints);
    d_rank_list_free(copy);
    d_rank_list_free(all);
    assert_int_equal(d_rank_list_dup(&copy, NULL), 0);
    assert_null(copy);
}

/* ---- Clock ---- */

static void the_clock_follows_what_it_hears(void **state)
{
    uint64_t now = d_hlc_get(), later, offset;
    struct timespec ts;

    (void)state;
    assert_int_equal(d_hlc_epsilon_get(), d_sec2hlc(1));
    d_hlc_epsilon_set(1); /* the engines' to say */
    assert_int_equal(d_hlc_epsilon_get(), d_sec2hlc(1));
    assert_true(d_hlc_epsilon_get_bound(now) >= now + d_hlc_epsilon_get());
    assert_int_equal(d_hlc_get_msg(now + d_msec2hlc(500), &later, &offset), 0);
    assert_true(later > now + d_msec2hlc(500));
    assert_true(offset > 0);
    assert_int_equal(d_hlc_get_msg(now + d_sec2hlc(60), &later, &offset), -DER_HLC_SYNC);
    assert_true(offset > d_sec2hlc(50));
    assert_int_equal(d_hlc_get_msg(now, NULL, NULL), 0);
    assert_int_equal(d_hlct_get(), 0); /* before daos_init() */
    d_hlct_sync(now);
    assert_true(d_hlc_age2sec(now) < 60);
    assert_int_equal(d_hlc2usec(d_usec2hlc(7)), 7);
    assert_int_equal(d_hlc2msec(d_msec2hlc(7)), 7);
    assert_int_equal(d_hlc2sec(d_sec2hlc(7)), 7);
    assert_int_equal(d_hlc2nsec(d_nsec2hlc(7)), 7);
    assert_int_equal(d_unixnsec2hlc(d_hlc2unixnsec(now)), now / 16 * 16);
    assert_int_equal(d_unixnsec2hlc(5), 0);
    assert_int_equal(d_hlc2timespec(now, &ts), 0);
    assert_int_equal(d_hlc2timespec(now, NULL), -DER_INVAL);
}

/* ---- Log ---- */

static _Thread_local char logged[512];

static void remember(enum log_level level, const char *line)
{
    snprintf(logged, sizeof(logged), "%s", line);
}

static void no_assert(const int ok, const char *what, const char *file, const int line)
{
    (void)ok, (void)what, (void)file, (void)line;
}

static void masks_change_what_is_logged(void **state)
{
    enum log_level was = log_get_level();
    char text[16];
    d_dbug_t bit;

    (void)state;
    assert_int_equal(d_log_init(), 0);
    assert_int_equal(d_log_init_adv((char *)"tag", NULL, 0, 0, 0, NULL), 0);
    assert_int_equal(d_log_open((char *)"tag", 0, 0, 0, NULL, 0, NULL), 0);
    d_log_rank_setup(3);
    d_log_add_cache(NULL, 0);
    assert_int_equal(d_log_setmasks("ERR,misc=DEBUG", -1), 0);
    assert_int_equal(d_log_check(DLOG_WARN), 0);
    assert_int_not_equal(d_log_check(DLOG_ERR), 0);
    assert_int_equal(d_log_setmasks("DEBUGxyz", 5), 0);
    assert_int_not_equal(d_log_check((int)DB_ANY), 0);
    assert_int_equal(d_log_setmasks("nonsense", -1), -1);
    assert_int_equal(d_log_setmasks(NULL, 0), -1);
    assert_int_equal(d_log_getmasks(text, 0, sizeof(text), 0), 5);
    assert_string_equal(text, "DEBUG");
    assert_int_equal(d_log_getmasks(text, 2, 3, 0), 2);
    assert_string_equal(text, "BU");
    d_log_sync_mask_ex("WARN", NULL);
    assert_int_equal(d_log_check(DLOG_INFO), 0);
    assert_int_equal(d_log_setlogmask(0, DLOG_INFO), 0);
    assert_int_not_equal(d_log_check(DLOG_INFO), 0);
    log_set_sink(remember);
    D_INFO("seven is %d\n", 7);
    assert_non_null(strstr(logged, "seven is 7"));
    logged[0] = '\0';
    d_log_disable_logging();
    D_ERROR("nobody reads this\n");
    assert_string_equal(logged, "");
    d_log_reset();
    log_set_sink(remember);
    assert_int_equal(d_log_setmasks("DEBUG", -1), 0);
    d_log_memory((const uint8_t *)"tarn", 4);
    assert_non_null(strstr(logged, "74 61 72 6e"));
    log_set_sink(NULL);
    d_log_close();
    d_log_sync();
    d_log_sync_mask();
    d_log_fini();
    assert_int_equal(d_log_getdbgbit(&bit, (char *)"io"), 0);
    assert_int_equal(bit, DB_IO);
    assert_int_equal(d_log_getdbgbit(&bit, (char *)"none such"), -1);
    assert_int_equal(d_log_dbg_bit_alloc(&bit, (char *)"mine", (char *)"my own"), 0);
    assert_int_equal(bit, DB_ANY);
    assert_int_equal(d_log_dbg_bit_alloc(NULL, (char *)"mine", NULL), -1);
    assert_int_equal(d_log_dbg_bit_dealloc((char *)"mine"), 0);
    assert_int_equal(d_log_dbg_grp_alloc(DB_IO | DB_MD, (char *)"grp", 0), 0);
    assert_int_equal(d_log_dbg_grp_dealloc((char *)"grp"), 0);
    assert_int_equal(d_log_dbg_grp_dealloc(NULL), -1);
    assert_int_equal(d_register_alt_assert(NULL), -DER_INVAL);
    assert_int_equal(d_register_alt_assert(no_assert), -DER_NOSYS);
    assert_true(d_add_log_facility("f", "facility") >= 0);
    assert_int_equal(d_init_log_facility(&(int){0}, "f", "facility"), 0);
    assert_int_equal(daos_debug_init(DAOS_LOG_DEFAULT), 0);
    assert_int_equal(daos_debug_init_ex(DAOS_LOG_DEFAULT, DB_ALL), 0);
    daos_debug_set_id_cb(NULL);
    daos_debug_fini();
    log_set_level(was);
}

static void a_fatal_signal_prints_the_stack(void **state)
{
    char text[4096];
    int fds[2], status;
    ssize_t n;
    pid_t pid;

    (void)state;
    assert_int_equal(pipe(fds), 0);
    pid = fork();
    if (pid == 0) {
        dup2(fds[1], STDERR_FILENO);
        signal(SIGBUS, SIG_DFL); /* a sanitizer has its own */
        d_signal_register();
        raise(SIGBUS);
        _exit(0);
    }
    close(fds[1]);
    n = read(fds[0], text, sizeof(text) - 1);
    assert_true(n > 0);
    text[n] = '\0';
    assert_non_null(strstr(text, "stack"));
    close(fds[0]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGBUS);
    d_signal_stack_enable(false);
}

/* What is for tests of DAOS alone does nothing and says so. */
static void faults_are_not_injected(void **state)
{
    struct d_fault_attr_t fault = {.fa_id = 1};

    (void)state;
    assert_int_equal(d_fault_inject_init(), 0);
    assert_int_equal(d_fault_inject_enable(), -DER_NOSYS);
    assert_int_equal(d_fault_inject_disable(), 0);
    assert_false(d_fault_inject_is_enabled());
    d_fault_inject_thread_enable(true);
    d_fault_inject_thread_default_enable(true);
    assert_int_equal(d_fault_attr_set(1, fault), -DER_NOSYS);
    assert_int_equal(d_fault_attr_err_code(1), 0);
    assert_null(d_fault_attr_lookup(1));
    assert_false(d_should_fail(&fault));
    assert_int_equal(d_fault_inject_fini(), 0);
    daos_fail_loc_set(1);
    daos_fail_value_set(1);
    daos_fail_num_set(1);
    d_set_alloc_track_cb(NULL, NULL, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_handle_table_frees_with_the_last_reference),
        cmocka_unit_test(a_handle_may_be_a_pointer),
        cmocka_unit_test(a_table_of_uuids_compares_what_its_owner_says),
        cmocka_unit_test(a_heap_gives_the_least_first),
        cmocka_unit_test(a_slab_keeps_what_was_given_back),
        cmocka_unit_test(hashes_are_what_others_compute),
        cmocka_unit_test(random_numbers_repeat_with_their_seed),
        cmocka_unit_test(a_vector_of_pointers_grows),
        cmocka_unit_test(ranks_become_ranges),
        cmocka_unit_test(the_clock_follows_what_it_hears),
        cmocka_unit_test(masks_change_what_is_logged),
        cmocka_unit_test(a_fatal_signal_prints_the_stack),
        cmocka_unit_test(faults_are_not_injected),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
