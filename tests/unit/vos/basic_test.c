/* Values, punches, conditions, lists and snapshots in short stories. */
#include "rig.h"

#define LATEST DAOS_EPOCH_MAX

static void single_values_are_versions(void **state)
{
    daos_obj_id_t o = OID(DAOS_OT_MULTI_HASHED, 1);
    struct rig r;
    uint64_t e1;

    (void)state;
    rig_start(&r, NULL, 1, 20);
    assert_string_equal(get_s(&r, LATEST, o, "d", "a"), "-");
    assert_int_equal(put_s(&r, o, "d", "a", "one"), 0);
    assert_string_equal(get_s(&r, LATEST, o, "d", "a"), "one");
    e1 = hlc_peek(&r.clock);
    assert_int_equal(RIG_RETRY(&r, vos_snap_add(r.c, e1)), 0);
    assert_int_equal(put_s(&r, o, "d", "a", "two, which is longer"), 0);
    assert_string_equal(get_s(&r, LATEST, o, "d", "a"), "two, which is longer");
    assert_string_equal(get_s(&r, e1, o, "d", "a"), "one");
    assert_string_equal(get_s(&r, e1 - 1, o, "d", "a"), "-");
    assert_int_equal(punch(&r, VOS_AKEY, o, "d", "a", 0), 0);
    assert_string_equal(get_s(&r, LATEST, o, "d", "a"), "-");
    assert_string_equal(get_s(&r, e1, o, "d", "a"), "one");
    assert_int_equal(put_s(&r, o, "d", "a", "three"), 0);
    assert_string_equal(get_s(&r, LATEST, o, "d", "a"), "three");
    rig_reopen(&r, true);
    assert_string_equal(get_s(&r, LATEST, o, "d", "a"), "three");
    assert_string_equal(get_s(&r, e1, o, "d", "a"), "one");
    rig_stop(&r);
}

static void what_was_superseded_is_not_mistaken_for_absent(void **state)
{
    daos_obj_id_t o = OID(DAOS_OT_MULTI_HASHED, 1);
    struct rig r;
    uint64_t e1;

    (void)state;
    rig_start(&r, NULL, 1, 10);
    assert_int_equal(put_s(&r, o, "d", "a", "one"), 0);
    e1 = hlc_peek(&r.clock);
    assert_int_equal(put_s(&r, o, "d", "a", "two"), 0);
    assert_int_equal(get(&r, e1, o, K("d"), K("a"), NULL, 0, 0), -DER_TX_RESTART);
    /* a hold keeps what it may ask for */
    e1 = hlc_peek(&r.clock);
    assert_int_equal(vos_hold(r.c, e1), 0);
    assert_int_equal(put_s(&r, o, "d", "a", "three"), 0);
    assert_int_equal(punch(&r, VOS_OBJ, o, NULL, NULL, 0), 0);
    assert_string_equal(get_s(&r, e1, o, "d", "a"), "two");
    assert_string_equal(get_s(&r, LATEST, o, "d", "a"), "-");
    assert_int_equal(vos_release(r.c, e1), 0);
    /* removed whole: the container remembers */
    assert_int_equal(put_s(&r, o, "d", "a", "four"), 0);
    e1 = hlc_peek(&r.clock);
    assert_int_equal(punch(&r, VOS_OBJ, o, NULL, NULL, 0), 0);
    assert_int_equal(get(&r, e1, o, K("d"), K("a"), NULL, 0, 0), -DER_TX_RESTART);
    assert_int_equal(get(&r, LATEST, o, K("d"), K("a"), NULL, 0, 0), 0);
    rig_stop(&r);
}

/* Of keys in the past one may have been given back: what is the largest now was not the largest
 * then. */
