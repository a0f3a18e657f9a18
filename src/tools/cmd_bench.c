/*
 * bench: measures a pool, and a directory beside it.
 *
 * Options are looked at before anything is made: then the directory, in which only what may be
 * written can be made, and last, when the pool is open, a container for everything else. Both are
 * gone at the end, however it ends.
 */
#include <fcntl.h>
#include <string.h>

#include "base/fail.h"
#include "tools/bench.h"
#include "tools/cmds.h"

#define OPS_DEFAULT     20000u
#define OPS_MAX         100000000u
#define SECONDS_DEFAULT 5u
#define SECONDS_MAX     3600u
#define SIZE_MAX_BYTES  (16u << 20)

const struct bench_workload *const bench_workloads[BENCH_WORKLOADS_MAX] = {
    &bench_object, &bench_kv, &bench_array, &bench_file, &bench_metadata};

/* ---- Options ---- */

static int workload_of(struct tool *t, const char *name, size_t len)
{
    char word[32], next[ERR_PART_MAX];
    const char *best = NULL;

    for (unsigned i = 0; i < BENCH_WORKLOADS_MAX; i++)
        if (strlen(bench_workloads[i]->name) == len &&
            memcmp(bench_workloads[i]->name, name, len) == 0)
            return (int)i;
    snprintf(word, sizeof(word), "%.*s", (int)MIN(len, sizeof(word) - 1), name);
    for (unsigned i = 0; i < BENCH_WORKLOADS_MAX; i++)
        suggest_offer(word, bench_workloads[i]->name, &best);
    snprintf(next, sizeof(next),
             "%s%s%sname one or more of object, kv, array, file and metadata, separated by commas",
             best != NULL ? "did you mean '" : "", best != NULL ? best : "",
             best != NULL ? "'? Otherwise " : "");
    return tool_fail(t, -DER_INVAL, next, "there is no such workload", "cannot run workload '%s'",
                     word);
}

static int choose(struct tool *t, struct bench *b)
{
    const char *at = opt_text(t, "workload");

    for (unsigned i = 0; i < BENCH_WORKLOADS_MAX; i++)
        b->chosen[i] = at == NULL;
    while (at != NULL) {
        size_t len = strcspn(at, ",");
        int i = workload_of(t, at, len);

        if (i < 0)
            return i;
        b->chosen[i] = true;
        at = at[len] == ',' ? at + len + 1 : NULL;
    }
    return 0;
}

/* A number from 1 to max. */
static int number_of(struct tool *t, const char *name, uint64_t max, uint64_t *n)
{
    char next[ERR_PART_MAX];
    int rc = opt_number(t, name, n);

    if (rc != 0 || (*n > 0 && *n <= max))
        return rc;
    snprintf(next, sizeof(next), "give a number from 1 to %llu", (unsigned long long)max);
    return tool_fail(t, -DER_INVAL, next, *n == 0 ? "that is none" : "that is more than it can do",
                     "cannot use --%s=%.40s", name, opt_text(t, name));
}

static int size_of(struct tool *t, struct bench *b)
{
    int rc = opt_size(t, "size", &b->size);

    if (rc != 0 || opt_text(t, "size") == NULL || (b->size > 0 && b->size <= SIZE_MAX_BYTES))
        return rc;
    return tool_fail(t, -DER_INVAL, "give a size from 1 to 16M", "no operation can have that size",
                     "cannot use --size=%.40s", opt_text(t, "size"));
}

static int vs_of(struct tool *t, struct bench *b)
{
    bool any = false;

    b->vs = opt_text(t, "vs");
    b->vs_cached = opt_flag(t, "vs-cached");
    if (b->vs == NULL && b->vs_cached)
        return tool_fail(t, -DER_INVAL, "name the directory with --vs=DIR",
                         "there is no directory to compare with", "cannot use --vs-cached");
    for (unsigned i = 0; i < BENCH_WORKLOADS_MAX; i++)
        any = any || (b->chosen[i] && bench_local_of(bench_workloads[i]) != NULL);
    if (b->vs == NULL || any)
        return 0;
    return tool_fail(t, -DER_INVAL, "add file or metadata to --workload, or leave out --vs",
                     "a directory can only be measured with the workloads file and metadata",
                     "cannot compare with %.150s", b->vs);
}

static int only_with_breakdown(struct tool *t)
{
    return opt_text(t, "reads") == NULL
               ? 0
               : tool_fail(t, -DER_INVAL, "say --ops, or add --breakdown",
                           "only --breakdown counts reads", "cannot use --reads=%.40s",
                           opt_text(t, "reads"));
}

