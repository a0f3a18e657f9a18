/* Contracts of access control lists as data and as text. Who may do what with them:
 * cont_acl_test.c. */
#include "ace_text.h"

static struct daos_acl *list_of(size_t nr, const char **texts)
{
    struct daos_acl *acl = NULL;

    return daos_acl_from_strs(texts, nr, &acl) == 0 ? acl : NULL;
}
#define LIST(...)                                                                                  \
    list_of(sizeof((const char *[]){__VA_ARGS__}) / sizeof(char *), (const char *[]){__VA_ARGS__})

/* Is the list these entries, one after the other? */
static bool reads(struct daos_acl *acl, const char *want)
{
    char all[512] = "", **strs = NULL;
    size_t nr = 0;

    if (daos_acl_validate(acl) != 0 || daos_acl_to_strs(acl, &strs, &nr) != 0)
        return false;
    for (size_t i = 0; i < nr; i++) {
        snprintf(all + strlen(all), sizeof(all) - strlen(all), "%s%s", i ? " " : "", strs[i]);
        free(strs[i]);
    }
    free(strs);
    return strcmp(all, want) == 0;
}

/* ---- Lists ---- */

CONTRACT(daos_acl_create)
{
    struct daos_ace *aces[] = {entry("A::EVERYONE@:r"), entry("A::bob@:r"), entry("A::OWNER@:rw"),
                               entry("A::bob@:w")};
    struct daos_acl *acl = daos_acl_create(NULL, 0);

    CHECK(acl != NULL && acl->dal_len == 0 && daos_acl_validate(acl) == 0);
    daos_acl_free(acl);
    CHECK(daos_acl_create(NULL, 1) == NULL);
    CHECK(daos_acl_create(aces, 4) == NULL); /* bob twice */
    acl = daos_acl_create(aces, 3);
    CHECK(reads(acl, "A::OWNER@:rw A::bob@:r A::EVERYONE@:r"));
    daos_acl_free(acl);
    aces[1]->dae_access_types = 0;
    CHECK(daos_acl_create(aces, 3) == NULL);
    for (int i = 0; i < 4; i++)
        daos_ace_free(aces[i]);
    daos_acl_free(NULL);
    return true;
}

CONTRACT(daos_acl_dup)
{
    struct daos_acl *acl = LIST("A::OWNER@:rw", "A::bob@:r"), *copy = daos_acl_dup(acl);

    CHECK(copy != NULL && copy != acl && daos_acl_dup(NULL) == NULL);
    NOW(0, memcmp(copy, acl, (size_t)daos_acl_get_size(acl)));
    daos_acl_free(acl);
    CHECK(reads(copy, "A::OWNER@:rw A::bob@:r"));
    daos_acl_free(copy);
    return true;
}

CONTRACT(daos_acl_get_size)
{
    struct daos_acl *acl = LIST("A::OWNER@:rw", "A::bob@:r");

    NOW(-DER_INVAL, (int)daos_acl_get_size(NULL));
    NOW((int)(sizeof(*acl) + 2 * sizeof(struct daos_ace)) + 8, (int)daos_acl_get_size(acl));
    daos_acl_free(acl);
    return true;
}

CONTRACT(daos_acl_get_next_ace)
{
    struct daos_acl *acl = LIST("A::OWNER@:rw", "A::bob@:r");
    struct daos_ace *first = daos_acl_get_next_ace(acl, NULL), *second;

    CHECK(first != NULL && (uint8_t *)first == acl->dal_ace);
    second = daos_acl_get_next_ace(acl, first);
    CHECK(second != NULL && strcmp(second->dae_principal, "bob@") == 0);
    CHECK(daos_acl_get_next_ace(acl, second) == NULL);
    CHECK(daos_acl_get_next_ace(NULL, NULL) == NULL);
    acl->dal_len -= 8; /* the last does not fit any more */
    CHECK(daos_acl_get_next_ace(acl, first) == NULL);
    daos_acl_free(acl);
    return true;
}

