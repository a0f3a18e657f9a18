/* fs ls, get, put, cat, stat, mkdir, rm, mv, ln: files of a container, one at a time. */
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/fail.h"
#include "base/size.h"
#include "dfs/dfs_fast.h"
#include "tools/cmds.h"
#include "tools/conn.h"
#include "tools/tree.h"

#define IO_BYTES (1u << 20)

/* ---- Opening ---- */

static int mount_at(struct tool *t, struct conn *c, const char *text, bool write,
                    struct location *loc)
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
static int parent_open(struct tool *t, struct conn *c, const struct location *loc, dfs_obj_t **dir,
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

/* ---- ls ---- */

static char type_char(mode_t mode)
{
    return S_ISDIR(mode) ? 'd' : S_ISLNK(mode) ? 'l' : S_ISREG(mode) ? '-' : '?';
}

static void mode_text(mode_t mode, char buf[11])
{
    static const char letters[] = "rwxrwxrwx";

    buf[0] = type_char(mode);
    for (int i = 0; i < 9; i++)
        buf[1 + i] = (mode & (0400u >> i)) != 0 ? letters[i] : '-';
    if ((mode & S_ISUID) != 0)
        buf[3] = (mode & S_IXUSR) != 0 ? 's' : 'S';
    if ((mode & S_ISGID) != 0)
        buf[6] = (mode & S_IXGRP) != 0 ? 's' : 'S';
    buf[10] = '\0';
}

static void user_text(uid_t uid, char *buf, size_t len)
{
    struct passwd pw, *found = NULL;
    char mem[1024];

    if (getpwuid_r(uid, &pw, mem, sizeof(mem), &found) == 0 && found != NULL)
        snprintf(buf, len, "%s", pw.pw_name);
    else
        snprintf(buf, len, "%u", uid);
}

static void group_name(gid_t gid, char *buf, size_t len)
{
    struct group gr, *found = NULL;
    char mem[4096];

    if (getgrgid_r(gid, &gr, mem, sizeof(mem), &found) == 0 && found != NULL)
        snprintf(buf, len, "%s", gr.gr_name);
    else
        snprintf(buf, len, "%u", gid);
}

static json_t *entry_json(const struct entry *e)
{
    json_t *o = json_object();
    char mode[8];

    snprintf(mode, sizeof(mode), "%04o", e->st.st_mode & 07777);
    json_object_set_new(o, "name", json_text(e->name, strlen(e->name)));
    json_object_set_new(o, "type",
                        json_string(S_ISDIR(e->st.st_mode)   ? "directory"
                                    : S_ISLNK(e->st.st_mode) ? "link"
                                                             : "file"));
    json_object_set_new(o, "size", json_integer((json_int_t)e->st.st_size));
    json_object_set_new(o, "mode", json_string(mode));
    json_object_set_new(o, "uid", json_integer(e->st.st_uid));
    json_object_set_new(o, "gid", json_integer(e->st.st_gid));
    json_object_set_new(
        o, "mtime", json_real((double)e->st.st_mtim.tv_sec + (double)e->st.st_mtim.tv_nsec / 1e9));
    return o;
}

static void entry_print(struct tool *t, struct tree *tree, struct tree_dir *dir,
                        const struct entry *e)
{
    char name[4 * NAME_MAX + 1], mode[11], user[64], grp[64], when[32], target[PATH_MAX],
        shown[PATH_MAX];
    struct tm tm;

    name_text(e->name, strlen(e->name), name, sizeof(name));
    if (!opt_flag(t, "long")) {
        fprintf(t->out, "%s%s\n", name, S_ISDIR(e->st.st_mode) ? "/" : "");
        return;
    }
    mode_text(e->st.st_mode, mode);
    user_text(e->st.st_uid, user, sizeof(user));
    group_name(e->st.st_gid, grp, sizeof(grp));
    localtime_r(&e->st.st_mtim.tv_sec, &tm);
    strftime(when, sizeof(when), "%Y-%m-%d %H:%M", &tm);
    fprintf(t->out, "%s %-8s %-8s %12lld %s %s", mode, user, grp, (long long)e->st.st_size, when,
            name);
    if (S_ISLNK(e->st.st_mode) && dir != NULL && tree->ops->readlink(tree, dir, e, target) == 0)
        fprintf(t->out, " -> %s", name_text(target, strlen(target), shown, sizeof(shown)));
    fprintf(t->out, "\n");
}

/* Lists a directory in batches: sorted when it is of a size one looks at, as stored beyond. */
static int list_dir(struct tool *t, struct tree *tree, const char *text, json_t *json)
{
    struct listing l = {0};
    struct tree_dir dir;
    int rc = tree->ops->dir_open(tree, NULL, NULL, false, &dir);

    if (rc != 0)
        return tool_fail_errno(t, rc, "cannot open directory %s", text);
    while (rc == 0 && !dir.eof) {
        rc = tree->ops->dir_list(tree, &dir, 10000, &l);
        if (rc == 0 && l.nr > 1)
            qsort(l.entries, l.nr, sizeof(l.entries[0]), listing_compare);
        for (uint32_t i = 0; rc == 0 && i < l.nr; i++) {
            if (json != NULL)
                json_array_append_new(json, entry_json(&l.entries[i]));
            else
                entry_print(t, tree, &dir, &l.entries[i]);
        }
        listing_clear(&l);
    }
    listing_fini(&l);
    tree->ops->dir_close(tree, &dir);
    return rc != 0 ? tool_fail_errno(t, rc, "cannot list directory %s", text) : 0;
}

static int fs_ls(struct tool *t)
{
    struct location loc;
    struct conn c = {0};
    struct tree tree;
    struct stat st;
    dfs_obj_t *obj;
    json_t *json = t->json ? json_array() : NULL;
    int rc = mount_at(t, &c, t->args[0], false, &loc);

    if (rc == 0) {
        int err = dfs_lookup(c.dfs, loc.path, O_RDONLY, &obj, NULL, &st);

        if (err == 0)
            dfs_release(obj);
        else
            rc = tool_fail_errno(t, err, "cannot find %s", loc.text);
    }
    if (rc == 0 && S_ISDIR(st.st_mode)) {
        tree_dfs_init(&tree, c.dfs, loc.path);
        rc = list_dir(t, &tree, loc.text, json);
    } else if (rc == 0) {
        struct entry e = {.name = strrchr(loc.path, '/') + 1, .st = st};

        if (json != NULL)
            json_array_append_new(json, entry_json(&e));
        else
            entry_print(t, NULL, NULL, &e);
    }
    t->response = json;
    conn_close(&c);
    return rc;
}

/* ---- stat ---- */

static void stat_print(struct tool *t, const struct location *loc, const struct stat *st,
                       daos_obj_id_t oid)
{
    char mode[11], user[64], grp[64], when[64], size[SIZE_TEXT_MAX];
    struct tm tm;

    mode_text(st->st_mode, mode);
    user_text(st->st_uid, user, sizeof(user));
    group_name(st->st_gid, grp, sizeof(grp));
    localtime_r(&st->st_mtim.tv_sec, &tm);
    strftime(when, sizeof(when), "%Y-%m-%d %H:%M:%S", &tm);
    fprintf(t->out, "%s\n  type      %s\n  mode      %s (%04o)\n  owner     %s, group %s\n",
            loc->text,
            S_ISDIR(st->st_mode)   ? "directory"
            : S_ISLNK(st->st_mode) ? "link"
                                   : "file",
            mode, st->st_mode & 07777, user, grp);
    fprintf(t->out, "  size      %lld (%s)\n  modified  %s.%09ld\n  object    %llu.%llu\n",
            (long long)st->st_size, size_print((uint64_t)st->st_size, size, sizeof(size)), when,
            st->st_mtim.tv_nsec, (unsigned long long)oid.hi, (unsigned long long)oid.lo);
}

static int fs_stat(struct tool *t)
{
    struct location loc;
    struct conn c = {0};
    struct stat st;
    dfs_obj_t *obj;
    daos_obj_id_t oid;
    char oid_text[48];
    int rc = mount_at(t, &c, t->args[0], false, &loc);

    if (rc == 0) {
        int err = dfs_lookup(c.dfs, loc.path, O_RDONLY | O_NOFOLLOW, &obj, NULL, &st);

        if (err == 0) {
            err = dfs_obj2id(obj, &oid);
            dfs_release(obj);
        }
        if (err != 0)
            rc = tool_fail_errno(t, err, "cannot find %s", loc.text);
    }
    if (rc == 0 && t->json) {
        struct entry e = {.name = strrchr(loc.path, '/') + 1, .st = st};

        snprintf(oid_text, sizeof(oid_text), "%llu.%llu", (unsigned long long)oid.hi,
                 (unsigned long long)oid.lo);
        t->response = entry_json(&e);
        json_object_set_new(t->response, "oid", json_string(oid_text));
    } else if (rc == 0) {
        stat_print(t, &loc, &st, oid);
    }
    conn_close(&c);
    return rc;
}

/* ---- cat ---- */

static int cat_file(struct tool *t, struct conn *c, const struct location *loc, FILE *out)
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

static int fs_cat(struct tool *t)
{
    int rc = 0;

    for (int i = 0; rc == 0 && i < t->nargs; i++) {
        struct location loc;
        struct conn c = {0};

        rc = mount_at(t, &c, t->args[i], false, &loc);
        if (rc == 0)
            rc = cat_file(t, &c, &loc, t->out);
        conn_close(&c);
    }
    return rc;
}

/* ---- mkdir, rm, mv, ln ---- */

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

static int fs_mkdir(struct tool *t)
{
    struct location loc;
    struct conn c = {0};
    dfs_obj_t *dir;
    const char *name;
    int rc = 0;
    mode_t mode = mode_opt(t, 0755, &rc);

    if (rc == 0)
        rc = mount_at(t, &c, t->args[0], true, &loc);
    if (rc == 0 && opt_flag(t, "parents")) {
        int err = make_path(&c, loc.path, mode);

        if (err != 0)
            rc = tool_fail_errno(t, err, "cannot make directory %s", loc.text);
    } else if (rc == 0) {
        rc = parent_open(t, &c, &loc, &dir, &name);
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

static int fs_rm(struct tool *t)
{
    struct location loc;
    struct conn c = {0};
    dfs_obj_t *dir;
    const char *name;
    int rc = mount_at(t, &c, t->args[0], true, &loc);

    if (rc == 0)
        rc = parent_open(t, &c, &loc, &dir, &name);
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

/* The new name: into the destination if that is a directory. */
static int mv_target(struct tool *t, struct conn *c, struct location *to, const char *name)
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

static int fs_mv(struct tool *t)
{
    struct location from, to;
    struct conn c = {0};
    dfs_obj_t *from_dir, *to_dir;
    const char *from_name, *to_name;
    int rc = location_parse(t->args[1], LOCATION_IN_POOL, &to, &t->err);

    if (rc == 0)
        rc = mount_at(t, &c, t->args[0], true, &from);
    if (rc == 0)
        rc = same_container(t, &from, &to);
    if (rc == 0)
        rc = parent_open(t, &c, &from, &from_dir, &from_name);
    if (rc != 0)
        goto out;
    rc = mv_target(t, &c, &to, from_name);
    if (rc == 0)
        rc = parent_open(t, &c, &to, &to_dir, &to_name);
    if (rc == 0) {
        int err = dfs_move(c.dfs, from_dir, from_name, to_dir, to_name, NULL);

        if (err != 0)
            rc = tool_fail_errno(t, err, "cannot move %s to %s", from.text, to.text);
        dfs_release(to_dir);
    }
    dfs_release(from_dir);
out:
    conn_close(&c);
    return rc;
}

static int fs_ln(struct tool *t)
{
    struct location loc;
    struct conn c = {0};
    dfs_obj_t *dir, *obj;
    const char *name;
    int rc = mount_at(t, &c, t->args[1], true, &loc);

    if (rc == 0)
        rc = parent_open(t, &c, &loc, &dir, &name);
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

/* ---- get, put: one file, or standard input and output ---- */

static int fs_get(struct tool *t)
{
    const char *to = t->nargs > 1 ? t->args[1] : NULL;
    struct location loc;
    struct conn c = {0};
    FILE *out = NULL;
    int rc = mount_at(t, &c, t->args[0], false, &loc);

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
        rc = cat_file(t, &c, &loc, out);
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
    int rc = parent_open(t, c, loc, &dir, &name);

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

static int fs_put(struct tool *t)
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
        rc = mount_at(t, &c, t->args[1], true, &loc);
    if (rc == 0 && !std) {
        const char *slash = strrchr(from, '/');

        rc = mv_target(t, &c, &loc, slash != NULL ? slash + 1 : from);
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

#define OPT_SNAP                                                                                   \
    {                                                                                              \
        0, "snap", "EPOCH", "as of a snapshot; 'cont list-snaps' shows their epochs"               \
    }

static const struct command commands[] = {
    {"copy",
     "cp",
     "[SRC DST]",
     0,
     2,
     cmd_fs_copy,
     "copy files and directories into, out of or between containers",
     "A place is a local path or daos://POOL/CONT/path. What is in directory SRC goes into "
     "directory DST, which is made if\n"
     "it is missing (with its container, if that has a label); other files of DST stay. A file "
     "goes into DST if that is a\n"
     "directory, else becomes DST. Kept: content, modes, modification times, links, owners (as "
     "root), extended attributes.\n"
     "Every file is copied whole or not at all; after Ctrl-C or a crash, --update copies the rest.",
     "fs copy --src /usr/include --dst daos://./tarn-pool/include\nfs copy --src "
     "daos://./tarn-pool/include --dst ./back --verify\n"
     "fs copy daos://./tarn-pool/home/notes.txt ./notes.txt\nfs copy --snap 0x1a2b3c "
     "daos://./tarn-pool/home ./as-it-was",
     {{'s', "src", "PLACE", "from here"},
      {'d', "dst", "PLACE", "to here"},
      {'u', "update", NULL, "leave files of the same size and modification time alone"},
      {'V', "verify", NULL, "compare everything afterwards"},
      {0, "no-xattrs", NULL, "without extended attributes"},
      {0, "ignore-unsupported", NULL, "leave out devices, sockets and pipes without an error"},
      {0, "threads", "N", "worker threads (default: as suits the machine)"},
      OPT_SNAP}},
    {"diff",
     NULL,
     "[PLACE PLACE]",
     0,
     2,
     cmd_fs_diff,
     "compare two directories, at least one of them in a container",
     "Compares names, types, content, modes, modification times, link targets and, as root, "
     "owners. Exit status 11 if they\n"
     "differ.",
     "fs diff /usr/include daos://./tarn-pool/include\nfs diff daos://./tarn-pool/a "
     "daos://./tarn-pool/b --quick",
     {{'s', "src", "PLACE", "one"},
      {'d', "dst", "PLACE", "the other"},
      {'q', "quick", NULL, "without the content of files"},
      {0, "no-times", NULL, "without modification times"},
      {0, "threads", "N", "worker threads"},
      OPT_SNAP}},
    {"ls",
     "list",
     "PLACE",
     1,
     1,
     fs_ls,
     "list a directory",
     NULL,
     "fs ls daos://./tarn-pool/home\nfs ls -l ./tarn-pool/home/docs\nfs ls --snap 0x1a2b3c "
     "daos://./tarn-pool/home",
     {{'l', "long", NULL, "with modes, owners, sizes and times"}, OPT_SNAP}},
    {"cat",
     NULL,
     "PLACE ...",
     1,
     TOOL_ARGS_MAX,
     fs_cat,
     "write files to standard output",
     NULL,
     "fs cat daos://./tarn-pool/home/notes.txt",
     {OPT_SNAP}},
    {"get",
     NULL,
     "PLACE [FILE]",
     1,
     2,
     fs_get,
     "copy one file out",
     "FILE '-' is standard output; without FILE, the same name here.",
     "fs get daos://./tarn-pool/home/notes.txt\nfs get daos://./tarn-pool/home/notes.txt - | wc",
     {{'f', "force", NULL, "replace FILE if it exists"}, OPT_SNAP}},
    {"put",
     NULL,
     "FILE PLACE",
     2,
     2,
     fs_put,
     "copy one file in",
     "FILE '-' is standard input.",
     "fs put notes.txt daos://./tarn-pool/home/\n#date | tarn fs put - "
     "daos://./tarn-pool/home/now.txt",
     {{'f', "force", NULL, "replace it if it exists"}}},
    {"stat",
     NULL,
     "PLACE",
     1,
     1,
     fs_stat,
     "show the attributes of a file or directory",
     NULL,
     "fs stat daos://./tarn-pool/home/notes.txt",
     {OPT_SNAP}},
    {"mkdir",
     NULL,
     "PLACE",
     1,
     1,
     fs_mkdir,
     "make a directory",
     NULL,
     "fs mkdir daos://./tarn-pool/home/docs\nfs mkdir -p ./tarn-pool/home/a/b/c",
     {{'p', "parents", NULL, "with what is missing above; no error if it exists"},
      {'m', "mode", "OCTAL", "its mode (default 755)"}}},
    {"rm",
     "remove",
     "PLACE",
     1,
     1,
     fs_rm,
     "remove a file, a link or a directory",
     NULL,
     "fs rm daos://./tarn-pool/home/notes.txt\nfs rm -r ./tarn-pool/home/docs",
     {{'r', "recursive", NULL, "a directory with all that is in it"}}},
    {"mv",
     "move rename",
     "PLACE PLACE",
     2,
     2,
     fs_mv,
     "rename or move, within a container",
     "Into the second place if that is a directory; what has the new name is replaced, in one "
     "step.",
     "fs mv ./tarn-pool/home/notes.txt ./tarn-pool/home/docs",
     {{0}}},
    {"ln",
     "symlink",
     "TARGET PLACE",
     2,
     2,
     fs_ln,
     "make a symbolic link",
     NULL,
     "fs ln notes.txt daos://./tarn-pool/home/latest",
     {{0}}},
};

const struct cmd_group group_fs = {"filesystem", "fs", "files and directories of POSIX containers",
                                   commands, ARRAY_LEN(commands)};
