/* elle: a small history by hand for each thing that may be wrong, with one beside it that is not.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "elle.h"

#define BIT(what) (1u << (what))

static struct elle *e;
static uint32_t x, y, l, m, s, z; /* two registers, two lists, two sets */

static void fresh(enum elle_time time)
{
    if (e != NULL)
        elle_destroy(e);
    e = elle_create(time);
    x = elle_key(e, ELLE_REGISTER, "x");
    y = elle_key(e, ELLE_REGISTER, "y");
    l = elle_key(e, ELLE_LIST, "l");
    m = elle_key(e, ELLE_LIST, "m");
    s = elle_key(e, ELLE_SET, "s");
    z = elle_key(e, ELLE_SET, "z");
}

static uint32_t begin(uint32_t process)
{
    return elle_begin(e, process, false);
}

static void w(uint32_t t, uint32_t key, uint32_t value)
{
    elle_write(e, t, key, value);
}

static void commit(uint32_t t)
{
    elle_end(e, t, ELLE_COMMITTED);
}

#define SEEN(...)      (const uint32_t[]){__VA_ARGS__}, sizeof((uint32_t[]){__VA_ARGS__}) / 4
#define R(t, key, ...) elle_read(e, t, key, SEEN(__VA_ARGS__))
#define R0(t, key)     elle_read(e, t, key, NULL, 0)

static void one_write(uint32_t process, uint32_t key, uint32_t value)
{
    uint32_t t = elle_begin(e, process, true);

    w(t, key, value);
    commit(t);
}

static void good(void)
{
    if (!elle_check(e))
        print_message("%s", elle_story(e));
    assert_int_equal(elle_found(e), 0);
    assert_string_equal(elle_story(e), "");
}

/* Found, nothing that is not expected, and told. */
static void bad(uint32_t expected, uint32_t besides, const char *story)
{
    bool ok = elle_check(e);

    if (getenv("SIM_TELL") != NULL || (elle_found(e) & expected) != expected ||
        (elle_found(e) & ~(expected | besides)) != 0 || strstr(elle_story(e), story) == NULL)
        print_message("%s", elle_story(e));
    assert_false(ok);
    assert_int_equal(elle_found(e) & expected, expected);
    assert_int_equal(elle_found(e) & ~(expected | besides), 0);
    assert_non_null(strstr(elle_story(e), story));
}

/* ---- What one read shows ---- */

static void nothing_and_one_after_the_other(void **state)
{
    uint32_t t;

    fresh(ELLE_TIME_STRICT);
    good();
    t = begin(0);
    R0(t, x), R0(t, l), R0(t, s);
    w(t, x, 1), w(t, l, 1), w(t, s, 1);
    commit(t);
    t = begin(1);
    R(t, x, 1), R(t, l, 1), R(t, s, 1);
    w(t, x, 2), w(t, l, 2), w(t, s, 2);
    commit(t);
    t = begin(0);
    R(t, x, 2), R(t, l, 1, 2), R(t, s, 2, 1);
    commit(t);
    good();
    assert_int_equal(elle_txs(e), 3);
    assert_true(elle_edges(e) > 6);
    elle_reset(e);
    assert_int_equal(elle_txs(e), 0);
    good();
}

static void what_nobody_wrote(void **state)
{
    uint32_t t;

    fresh(ELLE_TIME_NONE);
    one_write(0, x, 7);
    t = begin(0);
    R(t, x, 8);
    commit(t);
    bad(BIT(ELLE_UNWRITTEN), 0, "T1 read x and saw 8");
}

static void what_was_aborted(void **state)
{
    for (int wrong = 0; wrong < 2; wrong++) {
        uint32_t t;

        fresh(ELLE_TIME_NONE);
        t = begin(0);
        w(t, l, 1);
        elle_end(e, t, wrong ? ELLE_ABORTED : ELLE_UNKNOWN);
        t = begin(1);
        R(t, l, 1);
        commit(t);
        if (wrong)
            bad(BIT(ELLE_G1A), 0, "T0 of client 0 was aborted: appended 1 to l");
        else
            good();
    }
}

