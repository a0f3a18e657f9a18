/* check, inspect, version: commands without a group. The first two open the pool's engine
 * read-only: nothing is written, and a log that was not checkpointed is replayed in memory. */
#include <limits.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "base/label.h"
#include "base/size.h"
#include "engine/engine.h"
#include "tools/cmds.h"
#include "tools/conn.h"
#include "tools/progress.h"

struct pool_engine {
    struct io_dir *dir;
    struct engine *eng;
    char path[PATH_MAX];
};

static int engine_start(struct tool *t, const char *pool, struct pool_engine *p)
{
    struct engine_conf conf = {.readonly = true, .cpu = -1};
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

static void engine_stop(struct pool_engine *p)
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
    struct pool_engine p = {0};
    uint64_t problems = 0;
    int rc;

    progress_init(&st.p, "checked", "pages and keys", t->json ? NULL : t->errout);
    st.p.done = &st.done;
    st.p.stop = &st.stop;
    rc = engine_start(t, t->args[0], &p);
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

/* ---- inspect ---- */

#define STAT_FIELDS(X)                                                                             \
    X(objects, "objects", COUNT)                                                                   \
    X(dkeys, "distribution keys", COUNT)                                                           \
    X(akeys, "attribute keys", COUNT)                                                              \
    X(values, "values", COUNT)                                                                     \
    X(value_bytes_heap, "bytes of values kept with the metadata", BYTES)                           \
    X(value_bytes_data, "bytes of values in data space", BYTES)                                    \
    X(heap_bytes, "bytes in use in the metadata heap", BYTES)                                      \
    X(meta_pages_bytes, "bytes of metadata pages", BYTES)                                          \
    X(data_total, "bytes of data space", BYTES)                                                    \
    X(data_used, "bytes of data space in use", BYTES)

static void stat_json(json_t *o, const struct engine_stat *st)
{
#define COUNT_OR_BYTES(field, text, kind)                                                          \
    json_object_set_new(o, #field, json_integer((json_int_t)st->field));
    STAT_FIELDS(COUNT_OR_BYTES)
#undef COUNT_OR_BYTES
}

static void stat_print(FILE *out, const struct engine_stat *st)
{
    char text[COUNT_TEXT_MAX];
#define PRINT_COUNT(v)           count_text((v), text)
#define PRINT_BYTES(v)           size_print((v), text, sizeof(text))
#define PRINT(field, what, kind) fprintf(out, "  %-42s %s\n", what, PRINT_##kind(st->field));
    STAT_FIELDS(PRINT)
#undef PRINT
}

static const char *const role_names[SUPER_ROLE_NR] = {"wal", "meta", "data"};

static uint64_t devices_json(const struct engine_device *d, uint32_t nr, json_t *list)
{
    uint64_t bytes = 0;

    for (uint32_t i = 0; i < nr; i++) {
        json_t *roles = json_array();

        for (uint32_t r = 0; r < SUPER_ROLE_NR; r++)
            if (d[i].roles & (1u << r))
                json_array_append_new(roles, json_string(role_names[r]));
        json_array_append_new(list, json_pack("{s:s, s:s, s:o, s:I, s:b}", "name", d[i].name,
                                              "path", d[i].path, "roles", roles, "bytes",
                                              (json_int_t)d[i].bytes, "block", d[i].fixed));
        bytes += d[i].bytes;
    }
    return bytes;
}

static void devices_print(const struct engine_device *d, uint32_t nr, FILE *out)
{
    char size[SIZE_TEXT_MAX];

    for (uint32_t i = 0; i < nr; i++) {
        const char *comma = "";

        fprintf(out, "  device %s: roles ", d[i].name);
        for (uint32_t r = 0; r < SUPER_ROLE_NR; r++) {
            if (!(d[i].roles & (1u << r)))
                continue;
            fprintf(out, "%s%s", comma, role_names[r]);
            comma = ", ";
        }
        fprintf(out, "; %s; %s\n", size_print(d[i].bytes, size, sizeof(size)), d[i].path);
    }
}

static int inspect_pool(struct tool *t)
{
    struct pool_engine p = {0};
    struct engine_stat st = {0};
    struct engine_device dev[SUPER_ROLE_NR];
    uint32_t nr;
    char text[UUID_TEXT_LEN + 1], size[SIZE_TEXT_MAX];
    uuid_t uuid;
    int rc = engine_start(t, t->args[0], &p);

    if (rc != 0)
        goto out;
    engine_stat(p.eng, &st);
    engine_pool_uuid(p.eng, uuid);
    uuid_text_print(uuid, text);
    nr = engine_devices(p.eng, dev);
    uint64_t meta = st.heap_bytes > st.value_bytes_heap ? st.heap_bytes - st.value_bytes_heap : 0;
    if (t->json) {
        json_t *list = json_array();
        uint64_t bytes = devices_json(dev, nr, list);

        t->response =
            json_pack("{s:s, s:s, s:I, s:o, s:I}", "uuid", text, "path", p.path, "device_bytes",
                      (json_int_t)bytes, "devices", list, "metadata_bytes", (json_int_t)meta);
        stat_json(t->response, &st);
    } else {
        fprintf(t->out, "pool %s in %s\n", text, p.path);
        devices_print(dev, nr, t->out);
        stat_print(t->out, &st);
        fprintf(t->out, "  %-42s %s\n", "bytes of metadata without values",
                size_print(meta, size, sizeof(size)));
        if (st.objects > 0)
            fprintf(t->out, "  %-42s %llu\n", "metadata bytes an object",
                    (unsigned long long)(meta / st.objects));
    }
out:
    engine_stop(&p);
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
     "Opens the pool without changing it, also one that was not closed.",
     "inspect ./tarn-pool",
     {{0}}},
    {"version", NULL, "", 0, 0, version, "show the version", NULL, "version", {{0}}},
};

const struct cmd_group group_top = {NULL, NULL, NULL, commands, ARRAY_LEN(commands)};
