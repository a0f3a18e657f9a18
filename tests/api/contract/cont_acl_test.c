/* Contracts of who may do what with a container, and whose it is. */
#include "stage.h"

static struct daos_acl *acl_of(const char *entry)
{
    struct daos_acl *acl = NULL;

    return daos_acl_from_strs(&entry, 1, &acl) == 0 ? acl : NULL;
}

/* What the list in force grants a principal; -1: it has no entry. */
static int granted(daos_handle_t coh, enum daos_acl_principal_type type, const char *name)
{
    daos_prop_t *prop = NULL;
    struct daos_acl *acl;
    struct daos_ace *ace;
    int perms = -1;

    if (daos_cont_get_acl(coh, &prop, NULL) != 0)
        return -2;
    acl = daos_prop_entry_get(prop, DAOS_PROP_CO_ACL)->dpe_val_ptr;
    if (daos_acl_get_ace_for_principal(acl, type, name, &ace) == 0)
        perms = (int)ace->dae_allow_perms;
    daos_prop_free(prop);
    return perms;
}

CONTRACT(daos_cont_get_acl)
{
    daos_prop_t *prop = NULL;
    struct mine m, theirs;

    CHECK(mine_make(r, &m, NULL));
    GIVES(0, daos_cont_get_acl(m.coh, &prop, ev(r)));
    CHECK(prop != NULL && prop->dpp_nr == 3);
    NOW(0, daos_acl_validate(daos_prop_entry_get(prop, DAOS_PROP_CO_ACL)->dpe_val_ptr));
    CHECK(strchr(daos_prop_entry_get(prop, DAOS_PROP_CO_OWNER)->dpe_str, '@') != NULL);
    CHECK(strchr(daos_prop_entry_get(prop, DAOS_PROP_CO_OWNER_GROUP)->dpe_str, '@') != NULL);
    daos_prop_free(prop);
    GIVES(-DER_INVAL, daos_cont_get_acl(m.coh, NULL, ev(r)));
    GIVES(-DER_NO_HDL, daos_cont_get_acl(r->poh, &prop, ev(r)));
    CHECK(mine_end(r, &m));
    CHECK(foreign_make(r, &theirs, "rw"));
    NOW(0, daos_cont_open(r->poh, theirs.label, DAOS_COO_RW, &theirs.coh, NULL, NULL));
    prop = NULL;
    GIVES(-DER_NO_PERM, daos_cont_get_acl(theirs.coh, &prop, ev(r)));
    CHECK(prop == NULL);
    return mine_end(r, &theirs);
}

CONTRACT(daos_cont_overwrite_acl)
{
    struct daos_acl *acl = acl_of("A::OWNER@:rwdtTaAo"), *bad = acl_of("A::bob@:r");
    struct mine m, theirs;

    CHECK(mine_make(r, &m, NULL));
    CHECK(granted(m.coh, DAOS_ACL_OWNER_GROUP, NULL) > 0);
    GIVES(0, daos_cont_overwrite_acl(m.coh, acl, ev(r)));
    CHECK(granted(m.coh, DAOS_ACL_OWNER_GROUP, NULL) == -1);
    CHECK(granted(m.coh, DAOS_ACL_OWNER, NULL) == DAOS_ACL_PERM_CONT_ALL);
    GIVES(-DER_INVAL, daos_cont_overwrite_acl(m.coh, NULL, ev(r)));
    bad->dal_ver = 99;
    GIVES(-DER_INVAL, daos_cont_overwrite_acl(m.coh, bad, ev(r)));
    CHECK(granted(m.coh, DAOS_ACL_USER, "bob@") == -1);
    GIVES(-DER_NO_HDL, daos_cont_overwrite_acl(r->poh, acl, ev(r)));
    CHECK(mine_end(r, &m));
    CHECK(foreign_make(r, &theirs, "rwa"));
    NOW(0, daos_cont_open(r->poh, theirs.label, DAOS_COO_RW, &theirs.coh, NULL, NULL));
    GIVES(-DER_NO_PERM, daos_cont_overwrite_acl(theirs.coh, acl, ev(r)));
    CHECK(granted(theirs.coh, DAOS_ACL_OWNER, NULL) == -1);
    daos_acl_free(acl);
    daos_acl_free(bad);
    return mine_end(r, &theirs);
}

