/*
 * Who may do what: names of users and groups, and the enforcement order of an ACL.
 *
 * First match wins: owner; the user's own entry; the union of all entries of groups the user is in;
 * everyone. A step that matches is final even if it grants nothing.
 */
#include "client/acl_impl.h"

#include <daos_cont.h>
#include <daos_errno.h>
#include <daos_pool.h>
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <string.h>
#include <unistd.h>
#include "base/fail.h"
#include "client/impl.h"

#define NSS_BUF 65536u /* a group with thousands of members still fits */

static int principal_of(const char *name, char **out)
{
    size_t len = strlen(name);
    char *s = base_alloc(len + 2);

    if (s == NULL)
        return -DER_NOMEM;
    memcpy(s, name, len);
    memcpy(s + len, "@", 2);
    *out = s;
    return 0;
}

/* What the name service said: nothing found and errors that mean the same. */
static int nss_rc(int err, const void *found)
{
    if (found != NULL)
        return 0;
    if (err == ENOMEM)
        return -DER_NOMEM;
    return err == 0 || err == ENOENT || err == ESRCH || err == EBADF || err == EPERM ? -DER_NONEXIST
                                                                                     : -DER_MISC;
}

int daos_acl_uid_to_principal(uid_t uid, char **name)
{
    struct passwd pw, *found = NULL;
    char *buf;
    int rc, err;

    if (name == NULL)
        return -DER_INVAL;
    buf = base_alloc(NSS_BUF);
    if (buf == NULL)
        return -DER_NOMEM;
    err = getpwuid_r(uid, &pw, buf, NSS_BUF, &found);
    rc = nss_rc(err, found);
    if (rc == 0)
        rc = principal_of(pw.pw_name, name);
    base_free(buf);
    return rc;
}

int daos_acl_gid_to_principal(gid_t gid, char **name)
{
    struct group gr, *found = NULL;
    char *buf;
    int rc, err;

    if (name == NULL)
        return -DER_INVAL;
    buf = base_alloc(NSS_BUF);
    if (buf == NULL)
        return -DER_NOMEM;
    err = getgrgid_r(gid, &gr, buf, NSS_BUF, &found);
    rc = nss_rc(err, found);
    if (rc == 0)
        rc = principal_of(gr.gr_name, name);
    base_free(buf);
    return rc;
}

/* The name of "name@"; other domains are not known here. */
static int local_name(const char *principal, char *name)
{
    size_t len;

    if (!daos_acl_principal_is_valid(principal))
        return -DER_INVAL;
    len = strlen(principal);
    if (principal[len - 1] != '@')
        return -DER_INVAL;
    memcpy(name, principal, len - 1);
    name[len - 1] = '\0';
    return 0;
}

int daos_acl_principal_to_uid(const char *principal, uid_t *uid)
{
    char name[DAOS_ACL_MAX_PRINCIPAL_BUF_LEN];
    struct passwd pw, *found = NULL;
    char *buf;
    int rc, err;

    if (uid == NULL || local_name(principal, name) != 0)
        return -DER_INVAL;
    buf = base_alloc(NSS_BUF);
    if (buf == NULL)
        return -DER_NOMEM;
    err = getpwnam_r(name, &pw, buf, NSS_BUF, &found);
    rc = nss_rc(err, found);
    if (rc == 0)
        *uid = pw.pw_uid;
    base_free(buf);
    return rc;
}

int daos_acl_principal_to_gid(const char *principal, gid_t *gid)
{
    char name[DAOS_ACL_MAX_PRINCIPAL_BUF_LEN];
    struct group gr, *found = NULL;
    char *buf;
    int rc, err;

    if (gid == NULL || local_name(principal, name) != 0)
        return -DER_INVAL;
    buf = base_alloc(NSS_BUF);
    if (buf == NULL)
        return -DER_NOMEM;
    err = getgrnam_r(name, &gr, buf, NSS_BUF, &found);
    rc = nss_rc(err, found);
    if (rc == 0)
        *gid = gr.gr_gid;
    base_free(buf);
    return rc;
}