/* Also to whoever was aborted itself. */
static void what_was_aborted_is_not_for_the_aborted(void **state)
{
    uint32_t t, r;

    fresh(ELLE_TIME_NONE);
    t = begin(0);
    w(t, s, 1);
    r = begin(1);
    R(r, s, 1);
    elle_end(e, r, ELLE_ABORTED);
    good();
    elle_end(e, t, ELLE_ABORTED);
    bad(BIT(ELLE_G1A), 0, "T1 read s and saw 1");
}

static void the_middle(void **state)
{
    for (uint32_t kind = 0; kind < 6; kind++) {
        uint32_t key = kind / 2 == 0 ? x : kind / 2 == 1 ? l : s, t;
        bool wrong = kind % 2;

        fresh(ELLE_TIME_NONE);
        t = begin(0);
        w(t, key, 1), w(t, key, 2);
        commit(t);
        t = begin(1);
        if (wrong)
            R(t, key, 1);
        else if (key == x)
            R(t, key, 2);
        else
            R(t, key, 1, 2);
        commit(t);
        if (wrong)
            bad(BIT(ELLE_G1B), BIT(ELLE_G_SINGLE), "T1 read");
        else
            good();
    }
}

static void its_own_writes(void **state)
{
    for (int wrong = 0; wrong < 2; wrong++) {
        uint32_t t;

        fresh(ELLE_TIME_NONE);
        t = begin(0);
        w(t, x, 1);
        if (wrong)
            R(t, x, 1);
        else
            R0(t, x);
        commit(t);
        if (wrong)
            bad(BIT(ELLE_OWN), 0, "its own");
        else
            good();
    }
}

static void two_states_in_one_transaction(void **state)
{
    for (int wrong = 0; wrong < 2; wrong++) {
        uint32_t t;

        fresh(ELLE_TIME_NONE);
        one_write(1, s, 1);
        one_write(1, s, 2);
        t = begin(0);
        R(t, s, 1, 2);
        if (wrong)
            R(t, s, 1);
        else
            R(t, s, 2, 1);
        commit(t);
        if (wrong)
            bad(BIT(ELLE_MOVED), BIT(ELLE_G_SINGLE), "read s twice");
        else
            good();
    }
}

static void twice(void **state)
{
    uint32_t t;

    fresh(ELLE_TIME_NONE);
    one_write(0, l, 1);
    one_write(0, l, 2);
    t = begin(1);
    R(t, l, 1, 2, 1);
    commit(t);
    bad(BIT(ELLE_DUPLICATE), BIT(ELLE_G0), "twice");
}

static void orders_that_exclude_each_other(void **state)
{
    for (int wrong = 0; wrong < 2; wrong++) {
        uint32_t t;

        fresh(ELLE_TIME_NONE);
        for (uint32_t v = 1; v <= 3; v++)
            one_write(v, l, v);
        t = begin(0);
        R(t, l, 2, 1, 3);
        commit(t);
        t = begin(4);
        if (wrong)
            R(t, l, 1, 2);
        else
            R(t, l, 2, 1);
        commit(t);
        if (wrong)
            bad(BIT(ELLE_ORDER), 0, "is not how the longest read of it begins");
        else
            good();
    }
}

/* ---- What was acknowledged ---- */

static void an_append_that_is_lost(void **state)
{
    for (int kind = 0; kind < 3; kind++) {
        uint32_t t = 0, r = 0;

        fresh(ELLE_TIME_STRICT);
        one_write(0, l, 1);
        if (kind == 0) /* not over when the read began */
            t = begin(0);
        else
            one_write(0, l, 2);
        r = begin(1);
        if (kind == 0) {
            w(t, l, 2);
            commit(t);
        }
        if (kind == 2) /* of unknown outcome is something else */
            R(r, l, 1, 2);
        else
            R(r, l, 1);
        commit(r);
        if (kind == 1)
            bad(BIT(ELLE_LOST), BIT(ELLE_G_SINGLE), "T1 wrote 2 to l and was acknowledged");
        else
            good();
    }
}

