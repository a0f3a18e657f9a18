/* Epochs that come from elsewhere: what was read or changed at a later one is not overtaken. */
#include "prepare_rig.h"

static int prepare_at(struct rig *r, uint64_t seq, const char *dkey, uint64_t epoch)
{
    int rc = prepare_s(r, seq, dkey, "new", epoch, NULL);

    if (rc == 0) {
        CHECK_EQ(rig_resolve(r, seq, true, NULL), 0);
        assert_string_equal(get_s(r, epoch, kv(), dkey, "a"), "new");
    }
    return rc;
}

static void an_epoch_of_its_own(void **state)
{
    struct vos_op only = {.kind = VOS_OP_CHECK,
                          .level = VOS_DKEY,
                          .check = VOS_CHECK_ABSENT,
                          .oid = kv(),
                          .dkey = K("checked")};
    struct vos_op obj = {.kind = VOS_OP_PUNCH, .level = VOS_OBJ, .oid = kv()};
    uint64_t e[8], at;
    struct rig r;

    (void)state;
    rig_start(&r, NULL, 1, 0);
    begin_session(&r);
    CHECK_EQ(plain(&r, "k", "old"), 0);
    at = now(&r);
    now(&r);
    assert_int_equal(prepare_at(&r, 1, "k", at), -DER_AGAIN); /* no marks from before */
    for (int i = 0; i < 8; i++)
        e[i] = now(&r) + 1; /* the clock goes on between them */
    CHECK_EQ(prepare_at(&r, 1, "k", e[1]), 0);
    assert_int_equal(prepare_at(&r, 2, "k", e[1]), -DER_AGAIN); /* a version is there */
    assert_int_equal(prepare_at(&r, 2, "k", e[0]), -DER_AGAIN);
    CHECK_EQ(prepare_at(&r, 2, "other", e[0]), 0); /* not of this key */
    CHECK_EQ(prepare_at(&r, 3, "k", e[2]), 0);
    /* reads of the key, of the object's, of another */
    assert_string_equal(get_s(&r, e[4], kv(), "k", "a"), "new");
    assert_int_equal(prepare_at(&r, 4, "k", e[3]), -DER_AGAIN);
    assert_int_equal(prepare_at(&r, 4, "k", e[4]), -DER_AGAIN);
    CHECK_EQ(prepare_at(&r, 4, "other", e[3]), 0);
    CHECK_EQ(prepare_at(&r, 5, "k", e[5]), 0);
    r.txid.seq = 6;
    assert_int_equal(rig_prepare(&r, &obj, 1, e[3] + 1, "leader", NULL), -DER_AGAIN);
    assert_string_equal(names(&r, e[6], VOS_DKEY, kv(), NULL), "k other");
    assert_int_equal(prepare_at(&r, 6, "third", e[6]), -DER_AGAIN);
    CHECK_EQ(prepare_at(&r, 6, "third", e[6] + 1), 0);
    /* what a transaction looked at, with nothing to change */
    r.txid.seq = 7;
    CHECK_EQ(rig_prepare(&r, &only, 1, e[7], "leader", &at), 0);
    assert_int_equal(at, e[7]);
    assert_int_equal(intents(&r), 0);
    assert_int_equal(rig_resolve(&r, 7, true, NULL), -DER_NONEXIST);
    assert_int_equal(prepare_at(&r, 8, "checked", e[7]), -DER_AGAIN);
    CHECK_EQ(prepare_at(&r, 8, "checked", e[7] + 1), 0);
    check_clean(&r);
    rig_stop(&r);
}

