/*
 * tarn-sim: runs seeds. See docs/simulation.md, and --help.
 *
 * Each seed is a run of its own; jobs are processes that take every jobs-th seed. A failing run
 * leaves its world as it stood, so its process ends there: the parent has the seeds that are left
 * go on in a new one when it is told to (--keep-going).
 */
#include <getopt.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "base/assert.h"
#include "base/log.h"
#include "base/mutant.h"
#include "run.h"

#define JOBS_MAX 64u

struct options {
    uint64_t seed, seeds;
    uint32_t jobs, seconds;
    struct sim_run_conf run;
    bool quiet, hash, json, keep_going, shrink;
    uint64_t *done; /* seeds, counted by all processes; NULL: nobody looks */
};

static const char help[] =
    "usage: tarn-sim [options]\n"
    "\n"
    "Runs a simulated cluster under every fault, once for each seed. The same seed gives the same "
    "run.\n"
    "Exit status: 0 every run was good, 1 a run failed, 2 the options make no sense.\n"
    "\n"
    "  --seed N          the first seed (default 1)\n"
    "  --seeds COUNT     how many, from there on (default 1)\n"
    "  --seconds N       begin no new seed after so long\n"
    "  --jobs N          processes that share the seeds (default 1)\n"
    "  --ops N           operations of a run, at least (default 2000)\n"
    "  --workload NAME   instead of one that the seed draws; `list` shows them\n"
    "  --clients N       instead of as many as the seed draws\n"
    "  --targets N       that the pool has, instead of what the seed draws\n"
    "  --devices N       that log, metadata and data lie on, instead of as many as the seed draws\n"
    "  --faults LIST     only these kinds, with commas between; `none`; `list` shows them\n"
    "  --trace           print the story of the run: who did what, at which virtual time\n"
    "  --hash            print a line a run, with the hash of its trace\n"
    "  --keep-going      a failing run does not end it all\n"
    "  --shrink          look for the shortest run that still fails\n"
    "  --mutant NAME     with this planted defect (src/base/mutant.h; a build with "
    "-Dmutants=true)\n"
    "  --json            the last line as JSON\n"
    "  --quiet           no progress while it runs\n"
    "\n"
    "examples:\n"
    "  tarn-sim --seeds 1000 --jobs 2\n"
    "  tarn-sim --seed 4711 --trace | less\n"
    "  tarn-sim --seed 4711 --shrink\n";

/* What a worker has done, written to its parent when it ends. */
#define GAVE_UP_MAX 500u /* of so many runs one may end early */

struct tally {
    uint64_t runs, ops, turns, virtual_ns, deaths, failed, first_failed;
    uint64_t gave_up; /* runs that the oracle could not think of to their end */
};

