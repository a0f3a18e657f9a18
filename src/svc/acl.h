/*
 * Access control lists as they are stored and sent: struct daos_acl, a header and packed entries.
 * The bytes come from clients, so everything here checks before it believes. Pure functions.
 */
#ifndef TARN_SVC_ACL_H
#define TARN_SVC_ACL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <daos_security.h>

#define ACL_MAX_BYTES 65536u

/* Lengths, version, sorted by principal kind, no principal twice, names where they belong and
 * nowhere else, permissions within allowed. -DER_INVAL. */
int acl_check(const void *acl, size_t len, uint64_t allowed);

struct acl_user {
    const char *user;  /* principal, name@ */
    const char *group; /* primary group */
    const char *const *groups;
    uint32_t groups_nr;
};
bool acl_user_in_group(const struct acl_user *u, const char *group);
/* Permissions that the list (checked; len 0: none) gives the user. */
uint64_t acl_eval(const void *acl, size_t len, const char *owner, const char *owner_group,
                  const struct acl_user *u);

/* base with the entries of add inserted or replacing those of the same principal, into out (room
 * for ACL_MAX_BYTES); -DER_OVERFLOW. */
int acl_merge(const void *base, size_t base_len, const void *add, size_t add_len, void *out,
              size_t *out_len);
/* base without the principal's entry; -DER_NONEXIST. */
int acl_remove(const void *base, size_t base_len, uint8_t principal, const char *name, void *out,
               size_t *out_len);
/* The list every pool (r, w) or container starts with: owner and owner-group. Returns its length;
 * out of at least 128 bytes. */
size_t acl_default(uint64_t owner, uint64_t group, void *out);

#endif
