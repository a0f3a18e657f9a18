/*
 * One entry of an access control list: memory, validity, text.
 *
 * As text: TYPES:FLAGS:PRINCIPAL:PERMISSIONS. Each of the three letter sets is a table from letter
 * to bit, in the order in which letters are written.
 */
#include "client/acl_impl.h"

#include <daos_errno.h>
#include <stdio.h>
#include <string.h>
#include "base/assert.h"
#include "base/fail.h"

struct letter {
    char c;
    uint16_t bit;
    const char *word;
};

static const struct letter types[] = {
    {'A', DAOS_ACL_ACCESS_ALLOW, "Allow"},
    {'U', DAOS_ACL_ACCESS_AUDIT, "Audit"},
    {'L', DAOS_ACL_ACCESS_ALARM, "Alarm"},
    {0},
};
static const struct letter flags[] = {
    {'G', DAOS_ACL_FLAG_GROUP, "Group"},
    {'S', DAOS_ACL_FLAG_ACCESS_SUCCESS, "Access-Success"},
    {'F', DAOS_ACL_FLAG_ACCESS_FAIL, "Access-Failure"},
    {'P', DAOS_ACL_FLAG_POOL_INHERIT, "Pool-Inherit"},
    {0},
};
static const struct letter perms[] = {
    {'r', DAOS_ACL_PERM_READ, "Read"},
    {'w', DAOS_ACL_PERM_WRITE, "Write"},
    {'c', DAOS_ACL_PERM_CREATE_CONT, "Create-Container"},
    {'d', DAOS_ACL_PERM_DEL_CONT, "Delete-Container"},
    {'t', DAOS_ACL_PERM_GET_PROP, "Get-Prop"},
    {'T', DAOS_ACL_PERM_SET_PROP, "Set-Prop"},
    {'a', DAOS_ACL_PERM_GET_ACL, "Get-ACL"},
    {'A', DAOS_ACL_PERM_SET_ACL, "Set-ACL"},
    {'o', DAOS_ACL_PERM_SET_OWNER, "Set-Owner"},
    {0},
};

bool ace_type_is_named(uint32_t type)
{
    return type == DAOS_ACL_USER || type == DAOS_ACL_GROUP;
}

static bool type_is_group(uint32_t type)
{
    return type == DAOS_ACL_OWNER_GROUP || type == DAOS_ACL_GROUP;
}

bool daos_acl_principal_is_valid(const char *name)
{
    size_t len = name ? strnlen(name, DAOS_ACL_MAX_PRINCIPAL_BUF_LEN) : 0;
    const char *at;

    if (len == 0 || len > DAOS_ACL_MAX_PRINCIPAL_LEN || strchr(name, ':') != NULL)
        return false;
    at = strchr(name, '@');
    return at != NULL && at != name && strchr(at + 1, '@') == NULL;
}

struct daos_ace *daos_ace_create(enum daos_acl_principal_type type, const char *principal_name)
{
    struct daos_ace *ace;
    size_t len = 0;

    if ((unsigned int)type >= NUM_DAOS_ACL_TYPES)
        return NULL;
    if (ace_type_is_named(type) != (principal_name != NULL))
        return NULL;
    if (principal_name != NULL) {
        if (!daos_acl_principal_is_valid(principal_name))
            return NULL;
        len = ROUND_UP(strlen(principal_name) + 1, (size_t)8);
    }
    ace = base_calloc(1, sizeof(*ace) + len);
    if (ace == NULL)
        return NULL;
    ace->dae_principal_type = (uint8_t)type;
    ace->dae_principal_len = (uint16_t)len;
    if (type_is_group(type))
        ace->dae_access_flags = DAOS_ACL_FLAG_GROUP;
    if (principal_name != NULL)
        memcpy(ace->dae_principal, principal_name, strlen(principal_name));
    return ace;
}

void daos_ace_free(struct daos_ace *ace)
{
    base_free(ace);
}

ssize_t daos_ace_get_size(struct daos_ace *ace)
{
    if (ace == NULL)
        return -DER_INVAL;
    return (ssize_t)(sizeof(*ace) + ROUND_UP((size_t)ace->dae_principal_len, (size_t)8));
}

/* Rights only of types that are set, and only rights there are. */
static bool perms_fit(const struct daos_ace *ace)
{
    const uint64_t all = DAOS_ACL_PERM_ALL;

    if ((ace->dae_allow_perms | ace->dae_audit_perms | ace->dae_alarm_perms) & ~all)
        return false;
    if (ace->dae_allow_perms != 0 && !(ace->dae_access_types & DAOS_ACL_ACCESS_ALLOW))
        return false;
    if (ace->dae_audit_perms != 0 && !(ace->dae_access_types & DAOS_ACL_ACCESS_AUDIT))
        return false;
    return ace->dae_alarm_perms == 0 || (ace->dae_access_types & DAOS_ACL_ACCESS_ALARM);
}

