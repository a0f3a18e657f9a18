/* Prepared transactions: who meets one, at which epochs, what it becomes. (What they cost, and
 * power cuts: prepare_disk_test.c. Who leads: lead_test.c. Random histories: pack_twin_test.c,
 * model_test.c.) */
#include "prepare_rig.h"

#define BLOCKED "!-2018"

static void blocked_is(void)
{
    char text[16];

    snprintf(text, sizeof text, "!%d", -DER_INPROGRESS);
    assert_string_equal(text, BLOCKED);
}

static void met_is(struct rig *r, uint64_t seq)
{
    struct vos_doubt d;

    assert_true(vos_met(r->v, &d));
    assert_int_equal(d.seq, seq);
    assert_int_equal(d.session_hlc, r->txid.session_hlc);
    assert_int_equal(d.session_rand, r->txid.session_rand);
    assert_int_equal(d.info_len, strlen("leader"));
    assert_memory_equal(d.info, "leader", d.info_len);
}

static const char *objects(struct rig *r, uint64_t epoch)
{
    return names(r, epoch, VOS_OBJ, (daos_obj_id_t){0}, NULL);
}

static int query(struct rig *r, uint64_t epoch)
{
    daos_epoch_t newest = 0;
    uint64_t lsn = 0;

    return RIG_RETRY(
        r, vos_query_key(r->c, epoch, 0, kv(), NULL, NULL, NULL, NULL, NULL, NULL, &newest, &lsn));
}

/* ---- Who meets it ---- */

static void readers_wait_or_do_not(void **state)
{
    uint64_t e, before;
    struct rig r;

    (void)state;
    blocked_is();
    rig_start(&r, NULL, 1, 2);
    begin_session(&r);
    CHECK_EQ(plain(&r, "k", "old"), 0);
    CHECK_EQ(plain(&r, "other", "old"), 0);
    before = now(&r);
    CHECK_EQ(vos_hold(r.c, before), 0);
    CHECK_EQ(prepare_s(&r, 1, "k", "new", 0, &e), 0);
    assert_false(r.replayed);
    assert_true(e > before);
    for (int late = 0; late < 2; late++) {
        uint64_t at = late ? now(&r) : LATEST;

        assert_string_equal(get_s(&r, at, kv(), "k", "a"), BLOCKED);
        met_is(&r, 1);
        assert_string_equal(names(&r, at, VOS_DKEY, kv(), NULL), BLOCKED);
        assert_string_equal(names(&r, at, VOS_AKEY, kv(), "k"), BLOCKED);
        assert_string_equal(objects(&r, at), BLOCKED);
        assert_int_equal(query(&r, at), -DER_INPROGRESS);
        assert_int_equal(probe(&r, at, VOS_OBJ, "k"), -DER_INPROGRESS);
        assert_int_equal(probe(&r, at, VOS_DKEY, "k"), -DER_INPROGRESS);
        assert_int_equal(probe(&r, at, VOS_AKEY, "k"), -DER_INPROGRESS);
        /* of others nothing is in doubt */
        assert_string_equal(get_s(&r, at, kv(), "other", "a"), "old");
        assert_int_equal(probe(&r, at, VOS_DKEY, "other"), 0);
        assert_string_equal(names(&r, at, VOS_AKEY, kv(), "other"), "a");
        assert_string_equal(names(&r, at, VOS_DKEY, OID(DAOS_OT_MULTI_HASHED, 5), NULL), "");
    }
    /* nor of the time before */
    assert_string_equal(get_s(&r, e - 1, kv(), "k", "a"), "old");
    assert_string_equal(get_s(&r, before, kv(), "k", "a"), "old");
    assert_string_equal(names(&r, before, VOS_DKEY, kv(), NULL), "k other");
    assert_string_not_equal(objects(&r, before), BLOCKED);
    assert_int_equal(probe(&r, before, VOS_AKEY, "k"), 0);
    assert_string_equal(get_s(&r, e, kv(), "k", "a"), BLOCKED);
    check_clean(&r);
    CHECK_EQ(rig_resolve(&r, 1, true, &before), 0);
    assert_int_equal(before, e);
    assert_string_equal(get_s(&r, LATEST, kv(), "k", "a"), "new");
    assert_string_equal(get_s(&r, e, kv(), "k", "a"), "new");
    assert_string_equal(get_s(&r, e - 1, kv(), "k", "a"), "old");
    assert_string_equal(names(&r, LATEST, VOS_DKEY, kv(), NULL), "k other");
    check_clean(&r);
    rig_stop(&r);
}

