#include "tools/fs_at.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/fail.h"

#define IO_BYTES (1u << 20)

int fs_mount_at(struct tool *t, struct conn *c, const char *text, bool write, struct location *loc)
{
    uint64_t snap = 0;
    int rc = location_parse(text, LOCATION_IN_POOL, loc, &t->err);

    if (rc == 0 && !write)
        rc = opt_number(t, "snap", &snap);
    if (rc == 0)
        rc = conn_mount(t, c, loc, write, snap, false);
    return rc;
}

/* The directory above a path, and the last name. The root has none: EBUSY. */
int fs_parent_open(struct tool *t, struct conn *c, const struct location *loc, dfs_obj_t **dir,
                   const char **name)
{
    char above[PATH_MAX];
    mode_t mode;
    int rc;

    if (!location_split(loc->path, above, sizeof(above), name))
        return tool_fail(t, -DER_BUSY, "name something below it", "it is the root of the container",
                         "cannot %s %s", t->cmd->name, loc->text);
    rc = dfs_lookup(c->dfs, above, O_RDWR, dir, &mode, NULL);
    if (rc != 0)
        return tool_fail_errno(t, rc, "cannot find the directory of %s", loc->text);
    if (!S_ISDIR(mode)) {
        dfs_release(*dir);
        return tool_fail(t, -DER_NOTDIR, "check the path", "what is above it is not a directory",
                         "cannot %s %s", t->cmd->name, loc->text);
    }
    return 0;
}

/* The new name: into the destination if that is a directory. */
int fs_target(struct tool *t, struct conn *c, struct location *to, const char *name)
{
    dfs_obj_t *obj;
    mode_t mode;
    int rc = dfs_lookup(c->dfs, to->path, O_RDONLY, &obj, &mode, NULL);

    if (rc == ENOENT)
        return 0;
    if (rc != 0)
        return tool_fail_errno(t, rc, "cannot find %s", to->text);
    dfs_release(obj);
    if (S_ISDIR(mode)) {
        char dir[PATH_MAX];

        snprintf(dir, sizeof(dir), "%s", to->path);
        if (!location_join(dir, name, to->path, sizeof(to->path)))
            return tool_fail_errno(t, ENAMETOOLONG, "cannot move to %s", to->text);
    }
    return 0;
}

int fs_cat_file(struct tool *t, struct conn *c, const struct location *loc, FILE *out)
{
    char *buf = base_alloc(IO_BYTES);
    dfs_obj_t *obj = NULL;
    mode_t mode;
    int rc = buf == NULL ? ENOMEM : dfs_lookup(c->dfs, loc->path, O_RDONLY, &obj, &mode, NULL);

    if (rc == 0 && !S_ISREG(mode))
        rc = S_ISDIR(mode) ? EISDIR : EINVAL;
    for (daos_off_t off = 0; rc == 0;) {
        d_iov_t iov;
        d_sg_list_t sgl = {.sg_nr = 1, .sg_iovs = &iov};
        daos_size_t got = 0;

        d_iov_set(&iov, buf, IO_BYTES);
        rc = dfs_read(c->dfs, obj, &sgl, off, &got, NULL);
        if (rc != 0 || got == 0)
            break;
        if (fwrite(buf, 1, got, out) != got)
            rc = errno;
        off += got;
    }
    if (obj != NULL)
        dfs_release(obj);
    base_free(buf);
    return rc != 0 ? tool_fail_errno(t, rc, "cannot read %s", loc->text) : 0;
}
