/*
 * Engines of this process. A directory has one engine, however many connections there are; the last
 * close ends it. The table of open engines is the one thing here that belongs to the process and
 * not to a client: two clients of one process must share the lock on the directory.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <daos_errno.h>
#include "base/assert.h"
#include "base/fail.h"
#include "base/label.h"
#include "base/list.h"
#include "base/log.h"
#include "base/size.h"
#include "client/client.h"
#include "embed/embed_int.h"
#include "engine/engine.h"
#include "rt/rt.h"

#define TCP       "tcp://"              /* before addresses of an engine elsewhere */
#define STARTS_NS UINT64_C(20000000000) /* of engines that are gone when they are asked */

struct embedded {
    struct list link;
    char path[PATH_MAX];
    struct io_dir *dir;
    struct engine *eng;
    bool readonly;
    uint32_t refs;
    pid_t pid; /* an engine does not survive fork(): its threads stay with the parent */
};

/* One connection to an engine; its peer is the client's. */
struct opened {
    struct embedded *em;   /* of this process */
    struct shared *shared; /* of another one; else NULL */
};

/* Opening and closing are rare and may block, so a plain mutex of the process serves. */
static struct {
    pthread_mutex_t lock;
    struct list open;
    bool ready;
} embed_table = {.lock = PTHREAD_MUTEX_INITIALIZER};

static struct embedded *find(const char *real)
{
    struct list *it;

    if (!embed_table.ready) {
        list_init(&embed_table.open);
        embed_table.ready = true;
    }
    LIST_FOREACH(it, &embed_table.open)
    {
        struct embedded *em = LIST_ENTRY(it, struct embedded, link);

        if (strcmp(em->path, real) == 0 && em->pid == getpid())
            return em;
    }
    return NULL;
}

int embed_mem_limit(uint64_t *bytes, struct err *e)
{
    const char *text = getenv("TARN_MEM_LIMIT");
    long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);

    *bytes = pages > 0 && page > 0 ? (uint64_t)pages / 2 * (uint64_t)page : 0;
    if (text == NULL || size_parse(text, bytes) == 0)
        return 0;
    return err_setf(e, -DER_INVAL, "give a size such as 512M or 4G, or unset the variable",
                    "TARN_MEM_LIMIT is not a size", "cannot open the pool with TARN_MEM_LIMIT=%s",
                    text);
}

static int start(const char *real, bool readonly, struct embedded **out, struct err *e)
{
    struct embedded *em = base_calloc(1, sizeof(*em));
    struct engine_conf conf = {.cpu = -1, .readonly = readonly, .spin_us = rt_default_spin_us()};
    int rc;

    if (em == NULL)
        return -DER_NOMEM;
    strcpy(em->path, real);
    em->readonly = readonly;
    em->pid = getpid();
    em->refs = 1;
    rc = embed_mem_limit(&conf.mem_limit, e);
    if (rc == 0)
        rc = io_dir_open(real, false, &em->dir, e);
    if (rc != 0)
        goto fail;
    conf.dir = em->dir;
    rc = engine_open(&conf, &em->eng, e);
    if (rc != 0) {
        io_dir_close(em->dir);
        goto fail;
    }
    list_add_tail(&embed_table.open, &em->link);
    *out = em;
    return 0;
fail:
    base_free(em);
    return rc;
}

static void stop(struct embedded *em)
{
    list_del(&em->link);
    engine_close(em->eng, true);
    io_dir_close(em->dir);
    base_free(em);
}

static int check_dir(const char *path, char real[PATH_MAX], struct err *e)
{
    int rc = embed_real_path(path, real, e);

    if (rc != 0)
        return rc;
    if (faccessat(AT_FDCWD, real, X_OK, AT_EACCESS) != 0 && errno == EACCES)
        return err_setf(e, -DER_NO_PERM,
                        "use the account that owns it, or let others enter it (chmod)",
                        "its directory may not be entered", "cannot open pool %s", path);
    if (!embed_has_pool(real))
        return err_setf(
            e, -DER_DF_INVAL, "name a pool's directory, or create one: dmg pool create ./my-pool",
            "it is not a pool: it holds no device file (target0)", "cannot open pool %s", path);
    return 0;
}

