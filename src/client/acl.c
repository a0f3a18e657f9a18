/*
 * Access control lists: entries packed one after the other behind a header, sorted by type of
 * principal, which is the order in which they are enforced; within a type in the order in which
 * they were given.
 */
#include "client/acl_impl.h"

#include <daos_errno.h>
#include <string.h>
#include "base/assert.h"
#include "base/fail.h"

static uint32_t ace_size(const struct daos_ace *ace)
{
    return (uint32_t)sizeof(*ace) + ace->dae_principal_len;
}

static struct daos_acl *acl_new(uint32_t len)
{
    struct daos_acl *acl = base_calloc(1, sizeof(*acl) + len);

    if (acl == NULL)
        return NULL;
    acl->dal_ver = DAOS_ACL_VERSION;
    acl->dal_len = len;
    return acl;
}

static bool same_principal(struct daos_ace *a, uint32_t type, const char *name)
{
    return a->dae_principal_type == type &&
           (!ace_type_is_named(type) || strcmp(a->dae_principal, name) == 0);
}

/* Appends copies of aces of one type; returns where it ends. */
static uint8_t *put_type(uint8_t *at, struct daos_ace **aces, uint16_t nr, uint32_t type)
{
    uint16_t i;

    for (i = 0; i < nr; i++) {
        if (aces[i]->dae_principal_type != type)
            continue;
        memcpy(at, aces[i], ace_size(aces[i]));
        at += ace_size(aces[i]);
    }
    return at;
}

struct daos_acl *daos_acl_create(struct daos_ace **aces, uint16_t num_aces)
{
    struct daos_acl *acl;
    uint64_t len = 0;
    uint32_t type;
    uint8_t *at;
    uint16_t i;

    if (num_aces > 0 && aces == NULL)
        return NULL;
    for (i = 0; i < num_aces; i++) {
        if (!daos_ace_is_valid(aces[i]))
            return NULL;
        len += ace_size(aces[i]);
    }
    if (len > DAOS_ACL_MAX_ACE_LEN)
        return NULL;
    acl = acl_new((uint32_t)len);
    if (acl == NULL)
        return NULL;
    at = acl->dal_ace;
    for (type = 0; type < NUM_DAOS_ACL_TYPES; type++)
        at = put_type(at, aces, num_aces, type);
    if (daos_acl_validate(acl) != 0) {
        daos_acl_free(acl);
        return NULL;
    }
    return acl;
}

struct daos_acl *daos_acl_dup(struct daos_acl *acl)
{
    struct daos_acl *copy;

    if (acl == NULL)
        return NULL;
    copy = acl_new(acl->dal_len);
    if (copy != NULL)
        memcpy(copy, acl, sizeof(*acl) + acl->dal_len);
    return copy;
}

void daos_acl_free(struct daos_acl *acl)
{
    base_free(acl);
}

ssize_t daos_acl_get_size(struct daos_acl *acl)
{
    return acl ? (ssize_t)(sizeof(*acl) + acl->dal_len) : -DER_INVAL;
}

struct daos_ace *daos_acl_get_next_ace(struct daos_acl *acl, struct daos_ace *current_ace)
{
    uint8_t *at, *end;

    if (acl == NULL)
        return NULL;
    end = acl->dal_ace + acl->dal_len;
    at = current_ace ? (uint8_t *)current_ace + ace_size(current_ace) : acl->dal_ace;
    if (at < acl->dal_ace || at > end || (size_t)(end - at) < sizeof(struct daos_ace))
        return NULL;
    /* an entry of odd length would leave those behind it misaligned; none is valid, so the list
     * ends */
    if (((struct daos_ace *)at)->dae_principal_len % 8 != 0 ||
        (size_t)(end - at) < ace_size((struct daos_ace *)at))
        return NULL;
    return (struct daos_ace *)at;
}

int daos_acl_validate(struct daos_acl *acl)
{
    struct daos_ace *ace = NULL, *other;
    uint32_t type = 0, used = 0;

    if (acl == NULL || acl->dal_ver != DAOS_ACL_VERSION || acl->dal_len % 8 != 0 ||
        acl->dal_len > DAOS_ACL_MAX_ACE_LEN)
        return -DER_INVAL;
    while ((ace = daos_acl_get_next_ace(acl, ace)) != NULL) {
        if (!daos_ace_is_valid(ace) || ace->dae_principal_type < type)
            return -DER_INVAL;
        type = ace->dae_principal_type;
        used += ace_size(ace);
        for (other = daos_acl_get_next_ace(acl, ace); other != NULL;
             other = daos_acl_get_next_ace(acl, other))
            if (other->dae_principal_type == type && daos_ace_is_valid(other) &&
                same_principal(other, type, ace->dae_principal))
                return -DER_INVAL;
    }
    return used == acl->dal_len ? 0 : -DER_INVAL;
}

int daos_acl_get_ace_for_principal(struct daos_acl *acl, enum daos_acl_principal_type type,
                                   const char *principal, struct daos_ace **out)
{
    struct daos_ace *ace = NULL;

    if (acl == NULL || out == NULL || (unsigned int)type >= NUM_DAOS_ACL_TYPES)
        return -DER_INVAL;
    if (ace_type_is_named(type) && (principal == NULL || principal[0] == '\0'))
        return -DER_INVAL;
    while ((ace = daos_acl_get_next_ace(acl, ace)) != NULL) {
        if (same_principal(ace, type, principal)) {
            *out = ace;
            return 0;
        }
    }
    return -DER_NONEXIST;
}