static int options(struct tool *t, struct bench *b)
{
    uint64_t threads = 1;
    int rc = only_with_breakdown(t);

    b->ops = OPS_DEFAULT;
    b->seconds = SECONDS_DEFAULT;
    if (rc == 0)
        rc = choose(t, b);
    if (rc == 0)
        rc = number_of(t, "ops", OPS_MAX, &b->ops);
    if (rc == 0)
        rc = number_of(t, "seconds", SECONDS_MAX, &b->seconds);
    if (rc == 0)
        rc = number_of(t, "threads", BENCH_THREADS_MAX, &threads);
    if (rc == 0)
        rc = size_of(t, b);
    if (rc == 0)
        rc = vs_of(t, b);
    b->threads = (uint32_t)threads;
    return rc;
}

/* Options of the workloads beside --breakdown. */
static int none_with_breakdown(struct tool *t)
{
    static const char *const others[] = {"workload", "ops",       "seconds", "threads",
                                         "size",     "histogram", "vs",      "vs-cached"};

    for (size_t i = 0; i < ARRAY_LEN(others); i++)
        if (opt_text(t, others[i]) != NULL)
            return tool_fail(t, -DER_INVAL, "run the command twice, once with each",
                             "--breakdown runs no workload", "cannot use --%s with --breakdown",
                             others[i]);
    return 0;
}

/* ---- From making to removing ---- */

static uint64_t expected(const struct bench *b)
{
    uint64_t total = 0;

    for (unsigned i = 0; i < BENCH_WORKLOADS_MAX; i++)
        if (b->chosen[i])
            total += bench_ops_of(b, bench_workloads[i]);
    return total;
}

static int make(struct bench *b)
{
    int rc = b->vs != NULL ? bench_local_make(b) : 0;

    if (rc == 0)
        rc = conn_pool(b->t, &b->c, b->t->args[0], DAOS_PC_RW);
    if (rc != 0)
        return rc;
    rc = dfs_cont_create_with_label(b->c.poh, b->label, NULL, NULL, &b->coh, &b->dfs);
    b->made = rc == 0;
    return rc == 0 ? 0
                   : tool_fail_errno(b->t, rc, "cannot make a container to measure pool '%.100s'",
                                     b->t->args[0]);
}

/* Everything that make() made, however far it came. */
static int undo(struct bench *b)
{
    int rc = 0, rc2;

    if (b->dfs != NULL)
        dfs_umount(b->dfs);
    if (daos_handle_is_valid(b->coh))
        daos_cont_close(b->coh, NULL);
    if (b->made)
        rc = daos_cont_destroy(b->c.poh, b->label, 1, NULL);
    if (rc != 0)
        tool_fail_der(b->t, rc, "cannot remove container %s of pool '%.100s'", b->label,
                      b->t->args[0]);
    rc2 = bench_local_remove(b);
    return rc != 0 ? rc : rc2;
}

static int failed(struct bench *b, int rc)
{
    const struct bench_result *at = b->at;
    const char *name = at->load->name, *op = at->phase->name;

    if (rc == -DER_CANCELED) {
        b->t->status = EXIT_INTERRUPTED;
        return tool_fail(b->t, rc, "run the command again, perhaps with fewer --ops or --seconds",
                         "it was interrupted; what it had made is removed",
                         "pool '%.100s' is not measured", b->t->args[0]);
    }
    if (rc == -DER_MISMATCH)
        return tool_fail(b->t, rc, "run 'tarn check' on the pool", "it is not what was written",
                         "cannot use what the workload %s read", name);
    if (at->local)
        tool_fail_der(b->t, rc, "workload %s cannot %s in directory %.150s", name, op, b->vs);
    else
        tool_fail_der(b->t, rc, "workload %s cannot %s in pool '%.100s'", name, op, b->t->args[0]);
    if (rc == -DER_NOSPACE)
        err_next(&b->t->err, "free some space, or run the command with fewer --ops or a smaller "
                             "--size; what it had made is removed");
    return rc;
}

static int run(struct bench *b)
{
    int rc = make(b), rc2;

    for (unsigned i = 0; i < BENCH_WORKLOADS_MAX && rc == 0; i++) {
        rc = b->chosen[i] ? bench_run(b, bench_workloads[i]) : 0;
        if (rc != 0)
            failed(b, rc);
    }
    rc2 = undo(b);
    return rc != 0 ? rc : rc2;
}

int cmd_bench(struct tool *t)
{
    struct bench b = {.t = t, .vs_fd = -1};
    int rc;

    if (opt_flag(t, "breakdown")) {
        rc = none_with_breakdown(t);
        return rc != 0 ? rc : bench_breakdown(t);
    }
    rc = options(t, &b);
    if (rc != 0)
        return rc;
    b.results = base_calloc(BENCH_RESULTS_MAX, sizeof(*b.results));
    if (b.results == NULL)
        return tool_fail_der(t, -DER_NOMEM, "cannot measure pool '%.100s'", t->args[0]);
    bench_name(b.label);
    bench_watch_start(&b.watch, t, "operations", expected(&b), b.label, b.vs);
    rc = run(&b);
    bench_watch_end(&b.watch);
    if (rc == 0)
        bench_report(&b);
    conn_close(&b.c);
    base_free(b.results);
    return rc;
}
