/*
 * keys: what both ends of a TCP connection show that they have (net/proof.h).
 *
 * A key is a name, 32 secret bytes in hexadecimal, and, on the engine's side, whose it is. A file
 * has one a line; empty lines and what begins with '#' do not count:
 *
 *     NAME SECRET           who has it is trusted to say who he is: another host, root there
 *     NAME SECRET USER      who has it is USER of the engine's host, with the groups he has there
 *
 * A client uses the first one of its file and leaves USER to the engine's. Files that others than
 * their owner may read or write, or that belong to somebody else (root excepted), are refused.
 */
#ifndef TARN_NET_KEYS_H
#define TARN_NET_KEYS_H

#include "base/err.h"
#include "net/proof.h"

#define NET_KEY_NAME_MAX 63u
#define NET_KEYS_MAX     4096u
#define NET_KEY_LINE     256u

struct net_key {
    char name[NET_KEY_NAME_MAX + 1];
    uint8_t secret[PROOF_KEY];
    uint32_t uid, gid; /* of USER; UINT32_MAX: of whoever it is said to be */
    uint32_t *groups;
    uint32_t groups_nr;
};

struct net_keys {
    uint32_t nr, cap;
    struct net_key *key;
};

/* users: look up whose they are, which may take as long as the name service does; else USER does
 * not count. -DER_NONEXIST: no such file; -DER_NO_PERM: it cannot be read, or others can;
 * -DER_INVAL: a line that is no key, a user who does not exist, a name twice, none at all;
 * -DER_NOSYS: this program was built without libsodium; -DER_IO, -DER_NOMEM; e in three parts. */
int net_keys_read(const char *file, bool users, struct net_keys **out, struct err *e);
void net_keys_free(struct net_keys *keys);
/* NULL: there is none of that name. */
const struct net_key *net_keys_find(const struct net_keys *keys, const void *name, size_t len);
/* A line with a new key. user: NULL: none. -DER_INVAL: a name or user that cannot be; -DER_NOSYS.
 */
int net_key_new(const char *name, const char *user, char line[NET_KEY_LINE]);

#endif
