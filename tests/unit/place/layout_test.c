/* What layouts promise, on pools that do not exist: separation, balance, and that nothing moves
 * which need not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <daos_errno.h>
#include "base/err.h"
#include "place/place.h"

#define OBJECTS 20000u

static daos_obj_id_t oid_of(uint64_t n, daos_oclass_id_t cid)
{
    daos_obj_id_t oid = {n, 0};

    place_oid_encode(&oid, DAOS_OT_MULTI_HASHED, cid);
    return oid;
}

static struct place_target *make_targets(uint32_t nodes, uint32_t per_node)
{
    struct place_target *t = calloc((size_t)nodes * per_node + 64, sizeof(*t));

    for (uint32_t i = 0; i < nodes * per_node; i++)
        t[i] = (struct place_target){i, {i / per_node, i / per_node, 0}, 100, DAOS_TS_UP_IN, 1, 1};
    return t;
}

static struct place_map *map_of(uint32_t version, const struct place_target *t, uint32_t nr)
{
    struct place_map *m;

    assert_int_equal(place_map_create(version, t, nr, &m), 0);
    return m;
}

static struct place_layout *lay(const struct place_map *m, daos_obj_id_t oid)
{
    struct place_layout *l;

    assert_int_equal(place_layout(m, oid, PLACE_NODE, &l, NULL), 0);
    return l;
}

static void assert_separated(const struct place_layout *l, const struct place_target *t)
{
    for (uint32_t g = 0; g < l->group_nr; g++) {
        const uint32_t *grp = &l->target[g * l->group_size];

        for (uint32_t i = 0; i < l->group_size; i++) {
            assert_int_not_equal(grp[i], PLACE_NO_TARGET);
            for (uint32_t k = 0; k < i; k++)
                assert_int_not_equal(t[grp[i]].domain[1], t[grp[k]].domain[1]);
        }
    }
}

static void test_one_target_holds_everything(void **state)
{
    struct place_target *t = make_targets(1, 1);
    struct place_map *m = map_of(1, t, 1);
    struct place_layout *l = lay(m, oid_of(7, OC_S1));
    struct err e = {0};

    assert_int_equal(l->group_nr, 1);
    assert_int_equal(l->group_size, 1);
    assert_int_equal(l->target[0], 0);
    place_layout_free(l);
    l = lay(m, oid_of(7, OC_RP_XSF));
    assert_int_equal(l->group_size, 1);
    assert_int_equal(l->target[0], 0);
    place_layout_free(l);
    assert_int_equal(place_layout(m, oid_of(7, OC_RP_2G1), PLACE_NODE, &l, &e), -DER_INVAL);
    assert_string_equal(e.why, "its class needs 2 fault domains, the pool has 1");
    assert_int_equal(place_layout(m, oid_of(7, OC_S4), PLACE_NODE, &l, NULL), -DER_INVAL);
    place_map_free(m);
    free(t);
}

static void test_groups_never_share_a_domain(void **state)
{
    static const daos_oclass_id_t classes[] = {OC_RP_2G1, OC_RP_3G2, OC_EC_4P2G1, OC_EC_8P2G4,
                                               OC_EC_16P3G1};
    struct place_target *t = make_targets(19, 3);
    struct place_map *m = map_of(1, t, 57);

    for (size_t c = 0; c < sizeof(classes) / sizeof(classes[0]); c++) {
        for (uint64_t n = 0; n < 300; n++) {
            struct place_layout *l = lay(m, oid_of(n, classes[c]));

            assert_separated(l, t);
            place_layout_free(l);
        }
    }
    place_map_free(m);
    free(t);
}

static void count_load(const struct place_map *m, daos_oclass_id_t cid, uint64_t objects,
                       uint32_t *load)
{
    for (uint64_t n = 0; n < objects; n++) {
        struct place_layout *l = lay(m, oid_of(n, cid));

        for (uint32_t i = 0; i < l->group_nr * l->group_size; i++)
            load[l->target[i]]++;
        place_layout_free(l);
    }
}

static void test_load_follows_weight(void **state)
{
    struct place_target *t = make_targets(16, 4);
    uint32_t load[64] = {0};
    struct place_map *m;
    double sum = 0;

    for (uint32_t i = 0; i < 64; i++) {
        t[i].weight = i / 4 % 2 == 0 ? 100 : 200; /* every other node is twice as large */
        sum += t[i].weight;
    }
    m = map_of(1, t, 64);
    count_load(m, OC_S1, 8 * OBJECTS, load);
    for (uint32_t i = 0; i < 64; i++) {
        double fair = 8.0 * OBJECTS * t[i].weight / sum;

        assert_true(load[i] > 0.9 * fair && load[i] < 1.1 * fair);
    }
    place_map_free(m);
    free(t);
}

