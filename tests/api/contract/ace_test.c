/* Contracts of entries of access control lists, and of principals: as data and as text. */
#include "ace_text.h"

/* ---- Entries ---- */

CONTRACT(daos_ace_create)
{
    char name[DAOS_ACL_MAX_PRINCIPAL_LEN + 2];
    struct daos_ace *ace;

    CHECK(daos_ace_create(DAOS_ACL_USER, NULL) == NULL);
    CHECK(daos_ace_create(DAOS_ACL_USER, "") == NULL);
    CHECK(daos_ace_create(DAOS_ACL_GROUP, "no-at") == NULL);
    CHECK(daos_ace_create(DAOS_ACL_OWNER, "bob@") == NULL);
    CHECK(daos_ace_create(DAOS_ACL_EVERYONE, "") == NULL);
    CHECK(daos_ace_create(NUM_DAOS_ACL_TYPES, NULL) == NULL);
    memset(name, 'x', sizeof(name));
    name[DAOS_ACL_MAX_PRINCIPAL_LEN] = '@';
    name[DAOS_ACL_MAX_PRINCIPAL_LEN + 1] = '\0';
    CHECK(daos_ace_create(DAOS_ACL_USER, name) == NULL); /* one longer than a name may be */
    ace = daos_ace_create(DAOS_ACL_USER, name + 1);
    CHECK(ace != NULL && ace->dae_principal_len == DAOS_ACL_MAX_PRINCIPAL_LEN + 1);
    CHECK(strcmp(ace->dae_principal, name + 1) == 0 && ace->dae_allow_perms == 0);
    CHECK(!daos_ace_is_valid(ace)); /* it has no rights to allow, audit or alarm yet */
    daos_ace_free(ace);
    ace = daos_ace_create(DAOS_ACL_OWNER_GROUP, NULL);
    CHECK(ace != NULL && ace->dae_principal_len == 0);
    daos_ace_free(ace);
    daos_ace_free(NULL);
    return true;
}

CONTRACT(daos_ace_is_valid)
{
    struct daos_ace *ace = entry("A:G:crew@:rw"), was;

    CHECK(ace != NULL && daos_ace_is_valid(ace) && !daos_ace_is_valid(NULL));
    was = *ace;
#define BAD(field, value)                                                                          \
    do {                                                                                           \
        ace->field = (value);                                                                      \
        CHECK(!daos_ace_is_valid(ace));                                                            \
        *ace = was;                                                                                \
    } while (0)
    BAD(dae_access_types, 0);
    BAD(dae_access_types, DAOS_ACL_ACCESS_ALL + 1);
    BAD(dae_access_types, DAOS_ACL_ACCESS_AUDIT); /* rights to allow, and it does not */
    BAD(dae_principal_type, NUM_DAOS_ACL_TYPES);
    BAD(dae_principal_type, DAOS_ACL_OWNER);
    BAD(dae_principal_type, DAOS_ACL_USER); /* with the flag of groups */
    BAD(dae_principal_len, 0);
    BAD(dae_principal_len, 5);
    BAD(dae_access_flags, 0);
    BAD(dae_access_flags, DAOS_ACL_FLAG_GROUP | (DAOS_ACL_FLAG_ALL + 1));
    BAD(dae_access_flags, DAOS_ACL_FLAG_GROUP | DAOS_ACL_FLAG_ACCESS_FAIL);
    BAD(dae_allow_perms, DAOS_ACL_PERM_ALL + 1);
    BAD(dae_audit_perms, DAOS_ACL_PERM_READ);
    BAD(dae_alarm_perms, DAOS_ACL_PERM_READ);
#undef BAD
    memset(ace->dae_principal, 'x', ace->dae_principal_len); /* it does not end */
    CHECK(!daos_ace_is_valid(ace));
    daos_ace_free(ace);
    return true;
}

CONTRACT(daos_ace_get_size)
{
    struct daos_ace *ace = entry("A::OWNER@:r"), *named = entry("A::bob@:r");

    NOW(-DER_INVAL, (int)daos_ace_get_size(NULL));
    NOW((int)sizeof(*ace), (int)daos_ace_get_size(ace));
    NOW((int)sizeof(*ace) + 8, (int)daos_ace_get_size(named));
    daos_ace_free(ace);
    daos_ace_free(named);
    return true;
}

CONTRACT(daos_ace_get_principal_str)
{
    static const char *const texts[][2] = {{"A::OWNER@:r", "OWNER@"},
                                           {"A:G:GROUP@:r", "GROUP@"},
                                           {"A::EVERYONE@:r", "EVERYONE@"},
                                           {"A::bob@there:r", "bob@there"},
                                           {"A:G:crew@:r", "crew@"}};

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct daos_ace *ace = entry(texts[i][0]);

        CHECK(strcmp(daos_ace_get_principal_str(ace), texts[i][1]) == 0);
        ace->dae_principal_type = NUM_DAOS_ACL_TYPES;
        CHECK(daos_ace_get_principal_str(ace) == NULL);
        daos_ace_free(ace);
    }
    CHECK(daos_ace_get_principal_str(NULL) == NULL);
    return true;
}

