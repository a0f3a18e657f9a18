/* check, version: commands without a group; and what inspect (cmd_inspect.c) shares with check: the
 * pool's engine is opened read-only, nothing is written, and a log that was not checkpointed is
 * replayed in memory. */
#include <limits.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "base/label.h"
#include "base/size.h"
#include "engine/engine.h"
#include "tools/cmd_engine.h"
#include "tools/cmds.h"
#include "tools/conn.h"
#include "tools/progress.h"

int engine_start(struct tool *t, const char *pool, const struct engine_conf *how,
                 struct pool_engine *p)
{
    struct engine_conf conf = *how;
    int rc = pool_dir(t, pool, p->path, sizeof(p->path));

    if (rc != 0)
        return rc;
    rc = io_dir_open(p->path, false, &p->dir, &t->err);
    if (rc == 0) {
        /* What is being written cannot be checked. On a medium that nobody can write there is no
         * lock to take. */
        struct err e = {0};

        conf.dir = p->dir;
        conf.locked = io_dir_lock(p->dir, &e) == 0;
        for (unsigned i = 0; e.rc == -DER_BUSY && i < BUSY_TRIES; i++) {
            usleep(BUSY_PAUSE_US);
            e = (struct err){0};
            conf.locked = io_dir_lock(p->dir, &e) == 0;
        }
        if (e.rc == -DER_BUSY)
            t->err = e;
        rc = e.rc == -DER_BUSY ? e.rc : engine_open(&conf, &p->eng, &t->err);
    }
    if (rc != 0 && t->err.rc == 0)
        tool_fail_der(t, rc, "cannot open pool %s", pool);
    return rc;
}

void engine_stop(struct pool_engine *p)
{
    if (p->eng != NULL)
        engine_close(p->eng, true);
    if (p->dir != NULL)
        io_dir_close(p->dir);
}

/* ---- check ---- */

#define PROBLEMS_SHOWN_MAX 200u

struct check_state {
    struct tool *t;
    struct progress p;
    atomic_ulong done;
    json_t *problems;
    uint64_t shown;
    atomic_bool stop; /* Ctrl-C */
    pthread_t watcher;
    bool watched;
};

static void check_report(void *arg, const char *text)
{
    struct check_state *st = arg;

    if (st->shown++ >= PROBLEMS_SHOWN_MAX)
        return;
    if (st->problems != NULL) {
        json_array_append_new(st->problems, json_text(text, strlen(text)));
    } else {
        progress_clear(&st->p);
        fprintf(st->t->out, "problem: %s\n", text);
    }
    if (st->shown == PROBLEMS_SHOWN_MAX && st->problems == NULL)
        fprintf(st->t->out, "... more, not shown; they are counted at the end\n");
}

static int check_progress(void *arg, uint64_t done, uint64_t total)
{
    struct check_state *st = arg;

    atomic_store(&st->done, done);
    atomic_store(&st->p.total, total);
    atomic_store(&st->p.total_known, total > 0);
    return atomic_load(&st->stop) ? -DER_CANCELED : 0;
}

static void *check_watch(void *arg)
{
    progress_watch(&((struct check_state *)arg)->p);
    return NULL;
}

static int check_verdict(struct tool *t, uint64_t problems, const char *path)
{
    char n[COUNT_TEXT_MAX], why[ERR_PART_MAX];

    if (problems == 0) {
        if (!t->json)
            fprintf(t->out, "pool %s is sound\n", path);
        return 0;
    }
    snprintf(why, sizeof(why), "%s problem%s found%s", count_text(problems, n),
             problems == 1 ? " was" : "s were", t->json ? "" : "; they are listed above");
    return tool_fail(t, -DER_CSUM,
                     "copy out what can still be read (fs copy), restore the rest from a backup, "
                     "and check the device",
                     why, "pool %s is damaged", path);
}

