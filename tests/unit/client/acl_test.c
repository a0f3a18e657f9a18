/* Access control lists: text, order, validity, merging, and who may do what. */
#include "fake_embed.h"
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void entries_survive_their_text(void **state)
{
    static const char *const good[] = {
        "A::OWNER@:rw",    "A::OWNER@:rwdtTaAo", "A:G:GROUP@:rwtT",
        "A::EVERYONE@:",   "A::bob@:r",          "A::bob@example.com:rwcdtTaAo",
        "A:G:readers@:rt", "AU:SF:OWNER@:r",     "UL:F:EVERYONE@:rw",
        "A:P:bob@:r",      "AL:GS:GROUP@:r",
    };
    char text[DAOS_ACL_MAX_ACE_STR_LEN + 1];
    struct daos_ace *ace;
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        assert_int_equal(daos_ace_from_str(good[i], &ace), 0);
        assert_true(daos_ace_is_valid(ace));
        assert_int_equal(daos_ace_to_str(ace, text, sizeof(text)), 0);
        assert_string_equal(text, good[i]);
        assert_int_equal(daos_ace_to_str(ace, text, 4), -DER_TRUNC);
        assert_int_equal(daos_ace_get_size(ace) % 8, 0);
        daos_ace_free(ace);
    }
}

static void broken_text_is_refused(void **state)
{
    static const char *const bad[] = {
        "",
        "A",
        "A:",
        "A::",
        "A::OWNER@",
        "A::bob:r",
        "A::@:r",
        "A::a@b@:r",
        "X::OWNER@:r",
        "A:X:OWNER@:r",
        "A::OWNER@:x",
        "A:G:OWNER@:r",
        "A::GROUP@:r",
        "A:G:EVERYONE@:r",
        "::OWNER@:r",
        "A:S:OWNER@:r",
        "U::OWNER@:r",
        "A::OWNER@:r:",
        "A::OWNER@:rw ",
        " A::OWNER@:rw",
    };
    struct daos_ace *ace;
    char longer[400];
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(daos_ace_from_str(bad[i], &ace), -DER_INVAL);
    memset(longer, 'a', sizeof(longer));
    memcpy(longer, "A::", 3);
    memcpy(longer + sizeof(longer) - 4, "@:r", 4);
    assert_int_equal(daos_ace_from_str(longer, &ace), -DER_INVAL);
    assert_int_equal(daos_ace_from_str(NULL, &ace), -DER_INVAL);
    assert_int_equal(daos_ace_from_str("A::OWNER@:r", NULL), -DER_INVAL);
}

static void entries_are_made_by_hand(void **state)
{
    struct daos_ace *ace;
    char text[64];

    (void)state;
    assert_null(daos_ace_create(DAOS_ACL_USER, NULL));
    assert_null(daos_ace_create(DAOS_ACL_USER, "bob"));
    assert_null(daos_ace_create(DAOS_ACL_OWNER, "bob@"));
    assert_null(daos_ace_create(NUM_DAOS_ACL_TYPES, NULL));
    ace = daos_ace_create(DAOS_ACL_GROUP, "crew@");
    assert_non_null(ace);
    assert_false(daos_ace_is_valid(ace)); /* it does nothing yet */
    ace->dae_access_types = DAOS_ACL_ACCESS_ALLOW;
    ace->dae_allow_perms = DAOS_ACL_PERM_READ;
    assert_true(daos_ace_is_valid(ace));
    assert_string_equal(daos_ace_get_principal_str(ace), "crew@");
    ace->dae_audit_perms = DAOS_ACL_PERM_READ; /* without the type */
    assert_false(daos_ace_is_valid(ace));
    ace->dae_access_types |= DAOS_ACL_ACCESS_AUDIT;
    assert_false(daos_ace_is_valid(ace)); /* on which outcome? */
    ace->dae_access_flags |= DAOS_ACL_FLAG_ACCESS_FAIL;
    assert_true(daos_ace_is_valid(ace));
    ace->dae_audit_perms |= DAOS_ACL_PERM_WRITE;
    assert_int_equal(daos_ace_to_str(ace, text, sizeof(text)), -DER_INVAL);
    ace->dae_principal_len--;
    assert_false(daos_ace_is_valid(ace));
    ace->dae_principal_len++;
    ace->dae_allow_perms = 1u << 20;
    assert_false(daos_ace_is_valid(ace));
    daos_ace_free(ace);
    daos_ace_free(NULL);
    assert_int_equal(daos_ace_get_size(NULL), -DER_INVAL);
}