int daos_acl_principal_from_str(const char *str, enum daos_acl_principal_type *type, char **name)
{
    static const struct {
        const char *text;
        enum daos_acl_principal_type type;
    } nameless[] = {{DAOS_ACL_PRINCIPAL_OWNER, DAOS_ACL_OWNER},
                    {DAOS_ACL_PRINCIPAL_OWNER_GRP, DAOS_ACL_OWNER_GROUP},
                    {DAOS_ACL_PRINCIPAL_EVERYONE, DAOS_ACL_EVERYONE}};
    char *copy;

    if (str == NULL || type == NULL || name == NULL)
        return -DER_INVAL;
    for (size_t i = 0; i < ARRAY_LEN(nameless); i++) {
        if (strcmp(str, nameless[i].text) == 0) {
            *type = nameless[i].type;
            *name = NULL;
            return 0;
        }
    }
    if ((str[0] != 'u' && str[0] != 'g') || str[1] != ':' || !daos_acl_principal_is_valid(str + 2))
        return -DER_INVAL;
    copy = base_strdup(str + 2);
    if (copy == NULL)
        return -DER_NOMEM;
    *name = copy;
    *type = str[0] == 'u' ? DAOS_ACL_USER : DAOS_ACL_GROUP;
    return 0;
}

/* ---- This process ---- */

/* "name@", or "uid@" where the machine has no name for it (containers): the engine takes any name.
 */
static int name_or_number(int (*lookup)(uid_t id, char **name), uint32_t id, char **name)
{
    char text[16];
    int rc = lookup(id, name);

    if (rc != -DER_NONEXIST)
        return rc;
    snprintf(text, sizeof(text), "%u", id);
    return principal_of(text, name);
}

int ident_self(struct ident *id)
{
    gid_t *gids = NULL;
    int n, i, rc;

    memset(id, 0, sizeof(*id));
    rc = name_or_number(daos_acl_uid_to_principal, geteuid(), &id->user);
    if (rc == 0)
        rc = name_or_number(daos_acl_gid_to_principal, getegid(), &id->group);
    n = getgroups(0, NULL);
    if (rc == 0 && n > 0) {
        gids = base_calloc((size_t)n, sizeof(*gids));
        id->groups = base_calloc((size_t)n, sizeof(*id->groups));
        if (gids == NULL || id->groups == NULL)
            rc = -DER_NOMEM;
        else
            n = getgroups(n, gids);
        for (i = 0; rc == 0 && i < n; i++) {
            rc = name_or_number(daos_acl_gid_to_principal, gids[i], &id->groups[i]);
            if (rc == 0)
                id->groups_nr++;
        }
    }
    base_free(gids);
    if (rc)
        ident_fini(id);
    return rc;
}

void ident_fini(struct ident *id)
{
    uint32_t i;

    for (i = 0; i < id->groups_nr; i++)
        base_free(id->groups[i]);
    base_free(id->groups);
    base_free(id->group);
    base_free(id->user);
    memset(id, 0, sizeof(*id));
}

/* ---- Rights from a property list ---- */

/* Union over the owner's group and all named groups of the user; true if any entry matched. */
static bool eval_groups(struct daos_acl *acl, const char *owner_group, char *const *groups,
                        uint32_t nr, uint64_t *perms)
{
    struct daos_ace *ace;
    bool matched = false;
    uint32_t i;

    *perms = 0;
    for (i = 0; i < nr; i++) {
        if (strcmp(groups[i], owner_group) == 0 &&
            daos_acl_get_ace_for_principal(acl, DAOS_ACL_OWNER_GROUP, NULL, &ace) == 0) {
            *perms |= ace->dae_allow_perms;
            matched = true;
        }
        if (daos_acl_get_ace_for_principal(acl, DAOS_ACL_GROUP, groups[i], &ace) == 0) {
            *perms |= ace->dae_allow_perms;
            matched = true;
        }
    }
    return matched;
}