static void changes_wait_or_do_not(void **state)
{
    struct vos_op twice[2];
    struct one o[2];
    uint64_t e;
    struct rig r;

    (void)state;
    rig_start(&r, NULL, 1, 2);
    begin_session(&r);
    CHECK_EQ(plain(&r, "k", "old"), 0);
    CHECK_EQ(prepare_s(&r, 1, "k", "new", 0, &e), 0);
    assert_int_equal(plain(&r, "k", "other"), -DER_INPROGRESS);
    met_is(&r, 1);
    assert_int_equal(prepare_s(&r, 2, "k", "other", 0, NULL), -DER_INPROGRESS);
    r.txid.seq = 3;
    assert_int_equal(punch(&r, VOS_DKEY, kv(), "k", NULL, 0), -DER_INPROGRESS);
    assert_int_equal(punch(&r, VOS_OBJ, kv(), NULL, NULL, 0), -DER_INPROGRESS);
    assert_int_equal(check_op(&r, VOS_DKEY, VOS_CHECK_EXISTS, "k", 0), -DER_INPROGRESS);
    assert_int_equal(check_op(&r, VOS_OBJ, VOS_CHECK_EMPTY, "k", 0), -DER_INPROGRESS);
    assert_int_equal(check_op(&r, VOS_DKEY, VOS_CHECK_ONLY, "other", 0), -DER_INPROGRESS);
    assert_int_equal(check_op(&r, VOS_DKEY, VOS_CHECK_ABSENT, "other", 0), 0);
    CHECK_EQ(plain(&r, "other", "goes on"), 0);
    /* a compound of which one part is in the way */
    twice[0] = *text_op(&o[0], "free", "x");
    twice[1] = *text_op(&o[1], "k", "x");
    r.txid.seq = 4;
    assert_int_equal(rig_apply(&r, twice, 2, 0, NULL), -DER_INPROGRESS);
    assert_string_equal(get_s(&r, LATEST, kv(), "free", "a"), "-");
    CHECK_EQ(rig_resolve(&r, 1, false, &e), 0);
    assert_string_equal(get_s(&r, LATEST, kv(), "k", "a"), "old");
    CHECK_EQ(rig_apply(&r, twice, 2, 0, NULL), 0); /* the same id: nothing came of the other */
    assert_string_equal(get_s(&r, LATEST, kv(), "k", "a"), "x");
    check_clean(&r);
    rig_stop(&r);
}

/* The punch of an object is met below it, and by nobody beside. */
static void a_punched_object_is_in_doubt(void **state)
{
    struct vos_op op = {.kind = VOS_OP_PUNCH, .level = VOS_OBJ, .oid = kv()};
    struct rig r;

    (void)state;
    rig_start(&r, NULL, 1, 2);
    begin_session(&r);
    CHECK_EQ(plain(&r, "k", "old"), 0);
    CHECK_EQ(rig_prepare(&r, &op, 1, 0, "leader", NULL), 0);
    assert_string_equal(get_s(&r, LATEST, kv(), "k", "a"), BLOCKED);
    assert_string_equal(get_s(&r, LATEST, kv(), "never", "a"), BLOCKED);
    assert_int_equal(plain(&r, "never", "x"), -DER_INPROGRESS);
    assert_string_equal(get_s(&r, LATEST, OID(DAOS_OT_MULTI_LEXICAL, 2), "k", "a"), "-");
    CHECK_EQ(rig_resolve(&r, 1, true, NULL), 0);
    assert_string_equal(names(&r, LATEST, VOS_DKEY, kv(), NULL), "");
    check_clean(&r);
    rig_stop(&r);
}

