/* Who leads a transaction: decisions, and a part that is applied with its decision. */
#include "prepare_rig.h"

static int decide(struct rig *r, uint64_t seq, uint64_t *at)
{
    struct vos_txid id = {r->txid.session_hlc, r->txid.session_rand, seq, 0};
    uint64_t lsn;

    return RIG_RETRY(r, vos_decide(r->c, &id, at, &lsn));
}

static bool is_decided(struct rig *r, uint64_t seq, uint64_t epoch)
{
    struct vos_txid id = {r->txid.session_hlc, r->txid.session_rand, seq, 0};
    uint64_t at = 0, lsn;

    return vos_decided(r->c, &id, &at, &lsn) && at == epoch;
}

/* What the client acknowledges, and a crash, leave the decision. */
static void a_decision_stays_until_it_is_forgotten(void **state)
{
    struct vos_doubt d;
    struct vos_txid id;
    uint64_t e, at;
    struct rig r;

    (void)state;
    rig_start(&r, NULL, 1, 2);
    begin_session(&r);
    CHECK_EQ(prepare_s(&r, 3, "k", "new", 0, &e), 0);
    CHECK_EQ(decide(&r, 3, &at), 0);
    assert_int_equal(at, e);
    assert_string_equal(get_s(&r, LATEST, kv(), "k", "a"), "new");
    assert_int_equal(intents(&r), 0);
    assert_true(is_decided(&r, 3, e));
    id = (struct vos_txid){r.txid.session_hlc, r.txid.session_rand, 3, 0};
    r.txid =
        (struct vos_txid){r.txid.session_hlc, r.txid.session_rand, 3 + 3 * 256, 3 + 3 * 256 - 1};
    CHECK_EQ(put_s(&r, kv(), "other", "a", "x"), 0); /* its slot is another's */
    check_clean(&r);
    rig_reopen(&r, false);
    check_clean(&r);
    assert_true(is_decided(&r, 3, e));
    assert_true(vos_decided_next(r.c, NULL, &d));
    assert_int_equal(d.seq, 3);
    assert_int_equal(d.info_len, strlen("leader"));
    assert_memory_equal(d.info, "leader", d.info_len);
    assert_false(vos_decided_next(r.c, &id, &d));
    CHECK_EQ(RIG_RETRY(&r, vos_decided_forget(r.c, &id)), 0);
    CHECK_EQ(RIG_RETRY(&r, vos_decided_forget(r.c, &id)), 0);
    assert_false(is_decided(&r, 3, e));
    check_clean(&r);
    rig_reopen(&r, true);
    assert_false(is_decided(&r, 3, e));
    assert_string_equal(get_s(&r, LATEST, kv(), "k", "a"), "new");
    check_clean(&r);
    rig_stop(&r);
}

/* ---- Applied with the decision ---- */

static int decide_at(struct rig *r, uint64_t seq, const struct vos_op *ops, uint32_t nr,
                     uint64_t epoch)
{
    struct vos_update *u = NULL;
    int rc = rig_begin(r, ops, nr, &u), last = 0;

    r->txid.seq = seq;
    if (rc == 0)
        rc = RIG_RETRY(r, (last = vos_update_decide(u, &r->txid, epoch, "leader",
                                                    (uint32_t)strlen("leader"), &r->lsn)));
    rig_end(r, u, last);
    return rc;
}

static int decide_text(struct rig *r, uint64_t seq, const char *dkey, const char *text,
                       uint64_t epoch)
{
    struct one o;

    return decide_at(r, seq, text_op(&o, dkey, text), 1, epoch);
}

/* What was read and changed is remembered from the first prepare with an epoch on. */
static void begin_marks(struct rig *r)
{
    assert_int_equal(prepare_s(r, 1, "other", "x", now(r), NULL), -DER_AGAIN);
}

