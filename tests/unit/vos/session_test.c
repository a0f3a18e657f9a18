/* At most once: outcomes survive a restart, old ones are refused, forgotten sessions are uncertain.
 */
#include "rig.h"

#define LATEST DAOS_EPOCH_MAX
static const daos_obj_id_t O = {.hi = 0, .lo = 1};

static int put_as(struct rig *r, uint64_t session, uint64_t seq, uint64_t acked, const char *val)
{
    r->txid = (struct vos_txid){session, 99, seq, acked};
    return put_s(r, O, "d", "a", val);
}

static void a_copy_changes_nothing(void **state)
{
    struct rig r;

    (void)state;
    rig_start(&r, NULL, 1, 10);
    assert_int_equal(put_as(&r, 5, 1, 0, "one"), 0);
    assert_false(r.replayed);
    assert_int_equal(put_as(&r, 5, 2, 0, "two"), 0);
    assert_int_equal(put_as(&r, 5, 1, 0, "one"), 0);
    assert_true(r.replayed);
    assert_string_equal(get_s(&r, LATEST, O, "d", "a"), "two");
    rig_reopen(&r, false);
    assert_int_equal(put_as(&r, 5, 1, 0, "one"), 0);
    assert_true(r.replayed);
    assert_string_equal(get_s(&r, LATEST, O, "d", "a"), "two");
    /* the same number of another session is another request */
    assert_int_equal(put_as(&r, 6, 1, 0, "three"), 0);
    assert_false(r.replayed);
    /* acknowledged: forgotten, and refused */
    assert_int_equal(put_as(&r, 5, 3, 2, "four"), 0);
    assert_int_equal(put_as(&r, 5, 1, 0, "one"), -DER_TX_ID_REUSED);
    assert_int_equal(put_as(&r, 5, 2, 0, "one"), -DER_TX_ID_REUSED);
    /* a failure is no outcome */
    r.txid = (struct vos_txid){5, 99, 4, 2};
    assert_int_equal(put(&r, O, K("d"), K("a"), "x", 1, DAOS_COND_DKEY_INSERT, 0), -DER_EXIST);
    assert_int_equal(put_as(&r, 5, 4, 2, "five"), 0);
    assert_false(r.replayed);
    rig_stop(&r);
}

static void many_may_be_open(void **state)
{
    struct rig r;

    (void)state;
    rig_start(&r, NULL, 2, 3);
    for (uint64_t seq = 1; seq <= VOS_SESSION_OUTCOMES; seq++)
        assert_int_equal(put_as(&r, 5, seq, 0, "v"), 0);
    assert_int_equal(put_as(&r, 5, VOS_SESSION_OUTCOMES + 1, 0, "v"), -DER_AGAIN);
    for (uint64_t seq = 1; seq <= VOS_SESSION_OUTCOMES; seq++) {
        assert_int_equal(put_as(&r, 5, seq, 0, "v"), 0);
        assert_true(r.replayed);
    }
    assert_int_equal(put_as(&r, 5, VOS_SESSION_OUTCOMES + 1, 1, "v"), 0);
    assert_false(r.replayed);
    rig_stop(&r);
}

/* The last one first: slots are found by number, whatever the order. */
static void any_order(void **state)
{
    struct rig r;

    (void)state;
    rig_start(&r, NULL, 3, 3);
    for (uint64_t seq = 200; seq >= 1; seq--)
        assert_int_equal(put_as(&r, 5, seq, 0, "v"), 0);
    for (uint64_t seq = 1; seq <= 200; seq++) {
        assert_int_equal(put_as(&r, 5, seq, 0, "v"), 0);
        assert_true(r.replayed);
    }
    rig_stop(&r);
}

/* One request is slow, and those after it have gone far ahead: it is no copy and no stranger. */
static void one_is_far_behind(void **state)
{
    static const uint64_t ahead[] = {10, 34, 66, 130, 250};
    struct rig r;

    (void)state;
    rig_start(&r, NULL, 3, 3);
    for (size_t i = 0; i < ARRAY_LEN(ahead); i++) {
        assert_int_equal(put_as(&r, 100 + i, ahead[i], 0, "v"), 0);
        assert_int_equal(put_as(&r, 100 + i, 2, 0, "v"), 0);
        assert_false(r.replayed);
        assert_int_equal(put_as(&r, 100 + i, ahead[i], 0, "v"), 0);
        assert_true(r.replayed);
    }
    rig_stop(&r);
}