CONTRACT(daos_ace_from_str)
{
    static const char *const bad[] = {NULL,
                                      "",
                                      ":::",
                                      "A",
                                      "A::",
                                      "A::OWNER@",
                                      "A::bob:r",
                                      "A::@:r",
                                      "A::a@b@c:r",
                                      "X::OWNER@:r",
                                      "A:X:OWNER@:r",
                                      "A::OWNER@:x",
                                      "A::GROUP@:r",
                                      "A:G:bob:r",
                                      "::OWNER@:r",
                                      "A:S:OWNER@:r",
                                      "A::OWNER@:r:r",
                                      "A::OWNER@:r ",
                                      "U::OWNER@:r",
                                      "A::a:b@c:r",
                                      "a::OWNER@:r",
                                      "A:G:OWNER@:r"};
    struct daos_ace *ace = NULL;
    char text[DAOS_ACL_MAX_ACE_STR_LEN + 64];

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        NOW(-DER_INVAL, daos_ace_from_str(bad[i], &ace));
    NOW(-DER_INVAL, daos_ace_from_str("A::OWNER@:r", NULL));
    memset(text, 'r', sizeof(text)); /* longer than any */
    memcpy(text, "A::OWNER@:", 10);
    text[sizeof(text) - 1] = '\0';
    NOW(-DER_INVAL, daos_ace_from_str(text, &ace));
    CHECK(ace == NULL);
    NOW(0, daos_ace_from_str("LAU:PFSG:crew@:oAaTtdcwr", &ace)); /* in any order */
    NOW(0, daos_ace_to_str(ace, text, sizeof(text)));
    CHECK(strcmp(text, "AUL:GSFP:crew@:rwcdtTaAo") == 0);
    daos_ace_free(ace);
    return true;
}

CONTRACT(daos_ace_to_str)
{
    struct daos_ace *ace = entry("AU:F:bob@:rw");
    char text[32];

    NOW(-DER_INVAL, daos_ace_to_str(NULL, text, sizeof(text)));
    NOW(-DER_INVAL, daos_ace_to_str(ace, NULL, sizeof(text)));
    NOW(-DER_INVAL, daos_ace_to_str(ace, text, 0));
    NOW(-DER_TRUNC, daos_ace_to_str(ace, text, 12)); /* without room for the end */
    NOW(0, daos_ace_to_str(ace, text, 13));
    CHECK(strcmp(text, "AU:F:bob@:rw") == 0);
    ace->dae_audit_perms = DAOS_ACL_PERM_READ; /* no text has two sets of rights */
    NOW(-DER_INVAL, daos_ace_to_str(ace, text, sizeof(text)));
    daos_ace_free(ace);
    return true;
}

CONTRACT(daos_ace_str_get_verbose)
{
    char words[256];

    NOW(0, daos_ace_str_get_verbose("AU:GF:crew@:r", words, sizeof(words)));
    CHECK(strcmp(words, "Allow/Audit:Group/Access-Failure:crew@:Read") == 0);
    NOW(0, daos_ace_str_get_verbose("A::EVERYONE@:", words, sizeof(words)));
    CHECK(strcmp(words, "Allow::Everyone:No-Access") == 0);
    NOW(-DER_TRUNC, daos_ace_str_get_verbose("A::EVERYONE@:", words, 25));
    NOW(0, daos_ace_str_get_verbose("A::EVERYONE@:", words, 26));
    NOW(-DER_INVAL, daos_ace_str_get_verbose("A::EVERYONE@", words, sizeof(words)));
    NOW(-DER_INVAL, daos_ace_str_get_verbose(NULL, words, sizeof(words)));
    NOW(-DER_INVAL, daos_ace_str_get_verbose("A::EVERYONE@:", NULL, sizeof(words)));
    NOW(-DER_INVAL, daos_ace_str_get_verbose("A::EVERYONE@:", words, 0));
    return true;
}

/* ---- Principals ---- */