static void the_largest_key_of_the_past_is_not_guessed(void **state)
{
    daos_obj_id_t o = OID(DAOS_OT_MULTI_UINT64, 1);
    uint64_t num[3] = {1, 2, 3}, dkey, akey, e1, lsn;
    struct vos_key k[3] = {{&num[0], 8}, {&num[1], 8}, {&num[2], 8}};
    uint64_t flags = DAOS_GET_MAX | DAOS_GET_DKEY;
    struct rig r;

    (void)state;
    rig_start(&r, NULL, 1, 10);
    assert_int_equal(put(&r, o, k[0], k[0], "x", 1, 0, 0), 0);
    assert_int_equal(put(&r, o, k[0], k[1], "x", 1, 0, 0), 0);
    assert_int_equal(put(&r, o, k[2], k[2], "x", 1, 0, 0), 0);
    e1 = hlc_peek(&r.clock);
    assert_int_equal(RIG_RETRY(&r, vos_query_key(r.c, e1, flags, o, &dkey, NULL, NULL, NULL, NULL,
                                                 NULL, NULL, &lsn)),
                     0);
    assert_int_equal(dkey, 3);
    assert_int_equal(rig_punch(&r, VOS_DKEY, o, k[2], k[2], 0), 0);
    assert_int_equal(RIG_RETRY(&r, vos_query_key(r.c, e1, flags, o, &dkey, NULL, NULL, NULL, NULL,
                                                 NULL, NULL, &lsn)),
                     -DER_TX_RESTART);
    assert_int_equal(RIG_RETRY(&r, vos_query_key(r.c, LATEST, flags, o, &dkey, NULL, NULL, NULL,
                                                 NULL, NULL, NULL, &lsn)),
                     0);
    assert_int_equal(dkey, 1);
    /* an akey likewise */
    flags = DAOS_GET_MAX | DAOS_GET_AKEY;
    e1 = hlc_peek(&r.clock);
    assert_int_equal(rig_punch(&r, VOS_AKEY, o, k[0], k[1], 0), 0);
    assert_int_equal(RIG_RETRY(&r, vos_query_key(r.c, e1, flags, o, NULL, &k[0], &akey, NULL, NULL,
                                                 NULL, NULL, &lsn)),
                     -DER_TX_RESTART);
    assert_int_equal(RIG_RETRY(&r, vos_query_key(r.c, LATEST, flags, o, NULL, &k[0], &akey, NULL,
                                                 NULL, NULL, NULL, &lsn)),
                     0);
    assert_int_equal(akey, 1);
    rig_stop(&r);
}

static void arrays_show_the_newest_of_each_record(void **state)
{
    daos_obj_id_t o = OID(DAOS_OT_ARRAY_BYTE, 7);
    uint64_t one = 1;
    struct vos_key d = {&one, 8}, a = K("0");
    daos_recx_t map[4];
    uint32_t nr = 4;
    struct rig r;
    char buf[65];

    (void)state;
    rig_start(&r, NULL, 3, 10);
    assert_int_equal(write_arr(&r, o, d, a, 10, 10, 1, "aaaaaaaaaa"), 0);
    assert_int_equal(write_arr(&r, o, d, a, 15, 10, 1, "bbbbbbbbbb"), 0);
    assert_int_equal(write_arr(&r, o, d, a, 40, 4, 1, "cccc"), 0);
    assert_int_equal(write_arr(&r, o, d, a, 12, 2, 0, NULL), 0);
    memset(buf, '.', sizeof buf);
    buf[64] = 0;
    assert_int_equal(read_arr(&r, LATEST, o, d, a, 0, 64, buf, 64, map, &nr), 1);
    assert_string_equal(buf, "..........aa..abbbbbbbbbb...............cccc....................");
    assert_int_equal(nr, 3);
    assert_int_equal(map[1].rx_idx, 14);
    assert_int_equal(map[1].rx_nr, 11);
    assert_int_equal(read_arr(&r, LATEST, o, d, a, 0, 64, buf, 10, NULL, NULL), -DER_REC2BIG);
    /* truncation: a hole without end */
    assert_int_equal(write_arr(&r, o, d, a, 16, (UINT64_C(1) << 63) - 16, 0, NULL), 0);
    memset(buf, '.', 64);
    assert_int_equal(read_arr(&r, LATEST, o, d, a, 0, 64, buf, 64, NULL, NULL), 1);
    assert_string_equal(buf, "..........aa..ab................................................");
    assert_int_equal(write_arr(&r, o, d, a, 0, 1, 4, "wide"), -DER_REC_SIZE);
    assert_int_equal(put(&r, o, d, a, "x", 1, 0, 0), -DER_INVAL);
    rig_stop(&r);
}

/* A hole without end takes the place of a shorter one: who reads between the two is told, and does
 * not find what the shorter one hid. */
static void a_longer_hole_leaves_a_cut(void **state)
{
    daos_obj_id_t o = OID(DAOS_OT_ARRAY_BYTE, 7);
    uint64_t one = 1, end = UINT64_C(1) << 63, between;
    struct vos_key d = {&one, 8}, a = K("0");
    struct rig r;
    char buf[11] = "..........";

    (void)state;
    rig_start(&r, NULL, 3, 10);
    assert_int_equal(write_arr(&r, o, d, a, 0, 10, 1, "aaaaaaaaaa"), 0);
    assert_int_equal(write_arr(&r, o, d, a, 6, end - 6, 0, NULL), 0);
    between = hlc_peek(&r.clock);
    assert_int_equal(write_arr(&r, o, d, a, 4, end - 4, 0, NULL), 0);
    assert_int_equal(read_arr(&r, between, o, d, a, 0, 10, buf, 10, NULL, NULL), -DER_TX_RESTART);
    assert_int_equal(read_arr(&r, LATEST, o, d, a, 0, 10, buf, 10, NULL, NULL), 1);
    assert_string_equal(buf, "aaaa......");
    rig_stop(&r);
}