CONTRACT(daos_acl_get_ace_for_principal)
{
    struct daos_acl *acl = LIST("A::OWNER@:rw", "A::bob@:r", "A:G:bob@:w");
    struct daos_ace *ace = NULL;

    NOW(-DER_INVAL, daos_acl_get_ace_for_principal(NULL, DAOS_ACL_OWNER, NULL, &ace));
    NOW(-DER_INVAL, daos_acl_get_ace_for_principal(acl, DAOS_ACL_OWNER, NULL, NULL));
    NOW(-DER_INVAL, daos_acl_get_ace_for_principal(acl, NUM_DAOS_ACL_TYPES, NULL, &ace));
    NOW(-DER_INVAL, daos_acl_get_ace_for_principal(acl, DAOS_ACL_USER, NULL, &ace));
    NOW(-DER_INVAL, daos_acl_get_ace_for_principal(acl, DAOS_ACL_GROUP, "", &ace));
    NOW(-DER_NONEXIST, daos_acl_get_ace_for_principal(acl, DAOS_ACL_USER, "eve@", &ace));
    NOW(-DER_NONEXIST, daos_acl_get_ace_for_principal(acl, DAOS_ACL_EVERYONE, NULL, &ace));
    CHECK(ace == NULL);
    NOW(0, daos_acl_get_ace_for_principal(acl, DAOS_ACL_OWNER, "ignored", &ace));
    CHECK(ace == daos_acl_get_next_ace(acl, NULL));
    NOW(0, daos_acl_get_ace_for_principal(acl, DAOS_ACL_GROUP, "bob@", &ace));
    CHECK(ace->dae_allow_perms == DAOS_ACL_PERM_WRITE);
    daos_acl_free(acl);
    return true;
}

CONTRACT(daos_acl_add_ace)
{
    struct daos_acl *acl = LIST("A::bob@:r", "A::EVERYONE@:r"), *none = NULL;
    struct daos_ace *owner = entry("A::OWNER@:rw"), *bob = entry("A::bob@:rw");

    NOW(-DER_INVAL, daos_acl_add_ace(NULL, owner));
    NOW(-DER_INVAL, daos_acl_add_ace(&none, owner));
    NOW(-DER_INVAL, daos_acl_add_ace(&acl, NULL));
    owner->dae_access_types = 0;
    NOW(-DER_INVAL, daos_acl_add_ace(&acl, owner));
    CHECK(none == NULL && reads(acl, "A::bob@:r A::EVERYONE@:r"));
    owner->dae_access_types = DAOS_ACL_ACCESS_ALLOW;
    NOW(0, daos_acl_add_ace(&acl, owner));
    NOW(0, daos_acl_add_ace(&acl, bob));
    NOW(0, daos_acl_add_ace(&acl, bob));
    CHECK(reads(acl, "A::OWNER@:rw A::bob@:rw A::EVERYONE@:r"));
    daos_ace_free(owner);
    daos_ace_free(bob);
    daos_acl_free(acl);
    return true;
}

CONTRACT(daos_acl_remove_ace)
{
    struct daos_acl *acl = LIST("A::OWNER@:rw", "A::bob@:r"), *none = NULL;

    NOW(-DER_INVAL, daos_acl_remove_ace(NULL, DAOS_ACL_OWNER, NULL));
    NOW(-DER_INVAL, daos_acl_remove_ace(&none, DAOS_ACL_OWNER, NULL));
    NOW(-DER_INVAL, daos_acl_remove_ace(&acl, NUM_DAOS_ACL_TYPES, NULL));
    NOW(-DER_INVAL, daos_acl_remove_ace(&acl, DAOS_ACL_USER, NULL));
    NOW(-DER_NONEXIST, daos_acl_remove_ace(&acl, DAOS_ACL_USER, "eve@"));
    NOW(-DER_NONEXIST, daos_acl_remove_ace(&acl, DAOS_ACL_GROUP, "bob@"));
    CHECK(reads(acl, "A::OWNER@:rw A::bob@:r"));
    NOW(0, daos_acl_remove_ace(&acl, DAOS_ACL_OWNER, "ignored"));
    CHECK(reads(acl, "A::bob@:r"));
    NOW(0, daos_acl_remove_ace(&acl, DAOS_ACL_USER, "bob@"));
    CHECK(reads(acl, "") && acl->dal_len == 0);
    NOW(-DER_NONEXIST, daos_acl_remove_ace(&acl, DAOS_ACL_USER, "bob@"));
    daos_acl_free(acl);
    return true;
}

CONTRACT(daos_acl_validate)
{
    struct daos_acl *acl = LIST("A::OWNER@:rw", "A::bob@:r", "A::eve@:r");
    struct daos_ace *ace = daos_acl_get_next_ace(acl, NULL);

    NOW(-DER_INVAL, daos_acl_validate(NULL));
    NOW(0, daos_acl_validate(acl));
    acl->dal_ver = 0;
    NOW(-DER_INVAL, daos_acl_validate(acl));
    acl->dal_ver = DAOS_ACL_VERSION;
    acl->dal_len -= 8;
    NOW(-DER_INVAL, daos_acl_validate(acl));
    acl->dal_len -= 1;
    NOW(-DER_INVAL, daos_acl_validate(acl));
    acl->dal_len += 9;
    ace->dae_principal_type = DAOS_ACL_EVERYONE; /* before users */
    NOW(-DER_INVAL, daos_acl_validate(acl));
    ace->dae_principal_type = DAOS_ACL_OWNER;
    ace->dae_allow_perms = DAOS_ACL_PERM_ALL + 1;
    NOW(-DER_INVAL, daos_acl_validate(acl));
    ace->dae_allow_perms = DAOS_ACL_PERM_READ;
    memcpy(daos_acl_get_next_ace(acl, ace)->dae_principal, "eve", 3); /* twice */
    NOW(-DER_INVAL, daos_acl_validate(acl));
    daos_acl_free(acl);
    return true;
}