/* Also what nobody has read. */
static void changes_are_marked(void **state)
{
    struct vos_op obj = {.kind = VOS_OP_PUNCH, .level = VOS_OBJ, .oid = kv()};
    uint64_t early;
    struct rig r;

    (void)state;
    rig_start(&r, NULL, 1, 0);
    begin_session(&r);
    assert_int_equal(prepare_s(&r, 1, "k", "new", 1, NULL), -DER_AGAIN); /* from here on */
    early = now(&r);
    CHECK_EQ(plain(&r, "k", "x"), 0);
    assert_int_equal(prepare_s(&r, 2, "k", "new", early, NULL), -DER_AGAIN);
    assert_int_equal(rig_prepare(&r, &obj, 1, early, "leader", NULL), -DER_AGAIN);
    CHECK_EQ(prepare_s(&r, 2, "other", "new", early, NULL), 0);
    CHECK_EQ(rig_resolve(&r, 2, true, NULL), 0);
    rig_stop(&r);
}

/* Whoever saw a key unchanged, and knew of a later change elsewhere, is not overtaken. */
static void reads_of_the_latest_are_marked(void **state)
{
    uint64_t early, at;
    struct rig r;

    (void)state;
    rig_start(&r, NULL, 1, 0);
    begin_session(&r);
    assert_int_equal(prepare_at(&r, 1, "k", 1), -DER_AGAIN); /* from here on */
    early = now(&r);
    at = now(&r);
    assert_string_equal(get_s(&r, LATEST, kv(), "k", "a"), "-");
    assert_int_equal(prepare_at(&r, 2, "k", early), -DER_AGAIN);
    CHECK_EQ(prepare_at(&r, 2, "other", early), 0);
    CHECK_EQ(prepare_at(&r, 3, "k", at), 0); /* nobody can know of anything after it */
    at = now(&r);
    now(&r);
    assert_string_equal(names(&r, LATEST, VOS_DKEY, kv(), NULL), "k other");
    assert_int_equal(prepare_at(&r, 4, "third", at), -DER_AGAIN);
    CHECK_EQ(prepare_at(&r, 4, "third", now(&r)), 0);
    check_clean(&r);
    rig_stop(&r);
}

/* Other parts of it are still on their way: reads until then shall not mark above it. */
static void an_epoch_ahead_of_the_clock(void **state)
{
    struct one o;
    struct vos_op ops[2] = {{.kind = VOS_OP_CHECK,
                             .level = VOS_DKEY,
                             .check = VOS_CHECK_ABSENT,
                             .oid = kv(),
                             .dkey = K("looked at")}};
    uint64_t ahead, at;
    struct rig r;

    (void)state;
    rig_start(&r, NULL, 1, 0);
    begin_session(&r);
    assert_int_equal(prepare_at(&r, 1, "k", 1), -DER_AGAIN); /* from here on */
    ahead = now(&r) + (UINT64_C(1) << 40);
    CHECK_EQ(prepare_s(&r, 2, "k", "new", ahead, NULL), 0);
    assert_true(hlc_peek(&r.clock) < ahead);
    assert_string_equal(get_s(&r, LATEST, kv(), "other", "a"), "-");
    CHECK_EQ(prepare_at(&r, 3, "other", ahead - 1), 0);
    /* from its commit on it is past */
    assert_true(hlc_peek(&r.clock) >= ahead - 1 && hlc_peek(&r.clock) < ahead);
    CHECK_EQ(rig_resolve(&r, 2, true, NULL), 0);
    assert_true(hlc_peek(&r.clock) >= ahead);
    assert_string_equal(get_s(&r, LATEST, kv(), "k", "a"), "new");
    CHECK_EQ(plain(&r, "k", "newer"), 0);
    assert_string_equal(get_s(&r, LATEST, kv(), "k", "a"), "newer");
    /* what it looks at does not wait for it */
    ahead = now(&r) + (UINT64_C(1) << 40);
    ops[1] = *text_op(&o, "k", "newest");
    r.txid.seq = 5;
    CHECK_EQ(rig_prepare(&r, ops, 2, ahead, "leader", NULL), 0);
    CHECK_EQ(plain(&r, "looked at", "too late"), 0);
    CHECK_EQ(rig_resolve(&r, 5, true, &at), 0);
    assert_int_equal(at, ahead);
    assert_string_equal(get_s(&r, ahead, kv(), "looked at", "a"), "-");
    /* nor does a restart come back before it */
    ahead = now(&r) + (UINT64_C(1) << 40);
    CHECK_EQ(prepare_s(&r, 6, "k", "last", ahead, NULL), 0);
    rig_reopen(&r, true);
    assert_true(hlc_peek(&r.clock) >= ahead);
    CHECK_EQ(rig_resolve(&r, 6, true, NULL), 0);
    check_clean(&r);
    rig_stop(&r);
}

