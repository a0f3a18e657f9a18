/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * Access control lists. An ACL is one block of memory: a header and its entries (ACEs) packed one
 * after the other, each a multiple of 8 bytes, sorted in the order in which they are enforced.
 *
 * An entry as text: TYPES:FLAGS:PRINCIPAL:PERMISSIONS, for instance "A:G:readers@:rt".
 * Types A (allow), U (audit), L (alarm); flags G (group), S, F, P; principal OWNER@, GROUP@,
 * EVERYONE@ or name@[domain]; permissions of "rwcdtTaAo", none of them: all is denied.
 */
#ifndef TARN_DAOS_SECURITY_H
#define TARN_DAOS_SECURITY_H

#include <stdint.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/types.h>
#include <daos_types.h>

#ifdef __cplusplus
extern "C" {
#endif

#define DAOS_ACL_VERSION               1
#define DAOS_ACL_MAX_PRINCIPAL_LEN     255
#define DAOS_ACL_MAX_PRINCIPAL_BUF_LEN (DAOS_ACL_MAX_PRINCIPAL_LEN + 1)
#define DAOS_ACL_PRINCIPAL_OWNER       "OWNER@"
#define DAOS_ACL_PRINCIPAL_OWNER_GRP   "GROUP@"
#define DAOS_ACL_PRINCIPAL_EVERYONE    "EVERYONE@"
#define DAOS_ACL_MAX_ACE_LEN           0x10000
#define DAOS_ACL_MAX_ACE_STR_LEN       319

/** Whom an entry is about; also the order of enforcement. */
enum daos_acl_principal_type {
    DAOS_ACL_OWNER = 0,
    DAOS_ACL_USER = 1,
    DAOS_ACL_OWNER_GROUP = 2,
    DAOS_ACL_GROUP = 3,
    DAOS_ACL_EVERYONE = 4,
    NUM_DAOS_ACL_TYPES = 5,
};

/** What an entry does. */
enum daos_acl_access_type {
    DAOS_ACL_ACCESS_ALLOW = 1, /**< letter A */
    DAOS_ACL_ACCESS_AUDIT = 2, /**< letter U */
    DAOS_ACL_ACCESS_ALARM = 4, /**< letter L */
};
#define DAOS_ACL_ACCESS_ALL (DAOS_ACL_ACCESS_ALLOW | DAOS_ACL_ACCESS_AUDIT | DAOS_ACL_ACCESS_ALARM)

/** Flags of an entry. */
enum daos_acl_flags {
    DAOS_ACL_FLAG_GROUP = 1,          /**< G */
    DAOS_ACL_FLAG_POOL_INHERIT = 2,   /**< P */
    DAOS_ACL_FLAG_ACCESS_FAIL = 4,    /**< F */
    DAOS_ACL_FLAG_ACCESS_SUCCESS = 8, /**< S */
};
#define DAOS_ACL_FLAG_ALL                                                                          \
    (DAOS_ACL_FLAG_GROUP | DAOS_ACL_FLAG_POOL_INHERIT | DAOS_ACL_FLAG_ACCESS_FAIL |                \
     DAOS_ACL_FLAG_ACCESS_SUCCESS)

/** Permissions. */
enum daos_acl_perm {
    DAOS_ACL_PERM_READ = 1,          /**< r (pool: connect/read; cont: read) */
    DAOS_ACL_PERM_WRITE = 2,         /**< w */
    DAOS_ACL_PERM_CREATE_CONT = 4,   /**< c, pool only */
    DAOS_ACL_PERM_DEL_CONT = 8,      /**< d */
    DAOS_ACL_PERM_GET_PROP = 0x10,   /**< t */
    DAOS_ACL_PERM_SET_PROP = 0x20,   /**< T */
    DAOS_ACL_PERM_GET_ACL = 0x40,    /**< a */
    DAOS_ACL_PERM_SET_ACL = 0x80,    /**< A */
    DAOS_ACL_PERM_SET_OWNER = 0x100, /**< o */
};
/** Permissions that mean something on a pool, on a container, on either. */
#define DAOS_ACL_PERM_POOL_ALL                                                                     \
    (DAOS_ACL_PERM_READ | DAOS_ACL_PERM_WRITE | DAOS_ACL_PERM_CREATE_CONT |                        \
     DAOS_ACL_PERM_DEL_CONT | DAOS_ACL_PERM_GET_PROP)
#define DAOS_ACL_PERM_CONT_ALL                                                                     \
    (DAOS_ACL_PERM_READ | DAOS_ACL_PERM_WRITE | DAOS_ACL_PERM_DEL_CONT | DAOS_ACL_PERM_GET_PROP |  \
     DAOS_ACL_PERM_SET_PROP | DAOS_ACL_PERM_GET_ACL | DAOS_ACL_PERM_SET_ACL |                      \
     DAOS_ACL_PERM_SET_OWNER)
#define DAOS_ACL_PERM_ALL (DAOS_ACL_PERM_POOL_ALL | DAOS_ACL_PERM_CONT_ALL)

/** An ACL; its entries follow. */
struct daos_acl {
    uint16_t dal_ver; /**< DAOS_ACL_VERSION */
    uint16_t dal_reserv;
    uint32_t dal_len;  /**< bytes of dal_ace */
    uint8_t dal_ace[]; /**< the entries */
};

/** One entry; the principal's name follows. */
struct daos_ace {
    uint8_t dae_access_types;   /**< DAOS_ACL_ACCESS_* bits */
    uint8_t dae_principal_type; /**< enum daos_acl_principal_type */
    /** bytes of dae_principal, a multiple of 8; 0 without a name */
    uint16_t dae_principal_len;
    uint16_t dae_access_flags; /**< DAOS_ACL_FLAG_* bits */
    uint16_t dae_reserv;
    uint64_t dae_allow_perms; /**< DAOS_ACL_PERM_* bits */
    uint64_t dae_audit_perms;
    uint64_t dae_alarm_perms;
    char dae_principal[]; /**< the name, padded with zeros */
};

/**
 * A new ACL of copies of these entries, sorted. NULL and 0 give an empty ACL. NULL when an entry
 * is invalid or two name the same principal. Free with daos_acl_free().
 */
struct daos_acl *daos_acl_create(struct daos_ace **aces, uint16_t num_aces);

/** A copy; NULL when there is no memory or nothing to copy. */
struct daos_acl *daos_acl_dup(struct daos_acl *acl);

/** Free an ACL. NULL is fine. */
void daos_acl_free(struct daos_acl *acl);

/**
 * Bytes of the whole ACL.
 * Errors: -DER_INVAL.
 */
ssize_t daos_acl_get_size(struct daos_acl *acl);

/** The entry after @a current_ace (NULL: the first), inside the ACL; NULL at the end. */
struct daos_ace *daos_acl_get_next_ace(struct daos_acl *acl, struct daos_ace *current_ace);

/**
 * Point @a ace at a principal's entry, inside the ACL. @a principal is a name for USER and GROUP
 * and is ignored otherwise.
 * Errors: -DER_NONEXIST, -DER_INVAL.
 */
int daos_acl_get_ace_for_principal(struct daos_acl *acl, enum daos_acl_principal_type type,
                                   const char *principal, struct daos_ace **ace);

/**
 * Insert a copy of @a new_ace, or replace the entry of its principal. The ACL may move: *acl is
 * updated.
 * Errors: -DER_INVAL, -DER_NOMEM.
 */
int daos_acl_add_ace(struct daos_acl **acl, struct daos_ace *new_ace);

/**
 * Remove a principal's entry. The ACL may move: *acl is updated.
 * Errors: -DER_NONEXIST, -DER_INVAL, -DER_NOMEM.
 */
int daos_acl_remove_ace(struct daos_acl **acl, enum daos_acl_principal_type type,
                        const char *principal_name);

/** Print an ACL to stdout, for debugging. */
void daos_acl_dump(struct daos_acl *acl);

/**
 * Check sizes, order, duplicates and every entry.
 * Errors: -DER_INVAL, -DER_NOMEM.
 */
int daos_acl_validate(struct daos_acl *acl);

/**
 * A new entry without rights. A name is needed for USER and GROUP and must be NULL for the others.
 * NULL when that is not so.
 */
struct daos_ace *daos_ace_create(enum daos_acl_principal_type type, const char *principal_name);

/** Free an entry. NULL is fine. */
void daos_ace_free(struct daos_ace *ace);

/**
 * Bytes of an entry with its name padded to a multiple of 8.
 * Errors: -DER_INVAL.
 */
ssize_t daos_ace_get_size(struct daos_ace *ace);

/** Print an entry to stdout, indented by @a tabs, for debugging. */
void daos_ace_dump(struct daos_ace *ace, uint32_t tabs);

/** Do all fields of an entry make sense together? */
bool daos_ace_is_valid(struct daos_ace *ace);

/** Is this a principal's name: 1 to 255 characters, a name, one "@", perhaps a domain? */
bool daos_acl_principal_is_valid(const char *name);

/**
 * "name@" of a user id, in memory the caller frees.
 * Errors: -DER_NONEXIST, -DER_INVAL, -DER_NOMEM.
 */
int daos_acl_uid_to_principal(uid_t uid, char **name);

/**
 * "name@" of a group id, in memory the caller frees.
 * Errors: -DER_NONEXIST, -DER_INVAL, -DER_NOMEM.
 */
int daos_acl_gid_to_principal(gid_t gid, char **name);

/**
 * User id of "name@".
 * Errors: -DER_NONEXIST, -DER_INVAL.
 */
int daos_acl_principal_to_uid(const char *principal, uid_t *uid);

/**
 * Group id of "name@".
 * Errors: -DER_NONEXIST, -DER_INVAL.
 */
int daos_acl_principal_to_gid(const char *principal, gid_t *gid);

/** The principal as it is printed: OWNER@, GROUP@, EVERYONE@ or the name, inside the entry. */
const char *daos_ace_get_principal_str(struct daos_ace *ace);

/**
 * Parse an entry's text into a new entry that the caller frees.
 * Errors: -DER_INVAL, -DER_NOMEM.
 */
int daos_ace_from_str(const char *str, struct daos_ace **ace);

/**
 * Write an entry's text into @a buf of @a buf_len bytes.
 * Errors: -DER_INVAL (allow/audit/alarm perms differ), -DER_TRUNC.
 */
int daos_ace_to_str(struct daos_ace *ace, char *buf, size_t buf_len);

/**
 * Explain an entry's text in words, into @a buf of @a buf_len bytes.
 * Errors: -DER_INVAL, -DER_TRUNC.
 */
int daos_ace_str_get_verbose(const char *ace_str, char *buf, size_t buf_len);

/**
 * A new ACL from @a ace_nr texts.
 * Errors: -DER_INVAL, -DER_NOMEM.
 */
int daos_acl_from_strs(const char **ace_strs, size_t ace_nr, struct daos_acl **acl);

/**
 * The texts of an ACL: an array of @a ace_nr strings; the caller frees each string and the array.
 * Errors: -DER_INVAL, -DER_NOMEM.
 */
int daos_acl_to_strs(struct daos_acl *acl, char ***ace_strs, size_t *ace_nr);

/**
 * Split OWNER@, GROUP@, EVERYONE@, u:name@ or g:name@ into type and name. The name is the caller's
 * to free; NULL for the first three.
 * Errors: -DER_INVAL, -DER_NOMEM.
 */
int daos_acl_principal_from_str(const char *principal_str, enum daos_acl_principal_type *type,
                                char **name);

/**
 * Print an ACL one entry a line; @a verbose adds each entry's explanation as a comment.
 * Errors: -DER_INVAL, -DER_NOMEM.
 */
int daos_acl_to_stream(FILE *stream, struct daos_acl *acl, bool verbose);

#ifdef __cplusplus
}
#endif

#endif /* TARN_DAOS_SECURITY_H */
