/* Property lists: memory, text, merging, validity, the wire. */
#include "fake_embed.h"
#include <daos/common.h>
#include <stdlib.h>
#include <string.h>
#include "client/prop_desc.h"

static void text_becomes_a_list(void **state)
{
    static const char text[] = "label:scratch;cksum:crc32;cksum_size:32K;rd_fac:0;rd_lvl:node;"
                               "status:healthy;layout_type:posix;owner:bob@;";
    daos_prop_t *prop;

    (void)state;
    assert_int_equal(daos_prop_from_str(text, sizeof(text), &prop), 0);
    assert_int_equal(prop->dpp_nr, 8);
    assert_string_equal(daos_prop_entry_get(prop, DAOS_PROP_CO_LABEL)->dpe_str, "scratch");
    assert_int_equal(daos_prop_entry_get(prop, DAOS_PROP_CO_CSUM)->dpe_val,
                     DAOS_PROP_CO_CSUM_CRC32);
    assert_int_equal(daos_prop_entry_get(prop, DAOS_PROP_CO_CSUM_CHUNK_SIZE)->dpe_val, 32768);
    assert_int_equal(daos_prop_entry_get(prop, DAOS_PROP_CO_REDUN_LVL)->dpe_val,
                     DAOS_PROP_CO_REDUN_NODE);
    assert_int_equal(daos_prop_entry_get(prop, DAOS_PROP_CO_LAYOUT_TYPE)->dpe_val,
                     DAOS_PROP_CO_LAYOUT_POSIX);
    assert_string_equal(daos_prop_entry_get(prop, DAOS_PROP_CO_OWNER)->dpe_str, "bob@");
    assert_null(daos_prop_entry_get(prop, DAOS_PROP_CO_DEDUP));
    assert_true(daos_prop_valid(prop, false, true));
    daos_prop_free(prop);
}

static void wrong_text_is_refused(void **state)
{
    static const char *const bad[] = {
        "",
        ";",
        "label",
        "label:",
        "label:bad/label",
        "label:container_label_not_set",
        "nothing:1",
        "cksum:md5",
        "rd_fac:5",
        "rd_fac:x",
        "ec_cell_sz:100",
        "ec_cell_sz:4097",
        "status:unclean",
        "alloc_oid:7",
        "label:a;label:b",
        "rd_lvl:0",
        "owner:bob",
        "dedup_threshold:1",
        "cksum:crc32;;rd_fac:0",
        "obj_version:1",
    };
    daos_prop_t *prop;
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(daos_prop_from_str(bad[i], strlen(bad[i]) + 1, &prop), -DER_INVAL);
    assert_int_equal(daos_prop_from_str(NULL, 3, &prop), -DER_INVAL);
    assert_int_equal(daos_prop_from_str("rd_fac:0", 8, NULL), -DER_INVAL);
}

static daos_prop_t *two(uint32_t a, uint64_t av, uint32_t b, const char *bs)
{
    daos_prop_t *p = daos_prop_alloc(2);

    p->dpp_entries[0].dpe_type = a;
    p->dpp_entries[0].dpe_val = av;
    p->dpp_entries[1].dpe_type = b;
    p->dpp_entries[1].dpe_str = strdup(bs);
    return p;
}

static void the_new_list_wins_a_merge(void **state)
{
    daos_prop_t *old = two(DAOS_PROP_CO_CSUM, 1, DAOS_PROP_CO_LABEL, "old");
    daos_prop_t *new = two(DAOS_PROP_CO_DEDUP, 2, DAOS_PROP_CO_LABEL, "new"), *out;

    (void)state;
    assert_int_equal(daos_prop_merge2(old, new, &out), 0);
    assert_int_equal(out->dpp_nr, 3);
    assert_string_equal(daos_prop_entry_get(out, DAOS_PROP_CO_LABEL)->dpe_str, "new");
    assert_int_equal(daos_prop_entry_get(out, DAOS_PROP_CO_CSUM)->dpe_val, 1);
    assert_int_equal(daos_prop_entry_get(out, DAOS_PROP_CO_DEDUP)->dpe_val, 2);
    /* the copy is its own */
    daos_prop_free(new);
    assert_string_equal(daos_prop_entry_get(out, DAOS_PROP_CO_LABEL)->dpe_str, "new");
    daos_prop_free(out);
    assert_int_equal(daos_prop_merge2(NULL, old, &out), -DER_INVAL);
    out = daos_prop_merge(old, NULL);
    assert_int_equal(out->dpp_nr, 2);
    daos_prop_free(out);
    daos_prop_free(old);
}

