/* Dkeys in one record: what is packed, what unpacks it, and that nobody can tell but by the room.
 */
#include "rig.h"
#include "vos/priv.h"

#define LATEST DAOS_EPOCH_MAX

static daos_obj_id_t kv(void)
{
    return OID(DAOS_OT_MULTI_LEXICAL, 1);
}

static uint64_t dkey_at(struct rig *r, daos_obj_id_t oid, struct vos_key d)
{
    uint64_t obj, off;

    CHECK_EQ(RIG_RETRY(r, obj_find(r->c, oid, &obj)), 0);
    CHECK_EQ(RIG_RETRY(r, dkey_find(r->h, obj, oid, &d, &off)), 0);
    return off;
}

static bool packed(struct rig *r, daos_obj_id_t oid, struct vos_key d)
{
    uint64_t off = dkey_at(r, oid, d);
    bool yes;

    CHECK_EQ(RIG_RETRY(r, pack_is(r->h, off, &yes)), 0);
    return yes;
}

static uint64_t allocs(struct rig *r)
{
    struct heap_stat st;

    heap_lock(r->h);
    heap_stat(r->h, &st);
    heap_unlock(r->h);
    return st.alloc_count;
}

static void check_clean(struct rig *r)
{
    struct vos_anchor at = {{0}, 0};
    uint64_t problems = 0;
    bool more = true;

    while (more)
        CHECK_EQ(RIG_RETRY(r, vos_check(r->v, &at, &(struct vos_check_ops){.report = rig_problem},
                                        &problems, &more)),
                 0);
    CHECK_EQ(problems, 0);
}

static void no_line(void *arg, const struct vos_found *f)
{
    (void)arg;
    (void)f;
}

static uint64_t snap(struct rig *r)
{
    uint64_t epoch = hlc_get(&r->clock, r->wall_ns);

    CHECK_EQ(RIG_RETRY(r, vos_snap_add(r->c, epoch)), 0);
    return epoch;
}

static void a_pair_is_one_record(void **state)
{
    char longer[400];
    uint64_t before, at;
    struct rig r;

    (void)state;
    memset(longer, 'l', sizeof longer - 1);
    longer[sizeof longer - 1] = 0;
    rig_start(&r, NULL, 1, 3);
    CHECK_EQ(put_s(&r, kv(), "first", "a", "x"), 0);
    before = allocs(&r);
    CHECK_EQ(put_s(&r, kv(), "key", "a", "a value of some length"), 0);
    assert_true(packed(&r, kv(), K("key")));
    assert_true(allocs(&r) <= before + 2); /* and the first node of the tree of dkeys */
    before = allocs(&r);
    at = dkey_at(&r, kv(), K("key"));
    CHECK_EQ(put_s(&r, kv(), "key", "a", "another of this length"), 0); /* the same room */
    assert_int_equal(dkey_at(&r, kv(), K("key")), at);
    CHECK_EQ(put_s(&r, kv(), "key", "a", "shorter"), 0);
    CHECK_EQ(put_s(&r, kv(), "key", "a", longer), 0); /* another room */
    assert_int_not_equal(dkey_at(&r, kv(), K("key")), at);
    assert_true(packed(&r, kv(), K("key")));
    assert_string_equal(get_s(&r, LATEST, kv(), "key", "a"), longer);
    CHECK_EQ(put_s(&r, kv(), "key", "a", "short again"), 0); /* most of it would be wasted */
    assert_string_equal(get_s(&r, LATEST, kv(), "key", "a"), "short again");
    assert_true(packed(&r, kv(), K("key")));
    assert_int_equal(allocs(&r), before);
    assert_string_equal(names(&r, LATEST, VOS_DKEY, kv(), NULL), "first key");
    assert_string_equal(names(&r, LATEST, VOS_AKEY, kv(), "key"), "a");
    check_clean(&r);
    rig_reopen(&r, true);
    assert_string_equal(get_s(&r, LATEST, kv(), "key", "a"), "short again");
    assert_string_equal(get_s(&r, LATEST, kv(), "key", "b"), "-");
    rig_stop(&r);
}