static void a_write_that_is_lost(void **state)
{
    for (int kind = 0; kind < 4; kind++) {
        uint32_t t;

        fresh(ELLE_TIME_STRICT);
        one_write(0, x, 1);
        t = begin(0);
        w(t, x, 2);
        if (kind == 3)
            one_write(1, x, 3); /* of the same time: either may be last */
        elle_end(e, t, kind == 2 ? ELLE_UNKNOWN : ELLE_COMMITTED);
        t = begin(2);
        R(t, x, kind == 1 || kind == 2 ? 1 : kind == 3 ? 3 : 2);
        commit(t);
        if (kind == 1)
            bad(BIT(ELLE_LOST), BIT(ELLE_G_SINGLE), "T1 wrote 2 to x and was acknowledged");
        else
            good();
    }
}

static void an_element_that_is_lost(void **state)
{
    uint32_t t;

    fresh(ELLE_TIME_STRICT);
    one_write(0, s, 1);
    one_write(0, s, 2);
    t = begin(1);
    R(t, s, 2);
    commit(t);
    bad(BIT(ELLE_LOST), BIT(ELLE_G_SINGLE), "T0 wrote 1 to s and was acknowledged");
}

/* With the weaker promise of time, only to plain calls and to the same client. */
static void the_promise_of_keys(void **state)
{
    for (uint32_t kind = 0; kind < 4; kind++) {
        uint32_t t;

        fresh(kind == 3 ? ELLE_TIME_NONE : ELLE_TIME_KEYS);
        one_write(0, x, 1);
        t = elle_begin(e, kind == 1 ? 0 : 1, kind == 2);
        R0(t, x);
        commit(t);
        if (kind == 1 || kind == 2)
            bad(BIT(ELLE_LOST), BIT(ELLE_G_SINGLE), "T0 wrote 1 to x");
        else
            good();
    }
}

/* A client that goes back, over two keys that have nothing in common. */
static void a_client_goes_back(void **state)
{
    for (uint32_t other = 0; other < 2; other++) {
        uint32_t a, b, c;

        fresh(ELLE_TIME_KEYS);
        a = begin(0);
        R0(a, y);
        w(a, x, 1);
        commit(a);
        b = begin(1);
        w(b, y, 1);
        commit(b);
        c = begin(other ? 2 : 1); /* after b, and before a, which is before b */
        R0(c, x);
        commit(c);
        if (other)
            good();
        else
            bad(BIT(ELLE_G2), 0, "it had taken effect before T2 began");
    }
}

/* As above, but a commits after c has read: only a plain read may do so. */
static void a_plain_read_goes_back(void **state)
{
    for (uint32_t plain = 0; plain < 2; plain++) {
        uint32_t a, b, c;

        fresh(ELLE_TIME_KEYS);
        a = begin(0);
        R0(a, y);
        w(a, x, 1);
        b = elle_begin(e, 1, true);
        w(b, y, 1);
        commit(b);
        c = elle_begin(e, 1, plain != 0);
        R0(c, x);
        commit(c);
        commit(a);
        if (plain)
            good();
        else
            bad(BIT(ELLE_G2), 0, "it had taken effect before T2 began");
    }
}

/* One adds to a set, then another; a transaction that began before has the later one alone. That
 * may be where elements lie apart. Who reads by himself misses nothing there either. */
