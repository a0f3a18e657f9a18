/*
 * The oracle itself: small histories by hand, right and wrong, and random ones compared with a
 * search through all permutations.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>
#include "hist_int.h"
#include "hist_regs.h"
#include "sim_media.h"

static struct hist *fresh(bool with_hints)
{
    const struct regs zero = {0};
    struct hist_spec s = spec;

    if (!with_hints)
        s.touches = NULL, s.only_reads = NULL;
    return hist_create(&s, &zero);
}

/* ---- By hand ---- */

static struct op wr(uint8_t key, uint8_t value)
{
    return (struct op){.kind = WRITE, .key = key, .value = value};
}

static struct op rd(uint8_t key, uint8_t got)
{
    return (struct op){.kind = READ, .key = key, .got = {got}};
}

static struct op cas(uint8_t key, uint8_t expect, uint8_t value, uint8_t done)
{
    return (struct op){.kind = CAS, .key = key, .value = value, .expect = expect, .got = {done}};
}

static struct op both(uint8_t key, uint8_t value)
{
    return (struct op){.kind = BOTH, .key = key, .value = value};
}

static struct op rd_both(uint8_t key, uint8_t a, uint8_t b)
{
    return (struct op){.kind = READ_BOTH, .key = key, .got = {a, b}};
}

static uint32_t call(struct hist *h, uint32_t client, struct op op)
{
    return hist_call(h, client, &op);
}

static bool ret(struct hist *h, uint32_t id, struct op op)
{
    return hist_return(h, id, &op);
}

static bool at_once(struct hist *h, struct op op)
{
    return hist_return(h, hist_call(h, 0, &op), &op);
}

static void one_after_the_other(void **state)
{
    struct hist *h = fresh(true);

    assert_true(at_once(h, wr(0, 1)));
    assert_true(at_once(h, rd(0, 1)));
    assert_true(at_once(h, cas(0, 1, 2, 1)));
    assert_true(at_once(h, cas(0, 1, 3, 0)));
    assert_true(at_once(h, rd(0, 2)));
    assert_int_equal(hist_states(h, NULL), 1);
    assert_int_equal(hist_ops(h), 5);
    assert_true(hist_good(h));
    assert_false(at_once(h, rd(0, 1))); /* lost update */
    assert_false(hist_good(h));
    assert_false(hist_gave_up(h)); /* it is wrong, not too much to think of */
    assert_non_null(strstr(hist_story(h), "read 0 (0) = 1"));
    assert_non_null(strstr(hist_story(h), "2 0 0, snapshot"));
    assert_false(at_once(h, rd(0, 2))); /* for ever after */
    hist_destroy(h);
}

static void a_stale_read_after_the_answer(void **state)
{
    struct hist *h = fresh(true);
    uint32_t w = call(h, 1, wr(0, 1)), r1 = call(h, 2, rd(0, 0)), r2;

    assert_true(ret(h, r1, rd(0, 0))); /* not yet */
    r1 = call(h, 2, rd(0, 0));
    assert_true(ret(h, w, wr(0, 1)));
    r2 = call(h, 3, rd(0, 0));
    assert_true(ret(h, r1, rd(0, 0))); /* it began before the answer: may be old */
    assert_false(ret(h, r2, rd(0, 0)));
    hist_destroy(h);
}

/* Two readers see two writes under way: not in different orders. */
static void two_readers_agree(void **state)
{
    for (int wrong = 0; wrong < 2; wrong++) {
        struct hist *h = fresh(true);

        call(h, 1, wr(0, 1));
        call(h, 2, wr(1, 1));
        assert_true(at_once(h, rd(0, 1)));
        assert_true(at_once(h, rd(1, 0)));
        assert_true(at_once(h, rd(0, 1)));
        assert_int_equal(at_once(h, rd(wrong ? 0 : 1, 0)), !wrong);
        hist_destroy(h);
    }
}

/* One client sees a before b, the other b before a. */
static void values_in_the_wrong_order(void **state)
{
    struct hist *h = fresh(true);
    uint32_t r1, r2;

    call(h, 1, wr(0, 1));
    call(h, 2, wr(0, 2));
    r1 = call(h, 3, rd(0, 0));
    assert_true(ret(h, r1, rd(0, 1)));
    r1 = call(h, 3, rd(0, 0));
    assert_true(ret(h, r1, rd(0, 2)));
    r2 = call(h, 4, rd(0, 0));
    assert_false(ret(h, r2, rd(0, 1)));
    hist_destroy(h);
}