/* The value of every size; the largest that fit are in one record, longer keys are not. */
static void sizes(void **state)
{
    static char buf[3000];
    char name[300];
    struct rig r;

    (void)state;
    memset(name, 'n', sizeof name);
    memset(buf, 'b', sizeof buf);
    rig_start(&r, NULL, 1, 3);
    for (uint32_t len = 1; len < sizeof buf; len += len < 1900 ? 97 : 1) {
        struct vos_key d = {name, 40};

        CHECK_EQ(put(&r, kv(), d, K("a"), buf, len, 0, 0), 0);
        assert_true(packed(&r, kv(), d));
        assert_int_equal(get(&r, LATEST, kv(), d, K("a"), name + 200, 0, 0), -DER_REC2BIG);
    }
    for (uint32_t len = 253; len < 258; len++) {
        struct vos_key d = {name, len};

        CHECK_EQ(put(&r, kv(), d, K("a"), buf, 10, 0, 0), 0);
        assert_int_equal(packed(&r, kv(), d), len < 256);
        CHECK_EQ(put(&r, kv(), K("d"), d, buf, 10, 0, 0), 0);
        assert_int_equal(packed(&r, kv(), K("d")), len == 253);
        assert_int_equal(get(&r, LATEST, kv(), K("d"), d, buf, sizeof buf, 0), 10);
    }
    check_clean(&r);
    rig_stop(&r);
}

static void arrays(void **state)
{
    daos_obj_id_t f = OID(DAOS_OT_ARRAY_BYTE, 2);
    char text[64], out[64];
    uint64_t one = 1;
    struct vos_key d = {&one, 8}, a = K("0");
    uint64_t at, before;
    struct rig r;

    (void)state;
    snprintf(text, sizeof text, "0123456789abcdefghijklmnopqrstuvwxyz");
    rig_start(&r, NULL, 1, 3);
    CHECK_EQ(write_arr(&r, f, d, a, 10, 10, 1, text), 0);
    assert_true(packed(&r, f, d));
    before = allocs(&r);
    at = dkey_at(&r, f, d);
    CHECK_EQ(write_arr(&r, f, d, a, 10, 10, 1, text + 10), 0); /* over itself */
    assert_int_equal(dkey_at(&r, f, d), at);
    CHECK_EQ(write_arr(&r, f, d, a, 5, 20, 1, text), 0); /* and beyond */
    assert_true(packed(&r, f, d));
    assert_int_equal(allocs(&r), before);
    memset(out, '-', sizeof out);
    assert_int_equal(read_arr(&r, LATEST, f, d, a, 0, 40, out, 40, NULL, NULL), 1);
    assert_memory_equal(out, "-----0123456789abcdefghij---------------", 40);
    CHECK_EQ(write_arr(&r, f, d, a, 20, 10, 1, text + 26), 0); /* half of it stays */
    assert_false(packed(&r, f, d));
    assert_int_equal(read_arr(&r, LATEST, f, d, a, 0, 40, out, 40, NULL, NULL), 1);
    assert_memory_equal(out, "-----0123456789abcdeqrstuvwxyz----------", 40);
    assert_int_equal(write_arr(&r, f, d, a, 0, 4, 4, text), -DER_REC_SIZE);
    check_clean(&r);
    rig_stop(&r);
}