CONTRACT(daos_cont_update_acl)
{
    struct daos_acl *acl = acl_of("A::bob@:r"), *more = acl_of("A::bob@:rw"),
                    *bad = acl_of("A::eve@:r");
    struct mine m, theirs;

    CHECK(mine_make(r, &m, NULL));
    GIVES(0, daos_cont_update_acl(m.coh, acl, ev(r)));
    CHECK(granted(m.coh, DAOS_ACL_USER, "bob@") == DAOS_ACL_PERM_READ);
    GIVES(0, daos_cont_update_acl(m.coh, more, ev(r)));
    CHECK(granted(m.coh, DAOS_ACL_USER, "bob@") == (DAOS_ACL_PERM_READ | DAOS_ACL_PERM_WRITE));
    CHECK(granted(m.coh, DAOS_ACL_OWNER, NULL) == DAOS_ACL_PERM_CONT_ALL);
    GIVES(-DER_INVAL, daos_cont_update_acl(m.coh, NULL, ev(r)));
    bad->dal_ver = 99;
    GIVES(-DER_INVAL, daos_cont_update_acl(m.coh, bad, ev(r)));
    CHECK(granted(m.coh, DAOS_ACL_USER, "eve@") == -1);
    GIVES(-DER_NO_HDL, daos_cont_update_acl(r->poh, acl, ev(r)));
    CHECK(mine_end(r, &m));
    CHECK(foreign_make(r, &theirs, "rwa"));
    NOW(0, daos_cont_open(r->poh, theirs.label, DAOS_COO_RW, &theirs.coh, NULL, NULL));
    GIVES(-DER_NO_PERM, daos_cont_update_acl(theirs.coh, acl, ev(r)));
    CHECK(granted(theirs.coh, DAOS_ACL_USER, "bob@") == -1);
    daos_acl_free(acl);
    daos_acl_free(more);
    daos_acl_free(bad);
    return mine_end(r, &theirs);
}

CONTRACT(daos_cont_delete_acl)
{
    struct daos_acl *acl = acl_of("A::bob@:r");
    d_string_t bob = (d_string_t) "bob@";
    struct mine m, theirs;

    CHECK(mine_make(r, &m, NULL));
    NOW(0, daos_cont_update_acl(m.coh, acl, NULL));
    GIVES(-DER_NONEXIST, daos_cont_delete_acl(m.coh, DAOS_ACL_USER, (d_string_t) "eve@", ev(r)));
    GIVES(-DER_NONEXIST, daos_cont_delete_acl(m.coh, DAOS_ACL_GROUP, bob, ev(r)));
    GIVES(-DER_INVAL, daos_cont_delete_acl(m.coh, DAOS_ACL_USER, NULL, ev(r)));
    GIVES(-DER_INVAL, daos_cont_delete_acl(m.coh, 9, bob, ev(r)));
    GIVES(-DER_NO_HDL, daos_cont_delete_acl(r->poh, DAOS_ACL_USER, bob, ev(r)));
    CHECK(granted(m.coh, DAOS_ACL_USER, "bob@") == DAOS_ACL_PERM_READ);
    GIVES(0, daos_cont_delete_acl(m.coh, DAOS_ACL_USER, bob, ev(r)));
    CHECK(granted(m.coh, DAOS_ACL_USER, "bob@") == -1);
    GIVES(0, daos_cont_delete_acl(m.coh, DAOS_ACL_OWNER_GROUP, NULL, ev(r)));
    CHECK(granted(m.coh, DAOS_ACL_OWNER_GROUP, NULL) == -1);
    daos_acl_free(acl);
    CHECK(mine_end(r, &m));
    CHECK(foreign_make(r, &theirs, "rwa"));
    NOW(0, daos_cont_open(r->poh, theirs.label, DAOS_COO_RW, &theirs.coh, NULL, NULL));
    GIVES(-DER_NO_PERM, daos_cont_delete_acl(theirs.coh, DAOS_ACL_EVERYONE, NULL, ev(r)));
    CHECK(granted(theirs.coh, DAOS_ACL_EVERYONE, NULL) > 0);
    return mine_end(r, &theirs);
}