static void a_compound_is_whole(void **state)
{
    struct hist *h = fresh(true);
    uint32_t b = call(h, 1, both(0, 7));

    assert_true(at_once(h, rd(0, 7)));
    assert_true(at_once(h, rd_both(0, 7, 7)));
    assert_true(ret(h, b, both(0, 7)));
    hist_destroy(h);
    h = fresh(true);
    call(h, 1, both(0, 7));
    assert_true(at_once(h, rd(0, 7)));
    assert_false(at_once(h, rd(1, 0))); /* half of it */
    hist_destroy(h);
}

/* The answer of an operation that others saw early is held against the state it met. */
static void an_early_effect_answers_for_its_instant(void **state)
{
    for (uint8_t done = 0; done < 2; done++) {
        struct hist *h = fresh(true);
        uint32_t c = call(h, 1, cas(0, 0, 5, 0));

        assert_true(at_once(h, rd(0, 5)));
        assert_true(at_once(h, wr(0, 0)));
        assert_int_equal(ret(h, c, cas(0, 0, 5, done)), done);
        hist_destroy(h);
    }
}

/* A failed condition may belong to any moment of the call. */
static void a_failure_in_the_past(void **state)
{
    for (int wrong = 0; wrong < 2; wrong++) {
        struct hist *h = fresh(true);
        uint32_t c;

        assert_true(at_once(h, wr(0, 1)));
        if (wrong)
            assert_true(at_once(h, wr(0, 0)));
        c = call(h, 1, cas(0, 0, 5, 0));
        if (!wrong)
            assert_true(at_once(h, wr(0, 0)));
        assert_true(at_once(h, rd(0, 0)));
        assert_true(at_once(h, wr(1, 1)));
        assert_int_equal(ret(h, c, cas(0, 0, 5, 0)), !wrong);
        hist_destroy(h);
    }
}

static void unknown_outcomes(void **state)
{
    for (uint8_t happened = 0; happened < 2; happened++) {
        struct hist *h = fresh(true);
        uint32_t most;

        hist_unknown(h, call(h, 1, wr(0, 1)));
        assert_true(at_once(h, rd(0, 0)));
        assert_true(at_once(h, rd(0, 0)));
        if (happened)
            assert_true(at_once(h, rd(0, 1))); /* late, but before the end */
        hist_settle(h);
        assert_true(at_once(h, rd(0, happened)));
        assert_false(at_once(h, rd(0, !happened)));
        hist_states(h, &most);
        assert_true(most <= 2);
        hist_destroy(h);
    }
}

/* After settling it is one or the other, and stays so. */
static void settled_is_decided(void **state)
{
    for (int i = 0; i < 4; i++) {
        struct hist *h = fresh(true);
        bool first = i & 1, second = i & 2;

        hist_unknown(h, call(h, 1, wr(0, 1)));
        hist_settle(h);
        assert_true(at_once(h, rd(0, first)));
        assert_int_equal(at_once(h, rd(0, second)), first == second);
        hist_destroy(h);
    }
}

static void failed_has_changed_nothing(void **state)
{
    struct hist *h = fresh(true);
    uint32_t w = call(h, 1, wr(0, 1));

    assert_true(hist_failed(h, w));
    assert_false(at_once(h, rd(0, 1)));
    hist_destroy(h);
    h = fresh(true);
    w = call(h, 1, wr(0, 1));
    assert_true(at_once(h, rd(0, 1)));
    assert_false(hist_failed(h, w)); /* it was seen */
    hist_destroy(h);
}

static void a_snapshot_does_not_change(void **state)
{
    struct op snap = {.kind = SNAP}, one = {.kind = READ_SNAP, .got = {1}},
              two = {.kind = READ_SNAP, .got = {2}};
    struct hist *h = fresh(true);

    assert_true(at_once(h, wr(0, 1)));
    assert_true(at_once(h, snap));
    assert_true(at_once(h, one));
    assert_true(at_once(h, wr(0, 2)));
    assert_true(at_once(h, one));
    assert_false(at_once(h, two));
    hist_destroy(h);
}

/* With every pair of writes that are concurrent its possible pasts double. */
static void a_long_read_among_many_writes(void **state)
{
    for (uint8_t wrong = 0; wrong < 2; wrong++) {
        struct hist *h = fresh(true);
        uint32_t r = call(h, 1, rd_both(0, 0, 0));

        for (uint8_t i = 1; i < 40; i++) {
            uint32_t a = call(h, 2, wr(0, i)), b = call(h, 3, wr(1, i));

            assert_true(ret(h, a, wr(0, i)));
            assert_true(ret(h, b, wr(1, i)));
        }
        assert_int_equal(ret(h, r, rd_both(0, 27, 26 - wrong)), !wrong);
        hist_destroy(h);
    }
}

