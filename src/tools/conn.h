/*
 * Connections of a command: library, pool, container, mount, opened in this order and closed in the
 * other. A struct conn is zeroed to start; conn_close() undoes whatever was reached, so commands
 * have one clean-up. Errors are in t->err.
 */
#ifndef TARN_TOOLS_CONN_H
#define TARN_TOOLS_CONN_H

#include <daos_fs.h>

#include "tools/location.h"
#include "tools/tool.h"

/* A process that is ending (a dfuse just unmounted, a killed copy) holds its pool for a moment
 * more: who finds a pool busy tries again for about a second. */
#define BUSY_NS       UINT64_C(1000000000)
#define BUSY_PAUSE_US 50000u

struct conn {
    bool init;
    daos_handle_t poh, coh;
    dfs_t *dfs;
    daos_pool_info_t pool_info;
    daos_cont_info_t cont_info;
};

/* pool: path, label or UUID. flags: DAOS_PC_*. */
int conn_pool(struct tool *t, struct conn *c, const char *pool, unsigned flags);
/* Also opens a container; write: for writing. */
int conn_cont(struct tool *t, struct conn *c, const char *pool, const char *cont, bool write);
/* Also mounts it. snap: epoch of a snapshot to show, 0: now. create: makes a POSIX container if
 * there is none of that name. -DER_NOTAPPLICABLE: the container is of another type. */
int conn_mount(struct tool *t, struct conn *c, const struct location *loc, bool write,
               daos_epoch_t snap, bool create);
void conn_close(struct conn *c);

/* Directory of a pool named by path, label or UUID. */
int pool_dir(struct tool *t, const char *pool, char *path, size_t len);
/* Layout type of an open container by name ("POSIX"), and back (-1). */
const char *layout_name(uint64_t type);
int layout_parse(const char *name);

#endif