static void test_replicas_are_balanced_too(void **state)
{
    struct place_target *t = make_targets(12, 4);
    uint32_t load[48] = {0};
    struct place_map *m = map_of(1, t, 48);

    count_load(m, OC_RP_3G1, 2 * OBJECTS, load);
    for (uint32_t i = 0; i < 48; i++) {
        double fair = 2.0 * OBJECTS * 3 / 48;

        assert_true(load[i] > 0.9 * fair && load[i] < 1.1 * fair);
    }
    place_map_free(m);
    free(t);
}

static void test_a_wide_object_uses_every_target(void **state)
{
    struct place_target *t = make_targets(100, 10);
    struct place_map *m = map_of(1, t, 1000);
    uint32_t load[1000] = {0};
    struct place_layout *l = lay(m, oid_of(3, OBJ_CLASS_DEF(OR_RP_1, 1000u)));

    assert_int_equal(l->group_nr, 1000);
    for (uint32_t i = 0; i < 1000; i++)
        load[l->target[i]]++;
    for (uint32_t i = 0; i < 1000; i++)
        assert_in_range(load[i], 0, 2);
    place_layout_free(l);
    place_map_free(m);
    free(t);
}

static void test_a_failure_moves_only_its_own_shards(void **state)
{
    struct place_target *t = make_targets(12, 4);
    struct place_map *before = map_of(1, t, 48), *after;
    uint32_t moved = 0, partners[48] = {0}, distinct = 0;

    t[13].state = DAOS_TS_DOWN;
    t[13].changed = 2;
    after = map_of(2, t, 48);
    for (uint64_t n = 0; n < OBJECTS; n++) {
        struct place_layout *a = lay(before, oid_of(n, OC_RP_3G2));
        struct place_layout *b = lay(after, oid_of(n, OC_RP_3G2));

        for (uint32_t i = 0; i < 6; i++) {
            if (a->target[i] != 13) {
                assert_int_equal(a->target[i], b->target[i]);
                continue;
            }
            assert_int_not_equal(b->target[i], 13);
            partners[b->target[i]]++;
            moved++;
        }
        assert_separated(b, t);
        place_layout_free(a);
        place_layout_free(b);
    }
    assert_true(moved > OBJECTS * 6 / 48 * 9 / 10);
    /* What it held spreads over the whole pool. */
    for (uint32_t i = 0; i < 48; i++)
        distinct += partners[i] > 0;
    assert_int_equal(distinct, 47);
    place_map_free(before);
    place_map_free(after);
    free(t);
}

static void test_a_second_failure_does_not_move_the_first_replacement(void **state)
{
    struct place_target *t = make_targets(8, 2);
    struct place_map *one, *two;

    t[9].state = DAOS_TS_DOWN_OUT;
    t[9].changed = 2;
    one = map_of(2, t, 16);
    t[4].state = DAOS_TS_DOWN;
    t[4].changed = 3;
    two = map_of(3, t, 16);
    for (uint64_t n = 0; n < OBJECTS; n++) {
        struct place_layout *a = lay(one, oid_of(n, OC_RP_3G1));
        struct place_layout *b = lay(two, oid_of(n, OC_RP_3G1));

        for (uint32_t i = 0; i < 3; i++)
            if (a->target[i] != 4)
                assert_int_equal(a->target[i], b->target[i]);
        assert_separated(b, t);
        place_layout_free(a);
        place_layout_free(b);
    }
    place_map_free(one);
    place_map_free(two);
    free(t);
}

static void test_growth_moves_its_share_and_no_more(void **state)
{
    struct place_target *t = make_targets(12, 4);
    struct place_map *before = map_of(1, t, 40), *after;
    uint32_t moved = 0, to_old = 0;
    double share = 8.0 / 48;

    for (uint32_t i = 40; i < 48; i++)
        t[i].joined = 2;
    after = map_of(2, t, 48);
    for (uint64_t n = 0; n < OBJECTS; n++) {
        struct place_layout *a = lay(before, oid_of(n, OC_RP_3G1));
        struct place_layout *b = lay(after, oid_of(n, OC_RP_3G1));

        for (uint32_t i = 0; i < 3; i++) {
            moved += a->target[i] != b->target[i];
            to_old += a->target[i] != b->target[i] && b->target[i] < 40;
        }
        place_layout_free(a);
        place_layout_free(b);
    }
    assert_true(moved > 0.9 * share * 3 * OBJECTS);
    assert_true(moved < 1.25 * share * 3 * OBJECTS);
    assert_true(to_old < moved / 5); /* shards that had given way to one that has left */
    place_map_free(before);
    place_map_free(after);
    free(t);
}

