/* fs check: files and directories that no name leads to. */
#include <errno.h>
#include <pthread.h>
#include <string.h>

#include <daos/common.h>
#include <daos_fs.h>

#include "dfs/check.h"
#include "tools/cmds.h"
#include "tools/conn.h"
#include "tools/progress.h"

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

static int interrupted(struct tool *t, const struct check_found *f)
{
    char why[ERR_PART_MAX];

    snprintf(why, sizeof(why), "it was interrupted; %llu were removed, %llu linked by then",
             (unsigned long long)f->removed, (unsigned long long)f->linked);
    t->status = EXIT_INTERRUPTED;
    return tool_fail(t, -DER_CANCELED, "run the command again: it does what is left", why,
                     "container '%.100s' is not checked to its end", t->args[1]);
}

static int failed(struct tool *t, int rc, const struct check_found *f)
{
    if (rc == ECANCELED)
        return interrupted(t, f);
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

/* The check runs on a thread, and the one that began shows how far it is. */
struct job {
    struct tool *t;
    struct conn c;
    uint64_t flags;
    struct check_found found;
    struct progress p;
    atomic_ulong done;
    atomic_bool stop;
    int rc;
};

static void show_line(void *arg, const char *text)
{
    struct job *j = arg;

    if (j->t->json)
        return;
    progress_clear(&j->p);
    fprintf(j->t->out, "%s\n", text);
}

static bool show_step(void *arg, uint64_t done, uint64_t total)
{
    struct job *j = arg;

    atomic_store(&j->done, done);
    atomic_store(&j->p.total, total);
    atomic_store(&j->p.total_known, total > 0);
    return !atomic_load(&j->stop);
}

static void *run(void *arg)
{
    struct job *j = arg;
    const struct check_watch watch = {.line = show_line, .step = show_step, .arg = j};

    j->rc =
        dfs_check(j->c.poh, j->t->args[1], j->flags, opt_text(j->t, "dir-name"), &watch, &j->found);
    progress_finish(&j->p);
    return NULL;
}

static void run_watched(struct job *j)
{
    pthread_t runner;

    j->p.done = &j->done;
    j->p.stop = &j->stop;
    if (pthread_create(&runner, NULL, run, j) == 0) {
        progress_watch(&j->p);
        pthread_join(runner, NULL);
    } else {
        run(j);
    }
    progress_end(&j->p);
}

int cmd_fs_check(struct tool *t)
{
    struct job j = {.t = t};
    int rc = flags_of(t, &j.flags);

    if (rc != 0)
        return rc;
    progress_init(&j.p, "checked", "steps", t->json ? NULL : t->errout);
    rc = conn_pool(t, &j.c, t->args[0], DAOS_PC_RW);
    if (rc == 0) {
        run_watched(&j);
        if (j.rc == 0 && t->json)
            t->response = found_json(&j.found);
        rc = j.rc == 0 ? 0 : failed(t, j.rc, &j.found);
        conn_close(&j.c);
    }
    progress_fini(&j.p);
    return rc;
}