static struct daos_acl *acl_of(const char **strs, size_t nr)
{
    struct daos_acl *acl = NULL;

    assert_int_equal(daos_acl_from_strs(strs, nr, &acl), 0);
    assert_int_equal(daos_acl_validate(acl), 0);
    return acl;
}

static void expect(struct daos_acl *acl, const char *const *want, size_t nr)
{
    char **got;
    size_t n, i;

    assert_int_equal(daos_acl_to_strs(acl, &got, &n), 0);
    assert_int_equal(n, nr);
    for (i = 0; i < n; i++) {
        assert_string_equal(got[i], want[i]);
        free(got[i]);
    }
    free(got);
}

static void a_list_is_in_enforcement_order(void **state)
{
    const char *in[] = {"A::EVERYONE@:r", "A:G:crew@:r", "A::zoe@:w",
                        "A::OWNER@:rw",   "A::adam@:r",  "A:G:GROUP@:rt"};
    const char *out[] = {"A::OWNER@:rw",  "A::zoe@:w",   "A::adam@:r",
                         "A:G:GROUP@:rt", "A:G:crew@:r", "A::EVERYONE@:r"};
    const char *twice[] = {"A::bob@:r", "A::OWNER@:r", "A::bob@:w"};
    struct daos_acl *acl = acl_of(in, 6), *copy;

    (void)state;
    expect(acl, out, 6);
    copy = daos_acl_dup(acl);
    assert_int_equal(daos_acl_get_size(copy), daos_acl_get_size(acl));
    assert_memory_equal(copy, acl, daos_acl_get_size(acl));
    daos_acl_free(copy);
    assert_int_equal(daos_acl_from_strs(twice, 3, &copy), -DER_INVAL);
    assert_int_equal(daos_acl_from_strs(twice, 0, &copy), -DER_INVAL);
    copy = daos_acl_create(NULL, 0);
    assert_non_null(copy);
    assert_int_equal(daos_acl_validate(copy), 0);
    assert_null(daos_acl_get_next_ace(copy, NULL));
    daos_acl_free(copy);
    /* a length that lies, an order that is wrong */
    acl->dal_len -= 8;
    assert_int_equal(daos_acl_validate(acl), -DER_INVAL);
    acl->dal_len += 8;
    acl->dal_ver = 2;
    assert_int_equal(daos_acl_validate(acl), -DER_INVAL);
    daos_acl_free(acl);
    assert_int_equal(daos_acl_validate(NULL), -DER_INVAL);
    assert_int_equal(daos_acl_get_size(NULL), -DER_INVAL);
}

static void entries_come_and_go(void **state)
{
    const char *in[] = {"A::OWNER@:rw", "A::bob@:r", "A:G:GROUP@:r"};
    const char *after[] = {"A::OWNER@:rw", "A::bob@:rw", "A::zoe@:r", "A:G:GROUP@:r",
                           "A::EVERYONE@:"};
    const char *last[] = {"A::bob@:rw", "A::zoe@:r", "A:G:GROUP@:r", "A::EVERYONE@:"};
    const char *add[] = {"A::zoe@:r", "A::bob@:rw", "A::EVERYONE@:"};
    struct daos_acl *acl = acl_of(in, 3);
    struct daos_ace *ace;
    size_t i;

    (void)state;
    for (i = 0; i < 3; i++) {
        assert_int_equal(daos_ace_from_str(add[i], &ace), 0);
        assert_int_equal(daos_acl_add_ace(&acl, ace), 0);
        daos_ace_free(ace);
    }
    assert_int_equal(daos_acl_validate(acl), 0);
    expect(acl, after, 5);
    assert_int_equal(daos_acl_get_ace_for_principal(acl, DAOS_ACL_USER, "zoe@", &ace), 0);
    assert_int_equal(ace->dae_allow_perms, DAOS_ACL_PERM_READ);
    assert_int_equal(daos_acl_get_ace_for_principal(acl, DAOS_ACL_USER, "eve@", &ace),
                     -DER_NONEXIST);
    assert_int_equal(daos_acl_get_ace_for_principal(acl, DAOS_ACL_USER, NULL, &ace), -DER_INVAL);
    assert_int_equal(daos_acl_remove_ace(&acl, DAOS_ACL_OWNER, NULL), 0);
    assert_int_equal(daos_acl_remove_ace(&acl, DAOS_ACL_OWNER, NULL), -DER_NONEXIST);
    assert_int_equal(daos_acl_remove_ace(&acl, DAOS_ACL_GROUP, "crew@"), -DER_NONEXIST);
    assert_int_equal(daos_acl_remove_ace(&acl, 99, NULL), -DER_INVAL);
    expect(acl, last, 4);
    daos_acl_free(acl);
}