static void entries_hold_what_their_type_says(void **state)
{
    const char *strs[] = {"A::OWNER@:rw", "A::bob@:r"};
    struct daos_prop_co_roots roots = {.cr_oids = {{1, 2}, {3, 4}}};
    daos_prop_t *p = daos_prop_alloc(4), *dup;
    struct daos_acl *acl;
    char text[64];

    (void)state;
    p->dpp_entries[0].dpe_type = DAOS_PROP_CO_ACL;
    p->dpp_entries[1].dpe_type = DAOS_PROP_CO_ROOTS;
    p->dpp_entries[2].dpe_type = DAOS_PROP_CO_LABEL;
    p->dpp_entries[3].dpe_type = DAOS_PROP_CO_REDUN_FAC;
    assert_true(daos_prop_has_ptr(&p->dpp_entries[0]));
    assert_true(daos_prop_has_str(&p->dpp_entries[2]));
    assert_false(daos_prop_has_str(&p->dpp_entries[3]) || daos_prop_has_ptr(&p->dpp_entries[3]));
    assert_int_equal(daos_acl_from_strs(strs, 2, &acl), 0);
    assert_int_equal(daos_prop_set_ptr(p, DAOS_PROP_CO_ACL, acl, (size_t)daos_acl_get_size(acl)),
                     0);
    assert_int_equal(daos_prop_set_ptr(p, DAOS_PROP_CO_ROOTS, &roots, sizeof(roots)), 0);
    assert_int_equal(daos_prop_set_str(p, DAOS_PROP_CO_LABEL, "first", 5), 0);
    assert_int_equal(daos_prop_set_str(p, DAOS_PROP_CO_LABEL, "second", 6), 0);
    assert_int_equal(daos_prop_set_str(p, DAOS_PROP_CO_OWNER, "x@", 2), -DER_NONEXIST);
    assert_int_equal(daos_prop_set_str(p, DAOS_PROP_CO_REDUN_FAC, "x@", 2), -DER_INVAL);
    assert_int_equal(daos_prop_set_ptr(p, DAOS_PROP_CO_LABEL, "x@", 2), -DER_INVAL);
    assert_true(daos_prop_valid(p, false, true));
    assert_false(daos_prop_valid(p, true, true));
    dup = daos_prop_dup(p, false, true);
    assert_non_null(dup);
    assert_int_equal(daos_prop_entry_cmp_acl(&p->dpp_entries[0], &dup->dpp_entries[0]), 0);
    ((struct daos_acl *)dup->dpp_entries[0].dpe_val_ptr)->dal_reserv = 1;
    assert_int_equal(daos_prop_entry_cmp_acl(&p->dpp_entries[0], &dup->dpp_entries[0]),
                     -DER_MISMATCH);
    assert_memory_equal(dup->dpp_entries[1].dpe_val_ptr, &roots, sizeof(roots));
    assert_string_equal(
        prop_value_print(prop_desc_of(DAOS_PROP_CO_ACL), &p->dpp_entries[0], text, sizeof(text)),
        "2 entries");
    daos_prop_free(dup);
    p->dpp_entries[3].dpe_val = 5;
    assert_false(daos_prop_valid(p, false, true));
    daos_prop_free(p);
    daos_acl_free(acl);
    daos_prop_free(NULL);
    assert_null(daos_prop_alloc(DAOS_PROP_ENTRIES_MAX_NR + 1));
}

static void entries_are_copied(void **state)
{
    struct daos_prop_co_roots roots = {.cr_oids = {{1, 2}}};
    struct daos_prop_entry copy = {.dpe_type = DAOS_PROP_CO_ROOTS};
    daos_prop_t *have = daos_prop_alloc(2), *want = daos_prop_alloc(2);

    (void)state;
    have->dpp_entries[0].dpe_type = DAOS_PROP_CO_LABEL;
    have->dpp_entries[1].dpe_type = DAOS_PROP_CO_ROOTS;
    assert_int_equal(daos_prop_entry_set_str(&have->dpp_entries[0], "label too long", 5), 0);
    assert_string_equal(have->dpp_entries[0].dpe_str, "label");
    assert_int_equal(daos_prop_entry_set_str(&have->dpp_entries[1], "x", 1), -DER_INVAL);
    assert_int_equal(daos_prop_entry_set_str(NULL, "x", 1), -DER_INVAL);
    assert_int_equal(daos_prop_entry_set_ptr(&have->dpp_entries[1], &roots, sizeof(roots)), 0);
    assert_int_equal(daos_prop_entry_dup_co_roots(&copy, &have->dpp_entries[1]), 0);
    assert_ptr_not_equal(copy.dpe_val_ptr, have->dpp_entries[1].dpe_val_ptr);
    assert_memory_equal(copy.dpe_val_ptr, &roots, sizeof(roots));
    free(copy.dpe_val_ptr);
    copy.dpe_val_ptr = NULL;
    assert_int_equal(daos_prop_entry_dup_ptr(&copy, &have->dpp_entries[1], sizeof(roots)), 0);
    assert_memory_equal(copy.dpe_val_ptr, &roots, sizeof(roots));
    free(copy.dpe_val_ptr);

    /* what a request asks for out of a reply */
    want->dpp_entries[0].dpe_type = DAOS_PROP_CO_LABEL;
    want->dpp_entries[1].dpe_type = DAOS_PROP_CO_OWNER;
    assert_int_equal(daos_prop_copy(want, have), 0);
    assert_string_equal(want->dpp_entries[0].dpe_str, "label");
    assert_true(daos_prop_is_set(&want->dpp_entries[0]));
    assert_false(daos_prop_is_set(&want->dpp_entries[1])); /* the reply has none */
    assert_int_equal(daos_prop_copy(NULL, have), -DER_INVAL);
    assert_int_equal(daos_prop_copy(want, NULL), -DER_INVAL);
    daos_prop_free(want);
    daos_prop_fini(have); /* what it holds, not itself */
    assert_null(have->dpp_entries[0].dpe_str);
    daos_prop_free(have);
}

