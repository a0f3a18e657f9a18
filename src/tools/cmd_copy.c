/* fs copy and fs diff: places, mounts and progress around copy.c and diff.c. */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tools/cmds.h"
#include "tools/conn.h"
#include "tools/copy.h"
#include "tools/diff.h"

struct place {
    struct location loc;
    struct conn conn;
    struct tree tree;
    struct stat st; /* of what it names, if that exists */
    bool exists;
    char dir[PATH_MAX]; /* when it is a file: its directory and name */
    const char *name;
};

/* --src and --dst, or two arguments. */
static int two_places(struct tool *t, struct place *a, struct place *b)
{
    const char *src = opt_text(t, "src"), *dst = opt_text(t, "dst");
    int used = 0, rc;

    if (src == NULL && used < t->nargs)
        src = t->args[used++];
    if (dst == NULL && used < t->nargs)
        dst = t->args[used++];
    if (src == NULL || dst == NULL || used < t->nargs) {
        t->status = EXIT_USAGE;
        return tool_fail(
            t, -DER_INVAL,
            "write --src PLACE --dst PLACE; a place is a path or daos://POOL/CONT/path",
            "two places are needed", "'%s' needs a source and a destination", t->cmd->name);
    }
    rc = location_parse(src, 0, &a->loc, &t->err);
    if (rc == 0)
        rc = location_parse(dst, 0, &b->loc, &t->err);
    if (rc == 0 && !a->loc.in_pool && !b->loc.in_pool)
        return tool_fail(
            t, -DER_INVAL,
            "name one as daos://POOL/CONT/path (for local files there are cp and diff)",
            "neither place is in a pool", "cannot %s %.80s and %.80s", t->cmd->name, src, dst);
    return rc;
}

static int place_stat(struct place *p)
{
    dfs_obj_t *obj;
    int rc;

    if (!p->loc.in_pool)
        return stat(p->loc.path, &p->st) != 0 ? errno : 0;
    rc = dfs_lookup(p->conn.dfs, p->loc.path, O_RDONLY, &obj, NULL, &p->st);
    if (rc == 0)
        dfs_release(obj);
    return rc;
}

static int place_open(struct tool *t, struct place *p, bool write, bool create, daos_epoch_t snap)
{
    int rc = 0;

    if (p->loc.in_pool)
        rc = conn_mount(t, &p->conn, &p->loc, write, snap, create);
    if (rc != 0)
        return rc;
    rc = place_stat(p);
    p->exists = rc == 0;
    if (rc != 0 && (rc != ENOENT || !create))
        return tool_fail_errno(t, rc, "cannot find %s", p->loc.text);
    if (p->loc.in_pool)
        tree_dfs_init(&p->tree, p->conn.dfs, p->loc.path);
    else
        tree_local_init(&p->tree, p->loc.path);
    return 0;
}

static void place_close(struct place *p)
{
    if (p->loc.in_pool)
        conn_close(&p->conn);
}

/* The place is a file: its tree's top becomes the directory above it. */
static int place_split(struct tool *t, struct place *p)
{
    if (!location_split(p->loc.path, p->dir, sizeof(p->dir), &p->name)) {
        p->name = p->loc.path; /* a bare local name */
        snprintf(p->dir, sizeof(p->dir), ".");
    }
    if (p->name[0] == '\0')
        return tool_fail(t, -DER_BADPATH, "leave the '/' at its end out", "it is not a directory",
                         "cannot use %s", p->loc.text);
    p->tree.top = p->dir;
    return 0;
}

/* Source is one file: into the destination if that is a directory, else under the destination's
 * name. */
static int one_file(struct tool *t, struct place *src, struct place *dst, struct copy_conf *conf)
{
    size_t len = strlen(dst->loc.text);
    int rc = place_split(t, src);

    if (rc != 0)
        return rc;
    conf->only = src->name;
    conf->only_as = src->name;
    if ((dst->exists && S_ISDIR(dst->st.st_mode)) ||
        (dst->loc.in_pool && strcmp(dst->loc.path, "/") == 0))
        return 0;
    if (len > 0 && dst->loc.text[len - 1] == '/')
        return tool_fail(t, -DER_NOTDIR,
                         "create the directory first, or leave the '/' at the end out",
                         "there is no such directory", "cannot copy into %s", dst->loc.text);
    rc = place_split(t, dst);
    conf->only_as = dst->name;
    return rc;
}

static int check_destination(struct tool *t, const struct place *src, const struct place *dst)
{
    if (dst->exists && S_ISDIR(src->st.st_mode) && !S_ISDIR(dst->st.st_mode))
        return tool_fail(t, -DER_NOTDIR, "name a directory as destination",
                         "the source is a directory and the destination is a file",
                         "cannot copy %s to %s", src->loc.text, dst->loc.text);
    if (!S_ISDIR(src->st.st_mode) && !S_ISREG(src->st.st_mode))
        return tool_fail(t, -DER_NOTSUPPORTED, "name a file or a directory",
                         "it is neither a file nor a directory", "cannot copy %s", src->loc.text);
    return 0;
}

