/*
 * engine: a pool's engine as a program of its own.
 *
 * The main thread only waits for signals and looks now and then whether anybody is still there; all
 * work is done on the engine's xstream (embed/serve.h). SIGTERM and SIGINT end it orderly; a second
 * one finds their default actions, and the engine ends as in a crash, which costs nothing that was
 * acknowledged. SIGHUP opens the log file anew. SIGURG asks an engine that a program started to
 * end if it is idle (embed_end()).
 */
#include <errno.h>
#include <grp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include <daos/common.h>

#include "base/label.h"
#include "base/log.h"
#include "base/size.h"
#include "embed/serve.h"
#include "rt/rt.h"
#include "tools/cmds.h"
#include "tools/detach.h"
#include "tools/settings.h"

#define FILES_OWN  64u /* beside those of clients */
#define NS_PER_S   UINT64_C(1000000000)
#define LOOKS      8u /* whether it is idle, in the time after which it ends */
#define LOOK_LEAST (NS_PER_S / 20)
#define LOOK_MOST  (5 * NS_PER_S)
/* whoever asks has just been looking who listens: until that has been seen to be over */
#define ASKED_LOOKS    50u
#define ASKED_PAUSE_NS UINT64_C(10000000)
#define AWAITED_NS     (5 * NS_PER_S) /* for whoever needed it, however slow */

struct daemon {
    struct tool *t;
    struct settings s;
    struct serve_conf conf;
    struct embed_pool_conf create;
    struct serve *serve;
    int detached; /* where the beginner listens until all is ready; -1 */
    struct started st;
};

/* ---- From settings to what an engine is told ---- */

static int group_of(struct daemon *d, struct err *e)
{
    const struct setting *v = &d->s.v[SET_SOCKET_GROUP];
    struct group *g;
    uint64_t gid;

    d->conf.socket_group = SERVE_ANY_GROUP;
    if (!v->known)
        return 0;
    g = getgrnam(v->text);
    if (g != NULL)
        d->conf.socket_group = g->gr_gid;
    else if (number_parse(v->text, &gid) && gid < SERVE_ANY_GROUP)
        d->conf.socket_group = (gid_t)gid;
    else
        return settings_refuse(&d->s, SET_SOCKET_GROUP, e, -DER_INVAL,
                               "this machine has no such group",
                               "name one that it has (getent group), or its number");
    return 0;
}

static const char *text_of(const struct daemon *d, enum setting_id id)
{
    return d->s.v[id].text;
}

static uint64_t number_of(const struct daemon *d, enum setting_id id)
{
    return d->s.v[id].number;
}

static int conf_make(struct daemon *d, struct err *e)
{
    const struct setting *spin = &d->s.v[SET_SPIN_US], *listen = &d->s.v[SET_LISTEN];
    const struct setting *cpus = &d->s.v[SET_CPUS];

    d->create = (struct embed_pool_conf){
        .targets = (uint32_t)number_of(d, SET_CREATE_TARGETS),
        .label = text_of(d, SET_CREATE_LABEL),
        .wal_bytes = d->s.v[SET_CREATE_WAL_SIZE].given ? number_of(d, SET_CREATE_WAL_SIZE) : 0,
        .limit_bytes = number_of(d, SET_CREATE_LIMIT),
        .wal = text_of(d, SET_CREATE_WAL),
        .meta = text_of(d, SET_CREATE_META),
        .data = text_of(d, SET_CREATE_DATA)};
    d->conf =
        (struct serve_conf){.create = &d->create,
                            .socket_mode = (mode_t)number_of(d, SET_SOCKET_MODE),
                            .listen = listen->items,
                            .listen_nr = listen->nr,
                            .cpu = -1,
                            .cpus = cpus->numbers,
                            .cpus_nr = cpus->nr,
                            .xstreams = (uint32_t)number_of(d, SET_XSTREAMS),
                            .spin_us = spin->known ? (uint32_t)spin->number : rt_shared_spin_us(),
                            .checkpoint_pct = (uint32_t)number_of(d, SET_CHECKPOINT_PCT),
                            .mem_limit = number_of(d, SET_MEM_LIMIT),
                            .clients = (uint32_t)number_of(d, SET_CLIENTS_MAX),
                            .user_clients = (uint32_t)number_of(d, SET_CLIENTS_USER_MAX),
                            .calls = (uint32_t)number_of(d, SET_CLIENTS_CALLS),
                            .call_bytes = number_of(d, SET_CLIENTS_CALL_BYTES),
                            .all_bytes = number_of(d, SET_CLIENTS_ALL_BYTES),
                            .room_bytes = number_of(d, SET_CLIENTS_ROOM)};
    return group_of(d, e);
}

