/* Back to a snapshot, and discarding epochs. (Random histories: model_test.c.) */
#include "rig.h"
#include "vos/priv.h"

#define LATEST DAOS_EPOCH_MAX

static daos_obj_id_t kv(void)
{
    return OID(DAOS_OT_MULTI_LEXICAL, 1);
}

static uint64_t now(struct rig *r)
{
    return hlc_get(&r->clock, r->wall_ns);
}

static uint64_t snap(struct rig *r)
{
    uint64_t epoch = now(r);

    CHECK_EQ(RIG_RETRY(r, vos_snap_add(r->c, epoch)), 0);
    return epoch;
}

static int back(struct rig *r, uint64_t epoch)
{
    return RIG_RETRY(r, vos_rollback(r->c, epoch, &r->txid, &r->lsn, &r->replayed));
}

static void reclaim_all(struct rig *r)
{
    bool more = true;

    while (more)
        CHECK_EQ(RIG_RETRY(r, vos_reclaim(r->v, &more)), 0);
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

/* Changes of every kind after the snapshot. */
static void change_all(struct rig *r, daos_obj_id_t f, struct vos_key d)
{
    static uint8_t twos[40];

    CHECK_EQ(put_s(r, kv(), "stays", "a", "changed"), 0);
    CHECK_EQ(put_s(r, kv(), "stays", "b", "made"), 0);
    CHECK_EQ(put_s(r, kv(), "new", "a", "made"), 0);
    CHECK_EQ(punch(r, VOS_DKEY, kv(), "punched", NULL, 0), 0);
    CHECK_EQ(punch(r, VOS_AKEY, kv(), "half", "a", 0), 0);
    CHECK_EQ(put_s(r, kv(), "half", "a", "made again"), 0);
    CHECK_EQ(write_arr(r, f, d, K("0"), 3, 4, 0, NULL), 0);                 /* hole */
    CHECK_EQ(write_arr(r, f, d, K("0"), 0, UINT64_C(1) << 40, 0, NULL), 0); /* wide */
    CHECK_EQ(rig_punch(r, VOS_OBJ, f, d, d, 0), 0);
    CHECK_EQ(write_arr(r, f, d, K("0"), 0, 10, 4, twos), 0); /* other records */
    CHECK_EQ(put_s(r, OID(DAOS_OT_MULTI_HASHED, 9), "other", "a", "made"), 0);
}

static void all_is_as_it_was(struct rig *r, daos_obj_id_t f, struct vos_key d)
{
    char out[16];

    assert_string_equal(get_s(r, LATEST, kv(), "stays", "a"), "before");
    assert_string_equal(get_s(r, LATEST, kv(), "stays", "b"), "-");
    assert_string_equal(get_s(r, LATEST, kv(), "new", "a"), "-");
    assert_string_equal(get_s(r, LATEST, kv(), "punched", "a"), "before");
    assert_string_equal(get_s(r, LATEST, kv(), "half", "a"), "before");
    assert_string_equal(names(r, LATEST, VOS_DKEY, kv(), NULL), "half punched stays");
    memset(out, '-', sizeof out);
    assert_int_equal(read_arr(r, LATEST, f, d, K("0"), 0, 10, out, 10, NULL, NULL), 1);
    assert_memory_equal(out, "0123456789------", 16);
    assert_string_equal(names(r, LATEST, VOS_DKEY, OID(DAOS_OT_MULTI_HASHED, 9), NULL), "");
}

/* At once, after a crash, and when everything has gone; then life goes on. */
static void it_is_as_it_was(void **state)
{
    daos_obj_id_t f = OID(DAOS_OT_ARRAY_BYTE, 2);
    uint64_t one = 1, e, between;
    struct vos_key d = {&one, 8};
    struct heap_stat st[2];
    struct rig r;

    (void)state;
    rig_start(&r, NULL, 1, 3);
    CHECK_EQ(put_s(&r, kv(), "stays", "a", "before"), 0);
    CHECK_EQ(put_s(&r, kv(), "punched", "a", "before"), 0);
    CHECK_EQ(put_s(&r, kv(), "half", "a", "before"), 0);
    CHECK_EQ(write_arr(&r, f, d, K("0"), 0, 10, 1, "0123456789"), 0);
    e = snap(&r);
    for (int round = 0; round < 3; round++) {
        change_all(&r, f, d);
        between = now(&r);
        CHECK_EQ(back(&r, e), 0);
        CHECK_EQ(back(&r, e), 0); /* twice is once */
        all_is_as_it_was(&r, f, d);
        assert_string_equal(get_s(&r, between, kv(), "stays", "a"), "before");
        assert_int_equal(put_s(&r, kv(), "stays", "a", "too early"), -DER_AGAIN);
        rig_reopen(&r, true);
        assert_true(vos_rollback_pending(r.c));
        all_is_as_it_was(&r, f, d);
        reclaim_all(&r);
        assert_false(vos_rollback_pending(r.c));
        all_is_as_it_was(&r, f, d);
        assert_string_equal(get_s(&r, between, kv(), "stays", "a"), "before");
        check_clean(&r);
        heap_lock(r.h);
        heap_stat(r.h, &st[round == 0 ? 0 : 1]);
        heap_unlock(r.h);
    }
    assert_int_equal(st[0].alloc_count, st[1].alloc_count);
    CHECK_EQ(write_arr(&r, f, d, K("0"), 0, 5, 1, "abcde"), 0);
    CHECK_EQ(put_s(&r, kv(), "new", "a", "later"), 0);
    assert_string_equal(get_s(&r, LATEST, kv(), "new", "a"), "later");
    assert_string_equal(get_s(&r, e, kv(), "new", "a"), "-");
    check_clean(&r);
    rig_stop(&r);
}

static void what_is_refused(void **state)
{
    uint64_t e, later;
    struct rig r;

    (void)state;
    rig_start(&r, NULL, 1, 0);
    CHECK_EQ(put_s(&r, kv(), "k", "a", "x"), 0);
    assert_int_equal(back(&r, now(&r)), -DER_NONEXIST);
    e = snap(&r);
    later = snap(&r);
    assert_int_equal(back(&r, e), -DER_BUSY); /* a newer snapshot */
    CHECK_EQ(RIG_RETRY(&r, vos_snap_del(r.c, later)), 0);
    later = now(&r);
    CHECK_EQ(vos_hold(r.c, later), 0);
    assert_int_equal(back(&r, e), -DER_BUSY); /* a reader */
    CHECK_EQ(vos_release(r.c, later), 0);
    CHECK_EQ(back(&r, e), 0);
    assert_int_equal(RIG_RETRY(&r, vos_snap_add(r.c, now(&r))), -DER_AGAIN);
    rig_stop(&r);
}

/* Who has read what was taken back must not commit; who read later may. */
static void readers_of_it_restart(void **state)
{
    struct vos_op check = {.kind = VOS_OP_CHECK,
                           .level = VOS_DKEY,
                           .check = VOS_CHECK_UNCHANGED,
                           .oid = kv(),
                           .dkey = K("k")};
    uint64_t e;
    struct rig r;

    (void)state;
    rig_start(&r, NULL, 1, 0);
    CHECK_EQ(put_s(&r, kv(), "k", "a", "one"), 0);
    e = snap(&r);
    CHECK_EQ(put_s(&r, kv(), "k", "a", "two"), 0);
    check.seen = now(&r);
    CHECK_EQ(rig_apply(&r, &check, 1, 0, NULL), 0);
    CHECK_EQ(back(&r, e), 0);
    reclaim_all(&r);
    assert_int_equal(rig_apply(&r, &check, 1, 0, NULL), -DER_TX_RESTART);
    rig_reopen(&r, true);
    assert_int_equal(rig_apply(&r, &check, 1, 0, NULL), -DER_TX_RESTART);
    check.seen = now(&r);
    CHECK_EQ(rig_apply(&r, &check, 1, 0, NULL), 0);
    rig_stop(&r);
}

/* A copy of a request that came while a rollback was under way begins no other when that is over.
 */
static void each_request_counts_once(void **state)
{
    uint64_t e;
    struct rig r;

    (void)state;
    rig_start(&r, NULL, 1, 0);
    CHECK_EQ(put_s(&r, kv(), "k", "a", "before"), 0);
    e = snap(&r);
    CHECK_EQ(put_s(&r, kv(), "k", "a", "after"), 0);
    r.txid = (struct vos_txid){now(&r), 22, 1, 0};
    CHECK_EQ(back(&r, e), 0);
    r.txid.seq = 2;
    CHECK_EQ(back(&r, e), 0); /* another's, meanwhile */
    assert_false(r.replayed);
    reclaim_all(&r);
    r.txid.seq = 3;
    CHECK_EQ(put_s(&r, kv(), "k", "a", "later"), 0);
    for (uint64_t seq = 1; seq <= 2; seq++) {
        r.txid.seq = seq;
        CHECK_EQ(back(&r, e), 0);
        assert_true(r.replayed);
    }
    assert_string_equal(get_s(&r, LATEST, kv(), "k", "a"), "later");
    rig_stop(&r);
}

/* More than one transaction can hold, at every level. */
static void much_goes_in_steps(void **state)
{
    daos_obj_id_t f = OID(DAOS_OT_ARRAY_BYTE, 2);
    uint64_t one = 1, e, steps = 0;
    struct vos_key d = {&one, 8};
    struct heap_stat a, b;
    bool more = true;
    char name[16];
    struct rig r;

    (void)state;
    rig_start(&r, NULL, 1, 1);
    CHECK_EQ(put_s(&r, kv(), "k", "a", "before"), 0);
    for (uint32_t i = 0; i < 1500; i++)
        CHECK_EQ(write_arr(&r, f, d, K("0"), i * 10, 1, 1, "b"), 0);
    e = snap(&r);
    heap_lock(r.h);
    heap_stat(r.h, &a);
    heap_unlock(r.h);
    for (uint32_t i = 0; i < 1500; i++) {
        snprintf(name, sizeof name, "n%u", i);
        CHECK_EQ(write_arr(&r, f, d, K("0"), i * 10 + 5, 1, 1, "a"), 0);
        CHECK_EQ(put_s(&r, kv(), i % 3 ? name : "k", "a", "after"), 0);
        CHECK_EQ(vos_hold(r.c, hlc_peek(&r.clock)), 0); /* every version stays */
    }
    while (r.c->hold_nr)
        CHECK_EQ(vos_release(r.c, r.c->holds[0]), 0);
    CHECK_EQ(back(&r, e), 0);
    while (vos_rollback_pending(r.c)) {
        CHECK_EQ(RIG_RETRY(&r, vos_reclaim(r.v, &more)), 0);
        steps++;
    }
    assert_true(steps > 1000);
    reclaim_all(&r);
    heap_lock(r.h);
    heap_stat(r.h, &b);
    heap_unlock(r.h);
    if (b.alloc_count > a.alloc_count + 50) /* nodes half full, unpacked */
        fail_msg("%llu allocations, were %llu", (unsigned long long)b.alloc_count,
                 (unsigned long long)a.alloc_count);
    assert_string_equal(names(&r, LATEST, VOS_DKEY, kv(), NULL), "k");
    assert_string_equal(get_s(&r, LATEST, kv(), "k", "a"), "before");
    check_clean(&r);
    rig_stop(&r);
}

/* A range in the middle: what came before shows again, what came later stays. */
static void a_range_goes(void **state)
{
    struct vos_anchor at = {{0}, 0};
    uint64_t e[3];
    bool more = true;
    struct rig r;

    (void)state;
    rig_start(&r, NULL, 1, 3);
    for (int i = 0; i < 3; i++) {
        CHECK_EQ(put_s(&r, kv(), "all", "a", i == 0 ? "zero" : i == 1 ? "one" : "two"), 0);
        CHECK_EQ(put_s(&r, kv(), i == 0 ? "k0" : i == 1 ? "k1" : "k2", "a", "x"), 0);
        if (i == 1)
            CHECK_EQ(punch(&r, VOS_DKEY, kv(), "k0", NULL, 0), 0);
        e[i] = now(&r);
        CHECK_EQ(vos_hold(r.c, e[i]), 0);
    }
    assert_int_equal(RIG_RETRY(&r, vos_discard(r.c, 5, 4, &at, &more)), -DER_INVAL);
    while (more)
        CHECK_EQ(RIG_RETRY(&r, vos_discard(r.c, e[0] + 1, e[1], &at, &more)), 0);
    assert_string_equal(get_s(&r, LATEST, kv(), "all", "a"), "two");
    assert_string_equal(get_s(&r, e[1], kv(), "all", "a"), "zero");
    assert_string_equal(names(&r, LATEST, VOS_DKEY, kv(), NULL), "all k0 k2");
    assert_string_equal(names(&r, e[1], VOS_DKEY, kv(), NULL), "all k0");
    check_clean(&r);
    rig_stop(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_as_it_was),       cmocka_unit_test(what_is_refused),
        cmocka_unit_test(readers_of_it_restart), cmocka_unit_test(each_request_counts_once),
        cmocka_unit_test(much_goes_in_steps),    cmocka_unit_test(a_range_goes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