static void lists_cross_the_wire(void **state)
{
    const char *strs[] = {"A::OWNER@:rw", "A:G:GROUP@:r"};
    daos_prop_t *in = daos_prop_alloc(3), *all = daos_prop_alloc(0), *some = daos_prop_alloc(2);
    struct msg_prop msgs[3];
    struct daos_prop_entry e;
    uint32_t types[3];
    bool every;

    (void)state;
    in->dpp_entries[0].dpe_type = DAOS_PROP_CO_ACL;
    assert_int_equal(
        daos_acl_from_strs(strs, 2, (struct daos_acl **)&in->dpp_entries[0].dpe_val_ptr), 0);
    in->dpp_entries[1].dpe_type = DAOS_PROP_CO_LABEL;
    in->dpp_entries[1].dpe_str = strdup("here");
    in->dpp_entries[2].dpe_type = DAOS_PROP_CO_REDUN_LVL;
    in->dpp_entries[2].dpe_val = 1;
    prop_to_msg(in, msgs);
    assert_int_equal(prop_fill(all, msgs, 3), 0);
    assert_int_equal(all->dpp_nr, 3);
    assert_int_equal(
        daos_prop_entry_cmp_acl(&in->dpp_entries[0], daos_prop_entry_get(all, DAOS_PROP_CO_ACL)),
        0);
    assert_string_equal(daos_prop_entry_get(all, DAOS_PROP_CO_LABEL)->dpe_str, "here");
    some->dpp_entries[0].dpe_type = DAOS_PROP_CO_REDUN_LVL;
    some->dpp_entries[1].dpe_type = DAOS_PROP_CO_DEDUP;
    assert_int_equal(prop_wanted(some, types, &every), 2);
    assert_false(every);
    assert_int_equal(prop_fill(some, msgs, 3), 0);
    assert_int_equal(some->dpp_entries[0].dpe_val, 1);
    assert_true(daos_prop_is_set(&some->dpp_entries[0]));
    assert_false(daos_prop_is_set(&some->dpp_entries[1]));
    assert_int_equal(prop_wanted(all, types, &every), 3);
    all->dpp_nr = 0;
    assert_int_equal(prop_wanted(all, types, &every), 0);
    assert_true(every);
    all->dpp_nr = 3;
    /* a reply that is not one */
    msgs[0].blob.len -= 8;
    assert_int_equal(prop_from_msg(&msgs[0], &e), -DER_PROTO);
    msgs[2].type = 99;
    assert_int_equal(prop_from_msg(&msgs[2], &e), -DER_PROTO);
    daos_prop_free(in);
    daos_prop_free(all);
    daos_prop_free(some);
}

static void the_table_is_complete(void **state)
{
    uint32_t i;

    (void)state;
    for (i = DAOS_PROP_PO_MIN + 1; i < DAOS_PROP_PO_MAX; i++)
        assert_non_null(prop_desc_of(i));
    for (i = DAOS_PROP_CO_MIN + 1; i < DAOS_PROP_CO_MAX; i++)
        assert_non_null(prop_desc_of(i));
    assert_null(prop_desc_of(DAOS_PROP_CO_MAX));
    assert_int_equal(prop_desc_by_name("RF", 2, true)->type, DAOS_PROP_PO_REDUN_FAC);
    assert_int_equal(prop_desc_by_name("rf", 2, false)->type, DAOS_PROP_CO_REDUN_FAC);
    assert_null(prop_desc_by_name("space_rb", 8, false));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_becomes_a_list),
        cmocka_unit_test(wrong_text_is_refused),
        cmocka_unit_test(the_new_list_wins_a_merge),
        cmocka_unit_test(entries_hold_what_their_type_says),
        cmocka_unit_test(entries_are_copied),
        cmocka_unit_test(lists_cross_the_wire),
        cmocka_unit_test(the_table_is_complete),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
