/* Object classes: names, numbers, ids, and the class a pool gives when nobody asked for one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <daos_errno.h>
#include <daos_prop.h>
#include "base/err.h"
#include "place/place.h"

static void test_names_and_numbers(void **state)
{
    static const struct {
        const char *name;
        daos_oclass_id_t id;
    } known[] = {
        {"S1", OC_S1},
        {"SX", OC_SX},
        {"S32", OC_S32},
        {"RP_2G1", OC_RP_2G1},
        {"RP_6G16", OC_RP_6G16},
        {"RP_3GX", OC_RP_3GX},
        {"EC_2P1G1", OC_EC_2P1G1},
        {"EC_16P3GX", OC_EC_16P3GX},
        {"EC_4P2G8", OC_EC_4P2G8},
        {"RP_XSF", OC_RP_XSF},
    };
    char name[MAX_OBJ_CLASS_NAME_LEN];

    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        assert_int_equal(place_class_by_name(known[i].name), known[i].id);
        assert_int_equal(place_class_name(known[i].id, name), 0);
        assert_string_equal(name, known[i].name);
    }
    assert_int_equal(place_class_by_name("s1"), OC_UNKNOWN);
    assert_int_equal(place_class_by_name("S3"), OC_UNKNOWN);
    assert_int_equal(place_class_by_name("EC_4P2G6"), OC_UNKNOWN);
    assert_int_equal(place_class_by_name("RP_12G1"), OC_UNKNOWN);
    assert_int_equal(place_class_by_name(""), OC_UNKNOWN);
    assert_int_equal(place_class_by_name(NULL), OC_UNKNOWN);
    /* Every pair of a code and a count prints, whether or not its name can be typed. */
    assert_int_equal(place_class_name(OBJ_CLASS_DEF(OR_RP_1, 5u), name), 0);
    assert_string_equal(name, "S5");
    assert_int_equal(place_class_name(OC_EC_4P2G6, name), 0);
    assert_string_equal(name, "EC_4P2G6");
    assert_int_equal(place_class_name(OC_RP_128G1, name), 0);
    assert_string_equal(name, "RP_128G1");
    assert_int_equal(place_class_name(OC_TINY, name), -1);
    assert_string_equal(name, "UNKNOWN");
    assert_int_equal(place_class_name(OBJ_CLASS_DEF(OR_RP_1, 0u), name), -1);
}

static void test_list_of_names(void **state)
{
    char all[4096], small[8];
    ssize_t len = place_class_names(sizeof(all), all);
    int commas = 0;

    assert_true(len > 0);
    assert_int_equal(strlen(all), len);
    for (ssize_t i = 0; i < len; i++)
        commas += all[i] == ',';
    assert_int_equal(commas, place_class_count());
    assert_int_equal(place_class_count(), 6 * 9 + 11 * 8 + 1);
    assert_non_null(strstr(all, "RP_2GX, "));
    assert_int_equal(place_class_names(sizeof(small), small), -DER_OVERFLOW);
    assert_int_equal(place_class_names(10, NULL), -DER_INVAL);
}

static void test_oid_keeps_the_callers_96_bits(void **state)
{
    daos_obj_id_t oid = {0x1122334455667788ull, 0xffffffff99aabbccull};
    struct place_class c;
    enum daos_otype_t type;

    place_oid_encode(&oid, DAOS_OT_ARRAY_BYTE, OC_EC_4P2G8);
    assert_true(oid.lo == 0x1122334455667788ull);
    assert_true((uint32_t)oid.hi == 0x99aabbccu);
    assert_int_equal(place_oid_decode(oid, &type, &c), 0);
    assert_int_equal(type, DAOS_OT_ARRAY_BYTE);
    assert_true(c.ec);
    assert_int_equal(c.data, 4);
    assert_int_equal(c.parity, 2);
    assert_int_equal(c.groups, 8);
    assert_int_equal(daos_obj_id2class(oid), OC_EC_4P2G8);
    place_oid_encode(&oid, DAOS_OT_KV_HASHED, OC_RP_XSF);
    assert_int_equal(place_oid_decode(oid, &type, &c), 0);
    assert_true(c.everywhere);
    place_oid_encode(&oid, DAOS_OT_KV_HASHED, 0);
    assert_int_equal(place_oid_decode(oid, &type, &c), -DER_NONEXIST);
    oid.hi = 0xee01000100000000ull;
    assert_int_equal(place_oid_decode(oid, &type, &c), -DER_INVAL);
}

