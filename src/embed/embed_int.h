/* Private to embed. */
#ifndef TARN_EMBED_INT_H
#define TARN_EMBED_INT_H

#include <limits.h>
#include <stdbool.h>
#include <sys/types.h>
#include "embed/embed.h"
#include "engine/engine.h"

#define POOL_LOCK "lock" /* in the directory; holds the number of the process that has it */

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
 * peer is closed by the caller, before shared_close(). SHARED_KEPT: when its engine is gone another
 * one is started, by whoever of its clients misses it first. -DER_UNREACH: nobody is there (any
 * more). */
enum shared_way { SHARED_DIR, SHARED_KEPT, SHARED_TCP };
int shared_open(struct client *c, const char *place, enum shared_way way, struct shared **s,
                struct net_peer **peer, uuid_t pool, struct err *e);
void shared_close(struct shared *s);
/* The name under which it is opened: the directory's absolute path, or tcp://... -DER_OVERFLOW. */
int shared_place(const struct shared *s, char *buf, size_t len);

/* ---- key.c ---- */

struct net_keys;
/* The key for connections over the network, the first of them; NULL: none is wanted (TARN_KEY is
 * empty), or there is none. What net_keys_read() says. */
int embed_key(struct net_keys **keys, struct err *e);

/* ---- program.c ---- */

/* The program that is an engine. TARN_ENGINE; the running program's directory, the library's
 * installation, where Tarn was to be installed, PATH: there only what can be trusted. */
bool program_find(char out[PATH_MAX]);
/* Nobody but root, this user and maker can have written it, or put it where it is. */
bool program_trusted(const char *path, uid_t maker);
/* Why this process is not one to start an engine in the directory unasked; NULL: it may. */
const char *program_unfit(const char *real);

/* ---- launch.c ---- */

/* An engine listens in the directory when it returns 0. Blocking. -DER_NONEXIST: there is no
 * program to start; -DER_BUSY: it could not, e says why. */
int embed_launch(const char *real, struct err *e);

/* ---- holder.c ---- */

/* Who has the pool's lock, as far as that can be seen: nobody; `tarn engine`; another program, in
 * whose process its engine runs. */
enum holder { HOLDER_NONE, HOLDER_ENGINE, HOLDER_PROGRAM };
enum holder holder_of(const char *real);

/* ---- pool.c ---- */

/* Absolute path of an existing directory, without links. -DER_NONEXIST ... with a message naming
 * the pool. */
int embed_real_path(const char *path, char out[PATH_MAX], struct err *e);

/* ---- place.c ---- */

/* Where the roles of a pool's targets are to lie: absolute paths of the devices elsewhere, in
 * memory of their own. */
struct places {
    char *path[ENGINE_TARGETS_MAX][SUPER_ROLE_NR];
    struct engine_places of[ENGINE_TARGETS_MAX];
};
/* Of a pool in directory real. -DER_INVAL, -DER_NONEXIST. */
int places_choose(const char *real, const uuid_t pool, const struct embed_pool_conf *conf,
                  uint32_t targets, struct places *p, struct err *e);
void places_free(struct places *p);
/* How many targets the devices are for; 0: for as many as there are, or none are named. */
uint32_t places_targets(const struct embed_pool_conf *conf);

/* ---- pool.c, continued ---- */

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