/* The file first, then what the command line says. */
static int settings_take(struct daemon *d, struct err *e)
{
    const char *file = opt_text(d->t, "config");
    int rc = 0;

    settings_init(&d->s);
    if (opt_text(d->t, "check-config") != NULL)
        file = opt_text(d->t, "check-config");
    if (file != NULL)
        rc = settings_read(&d->s, file, e);
    for (int i = 0; rc == 0 && i < SETTING_NR; i++) {
        const char *text = opt_text(d->t, setting_option((enum setting_id)i));

        if (text != NULL)
            rc = settings_option(&d->s, (enum setting_id)i, text, e);
    }
    if (rc == 0 && d->t->nargs > 0)
        rc = settings_option(&d->s, SET_PATH, d->t->args[0], e);
    return rc;
}

/* The directory that names are relative to is left behind. */
static int settings_settle(struct daemon *d, struct err *e)
{
    static const enum setting_id paths[] = {SET_PATH, SET_KEYS, SET_SOCKET_PATH, SET_LOG_FILE,
                                            SET_PIDFILE};
    int rc = 0;

    if (!d->s.v[SET_PATH].known) {
        d->t->status = EXIT_USAGE;
        return err_set(e, -DER_INVAL, "cannot start an engine",
                       "no pool was named, neither as argument nor as path in a configuration",
                       "name its directory: tarn engine ./tarn-pool");
    }
    for (size_t i = 0; rc == 0 && i < ARRAY_LEN(paths); i++)
        rc = settings_absolute(&d->s, paths[i], e);
    d->conf.path = text_of(d, SET_PATH);
    d->conf.socket = text_of(d, SET_SOCKET_PATH);
    d->conf.keys = text_of(d, SET_KEYS);
    return rc;
}

/* ---- Signals and the log ---- */

static void signals_of(sigset_t *set)
{
    sigemptyset(set);
    sigaddset(set, SIGTERM);
    sigaddset(set, SIGINT);
    sigaddset(set, SIGHUP);
    sigaddset(set, SIGURG);
}

/* Threads that come later inherit it: signals are the main thread's. */
static void signals_hold(void)
{
    sigset_t set;

    signals_of(&set);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    signal(SIGPIPE, SIG_IGN); /* nobody reads the log any more: that ends no engine */
}

/* From here on a signal does what it does to any program that will not wait. */
static void signals_let_go(void)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    pthread_sigmask(SIG_UNBLOCK, &set, NULL);
}

static int log_open(struct daemon *d, struct err *e)
{
    const struct setting *level = &d->s.v[SET_LOG_LEVEL], *file = &d->s.v[SET_LOG_FILE];
    int rc;

    if (level->given)
        log_set_level((enum log_level)log_level_parse(level->text));
    else if (getenv("D_LOG_MASK") == NULL)
        log_set_level(LOG_LEVEL_INFO);
    rc = file->known ? log_set_file(file->text) : 0;
    if (rc != 0)
        return settings_refuse(
            &d->s, SET_LOG_FILE, e, rc == -EACCES || rc == -EPERM ? -DER_NO_PERM : -DER_IO,
            strerror(-rc), "name a file in a directory that exists and that you may write to");
    return 0;
}

static void log_reopen(struct daemon *d)
{
    const char *file = d->s.v[SET_LOG_FILE].known ? text_of(d, SET_LOG_FILE) : getenv("D_LOG_FILE");
    int rc = file != NULL && *file != '\0' ? log_set_file(file) : 0;

    if (rc != 0)
        LOG_WARN("cannot open the log file %s anew: %s; goes on with the old one", file,
                 strerror(-rc));
    else
        LOG_INFO("log file opened anew");
}

/* ---- Running ---- */

/* How long to sleep between looks; 0: for ever. */
static uint64_t look_ns(uint64_t idle_ns)
{
    return idle_ns == 0 ? 0 : MIN(MAX(idle_ns / LOOKS, LOOK_LEAST), LOOK_MOST);
}