/* The engine of this process for the directory, started if there is none. */
static int open_here(struct opened *o, const char *path, const char *real,
                     enum client_open_mode mode, struct net_peer **peer, struct err *e)
{
    int rc = 0;

    pthread_mutex_lock(&embed_table.lock);
    o->em = find(real);
    if (o->em != NULL && o->em->readonly && mode == CLIENT_OPEN_RW)
        rc =
            err_setf(e, -DER_BUSY, "close the read-only connection first",
                     "this process has it open read-only", "cannot open pool %s for writing", path);
    else if (o->em != NULL)
        o->em->refs++;
    else
        rc = start(real, mode == CLIENT_OPEN_RO && access(real, W_OK) != 0, &o->em, e);
    if (rc == 0) {
        rc = net_inproc_connect(engine_service(o->em->eng), peer);
        if (rc != 0 && --o->em->refs == 0)
            stop(o->em);
    }
    pthread_mutex_unlock(&embed_table.lock);
    return rc;
}

/* ---- In another process ---- */

enum background { BACKGROUND_NO, BACKGROUND_IF_POSSIBLE, BACKGROUND_MUST };

/* What TARN_BACKGROUND says; who names a program means it to be used. */
static enum background background(void)
{
    const char *text = getenv("TARN_BACKGROUND"), *engine = getenv("TARN_ENGINE");

    if (text != NULL && strcmp(text, "0") == 0)
        return BACKGROUND_NO;
    return (text != NULL && strcmp(text, "1") == 0) || (engine != NULL && engine[0] != '\0')
               ? BACKGROUND_MUST
               : BACKGROUND_IF_POSSIBLE;
}

/* An engine for all in the background. -DER_NOTSUPPORTED: not for this process, or it did not come
 * about; why says so, and the pool may do without. Else e. */
static int start_background(const char *real, enum background how, struct err *why, struct err *e)
{
    const char *unfit;
    int rc;

    if (how == BACKGROUND_MUST)
        return embed_launch(real, e);
    unfit = how == BACKGROUND_NO                ? "TARN_BACKGROUND=0"
            : holder_of(real) == HOLDER_PROGRAM ? ""
                                                : program_unfit(real);
    if (unfit != NULL) {
        err_why(why, "%s", unfit);
        return -DER_NOTSUPPORTED;
    }
    rc = embed_launch(real, why);
    if (rc == 0)
        return 0;
    LOG_INFO("pool %s: no engine in the background: %s", real, why->why);
    return -DER_NOTSUPPORTED;
}

/* Its engine in another process, found or started. One that is ending when it is found is followed
 * by the next one. -DER_NOTSUPPORTED: as start_background(). */
static int open_there(struct client *c, struct opened *o, const char *real, struct net_peer **peer,
                      uuid_t pool, struct err *why, struct err *e)
{
    enum background how = background();
    uint64_t begun = rt_now_ns();
    int rc = 0;

    while (rt_now_ns() - begun < STARTS_NS) {
        struct err now = {0};

        if (shared_is_there(real, &now, &rc) && rc == 0)
            rc = shared_open(c, real, how != BACKGROUND_NO ? SHARED_KEPT : SHARED_DIR, &o->shared,
                             peer, pool, &now);
        if (rc == 0)
            return 0;
        /* of another version, perhaps: one that waits for clients is replaced */
        if ((rc == -DER_TIMEDOUT || rc == -DER_PROTO) && how != BACKGROUND_NO &&
            embed_end(real, false, NULL, NULL) == 0)
            rc = -DER_UNREACH;
        if (rc != -DER_UNREACH) {
            if (e != NULL)
                *e = now;
            return rc;
        }
        rc = start_background(real, how, why, e);
        if (rc != 0)
            return rc;
    }
    return err_setf(e, -DER_UNREACH, "see in the engine's log (D_LOG_FILE) why it ends",
                    "its engine ends as soon as it has been started", "cannot open pool %s", real);
}

static bool open_already(const char *real)
{
    bool yes;

    pthread_mutex_lock(&embed_table.lock);
    yes = find(real) != NULL;
    pthread_mutex_unlock(&embed_table.lock);
    return yes;
}