static void is_applied_with_the_decision(void **state)
{
    struct vos_doubt d;
    uint64_t e, before;
    struct rig r;

    (void)state;
    rig_start(&r, NULL, 1, 2);
    begin_session(&r);
    CHECK_EQ(plain(&r, "k", "old"), 0);
    begin_marks(&r);
    before = now(&r);
    CHECK_EQ(vos_hold(r.c, before), 0);
    e = now(&r);
    CHECK_EQ(decide_text(&r, 2, "k", "new", e), 0);
    for (int again = 0; again < 2; again++) {
        assert_string_equal(get_s(&r, LATEST, kv(), "k", "a"), "new");
        assert_int_equal(intents(&r), 0);
        assert_true(is_decided(&r, 2, e));
        assert_true(vos_decided_next(r.c, NULL, &d));
        assert_int_equal(d.epoch, e);
        assert_memory_equal(d.info, "leader", d.info_len);
        /* a copy of it is known, and does nothing */
        assert_int_equal(decide_text(&r, 2, "k", "twice", now(&r)), -DER_TX_RESTART);
        assert_int_equal(prepare_s(&r, 2, "k", "twice", 0, NULL), 0);
        assert_true(r.replayed);
        check_clean(&r);
        if (again)
            break;
        assert_string_equal(get_s(&r, before, kv(), "k", "a"), "old");
        vos_release(r.c, before);
        rig_reopen(&r, false);
    }
    CHECK_EQ(RIG_RETRY(&r, vos_decided_forget(r.c, &(struct vos_txid){r.txid.session_hlc,
                                                                      r.txid.session_rand, 2, 0})),
             0);
    check_clean(&r);
    rig_stop(&r);
}

/* Nothing is changed, and nothing decided. */
static void unchanged(struct rig *r, uint64_t seq, const char *text)
{
    assert_string_equal(get_s(r, LATEST, kv(), "k", "a"), text);
    assert_false(is_decided(r, seq, 0));
    check_clean(r);
}

/* Between its epoch and now others have come. */
static void what_came_meanwhile_is_in_its_way(void **state)
{
    uint64_t e, other;
    struct rig r;

    (void)state;
    rig_start(&r, NULL, 1, 2);
    begin_session(&r);
    CHECK_EQ(plain(&r, "k", "old"), 0);
    assert_int_equal(decide_text(&r, 1, "k", "new", now(&r)), -DER_AGAIN); /* marks begin */
    e = now(&r);
    CHECK_EQ(plain(&r, "k", "changed"), 0);
    assert_int_equal(decide_text(&r, 2, "k", "new", e), -DER_AGAIN);
    unchanged(&r, 2, "changed");
    e = now(&r);
    assert_string_equal(get_s(&r, now(&r), kv(), "k", "a"), "changed");
    assert_int_equal(decide_text(&r, 2, "k", "new", e), -DER_AGAIN);
    unchanged(&r, 2, "changed");
    e = now(&r);
    CHECK_EQ(RIG_RETRY(&r, vos_snap_add(r.c, now(&r))), 0);
    assert_int_equal(decide_text(&r, 2, "k", "new", e), -DER_AGAIN);
    unchanged(&r, 2, "changed");
    e = now(&r);
    CHECK_EQ(prepare_s(&r, 3, "k", "his", 0, &other), 0);
    assert_int_equal(decide_text(&r, 2, "k", "new", e), -DER_INPROGRESS);
    assert_int_equal(decide_text(&r, 2, "k", "new", now(&r)), -DER_INPROGRESS);
    CHECK_EQ(rig_resolve(&r, 3, true, NULL), 0);
    unchanged(&r, 2, "his");
    CHECK_EQ(decide_text(&r, 2, "k", "new", now(&r)), 0);
    assert_string_equal(get_s(&r, LATEST, kv(), "k", "a"), "new");
    check_clean(&r);
    rig_stop(&r);
}

