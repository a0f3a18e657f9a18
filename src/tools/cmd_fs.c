/* The fs group: its table, and ls and stat. The other commands have files of their own. */
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/size.h"
#include "tools/cmds.h"
#include "tools/fs_at.h"
#include "tools/tree.h"

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
    int rc = fs_mount_at(t, &c, t->args[0], false, &loc);

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
    int rc = fs_mount_at(t, &c, t->args[0], false, &loc);

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
      {0, "ignore-unsupported", NULL, "a copy need not have the devices, sockets and pipes"},
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
     cmd_fs_cat,
     "write files to standard output",
     NULL,
     "fs cat daos://./tarn-pool/home/notes.txt",
     {OPT_SNAP}},
    {"get",
     NULL,
     "PLACE [FILE]",
     1,
     2,
     cmd_fs_get,
     "copy one file out",
     "FILE '-' is standard output; without FILE, the same name here.",
     "fs get daos://./tarn-pool/home/notes.txt\nfs get daos://./tarn-pool/home/notes.txt - | wc",
     {{'f', "force", NULL, "replace FILE if it exists"}, OPT_SNAP}},
    {"put",
     NULL,
     "FILE PLACE",
     2,
     2,
     cmd_fs_put,
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
     cmd_fs_mkdir,
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
     cmd_fs_rm,
     "remove a file, a link or a directory",
     NULL,
     "fs rm daos://./tarn-pool/home/notes.txt\nfs rm -r ./tarn-pool/home/docs",
     {{'r', "recursive", NULL, "a directory with all that is in it"}}},
    {"mv",
     "move rename",
     "PLACE PLACE",
     2,
     2,
     cmd_fs_mv,
     "rename or move, within a container",
     "Into the second place if that is a directory; what has the new name is replaced, in one "
     "step.",
     "fs mv ./tarn-pool/home/notes.txt ./tarn-pool/home/docs",
     {{0}}},
    {"check",
     NULL,
     "POOL CONT",
     2,
     2,
     cmd_fs_check,
     "look for files and directories that no name leads to",
     "A program that died while it made or removed something may leave such. Nobody else may have "
     "the container open meanwhile. Of --flags:\n"
     "print shows each, remove removes them, relink puts them into /lost+found, verify reads every "
     "file of the container, evict takes it away\n"
     "from whoever has it open.",
     "fs check ./tarn-pool home\nfs check ./tarn-pool home --flags=print,verify\nfs check "
     "./tarn-pool home --flags=relink --dir-name=after-the-crash",
     {{'f', "flags", "LIST", "of print, remove, relink, verify, evict (default print)"},
      {'n', "dir-name", "NAME", "of the directory in /lost+found (default: the time)"}}},
    {"ln",
     "symlink",
     "TARGET PLACE",
     2,
     2,
     cmd_fs_ln,
     "make a symbolic link",
     NULL,
     "fs ln notes.txt daos://./tarn-pool/home/latest",
     {{0}}},
};

const struct cmd_group group_fs = {"filesystem", "fs", "files and directories of POSIX containers",
                                   commands, ARRAY_LEN(commands)};
