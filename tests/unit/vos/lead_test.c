/* Who leads a transaction: decisions, and what else others are told. */
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

/* ---- What others are told ---- */

/* What is there is of another kind: that was so at its epoch, and stays so. */
static void a_refused_kind_stays_true(void **state)
{
    uint64_t early;
    struct one o;
    struct rig r;

    (void)state;
    rig_start(&r, NULL, 1, 2);
    begin_session(&r);
    CHECK_EQ(plain(&r, "k", "old"), 0);
    assert_int_equal(prepare_s(&r, 1, "other", "x", now(&r), NULL), -DER_AGAIN); /* marks begin */
    early = now(&r);
    text_op(&o, "k", "new");
    o.recx = (daos_recx_t){0, 3};
    o.iod.type = DAOS_IOD_ARRAY;
    o.iod.rec_size = 1;
    o.iod.recx_nr = 1;
    o.iod.recxs = &o.recx;
    r.txid.seq = 2;
    assert_int_equal(rig_prepare(&r, &o.op, 1, now(&r), "leader", NULL), -DER_INVAL);
    assert_int_equal(prepare_s(&r, 3, "k", "new", early, NULL), -DER_AGAIN);
    CHECK_EQ(prepare_s(&r, 3, "k", "new", now(&r), NULL), 0);
    CHECK_EQ(rig_resolve(&r, 3, true, NULL), 0);
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
        cmocka_unit_test(a_refused_kind_stays_true),
        cmocka_unit_test(the_newest_change_may_be_in_doubt),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