static void too_many_open_is_said(void **state)
{
    struct hist *h = fresh(true);

    for (uint32_t i = 0; i < HIST_OPEN_MAX; i++)
        hist_unknown(h, call(h, 1, wr(0, (uint8_t)(i + 1))));
    assert_true(hist_good(h));
    hist_unknown(h, call(h, 1, wr(0, 1)));
    assert_false(hist_good(h));
    assert_non_null(strstr(hist_story(h), "HIST_OPEN_MAX"));
    hist_destroy(h);
}

/* ---- At random ---- */

#define OPS 9

enum fate { ANSWERED, FAILED, LOST, OPEN };

struct past_op {
    struct op op;
    enum fate fate;
    int called, ended; /* numbers of events; LOST: ended by settling; INT32_MAX: open */
};

struct story {
    struct past_op ops[OPS];
    int nr, events;
};

/* All orders. */
static bool any_order(const struct story *s, const struct regs *st, uint32_t placed)
{
    bool all = true;

    for (int i = 0; i < s->nr; i++)
        all &= s->ops[i].fate != ANSWERED || (placed >> i & 1);
    if (all)
        return true;
    for (int i = 0; i < s->nr; i++) {
        const struct past_op *p = &s->ops[i];
        struct regs next = *st;
        bool fits = !(placed >> i & 1) && p->fate != FAILED;

        for (int k = 0; k < s->nr && fits; k++) {
            const struct past_op *q = &s->ops[k];

            if (placed >> k & 1)
                fits = p->ended > q->called;
            else if (q->fate == ANSWERED && q->ended < p->called)
                fits = false;
        }
        if (fits && apply(&next, &p->op, p->fate == ANSWERED) &&
            any_order(s, &next, placed | 1u << i))
            return true;
    }
    return false;
}

static struct op random_op(struct sim_rng *r)
{
    return (struct op){.kind = (uint8_t)sim_rng_below(r, KINDS),
                       .key = (uint8_t)sim_rng_below(r, KEYS),
                       .value = (uint8_t)sim_rng_below(r, 3),
                       .expect = (uint8_t)sim_rng_below(r, 3)};
}

/* What it answers in this state. */
static void answer(struct regs *st, struct op *op)
{
    const uint8_t *of = op->kind == READ_SNAP ? st->snap : st->now;

    if (op->kind == CAS)
        op->got[0] = st->now[op->key] == op->expect;
    else if (op->kind == READ || op->kind == READ_SNAP)
        op->got[0] = of[op->key];
    else if (op->kind == READ_BOTH)
        op->got[0] = of[op->key], op->got[1] = of[after(op->key)];
    (void)apply(st, op, false);
}

struct game {
    struct sim_rng rng;
    struct story s;
    struct hist *h;
    struct regs truth;
    uint32_t ids[OPS];
    bool took[OPS];
    uint64_t wrong, right, missed;
    uint32_t merge_from; /* 0: as it is */
};

static void take(struct game *g, int i)
{
    if (!g->took[i])
        answer(&g->truth, &g->s.ops[i].op);
    g->took[i] = true;
}

static bool end_one(struct game *g, int i)
{
    struct past_op *p = &g->s.ops[i];
    uint64_t how = sim_rng_below(&g->rng, 10);

    p->ended = g->s.events++;
    if (how < 2) {
        p->fate = LOST;
        p->ended = INT32_MAX;
        hist_unknown(g->h, g->ids[i]);
        return true;
    }
    if (how == 2 && !g->took[i]) {
        p->fate = FAILED;
        return hist_failed(g->h, g->ids[i]);
    }
    take(g, i);
    p->fate = ANSWERED;
    if (sim_rng_below(&g->rng, 8) == 0)
        p->op.got[0] = (uint8_t)sim_rng_below(&g->rng, p->op.kind == CAS ? 2 : 3);
    return hist_return(g->h, g->ids[i], &p->op);
}

static void settle(struct game *g)
{
    hist_settle(g->h);
    for (int i = 0; i < g->s.nr; i++)
        if (g->s.ops[i].fate == LOST && g->s.ops[i].ended == INT32_MAX)
            g->s.ops[i].ended = g->s.events;
    g->s.events++;
}