/* Audit and alarm say on which outcome they act; allow has no outcome. */
static bool flags_fit(const struct daos_ace *ace)
{
    const uint16_t outcome = DAOS_ACL_FLAG_ACCESS_FAIL | DAOS_ACL_FLAG_ACCESS_SUCCESS;
    bool acts = (ace->dae_access_types & (DAOS_ACL_ACCESS_AUDIT | DAOS_ACL_ACCESS_ALARM)) != 0;

    if (ace->dae_access_flags & ~DAOS_ACL_FLAG_ALL)
        return false;
    if (type_is_group(ace->dae_principal_type) !=
        ((ace->dae_access_flags & DAOS_ACL_FLAG_GROUP) != 0))
        return false;
    return acts == ((ace->dae_access_flags & outcome) != 0);
}

bool daos_ace_is_valid(struct daos_ace *ace)
{
    if (ace == NULL || ace->dae_principal_type >= NUM_DAOS_ACL_TYPES)
        return false;
    if (ace->dae_access_types == 0 || (ace->dae_access_types & ~DAOS_ACL_ACCESS_ALL))
        return false;
    if (ace->dae_principal_len % 8 != 0 ||
        ace_type_is_named(ace->dae_principal_type) != (ace->dae_principal_len != 0))
        return false;
    if (ace->dae_principal_len != 0 &&
        (strnlen(ace->dae_principal, ace->dae_principal_len) == ace->dae_principal_len ||
         !daos_acl_principal_is_valid(ace->dae_principal)))
        return false;
    return perms_fit(ace) && flags_fit(ace);
}

const char *daos_ace_get_principal_str(struct daos_ace *ace)
{
    if (ace == NULL)
        return NULL;
    switch (ace->dae_principal_type) {
    case DAOS_ACL_OWNER:
        return DAOS_ACL_PRINCIPAL_OWNER;
    case DAOS_ACL_OWNER_GROUP:
        return DAOS_ACL_PRINCIPAL_OWNER_GRP;
    case DAOS_ACL_EVERYONE:
        return DAOS_ACL_PRINCIPAL_EVERYONE;
    case DAOS_ACL_USER:
    case DAOS_ACL_GROUP:
        return ace->dae_principal;
    default:
        return NULL;
    }
}

/* ---- Text ---- */

/* Letters up to the end or ':' into bits; where parsing stopped, NULL at an unknown letter. */
static const char *parse_letters(const char *s, const struct letter *set, uint32_t *bits)
{
    *bits = 0;
    for (; *s != '\0' && *s != ':'; s++) {
        const struct letter *l = set;

        while (l->c != 0 && l->c != *s)
            l++;
        if (l->c == 0)
            return NULL;
        *bits |= l->bit;
    }
    return s;
}

static int principal_type(const char *name, bool group, enum daos_acl_principal_type *type)
{
    if (strcmp(name, DAOS_ACL_PRINCIPAL_OWNER) == 0)
        *type = DAOS_ACL_OWNER;
    else if (strcmp(name, DAOS_ACL_PRINCIPAL_OWNER_GRP) == 0)
        *type = DAOS_ACL_OWNER_GROUP;
    else if (strcmp(name, DAOS_ACL_PRINCIPAL_EVERYONE) == 0)
        *type = DAOS_ACL_EVERYONE;
    else
        *type = group ? DAOS_ACL_GROUP : DAOS_ACL_USER;
    return type_is_group(*type) == group ? 0 : -DER_INVAL;
}

int daos_ace_from_str(const char *str, struct daos_ace **out)
{
    char name[DAOS_ACL_MAX_PRINCIPAL_BUF_LEN];
    enum daos_acl_principal_type type;
    uint32_t type_bits, flag_bits, perm_bits;
    struct daos_ace *ace;
    const char *s, *end;
    size_t len;

    if (str == NULL || out == NULL ||
        strnlen(str, DAOS_ACL_MAX_ACE_STR_LEN + 1) > DAOS_ACL_MAX_ACE_STR_LEN)
        return -DER_INVAL;
    s = parse_letters(str, types, &type_bits);
    if (s == NULL || *s != ':')
        return -DER_INVAL;
    s = parse_letters(s + 1, flags, &flag_bits);
    if (s == NULL || *s != ':')
        return -DER_INVAL;
    end = strchr(++s, ':');
    len = end ? (size_t)(end - s) : 0;
    if (len == 0 || len >= sizeof(name))
        return -DER_INVAL;
    memcpy(name, s, len);
    name[len] = '\0';
    s = parse_letters(end + 1, perms, &perm_bits);
    if (s == NULL || *s != '\0' ||
        principal_type(name, flag_bits & DAOS_ACL_FLAG_GROUP, &type) != 0)
        return -DER_INVAL;
    if (ace_type_is_named(type) && !daos_acl_principal_is_valid(name))
        return -DER_INVAL;
    ace = daos_ace_create(type, ace_type_is_named(type) ? name : NULL);
    if (ace == NULL)
        return -DER_NOMEM;
    ace->dae_access_types = (uint8_t)type_bits;
    ace->dae_access_flags = (uint16_t)flag_bits;
    if (type_bits & DAOS_ACL_ACCESS_ALLOW)
        ace->dae_allow_perms = perm_bits;
    if (type_bits & DAOS_ACL_ACCESS_AUDIT)
        ace->dae_audit_perms = perm_bits;
    if (type_bits & DAOS_ACL_ACCESS_ALARM)
        ace->dae_alarm_perms = perm_bits;
    if (!daos_ace_is_valid(ace)) {
        daos_ace_free(ace);
        return -DER_INVAL;
    }
    *out = ace;
    return 0;
}