/* Somebody wants the pool for himself. */
static bool makes_way(struct daemon *d)
{
    if (!opt_flag(d->t, "as-needed"))
        return false; /* somebody wanted this one */
    for (uint32_t i = 0; i < ASKED_LOOKS; i++) {
        if (serve_is_idle(d->serve, 0))
            return true;
        rt_sleep_ns(ASKED_PAUSE_NS);
    }
    return false;
}

/* It was started for somebody who has not come yet. */
static bool is_awaited(struct daemon *d, uint64_t begun_ns)
{
    struct serve_stat st;

    if (!opt_flag(d->t, "as-needed") || rt_now_ns() - begun_ns >= AWAITED_NS)
        return false;
    serve_stat(d->serve, &st);
    return st.requests == 0;
}

/* At a look. */
static bool is_over(struct daemon *d, uint64_t begun_ns, uint64_t idle_ns)
{
    char text[32];

    if (is_awaited(d, begun_ns))
        return false;
    if (serve_is_idle(d->serve, idle_ns)) {
        LOG_INFO("nobody was connected for %s", duration_print(idle_ns, text, sizeof(text)));
        return true;
    }
    if (serve_is_lost(d->serve) && serve_is_idle(d->serve, 0)) {
        LOG_INFO("the directory is gone, or the socket in it: nobody can find it any more");
        return true;
    }
    return false;
}

/* Serves until somebody says, or nobody cares. */
static void wait_for_end(struct daemon *d)
{
    uint64_t idle_ns = number_of(d, SET_IDLE_EXIT), every = look_ns(idle_ns), begun = rt_now_ns();
    struct timespec ts = {.tv_sec = (time_t)(every / NS_PER_S),
                          .tv_nsec = (long)(every % NS_PER_S)};
    sigset_t set;

    signals_of(&set);
    for (;;) {
        siginfo_t si = {0};
        int sig = every > 0 ? sigtimedwait(&set, &si, &ts) : sigwaitinfo(&set, &si);

        if (sig == SIGHUP) {
            log_reopen(d);
        } else if (sig == SIGURG) {
            if (makes_way(d)) {
                LOG_INFO("makes way for process %ld of user %ld", (long)si.si_pid, (long)si.si_uid);
                return;
            }
        } else if (sig > 0) {
            LOG_INFO("%s from process %ld of user %ld", sig == SIGTERM ? "SIGTERM" : "SIGINT",
                     (long)si.si_pid, (long)si.si_uid);
            return;
        } else if (errno == EAGAIN && is_over(d, begun, idle_ns)) {
            return;
        }
    }
}

/* A descriptor for each client; shells give a thousand. */
static void files_raise(const struct daemon *d)
{
    uint64_t want = number_of(d, SET_CLIENTS_MAX) + FILES_OWN;
    struct rlimit r;

    if (getrlimit(RLIMIT_NOFILE, &r) != 0 || r.rlim_cur >= want)
        return;
    r.rlim_cur = MIN(want, r.rlim_max);
    if (setrlimit(RLIMIT_NOFILE, &r) == 0 && r.rlim_cur < want && d->s.v[SET_CLIENTS_MAX].given)
        LOG_WARN("the limit of open files (ulimit -Hn: %llu) allows fewer clients than clients.max",
                 (unsigned long long)r.rlim_max);
}

static void started_note(struct daemon *d)
{
    d->st.pid = getpid();
    d->st.made = serve_made_pool(d->serve);
    serve_pool_uuid(d->serve, d->st.pool);
    snprintf(d->st.path, sizeof(d->st.path), "%s", serve_path(d->serve));
    snprintf(d->st.socket, sizeof(d->st.socket), "%s", serve_socket(d->serve));
}

static int start(struct daemon *d, struct err *e)
{
    const char *pidfile = text_of(d, SET_PIDFILE);
    int rc = log_open(d, e);

    files_raise(d);
    /* one that a program has started, and nobody uses, makes way for one that was wanted */
    if (rc == 0 && !opt_flag(d->t, "as-needed"))
        embed_end(d->conf.path, false, NULL, NULL);
    if (rc == 0)
        rc = serve_start(&d->conf, &d->serve, e);
    if (rc == 0 && pidfile != NULL) {
        rc = pidfile_write(pidfile, e);
        if (rc != 0)
            serve_stop(d->serve, true);
    }
    if (rc == 0)
        started_note(d);
    return rc;
}