/* What it only looks at may change, after it. */
static void conditions_hold_at_its_epoch(void **state)
{
    struct one o;
    struct vos_op ops[2] = {{.kind = VOS_OP_CHECK,
                             .level = VOS_DKEY,
                             .check = VOS_CHECK_ABSENT,
                             .oid = kv(),
                             .dkey = K("looked-at")}};
    uint64_t e = 0;
    struct rig r;

    (void)state;
    rig_start(&r, NULL, 1, 2);
    begin_session(&r);
    ops[1] = *text_op(&o, "k", "new");
    CHECK_EQ(rig_prepare(&r, ops, 2, 0, "leader", &e), 0);
    CHECK_EQ(plain(&r, "looked-at", "later"), 0);
    assert_int_equal(probe(&r, e, VOS_DKEY, "looked-at"), -DER_NONEXIST);
    CHECK_EQ(rig_resolve(&r, 1, true, NULL), 0);
    r.txid.seq = 2;
    ops[1] = *text_op(&o, "k2", "new");
    assert_int_equal(rig_prepare(&r, ops, 2, 0, "leader", &e), -DER_EXIST);
    assert_int_equal(intents(&r), 0);
    assert_string_equal(get_s(&r, LATEST, kv(), "k2", "a"), "-");
    rig_stop(&r);
}

/* ---- Outcomes ---- */

static void each_verdict_counts_once(void **state)
{
    uint64_t e, at;
    struct vos_doubt d;
    struct rig r;

    (void)state;
    rig_start(&r, NULL, 1, 2);
    begin_session(&r);
    for (int round = 0; round < 2; round++) {
        uint64_t seq = 1 + 10 * (uint64_t)round;

        assert_int_equal(rig_resolve(&r, seq, true, &at), -DER_NONEXIST);
        CHECK_EQ(prepare_s(&r, seq, "k", "new", 0, &e), 0);
        CHECK_EQ(prepare_s(&r, seq, "k", "new", 0, &at), 0); /* a copy */
        assert_true(r.replayed);
        assert_int_equal(at, e);
        assert_int_equal(put_s(&r, kv(), "x", "a", "y"), -DER_INPROGRESS); /* of this very id */
        assert_false(vos_met(r.v, &d));
        if (round)
            rig_reopen(&r, true);
        CHECK_EQ(rig_resolve(&r, seq, true, &at), 0);
        assert_int_equal(at, e);
        CHECK_EQ(rig_resolve(&r, seq, true, &at), 0);
        assert_int_equal(at, e);
        assert_int_equal(rig_resolve(&r, seq, false, &at), -DER_ALREADY);
        CHECK_EQ(prepare_s(&r, seq, "k", "new", 0, &at), 0);
        assert_true(r.replayed);
        assert_int_equal(at, e);
        /* abort */
        CHECK_EQ(prepare_s(&r, seq + 1, "k", "newer", 0, &e), 0);
        CHECK_EQ(rig_resolve(&r, seq + 1, false, &at), 0);
        CHECK_EQ(rig_resolve(&r, seq + 1, false, &at), 0);
        assert_int_equal(rig_resolve(&r, seq + 1, true, &at), -DER_NONEXIST);
        assert_int_equal(prepare_s(&r, seq + 1, "k", "newer", 0, NULL), -DER_TX_RESTART);
        /* before it came */
        CHECK_EQ(rig_resolve(&r, seq + 2, false, &at), 0);
        assert_int_equal(at, 0);
        CHECK_EQ(rig_resolve(&r, seq + 2, false, &at), 0);
        if (round)
            rig_reopen(&r, true);
        assert_int_equal(prepare_s(&r, seq + 2, "k", "late", 0, NULL), -DER_TX_RESTART);
        assert_int_equal(put_s(&r, kv(), "k", "a", "late"), -DER_TX_RESTART);
        assert_string_equal(get_s(&r, LATEST, kv(), "k", "a"), "new");
        assert_int_equal(intents(&r), 0);
    }
    check_clean(&r);
    rig_stop(&r);
}

/* The client has its answer before this shard has the verdict: no acknowledgement, no other
 * request, no hour without one makes the transaction's slot free. */