static void principals(void **state)
{
    enum daos_acl_principal_type type;
    char *name, longest[300];
    uid_t uid = 12345;
    gid_t gid = 12345;

    (void)state;
    assert_true(daos_acl_principal_is_valid("bob@"));
    assert_true(daos_acl_principal_is_valid("bob@there"));
    assert_false(daos_acl_principal_is_valid("bob"));
    assert_false(daos_acl_principal_is_valid("@"));
    assert_false(daos_acl_principal_is_valid("@there"));
    assert_false(daos_acl_principal_is_valid("a@b@c"));
    assert_false(daos_acl_principal_is_valid(""));
    assert_false(daos_acl_principal_is_valid(NULL));
    memset(longest, 'x', sizeof(longest));
    longest[254] = '@';
    longest[255] = '\0';
    assert_true(daos_acl_principal_is_valid(longest));
    longest[254] = 'x';
    longest[255] = '@';
    longest[256] = '\0';
    assert_false(daos_acl_principal_is_valid(longest));

    assert_int_equal(daos_acl_principal_from_str("OWNER@", &type, &name), 0);
    assert_int_equal(type, DAOS_ACL_OWNER);
    assert_null(name);
    assert_int_equal(daos_acl_principal_from_str("g:crew@", &type, &name), 0);
    assert_int_equal(type, DAOS_ACL_GROUP);
    assert_string_equal(name, "crew@");
    free(name);
    assert_int_equal(daos_acl_principal_from_str("crew@", &type, &name), -DER_INVAL);
    assert_int_equal(daos_acl_principal_from_str("u:crew", &type, &name), -DER_INVAL);

    assert_int_equal(daos_acl_uid_to_principal(0, &name), 0);
    assert_string_equal(name, "root@");
    assert_int_equal(daos_acl_principal_to_uid(name, &uid), 0);
    assert_int_equal(uid, 0);
    free(name);
    assert_int_equal(daos_acl_principal_to_uid("nobody-has-this-name@", &uid), -DER_NONEXIST);
    assert_int_equal(daos_acl_principal_to_uid("root", &uid), -DER_INVAL);
    assert_int_equal(daos_acl_principal_to_uid("root@elsewhere", &uid), -DER_INVAL);
    assert_int_equal(daos_acl_uid_to_principal(4000000, &name), -DER_NONEXIST);
    assert_int_equal(daos_acl_uid_to_principal(0, NULL), -DER_INVAL);

    assert_int_equal(daos_acl_gid_to_principal(0, &name), 0);
    assert_string_equal(name, "root@");
    assert_int_equal(daos_acl_principal_to_gid(name, &gid), 0);
    assert_int_equal(gid, 0);
    free(name);
    assert_int_equal(daos_acl_gid_to_principal(4000000, &name), -DER_NONEXIST);
    assert_int_equal(daos_acl_principal_to_gid("nobody-has-this-name@", &gid), -DER_NONEXIST);
    assert_int_equal(daos_acl_principal_to_gid("root", &gid), -DER_INVAL);
    assert_int_equal(daos_acl_principal_to_gid(NULL, &gid), -DER_INVAL);
}

/* What is printed for people; only that nothing is amiss with odd ones. */
static void lists_are_printed(void **state)
{
    const char *strs[] = {"A::OWNER@:rw", "A:G:crew@:r"};
    struct daos_acl *acl;
    char *text = NULL;
    size_t len;
    FILE *f;
    int out;

    (void)state;
    assert_int_equal(daos_acl_from_strs(strs, 2, &acl), 0);
    fflush(stdout);
    out = dup(STDOUT_FILENO);
    f = tmpfile();
    dup2(fileno(f), STDOUT_FILENO);
    daos_acl_dump(acl);
    daos_acl_dump(NULL);
    daos_ace_dump(daos_acl_get_next_ace(acl, NULL), 1);
    daos_ace_dump(NULL, 0);
    fflush(stdout);
    dup2(out, STDOUT_FILENO);
    close(out);
    rewind(f);
    assert_true(getdelim(&text, &len, '\0', f) > 0);
    assert_non_null(strstr(text, "Allow::Owner:Read/Write"));
    assert_non_null(strstr(text, "crew@"));
    free(text);
    fclose(f);
    daos_acl_free(acl);
}