/* ---- Choice ---- */

/* nodes x per_node targets, one engine a node. */
static struct place_map *pool(uint32_t nodes, uint32_t per_node)
{
    struct place_target *t = calloc((size_t)nodes * per_node, sizeof(*t));
    struct place_map *map;

    for (uint32_t i = 0; i < nodes * per_node; i++)
        t[i] = (struct place_target){i, {i / per_node, i / per_node, 0}, 1, DAOS_TS_UP_IN, 1, 1};
    assert_int_equal(place_map_create(1, t, nodes * per_node, &map), 0);
    free(t);
    return map;
}

static const char *choose(struct place_map *map, enum daos_otype_t type, daos_oclass_id_t cid,
                          uint32_t hints, uint32_t rd_fac)
{
    static char name[MAX_OBJ_CLASS_NAME_LEN];
    struct place_want w = {type, cid, (daos_oclass_hints_t)hints, rd_fac, DAOS_PROP_CO_REDUN_NODE,
                           -1};
    daos_oclass_id_t got = 0;
    struct err e = {0};

    if (place_class_choose(map, &w, &got, &e) != 0) {
        assert_int_equal(e.rc, -DER_INVAL);
        assert_true(e.what[0] != '\0' && e.why[0] != '\0' && e.next[0] != '\0');
        return "refused";
    }
    place_class_name(got, name);
    return name;
}

static void test_one_target_takes_what_fits(void **state)
{
    struct place_map *map = pool(1, 1);

    assert_string_equal(choose(map, DAOS_OT_MULTI_HASHED, 0, 0, 0), "S1");
    assert_string_equal(choose(map, DAOS_OT_ARRAY_BYTE, 0, 0, 0), "S1");
    assert_string_equal(choose(map, DAOS_OT_KV_HASHED, 0, DAOS_OCH_SHD_MAX, 0), "S1");
    assert_string_equal(choose(map, DAOS_OT_MULTI_HASHED, OC_SX, 0, 0), "S1");
    assert_string_equal(choose(map, DAOS_OT_MULTI_HASHED, OC_RP_XSF, 0, 0), "RP_XSF");
    assert_string_equal(choose(map, DAOS_OT_MULTI_HASHED, OC_S2, 0, 0), "refused");
    assert_string_equal(choose(map, DAOS_OT_MULTI_HASHED, OC_RP_2G1, 0, 0), "refused");
    assert_string_equal(choose(map, DAOS_OT_MULTI_HASHED, OC_EC_2P1GX, 0, 0), "refused");
    assert_string_equal(choose(map, DAOS_OT_MULTI_HASHED, 0, 0, 1), "refused");
    assert_string_equal(choose(map, DAOS_OT_MULTI_HASHED, OC_TINY, 0, 0), "refused");
    assert_string_equal(
        choose(map, DAOS_OT_MULTI_HASHED, 0, DAOS_OCH_SHD_TINY | DAOS_OCH_SHD_MAX, 0), "refused");
    place_map_free(map);
}

static void test_refusal_says_what_is_missing(void **state)
{
    struct place_map *map = pool(1, 1);
    struct place_want w = {DAOS_OT_MULTI_HASHED, OC_RP_2G1, 0, 0, DAOS_PROP_CO_REDUN_NODE, -1};
    daos_oclass_id_t got = 77;
    struct err e = {0};

    assert_int_equal(place_class_choose(map, &w, &got, &e), -DER_INVAL);
    assert_int_equal(got, 77);
    assert_non_null(strstr(e.what, "RP_2G1"));
    assert_string_equal(e.why, "it needs 2 nodes, the pool has 1");
    place_map_free(map);
}

