/* check, version: commands without a group; and what inspect (cmd_inspect.c) shares with check: the
 * pool's engine is opened read-only, nothing is written, and a log that was not checkpointed is
 * replayed in memory. */
#include <limits.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "base/label.h"
#include "base/size.h"
#include "embed/embed.h"
#include "engine/engine.h"
#include "rt/rt.h"
#include "tools/cmd_engine.h"
#include "tools/cmds.h"
#include "tools/conn.h"
#include "tools/progress.h"
#include "tools/settings.h"

int engine_start(struct tool *t, const char *pool, const struct engine_conf *how,
                 struct pool_engine *p)
{
    struct engine_conf conf = *how;
    int rc = pool_dir(t, pool, p->path, sizeof(p->path));

    if (rc != 0)
        return rc;
    rc = embed_end(p->path, false, NULL,
                   &t->err); /* one that waits for clients would be in the way */
    if (rc == 0)
        rc = io_dir_open(p->path, false, &p->dir, &t->err);
    if (rc == 0) {
        /* What is being written cannot be checked. On a medium that nobody can write there is no
         * lock to take. */
        struct err e = {0};

        conf.dir = p->dir;
        conf.locked = io_dir_lock(p->dir, &e) == 0;
        for (uint64_t t0 = rt_now_ns(); e.rc == -DER_BUSY && rt_now_ns() - t0 < BUSY_NS;) {
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
    bool silent;
    const char *word; /* before each line */
    pthread_t watcher;
    bool watched;
};

static void check_report(void *arg, const char *text)
{
    struct check_state *st = arg;

    if (st->silent || st->shown++ >= PROBLEMS_SHOWN_MAX)
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

static int repair_pool(struct tool *t);

/* What a check found. */
struct finds {
    uint64_t problems;
    uint64_t down; /* targets that cannot be opened; problems among the others */
};

/* Nothing else is wrong. */
static int some_down(struct tool *t, uint64_t down, const char *path)
{
    char why[ERR_PART_MAX];

    snprintf(why, sizeof(why), "%llu of its targets cannot be opened%s; the others are sound",
             (unsigned long long)down, t->json ? "" : ", see above");
    return tool_fail(t, -DER_IO,
                     "put the device of each back in its place in the pool's directory; without it "
                     "what lies there is lost: copy out the rest (fs copy)",
                     why, "pool %s is not whole", path);
}

static int check_verdict(struct tool *t, const struct finds *f, const char *path)
{
    char n[COUNT_TEXT_MAX], why[ERR_PART_MAX];
    uint64_t problems = f->problems;

    if (problems == 0) {
        if (!t->json)
            fprintf(t->out, "pool %s is sound\n", path);
        return 0;
    }
    if (problems == f->down)
        return some_down(t, f->down, path);
    snprintf(why, sizeof(why), "%s problem%s found%s", count_text(problems, n),
             problems == 1 ? " was" : "s were", t->json ? "" : "; they are listed above");
    return tool_fail(t, -DER_CSUM,
                     "copy out what can still be read (fs copy), check the device, run 'tarn check "
                     "--repair' to keep all that is sound, restore the rest from a backup",
                     why, "pool %s is damaged", path);
}

/* What a long walk over the pool shows while it runs. */
static void watch_start(struct check_state *st, struct tool *t, const char *verb)
{
    progress_init(&st->p, verb, "pages and keys", t->json ? NULL : t->errout);
    st->p.done = &st->done;
    st->p.stop = &st->stop;
    st->watched = pthread_create(&st->watcher, NULL, check_watch, st) == 0;
}

static void watch_end(struct check_state *st)
{
    progress_finish(&st->p);
    if (st->watched)
        pthread_join(st->watcher, NULL);
    progress_end(&st->p);
    progress_fini(&st->p);
}

static int check_failed(struct tool *t, int rc, const char *path)
{
    if (rc != -DER_CANCELED)
        return tool_fail_der(t, rc, "cannot check pool %s to its end", path);
    t->status = EXIT_INTERRUPTED;
    return tool_fail(t, rc, "run the command again", "it was interrupted",
                     "pool %s is not checked to its end", path);
}

/* Opens the pool for reading, checks it, closes it. */
static int check_run(struct tool *t, struct check_state *st, struct finds *f, char *path)
{
    struct engine_conf conf = {.readonly = true, .cpu = -1};
    struct pool_engine p = {0};
    struct engine_stat es;
    int rc;

    watch_start(st, t, "checked");
    rc = engine_start(t, t->args[0], &conf, &p);
    if (rc == 0)
        rc = engine_check(p.eng, !opt_flag(t, "quick"), check_report, check_progress, st,
                          &f->problems);
    if (rc == 0) {
        engine_stat(p.eng, &es);
        f->down = es.targets_down;
    }
    watch_end(st);
    if (rc != 0 && p.eng != NULL)
        check_failed(t, rc, p.path);
    snprintf(path, PATH_MAX, "%s", p.path);
    engine_stop(&p);
    return rc;
}

static int check_pool(struct tool *t)
{
    struct check_state st = {.t = t, .problems = t->json ? json_array() : NULL};
    char path[PATH_MAX] = "";
    struct finds f = {0};
    int rc;

    if (opt_flag(t, "repair") || opt_flag(t, "dry-run")) {
        json_decref(st.problems);
        return repair_pool(t);
    }
    rc = check_run(t, &st, &f, path);
    if (rc == 0)
        rc = check_verdict(t, &f, path);
    if (t->json)
        t->response = json_pack("{s:I, s:I, s:o}", "problems", (json_int_t)f.problems,
                                "targets_down", (json_int_t)f.down, "list", st.problems);
    return rc;
}

/* ---- repair ---- */

static void repair_report(void *arg, const char *text)
{
    struct check_state *st = arg;

    if (st->problems != NULL) {
        json_array_append_new(st->problems, json_text(text, strlen(text)));
    } else {
        progress_clear(&st->p);
        fprintf(st->t->out, "%s: %s\n", st->word, text);
    }
}

/* Opens the pool and repairs it, or says what that would do. */
static int repair_run(struct tool *t, struct check_state *st, bool dry, struct engine_repaired *out)
{
    struct engine_conf conf = {.readonly = dry, .repair = !dry, .cpu = -1};
    struct pool_engine p = {0};
    int rc;

    st->word = dry ? "gives up" : "left over";
    watch_start(st, t, dry ? "looked at" : "repaired");
    rc = engine_start(t, t->args[0], &conf, &p);
    if (rc == 0)
        rc = engine_repair(p.eng, dry, repair_report, check_progress, st, out);
    watch_end(st);
    if (rc == -DER_NOTSUPPORTED && out->impossible)
        tool_fail(t, -DER_CSUM,
                  "copy out what can be read (the pool still opens for reading: tarn check, tarn "
                  "inspect --object), make a new pool, restore the rest",
                  "what is lost is the pool's own map or properties, which nothing can make again",
                  "pool %s cannot be repaired", p.path);
    else if (rc == -DER_CANCELED)
        check_failed(t, rc, p.path);
    else if (rc != 0 && p.eng != NULL)
        tool_fail(t, rc,
                  "check the device and run the command again; until a repair has come to its end "
                  "the pool opens for reading only",
                  d_errdesc(rc), "the repair of pool %s did not come to its end", p.path);
    engine_stop(&p);
    return rc;
}

static void repaired_say(struct tool *t, const struct engine_repaired *r, bool dry)
{
    const char *would = dry ? "would be " : "";
    char n[COUNT_TEXT_MAX], size[SIZE_TEXT_MAX];

    if (r->down > 0)
        fprintf(t->out, "%s target%s cannot be opened and stay%s as %s\n", count_text(r->down, n),
                r->down == 1 ? "" : "s", r->down == 1 ? "s" : "",
                r->down == 1 ? "it is" : "they are");

    fprintf(t->out, "%s thing%s %sgiven up\n", count_text(r->given_up, n),
            r->given_up == 1 ? "" : "s", would);
    fprintf(t->out, "%s allocations that nothing refers to, %s, %sgiven back\n",
            count_text(r->freed, n), size_print(r->freed_bytes, size, sizeof(size)), would);
    fprintf(t->out, "%s damaged pages %sfree again\n", count_text(r->pages, n), would);
    if (r->groups > 0)
        fprintf(t->out, "%s parts of data space %smarked anew\n", count_text(r->groups, n), would);
    if (r->found > 0)
        fprintf(t->out, "%s objects whose place in a container was lost have it again\n",
                count_text(r->found, n));
    if (r->adopted > 0)
        fprintf(t->out,
                "%s containers or snapshots that the pool service had lost are known again, "
                "containers by their uuid\n",
                count_text(r->adopted, n));
}

static int repair_verdict(struct tool *t, const char *path, const struct finds *f)
{
    if (f->problems > 0 && f->problems == f->down)
        return some_down(t, f->down, path);
    if (f->problems > 0)
        return tool_fail(t, -DER_CSUM, "copy out what can still be read, and report it as a defect",
                         "the check after it found problems; 'tarn check' lists them",
                         "pool %s is not sound after its repair", path);
    if (!t->json)
        fprintf(t->out, "pool %s is sound\n", path);
    return 0;
}

static int repair_pool(struct tool *t)
{
    struct check_state quiet = {.t = t, .silent = true},
                       st = {.t = t, .problems = t->json ? json_array() : NULL};
    struct engine_repaired plan = {0}, done = {0};
    bool dry = opt_flag(t, "dry-run");
    char path[PATH_MAX] = "";
    struct finds found = {0}, left = {0};
    int rc = check_run(t, &quiet, &found, path);
    bool needed = rc == 0 && found.problems > found.down;

    if (rc == 0 && found.problems > 0 && !needed)
        left = found; /* what is not there cannot be repaired */
    if (needed)
        rc = repair_run(t, &st, true, &plan);
    if (rc == 0 && needed && !t->json)
        repaired_say(t, &plan, true);
    if (rc == 0 && needed && !dry) {
        if (!t->json)
            fprintf(t->out, "repairing\n");
        rc = repair_run(t, &st, false, &done);
        if (rc == 0 && !t->json)
            repaired_say(t, &done, false);
        if (rc == 0)
            rc = check_run(t, &quiet, &left, path);
    }
    if (t->json)
        t->response = json_pack(
            "{s:I, s:o, s:I, s:I, s:I, s:I}", "problems", (json_int_t)found.problems, "given_up",
            st.problems, "freed", (json_int_t)done.freed, "pages", (json_int_t)done.pages,
            "adopted", (json_int_t)done.adopted, "problems_left", (json_int_t)left.problems);
    if (rc != 0 || (dry && needed))
        return rc;
    return repair_verdict(t, path, &left);
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

#define SETTING_OPTION(id, key, option, kind, arg, dflt, example, least, most, help)               \
    {0, option, arg, help},

static const struct command commands[] = {
    {"check",
     NULL,
     "POOL",
     1,
     1,
     check_pool,
     "verify everything a pool holds; with --repair keep what is sound",
     "Reads all metadata and, unless --quick, all data, and compares checksums, references and "
     "counts; changes nothing. Exit status 0: sound; 11:\n"
     "damaged, each problem is listed with the container, path or object and keys it is about, and "
     "what survives;\n"
     "others: it could not be checked. Refused while a process "
     "has the pool open.\n"
     "--repair takes what cannot be read out of the pool, so that all else is consistent and can "
     "be "
     "used: it says first what is given up\n"
     "(--dry-run: only that), asks nothing, and checks again. Reading what was lost is an error "
     "from "
     "then on, never older bytes;\n"
     "writing it anew, or removing it, ends that. Cut short, it has to be run again before the "
     "pool "
     "opens for more than reading.",
     "check ./tarn-pool\ncheck ./tarn-pool --quick --json\ncheck ./tarn-pool --dry-run\ncheck "
     "./tarn-pool --repair",
     {{'q', "quick", NULL, "metadata only"},
      {0, "repair", NULL, "give up what cannot be read, make all else consistent"},
      {0, "dry-run", NULL, "say what --repair would do, change nothing"}}},
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
     "Of a pool of several targets superblocks, log and pages are those of one (--target), trees "
     "and objects those of all that have them.\n"
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
      {0, "limit", "N", "with --tree: so many entries (200)"},
      {0, "target", "N", "of this target (superblocks, log, pages: 0; trees, objects: all)"}}},
    {"engine",
     NULL,
     "[DIR]",
     0,
     1,
     cmd_engine,
     "run a pool's engine for all processes of this machine",
     "Serves the pool in DIR to whoever may use its socket (engine.sock in it). An empty or "
     "missing "
     "directory gets a pool first.\n"
     "Runs as an ordinary user. SIGTERM and SIGINT end it: what is under way is finished, the pool "
     "closed; a second one ends it at\n"
     "once, which loses nothing that was acknowledged. SIGHUP opens the log file anew. Also called "
     "daos_engine.\n"
     "Programs that name a pool by its directory start one by themselves if none runs there, which "
     "ends when it was not used\n"
     "for 30 seconds; this command is for one that stays, or listens to other machines.\n"
     "Nothing needs to be configured; what can be is an option, or a key of the file that --config "
     "names (docs/engine.md).",
     "engine ./tarn-pool\nengine ./tarn-pool --background --idle-exit=30s\nengine --end "
     "./tarn-pool\nengine --example-config\n"
     "engine --config=/etc/tarn/fast.yaml --log-level=DEBUG",
     {SETTINGS(SETTING_OPTION) ENGINE_OPTIONS}},
    {"key",
     NULL,
     "NAME [USER]",
     1,
     2,
     cmd_key,
     "make a key, which clients on other machines show an engine",
     "Prints a line with a new secret. Put it in the file that the engine was told of (--keys), "
     "and "
     "in one that only its user can read, there\n"
     "named by TARN_KEY, or at ~/.config/tarn/key. Who has it is USER of the engine's machine; "
     "without USER he is who he says: for machines\n"
     "that are trusted. NAME tells keys apart (docs/engine.md).",
     "key node7 >>/etc/tarn/keys\nkey alice-laptop alice >key",
     {{0}}},
    {"metrics",
     NULL,
     "POOL",
     1,
     1,
     cmd_metrics,
     "what clients ask of a pool's engine, and how long it takes",
     "Figures of the engine that serves POOL, since it started: connections, and for each kind of "
     "message how many came, failed, were refused,\n"
     "bytes, and times from when a request came to its answer (half of them took less than p50, 99 "
     "of 100 less than p99).",
     "metrics ./tarn-pool\nmetrics tcp://node1:10001 --json",
     {{0}}},
    {"bench",
     NULL,
     "POOL",
     1,
     1,
     cmd_bench,
     "measure a pool: objects, keys, arrays, files, metadata",
     "Runs workloads one after the other, and tells of each operation how many were made in a "
     "second and how long they took (all times on one\n"
     "scale, as a chart): object (values of a dkey each), kv (puts and gets), array and file "
     "(ranges, written in order and read at random), and\n"
     "metadata (files created, asked for, removed). Each is made --ops times, or for --seconds, "
     "whichever ends first, one after the other in\n"
     "each thread. With --vs the workloads file and metadata are run on a directory of the file "
     "system as well, in turns, and the ratios are told;\n"
     "what is written there is on the disk before the next operation, as in a pool.\n"
     "--breakdown instead reads a value of 4 KiB again and again and tells where the time of a "
     "read "
     "goes: in the client, on the way to the\n"
     "engine, in the engine and its store, and on the way back.\n"
     "Everything is made in a container (and a directory) of its own, which is removed at the end, "
     "also after Ctrl-C.",
     "bench ./tarn-pool\nbench --workload=file,metadata --vs=/dev/shm ./tarn-pool\n"
     "bench --workload=kv --size=64 --seconds=1 --histogram inproc:./tarn-pool --json\n"
     "bench --breakdown --reads=100000 ./tarn-pool",
     {{'w', "workload", "LIST", "of object, kv, array, file, metadata (default all)"},
      {'n', "ops", "N", "how many operations of each kind (default 20000)"},
      {'s', "seconds", "N", "but no longer than this for each kind (default 5)"},
      {'t', "threads", "N", "that do so at the same time (default 1, at most 16)"},
      {0, "size", "SIZE", "bytes of an operation (default 4K, kv 64; at most 16M)"},
      {0, "histogram", NULL, "show every histogram in full, too"},
      {0, "vs", "DIR", "run file and metadata on this directory as well, and compare"},
      {0, "vs-cached", NULL, "what is written in DIR may be in memory only"},
      {0, "breakdown", NULL, "where the time of one read goes"},
      {0, "reads", "N", "how many --breakdown makes (default 20000, at most 10000000)"},
      {0}}},
    {"version", NULL, "", 0, 0, version, "show the version", NULL, "version", {{0}}},
};

const struct cmd_group group_top = {NULL, NULL, NULL, commands, ARRAY_LEN(commands)};