/* Each change that needs more than one version or akey, with what is read at both ends. */
static void what_unpacks(void **state)
{
    daos_obj_id_t f = OID(DAOS_OT_ARRAY_BYTE, 2);
    uint64_t one = 1, e;
    struct vos_key d = {&one, 8}, a = K("0");
    char out[16];
    struct rig r;

    (void)state;
    rig_start(&r, NULL, 1, 3);
    CHECK_EQ(put_s(&r, kv(), "two", "a", "one"), 0);
    CHECK_EQ(put_s(&r, kv(), "two", "b", "two"), 0); /* a second akey */
    assert_false(packed(&r, kv(), K("two")));
    assert_string_equal(get_s(&r, LATEST, kv(), "two", "a"), "one");
    assert_string_equal(get_s(&r, LATEST, kv(), "two", "b"), "two");

    CHECK_EQ(put_s(&r, kv(), "old", "a", "before"), 0);
    CHECK_EQ(put_s(&r, kv(), "dead", "a", "before"), 0);
    CHECK_EQ(put_s(&r, kv(), "half", "a", "before"), 0);
    CHECK_EQ(write_arr(&r, f, d, a, 0, 10, 1, "0123456789"), 0);
    e = snap(&r);
    CHECK_EQ(put_s(&r, kv(), "old", "a", "after"), 0);       /* a second version */
    CHECK_EQ(punch(&r, VOS_DKEY, kv(), "dead", NULL, 0), 0); /* a punch that hides it */
    CHECK_EQ(punch(&r, VOS_AKEY, kv(), "half", "a", 0), 0);  /* the same, below */
    CHECK_EQ(write_arr(&r, f, d, a, 3, 4, 0, NULL), 0);      /* a hole */
    assert_false(packed(&r, kv(), K("old")));
    assert_false(packed(&r, kv(), K("dead")));
    assert_false(packed(&r, kv(), K("half")));
    assert_false(packed(&r, f, d));
    assert_string_equal(get_s(&r, LATEST, kv(), "old", "a"), "after");
    assert_string_equal(get_s(&r, LATEST, kv(), "dead", "a"), "-");
    assert_string_equal(get_s(&r, LATEST, kv(), "half", "a"), "-");
    assert_string_equal(get_s(&r, e, kv(), "old", "a"), "before");
    assert_string_equal(get_s(&r, e, kv(), "dead", "a"), "before");
    assert_string_equal(get_s(&r, e, kv(), "half", "a"), "before");
    memset(out, '-', sizeof out);
    assert_int_equal(read_arr(&r, LATEST, f, d, a, 0, 10, out, 10, NULL, NULL), 1);
    assert_memory_equal(out, "012----789", 10);
    assert_int_equal(read_arr(&r, e, f, d, a, 0, 10, out, 10, NULL, NULL), 1);
    assert_memory_equal(out, "0123456789", 10);
    check_clean(&r);
    rig_stop(&r);
}

/* What was given back is remembered when the record that remembers it moves. */
static void cuts_stay(void **state)
{
    uint64_t e;
    struct rig r;

    (void)state;
    rig_start(&r, NULL, 1, 3);
    CHECK_EQ(put_s(&r, kv(), "k", "a", "one"), 0);
    e = hlc_get(&r.clock, r.wall_ns);
    CHECK_EQ(put_s(&r, kv(), "k", "a", "two"), 0); /* takes its place */
    assert_true(packed(&r, kv(), K("k")));
    assert_int_equal(get(&r, e, kv(), K("k"), K("a"), NULL, 0, 0), -DER_TX_RESTART);
    CHECK_EQ(put_s(&r, kv(), "k", "b", "x"), 0);
    assert_false(packed(&r, kv(), K("k")));
    assert_int_equal(get(&r, e, kv(), K("k"), K("a"), NULL, 0, 0), -DER_TX_RESTART);
    assert_string_equal(get_s(&r, LATEST, kv(), "k", "a"), "two");
    rig_stop(&r);
}