static void idle_sessions_are_forgotten(void **state)
{
    struct rig r;
    bool more = true;
    uint64_t session;

    (void)state;
    rig_start(&r, NULL, 4, 10);
    session = hlc_get(&r.clock, r.wall_ns);
    assert_int_equal(put_as(&r, session, 1, 0, "one"), 0);
    r.wall_ns += UINT64_C(2 * 3600) * 1000000000;
    assert_int_equal(put_as(&r, session + (UINT64_C(1) << 40), 1, 0, "two"),
                     0); /* a younger session moves the clock */
    while (more)
        assert_int_equal(RIG_RETRY(&r, vos_reclaim(r.v, &more)), 0);
    assert_int_equal(put_as(&r, session, 1, 0, "one"), -DER_STALE);
    assert_int_equal(put_as(&r, session - 1, 1, 0, "one"), -DER_STALE);
    assert_int_equal(put_as(&r, session + (UINT64_C(1) << 40), 1, 0, "two"), 0);
    assert_true(r.replayed);
    rig_reopen(&r, true);
    assert_int_equal(put_as(&r, session, 1, 0, "one"), -DER_STALE);
    assert_string_equal(get_s(&r, LATEST, O, "d", "a"), "two");
    rig_stop(&r);
}

/* Of a client whose clock was ahead: that it is forgotten shuts out nobody whose clock is right. */
static void one_of_the_future_waits(void **state)
{
    const uint64_t hour = UINT64_C(3600) * 1000000000;
    struct rig r;
    bool more = true;

    (void)state;
    rig_start(&r, NULL, 6, 10);
    assert_int_equal(put_as(&r, hlc_get(&r.clock, r.wall_ns) + 5 * hour * 16, 1, 0, "one"), 0);
    for (int i = 0; i < 2; i++) {
        r.wall_ns += 4 * hour;
        assert_int_equal(put_as(&r, hlc_get(&r.clock, r.wall_ns), 1, 0, "two"), 0);
        for (more = true; more;)
            assert_int_equal(RIG_RETRY(&r, vos_reclaim(r.v, &more)), 0);
        assert_int_equal(put_as(&r, hlc_get(&r.clock, r.wall_ns), 1, 0, "three"), 0);
    }
    rig_stop(&r);
}

/* A wall clock set back by a year: epochs go on rising, nothing is lost. */
static void the_clock_never_goes_back(void **state)
{
    struct rig r;
    uint64_t before;

    (void)state;
    rig_start(&r, NULL, 5, 10);
    assert_int_equal(put_s(&r, O, "d", "a", "old"), 0);
    before = hlc_peek(&r.clock);
    r.wall_ns -= UINT64_C(365 * 86400) * 1000000000;
    rig_reopen(&r, false);
    assert_true(hlc_peek(&r.clock) >= before);
    assert_int_equal(put_s(&r, O, "d", "a", "new"), 0);
    assert_string_equal(get_s(&r, LATEST, O, "d", "a"), "new");
    /* an epoch a reader was promised counts too */
    before = hlc_peek(&r.clock) + (UINT64_C(1) << 42);
    assert_string_equal(get_s(&r, before, O, "d", "a"), "new");
    rig_reopen(&r, false);
    assert_true(hlc_peek(&r.clock) >= before);
    assert_int_equal(put_s(&r, O, "d", "a", "newer"), 0);
    assert_true(hlc_peek(&r.clock) > before);
    rig_stop(&r);
}

/* Sessions whose start and random number hash to the same place are told from each other. */
static void sessions_of_one_hash(void **state)
{
    const uint64_t c = UINT64_C(0x9e3779b97f4a7c15);
    uint64_t first;
    struct rig r;

    (void)state;
    rig_start(&r, NULL, 6, 5);
    first = hlc_get(&r.clock, r.wall_ns);
    for (int copy = 0; copy < 3; copy++) {
        for (uint64_t n = 0; n < 200; n++) {
            uint64_t hlc = first + n * 7 % 200,
                     rnd = mix64(first ^ c) + 99 - mix64(hlc ^ c); /* mix128(hlc, rnd): all equal */

            r.txid = (struct vos_txid){hlc, rnd, 1, 0};
            assert_int_equal(put_s(&r, O, "d", "a", "v"), 0);
            assert_int_equal(r.replayed, copy > 0);
        }
        rig_reopen(&r, copy > 0);
    }
    rig_stop(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_copy_changes_nothing),
        cmocka_unit_test(many_may_be_open),
        cmocka_unit_test(any_order),
        cmocka_unit_test(one_is_far_behind),
        cmocka_unit_test(idle_sessions_are_forgotten),
        cmocka_unit_test(one_of_the_future_waits),
        cmocka_unit_test(the_clock_never_goes_back),
        cmocka_unit_test(sessions_of_one_hash),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