/* One event; the oracle's verdict. */
static bool event(struct game *g)
{
    uint64_t what = sim_rng_below(&g->rng, 20);
    int i = (int)sim_rng_below(&g->rng, (uint64_t)g->s.nr + 1);

    if (i == g->s.nr) {
        g->s.ops[i] = (struct past_op){random_op(&g->rng), OPEN, g->s.events++, INT32_MAX};
        g->took[i] = false;
        g->ids[i] = hist_call(g->h, (uint32_t)i, &g->s.ops[i].op);
        g->s.nr++;
        return true;
    }
    if (what == 0)
        settle(g);
    if (g->s.ops[i].fate == LOST && what < 10 && g->s.ops[i].ended == INT32_MAX)
        take(g, i);
    if (g->s.ops[i].fate != OPEN)
        return true;
    if (what < 8)
        take(g, i); /* takes effect, answered later */
    else
        return end_one(g, i);
    return true;
}

static void play(struct game *g, uint64_t seed, bool with_hints)
{
    static const struct regs zero;
    bool good = true;

    memset(&g->s, 0, sizeof(g->s));
    memset(&g->truth, 0, sizeof(g->truth));
    sim_rng_seed(&g->rng, seed);
    g->h = fresh(with_hints);
    if (g->merge_from != 0)
        g->h->merge_from = g->merge_from;
    for (int n = 0; good && g->s.nr < OPS && n < 60; n++) {
        bool expected;

        good = event(g);
        expected = any_order(&g->s, &zero, 0);
        if (good && !expected && g->merge_from != 0) {
            g->missed++;
            break;
        }
        if (good != expected) {
            fprintf(stderr, "seed %lu: oracle says %d, permutations say %d\n%s",
                    (unsigned long)seed, good, expected, hist_story(g->h));
            fail();
        }
    }
    good ? g->right++ : g->wrong++;
    hist_destroy(g->h);
}

static void as_a_search_through_permutations(void **state)
{
    const char *env = getenv("HIST_SEEDS");
    uint64_t seeds = env ? strtoull(env, NULL, 10) : 20000;
    struct game g = {0};

    for (uint64_t seed = 1; seed <= seeds; seed++)
        play(&g, seed, seed & 1);
    print_message("%lu histories explained, %lu not\n", (unsigned long)g.right,
                  (unsigned long)g.wrong);
    assert_true(g.right > seeds / 20 && g.wrong > seeds / 20);
}

/* Merged from the second possibility on: never refuses what is right, and misses little. */
static void merged_possibilities(void **state)
{
    struct game g = {.merge_from = 2};

    for (uint64_t seed = 1; seed <= 10000; seed++)
        play(&g, seed, seed & 1);
    print_message("%lu histories explained, %lu not, %lu wrong ones missed\n",
                  (unsigned long)g.right, (unsigned long)g.wrong, (unsigned long)g.missed);
    assert_true(g.missed < g.wrong / 20);
}

/* Not a promise, a figure: what judging costs. */
static void a_long_run(void **state)
{
    enum { CLIENTS = 3, STEPS = 300000 };
    struct hist *h = fresh(true);
    struct regs truth = {0};
    struct op ops[CLIENTS];
    uint32_t ids[CLIENTS] = {0}, most;
    struct timespec a, b;
    struct sim_rng r;

    sim_rng_seed(&r, 1);
    clock_gettime(CLOCK_MONOTONIC, &a);
    for (int i = 0; i < STEPS; i++) {
        uint32_t c = (uint32_t)sim_rng_below(&r, CLIENTS);

        if (ids[c] == 0) {
            ops[c] = random_op(&r);
            ids[c] = hist_call(h, c, &ops[c]);
        } else {
            answer(&truth, &ops[c]);
            assert_true(hist_return(h, ids[c], &ops[c]));
            ids[c] = 0;
        }
    }
    clock_gettime(CLOCK_MONOTONIC, &b);
    hist_states(h, &most);
    print_message("%.2f us an operation, at most %u states\n",
                  ((double)(b.tv_sec - a.tv_sec) * 1e6 + (double)(b.tv_nsec - a.tv_nsec) / 1e3) /
                      (double)hist_ops(h),
                  most);
    hist_destroy(h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_after_the_other),
        cmocka_unit_test(a_stale_read_after_the_answer),
        cmocka_unit_test(two_readers_agree),
        cmocka_unit_test(values_in_the_wrong_order),
        cmocka_unit_test(a_compound_is_whole),
        cmocka_unit_test(an_early_effect_answers_for_its_instant),
        cmocka_unit_test(a_failure_in_the_past),
        cmocka_unit_test(unknown_outcomes),
        cmocka_unit_test(settled_is_decided),
        cmocka_unit_test(failed_has_changed_nothing),
        cmocka_unit_test(a_snapshot_does_not_change),
        cmocka_unit_test(a_long_read_among_many_writes),
        cmocka_unit_test(too_many_open_is_said),
        cmocka_unit_test(as_a_search_through_permutations),
        cmocka_unit_test(merged_possibilities),
        cmocka_unit_test(a_long_run),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
