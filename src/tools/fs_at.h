/* What the fs commands share: a place given as an argument, mounted, and the directory above it.
 * Errors are in t->err. */
#ifndef TARN_TOOLS_FS_AT_H
#define TARN_TOOLS_FS_AT_H

#include "tools/conn.h"

/* Mounts the container of the place text names; for reading, as of --snap if the command has it and
 * it was given. */
int fs_mount_at(struct tool *t, struct conn *c, const char *text, bool write, struct location *loc);
/* Opens the directory above a place; *name: the last component. The root of a container has none:
 * -DER_BUSY. */
int fs_parent_open(struct tool *t, struct conn *c, const struct location *loc, dfs_obj_t **dir,
                   const char **name);
/* Where something called name goes: into to if that is a directory (its path is changed), else to
 * itself. */
int fs_target(struct tool *t, struct conn *c, struct location *to, const char *name);
/* Writes a file's content to out. */
int fs_cat_file(struct tool *t, struct conn *c, const struct location *loc, FILE *out);

#endif