/* Punches at each level give everything back at once. */
static void it_goes_whole(void **state)
{
    static const enum vos_level levels[] = {VOS_DKEY, VOS_AKEY, VOS_OBJ};
    static uint8_t big[4000]; /* in a slot of its own */
    uint64_t before;
    struct rig r;

    (void)state;
    rig_start(&r, NULL, 1, 3);
    CHECK_EQ(put_s(&r, OID(DAOS_OT_MULTI_HASHED, 9), "stays", "a", "x"), 0);
    for (uint32_t i = 0; i < ARRAY_LEN(levels); i++) {
        CHECK_EQ(put_s(&r, kv(), "other", "a", "x"), 0);
        CHECK_EQ(put_s(&r, kv(), "k", "a", "warm"), 0);
        CHECK_EQ(punch(&r, VOS_DKEY, kv(), "k", NULL, 0), 0); /* with its mark in the object */
        before = allocs(&r);
        CHECK_EQ(put(&r, kv(), K("k"), K("a"), big, sizeof big, 0, 0), 0);
        assert_int_equal(punch(&r, VOS_DKEY, kv(), "none", NULL, DAOS_COND_PUNCH), -DER_NONEXIST);
        CHECK_EQ(punch(&r, levels[i], kv(), "k", "a", DAOS_COND_PUNCH), 0);
        assert_string_equal(get_s(&r, LATEST, kv(), "k", "a"), "-");
        assert_true(levels[i] == VOS_OBJ ? allocs(&r) < before : allocs(&r) == before);
        check_clean(&r);
    }
    rig_stop(&r);
}

/* Too many to go at once: in the background, without a snapshot and with one. */
static void many_go_later(void **state)
{
    uint64_t before, e = 0;
    struct rig r;
    bool more;

    (void)state;
    rig_start(&r, NULL, 1, 1);
    CHECK_EQ(put_s(&r, OID(DAOS_OT_MULTI_HASHED, 9), "stays", "a", "x"), 0);
    before = allocs(&r);
    for (int with_snap = 0; with_snap < 2; with_snap++) {
        for (uint32_t i = 0; i < 200; i++) {
            char name[80];

            snprintf(name, sizeof name, "%u-%0*u", i, i % 2 ? 5 : 60, i);
            CHECK_EQ(put_s(&r, kv(), name, "a", "value"), 0);
        }
        if (with_snap)
            e = snap(&r);
        CHECK_EQ(punch(&r, VOS_OBJ, kv(), NULL, NULL, 0), 0);
        r.wall_ns += UINT64_C(7200) * 1000000000; /* nobody's anchor is that old */
        (void)hlc_get(&r.clock, r.wall_ns);
        for (more = true; more;)
            CHECK_EQ(RIG_RETRY(&r, vos_reclaim(r.v, &more)), 0);
        if (with_snap) {
            assert_string_equal(get_s(&r, e, kv(), "7-00007", "a"), "value");
            check_clean(&r);
            CHECK_EQ(RIG_RETRY(&r, vos_snap_del(r.c, e)), 0);
            for (more = true; more;)
                CHECK_EQ(RIG_RETRY(&r, vos_reclaim(r.v, &more)), 0);
        }
        assert_int_equal(allocs(&r), before);
        check_clean(&r);
    }
    rig_stop(&r);
}

static void a_container_goes(void **state)
{
    struct vos_cont *b;
    uint64_t before;
    struct rig r;
    bool more;

    (void)state;
    rig_start(&r, NULL, 1, 1);
    before = allocs(&r);
    CHECK_EQ(RIG_RETRY(&r, vos_cont_open(r.v, CONT_B, true, &b)), 0);
    r.c = b;
    for (uint32_t i = 0; i < 100; i++) {
        char name[16];

        snprintf(name, sizeof name, "%u", i);
        CHECK_EQ(put_s(&r, kv(), name, "a", "value"), 0);
    }
    CHECK_EQ(RIG_RETRY(&r, vos_cont_destroy(r.v, CONT_B)), 0);
    for (more = true; more;)
        CHECK_EQ(RIG_RETRY(&r, vos_reclaim(r.v, &more)), 0);
    assert_int_equal(allocs(&r), before);
    rig_stop(&r);
}