/* The rights an entry prints: those of its types, which must agree. */
static int ace_perms(const struct daos_ace *ace, uint64_t *bits)
{
    const uint64_t of[] = {ace->dae_allow_perms, ace->dae_audit_perms, ace->dae_alarm_perms};
    bool seen = false;
    uint32_t i;

    for (i = 0; i < ARRAY_LEN(of); i++) {
        if (!(ace->dae_access_types & types[i].bit))
            continue;
        if (seen && of[i] != *bits)
            return -DER_INVAL;
        *bits = of[i];
        seen = true;
    }
    return seen ? 0 : -DER_INVAL;
}

/* Letters, or words joined by '/'. */
static void put_letters(FILE *f, const struct letter *set, uint64_t bits, bool words)
{
    bool any = false;

    for (; set->c != 0; set++) {
        if (!(bits & set->bit))
            continue;
        if (words)
            fprintf(f, "%s%s", any ? "/" : "", set->word);
        else
            fputc(set->c, f);
        any = true;
    }
}

static const char *principal(struct daos_ace *ace, bool words)
{
    switch (ace->dae_principal_type) {
    case DAOS_ACL_OWNER:
        return words ? "Owner" : DAOS_ACL_PRINCIPAL_OWNER;
    case DAOS_ACL_OWNER_GROUP:
        return words ? "Owner-Group" : DAOS_ACL_PRINCIPAL_OWNER_GRP;
    case DAOS_ACL_EVERYONE:
        return words ? "Everyone" : DAOS_ACL_PRINCIPAL_EVERYONE;
    default:
        return ace->dae_principal;
    }
}

static int ace_print(struct daos_ace *ace, char *buf, size_t buf_len, bool words)
{
    char text[1024];
    uint64_t perm_bits = 0;
    FILE *f;
    int rc;

    if (ace == NULL || buf == NULL || buf_len == 0 || !daos_ace_is_valid(ace))
        return -DER_INVAL;
    rc = ace_perms(ace, &perm_bits);
    if (rc)
        return rc;
    f = fmemopen(text, sizeof(text), "w");
    if (f == NULL)
        return -DER_NOMEM;
    put_letters(f, types, ace->dae_access_types, words);
    fputc(':', f);
    put_letters(f, flags, ace->dae_access_flags, words);
    fprintf(f, ":%s:", principal(ace, words));
    if (words && perm_bits == 0)
        fputs("No-Access", f);
    put_letters(f, perms, perm_bits, words);
    fputc('\0', f);
    fclose(f);
    snprintf(buf, buf_len, "%s", text);
    return strlen(text) < buf_len ? 0 : -DER_TRUNC;
}

int daos_ace_to_str(struct daos_ace *ace, char *buf, size_t buf_len)
{
    return ace_print(ace, buf, buf_len, false);
}

int daos_ace_str_get_verbose(const char *ace_str, char *buf, size_t buf_len)
{
    struct daos_ace *ace;
    int rc;

    if (buf == NULL || buf_len == 0)
        return -DER_INVAL;
    rc = daos_ace_from_str(ace_str, &ace);
    if (rc)
        return rc;
    rc = ace_print(ace, buf, buf_len, true);
    daos_ace_free(ace);
    return rc;
}

void daos_ace_dump(struct daos_ace *ace, uint32_t tabs)
{
    char text[1024];
    uint32_t i;

    for (i = 0; i < tabs; i++)
        putchar('\t');
    if (ace == NULL || !daos_ace_is_valid(ace))
        printf("invalid entry\n");
    else if (ace_print(ace, text, sizeof(text), true) != 0)
        printf("%s: different rights to allow, audit and alarm\n", daos_ace_get_principal_str(ace));
    else
        printf("%s\n", text);
}