static uint64_t eval(struct daos_acl *acl, const char *owner, const char *owner_group,
                     const char *user, char *const *groups, uint32_t nr)
{
    struct daos_ace *ace;
    uint64_t perms;

    if (acl == NULL)
        return 0;
    if (strcmp(user, owner) == 0 &&
        daos_acl_get_ace_for_principal(acl, DAOS_ACL_OWNER, NULL, &ace) == 0)
        return ace->dae_allow_perms;
    if (daos_acl_get_ace_for_principal(acl, DAOS_ACL_USER, user, &ace) == 0)
        return ace->dae_allow_perms;
    if (eval_groups(acl, owner_group, groups, nr, &perms))
        return perms;
    return daos_acl_get_ace_for_principal(acl, DAOS_ACL_EVERYONE, NULL, &ace) == 0
               ? ace->dae_allow_perms
               : 0;
}

/* Property types of the list: ACL, owner, owner group. */
static int get_perms(daos_prop_t *prop, const uint32_t types[3], uid_t uid, gid_t *gids, size_t nr,
                     uint64_t mask, uint64_t owner_min, uint64_t *out)
{
    struct daos_prop_entry *acl, *owner, *group;
    char *user = NULL, **names = NULL;
    uint64_t perms;
    size_t i, n = 0;
    int rc;

    if (prop == NULL || out == NULL || (nr > 0 && gids == NULL))
        return -DER_INVAL;
    acl = daos_prop_entry_get(prop, types[0]);
    owner = daos_prop_entry_get(prop, types[1]);
    group = daos_prop_entry_get(prop, types[2]);
    if (acl == NULL || owner == NULL || group == NULL || owner->dpe_str == NULL ||
        group->dpe_str == NULL)
        return -DER_INVAL;
    if (acl->dpe_val_ptr != NULL && daos_acl_validate(acl->dpe_val_ptr) != 0)
        return -DER_INVAL;
    rc = daos_acl_uid_to_principal(uid, &user);
    if (rc)
        return rc;
    names = base_calloc(nr + 1, sizeof(*names));
    rc = names ? 0 : -DER_NOMEM;
    for (; rc == 0 && n < nr; n++) {
        rc = daos_acl_gid_to_principal(gids[n], &names[n]);
        if (rc)
            break;
    }
    if (rc == 0) {
        perms = eval(acl->dpe_val_ptr, owner->dpe_str, group->dpe_str, user, names, (uint32_t)nr) &
                mask;
        if (strcmp(user, owner->dpe_str) == 0)
            perms |= owner_min;
        *out = perms;
    }
    for (i = 0; names != NULL && i < n; i++)
        base_free(names[i]);
    base_free(names);
    base_free(user);
    return rc;
}

int daos_pool_get_perms(daos_prop_t *pool_prop, uid_t uid, gid_t *gids, size_t nr_gids,
                        uint64_t *perms)
{
    static const uint32_t types[3] = {DAOS_PROP_PO_ACL, DAOS_PROP_PO_OWNER,
                                      DAOS_PROP_PO_OWNER_GROUP};

    return get_perms(pool_prop, types, uid, gids, nr_gids, DAOS_ACL_PERM_POOL_ALL, 0, perms);
}

int daos_cont_get_perms(daos_prop_t *cont_prop, uid_t uid, gid_t *gids, size_t nr_gids,
                        uint64_t *perms)
{
    static const uint32_t types[3] = {DAOS_PROP_CO_ACL, DAOS_PROP_CO_OWNER,
                                      DAOS_PROP_CO_OWNER_GROUP};

    /* The owner can always look at the ACL and repair it. */
    return get_perms(cont_prop, types, uid, gids, nr_gids, DAOS_ACL_PERM_CONT_ALL,
                     DAOS_ACL_PERM_GET_ACL | DAOS_ACL_PERM_SET_ACL, perms);
}