static bool owned_by(daos_handle_t coh, const char *user, const char *group)
{
    daos_prop_t *prop = NULL;
    bool yes;

    if (daos_cont_get_acl(coh, &prop, NULL) != 0)
        return false;
    yes = (user == NULL ||
           strcmp(daos_prop_entry_get(prop, DAOS_PROP_CO_OWNER)->dpe_str, user) == 0) &&
          strcmp(daos_prop_entry_get(prop, DAOS_PROP_CO_OWNER_GROUP)->dpe_str, group) == 0;
    daos_prop_free(prop);
    return yes;
}

CONTRACT(daos_cont_set_owner)
{
    d_string_t unknown = (d_string_t) "no-such-one-here@", root = (d_string_t) "root@";
    char *own = NULL;
    struct mine m, theirs;

    NOW(0, daos_acl_uid_to_principal(geteuid(), &own));
    CHECK(mine_make(r, &m, NULL));
    GIVES(0, daos_cont_set_owner(m.coh, NULL, root, ev(r)));
    CHECK(owned_by(m.coh, own, "root@"));
    GIVES(-DER_INVAL, daos_cont_set_owner(m.coh, NULL, NULL, ev(r)));
    GIVES(-DER_INVAL, daos_cont_set_owner(m.coh, (d_string_t) "nobody", NULL, ev(r)));
    GIVES(-DER_INVAL, daos_cont_set_owner(m.coh, root, (d_string_t) "a@b@", ev(r)));
    GIVES(-DER_NONEXIST, daos_cont_set_owner(m.coh, unknown, NULL, ev(r)));
    GIVES(-DER_NONEXIST, daos_cont_set_owner(m.coh, NULL, unknown, ev(r)));
    GIVES(-DER_NO_HDL, daos_cont_set_owner(r->poh, root, NULL, ev(r)));
    CHECK(owned_by(m.coh, own, "root@"));
    CHECK(mine_end(r, &m));
    free(own);
    CHECK(foreign_make(r, &theirs, "rwa"));
    NOW(0, daos_cont_open(r->poh, theirs.label, DAOS_COO_RW, &theirs.coh, NULL, NULL));
    GIVES(-DER_NO_PERM, daos_cont_set_owner(theirs.coh, root, NULL, ev(r)));
    CHECK(owned_by(theirs.coh, "somebody@", "somebodies@"));
    return mine_end(r, &theirs);
}

CONTRACT(daos_cont_set_owner_no_check)
{
    d_string_t unknown = (d_string_t) "no-such-one-here@";
    struct mine m, theirs;

    CHECK(mine_make(r, &m, NULL));
    GIVES(0, daos_cont_set_owner_no_check(m.coh, NULL, unknown, ev(r)));
    CHECK(owned_by(m.coh, NULL, unknown));
    GIVES(-DER_INVAL, daos_cont_set_owner_no_check(m.coh, NULL, NULL, ev(r)));
    GIVES(-DER_INVAL, daos_cont_set_owner_no_check(m.coh, (d_string_t) "nobody", NULL, ev(r)));
    GIVES(-DER_NO_HDL, daos_cont_set_owner_no_check(r->poh, unknown, NULL, ev(r)));
    GIVES(0, daos_cont_set_owner_no_check(m.coh, unknown, NULL, ev(r)));
    CHECK(mine_end(r, &m));
    CHECK(foreign_make(r, &theirs, "rwa"));
    NOW(0, daos_cont_open(r->poh, theirs.label, DAOS_COO_RW, &theirs.coh, NULL, NULL));
    GIVES(-DER_NO_PERM, daos_cont_set_owner_no_check(theirs.coh, unknown, NULL, ev(r)));
    CHECK(owned_by(theirs.coh, "somebody@", "somebodies@"));
    return mine_end(r, &theirs);
}

#define STORIES(X)                                                                                 \
    X(daos_cont_get_acl)                                                                           \
    X(daos_cont_overwrite_acl)                                                                     \
    X(daos_cont_update_acl)                                                                        \
    X(daos_cont_delete_acl)                                                                        \
    X(daos_cont_set_owner)                                                                         \
    X(daos_cont_set_owner_no_check)

CONTRACT_MAIN(STORIES, daos_stage, api_setup)