static void empty_parents_are_absent(void **state)
{
    daos_obj_id_t o = OID(DAOS_OT_MULTI_LEXICAL, 1);
    struct rig r;

    (void)state;
    rig_start(&r, NULL, 4, 10);
    assert_int_equal(put_s(&r, o, "b", "x", "1"), 0);
    assert_int_equal(put_s(&r, o, "a", "y", "1"), 0);
    assert_int_equal(put_s(&r, o, "a", "x", "1"), 0);
    assert_int_equal(put_s(&r, o, "c", "x", "1"), 0);
    assert_string_equal(names(&r, LATEST, VOS_DKEY, o, NULL), "a b c");
    assert_string_equal(names(&r, LATEST, VOS_AKEY, o, "a"), "x y");
    assert_int_equal(punch(&r, VOS_AKEY, o, "b", "x", DAOS_COND_PUNCH), 0);
    assert_string_equal(names(&r, LATEST, VOS_DKEY, o, NULL), "a c");
    assert_int_equal(punch(&r, VOS_AKEY, o, "b", "x", DAOS_COND_PUNCH), -DER_NONEXIST);
    assert_int_equal(punch(&r, VOS_AKEY, o, "b", "x", 0), 0);
    assert_int_equal(put(&r, o, K("b"), K("x"), "2", 1, DAOS_COND_DKEY_UPDATE, 0), -DER_NONEXIST);
    assert_int_equal(put(&r, o, K("b"), K("x"), "2", 1, DAOS_COND_DKEY_INSERT, 0), 0);
    assert_int_equal(put(&r, o, K("b"), K("x"), "2", 1, DAOS_COND_DKEY_INSERT, 0), -DER_EXIST);
    assert_int_equal(put(&r, o, K("b"), K("x"), "3", 1, 0, DAOS_COND_AKEY_INSERT), -DER_EXIST);
    assert_int_equal(put(&r, o, K("b"), K("z"), "3", 1, 0, DAOS_COND_AKEY_UPDATE), -DER_NONEXIST);
    assert_int_equal(
        put(&r, o, K("b"), K("x"), "3", 1, DAOS_COND_DKEY_UPDATE, DAOS_COND_AKEY_UPDATE), 0);
    assert_int_equal(get(&r, LATEST, o, K("q"), K("x"), NULL, 0, DAOS_COND_DKEY_FETCH),
                     -DER_NONEXIST);
    assert_int_equal(get(&r, LATEST, o, K("b"), K("q"), NULL, 0, DAOS_COND_AKEY_FETCH),
                     -DER_NONEXIST);
    assert_int_equal(get(&r, LATEST, o, K("b"), K("x"), NULL, 0, DAOS_COND_AKEY_FETCH), 1);
    assert_int_equal(punch(&r, VOS_DKEY, o, "a", NULL, DAOS_COND_PUNCH), 0);
    assert_string_equal(names(&r, LATEST, VOS_DKEY, o, NULL), "b c");
    assert_int_equal(punch(&r, VOS_OBJ, o, NULL, NULL, DAOS_COND_PUNCH), 0);
    assert_string_equal(names(&r, LATEST, VOS_DKEY, o, NULL), "");
    assert_int_equal(punch(&r, VOS_OBJ, o, NULL, NULL, DAOS_COND_PUNCH), -DER_NONEXIST);
    rig_stop(&r);
}

