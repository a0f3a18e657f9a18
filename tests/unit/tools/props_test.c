/* Properties as text, there and back. */
#include <string.h>

#include "cmocka_all.h"
#include "tools/props.h"

static void test_parse_and_show(void **state)
{
    struct tool t = {.program = "tarn"};
    daos_prop_t *p;
    char text[64];

    assert_int_equal(0, props_parse(&t, PROP_OF_CONT,
                                    "label:mine,cksum:crc32,cksum_size:16K,rf:1,rd_lvl:rank", true,
                                    &p));
    assert_int_equal(5, p->dpp_nr);
    assert_string_equal("mine", p->dpp_entries[0].dpe_str);
    assert_int_equal(DAOS_PROP_CO_CSUM_CRC32, p->dpp_entries[1].dpe_val);
    assert_int_equal(16384, p->dpp_entries[2].dpe_val);
    assert_int_equal(DAOS_PROP_CO_REDUN_FAC, p->dpp_entries[3].dpe_type);
    assert_string_equal("crc32", prop_text(PROP_OF_CONT, &p->dpp_entries[1], text, sizeof(text)));
    assert_string_equal("rank", prop_text(PROP_OF_CONT, &p->dpp_entries[4], text, sizeof(text)));
    daos_prop_free(p);
}

static void refused(enum prop_of of, const char *text, bool create, int rc, const char *what,
                    const char *next)
{
    struct tool t = {.program = "tarn"};
    daos_prop_t *p = NULL;

    assert_int_equal(rc, props_parse(&t, of, text, create, &p));
    assert_null(p);
    if (strstr(t.err.what, what) == NULL || strstr(t.err.next, next) == NULL)
        fail_msg("%s: %s / %s / %s", text, t.err.what, t.err.why, t.err.next);
}

static void test_refusals_say_what_would_be_right(void **state)
{
    refused(PROP_OF_CONT, "cksm:crc32", true, -DER_INVAL, "'cksm'", "did you mean 'cksum'");
    refused(PROP_OF_CONT, "cksum:md5", true, -DER_INVAL, "'md5'", "crc16, crc32");
    refused(PROP_OF_CONT, "label:no good", false, -DER_INVAL, "label", "letters");
    refused(PROP_OF_CONT, "cksum:crc32", false, -DER_NO_PERM, "cksum", "when you create");
    refused(PROP_OF_CONT, "owner:me@", true, -DER_NO_PERM, "owner", "by the system");
    refused(PROP_OF_CONT, "status:unclean", false, -DER_INVAL, "status", "healthy");
    refused(PROP_OF_CONT, "label", true, -DER_INVAL, "label", "name:value");
    refused(PROP_OF_POOL, "rd_fac:x", true, -DER_INVAL, "rd_fac", "number");
    refused(PROP_OF_POOL, "", true, -DER_INVAL, "list of properties", "name:value");
}

static void test_bits(void **state)
{
    struct tool t = {.program = "tarn"};
    daos_prop_t *p;
    char text[64];

    assert_int_equal(0, props_parse(&t, PROP_OF_POOL, "self_heal:exclude;rebuild", true, &p));
    assert_int_equal(3, p->dpp_entries[0].dpe_val);
    assert_string_equal("exclude;rebuild",
                        prop_text(PROP_OF_POOL, &p->dpp_entries[0], text, sizeof(text)));
    daos_prop_free(p);
}

static void test_wanted(void **state)
{
    struct tool t = {.program = "tarn"};
    daos_prop_t *p;

    assert_int_equal(0, props_wanted(&t, PROP_OF_CONT, "label,status", &p));
    assert_int_equal(2, p->dpp_nr);
    assert_int_equal(DAOS_PROP_CO_STATUS, p->dpp_entries[1].dpe_type);
    daos_prop_free(p);
    assert_int_equal(0, props_wanted(&t, PROP_OF_CONT, NULL, &p));
    assert_true(p->dpp_nr > 10);
    daos_prop_free(p);
    assert_int_equal(-DER_INVAL, props_wanted(&t, PROP_OF_CONT, "label,nonsense", &p));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parse_and_show),
        cmocka_unit_test(test_refusals_say_what_would_be_right),
        cmocka_unit_test(test_bits),
        cmocka_unit_test(test_wanted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
