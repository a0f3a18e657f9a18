/* Leaves that share before they split, which they do where the heap has outgrown its memory. */
#include "tree_rig.h"

#define NR 20000u

/* Order keys alone. */
static const struct tree_class plain = {0};

static uint64_t order_of(uint64_t i)
{
    return mix64(i + 5);
}

struct range {
    uint64_t from, to;
};

static int put_some(struct rig *r, void *arg)
{
    const struct range *g = arg;
    int rc = 0;

    for (uint64_t i = g->from; i < g->to && rc == 0; i++) {
        struct tree_key k = {.order = order_of(i)};

        rc = tree_insert(r->h, &plain, rig_root(r), &k, i + 1);
    }
    return rc;
}

static int drop_some(struct rig *r, void *arg)
{
    const struct range *g = arg;
    int rc = 0;

    for (uint64_t i = g->from; i < g->to && rc == 0; i++) {
        struct tree_key k = {.order = order_of(i)};

        rc = tree_remove(r->h, &plain, rig_root(r), &k);
    }
    return rc;
}

static int find_some(struct rig *r, void *arg)
{
    const struct range *g = arg;

    for (uint64_t i = g->from; i < g->to; i++) {
        struct tree_key k = {.order = order_of(i)};
        uint64_t value = 0;
        int rc = tree_find(r->h, &plain, rig_root(r), &k, &value);

        if (rc != 0)
            return rc;
        assert_int_equal(value, i + 1);
    }
    return 0;
}

static void each(struct rig *r, int (*fn)(struct rig *r, void *arg), uint64_t from, uint64_t to,
                 bool tx)
{
    for (uint64_t i = from; i < to; i += 40) {
        struct range g = {i, MIN(i + 40, to)};

        assert_int_equal(rig_run(r, fn, &g, tx, true), 0);
    }
}

/* Bytes of the nodes of a tree of NR random keys; every so many'th access faults. */
static uint64_t nodes(bool crowded, uint32_t fault_every)
{
    uint64_t bytes;
    struct rig r;

    rig_open(&r, 2, fault_every);
    rig_crowd(&r, crowded);
    each(&r, put_some, 0, NR, true);
    each(&r, find_some, 0, NR, false);
    rig_check(&r, &plain);
    bytes = rig_stat(&r).alloc_bytes;
    each(&r, drop_some, 100, NR / 2, true);
    each(&r, put_some, NR, NR + NR / 2, true);
    each(&r, find_some, NR / 2, NR + NR / 2, false);
    rig_check(&r, &plain);
    rig_close(&r);
    return bytes;
}

static void leaves_are_fuller(void **state)
{
    uint64_t shared = nodes(true, 0), split = nodes(false, 0);

    (void)state;
    assert_true(shared * 10 < split * 9);
    /* 16 bytes and a tag an entry, and a little for the head: four fifths full */
    assert_true(shared * 8 / 10 < (uint64_t)NR * 18);
}

static void pages_may_be_missing(void **state)
{
    (void)state;
    nodes(true, 60);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(leaves_are_fuller),
                                       cmocka_unit_test(pages_may_be_missing)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