/* rename(a -> b) onto an existing name: punch and insert in one compound, guarded by checks. */
static void a_compound_is_all_or_nothing(void **state)
{
    daos_obj_id_t o = OID(DAOS_OT_MULTI_HASHED, 1);
    struct iovec iov = {(void *)(uintptr_t) "inode-a", 7};
    struct vos_iod iod = {
        .akey = K("i"), .type = DAOS_IOD_SINGLE, .rec_size = 7, .iov = &iov, .iov_nr = 1};
    struct vos_op ops[] = {
        {.kind = VOS_OP_CHECK,
         .level = VOS_DKEY,
         .check = VOS_CHECK_EXISTS,
         .oid = o,
         .dkey = K("a")},
        {.kind = VOS_OP_PUNCH, .level = VOS_DKEY, .oid = o, .dkey = K("b")},
        {.kind = VOS_OP_UPDATE, .oid = o, .dkey = K("b"), .akey_nr = 1, .iods = &iod},
        {.kind = VOS_OP_PUNCH,
         .level = VOS_DKEY,
         .cond = DAOS_COND_PUNCH,
         .oid = o,
         .dkey = K("a")},
    };

    (void)state;
    for (int held = 0; held < 2; held++) {
        struct rig r;
        uint64_t epoch = 0;

        rig_start(&r, NULL, 5, 10);
        assert_int_equal(put_s(&r, o, "b", "i", "inode-b"), 0);
        assert_int_equal(put_s(&r, o, "b", "x", "xattr"), 0);
        if (held)
            assert_int_equal(vos_hold(r.c, 1), 0); /* nothing is dropped: minor epochs decide */
        assert_int_equal(rig_apply(&r, ops, 4, 0, NULL), -DER_NONEXIST);
        assert_string_equal(get_s(&r, LATEST, o, "b", "i"), "inode-b");
        assert_int_equal(put_s(&r, o, "a", "i", "inode-a"), 0);
        assert_int_equal(rig_apply(&r, ops, 4, 0, &epoch), 0);
        assert_string_equal(get_s(&r, LATEST, o, "b", "i"), "inode-a");
        assert_string_equal(get_s(&r, LATEST, o, "b", "x"), "-");
        assert_string_equal(get_s(&r, LATEST, o, "a", "i"), "-");
        assert_string_equal(names(&r, LATEST, VOS_DKEY, o, NULL), "b");
        if (held) {
            assert_string_equal(get_s(&r, epoch - 1, o, "b", "x"), "xattr");
            assert_string_equal(names(&r, epoch, VOS_DKEY, o, NULL), "b");
        }
        rig_stop(&r);
    }
}

/* Ids that all hash to the same place: mix128 takes such pairs from whoever looks for them. */
#define ALIKE 300u

static daos_obj_id_t alike(uint64_t i)
{
    uint64_t base = OID(DAOS_OT_MULTI_HASHED, 0).hi, c = UINT64_C(0x9e3779b97f4a7c15);

    return (daos_obj_id_t){.hi = base | i, .lo = mix64(base ^ c) - mix64((base | i) ^ c) + 12345};
}

static int note_alike(void *arg, const struct vos_entry *e)
{
    uint8_t *seen = arg;
    uint64_t i = (uint32_t)e->oid.hi;

    CHECK(i < ALIKE && e->oid.lo == alike(i).lo);
    seen[i]++;
    return 0;
}

static void objects_of_one_hash(void **state)
{
    struct rig r;
    char text[16];

    (void)state;
    rig_start(&r, NULL, 5, 5);
    assert_int_equal(mix128(alike(7).hi, alike(7).lo), mix128(alike(0).hi, alike(0).lo));
    for (uint64_t n = 0; n < ALIKE; n++) {
        uint64_t i = n * 7 % ALIKE; /* neither up nor down */

        snprintf(text, sizeof text, "%u", (unsigned)i);
        assert_int_equal(put_s(&r, alike(i), "d", "a", text), 0);
    }
    for (uint64_t i = 0; i < ALIKE; i += 3)
        assert_int_equal(punch(&r, VOS_OBJ, alike(i), NULL, NULL, 0), 0);
    rig_reopen(&r, true);
    for (int reclaimed = 0; reclaimed < 2; reclaimed++) {
        struct vos_anchor at = {{0}, 0}, where = {{0}, 0};
        uint8_t seen[ALIKE] = {0};
        uint64_t problems = 0;
        bool more = true;

        for (uint64_t i = 0; i < ALIKE; i++) {
            snprintf(text, sizeof text, "%u", (unsigned)i);
            assert_string_equal(get_s(&r, LATEST, alike(i), "d", "a"), i % 3 ? text : "-");
        }
        while (!at.eof)
            assert_int_equal(RIG_RETRY(&r, vos_list(r.c, LATEST, VOS_OBJ, OID(0, 0), NULL, NULL,
                                                    false, &at, note_alike, seen, &r.seen)),
                             0);
        for (uint64_t i = 0; i < ALIKE; i++)
            assert_int_equal(seen[i], i % 3 ? 1 : 0);
        while (more)
            assert_int_equal(
                RIG_RETRY(&r, vos_check(r.v, &where,
                                        &(struct vos_check_ops){
                                            .report = rig_problem, .data = NULL, .arg = NULL},
                                        &problems, &more)),
                0);
        assert_int_equal(problems, 0);
        for (more = true; more;)
            assert_int_equal(RIG_RETRY(&r, vos_reclaim(r.v, &more)), 0);
    }
    rig_stop(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(single_values_are_versions),
        cmocka_unit_test(what_was_superseded_is_not_mistaken_for_absent),
        cmocka_unit_test(the_largest_key_of_the_past_is_not_guessed),
        cmocka_unit_test(arrays_show_the_newest_of_each_record),
        cmocka_unit_test(a_longer_hole_leaves_a_cut),
        cmocka_unit_test(empty_parents_are_absent),
        cmocka_unit_test(a_compound_is_all_or_nothing),
        cmocka_unit_test(objects_of_one_hash),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
