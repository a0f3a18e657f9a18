/* What a repair leaves of what was lost: an error where something was, at every epoch, until it is
 * written anew; never older bytes, never absence; and nothing else changes. */
#include "prepare_rig.h"

static int lines;
static char said[4096];

static void say(void *arg, const struct vos_found *f)
{
    (void)arg;
    lines++;
    snprintf(said + strlen(said), sizeof said - strlen(said), "%s\n", f->text);
}

/* One pass; how many things were given up. */
static int repair(struct rig *r, bool dry)
{
    struct vos_repair_ops ops = {.dry = dry, .say = say};
    bool more = true;

    lines = 0;
    said[0] = 0;
    while (more)
        CHECK_EQ(RIG_RETRY(r, vos_repair(r->v, &ops, &more)), 0);
    return lines;
}

static uint64_t walk(struct rig *r, bool recount)
{
    struct vos_anchor at = {{0}, 0};
    uint64_t problems = 0;
    bool more = true;

    while (more)
        CHECK_EQ(
            RIG_RETRY(r, vos_check(r->v, &at,
                                   &(struct vos_check_ops){.report = recount ? say : rig_problem,
                                                           .recount = recount},
                                   &problems, &more)),
            0);
    return problems;
}

/* Dry, in earnest, and once more: nothing is left to do. */
static void mend(struct rig *r, int things)
{
    assert_int_equal(repair(r, true), things);
    assert_int_equal(repair(r, true), things); /* nothing was changed */
    assert_int_equal(repair(r, false), things);
    assert_int_equal(repair(r, false), 0);
    walk(r, true);
    assert_int_equal(walk(r, false), 0);
}

/* Between on and off the heap is the test's, and no page vanishes. */
static void look(struct rig *r, bool on)
{
    static uint32_t pct;

    if (on) {
        pct = r->fault_pct;
        r->fault_pct = 0;
        heap_lock(r->h);
    } else {
        heap_unlock(r->h);
        r->fault_pct = pct;
    }
}

/* The record at off is no record any more. */
static void lose(struct rig *r, uint64_t off)
{
    uint8_t *p;

    look(r, true);
    CHECK_EQ(heap_tx_begin(r->h, 200), 0);
    p = heap_tx_write(r->h, off, 1);
    *p = '?';
    heap_tx_commit(r->h, NULL);
    look(r, false);
}

struct place {
    uint64_t obj, dkey, akey;
};

static struct place find(struct rig *r, daos_obj_id_t o, const char *dkey, const char *akey,
                         uint8_t type)
{
    struct vos_key d = K(dkey), a = K(akey);
    struct place p;

    look(r, true);
    CHECK_EQ(obj_find(r->c, o, &p.obj), 0);
    CHECK_EQ(dkey_find(r->h, p.obj, o, &d, &p.dkey), 0);
    CHECK_EQ(akey_find(r->h, p.dkey, o, &a, type, &p.akey), 0);
    look(r, false);
    return p;
}

static uint64_t word(struct rig *r, uint64_t off)
{
    uint64_t v;

    look(r, true);
    v = *(const uint64_t *)heap_ptr(r->h, off, 8);
    look(r, false);
    return v;
}

static uint64_t snap(struct rig *r)
{
    uint64_t e = hlc_peek(&r->clock);

    CHECK_EQ(RIG_RETRY(r, vos_snap_add(r->c, e)), 0);
    return e;
}

static long got(struct rig *r, uint64_t epoch, daos_obj_id_t o, const char *dkey, const char *akey,
                char *buf)
{
    memset(buf, 0, 32);
    return get(r, epoch, o, K(dkey), K(akey), buf, 31, 0);
}

static void start(struct rig *r)
{
    log_set_level((enum log_level)(LOG_LEVEL_ERROR - 1)); /* here damage is no news */
    rig_start(r, NULL, 1, 10);
}

static void a_value_that_is_lost_hides_older_ones(void **state)
{
    daos_obj_id_t o = OID(DAOS_OT_MULTI_HASHED, 1);
    uint64_t e[3], off;
    char buf[32];
    struct rig r;

    (void)state;
    start(&r);
    CHECK_EQ(put_s(&r, o, "d", "other", "stays"), 0);
    for (int i = 0; i < 3; i++) {
        CHECK_EQ(put_s(&r, o, "d", "a", i == 0 ? "one" : i == 1 ? "two" : "three"), 0);
        e[i] = snap(&r);
    }
    off = word(&r, find(&r, o, "d", "a", DAOS_IOD_SINGLE).akey + offsetof(struct akey_rec, values));
    lose(&r, word(&r, off + offsetof(struct ver, older))); /* "two" */
    mend(&r, 1);
    assert_int_equal(got(&r, LATEST, o, "d", "a", buf), 5);
    assert_string_equal(buf, "three");
    assert_int_equal(got(&r, e[2], o, "d", "a", buf), 5);
    assert_int_equal(got(&r, e[1], o, "d", "a", buf), -DER_CSUM);
    assert_int_equal(got(&r, e[0], o, "d", "a", buf), -DER_CSUM);
    assert_int_equal(got(&r, e[0], o, "d", "other", buf), 5);
    lose(&r, word(&r, find(&r, o, "d", "a", DAOS_IOD_SINGLE).akey +
                          offsetof(struct akey_rec, values))); /* "three" */
    mend(&r, 1);
    for (int i = 0; i < 3; i++)
        assert_int_equal(got(&r, e[i], o, "d", "a", buf), -DER_CSUM);
    assert_int_equal(got(&r, LATEST, o, "d", "a", buf), -DER_CSUM);
    CHECK_EQ(put_s(&r, o, "d", "a", "four"), 0);
    assert_int_equal(got(&r, LATEST, o, "d", "a", buf), 4);
    assert_int_equal(got(&r, e[2], o, "d", "a", buf), -DER_CSUM);
    assert_int_equal(walk(&r, false), 0);
    rig_stop(&r);
}

