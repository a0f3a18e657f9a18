/* Request ids: never twice, the mark follows what was answered, at most a window under way. */
#include "fake_embed.h"
#include <stdlib.h>
#include "client/session.h"

static void the_mark_moves_over_answered_ids(void **state)
{
    struct session_set s;
    struct hlc clock = {0};
    struct txid id[4];
    int i;

    (void)state;
    session_set_init(&s);
    for (i = 0; i < 4; i++) {
        assert_int_equal(session_begin(&s, &clock, &id[i]), 0);
        assert_int_equal(id[i].seq, i + 1);
        assert_int_equal(id[i].acked, 0);
    }
    session_end(&s, &id[1]);
    session_end(&s, &id[3]);
    assert_int_equal(session_begin(&s, &clock, &id[1]), 0);
    assert_int_equal(id[1].seq, 5);
    assert_int_equal(id[1].acked, 0); /* 1 is still out */
    session_end(&s, &id[0]);
    assert_int_equal(session_begin(&s, &clock, &id[0]), 0);
    assert_int_equal(id[0].acked, 2);
    session_end(&s, &id[2]);
    session_end(&s, &id[0]);
    session_end(&s, &id[1]);
    assert_int_equal(session_begin(&s, &clock, &id[0]), 0);
    assert_int_equal(id[0].seq, 7);
    assert_int_equal(id[0].acked, 6);
    session_end(&s, &id[0]);
    session_end(&s, &id[0]); /* once is enough */
    session_set_fini(&s);
}

static void a_full_window_opens_another_session(void **state)
{
    struct session_set s;
    struct hlc clock = {0};
    struct txid *id = calloc(SESSION_WINDOW * 2 + 2, sizeof(*id));
    uint32_t i;

    (void)state;
    session_set_init(&s);
    for (i = 0; i < SESSION_WINDOW * 2; i++)
        assert_int_equal(session_begin(&s, &clock, &id[i]), 0);
    assert_ptr_equal(id[0].session, id[SESSION_WINDOW - 1].session);
    assert_ptr_not_equal(id[0].session, id[SESSION_WINDOW].session);
    assert_true(id[0].hlc != id[SESSION_WINDOW].hlc || id[0].rand != id[SESSION_WINDOW].rand);
    /* one old request blocks its window however many after it are answered */
    for (i = 1; i < SESSION_WINDOW; i++)
        session_end(&s, &id[i]);
    assert_int_equal(session_begin(&s, &clock, &id[1]), 0);
    assert_ptr_not_equal(id[1].session, id[0].session);
    session_end(&s, &id[1]);
    session_end(&s, &id[0]);
    assert_int_equal(session_begin(&s, &clock, &id[1]), 0);
    assert_int_equal(id[1].seq, SESSION_WINDOW + 1);
    assert_int_equal(id[1].acked, SESSION_WINDOW);
    session_end(&s, &id[1]);
    session_set_fini(&s);
    free(id);
}

/* A new identity, by the clock of now, but not while anything is under way in the old one. */
static void renewed_when_empty(void **state)
{
    struct session_set s;
    struct hlc clock = {0};
    struct txid first, second, third;

    (void)state;
    session_set_init(&s);
    assert_int_equal(session_begin(&s, &clock, &first), 0);
    hlc_raise(&clock, first.hlc + (UINT64_C(1) << 50));
    session_renew(&s);
    assert_int_equal(session_begin(&s, &clock, &second), 0);
    assert_ptr_not_equal(second.session, first.session);
    assert_true(second.hlc > first.hlc + (UINT64_C(1) << 49));
    assert_int_equal(second.seq, 1);
    session_end(&s, &first);
    assert_int_equal(session_begin(&s, &clock, &third), 0);
    assert_true(third.hlc > second.hlc && third.rand != first.rand);
    assert_int_equal(third.seq, 1);
    assert_int_equal(third.acked, 0);
    session_end(&s, &third);
    session_end(&s, &second);
    session_set_fini(&s);
}

/* A session that was refused gives no more ids; the others go on. */
static void a_refused_one_is_renamed(void **state)
{
    struct session_set s;
    struct hlc clock = {0};
    struct txid full[SESSION_WINDOW], other, next;

    (void)state;
    session_set_init(&s);
    for (uint32_t i = 0; i < SESSION_WINDOW; i++)
        assert_int_equal(session_begin(&s, &clock, &full[i]), 0);
    assert_int_equal(session_begin(&s, &clock, &other), 0);
    assert_ptr_not_equal(other.session, full[0].session);
    session_refused(&s, &full[5]);
    session_end(&s, &full[5]);
    session_end(&s, &full[0]);
    assert_int_equal(session_begin(&s, &clock, &next), 0);
    assert_ptr_equal(next.session, other.session);
    session_end(&s, &next);
    for (uint32_t i = 0; i < SESSION_WINDOW; i++)
        session_end(&s, &full[i]);
    assert_int_equal(session_begin(&s, &clock, &next), 0);
    assert_true(next.rand != full[0].rand && next.seq == 1);
    session_end(&s, &next);
    session_end(&s, &other);
    session_set_fini(&s);
}

static void any_order_of_answers(void **state)
{
    enum { N = 100 };
    struct session_set s;
    struct hlc clock = {0};
    struct txid id[N] = {0};
    uint64_t last = 0, seen_acked = 0;
    int round;

    (void)state;
    session_set_init(&s);
    srandom(7);
    for (round = 0; round < 20000; round++) {
        long i = random() % N;

        if (id[i].session != NULL) {
            session_end(&s, &id[i]);
            continue;
        }
        assert_int_equal(session_begin(&s, &clock, &id[i]), 0);
        if (id[i].session == s.all[0]) {
            assert_true(id[i].seq > last);
            assert_true(id[i].acked >= seen_acked && id[i].seq - id[i].acked <= SESSION_WINDOW);
            last = id[i].seq;
            seen_acked = id[i].acked;
        }
    }
    for (round = 0; round < N; round++)
        session_end(&s, &id[round]);
    assert_int_equal(session_begin(&s, &clock, &id[0]), 0);
    assert_int_equal(id[0].acked, id[0].seq - 1);
    session_end(&s, &id[0]);
    session_set_fini(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_mark_moves_over_answered_ids),
        cmocka_unit_test(a_full_window_opens_another_session),
        cmocka_unit_test(renewed_when_empty),
        cmocka_unit_test(a_refused_one_is_renamed),
        cmocka_unit_test(any_order_of_answers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