/* What keeps both from sharing belongs to the error of who came second. */
static void tell_why_alone(const struct err *why, struct err *e)
{
    if (e != NULL && e->rc == -DER_BUSY && why->why[0] != '\0')
        err_next(e, "close it there first, or end that process (no engine for both: %.150s)",
                 why->why);
}

static int open_dir(struct client *c, struct opened *o, const char *path, unsigned mode,
                    struct net_peer **peer, uuid_t pool, struct err *e)
{
    char real[PATH_MAX];
    struct err why = {0};
    bool mine;
    int rc = check_dir(path, real, e);

    if (rc != 0)
        return rc;
    mine = open_already(real);
    if (!mine && mode & CLIENT_OPEN_HERE)
        rc = embed_end(real, false, NULL, e); /* one that is only waiting for the next client */
    else if (!mine)
        rc = open_there(c, o, real, peer, pool, &why, e);
    if (o->shared != NULL || (rc != 0 && rc != -DER_NOTSUPPORTED))
        return rc;
    rc = open_here(o, path, real, mode & CLIENT_OPEN_RO ? CLIENT_OPEN_RO : CLIENT_OPEN_RW, peer, e);
    if (rc == 0)
        engine_pool_uuid(o->em->eng, pool);
    else
        tell_why_alone(&why, e);
    return rc;
}

int client_embed_open(struct client *c, const char *path, unsigned int mode, struct net_peer **peer,
                      uuid_t pool, void **cookie, struct err *e)
{
    struct opened *o = base_calloc(1, sizeof(*o));
    int rc;

    if (o == NULL)
        return -DER_NOMEM;
    rc = strncmp(path, TCP, strlen(TCP)) == 0
             ? shared_open(c, path + strlen(TCP), SHARED_TCP, &o->shared, peer, pool, e)
             : open_dir(c, o, path, mode, peer, pool, e);
    if (rc == 0)
        *cookie = o;
    else
        base_free(o);
    return rc;
}

void client_embed_close(void *cookie)
{
    struct opened *o = cookie;

    if (o->shared != NULL) {
        shared_close(o->shared);
        base_free(o);
        return;
    }
    if (o->em->pid != getpid()) {
        base_free(o); /* the parent's engine: its threads are not here, and its files are not ours
                         to close */
        return;
    }
    pthread_mutex_lock(&embed_table.lock);
    if (--o->em->refs == 0)
        stop(o->em);
    pthread_mutex_unlock(&embed_table.lock);
    base_free(o);
}

int client_embed_place(void *cookie, char *buf, size_t len)
{
    struct opened *o = cookie;

    return o->shared == NULL ? -DER_NOTSUPPORTED : shared_place(o->shared, buf, len);
}

/* ---- Names ---- */

struct search {
    const char *name;
    uint8_t pool[16];
    bool by_uuid;
    char path[PATH_MAX];
    unsigned found;
};

static int match(const struct registry_entry *r, void *arg)
{
    struct search *s = arg;

    if (s->by_uuid ? memcmp(r->pool, s->pool, 16) != 0 : strcmp(r->label, s->name) != 0)
        return 0;
    snprintf(s->path, sizeof(s->path), "%s", r->path);
    s->found++;
    return 0;
}

int client_embed_resolve(const char *name, char *buf, size_t len, struct err *e)
{
    struct search *s = base_calloc(1, sizeof(*s));
    int rc = 0;

    if (s == NULL)
        return -DER_NOMEM;
    s->name = name;
    s->by_uuid = uuid_text_parse(name, s->pool);
    registry_each(match, s);
    if (s->found == 0)
        rc = err_setf(e, -DER_NONEXIST,
                      "list the pools with: dmg pool list; or name the pool's directory with a "
                      "'/': ./my-pool",
                      s->by_uuid ? "no pool of yours has this UUID"
                                 : "no pool of yours has this label",
                      "cannot find pool '%.100s'", name);
    else if (strlen(s->path) >= len)
        rc = -DER_TRUNC;
    else
        strcpy(buf, s->path);
    base_free(s);
    return rc;
}