/* A shard that older programs made says so until there is something that they do not know. */
static void the_version_rises_with_the_first(void **state)
{
    const struct super_rec *s;
    char name[256];
    struct rig r;
    int rc = 0;

    (void)state;
    memset(name, 'n', sizeof name);
    rig_start(&r, NULL, 1, 0);
    CHECK_EQ(put(&r, kv(), (struct vos_key){name, sizeof name}, K("a"), "x", 1, 0, 0), 0);
    for (uint32_t want = 1; want <= 2; want++) {
        heap_lock(r.h);
        s = REC(r.h, r.v->super, super_rec, REC_SUPER, &rc);
        assert_int_equal(s->version, want);
        heap_unlock(r.h);
        CHECK_EQ(put_s(&r, kv(), "k", "a", "x"), 0);
    }
    rig_stop(&r);
}

/* Changes bytes behind everybody's back; the old ones come back with a second call. */
static void swap(struct rig *r, uint64_t off, uint64_t *bytes, size_t len)
{
    uint64_t was = 0;
    void *p;

    heap_lock(r->h);
    CHECK_EQ(heap_tx_begin(r->h, 200), 0);
    p = heap_tx_write(r->h, off, len);
    memcpy(&was, p, len);
    memcpy(p, bytes, len);
    *bytes = was;
    heap_tx_commit(r->h, NULL);
    heap_unlock(r->h);
}

static uint64_t problems(struct rig *r)
{
    struct vos_anchor at = {{0}, 0};
    uint64_t n = 0;
    bool more = true;

    while (more)
        CHECK_EQ(RIG_RETRY(r, vos_check(r->v, &at, &(struct vos_check_ops){.report = no_line}, &n,
                                        &more)),
                 0);
    return n;
}

/* A damaged record is an error to who reads, lists or changes it, and a problem to the checker. */
static void damage_is_an_error(void **state)
{
    const uint32_t ext = sizeof(struct pack_rec) + 8, ver = sizeof(struct pack_rec);
    daos_obj_id_t f = OID(DAOS_OT_ARRAY_BYTE, 2);
    char out[64], bytes[32] = {0};
    uint64_t one = 1, array, single;
    struct vos_key d = {&one, 8}, a = K("0");
    struct rig r;

    (void)state;
    log_set_level((enum log_level)(LOG_LEVEL_ERROR - 1)); /* here damage is no news */
    rig_start(&r, NULL, 1, 0);
    CHECK_EQ(write_arr(&r, f, d, a, 10, 10, 1, bytes), 0);
    CHECK_EQ(put_s(&r, kv(), "k", "a", "value"), 0);
    array = dkey_at(&r, f, d);
    single = dkey_at(&r, kv(), K("k"));
    struct {
        uint64_t off, bytes;
        uint32_t len;
        bool unreadable;
    } wounds[] = {
        {array + ext + offsetof(struct ext, nr), UINT32_MAX, 4, true},
        {array + ext + offsetof(struct ext, nr), EXT_NR_MAX + 1, 4, true},
        {array + ext + offsetof(struct ext, nr), 0, 4, true},
        {array + offsetof(struct pack_rec, keys_at), 65535, 2, true},
        {array + offsetof(struct pack_rec, keys_at), 12, 2, true},
        {array + offsetof(struct pack_rec, type), DAOS_IOD_SINGLE, 1, false},
        {single + ver + offsetof(struct ver, older), single + ver, 8, false},
    };
    for (size_t i = 0; i < ARRAY_LEN(wounds); i++) {
        swap(&r, wounds[i].off, &wounds[i].bytes, wounds[i].len);
        if (problems(&r) == 0)
            fail_msg("wound %d is not noticed", (int)i);
        if (wounds[i].unreadable) {
            assert_true(read_arr(&r, LATEST, f, d, a, 0, 40, out, 40, NULL, NULL) < 0);
            assert_true(write_arr(&r, f, d, a, 12, 2, 1, bytes) < 0);
            assert_true(write_arr(&r, f, d, a, 12, 2, 0, NULL) < 0);
            assert_true(rig_punch(&r, VOS_DKEY, f, d, a, 0) < 0);
        }
        swap(&r, wounds[i].off, &wounds[i].bytes, wounds[i].len);
        assert_int_equal(problems(&r), 0);
    }
    rig_stop(&r);
}