static void what_publish_looked_at_is_marked(void **state)
{
    struct one o;
    struct vos_op ops[2] = {{.kind = VOS_OP_CHECK,
                             .level = VOS_DKEY,
                             .check = VOS_CHECK_ABSENT,
                             .oid = kv(),
                             .dkey = K("checked")}};
    struct vos_op list = {.kind = VOS_OP_CHECK,
                          .level = VOS_DKEY,
                          .check = VOS_CHECK_ONLY,
                          .oid = kv(),
                          .dkey = K("one")};
    uint64_t at, snap, e = 0;
    struct rig r;

    (void)state;
    rig_start(&r, NULL, 1, 0);
    begin_session(&r);
    assert_int_equal(prepare_at(&r, 1, "k", 1), -DER_AGAIN); /* from here on */
    at = now(&r);
    ops[1] = *text_op(&o, "one", "x");
    r.txid.seq = 2;
    CHECK_EQ(rig_apply(&r, ops, 2, 0, NULL), 0);
    assert_int_equal(prepare_at(&r, 3, "checked", at), -DER_AGAIN);
    CHECK_EQ(prepare_at(&r, 3, "free", at), 0);
    at = now(&r);
    r.txid.seq = 4;
    CHECK_EQ(punch(&r, VOS_DKEY, kv(), "absent", NULL, 0), 0); /* which leaves nothing */
    assert_int_equal(prepare_at(&r, 5, "absent", at), -DER_AGAIN);
    CHECK_EQ(punch(&r, VOS_DKEY, kv(), "free", NULL, 0), 0);
    at = now(&r);
    r.txid.seq = 6;
    CHECK_EQ(rig_apply(&r, &list, 1, 0, NULL), 0);
    assert_int_equal(prepare_at(&r, 7, "any", at), -DER_AGAIN);
    at = now(&r);
    snap = now(&r);
    CHECK_EQ(RIG_RETRY(&r, vos_snap_add(r.c, snap)), 0);
    assert_int_equal(prepare_at(&r, 7, "any", at), -DER_AGAIN);
    assert_int_equal(prepare_at(&r, 7, "any", snap), -DER_AGAIN);
    CHECK_EQ(prepare_at(&r, 7, "any", snap + 1), 0);
    /* a prepare's checks count as well */
    ops[0].dkey = K("later");
    ops[1] = *text_op(&o, "two", "x");
    at = now(&r);
    r.txid.seq = 8;
    CHECK_EQ(rig_prepare(&r, ops, 2, 0, "leader", &e), 0);
    assert_int_equal(prepare_at(&r, 9, "later", at), -DER_AGAIN);
    assert_int_equal(prepare_at(&r, 9, "later", e), -DER_AGAIN);
    CHECK_EQ(rig_resolve(&r, 8, false, NULL), 0);
    rig_reopen(&r, true);
    assert_int_equal(prepare_at(&r, 10, "fresh", e), -DER_AGAIN);
    check_clean(&r);
    rig_stop(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_epoch_of_its_own),
        cmocka_unit_test(changes_are_marked),
        cmocka_unit_test(reads_of_the_latest_are_marked),
        cmocka_unit_test(an_epoch_ahead_of_the_clock),
        cmocka_unit_test(what_publish_looked_at_is_marked),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