CONTRACT(daos_acl_principal_from_str)
{
    static const char *const bad[] = {NULL,  "",       "bob",    "bob@",   "u:",     "u:bob",
                                      "u:@", "x:bob@", "owner@", "u:a@b@", "OWNER@ "};
    enum daos_acl_principal_type type = DAOS_ACL_EVERYONE;
    char none[] = "none", *name = none;

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        NOW(-DER_INVAL, daos_acl_principal_from_str(bad[i], &type, &name));
    NOW(-DER_INVAL, daos_acl_principal_from_str("u:bob@", NULL, &name));
    NOW(-DER_INVAL, daos_acl_principal_from_str("u:bob@", &type, NULL));
    CHECK(type == DAOS_ACL_EVERYONE && name == none);
    NOW(0, daos_acl_principal_from_str("GROUP@", &type, &name));
    CHECK(type == DAOS_ACL_OWNER_GROUP && name == NULL);
    NOW(0, daos_acl_principal_from_str("g:crew@there", &type, &name));
    CHECK(type == DAOS_ACL_GROUP && strcmp(name, "crew@there") == 0);
    free(name);
    return true;
}

CONTRACT(daos_acl_principal_is_valid)
{
    char name[DAOS_ACL_MAX_PRINCIPAL_LEN + 2];

    CHECK(daos_acl_principal_is_valid("b@") && daos_acl_principal_is_valid("b@domain"));
    CHECK(!daos_acl_principal_is_valid(NULL) && !daos_acl_principal_is_valid(""));
    CHECK(!daos_acl_principal_is_valid("@") && !daos_acl_principal_is_valid("b"));
    CHECK(!daos_acl_principal_is_valid("a@b@") && !daos_acl_principal_is_valid("a:b@"));
    memset(name, '@', sizeof(name));
    memset(name, 'x', DAOS_ACL_MAX_PRINCIPAL_LEN);
    name[DAOS_ACL_MAX_PRINCIPAL_LEN + 1] = '\0';
    CHECK(!daos_acl_principal_is_valid(name) && daos_acl_principal_is_valid(name + 1));
    return true;
}

CONTRACT(daos_acl_uid_to_principal)
{
    char none[] = "none", *name = none;
    uid_t uid = 77;

    NOW(-DER_INVAL, daos_acl_uid_to_principal(0, NULL));
    NOW(-DER_NONEXIST, daos_acl_uid_to_principal(4000000000u, &name));
    CHECK(name == none);
    NOW(0, daos_acl_uid_to_principal(0, &name));
    NOW(0, daos_acl_principal_to_uid(name, &uid));
    CHECK(uid == 0 && name[strlen(name) - 1] == '@');
    free(name);
    return true;
}

CONTRACT(daos_acl_principal_to_uid)
{
    uid_t uid = 77;

    NOW(-DER_INVAL, daos_acl_principal_to_uid(NULL, &uid));
    NOW(-DER_INVAL, daos_acl_principal_to_uid("root", &uid));
    NOW(-DER_INVAL, daos_acl_principal_to_uid("root@elsewhere", &uid));
    NOW(-DER_INVAL, daos_acl_principal_to_uid("root@", NULL));
    NOW(-DER_NONEXIST, daos_acl_principal_to_uid("nobody-has-this-name@", &uid));
    CHECK(uid == 77);
    return true;
}

CONTRACT(daos_acl_gid_to_principal)
{
    char none[] = "none", *name = none;
    gid_t gid = 77;

    NOW(-DER_INVAL, daos_acl_gid_to_principal(0, NULL));
    NOW(-DER_NONEXIST, daos_acl_gid_to_principal(4000000000u, &name));
    CHECK(name == none);
    NOW(0, daos_acl_gid_to_principal(0, &name));
    NOW(0, daos_acl_principal_to_gid(name, &gid));
    CHECK(gid == 0);
    free(name);
    return true;
}

CONTRACT(daos_acl_principal_to_gid)
{
    gid_t gid = 77;

    NOW(-DER_INVAL, daos_acl_principal_to_gid(NULL, &gid));
    NOW(-DER_INVAL, daos_acl_principal_to_gid("root", &gid));
    NOW(-DER_INVAL, daos_acl_principal_to_gid("root@", NULL));
    NOW(-DER_NONEXIST, daos_acl_principal_to_gid("nobody-has-this-name@", &gid));
    CHECK(gid == 77);
    return true;
}

#define STORIES(X)                                                                                 \
    X(daos_ace_create)                                                                             \
    X(daos_ace_is_valid)                                                                           \
    X(daos_ace_get_size)                                                                           \
    X(daos_ace_get_principal_str)                                                                  \
    X(daos_ace_from_str)                                                                           \
    X(daos_ace_to_str)                                                                             \
    X(daos_ace_str_get_verbose)                                                                    \
    X(daos_acl_principal_from_str)                                                                 \
    X(daos_acl_principal_is_valid)                                                                 \
    X(daos_acl_uid_to_principal)                                                                   \
    X(daos_acl_principal_to_uid)                                                                   \
    X(daos_acl_gid_to_principal)                                                                   \
    X(daos_acl_principal_to_gid)

CONTRACT_MAIN(STORIES, no_stage, api_setup)
