/* fs mkdir, rm, mv, ln: changes of the namespace. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tools/cmds.h"
#include "tools/fs_at.h"

static int make_path(struct conn *c, const char *path, mode_t mode)
{
    char part[PATH_MAX], above[PATH_MAX];
    const char *name;

    for (const char *end = path; *end != '\0';) {
        dfs_obj_t *dir;
        int rc;

        end += 1 + strcspn(end + 1, "/");
        snprintf(part, sizeof(part), "%.*s", (int)(end - path), path);
        if (!location_split(part, above, sizeof(above), &name))
            return 0; /* the root */
        rc = dfs_lookup(c->dfs, above, O_RDWR, &dir, NULL, NULL);
        if (rc != 0)
            return rc;
        rc = dfs_mkdir(c->dfs, dir, name, mode, 0);
        dfs_release(dir);
        if (rc != 0 && rc != EEXIST)
            return rc;
    }
    return 0;
}

static mode_t mode_opt(struct tool *t, mode_t def, int *rc)
{
    const char *text = opt_text(t, "mode");
    char *end;

    if (text == NULL)
        return def;
    unsigned long v = strtoul(text, &end, 8);
    if (*end != '\0' || end == text || v > 07777)
        *rc = tool_fail(t, -DER_INVAL, "write an octal number such as 755", "it is not a mode",
                        "option --mode '%.60s'", text);
    return (mode_t)v;
}

int cmd_fs_mkdir(struct tool *t)
{
    struct location loc;
    struct conn c = {0};
    dfs_obj_t *dir;
    const char *name;
    int rc = 0;
    mode_t mode = mode_opt(t, 0755, &rc);

    if (rc == 0)
        rc = fs_mount_at(t, &c, t->args[0], true, &loc);
    if (rc == 0 && opt_flag(t, "parents")) {
        int err = make_path(&c, loc.path, mode);

        if (err != 0)
            rc = tool_fail_errno(t, err, "cannot make directory %s", loc.text);
    } else if (rc == 0) {
        rc = fs_parent_open(t, &c, &loc, &dir, &name);
        if (rc == 0) {
            int err = dfs_mkdir(c.dfs, dir, name, mode, 0);

            if (err != 0)
                rc = tool_fail_errno(t, err, "cannot make directory %s", loc.text);
            dfs_release(dir);
        }
    }
    conn_close(&c);
    return rc;
}

int cmd_fs_rm(struct tool *t)
{
    struct location loc;
    struct conn c = {0};
    dfs_obj_t *dir;
    const char *name;
    int rc = fs_mount_at(t, &c, t->args[0], true, &loc);

    if (rc == 0)
        rc = fs_parent_open(t, &c, &loc, &dir, &name);
    if (rc == 0) {
        int err = dfs_remove(c.dfs, dir, name, opt_flag(t, "recursive"), NULL);

        if (err != 0) {
            rc = tool_fail_errno(t, err, "cannot remove %s", loc.text);
            if (err == ENOTEMPTY)
                err_next(&t->err, "give --recursive to remove it with what is in it");
        }
        dfs_release(dir);
    }
    conn_close(&c);
    return rc;
}

static int same_container(struct tool *t, const struct location *a, const struct location *b)
{
    if (strcmp(a->pool, b->pool) == 0 && strcmp(a->cont, b->cont) == 0)
        return 0;
    return tool_fail(t, -DER_INVAL, "use fs copy, then fs rm", "they are not in the same container",
                     "cannot move %s to %s", a->text, b->text);
}

int cmd_fs_mv(struct tool *t)
{
    struct location from, to;
    struct conn c = {0};
    dfs_obj_t *from_dir, *to_dir;
    const char *from_name, *to_name;
    int rc = location_parse(t->args[1], LOCATION_IN_POOL, &to, &t->err);

    if (rc == 0)
        rc = fs_mount_at(t, &c, t->args[0], true, &from);
    if (rc == 0)
        rc = same_container(t, &from, &to);
    if (rc == 0)
        rc = fs_parent_open(t, &c, &from, &from_dir, &from_name);
    if (rc != 0)
        goto out;
    rc = fs_target(t, &c, &to, from_name);
    if (rc == 0)
        rc = fs_parent_open(t, &c, &to, &to_dir, &to_name);
    if (rc == 0) {
        int err = dfs_move(c.dfs, from_dir, from_name, to_dir, to_name, NULL);

        if (err != 0)
            rc = tool_fail_errno(t, err, "cannot move %s to %s", from.text, to.text);
        if (err == EINVAL)
            err_next(&t->err, "a directory cannot go into itself: choose another destination");
        dfs_release(to_dir);
    }
    dfs_release(from_dir);
out:
    conn_close(&c);
    return rc;
}

int cmd_fs_ln(struct tool *t)
{
    struct location loc;
    struct conn c = {0};
    dfs_obj_t *dir, *obj;
    const char *name;
    int rc = fs_mount_at(t, &c, t->args[1], true, &loc);

    if (rc == 0)
        rc = fs_parent_open(t, &c, &loc, &dir, &name);
    if (rc == 0) {
        int err = dfs_open(c.dfs, dir, name, S_IFLNK | 0777, O_RDWR | O_CREAT | O_EXCL, 0, 0,
                           t->args[0], &obj);

        if (err == 0)
            dfs_release(obj);
        else
            rc = tool_fail_errno(t, err, "cannot make link %s", loc.text);
        dfs_release(dir);
    }
    conn_close(&c);
    return rc;
}