static void a_punch_that_is_lost_shows_nothing_again(void **state)
{
    daos_obj_id_t o = OID(DAOS_OT_MULTI_HASHED, 1);
    uint64_t e[3];
    char buf[32];
    struct rig r;

    (void)state;
    start(&r);
    CHECK_EQ(put_s(&r, o, "d", "a", "one"), 0);
    CHECK_EQ(put_s(&r, o, "beside", "a", "stays"), 0);
    e[0] = snap(&r);
    CHECK_EQ(punch(&r, VOS_DKEY, o, "d", NULL, 0), 0);
    e[1] = snap(&r);
    CHECK_EQ(put_s(&r, o, "d", "a", "two"), 0);
    e[2] = snap(&r);
    assert_int_equal(got(&r, e[1], o, "d", "a", buf), 0); /* it was not there */
    lose(&r,
         word(&r, find(&r, o, "d", "a", DAOS_IOD_SINGLE).dkey + offsetof(struct dkey_rec, life)));
    mend(&r, 1);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(got(&r, e[i], o, "d", "a", buf), -DER_CSUM);
        assert_int_equal(got(&r, e[i], o, "beside", "a", buf), 5);
    }
    CHECK_EQ(put_s(&r, o, "d", "a", "three"), 0);
    assert_int_equal(got(&r, LATEST, o, "d", "a", buf), 5);
    assert_int_equal(got(&r, e[1], o, "d", "a", buf), -DER_CSUM);
    rig_stop(&r);
}

static void an_extent_that_is_lost_hides_what_is_under_it(void **state)
{
    daos_obj_id_t o = OID(DAOS_OT_MULTI_HASHED, 1);
    struct vos_key d = K("d"), w = K("w");
    uint64_t before, value, lost = 0;
    struct tree_entry ent[TREE_LEAF_MAX];
    struct tree_walker wk;
    char buf[32];
    struct place p;
    uint32_t nr;
    struct rig r;

    (void)state;
    start(&r);
    CHECK_EQ(write_arr(&r, o, d, w, 0, 10, 1, "0123456789"), 0);
    before = snap(&r);
    CHECK_EQ(write_arr(&r, o, d, w, 3, 4, 1, "ABCD"), 0);
    p = find(&r, o, "d", "w", DAOS_IOD_ARRAY);
    look(&r, true);
    tree_walk_start(&wk, p.akey + offsetof(struct akey_rec, values));
    CHECK_EQ(tree_walk_leaf(r.h, &wk, ent, &nr), 0);
    for (uint32_t i = 0; i < nr; i++) {
        value = ent[i].value;
        lost = ent[i].order == 3 ? ext_off(value) : lost;
    }
    look(&r, false);
    lose(&r, lost);
    mend(&r, 1);
    assert_int_equal(read_arr(&r, LATEST, o, d, w, 0, 10, buf, 10, NULL, NULL), -DER_CSUM);
    assert_int_equal(read_arr(&r, LATEST, o, d, w, 4, 1, buf, 10, NULL, NULL), -DER_CSUM);
    assert_int_equal(read_arr(&r, before, o, d, w, 2, 3, buf, 10, NULL, NULL), -DER_CSUM);
    assert_true(read_arr(&r, LATEST, o, d, w, 0, 3, buf, 10, NULL, NULL) >= 0);
    assert_memory_equal(buf, "012", 3);
    assert_true(read_arr(&r, before, o, d, w, 7, 3, buf, 10, NULL, NULL) >= 0);
    assert_memory_equal(buf, "789", 3);
    CHECK_EQ(write_arr(&r, o, d, w, 3, 4, 1, "abcd"), 0);
    assert_true(read_arr(&r, LATEST, o, d, w, 0, 10, buf, 10, NULL, NULL) >= 0);
    assert_memory_equal(buf, "012abcd789", 10);
    assert_int_equal(read_arr(&r, before, o, d, w, 2, 3, buf, 10, NULL, NULL), -DER_CSUM);
    assert_int_equal(walk(&r, false), 0);
    rig_stop(&r);
}