static void test_redundancy_decides_the_class(void **state)
{
    static const struct {
        uint32_t nodes, rd_fac, hints;
        enum daos_otype_t type;
        const char *name;
    } rows[] = {
        {2, 0, DAOS_OCH_RDD_RP | DAOS_OCH_SHD_TINY, DAOS_OT_MULTI_HASHED, "RP_2G1"},
        {3, 0, DAOS_OCH_RDD_EC | DAOS_OCH_SHD_TINY, DAOS_OT_MULTI_HASHED, "EC_2P1G1"},
        {6, 0, DAOS_OCH_RDD_EC | DAOS_OCH_SHD_TINY, DAOS_OT_MULTI_HASHED, "EC_4P1G1"},
        {3, 1, DAOS_OCH_SHD_TINY, DAOS_OT_MULTI_HASHED, "RP_2G1"},
        {2, 1, DAOS_OCH_SHD_TINY, DAOS_OT_ARRAY_BYTE, "RP_2G1"},
        {3, 1, DAOS_OCH_SHD_TINY, DAOS_OT_ARRAY_BYTE, "EC_2P1G1"},
        {6, 1, DAOS_OCH_SHD_TINY, DAOS_OT_ARRAY_BYTE, "EC_4P1G1"},
        {10, 1, DAOS_OCH_SHD_TINY, DAOS_OT_ARRAY_BYTE, "EC_8P1G1"},
        {18, 1, DAOS_OCH_SHD_TINY, DAOS_OT_ARRAY_BYTE, "EC_16P1G1"},
        {18, 1, DAOS_OCH_SHD_TINY | DAOS_OCH_RDD_DEF, DAOS_OT_ARRAY_BYTE, "RP_2G1"},
        {4, 2, DAOS_OCH_SHD_TINY, DAOS_OT_ARRAY_BYTE, "EC_2P2G1"},
        {20, 2, DAOS_OCH_SHD_TINY, DAOS_OT_ARRAY_BYTE, "EC_16P2G1"},
        {8, 3, DAOS_OCH_SHD_TINY, DAOS_OT_ARRAY_BYTE, "RP_4G1"},
        {10, 3, DAOS_OCH_SHD_TINY, DAOS_OT_ARRAY_BYTE, "EC_4P3G1"},
        {30, 4, DAOS_OCH_SHD_TINY, DAOS_OT_ARRAY_BYTE, "RP_5G1"},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct place_map *map = pool(rows[i].nodes, 4);

        assert_string_equal(choose(map, rows[i].type, 0, rows[i].hints, rows[i].rd_fac),
                            rows[i].name);
        place_map_free(map);
    }
}

static void test_group_counts(void **state)
{
    struct place_map *map = pool(8, 16); /* 128 targets */

    assert_string_equal(choose(map, DAOS_OT_KV_HASHED, 0, 0, 0), "S128");
    assert_string_equal(choose(map, DAOS_OT_MULTI_HASHED, 0, 0, 0), "S1");
    assert_string_equal(choose(map, DAOS_OT_KV_HASHED, 0, 0, 1),
                        "RP_2G56"); /* one node of eight kept free */
    assert_string_equal(choose(map, DAOS_OT_KV_HASHED, OC_S32, 0, 0), "S32");
    assert_string_equal(choose(map, DAOS_OT_MULTI_HASHED, 0, DAOS_OCH_SHD_REG, 0), "S128");
    assert_string_equal(choose(map, DAOS_OT_MULTI_HASHED, OBJ_CLASS_DEF(OR_RP_1, 129u), 0, 0),
                        "refused");
    place_map_free(map);
}

static void test_tolerance(void **state)
{
    struct place_class c;

    place_class_of(OC_RP_3G1, &c);
    assert_true(place_class_tolerates(&c, 9, 2));
    assert_false(place_class_tolerates(&c, 9, 3));
    place_class_of(OC_EC_4P2GX, &c);
    assert_true(place_class_tolerates(&c, 9, 2));
    place_class_of(OC_RP_XSF, &c);
    assert_true(place_class_tolerates(&c, 4, 3));
    assert_false(place_class_tolerates(&c, 1, 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names_and_numbers),
        cmocka_unit_test(test_list_of_names),
        cmocka_unit_test(test_oid_keeps_the_callers_96_bits),
        cmocka_unit_test(test_one_target_takes_what_fits),
        cmocka_unit_test(test_refusal_says_what_is_missing),
        cmocka_unit_test(test_redundancy_decides_the_class),
        cmocka_unit_test(test_group_counts),
        cmocka_unit_test(test_tolerance),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