static void a_set_apart(void **state)
{
    for (uint32_t apart = 0; apart < 2; apart++) {
        uint32_t key, r, a;

        fresh(ELLE_TIME_KEYS);
        key = elle_key(e, apart ? ELLE_SET_APART : ELLE_SET, "t");
        r = begin(2);
        a = begin(0);
        w(a, key, 1);
        commit(a);
        one_write(1, key, 2);
        R(r, key, 2);
        commit(r);
        if (apart)
            good();
        else
            bad(BIT(ELLE_G_SINGLE), 0, "it had taken effect before T2 began");
        r = elle_begin(e, 2, true);
        R(r, key, 2);
        commit(r);
        bad(BIT(ELLE_LOST), BIT(ELLE_G_SINGLE), "T1 wrote 1 to t and was acknowledged");
    }
}

/* ---- Circles ---- */

static void circle_of_writes(void **state)
{
    for (int wrong = 0; wrong < 2; wrong++) {
        uint32_t a, b, t;

        fresh(ELLE_TIME_NONE);
        a = begin(0);
        b = begin(1);
        w(a, l, 1), w(a, m, 1);
        w(b, l, 2), w(b, m, 2);
        commit(a);
        commit(b);
        t = begin(2);
        R(t, l, 1, 2);
        commit(t);
        t = begin(2);
        if (wrong)
            R(t, m, 2, 1);
        else
            R(t, m, 1, 2);
        commit(t);
        if (wrong)
            bad(BIT(ELLE_G0), 0, "of l, 1 comes before 2");
        else
            good();
    }
}

static void circle_of_reads(void **state)
{
    for (int wrong = 0; wrong < 2; wrong++) {
        uint32_t a, b;

        fresh(ELLE_TIME_NONE);
        a = begin(0);
        b = begin(1);
        w(a, x, 1);
        w(b, y, 1);
        if (wrong)
            R(a, y, 1);
        else
            R0(a, y);
        R(b, x, 1);
        commit(a);
        commit(b);
        if (wrong)
            bad(BIT(ELLE_G1C), 0, "T0 saw 1 in y, which T1 wrote");
        else
            good();
    }
}

/* Half of what another one wrote. */
static void torn_read(void **state)
{
    for (uint32_t kind = 0; kind < 6; kind++) {
        uint32_t a = kind / 2 == 0 ? x : kind / 2 == 1 ? l : s;
        uint32_t b = kind / 2 == 0 ? y : kind / 2 == 1 ? m : z, t;
        bool wrong = kind % 2;

        fresh(ELLE_TIME_NONE);
        t = begin(0);
        w(t, a, 1), w(t, b, 1);
        elle_end(e, t, kind / 2 == 0 ? ELLE_COMMITTED : ELLE_UNKNOWN); /* seen is whole */
        t = begin(1);
        R(t, a, 1);
        if (wrong)
            R0(t, b);
        else
            R(t, b, 1);
        elle_end(e, t, kind / 2 == 2 ? ELLE_ABORTED : ELLE_COMMITTED); /* also then */
        if (wrong)
            bad(BIT(ELLE_G_SINGLE), 0, "and did not see 1 yet, which T0 wrote");
        else
            good();
    }
}

/* Both read and replace the same. */
static void lost_update(void **state)
{
    for (uint32_t kind = 0; kind < 4; kind++) {
        uint32_t a, b, key = kind / 2 == 0 ? x : l;
        bool wrong = kind % 2;

        fresh(ELLE_TIME_NONE);
        one_write(2, key, 1);
        a = begin(0);
        R(a, key, 1);
        w(a, key, 2);
        commit(a);
        b = begin(1);
        if (wrong)
            R(b, key, 1);
        else if (key == x)
            R(b, key, 2);
        else
            R(b, key, 1, 2);
        w(b, key, 3);
        commit(b);
        if (wrong)
            bad(BIT(ELLE_G2), 0, "T1 of client 0 committed: read");
        else
            good();
    }
}

static void write_skew(void **state)
{
    for (int wrong = 0; wrong < 2; wrong++) {
        uint32_t a, b;

        fresh(ELLE_TIME_NONE);
        a = begin(0);
        b = begin(1);
        R0(a, x);
        R0(b, y);
        w(a, y, 1);
        w(b, x, 1);
        commit(a);
        elle_end(e, b, wrong ? ELLE_COMMITTED : ELLE_ABORTED);
        if (wrong)
            bad(BIT(ELLE_G2), 0, "T0 read x and did not see 1 yet, which T1 wrote");
        else
            good();
    }
}