/* Rights of root, in group root, on a container whose list is `strs`. */
static uint64_t perms_of(const char *owner, const char *group, const char **strs, size_t nr)
{
    daos_prop_t *prop = daos_prop_alloc(3);
    gid_t gids[] = {0};
    uint64_t perms = 0;

    prop->dpp_entries[0].dpe_type = DAOS_PROP_CO_ACL;
    prop->dpp_entries[0].dpe_val_ptr = acl_of(strs, nr);
    prop->dpp_entries[1].dpe_type = DAOS_PROP_CO_OWNER;
    prop->dpp_entries[1].dpe_str = strdup(owner);
    prop->dpp_entries[2].dpe_type = DAOS_PROP_CO_OWNER_GROUP;
    prop->dpp_entries[2].dpe_str = strdup(group);
    assert_int_equal(daos_cont_get_perms(prop, 0, gids, 1, &perms), 0);
    daos_prop_free(prop);
    return perms;
}

static void the_first_match_decides(void **state)
{
    const uint64_t r = DAOS_ACL_PERM_READ, w = DAOS_ACL_PERM_WRITE,
                   min = DAOS_ACL_PERM_GET_ACL | DAOS_ACL_PERM_SET_ACL;
    const char *all[] = {"A::OWNER@:w", "A::root@:r", "A:G:GROUP@:rw", "A:G:root@:t",
                         "A::EVERYONE@:r"};
    const char *groups[] = {"A:G:GROUP@:w", "A:G:root@:t", "A::EVERYONE@:r"};
    const char *denied[] = {"A::root@:", "A::EVERYONE@:rw"};
    const char *everyone[] = {"A::bob@:rw", "A::EVERYONE@:r"};
    const char *nobody[] = {"A::bob@:rw"};
    uint64_t perms;

    (void)state;
    assert_int_equal(perms_of("root@", "root@", all, 5), w | min);
    assert_int_equal(perms_of("bob@", "root@", all, 5), r);
    assert_int_equal(perms_of("bob@", "root@", groups, 3), w | DAOS_ACL_PERM_GET_PROP);
    assert_int_equal(perms_of("bob@", "crew@", groups, 3), DAOS_ACL_PERM_GET_PROP);
    assert_int_equal(perms_of("bob@", "root@", denied, 2), 0);
    assert_int_equal(perms_of("bob@", "root@", everyone, 2), r);
    assert_int_equal(perms_of("bob@", "root@", nobody, 1), 0);
    assert_int_equal(perms_of("root@", "root@", nobody, 1), min);
    assert_int_equal(daos_pool_get_perms(NULL, 0, NULL, 0, &perms), -DER_INVAL);
}

static void words_for_people(void **state)
{
    const char *in[] = {"A::OWNER@:rw", "A:G:crew@:"};
    char buf[256], *text = NULL;
    size_t len;
    FILE *f;
    struct daos_acl *acl = acl_of(in, 2);

    (void)state;
    assert_int_equal(daos_ace_str_get_verbose("A::OWNER@:rw", buf, sizeof(buf)), 0);
    assert_string_equal(buf, "Allow::Owner:Read/Write");
    assert_int_equal(daos_ace_str_get_verbose("A:G:crew@:", buf, sizeof(buf)), 0);
    assert_string_equal(buf, "Allow:Group:crew@:No-Access");
    assert_int_equal(daos_ace_str_get_verbose("A::OWNER@:rw", buf, 5), -DER_TRUNC);
    assert_int_equal(daos_ace_str_get_verbose("what?", buf, sizeof(buf)), -DER_INVAL);
    f = open_memstream(&text, &len);
    assert_int_equal(daos_acl_to_stream(f, acl, true), 0);
    fclose(f);
    assert_string_equal(text, "# Entries:\n# Allow::Owner:Read/Write\nA::OWNER@:rw\n# "
                              "Allow:Group:crew@:No-Access\nA:G:crew@:\n");
    free(text);
    assert_int_equal(daos_acl_to_stream(NULL, acl, true), -DER_INVAL);
    daos_acl_free(acl);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lists_are_printed),
        cmocka_unit_test(entries_survive_their_text),
        cmocka_unit_test(broken_text_is_refused),
        cmocka_unit_test(entries_are_made_by_hand),
        cmocka_unit_test(a_list_is_in_enforcement_order),
        cmocka_unit_test(entries_come_and_go),
        cmocka_unit_test(principals),
        cmocka_unit_test(the_first_match_decides),
        cmocka_unit_test(words_for_people),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