static void its_slot_waits_for_it(void **state)
{
    uint64_t e, at;
    struct rig r;

    (void)state;
    rig_start(&r, NULL, 1, 2);
    begin_session(&r);
    CHECK_EQ(prepare_s(&r, 3, "k", "new", 0, &e), 0);
    for (uint64_t seq = 4; seq < 700; seq++) {
        int rc;

        r.txid.seq = seq;
        r.txid.acked = seq - 1;
        rc = put_s(&r, kv(), "other", "a", "x");
        assert_int_equal(rc, seq % 256 == 3 ? -DER_INPROGRESS : 0);
        if (rc != 0)
            met_is(&r, 3);
    }
    r.wall_ns += UINT64_C(7200) * 1000000000;
    now(&r);
    reclaim_all(&r);
    rig_reopen(&r, true);
    check_clean(&r);
    r.txid.acked = 0;
    CHECK_EQ(rig_resolve(&r, 3, true, &at), 0);
    assert_int_equal(at, e);
    assert_string_equal(get_s(&r, LATEST, kv(), "k", "a"), "new");
    CHECK_EQ(rig_resolve(&r, 3, true, &at), 0); /* still known */
    r.txid =
        (struct vos_txid){r.txid.session_hlc, r.txid.session_rand, 3 + 3 * 256, 3 + 3 * 256 - 1};
    CHECK_EQ(put_s(&r, kv(), "other", "a", "x"), 0); /* and now its slot is another's */
    r.txid.acked = 0;
    assert_int_equal(rig_resolve(&r, 3, true, &at), -DER_NONEXIST);
    CHECK_EQ(rig_resolve(&r, 3, false, &at), 0); /* a prepare would be refused */
    assert_int_equal(prepare_s(&r, 3, "k", "late", 0, NULL), -DER_TX_ID_REUSED);
    r.wall_ns += UINT64_C(7200) * 1000000000;
    now(&r);
    reclaim_all(&r);
    CHECK_EQ(rig_resolve(&r, 5, false, &at), 0); /* of a session that was forgotten */
    assert_int_equal(prepare_s(&r, 5, "k", "late", 0, NULL), -DER_STALE);
    check_clean(&r);
    rig_stop(&r);
}

static void what_is_refused(void **state)
{
    struct vos_op hole = {.kind = VOS_OP_UPDATE, .oid = kv(), .dkey = K("arr"), .akey_nr = 1};
    static char info[VOS_INFO_MAX + 2];
    struct vos_txid session, none = {0};
    uint64_t at, lsn;
    struct vos_cont *b;
    struct one o;
    struct rig r;

    (void)state;
    rig_start(&r, NULL, 1, 2);
    CHECK_EQ(put_s(&r, kv(), "k", "a", "old"), 0);
    CHECK_EQ(write_arr(&r, kv(), K("arr"), K("a"), 0, 4, 1, "abcd"), 0);
    assert_int_equal(prepare_s(&r, 1, "k", "new", 0, NULL), -DER_INVAL); /* no id */
    assert_int_equal(RIG_RETRY(&r, vos_resolve(r.c, &none, true, &at, &lsn)), -DER_INVAL);
    begin_session(&r);
    session = r.txid;
    assert_int_equal(prepare_s(&r, UINT64_C(1) << 62, "k", "new", 0, NULL), -DER_INVAL);
    assert_int_equal(prepare_s(&r, 1, "k", "new", UINT64_MAX, NULL), -DER_INVAL);
    memset(info, 'i', VOS_INFO_MAX + 1);
    r.txid.seq = 1;
    assert_int_equal(rig_prepare(&r, text_op(&o, "k", "new"), 1, 0, info, NULL), -DER_INVAL);
    info[VOS_INFO_MAX] = 0;
    CHECK_EQ(rig_prepare(&r, text_op(&o, "k", "new"), 1, 0, info, NULL), 0);
    /* in one container, asked for in another */
    CHECK_EQ(RIG_RETRY(&r, vos_cont_open(r.v, CONT_B, true, &b)), 0);
    assert_int_equal(RIG_RETRY(&r, vos_resolve(b, &session, true, &at, &lsn)), -DER_INVAL);
    assert_int_equal(RIG_RETRY(&r, vos_resolve(b, &session, false, &at, &lsn)), -DER_INVAL);
    CHECK_EQ(rig_resolve(&r, 1, true, NULL), 0);
    /* what publish finds when it applies */
    r.txid.seq = 2;
    value_op(&o, kv(), K("arr"), K("a"), "x", 1);
    assert_int_equal(rig_prepare(&r, &o.op, 1, 0, "leader", NULL), -DER_INVAL);
    o.iod.type = DAOS_IOD_ARRAY;
    o.iod.rec_size = 2;
    o.iod.recx_nr = 1;
    o.recx = (daos_recx_t){0, 1};
    o.iod.recxs = &o.recx;
    o.iov = (struct iovec){(void *)(uintptr_t) "xy", 2};
    assert_int_equal(rig_prepare(&r, &o.op, 1, 0, "leader", NULL), -DER_REC_SIZE);
    o.iod.rec_size = 0;
    hole.iods = &o.iod;
    CHECK_EQ(rig_prepare(&r, &hole, 1, 0, "leader", NULL), 0);
    CHECK_EQ(rig_resolve(&r, 2, true, NULL), 0);
    assert_int_equal(intents(&r), 0);
    check_clean(&r);
    rig_stop(&r);
}