/* Each enumerates what the other adds to. */
static void phantoms(void **state)
{
    for (int wrong = 0; wrong < 2; wrong++) {
        uint32_t a, b;

        fresh(ELLE_TIME_NONE);
        one_write(2, s, 9);
        a = begin(0);
        b = begin(1);
        R(a, s, 9);
        w(a, z, 1);
        commit(a);
        if (wrong)
            R0(b, z);
        else
            R(b, z, 1);
        w(b, s, 1);
        commit(b);
        if (wrong)
            bad(BIT(ELLE_G2), 0, "T1 read s and did not see 1 yet, which T2 wrote");
        else
            good();
    }
}

/* Of three, where each pair is right; with a fourth that has nothing to do with it. */
static void the_shortest_circle(void **state)
{
    uint32_t a, b, c;

    fresh(ELLE_TIME_NONE);
    one_write(3, z, 5);
    a = begin(0), b = begin(1), c = begin(2);
    R0(a, x), R0(b, y), R0(c, l);
    w(a, l, 1), w(b, x, 1), w(c, y, 1);
    commit(a), commit(b), commit(c);
    bad(BIT(ELLE_G2), 0, "T2 before T3");
    assert_null(strstr(elle_story(e), "T0"));
    assert_non_null(strstr(elle_story(e), "T1 before T2"));
    assert_non_null(strstr(elle_story(e), "T3 before T1"));
}

/* ---- Time and epochs ---- */

/* Serializable, but not in the order of time. */
static void a_stale_read(void **state)
{
    for (int strict = 0; strict < 2; strict++) {
        uint32_t a, b;

        fresh(strict ? ELLE_TIME_STRICT : ELLE_TIME_NONE);
        a = begin(0);
        R0(a, x), w(a, x, 1), w(a, y, 1);
        commit(a);
        b = begin(1);
        R0(b, z);
        R0(b, y);
        commit(b);
        if (strict)
            bad(BIT(ELLE_LOST) | BIT(ELLE_G_SINGLE), 0, "it had taken effect before T1 began");
        else
            good();
    }
}

/* What only reads is of the moment of its first read. */
static void reads_of_one_moment(void **state)
{
    for (int wrong = 0; wrong < 2; wrong++) {
        uint32_t t;

        fresh(ELLE_TIME_STRICT);
        t = begin(0);
        if (!wrong)
            one_write(1, x, 1);
        R0(t, y);
        if (wrong)
            one_write(1, x, 1);
        R(t, x, 1);
        elle_end(e, t, ELLE_ABORTED);
        if (wrong)
            bad(BIT(ELLE_G1C), 0, "T1 before T0: T0 saw 1 in x");
        else
            good();
    }
}

/* An unknown outcome may come late, but not before it was asked for, and not twice. */
static void unknown_and_late(void **state)
{
    uint32_t t, r;

    fresh(ELLE_TIME_STRICT);
    t = begin(0);
    w(t, x, 1), w(t, y, 1);
    elle_end(e, t, ELLE_UNKNOWN);
    r = begin(1);
    R0(r, x);
    commit(r);
    r = begin(1);
    R(r, y, 1);
    commit(r);
    good();
    r = begin(1);
    R0(r, x); /* it had happened */
    commit(r);
    bad(BIT(ELLE_G_SINGLE), 0, "but was seen");
}