static void test_targets_that_join_one_by_one_stay_balanced(void **state)
{
    struct place_target *t = make_targets(60, 1);
    uint32_t load[60] = {0};
    struct place_map *m;

    for (uint32_t i = 0; i < 60; i++)
        t[i].joined = i + 1;
    m = map_of(60, t, 60);
    count_load(m, OC_S1, 8 * OBJECTS, load);
    for (uint32_t i = 0; i < 60; i++)
        assert_true(load[i] > 0.9 * 8 * OBJECTS / 60 && load[i] < 1.1 * 8 * OBJECTS / 60);
    place_map_free(m);
    free(t);
}

static void test_too_many_failures_leave_holes_not_lies(void **state)
{
    struct place_target *t = make_targets(3, 1);
    struct place_map *m;
    struct place_layout *l;
    uint32_t holes = 0;

    t[0].state = DAOS_TS_DOWN;
    t[0].changed = 2;
    t[2].state = DAOS_TS_DOWN;
    t[2].changed = 3;
    m = map_of(3, t, 3);
    l = lay(m, oid_of(1, OC_RP_3G1));
    for (uint32_t i = 0; i < 3; i++)
        holes += l->target[i] == PLACE_NO_TARGET;
    assert_int_equal(holes, 2);
    place_layout_free(l);
    place_map_free(m);
    free(t);
}

static void test_map_travels(void **state)
{
    struct place_target *t = make_targets(5, 3);
    struct place_map *m, *back;
    uint8_t buf[1024];
    size_t len = 3;
    uint32_t nr;

    t[4].state = DAOS_TS_DOWN;
    t[4].changed = 9;
    m = map_of(9, t, 15);
    assert_int_equal(place_map_encode(m, buf, &len), -DER_TRUNC);
    assert_true(len <= sizeof(buf));
    assert_int_equal(place_map_encode(m, buf, &len), 0);
    assert_int_equal(place_map_decode(buf, len, &back), 0);
    assert_int_equal(place_map_version(back), 9);
    assert_memory_equal(place_map_targets(back, &nr), t, 15 * sizeof(*t));
    assert_int_equal(nr, 15);
    assert_int_equal(place_map_domains(back, PLACE_NODE), 5);
    place_map_free(back);
    for (size_t cut = 0; cut < len; cut++)
        assert_int_equal(place_map_decode(buf, cut, &back), -DER_PROTO);
    buf[12] = 1; /* id of the first target: now there are two of it */
    assert_int_equal(place_map_decode(buf, len, &back), -DER_PROTO);
    place_map_free(m);
    t[4].weight = 0;
    assert_int_equal(place_map_create(1, t, 15, &m), -DER_INVAL);
    t[4].weight = 1;
    t[4].domain[1] = 0; /* its rank's other targets are in node 1 */
    assert_int_equal(place_map_create(1, t, 15, &m), -DER_INVAL);
    free(t);
}

static void test_dkeys_spread_over_groups(void **state)
{
    daos_obj_id_t hashed = oid_of(1, OC_S8), numbered = {1, 0};
    uint32_t seen[8] = {0};

    place_oid_encode(&numbered, DAOS_OT_ARRAY_BYTE, OC_S8);
    for (uint64_t n = 0; n < 8000; n++) {
        seen[place_dkey_group(hashed, &n, sizeof(n), 8)]++;
        assert_int_equal(place_dkey_group(numbered, &n, sizeof(n), 8), n % 8);
    }
    for (int i = 0; i < 8; i++)
        assert_in_range(seen[i], 800, 1200);
    assert_int_equal(place_dkey_group(hashed, "x", 1, 1), 0);
}

static void test_layouts_never_change(void **state)
{
    /* Objects written by this version must be found by the next: these numbers are format. */
    struct place_target *t = make_targets(10, 4);
    struct place_map *m = map_of(1, t, 40);
    struct place_layout *l = lay(m, oid_of(42, OC_RP_3G2));
    static const uint32_t golden[6] = {24, 16, 12, 4, 36, 32};

    assert_memory_equal(l->target, golden, sizeof(golden));
    place_layout_free(l);
    place_map_free(m);
    free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_target_holds_everything),
        cmocka_unit_test(test_groups_never_share_a_domain),
        cmocka_unit_test(test_load_follows_weight),
        cmocka_unit_test(test_replicas_are_balanced_too),
        cmocka_unit_test(test_a_wide_object_uses_every_target),
        cmocka_unit_test(test_a_failure_moves_only_its_own_shards),
        cmocka_unit_test(test_a_second_failure_does_not_move_the_first_replacement),
        cmocka_unit_test(test_growth_moves_its_share_and_no_more),
        cmocka_unit_test(test_targets_that_join_one_by_one_stay_balanced),
        cmocka_unit_test(test_too_many_failures_leave_holes_not_lies),
        cmocka_unit_test(test_map_travels),
        cmocka_unit_test(test_dkeys_spread_over_groups),
        cmocka_unit_test(test_layouts_never_change),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