/* ---- Life around it ---- */

static int list_doubt(void *arg, const struct vos_doubt *d)
{
    struct rig_names *n = arg;

    if (n->stop_at && n->nr == n->stop_at) {
        n->stop_at = 0;
        return 1;
    }
    n->len += (size_t)snprintf(n->text + n->len, sizeof n->text - n->len, "%s%llu:%.*s:%llu",
                               n->len ? " " : "", (unsigned long long)d->seq, (int)d->info_len,
                               (const char *)d->info, (unsigned long long)d->bytes);
    n->nr++;
    return 0;
}

static const char *doubts(struct rig *r, uint32_t stop_at)
{
    static struct rig_names n;
    struct vos_anchor at = {{0}, 0};

    n = (struct rig_names){.stop_at = stop_at};
    while (!at.eof)
        CHECK_EQ(RIG_RETRY(r, vos_doubt_list(r->c, &at, list_doubt, &n)), 0);
    return n.text;
}

static void a_restart_finds_them(void **state)
{
    uint64_t e[4];
    char name[8];
    struct rig r;

    (void)state;
    rig_start(&r, NULL, 1, 2);
    begin_session(&r);
    CHECK_EQ(plain(&r, "k0", "old"), 0);
    assert_string_equal(doubts(&r, 0), "");
    for (uint64_t i = 0; i < 4; i++) {
        snprintf(name, sizeof name, "k%llu", (unsigned long long)i);
        CHECK_EQ(prepare_s(&r, 4 - i, name, "value", 0, &e[i]), 0);
    }
    for (int round = 0; round < 3; round++) {
        assert_string_equal(doubts(&r, 0), "4:leader:5 3:leader:5 2:leader:5 1:leader:5");
        assert_string_equal(doubts(&r, 2), "4:leader:5 3:leader:5 2:leader:5 1:leader:5");
        assert_string_equal(get_s(&r, LATEST, kv(), "k0", "a"), BLOCKED);
        assert_string_equal(get_s(&r, LATEST, kv(), "k3", "a"), BLOCKED);
        assert_string_equal(get_s(&r, LATEST, kv(), "k4", "a"), "-");
        check_clean(&r);
        if (round == 0)
            r.wall_ns = WALL0 - 1; /* the wall clock went back */
        rig_reopen(&r, true);
        assert_true(hlc_peek(&r.clock) > e[3]);
    }
    CHECK_EQ(rig_resolve(&r, 4, false, NULL), 0);
    for (uint64_t i = 1; i < 4; i++)
        CHECK_EQ(rig_resolve(&r, 4 - i, true, NULL), 0);
    rig_reopen(&r, true);
    assert_string_equal(doubts(&r, 0), "");
    assert_string_equal(get_s(&r, LATEST, kv(), "k0", "a"), "old");
    assert_string_equal(get_s(&r, e[1], kv(), "k1", "a"), "value");
    assert_string_equal(names(&r, LATEST, VOS_DKEY, kv(), NULL), "k0 k1 k2 k3");
    check_clean(&r);
    rig_stop(&r);
}

