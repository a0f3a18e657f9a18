/* The groups of commands, one file each; tables.c lists them. */
#ifndef TARN_TOOLS_CMDS_H
#define TARN_TOOLS_CMDS_H

#include "tools/tool.h"

extern const struct cmd_group group_pool, group_cont, group_fs, group_object, group_array, group_kv,
    group_top;

/* cmd_daemon.c; its options are the settings (settings.h) and these */
int cmd_engine(struct tool *t);
#define ENGINE_OPTIONS                                                                             \
    {0, "config", "FILE", "configuration; options count more than what it says"},                  \
        {0, "check-config", "FILE", "say whether a configuration can be used, and do no more"},    \
        {0, "example-config", NULL, "print a configuration with every key, and do no more"},       \
        {0, "foreground", NULL, "stay (the default)"},                                             \
        {0, "background", NULL, "return when clients can connect; says what failed if not"},       \
        {0, "as-needed", NULL,                                                                     \
         "as programs start it: in the background, free of the limits and CPUs of its beginner"},  \
    {                                                                                              \
        0, "end", NULL, "tell the engine that serves DIR to end, and wait until it has"            \
    }

/* cmd_key.c */
int cmd_key(struct tool *t);
/* cmd_bench.c */
int cmd_bench(struct tool *t);
/* cmd_metrics.c */
int cmd_metrics(struct tool *t);

/* cmd_pool_query.c, cmd_pool_attr.c: parts of the pool group */
#define TARGETS_MAX 64u /* of a pool */
int cmd_pool_query(struct tool *t);
int cmd_pool_query_targets(struct tool *t);
int cmd_pool_get_prop(struct tool *t);
int cmd_pool_set_prop(struct tool *t);
int cmd_pool_list_attr(struct tool *t);
int cmd_pool_get_attr(struct tool *t);
int cmd_pool_set_attr(struct tool *t);
int cmd_pool_del_attr(struct tool *t);

/* cmd_snap.c, cmd_acl.c: parts of the container group */
int cmd_create_snap(struct tool *t);
int cmd_list_snaps(struct tool *t);
int cmd_destroy_snap(struct tool *t);
int cmd_rollback(struct tool *t);
int cmd_get_acl(struct tool *t);
int cmd_overwrite_acl(struct tool *t);
int cmd_update_acl(struct tool *t);
int cmd_delete_acl(struct tool *t);
int cmd_set_owner(struct tool *t);

/* cmd_cont_attr.c: likewise */
int cmd_cont_get_prop(struct tool *t);
int cmd_cont_set_prop(struct tool *t);
int cmd_cont_list_attr(struct tool *t);
int cmd_cont_get_attr(struct tool *t);
int cmd_cont_set_attr(struct tool *t);
int cmd_cont_del_attr(struct tool *t);
/* cont_view.c: shows the open container */
struct conn;
int cont_view_show(struct tool *t, struct conn *c);

/* cmd_fs_change.c, cmd_fs_file.c, cmd_copy.c: parts of the fs group */
int cmd_fs_mkdir(struct tool *t);
int cmd_fs_rm(struct tool *t);
int cmd_fs_mv(struct tool *t);
int cmd_fs_ln(struct tool *t);
int cmd_fs_cat(struct tool *t);
int cmd_fs_get(struct tool *t);
int cmd_fs_put(struct tool *t);
int cmd_fs_check(struct tool *t);
int cmd_fs_copy(struct tool *t);
int cmd_fs_diff(struct tool *t);

/* cmd_oid.c: the object ids of a container (group cont: list-objects; group object: list) */
int cmd_list_objects(struct tool *t);
/* "hi.lo" in decimal or hexadecimal. -DER_INVAL with t->err set. */
int oid_parse(struct tool *t, const char *text, daos_obj_id_t *oid);

/* pool list-containers and cont list */
int cmd_cont_list(struct tool *t);

#endif