static int verify(struct tool *t, struct place *src, struct place *dst,
                  const struct copy_conf *copy)
{
    struct diff_conf conf = {.threads = copy->threads, .a = src->loc.text, .b = dst->loc.text};
    struct diff_result r;
    struct progress p;
    json_t *list = t->json ? json_array() : NULL;
    int rc;

    progress_init(&p, "compared", "files", t->json ? NULL : t->errout);
    rc = diff_run(t, &src->tree, &dst->tree, &conf, &p, &r, list);
    progress_fini(&p);
    if (t->json)
        json_object_set_new(t->response, "verified", diff_json(&r, list));
    else
        diff_print(&r, t->out);
    return rc;
}

static int copy_places(struct tool *t, struct place *src, struct place *dst, struct copy_conf *conf,
                       struct progress *p)
{
    struct copy_result r = {0};
    int rc = check_destination(t, src, dst);

    if (rc == 0 && S_ISREG(src->st.st_mode))
        rc = one_file(t, src, dst, conf);
    if (rc != 0)
        return rc;
    umask(0); /* modes are the source's */
    rc = copy_run(t, &src->tree, &dst->tree, conf, p, &r);
    if (t->json)
        t->response = copy_json(&r);
    else
        copy_print(&r, t->out);
    if (rc == 0 && opt_flag(t, "verify")) {
        if (conf->only != NULL)
            return tool_fail(t, -DER_NOTSUPPORTED, "copy a directory to verify it",
                             "only directories are compared",
                             "the file is copied, but cannot be verified");
        fflush(t->out);
        rc = verify(t, src, dst, conf);
    }
    return rc;
}

int cmd_fs_copy(struct tool *t)
{
    struct place src = {0}, dst = {0};
    struct copy_conf conf = {.update = opt_flag(t, "update"),
                             .no_xattrs = opt_flag(t, "no-xattrs"),
                             .ignore_unsupported = opt_flag(t, "ignore-unsupported")};
    struct progress p;
    uint64_t threads = 0, snap = 0;
    int rc = two_places(t, &src, &dst);

    if (rc == 0)
        rc = opt_number(t, "threads", &threads);
    if (rc == 0)
        rc = opt_number(t, "snap", &snap);
    if (rc != 0)
        return rc;
    /* before the library starts threads, so that they leave the signals to us */
    progress_init(&p, "copied", "files", t->json ? NULL : t->errout);
    /* a missing source shall not leave an empty container behind */
    if (!src.loc.in_pool && stat(src.loc.path, &src.st) != 0)
        rc = tool_fail_errno(t, errno, "cannot find %s", src.loc.text);
    /* the writable side first: both may be the same pool, which is opened once */
    if (rc == 0 && src.loc.in_pool && dst.loc.in_pool) {
        struct conn probe = {0};

        rc = conn_pool(t, &probe, dst.loc.pool, DAOS_PC_RW);
        if (rc == 0)
            rc = place_open(t, &src, false, false, snap);
        if (rc == 0)
            rc = place_open(t, &dst, true, true, 0);
        conn_close(&probe);
    } else if (rc == 0) {
        rc = place_open(t, &src, false, false, snap);
        if (rc == 0)
            rc = place_open(t, &dst, true, true, 0);
    }
    conf.threads = (uint32_t)MIN(threads, 1024u);
    conf.top = &src.st;
    conf.src = src.loc.text;
    conf.dst = dst.loc.text;
    if (rc == 0)
        rc = copy_places(t, &src, &dst, &conf, &p);
    place_close(&dst);
    place_close(&src);
    progress_fini(&p);
    return rc;
}

int cmd_fs_diff(struct tool *t)
{
    struct place a = {0}, b = {0};
    struct diff_conf conf = {.no_content = opt_flag(t, "quick"),
                             .no_times = opt_flag(t, "no-times"),
                             .ignore_unsupported = opt_flag(t, "ignore-unsupported")};
    struct diff_result r = {0};
    struct progress p;
    json_t *list = t->json ? json_array() : NULL;
    uint64_t threads = 0, snap = 0;
    int rc = two_places(t, &a, &b);

    if (rc == 0)
        rc = opt_number(t, "threads", &threads);
    if (rc == 0)
        rc = opt_number(t, "snap", &snap);
    if (rc != 0)
        goto out;
    progress_init(&p, "compared", "files", t->json ? NULL : t->errout);
    rc = place_open(t, &a, false, false, a.loc.in_pool ? snap : 0);
    if (rc == 0)
        rc = place_open(t, &b, false, false, a.loc.in_pool ? 0 : snap);
    if (rc == 0 && (!S_ISDIR(a.st.st_mode) || !S_ISDIR(b.st.st_mode)))
        rc =
            tool_fail(t, -DER_NOTDIR, "name two directories", "directories are compared, not files",
                      "cannot compare %s and %s", a.loc.text, b.loc.text);
    conf.threads = (uint32_t)MIN(threads, 1024u);
    conf.a = a.loc.text;
    conf.b = b.loc.text;
    if (rc == 0) {
        rc = diff_run(t, &a.tree, &b.tree, &conf, &p, &r, list);
        if (t->json) {
            t->response = diff_json(&r, list);
            list = NULL;
        } else {
            diff_print(&r, t->out);
        }
    }
    place_close(&b);
    place_close(&a);
    progress_fini(&p);
out:
    json_decref(list);
    return rc;
}