/* What others overwrite meanwhile stays readable from its epoch on; when it is over, it goes. */
static void the_floor_stays_below(void **state)
{
    struct vos_anchor at = {{0}, 0};
    uint64_t e;
    bool more = true;
    struct rig r;

    (void)state;
    rig_start(&r, NULL, 1, 2);
    begin_session(&r);
    CHECK_EQ(plain(&r, "other", "then"), 0);
    CHECK_EQ(prepare_s(&r, 1, "k", "new", 0, &e), 0);
    assert_true(vos_keep_floor(r.c) < e);
    for (int i = 0; i < 3; i++)
        CHECK_EQ(plain(&r, "other", "later"), 0);
    while (more)
        CHECK_EQ(RIG_RETRY(&r, vos_aggregate(r.c, 0, &at, &more)), 0);
    assert_string_equal(get_s(&r, e, kv(), "other", "a"), "then");
    rig_reopen(&r, true);
    assert_string_equal(get_s(&r, e, kv(), "other", "a"), "then");
    CHECK_EQ(rig_resolve(&r, 1, true, NULL), 0);
    assert_true(vos_keep_floor(r.c) > e);
    at = (struct vos_anchor){{0}, 0};
    for (more = true; more;)
        CHECK_EQ(RIG_RETRY(&r, vos_aggregate(r.c, 0, &at, &more)), 0);
    assert_int_equal(r.c->stat[ST_SINGLE], 2);
    check_clean(&r);
    rig_stop(&r);
}

/* A key that is overwritten by prepared transactions only needs no more room than by others. */
static void overwriting_stays_flat(void **state)
{
    uint64_t after_ten = 0;
    struct rig r;

    (void)state;
    rig_start(&r, NULL, 1, 0);
    begin_session(&r);
    for (uint64_t i = 1; i <= 200; i++) {
        r.txid.acked = i - 1;
        CHECK_EQ(prepare_s(&r, i, "k", "value", 0, NULL), 0);
        CHECK_EQ(rig_resolve(&r, i, true, NULL), 0);
        if (i == 10)
            after_ten = heap_figures(&r).alloc_bytes;
    }
    assert_int_equal(heap_figures(&r).alloc_bytes, after_ten);
    assert_int_equal(r.c->stat[ST_SINGLE], 1);
    rig_stop(&r);
}

static void snapshots_wait_for_it(void **state)
{
    struct vos_anchor at = {{0}, 0};
    uint64_t before, after, e;
    bool more = true;
    struct rig r;

    (void)state;
    rig_start(&r, NULL, 1, 2);
    begin_session(&r);
    CHECK_EQ(plain(&r, "k", "old"), 0);
    before = now(&r);
    CHECK_EQ(RIG_RETRY(&r, vos_snap_add(r.c, before)), 0);
    CHECK_EQ(prepare_s(&r, 1, "k", "new", 0, &e), 0);
    after = now(&r);
    CHECK_EQ(RIG_RETRY(&r, vos_snap_add(r.c, after)), 0);
    assert_string_equal(get_s(&r, before, kv(), "k", "a"), "old");
    assert_string_equal(get_s(&r, after, kv(), "k", "a"), BLOCKED);
    assert_int_equal(RIG_RETRY(&r, vos_rollback(r.c, after, &r.txid, &r.lsn, &r.replayed)),
                     -DER_INPROGRESS);
    r.txid.seq = 2;
    assert_int_equal(RIG_RETRY(&r, vos_rollback(r.c, after, &r.txid, &r.lsn, &r.replayed)),
                     -DER_INPROGRESS);
    met_is(&r, 1);
    assert_int_equal(RIG_RETRY(&r, vos_discard(r.c, e, e + 5, &at, &more)), -DER_INPROGRESS);
    CHECK_EQ(RIG_RETRY(&r, vos_discard(r.c, e - 2, e - 1, &at, &more)), 0);
    CHECK_EQ(rig_resolve(&r, 1, true, NULL), 0);
    CHECK_EQ(plain(&r, "k", "newer"), 0);
    assert_string_equal(get_s(&r, before, kv(), "k", "a"), "old");
    assert_string_equal(get_s(&r, after, kv(), "k", "a"), "new");
    CHECK_EQ(RIG_RETRY(&r, vos_rollback(r.c, after, &r.txid, &r.lsn, &r.replayed)), 0);
    reclaim_all(&r);
    assert_string_equal(get_s(&r, LATEST, kv(), "k", "a"), "new");
    /* an epoch of what was taken back: who has read it must not commit */
    assert_int_equal(prepare_s(&r, 3, "fresh", "new", after + 1, NULL), -DER_AGAIN);
    check_clean(&r);
    rig_stop(&r);
}

