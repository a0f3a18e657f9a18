/* Scans of ranges: what reaches far enough comes, in order; what does not may be left out. */
#include "tree_rig.h"

#define NR   700u
#define STEP 8u /* of order keys */

static const struct tree_class ranges = {.reaches = true}; /* order keys alone */

struct world {
    struct rig r;
    uint64_t value[NR]; /* of order key i * STEP */
};

static int fill(struct rig *r, void *arg)
{
    struct world *w = arg;

    for (uint32_t n = 0; n < NR; n++) {
        uint32_t i = n * 257 % NR;
        struct tree_key k = {.order = i * STEP};
        int rc = tree_insert(r->h, &ranges, rig_root(r), &k, w->value[i]);

        if (rc != 0)
            return rc;
    }
    return 0;
}

struct scan {
    uint64_t from, above, below, at;
    bool started;
    struct tree_entry ent[64];
    uint32_t nr;
};

static int step(struct rig *r, void *arg)
{
    struct scan *s = arg;
    struct tree_key k = {
        .order = s->started ? s->at : s->from, .above = s->above, .below = s->below};

    return tree_scan(r->h, &ranges, rig_root(r), s->started ? TREE_GT : TREE_GE, &k, s->ent, 64,
                     &s->nr);
}

/* How many entries came. */
static uint32_t scan(struct world *w, uint64_t from, uint64_t above)
{
    struct scan s = {.from = from, .above = above};
    uint64_t next = (from + STEP - 1) / STEP; /* the first that has not come */
    uint32_t came = 0;
    int rc;

    while ((rc = rig_run(&w->r, step, &s, false, false)) == 0) {
        assert_true(s.nr > 0);
        for (uint32_t i = 0; i < s.nr; i++, came++) {
            uint64_t at = s.ent[i].order / STEP;

            assert_true(at >= next && at < NR && s.ent[i].value == w->value[at]);
            for (; next < at; next++)
                assert_true(next * STEP + tree_reach(w->value[next]) <= above);
            next = at + 1;
        }
        s.started = true;
        s.at = s.ent[s.nr - 1].order;
    }
    assert_int_equal(rc, -DER_NONEXIST);
    for (; next < NR; next++)
        assert_true(next * STEP + tree_reach(w->value[next]) <= above);
    return came;
}

/* Of a scan that is to end: all that come before the end, and then one that does not. How many. */
static uint32_t scan_until(struct world *w, uint64_t from, uint64_t below)
{
    struct scan s = {.from = from, .below = below};
    uint64_t next = (from + STEP - 1) / STEP;
    uint32_t came = 0;
    int rc;

    while ((rc = rig_run(&w->r, step, &s, false, false)) == 0) {
        assert_true(s.nr > 0);
        for (uint32_t i = 0; i < s.nr; i++, came++, next++) {
            if (s.ent[i].order >= below)
                next = s.ent[i].order / STEP; /* any of those does */
            assert_true(s.ent[i].order == next * STEP && s.ent[i].value == w->value[next]);
            if (s.ent[i].order >= below)
                return came + 1;
        }
        s.started = true;
        s.at = s.ent[s.nr - 1].order;
    }
    assert_int_equal(rc, -DER_NONEXIST);
    assert_int_equal(next, MAX((from + STEP - 1) / STEP, (uint64_t)NR));
    return came;
}

/* The last step gives one that is not wanted and none behind it. */
static void one_tells_the_end(struct world *w, uint64_t from, uint64_t below)
{
    struct scan s = {.from = from, .below = below};

    if (below <= from && rig_run(&w->r, step, &s, false, false) == 0)
        assert_int_equal(s.nr, 1);
    scan_until(w, from, below);
}

static void what_reaches_comes(void **state)
{
    struct world *w = test_malloc(sizeof(*w));

    (void)state;
    for (uint32_t round = 0; round < 4; round++) {
        rig_open(&w->r, 7 + round, round % 2 ? 50 : 0);
        for (uint32_t i = 0; i < NR; i++) {
            uint64_t far = rig_rand(&w->r) % 40 == 0 ? rig_rand(&w->r) % 4000 : 1 + i % (2 * STEP);

            far = round == 3 ? STEP : far;
            w->value[i] = (i + 1) | (UINT64_C(2) << 10 | DIV_UP(far, 4)) << TREE_REACH_BIT;
        }
        assert_int_equal(rig_run(&w->r, fill, w, true, true), 0);
        assert_int_equal(scan(w, 0, 0), NR); /* none is left out */
        for (uint32_t n = 0; n < 200; n++) {
            uint64_t above = 1 + rig_rand(&w->r) % ((NR + 10) * STEP);
            uint64_t from = above < 4000 ? 0 : above - 4000;
            uint32_t came = scan(w, from, above), all = NR - (uint32_t)MIN(from / STEP, NR);

            assert_true(came <= all);
            if (above > 2000 && above < NR * STEP / 2) /* and most of what is in vain is */
                assert_true(all - came > 1000 / STEP);
        }
        for (uint32_t n = 0; n < 200; n++) {
            uint64_t from = rig_rand(&w->r) % ((NR + 10) * STEP);

            one_tells_the_end(w, from, 1 + rig_rand(&w->r) % ((NR + 10) * STEP));
            one_tells_the_end(w, from, from + 1 + rig_rand(&w->r) % (4 * STEP));
        }
        rig_close(&w->r);
    }
    test_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(what_reaches_comes)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
