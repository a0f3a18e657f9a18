/* fs check: files and directories that no name leads to. */
#include <string.h>

#include <daos/common.h>
#include <daos_fs.h>

#include "dfs/check.h"
#include "tools/cmds.h"
#include "tools/conn.h"

static const struct {
    const char *name;
    uint64_t flag;
} words[] = {{"print", DFS_CHECK_PRINT},
             {"remove", DFS_CHECK_REMOVE},
             {"relink", DFS_CHECK_RELINK},
             {"verify", DFS_CHECK_VERIFY},
             {"evict", DFS_CHECK_EVICT_ALL}};

static int word_of(struct tool *t, const char *word, size_t len, uint64_t *flags)
{
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (strlen(words[i].name) == len && memcmp(words[i].name, word, len) == 0) {
            *flags |= words[i].flag;
            return 0;
        }
    return tool_fail(t, -DER_INVAL,
                     "name one or more of print, remove, relink, verify and evict, separated by "
                     "commas",
                     "there is no such thing to do", "cannot use --flags=%.100s",
                     opt_text(t, "flags"));
}

static int flags_of(struct tool *t, uint64_t *flags)
{
    const char *at = opt_text(t, "flags");

    *flags = at == NULL ? DFS_CHECK_PRINT : 0;
    while (at != NULL) {
        size_t len = strcspn(at, ",");
        int rc = word_of(t, at, len, flags);

        if (rc != 0)
            return rc;
        at = at[len] == ',' ? at + len + 1 : NULL;
    }
    if (!(*flags & DFS_CHECK_REMOVE && *flags & DFS_CHECK_RELINK))
        return 0;
    return tool_fail(t, -DER_INVAL, "choose one of them",
                     "what is removed cannot be linked as well", "cannot use --flags=%.100s",
                     opt_text(t, "flags"));
}

static json_t *found_json(const struct check_found *f)
{
    return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "objects", (json_int_t)f->objects,
                     "lost_files", (json_int_t)f->files, "lost_directories", (json_int_t)f->dirs,
                     "read", (json_int_t)f->read, "damaged", (json_int_t)f->damaged, "removed",
                     (json_int_t)f->removed, "linked", (json_int_t)f->linked);
}

static int failed(struct tool *t, int rc, const struct check_found *f)
{
    if (rc == EIO && f->damaged > 0)
        return tool_fail(t, -DER_CSUM, "'tarn check' says which they are, by path",
                         "bytes on the device are not what was written",
                         "%llu files of container '%.100s' are damaged",
                         (unsigned long long)f->damaged, t->args[1]);
    tool_fail_errno(t, rc, "cannot look for what has no name in container '%.100s'", t->args[1]);
    if (rc == EBUSY)
        err_next(&t->err, "let others close it (unmount it), or add evict to --flags, which takes "
                          "it away from them");
    return daos_errno2der(rc);
}

int cmd_fs_check(struct tool *t)
{
    struct check_found found;
    struct conn c = {0};
    uint64_t flags;
    int rc = flags_of(t, &flags);

    if (rc == 0)
        rc = conn_pool(t, &c, t->args[0], DAOS_PC_RW);
    if (rc != 0)
        return rc;
    rc = dfs_check(c.poh, t->args[1], flags, opt_text(t, "dir-name"), t->json ? NULL : t->out,
                   &found);
    if (rc == 0 && t->json)
        t->response = found_json(&found);
    rc = rc == 0 ? 0 : failed(t, rc, &found);
    conn_close(&c);
    return rc;
}