static int check_pool(struct tool *t)
{
    struct check_state st = {.t = t, .problems = t->json ? json_array() : NULL};
    struct engine_conf conf = {.readonly = true, .cpu = -1};
    struct pool_engine p = {0};
    uint64_t problems = 0;
    int rc;

    progress_init(&st.p, "checked", "pages and keys", t->json ? NULL : t->errout);
    st.p.done = &st.done;
    st.p.stop = &st.stop;
    rc = engine_start(t, t->args[0], &conf, &p);
    if (rc == 0) {
        st.watched = pthread_create(&st.watcher, NULL, check_watch, &st) == 0;
        rc = engine_check(p.eng, !opt_flag(t, "quick"), check_report, check_progress, &st,
                          &problems);
        progress_finish(&st.p);
        if (st.watched)
            pthread_join(st.watcher, NULL);
        progress_end(&st.p);
        if (rc == -DER_CANCELED) {
            tool_fail(t, rc, "run the command again", "it was interrupted",
                      "pool %s is not checked to its end", p.path);
            t->status = EXIT_INTERRUPTED;
        } else if (rc != 0) {
            tool_fail_der(t, rc, "cannot check pool %s to its end", p.path);
        }
    }
    if (rc == 0)
        rc = check_verdict(t, problems, p.path);
    if (t->json)
        t->response =
            json_pack("{s:I, s:o}", "problems", (json_int_t)problems, "list", st.problems);
    engine_stop(&p);
    progress_fini(&st.p);
    return rc;
}

static int version(struct tool *t)
{
    char api[32];

    snprintf(api, sizeof(api), "%d.%d.%d", DAOS_API_VERSION_MAJOR, DAOS_API_VERSION_MINOR,
             DAOS_API_VERSION_FIX);
    if (t->json)
        t->response = json_pack("{s:s, s:s, s:s}", "name", t->program, "version", TARN_VERSION,
                                "api_version", api);
    else
        fprintf(t->out, "%s (Tarn) %s, API of DAOS %s\n", t->program, TARN_VERSION, api);
    return 0;
}

static const struct command commands[] = {
    {"check",
     NULL,
     "POOL",
     1,
     1,
     check_pool,
     "verify everything a pool holds, without changing it",
     "Reads all metadata and, unless --quick, all data, and compares checksums, references and "
     "counts. Exit status 0: sound; 11:\n"
     "damaged, each problem is listed with the container, path or object and keys it is about, and "
     "what survives;\n"
     "others: it could not be checked. Refused while a process "
     "has the pool open.",
     "check ./tarn-pool\ncheck ./tarn-pool --quick --json",
     {{'q', "quick", NULL, "metadata only"}}},
    {"inspect",
     NULL,
     "POOL",
     1,
     1,
     inspect_pool,
     "show what a pool consists of",
     "Opens the pool without changing it, also one that was not closed. With an option it shows "
     "that "
     "part, record by record;\n"
     "superblocks and log also of a pool that does not open. OBJ is HIGH.LOW, or a path in a POSIX "
     "container.\n"
     "Refused while a process has the pool open.",
     "inspect ./tarn-pool\ninspect ./tarn-pool --super\ninspect ./tarn-pool --wal --from 4096 --to "
     "65536\n"
     "inspect ./tarn-pool --page 12\ninspect ./tarn-pool --tree home/docs\ninspect ./tarn-pool "
     "--object home/docs/a.txt --json",
     {{0, "super", NULL, "every superblock copy of every device, and which is good"},
      {0, "wal", NULL, "checkpoint records, log groups, each record and what it changes"},
      {0, "from", "LSN", "with --wal: groups that begin here or behind"},
      {0, "to", "LSN", "with --wal: groups that begin before"},
      {0, "page", "N", "a page of metadata: class, slots, what each begins with"},
      {0, "tree", "CONT[/OBJ]", "the tree of a container's objects, or of an object's dkeys"},
      {0, "object", "CONT/OBJ",
       "every version of every value: epoch, flags, checksum, place, bytes"},
      {0, "limit", "N", "with --tree: so many entries (200)"}}},
    {"version", NULL, "", 0, 0, version, "show the version", NULL, "version", {{0}}},
};

const struct cmd_group group_top = {NULL, NULL, NULL, commands, ARRAY_LEN(commands)};