/* ---- Text of lists ---- */

CONTRACT(daos_acl_from_strs)
{
    const char *good[] = {"A::EVERYONE@:", "A::OWNER@:rw"}, *twice[] = {"A::b@:r", "A::b@:w"};
    const char *holes[] = {"A::OWNER@:rw", NULL}, *bad[] = {"A::OWNER@:rw", "what?"};
    struct daos_acl *acl = NULL;

    NOW(-DER_INVAL, daos_acl_from_strs(NULL, 2, &acl));
    NOW(-DER_INVAL, daos_acl_from_strs(good, 0, &acl));
    NOW(-DER_INVAL, daos_acl_from_strs(good, 2, NULL));
    NOW(-DER_INVAL, daos_acl_from_strs(good, SIZE_MAX, &acl));
    NOW(-DER_INVAL, daos_acl_from_strs(twice, 2, &acl));
    NOW(-DER_INVAL, daos_acl_from_strs(holes, 2, &acl));
    NOW(-DER_INVAL, daos_acl_from_strs(bad, 2, &acl));
    CHECK(acl == NULL);
    NOW(0, daos_acl_from_strs(good, 2, &acl));
    CHECK(reads(acl, "A::OWNER@:rw A::EVERYONE@:"));
    daos_acl_free(acl);
    return true;
}

CONTRACT(daos_acl_to_strs)
{
    struct daos_acl *acl = LIST("A::OWNER@:rw", "AU:F:bob@:r"), *empty = daos_acl_create(NULL, 0);
    char **strs = NULL;
    size_t nr = 7;

    NOW(-DER_INVAL, daos_acl_to_strs(NULL, &strs, &nr));
    NOW(-DER_INVAL, daos_acl_to_strs(acl, NULL, &nr));
    NOW(-DER_INVAL, daos_acl_to_strs(acl, &strs, NULL));
    CHECK(reads(acl, "A::OWNER@:rw AU:F:bob@:r"));
    daos_acl_get_next_ace(acl, daos_acl_get_next_ace(acl, NULL))->dae_audit_perms = 0;
    NOW(-DER_INVAL, daos_acl_to_strs(acl, &strs, &nr)); /* which no text says */
    CHECK(strs == NULL && nr == 7);
    NOW(0, daos_acl_to_strs(empty, &strs, &nr));
    CHECK(nr == 0);
    free(strs);
    daos_acl_free(empty);
    daos_acl_free(acl);
    return true;
}

/* What is printed of a list. */
static bool prints(struct daos_acl *acl, bool verbose, const char *want)
{
    char *text = NULL;
    size_t len = 0;
    FILE *f = open_memstream(&text, &len);
    int rc = daos_acl_to_stream(f, acl, verbose);
    bool same = fclose(f) == 0 && rc == 0 && strcmp(text, want) == 0;

    free(text);
    return same;
}

CONTRACT(daos_acl_to_stream)
{
    struct daos_acl *acl = LIST("A::OWNER@:r", "A::bob@:");

    NOW(-DER_INVAL, daos_acl_to_stream(NULL, acl, false));
    CHECK(prints(acl, false, "# Entries:\nA::OWNER@:r\nA::bob@:\n"));
    CHECK(prints(acl, true,
                 "# Entries:\n# Allow::Owner:Read\nA::OWNER@:r\n# Allow::bob@:No-Access\n"
                 "A::bob@:\n"));
    CHECK(prints(NULL, true, "# Entries:\n#   None\n"));
    daos_acl_free(acl);
    return true;
}

#define STORIES(X)                                                                                 \
    X(daos_acl_create)                                                                             \
    X(daos_acl_dup)                                                                                \
    X(daos_acl_get_size)                                                                           \
    X(daos_acl_get_next_ace)                                                                       \
    X(daos_acl_get_ace_for_principal)                                                              \
    X(daos_acl_add_ace)                                                                            \
    X(daos_acl_remove_ace)                                                                         \
    X(daos_acl_validate)                                                                           \
    X(daos_acl_from_strs)                                                                          \
    X(daos_acl_to_strs)                                                                            \
    X(daos_acl_to_stream)

CONTRACT_MAIN(STORIES, no_stage, api_setup)
