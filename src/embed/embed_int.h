/* Private to embed. */
#ifndef TARN_EMBED_INT_H
#define TARN_EMBED_INT_H

#include <limits.h>
#include <stdbool.h>
#include "embed/embed.h"
#include "engine/engine.h"

/* ---- registry.c ---- */

struct client;
struct net_peer;

struct registry_entry {
    uint8_t pool[16];
    const char *label; /* "" none */
    const char *path;  /* absolute */
};
/* Calls each for every line; non-zero stops and is returned. No registry: no call, 0. */
int registry_each(int (*each)(const struct registry_entry *e, void *arg), void *arg);
int registry_add(const uint8_t pool[16], const char *label, const char *path);
int registry_del(const char *path);

/* ---- shared.c ---- */

struct shared;
int shared_path(const char *real, char out[PATH_MAX]);
/* Does an engine listen in the directory? *rc: -DER_NO_PERM, and e, if it does not for us. */
bool shared_is_there(const char *real, struct err *e, int *rc);
/* A way to it; place: the directory, or (tcp) a list of addresses of one engine (net/addr.h). The
 * peer is closed by the caller, before shared_close(). */
int shared_open(struct client *c, const char *place, bool tcp, struct shared **s,
                struct net_peer **peer, uuid_t pool, struct err *e);
void shared_close(struct shared *s);

/* ---- launch.c ---- */

/* An engine listens in the directory when it returns 0. Blocking. -DER_NONEXIST: there is no
 * program to start; -DER_BUSY: it could not, e says why. */
int embed_launch(const char *real, struct err *e);

/* ---- pool.c ---- */

/* Absolute path of an existing directory, without links. -DER_NONEXIST ... with a message naming
 * the pool. */
int embed_real_path(const char *path, char out[PATH_MAX], struct err *e);
/* place.c: absolute paths of the devices elsewhere, in memory of their own. */
struct places {
    char *path[SUPER_ROLE_NR];
};
/* Where the roles of a pool in directory real are to lie. -DER_INVAL, -DER_NONEXIST. */
int places_choose(const char *real, const struct embed_pool_conf *conf, struct places *p,
                  struct engine_place place[SUPER_ROLE_NR], struct err *e);
void places_free(struct places *p);
/* Does the directory hold a pool's device, or its name? */
bool embed_has_pool(const char *path);
/* What is in a directory: nothing (or only what an engine leaves: its lock, its socket), a pool, or
 * something else. -DER_NO_PERM, -DER_NOTDIR, -DER_NONEXIST. */
enum content { CONTENT_EMPTY, CONTENT_POOL, CONTENT_OTHER };
int embed_content_of(const char *path, enum content *what);

/* ---- open.c ---- */

/* Metadata in memory: what TARN_MEM_LIMIT says, else half of what the machine has. -DER_INVAL. */
int embed_mem_limit(uint64_t *bytes, struct err *e);

#endif