static double seconds(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void print_line(void *arg, const char *line)
{
    puts(line);
}

static void no_log(enum log_level level, const char *line)
{
}

/* ---- Options ---- */

struct fault_name {
    const char *name, *what;
    uint32_t flag;
};
#define FAULT_ROW_(NAME, word, text) {#word, text, SIM_##NAME},
static const struct fault_name fault_names[] = {SIM_FAULTS(FAULT_ROW_)};

static int bad_option(const char *what, const char *value, const char *next)
{
    fprintf(stderr, "tarn-sim: %s '%s' %s\n", what, value, next);
    return 2;
}

static int list_faults(void)
{
    for (size_t i = 0; i < ARRAY_LEN(fault_names); i++)
        printf("%-8s %s\n", fault_names[i].name, fault_names[i].what);
    return -1;
}

static int parse_faults(const char *text, uint32_t *flags)
{
    char copy[256], *save = NULL, *word;

    if (strcmp(text, "list") == 0)
        return list_faults();
    snprintf(copy, sizeof(copy), "%s", text);
    *flags = SIM_FAULTS_NONE;
    for (word = strtok_r(copy, ",", &save); word != NULL; word = strtok_r(NULL, ",", &save)) {
        size_t i = 0;

        while (i < ARRAY_LEN(fault_names) && strcmp(fault_names[i].name, word) != 0)
            i++;
        if (i < ARRAY_LEN(fault_names))
            *flags |= fault_names[i].flag;
        else if (strcmp(word, "none") != 0)
            return bad_option("no kind of fault is called", word, "(--faults list shows them)");
    }
    return 0;
}

static int parse_workload(const char *name, const struct workload **load)
{
    if (strcmp(name, "list") == 0) {
        for (const struct workload *const *l = workloads; *l != NULL; l++)
            puts((*l)->name);
        return -1;
    }
    *load = workload_find(name);
    return *load != NULL
               ? 0
               : bad_option("no workload is called", name, "(--workload list shows them)");
}

static int parse_number(const char *name, const char *text, uint64_t max, uint64_t *out)
{
    char *end;

    *out = strtoull(text, &end, 0);
    if (*text == '\0' || *end != '\0' || *out > max)
        return bad_option(name, text, "is not a number that makes sense there");
    return 0;
}

enum opt {
    OPT_SEED = 1,
    OPT_SEEDS,
    OPT_SECONDS,
    OPT_JOBS,
    OPT_OPS,
    OPT_WORKLOAD,
    OPT_CLIENTS,
    OPT_DEVICES,
    OPT_TARGETS,
    OPT_FAULTS,
    OPT_TRACE,
    OPT_HASH,
    OPT_KEEP,
    OPT_SHRINK,
    OPT_MUTANT,
    OPT_JSON,
    OPT_QUIET,
    OPT_HELP
};

static const struct option long_options[] = {
    {"seed", required_argument, NULL, OPT_SEED},
    {"seeds", required_argument, NULL, OPT_SEEDS},
    {"seconds", required_argument, NULL, OPT_SECONDS},
    {"jobs", required_argument, NULL, OPT_JOBS},
    {"ops", required_argument, NULL, OPT_OPS},
    {"workload", required_argument, NULL, OPT_WORKLOAD},
    {"clients", required_argument, NULL, OPT_CLIENTS},
    {"devices", required_argument, NULL, OPT_DEVICES},
    {"targets", required_argument, NULL, OPT_TARGETS},
    {"faults", required_argument, NULL, OPT_FAULTS},
    {"trace", no_argument, NULL, OPT_TRACE},
    {"hash", no_argument, NULL, OPT_HASH},
    {"keep-going", no_argument, NULL, OPT_KEEP},
    {"shrink", no_argument, NULL, OPT_SHRINK},
    {"mutant", required_argument, NULL, OPT_MUTANT},
    {"json", no_argument, NULL, OPT_JSON},
    {"quiet", no_argument, NULL, OPT_QUIET},
    {"help", no_argument, NULL, OPT_HELP},
    {NULL, 0, NULL, 0},
};

/* 0, an exit status, or -1: done, all is well. */
static int one_option(int opt, const char *arg, struct options *o)
{
    uint64_t n = 0;
    int rc;

    switch (opt) {
    case OPT_SEED:
        return parse_number("--seed", arg, UINT64_MAX, &o->seed);
    case OPT_SEEDS:
        return parse_number("--seeds", arg, UINT64_MAX, &o->seeds);
    case OPT_SECONDS:
        rc = parse_number("--seconds", arg, UINT32_MAX, &n);
        o->seconds = (uint32_t)n;
        return rc;
    case OPT_JOBS:
        rc = parse_number("--jobs", arg, JOBS_MAX, &n);
        o->jobs = MAX((uint32_t)n, 1u);
        return rc;
    case OPT_OPS:
        rc = parse_number("--ops", arg, UINT32_MAX, &n);
        o->run.ops = (uint32_t)n;
        return rc;
    case OPT_CLIENTS:
        rc = parse_number("--clients", arg, SIM_CLIENTS_MAX, &n);
        o->run.clients = (uint32_t)n;
        return rc;
    case OPT_DEVICES:
        rc = parse_number("--devices", arg, SUPER_ROLE_NR, &n);
        o->run.devices = (uint32_t)n;
        return rc;
    case OPT_TARGETS:
        rc = parse_number("--targets", arg, 16, &n);
        o->run.targets = (uint32_t)n;
        return rc;
    case OPT_WORKLOAD:
        return parse_workload(arg, &o->run.load);
    case OPT_FAULTS:
        return parse_faults(arg, &o->run.faults);
    case OPT_TRACE:
        o->run.story = print_line;
        return 0;
    case OPT_HASH:
        o->hash = true;
        return 0;
    case OPT_KEEP:
        o->keep_going = true;
        return 0;
    case OPT_SHRINK:
        o->shrink = true;
        return 0;
    case OPT_MUTANT:
        if (!MUTANTS_BUILT)
            return bad_option("mutant", arg, "is not in this build (meson setup -Dmutants=true)");
        if (mutant_find(arg) == 0)
            return bad_option("no mutant is called", arg, "(src/base/mutants.def lists them)");
        mutant_set(arg);
        return 0;
    case OPT_JSON:
        o->json = true;
        return 0;
    case OPT_QUIET:
        o->quiet = true;
        return 0;
    case OPT_HELP:
        fputs(help, stdout);
        return -1;
    default:
        fputs("tarn-sim: see tarn-sim --help\n", stderr);
        return 2;
    }
}

static int parse(int argc, char **argv, struct options *o)
{
    int opt, rc;

    while ((opt = getopt_long(argc, argv, "", long_options, NULL)) != -1) {
        rc = one_option(opt, optarg, o);
        if (rc != 0)
            return rc;
    }
    if (optind < argc)
        return bad_option("nothing is done with", argv[optind], "(see --help)");
    return 0;
}

/* ---- Seeds ---- */

static void print_run(const struct options *o, uint64_t seed, const struct sim_result *r)
{
    if (!r->ok && !r->gave_up) {
        printf("seed %llu: FAILED (%u operations; tarn-sim --seed %llu --workload %s --trace tells "
               "the story)\n%s\n",
               (unsigned long long)seed, o->run.ops, (unsigned long long)seed, r->load, r->why);
        fflush(stdout);
    } else if (o->hash) {
        printf("seed %llu: trace %016llx, %s, %llu operations, %llu turns, %.3f s of virtual time, "
               "%llu deaths\n",
               (unsigned long long)seed, (unsigned long long)r->trace, r->load,
               (unsigned long long)r->ops, (unsigned long long)r->turns,
               (double)r->virtual_ns / 1e9, (unsigned long long)r->deaths);
    }
}

static void add(struct tally *t, uint64_t seed, const struct sim_result *r)
{
    t->runs++;
    t->ops += r->ops;
    t->turns += r->turns;
    t->virtual_ns += r->virtual_ns;
    t->deaths += r->deaths;
    t->gave_up += r->gave_up;
    if (!r->ok && !r->gave_up && t->failed++ == 0)
        t->first_failed = seed;
}

/* Runs every jobs-th seed from *at on until they are through, time is up, or one fails. */
static void run_seeds(const struct options *o, uint64_t *at, double end, struct tally *t)
{
    for (; *at < o->seed + o->seeds; *at += o->jobs) {
        struct sim_run_conf conf = o->run;
        struct sim_result *r = calloc(1, sizeof(*r));
        bool ok;

        if (r == NULL || (o->seconds != 0 && seconds() >= end)) {
            free(r);
            return;
        }
        conf.seed = *at;
        ok = sim_run(&conf, r);
        print_run(o, conf.seed, r);
        add(t, conf.seed, r);
        if (o->done != NULL)
            __atomic_add_fetch(o->done, 1, __ATOMIC_RELAXED);
        free(r);
        if (!ok) {
            *at += o->jobs;
            return;
        }
    }
}

struct report {
    struct tally t;
    uint64_t at;
};

/* A process runs seeds from at on; what it did comes back through the pipe. False: it crashed. */
static bool run_process(const struct options *o, uint64_t at, double end, struct report *rep)
{
    int fd[2], status = 0;
    bool got;
    pid_t pid;

    fflush(stdout);
    if (pipe(fd) != 0 || (pid = fork()) < 0) {
        perror("tarn-sim: cannot start a process");
        exit(2);
    }
    if (pid == 0) {
        struct report mine = {.at = at};
        struct options here = *o;
        ssize_t n;

        close(fd[0]);
        here.run.keep = rt_keep_create();
        run_seeds(&here, &mine.at, end, &mine.t);
        fflush(stdout);
        n = write(fd[1], &mine, sizeof(mine));
        _exit(n == (ssize_t)sizeof(mine) ? 0 : 2);
    }
    close(fd[1]);
    got = read(fd[0], rep, sizeof(*rep)) == (ssize_t)sizeof(*rep);
    close(fd[0]);
    waitpid(pid, &status, 0);
    return got && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static void merge(struct tally *to, const struct tally *t)
{
    if (t->failed != 0 && (to->failed == 0 || t->first_failed < to->first_failed))
        to->first_failed = t->first_failed;
    to->runs += t->runs;
    to->ops += t->ops;
    to->turns += t->turns;
    to->virtual_ns += t->virtual_ns;
    to->deaths += t->deaths;
    to->gave_up += t->gave_up;
    to->failed += t->failed;
}

/* One job: processes one after another, a new one after each failure. */
static void run_job(const struct options *o, uint64_t first, double end, struct tally *t)
{
    uint64_t at = first;

    while (at < o->seed + o->seeds && !(o->seconds != 0 && seconds() >= end)) {
        struct report rep = {.at = at};

        if (!run_process(o, at, end, &rep)) {
            printf("the process that ran seeds from %llu on crashed; run them one by one "
                   "(--seed N) to find which\n",
                   (unsigned long long)at);
            fflush(stdout);
            t->failed++;
            t->first_failed = at;
            return;
        }
        merge(t, &rep.t);
        if (rep.at == at || (rep.t.failed != 0 && !o->keep_going))
            return;
        at = rep.at;
    }
}

/* ---- Progress, on a terminal ---- */

static void show(const struct options *o, double began, bool last)
{
    uint64_t n = __atomic_load_n(o->done, __ATOMIC_RELAXED);
    double took = seconds() - began, rate = took > 0 ? (double)n / took : 0;

    if (last)
        fputs("\r\033[K", stderr);
    else
        fprintf(stderr, "\r%llu of %llu seeds, %.1f a second, %.0f s left\033[K",
                (unsigned long long)n, (unsigned long long)o->seeds, rate,
                rate > 0 ? (double)(o->seeds - n) / rate : 0);
}

/* A process that shows how far the others are, until it is ended. */
static pid_t watch(const struct options *o)
{
    double began = seconds();
    pid_t pid = o->done != NULL ? fork() : -1;

    while (pid == 0) {
        usleep(500000);
        show(o, began, false);
    }
    return pid;
}

static void *shared_counter(const struct options *o)
{
    void *p = MAP_FAILED;

    if (!o->quiet && !o->hash && isatty(STDERR_FILENO) && o->seeds > 1)
        p = mmap(NULL, sizeof(uint64_t), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    return p == MAP_FAILED ? NULL : p;
}

static void run_all(const struct options *o, struct tally *t)
{
    double end = seconds() + o->seconds;
    int fd[JOBS_MAX];

    if (o->run.story != NULL) { /* in this process, where a debugger finds it */
        uint64_t at = o->seed;

        run_seeds(o, &at, end, t);
        return;
    }
    for (uint32_t j = 0; j < o->jobs; j++) {
        int p[2];
        pid_t pid;

        if (pipe(p) != 0 || (pid = fork()) < 0) {
            perror("tarn-sim: cannot start a process");
            exit(2);
        }
        if (pid == 0) {
            struct tally mine = {0};
            ssize_t n;

            run_job(o, o->seed + j, end, &mine);
            n = write(p[1], &mine, sizeof(mine));
            _exit(n == (ssize_t)sizeof(mine) ? 0 : 2);
        }
        close(p[1]);
        fd[j] = p[0];
    }
    for (uint32_t j = 0; j < o->jobs; j++) {
        struct tally theirs = {.failed = 1};

        if (read(fd[j], &theirs, sizeof(theirs)) != (ssize_t)sizeof(theirs))
            theirs = (struct tally){.failed = 1};
        close(fd[j]);
        merge(t, &theirs);
        wait(NULL);
    }
}

/* ---- Shrinking ---- */

static bool still_fails(const struct options *o, uint32_t ops, uint32_t clients, uint32_t faults)
{
    struct options one = *o;
    struct tally t = {0};

    one.seeds = 1;
    one.jobs = 1;
    one.seconds = 0;
    one.run.ops = ops;
    one.run.clients = clients;
    one.run.faults = faults;
    if (freopen("/dev/null", "w", stdout) == NULL)
        return false;
    run_job(&one, one.seed, 0, &t);
    return t.failed != 0;
}

/* As still_fails, in a process of its own whose output goes nowhere. */
static bool tries(const struct options *o, uint32_t ops, uint32_t clients, uint32_t faults)
{
    int status = 0;
    pid_t pid;

    fflush(stdout);
    pid = fork();
    if (pid == 0)
        _exit(still_fails(o, ops, clients, faults) ? 1 : 0);
    waitpid(pid, &status, 0);
    return !WIFEXITED(status) || WEXITSTATUS(status) != 0;
}

/* Fewer kinds of faults, one device, fewer clients, fewer operations, as long as the seed still
 * fails; seeds nearby may fail sooner, so a few of them are tried with what is left. */
static int shrink(struct options *o)
{
    uint32_t faults = o->run.faults ? o->run.faults : SIM_FAULTS_ALL, ops = o->run.ops;
    uint32_t clients = o->run.clients, devices = o->run.devices, targets = o->run.targets;

    if (!tries(o, ops, clients, faults)) {
        printf("seed %llu does not fail: there is nothing to shrink\n",
               (unsigned long long)o->seed);
        return 0;
    }
    for (uint32_t bit = 0; bit < SIM_FAULT_KINDS; bit++) {
        uint32_t fewer = faults & ~(1u << bit);

        if (fewer != faults && tries(o, ops, clients, fewer | SIM_FAULTS_NONE))
            faults = fewer | SIM_FAULTS_NONE;
    }
    o->run.devices = 1;
    if (!tries(o, ops, clients, faults))
        o->run.devices = devices;
    for (uint32_t n = 1; n <= 2; n++) {
        o->run.targets = n;
        if (tries(o, ops, clients, faults))
            break;
        o->run.targets = targets;
    }
    for (uint32_t n = 1; n <= 2; n++) {
        if (tries(o, ops, n, faults)) {
            clients = n;
            break;
        }
    }
    for (uint32_t step = ops / 2; step > 0; step /= 2)
        while (ops > step && tries(o, ops - step, clients, faults))
            ops -= step;
    o->run.ops = ops;
    o->run.clients = clients;
    o->run.faults = faults;
    printf("still fails: tarn-sim --seed %llu --ops %u", (unsigned long long)o->seed, ops);
    if (clients != 0)
        printf(" --clients %u", clients);
    if (o->run.devices != 0)
        printf(" --devices %u", o->run.devices);
    if (o->run.targets != 0)
        printf(" --targets %u", o->run.targets);
    if (o->run.load != NULL)
        printf(" --workload %s", o->run.load->name);
    printf(" --faults none");
    for (size_t i = 0; i < ARRAY_LEN(fault_names); i++)
        if (faults & fault_names[i].flag)
            printf(",%s", fault_names[i].name);
    printf(" --trace\n");
    return 1;
}

int main(int argc, char **argv)
{
    struct options o = {.seed = 1, .seeds = 1, .jobs = 1, .run = {.ops = 2000}};
    struct tally t = {0};
    double began = seconds();
    int rc = parse(argc, argv, &o);
    pid_t watcher;

    if (rc != 0)
        return MAX(rc, 0);
    /* memory comes and goes in megabytes: what is freed is kept, and never mapped alone */
    mallopt(M_MMAP_THRESHOLD, 1 << 30);
    mallopt(M_TRIM_THRESHOLD, 1 << 30);
    mallopt(M_TOP_PAD, 16 << 20);
    log_set_sink(no_log); /* a power cut is news in every run */
    if (o.shrink)
        return shrink(&o);
    o.done = shared_counter(&o);
    watcher = watch(&o);
    run_all(&o, &t);
    if (watcher > 0) {
        kill(watcher, SIGKILL);
        waitpid(watcher, NULL, 0);
        show(&o, began, true);
    }
    /* now and then is no matter; often is an oracle that sees nothing */
    if (t.failed == 0 && t.gave_up > 1 + t.runs / GAVE_UP_MAX)
        t.failed = t.gave_up;
    if (o.json) {
        printf("{\"runs\": %llu, \"operations\": %llu, \"deaths\": %llu, \"failed\": %llu, "
               "\"first_failed\": %llu, \"gave_up\": %llu, \"operations_per_ms\": %.1f}\n",
               (unsigned long long)t.runs, (unsigned long long)t.ops, (unsigned long long)t.deaths,
               (unsigned long long)t.failed, (unsigned long long)t.first_failed,
               (unsigned long long)t.gave_up, (double)t.ops / (seconds() - began) / 1e3);
        return t.failed != 0;
    }
    printf("%llu runs, %llu operations, %llu deaths of engines, %.0f s of virtual time, %.1f "
           "operations a millisecond%s\n",
           (unsigned long long)t.runs, (unsigned long long)t.ops, (unsigned long long)t.deaths,
           (double)t.virtual_ns / 1e9, (double)t.ops / (seconds() - began) / 1e3,
           t.failed != 0 ? ": FAILED" : ", all good");
    if (t.gave_up > 0)
        printf("%llu of the runs ended early: more was possible than the oracle can think of\n",
               (unsigned long long)t.gave_up);
    return t.failed != 0;
}