static void no_more_than_so_many(void **state)
{
    char name[16];
    struct rig r;

    (void)state;
    rig_start(&r, NULL, 1, 0);
    begin_session(&r);
    for (uint64_t i = 1; i <= VOS_INTENT_MAX; i++) {
        snprintf(name, sizeof name, "k%llu", (unsigned long long)i);
        r.txid.session_rand = 99 + i / 100;
        CHECK_EQ(prepare_s(&r, i, name, "value", 0, NULL), 0);
    }
    r.txid.session_rand = 98;
    assert_int_equal(prepare_s(&r, 200, "more", "value", 0, NULL), -DER_AGAIN);
    rig_reopen(&r, true);
    assert_int_equal(prepare_s(&r, 200, "more", "value", 0, NULL), -DER_AGAIN);
    r.txid.session_rand = 99;
    CHECK_EQ(rig_resolve(&r, 7, true, NULL), 0);
    r.txid.session_rand = 98;
    CHECK_EQ(prepare_s(&r, 200, "more", "value", 0, NULL), 0);
    CHECK_EQ(rig_resolve(&r, 200, true, NULL), 0);
    for (uint64_t i = 1; i <= VOS_INTENT_MAX; i++) {
        r.txid.session_rand = 99 + i / 100;
        CHECK_EQ(rig_resolve(&r, i, true, NULL), 0);
    }
    assert_int_equal(r.c->stat[ST_DKEY], VOS_INTENT_MAX + 1);
    check_clean(&r);
    rig_stop(&r);
}

/* The outcome of a later request has no room until an earlier one, which it shares a slot with, is
 * resolved: the client has its answer and cannot help. */
static void who_has_its_slot_is_waited_for(void **state)
{
    const uint64_t later = 1 + VOS_SESSION_OUTCOMES;
    bool replayed;
    uint64_t epoch;
    struct rig r;

    (void)state;
    rig_start(&r, NULL, 1, 2);
    begin_session(&r);
    CHECK_EQ(prepare_s(&r, 1, "k", "value", 0, NULL), 0);
    for (int full = 0; full < 2; full++) { /* its record is still small, and has grown */
        r.txid = (struct vos_txid){r.txid.session_hlc, r.txid.session_rand, later, later - 1};
        assert_int_equal(put_s(&r, kv(), "other", "a", "text"), -DER_INPROGRESS);
        met_is(&r, 1);
        assert_int_equal(prepare_s(&r, later, "other", "text", 0, NULL), -DER_INPROGRESS);
        met_is(&r, 1);
        assert_int_equal(vos_txid_check(r.v, &r.txid, &replayed, &epoch), -DER_INPROGRESS);
        r.txid.seq = 9; /* one that makes it grow */
        r.txid.acked = 8;
        if (full == 0)
            CHECK_EQ(put_s(&r, kv(), "other", "a", "text"), 0);
    }
    CHECK_EQ(rig_resolve(&r, 1, true, NULL), 0);
    r.txid.seq = later;
    r.txid.acked = later - 1;
    CHECK_EQ(put_s(&r, kv(), "other", "a", "more"), 0);
    check_clean(&r);
    rig_stop(&r);
}

static void a_line(void *arg, const char *text)
{
    struct rig_names *n = arg;

    n->nr += strncmp(text, "prepared: ", 10) == 0;
}

static void a_person_sees_it(void **state)
{
    struct rig_names n = {.nr = 0};
    struct vos_stat st;
    struct rig r;

    (void)state;
    rig_start(&r, NULL, 1, 2);
    begin_session(&r);
    CHECK_EQ(prepare_s(&r, 1, "k", "value", 0, NULL), 0);
    CHECK_EQ(RIG_RETRY(&r, vos_dump(r.c, kv(), a_line, &n)), 0); /* no object yet */
    assert_int_equal(n.nr, 1);
    CHECK_EQ(plain(&r, "other", "value"), 0);
    CHECK_EQ(RIG_RETRY(&r, vos_dump(r.c, kv(), a_line, &n)), 0);
    assert_int_equal(n.nr, 2);
    vos_stat(r.v, &st);
    assert_int_equal(st.intents, 1);
    assert_int_equal(st.intent_bytes, 5);
    assert_int_equal(st.singles, 1);
    rig_stop(&r);
}