static void what_it_may_not(void **state)
{
    struct vos_op look = {.kind = VOS_OP_CHECK,
                          .level = VOS_DKEY,
                          .check = VOS_CHECK_EXISTS,
                          .oid = kv(),
                          .dkey = K("k")};
    uint64_t e, early;
    struct vos_txid id;
    struct one o;
    struct rig r;

    (void)state;
    rig_start(&r, NULL, 1, 2);
    begin_session(&r);
    CHECK_EQ(plain(&r, "k", "old"), 0);
    begin_marks(&r);
    assert_int_equal(decide_at(&r, 2, &look, 1, now(&r)), -DER_INVAL);
    assert_int_equal(decide_text(&r, 2, "k", "new", 0), -DER_INVAL);
    /* what it is refused for was read at its epoch */
    early = now(&r);
    text_op(&o, "k", "new")->cond = DAOS_COND_DKEY_INSERT;
    assert_int_equal(decide_at(&r, 2, &o.op, 1, now(&r)), -DER_EXIST);
    assert_int_equal(decide_text(&r, 3, "k", "new", early), -DER_AGAIN);
    /* and so is the other kind of value that is there, which only applying it finds */
    early = now(&r);
    text_op(&o, "k", "new");
    o.recx = (daos_recx_t){0, 3};
    o.iod.type = DAOS_IOD_ARRAY;
    o.iod.rec_size = 1;
    o.iod.recx_nr = 1;
    o.iod.recxs = &o.recx;
    assert_int_equal(decide_at(&r, 2, &o.op, 1, now(&r)), -DER_INVAL);
    assert_int_equal(decide_text(&r, 3, "k", "new", early), -DER_AGAIN);
    /* it is prepared, or was aborted */
    CHECK_EQ(prepare_s(&r, 4, "k", "new", 0, &e), 0);
    assert_int_equal(decide_text(&r, 4, "k", "new", now(&r)), -DER_AGAIN);
    CHECK_EQ(rig_resolve(&r, 4, false, NULL), 0);
    assert_int_equal(decide_text(&r, 4, "k", "new", now(&r)), -DER_TX_RESTART);
    unchanged(&r, 4, "old");
    id = r.txid;
    r.txid = (struct vos_txid){0};
    assert_int_equal(decide_text(&r, 5, "k", "new", now(&r)), -DER_INVAL);
    r.txid = id;
    CHECK_EQ(decide_text(&r, 5, "k", "new", now(&r)), 0);
    check_clean(&r);
    rig_stop(&r);
}

static uint64_t newest(struct rig *r, daos_obj_id_t oid)
{
    daos_epoch_t e = 1;

    CHECK_EQ(RIG_RETRY(r, vos_obj_changed(r->c, oid, &e)), 0);
    return e;
}

/* What is prepared may be committed already where it is led. */
static void the_newest_change_may_be_in_doubt(void **state)
{
    uint64_t before, e;
    struct rig r;

    (void)state;
    rig_start(&r, NULL, 1, 2);
    begin_session(&r);
    assert_int_equal(newest(&r, kv()), 0);
    before = now(&r);
    CHECK_EQ(plain(&r, "k", "old"), 0);
    assert_true(newest(&r, kv()) > before && newest(&r, kv()) < now(&r));
    before = now(&r);
    CHECK_EQ(prepare_s(&r, 1, "other", "new", 0, &e), 0);
    assert_int_equal(newest(&r, kv()), e);
    CHECK_EQ(rig_resolve(&r, 1, false, NULL), 0);
    assert_true(newest(&r, kv()) < before);
    assert_int_equal(newest(&r, OID(DAOS_OT_MULTI_LEXICAL, 77)), 0);
    rig_stop(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_decision_stays_until_it_is_forgotten),
        cmocka_unit_test(is_applied_with_the_decision),
        cmocka_unit_test(what_came_meanwhile_is_in_its_way),
        cmocka_unit_test(what_it_may_not),
        cmocka_unit_test(the_newest_change_may_be_in_doubt),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
