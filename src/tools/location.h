/*
 * A place named on the command line: in a container, or in the local file system.
 *
 *   daos://POOL/CONT[/path]           POOL a label or UUID
 *   daos://./dir/CONT[/path]          POOL a directory: the longest prefix that holds a pool is the
 * pool daos:///abs/dir/CONT[/path] anything else                     the local file system
 */
#ifndef TARN_TOOLS_LOCATION_H
#define TARN_TOOLS_LOCATION_H

#include <limits.h>
#include <stdbool.h>

#include "base/err.h"

struct location {
    bool in_pool;
    char pool[PATH_MAX]; /* as daos_pool_connect() takes it: label, UUID or a path with a '/' */
    char cont[256];      /* label or UUID text; "" when only a pool was named (LOCATION_POOL_OK) */
    char path[PATH_MAX]; /* in the container: from "/" on, without "." and "..", no '/' at the end;
                            else the local path */
    char text[PATH_MAX]; /* as it was written, for messages */
};

#define LOCATION_IN_POOL 1 /* it can only be a container: "daos://" may be left out */

/* 0, -DER_NONEXIST (no pool on the path), -DER_BADPATH, -DER_OVERFLOW (too long, also a component);
 * e in three parts. Looks at the file system to find pool directories, opens nothing. */
int location_parse(const char *text, int flags, struct location *loc, struct err *e);
/* Is there a pool in this directory? (It may still be damaged.) */
bool location_is_pool_dir(const char *dir);
/* Splits a container path into its directory ("/" at least) and its last component; false for the
 * root. */
bool location_split(const char *path, char *dir, size_t len, const char **name);
/* dst = dir "/" name; false when it does not fit. */
bool location_join(const char *dir, const char *name, char *dst, size_t len);

#endif
