/* fs cat, get, put: one file, or standard input and output. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fail.h"
#include "tools/cmds.h"
#include "tools/fs_at.h"

#define IO_BYTES (1u << 20)

int cmd_fs_cat(struct tool *t)
{
    int rc = 0;

    for (int i = 0; rc == 0 && i < t->nargs; i++) {
        struct location loc;
        struct conn c = {0};

        rc = fs_mount_at(t, &c, t->args[i], false, &loc);
        if (rc == 0)
            rc = fs_cat_file(t, &c, &loc, t->out);
        conn_close(&c);
    }
    return rc;
}

int cmd_fs_get(struct tool *t)
{
    const char *to = t->nargs > 1 ? t->args[1] : NULL;
    struct location loc;
    struct conn c = {0};
    FILE *out = NULL;
    int rc = fs_mount_at(t, &c, t->args[0], false, &loc);

    if (rc == 0) {
        const char *name = strrchr(loc.path, '/') + 1;

        if (to == NULL)
            to = name;
        out = strcmp(to, "-") == 0 ? t->out : fopen(to, opt_flag(t, "force") ? "we" : "wxe");
        if (out == NULL) {
            rc = tool_fail_errno(t, errno, "cannot write %s", to[0] != '\0' ? to : loc.text);
            if (rc == -DER_EXIST)
                err_next(&t->err, "give --force to replace it, or another name");
        }
    }
    if (rc == 0)
        rc = fs_cat_file(t, &c, &loc, out);
    if (out != NULL && out != t->out && fclose(out) != 0 && rc == 0)
        rc = tool_fail_errno(t, errno, "cannot write %s", to);
    if (rc != 0 && out != NULL && out != t->out)
        unlink(to); /* we made it */
    conn_close(&c);
    return rc;
}

static int put_stream(struct tool *t, struct conn *c, FILE *in, dfs_obj_t *obj, const char *from,
                      const char *to)
{
    char *buf = base_alloc(IO_BYTES);
    int rc = buf == NULL ? tool_fail_der(t, -DER_NOMEM, "cannot write %s", to) : 0;

    for (daos_off_t off = 0; rc == 0;) {
        d_iov_t iov;
        d_sg_list_t sgl = {.sg_nr = 1, .sg_iovs = &iov};
        size_t n = fread(buf, 1, IO_BYTES, in);
        int err;

        if (n == 0) {
            if (ferror(in))
                rc = tool_fail_errno(t, errno, "cannot read %s", from);
            break;
        }
        d_iov_set(&iov, buf, n);
        err = dfs_write(c->dfs, obj, &sgl, off, NULL);
        if (err != 0)
            rc = tool_fail_errno(t, err, "cannot write %s", to);
        off += n;
    }
    base_free(buf);
    return rc;
}

static int put_open(struct tool *t, struct conn *c, const struct location *loc, mode_t mode,
                    dfs_obj_t **obj)
{
    int flags = O_RDWR | O_CREAT | (opt_flag(t, "force") ? O_TRUNC : O_EXCL);
    const char *name;
    dfs_obj_t *dir;
    int rc = fs_parent_open(t, c, loc, &dir, &name);

    if (rc != 0)
        return rc;
    int err = dfs_open(c->dfs, dir, name, S_IFREG | (mode & 0777), flags, 0, 0, NULL, obj);
    dfs_release(dir);
    if (err == 0)
        return 0;
    rc = tool_fail_errno(t, err, "cannot create %s", loc->text);
    if (err == EEXIST)
        err_next(&t->err, "give --force to replace it, or another name");
    return rc;
}

int cmd_fs_put(struct tool *t)
{
    const char *from = t->args[0];
    bool std = strcmp(from, "-") == 0;
    struct stat st = {.st_mode = 0644};
    struct location loc;
    struct conn c = {0};
    dfs_obj_t *obj = NULL;
    FILE *in = std ? stdin : fopen(from, "re");
    int rc = 0;

    if (in == NULL || (!std && fstat(fileno(in), &st) != 0))
        rc = tool_fail_errno(t, errno, "cannot read %s", from);
    if (rc == 0 && !std && !S_ISREG(st.st_mode) && !S_ISFIFO(st.st_mode))
        rc = tool_fail(t, -DER_INVAL, "use fs copy for directories", "it is not a file",
                       "cannot put %s", from);
    if (rc == 0)
        rc = fs_mount_at(t, &c, t->args[1], true, &loc);
    if (rc == 0 && !std) {
        const char *slash = strrchr(from, '/');

        rc = fs_target(t, &c, &loc, slash != NULL ? slash + 1 : from);
    }
    if (rc == 0)
        rc = put_open(t, &c, &loc, st.st_mode, &obj);
    if (rc == 0)
        rc = put_stream(t, &c, in, obj, from, loc.text);
    if (obj != NULL)
        dfs_release(obj);
    if (in != NULL && !std)
        fclose(in);
    conn_close(&c);
    return rc;
}
