/* Private to embed. */
#ifndef TARN_EMBED_INT_H
#define TARN_EMBED_INT_H

#include <limits.h>
#include <stdbool.h>
#include "embed/embed.h"

/* ---- registry.c ---- */

struct registry_entry {
    uint8_t pool[16];
    const char *label; /* "" none */
    const char *path;  /* absolute */
};
/* Calls each for every line; non-zero stops and is returned. No registry: no call, 0. */
int registry_each(int (*each)(const struct registry_entry *e, void *arg), void *arg);
int registry_add(const uint8_t pool[16], const char *label, const char *path);
int registry_del(const char *path);

/* ---- pool.c ---- */

/* Absolute path of an existing directory, without links. -DER_NONEXIST ... with a message naming
 * the pool. */
int embed_real_path(const char *path, char out[PATH_MAX], struct err *e);
/* Does the directory hold a pool's device? */
bool embed_has_pool(const char *path);

#endif