static void epochs(void **state)
{
    for (uint32_t kind = 0; kind < 5; kind++) {
        uint32_t a, b, c;

        fresh(ELLE_TIME_NONE);
        a = begin(0);
        w(a, x, 1);
        if (kind >= 3)
            elle_commit_epoch(e, a, kind == 3 ? 15 : 25);
        commit(a);
        b = begin(1);
        R(b, x, 1);
        elle_epoch(e, b, 20);
        commit(b);
        c = begin(2);
        R0(c, x);
        elle_epoch(e, c, kind == 0 ? 30 : kind == 1 ? 20 : 10);
        if (kind == 2)
            w(c, y, 1); /* it may have committed far above */
        commit(c);
        if (kind == 0 || kind == 1 || kind == 4)
            bad(BIT(ELLE_G_SINGLE) * (kind < 2) + BIT(ELLE_G1C) * (kind == 4), BIT(ELLE_G_SINGLE),
                kind == 1 ? "T1 is T2: both read at one epoch" : "by their epochs");
        else
            good();
    }
}

/* Two that read at one epoch, one after the other: right, unless something came between. */
static void one_epoch_twice(void **state)
{
    for (uint32_t wrong = 0; wrong < 2; wrong++) {
        fresh(ELLE_TIME_STRICT);
        for (uint32_t i = 0; i < 2; i++) {
            uint32_t t = begin(0);

            R0(t, x);
            elle_epoch(e, t, 9);
            commit(t);
            if (i == 0 && wrong)
                one_write(1, x, 1);
        }
        if (wrong)
            bad(BIT(ELLE_LOST) | BIT(ELLE_G0), 0, "T2 is T0: both read at one epoch");
        else
            good();
    }
}

/* What is read at a snapshot is of the time when it was made. */
static void snapshots(void **state)
{
    for (uint32_t kind = 0; kind < 3; kind++) {
        uint64_t from, to;
        uint32_t t;

        fresh(ELLE_TIME_STRICT);
        one_write(0, x, 1);
        from = elle_now(e);
        to = elle_now(e);
        one_write(0, l, 2);
        t = elle_begin(e, ELLE_NOBODY, false);
        elle_when(e, t, from, to);
        elle_note(e, t, "snapshot");
        elle_epoch(e, t, 5);
        if (kind == 1)
            R0(t, x);
        else
            R(t, x, 1);
        if (kind == 2)
            R(t, l, 2);
        else
            R0(t, l);
        commit(t);
        if (kind == 0)
            good();
        else if (kind == 1)
            bad(BIT(ELLE_LOST), BIT(ELLE_G_SINGLE), "T2 (snapshot) committed");
        else
            bad(BIT(ELLE_G1C), 0, "it had taken effect before T1 began");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_and_one_after_the_other),
        cmocka_unit_test(what_nobody_wrote),
        cmocka_unit_test(what_was_aborted),
        cmocka_unit_test(what_was_aborted_is_not_for_the_aborted),
        cmocka_unit_test(the_middle),
        cmocka_unit_test(its_own_writes),
        cmocka_unit_test(two_states_in_one_transaction),
        cmocka_unit_test(twice),
        cmocka_unit_test(orders_that_exclude_each_other),
        cmocka_unit_test(an_append_that_is_lost),
        cmocka_unit_test(a_write_that_is_lost),
        cmocka_unit_test(an_element_that_is_lost),
        cmocka_unit_test(the_promise_of_keys),
        cmocka_unit_test(a_client_goes_back),
        cmocka_unit_test(a_plain_read_goes_back),
        cmocka_unit_test(a_set_apart),
        cmocka_unit_test(circle_of_writes),
        cmocka_unit_test(circle_of_reads),
        cmocka_unit_test(torn_read),
        cmocka_unit_test(lost_update),
        cmocka_unit_test(write_skew),
        cmocka_unit_test(phantoms),
        cmocka_unit_test(the_shortest_circle),
        cmocka_unit_test(a_stale_read),
        cmocka_unit_test(reads_of_one_moment),
        cmocka_unit_test(unknown_and_late),
        cmocka_unit_test(epochs),
        cmocka_unit_test(one_epoch_twice),
        cmocka_unit_test(snapshots),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);

    if (e != NULL)
        elle_destroy(e);
    return failed;
}