/* Names that an anchor may need stay for a while, but not their values. */
static void values_of_long_names_go(void **state)
{
    static uint8_t big[4000];
    struct vos_stat st;
    struct rig r;
    bool more;

    (void)state;
    rig_start(&r, NULL, 1, 1);
    for (uint32_t i = 0; i < 60; i++) {
        char name[80];

        snprintf(name, sizeof name, "%060u", i);
        CHECK_EQ(put(&r, kv(), K(name), K("a"), big, sizeof big, 0, 0), 0);
    }
    CHECK_EQ(punch(&r, VOS_OBJ, kv(), NULL, NULL, 0), 0);
    for (more = true; more;)
        CHECK_EQ(RIG_RETRY(&r, vos_reclaim(r.v, &more)), 0);
    vos_stat(r.v, &st);
    assert_int_equal(st.value_heap_bytes, 0);
    assert_int_equal(st.dkeys, 60);
    assert_string_equal(names(&r, LATEST, VOS_DKEY, kv(), NULL), "");
    check_clean(&r);
    rig_stop(&r);
}

#define MANY 3000u

/* Names with the same beginning are told apart by their records also in the inner nodes of the
 * tree, which must follow when a record moves. */
static void they_move_under_names_alike(void **state)
{
    static uint8_t len[MANY], buf[256], out[256];
    struct rig r;

    (void)state;
    rig_start(&r, NULL, 1, 0);
    memset(len, 0, sizeof len);
    for (uint32_t i = 0; i < 12 * MANY; i++) {
        uint32_t n = (uint32_t)rig_draw(&r, MANY), what = (uint32_t)rig_draw(&r, 16);
        char name[40];

        snprintf(name, sizeof name, "the same beginning %06u", n);
        if (what == 0) {
            CHECK_EQ(punch(&r, VOS_DKEY, kv(), name, NULL, 0), 0);
            len[n] = 0;
        } else if (what == 1 && len[n]) {
            CHECK_EQ(put_s(&r, kv(), name, "b", "x"), 0);
        } else {
            len[n] = (uint8_t)(1 + rig_draw(&r, 255));
            memset(buf, (int)(n % 251), len[n]);
            CHECK_EQ(put(&r, kv(), K(name), K("a"), buf, len[n], 0, 0), 0);
        }
        if (i % (3 * MANY) == 0)
            check_clean(&r);
    }
    check_clean(&r);
    for (uint32_t n = 0; n < MANY; n++) {
        char name[40];

        snprintf(name, sizeof name, "the same beginning %06u", n);
        memset(buf, (int)(n % 251), sizeof buf);
        assert_int_equal(get(&r, LATEST, kv(), K(name), K("a"), out, sizeof out, 0), len[n]);
        assert_memory_equal(out, buf, len[n]);
    }
    rig_stop(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_pair_is_one_record),
        cmocka_unit_test(sizes),
        cmocka_unit_test(arrays),
        cmocka_unit_test(what_unpacks),
        cmocka_unit_test(cuts_stay),
        cmocka_unit_test(it_goes_whole),
        cmocka_unit_test(many_go_later),
        cmocka_unit_test(a_container_goes),
        cmocka_unit_test(the_version_rises_with_the_first),
        cmocka_unit_test(values_of_long_names_go),
        cmocka_unit_test(they_move_under_names_alike),
        cmocka_unit_test(damage_is_an_error),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