static int run(struct daemon *d, struct err *e)
{
    const char *pidfile = text_of(d, SET_PIDFILE);
    int rc;

    signals_hold();
    rc = start(d, e);
    if (d->detached >= 0) {
        d->st.rc = rc;
        d->st.err = *e;
        if (rc != 0)
            detach_failed(d->detached, &d->st);
        detach_ready(d->detached, &d->st);
    }
    if (rc != 0)
        return rc;
    tell_manager("READY=1\nSTATUS=serves %s", serve_path(d->serve));
    wait_for_end(d);
    signals_let_go();
    tell_manager("STOPPING=1\nSTATUS=ends what is under way, closes the pool");
    serve_stop(d->serve, true);
    if (pidfile != NULL)
        unlink(pidfile);
    return 0;
}

/* In the beginner. */
static int said_by_it(struct daemon *d, struct err *e)
{
    if (d->st.rc != 0) {
        *e = d->st.err;
        return d->st.rc;
    }
    if (!d->t->json)
        fprintf(d->t->out, "engine %ld serves %s\n", (long)d->st.pid, d->st.path);
    return 0;
}

static int engine_run(struct daemon *d, struct err *e)
{
    char text[UUID_TEXT_LEN + 1];
    int rc = 0;

    d->detached = -1;
    if (opt_flag(d->t, "as-needed"))
        detach_unbind();
    if (opt_flag(d->t, "background") || opt_flag(d->t, "as-needed")) {
        rc = detach(&d->detached, &d->st, e);
        if (rc == 0 && d->detached < 0) {
            rc = said_by_it(d, e);
            goto out;
        }
    }
    if (rc == 0)
        rc = run(d, e);
out:
    if (rc == 0 && d->t->json) {
        uuid_text_print(d->st.pool, text);
        d->t->response =
            json_pack("{s:I, s:s, s:s, s:s, s:b}", "pid", (json_int_t)d->st.pid, "pool", text,
                      "path", d->st.path, "socket", d->st.socket, "created", d->st.made);
    }
    return rc;
}

/* ---- The command ---- */

static int example(struct tool *t)
{
    char *text = NULL;
    size_t len;
    FILE *f;

    if (!t->json) {
        settings_example(t->out);
        return 0;
    }
    f = open_memstream(&text, &len);
    if (f == NULL)
        return -DER_NOMEM;
    settings_example(f);
    fclose(f);
    t->response = json_text(text, len);
    free(text);
    return 0;
}

/* --end: the one that serves the directory. */
static int end_it(struct daemon *d, struct err *e)
{
    const char *path = text_of(d, SET_PATH);
    long pid;
    int rc = embed_end(path, true, &pid, e);

    if (rc != 0)
        return rc;
    if (d->t->json)
        d->t->response = pid != 0 ? json_pack("{s:I}", "ended", (json_int_t)pid) : json_object();
    else if (pid != 0)
        fprintf(d->t->out, "engine %ld of %s has ended\n", pid, path);
    else
        fprintf(d->t->out, "no engine serves %s\n", path);
    return 0;
}

int cmd_engine(struct tool *t)
{
    const char *check = opt_text(t, "check-config");
    struct daemon *d;
    int rc;

    if (opt_flag(t, "example-config"))
        return example(t);
    if (opt_flag(t, "foreground") && opt_flag(t, "background"))
        return tool_fail(t, -DER_INVAL, "give one of them",
                         "it cannot be in the foreground and in the background",
                         "cannot use --foreground with --background");
    d = calloc(1, sizeof(*d));
    if (d == NULL)
        return -DER_NOMEM;
    d->t = t;
    rc = settings_take(d, &t->err);
    if (rc == 0)
        rc = conf_make(d, &t->err);
    if (rc == 0 && check != NULL) {
        if (!t->json)
            fprintf(t->out, "%s is in order\n", check);
    } else if (rc == 0) {
        rc = settings_settle(d, &t->err);
        if (rc == 0)
            rc = opt_flag(t, "end") ? end_it(d, &t->err) : engine_run(d, &t->err);
    }
    settings_fini(&d->s);
    free(d);
    return rc;
}