/* ---- Attempts ---- */

/* A refusal is one of an epoch, like what other shards say of it: nothing comes below it later. */
static void a_refusal_stays_true(void **state)
{
    uint64_t early, late;
    struct one o;
    struct rig r;

    (void)state;
    rig_start(&r, NULL, 1, 2);
    begin_session(&r);
    CHECK_EQ(plain(&r, "k", "old"), 0);
    assert_int_equal(prepare_s(&r, 1, "other", "x", now(&r), NULL), -DER_AGAIN); /* marks begin */
    early = now(&r);
    late = now(&r);
    text_op(&o, "k", "new")->cond = DAOS_COND_DKEY_INSERT;
    r.txid.seq = 2;
    assert_int_equal(rig_prepare(&r, &o.op, 1, late, "leader", NULL), -DER_EXIST);
    assert_int_equal(prepare_s(&r, 3, "k", "new", early, NULL), -DER_AGAIN);
    CHECK_EQ(prepare_s(&r, 4, "k", "new", now(&r), NULL), 0);
    CHECK_EQ(rig_resolve(&r, 4, true, NULL), 0);
    check_clean(&r);
    rig_stop(&r);
}

/* An attempt that is given up leaves nothing, so another can be made under the same id. */
static void a_withdrawn_attempt_may_be_followed(void **state)
{
    struct vos_txid id;
    uint64_t e, later, at, lsn;
    struct rig r;

    (void)state;
    rig_start(&r, NULL, 1, 2);
    begin_session(&r);
    CHECK_EQ(plain(&r, "k", "old"), 0);
    e = now(&r);
    CHECK_EQ(prepare_s(&r, 1, "k", "new", 0, &e), 0);
    id = (struct vos_txid){r.txid.session_hlc, r.txid.session_rand, 1, 0};
    assert_int_equal(vos_prepared(r.c, &id), e);
    assert_int_equal(prepare_s(&r, 1, "k", "new", e + 1, NULL), -DER_AGAIN);
    CHECK_EQ(RIG_RETRY(&r, vos_withdraw(r.c, &id, e + 1, &lsn)), 0); /* not that one */
    assert_int_equal(vos_prepared(r.c, &id), e);
    CHECK_EQ(RIG_RETRY(&r, vos_withdraw(r.c, &id, e, &lsn)), 0);
    assert_int_equal(vos_prepared(r.c, &id), 0);
    assert_string_equal(get_s(&r, LATEST, kv(), "k", "a"), "old");
    check_clean(&r);
    rig_reopen(&r, false);
    CHECK_EQ(prepare_s(&r, 1, "k", "new", 0, &later), 0);
    assert_true(later > e);
    CHECK_EQ(rig_resolve(&r, 1, true, &at), 0);
    assert_int_equal(at, later);
    assert_string_equal(get_s(&r, LATEST, kv(), "k", "a"), "new");
    check_clean(&r);
    rig_stop(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(readers_wait_or_do_not),
        cmocka_unit_test(changes_wait_or_do_not),
        cmocka_unit_test(a_punched_object_is_in_doubt),
        cmocka_unit_test(conditions_hold_at_its_epoch),
        cmocka_unit_test(each_verdict_counts_once),
        cmocka_unit_test(its_slot_waits_for_it),
        cmocka_unit_test(what_is_refused),
        cmocka_unit_test(a_restart_finds_them),
        cmocka_unit_test(the_floor_stays_below),
        cmocka_unit_test(overwriting_stays_flat),
        cmocka_unit_test(snapshots_wait_for_it),
        cmocka_unit_test(no_more_than_so_many),
        cmocka_unit_test(who_has_its_slot_is_waited_for),
        cmocka_unit_test(a_person_sees_it),
        cmocka_unit_test(a_refusal_stays_true),
        cmocka_unit_test(a_withdrawn_attempt_may_be_followed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