/* *acl without `gone` (may be NULL) and with `add` (may be NULL) at its place. */
static int rebuild(struct daos_acl **acl, struct daos_ace *gone, struct daos_ace *add)
{
    struct daos_acl *old = *acl, *acl_out;
    struct daos_ace *ace = NULL;
    uint64_t len = (uint64_t)old->dal_len - (gone ? ace_size(gone) : 0) + (add ? ace_size(add) : 0);
    uint8_t *at;
    bool added = add == NULL;

    if (len > DAOS_ACL_MAX_ACE_LEN)
        return -DER_INVAL;
    acl_out = acl_new((uint32_t)len);
    if (acl_out == NULL)
        return -DER_NOMEM;
    at = acl_out->dal_ace;
    while ((ace = daos_acl_get_next_ace(old, ace)) != NULL) {
        /* A replacement takes the old place, a new entry the end of its type. */
        if (!added &&
            (ace == gone || (gone == NULL && ace->dae_principal_type > add->dae_principal_type))) {
            memcpy(at, add, ace_size(add));
            at += ace_size(add);
            added = true;
        }
        if (ace == gone)
            continue;
        memcpy(at, ace, ace_size(ace));
        at += ace_size(ace);
    }
    if (!added)
        memcpy(at, add, ace_size(add));
    daos_acl_free(old);
    *acl = acl_out;
    return 0;
}

int daos_acl_add_ace(struct daos_acl **acl, struct daos_ace *new_ace)
{
    struct daos_ace *old = NULL;

    if (acl == NULL || *acl == NULL || !daos_ace_is_valid(new_ace))
        return -DER_INVAL;
    if (daos_acl_get_ace_for_principal(*acl, new_ace->dae_principal_type, new_ace->dae_principal,
                                       &old) != 0)
        old = NULL;
    return rebuild(acl, old, new_ace);
}

int daos_acl_remove_ace(struct daos_acl **acl, enum daos_acl_principal_type type,
                        const char *principal_name)
{
    struct daos_ace *ace;
    int rc;

    if (acl == NULL)
        return -DER_INVAL;
    rc = daos_acl_get_ace_for_principal(*acl, type, principal_name, &ace);
    return rc ? rc : rebuild(acl, ace, NULL);
}

/* ---- Text ---- */

int daos_acl_from_strs(const char **ace_strs, size_t ace_nr, struct daos_acl **out)
{
    struct daos_acl *acl = NULL;
    struct daos_ace **aces;
    size_t i = 0;
    int rc = 0;

    if (ace_strs == NULL || ace_nr == 0 || ace_nr > UINT16_MAX || out == NULL)
        return -DER_INVAL;
    aces = base_calloc(ace_nr, sizeof(*aces));
    if (aces == NULL)
        return -DER_NOMEM;
    for (i = 0; i < ace_nr && rc == 0; i++)
        rc = daos_ace_from_str(ace_strs[i], &aces[i]);
    if (rc == 0) {
        acl = daos_acl_create(aces, (uint16_t)ace_nr);
        rc = acl ? 0 : -DER_INVAL;
    }
    for (i = 0; i < ace_nr; i++)
        daos_ace_free(aces[i]);
    base_free(aces);
    if (rc == 0)
        *out = acl;
    return rc;
}

int daos_acl_to_strs(struct daos_acl *acl, char ***out, size_t *ace_nr)
{
    char text[DAOS_ACL_MAX_ACE_STR_LEN + 1];
    struct daos_ace *ace = NULL;
    char **strs = NULL;
    size_t n = 0, i = 0;
    int rc = 0;

    if (acl == NULL || out == NULL || ace_nr == NULL)
        return -DER_INVAL;
    while ((ace = daos_acl_get_next_ace(acl, ace)) != NULL)
        n++;
    if (n > 0) {
        strs = base_calloc(n, sizeof(*strs));
        if (strs == NULL)
            return -DER_NOMEM;
    }
    while (rc == 0 && (ace = daos_acl_get_next_ace(acl, ace)) != NULL) {
        rc = daos_ace_to_str(ace, text, sizeof(text));
        if (rc == 0 && (strs[i++] = base_strdup(text)) == NULL)
            rc = -DER_NOMEM;
    }
    if (rc) {
        for (i = 0; i < n; i++)
            base_free(strs[i]);
        base_free(strs);
        return rc;
    }
    *out = strs;
    *ace_nr = n;
    return 0;
}

int daos_acl_to_stream(FILE *stream, struct daos_acl *acl, bool verbose)
{
    char words[1024];
    char **strs;
    size_t n, i;
    int rc;

    if (stream == NULL)
        return -DER_INVAL;
    fputs("# Entries:\n", stream);
    if (acl == NULL || acl->dal_len == 0) {
        fputs("#   None\n", stream);
        return 0;
    }
    rc = daos_acl_to_strs(acl, &strs, &n);
    if (rc)
        return rc;
    for (i = 0; i < n; i++) {
        if (verbose && daos_ace_str_get_verbose(strs[i], words, sizeof(words)) == 0)
            fprintf(stream, "# %s\n", words);
        fprintf(stream, "%s\n", strs[i]);
        base_free(strs[i]);
    }
    base_free(strs);
    return 0;
}

void daos_acl_dump(struct daos_acl *acl)
{
    struct daos_ace *ace = NULL;

    if (acl == NULL) {
        printf("no ACL\n");
        return;
    }
    printf("ACL version %u, %u bytes of entries\n", acl->dal_ver, acl->dal_len);
    while ((ace = daos_acl_get_next_ace(acl, ace)) != NULL)
        daos_ace_dump(ace, 1);
}