static void keys_and_objects_that_are_lost_are_not_absent(void **state)
{
    daos_obj_id_t o = OID(DAOS_OT_MULTI_HASHED, 1), other = OID(DAOS_OT_MULTI_HASHED, 2),
                  none = OID(DAOS_OT_MULTI_HASHED, 3);
    char buf[32];
    struct rig r;

    (void)state;
    start(&r);
    for (int i = 0; i < 2; i++) {
        CHECK_EQ(put_s(&r, i ? other : o, "d", "a", "one"), 0);
        CHECK_EQ(put_s(&r, i ? other : o, "d", "b", "two"), 0);
    }
    lose(&r, find(&r, o, "d", "a", DAOS_IOD_SINGLE).akey);
    mend(&r, 1);
    assert_int_equal(got(&r, LATEST, o, "d", "a", buf), -DER_CSUM);
    assert_int_equal(got(&r, LATEST, o, "d", "b", buf), 3);
    lose(&r, find(&r, o, "d", "b", DAOS_IOD_SINGLE).obj);
    mend(&r, 1);
    rig_reopen(&r, true); /* the clock goes on behind the ceiling, and so behind the loss */
    assert_int_equal(got(&r, LATEST, o, "d", "b", buf), -DER_CSUM);
    assert_int_equal(got(&r, LATEST, other, "d", "b", buf), 3);
    assert_int_equal(got(&r, LATEST, none, "d", "b", buf), 0);
    CHECK_EQ(put_s(&r, o, "d", "b", "three"), 0);
    assert_int_equal(got(&r, LATEST, o, "d", "b", buf), 5);
    assert_int_equal(got(&r, LATEST, o, "e", "b", buf), -DER_CSUM);
    assert_int_equal(walk(&r, false), 0);
    rig_reopen(&r, true);
    assert_int_equal(got(&r, LATEST, o, "e", "b", buf), -DER_CSUM);
    assert_int_equal(punch(&r, VOS_OBJ, o, NULL, NULL, 0), 0); /* over it is */
    assert_int_equal(got(&r, LATEST, o, "e", "b", buf), 0);
    assert_int_equal(walk(&r, false), 0);
    rig_stop(&r);
}

/* What a transaction that was prepared would have changed nobody knows any more: it is as it was,
 * and free for others. Another that is sound stays prepared. */
static void a_prepared_transaction_that_is_lost_is_aborted(void **state)
{
    uint64_t epoch, lsn, off;
    struct vos_txid lost;
    char buf[32];
    struct rig r;

    (void)state;
    for (int seen = 0; seen < 2; seen++) {
        start(&r);
        begin_session(&r);
        CHECK_EQ(plain(&r, "d1", "before"), 0);
        CHECK_EQ(prepare_s(&r, 2, "d1", "after", 0, &epoch), 0);
        lost = r.txid;
        CHECK_EQ(prepare_s(&r, 3, "d2", "other", 0, &epoch), 0);
        CHECK_EQ(got(&r, LATEST, kv(), "d1", "a", buf), -DER_INPROGRESS);
        look(&r, true);
        off = doubt_find(r.c, &lost)->off;
        look(&r, false);
        lose(&r, off);
        if (seen) { /* then its container could not be loaded */
            vos_close(r.v);
            CHECK_EQ(RIG_RETRY(&r, vos_open(r.h, &r.clock, r.wall_ns, &r.v)), 0);
            CHECK_EQ(RIG_RETRY(&r, vos_cont_open(r.v, CONT_A, false, &r.c)), -DER_CSUM);
            assert_int_equal(repair(&r, false), 1);
            CHECK_EQ(RIG_RETRY(&r, vos_cont_open(r.v, CONT_A, false, &r.c)), 0);
        } else {
            mend(&r, 1);
        }
        CHECK_EQ(intents(&r), 1);
        assert_int_equal(got(&r, LATEST, kv(), "d1", "a", buf), 6);
        assert_string_equal(buf, "before");
        CHECK_EQ(RIG_RETRY(&r, vos_resolve(r.c, &lost, true, &epoch, &lsn)), -DER_NONEXIST);
        CHECK_EQ(RIG_RETRY(&r, vos_resolve(r.c, &lost, false, &epoch, &lsn)), 0);
        CHECK_EQ(plain(&r, "d1", "again"), 0);
        CHECK_EQ(RIG_RETRY(&r, vos_resolve(r.c, &r.txid, true, &epoch, &lsn)), 0);
        assert_int_equal(got(&r, LATEST, kv(), "d2", "a", buf), 5);
        check_clean(&r);
        rig_stop(&r);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_value_that_is_lost_hides_older_ones),
        cmocka_unit_test(a_punch_that_is_lost_shows_nothing_again),
        cmocka_unit_test(an_extent_that_is_lost_hides_what_is_under_it),
        cmocka_unit_test(keys_and_objects_that_are_lost_are_not_absent),
        cmocka_unit_test(a_prepared_transaction_that_is_lost_is_aborted),
    };

    return cmocka_run_group_tests_name("vos/repair", tests, NULL, NULL);
}
